//! The lines of a cluster file: sections, keys and values, with their numbers.

use ini::{Ini, ParseOption};

use super::cnf_keys::{self, Key};
use crate::error::{Error, Result};
use crate::model::nearest::shown;

/// A `key=value` line.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    /// The line's number, from 1.
    pub(super) line: usize,
    /// The key as it is written: `port`, `tag.owner`.
    pub(super) name: &'a str,
    pub(super) key: &'static Key,
    /// The NAME of `tag.NAME`.
    pub(super) tag: Option<&'a str>,
    pub(super) value: String,
}

/// A section: its header and what follows.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// The header's line, from 1.
    pub(super) line: usize,
    /// What follows the `@`.
    pub(super) name: &'a str,
    pub(super) pairs: Vec<Pair<'a>>,
}

/// The sections of a file, in order. `place` turns an error and a line into one with its place.
pub(super) fn sections<'a>(
    text: &'a str,
    place: &dyn Fn(Error, usize) -> Error,
) -> Result<Vec<Section<'a>>> {
    let mut sections: Vec<Section<'a>> = Vec::new();
    for (number, line) in bare_lines(text) {
        let line = line.map_err(|error| place(error, number))?;
        if let Some(header) = line.strip_prefix('@') {
            let name = without_comment(header).unwrap_or(header);
            sections.push(Section {
                line: number,
                name,
                pairs: Vec::new(),
            });
            continue;
        }
        let pair = pair(line, number).map_err(|error| place(error, number))?;
        let Some(section) = sections.last_mut() else {
            let error = Error::usage(format!("`{}` stands before any section", shown(pair.name)))
                .hint("start with a line `@cloud`");
            return Err(place(error, number));
        };
        if let Some(first) = section.pairs.iter().find(|other| other.name == pair.name) {
            let name = shown(pair.name);
            let error = Error::usage(format!("`{name}` is set twice in @{}", shown(section.name)))
                .hint(format!("first at line {}", first.line));
            return Err(place(error, number));
        }
        section.pairs.push(pair);
    }
    Ok(sections)
}

fn pair(line: &str, number: usize) -> Result<Pair<'_>> {
    let Some((name, rest)) = line.split_once('=') else {
        let error = neither(line);
        return Err(
            match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                Some(name) => error.hint(format!("a section is written `@{}`", shown(name))),
                None => match line.split_once(':') {
                    Some((name, value)) => {
                        let (name, value) = (shown(name.trim()), shown(value.trim()));
                        error.hint(format!("write `{name}={value}`"))
                    },
                    None => error,
                },
            },
        );
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::usage("a key is missing before the `=`"));
    }
    let (key, tag) = cnf_keys::find(name)?;
    // The name of a tag may hold `:`, which the ini syntax takes for another `=`.
    let found = match tag {
        Some(_) => value_of(&format!("tag={rest}"), rest),
        None => value_of(line, rest),
    };
    let (whole, kept) = found.ok_or_else(|| neither(line))?;
    let value = match kept {
        Some(kept) if !key.takes_whole_line() => {
            if kept.is_empty() {
                return Err(
                    Error::usage(format!("`{}` has no value", shown(name))).hint(format!(
                        "`#` and `;` behind white space start a comment: `{}={}`",
                        shown(name),
                        shown(&whole)
                    )),
                );
            }
            kept
        },
        _ => whole,
    };
    Ok(Pair {
        line: number,
        name,
        key,
        tag,
        value,
    })
}

/// What is no line of such a file.
pub(super) fn neither(line: &str) -> Error {
    Error::usage(format!(
        "neither a section nor key=value: `{}`",
        shown(line)
    ))
}

/// The lines that say something, with their numbers from 1 and without white space around them.
pub(super) fn bare_lines(text: &str) -> impl Iterator<Item = (usize, Result<&str>)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = (1..).zip(text.split('\n').map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';']));
    lines.map(|(number, line)| {
        let odd = line.contains(|c: char| c.is_control() && c != '\t');
        let error = || Error::usage(format!("a control character in `{}`", shown(line)));
        (number, if odd { Err(error()) } else { Ok(line) })
    })
}

/// The value of a `key=value` line, whose `=` is followed by `rest`: all of it; and what of it stands
/// before a comment, if there is one. None: it is no such line.
pub(super) fn value_of(line: &str, rest: &str) -> Option<(String, Option<String>)> {
    let value = ini_value(line)?;
    // White space between the `=` and a comment is what makes it one.
    let blank = if rest.starts_with(char::is_whitespace) {
        " "
    } else {
        ""
    };
    let kept = without_comment(&format!("{blank}{value}")).map(str::to_owned);
    Some((value, kept))
}

/// The value of one `key=value` line, by the ini crate; quotes and backslashes are ordinary letters.
fn ini_value(line: &str) -> Option<String> {
    let options = ParseOption {
        enabled_quote: false,
        enabled_escape: false,
        ..ParseOption::default()
    };
    let ini = Ini::load_from_str_opt(line, options).ok()?;
    let (_, value) = ini.general_section().iter().next()?;
    Some(value.to_owned())
}

/// What stands before a comment, if there is one: a `#` or `;` with white space before it.
pub(super) fn without_comment(text: &str) -> Option<&str> {
    let mut blank = false;
    for (at, c) in text.char_indices() {
        if blank && matches!(c, '#' | ';') {
            return text.get(..at).map(str::trim);
        }
        blank = c.is_whitespace();
    }
    None
}
