//! Tunnels: the channels of jump hosts, each pumped to and from a socket pair whose other end a
//! node's own session has as its socket.
//!
//! Memory is bounded, and the slower side sets the pace. Towards the node: what the pair does not
//! take is kept, and the channel is not read from meanwhile; its window (2 MiB) fills, and the jump
//! host stops sending. Towards the jump host: the pair is read only as far as the channel's window
//! and libssh take it; then the node's session finds its socket full.

use super::reactor::Source;
use super::ssh::{Forward, Link, Opening, Sweep};
use super::sys;
use crate::model::NodeId;
use crate::session::life::{Fault, Refusal};
use mio::net::UnixStream;
use mio::{Interest, Poll, Registry};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{FromRawFd as _, IntoRawFd as _, OwnedFd};

/// What the tunnels of one jump host may move in one turn, in bytes.
const BUDGET: usize = 512 * 1024;
/// A channel is read in pieces of this size, in bytes.
const PIECE: usize = 64 * 1024;
/// How often a tunnel is asked for whose refusal came without its reason.
const ASKS_MAX: u8 = 3;
/// Rounds in one turn: packets for no tunnel are not counted otherwise.
const ROUNDS_MAX: u32 = 512;

/// What became of a tunnel; the node and its attempt.
#[derive(Debug)]
pub(super) enum Told {
    /// It is open: the socket for the node's session.
    Open(NodeId, u64, OwnedFd),
    /// The jump host refused.
    Refused(NodeId, u64, Option<Refusal>),
    /// This machine could not.
    Failed(NodeId, u64, String),
}

#[derive(Debug)]
enum State {
    /// To be asked for.
    Waiting,
    Opening(Forward),
    Open(Flow),
    /// Nobody wants it any more, and the answer is still to come: an open channel must be closed.
    Abandoned(Forward),
    Closing(Forward),
    Gone,
}

#[derive(Debug)]
struct Tunnel {
    node: NodeId,
    attempt: u64,
    host: String,
    port: u16,
    /// How often it was asked for.
    asks: u8,
    state: State,
}

/// An open channel and our end of the pair.
#[derive(Debug)]
struct Flow {
    forward: Forward,
    socket: UnixStream,
    readable: bool,
    writable: bool,
    /// What the channel has not taken yet.
    up: Vec<u8>,
    /// What the socket has not taken yet.
    down: Vec<u8>,
    /// The node's session knows that nothing more will come.
    over: bool,
}

/// The tunnels of one jump host.
#[derive(Debug, Default)]
struct Pump {
    tunnels: Vec<Tunnel>,
    /// Who is first in this turn.
    first: usize,
}

/// All tunnels.
#[derive(Debug, Default)]
pub(super) struct Jumps {
    pumps: HashMap<NodeId, Pump>,
    registry: Option<Registry>,
}

impl Jumps {
    /// A jump host carries tunnels from now on.
    pub(super) fn start(&mut self, poll: &Poll, jump: NodeId) -> io::Result<()> {
        self.registry = Some(poll.registry().try_clone()?);
        self.pumps.insert(jump, Pump::default());
        Ok(())
    }

    /// True if this is the connection of a jump host.
    pub(super) fn carries(&self, jump: NodeId) -> bool {
        self.pumps.contains_key(&jump)
    }

    /// Asks for a tunnel to a node. False if there is no such jump host.
    pub(super) fn open(
        &mut self,
        jump: NodeId,
        node: NodeId,
        attempt: u64,
        host: String,
        port: u16,
    ) -> bool {
        let Some(pump) = self.pumps.get_mut(&jump) else {
            return false;
        };
        pump.tunnels.push(Tunnel {
            node,
            attempt,
            host,
            port,
            asks: 0,
            state: State::Waiting,
        });
        true
    }

    /// The node's end of a pair may have changed. The jump host that has something to do now.
    pub(super) fn mark(&mut self, node: NodeId) -> Option<NodeId> {
        self.of(node, |tunnel| {
            if let State::Open(flow) = &mut tunnel.state {
                flow.readable = true;
                flow.writable = true;
            }
        })
    }

