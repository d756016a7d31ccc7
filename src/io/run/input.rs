//! What is typed, or comes as standard input.

use super::{Loop, register};
use crate::app::Event;
use crate::io::front::Front;
use crate::io::reactor::Source;
use crate::io::sys;
use mio::Interest;
use mio::unix::SourceFd;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::time::Instant;

impl Loop {
    /// Keys, or standard input. A little at a time: nodes have their turn in between.
    pub(super) fn take_input(&mut self, now: Instant) {
        self.input_waits = false;
        let mut buffer = [0; 16 * 1024];
        let wanted = self.app.wants_input();
        let read = match (&self.front, &mut self.input) {
            (Some(Front::Own(own)), _) => own.terminal.input().read(&mut buffer),
            (None, Some(input)) if wanted => {
                if !sys::is_readable(input.as_raw_fd()) {
                    return;
                }
                input.read(&mut buffer)
            },
            _ => return,
        };
        match read {
            Ok(0) => {
                self.input = None;
                self.app.handle(now, Event::InputEnd);
            },
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                if let Some(local) = &mut self.local {
                    if self.app.kills_local(now, bytes) {
                        local.kill();
                    }
                    local.send(bytes);
                } else {
                    self.app.handle(now, Event::Input(bytes));
                }
                self.input_waits = true;
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.input_waits = true,
            Err(error) => {
                self.input = None;
                self.app.handle(now, Event::InputFailed(error.to_string()));
            },
        }
    }

    /// A batch reads standard input only when it wants it: what is behind belongs to others.
    pub(super) fn watch_input(&mut self) {
        let wanted = self.app.wants_input() && self.local.is_none() && !self.local_child;
        let Some(input) = &self.input else { return };
        let fd = input.as_raw_fd();
        if wanted && !self.input_registered {
            self.input_registered = true;
            // A file cannot be waited for, and never blocks.
            if register(&self.poll, fd, Source::Input, Interest::READABLE).is_err() {
                self.input_waits = true;
                self.input_registered = false;
            } else {
                self.input_waits = sys::is_readable(fd);
            }
        } else if !wanted && self.input_registered {
            self.input_registered = false;
            self.input_waits = false;
            drop(self.poll.registry().deregister(&mut SourceFd(&fd)));
        }
    }
}
