//! The lines of a plain `.ini` file: values under names, with their numbers.

use super::cnf_lines::{bare_lines, neither, value_of, without_comment};
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};

/// A `KEY=VALUE` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainLine<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// The key, as it is written.
    pub key: &'a str,
    /// The value, without white space and comments around it.
    pub value: String,
}

/// The lines of a file, in order. They may stand below the heading `[section]`, which means nothing.
///
/// # Errors
/// What is no line of such a file, another heading, or a key that is there twice; with the place.
pub fn plain_lines<'a>(
    file_name: &str,
    section: &str,
    text: &'a str,
) -> Result<Vec<PlainLine<'a>>> {
    let mut lines: Vec<PlainLine<'a>> = Vec::new();
    for (number, line) in bare_lines(text) {
        let read = line.and_then(|line| {
            let Some(line) = plain_line(line, number, section)? else {
                return Ok(None);
            };
            match lines.iter().find(|other| other.key == line.key) {
                Some(first) => Err(Error::usage(format!("`{}` is set twice", shown(first.key)))
                    .hint(format!("first at line {}", first.number))),
                None => Ok(Some(line)),
            }
        });
        lines.extend(read.map_err(|error| error.at(file_name, number))?);
    }
    Ok(lines)
}

/// One line; none for a heading.
fn plain_line<'a>(line: &'a str, number: usize, section: &str) -> Result<Option<PlainLine<'a>>> {
    if line.starts_with('[') {
        let bare = without_comment(line).unwrap_or(line);
        let name = bare.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
        let name = name.unwrap_or(bare).trim();
        if name == section {
            return Ok(None);
        }
        let error = Error::usage(format!("no section [{}]", shown(name)));
        return Err(match nearest(name, [section]) {
            Some(near) => error.hint(format!("did you mean [{near}]?")),
            None => error.hint(format!("all keys stand at the top or in [{section}]")),
        });
    }
    let (key, rest) = line.split_once('=').ok_or_else(|| neither(line))?;
    let key = key.trim();
    // `a:b=c` is a key of the ini syntax, too, with another value.
    let (whole, kept) = match key {
        "" => return Err(Error::usage("a key is missing before the `=`")),
        key if key.contains(':') => return Err(neither(line)),
        _ => value_of(line, rest).ok_or_else(|| neither(line))?,
    };
    let value = kept.unwrap_or(whole);
    Ok(Some(PlainLine { number, key, value }))
}
