//! What a node prints is untrusted: only text, tabs and colours reach the terminal.
//!
//! The rules, for one line of output (`\n` is not part of it):
//!
//! - SGR (`CSI … m`, ECMA-48 §8.3.117) passes if it is well-formed and short, colons included; with
//!   colours off it is removed. "Conceal" (8) is not granted.
//! - Every other control sequence (CSI, OSC, DCS, APC, PM, SOS, `ESC x`; introduced by `ESC` or by a
//!   C1 character U+0080 to U+009F) is removed whole. One that the end of the line cuts off, or that
//!   is longer than [`MAX_SEQUENCE`], is no sequence: it is shown, its `ESC` as `^[`, so that an
//!   unterminated string cannot swallow what follows.
//! - BEL, BS, SO, SI are removed; the other C0 characters and DEL are shown in caret notation.
//! - Bytes that are not UTF-8, so also raw C1 bytes, are shown as `\xNN`.
//! - Characters that reorder or hide text (bidirectional embeddings, overrides and isolates, the
//!   invisible spaces and tags, line separators) are shown as `<U+NNNN>`.

use memchr::memchr2;

use super::style::{Applied, Style};

/// The longest control sequence, in bytes, that is looked for over the end of a piece.
pub const MAX_SEQUENCE: usize = 64 * 1024;

/// How many bytes from 0x80 are looked at together; more than one character has.
const WINDOW: usize = 16;

/// The sequence that closes all colours.
const RESET: &[u8] = b"\x1b[0m";

/// Cleans the output of one node. It remembers, from piece to piece, an unfinished sequence and the
/// colours that are open.
#[derive(Clone, Debug)]
pub struct Sanitiser {
    colours: bool,
    style: Style,
    carry: Vec<u8>,
}

impl Sanitiser {
    /// A cleaner in its default state; `colours`: whether SGR passes.
    pub fn new(colours: bool) -> Self {
        Self {
            colours,
            style: Style::default(),
            carry: Vec::new(),
        }
    }

    /// Whether SGR passes from now on.
    pub fn set_colours(&mut self, colours: bool) {
        self.colours = colours;
        self.style = Style::default();
    }

    /// Appends a piece of a line, without `\n`, that does not end the line. Colours that are left
    /// open are closed, and opened again by the next piece. True if anything visible was written.
    pub fn piece(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        self.write(text, false, out)
    }

    /// Appends the last piece of a line, or a whole line, without its `\n`. True if anything
    /// visible was written.
    #[inline]
    pub fn line(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        if self.carry.is_empty() && self.style.is_plain() && is_harmless(text) {
            out.extend_from_slice(text);
            return !text.is_empty();
        }
        self.write(text, true, out)
    }

    /// Takes text that is not shown (progress that was overwritten) for the colours that it sets.
    pub fn skip(&mut self, text: &[u8]) {
        if self.colours && (!self.carry.is_empty() || memchr2(0x1b, 0xc2, text).is_some()) {
            self.write(text, true, &mut Vec::new());
        }
        self.carry.clear();
    }

    /// Forgets open colours and an unfinished sequence: what is printed next has nothing to do with
    /// what was printed before.
    pub fn reset(&mut self) {
        self.style = Style::default();
        self.carry.clear();
    }

    /// True if an unfinished sequence is kept.
    pub fn is_inside_sequence(&self) -> bool {
        !self.carry.is_empty()
    }

    fn write(&mut self, text: &[u8], end: bool, out: &mut Vec<u8>) -> bool {
        if text.is_empty() && self.carry.is_empty() {
            return false;
        }
        if !self.style.is_plain() {
            self.style.write(out);
        }
        let visible = if self.carry.is_empty() {
            self.scan(text, end, out)
        } else {
            let mut whole = std::mem::take(&mut self.carry);
            whole.extend_from_slice(text);
            self.scan(&whole, end, out)
        };
        if !self.style.is_plain() {
            out.extend_from_slice(RESET);
        }
        visible
    }

