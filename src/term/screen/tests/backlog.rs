//! Text that is never read is text that would not have been seen.

use proptest::prelude::*;

use super::*;

const SMALL: Size = Size { cols: 30, rows: 6 };

/// Everything that can be told of a screen: with its scrollback, and what is not whole yet.
fn all(screen: &mut Screen) -> String {
    let all = screen.repaint(Scrollback::Rows(usize::MAX));
    String::from_utf8_lossy(&all).into_owned()
}

/// A stream long enough to be skipped: pieces repeated, each a different number of times.
fn long() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => (soup::plain(), 1..60usize),
        1 => (soup::soup(), 1..2usize),
    ];
    let region =
        (1..6u8, 1..7u8, 1..7u8, any::<bool>()).prop_map(|(top, bottom, row, alternate)| {
            let screen = if alternate { "\x1b[?1049h" } else { "" };
            (
                format!("{screen}\x1b[{top};{bottom}r\x1b[{row}H").into_bytes(),
                1,
            )
        });
    let piece = prop_oneof![6 => piece, 1 => region];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| {
        let piece = |(bytes, times): &(Vec<u8>, usize)| bytes.repeat(*times);
        pieces.iter().map(piece).collect::<Vec<_>>().concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_skipped_is_not_missed(
        before in soup::soup(),
        bytes in long(),
        after in soup::soup(),
        pushes in prop::collection::vec(100..20_000usize, 1..5),
        budget in 100..50_000usize,
    ) {
        let mut read = Screen::new(SMALL, 20);
        let mut skipped = Screen::new(SMALL, 20);
        read.feed(&before);
        skipped.feed(&before);
        read.feed(&bytes);
        let mut rest = bytes.as_slice();
        for push in pushes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at(rest.len().min(*push));
            skipped.push(piece);
            skipped.settle(budget);
            rest = more;
        }
        prop_assert_eq!(all(&mut skipped), all(&mut read));
        read.feed(&after);
        skipped.feed(&after);
        prop_assert_eq!(all(&mut skipped), all(&mut read));
    }
}

#[test]
fn a_flood_is_skipped_and_its_end_is_there() {
    let mut screen = Screen::new(SIZE, 100);
    let line = b"\x1b[32msome text in green\x1b[0m and plain\r\n";
    let flood = line.repeat(100_000);
    for piece in flood.chunks(64 * 1024) {
        screen.push(piece);
        assert!(screen.unsettled() <= 1024 * 1024);
    }
    screen.push(b"the end");
    screen.settle_all();
    assert_eq!(screen.unsettled(), 0);
    let mut read = fed(SIZE, &line.repeat(300));
    read.feed(b"the end");
    assert_eq!(all(&mut screen), all(&mut read));
}

/// A screen that is dear to follow takes many turns, and is read to its end all the same; of one that
/// somebody looks at only so much that it is not behind.
#[test]
fn a_turn_leaves_the_rest_to_the_next() {
    let dear = [b"\x1b[2;20r".to_vec(), b"\x1b[9S text\r\n".repeat(25_000)].concat();
    for looked_at in [false, true] {
        let mut screen = Screen::new(SIZE, 0);
        for piece in dear.chunks(4096) {
            screen.backlog.push(piece);
        }
        assert!(screen.is_behind());
        let mut turns = 1;
        while screen.settle_turn(looked_at) {
            turns += 1;
        }
        assert!(turns > 10, "{turns}");
        assert_eq!(screen.unsettled() > 0, looked_at);
    }
}

/// Text is not read for nothing: what stays behind a skip waits for the next one.
#[test]
fn a_flood_costs_the_model_next_to_nothing() {
    let line = b"\x1b[32msome text in green\x1b[0m and plain, as long as lines of logs are\r\n";
    let flood = line.repeat(100_000);
    // Pieces end in the midst of sequences, too.
    for piece in [5_000, 32_768, 65_537] {
        let mut screen = Screen::new(SIZE, 500);
        let mut cost = 0;
        for piece in flood.chunks(piece) {
            screen.backlog.push(piece);
            if screen.unsettled() > super::super::backlog::SKIM {
                cost += screen.advance(SKIM_COST, true);
            }
            assert!(screen.unsettled() <= HOLD);
        }
        assert!(cost < flood.len() / 100, "{cost} of {}", flood.len());
    }
}

