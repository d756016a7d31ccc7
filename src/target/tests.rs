use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::model::NodeState;

/// Two clusters, `a` and `b`, each with a worker0.
pub(super) struct Cloud {
    pub(super) nodes: Vec<Node>,
    pub(super) working: Vec<NodeId>,
    last: BTreeMap<NodeId, Option<Outcome>>,
}

pub(super) fn node(
    id: u32,
    cluster: &str,
    name: &str,
    state: NodeState,
    attrs: &str,
    tags: &str,
) -> Node {
    let pairs = |text: &str, at: char| {
        let pairs = text
            .split_whitespace()
            .filter_map(|pair| pair.split_once(at));
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    Node {
        id: NodeId(id),
        index: id,
        name: name.to_owned(),
        cluster: cluster.to_owned(),
        state,
        attrs: pairs(attrs, '='),
        tags: pairs(tags, ':'),
        aside: false,
    }
}

impl Cloud {
    pub(super) fn new() -> Self {
        use NodeState::{Absent, Running, Stopped};
        let small = "instance_type=t2.small id=i-0a12f34b ip=10.0.0.1";
        let nodes = vec![
            node(
                1,
                "a",
                "master",
                Running,
                "instance_type=m3.medium ip=10.0.1.9",
                "owner:devops",
            ),
            node(2, "a", "worker0", Running, small, "env:test"),
            node(
                3,
                "a",
                "worker1",
                Stopped,
                "instance_type=t2.small ip=10.0.0.2",
                "env:prod",
            ),
            node(
                4,
                "a",
                "worker2",
                Running,
                "instance_type=t2.large ip=10.0.0.3",
                "env:x:y",
            ),
            node(5, "a", "worker10", Absent, "Zone=eu-west-1a", ""),
            node(6, "b", "worker0", Running, "ip=10.1.0.1", "Env:TEST"),
            node(7, "b", "db", Running, "ip=10.1.0.2", ""),
        ];
        let working = nodes
            .iter()
            .filter(|node| node.cluster == "a")
            .map(|node| node.id)
            .collect();
        Self {
            nodes,
            working,
            last: BTreeMap::new(),
        }
    }

    /// The same after a command.
    pub(super) fn after(mut self, results: &[(u32, Option<Outcome>)]) -> Self {
        self.last = results
            .iter()
            .map(|(id, result)| (NodeId(*id), result.clone()))
            .collect();
        self
    }

    pub(super) fn with_working(mut self, ids: &[u32]) -> Self {
        self.working = ids.iter().copied().map(NodeId).collect();
        self
    }

    pub(super) fn resolve(&self, target: &str) -> Result<Targets> {
        let last = |id| {
            self.last
                .get(&id)
                .map(|result| result.as_ref().map_or(Last::Pending, Last::Done))
        };
        let read_file = |file: &str| match file {
            "hosts" => {
                Ok("\u{feff}# all\r\nworker0\r\n\n  master worker[1-2]  # some\n".to_owned())
            },
            "full" => Ok("b/worker0\na/worker1\n".to_owned()),
            "odd,name" => Ok("worker1\n".to_owned()),
            "typo" => Ok("worker0\nwroker1\n".to_owned()),
            "range" => Ok("worker[1\n".to_owned()),
            "empty" => Ok("# none\n".to_owned()),
            file => Err(Error::failed(format!("cannot read {file}"))),
        };
        let world = World {
            nodes: &self.nodes,
            working: &self.working,
            last: &last,
            read_file: &read_file,
        };
        Target::parse(target)?.resolve(&world)
    }

    /// The selected nodes as `cluster/name`, `a/` left out.
    pub(super) fn select(&self, target: &str) -> String {
        let targets = self
            .resolve(target)
            .unwrap_or_else(|error| panic!("{target}: {error}"));
        let named = self
            .nodes
            .iter()
            .filter(|node| targets.ids().contains(&node.id));
        let names: Vec<String> = named
            .map(|node| format!("{}/{}", node.cluster, node.name))
            .collect();
        assert_eq!(names.len(), targets.count());
        names.join(" ").replace("a/", "")
    }

    pub(super) fn error(&self, target: &str) -> String {
        let error = self.resolve(target).expect_err(target);
        assert_eq!(error.kind(), crate::error::Kind::Usage, "{target}");
        error.to_string()
    }
}

#[test]
fn terms() {
    let cloud = Cloud::new();
    for (target, expected) in [
        // The working set.
        ("", "master worker0 worker1 worker2 worker10"),
        ("*", "master worker0 worker1 worker2 worker10"),
        ("\\*", "master worker0 worker1 worker2 worker10"),
        ("**", "master worker0 worker1 worker2 worker10"),
        // Names.
        ("master", "master"),
        ("worker*", "worker0 worker1 worker2 worker10"),
        ("worker\\*", "worker0 worker1 worker2 worker10"),
        ("w\\*", "worker0 worker1 worker2 worker10"),
        ("worker?", "worker0 worker1 worker2"),
        ("worker[0-2]", "worker0 worker1 worker2"),
        ("worker\\[0-2\\]", "worker0 worker1 worker2"),
        ("worker[0-10]", "worker0 worker1 worker2 worker10"),
        ("worker[0-10/2]", "worker0 worker2 worker10"),
        ("worker[1,10]", "worker1 worker10"),
        ("worker[0-999999]", "worker0 worker1 worker2 worker10"),
        ("[mw]*[!1]", "worker0 worker2 worker10 master"),
        ("master,worker0", "master worker0"),
        ("worker2,worker0,worker2", "worker0 worker2"),
        (" worker2 , master ", "master worker2"),
        // Attributes.
        ("state=stopped", "worker1"),
        ("state=stop*", "worker1"),
        ("STATE=Run*", "master worker0 worker2"),
        ("instance_type=t2.*", "worker0 worker1 worker2"),
        ("instance_type=T2.[ls]*", "worker0 worker1 worker2"),
        ("ip=10.0.0.[2-9]", "worker1 worker2"),
        ("id=i-0a12f*", "worker0"),
        ("name=worker1*", "worker1 worker10"),
        ("zone=eu*", "worker10"),
        ("index=[2-4]", "worker0 worker1 worker2"),
        ("ip=*", "master worker0 worker1 worker2"),
        // Tags.
        ("tags=owner:devops", "master"),
        ("tags=env:*", "worker0 worker1 worker2"),
        ("tags=ENV:P*", "worker1"),
        ("tags=env", "worker0 worker1 worker2"),
        ("tags=*:devops", "master"),
        ("tags=env:x:y", "worker2"),
        ("tag.env=prod", "worker1"),
        // Indexes reach every node.
        ("3", "worker1"),
        ("1-2", "master worker0"),
        (
            "1-99",
            "master worker0 worker1 worker2 worker10 b/worker0 b/db",
        ),
        ("6,1", "master b/worker0"),
        // Clusters.
        ("b", "b/worker0 b/db"),
        ("cluster=b", "b/worker0 b/db"),
        ("cluster=B*", "b/worker0 b/db"),
        ("cluster=b&worker*", "b/worker0"),
        ("worker*&b", "b/worker0"),
        ("b,master", "master b/worker0 b/db"),
        ("b!db", "b/worker0"),
        // A node of a cluster.
        ("a/worker0", "worker0"),
        ("b/worker0", "b/worker0"),
        ("a/master,b/worker0!a/master", "b/worker0"),
        ("b/w*", "b/worker0"),
        ("?/worker0", "worker0 b/worker0"),
        ("a/worker[0-1]", "worker0 worker1"),
        ("^full", "worker1 b/worker0"),
        // Operators, from left to right.
        ("worker*!worker1", "worker0 worker2 worker10"),
        ("worker*&state=running", "worker0 worker2"),
        ("worker[0-1]^worker[1-2]", "worker0 worker2"),
        (
            "master,worker*!worker1,worker1",
            "master worker0 worker1 worker2 worker10",
        ),
        ("master!master,worker0", "worker0"),
        ("worker0,worker1&state=stopped", "worker1"),
        ("*!worker*", "master"),
        ("!worker*", "master"),
        ("&state=stopped", "worker1"),
        ("worker*!state=pending", "worker0 worker1 worker2 worker10"),
        ("state=pending,master", "master"),
        // Files.
        ("^hosts", "master worker0 worker1 worker2"),
        ("^hosts!worker0", "master worker1 worker2"),
        ("*!^hosts", "worker10"),
        ("master^^hosts", "worker0 worker1 worker2"),
        ("^odd\\,name,master", "master worker1"),
    ] {
        let mut expected: Vec<&str> = expected.split(' ').collect();
        let got = cloud.select(target);
        let mut got: Vec<&str> = got.split(' ').collect();
        expected.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expected, "{target}");
    }
}

