//! A running session's connection to a node, in place of one of our own: one unix socket for each
//! channel on it, so that sockets' buffers are the flow control.

use super::dial::watch;
use super::{BUDGET, Conn, Links};
use crate::app::{self, App, Effect, Event, Loan};
use crate::io::begin;
use crate::io::dropins::SOCKET;
use crate::io::front::write_some;
use crate::io::reactor::Source;
use crate::io::runtime_dir::RuntimeDir;
use crate::model::{NodeId, Size};
use crate::session::channel::{ChannelEvent, ChannelId, ChannelRequest};
use crate::session::life::{Event as LifeEvent, Fault};
use crate::wire::{self, CONTROL_MAX, Frames, OpenChannel, ToClient, ToServer};
use mio::Poll;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

/// Bytes are handed on in pieces of this size.
const PIECE: usize = 32 * 1024;
/// What a session does that is not there any more.
const GONE: &str = "the session has ended, and its connections with it";

/// The session that lends, and where its socket is.
#[derive(Debug)]
pub(in crate::io) struct Lender {
    pub(in crate::io) folder: RuntimeDir,
    pub(in crate::io) name: String,
    /// The cluster file, where that tells what may be borrowed; else all may.
    pub(in crate::io) file: Option<CommonFile>,
}

/// A cluster file as a session and a run have it.
#[derive(Debug)]
pub(in crate::io) struct CommonFile {
    /// Its path for the app.
    pub(in crate::io) path: PathBuf,
    /// Its path without links.
    pub(in crate::io) real: PathBuf,
    /// The digest of its text.
    pub(in crate::io) digest: [u8; 32],
}

impl Lender {
    /// What the app has to know of it.
    pub(in crate::io) fn what(&self) -> app::Lender {
        app::Lender {
            session: if self.name == SOCKET {
                "the dust that runs this command".to_owned()
            } else {
                format!("session {}", self.name)
            },
            file: self
                .file
                .as_ref()
                .map(|file| (file.path.clone(), file.digest)),
        }
    }

    /// The file, for the session.
    pub(in crate::io) fn source(&self) -> Option<wire::Source> {
        let file = self.file.as_ref()?;
        Some(wire::Source {
            path: file.real.as_os_str().as_bytes().to_vec(),
            digest: file.digest.to_vec(),
        })
    }
}

/// One channel.
#[derive(Debug)]
struct Pipe {
    stream: UnixStream,
    frames: Frames,
    greeted: bool,
    opened: bool,
    /// It was said that nothing follows.
    over: bool,
    paused: bool,
    out: Vec<u8>,
}

/// What came through a pipe.
enum Arrival<'a> {
    Opened,
    Data(bool, &'a [u8]),
    Eof,
    /// It is closed; the pipe is of no more use.
    Closed(Option<i32>),
    /// The same, and that is nobody's wish; why.
    Failed(String),
}

/// How a turn of reading ended.
enum Turn {
    Drained,
    More,
    Over,
}

