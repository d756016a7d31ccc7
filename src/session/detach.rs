//! The keys that detach a terminal from a raw shell: Ctrl-C three times, and `~.` behind a newline.
//!
//! None of the three may reach the node, for two already end what a person wants to leave running.
//! So each press is held until the next key, or until a third can no longer follow in time; then it
//! goes on as it came, byte for byte. What holds a key down (its presses follow faster than a finger
//! can) never detaches, nor does anything in a paste.
//!
//! A Ctrl-C is one of three things: the byte 0x03; `CSI 99;5u` where a program asked for the keyboard
//! protocol of kitty; `CSI 27;5;99~` under xterm's modifyOtherKeys.

use std::time::{Duration, Instant};

mod replies;

pub use replies::ReplySwallower;

const ESC: u8 = 0x1b;
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";
/// How long the start of a sequence waits for its rest, which one `write` of the terminal holds. The
/// Escape key is such a start.
const REST_WAIT: Duration = Duration::from_millis(20);
/// No encoding of a key is longer, in bytes.
const SEQUENCE_MAX: usize = 40;
/// So many presses detach.
const PRESSES: u8 = 3;

/// What happens to a press of the detach key that may be the first or second of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It waits until it is clear that no third follows.
    Hold,
    /// It goes on at once; the third detaches all the same, and goes nowhere.
    Forward,
    /// It is a key as any other.
    Off,
}

/// Which keys detach, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// A press counts if it comes less than this after the one before.
    pub window: Duration,
    /// What comes less than this after the press before is a key that is held down.
    pub repeat: Duration,
    /// What happens to the first two presses.
    pub mode: Mode,
    /// The control byte of the key: 0x03 is Ctrl-C. 0x01 to 0x1f but Tab, Enter and Escape.
    pub key: u8,
    /// `~.` behind a newline detaches, as in ssh; `~~` there is one `~`.
    pub tilde: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(250),
            repeat: Duration::from_millis(45),
            mode: Mode::Hold,
            key: 0x03,
            tilde: true,
        }
    }
}

/// What became of what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed<'a> {
    /// The terminal stays attached.
    Attached,
    /// It is to be detached. What was held is gone, and the machine is as new.
    Detached {
        /// What was typed behind the keys that detach, for whoever reads the terminal next (through
        /// a [`ReplySwallower`]).
        rest: &'a [u8],
    },
}

/// The machine between a terminal and a raw shell.
#[derive(Debug)]
pub struct Detach {
    config: Config,
    /// Presses that count, and their bytes with those of what may stand between them.
    presses: u8,
    held: Vec<u8>,
    last_press: Option<Instant>,
    /// The start of a control sequence, and when it came.
    partial: Vec<u8>,
    partial_since: Option<Instant>,
    /// In a paste.
    pasting: bool,
    /// How much of a paste's beginning or end was just seen, in bytes.
    matched: usize,
    /// The last key was Enter, or none was typed yet.
    fresh_line: bool,
    /// A `~` waits for what follows it, as long as that takes.
    tilde: bool,
}

/// What a sequence is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Not whole yet.
    Partial,
    Press,
    /// The press of a key that is held down, as the terminal says.
    Repeat,
    /// Of no account between presses: the key's release, modifiers alone.
    Neutral,
    Other,
}

