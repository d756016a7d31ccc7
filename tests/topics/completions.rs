//! Completion in the real shells, answered by the real dust: what is typed with Tab is what the
//! program then gets, whatever has to be quoted on the way.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use dust::command::completions::Shell;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::support::deps::{have, need};
use crate::support::env::{DUST, Env, Node};

/// A folder with the completion scripts, cluster files, and a `dust` that answers them, but does not
/// run: what else it is called with is written down.
struct Place {
    folder: tempfile::TempDir,
}

type Started = (
    Box<dyn portable_pty::Child + Send + Sync>,
    Box<dyn std::io::Write + Send>,
    Box<dyn std::io::Read + Send>,
);

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for shell in Shell::ALL {
            fs::write(place.path(shell.file_name()), shell.script()).unwrap();
        }
        let cluster = "@cloud\nprovider=ec2\nregion=eu-west-1\nname=demo\n\
                       @master\ntag.owner=it's dev & ops\n@worker[0-3]\ninstance_type=t3.small\n\
                       @n[008-012]\n";
        let other = "@cloud\nprovider=ssh\nname=other\n@alpha\n@beta\n";
        for (name, text) in [
            ("demo.cnf", cluster),
            ("default.cnf", cluster),
            ("my 'odd' [file] @*.cnf", other),
            ("one's file", ""),
        ] {
            fs::write(place.path(name), text).unwrap();
        }
        fs::create_dir(place.path("folder")).unwrap();
        let script = format!(
            "#!/bin/sh\n\
             for word; do\n\
                 case $word in __complete) exec '{DUST}' \"$@\" ;; esac\n\
             done\n\
             for word; do printf '<%s>' \"$word\"; done >>\"$HOME/called\"\n\
             echo >>\"$HOME/called\"\n"
        );
        let dust = place.path("dust");
        fs::write(&dust, script).unwrap();
        fs::set_permissions(&dust, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap();
        let here = self.folder.path().display();
        vec![
            ("PATH", format!("{here}:{path}")),
            ("HOME", here.to_string()),
            ("ZDOTDIR", here.to_string()),
            ("XDG_CONFIG_HOME", here.to_string()),
            ("XDG_DATA_HOME", here.to_string()),
            ("TERM", "dumb".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ]
    }

    /// A shell in a terminal: itself, what is typed, what is shown.
    fn shell(&self, shell: &[&str]) -> Started {
        let size = PtySize {
            rows: 24,
            cols: 200,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new("timeout");
        command.args([&["--foreground", "-s", "KILL", "30"], shell].concat());
        command.env_clear();
        for (key, value) in self.env() {
            command.env(key, value);
        }
        command.cwd(self.folder.path());
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let keys = pty.master.take_writer().unwrap();
        let screen = pty.master.try_clone_reader().unwrap();
        (child, keys, screen)
    }

    /// What the shell shows when these keys are typed at its prompt.
    fn listed(&self, shell: &[&str], setup: &str, keys: &str) -> String {
        let (mut child, mut typing, mut screen) = self.shell(shell);
        let mut seen = String::new();
        typing.write_all(format!("{setup}\r").as_bytes()).unwrap();
        assert!(wait_for(&mut *screen, "READY>", &mut seen), "{seen}");
        let mut shown = String::new();
        typing.write_all(keys.as_bytes()).unwrap();
        // The line is given up, whatever stands on it, and the shell ends.
        typing.write_all(b"\x15exit\r").unwrap();
        wait_for(&mut *screen, "nothing more: to the end", &mut shown);
        child.wait().unwrap();
        shown
    }

    /// The lines that fish answers when it is asked for these completions.
    fn complete(&self, lines: &[&str]) -> Vec<String> {
        let quoted = |line: &&str| format!("'{}'", line.replace('\\', r"\\"));
        let asks = lines
            .iter()
            .map(|line| format!("; complete -C {}", quoted(line)));
        let script = format!("source dust.fish{}", asks.collect::<String>());
        let mut command = Command::new("fish");
        command
            .args(["--no-config", "-c", &script])
            .current_dir(self.folder.path());
        let out = command.env_clear().envs(self.env()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{lines:?}");
        let out = String::from_utf8_lossy(&out.stdout);
        out.lines().map(str::to_owned).collect()
    }

    /// What the shell calls dust with after these keys were typed at its prompt, each of the lines
    /// with Enter.
    fn type_into(&self, shell: &[&str], setup: &str, lines: &[&str]) -> Vec<String> {
        let (mut child, mut keys, mut screen) = self.shell(shell);
        let mut seen = String::new();
        // The prompt is set in two parts, so that its echo is not taken for it.
        let all = std::iter::once(setup)
            .chain(lines.iter().copied())
            .chain(["exit"]);
        for (i, line) in all.enumerate() {
            if i > 0 && !wait_for(&mut *screen, "READY>", &mut seen) {
                break;
            }
            keys.write_all(format!("{line}\r").as_bytes()).unwrap();
        }
        wait_for(&mut *screen, "nothing more: to the end", &mut seen);
        child.wait().unwrap();
        let called = fs::read(self.path("called")).unwrap_or_default();
        let called = String::from_utf8_lossy(&called);
        let called: Vec<String> = called.lines().map(str::to_owned).collect();
        assert_eq!(called.len(), lines.len(), "the screen:\n{seen}");
        called
    }
}

/// Reads until `text` came; false at the end.
fn wait_for(screen: &mut dyn std::io::Read, text: &str, seen: &mut String) -> bool {
    let mut new = String::new();
    let mut buffer = [0; 4096];
    while !new.contains(text) {
        match screen.read(&mut buffer) {
            Ok(0) | Err(_) => {
                seen.push_str(&new);
                return false;
            },
            Ok(count) => new.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    seen.push_str(&new);
    true
}

/// What the shells do before lines are typed at them.
const BASH: (&[&str], &str) = (
    &["bash", "--norc", "--noprofile", "-i"],
    "bind 'set bell-style none'; source ./dust.bash; PS1=READY'>'",
);
const ZSH: (&[&str], &str) = (
    &["zsh", "-f", "-i"],
    "unsetopt beep prompt_sp; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; \
     PS1=READY'>'",
);

/// Keys, and the words that dust is then called with.
const TYPED: &[(&str, &str)] = &[
    ("dust @wor\t2 uptime", "<@worker2><uptime>"),
    ("dust @mas\tuptime", "<@master><uptime>"),
    // The numbers of nodes, in quotes.
    ("dust stop 'worker[2-\t", "<stop><worker[2-3]>"),
    // Values with blanks, apostrophes and what a target would take for an operator.
    ("dust @tags=\t\tdf", "<@tags=owner:it's dev ? ops><df>"),
    ("dust --fo\tshow", "<--fold><show>"),
    (
        "dust -f my\t@al\tx",
        "<-f><my 'odd' [file] @*.cnf><@alpha><x>",
    ),
    (
        "dust --file my\tstop al\t",
        "<--file><my 'odd' [file] @*.cnf><stop><alpha>",
    ),
    ("dust put one\tmas\t/tmp", "<put><one's file><master></tmp>"),
    // Which of these words is the target, only dust can tell.
    ("dust put a one\tmas\t", "<put><a><one's file><master>"),
    ("dust put a b @mas\t", "<put><a><b><@master>"),
    ("dust put a dem\t.cnf b", "<put><a><demo.cnf><b>"),
    ("dust get mas\t/x /y fol\t", "<get><master></x></y><folder>"),
    ("dust stop -- mas\t", "<stop><--><master>"),
    ("dust ssh mas\tls", "<ssh><master><ls>"),
    ("dust ssh-c\tmas\t", "<ssh-config><master>"),
    ("dust instance_type=\tx", "<instance_type=x>"),
    (
        "dust show instance_type=t\t",
        "<show><instance_type=t3.small>",
    ),
    ("dust sto\tinst\tt\t", "<stop><instance_type=t3.small>"),
    ("dust '@mas\t uptime", "<@master><uptime>"),
    (
        "dust start --no\tmaster,wo\t3",
        "<start><--no-wait><master,worker3>",
    ),
    (
        "dust --fold -f dem\tuse dem\t",
        "<--fold><-f><demo.cnf><use><demo>",
    ),
    ("dust -f demo.cnf @de\tx", "<-f><demo.cnf><@demo><x>"),
    ("dust load dem\t", "<load><demo.cnf>"),
    ("dust cd fol\t", "<cd><folder>"),
    ("dust --col\tnev\trefr\t", "<--color><never><refresh>"),
    ("dust set fol\ton\t", "<set><fold><on>"),
    ("dust help targets\t", "<help><targets>"),
    ("dust dem\t3 refr\t", "<demo><3><refresh>"),
    ("dust compl\tfi\t", "<completions><fish>"),
];

/// The same without quotes, which zsh takes for the subscripts of a variable.
const NUMBERS: &[(&str, &str)] = &[
    ("dust stop worker[2-\t", "<stop><worker[2-3]>"),
    ("dust stop n[011-\t", "<stop><n[011-012]>"),
    ("dust @n[011-\tuptime", "<@n[011-012]><uptime>"),
    (
        "dust @master,worker[2-\tuptime",
        "<@master,worker[2-3]><uptime>",
    ),
];

fn check(typed: &[(&str, &str)], called: &[String]) {
    for ((keys, words), found) in typed.iter().zip(called) {
        // A shell may write the value of an option as --color=never.
        let found = found.replace("<--color=", "<--color><");
        // And zsh takes the slash after a folder away when the line is done.
        let found = found.replace("/>", ">");
        assert_eq!(found, *words, "{keys:?}");
    }
}

fn keys<'a>(typed: &[(&'a str, &str)]) -> Vec<&'a str> {
    typed.iter().map(|(keys, _)| *keys).collect()
}

