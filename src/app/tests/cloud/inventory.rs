//! What is there, and what it is called.

use super::*;
use NodeState::{Pending, Running, ShuttingDown, Stopped, Terminated};

#[test]
fn loading_asks_at_once_and_the_prompt_is_free() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    let (_, account, ask) = lab.asked();
    assert_eq!(ask, Ask::Describe);
    assert_eq!(account.region.as_deref(), Some("eu-west-1"));
    lab.keys("@master up");
    assert_eq!(lab.last_row(), "dust:democloud$ @master up");
}

#[test]
fn lines_about_nodes_wait_for_the_answer_in_their_order() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.line("show");
    lab.line("@master uptime");
    lab.line("set fold");
    assert!(lab.said("off"), "what is not about nodes does not wait");
    assert!(!lab.said("m3.medium"));
    assert_eq!(lab.last_row(), "dust:democloud (2 waiting)$");
    lab.described(&[instance(1, "master", Running)]);
    assert!(lab.said("i-1"), "{:?}", lab.rows());
    assert!(lab.took("master").contains("eval 'uptime'"));
    assert_eq!(lab.dialled, ["54.0.0.1"]);
}

#[test]
fn ctrl_c_gives_up_lines_that_wait() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.line("@master rm x");
    lab.keys("\u{3}");
    assert!(lab.said("given up: 1 line that waited"));
    lab.described(&[instance(1, "master", Running)]);
    assert_eq!(lab.took("master"), "");
}

#[test]
fn a_node_is_the_instance_that_carries_its_name() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[
        instance(1, "master", Running),
        instance(2, "worker0", Stopped),
        instance(3, "worker1", Terminated),
        instance(4, "worker2", ShuttingDown),
        instance(5, "old", Running),
        stranger(6, "web", Running),
        stranger(7, "", Stopped),
        stranger(8, "web", Running),
        stranger(9, "master", Running),
        stranger(10, "my box (old)", Running),
    ]);
    assert_eq!(
        lab.list(),
        [
            "1 checked absent -",
            "2 inside absent -",
            "3 master running i-1",
            "4 old running i-5",
            "5 worker0 stopped i-2",
            "6 worker1 absent -",
            "7 worker2 shutting-down i-4",
            "8 i-7 stopped i-7 aside",
            "9 master-i-9 running i-9 aside",
            "10 my-box--old- running i-10 aside",
            "11 web-i-6 running i-6 aside",
            "12 web-i-8 running i-8 aside",
        ]
    );
}

#[test]
fn nodes_and_indexes_stay_until_the_next_refresh() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[stranger(8, "web", Running), stranger(9, "zoo", Running)]);
    let (web, zoo) = (lab.id("web"), lab.id("zoo"));
    assert_eq!(
        lab.list()[6..],
        ["7 web running i-8 aside", "8 zoo running i-9 aside"]
    );
    // A tag brings another look; a new instance comes behind, one that is gone leaves a gap.
    lab.line("tag zoo a=b");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Done);
    lab.described(&[stranger(7, "alpha", Running), stranger(9, "zoo", Stopped)]);
    assert_eq!(
        lab.list()[6..],
        ["9 alpha running i-7 aside", "8 zoo stopped i-9 aside"]
    );
    lab.line("refresh");
    lab.described(&[stranger(7, "alpha", Running), stranger(9, "zoo", Stopped)]);
    assert_eq!(
        lab.list()[6..],
        ["7 alpha running i-7 aside", "8 zoo stopped i-9 aside"]
    );
    assert_eq!(lab.id("zoo"), zoo);
    assert_ne!(lab.id("alpha"), web);
}

