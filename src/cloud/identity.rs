//! Which instance is which node.

use super::{Instance, NAME_TAG, NODES_TAG};
use crate::model::NodeState;
use crate::model::ranges::Names;
use std::collections::BTreeMap;

/// The name at a place in the folded names of a launch (`worker[0-2],master`); `None` where the
/// text is no such list, or has no such place.
pub fn launched_name(folded: &str, place: usize) -> Option<String> {
    let mut place = place as u64;
    for piece in pieces(folded) {
        let names = Names::parse(piece).ok()?;
        let count = names.count();
        if place < count {
            return Some(names.get(place)).filter(|name| !name.is_empty());
        }
        place -= count;
    }
    None
}

/// How many names folded text stands for; 0 where it is no such list.
fn count(folded: &str) -> u64 {
    let counts = pieces(folded).map(|piece| Names::parse(piece).map(|names| names.count()));
    let sum = |sum: u64, count: Result<u64, _>| Some(sum.saturating_add(count.ok()?));
    let mut total = Some(0);
    for count in counts {
        total = total.and_then(|so_far| sum(so_far, count));
    }
    total.unwrap_or(0)
}

/// The names that folded text stands for, in the order of the launch; none if there are more than
/// `most`, or if the text is no such list.
pub fn launched_names(folded: &str, most: usize) -> Vec<String> {
    let count = usize::try_from(count(folded)).unwrap_or(usize::MAX);
    if count > most {
        return Vec::new();
    }
    (0..count)
        .filter_map(|place| launched_name(folded, place))
        .collect()
}

/// The pieces between commas that are in no brackets.
fn pieces(folded: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    folded
        .split(move |c| {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {},
            }
            c == ',' && depth == 0
        })
        .filter(|piece| !piece.is_empty())
}

impl Instance {
    /// The name of the node that it is: its `Name` tag, else what its launch meant it to be.
    pub fn node(&self) -> Option<String> {
        let name = self.tags.get(NAME_TAG).filter(|name| !name.is_empty());
        name.cloned().or_else(|| self.meant())
    }

    /// What its launch meant it to be; without a cluster this means nothing.
    fn meant(&self) -> Option<String> {
        self.cluster()?;
        launched_name(self.tags.get(NODES_TAG)?, self.launch_index)
    }

    /// True where it can be told by its launch only: it still wants its `Name`.
    pub fn is_unnamed(&self) -> bool {
        self.tags.get(NAME_TAG).is_none_or(String::is_empty)
    }

    /// True while it is a node or can become one again: it is not on its way out.
    pub fn is_live(&self) -> bool {
        self.exists() && self.state != NodeState::ShuttingDown
    }
}

/// The instances that claim to be one node. One that is being terminated claims nothing any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims<'a> {
    /// These do. The earliest launched comes first, then the lower id.
    pub live: Vec<&'a Instance>,
    /// These did, and are terminated or on their way there; the latest launched comes last.
    pub past: Vec<&'a Instance>,
}

/// What one node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'c, 'a> {
    /// No instance, or none that lives.
    Absent,
    /// None that lives; this one is being terminated.
    Leaving(&'a Instance),
    /// This one.
    One(&'a Instance),
    /// Several claim it.
    Conflict(&'c [&'a Instance]),
}

impl<'a> Claims<'a> {
    /// Who it is.
    pub fn who(&self) -> Who<'_, 'a> {
        match self.live.as_slice() {
            [] => match self.past.iter().rev().find(|past| past.exists()) {
                Some(leaving) => Who::Leaving(leaving),
                None => Who::Absent,
            },
            [one] => Who::One(one),
            several => Who::Conflict(several),
        }
    }

    /// The ids of those that live.
    pub fn ids(&self) -> Vec<String> {
        self.live.iter().map(|one| one.id.clone()).collect()
    }
}

/// Who is who among the instances of a region.
#[derive(Clone, Debug, Default)]
pub struct Roster<'a> {
    clusters: BTreeMap<&'a str, BTreeMap<String, Claims<'a>>>,
    unassigned: Vec<&'a Instance>,
    none: Claims<'a>,
}

impl<'a> Roster<'a> {
    /// Sorts instances by cluster and node.
    pub fn new(instances: impl IntoIterator<Item = &'a Instance>) -> Self {
        let mut roster = Self::default();
        for instance in instances {
            let (Some(cluster), Some(node)) = (instance.cluster(), instance.node()) else {
                if instance.exists() {
                    roster.unassigned.push(instance);
                }
                continue;
            };
            let nodes = roster.clusters.entry(cluster).or_default();
            let claims = nodes.entry(node).or_default();
            if instance.is_live() {
                claims.live.push(instance);
            } else {
                claims.past.push(instance);
            }
        }
        let age = |a: &&Instance, b: &&Instance| (a.launched, &a.id).cmp(&(b.launched, &b.id));
        for claims in roster.clusters.values_mut().flat_map(BTreeMap::values_mut) {
            claims.live.sort_by(age);
            claims.past.sort_by(age);
        }
        roster
    }

    /// The claims on a node.
    pub fn claims(&self, cluster: &str, node: &str) -> &Claims<'a> {
        let nodes = self.clusters.get(cluster);
        nodes
            .and_then(|nodes| nodes.get(node))
            .unwrap_or(&self.none)
    }

    /// Who a node is.
    pub fn who(&self, cluster: &str, node: &str) -> Who<'_, 'a> {
        self.claims(cluster, node).who()
    }

    /// Every node that instances claim or claimed to be, by cluster and name.
    pub fn nodes(&self) -> impl Iterator<Item = (&'a str, &str, &Claims<'a>)> {
        self.clusters.iter().flat_map(|(cluster, nodes)| {
            nodes
                .iter()
                .map(move |(node, claims)| (*cluster, node.as_str(), claims))
        })
    }

    /// What exists and belongs to no cluster, or has no name in it.
    pub fn unassigned(&self) -> &[&'a Instance] {
        &self.unassigned
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
