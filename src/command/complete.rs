//! Where in a line the cursor is, and what may stand there.
//!
//! [`context`] and [`candidates`] serve the prompt: the caller knows the nodes, and looks for files
//! and programs itself. The completion scripts of the system's shells ask by `dust [-f CNF] [-s NAME]
//! __complete` what they cannot know ([`Request`]): `target PREFIX`, which [`answer`] answers,
//! `command` (drop-ins) and `session`. An answer is one candidate a line, each a whole word, and
//! behind a tab what it is. A candidate that ends in `=` or `:` is to be typed on; no blank belongs
//! after it.

mod ranges;
mod terms;

use std::collections::BTreeSet;

use super::COMMANDS;
use super::dropins::Wants;
use super::settings;
use super::table::{self, Kind, Need, Spec};
use super::topics;
use super::words::{Char, Word, is_blank, word_at, words_from};
use crate::model::Node;
use terms::{Spelling, terms, values, words_of};

/// A shell's menu of more is of no use.
const ANSWERS_MAX: usize = 1000;

/// What is being typed at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The first word: a command.
    CommandName,
    /// A term of a target: a name, or the name of an attribute before its `=`.
    Target,
    /// What stands in open brackets behind these letters in a target: numbers of nodes.
    Numbers {
        /// The letters.
        head: String,
    },
    /// What stands after `ATTR=` in a target.
    AttributeValue {
        /// The attribute.
        attr: String,
    },
    /// A file of this machine.
    File,
    /// A folder of this machine.
    Dir,
    /// The name of a setting.
    SettingName,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A subject of `help`.
    Topic,
    /// An option of this command.
    Flag(&'static Spec),
    /// A program of this machine.
    Program,
    /// A word of a command that goes to nodes: a file of theirs, maybe.
    Remote {
        /// Which nodes; none: the working set.
        target: Option<String>,
    },
    /// Nothing that can be known.
    Nothing,
}

/// What is being typed, and which part of the line a candidate takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What it is.
    pub what: What,
    /// Where it begins, in bytes; in quotes that are open, at the quote. A candidate replaces the
    /// line from here to the cursor.
    pub start: usize,
    /// What stands between the quote and the part that is completed, with quoting removed: every
    /// candidate begins with it.
    pub head: String,
    /// What of the part stands before the cursor, with quoting removed.
    pub prefix: String,
    /// The quote that is open.
    pub quote: Option<char>,
    /// What else the word may be.
    pub other: Option<Box<Self>>,
}

/// What may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// It, without quoting.
    pub text: String,
    /// More has to be typed right after it: no blank belongs there.
    pub more: bool,
    /// What it is, in a few words; may be empty.
    pub about: String,
}

/// Finds out what is being typed at byte `cursor` of a prompt line. What stands after the cursor
/// does not matter. `drop_in` tells of a name whether it is a drop-in command's, and what that does
/// with a target.
pub fn context(line: &str, cursor: usize, drop_in: &dyn Fn(&str) -> Option<Wants>) -> Completion {
    let mut cursor = cursor.min(line.len());
    while !line.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let line = line.get(..cursor).unwrap_or_default();
    let start = line.find(|c| !is_blank(c)).unwrap_or(line.len());
    let text = line.get(start..).unwrap_or_default();
    match text.chars().next() {
        Some('#') => nothing(line),
        Some('@') => in_at(line, start + 1),
        Some('!') => in_local(line, start + 1, What::Program),
        _ => {
            let end = text
                .find(is_blank)
                .map_or(line.len(), |length| start + length);
            let name = line.get(start..end).unwrap_or_default();
            match table::find(name) {
                _ if end == line.len() && name.contains(['/', '~']) => {
                    in_local(line, start, What::File)
                },
                _ if end == line.len() => in_local(line, start, What::CommandName),
                Some(spec) => in_command(line, end, spec),
                None => match drop_in(name) {
                    Some(wants) => in_drop_in(line, end, wants),
                    None => in_local(line, start, What::Program),
                },
            }
        },
    }
}

/// Within the words of a drop-in command, whose name ends at `start`.
fn in_drop_in(line: &str, start: usize, wants: Wants) -> Completion {
    match at_cursor(line, start) {
        (_, None) => nothing(line),
        (before, Some(word)) if before.is_empty() && wants != Wants::Nothing => {
            let text = word.text();
            if text.starts_with(['-', '/', '.', '~']) {
                return whole(line, &word, What::File);
            }
            in_target(line, &word, usize::from(text.starts_with('@')))
        },
        (_, Some(word)) => whole(line, &word, What::File),
    }
}

fn nothing(line: &str) -> Completion {
    let (head, prefix) = (String::new(), String::new());
    Completion {
        what: What::Nothing,
        start: line.len(),
        head,
        prefix,
        quote: None,
        other: None,
    }
}

