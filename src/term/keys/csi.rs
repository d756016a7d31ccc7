//! What a whole escape sequence means.
//!
//! termion's parser knows the classic keys, but it panics on what is cut short and on numbers that
//! do not fit, and knows few modifiers. So each sequence is checked and taken apart here; termion
//! sees its plain form only, and the modifiers are put back after.

use std::io;

use termion::event::{Event, Key as Classic, parse_event};

use super::{Key, Mods, Named};

/// The parameters of a control sequence (ECMA-48 §5.4): numbers between `;`, each with
/// sub-parameters between `:` as kitty sends them. An empty one is `None`.
struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// `None` for a private or unknown form: an answer, not a key.
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let plain = bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b';' | b':'));
        std::str::from_utf8(bytes).ok().filter(|_| plain).map(Self)
    }

    fn len(&self) -> usize {
        if self.0.is_empty() {
            0
        } else {
            self.0.split(';').count()
        }
    }

    fn sub(&self, index: usize, sub: usize) -> Option<u32> {
        self.0
            .split(';')
            .nth(index)?
            .split(':')
            .nth(sub)?
            .parse()
            .ok()
    }

    fn get(&self, index: usize) -> Option<u32> {
        self.sub(index, 0)
    }

    /// The modifiers in parameter `index`, as xterm and kitty number them (1 + a bit each). `None`
    /// if the key is none of ours: held with Super or Hyper, or let go (kitty's event type 3).
    fn mods(&self, index: usize, alt: bool) -> Option<Mods> {
        const SUPER_OR_HYPER: u32 = 8 | 16;
        if self.sub(index, 1) == Some(3) {
            return None;
        }
        let bits = self.get(index).unwrap_or(1).saturating_sub(1);
        (bits & SUPER_OR_HYPER == 0).then_some(Mods {
            shift: bits & 1 != 0,
            alt: alt || bits & (2 | 32) != 0,
            ctrl: bits & 4 != 0,
        })
    }
}

/// The key of `ESC [ bytes end`, if it is one.
pub(super) fn csi(bytes: &[u8], end: u8, alt: bool) -> Option<Key> {
    let params = Params::new(bytes)?;
    match end {
        b'~' if params.get(0) == Some(27) && params.len() == 3 => {
            // xterm's modifyOtherKeys: CSI 27 ; modifiers ; character ~
            with_mods(char::from_u32(params.get(2)?)?, params.mods(1, alt)?)
        },
        b'~' => Some(Key::Named(by_number(params.get(0)?)?, params.mods(1, alt)?)),
        // rxvt: Ctrl, and Ctrl-Shift.
        b'^' => Some(Key::Named(
            by_number(params.get(0)?)?,
            Mods {
                ctrl: true,
                ..params.mods(1, alt)?
            },
        )),
        b'@' => {
            let mods = Mods {
                ctrl: true,
                shift: true,
                ..params.mods(1, alt)?
            };
            Some(Key::Named(by_number(params.get(0)?)?, mods))
        },
        b'u' => kitty(&params, alt),
        // Not R (F3): a cursor position report has the same form.
        b'A'..=b'D' | b'F' | b'H' => Some(Key::Named(arrow(end)?, params.mods(1, alt)?)),
        b'P' | b'Q' | b'S' => Some(Key::Named(f1_to_f4(end)?, params.mods(1, alt)?)),
        b'Z' => Some(Key::Named(
            Named::Tab,
            Mods {
                shift: true,
                ..params.mods(1, alt)?
            },
        )),
        // rxvt: Shift and an arrow.
        b'a'..=b'd' if bytes.is_empty() => Some(Key::Named(
            arrow(end.to_ascii_uppercase())?,
            Mods {
                alt,
                shift: true,
                ctrl: false,
            },
        )),
        _ => None,
    }
}

/// The key of `ESC O bytes end`, if it is one (xterm's application modes, VT220's keypad).
pub(super) fn ss3(bytes: &[u8], end: u8, alt: bool) -> Option<Key> {
    // Some old terminals put the modifiers here: ESC O 5 A.
    let params = Params::new(bytes)?;
    let mods = params.mods(params.len().saturating_sub(1), alt)?;
    match end {
        b'A'..=b'D' | b'F' | b'H' => Some(Key::Named(arrow(end)?, mods)),
        b'P'..=b'S' => Some(Key::Named(f1_to_f4(end)?, mods)),
        b'M' => Some(Key::Named(Named::Enter, mods)),
        b'I' => Some(Key::Named(Named::Tab, mods)),
        // rxvt: Ctrl and an arrow.
        b'a'..=b'd' => Some(Key::Named(
            arrow(end.to_ascii_uppercase())?,
            Mods { ctrl: true, ..mods },
        )),
        b'X' => with_mods('=', mods),
        b' ' => with_mods(' ', mods),
        // The keypad sends the character's code plus 0x40: j for *, p for 0.
        b'j'..=b'y' => with_mods(char::from(end - 0x40), mods),
        _ => None,
    }
}

