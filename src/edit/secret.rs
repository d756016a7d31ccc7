//! Answers that nobody may see: passwords and passphrases.

use std::fmt;

use zeroize::{Zeroize as _, Zeroizing};

use crate::term::keys::{Key, Named};

/// The longest answer, in bytes. All of it is allocated at once, so that no copy is left behind by
/// growing.
const SECRET_MAX: usize = 4096;

/// What a key did to a secret answer.
#[derive(Debug)]
pub enum SecretEvent {
    /// Nothing to tell or to paint.
    None,
    /// Enter: the answer. It is wiped from memory when dropped.
    Done(Zeroizing<String>),
    /// Ctrl-C or Ctrl-D: no answer is given.
    Cancelled,
    /// It does not fit.
    Bell,
}

/// An answer being typed without echo. It is kept in no history, no kill ring and no undo, and is
/// wiped from memory after use.
pub struct SecretLine {
    prompt: String,
    text: Zeroizing<String>,
}

impl fmt::Debug for SecretLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretLine")
            .field("prompt", &self.prompt)
            .finish_non_exhaustive()
    }
}

impl SecretLine {
    /// Asks for one answer.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            text: empty(),
        }
    }

    /// The question; all that is to be painted.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Takes a key. After `Done` and `Cancelled` the line is empty again.
    pub fn key(&mut self, key: Key) -> SecretEvent {
        match key {
            Key::Char(c) => return self.push(c.encode_utf8(&mut [0; 4])),
            Key::Paste(mut paste) => {
                // A password of several lines is a paste gone wrong; what follows is no answer.
                let first = paste.text.split(['\r', '\n']).next().unwrap_or_default();
                let event = if paste.cut {
                    SecretEvent::Bell
                } else {
                    self.push(first)
                };
                paste.text.zeroize();
                return event;
            },
            Key::Named(Named::Backspace, mods) if !mods.alt && !mods.ctrl => drop(self.text.pop()),
            Key::Ctrl('h') => drop(self.text.pop()),
            // What is not seen cannot be cut by the word.
            Key::Ctrl('u' | 'w') | Key::Named(Named::Backspace, _) => self.text = empty(),
            Key::Named(Named::Enter, _) | Key::Ctrl('j') => {
                return SecretEvent::Done(std::mem::replace(&mut self.text, empty()));
            },
            Key::Ctrl('c' | 'd') => {
                self.text = empty();
                return SecretEvent::Cancelled;
            },
            _ => {},
        }
        SecretEvent::None
    }

    fn push(&mut self, text: &str) -> SecretEvent {
        if self.text.len() + text.len() > SECRET_MAX {
            return SecretEvent::Bell;
        }
        self.text.push_str(text);
        SecretEvent::None
    }
}

fn empty() -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(SECRET_MAX))
}
