//! How many calls dust makes: EC2 counts them.

use super::{ONE, lab};
use crate::support::LONG_PATIENCE;

#[test]
fn a_hundred_nodes_of_three_kinds_are_a_handful_of_calls() {
    let lab = lab!();
    lab.file_of(
        "@master\ninstance_type=m3.medium\nimage=ami-896c96fe\n\n\
         @worker[00-48]\ninstance_type=t2.small\nimage=ami-3eb46b49\n\n\
         @store[00-49]\ninstance_type=c5.large\nimage=ami-3eb46b49\n",
    );
    let run = lab
        .dust(&["start", "--no-wait"])
        .within(LONG_PATIENCE)
        .run()
        .expect_code(0);
    let changes = lab.faults.mutating();
    let named = lab.faults.calls_of("CreateTags").len();
    // EC2 gives all instances of one launch the same tags: each name is a call of its own.
    assert!(
        changes.len() - named <= 5 && named <= 99,
        "{}\n{}",
        lab.faults.report(),
        run.report()
    );
    let names = lab.names();
    assert_eq!(names.len(), 100);
    for name in ["worker48", "store00"] {
        assert!(names.iter().any(|n| n == name), "{name} of {names:?}");
    }
    let kinds: Vec<_> = ["master", "worker07", "store49"]
        .iter()
        .map(|name| lab.moto.the(name).all.at("instanceType").to_owned())
        .collect();
    assert_eq!(kinds, ["m3.medium", "t2.small", "c5.large"]);
    // So are their stop, start and end.
    for args in [
        &["-y", "stop", "*"][..],
        &["start", "--no-wait"],
        &["-y", "terminate", "*"],
    ] {
        lab.faults.forget();
        lab.dust(args).run().expect_code(0);
        assert!(
            lab.faults.mutating().len() <= 2,
            "{args:?}\n{}",
            lab.faults.report()
        );
    }
    assert!(lab.moto.states().is_empty());
}

#[test]
fn a_thousand_instances_are_one_paginated_describe() {
    let lab = lab!();
    lab.file_of("@worker[000-999]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
    // As dust launches them: named by their place in the launch.
    for hundred in 0..10 {
        let nodes = format!("worker[{hundred}00-{hundred}99]");
        let tags = [("dust:cluster", "lab"), ("dust:nodes", nodes.as_str())];
        lab.moto.launch(100, &tags, &[]);
    }
    let run = lab.dust(&["show"]).run().expect_code(0);
    assert_eq!(
        run.out().matches("running").count(),
        1000,
        "{:.2000}",
        run.out()
    );
    let calls = lab.faults.calls();
    let describes = lab.faults.calls_of("DescribeInstances");
    assert_eq!(calls.len(), describes.len(), "{}", lab.faults.report());
    let first = describes
        .iter()
        .filter(|call| call.param("NextToken").is_empty());
    assert_eq!(first.count(), 1, "{}", lab.faults.report());
    assert!(describes.len() <= 10, "{}", lab.faults.report());
}

/// An instance a reservation, as tools launch that know nothing of ranges: more than one page.
#[test]
fn pages_are_read_to_the_end() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("name", "all")], "");
    for n in 0..105 {
        lab.moto.launch(1, &[("Name", &format!("n{n:03}"))], &[]);
    }
    assert_eq!(lab.shown_states().len(), 105);
    let first = lab.faults.calls_of("DescribeInstances");
    let first = first
        .iter()
        .filter(|call| call.param("NextToken").is_empty());
    assert_eq!(first.count(), 1, "{}", lab.faults.report());
}

/// Nothing is asked before it is needed.
#[test]
fn commands_about_dust_itself_ask_nobody() {
    let lab = lab!(ONE);
    for args in [&["help", "start"][..], &["set", "fold", "on"], &["cd", "/"]] {
        lab.dust(args).run().expect_code(0);
    }
    let changed = lab.faults.mutating();
    assert!(changed.is_empty(), "{}", lab.faults.report());
}
