//! How many columns text takes on the screen, and cutting it to fit.
//!
//! What has no width of its own is shown by name and counted so: control characters as `^X` (C1 as
//! `<9b>`), invisible ones that stand alone as `<200b>`. So nothing reaches the terminal that it
//! would act on, and nothing is on a line unseen.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A piece of text that may hold escape sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text to be seen.
    Text(&'a str),
    /// A whole escape sequence, which takes no columns.
    Escape(&'a str),
}

/// Cuts text into escape sequences and what is between them.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let len = escape_len(rest);
        let end = if len > 0 {
            len
        } else {
            rest.find('\x1b').unwrap_or(rest.len())
        };
        let (piece, after) = rest
            .split_at_checked(end)
            .filter(|(piece, _)| !piece.is_empty())?;
        rest = after;
        Some(if len > 0 {
            Piece::Escape(piece)
        } else {
            Piece::Text(piece)
        })
    })
}

/// The length of the escape sequence that `text` starts with, in bytes; 0 if it starts with none. A
/// sequence that is cut short reaches to the end.
fn escape_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&0x1b) {
        return 0;
    }
    let after = |start: usize, end: fn(u8) -> bool| {
        let rest = bytes.get(start..).unwrap_or_default();
        rest.iter()
            .position(|b| end(*b))
            .map_or(bytes.len(), |at| start + at + 1)
    };
    let len = match bytes.get(1) {
        Some(b'[') => after(2, |b| !(0x20..=0x3f).contains(&b)),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let end = after(2, |b| b == 0x07 || b == 0x1b);
            let st = bytes.get(end - 1..=end) == Some(b"\x1b\\");
            if st { end + 1 } else { end }
        },
        // Intermediate bytes, then a final one: character sets.
        Some(_) => after(1, |b| !(0x20..=0x2f).contains(&b)),
        None => 1,
    };
    // A broken sequence may end inside a character.
    (len..bytes.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(bytes.len())
}

/// True if the text is one byte a column.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x20..=0x7e))
}

/// How a grapheme cluster is shown: itself, or the name of what cannot be shown.
pub fn visible(grapheme: &str) -> Cow<'_, str> {
    let controls = grapheme.chars().any(char::is_control);
    if !controls && (is_plain(grapheme) || grapheme.width() > 0) {
        return Cow::Borrowed(grapheme);
    }
    let mut shown = String::new();
    for c in grapheme.chars() {
        let code = u32::from(c);
        match code {
            0..=0x1f => shown.extend(['^', char::from_u32(code | 0x40).unwrap_or('?')]),
            0x7f => shown.push_str("^?"),
            // Writing to a string cannot fail.
            _ => drop(write!(shown, "<{code:x}>")),
        }
    }
    Cow::Owned(shown)
}

/// The columns that one grapheme cluster takes, as [`visible`] shows it.
pub fn grapheme_width(grapheme: &str) -> usize {
    if is_plain(grapheme) {
        grapheme.len()
    } else {
        visible(grapheme).as_ref().width()
    }
}

/// True if terminals disagree about the columns of this cluster: those that join its parts into one
/// picture, and those that add them up.
pub fn is_disputed(grapheme: &str) -> bool {
    let mut chars = grapheme.chars();
    let first = chars.next().and_then(char::width).unwrap_or(0);
    let sum: usize = first + chars.map(|c| c.width().unwrap_or(0)).sum::<usize>();
    !grapheme.is_ascii() && sum != grapheme.width()
}

/// The columns that text takes; escape sequences are text here and show as `^[`.
pub fn width(text: &str) -> usize {
    if is_plain(text) {
        text.len()
    } else {
        text.graphemes(true).map(grapheme_width).sum()
    }
}

/// The columns that text with escape sequences (colours) takes; they count nothing.
pub fn styled_width(text: &str) -> usize {
    pieces(text)
        .map(|piece| match piece {
            Piece::Text(text) => width(text),
            Piece::Escape(_) => 0,
        })
        .sum()
}

/// The longest start of the text that fits into `columns`.
pub fn truncate(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text
        .grapheme_indices(true)
        .find(|(_, grapheme)| {
            used += grapheme_width(grapheme);
            used > columns
        })
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// The text if it fits into `columns`; else its start and an ellipsis, which also fit. Escape
/// sequences count nothing and are kept as far as the text is; colours are then reset.
pub fn ellipsize(text: &str, columns: usize) -> Cow<'_, str> {
    if styled_width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut room = columns.saturating_sub(1);
    let mut out = String::new();
    let mut styled = false;
    for piece in pieces(text) {
        match piece {
            Piece::Escape(sequence) => {
                styled = true;
                out.push_str(sequence);
            },
            Piece::Text(text) => {
                let fits = truncate(text, room);
                out.push_str(fits);
                room -= width(fits);
                if fits.len() < text.len() {
                    break;
                }
            },
        }
    }
    if columns > 0 {
        out.push('…');
    }
    if styled {
        out.push_str("\x1b[m");
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        for (text, columns) in [
            ("", 0),
            ("plain", 5),
            ("日本", 4),
            ("e\u{301}a", 2),
            ("👩\u{200d}👩\u{200d}👧", 2),
            ("a\x03b", 4),
            ("\x7f", 2),
            ("\u{9b}", 4),
            ("a\u{200b}b", 8),
            ("\u{301}", 5),
            ("\t", 2),
            ("\r\n", 4),
            ("\x1b[31m", 6),
        ] {
            assert_eq!(width(text), columns, "{text:?}");
        }
    }

    #[test]
    fn escape_sequences_count_nothing() {
        for (text, columns) in [
            ("\x1b[1;31mred\x1b[m", 3),
            ("\x1b]0;title\x07x", 1),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", 4),
            ("\x1b(Bx", 1),
            ("x\x1b", 1),
            ("x\x1b[", 1),
            ("x\x1b[é", 1),
            ("\x1b\u{301}x", 1),
        ] {
            assert_eq!(styled_width(text), columns, "{text:?}");
        }
    }

    #[test]
    fn controls_are_named() {
        assert_eq!(visible("\x1b"), "^[");
        assert_eq!(visible("\0"), "^@");
        assert_eq!(visible("\u{9b}"), "<9b>");
        assert_eq!(visible("\u{202e}"), "<202e>");
        assert_eq!(visible("é"), "é");
    }

    #[test]
    fn cutting() {
        for (text, columns, cut) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc"),
            ("日本", 3, "日"),
            ("e\u{301}x", 1, "e\u{301}"),
            ("a\x01", 2, "a"),
            ("x", 0, ""),
        ] {
            assert_eq!(truncate(text, columns), cut, "{text:?} {columns}");
        }
        for (text, columns, cut) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 4, "日…"),
            ("abcd", 1, "…"),
            ("abcd", 0, ""),
            ("\x1b[31mabcd\x1b[m", 3, "\x1b[31mab…\x1b[m"),
        ] {
            assert_eq!(ellipsize(text, columns), cut, "{text:?} {columns}");
        }
    }

    #[test]
    fn joined_emoji_are_disputed() {
        assert!(is_disputed("👩\u{200d}👧"));
        assert!(is_disputed("❤\u{fe0f}"));
        assert!(!is_disputed("e\u{301}"));
        assert!(!is_disputed("日"));
        assert!(!is_disputed("a"));
    }
}
