//! Commands that every shell must run alike.

use std::time::Duration;

use super::Lab;

/// What each command prints, exactly, and with which status the run ends. A status of -1 stands for
/// any but 0.
const COMMANDS: &[(&str, &[&str], &[&str], i32)] = &[
    ("a word", &["echo word"], &["word"], 0),
    ("empty lines", &["echo; echo x; echo"], &["", "x", ""], 0),
    (
        "no final newline",
        &["printf nonl", "echo after"],
        &["nonl", "after"],
        0,
    ),
    ("blanks", &["echo '  a  b  '"], &["  a  b  "], 0),
    ("a tab", &["printf 'a\\tb\\n'"], &["a\tb"], 0),
    (
        "standard error",
        &["echo out; echo err >&2"],
        &["out", "err"],
        0,
    ),
    ("silence", &["true", "echo x"], &["x"], 0),
    ("false", &["false"], &[], 1),
    ("a status", &["(exit 42)"], &[], 42),
    (
        "the largest status",
        &["(exit 3)", "(exit 9)", "(exit 5)", "true"],
        &[],
        9,
    ),
    (
        "a status with no final newline",
        &["printf abc; (exit 7)"],
        &["abc"],
        7,
    ),
    (
        "the last status is kept",
        &["(exit 6)", "echo $?"],
        &["6"],
        6,
    ),
    (
        "an unknown command",
        &["no-such-command-here 2>/dev/null"],
        &[],
        127,
    ),
    ("cd stays", &["cd /usr/lib", "pwd"], &["/usr/lib"], 0),
    (
        "variables stay",
        &["a=1; b='x y'", "echo $a $b"],
        &["1 x y"],
        0,
    ),
    (
        "exports stay",
        &["export A=1", "sh -c 'echo $A'"],
        &["1"],
        0,
    ),
    (
        "functions stay",
        &["f() { echo \"<$1>\"; }", "f 'a b'"],
        &["<a b>"],
        0,
    ),
    (
        "quotes",
        &["echo 'it'\\''s' \"a \\\"b\\\"\" \\$x"],
        &["it's a \"b\" $x"],
        0,
    ),
    (
        "marks of history",
        &["echo 'a!b !! !1 ^x^y'"],
        &["a!b !! !1 ^x^y"],
        0,
    ),
    (
        "marks of dust",
        &["echo '@w* %failed *!x [1-2] ~'"],
        &["@w* %failed *!x [1-2] ~"],
        0,
    ),
    ("backslashes", &["printf '%s\\n' 'a\\\\b'"], &["a\\\\b"], 0),
    ("a comment", &["echo a # comment"], &["a"], 0),
    ("only a comment", &["# nothing", "echo x"], &["x"], 0),
    (
        "a loop",
        &["for i in 1 2 3; do echo $i; done"],
        &["1", "2", "3"],
        0,
    ),
    (
        "several lines",
        &["echo a\necho b\n\necho c"],
        &["a", "b", "c"],
        0,
    ),
    (
        "a heredoc",
        &["cat <<END\none $((1+1))\n  three\nEND\necho after"],
        &["one 2", "  three", "after"],
        0,
    ),
    (
        "a quoted heredoc",
        &["cat <<'END'\n$HOME `x` \\\nEND"],
        &["$HOME `x` \\"],
        0,
    ),
    ("a pipe", &["printf 'b\\na\\n' | sort"], &["a", "b"], 0),
    (
        "other alphabets",
        &["echo 'grüße 漢字 🙂 e\u{301}'"],
        &["grüße 漢字 🙂 e\u{301}"],
        0,
    ),
    (
        "an unclosed quote",
        &["echo \"abc", "echo after"],
        &["after"],
        -1,
    ),
    (
        "an unclosed if",
        &["if true; then", "echo after"],
        &["after"],
        -1,
    ),
    ("a syntax error", &["echo (", "echo after"], &["after"], -1),
    ("set -e", &["set -e", "false", "echo after"], &["after"], -1),
    (
        "set -e on one line",
        &["set -e; false", "echo after"],
        &["after"],
        -1,
    ),
    (
        "set -u",
        &[
            "set -u",
            "echo $not_set_at_all 2>/dev/null",
            "set +u; echo after",
        ],
        &["after"],
        -1,
    ),
    (
        "another prompt",
        &["PS1='mine> '; PS2='more> '", "echo still", "false"],
        &["still"],
        1,
    ),
    (
        "the terminal made sane",
        &["stty sane </dev/tty", "echo x", "printf y"],
        &["x", "y"],
        0,
    ),
    (
        "the terminal's echo on",
        &["stty echo onlcr icanon </dev/tty", "echo x", "(exit 3)"],
        &["x"],
        3,
    ),
    (
        "a program that reads nothing",
        &["true </dev/null", "echo x"],
        &["x"],
        0,
    ),
    (
        "no input left over",
        &["cat </dev/null; echo done"],
        &["done"],
        0,
    ),
    (
        "an empty line inside",
        &["printf 'a\\n\\nb'"],
        &["a", "", "b"],
        0,
    ),
    (
        "DUST_NODE and others",
        &["echo $DUST_NODE $DUST_SIZE $DUST_CLUSTER"],
        &["w 1 lab"],
        0,
    ),
    (
        "children see DUST_NODE",
        &["sh -c 'echo $DUST_NODE'"],
        &["w"],
        0,
    ),
    (
        "a terminal",
        &["test -t 1 && test -t 2 && stty -a </dev/tty >/dev/null && echo yes"],
        &["yes"],
        0,
    ),
    (
        "words that look like statuses",
        &["echo 'exit 3 times'"],
        &["exit 3 times"],
        0,
    ),
];

