//! Clusters to try things on, and the programs to try them with.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dust::io::local::{Launch, LocalNode, ensure_client_key, list, start, terminate_all};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_dust");

/// A cluster in a folder of its own; whatever runs in it ends with it.
pub(super) struct Lab {
    pub(super) temp: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let names: Vec<String> = list(&self.dir())
            .unwrap_or_default()
            .into_iter()
            .map(|n| n.name)
            .collect();
        terminate_all(&self.dir(), &names);
    }
}

/// How nodes are started here: with a shell that every machine has.
pub(super) fn launch() -> Launch<'static> {
    Launch {
        program: Some(Path::new(PROGRAM)),
        shell: Some(Path::new("/bin/bash")),
        throw_away: None,
    }
}

impl Lab {
    pub(super) fn new() -> Self {
        Self {
            temp: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.temp.path().join("cluster")
    }

    pub(super) fn start(&self, name: &str) -> LocalNode {
        start(&self.dir(), name, &launch()).unwrap()
    }

    /// `ssh`'s words for a node, up to its address.
    pub(super) fn words(&self, node: &LocalNode, options: &[&str]) -> Vec<String> {
        let key = ensure_client_key(&self.dir()).unwrap().private;
        words(&key, node, options)
    }

    pub(super) fn ssh(&self, node: &LocalNode, options: &[&str], line: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args(self.words(node, options));
        if !line.is_empty() {
            command.arg(line);
        }
        command.stdin(Stdio::null());
        command
    }

    pub(super) fn run(&self, node: &LocalNode, line: &str) -> Output {
        self.ssh(node, &[], line).output().unwrap()
    }

    /// Standard output of a command that must succeed, without the last line end.
    pub(super) fn say(&self, node: &LocalNode, line: &str) -> String {
        let output = self.run(node, line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    }
}

pub(super) fn words(key: &Path, node: &LocalNode, options: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = ["-F", "none", "-i"].map(String::from).into();
    words.push(key.to_str().unwrap().into());
    for option in [
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "ConnectTimeout=20",
    ] {
        words.extend(["-o".into(), option.into()]);
    }
    words.extend(options.iter().map(ToString::to_string));
    words.extend(["-p".into(), node.port.unwrap().to_string()]);
    words.push(node.addr.unwrap().to_string());
    words
}

/// Waits for what another process is about to do; the test runner ends a wait that is for ever.
pub(super) fn wait_until(mut done: impl FnMut() -> bool) {
    while !done() {
        let _ = nix::poll::poll(&mut [], 10_u16);
    }
}

/// Whether there is such a process. A node that has stopped let go of its lock, which the kernel
/// does a moment before the process is gone: wait for that.
pub(super) fn alive(pid: i32) -> bool {
    // A process that nobody has taken the status of is as dead as any.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}

pub(super) fn number(path: &Path) -> Option<i32> {
    fs::read_to_string(path)
        .ok()?
        .strip_suffix('\n')?
        .parse()
        .ok()
}

/// A terminal with `ssh -t` in it.
pub(super) struct Screen {
    pub(super) master: Box<dyn portable_pty::MasterPty + Send>,
    from: Box<dyn Read + Send>,
    to: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    pub(super) seen: String,
}

pub(super) fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Screen {
    pub(super) fn open(words: &[String], cols: u16, rows: u16) -> Self {
        let pty = native_pty_system().openpty(size(cols, rows)).unwrap();
        let mut command = CommandBuilder::new("ssh");
        command.args(words);
        command.env("TERM", "xterm");
        let child = pty.slave.spawn_command(command).unwrap();
        let from = pty.master.try_clone_reader().unwrap();
        let to = pty.master.take_writer().unwrap();
        Self {
            master: pty.master,
            from,
            to,
            child,
            seen: String::new(),
        }
    }

    pub(super) fn send(&mut self, text: &str) {
        self.to.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until this is seen, and forgets what came before its end.
    pub(super) fn expect(&mut self, what: &str) {
        loop {
            if let Some((_, rest)) = self.seen.split_once(what) {
                self.seen = rest.to_owned();
                return;
            }
            let mut piece = [0; 4096];
            let n = self.from.read(&mut piece).unwrap_or(0);
            assert_ne!(n, 0, "{what:?} never came; seen: {:?}", self.seen);
            self.seen += &String::from_utf8_lossy(&piece[..n]);
        }
    }

    pub(super) fn status(mut self) -> u32 {
        while self.from.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        self.child.wait().unwrap().exit_code()
    }
}

/// The n-th of endless lines.
pub(super) fn pattern(bytes: usize) -> Vec<u8> {
    (0..)
        .flat_map(|n: u32| format!("{n}\n").into_bytes())
        .take(bytes)
        .collect()
}

pub(super) fn same(a: &[u8], b: &[u8]) {
    // Not assert_eq: nobody wants to read megabytes.
    assert!(a == b, "differs: {} and {} bytes", a.len(), b.len());
}

/// The most memory that a process ever had, in KiB.
pub(super) fn memory_of(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
