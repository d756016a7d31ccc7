//! Walking through the history, and through the lines of a line that has several.

use std::collections::BTreeMap;

use unicode_segmentation::UnicodeSegmentation as _;

use super::history::{EntryId, History};
use crate::term::width;

/// The most recalled entries whose changes are kept while walking on.
const CHANGED_MAX: usize = 100;

/// Where in the history the editor is. What is changed on the way, the new line first of all, is
/// still there when the walk comes back to it.
#[derive(Debug, Default)]
pub(super) struct Walk {
    at: Option<EntryId>,
    draft: String,
    changed: BTreeMap<EntryId, String>,
}

impl Walk {
    /// The next entry back that is wanted, instead of the line as it is now.
    pub(super) fn older(
        &mut self,
        now: &str,
        history: &History,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let (id, _) = history.older(self.at, wanted)?;
        Some(self.go(now, history, id))
    }

    /// The next entry forward that is wanted; after the last one, the line that was being typed.
    pub(super) fn newer(
        &mut self,
        now: &str,
        history: &History,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        match history.newer(self.at?, wanted) {
            Some((id, _)) => Some(self.go(now, history, id)),
            None => self.newest(now, history),
        }
    }

    /// The first entry of all.
    pub(super) fn oldest(&mut self, now: &str, history: &History) -> Option<String> {
        let (id, _) = history.iter().next()?;
        Some(self.go(now, history, id))
    }

    /// Back to the line that was being typed; `None` if the walk is there.
    pub(super) fn newest(&mut self, now: &str, history: &History) -> Option<String> {
        self.at?;
        self.leave(now, history);
        self.at = None;
        Some(self.draft.clone())
    }

    /// To one entry.
    pub(super) fn go(&mut self, now: &str, history: &History, id: EntryId) -> String {
        self.leave(now, history);
        self.at = Some(id);
        let changed = self.changed.get(&id).map(String::as_str);
        changed
            .or_else(|| history.get(id))
            .unwrap_or_default()
            .to_owned()
    }

    fn leave(&mut self, now: &str, history: &History) {
        match self.at {
            None => now.clone_into(&mut self.draft),
            Some(id) if history.get(id) == Some(now) => drop(self.changed.remove(&id)),
            Some(id) if self.changed.len() < CHANGED_MAX => {
                self.changed.insert(id, now.to_owned());
            },
            Some(_) => {},
        }
    }
}

/// Where the cursor comes to one line up or down in a line that has several, at the same column;
/// `None` at the first or last.
pub(super) fn vertical(line: &str, cursor: usize, up: bool) -> Option<usize> {
    let (before, after) = line.split_at_checked(cursor)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = width::width(before.get(start..)?);
    let (from, to) = if up {
        let end = start.checked_sub(1)?;
        (line.get(..end)?.rfind('\n').map_or(0, |at| at + 1), end)
    } else {
        let from = cursor + after.find('\n')? + 1;
        (
            from,
            line.get(from..)?
                .find('\n')
                .map_or(line.len(), |at| from + at),
        )
    };
    let target = line.get(from..to)?;
    let mut used = 0;
    let at = target.grapheme_indices(true).find(|(_, grapheme)| {
        used += width::grapheme_width(grapheme);
        used > column
    });
    Some(at.map_or(to, |(at, _)| from + at))
}

/// The last word of a line, as Alt-. takes it: blanks in quotes or after a backslash do not end it.
pub(super) fn last_word(line: &str) -> Option<&str> {
    let mut start = None;
    let mut last = None;
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        if quote.is_none() && !escaped && c.is_whitespace() {
            if let Some(from) = start.take() {
                last = line.get(from..at);
            }
            continue;
        }
        start.get_or_insert(at);
        match (escaped, quote, c) {
            (true, ..) => escaped = false,
            (_, None | Some('"'), '\\') => escaped = true,
            (_, None, '\'' | '"') => quote = Some(c),
            (_, Some(open), _) if open == c => quote = None,
            _ => {},
        }
    }
    start.and_then(|from| line.get(from..)).or(last)
}
