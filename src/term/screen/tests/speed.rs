//! How fast: `cargo test --release -- --ignored --nocapture screen::tests::speed`.
#![allow(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, and asserts nothing of it"
)]

use std::time::Instant;

use super::*;

fn measure(name: &str, size: Size, start: &[u8], unit: &[u8], total: usize) {
    let stream = unit.repeat(total / unit.len() + 1);
    for pushed in [false, true] {
        let mut screen = Screen::new(size, 500);
        screen.attached();
        screen.feed(start);
        let begun = Instant::now();
        for piece in stream.chunks(64 * 1024) {
            if pushed {
                screen.push(piece);
            } else {
                screen.feed(piece);
            }
        }
        screen.settle_all();
        let seconds = begun.elapsed().as_secs_f64();
        let mb = f64::from(u32::try_from(stream.len()).unwrap()) / 1e6;
        let how = if pushed { "pushed" } else { "fed" };
        let begun = Instant::now();
        let painting = screen.repaint(Scrollback::None);
        println!(
            "{name:12} {:3}x{:<3} {how:6} {:8.1} MB/s   repaint {:5} bytes in {:4} us",
            size.cols,
            size.rows,
            mb / seconds,
            painting.len(),
            begun.elapsed().as_micros()
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn megabytes_a_second() {
    let plain =
        b"The quick brown fox jumps over the lazy dog, and then some more text follows.\r\n";
    let colours =
        b"\x1b[32m\"key\"\x1b[0m: \x1b[1;38;5;208m12345\x1b[m, \x1b[K\x1b[34mtrue\x1b[0m\r\n";
    let vim = include_bytes!("../../../../tests/streams/vim.bin");
    for (cols, rows) in [(80, 24), (200, 50)] {
        let size = Size { cols, rows };
        let region = format!("\x1b[1;{}r", rows - 1);
        measure("plain", size, b"", plain, 50_000_000);
        measure("short lines", size, b"", b"y\r\n", 50_000_000);
        measure("colours", size, b"", colours, 50_000_000);
        measure("one line", size, b"", b"no newline at all ", 10_000_000);
        measure("vim", size, b"", vim, 5_000_000);
        measure("region", size, region.as_bytes(), plain, 1_000_000);
    }
}