#[test]
fn in_bash() {
    need!("bash");
    let typed = [TYPED, NUMBERS].concat();
    check(
        &typed,
        &Place::new().type_into(BASH.0, BASH.1, &keys(&typed)),
    );
}

#[test]
fn in_zsh() {
    need!("zsh");
    check(TYPED, &Place::new().type_into(ZSH.0, ZSH.1, &keys(TYPED)));
}

/// At its prompt, where fish quotes by itself.
#[test]
fn in_fish() {
    need!("fish");
    let setup = "source ./dust.fish; function fish_prompt; echo -n READY'>'; end";
    let typed = [TYPED, NUMBERS].concat();
    let fish = ["fish", "--no-config", "-i"];
    check(&typed, &Place::new().type_into(&fish, setup, &keys(&typed)));
}

/// What fish says there is for each of these lines; it can be asked without a terminal.
#[test]
fn what_is_offered() {
    need!("fish");
    let place = Place::new();
    for (line, words) in [
        ("dust stop master wo", vec![]),
        ("dust @master up", vec![]),
        ("dust set fold ", vec!["off", "on"]),
        ("dust set color ", vec!["always", "auto", "never"]),
        ("dust \\? targ", vec!["target", "targets"]),
        ("dust demo dem", vec![]),
        ("dust start --fo", vec![]),
        ("dust put dem", vec!["demo.cnf"]),
        ("dust put a dem", vec!["demo", "demo.cnf"]),
        ("dust get master fol", vec![]),
        ("dust get master /x fol", vec!["folder/"]),
    ] {
        let mut offered = place.complete(&[line]);
        offered.sort_unstable();
        let offered: Vec<&str> = offered
            .iter()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert_eq!(offered, words, "{line}");
    }
}

