//! One-shot runs over the connections of a running session.

mod ends;
mod refused;
mod through;

use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::pty::Pty;
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, wait_until};

/// How often somebody has logged in.
fn logins(sshd: &Sshd) -> usize {
    sshd.log().matches("Accepted publickey").count()
}

/// A session with these nodes connected.
fn session(env: &Env, file: &str) -> Pty {
    let mut pty = env.prompt(file);
    pty.command("@* true");
    pty.wait_prompt();
    pty
}

/// A server, a session with all of its nodes connected, and their file.
fn lab(count: u32) -> (Sshd, Env, String, Pty) {
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", count));
    let pty = session(&env, &file);
    assert_eq!(logins(&sshd), count as usize);
    (sshd, env, file, pty)
}

#[test]
fn a_run_takes_the_connections_that_are_there() {
    need!("sshd");
    let (sshd, env, file, mut pty) = lab(2);
    pty.command("@* x=of-the-session; cd /");
    pty.wait_prompt();
    let line = "echo $DUST_NODE ${x-none}; test -t 1 || echo no terminal; exit 3";
    let run = env.dust(&["-v", "-f", &file, "@*", line]).run();
    run.expect_code(3)
        .expect_lines("n0", &["n0 none"])
        .expect_lines("n1", &["n1 none"])
        .expect_notice(&["[n0]", "through the connection of session lab"]);
    assert_eq!(logins(&sshd), 2);
    // By whatever name the file goes, and from whatever folder.
    let link = env.work().join("link.cnf");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for words in [
        &["-f", "lab.cnf", "@n0", "echo here"][..],
        &["-f", "./link.cnf", "@n0", "echo here"],
        &["-s", "lab", "-f", "lab.cnf", "@n0", "echo here"],
        &["-f", "lab.cnf", "-c", "@n0 exit 0", "-c", "@n0 echo here"],
    ] {
        let run = env.dust(words).run().expect_code(0);
        run.expect_lines("n0", &["here"]);
    }
    assert_eq!(logins(&sshd), 2);
    // The session's own shells know nothing of it.
    pty.command("@* echo still $x in $PWD");
    pty.wait_row("[n0] still of-the-session in /");
    pty.wait_row("[n1] still of-the-session in /");
}

#[test]
fn what_the_session_is_not_connected_to_yet_it_is_afterwards() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    let mut pty = env.prompt(&file);
    for _ in 0..3 {
        let run = env.dust(&["-f", &file, "@n1", "echo warm"]).run();
        run.expect_code(0).expect_lines("n1", &["warm"]);
    }
    assert_eq!(logins(&sshd), 1);
    pty.command("@n1 echo too");
    pty.wait_row("[n1] too");
    assert_eq!(logins(&sshd), 1);
}

