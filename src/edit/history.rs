//! The lines that were run before.
//!
//! A pure model. The file behind it is a list of lines that every dust process appends to; whoever
//! does the I/O takes a lock, gives what is new in the file to [`History::absorb`], appends what
//! [`History::add`] returned, and remembers the file's end. rustyline's `FileHistory` is not used:
//! it opens, locks and rewrites the file itself, in the middle of a turn, and what other processes
//! wrote reaches its file but not its memory.

use std::collections::VecDeque;

/// The most entries that are kept in memory.
const ENTRIES_MAX: usize = 10_000;
/// The most bytes of entries that are kept in memory.
const BYTES_MAX: usize = 8 << 20;

/// Names an entry for as long as it is kept, whatever is added or forgotten meanwhile. Later
/// entries have larger ids; `history` prints them, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// Lines in the order in which they were run.
#[derive(Clone, Debug)]
pub struct History {
    entries: VecDeque<String>,
    /// The id of the first entry.
    first: u64,
    bytes: usize,
    entries_max: usize,
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl History {
    /// No entries yet.
    pub fn new() -> Self {
        Self::with_max(ENTRIES_MAX)
    }

    /// No entries yet, and at most `entries` of them ever.
    pub fn with_max(entries: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 1,
            bytes: 0,
            entries_max: entries.max(1),
        }
    }

    /// Takes what the file holds, or what others appended to it. Gives how many bytes were used:
    /// all up to the last newline. What is after it is half a line that somebody is still writing;
    /// the next reading starts there.
    pub fn absorb(&mut self, text: &[u8]) -> usize {
        let Some(last) = text.iter().rposition(|b| *b == b'\n') else {
            return 0;
        };
        let whole = text.get(..last).unwrap_or_default();
        for line in whole.split(|b| *b == b'\n') {
            let line = decode(&String::from_utf8_lossy(line));
            if !is_blank(&line) {
                self.push(line);
            }
        }
        last + 1
    }

    /// Starts again from the whole file: it was replaced, or is shorter than it was. Ids go on, so
    /// that an old one cannot name another entry.
    pub fn reload(&mut self, text: &[u8]) -> usize {
        self.first += u64::try_from(self.entries.len()).unwrap_or(0);
        self.entries.clear();
        self.bytes = 0;
        self.absorb(text)
    }

    /// Adds a line that is being run and gives what to append to the file; nothing for a line that
    /// is kept out: an empty one, one that starts with a blank, and the same again.
    pub fn add(&mut self, line: &str) -> Option<String> {
        if line.starts_with([' ', '\t']) || is_blank(line) {
            return None;
        }
        self.push(line.to_owned()).then(|| encode(line))
    }

    /// The file's text for what is in memory, to write a file anew that has grown too long.
    pub fn to_text(&self) -> String {
        self.entries.iter().map(|entry| encode(entry)).collect()
    }

    /// True if a file of this many lines should be written anew with [`Self::to_text`].
    pub fn is_worth_rewriting(&self, lines_in_file: usize) -> bool {
        lines_in_file > self.entries_max.saturating_mul(2)
    }

