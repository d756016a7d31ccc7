use proptest::prelude::*;

use super::*;

fn whole(text: &[u8], colours: bool) -> String {
    let mut out = Vec::new();
    Sanitiser::new(colours).line(text, &mut out);
    String::from_utf8(out).unwrap()
}

/// Fails if `text` is anything else than printable text, tabs, newlines and short SGR sequences.
pub(in super::super) fn assert_harmless(text: &[u8]) {
    let text = std::str::from_utf8(text).expect("valid UTF-8");
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\x1b' {
            assert_eq!(rest.next(), Some('['), "{text:?}");
            let params: String = rest.by_ref().take_while(|c| *c != 'm').collect();
            assert!(
                params.len() <= 128
                    && params
                        .bytes()
                        .all(|b| matches!(b, b'0'..=b'9' | b';' | b':')),
                "{text:?}"
            );
        } else {
            assert!(
                matches!(c, '\t' | '\n') || !(c.is_control() || is_special(c)),
                "{text:?}"
            );
        }
    }
}

#[test]
fn nasty_sequences() {
    // (what came, what is shown without colours)
    for (input, shown) in [
        (
            "plain text, naïve 漢字 🦀 e\u{301}",
            "plain text, naïve 漢字 🦀 e\u{301}",
        ),
        ("a\tb", "a\tb"),
        // CSI: cursor, erase, modes, queries, with private markers and intermediates.
        (
            "a\x1b[2Jb\x1b[1;1Hc\x1b[?1049hd\x1b[6ne\x1b[>cf\x1b[!pg\x1b[0 qh",
            "abcdefgh",
        ),
        ("a\x1b[>4;2mb\x1b[?4mc\x1b[1 md", "abcd"),
        // REP writes the character before it again, a million times.
        ("a\x1b[1000000bb", "ab"),
        // A CSI that another control breaks off.
        ("a\x1b[31\x1b[2Jb", "ab"),
        ("a\x1b[3é", "aé"),
        // OSC: title, clipboard, hyperlink, image; ended by BEL, ST, U+009C.
        ("a\x1b]0;pwned\x07b", "ab"),
        ("a\x1b]52;c;cm0gLXJmIC8K\x1b\\b", "ab"),
        ("a\x1b]8;;https://e.org\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1b]0;Übermut œ\u{9c}b", "ab"),
        // DCS, APC, PM, SOS, the title of screen; tmux' doubled ESC.
        (
            "a\x1bP$q\"p\x1b\\b\x1b_Gf=100;AAAA\x1b\\c\x1b^x\x1b\\d\x1bXx\x1b\\e\x1bktitle\x1b\\f",
            "abcdef",
        ),
        ("a\x1bPtmux;\x1b\x1b]0;x\x07b", "ab"),
        // CAN and SUB end a string; so does the ESC of another sequence.
        ("a\x1b]0;x\x18b\x1b]0;x\x1ac\x1b]0;x\x1b[31md", "abcd"),
        // ESC x, with and without intermediates.
        (
            "a\x1bcb\x1b7c\x1b(0d\x1b#8e\x1b%Gf\x1bNg\x1bOh\x1b=i",
            "abcdefghi",
        ),
        // An ESC that begins nothing.
        ("a\x1b\x01b\x1b\x1b[Hc", "a^Abc"),
        // C1 as characters.
        (
            "a\u{9b}31mb\u{9d}0;x\u{9c}c\u{90}x\x1b\\d\u{85}e\u{84}f",
            "abcdef",
        ),
        // C0 and DEL.
        ("a\x07\x08\x0e\x0fb\0\x0b\x0c\x05\x7f", "ab^@^K^L^E^?"),
        // Cut off by the end of the line: shown, and it swallows nothing.
        ("a\x1b]0;title", "a^[]0;title"),
        ("a\x1b[31", "a^[[31"),
        ("a\x1b", "a^["),
        ("a\x1b(", "a^[("),
        ("a\x1bPq\x1b", "a^[Pq^["),
        ("a\u{9d}0;x", "a<U+009D>0;x"),
        ("a\x1b]0;\x1b\x1b]0;\x1b\x1b]", "a^[]0;^[^[]0;^[^[]"),
        // Text that hides or reorders.
        (
            "a\u{202e}b\u{2066}c\u{200b}d\u{feff}",
            "a<U+202E>b<U+2066>c<U+200B>d<U+FEFF>",
        ),
        ("a\u{2028}b\u{e0041}c", "a<U+2028>b<U+E0041>c"),
        // These belong to emoji, Persian and Hebrew.
        (
            "👩\u{200d}👧 ی\u{200c}ک \u{200f}א",
            "👩\u{200d}👧 ی\u{200c}ک \u{200f}א",
        ),
    ] {
        assert_eq!(whole(input.as_bytes(), false), shown, "{input:?}");
        assert_harmless(whole(input.as_bytes(), true).as_bytes());
    }
}

