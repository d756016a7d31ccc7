//! Terms → nodes.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::parse::{ByResult, Term, What};
use super::pattern::Pattern;
use super::{Last, Target, Targets, World, explain};
use crate::error::{Error, Result};
use crate::model::Node;
use crate::model::nearest::shown;

/// For each node of the world, in order, whether it is selected.
pub(super) type Selection = Vec<bool>;

/// A world, and where in it this target looks.
pub(super) struct View<'w> {
    pub(super) world: World<'w>,
    /// The working set.
    pub(super) working: Selection,
    /// The working set and the clusters that the target names.
    pub(super) scope: Selection,
    /// What anything but a full name, id or index can select: all but the nodes that are aside.
    reach: Selection,
    clusters: HashSet<&'w str>,
    /// The nodes in scope of each name.
    by_name: OnceCell<HashMap<&'w str, Vec<usize>>>,
}

pub(super) fn resolve(target: &Target, world: &World<'_>) -> Result<Targets> {
    let view = View::new(target, *world)?;
    let mut selected = vec![false; world.nodes.len()];
    let mut empty = None;
    for (i, term) in target.terms.iter().enumerate() {
        let right = view.select(term)?;
        if !right.contains(&true) && empty.is_none() {
            empty = Some(term);
        }
        for (left, right) in selected.iter_mut().zip(right) {
            *left = if i == 0 {
                right
            } else {
                term.op.join(*left, right)
            };
        }
    }
    let ids = world
        .nodes
        .iter()
        .zip(&selected)
        .filter(|(_, s)| **s)
        .map(|(node, _)| node.id);
    Targets::new(ids).ok_or_else(|| explain::nothing(target, empty, &view))
}

impl<'w> View<'w> {
    fn new(target: &Target, world: World<'w>) -> Result<Self> {
        if world.nodes.is_empty() {
            return Err(Error::usage("there are no nodes")
                .hint("`load FILE` loads a cluster file, `-f FILE` on the command line"));
        }
        let ids: HashSet<_> = world.working.iter().collect();
        let working: Selection = world
            .nodes
            .iter()
            .map(|node| ids.contains(&node.id))
            .collect();
        let clusters = world
            .nodes
            .iter()
            .filter(|node| !node.aside)
            .map(|node| node.cluster.as_str())
            .collect();
        let nodes = world.nodes.iter().zip(&working);
        let reach = nodes.map(|(node, working)| !node.aside || *working);
        let reach = reach.collect();
        let scope = working.clone();
        let mut view = Self {
            world,
            working,
            scope,
            reach,
            clusters,
            by_name: OnceCell::new(),
        };
        for term in &target.terms {
            let cluster = match &term.what {
                What::Cluster(pattern) => view.by_cluster(pattern),
                What::Name(pattern) => match view.cluster_word(pattern) {
                    Some(name) => view.all(|node| node.cluster == name),
                    None => continue,
                },
                _ => continue,
            };
            for (scope, named) in view.scope.iter_mut().zip(cluster) {
                *scope |= named;
            }
        }
        Ok(view)
    }

    /// The nodes for which this holds, without those that are aside.
    pub(super) fn all(&self, is: impl Fn(&Node) -> bool) -> Selection {
        let nodes = self.world.nodes.iter().zip(&self.reach);
        nodes.map(|(node, reach)| *reach && is(node)).collect()
    }

    /// The node that a word names in full, with its cluster (`lab/worker0`), by index, or by the id that
    /// its provider gave it, wherever it is; of those that are aside also by name.
    fn exactly(&self, word: &str) -> Selection {
        let index = indexes(word).filter(|(low, high)| low == high);
        let with_cluster = |node: &Node| {
            let name = word.strip_prefix(node.cluster.as_str());
            name.and_then(|name| name.strip_prefix('/')) == Some(node.name.as_str())
        };
        let nodes = self.world.nodes.iter();
        let loaded = nodes.filter(|node| !node.aside).any(with_cluster);
        let is = |node: &Node| {
            (with_cluster(node) && !(node.aside && loaded))
                || index.is_some_and(|(index, _)| node.index == index)
                || node.attrs.get("id").is_some_and(|id| id == word)
                || (node.aside && node.name == word)
        };
        self.world.nodes.iter().map(is).collect()
    }

    /// The nodes in scope for which this holds.
    fn scoped(&self, is: impl Fn(&Node) -> bool) -> Selection {
        let nodes = self.world.nodes.iter().zip(&self.scope);
        nodes.map(|(node, scope)| *scope && is(node)).collect()
    }

