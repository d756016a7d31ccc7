//! Several terminals at one session: none holds the others up.

use nix::sys::signal::Signal;

use super::{attached, dust_of, prompt};
use crate::support::deps::need;
use crate::support::env::{DUST, Env};
use crate::support::pty::{Pty, Terminal, has_row, row_with_cursor};
use crate::support::sshd::Sshd;
use crate::support::wait_until;

fn size(rows: u16, cols: u16) -> Terminal {
    Terminal { rows, cols }
}

#[test]
fn two_terminals_show_the_same_in_the_size_of_the_one_typed_at() {
    let env = Env::new();
    let mut one = prompt(&env, &[]);
    let mut two = dust_of(&env, size(30, 100), &[], &[]);
    two.wait_prompt();
    one.send("!echo from");
    two.wait_typed("!echo from");
    two.send(" two\r");
    for pty in [&mut one, &mut two] {
        pty.wait_row("from two");
        pty.wait_prompt();
    }
    two.command("!stty size");
    for pty in [&mut one, &mut two] {
        pty.wait_row("30 100");
        pty.wait_prompt();
    }
    one.command("!stty size");
    for pty in [&mut one, &mut two] {
        pty.wait_row("24 80");
        pty.wait_prompt();
    }
    two.resize(40, 90);
    two.command("!stty size");
    one.wait_row("40 90");
    one.wait_prompt();
    two.wait_prompt();
    two.command("detach");
    two.wait_exit();
    one.wait_prompt();
    one.command("!stty size; echo alone");
    one.wait_row("alone");
    one.wait_row("24 80");
}

#[test]
fn a_local_command_that_is_dear_to_follow_holds_nobody_up() {
    let env = Env::new();
    let mut one = dust_of(&env, size(200, 1000), &[], &[]);
    one.wait_prompt();
    let text = format!("some text that is scrolled, too{}", "\\e[9S".repeat(40));
    let flood = format!("printf '\\e[1;190r\\e[190H'; exec yes $'{text}'\n");
    let flood = env.file("flood", flood);
    one.command(&format!("!bash {}", flood.display()));
    one.wait_text("some text that is scrolled, too");
    for _ in 0..5 {
        assert_eq!(attached(&env), 1);
    }
    drop(one);
    wait_until("nobody looks", || attached(&env) == 0);
    for _ in 0..5 {
        assert_eq!(attached(&env), 0);
    }
}

#[test]
fn a_stopped_terminal_is_painted_again_when_it_goes_on() {
    let env = Env::new();
    let (mut one, mut two) = (prompt(&env, &[]), prompt(&env, &[]));
    one.signal(Signal::SIGSTOP);
    // Much more than is ever queued for one.
    two.command("!seq -f 'some text on line %g' 200000");
    two.wait_row("some text on line 200000");
    two.wait_prompt();
    two.command("!echo the other goes on");
    two.wait_row("the other goes on");
    two.wait_prompt();
    one.signal(Signal::SIGCONT);
    one.wait_row("[this terminal was behind: some output is left out here]");
    one.wait_prompt();
    one.command("!echo both again");
    one.wait_row("both again");
    two.wait_row("both again");
}

#[test]
fn a_terminal_that_does_not_read_holds_nobody_up() {
    let env = Env::new();
    let mut deaf = prompt(&env, &[]);
    let mut two = prompt(&env, &[]);
    // From here on nobody takes what `deaf` is sent.
    two.command("!seq -f 'some text on line %g' 200000");
    two.wait_row("some text on line 200000");
    two.wait_prompt();
    // It can type all the same.
    deaf.send("!echo typed at the deaf one\r");
    two.wait_row("typed at the deaf one");
    two.wait_prompt();
    // And reads again: what was too much for it is left out. How much that was depends on when it
    // had room for a moment.
    deaf.wait_any(
        "what came last",
        &[&["this terminal was behind"], &["typed at the deaf one"]],
    );
    deaf.wait_prompt();
    let read = deaf.mark();
    assert!(read < 3_000_000, "{read} bytes");
    deaf.command("!echo both again");
    deaf.wait_row("both again");
    two.wait_row("both again");
}

