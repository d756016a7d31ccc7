//! Names ↔ folded names: `worker0 worker1 worker2` ↔ `worker[0-2]`.
//!
//! Each run of digits in a name is an axis. Names that share all text between their axes are
//! folded together: along the last axis first, then along those before it, as long as something
//! merges; so `a1b1 a1b2 a2b1 a2b2 a3b1` is `a[1-2]b[1-2],a3b1`. Leading zeros are kept:
//! `n[1,01-02]`. Whatever means something in a target is put in brackets, `a[,]b`, so that folded
//! names are a target that selects exactly these names.

use std::collections::HashMap;

use super::scan::{Piece, pieces};
use crate::error::{Error, Result};
use crate::model::nearest::shown;
use crate::model::ranges::{MAX_DIGITS, Names, Part, natural_cmp};

/// Folds names, in natural order, each once. Instance ids (`i-0a12f34b`) are hexadecimal numbers in
/// which runs of digits mean nothing: they are listed one by one, as [`join`] lists any ids. Empty
/// names are left out; control characters are kept, for the one who prints to deal with.
pub fn fold<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    fold_to_list(names).join(",")
}

/// Lists names without folding them, in natural order, each once; for ids of any kind.
pub fn join<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let mut list: Vec<String> = names
        .into_iter()
        .map(|name| escaped(name.as_ref()))
        .filter(|name| !name.is_empty())
        .collect();
    list.sort_by(|a, b| natural_cmp(a, b));
    list.dedup();
    list.join(",")
}

/// The names that folded text stands for, in the order of the text, each once.
///
/// # Errors
/// A usage error for bad brackets, for wildcards (they need nodes to select among), and for more
/// than `limit` names, before any is made.
pub fn expand(text: &str, limit: usize) -> Result<Vec<String>> {
    let mut families = Vec::new();
    let mut total: u64 = 0;
    for piece in pieces(text)?.split(|piece| *piece == Piece::Char(',')) {
        let family = family(piece, text)?;
        if let Some(family) = family {
            total = total.saturating_add(family.count());
            families.push(family);
        }
    }
    if total > limit as u64 {
        return Err(Error::usage(format!(
            "`{}` stands for more than {limit} names",
            shown(text)
        )));
    }
    let mut seen = std::collections::HashSet::new();
    let names = families.iter().flat_map(Names::iter);
    Ok(names.filter(|name| seen.insert(name.clone())).collect())
}

/// The names of one term, if it is not blank.
fn family(pieces: &[Piece], source: &str) -> Result<Option<Names>> {
    let blank = |piece: &Piece| matches!(piece, Piece::Char(c) if c.is_whitespace());
    let start = pieces
        .iter()
        .position(|piece| !blank(piece))
        .unwrap_or(pieces.len());
    let end = pieces
        .iter()
        .rposition(|piece| !blank(piece))
        .map_or(start, |last| last + 1);
    let mut parts = Vec::new();
    let mut text = String::new();
    for piece in pieces.get(start..end).unwrap_or_default() {
        match piece {
            Piece::Char('\\') => {},
            Piece::Char(c) | Piece::Quoted(c) => text.push(*c),
            Piece::Numbers(numbers) => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Numbers(numbers.clone()));
            },
            Piece::Star | Piece::Any | Piece::Class(_) => {
                return Err(Error::usage(format!("`{}` has wildcards", shown(source)))
                    .hint("only names and number ranges can be expanded"));
            },
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok((!parts.is_empty()).then(|| Names::new(parts)))
}

/// A run of digits: its value and its length, with leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Digits {
    len: usize,
    value: u64,
}

impl Digits {
    fn padded(self) -> bool {
        self.len > 1
            && self
                .value
                .checked_ilog10()
                .map_or(1, |log| log as usize + 1)
                < self.len
    }

    /// Whether this comes right behind another where a range starts at `first`.
    fn follows(self, before: Self, first: Self) -> bool {
        let same_width = if first.padded() {
            self.len == first.len
        } else {
            !self.padded()
        };
        self.value == before.value + 1 && same_width
    }

    fn push_to(self, out: &mut String) {
        let digits = self.value.to_string();
        out.extend(std::iter::repeat_n(
            '0',
            self.len.saturating_sub(digits.len()),
        ));
        out.push_str(&digits);
    }
}

/// Numbers on one axis, shared by many rows: its place in [`Sets`].
type SetId = usize;

/// Each set of numbers once, so that rows compare by id.
#[derive(Debug, Default)]
struct Sets {
    sets: Vec<Vec<Digits>>,
    ids: HashMap<Vec<Digits>, SetId>,
}

impl Sets {
    fn id(&mut self, set: Vec<Digits>) -> SetId {
        if let Some(id) = self.ids.get(&set) {
            return *id;
        }
        let id = self.sets.len();
        self.sets.push(set.clone());
        self.ids.insert(set, id);
        id
    }

    fn get(&self, id: SetId) -> &[Digits] {
        self.sets.get(id).map_or(&[], Vec::as_slice)
    }
}

/// A name, cut at its axes: `texts` has one more piece than `axes`.
struct Cut<'a> {
    texts: Vec<&'a str>,
    axes: Vec<Digits>,
}

impl<'a> Cut<'a> {
    fn new(name: &'a str) -> Self {
        let (mut texts, mut axes) = (Vec::new(), Vec::new());
        if is_instance_id(name) {
            return Self {
                texts: vec![name],
                axes,
            };
        }
        let bytes = name.as_bytes();
        let (mut start, mut at) = (0, 0);
        while at < bytes.len() {
            let run = bytes
                .iter()
                .skip(at)
                .take_while(|b| b.is_ascii_digit())
                .count();
            let digits = name
                .get(at..at + run)
                .filter(|d| (1..=MAX_DIGITS).contains(&d.len()));
            if let Some(value) = digits.and_then(|digits| digits.parse().ok()) {
                texts.push(name.get(start..at).unwrap_or_default());
                axes.push(Digits { len: run, value });
                start = at + run;
            }
            at += run.max(1);
        }
        texts.push(name.get(start..).unwrap_or_default());
        Self { texts, axes }
    }
}