    /// The nodes of a selection.
    pub(super) fn nodes<'s>(
        &self,
        of: &'s Selection,
    ) -> impl Iterator<Item = &'w Node> + use<'w, 's> {
        self.world
            .nodes
            .iter()
            .zip(of)
            .filter(|(_, s)| **s)
            .map(|(node, _)| node)
    }

    fn by_cluster(&self, pattern: &Pattern) -> Selection {
        self.all(|node| pattern.matches(&node.cluster.to_lowercase()))
    }

    /// The cluster that a word names: a node of the working set goes first.
    fn cluster_word<'p>(&self, pattern: &'p Pattern) -> Option<&'p str> {
        let word = pattern.literal()?;
        let is_node = || self.nodes(&self.working).any(|node| node.name == word);
        (self.clusters.contains(word) && !is_node()).then_some(word)
    }

    /// The nodes in scope with exactly this name.
    fn named(&self, name: &str) -> &[usize] {
        let by_name = self.by_name.get_or_init(|| {
            let mut map: HashMap<&str, Vec<usize>> = HashMap::new();
            for (i, (node, scope)) in self.world.nodes.iter().zip(&self.scope).enumerate() {
                if *scope {
                    map.entry(node.name.as_str()).or_default().push(i);
                }
            }
            map
        });
        by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// What a term selects. Names that select nothing are errors.
    fn select(&self, term: &Term) -> Result<Selection> {
        let needs_scope = matches!(term.what, What::Working | What::Name(_) | What::Attr(..));
        if needs_scope && !self.scope.contains(&true) && !self.is_exact(term) {
            return Err(explain::no_working_set(self));
        }
        let selection = match &term.what {
            What::Working => self.working.clone(),
            What::Name(pattern) => self.select_name(pattern),
            What::Cluster(pattern) => self.by_cluster(pattern),
            What::Attr(key, pattern) => {
                if !self
                    .world
                    .nodes
                    .iter()
                    .any(|node| node.attr_any_case(key).is_some())
                {
                    return Err(explain::unknown_attribute(key, self));
                }
                self.scoped(|node| {
                    node.attr_any_case(key)
                        .is_some_and(|value| pattern.matches(&value.to_lowercase()))
                })
            },
            What::Tags(ways) => self.scoped(|node| {
                node.tags.iter().any(|(name, value)| {
                    let (name, value) = (name.to_lowercase(), value.to_lowercase());
                    ways.iter().any(|(name_is, value_is)| {
                        name_is.matches(&name)
                            && value_is.as_ref().is_none_or(|v| v.matches(&value))
                    })
                })
            }),
            What::File(file) => return self.select_file(file),
            What::Result(by) => self.all(|node| by_result(by, (self.world.last)(node.id))),
        };
        match &term.what {
            _ if selection.contains(&true) => Ok(selection),
            What::Name(_) => Err(explain::no_name(&term.text, self)),
            What::Cluster(_) => Err(explain::no_cluster(&term.text, self)),
            _ => Ok(selection),
        }
    }

    fn is_exact(&self, term: &Term) -> bool {
        match &term.what {
            What::Name(pattern) => pattern.literal().map_or_else(
                || pattern.has_slash(),
                |word| indexes(word).is_some() || self.exactly(word).contains(&true),
            ),
            _ => false,
        }
    }

    fn select_name(&self, pattern: &Pattern) -> Selection {
        let Some(word) = pattern.literal() else {
            // A cluster that is named need not be in the working set.
            return match pattern.has_slash() {
                true => self.all(|node| pattern.matches(&full_name(node))),
                false => self.scoped(|node| pattern.matches(&node.name)),
            };
        };
        if let Some(cluster) = self.cluster_word(pattern) {
            return self.all(|node| node.cluster == cluster);
        }
        let mut selection = vec![false; self.world.nodes.len()];
        for i in self.named(word) {
            if let Some(selected) = selection.get_mut(*i) {
                *selected = true;
            }
        }
        if selection.contains(&true) {
            return selection;
        }
        match indexes(word) {
            Some((low, high)) if low != high => self.all(|node| (low..=high).contains(&node.index)),
            _ => self.exactly(word),
        }
    }

    /// The nodes that a file names: one a line, or several with blanks or commas between; ranges and
    /// wildcards work, `#` starts a comment.
    fn select_file(&self, file: &str) -> Result<Selection> {
        let text = (self.world.read_file)(file)?;
        let mut selection = vec![false; self.world.nodes.len()];
        let mut any = false;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split_once('#').map_or(line, |(names, _)| names);
            for name in entries(line) {
                any = true;
                let place = |error: Error| error.at(shown(file), number);
                let pattern = Pattern::parse(name).map_err(place)?;
                let mut found = false;
                if let Some(word) = pattern
                    .literal()
                    .filter(|word| !self.named(word).is_empty())
                {
                    for i in self.named(word) {
                        found = true;
                        if let Some(selected) = selection.get_mut(*i) {
                            *selected = true;
                        }
                    }
                } else if let Some(word) = pattern.literal() {
                    // A number in a file is no index: those change.
                    let exact = match indexes(word) {
                        None => self.exactly(word),
                        Some(_) => Vec::new(),
                    };
                    for (selected, more) in selection.iter_mut().zip(exact) {
                        found |= more;
                        *selected |= more;
                    }
                } else {
                    for (selected, more) in selection.iter_mut().zip(self.select_name(&pattern)) {
                        found |= more;
                        *selected |= more;
                    }
                }
                if !found {
                    return Err(place(explain::no_name(name, self)));
                }
            }
        }
        if any {
            Ok(selection)
        } else {
            Err(Error::usage(format!("{} names no nodes", shown(file))))
        }
    }
}

/// `CLUSTER/NODE`.
pub(super) fn full_name(node: &Node) -> String {
    format!("{}/{}", node.cluster, node.name)
}

/// The names in a line: white space and commas separate them, except in brackets.
fn entries(line: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    let separator = move |c: char| {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ => {},
        }
        !inside && (c == ',' || c.is_whitespace())
    };
    line.split(separator).filter(|name| !name.is_empty())
}

/// `3` or `1-5`.
pub(super) fn indexes(word: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    };
    match word.split_once('-') {
        None => number(word).map(|n| (n, n)),
        Some((low, high)) => number(low).zip(number(high)),
    }
}

fn by_result(by: &ByResult, last: Option<Last<'_>>) -> bool {
    match (by, last) {
        (_, None) => false,
        (ByResult::Last, Some(_)) => true,
        (ByResult::Pending, Some(last)) => last == Last::Pending,
        (_, Some(Last::Pending)) => false,
        (ByResult::Failed, Some(Last::Done(outcome))) => !outcome.is_ok(),
        (ByResult::Ok, Some(Last::Done(outcome))) => outcome.is_ok(),
        (ByResult::Rc(codes), Some(Last::Done(outcome))) => {
            codes.contains(&outcome.code().to_string())
        },
    }
}
