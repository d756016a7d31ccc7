//! From what the cluster file, the provider and ~/.ssh/config say to how a node is reached.

use super::App;
use super::inventory::{Entry, Seat};
use super::jumps::Bastion;
use crate::config::ssh_config::{
    Agent, Host, Jump, Local, Proxy, Strictness, Tokens, expand, jumps,
};
use crate::config::{Address, HostKeys, Provider, Settings};
use crate::error::{Error, Result};
use crate::model::{NodeId, NodeState};
use crate::session::life::{ALIVE, HostKeyPolicy, HostKeyVerdict, Identity, PATIENCE, Route, Way};
use std::path::{Path, PathBuf};

/// The keys that ssh tries where none is named, in the order of what servers like today.
const DEFAULT_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
pub(super) const SSH_PORT: u16 = 22;
/// ServerAliveCountMax where it is not given (ssh_config(5)).
const ALIVE_COUNT: u32 = 3;
/// More jump hosts than anybody has in a row.
const HOPS_MAX: usize = 16;

/// A host, and what a cluster file says of it.
#[derive(Clone, Copy)]
struct Place<'a> {
    settings: &'a Settings,
    /// As the person names it: what ssh_config goes by.
    named: &'a str,
    cluster: &'a str,
    /// A key to try where nobody says which.
    spare_key: Option<&'a Path>,
    /// What EC2 has there.
    seat: Option<&'a Seat>,
}

/// A jump host, as it is written.
struct Hop {
    name: String,
    jump: Jump,
    /// The node of this name.
    node: Option<NodeId>,
}

impl Hop {
    fn to(jump: Jump) -> Self {
        let user = jump.user.as_ref().map(|user| format!("{user}@"));
        let port = jump.port.map(|port| format!(":{port}"));
        let name = [
            user.unwrap_or_default(),
            jump.host.clone(),
            port.unwrap_or_default(),
        ];
        Self {
            name: name.concat(),
            jump,
            node: None,
        }
    }
}

impl App {
    /// How a node is reached, as of now.
    pub(super) fn route(&mut self, id: NodeId) -> Result<Route> {
        self.route_of_node(id, None, &mut Vec::new())
    }

    /// The same, without the way there.
    pub(super) fn endpoint(&mut self, id: NodeId) -> Result<Route> {
        self.route_of_node(id, Some(Way::Direct), &mut Vec::new())
    }

    /// The same, where the way there may be known already; `trail` is what led here.
    fn route_of_node(
        &mut self,
        id: NodeId,
        way: Option<Way>,
        trail: &mut Vec<String>,
    ) -> Result<Route> {
        let entry = self.inventory.entry(id).cloned();
        let entry = entry.ok_or_else(|| Error::failed("the node is not loaded any more"))?;
        if entry.provider == Provider::Local {
            return self.route_of_local(&entry);
        }
        let cluster = self.inventory.get(id).map(|node| node.cluster.clone());
        let address;
        let named = match &entry.seat {
            Some(seat) => {
                address = instance_host(&entry.def.settings, seat)?;
                &address
            },
            None => entry.def.host(),
        };
        let place = Place {
            settings: &entry.def.settings,
            named,
            cluster: &cluster.unwrap_or_default(),
            spare_key: None,
            seat: entry.seat.as_ref(),
        };
        let mut route = self.route_to(&place, way, trail)?;
        route.starting = self.is_booting(id);
        Ok(route)
    }

    fn route_of_local(&self, entry: &Entry) -> Result<Route> {
        let (host, port) = match entry.addr {
            Some(addr) => (addr.ip().to_string(), addr.port()),
            None => return Err(Error::usage("it is not running").hint("start it first")),
        };
        let key = entry.key.clone();
        Ok(Route {
            alias: host.clone(),
            alias_port: port,
            host,
            port,
            user: entry.user.clone().unwrap_or_else(|| self.host.user()),
            way: Way::Direct,
            shell: true,
            host_keys: HostKeyPolicy::Strict,
            agent: None,
            agent_first: false,
            identities: key
                .map(|path| Identity { path, named: true })
                .into_iter()
                .collect(),
            timeout: self.settings.timeout,
            alive: Some(ALIVE),
            patience: PATIENCE,
            starting: false,
        })
    }

