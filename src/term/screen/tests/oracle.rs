//! A terminal to look at: alacritty's, which shares no code with the model but the parser.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Term, TermMode};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Processor};

use crate::model::Size;

#[derive(Clone, Default)]
struct Heard(Rc<RefCell<Vec<Event>>>);

impl EventListener for Heard {
    fn send_event(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }
}

struct Shape(Size);

impl Dimensions for Shape {
    fn total_lines(&self) -> usize {
        usize::from(self.0.rows)
    }

    fn screen_lines(&self) -> usize {
        usize::from(self.0.rows)
    }

    fn columns(&self) -> usize {
        usize::from(self.0.cols)
    }
}

/// A terminal.
pub(super) struct Oracle {
    term: Term<Heard>,
    parser: Processor,
    events: Heard,
}

impl Oracle {
    pub(super) fn new(size: Size) -> Self {
        let events = Heard::default();
        let config = Config {
            scrolling_history: 1000,
            kitty_keyboard: true,
            ..Config::default()
        };
        Self {
            term: Term::new(config, &Shape(size), events.clone()),
            parser: Processor::new(),
            events,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    pub(super) fn title(&self) -> Option<String> {
        let events = self.events.0.borrow();
        events.iter().rev().find_map(|event| match event {
            Event::Title(title) => Some(Some(title.clone())),
            Event::ResetTitle => Some(None),
            _ => None,
        })?
    }

    /// Row and column of the cursor, counted from 0.
    pub(super) fn cursor(&self) -> (i32, usize) {
        let point = self.term.grid().cursor.point;
        (point.line.0, point.column.0)
    }

    pub(super) fn mode(&self) -> TermMode {
        *self.term.mode()
    }

    /// Rows that scrolled off the top.
    pub(super) fn history(&self) -> usize {
        self.term.grid().history_size()
    }

    /// The text of a row, without blanks at its end.
    pub(super) fn row(&self, row: usize) -> String {
        let row = &self.term.grid()[Line(i32::try_from(row).unwrap())];
        let cells = (0..self.term.columns()).map(|col| &row[Column(col)]);
        let chars: String = cells
            .filter(|cell| !cell.flags.contains(Flags::WIDE_CHAR_SPACER))
            .map(|cell| cell.c)
            .collect();
        chars.trim_end().to_owned()
    }

    /// All that can be told of it: each cell, the cursor, modes, the style of the cursor. Two
    /// terminals are the same if this is.
    pub(super) fn snapshot(&self) -> String {
        let mut out = String::new();
        let grid = self.term.grid();
        for row in 0..self.term.screen_lines() {
            let row = &grid[Line(i32::try_from(row).unwrap())];
            let cells: Vec<String> = (0..self.term.columns())
                .map(|col| describe(&row[Column(col)]))
                .collect();
            // Blanks at the end are many.
            let end = cells.iter().rposition(|c| c != " ").map_or(0, |at| at + 1);
            writeln!(out, "{}", cells[..end].concat()).unwrap();
        }
        let cursor = &grid.cursor;
        let (row, col) = (cursor.point.line.0, cursor.point.column.0);
        // Without autowrap there is nothing to wait for.
        let wrap = cursor.input_needs_wrap && self.mode().contains(TermMode::LINE_WRAP);
        writeln!(out, "cursor {row},{col} wrap {wrap}").unwrap();
        let mut pen = cursor.template.clone();
        pen.c = 'x';
        pen.flags.remove(Flags::WRAPLINE);
        writeln!(out, "pen {}", describe(&pen)).unwrap();
        writeln!(out, "{:?}", cursor.charsets).unwrap();
        writeln!(out, "{:?}", self.term.mode()).unwrap();
        writeln!(out, "{:?}", self.term.cursor_style()).unwrap();
        out
    }
}

/// A cell. Of blanks only what is seen counts: no marks on them, which stand where something was
/// written, but not where nothing ever was.
fn describe(cell: &Cell) -> String {
    let mut flags = cell.flags;
    flags.remove(Flags::WRAPLINE | Flags::LEADING_WIDE_CHAR_SPACER);
    let seen = Flags::INVERSE | Flags::ALL_UNDERLINES | Flags::STRIKEOUT;
    let blank = cell.c == ' ';
    let (mut fg, bg) = (colour(cell.fg), colour(cell.bg));
    if blank && !flags.intersects(seen) {
        flags &= Flags::WIDE_CHAR_SPACER;
        fg = "-".to_owned();
    }
    if blank {
        flags.remove(Flags::BOLD | Flags::DIM | Flags::ITALIC);
    }
    let link = cell.hyperlink().map(|link| link.uri().to_owned());
    let under = cell.underline_color().map(colour);
    let mut out = cell.c.to_string();
    if !blank {
        out.extend(cell.zerowidth().into_iter().flatten());
    }
    if (&*fg, &*bg) != ("-", "-") || !flags.is_empty() || link.is_some() || under.is_some() {
        write!(out, "⟨{fg} {bg} {flags:?} {under:?} {link:?}⟩").unwrap();
    }
    out
}

/// The first 16 colours have two names each.
fn colour(colour: Color) -> String {
    match colour {
        Color::Named(NamedColor::Foreground | NamedColor::Background) => "-".to_owned(),
        Color::Named(named) => format!("{}", named as usize),
        Color::Indexed(index) => format!("{index}"),
        Color::Spec(rgb) => format!("#{:02x}{:02x}{:02x}", rgb.r, rgb.g, rgb.b),
    }
}
