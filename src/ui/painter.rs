//! Keeps the prompt on the primary screen, below all that was printed.
//!
//! The painter remembers how many rows the prompt takes and where in them the cursor is. It moves
//! by relative steps only, never asks the terminal anything, and never touches a row above the
//! prompt: what nodes printed is the terminal's scrollback and the person's. Each call gives the
//! bytes to write, to be written as they are and in order.

use std::mem;
use std::sync::Arc;

use super::frame::{Frame, PromptView, Row};
use crate::model::Size;

/// Where the prompt is on the terminal.
#[derive(Debug, Default)]
pub struct Painter {
    /// What is on the screen; `None` if there is no prompt and the cursor is at the start of a
    /// fresh row.
    shown: Option<Frame>,
    hidden: bool,
}

impl Painter {
    /// For a terminal whose cursor is at the start of a row (see [`fresh_line`]).
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows the prompt as it is now, by writing what differs. Nothing while it is hidden.
    pub fn paint(&mut self, view: &PromptView<'_>) -> Vec<u8> {
        self.turn(&[], view)
    }

    /// Prints output above the prompt that is shown, and leaves the prompt as it was.
    ///
    /// Output is whole lines, without controls that move the cursor; `\n` is enough to end one. A
    /// line without an end gets one: the prompt never shares a row with output.
    pub fn above(&mut self, output: &[u8]) -> Vec<u8> {
        let Some(shown) = self.shown.take() else {
            return lines(output);
        };
        let mut out = erase(&shown, shown.columns);
        out.extend(lines(output));
        full(&shown, &mut out);
        self.shown = Some(shown);
        out
    }

    /// One turn of the loop: prints what came above the prompt and shows the prompt as it is now,
    /// which may be for a terminal of another size.
    pub fn turn(&mut self, output: &[u8], view: &PromptView<'_>) -> Vec<u8> {
        if self.hidden {
            return lines(output);
        }
        let next = Frame::new(view);
        let mut out = Vec::new();
        match &self.shown {
            Some(shown) if output.is_empty() && shown.is_for_the_screen_of(&next) => {
                update(shown, &next, &mut out);
            },
            shown => {
                if let Some(shown) = shown {
                    out = erase(shown, next.columns);
                }
                out.extend(lines(output));
                full(&next, &mut out);
            },
        }
        self.shown = Some(next);
        out
    }

    /// Takes the prompt away, for a program that is to have the terminal. The cursor is then at the
    /// start of the row where the prompt was.
    pub fn hide(&mut self, size: Size) -> Vec<u8> {
        self.hidden = true;
        let columns = usize::from(size.cols);
        self.shown.take().map_or_else(Vec::new, |shown| {
            erase(&shown, if columns == 0 { shown.columns } else { columns })
        })
    }

    /// Shows the prompt again. The cursor must be at the start of a row: write [`fresh_line`] first
    /// if a program wrote to the terminal.
    pub fn show(&mut self, view: &PromptView<'_>) -> Vec<u8> {
        self.hidden = false;
        self.paint(view)
    }

