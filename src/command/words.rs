//! Splits a prompt line into words as a shell does. The same words are executed and completed.
//!
//! Blanks separate words. `'…'` keeps everything; `"…"` keeps everything, but takes the
//! backslash from `\"`, `\\`, `\$` and `` \` ``; elsewhere a backslash keeps the next character. A word that begins with `#` starts a comment.
//! Nothing is expanded here: wildcards belong to the target language, `~` to who opens files.

use std::fmt;

/// A quote that was opened: the character, and the byte of the line where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// `'` or `"`.
    pub mark: char,
    /// Where it was opened, in bytes from the start of the line.
    pub at: usize,
}

/// A character of a word, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Char {
    /// What it means, with quoting removed.
    pub(super) value: char,
    /// The byte of the line where it, or the backslash before it, begins.
    pub(super) at: usize,
    /// The quotes that it stands in.
    pub(super) quote: Option<Quote>,
}

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it begins, in bytes, with its quotes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The quote that the line's end left open.
    pub open: Option<Quote>,
    pub(super) chars: Vec<Char>,
}

impl Word {
    /// The word with its quoting removed.
    pub fn text(&self) -> String {
        self.chars.iter().map(|c| c.value).collect()
    }

    /// The word, unless a quote was left open.
    pub fn closed(&self, line: &str) -> Result<String, Unclosed> {
        match self.open {
            None => Ok(self.text()),
            Some(quote) => Err(Unclosed::new(line, quote)),
        }
    }
}

/// A quote that is never closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclosed {
    mark: char,
    column: usize,
}

impl Unclosed {
    fn new(line: &str, quote: Quote) -> Self {
        let before = line.get(..quote.at).unwrap_or_default();
        Self {
            mark: quote.mark,
            column: before.chars().count() + 1,
        }
    }
}

impl fmt::Display for Unclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the {} in column {} is never closed",
            self.mark, self.column
        )
    }
}

/// What separates words.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The word that begins at byte `start` of the line; empty if a blank or the end is there.
pub fn word_at(line: &str, start: usize) -> Word {
    let mut chars = Vec::new();
    let mut open: Option<Quote> = None;
    let mut end = line.len();
    let mut rest = line
        .get(start..)
        .unwrap_or_default()
        .char_indices()
        .peekable();
    while let Some((offset, c)) = rest.next() {
        let at = start + offset;
        let mut keep = |value, quote| chars.push(Char { value, at, quote });
        match (open, c) {
            (None, c) if is_blank(c) => {
                end = at;
                break;
            },
            (None, '\'' | '"') => open = Some(Quote { mark: c, at }),
            (Some(quote), c) if c == quote.mark => open = None,
            (None, '\\') => keep(rest.next().map_or('\\', |(_, next)| next), None),
            (Some(Quote { mark: '"', .. }), '\\') => {
                let escaped = rest.next_if(|&(_, next)| matches!(next, '"' | '\\' | '$' | '`'));
                keep(escaped.map_or('\\', |(_, next)| next), open);
            },
            _ => keep(c, open),
        }
    }
    Word {
        start,
        end,
        open,
        chars,
    }
}

/// The words of a line from byte `start` on, without comments.
pub fn words_from(line: &str, start: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = start;
    while let Some(offset) = line.get(at..).and_then(|rest| rest.find(|c| !is_blank(c))) {
        at += offset;
        if line.get(at..).is_some_and(|rest| rest.starts_with('#')) {
            break;
        }
        let word = word_at(line, at);
        at = word.end;
        words.push(word);
    }
    words
}

/// The words of a whole line, with quoting and comments removed.
#[cfg(test)]
pub(super) fn split(line: &str) -> Result<Vec<String>, Unclosed> {
    words_from(line, 0)
        .iter()
        .map(|word| word.closed(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_as_a_shell_splits_them() {
        for (line, words) in [
            ("", vec![]),
            (" \t ", vec![]),
            ("load a.cnf", vec!["load", "a.cnf"]),
            ("  load\t a.cnf  ", vec!["load", "a.cnf"]),
            ("load 'my file.cnf'", vec!["load", "my file.cnf"]),
            (r#"load "my file.cnf""#, vec!["load", "my file.cnf"]),
            (r"load my\ file.cnf", vec!["load", "my file.cnf"]),
            (r"stop worker\*", vec!["stop", "worker*"]),
            (r#"a "x\"y\\z\n\$" b"#, vec!["a", r#"x"y\z\n$"#, "b"]),
            (r"'a\b'", vec![r"a\b"]),
            ("a'b c'd\"e f\"g", vec!["ab cde fg"]),
            ("'' \"\"", vec!["", ""]),
            (r"end\", vec![r"end\"]),
            ("start w* # the workers", vec!["start", "w*"]),
            ("# nothing", vec![]),
            ("a#b '#c' \\#d", vec!["a#b", "#c", "#d"]),
            ("a\nb\r\n", vec!["a", "b"]),
            ("größe 'ñ é'", vec!["größe", "ñ é"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn an_open_quote_is_named_with_its_place() {
        for (line, message) in [
            ("load 'my file", "the ' in column 6 is never closed"),
            (r#"é "a'b"#, r#"the " in column 3 is never closed"#),
            (r#"a "b\""#, r#"the " in column 3 is never closed"#),
        ] {
            assert_eq!(split(line).unwrap_err().to_string(), message, "{line}");
        }
    }

    #[test]
    fn words_know_where_they_stand() {
        let line = "show 'a b'c  d";
        let words = words_from(line, 0);
        let places: Vec<_> = words.iter().map(|w| (w.start, w.end)).collect();
        assert_eq!(places, [(0, 4), (5, 11), (13, 14)]);
        let quote = Some(Quote { mark: '\'', at: 5 });
        let chars: Vec<_> = words[1]
            .chars
            .iter()
            .map(|c| (c.value, c.at, c.quote))
            .collect();
        assert_eq!(
            chars,
            [
                ('a', 6, quote),
                (' ', 7, quote),
                ('b', 8, quote),
                ('c', 10, None)
            ]
        );
    }

    proptest! {
        #[test]
        fn quotes_keep_any_text(text in "\\PC{0,8}|[ '\"\\\\$`#a\t]{0,6}") {
            let single = format!("'{}'", text.replace('\'', r"'\''"));
            let double: String =
                text.chars().flat_map(|c| matches!(c, '"' | '\\' | '$' | '`').then_some('\\').into_iter().chain([c])).collect();
            let bare: String = text.chars().flat_map(|c| ['\\', c]).collect();
            for line in [single, format!("\"{double}\""), format!("''{bare}")] {
                prop_assert_eq!(split(&line).unwrap(), std::slice::from_ref(&text), "{}", line);
            }
        }

        #[test]
        fn no_line_panics_and_places_are_true(line in "\\PC{0,20}|[ '\"\\\\#é]{0,12}") {
            let mut last = 0;
            for word in words_from(&line, 0) {
                prop_assert!(last <= word.start && word.start < word.end && word.end <= line.len());
                last = word.end;
                for c in &word.chars {
                    prop_assert!(line.is_char_boundary(c.at) && word.start <= c.at && c.at < word.end);
                }
            }
        }
    }
}
