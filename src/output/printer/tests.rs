use proptest::prelude::*;

use super::super::sanitise::tests::{assert_harmless, nasty_bytes};
use super::super::{Waiting, asks_secret};
use super::*;

const TERMINAL: Format = Format::Terminal { colours: false };
const COLOURS: Format = Format::Terminal { colours: true };

/// What happens to a node.
#[derive(Clone, Debug)]
enum Step {
    Sends(Vec<u8>),
    Quiet,
    Ends,
    /// The prompt is painted.
    Prompt,
}

fn s(text: &str) -> Step {
    Step::Sends(text.as_bytes().to_vec())
}

struct Bed {
    printer: Printer,
    nodes: Vec<LineAssembler>,
    out: Vec<u8>,
}

impl Bed {
    fn new(format: Format) -> Self {
        let printer = Printer::new(format);
        let nodes = (0..3)
            .map(|n: u8| printer.node(NodeId(n.into()), &format!("w{n}"), n.into()))
            .collect();
        Self {
            printer,
            nodes,
            out: Vec::new(),
        }
    }

    fn step(&mut self, node: usize, step: &Step) {
        let (node, out) = (&mut self.nodes[node], &mut self.out);
        match step {
            Step::Sends(bytes) => self.printer.push(node, bytes, out),
            Quiet => self.printer.partial(node, out),
            Ends => self.printer.end(node, out),
            Prompt => self.printer.close(out),
        }
    }

    fn run(format: Format, script: &[(usize, Step)]) -> Vec<u8> {
        let mut bed = Self::new(format);
        for (node, step) in script {
            bed.step(*node, step);
        }
        bed.out
    }
}

fn shows(format: Format, script: &[(usize, Step)], screen: &str) {
    let out = String::from_utf8(Bed::run(format, script))
        .unwrap()
        .replace('\x1b', "~");
    assert_eq!(out, screen, "{script:?}");
}

use Step::{Ends, Prompt, Quiet};

#[test]
fn whole_lines_are_printed_at_once() {
    let script = [
        (0, s("one\ntwo\n")),
        (1, s("par")),
        (2, s("\n")),
        (1, s("tial\nrest")),
    ];
    let screen = "[w0] one\n[w0] two\n[w2] \n[w1] partial\n";
    for format in [TERMINAL, Format::Pipe] {
        shows(format, &script, screen);
    }
    shows(
        COLOURS,
        &script[..1],
        "~[36m[w0]~[0m one\n~[36m[w0]~[0m two\n",
    );
}

#[test]
fn a_question_is_shown_after_a_quiet_time() {
    let ask = (0, s("After this, 5 MB.\nContinue? [Y/n] "));
    let shown = "[w0] After this, 5 MB.\n[w0] Continue? [Y/n] ";
    for (then, more) in [
        (&[][..], ""),
        (&[(0, Quiet), (0, Quiet)], ""),
        // The prompt is painted; the rest of the line goes below it.
        (&[(0, Prompt), (0, s("Get:1\n"))], "\n[w0] Get:1\n"),
        // The line ends after all: it had its newline.
        (&[(0, Prompt), (0, s("\nGet:1\n"))], "\n[w0] Get:1\n"),
        (&[(0, s("\nGet:1\n"))], "\n[w0] Get:1\n"),
        (&[(0, s("\r\nGet:1\n"))], "\n[w0] Get:1\n"),
        // Nothing came between: the rest goes on there.
        (&[(0, s("Abort.\n"))], "Abort.\n"),
        (&[(0, s("Ab")), (0, s("ort.\n"))], "Abort.\n"),
        (&[(0, s("Ab")), (0, Quiet), (0, s("ort.\n"))], "Abort.\n"),
        // Another node's line, or question, came between.
        (
            &[(1, s("x\n")), (0, s("Abort.\n"))],
            "\n[w1] x\n[w0] Abort.\n",
        ),
        (
            &[(1, s("x\n")), (0, s("\n")), (0, s("y\n"))],
            "\n[w1] x\n[w0] y\n",
        ),
        (
            &[
                (1, s("Sure? ")),
                (1, Quiet),
                (0, s("A")),
                (0, Quiet),
                (1, s("B\n")),
            ],
            "\n[w1] Sure? \n[w0] A\n[w1] B\n",
        ),
        (
            &[(1, s("Sure? ")), (1, Quiet), (0, s("\n")), (1, s("B\n"))],
            "\n[w1] Sure? B\n",
        ),
        // The command ends there.
        (&[(0, Ends), (0, s("next\n"))], "\n[w0] next\n"),
        (
            &[(1, s("x\n")), (0, Ends), (0, s("next\n"))],
            "\n[w1] x\n[w0] next\n",
        ),
    ] {
        let script: Vec<_> = [ask.clone(), (0, Quiet)]
            .iter()
            .chain(then)
            .cloned()
            .collect();
        shows(TERMINAL, &script, &format!("{shown}{more}"));
    }
}

