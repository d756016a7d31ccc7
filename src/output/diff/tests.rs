use super::super::{Kept, Limits};
use super::*;
use crate::model::{NodeId, Outcome};

const TERMINAL: Format = Format::Terminal { colours: false };

fn diffed(format: Format, ends: &[(&str, u8)]) -> String {
    let names = ["w0", "w1", "w2", "w3", "w4"];
    let ids = (0..).map(NodeId);
    let nodes = ids
        .clone()
        .zip(names.iter().map(|n| (*n).to_owned()))
        .take(ends.len());
    let mut gather = Gather::new(
        nodes,
        Limits {
            node: 9_000_000,
            total: 90_000_000,
        },
    );
    for (id, (text, code)) in ids.zip(ends) {
        if !matches!(gather.push(id, text.as_bytes()), Kept::Overflow(_)) {
            gather.end(id, Outcome::Exit(*code));
        }
    }
    let mut out = Vec::new();
    diff(&gather, &|names| names.join(","), format, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn against_the_largest_group() {
    let text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let other = "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten\n";
    assert_eq!(
        diffed(
            TERMINAL,
            &[(other, 0), (text, 0), (text, 0), (text, 2), ("1\n", 0)]
        ),
        "--- w1,w2 (2)\n+++ w0\n\
         @@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n\
         --- w1,w2 (2)\n+++ w4\n\
         @@ -1,9 +1 @@\n 1\n-2\n-3\n-4\n-5\n-6\n-7\n-8\n-9\n\
         --- w1,w2 (2)\n+++ w3: exit 2\n(the same output)\n"
    );
}

#[test]
fn of_equal_groups_the_lowest_status_then_the_first_node() {
    assert_eq!(
        diffed(TERMINAL, &[("a\n", 1), ("b\n", 0), ("c\n", 0)]),
        "--- w1\n+++ w2\n@@ -1 +1 @@\n-b\n+c\n--- w1\n+++ w0: exit 1\n@@ -1 +1 @@\n-b\n+a\n"
    );
}

#[test]
fn nothing_to_compare() {
    assert_eq!(
        diffed(TERMINAL, &[("a", 0), ("a", 0)]),
        "w0,w1 (2): no differences\n"
    );
    assert_eq!(diffed(TERMINAL, &[]), "");
}

#[test]
fn missing_newlines_and_empty_outputs() {
    assert_eq!(
        diffed(TERMINAL, &[("a\nb", 0), ("a\nb\n", 0), ("", 0)]),
        "--- w0\n+++ w1\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of output\n+b\n\
         --- w0\n+++ w2\n@@ -1,2 +0,0 @@\n-a\n-b\n\\ No newline at end of output\n"
    );
}

#[test]
fn on_a_terminal_lines_are_sanitised() {
    let ends = [("\x1b[31ma\x1b[2J\n", 0), ("b\x1b]0;x\x07\n", 0)];
    assert_eq!(
        diffed(TERMINAL, &ends),
        "--- w0\n+++ w1\n@@ -1 +1 @@\n-a\n+b\n"
    );
    assert!(diffed(Format::Pipe, &ends).ends_with("-\x1b[31ma\x1b[2J\n+b\x1b]0;x\x07\n"));
    assert_eq!(
        diffed(Format::Terminal { colours: true }, &ends).replace('\x1b', "~"),
        "~[1m--- w0~[0m\n~[1m+++ w1~[0m\n~[36m@@ -1 +1 @@~[0m\n~[31m-a~[0m\n~[32m+b~[0m\n"
    );
}

#[test]
fn what_takes_too_long_is_said_to_be_so() {
    // The same lines in another order: the worst case of the comparison.
    let lines = |order: &mut dyn Iterator<Item = u32>| -> String {
        order.map(|n| format!("line {n}\n")).collect()
    };
    let (up, down) = (lines(&mut (0..20_000)), lines(&mut (0..20_000).rev()));
    let up = format!("head\n{up}");
    let out = diffed(TERMINAL, &[(&up, 0), (&format!("head\n{down}"), 0)]);
    let why = "(too large to compare: 20001 and 20001 lines, which differ from line 2 on)\n";
    assert_eq!(out, format!("--- w0\n+++ w1\n{why}"));
    // Just as long, but with few differences.
    let out = diffed(
        TERMINAL,
        &[
            (&up, 0),
            (
                &up.replace("line 77\n", "x\n").replace("line 19977\n", ""),
                0,
            ),
        ],
    );
    assert_eq!(out.matches("\n@@ ").count(), 2, "{out}");
}
