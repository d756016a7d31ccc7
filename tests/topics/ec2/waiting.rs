//! `start` waits for what takes time: EC2, the machine's boot, sshd, cloud-init.

use std::fs;

use super::{Lab, NODES, ONE, all_are, lab};
use crate::support::faults::Until;
use crate::support::run::says;
use crate::support::shell::Shell;
use crate::support::wait_until;

fn up(lab: &Lab) {
    lab.dust(&["@n0", "echo up"])
        .run()
        .expect_code(0)
        .expect_lines("n0", &["up"]);
}

#[test]
fn start_waits_while_instances_are_pending() {
    let lab = lab!(NODES);
    lab.faults.slow_start(Until::Told);
    let mut run = lab.dust(&["start"]).start();
    run.wait_for("pending is said", |_, err| says(err, &["pending"]));
    lab.faults.catch_up();
    run.finish().expect_code(0);
    assert_eq!(lab.shown_states(), all_are("running"));
}

#[test]
fn progress_is_live_at_the_prompt() {
    let mut lab = lab!(ONE);
    lab.sshd.stop();
    lab.faults.slow_start(Until::Told);
    let mut pty = lab.terminal();
    pty.command("start");
    pty.wait_words(&["n0", "pending"]);
    lab.faults.catch_up();
    pty.wait_any("it boots", &[&["n0", "boot"], &["n0", "ssh"]]);
    lab.sshd.start_again();
    pty.wait_any(
        "it is up",
        &[&["n0", "ready"], &["n0", "up"], &["n0", "answers"]],
    );
    pty.wait_prompt();
    pty.command("@n0 echo here $((40+2))");
    pty.wait_row("[n0] here 42");
}

/// A machine that boots refuses connections first.
#[test]
fn start_waits_for_sshd() {
    let mut lab = lab!(ONE);
    lab.sshd.stop();
    let mut run = lab.dust(&["start"]).start();
    run.wait_for("it is launched", |_, err| says(err, &["launch", "n0"]));
    wait_until("moto has it", || lab.moto.states().len() == 1);
    lab.faults.wait_calls("DescribeInstances", 2);
    lab.sshd.start_again();
    run.finish().expect_code(0);
    up(&lab);
}

/// cloud-init puts the key there after sshd is up.
#[test]
fn start_waits_for_the_key_to_be_accepted() {
    let lab = lab!();
    let key = lab.env.work().join("late");
    crate::support::sshd::keygen(&key);
    lab.file_with("lab.cnf", &[("keyfile", &key.display().to_string())], ONE);
    let run = lab.dust(&["start"]).start();
    wait_until("a login was refused", || {
        let log = lab.sshd.log();
        log.contains("Connection closed by authenticating user")
            || log.contains("Disconnected from authenticating user")
            || log.contains("Connection reset by authenticating user")
    });
    lab.sshd.authorize(&key, "");
    run.finish().expect_code(0);
    up(&lab);
}

#[test]
fn no_wait_waits_for_nothing() {
    let mut lab = lab!(ONE);
    lab.sshd.stop();
    lab.faults.slow_start(Until::Told);
    lab.launch();
    assert_eq!(lab.moto.states(), [("n0".into(), "running".into())]);
    assert_eq!(lab.shown_states(), [("n0".into(), "pending".into())]);
}

#[test]
fn a_node_that_never_answers_fails_the_start() {
    let mut lab = lab!(ONE);
    lab.sshd.stop();
    lab.faults.console(
        "*",
        "[   12.0] Kernel panic - not syncing: no init found\r\n",
    );
    let run = lab.dust(&["-v", "-c", "set boot 3", "-c", "start"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    let run = run.expect_notice(&["n0"]);
    assert!(run.err().contains("Kernel panic"), "{}", run.report());
    assert_eq!(
        lab.moto.states(),
        [("n0".into(), "running".into())],
        "it is kept"
    );
}

/// What is stopping cannot be started yet.
#[test]
fn start_waits_for_what_is_stopping() {
    let lab = lab!(ONE);
    lab.start();
    lab.faults.slow_stop(Until::Told);
    lab.dust(&["-y", "stop", "n0"]).run().expect_code(0);
    assert_eq!(lab.shown_states(), [("n0".into(), "stopping".into())]);
    lab.faults.forget();
    let run = lab.dust(&["start"]).start();
    lab.faults.wait_calls("DescribeInstances", 3);
    lab.faults.catch_up();
    run.finish().expect_code(0);
    assert_eq!(lab.moto.states(), [("n0".into(), "running".into())]);
    let refused = lab.faults.calls_of("StartInstances");
    assert_eq!(refused.len(), 1, "{}", lab.faults.report());
    up(&lab);
}

/// The command is for when it is up; the file of the shell's home tells that it ran once.
#[test]
fn what_is_typed_for_a_node_that_starts_waits_for_it() {
    let lab = lab!(ONE);
    lab.faults.slow_start(Until::Told);
    let mut pty = lab.terminal();
    pty.command("start");
    pty.wait_words(&["n0", "pending"]);
    pty.line("@n0 echo ran >> count");
    lab.faults.catch_up();
    let count = lab.sshd.home(Shell::Bash).join("count");
    let found = || fs::read_to_string(&count).unwrap_or_default();
    wait_until("it ran", || !found().is_empty());
    pty.wait_prompt();
    assert_eq!(found(), "ran\n");
}
