//! `dust ssh` and `dust proxy`: other programs over a session's connections.

use std::io::Read as _;
use std::process::Stdio;

use super::{lab, logins, session};
use crate::support::deps::{self, need};
use crate::support::env::{DUST, Env};
use crate::support::pty::{Pty, Terminal};
use crate::support::run::Dust;
use crate::support::sshd::Sshd;
use crate::support::wait_until;

#[test]
fn a_command_as_ssh_runs_it() {
    need!("sshd");
    let (sshd, env, file, _pty) = lab(2);
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let run = env.dust(&["ssh", "n0", "cat; echo bad >&2; exit 7"]);
    let run = run.stdin(bytes.clone()).run().expect_code(7);
    assert!(run.stdout == bytes, "{}", run.stdout.len());
    assert_eq!(run.err(), "bad\n");
    for words in [
        &["ssh", "@n1", "echo", "$((6*7))"][..],
        &["-f", &file, "ssh", "n1", "echo 42"],
        &["-s", "lab", "ssh", "lab/n1", "echo 42"],
    ] {
        assert_eq!(env.dust(words).run().expect_code(0).out(), "42\n");
    }
    // A signal's status; a reader that has enough.
    env.dust(&["ssh", "n0", "kill -9 $$"])
        .run()
        .expect_code(137);
    let run = env.bash("$DUST ssh n0 yes | head -n 1; echo ${PIPESTATUS[0]}");
    assert_eq!(run.run().expect_code(0).out(), "y\n141\n");
    let run = env.dust(&["ssh", "n9", "true"]).run().expect_code(255);
    run.expect_notice(&["n9", "session lab"]);
    let run = env.dust(&["-s", "none", "ssh", "n0", "true"]).run();
    run.expect_code(255).expect_notice(&["no session", "n0"]);
    assert_eq!(logins(&sshd), 2);
}

#[test]
fn a_reader_that_takes_its_time_costs_nothing() {
    need!("sshd");
    let (sshd, env, _file, _pty) = lab(1);
    // More than a pipe and dust hold, and less than the socket holds besides: the session is done.
    let mut command = env.command(DUST);
    command.args(["ssh", "n0", "head -c 250000 /dev/zero"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the node has said all", || {
        sshd.log().contains("Close session")
    });
    let stat = format!("/proc/{}/stat", child.id());
    let sleeps = || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('S')
    };
    wait_until("it sleeps", || (0..100).all(|_| sleeps()));
    let mut bytes = Vec::new();
    let mut out = child.stdout.take().unwrap();
    out.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), 250_000);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_shell_in_a_terminal() {
    need!("sshd");
    let (sshd, env, _file, _session) = lab(1);
    let mut command = env.command(DUST);
    command.args(["ssh", "n0"]);
    let (rows, cols) = (20, 70);
    let mut pty = Pty::spawn(command, Terminal { rows, cols });
    pty.line("stty size; test -t 0 && echo a terminal");
    pty.wait_row("20 70");
    pty.wait_row("a terminal");
    pty.resize(30, 90);
    pty.line("until stty size | grep 30; do sleep 0.05; done");
    pty.wait_row("30 90");
    pty.line("sh -c 'echo now; exec sleep 1000'");
    pty.wait_row("now");
    pty.send("\x03");
    pty.wait_for("the prompt after it", |s| {
        let contents = s.contents();
        let after = contents.split("^C\n").nth(1);
        after.is_some_and(|after| !after.trim().is_empty())
    });
    pty.line("exit 5");
    assert_eq!(pty.wait_exit(), 5);
    pty.expect_restored();
    assert_eq!(logins(&sshd), 1);
}

#[test]
fn a_connection_that_is_lost_is_told() {
    need!("sshd");
    let (sshd, env, _file, _session) = lab(1);
    let mut run = env.dust(&["ssh", "n0", "echo up; sleep 1000"]).start();
    run.wait_text("up");
    sshd.drop_connections();
    let run = run.finish().expect_code(255);
    run.expect_notice(&["[n0]", "lost"]);
}

#[test]
fn plain_ssh_goes_through_the_session() {
    need!("sshd", "ssh");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let _pty = session(&env, &file);
    let mut command = env.command(deps::path("ssh"));
    command
        .args(["-F", "none", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-o", "BatchMode=yes", "-i"])
        .arg(sshd.plain_key())
        .arg("-o")
        .arg(format!("ProxyCommand={DUST} proxy %n"))
        .args(["n0", "echo by plain ssh; cat | wc -c"])
        .stdin(Stdio::null());
    let run = Dust::new(command).stdin(vec![b'x'; 2_000_000]).run();
    assert_eq!(run.expect_code(0).out(), "by plain ssh\n2000000\n");
    let to = format!("localhost:{}", sshd.port());
    let run = env.dust(&["proxy", "n0", &to]).stdin("SSH-2.0-x\r\n").run();
    assert!(run.out().starts_with("SSH-2.0-OpenSSH"), "{}", run.report());
    let run = env.dust(&["proxy", "n0", "localhost:1"]).stdin("").run();
    run.expect_code(255).expect_notice(&["[n0]"]);
}
