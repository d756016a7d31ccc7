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
        fn a_quoted_word_means_the_text(text in "(?s:.){1,12}", how in 0_usize..3) {
            let quoting = [Quoting::Backslash, Quoting::Single, Quoting::Double][how];
            let written = quote(&text, quoting, true);
            prop_assert_eq!(unquote(&written, quoting), text.as_str());
        }
    }
}
