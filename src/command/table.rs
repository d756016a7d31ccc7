//! What an entry of the command table is, and how words are read by it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::commands::{COMMANDS, Command};
use super::options;
use super::topics::Subject;
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};

/// What an argument, or the value of an option, is: how it is read and completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nodes, in the target language.
    Target,
    /// Nodes, or any word to search for.
    TargetOrWord,
    /// Nodes, or a file on this machine.
    TargetOrFile,
    /// A file on this machine.
    File,
    /// A folder on this machine.
    Dir,
    /// The name of something that `set` sets.
    Setting,
    /// A value for the setting before it.
    Value,
    /// A number.
    Number,
    /// A session that runs on this machine.
    Session,
    /// A command, or another subject of `help`.
    Topic,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole prompt line.
    Line,
    /// Anything; nothing is known that could be offered.
    Free,
}

impl Kind {
    /// What a word is that may be either.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Free, kind) | (kind, Self::Free) => kind,
            (Self::File | Self::TargetOrFile, Self::Target | Self::TargetOrFile)
            | (Self::Target, Self::File | Self::TargetOrFile) => Self::TargetOrFile,
            (kind, _) => kind,
        }
    }
}

/// Whether an argument may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must be there.
    Required,
    /// It may be left out; then all after it are left out, too.
    Optional,
    /// One or more words: this and all that follow. Only for the last argument.
    Rest,
    /// One or more words, with other arguments behind them: the command itself tells them apart.
    Several,
}

/// An argument of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// What the usage line calls it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Whether it may be left out.
    pub need: Need,
}

impl Arg {
    /// An argument that must be there.
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            need: Need::Required,
        }
    }

    /// One or more words, up to the end.
    pub const fn rest(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            need: Need::Rest,
        }
    }

    /// One or more words, before other arguments.
    pub const fn several(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            need: Need::Several,
        }
    }

    /// An argument that may be left out.
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            need: Need::Optional,
        }
    }
}

/// What the word may be that stands `index` words after the name, options not counted; none where
/// no word may stand. Behind several words each may be the next of them, or what follows them.
pub fn kind_at(args: &[Arg], index: usize) -> Option<Kind> {
    let many = |arg: &Arg| matches!(arg.need, Need::Rest | Need::Several);
    match args.iter().position(many) {
        Some(first) if index > first => {
            let may_be = args.iter().take(index + 1).skip(first);
            may_be.map(|arg| arg.kind).reduce(Kind::or)
        },
        _ => args.get(index).map(|arg| arg.kind),
    }
}

/// An option of a command, or of the program. It has a short form, a long form, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// `-x`, without the dash.
    pub short: Option<char>,
    /// `--long`, without the dashes.
    pub long: Option<&'static str>,
    /// The name and kind of its value, if it takes one. No option of a command does.
    pub value: Option<(&'static str, Kind)>,
    /// Giving it twice means more than giving it once.
    pub repeats: bool,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

impl Flag {
    /// True if `spelling` (`-x` or `--long`) is this option.
    pub fn is(&self, spelling: &str) -> bool {
        self.spellings().iter().any(|known| known == spelling)
    }

    /// Its forms, with their dashes; the short one first.
    pub fn spellings(&self) -> Vec<String> {
        let short = self.short.map(|c| format!("-{c}"));
        short
            .into_iter()
            .chain(self.long.map(|long| format!("--{long}")))
            .collect()
    }

    /// `-f, --file CNF`: how lists of options show it.
    pub fn usage(&self) -> String {
        let value = self
            .value
            .map(|(name, _)| format!(" {name}"))
            .unwrap_or_default();
        format!("{}{value}", self.spellings().join(", "))
    }
}

/// Where `help` and the man page list a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The machines themselves.
    Cluster,
    /// What runs on them.
    Shells,
    /// dust itself.
    Prompt,
}

impl Group {
    /// All groups, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Shells, Self::Cluster, Self::Prompt];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cluster => "The cluster",
            Self::Shells => "Commands on the nodes",
            Self::Prompt => "The prompt",
        }
    }
}

/// An entry of the command table: all that dust knows about a command but how to carry it out.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// What is typed.
    pub name: &'static str,
    /// Other names for the same.
    pub aliases: &'static [&'static str],
    /// Where it is listed.
    pub group: Group,
    /// Its arguments, in order.
    pub args: &'static [Arg],
    /// Its options. Each has a long form.
    pub flags: &'static [Flag],
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else is to know: paragraphs of plain text, separated by empty lines.
    pub help: &'static str,
    /// Prompt lines that show it at work.
    pub examples: &'static [&'static str],
    /// Makes the command of its words.
    pub build: fn(&mut Args) -> Result<Command>,
}

/// Names are unique in the table, so the name is the identity.
impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Spec {}

impl Spec {
    /// Its name and its other names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// `start [--no-wait] [TARGET]`.
    pub fn usage(&self) -> String {
        let mut words = vec![self.name.to_owned()];
        for flag in self.flags {
            let spelling = flag.spellings().into_iter().next().unwrap_or_default();
            let dots = if flag.repeats { "..." } else { "" };
            words.push(format!("[{spelling}]{dots}"));
        }
        let open = self
            .args
            .iter()
            .filter(|arg| arg.need == Need::Optional)
            .count();
        words.extend(self.args.iter().map(|arg| match arg.need {
            Need::Required => arg.name.to_owned(),
            Need::Optional => format!("[{}", arg.name),
            Need::Rest | Need::Several => format!("{}...", arg.name),
        }));
        words.join(" ") + &"]".repeat(open)
    }

