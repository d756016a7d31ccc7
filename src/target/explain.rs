//! Why a target selects nothing: what exists, and what was probably meant.

use super::fold::fold_to_list;
use super::parse::{ByResult, Term, What};
use super::resolve::{Selection, View, full_name, indexes};
use super::{Last, Target};
use crate::error::Error;
use crate::model::attributes::{attributes, clusters, values};
use crate::model::nearest::{nearest, shown};
use crate::model::{Node, Outcome};
use std::net::{IpAddr, SocketAddr};

/// How many values or groups of names an error lists.
const LISTED: usize = 12;

/// Whether a word without wildcards that selects nothing may have been meant to select nodes: it reads
/// as what only nodes have (indexes, an instance's id, an address), is the value of an attribute of one,
/// or is near the name of a node or a cluster.
pub fn may_mean_nodes(word: &str, nodes: &[Node]) -> bool {
    if nodes.is_empty() {
        return false;
    }
    let is_id = |rest: &str| {
        rest.bytes().any(|byte| byte.is_ascii_digit())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let reads = indexes(word).is_some()
        || word.strip_prefix("i-").is_some_and(is_id)
        || word.parse::<IpAddr>().is_ok()
        || word.parse::<SocketAddr>().is_ok();
    let is_value = || {
        let lower = word.to_lowercase();
        let has = |key: &str| {
            let values = values(nodes, key);
            values.iter().any(|value| value.to_lowercase() == lower)
        };
        attributes(nodes).into_iter().any(has)
    };
    let is_near = || {
        let names = nodes.iter().map(|node| node.name.as_str());
        let (full, clusters) = (full_names(word, nodes), clusters(nodes));
        let full = full.iter().map(String::as_str);
        nearest(word, names.chain(clusters.iter().copied()).chain(full)).is_some()
    };
    let in_cluster = || {
        let cluster = word.split_once('/').map(|(cluster, _)| cluster);
        cluster.is_some_and(|cluster| nodes.iter().any(|node| node.cluster == cluster))
    };
    reads || is_value() || is_near() || in_cluster()
}

/// The nodes' names with their clusters', for a word that is made like these.
fn full_names(word: &str, nodes: &[Node]) -> Vec<String> {
    match word.contains('/') {
        true => nodes.iter().map(full_name).collect(),
        false => Vec::new(),
    }
}

/// The working set is empty, and the target looks in it.
pub(super) fn no_working_set(view: &View<'_>) -> Error {
    let count = view.world.nodes.len();
    Error::usage("the working set is empty").hint(format!(
        "`use *` takes in all {count}: {}",
        names(view.world.nodes.iter())
    ))
}

/// A name, range or index that selects nothing.
pub(super) fn no_name(text: &str, view: &View<'_>) -> Error {
    let error = Error::usage(format!("`{}` matches no node", shown(text)));
    let pattern = super::pattern::Pattern::parse(text);
    let outside = pattern
        .map(|p| view.all(|node| p.matches(&node.name)))
        .unwrap_or_default();
    if outside.contains(&true) {
        let cluster = view
            .nodes(&outside)
            .next()
            .map_or("", |node| node.cluster.as_str());
        return Error::usage(format!("`{}` is not in the working set", shown(text))).hint(format!(
            "`cluster={}&{}` finds it there",
            shown(cluster),
            shown(text)
        ));
    }
    let scope = view.nodes(&view.scope);
    let exists = format!("nodes are {}", names(scope));
    let aside = view.world.nodes.iter().filter(|node| node.aside);
    let aside: Vec<&Node> = match super::pattern::Pattern::parse(text) {
        Ok(pattern) => aside.filter(|node| pattern.matches(&node.name)).collect(),
        Err(_) => Vec::new(),
    };
    if !aside.is_empty() {
        let aside = names(aside.into_iter());
        return error.hint(format!(
            "{aside}: of no loaded cluster, only full names, ids and indexes select these"
        ));
    }
    if indexes(text).is_some() {
        let all = view.world.nodes.iter().map(|node| node.index);
        let (low, high) = (all.clone().min().unwrap_or(0), all.max().unwrap_or(0));
        return error.hint(format!("indexes are {low}-{high}; {exists}"));
    }
    let owner = view.world.nodes.iter().find_map(|node| {
        let same = |(_, value): &(&String, &String)| value.as_str() == text;
        let attrs = node.attrs.iter().find(same).map(|(key, _)| key.as_str());
        let state = (node.state.as_str() == text).then_some("state");
        attrs.or(state).map(|key| (node, key))
    });
    if let Some((node, key)) = owner {
        let (name, key) = (shown(&node.name), shown(key));
        return error.hint(format!(
            "it is the {key} of {name}: write `{key}={}`",
            shown(text)
        ));
    }
    let full = full_names(text, view.world.nodes);
    let names = view.nodes(&view.scope).map(|node| node.name.as_str());
    let clusters = clusters(view.world.nodes);
    let full = full.iter().map(String::as_str);
    let near = nearest(text, full.chain(names).chain(clusters.iter().copied()));
    error.hint(meant(near, &exists))
}

/// A `cluster=` term that selects nothing.
pub(super) fn no_cluster(text: &str, view: &View<'_>) -> Error {
    let known = clusters(view.world.nodes);
    let wanted = text
        .split_once('=')
        .map_or(text, |(_, wanted)| wanted.trim());
    let near = nearest(wanted, known.iter().copied());
    let list = format!("clusters are {}", list(known.iter().copied()));
    Error::usage(format!("no cluster is named `{}`", shown(wanted))).hint(meant(near, &list))
}

/// An attribute that no node has.
pub(super) fn unknown_attribute(key: &str, view: &View<'_>) -> Error {
    let known = attributes(view.world.nodes);
    let near = nearest(key, known.iter().copied());
    let list = format!("attributes are {}", list(known.iter().copied()));
    Error::usage(format!("no node has an attribute `{}`", shown(key))).hint(meant(near, &list))
}

/// The whole selects nothing. `empty` is the first term that does so by itself, if there is one.
pub(super) fn nothing(target: &Target, empty: Option<&Term>, view: &View<'_>) -> Error {
    let Some(term) = empty else {
        let scope = view.nodes(&view.scope);
        return Error::usage(format!("`{}` leaves no node", shown(&target.text)))
            .hint(format!("nodes are {}", names(scope)));
    };
    match &term.what {
        What::Attr(key, _) => no_value(key, &term.text, view),
        What::Tags(_) => {
            let key = term.text.split('=').next().unwrap_or_default().trim();
            no_value(
                if key.contains('.') { key } else { "tags" },
                &term.text,
                view,
            )
        },
        What::Result(by) => no_result(by, view),
        // The others are told as soon as they are looked up, except this one.
        What::Working | What::Name(_) | What::Cluster(_) | What::File(_) => no_working_set(view),
    }
}

/// No node has such a value.
fn no_value(key: &str, text: &str, view: &View<'_>) -> Error {
    let error = Error::usage(format!("no node has {}", shown(text)));
    let nodes: Vec<&Node> = view.nodes(&view.scope).collect();
    let seen = values(nodes.iter().copied(), key);
    if seen.is_empty() {
        return error.hint(format!("no node of the working set has any {}", shown(key)));
    }
    let wanted = text.split_once('=').map_or(text, |(_, wanted)| wanted);
    let near = nearest(wanted, seen.iter().map(String::as_str));
    let seen = list(seen.iter().map(String::as_str));
    error.hint(meant(near, &format!("{} is {seen}", shown(key))))
}

/// No node ended the last command like this.
fn no_result(by: &ByResult, view: &View<'_>) -> Error {
    let last = |node: &Node| (view.world.last)(node.id);
    let ran = view.all(|node| last(node).is_some());
    if !ran.contains(&true) {
        return Error::usage("no command has been run yet")
            .hint("`%` terms select nodes by the result of the last command");
    }
    let on = |word: &str, is: &dyn Fn(&Outcome) -> bool| -> Option<String> {
        let nodes: Selection =
            view.all(|node| matches!(last(node), Some(Last::Done(outcome)) if is(outcome)));
        nodes
            .contains(&true)
            .then(|| format!("{word} on {}", names(view.nodes(&nodes))))
    };
    let pending = view.all(|node| last(node) == Some(Last::Pending));
    let parts = [
        on("it succeeded", &Outcome::is_ok),
        on("it failed", &|outcome| !outcome.is_ok()),
        pending
            .contains(&true)
            .then(|| format!("it still runs on {}", names(view.nodes(&pending)))),
    ];
    let hint = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let codes = || {
        let mut codes: Vec<u8> = view
            .nodes(&ran)
            .filter_map(|node| match last(node) {
                Some(Last::Done(outcome)) => Some(outcome.code()),
                _ => None,
            })
            .collect();
        codes.sort_unstable();
        codes.dedup();
        codes.iter().map(u8::to_string).collect::<Vec<_>>()
    };
    match by {
        ByResult::Failed => Error::usage("the last command failed on no node").hint(hint),
        ByResult::Ok => Error::usage("the last command succeeded on no node").hint(hint),
        ByResult::Pending | ByResult::Last => {
            Error::usage("the last command runs on no node any more").hint(hint)
        },
        ByResult::Rc(_) => {
            let codes = codes();
            let seen = list(codes.iter().map(String::as_str));
            let error = Error::usage("the last command ended with such a status on no node");
            if codes.is_empty() {
                error.hint(hint)
            } else {
                error.hint(format!("statuses are {seen}"))
            }
        },
    }
}

fn meant(near: Option<&str>, exists: &str) -> String {
    match near {
        Some(near) => format!("did you mean `{}`? {exists}", shown(near)),
        None => exists.to_owned(),
    }
}

/// Names, folded and cut to what can be read.
fn names<'a>(nodes: impl Iterator<Item = &'a Node>) -> String {
    let folded = fold_to_list(nodes.map(|node| node.name.as_str()));
    list_with(folded.iter().map(String::as_str), ",")
}

fn list<'a>(words: impl ExactSizeIterator<Item = &'a str>) -> String {
    list_with(words, ", ")
}

fn list_with<'a>(words: impl ExactSizeIterator<Item = &'a str>, comma: &str) -> String {
    let more = words.len().saturating_sub(LISTED);
    let text = words
        .take(LISTED)
        .map(shown)
        .collect::<Vec<_>>()
        .join(comma);
    if more > 0 {
        format!("{text} and {more} more")
    } else {
        text
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