#[test]
fn what_belongs_to_no_cluster_is_shown_and_left_alone() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[instance(1, "master", Running), stranger(6, "web", Running)]);
    lab.line("show");
    assert!(
        lab.said("unassigned (1): selected by full name, id or index only"),
        "{:?}",
        lab.rows()
    );
    lab.line("@* id");
    lab.line("@m* id");
    assert_eq!(lab.took("web"), "");
    lab.line("stop *");
    assert!(lab.said("stop master (1)? [y/N]"), "{:?}", lab.rows());
    lab.line("n");
    lab.line("@web id");
    assert!(lab.took("web").contains("eval 'id'"));
    lab.line("terminate i-6");
    assert_eq!(lab.last_row(), "terminate web (1)? [y/N]");
}

#[test]
fn cloud_alone_means_every_instance_of_the_region() {
    let mut lab = Lab::prompt_on("region.cnf", 1);
    lab.described(&[
        instance(1, "master", Running),
        stranger(2, "", Stopped),
        stranger(3, "web", Running),
        stranger(4, "gone", Terminated),
    ]);
    assert_eq!(
        lab.list(),
        [
            "1 i-2 stopped i-2",
            "2 master running i-1",
            "3 web running i-3"
        ]
    );
    assert_eq!(lab.last_row(), "dust:region$");
    lab.line("@* id");
    assert!(lab.took("web").contains("eval 'id'"));
    assert!(lab.took("master").contains("eval 'id'"));
    lab.line("start 1");
    let (_, _, ask) = lab.asked();
    let claim = Claim {
        node: "i-2".to_owned(),
        id: "i-2".to_owned(),
        cluster: None,
    };
    assert_eq!(ask, Ask::Wake(vec![claim]), "never launched anew");
}

#[test]
fn an_empty_region_is_no_mistake() {
    let mut lab = Lab::batch_on("region.cnf", &["show"], |_| {});
    lab.described(&[]);
    assert_eq!(lab.err(), "no instances in eu-west-1\n");
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn two_instances_of_one_node_are_named_and_nothing_is_done_to_either() {
    let mut lab = Lab::batch_on("sample.cnf", &["terminate -y master", "@master id"], |_| {});
    lab.described(&[
        instance(1, "master", Running),
        instance(2, "master", Running),
    ]);
    let err = lab.err();
    assert!(err.contains("[master] i-1 and i-2 claim to be it"), "{err}");
    assert!(err.contains("terminate one by its id"), "{err}");
    assert!(lab.asks_nothing());
    assert!(lab.dialled.is_empty());
    let list = lab.list();
    assert!(
        list.contains(&"7 master-i-1 running i-1 aside".to_owned()),
        "{list:?}"
    );
}

#[test]
fn another_instance_or_state_costs_the_connection() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[instance(1, "master", Running)]);
    lab.line("@master sleep 9");
    lab.line("refresh");
    lab.described(&[
        instance(1, "master", Terminated),
        instance(2, "master", Running),
    ]);
    assert!(
        lab.said("it is another instance now, i-2"),
        "{:?}",
        lab.rows()
    );
    lab.line("@master id");
    assert_eq!(lab.dialled, ["54.0.0.1", "54.0.0.2"]);
    lab.line("refresh");
    lab.described(&[instance(2, "master", Stopped)]);
    assert!(lab.said("lost: it is stopped"), "{:?}", lab.rows());
    lab.line("@master id");
    assert!(
        lab.said("not running: master (stopped)"),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn addresses_and_known_hosts_names() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[
        instance(1, "master", Running),
        instance(2, "inside", Running),
    ]);
    lab.line("@inside id");
    assert_eq!(lab.dialled, ["54.0.0.1", "10.0.0.2 by master"]);
    let route = |lab: &Lab, id| lab.app.fleet.get(id).unwrap().life.route().clone();
    let inside = route(&lab, lab.id("inside"));
    assert_eq!((inside.alias.as_str(), inside.alias_port), ("i-2", 22));
    assert_eq!(inside.user, "ubuntu");
    let master = route(&lab, lab.jump("master"));
    assert_eq!(master.alias, "i-1");
}

