//! Bytes from the terminal → keys.
//!
//! The framer here cuts the stream into characters, whole escape sequences and pastes, however the
//! reads were split; [`csi`] says what a whole sequence means. What a terminal answers to a query
//! (device attributes, cursor position, mode and colour reports), and what a mouse sends, is
//! swallowed: an answer that comes late must not turn up as typed text. Memory is bounded on any
//! input.

mod csi;
mod key;
#[cfg(test)]
mod tests;

use std::mem;
use std::time::{Duration, Instant};

pub use key::{Key, Mods, Named, Paste};

/// How long an ESC waits for the rest of a sequence before it is the Esc key.
pub const ESC_WAIT: Duration = Duration::from_millis(50);
/// How long an unfinished sequence, which nobody types by hand, waits before it is dropped.
const SEQUENCE_WAIT: Duration = Duration::from_secs(1);
/// The most that one paste can bring, in bytes; the rest is dropped.
pub const PASTE_MAX: usize = 1 << 20;
/// The longest control sequence that can mean a key.
const SEQUENCE_MAX: usize = 64;
/// What ends a bracketed paste (xterm's ctlseqs, "Bracketed Paste Mode").
const PASTE_END: &[u8] = b"\x1b[201~";

/// Where in the stream the decoder is.
#[derive(Debug)]
enum State {
    Ground,
    /// In a character of several bytes.
    Utf8 {
        bytes: [u8; 4],
        have: usize,
        alt: bool,
    },
    /// After ESC, or, with `alt`, after ESC ESC.
    Escape {
        alt: bool,
    },
    /// After `ESC [`; what followed so far.
    Csi {
        alt: bool,
        bytes: Vec<u8>,
    },
    /// In a control sequence too long to be a key.
    CsiJunk,
    /// After `ESC O`; the parameters so far.
    Ss3 {
        alt: bool,
        bytes: Vec<u8>,
    },
    /// In an OSC, DCS, SOS, PM or APC string, whose content is dropped.
    Text {
        alt: bool,
        intro: u8,
        any: bool,
        esc: bool,
    },
    /// In the three bytes of an X10 mouse report.
    Mouse {
        left: u8,
    },
    Paste(PasteState),
}

#[derive(Debug, Default)]
struct PasteState {
    bytes: Vec<u8>,
    cut: bool,
    /// How much of [`PASTE_END`] the last bytes were.
    matched: usize,
}

/// What a byte did to the state that it came to.
enum Step {
    /// It was taken.
    Taken(State),
    /// It ended the state, but belongs to what follows.
    Again(State),
}

/// Turns bytes from a terminal into keys.
#[derive(Debug)]
pub struct KeyDecoder {
    state: State,
    deadline: Option<Instant>,
}

impl Default for KeyDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self {
            state: State::Ground,
            deadline: None,
        }
    }

    /// Takes what was read, split in any way, and gives the keys that it completes.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Key> {
        let mut keys = self.tick(now);
        for &byte in bytes {
            self.byte(byte, &mut keys);
        }
        if !bytes.is_empty() {
            self.deadline = self.wait().map(|wait| now + wait);
        }
        keys
    }

    /// When [`Self::tick`] is to be called if nothing is fed before.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Resolves what has waited long enough: a lone ESC is the Esc key, a broken sequence is
    /// dropped. A paste waits for its end however long it takes: what came after a break would be
    /// taken for typed lines and be run.
    pub fn tick(&mut self, now: Instant) -> Vec<Key> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.deadline = None;
        let mut keys = Vec::new();
        let typed = |keys: &mut Vec<Key>, alt, c| {
            if alt {
                keys.push(Key::named(Named::Esc));
            }
            keys.push(Key::Alt(c));
        };
        match mem::replace(&mut self.state, State::Ground) {
            State::Escape { alt } => {
                if alt {
                    keys.push(Key::named(Named::Esc));
                }
                keys.push(Key::named(Named::Esc));
            },
            State::Csi { alt, bytes } if bytes.is_empty() => typed(&mut keys, alt, '['),
            State::Ss3 { alt, bytes } if bytes.is_empty() => typed(&mut keys, alt, 'O'),
            State::Text {
                alt,
                intro,
                any: false,
                esc: false,
            } => {
                typed(&mut keys, alt, char::from(intro));
            },
            _ => {},
        }
        keys
    }

    /// How long the present state may wait for its next byte.
    fn wait(&self) -> Option<Duration> {
        match &self.state {
            State::Ground | State::Utf8 { .. } | State::Paste(_) => None,
            State::Escape { .. } => Some(ESC_WAIT),
            State::Csi { bytes, .. } | State::Ss3 { bytes, .. } if bytes.is_empty() => {
                Some(ESC_WAIT)
            },
            State::Text {
                any: false,
                esc: false,
                ..
            } => Some(ESC_WAIT),
            _ => Some(SEQUENCE_WAIT),
        }
    }

    fn byte(&mut self, byte: u8, keys: &mut Vec<Key>) {
        loop {
            match step(mem::replace(&mut self.state, State::Ground), byte, keys) {
                Step::Taken(state) => {
                    self.state = state;
                    return;
                },
                Step::Again(state) => self.state = state,
            }
        }
    }
}

