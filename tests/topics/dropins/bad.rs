//! Drop-ins that must not, or cannot, be run; and those that misbehave.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::{left, nowhere, own, program, script};
use crate::support::env::Env;
use crate::support::pty::{Pty, has_row};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_others_may_write_to_is_refused() {
    let env = Env::new();
    let (folder, above) = (own(&env), env.folder("config"));
    let file = script(&folder, "mine", "echo ran");
    let elsewhere = script(&env.work().join("tools"), "tool", "echo ran");
    symlink(&elsewhere, folder.join("linked")).unwrap();
    for name in ["mine", "linked"] {
        let run = env.dust(&[name]).run().expect_code(0);
        assert_eq!(run.out(), "ran\n");
    }
    for (path, mode, name, blamed) in [
        (&file, 0o757, "mine", None),
        (&folder, 0o757, "mine", Some(&folder)),
        (&above, 0o707, "mine", Some(&above)),
        (&elsewhere, 0o757, "linked", None),
        (&env.work(), 0o707, "linked", Some(&env.work())),
    ] {
        let blamed = blamed.map_or_else(|| "it".to_owned(), |path| path.display().to_string());
        let why = format!("others may write to {blamed}");
        let before = fs::metadata(path).unwrap().permissions();
        chmod(path, mode);
        let run = env.dust(&[name]).run().expect_code(1);
        assert_eq!(run.out(), "", "{}", path.display());
        run.expect_notice(&[name, &why, "chmod go-w"]);
        // It does not become a command of the system, either.
        let run = env.dust(&["commands"]).run().expect_code(0);
        run.expect_notice(&[name, "not used", &why]);
        fs::set_permissions(path, before).unwrap();
    }
    // In a folder such as /tmp nobody can put another in its place.
    chmod(&above, 0o1777);
    env.dust(&["mine"]).run().expect_code(0);
}

#[test]
fn what_is_another_users_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        crate::support::deps::skip("only root gives files away");
        return;
    }
    let env = Env::new();
    let file = script(&own(&env), "theirs", "echo ran");
    std::os::unix::fs::chown(&file, Some(4711), None).unwrap();
    let run = env.dust(&["theirs"]).run().expect_code(1);
    run.expect_notice(&["belongs to another user", "4711"]);
}

