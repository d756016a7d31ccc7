//! The screen of a raw shell: what a terminal that had been there all the time would show.
//!
//! While a terminal is attached, it and the model here get the same bytes; while none is, the model
//! alone does, and answers the questions that programs ask terminals. [`Screen::repaint`] gives a
//! terminal the state of the model, [`Screen::leave`] gives the terminal back. Pure.
//!
//! ```text
//! node's bytes ─→ backlog ─→ scan ─┬→ model (shpool-vterm) ─→ contents ─┬→ repaint
//!                                  ├→ modes ───────────────────────────┘
//!                                  └→ replies, while nobody is attached
//! ```
//!
//! Pictures (sixel, kitty, iTerm2) are not kept; a repaint shows blanks in their place.
//!
//! Nothing that a node sends is trusted. What is held of it is bounded:
//!
//! | | bytes at most |
//! |---|---|
//! | cells: (2 × rows + scrollback) × columns | 88 each, doubled where a row grew; 16 marks on each: 128 more |
//! | a sequence that is not whole | 8 KiB |
//! | hyperlinks | 512 KiB |
//! | titles, palette, stacks | 256 KiB |
//! | what the model has not read yet | 1 MiB, and what was pushed last |
//! | answers | 4 KiB |
//!
//! Measured at 50 × 200 with 500 rows of scrollback: 1.5 MB of short lines, 8 MB of lines of 80
//! columns, 15 MB where every cell is written, 32 MB if a node piles marks on all of them.

mod backlog;
mod core;
mod facts;
mod kitty;
mod leave;
mod links;
mod model;
mod modes;
mod replies;
mod scan;
mod trace;

#[cfg(test)]
mod tests;

pub use facts::Facts;

use crate::model::Size;
use backlog::Backlog;
use core::Core;
use scan::Scanner;

/// The largest screen that is modelled.
const LARGEST: Size = Size {
    cols: 2000,
    rows: 1000,
};
/// The most rows of scrollback.
pub const MOST_SCROLLBACK: usize = 10_000;

/// While more than this waits to be read, in bytes, nothing is to be pushed.
const HOLD: usize = 256 * 1024;
/// What a turn of the loop settles, as bytes of plain text: a few milliseconds.
pub const SETTLE: usize = 64 * 1024;
/// What a push may cost before that, as bytes of plain text: enough to skip all that can be.
const SKIM_COST: usize = 16 * 1024;
/// What all that must be up to date may cost, as bytes of plain text: a tenth of a second.
pub const CATCH_UP: usize = 1024 * 1024;

/// How much of what scrolled off the top a repaint brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrollback {
    /// Nothing: the terminal's own scrollback stays as it is, however often one attaches.
    None,
    /// As many rows as are there, but no more than this. They are printed above the screen and so
    /// end in the terminal's own scrollback.
    Rows(usize),
}

/// The model of one raw shell's terminal. See the module.
#[derive(Debug)]
pub struct Screen {
    backlog: Backlog,
    /// So much of the backlog was seen by a terminal; what is behind it is answered as of that one.
    seen: Option<(usize, Facts)>,
    scanner: Scanner,
    core: Core,
}

impl Screen {
    /// An empty screen, with nobody attached. `scrollback` is in rows; both are made to fit what is
    /// possible (1×1 to 2000×1000).
    pub fn new(size: Size, scrollback: usize) -> Self {
        let size = possible(size);
        Self {
            backlog: Backlog::default(),
            seen: None,
            scanner: Scanner::default(),
            core: Core::new(size, scrollback.min(MOST_SCROLLBACK)),
        }
    }

    /// The size of the model.
    pub fn size(&self) -> Size {
        self.core.size
    }

