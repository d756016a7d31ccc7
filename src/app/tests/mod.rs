//! The whole of dust but the world: lines and keys in, bytes and effects out.

mod cloud;
mod copying;
mod feeding;
mod jumps;
mod keeping;
mod lab;
mod lending;
mod raw;
mod saying;
mod settings;

use super::{Effect, Event, LocalEnd};
use crate::session::life::{Event as LifeEvent, Fault};
use lab::{Lab, batch_on, manual, manual_on};
use std::time::Duration;

#[test]
fn a_line_runs_on_all_nodes_and_the_worst_status_is_the_exit_code() {
    let mut lab = Lab::batch(3, &["@n[0-2] uptime"], |_| {});
    assert!(lab.took("n1").contains("eval 'uptime'"));
    lab.says("n1", "one\ntwo");
    lab.ends("n1", 0);
    lab.ends("n0", 3);
    assert_eq!(lab.exit(), None, "n2 still runs");
    lab.ends("n2", 1);
    assert_eq!(lab.out(), "[n1] one\n[n1] two\n");
    assert_eq!(lab.err(), "[n0] exit 3 (0.0s)\n[n2] exit 1 (0.0s)\n");
    assert_eq!(lab.exit(), Some(3));
}

#[test]
fn the_next_line_waits_for_the_one_before() {
    let mut lab = Lab::batch(1, &["@* first", "@* second"], |_| {});
    let sent = lab.took("n0");
    assert!(sent.contains("first") && !sent.contains("second"));
    lab.ends("n0", 0);
    assert!(lab.took("n0").contains("second"));
}