    /// The route of a node that has no address yet, which nobody takes.
    pub(super) fn no_route_yet(&self) -> Route {
        Route {
            host: String::new(),
            port: SSH_PORT,
            user: self.host.user(),
            alias: String::new(),
            alias_port: SSH_PORT,
            way: Way::Direct,
            shell: true,
            host_keys: HostKeyPolicy::Strict,
            identities: Vec::new(),
            agent: None,
            agent_first: false,
            timeout: self.settings.timeout,
            alive: Some(ALIVE),
            patience: PATIENCE,
            starting: true,
        }
    }

    /// How a host is reached, with what the cluster file and ~/.ssh/config say of it.
    fn route_to(
        &mut self,
        place: &Place<'_>,
        way: Option<Way>,
        trail: &mut Vec<String>,
    ) -> Result<Route> {
        let (settings, named) = (place.settings, place.named);
        let config = self.ssh_config_of(named, settings.username.as_deref());
        let host = config.host_name.clone().unwrap_or_else(|| named.to_owned());
        check_host(&host)?;
        let port = settings.port.or(config.port).unwrap_or(SSH_PORT);
        let user = settings.username.clone().or_else(|| config.user.clone());
        let user = user.unwrap_or_else(|| self.host.user());
        let instance = place.seat.and_then(|seat| seat.instance.as_ref());
        let keyfile = settings.keyfile.clone().or_else(|| {
            // That of the key pair that it was launched with.
            let key = instance?.attrs.get("key")?;
            self.key_file(&place.seat?.account, key).cloned()
        });
        let identities = match (&keyfile, &config.identity_files) {
            (Some(path), _) => vec![Identity {
                path: path.clone(),
                named: true,
            }],
            (None, Some(files)) => {
                let paths = files.iter().map(PathBuf::from);
                paths.map(|path| Identity { path, named: false }).collect()
            },
            (None, None) => {
                let spare = place.spare_key.into_iter().map(Path::to_owned);
                let spare = spare.map(|path| Identity { path, named: false });
                spare.chain(self.default_identities()).collect()
            },
        };
        let agent = match &config.identity_agent {
            Some(Agent::None) => None,
            Some(Agent::Socket(path)) => Some(PathBuf::from(path)),
            Some(Agent::Environment) | None => self.host.agent(),
        };
        let (alias, alias_port) = match (instance, &config.host_key_alias) {
            // Addresses are used again for other machines; ids never are.
            (Some(instance), _) => (instance.id.clone(), SSH_PORT),
            (None, Some(alias)) => (alias.clone(), SSH_PORT),
            (None, None) => (host.clone(), port),
        };
        let none = |files: &Option<Vec<String>>| {
            files
                .as_ref()
                .is_some_and(|files| files.iter().all(|file| file == "/dev/null"))
        };
        let host_keys = match (settings.host_keys, config.strict_host_key_checking) {
            (Some(HostKeys::Cloud), _) if instance.is_some() => HostKeyPolicy::Strict,
            (Some(HostKeys::Strict), _) | (None, Some(Strictness::Yes)) => HostKeyPolicy::Strict,
            (Some(HostKeys::Off), _) => HostKeyPolicy::Off,
            // The usual way to say "do not check" to ssh.
            (None, Some(Strictness::Off)) if none(&config.user_known_hosts) => HostKeyPolicy::Off,
            _ => HostKeyPolicy::AcceptNew,
        };
        for file in config
            .user_known_hosts
            .iter()
            .chain(&config.global_known_hosts)
            .flatten()
        {
            self.load_known_hosts(file);
        }
        let (alive, patience) = match config.server_alive_interval {
            None => (Some(ALIVE), PATIENCE),
            Some(every) if every.is_zero() => (None, PATIENCE),
            Some(every) => {
                let count = config.server_alive_count_max.unwrap_or(ALIVE_COUNT).max(1);
                (Some(every), every.saturating_mul(count))
            },
        };
        let way = match way {
            Some(way) => way,
            None => self.way(place, &config, (&host, port, &user), trail)?,
        };
        Ok(Route {
            alias,
            alias_port,
            host,
            port,
            user,
            way,
            shell: true,
            host_keys,
            agent,
            agent_first: keyfile.is_none() && config.identities_only != Some(true),
            identities,
            timeout: config
                .connect_timeout
                .filter(|t| !t.is_zero() && *t < self.settings.timeout)
                .unwrap_or(self.settings.timeout),
            alive,
            patience,
            starting: false,
        })
    }

