//! Where in a line the cursor is, and what may stand there.
//!
//! [`context`] and [`candidates`] serve the prompt: the caller knows the nodes, and looks for files
//! and programs itself. [`answer`] serves the completion scripts of the system's shells, which ask
//! by `dust [-f CNF] __complete target PREFIX`: the answer is one candidate a line, each a whole
//! word that begins with PREFIX. A candidate that ends in `=` or `:` is to be typed on; no blank
//! belongs after it.

use std::collections::BTreeSet;

use super::COMMANDS;
use super::settings;
use super::table::{self, Kind, Spec};
use super::topics;
use super::words::{self, Char, Word, is_blank, word_at, words_from};
use crate::model::Node;

/// What is being typed at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The first word: a command.
    CommandName,
    /// A term of a target: a name, or the name of an attribute before its `=`.
    Target,
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
    /// Where it begins, in bytes. A candidate replaces the line from here to the cursor.
    pub start: usize,
    /// What of it stands before the cursor, with quoting removed.
    pub prefix: String,
    /// The quote that is open where it begins.
    pub quote: Option<char>,
}

impl Completion {
    /// How to write a candidate into the line: quoted where it must be.
    pub fn write(&self, candidate: &str) -> String {
        words::escape(candidate, self.quote)
    }
}

/// What may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// It, without quoting.
    pub text: String,
    /// More has to be typed right after it: no blank belongs there.
    pub more: bool,
}

/// Finds out what is being typed at byte `cursor` of a prompt line. What stands after the cursor
/// does not matter.
pub fn context(line: &str, cursor: usize) -> Completion {
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
                None => in_local(line, start, What::Program),
            }
        },
    }
}

