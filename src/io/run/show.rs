//! What a turn shows: frames and text for terminals, the outputs of a batch.

use super::Loop;
use crate::io::clock;
use crate::io::front::Front;
use std::io;

/// A burst of keys is painted once, but not later than after so many reads of it: laying out a line
/// takes as long as the line is.
const UNPAINTED_MAX: u32 = 64;

impl Loop {
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.front.is_some() {
            self.paint();
            self.flush();
            return Ok(());
        }
        self.flush_clients();
        if self.out.write(self.app.out()).is_err() {
            // Nobody reads our output any more: like others, stop without a word (SIGPIPE).
            self.exit.get_or_insert(141);
        }
        drop(self.err.write(self.app.err()));
        Ok(())
    }

    /// Shows the next frame, if the one before is taken.
    pub(super) fn paint(&mut self) {
        let keys_wait = self.input_waits || self.keys_wait();
        let Some(front) = &mut self.front else { return };
        if let Front::Served(clients) = front
            && !clients.anybody()
        {
            self.app.nobody_looks(true);
            clients.keep(self.app.out());
            return;
        }
        self.app.nobody_looks(false);
        // Frames are shown one at a time, and only the newest; what a raw shell prints flows.
        let takes = if self.app.is_raw_open() {
            front.takes_more()
        } else {
            front.takes_a_frame()
        };
        if !takes {
            return;
        }
        if keys_wait && self.unpainted < UNPAINTED_MAX {
            self.unpainted += 1;
            return;
        }
        self.unpainted = 0;
        let bytes = self.app.paint();
        front.show(bytes, clock::now());
    }

    /// Writes what terminals take now.
    pub(super) fn flush(&mut self) {
        match &mut self.front {
            Some(Front::Own(own)) => {
                if own.flush().is_err() {
                    // The terminal is gone; so is whoever looked at it.
                    own.screen.clear();
                    self.exit.get_or_insert(129);
                }
                self.flush_clients();
            },
            Some(Front::Served(_)) => self.flush_clients(),
            None => {},
        }
    }

    pub(super) fn show(&mut self, bytes: Vec<u8>) {
        if let Some(front) = &mut self.front {
            front.show(bytes, clock::now());
        }
    }
}