#[test]
fn each_node_has_a_term_of_its_own() {
    let mut cloud = Cloud::new().with_working(&[]);
    for id in [20, 21] {
        let id_of = format!("id=i-{id}");
        let mut node = node(id, "b", "db", NodeState::Running, &id_of, "");
        node.aside = true;
        cloud.nodes.push(node);
    }
    for node in &cloud.nodes {
        let targets = cloud.resolve(&exact(node)).unwrap();
        assert_eq!(targets.single(), Some(node.id), "{}", exact(node));
    }
}

#[test]
fn targets_keep_the_order_of_the_nodes() {
    let cloud = Cloud::new();
    let targets = cloud.resolve("worker10,worker2,b,master,worker2").unwrap();
    let ids: Vec<u32> = targets.into_iter().map(|id| id.0).collect();
    assert_eq!(ids, [1, 4, 5, 6, 7]);
    assert_eq!((targets.count(), targets.single()), (5, None));
    assert_eq!(cloud.resolve("master").unwrap().single(), Some(NodeId(1)));
    assert_eq!(Targets::new([]), None);
    assert_eq!(
        Targets::new([2, 1, 2].map(NodeId)).unwrap().ids(),
        [2, 1].map(NodeId)
    );
}

#[test]
fn results_of_the_last_command() {
    let cloud = Cloud::new().after(&[
        (1, Some(Outcome::Exit(0))),
        (2, Some(Outcome::Exit(2))),
        (3, Some(Outcome::Lost("reset".to_owned()))),
        (4, None),
        (6, Some(Outcome::TimedOut)),
    ]);
    for (target, expected) in [
        ("%failed", "worker0 worker1 b/worker0"),
        ("%ok", "master"),
        ("%pending", "worker2"),
        ("%last", "master worker0 worker1 worker2 b/worker0"),
        ("%rc=2", "worker0"),
        ("%rc=124", "b/worker0"),
        ("%rc=[1-200]", "worker0 b/worker0"),
        ("%rc=1-200", "worker0 b/worker0"),
        ("*!%last", "worker10"),
        ("%failed&worker*", "worker0 worker1"),
        ("master,%rc=77", "master"),
    ] {
        assert_eq!(cloud.select(target), expected, "{target}");
    }
    let message = cloud.error("%rc=3");
    assert!(
        message.ends_with("(statuses are 0, 2, 124, 255)"),
        "{message}"
    );

    let cloud = Cloud::new().after(&[(1, Some(Outcome::Exit(0))), (2, Some(Outcome::Exit(0)))]);
    assert_eq!(
        cloud.error("%failed"),
        "the last command failed on no node (it succeeded on master,worker0)"
    );
    assert!(
        cloud
            .error("%pending")
            .contains("it succeeded on master,worker0")
    );
    let cloud = Cloud::new().after(&[(1, Some(Outcome::Exit(1))), (2, None)]);
    assert_eq!(
        cloud.error("%ok"),
        "the last command succeeded on no node (it failed on master; it still runs on worker0)"
    );
    assert!(
        Cloud::new()
            .error("%failed")
            .starts_with("no command has been run yet")
    );
}