/// Within a line for the system shell that begins at `start`: `first`, or a file after it.
fn in_local(line: &str, start: usize, first: What) -> Completion {
    let (before, word) = at_cursor(line, start);
    match word {
        None => nothing(line),
        Some(word) => whole(
            line,
            &word,
            if before.is_empty() { first } else { What::File },
        ),
    }
}

fn in_at(line: &str, start: usize) -> Completion {
    let target = word_at(line, start);
    if target.end == line.len() {
        return in_target(line, &target, 0);
    }
    let what = What::Remote {
        target: Some(target.text()).filter(|text| !text.is_empty()),
    };
    match at_cursor(line, target.end) {
        (_, Some(word)) => whole(line, &word, what),
        (_, None) => nothing(line),
    }
}

/// The words before the one at the cursor, and that one, which may be empty; none in a comment.
fn at_cursor(line: &str, start: usize) -> (Vec<Word>, Option<Word>) {
    let mut words = words_from(line, start);
    let end = words.last().map_or(start, |word| word.end);
    if words.last().is_some() && end == line.len() {
        let last = words.pop();
        return (words, last);
    }
    let comment = line
        .get(end..)
        .is_some_and(|rest| rest.contains(|c| !is_blank(c)));
    let word = (!comment).then(|| word_at(line, line.len()));
    (words, word)
}

/// A completion of the whole word.
fn whole(line: &str, word: &Word, what: What) -> Completion {
    part(line, word, 0, what)
}

/// A completion of a word from its character `index` on.
fn part(line: &str, word: &Word, index: usize, what: What) -> Completion {
    let text = |chars: &[Char]| chars.iter().map(|c| c.value).collect();
    let (before, part) = word.chars.split_at(index.min(word.chars.len()));
    let prefix = text(part);
    let within = part.first().map_or(word.open, |c| c.quote);
    let (start, head, quote) = match (within, part.first()) {
        (Some(quote), _) if within == word.open => {
            let outside = before
                .iter()
                .rposition(|c| c.quote != within)
                .map_or(0, |i| i + 1);
            let head = before.get(outside..).unwrap_or_default();
            (quote.at, text(head), Some(quote.mark))
        },
        // Quotes that are closed again are replaced with the word, or else it is too odd.
        (Some(_), _) if index > 0 => return nothing(line),
        (None, Some(first)) => (first.at, String::new(), None),
        (None, None) if index > 0 => (word.end, String::new(), None),
        _ => (word.start, String::new(), None),
    };
    Completion {
        what,
        start,
        head,
        prefix,
        quote,
        other: None,
    }
}

/// Within a target that begins at character `index` of the word.
fn in_target(line: &str, word: &Word, index: usize) -> Completion {
    let mut term = index;
    let mut bracket = false;
    // Where the letters before the bracket end, and where the item in it begins.
    let (mut letters, mut item) = (0, 0);
    let mut file = false;
    let mut value = None;
    for (i, c) in word.chars.iter().enumerate().skip(index) {
        match c.value {
            '[' if !bracket => {
                bracket = true;
                (letters, item) = (i, i + 1);
            },
            ']' => bracket = false,
            ',' if bracket => item = i + 1,
            _ if bracket => {},
            '^' if i == term && !file => {
                file = true;
                term = i + 1;
            },
            ',' | '!' | '&' | '^' => {
                term = i + 1;
                file = false;
                value = None;
            },
            '=' if value.is_none() => value = Some(i + 1),
            _ => {},
        }
    }
    let text = |from: usize, to: usize| -> String {
        let chars = word.chars.iter().take(to).skip(from);
        chars.map(|c| c.value).collect()
    };
    match value {
        None if bracket && !file => {
            let head = text(term, letters);
            part(line, word, item, What::Numbers { head })
        },
        _ if bracket => nothing(line),
        _ if file => part(line, word, term, What::File),
        None => part(line, word, term, What::Target),
        Some(value) => {
            let attr = text(term, value - 1);
            part(line, word, value, What::AttributeValue { attr })
        },
    }
}

/// Within the words of a command, whose name ends at `start`.
fn in_command(line: &str, start: usize, spec: &'static Spec) -> Completion {
    let (before, Some(word)) = at_cursor(line, start) else {
        return nothing(line);
    };
    let mut given: Vec<String> = Vec::new();
    let mut only_args = false;
    for text in before.iter().map(Word::text) {
        match text.as_str() {
            "--" if !only_args => only_args = true,
            flag if !only_args && flag.starts_with('-') && flag != "-" => {},
            _ => given.push(text),
        }
    }
    if !only_args && word.text().starts_with('-') {
        return whole(line, &word, What::Flag(spec));
    }
    match table::kind_at(spec.args, given.len()) {
        Some(kind) => in_arg(line, &word, spec, kind, &given),
        None => nothing(line),
    }
}