impl Pipe {
    fn open(poll: &Poll, id: NodeId, lender: &Lender, open: OpenChannel) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let connected = lender.folder.connect(&lender.name);
        let stream = connected.map_err(|error| error.to_string())?;
        let stream = stream.ok_or_else(|| GONE.to_owned())?;
        stream.set_nonblocking(true).map_err(text)?;
        watch(poll, stream.as_raw_fd(), Source::Node(id)).map_err(text)?;
        let mut out = begin::hello().encode();
        let before = out.len();
        ToServer::OpenChannel(open).encode(&mut out);
        if out.len() - before > CONTROL_MAX {
            return Err("the command is too long".to_owned());
        }
        let mut pipe = Self {
            stream,
            frames: Frames::small(),
            greeted: false,
            opened: false,
            over: false,
            paused: false,
            out,
        };
        pipe.write();
        Ok(pipe)
    }

    fn say(&mut self, message: &ToServer<'_>) {
        message.encode(&mut self.out);
        self.write();
    }

    /// Writes what the socket takes. What is wrong with it shows when it is read.
    fn write(&mut self) {
        drop(write_some(&self.stream, &mut self.out));
    }

    /// Sends what there is, as far as the socket takes it.
    fn send(&mut self, unsent: &[u8]) -> usize {
        self.write();
        if !self.opened || self.over || !self.out.is_empty() {
            return 0;
        }
        let piece = unsent.get(..PIECE).unwrap_or(unsent);
        if !piece.is_empty() {
            self.say(&ToServer::Data(piece));
        }
        piece.len()
    }

    /// Reads a turn's worth.
    fn read(&mut self, take: &mut dyn FnMut(Arrival<'_>)) -> Turn {
        let mut left = BUDGET;
        let turn = loop {
            if self.paused {
                break Turn::Drained;
            }
            if left == 0 {
                break Turn::More;
            }
            let count = match (&self.stream).read(self.frames.room()) {
                Ok(0) => {
                    take(Arrival::Failed(GONE.to_owned()));
                    break Turn::Over;
                },
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Turn::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {
                    take(Arrival::Failed(GONE.to_owned()));
                    break Turn::Over;
                },
            };
            self.frames.filled(count);
            left = left.saturating_sub(count);
            match self.understand(take) {
                Ok(true) => break Turn::Over,
                Ok(false) => {},
                Err(why) => {
                    take(Arrival::Failed(why));
                    break Turn::Over;
                },
            }
        };
        self.frames.rest();
        turn
    }

    /// Hands on what is whole. True: nothing more will come.
    fn understand(&mut self, take: &mut dyn FnMut(Arrival<'_>)) -> Result<bool, String> {
        let text = |fault: wire::Fault| fault.to_string();
        if !self.greeted {
            let Some(hello) = self.frames.hello().map_err(text)? else {
                return Ok(false);
            };
            let agreed = hello.agree();
            agreed.map_err(|other| format!("it is served by {other}"))?;
            self.greeted = true;
        }
        while let Some((kind, body)) = self.frames.next_frame().map_err(text)? {
            match ToClient::decode(kind, body).map_err(text)? {
                ToClient::Opened => {
                    self.opened = true;
                    take(Arrival::Opened);
                },
                ToClient::Data(bytes) => take(Arrival::Data(false, bytes)),
                ToClient::Errors(bytes) => take(Arrival::Data(true, bytes)),
                ToClient::Eof => take(Arrival::Eof),
                ToClient::Exit(status) => {
                    let status = status.and_then(|status| i32::try_from(status).ok());
                    take(Arrival::Closed(status));
                    return Ok(true);
                },
                ToClient::Failed(why) | ToClient::Refused(_, why) | ToClient::Ended(_, why) => {
                    take(Arrival::Failed(why));
                    return Ok(true);
                },
                _ => return Err("its answer is out of place".to_owned()),
            }
        }
        Ok(false)
    }
}

/// A borrowed connection.
#[derive(Debug)]
pub(super) struct Relay {
    loan: Loan,
    shell: Option<Pipe>,
    sides: Vec<(ChannelId, Pipe)>,
}

impl Relay {
    fn open(
        &self,
        poll: &Poll,
        id: NodeId,
        lender: &Lender,
        request: ChannelRequest,
    ) -> Result<Pipe, String> {
        let env = request.env.into_iter();
        let open = OpenChannel {
            cluster: self.loan.cluster.clone(),
            node: self.loan.node.clone(),
            source: lender.source(),
            machine: self.loan.machine.clone(),
            purpose: request.kind,
            pty: request.pty.map(|(term, size)| (term, Some(size))),
            environment: env
                .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
                .collect(),
        };
        Pipe::open(poll, id, lender, open)
    }

    fn side(&mut self, channel: ChannelId) -> Option<&mut Pipe> {
        let mut sides = self.sides.iter_mut();
        let found = sides.find(|(known, _)| *known == channel);
        found.map(|(_, pipe)| pipe)
    }

    /// Sends what the sockets take.
    pub(super) fn flush(&mut self, app: &mut App, id: NodeId) {
        if let Some(shell) = &mut self.shell {
            loop {
                let count = shell.send(app.unsent(id));
                if count == 0 {
                    break;
                }
                app.sent(id, count);
            }
        }
        for (channel, pipe) in &mut self.sides {
            loop {
                let count = pipe.send(app.channel_unsent(id, *channel));
                if count == 0 {
                    break;
                }
                app.channel_sent(id, *channel, count);
            }
            let flows = pipe.opened && !pipe.over && pipe.out.is_empty();
            if flows && app.channel_is_over(id, *channel) {
                pipe.over = true;
                pipe.say(&ToServer::End);
            }
        }
    }
}

impl Links {
    /// What is to be done with a borrowed connection is done; all else is given back.
    pub(super) fn perform_relay(
        &mut self,
        poll: &Poll,
        app: &mut App,
        now: Instant,
        effect: Effect,
    ) -> Option<Effect> {
        if let Effect::Borrow(id, attempt, loan) = effect {
            self.close(id);
            let relay = Relay {
                loan,
                shell: None,
                sides: Vec::new(),
            };
            self.insert(id, attempt, Conn::Relay(relay));
            return None;
        }
        let (Effect::Open(id, ..)
        | Effect::OpenChannel(id, ..)
        | Effect::CloseChannel(id, _)
        | Effect::PauseChannel(id, ..)
        | Effect::ResizeChannel(id, ..)
        | Effect::SignalChannel(id, ..)
        | Effect::Resize(id, _)) = &effect
        else {
            return Some(effect);
        };
        let id = *id;
        let entry = self.entries.get_mut(&id);
        let (Some(lender), Some((attempt, Conn::Relay(relay)))) = (
            &self.lender,
            entry.map(|entry| (entry.attempt, &mut entry.conn)),
        ) else {
            return Some(effect);
        };
        let resize = |pipe: &mut Pipe, size: Size| pipe.say(&ToServer::Resize(Some(size)));
        match effect {
            Effect::Open(_, term, size, command) => {
                let mut request = ChannelRequest::exec(command);
                request.pty = Some((term, size));
                relay.shell = None;
                match relay.open(poll, id, lender, request) {
                    Ok(pipe) => relay.shell = Some(pipe),
                    Err(why) => {
                        app.handle(now, Event::Link(id, attempt, LifeEvent::NotOpened(why)));
                    },
                }
            },
            Effect::OpenChannel(_, channel, request) => {
                relay.sides.retain(|(known, _)| *known != channel);
                match relay.open(poll, id, lender, request) {
                    Ok(pipe) => relay.sides.push((channel, pipe)),
                    Err(why) => {
                        let event = ChannelEvent::Refused(why);
                        app.handle(now, Event::Channel(id, channel, event));
                    },
                }
            },
            Effect::CloseChannel(_, channel) => {
                relay.sides.retain(|(known, _)| *known != channel);
            },
            Effect::PauseChannel(_, channel, paused) => {
                if let Some(pipe) = relay.side(channel) {
                    pipe.paused = paused;
                }
                self.mark_ready(id);
            },
            Effect::ResizeChannel(_, channel, size) => {
                if let Some(pipe) = relay.side(channel) {
                    resize(pipe, size);
                }
            },
            Effect::SignalChannel(_, channel, name) => {
                if let Some(pipe) = relay.side(channel) {
                    pipe.say(&ToServer::Signal(name));
                }
            },
            Effect::Resize(_, size) => {
                if let Some(pipe) = &mut relay.shell {
                    resize(pipe, size);
                }
            },
            effect => return Some(effect),
        }
        None
    }

    /// A borrowed connection has its turn.
    pub(super) fn serve_relay(&mut self, now: Instant, app: &mut App, id: NodeId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let attempt = entry.attempt;
        let Conn::Relay(relay) = &mut entry.conn else {
            return;
        };
        let (mut more, mut opened) = (false, false);
        if let Some(shell) = &mut relay.shell {
            let mut up = shell.opened;
            let turn = shell.read(&mut |arrival| match arrival {
                Arrival::Opened => {
                    (up, opened) = (true, true);
                    app.handle(now, Event::Link(id, attempt, LifeEvent::Opened));
                },
                Arrival::Data(_, bytes) => app.handle(now, Event::Data(id, bytes)),
                Arrival::Eof => {},
                Arrival::Closed(status) => app.handle(now, Event::ShellClosed(id, status)),
                Arrival::Failed(why) if up => {
                    let event = LifeEvent::Fault(Fault::Dropped(why));
                    app.handle(now, Event::Link(id, attempt, event));
                },
                Arrival::Failed(why) => {
                    app.handle(now, Event::Link(id, attempt, LifeEvent::NotOpened(why)));
                },
            });
            more |= matches!(turn, Turn::More);
            if matches!(turn, Turn::Over) {
                relay.shell = None;
            }
        }
        relay.sides.retain_mut(|(channel, pipe)| {
            let mut up = pipe.opened;
            let turn = pipe.read(&mut |arrival| {
                let event = match arrival {
                    Arrival::Opened => {
                        up = true;
                        ChannelEvent::Opened
                    },
                    Arrival::Data(false, bytes) => ChannelEvent::Data(bytes),
                    Arrival::Data(true, bytes) => ChannelEvent::Complaint(bytes),
                    Arrival::Eof => ChannelEvent::Eof,
                    Arrival::Closed(status) => ChannelEvent::Closed(status),
                    // What ends without a status ends because all of it does.
                    Arrival::Failed(why) if up => {
                        let event = LifeEvent::Fault(Fault::Dropped(why));
                        app.handle(now, Event::Link(id, attempt, event));
                        return;
                    },
                    Arrival::Failed(why) => ChannelEvent::Refused(why),
                };
                app.handle(now, Event::Channel(id, *channel, event));
            });
            more |= matches!(turn, Turn::More);
            !matches!(turn, Turn::Over)
        });
        relay.flush(app, id);
        entry.flows |= opened;
        if more {
            self.mark_ready(id);
        }
    }
}
