//! What `log` writes of a node: lines with their times.
//!
//! ```text
//! 2026-11-23T01:25:33.120+01:00 $ cat motd       a command was sent
//! 2026-11-23T01:25:33.180+01:00   Welcome        the node printed this line
//! 2026-11-23T01:25:33.181+01:00 + to it          it goes on like this: it is above 64 KiB
//! 2026-11-23T01:25:33.182+01:00 = exit 0 (0.1s)  how the command ended
//! 2026-11-23T01:25:40.001+01:00 # lost: …        what dust says of the node
//! ```
//!
//! The sign stands for itself in one column, so nothing that a node prints is taken for a command.
//! Text is as on a terminal without colours: of a line with carriage returns the last state, control
//! sequences removed. The time is that of a line's beginning.

use memchr::memchr;
use std::fmt::Write as _;

use super::lines::MAX_LINE;
use super::sanitise::{Sanitiser, clean, last_state};

/// What a line of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A command that was sent.
    Command,
    /// How it ended.
    End,
    /// What dust says.
    Note,
}

impl Sign {
    fn letter(self) -> char {
        match self {
            Self::Command => '$',
            Self::End => '=',
            Self::Note => '#',
        }
    }
}

/// Makes the lines of one node's log. Times are given as they are to be written.
#[derive(Clone, Debug)]
pub struct LogLines {
    sanitiser: Sanitiser,
    /// The unfinished line.
    held: Vec<u8>,
    /// When it began.
    since: String,
    /// It is not its first piece.
    goes_on: bool,
    out: Vec<u8>,
}

impl Default for LogLines {
    fn default() -> Self {
        Self {
            sanitiser: Sanitiser::new(false),
            held: Vec::new(),
            since: String::new(),
            goes_on: false,
            out: Vec::new(),
        }
    }
}

impl LogLines {
    /// The node printed this.
    pub fn push(&mut self, time: &str, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.held.is_empty() {
                time.clone_into(&mut self.since);
            }
            let end = memchr(b'\n', bytes);
            let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let (now, later) = line.split_at(line.len().min(MAX_LINE - self.held.len()));
            self.held.extend_from_slice(now);
            bytes = later;
            if later.is_empty() {
                bytes = rest.strip_prefix(b"\n").unwrap_or_default();
                if end.is_some() {
                    self.line(false);
                }
            }
            if self.held.len() >= MAX_LINE {
                self.line(true);
            }
        }
    }

    /// The unfinished line, if there is one, is whole.
    pub fn close(&mut self) {
        if !self.held.is_empty() {
            self.line(false);
        }
        self.goes_on = false;
        self.sanitiser.reset();
    }

    /// A line that the node did not print; of several, each has the sign.
    pub fn entry(&mut self, time: &str, sign: Sign, text: &str) {
        self.close();
        for line in text.lines() {
            let line = format!("{time} {} {}\n", sign.letter(), clean(line.as_bytes()));
            self.out.extend_from_slice(line.as_bytes());
        }
    }

    /// What is to be written: whole lines.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn line(&mut self, goes_on: bool) {
        let sign = if self.goes_on { '+' } else { ' ' };
        let head = format!("{} {sign} ", self.since);
        self.out.extend_from_slice(head.as_bytes());
        let held = std::mem::take(&mut self.held);
        let (before, text) = last_state(&held);
        if !before.is_empty() {
            self.sanitiser.skip(before);
        }
        self.sanitiser.line(text, &mut self.out);
        self.out.push(b'\n');
        self.goes_on = goes_on;
    }
}

/// What the first line of a log says, behind its time: whose it is. A line of dust's, with its end.
pub fn log_head(node: &str, cluster: &str) -> String {
    let (node, cluster) = (clean(node.as_bytes()), clean(cluster.as_bytes()));
    format!("{HEAD}{node} in cluster {cluster}\n")
}

/// Whether a log that begins with this line is another's than the one with this head. One without a
/// head is everybody's.
pub fn is_other_log(first_line: &[u8], head: &str) -> bool {
    let blank = memchr(b' ', first_line).unwrap_or(first_line.len());
    let (_, said) = first_line.split_at(blank);
    said.starts_with(HEAD.as_bytes()) && said != head.as_bytes()
}

/// What all such lines have, behind the time.
const HEAD: &str = " # log of ";

