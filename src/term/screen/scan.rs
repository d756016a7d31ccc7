//! What programs send, cut into text and escape sequences (ECMA-48 §5, DEC STD 070).
//!
//! Any cut between two calls is fine: what is not whole yet is held, and [`Scanner::tail`] gives it
//! again for a terminal that will get only the rest. What is held is bounded: strings without an end
//! (pictures, or an attack) and sequences of absurd length are swallowed and never handed on.

/// The most bytes of one sequence that are held, its start included.
const LONGEST: usize = 8 * 1024;
/// The most parameters, subparameters counted too; a sequence with more is none.
const MOST_PARAMETERS: usize = 32;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

/// A piece of what a program sent.
#[derive(Debug)]
pub(super) enum Token<'a> {
    /// Characters and control characters. A character is never cut; what is no UTF-8 comes as it is.
    Text(&'a [u8]),
    /// `ESC`, intermediate bytes, a final byte.
    Escape {
        intermediate: Option<u8>,
        last: u8,
        raw: &'a [u8],
    },
    /// A control sequence.
    Csi(Csi<'a>),
    /// A whole operating system command, without its start and end.
    Osc { body: &'a [u8], bell: bool },
    /// A whole device control string, without its start and end.
    Dcs { body: &'a [u8] },
}

/// A control sequence: `CSI`, a private marker, parameters, intermediate bytes, a final byte.
#[derive(Debug)]
pub(super) struct Csi<'a> {
    /// `<`, `=`, `>`, `?`, or 0.
    pub(super) marker: u8,
    /// The first intermediate byte, or 0.
    pub(super) intermediate: u8,
    /// What it does.
    pub(super) last: u8,
    /// All of it, as it came.
    pub(super) raw: &'a [u8],
    values: [u16; MOST_PARAMETERS],
    count: usize,
    /// Bit n: value n is a subparameter of the one before.
    sub: u32,
}

impl<'a> Csi<'a> {
    /// Reads a sequence that begins with `ESC [` and ends with its final byte. None if terminals do
    /// not act on it: misplaced bytes, too many parameters.
    fn parse(raw: &'a [u8]) -> Option<Self> {
        let (last, rest) = raw.split_last()?;
        let mut csi = Self {
            marker: 0,
            intermediate: 0,
            last: *last,
            raw,
            values: [0; MOST_PARAMETERS],
            count: 1,
            sub: 0,
        };
        let (mut begun, mut intermediates) = (false, 0);
        for byte in rest.get(2..)? {
            match byte {
                b'0'..=b'?' if intermediates > 0 => return None,
                b'0'..=b'9' => {
                    let value = csi.values.get_mut(csi.count - 1)?;
                    *value = value
                        .saturating_mul(10)
                        .saturating_add(u16::from(byte - b'0'));
                },
                b':' | b';' => {
                    if csi.count == MOST_PARAMETERS {
                        return None;
                    }
                    csi.sub |= u32::from(*byte == b':') << csi.count;
                    csi.count += 1;
                },
                b'<'..=b'?' if begun => return None,
                b'<'..=b'?' => csi.marker = *byte,
                0x20..=0x2f => {
                    intermediates += 1;
                    if intermediates == 1 {
                        csi.intermediate = *byte;
                    } else if intermediates == 2 {
                        // No sequence that is known here has two.
                        csi.intermediate = 0xff;
                    } else {
                        return None;
                    }
                },
                // Controls inside; they are acted on by whoever gets the raw bytes.
                _ => continue,
            }
            begun = true;
        }
        Some(csi)
    }

    /// The parameters; one that is empty or has subparameters is 0.
    pub(super) fn parameters(&self) -> impl Iterator<Item = u16> + '_ {
        self.with_sub()
            .map(|(value, sub)| if sub.is_none() { value } else { 0 })
    }

    /// The parameters, each with its first subparameter.
    pub(super) fn with_sub(&self) -> impl Iterator<Item = (u16, Option<u16>)> + '_ {
        let is_sub = |at: usize| at < self.count && self.sub >> at & 1 == 1;
        let values = self.values.iter().take(self.count).enumerate();
        values
            .filter(move |(at, _)| !is_sub(*at))
            .map(move |(at, value)| {
                let sub = self.values.get(at + 1).filter(|_| is_sub(at + 1));
                (*value, sub.copied())
            })
    }

    /// Parameter `at`, counted from 0. None if it is absent, empty or 0.
    pub(super) fn parameter(&self, at: usize) -> Option<u16> {
        self.parameters().nth(at).filter(|value| *value > 0)
    }

    /// Marker, intermediate and final byte: what tells one sequence from another.
    pub(super) fn kind(&self) -> (u8, u8, u8) {
        (self.marker, self.intermediate, self.last)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After `ESC` and intermediate bytes.
    Escape,
    Csi,
    Osc,
    Dcs,
    /// SOS, PM, APC: nobody acts on them.
    Ignored,
}

/// Cuts a stream into tokens.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    /// What has begun and is not whole: a sequence from its `ESC` on, or the start of a character.
    held: Vec<u8>,
    /// The sequence got too long: its end is awaited, the rest is gone.
    overlong: bool,
}