/// What is offered says what it is.
#[test]
fn meanings_are_shown() {
    let place = Place::new();
    if have(&["fish"]) {
        let out = place.complete(&["dust stop worker", "dust @dem", "dust termi"]);
        for line in [
            "worker0\tt3.small",
            "@demo\ta cluster of 10",
            "terminate\tdestroy nodes, with their disks",
        ] {
            assert!(out.iter().any(|found| found == line), "{line}: {out:?}");
        }
    }
    if have(&["zsh"]) {
        // A list is shown below the line, which is then given up.
        let shown = place.listed(ZSH.0, ZSH.1, "dust stop worker\t\t");
        assert!(shown.contains("worker0  -- t3.small"), "{shown}");
        let shown = place.listed(ZSH.0, ZSH.1, "dust term\t ; dust st\t\t");
        assert!(
            shown.contains("stop nodes; start brings them back"),
            "{shown}"
        );
    }
}

/// What a completion script is told about the words that begin so.
fn answer(env: &Env, words: &[&str]) -> String {
    env.dust(words).run().expect_code(0).out()
}

#[test]
fn the_session_answers_where_one_runs() {
    let env = Env::new();
    let nodes = ["n0", "n1", "m"].map(|name| Node::new(name, "127.0.0.1", 1));
    let file = env.cluster(&nodes);
    let target = ["__complete", "target", "n"];
    let with_file = ["-f", &file, "__complete", "target", "n"];
    let from_file = answer(&env, &with_file);
    assert_eq!(from_file, "n0\trunning\nn1\trunning\nname=\tan attribute\n");
    assert_eq!(answer(&env, &target), "name=\tan attribute\n");
    let mut pty = env.prompt(&file);
    assert_eq!(answer(&env, &["__complete", "session"]), "lab\n");
    // Without a file, and with that very file; by its name, too.
    for words in [
        &target[..],
        &with_file,
        &["-s", "lab", "__complete", "target", "n"],
    ] {
        assert_eq!(answer(&env, words), from_file, "{words:?}");
    }
    let other = env.file("other.cnf", "@cloud\nprovider=ssh\n@x\n@y\n");
    let other = other.display().to_string();
    let told = answer(&env, &["-f", &other, "__complete", "target", "@"]);
    assert_eq!(told, "@x\trunning\n@y\trunning\n@other\ta cluster of 2\n");
    // In what a session runs, lines are about that one, whatever file is there; so is completion.
    env.file("default.cnf", "@cloud\nprovider=ssh\nname=other\n@n9\n");
    let inside = |socket: &str, words: &[&str]| {
        let socket = env.sockets().join(socket).display().to_string();
        let run = env.dust(words).env("DUST_SOCKET", &socket).run();
        run.expect_code(0).out()
    };
    assert_eq!(inside("lab.sock", &target), from_file);
    assert_eq!(inside("gone.sock", &target), "");
    let default = ["-f", "default.cnf", "__complete", "target", "n9"];
    assert_eq!(inside("lab.sock", &default), "n9\trunning\n");
    fs::remove_file(env.work().join("default.cnf")).unwrap();
    // A server that hangs is not waited for; the file answers.
    let server = env.servers()[0];
    let stopped = |signal| kill(Pid::from_raw(server), signal).unwrap();
    stopped(Signal::SIGSTOP);
    assert_eq!(answer(&env, &with_file), from_file);
    stopped(Signal::SIGCONT);
    pty.line("exit");
    pty.wait_exit();
}

/// A file that is wrong, or none: no words, and none of complaint.
#[test]
fn nothing_is_said_where_nothing_is_known() {
    let env = Env::new();
    env.file("bad.cnf", "@cloud\nprovider=none\n");
    for words in [
        &["-f", "bad.cnf", "__complete", "target", "x"][..],
        &["-f", "gone.cnf", "__complete", "target", "x"],
        &["__complete", "target", "x"],
        &["__complete", "session"],
        &["__complete", "command"],
    ] {
        let run = env.dust(words).run().expect_code(0);
        assert_eq!(
            (run.out(), run.err()),
            (String::new(), String::new()),
            "{words:?}"
        );
    }
}

/// A package may lack the files: the program has them, too.
#[test]
fn the_program_prints_the_scripts() {
    let env = Env::new();
    for (shell, file) in [
        ("bash", "dust.bash"),
        ("zsh", "_dust"),
        ("fish", "dust.fish"),
    ] {
        let committed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
        let committed = fs::read_to_string(committed.join(file)).unwrap();
        assert!(
            answer(&env, &["completions", shell]) == committed,
            "{shell}"
        );
    }
}
