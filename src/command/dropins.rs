//! Drop-in commands: programs in `commands/` folders, in any language, that are commands of dust by
//! their file names. What a file says of itself, what a name may be, which of its words is the
//! target; no file is touched here.

use super::layout::Layout;
use super::{options, table};
use crate::error::{Error, Result};
use crate::model::nearest::shown;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A name that is longer is none, in bytes.
const NAME_MAX: usize = 64;
/// What a file says of itself stands in so many of its first bytes…
pub const HEAD_MAX: usize = 8192;
/// … and in so many of its first lines.
const LINES_MAX: usize = 40;
/// No line of help is longer, in characters.
const LINE_MAX: usize = 200;
/// No help has more lines.
const MORE_MAX: usize = 60;

/// What a drop-in does with a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wants {
    /// Its first word is one, if it names nodes; else it acts on the working set.
    #[default]
    Optional,
    /// Its first word is one.
    Required,
    /// It takes none: all words are its own.
    Nothing,
}

/// What a drop-in says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// What it does, in a line; empty: it does not say.
    pub summary: String,
    /// What else is to know, in lines.
    pub more: Vec<String>,
    /// Its arguments behind the target, for people.
    pub usage: String,
    /// What it does with a target.
    pub wants: Wants,
}

/// Whether a drop-in can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It can.
    Ready,
    /// Something else of this name comes first: what.
    Shadowed(String),
    /// It is not trusted, or cannot be run: why, and what to do about it.
    Refused(String, String),
}

/// A file in a `commands/` folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIn {
    /// Its name: what is typed.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says of itself.
    pub hints: Hints,
    /// Whether it can be used.
    pub state: State,
}

/// All files in `commands/` folders, those that come first first; and folders that are not used,
/// with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files.
    pub all: Vec<DropIn>,
    /// The folders.
    pub folders: Vec<(PathBuf, String)>,
}

impl Listing {
    /// Those that can be used.
    pub fn ready(&self) -> impl Iterator<Item = &DropIn> {
        self.all.iter().filter(|one| one.state == State::Ready)
    }

    /// The one of this name that is used, or would be.
    pub fn find(&self, name: &str) -> Option<&DropIn> {
        let mut named = self.all.iter().filter(|one| one.name == name);
        let first = named.clone().next();
        named.find(|one| one.state == State::Ready).or(first)
    }

    /// Says of each file whether something of its name comes before it.
    pub fn settle(&mut self) {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for one in &mut self.all {
            if let Some(by) = built_in(&one.name) {
                one.state = State::Shadowed(by.to_owned());
            } else if !taken.insert(one.name.clone()) {
                one.state = State::Shadowed("another one comes first".to_owned());
            }
        }
    }

    /// What is to be told of each file and folder that is not used, with the place in front.
    pub fn troubles(&self) -> Vec<String> {
        let folders = self.folders.iter();
        let folders = folders.map(|(path, why)| format!("{} is not used: {why}", path.display()));
        let files = self.all.iter().filter_map(|one| {
            let path = one.path.display();
            match &one.state {
                State::Ready => None,
                State::Shadowed(by) => Some(format!("{path} is not used: {by}")),
                State::Refused(why, hint) => Some(format!("{path} is not used: {why} ({hint})")),
            }
        });
        folders.chain(files).collect()
    }
}

impl DropIn {
    /// `rolling TARGET SERVICE`.
    pub fn usage(&self) -> String {
        let target = match self.hints.wants {
            Wants::Optional => " [TARGET]",
            Wants::Required => " TARGET",
            Wants::Nothing => "",
        };
        let blank = if self.hints.usage.is_empty() { "" } else { " " };
        format!("{}{target}{blank}{}", self.name, self.hints.usage)
    }

    /// What `help` prints about it on a terminal of this many columns.
    pub fn help(&self, columns: usize) -> String {
        let layout = Layout::new(columns);
        let summary = match self.hints.summary.as_str() {
            "" => "It says nothing of itself.",
            summary => summary,
        };
        let mut text = format!("{}\n\n{}", self.usage(), layout.paragraphs(summary));
        for line in &self.hints.more {
            text.push_str(&layout.paragraphs(line));
        }
        let state = match &self.state {
            State::Ready => "A drop-in command: ".to_owned(),
            State::Shadowed(by) => format!("Not used ({by}): "),
            State::Refused(why, hint) => format!("Not used, {why} ({hint}): "),
        };
        format!("{text}\n{state}{}\n", self.path.display())
    }
}

