//! Files to nodes and from there, with OpenSSH's own SFTP server.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::support::deps::need;
use crate::support::env::{Env, Node};
use crate::support::pty::Terminal;
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, wait_until};

pub(super) const SFTP: &str = "/usr/lib/openssh/sftp-server";

/// Nodes `n0` …, each with a home folder of its own.
pub(super) struct Lab {
    pub(super) sshd: Sshd,
    pub(super) env: Env,
    pub(super) homes: Vec<PathBuf>,
    pub(super) file: String,
}

impl Lab {
    pub(super) fn new(count: usize) -> Self {
        Self::with_server(count, SFTP)
    }

    /// The same, with this command line as SFTP server.
    pub(super) fn with_server(count: usize, server: &str) -> Self {
        let sshd = Sshd::with(&[("Subsystem", &format!("sftp {server}"))]);
        let env = Env::new();
        let made = (0..count).map(|n| sshd.apart(&format!("n{n}")));
        let (nodes, homes): (Vec<Node>, Vec<PathBuf>) = made.unzip();
        let file = env.cluster(&nodes);
        Self {
            sshd,
            env,
            homes,
            file,
        }
    }

    pub(super) fn dust(&self, words: &[&str]) -> crate::support::run::Dust {
        self.env.dust(&[&["-f", &self.file], words].concat())
    }
}

/// Bytes that do not repeat soon.
pub(super) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut bytes = Vec::with_capacity(count + 4);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// The names in a folder, without start-up files of shells.
pub(super) fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != ".server")
        .collect()
}

pub(super) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_file_goes_to_all_nodes() {
    need!("sshd", SFTP);
    let lab = Lab::new(3);
    let bytes = noise(5_000_000);
    lab.env.file("big file", &bytes);
    let run = lab.dust(&["put", "big file", "n*"]).run().expect_code(0);
    run.expect_notice(&["n[0-2] (3): put 3 files, 15.0 MB in"]);
    for home in &lab.homes {
        assert_eq!(names(home), set(&["big file"]));
        assert!(fs::read(home.join("big file")).unwrap() == bytes);
    }
}

#[test]
fn wildcards_of_this_machine() {
    need!("sshd", SFTP);
    let lab = Lab::new(1);
    let sub = lab.env.work().join("sub");
    fs::create_dir(&sub).unwrap();
    for name in ["a.txt", "b.txt", ".c.txt", "d.log", "x[1].txt"] {
        fs::write(sub.join(name), name).unwrap();
    }
    for (pattern, found) in [
        ("sub/*.txt", &["a.txt", "b.txt", "x[1].txt"][..]),
        ("s?b/.*", &[".c.txt"]),
        ("sub/x[1].txt", &["x[1].txt"]),
        ("sub/[!a-c]*.*", &["d.log", "x[1].txt"]),
    ] {
        lab.dust(&["put", pattern, "n0"]).run().expect_code(0);
        assert_eq!(names(&lab.homes[0]), set(found), "{pattern}");
        for name in found {
            fs::remove_file(lab.homes[0].join(name)).unwrap();
        }
    }
    // What a person typed is a wildcard, not the folder that dust is in.
    for (name, file) in [("a[1]", "here.txt"), ("a1", "elsewhere.txt")] {
        fs::create_dir(lab.env.work().join(name)).unwrap();
        lab.env.file(&format!("{name}/{file}"), "");
    }
    let words = ["-c", "cd a[1]", "-c", "put *.txt n0"];
    lab.dust(&words).run().expect_code(0);
    assert_eq!(names(&lab.homes[0]), set(&["here.txt"]));
    let run = lab.dust(&["put", "sub/*.no", "n0"]).run().expect_code(1);
    run.expect_notice(&["put: ", "sub/*.no: there is no such file"]);
}

