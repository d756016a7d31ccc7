//! The prompt in a terminal (SPEC: "The prompt").

use nix::sys::signal::Signal;

use crate::support::bad::refused;
use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::pty::{Pty, Terminal, has_row, row_with_cursor, rows, typed};
use crate::support::sshd::Sshd;

const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const RIGHT: &str = "\x1b[C";
const LEFT: &str = "\x1b[D";

/// A prompt with a cluster of nodes that nobody connects to.
fn prompt(env: &Env) -> Pty {
    let nodes = ["master", "worker0", "worker1", "worker2"].map(refused);
    let file = env.cluster(&nodes);
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty
}

#[test]
fn the_prompt_names_the_cluster() {
    let env = Env::new();
    let mut pty = env.terminal::<&str>(&[]);
    pty.wait_row("dust$");
    pty.command(&format!("load '{}'", env.cluster(&[refused("a")])));
    pty.wait_row("dust:lab$");
}

#[test]
fn keys_edit_the_line() {
    let env = Env::new();
    let mut pty = prompt(&env);
    for (keys, line) in [
        ("abc", "abc"),
        ("\x01x", "xabc"),
        ("\x05z", "xabcz"),
        ("\x02\x02\x04", "xabz"),
        ("\x7f", "xaz"),
        ("\x15", "z"),
        ("\x19", "xaz"),
        ("\x05\x15", ""),
        ("one two three", "one two three"),
        ("\x17", "one two"),
        ("\x1bb\x1bb\x0b", ""),
        ("\x19", "one two"),
        ("\x15", ""),
        ("ab", "ab"),
        (LEFT, "ab"),
        ("-", "a-b"),
        (RIGHT, "a-b"),
        ("!", "a-b!"),
        ("\x1b[H0", "0a-b!"),
        ("\x1b[F9", "0a-b!9"),
        ("\x1b[H\x1b[3~", "a-b!9"),
        ("\x05\x15", ""),
        ("ab\x14", "ba"),
        ("\x15", ""),
        ("x\x1bOA\x1bOB", "x"),
        ("\x1b[99;99~\x1b[?1;2c", "x"),
        ("\x15", ""),
    ] {
        pty.send(keys);
        pty.wait_typed(line);
    }
    pty.command("!echo edited $((40+2))");
    pty.wait_row("edited 42");
}

#[test]
fn ctrl_c_drops_the_line_and_ctrl_d_leaves() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.send("half a line");
    pty.wait_typed("half a line");
    pty.send("\x03");
    pty.wait_prompt();
    // Within a line it deletes.
    pty.send("xy\x01\x04");
    pty.wait_typed("y");
    pty.send("\x04\x04");
    assert_eq!(pty.wait_exit(), 0);
    pty.expect_restored();
}

#[test]
fn leaving_restores_the_terminal() {
    for how in ["exit\r", "quit\r", "\x04"] {
        let env = Env::new();
        let mut pty = prompt(&env);
        assert!(
            !pty.is_restored(),
            "the terminal is in raw mode at the prompt"
        );
        pty.send(how);
        assert_eq!(pty.wait_exit(), 0, "{how:?}");
        pty.expect_restored();
    }
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let env = Env::new();
        let mut pty = prompt(&env);
        pty.signal(signal);
        assert_ne!(pty.wait_exit(), 0, "{signal}");
        pty.expect_restored();
    }
}

#[test]
fn history_is_kept_across_runs() {
    let env = Env::new();
    let mut pty = prompt(&env);
    for line in [
        "!echo first",
        "!echo second",
        "!echo second",
        " !echo secret",
    ] {
        pty.command(line);
        pty.wait_prompt();
    }
    pty.send(UP);
    pty.wait_typed("!echo second");
    pty.send(UP);
    pty.wait_typed("!echo first");
    pty.send(DOWN);
    pty.wait_typed("!echo second");
    pty.send("\x15");
    pty.command("exit");
    pty.wait_exit();

    let mut pty = prompt(&env);
    for line in ["exit", "!echo second", "!echo first"] {
        pty.send("\x10");
        pty.wait_typed(line);
    }
    pty.send("\x0e");
    pty.wait_typed("!echo second");
}

#[test]
fn history_keeps_the_line_that_was_begun() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.command("!true");
    pty.wait_prompt();
    pty.send("begun");
    pty.wait_typed("begun");
    pty.send("\x10");
    pty.wait_typed("!true");
    pty.send("\x0e");
    pty.wait_typed("begun");
}

#[test]
fn history_is_shared_between_prompts() {
    let env = Env::new();
    let session = |name: &str| {
        let mut pty = env.terminal(&["-s", name]);
        pty.wait_prompt();
        pty
    };
    let (mut one, mut two) = (session("one"), session("two"));
    one.command("!echo from one");
    one.wait_row("from one");
    one.wait_prompt();
    two.command("!echo from two");
    two.wait_row("from two");
    two.wait_prompt();
    for pty in [&mut one, &mut two] {
        pty.command("exit");
        pty.wait_exit();
    }
    let mut three = prompt(&env);
    three.command("history");
    three.wait_words(&["!echo from one"]);
    three.wait_words(&["!echo from two"]);
}

