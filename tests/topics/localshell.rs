//! The system shell: what is no command of dust's runs here, in the same terminal.

use crate::support::bad::refused;
use crate::support::deps::{find, need, skip};
use crate::support::env::Env;
use crate::support::pty::{Pty, has_row, row_with_cursor, rows, typed};
use crate::support::run::says;
use std::time::Duration;

fn prompt(env: &Env) -> Pty {
    let mut pty = env.terminal::<&str>(&[]);
    pty.wait_row("dust$");
    pty
}

#[test]
fn other_words_run_in_the_system_shell() {
    let env = Env::new();
    env.file("notes.txt", "remember\n");
    let mut pty = prompt(&env);
    pty.command("ls *.txt | tr a-z A-Z");
    pty.wait_row("NOTES.TXT");
    pty.wait_prompt();
    pty.command("!echo \"quoted $((40 + 2))\" > out && cat out");
    pty.wait_row("quoted 42");
    pty.wait_prompt();
    // A command of dust's, meant for the system.
    pty.command("!history >/dev/null; echo its own $((40+2))");
    pty.wait_row("its own 42");
    pty.wait_prompt();
}

#[test]
fn a_status_other_than_0_is_shown() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.command("!sh -c 'exit 37'");
    pty.wait_for("the status", |s| {
        rows(s)
            .iter()
            .any(|r| !r.contains("$ ") && r.contains("37"))
    });
    pty.wait_prompt();
    pty.command("no-such-program-here");
    pty.wait_words(&["no-such-program-here", "not found"]);
    pty.wait_prompt();
    pty.command("!true");
    pty.wait_prompt();
}

#[test]
fn cd_changes_dusts_own_folder() {
    let env = Env::new();
    std::fs::create_dir_all(env.work().join("deep/er folder")).unwrap();
    env.file(
        "deep/here.cnf",
        "@cloud\nprovider=ssh\nname=deep\n@a\nhost=127.0.0.1\n",
    );
    let mut pty = prompt(&env);
    pty.command("cd deep");
    pty.command("!pwd | sed 's/.*work/work/'");
    pty.wait_row("work/deep");
    pty.wait_prompt();
    pty.command("cd 'er folder'");
    pty.command("!pwd | sed 's/.*work/work/'");
    pty.wait_row("work/deep/er folder");
    pty.wait_prompt();
    pty.command("cd -");
    pty.command("load here.cnf");
    pty.wait_for("the cluster", |s| {
        typed(s).is_some() && says(&s.contents(), &["dust:deep$"])
    });
    pty.command("cd no/such/folder");
    pty.wait_words(&["no/such/folder", "no such"]);
    pty.command("cd");
    pty.command("!test \"$PWD\" = \"$HOME\" && echo at home $((40+2))");
    pty.wait_row("at home 42");
}

#[test]
fn a_full_screen_program_has_the_terminal() {
    need!("less");
    let env = Env::new();
    let text: Vec<String> = (1..=200).map(|i| format!("line {i}")).collect();
    env.file("long.txt", text.join("\n"));
    let mut pty = prompt(&env);
    pty.command("cat long.txt | less");
    pty.wait_row("line 20");
    pty.wait_for("less's prompt", |s| {
        rows(s)
            .iter()
            .any(|row| row == ":" || row.contains("(END)"))
    });
    pty.send("G");
    pty.wait_row("line 200");
    pty.resize(40, 90);
    // less forgets a key that it has read when the signal about the size comes; and the signal, when
    // it comes just before less waits for a key. `r` is a key that repaints.
    let repaints = |pty: &mut Pty| {
        // It keeps its first line, or its last one: a matter of its version.
        let all = |pty: &Pty| pty.rows().last().is_some_and(|row| row == "(END)");
        all(pty) || pty.shows_within(Duration::from_secs(1), "~\n(END)") || all(pty) || {
            pty.send("r");
            false
        }
    };
    assert!((0..20).any(|_| repaints(&mut pty)), "{}", pty.report());
    pty.send("g");
    pty.wait_row("line 39");
    pty.send("G");
    pty.wait_row("line 165");
    pty.send("q");
    pty.wait_prompt();
    assert!(!pty.screen().alternate_screen());
    pty.command("!stty size");
    pty.wait_row("40 90");
    pty.wait_prompt();
}

