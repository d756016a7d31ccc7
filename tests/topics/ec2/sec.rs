//! Security groups: what they let in, and the cluster's own one.

use super::{Lab, NODES, ONE, lab};
use crate::support::moto::Group;
use crate::support::wait_until;

/// No group in the file: dust makes one for the cluster.
const OWN: &[(&str, &str)] = &[("security_group", "")];

/// The group that dust made.
#[track_caller]
fn own(lab: &Lab) -> Group {
    let mut groups = lab.moto.groups();
    assert_eq!(groups.len(), 1, "{groups:?}");
    groups.remove(0)
}

#[test]
fn a_cluster_gets_a_group_of_its_own() {
    let lab = lab!();
    lab.file_with("lab.cnf", OWN, NODES);
    lab.launch();
    let group = own(&lab);
    assert!(group.name.contains("lab"), "{group:?}");
    assert_eq!(
        group.tags.get("dust:cluster").map(String::as_str),
        Some("lab")
    );
    for instance in lab.moto.instances() {
        assert!(instance.groups.contains_key(&group.id), "{instance:?}");
        assert_eq!(instance.all.at("vpcId"), group.vpc);
    }
    // Everything between the cluster's nodes.
    let inside = group.rules.iter().any(|rule| rule.ends_with(&group.id));
    assert!(inside, "{group:?}");
    // And ssh, from this machine's address on the way to the API, and not from everywhere.
    let ssh = format!("tcp {port}-{port} 127.0.0.1/32", port = lab.sshd.port());
    assert!(group.rules.contains(&ssh), "{group:?}");
    for rule in &group.rules {
        assert!(
            !rule.ends_with(" 0.0.0.0/0"),
            "nobody asked for that: {rule}"
        );
    }
    // Once.
    lab.dust(&["-y", "terminate", "*"]).run().expect_code(0);
    lab.launch();
    assert_eq!(own(&lab).id, group.id);
}

#[test]
fn rules_are_added_shown_and_removed() {
    let lab = lab!();
    lab.file_with("lab.cnf", OWN, NODES);
    lab.launch();
    let before = own(&lab).rules;
    let rule = ["worker*", "tcp", "80", "0.0.0.0/0"];
    lab.dust(&[&["ec2sec", "add"], &rule[..]].concat())
        .run()
        .expect_code(0);
    let has = |lab: &Lab, rule: &str| {
        lab.moto
            .groups()
            .iter()
            .any(|g| g.rules.iter().any(|r| r == rule))
    };
    assert!(has(&lab, "tcp 80-80 0.0.0.0/0"), "{:?}", lab.moto.groups());
    let run = lab
        .dust(&["ec2sec", "show", "worker0"])
        .run()
        .expect_code(0);
    let says = crate::support::run::says(&run.out(), &["tcp", "80", "0.0.0.0/0"]);
    assert!(says, "{}", run.report());
    // Again is no failure: it is so already.
    lab.dust(&[&["ec2sec", "add"], &rule[..]].concat())
        .run()
        .expect_code(0);
    lab.dust(&["ec2sec", "add", "worker*", "udp", "8000-8100", "10.0.0.0/8"])
        .run()
        .expect_code(0);
    assert!(
        has(&lab, "udp 8000-8100 10.0.0.0/8"),
        "{:?}",
        lab.moto.groups()
    );
    lab.dust(&[&["-y", "ec2sec", "remove"], &rule[..]].concat())
        .run()
        .expect_code(0);
    assert!(!has(&lab, "tcp 80-80 0.0.0.0/0"), "{:?}", lab.moto.groups());
    assert!(
        has(&lab, "udp 8000-8100 10.0.0.0/8"),
        "{:?}",
        lab.moto.groups()
    );
    for rule in before {
        assert!(has(&lab, &rule), "{rule}");
    }
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let lab = lab!();
    lab.file_with("lab.cnf", OWN, ONE);
    lab.launch();
    lab.faults.forget();
    for words in [
        &["tpc", "80", "0.0.0.0/0"][..],
        &["tcp", "80-70", "0.0.0.0/0"],
        &["tcp", "65536", "0.0.0.0/0"],
        &["tcp", "80", "0.0.0.0/33"],
        &["tcp", "80"],
    ] {
        lab.dust(&[&["ec2sec", "add", "n0"], words].concat())
            .run()
            .expect_code(2);
    }
    assert_eq!(lab.faults.mutating().len(), 0, "{}", lab.faults.report());
}

/// A group that others use is not dust's to change.
#[test]
fn a_group_of_others_is_left_alone() {
    let lab = lab!(launched ONE);
    let rules = || {
        let all = lab.moto.ask("DescribeSecurityGroups", &[]);
        let defaults = all.items("securityGroupInfo").iter();
        let mut defaults: Vec<_> = defaults
            .filter(|g| g.at("groupName") == "default")
            .collect();
        defaults.sort_by_key(|g| g.at("groupId").to_owned());
        let rules: Vec<_> = defaults
            .iter()
            .map(|g| g.items("ipPermissions").len())
            .collect();
        rules
    };
    let before = rules();
    lab.dust(&["ec2sec", "add", "n0", "tcp", "80", "0.0.0.0/0"])
        .run();
    assert_eq!(rules(), before, "{}", lab.faults.report());
}

#[test]
fn the_first_start_says_who_is_let_in() {
    let lab = lab!();
    lab.file_with("lab.cnf", OWN, ONE);
    let run = lab.launch();
    let group = own(&lab);
    assert!(
        run.err().contains(&group.name) || run.err().contains("ssh"),
        "{}",
        run.report()
    );
    wait_until("it is there", || lab.moto.states().len() == 1);
}

/// Its own address cannot be told: the person knows it.
#[test]
fn who_may_log_in_is_asked_where_it_cannot_be_told() {
    let lab = lab!();
    lab.file_with("lab.cnf", OWN, ONE);
    let mut pty = lab.terminal_with(|command| {
        command.env("DUST_MY_ADDRESS", "none");
    });
    pty.command("start --no-wait");
    pty.wait_words(&["which address", "lab"]);
    pty.line("203.0.113.9");
    let rule = format!("tcp {port}-{port} 203.0.113.9/32", port = lab.sshd.port());
    wait_until("the address is let in", || own(&lab).rules.contains(&rule));
    pty.wait_prompt();
    // Another start finds an open door, and asks nothing.
    lab.dust(&["-y", "terminate", "n0"]).run().expect_code(0);
    let run = lab
        .dust(&["start", "--no-wait"])
        .env("DUST_MY_ADDRESS", "none")
        .run()
        .expect_code(0);
    assert!(!run.err().contains("lets nobody in"), "{}", run.report());
}
