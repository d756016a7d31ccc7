//! A terminal's late replies, kept from whoever reads the terminal after a raw shell.

use std::time::{Duration, Instant};

const ESC: u8 = 0x1b;
/// How long after a detachment replies may come.
const WINDOW: Duration = Duration::from_millis(300);
/// How long the start of a sequence waits for its rest. The Escape key is such a start.
const REST_WAIT: Duration = Duration::from_millis(50);
/// A reply that does not end goes on for so many bytes at most.
const REPLY_MAX: usize = 4096;

/// Drops what a terminal answers to the programs of a raw shell that was just left; keys pass.
#[derive(Debug)]
pub struct ReplySwallower {
    until: Instant,
    /// The start of a sequence, and when its last byte came.
    partial: Vec<u8>,
    since: Instant,
}

/// What a sequence is.
enum Kind {
    Partial,
    /// A string (OSC, DCS, APC): it goes on, and whatever it is, it is no key.
    Inside,
    Reply,
    Key,
}

impl ReplySwallower {
    /// For a terminal that was detached at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            until: now + WINDOW,
            partial: Vec::new(),
            since: now,
        }
    }

    /// Takes what was read; keys go to `out`.
    pub fn feed(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<u8>) {
        self.tick(now, out);
        let mut bytes = bytes.iter();
        while now < self.until || !self.partial.is_empty() {
            let Some(&byte) = bytes.next() else {
                self.since = now;
                return;
            };
            if self.partial.is_empty() && byte != ESC {
                out.push(byte);
                continue;
            }
            self.partial.push(byte);
            match kind(&self.partial) {
                Kind::Partial => {},
                Kind::Inside if self.partial.len() < REPLY_MAX => {},
                Kind::Inside | Kind::Reply => self.partial.clear(),
                Kind::Key => {
                    // What made it a key may be the start of the next.
                    let next = (byte == ESC && self.partial.len() > 1).then_some(ESC);
                    if next.is_some() {
                        self.partial.pop();
                    }
                    out.append(&mut self.partial);
                    self.partial.extend(next);
                },
            }
        }
        out.extend(bytes);
    }

    /// When [`Self::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        if self.partial.is_empty() {
            return None;
        }
        let rest = self.since + REST_WAIT;
        match kind(&self.partial) {
            Kind::Inside => Some(self.until.max(rest)),
            Kind::Partial | Kind::Reply | Kind::Key => Some(rest),
        }
    }

    /// Passes on what turned out to be a key: Escape, Alt and a letter.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<u8>) {
        if self.partial.is_empty() || now < self.since + REST_WAIT {
            return;
        }
        match kind(&self.partial) {
            // A reply was cut off: none of it is typed.
            Kind::Inside if now < self.until => {},
            Kind::Inside => self.partial.clear(),
            Kind::Partial | Kind::Reply | Kind::Key => out.append(&mut self.partial),
        }
    }

    /// Nothing is swallowed any more.
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.until && self.partial.is_empty()
    }
}

/// What a sequence is that begins with an Escape.
fn kind(sequence: &[u8]) -> Kind {
    match sequence {
        [_] => Kind::Partial,
        [_, b'['] => Kind::Partial,
        // Alt and this key, if nothing follows.
        [_, b']' | b'P' | b'_' | b'^'] => Kind::Partial,
        [_, b']' | b'P' | b'_' | b'^', .., 0x07]
        | [_, b']' | b'P' | b'_' | b'^', .., ESC, b'\\'] => Kind::Reply,
        [_, b']' | b'P' | b'_' | b'^', ..] => Kind::Inside,
        [_, b'[', params @ .., last] => csi(params, *last),
        _ => Kind::Key,
    }
}

