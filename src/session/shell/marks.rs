//! What the shell's prompt looks like among the output.

use super::{Family, Nonce};

/// RS, the record separator of ASCII: rare in output, harmless where it does appear.
pub(super) const RS: u8 = 0x1e;
/// Longer than this after RS is no mark, in bytes: nonce, status, number and separators; the
/// terminal's name.
const MARK_MAX: usize = 160;
/// The name of a terminal is not longer than this, in bytes.
const TTY_MAX: usize = 64;

/// What starts at an RS.
pub(super) enum Mark {
    None,
    Incomplete,
    /// Its length in bytes, and what it says.
    Prompt(usize, Prompt),
    /// Its length in bytes, and the number of the command.
    Reading(usize, String),
    /// Its length in bytes, and what it says in raw mode.
    Raw(usize, RawMark),
    /// Its length in bytes, and what it says of the node.
    Start(usize, Start),
}

/// What a mark says.
pub(super) struct Prompt {
    /// `$?` at the prompt.
    pub(super) now: u8,
    /// What the line's end found in `$?`.
    at_end: Option<u8>,
    /// The number of the last line that set one.
    pub(super) number: String,
    pub(super) family: Family,
}

/// What a mark of raw mode says.
pub(super) struct RawMark {
    pub(super) kind: RawKind,
    /// The number of the line that entered raw mode.
    pub(super) number: String,
}

impl RawMark {
    fn new(kind: RawKind, number: &str) -> Self {
        Self {
            kind,
            number: number.to_owned(),
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum RawKind {
    /// A prompt is shown.
    Prompt {
        /// `$?`.
        status: Option<u8>,
        /// Another for each prompt, the same where one is drawn again.
        count: Option<u32>,
    },
    /// A prompt for the rest of a line is shown.
    Continues,
    /// A line was accepted.
    Accepted,
    /// The person's own shell starts.
    Starts,
    /// The line that leaves raw mode begins.
    Leaves,
}

/// What the node tells before the shell begins: its own word, checked for its form alone.
#[derive(Debug)]
pub(super) struct Start {
    /// The shell's process id.
    pub(super) pid: u32,
    /// The file of its terminal, or empty.
    pub(super) tty: String,
    /// The name of a login shell of a family that line mode does not speak, or empty.
    pub(super) own: String,
}

impl Start {
    fn new(pid: &str, tty: &str, own: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric();
        let is_tty = tty.len() <= TTY_MAX
            && tty
                .strip_prefix("/dev/")
                .is_some_and(|name| !name.is_empty() && name.chars().all(|c| plain(c) || c == '/'));
        Some(Self {
            pid: pid.parse().ok().filter(|pid| *pid > 1)?,
            tty: if is_tty { tty } else { "" }.to_owned(),
            own: own
                .chars()
                .filter(|c| plain(*c) || "_.+-".contains(*c))
                .collect(),
        })
    }
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
    let (Some(first), Some(second), Some(third)) = (fields.next(), fields.next(), fields.next())
    else {
        return Mark::None;
    };
    let fourth = fields.next();
    let (number, kind) = (third, fourth.unwrap_or(third));
    match kind {
        "i" => Mark::Reading(length, second.to_owned()),
        "t" => match Start::new(first, second, third) {
            Some(start) => Mark::Start(length, start),
            None => Mark::None,
        },
        "p" => {
            let kind = RawKind::Prompt {
                status: first.parse().ok(),
                count: second.parse().ok(),
            };
            Mark::Raw(length, RawMark::new(kind, number))
        },
        "c" => Mark::Raw(length, RawMark::new(RawKind::Continues, number)),
        "a" => Mark::Raw(length, RawMark::new(RawKind::Accepted, number)),
        "e" => Mark::Raw(length, RawMark::new(RawKind::Starts, number)),
        "l" => Mark::Raw(length, RawMark::new(RawKind::Leaves, number)),
        _ => {
            let at_end = fourth.and_then(|_| third.parse().ok());
            let prompt = Prompt {
                now: first.parse().unwrap_or(u8::MAX),
                at_end,
                number: second.to_owned(),
                family: match kind {
                    "b" => Family::Bash,
                    "z" => Family::Zsh,
                    _ => Family::Posix,
                },
            };
            Mark::Prompt(length, prompt)
        },
    }
}