#[test]
fn a_word_is_a_node_then_a_cluster_then_an_index() {
    let mut cloud = Cloud::new();
    cloud
        .nodes
        .push(node(8, "a", "b", NodeState::Running, "", ""));
    cloud
        .nodes
        .push(node(9, "a", "3", NodeState::Running, "", ""));
    cloud
        .nodes
        .push(node(10, "7", "x", NodeState::Running, "", ""));
    let cloud = cloud.with_working(&[1, 2, 3, 4, 5, 8, 9]);
    for (target, expected) in [
        ("b", "b"),
        ("cluster=b", "b/worker0 b/db"),
        ("3", "3"),
        ("4", "worker2"),
        ("7", "7/x"),
    ] {
        assert_eq!(cloud.select(target), expected, "{target}");
    }
}

#[test]
fn the_working_set_is_known_without_nodes() {
    for (target, expected) in [
        ("", true),
        ("*", true),
        (" \\* ", true),
        ("w*", false),
        ("*!a", false),
        ("*,b", false),
    ] {
        assert_eq!(
            Target::parse(target).unwrap().is_working_set(),
            expected,
            "{target}"
        );
    }
    assert_eq!(Target::parse(" w* ").unwrap().to_string(), "w*");
}

proptest! {
    #[test]
    fn no_target_panics(
        text in "\\PC{0,30}",
        odd in "[awb0-3,!&^%=:\\[\\]*?\\\\ -]{0,20}",
        results in proptest::collection::vec((1u32..8, proptest::option::of(0u8..4)), 0..7),
    ) {
        let results: Vec<_> =
            results.into_iter().map(|(id, code)| (id, code.map(Outcome::Exit))).collect();
        let cloud = Cloud::new().after(&results);
        for target in [text, odd] {
            match cloud.resolve(&target) {
                Ok(targets) => prop_assert!(targets.count() > 0),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
