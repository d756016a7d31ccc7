//! Completion in the real shells, answered by the real dust: what is typed with Tab is what the
//! program then gets, whatever has to be quoted on the way.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::generated::{BASH, Place, ZSH, have};
use crate::support::env::{DUST, Env, Node};

/// dust answers, but does not run: its words are written down.
fn place() -> Place {
    let script = format!(
        "#!/bin/sh\n\
         for word; do\n\
             case $word in __complete) exec '{DUST}' \"$@\" ;; esac\n\
         done\n\
         for word; do printf '<%s>' \"$word\"; done >>\"$HOME/called\"\n\
         echo >>\"$HOME/called\"\n"
    );
    let place = Place::with(&script);
    let cluster = "@cloud\nprovider=ec2\nregion=eu-west-1\nname=demo\n\
                   @master\ntag.owner=it's dev & ops\n@worker[0-3]\ninstance_type=t3.small\n\
                   @n[008-012]\n";
    fs::write(place.path("demo.cnf"), cluster).unwrap();
    let other = "@cloud\nprovider=ssh\nname=other\n@alpha\n@beta\n";
    fs::write(place.path("my 'odd' [file] @*.cnf"), other).unwrap();
    fs::write(place.path("default.cnf"), cluster).unwrap();
    fs::write(place.path("one's file"), "").unwrap();
    place
}

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
    ("dust stop -- mas\t", "<stop><--><master>"),
    ("dust ssh mas\tls", "<ssh><master><ls>"),
    ("dust ssh-c\tmas\t", "<ssh-config><master>"),
    ("dust instance_type=\tx", "<instance_type=x>"),
    (
        "dust show instance_type=t\t",
        "<show><instance_type=t3.small>",
    ),
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
        assert_eq!(found, words, "{keys:?}");
    }
}

fn keys<'a>(typed: &[(&'a str, &str)]) -> Vec<&'a str> {
    typed.iter().map(|(keys, _)| *keys).collect()
}

#[test]
fn in_bash() {
    if have("bash") {
        let typed = [TYPED, NUMBERS].concat();
        check(&typed, &place().type_into(BASH.0, BASH.1, &keys(&typed)));
    }
}

#[test]
fn in_zsh() {
    if have("zsh") {
        check(TYPED, &place().type_into(ZSH.0, ZSH.1, &keys(TYPED)));
    }
}

/// At its prompt, where fish quotes by itself.
#[test]
fn in_fish() {
    if !have("fish") {
        return;
    }
    let setup = "source ./dust.fish; function fish_prompt; echo -n READY'>'; end";
    let typed = [TYPED, NUMBERS].concat();
    let fish = ["fish", "--no-config", "-i"];
    check(&typed, &place().type_into(&fish, setup, &keys(&typed)));
}

/// What is offered says what it is.
#[test]
fn meanings_are_shown() {
    let place = place();
    if have("fish") {
        let script = "source dust.fish; complete -C 'dust stop worker'; complete -C 'dust @dem'; \
                      complete -C 'dust termi'";
        let mut command = Command::new("fish");
        command
            .args(["--no-config", "-c", script])
            .current_dir(place.path(""));
        let out = command.env_clear().envs(place.env()).output().unwrap();
        let out = String::from_utf8_lossy(&out.stdout).into_owned();
        for line in [
            "worker0\tt3.small",
            "@demo\ta cluster of 10",
            "terminate\tdestroy nodes, with their disks",
        ] {
            assert!(out.lines().any(|found| found == line), "{line}: {out}");
        }
    }
    if have("zsh") {
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