#[test]
fn a_lone_terminal_that_takes_nothing_counts_as_detached_after_a_while() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let over = env.work().join("over");
    let mut pty = prompt(&env, &["-f", &file]);
    pty.signal(Signal::SIGSTOP);
    let mut keys = prompt(&env, &["attach"]);
    keys.command(&format!(
        "@n0 seq -f 'some text on line %g' 500000; touch {}",
        over.display()
    ));
    // The other one is gone before it could take much.
    keys.signal(Signal::SIGKILL);
    keys.wait_exit();
    wait_until("the node has printed all", || over.exists());
    pty.signal(Signal::SIGCONT);
    pty.wait_row("[n0] some text on line 500000");
    pty.wait_prompt();
    assert!(pty.since(0).contains("earlier lines were not kept]"));
}

#[test]
fn what_fills_the_screen_is_seen_by_whoever_comes_later() {
    need!("less");
    let env = Env::new();
    let text: Vec<String> = (1..=200).map(|i| format!("line {i}")).collect();
    env.file("long.txt", text.join("\n"));
    let mut one = prompt(&env, &[]);
    one.command("less long.txt");
    one.wait_row("line 23");
    one.wait_for("less's prompt", |s| !row_with_cursor(s).starts_with("line"));
    let mut two = dust_of(&env, size(24, 80), &["attach"], &[]);
    two.wait_row("line 1");
    two.wait_row("line 23");
    assert!(two.screen().alternate_screen());
    drop(one);
    wait_until("one is gone", || attached(&env) == 1);
    two.signal(Signal::SIGKILL);
    two.wait_exit();
    let mut three = dust_of(&env, size(30, 80), &["attach"], &[]);
    three.wait_row("line 29");
    three.send("q");
    three.wait_prompt();
    assert!(!three.screen().alternate_screen());
    three.command("exit");
    assert_eq!(three.wait_exit(), 0);
    three.expect_restored();
}

#[test]
fn ctrl_z_stops_only_the_terminal_it_was_typed_at() {
    let env = Env::new();
    let mut shell = env.command("bash");
    shell
        .args(["--norc", "--noediting", "-i"])
        .env("PS1", "outer> ");
    let mut one = Pty::spawn(shell, Terminal::default());
    one.wait_for("bash", |s| row_with_cursor(s) == "outer>");
    one.line(DUST);
    one.wait_prompt();
    let mut two = prompt(&env, &["attach"]);
    one.send("half");
    two.wait_typed("half");
    one.send("\x1a");
    one.wait_words(&["stopped"]);
    one.wait_for("bash again", |s| row_with_cursor(s) == "outer>");
    assert!(!one.screen().bracketed_paste());
    one.line("echo in the \"shell\"");
    one.wait_row("in the shell");
    two.send(" a line\x15");
    two.wait_prompt();
    two.command("!echo only here");
    two.wait_row("only here");
    two.wait_prompt();
    one.line("fg");
    one.wait_prompt();
    assert!(!has_row(one.screen(), "only here"));
    one.command("!echo both");
    two.wait_row("both");
    one.wait_row("both");
    one.wait_prompt();
    // A signal from elsewhere does the same.
    let client = one.foreground();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(client), Signal::SIGTSTP).unwrap();
    one.wait_for("bash once more", |s| row_with_cursor(s) == "outer>");
    one.line("stty -a | grep -o -- '-icanon' || echo sane; fg");
    one.wait_row("sane");
    one.wait_prompt();
    one.command("exit");
    one.wait_row("[session main ended]");
    one.wait_for("bash at the end", |s| row_with_cursor(s) == "outer>");
    assert_eq!(two.wait_exit(), 0);
}

#[test]
fn the_smallest_terminals_work() {
    for (rows, cols) in [(0, 0), (1, 1), (1, 80), (24, 1)] {
        let env = Env::new();
        let mut pty = dust_of(&env, size(rows, cols), &[], &[]);
        let over = env.work().join("over");
        pty.wait_raw(0, "\x1b[?2004h");
        pty.send(format!("!touch {}\r", over.display()));
        pty.wait_for("it ran", |_| over.exists());
        pty.wait_for("the prompt is back", |s| s.bracketed_paste());
        pty.send("exit\r");
        assert_eq!(pty.wait_exit(), 0, "{rows}x{cols}");
        assert!(pty.is_restored());
    }
}
