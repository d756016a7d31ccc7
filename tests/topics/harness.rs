//! The harness itself: what the other tests rely on, shown with stock `ssh` and with shells, so
//! that a failure of dust is not one of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::bad::{Bad, BlackHole, refused};
use crate::support::deps::{self, need};
use crate::support::env::{Env, Node, user};
use crate::support::proc;
use crate::support::pty::{Pty, Terminal, typed};
use crate::support::run::{Dust, Outcome};
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::{PATIENCE, wait_until};

fn ssh(env: &Env, node: &Node, args: &[&str]) -> Command {
    let mut command = env.command("ssh");
    command
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=accept-new",
        ])
        .args([
            "-o",
            "KexAlgorithms=curve25519-sha256",
            "-o",
            "ConnectTimeout=2",
        ])
        .args([
            "-o",
            "UserKnownHostsFile=known_hosts",
            "-o",
            "IdentitiesOnly=yes",
        ])
        .args(["-p", node.get("port"), "-l", &user()])
        .arg(format!(
            "-oIdentityFile={}",
            Some(node.get("keyfile"))
                .filter(|f| !f.is_empty())
                .unwrap_or("none")
        ))
        .arg(node.get("host"))
        .args(args);
    command
}

fn run(env: &Env, node: &Node, line: &str) -> Outcome {
    Dust::new(ssh(env, node, &[line])).run()
}

