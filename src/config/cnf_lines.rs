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
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut sections: Vec<Section<'a>> = Vec::new();
    for (i, line) in text.split('\n').enumerate() {
        let number = i + 1;
        let line = line.strip_suffix('\r').unwrap_or(line).trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.contains(|c: char| c.is_control() && c != '\t') {
            let error = Error::usage(format!("a control character in `{}`", shown(line)));
            return Err(place(error, number));
        }
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
        let error = Error::usage(format!(
            "neither a section nor key=value: `{}`",
            shown(line)
        ));
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
    let value = match tag {
        Some(_) => ini_value(&format!("tag={rest}")),
        None => ini_value(line),
    };
    let Some(mut value) = value else {
        return Err(Error::usage(format!(
            "neither a section nor key=value: `{}`",
            shown(line)
        )));
    };
    if !key.takes_whole_line() {
        // White space between the `=` and a comment is what makes it one.
        let spaced = if rest.starts_with(char::is_whitespace) {
            " "
        } else {
            ""
        };
        let padded = format!("{spaced}{value}");
        if let Some(kept) = without_comment(&padded) {
            if kept.is_empty() {
                return Err(
                    Error::usage(format!("`{}` has no value", shown(name))).hint(format!(
                        "`#` and `;` behind white space start a comment: `{}={}`",
                        shown(name),
                        shown(&value)
                    )),
                );
            }
            value = kept.to_owned();
        }
    }
    Ok(Pair {
        line: number,
        name,
        key,
        tag,
        value,
    })
}

/// The value of one `key=value` line, by the ini crate; quotes and backslashes are ordinary letters.
pub(super) fn ini_value(line: &str) -> Option<String> {
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