    /// A node's connection is given up. The jump host that has something to do now.
    pub(super) fn leave(&mut self, node: NodeId) -> Option<NodeId> {
        self.of(node, Tunnel::leave)
    }

    fn of(&mut self, node: NodeId, mut change: impl FnMut(&mut Tunnel)) -> Option<NodeId> {
        let mut found = None;
        for (jump, pump) in &mut self.pumps {
            for tunnel in &mut pump.tunnels {
                if tunnel.node == node {
                    change(tunnel);
                    found = Some(*jump);
                }
            }
        }
        found
    }

    /// The connection of a jump host is gone: the nodes' sessions find their sockets at the end.
    pub(super) fn end(&mut self, jump: NodeId) {
        self.pumps.remove(&jump);
    }

    /// Moves what can be moved without waiting.
    pub(super) fn turn(
        &mut self,
        jump: NodeId,
        link: &mut Link,
        buffer: &mut Vec<u8>,
        told: &mut Vec<Told>,
    ) -> Result<Sweep, Fault> {
        let (Some(pump), Some(registry)) = (self.pumps.get_mut(&jump), &self.registry) else {
            return Ok(Sweep::Drained);
        };
        buffer.resize(PIECE, 0);
        let mut left = BUDGET;
        for _ in 0..ROUNDS_MAX {
            // What arrives later than this makes mio tell of the socket again.
            let arrived = sys::is_readable(link.fd());
            link.pump()?;
            let moved = pump.round(link, registry, buffer, told)?;
            left = left.saturating_sub(moved);
            if left == 0 {
                break;
            }
            // libssh sends on the next poll of its own.
            let unsent = link.write_pending() && sys::is_writable(link.fd());
            if moved == 0 && !arrived && !unsent {
                return Ok(Sweep::Drained);
            }
        }
        Ok(Sweep::More)
    }
}

impl Pump {
    /// A piece for each tunnel; returns how much was done: bytes, and steps that count as one.
    fn round(
        &mut self,
        link: &mut Link,
        registry: &Registry,
        buffer: &mut [u8],
        told: &mut Vec<Told>,
    ) -> Result<usize, Fault> {
        let mut moved = 0;
        let count = self.tunnels.len();
        // Those that are asked for again take turns: each refusal has its own text then.
        let mut again = self
            .tunnels
            .iter()
            .any(|tunnel| tunnel.asks > 1 && matches!(tunnel.state, State::Opening(_)));
        for at in (0..count).map(|at| (at + self.first) % count) {
            let Some(tunnel) = self.tunnels.get_mut(at) else {
                continue;
            };
            if matches!(tunnel.state, State::Waiting) && tunnel.asks > 0 && again {
                continue;
            }
            moved += tunnel.step(link, registry, buffer, told)?;
            again |= tunnel.asks > 1 && matches!(tunnel.state, State::Opening(_));
        }
        self.first = if count == 0 {
            0
        } else {
            (self.first + 1) % count
        };
        self.tunnels
            .retain(|tunnel| !matches!(tunnel.state, State::Gone));
        Ok(moved)
    }
}

