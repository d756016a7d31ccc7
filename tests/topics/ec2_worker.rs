//! The worker that talks to EC2, without the rest of dust: what it does to the API when calls are
//! lost, late, refused or made by two at once. It runs in a process of its own, so that each has its
//! own environment.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use dust::cloud::{Account, Ask, Claim, Instance, News, Wanted};
use dust::config;

use super::ec2::{Lab, NODES, ONE};
use crate::support::faults::{Fault, INTERNAL, NO_CAPACITY, THROTTLED, Until, When};
use crate::support::run::{Dust, Outcome};
use crate::support::{LONG_PATIENCE, wait_until};

/// Returns from the test where moto is missing.
macro_rules! lab {
    () => {{
        $crate::support::moto::need_moto!();
        $crate::support::deps::need!("sshd", "ssh-keygen");
        Lab::new()
    }};
}

/// What the other process is to do, and the cluster file.
const WHAT: &str = "DUST_TEST_WORKER";
const FILE: &str = "DUST_TEST_FILE";

/// The other process: asks for what the environment says, and prints the news.
#[test]
#[ignore = "the other tests of this file run it"]
fn worker() {
    let (Ok(what), Ok(file)) = (std::env::var(WHAT), std::env::var(FILE)) else {
        return;
    };
    let text = std::fs::read_to_string(&file).unwrap();
    let folder = Path::new(&file).parent().unwrap();
    let def = config::parse("lab.cnf", folder, None, &text).unwrap();
    let account = Account {
        region: def.settings.region.clone(),
        profile: None,
        endpoint: def.settings.endpoint.clone(),
    };
    let cluster = def.name.clone();
    let nodes: Vec<Wanted> = def
        .nodes
        .iter()
        .map(|node| Wanted {
            name: node.name.clone(),
            settings: node.settings.clone(),
        })
        .collect();
    let (asks, inbox) = dust::io::ec2::channel();
    let (sender, news) = mpsc::channel();
    #[expect(clippy::disallowed_methods, reason = "as io::worker does")]
    std::thread::spawn(move || {
        dust::io::ec2::serve(inbox, move |_, news| drop(sender.send(news)));
    });
    let answer = |ask: Ask| {
        assert!(asks.send(1, account.clone(), ask));
        let mut last: Vec<Instance> = Vec::new();
        loop {
            match news.recv().unwrap() {
                News::Instances(all) => last = all,
                News::Done => return last,
                News::Failed(fault) => panic!("all of it failed: {fault:?}"),
                other => println!("{other:?}"),
            }
        }
    };
    let claims = |all: &[Instance]| -> Vec<Claim> {
        let of_us = |one: &&Instance| one.exists() && one.cluster() == Some(&cluster);
        all.iter()
            .filter(of_us)
            .map(|one| Claim {
                node: one.node().unwrap(),
                id: one.id.clone(),
                cluster: Some(cluster.clone()),
            })
            .collect()
    };
    let there = match what.as_str() {
        "start" => answer(Ask::Start {
            cluster: cluster.clone(),
            nodes,
        }),
        "stop" => answer(Ask::Stop(claims(&answer(Ask::Describe)))),
        "terminate" => answer(Ask::Terminate(claims(&answer(Ask::Describe)))),
        other => panic!("{other}"),
    };
    for one in there.iter().filter(|one| one.exists()) {
        println!("node {} {}", one.node().unwrap_or_default(), one.state);
    }
}

/// A process that does this.
fn asks(lab: &Lab, what: &str) -> Dust {
    let mut command: Command = lab.env.command(std::env::current_exe().unwrap());
    command
        .args(["--exact", "topics::ec2_worker::worker"])
        .args(["--ignored", "--nocapture", "--quiet"])
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(WHAT, what)
        .env(FILE, lab.env.work().join("lab.cnf"));
    Dust::new(command).within(LONG_PATIENCE)
}

/// It starts, and says so of each node.
#[track_caller]
fn start(lab: &Lab) -> Outcome {
    asks(lab, "start").run().expect_code(0)
}

/// Names and states of what exists, as the API has them.
fn names(lab: &Lab) -> Vec<String> {
    let states = lab.moto.states().into_iter();
    states
        .map(|(name, state)| format!("{name} {state}"))
        .collect()
}

const ALL: [&str; 4] = [
    "master running",
    "worker0 running",
    "worker1 running",
    "worker2 running",
];

#[test]
fn a_start_launches_each_node_once_and_another_does_nothing() {
    let lab = lab!();
    lab.file_of(NODES);
    start(&lab);
    assert_eq!(names(&lab), ALL);
    assert_eq!(lab.faults.calls_of("RunInstances").len(), 2);
    lab.faults.forget();
    start(&lab);
    assert!(lab.faults.mutating().is_empty(), "{}", lab.faults.report());
    asks(&lab, "stop").run().expect_code(0);
    assert_eq!(lab.faults.calls_of("StopInstances").len(), 1);
    start(&lab);
    assert_eq!(lab.faults.calls_of("StartInstances").len(), 1);
    assert_eq!(names(&lab), ALL);
    asks(&lab, "terminate").run().expect_code(0);
    assert_eq!(lab.faults.calls_of("TerminateInstances").len(), 1);
    assert!(names(&lab).is_empty());
    // Another life: the tokens of the first are of no use.
    start(&lab);
    assert_eq!(names(&lab), ALL);
}

