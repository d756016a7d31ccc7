//! Patterns of names and values: wildcards and number ranges.

use super::scan::{Piece, pieces};
use crate::error::{Error, Result};
use crate::model::nearest::shown;
use crate::model::ranges::{MAX_DIGITS, Numbers};

/// A pattern: `worker*`, `w?`, `worker[ab]`, `worker[0-20]`, `w*-[1-3].eu`.
///
/// A number range stands for a whole number beside a `*`: `w*[1-3]` takes w-2, but not w12 as "w1"
/// and "2". Ranges are matched, never expanded, so that their size costs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// Text with wildcards; whether a `*` is its first and its last letter.
    Wild(glob::Pattern, bool, bool),
    Numbers(Numbers),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut run = Vec::new();
        for piece in pieces(text)? {
            match piece {
                Piece::Numbers(numbers) => {
                    flush(&mut run, &mut parts, text)?;
                    parts.push(Part::Numbers(numbers));
                },
                // glob takes `**` for folders.
                Piece::Star if run.last() == Some(&Piece::Star) => {},
                piece => run.push(piece),
            }
        }
        flush(&mut run, &mut parts, text)?;
        Ok(Self { parts })
    }

    /// A pattern that ignores case; match it against text in lower case.
    pub(super) fn parse_lower(text: &str) -> Result<Self> {
        Self::parse(&text.to_lowercase())
    }

    /// The text that it stands for, if it has no wildcards and no ranges.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it has a `/`, which stands between a cluster's name and a node's.
    pub(super) fn has_slash(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Text(text) => text.contains('/'),
            Part::Wild(glob, _, _) => glob.as_str().contains('/'),
            Part::Numbers(_) => false,
        })
    }

    /// Whether it is `*` alone.
    pub(super) fn is_star(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Wild(glob, _, _)] if glob.as_str() == "*")
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self.parts.as_slice() {
            [] => text.is_empty(),
            [Part::Text(expected)] => text == expected,
            [Part::Wild(glob, _, _)] => glob.matches(text),
            parts => by_parts(parts, text),
        }
    }
}

/// Turns a run of letters and wildcards into one part.
fn flush(run: &mut Vec<Piece>, parts: &mut Vec<Part>, source: &str) -> Result<()> {
    let run = std::mem::take(run);
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(());
    };
    let ends = (*first == Piece::Star, *last == Piece::Star);
    let (mut text, mut glob, mut wild) = (String::new(), String::new(), false);
    for piece in &run {
        match piece {
            Piece::Char(c) | Piece::Quoted(c) => {
                text.push(*c);
                glob.push_str(&glob::Pattern::escape(c.encode_utf8(&mut [0; 4])));
            },
            Piece::Star => {
                wild = true;
                glob.push('*');
            },
            Piece::Any => {
                wild = true;
                glob.push('?');
            },
            Piece::Class(letters) => {
                wild = true;
                glob.push('[');
                glob.push_str(letters);
                glob.push(']');
            },
            Piece::Numbers(_) => {},
        }
    }
    parts.push(if wild {
        let glob = glob::Pattern::new(&glob).map_err(|error| {
            Error::usage(format!("bad pattern `{}`", shown(source))).hint(error.msg)
        })?;
        Part::Wild(glob, ends.0, ends.1)
    } else {
        Part::Text(text)
    });
    Ok(())
}

