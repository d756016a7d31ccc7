//! The picture in the README: a real session in a real terminal, drawn as SVG.
//!
//! `make picture` draws it anew (DUST_REGENERATE=1); else it is compared with what dust shows now.

use std::fmt::Write as _;
use std::path::Path;

use vt100::{Cell, Color, Screen};

use crate::support::env::{DUST, Env};
use crate::support::pty::{Pty, Terminal};

/// The terminal of the picture.
const SIZE: Terminal = Terminal { rows: 28, cols: 80 };
/// A character, in pixels.
const WIDTH: f32 = 8.4;
const HEIGHT: f32 = 18.0;
/// Around the text, in pixels.
const MARGIN: f32 = 14.0;
const INK: &str = "#d5d8d6";
const PAPER: &str = "#1c1f22";
/// The sixteen colours that terminals have names for.
const NAMED: [&str; 16] = [
    "#2b2f33", "#e5706b", "#7fbf6a", "#d9b650", "#6ea3dc", "#c08bd0", "#58b8b4", "#d5d8d6",
    "#7a8087", "#f08d88", "#9ad587", "#efd07a", "#93bdec", "#d5aae2", "#7fd1cd", "#ffffff",
];

#[test]
fn the_picture_is_what_dust_shows() {
    let env = Env::new();
    let mut command = env.command(DUST);
    command.args(["demo", "4"]);
    let mut pty = Pty::spawn(command, SIZE);
    pty.command("show");
    pty.command(r#"@w* read -p "Restart it? [Y/n] " a; [ $a = Y ] && echo restarted"#);
    pty.wait_for("all ask", |screen| {
        screen.contents().matches("] Restart it? [Y/n]").count() == 4
    });
    pty.command_while_busy("@worker* Y");
    pty.wait_for("all are done", |screen| {
        screen.contents().matches("] restarted").count() == 4
    });
    pty.command("set fold on");
    pty.command("@ test $DUST_RANK != 2 && echo up || { echo down; false; }");
    pty.wait_row("worker2: exit 1");
    pty.wait_prompt();
    pty.send("@%failed vim /etc/nginx/nginx.conf");
    pty.wait_typed("@%failed vim /etc/nginx/nginx.conf");

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/session.svg");
    if std::env::var_os("DUST_REGENERATE").is_some_and(|value| value == "1") {
        std::fs::write(&file, draw(pty.screen())).unwrap();
    }
    let drawn = std::fs::read_to_string(&file).unwrap();
    let described = drawn.split("<desc>").nth(1).unwrap();
    let described = described.split("</desc>").next().unwrap();
    // Which node is the first to answer is another matter each time; so are addresses.
    let rows = |text: &str| {
        let mut rows: Vec<String> = text
            .lines()
            .map(|row| row.split("127.").next().unwrap().trim_end().to_owned())
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(
        rows(described),
        rows(&escaped(&pty.screen().contents())),
        "make picture draws it anew"
    );
}

fn draw(screen: &Screen) -> String {
    let (rows, cols) = screen.size();
    let (wide, high) = (
        f32::from(cols) * WIDTH + 2.0 * MARGIN,
        f32::from(rows) * HEIGHT + 2.0 * MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.0} {high:.0}\" width=\"{wide:.0}\" \
         role=\"img\">\n<title>A session of dust</title>\n<desc>{}</desc>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n",
        escaped(&screen.contents())
    );
    for row in 0..rows {
        for (col, text, cell) in runs(screen, row) {
            let (x, y) = place(row, col);
            let length = text.chars().count() as f32 * WIDTH;
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{length:.1}\" \
                 lengthAdjust=\"spacingAndGlyphs\"{}>{}</text>",
                y + HEIGHT * 0.75,
                style(cell),
                escaped(&text)
            );
        }
    }
    let (row, col) = screen.cursor_position();
    let (x, y) = place(row, col);
    let _ = write!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"{INK}\"/>\n</g>\n</svg>\n"
    );
    svg
}

/// Where a cell begins, in pixels.
fn place(row: u16, col: u16) -> (f32, f32) {
    (
        MARGIN + f32::from(col) * WIDTH,
        MARGIN + f32::from(row) * HEIGHT,
    )
}

/// The words of a row, each with its column and a cell that looks like all of it.
fn runs(screen: &Screen, row: u16) -> Vec<(u16, String, &Cell)> {
    let mut runs: Vec<(u16, String, &Cell)> = Vec::new();
    let mut open = false;
    for col in 0..screen.size().1 {
        let Some(cell) = screen.cell(row, col) else {
            continue;
        };
        let text = cell.contents();
        if text.trim().is_empty() {
            open = false;
            continue;
        }
        match runs.last_mut() {
            Some((_, run, like)) if open && style(like) == style(cell) => run.push_str(text),
            _ => runs.push((col, text.to_owned(), cell)),
        }
        open = true;
    }
    runs
}

fn style(cell: &Cell) -> String {
    let mut style = String::new();
    match cell.fgcolor() {
        // Said each time: not every program that draws SVG hands it down.
        Color::Default => {
            let _ = write!(style, " fill=\"{INK}\"");
        },
        Color::Idx(number) => {
            let _ = write!(style, " fill=\"{}\"", colour(number));
        },
        Color::Rgb(r, g, b) => {
            let _ = write!(style, " fill=\"#{r:02x}{g:02x}{b:02x}\"");
        },
    }
    if cell.bold() {
        style.push_str(" font-weight=\"bold\"");
    }
    style
}

/// The colours of xterm: sixteen, a cube of 6x6x6, and greys.
fn colour(number: u8) -> String {
    let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match number {
        0..16 => NAMED[usize::from(number)].to_owned(),
        16..232 => {
            let n = number - 16;
            let (r, g, b) = (level(n / 36), level(n / 6 % 6), level(n % 6));
            format!("#{r:02x}{g:02x}{b:02x}")
        },
        _ => {
            let grey = 8 + 10 * (number - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        },
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
