//! `dust ssh` and `dust proxy`: one channel on a session's connection, between this process's own
//! standard input and output. Sockets and pipes are the flow control, in both directions.

use super::lender::{Found, lender, sessions};
use super::meet::{self, Peer};
use super::program;
use crate::command::cli::{Options, Through};
use crate::error::{Error, Result};
use crate::io::front::write_some;
use crate::io::signals::{Signal, Signals};
use crate::io::tty::{self, Output, Terminal};
use crate::model::Size;
use crate::wire::{CONTROL_MAX, OpenChannel, Purpose, ToClient, ToServer};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};

/// What the session has not taken, or standard output, is held up to this, in bytes.
const HELD_MAX: usize = 64 * 1024;
/// Standard input is read in pieces of this size, in bytes.
const PIECE: usize = 32 * 1024;
/// The status of ssh where there is no other.
const LOST: u8 = 255;

/// Brings bytes between this process and a channel; dust's exit status.
pub(in crate::io) fn through(options: &Options, what: Through) -> Result<u8> {
    let (node, purpose) = match what {
        Through::Ssh(node, Some(command)) => (node, Purpose::Exec(command)),
        Through::Ssh(node, None) => (node, Purpose::Shell),
        Through::Proxy(node, Some((host, port))) => (node, Purpose::Forward(host, port)),
        Through::Proxy(node, None) => (node, Purpose::Forward(String::new(), 0)),
    };
    let forwards = matches!(purpose, Purpose::Forward(..));
    let terminal = !forwards && io::stdin().is_terminal() && io::stdout().is_terminal();
    let term = std::env::var("TERM").unwrap_or_default();
    let (cluster, name) = node.split_once('/').unwrap_or(("", &node));
    let mut open = OpenChannel {
        cluster: cluster.to_owned(),
        node: name.to_owned(),
        source: None,
        machine: String::new(),
        purpose,
        pty: terminal.then(|| (term, tty::size(&io::stdin()))),
        environment: Vec::new(),
    };
    let peer = borrow(options, &node, &mut open)?;
    let failed = |error: io::Error| Error::failed(format!("{node}: {error}"));
    let mut run = Run::new(peer, terminal, forwards).map_err(failed)?;
    let end = run.turns().map_err(failed)?;
    run.end(&node, end)
}

/// A session that has the node, and has opened the channel.
fn borrow(options: &Options, node: &str, open: &mut OpenChannel) -> Result<Peer> {
    let file = program::file_of(options);
    if let Some(lender) = lender(options, file.as_deref()) {
        open.source = lender.source();
        if let Some(peer) = meet::find_fast(&lender.folder, &lender.name) {
            return ready(peer, open);
        }
    }
    if options.file.is_some() {
        let text = "no session has this cluster file loaded, as it is now";
        return Err(Error::usage(text).hint("dust -f FILE opens one"));
    }
    let mut found: Vec<Found> = sessions(options).collect();
    // The one that was used last is meant, where several have such a node.
    found.sort_by_key(|found| std::cmp::Reverse(found.info.used));
    open.source = None;
    let mut why = None;
    for Found { folder, name, .. } in found {
        let Some(peer) = meet::find_fast(&folder, &name) else {
            continue;
        };
        match ready(peer, open) {
            Ok(peer) => return Ok(peer),
            Err(error) => why = why.or(Some(error)),
        }
    }
    Err(why.unwrap_or_else(|| {
        let text = format!("no session runs that has a node {node}");
        Error::new(crate::error::Kind::Unreachable, text).hint("dust -f FILE opens one")
    }))
}