#[test]
fn an_editor_works() {
    let Some(vim) = ["vim", "vim.tiny"]
        .into_iter()
        .find(|name| find(name).is_some())
    else {
        skip("not installed: vim");
        return;
    };
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.command(&format!("{vim} -u NONE -N notes.txt"));
    pty.wait_for("vim", |s| {
        s.alternate_screen() && says(&s.contents(), &["notes.txt"])
    });
    pty.send("ihello from vim\x1b:wq\r");
    pty.wait_prompt();
    pty.wait_for("the screen of before", |s| !s.alternate_screen());
    assert_eq!(
        std::fs::read_to_string(env.work().join("notes.txt")).unwrap(),
        "hello from vim\n"
    );
}

#[test]
fn the_terminal_is_restored_whatever_it_did() {
    let env = Env::new();
    let mut pty = prompt(&env);
    for line in [
        "!stty raw -echo",
        "!printf '\\033[?1049h\\033[?25l\\033[?2004h\\033[?1000h\\033[31mred'",
        "!stty -onlcr; kill -9 $$",
        "!sh -c 'stty raw; kill -SEGV $$'",
    ] {
        pty.command(line);
        pty.wait_prompt();
        pty.command("!printf 'a\\nb %s\\n' $((40+2))");
        pty.wait_row("b 42");
        pty.wait_prompt();
    }
    pty.command("exit");
    pty.wait_exit();
    pty.expect_restored();
}

#[test]
fn ctrl_c_and_ctrl_z_belong_to_what_runs() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.command("!echo running; sleep 1000");
    pty.wait_row("running");
    pty.send("\x03");
    pty.wait_prompt();
    pty.command("!PS1='inner> ' bash --norc --noediting");
    pty.wait_row("inner>");
    // No fork of a shell may be under way when a signal comes: it would be lost there.
    pty.line("sh -c 'echo rea\"\"dy; exec cat'");
    pty.wait_row("ready");
    pty.send("\x1a");
    pty.wait_words(&["stopped"]);
    pty.wait_for("bash's prompt", |s| row_with_cursor(s) == "inner>");
    pty.line("fg");
    // bash names it on a line of its own, unless something is typed there.
    pty.wait_row("sh -c 'echo rea\"\"dy; exec cat'");
    pty.line("who answers");
    pty.wait_for("cat's answer", |s| {
        rows(s).iter().filter(|row| *row == "who answers").count() == 2
    });
    // What is typed before the signal is dealt with goes with it.
    pty.send("\x03");
    pty.wait_for("bash's prompt", |s| row_with_cursor(s) == "inner>");
    pty.line("echo status $?");
    pty.wait_text("status 130");
    pty.line("exit");
    pty.wait_prompt();
    assert!(!has_row(pty.screen(), "inner> exit exit"));
}

#[test]
fn it_reads_what_is_typed() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.command("!read -r x; echo \"got <$x>\"");
    // Typed ahead or not, it is the program's.
    pty.wait_for("the program runs", |s| typed(s).is_none());
    pty.line("some words");
    pty.wait_row("got <some words>");
    pty.wait_prompt();
}

#[test]
fn much_local_output_is_complete() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.command("!seq 1 1500; printf nonl");
    pty.wait_for("its end", |s| s.contents().contains("nonl"));
    pty.wait_prompt();
    let all = pty.history();
    for n in [1, 2, 750, 1499, 1500] {
        assert!(all.lines().any(|row| row == n.to_string()), "{n}");
    }
}

#[test]
fn a_cluster_does_not_change_what_is_local() {
    let env = Env::new();
    let file = env.cluster(&[refused("uptime")]);
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.command("echo local $((40+2))");
    pty.wait_row("local 42");
}
