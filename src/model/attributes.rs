//! What nodes can be told apart by: their attributes, and how commands ended on them.

use std::collections::BTreeSet;

use super::Node;
use super::ranges::natural_cmp;

/// The attributes that every node has.
const OWN: [&str; 5] = ["cluster", "index", "name", "state", "tags"];

/// The words behind `%` in a target; N stands for exit statuses.
pub const RESULTS: [&str; 5] = ["failed", "ok", "pending", "last", "rc=N"];

impl Node {
    /// The value of an attribute, as [`Node::attr`] gives it; `key` is in lower case, the node's
    /// own keys need not be.
    pub fn attr_any_case(&self, key: &str) -> Option<String> {
        self.attr(key).or_else(|| {
            let found = self
                .attrs
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.map(|(_, value)| value.clone())
        })
    }
}

/// The attributes that targets can select by, sorted: those of any node, and those that all have.
pub fn attributes(nodes: &[Node]) -> BTreeSet<&str> {
    nodes
        .iter()
        .flat_map(|node| node.attrs.keys().map(String::as_str))
        .chain(OWN)
        .collect()
}

/// The names of the nodes' tags, sorted.
pub fn tag_names(nodes: &[Node]) -> BTreeSet<&str> {
    nodes
        .iter()
        .flat_map(|node| node.tags.keys().map(String::as_str))
        .collect()
}

/// The values that an attribute has on these nodes, each once, in natural order; for `tags`
/// `name:value`, for `tag.NAME` that tag's values. Upper and lower case do not matter in its name.
pub fn values<'a>(nodes: impl IntoIterator<Item = &'a Node>, attribute: &str) -> Vec<String> {
    let key = attribute.to_lowercase();
    let mut seen = BTreeSet::new();
    for node in nodes {
        if key == "tags" || key == "tag" {
            let tags = node.tags.iter();
            seen.extend(tags.map(|(name, value)| format!("{name}:{value}")));
        } else if let Some(tag) = key.strip_prefix("tag.") {
            let same = node.tags.iter().filter(|(n, _)| n.to_lowercase() == tag);
            seen.extend(same.map(|(_, value)| value.clone()));
        } else {
            seen.extend(node.attr_any_case(&key));
        }
    }
    let mut seen: Vec<String> = seen.into_iter().collect();
    seen.sort_by(|a, b| natural_cmp(a, b));
    seen
}

/// The clusters' names, each once, in natural order.
pub fn clusters(nodes: &[Node]) -> Vec<&str> {
    let nodes = nodes.iter().filter(|node| !node.aside);
    let all: BTreeSet<&str> = nodes.map(|node| node.cluster.as_str()).collect();
    let mut all: Vec<&str> = all.into_iter().collect();
    all.sort_by(|a, b| natural_cmp(a, b));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodeId, NodeState};

    fn node(index: u32, cluster: &str, attrs: &[(&str, &str)], tags: &[(&str, &str)]) -> Node {
        let owned = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs.map(|(k, v)| (k.to_string(), v.to_string())).collect()
        };
        Node {
            id: NodeId(index),
            index,
            name: format!("n{index}"),
            cluster: cluster.to_owned(),
            state: NodeState::Running,
            attrs: owned(attrs),
            tags: owned(tags),
            aside: false,
        }
    }

    #[test]
    fn what_there_is_to_choose_from() {
        let nodes = [
            node(10, "b", &[("Zone", "eu-1")], &[("env", "x:y")]),
            node(2, "a", &[("ip", "10.0.0.1")], &[("Env", "TEST"), ("o", "")]),
            node(3, "a", &[("ip", "10.0.0.1")], &[("env", "prod")]),
        ];
        let has = |key: &str| values(&nodes, key).join(" ");
        for (key, all) in [
            ("cluster", "a b"),
            ("state", "running"),
            ("INDEX", "2 3 10"),
            ("name", "n2 n3 n10"),
            ("zone", "eu-1"),
            ("ip", "10.0.0.1"),
            ("tags", "Env:TEST env:prod env:x:y o:"),
            ("tag.ENV", "TEST prod x:y"),
            ("none", ""),
        ] {
            assert_eq!(has(key), all, "{key}");
        }
        let words = |all: BTreeSet<&str>| all.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words(attributes(&nodes)),
            "Zone cluster index ip name state tags"
        );
        assert_eq!(words(tag_names(&nodes)), "Env env o");
        assert_eq!(clusters(&nodes), ["a", "b"]);
    }
}
