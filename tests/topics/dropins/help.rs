//! What is told of drop-ins: help, completion, did-you-mean, what is shadowed.

use std::fs;

use super::{nowhere, own, program, script};
use crate::support::env::Env;
use crate::support::pty::has_row;

#[test]
fn help_lists_and_explains_them() {
    let env = Env::new();
    let file = nowhere(&env, &["a"]);
    script(
        &own(&env),
        "mend",
        "# dust: mend what is broken\n# dust: And then some.\n# dust-usage: [-n] THING",
    );
    script(&own(&env), "mute", "echo never asked >asked");
    let run = env.dust(&["-f", &file, "help"]).run().expect_code(0);
    let out = run.out();
    assert!(out.contains("Drop-in commands:\n"), "{out}");
    assert!(
        out.contains("  mend [TARGET] [-n] THING  mend what is broken\n"),
        "{out}"
    );
    assert!(out.contains("  mute [TARGET]"), "{out}");
    for words in [["help", "mend"], ["?", "mend"]] {
        let run = env.dust(&words).run().expect_code(0);
        let out = run.out();
        assert!(out.starts_with("mend [TARGET] [-n] THING\n"), "{out}");
        assert!(out.contains("\nmend what is broken\n"), "{out}");
        assert!(out.contains("And then some."), "{out}");
        assert!(out.contains("dust/commands/mend"), "{out}");
    }
    let run = env.dust(&["help", "mnd"]).run().expect_code(2);
    run.expect_notice(&["no help on `mnd`", "did you mean mend?"]);
    let run = env.dust(&["--json", "commands"]).run().expect_code(0);
    let first: serde_json::Value = serde_json::from_str(run.out().lines().next().unwrap()).unwrap();
    assert_eq!(first["command"], "mend");
    assert_eq!(first["used"], true);
    assert!(!env.work().join("asked").exists());
}

#[test]
fn a_program_that_knows_the_question_is_asked() {
    let env = Env::new();
    let answers = "case $1 in --dust-help)";
    script(
        &own(&env),
        "asked",
        &format!("{answers} echo x >>count; echo says what it is; exit;; esac"),
    );
    script(&own(&env), "hangs", &format!("{answers} sleep 1000;; esac"));
    script(&own(&env), "floods", &format!("{answers} exec yes;; esac"));
    script(
        &own(&env),
        "rubbish",
        &format!("{answers} head -c 100000 /dev/urandom;; esac"),
    );
    script(&own(&env), "fails", &format!("{answers} exit 9;; esac"));
    // A comment comes first.
    script(
        &own(&env),
        "both",
        &format!("# dust: by its comment\n{answers} echo asked; exit;; esac"),
    );
    let run = env.dust(&["help"]).run().expect_code(0);
    let out = run.out();
    let rest = out.split("Drop-in commands:").nth(1).unwrap();
    for (name, text) in [("asked", "says what it is"), ("both", "by its comment")] {
        let line = format!("  {name} [TARGET]");
        let found = rest.lines().find(|found| found.starts_with(&line));
        assert!(found.is_some_and(|found| found.ends_with(text)), "{rest}");
    }
    for name in ["hangs", "floods", "rubbish", "fails"] {
        assert!(rest.contains(&format!("  {name} [TARGET]")), "{rest}");
    }
    assert!(!rest.contains(['\x1b', '\x07', '\0', '\r']), "{rest:?}");
    // At a prompt they are asked once, until the file changes.
    fs::remove_file(env.work().join("count")).unwrap();
    let mut pty = env.prompt(&nowhere(&env, &["a"]));
    for _ in 0..3 {
        pty.command("help asked");
        pty.wait_row("says what it is");
        pty.wait_prompt();
        pty.send("\x0c");
        pty.wait_for("an empty screen", |s| !has_row(s, "says what it is"));
    }
    let count = fs::read_to_string(env.work().join("count")).unwrap();
    assert_eq!(count, "x\n");
}

#[test]
fn what_came_with_a_cluster_file_is_not_run_unasked() {
    let env = Env::new();
    let file = nowhere(&env, &["a"]);
    let asks = |name: &str| {
        format!(
            "case $1 in --dust-help) echo {name} >>asked; echo says {name};; *) echo ran;; esac"
        )
    };
    let beside = env.work().join("commands");
    for name in ["first", "second", "third"] {
        script(&beside, name, &asks(name));
    }
    script(&own(&env), "mine", &asks("mine"));
    let asked = || fs::read_to_string(env.work().join("asked")).unwrap_or_default();
    let mut pty = env.prompt(&file);
    for (line, row) in [
        ("commands", "third is"),
        ("reload", "has not changed"),
        ("help", "third [TARGET]"),
    ] {
        pty.command(line);
        pty.wait_for(row, |screen| screen.contents().contains(row));
        pty.wait_prompt();
    }
    assert_eq!(asked(), "mine\n");
    // Who names one means it.
    pty.command("help second");
    pty.wait_row("says second");
    pty.wait_prompt();
    pty.command("third");
    pty.wait_row("ran");
    pty.wait_prompt();
    pty.command("commands");
    pty.wait_words(&["third", "says third"]);
    assert_eq!(asked(), "mine\nsecond\nthird\n");
    let run = env.dust(&["-f", &file, "help", "first"]).run();
    assert!(run.expect_code(0).out().contains("says first"));
}

