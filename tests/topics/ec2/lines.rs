//! The commands as command lines: statuses, what stands on which stream, JSON.

use super::{NODES, ONE, all_are, lab};
use crate::support::wait_until;

#[test]
fn a_life_in_one_shot_runs() {
    let lab = lab!(NODES);
    assert_eq!(lab.shown_states(), all_are("absent"));
    let run = lab.start();
    assert_eq!(run.out(), "", "progress is no output\n{}", run.report());
    assert_eq!(lab.moto.states(), all_are("running"));
    assert_eq!(lab.shown_states(), all_are("running"));
    let run = lab
        .dust(&["@worker*", "echo $DUST_NODE of $DUST_SIZE in $DUST_CLUSTER"])
        .run()
        .expect_code(0);
    for worker in ["worker0", "worker1", "worker2"] {
        assert_eq!(run.lines_of(worker), [format!("{worker} of 4 in lab")]);
    }
    lab.dust(&["-y", "stop", "worker*"]).run().expect_code(0);
    let states = |name: &str| lab.moto.the(name).state;
    assert_eq!(
        [states("worker0"), states("master")],
        ["stopped", "running"]
    );
    // Those that do not run are named and left out.
    let run = lab.dust(&["@*", "echo here"]).run();
    assert_eq!(run.lines_of("master"), ["here"], "{}", run.report());
    assert_eq!(run.out().lines().count(), 1);
    run.expect_notice(&["worker[0-2]", "stopped"]);
    lab.dust(&["start", "state=stop*"]).run().expect_code(0);
    assert_eq!(lab.moto.states(), all_are("running"));
    lab.dust(&["-y", "terminate", "worker[0-1]"])
        .run()
        .expect_code(0);
    let left = [("master", "running"), ("worker2", "running")];
    assert_eq!(lab.moto.states(), left.map(|(n, s)| (n.into(), s.into())));
    assert_eq!(lab.moto.instances().len(), 4);
    lab.dust(&["-y", "terminate", "*"]).run().expect_code(0);
    assert!(lab.moto.states().is_empty());
    assert_eq!(lab.shown_states(), all_are("absent"));
}

/// Several lines in one run wait for each other.
#[test]
fn lines_in_a_batch_follow_each_other() {
    let lab = lab!(ONE);
    let lines = [
        "start",
        "@n0 echo up",
        "stop n0",
        "start",
        "@n0 echo again",
        "terminate n0",
    ];
    let args: Vec<&str> = lines.iter().flat_map(|line| ["-c", line]).collect();
    let run = lab
        .dust(&[&["-y"], &args[..]].concat())
        .run()
        .expect_code(0);
    assert_eq!(run.lines_of("n0"), ["up", "again"], "{}", run.report());
    assert!(lab.moto.states().is_empty());
    assert_eq!(lab.moto.instances().len(), 1);
}

#[test]
fn start_again_changes_nothing() {
    let lab = lab!(NODES);
    lab.start();
    let before = lab.moto.instances();
    lab.faults.forget();
    for args in [
        &["start"][..],
        &["start", "worker*"],
        &["start", "state=running"],
    ] {
        lab.dust(args).run().expect_code(0);
    }
    assert_eq!(lab.faults.mutating().len(), 0, "{}", lab.faults.report());
    let ids = |all: &[crate::support::moto::Instance]| {
        all.iter().map(|i| i.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&lab.moto.instances()), ids(&before));
}

#[test]
fn a_part_is_started() {
    let lab = lab!(NODES);
    lab.dust(&["start", "worker[0,2]"]).run().expect_code(0);
    assert_eq!(lab.names(), ["worker0", "worker2"]);
}

#[test]
fn plan_changes_nothing() {
    let lab = lab!(NODES);
    lab.dust(&["start", "--no-wait", "master,worker0"])
        .run()
        .expect_code(0);
    lab.dust(&["-y", "stop", "worker0"]).run().expect_code(0);
    lab.faults.forget();
    let run = lab.dust(&["plan"]).run().expect_code(0);
    let out = run.out().to_lowercase();
    for words in [
        ["launch", "worker[1-2]"],
        ["start", "worker0"],
        ["leave", "master"],
    ] {
        assert!(
            crate::support::run::says(&out, &words),
            "{words:?}\n{}",
            run.report()
        );
    }
    lab.dust(&["--json", "plan"]).run().expect_code(0);
    assert_eq!(lab.faults.mutating().len(), 0, "{}", lab.faults.report());
    assert_eq!(lab.moto.states().len(), 2);
}

#[test]
fn plan_tells_what_differs() {
    let lab = lab!(launched ONE);
    lab.file_of("@n0\ninstance_type=m3.medium\nimage=ami-3eb46b49\n");
    let run = lab.dust(&["plan"]).run().expect_code(0);
    let says = crate::support::run::says(&run.out(), &["n0", "t2.small", "m3.medium"]);
    assert!(says, "{}", run.report());
}

