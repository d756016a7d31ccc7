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
//! Nothing that a node sends is trusted. What is held of it is bounded:
//!
//! | | bytes at most |
//! |---|---|
//! | cells: (2 × rows + scrollback) × columns | 88 each; 216 with a heap of combining marks |
//! | a sequence that is not whole | 8 KiB |
//! | hyperlinks | 512 KiB |
//! | titles, palette, stacks | 256 KiB |
//! | what the model has not read yet | 1 MiB, and what was pushed last |
//! | answers | 4 KiB |
//!
//! That is about 11 MB for 50 × 200 with 500 rows of scrollback, 12 MB where all is full; 26 MB if a
//! node tries to make it much.

mod backlog;
mod facts;
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
use links::Links;
use model::Model;
use modes::Modes;
use replies::{Replies, Source};
use scan::{Csi, Scanner, Token};

/// The largest screen that is modelled.
const LARGEST: Size = Size {
    cols: 2000,
    rows: 1000,
};
/// The most rows of scrollback.
const MOST_SCROLLBACK: usize = 10_000;
/// The longest title that is kept, in bytes.
const LONGEST_TITLE: usize = 1024;
/// How many cells a byte may fill by repetition (REP), and how many are saved up for.
const REPEATS_A_BYTE: usize = 64;
const MOST_REPEATS: usize = 1 << 16;

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

    /// Takes what the node sent, for later. If too much waits, some is read now: about as much as is
    /// pushed, so push no more than a turn of the loop can bear (64 KiB).
    pub fn push(&mut self, bytes: &[u8]) {
        self.backlog.push(bytes);
        while self.backlog.len() > backlog::MOST {
            let excess = self.backlog.len() - backlog::MOST;
            self.advance(excess);
        }
    }

    /// Reads what waits, up to the cost of `budget` bytes of plain text. Returns true if more waits.
    pub fn settle(&mut self, budget: usize) -> bool {
        self.advance(budget)
    }

    /// Reads all that waits.
    pub fn settle_all(&mut self) {
        while self.advance(usize::MAX) {}
    }

    /// Bytes that wait to be read.
    pub fn unsettled(&self) -> usize {
        self.backlog.len()
    }

    fn advance(&mut self, budget: usize) -> bool {
        self.backlog
            .advance(&mut self.scanner, &mut self.core, budget)
    }

    /// The terminal's size changed. Text of the primary screen is wrapped anew.
    pub fn resize(&mut self, size: Size) {
        let size = possible(size);
        self.settle_all();
        if size != self.core.size {
            self.core.size = size;
            self.core.model.resize(size);
            self.core.modes.resized();
        }
    }

    /// A terminal is attached: it answers the node's questions itself, from what is fed next on.
    pub fn attached(&mut self) {
        self.settle_all();
        self.core.answering = None;
        self.core.replies.take();
    }

    /// No terminal is attached any more. What is fed next on is answered in the name of the terminal
    /// that `facts` are of.
    pub fn detached(&mut self, facts: &Facts) {
        self.settle_all();
        self.core.answering = Some(facts.clone());
    }

    /// The answers to questions in what was read, in order; to be written to the node. Always empty
    /// while a terminal is attached. A node that asks more than it reads answers gets no more.
    pub fn take_replies(&mut self) -> Vec<u8> {
        self.core.replies.take()
    }

    /// The bytes that make a terminal show this screen and be in its modes: one that is as it was
    /// started, or one that shows an earlier state of this screen. They clear it; what was on it is
    /// not saved. Where a sequence or a character was cut, they end with its start, so that what the
    /// node sends next can follow at once.
    pub fn repaint(&mut self, scrollback: Scrollback) -> Vec<u8> {
        self.settle_all();
        let core = &self.core;
        let mut out = Vec::new();
        core.modes.before(&mut out);
        out.extend(core.links.restore(core.model.dump(scrollback)));
        out.extend(core.links.opened());
        core.modes.after(&mut out);
        out.extend(self.scanner.tail());
        out
    }

    /// The bytes that undo all that programs may have done to a terminal which shows this screen,
    /// and that leave the cursor on a fresh line of the primary screen, below its text. Nothing is
    /// cleared; the screen scrolls by one line if its last row is taken.
    pub fn leave(&mut self) -> Vec<u8> {
        self.settle_all();
        let core = &self.core;
        let shown = trace::trace(&core.model.dump(Scrollback::None), core.size);
        leave::leave(&core.modes, &core.colours.undo(), &shown, core.size)
    }

    /// True if the alternate screen is shown: a program that uses the full screen. As far as is
    /// read.
    pub fn alternate(&self) -> bool {
        self.core.modes.is_alternate()
    }

    /// The window's title, as far as is read.
    pub fn title(&self) -> Option<String> {
        self.core.model.title()
    }

    /// Row and column of the cursor, counted from 0; from the scroll region if the program works so.
    /// Not cheap: it paints.
    pub fn cursor(&mut self) -> (u16, u16) {
        self.settle_all();
        let core = &self.core;
        let at = trace::trace(&core.model.dump_cursor(), core.size);
        (at.row, at.col.min(core.size.cols - 1))
    }

    /// True if pasted text has to be sent between `CSI 200 ~` and `CSI 201 ~`.
    pub fn wants_bracketed_paste(&self) -> bool {
        self.core.modes.is_on(true, 2004)
    }

    /// Kitty's keyboard flags in force: with any, Ctrl-C comes as `CSI 99;5u`.
    pub fn kitty_flags(&self) -> u8 {
        self.core.modes.kitty()
    }

    /// True between the start and the end of an escape sequence: what is written to the terminal now
    /// would become part of it.
    pub fn is_inside_sequence(&self) -> bool {
        self.scanner.is_inside()
    }

    /// How often the model failed and was replaced by an empty one, which the program's next full
    /// repaint mends.
    pub fn failures(&self) -> u32 {
        self.core.model.failures()
    }
}

