//! Nodes behind jump hosts.

use super::lab::{Lab, batch_on, configured, manual_on};
use crate::app::{Effect, Event};
use crate::model::NodeId;
use crate::session::life::{Event as LifeEvent, Fault, HostKeyVerdict, Methods, Question, Refusal};
use std::time::Duration;

fn hangups(lab: &Lab) -> Vec<NodeId> {
    let hangups = lab.others.iter().filter_map(|effect| match effect {
        Effect::Hangup(id) => Some(*id),
        _ => None,
    });
    hangups.collect()
}

fn dropped(why: &str) -> LifeEvent {
    LifeEvent::Fault(Fault::Dropped(why.to_owned()))
}

fn refused(why: &str) -> LifeEvent {
    LifeEvent::Fault(Fault::Refused(why.to_owned()))
}

#[test]
fn nodes_share_one_connection_to_their_jump_host() {
    let mut lab = batch_on("jump.cnf", &["@w* true"]);
    assert_eq!(
        lab.dialled,
        [
            "10.9.0.1",
            "10.0.0.0 by ops@10.9.0.1",
            "10.0.0.1 by ops@10.9.0.1",
            "10.0.0.2 by ops@10.9.0.1"
        ]
    );
    for node in ["w0", "w1", "w2"] {
        assert!(lab.took(node).contains("eval 'true'"));
        lab.ends(node, 0);
    }
    assert_eq!(lab.exit(), Some(0), "{}", lab.err());
}

#[test]
fn a_chain_is_walked_one_by_one() {
    let lab = batch_on("jump.cnf", &["@c* true"]);
    assert_eq!(
        lab.dialled,
        [
            "10.9.0.1",
            "10.9.0.2 by 10.9.0.1",
            "10.0.0.3 by 10.9.0.2",
            "10.0.0.4 by 10.9.0.2"
        ]
    );
}

#[test]
fn no_node_is_dialled_before_its_jump_host_is_there() {
    let mut lab = manual_on("jump.cnf", &["@w* true"]);
    let jump = lab.jump("ops@10.9.0.1");
    let events = [
        LifeEvent::Resolved(Ok(vec!["10.9.0.1:22".parse().unwrap()])),
        LifeEvent::Connected,
        LifeEvent::Handshaken(String::new(), HostKeyVerdict::Known),
        LifeEvent::Key(Ok(true)),
    ];
    let tunnels = |lab: &Lab| {
        let tunnels = lab.others.iter();
        tunnels
            .filter(|effect| matches!(effect, Effect::Tunnel { .. }))
            .count()
    };
    for event in events {
        assert_eq!(tunnels(&lab), 0);
        lab.link(jump, 0, event);
        lab.settle();
    }
    lab.link(jump, 0, LifeEvent::Accepted);
    lab.settle();
    assert_eq!(tunnels(&lab), 3);
    assert!(
        lab.others
            .iter()
            .any(|effect| matches!(effect, Effect::Carry(id) if *id == jump))
    );
}

#[test]
fn a_jump_host_that_cannot_be_reached_is_named_for_each_node_at_once() {
    let mut lab = manual_on("jump.cnf", &["@w* true"]);
    let jump = lab.jump("ops@10.9.0.1");
    lab.link(
        jump,
        0,
        LifeEvent::Resolved(Ok(vec!["10.9.0.1:22".parse().unwrap()])),
    );
    lab.link(jump, 0, refused("connection refused"));
    lab.settle();
    assert_eq!(lab.exit(), Some(255));
    for node in ["w0", "w1", "w2"] {
        let line = format!(
            "[{node}] lost: the jump host ops@10.9.0.1: connection refused; it did not run: true"
        );
        let err = String::from_utf8_lossy(lab.app.err()).into_owned();
        assert!(err.contains(&line), "{err}");
    }
}

#[test]
fn a_chain_that_breaks_at_its_start_says_where() {
    let mut lab = manual_on("jump.cnf", &["@c0 true"]);
    let jump = lab.jump("10.9.0.1");
    lab.link(jump, 0, LifeEvent::Resolved(Err("no such host".to_owned())));
    lab.settle();
    assert_eq!(lab.exit(), Some(255));
    let err = lab.err();
    assert!(
        err.contains("[c0] lost: the jump host 10.9.0.2: the jump host 10.9.0.1: cannot resolve"),
        "{err}"
    );
}

