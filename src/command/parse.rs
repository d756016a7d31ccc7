//! What a prompt line is: a command for nodes, one of dust's own, or one for the system shell.

use super::commands::Command;
use super::dropins;
use super::table::{self, nearest_command};
use super::words::{self, is_blank};
use crate::error::{Error, Result};
use crate::model::nearest::shown;
use std::ffi::OsString;

/// A prompt line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing but blanks.
    Empty,
    /// A line that begins with `#`.
    Comment,
    /// `@[TARGET] [COMMAND]`.
    At {
        /// Which nodes, with its quoting removed; none: the working set.
        target: Option<String>,
        /// What to send, as it was typed: all after the one blank that ends the target, with
        /// further blanks and line ends. None: the node's shell itself.
        command: Option<String>,
    },
    /// A command of dust.
    Builtin(Command),
    /// `!COMMAND`: for the system shell, as it was typed.
    Local(String),
    /// Its first word may be a drop-in command: only those who know the folders can tell.
    DropIn {
        /// The first word.
        name: String,
        /// Those behind it.
        words: Vec<OsString>,
        /// What is wrong if it is none.
        otherwise: Error,
    },
    /// Its first word is no command of dust. It may be a drop-in; else, at the prompt, the system
    /// shell gets it.
    Unknown {
        /// The first word.
        word: String,
        /// The line as it was typed, from the first word on.
        line: String,
    },
}

/// Reads a line of the prompt. Blanks before the first word mean nothing here (the history heeds
/// them).
pub fn parse(line: &str) -> Result<Line> {
    let Some(start) = line.find(|c| !is_blank(c)) else {
        return Ok(Line::Empty);
    };
    let text = line.get(start..).unwrap_or_default();
    if text.starts_with('#') {
        return Ok(Line::Comment);
    }
    if text.starts_with('@') {
        return at(line, start + 1);
    }
    if let Some(command) = text.strip_prefix('!') {
        if command.trim().is_empty() {
            return Err(Error::usage("nothing after the !").hint("usage: !COMMAND"));
        }
        return Ok(Line::Local(command.to_owned()));
    }
    let word = text.split(is_blank).next().unwrap_or_default();
    let Some(spec) = table::find(word) else {
        return Ok(Line::Unknown {
            word: word.to_owned(),
            line: text.to_owned(),
        });
    };
    let words: Result<Vec<String>, _> = words::words_from(line, start + word.len())
        .iter()
        .map(|word| word.closed(line))
        .collect();
    Ok(Line::Builtin(
        spec.parse(words.map_err(|e| spec.misuse(&e.to_string()))?)?,
    ))
}

/// Reads a line where nobody is there to see what it turns into: on the command line and in
/// scripts. A first word that is no command, and no drop-in either, is an error there, so that a slip
/// cannot run something on this machine.
pub fn scripted(line: &str) -> Result<Line> {
    match parse(line)? {
        Line::Unknown { word, line } => drop_in(&word, &line, no_command(&word)),
        line => Ok(line),
    }
}

/// A line that begins with this word as one of a drop-in command; `otherwise` says what is wrong if
/// there is none.
pub fn drop_in(word: &str, line: &str, otherwise: Error) -> Result<Line> {
    if !dropins::is_name(word) {
        return Err(otherwise);
    }
    let words = words::words_from(line, word.len());
    let words: Result<Vec<OsString>, _> = words
        .iter()
        .map(|word| word.closed(line).map(OsString::from))
        .collect();
    Ok(Line::DropIn {
        name: word.to_owned(),
        words: words.map_err(|error| Error::usage(format!("{word}: {error}")))?,
        otherwise,
    })
}

/// The error for a word that is no command, with what it may have meant.
pub fn no_command(word: &str) -> Error {
    let near = nearest_command(word);
    let word = shown(word);
    let local = format!("!{word} runs it in the system shell");
    let hint = match near {
        Some(near) => format!("did you mean {near}? {local}"),
        None => format!("dust help lists the commands; {local}"),
    };
    Error::usage(format!("no command `{word}`")).hint(hint)
}

/// Reads what follows the `@`, which ends at byte `start`.
fn at(line: &str, start: usize) -> Result<Line> {
    let word = words::word_at(line, start);
    let target = word.closed(line).map_err(|e| Error::usage(e.to_string()))?;
    let target = match (word.end > word.start, target.trim().is_empty()) {
        (false, _) => None,
        (true, true) => return Err(Error::usage("the target is empty").hint("@* means all")),
        (true, false) => Some(target),
    };
    let mut rest = line.get(word.end..).unwrap_or_default().chars();
    rest.next();
    let command = rest.as_str();
    let blank = [' ', '\t', '\r', '\n'];
    let command = (!command.trim_matches(blank).is_empty()).then(|| command.to_owned());
    Ok(Line::At { target, command })
}

#[cfg(test)]
mod tests;
