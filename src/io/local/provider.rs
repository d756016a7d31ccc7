//! Starting, finding, stopping and removing nodes: dust's side of it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, PipeReader, Read as _};
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};

use super::folder::{
    check_name, check_private_dir, failed, make_private_dir, open_private_empty, read_private,
    remove_tree, write_private,
};
use super::keys::{ensure_client_key, fingerprint};
use super::lock::{Holder, Turn, holder};
use super::record::Record;
use crate::error::{Error, Result};
use crate::model::NodeState;

/// The first word of the command line of a node's process.
pub(super) const NODE_WORD: &str = "__node";

/// What a node's process writes to its standard output once it listens.
pub(super) const READY: &str = "ready";

/// How long a node may take to listen, in milliseconds: a loaded machine, a debug build.
const START_MS: u16 = 30_000;

/// How long a node may take to end what runs on it, in steps of [`STEP_MS`].
const STOP_STEPS: u32 = 1_000;

/// How often a process that must end is looked at, in milliseconds.
const STEP_MS: u16 = 10;

/// What a node inherits of the environment of the dust that starts it. Nothing else: the rest may
/// hold secrets, and a node would not have it either.
const INHERITED: [&str; 3] = ["LANG", "LC_ALL", "TZ"];

/// A node of this machine, as it is right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNode {
    /// Its name.
    pub name: String,
    /// Absent (no folder), Stopped, Running, or Pending (its process is not listening yet).
    pub state: NodeState,
    /// Where it listens, or listened last; loopback.
    pub addr: Option<IpAddr>,
    /// The port there.
    pub port: Option<u16>,
    /// Its process, while it runs and can be seen from here.
    pub pid: Option<i32>,
    /// The public host key, `ssh-ed25519 AAAA…`.
    pub host_key: Option<String>,
    /// The fingerprint of that key, `SHA256:…`.
    pub host_key_fingerprint: Option<String>,
    /// The home folder of what runs on it.
    pub home: PathBuf,
}

/// How to start nodes. The default is what people want: nodes that stay until they are stopped.
#[derive(Clone, Debug, Default)]
pub struct Launch<'a> {
    /// The dust program; by default the one that is running.
    pub program: Option<&'a Path>,
    /// The login shell of the nodes; by default this user's.
    pub shell: Option<&'a Path>,
    /// Nodes that end by themselves.
    pub throw_away: Option<ThrowAway<'a>>,
}

/// What ends throw-away nodes, and what they remove then.
#[derive(Clone, Copy, Debug)]
pub struct ThrowAway<'a> {
    /// The reading end of a pipe; the nodes end when its writing end is closed everywhere.
    pub parent: BorrowedFd<'a>,
    /// The folder that the last of them to end removes; the cluster's folder is in it.
    pub root: &'a Path,
}

/// The node of this name; Absent if there is none.
///
/// Errors: the name is unusable, or the folder is not this user's alone.
pub fn get(cluster_dir: &Path, name: &str) -> Result<LocalNode> {
    check_name(name)?;
    let dir = cluster_dir.join(name);
    let mut node = LocalNode {
        name: name.into(),
        state: NodeState::Absent,
        addr: None,
        port: None,
        pid: None,
        host_key: None,
        host_key_fingerprint: None,
        home: dir.join("home"),
    };
    match fs::symlink_metadata(&dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(node),
        Err(e) => return Err(failed(&dir, e)),
        Ok(_) => check_private_dir(&dir)?,
    }
    let holder = holder(&dir)?;
    let record = Record::read(&dir)?;
    node.state = match (holder, &record) {
        (Holder::Nobody, _) => NodeState::Stopped,
        (Holder::Process(pid), record) => {
            node.pid = Some(pid.as_raw());
            let written = record.as_ref().is_some_and(|r| r.pid == pid.as_raw());
            if written {
                NodeState::Running
            } else {
                NodeState::Pending
            }
        },
        (Holder::Elsewhere, _) => NodeState::Running,
    };
    if let Some(record) = record {
        node.addr = Some(record.addr);
        node.port = Some(record.port);
        node.host_key_fingerprint = fingerprint(&record.host_key);
        node.host_key = Some(record.host_key.trim_end().into());
    }
    Ok(node)
}

/// All nodes that have a folder, by name.
pub fn list(cluster_dir: &Path) -> Result<Vec<LocalNode>> {
    let entries = match fs::read_dir(cluster_dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(cluster_dir, e)),
    };
    check_private_dir(cluster_dir)?;
    let mut nodes = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| failed(cluster_dir, e))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_dir = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_dir && check_name(&name).is_ok() {
            let node = get(cluster_dir, &name)?;
            // It may have been removed since the folder was read.
            if node.state != NodeState::Absent {
                nodes.push(node);
            }
        }
    }
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(nodes)
}

