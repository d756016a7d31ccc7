//! Drop-in commands: found, trusted, given the nodes, and run over the connections that are there.

mod bad;
mod help;
mod inner;
mod shipped;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::deps::need;
use crate::support::env::{Env, Node};
use crate::support::sshd::Sshd;

/// The person's own folder of commands.
fn own(env: &Env) -> PathBuf {
    let folder = env.folder("config").join("dust/commands");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A script of the shell that can be run.
fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    program(folder, name, &format!("#!/bin/sh\n{text}\n"))
}

fn program(folder: &Path, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A cluster of nodes that nobody connects to.
fn nowhere(env: &Env, names: &[&str]) -> String {
    let nodes: Vec<Node> = names
        .iter()
        .map(|name| Node::new(name, "127.0.0.1", 1))
        .collect();
    env.cluster(&nodes)
}

/// What remains in the folder of sockets.
fn left(env: &Env) -> Vec<String> {
    let entries = fs::read_dir(env.sockets()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("run-"))
        .collect()
}

#[test]
fn it_is_given_its_words_and_the_nodes() {
    let env = Env::new();
    let file = nowhere(&env, &["web0", "web1", "db"]);
    script(
        &own(&env),
        "tell",
        "echo \"$# <$1> <$2>\"; cat \"$DUST_NODES\"; cat \"$DUST_NAMES\"
         stat -c %a \"$DUST_NODES\" \"${DUST_NODES%/*}\"; echo $DUST_COMMAND; exit 7",
    );
    let run = env.dust(&["-f", &file, "tell", "web*", "a  b", "--c"]);
    let run = run.run().expect_code(7);
    let out = run.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "2 <a  b> <--c>");
    assert_eq!(lines[2..], ["web0", "web1", "600", "700", "tell"]);
    let known: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(known["version"], 1);
    assert_eq!(known["target"], "web*");
    assert_eq!(known["clusters"][0]["name"], "lab");
    assert_eq!(known["clusters"][0]["file"], file.as_str());
    let node = &known["nodes"][1];
    for (key, value) in [
        ("name", "web1"),
        ("cluster", "lab"),
        ("state", "running"),
        ("provider", "ssh"),
        ("host", "127.0.0.1"),
    ] {
        assert_eq!(node[key], value, "{key}");
    }
    assert_eq!(node["port"], 1);
    assert_eq!(node["rank"], 2);
    assert_eq!(node["size"], 3);
    // Nothing of it stays.
    assert_eq!(left(&env), [""; 0]);
}

#[test]
fn which_word_is_the_target() {
    let env = Env::new();
    let file = nowhere(&env, &["web0", "web1", "db"]);
    let say = "echo $(cat $DUST_NAMES) / \"$@\"";
    script(&own(&env), "may", say);
    script(
        &own(&env),
        "must",
        &format!("# dust-target: required\n{say}"),
    );
    script(&own(&env), "not", &format!("# dust-target: none\n{say}"));
    for (words, printed) in [
        ("may", "web0 web1 db /"),
        ("may web*", "web0 web1 /"),
        ("may web[0-1]!web0 x", "web1 / x"),
        ("may @db x", "db / x"),
        ("may 2 x", "web0 / x"),
        ("may restart db", "web0 web1 db / restart db"),
        ("may -x db", "web0 web1 db / -x db"),
        ("may /etc/* x", "web0 web1 db / /etc/* x"),
        ("may -- web*", "web0 web1 db / web*"),
        ("must db x", "db / x"),
        ("must * x", "web0 web1 db / x"),
        ("not web* x", "web0 web1 db / web* x"),
    ] {
        let words: Vec<&str> = ["-f", &file].into_iter().chain(words.split(' ')).collect();
        let run = env.dust(&words).run().expect_code(0);
        // The order is that of `show`.
        let sorted = |text: &str| {
            let (names, rest) = text.split_once('/').unwrap();
            let mut names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            names.sort();
            (names, rest.trim().to_owned())
        };
        assert_eq!(sorted(&run.out()), sorted(printed), "{words:?}");
    }
    for (words, notice) in [
        ("may wbe*", "wbe*"),
        ("may wbe1", "did you mean `web1`"),
        ("may 12", "indexes are 1-3"),
        ("may 8-12 x", "-- before it says that it is an argument"),
        ("may i-0abc12 x", "`i-0abc12` matches no node"),
        ("may 10.0.0.7", "`10.0.0.7` matches no node"),
        ("may lba", "did you mean `lab`"),
        ("may running", "`state=running`"),
        ("may state=runing", "runing"),
        ("must", "TARGET is missing"),
        ("must nobody x", "nobody"),
    ] {
        let words: Vec<&str> = ["-f", &file].into_iter().chain(words.split(' ')).collect();
        let run = env.dust(&words).run().expect_code(2);
        assert_eq!(run.out(), "", "{words:?}");
        run.expect_notice(&[notice]);
    }
}