#[test]
fn output_without_a_final_newline() {
    shows(
        TERMINAL,
        &[(0, s("nonl")), (0, Ends), (1, s("x\n"))],
        "[w0] nonl\n[w1] x\n",
    );
    shows(TERMINAL, &[(0, Ends), (0, Ends)], "");
    // In a pipe a newline comes only where another line follows, be it the same node's.
    shows(Format::Pipe, &[(0, s("nonl")), (0, Quiet)], "");
    shows(Format::Pipe, &[(0, s("nonl")), (0, Ends)], "[w0] nonl");
    shows(
        Format::Pipe,
        &[(0, s("nonl")), (0, Ends), (1, s("x\n"))],
        "[w0] nonl\n[w1] x\n",
    );
    shows(
        Format::Pipe,
        &[(0, s("a")), (0, Ends), (0, s("b")), (0, Ends)],
        "[w0] a\n[w0] b",
    );
}

#[test]
fn progress_bars() {
    let bar = (0, s("10%\r20%\r30%"));
    for (then, screen) in [
        (&[][..], ""),
        (&[(0, s("\n"))], "[w0] 30%\n"),
        (&[(0, s("\r\n"))], "[w0] 30%\n"),
        (&[(0, s("\rdone\n"))], "[w0] done\n"),
        (&[(0, Ends)], "[w0] 30%\n"),
        (&[(0, Quiet), (0, s("\n"))], "[w0] 30%\n"),
        (
            &[(0, Quiet), (0, s("\r40%")), (0, s("\r50%\n"))],
            "[w0] 30%\n[w0] 50%\n",
        ),
        (
            &[(0, s("\r")), (0, Quiet), (0, s("40%\r")), (0, s("\n"))],
            "[w0] 30%\n[w0] 40%\n",
        ),
        (
            &[(0, Quiet), (0, s("\r40%")), (0, Quiet), (0, Ends)],
            "[w0] 30%\n[w0] 40%\n",
        ),
        (
            &[(0, Quiet), (0, s("\r    \r")), (0, Quiet), (0, s("ok\n"))],
            "[w0] 30%\n[w0] ok\n",
        ),
    ] {
        let script: Vec<_> = [bar.clone()].iter().chain(then).cloned().collect();
        shows(TERMINAL, &script, screen);
    }
    // Colours that an overwritten state set stay.
    shows(
        COLOURS,
        &[(0, s("\x1b[31m1%\r2%\n"))],
        "~[36m[w0]~[0m ~[0;31m2%~[0m\n",
    );
    // In a pipe: as it came.
    shows(
        Format::Pipe,
        &[bar, (0, s("\r\n"))],
        "[w0] 10%\r20%\r30%\r\n",
    );
}

#[test]
fn an_hour_of_progress_takes_no_memory() {
    let mut bed = Bed::new(TERMINAL);
    for n in 0..20_000 {
        bed.step(0, &s(&format!("\rloading {n} of 19999")));
        assert!(bed.nodes[0].held.len() <= MAX_LINE);
    }
    assert!(bed.out.is_empty());
    bed.step(0, &s("\n"));
    assert_eq!(bed.out, b"[w0] loading 19999 of 19999\n");
}

#[test]
fn what_is_waiting() {
    let mut bed = Bed::new(TERMINAL);
    for (step, waiting, unfinished) in [
        (s("a\n"), None, ""),
        (s("Password: "), Some(Waiting::Text), "Password: "),
        (Quiet, None, "Password: "),
        (s("(again) "), Some(Waiting::Text), "Password: (again) "),
        (s("\r50%"), Some(Waiting::Redraw), "Password: (again) \r50%"),
        (Quiet, None, "Password: (again) \r50%"),
        (s("\r   "), None, "Password: (again) \r50%\r   "),
        (
            s("\rPIN for x: "),
            Some(Waiting::Redraw),
            "Password: (again) \r50%\r   \rPIN for x: ",
        ),
        (s("\nb\n"), None, ""),
        (s("\r"), None, "\r"),
    ] {
        bed.step(0, &step);
        let node = &bed.nodes[0];
        assert_eq!(node.waiting(), waiting, "{step:?}");
        assert_eq!(String::from_utf8_lossy(&node.unfinished()), unfinished);
        assert_eq!(node.asks_secret(), asks_secret(unfinished.as_bytes()));
    }
}

