//! One connection of a client, as the server sees it.

use super::queue::Queue;
use crate::model::Size;
use crate::term::screen::Facts;
use crate::wire::{Fault, Frames, Hello, ToClient, Variables};
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// More than this is not queued for a client, in bytes.
pub(super) const QUEUE_MAX: usize = 1 << 20;
/// A client that has taken nothing for so long holds nobody up any more.
pub(super) const STALLED: Duration = Duration::from_secs(5);
/// So long a client may take to say what it wants, and to take its last words.
pub(super) const MANNERS: Duration = Duration::from_secs(10);
/// So much of a client's is read in one turn, in bytes.
const BUDGET: usize = 256 * 1024;

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has not said yet what it wants.
    New,
    /// It is shown all there is.
    Live,
    /// It does not take what it is sent. Nothing more is queued; true if it has missed some.
    Behind(bool),
    /// Its process is stopped, as it said. True if it has missed something.
    Stopped(bool),
    /// It asks for things, without a terminal.
    Asking,
    /// It has a channel on a node's connection, or will have one.
    Channel,
    /// The same, but its channel is closed: it is still to be sent the rest.
    Dismissed,
    /// It gets its last words.
    Leaving,
}

impl State {
    /// True for a client with a terminal.
    pub(super) fn is_attached(self) -> bool {
        matches!(self, Self::Live | Self::Behind(_) | Self::Stopped(_))
    }

    /// True for a client with a channel, or one that had it until now.
    pub(super) fn borrows(self) -> bool {
        matches!(self, Self::Channel | Self::Dismissed)
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: UnixStream,
    pub(super) frames: Frames,
    pub(super) queue: Queue,
    pub(super) state: State,
    pub(super) greeted: bool,
    /// When it last took something, or was given something after it had taken all.
    pub(super) progress: Instant,
    /// There may be something to read.
    pub(super) ready: bool,
    /// It is not read from: its channel has too much to take.
    pub(super) held: bool,
    /// Nobody is at the other end any more, though what was sent may not be read yet.
    pub(super) hung_up: bool,
    /// Its channel is not read from: it has too much to take itself.
    pub(super) paused: bool,
    pub(super) size: Size,
    pub(super) term: String,
    pub(super) environment: Variables,
    /// What its terminal said of itself.
    pub(super) facts: Facts,
}

/// What reading from a client gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Something; there may be more.
    More,
    /// All there was.
    Drained,
    /// The client is gone.
    Gone,
}

impl Client {
    pub(super) fn new(stream: UnixStream, hello: &Hello, now: Instant) -> Self {
        let mut queue = Queue::default();
        queue.hello(hello.encode());
        Self {
            stream,
            frames: Frames::small(),
            queue,
            state: State::New,
            greeted: false,
            progress: now,
            ready: true,
            held: false,
            hung_up: false,
            paused: false,
            size: Size::DEFAULT,
            term: String::new(),
            environment: Vec::new(),
            facts: Facts::default(),
        }
    }

    /// Reads a turn's worth.
    pub(super) fn read(&mut self) -> Reading {
        let mut left = BUDGET;
        while left > 0 {
            match (&self.stream).read(self.frames.room()) {
                Ok(0) => return Reading::Gone,
                Ok(count) => {
                    self.frames.filled(count);
                    left = left.saturating_sub(count);
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Reading::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                Err(_) => return Reading::Gone,
            }
        }
        Reading::More
    }

    /// True once both sides know each other; a fault if that cannot be.
    pub(super) fn greet(&mut self) -> Result<bool, String> {
        if self.greeted {
            return Ok(true);
        }
        let hello = self
            .frames
            .hello()
            .map_err(|fault: Fault| fault.to_string())?;
        let Some(hello) = hello else {
            return Ok(false);
        };
        hello.agree().map_err(|other| format!("this is {other}"))?;
        self.greeted = true;
        Ok(true)
    }

    /// Shows it bytes, if it takes any.
    pub(super) fn show(&mut self, bytes: &Rc<Vec<u8>>, now: Instant) {
        match &mut self.state {
            State::Live => {
                if self.queue.is_empty() {
                    self.progress = now;
                }
                self.queue.output(bytes);
            },
            State::Behind(missed) | State::Stopped(missed) => *missed = true,
            State::New | State::Asking | State::Channel | State::Dismissed | State::Leaving => {},
        }
    }

    /// Sends a message.
    pub(super) fn send(&mut self, message: &ToClient<'_>, now: Instant) {
        if self.queue.is_empty() {
            self.progress = now;
        }
        self.queue.message(message);
    }

    /// When it has waited for too long, if it waits for anything.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::New | State::Leaving => Some(self.progress + MANNERS),
            State::Live if !self.queue.is_empty() => Some(self.progress + STALLED),
            State::Live
            | State::Behind(_)
            | State::Stopped(_)
            | State::Asking
            | State::Channel
            | State::Dismissed => None,
        }
    }
}
