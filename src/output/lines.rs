//! One node's unfinished line: what came of it, and how much of it was printed.

use std::borrow::Cow;

use super::sanitise::{Sanitiser, last_state};
use super::secret::asks_secret;
use crate::model::NodeId;

/// The most of an unfinished line that is kept, in bytes. What is longer is printed in pieces.
pub const MAX_LINE: usize = 64 * 1024;

/// How much of what was printed of an unfinished line is remembered, for [`LineAssembler::unfinished`].
const MAX_TAIL: usize = 1024;

/// What an unfinished line that has not been printed looks like ([`LineAssembler::waiting`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Text, such as a question: print it after a short quiet time.
    Text,
    /// Another state of a line of which one was printed, such as a progress bar that moves on: a
    /// longer quiet time keeps it from filling the screen.
    Redraw,
}

/// Makes lines of one node's bytes, which come in any chunks. Made by
/// [`Printer::node`](super::Printer::node), filled and printed by that printer's methods.
#[derive(Clone, Debug)]
pub struct LineAssembler {
    pub(super) id: NodeId,
    pub(super) name: String,
    /// `[name] `, with its colours.
    pub(super) prefix: Vec<u8>,
    pub(super) sanitiser: Sanitiser,
    /// What was not printed of the unfinished line; at most [`MAX_LINE`].
    pub(super) held: Vec<u8>,
    /// Part of the unfinished line was printed.
    pub(super) begun: bool,
    /// A carriage return came after what was printed: the line begins again.
    pub(super) redraw: bool,
    /// The end of what was printed of the unfinished line.
    tail: Vec<u8>,
}

impl LineAssembler {
    pub(super) fn new(id: NodeId, name: String, prefix: Vec<u8>, colours: bool) -> Self {
        Self {
            id,
            name,
            prefix,
            sanitiser: Sanitiser::new(colours),
            held: Vec::new(),
            begun: false,
            redraw: false,
            tail: Vec::new(),
        }
    }

    /// Which node this is.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is text that no newline has followed yet and that was not printed.
    pub fn waiting(&self) -> Option<Waiting> {
        let (before, text) = last_state(&self.held);
        let again = self.begun && (self.redraw || !before.is_empty());
        if text.is_empty() || (again && text.trim_ascii().is_empty()) {
            None
        } else if again {
            Some(Waiting::Redraw)
        } else {
            Some(Waiting::Text)
        }
    }

    /// The end of the unfinished line, printed or not, as it came; empty after a newline. For a
    /// node that is quiet, this is the question that it asks.
    pub fn unfinished(&self) -> Cow<'_, [u8]> {
        if self.tail.is_empty() {
            return Cow::Borrowed(&self.held);
        }
        if self.held.is_empty() {
            return Cow::Borrowed(&self.tail);
        }
        let mut line = self.tail.clone();
        line.extend_from_slice(&self.held);
        Cow::Owned(line)
    }

    /// True if the unfinished line asks for a password ([`asks_secret`]).
    pub fn asks_secret(&self) -> bool {
        asks_secret(&self.unfinished())
    }

    /// Appends to the unfinished line as much of `text`, which has no newline, as there is room
    /// for; the rest.
    pub(super) fn hold<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let room = MAX_LINE.saturating_sub(self.held.len()).min(text.len());
        let (now, later) = text.split_at(room);
        self.held.extend_from_slice(now);
        later
    }

    /// Drops what carriage returns have overwritten of the unfinished line. True if that made room.
    pub(super) fn forget_overwritten(&mut self) -> bool {
        let (before, text) = last_state(&self.held);
        let (from, end) = (before.len(), before.len() + text.len());
        if from == 0 {
            return false;
        }
        self.redraw = true;
        self.sanitiser.skip(&self.held[..from]);
        self.held.drain(..from);
        let returned = self.held.len() > end - from;
        self.held.truncate(end - from);
        if returned {
            self.held.push(b'\r');
        }
        true
    }

    /// The held text has been printed, and the line goes on; `visible`: there was something to see.
    pub(super) fn printed(&mut self, visible: bool) {
        self.begun |= visible;
        self.redraw = self.held.last() == Some(&b'\r');
        self.tail.extend_from_slice(&self.held);
        let extra = self.tail.len().saturating_sub(MAX_TAIL);
        self.tail.drain(..extra);
        self.held.clear();
        self.held.shrink_to(4096);
    }

    /// The line has ended.
    pub(super) fn ended(&mut self) {
        self.begun = false;
        self.redraw = false;
        self.tail.clear();
        self.held.clear();
        self.held.shrink_to(4096);
    }
}
