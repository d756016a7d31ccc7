//! Reads what the model paints, to learn what it does not tell: where the cursor is, how far down
//! the text reaches, which colours are in force.
//!
//! This is no terminal: it knows the few sequences that shpool-vterm's `contents` is made of, which
//! paints top down, with lines broken by CR LF or by reaching the edge.

use unicode_width::UnicodeWidthChar as _;

use super::scan::{Csi, Scanner, Token};
use crate::model::Size;

/// What a painting shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Traced {
    /// The row of the cursor, counted from 0. In origin mode it counts from the scroll region.
    pub(super) row: u16,
    /// The column of the cursor, counted from 0, and from the left margin in origin mode.
    pub(super) col: u16,
    /// The row of the cursor that the primary screen gets back with the end of the alternate one.
    pub(super) primary_row: u16,
    /// The last row of the primary screen that shows anything.
    pub(super) last_row: Option<u16>,
    /// The parameters of SGR in force, each followed by `;`.
    pub(super) attributes: String,
}

/// Reads a painting of a screen of this size.
pub(super) fn trace(painting: &[u8], size: Size) -> Traced {
    let mut tracer = Tracer {
        size,
        ..Tracer::default()
    };
    Scanner::default().scan(painting, &mut |token| tracer.token(&token));
    if !tracer.alternate {
        tracer.traced.primary_row = tracer.traced.row;
    }
    tracer.traced
}

struct Tracer {
    size: Size,
    traced: Traced,
    alternate: bool,
    /// Blanks are seen: coloured, underlined, inverse.
    seen: u8,
}

impl Default for Tracer {
    fn default() -> Self {
        Self {
            size: Size::DEFAULT,
            traced: Traced::default(),
            alternate: false,
            seen: 0,
        }
    }
}

impl Tracer {
    fn token(&mut self, token: &Token<'_>) {
        match token {
            Token::Text(text) => {
                for c in String::from_utf8_lossy(text).chars() {
                    self.char(c);
                }
            },
            Token::Csi(csi) => self.csi(csi),
            _ => {},
        }
    }

    fn char(&mut self, c: char) {
        let at = &mut self.traced;
        match c {
            '\r' => at.col = 0,
            '\n' => at.row = at.row.saturating_add(1).min(self.size.rows - 1),
            _ => {
                let width = c.width().and_then(|w| u16::try_from(w).ok()).unwrap_or(0);
                if width == 0 {
                    return;
                }
                if at.col.saturating_add(width) > self.size.cols {
                    at.col = 0;
                    at.row = at.row.saturating_add(1).min(self.size.rows - 1);
                }
                if !self.alternate && (c != ' ' || self.seen > 0) {
                    at.last_row = at.last_row.max(Some(at.row));
                }
                at.col += width;
            },
        }
    }

    fn csi(&mut self, csi: &Csi<'_>) {
        match csi.kind() {
            (0, 0, b'H') => {
                self.traced.row = csi.parameter(0).unwrap_or(1) - 1;
                self.traced.col = csi.parameter(1).unwrap_or(1) - 1;
            },
            (b'?', 0, b'h') if csi.parameter(0) == Some(1049) => {
                self.traced.primary_row = self.traced.row;
                self.alternate = true;
            },
            (0, 0, b'm') => self.sgr(csi),
            _ => {},
        }
    }

    fn sgr(&mut self, csi: &Csi<'_>) {
        let mut parameters = csi.parameters();
        if parameters.all(|p| p == 0) {
            self.seen = 0;
            self.traced.attributes.clear();
            return;
        }
        let all = String::from_utf8_lossy(csi.raw);
        let all = all.trim_start_matches("\x1b[").trim_end_matches('m');
        self.traced.attributes.push_str(all);
        self.traced.attributes.push(';');
        let mut parameters = csi.with_sub();
        while let Some((parameter, sub)) = parameters.next() {
            let (bit, on) = match parameter {
                // The parts of a colour may be parameters of their own.
                38 | 48 | 58 => {
                    let kind = if sub.is_none() {
                        parameters.next()
                    } else {
                        None
                    };
                    match kind {
                        Some((5, _)) => drop(parameters.next()),
                        Some((2, _)) => drop(parameters.nth(2)),
                        _ => {},
                    }
                    if parameter != 48 {
                        continue;
                    }
                    (0, true)
                },
                4 if sub == Some(0) => (1, false),
                40..=47 | 100..=107 => (0, true),
                49 => (0, false),
                4 | 21 => (1, true),
                24 => (1, false),
                7 => (2, true),
                27 => (2, false),
                9 => (3, true),
                29 => (3, false),
                53 => (4, true),
                55 => (4, false),
                51 | 52 => (5, true),
                54 => (5, false),
                _ => continue,
            };
            self.seen = self.seen & !(1 << bit) | u8::from(on) << bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_from_paintings() {
        let size = Size { cols: 10, rows: 5 };
        for (painting, row, col, last_row, attributes) in [
            ("", 0, 0, None, ""),
            ("ab\r\nc", 1, 1, Some(1), ""),
            ("0123456789ab", 1, 2, Some(1), ""),
            ("0123456789", 0, 10, Some(0), ""),
            ("日本日本日本", 1, 2, Some(1), ""),
            ("e\u{301}\r\n\r\n ", 2, 1, Some(0), ""),
            (
                "a\r\n\x1b[48;5;3m \x1b[49m\r\n \x1b[H",
                0,
                0,
                Some(1),
                "48;5;3;49;",
            ),
            ("\x1b[38;2;7;7;7m \x1b[m\x1b[1;31m", 0, 1, None, "1;31;"),
            (
                "a\x1b[3;2H\x1b[?1049h\x1b[Hx\r\ny\x1b[5;6H",
                4,
                5,
                Some(0),
                "",
            ),
        ] {
            let traced = trace(painting.as_bytes(), size);
            let got = (traced.row, traced.col, traced.last_row, &*traced.attributes);
            assert_eq!(got, (row, col, last_row, attributes), "{painting:?}");
        }
        let left = trace(b"a\x1b[3;2H\x1b[?1049h\x1b[H", size);
        assert_eq!(left.primary_row, 2);
    }
}
