//! Files to nodes and from there, with OpenSSH's own SFTP server.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::support::deps::{self, need};
use crate::support::env::{Env, Node};
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, wait_until};

const SFTP: &str = "/usr/lib/openssh/sftp-server";

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
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
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