/// The bytes that bring a terminal of which nothing is known back to where people can use it: for a
/// client that lost its server. What the primary screen shows stays, and so does the cursor's place.
pub fn reset() -> &'static [u8] {
    leave::RESET
}

fn possible(size: Size) -> Size {
    Size {
        cols: size.cols.clamp(1, LARGEST.cols),
        rows: size.rows.clamp(1, LARGEST.rows),
    }
}

/// Which colours the program changed.
#[derive(Debug, Default)]
struct Colours {
    /// OSC 10, 11, 12 as set.
    own: [Option<String>; 3],
    /// Bit n: OSC 10 + n was set.
    dynamic: u16,
    palette: bool,
}

impl Colours {
    /// The OSC numbers that undo the changes.
    fn undo(&self) -> Vec<u16> {
        let dynamic = (0..10).filter(|bit| self.dynamic >> bit & 1 == 1);
        let palette = self.palette.then_some(104);
        palette
            .into_iter()
            .chain(dynamic.map(|bit| 110 + bit))
            .collect()
    }

    fn set(&mut self, number: u16, rest: &str) {
        if number == 4 {
            self.palette |= rest.split(';').skip(1).step_by(2).any(|c| c != "?");
            return;
        }
        for (number, colour) in (number..20).zip(rest.split(';')) {
            if colour == "?" {
                continue;
            }
            self.dynamic |= 1 << (number - 10);
            if let Some(own) = self.own.get_mut(usize::from(number - 10)) {
                *own = facts::colour_of(colour);
            }
        }
    }
}

/// All that tokens change.
#[derive(Debug)]
struct Core {
    size: Size,
    scrollback: usize,
    model: Model,
    modes: Modes,
    links: Links,
    colours: Colours,
    /// Nobody is attached; questions are answered as this terminal would.
    answering: Option<Facts>,
    replies: Replies,
    /// Cells that may be filled by repetition.
    repeats: usize,
    /// What was read cost as much as so many bytes of plain text more than its length.
    cost: usize,
}

impl Core {
    fn new(size: Size, scrollback: usize) -> Self {
        Self {
            size,
            scrollback,
            model: Model::new(size, scrollback),
            modes: Modes::default(),
            links: Links::default(),
            colours: Colours::default(),
            answering: Some(Facts::default()),
            replies: Replies::default(),
            repeats: MOST_REPEATS,
            cost: 0,
        }
    }

    fn token(&mut self, token: &Token<'_>) {
        match token {
            Token::Text(text) => {
                self.skipped(text.len());
                if self.scrolls_parts() {
                    let lines = memchr::memchr_iter(b'\n', text).count();
                    self.cost = self.cost.saturating_add(lines * self.part_cost());
                }
                self.text(text);
            },
            Token::Escape {
                intermediate,
                last,
                raw,
            } => {
                self.modes.escape(*intermediate, *last);
                if (*intermediate, *last) == (None, b'c') {
                    self.links.close();
                }
                match (intermediate, last) {
                    // The end of a string, which came by itself.
                    (None, b'\\') => {},
                    (None, b'Z') => self.ask(|replies, from| replies.add(from.facts.attributes())),
                    _ => {
                        self.cost = self.cost.saturating_add(self.part_cost());
                        self.model.process(raw);
                        if (intermediate, last) == (&None, &b'8') {
                            self.keep_link();
                        }
                    },
                }
            },
            Token::Csi(csi) => self.csi(csi),
            Token::Osc { body, bell } => self.osc(body, *bell),
            Token::Dcs { body } => self.ask(|replies, from| replies.dcs(body, from)),
        }
    }

    /// What is no character is shown as U+FFFD, however it was cut (Unicode §3.9).
    fn text(&mut self, text: &[u8]) {
        for chunk in text.utf8_chunks() {
            if !chunk.valid().is_empty() {
                self.model.process(chunk.valid().as_bytes());
            }
            if !chunk.invalid().is_empty() {
                self.model.process("\u{fffd}".as_bytes());
            }
        }
    }