#[test]
fn a_long_line_comes_in_pieces() {
    let long = "x".repeat(MAX_LINE);
    let a = s(&format!("{long}yy"));
    let piece = format!("[w0] {long}");
    for format in [TERMINAL, Format::Pipe] {
        shows(
            format,
            &[(0, s(&long)), (0, s("\n"))],
            &format!("{piece}\n"),
        );
        shows(format, &[(0, a.clone())], &piece);
        shows(
            format,
            &[(0, a.clone()), (0, s("z\nb\n"))],
            &format!("{piece}yyz\n[w0] b\n"),
        );
    }
    let between = [(0, a.clone()), (1, s("b\n")), (0, s("\n"))];
    shows(TERMINAL, &between, &format!("{piece}\n[w1] b\n[w0] yy\n"));
    shows(
        Format::Pipe,
        &between,
        &format!("{piece}\n[w1] b\n[w0]+ yy\n"),
    );
    shows(
        Format::Pipe,
        &[(0, a), (0, Ends), (1, s("b"))],
        &format!("{piece}yy"),
    );
}

#[test]
fn an_escape_cut_by_a_quiet_time_is_not_shown() {
    let script = [
        (0, s("\x1b[3")),
        (0, Quiet),
        (1, s("b\n")),
        (0, s("2mgreen\n")),
    ];
    shows(
        COLOURS,
        &script,
        "~[33m[w1]~[0m b\n~[36m[w0]~[0m ~[32mgreen~[0m\n",
    );
    // An empty line stays one.
    shows(
        TERMINAL,
        &[(0, s("\x1b[3")), (0, Quiet), (0, s("2m\n"))],
        "[w0] \n",
    );
    shows(
        TERMINAL,
        &[(0, s("\x1b]0;")), (0, Quiet), (0, Ends)],
        "[w0] ^[]0;\n",
    );
}

#[test]
fn colours_reach_no_other_node() {
    let script = [
        (0, s("\x1b[31mred\n")),
        (1, s("b\n")),
        (0, s("red\x1b[0m plain\n\x1b[1mbold? ")),
        (0, Quiet),
        (0, s("yes\n")),
        (0, Ends),
        (0, s("plain\n")),
    ];
    let (w0, w1) = ("~[36m[w0]~[0m", "~[33m[w1]~[0m");
    let screen = format!(
        "{w0} ~[31mred~[0m\n{w1} b\n{w0} ~[0;31mred~[0m plain\n\
         {w0} ~[1mbold? ~[0m~[0;1myes~[0m\n{w0} plain\n"
    );
    shows(COLOURS, &script, &screen);
}

#[test]
fn names_are_cleaned_on_a_terminal() {
    let mut out = Vec::new();
    let mut printer = Printer::new(COLOURS);
    let mut node = printer.node(NodeId(9), "a\x1b[2J\nb", PALETTE);
    printer.push(&mut node, b"x\n", &mut out);
    assert_eq!(out, b"\x1b[36m[a^Jb]\x1b[0m x\n");
    assert_eq!((node.id(), node.name()), (NodeId(9), "a\x1b[2J\nb"));
}

#[test]
fn as_json() {
    shows(
        Format::Json,
        &[
            (0, s("a\npar")),
            (0, Quiet),
            (0, s("tial\r\nend")),
            (0, Ends),
        ],
        concat!(
            "{\"node\":\"w0\",\"event\":\"line\",\"stream\":\"out\",\"text\":\"a\"}\n",
            "{\"node\":\"w0\",\"event\":\"line\",\"stream\":\"out\",\"text\":\"partial\\r\"}\n",
            "{\"node\":\"w0\",\"event\":\"line\",\"stream\":\"out\",\"text\":\"end\",\"newline\":false}\n",
        ),
    );
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![TERMINAL, COLOURS, Format::Pipe, Format::Json])
}

/// Bytes of a node, sometimes a line that is longer than [`MAX_LINE`].
fn sent() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => nasty_bytes(),
        1 => (nasty_bytes(), MAX_LINE - 20..MAX_LINE + 20, prop::sample::select(b"x\r\x1b\xe2".to_vec()))
            .prop_map(|(mut text, len, byte)| {
                text.resize(text.len() + len, byte);
                text
            }),
    ]
}

fn script() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        8 => sent().prop_map(Step::Sends),
        3 => Just(Quiet),
        1 => Just(Ends),
        1 => Just(Prompt),
    ];
    prop::collection::vec((0..3_usize, step), 0..16)
}

