//! The table of settings: names, values in words, how they are read and written.

use super::{Change, Detach, Settings, When, prompt};
use crate::command::table::Kind;
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An entry of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What it is called.
    pub name: &'static str,
    /// What its values are, for completion.
    pub kind: Kind,
    /// What its values are, in words.
    pub values: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// Reads a value.
    read: fn(&str) -> Option<Change>,
    /// Writes the value so that it is read again as the same.
    write: fn(&Settings) -> String,
}

/// Names are unique in the table, so the name is the identity.
impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Setting {}

impl Setting {
    /// Reads a value, or `default` for the one that is built in; an error says what the values are.
    pub fn parse(&self, value: &str) -> Result<Change> {
        let built_in = (value == "default").then(|| self.default_value());
        (self.read)(built_in.as_deref().unwrap_or(value)).ok_or_else(|| {
            Error::usage(format!(
                "{}: `{}` is not {}",
                self.name,
                shown(value),
                self.values
            ))
        })
    }

    /// Its present value, as [`Setting::parse`] reads it.
    pub fn show(&self, settings: &Settings) -> String {
        (self.write)(settings)
    }

    /// The value that it has until someone sets it.
    pub fn default_value(&self) -> String {
        self.show(&Settings::default())
    }
}

/// Everything that `set` sets, by name.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "boot",
        kind: Kind::Number,
        values: "a number of seconds above 0",
        doc: "How long start waits until a machine answers ssh.",
        read: |value| {
            seconds(value)
                .filter(|time| !time.is_zero())
                .map(Change::Boot)
        },
        write: |settings| in_seconds(settings.boot),
    },
    Setting {
        name: "color",
        kind: Kind::OneOf(When::WORDS),
        values: "auto, always or never",
        doc: "When to use colours; auto: on a terminal, unless NO_COLOR is set.",
        read: |value| match value {
            "auto" => Some(Change::Color(When::Auto)),
            "always" => Some(Change::Color(When::Always)),
            "never" => Some(Change::Color(When::Never)),
            _ => None,
        },
        write: |settings| {
            let word = match settings.color {
                When::Auto => "auto",
                When::Always => "always",
                When::Never => "never",
            };
            word.to_owned()
        },
    },
    Setting {
        name: "command-timeout",
        kind: Kind::Number,
        values: "a number of seconds, 0 for no limit",
        doc: "How long a command may take before dust gives up waiting for it.",
        read: |value| match seconds(value)? {
            Duration::ZERO => Some(Change::CommandTimeout(None)),
            limit => Some(Change::CommandTimeout(Some(limit))),
        },
        write: |settings| {
            settings
                .command_timeout
                .map_or_else(|| "0".to_owned(), in_seconds)
        },
    },
    Setting {
        name: "detach",
        kind: Kind::OneOf(Detach::WORDS),
        values: "hold, forward or off",
        doc: "Whether the first two presses of detach-key wait for a third, go on, or all are keys.",
        read: |value| match value {
            "hold" => Some(Change::Detach(Detach::Hold)),
            "forward" => Some(Change::Detach(Detach::Forward)),
            "off" => Some(Change::Detach(Detach::Off)),
            _ => None,
        },
        write: |settings| {
            let word = match settings.detach {
                Detach::Hold => "hold",
                Detach::Forward => "forward",
                Detach::Off => "off",
            };
            word.to_owned()
        },
    },
    Setting {
        name: "detach-key",
        kind: Kind::Free,
        values: "^A to ^_, but not the keys Tab, Enter and Escape (^I, ^J, ^M, ^[)",
        doc: "The key that leaves a raw shell when it is pressed three times.",
        read: |value| control(value).map(Change::DetachKey),
        write: |settings| format!("^{}", char::from(settings.detach_key + 0x40)),
    },
    Setting {
        name: "detach-tilde",
        kind: Kind::OneOf(&["on", "off"]),
        values: "on or off",
        doc: "Leave a raw shell by ~. behind Enter, too, as ssh ends; ~~ types one ~.",
        read: |value| match value {
            "on" => Some(Change::DetachTilde(true)),
            "off" => Some(Change::DetachTilde(false)),
            _ => None,
        },
        write: |settings| if settings.detach_tilde { "on" } else { "off" }.to_owned(),
    },
    Setting {
        name: "detach-window",
        kind: Kind::Number,
        values: "a number of milliseconds from 100 to 2000",
        doc: "How soon each press of the key that leaves a raw shell must follow the one before.",
        read: |value| {
            let window = number(value, 100, 2000)?;
            Some(Change::DetachWindow(Duration::from_millis(window.into())))
        },
        write: |settings| settings.detach_window.as_millis().to_string(),
    },
    Setting {
        name: "fanout",
        kind: Kind::Number,
        values: "a number from 1 to 1024",
        doc: "How many connections are set up at a time.",
        read: |value| number(value, 1, 1024).map(Change::Fanout),
        write: |settings| settings.fanout.to_string(),
    },
    Setting {
        name: "fold",
        kind: Kind::OneOf(&["on", "off"]),
        values: "on or off",
        doc: "Show identical output of several nodes once, under their folded names.",
        read: |value| match value {
            "on" => Some(Change::Fold(true)),
            "off" => Some(Change::Fold(false)),
            _ => None,
        },
        write: |settings| if settings.fold { "on" } else { "off" }.to_owned(),
    },
    Setting {
        name: "log",
        kind: Kind::Dir,
        values: "a folder, or off",
        doc: "Where what each node prints is logged, one file a node: see log.",
        read: |value| match value {
            "off" => Some(Change::Log(None)),
            "" => None,
            folder => Some(Change::Log(Some(PathBuf::from(folder)))),
        },
        write: |settings| match &settings.log {
            None => "off".to_owned(),
            Some(folder) if folder == Path::new("off") || folder == Path::new("default") => {
                format!("./{}", folder.display())
            },
            Some(folder) => folder.display().to_string(),
        },
    },
    Setting {
        name: "log-keep",
        kind: Kind::Number,
        values: "a number from 0 to 999",
        doc: "How many older files of a node log keeps (NODE.log.1 is the newest of them).",
        read: |value| number(value, 0, 999).map(Change::LogKeep),
        write: |settings| settings.log_keep.to_string(),
    },
    Setting {
        name: "log-size",
        kind: Kind::Free,
        values: "a size from 4K to 1000G in bytes, K, M or G, or 0 for no limit",
        doc: "How large a file of log may become before the next one is begun.",
        read: |value| size(value).map(Change::LogSize),
        write: |settings| {
            let bytes = settings.log_size.unwrap_or(0);
            let units = [(30, "G"), (20, "M"), (10, "K")];
            let whole = |(shift, _): &(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *shift;
            match units.into_iter().find(whole) {
                Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
                None => bytes.to_string(),
            }
        },
    },
    Setting {
        name: "prompt",
        kind: Kind::Free,
        values: "1 to 200 characters; %c is the cluster, %w the working set where it is not all, %b \
                 what is busy, %u the user, %h this machine, %d dust's folder, %% one %",
        doc: "What the prompt says; a blank follows it.",
        read: |value| prompt::is_format(value).then(|| Change::Prompt(value.to_owned())),
        write: |settings| settings.prompt.clone(),
    },
    Setting {
        name: "quiet",
        kind: Kind::Number,
        values: "a number of milliseconds from 10 to 10000",
        doc: "How long a node is quiet before its unfinished line, say a question, is shown.",
        read: |value| {
            number(value, 10, 10_000).map(|ms| Change::Quiet(Duration::from_millis(ms.into())))
        },
        write: |settings| settings.quiet.as_millis().to_string(),
    },
    Setting {
        name: "scrollback",
        kind: Kind::Number,
        values: "a number from 0 to 10000",
        doc: "How many rows that scroll off a raw shell in the background are kept until it is entered.",
        read: |value| number(value, 0, 10_000).map(Change::Scrollback),
        write: |settings| settings.scrollback.to_string(),
    },
    Setting {
        name: "timeout",
        kind: Kind::Number,
        values: "a number of seconds above 0",
        doc: "How long a connection may take to come up.",
        read: |value| {
            seconds(value)
                .filter(|time| !time.is_zero())
                .map(Change::Timeout)
        },
        write: |settings| in_seconds(settings.timeout),
    },
];