/// Where the cursor is and what is in force when a flood begins decides how its end looks.
#[test]
fn the_state_before_a_flood_counts() {
    let full: String = (0..60).map(|n| format!("old row {n}\r\n")).collect();
    let starts = [
        String::new(),
        format!("{full}\x1b[H"),
        format!("{full}\x1b[3;70H"),
        format!("{full}\x1b[31mred"),
        format!("{full}\x1b[1;1Hx\x1b[3g\x1b[9G\x1bH"),
        format!("{full}\x1b[4h\x1b[?7l"),
        format!("{full}\x1b[24;80Hx"),
        format!("{full}\x1b)0\x1b[H\x1bN"),
        format!("{full}\x1b[5;9r\x1b[9;1H"),
        format!("{full}\x1b[5;9r\x1b[5;1H"),
        format!("{full}\x1b[5;9r\x1b[4;1H"),
        format!("{full}\x1b[5;9r\x1b[10;1H"),
        format!("{full}\x1b[5;9r\x1b[?6h\x1b[2;1H"),
        format!("{full}\x1b[?1049h\x1b[Hold"),
        format!("{full}\x1b[?1049h\x1b[Hold\x1b[5;9r\x1b[5;1H"),
        format!("{full}\x1b[?69h\x1b[3;20s\x1b[5;5H"),
        format!("{full}\x1b[41m\x1b[2J\x1b[H"),
        format!("{full}\x1b]8;;http://x/\x07"),
        format!("{full}z\x1b[65535b\x1b[65535b"),
    ];
    let lines: String = (0..300).map(|n| format!("line {n}\r\n")).collect();
    let floods = [
        lines.clone(),
        format!("\x1b[31m\x1b[1;44m{lines}"),
        format!("\x1b[31m{lines}\x1b[1m\x1b[0;4m{lines}\x1b[9m{lines}end"),
        // The column is that of long ago.
        format!("\r\nabc{}", "x\x08\n".repeat(400)).repeat(3),
        format!("{lines}y\x1b[65030b"),
        format!("{}\r\n", "日本語 and more text that is wrapped ".repeat(3)).repeat(100),
        format!("{lines}no newline at the end \x1b[3"),
        format!("{lines}{}", "\n".repeat(30)),
    ];
    for start in &starts {
        for flood in &floods {
            let mut read = Screen::new(SIZE, 40);
            read.feed(start.as_bytes());
            let mut skipped = Screen::new(SIZE, 40);
            skipped.feed(start.as_bytes());
            read.feed(flood.as_bytes());
            skipped.push(flood.as_bytes());
            skipped.settle_all();
            let what: String = flood.chars().take(20).collect();
            assert_eq!(all(&mut skipped), all(&mut read), "{start:?} {what:?}");
        }
    }
}

#[test]
fn what_is_not_plain_is_read() {
    // A title in the midst of the flood, the start of a full screen, a scroll region: each is seen.
    let flood = "a line of text\r\n".repeat(500);
    for (inside, then) in [
        ("\x1b]2;title\x07", ""),
        ("\x1b[?1049h", "\x1b[?1049l"),
        ("\x1b[2;4r", "\x1b[r\x1b[24;1H"),
        ("\x1b[2;9r\x1b[5;1H", "\x1b[r\x1b[24;1H"),
        ("\x1b[5;9r\x1b[3;1H", "\x1b[r\x1b[24;1H"),
        ("\x1b[5;9r\x1b[20;1H", "\x1b[r\x1b[24;1H"),
        ("\x1b[5;9r\x1b[?6h", "\x1b[r"),
        ("\x1b[?1049h\x1b[5;9r\x1b[6;1H", "\x1b[?1049l"),
        ("\x1b7", "\x1b8"),
        ("\x1b[H", ""),
        ("\x0e\x1b)0", ""),
        ("\x1b[?69h\x1b[3;9s", "\x1b[?69l"),
        ("\x1b[>5u", ""),
    ] {
        let stream = format!("{flood}{inside}{flood}{then}{flood}{inside}x");
        let mut screen = Screen::new(SIZE, 50);
        screen.push(stream.as_bytes());
        screen.settle_all();
        let mut read = Screen::new(SIZE, 50);
        read.feed(stream.as_bytes());
        assert_eq!(all(&mut screen), all(&mut read), "{inside:?}");
    }
}

