//! What a repaint brings back, one thing at a time.

use alacritty_terminal::term::TermMode;

use super::*;

/// What a program may have sent before the repaint; nothing of it is in the recorded streams alone.
const STATES: &[&str] = &[
    "",
    "text",
    "\x1b[31mred \x1b[1;4;38;2;1;2;3;48;5;200mmore",
    "\x1b[4:3m\x1b[58;5;9mcurl\x1b[4:4mdots\x1b[4:5mdash\x1b[m",
    "\x1b[7minverse \x1b[8mhidden \x1b[9mstruck\x1b[0;2;3mfaint",
    "\x1b[41m\x1b[2J\x1b[5;5H\x1b[44m\x1b[K",
    "日本語 e\u{301} \u{1f600} ｗｉｄｅ",
    "\x1b[1;79H日x",
    "\x1b[3;80Hx",
    "\x1b[3;79H日",
    "\x1b[5;10r\x1b[7;3Hx",
    "\x1b[5;10r\x1b[?6h\x1b[2;3Hx",
    "\x1b[?7l\x1b[4;75Hlonger than this\x1b[2D",
    "\x1b[10;10H\x1b7\x1b[2;2H\x1b[35m",
    "\x1b[10;10H\x1b[32m\x1b(0\x1b7\x1b(B\x1b[m\x1b[2;2H",
    "\x1b(0lqqk\x1b(B\x1b)0\x0eabc",
    "\x1b(0lqqk",
    "\x1b[4hinsert\x1b[H",
    "\x1b[?25l\x1b[5 q",
    "\x1b[3 q\x1b[?12l",
    "\x1b[?1000h\x1b[?1006h",
    "\x1b[?1002h\x1b[?1005h",
    "\x1b[?1003;1006;1004;2004h\x1b[?1h\x1b=",
    "\x1b[?1003h\x1b[?1000h",
    "\x1b[>1u\x1b[>5u",
    "\x1b[=3u\x1b[>1u\x1b[=8;2u",
    "\x1b[>1u\x1b[?1049h\x1b[>31u\x1b[>2u\x1b[<u",
    "primary\x1b[5;5H\x1b[33m\x1b[?1049h\x1b[Halt\x1b[41m\x1b[2J\x1b[3;3H",
    "primary\x1b[5;5H\x1b[?1049h\x1b[9;9Halternate\x1b7\x1b[H",
    "one\r\n\x1b[?1049halternate\x1b[?1049ltwo",
    "\x1b[?1007l",
    "\x1b=\x1b>",
    "\x1b[20h",
    "\x1b[3g\x1b[1;5H\x1bH\x1b[1;30H\x1bH\x1b[H",
    "\x1b]8;id=1;http://x.org/\x1b\\a link\x1b]8;;\x1b\\ no \x1b]8;;http://y.org/\x07open",
    "\x1b]8;;http://x.org/\x1b\\a\x1b[0mb\x1b[1mc\x1b[md",
    "a\x1b[12;1H\x1b[1;31mz\x1b[m\x1b[24;1Hlast",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
];

/// What programs go on with: it shows state that cannot be seen at once.
const NEXT: &[&str] = &[
    "x",
    "\x1b8after\r\n",
    "\x1b[?1049lback\r\nnext",
    "\x1b[<uqq\x1b[<u\x1b[<u",
    "\t1\t2\t3\t4\r\n",
    "\x1b[99;1H\r\n\r\n\r\nscrolled",
    "\x1b[?1049h\x1b[Hprogram\x1b[2;5r\x1b[5;1H\n\n",
    "\x1b[?1049l\x1b8\x1b[10@z",
    "\u{301}",
];

#[test]
fn state_comes_back_and_goes_on() {
    for state in STATES {
        for next in NEXT {
            let what = format!("{state:?} then {next:?}");
            let mut screen = fed(SIZE, state.as_bytes());
            let mut back = painted(&mut screen);
            let mut original = there(SIZE, state.as_bytes());
            assert_same(&back, &original, &what);
            back.feed(next.as_bytes());
            original.feed(next.as_bytes());
            assert_same(&back, &original, &what);
        }
    }
}

#[test]
fn a_repaint_over_an_earlier_state_is_the_same() {
    for earlier in STATES {
        let mut screen = fed(SIZE, earlier.as_bytes());
        let mut stale = painted(&mut screen);
        for later in [
            "\x1bc",
            "\x1b[?1049h\x1b[2Jnew\x1b[?1002h",
            "\x1b[!p\x1b[H\x1b[Jx",
        ] {
            screen.feed(later.as_bytes());
            stale.feed(&screen.repaint(Scrollback::None));
            assert_same(
                &stale,
                &painted(&mut screen),
                &format!("{earlier:?} {later:?}"),
            );
        }
    }
}