/// Asks for the channel, and waits until it is open.
fn ready(mut peer: Peer, open: &OpenChannel) -> Result<Peer> {
    let mut bytes = Vec::new();
    ToServer::OpenChannel(open.clone()).encode(&mut bytes);
    if bytes.len() > CONTROL_MAX {
        return Err(Error::usage("the command is too long"));
    }
    let failed = |error: io::Error| Error::failed(error.to_string());
    peer.send(&bytes)?;
    // It may have to connect first, and has a time-out of its own.
    peer.stream.set_read_timeout(None).map_err(failed)?;
    let (name, node) = (peer.name.clone(), open.node.clone());
    peer.answer(|message| match message {
        ToClient::Opened => Some(Ok(())),
        ToClient::Failed(why) | ToClient::Refused(_, why) | ToClient::Ended(_, why) => {
            let text = format!("[{node}] through session {name}: {why}");
            Some(Err(Error::new(crate::error::Kind::Unreachable, text)))
        },
        _ => None,
    })?;
    peer.stream.set_nonblocking(true).map_err(failed)?;
    Ok(peer)
}

/// How it ended.
enum End {
    /// With this status, if there was one.
    Exit(Option<u32>),
    /// The other side of a forwarded connection has said all.
    Over,
    /// The connection is gone; why.
    Lost(String),
    /// Nobody reads our output.
    Unread,
    /// A signal came.
    Signal(u8),
}

struct Run {
    peer: Peer,
    /// In raw mode until this is dropped.
    terminal: Option<Terminal>,
    input: Option<File>,
    out: Output,
    err: Output,
    signals: Signals,
    forwards: bool,
    up: Vec<u8>,
    down: Vec<u8>,
    errors: Vec<u8>,
}

impl Run {
    fn new(peer: Peer, terminal: bool, forwards: bool) -> io::Result<Self> {
        let signals = Signals::catch()?;
        let own = |fd: io::Result<OwnedFd>| fd.map(Output::new);
        let (out, err) = (
            own(io::stdout().as_fd().try_clone_to_owned())?,
            own(io::stderr().as_fd().try_clone_to_owned())?,
        );
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        let terminal = if terminal {
            Some(Terminal::open(stdin.as_fd())?)
        } else {
            None
        };
        let input = match &terminal {
            Some(terminal) => terminal.input().try_clone()?,
            None => File::from(stdin),
        };
        Ok(Self {
            peer,
            terminal,
            input: Some(input),
            out,
            err,
            signals,
            forwards,
            up: Vec::new(),
            down: Vec::new(),
            errors: Vec::new(),
        })
    }

    fn turns(&mut self) -> io::Result<End> {
        self.resize();
        let mut end = None;
        loop {
            if end.is_none() {
                end = self.take_frames();
            }
            self.send_up();
            let (out, err) = (
                self.out.write(&mut self.down),
                self.err.write(&mut self.errors),
            );
            drop(err);
            if out.is_err() {
                return Ok(End::Unread);
            }
            if end.is_some() && self.down.is_empty() && self.errors.is_empty() {
                return Ok(end.unwrap_or(End::Over));
            }
            let (input, stream) = self.wait(end.is_some())?;
            for signal in self.signals.take() {
                match signal {
                    Signal::Interrupt => return Ok(End::Signal(2)),
                    Signal::Terminate(number) => return Ok(End::Signal(number)),
                    Signal::Resize => self.resize(),
                    Signal::Continue => {
                        if let Some(terminal) = &self.terminal {
                            terminal.resume()?;
                        }
                        self.resize();
                    },
                    Signal::Child | Signal::Stop => {},
                }
            }
            if input {
                self.take_input();
            }
            if stream && let Some(why) = self.read_stream() {
                end = end.or(Some(why));
            }
        }
    }

    fn say(&mut self, message: &ToServer<'_>) {
        message.encode(&mut self.up);
    }

    fn resize(&mut self) {
        if self.terminal.is_some() {
            let size: Option<Size> = tty::size(&io::stdin());
            self.say(&ToServer::Resize(size));
        }
    }