#[test]
fn without_a_cluster_there_are_no_nodes() {
    let env = Env::new();
    script(&own(&env), "count", "wc -l <$DUST_NAMES");
    script(&own(&env), "must", "# dust-target: required");
    let run = env.dust(&["count", "anything"]).run().expect_code(0);
    assert_eq!(run.out().trim(), "0");
    env.dust(&["must", "x"]).run().expect_code(2);
}

#[test]
fn the_first_folder_that_has_it() {
    let env = Env::new();
    let file = nowhere(&env, &["a"]);
    let (one, two) = (env.work().join("one"), env.work().join("two"));
    let beside = env.work().join("commands");
    let here = |folder: &Path, name: &str| {
        let text = format!("echo {}", folder.file_name().unwrap().display());
        script(folder, name, &text);
    };
    let variable = format!("{}::{}", one.display(), two.display());
    let says = |name: &str| {
        let run = env
            .dust(&["-f", &file, name])
            .env("DUST_COMMANDS", &variable);
        run.run().expect_code(0).out()
    };
    for (folder, name) in [(&own(&env), "commands"), (&beside, "commands")] {
        here(folder, "where");
        assert_eq!(says("where"), format!("{name}\n"));
    }
    here(&two, "where");
    assert_eq!(says("where"), "two\n");
    here(&one, "where");
    assert_eq!(says("where"), "one\n");
    // Beside a file that is not loaded, nothing is looked for.
    script(&beside, "only-here", "true");
    env.dust(&["only-here"]).run().expect_code(2);
    env.dust(&["-f", &file, "only-here"]).run().expect_code(0);
}

#[test]
fn in_scripts_all_words_are_known_before_the_first_line_runs() {
    let env = Env::new();
    script(&own(&env), "note", "echo \"$@\" >>notes; exit $1");
    let run = env.dust(&[
        "-c",
        "note 0 one",
        "-c",
        "note 3 'two  words'",
        "-c",
        "note 1",
    ]);
    run.run().expect_code(3);
    let notes = || fs::read_to_string(env.work().join("notes")).unwrap();
    assert_eq!(notes(), "0 one\n3 two  words\n1\n");
    let run = env.dust(&["-c", "note 0 more", "-c", "noet 0"]).run();
    run.expect_code(2)
        .expect_notice(&["no command `noet`", "did you mean note?"]);
    assert_eq!(notes().lines().count(), 3);
    let run = env
        .dust(&["-"])
        .stdin("note 0 four\nnote 2 five\nnote 0 six\nnope\nnote 0\n");
    run.run()
        .expect_code(2)
        .expect_notice(&["-:4:", "no command `nope`"]);
    assert_eq!(notes().lines().count(), 6);
}

#[test]
fn at_the_prompt_it_has_the_terminal() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    script(
        &own(&env),
        "ask",
        "test -t 0 && test -t 1 && stty size; read answer; echo \"got <$answer>\"; exit 4",
    );
    let mut pty = env.prompt(&file);
    pty.line("ask n0");
    pty.wait_row("30 100");
    pty.line("yes  indeed");
    pty.wait_row("got <yes  indeed>");
    pty.wait_row("ask: exit 4");
    pty.wait_prompt();
    // A program of the system of the same name comes behind.
    script(&own(&env), "date", "echo my own date");
    pty.command("date");
    pty.wait_row("my own date");
    pty.wait_prompt();
    assert_eq!(left(&env), [""; 0]);
}