    /// The option of this spelling (`-x` or `--long`).
    pub fn flag(&self, spelling: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.is(spelling))
    }

    /// Reads the words after the name: options anywhere among the arguments, until `--`.
    pub fn parse<W: Into<OsString>>(
        &'static self,
        words: impl IntoIterator<Item = W>,
    ) -> Result<Command> {
        let mut parser = lexopt::Parser::from_args(words.into_iter().map(Into::into));
        let mut given = Vec::new();
        let mut flags = Vec::new();
        while let Some(arg) = parser.next().map_err(|e| self.misuse(&e.to_string()))? {
            let spelling = match arg {
                lexopt::Arg::Value(word) => {
                    given.push(word);
                    continue;
                },
                lexopt::Arg::Short(c) => format!("-{c}"),
                lexopt::Arg::Long(long) => format!("--{long}"),
            };
            let Some(flag) = self.flag(&spelling) else {
                if spelling == "-h" || spelling == "--help" {
                    return Ok(Command::Help {
                        subject: Subject::Command(self),
                    });
                }
                return Err(self.unknown_flag(&spelling));
            };
            flags.push(flag);
        }
        self.check_count(&given)?;
        (self.build)(&mut Args {
            spec: self,
            words: given.into_iter(),
            flags,
        })
    }

    fn check_count(&self, words: &[OsString]) -> Result<()> {
        let missing = self.args.get(words.len()..).unwrap_or_default();
        if let Some(arg) = missing.iter().find(|arg| arg.need != Need::Optional) {
            return Err(self.misuse(&format!("{} is missing", arg.name)));
        }
        match words.get(self.args.len()) {
            Some(word) if kind_at(self.args, self.args.len()).is_none() => Err(self.misuse(
                &format!("too many words: `{}`", shown(&word.to_string_lossy())),
            )),
            _ => Ok(()),
        }
    }

    fn unknown_flag(&self, spelling: &str) -> Error {
        let hint = match nearest_flag(spelling, self.flags) {
            Some(near) => format!("did you mean {near}? usage: {}", self.usage()),
            None if options::find(spelling).is_some() => {
                format!(
                    "an option of dust goes before the command: dust {spelling} {}",
                    self.name
                )
            },
            None => format!("usage: {}", self.usage()),
        };
        Error::usage(format!("{}: no option {}", self.name, shown(spelling))).hint(hint)
    }

    /// An error in how the command was used, with the usage line.
    pub fn misuse(&self, what: &str) -> Error {
        Error::usage(format!("{}: {what}", self.name)).hint(format!("usage: {}", self.usage()))
    }
}

/// The words of a command, counted and with its options taken out, for its `build`.
#[derive(Debug)]
pub struct Args {
    spec: &'static Spec,
    words: std::vec::IntoIter<OsString>,
    flags: Vec<&'static Flag>,
}

impl Args {
    /// How often the option of this long form was given.
    pub fn times(&self, long: &str) -> u8 {
        let count = self
            .flags
            .iter()
            .filter(|flag| flag.long == Some(long))
            .count();
        u8::try_from(count).unwrap_or(u8::MAX)
    }

    /// True if the option of this long form was given.
    pub fn given(&self, long: &str) -> bool {
        self.times(long) > 0
    }

    /// The next argument as a path, in whatever bytes it was given.
    pub fn path(&mut self) -> Option<PathBuf> {
        self.words.next().map(PathBuf::from)
    }

    /// The next argument as text.
    pub fn text(&mut self) -> Result<Option<String>> {
        let spec = self.spec;
        let text = |word: OsString| {
            word.into_string()
                .map_err(|word| spec.misuse(&not_text(&word)))
        };
        self.words.next().map(text).transpose()
    }

    /// The next argument as a target. An empty one is refused: it is an empty variable of some
    /// script, and must not become "all".
    pub fn target(&mut self) -> Result<Option<String>> {
        match self.text()? {
            Some(target) if target.trim().is_empty() => {
                Err(self.misuse("the target is empty; * means all"))
            },
            target => Ok(target),
        }
    }

    /// An error in how the command was used, with the usage line.
    pub fn misuse(&self, what: &str) -> Error {
        self.spec.misuse(what)
    }

    /// That an argument is missing, for what the count of words has already made sure of.
    pub fn missing(&self, name: &str) -> Error {
        self.misuse(&format!("{name} is missing"))
    }
}

/// What is wrong with a word that is not UTF-8.
pub(super) fn not_text(word: &OsStr) -> String {
    format!("`{}` is not UTF-8", shown(&word.to_string_lossy()))
}

/// The long option that a spelling is most likely a slip of, with its dashes. Short ones are all
/// alike.
pub(super) fn nearest_flag<'a>(
    spelling: &str,
    flags: impl IntoIterator<Item = &'a Flag>,
) -> Option<String> {
    let word = spelling.strip_prefix("--")?;
    let near = nearest(word, flags.into_iter().filter_map(|flag| flag.long))?;
    Some(format!("--{near}"))
}

/// The command of this name or alias.
pub fn find(name: &str) -> Option<&'static Spec> {
    COMMANDS
        .iter()
        .find(|spec| spec.names().any(|known| known == name))
}

/// The command whose name `word` is most likely a slip of.
pub fn nearest_command(word: &str) -> Option<&'static str> {
    nearest(word, COMMANDS.iter().flat_map(Spec::names))
}