impl Tunnel {
    fn leave(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Waiting | State::Gone => State::Gone,
            State::Opening(forward) | State::Abandoned(forward) => State::Abandoned(forward),
            State::Open(flow) => State::Closing(flow.forward),
            State::Closing(forward) => State::Closing(forward),
        };
    }

    fn step(
        &mut self,
        link: &mut Link,
        registry: &Registry,
        buffer: &mut [u8],
        told: &mut Vec<Told>,
    ) -> Result<usize, Fault> {
        let mut moved = 0;
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Waiting => {
                self.asks += 1;
                moved = 1;
                State::Opening(link.forward(&self.host, self.port)?)
            },
            State::Opening(forward) => match forward.opening(link) {
                Opening::Wait => State::Opening(forward),
                Opening::Open => {
                    moved = 1;
                    match self.connect(registry) {
                        Ok((socket, theirs)) => {
                            told.push(Told::Open(self.node, self.attempt, theirs));
                            State::Open(Flow::new(forward, socket))
                        },
                        Err(error) => {
                            let why = format!("cannot make a socket pair: {error}");
                            told.push(Told::Failed(self.node, self.attempt, why));
                            State::Closing(forward)
                        },
                    }
                },
                Opening::Refused(None) if self.asks < ASKS_MAX => {
                    moved = 1;
                    State::Waiting
                },
                Opening::Refused(refusal) => {
                    told.push(Told::Refused(self.node, self.attempt, refusal));
                    State::Gone
                },
                Opening::Fault(fault) => return Err(fault),
            },
            State::Open(mut flow) => {
                let (count, goes_on) = flow.step(link, buffer)?;
                moved = count;
                if goes_on {
                    State::Open(flow)
                } else {
                    State::Closing(flow.forward)
                }
            },
            State::Abandoned(forward) => match forward.opening(link) {
                Opening::Wait => State::Abandoned(forward),
                Opening::Open => State::Closing(forward),
                Opening::Refused(_) => State::Gone,
                Opening::Fault(fault) => return Err(fault),
            },
            State::Closing(forward) if forward.close() => State::Gone,
            State::Closing(forward) => State::Closing(forward),
            State::Gone => State::Gone,
        };
        Ok(moved)
    }

    /// The pair: our end, known to mio, and the one for the node's session.
    fn connect(&self, registry: &Registry) -> io::Result<(UnixStream, OwnedFd)> {
        let (mut ours, theirs) = UnixStream::pair()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut ours, Source::Tunnel(self.node).into(), interest)?;
        // SAFETY: `into_raw_fd` gives up the stream's ownership of this fd.
        let theirs = unsafe { OwnedFd::from_raw_fd(theirs.into_raw_fd()) };
        Ok((ours, theirs))
    }
}

impl Flow {
    fn new(forward: Forward, socket: UnixStream) -> Self {
        Self {
            forward,
            socket,
            readable: true,
            writable: true,
            up: Vec::new(),
            down: Vec::new(),
            over: false,
        }
    }

    /// One piece each way: how many bytes that was, and whether it goes on.
    fn step(&mut self, link: &Link, buffer: &mut [u8]) -> Result<(usize, bool), Fault> {
        let mut moved = 0;
        if self.down.is_empty() && !self.over {
            let count = self.forward.read(buffer)?;
            moved += count;
            self.down
                .extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        let before = self.down.len();
        let mut goes_on = self.give();
        moved += before - self.down.len();
        if goes_on && !self.over && self.down.is_empty() && self.forward.is_over() {
            // The node's session takes what is still in the pair, then sees the end.
            self.over = true;
            moved += 1;
            drop(self.socket.shutdown(Shutdown::Write));
        }
        let room = self.forward.room(link);
        if self.up.is_empty() && self.readable && room > 0 {
            let piece = buffer.get_mut(..room).unwrap_or_default();
            match self.socket.read(piece) {
                // The session is gone; a half-closed one there is none.
                Ok(0) => goes_on = false,
                Ok(count) => self
                    .up
                    .extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {},
                Err(_) => goes_on = false,
            }
        }
        if !self.up.is_empty() && room > 0 {
            let piece = self.up.get(..room).unwrap_or(&self.up);
            let count = self.forward.write(piece);
            self.up.drain(..count);
            moved += count;
        }
        Ok((moved, goes_on))
    }

    /// Gives the node's session what it takes. False if it is gone.
    fn give(&mut self) -> bool {
        while self.writable && !self.down.is_empty() {
            match self.socket.write(&self.down) {
                Ok(count) => drop(self.down.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {},
                Err(_) => return false,
            }
        }
        true
    }
}