/// An argument of this kind.
fn in_arg(line: &str, word: &Word, spec: &Spec, kind: Kind, before: &[String]) -> Completion {
    let target = || {
        // Where words must be told apart, an @ says which is the target.
        let several = spec.args.iter().any(|arg| arg.need == Need::Several);
        let marked = several && word.text().starts_with('@');
        in_target(line, word, usize::from(marked))
    };
    let what = match kind {
        Kind::Target | Kind::TargetOrWord => return target(),
        Kind::TargetOrFile => {
            let other = Some(Box::new(whole(line, word, What::File)));
            return Completion { other, ..target() };
        },
        Kind::File => What::File,
        Kind::Dir => What::Dir,
        Kind::Setting => What::SettingName,
        Kind::Topic => What::Topic,
        Kind::OneOf(words) => What::OneOf(words),
        Kind::Value => {
            let setting = before.last().and_then(|name| settings::find(name).ok());
            match setting.map(|setting| setting.kind) {
                Some(Kind::OneOf(words)) => What::OneOf(words),
                Some(Kind::Dir) => What::Dir,
                _ => return nothing(line),
            }
        },
        Kind::Number | Kind::Session | Kind::Line | Kind::Free => return nothing(line),
    };
    whole(line, word, what)
}

/// What may stand at the cursor, of what dust itself knows: none for files, folders and programs.
/// Names of nodes come in the order in which the nodes are given. What the word may be else is not
/// looked at.
pub fn candidates(completion: &Completion, nodes: &[Node]) -> Vec<Candidate> {
    // In quotes a blank is a blank; elsewhere it would end the target.
    let spelling = if completion.quote.is_some() {
        Spelling::Quoted
    } else {
        Spelling::Plain
    };
    let found = matches(completion, nodes, spelling);
    let head = |candidate: Candidate| Candidate {
        text: format!("{}{}", completion.head, candidate.text),
        ..candidate
    };
    found.into_iter().map(head).collect()
}

/// The candidates that begin with the prefix, without the head.
fn matches(completion: &Completion, nodes: &[Node], spelling: Spelling) -> Vec<Candidate> {
    let all = match &completion.what {
        What::CommandName => words_of(COMMANDS.iter().map(|spec| spec.name)),
        What::Numbers { head } => ranges::candidates(head, &completion.prefix, nodes),
        What::SettingName => words_of(settings::names()),
        What::OneOf(words) => words_of(words.iter().copied()),
        What::Topic => words_of(topics::names()),
        What::Flag(spec) => {
            let long = spec
                .flags
                .iter()
                .filter_map(|flag| flag.long)
                .chain(["help"]);
            words_of(long.map(|long| format!("--{long}")))
        },
        What::Target => terms(&completion.prefix, nodes, spelling),
        What::AttributeValue { attr } => values(attr, &completion.prefix, nodes, spelling),
        What::File | What::Dir | What::Program | What::Remote { .. } | What::Nothing => Vec::new(),
    };
    let mut seen = BTreeSet::new();
    all.into_iter()
        .filter(|candidate| candidate.text.starts_with(&completion.prefix))
        .filter(|candidate| seen.insert(candidate.text.clone()))
        .collect()
}

/// What a completion script asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `command`: which words may stand first that the script does not know by itself.
    Command,
    /// `session`: which sessions run.
    Session,
    /// `target PREFIX`: which targets begin so. An `@` before it is kept.
    Target {
        /// The word before the cursor, without the shell's quoting.
        prefix: String,
    },
}

/// The lines that answer which targets begin so: whole words, each with what it is behind a tab.
pub fn answer(prefix: &str, nodes: &[Node]) -> String {
    let (sign, target) = match prefix.strip_prefix('@') {
        Some(target) => ("@", target),
        None => ("", prefix),
    };
    let chars = target
        .char_indices()
        .map(|(at, value)| Char {
            value,
            at,
            quote: None,
        })
        .collect();
    let word = Word {
        start: 0,
        end: target.len(),
        open: None,
        chars,
    };
    let completion = in_target(target, &word, 0);
    let head = target.get(..completion.start).unwrap_or_default();
    let found = matches(&completion, nodes, Spelling::Quoted);
    let line = |candidate: Candidate| {
        let tab = if candidate.about.is_empty() { "" } else { "\t" };
        format!("{sign}{head}{}{tab}{}\n", candidate.text, candidate.about)
    };
    found.into_iter().take(ANSWERS_MAX).map(line).collect()
}

#[cfg(test)]
mod tests;
