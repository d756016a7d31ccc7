//! Which instance is which node, and that each node gets exactly one: started twice, by two at
//! once, after a crash, after lost answers, while EC2 does not show what it has.

use nix::sys::signal::Signal;

use super::{Lab, NODES, ONE, all_are, lab};
use crate::support::faults::{Fault, INTERNAL, Until, When};
use crate::support::wait_until;

/// Every node of `NODES` has exactly one instance, with its name on it.
#[track_caller]
fn one_each(lab: &Lab) {
    assert_eq!(
        lab.moto.states(),
        all_are("running"),
        "{:?}",
        lab.moto.instances()
    );
    for instance in lab.moto.instances() {
        assert_eq!(instance.tag("dust:cluster"), "lab", "{instance:?}");
    }
}

#[test]
fn a_launch_index_is_the_node_of_that_place() {
    let lab = lab!();
    let kind = "instance_type=t2.small\nimage=ami-3eb46b49\n";
    lab.file_of(&format!("@n[08-11]\n{kind}@y\n{kind}@x\n{kind}"));
    lab.launch();
    let runs = lab.faults.calls_of("RunInstances");
    assert_eq!(
        runs.len(),
        1,
        "equal options, one call\n{}",
        lab.faults.report()
    );
    assert_eq!(lab.names(), ["n08", "n09", "n10", "n11", "x", "y"]);
}

#[test]
fn an_instance_of_another_cluster_is_none_of_ours() {
    let lab = lab!(NODES);
    let other = lab
        .moto
        .launch(1, &[("Name", "master"), ("dust:cluster", "other")], &[]);
    let bare = lab.moto.launch(1, &[("Name", "master")], &[]);
    lab.launch();
    let ours: Vec<_> = lab
        .moto
        .named("master")
        .into_iter()
        .filter(|i| !other.contains(&i.id) && !bare.contains(&i.id))
        .collect();
    assert_eq!(ours.len(), 1, "{:?}", lab.moto.instances());
    assert_eq!(ours[0].tag("dust:cluster"), "lab");
}