#[test]
fn what_a_jump_host_refuses_is_the_nodes_failure_alone() {
    let mut lab = Lab::prompt_on("jump.cnf", 1);
    lab.line("@w0 sleep 9");
    lab.manual = true;
    lab.line("@w1 true");
    let refusal = Refusal {
        code: 1,
        text: "open failed".to_owned(),
    };
    let id = lab.id("w1");
    let event = Event::NotForwarded(id, 0, Some(refusal));
    lab.app.handle(lab.now, event);
    lab.settle();
    let rows = lab.rows().concat();
    assert!(
        rows.contains(
            "[w1] lost: ops@10.9.0.1 refuses to forward to 10.0.0.1:22: administratively"
        ),
        "{rows}"
    );
    assert!(!rows.contains("[w0]"), "{rows}");
}

#[test]
fn a_lost_jump_host_is_the_reason_for_each_and_the_next_use_opens_it_again() {
    let mut lab = Lab::prompt_on("jump.cnf", 1);
    lab.line("@w* true");
    lab.ends("w0", 0);
    lab.ends("w1", 0);
    lab.ends("w2", 0);
    lab.line("@w0 sleep 9");
    let jump = lab.jump("ops@10.9.0.1");
    lab.link(jump, 0, dropped("the cable"));
    lab.settle();
    let idle = "[w[1-2]] connection lost: the jump host ops@10.9.0.1: the cable";
    assert!(lab.rows().contains(&idle.to_owned()), "{:?}", lab.rows());
    // What had arrived is read first.
    lab.says("w0", "its last line\n");
    for node in ["w0", "w1", "w2"] {
        lab.link(lab.id(node), 0, dropped("closed"));
    }
    lab.settle();
    let rows = lab.rows();
    assert!(rows.contains(&"[w0] its last line".to_owned()), "{rows:?}");
    let lost = rows.concat();
    assert!(
        lost.contains(
            "[w0] lost: the jump host ops@10.9.0.1: the cable, while it ran: sleep 9 (0.0s)"
        ),
        "{rows:?}"
    );
    assert_eq!(lost.matches("connection lost").count(), 1, "{rows:?}");
    lab.dialled.clear();
    lab.took("w1");
    lab.line("@w1 id");
    assert_eq!(lab.dialled, ["10.9.0.1", "10.0.0.1 by ops@10.9.0.1"]);
    assert!(lab.took("w1").contains("eval 'id'"));
}

#[test]
fn a_node_that_had_not_begun_is_tried_again_with_its_jump_host() {
    let mut lab = Lab::prompt_on("jump.cnf", 1);
    lab.line("@w0 true");
    lab.ends("w0", 0);
    lab.manual = true;
    lab.line("@w1 id");
    let jump = lab.jump("ops@10.9.0.1");
    lab.manual = false;
    lab.dialled.clear();
    lab.link(jump, 0, dropped("the cable"));
    lab.settle();
    assert!(lab.dialled.is_empty(), "it pauses");
    lab.after(Duration::from_secs(5));
    assert_eq!(lab.dialled, ["10.9.0.1", "10.0.0.1 by ops@10.9.0.1"]);
    assert!(lab.took("w1").contains("eval 'id'"));
}

#[test]
fn the_last_node_closes_the_jump_host_behind_it() {
    let mut lab = Lab::prompt_on("jump.cnf", 1);
    lab.line("@w*,c0 true");
    let (one, first, second) = (
        lab.jump("ops@10.9.0.1"),
        lab.jump("10.9.0.1"),
        lab.jump("10.9.0.2"),
    );
    lab.line("disconnect w[0-1],c0");
    let gone = hangups(&lab);
    assert!(!gone.contains(&one), "w2 uses it");
    assert!(
        gone.contains(&first) && gone.contains(&second),
        "the whole chain"
    );
    lab.line("disconnect w2");
    assert!(hangups(&lab).contains(&one));
}