#[test]
fn a_forced_command_stands_for_each_login_shell() {
    need!("sshd", "ssh", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    for shell in Shell::ALL {
        if !deps::have(&[shell.program()]) {
            continue;
        }
        let node = sshd.node("worker0", shell);
        let which = if shell == Shell::Fish {
            "echo $SHELL; status is-login; echo $status"
        } else {
            "echo $SHELL; echo $0"
        };
        let out = run(&env, &node, which).expect_code(0).out();
        let lines: Vec<&str> = out.lines().collect();
        let name = if shell == Shell::BashWithoutPs0 {
            "bash"
        } else {
            shell.word()
        };
        assert!(lines[0].ends_with(&format!("/{name}")), "{shell:?}: {out}");
        let second = if shell == Shell::Fish { "1" } else { name };
        assert_eq!(
            lines[1], second,
            "{shell:?}: a command is run by a shell that is no login shell"
        );
        run(&env, &node, "exit 3").expect_code(3);

        let mut pty = Pty::spawn(ssh(&env, &node, &["-tt"]), Terminal::default());
        pty.send(if shell == Shell::Fish {
            "status is-login; and echo is:(math 40+2)\r"
        } else {
            "echo is:$0\r"
        });
        let wanted = if shell == Shell::Fish {
            "is:42".to_owned()
        } else {
            format!("is:-{name}")
        };
        pty.wait_text(&wanted);
        pty.send("exit\r");
        assert_eq!(pty.wait_exit(), 0, "{shell:?}\n{}", pty.report());
    }
}

#[test]
fn the_old_bash_never_expands_ps0() {
    need!("sshd", "ssh", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    for (shell, times) in [(Shell::Bash, 1), (Shell::BashWithoutPs0, 0)] {
        let node = sshd.node("worker0", shell);
        let mut pty = Pty::spawn(ssh(&env, &node, &["-tt"]), Terminal::default());
        pty.send("stty -echo; PS0='be''fore '\r");
        pty.send("echo it; exit\r");
        assert_eq!(pty.wait_exit(), 0);
        assert_eq!(
            pty.since(0).matches("before ").count(),
            times,
            "{shell:?}\n{}",
            pty.report()
        );
    }
}

#[test]
fn every_loopback_address_is_a_node() {
    need!("sshd", "ssh", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = sshd.nodes("worker", 3);
    let hosts: BTreeSet<&str> = nodes.iter().map(|node| node.get("host")).collect();
    assert_eq!(hosts.len(), 3);
    for node in &nodes {
        let out = run(&env, node, "echo $SSH_CONNECTION; pwd")
            .expect_code(0)
            .out();
        assert_eq!(out.split_whitespace().nth(2), Some(node.get("host")));
        assert_eq!(out.lines().nth(1), sshd.home(Shell::Bash).to_str());
    }
}

#[test]
fn settings_and_start_up_files_reach_the_nodes() {
    need!("sshd", "ssh", "ssh-keygen");
    let env = Env::new();
    let mut sshd = Sshd::with(&[("Banner", &banner(&env)), ("PermitTTY", "no")]);
    sshd.set_motd("Message of the day\n");
    let node = sshd.node("worker0", Shell::Bash);
    fs::write(
        sshd.home(Shell::Bash).join(".bash_profile"),
        "echo from the profile\n",
    )
    .unwrap();
    let login = Dust::new(ssh(&env, &node, &[]))
        .stdin("echo typed\nexit 4\n")
        .run()
        .expect_code(4);
    assert!(
        login.err().contains("Authorized use only"),
        "{}",
        login.report()
    );
    assert_eq!(login.out(), "Message of the day\nfrom the profile\ntyped\n");
    let refused = Dust::new(ssh(&env, &node, &["-tt", "tty"])).run();
    assert!(
        refused.all().contains("PTY allocation request failed"),
        "{}",
        refused.report()
    );
}

fn banner(env: &Env) -> String {
    env.file("banner", "Authorized use only\n")
        .display()
        .to_string()
}

#[test]
fn a_server_takes_all_it_started_with_it() {
    need!("sshd", "ssh", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let node = sshd.node("worker0", Shell::Bash);
    let out = run(
        &env,
        &node,
        "sleep 1000 >/dev/null 2>&1 </dev/null & echo $!",
    )
    .out();
    let left: i32 = out.trim().parse().unwrap();
    assert!(alive(left));
    drop(sshd);
    wait_until("it ends", || !alive(left));
}

fn alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn connections_can_be_dropped_and_the_host_key_changed() {
    need!("sshd", "ssh", "ssh-keygen");
    let (mut sshd, env) = (Sshd::start(), Env::new());
    let node = sshd.node("worker0", Shell::Bash);
    let mut running = Dust::new(ssh(&env, &node, &["echo up; sleep 1000"])).start();
    running.wait_text("up");
    assert_eq!(sshd.connections(), 1);
    sshd.drop_connections();
    running.finish().expect_code(255);

    let before = sshd.host_fingerprint();
    sshd.change_host_key();
    assert_ne!(sshd.host_fingerprint(), before);
    let refused = run(&env, &node, "true").expect_code(255);
    assert!(
        refused.err().contains("HAS CHANGED"),
        "{}",
        refused.report()
    );
}

#[test]
fn a_key_that_the_server_does_not_know_is_refused() {
    need!("sshd", "ssh", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let stranger = env.work().join("stranger");
    crate::support::sshd::keygen(&stranger);
    let node = sshd.node("worker0", Shell::Bash).key(&stranger);
    let refused = run(&env, &node, "true").expect_code(255);
    assert!(
        refused.err().contains("Permission denied"),
        "{}",
        refused.report()
    );
    run(&env, &node.key(&sshd.plain_key()), "true").expect_code(0);
}

#[test]
fn hostile_servers_do_what_they_promise() {
    need!("ssh");
    let env = Env::new();
    let hole = BlackHole::new();
    let servers = [
        Bad::silent(),
        Bad::closing(),
        Bad::closing_in_key_exchange(),
        Bad::garbage(),
    ];
    let [silent, closing, in_kex, garbage] = &servers;
    let flood = Bad::endless_banner();
    for (node, words) in [
        (refused("refused"), "Connection refused"),
        (hole.node("hole"), "timed out"),
        (silent.node("silent"), "timed out during banner exchange"),
        (closing.node("closing"), "closed"),
        (in_kex.node("kex"), "closed"),
        (garbage.node("garbage"), "banner line"),
        (flood.node("flood"), "banner"),
    ] {
        let name = node.name.clone();
        let out = run(&env, &node, "true").expect_code(255);
        let text = out.err().to_lowercase();
        let said = text.contains(&words.to_lowercase()) || text.contains("reset by peer");
        assert!(said, "{name}\n{}", out.report());
    }
    assert!(servers.iter().all(|server| server.visits() == 1));
}

#[test]
fn a_terminal_shows_what_a_program_paints() {
    let env = Env::new();
    let mut shell = env.command("bash");
    shell
        .args(["--norc", "--noediting"])
        .env("PS1", "dust:lab$ ");
    let mut pty = Pty::spawn(shell, Terminal { rows: 10, cols: 40 });
    pty.wait_prompt();
    pty.send("stty size; echo a");
    pty.wait_typed("stty size; echo a");
    pty.send("\r");
    pty.wait_row("10 40");
    pty.wait_prompt();
    pty.resize(12, 50);
    pty.line("stty size");
    pty.wait_row("12 50");
    pty.wait_prompt();
    let from = pty.mark();
    pty.line("for i in {1..60}; do echo line $i; done");
    assert!(pty.counts_within(PATIENCE, from, b"\nline ", 60));
    pty.wait_row("line 60");
    assert!(
        pty.history().contains("line 1\nline 2\nline 3\n"),
        "{}",
        pty.history()
    );
    pty.wait_prompt();
    let changed = pty.mark();
    pty.line("stty -echo; tty -s && echo cha''nged");
    pty.wait_raw(changed, "changed");
    assert!(!pty.is_restored());
    pty.line("stty echo; exit 7");
    assert_eq!(pty.wait_exit(), 7);
    assert!(!pty.shows_within(PATIENCE, "nothing comes from what has ended"));
    assert!(!pty.counts_within(PATIENCE, from, b"\nline ", 61));
    pty.expect_restored();
}

#[test]
fn what_is_typed_is_found_on_a_screen() {
    let mut parser = vt100::Parser::new(5, 20, 0);
    parser.process(b"noise\r\ndust:lab$ @worker* echo one two");
    assert_eq!(
        typed(parser.screen()).as_deref(),
        Some("@worker* echo one two")
    );
    parser.process(b"\r\n");
    assert_eq!(typed(parser.screen()), None);
    parser.process(b"dust$ ");
    assert_eq!(typed(parser.screen()).as_deref(), Some(""));
}

#[test]
fn a_one_shot_run_has_a_world_of_its_own() {
    let env = Env::new();
    let run = env.bash("cat; echo $HOME; echo to stderr >&2; [ -z \"$SSH_AUTH_SOCK\" ]; exit 9");
    let out = run.stdin("typed\n").run().expect_code(9);
    assert_eq!(out.out(), format!("typed\n{}\n", env.home().display()));
    assert_eq!(out.err(), "to stderr\n");
    let mut run = env
        .bash("trap 'echo caught; exit 1' INT; echo ready; read -r _")
        .stdin("")
        .start();
    run.wait_text("ready");
    run.signal(nix::sys::signal::Signal::SIGINT);
    run.finish().expect_code(1);
    let few = env.bash("ulimit -n; ulimit -Hn").descriptors(99).run();
    assert_eq!(few.out(), "99\n99\n");
}

#[test]
fn what_escaped_from_its_parent_is_still_found() {
    let env = Env::new();
    let out = env
        .bash("setsid sh -c 'echo $$ >&3; exec 3>&-; sleep 1000' 3>&1 >/dev/null 2>&1 &")
        .run();
    let escaped: i32 = out.out().trim().parse().unwrap();
    let owner = env.home().parent().map(Path::display).unwrap().to_string();
    assert!(alive(escaped));
    assert!(!proc::owned(&owner).is_empty());
    drop(env);
    wait_until("it ends", || !alive(escaped));
}

#[test]
fn node_output_is_told_from_statuses() {
    let env = Env::new();
    let out = env
        .bash("echo '[a] exit 3 (0.8s)'; echo '[a] exit 3 times'; echo '[b] x'; echo '[a] '")
        .run()
        .expect_lines("a", &["exit 3 times", ""]);
    assert_eq!(out.lines_of("b"), ["x"]);
}
