//! Sessions: the prompt outlives its terminal (SPEC: "Raw shells and sessions").

mod clients;
mod ends;
mod hostile;
mod starting;

use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::bad::refused;
use crate::support::deps::need;
use crate::support::env::{DUST, Env};
use crate::support::pty::{Pty, Terminal, has_row, rows};
use crate::support::sshd::Sshd;
use crate::support::wait_until;

/// dust in a terminal, with other variables.
fn dust(env: &Env, args: &[&str], variables: &[(&str, &str)]) -> Pty {
    dust_of(env, Terminal::default(), args, variables)
}

fn dust_of(env: &Env, terminal: Terminal, args: &[&str], variables: &[(&str, &str)]) -> Pty {
    let mut command: Command = env.command(DUST);
    command.args(args).envs(variables.iter().copied());
    Pty::spawn(command, terminal)
}

/// dust in a terminal, once its prompt is there.
fn prompt(env: &Env, args: &[&str]) -> Pty {
    let mut pty = dust(env, args, &[]);
    pty.wait_prompt();
    pty
}

/// What `dust ls` says of each session.
fn sessions(env: &Env) -> Vec<serde_json::Value> {
    let out = env.dust(&["ls", "--json"]).run().expect_code(0).out();
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// How many terminals are attached to the only session.
fn attached(env: &Env) -> u64 {
    let sessions = sessions(env);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions[0]["attached"].as_u64().unwrap()
}

#[test]
fn a_session_outlives_its_client_and_is_shown_again() {
    let env = Env::new();
    std::fs::create_dir(env.work().join("deep")).unwrap();
    let file = env.cluster(&["a", "b"].map(refused));
    let mut pty = prompt(&env, &["-f", &file]);
    pty.command("cd deep");
    pty.wait_prompt();
    pty.send("half a li");
    pty.wait_typed("half a li");
    pty.signal(Signal::SIGKILL);
    pty.wait_exit();
    wait_until("nobody is attached", || attached(&env) == 0);
    let listed = env.dust(&["ls"]).run().expect_code(0).out();
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["session", "cluster", "nodes", "attached", "idle"]);
    assert_eq!(rows[1][..4], ["lab", "lab", "2", "0"]);

    let mut pty = dust(&env, &["attach"], &[]);
    pty.wait_typed("half a li");
    pty.send("\x15");
    pty.command("!pwd | sed 's/.*work/work/'");
    pty.wait_row("work/deep");
    pty.command("exit");
    pty.wait_text("[session lab ended]");
    assert_eq!(pty.wait_exit(), 0);
    pty.expect_restored();
    assert!(sessions(&env).is_empty());
    wait_until("the server has ended", || env.servers().is_empty());
    assert!(!env.sockets().join("lab.sock").exists());
    assert!(
        !env.sockets().join("lab.log").exists(),
        "it had nothing to complain of"
    );
}

#[test]
fn detach_leaves_and_dust_returns() {
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    pty.command("detach");
    pty.wait_row("[detached from session main; dust attach main returns]");
    assert_eq!(pty.wait_exit(), 0);
    pty.expect_restored();
    assert!(
        !rows(pty.screen()).iter().any(|row| row == "dust$"),
        "no prompt stays behind"
    );
    for words in [&[][..], &["attach"], &["attach", "main"], &["-s", "main"]] {
        let mut pty = prompt(&env, words);
        assert_eq!(attached(&env), 1, "{words:?}");
        pty.command("detach");
        assert_eq!(pty.wait_exit(), 0);
    }
    // From elsewhere.
    let mut pty = prompt(&env, &["attach"]);
    let run = env.dust(&["detach", "main"]).run().expect_code(0);
    assert_eq!(run.out(), "session main: one terminal detached\n");
    pty.wait_row("[detached from session main; dust attach main returns]");
    assert_eq!(pty.wait_exit(), 0);
    let run = env.dust(&["detach"]).run().expect_code(0);
    assert_eq!(run.out(), "session main was not attached\n");
    env.dust(&["kill"]).run().expect_code(0);
    // kill waits for the end of its socket, if not for the kernel's last word on the process.
    assert!(!env.sockets().join("main.sock").exists());
    wait_until("the server has ended", || env.servers().is_empty());
}

#[test]
fn what_was_printed_while_nobody_looked_comes_first() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let gate = env.work().join("gate");
    let mut pty = prompt(&env, &["-f", &file]);
    pty.command(&format!(
        "@n0 until [ -e {0} ]; do sleep 0.02; done; seq -f 'line %g' 200000; mv {0} {0}.over",
        gate.display()
    ));
    pty.wait_prompt_busy();
    pty.command_while_busy("detach");
    pty.wait_exit();
    std::fs::write(&gate, "").unwrap();
    wait_until("it has printed all", || {
        gate.with_extension("over").exists()
    });
    let mut pty = dust(&env, &["attach"], &[]);
    pty.wait_row("[n0] line 200000");
    pty.wait_prompt();
    let start = pty.since(0);
    let told = start.split("earlier lines were not kept]").next().unwrap();
    let dropped: usize = told.rsplit('[').next().unwrap().trim().parse().unwrap();
    assert!(
        start.contains(&format!("line {}\r\n", dropped + 1)),
        "{dropped}"
    );
    assert!(!start.contains(&format!("line {dropped}\r\n")), "{dropped}");
}

