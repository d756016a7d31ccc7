//! A screen that was left and came back is the screen of a terminal that was there all the time.

use crate::support::deps::find;
use crate::support::env::Env;
use crate::support::lab::{Lab, TERMINAL, enter, leave, wait_shell};
use crate::support::pty::Pty;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::{Config, Term};
use alacritty_terminal::vte::ansi::Processor;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// All that can be seen of a screen, and the modes that a terminal is in.
#[derive(PartialEq)]
struct Picture {
    cells: Vec<Vec<String>>,
    cursor: String,
    modes: String,
}

struct Shape;

impl Dimensions for Shape {
    fn total_lines(&self) -> usize {
        usize::from(TERMINAL.rows)
    }

    fn screen_lines(&self) -> usize {
        usize::from(TERMINAL.rows)
    }

    fn columns(&self) -> usize {
        usize::from(TERMINAL.cols)
    }
}

/// What a terminal shows that got these bytes: alacritty's, which knows what top and htop send.
fn picture(bytes: &str) -> Picture {
    let mut term = Term::new(Config::default(), &Shape, VoidListener);
    Processor::<alacritty_terminal::vte::ansi::StdSyncHandler>::new()
        .advance(&mut term, bytes.as_bytes());
    let grid = term.grid();
    let cell = |row: u16, col: u16| {
        let cell = &grid[Line(i32::from(row))][Column(usize::from(col))];
        // A wide character at the end of a row leaves a mark that nobody sees.
        let flags = cell.flags - Flags::WRAPLINE;
        let more: String = cell.zerowidth().unwrap_or_default().iter().collect();
        format!("{}{more} {:?} {:?} {flags:?}", cell.c, cell.fg, cell.bg)
    };
    let row = |row: u16| (0..TERMINAL.cols).map(|col| cell(row, col)).collect();
    Picture {
        cells: (0..TERMINAL.rows).map(row).collect(),
        cursor: format!("{:?} {:?}", grid.cursor.point, term.cursor_style().shape),
        modes: format!("{:?}", *term.mode()),
    }
}

/// Waits until two terminals show the same, and fails with what differs.
#[track_caller]
fn expect_same(one: &mut Pty, other: &mut Pty, what: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let seen = |pty: &mut Pty| {
            // Nothing is awaited: what has come is taken.
            pty.shows_within(Duration::from_millis(50), "\u{0}");
            picture(&pty.since(0))
        };
        let (a, b) = (seen(one), seen(other));
        if a == b {
            return;
        }
        assert!(
            Instant::now() < until,
            "{what}: the screens differ: {}\n{}\n{}",
            differences(&a, &b),
            one.report(),
            other.report()
        );
    }
}

fn differences(a: &Picture, b: &Picture) -> String {
    let mut text = format!("{} / {}; {} / {}", a.cursor, b.cursor, a.modes, b.modes);
    for (row, (one, other)) in a.cells.iter().zip(&b.cells).enumerate() {
        for (col, (one, other)) in one.iter().zip(other).enumerate() {
            if one != other && text.len() < 2000 {
                let _ = write!(text, "\n{row},{col}: {one} / {other}");
            }
        }
    }
    text
}

const TEXT: &str =
    "# One\nplain text, wide 漢字 and e\u{301} combining\n\ttab\n    let x = \"string\"; // note\n";

fn text(env: &Env) -> String {
    let long: Vec<String> = (1..=60)
        .map(|n| format!("line {n} of a text that is rather long, ünïcode, {n}"))
        .collect();
    let file = env.file("text.rs", format!("{TEXT}{}\n", long.join("\n")));
    file.display().to_string()
}

