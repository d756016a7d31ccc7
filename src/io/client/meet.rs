//! Finding the server of a session, or starting it.

use crate::error::{Error, Kind, Result};
use crate::io::begin;
use crate::io::runtime_dir::{self, RuntimeDir};
use crate::wire::{Frames, Hello, Info, Question, ToClient, ToServer};
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A server that runs answers within this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Whoever can do without one waits no longer than this for it.
const HASTE: Duration = Duration::from_millis(500);

/// The server of a session, greeted.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) stream: UnixStream,
    pub(super) frames: Frames,
    pub(super) hello: Hello,
    /// Where it complains.
    pub(super) log: PathBuf,
}

/// How a server was come by.
#[derive(Debug)]
pub(super) enum Met {
    /// It was there, after all.
    Found(Peer),
    /// It is new.
    Started(Peer),
}

/// The server of this session in this folder, if it answers at once.
pub(super) fn find_fast(folder: &RuntimeDir, name: &str) -> Option<Peer> {
    let stream = folder.connect(name).ok()??;
    greet(name, stream, folder.log(name), Some(HASTE)).ok()?
}

/// The server at the other end of this socket.
pub(super) fn meet(name: &str, stream: UnixStream, folder: &RuntimeDir) -> Result<Option<Peer>> {
    greet(name, stream, folder.log(name), Some(PATIENCE))
}

/// The server of this session, if it runs.
pub(super) fn find(name: &str) -> Result<Option<Peer>> {
    let Some((stream, socket)) = runtime_dir::find(name)? else {
        return Ok(None);
    };
    greet(name, stream, socket.with_extension("log"), Some(PATIENCE))
}

/// Starts the server of this session, which is told the words of the command line; unless another
/// dust was faster.
pub(super) fn start(name: &str, words: &[OsString]) -> Result<Met> {
    let folder = runtime_dir::for_start()?;
    let turn = folder.lock(name)?;
    if let Some(stream) = folder.connect(name)?
        && let Some(peer) = greet(name, stream, folder.log(name), Some(PATIENCE))?
    {
        return Ok(Met::Found(peer));
    }
    let failed = |error: io::Error| Error::failed(format!("cannot start the session: {error}"));
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let log = folder.new_log(name).map_err(failed)?;
    // This very program, also if another one has taken its place since.
    let mut command = Command::new("/proc/self/exe");
    std::os::unix::process::CommandExt::arg0(&mut command, "dust");
    command
        .args(["__server", name])
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(log);
    let child = command.spawn().map_err(failed)?;
    // It has its parent's end of the pair now, and is its own master.
    drop(command);
    drop(child);
    let words = words.iter().map(|word| word.clone().into_vec()).collect();
    let start = ToServer::Start {
        name: name.to_owned(),
        words,
    };
    let log = folder.log(name);
    let peer = greet(name, ours, log.clone(), None)?;
    let mut peer = peer.ok_or_else(|| gone(name, &log))?;
    peer.say(&start)?;
    // Whoever waits for the turn finds a server that listens, or none.
    peer.ready()?;
    drop(turn);
    Ok(Met::Started(peer))
}

/// Greets a server and is greeted; `None`: it has ended before it said a word.
fn greet(
    name: &str,
    stream: UnixStream,
    log: PathBuf,
    patience: Option<Duration>,
) -> Result<Option<Peer>> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Error::failed(format!("the server of session {name} does not answer"))
        },
        _ => Error::failed(format!("session {name}: {error}")),
    };
    stream.set_read_timeout(patience).map_err(failed)?;
    stream.set_write_timeout(patience).map_err(failed)?;
    let ended = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        )
    };
    match (&stream).write_all(&begin::hello().encode()) {
        Err(error) if ended(&error) => return Ok(None),
        result => result.map_err(failed)?,
    }
    let mut frames = Frames::new();
    let hello = loop {
        let hello = frames.hello();
        if let Some(hello) =
            hello.map_err(|fault| Error::failed(format!("session {name}: {fault}")))?
        {
            break hello;
        }
        match (&stream).read(frames.room()) {
            Ok(0) => return Ok(None),
            Ok(count) => frames.filled(count),
            Err(error) if ended(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
    };
    if let Err(other) = hello.agree() {
        let text = format!("session {name} is served by {other}");
        let hint = format!("{} attach {name}", hello.program());
        return Err(Error::failed(text).hint(hint));
    }
    Ok(Some(Peer {
        name: name.to_owned(),
        stream,
        frames,
        hello,
        log,
    }))
}

/// What to say of a server that went without a word.
pub(super) fn gone(name: &str, log: &std::path::Path) -> Error {
    let text = format!("the session server of {name} is gone");
    let said = crate::io::files::read_text(log).unwrap_or_default();
    match said.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => {
            let line = crate::model::nearest::shown(line);
            Error::failed(format!("{text}: {line}")).hint(format!("see {}", log.display()))
        },
        None => Error::failed(text),
    }
}

