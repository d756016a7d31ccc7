//! Hyperlinks (OSC 8), each kept once.
//!
//! The model stores the target in every cell. So it gets a short name in place of the target, which
//! it stores without further memory, and what it paints gets the target back.

use std::collections::VecDeque;

use memchr::memmem;

/// The most links that are known, and the most bytes they take. The oldest are forgotten: their text
/// stays and is no link any more.
const MOST_LINKS: usize = 4096;
const MOST_BYTES: usize = 512 * 1024;
/// Parameters and target: as much as VTE takes.
const LONGEST: usize = 250 + 2083;
/// A program often repeats the link of a moment ago.
const RECENT: usize = 16;

const START: &[u8] = b"\x1b]8;;";
const END: &[u8] = b"\x1b\\";

/// The links of one screen.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// The number of the oldest.
    first: u32,
    /// `parameters;target`.
    known: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// What is written now is part of this link.
    open: Option<Box<[u8]>>,
}

impl Links {
    /// The sequence for the model that starts the link `parameters;target`, or ends one.
    pub(super) fn open(&mut self, link: &[u8]) -> Vec<u8> {
        let target = memchr::memchr(b';', link).and_then(|at| link.get(at + 1..));
        let mut out = START.to_vec();
        self.open = None;
        if target.is_some_and(|t| !t.is_empty()) && link.len() <= LONGEST {
            let number = self.number_of(link);
            self.open = Some(link.into());
            // Seven digits at most: the model stores eight bytes in place.
            out.extend(format!("{}", number % 10_000_000).bytes());
        }
        out.extend(END);
        out
    }

    /// The program reset its terminal: no link is open.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// True if what is written now is part of a link.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The sequence for the model that opens the link that is open, or ends any other.
    pub(super) fn again(&mut self) -> Vec<u8> {
        match self.open.take() {
            Some(link) => self.open(&link),
            None => [START, END].concat(),
        }
    }

    /// The sequence that opens the link that is open, which the model does not paint.
    pub(super) fn opened(&self) -> Vec<u8> {
        let link = self.open.iter();
        link.flat_map(|link| [b"\x1b]8;", &**link, END].concat())
            .collect()
    }

    fn number_of(&mut self, link: &[u8]) -> u32 {
        let recent = self.known.iter().rev().take(RECENT);
        let back = recent.into_iter().position(|known| **known == *link);
        if back.is_none() {
            self.bytes += link.len();
            self.known.push_back(link.into());
            while self.known.len() > MOST_LINKS || self.bytes > MOST_BYTES {
                let Some(oldest) = self.known.pop_front() else {
                    break;
                };
                self.bytes -= oldest.len();
                self.first = self.first.wrapping_add(1) % 10_000_000;
            }
        }
        let newest = u32::try_from(self.known.len() - 1).unwrap_or(0);
        let back = u32::try_from(back.unwrap_or(0)).unwrap_or(0);
        self.first + newest - back
    }

    /// What the model painted, with the targets in place of their names.
    pub(super) fn restore(&self, painted: Vec<u8>) -> Vec<u8> {
        if self.known.is_empty() {
            return painted;
        }
        let mut out = Vec::with_capacity(painted.len());
        let mut rest = painted.as_slice();
        while let Some(at) = memmem::find(rest, START) {
            let (before, from) = rest.split_at(at);
            out.extend(before);
            let Some(name) = from.strip_prefix(START) else {
                break;
            };
            let len = memmem::find(name, END).unwrap_or(name.len());
            let (name, after) = name.split_at(len);
            match self.target(name) {
                Some(link) => {
                    out.extend(b"\x1b]8;");
                    out.extend(link);
                },
                None => out.extend(START),
            }
            rest = after;
        }
        out.extend(rest);
        out
    }

    fn target(&self, name: &[u8]) -> Option<&[u8]> {
        let number: u32 = std::str::from_utf8(name).ok()?.parse().ok()?;
        let at = (number + 10_000_000 - self.first) % 10_000_000;
        let link = self.known.get(usize::try_from(at).ok()?)?;
        Some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_comes_back() {
        let mut links = Links::default();
        let name = links.open(b"id=a;http://x/1;2");
        assert_eq!(name, b"\x1b]8;;0\x1b\\");
        assert_eq!(links.open(b"id=a;http://x/1;2"), name);
        assert_eq!(links.open(b";http://y"), b"\x1b]8;;1\x1b\\");
        assert_eq!(links.open(b";"), b"\x1b]8;;\x1b\\");
        let painted = [&name[..], b"text", &links.open(b";")].concat();
        assert_eq!(
            String::from_utf8(links.restore(painted)).unwrap(),
            "\x1b]8;id=a;http://x/1;2\x1b\\text\x1b]8;;\x1b\\"
        );
    }

    #[test]
    fn old_links_are_forgotten_and_their_names_are_not_those_of_others() {
        let mut links = Links::default();
        let first = links.open(b";http://first");
        for n in 0..MOST_LINKS {
            links.open(format!(";http://{n}").as_bytes());
        }
        assert_eq!(links.restore(first), b"\x1b]8;;\x1b\\");
        let last = links.open(format!(";http://{}", MOST_LINKS - 1).as_bytes());
        let shown = links.restore(last);
        assert!(shown.ends_with(format!("http://{}\x1b\\", MOST_LINKS - 1).as_bytes()));
        assert!(links.known.len() <= MOST_LINKS);
        for n in 0..1000 {
            links.open(format!(";{n}{}", "x".repeat(2000)).as_bytes());
        }
        assert!(links.bytes <= MOST_BYTES);
    }
}