    fn scan(&mut self, mut text: &[u8], end: bool, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut sgr = 0;
        let mut literal = false;
        while let Some(&first) = text.first() {
            let used = match first {
                b'\t' | b' '..=b'~' => {
                    let run = text
                        .iter()
                        .position(|b| !is_printable(*b))
                        .unwrap_or(text.len());
                    out.extend_from_slice(&text[..run]);
                    run
                },
                0x1b if literal => {
                    out.extend_from_slice(b"^[");
                    1
                },
                0x1b => match self.sequence(text, out, &mut sgr) {
                    Some(used) => used,
                    None if !end && text.len() <= MAX_SEQUENCE => {
                        self.carry.extend_from_slice(text);
                        break;
                    },
                    None => {
                        // Nothing after it can end it, so nothing after it is searched again.
                        literal = true;
                        0
                    },
                },
                0x07 | 0x08 | 0x0e | 0x0f => 1,
                0x00..=0x1f => {
                    out.extend_from_slice(&[b'^', first + 0x40]);
                    1
                },
                0x7f => {
                    out.extend_from_slice(b"^?");
                    1
                },
                0x80.. => match self.high(text, end, literal, out, &mut sgr) {
                    High::Used(used) => used,
                    High::Carry if text.len() <= MAX_SEQUENCE => {
                        self.carry.extend_from_slice(text);
                        break;
                    },
                    High::Carry | High::Literal => {
                        literal = true;
                        0
                    },
                },
            };
            text = &text[used..];
        }
        out.len() > start + sgr
    }

    /// A control sequence at the start of `text`: its length, or None if its end is not there.
    fn sequence(&mut self, text: &[u8], out: &mut Vec<u8>, sgr: &mut usize) -> Option<usize> {
        match sequence(text)? {
            Sequence::Other(len) => Some(len),
            Sequence::Sgr { start, end } => {
                if self.colours {
                    let before = out.len();
                    match self.style.apply(&text[start..end]) {
                        Applied::Pass => {
                            out.extend_from_slice(b"\x1b[");
                            out.extend_from_slice(&text[start..=end]);
                        },
                        Applied::Rewrite => self.style.write(out),
                        Applied::Invalid => {},
                    }
                    *sgr += out.len() - before;
                }
                Some(end + 1)
            },
        }
    }

    /// Bytes from 0x80 at the start of `text`.
    fn high(
        &mut self,
        text: &[u8],
        end: bool,
        literal: bool,
        out: &mut Vec<u8>,
        sgr: &mut usize,
    ) -> High {
        // A window, so that many bad bytes do not make the same text be searched again and again.
        let window = text.len().min(WINDOW);
        let run = text[..window]
            .iter()
            .position(u8::is_ascii)
            .unwrap_or(window);
        let (valid, error) = match std::str::from_utf8(&text[..run]) {
            Ok(valid) => (valid, None),
            Err(error) => {
                let valid = std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default();
                (valid, Some(error.error_len()))
            },
        };
        let mut copied = 0;
        for (at, c) in valid.char_indices() {
            let width = c.len_utf8();
            if !is_special(c) {
                continue;
            }
            out.extend_from_slice(&text[copied..at]);
            copied = at + width;
            if !('\u{80}'..='\u{9f}').contains(&c) || literal {
                out.extend_from_slice(format!("<U+{:04X}>", u32::from(c)).as_bytes());
                continue;
            }
            return match self.sequence(&text[at..], out, sgr) {
                Some(used) => High::Used(at + used),
                None if at > 0 => High::Used(at),
                None if end => High::Literal,
                None => High::Carry,
            };
        }
        out.extend_from_slice(&text[copied..valid.len()]);
        let bad = match error {
            None => return High::Used(run),
            Some(Some(bad)) => bad,
            Some(None) if run == window && (window < text.len() || !end) => {
                // A character that the window cuts, or whose other bytes have not come yet.
                return if valid.is_empty() {
                    High::Carry
                } else {
                    High::Used(valid.len())
                };
            },
            Some(None) => run - valid.len(),
        };
        for byte in &text[valid.len()..valid.len() + bad] {
            let digit = |n: u8| {
                b"0123456789abcdef"
                    .get(usize::from(n))
                    .copied()
                    .unwrap_or(b'?')
            };
            out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
        }
        High::Used(valid.len() + bad)
    }
}

/// What [`Sanitiser::high`] found.
enum High {
    /// So many bytes were dealt with.
    Used(usize),
    /// The rest has to wait for more.
    Carry,
    /// A sequence without an end: show it.
    Literal,
}

