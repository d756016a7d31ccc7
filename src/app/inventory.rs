//! The loaded clusters and their nodes.

use crate::config::{ClusterDef, NodeDef, Provider};
use crate::model::{Node, NodeId, NodeState, ranges};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What is known of a node besides what targets select by.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) def: NodeDef,
    pub(super) provider: Provider,
    pub(super) colour: usize,
    /// Where its provider says that it listens; `None`: the file says it.
    pub(super) addr: Option<SocketAddr>,
    pub(super) user: Option<String>,
    pub(super) host_key: Option<String>,
    pub(super) key: Option<PathBuf>,
}

/// The loaded clusters.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    clusters: Vec<ClusterDef>,
    nodes: Vec<Node>,
    entries: HashMap<NodeId, Entry>,
    places: HashMap<NodeId, usize>,
    working: Vec<NodeId>,
    next_id: u32,
}

impl Inventory {
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn working(&self) -> &[NodeId] {
        &self.working
    }

    pub(super) fn set_working(&mut self, ids: Vec<NodeId>) {
        self.working = ids;
    }

    pub(super) fn all(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(*self.places.get(&id)?)
    }

    pub(super) fn entry(&self, id: NodeId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn clusters(&self) -> &[ClusterDef] {
        &self.clusters
    }

    pub(super) fn find(&self, cluster: &str, name: &str) -> Option<NodeId> {
        let node = self
            .nodes
            .iter()
            .find(|node| node.cluster == cluster && node.name == name)?;
        Some(node.id)
    }

    /// Takes a cluster in; a loaded one of the same name is replaced, and its nodes are returned.
    pub(super) fn add(&mut self, cluster: ClusterDef) -> Vec<NodeId> {
        let gone: Vec<NodeId> = self
            .nodes
            .iter()
            .filter(|node| node.cluster == cluster.name)
            .map(|node| node.id)
            .collect();
        self.clusters.retain(|other| other.name != cluster.name);
        self.nodes.retain(|node| node.cluster != cluster.name);
        for id in &gone {
            self.entries.remove(id);
        }
        for def in &cluster.nodes {
            self.next_id += 1;
            let id = NodeId(self.next_id);
            let state = match cluster.provider {
                Provider::Ssh => NodeState::Running,
                Provider::Local | Provider::Ec2 => NodeState::Absent,
            };
            let colour = usize::try_from(self.next_id).unwrap_or(0) - 1;
            self.nodes.push(Node {
                id,
                index: 0,
                name: def.name.clone(),
                cluster: cluster.name.clone(),
                state,
                attrs: attributes(def),
                tags: def.settings.tags.clone(),
                aside: false,
            });
            self.entries.insert(
                id,
                Entry {
                    def: def.clone(),
                    provider: cluster.provider,
                    colour,
                    addr: None,
                    user: None,
                    host_key: None,
                    key: None,
                },
            );
        }
        self.clusters.push(cluster);
        self.nodes.sort_by(|a, b| {
            let names = || ranges::natural_cmp(&a.name, &b.name);
            ranges::natural_cmp(&a.cluster, &b.cluster).then_with(names)
        });
        self.renumber();
        self.working = self.all();
        gone
    }

    /// The nodes that their provider has told about are as it says.
    pub(super) fn update(&mut self, id: NodeId, change: impl FnOnce(&mut Node, &mut Entry)) {
        if let Some(node) = self
            .places
            .get(&id)
            .and_then(|place| self.nodes.get_mut(*place))
            && let Some(entry) = self.entries.get_mut(&id)
        {
            change(node, entry);
        }
    }

    fn renumber(&mut self) {
        self.places.clear();
        for (place, node) in self.nodes.iter_mut().enumerate() {
            node.index = u32::try_from(place + 1).unwrap_or(u32::MAX);
            self.places.insert(node.id, place);
        }
    }
}

/// What `show -vv` prints of a node, as far as its file says it.
fn attributes(def: &NodeDef) -> BTreeMap<String, String> {
    let settings = &def.settings;
    let mut attrs = BTreeMap::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            attrs.insert(key.to_owned(), value);
        }
    };
    put("host", Some(def.host().to_owned()));
    put("username", settings.username.clone());
    put("port", settings.port.map(|port| port.to_string()));
    put(
        "keyfile",
        settings
            .keyfile
            .as_ref()
            .map(|path| path.display().to_string()),
    );
    put("instance_type", settings.instance_type.clone());
    put("image", settings.image.clone());
    put("zone", settings.zone.clone());
    put("jump", settings.jump.clone());
    attrs
}