fn step(state: State, byte: u8, keys: &mut Vec<Key>) -> Step {
    match state {
        State::Ground => Step::Taken(ground(byte, keys)),
        State::Utf8 { bytes, have, alt } => utf8(bytes, have, alt, byte, keys),
        State::Escape { alt } => escape(alt, byte, keys),
        State::Csi { alt, bytes } => control_sequence(alt, bytes, byte, keys),
        State::CsiJunk => match byte {
            0x20..=0x3f => Step::Taken(State::CsiJunk),
            0x40..=0x7e => Step::Taken(State::Ground),
            _ => Step::Again(State::Ground),
        },
        State::Ss3 { alt, mut bytes } => match byte {
            b'0'..=b'9' | b';' if bytes.len() < SEQUENCE_MAX => {
                bytes.push(byte);
                Step::Taken(State::Ss3 { alt, bytes })
            },
            0x20..=0x7e => {
                keys.extend(csi::ss3(&bytes, byte, alt));
                Step::Taken(State::Ground)
            },
            _ => Step::Again(State::Ground),
        },
        State::Text { esc: true, .. } => match byte {
            b'\\' => Step::Taken(State::Ground),
            // Not the end of the string but the start of something else.
            _ => Step::Again(State::Escape { alt: false }),
        },
        State::Text { alt, intro, .. } => match byte {
            0x07 => Step::Taken(State::Ground),
            0x1b => Step::Taken(State::Text {
                alt,
                intro,
                any: true,
                esc: true,
            }),
            // No answer holds one, and Ctrl-C must get through a string that never ends.
            0x00..=0x1f => Step::Again(State::Ground),
            _ => Step::Taken(State::Text {
                alt,
                intro,
                any: true,
                esc: false,
            }),
        },
        State::Mouse { left } => Step::Taken(if left > 1 {
            State::Mouse { left: left - 1 }
        } else {
            State::Ground
        }),
        State::Paste(paste) => Step::Taken(pasted(paste, byte, keys)),
    }
}

fn ground(byte: u8, keys: &mut Vec<Key>) -> State {
    match byte {
        0x1b => return State::Escape { alt: false },
        0x00..=0x1f | 0x7f => keys.push(control(byte)),
        0x20..=0x7e => keys.push(Key::Char(char::from(byte))),
        _ => return first_of_utf8(byte, false, keys),
    }
    State::Ground
}

/// The key of an ASCII control character.
fn control(byte: u8) -> Key {
    match byte {
        b'\r' => Key::named(Named::Enter),
        b'\t' => Key::named(Named::Tab),
        0x1b => Key::named(Named::Esc),
        0x7f => Key::named(Named::Backspace),
        _ => Key::Ctrl(char::from(byte | 0x40).to_ascii_lowercase()),
    }
}

fn first_of_utf8(byte: u8, alt: bool, keys: &mut Vec<Key>) -> State {
    match utf8([0; 4], 0, alt, byte, keys) {
        Step::Taken(state) | Step::Again(state) => state,
    }
}

fn utf8(mut bytes: [u8; 4], have: usize, alt: bool, byte: u8, keys: &mut Vec<Key>) -> Step {
    let Some(slot) = bytes.get_mut(have) else {
        return Step::Again(State::Ground);
    };
    *slot = byte;
    let so_far = bytes.get(..=have).unwrap_or_default();
    match std::str::from_utf8(so_far) {
        Ok(text) => {
            // C1 control characters are no keys.
            keys.extend(
                text.chars()
                    .filter(|c| !c.is_control())
                    .map(|c| if alt { Key::Alt(c) } else { Key::Char(c) }),
            );
            Step::Taken(State::Ground)
        },
        Err(error) if error.error_len().is_none() => Step::Taken(State::Utf8 {
            bytes,
            have: have + 1,
            alt,
        }),
        Err(_) => {
            keys.push(Key::Char(char::REPLACEMENT_CHARACTER));
            if have == 0 {
                Step::Taken(State::Ground)
            } else {
                Step::Again(State::Ground)
            }
        },
    }
}

