use super::*;
use crate::cloud::lab::{fold, tagged};
use crate::cloud::{NAME_TAG, NODES_TAG};
use crate::config::Settings;
use NodeState::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
use proptest::prelude::*;

fn wanted(name: &str) -> Wanted {
    Wanted {
        name: name.into(),
        settings: Settings {
            image: Some("ami-1".into()),
            instance_type: Some("t2.small".into()),
            ..Settings::default()
        },
    }
}

fn fitting(id: &str, state: NodeState, name: &str) -> Instance {
    let mut instance = tagged(id, state, "sample", name);
    instance.attrs.insert("image".into(), "ami-1".into());
    instance
        .attrs
        .insert("instance_type".into(), "t2.small".into());
    instance
}

#[test]
fn each_state_has_its_work() {
    let nodes: Vec<Wanted> = ["a", "b", "c", "d", "e", "f", "g"].map(wanted).into();
    let instances = [
        fitting("i-b", Stopped, "b"),
        fitting("i-c", Stopping, "c"),
        fitting("i-d", Pending, "d"),
        fitting("i-e", Running, "e"),
        fitting("i-f", ShuttingDown, "f"),
        fitting("i-g", Terminated, "g"),
    ];
    let work = Work::new("sample", &nodes, &instances, fold);
    let names: Vec<_> = work.launch.iter().map(|l| l.folded.as_str()).collect();
    assert_eq!(names, ["a,f,g"]);
    assert_eq!(work.launch[0].past, ["i-f", "i-g"]);
    assert_eq!(work.start, [("b".into(), "i-b".into())]);
    assert_eq!(work.wait, [("c".into(), "i-c".into())]);
    assert_eq!(work.pending, [("d".into(), "i-d".into())]);
    assert_eq!(work.plan.leave, ["d", "e"]);
    assert_eq!(work.plan.start, ["b"]);
    assert_eq!(work.plan.wait, ["c"]);
    assert_eq!(work.plan.drift, []);
    assert_eq!(
        work.plan.launch,
        [(
            vec!["a".into(), "f".into(), "g".into()],
            "t2.small, ami-1".into()
        )]
    );
}

#[test]
fn a_conflict_is_told_and_left_alone() {
    let instances = [
        fitting("i-1", Running, "a"),
        fitting("i-2", Stopped, "a"),
        fitting("i-3", Terminated, "a"),
    ];
    let work = Work::new("sample", &[wanted("a")], &instances, fold);
    assert_eq!(
        work.plan.conflicts,
        [("a".into(), vec!["i-1".into(), "i-2".into()])]
    );
    let nothing = Work {
        plan: work.plan.clone(),
        ..Work::default()
    };
    assert_eq!(work, nothing);
}

#[test]
fn an_interrupted_start_is_mended() {
    let mut unnamed = fitting("i-1", Running, "");
    unnamed.tags.insert(NODES_TAG.into(), "a,b".into());
    let other = Instance {
        id: "i-2".into(),
        launch_index: 1,
        state: Stopped,
        ..unnamed.clone()
    };
    let nodes = [wanted("a"), wanted("b")];
    let work = Work::new("sample", &nodes, &[unnamed, other], fold);
    assert_eq!(
        work.name,
        [("a".into(), "i-1".into()), ("b".into(), "i-2".into())]
    );
    assert_eq!(work.start, [("b".into(), "i-2".into())]);
    assert_eq!(work.launch, []);
}

#[test]
fn what_cannot_be_launched_is_said_for_the_node() {
    let mut node = wanted("a");
    node.settings.image = None;
    let work = Work::new("sample", &[node, wanted("b")], &[], fold);
    assert_eq!(work.failed.len(), 1);
    assert_eq!(work.failed[0].0, "a");
    assert_eq!(work.launch[0].names, ["b"]);
}

#[test]
fn drift_is_what_the_file_says_otherwise() {
    let mut node = wanted("a");
    let settings = &mut node.settings;
    settings.instance_type = Some("t2.large".into());
    settings.key = Some("mine".into());
    settings.iam_profile = Some("web".into());
    settings.security_group = Some(vec!["default".into(), "sg-2".into()]);
    settings.spot = Some(false);
    settings.tags = [("owner", "me"), ("env", "test")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let mut instance = fitting("i-1", Running, "a");
    instance.attrs.insert(
        "iam_profile".into(),
        "arn:aws:iam::1:instance-profile/web".into(),
    );
    instance.groups = [("sg-1", "default"), ("sg-3", "other")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    instance.tags.insert("owner".into(), "you".into());
    instance.tags.insert("more".into(), "x".into());
    let work = Work::new("sample", &[node.clone()], &[instance.clone()], fold);
    let told: Vec<String> = work
        .plan
        .drift
        .iter()
        .map(|(node, what, file, cloud)| format!("{node} {what} {file} {cloud}"))
        .collect();
    assert_eq!(
        told,
        [
            "a instance_type t2.large t2.small",
            "a key mine none",
            "a security_group default,sg-2 default,other",
            "a tag.env test none",
            "a tag.owner me you",
        ]
    );
    // Written by name or by id, in any order, it is the same.
    instance.groups = [
        ("sg-2", "web"),
        ("sg-1", "default"),
        ("sg-9", "dust-sample"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    let work = Work::new("sample", &[node], &[instance], fold);
    assert!(work.plan.drift.iter().all(|d| d.1 != "security_group"));
}

fn any_state() -> impl Strategy<Value = NodeState> {
    prop_oneof![
        Just(Pending),
        Just(Running),
        Just(Stopping),
        Just(Stopped),
        Just(ShuttingDown),
        Just(Terminated)
    ]
}

proptest! {
    /// Whatever there is: each node has exactly one fate, and one that several claim has none.
    #[test]
    fn each_node_has_one_fate(
        there in proptest::collection::vec((0..6_usize, any_state(), any::<bool>()), 0..14),
    ) {
        let instances: Vec<Instance> = there.iter().enumerate().map(|(i, (node, state, named))| {
            let mut instance = fitting(&format!("i-{i}"), *state, &format!("n{node}"));
            instance.launched = i64::try_from(i % 3).unwrap();
            if !named {
                instance.tags.remove(NAME_TAG);
                instance.tags.insert(NODES_TAG.into(), "n[0-5]".into());
                instance.launch_index = *node;
            }
            instance
        }).collect();
        let nodes: Vec<Wanted> = (0..6).map(|i| wanted(&format!("n{i}"))).collect();
        let work = Work::new("sample", &nodes, &instances, fold);
        let plan = &work.plan;
        let mut fates: Vec<String> = plan.launch.iter().flat_map(|(names, _)| names.clone()).collect();
        fates.extend(plan.start.iter().chain(&plan.leave).chain(&plan.wait).cloned());
        fates.extend(plan.conflicts.iter().map(|(name, _)| name.clone()));
        fates.sort();
        prop_assert_eq!(fates, (0..6).map(|i| format!("n{i}")).collect::<Vec<_>>());
        for (name, ids) in &plan.conflicts {
            prop_assert!(ids.len() > 1);
            let touched = work.start.iter().chain(&work.wait).chain(&work.name);
            prop_assert!(touched.into_iter().all(|(node, _)| node != name));
        }
    }
}
