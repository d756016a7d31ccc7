//! What can be typed in a target, for completion.

use std::collections::BTreeSet;

use super::parse::RESULTS;
use super::resolve::value;
use crate::model::Node;
use crate::model::ranges::natural_cmp;

/// The attributes that targets can select by, sorted: those of any node, and `cluster`, `index`,
/// `name`, `state`, `tags`.
pub fn attributes(nodes: &[Node]) -> Vec<String> {
    let own = ["cluster", "index", "name", "state", "tags"].into_iter();
    let all: BTreeSet<&str> = nodes
        .iter()
        .flat_map(|node| node.attrs.keys().map(String::as_str))
        .chain(own)
        .collect();
    all.into_iter().map(str::to_owned).collect()
}

/// The values that an attribute has on these nodes, each once, in natural order; for `tags`
/// `name:value`, for `tag.NAME` that tag's values.
pub fn values<'a>(nodes: impl IntoIterator<Item = &'a Node>, attribute: &str) -> Vec<String> {
    let key = attribute.to_lowercase();
    let mut seen = BTreeSet::new();
    for node in nodes {
        if key == "tags" || key == "tag" {
            seen.extend(
                node.tags
                    .iter()
                    .map(|(name, value)| format!("{name}:{value}")),
            );
        } else if let Some(tag) = key.strip_prefix("tag.") {
            let same = |(name, _): &(&String, &String)| name.to_lowercase() == tag;
            seen.extend(
                node.tags
                    .iter()
                    .filter(same)
                    .map(|(_, value)| value.clone()),
            );
        } else {
            seen.extend(value(node, &key));
        }
    }
    let mut seen: Vec<String> = seen.into_iter().collect();
    seen.sort_by(|a, b| natural_cmp(a, b));
    seen
}

/// The nodes' names, each once, in natural order.
pub fn names(nodes: &[Node]) -> Vec<&str> {
    distinct(nodes.iter().map(|node| node.name.as_str()))
}

/// The clusters' names, each once, in natural order.
pub fn clusters(nodes: &[Node]) -> Vec<&str> {
    distinct(nodes.iter().map(|node| node.cluster.as_str()))
}

/// The `%` terms: `%failed`, `%ok`, `%pending`, `%last`, `%rc=`.
pub fn result_words() -> impl Iterator<Item = String> {
    RESULTS
        .into_iter()
        .map(|word| format!("%{}", word.trim_end_matches('N')))
}

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words.collect();
    words.sort_by(|a, b| natural_cmp(a, b));
    words.dedup();
    words
}