/// The name of a node's file: the node's name and `.log`, where all that a file's name cannot have,
/// or that would lead elsewhere, is `%` and two hexadecimal digits a byte.
pub fn log_name(node: &str) -> String {
    /// Names of files have at most 255 bytes; rotated ones have a number behind.
    const LONGEST: usize = 200;
    let mut name = String::new();
    for (at, c) in node.char_indices() {
        let plain = c.is_alphanumeric() || "-_+=:@,~".contains(c) || (c == '.' && at > 0);
        if plain {
            name.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    if name.is_empty() {
        name.push('%');
    }
    if name.len() > LONGEST {
        let mut cut = LONGEST;
        while !name.is_char_boundary(cut) {
            cut -= 1;
        }
        // It tells those apart that begin alike.
        let hash = crate::model::fnv1a(node.bytes());
        name.truncate(cut);
        let _ = write!(name, "%{hash:016x}");
    }
    name + ".log"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &mut LogLines) -> String {
        String::from_utf8(lines.take()).unwrap()
    }

    #[test]
    fn a_command() {
        let mut log = LogLines::default();
        log.entry("T1", Sign::Command, "echo a\necho b");
        log.push("T2", b"a\n\x1b[31mb");
        assert_eq!(text(&mut log), "T1 $ echo a\nT1 $ echo b\nT2   a\n");
        log.push("T3", b"c\x1b[0m\n\nlast");
        log.entry("T4", Sign::End, "exit 0 (0.1s)");
        assert_eq!(
            text(&mut log),
            "T2   bc\nT3   \nT3   last\nT4 = exit 0 (0.1s)\n"
        );
    }

    #[test]
    fn what_a_node_prints_is_text_in_one_column() {
        let mut log = LogLines::default();
        log.push(
            "T",
            b"10%\r50%\r100%\r\n\x1b]0;title\x07$ rm\x1b[2J\n\xff\n",
        );
        log.entry("T", Sign::Note, "gone\x1b[2J");
        assert_eq!(text(&mut log), "T   100%\nT   $ rm\nT   \\xff\nT # gone\n");
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let mut log = LogLines::default();
        let long = vec![b'x'; MAX_LINE * 2 + 5];
        log.push("T", &long);
        log.push("U", b"\nshort\n");
        let text = text(&mut log);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("T   x") && lines[1].starts_with("T + x"));
        assert_eq!(lines[2], "T + xxxxx");
        assert_eq!(lines[3], "U   short");
        assert!(log.held.is_empty());
    }

    #[test]
    fn whose_it_is() {
        let head = log_head("web0\u{1b}[1m", "lab");
        assert_eq!(head, " # log of web0 in cluster lab\n");
        for (line, other) in [
            ("T # log of web0 in cluster lab\n", false),
            ("T # log of web0 in cluster prod\n", true),
            ("T # log of web1 in cluster lab\n", true),
            // Not whole: nobody knows whose.
            ("T # log of web0 in cluster lab", true),
            ("T   # log of web1 in cluster lab\n", false),
            ("T $ uname\n", false),
            ("", false),
        ] {
            assert_eq!(is_other_log(line.as_bytes(), &head), other, "{line:?}");
        }
    }

    #[test]
    fn names() {
        for (node, file) in [
            ("worker0", "worker0.log"),
            ("lab/worker0", "lab%2Fworker0.log"),
            ("..", "%2E..log"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.log"),
            (".hidden", "%2Ehidden.log"),
            ("a\nb\0c%d e", "a%0Ab%00c%25d%20e.log"),
            ("Straße 7", "Straße%207.log"),
            ("", "%.log"),
        ] {
            assert_eq!(log_name(node), file, "{node:?}");
        }
        let (one, two) = ("é".repeat(300) + "1", "é".repeat(300) + "2");
        assert_ne!(log_name(&one), log_name(&two));
        assert!(log_name(&one).len() < 230);
    }

    proptest::proptest! {
        #[test]
        fn chunks_do_not_matter(text in "([a-c]|\r|\n|\x1b|\\[|m|[0-9]){0,40}", at in 0..40usize) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len());
            let (mut whole, mut parts) = (LogLines::default(), LogLines::default());
            whole.push("T", bytes);
            parts.push("T", &bytes[..at]);
            parts.push("T", &bytes[at..]);
            whole.close();
            parts.close();
            proptest::prop_assert_eq!(whole.take(), parts.take());
        }

        #[test]
        fn a_name_is_a_name(node in "\\PC{0,300}|[./\\x00-\\x20]{0,20}") {
            let name = log_name(&node);
            proptest::prop_assert!(!name.contains(['/', '\0']) && !name.starts_with('.'));
            proptest::prop_assert!(name.len() < 250);
        }
    }
}