    fn csi(&mut self, csi: &Csi<'_>) {
        self.modes.csi(csi, self.size.rows);
        self.ask(|replies, from| replies.csi(csi, from));
        match csi.kind() {
            (0, 0, b'b') => self.repeat(csi),
            (b'?', 0, b'r') => {
                let restored = self.modes.restored(csi);
                Scanner::default().scan(&restored, &mut |token| self.token(&token));
            },
            // The model knows none of these.
            (b'<' | b'=' | b'>', ..) => {},
            (0, 0, b'S' | b'T' | b'L' | b'M') => {
                self.cost = self.cost.saturating_add(self.part_cost());
                self.model.process(csi.raw);
            },
            // To the model a link is an attribute, which SGR 0 and a restored cursor end or bring back.
            (0, 0, b'u') | (0, b'!', b'p') | (b'?', 0, b'l') => {
                self.model.process(csi.raw);
                self.keep_link();
            },
            (0, 0, b'm') => {
                self.model.process(csi.raw);
                if self.links.is_open() && csi.parameters().any(|p| p == 0) {
                    self.keep_link();
                }
            },
            _ => self.model.process(csi.raw),
        }
    }

    fn keep_link(&mut self) {
        let link = self.links.again();
        self.model.process(&link);
    }

    /// REP: nine bytes can fill seven screens. Programs draw lines with it; once what the stream may
    /// fill is used up, a repetition ends with the line.
    fn repeat(&mut self, csi: &Csi<'_>) {
        let wanted = usize::from(csi.parameter(0).unwrap_or(1));
        let count = wanted.min(self.repeats.max(usize::from(self.size.cols)));
        self.repeats = self.repeats.saturating_sub(count);
        self.cost = self.cost.saturating_add(count);
        self.model.process(format!("\x1b[{count}b").as_bytes());
    }

    fn osc(&mut self, body: &[u8], bell: bool) {
        self.ask(|replies, from| {
            replies.osc(body, bell, from);
        });
        let semicolon = memchr::memchr(b';', body).unwrap_or(body.len());
        let (number, rest) = body.split_at(semicolon);
        let rest = rest.strip_prefix(b";").unwrap_or_default();
        let number = std::str::from_utf8(number).ok();
        let number: Option<u16> = number.and_then(|n| n.parse().ok());
        match number {
            Some(0..=2) => self.osc_to_model(shortened(body)),
            Some(n @ (4 | 10..=19)) => {
                if let Ok(rest) = std::str::from_utf8(rest) {
                    self.colours.set(n, rest);
                }
                self.osc_to_model(body);
            },
            Some(n @ 110..=112) => {
                if let Some(own) = self.colours.own.get_mut(usize::from(n - 110)) {
                    *own = None;
                }
                self.osc_to_model(body);
            },
            Some(7 | 104 | 113..=119) => self.osc_to_model(body),
            Some(8) => {
                let link = self.links.open(rest);
                self.model.process(&link);
            },
            // Clipboards, notifications, marks: no part of a screen.
            _ => {},
        }
    }

    fn osc_to_model(&mut self, body: &[u8]) {
        let whole = [b"\x1b]", body, b"\x1b\\"].concat();
        self.model.process(&whole);
    }

    /// Lets the replies see everything, if there is a question to answer and nobody else to do it.
    fn ask(&mut self, question: impl FnOnce(&mut Replies, &Source<'_>)) {
        if let Some(facts) = &self.answering {
            let from = Source {
                size: self.size,
                modes: &self.modes,
                model: &self.model,
                facts,
                colours: &self.colours.own,
            };
            question(&mut self.replies, &from);
        }
    }

    /// True if each newline makes the model move parts of the screen, cell by cell.
    fn scrolls_parts(&self) -> bool {
        self.modes.region().is_some() || self.modes.is_on(true, 69)
    }

    /// What it costs to move a part of the screen, as bytes of plain text.
    fn part_cost(&self) -> usize {
        if self.scrolls_parts() {
            usize::from(self.size.rows) * usize::from(self.size.cols) / 3
        } else {
            0
        }
    }

    fn take_cost(&mut self) -> usize {
        std::mem::take(&mut self.cost)
    }

    /// After so many newlines in plain text nothing is left of what was before them. None if that
    /// cannot be said: with margins, or with the cursor outside of the scroll region.
    fn lines_to_forget(&self) -> Option<usize> {
        if self.modes.is_on(true, 69) {
            return None;
        }
        let rows = usize::from(self.size.rows);
        if let Some((top, bottom)) = self.modes.region() {
            let row = trace::trace(&self.model.dump_cursor(), self.size).row + 1;
            let inside = self.modes.is_on(true, 6) || (top..=bottom).contains(&row);
            return inside.then_some(2 * rows + 1);
        }
        let scrollback = if self.modes.is_alternate() {
            0
        } else {
            self.scrollback
        };
        Some(2 * rows + scrollback + 1)
    }

    /// So many bytes of text were read, or need not be.
    fn skipped(&mut self, bytes: usize) {
        let more = bytes.saturating_mul(REPEATS_A_BYTE);
        self.repeats = self.repeats.saturating_add(more).min(MOST_REPEATS);
    }
}

/// A title of bearable length.
fn shortened(title: &[u8]) -> &[u8] {
    let (start, _) = title.split_at(title.len().min(LONGEST_TITLE));
    let (whole, _) = start.split_at(start.len() - scan::partial_char(start));
    whole
}