    /// True between [`Self::hide`] and [`Self::show`].
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Leaves the prompt on the screen as it is in `view`, as part of what was printed, and goes to
    /// the row after it: the line was entered. Of a line that is longer than the screen, its end
    /// stays.
    pub fn commit(&mut self, view: &PromptView<'_>) -> Vec<u8> {
        let view = PromptView {
            cursor: view.line.len(),
            ..view.clone()
        };
        let mut out = self.paint(&view);
        if let Some(shown) = self.shown.take() {
            let mut pen = Pen::new(&shown, &mut out);
            pen.go(shown.rows.len() - 1, 0);
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    /// Ctrl-L: an empty screen with the prompt at its top. What was on it goes to the scrollback;
    /// nothing that a node printed is lost.
    pub fn clear_screen(&mut self, view: &PromptView<'_>) -> Vec<u8> {
        let rows = if view.size.rows == 0 {
            Size::DEFAULT.rows
        } else {
            view.size.rows
        };
        let mut out = self.hide(view.size);
        // From wherever the cursor is, so many rows push all that is above off the screen.
        out.extend(b"\n".repeat(usize::from(rows)));
        out.extend_from_slice(b"\x1b[H\x1b[J");
        out.extend(self.show(view));
        out
    }

    /// The whole prompt as it is shown, for another terminal: its cursor must be at the start of a row
    /// with nothing after it.
    pub fn again(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(shown) = &self.shown {
            full(shown, &mut out);
        }
        out
    }

    /// Takes the prompt off one of several terminals: the others still show it.
    pub fn away(&self) -> Vec<u8> {
        let shown = self.shown.as_ref();
        shown.map_or_else(Vec::new, |shown| erase(shown, shown.columns))
    }

    /// Forgets what is on the terminal: it is another one, or was reset. The cursor is at the start
    /// of a row.
    pub fn forget(&mut self) {
        self.shown = None;
    }
}

/// Goes to the start of a row: the next one, unless the cursor is at the start of one already. For
/// when something else wrote to the terminal, since nobody knows where it left the cursor.
pub fn fresh_line(size: Size) -> Vec<u8> {
    let columns = if size.cols == 0 {
        Size::DEFAULT.cols
    } else {
        size.cols
    };
    // As many blanks as there are columns: from the start of a row they just fill it, from
    // anywhere else they run into the next one.
    let mut out = b"\x1b[m".to_vec();
    out.extend(b" ".repeat(usize::from(columns)));
    out.extend_from_slice(b"\r\x1b[J");
    out
}

/// Output as a terminal in raw mode wants it: whole lines that end in `\r\n`, and no colour left on.
fn lines(output: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(output.len() + output.len() / 32 + 8);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', output) {
        let line = output.get(start..end).unwrap_or_default();
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
        start = end + 1;
    }
    let rest = output.get(start..).unwrap_or_default();
    if !rest.is_empty() {
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
    }
    if memchr::memchr(0x1b, output).is_some() {
        out.extend_from_slice(b"\x1b[m");
    }
    out
}

/// Goes to the prompt's first row and erases from there. If the terminal is now `columns` wide and
/// laid the rows out anew, some of the prompt may stay above; never is more erased than the prompt.
fn erase(shown: &Frame, columns: usize) -> Vec<u8> {
    let up = if columns == shown.columns {
        shown.cursor_row
    } else {
        shown.rows_above(columns)
    };
    let mut out = Vec::new();
    steps(&mut out, up, b'A');
    out.extend_from_slice(b"\r\x1b[J");
    out
}

/// Writes a whole prompt where the cursor is, at the start of a row with nothing after it.
fn full(next: &Frame, out: &mut Vec<u8>) {
    let nothing = Frame {
        rows: vec![Row::default()],
        cursor_row: 0,
        cursor_column: 0,
        columns: next.columns,
        screen_rows: next.screen_rows,
    };
    update(&nothing, next, out);
}

/// Writes what differs between the prompt on the screen and the next one.
fn update(shown: &Frame, next: &Frame, out: &mut Vec<u8>) {
    let mut pen = Pen::new(shown, out);
    let mut flows = false;
    for (at, row) in next.rows.iter().enumerate() {
        let old = shown.rows.get(at);
        let same = old.map_or(0, |old| {
            old.cells
                .iter()
                .zip(&row.cells)
                .take_while(|(old, new)| old == new)
                .count()
        });
        if old.is_some_and(|old| old.cells == row.cells) {
            flows = row.wraps;
            continue;
        }
        // The text goes on from the row before only if the pen is at its end just now.
        pen.enter(
            at,
            row.column_of(same),
            flows && same == 0,
            row.cells.is_empty(),
        );
        for cell in row.cells.iter().skip(same) {
            pen.cell(&cell.text, cell.width, &cell.style, cell.disputed);
        }
        if old.is_some_and(|old| old.width > row.width) {
            pen.plain();
            pen.out.extend_from_slice(b"\x1b[K");
        }
        flows = row.wraps;
    }
    if pen.rows > next.rows.len() {
        pen.go(next.rows.len(), 0);
        pen.plain();
        pen.out.extend_from_slice(b"\x1b[J");
    }
    pen.plain();
    pen.go(next.cursor_row, next.cursor_column);
}

/// `CSI n command`, if there is anything to do.
fn steps(out: &mut Vec<u8>, count: usize, command: u8) {
    if count > 0 {
        out.extend_from_slice(b"\x1b[");
        if count > 1 {
            out.extend_from_slice(count.to_string().as_bytes());
        }
        out.push(command);
    }
}

/// The terminal's cursor, in the rows of the prompt.
struct Pen<'a> {
    out: &'a mut Vec<u8>,
    row: usize,
    /// Equal to `columns` when a row was just filled: the terminal then stays on its last column
    /// until something more is written.
    column: usize,
    columns: usize,
    /// The prompt's rows that are on the screen. Below them there may be no row to go down to.
    rows: usize,
    style: Arc<str>,
}

