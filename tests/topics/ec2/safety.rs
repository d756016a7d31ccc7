//! What destroys is asked about, acts on what is there now, and on nothing else.

use super::{NODES, ONE, all_are, lab};
use crate::support::faults::{Fault, When};
use crate::support::pty::{Pty, Terminal};
use crate::support::wait_until;

#[test]
fn without_a_yes_nothing_is_stopped() {
    let lab = lab!(launched NODES);
    lab.faults.forget();
    for args in [
        ["stop", "worker*"],
        ["terminate", "worker0"],
        ["terminate", "*"],
    ] {
        let run = lab.dust(&args).run().expect_code(2);
        assert!(run.err().contains("-y"), "{}", run.report());
    }
    for args in [&["-y", "terminate"][..], &["-y", "terminate", "nothing*"]] {
        lab.dust(args).run().expect_code(2);
    }
    assert_eq!(lab.faults.mutating().len(), 0, "{}", lab.faults.report());
    assert_eq!(lab.moto.states(), all_are("running"));
}

#[test]
fn all_of_a_cluster_wants_its_name() {
    let lab = lab!(launched NODES);
    let mut pty = lab.terminal();
    pty.command("show");
    pty.wait_words(&["worker2", "running"]);
    for word in ["y", "LAB", ""] {
        pty.command("terminate *");
        pty.wait_words(&["cluster's name"]);
        pty.line(word);
        pty.wait_prompt();
        assert_eq!(lab.moto.states(), all_are("running"), "{word:?}");
    }
    pty.command("terminate *");
    pty.wait_words(&["cluster's name"]);
    pty.line("lab");
    wait_until("all are gone", || lab.moto.states().is_empty());
}

/// Between the look and the act, another tool has given the node's name to another instance.
#[test]
fn terminate_reads_again_before_it_acts() {
    let lab = lab!(launched NODES);
    let mut pty = lab.terminal();
    pty.command("show");
    pty.wait_words(&["worker1", "running"]);
    let worker = lab.moto.the("worker1").id;
    lab.moto.tag(&worker, "Name", "database");
    lab.moto.tag(&worker, "dust:cluster", "production");
    pty.command("terminate worker1");
    pty.wait_words(&["worker1", "[y/N]"]);
    pty.line("y");
    pty.wait_words(&["worker1", &worker]);
    pty.wait_prompt();
    assert_eq!(
        lab.moto.the("database").state,
        "running",
        "{}",
        lab.faults.report()
    );
    assert!(lab.faults.calls_of("TerminateInstances").is_empty());
}

/// The instance that was asked about is gone, and another is the node now.
#[test]
fn a_yes_is_for_the_instance_that_was_shown() {
    let lab = lab!(launched ONE);
    let mut pty = lab.terminal();
    pty.command("show");
    pty.wait_words(&["n0", "running"]);
    let old = lab.moto.the("n0").id;
    pty.command("terminate n0");
    pty.wait_words(&["n0", "[y/N]"]);
    lab.moto.act("TerminateInstances", &[&old]);
    let tags = [("Name", "n0"), ("dust:cluster", "lab")];
    let new = lab.moto.launch(1, &tags, &[]).remove(0);
    pty.line("y");
    pty.wait_prompt();
    assert_eq!(lab.moto.the("n0").id, new, "{}", lab.faults.report());
    assert_eq!(lab.moto.the("n0").state, "running");
}

#[test]
fn protection_is_reported_and_not_fought() {
    let lab = lab!(launched NODES);
    let id = lab.moto.the("worker1").id;
    lab.moto.protect(&id, true);
    lab.faults.forget();
    let run = lab.dust(&["-y", "terminate", "worker*"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    let run = run.expect_notice(&["worker1", "protect"]);
    assert_eq!(lab.moto.the("worker1").state, "running");
    // The others were not held up by it.
    assert_eq!(lab.names(), ["master", "worker1"], "{}", run.report());
    assert!(lab.faults.calls_of("ModifyInstanceAttribute").is_empty());
}

#[test]
fn a_lost_answer_to_terminate_is_asked_again() {
    let lab = lab!(launched NODES);
    lab.faults
        .on(When::action("TerminateInstances").times(1), Fault::CutAfter);
    lab.dust(&["-y", "terminate", "worker*"])
        .run()
        .expect_code(0);
    assert_eq!(lab.moto.states(), [("master".into(), "running".into())]);
}

/// A connection to a node that was stopped says so, and the shell is gone.
#[test]
fn stop_ends_the_shells_first() {
    let lab = lab!(ONE);
    lab.start();
    let mut pty = lab.terminal();
    pty.command("@n0 sleep 1000");
    pty.wait_prompt_busy();
    pty.line("stop n0");
    pty.wait_words(&["stop", "n0", "[y/N]"]);
    pty.line("y");
    pty.wait_words(&["n0", "stopped"]);
    pty.wait_prompt();
    pty.command("@n0 echo no");
    pty.wait_words(&["n0", "stopped"]);
    assert_eq!(lab.moto.the("n0").state, "stopped");
}

/// At a terminal a one-shot run asks, as the prompt does.
#[test]
fn a_one_shot_run_at_a_terminal_asks() {
    let lab = lab!(launched ONE);
    for (word, state) in [("n", "running"), ("y", "stopped")] {
        let mut command = lab.command();
        command
            .arg("-f")
            .arg(lab.env.work().join("lab.cnf"))
            .args(["stop", "n0"]);
        let mut pty = Pty::spawn(command, Terminal::default());
        pty.wait_words(&["stop", "n0", "[y/N]"]);
        pty.line(word);
        assert_eq!(pty.wait_exit(), 0);
        assert_eq!(lab.moto.the("n0").state, state);
    }
}
