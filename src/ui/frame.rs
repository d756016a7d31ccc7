//! The prompt laid out in rows and cells, as a pure function of what is to be shown.

use std::ops::Range;
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation as _;

use super::table::is_sgr;
use crate::model::Size;
use crate::term::width::{self, Piece};

/// What stands before the second and later lines of a line that has several.
const CONTINUATION: &str = "> ";
/// The narrowest terminal that has room for it.
const CONTINUATION_COLUMNS: usize = 10;
const DIM: &str = "\x1b[2m";
const UNDERLINED: &str = "\x1b[4m";
/// What a character that is wider than the terminal is shown as.
const TOO_WIDE: &str = "?";

/// What the prompt shows.
#[derive(Clone, Debug)]
pub struct PromptView<'a> {
    /// What stands before the line; colours (SGR) are allowed in it.
    pub prompt: &'a str,
    /// The line. Newlines make rows, other control characters are named.
    pub line: &'a str,
    /// Where the cursor is in the line, in bytes.
    pub cursor: usize,
    /// The part of the line to underline, in bytes: what a search found.
    pub mark: Option<Range<usize>>,
    /// Dim text after the line.
    pub hint: &'a str,
    /// Rows below the line, menus for instance; colours are allowed in them. Each is cut to fit.
    pub below: &'a [String],
    /// The terminal's size; 0 in it means that it is not known.
    pub size: Size,
}

impl Default for PromptView<'_> {
    /// Nothing at all, on a terminal of the usual size.
    fn default() -> Self {
        Self {
            prompt: "",
            line: "",
            cursor: 0,
            mark: None,
            hint: "",
            below: &[],
            size: Size::DEFAULT,
        }
    }
}

/// One grapheme cluster on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) width: usize,
    /// The SGR sequences that make its look; empty for the terminal's own.
    pub(super) style: Arc<str>,
    /// True if terminals disagree about its width.
    pub(super) disputed: bool,
}

/// One row on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// The columns that its cells take.
    pub(super) width: usize,
    /// True if it is full and the next row goes on with the same text.
    pub(super) wraps: bool,
}

impl Row {
    /// The column where a cell starts.
    pub(super) fn column_of(&self, cell: usize) -> usize {
        self.cells.iter().take(cell).map(|cell| cell.width).sum()
    }
}

/// The prompt as it is to be on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// At least one row.
    pub(super) rows: Vec<Row>,
    pub(super) cursor_row: usize,
    /// Always less than the terminal's columns.
    pub(super) cursor_column: usize,
    /// The size that it is laid out for.
    pub(super) columns: usize,
    pub(super) screen_rows: usize,
}

/// The size to lay out for: terminals that do not know theirs say 0.
fn columns_and_rows(size: Size) -> (usize, usize) {
    let or = |n: u16, default: u16| usize::from(if n == 0 { default } else { n });
    (
        or(size.cols, Size::DEFAULT.cols),
        or(size.rows, Size::DEFAULT.rows),
    )
}

impl Frame {
    /// Lays out the prompt. It takes one row less than the terminal has, so that something of what
    /// was printed stays in sight; of a longer line, the rows around the cursor are shown.
    pub(super) fn new(view: &PromptView<'_>) -> Self {
        let (columns, rows) = columns_and_rows(view.size);
        let room = rows.saturating_sub(1).max(1);
        let line_room = room - view.below.len().min(room / 2);
        // First to see how long it is and where the cursor comes to be, then the part to be shown.
        let (count, cursor, _) = Wrap::new(columns, view, 0..0).all(view);
        let shown = count.min(line_room);
        let top = cursor.0.saturating_sub(line_room / 2).min(count - shown);
        let (_, _, lines) = Wrap::new(columns, view, top..top + shown).all(view);
        let mut frame = Self {
            rows: lines,
            cursor_row: cursor.0 - top,
            cursor_column: cursor.1,
            columns,
            screen_rows: rows,
        };
        // What goes on out of sight does not go on in the next row.
        if let Some(last) = frame.rows.last_mut() {
            last.wraps = false;
        }
        for text in view.below.iter().take(room - shown) {
            frame.rows.push(cut_row(text, columns));
        }
        frame
    }

    /// True if both are for a terminal of the same size.
    pub(super) fn is_for_the_screen_of(&self, other: &Self) -> bool {
        (self.columns, self.screen_rows) == (other.columns, other.screen_rows)
    }

    /// The least number of rows that are above the cursor in a terminal that is now `columns` wide,
    /// whether it left the rows as they were, cut them, or laid their text out anew.
    pub(super) fn rows_above(&self, columns: usize) -> usize {
        let columns = columns.max(1);
        let (mut above, mut text) = (0, 0);
        for row in self.rows.iter().take(self.cursor_row) {
            text += row.width;
            if !row.wraps {
                above += text.div_ceil(columns).max(1);
                text = 0;
            }
        }
        // The cursor may still be at the end of a full row.
        above += (text + self.cursor_column).saturating_sub(1) / columns;
        above.min(self.cursor_row)
    }
}

/// Puts text in rows.
struct Wrap {
    columns: usize,
    row: usize,
    column: usize,
    cursor: (usize, usize),
    plain: Arc<str>,
    dim: Arc<str>,
    marked: Arc<str>,
    mark: Range<usize>,
    /// The rows that are kept, and they.
    window: Range<usize>,
    kept: Vec<Row>,
}

impl Wrap {
    fn new(columns: usize, view: &PromptView<'_>, window: Range<usize>) -> Self {
        Self {
            columns,
            row: 0,
            column: 0,
            cursor: (0, 0),
            plain: "".into(),
            dim: DIM.into(),
            marked: UNDERLINED.into(),
            mark: view.mark.clone().unwrap_or_default(),
            kept: vec![Row::default(); window.len()],
            window,
        }
    }

