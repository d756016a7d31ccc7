//! Target text → terms.

use super::pattern::Pattern;
use super::scan::unclosed;
use crate::error::{Error, Result};
use crate::model::attributes::RESULTS;
use crate::model::nearest::{nearest, shown};
use crate::model::ranges::Numbers;

/// How a term joins what stands left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// `,`: also.
    Union,
    /// `!`: without.
    Without,
    /// `&`: only those that also.
    And,
    /// `^`: in one of both, not in both.
    Xor,
}

impl Op {
    fn of(c: char) -> Option<Self> {
        match c {
            ',' => Some(Self::Union),
            '!' => Some(Self::Without),
            '&' => Some(Self::And),
            '^' => Some(Self::Xor),
            _ => None,
        }
    }

    /// Joins the selections of both sides.
    pub(super) fn join(self, left: bool, right: bool) -> bool {
        match self {
            Self::Union => left || right,
            Self::Without => left && !right,
            Self::And => left && right,
            Self::Xor => left != right,
        }
    }
}

/// A term and how it joins. The first one joins nothing by [`Op::Union`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) op: Op,
    /// As it was written, without `\`.
    pub(super) text: String,
    pub(super) what: What,
}

/// What a term selects by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The working set.
    Working,
    /// Names; a name without wildcards may also be a cluster or an index.
    Name(Pattern),
    /// An attribute's value, in lower case.
    Attr(String, Pattern),
    /// The cluster's name, in lower case.
    Cluster(Pattern),
    /// Tags by name and value, in lower case: each way to read `a:b:c`.
    Tags(Vec<(Pattern, Option<Pattern>)>),
    /// Names in a file.
    File(String),
    /// The result of the last command.
    Result(ByResult),
}

/// What `%` terms select by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ByResult {
    Failed,
    Ok,
    Pending,
    Last,
    Rc(Numbers),
}

/// Parses a target. Nothing, or blanks, is the working set.
pub(super) fn terms(text: &str) -> Result<Vec<Term>> {
    split(text)?
        .into_iter()
        .map(|(op, text)| {
            Ok(Term {
                op,
                what: what(&text)?,
                text,
            })
        })
        .collect()
}

/// Cuts at the operators. Drops `\`, except before a letter of a file's name and in `[\]`.
fn split(text: &str) -> Result<Vec<(Op, String)>> {
    let mut terms = Vec::new();
    let mut op = Op::Union;
    let mut term = String::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        rest = rest.strip_prefix(c).unwrap_or_default();
        let is_file = term.starts_with('^');
        match c {
            '\\' if is_file => {
                let escaped = rest.chars().next();
                rest = escaped
                    .and_then(|c| rest.strip_prefix(c))
                    .unwrap_or_default();
                term.extend(escaped);
            },
            '\\' => {},
            '[' if !is_file => {
                rest = take_brackets(rest, &mut term).ok_or_else(|| unclosed(text))?;
            },
            '^' if term.is_empty() => term.push('^'),
            c => match Op::of(c) {
                None if term.is_empty() && c.is_whitespace() => {},
                None => term.push(c),
                Some(next) => {
                    let is_first = terms.is_empty();
                    let done = std::mem::take(&mut term);
                    let done = done.trim_end();
                    if done.is_empty() && !(is_first && matches!(next, Op::Without | Op::And)) {
                        return Err(Error::usage(format!(
                            "nothing stands before a `{c}` in the target"
                        ))
                        .hint("a target is made of terms, as in `worker*,master!worker3`"));
                    }
                    terms.push((op, done.to_owned()));
                    op = next;
                },
            },
        }
    }
    let last = term.trim_end();
    if last.is_empty() && !terms.is_empty() {
        return Err(Error::usage(format!(
            "`{}` ends where a term should follow",
            shown(text)
        )));
    }
    terms.push((op, last.to_owned()));
    Ok(terms)
}

