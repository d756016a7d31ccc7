//! The clients of sessions: the one that shows a prompt on a terminal, and those that ask.

mod ask;
mod lender;
mod meet;
mod question;
mod relay;
mod through;

pub(super) use ask::ask;
pub(super) use lender::{inside, lender, outer};
pub(super) use question::question;
pub(super) use through::through;

use super::{files, program, runtime_dir, sys};
use crate::command::cli::Options;
use crate::error::{Error, Result};
use crate::wire::{self, Attach, ToServer};
use meet::Peer;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The session where neither an option nor a variable nor a file gives it a name.
const MAIN: &str = "main";
/// The session of a demo.
const DEMO: &str = "demo";
/// Variables are sent in messages of at most so many bytes.
const ENVIRONMENT_PIECE: usize = wire::CONTROL_MAX / 2;

/// Opens the prompt of a session, which is started if need be; dust's exit status.
pub(super) fn open(options: &Options, demo: Option<u16>, words: &[OsString]) -> Result<u8> {
    if !io::stdin().is_terminal() {
        return Err(program::no_terminal());
    }
    let file = match demo {
        Some(_) => None,
        None => program::file_of(options),
    };
    // A file that is wrong starts nothing.
    let cluster = file.as_deref().map(cluster_name).transpose()?;
    let variable = std::env::var("DUST_SESSION")
        .ok()
        .filter(|name| !name.is_empty());
    if let Some(name) = &variable
        && !wire::is_session_name(name)
    {
        return Err(Error::usage("DUST_SESSION is no name for a session"));
    }
    let named = options.session.clone().or(variable);
    // A file that merely is there says nothing against a session that was named.
    let wanted = file.filter(|_| options.file.is_some() || named.is_none());
    let demo_name = demo.map(|_| DEMO.to_owned());
    let default = demo_name.or(cluster).unwrap_or_else(|| MAIN.to_owned());
    let name = named.unwrap_or(default);
    let mut peer = match meet::find(&name)? {
        Some(peer) => {
            not_within(&peer)?;
            joined(options, demo, &name);
            peer
        },
        None => match meet::start(&name, words)? {
            meet::Met::Started(peer) => peer,
            meet::Met::Found(peer) => {
                joined(options, demo, &name);
                peer
            },
        },
    };
    attach(&mut peer, wanted.as_deref())
}

/// Shows a session that runs already; dust's exit status.
fn join(name: &str) -> Result<u8> {
    if !io::stdin().is_terminal() {
        return Err(Error::usage("there is no terminal to attach to"));
    }
    let Some(mut peer) = meet::find(name)? else {
        return Err(no_session(name));
    };
    not_within(&peer)?;
    attach(&mut peer, None)
}

fn no_session(name: &str) -> Error {
    let names = runtime_dir::names();
    let error = Error::usage(format!("there is no session {name}"));
    if names.is_empty() {
        return error.hint("dust opens one");
    }
    error.hint(format!("there are: {}", names.join(", ")))
}

/// The name of a cluster file's cluster.
fn cluster_name(file: &Path) -> Result<String> {
    let text = files::read_text(file).map_err(|error| {
        let reason = crate::app::reason(&error);
        Error::usage(format!("cannot read {}: {reason}", file.display()))
    })?;
    let path = std::env::current_dir().unwrap_or_default().join(file);
    let base = path.parent().unwrap_or_else(|| Path::new("/"));
    let home = std::env::home_dir();
    let shown = file.display().to_string();
    let cluster = crate::config::parse(&shown, base, home.as_deref(), &text)?;
    Ok(cluster.name)
}

/// Says which options come too late for a session that runs.
fn joined(options: &Options, demo: Option<u16>, name: &str) {
    let given: Vec<String> = options
        .beginning
        .iter()
        .map(|long| format!("--{long}"))
        .collect();
    let mut late = given.join(", ");
    if demo.is_some() {
        let also = if late.is_empty() { "" } else { ", " };
        late.push_str(also);
        late.push_str("the number of nodes");
    }
    let text = match (given.len(), demo) {
        (0, None) => return,
        (0, Some(_)) => format!("session {name} runs already: its nodes stay as they are"),
        _ => format!(
            "session {name} runs already: {late} came too late (set changes settings at the prompt)"
        ),
    };
    drop(writeln!(io::stderr(), "dust: {text}"));
}

/// A session is not shown inside itself.
fn not_within(peer: &Peer) -> Result<()> {
    let within = std::env::var("DUST_SESSION_PID").ok();
    if within.is_some_and(|pid| pid == peer.hello.pid.to_string()) {
        let text = format!("this is session {} already", peer.name);
        return Err(Error::usage(text).hint("-s NAME opens another one"));
    }
    Ok(())
}

/// Shows the session of a server that was met; dust's exit status.
fn attach(peer: &mut Peer, file: Option<&Path>) -> Result<u8> {
    let failed = |error: io::Error| Error::failed(format!("session {}: {error}", peer.name));
    let stdin = io::stdin();
    let size = super::tty::size(&stdin.as_fd());
    let folder = std::env::current_dir().unwrap_or_default();
    let absolute = |file: &Path| -> PathBuf { folder.join(file) };
    let attach = Attach {
        size,
        term: std::env::var("TERM").unwrap_or_default(),
        folder: folder.as_os_str().as_bytes().to_vec(),
        file: file.map(|file| absolute(file).as_os_str().as_bytes().to_vec()),
    };
    let mut bytes = Vec::new();
    environment(&mut bytes);
    ToServer::Attach(attach).encode(&mut bytes);
    (&peer.stream).write_all(&bytes).map_err(failed)?;
    peer.welcome()?;
    sys::default_stop_signals();
    relay::run(peer).map_err(|error| Error::failed(format!("the terminal: {error}")))
}

/// All variables of this process, in as many messages as it takes.
fn environment(out: &mut Vec<u8>) {
    let mut pairs = Vec::new();
    let mut length = 0;
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let more = name.len() + value.len() + 16;
        if more > ENVIRONMENT_PIECE {
            // No program could be started with much more than this, either.
            continue;
        }
        if length + more > ENVIRONMENT_PIECE {
            ToServer::Environment(std::mem::take(&mut pairs)).encode(out);
            length = 0;
        }
        length += more;
        pairs.push((name, value));
    }
    ToServer::Environment(pairs).encode(out);
}
