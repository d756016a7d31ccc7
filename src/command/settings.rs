//! What `set` changes; the configuration file and the options of the program change the same.

mod file;
mod prompt;
mod table;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use file::changes;
pub use prompt::{PromptFacts, prompt_text};
pub use table::{SETTINGS, Setting, find, names};

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

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// It is built in.
    #[default]
    Default,
    /// A line of the configuration file, which the person knows by this name.
    File(String, usize),
    /// An environment variable.
    Variable(&'static str),
    /// An option of the program.
    Option(&'static str),
    /// It was typed at the prompt, or is a line of a batch.
    Set,
}

/// `config.ini:3`, short enough for a table; [`Origin::File`] has the whole name.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(file, line) => {
                let name = file.rsplit('/').next().unwrap_or_default();
                write!(f, "{name}:{line}")
            },
            Self::Variable(name) | Self::Option(name) => f.write_str(name),
            Self::Set => f.write_str("set"),
        }
    }
}

/// The settings of a run of dust.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The folder for what each node prints; none: it is not logged.
    pub log: Option<PathBuf>,
    /// How many files of a node are kept beside the one that is written.
    pub log_keep: u16,
    /// How large such a file may become, in bytes; none: as large as it likes.
    pub log_size: Option<u64>,
    /// What the prompt says: text with `%` signs ([`prompt_text`]).
    pub prompt: String,
    /// How long a node is quiet before its unfinished line is shown.
    pub quiet: Duration,
    /// How many rows of what scrolls off a raw shell that nobody looks at are kept.
    pub scrollback: u16,
    /// How long a connection may take to come up.
    pub timeout: Duration,
    /// Where values come from that are not built in.
    origins: Vec<(&'static str, Origin)>,
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
            log: None,
            log_keep: 5,
            log_size: Some(10 << 20),
            prompt: "dust%c%w%b$".to_owned(),
            quiet: Duration::from_millis(200),
            scrollback: 500,
            timeout: Duration::from_secs(30),
            origins: Vec::new(),
        }
    }
}

impl Settings {
    /// Puts a change into effect, which comes from there.
    pub fn apply(&mut self, change: Change, from: Origin) {
        let name = change.name();
        self.origins.retain(|(known, _)| *known != name);
        if from != Origin::Default {
            self.origins.push((name, from));
        }
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
            Change::Log(folder) => self.log = folder,
            Change::LogKeep(count) => self.log_keep = count,
            Change::LogSize(size) => self.log_size = size,
            Change::Prompt(text) => self.prompt = text,
            Change::Quiet(time) => self.quiet = time,
            Change::Scrollback(rows) => self.scrollback = rows,
            Change::Timeout(time) => self.timeout = time,
        }
    }

    /// Where the value of a setting comes from.
    pub fn origin(&self, setting: &Setting) -> &Origin {
        let found = self.origins.iter().find(|(name, _)| *name == setting.name);
        found.map_or(&Origin::Default, |(_, origin)| origin)
    }
}

/// A new value for a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// `set log`.
    Log(Option<PathBuf>),
    /// `set log-keep`.
    LogKeep(u16),
    /// `set log-size`.
    LogSize(Option<u64>),
    /// `set prompt`.
    Prompt(String),
    /// `set quiet`.
    Quiet(Duration),
    /// `set scrollback`.
    Scrollback(u16),
    /// `set timeout`.
    Timeout(Duration),
}

impl Change {
    /// The setting that it is about.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boot(_) => "boot",
            Self::Color(_) => "color",
            Self::CommandTimeout(_) => "command-timeout",
            Self::Detach(_) => "detach",
            Self::DetachKey(_) => "detach-key",
            Self::DetachTilde(_) => "detach-tilde",
            Self::DetachWindow(_) => "detach-window",
            Self::Fanout(_) => "fanout",
            Self::Fold(_) => "fold",
            Self::Log(_) => "log",
            Self::LogKeep(_) => "log-keep",
            Self::LogSize(_) => "log-size",
            Self::Prompt(_) => "prompt",
            Self::Quiet(_) => "quiet",
            Self::Scrollback(_) => "scrollback",
            Self::Timeout(_) => "timeout",
        }
    }
}

#[cfg(test)]
mod tests;
