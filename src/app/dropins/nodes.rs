//! The nodes that a drop-in command is given, as JSON. dust-commands(7) says what is in it.

use super::super::App;
use crate::config::Provider;
use crate::model::{NodeId, Outcome};
use crate::target::{Last, exact};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Raised when something is taken away or means something else.
const VERSION: u32 = 1;

impl App {
    /// These nodes, for the drop-in of this name.
    pub(super) fn nodes_for(&self, command: &str, target: Option<&str>, ids: &[NodeId]) -> String {
        let clusters = self.inventory.clusters().iter().map(|cluster| {
            let file = self.sources.get(&cluster.name);
            json!({
                "name": cluster.name,
                "provider": provider_name(cluster.provider),
                "file": file.map(|(path, _)| path.display().to_string()),
                "region": cluster.settings.region,
                "profile": cluster.settings.profile,
                "endpoint": cluster.settings.endpoint,
            })
        });
        let nodes = ids.iter().filter_map(|id| self.node_for(*id));
        let value = json!({
            "version": VERSION,
            "command": command,
            "target": target,
            "clusters": clusters.collect::<Vec<_>>(),
            "nodes": nodes.collect::<Vec<_>>(),
        });
        format!("{value}\n")
    }

    /// Their names, one a line, as targets and `^FILE` take them: of names that several nodes have, each
    /// with what tells it from the others.
    pub(super) fn names_for(&self, ids: &[NodeId]) -> String {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for node in self.inventory.nodes() {
            *seen.entry(&node.name).or_default() += 1;
        }
        let nodes = ids.iter().filter_map(|id| self.inventory.get(*id));
        let names = nodes.map(|node| match seen.get(node.name.as_str()) {
            Some(2..) => exact(node) + "\n",
            _ => format!("{}\n", node.name),
        });
        names.collect()
    }

    fn node_for(&self, id: NodeId) -> Option<Value> {
        let node = self.inventory.get(id)?;
        let entry = self.inventory.entry(id)?;
        let settings = &entry.def.settings;
        let at = entry.addr;
        let host = match entry.provider {
            Provider::Ssh => Some(entry.def.host().to_owned()),
            Provider::Local => at.map(|at| at.ip().to_string()),
            Provider::Ec2 => settings
                .host
                .clone()
                .or_else(|| node.attrs.get("ip").cloned()),
        };
        let mut addresses: Vec<&str> = Vec::new();
        for key in ["ip", "private_ip", "public_ip"] {
            if let Some(address) = node.attrs.get(key)
                && !addresses.contains(&address.as_str())
            {
                addresses.push(address);
            }
        }
        let (rank, size) = self.rank(id);
        let status = match self.last_of(id) {
            Some(Last::Done(Outcome::Exit(code))) => json!(code),
            Some(Last::Done(outcome)) => json!(outcome.code()),
            Some(Last::Pending) | None => Value::Null,
        };
        Some(json!({
            "target": exact(node),
            "name": node.name,
            "cluster": node.cluster,
            "index": node.index,
            "rank": rank,
            "size": size,
            "provider": provider_name(entry.provider),
            "state": node.state.as_str(),
            "host": host,
            "addresses": addresses,
            "port": at.map(|at| at.port()).or(settings.port),
            "user": entry.user.as_ref().or(settings.username.as_ref()),
            "keyfile": entry.key.as_ref().or(settings.keyfile.as_ref()).map(|path| path.display().to_string()),
            "jump": settings.jump,
            "status": status,
            "attributes": node.attrs,
            "tags": node.tags,
        }))
    }
}

fn provider_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Ec2 => "ec2",
        Provider::Ssh => "ssh",
        Provider::Local => "local",
    }
}
