//! The loop stops: for a while, as Ctrl-Z does, or for good, once all is said and closed.

use super::Loop;
use crate::io::clock;
use crate::io::front::Front;
use crate::io::signals::Signal;
use crate::io::worker::Answer;
use mio::Events;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// How long dust may take at its end to write what is left to a slow reader.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(60);

impl Loop {
    pub(super) fn suspend(&mut self, now: Instant) {
        if let Some(Front::Served(_)) = &self.front {
            self.suspend_active(now);
            return;
        }
        let bytes = self.app.release_terminal();
        self.show(bytes);
        self.write_all(Duration::from_secs(1));
        if let Some(Front::Own(own)) = &self.front {
            drop(own.terminal.suspend());
        }
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(0), nix::sys::signal::SIGTSTP);
        // SIGCONT paints again.
    }

    /// Writes all that is left, as long as somebody takes it.
    ///
    /// A signal that ends dust ends this, too, and is given back: it is for the caller to follow.
    pub(super) fn write_all(&mut self, limit: Duration) -> Option<Signal> {
        let until = clock::now() + limit;
        loop {
            let done = if self.front.is_some() {
                self.flush();
                match &self.front {
                    Some(Front::Served(clients)) => clients.is_flushed(),
                    front => front.as_ref().is_none_or(Front::takes_a_frame),
                }
            } else {
                let out = self.out.write(self.app.out());
                let err = self.err.write(self.app.err());
                (self.app.out().is_empty() && self.app.err().is_empty())
                    || (out.is_err() && err.is_err())
            };
            let left = until.saturating_duration_since(clock::now());
            if done || left.is_zero() {
                return None;
            }
            self.wait_for_readers(left.min(Duration::from_millis(100)));
            let signals = self.signals.take().into_iter();
            let mut ends =
                signals.filter(|signal| matches!(signal, Signal::Interrupt | Signal::Terminate(_)));
            if let Some(signal) = ends.next() {
                return Some(signal);
            }
        }
    }

    /// Waits until whoever reads our output takes more, or a signal comes. What else the loop waits for
    /// is left for it: each of its events is told once.
    fn wait_for_readers(&mut self, limit: Duration) {
        if self.front.is_some() {
            drop(self.poll.poll(&mut Events::with_capacity(8), Some(limit)));
            return;
        }
        let mut fds = Vec::new();
        let held = [!self.app.out().is_empty(), !self.app.err().is_empty()];
        for (output, held) in [&self.out, &self.err].into_iter().zip(held) {
            if let Some(file) = output.pollable().filter(|_| held) {
                fds.push(PollFd::new(file.as_fd(), PollFlags::POLLOUT));
            }
        }
        let pipes = self.signals.pipes();
        fds.extend(pipes.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
        // A signal that interrupts it is in its pipe.
        let _ = poll(&mut fds, limit);
    }

    pub(super) fn end(&mut self, code: u8) -> io::Result<u8> {
        self.app.finish_files();
        self.perform();
        self.workers.end_keep(Duration::from_secs(5));
        while let Some(answer) = self.workers.answer() {
            if let Answer::Kept(_) = answer {
                self.take_answer(clock::now(), answer);
            }
        }
        // A log that could not be written is known only now.
        let code = match &self.front {
            Some(_) => code,
            None => code.max(self.app.status_of_errors()),
        };
        if self.front.is_some() {
            let bytes = if self.local_screen.is_some() || self.app.is_raw_open() {
                self.farewell()
            } else {
                self.app.release_terminal()
            };
            self.show(bytes);
            if let Some(Front::Served(clients)) = &mut self.front {
                clients.end(code, clock::now());
            }
            self.write_all(Duration::from_secs(1));
        } else if code != 141 {
            self.write_all(LAST_WORDS);
        }
        if let Some(echo) = &mut self.echo {
            echo.set(true);
        }
        self.workers.end_disk(Duration::from_secs(2));
        self.links.close_all();
        if let Some(Front::Served(clients)) = self.front.take() {
            clients.leave_open();
        }
        Ok(code)
    }
}
