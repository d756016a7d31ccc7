//! The kill ring: what was cut, to be yanked back.

use std::collections::VecDeque;

/// How many kills are kept.
const KILLS_MAX: usize = 60;
/// The most bytes that they take together.
const BYTES_MAX: usize = 4 << 20;

/// What was killed, newest first, and where Alt-Y has turned it.
#[derive(Debug, Default)]
pub(super) struct KillRing {
    kills: VecDeque<String>,
    turned: usize,
}

impl KillRing {
    /// Keeps killed text. Kills in a row (`together`) make one, in the order they had in the line.
    pub(super) fn kill(&mut self, text: String, backward: bool, together: bool) {
        self.turned = 0;
        match self.kills.front_mut() {
            Some(last) if together && backward => last.insert_str(0, &text),
            Some(last) if together => last.push_str(&text),
            _ => {
                self.kills.push_front(text);
                self.kills.truncate(KILLS_MAX);
            },
        }
        let bytes = |kills: &VecDeque<String>| kills.iter().map(String::len).sum::<usize>();
        while self.kills.len() > 1 && bytes(&self.kills) > BYTES_MAX {
            self.kills.pop_back();
        }
    }

    /// What Ctrl-Y yanks: the kill that the ring is turned to.
    pub(super) fn yank(&self) -> Option<&str> {
        self.kills.get(self.turned).map(String::as_str)
    }

    /// Turns to the kill before (Alt-Y), around the ring.
    pub(super) fn turn(&mut self) -> Option<&str> {
        self.turned = (self.turned + 1).checked_rem(self.kills.len()).unwrap_or(0);
        self.yank()
    }
}