impl Peer {
    /// Says something to it.
    pub(super) fn say(&self, message: &ToServer<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.send(&bytes)
    }

    /// Sends it messages.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<()> {
        let failed = |error: io::Error| Error::failed(format!("session {}: {error}", self.name));
        (&self.stream).write_all(bytes).map_err(failed)
    }

    /// What it says of itself.
    pub(super) fn info(&mut self) -> Result<Info> {
        self.say(&ToServer::Info)?;
        self.answer(|message| match message {
            ToClient::Info(info) => Some(Ok(info)),
            ToClient::Refused(status, why) => Some(Err(refused(status, why))),
            _ => None,
        })
    }

    /// The answer to a question, which may be long.
    pub(super) fn ask(&mut self, what: Question) -> Result<Vec<u8>> {
        self.say(&ToServer::Ask(what))?;
        let mut all = Vec::new();
        self.answer(|message| match message {
            ToClient::Data(bytes) => {
                all.extend_from_slice(bytes);
                None
            },
            ToClient::Done(_) => Some(Ok(())),
            ToClient::Refused(status, why) => Some(Err(refused(status, why))),
            _ => None,
        })?;
        Ok(all)
    }

    /// Waits for the answer to an attempt to attach.
    pub(super) fn welcome(&mut self) -> Result<()> {
        self.answer(|message| match message {
            ToClient::Welcome(_) => Some(Ok(())),
            ToClient::Refused(status, why) => Some(Err(refused(status, why))),
            _ => None,
        })
    }

    /// Waits until a new server says that it listens.
    fn ready(&mut self) -> Result<()> {
        self.answer(|message| match message {
            ToClient::Done(_) => Some(Ok(())),
            ToClient::Refused(status, why) => Some(Err(refused(status, why))),
            _ => None,
        })
    }

    /// Waits for an answer that means something; others are passed over.
    pub(super) fn answer<T>(
        &mut self,
        mut take: impl FnMut(ToClient<'_>) -> Option<Result<T>>,
    ) -> Result<T> {
        let name = self.name.clone();
        let fault = |fault: crate::wire::Fault| Error::failed(format!("session {name}: {fault}"));
        loop {
            while let Some((kind, body)) = self.frames.next_frame().map_err(fault)? {
                let message = ToClient::decode(kind, body).map_err(fault)?;
                if let Some(answer) = take(message) {
                    return answer;
                }
            }
            match (&self.stream).read(self.frames.room()) {
                Ok(0) => return Err(gone(&self.name, &self.log)),
                Ok(count) => self.frames.filled(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(gone(&self.name, &self.log));
                },
                Err(_) => {
                    let text = format!("the server of session {} does not answer", self.name);
                    return Err(Error::failed(text));
                },
            }
        }
    }
}

/// What the server said, as the error that it was there.
pub(super) fn refused(status: u8, why: String) -> Error {
    let kinds = [
        Kind::Usage,
        Kind::Unreachable,
        Kind::TimedOut,
        Kind::Interrupted,
    ];
    let kind = kinds.into_iter().find(|kind| kind.exit_code() == status);
    Error::new(kind.unwrap_or(Kind::Failed), why)
}
