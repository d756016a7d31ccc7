use super::*;
use proptest::prelude::*;

fn now() -> Instant {
    // The one clock reading of these tests; only differences count.
    #[expect(clippy::disallowed_methods, reason = "a start for a made-up clock")]
    Instant::now()
}

/// Keys as a script line: `a`, `^C`, `M-b`, `C-M-h`, `<up>`, `<S-tab>`, `paste("…")`.
fn show(keys: &[Key]) -> String {
    let one = |key: &Key| match key {
        Key::Char(' ') => "<space>".to_owned(),
        Key::Char(c) => c.to_string(),
        Key::Ctrl(c) => format!("^{}", c.to_ascii_uppercase()),
        Key::Alt(c) => format!("M-{c}"),
        Key::CtrlAlt(c) => format!("C-M-{c}"),
        Key::Named(name, mods) => {
            let held = [(mods.ctrl, "C-"), (mods.alt, "M-"), (mods.shift, "S-")];
            let held: String = held.iter().filter(|h| h.0).map(|h| h.1).collect();
            format!("<{held}{}>", format!("{name:?}").to_lowercase())
        },
        Key::Paste(paste) => format!(
            "paste({:?}{})",
            paste.text,
            if paste.cut { "…" } else { "" }
        ),
    };
    keys.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Everything that the bytes mean, with all the time in the world after them.
fn decode(bytes: &[u8]) -> String {
    let (mut decoder, start) = (KeyDecoder::new(), now());
    let mut keys = decoder.feed(bytes, start);
    keys.extend(decoder.tick(start + SEQUENCE_WAIT));
    assert_eq!(decoder.next_deadline(), None);
    show(&keys)
}

#[test]
fn sequences() {
    let table: &[(&str, &str)] = &[
        // Text and control characters.
        ("hé日", "h é 日"),
        ("\x01\x03\x1f\0\x1c\x08", "^A ^C ^_ ^@ ^\\ ^H"),
        ("\r\n\t\x7f", "<enter> ^J <tab> <backspace>"),
        // Alt.
        ("\x1bb\x1b<\x1bé", "M-b M-< M-é"),
        ("\x1b\r\x1b\x7f\x1b\x08", "<M-enter> <M-backspace> C-M-h"),
        ("\x1b\x03", "<esc> ^C"),
        ("\x1b", "<esc>"),
        ("\x1b\x1b", "<esc> <esc>"),
        ("\x1b\x1bx", "<esc> M-x"),
        ("\x1b\x1b[A", "<M-up>"),
        ("\x1b[", "M-["),
        ("\x1bO", "M-O"),
        ("\x1b]", "M-]"),
        ("\x1b\x1b[", "<esc> M-["),
        // Classic keys, and modifiers on them.
        (
            "\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F",
            "<up> <down> <right> <left> <home> <end>",
        ),
        ("\x1bOA\x1bOH\x1bOP\x1bOS", "<up> <home> <f(1)> <f(4)>"),
        ("\x1b[1~\x1b[4~\x1b[7~\x1b[8~", "<home> <end> <home> <end>"),
        (
            "\x1b[2~\x1b[3~\x1b[5~\x1b[6~",
            "<insert> <delete> <pageup> <pagedown>",
        ),
        (
            "\x1b[11~\x1b[15~\x1b[17~\x1b[24~",
            "<f(1)> <f(5)> <f(6)> <f(12)>",
        ),
        ("\x1b[[A\x1b[[E", "<f(1)> <f(5)>"),
        (
            "\x1b[1;5D\x1b[1;3C\x1b[1;2A\x1b[1;8B",
            "<C-left> <M-right> <S-up> <C-M-S-down>",
        ),
        ("\x1b[3;5~\x1b[1;5P\x1b[Z", "<C-delete> <C-f(1)> <S-tab>"),
        (
            "\x1b[d\x1bOd\x1b[3^\x1b[3@",
            "<S-left> <C-left> <C-delete> <C-S-delete>",
        ),
        ("\x1bOj\x1bOp\x1bOM\x1bOX", "* 0 <enter> ="),
        ("\x1bO5C", "<C-right>"),
        // modifyOtherKeys and kitty.
        ("\x1b[27;5;99~\x1b[99;5u\x1b[99;6u", "^C ^C ^C"),
        (
            "\x1b[99;69u\x1b[99;133u\x1b[99;5:1u\x1b[99;5:2u",
            "^C ^C ^C ^C",
        ),
        ("\x1b[99;5:3u\x1b[1;1:3A", ""),
        (
            "\x1b[97;2u\x1b[97:65;2u\x1b[49:33;2u\x1b[27;2;65~",
            "A A ! A",
        ),
        ("\x1b[98;3u\x1b[98;7u\x1b[27;3;46~", "M-b C-M-b M-."),
        (
            "\x1b[13u\x1b[13;2u\x1b[13;3u\x1b[27u",
            "<enter> <S-enter> <M-enter> <esc>",
        ),
        (
            "\x1b[9;2u\x1b[127;3u\x1b[27;5;9~",
            "<S-tab> <M-backspace> <C-tab>",
        ),
        (
            "\x1b[32;5u\x1b[47;5u\x1b[45;6u\x1b[105;5u\x1b[109;5u",
            "^@ ^_ ^_ <tab> <enter>",
        ),
        (
            "\x1b[57399u\x1b[57414u\x1b[57417;5u\x1b[57376u",
            "0 <enter> <C-left> <f(13)>",
        ),
        ("\x1b[57441u\x1b[57358u\x1b[97;9u", ""),
        // Answers and mice are no keys.
        ("\x1b[?62;22c\x1b[>1;10;0c\x1b[?2026;1$y", ""),
        ("\x1b[12;40R\x1b[1;5R\x1b[0n\x1b[?1u\x1b[8;24;80t", ""),
        ("\x1b]11;rgb:0000/0000/0000\x07x", "x"),
        ("\x1b]11;rgb:0000/0000/0000\x1b\\x", "x"),
        ("\x1bP>|xterm(1)\x1b\\x\x1b_a\x1b\\y", "x y"),
        (
            "\x1b[<0;10;20M\x1b[<0;10;20mx\x1b[M !!y\x1b[32;1;1Mz",
            "x y z",
        ),
        ("\x1b[I\x1b[O", ""),
        ("\x1b]never ends\x03x", "^C x"),
        ("\x1b]broken\x1b[A", "<up>"),
        // What is broken is dropped; what follows is not.
        ("\x1b[99\x03", "^C"),
        ("\x1b[12é", "é"),
        ("\x1b[1;5", ""),
        ("\x1b[1\x1b[A", "<up>"),
        ("\x1b[99999999999~\x1b[999~\x1b[;;~\x1b[:~\x1b[300;5~", ""),
        ("\x1b[[x", "x"),
        ("\x1b[201~", ""),
        // Pastes.
        ("\x1b[200~a\rb\x1b[201~c", "paste(\"a\\rb\") c"),
        (
            "\x1b[200~\x1b\x1b[20\x1b[201~",
            "paste(\"\\u{1b}\\u{1b}[20\")",
        ),
        (
            "\x1b[200~\x1b[200~\x03\x1b[201~",
            "paste(\"\\u{1b}[200~\\u{3}\")",
        ),
        ("\x1b[200~never ends\r\r", ""),
    ];
    for (bytes, keys) in table {
        assert_eq!(decode(bytes.as_bytes()), *keys, "{bytes:?}");
    }
}

#[test]
fn bytes_that_are_no_utf8() {
    let table: &[(&[u8], &str)] = &[
        (b"\xffa", "\u{fffd} a"),
        (b"\xc3(", "\u{fffd} ("),
        (b"\xe6\x97\x1b[A", "\u{fffd} <up>"),
        (b"\xf0\x9f\x98\x80", "😀"),
        (b"\xed\xa0\x80", "\u{fffd} \u{fffd} \u{fffd}"),
        (b"\xc2\x9b", ""),
        (b"\x1b\xff", "\u{fffd}"),
        (b"\x1b[200~a\xffb\x1b[201~", "paste(\"a\u{fffd}b\")"),
    ];
    for (bytes, keys) in table {
        assert_eq!(decode(bytes), *keys, "{bytes:?}");
    }
}

#[test]
fn a_lone_escape_is_a_key_after_its_deadline() {
    let (mut decoder, start) = (KeyDecoder::new(), now());
    assert_eq!(decoder.feed(b"\x1b", start), []);
    assert_eq!(decoder.next_deadline(), Some(start + ESC_WAIT));
    assert_eq!(
        decoder.tick(start + ESC_WAIT - Duration::from_millis(1)),
        []
    );
    assert_eq!(show(&decoder.tick(start + ESC_WAIT)), "<esc>");
    assert_eq!(decoder.next_deadline(), None);
    // The rest of a sequence in time.
    assert_eq!(decoder.feed(b"\x1b", start), []);
    assert_eq!(
        show(&decoder.feed(b"[A", start + Duration::from_millis(49))),
        "<up>"
    );
    assert_eq!(decoder.next_deadline(), None);
    // And out of time, with nobody calling tick in between.
    assert_eq!(decoder.feed(b"\x1b", start), []);
    assert_eq!(show(&decoder.feed(b"[A", start + ESC_WAIT)), "<esc> [ A");
}

#[test]
fn an_unfinished_sequence_does_not_eat_keys_for_ever() {
    let (mut decoder, start) = (KeyDecoder::new(), now());
    for broken in [&b"\x1b[1;"[..], b"\x1b]11;", b"\x1b[M", b"\x1bO5"] {
        assert_eq!(decoder.feed(broken, start), []);
        assert_eq!(
            decoder.next_deadline(),
            Some(start + SEQUENCE_WAIT),
            "{broken:?}"
        );
        assert_eq!(
            show(&decoder.feed(b"x", start + SEQUENCE_WAIT)),
            "x",
            "{broken:?}"
        );
    }
}

#[test]
fn a_paste_waits_for_its_end() {
    let (mut decoder, start) = (KeyDecoder::new(), now());
    assert_eq!(decoder.feed(b"\x1b[200~rm a\r", start), []);
    assert_eq!(decoder.next_deadline(), None);
    let keys = decoder.feed(b"rm b\r\x1b[201~", start + Duration::from_secs(3600));
    assert_eq!(show(&keys), "paste(\"rm a\\rrm b\\r\")");
}

#[test]
fn a_paste_is_capped_and_says_so() {
    let (mut decoder, start) = (KeyDecoder::new(), now());
    let mut keys = decoder.feed(b"\x1b[200~x", start);
    for _ in 0..3 {
        keys.extend(decoder.feed("é".repeat(PASTE_MAX / 4).as_bytes(), start));
    }
    keys.extend(decoder.feed(b"\x1b[201~y", start));
    let [Key::Paste(paste), Key::Char('y')] = keys.as_slice() else {
        panic!("{}", keys.len())
    };
    assert!(paste.cut);
    assert_eq!(paste.text.len(), PASTE_MAX - 1);
    assert!(paste.text.ends_with('é'));
    // Bytes that are no text grow when they are replaced.
    let keys = [b"\x1b[200~", vec![0xff; PASTE_MAX].as_slice(), b"\x1b[201~"].concat();
    let keys = decoder.feed(&keys, start);
    let [Key::Paste(paste)] = keys.as_slice() else {
        panic!("{}", keys.len())
    };
    assert!(paste.cut && paste.text.len() <= PASTE_MAX);
}

#[test]
fn endless_sequences_take_no_memory() {
    let (mut decoder, start) = (KeyDecoder::new(), now());
    for start_of in [&b"\x1b]0;"[..], b"\x1b[", b"\x1bP"] {
        decoder.feed(start_of, start);
        decoder.feed(&b"1;".repeat(1 << 20), start);
        match &decoder.state {
            State::Text { .. } | State::CsiJunk => {},
            other => panic!("{other:?}"),
        }
        decoder.feed(b"\x07", start);
        decoder.feed(b"\x18", start);
    }
    // Not a key either, but it must end too.
    decoder.feed(b"\x1bO", start);
    decoder.feed(&b"1".repeat(1 << 20), start);
    assert_eq!(show(&decoder.feed(b"\x03", start)), "^C");
}

/// Bytes that are mostly made of pieces of sequences, so that chance finds the corners.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => any::<u8>().prop_map(|b| vec![b]),
        4 => prop::sample::select(vec![
            "\x1b", "[", "O", "]", "P", "M", "200~", "201~", "\x1b[200~", "\x1b[201~", "27;5;",
            ";", ":", "1", "99", "u", "~", "A", "R", "?", "$", "\\", "\x07", "é", "日", "😀", "<",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_keys(bytes in noise(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let start = now();
        let mut whole = KeyDecoder::new();
        let mut expected = whole.feed(&bytes, start);
        expected.extend(whole.tick(start + SEQUENCE_WAIT));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut split = KeyDecoder::new();
        let mut keys = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([bytes.len()]) {
            keys.extend(split.feed(&bytes[from..cut], start));
            from = cut;
        }
        keys.extend(split.tick(start + SEQUENCE_WAIT));
        prop_assert_eq!(keys, expected);
    }

    #[test]
    fn text_comes_out_as_it_went_in(text in "[^\\p{Cc}]{0,40}") {
        let keys = KeyDecoder::new().feed(text.as_bytes(), now());
        let typed: String = keys.iter().map(|k| match k { Key::Char(c) => *c, other => panic!("{other:?}") }).collect();
        prop_assert_eq!(typed, text);
    }
}