#[test]
fn no_shell_is_opened_where_only_files_are_copied() {
    need!("sshd", SFTP);
    let lab = Lab::new(2);
    let ran = |n: usize| lab.homes[n].join("ran").exists();
    for home in &lab.homes {
        fs::write(home.join(".bash_profile"), "touch ~/ran\n").unwrap();
    }
    lab.env.file("f", "content");
    lab.dust(&["put", "f", "n*"]).run().expect_code(0);
    lab.dust(&["get", "n*", "f"]).run().expect_code(0);
    assert!(!ran(0) && !ran(1));
    // One is opened on the same connection for whoever needs it.
    let logins = || lab.sshd.log().matches("Accepted publickey").count();
    let before = logins();
    let run = lab.dust(&["-c", "put f n*", "-c", "@n1 cat f"]).run();
    run.expect_code(0).expect_lines("n1", &["content"]);
    assert!(!ran(0) && ran(1));
    assert_eq!(logins(), before + 2);
    // The end of a connection without a shell is noticed, and the next use dials.
    let mut pty = lab.env.prompt(&lab.file);
    pty.command("put f n0");
    pty.wait_text("n0: put 1 file");
    lab.sshd.drop_connections();
    pty.wait_text("[n0] connection lost");
    pty.command("@n0 cat f");
    pty.wait_text("[n0] content");
}

#[test]
fn files_of_nodes_come_with_the_nodes_names() {
    need!("sshd", SFTP);
    let lab = Lab::new(3);
    for (n, home) in lab.homes.iter().enumerate() {
        fs::write(home.join("it's a file"), noise(1_000_000 + n)).unwrap();
        fs::create_dir_all(home.join("d/e")).unwrap();
        fs::write(home.join("d/e/x"), format!("{n}")).unwrap();
        symlink("../../../etc", home.join("d/out")).unwrap();
    }
    lab.dust(&["get", "n*", "it?s*"]).run().expect_code(0);
    for n in 0..3 {
        let copy = fs::read(lab.env.work().join(format!("it's a file.n{n}"))).unwrap();
        assert!(copy == noise(1_000_000 + n));
    }
    let into = lab.env.work().join("into");
    fs::create_dir(&into).unwrap();
    let run = lab.dust(&["get", "-r", "n[0-1]", "d", "into"]).run();
    run.expect_code(0)
        .expect_notice(&["n[0-1] (2): get 2 files"]);
    assert_eq!(names(&into), set(&["n0", "n1"]));
    assert_eq!(fs::read(into.join("n1/d/e/x")).unwrap(), b"1");
    let link = fs::read_link(into.join("n0/d/out")).unwrap();
    assert_eq!(link, Path::new("../../../etc"));
}

#[test]
fn copies_are_compared_when_that_is_wanted() {
    need!("sshd", SFTP, "sha256sum");
    let lab = Lab::new(2);
    lab.env.file("a b\n", noise(700_000));
    lab.env.file("empty", "");
    let words = ["put", "--check", "a b\n", "empty", "n*"];
    lab.dust(&words).run().expect_code(0);
    for home in &lab.homes {
        assert!(fs::read(home.join("a b\n")).unwrap() == noise(700_000));
    }
    let words = ["get", "--check", "n*", "a b\n", "empty"];
    lab.dust(&words).run().expect_code(0);
    assert!(fs::read(lab.env.work().join("a b\n.n1")).unwrap() == noise(700_000));
}

#[test]
fn folders_modes_and_times_go_there_and_back() {
    need!("sshd", SFTP);
    let lab = Lab::new(1);
    let tree = lab.env.work().join("tree");
    fs::create_dir_all(tree.join("sub/empty")).unwrap();
    for n in 0..300 {
        fs::write(tree.join(format!("sub/f{n}")), format!("{n}")).unwrap();
    }
    fs::set_permissions(tree.join("sub/f1"), fs::Permissions::from_mode(0o751)).unwrap();
    symlink("f1", tree.join("sub/link")).unwrap();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let aged = |path: &Path| fs::File::open(path).unwrap().set_modified(old).unwrap();
    aged(&tree.join("sub/f1"));
    aged(&tree.join("sub"));
    lab.dust(&["put", "-r", "-p", "tree", "n0", "copy"])
        .run()
        .expect_code(0);
    lab.dust(&["get", "-r", "-p", "n0", "copy"])
        .run()
        .expect_code(0);
    for copy in [lab.homes[0].join("copy"), lab.env.work().join("n0/copy")] {
        assert_eq!(names(&copy.join("sub")), names(&tree.join("sub")));
        assert_eq!(
            fs::read_link(copy.join("sub/link")).unwrap(),
            Path::new("f1")
        );
        let meta = fs::metadata(copy.join("sub/f1")).unwrap();
        assert_eq!(meta.permissions().mode() & 0o7777, 0o751);
        assert_eq!(meta.modified().unwrap(), old);
        let meta = fs::metadata(copy.join("sub")).unwrap();
        assert_eq!(meta.modified().unwrap(), old);
    }
}

