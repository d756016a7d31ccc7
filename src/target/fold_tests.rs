use proptest::prelude::*;

use super::super::tests::{Cloud, node};
use super::super::{expand, fold, join};
use crate::model::NodeState;

#[test]
fn folding() {
    for (names, expected) in [
        ("", ""),
        ("master", "master"),
        (
            "worker2 worker0 worker1 master worker5",
            "master,worker[0-2,5]",
        ),
        ("worker9 worker10 worker11", "worker[9-11]"),
        ("n1 n01 n02", "n[1,01-02]"),
        ("n8 n9 n10 n08 n09", "n[8-9,08-10]"),
        ("n098 n099 n100 n101", "n[098-101]"),
        ("n0 n00 n000", "n[0,00,000]"),
        ("n1 n1 n1", "n1"),
        ("a1b1 a1b2 a2b1 a2b2 a3b1", "a[1-2]b[1-2],a3b1"),
        (
            "ip-10-0-0-1 ip-10-0-0-2 ip-10-0-1-7",
            "ip-10-0-0-[1-2],ip-10-0-1-7",
        ),
        ("r1n1x r1n2x r2n1x r2n2x", "r[1-2]n[1-2]x"),
        ("w1.eu w2.eu w1.us", "w[1-2].eu,w1.us"),
        ("1 2 3", "[1-3]"),
        ("b a2 a1 a", "a,a[1-2],b"),
        ("i-0a12f i-0a13f", "i-0a12f,i-0a13f"),
        (
            "i-1234567890abcdef0 i-1234567890abcdef1",
            "i-1234567890abcdef0,i-1234567890abcdef1",
        ),
        (
            "x12345678901234567890 x12345678901234567891",
            "x12345678901234567890,x12345678901234567891",
        ),
        ("a,b a[1]", "a[,]b,a[[]1[]]"),
        ("%ok", "[%]ok"),
    ] {
        let list: Vec<&str> = names.split(' ').collect();
        assert_eq!(fold(&list), expected, "{names}");
    }
    assert_eq!(
        fold(["my server 1", " x ", "my server 2"]),
        "[ ]x[ ],my server [1-2]"
    );
    assert_eq!(join(["i-2", "i-10", "i-1", "i-2"]), "i-1,i-2,i-10");
}

#[test]
fn expanding() {
    for (text, expected) in [
        ("", ""),
        (
            "master,worker[0-2,5]",
            "master worker0 worker1 worker2 worker5",
        ),
        ("n[08-10], m", "n08 n09 n10 m"),
        ("a[1-2]b[1-2],a3b1", "a1b1 a1b2 a2b1 a2b2 a3b1"),
        ("a,a,a[1-2],a[2-3]", "a a1 a2 a3"),
        ("a[,]b", "a,b"),
        ("worker\\[0-1]", "worker0 worker1"),
    ] {
        assert_eq!(expand(text, 100).unwrap().join(" "), expected, "{text}");
    }
    for bad in [
        "w*",
        "w?",
        "w[ab]",
        "w[1-",
        "w[2-1]",
        "w[0-100]",
        "w[0-99999999]",
        "w[0-50],v[0-50]",
    ] {
        expand(bad, 100).expect_err(bad);
    }
}

/// Names as people give them, and names as EC2 lets them.
fn a_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{1,2}[0-9]{1,3}",
        3 => "[a-b][0-1]?[0-9][a-b][0-9]{1,2}",
        1 => "[0-9]{1,20}",
        1 => "i-[0-9a-f]{4,8}",
        1 => "[a-b0-1,!&^%=:\\[\\]*?\\\\/ -]{1,6}",
        1 => "\\PC{1,8}",
    ]
}

proptest! {
    #[test]
    fn expanding_undoes_folding(names in proptest::collection::btree_set(a_name(), 0..40)) {
        let folded = fold(&names);
        let back = expand(&folded, 1_000_000).unwrap();
        prop_assert_eq!(back.len(), names.len(), "{} tells a name twice", folded);
        let back: std::collections::BTreeSet<String> = back.into_iter().collect();
        prop_assert_eq!(&back, &names, "{}", folded);
    }

    #[test]
    fn folding_ignores_order_and_repetition(mut names in proptest::collection::vec(a_name(), 0..20)) {
        let folded = fold(&names);
        names.reverse();
        names.extend(names.clone());
        prop_assert_eq!(fold(&names), folded);
    }

    #[test]
    fn folded_names_are_a_target_that_selects_exactly_them(
        names in proptest::collection::btree_map(a_name(), any::<bool>(), 1..30),
    ) {
        let mut cloud = Cloud::new();
        cloud.nodes = names
            .keys()
            .zip(1..)
            .map(|(name, id)| node(id, "some cluster", name, NodeState::Running, "", ""))
            .collect();
        cloud.working = cloud.nodes.iter().map(|node| node.id).collect();
        let wanted: Vec<&str> =
            names.iter().filter(|(_, chosen)| **chosen).map(|(name, _)| name.as_str()).collect();
        prop_assume!(!wanted.is_empty());
        let folded = fold(&wanted);
        let targets = cloud.resolve(&folded);
        prop_assert!(targets.is_ok(), "{}: {:?}", folded, targets);
        let targets = targets.unwrap();
        let got: Vec<&str> = cloud
            .nodes
            .iter()
            .filter(|node| targets.ids().contains(&node.id))
            .map(|node| node.name.as_str())
            .collect();
        prop_assert_eq!(got, wanted, "{}", folded);
    }
}
