//! Standard input of a one-shot run: every node's command gets all of it, and its end.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::deps::{self, need};
use crate::support::env::Env;
use crate::support::pty::Terminal;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, PATIENCE, wait_until};

/// One node of each login shell that is installed.
fn all_shells(sshd: &Sshd) -> Vec<crate::support::env::Node> {
    let there = Shell::ALL
        .into_iter()
        .filter(|shell| deps::have(&[shell.program()]));
    there.map(|shell| sshd.node(shell.word(), shell)).collect()
}

/// Bytes without a pattern that a lost or doubled piece would keep.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(byte).take(count).collect()
}

#[test]
fn every_command_reads_it_to_its_end_on_every_shell() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = all_shells(&sshd);
    let file = env.cluster(&nodes);
    for (input, printed) in [
        (&b"a\nb\n"[..], &["<a", "b", ">"][..]),
        (b"no newline", &["<no newline>"]),
        (b"\n\n", &["<", "", ">"]),
        (b"", &["<>"]),
        (
            b"exit 3\n\x04\x03kill $$\n",
            &["<exit 3", "\x04\x03kill $$", ">"],
        ),
    ] {
        let line = "printf '<'; cat; echo '>'";
        let run = env.dust(&["-f", &file, "@*", line]).stdin(input).run();
        let mut run = run.expect_code(0);
        for node in &nodes {
            run = run.expect_lines(&node.name, printed);
        }
    }
    // Nothing at all: /dev/null.
    let run = env.dust(&["-f", &file, "@*", "cat; echo end"]).run();
    let mut run = run.expect_code(0);
    for node in &nodes {
        run = run.expect_lines(&node.name, &["end"]);
    }
}

#[test]
fn any_bytes_arrive_as_they_are() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = all_shells(&sshd);
    let file = env.cluster(&nodes);
    let bytes = noise(10_000_000);
    let input = env.file("big", &bytes);
    let copy = |name: &str| env.work().join(format!("copy of {name}"));
    let line = format!("cat > '{}'", copy("'$DUST_NODE'").display());
    for from_pipe in [false, true] {
        // A file cannot be waited for; a pipe can.
        let words = format!("\"$DUST\" -f '{file}' '@*' \"$LINE\"");
        let words = if from_pipe {
            format!("cat '{}' | {words}", input.display())
        } else {
            format!("{words} < '{}'", input.display())
        };
        let run = env.bash(&words).env("LINE", &line);
        run.within(LONG_PATIENCE).run().expect_code(0);
        for node in &nodes {
            let copy = copy(&node.name);
            let same = std::fs::read(&copy).unwrap() == bytes;
            assert!(same, "{}", copy.display());
            std::fs::remove_file(copy).unwrap();
        }
    }
}

#[test]
fn what_a_command_leaves_unread_is_never_run() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = all_shells(&sshd);
    let file = env.cluster(&nodes);
    let flag = env.work().join("flag");
    let input = format!(
        "first\n{}",
        format!("touch {}\n", flag.display()).repeat(100_000)
    );
    let words = [
        "-f",
        &file,
        "-c",
        "@* head -n 1",
        "-c",
        "@* true",
        "-c",
        "@* echo $?; (exit 4)",
    ];
    let mut run = env.dust(&words).stdin(input.clone()).run().expect_code(4);
    for node in &nodes {
        run = run.expect_lines(&node.name, &["first", "0"]);
    }
    // Nor where nothing is read at all.
    let run = env.dust(&["-f", &file, "@*", "(exit 3)"]).stdin(input);
    run.run().expect_code(3);
    assert!(!flag.exists());
}

#[test]
fn the_shell_is_the_same_as_without() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = all_shells(&sshd);
    let file = env.cluster(&nodes);
    // A long command takes another way into the shell.
    let long = format!("cd /usr; x=$(cat); (exit 5) # {}", "-".repeat(2000));
    for first in ["cd /usr; x=$(cat); (exit 5)", &long] {
        let lines = [
            format!("@* {first}"),
            "@* echo \"$? $x $PWD\"; cat".to_owned(),
            "@* test -t 1 && echo terminal".to_owned(),
        ];
        let words = [
            "-f", &file, "-c", &lines[0], "-c", &lines[1], "-c", &lines[2],
        ];
        let mut run = env.dust(&words).stdin("one\ntwo\n").run().expect_code(5);
        for node in &nodes {
            run = run.expect_lines(&node.name, &["5 one", "two /usr", "terminal"]);
        }
    }
}

#[test]
fn a_syntax_error_takes_nothing_with_it() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = all_shells(&sshd);
    let file = env.cluster(&nodes);
    for line in ["@* echo (", "@* echo \"open", "@* if true; then"] {
        let words = ["-f", &file, "-c", line, "-c", "@* echo after"];
        let run = env.dust(&words).stdin("x\n").run();
        assert!(![0, 255].contains(&run.code()), "{line}\n{}", run.report());
        for node in &nodes {
            assert!(
                run.lines_of(&node.name).contains(&"after".to_owned()),
                "{}",
                run.report()
            );
        }
    }
}

#[test]
fn a_shell_that_ends_in_mid_stream() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = all_shells(&sshd);
    let file = env.cluster(&nodes);
    let words = [
        "-f",
        &file,
        "-c",
        "@* read a; exit 6",
        "-c",
        "@* echo again",
    ];
    let mut run = env
        .dust(&words)
        .stdin(noise(3_000_000))
        .run()
        .expect_code(6);
    for node in &nodes {
        run = run.expect_has(&node.name, &["again"]);
    }
}

