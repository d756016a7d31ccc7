//! The model of a raw shell's screen: how much of what programs print it takes in a second, read as it
//! comes (`feed`) or left to wait while somebody looks (`push`), and what a repaint costs.

use std::time::Instant;

use dust::model::Size;
use dust::term::screen::{Screen, Scrollback};

use crate::table::Table;

/// Scrollback of the model, in rows.
const ROWS: usize = 500;

pub(crate) fn screen() {
    let plain =
        b"The quick brown fox jumps over the lazy dog, and then some more text follows.\r\n";
    let colours =
        b"\x1b[32m\"key\"\x1b[0m: \x1b[1;38;5;208m12345\x1b[m, \x1b[K\x1b[34mtrue\x1b[0m\r\n";
    let vim = include_bytes!("../../tests/streams/vim.bin");
    let mut table = Table::new(
        &format!("the model of a screen with {ROWS} rows of scrollback, dust alone"),
        &[
            "what",
            "size",
            "fed MB/s",
            "pushed MB/s",
            "repaint us",
            "bytes",
        ],
    );
    for (cols, rows) in [(80, 24), (200, 50)] {
        let region = format!("\x1b[1;{}r", rows - 1);
        for (name, start, unit, total) in [
            ("plain lines", "", &plain[..], 50_000_000),
            ("short lines", "", b"y\r\n", 50_000_000),
            ("colours", "", colours, 50_000_000),
            ("one line", "", b"no newline at all ", 10_000_000),
            ("vim", "", vim, 5_000_000),
            ("scroll region", &region, plain, 1_000_000),
        ] {
            let stream = unit.repeat(total / unit.len() + 1);
            let rate = |pushed: bool| {
                let mut screen = Screen::new(Size { cols, rows }, ROWS);
                screen.attached();
                screen.feed(start.as_bytes());
                let begun = Instant::now();
                for piece in stream.chunks(64 * 1024) {
                    if pushed {
                        screen.push(piece);
                    } else {
                        screen.feed(piece);
                    }
                }
                screen.settle_all();
                let rate = stream.len() as f64 / 1e6 / begun.elapsed().as_secs_f64();
                (screen, format!("{rate:.1}"))
            };
            let (_, fed) = rate(false);
            let (mut screen, pushed) = rate(true);
            let begun = Instant::now();
            let painting = screen.repaint(Scrollback::None);
            let took = begun.elapsed().as_micros();
            table.row(vec![
                name.to_owned(),
                format!("{cols}x{rows}"),
                fed,
                pushed,
                took.to_string(),
                painting.len().to_string(),
            ]);
        }
    }
    table.print();
}
