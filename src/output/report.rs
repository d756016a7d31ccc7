//! Prints what was gathered: equal outputs once, under the names of their nodes.

use super::gather::{Gather, Group};
use super::printer::Format;
use super::sanitise::{Sanitiser, last_state};
use super::status;

/// The line above and below a header, as dshbak and clush print it.
const RULE: &str = "---------------";

/// Prints the groups of a command to `out`, and what is to be said about them to `notes` (one line
/// each). Every node is named in one of them. It may be called before all nodes have ended: it shows
/// what there is.
///
/// ```text
/// ---------------
/// worker[0-2,5] (4)
/// ---------------
/// kernel 6.1
/// ---------------
/// worker3: exit 2
/// ---------------
/// uname: not found
/// ```
///
/// The count is shown above 1. The notes name the nodes that printed nothing, the failed ones (on a
/// terminal only those that no header names), and those that have not ended. If nothing was printed
/// and all went well, one note says so. On a terminal output is sanitised; else it is exact, with a
/// newline added where the last line has none. `fold` folds names.
pub fn report(
    gather: &Gather,
    fold: &dyn Fn(&[&str]) -> String,
    format: Format,
    out: &mut Vec<u8>,
    notes: &mut Vec<u8>,
) {
    let groups = gather.groups();
    let colours = format == Format::Terminal { colours: true };
    let mut note = |text: String, red: bool| {
        let text = if red && colours {
            format!("\x1b[31m{text}\x1b[0m")
        } else {
            text
        };
        notes.extend_from_slice(text.as_bytes());
        notes.push(b'\n');
    };
    if let [all] = groups.as_slice()
        && all.is_silent()
        && all.outcome().is_some_and(|outcome| outcome.is_ok())
    {
        note(status::all_ok(all.names(), None, fold), false);
        return;
    }
    for group in &groups {
        let failed = group.outcome().is_some_and(|outcome| !outcome.is_ok());
        let title = title(group, fold);
        if group.streamed() {
            note(
                format!("{title}: too much output to fold, it was printed as it came"),
                failed,
            );
        } else if !group.is_silent() {
            block(group, &title, format, failed, out);
            if failed && !matches!(format, Format::Terminal { .. }) {
                note(title, true);
            }
        } else if group.outcome().is_some() {
            note(format!("{title}: no output"), failed);
        }
    }
    let pending = gather.pending();
    if !pending.is_empty() {
        note(status::still_running(&pending, fold), false);
    }
}

/// `worker[3-4] (2): exit 2`: names, and how it ended unless it went well.
pub(super) fn title(group: &Group<'_>, fold: &dyn Fn(&[&str]) -> String) -> String {
    let names = status::counted(group.names(), fold);
    match group.outcome() {
        Some(outcome) if outcome.is_ok() => names,
        Some(outcome) => format!("{names}: {}", status::outcome(outcome)),
        None => format!("{names}: still running"),
    }
}

fn block(group: &Group<'_>, title: &str, format: Format, failed: bool, out: &mut Vec<u8>) {
    let (on, off) = match (format, failed) {
        (Format::Terminal { colours: true }, true) => ("\x1b[1;31m", "\x1b[0m"),
        (Format::Terminal { colours: true }, false) => ("\x1b[1m", "\x1b[0m"),
        _ => ("", ""),
    };
    out.extend_from_slice(format!("{RULE}\n{on}{title}{off}\n{RULE}\n").as_bytes());
    let text = group.text();
    let Format::Terminal { colours } = format else {
        out.extend_from_slice(&text);
        if !text.ends_with(b"\n") {
            out.push(b'\n');
        }
        return;
    };
    let mut sanitiser = Sanitiser::new(colours);
    for line in text.split_inclusive(|b| *b == b'\n') {
        let (before, seen) = last_state(line.strip_suffix(b"\n").unwrap_or(line));
        if !before.is_empty() {
            sanitiser.skip(before);
        }
        sanitiser.line(seen, out);
        out.push(b'\n');
    }
}