#[test]
fn failures_are_told_by_node_and_file_and_the_others_go_on() {
    need!("sshd", SFTP);
    let lab = Lab::new(3);
    lab.env.file("f", "content");
    fs::create_dir(lab.homes[1].join("f")).unwrap();
    let run = lab.dust(&["put", "f", "n*"]).run().expect_code(1);
    let run = run.expect_notice(&["[n1] f: a folder has this name"]);
    run.expect_notice(&["n[0,2] (2): put 2 files"]);
    assert_eq!(names(&lab.homes[0]), set(&["f"]));
    assert_eq!(names(&lab.homes[1]), set(&["f"]));
    // The result is one like any other.
    let lines = ["-c", "put f n*", "-c", "@%failed echo again"];
    let run = lab.dust(&lines).run();
    run.expect_code(1).expect_lines("n1", &["again"]);
    for (words, code, notice) in [
        (&["put", "no", "n*"][..], 1, "no: there is no such file"),
        (&["put", "f", "no", "n2"], 1, "no: there is no such file"),
        (
            &["put", "f", "no", "n0", "new"],
            1,
            "[n0] new: there is no such folder",
        ),
        (
            &["put", "f", "n0", "no/"],
            1,
            "[n0] no/: there is no such folder",
        ),
        (
            &["put", "f", "n0", "no/x"],
            1,
            "[n0] no/x: there is no such folder",
        ),
        (&["put", ".", "n0"], 1, "it is a folder; -r copies it"),
        (&["put", "f", "w*"], 2, "w*"),
        (&["get", "n0", "no"], 1, "[n0] no: there is no such file"),
        (&["get", "n0", "no*"], 1, "[n0] no*: nothing there fits"),
        (&["get", "n0", "f", "f/"], 1, "cannot make"),
        (
            &["get", "n0", "f", "no"],
            1,
            "no: there is no such file (a new folder here is no/)",
        ),
    ] {
        let run = lab.dust(words).run().expect_code(code);
        run.expect_notice(&[notice]);
    }
    assert_eq!(names(&lab.homes[2]), set(&["f"]));
    lab.dust(&["get", "n2", "f", "new/deep/"])
        .run()
        .expect_code(0);
    let made = lab.env.work().join("new/deep/f.n2");
    assert!(
        made.is_file(),
        "a folder that was named with a slash is made"
    );
}

#[test]
fn a_node_without_sftp_is_named() {
    need!("sshd");
    for (server, why) in [
        ("/bin/false", "its SFTP server ended (exit 1)"),
        ("/nonexistent", "it has no SFTP server"),
        (
            "echo Welcome to n0",
            "its start-up files print: Welcome to n0",
        ),
        ("echo /////3g= | base64 -d", "a packet of 4294967295 bytes"),
        ("cat", "does not greet"),
    ] {
        let lab = Lab::with_server(1, server);
        lab.env.file("f", "content");
        let run = lab.dust(&["put", "f", "n0"]).run().expect_code(1);
        run.expect_notice(&["[n0] ", why]);
    }
    let sshd = Sshd::with(&[("Subsystem", "other /bin/true")]);
    let env = Env::new();
    let file = env.cluster(&[sshd.apart("n0").0]);
    let run = env.dust(&["-f", &file, "get", "n0", "f"]).run();
    run.expect_code(1).expect_notice(&["[n0] no SFTP there"]);
}