#[test]
fn a_cut_sequence_goes_on_after_the_repaint() {
    let program = "\x1b[1;3HA\x1b[38;2;200;100;50mB日\x1b]0;a title\x1b\\C\x1b(0q\x1b(B\
        \x1bP$qm\x1b\\D\x1b_apc\x1b\\E\x1b[?1049hF"
        .as_bytes();
    let whole = there(SIZE, program);
    for cut in 0..program.len() {
        let (before, after) = program.split_at(cut);
        let mut screen = fed(SIZE, before);
        let mut back = painted(&mut screen);
        back.feed(after);
        assert_same(&back, &whole, &format!("cut at {cut}"));
        screen.feed(after);
        assert_same(
            &painted(&mut screen),
            &whole,
            &format!("fed in two at {cut}"),
        );
        assert_eq!(screen.title().as_deref(), Some("a title"));
    }
}

#[test]
fn what_was_too_long_to_hold_is_swallowed_to_its_end() {
    let long = "x;1".repeat(10_000);
    for (start, end) in [
        ("\x1b]52;c;", "\x07"),
        ("\x1b]52;c;", "\x1b\\"),
        ("\x1bPq", "\x1b\\"),
        ("\x1b_G", "\x1b\\"),
        ("\x1b^", "\x1b\\"),
    ] {
        let mut screen = fed(SIZE, format!("before{start}{long}").as_bytes());
        assert!(screen.is_inside_sequence());
        let mut back = painted(&mut screen);
        let rest = format!("{long}{end}after");
        back.feed(rest.as_bytes());
        assert_eq!(back.row(0), "beforeafter", "{start:?}");
        screen.feed(rest.as_bytes());
        assert_eq!(painted(&mut screen).row(0), "beforeafter", "{start:?}");
    }
    let digits = "1;".repeat(10_000);
    let mut screen = fed(SIZE, format!("a\x1b[{digits}").as_bytes());
    let mut back = painted(&mut screen);
    back.feed(b"4;31mb");
    assert_same(&back, &there(SIZE, b"ab"), "parameters");
}

#[test]
fn modes_that_the_oracle_does_not_know_are_set_again() {
    for (program, again) in [
        ("\x1b[?5h", "\x1b[?5h"),
        ("\x1b[?5h\x1b[?5l", "\x1b[?5l"),
        ("\x1b[?2031h", "\x1b[?2031h"),
        ("\x1b[?2048h", "\x1b[?2048h"),
        ("\x1b[?1016h", "\x1b[?1016h"),
        ("\x1b[?1015h", "\x1b[?1015h"),
        ("\x1b[>4;2m", "\x1b[>4;2m"),
        ("\x1b[>4;1m\x1b[>4m", "\x1b[>4;0m"),
        ("\x1b[>4;1f", "\x1b[>4;1f"),
        ("\x1b[?69h\x1b[5;20s", "\x1b[5;20s"),
        ("\x1b]11;#102030\x07", "\x1b]11;#102030\x1b\\"),
        ("\x1b]4;7;#102030\x07", "\x1b]4;7;#102030\x1b\\"),
        ("\x1b[?2026h", "\x1b[?2026l"),
        ("\x1b[?66h", "\x1b="),
        ("\x1b[?66l\x1b=", "\x1b="),
        ("\x1b=\x1b[?66l", "\x1b[?66l"),
        (
            "\x1b[?1002h\x1b[?1002s\x1b[?1002l\x1b[?1002r",
            "\x1b[?1002h",
        ),
    ] {
        let repaint = fed(SIZE, program.as_bytes()).repaint(Scrollback::None);
        let repaint = String::from_utf8(repaint).unwrap();
        let at = repaint.rfind(again);
        assert!(at.is_some(), "{program:?} gives {repaint:?}");
        assert!(
            repaint.ends_with("\x1b[?2026l"),
            "updates are not held back"
        );
    }
    let plain = fed(SIZE, b"$ ").repaint(Scrollback::None);
    let plain = String::from_utf8(plain).unwrap();
    for never in ["\x1b[>4", "u", "\x1b[?5h", "\x1b[?1007"] {
        assert!(!plain.contains(never), "{never:?} in {plain:?}");
    }
}

#[test]
fn older_ways_to_the_alternate_screen() {
    for mode in ["47", "1047"] {
        let mut screen = fed(SIZE, format!("first\x1b[?{mode}h\x1b[Hsecond").as_bytes());
        assert!(screen.alternate());
        let mut back = painted(&mut screen);
        assert_eq!(back.row(0), "second");
        back.feed(b"\x1b[?1049l");
        assert_eq!(back.row(0), "first");
        screen.feed(format!("\x1b[?{mode}l!").as_bytes());
        assert_eq!(painted(&mut screen).row(0), "first !");
    }
}

#[test]
fn the_last_mouse_mode_wins() {
    let back = painted(&mut fed(
        SIZE,
        b"\x1b[?1003h\x1b[?1002h\x1b[?1006h\x1b[?1005h",
    ));
    assert!(back.mode().contains(TermMode::MOUSE_DRAG));
    assert!(!back.mode().contains(TermMode::MOUSE_MOTION));
    assert!(back.mode().contains(TermMode::UTF8_MOUSE));
}