    /// Takes what the node sent and reads all of it at once.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.settle_all();
        self.scanner
            .scan(bytes, &mut |token| self.core.token(&token));
        self.core.take_cost();
    }

    /// Takes what the node sent, for later; plain text that would scroll away is not even kept. While it
    /// [is behind](Self::is_behind), no more should be pushed before some is read. Whoever pushes on all the
    /// same waits for them to be read, however long that takes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.backlog.push(bytes);
        if self.backlog.len() > backlog::SKIM {
            self.advance(SKIM_COST, true);
        }
        while self.backlog.len() > backlog::MOST {
            let excess = self.backlog.len() - backlog::MOST;
            self.advance(excess, false);
        }
    }

    /// Reads what waits, up to the cost of `budget` bytes of plain text. Returns what it cost.
    pub fn settle(&mut self, budget: usize) -> usize {
        self.advance(budget, false)
    }

    /// One turn's reading ([`SETTLE`]): of a screen that nobody looks at, since its questions must be
    /// answered, or that is behind. True if the next turn has to go on with it.
    pub fn settle_turn(&mut self, looked_at: bool) -> bool {
        if looked_at && !self.is_behind() {
            return false;
        }
        self.settle(SETTLE);
        self.is_behind() || !looked_at && self.unsettled() > 0
    }

    /// Reads all that waits, however long that takes.
    pub fn settle_all(&mut self) {
        while self.unsettled() > 0 {
            self.advance(usize::MAX, false);
        }
    }

    /// Reads all that waits, but if that takes longer than a person notices.
    fn catch_up(&mut self) {
        self.catch_up_within(&mut { CATCH_UP });
    }

    fn catch_up_within(&mut self, left: &mut usize) {
        while *left > 0 && self.unsettled() > 0 {
            *left = left.saturating_sub(self.advance(*left, false));
        }
    }

    /// So much waits to be read that nothing more is to be pushed.
    pub fn is_behind(&self) -> bool {
        self.unsettled() > HOLD
    }

    /// Bytes that wait to be read.
    pub fn unsettled(&self) -> usize {
        self.backlog.len()
    }

    fn advance(&mut self, budget: usize, skimming: bool) -> usize {
        let before = self.backlog.len();
        let most = self.seen.as_ref().map_or(usize::MAX, |(seen, _)| *seen);
        let cost = self
            .backlog
            .advance(&mut self.scanner, &mut self.core, most, budget, skimming);
        if let Some((seen, _)) = &mut self.seen {
            *seen = seen.saturating_sub(before - self.backlog.len());
        }
        if let Some((_, facts)) = self.seen.take_if(|(seen, _)| *seen == 0) {
            self.core.answering = Some(facts);
        }
        cost
    }

    /// The terminal's size changed. Text of the primary screen is wrapped anew. What waits and is too
    /// dear to be read now is read at the new size, as by a terminal that is behind.
    pub fn resize(&mut self, size: Size) {
        self.resize_within(size, &mut { CATCH_UP });
    }

    /// The same, where what waits may only cost as much as so many bytes of plain text, of which the
    /// cost is taken.
    pub fn resize_within(&mut self, size: Size, budget: &mut usize) {
        let size = possible(size);
        self.catch_up_within(budget);
        if size != self.core.size {
            self.core.size = size;
            self.core.model.resize(size);
            self.core.modes.resized();
        }
    }

    /// Keeps so many rows of what scrolled off the top of the screen, and will ([`MOST_SCROLLBACK`] at
    /// most), for [`Scrollback::Rows`]; with 0 all is forgotten.
    pub fn keep_scrollback(&mut self, rows: usize) {
        self.core.keep_scrollback(rows.min(MOST_SCROLLBACK));
    }

    /// A terminal is attached: it answers the node's questions itself, from what is fed next on.
    /// Answers to what was asked before still wait to be taken.
    pub fn attached(&mut self) {
        self.catch_up();
        self.seen = None;
        self.core.answering = None;
    }

    /// No terminal is attached any more. What is fed next on is answered in the name of the terminal
    /// that `facts` are of.
    pub fn detached(&mut self, facts: &Facts) {
        self.catch_up();
        match self.unsettled() {
            0 => self.core.answering = Some(facts.clone()),
            // The terminal that was attached has answered all of it.
            waits if self.core.answering.is_none() => {
                self.seen = Some((waits, facts.clone()));
            },
            _ => {},
        }
    }

    /// The answers to questions in what was read, in order; to be written to the node. A node that asks more than it reads answers gets no more.
    pub fn take_replies(&mut self) -> Vec<u8> {
        self.core.replies.take()
    }

    /// True if answers wait to be taken. All that reads what waits may make some.
    pub fn has_replies(&self) -> bool {
        !self.core.replies.is_empty()
    }

    /// The bytes that make a terminal show this screen and be in its modes: one that is as it was
    /// started, or one that shows an earlier state of this screen. They clear it; what was on it is
    /// not saved. What waits and is too dear to be read now comes behind that, as it is. Where a sequence or a character was cut, they end with its start, so that what the
    /// node sends next can follow at once.
    pub fn repaint(&mut self, scrollback: Scrollback) -> Vec<u8> {
        self.catch_up();
        let core = &self.core;
        let mut out = Vec::new();
        core.modes.before(&mut out);
        out.extend(core.links.restore(core.model.dump(scrollback)));
        out.extend(core.links.opened());
        core.modes.after(&mut out);
        out.extend(self.scanner.tail());
        out.extend_from_slice(self.backlog.rest());
        out
    }

    /// The bytes that undo all that programs may have done to a terminal which shows this screen,
    /// and that leave the cursor on a fresh line of the primary screen, below its text. Nothing is
    /// cleared; the screen scrolls by one line if its last row is taken.
    pub fn leave(&mut self) -> Vec<u8> {
        self.catch_up();
        let core = &self.core;
        if self.unsettled() > 0 {
            // What the terminal shows is not known: below all of it is free.
            let mut out = reset();
            out.extend_from_slice(format!("\x1b[{}H\r\n", core.size.rows).as_bytes());
            return out;
        }
        let shown = trace::trace(&core.model.dump(Scrollback::None), core.size);
        leave::leave(&core.modes, &core.colours.undo(), &shown, core.size)
    }

    /// True if the alternate screen is shown: a program that uses the full screen. As far as is
    /// read.
    pub fn alternate(&self) -> bool {
        self.core.modes.is_alternate()
    }
}

/// The bytes that bring a terminal of which nothing is known back to where people can use it: for a
/// client that lost its server. What the primary screen shows stays, and so does the cursor's place.
pub fn reset() -> Vec<u8> {
    leave::reset(b"")
}

/// The same where the primary screen is shown already, unless a program failed to leave the other one:
/// there, tmux would move the cursor to where a program that ended long ago had been started.
pub fn reset_primary() -> Vec<u8> {
    leave::reset(b"\x1b8")
}

fn possible(size: Size) -> Size {
    Size {
        cols: size.cols.clamp(1, LARGEST.cols),
        rows: size.rows.clamp(1, LARGEST.rows),
    }
}
