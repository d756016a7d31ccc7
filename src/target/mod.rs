//! Targets: text like `worker[0-20],master!worker3` → the nodes that it selects; and names folded
//! back to such text.
//!
//! [`Target::parse`] reads, [`Target::resolve`] selects; a command is given [`Targets`], which are
//! never empty. The rules that the syntax leaves open:
//!
//! - Operators work strictly from left to right. A target that starts with `!` or `&` starts from
//!   the working set. A term may be missing nowhere else: `a,` is an error, not `a` and all.
//! - `^` where a term is due starts `^FILE`; behind a term it means "in one of both". So `a^^FILE`
//!   is "a or in the file, not both".
//! - `\` is dropped, as it comes from shells: `worker\*`. In a file's name it quotes an operator.
//!   Elsewhere a letter alone in brackets stands for itself: `a[,]b`, `[*]`, `[\]`.
//! - In brackets, numbers are a range (`[12]` is twelve, `[1,2]` is one and two); anything else is
//!   a character class. Leading zeros count. Beside a `*` a range stands for a whole number.
//! - A word without wildcards is a node's name; else a cluster's; else an index or `1-5` of them.
//! - Names and attributes are looked up in the working set. A cluster that the target names, as a
//!   word or by `cluster=`, counts as part of it, so that `cluster=b&worker0` is found. Indexes and
//!   `%` results are unique, and reach every node.
//! - `CLUSTER/NODE` is that node, in the working set or not; wildcards work on both sides.
//! - A node that is [aside](crate::model::Node::aside) is selected by its full name, its id or its
//!   index only, never by wildcards, ranges, filters or results; except where `use` took it in.
//! - The id that a provider gave a node (`i-…`) names it like an index does.
//! - A name, index, cluster or file entry that selects nothing is an error wherever it stands: in
//!   `*!wroker3` too. `attr=`, `tags=` and `%` terms may select nothing as long as the whole
//!   selects something.
//! - `%rc=N` takes what [`crate::model::Outcome::code`] says, so also 124, 130 and 255.

mod explain;
mod fold;
mod parse;
mod pattern;
mod resolve;
mod scan;

use std::fmt;

pub use explain::may_mean_nodes;
pub use fold::{expand, fold, join};

use crate::error::Result;
use crate::model::{Node, NodeId, Outcome};

/// A target that has been read, but not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    terms: Vec<parse::Term>,
}

impl Target {
    /// Reads a target, without the `@` of a prompt line. Nothing at all is the working set.
    ///
    /// # Errors
    /// A usage error about the syntax; which nodes exist does not matter yet.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            text: text.trim().to_owned(),
            terms: parse::terms(text)?,
        })
    }

    /// Whether it is the working set as a whole: nothing, or `*`.
    pub fn is_working_set(&self) -> bool {
        matches!(
            self.terms.as_slice(),
            [parse::Term {
                what: parse::What::Working,
                ..
            }]
        )
    }

    /// The nodes that it selects, in the order of `world.nodes`.
    ///
    /// # Errors
    /// A usage error if it selects nothing, with what exists and the nearest match; what `read_file`
    /// gave if that failed.
    pub fn resolve(&self, world: &World<'_>) -> Result<Targets> {
        resolve::resolve(self, world)
    }
}

/// The target as it was written.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A term that selects this node and no other, whatever the working set is: `CLUSTER/NODE`; of a node
/// that is [aside](Node::aside) its provider's id, as its name may be another's as well.
pub fn exact(node: &Node) -> String {
    match node.attrs.get("id") {
        Some(id) if node.aside => id.clone(),
        _ => resolve::full_name(node),
    }
}

/// What the last command did on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last<'a> {
    /// It has not ended.
    Pending,
    /// It ended.
    Done(&'a Outcome),
}

/// All that a target is looked up in.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Every node of the loaded clusters, in the order in which targets list them: by cluster, and
    /// within one by [`crate::model::ranges::natural_cmp`].
    pub nodes: &'a [Node],
    /// The working set. What `use` is given is looked up with every node in it.
    pub working: &'a [NodeId],
    /// The last command's result on a node; none if it did not run there.
    pub last: &'a dyn Fn(NodeId) -> Option<Last<'a>>,
    /// Reads the file of a `^FILE` term.
    pub read_file: &'a dyn Fn(&str) -> Result<String>,
}

impl fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("nodes", &self.nodes)
            .field("working", &self.working)
            .finish_non_exhaustive()
    }
}

/// The nodes that a command acts on: at least one, none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets(Vec<NodeId>);

impl Targets {
    /// These nodes, in this order, each at its first place; `None` if there are none.
    pub fn new(ids: impl IntoIterator<Item = NodeId>) -> Option<Self> {
        let mut seen = std::collections::HashSet::new();
        let ids: Vec<NodeId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
        (!ids.is_empty()).then_some(Self(ids))
    }

    /// The nodes in order.
    pub fn ids(&self) -> &[NodeId] {
        &self.0
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The node, if it is one only.
    pub fn single(&self) -> Option<NodeId> {
        match self.0.as_slice() {
            [id] => Some(*id),
            _ => None,
        }
    }
}

impl<'a> IntoIterator for &'a Targets {
    type Item = NodeId;
    type IntoIter = std::iter::Copied<std::slice::Iter<'a, NodeId>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod aside_tests;
#[cfg(test)]
mod tests;