#[test]
fn show_has_what_ec2_says() {
    let lab = lab!(launched NODES);
    let master = lab.moto.the("master");
    let node = lab.shown("master").remove(0);
    assert_eq!(node["state"], "running");
    assert_eq!(node["cluster"], "lab");
    assert_eq!(node["attributes"]["id"], master.id.as_str());
    assert_eq!(node["attributes"]["private_ip"], master.private_ip.as_str());
    assert_eq!(node["attributes"]["instance_type"], "m3.medium");
    assert_eq!(node["tags"]["Name"], "master");
    // Attributes are targets.
    for target in [
        format!("id={}", master.id),
        format!("ip={}", master.private_ip),
        "instance_type=m3.*".into(),
        "image=ami-896c96fe".into(),
        "tags=Name:mas*".into(),
        master.id.clone(),
    ] {
        let found: Vec<_> = lab
            .shown(&target)
            .iter()
            .map(|n| n["name"].clone())
            .collect();
        assert_eq!(found, ["master"], "{target}");
    }
    let table = lab.dust(&["show"]).run().expect_code(0).out();
    assert!(table.contains(&master.id), "{table}");
    assert!(table.contains(&master.private_ip), "{table}");
    let all = lab
        .dust(&["show", "-vv", "master"])
        .run()
        .expect_code(0)
        .out();
    for word in [
        "eu-west-1a",
        lab.moto.subnet(),
        "mykey",
        "ami-896c96fe",
        "dust:cluster",
    ] {
        assert!(all.contains(word), "{word}\n{all}");
    }
}

#[test]
fn tags_are_set_and_removed() {
    let lab = lab!(launched NODES);
    lab.dust(&["tag", "worker*", "owner=devops,env=test run"])
        .run()
        .expect_code(0);
    for name in ["worker0", "worker1", "worker2"] {
        let node = lab.moto.the(name);
        assert_eq!([node.tag("owner"), node.tag("env")], ["devops", "test run"]);
    }
    assert_eq!(lab.moto.the("master").tag("owner"), "");
    assert_eq!(lab.shown("tags=owner:devops").len(), 3);
    lab.dust(&["untag", "worker0", "owner"])
        .run()
        .expect_code(0);
    assert_eq!(lab.moto.the("worker0").tag("owner"), "");
    assert_eq!(lab.moto.the("worker1").tag("owner"), "devops");
}

/// Those tags say which instance is which node.
#[test]
fn dusts_own_tags_are_not_for_tag() {
    let lab = lab!(launched NODES);
    lab.faults.forget();
    for args in [
        ["tag", "worker0", "Name=other"],
        ["tag", "worker0", "dust:cluster=other"],
        ["untag", "worker0", "Name"],
        ["untag", "worker0", "dust:cluster"],
    ] {
        let run = lab.dust(&args).run();
        assert_ne!(run.code(), 0, "{}", run.report());
    }
    assert_eq!(lab.faults.mutating().len(), 0, "{}", lab.faults.report());
}

#[test]
fn refresh_sees_what_others_did() {
    let lab = lab!(launched NODES);
    let mut pty = lab.terminal();
    pty.command("show");
    pty.wait_words(&["worker1", "running"]);
    lab.moto
        .act("StopInstances", &[&lab.moto.the("worker1").id]);
    lab.moto
        .act("TerminateInstances", &[&lab.moto.the("worker2").id]);
    pty.command("refresh");
    pty.wait_prompt();
    pty.command("show");
    pty.wait_words(&["worker1", "stopped"]);
    pty.wait_words(&["worker2", "absent"]);
}

/// A file with `@cloud` alone is about all instances of the region.
#[test]
fn a_file_without_nodes_manages_the_region() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("name", "all")], "");
    let subnet = [("SubnetId", lab.moto.subnet())];
    lab.moto.launch(1, &[("Name", "web")], &subnet);
    lab.moto.launch(1, &[("Name", "db")], &subnet);
    lab.moto
        .launch(1, &[("Name", "old"), ("dust:cluster", "other")], &subnet);
    let names = |lab: &super::Lab| {
        let mut names: Vec<_> = lab
            .shown_states()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&lab), ["db", "old", "web"]);
    let run = lab
        .dust(&["@web,db", "echo $DUST_NODE"])
        .run()
        .expect_code(0);
    assert_eq!(run.lines_of("web"), ["web"], "{}", run.report());
    assert_eq!(run.lines_of("db"), ["db"], "{}", run.report());
    lab.dust(&["-y", "stop", "web"]).run().expect_code(0);
    assert_eq!(lab.moto.the("web").state, "stopped");
    lab.dust(&["-y", "terminate", "db"]).run().expect_code(0);
    assert!(lab.moto.named("db").is_empty());
    lab.start();
    assert_eq!(lab.moto.the("web").state, "running");
    // Two of one name are two nodes.
    lab.moto.launch(1, &[("Name", "web")], &subnet);
    let shown = names(&lab);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown.iter().filter(|name| name.contains("web")).count(), 2);
    // And one without a name is called by its id.
    let id = lab.moto.launch(1, &[], &subnet).remove(0);
    assert!(names(&lab).contains(&id));
}

#[test]
fn use_takes_a_region() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("name", "all")], "");
    lab.moto.launch(1, &[("Name", "here")], &[]);
    lab.moto
        .region("us-east-1")
        .launch(1, &[("Name", "there")], &[]);
    let mut pty = lab.terminal();
    pty.command("show");
    pty.wait_words(&["here", "running"]);
    pty.command("use us-east-1");
    // Two clusters are loaded now: the prompt has their number.
    pty.line("show");
    pty.wait_words(&["there", "running"]);
    wait_until("the other region was asked", || {
        lab.faults
            .calls()
            .iter()
            .any(|call| call.region == "us-east-1")
    });
}