#[test]
fn the_fast_path_knows_all_special_characters() {
    for c in ('\0'..=char::MAX).filter(|c| !matches!(c, '\t' | '\x1b')) {
        let plain = !is_special(c) && !c.is_ascii_control();
        // It may be too careful, but not in the planes where text is.
        let mut bytes = [0; 4];
        let fast = is_harmless(c.encode_utf8(&mut bytes).as_bytes());
        assert!(
            if c < '\u{f000}' {
                fast == plain
            } else {
                plain || !fast
            },
            "{c:?}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    for (input, shown) in [
        (&b"caf\xe9 ol\xe9"[..], "caf\\xe9 ol\\xe9"),
        (b"\x9b31m\x9d0;x\x9c", "\\x9b31m\\x9d0;x\\x9c"),
        (b"\xc0\x9b", "\\xc0\\x9b"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"\xe2\x80", "\\xe2\\x80"),
        (b"\xc3\xa9\xff\xc3\xa9", "é\\xffé"),
        (b"\xc3\xa9\xe2", "é\\xe2"),
        (b"\xc2", "\\xc2"),
        // A C1 introducer whose second half is missing is no introducer.
        (b"\xc2[2J", "\\xc2[2J"),
    ] {
        assert_eq!(whole(input, false), shown, "{input:?}");
    }
}

#[test]
fn colours_are_closed_at_the_end_of_a_line_and_opened_on_the_next() {
    let mut s = Sanitiser::new(true);
    let mut lines = |texts: &[&str]| -> Vec<String> {
        texts
            .iter()
            .map(|text| {
                let mut out = Vec::new();
                s.line(text.as_bytes(), &mut out);
                String::from_utf8(out).unwrap().replace('\x1b', "~")
            })
            .collect()
    };
    assert_eq!(
        lines(&[
            "\x1b[1;31mred",
            "",
            "still",
            "\x1b[38:2::1:2:3mno\x1b[m end",
            "plain"
        ]),
        [
            "~[1;31mred~[0m",
            "",
            "~[0;1;31mstill~[0m",
            "~[0;1;31m~[38:2::1:2:3mno~[m end",
            "plain"
        ]
    );
    // As a C1 character it is written as ESC [; hidden text is shown.
    assert_eq!(lines(&["\u{9b}4mx\x1b[24m"]), ["~[4mx~[24m"]);
    assert_eq!(lines(&["\x1b[31;8mx\x1b[0m"]), ["~[0;31mx~[0m"]);
    assert_eq!(
        lines(&["\x1b[31m", "x", "\x1b[0m"]),
        ["~[31m~[0m", "~[0;31mx~[0m", "~[0;31m~[0m"]
    );
    s.line(b"\x1b[31mx", &mut Vec::new());
    s.reset();
    let mut out = Vec::new();
    s.line(b"x", &mut out);
    assert_eq!(out, b"x");
}

#[test]
fn too_long_sgr_is_removed() {
    let long = format!("a\x1b[{}mb", "1;".repeat(60));
    assert_eq!(whole(long.as_bytes(), true), "ab");
}

#[test]
fn what_is_visible_is_told() {
    let mut s = Sanitiser::new(true);
    let mut seen = |text: &[u8]| s.piece(text, &mut Vec::new());
    assert!(!seen(b""));
    assert!(!seen(b"\x1b[31m\x1b]0;x\x07\x07"));
    assert!(seen(b" "));
    assert!(!seen(b"\x1b[0m"));
    assert!(!seen(b"\xe2\x80"));
    assert!(seen(b"\xa6"));
}

#[test]
fn sequences_over_several_pieces() {
    for (pieces, shown) in [
        (&[&b"a\x1b"[..], b"[", b"3", b"1", b"mb"][..], "ab"),
        (&[b"a\x1b]0;t", b"itle", b"\x1b", b"\\b"], "ab"),
        (&[b"a\xf0\x9f", b"\xa6", b"\x80b"], "a🦀b"),
        (&[b"a\xc2", b"\x9b2", b"Jb"], "ab"),
        (&[b"a\x1b", b"]0;x"], "a^[]0;x"),
    ] {
        let (mut s, mut out) = (Sanitiser::new(false), Vec::new());
        for piece in pieces {
            s.piece(piece, &mut out);
        }
        s.line(b"", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), shown, "{pieces:?}");
    }
}

