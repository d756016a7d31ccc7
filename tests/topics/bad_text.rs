//! Text that is wrong: cluster files, targets, options. It is refused as a whole, with what is wrong
//! and where.

use crate::support::bad::refused;
use crate::support::env::Env;

#[test]
fn cluster_files_are_refused_with_file_and_line() {
    let env = Env::new();
    let text = |lines: &str| format!("@cloud\nprovider=ssh\nname=lab\n{lines}");
    for (lines, line, words) in [
        (text("usrname=x\n@a\n"), 4, &["usrname", "username"][..]),
        (text("@a\nhots=127.0.0.1\n"), 5, &["hots", "host"]),
        (text("@a\nhost=x\n@b\n@a\n"), 7, &["a"]),
        (text("@a\nport=twenty\n"), 5, &["twenty"]),
        (text("@a\nport=70000\n"), 5, &["70000"]),
        (text("@a\nport=0\n"), 5, &["port"]),
        (
            text("host_keys=sometimes\n@a\n"),
            4,
            &["sometimes", "strict"],
        ),
        (text("@a[5-1]\n"), 4, &["5-1"]),
        (text("@a[1-\n"), 4, &["a[1-"]),
        (text("@a[0-99999999]\n"), 4, &["99999999"]),
        (text("@a\njust words\n"), 5, &["just words"]),
        (text("@a\n@[x\n"), 5, &["[x"]),
        ("@cloud\nprovider=gce\n".to_owned(), 2, &["gce", "ssh"]),
        ("provider=ssh\n@a\n".to_owned(), 1, &["provider"]),
    ] {
        env.file("bad.cnf", &lines);
        let run = env.dust(&["-f", "bad.cnf", "show"]).run().expect_code(2);
        let place = format!("bad.cnf:{line}:");
        let found = run.err().contains(&place) && words.iter().all(|word| run.err().contains(word));
        assert!(
            found,
            "{lines}\nwanted {place} and {words:?}\n{}",
            run.report()
        );
    }
    // Nothing to point at: the file alone is named.
    for lines in [
        "",
        "@cloud\nname=lab\n@a\n",
        "@a\nhost=x\n",
        "\0\x01\u{7f}binary",
    ] {
        env.file("bad.cnf", lines);
        let run = env.dust(&["-f", "bad.cnf", "show"]).run().expect_code(2);
        assert!(run.err().contains("bad.cnf"), "{lines:?}\n{}", run.report());
    }
    for file in ["missing.cnf", "."] {
        env.dust(&["-f", file, "show"])
            .run()
            .expect_code(2)
            .expect_notice(&[file]);
    }
}

#[test]
fn a_bad_file_leaves_the_loaded_cluster_alone() {
    let env = Env::new();
    let file = env.cluster(&[refused("first"), refused("second")]);
    env.file("bad.cnf", "@cloud\nprovider=ssh\n@third\nhots=x\n");
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.command("load bad.cnf");
    pty.wait_words(&["bad.cnf:4:", "hots"]);
    pty.command("show");
    pty.wait_words(&["first"]);
    pty.wait_words(&["second"]);
    assert!(!pty.history().contains("third"), "{}", pty.report());
}

#[test]
fn bad_targets_are_refused() {
    let env = Env::new();
    let nodes = [refused("worker0"), refused("worker1"), refused("master")];
    let file = env.cluster(&nodes);
    for (target, words) in [
        ("worker[5-1]", &["5-1"][..]),
        ("worker[1-", &["worker[1-"]),
        ("worker[0-99999999]", &["99999999"]),
        ("worker[]", &["worker[]"]),
        ("worker[0-1", &["worker[0-1"]),
        ("nothing*", &["nothing*", "master,worker[0-1]"]),
        ("wroker0", &["wroker0", "worker0"]),
        ("state=stopped", &["state=stopped"]),
        ("^missing-file", &["missing-file"]),
        ("99", &["99"]),
        ("worker0,,", &[","]),
        ("*!worker*!master", &["worker*"]),
        ("cluster=other", &["other"]),
        ("%rc=x", &["x", "status"]),
    ] {
        let run = env
            .dust(&["-f", &file, &format!("@{target}"), "echo ran"])
            .run()
            .expect_code(2);
        assert_eq!(run.out(), "", "{target}");
        for word in words {
            assert!(
                run.err().contains(word),
                "{target}: {word}\n{}",
                run.report()
            );
        }
    }
}

#[test]
fn sizes_that_make_no_sense() {
    let env = Env::new();
    let file = env.cluster(&[refused("n0")]);
    for args in [
        &["--fanout", "0"][..],
        &["--fanout", "-1"],
        &["-t", "-5"],
        &["-u", "99999999999999999999"],
    ] {
        let mut all = args.to_vec();
        all.extend(["-f", &file, "@*", "true"]);
        let run = env.dust(&all).run().expect_code(2);
        assert!(
            run.err().contains(args[1]) || run.err().contains(args[0]),
            "{}",
            run.report()
        );
    }
}

#[test]
fn bytes_that_are_no_text() {
    let env = Env::new();
    let file = env.cluster(&[refused("n0")]);
    env.dust(&["-f", &file, "-"])
        .stdin(b"\xff\xfe@\n".to_vec())
        .run()
        .expect_code(2);
    let run = env
        .dust(&["-f", &file, "-"])
        .stdin(vec![b'@'; 1 << 20])
        .run();
    assert_eq!(run.code(), 2, "a line of 1 MB of signs is refused");
}