/// What of dust's own has this name, if anything does: drop-ins never take its place.
pub fn built_in(name: &str) -> Option<&'static str> {
    if table::find(name).is_some() {
        return Some("dust has a command of this name");
    }
    options::find_sub(name).map(|_| "dust has a subcommand of this name")
}

/// True for what a drop-in may be called: a word that means nothing else in a line. Names that end in
/// `~` or begin with a dot or a dash are none, so editors' copies are left out.
pub fn is_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= NAME_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
}

/// What a file says of itself in comments of its first lines: `dust: HELP` (each further one adds a
/// line), `dust-usage: ARGUMENTS`, `dust-target: required|optional|none`. Anything but letters may
/// stand before the word, so that it works in any language, but something has to.
pub fn hints(head: &[u8]) -> Hints {
    let mut hints = Hints::default();
    let text = String::from_utf8_lossy(head);
    for line in text.lines().take(LINES_MAX) {
        let word = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        if word.len() == line.len() {
            continue;
        }
        let Some((key, value)) = word.split_once(':') else {
            continue;
        };
        let value = clean(value);
        match key {
            "dust" if hints.summary.is_empty() => hints.summary = value,
            "dust" if hints.more.len() < MORE_MAX => hints.more.push(value),
            "dust-usage" => hints.usage = value,
            "dust-target" => match value.as_str() {
                "required" => hints.wants = Wants::Required,
                "none" => hints.wants = Wants::Nothing,
                _ => {},
            },
            _ => {},
        }
    }
    hints
}

/// What a program printed when it was asked with `--dust-help`: what stands in comments elsewhere
/// (without any sign before it), or plain lines, the first of them in short.
pub fn told(output: &[u8]) -> Hints {
    let text = String::from_utf8_lossy(output);
    let marked: String = text.lines().map(|line| format!("# {line}\n")).collect();
    let mut found = hints(marked.as_bytes());
    if found.summary.is_empty() {
        let mut lines = text.lines().map(clean).filter(|line| !line.is_empty());
        found.summary = lines.next().unwrap_or_default();
        found.more = lines.take(MORE_MAX).collect();
    }
    found
}

/// A line that does nothing to a terminal, whatever a file holds.
fn clean(line: &str) -> String {
    let fine = |c: &char| !c.is_control() && *c != char::REPLACEMENT_CHARACTER;
    let text: String = line.trim().chars().filter(fine).take(LINE_MAX).collect();
    // What reorders or hides its neighbours is escaped.
    let pieces: Vec<char> = text.chars().collect();
    let pieces = pieces
        .chunks(60)
        .map(|piece| shown(&String::from_iter(piece)));
    pieces.collect::<String>().trim().to_owned()
}

/// Which word is the target, as far as that can be told without knowing the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First<'a> {
    /// There is none, and it is the drop-in's own business: the working set.
    Nothing,
    /// It is one, by its sign.
    Target(&'a str),
    /// It is one if it names nodes; if it does not, it is wrong.
    Surely(&'a str),
    /// It is one if it names nodes; if it does not, it is an argument, unless it may be a slip.
    Maybe(&'a str),
    /// `--`: what follows are arguments.
    End,
}

/// What the first word of a drop-in is; `None` for one that is not text. A word that holds what only
/// targets are made of is never taken for an argument, so that a slip does not mean all nodes.
pub fn first(wants: Wants, word: Option<&str>) -> Result<First<'_>> {
    let Some(word) = word else {
        return match wants {
            Wants::Required => Err(Error::usage("TARGET is missing")),
            Wants::Optional | Wants::Nothing => Ok(First::Nothing),
        };
    };
    if wants == Wants::Nothing {
        return Ok(First::Nothing);
    }
    if let Some(target) = word.strip_prefix('@') {
        return match target.trim().is_empty() {
            // `@` alone means the working set, as in a line of its own.
            true if target.is_empty() => Ok(First::Target("*")),
            true => Err(Error::usage("the target is empty; @* means all")),
            false => Ok(First::Target(target)),
        };
    }
    if word.trim().is_empty() {
        return Err(Error::usage("the target is empty; * means all"));
    }
    if wants == Wants::Required {
        return Ok(First::Target(word));
    }
    if word == "--" {
        return Ok(First::End);
    }
    if word.starts_with('-') || word.starts_with('/') || word.starts_with('.') {
        return Ok(First::Nothing);
    }
    if word.contains(['*', '?', '[', ',', '!', '&', '^', '%', '=']) {
        return Ok(First::Surely(word));
    }
    Ok(First::Maybe(word))
}

#[cfg(test)]
mod tests;
