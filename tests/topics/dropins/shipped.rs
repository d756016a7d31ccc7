//! The drop-ins that come with dust, on real nodes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{own, program};
use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::sshd::Sshd;

#[test]
fn they_are_installed_and_what_was_changed_stays() {
    let env = Env::new();
    let run = env.dust(&["commands", "install", "nothing"]).run();
    run.expect_code(2).expect_notice(&["nothing", "rolling"]);
    env.dust(&["commands", "install", "rolling"])
        .run()
        .expect_code(0);
    let folder = own(&env);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    env.dust(&["commands", "install"]).run().expect_code(0);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
    for name in ["cwlogs", "diskfree", "hostsfile", "rolling"] {
        let there = fs::read(folder.join(name)).unwrap();
        let shipped = fs::read(format!("examples/commands/{name}")).unwrap();
        assert!(there == shipped, "{name}");
        let mode = fs::metadata(folder.join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o755, "{name}");
        let run = env.dust(&["help", name]).run().expect_code(0);
        assert!(run.out().contains("A drop-in command"), "{}", run.out());
    }
    fs::write(folder.join("rolling"), "#!/bin/sh\necho my own\n").unwrap();
    let run = env.dust(&["commands", "install"]).run().expect_code(0);
    run.expect_notice(&["rolling", "left as it is"]);
    let run = env.dust(&["rolling"]).run().expect_code(0);
    assert_eq!(run.out(), "my own\n");
}

fn lab(count: u32) -> (Sshd, Env, String) {
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", count));
    env.dust(&["commands", "install"]).run().expect_code(0);
    (sshd, env, file)
}

#[test]
fn rolling_goes_on_only_while_it_works() {
    need!("sshd");
    let (_sshd, env, file) = lab(3);
    let marks = env.work().join("marks");
    let restart = format!("echo \"$1 on $DUST_NODE\" >>'{}'", marks.display());
    let rolling = |target: &str, check: &str| {
        env.dust(&["-f", &file, "rolling", target, "it's the 'web'"])
            .env("ROLLING_RESTART", &restart)
            .env("ROLLING_CHECK", check)
            .run()
    };
    let run = rolling("n[0-2]!n1", "true").expect_code(0);
    assert!(run.out().contains("restarted on 2 nodes"), "{}", run.out());
    let seen = || fs::read_to_string(&marks).unwrap();
    assert_eq!(seen(), "it's the 'web' on n0\nit's the 'web' on n2\n");
    fs::remove_file(&marks).unwrap();
    // A restart that fails: nobody behind it is touched.
    let run = env
        .dust(&["-f", &file, "rolling", "*", "web"])
        .env(
            "ROLLING_RESTART",
            &format!("{restart}; test $DUST_NODE != n1"),
        )
        .env("ROLLING_CHECK", "true")
        .run();
    run.expect_code(1)
        .expect_notice(&["web failed on n1", "1 of 3"]);
    assert_eq!(seen(), "web on n0\nweb on n1\n");
}

#[test]
fn diskfree_makes_one_table() {
    need!("sshd", "python3", "df");
    let (_sshd, env, file) = lab(2);
    let run = env
        .dust(&["-f", &file, "diskfree", "*", "/"])
        .run()
        .expect_code(0);
    let out = run.out();
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("node"), "{out}");
    assert_eq!(lines.len(), 3, "{out}");
    for (line, name) in lines[1..].iter().zip(["n0", "n1"]) {
        assert!(line.starts_with(name) && line.ends_with("  /"), "{out}");
        assert!(line.contains('%'), "{out}");
    }
    let run = env.dust(&["-f", &file, "diskfree", "-m", "101"]).run();
    assert_eq!(run.expect_code(0).out().lines().count(), 1);
}