/// How long one of these may take: many follow.
const SHORT: Duration = Duration::from_secs(10);

/// Runs them all, and then what prints its own way.
pub(super) fn commands(lab: Lab) {
    let mut wrong = Vec::new();
    for (name, commands, printed, code) in COMMANDS {
        match lab.prepare(commands).within(SHORT).attempt() {
            Ok(run) => {
                // What a shell says of unclosed quotes and the like is its own affair.
                let any = *code == -1;
                let mut lines = run.lines_of("w");
                lines.retain(|line| !any || printed.contains(&line.as_str()));
                let got = run.code();
                let right = if any {
                    got != 0 && got != 255
                } else {
                    got == *code
                };
                if lines != *printed || !right {
                    wrong.push(format!("{name}: exit {got}, {lines:?}\n{}", run.report()));
                }
            },
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    // What these print is not dust's to say; the shell must be there afterwards, and in step.
    for (name, command) in NOISE {
        match lab
            .prepare(&[command, "echo; echo 'in step'", "false"])
            .within(SHORT)
            .attempt()
        {
            Ok(run) => {
                let last = run.lines_of("w").pop();
                if run.code() != 1 || last.as_deref() != Some("in step") {
                    wrong.push(format!("{name}: exit {}\n{}", run.code(), run.report()));
                }
            },
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    let count = wrong.len();
    assert!(
        wrong.is_empty(),
        "{:?}, {count} wrong:\n{}",
        lab.shell,
        wrong.join("\n")
    );
}

/// Commands whose own output does not matter.
const NOISE: &[(&str, &str)] = &[
    ("all variables", "set"),
    ("the environment", "env"),
    ("the prompt's text", "echo \"$PS1\"; printf '%s' \"$PS1\""),
    (
        "binary output",
        "printf '\\000\\001\\377\\033]0;x\\007\\033[2J\\200\\n'; head -c 4096 /bin/sh",
    ),
    ("half a control sequence", "printf '\\033['"),
    ("half a character", "printf '\\342\\202'"),
    ("an alternate screen", "printf '\\033[?1049h'"),
    ("job control", "sleep 0.01 & wait"),
    ("tracing", "set -x; true; set +x"),
    ("verbose", "set -v; true; set +v"),
];
