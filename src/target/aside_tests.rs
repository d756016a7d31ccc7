//! Nodes of no loaded cluster are in sight, and out of reach of all but their own names.

use super::tests::{Cloud, node};
use crate::model::NodeState::{Running, Stopped};

/// The usual nodes, and two instances that nobody loaded.
fn cloud() -> Cloud {
    let mut cloud = Cloud::new();
    for (id, name, attrs) in [
        (8, "web1", "id=i-0aa instance_type=t2.small"),
        (9, "worker7", "id=i-0bb ip=10.0.0.9"),
    ] {
        let state = if id == 8 { Running } else { Stopped };
        let mut node = node(id, "unassigned", name, state, attrs, "env:test");
        node.aside = true;
        cloud.nodes.push(node);
    }
    cloud
}

#[test]
fn they_are_named_in_full_or_not_at_all() {
    let cloud = cloud();
    for (target, selected) in [
        ("web1", "unassigned/web1"),
        ("i-0bb", "unassigned/worker7"),
        ("9", "unassigned/worker7"),
        ("unassigned/worker7", "unassigned/worker7"),
        ("web1,8,i-0aa", "unassigned/web1"),
        ("worker*", "worker0 worker1 worker2 worker10"),
        ("worker[0-9]", "worker0 worker1 worker2"),
        ("*", "master worker0 worker1 worker2 worker10"),
        (
            "1-9",
            "master worker0 worker1 worker2 worker10 b/worker0 b/db",
        ),
        ("state=stopped", "worker1"),
        ("instance_type=t2.small", "worker0 worker1"),
        ("tags=env:test", "worker0"),
        (
            "cluster=*",
            "master worker0 worker1 worker2 worker10 b/worker0 b/db",
        ),
        ("master,web1", "master unassigned/web1"),
        ("*!web1", "master worker0 worker1 worker2 worker10"),
    ] {
        assert_eq!(cloud.select(target), selected, "{target}");
    }
}

#[test]
fn patterns_that_match_only_them_say_why_they_do_not() {
    let cloud = cloud();
    for target in ["web*", "web[0-3]"] {
        let error = cloud.resolve(target).unwrap_err().to_string();
        assert!(
            error.contains("web1") && error.contains("only full names"),
            "{error}"
        );
    }
    let error = cloud.resolve("cluster=unassigned").unwrap_err().to_string();
    assert!(error.contains("no cluster is named"), "{error}");
}

#[test]
fn results_of_commands_do_not_reach_them() {
    let cloud = cloud().after(&[(2, None), (8, None)]);
    assert_eq!(cloud.select("%pending"), "worker0");
}

#[test]
fn what_use_took_in_is_like_any_other_node() {
    let cloud = cloud().with_working(&[8, 2]);
    assert_eq!(cloud.select("*"), "worker0 unassigned/web1");
    assert_eq!(cloud.select("w*"), "worker0 unassigned/web1");
}

#[test]
fn they_are_there_when_nothing_else_is() {
    let cloud = cloud().with_working(&[]);
    assert_eq!(cloud.select("web1"), "unassigned/web1");
    assert!(cloud.resolve("*").is_err());
}

#[test]
fn an_id_names_any_node() {
    assert_eq!(cloud().select("i-0a12f34b"), "worker0");
}