/// Any text (a node's name, a reason, a file's name) made fit for a terminal, without colours.
pub fn clean(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    Sanitiser::new(false).line(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The part of a line that is left on a terminal after its carriage returns: what came before, and
/// what is seen. A `\r` at the end (as in `\r\n`) moves nothing that is seen.
pub(super) fn last_state(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().rposition(|b| *b != b'\r').map_or(0, |i| i + 1);
    let start = memchr::memrchr(b'\r', &line[..end]).map_or(0, |i| i + 1);
    (&line[..start], &line[start..end])
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

/// True only if `text` would be written as it is. The loops have no early exit, so that they are done
/// many bytes at a time.
fn is_harmless(text: &[u8]) -> bool {
    let (control, high) = text.iter().fold((false, false), |(control, high), b| {
        let control = control | (((*b < 0x20) & (*b != b'\t')) | (*b == 0x7f));
        (control, high | (*b >= 0x80))
    });
    !control && (!high || is_harmless_utf8(text))
}

/// The same for text that has no ASCII control characters.
fn is_harmless_utf8(text: &[u8]) -> bool {
    let (next, after) = (
        text.get(1..).unwrap_or_default(),
        text.get(2..).unwrap_or_default(),
    );
    // Bytes that begin some character of `is_special`; mostly they are seldom.
    let pairs = text.iter().zip(next).fold(false, |any, (a, b)| {
        any | ((*a == 0xc2) & (*b < 0xa0))
            | ((*a == 0xef) & ((*b == 0xbb) | (*b == 0xbf)))
            | ((*a == 0xf3) & (*b == 0xa0))
    });
    let triples = text
        .iter()
        .zip(next)
        .zip(after)
        .fold(false, |any, ((a, b), c)| {
            let hidden = ((*b == 0x80) & ((*c == 0x8b) | ((*c >= 0xa8) & (*c <= 0xae))))
                | ((*b == 0x81) & (*c >= 0xa0) & (*c <= 0xa9));
            any | ((*a == 0xe2) & hidden)
        });
    !pairs && !triples && std::str::from_utf8(text).is_ok()
}

/// C1, and what can make a line look like another one.
fn is_special(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A control sequence with an end.
enum Sequence {
    /// `CSI … m`, its parameters from `start` to `end`.
    Sgr { start: usize, end: usize },
    /// Any other, with its length; also an ESC that begins none.
    Other(usize),
}

/// The sequence that `b` begins with; None if its end is not in `b`.
fn sequence(b: &[u8]) -> Option<Sequence> {
    let (kind, at) = match b {
        // U+0080+n is ESC with 0x40+n (ECMA-48 §5.3).
        [0xc2, c, ..] => (c.wrapping_sub(0x40), 2),
        [_, kind, ..] => (*kind, 2),
        _ => return None,
    };
    match kind {
        b'[' => csi(b, at),
        // OSC, DCS, APC, PM, SOS; and the title of screen and tmux.
        b']' | b'P' | b'_' | b'^' | b'X' | b'k' => string(b, at),
        b' '..=b'/' => {
            let end = at + b[at..].iter().position(|c| !matches!(c, b' '..=b'/'))?;
            Some(Sequence::Other(
                end + usize::from(matches!(b[end], b'0'..=b'~')),
            ))
        },
        b'0'..=b'~' => Some(Sequence::Other(at)),
        _ => Some(Sequence::Other(1)),
    }
}

/// `CSI`: parameters, intermediates, a final byte; any other byte breaks it off and stays.
fn csi(b: &[u8], start: usize) -> Option<Sequence> {
    let params = start + b[start..].iter().position(|c| !matches!(c, b'0'..=b'?'))?;
    let end = params + b[params..].iter().position(|c| !matches!(c, b' '..=b'/'))?;
    Some(match b[end] {
        b'm' if end == params => Sequence::Sgr { start, end },
        b'@'..=b'~' => Sequence::Other(end + 1),
        _ => Sequence::Other(end),
    })
}

/// A control string: up to ST or BEL; CAN and SUB end it too, and so does the ESC of another
/// sequence. A doubled ESC is data (tmux wraps sequences so).
fn string(b: &[u8], start: usize) -> Option<Sequence> {
    let mut at = start;
    loop {
        at += b[at..]
            .iter()
            .position(|c| matches!(c, 0x07 | 0x18 | 0x1a | 0x1b | 0xc2))?;
        match (b[at], b.get(at + 1)) {
            (0x1b | 0xc2, None) => return None,
            (0x1b, Some(b'\\')) | (0xc2, Some(0x9c)) => return Some(Sequence::Other(at + 2)),
            (0x1b, Some(0x1b)) => at += 2,
            (0xc2, Some(_)) => at += 1,
            (0x1b, Some(_)) => return Some(Sequence::Other(at)),
            _ => return Some(Sequence::Other(at + 1)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