#[test]
fn an_endless_string_is_shown_after_a_while() {
    let (mut s, mut out) = (Sanitiser::new(false), Vec::new());
    let mut fed = 0;
    s.piece(b"\x1b]1337;", &mut out);
    while out.is_empty() {
        assert!(s.carry.len() <= MAX_SEQUENCE && fed <= 2 * MAX_SEQUENCE);
        fed += 1000;
        s.piece(&[b'A'; 1000], &mut out);
    }
    assert!(out.starts_with(b"^[]1337;AAA"));
    assert_eq!(out.len(), "^[]1337;".len() + fed);
}

#[test]
fn the_last_state_of_a_line() {
    for (line, before, seen) in [
        ("", "", ""),
        ("a", "", "a"),
        ("a\r", "", "a"),
        ("a\rb", "a\r", "b"),
        ("a\rb\r\r", "a\r", "b"),
        ("\ra", "\r", "a"),
        ("\r\r", "", ""),
        ("100%\r    \r", "100%\r", "    "),
    ] {
        let (before, seen) = (before.as_bytes(), seen.as_bytes());
        assert_eq!(last_state(line.as_bytes()), (before, seen), "{line:?}");
    }
}

#[test]
fn one_off_texts() {
    assert_eq!(clean(b"a\x1b[31mb\nc\xff\r"), "ab^Jc\\xff^M");
}

/// Bytes among which sequences, and halves of them, are frequent.
pub(in super::super) fn nasty_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        &b"\x1b"[..],
        b"[",
        b"]",
        b"\x1b[",
        b"\x1b]0;",
        b"\x1bP",
        b"\x1b\\",
        b"\x07",
        b"m",
        b"31",
        b"0",
        b";",
        b":",
        b"8",
        b"\x1b[31m",
        b"\x1b[0m",
        b"\x1b[2J",
        b"\xc2",
        b"\x9b",
        b"\x9c",
        b"\x9d",
        b"\xe2\x80",
        b"\xae",
        b"\xf0\x9f\xa6\x80",
        b"abc",
        b" ",
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b"?25h",
        b"\x18",
        b"\0",
        b"\x7f",
        b"\x08",
        "é".as_bytes(),
        "\u{202e}".as_bytes(),
    ]);
    prop::collection::vec(
        prop_oneof![
            4 => pieces.prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ],
        0..40,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_but_text_and_colours(text in nasty_bytes(), colours in any::<bool>()) {
        assert_harmless(whole(&text, colours).as_bytes());
        if !colours {
            prop_assert!(!whole(&text, false).contains('\x1b'));
        }
    }

    #[test]
    fn the_fast_path_takes_only_what_stays_as_it_is(text in nasty_bytes(), c in any::<char>()) {
        for text in [text, c.to_string().into_bytes(), format!("é{c}x").into_bytes()] {
            let mut out = Vec::new();
            Sanitiser::new(false).write(&text, true, &mut out);
            prop_assert!(!is_harmless(&text) || out == text, "{text:?}");
        }
    }

    #[test]
    fn pieces_show_what_the_whole_shows(text in nasty_bytes(), cuts in prop::collection::vec(0..400_usize, 0..6)) {
        let (mut s, mut out, mut cuts) = (Sanitiser::new(true), Vec::new(), cuts);
        cuts.sort_unstable();
        let mut at = 0;
        for cut in cuts {
            let cut = cut.min(text.len());
            s.piece(&text[at..cut], &mut out);
            assert_harmless(&out);
            at = cut;
        }
        s.line(&text[at..], &mut out);
        assert_harmless(&out);
        prop_assert_eq!(clean(&out), whole(&text, false));
    }
}