#[test]
fn silence_and_success_are_said_once() {
    let mut lab = Lab::batch(2, &["@* true"], |_| {});
    lab.ends("n0", 0);
    lab.ends("n1", 0);
    assert_eq!(lab.out(), "");
    assert_eq!(lab.err(), "n[0-1] (2): ok, 0.0s\n");
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn a_wrong_line_ends_a_batch_before_anything_is_sent() {
    let mut lab = Lab::batch(2, &["@nobody uptime", "@* true"], |_| {});
    assert_eq!(lab.exit(), Some(2));
    assert!(lab.sent.is_empty());
    assert!(lab.err().contains("nobody"));
}

#[test]
fn a_bad_cluster_file_is_named_with_its_line() {
    let mut lab = batch_on("bad.cnf", &["@* true"]);
    assert_eq!(lab.exit(), Some(2));
    let err = lab.err();
    assert!(
        err.contains("bad.cnf:2:") && err.contains("provider"),
        "{err}"
    );
}

#[test]
fn a_node_that_cannot_be_reached_does_not_stop_the_others() {
    let mut lab = manual(&["@n0 true"]);
    let id = lab.id("n0");
    lab.link(id, 0, LifeEvent::Resolved(Err("no such host".to_owned())));
    lab.settle();
    assert_eq!(lab.exit(), Some(255));
    let err = lab.err();
    assert!(
        err.contains("[n0]") && err.contains("no such host"),
        "{err}"
    );
}

#[test]
fn a_lost_connection_says_so_and_the_next_use_connects_again() {
    let mut lab = Lab::prompt(1);
    lab.line("@n0 sleep 100");
    let id = lab.id("n0");
    lab.link(
        id,
        0,
        LifeEvent::Fault(Fault::Dropped("the cable".to_owned())),
    );
    lab.settle();
    assert!(
        lab.rows()
            .contains(&"[n0] lost: the cable, while it ran: sleep 100 (0.0s)".to_owned()),
        "{:?}",
        lab.rows()
    );
    lab.took("n0");
    lab.line("@n0 uptime");
    assert!(
        lab.took("n0").contains("eval 'uptime'"),
        "a new shell runs it"
    );
}

#[test]
fn what_is_typed_while_a_node_connects_is_queued_and_sent_once() {
    let mut lab = manual(&["@n0 first"]);
    assert!(lab.sent.is_empty());
    lab.manual = false;
    for effect in std::mem::take(&mut lab.others) {
        if let Effect::Resolve(id, attempt, ..) = effect {
            let address = "10.0.0.1:22".parse().unwrap();
            lab.link(id, attempt, LifeEvent::Resolved(Ok(vec![address])));
        }
    }
    lab.settle();
    assert_eq!(lab.took("n0").matches("first").count(), 1);
}

#[test]
fn few_logins_at_one_address_at_a_time() {
    let lab = manual_on("one.cnf", &["@* true"]);
    assert_eq!(lab.dialling, 8);
    let lab = Lab::batch(200, &["@* true"], |_| {});
    assert!(lab.dialling <= 64, "{}", lab.dialling);
    assert_eq!(lab.sent.len(), 200, "all have their turn");
}

#[test]
fn no_more_connections_than_files_and_still_every_node_answers() {
    let mut lab = Lab::batch(10, &["@* true"], |setup| setup.connections_max = 3);
    for node in 0..10 {
        lab.ends(&format!("n{node}"), 0);
    }
    assert_eq!(lab.exit(), Some(0), "{}", lab.err());
}

#[test]
fn a_command_that_takes_too_long_costs_its_shell() {
    let limit = Duration::from_secs(5);
    let mut lab = Lab::batch(2, &["@* x"], |setup| {
        setup.settings.command_timeout = Some(limit);
    });
    lab.ends("n1", 0);
    lab.after(limit);
    assert_eq!(lab.err(), "[n0] timed out (5.0s)\n");
    assert_eq!(lab.exit(), Some(124));
    let id = lab.id("n0");
    assert!(
        lab.others
            .iter()
            .any(|effect| matches!(effect, Effect::Hangup(other) if *other == id))
    );
}

#[test]
fn ctrl_c_ends_a_batch_with_130() {
    let mut lab = Lab::batch(1, &["@* sleep 9", "@* never"], |_| {});
    lab.took("n0");
    lab.app.handle(lab.now, Event::Interrupt);
    lab.settle();
    assert_eq!(lab.took("n0"), "\u{3}");
    assert_eq!(lab.exit(), None, "the node has a moment to end");
    lab.after(Duration::from_secs(3));
    assert_eq!(lab.exit(), Some(130));
    assert!(!lab.took("n0").contains("never"));
}

#[test]
fn a_question_is_shown_after_a_quiet_time_and_answered_by_a_line() {
    let mut lab = Lab::prompt(2);
    lab.line("@n* apt-get install nginx");
    lab.says("n0", "Do you want to continue? [Y/n] ");
    assert_eq!(lab.last_row(), "dust:lab (2 busy)$");
    lab.after(Duration::from_millis(200));
    assert!(
        lab.rows()
            .contains(&"[n0] Do you want to continue? [Y/n]".to_owned())
    );
    lab.took("n0");
    lab.line("@n0 Y");
    assert_eq!(lab.took("n0"), "Y\n");
}

#[test]
fn a_password_is_typed_blind_and_kept_nowhere() {
    let mut lab = Lab::prompt(2);
    lab.line("@n0 sudo id");
    lab.says("n0", "[sudo] password for me: ");
    lab.after(Duration::from_millis(200));
    assert_eq!(lab.last_row(), "password for what runs on n0:");
    lab.took("n0");
    lab.line("s3cret");
    assert_eq!(lab.took("n0"), "s3cret\n");
    assert_eq!(lab.took("n1"), "");
    assert!(
        !lab.rows().iter().any(|row| row.contains("s3cret")),
        "{:?}",
        lab.rows()
    );
    let kept = lab
        .others
        .iter()
        .any(|effect| matches!(effect, Effect::History(text) if text.contains("s3cret")));
    assert!(!kept);
    assert_eq!(lab.last_row(), "dust:lab (1 busy)$");
}

#[test]
fn ctrl_c_at_the_prompt_goes_to_the_last_target_and_names_who_stays_busy() {
    let mut lab = Lab::prompt(2);
    lab.line("@n* sleep 9");
    lab.took("n0");
    lab.keys("\u{3}");
    assert_eq!(lab.took("n0"), "\u{3}");
    lab.keys("\u{3}");
    assert!(
        lab.rows().contains(&"still busy: n[0-1]".to_owned()),
        "{:?}",
        lab.rows()
    );
    assert_eq!(lab.exit(), None);
}

#[test]
fn output_above_the_line_leaves_the_line_as_it_is() {
    let mut lab = Lab::prompt(1);
    lab.line("@n0 tail -f log");
    lab.keys("@n0 half a li");
    lab.says("n0", "first\nsecond\n");
    let rows = lab.rows();
    assert_eq!(
        rows[rows.len() - 3..],
        [
            "[n0] first",
            "[n0] second",
            "dust:lab (1 busy)$ @n0 half a li"
        ]
    );
}

#[test]
fn results_select_nodes() {
    let mut lab = Lab::prompt(3);
    lab.line("@n* test -f x");
    lab.ends("n0", 0);
    lab.ends("n1", 1);
    lab.ends("n2", 0);
    for node in ["n0", "n1", "n2"] {
        lab.took(node);
    }
    lab.line("@%failed id");
    assert!(lab.took("n1").contains("eval 'id'"));
    assert_eq!(lab.took("n0"), "");
}

#[test]
fn equal_output_is_folded() {
    let mut lab = Lab::batch(3, &["@* uname"], |setup| setup.settings.fold = true);
    for (node, text, status) in [
        ("n0", "Linux\n", 0),
        ("n1", "BSD\n", 2),
        ("n2", "Linux\n", 0),
    ] {
        lab.says(node, text);
        lab.ends(node, status);
    }
    let out = lab.out();
    assert!(
        out.contains("n[0,2] (2)\n") && out.matches("Linux").count() == 1,
        "{out}"
    );
    assert!(lab.err().contains("n1: exit 2"));
    assert_eq!(lab.exit(), Some(2));
}

#[test]
fn json_is_one_object_a_line() {
    let mut lab = Lab::batch(1, &["@* x"], |setup| setup.json = true);
    lab.says("n0", "a\n");
    lab.ends("n0", 4);
    let out = lab.out();
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["text"], "a");
    assert_eq!(
        (&lines[1]["event"], &lines[1]["status"]),
        (&"exit".into(), &4.into())
    );
}