impl<'a> Pen<'a> {
    fn new(shown: &Frame, out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            row: shown.cursor_row,
            column: shown.cursor_column,
            columns: shown.columns,
            rows: shown.rows.len(),
            style: "".into(),
        }
    }

    /// Goes to a place in the rows on the screen.
    fn go(&mut self, row: usize, column: usize) {
        steps(self.out, self.row.saturating_sub(row), b'A');
        steps(self.out, row.saturating_sub(self.row), b'B');
        self.row = row;
        if column == self.column {
            return;
        }
        if column == 0 {
            self.out.push(b'\r');
        } else if self.column == self.columns {
            // Terminals disagree about where the end of a full row is.
            self.out.push(b'\r');
            steps(self.out, column, b'C');
        } else {
            steps(self.out, self.column.saturating_sub(column), b'D');
            steps(self.out, column.saturating_sub(self.column), b'C');
        }
        self.column = column;
    }

    /// Goes to a place to write at, making the row if it is a new one. With `flows`, the row is the
    /// rest of the text of the row before, and the terminal is left to wrap it, so that it knows
    /// that both are one line when it is resized or copied from.
    fn enter(&mut self, row: usize, column: usize, flows: bool, empty: bool) {
        let at_end = flows && self.row + 1 == row && self.column == self.columns;
        if at_end && (!empty || row >= self.rows) {
            if empty {
                // Nothing but the cursor: a blank makes the row, and is taken away again.
                self.plain();
                self.out.extend_from_slice(b" \r\x1b[K");
            }
            self.row = row;
            self.column = 0;
        } else if row >= self.rows {
            self.go(self.rows - 1, 0);
            // A line feed with the background of a style would colour the new row.
            self.plain();
            self.out.extend_from_slice(b"\r\n");
            self.row = row;
        } else {
            self.go(row, column);
        }
        self.rows = self.rows.max(row + 1);
    }

    fn cell(&mut self, text: &str, width: usize, style: &Arc<str>, disputed: bool) {
        if self.style != *style {
            self.plain();
            self.out.extend_from_slice(style.as_bytes());
            self.style = style.clone();
        }
        self.out.extend_from_slice(text.as_bytes());
        self.column += width;
        if disputed && self.column < self.columns {
            // Say where it ends instead of guessing what the terminal thinks.
            self.out.push(b'\r');
            steps(self.out, self.column, b'C');
        }
    }

    /// Goes back to the terminal's own look.
    fn plain(&mut self) {
        if !mem::replace(&mut self.style, "".into()).is_empty() {
            self.out.extend_from_slice(b"\x1b[m");
        }
    }
}
