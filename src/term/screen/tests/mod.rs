//! Screens, held against another terminal's reading of the same bytes.

mod backlog;
mod hostile;
mod leaving;
mod oracle;
mod repainting;
mod replies;
mod soup;
mod streams;

use super::*;
use oracle::Oracle;

const SIZE: Size = Size { cols: 80, rows: 24 };

/// A terminal that was just started and gets this screen painted.
fn painted(screen: &mut Screen) -> Oracle {
    let mut terminal = Oracle::new(screen.size());
    terminal.feed(&screen.repaint(Scrollback::None));
    terminal
}

/// A screen that a terminal is attached to and that a program sent `bytes`.
fn fed(size: Size, bytes: &[u8]) -> Screen {
    let mut screen = Screen::new(size, 100);
    screen.attached();
    screen.feed(bytes);
    screen
}

/// A terminal that was sent `bytes`.
fn there(size: Size, bytes: &[u8]) -> Oracle {
    let mut terminal = Oracle::new(size);
    terminal.feed(bytes);
    terminal
}

/// Two terminals show the same. The first difference says more than two screens.
#[track_caller]
fn assert_same(got: &Oracle, expected: &Oracle, what: &str) {
    let (got, expected) = (got.snapshot(), expected.snapshot());
    for (row, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
        let same = got
            .bytes()
            .zip(expected.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let from = same.saturating_sub(60);
        let end = |line: &str| {
            let bytes = line.as_bytes().get(from..).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        assert!(
            got == expected,
            "{what}, line {row}:\n     got {}\nexpected {}",
            end(got),
            end(expected)
        );
    }
}

/// What else can be told of a screen.
impl Screen {
    /// The window's title, as far as is read.
    pub fn title(&self) -> Option<String> {
        self.core.model.title()
    }

    /// How often the model failed and was replaced by an empty one, which the program's next full
    /// repaint mends.
    pub fn failures(&self) -> u32 {
        self.core.model.failures()
    }

    /// True if pasted text has to be sent between `CSI 200 ~` and `CSI 201 ~`.
    pub fn wants_bracketed_paste(&self) -> bool {
        self.core.modes.is_on(true, 2004)
    }

    /// Kitty's keyboard flags in force: with any, Ctrl-C comes as `CSI 99;5u`.
    pub fn kitty_flags(&self) -> u8 {
        self.core.modes.kitty()
    }

    /// True between the start and the end of an escape sequence: what is written to the terminal now
    /// would become part of it.
    pub fn is_inside_sequence(&self) -> bool {
        self.scanner.is_inside()
    }

    /// Row and column of the cursor, counted from 0; from the scroll region if the program works so.
    /// Not cheap: it paints.
    pub fn cursor(&mut self) -> (u16, u16) {
        self.settle_all();
        let core = &self.core;
        let at = trace::trace(&core.model.dump_cursor(), core.size);
        (at.row, at.col.min(core.size.cols - 1))
    }
}
