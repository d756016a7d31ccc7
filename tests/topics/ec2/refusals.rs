//! What EC2 does wrong, and what a person sees of it.

use super::{NODES, ONE, all_are, lab};
use crate::support::faults::{
    Fault, INTERNAL, LIMIT, NO_CAPACITY, THROTTLED, UNAUTHORIZED, Until, When,
};
use crate::support::wait_until;

/// A few refusals of a kind that passes are nothing to speak of.
#[test]
fn throttling_and_failures_that_pass_are_retried() {
    for fault in [THROTTLED, INTERNAL, Fault::CutBefore] {
        let lab = lab!(NODES);
        lab.faults
            .on(When::action("DescribeInstances").times(2), fault);
        lab.faults.on(When::action("RunInstances").times(1), fault);
        lab.faults.on(When::action("CreateTags").times(1), fault);
        lab.launch();
        assert_eq!(lab.moto.states(), all_are("running"), "{fault:?}");
        assert_eq!(lab.moto.instances().len(), 4, "{fault:?}");
    }
}

#[test]
fn throttling_that_stays_is_said() {
    let lab = lab!(ONE);
    lab.faults.on(When::any(), THROTTLED);
    let run = lab.dust(&["start", "--no-wait"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    let run = run.expect_reason("ec2", &["too many", "limit"]);
    assert!(run.err().lines().count() <= 4, "{}", run.report());
}

/// The rest of the nodes goes on.
#[test]
fn no_room_for_one_kind_is_told_for_its_nodes() {
    for (fault, word) in [(NO_CAPACITY, "capacity"), (LIMIT, "limit")] {
        let lab = lab!(NODES);
        lab.faults.on(
            When::action("RunInstances").having("InstanceType", "m3.medium"),
            fault,
        );
        let run = lab.dust(&["start"]).run();
        assert_ne!(run.code(), 0, "{}", run.report());
        let run = run.expect_notice(&["master", word]);
        assert_eq!(
            lab.names(),
            ["worker0", "worker1", "worker2"],
            "{}",
            run.report()
        );
        lab.faults.clear();
        lab.start();
        assert_eq!(lab.moto.states(), all_are("running"));
    }
}

/// There is room for two of three.
#[test]
fn room_for_some_is_no_mess() {
    let lab = lab!();
    lab.file_of("@w[0-2]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
    lab.faults.room_for(2);
    let run = lab.dust(&["start", "--no-wait"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    let some = lab.names();
    assert!(some.iter().all(|name| name.starts_with('w')), "{some:?}");
    lab.faults.room_for(10);
    lab.launch();
    assert_eq!(lab.names(), ["w0", "w1", "w2"]);
}

#[test]
fn a_missing_permission_is_named() {
    let lab = lab!(ONE);
    lab.faults.on(When::action("RunInstances"), UNAUTHORIZED);
    let run = lab
        .dust(&["start"])
        .run()
        .expect_notice(&["ec2:RunInstances"]);
    assert_ne!(run.code(), 0, "{}", run.report());
    assert!(!run.err().contains("abcdefghijklmnop"), "{}", run.report());
    assert_eq!(
        lab.faults.calls_of("RunInstances").len(),
        1,
        "no use to try again"
    );
}

#[test]
fn what_does_not_exist_is_named() {
    let lab = lab!();
    for (key, value) in [
        ("image", "ami-12345678"),
        ("instance_type", "t2.smal"),
        ("key", "nokey"),
        ("subnet", "subnet-0123"),
    ] {
        let mut node = format!("{ONE}{key}={value}\n");
        if key == "image" || key == "instance_type" {
            let others = ONE.lines().filter(|line| !line.starts_with(key));
            node = others.map(|line| format!("{line}\n")).collect();
            node = format!("{node}{key}={value}\n");
        }
        lab.file_of(&node);
        let run = lab.dust(&["start"]).run();
        assert_ne!(run.code(), 0, "{}", run.report());
        run.expect_notice(&["n0", value]);
    }
    assert!(lab.moto.instances().is_empty());
}

#[test]
fn a_launch_without_an_image_is_refused_before_anything() {
    let lab = lab!();
    lab.file_of("@n0\ninstance_type=t2.small\n");
    let run = lab.dust(&["start"]).run().expect_notice(&["n0", "image"]);
    assert_ne!(run.code(), 0, "{}", run.report());
    assert!(lab.faults.calls_of("RunInstances").is_empty());
}

/// EC2 takes the launch, and then gives up: the instance goes from pending to terminated.
#[test]
fn an_instance_that_dies_at_launch_says_why() {
    let lab = lab!();
    lab.file_of("@n[0-1]\ninstance_type=t2.small\nimage=ami-3eb46b49\n");
    lab.faults.slow_start(Until::Told);
    let run = lab.dust(&["start"]).start();
    wait_until("they are launched", || lab.moto.named("n1").len() == 1);
    let id = lab.moto.the("n1").id;
    lab.faults.reason(
        &id,
        "Client.VolumeLimitExceeded",
        "Client.VolumeLimitExceeded: Volume limit exceeded",
    );
    lab.moto.act("TerminateInstances", &[&id]);
    lab.faults.catch_up();
    let run = run.finish();
    assert_ne!(run.code(), 0, "{}", run.report());
    run.expect_notice(&["n1", "volume limit exceeded"]);
    lab.dust(&["@n0", "echo up"])
        .run()
        .expect_code(0)
        .expect_lines("n0", &["up"]);
}

/// At a prompt as well.
#[test]
fn a_refusal_leaves_the_prompt_as_it_was() {
    let lab = lab!(ONE);
    let mut pty = lab.terminal();
    lab.faults.on(When::action("RunInstances"), UNAUTHORIZED);
    pty.command("start");
    pty.wait_words(&["ec2:RunInstances"]);
    pty.wait_prompt();
    lab.faults.clear();
    pty.command("start");
    wait_until("it runs", || lab.moto.states().len() == 1);
    pty.wait_prompt();
    pty.command("@n0 echo up $((40+2))");
    pty.wait_row("[n0] up 42");
}