/// Whether the API knows tokens or not: one looks before one asks again.
#[test]
fn an_answer_that_is_lost_launches_nothing_twice() {
    for (fault, honoured) in [
        (Fault::CutAfter, true),
        (Fault::CutAfter, false),
        (Fault::Garbage, false),
        (Fault::HoldAfter, false),
    ] {
        let lab = lab!();
        lab.faults.honour_tokens(honoured);
        lab.file_of(NODES);
        lab.faults.on(When::action("RunInstances").times(1), fault);
        let run = asks(&lab, "start").env("DUST_EC2_TIMEOUT", "2").run();
        run.expect_code(0);
        assert_eq!(names(&lab), ALL, "{fault:?} {honoured}");
        assert_eq!(lab.moto.instances().len(), 4, "{fault:?} {honoured}");
        assert_eq!(lab.faults.calls_of("RunInstances").len(), 2);
    }
}

/// Two starts that both saw nothing: one instance a node is left, and both say that it runs.
#[test]
fn two_at_once_leave_one_instance_a_node() {
    for honoured in [true, false] {
        let lab = lab!();
        lab.faults.honour_tokens(honoured);
        lab.file_of("@worker[0-2]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
        lab.faults
            .on(When::action("RunInstances"), Fault::HoldBefore);
        let runs = [(); 2].map(|()| asks(&lab, "start").start());
        lab.faults.wait_calls("RunInstances", 2);
        lab.faults.clear();
        for run in runs {
            run.finish().expect_code(0);
        }
        assert_eq!(
            names(&lab),
            ["worker0 running", "worker1 running", "worker2 running"],
            "{honoured}\n{}",
            lab.faults.report()
        );
    }
}

#[test]
fn what_is_not_listed_yet_is_waited_for() {
    let lab = lab!();
    lab.file_of(NODES);
    lab.faults.hide_new(Until::Describes(2));
    let run = start(&lab);
    assert_eq!(lab.moto.instances().len(), 4, "{}", run.report());
    assert_eq!(names(&lab), ALL);
}

#[test]
fn what_is_stopping_is_started_once_it_has_stopped() {
    let lab = lab!();
    lab.file_of(ONE);
    start(&lab);
    lab.faults.slow_stop(Until::Describes(3));
    asks(&lab, "stop").run().expect_code(0);
    let run = start(&lab);
    assert!(run.out().contains("node n0 running"), "{}", run.report());
    assert_eq!(lab.moto.instances().len(), 1);
}

#[test]
fn what_is_pending_is_waited_for_and_what_dies_says_why() {
    let lab = lab!();
    lab.file_of("@n[0-1]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
    lab.faults.slow_start(Until::Told);
    let run = asks(&lab, "start").start();
    wait_until("they are named", || lab.moto.named("n1").len() == 1);
    let id = lab.moto.the("n1").id;
    let why = "Client.VolumeLimitExceeded: Volume limit exceeded";
    lab.faults.reason(&id, "Client.VolumeLimitExceeded", why);
    lab.moto.act("TerminateInstances", &[&id]);
    lab.faults.catch_up();
    let run = run.finish().expect_code(0);
    assert!(run.out().contains("node n0 running"), "{}", run.report());
    let failed = run.out().lines().any(|line| {
        line.starts_with("NodesFailed([\"n1\"") && line.contains("Volume limit exceeded")
    });
    assert!(failed, "{}", run.report());
}

#[test]
fn no_room_for_one_kind_is_told_for_its_nodes() {
    let lab = lab!();
    lab.file_of(NODES);
    let small = When::action("RunInstances").having("InstanceType", "t2.small");
    lab.faults.on(small, NO_CAPACITY);
    let run = start(&lab);
    let told = run.out().lines().any(|line| {
        let nodes = r#"NodesFailed(["worker0", "worker1", "worker2"]"#;
        line.starts_with(nodes) && line.contains("capacity")
    });
    assert!(told, "{}", run.report());
    assert_eq!(names(&lab), ["master running"]);
    assert_eq!(
        lab.faults.calls_of("RunInstances").len(),
        2,
        "no use to try again"
    );
}

#[test]
fn what_passes_is_tried_again() {
    for fault in [THROTTLED, INTERNAL, Fault::CutBefore] {
        let lab = lab!();
        lab.file_of(NODES);
        for action in ["DescribeInstances", "RunInstances", "CreateTags"] {
            lab.faults.on(When::action(action).times(1), fault);
        }
        start(&lab);
        assert_eq!(names(&lab), ALL, "{fault:?}");
        assert_eq!(lab.moto.instances().len(), 4, "{fault:?}");
    }
}

#[test]
fn one_that_is_protected_holds_up_no_other() {
    let lab = lab!();
    lab.file_of(NODES);
    start(&lab);
    let id = lab.moto.the("worker1").id;
    lab.moto.protect(&id, true);
    let run = asks(&lab, "terminate").run().expect_code(0);
    assert_eq!(names(&lab), ["worker1 running"]);
    let told = run.out().lines().any(|line| {
        line.starts_with("NodesFailed([\"worker1\"")
            && line.contains("protected against termination")
    });
    assert!(told, "{}", run.report());
}

/// Names are given after the launch of many; until then, and ever after, the launch tells.
#[test]
fn names_that_are_refused_are_no_reason_to_fail() {
    let lab = lab!();
    lab.file_of(NODES);
    let refused = Fault::Refuse(403, "UnauthorizedOperation", "You may not do this.");
    lab.faults.on(When::action("CreateTags"), refused);
    let run = start(&lab);
    for node in ["master", "worker0", "worker1", "worker2"] {
        let there = run.out().contains(&format!("node {node} running"));
        assert!(there, "{node}\n{}", run.report());
    }
    lab.faults.clear();
    lab.faults.forget();
    // The next start makes up for it, and launches nothing.
    start(&lab);
    assert_eq!(names(&lab), ALL);
    assert!(lab.faults.calls_of("RunInstances").is_empty());
}