/// `i-` and hexadecimal digits, as EC2 makes them (8 or 17) or people shorten them.
fn is_instance_id(name: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
    name.strip_prefix("i-")
        .is_some_and(|id| (4..=17).contains(&id.len()) && id.bytes().all(hex))
}

/// The folded groups, in natural order of their first names.
pub(super) fn fold_to_list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<String> {
    let names: Vec<S> = names.into_iter().collect();
    let mut groups: HashMap<Vec<&str>, Vec<Vec<Digits>>> = HashMap::new();
    for name in names
        .iter()
        .map(AsRef::as_ref)
        .filter(|name| !name.is_empty())
    {
        let cut = Cut::new(name);
        groups.entry(cut.texts).or_default().push(cut.axes);
    }
    let mut folded: Vec<(String, String)> = Vec::new();
    let mut sets = Sets::default();
    for (texts, rows) in groups {
        for row in merged(rows, &mut sets) {
            folded.push(group(&texts, &row, &sets));
        }
    }
    folded.sort_by(|(a, _), (b, _)| natural_cmp(a, b));
    folded.into_iter().map(|(_, text)| text).collect()
}

/// Merges rows that differ in one axis only, until nothing merges. The boxes that rows stand for
/// stay disjoint, so that no name is told twice.
fn merged(mut rows: Vec<Vec<Digits>>, sets: &mut Sets) -> Vec<Vec<SetId>> {
    rows.sort_unstable();
    rows.dedup();
    let axes = rows.first().map_or(0, Vec::len);
    let mut rows: Vec<Vec<SetId>> = rows
        .into_iter()
        .map(|row| {
            row.into_iter()
                .map(|digits| sets.id(vec![digits]))
                .collect()
        })
        .collect();
    loop {
        let before = rows.len();
        for axis in (0..axes).rev() {
            let first = rows.first().and_then(|row| row.get(axis)).copied();
            if rows.iter().any(|row| row.get(axis).copied() != first) {
                rows = merged_along(axis, rows, sets);
            }
        }
        if rows.len() == before {
            return rows;
        }
    }
}

fn merged_along(axis: usize, rows: Vec<Vec<SetId>>, sets: &mut Sets) -> Vec<Vec<SetId>> {
    let mut places: HashMap<Vec<SetId>, usize> = HashMap::with_capacity(rows.len());
    let mut columns: Vec<(Vec<SetId>, Vec<SetId>)> = Vec::new();
    for row in rows {
        let mut rest = row;
        let own = rest.remove(axis);
        let place = *places.entry(rest).or_insert_with_key(|rest| {
            columns.push((rest.clone(), Vec::new()));
            columns.len() - 1
        });
        if let Some((_, ids)) = columns.get_mut(place) {
            ids.push(own);
        }
    }
    columns
        .into_iter()
        .map(|(mut row, ids)| {
            let id = match ids.as_slice() {
                [id] => *id,
                ids => {
                    let mut all: Vec<Digits> = ids
                        .iter()
                        .flat_map(|id| sets.get(*id).iter().copied())
                        .collect();
                    all.sort_unstable();
                    sets.id(all)
                },
            };
            row.insert(axis, id);
            row
        })
        .collect()
}

/// A row's first name, to sort by, and its folded text.
fn group(texts: &[&str], row: &[SetId], sets: &Sets) -> (String, String) {
    let (mut first, mut folded) = (String::new(), String::new());
    let last = texts.len().saturating_sub(1);
    for (i, text) in texts.iter().enumerate() {
        first.push_str(text);
        push_escaped(text, i == 0, i == last, &mut folded);
        let Some(id) = row.get(i) else { continue };
        let set = sets.get(*id);
        if let Some(digits) = set.first() {
            digits.push_to(&mut first);
        }
        match set {
            [digits] => digits.push_to(&mut folded),
            set => {
                folded.push('[');
                push_ranges(set, &mut folded);
                folded.push(']');
            },
        }
    }
    (first, folded)
}

/// `1-3,5`. `set` is sorted by length and value.
fn push_ranges(set: &[Digits], out: &mut String) {
    let mut rest = set;
    while let Some((first, behind)) = rest.split_first() {
        let mut last = *first;
        let mut run = 0;
        for digits in behind {
            if !digits.follows(last, *first) {
                break;
            }
            last = *digits;
            run += 1;
        }
        first.push_to(out);
        if run > 0 {
            out.push('-');
            last.push_to(out);
        }
        rest = behind.get(run..).unwrap_or_default();
        if !rest.is_empty() {
            out.push(',');
        }
    }
}

/// A name in which whatever means something in a target stands in brackets.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    push_escaped(name, true, true, &mut out);
    out
}

fn push_escaped(text: &str, starts: bool, ends: bool, out: &mut String) {
    let last = text.char_indices().last().map(|(i, _)| i);
    for (i, c) in text.char_indices() {
        let edge = (starts && i == 0) || (ends && Some(i) == last);
        let special = matches!(
            c,
            ',' | '!' | '&' | '^' | '[' | ']' | '*' | '?' | '=' | '\\'
        ) || (edge && c.is_whitespace())
            || (starts && i == 0 && c == '%');
        if special {
            out.push('[');
            out.push(c);
            out.push(']');
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
