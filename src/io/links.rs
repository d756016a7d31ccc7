//! The sockets and ssh sessions of all nodes, and the order in which they are served.

mod dial;
mod relay;

use super::jump::Jumps;
use super::reactor::Source;
use super::ssh::{Key, Link, Login, News, ShellRequest, Sweep};
use super::{proxy, sys};
use crate::app::{App, Effect, Event};
use crate::model::NodeId;
use crate::session::channel::ChannelEvent;
use crate::session::known_hosts::fingerprint;
use crate::session::life::{Event as LifeEvent, Fault, Method};
use dial::{dial_fault, watch};
use libssh_rs::Session;
use mio::Poll;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use relay::Relay;
pub(super) use relay::{CommonFile, Lender};
use std::collections::{HashMap, VecDeque};
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

/// What one node may bring in one turn, in bytes: nobody waits long for the others.
const BUDGET: usize = 64 * 1024;

#[derive(Debug)]
enum Conn {
    /// TCP is not up yet.
    Dialling(TcpStream),
    /// A jump host has not opened the channel yet.
    Tunnelling,
    /// A byte stream without ssh yet.
    Stream(OwnedFd),
    /// ssh.
    Ssh(Link),
    /// An agent's worker has the session.
    Lent,
    /// A running session's connection.
    Relay(Relay),
}

#[derive(Debug)]
struct Entry {
    conn: Conn,
    /// The proxy command that carries it.
    child: Option<proxy::Child>,
    attempt: u64,
    ready: bool,
    /// Nothing but our own writing made it ready.
    wrote: bool,
    /// Data has begun to flow: it waits while our own output is backed up.
    flows: bool,
    /// There is news since its last turn.
    news: bool,
}