#[test]
fn the_terminals_own_scrollback_is_left_alone() {
    let lines: String = (0..200).map(|n| format!("line {n}\r\n")).collect();
    let mut screen = fed(SIZE, lines.as_bytes());
    let mut terminal = there(SIZE, b"$ dust\r\n");
    for _ in 0..5 {
        terminal.feed(&screen.repaint(Scrollback::None));
    }
    assert_eq!(terminal.history(), 0);
    assert_eq!(terminal.row(0), "line 177");
    terminal.feed(&screen.repaint(Scrollback::Rows(10)));
    assert_eq!(terminal.history(), 10);
    assert_eq!(terminal.row(22), "line 199");
    // No more than there is.
    let mut terminal = Oracle::new(SIZE);
    terminal.feed(&screen.repaint(Scrollback::Rows(usize::MAX)));
    assert_eq!(terminal.history(), 100);
}

#[test]
fn scrollback_is_kept_from_when_it_is_wanted() {
    let lines = |from: u32, to: u32| {
        let line = |n| format!("line {n}\r\n");
        (from..to).map(line).collect::<String>().into_bytes()
    };
    let mut screen = Screen::new(SIZE, 0);
    screen.push(&lines(0, 40));
    screen.settle_all();
    // 17 to 39 and the row of the cursor are on the screen.
    screen.keep_scrollback(5);
    for (feed, above) in [(vec![], vec![]), (lines(40, 43), vec![17, 18, 19])] {
        screen.push(&feed);
        let mut terminal = Oracle::new(SIZE);
        terminal.feed(&screen.repaint(Scrollback::Rows(usize::MAX)));
        assert_eq!(terminal.history(), above.len());
        assert_eq!(terminal.row(0), format!("line {}", 17 + above.len()));
    }
    // A full screen has none; what is below it has.
    screen.push(b"\x1b[?1049h");
    screen.push(&lines(100, 150));
    screen.push(b"\x1b[?1049l");
    screen.push(&lines(43, 80));
    let mut terminal = Oracle::new(SIZE);
    terminal.feed(&screen.repaint(Scrollback::Rows(usize::MAX)));
    assert_eq!(
        (terminal.history(), terminal.row(0).as_str()),
        (5, "line 57")
    );
    screen.keep_scrollback(0);
    screen.push(&lines(80, 90));
    let mut terminal = Oracle::new(SIZE);
    terminal.feed(&screen.repaint(Scrollback::Rows(usize::MAX)));
    assert_eq!(terminal.history(), 0);
}

#[test]
fn a_resize_keeps_what_fits() {
    let text = b"first line\r\na line that is longer than twenty columns\r\n\x1b[1mlast";
    let mut screen = fed(SIZE, text);
    for size in [(20, 10), (100, 30), (1, 1), (80, 24)] {
        let size = Size {
            cols: size.0,
            rows: size.1,
        };
        screen.resize(size);
        assert_eq!(screen.size(), size);
        painted(&mut screen);
    }
    assert_eq!(screen.failures(), 0);
    let mut screen = fed(SIZE, text);
    screen.resize(Size { cols: 20, rows: 10 });
    let narrow = painted(&mut screen);
    let rows: Vec<_> = (0..6).map(|row| narrow.row(row)).collect();
    let wrapped = [
        "first line",
        "a line that is longe",
        "r than twenty column",
        "s",
        "last",
        "",
    ];
    assert_eq!(rows, wrapped);
    assert_eq!(screen.cursor(), (4, 4));
    screen.resize(Size { cols: 0, rows: 0 });
    assert_eq!(screen.size(), Size { cols: 1, rows: 1 });
    screen.resize(Size {
        cols: u16::MAX,
        rows: u16::MAX,
    });
    assert_eq!(screen.size(), LARGEST);
}

#[test]
fn what_callers_ask() {
    let mut screen = fed(
        SIZE,
        b"\x1b]2;vim\x07\x1b[?1049h\x1b[?2004h\x1b[>5u\x1b[4;7Hxy",
    );
    assert!(screen.alternate());
    assert!(screen.wants_bracketed_paste());
    assert_eq!(screen.kitty_flags(), 5);
    assert_eq!(screen.title().as_deref(), Some("vim"));
    assert_eq!(screen.cursor(), (3, 8));
    screen.feed(b"\x1b[?1049l\x1b[?2004l");
    assert!(!screen.alternate());
    assert!(!screen.wants_bracketed_paste());
    assert_eq!(screen.kitty_flags(), 0);
    screen.feed(b"\x1b[2;80Hx");
    assert_eq!(screen.cursor(), (1, 79));
    let title = "long ".repeat(1000);
    screen.feed(format!("\x1b]2;{title}\x07").as_bytes());
    assert_eq!(screen.title().unwrap().len(), 1022);
    assert_eq!(painted(&mut screen).title(), screen.title());
}
