//! `config.ini`, and what `set` says of where values come from.

use crate::support::env::Env;
use crate::support::pty::Terminal;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

/// Writes the configuration file of a world.
fn config(env: &Env, text: &str) -> PathBuf {
    let folder = env.folder("config").join("dust");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.ini");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    file
}

/// The words of a setting's row in what `set` prints.
fn row(text: &str, name: &str) -> Vec<String> {
    let row = text
        .lines()
        .find(|line| line.split(' ').next() == Some(name));
    let words = row.unwrap_or_else(|| panic!("no {name} in {text}"));
    words.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn later_ones_win() {
    let env = Env::new();
    let text = "# mine\nfold = on\ntimeout=10\n\n[dust]\ncolor=always\nlog-size=64K\n";
    let file = config(&env, text);
    let shown = env.dust(&["set"]).run().expect_code(0);
    assert_eq!(
        row(&shown.out(), "fold"),
        ["fold", "on", "off", "config.ini:2"]
    );
    assert_eq!(
        row(&shown.out(), "quiet"),
        ["quiet", "200", "200", "default"]
    );
    assert!(shown.out().contains("\x1b["), "{}", shown.report());

    let args = [
        "--no-fold",
        "-t",
        "3",
        "-c",
        "set",
        "-c",
        "set quiet 50",
        "-c",
        "set",
    ];
    let shown = env.dust(&args).env("NO_COLOR", "1").run().expect_code(0);
    for (name, words) in [
        ("fold", ["fold", "off", "off", "--no-fold"]),
        ("timeout", ["timeout", "3", "30", "--timeout"]),
        ("color", ["color", "never", "auto", "NO_COLOR"]),
        ("log-size", ["log-size", "64K", "10M", "config.ini:7"]),
        ("quiet", ["quiet", "200", "200", "default"]),
    ] {
        assert_eq!(row(&shown.out(), name), words);
    }
    let out = shown.out();
    let (_, after) = out
        .split_once("NAME")
        .unwrap()
        .1
        .split_once("NAME")
        .unwrap();
    assert_eq!(row(after, "quiet"), ["quiet", "50", "200", "set"]);

    let args = [
        "--json",
        "-c",
        "set fold default",
        "-c",
        "set fold",
        "-c",
        "set timeout",
    ];
    let shown = env.dust(&args).run().expect_code(0);
    let objects: Vec<serde_json::Value> = shown
        .out()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        objects,
        [
            serde_json::json!({"event": "setting", "name": "fold", "value": "off",
                "default": "off", "from": "set"}),
            serde_json::json!({"event": "setting", "name": "timeout", "value": "10",
                "default": "30", "from": format!("{}:3", file.display())}),
        ]
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let env = Env::new();
    let file = config(&env, "fold=on\nfolld=off\n");
    let at = format!(
        "{}:2: no setting `folld` (did you mean fold?)",
        file.display()
    );
    let run = env.dust(&["set", "fold"]).run().expect_code(2);
    assert_eq!(run.err(), format!("dust: {at}\n"));
    assert_eq!(run.out(), "");
    // What is no run needs no settings.
    env.dust(&["ls"]).run().expect_code(0);
    env.dust(&["-V"]).run().expect_code(0);

    // The prompt comes all the same, with nothing of the file.
    let mut pty = env.terminal(&[] as &[&str]);
    pty.wait_words(&["config.ini:2: no setting `folld`"]);
    pty.command("set fold");
    pty.wait_words(&["fold", "off", "off", "default"]);
    pty.wait_row("Show identical output of several nodes once, under their folded names. Takes on");
    pty.command("exit");
}

#[test]
fn a_file_that_others_may_write_to_is_refused() {
    let env = Env::new();
    let file = config(&env, "fold=on\n");
    let mut modes = vec![0o646];
    if nix::unistd::geteuid().is_root() {
        // A group of whoever has that number; only root gives files to it.
        std::os::unix::fs::chown(&file, None, Some(4711)).unwrap();
        modes.push(0o664);
    }
    for mode in modes {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        env.dust(&["set", "fold"])
            .run()
            .expect_code(2)
            .expect_notice(&["config.ini", "others may write to it", "chmod go-w"]);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    env.dust(&["set", "fold"]).run().expect_code(0);
    // Whoever keeps such files elsewhere has links to them.
    let elsewhere = env.work().join("mine.ini");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let shown = env.dust(&["set", "fold"]).run().expect_code(0);
    assert_eq!(row(&shown.out(), "fold")[1], "on");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o666)).unwrap();
    env.dust(&["set", "fold"]).run().expect_code(2);
}

/// With a umask of 002, files are their group's, too, which may be the person's alone.
#[test]
fn a_group_is_trusted_as_it_is_with_drop_ins() {
    let env = Env::new();
    let file = config(&env, "fold=on\n");
    let script = file.with_file_name("commands").join("mine");
    fs::create_dir(file.with_file_name("commands")).unwrap();
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o775)).unwrap();
    let trusted = env.dust(&["commands"]).run().expect_code(0);
    let trusted = !trusted.all().contains("not used");
    let run = env.dust(&["set", "fold"]).run();
    run.expect_code(if trusted { 0 } else { 2 });
}

#[test]
fn another_file_can_be_named() {
    let env = Env::new();
    config(&env, "fold=on\n");
    let run = |name: &str| env.dust(&["set", "fold"]).env("DUST_CONFIG", name).run();
    env.file("other.ini", "fanout=3\n");
    assert_eq!(row(&run("other.ini").out(), "fold")[1], "off");
    assert_eq!(row(&run("/dev/null").out(), "fold")[1], "off");
    assert_eq!(row(&run("").out(), "fold")[1], "on");
    run("missing.ini")
        .expect_code(2)
        .expect_notice(&["cannot read", "missing.ini"]);
    run(".").expect_code(2).expect_notice(&["cannot read"]);
    nix::unistd::mkfifo(&env.work().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    run("fifo").expect_code(0);
}

#[test]
fn the_prompt_and_its_colours() {
    let env = Env::new();
    config(&env, "prompt = <%u>%c %d%%$\n");
    let mut pty = env.terminal_of(Terminal { rows: 24, cols: 80 }, &[] as &[&str]);
    let user = crate::support::env::user();
    let folder = env.work();
    let title = format!("<{user}> {}%$", folder.display());
    pty.wait_text(&title);
    let mark = pty.mark();
    pty.line("set color never");
    pty.line("set prompt dust%c%b$");
    pty.wait_prompt();
    pty.command("set color");
    pty.wait_words(&["color", "never", "auto", "set"]);
    pty.wait_prompt();
    let after = pty.since(mark);
    let (_, after) = after.split_once("NAME").unwrap();
    assert!(
        !after.contains("\x1b[1m") && !after.contains("\x1b[3"),
        "{after:?}"
    );
    pty.command("set prompt %x");
    pty.wait_words(&["prompt: `%x` is not 1 to 200 characters"]);
    pty.command("set");
    pty.wait_words(&["timeout", "30", "default"]);
    let rows = pty.rows();
    assert!(rows.iter().any(|row| row.starts_with("boot ")), "{rows:?}");
    pty.command("exit");
}