/// The Linux console's `ESC [ [ A` to `E`.
pub(super) fn linux_function_key(end: u8) -> Option<Key> {
    classic(&[0x1b, b'[', b'[', end]).map(Key::named)
}

fn arrow(end: u8) -> Option<Named> {
    classic(&[0x1b, b'[', end])
}

fn f1_to_f4(end: u8) -> Option<Named> {
    classic(&[0x1b, b'O', end])
}

fn by_number(number: u32) -> Option<Named> {
    // More than two digits is no key, and termion wants a u8.
    (number < 100)
        .then(|| classic(format!("\x1b[{number}~").as_bytes()))
        .flatten()
}

/// What termion says of a whole, plain sequence.
fn classic(sequence: &[u8]) -> Option<Named> {
    let (first, rest) = sequence.split_first()?;
    let mut rest = rest.iter().map(|byte| Ok::<u8, io::Error>(*byte));
    let Ok(Event::Key(key)) = parse_event(*first, &mut rest) else {
        return None;
    };
    Some(match key {
        Classic::Up => Named::Up,
        Classic::Down => Named::Down,
        Classic::Left => Named::Left,
        Classic::Right => Named::Right,
        Classic::Home => Named::Home,
        Classic::End => Named::End,
        Classic::PageUp => Named::PageUp,
        Classic::PageDown => Named::PageDown,
        Classic::Insert => Named::Insert,
        Classic::Delete => Named::Delete,
        Classic::F(n) => Named::F(n),
        _ => return None,
    })
}

/// kitty's `CSI code:shifted ; modifiers:event ; text u`.
fn kitty(params: &Params<'_>, alt: bool) -> Option<Key> {
    let code = params.get(0)?;
    let mods = params.mods(1, alt)?;
    if let Some(name) = functional(code) {
        return Some(Key::Named(name, mods));
    }
    let c = match code {
        // The keypad.
        57399..=57408 => char::from_digit(code - 57399, 10)?,
        57409 => '.',
        57410 => '/',
        57411 => '*',
        57412 => '-',
        57413 => '+',
        57415 => '=',
        57416 => ',',
        // Modifiers pressed alone, media keys, and what is to come.
        57344..=63743 => return None,
        _ => char::from_u32(code)?,
    };
    let shifted = params
        .sub(0, 1)
        .and_then(char::from_u32)
        .filter(|_| mods.shift);
    with_mods(shifted.unwrap_or(c), mods)
}

/// kitty's functional keys in the private use area ("Functional key definitions").
fn functional(code: u32) -> Option<Named> {
    Some(match code {
        57414 => Named::Enter,
        57417 => Named::Left,
        57418 => Named::Right,
        57419 => Named::Up,
        57420 => Named::Down,
        57421 => Named::PageUp,
        57422 => Named::PageDown,
        57423 => Named::Home,
        57424 => Named::End,
        57425 => Named::Insert,
        57426 => Named::Delete,
        57376..=57398 => Named::F(u8::try_from(code - 57376 + 13).ok()?),
        _ => return None,
    })
}

/// The key of a character and modifiers that were sent apart.
fn with_mods(c: char, mods: Mods) -> Option<Key> {
    let named = match c {
        '\r' => Named::Enter,
        '\t' => Named::Tab,
        '\x1b' => Named::Esc,
        '\x7f' | '\x08' => Named::Backspace,
        _ => {
            return if c.is_control() {
                None
            } else {
                Some(character(c, mods))
            };
        },
    };
    Some(Key::Named(named, mods))
}

fn character(c: char, mods: Mods) -> Key {
    let c = if mods.shift && c.is_alphabetic() {
        let mut upper = c.to_uppercase();
        upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
    } else {
        c
    };
    match (mods.ctrl, mods.alt) {
        (false, false) => Key::Char(c),
        (false, true) => Key::Alt(c),
        (true, alt) => {
            // As the classic encoding has them.
            let c = match c {
                ' ' => '@',
                '/' => '_',
                '-' if mods.shift => '_',
                _ => c.to_lowercase().next().unwrap_or(c),
            };
            match (c, alt) {
                // Two names for one key, in the classic encoding.
                ('m', false) => Key::named(Named::Enter),
                ('i', false) => Key::named(Named::Tab),
                (_, false) => Key::Ctrl(c),
                (_, true) => Key::CtrlAlt(c),
            }
        },
    }
}
