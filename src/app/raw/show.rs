//! What raw shells print: who is shown it, who waits, and what is kept of it.

use crate::app::{App, Mode};
use crate::model::{NodeId, Size};
use crate::term::screen::{CATCH_UP, SETTLE, Scrollback, reset};
use std::time::{Duration, Instant};

/// The models of screens read on when nothing was printed for so long: a flood goes past them, as far
/// as it may.
const SETTLE_AFTER: Duration = Duration::from_millis(10);

/// So many raw shells keep as much scrollback as is set.
const SHARES: usize = 10;

impl App {
    /// What all attached terminals are to show anew of the raw shell in front; `None`: there is none.
    pub(in crate::app) fn redraw_raw(&mut self) -> Option<Vec<u8>> {
        let room = self.desk.rooms.get_mut(&self.desk.front?)?;
        let mut out = reset();
        // As in `come_to_front`.
        out.extend_from_slice(format!("\x1b[{}H", self.setup.size.rows).as_bytes());
        out.extend(std::iter::repeat_n(
            b'\n',
            usize::from(self.setup.size.rows),
        ));
        out.extend_from_slice(b"\x1b[H");
        let scrollback = if room.alone {
            Scrollback::Rows(usize::MAX)
        } else {
            Scrollback::None
        };
        out.extend_from_slice(&room.screen.repaint(scrollback));
        Some(out)
    }

    /// What takes the raw shell off one terminal, while others go on showing it.
    pub(in crate::app) fn farewell_raw(&mut self) -> Option<Vec<u8>> {
        let room = self.desk.rooms.get_mut(&self.desk.front?)?;
        Some(room.screen.leave())
    }

    /// These bytes are to be shown in place of all that was to be shown.
    pub(in crate::app) fn show_raw(&mut self, bytes: Vec<u8>) {
        self.desk.out = bytes;
    }

    /// Bytes for the terminal of a raw shell.
    pub(in crate::app) fn raw_output(&mut self, now: Instant, id: NodeId, bytes: &[u8]) {
        let Some(room) = self.desk.rooms.get_mut(&id) else {
            return;
        };
        room.screen.push(bytes);
        room.settle_at = Some(if room.screen.is_behind() {
            // Nothing more comes until some of it is read.
            now
        } else {
            now + SETTLE_AFTER
        });
        if self.desk.front == Some(id) {
            self.desk.out.extend_from_slice(bytes);
            self.record_output(bytes);
        } else {
            room.unread = true;
        }
    }

    /// Reads some of what raw shells printed into the models of their screens, and answers for their
    /// terminals: first for who waits longest. The rest follows when others have had their turn.
    pub(in crate::app) fn settle_screens(&mut self, now: Instant) {
        let rooms = self.desk.rooms.iter();
        let due = rooms.filter_map(|(id, room)| Some((room.settle_at?, *id)));
        let mut due: Vec<_> = due.filter(|(at, _)| *at <= now).collect();
        due.sort_unstable();
        let mut answers = Vec::new();
        let mut left = SETTLE;
        for (_, id) in due {
            let Some(room) = self.desk.rooms.get_mut(&id).filter(|_| left > 0) else {
                break;
            };
            left = left.saturating_sub(room.screen.settle(left).max(1));
            room.settle_at = (room.screen.unsettled() > 0).then_some(now);
            answers.push((id, room.screen.take_replies()));
        }
        for (id, replies) in answers {
            self.type_raw(id, &replies);
        }
    }

    /// How much is to be shown and was not yet, in bytes: of the raw shell in front, or at the prompt.
    pub fn unshown(&self) -> usize {
        if self.desk.is_open() {
            self.desk.out.len()
        } else {
            self.out.len() + self.err.len()
        }
    }

    /// Whether a node must wait before it may print more. `backed_up`: the terminal, or whoever
    /// reads our output, has too much to take.
    pub fn is_held(&self, id: NodeId, backed_up: bool) -> bool {
        if self.keeper.is_full() && (self.recording.is_some() || !self.is_raw(id)) {
            return true;
        }
        let room = self.desk.rooms.get(&id);
        if room.is_some_and(|room| room.screen.is_behind()) {
            return true;
        }
        match self.desk.front {
            Some(front) if front == id => backed_up,
            // What others print is shown at the prompt, when that is back.
            Some(_) if !self.is_raw(id) => self.out.len() > crate::app::BACKLOG_MAX,
            // Nobody waits for what a raw shell in the background prints.
            _ => backed_up && !self.is_raw(id),
        }
    }

    /// Nobody looks at the terminal (any more, or again): the model of the screen answers questions
    /// for it, and what was printed is not kept twice.
    pub fn nobody_looks(&mut self, nobody: bool) {
        let Some(room) = self.desk.front.and_then(|id| self.desk.rooms.get_mut(&id)) else {
            return;
        };
        if nobody {
            self.desk.out.clear();
        }
        if room.alone != nobody {
            room.alone = nobody;
            if nobody {
                room.screen.detached(&self.desk.facts);
            } else {
                room.screen.attached();
                room.screen.keep_scrollback(0);
            }
            let replies = room.screen.take_replies();
            if let Some(id) = self.desk.front {
                self.type_raw(id, &replies);
            }
            self.share_scrollback();
        }
    }

    /// Each raw shell that nobody looks at keeps what scrolls off it; many share what ten may keep.
    pub(super) fn share_scrollback(&mut self) {
        let front = self.desk.front;
        let rooms = self.desk.rooms.iter_mut();
        let mut unseen: Vec<_> = rooms
            .filter(|(id, room)| front != Some(**id) || room.alone)
            .collect();
        let most = usize::from(self.settings.scrollback);
        let rows = most.min(most * SHARES / unseen.len().max(1));
        for (_, room) in &mut unseen {
            room.screen.keep_scrollback(rows);
        }
    }

    /// All terminals have this size now.
    pub(in crate::app) fn raw_resized(&mut self, size: Size) {
        let mut budget = CATCH_UP;
        let front = self.desk.front;
        let mut rooms: Vec<_> = self.desk.rooms.iter_mut().collect();
        rooms.sort_by_key(|(id, _)| front != Some(**id));
        for (_, room) in rooms {
            room.screen.resize_within(size, &mut budget);
        }
        self.record_size(size);
    }

    /// The size of a node's terminal if its shell is a raw one.
    pub(in crate::app) fn raw_size(&self, id: NodeId) -> Option<Size> {
        self.desk.rooms.get(&id).map(|room| room.screen.size())
    }

    /// What is to be written to the terminal for the raw shell in front.
    pub(in crate::app) fn paint_raw(&mut self) -> Vec<u8> {
        let mut bytes = match &mut self.mode {
            Mode::Prompt(prompt) => prompt.take_ready(),
            Mode::Batch(_) => Vec::new(),
        };
        bytes.append(&mut self.desk.out);
        bytes
    }
}
