//! The sockets and ssh sessions of all nodes, and the order in which they are served.

use super::reactor::Source;
use super::ssh::{Key, Link, Login, News, ShellRequest, Sweep};
use super::{proxy, sys};
use crate::app::{App, Effect, Event, FeedEvent};
use crate::model::NodeId;
use crate::session::known_hosts::fingerprint;
use crate::session::life::{Event as LifeEvent, Fault, Method};
use libssh_rs::Session;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Interest, Poll};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

/// What one node may bring in one turn, in bytes: nobody waits long for the others.
const BUDGET: usize = 64 * 1024;

#[derive(Debug)]
enum Conn {
    /// TCP is not up yet.
    Dialling(TcpStream),
    /// A byte stream without ssh yet.
    Stream(OwnedFd, Option<proxy::Child>),
    /// ssh.
    Ssh(Link, Option<proxy::Child>),
    /// An agent's worker has the session.
    Lent(Option<proxy::Child>),
}

#[derive(Debug)]
struct Entry {
    conn: Conn,
    attempt: u64,
    ready: bool,
    /// Data has begun to flow: it waits while our own output is backed up.
    flows: bool,
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Links {
    entries: HashMap<NodeId, Entry>,
    ready: VecDeque<NodeId>,
    keys: HashMap<PathBuf, Rc<Key>>,
    buffer: Vec<u8>,
}

impl Links {
    pub(super) fn add_key(&mut self, path: PathBuf, key: Key) {
        self.keys.insert(path, Rc::new(key));
    }

    /// A node's socket has something to say.
    pub(super) fn mark_ready(&mut self, id: NodeId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && !std::mem::replace(&mut entry.ready, true)
        {
            self.ready.push_back(id);
        }
    }

    /// There is something to do without waiting.
    pub(super) fn has_ready(&self, backed_up: bool) -> bool {
        if backed_up {
            let flows = |id: &NodeId| self.entries.get(id).is_some_and(|entry| entry.flows);
            return self.ready.iter().any(|id| !flows(id));
        }
        !self.ready.is_empty()
    }

    /// Serves every node that is ready once.
    pub(super) fn sweep(&mut self, now: Instant, app: &mut App, backed_up: bool) {
        for _ in 0..self.ready.len() {
            let Some(id) = self.ready.pop_front() else {
                return;
            };
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if backed_up && entry.flows {
                self.ready.push_back(id);
                continue;
            }
            entry.ready = false;
            self.serve(now, app, id);
        }
    }