/// The bytes of each node, read back from what a pipe got.
fn without_prefixes(out: &[u8]) -> Vec<Vec<u8>> {
    let mut nodes = vec![Vec::new(); 3];
    for line in out.split_inclusive(|b| *b == b'\n') {
        let node: &mut Vec<u8> = &mut nodes[usize::from(line[2] - b'0')];
        let goes_on = line[4] == b'+';
        assert!(line.starts_with(b"[w") && line[3] == b']');
        if goes_on {
            assert_eq!(node.pop(), Some(b'\n'));
        }
        node.extend_from_slice(&line[5 + usize::from(goes_on)..]);
    }
    nodes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn chunks_do_not_matter(
        format in any_format(),
        sends in prop::collection::vec((0..3_usize, sent()), 0..8),
        cuts in prop::collection::vec(1..70_000_usize, 1..20),
    ) {
        let whole: Vec<_> = sends.iter().map(|(n, bytes)| (*n, Step::Sends(bytes.clone()))).collect();
        let mut cuts = cuts.iter().cycle();
        let mut split = Vec::new();
        for (n, bytes) in &sends {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                // Mostly a few bytes, so that cuts fall into the middle of things.
                let len = *cuts.next().unwrap();
                let len = if len < 50_000 && bytes.len() < 2_000 { len % 7 + 1 } else { len };
                let (now, later) = rest.split_at(len.min(rest.len()));
                split.push((*n, Step::Sends(now.to_vec())));
                rest = later;
            }
        }
        for script in [&whole, &split] {
            prop_assert_eq!(Bed::run(format, script), Bed::run(format, &whole));
        }
    }

    #[test]
    fn nothing_harmful_reaches_a_terminal(script in script(), colours in any::<bool>()) {
        assert_harmless(&Bed::run(Format::Terminal { colours }, &script));
    }

    #[test]
    fn a_pipe_gets_the_exact_bytes(script in script()) {
        let mut bed = Bed::new(Format::Pipe);
        let mut sent = vec![Vec::new(); 3];
        for (node, step) in &script {
            if let Step::Sends(bytes) = step {
                bed.step(*node, step);
                sent[*node].extend_from_slice(bytes);
            } else if !matches!(step, Ends) {
                bed.step(*node, step);
            }
        }
        for node in 0..3 {
            bed.step(node, &Ends);
        }
        for (got, mut sent) in without_prefixes(&bed.out).into_iter().zip(sent) {
            if got.len() > sent.len() && !sent.is_empty() && !sent.ends_with(b"\n") {
                sent.push(b'\n');
            }
            prop_assert!(got == sent, "{got:?}\n{sent:?}");
        }
    }

    #[test]
    fn json_has_the_exact_bytes(script in script()) {
        let mut bed = Bed::new(Format::Json);
        let mut sent = vec![Vec::new(); 3];
        for (node, step) in &script {
            bed.step(*node, step);
            if let Step::Sends(bytes) = step {
                sent[*node].extend_from_slice(bytes);
            }
        }
        for node in 0..3 {
            bed.step(node, &Ends);
        }
        let mut got = vec![Vec::new(); 3];
        for line in bed.out.split_inclusive(|b| *b == b'\n') {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            let name = value["node"].as_str().unwrap();
            let node: usize = name.trim_start_matches('w').parse().unwrap();
            match value["base64"].as_str() {
                Some(code) => got[node].extend(unbase64(code)),
                None => got[node].extend_from_slice(value["text"].as_str().unwrap().as_bytes()),
            }
            if value["newline"] != false {
                got[node].push(b'\n');
            }
        }
        prop_assert!(got == sent);
    }

    #[test]
    fn quiet_times_lose_and_repeat_nothing(
        steps in prop::collection::vec((0..3_usize, prop_oneof![
            4 => "[a-c \n]{0,6}".prop_map(|text| s(&text)),
            2 => Just(Quiet),
            1 => Just(Prompt),
        ]), 0..30),
    ) {
        let mut bed = Bed::new(TERMINAL);
        let mut sent = vec![String::new(); 3];
        for (node, step) in &steps {
            bed.step(*node, step);
            if let Step::Sends(bytes) = step {
                sent[*node].push_str(std::str::from_utf8(bytes).unwrap());
            }
        }
        for node in 0..3 {
            bed.step(node, &Ends);
        }
        let got = without_prefixes(&bed.out);
        for (got, sent) in got.iter().zip(sent) {
            let got: String = String::from_utf8_lossy(got).replace('\n', "");
            prop_assert_eq!(got, sent.replace('\n', ""));
        }
    }
}

fn unbase64(code: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut out = Vec::new();
    for group in code.as_bytes().chunks(4) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, c| bits << 6 | u32::from(digit(*c)));
        let padding = group.iter().filter(|c| **c == b'=').count();
        out.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    out
}
