//! One-shot runs: what reaches a pipe, and with which status dust ends (SPEC: "Running it").

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::bad::{BlackHole, refused};
use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::proc;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, PATIENCE, wait_until};

/// A cluster of `count` nodes, worker0 and so on, on bash.
fn lab(count: u32) -> (Sshd, Env, String) {
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("worker", count));
    (sshd, env, file)
}

#[test]
fn output_goes_to_stdout_with_the_name_of_each_node() {
    need!("sshd");
    let (_sshd, env, file) = lab(3);
    let run = env
        .dust(&[
            "-f",
            &file,
            "@worker*",
            "echo $DUST_NODE on $DUST_CLUSTER of $DUST_SIZE",
        ])
        .run()
        .expect_code(0);
    let mut lines: Vec<String> = run.out().lines().map(str::to_owned).collect();
    lines.sort();
    let wanted: Vec<String> = (0..3)
        .map(|i| format!("[worker{i}] worker{i} on lab of 3"))
        .collect();
    assert_eq!(lines, wanted, "{}", run.report());
    assert!(run.stdout.ends_with(b"\n"));
}

#[test]
fn each_node_answers_for_itself() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = sshd.nodes("n", 12);
    let file = env.cluster(&nodes);
    let run = env
        .dust(&["-f", &file, "@*", "set -- $SSH_CONNECTION; echo $3"])
        .run();
    let run = run.expect_code(0);
    for node in &nodes {
        assert_eq!(
            run.lines_of(&node.name),
            [node.get("host")],
            "{}",
            run.report()
        );
    }
}

#[test]
fn statuses() {
    need!("sshd");
    let (_sshd, env, file) = lab(3);
    for (line, code) in [
        ("true", 0),
        ("false", 1),
        ("(exit 42)", 42),
        ("(exit 255)", 255),
        (
            "case $DUST_NODE in worker0) (exit 3);; worker1) (exit 5);; esac",
            5,
        ),
        ("test $DUST_NODE = worker1", 1),
        ("no-such-command-here", 127),
        ("sh -c 'kill -9 $$'", 137),
    ] {
        env.dust(&["-f", &file, "@*", line]).run().expect_code(code);
    }
}

#[test]
fn a_status_other_than_0_is_said_on_stderr() {
    need!("sshd");
    let (_sshd, env, file) = lab(2);
    let run = env
        .dust(&[
            "-f",
            &file,
            "@*",
            "echo $DUST_NODE; test $DUST_NODE = worker0 || (exit 3)",
        ])
        .run()
        .expect_code(3)
        .expect_lines("worker0", &["worker0"])
        .expect_lines("worker1", &["worker1"]);
    let said: Vec<String> = run
        .err()
        .lines()
        .filter(|line| line.contains("exit"))
        .map(str::to_owned)
        .collect();
    assert_eq!(said.len(), 1, "{}", run.report());
    assert!(
        said[0].starts_with("[worker1] exit 3 ("),
        "{}",
        run.report()
    );
    assert!(said[0].ends_with("s)"), "{}", run.report());
    assert_eq!(run.out().lines().count(), 2, "{}", run.report());
}

#[test]
fn silence_is_said_in_one_line() {
    need!("sshd");
    let (_sshd, env, file) = lab(3);
    let run = env.dust(&["-f", &file, "@*", "true"]).run().expect_code(0);
    assert_eq!(run.out(), "", "{}", run.report());
    assert_eq!(
        run.err().lines().filter(|line| line.contains('3')).count(),
        1,
        "{}",
        run.report()
    );
}

#[test]
fn a_node_that_cannot_be_reached_is_named_and_the_others_go_on() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let mut nodes = sshd.nodes("worker", 2);
    nodes.push(refused("dead"));
    let file = env.cluster(&nodes);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_lines("worker0", &["here"])
        .expect_lines("worker1", &["here"])
        .expect_notice(&["dead", "refused"]);
    env.dust(&["-f", &file, "@worker*", "echo here"])
        .run()
        .expect_code(0);
}

