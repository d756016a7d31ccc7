//! Numbers of nodes in brackets: `worker[0-` may go on as `3]`.

use super::Candidate;
use crate::model::Node;

/// More numbers than this are not listed one by one.
const LISTED_MAX: usize = 64;

/// What stands behind these letters in a node's name, or in its cluster's and its own.
fn behind<'a>(head: &str, node: &'a Node) -> Option<&'a str> {
    let letters = match head.split_once('/') {
        Some((cluster, letters)) if cluster == node.cluster => letters,
        Some(_) => return None,
        None => head,
    };
    node.name.strip_prefix(letters)
}

/// What may stand for an item in the brackets behind `head` that begins with `prefix`: a number, or
/// a range up to the last one. The bracket is closed behind it.
pub(super) fn candidates(head: &str, prefix: &str, nodes: &[Node]) -> Vec<Candidate> {
    let mut numbers: Vec<(u64, &str)> = nodes
        .iter()
        .filter_map(|node| behind(head, node))
        .filter(|digits| digits.chars().all(|c| c.is_ascii_digit()))
        .filter_map(|digits| Some((digits.parse().ok()?, digits)))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (Some((least, first)), Some((most, last))) =
        (numbers.first().copied(), numbers.last().copied())
    else {
        return Vec::new();
    };
    let mut items = Vec::new();
    if let Some((from, to)) = prefix.split_once('-') {
        let Ok(low) = from.parse::<u64>() else {
            return Vec::new();
        };
        let above = numbers.iter().filter(|(number, _)| *number > low);
        let above = above.filter(|(_, digits)| digits.starts_with(to));
        // The largest is meant most often, and the only one if they are many.
        let above: Vec<&str> = above.rev().map(|(_, digits)| *digits).collect();
        let shown = if above.len() > LISTED_MAX {
            1
        } else {
            above.len()
        };
        items.extend(above.iter().take(shown).map(|to| format!("{from}-{to}")));
    } else {
        let begun = numbers
            .iter()
            .filter(|(_, digits)| digits.starts_with(prefix));
        let begun: Vec<&(u64, &str)> = begun.collect();
        match begun.iter().find(|(_, digits)| *digits == prefix) {
            Some((number, _)) if most > *number => {
                items.push(format!("{prefix}-{last}"));
            },
            None if prefix.is_empty() && most > least => {
                items.push(format!("{first}-{last}"));
            },
            _ => {},
        }
        if begun.len() <= LISTED_MAX {
            items.extend(begun.iter().map(|(_, digits)| (*digits).to_owned()));
        }
    }
    let closed = items.into_iter().map(|item| Candidate {
        text: format!("{item}]"),
        more: false,
        about: String::new(),
    });
    closed.collect()
}
