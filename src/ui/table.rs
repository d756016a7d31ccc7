//! Tables for `show`: columns that fit the terminal.

use super::style::{Palette, Role};
use crate::term::width;

/// Blanks between two columns.
const GAP: usize = 2;
/// What a column is not made narrower than, while any other can give.
const NARROW: usize = 4;

/// Rows under a head. Cells may hold colours; newlines and other control characters are named.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these heads; one that starts with `>` sets its column to the right.
    pub fn new<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        let mut table = Self::default();
        for name in head {
            table.right.push(name.starts_with('>'));
            table
                .head
                .push(name.strip_prefix('>').unwrap_or(name).to_owned());
        }
        table
    }

    /// Adds a row; what is missing at its end is empty, and what is too much is dropped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| clean(&cell));
        self.rows.push(cells.take(self.head.len()).collect());
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The columns of a terminal in which nothing would have to be cut.
    pub fn width(&self) -> usize {
        let filled = |at: &usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(*at));
            self.rows.is_empty() || cells.any(|cell| !cell.is_empty())
        };
        let used: Vec<usize> = (0..self.head.len()).filter(filled).collect();
        let widths: usize = used.iter().map(|at| self.natural(*at)).sum();
        widths + GAP * used.len().saturating_sub(1)
    }

    /// The lines of the table, without newlines. With `columns`, none is wider: the widest columns
    /// are cut first. Without it (the output is no terminal) nothing is cut. Columns that are empty
    /// in every row are left out.
    pub fn render(&self, columns: Option<usize>, palette: Palette) -> Vec<String> {
        let used: Vec<usize> = (0..self.head.len())
            .filter(|at| {
                self.rows.is_empty()
                    || self
                        .rows
                        .iter()
                        .any(|row| row.get(*at).is_some_and(|cell| !cell.is_empty()))
            })
            .collect();
        let mut widths: Vec<usize> = used.iter().map(|at| self.natural(*at)).collect();
        if let Some(columns) = columns {
            shrink(
                &mut widths,
                columns.saturating_sub(GAP * used.len().saturating_sub(1)),
            );
        }
        let line = |cells: &[String], head: bool| {
            let mut line = String::new();
            let mut owed = 0;
            for (at, wide) in used.iter().zip(&widths) {
                let cell = cells.get(*at).map_or("", String::as_str);
                let cell = width::ellipsize(cell, *wide);
                let left = wide - width::styled_width(&cell);
                let right = self.right.get(*at) == Some(&true);
                if right {
                    owed += left;
                }
                if !cell.is_empty() {
                    line.extend(std::iter::repeat_n(' ', owed));
                    owed = 0;
                    let role = palette.start(Role::Strong);
                    line.push_str(if head { role } else { "" });
                    line.push_str(&cell);
                    line.push_str(if head { palette.end() } else { "" });
                    owed += if right { 0 } else { left };
                } else if !right {
                    owed += left;
                }
                owed += GAP;
            }
            // More columns than the terminal has: gaps alone may be too wide.
            match columns {
                Some(columns) => width::ellipsize(&line, columns).into_owned(),
                None => line,
            }
        };
        std::iter::once(line(&self.head, true))
            .chain(self.rows.iter().map(|row| line(row, false)))
            .collect()
    }

    /// How wide a column would like to be.
    fn natural(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        let widths = cells.map(|cell| width::styled_width(cell));
        let head = self.head.get(at).map_or(0, |name| width::width(name));
        widths.max().unwrap_or(0).max(head)
    }
}

/// A cell's text with its colours, everything else that a terminal would act on named.
fn clean(cell: &str) -> String {
    use unicode_segmentation::UnicodeSegmentation as _;
    let mut out = String::with_capacity(cell.len());
    for piece in width::pieces(cell) {
        match piece {
            width::Piece::Escape(sequence) if is_sgr(sequence) => out.push_str(sequence),
            width::Piece::Escape(text) | width::Piece::Text(text) => {
                out.extend(text.graphemes(true).map(width::visible));
            },
        }
    }
    out
}

