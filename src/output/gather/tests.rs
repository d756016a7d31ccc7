use proptest::prelude::*;

use super::super::{Format, report};
use super::*;

const TERMINAL: Format = Format::Terminal { colours: false };

/// Folds names as `worker0+1+2`.
fn fold(names: &[&str]) -> String {
    let numbers: Vec<_> = names.iter().map(|n| n.trim_start_matches("node")).collect();
    format!("node[{}]", numbers.join(","))
}

/// Nodes node1 to nodeN.
fn nodes(count: u32) -> Gather {
    let nodes = (1..=count).map(|n| (NodeId(n), format!("node{n}")));
    Gather::new(
        nodes,
        Limits {
            node: 1000,
            total: 1500,
        },
    )
}

/// `(node, output, how it ended)`.
fn gather(count: u32, ends: &[(u32, &str, Option<Outcome>)]) -> Gather {
    let mut gather = nodes(count);
    for (node, text, outcome) in ends {
        assert_eq!(gather.push(NodeId(*node), text.as_bytes()), Kept::Yes);
        if let Some(outcome) = outcome {
            gather.end(NodeId(*node), outcome.clone());
        }
    }
    gather
}

fn reported(gather: &Gather, format: Format) -> (String, String) {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    report(gather, &fold, format, &mut out, &mut notes);
    (
        String::from_utf8(out).unwrap(),
        String::from_utf8(notes).unwrap(),
    )
}

fn ok() -> Option<Outcome> {
    Some(Outcome::Exit(0))
}

fn exit(code: u8) -> Option<Outcome> {
    Some(Outcome::Exit(code))
}

const RULE: &str = "---------------";

#[test]
fn equal_outputs_are_shown_once() {
    let g = gather(
        5,
        &[
            (5, "kernel 6.1\n", ok()),
            (1, "kernel 6.1\n", ok()),
            (4, "uname: not found\n", exit(2)),
            (2, "kernel 6.1\n", ok()),
            (3, "kernel 5.10\n", ok()),
        ],
    );
    let blocks = format!(
        "{RULE}\nnode[1,2,5] (3)\n{RULE}\nkernel 6.1\n\
         {RULE}\nnode[3]\n{RULE}\nkernel 5.10\n\
         {RULE}\nnode[4]: exit 2\n{RULE}\nuname: not found\n"
    );
    assert_eq!(reported(&g, TERMINAL), (blocks.clone(), String::new()));
    // Where the blocks go elsewhere, the failed ones are named on standard error too.
    assert_eq!(
        reported(&g, Format::Pipe),
        (blocks, "node[4]: exit 2\n".to_owned())
    );
}

#[test]
fn the_same_output_with_another_status_is_another_group() {
    let g = gather(
        3,
        &[(1, "x\n", ok()), (2, "x\n", exit(1)), (3, "x\n", ok())],
    );
    let names: Vec<_> = g
        .groups()
        .iter()
        .map(|group| group.names().join(" "))
        .collect();
    assert_eq!(names, ["node1 node3", "node2"]);
}

#[test]
fn order_of_groups() {
    let lost = |why: &str| Some(Outcome::Lost(why.to_owned()));
    let g = gather(
        12,
        &[
            (1, "pending", None),
            (2, "", lost("reset")),
            (3, "c\n", exit(1)),
            (4, "b\n", exit(1)),
            (5, "b\n", exit(1)),
            (6, "z\n", ok()),
            (7, "a\n", ok()),
            (8, "", Some(Outcome::TimedOut)),
            (9, "", Some(Outcome::Interrupted)),
            (10, "", lost("reset")),
            (11, "", lost("no route")),
            (12, "q\n", exit(137)),
        ],
    );
    let names: Vec<_> = g.groups().iter().map(|group| fold(group.names())).collect();
    let order = ["6", "7", "4,5", "3", "12", "8", "9", "11", "2,10", "1"];
    assert_eq!(names, order.map(|n| format!("node[{n}]")));
}

#[test]
fn silent_failed_and_pending_nodes_are_named() {
    let g = gather(
        8,
        &[
            (1, "out", ok()),
            (2, "", ok()),
            (3, "", ok()),
            (4, "", exit(137)),
            (5, "", Some(Outcome::Lost("connection reset".to_owned()))),
            (6, "half", Some(Outcome::TimedOut)),
            (7, "so far", None),
        ],
    );
    assert!(!g.is_done());
    let (out, notes) = reported(&g, TERMINAL);
    assert_eq!(
        out,
        format!(
            "{RULE}\nnode[1]\n{RULE}\nout\n\
             {RULE}\nnode[6]: timed out\n{RULE}\nhalf\n\
             {RULE}\nnode[7]: still running\n{RULE}\nso far\n"
        )
    );
    assert_eq!(
        notes,
        "node[2,3] (2): no output\n\
         node[4]: exit 137 (SIGKILL): no output\n\
         node[5]: lost: connection reset: no output\n\
         still running: node[7,8] (2)\n"
    );
}

#[test]
fn when_nothing_was_printed() {
    let quiet = [(1, "", ok()), (2, "", ok())];
    assert_eq!(
        reported(&gather(2, &quiet), TERMINAL).1,
        "node[1,2] (2): ok\n"
    );
    assert_eq!(
        reported(&gather(3, &quiet), TERMINAL).1,
        "node[1,2] (2): no output\nstill running: node[3]\n"
    );
    assert_eq!(
        reported(&gather(1, &[(1, "", exit(1))]), TERMINAL).1,
        "node[1]: exit 1: no output\n"
    );
    assert_eq!(
        reported(&gather(0, &[]), TERMINAL),
        (String::new(), String::new())
    );
}

