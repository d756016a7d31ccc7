//! Recordings of terminals: asciicast v2 (docs.asciinema.org/manual/asciicast/v2), a line of JSON for
//! the header and one for each event.

use crate::model::Size;
use std::time::Duration;

/// Writes the events of one recording. Text may come in any pieces; what is not UTF-8 is U+FFFD.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The beginning of a character that was shown.
    shown: Vec<u8>,
    /// The beginning of a character that was typed.
    typed: Vec<u8>,
}

impl Cast {
    /// The first line. `variables` are names and values of the environment.
    pub fn header(size: Size, unix_time: i64, variables: &[(&str, &str)]) -> Vec<u8> {
        let variables: serde_json::Map<String, serde_json::Value> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        let header = serde_json::json!({
            "version": 2,
            "width": size.cols,
            "height": size.rows,
            "timestamp": unix_time,
            "env": variables,
        });
        format!("{header}\n").into_bytes()
    }

    /// The terminal was sent these bytes; `at`: so long after the beginning.
    pub fn output(&mut self, at: Duration, bytes: &[u8], out: &mut Vec<u8>) {
        let text = decode(&mut self.shown, bytes);
        event(at, "o", &text, out);
    }

    /// These bytes were typed.
    pub fn input(&mut self, at: Duration, bytes: &[u8], out: &mut Vec<u8>) {
        let text = decode(&mut self.typed, bytes);
        event(at, "i", &text, out);
    }

    /// The terminal has another size.
    pub fn resize(at: Duration, size: Size, out: &mut Vec<u8>) {
        event(at, "r", &format!("{}x{}", size.cols, size.rows), out);
    }

    /// A place that players can go to.
    pub fn marker(at: Duration, label: &str, out: &mut Vec<u8>) {
        event(at, "m", label, out);
    }

    /// What was shown or typed goes on with something else: characters that were begun are not
    /// ended.
    pub fn close(&mut self, at: Duration, out: &mut Vec<u8>) {
        for (begun, code) in [(&mut self.shown, "o"), (&mut self.typed, "i")] {
            if !std::mem::take(begun).is_empty() {
                event(at, code, "\u{fffd}", out);
            }
        }
    }
}

fn event(at: Duration, code: &str, text: &str, out: &mut Vec<u8>) {
    if text.is_empty() {
        return;
    }
    let text = serde_json::Value::from(text);
    let line = format!(
        "[{}.{:06},\"{code}\",{text}]\n",
        at.as_secs(),
        at.subsec_micros()
    );
    out.extend_from_slice(line.as_bytes());
}

/// The characters that are whole; `begun` is what is left of the bytes before, and then of these.
fn decode(begun: &mut Vec<u8>, bytes: &[u8]) -> String {
    begun.extend_from_slice(bytes);
    let mut text = String::new();
    let mut left = begun.as_slice();
    loop {
        match std::str::from_utf8(left) {
            Ok(rest) => {
                text.push_str(rest);
                begun.clear();
                return text;
            },
            Err(error) => {
                let (valid, rest) = left.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                let Some(bad) = error.error_len() else {
                    *begun = rest.to_vec();
                    return text;
                };
                text.push('\u{fffd}');
                left = rest.get(bad..).unwrap_or_default();
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { cols: 80, rows: 24 };

    fn events(write: impl FnOnce(&mut Cast, &mut Vec<u8>)) -> Vec<(f64, String, String)> {
        let mut out = Vec::new();
        write(&mut Cast::default(), &mut out);
        let lines = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn the_header() {
        let header = Cast::header(
            SIZE,
            1_700_000_000,
            &[("TERM", "xterm"), ("SHELL", "/bin/\"")],
        );
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        let wanted = serde_json::json!({"version": 2, "width": 80, "height": 24,
            "timestamp": 1_700_000_000, "env": {"TERM": "xterm", "SHELL": "/bin/\""}});
        assert_eq!(header, wanted);
    }

    #[test]
    fn characters_that_come_in_parts() {
        let ms = Duration::from_millis;
        let events = events(|cast, out| {
            cast.output(ms(1), b"a\xe2\x82", out);
            cast.input(ms(2), b"\xe2\x82\xacq\r", out);
            cast.output(ms(3), b"\xac\x1b[m\xff\xc3", out);
            Cast::resize(ms(1500), SIZE, out);
            cast.close(ms(61_000), out);
            cast.close(ms(61_000), out);
            Cast::marker(ms(61_001), "end", out);
        });
        let texts: Vec<(&str, &str)> = events
            .iter()
            .map(|(_, code, text)| (code.as_str(), text.as_str()))
            .collect();
        assert_eq!(
            texts,
            [
                ("o", "a"),
                ("i", "€q\r"),
                ("o", "€\x1b[m\u{fffd}"),
                ("r", "80x24"),
                ("o", "\u{fffd}"),
                ("m", "end")
            ]
        );
        let times: Vec<f64> = events.iter().map(|event| event.0).collect();
        assert_eq!(times, [0.001, 0.002, 0.003, 1.5, 61.0, 61.001]);
    }

    proptest::proptest! {
        #[test]
        fn cuts_do_not_matter(bytes: Vec<u8>, cuts in proptest::collection::vec(0..20usize, 0..5)) {
            let events = events(|cast, out| {
                let mut left = bytes.as_slice();
                for cut in cuts {
                    let (now, later) = left.split_at(cut.min(left.len()));
                    cast.output(Duration::ZERO, now, out);
                    left = later;
                }
                cast.output(Duration::ZERO, left, out);
                cast.close(Duration::ZERO, out);
            });
            let text: String = events.into_iter().map(|event| event.2).collect();
            proptest::prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