#[test]
fn ctrl_r_searches() {
    let env = Env::new();
    let mut pty = prompt(&env);
    for line in ["!echo alpha one", "!echo beta", "!echo alpha two"] {
        pty.command(line);
        pty.wait_prompt();
    }
    pty.send("\x12alp");
    pty.wait_for("the newest match", |s| {
        row_with_cursor(s).contains("!echo alpha two")
    });
    pty.send("\x12");
    pty.wait_for("the one before", |s| {
        row_with_cursor(s).contains("!echo alpha one")
    });
    pty.send("\r");
    pty.wait_for("it ran again", |s| {
        rows(s).iter().filter(|r| *r == "alpha one").count() == 2
    });
    pty.wait_prompt();
    pty.send("\x12beta");
    pty.wait_for("beta", |s| row_with_cursor(s).contains("!echo beta"));
    pty.send("\x07");
    pty.wait_prompt();
}

#[test]
fn tab_completes() {
    let env = Env::new();
    env.file("other.cnf", "");
    std::fs::create_dir(env.work().join("clusters")).unwrap();
    let mut pty = prompt(&env);
    for (keys, line) in [
        ("loa\t", "load"),
        ("load ot\t", "load other.cnf"),
        ("load clu\t", "load clusters/"),
        ("@wor\t", "@worker"),
        ("@mas\t", "@master"),
        ("show mas\t", "show master"),
        ("show sta\t", "show state="),
        ("show state=ru\t", "show state=running"),
        ("@master,wor\t", "@master,worker"),
        ("set fol\t", "set fold"),
        ("set fold o\t", "set fold o"),
        ("help loa\t", "help load"),
        ("use wor\t", "use worker"),
        ("xyzzy-no-such\t", "xyzzy-no-such"),
    ] {
        pty.send(keys);
        pty.wait_for(&format!("{keys:?} → {line:?}"), |s| {
            typed(s).is_some_and(|t| t.trim_end() == line)
        });
        pty.send("\x15");
        pty.wait_prompt();
    }
    // Several: they are listed, and the line is still there.
    pty.send("@worker\t\t");
    pty.wait_words(&["worker0", "worker1", "worker2"]);
    pty.wait_for("the line", |s| {
        typed(s).is_some_and(|t| t.starts_with("@worker"))
    });
}

#[test]
fn output_is_printed_above_the_line_being_typed() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("worker", 2));
    let gate = env.work().join("gate");
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.command(&format!(
        "@* until test -e '{}'; do sleep 0.02; done; echo late; seq 100 106; printf question",
        gate.display()
    ));
    pty.wait_prompt_busy();
    pty.send("!echo half a li");
    pty.wait_typed("!echo half a li");
    std::fs::write(&gate, "").unwrap();
    for i in [0, 1] {
        pty.wait_row(&format!("[worker{i}] 106"));
        pty.wait_row(&format!("[worker{i}] question"));
    }
    pty.wait_typed("!echo half a li");
    pty.send("ne");
    pty.wait_typed("!echo half a line");
    pty.send("\r");
    pty.wait_row("half a line");
    let all = pty.history();
    assert_eq!(
        all.lines().filter(|row| *row == "[worker0] late").count(),
        1,
        "{all}"
    );
    for n in 100..=106 {
        for i in [0, 1] {
            let line = format!("[worker{i}] {n}");
            assert_eq!(
                all.lines().filter(|row| **row == line).count(),
                1,
                "{line}\n{all}"
            );
        }
    }
}

#[test]
fn twenty_columns() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let mut pty = env.terminal_of(Terminal { rows: 12, cols: 20 }, &["-f", &file]);
    pty.wait_prompt();
    let line = "@n0 echo a long line that wraps $((40+2))";
    pty.send(line);
    pty.wait_typed(line);
    for _ in 0..10 {
        pty.send(LEFT);
    }
    pty.send("X");
    pty.send("\x05Y");
    pty.wait_typed("@n0 echo a long line that wrapsX $((40+2))Y");
    pty.send("\x01\x0b");
    pty.wait_prompt();
    pty.command("@n0 echo $((40+2))");
    pty.wait_row("[n0] 42");
    pty.command("@n0 echo 123456789012345678901234567890");
    pty.wait_for("a wrapped line", |s| {
        s.contents()
            .replace('\n', "")
            .contains("[n0] 123456789012345678901234567890")
    });
    pty.wait_prompt();
    pty.command("@n0 (exit 3)");
    pty.wait_for("its status", |s| {
        s.contents().replace('\n', "").contains("[n0] exit 3")
    });
    pty.wait_prompt();
}

