//! What a prompt line is: a command for nodes, one of dust's own, or one for the system shell.

use super::commands::Command;
use super::table::{self, nearest_command};
use super::words::{self, is_blank};
use crate::error::{Error, Result};
use crate::model::nearest::shown;

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
    /// Its first word is no command of dust. At the prompt the system shell gets it.
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
/// scripts. A first word that is no command is an error there, so that a slip cannot run
/// something on this machine.
pub fn scripted(line: &str) -> Result<Line> {
    match parse(line)? {
        Line::Unknown { word, .. } => Err(no_command(&word)),
        line => Ok(line),
    }
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
