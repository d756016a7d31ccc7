//! What `set` changes, and the options of the program that change the same for one run.

use std::time::Duration;

use super::table::Kind;
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl When {
    /// The words for it.
    pub const WORDS: &'static [&'static str] = &["auto", "always", "never"];
}

/// What becomes of the first presses of the keys that leave a raw shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detach {
    /// They wait until it is clear whether three follow.
    #[default]
    Hold,
    /// They go to the node at once.
    Forward,
    /// They are keys as any other.
    Off,
}

impl Detach {
    /// The words for it.
    pub const WORDS: &'static [&'static str] = &["hold", "forward", "off"];
}

/// The settings of a run of dust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long `start` waits until a machine answers ssh.
    pub boot: Duration,
    /// When to use colours.
    pub color: When,
    /// How long a command may take; none: as long as it likes.
    pub command_timeout: Option<Duration>,
    /// How the keys work that leave a raw shell.
    pub detach: Detach,
    /// Which key does, three times: its control byte, 0x03 for Ctrl-C.
    pub detach_key: u8,
    /// `~.` behind a newline does, too.
    pub detach_tilde: bool,
    /// How soon each press must follow the one before.
    pub detach_window: Duration,
    /// How many connections are set up at a time.
    pub fanout: u16,
    /// Show identical output once.
    pub fold: bool,
    /// How long a node is quiet before its unfinished line is shown.
    pub quiet: Duration,
    /// How long a connection may take to come up.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(600),
            color: When::Auto,
            command_timeout: None,
            detach: Detach::Hold,
            detach_key: 0x03,
            detach_tilde: true,
            detach_window: Duration::from_millis(250),
            fanout: 64,
            fold: false,
            quiet: Duration::from_millis(200),
            timeout: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// Puts a change into effect.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Boot(time) => self.boot = time,
            Change::Color(when) => self.color = when,
            Change::CommandTimeout(limit) => self.command_timeout = limit,
            Change::Detach(how) => self.detach = how,
            Change::DetachKey(key) => self.detach_key = key,
            Change::DetachTilde(on) => self.detach_tilde = on,
            Change::DetachWindow(time) => self.detach_window = time,
            Change::Fanout(count) => self.fanout = count,
            Change::Fold(fold) => self.fold = fold,
            Change::Quiet(time) => self.quiet = time,
            Change::Timeout(time) => self.timeout = time,
        }
    }
}

/// A new value for a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// `set boot`.
    Boot(Duration),
    /// `set color`.
    Color(When),
    /// `set command-timeout`.
    CommandTimeout(Option<Duration>),
    /// `set detach`.
    Detach(Detach),
    /// `set detach-key`.
    DetachKey(u8),
    /// `set detach-tilde`.
    DetachTilde(bool),
    /// `set detach-window`.
    DetachWindow(Duration),
    /// `set fanout`.
    Fanout(u16),
    /// `set fold`.
    Fold(bool),
    /// `set quiet`.
    Quiet(Duration),
    /// `set timeout`.
    Timeout(Duration),
}

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
    /// Reads a value; an error says what the values are.
    pub fn parse(&self, value: &str) -> Result<Change> {
        (self.read)(value).ok_or_else(|| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(name: &str, value: &str) -> Option<Change> {
        find(name).unwrap().parse(value).ok()
    }

    #[test]
    fn values_are_read() {
        let ms = Duration::from_millis;
        for (name, value, change) in [
            ("color", "always", Some(Change::Color(When::Always))),
            ("color", "Always", None),
            ("fold", "on", Some(Change::Fold(true))),
            ("fold", "off", Some(Change::Fold(false))),
            ("fold", "", None),
            ("fanout", "1", Some(Change::Fanout(1))),
            ("fanout", "1024", Some(Change::Fanout(1024))),
            ("fanout", "0", None),
            ("fanout", "1025", None),
            ("fanout", "+5", None),
            ("fanout", "5 ", None),
            ("timeout", "5", Some(Change::Timeout(ms(5000)))),
            ("timeout", "0.5", Some(Change::Timeout(ms(500)))),
            ("timeout", "1.25", Some(Change::Timeout(ms(1250)))),
            ("timeout", "0", None),
            ("timeout", "-1", None),
            ("timeout", "5s", None),
            ("timeout", ".5", None),
            ("timeout", "5.", None),
            ("timeout", "1e3", None),
            ("timeout", "99999999999999999999", None),
            ("command-timeout", "0", Some(Change::CommandTimeout(None))),
            (
                "command-timeout",
                "90",
                Some(Change::CommandTimeout(Some(ms(90_000)))),
            ),
            ("boot", "0", None),
            ("boot", "30", Some(Change::Boot(ms(30_000)))),
            ("quiet", "200", Some(Change::Quiet(ms(200)))),
            ("detach", "off", Some(Change::Detach(Detach::Off))),
            ("detach", "on", None),
            ("detach-key", "^b", Some(Change::DetachKey(2))),
            ("detach-key", "^]", Some(Change::DetachKey(0x1d))),
            ("detach-key", "^M", None),
            ("detach-key", "^", None),
            ("detach-key", "^bb", None),
            ("detach-key", "^é", None),
            ("detach-key", "b", None),
            ("detach-tilde", "off", Some(Change::DetachTilde(false))),
            ("detach-window", "300", Some(Change::DetachWindow(ms(300)))),
            ("detach-window", "10", None),
            ("quiet", "9", None),
        ] {
            assert_eq!(set(name, value), change, "{name} {value}");
        }
    }

    #[test]
    fn errors_say_what_is_right() {
        let error = find("fold").unwrap().parse("yes").unwrap_err();
        assert_eq!(error.to_string(), "fold: `yes` is not on or off");
        assert_eq!(
            find("fodl").unwrap_err().to_string(),
            "no setting `fodl` (did you mean fold?)"
        );
        assert_eq!(
            find("zzz").unwrap_err().to_string(),
            "no setting `zzz` (there are boot, color, command-timeout, detach, detach-key, \
             detach-tilde, detach-window, fanout, fold, quiet, timeout)"
        );
    }

    #[test]
    fn every_setting_shows_what_was_set() {
        let mut settings = Settings::default();
        for (name, value) in [
            ("boot", "90"),
            ("color", "never"),
            ("command-timeout", "1.5"),
            ("fanout", "7"),
            ("fold", "on"),
            ("quiet", "50"),
            ("timeout", "0.25"),
        ] {
            let setting = find(name).unwrap();
            assert_ne!(setting.show(&settings), value);
            settings.apply(setting.parse(value).unwrap());
            assert_eq!(setting.show(&settings), value, "{name}");
        }
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(names().is_sorted() && names().count() == 11);
        for setting in SETTINGS {
            assert!(
                setting.doc.ends_with('.') && setting.doc.len() < 100,
                "{}",
                setting.name
            );
            assert!(
                setting.parse(&setting.default_value()).is_ok(),
                "{}",
                setting.name
            );
            if let Kind::OneOf(words) = setting.kind {
                assert!(
                    words.iter().all(|word| setting.parse(word).is_ok()),
                    "{}",
                    setting.name
                );
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_panics_and_what_is_shown_is_read_back(value in "\\PC{0,8}|[0-9.]{0,12}") {
            for setting in SETTINGS {
                if let Ok(change) = setting.parse(&value) {
                    let mut settings = Settings::default();
                    settings.apply(change);
                    prop_assert_eq!(setting.parse(&setting.show(&settings)).unwrap(), change);
                }
            }
        }
    }
}
