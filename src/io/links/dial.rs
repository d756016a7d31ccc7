//! How a connection comes to be: TCP, a proxy command, or a jump host's channel; then ssh on it.

use super::super::jump::Told;
use super::super::reactor::Source;
use super::super::ssh::{Link, Sweep};
use super::super::{proxy, sys};
use super::{Conn, Entry, Links};
use crate::app::{App, Event};
use crate::model::NodeId;
use crate::session::life::{Event as LifeEvent, Fault};
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Interest, Poll};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::time::Instant;

impl Links {
    pub(super) fn dial(
        &mut self,
        poll: &Poll,
        app: &mut App,
        now: Instant,
        id: NodeId,
        attempt: u64,
        address: SocketAddr,
    ) {
        self.close(id);
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
    pub(super) fn handshake(
        &mut self,
        poll: &Poll,
        app: &mut App,
        now: Instant,
        id: NodeId,
        user: &str,
        alias: &str,
        algorithms: &[String],
    ) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        let Entry {
            conn,
            attempt,
            child,
            ..
        } = entry;
        let (fd, registered) = match conn {
            Conn::Dialling(stream) => {
                if let Some(patience) = app.patience(id) {
                    sys::keep_alive(stream.as_raw_fd(), patience);
                }
                // SAFETY: `into_raw_fd` gives up the stream's ownership of this fd.
                unsafe { (OwnedFd::from_raw_fd(stream.into_raw_fd()), true) }
            },
            Conn::Stream(fd) => (fd, false),
            Conn::Tunnelling | Conn::Ssh(_) | Conn::Relay(_) | Conn::Lent => return,
        };
        let raw = fd.as_raw_fd();
        match Link::new(fd, user, alias, algorithms) {
            Ok(mut link) => {
                if !registered {
                    drop(watch(poll, raw, Source::Node(id)));
                }
                link.handshake();
                self.insert(id, attempt, Conn::Ssh(link)).child = child;
                self.mark_ready(id);
            },
            Err(why) => {
                let event = LifeEvent::Fault(Fault::Protocol(why));
                app.handle(now, Event::Link(id, attempt, event));
            },
        }
    }

    /// Starts a proxy command.
    pub(super) fn proxy(
        &mut self,
        poll: &Poll,
        app: &mut App,
        now: Instant,
        id: NodeId,
        attempt: u64,
        command: &str,
    ) {
        self.close(id);
        let event = match proxy::start(command) {
            Ok((fd, child)) => {
                if let Some(errors) = child.errors() {
                    drop(watch(poll, errors, Source::Errors(id)));
                }
                self.insert(id, attempt, Conn::Stream(fd)).child = Some(child);
                LifeEvent::Connected
            },
            Err(error) => {
                let why = format!("cannot run the proxy command: {error}");
                LifeEvent::Fault(Fault::Refused(why))
            },
        };
        app.handle(now, Event::Link(id, attempt, event));
    }

    /// A proxy command says something on standard error.
    pub(in super::super) fn proxy_speaks(&mut self, id: NodeId) {
        let entry = self.entries.get_mut(&id);
        if let Some(child) = entry.and_then(|entry| entry.child.as_mut()) {
            child.listen();
        }
    }

    /// The login at a jump host is done.
    pub(super) fn carry(&mut self, poll: &Poll, app: &mut App, now: Instant, id: NodeId) {
        match self.jumps.start(poll, id) {
            Ok(()) => self.mark_ready(id),
            Err(error) => {
                let fault = Fault::Protocol(error.to_string());
                app.handle(now, Event::Link(id, 0, LifeEvent::Fault(fault)));
            },
        }
    }

    /// Asks a jump host for a channel.
    pub(super) fn tunnel(
        &mut self,
        app: &mut App,
        now: Instant,
        (id, attempt): (NodeId, u64),
        jump: NodeId,
        host: String,
        port: u16,
    ) {
        self.close(id);
        if self.jumps.open(jump, id, attempt, host, port) {
            self.insert(id, attempt, Conn::Tunnelling);
            self.mark_ready(jump);
        } else {
            let fault = Fault::Dropped("the jump host's connection is gone".to_owned());
            app.handle(now, Event::Link(id, attempt, LifeEvent::Fault(fault)));
        }
    }

    /// Our end of a node's socket pair has something to say.
    pub(in super::super) fn tunnel_ready(&mut self, id: NodeId) {
        if let Some(jump) = self.jumps.mark(id) {
            self.mark_ready(jump);
        }
    }

    /// A jump host's tunnels had their turn.
    pub(super) fn jump_turned(
        &mut self,
        now: Instant,
        app: &mut App,
        jump: NodeId,
        turn: Result<Sweep, Fault>,
        told: Vec<Told>,
    ) {
        for told in told {
            match told {
                Told::Open(id, attempt, fd) => {
                    let entry = self.entries.get_mut(&id);
                    let waits = |entry: &&mut Entry| {
                        entry.attempt == attempt && matches!(entry.conn, Conn::Tunnelling)
                    };
                    if let Some(entry) = entry.filter(waits) {
                        entry.conn = Conn::Stream(fd);
                        app.handle(now, Event::Link(id, attempt, LifeEvent::Connected));
                    }
                },
                Told::Refused(id, attempt, refusal) => {
                    app.handle(now, Event::NotForwarded(id, attempt, refusal));
                },
                Told::Failed(id, attempt, why) => {
                    let fault = Fault::Refused(why);
                    app.handle(now, Event::Link(id, attempt, LifeEvent::Fault(fault)));
                },
            }
        }
        match turn {
            Ok(Sweep::More) => self.mark_ready(jump),
            Ok(Sweep::Drained | Sweep::Over) => {},
            Err(fault) => {
                let entry = self.entries.get_mut(&jump);
                let attempt = entry.as_ref().map_or(0, |entry| entry.attempt);
                let child = entry.and_then(|entry| entry.child.as_mut());
                let said = child.and_then(proxy::Child::last_line);
                let fault = with_words_of_proxy(fault, said);
                self.close(jump);
                app.handle(now, Event::Link(jump, attempt, LifeEvent::Fault(fault)));
            },
        }
    }
}

/// A program that fails says why on standard error.
pub(super) fn with_words_of_proxy(fault: Fault, said: Option<String>) -> Fault {
    let Some(said) = said else { return fault };
    let more = |why: String| format!("{why}; its proxy command says: {said}");
    match fault {
        Fault::Refused(why) => Fault::Refused(more(why)),
        Fault::Dropped(why) => Fault::Dropped(more(why)),
        Fault::Protocol(why) => Fault::Protocol(more(why)),
    }
}

pub(super) fn watch(poll: &Poll, fd: RawFd, source: Source) -> std::io::Result<()> {
    let interest = match source {
        Source::Errors(_) => Interest::READABLE,
        _ => Interest::READABLE | Interest::WRITABLE,
    };
    poll.registry()
        .register(&mut SourceFd(&fd), source.into(), interest)
}

pub(super) fn dial_fault(error: &std::io::Error) -> Fault {
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