#[test]
fn standard_input_and_output_to_the_byte() {
    need!("sshd");
    let (sshd, env, file, _pty) = lab(2);
    let run = env.dust(&["-f", &file, "@n0", "cat"]).stdin("one\ntwo");
    run.run().expect_code(0).expect_lines("n0", &["one", "two"]);
    // Of what a command does not read, nothing is run.
    let words = ["-f", &file, "-c", "@* head -n 1", "-c", "@* echo $?"];
    let input = "first\n".to_owned() + &"exit 9\n".repeat(100_000);
    let run = env.dust(&words).stdin(input).run().expect_code(0);
    run.expect_lines("n0", &["first", "0"])
        .expect_lines("n1", &["first", "0"]);
    let bytes: Vec<u8> = (0..10_000_000u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let line = format!("cat > '{}'/$DUST_NODE", env.work().display());
    let run = env.dust(&["-f", &file, "@*", &line]).stdin(bytes.clone());
    run.within(LONG_PATIENCE).run().expect_code(0);
    for node in ["n0", "n1"] {
        let same = std::fs::read(env.work().join(node)).unwrap() == bytes;
        assert!(same, "{node}");
    }
    // 10 MB back, line by line.
    let line = "seq -f 'a line with the number %g' 370000";
    let run = env.dust(&["-f", &file, "@n1", line]).within(LONG_PATIENCE);
    let run = run.run().expect_code(0);
    assert!(run.stdout.len() > 10_000_000, "{}", run.stdout.len());
    let lines = run.lines_of("n1");
    assert_eq!(lines.len(), 370_000);
    for (number, line) in (1..).zip(&lines) {
        assert!(
            line.strip_prefix("a line with the number ")
                .and_then(|rest| rest.parse::<f64>().ok())
                .is_some_and(|n| (n - f64::from(number)).abs() <= f64::from(number) * 1e-5),
            "{number}: {line}"
        );
    }
    assert_eq!(logins(&sshd), 2);
}

#[test]
fn twenty_nodes_and_five_runs_at_once() {
    need!("sshd");
    let (sshd, env, file, _pty) = lab(20);
    let runs: Vec<_> = (0..5)
        .map(|n| {
            let line = format!("echo run {n} on $DUST_NODE");
            env.dust(&["-f", &file, "@*", &line]).start()
        })
        .collect();
    for (n, run) in runs.into_iter().enumerate() {
        let mut run = run.finish().expect_code(0);
        for node in (0..20).map(|i| format!("n{i}")) {
            let line = format!("run {n} on {node}");
            run = run.expect_lines(&node, &[&line]);
        }
    }
    assert_eq!(logins(&sshd), 20);
}

#[test]
fn a_hundred_nodes_at_once() {
    need!("sshd");
    let (sshd, env, file, _pty) = lab(100);
    let run = env.dust(&["-v", "-f", &file, "@*", "echo $DUST_RANK"]);
    let run = run.within(LONG_PATIENCE).run().expect_code(0);
    assert_eq!(run.out().lines().count(), 100);
    assert!(!run.err().contains("connecting to"), "{}", run.err());
    assert_eq!(logins(&sshd), 100);
}

#[test]
fn raw_shells_are_left_alone() {
    need!("sshd");
    let (sshd, env, file, mut pty) = lab(1);
    pty.command("@n0");
    pty.wait_for("its shell", |s| !s.contents().contains("dust:lab$ \n"));
    pty.line("echo in $((6*7)); cat");
    pty.wait_row("in 42");
    for n in 0..3 {
        let line = format!("echo {n}; seq 1000");
        let run = env.dust(&["-f", &file, "@n0", &line]).run();
        assert_eq!(run.expect_code(0).lines_of("n0").len(), 1001);
    }
    pty.line("to cat");
    pty.wait_for("what cat says", |s| {
        s.contents().matches("to cat").count() == 2
    });
    assert_eq!(logins(&sshd), 1);
}

#[test]
fn no_channel_is_left_open() {
    need!("sshd");
    let (sshd, env) = (Sshd::with(&[("MaxSessions", "4")]), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let _pty = session(&env, &file);
    let ended = |count: usize| {
        // sshd counts a session until its processes have ended.
        wait_until("all shells but the session's have ended", || {
            sshd.log().matches("Close session").count() >= count
        });
    };
    for n in 0..12 {
        ended(2 * n);
        let line = format!("echo {n}; cat");
        let run = env.dust(&["-f", &file, "@n0", &line]).stdin("x\n").run();
        run.expect_code(0)
            .expect_lines("n0", &[&n.to_string(), "x"]);
    }
    assert_eq!(logins(&sshd), 1);
    // Killed in the middle, and while the channel is being opened.
    for n in 0..12 {
        let mut run = env.dust(&["-f", &file, "@n0", "echo on; cat"]).stdin("");
        if n % 2 == 0 {
            run = run.env("DUST_SESSION", "lab");
        }
        let mut run = run.start();
        if n % 3 > 0 {
            run.wait_text("on");
        }
        drop(run);
    }
    wait_until("all shells but the session's have ended", || {
        crate::support::proc::descendants(sshd.pid()).len() <= 4
    });
    let before = logins(&sshd);
    let run = env.dust(&["-f", &file, "@n0", "cat"]).stdin("end\n").run();
    run.expect_code(0).expect_lines("n0", &["end"]);
    assert_eq!(logins(&sshd), before);
}

#[test]
fn a_run_started_in_the_session_finds_it() {
    need!("sshd");
    let (sshd, _env, file, mut pty) = lab(1);
    let dust = crate::support::env::DUST;
    pty.command(&format!("!{dust} -f {file} @n0 echo inside"));
    pty.wait_row("[n0] inside");
    pty.wait_prompt();
    assert_eq!(logins(&sshd), 1);
}

#[test]
fn behind_a_jump_host() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let mut nodes = sshd.nodes("n", 2);
    let gate = sshd.node("gate", crate::support::shell::Shell::Bash);
    nodes = nodes
        .into_iter()
        .map(|node| node.set("jump", "gate"))
        .collect();
    nodes.push(gate);
    let file = env.cluster(&nodes);
    let mut pty = env.prompt(&file);
    pty.command("@n* true");
    pty.wait_prompt();
    let before = logins(&sshd);
    let run = env.dust(&["-f", &file, "@n*", "echo $DUST_NODE"]).run();
    run.expect_code(0)
        .expect_lines("n0", &["n0"])
        .expect_lines("n1", &["n1"]);
    assert_eq!(logins(&sshd), before);
}

#[cfg(feature = "local")]
#[test]
fn local_nodes_are_found_as_before() {
    let env = Env::new();
    let file = env.file(
        "here.cnf",
        "@cloud\nprovider=local\nname=here\n@worker[0-1]\n",
    );
    let file = file.display().to_string();
    env.dust(&["-f", &file, "start"]).run().expect_code(0);
    let mut pty = env.prompt(&file);
    pty.command("@* true");
    pty.wait_prompt();
    let run = env.dust(&["-v", "-f", &file, "@*", "echo warm"]).run();
    let run = run.expect_code(0).expect_lines("worker1", &["warm"]);
    assert!(!run.err().contains("connecting to"), "{}", run.err());
    // Started anew it has its address again, and the session connects to it anew.
    let mut words = vec!["-y", "-v", "-f", &file];
    for line in ["stop worker1", "start worker1", "@worker1 echo new"] {
        words.extend(["-c", line]);
    }
    let run = env.dust(&words).run().expect_code(0);
    run.expect_lines("worker1", &["new"])
        .expect_notice(&["[worker1]", "through the connection of session here"]);
    env.dust(&["-y", "-f", &file, "stop", "*"])
        .run()
        .expect_code(0);
}
