//! Ctrl-R: searching the history as one types.

use std::ops::Range;

use super::history::{EntryId, History};

/// What the search shows, beside the line that it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchView<'a> {
    /// What is looked for.
    pub query: &'a str,
    /// True after Ctrl-S: towards newer lines.
    pub forward: bool,
    /// True if nothing (more) was found; the line is then the last that was.
    pub failed: bool,
    /// Where in the line the query is, in bytes.
    pub found: Option<Range<usize>>,
}

#[derive(Clone, Debug)]
struct Match {
    id: EntryId,
    entry: String,
    at: Range<usize>,
}

/// An incremental search. Letters match both cases unless the query has a capital.
#[derive(Debug)]
pub(super) struct Search {
    query: String,
    forward: bool,
    failed: bool,
    found: Option<Match>,
    /// What was found, and whether all was, before each character of the query.
    before: Vec<(usize, Option<Match>, bool)>,
}

impl Search {
    pub(super) fn new(forward: bool) -> Self {
        Self {
            query: String::new(),
            forward,
            failed: false,
            found: None,
            before: Vec::new(),
        }
    }

    pub(super) fn view(&self) -> SearchView<'_> {
        SearchView {
            query: &self.query,
            forward: self.forward,
            failed: self.failed,
            found: self.found.as_ref().map(|found| found.at.clone()),
        }
    }

    /// The entry that was found, and where the query is in it.
    pub(super) fn found(&self) -> Option<(EntryId, &str, usize)> {
        self.found
            .as_ref()
            .map(|found| (found.id, found.entry.as_str(), found.at.start))
    }

    pub(super) fn query(&self) -> &str {
        &self.query
    }

    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Adds to the query; what was found stays if it still matches.
    pub(super) fn extend(&mut self, text: &str, history: &History) {
        self.before
            .push((self.query.len(), self.found.clone(), self.failed));
        self.query.push_str(text);
        let still = self.found.as_ref().and_then(|found| {
            let at = find(&found.entry, &self.query)?;
            Some(Match {
                at,
                ..found.clone()
            })
        });
        match still {
            Some(found) => self.found = Some(found),
            None => self.step(history),
        }
    }

    /// Takes the last addition back, and with it what it led to. False if there is none.
    pub(super) fn shorten(&mut self) -> bool {
        let Some((len, found, failed)) = self.before.pop() else {
            return false;
        };
        self.query.truncate(len);
        self.found = found;
        self.failed = failed;
        true
    }

    /// The next match in a direction; an empty query is the one of the search before.
    pub(super) fn again(&mut self, forward: bool, last_query: &str, history: &History) {
        self.forward = forward;
        if self.query.is_empty() {
            self.extend(last_query, history);
        } else {
            self.step(history);
        }
    }

    fn step(&mut self, history: &History) {
        if self.query.is_empty() {
            return;
        }
        let shown = self.found.as_ref().map(|found| found.entry.as_str());
        let wanted = |entry: &str| Some(entry) != shown && find(entry, &self.query).is_some();
        let from = self.found.as_ref().map(|found| found.id);
        let next = match from {
            // There is nothing newer than the line being typed.
            None if self.forward => None,
            Some(id) if self.forward => history.newer(id, wanted),
            _ => history.older(from, wanted),
        };
        let next = next.and_then(|(id, entry)| {
            Some(Match {
                id,
                entry: entry.to_owned(),
                at: find(entry, &self.query)?,
            })
        });
        self.failed = next.is_none();
        if next.is_some() {
            self.found = next;
        }
    }
}

/// Where the query is in an entry.
fn find(entry: &str, query: &str) -> Option<Range<usize>> {
    if query.is_empty() {
        return None;
    }
    if query.chars().any(char::is_uppercase) {
        return entry.find(query).map(|at| at..at + query.len());
    }
    entry.char_indices().find_map(|(start, _)| {
        let mut rest = entry.get(start..)?.chars();
        let mut end = start;
        for wanted in query.chars() {
            let c = rest.next()?;
            if c != wanted && !c.to_lowercase().eq([wanted]) {
                return None;
            }
            end += c.len_utf8();
        }
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn capitals_in_the_query_count() {
        for (entry, query, found) in [
            ("Show", "show", Some(0..4)),
            ("xÉy", "é", Some(1..3)),
            ("show", "Show", None),
            ("a Show", "Show", Some(2..6)),
            ("sh", "show", None),
            ("ssh", "sh", Some(1..3)),
            ("x", "", None),
        ] {
            assert_eq!(find(entry, query), found, "{entry:?} {query:?}");
        }
    }
}