    /// Waits until there is something to do: whether standard input and the stream have some.
    fn wait(&self, ended: bool) -> io::Result<(bool, bool)> {
        let full = self.down.len() + self.errors.len() > HELD_MAX;
        let mut stream = PollFlags::empty();
        if !full && !ended {
            stream |= PollFlags::POLLIN;
        }
        if !self.up.is_empty() {
            stream |= PollFlags::POLLOUT;
        }
        let mut fds = Vec::new();
        // That it is closed is always told, whatever is asked: while nothing is to be read or written it
        // is not looked at.
        let looked_at = !ended && !stream.is_empty();
        if looked_at {
            fds.push(PollFd::new(self.peer.stream.as_fd(), stream));
        }
        let input = self.input.as_ref().filter(|_| self.up.len() < HELD_MAX);
        if let Some(input) = input.filter(|_| !ended) {
            fds.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        for (output, held) in [(&self.out, &self.down), (&self.err, &self.errors)] {
            if let Some(file) = output.pollable().filter(|_| !held.is_empty()) {
                fds.push(PollFd::new(file.as_fd(), PollFlags::POLLOUT));
            }
        }
        let pipes = self.signals.pipes();
        fds.extend(pipes.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {},
            Err(errno) => return Err(errno.into()),
        }
        let some = |at: usize| {
            let found = fds.get(at).and_then(PollFd::revents);
            found.is_some_and(|flags| {
                flags.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR)
            })
        };
        if ended {
            return Ok((false, false));
        }
        let first = usize::from(looked_at);
        Ok((
            input.is_some() && some(first),
            looked_at && some(0) && !full,
        ))
    }

    fn take_input(&mut self) {
        let Some(input) = &mut self.input else { return };
        let mut buffer = [0; PIECE];
        match input.read(&mut buffer) {
            Ok(count @ 1..) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                ToServer::Data(bytes).encode(&mut self.up);
            },
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {},
            // What cannot be read is at its end.
            Ok(_) | Err(_) => {
                self.input = None;
                self.say(&ToServer::End);
            },
        }
    }

    fn send_up(&mut self) {
        if write_some(&self.peer.stream, &mut self.up).is_err() {
            // What it said before is still to be read.
            self.up.clear();
        }
    }

    /// Reads some; the end, if it is there.
    fn read_stream(&mut self) -> Option<End> {
        let gone = || End::Lost(format!("session {} is gone", self.peer.name));
        match (&self.peer.stream).read(self.peer.frames.room()) {
            Ok(0) => Some(gone()),
            Ok(count) => {
                self.peer.frames.filled(count);
                self.take_frames()
            },
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                None
            },
            Err(_) => Some(gone()),
        }
    }

    fn take_frames(&mut self) -> Option<End> {
        loop {
            let (kind, body) = match self.peer.frames.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return None,
                Err(fault) => return Some(End::Lost(fault.to_string())),
            };
            match ToClient::decode(kind, body) {
                Ok(ToClient::Data(bytes)) => self.down.extend_from_slice(bytes),
                Ok(ToClient::Errors(bytes)) => self.errors.extend_from_slice(bytes),
                Ok(ToClient::Eof) if self.forwards => return Some(End::Over),
                Ok(ToClient::Exit(_)) if self.forwards => return Some(End::Over),
                Ok(ToClient::Exit(status)) => return Some(End::Exit(status)),
                Ok(ToClient::Failed(why) | ToClient::Refused(_, why) | ToClient::Ended(_, why)) => {
                    return Some(End::Lost(why));
                },
                Ok(_) => {},
                Err(fault) => return Some(End::Lost(fault.to_string())),
            }
        }
    }

    /// Gives the terminal back, and says how it ended.
    fn end(self, node: &str, end: End) -> Result<u8> {
        drop(self);
        let lost = |why: &str| {
            let text = format!("[{node}] {why}");
            Err(Error::new(crate::error::Kind::Unreachable, text))
        };
        match end {
            End::Exit(Some(status)) => Ok(u8::try_from(status & 0xff).unwrap_or(LOST)),
            End::Exit(None) => lost("it ended without an exit status"),
            End::Over => Ok(0),
            End::Lost(why) => lost(&why),
            End::Unread => Ok(141),
            End::Signal(number) => Ok(128 + (number & 127)),
        }
    }
}