    fn push(&mut self, line: String) -> bool {
        if self.entries.back() == Some(&line) {
            return false;
        }
        self.bytes += line.len();
        self.entries.push_back(line);
        while self.entries.len() > self.entries_max
            || (self.bytes > BYTES_MAX && self.entries.len() > 1)
        {
            self.bytes -= self.entries.pop_front().map_or(0, |entry| entry.len());
            self.first += 1;
        }
        true
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// An entry, if it is still kept.
    pub fn get(&self, id: EntryId) -> Option<&str> {
        let index = usize::try_from(id.0.checked_sub(self.first)?).ok()?;
        self.entries.get(index).map(String::as_str)
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (EntryId, &str)> {
        let entries = self.entries.iter().enumerate();
        entries.map(|(at, entry)| (self.id_at(at), entry.as_str()))
    }

    /// The newest entry older than `before` (`None`: of all) that is wanted.
    pub fn older(
        &self,
        before: Option<EntryId>,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<(EntryId, &str)> {
        let end = before.map_or(self.entries.len(), |id| self.index_of(id));
        let entries = self.entries.iter().enumerate().take(end);
        entries
            .rev()
            .find(|(_, e)| wanted(e))
            .map(|(at, e)| (self.id_at(at), e.as_str()))
    }

    /// The oldest entry newer than `after` that is wanted.
    pub fn newer(&self, after: EntryId, wanted: impl Fn(&str) -> bool) -> Option<(EntryId, &str)> {
        let start = self.index_of(EntryId(after.0.saturating_add(1)));
        let entries = self.entries.iter().enumerate().skip(start);
        let mut entries = entries.filter(|(_, e)| wanted(e));
        entries.next().map(|(at, e)| (self.id_at(at), e.as_str()))
    }

    fn id_at(&self, index: usize) -> EntryId {
        EntryId(self.first + u64::try_from(index).unwrap_or(0))
    }

    /// The index of an entry, or of the nearest that there is or could be.
    fn index_of(&self, id: EntryId) -> usize {
        let index = usize::try_from(id.0.saturating_sub(self.first)).unwrap_or(usize::MAX);
        index.min(self.entries.len())
    }
}

fn is_blank(line: &str) -> bool {
    line.chars().all(char::is_whitespace)
}

/// An entry as a line of the file: `\n`, `\r` and `\\` stand for newline, carriage return and
/// backslash.
pub fn encode(entry: &str) -> String {
    let mut line = String::with_capacity(entry.len() + 1);
    for c in entry.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\\' => line.push_str("\\\\"),
            _ => line.push(c),
        }
    }
    line.push('\n');
    line
}

/// The entry of a line of the file. Any other backslash is itself: people edit the file.
fn decode(line: &str) -> String {
    let mut entry = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            entry.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => entry.push('\n'),
            Some('r') => entry.push('\r'),
            Some('\\') => entry.push('\\'),
            other => {
                entry.push('\\');
                entry.extend(other);
            },
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(history: &History) -> Vec<&str> {
        history.iter().map(|(_, entry)| entry).collect()
    }

    #[test]
    fn what_is_kept() {
        let mut history = History::new();
        for (line, appended) in [
            ("show", Some("show\n")),
            ("show", None),
            (" @db secret", None),
            ("\tx", None),
            ("", None),
            ("  ", None),
            ("@w a\nb\\n", Some("@w a\\nb\\\\n\n")),
            ("show", Some("show\n")),
        ] {
            assert_eq!(history.add(line).as_deref(), appended, "{line:?}");
        }
        assert_eq!(lines(&history), ["show", "@w a\nb\\n", "show"]);
    }

    #[test]
    fn others_lines_come_in_whole_lines() {
        let mut history = History::new();
        assert_eq!(history.absorb(b"one\ntwo\\nlines\nhal"), 15);
        assert_eq!(history.absorb(b"hal"), 0);
        assert_eq!(history.absorb(b"half\n\n  \n\\d \\\n\xff\n"), 16);
        assert_eq!(
            lines(&history),
            ["one", "two\nlines", "half", "\\d \\", "\u{fffd}"]
        );
        assert_eq!(history.absorb(b"\xff\n"), 2);
        assert_eq!(history.len(), 5);
    }

    #[test]
    fn ids_outlive_what_is_forgotten() {
        let mut history = History::with_max(2);
        history.absorb(b"a\nb\nc\n");
        assert_eq!(history.get(EntryId(1)), None);
        assert_eq!(history.get(EntryId(3)), Some("c"));
        assert_eq!(history.older(None, |_| true), Some((EntryId(3), "c")));
        assert_eq!(
            history.older(Some(EntryId(3)), |_| true),
            Some((EntryId(2), "b"))
        );
        assert_eq!(history.older(Some(EntryId(1)), |_| true), None);
        assert_eq!(history.newer(EntryId(0), |_| true), Some((EntryId(2), "b")));
        assert_eq!(history.newer(EntryId(2), |e| e != "c"), None);
        assert_eq!(history.reload(b"x\n"), 2);
        assert_eq!(history.get(EntryId(3)), None);
        assert_eq!(history.get(EntryId(4)), Some("x"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut history = History::new();
        for n in 0..20 {
            history.add(&format!("{n}{}", "x".repeat(1 << 20)));
        }
        assert_eq!(history.len(), 7);
        assert!(history.bytes <= BYTES_MAX);
        let mut history = History::with_max(10);
        assert!(!history.is_worth_rewriting(20));
        assert!(history.is_worth_rewriting(21));
        history.absorb(b"a\\nb\nc\n");
        assert_eq!(history.to_text(), "a\\nb\nc\n");
    }

    proptest! {
        #[test]
        fn an_entry_survives_the_file(entry in "\\S(?s:.){0,30}") {
            let text = encode(&entry);
            prop_assert_eq!(text.matches('\n').count(), 1);
            let mut history = History::new();
            prop_assert_eq!(history.absorb(text.as_bytes()), text.len());
            prop_assert_eq!(lines(&history), [entry]);
        }
    }
}