#[test]
fn a_turn_reads_no_more_than_it_is_given() {
    let mut screen = Screen::new(SIZE, 100);
    screen.push(&[b'x'; 300_000]);
    assert!(screen.settle(64 * 1024) >= 64 * 1024);
    let left = screen.unsettled();
    assert!(
        (300_000 - 80 * 1024..300_000 - 60 * 1024).contains(&left),
        "{left}"
    );
    // Newlines in a scroll region move it cell by cell: fewer of them in a turn.
    let mut screen = Screen::new(SIZE, 100);
    screen.push(b"\x1b[2;20r\x1b[20;1H");
    screen.push(&b"x\n".repeat(50_000));
    assert!(screen.settle(64 * 1024) >= 64 * 1024);
    assert!(screen.unsettled() > 90_000, "{}", screen.unsettled());
}

#[test]
fn a_narrowed_screen_forgets_as_a_new_one_does() {
    let text =
        "words that fill a line of eighty columns, or nearly so, to be wrapped\r\n".repeat(200);
    let mut read = Screen::new(SIZE, 100);
    read.feed(text.as_bytes());
    read.resize(SMALL);
    let mut skipped = Screen::new(SIZE, 100);
    skipped.feed(text.as_bytes());
    skipped.resize(SMALL);
    let more = "short\r\n".repeat(10_000);
    read.feed(more.as_bytes());
    skipped.push(more.as_bytes());
    skipped.settle_all();
    assert_eq!(all(&mut skipped), all(&mut read));
}

/// Text that costs a hundred times its length and more.
fn dear(count: usize) -> Vec<u8> {
    [b"\x1b[2;20rsome text".as_slice(), &b"\x1b[S".repeat(count)].concat()
}

#[test]
fn what_is_dear_is_read_in_small_pieces() {
    let mut screen = Screen::new(
        Size {
            cols: 200,
            rows: 50,
        },
        100,
    );
    screen.push(&dear(10));
    screen.settle_all();
    screen.push(&dear(20_000));
    let before = screen.unsettled();
    assert!(screen.settle(64 * 1024) >= 64 * 1024);
    assert!(before - screen.unsettled() <= 256, "{}", screen.unsettled());
}

#[test]
fn plain_text_is_never_held() {
    let mut screen = Screen::new(SIZE, 100);
    screen.attached();
    for piece in b"some text, and more of it\r\n"
        .repeat(200_000)
        .chunks(64 * 1024)
    {
        screen.push(piece);
        assert!(screen.unsettled() <= HOLD, "{}", screen.unsettled());
    }
}

#[test]
fn what_is_too_dear_to_be_read_at_once_is_painted_as_it_came() {
    let stream = [dear(7000), b"\x1b[31mthe end".to_vec()].concat();
    let mut screen = Screen::new(SIZE, 0);
    screen.push(&stream);
    let painted = screen.repaint(Scrollback::None);
    assert!(screen.unsettled() > 0);
    let mut shown = Screen::new(SIZE, 0);
    shown.feed(&painted);
    let mut read = Screen::new(SIZE, 0);
    read.feed(&stream);
    assert_eq!(all(&mut shown), all(&mut read));
    // It is left, and resized, without a wait as well.
    let left = screen.leave();
    assert!(left.ends_with(b"\x1b[24H\r\n"));
    screen.resize(SMALL);
    assert!(screen.unsettled() > 0);
}

#[test]
fn what_a_terminal_has_answered_is_not_answered_again() {
    let mut screen = Screen::new(SIZE, 0);
    screen.attached();
    screen.push(&dear(4000));
    screen.push(b"\x1b[5n");
    screen.detached(&Facts::default());
    assert!(screen.unsettled() > 0);
    screen.push(b"\x1b[c");
    screen.settle_all();
    assert_eq!(screen.take_replies(), b"\x1b[?62;22c");
}
