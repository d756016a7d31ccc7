//! From what the cluster file, the provider and ~/.ssh/config say to how a node is reached.

use super::App;
use crate::config::ssh_config::{Agent, Host, Jump, Local, Proxy, Strictness, Tokens, expand};
use crate::config::{HostKeys, Provider};
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::session::life::{ALIVE, HostKeyPolicy, HostKeyVerdict, Identity, PATIENCE, Route};
use std::path::{Path, PathBuf};

/// The keys that ssh tries where none is named, in the order of what servers like today.
const DEFAULT_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
const SSH_PORT: u16 = 22;
/// ServerAliveCountMax where it is not given (ssh_config(5)).
const ALIVE_COUNT: u32 = 3;

impl App {
    /// How a node is reached, as of now.
    pub(super) fn route(&mut self, id: NodeId) -> Result<Route> {
        let entry = self.inventory.entry(id).cloned();
        let entry = entry.ok_or_else(|| Error::failed("the node is not loaded any more"))?;
        if entry.provider == Provider::Local {
            let (host, port) = match entry.addr {
                Some(addr) => (addr.ip().to_string(), addr.port()),
                None => return Err(Error::usage("it is not running").hint("start it first")),
            };
            let key = entry.key.clone();
            return Ok(Route {
                alias: host.clone(),
                alias_port: port,
                host,
                port,
                user: entry.user.unwrap_or_else(|| self.host.user()),
                proxy_command: None,
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
            });
        }
        let settings = &entry.def.settings;
        let named = entry.def.host().to_owned();
        let config = self.ssh_config_of(&named, settings.username.as_deref());
        let host = config.host_name.clone().unwrap_or_else(|| named.clone());
        check_host(&host)?;
        let port = settings.port.or(config.port).unwrap_or(SSH_PORT);
        let user = settings.username.clone().or_else(|| config.user.clone());
        let user = user.unwrap_or_else(|| self.host.user());
        let identities = match (&settings.keyfile, &config.identity_files) {
            (Some(path), _) => vec![Identity {
                path: path.clone(),
                named: true,
            }],
            (None, Some(files)) => {
                let paths = files.iter().map(PathBuf::from);
                paths.map(|path| Identity { path, named: false }).collect()
            },
            (None, None) => self.default_identities(),
        };
        let agent = match &config.identity_agent {
            Some(Agent::None) => None,
            Some(Agent::Socket(path)) => Some(PathBuf::from(path)),
            Some(Agent::Environment) | None => self.host.agent(),
        };
        let (alias, alias_port) = match &config.host_key_alias {
            Some(alias) => (alias.clone(), SSH_PORT),
            None => (host.clone(), port),
        };
        let none = |files: &Option<Vec<String>>| {
            files
                .as_ref()
                .is_some_and(|files| files.iter().all(|file| file == "/dev/null"))
        };
        let host_keys = match (settings.host_keys, config.strict_host_key_checking) {
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
        let proxy = self.proxy_command(&entry.def.settings, &config, &named, &host, port, &user)?;
        Ok(Route {
            alias,
            alias_port,
            host,
            port,
            user,
            proxy_command: proxy,
            host_keys,
            agent,
            agent_first: settings.keyfile.is_none() && config.identities_only != Some(true),
            identities,
            timeout: config
                .connect_timeout
                .filter(|t| !t.is_zero() && *t < self.settings.timeout)
                .unwrap_or(self.settings.timeout),
            alive,
            patience,
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

    /// The command to connect through: the file's own, or `ssh -W` by way of the jump hosts.
    fn proxy_command(
        &self,
        settings: &crate::config::Settings,
        config: &Host,
        named: &str,
        host: &str,
        port: u16,
        user: &str,
    ) -> Result<Option<String>> {
        let off = |text: &Option<String>| text.as_deref() == Some("none");
        if off(&settings.jump) || off(&settings.proxy_command) {
            return Ok(None);
        }
        let command =
            settings
                .proxy_command
                .clone()
                .or_else(|| match (&settings.jump, &config.proxy) {
                    (None, Some(Proxy::Command(command))) => Some(command.clone()),
                    _ => None,
                });
        if let Some(command) = command {
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
                original: named,
                key_alias: config.host_key_alias.as_deref(),
                port,
                user,
                jump: "",
                local: &local,
            };
            return expand(&command, &tokens).map(Some);
        }
        let hops = match (&settings.jump, &config.proxy) {
            (Some(jump), _) => jump
                .split(',')
                .map(|hop| self.jump(hop.trim()))
                .collect::<Result<Vec<_>>>()?,
            (None, Some(Proxy::Jump(hops))) => hops.iter().map(|hop| (hop.clone(), None)).collect(),
            _ => return Ok(None),
        };
        jump_command(&hops, host, port).map(Some)
    }

    /// A jump host: a node of the loaded clusters, or `[user@]host[:port]`.
    fn jump(&self, text: &str) -> Result<(Jump, Option<PathBuf>)> {
        if let Some(node) = self.inventory.nodes().iter().find(|node| node.name == text)
            && let Some(entry) = self.inventory.entry(node.id)
        {
            let settings = &entry.def.settings;
            let jump = Jump {
                user: settings.username.clone(),
                host: entry.def.host().to_owned(),
                port: settings.port,
            };
            return Ok((jump, settings.keyfile.clone()));
        }
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                let port = port.parse();
                let port = port.map_err(|_| Error::usage(format!("jump={text}: bad port")))?;
                (host, Some(port))
            },
            _ => (rest, None),
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Ok((Jump { user, host, port }, None))
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
        if let Some(pinned) = self
            .inventory
            .entry(id)
            .and_then(|entry| entry.host_key.as_ref())
        {
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
        self.known_hosts
            .verdict(&route.alias, route.alias_port, hash)
    }
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

/// `ssh -W` through one or more hops.
fn jump_command(hops: &[(Jump, Option<PathBuf>)], host: &str, port: u16) -> Result<String> {
    let Some(((last, key), before)) = hops.split_last() else {
        return Err(Error::usage("jump= names no host"));
    };
    let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut words = vec!["ssh".to_owned(), "-oBatchMode=yes".to_owned()];
    if !before.is_empty() {
        let way: Vec<String> = before
            .iter()
            .map(|(hop, _)| {
                let user = hop
                    .user
                    .as_ref()
                    .map(|user| format!("{user}@"))
                    .unwrap_or_default();
                let port = hop.port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("{user}{}{port}", hop.host)
            })
            .collect();
        words.extend(["-J".to_owned(), quote(&way.join(","))]);
    }
    if let Some(key) = key {
        words.extend(["-i".to_owned(), quote(&key.to_string_lossy())]);
    }
    if let Some(user) = &last.user {
        words.extend(["-l".to_owned(), quote(user)]);
    }
    if let Some(port) = last.port {
        words.extend(["-p".to_owned(), port.to_string()]);
    }
    for (hop, _) in hops {
        check_host(&hop.host)?;
    }
    words.extend([
        "-W".to_owned(),
        quote(&format!("[{host}]:{port}")),
        "--".to_owned(),
        quote(&last.host),
    ]);
    Ok(words.join(" "))
}
