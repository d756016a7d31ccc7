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
