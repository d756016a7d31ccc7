//! The loaded clusters and their nodes.

use crate::cloud::{Account, Instance};
use crate::config::{ClusterDef, NodeDef, Provider, Settings};
use crate::model::{Node, NodeId, NodeState, ranges};
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// Its side in EC2; `None` for other providers.
    pub(super) seat: Option<Seat>,
}

/// What EC2 has for a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Seat {
    /// Where to ask about it.
    pub(super) account: Account,
    /// What it is.
    pub(super) instance: Option<Instance>,
    /// Several instances claim to be it: their ids.
    pub(super) rivals: Vec<String>,
    /// No file defines it: it is there because the instance is.
    pub(super) found: bool,
    /// The instance that it was, and once that has ended, why.
    pub(super) past: Option<(String, Option<String>)>,
    /// The fingerprints of host keys on its console.
    pub(super) fingerprints: Vec<String>,
}

/// The account of what these settings are about.
pub(super) fn account(settings: &Settings) -> Account {
    Account {
        region: settings.region.clone(),
        profile: settings.profile.clone(),
        endpoint: settings.endpoint.clone(),
    }
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

/// The nodes of a cluster as its file defines them: nothing is known of what runs.
pub fn defined(cluster: ClusterDef) -> Vec<Node> {
    let (name, provider) = (cluster.name, cluster.provider);
    let nodes = cluster.nodes.into_iter().zip(1..);
    let nodes = nodes.map(|(def, index)| new_node(&def, &name, provider, NodeId(index), index));
    nodes.collect()
}

/// A node of which nothing is known but what its file says.
fn new_node(def: &NodeDef, cluster: &str, provider: Provider, id: NodeId, index: u32) -> Node {
    let state = match provider {
        Provider::Ssh => NodeState::Running,
        Provider::Local | Provider::Ec2 => NodeState::Absent,
    };
    Node {
        id,
        index,
        name: def.name.clone(),
        cluster: cluster.to_owned(),
        state,
        attrs: attributes(def, provider),
        tags: def.settings.tags.clone(),
        aside: false,
    }
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

    /// The nodes of the loaded clusters.
    pub(super) fn all(&self) -> Vec<NodeId> {
        let nodes = self.nodes.iter().filter(|node| !node.aside);
        nodes.map(|node| node.id).collect()
    }

    /// The working set is all there is.
    pub(super) fn works_on_all(&self) -> bool {
        let mut nodes = self.nodes.iter();
        // It was taken in the order of the nodes most likely; then nothing has to be hashed.
        let all = nodes.clone().filter(|node| !node.aside);
        if all.map(|node| &node.id).eq(&self.working) {
            return true;
        }
        let working: HashSet<&NodeId> = self.working.iter().collect();
        nodes.all(|node| node.aside || working.contains(&node.id))
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
            .find(|node| node.cluster == cluster && node.name == name && !node.aside)?;
        Some(node.id)
    }

    /// Takes a cluster in; a loaded one of the same name is replaced, and its nodes are returned.
    pub(super) fn add(&mut self, cluster: ClusterDef) -> Vec<NodeId> {
        let gone: Vec<NodeId> = self
            .nodes
            .iter()
            .filter(|node| node.cluster == cluster.name && !node.aside)
            .map(|node| node.id)
            .collect();
        self.clusters.retain(|other| other.name != cluster.name);
        self.nodes
            .retain(|node| node.aside || node.cluster != cluster.name);
        for id in &gone {
            self.entries.remove(id);
        }
        for def in &cluster.nodes {
            let seat = (cluster.provider == Provider::Ec2).then(|| Seat {
                account: account(&def.settings),
                ..Seat::default()
            });
            self.insert(&cluster.name, cluster.provider, def.clone(), seat, false);
        }
        self.clusters.push(cluster);
        self.arrange(true);
        self.working = self.all();
        gone
    }

    /// Takes a node in; [`Self::arrange`] gives it its place.
    pub(super) fn insert(
        &mut self,
        cluster: &str,
        provider: Provider,
        def: NodeDef,
        seat: Option<Seat>,
        aside: bool,
    ) -> NodeId {
        self.next_id += 1;
        let id = NodeId(self.next_id);
        let node = new_node(&def, cluster, provider, id, 0);
        self.nodes.push(Node { aside, ..node });
        let entry = Entry {
            def,
            provider,
            colour: usize::try_from(self.next_id).unwrap_or(0) - 1,
            addr: None,
            user: None,
            host_key: None,
            key: None,
            seat,
        };
        self.entries.insert(id, entry);
        id
    }

    /// Gives a node another name; [`Self::arrange`] gives it its place.
    pub(super) fn rename(&mut self, id: NodeId, name: &str) {
        self.update(id, |node, entry| {
            if node.name != name {
                name.clone_into(&mut node.name);
                name.clone_into(&mut entry.def.name);
            }
        });
    }

    /// Takes nodes out.
    pub(super) fn remove(&mut self, gone: &HashSet<NodeId>) {
        self.nodes.retain(|node| !gone.contains(&node.id));
        self.working.retain(|id| !gone.contains(id));
        for id in gone {
            self.entries.remove(id);
        }
    }

    /// Puts the nodes in order. Without `renumber` those that have an index keep it.
    pub(super) fn arrange(&mut self, renumber: bool) {
        self.nodes.sort_by(|a, b| {
            let clusters = || ranges::natural_cmp(&a.cluster, &b.cluster);
            let names = || ranges::natural_cmp(&a.name, &b.name);
            a.aside.cmp(&b.aside).then_with(clusters).then_with(names)
        });
        let taken = if renumber {
            0
        } else {
            self.nodes.iter().map(|node| node.index).max().unwrap_or(0)
        };
        let mut last = taken;
        self.places.clear();
        for (place, node) in self.nodes.iter_mut().enumerate() {
            if renumber || node.index == 0 {
                last = last.saturating_add(1);
                node.index = last;
            }
            self.places.insert(node.id, place);
        }
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
}

/// What `show -vv` prints of a node, as far as its file says it.
pub(super) fn attributes(def: &NodeDef, provider: Provider) -> BTreeMap<String, String> {
    let settings = &def.settings;
    let mut attrs = BTreeMap::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            attrs.insert(key.to_owned(), value);
        }
    };
    match provider {
        Provider::Ec2 => {
            put("host", settings.host.clone());
            put("region", settings.region.clone());
            put("key", settings.key.clone());
        },
        Provider::Ssh | Provider::Local => put("host", Some(def.host().to_owned())),
    }
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