    /// How many rows there are, the cursor's row and column in them, and the rows of the window.
    fn all(mut self, view: &PromptView<'_>) -> (usize, (usize, usize), Vec<Row>) {
        let mut style = self.plain.clone();
        for piece in width::pieces(view.prompt) {
            match piece {
                Piece::Text(text) => self.text(text, &style),
                Piece::Escape(sequence) => style = restyle(&style, sequence),
            }
        }
        let mut seen = false;
        for (at, grapheme) in graphemes(view.line) {
            let here = (at..at + grapheme.len()).contains(&view.cursor);
            let style = if self.mark.contains(&at) {
                self.marked.clone()
            } else {
                self.plain.clone()
            };
            let newline = grapheme == "\n";
            if here {
                seen = true;
                // The cursor stands where the character is, which may be in the next row.
                let wide = if newline {
                    1
                } else {
                    self.first_width(grapheme)
                };
                self.wrap_for(wide);
                self.cursor = (self.row, self.column);
            }
            if newline {
                self.newline();
            } else {
                self.grapheme(grapheme, &style);
            }
        }
        if !seen {
            let next = view
                .hint
                .graphemes(true)
                .next()
                .map_or(1, |first| self.first_width(first));
            self.wrap_for(next);
            self.cursor = (self.row, self.column);
        }
        let dim = self.dim.clone();
        self.text(view.hint, &dim);
        (self.row + 1, self.cursor, self.kept)
    }

    fn text(&mut self, text: &str, style: &Arc<str>) {
        for (_, grapheme) in graphemes(text) {
            if grapheme == "\n" {
                self.row += 1;
                self.column = 0;
            } else {
                self.grapheme(grapheme, style);
            }
        }
    }

    fn newline(&mut self) {
        self.row += 1;
        self.column = 0;
        if self.columns >= CONTINUATION_COLUMNS {
            let dim = self.dim.clone();
            self.text(CONTINUATION, &dim);
        }
    }

    /// The width of the first cell that a grapheme becomes.
    fn first_width(&self, grapheme: &str) -> usize {
        let shown = width::visible(grapheme);
        // The name of a control character can be split.
        let wide = if shown == grapheme {
            width::grapheme_width(grapheme)
        } else {
            1
        };
        if wide > self.columns { 1 } else { wide }
    }

    fn grapheme(&mut self, grapheme: &str, style: &Arc<str>) {
        // Nearly all there is.
        if let [b' '..=b'~'] = grapheme.as_bytes() {
            return self.cell(grapheme, 1, style);
        }
        let shown = width::visible(grapheme);
        if shown == grapheme {
            let wide = width::grapheme_width(grapheme);
            if wide > self.columns {
                self.cell(TOO_WIDE, 1, style);
            } else {
                self.cell(grapheme, wide, style);
            }
        } else {
            for part in shown.graphemes(true) {
                self.cell(part, width::grapheme_width(part), style);
            }
        }
    }

    fn cell(&mut self, text: &str, wide: usize, style: &Arc<str>) {
        self.wrap_for(wide);
        self.column += wide;
        if let Some(row) = self.kept_row() {
            let disputed = width::is_disputed(text);
            let cell = Cell {
                text: text.to_owned(),
                width: wide,
                style: style.clone(),
                disputed,
            };
            row.width += wide;
            row.cells.push(cell);
        }
    }

    /// The present row, if it is to be kept.
    fn kept_row(&mut self) -> Option<&mut Row> {
        let at = self.row.checked_sub(self.window.start)?;
        self.kept.get_mut(at)
    }

    /// Goes to the next row if something of this width does not fit.
    fn wrap_for(&mut self, wide: usize) {
        if self.column + wide > self.columns {
            if let Some(row) = self.kept_row() {
                row.wraps = true;
            }
            self.row += 1;
            self.column = 0;
        }
    }
}

/// Grapheme clusters with their offsets; ASCII, which is nearly all, without looking them up.
fn graphemes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let len = match rest.as_bytes() {
            [b' '..=b'~' | b'\n'] | [b' '..=b'~' | b'\n', b' '..=b'~' | b'\n', ..] => 1,
            _ => rest.graphemes(true).next()?.len(),
        };
        let grapheme = (at, rest.get(..len)?);
        at += len;
        Some(grapheme)
    })
}

/// The look after an escape sequence; one that is not about looks changes nothing.
fn restyle(style: &Arc<str>, sequence: &str) -> Arc<str> {
    /// No sane prompt gets here; one that never resets must not grow each cell.
    const STYLE_MAX: usize = 128;
    if !is_sgr(sequence) {
        return style.clone();
    }
    if matches!(sequence, "\x1b[m" | "\x1b[0m") {
        return "".into();
    }
    if style.len() + sequence.len() > STYLE_MAX {
        return style.clone();
    }
    format!("{style}{sequence}").into()
}

/// A row of text that is cut where the terminal ends.
fn cut_row(text: &str, columns: usize) -> Row {
    let text = width::ellipsize(text, columns);
    let mut row = Row::default();
    let mut style: Arc<str> = "".into();
    for piece in width::pieces(&text) {
        match piece {
            Piece::Escape(sequence) => style = restyle(&style, sequence),
            Piece::Text(text) => {
                for grapheme in text.graphemes(true) {
                    let cell = Cell {
                        text: width::visible(grapheme).into_owned(),
                        width: width::grapheme_width(grapheme),
                        style: style.clone(),
                        disputed: width::is_disputed(grapheme),
                    };
                    row.width += cell.width;
                    row.cells.push(cell);
                }
            },
        }
    }
    row
}