impl Detach {
    /// A machine for a terminal that is being attached.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            presses: 0,
            held: Vec::new(),
            last_press: None,
            partial: Vec::new(),
            partial_since: None,
            pasting: false,
            matched: 0,
            fresh_line: true,
            tilde: false,
        }
    }

    /// Takes what one read gave; what is to be passed on goes to `out`.
    pub fn feed<'a>(&mut self, bytes: &'a [u8], now: Instant, out: &mut Vec<u8>) -> Fed<'a> {
        self.tick(now, out);
        if self.is_triple(bytes, now) {
            if self.config.mode == Mode::Forward {
                let two = bytes.get(..self.two_of_three(bytes));
                out.extend_from_slice(two.unwrap_or_default());
            }
            *self = Self::new(self.config);
            return Fed::Detached { rest: &[] };
        }
        for (at, &byte) in bytes.iter().enumerate() {
            if self.byte(byte, now, out) {
                *self = Self::new(self.config);
                let rest = bytes.get(at + 1..).unwrap_or_default();
                return Fed::Detached { rest };
            }
        }
        if !self.partial.is_empty() {
            self.partial_since = Some(now);
        }
        Fed::Attached
    }

    /// When [`Self::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let partial = self.partial_since.map(|since| since + REST_WAIT);
        let held = self.last_press.filter(|_| !self.held.is_empty());
        let held = held.map(|last| last + self.config.window);
        match (partial, held) {
            (Some(partial), Some(held)) => Some(partial.min(held)),
            (one, other) => one.or(other),
        }
    }

    /// Passes on what has waited long enough.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<u8>) {
        if self
            .partial_since
            .is_some_and(|since| now >= since + REST_WAIT)
        {
            let partial = std::mem::take(&mut self.partial);
            self.partial_since = None;
            self.other(&partial, out);
        }
        let window = self.config.window;
        if self.last_press.is_some_and(|last| now >= last + window) {
            self.release(out);
        }
    }

    /// Passes on all that is held: nothing more will be typed.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        self.settle_tilde(out);
        self.release(out);
        out.append(&mut self.partial);
        self.partial_since = None;
    }

    /// One byte; true if it detaches.
    fn byte(&mut self, byte: u8, now: Instant, out: &mut Vec<u8>) -> bool {
        let target = if self.pasting {
            PASTE_ENDS
        } else {
            PASTE_BEGINS
        };
        // Escape stands at the start of these alone.
        self.matched = match target.get(self.matched) {
            Some(wanted) if *wanted == byte => self.matched + 1,
            _ => usize::from(byte == ESC),
        };
        let whole = self.matched == target.len();
        if whole {
            self.matched = 0;
        }
        if self.pasting {
            self.pasting = !whole;
            out.push(byte);
            return false;
        }
        if whole {
            self.pasting = true;
        }
        if !self.partial.is_empty() {
            // Another may begin in the middle of one.
            if byte == ESC || byte == self.config.key {
                let partial = std::mem::take(&mut self.partial);
                self.partial_since = None;
                if self.other(&partial, out) {
                    return true;
                }
            } else {
                self.partial.push(byte);
                let kind = kind(&self.partial, self.config.key);
                if kind == Kind::Partial {
                    return false;
                }
                let sequence = std::mem::take(&mut self.partial);
                self.partial_since = None;
                return self.key(kind, &sequence, now, out);
            }
        }
        if self.config.mode != Mode::Off {
            if byte == ESC {
                self.partial.push(byte);
                return false;
            }
            if byte == self.config.key {
                return self.key(Kind::Press, &[byte], now, out);
            }
        }
        self.other(&[byte], out)
    }

    fn key(&mut self, kind: Kind, sequence: &[u8], now: Instant, out: &mut Vec<u8>) -> bool {
        match kind {
            Kind::Partial | Kind::Other => return self.other(sequence, out),
            Kind::Neutral if self.presses == 0 || self.config.mode == Mode::Forward => {
                self.settle_tilde(out);
                out.extend_from_slice(sequence);
            },
            Kind::Neutral => self.held.extend_from_slice(sequence),
            Kind::Press | Kind::Repeat => {
                self.settle_tilde(out);
                self.fresh_line = false;
                let before = self.last_press.replace(now);
                let held_down = before
                    .is_some_and(|before| now.duration_since(before) < self.config.repeat)
                    || kind == Kind::Repeat;
                if held_down {
                    self.release(out);
                    out.extend_from_slice(sequence);
                    return false;
                }
                self.presses += 1;
                if self.presses == PRESSES {
                    return true;
                }
                if self.config.mode == Mode::Forward {
                    out.extend_from_slice(sequence);
                } else {
                    self.held.extend_from_slice(sequence);
                }
            },
        }
        false
    }

    /// What is no press; true if it is the `.` of `~.`.
    fn other(&mut self, sequence: &[u8], out: &mut Vec<u8>) -> bool {
        self.release(out);
        if self.tilde {
            self.tilde = false;
            match sequence {
                b"." => return true,
                b"~" => {},
                _ => out.push(b'~'),
            }
        } else if self.config.tilde && self.fresh_line && sequence == b"~" {
            self.tilde = true;
            self.fresh_line = false;
            return false;
        }
        self.fresh_line = matches!(sequence, b"\r" | b"\n");
        out.extend_from_slice(sequence);
        false
    }

    fn settle_tilde(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.tilde) {
            out.push(b'~');
        }
    }

    /// What is held was no detaching.
    fn release(&mut self, out: &mut Vec<u8>) {
        self.presses = 0;
        out.append(&mut self.held);
    }

    /// Three presses came as one, and nothing else: a network has put them together. Where presses
    /// came right before, it is a key held down behind such a network.
    fn is_triple(&self, bytes: &[u8], now: Instant) -> bool {
        let recent = |last: Instant| now.duration_since(last) < self.config.window;
        self.config.mode != Mode::Off
            && !self.pasting
            && !self.tilde
            && self.partial.is_empty()
            && !self.last_press.is_some_and(recent)
            && presses(bytes, self.config.key) == Some(PRESSES)
    }

    /// How long the first two of three presses are, in bytes.
    fn two_of_three(&self, bytes: &[u8]) -> usize {
        (0..=bytes.len())
            .rev()
            .find(|end| {
                presses(bytes.get(..*end).unwrap_or_default(), self.config.key)
                    .is_some_and(|count| count + 1 == PRESSES)
            })
            .unwrap_or(0)
    }
}