#[test]
fn ctrl_c_leaves_no_half_file() {
    need!("sshd", SFTP);
    let lab = Lab::new(2);
    // More than fits before the signal.
    let big = lab.env.work().join("big");
    fs::File::create(&big).unwrap().set_len(40 << 30).unwrap();
    let mut run = lab
        .dust(&["put", "big", "n*"])
        .within(LONG_PATIENCE)
        .start();
    let grows = |home: &Path| {
        let parts = fs::read_dir(home).unwrap().flatten();
        parts
            .filter_map(|part| part.metadata().ok())
            .any(|meta| meta.len() > 1 << 20)
    };
    wait_until("both copies grow", || {
        lab.homes.iter().all(|home| grows(home))
    });
    run.signal(nix::sys::signal::Signal::SIGINT);
    run.wait_text("interrupted");
    let run = run.finish().expect_code(130);
    let all = run.all();
    assert!(
        !all.contains(['\r', '%', '\x1b']),
        "progress in a pipe: {all}"
    );
    for home in &lab.homes {
        assert_eq!(names(home), set(&[]));
    }
    fs::rename(&big, lab.homes[0].join("big")).unwrap();
    let before = names(&lab.env.work());
    let run = lab
        .dust(&["get", "n0", "big"])
        .within(LONG_PATIENCE)
        .start();
    wait_until("the copy grows", || grows(&lab.env.work()));
    run.signal(nix::sys::signal::Signal::SIGINT);
    run.finish().expect_code(130);
    assert_eq!(names(&lab.env.work()), before);
    // Nor does the end of dust itself, unless what there is is to be gone on with.
    for (words, left) in [
        (&["get", "n0", "big"][..], 0),
        (&["get", "--resume", "n0", "big"], 1),
    ] {
        let run = lab.dust(words).within(LONG_PATIENCE).start();
        wait_until("the copy grows", || grows(&lab.env.work()));
        run.signal(nix::sys::signal::Signal::SIGTERM);
        run.finish().expect_code(143);
        let after = names(&lab.env.work());
        let new: Vec<&String> = after.difference(&before).collect();
        assert_eq!(new.len(), left, "{words:?}: {new:?}");
        assert!(new.iter().all(|name| name.ends_with(".part")), "{new:?}");
    }
}

#[test]
fn a_connection_that_is_lost_is_gone_on_with_later() {
    need!("sshd", SFTP);
    let lab = Lab::new(1);
    let big = lab.env.work().join("big");
    fs::File::create(&big).unwrap().set_len(128 << 20).unwrap();
    let run = lab
        .dust(&["put", "big", "n0"])
        .within(LONG_PATIENCE)
        .start();
    let part = || {
        let mut entries = fs::read_dir(&lab.homes[0]).unwrap().flatten();
        entries.find_map(|entry| Some(entry.metadata().ok()?.len()))
    };
    wait_until("the copy grows", || {
        part().is_some_and(|length| length > 8 << 20)
    });
    lab.sshd.drop_connections();
    run.finish()
        .expect_code(255)
        .expect_notice(&["[n0] lost: ", "put big"]);
    let before = part().unwrap();
    assert!(before < 128 << 20);
    let run = lab.dust(&["put", "--resume", "big", "n0"]);
    run.within(LONG_PATIENCE).run().expect_code(0);
    assert_eq!(names(&lab.homes[0]), set(&["big"]));
    assert_eq!(part(), Some(128 << 20));
}

