//! Who looks at a prompt: a terminal of this process, or the clients of a session.

use super::server::Clients;
use super::tty::{self, Terminal};
use crate::app::BACKLOG_MAX;
use crate::model::Size;
use std::io;
use std::time::Instant;

/// A terminal of this process's own, and what it is still to be written.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) terminal: Terminal,
    pub(super) screen: Vec<u8>,
}

/// Where a prompt is shown.
#[derive(Debug)]
pub(super) enum Front {
    /// On a terminal of this process's own.
    Own(Own),
    /// On those of clients.
    Served(Box<Clients>),
}

impl Front {
    /// Bytes for whoever looks.
    pub(super) fn show(&mut self, bytes: Vec<u8>, now: Instant) {
        match self {
            Self::Own(own) if own.screen.is_empty() => own.screen = bytes,
            Self::Own(own) => own.screen.extend_from_slice(&bytes),
            Self::Served(clients) => clients.show(bytes, now),
        }
    }

    /// What was shown and not taken yet, in bytes.
    pub(super) fn backlog(&self) -> usize {
        match self {
            Self::Own(own) => own.screen.len(),
            Self::Served(clients) => clients.backlog(),
        }
    }

    /// True if more than a frame may wait to be taken.
    pub(super) fn takes_more(&self) -> bool {
        self.backlog() < BACKLOG_MAX
    }

    /// True if all that was shown is taken: what a slow terminal has not taken is not painted over.
    pub(super) fn takes_a_frame(&self) -> bool {
        match self {
            Self::Own(own) => own.screen.is_empty(),
            Self::Served(clients) => clients.takes_a_frame(),
        }
    }

    /// The size of the terminal.
    pub(super) fn size(&self) -> Option<Size> {
        match self {
            Self::Own(own) => tty::size(own.terminal.output()),
            Self::Served(clients) => clients.size(),
        }
    }
}

impl Own {
    /// Writes what the terminal takes now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        write_some(self.terminal.output(), &mut self.screen)
    }
}

/// Writes what a non-blocking file or socket takes now.
pub(super) fn write_some(mut to: impl io::Write, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut done = 0;
    let result = loop {
        let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) else {
            break Ok(());
        };
        match to.write(rest) {
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
            Err(error) => break Err(error),
        }
    };
    bytes.drain(..done);
    result
}