#[test]
fn a_resize_keeps_the_line() {
    let env = Env::new();
    let mut pty = prompt(&env);
    let line = "!echo a line that is longer than thirty columns";
    pty.send(line);
    pty.wait_typed(line);
    for (height, width) in [(24, 30), (10, 100), (30, 41), (24, 80)] {
        pty.resize(height, width);
        pty.send("x");
        pty.wait_for(&format!("the line at {width} columns"), |s| {
            typed(s).is_some_and(|t| t.ends_with("columnsx"))
        });
        pty.send("\x7f");
        pty.wait_for("the x is gone", |s| {
            typed(s).is_some_and(|t| t.ends_with("columns"))
        });
    }
    pty.send("\r");
    pty.wait_row("a line that is longer than thirty columns");
}

#[test]
fn wide_characters() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.send("!echo 漢字🙂e\u{301}");
    pty.wait_typed("!echo 漢字🙂e\u{301}");
    pty.send("\x02\x02\x02");
    pty.send("x");
    pty.wait_typed("!echo 漢x字🙂e\u{301}");
    pty.send("\x05\x7f\x7f");
    pty.wait_typed("!echo 漢x字");
    pty.send("\r");
    pty.wait_row("漢x字");
}

#[test]
fn a_pasted_newline_submits_nothing() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.paste("@* echo pasted $((40+2))\necho second line\n");
    pty.wait_text("second line");
    assert!(!has_row(pty.screen(), "[n0] pasted 42"), "{}", pty.report());
    assert_eq!(sshd.connections(), 0);
    pty.send("\x03");
    pty.wait_prompt();
    pty.paste("@* echo pasted $((40+2))\necho second line");
    pty.wait_text("second line");
    pty.send("\r");
    pty.wait_row("[n0] pasted 42");
    pty.wait_row("[n1] second line");
}

#[test]
fn a_key_inside_a_paste_is_text() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.paste("!echo a\x03b\tc\x04");
    pty.wait_for("what was pasted", |s| {
        typed(s).is_some_and(|t| t.starts_with("!echo a"))
    });
    assert!(pty.screen().bracketed_paste());
    pty.send("\x15");
    pty.wait_prompt();
}

#[test]
fn ctrl_l_clears_the_screen() {
    let env = Env::new();
    let mut pty = prompt(&env);
    pty.command("!echo noise");
    pty.wait_row("noise");
    pty.wait_prompt();
    pty.send("typed\x0c");
    pty.wait_for("the line alone, at the top", |s| {
        rows(s).first().is_some_and(|r| r.ends_with("$ typed")) && !has_row(s, "noise")
    });
}

#[test]
fn help_lists_and_explains() {
    let env = Env::new();
    let mut pty = env.terminal_of(
        Terminal {
            rows: 60,
            cols: 100,
        },
        &["help"],
    );
    pty.wait_exit();
    let list = pty.history();
    for word in ["load", "show", "set", "history", "exit", "@"] {
        assert!(list.contains(word), "{word}\n{list}");
    }
    let mut pty = prompt(&env);
    pty.command("help load");
    pty.wait_words(&["cluster", "file"]);
    pty.command("? show");
    pty.wait_words(&["show"]);
}

#[test]
fn an_error_is_one_message_and_the_prompt_goes_on() {
    let env = Env::new();
    let mut pty = prompt(&env);
    for (line, words) in [
        ("load missing.cnf", &["missing.cnf"][..]),
        ("@nothing* true", &["nothing*", "worker[0-2]"]),
        ("set no-such-setting 1", &["no-such-setting"]),
        ("show --no-such-flag", &["--no-such-flag"]),
        ("load 'unclosed", &["closed"]),
    ] {
        pty.command(line);
        pty.wait_for(&format!("an answer to {line:?}"), |s| {
            let contents = s.contents();
            let answers: Vec<&str> = contents.lines().filter(|row| !row.contains("$ ")).collect();
            let text = answers.join(" ").to_lowercase();
            words.iter().all(|word| text.contains(&word.to_lowercase()))
        });
        pty.wait_prompt();
    }
}

#[test]
fn a_terminal_that_stops_reading_blocks_nobody() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    let [flood, ended] = ["flood", "ended"].map(|name| env.work().join(name));
    let node = env.file(
        "flood.sh",
        format!(
            "trap 'touch {}; echo; echo the last line; exit 7' INT\n\
             while seq -f %099.0f 500; do echo >> {}; done\n",
            ended.display(),
            flood.display()
        ),
    );
    pty.send(format!("@n0 sh {}\r", node.display()));
    // Nobody reads the terminal: it is full long before this. Keys are taken all the same.
    let pieces = || std::fs::metadata(&flood).map_or(0, |file| file.len());
    crate::support::wait_until("a megabyte and more", || pieces() >= 24);
    pty.send("\x03");
    crate::support::wait_until("the node is interrupted", || ended.exists());
    pty.wait_row("[n0] the last line");
    pty.wait_words(&["[n0]", "exit 7"]);
    pty.wait_prompt();
}