#[test]
fn names_of_any_bytes_pass() {
    need!("sshd", SFTP);
    use std::os::unix::ffi::OsStrExt as _;
    let lab = Lab::new(1);
    let odd: Vec<&[u8]> = vec![b"-rf", b"$(x) `y`", b"a\nb", b"\xff\xfe", b"'\"\\", b"[x]*"];
    let tree = lab.env.work().join("tree");
    fs::create_dir(&tree).unwrap();
    for name in &odd {
        fs::write(tree.join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    lab.dust(&["put", "-r", "--check", "tree", "n0"])
        .run()
        .expect_code(0);
    fs::remove_dir_all(&tree).unwrap();
    lab.dust(&["get", "-r", "--check", "n0", "tree"])
        .run()
        .expect_code(0);
    for folder in [lab.homes[0].join("tree"), lab.env.work().join("n0/tree")] {
        for name in &odd {
            let path = folder.join(std::ffi::OsStr::from_bytes(name));
            assert_eq!(fs::read(path).unwrap(), *name);
        }
        assert_eq!(fs::read_dir(folder).unwrap().count(), odd.len());
    }
}

#[test]
fn the_prompt_goes_on_while_files_are_copied() {
    need!("sshd", SFTP);
    let lab = Lab::new(2);
    let big = lab.env.work().join("big");
    fs::File::create(&big).unwrap().set_len(40 << 30).unwrap();
    let mut pty = lab.env.prompt(&lab.file);
    pty.line("put big n*");
    pty.wait_text("nodes done");
    pty.line("@n1 echo still here; (exit 3)");
    pty.wait_text("[n1] still here");
    // It has ended: the interrupt is for what goes on.
    pty.wait_text("[n1] exit 3");
    pty.send("\x03");
    pty.wait_text("interrupted");
    wait_until("all is removed", || {
        lab.homes.iter().all(|home| names(home).is_empty())
    });
    pty.line("put lab.cnf n0");
    pty.wait_text("n0: put 1 file");
}

#[test]
fn progress_is_shown_in_a_terminal_and_goes_again() {
    need!("sshd", SFTP);
    let lab = Lab::new(2);
    let big = lab.env.work().join("big");
    fs::File::create(&big).unwrap().set_len(40 << 30).unwrap();
    for (cols, total, node) in [
        (
            80,
            &[
                "put: ",
                "% of 85.8 GB, ",
                "/s, ",
                " left, 0 of 2 nodes done",
            ][..],
            &["n1: ", "%, ", "/s, ", " left"][..],
        ),
        (26, &["put: ", "%, ", " left"], &["n0: ", "%, ", " left"]),
    ] {
        let terminal = Terminal { rows: 12, cols };
        let words = ["--no-session", "-f", &lab.file, "put", "big", "n*"];
        let mut pty = lab.env.terminal_of(terminal, &words);
        pty.wait_words(total);
        pty.wait_words(node);
        pty.send("\x03");
        pty.wait_exit();
        let rows = pty.rows();
        assert!(rows.iter().all(|row| !row.contains('%')), "{rows:?}");
        assert!(
            rows.iter().any(|row| row.contains("[n0] interrupted")),
            "{rows:?}"
        );
    }
}

#[test]
fn a_running_session_lends_its_connections_to_copies() {
    need!("sshd", SFTP, "sha256sum");
    let lab = Lab::new(2);
    let bytes = noise(9_000_000);
    lab.env.file("big", &bytes);
    let mut pty = lab.env.prompt(&lab.file);
    pty.command("@* true");
    let logins = || lab.sshd.log().matches("Accepted publickey").count();
    wait_until("both are connected", || logins() == 2);
    let run = lab.dust(&["put", "--check", "big", "n*"]).run();
    run.expect_code(0);
    for home in &lab.homes {
        assert!(fs::read(home.join("big")).unwrap() == bytes);
    }
    let run = lab.dust(&["get", "--check", "n*", "big"]).run();
    run.expect_code(0);
    assert!(fs::read(lab.env.work().join("big.n1")).unwrap() == bytes);
    assert_eq!(logins(), 2, "nobody logged in anew");
    for home in &lab.homes {
        fs::write(home.join(".bash_profile"), "touch ~/ran\n").unwrap();
    }
    let ran = |n: usize| lab.homes[n].join("ran").exists();
    lab.dust(&["put", "big", "n*"]).run().expect_code(0);
    lab.dust(&["get", "n*", "big"]).run().expect_code(0);
    assert!(!ran(0) && !ran(1), "no shell was opened for that");
    lab.dust(&["-c", "put big n*", "-c", "@n1 true"])
        .run()
        .expect_code(0);
    assert!(!ran(0) && ran(1));
    assert_eq!(logins(), 2);
}

#[test]
fn a_node_that_cannot_be_reached_does_not_hold_up_the_others() {
    need!("sshd", SFTP);
    let lab = Lab::new(1);
    let (node, _) = lab.sshd.apart("n1");
    let deaf = node.set("port", "1");
    let near = Node::new("n0", "127.1.0.1", lab.sshd.port());
    let key = lab.sshd.apart("n2").0.get("keyfile").to_owned();
    let file = lab.env.cluster(&[near.key(Path::new(&key)), deaf]);
    lab.env.file("f", "content");
    let home = lab.homes[0].display().to_string();
    let run = lab.env.dust(&["-f", &file, "put", "f", "n*", &home]).run();
    let run = run.expect_code(255).expect_notice(&["n0: put 1 file"]);
    run.expect_notice(&["[n1] lost: ", "refused"]);
    assert_eq!(names(&lab.homes[0]), set(&["f"]));
}
