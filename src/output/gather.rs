//! Collects each node's whole output, to show equal outputs once.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

use super::trie::{Place, Trie};
use crate::model::{NodeId, Outcome};

/// How much is collected before nodes fall back to streaming, in bytes. Output that several nodes
/// have in common counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What one node may add.
    pub node: usize,
    /// What all nodes may add.
    pub total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            node: 16 << 20,
            total: 256 << 20,
        }
    }
}

/// What became of a node's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Kept {
    /// They are kept.
    Yes,
    /// There is no room for them. Here is all that the node sent, these bytes included: print it
    /// now, line by line, and what comes later too, since nothing of it is kept any more.
    Overflow(Vec<u8>),
    /// The node overflowed before, or is not gathered: print these bytes.
    Streams,
}

#[derive(Debug)]
struct Node {
    name: String,
    place: Place,
    added: usize,
    outcome: Option<Outcome>,
    streams: bool,
}

/// The outputs of one command on all its nodes.
#[derive(Debug)]
pub struct Gather {
    nodes: Vec<Node>,
    index: HashMap<NodeId, usize>,
    trie: Trie,
    limits: Limits,
}

impl Gather {
    /// Nothing has come yet from these nodes. Their order is the order of names in the report.
    pub fn new(nodes: impl IntoIterator<Item = (NodeId, String)>, limits: Limits) -> Self {
        let mut gather = Self {
            nodes: Vec::new(),
            index: HashMap::new(),
            trie: Trie::new(),
            limits,
        };
        for (id, name) in nodes {
            let place = gather.trie.start();
            gather.index.insert(id, gather.nodes.len());
            gather.nodes.push(Node {
                name,
                place,
                added: 0,
                outcome: None,
                streams: false,
            });
        }
        gather
    }

    /// Takes what a node sent.
    pub fn push(&mut self, id: NodeId, bytes: &[u8]) -> Kept {
        let Some(node) = self.index.get(&id).and_then(|i| self.nodes.get_mut(*i)) else {
            return Kept::Streams;
        };
        if node.streams {
            return Kept::Streams;
        }
        let new = self.trie.follow(&mut node.place, bytes);
        let fits = node.added + new.len() <= self.limits.node
            && self.trie.size() + new.len() <= self.limits.total;
        if fits {
            node.added += new.len();
            self.trie.add(&mut node.place, new);
            return Kept::Yes;
        }
        let mut all = self.trie.text(node.place).into_owned();
        all.extend_from_slice(new);
        node.streams = true;
        let kept: Vec<Place> = self
            .nodes
            .iter()
            .filter(|n| !n.streams)
            .map(|n| n.place)
            .collect();
        self.trie.keep_only(&kept);
        Kept::Overflow(all)
    }

    /// The command has ended on a node.
    pub fn end(&mut self, id: NodeId, outcome: Outcome) {
        if let Some(node) = self.index.get(&id).and_then(|i| self.nodes.get_mut(*i)) {
            node.outcome = Some(outcome);
        }
    }

    /// True if the command has ended on all nodes.
    pub fn is_done(&self) -> bool {
        self.nodes.iter().all(|node| node.outcome.is_some())
    }

    /// The nodes whose command has not ended.
    pub fn pending(&self) -> Vec<&str> {
        self.nodes
            .iter()
            .filter(|n| n.outcome.is_none())
            .map(|n| n.name.as_str())
            .collect()
    }

    /// The groups as they are now: nodes that ended alike with the same bytes, or that have not
    /// ended and printed the same so far. Exit statuses ascending, then what ended otherwise, then
    /// what has not ended; among these the larger group first, then the one of the first node.
    /// Nodes that overflowed form groups of their own, without output, at their outcome's place.
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut known = HashMap::new();
        for node in &self.nodes {
            let outcome = node.outcome.as_ref();
            let place = (!node.streams).then_some(node.place);
            let at = *known.entry((rank(outcome), place)).or_insert(groups.len());
            if let Some(group) = groups.get_mut(at) {
                group.names.push(&node.name);
            } else {
                groups.push(Group {
                    names: vec![&node.name],
                    outcome,
                    place,
                    trie: &self.trie,
                });
            }
        }
        groups.sort_by_key(|group| (rank(group.outcome), Reverse(group.names.len())));
        groups
    }
}

/// The order of outcomes.
fn rank(outcome: Option<&Outcome>) -> (u16, &str) {
    match outcome {
        Some(Outcome::Exit(code)) => (u16::from(*code), ""),
        Some(Outcome::TimedOut) => (256, ""),
        Some(Outcome::Interrupted) => (257, ""),
        Some(Outcome::Lost(reason)) => (258, reason),
        Some(Outcome::NotRun(reason)) => (259, reason),
        None => (260, ""),
    }
}

/// Nodes with the same output and the same end.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    names: Vec<&'a str>,
    outcome: Option<&'a Outcome>,
    place: Option<Place>,
    trie: &'a Trie,
}

impl<'a> Group<'a> {
    /// Their names, at least one.
    pub fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// How the command ended; None if it has not.
    pub fn outcome(&self) -> Option<&'a Outcome> {
        self.outcome
    }

    /// True if the output was too large, and was printed as it came.
    pub fn streamed(&self) -> bool {
        self.place.is_none()
    }

    /// True if nothing was printed.
    pub fn is_silent(&self) -> bool {
        self.place.is_some_and(|place| place.len == 0)
    }

    /// The output, exactly; empty if it was [streamed](Self::streamed).
    pub fn text(&self) -> Cow<'a, [u8]> {
        self.place
            .map_or(Cow::Borrowed(&[]), |place| self.trie.text(place))
    }
}

#[cfg(test)]
mod tests;
