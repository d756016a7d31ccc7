//! Two starts at once, or one whose answer was lost, may have launched one node twice: which of the
//! instances goes.

use super::identity::Roster;
use super::{Claim, Fault, Instance};
use std::collections::BTreeSet;

/// An instance that this start launched, of a node that another one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loser {
    /// The node.
    pub node: String,
    /// The instance that is one too many.
    pub id: String,
    /// The instance that is the node.
    pub winner: String,
}

/// Who goes. The earliest launched stays, then the lower id: everybody who looks comes to the same
/// end, each for the instances that it launched (`ours`) only; nobody touches another's. `yields`:
/// the other side had time enough to go, and did not, so that ours goes.
pub fn losers(
    cluster: &str,
    nodes: &[String],
    ours: &BTreeSet<String>,
    instances: &[Instance],
    yields: bool,
) -> Vec<Loser> {
    let roster = Roster::new(instances);
    let mut found = Vec::new();
    for node in nodes {
        let live = &roster.claims(cluster, node).live;
        let others = live.iter().find(|one| !ours.contains(&one.id));
        let winner = match (live.first(), others) {
            (Some(_), Some(other)) if yields => other,
            (Some(first), _) => first,
            (None, _) => continue,
        };
        for one in live {
            if one.id != winner.id && ours.contains(&one.id) {
                found.push(Loser {
                    node: node.clone(),
                    id: one.id.clone(),
                    winner: winner.id.clone(),
                });
            }
        }
    }
    found
}

/// The nodes that several claim, one of ours among them.
pub fn contested(
    cluster: &str,
    nodes: &[String],
    ours: &BTreeSet<String>,
    instances: &[Instance],
) -> Vec<String> {
    let roster = Roster::new(instances);
    let is = |node: &&String| {
        let live = &roster.claims(cluster, node).live;
        live.len() > 1 && live.iter().any(|one| ours.contains(&one.id))
    };
    nodes.iter().filter(is).cloned().collect()
}

/// What is said of a node that several instances claim.
pub fn conflict(ids: &[String]) -> Fault {
    let ids = ids.join(" and ");
    Fault::new(format!(
        "{ids} claim to be it; nothing is done to any of them"
    ))
    .hint("terminate one by its id")
}

impl Claim {
    /// The instance, if it still is what it was.
    ///
    /// # Errors
    /// Says what it is now.
    pub fn check<'a>(&self, instances: &'a [Instance]) -> Result<&'a Instance, Fault> {
        let refresh = "`refresh` shows what there is";
        let Some(one) = instances.iter().find(|one| one.id == self.id) else {
            return Err(Fault::new(format!("{} is gone", self.id)).hint(refresh));
        };
        let same_node = self.node == self.id
            || match one.node() {
                Some(name) => name == self.node,
                None => one.cluster().is_none(),
            };
        if same_node && one.cluster() == self.cluster.as_deref() {
            return Ok(one);
        }
        let what = match (one.cluster(), one.node()) {
            (Some(cluster), Some(node)) => format!("{node} of {cluster}"),
            (Some(cluster), None) => format!("a node of {cluster}"),
            (None, Some(node)) => format!("{node}, of no cluster"),
            (None, None) => "of no cluster".to_owned(),
        };
        Err(Fault::new(format!("{} is {what} by now", self.id)).hint(refresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::lab::tagged;
    use crate::model::NodeState::{Pending, Running, ShuttingDown};
    use proptest::prelude::*;

    fn at(id: &str, node: &str, launched: i64) -> Instance {
        Instance {
            launched,
            ..tagged(id, Pending, "sample", node)
        }
    }

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn gone(ours: &[&str], instances: &[Instance], yields: bool) -> Vec<String> {
        losers("sample", &["m".into()], &set(ours), instances, yields)
            .into_iter()
            .map(|loser| format!("{}<{}", loser.id, loser.winner))
            .collect()
    }

    #[test]
    fn ours_goes_if_another_was_first() {
        let both = [at("i-1", "m", 20), at("i-2", "m", 10)];
        assert_eq!(gone(&["i-1"], &both, false), ["i-1<i-2"]);
        assert!(gone(&["i-2"], &both, false).is_empty());
        // Who launched none of them touches none of them.
        assert!(gone(&[], &both, false).is_empty());
        // Another's that does not go in time, in the end.
        assert_eq!(gone(&["i-2"], &both, true), ["i-2<i-1"]);
        // A lost answer: both are ours, and one stays, whoever yields.
        assert_eq!(gone(&["i-1", "i-2"], &both, false), ["i-1<i-2"]);
        assert_eq!(gone(&["i-1", "i-2"], &both, true), ["i-1<i-2"]);
    }

    #[test]
    fn one_alone_stays() {
        let mut both = [at("i-1", "m", 20), at("i-2", "m", 10)];
        both[1].state = ShuttingDown;
        assert!(gone(&["i-1"], &both, true).is_empty());
        let others = [at("i-1", "m", 20), at("i-2", "n", 10)];
        assert!(gone(&["i-1"], &others, true).is_empty());
        assert_eq!(
            contested("sample", &["m".into()], &set(&["i-1"]), &others),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_claim_holds_while_name_and_cluster_do() {
        let claim = |node: &str, id: &str, cluster: Option<&str>| Claim {
            node: node.into(),
            id: id.into(),
            cluster: cluster.map(str::to_owned),
        };
        let mut stray = tagged("i-2", Running, "x", "web");
        stray.tags.remove(crate::cloud::CLUSTER_TAG);
        let nameless = Instance {
            id: "i-3".into(),
            tags: std::collections::BTreeMap::new(),
            ..stray.clone()
        };
        let all = [at("i-1", "m", 0), stray, nameless];
        for (node, id, cluster, error) in [
            ("m", "i-1", Some("sample"), ""),
            ("web", "i-2", None, ""),
            ("i-2", "i-2", None, ""),
            ("i-3", "i-3", None, ""),
            ("m", "i-9", Some("sample"), "i-9 is gone"),
            ("n", "i-1", Some("sample"), "i-1 is m of sample by now"),
            ("m", "i-1", Some("other"), "i-1 is m of sample by now"),
            ("m", "i-1", None, "i-1 is m of sample by now"),
            (
                "web",
                "i-2",
                Some("sample"),
                "i-2 is web, of no cluster by now",
            ),
        ] {
            let result = claim(node, id, cluster).check(&all);
            let text = result.map_or_else(|fault| fault.text, |_| String::new());
            assert_eq!(text, error, "{node} {id}");
        }
    }

    proptest! {
        /// However many launched a node, when each has removed what it must, exactly one is left.
        #[test]
        fn exactly_one_is_left(launched in proptest::collection::vec((0..3_i64, 0..3_usize), 1..7)) {
            let mut all: Vec<Instance> = launched
                .iter()
                .enumerate()
                .map(|(i, (when, _))| at(&format!("i-{i}"), "m", *when))
                .collect();
            for owner in 0..3 {
                let ours: Vec<String> = launched.iter().enumerate()
                    .filter(|(_, (_, who))| *who == owner)
                    .map(|(i, _)| format!("i-{i}"))
                    .collect();
                let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
                for loser in losers("sample", &["m".into()], &set(&ours), &all, false) {
                    prop_assert!(ours.contains(&loser.id.as_str()));
                    all.retain(|one| one.id != loser.id);
                }
            }
            prop_assert_eq!(all.len(), 1);
        }
    }
}
