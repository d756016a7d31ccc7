//! The terminal as it is given back.

use proptest::prelude::*;

use super::*;

/// A terminal with a shell's text in it, that a program then got.
fn used(program: &[u8]) -> (Screen, Oracle) {
    let shown = [b"$ ls\r\nfile\r\n$ program\r\n", program].concat();
    (fed(SIZE, &shown), there(SIZE, &shown))
}

/// All but the cells: modes, colours, character sets, the style of the cursor.
fn manner(terminal: &Oracle) -> Vec<String> {
    let snapshot = terminal.snapshot();
    let lines = snapshot.lines().filter(|l| !l.starts_with("cursor "));
    lines.skip(24).map(str::to_owned).collect()
}

/// Where nothing is known, tab stops are left alone: they may be the user's own.
const NO_TAB: &str = "";

/// Text goes over the whole screen, as on a terminal that was just started.
#[track_caller]
fn assert_fresh(mut terminal: Oracle, tab: &str, what: &str) {
    assert_eq!(manner(&terminal), manner(&Oracle::new(SIZE)), "{what}");
    terminal.feed(b"\x1b[H\x1b[2J\x1b[1;70H");
    let text = format!(
        "wrapped around {}",
        format!("lqk\r\n{tab}x\x08\r\n").repeat(40)
    );
    terminal.feed(text.as_bytes());
    let expected = there(SIZE, [b"\x1b[1;70H", text.as_bytes()].concat().as_slice());
    assert_same(&terminal, &expected, what);
}

#[test]
fn the_cursor_is_on_a_fresh_line_below_the_text() {
    for (program, row, last) in [
        ("", 3, "$ program"),
        ("one", 4, "one"),
        ("one\r\n", 4, "one"),
        ("one\r\n\r\n\r\n", 6, ""),
        ("\x1b[10;5Hlow\x1b[H", 10, "    low"),
        ("\x1b[?1049h\x1b[24;1Hfull screen", 3, "$ program"),
        (
            "\x1b[?1049h\x1b[5;9r\x1b[?6h\x1b[3;1Hregion",
            3,
            "$ program",
        ),
        ("\x1b[?47h\x1b[24;1Hold style\x1b[2;2H", 3, "$ program"),
        ("\x1b[5;9r\x1b[?6h\x1b[3;1Hregion", 7, "region"),
        ("\x1b[24;1Hbottom\x1b[H", 23, "bottom"),
        ("\x1b[20;1H\x1b[41m   \x1b[m\x1b[H", 20, ""),
        ("\x1b[20;1Hover\x1b[20;1H    \x1b[5;1H", 4, ""),
        ("\x1b[1;24r\x1b[24;1Ha\r\nb\r\n", 23, "b"),
    ] {
        let (mut screen, mut terminal) = used(program.as_bytes());
        terminal.feed(&screen.leave());
        let (at, col) = terminal.cursor();
        assert_eq!((at, col), (row, 0), "{program:?}");
        let above = usize::try_from(row - 1).unwrap();
        assert_eq!(terminal.row(above), last, "{program:?}");
        assert_eq!(terminal.row(above + 1), "", "{program:?}");
    }
}

#[test]
fn nothing_is_cleared() {
    let (mut screen, mut terminal) = used(b"one\x1b[?1049h\x1b[2J\x1b[Hfull");
    terminal.feed(&screen.leave());
    let rows: Vec<_> = (0..5).map(|row| terminal.row(row)).collect();
    assert_eq!(rows, ["$ ls", "file", "$ program", "one", ""]);
    // One row more than there is: the first scrolls away, to where it can be seen again.
    let (mut screen, mut terminal) = used(b"\x1b[24;1Hx");
    terminal.feed(&screen.leave());
    assert_eq!(
        (terminal.row(0), terminal.row(22)),
        ("file".into(), "x".into())
    );
    assert_eq!(terminal.history(), 1);
}

const HABITS: &[&str] = &[
    "\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?1004h\x1b[?1002h\x1b[?1006h\x1b[>4;2m\x1b[>5u\x1b[2 q",
    "\x1b[?1000;1003;1005;1015;1016h\x1b[?25l\x1b[?7l\x1b[4h\x1b[20h",
    "\x1b[5;9r\x1b[?6h\x1b[?69h\x1b[31;4m\x1b(0\x1b)0\x0e",
    "\x1b[5;9r\x1b[7;7H\x1b[?1049h\x1b[3;4r\x1b[?6h",
    "\x1b[=5u\x1b[>1u\x1b[?1049h\x1b[=7u\x1b[>2u",
    "\x1b]8;;http://x/\x1b\\link",
    "\x1b[?1049h\x1b]0;half a tit",
    "\x1b[?1049h\x1b[38;2;1",
    "\x1bP+q54",
    "\x1b[?2026hheld back",
    "\x1b[?1049h\x1b[?2026hheld back",
    "\x1b[3 q\x1b[?12h",
];

#[test]
fn a_terminal_is_as_before_after_leaving() {
    for habit in HABITS {
        let (mut screen, mut terminal) = used(habit.as_bytes());
        terminal.feed(&screen.leave());
        assert_fresh(terminal, "\t", &format!("{habit:?}"));
    }
}

#[test]
fn a_terminal_is_as_before_after_a_reset() {
    for habit in HABITS {
        let (_, mut terminal) = used(habit.as_bytes());
        terminal.feed(&reset());
        let rows: Vec<_> = (0..3).map(|row| terminal.row(row)).collect();
        assert_eq!(rows, ["$ ls", "file", "$ program"], "{habit:?}");
        assert_fresh(terminal, NO_TAB, &format!("{habit:?}"));
    }
}

#[test]
fn a_reset_moves_nothing() {
    for at in ["\x1b[7;9H", "\x1b[7;9H\x1b[3;20r\x1b[7;9H"] {
        let (_, mut terminal) = used(at.as_bytes());
        terminal.feed(&reset());
        assert_eq!(terminal.cursor(), (6, 8), "{at:?}");
    }
    let (_, mut terminal) = used(b"\x1b[7;9H\x1b[?1049h\x1b[2;2H");
    terminal.feed(&reset());
    assert_eq!(terminal.cursor(), (6, 8));
}

#[test]
fn what_any_program_may_set_is_part_of_the_reset() {
    let reset = String::from_utf8(reset()).unwrap();
    for undo in modes::undo_all() {
        let undo = String::from_utf8(undo).unwrap();
        assert!(reset.contains(&undo), "{undo:?}");
    }
}

#[test]
fn colours_are_undone_if_they_were_changed() {
    let left = |program: &str| String::from_utf8(fed(SIZE, program.as_bytes()).leave()).unwrap();
    assert!(left("\x1b]11;#000000\x07").contains("\x1b]111\x1b\\"));
    assert!(left("\x1b]10;#ffffff;#000000\x07").contains("\x1b]111\x1b\\"));
    assert!(left("\x1b]4;1;#ff0000\x07").contains("\x1b]104\x1b\\"));
    for asked in ["\x1b]11;?\x07", "\x1b]4;1;?\x07", "text"] {
        assert!(!left(asked).contains("\x1b]1"), "{asked:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_sent_the_terminal_is_as_before(soup in soup::soup()) {
        let (mut screen, mut terminal) = used(&soup);
        terminal.feed(&screen.leave());
        assert_fresh(terminal, "\t", &format!("leave {:?}", String::from_utf8_lossy(&soup)));
        let (_, mut terminal) = used(&soup);
        terminal.feed(&reset());
        assert_fresh(terminal, NO_TAB, &format!("reset {:?}", String::from_utf8_lossy(&soup)));
    }
}
