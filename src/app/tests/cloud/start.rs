//! `start`, until ssh answers.

use super::*;
use NodeState::{Pending, Running, ShuttingDown, Stopped, Terminated};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A prompt at which `start worker[0-1]` was typed: the request.
fn starting() -> (Lab, u64) {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[]);
    lab.line("start worker[0-1]");
    let (request, _, ask) = lab.asked();
    let Ask::Start { cluster, nodes } = ask else {
        panic!("{ask:?}");
    };
    assert_eq!(cluster, "democloud");
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["worker0", "worker1"]);
    assert_eq!(nodes[0].settings.instance_type.as_deref(), Some("t2.small"));
    (lab, request)
}

fn both(state: NodeState) -> News {
    News::Instances(vec![
        instance(1, "worker0", state),
        instance(2, "worker1", state),
    ])
}

#[test]
fn progress_is_shown_below_the_line_being_typed_until_all_answer() {
    let (mut lab, request) = starting();
    lab.keys("some text");
    lab.after(3 * SECOND);
    assert!(lab.said("worker[0-1]: launching 3 s"), "{:?}", lab.rows());
    lab.tell(request, News::Step("launched worker[0-1]".to_owned()));
    lab.tell(request, both(Pending));
    lab.after(2 * SECOND);
    assert!(lab.said("worker[0-1]: pending 2 s"), "{:?}", lab.rows());
    lab.deaf.insert("54.0.0.2".to_owned());
    lab.tell(request, both(Running));
    lab.tell(request, News::Done);
    lab.after(SECOND);
    assert!(lab.said("worker0: ssh ready 5 s"), "{:?}", lab.rows());
    assert!(lab.said("worker1: booting 1 s"), "{:?}", lab.rows());
    assert!(lab.said("dust:democloud$ some text"), "{:?}", lab.rows());
    lab.deaf.clear();
    lab.after(SECOND);
    assert_eq!(lab.last_row(), "dust:democloud$ some text");
    assert!(
        lab.said("ready: worker[0-1] (2), after 7 s"),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn what_is_sent_to_a_node_that_starts_waits_for_it() {
    let (mut lab, request) = starting();
    lab.line("@worker* hostname");
    lab.tell(request, both(Pending));
    assert!(lab.dialled.is_empty());
    lab.deaf.insert("54.0.0.1".to_owned());
    lab.tell(request, both(Running));
    assert!(lab.took("worker1").contains("eval 'hostname'"));
    assert_eq!(lab.took("worker0"), "");
    lab.deaf.clear();
    lab.after(2 * SECOND);
    assert_eq!(lab.took("worker0").matches("eval 'hostname'").count(), 1);
}

#[test]
fn a_refused_key_is_tried_again_while_the_machine_is_young() {
    for (launched, again) in [(999_900, true), (900_000, false)] {
        let (mut lab, request) = starting();
        lab.closed.insert("54.0.0.1".to_owned());
        let mut one = instance(1, "worker0", Running);
        one.launched = launched;
        lab.tell(
            request,
            News::Instances(vec![one, instance(2, "worker1", Running)]),
        );
        assert_eq!(
            lab.said("[worker0] permission denied"),
            !again,
            "{:?}",
            lab.rows()
        );
        lab.closed.clear();
        lab.after(2 * SECOND);
        assert_eq!(
            lab.said("ready: worker[0-1] (2)"),
            again,
            "{:?}",
            lab.rows()
        );
        assert_eq!(
            lab.said("not ready: worker0 (1)"),
            !again,
            "{:?}",
            lab.rows()
        );
    }
}

#[test]
fn a_node_that_never_answers_is_given_up_with_its_reason() {
    let (mut lab, request) = starting();
    lab.deaf.insert("54.0.0.1".to_owned());
    lab.line("@worker0 id");
    lab.tell(request, both(Running));
    lab.tell(request, News::Done);
    for _ in 0..301 {
        lab.after(2 * SECOND);
    }
    assert!(
        lab.said("no ssh within 600 s; the last attempt: connection refused"),
        "{:?}",
        lab.rows()
    );
    assert!(lab.said("it did not run: id"), "{:?}", lab.rows());
    assert!(
        lab.said("ready: worker1 (1); not ready: worker0 (1), after"),
        "{:?}",
        lab.rows()
    );
    assert!(!lab.said("booting"), "{:?}", lab.rows());
}

#[test]
fn a_machine_that_dies_says_why() {
    let (mut lab, request) = starting();
    lab.tell(request, both(Pending));
    let mut one = instance(1, "worker0", ShuttingDown);
    one.reason = Some("Server.InsufficientInstanceCapacity".to_owned());
    lab.tell(
        request,
        News::Instances(vec![one, instance(2, "worker1", Running)]),
    );
    assert!(
        lab.said("[worker0] it is shutting-down: Server.InsufficientInstanceCapacity"),
        "{:?}",
        lab.rows()
    );
    assert!(
        lab.said("ready: worker1 (1); not ready: worker0 (1)"),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn a_machine_that_is_gone_at_once_says_why() {
    let (mut lab, request) = starting();
    lab.tell(request, both(Pending));
    let mut one = instance(1, "worker0", Terminated);
    one.reason = Some("Client.VolumeLimitExceeded".to_owned());
    // What a describe does not tell yet is not gone.
    lab.tell(
        request,
        News::Instances(vec![instance(2, "worker1", Pending)]),
    );
    assert!(!lab.said("worker0]"), "{:?}", lab.rows());
    lab.tell(request, both(Pending));
    lab.tell(
        request,
        News::Instances(vec![one, instance(2, "worker1", Pending)]),
    );
    assert!(
        lab.said("[worker0] it was terminated: Client.VolumeLimitExceeded"),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn with_v_the_last_words_of_a_machine_are_shown() {
    let mut lab = Lab::batch_on("sample.cnf", &["start worker0"], |setup| setup.verbose = 1);
    lab.described(&[]);
    let (request, _, _) = lab.asked();
    lab.tell(
        request,
        News::Instances(vec![instance(1, "worker0", Running)]),
    );
    let fault = Fault::new("it failed");
    lab.tell(
        request,
        News::NodesFailed(vec!["worker0".to_owned()], fault),
    );
    lab.tell(request, News::Done);
    // It was ready already: a late failure is of no interest.
    assert_eq!(lab.exit(), Some(0), "{}", lab.err());

    let mut lab = Lab::batch_on("sample.cnf", &["start worker0"], |setup| setup.verbose = 1);
    lab.described(&[]);
    let (request, _, _) = lab.asked();
    lab.tell(
        request,
        News::Instances(vec![instance(1, "worker0", Pending)]),
    );
    let mut one = instance(1, "worker0", ShuttingDown);
    one.reason = Some("why".to_owned());
    lab.tell(request, News::Instances(vec![one]));
    lab.tell(request, News::Done);
    let (words, _, ask) = lab.asked();
    assert_eq!(ask, Ask::Console(vec![claim(1, "worker0")]));
    assert_eq!(lab.exit(), None);
    let text = "one\n\nKernel panic\u{1b}[31m\n".to_owned();
    lab.tell(
        words,
        News::Console(vec![("worker0".to_owned(), Some(text))]),
    );
    lab.tell(words, News::Done);
    let err = lab.err();
    assert!(err.contains("[worker0] console: Kernel panic\n"), "{err}");
    assert_eq!(lab.exit(), Some(1));
}

#[test]
fn a_second_start_says_that_the_first_is_under_way() {
    let (mut lab, _) = starting();
    lab.line("start worker[0-2]");
    assert!(
        lab.said("their start is under way: worker[0-1]"),
        "{:?}",
        lab.rows()
    );
    let (_, _, ask) = lab.asked();
    assert!(matches!(ask, Ask::Start { nodes, .. } if nodes.len() == 1));
    lab.line("start worker0");
    assert!(lab.asks_nothing());
}

#[test]
fn ctrl_c_ends_the_waiting_and_not_the_nodes() {
    let (mut lab, request) = starting();
    lab.tell(request, both(Pending));
    lab.keys("\u{3}");
    assert!(
        lab.said("no longer waiting for worker[0-1]; they go on by themselves"),
        "{:?}",
        lab.rows()
    );
    assert_eq!(lab.last_row(), "dust:democloud$");
    lab.tell(request, both(Running));
    lab.tell(request, News::Done);
    assert!(lab.dialled.is_empty());
    lab.line("@worker0 id");
    assert!(lab.took("worker0").contains("eval 'id'"));
}

#[test]
fn many_nodes_are_folded_in_a_row_a_stage() {
    let (mut lab, request) = starting();
    lab.line("start");
    let (others, _, _) = lab.asked();
    lab.tell(request, both(Pending));
    lab.after(2 * SECOND);
    let rows = lab.rows();
    let at = rows
        .iter()
        .position(|row| row == "worker[0-1]: pending 2 s");
    let other = rows
        .iter()
        .position(|row| row == "checked,inside,master,worker2: launching 2 s");
    assert!(at.is_some() && other > at, "{rows:?}");
    lab.tell(others, News::Failed(Fault::new("no")));
    assert!(!lab.said("launching"), "{:?}", lab.rows());
    assert!(
        !lab.said("not ready"),
        "one word is enough: {:?}",
        lab.rows()
    );
}

#[test]
fn a_batch_waits_for_ssh_and_tells_in_lines() {
    let mut lab = Lab::batch_on("sample.cnf", &["start worker[0-1]", "@worker* id"], |_| {});
    lab.described(&[]);
    let (request, _, _) = lab.asked();
    lab.tell(request, both(Pending));
    lab.after(SECOND);
    assert_eq!(lab.err(), "worker[0-1]: pending\n");
    lab.deaf.insert("54.0.0.1".to_owned());
    lab.tell(request, both(Running));
    lab.tell(request, News::Done);
    assert!(
        !lab.took("worker1").contains("eval 'id'"),
        "the next line waits"
    );
    lab.deaf.clear();
    lab.after(2 * SECOND);
    assert_eq!(
        lab.err(),
        "worker0: booting\nworker1: ssh ready\nworker0: ssh ready\n\
         ready: worker[0-1] (2), after 3 s\nnot running, left out: worker2 (absent)\n"
    );
    assert!(lab.took("worker0").contains("eval 'id'"));
    for node in ["worker0", "worker1"] {
        lab.ends(node, 0);
    }
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn what_failed_is_in_the_exit_status() {
    let mut lab = Lab::batch_on("sample.cnf", &["start worker[0-1]"], |_| {});
    lab.described(&[]);
    let (request, _, _) = lab.asked();
    let fault = Fault::new("the image ami-3eb46b49 does not exist").hint("look at image=");
    lab.tell(
        request,
        News::NodesFailed(vec!["worker0".to_owned()], fault),
    );
    lab.tell(
        request,
        News::Instances(vec![instance(2, "worker1", Running)]),
    );
    lab.tell(request, News::Done);
    let err = lab.err();
    assert!(
        err.contains("dust: [worker0] the image ami-3eb46b49 does not exist (look at image=)\n"),
        "{err}"
    );
    assert!(
        err.contains("ready: worker1 (1); not ready: worker0 (1)"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(1));
}

#[test]
fn no_wait_asks_nobody_for_ssh() {
    let mut lab = Lab::batch_on("sample.cnf", &["start --no-wait worker[0-1]"], |_| {});
    lab.described(&[]);
    let (request, _, _) = lab.asked();
    lab.tell(request, both(Running));
    lab.tell(request, News::Done);
    assert!(lab.dialled.is_empty());
    assert!(lab.err().contains("running: worker[0-1] (2), after 0 s"));
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn no_wait_ends_a_batch_when_all_is_done_that_had_to_be_done() {
    let mut lab = Lab::batch_on("sample.cnf", &["start --no-wait worker[0-1]"], |_| {});
    lab.described(&[]);
    let (request, _, _) = lab.asked();
    lab.tell(
        request,
        News::Instances(vec![
            instance(1, "worker0", Running),
            instance(2, "worker1", Pending),
        ]),
    );
    assert_eq!(lab.exit(), None, "it may still give names");
    lab.tell(request, News::Launched);
    let err = lab.err();
    assert!(err.contains("not waited for: worker1\n"), "{err}");
    assert!(err.contains("running: worker0 (1)"), "{err}");
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn what_is_stopped_outside_of_dust_is_no_reason_to_wait() {
    let (mut lab, request) = starting();
    let plan = Plan {
        leave: vec!["worker0".to_owned()],
        conflicts: vec![(
            "worker1".to_owned(),
            vec!["i-2".to_owned(), "i-3".to_owned()],
        )],
        ..Plan::default()
    };
    lab.tell(
        request,
        News::Instances(vec![
            instance(1, "worker0", Running),
            instance(2, "worker1", Running),
            instance(3, "worker1", Stopped),
        ]),
    );
    lab.tell(request, News::Plan(plan));
    lab.tell(request, News::Done);
    assert!(lab.said("left as they are: worker0"), "{:?}", lab.rows());
    assert!(
        lab.said("[worker1] i-2 and i-3 claim to be it"),
        "{:?}",
        lab.rows()
    );
    assert!(
        lab.said("ready: worker0 (1); not ready: worker1 (1)"),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn a_node_behind_one_that_starts_waits_for_that_one() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[]);
    lab.line("start inside,master");
    let (request, _, _) = lab.asked();
    lab.deaf.insert("54.0.0.1".to_owned());
    lab.tell(
        request,
        News::Instances(vec![
            instance(1, "master", Pending),
            instance(2, "inside", Running),
        ]),
    );
    lab.tell(
        request,
        News::Instances(vec![
            instance(1, "master", Running),
            instance(2, "inside", Running),
        ]),
    );
    lab.tell(request, News::Done);
    lab.after(2 * SECOND);
    assert!(!lab.said("dust: "), "{:?}", lab.rows());
    lab.deaf.clear();
    lab.after(2 * SECOND);
    lab.after(2 * SECOND);
    assert!(lab.said("ready: inside,master (2)"), "{:?}", lab.rows());
}

#[test]
fn what_fails_for_one_reason_is_told_once() {
    let (mut lab, request) = starting();
    let names = ["worker0", "worker1"].map(str::to_owned).to_vec();
    let fault = Fault::new("there is no capacity").hint("another zone=");
    lab.tell(request, News::NodesFailed(names, fault));
    assert!(
        lab.said("dust: [worker[0-1]] there is no capacity (another zone=)"),
        "{:?}",
        lab.rows()
    );
    assert!(lab.said("not ready: worker[0-1] (2)"), "{:?}", lab.rows());

    let (mut lab, request) = starting();
    lab.tell(request, both(Pending));
    for _ in 0..301 {
        lab.after(2 * SECOND);
    }
    assert!(
        lab.said("dust: [worker[0-1]] after 600 s it is still pending"),
        "{:?}",
        lab.rows()
    );
}

/// TCP's own repetitions come later and later: a machine that is up would not be noticed for long.
#[test]
fn a_dial_that_nobody_answers_is_made_anew_while_a_machine_starts() {
    let (mut lab, request) = starting();
    lab.silent.insert("54.0.0.1".to_owned());
    lab.tell(request, both(Running));
    lab.tell(request, News::Done);
    let dials = |lab: &Lab| {
        let there = lab.dialled.iter();
        there.filter(|at| *at == "54.0.0.1").count()
    };
    assert_eq!(dials(&lab), 1);
    for _ in 0..6 {
        lab.after(2 * SECOND);
    }
    let before = dials(&lab);
    assert!((2..=4).contains(&before), "{before}");
    assert!(!lab.said("dust: "), "{:?}", lab.rows());
    lab.silent.clear();
    for _ in 0..4 {
        lab.after(2 * SECOND);
    }
    assert!(lab.said("ready: worker[0-1] (2)"), "{:?}", lab.rows());
}