#[test]
fn a_command_that_reads_nothing_holds_back_whoever_writes() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("worker", 2));
    let go = env.work().join("go");
    let line = format!(
        "@* test $DUST_RANK = 0 || while ! test -e '{}'; do sleep 0.02; done; wc -c",
        go.display()
    );
    let most = 64 * 1024 * 1024;
    let mut dust = env.command(crate::support::env::DUST);
    let mut dust = dust
        .args(["-f", &file, "-c", &line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = dust.stdin.take().unwrap();
    let written = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&written);
    let writer = std::thread::spawn(move || {
        let piece = [b'x'; 64 * 1024];
        for _ in 0..most / piece.len() {
            stdin.write_all(&piece).unwrap();
            counter.fetch_add(piece.len(), std::sync::atomic::Ordering::SeqCst);
        }
    });
    // It fills what there is to fill, and then waits: no more than windows and pipes hold.
    let load = || written.load(std::sync::atomic::Ordering::SeqCst);
    wait_until("the first megabyte is taken", || load() > 1 << 20);
    let status = format!("/proc/{}/status", dust.id());
    let memory = || {
        let text = std::fs::read_to_string(&status).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    std::fs::write(&go, "").unwrap();
    writer.join().unwrap();
    let peak = memory();
    let out = dust.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    for name in ["worker0", "worker1"] {
        assert!(text.contains(&format!("[{name}] {most}\n")), "{text}");
    }

    assert!(peak < 40_000, "{peak} kB at most");
}

#[test]
fn at_a_terminal_lines_and_the_end_are_typed() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&all_shells(&sshd));
    for node in all_shells(&sshd) {
        let target = format!("@{}", node.name);
        let line = "test -t 0 && cat; echo end";
        let size = Terminal { rows: 24, cols: 80 };
        let mut pty = env.terminal_of(size, &["-f", &file, "-c", &format!("{target} {line}")]);
        pty.send("one\r");
        pty.wait_row(&format!("[{}] one", node.name));
        pty.send("\x04");
        pty.wait_row(&format!("[{}] end", node.name));
        assert_eq!(pty.wait_exit(), 0, "{}", pty.report());
    }
}

#[test]
fn a_script_leaves_nothing_to_read() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("worker", 2));
    let run = env
        .dust(&["-f", &file, "-"])
        .stdin("@* cat; echo end\n@* read x; echo $?\n");
    run.run()
        .expect_code(0)
        .expect_lines("worker0", &["end", "1"])
        .expect_lines("worker1", &["end", "1"]);
}

#[test]
fn a_server_that_allows_one_channel_says_so() {
    need!("sshd");
    let sshd = Sshd::with(&[("MaxSessions", "1")]);
    let env = Env::new();
    let file = env.cluster(&sshd.nodes("worker", 1));
    let flag = env.work().join("flag");
    let line = format!("@* touch '{}'", flag.display());
    let run = env.dust(&["-f", &file, "-c", &line, "-c", "@* echo next"]);
    run.stdin("x\n")
        .run()
        .expect_code(255)
        .expect_notice(&["worker0", "standard input", "MaxSessions", "/dev/null"])
        .expect_lines("worker0", &["next"]);
    assert!(!flag.exists(), "it did not run");
    // Without anything to read, nothing more is needed.
    let run = env.dust(&["-f", &file, "@*", "cat; echo fine"]).run();
    run.expect_code(0).expect_lines("worker0", &["fine"]);
}

#[test]
fn what_start_up_files_print_and_read_does_no_harm() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&[sshd.node("w", Shell::Bash)]);
    let home = sshd.home(Shell::Bash);
    std::fs::write(home.join(".bashrc"), "echo noise; echo more >&2\n").unwrap();
    std::fs::write(home.join(".bash_profile"), "echo profile; . ~/.bashrc\n").unwrap();
    let run = env.dust(&["-f", &file, "@*", "cat"]).stdin("a\nb\n").run();
    run.expect_code(0).expect_lines("w", &["a", "b"]);
}

#[test]
fn nothing_is_left_on_the_nodes() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = all_shells(&sshd);
    let file = env.cluster(&nodes);
    let left = || {
        let names = std::fs::read_dir("/tmp").unwrap().flatten();
        let uid = nix::unistd::getuid().as_raw();
        let ours = names.filter(|entry| {
            use std::os::unix::fs::MetadataExt as _;
            entry.file_name().to_string_lossy().starts_with(".dust-")
                && entry.metadata().is_ok_and(|meta| meta.uid() == uid)
        });
        ours.count()
    };
    for line in ["cat >/dev/null", "head -c 1", "true"] {
        env.dust(&["-f", &file, "@*", line])
            .stdin(noise(200_000))
            .run()
            .expect_code(0);
    }
    // Killed in the middle.
    let mut running = env
        .dust(&["-f", &file, "@*", "echo begun; sleep 1000"])
        .stdin("")
        .start();
    running.wait_for("all have begun", |out, _| {
        out.matches("begun").count() == nodes.len()
    });
    running.signal(nix::sys::signal::Signal::SIGKILL);
    let run = running.finish();
    assert!(run.took < PATIENCE, "{:?}", run.took);
    wait_until("its folders are gone", || left() == 0);
    wait_until("the connections are closed", || sshd.connections() == 0);
}
