//! The pieces of a name pattern: letters, wildcards, number ranges.

use crate::error::{Error, Result};
use crate::model::nearest::shown;
use crate::model::ranges::Numbers;

/// A range of more numbers is a slip.
const RANGE_MAX: u64 = 1_000_000;

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A letter that stands for itself.
    Char(char),
    /// A letter that stands for itself because it is alone in brackets: `[,]`, `[*]`.
    Quoted(char),
    /// `*`
    Star,
    /// `?`
    Any,
    /// What stands in the brackets of a character class, `!` first if it is negated.
    Class(String),
    /// `[0-20]`
    Numbers(Numbers),
}

/// The inside of brackets and what follows them; `text` starts behind the `[`. A `]` alone in
/// brackets, `[]]`, is that letter.
pub(super) fn bracket(text: &str) -> Option<(&str, &str)> {
    if let Some(behind) = text.strip_prefix("]]") {
        return Some(("]", behind));
    }
    text.split_once(']')
}

/// The pieces of a pattern from which `\` has been dropped already.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.strip_prefix(c).unwrap_or_default();
        pieces.push(match c {
            '*' => Piece::Star,
            '?' => Piece::Any,
            '[' => {
                let Some((inner, behind)) = bracket(rest) else {
                    return Err(unclosed(text));
                };
                rest = behind;
                in_brackets(inner, text)?
            },
            ']' => {
                return Err(Error::usage(format!(
                    "`{}` has a `]` without its `[`",
                    shown(text)
                )));
            },
            c => Piece::Char(c),
        });
    }
    Ok(pieces)
}

/// The error for a `[` that is not closed.
pub(super) fn unclosed(text: &str) -> Error {
    Error::usage(format!("`{}` has a `[` without its `]`", shown(text)))
}

fn in_brackets(inner: &str, text: &str) -> Result<Piece> {
    let mut letters = inner.chars();
    match (letters.next(), letters.next()) {
        (None, _) => {
            return Err(
                Error::usage(format!("nothing stands in `[]` of `{}`", shown(text)))
                    .hint("numbers, as in `[0-20]`, or letters, as in `[ab]`"),
            );
        },
        (Some(c), None) if !c.is_ascii_digit() => return Ok(Piece::Quoted(c)),
        _ => {},
    }
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '-' | ',' | '/' | ' ');
    if inner.chars().all(numeric) && inner.contains(|c: char| c.is_ascii_digit()) {
        let numbers = Numbers::parse(inner).map_err(|error| Error::usage(error.to_string()))?;
        let count = numbers.count();
        if count > RANGE_MAX {
            let text =
                format!("[{inner}] stands for {count} numbers; at most {RANGE_MAX} can be meant");
            return Err(Error::usage(text).hint("a slip? `*` means any number"));
        }
        return Ok(Piece::Numbers(numbers));
    }
    Ok(Piece::Class(match inner.strip_prefix('^') {
        Some(letters) => format!("!{letters}"),
        None => inner.to_owned(),
    }))
}
