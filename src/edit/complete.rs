//! What Tab can insert, and how words are quoted. Who knows the candidates is the caller.

use std::borrow::Cow;

/// One way to complete the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The whole word, unquoted.
    pub text: String,
    /// What the menu shows: for a file, its name without the folder.
    pub display: String,
    /// What follows the word if it is the only candidate: a blank, `/` after a folder, `,` or `=`
    /// in a target, or nothing.
    pub suffix: Option<char>,
}

impl Candidate {
    /// A word that is shown as it is and ends with a blank.
    pub fn word(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            display: text.clone(),
            text,
            suffix: Some(' '),
        }
    }

    /// The same, with another suffix.
    #[must_use]
    pub fn suffix(mut self, suffix: Option<char>) -> Self {
        self.suffix = suffix;
        self
    }

    /// The same, shown in another way.
    #[must_use]
    pub fn display(mut self, display: impl Into<String>) -> Self {
        self.display = display.into();
        self
    }
}

/// How a word is written on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// As it is: targets and what else has no quoting.
    Raw,
    /// With a backslash before what is special to a shell.
    Backslash,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
}

/// The answer to [`super::EditEvent::Complete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where in the line the word starts, in bytes, with its opening quote; it ends at the cursor.
    pub start: usize,
    /// How the word is to be written.
    pub quoting: Quoting,
    /// The words that it may become, in the order in which to show them.
    pub candidates: Vec<Candidate>,
}

/// The word that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it starts, in bytes, with its opening quote.
    pub start: usize,
    /// Its text so far, unquoted.
    pub text: String,
    /// How it is quoted: by the quote that it starts with, else by backslashes.
    pub quoting: Quoting,
}

/// The word at the end of `before`, which is the line up to the cursor. Words are cut as a shell
/// cuts them; after a blank it is an empty one.
pub fn word_at(before: &str) -> Word {
    let mut start = before.len();
    let (mut quote, mut escaped, mut inside) = (None, false, false);
    for (at, c) in before.char_indices() {
        if quote.is_none() && !escaped && c.is_whitespace() {
            inside = false;
            continue;
        }
        if !inside {
            inside = true;
            start = at;
        }
        match (escaped, quote, c) {
            (true, ..) => escaped = false,
            (_, None | Some('"'), '\\') => escaped = true,
            (_, None, '\'' | '"') => quote = Some(c),
            (_, Some(open), _) if open == c => quote = None,
            _ => {},
        }
    }
    let start = if inside { start } else { before.len() };
    let written = before.get(start..).unwrap_or_default();
    let quoting = match (quote, written.chars().next()) {
        (Some(_), Some('\'')) => Quoting::Single,
        (Some(_), Some('"')) => Quoting::Double,
        _ => Quoting::Backslash,
    };
    Word {
        start,
        text: unquote(written, quoting).into_owned(),
        quoting,
    }
}

/// What a written word means: without its backslashes and quotes.
pub fn unquote(written: &str, quoting: Quoting) -> Cow<'_, str> {
    if quoting == Quoting::Raw || !written.contains(['\\', '\'', '"']) {
        return Cow::Borrowed(written);
    }
    let mut text = String::with_capacity(written.len());
    let mut quote = None;
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '\\') => text.extend(chars.next()),
            (Some('"'), '\\') => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                other => {
                    text.push('\\');
                    text.extend(other);
                },
            },
            _ => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// A word as it is written; with `closed`, its quotes are closed.
pub fn quote(text: &str, quoting: Quoting, closed: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let mark = match quoting {
        Quoting::Raw => return text.to_owned(),
        Quoting::Backslash => None,
        Quoting::Single => Some('\''),
        Quoting::Double => Some('"'),
    };
    out.extend(mark);
    for (at, c) in text.char_indices() {
        match (quoting, c) {
            (Quoting::Single, '\'') => out.push_str("'\\''"),
            (Quoting::Double, '"' | '\\' | '$' | '`') => out.extend(['\\', c]),
            // A backslash before a newline would join lines.
            (Quoting::Backslash, '\n') => out.push_str("'\n'"),
            (Quoting::Backslash, _) if is_special(c, at == 0) => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    if closed {
        out.extend(mark);
    }
    out
}

fn is_special(c: char, first: bool) -> bool {
    match c {
        '~' | '#' => first,
        _ => c.is_whitespace() || "\\'\"`$&;|<>()*?[]{}!".contains(c),
    }
}

/// The longest text that all candidates start with.
pub fn common_prefix(candidates: &[Candidate]) -> &str {
    let Some((first, rest)) = candidates.split_first() else {
        return "";
    };
    rest.iter().fold(first.text.as_str(), |prefix, candidate| {
        let same = prefix
            .chars()
            .zip(candidate.text.chars())
            .take_while(|(a, b)| a == b);
        let len = same.map(|(c, _)| c.len_utf8()).sum();
        prefix.get(..len).unwrap_or(prefix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_word_before_the_cursor() {
        for (line, start, text, quoting) in [
            ("", 0, "", Quoting::Backslash),
            ("put ", 4, "", Quoting::Backslash),
            ("put my\\ fi", 4, "my fi", Quoting::Backslash),
            ("put \"my fi", 4, "my fi", Quoting::Double),
            ("put 'my fi", 4, "my fi", Quoting::Single),
            ("put 'my f'i", 4, "my fi", Quoting::Backslash),
            ("put a\"b c", 4, "ab c", Quoting::Backslash),
            ("put \"a\\\"b\\c", 4, "a\"b\\c", Quoting::Double),
            ("x\\", 0, "x", Quoting::Backslash),
            ("a\u{3000}é", 4, "é", Quoting::Backslash),
        ] {
            assert_eq!(
                word_at(line),
                Word {
                    start,
                    text: text.to_owned(),
                    quoting
                },
                "{line:?}"
            );
        }
    }

    #[test]
    fn quoting() {
        for (text, quoting, written) in [
            ("a b", Quoting::Raw, "a b"),
            ("a b", Quoting::Backslash, "a\\ b"),
            ("~x~#", Quoting::Backslash, "\\~x~#"),
            ("it's", Quoting::Single, "'it'\\''s'"),
            ("$a \"b\"", Quoting::Double, "\"\\$a \\\"b\\\"\""),
            ("a\nb", Quoting::Backslash, "a'\n'b"),
        ] {
            assert_eq!(quote(text, quoting, true), written, "{text:?} {quoting:?}");
        }
        assert_eq!(quote("a b", Quoting::Double, false), "\"a b");
    }

    #[test]
    fn common_prefixes() {
        for (words, prefix) in [
            (&["é1", "é2"][..], "é"),
            (&["a"], "a"),
            (&["é", "è"], ""),
            (&["ab", "a"], "a"),
        ] {
            let candidates: Vec<_> = words.iter().map(|w| Candidate::word(*w)).collect();
            assert_eq!(common_prefix(&candidates), prefix);
        }
        assert_eq!(common_prefix(&[]), "");
    }

    proptest! {
        #[test]
        fn a_quoted_word_is_one_word_and_means_the_text(text in "(?s:.){1,12}", how in 0_usize..3) {
            let quoting = [Quoting::Backslash, Quoting::Single, Quoting::Double][how];
            let written = quote(&text, quoting, true);
            prop_assert_eq!(unquote(&written, quoting), text.as_str());
            let line = format!("put {written}");
            let word = word_at(&line);
            prop_assert_eq!((word.start, word.text), (4, text));
        }
    }
}