#[test]
fn connecting_takes_no_longer_than_it_may() {
    need!("sshd");
    let (sshd, env, hole) = (Sshd::start(), Env::new(), BlackHole::new());
    let file = env.cluster(&[sshd.node("worker0", Shell::Bash), hole.node("hole")]);
    let run = env
        .dust(&["-f", &file, "-t", "1", "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_lines("worker0", &["here"])
        .expect_notice(&["hole"]);
    assert!(run.took < PATIENCE / 2, "{:?}", run.took);
}

#[test]
fn a_command_that_takes_too_long_ends_with_124() {
    need!("sshd");
    let (_sshd, env, file) = lab(2);
    let line = "echo begun; test $DUST_NODE = worker0 || sleep 1000";
    let run = env
        .dust(&["-f", &file, "-u", "1", "@*", line])
        .run()
        .expect_code(124)
        .expect_lines("worker0", &["begun"])
        .expect_lines("worker1", &["begun"])
        .expect_notice(&["worker1"]);
    assert!(run.took < PATIENCE / 2, "{:?}", run.took);
}

#[test]
fn usage_errors_end_with_2() {
    let env = Env::new();
    let file = env.cluster(&[refused("worker0")]);
    for args in [
        &["--no-such-option"][..],
        &["-f", "missing.cnf", "@*", "true"],
        &["-f", &file, "@nothing*", "true"],
        &["-f", &file, "show", "--no-such-option"],
        &["-f", &file, "load"],
        &["-f"],
        &["-t", "soon", "-f", &file, "@*", "true"],
        &["--color", "purple", "-f", &file, "@*", "true"],
    ] {
        let run = env.dust(args).run().expect_code(2);
        assert!(!run.err().is_empty(), "{args:?} says why");
        assert_eq!(run.out(), "", "{args:?}");
    }
}

#[test]
fn lines_run_one_after_another_in_the_same_shells() {
    need!("sshd");
    let (_sshd, env, file) = lab(2);
    env.dust(&[
        "-f",
        &file,
        "-c",
        "@* cd /usr/lib",
        "-c",
        "@* x=$PWD",
        "-c",
        "@* cd /; echo $x $PWD",
    ])
    .run()
    .expect_code(0)
    .expect_lines("worker0", &["/usr/lib /"])
    .expect_lines("worker1", &["/usr/lib /"]);
    let script = "@* cd /usr/lib\n\n@worker0 (exit 4)\n@* pwd";
    env.dust(&["-f", &file, "-"])
        .stdin(script)
        .run()
        .expect_code(4)
        .expect_lines("worker0", &["/usr/lib"])
        .expect_lines("worker1", &["/usr/lib"]);
}

#[test]
fn each_line_waits_for_the_one_before() {
    need!("sshd");
    let (_sshd, env, file) = lab(2);
    let slow = "@* test $DUST_NODE = worker0 && sleep 1; echo first";
    let run = env
        .dust(&["-f", &file, "-c", slow, "-c", "@* echo second"])
        .run()
        .expect_code(0);
    let order: Vec<String> = run
        .out()
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        order,
        ["first", "first", "second", "second"],
        "{}",
        run.report()
    );
}

#[test]
fn words_are_taken_as_ssh_takes_them() {
    need!("sshd");
    let (_sshd, env, file) = lab(1);
    for (words, printed) in [
        (&["echo 'a  b'"][..], "a  b"),
        (&["echo", "a  b"], "a b"),
        (&["echo", "--fold", "-c"], "--fold -c"),
        (&["echo", "$((40+2))", "'$HOME'"], "42 $HOME"),
    ] {
        let mut args = vec!["-f", file.as_str(), "@worker0"];
        args.extend(words);
        env.dust(&args)
            .run()
            .expect_code(0)
            .expect_lines("worker0", &[printed]);
    }
    // Without a target a word stays one word: here, one file's name.
    let spaced = env.work().join("my lab.cnf");
    std::fs::copy(&file, &spaced).unwrap();
    let run = env.dust(&["load", "my lab.cnf"]).run().expect_code(0);
    assert!(!run.err().contains("no such"), "{}", run.report());
}

#[test]
fn the_default_cluster_file_is_the_folders_own() {
    need!("sshd");
    let (_sshd, env, file) = lab(1);
    std::fs::rename(&file, env.work().join("default.cnf")).unwrap();
    env.dust(&["@*", "echo found"])
        .run()
        .expect_code(0)
        .expect_lines("worker0", &["found"]);
}

#[test]
fn json_lines() {
    need!("sshd");
    let (_sshd, env, file) = lab(2);
    let line = "printf 'one \"quoted\"\\ntwo'; test $DUST_NODE = worker0 || (exit 7)";
    let run = env
        .dust(&["-f", &file, "--json", "@*", line])
        .run()
        .expect_code(7);
    let objects: Vec<Value> = run
        .out()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    for (node, status) in [("worker0", 0), ("worker1", 7)] {
        let of: Vec<&Value> = objects.iter().filter(|o| o["node"] == node).collect();
        let texts: Vec<&str> = of.iter().filter_map(|o| o["text"].as_str()).collect();
        assert_eq!(texts, ["one \"quoted\"", "two"], "{}", run.report());
        let ends: Vec<&&Value> = of.iter().filter(|o| o["status"].is_number()).collect();
        assert_eq!(ends.len(), 1, "{}", run.report());
        assert_eq!(ends[0]["status"], status);
        assert!(ends[0]["seconds"].is_number(), "{}", run.report());
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    need!("sshd");
    let (_sshd, env, file) = lab(1);
    let run = |when: &str| {
        env.dust(&["-f", &file, "--color", when, "@*", "echo plain"])
            .run()
            .expect_code(0)
            .out()
    };
    assert_eq!(run("auto"), "[worker0] plain\n");
    assert_eq!(run("never"), "[worker0] plain\n");
    assert!(
        run("always").contains("\x1b["),
        "{}",
        run("always").escape_debug()
    );
}

#[test]
fn output_is_complete() {
    need!("sshd");
    let (_sshd, env, file) = lab(3);
    let line = "seq -f \"$DUST_NODE line %06g of a long text that is long enough\" 100000";
    let run = env
        .dust(&["-f", &file, "@*", line])
        .within(LONG_PATIENCE)
        .run()
        .expect_code(0);
    for node in ["worker0", "worker1", "worker2"] {
        let lines = run.lines_of(node);
        assert_eq!(lines.len(), 100_000, "{node}");
        for (i, line) in lines.iter().enumerate() {
            let wanted = format!(
                "{node} line {:06} of a long text that is long enough",
                i + 1
            );
            assert_eq!(*line, wanted);
        }
    }
    assert_eq!(run.out().lines().count(), 300_000);
}

#[test]
fn fold_shows_the_same_output_once() {
    need!("sshd");
    let (_sshd, env, file) = lab(4);
    let line = "echo kernel; test $DUST_NODE = worker3 && echo more; true";
    let run = env
        .dust(&["-f", &file, "--fold", "@*", line])
        .run()
        .expect_code(0);
    let out = run.out();
    assert!(out.contains("worker[0-2] (3)"), "{}", run.report());
    assert_eq!(out.matches("kernel").count(), 2, "{}", run.report());
    assert_eq!(out.matches("more").count(), 1, "{}", run.report());
}

#[test]
fn fanout_bounds_nothing_but_the_pace() {
    need!("sshd");
    let (_sshd, env, file) = lab(6);
    let run = env
        .dust(&["-f", &file, "--fanout", "2", "@*", "echo here"])
        .run()
        .expect_code(0);
    assert_eq!(run.out().lines().count(), 6, "{}", run.report());
}

#[test]
fn an_interrupt_ends_the_commands_and_gives_130() {
    need!("sshd");
    let (sshd, env, file) = lab(2);
    let pids = env.work().join("pids");
    let line = format!(
        "sh -c 'echo $$ >> {0}; echo begun; exec sleep 1000'",
        pids.display()
    );
    let mut running = env.dust(&["-f", &file, "@*", &line]).start();
    running.wait_for("both begun", |out, _| out.matches("begun").count() == 2);
    running.signal(Signal::SIGINT);
    running.finish().expect_code(130);
    let left = std::fs::read_to_string(pids).unwrap();
    wait_gone(&left);
    drop(sshd);
}

#[test]
fn sigterm_ends_it_at_once() {
    need!("sshd");
    let (_sshd, env, file) = lab(2);
    let mut running = env
        .dust(&["-f", &file, "@*", "echo begun; sleep 1000"])
        .start();
    running.wait_for("both begun", |out, _| out.matches("begun").count() == 2);
    running.signal(Signal::SIGTERM);
    let run = running.finish().expect_code(143);
    assert!(run.took < PATIENCE / 2, "{:?}", run.took);
    assert!(!run.err().contains("panicked"), "{}", run.report());
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    need!("sshd");
    let (_sshd, env, file) = lab(1);
    let line = format!("\"$DUST\" -f '{file}' '@*' yes | head -n 2; echo ${{PIPESTATUS[0]}}");
    let run = env.bash(&line).run().expect_code(0);
    let out = run.out();
    assert!(
        out.starts_with("[worker0] y\n[worker0] y\n"),
        "{}",
        run.report()
    );
    assert_ne!(out.lines().nth(2), Some("101"), "{}", run.report());
    assert!(!run.err().contains("panicked"), "{}", run.report());
}

#[test]
fn a_loop_keeps_its_input_where_dust_is_given_none() {
    need!("sshd");
    let (_sshd, env, file) = lab(1);
    let one = format!("\"$DUST\" -f '{file}' '@*' \"echo '<$x>'; cat\"");
    for (redirect, wanted) in [
        ("</dev/null", &["<one>", "<two>", "<three>"][..]),
        // As with ssh, the first command reads what the loop would.
        ("", &["<one>", "two", "three"]),
    ] {
        let line = format!("while read -r x; do {one} {redirect}; done");
        let run = env.bash(&line).stdin("one\ntwo\nthree\n").run();
        run.expect_code(0).expect_lines("worker0", wanted);
    }
}

#[test]
fn nothing_is_left_behind() {
    need!("sshd");
    let (sshd, env, file) = lab(2);
    env.dust(&["-f", &file, "@*", "hostname"])
        .run()
        .expect_code(0);
    let owner = env.home().parent().unwrap().display().to_string();
    assert!(proc::owned(&owner).is_empty(), "no process stays");
    wait_until("the connections are closed", || sshd.connections() == 0);
}

#[test]
fn a_local_command_runs_from_the_command_line() {
    let env = Env::new();
    let run = env.dust(&["-c", "!echo from here"]).run().expect_code(0);
    assert!(run.out().contains("from here"), "{}", run.report());
}

#[test]
fn version_and_help() {
    let env = Env::new();
    for option in ["-V", "--version"] {
        let run = env.dust(&[option]).run().expect_code(0);
        assert_eq!(
            run.out().trim_end(),
            concat!("dust ", env!("CARGO_PKG_VERSION"))
        );
    }
    for option in ["-h", "--help"] {
        let run = env.dust(&[option]).run().expect_code(0);
        for word in ["--file", "--json", "--command-timeout", "--fanout", "-c"] {
            assert!(run.out().contains(word), "{word}\n{}", run.report());
        }
    }
    let run = env.dust(&["help"]).run().expect_code(0);
    for command in ["load", "show", "set", "exit"] {
        assert!(run.out().contains(command), "{command}\n{}", run.report());
    }
}

fn wait_gone(pids: &str) {
    for pid in pids.split_whitespace() {
        let file = format!("/proc/{pid}/stat");
        wait_until(&format!("process {pid} is gone"), || {
            !std::fs::read_to_string(&file).is_ok_and(|stat| !stat.contains(") Z "))
        });
    }
}

#[test]
fn an_interrupt_before_a_local_command_keeps_it_from_starting() {
    need!("sshd");
    let (_sshd, env, file) = lab(1);
    let mut command = env.command(crate::support::env::DUST);
    // More than a pipe holds: dust waits for its reader before the local command.
    let said = env.work().join("said");
    let first = format!("@worker0 seq 20000; touch {}", said.display());
    let lines = [first.as_str(), "!touch started", "!touch after"];
    command.args(["-f", &file]);
    command.args(lines.iter().flat_map(|line| ["-c", line]));
    let mut child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the node has said all", || said.exists());
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    // It sleeps: what it has is for its reader, who reads nothing.
    let stat = format!("/proc/{pid}/stat");
    let sleeps = || std::fs::read_to_string(&stat).unwrap().contains(") S ");
    wait_until("it waits", || (0..200).all(|_| sleeps()));
    nix::sys::signal::kill(pid, Signal::SIGINT).unwrap();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    for file in ["started", "after"] {
        assert!(!env.work().join(file).exists(), "{file}");
    }
}
