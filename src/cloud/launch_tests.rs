use super::*;
use crate::cloud::lab::fold;
use crate::config::Settings;
use proptest::prelude::*;

fn options(kind: &str) -> Options {
    Options {
        image: "ami-1".into(),
        instance_type: kind.into(),
        ..Options::default()
    }
}

fn group(nodes: &[(&str, &str)]) -> Vec<Launch> {
    let nodes = nodes
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), options(kind)));
    Launch::group(nodes.collect(), |_| None, fold)
}

#[test]
fn equal_options_go_together() {
    let launches = group(&[
        ("m", "big"),
        ("w1", "small"),
        ("w0", "small"),
        ("m2", "big"),
    ]);
    let told: Vec<_> = launches
        .iter()
        .map(|l| (l.names.join(" "), l.folded.clone(), l.options.summary()))
        .collect();
    assert_eq!(
        told,
        [
            ("m m2".into(), "m,m2".into(), "big, ami-1".into()),
            ("w0 w1".into(), "w[0-1]".into(), "small, ami-1".into()),
        ]
    );
}

#[test]
fn one_node_is_named_at_once_and_many_are_listed() {
    let launches = group(&[("m", "big"), ("w0", "small"), ("w1", "small")]);
    let tags = launches[0].tags("sample");
    assert_eq!(tags.get(NAME_TAG).unwrap(), "m");
    assert_eq!(tags.get(CLUSTER_TAG).unwrap(), "sample");
    assert!(!tags.contains_key(NODES_TAG));
    let tags = launches[1].tags("sample");
    assert_eq!(tags.get(NODES_TAG).unwrap(), "w[0-1]");
    assert!(!tags.contains_key(NAME_TAG));
}

#[test]
fn names_that_do_not_fold_are_launched_in_several_calls() {
    let names: Vec<String> = (0..100_u32)
        .map(|i| format!("node-{}", i.wrapping_mul(2_654_435_761)))
        .collect();
    let nodes = names.iter().map(|name| (name.clone(), options("small")));
    let launches = Launch::group(nodes.collect(), |_| None, fold);
    assert!(launches.len() > 1);
    let mut found = Vec::new();
    for launch in &launches {
        assert!(launch.folded.chars().count() <= TAG_VALUE_MAX);
        assert_eq!(launched_names(&launch.folded, 1000), launch.names);
        found.extend(launch.names.clone());
    }
    found.sort();
    let mut names = names;
    names.sort();
    assert_eq!(found, names);
}

#[test]
fn a_hundred_nodes_of_three_kinds_are_three_calls() {
    let nodes = (0..100).map(|i| (format!("w{i}"), options(["a", "b", "c"][i % 3])));
    assert!(Launch::group(nodes.collect(), |_| None, fold).len() <= 6);
    let nodes = (0..100).map(|i| (format!("w{i}"), options(["a", "b", "c"][i / 34])));
    assert_eq!(Launch::group(nodes.collect(), |_| None, fold).len(), 3);
}

#[test]
fn the_token_is_that_of_what_is_wanted() {
    let launch = &group(&[("w0", "small"), ("w1", "small")])[0];
    let token = launch.token("sample", b"", 0);
    assert_eq!(token, launch.clone().token("sample", b"", 0));
    assert!(token.len() <= 64 && token.is_ascii());

    let change = |change: &dyn Fn(&mut Launch)| {
        let mut other = launch.clone();
        change(&mut other);
        other.token("sample", b"", 0)
    };
    let others = [
        launch.token("other", b"", 0),
        launch.token("sample", b"#!/bin/sh", 0),
        launch.token("sample", b"", 1),
        change(&|l| l.past.push("i-1".into())),
        change(&|l| l.names.truncate(1)),
        change(&|l| l.options.instance_type = "big".into()),
        change(&|l| l.options.image = "ami-2".into()),
        change(&|l| l.options.subnet = Some(String::new())),
        change(&|l| l.options.zone = Some(String::new())),
        change(&|l| l.options.security_group = Some(vec!["sg-1".into()])),
        change(&|l| l.options.spot = true),
        change(&|l| l.options.disk = Some(8)),
        change(&|l| l.options.key = Key::None),
        change(&|l| l.options.key = Key::Named("k".into())),
        change(&|l| drop(l.options.tags.insert("a".into(), "b".into()))),
    ];
    let all: BTreeSet<&String> = others.iter().chain([&token]).collect();
    assert_eq!(all.len(), others.len() + 1);
}

#[test]
fn a_file_without_image_or_type_names_the_key() {
    let mut node = Wanted {
        name: "w0".into(),
        settings: Settings::default(),
    };
    let fault = Options::of(&node).unwrap_err();
    assert!(fault.text.contains("`image`"), "{fault:?}");
    node.settings.image = Some("ami-1".into());
    let fault = Options::of(&node).unwrap_err();
    assert!(fault.text.contains("`instance_type`"), "{fault:?}");
    node.settings.instance_type = Some("t3.micro".into());
    let with_tags = BTreeMap::from([
        ("Name".to_owned(), "x".to_owned()),
        ("owner".to_owned(), "me".to_owned()),
    ]);
    node.settings.tags = with_tags;
    let options = Options::of(&node).unwrap();
    assert_eq!(options.key, Key::Own);
    assert_eq!(options.tags.keys().collect::<Vec<_>>(), ["owner"]);
    node.settings.keyfile = Some("k.pem".into());
    assert_eq!(Options::of(&node).unwrap().key, Key::None);
    node.settings.key = Some("k".into());
    assert_eq!(Options::of(&node).unwrap().key, Key::Named("k".into()));
}

proptest! {
    #[test]
    fn every_node_is_launched_once(
        names in proptest::collection::btree_set("[a-c]{1,2}[0-9]{0,3}(-[0-9]{1,2})?", 1..40),
    ) {
        let nodes = names.iter().map(|name| (name.clone(), options("small")));
        let launches = Launch::group(nodes.collect(), |_| None, fold);
        let mut found = Vec::new();
        for launch in &launches {
            prop_assert_eq!(&launched_names(&launch.folded, 1000), &launch.names);
            found.extend(launch.names.clone());
        }
        found.sort();
        prop_assert_eq!(found, names.into_iter().collect::<Vec<_>>());
    }
}
