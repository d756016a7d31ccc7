//! `--json`: one JSON object a line, for programs.
//!
//! Every object has `event`. Fields that do not apply are left out. Programs should ignore events
//! and fields that they do not know.
//!
//! | `event` | other fields |
//! |---|---|
//! | `line` | `node`, `stream` (`"out"`; a node's terminal carries both streams), `text`; if no newline followed the text, `"newline":false` |
//! | `exit` | `node`, `status` (0 to 255), `signal` (a name, where the status is 128 and that signal), `seconds` |
//! | `timeout`, `interrupted` | `node`, `seconds` |
//! | `lost` | `node`, `reason`, `seconds` |
//! | `not_run` | `node`, `reason`; it was not sent |
//! | `notice` | `node` if it is about one, `text` |
//! | `error` | `text` |
//! | `setting` | `name`, `value`, `default`, `from`: `default`, `FILE:LINE`, a variable, an option, or `set` |
//!
//! `notice` and `error` go where dust's own notices go: standard error.
//!
//! `line` has the text without its newline. `"newline":false` marks a piece of a line above
//! [`MAX_LINE`](super::MAX_LINE), which the node's next `line` goes on with, and the end of output
//! that has no final newline: all `text`s of a node, each with a newline unless it says so, are
//! exactly what the node sent. Text that is not UTF-8 is shown with U+FFFD, and then the exact bytes
//! are in `base64` (RFC 4648 §4, padded).

use std::time::Duration;

use serde::Serialize;

use super::status;
use crate::model::Outcome;

#[derive(Serialize)]
struct End<'a> {
    node: &'a str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

#[derive(Serialize)]
struct Notice<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    event: &'static str,
    text: &'a str,
}

/// Appends a line that `node` printed, without its newline; `newline`: whether it had one.
pub fn line(out: &mut Vec<u8>, node: &str, text: &[u8], newline: bool) {
    out.extend_from_slice(b"{\"node\":");
    string(out, node);
    out.extend_from_slice(b",\"event\":\"line\",\"stream\":\"out\",\"text\":");
    match std::str::from_utf8(text) {
        Ok(text) => string(out, text),
        Err(_) => {
            string(out, &String::from_utf8_lossy(text));
            out.extend_from_slice(b",\"base64\":");
            string(out, &base64(text));
        },
    }
    out.extend_from_slice(if newline {
        b"}\n"
    } else {
        b",\"newline\":false}\n"
    });
}

/// Appends a JSON string. Most have nothing to escape, and lines are many.
fn string(out: &mut Vec<u8>, text: &str) {
    let plain = text.bytes().fold(true, |all, b| {
        all & (b >= 0x20) & (b != b'"') & (b != b'\\')
    });
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("text has a JSON form");
    }
}

/// Appends how the command ended on `node`; `took`: None if that is not known.
pub fn end(out: &mut Vec<u8>, node: &str, outcome: &Outcome, took: Option<Duration>) {
    let (event, status, reason) = match outcome {
        Outcome::Exit(code) => ("exit", Some(*code), None),
        Outcome::TimedOut => ("timeout", None, None),
        Outcome::Interrupted => ("interrupted", None, None),
        Outcome::Lost(reason) => ("lost", None, Some(reason.as_str())),
        Outcome::NotRun(reason) => ("not_run", None, Some(reason.as_str())),
    };
    let signal = status
        .and_then(|code| code.checked_sub(128))
        .and_then(status::signal);
    // Milliseconds are all that a round trip to a node can tell.
    let seconds = took
        .map(|t| t.as_secs_f64())
        .map(|s| (s * 1000.0).round() / 1000.0);
    object(
        out,
        &End {
            node,
            event,
            status,
            signal,
            reason,
            seconds,
        },
    );
}

/// Appends an error of dust's own.
pub fn error(out: &mut Vec<u8>, text: &str) {
    object(
        out,
        &Notice {
            node: None,
            event: "error",
            text,
        },
    );
}

/// Appends a notice of dust's own, about a node or about none.
pub fn notice(out: &mut Vec<u8>, node: Option<&str>, text: &str) {
    object(
        out,
        &Notice {
            node,
            event: "notice",
            text,
        },
    );
}

/// Appends a setting.
pub fn setting(out: &mut Vec<u8>, name: &str, value: &str, default: &str, from: &str) {
    #[derive(Serialize)]
    struct Setting<'a> {
        event: &'static str,
        name: &'a str,
        value: &'a str,
        default: &'a str,
        from: &'a str,
    }
    let event = "setting";
    object(
        out,
        &Setting {
            event,
            name,
            value,
            default,
            from,
        },
    );
}

fn object(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(&mut *out, value).expect("text and numbers have a JSON form");
    out.push(b'\n');
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * i) & 63).unwrap_or(0);
            out.push(if i <= group.len() {
                char::from(DIGITS[digit])
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines() {
        for (bytes, newline, json) in [
            (
                &b"a \"b\"\x1b[0m"[..],
                true,
                r#""text":"a \"b\"\u001b[0m"}"#,
            ),
            (b"Sure? ", false, r#""text":"Sure? ","newline":false}"#),
            (
                b"caf\xe9",
                true,
                "\"text\":\"caf\u{fffd}\",\"base64\":\"Y2Fm6Q==\"}",
            ),
        ] {
            let head = r#"{"node":"w0","event":"line","stream":"out","#;
            assert_eq!(
                text(|out| line(out, "w0", bytes, newline)),
                format!("{head}{json}\n")
            );
        }
    }

    #[test]
    fn ends() {
        let took = Some(Duration::from_micros(800_400));
        for (outcome, took, json) in [
            (
                Outcome::Exit(3),
                took,
                r#""event":"exit","status":3,"seconds":0.8"#,
            ),
            (
                Outcome::Exit(137),
                None,
                r#""event":"exit","status":137,"signal":"SIGKILL""#,
            ),
            (
                Outcome::TimedOut,
                took,
                r#""event":"timeout","seconds":0.8"#,
            ),
            (Outcome::Interrupted, None, r#""event":"interrupted""#),
            (
                Outcome::Lost("reset".into()),
                None,
                r#""event":"lost","reason":"reset""#,
            ),
            (
                Outcome::NotRun("its raw shell is busy".into()),
                None,
                r#""event":"not_run","reason":"its raw shell is busy""#,
            ),
        ] {
            let json = format!("{{\"node\":\"w0\",{json}}}\n");
            assert_eq!(text(|out| end(out, "w0", &outcome, took)), json);
        }
    }

    #[test]
    fn notices() {
        assert_eq!(
            text(|o| notice(o, None, "a")),
            "{\"event\":\"notice\",\"text\":\"a\"}\n"
        );
        assert_eq!(
            text(|o| error(o, "a")),
            "{\"event\":\"error\",\"text\":\"a\"}\n"
        );
        let json = "{\"node\":\"w\",\"event\":\"notice\",\"text\":\"a\"}\n";
        assert_eq!(text(|o| notice(o, Some("w"), "a")), json);
    }

    #[test]
    fn base64_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