/// Takes brackets over, without `\`; gives what follows them.
fn take_brackets<'a>(text: &'a str, term: &mut String) -> Option<&'a str> {
    term.push('[');
    for quoted in ["\\]", "]]"] {
        if let Some(behind) = text.strip_prefix(quoted) {
            term.push_str(if quoted == "\\]" { "\\]" } else { "]]" });
            return Some(behind);
        }
    }
    let (inner, behind) = text.split_once(']')?;
    term.extend(inner.chars().filter(|c| *c != '\\'));
    term.push(']');
    Some(behind)
}

fn what(text: &str) -> Result<What> {
    if text.is_empty() {
        return Ok(What::Working);
    }
    if let Some(file) = text.strip_prefix('^') {
        if file.is_empty() {
            return Err(Error::usage("a file's name is missing behind `^`")
                .hint("`^FILE` selects the nodes named in a file"));
        }
        return Ok(What::File(file.to_owned()));
    }
    if let Some(word) = text.strip_prefix('%') {
        return by_result(word).map(What::Result);
    }
    if let Some((key, value)) = outside_brackets(text, '=').first() {
        return by_attribute(key.trim(), value.trim());
    }
    let pattern = Pattern::parse(text)?;
    Ok(if pattern.is_star() {
        What::Working
    } else {
        What::Name(pattern)
    })
}

fn by_result(word: &str) -> Result<ByResult> {
    match word {
        "failed" => return Ok(ByResult::Failed),
        "ok" => return Ok(ByResult::Ok),
        "pending" => return Ok(ByResult::Pending),
        "last" => return Ok(ByResult::Last),
        _ => {},
    }
    if let Some(status) = word.strip_prefix("rc=") {
        let bare = status
            .strip_prefix('[')
            .and_then(|s| s.strip_suffix(']'))
            .unwrap_or(status);
        return Numbers::parse(bare).map(ByResult::Rc).map_err(|_| {
            Error::usage(format!("bad exit status `{}`", shown(status)))
                .hint("as in `%rc=2` or `%rc=1-127`")
        });
    }
    let known = RESULTS.map(|word| format!("%{word}")).join(", ");
    let error = Error::usage(format!("unknown result `%{}`", shown(word)));
    Err(match nearest(word, RESULTS) {
        Some(near) => error.hint(format!("did you mean `%{near}`? results are {known}")),
        None => error.hint(format!("results are {known}")),
    })
}

fn by_attribute(key: &str, value: &str) -> Result<What> {
    let key = key.to_lowercase();
    if key.is_empty() {
        return Err(Error::usage("an attribute's name is missing before `=`")
            .hint("as in `state=stopped`; without those: `*!state=stopped`"));
    }
    if key == "cluster" {
        return Ok(What::Cluster(Pattern::parse_lower(value)?));
    }
    if key == "tags" || key == "tag" {
        let mut ways = vec![(Pattern::parse_lower(value)?, None)];
        for (name, value) in outside_brackets(value, ':') {
            ways.push((
                Pattern::parse_lower(name)?,
                Some(Pattern::parse_lower(value)?),
            ));
        }
        if ways.len() > 1 {
            // `owner:devops` is a name and a value; only a name without `:` may stand alone.
            ways.remove(0);
        }
        return Ok(What::Tags(ways));
    }
    if let Some(name) = key.strip_prefix("tag.") {
        let name = Pattern::parse_lower(name)?;
        return Ok(What::Tags(vec![(name, Some(Pattern::parse_lower(value)?))]));
    }
    Ok(What::Attr(key, Pattern::parse_lower(value)?))
}

/// Every way to cut the text in two at a letter that is not in brackets.
fn outside_brackets(text: &str, at: char) -> Vec<(&str, &str)> {
    let mut cuts = Vec::new();
    let mut inside = false;
    for (i, c) in text.char_indices() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if c == at && !inside => {
                let behind = text.get(i + c.len_utf8()..);
                cuts.extend(text.get(..i).zip(behind));
            },
            _ => {},
        }
    }
    cuts
}
