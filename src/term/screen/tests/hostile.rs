//! Nothing that a node sends does harm: no panic, no memory without bound, no loss of exactness.

use proptest::prelude::*;

use super::*;

fn size() -> impl Strategy<Value = Size> {
    let side = prop_oneof![Just(0), Just(1), Just(2), 3..40u16, Just(200)];
    (side.clone(), side).prop_map(|(cols, rows)| Size { cols, rows })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_and_no_sizes_break_it(
        steps in prop::collection::vec((soup::soup(), size()), 1..4),
        first in size(),
    ) {
        let mut screen = Screen::new(first, 20);
        for (bytes, size) in steps {
            screen.push(&bytes);
            screen.settle(100);
            screen.repaint(Scrollback::Rows(5));
            screen.resize(size);
            screen.leave();
            screen.cursor();
            screen.take_replies();
        }
        prop_assert_eq!(screen.failures(), 0);
    }

    #[test]
    fn pieces_do_not_matter(bytes in soup::soup(), sizes in prop::collection::vec(1..9usize, 1..9)) {
        let mut whole = fed(SIZE, &bytes);
        let mut pieces = fed(SIZE, b"");
        let mut rest = bytes.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.feed(piece);
            rest = after;
        }
        let (pieces, whole) = (pieces.repaint(Scrollback::None), whole.repaint(Scrollback::None));
        prop_assert_eq!(String::from_utf8_lossy(&pieces), String::from_utf8_lossy(&whole));
    }

    /// A model that is sent a repaint becomes the model that gave it, and stays so.
    #[test]
    fn a_repaint_of_anything_is_exact(before in soup::soup(), after in soup::plain()) {
        let mut first = fed(SIZE, &before);
        let mut second = fed(SIZE, &first.repaint(Scrollback::None));
        prop_assert_eq!(first.alternate(), second.alternate());
        first.feed(&after);
        second.feed(&after);
        let (first, second) = (painted(&mut first), painted(&mut second));
        prop_assert_eq!(second.snapshot(), first.snapshot());
    }
}

#[test]
fn what_is_held_is_bounded() {
    let mut screen = Screen::new(SIZE, 100);
    for start in ["\x1b[", "\x1b]0;", "\x1bP", "\x1b_", "\x1b(", "\x1b]8;;"] {
        screen.feed(start.as_bytes());
        for _ in 0..100 {
            screen.feed(&[b'1'; 10_000]);
            assert!(screen.scanner.weight() <= 40_000, "{start:?}");
        }
        screen.feed(b"\x18");
        assert!(screen.scanner.weight() <= 64, "{start:?}");
    }
    screen.feed("1;".repeat(100_000).as_bytes());
    assert_eq!(screen.failures(), 0);
}

/// The table in the module's documentation, counted.
#[test]
fn a_repaint_is_bounded_whatever_a_node_does() {
    let size = Size { cols: 40, rows: 10 };
    let mut screen = Screen::new(size, 20);
    screen.attached();
    for n in 0..2000 {
        let target = format!("http://{n}/{}", "x".repeat(2000));
        let marks = "\u{301}".repeat(100);
        screen.feed(format!("\x1b]8;;{target}\x07\x1b[38;2;1;2;3ma{marks}").as_bytes());
        screen
            .feed(format!("\x1b]4;{};#112233\x07\x1b]2;{target}\x07\x1b[22t", n % 300).as_bytes());
        screen.feed(format!("\x1b[>{n}u").as_bytes());
    }
    let cells = 30 * 40;
    let each = 2083 + 250 + 17 * 4 + 64;
    let repaint = screen.repaint(Scrollback::Rows(20));
    assert!(repaint.len() < cells * each + 64 * 1024);
    assert_eq!(screen.failures(), 0);
}

#[test]
fn a_repetition_does_not_take_forever() {
    let mut screen = Screen::new(
        Size {
            cols: 200,
            rows: 50,
        },
        500,
    );
    screen.attached();
    // Without a limit these are 650 million cells.
    screen.feed(&b"x\x1b[65535b".repeat(10_000));
    // Programs draw lines with it, as long as they like.
    let mut screen = fed(SIZE, b"-\x1b[79b");
    assert_eq!(painted(&mut screen).row(0), "-".repeat(80));
    screen.feed(b"\x1b[Hy\x1b[1919b");
    let terminal = painted(&mut screen);
    assert!((0..24).all(|row| terminal.row(row) == "y".repeat(80)));
}