#[test]
fn what_is_shadowed_is_told_once() {
    let env = Env::new();
    let file = nowhere(&env, &["a"]);
    script(&own(&env), "show", "echo mine");
    script(&own(&env), "ls", "echo not the listing");
    script(&own(&env), "twice", "echo second");
    script(&env.work().join("commands"), "twice", "echo first");
    let mut pty = env.prompt(&file);
    pty.wait_words(&["commands/show is not used", "dust has a command"]);
    pty.wait_words(&["commands/twice is not used", "another one comes first"]);
    pty.wait_words(&["commands/ls is not used", "dust has a subcommand"]);
    pty.send("\x0c");
    pty.wait_for("an empty screen", |s| !s.contents().contains("not used"));
    pty.command("twice");
    pty.wait_row("first");
    pty.wait_prompt();
    pty.command("show");
    pty.wait_words(&["1", "a", "running"]);
    pty.wait_prompt();
    env.file("a-file-here", "");
    pty.command("ls a-file*");
    pty.wait_row("a-file-here");
    pty.wait_prompt();
    pty.command(&format!("load {file}"));
    pty.wait_row("lab: 1 node: a");
    pty.command("!true");
    pty.wait_prompt();
    assert!(!pty.screen().contents().contains("not used"));
    // Where no system command is meant, it is no command at all.
    env.dust(&["-f", &file, "-c", "ls"])
        .run()
        .expect_code(2)
        .expect_notice(&["no command `ls`"]);
    let run = env.dust(&["-f", &file, "help"]).run().expect_code(0);
    assert!(run.out().contains("3 more are not used"), "{}", run.out());
}

#[test]
fn tab_knows_them_and_slips_are_recognised() {
    let env = Env::new();
    let file = nowhere(&env, &["web0", "web1"]);
    script(
        &own(&env),
        "zzmend",
        "# dust: x\necho mended $(cat $DUST_NAMES) / \"$@\"",
    );
    env.file("some-file", "");
    let mut pty = env.prompt(&file);
    // What is there is learnt in the background.
    pty.command("commands");
    pty.wait_words(&["zzmend is"]);
    pty.wait_prompt();
    pty.send("zzm\t");
    pty.wait_typed("zzmend");
    pty.send("web1\t");
    pty.wait_typed("zzmend web1");
    pty.send("some\t\r");
    pty.wait_row("mended web1 / some-file");
    pty.wait_prompt();
    pty.command("zzmned web0");
    pty.wait_words(&["no command `zzmned`", "did you mean zzmend?"]);
    pty.wait_prompt();
    // A new one works at once, and is known from then on.
    program(&own(&env), "zznew", "#!/bin/sh\necho brand new\n");
    pty.command("zznew");
    pty.wait_row("brand new");
    pty.wait_prompt();
    pty.send("help zzn\t");
    pty.wait_typed("help zznew");
    pty.send("\r");
    pty.wait_words(&["zznew [TARGET]"]);
    pty.wait_prompt();
    pty.send("zzn\t");
    pty.wait_typed("zznew");
}

#[test]
fn the_systems_shells_are_told_them() {
    let env = Env::new();
    let file = nowhere(&env, &["a"]);
    script(&own(&env), "mend", "# dust: mend what is broken");
    script(&env.work().join("commands"), "beside", "");
    script(&own(&env), "show", "# dust: never used");
    let asked = "case $1 in --dust-help) echo asked >asked;; esac";
    script(&own(&env), "quick", asked);
    let run = env.dust(&["-f", &file, "__complete", "command"]).run();
    let out = run.expect_code(0).out();
    assert_eq!(out, "beside\t\nmend\tmend what is broken\nquick\t\n");
    assert!(!env.work().join("asked").exists());
}

#[test]
fn reload_reads_what_has_changed() {
    let env = Env::new();
    let file = nowhere(&env, &["a"]);
    let mut pty = env.prompt(&file);
    pty.command("reload");
    pty.wait_words(&["lab.cnf has not changed"]);
    pty.wait_prompt();
    script(&own(&env), "load", "");
    nowhere(&env, &["a", "b"]);
    pty.command("reload");
    pty.wait_row("lab: 2 nodes: a,b");
    pty.wait_words(&["commands/load is not used"]);
    pty.command("show b");
    pty.wait_words(&["b", "running"]);
}
