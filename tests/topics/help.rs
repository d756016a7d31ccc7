//! `help` in terminals of all widths, and what becomes of words that are mistyped.

use crate::support::env::Env;
use crate::support::pty::Terminal;

#[test]
fn help_fits_the_terminal() {
    let env = Env::new();
    for (rows, cols) in [(24, 80), (10, 30)] {
        let mut pty = env.terminal_of(Terminal { rows, cols }, &["--no-session"]);
        pty.wait_prompt();
        for subject in [
            "help",
            "?",
            "help start",
            "help filters",
            "help raw",
            "? attach",
        ] {
            pty.command(subject);
            pty.wait_prompt();
        }
        // All of it is painted, then.
        pty.command("!echo all is told");
        pty.wait_row("all is told");
        // Nothing is broken in the middle of a word: what is wider than the screen would be.
        let all = pty.history();
        for sentence in [
            "launch what is absent, start what is stopped",
            "Waits until each node answers ssh",
            "names by number; leading zeros count",
            "none of the three reaches the node",
            "It is for the shell's command line",
        ] {
            let flat = all.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(sentence), "{cols}: {sentence}\n{all}");
        }
        pty.line("exit");
        pty.wait_exit();
    }
}

#[test]
fn help_in_a_pipe_is_as_wide_as_is_good_to_read() {
    let env = Env::new();
    for words in [
        &["help"][..],
        &["-h"],
        &["help", "put"],
        &["demo", "-h"],
        &["ssh", "--help"],
    ] {
        let text = env.dust(words).run().expect_code(0).out();
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!((40..=80).contains(&widest.unwrap()), "{words:?}: {text}");
    }
    let text = env.dust(&["ssh", "--help"]).run().out();
    assert!(text.starts_with("dust ssh NODE [CMD...]\n"), "{text}");
    let text = env.dust(&["demo", "-h"]).run().out();
    assert!(text.starts_with("dust demo [N]\n"), "{text}");
    let filters = env.dust(&["help", "filters"]).run().out();
    assert_eq!(filters, env.dust(&["help", "targets"]).run().out());
    assert!(filters.contains("state=stopped"), "{filters}");
    env.dust(&["help", "strat"])
        .run()
        .expect_code(2)
        .expect_notice(&["no help on", "strat", "did you mean start?"]);
}

#[test]
fn a_mistyped_command_is_not_given_to_the_shell() {
    let env = Env::new();
    let (rows, cols) = (24, 100);
    let mut pty = env.terminal_of(Terminal { rows, cols }, &["--no-session"]);
    pty.wait_prompt();
    pty.command("termiante worker*");
    pty.wait_words(&["no command `termiante`", "did you mean terminate?"]);
    pty.wait_prompt();
    // What is near nothing has the shell's own message, and what is a program runs.
    pty.command("qwxyzzy worker");
    pty.wait_words(&["qwxyzzy", "not found"]);
    pty.wait_prompt();
    pty.command("stat /dev/null");
    pty.wait_words(&["character special file"]);
    pty.wait_prompt();
    assert!(!pty.history().contains("termiante: "), "{}", pty.report());
    for (words, near) in [
        (&["termiante", "worker*"][..], "did you mean terminate?"),
        (&["-c", "termiante worker*"], "did you mean terminate?"),
        (&["atach"], "did you mean dust attach?"),
        (&["ssh-confg"], "did you mean ssh-config?"),
    ] {
        let run = env.dust(words).run().expect_code(2);
        run.expect_notice(&["no command", near]);
    }
}
