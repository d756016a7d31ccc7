//! The world of one test: a home, XDG folders and cluster files of its own, and nothing of the
//! person who runs the tests (no ~/.ssh, no agent, no configuration).

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use super::proc;
use super::pty::{Pty, Terminal};
use super::run::Dust;

/// The binary under test.
pub(crate) const DUST: &str = env!("CARGO_BIN_EXE_dust");

/// The world of one test. Whatever it started ends when it is dropped.
pub(crate) struct Env {
    dir: TempDir,
}

impl Env {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("dust-env-")
            .tempdir()
            .unwrap();
        for part in [
            "home", "config", "data", "state", "cache", "run", "tmp", "work",
        ] {
            let part = dir.path().join(part);
            fs::create_dir(&part).unwrap();
            fs::set_permissions(&part, fs::Permissions::from_mode(0o700)).unwrap();
        }
        // Shells without start-up files of their own ask a new user questions.
        fs::write(dir.path().join("home/.zshrc"), "").unwrap();
        Self { dir }
    }

    /// The folder that dust runs in.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Where dust keeps what it learns (XDG_DATA_HOME, XDG_STATE_HOME).
    pub(crate) fn kept(&self) -> [PathBuf; 2] {
        [self.dir.path().join("data"), self.dir.path().join("state")]
    }

    /// Writes a file in the work folder.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let file = self.work().join(name);
        fs::write(&file, text).unwrap();
        file
    }

    /// Writes `lab.cnf`, a cluster called `lab` of these nodes.
    pub(crate) fn cluster(&self, nodes: &[Node]) -> String {
        self.cluster_with(nodes, &[])
    }

    /// The same, with more keys for all nodes.
    pub(crate) fn cluster_with(&self, nodes: &[Node], keys: &[(&str, &str)]) -> String {
        let mut text = String::from("@cloud\nprovider=ssh\nname=lab\n");
        if !keys.iter().any(|(key, _)| *key == "username") {
            writeln!(text, "username={}", user()).unwrap();
        }
        for (key, value) in keys {
            writeln!(text, "{key}={value}").unwrap();
        }
        for node in nodes {
            write!(text, "\n@{}\n", node.name).unwrap();
            for (key, value) in &node.keys {
                writeln!(text, "{key}={value}").unwrap();
            }
        }
        self.file("lab.cnf", text).display().to_string()
    }

    /// A one-shot run of dust.
    pub(crate) fn dust<S: AsRef<OsStr>>(&self, args: &[S]) -> Dust {
        let mut command = self.command(DUST);
        command.args(args);
        Dust::new(command)
    }

    /// A one-shot run of a line of bash, in which `$DUST` is the binary.
    pub(crate) fn bash(&self, line: &str) -> Dust {
        let mut command = self.command("bash");
        command.args(["-c", line]).env("DUST", DUST);
        Dust::new(command)
    }

    /// dust in a terminal of 80 columns and 24 rows.
    pub(crate) fn terminal<S: AsRef<OsStr>>(&self, args: &[S]) -> Pty {
        self.terminal_of(Terminal::default(), args)
    }

    /// dust in a terminal of another size or kind.
    pub(crate) fn terminal_of<S: AsRef<OsStr>>(&self, terminal: Terminal, args: &[S]) -> Pty {
        let mut command = self.command(DUST);
        command.args(args);
        Pty::spawn(command, terminal)
    }

    /// The prompt of dust, once it is there, with a cluster file's nodes, in a terminal with room
    /// for 30 lines of 100 columns.
    pub(crate) fn prompt(&self, file: &str) -> Pty {
        let (rows, cols) = (30, 100);
        let mut pty = self.terminal_of(Terminal { rows, cols }, &["-f", file]);
        pty.wait_prompt();
        pty
    }

    /// One of the folders that this world is made of.
    pub(crate) fn folder(&self, part: &str) -> PathBuf {
        self.dir.path().join(part)
    }

    /// The folder of the sessions' sockets.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.dir.path().join("run/dust")
    }

    /// The processes that serve sessions of this world.
    pub(crate) fn servers(&self) -> Vec<i32> {
        let owner = self.dir.path().display().to_string();
        let serves = |pid: &i32| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|byte| *byte == 0).nth(1) == Some(b"__server"))
        };
        proc::owned(&owner).into_iter().filter(serves).collect()
    }

    /// Any program, in this world.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let at = |part: &str| self.dir.path().join(part);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", at("home"))
            .env("XDG_CONFIG_HOME", at("config"))
            .env("XDG_DATA_HOME", at("data"))
            .env("XDG_STATE_HOME", at("state"))
            .env("XDG_CACHE_HOME", at("cache"))
            .env("XDG_RUNTIME_DIR", at("run"))
            .env("TMPDIR", at("tmp"))
            .env("SHELL", "/bin/bash")
            .env("USER", user())
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env(proc::MARK, self.dir.path())
            .current_dir(self.work());
        command
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        proc::end(&proc::owned(&self.dir.path().display().to_string()));
    }
}

/// A node of a cluster file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    keys: Vec<(String, String)>,
}

impl Node {
    pub(crate) fn new(name: &str, host: &str, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            keys: Vec::new(),
        }
        .set("host", host)
        .set("port", &port.to_string())
    }

    /// Logs in with this private key.
    pub(crate) fn key(self, file: &Path) -> Self {
        self.set("keyfile", &file.display().to_string())
    }

    /// Sets a key of the section, or changes it.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.keys.retain(|(k, _)| k != key);
        self.keys.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a key out of the section.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.keys.retain(|(k, _)| k != key);
        self
    }

    /// The value of a key of the section.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.keys
            .iter()
            .find(|(k, _)| k == key)
            .map_or("", |(_, v)| v)
    }
}

/// The user who runs the tests.
pub(crate) fn user() -> String {
    User::from_uid(geteuid())
        .unwrap()
        .expect("the user has a name")
        .name
}