    fn ssh_config_of(&mut self, host: &str, user: Option<&str>) -> Host {
        let (name, home) = (self.host.user(), self.host.home().unwrap_or_default());
        let (hostname, uid) = (self.host.hostname(), self.host.uid());
        let env = |name: &str| self.host.env(name);
        let home = home.to_string_lossy();
        let local = Local {
            user: &name,
            uid,
            home: &home,
            host: &hostname,
            env: &env,
        };
        let found = self.setup.ssh_config.lookup(host, user, &local);
        for (keyword, place) in &found.ignored {
            if self.told_keywords.insert(keyword.clone()) {
                self.notice(&format!(
                    "{place}: {keyword} is not supported, and has no effect"
                ));
            }
        }
        for warning in &found.warnings {
            let text = warning.to_string();
            if self.told_keywords.insert(text.clone()) {
                self.notice(&text);
            }
        }
        found
    }

    /// What carries the connection: what the file says, else what ssh_config says.
    fn way(
        &mut self,
        place: &Place<'_>,
        config: &Host,
        (host, port, user): (&str, u16, &str),
        trail: &mut Vec<String>,
    ) -> Result<Way> {
        let settings = place.settings;
        let command = match (&settings.proxy_command, &settings.jump, &config.proxy) {
            (Some(command), _, _) | (None, None, Some(Proxy::Command(command))) => command,
            (None, Some(jump), _) => {
                let hops = jumps(jump).map_err(Error::usage)?;
                let hops = jump.split(',').zip(hops);
                let hops = hops.map(|(text, jump)| Hop {
                    node: self.node_named(text.trim(), place.cluster),
                    name: text.trim().to_owned(),
                    jump,
                });
                let hops: Vec<Hop> = hops.collect();
                return self.through(place, &hops, trail);
            },
            (None, None, Some(Proxy::Jump(hops))) => {
                // `Host *` with a ProxyJump means its jump host, too: nothing leads through itself.
                let hops = hops.iter().take_while(|hop| hop.host != place.named);
                let hops: Vec<Hop> = hops.map(|jump| Hop::to(jump.clone())).collect();
                return self.through(place, &hops, trail);
            },
            (None, None, Some(Proxy::Direct) | None) => return Ok(Way::Direct),
        };
        let name = self.host.user();
        let home = self.host.home().unwrap_or_default();
        let home = home.to_string_lossy();
        let hostname = self.host.hostname();
        let env = |name: &str| self.host.env(name);
        let local = Local {
            user: &name,
            uid: self.host.uid(),
            home: &home,
            host: &hostname,
            env: &env,
        };
        let tokens = Tokens {
            host,
            original: place.named,
            key_alias: config.host_key_alias.as_deref(),
            port,
            user,
            jump: "",
            local: &local,
        };
        expand(command, &tokens).map(Way::Command)
    }

    /// The way through these jump hosts. The first is reached as its own configuration says, each
    /// other one through the one before.
    fn through(&mut self, place: &Place<'_>, hops: &[Hop], trail: &mut Vec<String>) -> Result<Way> {
        let mut way = None;
        for hop in hops {
            if trail.contains(&hop.name) || trail.len() >= HOPS_MAX {
                let shown = trail.join(", ");
                let text = format!("jump hosts lead in a circle: {shown}, {}", hop.name);
                return Err(Error::usage(text));
            }
            trail.push(hop.name.clone());
            let mut pinned = None;
            let mut route = if let Some(id) = hop.node {
                pinned = self
                    .inventory
                    .entry(id)
                    .and_then(|entry| entry.host_key.clone());
                let route = self.route_of_node(id, way.take(), trail);
                route.map_err(|error| {
                    let text = format!("the jump host {}: {error}", hop.name);
                    Error::new(error.kind(), text)
                })?
            } else {
                // Who checks strictly does so on the whole way. `off` is for the hosts of the file.
                let strict = place.settings.host_keys;
                let settings = Settings {
                    username: hop.jump.user.clone(),
                    port: hop.jump.port,
                    host_keys: strict.filter(|policy| *policy == HostKeys::Strict),
                    ..Settings::default()
                };
                let hop = Place {
                    settings: &settings,
                    named: &hop.jump.host,
                    cluster: place.cluster,
                    // Often one key opens all; it costs nothing to show it.
                    spare_key: place.settings.keyfile.as_deref().or(place.spare_key),
                    seat: None,
                };
                self.route_to(&hop, way.take(), trail)?
            };
            trail.pop();
            route.shell = false;
            let (name, node) = (hop.name.clone(), hop.node);
            let bastion = Bastion { name, pinned, node };
            way = Some(Way::Jump(self.bastion(route, bastion)));
        }
        Ok(way.unwrap_or(Way::Direct))
    }