#[test]
fn the_environment_is_that_of_the_terminal_that_was_typed_at() {
    let env = Env::new();
    let agent = env.work().join("agent");
    let (first, second) = (
        [("DISPLAY", ":1")],
        [
            ("DISPLAY", ":2"),
            ("TERM", "vt220"),
            ("SSH_AUTH_SOCK", agent.to_str().unwrap()),
        ],
    );
    let mut one = dust(&env, &[], &first);
    one.wait_prompt();
    one.command("!echo at $DISPLAY $TERM ${SSH_AUTH_SOCK-none}");
    one.wait_row("at :1 xterm-256color none");
    let mut two = dust(&env, &[], &second);
    two.wait_prompt();
    two.command("!echo at $DISPLAY $TERM ${SSH_AUTH_SOCK##*/}");
    two.wait_row("at :2 vt220 agent");
    two.wait_prompt();
    one.wait_prompt();
    one.command("!echo again $DISPLAY");
    one.wait_row("again :1");
    one.wait_prompt();
    one.command("!echo $DUST_SOCKET | sed 's/.*run/run/'; test -S $DUST_SOCKET; echo $?");
    one.wait_row("run/dust/main.sock");
}

#[test]
fn a_session_is_not_shown_inside_itself() {
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    for line in ["dust", "dust attach", "dust attach main"] {
        pty.command(&format!("!{}", line.replace("dust", DUST)));
        pty.wait_words(&["this is session main already"]);
        pty.wait_prompt();
        pty.send("\x0c");
        pty.wait_for("an empty screen", |s| !s.contents().contains("already"));
    }
    // Another one may be.
    pty.command(&format!("!{DUST} -s other"));
    pty.wait_for("the other prompt", |s| {
        s.contents().matches("dust$").count() == 2
    });
    pty.line("exit");
    pty.wait_row("[session other ended]");
    pty.wait_prompt();
}

#[test]
fn without_a_session_the_prompt_is_this_process() {
    let env = Env::new();
    let mut pty = prompt(&env, &["--no-session"]);
    assert!(env.servers().is_empty());
    pty.command("detach");
    pty.wait_words(&["there is no session to detach from"]);
    pty.command("exit");
    assert_eq!(pty.wait_exit(), 0);
    pty.expect_restored();
}

#[test]
fn the_wrong_session_is_named_with_those_there_are() {
    let env = Env::new();
    for words in [
        &["attach"][..],
        &["attach", "x"],
        &["kill"],
        &["kill", "x"],
        &["detach"],
    ] {
        env.dust(words).run().expect_code(2);
    }
    let one = prompt(&env, &["-s", "one"]);
    let two = prompt(&env, &["-s", "two"]);
    let run = env.dust(&["kill"]).run().expect_code(2);
    assert!(
        run.err().contains("which session? one, two"),
        "{}",
        run.err()
    );
    let run = env.dust(&["kill", "three"]).run().expect_code(2);
    assert!(run.err().contains("there are: one, two"), "{}", run.err());
    // The one that was used last.
    let mut one = one;
    one.command("!true");
    one.wait_prompt();
    drop((one, two));
    let listed = env.dust(&["__complete", "session"]).run().expect_code(0);
    assert_eq!(listed.out(), "one\ntwo\n");
    let run = env.dust(&["detach", "nowhere"]).run().expect_code(2);
    let hint = "there is no session nowhere (there are: one, two)";
    assert!(run.err().contains(hint), "{}", run.err());
    for name in ["one", "two"] {
        env.dust(&["kill", name]).run().expect_code(0);
    }
    wait_until("all have ended", || env.servers().is_empty());
}

#[test]
fn a_demo_lives_as_long_as_its_session() {
    if cfg!(not(feature = "local")) {
        return;
    }
    let env = Env::new();
    let mut pty = dust(&env, &["demo", "1"], &[]);
    pty.wait_prompt();
    pty.command("@worker0 x=42");
    pty.wait_prompt();
    pty.signal(Signal::SIGKILL);
    pty.wait_exit();
    let mut pty = prompt(&env, &["attach", "demo"]);
    pty.command("@worker0 echo still $x");
    pty.wait_row("[worker0] still 42");
    pty.command("exit");
    assert_eq!(pty.wait_exit(), 0);
    let folder = format!("dust-demo-{}/0", nix::unistd::geteuid());
    let folder = env.folder("tmp").join(folder);
    // Also a terminal that came later shows the end only when it is the end.
    assert!(!folder.exists(), "something is left of the nodes");
    wait_until("the server has ended", || env.servers().is_empty());
    assert!(!has_row(pty.screen(), "dust:demo$"));
}
