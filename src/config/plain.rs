//! The lines of a plain `.ini` file: values under names, with their numbers.

use super::cnf_lines::{ini_value, without_comment};
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

/// The lines of a file, in order. They may stand below headings such as `[dust]`, which mean
/// nothing; `sections` are those that there may be.
///
/// # Errors
/// What is no line of such a file, a section that there may not be, or a key that is there twice;
/// with the place.
pub fn plain_lines<'a>(
    file_name: &str,
    sections: &[&'static str],
    text: &'a str,
) -> Result<Vec<PlainLine<'a>>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines: Vec<PlainLine<'a>> = Vec::new();
    for (i, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line).trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let read = plain_line(line, i + 1, sections).and_then(|line| {
            let first = lines
                .iter()
                .find(|other| line.as_ref().is_some_and(|line| line.key == other.key));
            match first {
                Some(first) => Err(Error::usage(format!("`{}` is set twice", shown(first.key)))
                    .hint(format!("first at line {}", first.number))),
                None => Ok(line),
            }
        });
        lines.extend(read.map_err(|error| error.at(file_name, i + 1))?);
    }
    Ok(lines)
}

/// One line; none for a heading.
fn plain_line<'a>(
    line: &'a str,
    number: usize,
    sections: &[&'static str],
) -> Result<Option<PlainLine<'a>>> {
    if line.contains(|c: char| c.is_control() && c != '\t') {
        let text = format!("a control character in `{}`", shown(line));
        return Err(Error::usage(text));
    }
    if line.starts_with('[') {
        let bare = without_comment(line).unwrap_or(line);
        let name = bare.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
        let name = name.unwrap_or(bare).trim();
        if sections.contains(&name) {
            return Ok(None);
        }
        let error = Error::usage(format!("no section [{}]", shown(name)));
        let near = nearest(name, sections.iter().copied());
        return Err(match (near, sections.first()) {
            (Some(near), _) => error.hint(format!("did you mean [{near}]?")),
            (None, Some(first)) => error.hint(format!("all keys stand at the top or in [{first}]")),
            (None, None) => error,
        });
    }
    let neither = || {
        let text = format!("neither a section nor key=value: `{}`", shown(line));
        Error::usage(text)
    };
    let (key, rest) = line.split_once('=').ok_or_else(neither)?;
    let key = key.trim();
    // `a:b=c` is a key of the ini syntax, too, with another value.
    let value = match key {
        "" => return Err(Error::usage("a key is missing before the `=`")),
        key if key.contains(':') => return Err(neither()),
        _ => ini_value(line).ok_or_else(neither)?,
    };
    let blank = rest.starts_with(char::is_whitespace);
    let padded = format!("{}{value}", if blank { " " } else { "" });
    let value = without_comment(&padded).map_or(value, str::to_owned);
    Ok(Some(PlainLine { number, key, value }))
}
