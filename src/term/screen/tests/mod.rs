//! Screens, held against another terminal's reading of the same bytes.

mod backlog;
mod hostile;
mod leaving;
mod oracle;
mod repainting;
mod replies;
mod soup;
mod speed;
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