/// Starts a node, making it if it is absent; a node that runs is left alone. Returns when it
/// listens.
pub fn start(cluster_dir: &Path, name: &str, launch: &Launch<'_>) -> Result<LocalNode> {
    finish_start(cluster_dir, name, begin_start(cluster_dir, name, launch)?)
}

/// Starts nodes side by side. Each name is in the answer once, in the order of the names.
pub fn start_all(
    cluster_dir: &Path,
    names: &[String],
    launch: &Launch<'_>,
) -> Vec<(String, Result<LocalNode>)> {
    in_parts(
        names,
        |name| begin_start(cluster_dir, name, launch),
        |name, begun| finish_start(cluster_dir, name, begun),
    )
}

/// Stops a node: everything that runs on it ends, its home and its identity stay.
pub fn stop(cluster_dir: &Path, name: &str) -> Result<LocalNode> {
    finish_stop(cluster_dir, name, &begin_stop(cluster_dir, name)?)
}

/// Stops nodes side by side, as [`start_all`] starts them.
pub fn stop_all(cluster_dir: &Path, names: &[String]) -> Vec<(String, Result<LocalNode>)> {
    in_parts(
        names,
        |name| begin_stop(cluster_dir, name),
        |name, turn| finish_stop(cluster_dir, name, &turn),
    )
}

/// Stops a node and removes all that it had. A node that is absent is fine.
pub fn terminate(cluster_dir: &Path, name: &str) -> Result<()> {
    finish_terminate(cluster_dir, name, begin_stop(cluster_dir, name)?)
}

/// Terminates nodes side by side, as [`start_all`] starts them.
pub fn terminate_all(cluster_dir: &Path, names: &[String]) -> Vec<(String, Result<()>)> {
    in_parts(
        names,
        |name| begin_stop(cluster_dir, name),
        |name, turn| finish_terminate(cluster_dir, name, turn),
    )
}

/// Does the first part for all, then the second: so the processes start or end side by side.
/// Each turn is taken once, and in the order of the names, so that neither one run waits for
/// itself nor two for each other.
fn in_parts<A, B>(
    names: &[String],
    mut begin: impl FnMut(&str) -> Result<A>,
    mut finish: impl FnMut(&str, A) -> Result<B>,
) -> Vec<(String, Result<B>)> {
    let names: BTreeSet<&String> = names.iter().collect();
    let begun: Vec<_> = names.into_iter().map(|name| (name, begin(name))).collect();
    begun
        .into_iter()
        .map(|(name, part)| (name.clone(), part.and_then(|part| finish(name, part))))
        .collect()
}

fn turn_path(cluster_dir: &Path, name: &str) -> PathBuf {
    cluster_dir.join(format!(".{name}.turn"))
}

/// A node that is being started; nobody else may touch it meanwhile.
struct Begun {
    turn: Turn,
    /// Where the new process says that it listens; None if there is one already.
    ready: Option<PipeReader>,
}

fn begin_start(cluster_dir: &Path, name: &str, launch: &Launch<'_>) -> Result<Begun> {
    check_name(name)?;
    make_private_dir(cluster_dir)?;
    let client = ensure_client_key(cluster_dir)?;
    let turn = Turn::take(&turn_path(cluster_dir, name))?;
    if matches!(
        get(cluster_dir, name)?.state,
        NodeState::Running | NodeState::Pending
    ) {
        return Ok(Begun { turn, ready: None });
    }
    let dir = cluster_dir.join(name);
    make_private_dir(&dir)?;
    let public = read_private(&client.public)?.unwrap_or_default();
    write_private(&dir.join("authorized_key"), &public)?;
    let ready = spawn(&dir, name, launch)?;
    Ok(Begun {
        turn,
        ready: Some(ready),
    })
}

