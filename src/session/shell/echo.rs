//! What of a shell's output is the command's own: echoes and a shell's own words are taken away.

use super::raw::Veil;
use super::{ASH_NOISE, ASH_QUERY, ECHOES, INPUT_LINE_MAX, Piece, START_UP_MAX, Shell, State};

impl Shell {
    /// The shell itself may say something to an interrupt.
    pub(super) fn is_interrupted(&self) -> bool {
        if self.is_raw() || self.veil.is_some() {
            return false;
        }
        match self.state {
            State::Busy => self.interrupted,
            State::Settling => self.strays.is_none(),
            State::Starting | State::Idle | State::Unmarked | State::Raw => false,
        }
    }

    /// Output that ends at a mark. A shell that was interrupted prints an empty line first.
    pub(super) fn before_mark(
        &mut self,
        text: &[u8],
        status: u8,
        found: &mut dyn FnMut(Piece<'_>),
    ) {
        let own = status == 130 && self.is_interrupted();
        let text = if own {
            text.strip_suffix(b"\n").unwrap_or(text)
        } else {
            text
        };
        self.output(text, found);
        self.release_return(found);
        // An echo that never ended is no echo.
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.at_start = false;
            if self.veil == Some(Veil::Awaited) {
                return found(Piece::Raw(&held));
            }
            self.output(&held, found);
        }
    }

    pub(super) fn output(&mut self, text: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        if text.is_empty() {
            return;
        }
        if self.is_raw() || self.veil.is_some() {
            return self.raw_output(text, found);
        }
        match self.state {
            State::Starting => {
                let room = START_UP_MAX.saturating_sub(self.start_up.len());
                self.start_up
                    .extend_from_slice(text.get(..room.min(text.len())).unwrap_or(text));
            },
            State::Busy | State::Settling if self.at_start => self.first_output(text, found),
            State::Idle | State::Settling if text.starts_with(ASH_QUERY) => {
                let rest = text.strip_prefix(ASH_QUERY).unwrap_or_default();
                self.output(rest, found);
            },
            State::Idle | State::Settling if text.starts_with(ASH_NOISE) => {
                let rest = text.strip_prefix(ASH_NOISE).unwrap_or_default();
                if !rest.is_empty() {
                    found(Piece::Output(rest));
                }
            },
            State::Busy if self.cooked => self.uncooked(text, found),
            State::Idle | State::Busy | State::Settling | State::Unmarked | State::Raw => {
                found(Piece::Output(text));
            },
        }
    }

    /// Takes back what the terminal made of newlines: `\r\n` was `\n`.
    fn uncooked(&mut self, text: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        let mut plain = Vec::with_capacity(text.len() + 1);
        for &byte in text {
            if std::mem::take(&mut self.held_return) && byte != b'\n' {
                plain.push(b'\r');
            }
            if byte == b'\r' {
                self.held_return = true;
            } else {
                plain.push(byte);
            }
        }
        if !plain.is_empty() {
            found(Piece::Output(&plain));
        }
    }

    /// Takes the echo of a command away, where a program had turned echo on.
    pub(super) fn first_output(&mut self, text: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        if let Some(rest) = text.strip_prefix(ASH_QUERY) {
            return self.output(rest, found);
        }
        if ASH_QUERY.starts_with(text) {
            return self.held.extend_from_slice(text);
        }
        let echo = ECHOES.iter().find(|echo| text.starts_with(echo));
        if let Some(echo) = echo {
            self.echoing = true;
            match memchr::memchr(b'\n', text.get(echo.len()..).unwrap_or_default()) {
                // Further lines of the same command may follow: still at the start.
                Some(end) => {
                    let end = echo.len() + end;
                    self.cooked = text.get(end - 1) == Some(&b'\r');
                    let rest = text.get(end + 1..).unwrap_or_default();
                    self.output(rest, found);
                },
                None if text.len() <= INPUT_LINE_MAX => self.held.extend_from_slice(text),
                None => {
                    self.at_start = false;
                    self.output(text, found);
                },
            }
        } else if ECHOES.iter().any(|echo| echo.starts_with(text)) {
            self.held.extend_from_slice(text);
        } else {
            self.at_start = false;
            self.output(text, found);
        }
    }
}