#[test]
fn what_does_not_start_is_named() {
    let env = Env::new();
    let folder = own(&env);
    program(&folder, "nothing", "");
    program(&folder, "plain", "echo no first line\n");
    program(&folder, "missing", "#!/no/such/interpreter\n");
    program(&folder, "windows", "#!/bin/sh\r\necho\r\n");
    let notexec = script(&folder, "notexec", "echo");
    chmod(&notexec, 0o644);
    // Notes beside commands are no commands.
    fs::write(folder.join("README"), "about these\n").unwrap();
    fs::create_dir(folder.join("lib")).unwrap();
    for (name, why) in [
        ("nothing", "it is empty"),
        ("plain", "does not say what runs it"),
        ("missing", "/no/such/interpreter"),
        ("windows", "carriage returns"),
        ("notexec", "chmod +x"),
    ] {
        let run = env.dust(&[name]).run().expect_code(1);
        run.expect_notice(&[name, why]);
    }
    for name in ["README", "lib"] {
        env.dust(&[name]).run().expect_code(2);
    }
    // A program for no machine at all: the system says so.
    program(&folder, "alien", "\u{7f}ELF\0\0\0\0");
    let run = env.dust(&["alien"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    assert_eq!(left(&env), [""; 0]);
}

#[test]
fn one_that_is_killed_is_named() {
    let env = Env::new();
    script(&own(&env), "dies", "kill -9 $$");
    let run = env.dust(&["dies"]).run().expect_code(137);
    run.expect_notice(&["dies was killed by signal 9"]);
    let mut pty = prompt(&env);
    pty.command("dies");
    pty.wait_row("dies was killed by signal 9");
    pty.wait_prompt();
}

fn prompt(env: &Env) -> Pty {
    let mut pty = env.prompt(&nowhere(env, &["a", "b"]));
    pty.wait_prompt();
    pty
}

#[test]
fn ctrl_c_reaches_it_and_three_end_it() {
    let env = Env::new();
    script(&own(&env), "waits", "echo waiting; exec sleep 1000");
    script(
        &own(&env),
        "deaf",
        "trap '' INT TERM HUP; echo deaf; while :; do sleep 1000; done",
    );
    let mut pty = prompt(&env);
    pty.line("waits");
    pty.wait_row("waiting");
    pty.send("\x03");
    pty.wait_row("waits was killed by signal 2");
    pty.wait_prompt();
    pty.line("deaf");
    pty.wait_row("deaf");
    pty.send("\x03");
    pty.send("\x03\x03\x03");
    pty.wait_row("deaf was killed by signal 9");
    pty.wait_prompt();
    // A program may have asked the terminal for another encoding of keys.
    for key in ["\x1b[99;5u", "\x1b[27;5;99~"] {
        pty.send("\x0c");
        pty.wait_for("an empty screen", |s| !has_row(s, "deaf"));
        pty.line("deaf");
        pty.wait_row("deaf");
        pty.send(key.repeat(3));
        pty.wait_row("deaf was killed by signal 9");
        pty.wait_prompt();
    }
    pty.command("!echo the prompt is $((40 + 2))");
    pty.wait_row("the prompt is 42");
}

#[test]
fn a_run_that_is_interrupted_waits_for_it() {
    let env = Env::new();
    script(
        &own(&env),
        "tidy",
        "trap 'echo tidied >tidied; exit 5' INT; echo ready; while :; do sleep 0.05; done",
    );
    let mut run = env.dust(&["tidy"]).start();
    run.wait_text("ready");
    nix::sys::signal::killpg(
        nix::unistd::Pid::from_raw(run.pid()),
        nix::sys::signal::Signal::SIGINT,
    )
    .unwrap();
    run.finish().expect_code(130);
    assert!(env.work().join("tidied").exists());
    assert_eq!(left(&env), [""; 0]);
}

#[test]
fn a_terminal_that_is_left_in_a_mess_is_put_right() {
    let env = Env::new();
    script(
        &own(&env),
        "mess",
        "stty raw -echo; printf '\\033[?1049h\\033[?25l\\033[31m\\033[?1000h\\033(0\\033[4;6r'; echo in a mess",
    );
    let mut pty = prompt(&env);
    pty.command("mess");
    pty.wait_prompt();
    pty.command("!echo straight 'lines qqq'");
    pty.wait_row("straight lines qqq");
    pty.wait_prompt();
    assert!(!pty.screen().alternate_screen());
    assert!(!pty.screen().hide_cursor());
    pty.line("exit");
    pty.wait_exit();
    pty.expect_restored();
}

#[test]
fn a_flood_is_stopped_by_ctrl_c() {
    let env = Env::new();
    script(&own(&env), "flood", "exec yes 'a line of the flood'");
    let mut pty = prompt(&env);
    pty.line("flood");
    pty.wait_row("a line of the flood");
    pty.send("\x03");
    pty.wait_row("flood was killed by signal 2");
    pty.wait_prompt();
}

#[test]
fn what_a_killed_dust_left_is_removed_by_the_next() {
    let env = Env::new();
    script(&own(&env), "hold", "echo held; exec sleep 1000");
    let mut run = env.dust(&["hold"]).start();
    run.wait_text("held");
    assert_eq!(left(&env).len(), 1);
    run.signal(nix::sys::signal::Signal::SIGKILL);
    drop(run);
    script(&own(&env), "next", "true");
    env.dust(&["next"]).run().expect_code(0);
    assert_eq!(left(&env), [""; 0]);
}
