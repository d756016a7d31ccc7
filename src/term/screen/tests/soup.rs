//! Streams that no program would send.

use proptest::prelude::*;

/// A number as it is in sequences: mostly small, sometimes absurd.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        8 => (0..30u32).prop_map(|n| n.to_string()),
        1 => (0..300u32).prop_map(|n| n.to_string()),
        1 => prop_oneof![Just(65_535u64), Just(65_536), Just(1_000_000_000), Just(u64::MAX)]
            .prop_map(|n| n.to_string()),
    ]
}

fn numbers() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(number(), 0..5),
        prop_oneof![4 => Just(";"), 1 => Just(":")],
    )
        .prop_map(|(numbers, between)| numbers.join(between))
}

/// Control sequences of all kinds, known and unknown.
fn csi() -> impl Strategy<Value = String> {
    let marker =
        prop_oneof![8 => Just(""), 1 => Just("?"), 1 => Just(">"), 1 => Just("<"), 1 => Just("=")];
    let between = prop_oneof![12 => Just(""), 1 => Just(" "), 1 => Just("$"), 1 => Just("!"), 1 => Just("\n")];
    (marker, numbers(), between, 0x40..0x7fu8).prop_map(|(marker, numbers, between, last)| {
        format!("\x1b[{marker}{numbers}{between}{}", char::from(last))
    })
}

fn mode() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        1, 3, 5, 6, 7, 8, 9, 12, 25, 45, 47, 66, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1015,
        1016, 1047, 1048, 1049, 2004, 2026, 2031, 2048,
    ]);
    let act = prop::sample::select(vec!['h', 'h', 'l', 's', 'r']);
    (number, act).prop_map(|(number, act)| format!("\x1b[?{number}{act}"))
}

fn string() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec![
        "]0;", "]2;", "]4;1;", "]8;;", "]8;id=1;", "]10;", "]11;", "]52;c;", "]104", "]", "P",
        "P$q", "P+q", "Pq", "_", "^", "X", "k",
    ]);
    let end = prop::sample::select(vec!["\x1b\\", "\x07", "\x1b\\", "\x18", ""]);
    (start, "[ -~é日]{0,12}", end).prop_map(|(start, body, end)| format!("\x1b{start}{body}{end}"))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~]{0,30}",
        1 => "[日本語ｗéß\u{301}\u{1f600}\u{200d}\u{fe0f}]{0,10}",
        1 => "[a-z]{70,200}",
    ]
}

fn control() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        &b"\r\n"[..],
        b"\r\n",
        b"\n",
        b"\r",
        b"\t",
        b"\x08",
        b"\x07",
        b"\x0e",
        b"\x0f",
        b"\x0b",
        b"\x18",
        b"\x1a",
        b"\x1b",
        b"\x1b7",
        b"\x1b8",
        b"\x1bM",
        b"\x1bD",
        b"\x1bE",
        b"\x1bH",
        b"\x1bN",
        b"\x1bO",
        b"\x1bn",
        b"\x1b(0",
        b"\x1b(B",
        b"\x1b)0",
        b"\x1b*A",
        b"\x1b=",
        b"\x1b>",
        b"\x1b#8",
        b"\x1bc",
        b"\x1bZ",
        b"\xff",
        b"\xe6\x97",
        b"\xf0\x9f",
        b"\xc2\x9b",
        b"\x9b",
        b"\x1b[!p",
        b"\x00",
        b"\x7f",
    ])
    .prop_map(<[u8]>::to_vec)
}

/// A stream of anything.
pub(super) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => text().prop_map(String::into_bytes),
        4 => csi().prop_map(String::into_bytes),
        2 => mode().prop_map(String::into_bytes),
        1 => string().prop_map(String::into_bytes),
        3 => control(),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Mostly plain text, of lines long and short, with colours.
pub(super) fn plain() -> impl Strategy<Value = Vec<u8>> {
    let sequence = prop::sample::select(vec![
        "\x1b[m",
        "\x1b[31m",
        "\x1b[1;44m",
        "\x1b[0m",
        "\x1b[K",
        "\x1b[38;5;9m",
        "\x1b[4:3m",
        "\x1b[5G",
        "\x1b[3C",
        "\x1b[48;2;1;2;3m",
        "\x1b[0;7m",
        "\x1b[2P",
        "\x1b[3@",
        "\x1b[4X",
    ]);
    let piece = prop_oneof![
        6 => text().prop_map(String::into_bytes),
        8 => Just(b"\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\t\x08\x07".to_vec()),
        3 => sequence.prop_map(|s| s.as_bytes().to_vec()),
        1 => prop::sample::select(vec![&b"\xff"[..], b"\xe6\x97", b"\xf0\x9f", b"\x9b"])
            .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}