/// True for a sequence that sets colours and nothing else.
pub(super) fn is_sgr(sequence: &str) -> bool {
    let inner = sequence
        .strip_prefix("\x1b[")
        .and_then(|rest| rest.strip_suffix('m'));
    inner.is_some_and(|inner| {
        inner
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b';' | b':'))
    })
}

/// Takes columns from the widest until all fit into `room`, as far as that goes.
fn shrink(widths: &mut [usize], room: usize) {
    for least in [NARROW, 1, 0] {
        while widths.iter().sum::<usize>() > room {
            let over = widths.iter().sum::<usize>() - room;
            let widest = widths.iter().copied().max().unwrap_or(0);
            if widest <= least {
                break;
            }
            let below = widths
                .iter()
                .copied()
                .filter(|w| *w < widest)
                .max()
                .unwrap_or(0);
            let count = widths.iter().filter(|w| **w == widest).count();
            // All the widest together give what is needed, or come down to the next ones.
            let target = (widest - over.div_ceil(count).min(widest))
                .max(below)
                .max(least);
            let mut over = over;
            for wide in widths.iter_mut().rev().filter(|w| **w == widest) {
                let give = (widest - target).min(over);
                *wide -= give;
                over -= give;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: &[&[&str]]) -> Table {
        let mut table = Table::new([">#", "NAME", "STATE"]);
        for row in rows {
            table.row(row.iter().map(|cell| (*cell).to_owned()));
        }
        table
    }

    fn render(rows: &[&[&str]], columns: usize) -> Vec<String> {
        table(rows).render(Some(columns), Palette::new(false))
    }

    #[test]
    fn columns_align() {
        assert_eq!(
            render(
                &[&["1", "master", "running"], &["10", "日本", "stopped"]],
                80
            ),
            [
                " #  NAME    STATE",
                " 1  master  running",
                "10  日本    stopped"
            ]
        );
        // Nothing trails, what is missing is empty, an empty column is left out.
        assert_eq!(
            render(&[&["1", "a"], &["2", "bb", ""]], 80),
            ["#  NAME", "1  a", "2  bb"]
        );
        assert_eq!(
            render(&[&["1", "", "x"], &["", "b", "y"]], 80),
            ["#  NAME  STATE", "1        x", "   b     y"]
        );
        assert_eq!(render(&[], 80), ["#  NAME  STATE"]);
    }

    #[test]
    fn the_widest_gives_first() {
        let rows: &[&[&str]] = &[&["1", "a-very-long-name", "running"]];
        assert_eq!(
            render(rows, 20),
            ["#  NAME      STATE", "1  a-very-…  running"]
        );
        assert_eq!(render(rows, 14), ["#  NAME   STA…", "1  a-ve…  run…"]);
        assert_eq!(render(rows, 3).len(), 2);
        assert_eq!(
            table(rows).render(None, Palette::new(false))[1],
            "1  a-very-long-name  running"
        );
    }

    #[test]
    fn colours_stay_and_controls_do_not() {
        let rows: &[&[&str]] = &[&["1", "\x1b[31mred\x1b[m", "x\n\x1b]0;t\x07"]];
        let lines = render(rows, 80);
        assert_eq!(lines[1], "1  \x1b[31mred\x1b[m   x^J^[]0;t^G");
        let head = table(rows).render(None, Palette::new(true));
        assert_eq!(
            head[0],
            "\x1b[1m#\x1b[m  \x1b[1mNAME\x1b[m  \x1b[1mSTATE\x1b[m"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide(
            rows in prop::collection::vec(prop::collection::vec("[a-z日\u{301}\x1b\\[m]{0,20}", 0..5), 0..6),
            columns in 0_usize..50,
        ) {
            let mut table = Table::new(["A", ">BB", "CCC", "D"]);
            for row in rows {
                table.row(row);
            }
            for line in table.render(Some(columns), Palette::new(true)) {
                prop_assert!(width::styled_width(&line) <= columns, "{line:?}");
            }
        }
    }
}