#[test]
fn blocks_are_sanitised_on_a_terminal_only() {
    let text = "\x1b[31ma\x1b]0;x\x07\n1%\r2%\nb\r\n\x1b[0mc";
    let g = gather(2, &[(1, text, ok()), (2, "x", ok())]);
    let (out, _) = reported(&g, TERMINAL);
    assert_eq!(
        out,
        format!("{RULE}\nnode[1]\n{RULE}\na\n2%\nb\nc\n{RULE}\nnode[2]\n{RULE}\nx\n")
    );
    let (out, _) = reported(&g, Format::Pipe);
    assert_eq!(
        out,
        format!("{RULE}\nnode[1]\n{RULE}\n{text}\n{RULE}\nnode[2]\n{RULE}\nx\n")
    );
    let (out, _) = reported(&g, Format::Terminal { colours: true });
    let red = "\x1b[31ma\x1b[0m\n\x1b[0;31m2%\x1b[0m\n";
    assert!(
        out.starts_with(&format!("{RULE}\n\x1b[1mnode[1]\x1b[0m\n{RULE}\n{red}")),
        "{out:?}"
    );
}

#[test]
fn what_is_too_large_is_streamed_and_nothing_is_lost() {
    let mut g = nodes(4);
    let big = [b'x'; 900];
    assert_eq!(g.push(NodeId(1), &big), Kept::Yes);
    assert_eq!(g.push(NodeId(2), &big), Kept::Yes);
    assert_eq!(g.push(NodeId(2), b"y"), Kept::Yes);
    // Above its own limit.
    assert_eq!(
        g.push(NodeId(1), &[b'z'; 101]),
        Kept::Overflow([&big[..], &[b'z'; 101]].concat())
    );
    assert_eq!(g.push(NodeId(1), b"more"), Kept::Streams);
    // What node 2 has is still there, for it and for others.
    assert_eq!(g.push(NodeId(3), &big), Kept::Yes);
    assert_eq!(g.push(NodeId(3), b"y"), Kept::Yes);
    assert_eq!(g.trie.size(), 901);
    // Above the limit of all.
    assert_eq!(
        g.push(NodeId(4), &[b'a'; 600]),
        Kept::Overflow(vec![b'a'; 600])
    );
    assert_eq!(g.push(NodeId(99), b"?"), Kept::Streams);
    for n in 1..=4 {
        g.end(NodeId(n), Outcome::Exit(u8::from(n == 4)));
    }
    let (out, notes) = reported(&g, TERMINAL);
    assert!(out.starts_with(&format!("{RULE}\nnode[2,3] (2)\n{RULE}\nxxx")));
    let streamed = "too much output to fold, it was printed as it came";
    assert_eq!(
        notes,
        format!("node[1]: {streamed}\nnode[4]: exit 1: {streamed}\n")
    );
}

#[test]
fn room_is_freed_when_a_node_leaves() {
    let mut g = nodes(3);
    assert_eq!(g.push(NodeId(1), &[b'x'; 1000]), Kept::Yes);
    assert_eq!(g.push(NodeId(2), b"xxx"), Kept::Yes);
    assert!(matches!(g.push(NodeId(1), b"x"), Kept::Overflow(_)));
    assert_eq!(g.trie.size(), 3);
    // What was cut off grows again, and is told from what others add there.
    assert_eq!(g.push(NodeId(3), b"xxxy"), Kept::Yes);
    assert_eq!(g.push(NodeId(2), b"y"), Kept::Yes);
    assert_eq!(g.groups().len(), 2);
    assert_eq!(g.groups()[0].text(), &b"xxxy"[..]);
}

#[test]
fn equal_outputs_take_memory_once() {
    let mut g = nodes(50);
    for part in 0..9 {
        for n in 1..=50 {
            assert_eq!(
                g.push(NodeId(n), format!("{part:100}").as_bytes()),
                Kept::Yes
            );
        }
    }
    assert_eq!(g.trie.size(), 900);
}

proptest! {
    /// Few letters, so that outputs have beginnings in common.
    #[test]
    fn groups_are_the_equal_outputs(
        sends in prop::collection::vec((1..6_u32, "[ab]{0,5}"), 0..40),
        leaver in 1..6_u32,
        when in 0..40_usize,
    ) {
        let mut g = Gather::new(
            (1..6).map(|n| (NodeId(n), n.to_string())),
            Limits { node: 1000, total: 10_000 },
        );
        let mut sent: HashMap<u32, String> = HashMap::new();
        for (at, (n, text)) in sends.iter().enumerate() {
            if at == when {
                // One node overflows and takes away what only it had.
                let text = [b'c'; 2000];
                let mut all = sent.remove(&leaver).unwrap_or_default().into_bytes();
                all.extend_from_slice(&text);
                prop_assert_eq!(g.push(NodeId(leaver), &text), Kept::Overflow(all));
            }
            let kept = g.push(NodeId(*n), text.as_bytes());
            if at >= when && *n == leaver {
                prop_assert_eq!(kept, Kept::Streams);
            } else {
                prop_assert_eq!(kept, Kept::Yes);
                sent.entry(*n).or_default().push_str(text);
            }
        }
        let mut seen = HashMap::new();
        for group in g.groups().iter().filter(|group| !group.streamed()) {
            let text = group.text().into_owned();
            for name in group.names() {
                let expected = sent.remove(&name.parse().unwrap()).unwrap_or_default();
                prop_assert_eq!(expected.as_bytes(), text.as_slice());
            }
            prop_assert!(seen.insert(text, ()).is_none());
        }
        prop_assert!(sent.is_empty());
    }
}