    /// A node of this name, of this cluster first.
    fn node_named(&self, name: &str, cluster: &str) -> Option<NodeId> {
        let mut named = self
            .inventory
            .nodes()
            .iter()
            .filter(|node| node.name == name);
        let here = named.clone().find(|node| node.cluster == cluster);
        here.or_else(|| named.next()).map(|node| node.id)
    }

    fn default_identities(&self) -> Vec<Identity> {
        let Some(home) = self.host.home() else {
            return Vec::new();
        };
        let paths = DEFAULT_KEYS.map(|name| home.join(".ssh").join(name));
        let there = paths.into_iter().filter(|path| self.host.exists(path));
        there.map(|path| Identity { path, named: false }).collect()
    }

    /// Known hosts that a configuration names; each file is read once.
    fn load_known_hosts(&mut self, file: &str) {
        if self.told_keywords.insert(format!("known hosts {file}"))
            && let Ok(text) = self.host.read_text(Path::new(file))
        {
            self.known_hosts.load(file, &text);
        }
    }

    /// What is known of the key that a node presented.
    pub fn host_key_verdict(&mut self, id: NodeId, hash: &[u8; 32]) -> HostKeyVerdict {
        // A provider that made the node knows its key.
        let made = self.inventory.entry(id);
        let made = made.and_then(|entry| entry.host_key.as_ref());
        let bastion = self.fleet.bastions.get(id);
        let node = bastion.and_then(|bastion| bastion.node).unwrap_or(id);
        if let Some(pinned) = made.or_else(|| bastion?.pinned.as_ref()) {
            return if *pinned == crate::session::known_hosts::fingerprint(hash) {
                HostKeyVerdict::Known
            } else {
                HostKeyVerdict::Changed(vec![format!("{pinned} (of its provider)")])
            };
        }
        let Some(run) = self.fleet.get_mut(id) else {
            return HostKeyVerdict::New;
        };
        run.presented = Some(*hash);
        let route = run.life.route();
        let known = self
            .known_hosts
            .verdict(&route.alias, route.alias_port, hash);
        self.console_verdict(node, hash, known)
    }
}

/// Where an instance is reached.
fn instance_host(settings: &Settings, seat: &Seat) -> Result<String> {
    if !seat.rivals.is_empty() {
        let ids = seat.rivals.join(" and ");
        return Err(Error::failed(format!("{ids} claim to be it")));
    }
    let running = seat.instance.as_ref();
    let Some(instance) = running.filter(|one| one.state == NodeState::Running) else {
        return Err(Error::usage("it is not running").hint("start it first"));
    };
    if let Some(host) = &settings.host {
        return Ok(host.clone());
    }
    super::clouds::address(settings, instance).ok_or_else(|| {
        let (kind, hint) = match settings.address.unwrap_or_default() {
            Address::Public => ("public ", "address=private, or auto, takes the other"),
            Address::Private => ("private ", "address=public, or auto, takes the other"),
            Address::Auto => ("", "look at it with show -vv"),
        };
        Error::failed(format!("it has no {kind}address")).hint(hint)
    })
}

/// A host name goes into command lines and files: it is a name, an address, or refused.
fn check_host(host: &str) -> Result<()> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || host.starts_with('-') || !host.chars().all(fine) {
        let shown = crate::model::nearest::shown(host);
        return Err(Error::usage(format!("{shown} is no host name")));
    }
    Ok(())
}