fn escape(alt: bool, byte: u8, keys: &mut Vec<Key>) -> Step {
    let esc = Key::named(Named::Esc);
    let state = match byte {
        b'[' => State::Csi {
            alt,
            bytes: Vec::new(),
        },
        b'O' => State::Ss3 {
            alt,
            bytes: Vec::new(),
        },
        b']' | b'P' | b'X' | b'^' | b'_' => State::Text {
            alt,
            intro: byte,
            any: false,
            esc: false,
        },
        0x1b => {
            if alt {
                keys.push(esc);
            }
            State::Escape { alt: true }
        },
        _ => {
            // ESC ESC x: only a sequence can take a second ESC as its Alt.
            if alt {
                keys.push(esc.clone());
            }
            match byte {
                // An interrupt is never anything else.
                0x03 => keys.extend([esc, Key::Ctrl('c')]),
                0x00..=0x1f | 0x7f => keys.push(match control(byte) {
                    Key::Ctrl(c) => Key::CtrlAlt(c),
                    Key::Named(name, _) => Key::Named(name, Mods::ALT),
                    key => key,
                }),
                0x20..=0x7e => keys.push(Key::Alt(char::from(byte))),
                _ => return Step::Taken(first_of_utf8(byte, true, keys)),
            }
            State::Ground
        },
    };
    Step::Taken(state)
}

fn control_sequence(alt: bool, mut bytes: Vec<u8>, byte: u8, keys: &mut Vec<Key>) -> Step {
    // The Linux console's F1 to F5: CSI [ A to CSI [ E.
    if bytes == b"[" {
        return match byte {
            b'A'..=b'E' => {
                keys.extend(csi::linux_function_key(byte));
                Step::Taken(State::Ground)
            },
            _ => Step::Again(State::Ground),
        };
    }
    match byte {
        b'[' if bytes.is_empty() => {
            bytes.push(byte);
            Step::Taken(State::Csi { alt, bytes })
        },
        0x20..=0x3f if bytes.len() < SEQUENCE_MAX => {
            bytes.push(byte);
            Step::Taken(State::Csi { alt, bytes })
        },
        0x20..=0x3f => Step::Taken(State::CsiJunk),
        b'M' if bytes.is_empty() => Step::Taken(State::Mouse { left: 3 }),
        b'~' if bytes == b"200" => Step::Taken(State::Paste(PasteState::default())),
        0x40..=0x7e => {
            keys.extend(csi::csi(&bytes, byte, alt));
            Step::Taken(State::Ground)
        },
        // A control character breaks the sequence off.
        _ => Step::Again(State::Ground),
    }
}

fn pasted(mut paste: PasteState, byte: u8, keys: &mut Vec<Key>) -> State {
    if PASTE_END.get(paste.matched) == Some(&byte) {
        paste.matched += 1;
        if paste.matched == PASTE_END.len() {
            keys.push(Key::Paste(paste.end()));
            return State::Ground;
        }
        return State::Paste(paste);
    }
    // ESC stands only at the start of the end mark, so a failed match can start anew only here.
    let matched = mem::take(&mut paste.matched);
    paste.keep(PASTE_END.get(..matched).unwrap_or_default());
    if byte == 0x1b {
        paste.matched = 1;
    } else {
        paste.keep(&[byte]);
    }
    State::Paste(paste)
}

impl PasteState {
    fn keep(&mut self, bytes: &[u8]) {
        let room = PASTE_MAX - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn end(self) -> Paste {
        // Half a character at the cut is not worth a replacement character.
        let whole = match std::str::from_utf8(&self.bytes) {
            Err(error) if self.cut && error.error_len().is_none() => error.valid_up_to(),
            _ => self.bytes.len(),
        };
        let mut bytes = self.bytes;
        bytes.truncate(whole);
        let mut text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        let mut cut = self.cut;
        if text.len() > PASTE_MAX {
            let whole = (0..=PASTE_MAX).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(whole.unwrap_or(0));
            cut = true;
        }
        Paste { text, cut }
    }
}