fn spawn(dir: &Path, name: &str, launch: &Launch<'_>) -> Result<PipeReader> {
    let broken = |e: std::io::Error| Error::failed(format!("{name} could not be started: {e}"));
    let (ready, writer) = std::io::pipe().map_err(broken)?;
    let log = open_private_empty(&dir.join("log"))?;
    let dir = std::path::absolute(dir).map_err(broken)?;
    let program = launch.program.map_or_else(this_program, Path::to_path_buf);
    let mut command = Command::new(program);
    command.arg0("dust").arg(NODE_WORD);
    command.arg("--dir").arg(dir).arg("--name").arg(name);
    if let Some(shell) = launch.shell {
        command.arg("--shell").arg(shell);
    }
    command.env_clear();
    command.envs(
        INHERITED
            .iter()
            .filter_map(|k| Some((*k, std::env::var_os(k)?))),
    );
    command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(log)
        .current_dir("/");
    if let Some(ThrowAway { parent, root }) = launch.throw_away {
        let number = parent.as_raw_fd();
        command
            .arg("--with-parent")
            .arg(OsString::from(number.to_string()));
        command
            .arg("--throw-away")
            .arg(std::path::absolute(root).map_err(broken)?);
        let pass = move || {
            // SAFETY: the descriptor is borrowed for longer than this command lives, and the
            // child has a copy of it.
            let parent = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl(parent, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(())
        };
        // SAFETY: between fork and exec it makes one system call and allocates nothing.
        unsafe { command.pre_exec(pass) };
    }
    let mut child = command.spawn().map_err(broken)?;
    // The command holds our copy of the writing end; the reader must see the end of the others.
    drop(command);
    // This process only starts the one that stays, and ends at once.
    child.wait().map_err(broken)?;
    Ok(ready)
}

/// The program to run as a node. Once the file was replaced by a newer one its name no longer
/// leads to what is running, but the link in /proc does.
pub(super) fn this_program() -> PathBuf {
    match std::env::current_exe() {
        Ok(path) if path.exists() => path,
        _ => PathBuf::from("/proc/self/exe"),
    }
}

fn finish_start(cluster_dir: &Path, name: &str, begun: Begun) -> Result<LocalNode> {
    let said = match begun.ready {
        Some(ready) => read_ready(ready).map_err(|e| {
            Error::failed(format!("{name} did not start: {e}")).hint(format!(
                "see {}",
                cluster_dir.join(name).join("log").display()
            ))
        })?,
        None => READY.into(),
    };
    if said != READY {
        return Err(Error::failed(format!("{name} did not start: {said}")));
    }
    let mut node = get(cluster_dir, name)?;
    // Another run started it and died before it listened.
    for _ in 0..u32::from(START_MS / STEP_MS) {
        if node.state != NodeState::Pending {
            break;
        }
        pause();
        node = get(cluster_dir, name)?;
    }
    drop(begun.turn);
    if node.state == NodeState::Running {
        return Ok(node);
    }
    Err(Error::failed(format!("{name} did not start")).hint(format!(
        "see {}",
        cluster_dir.join(name).join("log").display()
    )))
}

/// What the new process says: one line, ended by closing the pipe.
fn read_ready(mut ready: PipeReader) -> std::io::Result<String> {
    let mut said = Vec::new();
    let mut piece = [0; 512];
    loop {
        let mut fds = [PollFd::new(ready.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(START_MS)) {
            Ok(0) => return Err(ErrorKind::TimedOut.into()),
            Ok(_) => {},
            Err(Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
        }
        let n = ready.read(&mut piece)?;
        said.extend(piece.iter().take(n));
        if n == 0 || said.len() > 8 * piece.len() {
            break;
        }
    }
    if said.is_empty() {
        return Err(std::io::Error::other("its process ended"));
    }
    Ok(String::from_utf8_lossy(&said).trim_end().to_owned())
}

fn begin_stop(cluster_dir: &Path, name: &str) -> Result<Turn> {
    check_name(name)?;
    make_private_dir(cluster_dir)?;
    let turn = Turn::take(&turn_path(cluster_dir, name))?;
    signal_node(cluster_dir, name, Signal::SIGTERM)?;
    Ok(turn)
}

/// Signals the node's process, if there is one. True if there is.
///
/// Nothing but the holder of the lock is ever signalled, and it is asked for right before.
fn signal_node(cluster_dir: &Path, name: &str, signal: Signal) -> Result<bool> {
    let dir = cluster_dir.join(name);
    match fs::symlink_metadata(&dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        _ => check_private_dir(&dir)?,
    }
    match holder(&dir)? {
        Holder::Nobody => Ok(false),
        Holder::Elsewhere => Err(Error::failed(format!(
            "{name} runs in another container or on another machine that shares {}",
            dir.display()
        ))),
        Holder::Process(pid) => match kill(pid, signal) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(e) => Err(Error::failed(format!("{name} could not be stopped: {e}"))),
        },
    }
}

fn wait_gone(cluster_dir: &Path, name: &str) -> Result<bool> {
    let dir = cluster_dir.join(name);
    for _ in 0..STOP_STEPS {
        // A throw-away node removes its folder by itself.
        if !dir.exists() || holder(&dir)? == Holder::Nobody {
            return Ok(true);
        }
        pause();
    }
    Ok(false)
}

/// `turn` shows that nobody else starts it meanwhile.
fn finish_stop(cluster_dir: &Path, name: &str, _turn: &Turn) -> Result<LocalNode> {
    if !wait_gone(cluster_dir, name)? {
        signal_node(cluster_dir, name, Signal::SIGKILL)?;
        if !wait_gone(cluster_dir, name)? {
            return Err(Error::failed(format!("{name} does not end")));
        }
    }
    get(cluster_dir, name)
}

fn finish_terminate(cluster_dir: &Path, name: &str, turn: Turn) -> Result<()> {
    finish_stop(cluster_dir, name, &turn)?;
    remove_tree(&cluster_dir.join(name))?;
    turn.remove(&turn_path(cluster_dir, name));
    Ok(())
}

/// Waits a little for another process.
pub(super) fn pause() {
    // Woken early by a signal is as good.
    let _ = poll(&mut [], PollTimeout::from(STEP_MS));
}