#[test]
fn hostsfile_keeps_what_else_is_there() {
    need!("sshd", "python3");
    let (_sshd, env, file) = lab(2);
    let hosts = env.work().join("hosts");
    fs::write(&hosts, "127.0.0.1 localhost\n# mine\n").unwrap();
    let path = hosts.display().to_string();
    let run = |target: &str, more: &[&str]| {
        let mut words = vec!["-f", &file, "hostsfile", target, "--file", &path];
        words.extend(more);
        env.dust(&words).run().expect_code(0)
    };
    // All nodes are this machine here: one at a time.
    let entries = run("*", &["--print"]).out();
    assert!(
        entries.contains(" n0\n") && entries.contains(" n1\n"),
        "{entries}"
    );
    for _ in 0..2 {
        run("n0", &[]);
        let text = fs::read_to_string(&hosts).unwrap();
        assert!(text.starts_with("127.0.0.1 localhost\n# mine\n"), "{text}");
        assert_eq!(text.matches(" n0\n").count(), 1, "{text}");
    }
    run("n0", &["--remove"]);
    let text = fs::read_to_string(&hosts).unwrap();
    assert_eq!(text, "127.0.0.1 localhost\n# mine\n");
    // A last line that does not end stays a line of its own.
    fs::write(&hosts, "127.0.0.1 localhost").unwrap();
    run("n0", &[]);
    run("n0", &["--remove"]);
    let text = fs::read_to_string(&hosts).unwrap();
    assert_eq!(text, "127.0.0.1 localhost\n");
    // Where the end of the entries is not known, nothing is taken away.
    let broken = "# dust: begin\n10.0.0.1 db\n127.0.0.1 localhost\n";
    fs::write(&hosts, broken).unwrap();
    let words = ["-f", &file, "hostsfile", "n0", "--file", &path];
    let run = env.dust(&words).run().expect_code(1);
    assert!(run.all().contains("the marks in"), "{}", run.report());
    assert_eq!(fs::read_to_string(&hosts).unwrap(), broken);
}

#[test]
fn cwlogs_asks_for_the_streams_of_each_instance() {
    need!("python3");
    let env = Env::new();
    env.dust(&["commands", "install", "cwlogs"])
        .run()
        .expect_code(0);
    let bin = env.work().join("bin");
    program(
        &bin,
        "aws",
        "#!/bin/sh\nprintf '<%s>' \"$@\" >>asked; echo >>asked\nseq 30\n",
    );
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    // As it is called by dust, with what a cluster of EC2 has.
    let nodes = r#"{"clusters":[{"name":"c","region":"eu-west-1","profile":null}],"nodes":[
        {"name":"web","cluster":"c","attributes":{"id":"i-1"}},
        {"name":"db","cluster":"c","attributes":{"id":"i-2","region":"us-east-1"}},
        {"name":"new","cluster":"c","attributes":{}}]}"#;
    let file = env.file("nodes.json", nodes);
    let command = own(&env).join("cwlogs").display().to_string();
    let run = |words: &str| {
        env.bash(&format!("{command} {words}"))
            .env("PATH", &path)
            .env("DUST_NODES", file.to_str().unwrap())
            .run()
    };
    let done = run("-n 2 /var/log").expect_code(0);
    assert_eq!(done.out(), "[web] 29\n[web] 30\n[db] 29\n[db] 30\n");
    done.expect_notice(&["new is no instance"]);
    let asked = fs::read_to_string(env.work().join("asked")).unwrap();
    let each = |id: &str, region: &str| {
        format!(
            "<logs><tail></var/log><--log-stream-name-prefix><{id}><--region><{region}>\
             <--since><1d><--format><short>\n"
        )
    };
    assert_eq!(asked, each("i-1", "eu-west-1") + &each("i-2", "us-east-1"));
    run("-f /var/log").expect_code(2);
    run("").expect_code(2);
    // What it needs is asked for before anything is done.
    env.bash(&format!("PATH={} {command} /var/log", bin.display()))
        .run()
        .expect_code(127)
        .expect_notice(&["python3 is not installed"]);
}
