use super::*;
use proptest::prelude::*;

const KITTY: &str = "\x1b[99;5u";
const OTHER: &str = "\x1b[27;5;99~";

#[expect(clippy::disallowed_methods, reason = "any point in time serves")]
fn origin() -> Instant {
    Instant::now()
}

/// Reads at these milliseconds: what passed, with the time of each part, and whether it detached.
/// The clock ticks as the machine asks.
fn run_with(config: Config, reads: &[(u64, &str)]) -> (Vec<(u64, String)>, bool) {
    let origin = origin();
    let at = |ms| origin + Duration::from_millis(ms);
    let mut machine = Detach::new(config);
    let mut log: Vec<(u64, String)> = Vec::new();
    let mut out = Vec::new();
    let note = |ms: u64, out: &mut Vec<u8>, log: &mut Vec<(u64, String)>| {
        if !out.is_empty() {
            log.push((ms, String::from_utf8_lossy(out).into_owned()));
            out.clear();
        }
    };
    let ticks = |machine: &mut Detach, until: u64, log: &mut Vec<(u64, String)>| {
        while let Some(due) = machine.deadline().filter(|due| *due <= at(until)) {
            let mut out = Vec::new();
            machine.tick(due, &mut out);
            let ms = u64::try_from(due.duration_since(origin).as_millis()).unwrap();
            note(ms, &mut out, log);
        }
    };
    for (ms, text) in reads {
        ticks(&mut machine, *ms, &mut log);
        let fed = machine.feed(text.as_bytes(), at(*ms), &mut out);
        note(*ms, &mut out, &mut log);
        if let Fed::Detached { rest } = fed {
            if !rest.is_empty() {
                log.push((u64::MAX, String::from_utf8_lossy(rest).into_owned()));
            }
            return (log, true);
        }
    }
    ticks(&mut machine, u64::MAX / 4_000_000, &mut log);
    (log, false)
}

fn run(reads: &[(u64, &str)]) -> (Vec<(u64, String)>, bool) {
    run_with(Config::default(), reads)
}

fn passed(log: &[(u64, &str)]) -> Vec<(u64, String)> {
    log.iter()
        .map(|(ms, text)| (*ms, (*text).to_owned()))
        .collect()
}

#[test]
fn three_in_time_detach_and_none_passes() {
    for key in [
        "\x03",
        KITTY,
        OTHER,
        "\x1b[99;69u",
        "\x1b[99;197:1u",
        "\x1b[1089::99;5u",
    ] {
        for gap in [45, 100, 249] {
            let reads = [(0, key), (gap, key), (2 * gap, key)];
            assert_eq!(run(&reads), (vec![], true), "{key:?} each {gap} ms");
        }
        let all = key.repeat(3);
        assert_eq!(run(&[(0, &all)]), (vec![], true), "{key:?} in one read");
    }
    // They may be mixed: a program has just switched the terminal.
    assert_eq!(
        run(&[(0, "\x03"), (90, KITTY), (200, OTHER)]),
        (vec![], true)
    );
}

