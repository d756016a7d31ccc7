//! The state that SGR sequences (`CSI … m`, ECMA-48 §8.3.117) leave a terminal in: enough of it to
//! close a line's colours at its end and to open them again on the same node's next line.

use std::io::Write as _;

/// The longest parameter string that is taken for an SGR sequence; two true-colour values with all
/// attributes stay below it.
pub(super) const MAX_PARAMS: usize = 96;

/// A colour as SGR names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Colour {
    #[default]
    Default,
    Index(u8),
    Rgb(u8, u8, u8),
}

/// What the attributes are, as flags; each with the code that sets it.
const FLAGS: [(u16, u8); 7] = [
    (BOLD, 1),
    (DIM, 2),
    (ITALIC, 3),
    (BLINK, 5),
    (REVERSE, 7),
    (STRIKE, 9),
    (OVERLINE, 53),
];
const BOLD: u16 = 1;
const DIM: u16 = 2;
const ITALIC: u16 = 4;
const BLINK: u16 = 8;
const REVERSE: u16 = 16;
const STRIKE: u16 = 32;
const OVERLINE: u16 = 64;

/// Attributes and colours. The default is what `CSI 0 m` sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    flags: u16,
    /// 0 for none, else the kind of `4:n`.
    underline: u8,
    fg: Colour,
    bg: Colour,
    line: Colour,
}

/// What became of a parameter string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// Valid: it may pass as it is.
    Pass,
    /// Valid, but it asks for hidden text, which is not given: write the style instead.
    Rewrite,
    /// No SGR parameters: too long, too many, or other bytes than digits, `;` and `:`.
    Invalid,
}

/// One number of a parameter string; `sub` if a colon came before it.
#[derive(Clone, Copy, Debug, Default)]
struct Param {
    value: u16,
    sub: bool,
}

impl Style {
    /// Takes the bytes between `CSI` and `m`.
    pub(super) fn apply(&mut self, params: &[u8]) -> Applied {
        let mut list = [Param::default(); 40];
        let Some(count) = parse(params, &mut list) else {
            return Applied::Invalid;
        };
        let mut rest = list.get(..count).unwrap_or_default();
        let mut hidden = false;
        while let Some((first, tail)) = rest.split_first() {
            let subs = tail.iter().take_while(|p| p.sub).count();
            let (sub, after) = tail.split_at(subs);
            rest = after;
            match first.value {
                38 | 48 | 58 => {
                    let colour = if sub.is_empty() {
                        let (colour, used) = spaced(after);
                        rest = after.get(used..).unwrap_or_default();
                        colour
                    } else {
                        grouped(sub)
                    };
                    if let Some(colour) = colour {
                        match first.value {
                            38 => self.fg = colour,
                            48 => self.bg = colour,
                            _ => self.line = colour,
                        }
                    }
                },
                8 => hidden = true,
                code => self.simple(code, sub.first().map(|p| p.value)),
            }
        }
        if hidden {
            Applied::Rewrite
        } else {
            Applied::Pass
        }
    }

    fn simple(&mut self, code: u16, sub: Option<u16>) {
        let set = FLAGS.iter().find(|(_, c)| u16::from(*c) == code);
        if let Some((flag, _)) = set {
            self.flags |= flag;
            return;
        }
        let index = |base: u16| u8::try_from(code - base).map_or(Colour::Default, Colour::Index);
        match code {
            0 => *self = Self::default(),
            4 => self.underline = sub.and_then(|n| u8::try_from(n.min(5)).ok()).unwrap_or(1),
            6 => self.flags |= BLINK,
            21 => self.underline = 2,
            22 => self.flags &= !(BOLD | DIM),
            23 => self.flags &= !ITALIC,
            24 => self.underline = 0,
            25 => self.flags &= !BLINK,
            27 => self.flags &= !REVERSE,
            29 => self.flags &= !STRIKE,
            55 => self.flags &= !OVERLINE,
            30..=37 => self.fg = index(30),
            39 => self.fg = Colour::Default,
            40..=47 => self.bg = index(40),
            49 => self.bg = Colour::Default,
            59 => self.line = Colour::Default,
            90..=97 => self.fg = index(82),
            100..=107 => self.bg = index(92),
            _ => {},
        }
    }

    /// True if there is nothing to close.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Appends the sequence that sets this style on a terminal in its default style.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[0");
        for (_, code) in FLAGS.iter().filter(|(flag, _)| self.flags & flag != 0) {
            number(out, b';', *code);
        }
        match self.underline {
            0 => {},
            1 => number(out, b';', 4),
            kind => {
                number(out, b';', 4);
                number(out, b':', kind);
            },
        }
        self.fg.write(out, 30);
        self.bg.write(out, 40);
        self.line.write(out, 50);
        out.push(b'm');
    }
}

