//! From what the cluster file, the provider and ~/.ssh/config say to how a node is reached.

use super::App;
use crate::config::HostKeys;
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::session::life::{HostKeyPolicy, HostKeyVerdict, Identity, Route};
use std::path::PathBuf;

/// The keys that ssh tries where none is named, in the order of what servers like today.
const DEFAULT_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

impl App {
    pub(super) fn route(&self, id: NodeId) -> Result<Route> {
        let entry = self.inventory.entry(id);
        let entry = entry.ok_or_else(|| Error::failed("the node is not loaded any more"))?;
        let settings = &entry.def.settings;
        let user = settings
            .username
            .clone()
            .or_else(|| entry.user.clone())
            .unwrap_or_else(|| self.host.user());
        let named = settings.keyfile.clone().or_else(|| entry.key.clone());
        let identities = match named {
            Some(path) => vec![Identity { path, named: true }],
            None => self.default_identities(),
        };
        let (host, port) = match entry.addr {
            Some(addr) => (addr.ip().to_string(), addr.port()),
            None => (entry.def.host().to_owned(), settings.port.unwrap_or(22)),
        };
        Ok(Route {
            alias: host.clone(),
            host,
            port,
            user,
            proxy_command: None,
            host_keys: match settings.host_keys.unwrap_or_default() {
                HostKeys::Cloud | HostKeys::AcceptNew => HostKeyPolicy::AcceptNew,
                HostKeys::Strict => HostKeyPolicy::Strict,
                HostKeys::Off => HostKeyPolicy::Off,
            },
            agent: self.host.agent(),
            agent_first: settings.keyfile.is_none() && entry.key.is_none(),
            identities,
            timeout: self.settings.timeout,
        })
    }

    fn default_identities(&self) -> Vec<Identity> {
        let Some(home) = self.host.home() else {
            return Vec::new();
        };
        let paths = DEFAULT_KEYS.map(|name| home.join(".ssh").join(name));
        let there = paths
            .into_iter()
            .filter(|path: &PathBuf| self.host.exists(path));
        there.map(|path| Identity { path, named: false }).collect()
    }

    /// What is known of the key that a node presented.
    pub fn host_key_verdict(&mut self, id: NodeId, hash: &[u8; 32]) -> HostKeyVerdict {
        let Some(run) = self.fleet.get(id) else {
            return HostKeyVerdict::New;
        };
        let route = run.life.route();
        self.known_hosts.verdict(&route.alias, route.port, hash)
    }
}