#[test]
fn what_is_no_detaching_passes_verbatim_and_in_time() {
    let k = KITTY;
    for (reads, log) in [
        // One, two: as soon as the window is over.
        (vec![(0, "\x03")], vec![(250, "\x03")]),
        (vec![(0, "\x03"), (100, "\x03")], vec![(350, "\x03\x03")]),
        // Another key between.
        (vec![(0, "\x03"), (100, "x")], vec![(100, "\x03x")]),
        (
            vec![(0, "\x03"), (100, "\x03"), (150, "q"), (200, "\x03")],
            vec![(150, "\x03\x03q"), (450, "\x03")],
        ),
        // Too slow.
        (
            vec![(0, "\x03"), (250, "\x03"), (500, "\x03")],
            vec![(250, "\x03"), (500, "\x03"), (750, "\x03")],
        ),
        // A key held down.
        (
            vec![(0, "\x03"), (30, "\x03"), (60, "\x03"), (90, "\x03")],
            vec![(30, "\x03\x03"), (60, "\x03"), (90, "\x03")],
        ),
        (
            vec![(0, "\x03"), (200, "\x03"), (233, "\x03")],
            vec![(233, "\x03\x03\x03")],
        ),
        // The same, put together by a network.
        (
            vec![(0, "\x03\x03"), (60, "\x03\x03\x03"), (120, "\x03\x03\x03")],
            vec![(0, "\x03\x03"), (60, "\x03\x03\x03"), (120, "\x03\x03\x03")],
        ),
        (vec![(0, "\x03\x03\x03\x03")], vec![(0, "\x03\x03\x03\x03")]),
        (vec![(0, "\x03\x03\x03x")], vec![(0, "\x03\x03\x03x")]),
        // Not this key.
        (vec![(0, "\x1b[99;6u")], vec![(0, "\x1b[99;6u")]),
        (vec![(0, "\x1b[27;6;99~")], vec![(0, "\x1b[27;6;99~")]),
        (vec![(0, "\x1b[A")], vec![(0, "\x1b[A")]),
        (vec![(0, "\x1b")], vec![(20, "\x1b")]),
        (vec![(0, k)], vec![(250, k)]),
    ] {
        let reads: Vec<(u64, &str)> = reads;
        let log: Vec<(u64, &str)> = log;
        assert_eq!(run(&reads), (passed(&log), false), "{reads:?}");
        let texts: String = log.iter().map(|(_, text)| *text).collect();
        let typed: String = reads.iter().map(|(_, text)| *text).collect();
        assert_eq!(texts, typed, "the table");
    }
}

#[test]
fn releases_and_modifiers_between_do_not_matter() {
    let tap = "\x1b[57442;5u\x1b[99;5u\x1b[99;5:3u\x1b[57442;5:3u";
    assert!(run(&[(100, tap), (200, tap), (300, tap)]).1);
    let once = run(&[(0, tap)]).0.into_iter().map(|(_, text)| text);
    assert_eq!(once.collect::<String>(), tap);
    let repeat = "\x1b[99;5:2u";
    let held = run(&[(0, KITTY), (100, repeat), (200, repeat), (300, repeat)]);
    assert_eq!(
        held,
        (
            passed(&[
                (100, &[KITTY, repeat].concat()),
                (200, repeat),
                (300, repeat)
            ]),
            false
        )
    );
}

#[test]
fn encodings_are_known_when_they_are_cut() {
    for key in [KITTY, OTHER] {
        for cut in 1..key.len() {
            let (one, two) = key.split_at(cut);
            let reads = [
                (0, one),
                (10, two),
                (100, one),
                (110, two),
                (200, one),
                (210, two),
            ];
            assert_eq!(run(&reads), (vec![], true), "{key:?} at {cut}");
            // The rest came too late: a key as any other.
            let reads = [(0, one), (100, two)];
            assert_eq!(run(&reads), (passed(&[(20, one), (100, two)]), false));
        }
    }
}

#[test]
fn nothing_in_a_paste_counts() {
    let begin = "\x1b[200~";
    for cut in 0..begin.len() {
        for wait in [5, 100] {
            let (one, two) = begin.split_at(cut);
            let inside = "\x03\x03\x03\r~.";
            let mut reads = vec![(0, one), (wait, two), (300, inside)];
            reads.extend([
                (400, "\x03"),
                (500, "\x03"),
                (600, "\x03"),
                (700, "\x1b[20"),
                (800, "1~"),
            ]);
            let typed: String = reads.iter().map(|(_, text)| *text).collect();
            let (log, detached) = run(&reads);
            assert!(!detached, "cut at {cut}");
            assert_eq!(
                log.into_iter().map(|(_, text)| text).collect::<String>(),
                typed
            );
            reads.push((2000, "\x03\x03\x03"));
            assert!(run(&reads).1, "the paste has ended");
        }
    }
}