impl Colour {
    /// `base`: 30 for the text, 40 for the ground, 50 for the underline (which has no short forms).
    fn write(self, out: &mut Vec<u8>, base: u8) {
        match self {
            Self::Default => {},
            Self::Index(n) if n < 8 && base < 50 => number(out, b';', base + n),
            Self::Index(n) if n < 16 && base < 50 => number(out, b';', base + 60 + n - 8),
            Self::Index(n) => {
                number(out, b';', base + 8);
                number(out, b';', 5);
                number(out, b';', n);
            },
            Self::Rgb(r, g, b) => {
                number(out, b';', base + 8);
                for n in [2, r, g, b] {
                    number(out, b';', n);
                }
            },
        }
    }
}

fn number(out: &mut Vec<u8>, before: u8, n: u8) {
    out.push(before);
    write!(out, "{n}").expect("a Vec takes all that is written to it");
}

/// Fills `list`; how many parameters there are, or None if these are no SGR parameters.
fn parse(params: &[u8], list: &mut [Param]) -> Option<usize> {
    if params.len() > MAX_PARAMS {
        return None;
    }
    let mut at = 0;
    for byte in params {
        match byte {
            b'0'..=b'9' => {
                let param = list.get_mut(at)?;
                param.value = param
                    .value
                    .checked_mul(10)?
                    .checked_add(u16::from(byte - b'0'))?;
            },
            b';' | b':' => {
                at += 1;
                list.get_mut(at)?.sub = *byte == b':';
            },
            _ => return None,
        }
    }
    Some(at + 1)
}

/// The colour of `38;5;n` and `38;2;r;g;b`, and how many parameters it took.
fn spaced(after: &[Param]) -> (Option<Colour>, usize) {
    let at = |i: usize| {
        after
            .get(i)
            .filter(|p| !p.sub)
            .and_then(|p| u8::try_from(p.value).ok())
    };
    match at(0) {
        Some(5) => (at(1).map(Colour::Index), after.len().min(2)),
        Some(2) => {
            let colour = match (at(1), at(2), at(3)) {
                (Some(r), Some(g), Some(b)) => Some(Colour::Rgb(r, g, b)),
                _ => None,
            };
            (colour, after.len().min(4))
        },
        _ => (None, 0),
    }
}

/// The colour of `38:5:n`, `38:2:r:g:b` and `38:2:space:r:g:b` (ITU-T T.416).
fn grouped(sub: &[Param]) -> Option<Colour> {
    let at = |i: usize| sub.get(i).and_then(|p| u8::try_from(p.value).ok());
    match at(0)? {
        5 => at(1).map(Colour::Index),
        2 => {
            let first = if sub.len() >= 5 { 2 } else { 1 };
            Some(Colour::Rgb(at(first)?, at(first + 1)?, at(first + 2)?))
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(params: &[&str]) -> String {
        let mut style = Style::default();
        for p in params {
            assert_ne!(style.apply(p.as_bytes()), Applied::Invalid, "{p}");
        }
        let mut out = Vec::new();
        style.write(&mut out);
        String::from_utf8(out).unwrap().replace('\x1b', "")
    }

    #[test]
    fn what_is_open_after_sequences() {
        for (params, open) in [
            (&["31"][..], "[0;31m"),
            (&["1;31", "42"], "[0;1;31;42m"),
            (&["1;31", ""], "[0m"),
            (&["1;31", "0;4"], "[0;4m"),
            (&["1;2;3;4;5;7;9;53"], "[0;1;2;3;5;7;9;53;4m"),
            (&["1;3;4;9", "22;24"], "[0;3;9m"),
            (&["93;104"], "[0;93;104m"),
            (&["38;5;208;1"], "[0;1;38;5;208m"),
            (&["38;2;1;2;3;48;5;9"], "[0;38;2;1;2;3;101m"),
            (&["38:2:1:2:3"], "[0;38;2;1;2;3m"),
            (&["38:2::1:2:3;4:3"], "[0;4:3;38;2;1;2;3m"),
            (&["58:5:4"], "[0;58;5;4m"),
            (&["31", "39"], "[0m"),
            (&["38;5"], "[0m"),
            (&["38;2;1;2"], "[0m"),
            (&["38"], "[0m"),
            (&["38;5;999;1"], "[0;1m"),
            (&["777"], "[0m"),
        ] {
            assert_eq!(after(params), open, "{params:?}");
        }
    }

    #[test]
    fn what_is_no_sgr() {
        let long = "1;".repeat(60);
        for params in ["?25", ">4;2", "1 ", "99999", "1;x", &long] {
            assert_eq!(
                Style::default().apply(params.as_bytes()),
                Applied::Invalid,
                "{params}"
            );
        }
    }

    #[test]
    fn hidden_text_is_refused_but_colour_8_is_not() {
        assert_eq!(Style::default().apply(b"8"), Applied::Rewrite);
        assert_eq!(Style::default().apply(b"31;8"), Applied::Rewrite);
        assert_eq!(Style::default().apply(b"38;5;8"), Applied::Pass);
    }
}