impl Scanner {
    /// Hands on each token that `bytes` complete, in order.
    pub(super) fn scan(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Token<'_>)) {
        while !bytes.is_empty() {
            bytes = if self.state == State::Ground {
                self.ground(bytes, sink)
            } else {
                self.sequence(bytes, sink)
            };
        }
    }

    /// True if nothing is held and the next byte is text.
    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Ground && self.held.is_empty()
    }

    /// True inside a sequence that a terminal would still wait for the end of.
    #[cfg(test)]
    pub(super) fn is_inside(&self) -> bool {
        self.state != State::Ground
    }

    /// What a terminal has to be sent so that it takes what comes next as the continuation of what
    /// is held here. Of what was too long to keep, a start that makes terminals ignore the rest.
    pub(super) fn tail(&self) -> &[u8] {
        match self.state {
            // After a misplaced byte the rest is ignored up to its end.
            State::Csi if self.overlong => b"\x1b[ 0",
            State::Escape if self.overlong => b"\x1b  ",
            State::Osc if self.overlong => b"\x1b]9999;",
            State::Dcs if self.overlong => b"\x1bP0;0;0~",
            _ => &self.held,
        }
    }

    /// Bytes that are held: the memory that one scanner takes.
    #[cfg(test)]
    pub(super) fn weight(&self) -> usize {
        self.held.capacity()
    }

    /// Text up to the next `ESC`. Returns what is left.
    fn ground<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(Token<'_>)) -> &'a [u8] {
        if !self.held.is_empty() {
            return self.complete_char(bytes, sink);
        }
        let end = memchr::memchr(ESC, bytes).unwrap_or(bytes.len());
        let (text, rest) = bytes.split_at(end);
        let cut = if rest.is_empty() {
            partial_char(text)
        } else {
            0
        };
        let (whole, partial) = text.split_at(text.len() - cut);
        if !whole.is_empty() {
            sink(Token::Text(whole));
        }
        self.held.extend_from_slice(partial);
        let Some((esc, rest)) = rest.split_first() else {
            return rest;
        };
        // Most sequences are short, whole, and at hand: no need to copy them.
        if let Some(len) = short_csi(rest) {
            let (raw, _) = bytes.split_at(end + 1 + len);
            if let Some(csi) = raw.get(end..).and_then(Csi::parse) {
                sink(Token::Csi(csi));
            }
            return rest.get(len..).unwrap_or_default();
        }
        self.held.push(*esc);
        self.state = State::Escape;
        rest
    }

    /// Adds to the character whose start is held, until it is whole or turns out to be none.
    fn complete_char<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(Token<'_>)) -> &'a [u8] {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            if !matches!(byte, 0x80..=0xbf) {
                break;
            }
            self.held.push(*byte);
            rest = after;
            if partial_char(&self.held) == 0 {
                break;
            }
        }
        if rest.is_empty() && partial_char(&self.held) > 0 {
            return rest;
        }
        sink(Token::Text(&self.held));
        self.held.clear();
        rest
    }

    /// One or more bytes of a sequence. Returns what is left.
    fn sequence<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(Token<'_>)) -> &'a [u8] {
        let in_string = matches!(self.state, State::Osc | State::Dcs | State::Ignored);
        if in_string {
            let bell = self.state == State::Osc;
            let end = bytes
                .iter()
                .position(|b| matches!(*b, ESC | CAN | SUB) || (bell && *b == 0x07))
                .unwrap_or(bytes.len());
            let (body, rest) = bytes.split_at(end);
            self.hold(body);
            let Some((last, rest)) = rest.split_first() else {
                return rest;
            };
            match *last {
                CAN | SUB => self.end(),
                ESC => {
                    self.finish_string(false, sink);
                    self.begin();
                },
                _ => {
                    self.finish_string(true, sink);
                    self.end();
                },
            }
            return rest;
        }
        let Some((byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        match (self.state, *byte) {
            (_, CAN | SUB) => self.end(),
            (_, ESC) => self.begin(),
            (State::Escape, 0x30..=0x7e) => self.escape(*byte, sink),
            (State::Csi, 0x40..=0x7e) => {
                self.hold(&[*byte]);
                if !self.overlong
                    && let Some(csi) = Csi::parse(&self.held)
                {
                    sink(Token::Csi(csi));
                }
                self.end();
            },
            _ => self.hold(&[*byte]),
        }
        rest
    }

    /// The final byte of an escape sequence, which may begin a longer one.
    fn escape(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        self.hold(&[byte]);
        let intermediate = self
            .held
            .get(1..)
            .and_then(|rest| rest.iter().find(|b| matches!(b, 0x20..=0x2f)))
            .copied();
        self.state = match (intermediate, byte) {
            (None, b'[') => State::Csi,
            (None, b']') => State::Osc,
            (None, b'P') => State::Dcs,
            (None, b'X' | b'^' | b'_') => State::Ignored,
            _ => {
                if !self.overlong {
                    sink(Token::Escape {
                        intermediate,
                        last: byte,
                        raw: &self.held,
                    });
                }
                self.end();
                return;
            },
        };
    }

    fn finish_string(&self, bell: bool, sink: &mut impl FnMut(Token<'_>)) {
        if self.overlong {
            return;
        }
        // Controls between `ESC` and the byte that opened the string are no part of it.
        let opened = self.held.iter().position(|b| matches!(b, b']' | b'P'));
        let body = opened.and_then(|at| self.held.get(at + 1..));
        match (self.state, body) {
            (State::Osc, Some(body)) => sink(Token::Osc { body, bell }),
            (State::Dcs, Some(body)) => sink(Token::Dcs { body }),
            _ => {},
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.overlong {
            return;
        }
        // Nothing ever reads these: that they have begun is enough.
        if self.state == State::Ignored {
            self.held.truncate(2);
            return;
        }
        if self.held.len() + bytes.len() > LONGEST {
            self.overlong = true;
            self.held.clear();
            return;
        }
        self.held.extend_from_slice(bytes);
    }

    fn begin(&mut self) {
        self.end();
        self.held.push(ESC);
        self.state = State::Escape;
    }

    fn end(&mut self) {
        self.state = State::Ground;
        self.overlong = false;
        self.held.clear();
        self.held.shrink_to(64);
    }
}

/// The length of a control sequence after its `ESC` if it is whole, short, and has no controls
/// inside.
fn short_csi(rest: &[u8]) -> Option<usize> {
    let body = rest.strip_prefix(b"[")?;
    let window = body.get(..body.len().min(64))?;
    let end = window.iter().position(|b| !matches!(b, 0x20..=0x3f))?;
    matches!(window.get(end)?, 0x40..=0x7e).then_some(end + 2)
}

/// How many bytes at the end of `text` are the start of a character that is not whole.
pub(super) fn partial_char(text: &[u8]) -> usize {
    for back in 1..=text.len().min(3) {
        let needed = match text.get(text.len() - back) {
            Some(0x80..=0xbf) => continue,
            Some(0xc2..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf4) => 4,
            _ => return 0,
        };
        return if needed > back { back } else { 0 };
    }
    0
}