/// How many presses these bytes are, if they are nothing else.
fn presses(bytes: &[u8], key: u8) -> Option<u8> {
    // What is longer is a paste, or a key held down for long.
    if bytes.len() > 2 * usize::from(PRESSES) * SEQUENCE_MAX {
        return None;
    }
    let mut count = 0_u8;
    let mut sequence = Vec::new();
    for &byte in bytes {
        if sequence.is_empty() && byte == key {
            count = count.checked_add(1)?;
            continue;
        }
        sequence.push(byte);
        match kind(&sequence, key) {
            Kind::Partial => continue,
            Kind::Press => count = count.checked_add(1)?,
            Kind::Neutral => {},
            Kind::Repeat | Kind::Other => return None,
        }
        sequence.clear();
    }
    sequence.is_empty().then_some(count)
}

/// What a sequence is that should begin with an Escape.
fn kind(sequence: &[u8], key: u8) -> Kind {
    let Some(rest) = sequence.strip_prefix(b"\x1b") else {
        return Kind::Other;
    };
    let Some(rest) = rest.strip_prefix(b"[") else {
        return if rest.is_empty() {
            Kind::Partial
        } else {
            Kind::Other
        };
    };
    let Some((last, params)) = rest.split_last() else {
        return Kind::Partial;
    };
    let plain = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
    if !params.iter().all(plain) || sequence.len() > SEQUENCE_MAX {
        return Kind::Other;
    }
    let Ok(params) = std::str::from_utf8(params) else {
        return Kind::Other;
    };
    match last {
        last if plain(last) => Kind::Partial,
        b'u' => kitty(params, key),
        b'~' => other_keys(params, key),
        _ => Kind::Other,
    }
}

/// The number that encodings have for the key of a control byte: its letter, not shifted.
fn code_of(key: u8) -> u32 {
    match key {
        1..=26 => u32::from(key | 0x60),
        _ => u32::from(key | 0x40),
    }
}

/// Ctrl alone, as both encodings count: 1 and a bit for each modifier. The locks do not matter.
fn is_ctrl(modifiers: &str) -> bool {
    const CTRL: u32 = 4;
    const LOCKS: u32 = 64 | 128;
    let bits = modifiers.parse::<u32>().ok().and_then(|n| n.checked_sub(1));
    bits.is_some_and(|bits| bits & !LOCKS == CTRL)
}

/// `CSI code[:shifted[:base]] ; modifiers[:event] ; text u`: the keyboard protocol of kitty.
fn kitty(params: &str, key: u8) -> Kind {
    /// Keys that only modify others.
    const MODIFIERS: std::ops::RangeInclusive<u32> = 57441..=57454;
    let mut params = params.split(';');
    let mut codes = params.next().unwrap_or_default().split(':');
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
    let code = number(codes.next());
    // What stands there on the layout of a PC: 'c', where the letter itself is Cyrillic.
    let base = number(codes.nth(1));
    let mut modifiers = params.next().unwrap_or_default().split(':');
    let held = modifiers.next().unwrap_or_default();
    let event = modifiers.next().unwrap_or("1");
    let wanted = Some(code_of(key));
    if code.is_some_and(|code| MODIFIERS.contains(&code)) {
        return Kind::Neutral;
    }
    if code != wanted && base != wanted {
        return Kind::Other;
    }
    match event {
        // Ctrl may have been let go first.
        "3" => Kind::Neutral,
        _ if !is_ctrl(held) => Kind::Other,
        "1" => Kind::Press,
        "2" => Kind::Repeat,
        _ => Kind::Other,
    }
}

/// `CSI 27 ; modifiers ; code ~`: xterm's modifyOtherKeys.
fn other_keys(params: &str, key: u8) -> Kind {
    let mut params = params.split(';');
    let (Some("27"), Some(held), Some(code), None) =
        (params.next(), params.next(), params.next(), params.next())
    else {
        return Kind::Other;
    };
    if code.parse() == Ok(code_of(key)) && is_ctrl(held) {
        Kind::Press
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests;
