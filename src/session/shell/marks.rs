//! What the shell's prompt looks like among the output.

use super::Nonce;

/// RS, the record separator of ASCII: rare in output, harmless where it does appear.
pub(super) const RS: u8 = 0x1e;
/// Longer than this after RS is no mark, in bytes: nonce, status, number and separators.
const MARK_MAX: usize = 64;

/// What starts at an RS.
pub(super) enum Mark {
    None,
    Incomplete,
    /// Its length in bytes, and what it says.
    Prompt(usize, Prompt),
    /// Its length in bytes, and the number of the command.
    Reading(usize, String),
}

/// What a mark says.
pub(super) struct Prompt {
    /// `$?` at the prompt.
    pub(super) now: u8,
    /// What the line's end found in `$?`.
    at_end: Option<u8>,
    /// The number of the last line that set one.
    pub(super) number: String,
    pub(super) bash: bool,
}

impl Prompt {
    pub(super) fn ended_with(&self) -> u8 {
        self.at_end.unwrap_or(self.now)
    }
}

/// What the text, which begins with an RS, is.
pub(super) fn mark(nonce: &Nonce, text: &[u8]) -> Mark {
    let word = nonce.word();
    let Some(body) = text.get(1..) else {
        return Mark::None;
    };
    let shared = body
        .iter()
        .zip(word.as_bytes())
        .take_while(|(a, b)| a == b)
        .count();
    if shared < word.len() {
        return if shared == body.len() {
            Mark::Incomplete
        } else {
            Mark::None
        };
    }
    let Some(end) = memchr::memchr(RS, body) else {
        return if body.len() < MARK_MAX {
            Mark::Incomplete
        } else {
            Mark::None
        };
    };
    let fields = body.get(word.len()..end).unwrap_or_default();
    let Ok(fields) = std::str::from_utf8(fields) else {
        return Mark::None;
    };
    let length = end + 2;
    let mut fields = fields.split(':').skip(1);
    let (Some(now), Some(number), Some(third)) = (fields.next(), fields.next(), fields.next())
    else {
        return Mark::None;
    };
    if third == "i" {
        return Mark::Reading(length, number.to_owned());
    }
    let (at_end, kind) = match fields.next() {
        Some(kind) => (third.parse().ok(), kind),
        None => (None, third),
    };
    let prompt = Prompt {
        now: now.parse().unwrap_or(u8::MAX),
        at_end,
        number: number.to_owned(),
        bash: kind == "b",
    };
    Mark::Prompt(length, prompt)
}