#[test]
fn tilde_dot_behind_a_newline() {
    for (reads, log, detached) in [
        (vec![(0, "~")], vec![], false),
        (vec![(0, "~"), (9000, ".")], vec![], true),
        (vec![(0, "ls\r~.")], vec![(0, "ls\r")], true),
        (vec![(0, "\n~.x")], vec![(0, "\n"), (u64::MAX, "x")], true),
        (vec![(0, "x~.")], vec![(0, "x~.")], false),
        (vec![(0, "~~.")], vec![(0, "~.")], false),
        (vec![(0, "~x\r~y")], vec![(0, "~x\r~y")], false),
        (vec![(0, "~\r~.")], vec![(0, "~\r")], true),
        (
            vec![(0, "~"), (50, "\x03")],
            vec![(50, "~"), (300, "\x03")],
            false,
        ),
    ] {
        assert_eq!(run(&reads), (passed(&log), detached), "{reads:?}");
    }
    let plain = Config {
        tilde: false,
        ..Config::default()
    };
    assert_eq!(
        run_with(plain, &[(0, "\r~.")]),
        (passed(&[(0, "\r~.")]), false)
    );
}

#[test]
fn what_follows_the_third_is_for_the_prompt() {
    let reads = [(0, "\x03"), (100, "\x03"), (200, "\x03ls")];
    assert_eq!(run(&reads), (passed(&[(u64::MAX, "ls")]), true));
}

#[test]
fn other_keys_and_other_modes() {
    let forward = Config {
        mode: Mode::Forward,
        ..Config::default()
    };
    let reads = [(0, "\x03"), (100, "\x03"), (200, "\x03")];
    assert_eq!(
        run_with(forward, &reads),
        (passed(&[(0, "\x03"), (100, "\x03")]), true)
    );
    assert_eq!(
        run_with(forward, &[(0, "\x03\x03\x03")]),
        (passed(&[(0, "\x03\x03")]), true)
    );
    let off = Config {
        mode: Mode::Off,
        ..Config::default()
    };
    let (log, detached) = run_with(off, &reads);
    assert!(!detached && log.len() == 3);
    assert_eq!(
        run_with(off, &[(0, "\x1b")]),
        (passed(&[(0, "\x1b")]), false)
    );
    assert!(run_with(off, &[(0, "~.")]).1, "~. is a switch of its own");
    for (key, sequence) in [(0x1d, "\x1b[93;5u"), (0x11, "\x1b[27;5;113~")] {
        let config = Config {
            key,
            ..Config::default()
        };
        let byte = char::from(key).to_string();
        let reads = [(0, byte.as_str()), (100, sequence), (200, byte.as_str())];
        assert_eq!(run_with(config, &reads), (vec![], true));
        assert!(!run_with(config, &[(0, "\x03\x03\x03")]).1);
    }
}

proptest! {
    /// Whatever is typed, however it is cut: it passes as it is, unless it detaches; then a part
    /// without the last three keys has passed.
    #[test]
    fn bytes_are_kept(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("\x03".to_owned()), Just(KITTY.to_owned()), Just(OTHER.to_owned()),
                Just("\x1b[200~".to_owned()), Just("\x1b[201~".to_owned()),
                Just("\x1b".to_owned()), Just("\r".to_owned()), Just("~".to_owned()),
                Just(".".to_owned()), Just("\x1b[99;5:3u".to_owned()), "[a-z\\[;0-9]{0,4}",
            ],
            0..20,
        ),
        cuts in proptest::collection::vec((1usize..8, 0u64..400), 1..40),
        tilde: bool,
    ) {
        let typed = parts.concat();
        let config = Config { tilde, ..Config::default() };
        let mut machine = Detach::new(config);
        let mut now = origin();
        let mut out = Vec::new();
        let mut rest = typed.as_bytes();
        let mut cuts = cuts.iter().cycle();
        let mut detached = false;
        while !rest.is_empty() && !detached {
            let (size, wait) = cuts.next().unwrap();
            let (head, tail) = rest.split_at((*size).min(rest.len()));
            detached = machine.feed(head, now, &mut out) != Fed::Attached;
            now += Duration::from_millis(*wait);
            rest = tail;
        }
        machine.flush(&mut out);
        prop_assert_eq!(machine.deadline(), None);
        // `~~` behind a newline is one `~`: without these it is exact.
        if !detached && (!tilde || !typed.contains("~~")) {
            prop_assert_eq!(out, typed.as_bytes());
        } else if !tilde {
            prop_assert!(typed.as_bytes().starts_with(&out));
        }
    }
}
