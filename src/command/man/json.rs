//! What `--json` prints: `output::json` makes the events, and has the same table.

use super::mdoc::{list, text, word};

/// The section of the page.
pub(super) fn section() -> String {
    let event = |&(name, fields, about): &(&str, &str, &str)| {
        (
            format!("Li {} : {}", word(name), text(fields).trim_end()),
            text(about),
        )
    };
    format!("{HEAD}{}{TAIL}", list(EVENTS.iter().map(event)))
}

const HEAD: &str = r#".Sh JSON
With
.Fl \-json
each line of output is one object.
What becomes of commands on nodes is told as events.
Every event has
.Li event ,
its name; fields that do not apply are left out.
Programs should ignore events and fields that they do not know.
"#;

/// Events, with their fields and what they mean.
const EVENTS: &[(&str, &str, &str)] = &[
    (
        "line",
        "node, stream, text, newline, base64",
        "A line that the node printed, without its newline. The stream is out: a node's terminal \
         carries both. newline is there, and false, where no newline followed: behind a piece of \
         a very long line, which the node's next line goes on with, and at the end of output. \
         Where a line is not UTF-8, base64 has its exact bytes.",
    ),
    (
        "exit",
        "node, status, signal, seconds",
        "The command ended with this status, 0 to 255. The signal is named where the status is \
         128 and its number.",
    ),
    (
        "timeout",
        "node, seconds",
        "The command did not end in time.",
    ),
    ("interrupted", "node, seconds", "Ctrl-C ended the command."),
    (
        "lost",
        "node, reason, seconds",
        "The connection was lost, or never came up.",
    ),
    (
        "not_run",
        "node, reason",
        "The command was not sent: the node's shell is in other hands.",
    ),
    (
        "notice",
        "node, text",
        "What dust has to tell, about a node or about none. On standard error.",
    ),
    ("error", "text", "What went wrong. On standard error."),
    (
        "setting",
        "name, value, default, from",
        "Of set: from is default, FILE:LINE, a variable, an option, or set.",
    ),
];

const TAIL: &str = r#".Pp
The lists that
.Ic show , plan , keys , ec2sec , commands
and
.Nm Cm ls
print are objects without
.Li event ,
one a row.
"#;