#[test]
fn a_shell_that_ends_is_opened_again_on_the_same_connection() {
    let mut lab = Lab::prompt(1);
    lab.line("@n0 exit 3");
    let id = lab.id("n0");
    lab.app.handle(lab.now, Event::ShellClosed(id, Some(3)));
    lab.settle();
    assert!(
        lab.rows().contains(&"[n0] exit 3 (0.0s)".to_owned()),
        "{:?}",
        lab.rows()
    );
    lab.took("n0");
    lab.line("@n0 id");
    assert!(lab.took("n0").contains("eval 'id'"));
    let dials = lab
        .others
        .iter()
        .filter(|effect| matches!(effect, Effect::Hangup(_)))
        .count();
    assert_eq!(dials, 0, "the connection stayed");
}

#[test]
fn a_shell_without_marks_is_used_as_it_is_and_says_so() {
    let mut lab = Lab::prompt(1);
    lab.manual = true;
    lab.line("@n0 show version");
    let id = lab.id("n0");
    for event in [
        LifeEvent::Resolved(Ok(vec!["10.0.0.1:22".parse().unwrap()])),
        LifeEvent::Connected,
        LifeEvent::Handshaken(String::new(), crate::session::life::HostKeyVerdict::Known),
        LifeEvent::Key(Ok(true)),
        LifeEvent::Accepted,
        LifeEvent::Opened,
    ] {
        lab.link(id, 0, event);
        lab.settle();
    }
    lab.took("n0");
    lab.says("n0", "router> ");
    lab.after(Duration::from_secs(10));
    assert_eq!(lab.took("n0"), "show version\n");
    assert!(
        lab.rows()
            .iter()
            .any(|row| row.contains("no prompt for 10 s")),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn completion_knows_commands_nodes_and_files() {
    let mut lab = Lab::prompt(2);
    for (typed, completed) in [
        ("recon\t", "reconnect"),
        ("load no\t", "load notes.txt"),
        ("@n\t", "@n"),
        ("show state=r\t", "show state=running"),
        ("put x y no\t", "put x y notes.txt"),
        ("put x y n1\t\x08,n0\t", "put x y n1,n0"),
        ("put x @n1\t", "put x @n1"),
        ("put x n\t", "put x n"),
    ] {
        lab.keys(typed);
        assert_eq!(
            lab.last_row(),
            format!("dust:lab$ {completed}"),
            "{typed:?}"
        );
        lab.keys("\u{3}");
    }
}

#[test]
fn the_working_set_is_what_a_bare_target_means() {
    let mut lab = Lab::prompt(3);
    lab.line("use n[1-2]");
    assert_eq!(lab.last_row(), "dust:lab [2/3]$");
    lab.line("@ id");
    assert_eq!(lab.took("n0"), "");
    assert!(lab.took("n2").contains("eval 'id'"));
}

#[test]
fn what_is_typed_behind_a_local_command_is_its_input() {
    let mut lab = Lab::prompt(1);
    lab.keys("!read x\rfirst\r@n0 id\r");
    assert_eq!(lab.took("n0"), "");
    let kinds: Vec<String> = lab
        .others
        .iter()
        .map(|effect| format!("{effect:?}"))
        .collect();
    let local = lab
        .others
        .iter()
        .position(|effect| matches!(effect, Effect::Local(line) if line == "read x"));
    let input = lab.others.iter().position(
        |effect| matches!(effect, Effect::LocalInput(bytes) if bytes == b"first\r@n0 id\r"),
    );
    assert!(local.is_some() && local < input, "{kinds:?}");
    lab.app
        .handle(lab.now, Event::LocalEnded(Ok(LocalEnd::default())));
    lab.keys("@n0 id\r");
    assert!(lab.took("n0").contains("eval 'id'"));
}
