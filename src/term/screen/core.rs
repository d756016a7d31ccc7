//! What each token does to a screen: to its model, its modes, its links, its replies.

use super::links::Links;
use super::model::Model;
use super::modes::Modes;
use super::replies::{Replies, Source};
use super::scan::{Csi, Scanner, Token, partial_char};
use super::trace::trace;
use super::{Facts, facts};
use crate::model::Size;

/// The longest title that is kept, in bytes.
const LONGEST_TITLE: usize = 1024;
/// How many cells a byte may fill by repetition (REP), and how many are saved up for.
const REPEATS_A_BYTE: usize = 64;
const MOST_REPEATS: usize = 1 << 16;

/// Which colours the program changed.
#[derive(Debug, Default)]
pub(super) struct Colours {
    /// OSC 10, 11, 12 as set.
    pub(super) own: [Option<String>; 3],
    /// Bit n: OSC 10 + n was set.
    dynamic: u16,
    palette: bool,
}

impl Colours {
    /// The OSC numbers that undo the changes.
    pub(super) fn undo(&self) -> Vec<u16> {
        let dynamic = (0..10).filter(|bit| self.dynamic >> bit & 1 == 1);
        let palette = self.palette.then_some(104);
        palette
            .into_iter()
            .chain(dynamic.map(|bit| 110 + bit))
            .collect()
    }

    pub(super) fn set(&mut self, number: u16, rest: &str) {
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
pub(super) struct Core {
    pub(super) size: Size,
    scrollback: usize,
    pub(super) model: Model,
    pub(super) modes: Modes,
    pub(super) links: Links,
    pub(super) colours: Colours,
    /// Nobody is attached; questions are answered as this terminal would.
    pub(super) answering: Option<Facts>,
    pub(super) replies: Replies,
    /// Cells that may be filled by repetition.
    repeats: usize,
    /// What was read cost as much as so many bytes of plain text more than its length.
    cost: usize,
}

impl Core {
    pub(super) fn new(size: Size, scrollback: usize) -> Self {
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

    /// Keeps so many rows of what scrolled off, and will.
    pub(super) fn keep_scrollback(&mut self, rows: usize) {
        if rows != self.scrollback {
            self.scrollback = rows;
            self.model.keep_scrollback(rows);
        }
    }

    pub(super) fn token(&mut self, token: &Token<'_>) {
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
    pub(super) fn scrolls_parts(&self) -> bool {
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

    pub(super) fn take_cost(&mut self) -> usize {
        std::mem::take(&mut self.cost)
    }

    /// After so many newlines in plain text nothing is left of what was before them. None if that
    /// cannot be said: with margins, or with the cursor outside of the scroll region.
    pub(super) fn lines_to_forget(&self) -> Option<usize> {
        if self.modes.is_on(true, 69) {
            return None;
        }
        let rows = usize::from(self.size.rows);
        if let Some((top, bottom)) = self.modes.region() {
            let row = trace(&self.model.dump_cursor(), self.size).row + 1;
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
    pub(super) fn skipped(&mut self, bytes: usize) {
        let more = bytes.saturating_mul(REPEATS_A_BYTE);
        self.repeats = self.repeats.saturating_add(more).min(MOST_REPEATS);
    }
}

/// A title of bearable length.
fn shortened(title: &[u8]) -> &[u8] {
    let (start, _) = title.split_at(title.len().min(LONGEST_TITLE));
    let (whole, _) = start.split_at(start.len() - partial_char(start));
    whole
}
