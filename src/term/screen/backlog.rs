//! What programs sent and the model has not read yet.
//!
//! A terminal takes 100 MB in a second, the model a tenth of that. So while somebody looks at the
//! terminal itself, bytes wait here, and of long plain text most is never read: what scrolled off
//! the top of the scrollback is gone in any case. Skipping it is exact, see [`skippable`].

use super::core::Core;
use super::scan::Scanner;

/// Bytes that may wait; more make the model read on.
pub(super) const MOST: usize = 1024 * 1024;
/// From here on text that need not be read is looked for at each push.
pub(super) const SKIM: usize = 128 * 1024;
/// The model is given this much at a time; costs are looked at in between.
const SLICE: usize = 1024;
/// As much where each byte may be dear.
const DEAR_SLICE: usize = 128;
/// Less is not worth the search; tests are content with less.
const WORTH: usize = if cfg!(test) { 1024 } else { 16 * 1024 };

/// Bytes in order, and how far they are read.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
}

impl Backlog {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What waits, to the byte.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Gives the model the first `most` bytes of what waits, until that cost as much as `budget` bytes
    /// of plain text; if only `skimming`, no more of them than it takes to skip what can be skipped.
    /// Returns what it cost.
    pub(super) fn advance(
        &mut self,
        scanner: &mut Scanner,
        core: &mut Core,
        most: usize,
        budget: usize,
        skimming: bool,
    ) -> usize {
        let all = std::mem::take(&mut self.bytes);
        let (bytes, _) = all.split_at(all.len().min(most));
        let (mut at, mut spent, mut search_at) = (0, 0, 0);
        while at < bytes.len() && spent < budget {
            let rest = bytes.get(at..).unwrap_or_default();
            if at >= search_at && rest.len() >= WORTH && scanner.is_idle() {
                let plain = plain_len(rest);
                let (plain_text, _) = rest.split_at(plain);
                // A shorter piece of the same text is not skippable either.
                search_at = at + plain.max(SLICE);
                let lines = if plain >= WORTH {
                    core.lines_to_forget()
                } else {
                    None
                };
                let skip = lines.and_then(|lines| skippable(plain_text, lines));
                if let Some(skip) = skip {
                    let (skipped, _) = rest.split_at(skip);
                    let colours = attributes(skipped);
                    scanner.scan(&colours, &mut |token| core.token(&token));
                    core.skipped(skip);
                    at += skip;
                    spent += colours.len() + skip / 256;
                }
                if skimming && rest.len() - plain < WORTH {
                    break;
                }
                if skip.is_some() {
                    continue;
                }
            }
            let dear = core.scrolls_parts();
            let slice = if dear { DEAR_SLICE } else { SLICE };
            let (slice, _) = rest.split_at(rest.len().min(slice));
            scanner.scan(slice, &mut |token| core.token(&token));
            at += slice.len();
            spent += slice.len() + core.take_cost();
        }
        self.bytes = all;
        self.bytes.drain(..at);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        spent
    }
}

/// How many bytes of `plain` text need not be read if `lines` further lines push them out of the
/// screen and its scrollback. None if it is not worth it.
///
/// Why it is exact, where [`Core::lines_to_forget`] allows it: each line of plain text changes the
/// row of the cursor, those below it, and the attributes of what comes; all else (modes, the saved
/// cursor, tabs, the other screen) it leaves alone. What is read again begins with CR LF, so that
/// the column does not depend on what was skipped. At most `rows` newlines later the cursor is on
/// the last row of the screen, or of the scroll region that it is in; there each further newline
/// adds a fresh row and pushes one out. So after as many again as rows are kept, all of them are of
/// text that was read. The attributes in force come from [`attributes`].
fn skippable(plain: &[u8], lines: usize) -> Option<usize> {
    let newline = memchr::memrchr_iter(b'\n', plain).nth(lines)?;
    let (head, _) = plain.split_at(newline);
    let skip = memchr::memmem::rfind(head, b"\r\n")?;
    (skip >= WORTH).then_some(skip)
}

/// The length of the plain text at the start of `bytes`: characters, CR, LF, tab, backspace, BEL,
/// and sequences that change nothing but attributes or the row of the cursor.
fn plain_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = memchr::memchr(0x1b, rest).unwrap_or(rest.len());
        let (text, from) = rest.split_at(end);
        if has_controls(text) {
            let first = text.iter().position(|b| is_control(*b));
            return at + first.unwrap_or(0);
        }
        at += end;
        match row_sequence(from) {
            Some(sequence) => at += sequence.len(),
            None => return at,
        }
    }
}

/// Controls that may move the cursor up or down, or switch something: all but BEL, BS, HT, LF, CR.
fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, 0x07..=0x0a | b'\r')
}

/// Looks at all bytes, without stopping at the first, so that it is done many at a time.
fn has_controls(text: &[u8]) -> bool {
    text.chunks(1024)
        .any(|chunk| chunk.iter().fold(false, |bad, b| bad | is_control(*b)))
}

/// The whole sequence at the start of `bytes`, if it acts on the row of the cursor alone.
fn row_sequence(bytes: &[u8]) -> Option<&[u8]> {
    let body = bytes.strip_prefix(b"\x1b[")?;
    let len = body
        .iter()
        .take(64)
        .position(|b| !matches!(b, b'0'..=b';'))?;
    // SGR, EL, CUF, CUB, CHA, ECH, DCH, ICH, HPR, HPA.
    let known = b"mKCDGXP@a`".contains(body.get(len)?);
    known.then(|| bytes.get(..len + 3))?
}

/// The sequences in plain text that set attributes (SGR) which are still in force at its end.
fn attributes(plain: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    for at in memchr::memchr_iter(0x1b, plain) {
        match plain.get(at..).and_then(row_sequence) {
            Some(b"\x1b[m" | b"\x1b[0m") => found.clear(),
            Some(sequence) if sequence.ends_with(b"m") => {},
            _ => continue,
        }
        found.extend(plain.get(at..).and_then(row_sequence).unwrap_or_default());
    }
    found
}
