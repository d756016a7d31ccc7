//! The painter, looked at through a terminal.

mod properties;

use super::style::Palette;
use super::*;
use crate::model::Size;
use crate::term::width;

/// A terminal, and the painter that writes to it.
struct Screen {
    terminal: vt100::Parser,
    painter: Painter,
    size: Size,
    written: usize,
}

impl Screen {
    fn new(cols: u16, rows: u16) -> Self {
        Self {
            terminal: vt100::Parser::new(rows, cols, 5000),
            painter: Painter::new(),
            size: Size { cols, rows },
            written: 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.written = bytes.len();
        self.terminal.process(bytes);
    }

    fn view<'a>(&self, marked: &'a str, line: &'a mut String) -> PromptView<'a> {
        let (before, after) = marked.split_once('|').unwrap();
        *line = format!("{before}{after}");
        PromptView {
            prompt: "$ ",
            line,
            cursor: before.len(),
            size: self.size,
            ..PromptView::default()
        }
    }

    /// Paints a prompt `$ ` and a line whose cursor is at `|`.
    fn paint(&mut self, marked: &str) {
        let mut line = String::new();
        let bytes = {
            let view = self.view(marked, &mut line);
            self.painter.paint(&view)
        };
        self.write(&bytes);
    }

    fn turn(&mut self, output: &str, marked: &str) {
        let mut line = String::new();
        let bytes = {
            let view = self.view(marked, &mut line);
            self.painter.turn(output.as_bytes(), &view)
        };
        self.write(&bytes);
    }

    fn above(&mut self, output: &str) {
        let bytes = self.painter.above(output.as_bytes());
        self.write(&bytes);
    }

    fn resize(&mut self, cols: u16, rows: u16) {
        self.size = Size { cols, rows };
        self.terminal.screen_mut().set_size(rows, cols);
    }

    /// A terminal that leaves its rows where they are and cuts them. (vt100's own way of it breaks
    /// on wide characters.)
    fn crop(&mut self, cols: u16) {
        let screen = self.terminal.screen();
        let (row, column) = screen.cursor_position();
        let rows: Vec<String> = screen.rows(0, self.size.cols).collect();
        let rows = rows.iter().map(|row| width::truncate(row, cols.into()));
        let text = rows.collect::<Vec<_>>().join("\r\n");
        self.size.cols = cols;
        self.terminal = vt100::Parser::new(self.size.rows, cols, 5000);
        self.terminal.process(text.as_bytes());
        self.terminal
            .process(format!("\x1b[{};{}H", row + 1, column + 1).as_bytes());
    }

    /// A terminal that lays its text out anew when its width changes, as most do: rows that it
    /// wrapped are one line, and the cursor stays on its character.
    fn reflow(&mut self, cols: u16) {
        let screen = self.terminal.screen();
        let (cursor_row, cursor_column) = screen.cursor_position();
        let mut text = String::new();
        let (mut row_of_line, mut cursor) = (0, (0, 0));
        let wide = usize::from(cols);
        let mut used = 0;
        let rows: Vec<String> = screen.rows(0, self.size.cols).collect();
        let last = rows.iter().rposition(|row| !row.is_empty()).unwrap_or(0);
        let last = last.max(cursor_row.into());
        for (row, content) in (0..self.size.rows).zip(&rows).take(last + 1) {
            if row == cursor_row {
                let at = used + usize::from(cursor_column);
                cursor = (row_of_line + at / wide, at % wide);
            }
            text.push_str(content);
            used += width::width(content);
            if !screen.row_wrapped(row) {
                text.push_str("\r\n");
                row_of_line += used.div_ceil(wide).max(1);
                used = 0;
            }
        }
        let rows = self.size.rows;
        self.terminal = vt100::Parser::new(rows, cols, 5000);
        self.size = Size { cols, rows };
        self.terminal.process(text.as_bytes());
        self.terminal
            .process(format!("\x1b[{};{}H", cursor.0 + 1, cursor.1 + 1).as_bytes());
    }

    /// All rows, with those in the scrollback, without empty ones at the end; the cursor as `|`.
    fn rows(&mut self) -> Vec<String> {
        let cols = self.size.cols;
        let screen = self.terminal.screen_mut();
        screen.set_scrollback(usize::MAX);
        let back = screen.scrollback();
        let mut rows = Vec::new();
        for offset in (1..=back).rev() {
            screen.set_scrollback(offset);
            rows.extend(screen.rows(0, cols).next());
        }
        screen.set_scrollback(0);
        rows.extend(screen.rows(0, cols));
        while rows.last().is_some_and(|row| row.trim_end().is_empty()) {
            rows.pop();
        }
        rows.iter().map(|row| row.trim_end().to_owned()).collect()
    }

    /// The cursor's row among [`Self::rows`] and its column.
    fn cursor(&mut self) -> (usize, u16) {
        let screen = self.terminal.screen_mut();
        screen.set_scrollback(usize::MAX);
        let back = screen.scrollback();
        screen.set_scrollback(0);
        let (row, column) = screen.cursor_position();
        (back + usize::from(row), column)
    }

    fn assert(&mut self, rows: &[&str], cursor: (usize, u16)) {
        assert_eq!(self.rows(), rows);
        assert_eq!(self.cursor(), cursor);
    }
}

/// A part of a line of ASCII.
fn part(line: &str, range: std::ops::Range<usize>) -> &str {
    line.get(range).unwrap()
}

#[test]
fn a_character_at_the_end_costs_a_byte() {
    let mut screen = Screen::new(20, 6);
    screen.paint("sh|");
    screen.assert(&["$ sh"], (0, 4));
    screen.paint("sho|");
    assert_eq!(screen.written, 1);
    screen.paint("show|");
    screen.paint("sho|");
    assert!(screen.written <= 6, "{}", screen.written);
    screen.assert(&["$ sho"], (0, 5));
    screen.paint("sho|");
    assert_eq!(screen.written, 0);
    screen.paint("s|ho");
    assert!(screen.written <= 4, "{}", screen.written);
    screen.assert(&["$ sho"], (0, 3));
}

#[test]
fn output_goes_above_the_line_that_is_being_typed() {
    let mut screen = Screen::new(20, 6);
    screen.paint("up|time");
    screen.above("[w0] one\n[w1] two\n");
    screen.assert(&["[w0] one", "[w1] two", "$ uptime"], (2, 4));
    screen.turn("[w0] three\r\n", "upt|ime");
    screen.assert(&["[w0] one", "[w1] two", "[w0] three", "$ uptime"], (3, 5));
    // A line without an end, and one that leaves its colour on.
    screen.above("half");
    screen.above("\x1b[31mred\n");
    screen.assert(
        &[
            "[w0] one",
            "[w1] two",
            "[w0] three",
            "half",
            "red",
            "$ uptime",
        ],
        (5, 5),
    );
    let cell = screen.terminal.screen().cell(5, 0).unwrap();
    assert_eq!(
        (cell.contents(), cell.fgcolor()),
        ("$", vt100::Color::Default)
    );
    // Also when the screen scrolls, and when the output is longer than the screen.
    let output: String = (0..20).map(|n| format!("line {n}\n")).collect();
    screen.above(&output);
    let rows = screen.rows();
    assert_eq!(rows.len(), 26);
    assert_eq!(
        (rows[4].as_str(), rows[5].as_str(), rows[25].as_str()),
        ("red", "line 0", "$ uptime")
    );
}

#[test]
fn long_lines_wrap() {
    let mut screen = Screen::new(20, 6);
    screen.above("before\n");
    let eighteen = "abcdefghijklmnopqr";
    // Just full: the cursor is in the next row.
    screen.paint(&format!("{eighteen}|"));
    screen.assert(&["before", "$ abcdefghijklmnopqr"], (2, 0));
    screen.paint(&format!("{eighteen}s|"));
    assert_eq!(screen.written, 1);
    screen.assert(&["before", "$ abcdefghijklmnopqr", "s"], (2, 1));
    // The terminal knows that both rows are one line.
    assert!(screen.terminal.screen().row_wrapped(1));
    screen.paint("abcdefghijklmnopq|rs");
    screen.assert(&["before", "$ abcdefghijklmnopqr", "s"], (1, 19));
    screen.above("output\n");
    screen.assert(&["before", "output", "$ abcdefghijklmnopqr", "s"], (2, 19));
    screen.paint("a|");
    screen.assert(&["before", "output", "$ a"], (2, 3));
}

#[test]
fn wide_characters_do_not_fit_in_half() {
    let mut screen = Screen::new(20, 6);
    screen.paint("abcdefghijklmnopq日|x");
    screen.assert(&["$ abcdefghijklmnopq", "日x"], (1, 2));
    screen.paint("abcdefghijklmnopq|日x");
    screen.assert(&["$ abcdefghijklmnopq", "日x"], (1, 0));
    screen.paint("abcdefghijklmnop日|x");
    screen.assert(&["$ abcdefghijklmnop日", "x"], (1, 0));
    screen.paint("e\u{301}日本|");
    screen.assert(&["$ e\u{301}日本"], (0, 7));
    // A terminal that adds up the parts of a picture is told where it ends.
    screen.paint("👩\u{200d}👧ok|");
    assert_eq!(screen.cursor(), (0, 6));
    let cells: Vec<_> = (4..6)
        .map(|at| screen.terminal.screen().cell(0, at).unwrap().contents())
        .collect();
    assert_eq!(cells, ["o", "k"]);
}

#[test]
fn control_characters_are_named() {
    let mut screen = Screen::new(20, 6);
    screen.paint("a\x1b[2Jb\x07\u{9b}\u{202e}|");
    screen.assert(&["$ a^[[2Jb^G<9b><202e", ">"], (1, 1));
}

#[test]
fn a_line_of_several_lines() {
    let mut screen = Screen::new(20, 6);
    screen.paint("one\ntw|o\n");
    screen.assert(&["$ one", "> two", ">"], (1, 4));
    screen.paint("one\ntwo|\n");
    screen.assert(&["$ one", "> two", ">"], (1, 5));
    screen.paint("one|");
    screen.assert(&["$ one"], (0, 5));
    // A full row before a newline still has a place for the cursor.
    screen.paint("abcdefghijklmnopqr|\nx");
    screen.assert(&["$ abcdefghijklmnopqr", "", "> x"], (1, 0));
    screen.paint("abcdefghijklmnopqr\n|x");
    screen.assert(&["$ abcdefghijklmnopqr", "> x"], (1, 2));
}

#[test]
fn a_line_longer_than_the_screen_shows_what_is_around_the_cursor() {
    let mut screen = Screen::new(10, 5);
    screen.above("output\n");
    let line: String = (0..98).map(|n| char::from(b'a' + n % 26)).collect();
    screen.paint(&format!("{line}|"));
    let rows = screen.rows();
    assert_eq!(rows[0], "output");
    assert_eq!(
        &rows[1..],
        [
            part(&line, 68..78),
            part(&line, 78..88),
            part(&line, 88..98)
        ]
    );
    assert_eq!(screen.cursor(), (4, 0));
    screen.paint(&format!("|{line}"));
    let first = format!("$ {}", part(&line, 0..8));
    let shown = [
        first.as_str(),
        part(&line, 8..18),
        part(&line, 18..28),
        part(&line, 28..38),
    ];
    assert_eq!(screen.rows()[1..], shown);
    screen.above("more\n");
    let rows = screen.rows();
    assert_eq!((rows[0].as_str(), rows[1].as_str()), ("output", "more"));
    assert_eq!(rows[2..], shown);
}

#[test]
fn any_terminal_is_wide_enough() {
    for (cols, rows) in [(1, 1), (1, 2), (1, 24), (2, 3), (3, 24)] {
        let mut screen = Screen::new(cols, rows);
        screen.paint("日本 ab\x01|c");
        screen.above("o\n");
        screen.paint("|日本 ab\x01c");
        screen.above("p\n");
        screen.paint("|");
        let all = screen.rows();
        assert_eq!(all[..2], ["o", "p"], "{cols}x{rows}");
    }
    // A terminal of unknown size.
    let mut painter = Painter::new();
    let view = PromptView {
        line: "abc",
        cursor: 3,
        size: Size { cols: 0, rows: 0 },
        ..PromptView::default()
    };
    assert_eq!(painter.paint(&view), b"abc");
}

#[test]
fn colours_hints_and_rows_below() {
    let mut screen = Screen::new(20, 6);
    let below = ["\x1b[7mstart\x1b[m  stop".to_owned(), "x".repeat(30)];
    let view = PromptView {
        prompt: "\x1b[1;32mdust\x1b[m$ \x1b]0;title\x07",
        line: "st up",
        cursor: 2,
        mark: Some(3..5),
        hint: " hint",
        below: &below,
        size: screen.size,
    };
    let bytes = screen.painter.paint(&view);
    screen.write(&bytes);
    let dots = format!("{}…", "x".repeat(19));
    screen.assert(&["dust$ st up hint", "start  stop", &dots], (0, 8));
    let look = |row, column| {
        let cell = screen.terminal.screen().cell(row, column).unwrap();
        (
            cell.bold(),
            cell.dim(),
            cell.underline(),
            cell.inverse(),
            cell.fgcolor(),
        )
    };
    let (green, plain) = (vt100::Color::Idx(2), vt100::Color::Default);
    assert_eq!(look(0, 0), (true, false, false, false, green));
    assert_eq!(look(0, 4), (false, false, false, false, plain));
    assert_eq!(look(0, 9), (false, false, true, false, plain));
    assert_eq!(look(0, 12), (false, true, false, false, plain));
    assert_eq!(look(1, 0), (false, false, false, true, plain));
    assert_eq!(look(1, 7), (false, false, false, false, plain));
    // They go as they came, and no more of them is shown than leaves room for the line.
    let bytes = screen.painter.paint(&PromptView {
        below: &[],
        ..view.clone()
    });
    screen.write(&bytes);
    screen.assert(&["dust$ st up hint"], (0, 8));
    let many: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let long = "y".repeat(200);
    let view = PromptView {
        line: &long,
        cursor: 0,
        below: &many,
        hint: "",
        mark: None,
        ..view
    };
    let bytes = screen.painter.paint(&view);
    screen.write(&bytes);
    assert_eq!(screen.rows()[3..], ["0", "1"]);
    screen.above("ok\n");
    assert_eq!(screen.rows()[0], "ok");
}

#[test]
fn committing_hiding_and_showing() {
    let mut screen = Screen::new(20, 8);
    let mut line = String::new();
    screen.paint("abcdefg|hijklmnopqrstuvw");
    let bytes = {
        let view = screen.view("abcdefg|hijklmnopqrstuvw", &mut line);
        screen.painter.commit(&view)
    };
    screen.write(&bytes);
    screen.assert(&["$ abcdefghijklmnopqr", "stuvw"], (2, 0));
    screen.paint("x|");
    let bytes = screen.painter.hide(screen.size);
    screen.write(&bytes);
    screen.assert(&["$ abcdefghijklmnopqr", "stuvw"], (2, 0));
    // While hidden nothing is painted, but output passes.
    screen.turn("out\n", "y|");
    assert!(screen.painter.is_hidden());
    screen.assert(&["$ abcdefghijklmnopqr", "stuvw", "out"], (3, 0));
    let mut bytes = fresh_line(screen.size);
    let mut line = String::new();
    bytes.extend({
        let view = screen.view("z|", &mut line);
        screen.painter.show(&view)
    });
    screen.write(&bytes);
    screen.assert(&["$ abcdefghijklmnopqr", "stuvw", "out", "$ z"], (3, 3));
}

#[test]
fn a_fresh_line_from_anywhere() {
    for column in 0..20 {
        let mut screen = Screen::new(20, 6);
        screen.write("x".repeat(column).as_bytes());
        let mut bytes = fresh_line(screen.size);
        bytes.extend_from_slice(b"$");
        screen.write(&bytes);
        let left = "x".repeat(column);
        let rows = if column == 0 {
            vec!["$"]
        } else {
            vec![left.as_str(), "$"]
        };
        let at = rows.len() - 1;
        screen.assert(&rows, (at, 1));
    }
}

#[test]
fn clearing_keeps_what_was_printed() {
    let mut screen = Screen::new(20, 4);
    screen.above("one\ntwo\n");
    screen.paint("ab|c");
    let mut line = String::new();
    let bytes = {
        let view = screen.view("ab|c", &mut line);
        screen.painter.clear_screen(&view)
    };
    screen.write(&bytes);
    let rows = screen.rows();
    assert_eq!((rows[0].as_str(), rows[1].as_str()), ("one", "two"));
    assert_eq!(rows.last().unwrap(), "$ abc");
    assert_eq!(screen.terminal.screen().cursor_position(), (0, 4));
}

#[test]
fn another_size() {
    // A terminal that leaves its rows alone: something of the prompt may stay, no output goes.
    let mut screen = Screen::new(20, 10);
    screen.above("one\ntwo\n");
    screen.paint("abcdefghijklmnopqrstuv|");
    screen.resize(40, 10);
    screen.paint("abcdefghijklmnopqrstuv|");
    let rows = screen.rows();
    assert_eq!(rows[..2], ["one", "two"]);
    assert_eq!(rows.last().unwrap(), "$ abcdefghijklmnopqrstuv");
    screen.resize(10, 10);
    screen.paint("abcdefghijklmnopqrstuv|");
    let rows = screen.rows();
    assert_eq!(rows[..2], ["one", "two"]);
    assert_eq!(rows[rows.len() - 3..], ["$ abcdefgh", "ijklmnopqr", "stuv"]);
    // One that wraps them anew: here all can be known, and nothing is left over.
    let mut screen = Screen::new(20, 10);
    screen.above("one\ntwo\n");
    screen.paint("abcdefghijklmnopqrstuv|");
    screen.reflow(40);
    screen.paint("abcdefghijklmnopqrstuv|");
    screen.assert(&["one", "two", "$ abcdefghijklmnopqrstuv"], (2, 24));
    // Less height only: it is painted anew in the rows that there are.
    screen.resize(40, 5);
    screen.paint("abcdefghijklmnopqrstuv|");
    screen.assert(&["one", "two", "$ abcdefghijklmnopqrstuv"], (2, 24));
}

#[test]
fn another_terminal() {
    let mut screen = Screen::new(20, 6);
    screen.paint("abc|");
    screen.terminal = vt100::Parser::new(6, 20, 0);
    screen.painter.forget();
    screen.paint("abc|");
    screen.assert(&["$ abc"], (0, 5));
}

#[test]
fn a_menu_fits_below_the_line() {
    let words: Vec<String> = (0..200).map(|n| format!("worker{n}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut screen = Screen::new(30, 8);
    let below = columns::columns(&words, Some(70), 30, 4, Palette::new(false));
    let view = PromptView {
        prompt: "$ ",
        line: "@w",
        cursor: 2,
        below: &below,
        size: screen.size,
        ..PromptView::default()
    };
    let bytes = screen.painter.paint(&view);
    screen.write(&bytes);
    let rows = screen.rows();
    assert_eq!(rows.len(), 5);
    assert!(
        rows.iter()
            .any(|row| row.contains("worker70 ") || row.ends_with("worker70"))
    );
    assert!(rows[4].starts_with("… and "));
}

/// Not a measurement, but a mebibyte must not take minutes: the work is linear.
#[test]
fn the_longest_line_is_painted() {
    let line = "日x".repeat(1 << 18);
    let mut screen = Screen::new(80, 24);
    let view = PromptView {
        line: &line,
        cursor: line.len(),
        size: screen.size,
        ..PromptView::default()
    };
    let bytes = screen.painter.paint(&view);
    assert!(bytes.len() < 10_000);
    screen.write(&bytes);
    assert_eq!(screen.rows().len(), 23);
}
