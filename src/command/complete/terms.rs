//! What the terms of a target may be.

use super::Candidate;
use crate::model::attributes::{self, RESULTS, attributes, tag_names};
use crate::model::{Node, NodeState};

pub(super) fn words_of(words: impl IntoIterator<Item = impl Into<String>>) -> Vec<Candidate> {
    words
        .into_iter()
        .map(|word| Candidate {
            text: word.into(),
            more: false,
            about: String::new(),
        })
        .collect()
}

/// What a term of a target may begin with. Attributes are many: only those that were begun.
pub(super) fn terms(prefix: &str, nodes: &[Node], spelling: Spelling) -> Vec<Candidate> {
    let attribute = |name: &str| Candidate {
        text: format!("{name}="),
        more: true,
        about: "an attribute".to_owned(),
    };
    if prefix.starts_with('%') {
        let result = |word: &str| match word.split_once('=') {
            Some((word, _)) => Candidate {
                about: String::new(),
                ..attribute(&format!("%{word}"))
            },
            None => Candidate {
                text: format!("%{word}"),
                more: false,
                about: String::new(),
            },
        };
        return RESULTS.into_iter().map(result).collect();
    }
    let names = nodes.iter().map(|node| Candidate {
        text: spelling.of(&node.name),
        more: false,
        about: about(node),
    });
    let clusters = attributes::clusters(nodes).into_iter().map(|cluster| {
        let count = nodes.iter().filter(|node| node.cluster == cluster).count();
        Candidate {
            text: spelling.of(cluster),
            more: false,
            about: format!("a cluster of {count}"),
        }
    });
    // Several clusters may have nodes of one name.
    let known = attributes::clusters(nodes);
    let is_one = known.len() > 1 && known.iter().any(|cluster| spelling.of(cluster) == prefix);
    let full = prefix.contains('/') || is_one;
    let full = nodes.iter().filter(|_| full).map(|node| Candidate {
        text: format!("{}/{}", spelling.of(&node.cluster), spelling.of(&node.name)),
        more: false,
        about: about(node),
    });
    let all = names.chain(clusters).chain(full);
    let all: Vec<Candidate> = all.filter(|found| !found.text.is_empty()).collect();
    if prefix.is_empty() {
        return all;
    }
    let tags = prefix.starts_with("tag.").then(|| tag_names(nodes));
    let tags = tags.into_iter().flatten();
    let tags = tags.map(|name| attribute(&format!("tag.{}", spelling.of(name))));
    all.into_iter()
        .chain(attributes(nodes).into_iter().map(attribute))
        .chain(tags)
        .collect()
}

/// What an attribute may be; for `tags` the tags' names first, then with their values.
pub(super) fn values(
    attr: &str,
    prefix: &str,
    nodes: &[Node],
    spelling: Spelling,
) -> Vec<Candidate> {
    if attr == "tags" && !prefix.contains(':') {
        let tag = |name: &str| Candidate {
            text: spelling.of(name) + ":",
            more: true,
            about: "a tag".to_owned(),
        };
        return tag_names(nodes).into_iter().map(tag).collect();
    }
    let values = attributes::values(nodes, attr);
    words_of(values.iter().map(|value| spelling.of(value)))
}

/// What a node is, in a few words.
fn about(node: &Node) -> String {
    let kind = node.attrs.get("instance_type").map(String::as_str);
    // What only a file knows is absent, too.
    let state = Some(node.state).filter(|state| *state != NodeState::Absent);
    let words = [state.map(NodeState::as_str), kind];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How a value is written as a wildcard that matches it. What a target or a line would take for
/// something else becomes `?`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    /// For a line of the prompt, where a blank or a quote would need quoting.
    Plain,
    /// For a word that is quoted as a whole.
    Quoted,
}

impl Spelling {
    fn of(self, value: &str) -> String {
        value.replace(|c| self.is_odd(c), "?")
    }

    fn is_odd(self, c: char) -> bool {
        match c {
            ',' | '!' | '&' | '^' | '*' | '[' | ']' | '\\' => true,
            ' ' | '\'' | '"' => matches!(self, Self::Plain),
            c => c.is_control() || c.is_whitespace(),
        }
    }
}