#[test]
fn what_cannot_be_known_is_not_guessed() {
    let mut lab = Lab::batch_on("sample.cnf", &["show", "terminate -y *"], |_| {});
    let (request, _, _) = lab.asked();
    let fault = Fault::new("the security token has expired").hint("aws sso login");
    lab.tell(request, News::Failed(fault));
    let err = lab.err();
    assert!(
        err.contains("dust: the security token has expired (aws sso login)"),
        "{err}"
    );
    assert!(err.contains("EC2 has not told what there is"), "{err}");
    assert_eq!(lab.out(), "");
    assert!(lab.asks_nothing());
    assert_eq!(lab.exit(), Some(1));
}

#[test]
fn attributes_select() {
    let mut lab = Lab::batch_on("sample.cnf", &["show --verbose zone=eu-west-1b"], |setup| {
        setup.json = true;
    });
    let mut one = instance(1, "master", Running);
    one.groups.insert("sg-1".to_owned(), "default".to_owned());
    lab.described(&[one, instance(2, "worker0", Pending)]);
    let out = lab.out();
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{out}");
    let attributes = &lines[0]["attributes"];
    for (key, value) in [
        ("id", "i-1"),
        ("ip", "54.0.0.1"),
        ("private_ip", "10.0.0.1"),
        ("public_ip", "54.0.0.1"),
        ("groups", "default"),
        ("region", "eu-west-1"),
        ("instance_type", "t2.small"),
        ("image", "ami-896c96fe"),
    ] {
        assert_eq!(attributes[key], value, "{key}");
    }
    assert_eq!(lines[1]["state"], "pending");
}

#[test]
fn a_thousand_instances_are_one_question() {
    let mut lab = Lab::prompt_on("region.cnf", 1);
    let many: Vec<Instance> = (0..1000_u32)
        .map(|number| {
            let mut one = stranger(1, &format!("n{number}"), Running);
            one.id = format!("i-{number:04x}");
            one
        })
        .collect();
    lab.described(&many);
    assert!(lab.asks_nothing());
    assert_eq!(lab.list().len(), 1000);
}

#[test]
fn without_ec2_it_says_so() {
    let mut lab = Lab::batch_on("sample.cnf", &["show"], |setup| setup.ec2 = false);
    let err = lab.err();
    assert!(
        err.contains("this dust was built without EC2 (cargo feature ec2)"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(2));
}

#[test]
fn columns_fit_the_terminal() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    let mut one = instance(1, "master", Running);
    one.id = "i-0123456789abcdef0".to_owned();
    lab.described(&[one]);
    lab.line("show -v");
    let rows = lab.rows();
    assert!(rows.iter().all(|row| row.chars().count() <= 80));
    assert!(
        lab.said("i-0123456789abcdef0") && lab.said("54.0.0.1"),
        "{rows:?}"
    );
}

#[test]
fn a_batch_that_is_not_about_nodes_waits_for_nobody() {
    let lab = Lab::batch_on("sample.cnf", &["help show"], |_| {});
    assert_eq!(lab.exit(), Some(0));
    let mut lab = Lab::batch_on("sample.cnf", &["refresh"], |_| {});
    assert_eq!(lab.exit(), None, "who asks wants to know");
    lab.described(&[]);
    lab.described(&[]);
    assert_eq!(lab.exit(), Some(0));
}

/// Half an id is of no use: other columns go as a whole.
#[test]
fn show_fits_the_terminal_and_cuts_no_id() {
    let id = "i-0123456789abcdef0";
    let mut one = instance(1, "master", Running);
    one.id = id.to_owned();
    for (columns, has) in [(120, true), (80, false), (64, false)] {
        let mut lab = Lab::batch_on("sample.cnf", &["show -v master"], |setup| {
            setup.terminal = true;
            setup.size.cols = columns;
        });
        lab.described(std::slice::from_ref(&one));
        let out = lab.out();
        let widest = out.lines().map(str::len).max();
        assert!(widest <= Some(columns.into()), "{columns}\n{out}");
        assert!(out.contains(id) && out.contains("running"), "{out}");
        assert_eq!(out.contains("eu-west-1b"), has, "{columns}\n{out}");
    }
}