fn nothing(line: &str) -> Completion {
    Completion {
        what: What::Nothing,
        start: line.len(),
        prefix: String::new(),
        quote: None,
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
    let (start, quote) = match word.chars.get(index) {
        None if index == 0 && word.open.is_none() => (word.start, None),
        None => (word.end, word.open.map(|quote| quote.mark)),
        Some(Char {
            quote: None, at, ..
        }) => (*at, None),
        Some(Char { quote, at, .. }) if *quote == word.open => (*at, quote.map(|q| q.mark)),
        // Quotes that are closed again: they are replaced with the word, or else it is too odd.
        Some(_) if index == 0 => (word.start, None),
        Some(_) => return nothing(line),
    };
    let prefix = word.chars.iter().skip(index).map(|c| c.value).collect();
    Completion {
        what,
        start,
        prefix,
        quote,
    }
}

/// Within a target that begins at character `index` of the word.
fn in_target(line: &str, word: &Word, index: usize) -> Completion {
    let mut term = index;
    let mut bracket = false;
    let mut file = false;
    let mut value = None;
    for (i, c) in word.chars.iter().enumerate().skip(index) {
        match c.value {
            '[' => bracket = true,
            ']' => bracket = false,
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
    match value {
        _ if bracket => nothing(line),
        _ if file => part(line, word, term, What::File),
        None => part(line, word, term, What::Target),
        Some(value) => {
            let attr = word
                .chars
                .iter()
                .take(value - 1)
                .skip(term)
                .map(|c| c.value)
                .collect();
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
    let mut value = None;
    for text in before.iter().map(Word::text) {
        if value.take().is_some() {
            continue;
        }
        match text.as_str() {
            "--" if !only_args => only_args = true,
            flag if !only_args && flag.starts_with('-') && flag != "-" => {
                value = wants_value(spec, flag);
            },
            _ => given.push(text),
        }
    }
    let text = word.text();
    if let Some(kind) = value {
        return in_arg(line, &word, 0, kind, &given);
    }
    if !only_args && text.starts_with('-') {
        let Some((flag, _)) = text.split_once('=') else {
            return whole(line, &word, What::Flag(spec));
        };
        let index = flag.chars().count() + 1;
        return match spec.flag(flag).and_then(|flag| flag.value) {
            Some((_, kind)) => in_arg(line, &word, index, kind, &given),
            None => nothing(line),
        };
    }
    match spec.arg(given.len()) {
        Some(arg) => in_arg(line, &word, 0, arg.kind, &given),
        None => nothing(line),
    }
}

/// The kind of value that the word after this option is.
fn wants_value(spec: &Spec, word: &str) -> Option<Kind> {
    let spelling = match word.strip_prefix("--") {
        Some(_) => word.to_owned(),
        // In a bundle of short options only the last can still want one.
        None => format!("-{}", word.chars().next_back()?),
    };
    spec.flag(&spelling)?.value.map(|(_, kind)| kind)
}

/// An argument of this kind, from character `index` of its word on.
fn in_arg(line: &str, word: &Word, index: usize, kind: Kind, before: &[String]) -> Completion {
    let what = match kind {
        Kind::Target | Kind::TargetOrWord => return in_target(line, word, index),
        Kind::File => What::File,
        Kind::Dir => What::Dir,
        Kind::Setting => What::SettingName,
        Kind::Topic => What::Topic,
        Kind::OneOf(words) => What::OneOf(words),
        Kind::Value => {
            let setting = before.last().and_then(|name| settings::find(name).ok());
            match setting.map(|setting| setting.kind) {
                Some(Kind::OneOf(words)) => What::OneOf(words),
                _ => return nothing(line),
            }
        },
        Kind::Number | Kind::Line => return nothing(line),
    };
    part(line, word, index, what)
}

/// What may stand at the cursor, of what dust itself knows: none for files, folders and programs.
/// Nodes come in the order in which they are given.
pub fn candidates(completion: &Completion, nodes: &[Node]) -> Vec<Candidate> {
    let all = match &completion.what {
        What::CommandName => words_of(COMMANDS.iter().map(|spec| spec.name)),
        What::SettingName => words_of(settings::names()),
        What::OneOf(words) => words_of(words.iter().copied()),
        What::Topic => {
            words_of(topics::words().filter(|word| word.starts_with(char::is_alphabetic)))
        },
        What::Flag(spec) => {
            let long = spec
                .flags
                .iter()
                .filter_map(|flag| flag.long)
                .chain(["help"]);
            words_of(long.map(|long| format!("--{long}")))
        },
        What::Target => terms(&completion.prefix, nodes),
        What::AttributeValue { attr } => values(attr, &completion.prefix, nodes),
        What::File | What::Dir | What::Program | What::Remote { .. } | What::Nothing => Vec::new(),
    };
    let mut seen = BTreeSet::new();
    all.into_iter()
        .filter(|candidate| candidate.text.starts_with(&completion.prefix))
        .filter(|candidate| seen.insert(candidate.text.clone()))
        .collect()
}

fn words_of(words: impl IntoIterator<Item = impl Into<String>>) -> Vec<Candidate> {
    words
        .into_iter()
        .map(|word| Candidate {
            text: word.into(),
            more: false,
        })
        .collect()
}

/// What a term of a target may begin with. Attributes are many: only those that were begun.
fn terms(prefix: &str, nodes: &[Node]) -> Vec<Candidate> {
    if prefix.starts_with('%') {
        let mut results = words_of(["%failed", "%last", "%ok", "%pending"]);
        results.push(Candidate {
            text: "%rc=".to_owned(),
            more: true,
        });
        return results;
    }
    let names = nodes.iter().map(|node| pattern(&node.name));
    let clusters = nodes.iter().map(|node| pattern(&node.cluster));
    let mut all = words_of(names.chain(clusters).filter(|name| !name.is_empty()));
    if !prefix.is_empty() {
        let mut attrs = BTreeSet::from(["cluster", "index", "name", "state", "tags"]);
        attrs.extend(
            nodes
                .iter()
                .flat_map(|node| node.attrs.keys())
                .map(String::as_str),
        );
        all.extend(attrs.iter().map(|attr| Candidate {
            text: format!("{attr}="),
            more: true,
        }));
    }
    all
}

/// What an attribute may be.
fn values(attr: &str, prefix: &str, nodes: &[Node]) -> Vec<Candidate> {
    if attr != "tags" {
        let values: BTreeSet<String> = nodes.iter().filter_map(|node| node.attr(attr)).collect();
        return words_of(values.iter().map(|value| pattern(value)));
    }
    let tags: BTreeSet<(&String, &String)> = nodes.iter().flat_map(|node| &node.tags).collect();
    let tag = |(key, value): (&String, &String)| match prefix.contains(':') {
        true => Candidate {
            text: format!("{}:{}", pattern(key), pattern(value)),
            more: false,
        },
        false => Candidate {
            text: format!("{}:", pattern(key)),
            more: true,
        },
    };
    tags.into_iter().map(tag).collect()
}

/// A value as a wildcard that matches it: what a target would take for an operator or a wildcard,
/// and what no line can hold, becomes `?`.
fn pattern(value: &str) -> String {
    let odd =
        |c: char| c.is_control() || matches!(c, ',' | '!' | '&' | '^' | '*' | '[' | ']' | '\\');
    value.replace(odd, "?")
}

/// What a completion script asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `target PREFIX`: which targets begin so. An `@` before it is kept.
    Target {
        /// The word before the cursor, without the shell's quoting.
        prefix: String,
    },
}

/// The whole words that answer a request.
pub fn answer(request: &Request, nodes: &[Node]) -> Vec<String> {
    let Request::Target { prefix } = request;
    let (sign, target) = match prefix.strip_prefix('@') {
        Some(target) => ("@", target),
        None => ("", prefix.as_str()),
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
    let found = candidates(&completion, nodes);
    found
        .into_iter()
        .map(|candidate| format!("{sign}{head}{}", candidate.text))
        .collect()
}

#[cfg(test)]
mod tests;
