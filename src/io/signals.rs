//! Signals, as bytes in a pipe that the loop reads.

use nix::libc::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH, SIGXFSZ};
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// What can arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM or SIGHUP, by number.
    Terminate(u8),
    /// The terminal has another size.
    Resize,
    /// A child may have ended.
    Child,
    /// dust was stopped, and goes on.
    Continue,
    /// dust is to stop (SIGTSTP).
    Stop,
}

const ALL: [(i32, Signal); 6] = [
    (SIGINT, Signal::Interrupt),
    (SIGTERM, Signal::Terminate(15)),
    (SIGHUP, Signal::Terminate(1)),
    (SIGWINCH, Signal::Resize),
    (SIGCHLD, Signal::Child),
    (SIGCONT, Signal::Continue),
];

/// One pipe for each signal: they are never more than a few, and the pipe says which it was.
#[derive(Debug)]
pub struct Signals {
    pipes: Vec<(UnixStream, Signal)>,
}

impl Signals {
    /// Catches the signals from now on. SIGPIPE stays ignored, as Rust has it: a broken pipe is an
    /// error where it is written to; so is a file that would become too large (`ulimit -f`).
    pub fn catch() -> io::Result<Self> {
        Self::of(ALL.into_iter())
    }

    /// The same, and stopping is up to the caller.
    pub fn catch_with_stop() -> io::Result<Self> {
        Self::of(ALL.into_iter().chain([(SIGTSTP, Signal::Stop)]))
    }

    fn of(all: impl Iterator<Item = (i32, Signal)>) -> io::Result<Self> {
        // Caught and not ignored: children get it as it was.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let mut pipes = Vec::new();
        for (number, signal) in all {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(number, write)?;
            pipes.push((read, signal));
        }
        Ok(Self { pipes })
    }

    /// The pipes, for the event loop.
    pub fn pipes(&self) -> impl Iterator<Item = &UnixStream> {
        self.pipes.iter().map(|(pipe, _)| pipe)
    }

    /// What has arrived since the last call, each at most once.
    pub fn take(&mut self) -> Vec<Signal> {
        let mut found = Vec::new();
        for (pipe, signal) in &mut self.pipes {
            let mut buffer = [0; 64];
            let mut any = false;
            while matches!(pipe.read(&mut buffer), Ok(count) if count > 0) {
                any = true;
            }
            if any {
                found.push(*signal);
            }
        }
        found
    }
}
