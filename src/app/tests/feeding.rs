//! Standard input of a batch, on its way to the nodes.

use super::lab::Lab;
use crate::app::{Effect, Event, FeedEvent};
use std::time::Duration;

/// A batch whose standard input is a pipe that has not ended yet.
fn piped(nodes: usize, lines: &[&str]) -> Lab {
    Lab::piped(nodes, lines, |_| {})
}

/// What the channel that feeds a node takes now, and whether that is the end.
fn drain(lab: &mut Lab, node: &str) -> (String, bool) {
    let id = lab.id(node);
    let mut text = String::new();
    loop {
        let unsent = lab.app.feed_unsent(id).to_vec();
        if unsent.is_empty() {
            return (text, lab.app.feed_is_over(id));
        }
        lab.app.feed_sent(id, unsent.len());
        text.push_str(&String::from_utf8_lossy(&unsent));
    }
}

#[test]
fn data_flows_once_the_command_has_opened_its_input() {
    let mut lab = piped(1, &["@* cat"]);
    lab.input(b"early ");
    let sent = lab.took("n0");
    assert!(sent.contains("eval 'cat';} <'/tmp/fifo';"), "{sent}");
    assert_eq!(drain(&mut lab, "n0"), (String::new(), false));
    lab.reads("n0");
    assert_eq!(drain(&mut lab, "n0"), ("go\nearly ".to_owned(), false));
    lab.input(b"late");
    lab.app.handle(lab.now, Event::InputEnd);
    lab.settle();
    assert_eq!(drain(&mut lab, "n0"), ("late".to_owned(), true));
    lab.ends("n0", 0);
    let closed = |effect: &Effect| matches!(effect, Effect::CloseFeed(_));
    assert!(lab.others.iter().any(closed));
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn only_the_first_line_on_nodes_has_it() {
    let mut lab = piped(1, &["@* first", "@* second"]);
    lab.reads("n0");
    assert!(lab.took("n0").contains(";} <'/tmp/fifo';"));
    lab.ends("n0", 0);
    assert!(lab.took("n0").contains("eval 'second' </dev/null;"));
    assert!(!lab.app.wants_input(), "nobody is left to read it");
}

#[test]
fn the_slowest_node_holds_back_the_others_and_whoever_writes() {
    let mut lab = piped(2, &["@* cat"]);
    let piece = [b'x'; 64 * 1024];
    lab.reads("n0");
    let mut taken = 0;
    while lab.app.wants_input() {
        lab.input(&piece);
        taken += drain(&mut lab, "n0").0.len();
        assert!(taken < 2 << 20, "n1 has not read anything");
    }
    lab.reads("n1");
    assert_eq!(drain(&mut lab, "n1").0.len(), taken);
    assert!(lab.app.wants_input());
    // A node whose command has ended holds back nobody.
    lab.ends("n1", 0);
    for _ in 0..64 {
        assert!(lab.app.wants_input());
        lab.input(&piece);
        drain(&mut lab, "n0");
    }
    // One that reads no more than it did, as head does, neither.
    let id = lab.id("n0");
    lab.feed(id, FeedEvent::Closed(Some(141)));
    lab.settle();
    assert!(!lab.app.wants_input());
    lab.ends("n0", 0);
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn input_that_is_cut_short_is_no_end_of_input() {
    let mut lab = piped(1, &["@* tar xf -"]);
    lab.reads("n0");
    lab.input(b"12345");
    drain(&mut lab, "n0");
    let id = lab.id("n0");
    lab.feed(id, FeedEvent::Complaint(b"Killed\n"));
    lab.feed(id, FeedEvent::Closed(Some(137)));
    lab.settle();
    let err = lab.err();
    assert!(
        err.contains("[n0] lost: standard input was cut after 5 bytes: Killed"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(255));
}

#[test]
fn a_person_answers_and_what_came_too_late_is_told_before_the_end() {
    let mut lab = Lab::batch(1, &["@* read x"], |setup| setup.person = true);
    lab.took("n0");
    lab.input(b"yes\nreboot\n");
    assert_eq!(lab.took("n0"), "yes\nreboot\n");
    lab.ends("n0", 0);
    assert_eq!(lab.exit(), None, "the shell was asked");
    lab.says(
        "n0",
        "reboot: not found\n\u{1e}000000000000:127:1:127:\u{1e}",
    );
    lab.ends("n0", 0);
    assert_eq!(lab.exit(), Some(0));
    assert_eq!(lab.out(), "[n0] reboot: not found\n");
    let err = lab.err();
    let wanted = "[n0] its command had ended: the shell ran `reboot` as a command of its own\n";
    assert!(err.ends_with(wanted), "{err}");
}

#[test]
fn a_shell_that_does_not_come_back_is_given_up_in_a_batch() {
    let mut lab = Lab::batch(1, &["@* read x", "@* next"], |setup| setup.person = true);
    lab.input(b"yes\n");
    lab.app.handle(lab.now, Event::InputEnd);
    lab.settle();
    assert!(lab.took("n0").ends_with("yes\n\u{4}"));
    lab.ends("n0", 0);
    lab.after(Duration::from_secs(3));
    let err = lab.err();
    assert!(err.contains("may run `yes`, `Ctrl-D` instead"), "{err}");
    // Another shell has the next line, and nobody is left to answer that.
    assert!(lab.took("n0").contains("eval 'next' </dev/null;"));
}

#[test]
fn more_nodes_than_open_files_do_not_wait_for_ever() {
    let mut lab = Lab::piped(3, &["@* cat"], |setup| setup.connections_max = 2);
    lab.reads("n0");
    lab.reads("n1");
    for _ in 0..32 {
        assert!(lab.app.wants_input());
        lab.input(&[b'x'; 64 * 1024]);
        drain(&mut lab, "n0");
        drain(&mut lab, "n1");
    }
    // n2 had no place, and n0 and n1 waited for what n2 held back: it was given up.
    let err = lab.err();
    assert!(
        err.contains("[n2] lost") && err.contains("open files"),
        "{err}"
    );
}
