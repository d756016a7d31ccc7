//! Words for how commands ended, and how long they took.

use std::time::Duration;

use super::sanitise::clean;
use crate::model::{Outcome, signal_name};

/// A time span as people read it: `0.8s`, `12s`, `3m05s`, `1h02m`. Parts of the last unit are cut
/// off, not rounded up.
pub fn duration(span: Duration) -> String {
    let s = span.as_secs();
    match s {
        0..10 => format!("{s}.{}s", span.subsec_millis() / 100),
        10..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3600, s / 60 % 60),
    }
}

/// The name of a signal by its number, as shells write it.
pub fn signal(number: u8) -> Option<String> {
    match signal_name(number) {
        Some(name) => Some(format!("SIG{name}")),
        None if number == 34 => Some("SIGRTMIN".to_owned()),
        None if (35..=64).contains(&number) => Some(format!("SIGRTMIN+{}", number - 34)),
        None => None,
    }
}

/// How a command ended, and what is to be said in brackets about it.
fn parts(outcome: &Outcome) -> (String, Option<String>) {
    match outcome {
        Outcome::Exit(0) => ("ok".to_owned(), None),
        Outcome::Exit(code) => (
            format!("exit {code}"),
            code.checked_sub(128).and_then(signal),
        ),
        Outcome::TimedOut => ("timed out".to_owned(), None),
        Outcome::Interrupted => ("interrupted".to_owned(), None),
        Outcome::Lost(reason) => (format!("lost: {}", clean(reason.as_bytes())), None),
        Outcome::NotRun(reason) => (format!("not run: {}", clean(reason.as_bytes())), None),
    }
}

/// How a command ended: `ok`, `exit 3`, `exit 137 (SIGKILL)`, `timed out`, `interrupted`,
/// `lost: connection reset`.
pub fn outcome(outcome: &Outcome) -> String {
    match parts(outcome) {
        (what, None) => what,
        (what, Some(note)) => format!("{what} ({note})"),
    }
}

/// The same, with how long it took: `exit 3 (0.8s)`, `exit 137 (SIGKILL, 0.8s)`.
pub fn outcome_after(outcome: &Outcome, took: Duration) -> String {
    let took = duration(took);
    match parts(outcome) {
        (what, None) => format!("{what} ({took})"),
        (what, Some(note)) => format!("{what} ({note}, {took})"),
    }
}

/// The notice that a command ended on a node: `[worker0] exit 3 (0.8s)`, without a newline; red
/// where there are colours, unless it went well. `took`: None if that is not known.
pub fn ended(name: &str, how: &Outcome, took: Option<Duration>, colours: bool) -> String {
    let text = took.map_or_else(|| outcome(how), |took| outcome_after(how, took));
    notice(name, &text, colours && !how.is_ok())
}

/// A notice about a node, `[worker0] text`, without a newline; `red`: as a failure.
pub fn notice(name: &str, text: &str, red: bool) -> String {
    let (name, text) = (clean(name.as_bytes()), clean(text.as_bytes()));
    if red {
        format!("\x1b[31m[{name}] {text}\x1b[0m")
    } else {
        format!("[{name}] {text}")
    }
}

/// Names with their count where there are several: `worker[0-2,5] (4)`, `worker0`. `fold` folds
/// names.
pub fn counted(names: &[&str], fold: &dyn Fn(&[&str]) -> String) -> String {
    let folded = clean(fold(names).as_bytes());
    if names.len() > 1 {
        format!("{folded} ({})", names.len())
    } else {
        folded
    }
}

/// The line for a command that printed nothing anywhere and went well everywhere:
/// `worker[0-2,5] (4): ok`, with the time if it is known: `worker[0-2,5] (4): ok, 0.8s`.
pub fn all_ok(names: &[&str], took: Option<Duration>, fold: &dyn Fn(&[&str]) -> String) -> String {
    let names = counted(names, fold);
    took.map_or_else(
        || format!("{names}: ok"),
        |took| format!("{names}: ok, {}", duration(took)),
    )
}

/// The line that names the nodes whose command has not ended: `still running: worker[0-1] (2)`.
pub fn still_running(names: &[&str], fold: &dyn Fn(&[&str]) -> String) -> String {
    format!("still running: {}", counted(names, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (millis, text) in [
            (0, "0.0s"),
            (849, "0.8s"),
            (9_999, "9.9s"),
            (10_000, "10s"),
            (12_900, "12s"),
            (59_999, "59s"),
            (60_000, "1m00s"),
            (185_000, "3m05s"),
            (3_599_000, "59m59s"),
            (3_720_000, "1h02m"),
            (90_000_000, "25h00m"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn notices() {
        let lost = Outcome::Lost("reset\x1b[2J by peer\n".to_owned());
        for (how, took, text) in [
            (Outcome::Exit(3), Some(800), "[w] exit 3 (0.8s)"),
            (Outcome::Exit(0), Some(800), "[w] ok (0.8s)"),
            (Outcome::Exit(137), None, "[w] exit 137 (SIGKILL)"),
            (
                Outcome::Exit(137),
                Some(12_000),
                "[w] exit 137 (SIGKILL, 12s)",
            ),
            (Outcome::Exit(128), None, "[w] exit 128"),
            (Outcome::Exit(255), None, "[w] exit 255"),
            (Outcome::Exit(128 + 34), None, "[w] exit 162 (SIGRTMIN)"),
            (Outcome::Exit(128 + 36), None, "[w] exit 164 (SIGRTMIN+2)"),
            (Outcome::TimedOut, Some(5_000), "[w] timed out (5.0s)"),
            (Outcome::Interrupted, None, "[w] interrupted"),
            (lost, None, "[w] lost: reset by peer^J"),
        ] {
            assert_eq!(
                ended("w", &how, took.map(Duration::from_millis), false),
                text
            );
        }
        assert_eq!(
            ended("w", &Outcome::Exit(1), None, true),
            "\x1b[31m[w] exit 1\x1b[0m"
        );
        assert_eq!(ended("w", &Outcome::Exit(0), None, true), "[w] ok");
        assert_eq!(notice("w\x07\x1b]0;x\x07", "a\x1b[31mb", false), "[w] ab");
    }

    #[test]
    fn names() {
        let fold = |names: &[&str]| names.join("+");
        assert_eq!(all_ok(&["a"], None, &fold), "a: ok");
        assert_eq!(
            all_ok(&["a", "b"], Some(Duration::from_secs(12)), &fold),
            "a+b (2): ok, 12s"
        );
        assert_eq!(still_running(&["a", "b"], &fold), "still running: a+b (2)");
    }
}