    fn serve(&mut self, now: Instant, app: &mut App, id: NodeId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let attempt = entry.attempt;
        let link = match &mut entry.conn {
            Conn::Dialling(stream) => {
                let event = match stream.take_error() {
                    Ok(Some(error)) | Err(error) => Some(dial_fault(&error)),
                    Ok(None) => match stream.peer_addr() {
                        Ok(_) => None,
                        // Not connected yet: this was a spurious event.
                        Err(_) => return,
                    },
                };
                match event {
                    Some(fault) => {
                        app.handle(now, Event::Link(id, attempt, LifeEvent::Fault(fault)));
                    },
                    None => app.handle(now, Event::Link(id, attempt, LifeEvent::Connected)),
                }
                return;
            },
            Conn::Stream(..) | Conn::Lent(_) => return,
            Conn::Ssh(link, _) => link,
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut opened = false;
        let sweep = link.sweep(BUDGET, &mut buffer, &mut |news| match news {
            News::Data(bytes) => app.handle(now, Event::Data(id, bytes)),
            News::Closed(status) => app.handle(now, Event::ShellClosed(id, status)),
            News::Handshaken(hash) => {
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
            News::FeedData(bytes) => app.handle(now, Event::Feed(id, FeedEvent::Data(bytes))),
            News::FeedComplaint(bytes) => {
                app.handle(now, Event::Feed(id, FeedEvent::Complaint(bytes)));
            },
            News::FeedClosed(status) => {
                app.handle(now, Event::Feed(id, FeedEvent::Closed(status)));
            },
            News::FeedRefused(why) => app.handle(now, Event::Feed(id, FeedEvent::Refused(why))),
            News::Fault(fault) => {
                app.handle(now, Event::Link(id, attempt, LifeEvent::Fault(fault)));
            },
        });
        self.buffer = buffer;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.flows |= opened;
        }
        match sweep {
            Sweep::More => self.mark_ready(id),
            Sweep::Drained => self.flush(app, id),
            Sweep::Over => {
                self.entries.remove(&id);
            },
        }
    }

    /// Sends what a node's shell has ready.
    fn flush(&mut self, app: &mut App, id: NodeId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let Conn::Ssh(link, _) = &mut entry.conn else {
            return;
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
        loop {
            let count = link.feed(app.feed_unsent(id));
            if count == 0 {
                break;
            }
            any = true;
            app.feed_sent(id, count);
        }
        any |= app.feed_is_over(id) && link.end_feed();
        // libssh sends on the next poll of its own; one sweep makes it.
        let blocked = link.write_pending() && !sys::is_writable(link.fd());
        if any || (link.write_pending() && !blocked) {
            self.mark_ready(id);
        }
    }

    pub(super) fn perform(&mut self, poll: &Poll, app: &mut App, now: Instant, effect: Effect) {
        match effect {
            Effect::Dial(id, attempt, address) => self.dial(poll, app, now, id, attempt, address),
            Effect::Proxy(id, attempt, command) => {
                self.entries.remove(&id);
                match proxy::start(&command) {
                    Ok((fd, child)) => {
                        self.insert(id, attempt, Conn::Stream(fd, Some(child)));
                        app.handle(now, Event::Link(id, attempt, LifeEvent::Connected));
                    },
                    Err(error) => {
                        let why = format!("cannot run the proxy command: {error}");
                        let event = LifeEvent::Fault(Fault::Refused(why));
                        app.handle(now, Event::Link(id, attempt, event));
                    },
                }
            },
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
            Effect::OpenFeed(id, command) => {
                let opened = match self.link(id) {
                    Some(link) => link.open_feed(command),
                    None => Err("the connection is gone".to_owned()),
                };
                match opened {
                    Ok(()) => self.mark_ready(id),
                    Err(why) => app.handle(now, Event::Feed(id, FeedEvent::Refused(why))),
                }
            },
            Effect::CloseFeed(id) => {
                if let Some(link) = self.link(id) {
                    link.close_feed();
                    self.mark_ready(id);
                }
            },
            Effect::Resize(id, size) => {
                if let Some(link) = self.link(id) {
                    link.resize(size);
                    self.mark_ready(id);
                }
            },
            Effect::Keepalive(id) => {
                if let Some(link) = self.link(id) {
                    link.keepalive();
                    self.mark_ready(id);
                }
            },
            Effect::Hangup(id) => {
                self.entries.remove(&id);
            },
            // The loop itself does all others.
            _ => {},
        }
    }

    fn link(&mut self, id: NodeId) -> Option<&mut Link> {
        match &mut self.entries.get_mut(&id)?.conn {
            Conn::Ssh(link, _) => Some(link),
            _ => None,
        }
    }

    fn insert(&mut self, id: NodeId, attempt: u64, conn: Conn) {
        self.ready.retain(|other| *other != id);
        self.entries.insert(
            id,
            Entry {
                conn,
                attempt,
                ready: false,
                flows: false,
            },
        );
    }

    fn dial(
        &mut self,
        poll: &Poll,
        app: &mut App,
        now: Instant,
        id: NodeId,
        attempt: u64,
        address: SocketAddr,
    ) {
        self.entries.remove(&id);
        let dialled = TcpStream::connect(address).and_then(|mut stream| {
            poll.registry().register(
                &mut stream,
                Source::Node(id).into(),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            Ok(stream)
        });
        match dialled {
            Ok(stream) => {
                // Without this, small packets wait for each other: 40 ms at each turn.
                drop(stream.set_nodelay(true));
                self.insert(id, attempt, Conn::Dialling(stream));
            },
            Err(error) => {
                let event = LifeEvent::Fault(dial_fault(&error));
                app.handle(now, Event::Link(id, attempt, event));
            },
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one for each part of a handshake"
    )]
    fn handshake(
        &mut self,
        poll: &Poll,
        app: &mut App,
        now: Instant,
        id: NodeId,
        user: &str,
        alias: &str,
        algorithms: &[String],
    ) {
        let Some(Entry { conn, attempt, .. }) = self.entries.remove(&id) else {
            return;
        };
        let (fd, child, registered) = match conn {
            Conn::Dialling(stream) => {
                if let Some(patience) = app.patience(id) {
                    sys::keep_alive(stream.as_raw_fd(), patience);
                }
                // SAFETY: `into_raw_fd` gives up the stream's ownership of this fd.
                (
                    unsafe { OwnedFd::from_raw_fd(stream.into_raw_fd()) },
                    None,
                    true,
                )
            },
            Conn::Stream(fd, child) => (fd, child, false),
            Conn::Ssh(..) | Conn::Lent(_) => return,
        };
        let raw = fd.as_raw_fd();
        match Link::new(fd, user, alias, algorithms) {
            Ok(mut link) => {
                if !registered {
                    drop(watch(poll, raw, id));
                }
                link.handshake();
                self.insert(id, attempt, Conn::Ssh(link, child));
                self.mark_ready(id);
            },
            Err(why) => {
                let event = LifeEvent::Fault(Fault::Protocol(why));
                app.handle(now, Event::Link(id, attempt, event));
            },
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
        let Entry { conn, .. } = self.entries.remove(&id)?;
        let Conn::Ssh(link, child) = conn else {
            return None;
        };
        let fd = link.fd();
        drop(poll.registry().deregister(&mut SourceFd(&fd)));
        self.insert(id, attempt, Conn::Lent(child));
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
        if let Conn::Lent(child) = &mut entry.conn {
            let child = child.take();
            drop(watch(poll, fd, id));
            entry.conn = Conn::Ssh(Link::from_session(session, fd), child);
            self.mark_ready(id);
        }
    }

    /// The end: everything is closed.
    pub(super) fn close_all(&mut self) {
        self.entries.clear();
    }
}

fn watch(poll: &Poll, fd: RawFd, id: NodeId) -> std::io::Result<()> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry()
        .register(&mut SourceFd(&fd), Source::Node(id).into(), interest)
}

fn dial_fault(error: &std::io::Error) -> Fault {
    let why = match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        std::io::ErrorKind::HostUnreachable => "no route to the host".to_owned(),
        std::io::ErrorKind::NetworkUnreachable => "the network is unreachable".to_owned(),
        std::io::ErrorKind::ConnectionReset => {
            return Fault::Dropped("connection reset".to_owned());
        },
        _ => error.to_string(),
    };
    Fault::Refused(why)
}