#[test]
fn reconnecting_all_nodes_reconnects_the_jump_host() {
    let mut lab = Lab::prompt_on("jump.cnf", 1);
    lab.line("@w* true");
    lab.dialled.clear();
    lab.line("reconnect w0");
    assert_eq!(lab.dialled, ["10.0.0.0 by ops@10.9.0.1"]);
    lab.dialled.clear();
    lab.line("reconnect w*");
    assert_eq!(lab.dialled.first().map(String::as_str), Some("10.9.0.1"));
    assert_eq!(lab.dialled.len(), 4);
}

#[test]
fn a_jump_hosts_question_bears_its_name_and_its_answer_goes_to_no_node() {
    let mut lab = Lab::prompt_on("jump.cnf", 1);
    lab.manual = true;
    lab.line("@w0 true");
    let jump = lab.jump("ops@10.9.0.1");
    let question = Question {
        text: "Password: ".to_owned(),
        echo: false,
    };
    let interactive = Methods {
        interactive: true,
        ..Methods::default()
    };
    let login = |lab: &mut Lab, id: NodeId| {
        for event in [
            LifeEvent::Handshaken(String::new(), HostKeyVerdict::Known),
            LifeEvent::Key(Ok(true)),
            LifeEvent::Denied(interactive),
            LifeEvent::Asked(vec![question.clone()]),
        ] {
            lab.link(id, 0, event);
        }
        lab.settle();
    };
    lab.link(
        jump,
        0,
        LifeEvent::Resolved(Ok(vec!["10.9.0.1:22".parse().unwrap()])),
    );
    lab.link(jump, 0, LifeEvent::Connected);
    login(&mut lab, jump);
    assert_eq!(lab.last_row(), "[ops@10.9.0.1] Password:");
    // The node's own time has not begun.
    lab.after(Duration::from_secs(300));
    assert_eq!(lab.last_row(), "[ops@10.9.0.1] Password:");
    lab.line("s3cret");
    lab.link(jump, 0, LifeEvent::Accepted);
    lab.settle();
    let node = lab.id("w0");
    lab.link(node, 0, LifeEvent::Connected);
    login(&mut lab, node);
    assert_eq!(lab.last_row(), "[w0] Password:");
    // Nobody waits for an answer any more.
    lab.line("");
    lab.keys("\u{3}");
    assert!(
        lab.rows().concat().contains("dust:jump"),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn ssh_config_says_what_the_file_does_not() {
    // `Host *` means the jump host itself, too: it is reached as it is.
    let all =
        "Host far\n HostName 10.1.0.1\nHost gate\n HostName 10.1.0.2\nHost *\n ProxyJump gate\n";
    let lab = configured("ways.cnf", &["@far,near true"], all);
    assert_eq!(
        lab.dialled,
        [
            "10.1.0.2",
            "10.1.0.1 by gate",
            // The node `far` is the jump host, and has its own way.
            "10.1.0.1 by gate",
            "near by far"
        ]
    );
    // A chain passes over the way that its second host would go by itself.
    let chain = "Host far\n ProxyJump a,b\nHost a\n HostName 10.2.0.1\nHost b\n ProxyCommand nc\n";
    let lab = configured("ways.cnf", &["@far true"], chain);
    assert_eq!(lab.dialled, ["10.2.0.1", "b by a", "far by b"]);
}

#[test]
fn a_circle_of_jump_hosts_is_no_way() {
    let circle =
        "Host one\n ProxyJump two\nHost two\n ProxyJump three\nHost three\n ProxyJump one\n";
    let mut lab = configured("ways.cnf", &["@circle true"], circle);
    assert_eq!(lab.exit(), Some(2));
    let err = lab.err();
    assert!(err.contains("circle: one, two, three, one"), "{err}");
}

#[test]
fn who_checks_strictly_does_so_on_the_way_too() {
    use crate::session::life::HostKeyPolicy;
    let lab = configured("ways.cnf", &["@strict true"], "");
    for name in ["10.1.0.2", "10.1.0.3"] {
        let route = lab.app.fleet.get(lab.jump(name)).unwrap().life.route();
        assert_eq!(route.host_keys, HostKeyPolicy::Strict, "{name}");
    }
}