/// Follows every way in which the parts can share the text: after each part, the places that it can
/// end at.
fn by_parts(parts: &[Part], text: &str) -> bool {
    let mut places = vec![0];
    for (i, part) in parts.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| parts.get(i));
        let after = parts.get(i + 1);
        let mut next = Vec::new();
        for place in places {
            let Some(rest) = text.get(place..) else {
                continue;
            };
            match part {
                Part::Text(expected) => {
                    if rest.starts_with(expected.as_str()) {
                        next.push(place + expected.len());
                    }
                },
                Part::Wild(glob, _, _) if after.is_none() => {
                    if glob.matches(rest) {
                        next.push(text.len());
                    }
                },
                Part::Wild(glob, _, _) => {
                    for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
                        if rest.get(..end).is_some_and(|taken| glob.matches(taken)) {
                            next.push(place + end);
                        }
                    }
                },
                Part::Numbers(numbers) => {
                    let inside = matches!(before, Some(Part::Wild(_, _, true)))
                        && text.get(..place).is_some_and(|t| t.ends_with(is_digit));
                    if inside {
                        continue;
                    }
                    let whole = matches!(after, Some(Part::Wild(_, true, _)));
                    let run = rest.bytes().take_while(u8::is_ascii_digit).count();
                    let shortest = if whole { run.max(1) } else { 1 };
                    for end in shortest..=run.min(MAX_DIGITS) {
                        if rest
                            .get(..end)
                            .is_some_and(|digits| numbers.contains(digits))
                        {
                            next.push(place + end);
                        }
                    }
                },
            }
        }
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    places.last() == Some(&text.len())
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        for (pattern, yes, no) in [
            ("master", "master", "Master master1"),
            ("worker*", "worker worker0 worker.x", "master aworker"),
            ("w**", "w w1", "x"),
            ("w***k?r", "worker", "work"),
            ("w?", "w1 wé", "w w12"),
            ("worker[ab]", "workera workerb", "workerc worker"),
            ("worker[!ab]", "workerc", "workera"),
            ("worker[^ab]", "workerc", "workera"),
            ("worker[a-c]x", "workerbx", "workerdx"),
            ("n[0-9a-f]", "n7 nc", "n10 ng"),
            (
                "worker[0-20]",
                "worker0 worker7 worker20",
                "worker21 worker00 worker worker2x",
            ),
            ("n[001-128]", "n001 n128", "n1 n01 n0001 n129"),
            ("n[1-128]", "n1 n99", "n001 n01"),
            (
                "worker[1,3,5-9]",
                "worker1 worker3 worker7",
                "worker2 worker13",
            ),
            ("worker[12]", "worker12", "worker1 worker2"),
            ("n[0-10/2]", "n0 n4 n10", "n1 n12"),
            ("a[1-2]b[3-4]", "a1b3 a2b4", "a1b5 a3b3 a1b"),
            ("n1[0-5]", "n10 n15", "n1 n16 n5"),
            ("n[1-2]5", "n15 n25", "n1 n5 n35"),
            ("a[1-2][3-4]", "a13 a24", "a1 a3 a31"),
            ("a[1-20][3-4]", "a13 a203 a194", "a193x a2034"),
            ("w*[1-3]", "w1 w-2 wx3", "w12 w13 w4 w"),
            ("[1-3]*", "1 2x 3-4", "12 13x x1"),
            ("n[1-2]*", "n1 n2-eu", "n15 n15-eu n3"),
            ("n?[1-3]", "n-1 n13", "n1 n14"),
            ("*-[1-2]-*", "a-1-b a-9-1-b", "a-12-b a-3-b"),
            ("w[ab][1-2]", "wa1 wb2", "wc1 wa3 wab1"),
            ("a[,]b", "a,b", "ab"),
            ("a[[]1[]]", "a[1]", "a1"),
            ("a[*][?][!][^][\\]", "a*?!^\\", "aa?!^\\"),
            ("[5]", "5", "05 [5]"),
            ("w[0-999999]", "w0 w123456", "w01 w1234567"),
        ] {
            let compiled = Pattern::parse(pattern).unwrap();
            for text in yes.split(' ') {
                assert!(compiled.matches(text), "{pattern} takes {text}");
            }
            for text in no.split(' ') {
                assert!(!compiled.matches(text), "{pattern} leaves {text}");
            }
        }
        for bad in [
            "w[",
            "w[1-",
            "w]",
            "w[]",
            "w[5-1]",
            "w[1-5/0]",
            "w[01-128]",
            "w[1-]",
        ] {
            Pattern::parse(bad).expect_err(bad);
        }
        assert_eq!(Pattern::parse("a[,]b").unwrap().literal(), Some("a,b"));
        assert_eq!(Pattern::parse("a[b-c]").unwrap().literal(), None);
    }

    #[test]
    fn hostile_patterns_end() {
        let many = "a*".repeat(200) + "b";
        assert!(!Pattern::parse(&many).unwrap().matches(&"a".repeat(400)));
        let ranges = "[0-9]".repeat(60) + "x";
        assert!(!Pattern::parse(&ranges).unwrap().matches(&"1".repeat(61)));
        let both = "*[0-9]?".repeat(20) + "x";
        assert!(!Pattern::parse(&both).unwrap().matches(&"1a".repeat(100)));
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "\\PC{0,20}", odd in "[a*?\\[\\]!^0-9,/-]{0,14}", text in "\\PC{0,20}") {
            for pattern in [pattern, odd] {
                if let Ok(pattern) = Pattern::parse(&pattern) {
                    let again = pattern.matches(&text);
                    prop_assert_eq!(pattern.matches(&text), again);
                }
            }
        }
    }
}