/// The setting of this name.
pub fn find(name: &str) -> Result<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .ok_or_else(|| {
            let hint = match nearest(name, names()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            };
            Error::usage(format!("no setting `{}`", shown(name))).hint(hint)
        })
}

/// The names of all settings.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

fn number(value: &str, least: u16, most: u16) -> Option<u16> {
    digits(value)?
        .parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
}

/// `^C` or `^c`: the byte of a control key.
fn control(value: &str) -> Option<u8> {
    let mut letters = value.strip_prefix('^')?.chars();
    let (letter, None) = (letters.next()?, letters.next()) else {
        return None;
    };
    let byte = u8::try_from(letter.to_ascii_uppercase()).ok()?;
    let key = byte
        .checked_sub(0x40)
        .filter(|key| (1..0x20).contains(key))?;
    (!b"\t\n\r\x1b".contains(&key)).then_some(key)
}

/// Seconds, with up to three decimals; at most a month, which no timer overflows at.
fn seconds(value: &str) -> Option<Duration> {
    const MONTH: u64 = 31 * 24 * 60 * 60;
    let (whole, part) = match value.split_once('.') {
        Some((whole, part)) if !part.is_empty() && part.len() <= 3 => (whole, digits(part)?),
        Some(_) => return None,
        None => (value, "0"),
    };
    let whole = digits(whole)?.parse().ok().filter(|&s| s <= MONTH)?;
    let millis = format!("{part:0<3}").parse().ok()?;
    Some(Duration::from_secs(whole) + Duration::from_millis(millis))
}

/// The text, if it is digits and nothing else (`parse` takes a sign, too).
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

fn in_seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => time.as_secs().to_string(),
        millis => format!("{}.{millis:03}", time.as_secs())
            .trim_end_matches('0')
            .to_owned(),
    }
}

/// Bytes, or 1,024 to the first, second or third of them. `Some(None)`: no limit.
#[expect(clippy::option_option, reason = "no value, no limit, a limit")]
fn size(value: &str) -> Option<Option<u64>> {
    let (text, shift) = match value.chars().next_back()? {
        'k' | 'K' => (value.strip_suffix(['k', 'K'])?, 10),
        'm' | 'M' => (value.strip_suffix(['m', 'M'])?, 20),
        'g' | 'G' => (value.strip_suffix(['g', 'G'])?, 30),
        _ => (value, 0),
    };
    let count: u64 = digits(text)?.parse().ok()?;
    let bytes = count.checked_mul(1 << shift)?;
    match bytes {
        0 => Some(None),
        bytes => (4 << 10..=1000 << 30)
            .contains(&bytes)
            .then_some(Some(bytes)),
    }
}
