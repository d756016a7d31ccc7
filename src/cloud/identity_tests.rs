use super::*;
use crate::cloud::CLUSTER_TAG;
use crate::cloud::lab::{instance, tagged};
use proptest::prelude::*;

#[test]
fn folded_names_have_places() {
    let folded = "master,w[0-2],n[08-10],a[1,3]b[1-2]";
    let names = [
        "master", "w0", "w1", "w2", "n08", "n09", "n10", "a1b1", "a1b2", "a3b1", "a3b2",
    ];
    assert_eq!(launched_names(folded, 100), names);
    for (place, name) in names.iter().enumerate() {
        assert_eq!(launched_name(folded, place).as_deref(), Some(*name));
    }
    assert_eq!(launched_name(folded, names.len()), None);
    assert!(launched_names(folded, 10).is_empty());
}

#[test]
fn a_huge_or_broken_tag_is_no_list() {
    for bad in ["w[0-", "w]", "[", "w[1-x]", ",", ""] {
        assert_eq!(launched_name(bad, 0), None, "{bad}");
        assert!(launched_names(bad, 100).is_empty(), "{bad}");
    }
    let huge = "w[0-999999999][0-999999999][0-999999999]";
    assert!(launched_names(huge, 10_000).is_empty());
    assert_eq!(launched_name(huge, 1_000_000_001).as_deref(), Some("w011"));
}

#[test]
fn a_name_and_a_cluster_make_a_node() {
    let one = tagged("i-1", NodeState::Running, "sample", "master");
    let other = tagged("i-2", NodeState::Running, "other", "master");
    let mut stray = instance("i-3", NodeState::Running);
    stray.tags.insert(NAME_TAG.into(), "master".into());
    let all = [one.clone(), other, stray.clone()];
    let roster = Roster::new(&all);
    assert_eq!(roster.who("sample", "master"), Who::One(&one));
    assert_eq!(roster.who("sample", "worker"), Who::Absent);
    assert_eq!(roster.unassigned(), [&stray]);
    let nodes: Vec<_> = roster.nodes().map(|(c, n, _)| (c, n)).collect();
    assert_eq!(nodes, [("other", "master"), ("sample", "master")]);
}

#[test]
fn an_unnamed_instance_is_told_by_its_launch() {
    let mut unnamed = tagged("i-1", NodeState::Pending, "sample", "");
    unnamed.tags.insert(NODES_TAG.into(), "w[0-2]".into());
    unnamed.launch_index = 2;
    assert!(unnamed.is_unnamed());
    assert_eq!(unnamed.node().as_deref(), Some("w2"));
    // A name that a person gave wins.
    let mut renamed = unnamed.clone();
    renamed.tags.insert(NAME_TAG.into(), "boss".into());
    assert_eq!(renamed.node().as_deref(), Some("boss"));
    // Without its cluster it is nobody's.
    unnamed.tags.remove(CLUSTER_TAG);
    assert_eq!(unnamed.node(), None);
    // Beyond the list it is nobody.
    renamed.tags.remove(NAME_TAG);
    renamed.launch_index = 3;
    assert_eq!(Roster::new([&renamed]).unassigned().len(), 1);
}

#[test]
fn what_is_terminated_claims_nothing() {
    use NodeState::{Running, ShuttingDown, Terminated};
    let gone = tagged("i-1", Terminated, "sample", "m");
    let going = tagged("i-2", ShuttingDown, "sample", "m");
    let here = tagged("i-3", Running, "sample", "m");
    let ids = |list: &[&Instance]| list.iter().map(|i| i.id.clone()).collect::<Vec<_>>();

    let roster = Roster::new([&gone]);
    assert_eq!(roster.who("sample", "m"), Who::Absent);
    let roster = Roster::new([&gone, &going]);
    assert_eq!(roster.who("sample", "m"), Who::Leaving(&going));
    let roster = Roster::new([&here, &gone, &going]);
    assert_eq!(roster.who("sample", "m"), Who::One(&here));
    assert_eq!(ids(&roster.claims("sample", "m").past), ["i-1", "i-2"]);
}

#[test]
fn two_claims_are_a_conflict_with_the_earliest_first() {
    let mut young = tagged("i-1", NodeState::Running, "sample", "m");
    young.launched = 20;
    let mut old = tagged("i-3", NodeState::Stopped, "sample", "m");
    old.launched = 10;
    let twin = Instance {
        id: "i-2".into(),
        ..old.clone()
    };
    let roster = Roster::new([&young, &old, &twin]);
    assert!(matches!(roster.who("sample", "m"), Who::Conflict(all) if all.len() == 3));
    assert_eq!(roster.claims("sample", "m").ids(), ["i-2", "i-3", "i-1"]);
}

proptest! {
    #[test]
    fn any_text_and_place_are_taken(text in "[a-b0-9\\[\\],-]{0,24}", place in 0..50_usize) {
        if let Some(name) = launched_name(&text, place) {
            prop_assert!(!name.is_empty());
        }
        let names = launched_names(&text, 1000);
        prop_assert!(names.len() <= 1000);
        for (place, name) in names.iter().enumerate() {
            if names.len() as u64 == count(&text) {
                let again = launched_name(&text, place);
                prop_assert_eq!(again.as_ref(), Some(name));
            }
        }
    }
}
