//! What a run knows, handed to a run inside it: a drop-in command's `dust @worker1 uptime` has the
//! clusters, states, working set and results of whoever runs the drop-in, and borrows its
//! connections. Nothing is asked of providers anew.

use super::{App, Loaded};
use crate::cloud::{Account, Instance};
use crate::config::ClusterDef;
use crate::error::{Error, Result};
use crate::model::{NodeId, NodeState, Outcome};
use crate::target::Last;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

/// All of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    clusters: Vec<(ClusterDef, Option<Loaded>)>,
    accounts: Vec<Told>,
    nodes: Vec<Seen>,
    /// Places in `nodes`.
    working: Vec<usize>,
    pending: Vec<usize>,
    results: Vec<(usize, Outcome)>,
    /// Where clusters of the provider `local` are, if that is not the usual place.
    pub local: Option<PathBuf>,
}

/// What EC2 has told.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    account: Account,
    instances: Vec<Instance>,
    keys: Vec<(String, PathBuf)>,
}

/// A node as it is.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    cluster: String,
    name: String,
    aside: bool,
    index: u32,
    state: NodeState,
    attrs: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    addr: Option<SocketAddr>,
    user: Option<String>,
    host_key: Option<String>,
    key: Option<PathBuf>,
    rivals: Vec<String>,
}

impl Snapshot {
    /// As bytes.
    ///
    /// # Errors
    /// A path in it is not UTF-8.
    pub fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::failed(error.to_string()))
    }

    /// From bytes.
    ///
    /// # Errors
    /// They are none of this dust's.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            let text = format!("what is known of the nodes cannot be read: {error}");
            Error::failed(text)
        })
    }
}

impl App {
    /// What this run knows.
    pub fn snapshot(&self) -> Snapshot {
        let inventory = &self.inventory;
        let clusters = inventory.clusters().iter();
        let clusters = clusters.map(|one| (one.clone(), self.sources.get(&one.name).cloned()));
        let places = inventory.nodes().iter().map(|node| node.id);
        let places: HashMap<NodeId, usize> = places.zip(0..).collect();
        let mut instances: BTreeMap<&Account, Vec<Instance>> = BTreeMap::new();
        let mut nodes = Vec::new();
        let mut snapshot = Snapshot::default();
        for (node, place) in inventory.nodes().iter().zip(0..) {
            match self.last_of(node.id) {
                Some(Last::Pending) => snapshot.pending.push(place),
                Some(Last::Done(outcome)) => snapshot.results.push((place, outcome.clone())),
                None => {},
            }
            let Some(entry) = inventory.entry(node.id) else {
                continue;
            };
            let seat = entry.seat.as_ref();
            if let Some(seat) = seat {
                let all = instances.entry(&seat.account).or_default();
                all.extend(seat.instance.clone());
            }
            nodes.push(Seen {
                cluster: node.cluster.clone(),
                name: node.name.clone(),
                aside: node.aside,
                index: node.index,
                state: node.state,
                attrs: node.attrs.clone(),
                tags: node.tags.clone(),
                addr: entry.addr,
                user: entry.user.clone(),
                host_key: entry.host_key.clone(),
                key: entry.key.clone(),
                rivals: seat.map(|seat| seat.rivals.clone()).unwrap_or_default(),
            });
        }
        let accounts = self.told_accounts().map(|(account, keys)| Told {
            instances: instances.remove(account).unwrap_or_default(),
            account: account.clone(),
            keys,
        });
        snapshot.accounts = accounts.collect();
        snapshot.clusters = clusters.collect();
        snapshot.nodes = nodes;
        let working = inventory.working();
        // What a drop-in was given is in its reach, also where that was chosen from beyond.
        let given = self.drop_ins.given().iter();
        let given = given.filter(|id| !working.contains(id));
        let working = working.iter().chain(given);
        snapshot.working = working.filter_map(|id| places.get(id).copied()).collect();
        snapshot
    }

    /// Takes over what another run knows. Before anything else is loaded.
    pub fn adopt(&mut self, now: Instant, snapshot: Snapshot) {
        self.note_time(now);
        for (cluster, source) in snapshot.clusters {
            if let Some(source) = source {
                self.sources.insert(cluster.name.clone(), source);
            }
            self.adopted.insert(cluster.name.clone());
            self.inventory.add(cluster);
        }
        for told in snapshot.accounts {
            self.inventory.take(&told.account, &told.instances, false);
            self.account_has_told(told.account, told.keys);
        }
        let key =
            |aside: bool, cluster: &str, name: &str| (aside, cluster.to_owned(), name.to_owned());
        let nodes = self.inventory.nodes().iter();
        let known = nodes.map(|node| (key(node.aside, &node.cluster, &node.name), node.id));
        let known: HashMap<_, NodeId> = known.collect();
        let mut ids = Vec::new();
        for seen in snapshot.nodes {
            let id = known.get(&key(seen.aside, &seen.cluster, &seen.name));
            ids.push(id.copied());
            let Some(id) = id else { continue };
            self.inventory.update(*id, |node, entry| {
                node.index = seen.index;
                node.state = seen.state;
                node.attrs = seen.attrs;
                node.tags = seen.tags;
                entry.addr = seen.addr;
                entry.user = seen.user;
                entry.host_key = seen.host_key;
                entry.key = seen.key;
                if let Some(seat) = &mut entry.seat {
                    seat.rivals = seen.rivals;
                }
            });
        }
        // What is not there any more by now is left out.
        let there: HashSet<NodeId> = ids.iter().flatten().copied().collect();
        let nodes = self.inventory.nodes().iter();
        let gone = nodes.filter(|node| !there.contains(&node.id));
        let gone: HashSet<NodeId> = gone.map(|node| node.id).collect();
        self.inventory.remove(&gone);
        self.inventory.arrange(false);
        let at = |place: &usize| ids.get(*place).copied().flatten();
        let working = snapshot.working.iter().filter_map(at);
        self.inventory.set_working(working.collect());
        let pending = snapshot.pending.iter().filter_map(at).collect();
        let results = snapshot.results.into_iter();
        let results = results.filter_map(|(place, outcome)| Some((at(&place)?, outcome)));
        let results = results.collect();
        self.adopt_results(now, pending, results);
    }
}