impl Entry {
    /// Others than the shell have channels there, and there may be something for them.
    fn has_news_for_others(&self) -> bool {
        self.news && matches!(&self.conn, Conn::Ssh(link) if link.has_channels())
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Links {
    entries: HashMap<NodeId, Entry>,
    jumps: Jumps,
    ready: VecDeque<NodeId>,
    keys: HashMap<PathBuf, Rc<Key>>,
    buffer: Vec<u8>,
    /// What these have ready is still to be sent, behind what follows from what they said.
    served: Vec<NodeId>,
    /// Whom connections may be borrowed from.
    lender: Option<Lender>,
}

impl Links {
    pub(super) fn new(lender: Option<Lender>) -> Self {
        Self {
            lender,
            ..Self::default()
        }
    }

    pub(super) fn add_key(&mut self, path: PathBuf, key: Key) {
        self.keys.insert(path, Rc::new(key));
    }

    /// A node's socket has something to say.
    pub(super) fn mark_ready(&mut self, id: NodeId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.wrote = false;
            entry.news = true;
            if !std::mem::replace(&mut entry.ready, true) {
                self.ready.push_back(id);
            }
        }
    }

    /// Something was written: libssh may have read meanwhile.
    fn mark_written(&mut self, id: NodeId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && !entry.ready
        {
            entry.ready = true;
            entry.wrote = true;
            self.ready.push_back(id);
        }
    }

    /// There is something to do without waiting.
    pub(super) fn has_ready(&self, app: &App, backed_up: bool) -> bool {
        let turn = |id: &NodeId| {
            let others = self.entries.get(id).is_some_and(Entry::has_news_for_others);
            others || !self.is_held(app, *id, backed_up)
        };
        self.ready.iter().any(turn)
    }

    /// A node has said enough for now: its output waits, and so does the node (RFC 4254 §5.2).
    fn is_held(&self, app: &App, id: NodeId, backed_up: bool) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.flows) && app.is_held(id, backed_up)
    }

    /// Serves every node that is ready once; how many bytes their shells gave.
    pub(super) fn sweep(&mut self, now: Instant, app: &mut App, backed_up: bool) -> usize {
        let mut taken = 0;
        for _ in 0..self.ready.len() {
            let Some(id) = self.ready.pop_front() else {
                break;
            };
            let hold = self.is_held(app, id, backed_up);
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if hold && !entry.has_news_for_others() {
                self.ready.push_back(id);
                continue;
            }
            entry.ready = false;
            entry.news = false;
            let glance = std::mem::take(&mut entry.wrote);
            taken += self.serve(now, app, id, glance, hold);
            if hold && let Some(entry) = self.entries.get_mut(&id) {
                // The shell has not had its turn.
                if !std::mem::replace(&mut entry.ready, true) {
                    self.ready.push_back(id);
                }
            }
        }
        taken
    }

    fn serve(
        &mut self,
        now: Instant,
        app: &mut App,
        id: NodeId,
        glance: bool,
        hold: bool,
    ) -> usize {
        let Some(entry) = self.entries.get_mut(&id) else {
            return 0;
        };
        let attempt = entry.attempt;
        let link = match &mut entry.conn {
            Conn::Dialling(stream) => {
                let event = match stream.take_error() {
                    Ok(Some(error)) | Err(error) => Some(dial_fault(&error)),
                    Ok(None) => match stream.peer_addr() {
                        Ok(_) => None,
                        // Not connected yet: this was a spurious event.
                        Err(_) => return 0,
                    },
                };
                match event {
                    Some(fault) => {
                        app.handle(now, Event::Link(id, attempt, LifeEvent::Fault(fault)));
                    },
                    None => app.handle(now, Event::Link(id, attempt, LifeEvent::Connected)),
                }
                return 0;
            },
            Conn::Tunnelling | Conn::Stream(_) | Conn::Lent => return 0,
            Conn::Relay(_) => {
                self.serve_relay(now, app, id);
                return 0;
            },
            Conn::Ssh(link) => link,
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.jumps.carries(id) {
            let mut told = Vec::new();
            let turn = self.jumps.turn(id, link, &mut buffer, &mut told);
            self.buffer = buffer;
            self.jump_turned(now, app, id, turn, told);
            return 0;
        }
        let child = &mut entry.child;
        let (mut opened, mut taken) = (false, 0);
        let sweep = link.sweep(BUDGET, glance, hold, &mut buffer, &mut |news| match news {
            News::Data(bytes) => {
                taken += bytes.len();
                app.handle(now, Event::Data(id, bytes));
            },
            News::Closed(status) => app.handle(now, Event::ShellClosed(id, status)),
            News::Handshaken(hash) => {
                if let Some(child) = child {
                    child.forget();
                }
                let text = fingerprint(&hash);
                let verdict = app.host_key_verdict(id, &hash);
                let event = LifeEvent::Handshaken(text, verdict);
                app.handle(now, Event::Link(id, attempt, event));
            },
            News::Accepted => app.handle(now, Event::Link(id, attempt, LifeEvent::Accepted)),
            News::Denied(methods) => {
                app.handle(now, Event::Link(id, attempt, LifeEvent::Denied(methods)));
            },
            News::Asked(questions) => {
                app.handle(now, Event::Link(id, attempt, LifeEvent::Asked(questions)));
            },
            News::Opened => {
                opened = true;
                app.handle(now, Event::Link(id, attempt, LifeEvent::Opened));
            },
            News::NotOpened(why) => {
                app.handle(now, Event::Link(id, attempt, LifeEvent::NotOpened(why)));
            },
            News::Channel(channel, event) => {
                app.handle(now, Event::Channel(id, channel, event));
            },
            News::Fault(fault) => {
                let said = child.as_mut().and_then(proxy::Child::last_line);
                let fault = dial::with_words_of_proxy(fault, said);
                app.handle(now, Event::Link(id, attempt, LifeEvent::Fault(fault)));
            },
        });
        let channels = link.channels();
        self.buffer = buffer;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.flows |= opened;
        }
        match sweep {
            // What a flood keeps busy is never drained: what is to be sent (Ctrl-C) goes in between.
            Sweep::More => {
                self.served.push(id);
                self.mark_ready(id);
            },
            Sweep::Drained => self.served.push(id),
            Sweep::Over => {
                self.close(id);
                for channel in channels {
                    let event = ChannelEvent::Refused("the connection is gone".to_owned());
                    app.handle(now, Event::Channel(id, channel, event));
                }
            },
        }
        taken
    }

    /// Sends what nodes that were served have ready: after the effects, so that a shell has its new size
    /// before the line that asks for it.
    pub(super) fn flush_served(&mut self, app: &mut App) {
        for id in std::mem::take(&mut self.served) {
            self.flush(app, id);
        }
    }

    /// Sends what a node's shell has ready.
    fn flush(&mut self, app: &mut App, id: NodeId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let link = match &mut entry.conn {
            Conn::Ssh(link) => link,
            Conn::Relay(relay) => {
                relay.flush(app, id);
                return;
            },
            _ => return,
        };
        let mut any = false;
        loop {
            let unsent = app.unsent(id);
            if unsent.is_empty() {
                break;
            }
            let count = link.write(unsent);
            if count == 0 {
                break;
            }
            any = true;
            app.sent(id, count);
        }
        for channel in link.channels() {
            loop {
                let count = link.write_channel(channel, app.channel_unsent(id, channel));
                if count == 0 {
                    break;
                }
                any = true;
                app.channel_sent(id, channel, count);
            }
            any |= app.channel_is_over(id, channel) && link.end_channel(channel);
        }
        // libssh sends on the next poll of its own; one sweep makes it.
        if link.write_pending() {
            if any || sys::is_writable(link.fd()) {
                self.mark_ready(id);
            }
        } else if any {
            self.mark_written(id);
        }
    }

    pub(super) fn perform(&mut self, poll: &Poll, app: &mut App, now: Instant, effect: Effect) {
        let Some(effect) = self.perform_relay(poll, app, now, effect) else {
            return;
        };
        match effect {
            Effect::Dial(id, attempt, address) => self.dial(poll, app, now, id, attempt, address),
            Effect::Proxy(id, attempt, command) => {
                self.proxy(poll, app, now, id, attempt, &command);
            },
            Effect::Carry(id) => self.carry(poll, app, now, id),
            Effect::Tunnel {
                node,
                attempt,
                jump,
                host,
                port,
            } => self.tunnel(app, now, (node, attempt), jump, host, port),
            Effect::Handshake {
                node,
                user,
                alias,
                algorithms,
            } => {
                self.handshake(poll, app, now, node, &user, &alias, &algorithms);
            },
            Effect::Login(id, attempt, method) => self.login(app, now, id, attempt, method),
            Effect::Answer(id, answers) => {
                if let Some(link) = self.link(id) {
                    link.answer(&answers);
                    self.mark_ready(id);
                }
            },
            Effect::Open(id, term, size, command) => {
                if let Some(link) = self.link(id) {
                    link.open(ShellRequest {
                        term,
                        size,
                        command,
                    });
                    self.mark_ready(id);
                } else {
                    let fault = Fault::Dropped("the connection is gone".to_owned());
                    app.handle(now, Event::Link(id, 0, LifeEvent::Fault(fault)));
                }
            },
            Effect::Flush(id) => self.flush(app, id),
            Effect::OpenChannel(id, channel, request) => {
                let opened = match self.link(id) {
                    Some(link) => link.open_channel(channel, request),
                    None => Err("the connection is gone".to_owned()),
                };
                match opened {
                    Ok(()) => self.mark_ready(id),
                    Err(why) => {
                        let event = ChannelEvent::Refused(why);
                        app.handle(now, Event::Channel(id, channel, event));
                    },
                }
            },
            Effect::CloseChannel(id, channel) => {
                self.on_link(id, |link| link.close_channel(channel));
            },
            Effect::PauseChannel(id, channel, paused) => {
                self.on_link(id, |link| link.pause_channel(channel, paused));
            },
            Effect::ResizeChannel(id, channel, size) => {
                self.on_link(id, |link| link.resize_channel(channel, size));
            },
            Effect::SignalChannel(id, channel, name) => {
                self.on_link(id, |link| link.signal_channel(channel, &name));
            },
            Effect::Resize(id, size) => self.on_link(id, |link| link.resize(size)),
            Effect::Keepalive(id) => self.on_link(id, |link| link.keepalive()),
            Effect::Hangup(id) => self.close(id),
            // The loop itself does all others.
            _ => {},
        }
    }

    fn link(&mut self, id: NodeId) -> Option<&mut Link> {
        match &mut self.entries.get_mut(&id)?.conn {
            Conn::Ssh(link) => Some(link),
            _ => None,
        }
    }

    /// Does something with a node's session, if it has one; what comes of it is looked at.
    fn on_link(&mut self, id: NodeId, act: impl FnOnce(&mut Link)) {
        if let Some(link) = self.link(id) {
            act(link);
            self.mark_ready(id);
        }
    }

    fn insert(&mut self, id: NodeId, attempt: u64, conn: Conn) -> &mut Entry {
        self.ready.retain(|other| *other != id);
        let entry = Entry {
            conn,
            child: None,
            attempt,
            ready: false,
            wrote: false,
            flows: false,
            news: false,
        };
        self.entries.entry(id).insert_entry(entry).into_mut()
    }

    /// Closes a connection, whatever its state, and all that it carries.
    fn close(&mut self, id: NodeId) {
        self.entries.remove(&id);
        self.jumps.end(id);
        if let Some(jump) = self.jumps.leave(id) {
            self.mark_ready(jump);
        }
    }

    fn login(&mut self, app: &mut App, now: Instant, id: NodeId, attempt: u64, method: Method) {
        let login = match method {
            Method::Key(path) => match self.keys.get(&path) {
                Some(key) => Login::Key(Rc::clone(key)),
                None => {
                    let why = format!("the key {} is not loaded", path.display());
                    let event = LifeEvent::Fault(Fault::Protocol(why));
                    app.handle(now, Event::Link(id, attempt, event));
                    return;
                },
            },
            Method::Password(password) => Login::Password(password.into()),
            Method::Interactive => Login::Interactive,
            // The loop lends the session to a worker for that.
            Method::Agent(_) => return,
        };
        if let Some(link) = self.link(id) {
            link.login(login);
            self.mark_ready(id);
        }
    }

    /// Appends a node's host key to the known hosts.
    pub(super) fn remember(&mut self, id: NodeId, file: &Path, port: u16) {
        if let Some(link) = self.link(id) {
            // What cannot be remembered is asked about again next time.
            drop(link.remember(file, port));
        }
    }

    /// Lends a session to a worker.
    pub(super) fn lend(
        &mut self,
        poll: &Poll,
        id: NodeId,
        attempt: u64,
    ) -> Option<(Session, RawFd)> {
        let Entry { conn, child, .. } = self.entries.remove(&id)?;
        let Conn::Ssh(link) = conn else {
            return None;
        };
        let fd = link.fd();
        drop(poll.registry().deregister(&mut SourceFd(&fd)));
        self.insert(id, attempt, Conn::Lent).child = child;
        Some((link.into_session(), fd))
    }

    /// A worker gives a session back. It is dropped if nobody waits for it any more.
    pub(super) fn take_back(
        &mut self,
        poll: &Poll,
        id: NodeId,
        attempt: u64,
        session: Session,
        fd: RawFd,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if entry.attempt != attempt {
            return;
        }
        if matches!(entry.conn, Conn::Lent) {
            drop(watch(poll, fd, Source::Node(id)));
            entry.conn = Conn::Ssh(Link::from_session(session, fd));
            self.mark_ready(id);
        }
    }

    /// The end: everything is closed.
    pub(super) fn close_all(&mut self) {
        self.jumps = Jumps::default();
        self.entries.clear();
    }
}