/// A control sequence, by its parameters and what may be its final byte.
fn csi(params: &[u8], last: u8) -> Kind {
    if !params.iter().all(|byte| (0x20..=0x3f).contains(byte)) || params.len() > 256 {
        return Kind::Key;
    }
    let private = params.first() == Some(&b'?');
    match last {
        0x20..=0x3f => Kind::Partial,
        // Device attributes, positions, states and modes; sizes; focus.
        b'c' | b'n' | b't' => Kind::Reply,
        b'R' if !params.is_empty() => Kind::Reply,
        b'y' if params.last() == Some(&b'$') => Kind::Reply,
        b'I' | b'O' if params.is_empty() => Kind::Reply,
        // What kitty's protocol is set to; and a key let go.
        b'u' if private => Kind::Reply,
        b'u' | b'~' | b'A'..=b'H' | b'P'..=b'S' if is_release(params) => Kind::Reply,
        // Mouse reports (SGR).
        b'M' | b'm' if params.first() == Some(&b'<') => Kind::Reply,
        _ => Kind::Key,
    }
}

/// `…;modifiers:3`: kitty's event of a key that was let go.
fn is_release(params: &[u8]) -> bool {
    let mut fields = params.split(|byte| *byte == b';');
    fields.nth(1).is_some_and(|field| field.ends_with(b":3"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[expect(clippy::disallowed_methods, reason = "any point in time serves")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn at(origin: Instant, ms: u64) -> Instant {
        origin + Duration::from_millis(ms)
    }

    /// What is left of reads at these milliseconds after the detachment.
    fn swallow(reads: &[(u64, &[u8])]) -> Vec<u8> {
        let origin = origin();
        let mut machine = ReplySwallower::new(origin);
        let mut out = Vec::new();
        for (ms, bytes) in reads {
            machine.feed(bytes, at(origin, *ms), &mut out);
        }
        machine.tick(at(origin, 10_000), &mut out);
        assert!(machine.is_over(at(origin, 10_000)));
        out
    }

    #[test]
    fn replies_go_and_keys_stay() {
        for reply in [
            "\x1b[?62;22c",
            "\x1b[>1;10;0c",
            "\x1b[12;40R",
            "\x1b[0n",
            "\x1b[?2026;2$y",
            "\x1b[8;24;80t",
            "\x1b[I",
            "\x1b[?1u",
            "\x1b[99;5:3u",
            "\x1b[<0;3;4M",
            "\x1b]11;rgb:0/0/0\x07",
            "\x1b]11;rgb:0/0/0\x1b\\",
            "\x1bP>|term 1\x1b\\",
            "\x1b_Gi=1;OK\x1b\\",
        ] {
            let text = format!("a{reply}b");
            assert_eq!(swallow(&[(10, text.as_bytes())]), b"ab", "{reply:?}");
            for cut in 1..text.len() {
                let (one, two) = text.as_bytes().split_at(cut);
                assert_eq!(
                    swallow(&[(10, one), (20, two)]),
                    b"ab",
                    "{reply:?} at {cut}"
                );
            }
            let late = swallow(&[(300, text.as_bytes())]);
            assert_eq!(late, text.as_bytes(), "after the window all passes");
        }
        for key in [
            "ls\r",
            "\x1b",
            "\x1b[A",
            "\x1bOA",
            "\x1b[15~",
            "\x1b[1;5C",
            "\x1bb",
            "\x1b]",
            "\x1bP",
            "\x1b\x1b",
            "\x1b[97;5u",
            "é",
            "\x1b[200~x\x1b[201~",
        ] {
            assert_eq!(swallow(&[(10, key.as_bytes())]), key.as_bytes(), "{key:?}");
        }
    }

    #[test]
    fn a_reply_that_began_in_time_ends_late() {
        assert_eq!(
            swallow(&[(290, b"\x1b]11;rgb"), (310, b":0/0/0\x07x")]),
            b"x"
        );
        let endless = [b"\x1b]".as_slice(), &[b'x'; 5000]].concat();
        assert!(swallow(&[(10, &endless)]).len() < 1000);
    }

    proptest! {
        #[test]
        fn what_holds_no_escape_passes(text in "[^\u{1b}]{0,40}", cut in 0usize..40) {
            let (one, two) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(swallow(&[(1, one), (2, two)]), text.as_bytes());
        }
    }
}