#[test]
fn a_terminated_node_gets_another_instance() {
    let lab = lab!(launched NODES);
    let old = lab.moto.the("worker1").id;
    lab.moto.act("TerminateInstances", &[&old]);
    lab.launch();
    one_each(&lab);
    assert_ne!(lab.moto.the("worker1").id, old);
    // With everything as at the first launch.
    let ids: Vec<_> = lab.moto.instances().into_iter().map(|i| i.id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    lab.moto.act("TerminateInstances", &ids);
    lab.launch();
    one_each(&lab);
}

#[test]
fn duplicates_are_reported_and_left_alone() {
    let lab = lab!(launched NODES);
    let tags = [("Name", "worker1"), ("dust:cluster", "lab")];
    let twin = lab.moto.launch(1, &tags, &[]).remove(0);
    let ids: Vec<_> = lab
        .moto
        .named("worker1")
        .into_iter()
        .map(|i| i.id)
        .collect();
    assert_eq!(ids.len(), 2);
    lab.faults.forget();
    for args in [
        &["start"][..],
        &["-y", "stop", "worker1"],
        &["-y", "terminate", "worker1"],
        &["tag", "worker1", "a=b"],
    ] {
        let run = lab.dust(args).run();
        assert_ne!(run.code(), 0, "{}", run.report());
        for id in &ids {
            assert!(run.err().contains(id), "{id}\n{}", run.report());
        }
    }
    let touched = lab.faults.mutating();
    let touched = touched
        .iter()
        .filter(|call| call.params.iter().any(|(_, value)| ids.contains(value)));
    assert_eq!(touched.count(), 0, "{}", lab.faults.report());
    // The others are not held up by it.
    lab.dust(&["-y", "stop", "worker*"]).run();
    assert_eq!(lab.moto.the("worker0").state, "stopped");
    assert!(
        lab.moto
            .named("worker1")
            .iter()
            .all(|i| i.state == "running")
    );
    // Once one is gone, the other is the node.
    lab.moto.act("TerminateInstances", &[&twin]);
    lab.launch();
    one_each(&lab);
}

#[test]
fn unassigned_instances_show_and_are_not_touched() {
    let lab = lab!(NODES);
    let subnet = [("SubnetId", lab.moto.subnet())];
    let id = lab
        .moto
        .launch(1, &[("Name", "precious")], &subnet)
        .remove(0);
    let other = [("Name", "theirs"), ("dust:cluster", "other")];
    let theirs = lab.moto.launch(1, &other, &subnet).remove(0);
    lab.start();
    let run = lab.dust(&["show"]).run().expect_code(0);
    assert!(run.out().contains("precious"), "{}", run.report());
    assert!(
        run.out().to_lowercase().contains("unassigned"),
        "{}",
        run.report()
    );
    lab.faults.forget();
    let run = lab.dust(&["@*", "echo on $DUST_NODE"]).run().expect_code(0);
    assert_eq!(run.lines_of("precious"), [""; 0], "{}", run.report());
    for args in [
        &["-y", "stop", "*"][..],
        &["-y", "stop", "state=running"],
        &["-y", "stop", "p*"],
        &["-y", "terminate", "instance_type=t2.*"],
        &["-y", "terminate", "*"],
        &["start"],
        &["tag", "*", "a=b"],
    ] {
        lab.dust(args).run();
        for id in [&id, &theirs] {
            let there = lab
                .moto
                .instances()
                .into_iter()
                .find(|i| i.id == *id)
                .unwrap();
            assert_eq!(there.state, "running", "after {args:?}");
            assert_eq!(there.tag("a"), "", "after {args:?}");
        }
    }
    // Who names it means it.
    lab.dust(&["-y", "stop", "precious"]).run().expect_code(0);
    assert_eq!(lab.moto.the("precious").state, "stopped");
}

/// Two starts, of which both saw that nothing was there.
fn two_at_once(lab: &Lab) {
    lab.faults
        .on(When::action("RunInstances"), Fault::HoldBefore);
    let runs = [(); 2].map(|()| lab.dust(&["start", "--no-wait"]).start());
    lab.faults.wait("a launch by each", |calls| {
        let launches = calls.iter().filter(|call| call.action == "RunInstances");
        let kinds = launches.filter(|call| call.param("InstanceType") == "t2.small");
        kinds.count() == 2
    });
    lab.faults.clear();
    for run in runs {
        drop(run.finish());
    }
}

#[test]
fn two_at_once_launch_one_each() {
    let lab = lab!();
    lab.file_of("@worker[0-2]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
    two_at_once(&lab);
    let names = lab.names();
    assert_eq!(
        names,
        ["worker0", "worker1", "worker2"],
        "{}",
        lab.faults.report()
    );
    assert_eq!(lab.moto.instances().len(), 3, "and none was terminated");
    lab.faults.forget();
    lab.launch();
    assert_eq!(lab.faults.mutating().len(), 0, "{}", lab.faults.report());
}

/// Where the API forgets tokens there may be duplicates, but they do not go unseen.
#[test]
fn two_at_once_without_tokens_are_reported() {
    let lab = lab!();
    lab.faults.honour_tokens(false);
    lab.file_of("@worker[0-2]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
    two_at_once(&lab);
    let run = lab.dust(&["start", "--no-wait"]).run();
    for name in ["worker0", "worker1", "worker2"] {
        let ids: Vec<_> = lab.moto.named(name).into_iter().map(|i| i.id).collect();
        assert!(!ids.is_empty(), "{name}");
        let told = ids.len() == 1 || ids.iter().all(|id| run.err().contains(id.as_str()));
        assert!(told, "{name}: {ids:?}\n{}", run.report());
    }
}

#[test]
fn a_crash_after_the_launch_is_healed_by_the_next_start() {
    let lab = lab!(NODES);
    lab.faults.on(
        When::action("RunInstances").having("InstanceType", "t2.small"),
        Fault::HoldAfter,
    );
    let run = lab.dust(&["start", "--no-wait"]).start();
    wait_until("the workers exist", || {
        let all = lab.moto.instances();
        all.iter()
            .filter(|i| i.all.at("instanceType") == "t2.small")
            .count()
            == 3
    });
    run.signal(Signal::SIGKILL);
    drop(run);
    lab.faults.clear();
    lab.launch();
    one_each(&lab);
    assert_eq!(lab.moto.instances().len(), 4, "and none was terminated");
}

/// Killed between the launch of many and the call that names them.
#[test]
fn a_crash_before_the_names_is_healed_by_the_next_start() {
    let lab = lab!();
    lab.file_of("@worker[0-2]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
    lab.faults.on(When::action("CreateTags"), Fault::HoldBefore);
    let run = lab.dust(&["start", "--no-wait"]).start();
    wait_until("the workers exist", || lab.moto.instances().len() == 3);
    lab.faults.wait_calls("CreateTags", 1);
    run.signal(Signal::SIGKILL);
    drop(run);
    // Until then they are told by their launch.
    lab.faults.clear();
    let shown: Vec<_> = lab.shown_states();
    let wanted = ["worker0", "worker1", "worker2"].map(|n| (n.into(), "running".into()));
    assert_eq!(shown, wanted);
    lab.launch();
    assert_eq!(lab.moto.states(), wanted);
    assert_eq!(lab.moto.instances().len(), 3);
}

/// The launch was done, and the answer got lost: the repeated call must not launch again.
#[test]
fn a_lost_answer_launches_nothing_twice() {
    for honoured in [true, false] {
        let lab = lab!();
        lab.faults.honour_tokens(honoured);
        lab.file_of(ONE);
        for (what, fault) in [("cut", Fault::CutAfter), ("garbage", Fault::Garbage)] {
            lab.faults.on(When::action("RunInstances").times(1), fault);
            let run = lab.dust(&["start", "--no-wait"]).run();
            if honoured {
                assert_eq!(run.code(), 0, "{what}\n{}", run.report());
                assert_eq!(
                    lab.moto.named("n0").len(),
                    1,
                    "{what}\n{}",
                    lab.faults.report()
                );
            } else {
                let ids: Vec<_> = lab.moto.named("n0").into_iter().map(|i| i.id).collect();
                let told = ids.len() == 1 || ids.iter().all(|id| run.err().contains(id.as_str()));
                assert!(told, "{what}: {ids:?}\n{}", run.report());
            }
            for instance in lab.moto.named("n0") {
                lab.moto.act("TerminateInstances", &[&instance.id]);
            }
            lab.faults.clear();
        }
    }
}

/// Refused after it was done, as a gateway may.
#[test]
fn a_start_that_fails_in_the_middle_can_be_repeated() {
    let lab = lab!(NODES);
    let second = When::action("RunInstances").having("InstanceType", "t2.small");
    lab.faults.on(second, INTERNAL);
    let run = lab.dust(&["start", "--no-wait"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    assert_eq!(lab.moto.states(), [("master".into(), "running".into())]);
    lab.faults.clear();
    lab.launch();
    one_each(&lab);
}

/// DescribeInstances may not show for a while what RunInstances has made.
#[test]
fn new_instances_may_take_time_to_appear() {
    let lab = lab!(NODES);
    lab.faults.hide_new(Until::Describes(3));
    lab.start();
    one_each(&lab);
    assert_eq!(lab.moto.instances().len(), 4);
    let runs = lab.faults.calls_of("RunInstances").len();
    assert_eq!(runs, 2, "{}", lab.faults.report());
}

/// A second start right after the first sees nothing of it.
#[test]
fn a_start_that_does_not_see_the_last_launch_repeats_it_harmlessly() {
    let lab = lab!(ONE);
    lab.faults.hide_new(Until::Told);
    let first = lab.dust(&["start", "--no-wait"]).start();
    wait_until("it is launched", || lab.moto.instances().len() == 1);
    let second = lab.dust(&["start", "--no-wait"]).start();
    lab.faults.wait_calls("RunInstances", 2);
    lab.faults.catch_up();
    first.finish().expect_code(0);
    second.finish().expect_code(0);
    assert_eq!(lab.moto.instances().len(), 1, "{}", lab.faults.report());
}

/// Each has a key pair of her own, so their calls differ where their tokens do not.
#[test]
fn two_people_at_once_launch_one_each() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("key", ""), ("keyfile", "")], ONE);
    lab.faults
        .on(When::action("RunInstances"), Fault::HoldBefore);
    let first = lab.dust(&["start", "--no-wait"]).start();
    lab.faults.wait_calls("RunInstances", 1);
    let other = lab.env.work().join("other");
    let second = lab
        .dust(&["start", "--no-wait"])
        .env("HOME", &other.display().to_string())
        .env("XDG_DATA_HOME", &other.join("data").display().to_string())
        .start();
    lab.faults.wait_calls("RunInstances", 2);
    lab.faults.clear();
    first.finish().expect_code(0);
    second.finish().expect_code(0);
    let keys: std::collections::BTreeSet<_> = lab
        .faults
        .calls_of("RunInstances")
        .iter()
        .map(|call| call.param("KeyName").to_owned())
        .collect();
    assert_eq!(keys.len(), 2, "{}", lab.faults.report());
    assert_eq!(lab.moto.instances().len(), 1, "{}", lab.faults.report());
}

/// One answer has it, and the next, which another machine of EC2's gives, has not.
#[test]
fn what_was_listed_once_may_be_missing_in_the_next_answer() {
    let lab = lab!(ONE);
    lab.faults.slow_start(Until::Told);
    let mut run = lab.dust(&["start"]).start();
    run.wait_for("pending is said", |_, err| {
        crate::support::run::says(err, &["n0", "pending"])
    });
    let id = lab.moto.the("n0").id;
    lab.faults.forget();
    lab.faults.hide(&id, Until::Told);
    lab.faults.wait_calls("DescribeInstances", 2);
    lab.faults.catch_up();
    run.finish().expect_code(0);
    assert_eq!(lab.moto.instances().len(), 1, "{}", lab.faults.report());
}