/// Two nodes run the same program; one is left and entered again, the other is not.
fn left_and_entered(program: &str, line: &str, keys: &[&str], seen: &str, end: &str) {
    if !crate::support::deps::have(&["sshd", "bash", program]) {
        return;
    }
    let lab = Lab::new(&["a", "b"]);
    let file = text(&lab.env);
    let line = line.replace("FILE", &file);
    let mut stays = lab.prompt();
    let mut leaves = {
        let mut command = lab.env.command(crate::support::env::DUST);
        command.args(["-f", &lab.file, "-s", "other"]);
        let mut pty = Pty::spawn(command, TERMINAL);
        pty.wait_prompt();
        pty
    };
    for pty in [&mut stays, &mut leaves] {
        enter(pty, "@a", "<~>");
        pty.line(&line);
        pty.wait_text(seen);
        for key in keys {
            pty.send(key);
        }
    }
    expect_same(&mut stays, &mut leaves, "before");
    leave(&mut leaves, "a");
    leaves.command("@b echo something else");
    leaves.wait_row("[b] something else");
    leaves.send("@a\r");
    expect_same(&mut stays, &mut leaves, "left and entered");
    for pty in [&mut stays, &mut leaves] {
        pty.send(end);
        wait_shell(pty, "<~>");
    }
    // What was below the full screen is there, too.
    expect_same(&mut stays, &mut leaves, "after its end");
}

#[test]
fn vim() {
    let vim = if find("vim").is_some() {
        "vim"
    } else {
        "vim.tiny"
    };
    let line = format!(
        "LC_ALL=C.UTF-8 {vim} -u NONE -i NONE -N -n -c 'set number mouse=a hlsearch' -c 'syntax on' FILE"
    );
    left_and_entered(
        vim,
        &line,
        &["/line 2\r", "ix\x1b", "\x16jjl"],
        "line 5",
        "\x1b:q!\r",
    );
}

#[test]
fn less() {
    left_and_entered(
        "less",
        "LESSCHARSET=utf-8 less -N FILE",
        &["jjj", "/wide\r"],
        "line 5",
        "q",
    );
}

#[test]
fn a_program_that_leaves_marks_everywhere() {
    let line = r"printf '\e[2J\e[3;10r\e[5;5H\e[1;31;44mred\e[4mline\e[0m \e[7mrev\e[27m\e[38;2;1;2;3mtrue\e[0m\e(0lqk\e(B'; printf '\e[?1h\e=\e[?1002h\e[?1006h\e[?25l\e[12;1H漢字'; read x; printf '\e[r\e[?1l\e>\e[?1002l\e[?1006l\e[?25h\e[2J\e[H'";
    left_and_entered("bash", line, &[], "漢字", "\r");
}

/// Two terminals on one session; one is taken off and comes back.
fn seen_by_two(program: &str, line: &str, seen: &str, end: &str) {
    if !crate::support::deps::have(&["sshd", "bash", program]) {
        return;
    }
    let lab = Lab::new(&["a"]);
    let file = text(&lab.env);
    let mut stays = lab.prompt();
    enter(&mut stays, "@a", "<~>");
    stays.line(&line.replace("FILE", &file));
    stays.wait_text(seen);
    let mut comes = lab.another();
    comes.wait_text(seen);
    expect_same(&mut stays, &mut comes, "joined");
    comes.signal(nix::sys::signal::Signal::SIGTERM);
    comes.wait_exit();
    comes.expect_restored();
    let mut comes = lab.another();
    comes.wait_text(seen);
    expect_same(&mut stays, &mut comes, "came back");
    comes.send(end);
    wait_shell(&mut stays, "<~>");
    expect_same(&mut stays, &mut comes, "after its end");
}

#[test]
fn top() {
    // Not as wide as the screen: what erasing to the end of a full row does, terminals do not agree on.
    seen_by_two("top", "top -w 98 -d 0.3", "COMMAND", "q");
}

#[test]
fn htop() {
    seen_by_two("htop", "htop -d 5", "F10", "q");
}

#[test]
fn vim_seen_by_two() {
    seen_by_two(
        "vim",
        "LC_ALL=C.UTF-8 vim -u NONE -i NONE -N -n FILE",
        "line 5",
        "\x1b:q!\r",
    );
}
