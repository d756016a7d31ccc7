//! The answers of a terminal that is not there.
//!
//! Programs ask terminals: fish waits seconds for DA1, vim for colours. While a terminal is attached
//! it answers for itself; while none is, these do. Formats: xterm's ctlseqs, VT510 manual, and
//! kitty's keyboard protocol.

use super::Facts;
use super::model::Model;
use super::modes::Modes;
use super::scan::Csi;
use super::trace::trace;
use crate::model::Size;

/// The most bytes of answers that wait to be taken. Further questions get none.
const MOST_BYTES: usize = 4096;
/// The most answers between two takings that have to read the model's painting.
const MOST_PAINTINGS: u32 = 32;

/// What answers are made of.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) size: Size,
    pub(super) modes: &'a Modes,
    pub(super) model: &'a Model,
    pub(super) facts: &'a Facts,
    /// Colours 10, 11, 12 as the program set them.
    pub(super) colours: &'a [Option<String>; 3],
}

/// Answers that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: Vec<u8>,
    paintings: u32,
}

impl Replies {
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.paintings = 0;
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn add(&mut self, reply: &str) {
        if self.waiting.len() + reply.len() <= MOST_BYTES {
            self.waiting.extend(reply.bytes());
        }
    }

    /// Answers a control sequence, if it is a question.
    pub(super) fn csi(&mut self, csi: &Csi<'_>, from: &Source<'_>) {
        let first = csi.parameter(0).unwrap_or(0);
        match csi.kind() {
            (0, 0, b'c') if first == 0 => self.add(from.facts.attributes()),
            (b'>', 0, b'c') if first == 0 => self.add(from.facts.secondary()),
            (b'=', 0, b'c') if first == 0 => self.add("\x1bP!|00000000\x1b\\"),
            (0, 0, b'n') if first == 5 => self.add("\x1b[0n"),
            (0, 0, b'n') if first == 6 => self.position("", "", from),
            (b'?', 0, b'n') => match first {
                6 => self.position("?", ";1", from),
                // No printer; no locator; the keyboard is American; a dark scheme.
                15 => self.add("\x1b[?13n"),
                25 => self.add("\x1b[?20n"),
                26 => self.add("\x1b[?27;1;0;0n"),
                996 => self.add("\x1b[?997;1n"),
                _ => {},
            },
            (b'?', 0, b'u') if from.facts.kitty() => {
                self.add(&format!("\x1b[?{}u", from.modes.kitty()));
            },
            (b'?', 0, b'm') if first == 4 => {
                self.add(&format!("\x1b[>4;{}m", from.modes.modify_other_keys()));
            },
            (b'>', 0, b'q') if first == 0 => {
                self.add(&format!("\x1bP>|{}\x1b\\", from.facts.version()));
            },
            (0, 0, b't') => self.window(first, from),
            // Graphics: an error, as of a terminal without any.
            (b'?', 0, b'S') if first > 0 => self.add(&format!("\x1b[?{first};1S")),
            _ => {},
        }
        if let (marker @ (0 | b'?'), b'$', b'p') = csi.kind() {
            let private = marker == b'?';
            let status = from.modes.report(private, first);
            let marker = if private { "?" } else { "" };
            self.add(&format!("\x1b[{marker}{first};{status}$y"));
        }
    }

    fn position(&mut self, marker: &str, after: &str, from: &Source<'_>) {
        if self.paintings == MOST_PAINTINGS {
            return;
        }
        self.paintings += 1;
        let at = trace(&from.model.dump_cursor(), from.size);
        let col = at.col.min(from.size.cols - 1) + 1;
        self.add(&format!("\x1b[{marker}{};{col}{after}R", at.row + 1));
    }

    /// XTWINOPS: sizes, and little else. Titles are not told: they may hold what a program wants
    /// typed.
    fn window(&mut self, what: u16, from: &Source<'_>) {
        let Size { cols, rows } = from.size;
        let (width, height) = from.facts.cell();
        let pixels = |cells: u16, each: u16| u32::from(cells) * u32::from(each);
        let reply = match what {
            11 => "\x1b[1t".to_owned(),
            13 => "\x1b[3;0;0t".to_owned(),
            14 => format!("\x1b[4;{};{}t", pixels(rows, height), pixels(cols, width)),
            15 => format!("\x1b[5;{};{}t", pixels(rows, height), pixels(cols, width)),
            16 => format!("\x1b[6;{height};{width}t"),
            18 => format!("\x1b[8;{rows};{cols}t"),
            19 => format!("\x1b[9;{rows};{cols}t"),
            20 => "\x1b]L\x1b\\".to_owned(),
            21 => "\x1b]l\x1b\\".to_owned(),
            _ => return,
        };
        self.add(&reply);
    }

    /// Answers an operating system command, if it asks for colours.
    pub(super) fn osc(&mut self, body: &[u8], bell: bool, from: &Source<'_>) -> Option<()> {
        let end = if bell { "\x07" } else { "\x1b\\" };
        let text = std::str::from_utf8(body).ok()?;
        let (number, rest) = text.split_once(';')?;
        if number == "4" {
            let mut words = rest.split(';');
            while let (Some(index), Some(what)) = (words.next(), words.next()) {
                if what == "?"
                    && let Ok(index) = index.parse()
                {
                    let colour = from.facts.palette(index);
                    self.add(&format!("\x1b]4;{index};{colour}{end}"));
                }
            }
            return Some(());
        }
        let first: u8 = number.parse().ok().filter(|n| (10..=12).contains(n))?;
        for (number, what) in (first..=12).zip(rest.split(';')) {
            if what == "?" {
                let own = from.colours.get(usize::from(number - 10))?.as_deref();
                let colour = own.or_else(|| from.facts.dynamic(number))?;
                self.add(&format!("\x1b]{number};{colour}{end}"));
            }
        }
        Some(())
    }

    /// Answers a device control string, if it is a question: DECRQSS, XTGETTCAP.
    pub(super) fn dcs(&mut self, body: &[u8], from: &Source<'_>) {
        if let Some(names) = body.strip_prefix(b"+q") {
            let sane = |b: &u8| b.is_ascii_hexdigit() || *b == b';';
            if names.len() <= 256 && names.iter().all(sane) {
                let names = String::from_utf8_lossy(names);
                self.add(&format!("\x1bP0+r{names}\x1b\\"));
            }
        } else if let Some(what) = body.strip_prefix(b"$q") {
            match self.setting(what, from) {
                Some(setting) => self.add(&format!("\x1bP1$r{setting}\x1b\\")),
                None => self.add("\x1bP0$r\x1b\\"),
            }
        }
    }

    fn setting(&mut self, what: &[u8], from: &Source<'_>) -> Option<String> {
        match what {
            b"m" if self.paintings < MOST_PAINTINGS => {
                self.paintings += 1;
                let at = trace(&from.model.dump_cursor(), from.size);
                let attributes = format!("0;{}", at.attributes);
                Some(format!("{}m", attributes.trim_end_matches(';')))
            },
            b" q" => Some(format!("{} q", from.modes.cursor_style())),
            b"r" => {
                let (top, bottom) = from.modes.region().unwrap_or((1, from.size.rows));
                Some(format!("{top};{bottom}r"))
            },
            b"t" => Some(format!("{}t", from.size.rows)),
            _ => None,
        }
    }
}
