//! Shows what differs from the largest group.

use std::collections::HashMap;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use super::gather::Gather;
use super::printer::Format;
use super::report::title;
use super::sanitise::clean;
use super::status;

/// Lines of context around a difference.
const CONTEXT: usize = 3;

/// How many steps all comparisons of one call may take, about a second's worth.
const WORK: usize = 200_000_000;

/// Appends a unified diff of each group against the largest one (of several, the one with the
/// lowest exit status, then the first node): `--- worker[0-2] (3)`, `+++ worker3: exit 2`, hunks.
/// What would take too long to compare is said to be so, with the first line that differs. `fold`
/// folds names; on a terminal the lines are sanitised, else they are exact.
pub fn diff(gather: &Gather, fold: &dyn Fn(&[&str]) -> String, format: Format, out: &mut Vec<u8>) {
    let (streamed, groups): (Vec<_>, Vec<_>) = gather
        .groups()
        .into_iter()
        .partition(|group| group.streamed());
    let most = groups.iter().map(|group| group.names().len()).max();
    let mut work = WORK;
    let mut paint = Paint { format, out };
    for group in &streamed {
        let names = status::counted(group.names(), fold);
        paint.line(
            Hue::Plain,
            "",
            format!("{names}: too much output to compare").as_bytes(),
        );
    }
    let Some(base) = groups
        .iter()
        .position(|group| Some(group.names().len()) == most)
    else {
        return;
    };
    if let [only] = groups.as_slice() {
        let names = status::counted(only.names(), fold);
        paint.line(
            Hue::Plain,
            "",
            format!("{names}: no differences").as_bytes(),
        );
        return;
    }
    let base_text = groups[base].text();
    let old: Vec<&[u8]> = base_text.split_inclusive(|b| *b == b'\n').collect();
    for (at, group) in groups.iter().enumerate() {
        if at == base {
            continue;
        }
        paint.line(Hue::Bold, "--- ", title(&groups[base], fold).as_bytes());
        paint.line(Hue::Bold, "+++ ", title(group, fold).as_bytes());
        let text = group.text();
        let new: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
        if old == new {
            paint.line(Hue::Plain, "", b"(the same output)");
            continue;
        }
        let (before, cost) = cost(&old, &new);
        if cost > work {
            let what = format!(
                "(too large to compare: {} and {} lines, which differ from line {} on)",
                old.len(),
                new.len(),
                before + 1
            );
            paint.line(Hue::Plain, "", what.as_bytes());
            continue;
        }
        work -= cost;
        for hunk in group_diff_ops(capture_diff_slices(Algorithm::Myers, &old, &new), CONTEXT) {
            paint.hunk(&hunk, &old, &new);
        }
    }
}

/// How many lines are equal at the start, and a bound on the steps of comparing the rest, which is
/// the number of lines times the number of differences. There are at most as many differences as
/// lines that are not in the longest run, in order, of lines that both have exactly once.
fn cost(old: &[&[u8]], new: &[&[u8]]) -> (usize, usize) {
    let before = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[before..], &new[before..]);
    let after = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old, new) = (&old[..old.len() - after], &new[..new.len() - after]);
    // Where each line is in `new`; None if it is there, or in `old`, more than once.
    let mut places: HashMap<&[u8], Option<usize>> = HashMap::new();
    for (at, line) in new.iter().enumerate() {
        places
            .entry(line)
            .and_modify(|place| *place = None)
            .or_insert(Some(at));
    }
    let mut seen: HashMap<&[u8], u8> = HashMap::new();
    for line in old {
        let count = seen.entry(line).or_default();
        *count = count.saturating_add(1);
    }
    let once = old.iter().filter(|line| seen.get(*line) == Some(&1));
    // The longest ascending run: `ends[n]` is the smallest end of a run of n + 1.
    let mut ends: Vec<usize> = Vec::new();
    for at in once.filter_map(|line| places.get(line).copied().flatten()) {
        let run = ends.partition_point(|end| *end < at);
        match ends.get_mut(run) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let lines = old.len() + new.len();
    (before, lines.saturating_mul(lines - 2 * ends.len()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hue {
    Plain,
    Bold,
    Place,
    Gone,
    New,
}

struct Paint<'a> {
    format: Format,
    out: &'a mut Vec<u8>,
}

impl Paint<'_> {
    /// One line; `text` is without its newline.
    fn line(&mut self, hue: Hue, mark: &str, text: &[u8]) {
        let on = match (self.format, hue) {
            (Format::Terminal { colours: true }, Hue::Bold) => "\x1b[1m",
            (Format::Terminal { colours: true }, Hue::Place) => "\x1b[36m",
            (Format::Terminal { colours: true }, Hue::Gone) => "\x1b[31m",
            (Format::Terminal { colours: true }, Hue::New) => "\x1b[32m",
            _ => "",
        };
        self.out.extend_from_slice(on.as_bytes());
        self.out.extend_from_slice(mark.as_bytes());
        match self.format {
            Format::Terminal { .. } => self.out.extend_from_slice(clean(text).as_bytes()),
            Format::Pipe | Format::Json => self.out.extend_from_slice(text),
        }
        if !on.is_empty() {
            self.out.extend_from_slice(b"\x1b[0m");
        }
        self.out.push(b'\n');
    }

    fn text(&mut self, hue: Hue, mark: &str, line: &[u8]) {
        let whole = line.strip_suffix(b"\n");
        self.line(hue, mark, whole.unwrap_or(line));
        if whole.is_none() {
            self.line(Hue::Plain, "", b"\\ No newline at end of output");
        }
    }

    fn hunk(&mut self, ops: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) {
        let (Some(first), Some(last)) = (ops.first(), ops.last()) else {
            return;
        };
        let from = |start: usize, end: usize| match end - start {
            1 => format!("{}", start + 1),
            0 => format!("{start},0"),
            count => format!("{},{count}", start + 1),
        };
        let place = format!(
            "@@ -{} +{} @@",
            from(first.old_range().start, last.old_range().end),
            from(first.new_range().start, last.new_range().end)
        );
        self.line(Hue::Place, "", place.as_bytes());
        for op in ops {
            if op.tag() == DiffTag::Equal {
                for line in &old[op.old_range()] {
                    self.text(Hue::Plain, " ", line);
                }
                continue;
            }
            for line in &old[op.old_range()] {
                self.text(Hue::Gone, "-", line);
            }
            for line in &new[op.new_range()] {
                self.text(Hue::New, "+", line);
            }
        }
    }
}

#[cfg(test)]
mod tests;