#[test]
fn a_prompt_without_a_session_serves_by_itself() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    script(&own(&env), "both", "dust '@*' echo of '$DUST_NODE'");
    let mut pty = env.terminal(&["--no-session", "-f", &file]);
    pty.wait_prompt();
    pty.command("both");
    pty.wait_row("[n0] of n0");
    pty.wait_row("[n1] of n1");
    pty.wait_prompt();
    pty.command("both");
    pty.wait_prompt();
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 2);
    assert_eq!(left(&env), [""; 0]);
}

/// Another reader would wait for it for ever.
#[test]
fn a_list_of_nodes_is_read_once() {
    let env = Env::new();
    let file = nowhere(&env, &["a", "b", "c"]);
    script(&own(&env), "tell", "cat \"$DUST_NAMES\"");
    for target in ["^list", "@^list"] {
        let script = format!(
            "rm -f list; mkfifo list; printf 'a\\nc\\n' >list & \
             until test -p list; do :; done; exec $DUST -f {file} tell {target}"
        );
        let run = env.bash(&script).within(Duration::from_secs(20)).run();
        assert_eq!(run.expect_code(0).out(), "a\nc\n", "{target}");
    }
}

#[test]
fn nodes_that_share_a_name_are_told_apart() {
    let env = Env::new();
    let file = nowhere(&env, &["web0", "db"]);
    let text = fs::read_to_string(&file).unwrap();
    let text = text
        .replace("name=lab", "name=far")
        .replace("@db", "@cache");
    env.file("far.cnf", text);
    script(
        &own(&env),
        "tell",
        "cat \"$DUST_NODES\" \"$DUST_NAMES\"
         for target in $(cat $DUST_NAMES) \"^$DUST_NAMES\"; do dust show --json \"$target\"; done",
    );
    let lines = ["-c", "load far.cnf", "-c", "tell far/web0,lab/*"];
    let run = env.dust(&[&["-f", &file], &lines[..]].concat()).run();
    let out = run.expect_code(0).out();
    let mut lines = out.lines();
    let known: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let nodes = known["nodes"].as_array().unwrap();
    let targets: Vec<&str> = nodes
        .iter()
        .map(|node| node["target"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["far/web0", "lab/db", "lab/web0"]);
    let names: Vec<&str> = lines.by_ref().take(3).collect();
    assert_eq!(names, ["far/web0", "db", "lab/web0"]);
    // Each by itself, and then all of the file.
    let shown: Vec<String> = lines
        .map(|line| {
            let node: Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| node[key].as_str().unwrap().to_owned();
            word("cluster") + "/" + &word("name")
        })
        .collect();
    assert_eq!(shown, [&targets[..], &targets[..]].concat());
}

#[test]
fn one_beside_a_file_that_an_earlier_line_loads_is_found() {
    let env = Env::new();
    let file = nowhere(&env, &["web0"]);
    let away = env.folder("away");
    fs::create_dir_all(&away).unwrap();
    fs::rename(&file, away.join("web.cnf")).unwrap();
    script(
        &away.join("commands"),
        "here",
        "echo here $(cat $DUST_NAMES)",
    );
    let path = away.join("web.cnf").display().to_string();
    let load = format!("load {path}");
    let cd = format!("cd {}", away.display());
    for lines in [
        &["-c", &load, "-c", "here"][..],
        &["-c", &cd, "-c", "load web.cnf", "-c", "here web*"],
    ] {
        let run = env.dust(lines).run().expect_code(0);
        assert_eq!(run.out(), "here web0\n");
    }
    // What is nowhere is told before anything is done, where that can be known.
    let lines = ["-c", &load, "-c", "!echo ran", "-c", "nowhere-at-all"];
    let run = env.dust(&lines).run().expect_code(2);
    assert_eq!(run.out(), "");
    let lines = ["-c", &cd, "-c", "load web.cnf", "-c", "nowhere-at-all"];
    let run = env.dust(&lines).run().expect_code(2);
    run.expect_notice(&["nowhere-at-all"]);
}
