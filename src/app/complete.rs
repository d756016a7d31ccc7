//! What Tab may insert: dust's own words from the command table, files and programs from the host.

use super::App;
use crate::command::complete::{self as table, What};
use crate::edit::complete::{Candidate, Completion, Quoting};
use std::path::Path;

/// A menu of more is of no use.
const CANDIDATES_MAX: usize = 1000;

impl App {
    /// The candidates for what stands before the cursor.
    pub(super) fn completion(&self, line: &str, cursor: usize) -> Completion {
        let found = table::context(line, cursor, &|name| self.drop_ins.wants(name));
        let mut offered = self.offered(&found);
        let mut next = found.other.as_deref();
        while let Some(found) = next {
            let other = self.offered(found);
            if offered.candidates.is_empty() {
                offered = other;
            } else if offered.start == other.start {
                // Both are written in the way that suits either: names need no quoting.
                offered.quoting = other.quoting;
                offered.candidates.extend(other.candidates);
                offered.candidates.truncate(CANDIDATES_MAX);
            }
            next = found.other.as_deref();
        }
        offered
    }

    fn offered(&self, found: &table::Completion) -> Completion {
        let target = matches!(
            found.what,
            What::Target | What::Numbers { .. } | What::AttributeValue { .. }
        );
        let quoting = match (found.quote, target) {
            (Some('\''), _) => Quoting::Single,
            (Some(_), _) => Quoting::Double,
            (None, true) => Quoting::Raw,
            (None, false) => Quoting::Backslash,
        };
        let mut candidates: Vec<Candidate> = match &found.what {
            What::File => self.files(&found.prefix, false),
            What::Dir => self.files(&found.prefix, true),
            What::Program => self.programs(&found.prefix),
            What::CommandName => {
                let mut all = own(found, self);
                let names = self.drop_ins.ready().map(|one| one.name.clone());
                let names = names.filter(|name| name.starts_with(&found.prefix));
                all.extend(names.map(Candidate::word));
                all.extend(self.programs(&found.prefix));
                all
            },
            What::Topic => {
                let mut all = own(found, self);
                let names = self.drop_ins.ready().map(|one| one.name.clone());
                let names = names.filter(|name| name.starts_with(&found.prefix));
                all.extend(names.map(Candidate::word));
                all
            },
            _ => own(found, self),
        };
        candidates.truncate(CANDIDATES_MAX);
        // A quote that is open belongs to the word that is replaced.
        let start = found.start;
        for candidate in &mut candidates {
            if matches!(found.what, What::File | What::Dir) && !found.head.is_empty() {
                candidate.text.insert_str(0, &found.head);
            }
        }
        Completion {
            start,
            quoting,
            candidates,
        }
    }

    fn programs(&self, prefix: &str) -> Vec<Candidate> {
        if prefix.is_empty() {
            return Vec::new();
        }
        let mut names: Vec<String> = self
            .host
            .programs()
            .into_iter()
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort();
        names.dedup();
        names.into_iter().map(Candidate::word).collect()
    }

    fn files(&self, prefix: &str, only_folders: bool) -> Vec<Candidate> {
        let (folder, start) = match prefix.rfind('/') {
            Some(at) => prefix.split_at(at + 1),
            None => ("", prefix),
        };
        let path = self.full_path(Path::new(if folder.is_empty() { "." } else { folder }));
        let mut files = self.host.list(&path);
        files.retain(|(name, is_folder)| {
            name.starts_with(start)
                && (*is_folder || !only_folders)
                && (!name.starts_with('.') || start.starts_with('.'))
        });
        files.sort();
        files
            .into_iter()
            .map(|(name, is_folder)| {
                let suffix = if is_folder { '/' } else { ' ' };
                let shown = if is_folder {
                    format!("{name}/")
                } else {
                    name.clone()
                };
                Candidate::word(format!("{folder}{name}"))
                    .suffix(Some(suffix))
                    .display(shown)
            })
            .collect()
    }
}

fn own(found: &table::Completion, app: &App) -> Vec<Candidate> {
    table::candidates(found, app.inventory.nodes())
        .into_iter()
        .map(|candidate| {
            let suffix = if candidate.more { None } else { Some(' ') };
            Candidate::word(candidate.text).suffix(suffix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::words;
    use crate::edit::complete::quote;
    use proptest::prelude::*;

    proptest! {
        /// What the editor writes is what the command line reads.
        #[test]
        fn a_quoted_word_is_read_as_one(text in "(?s:.){1,12}", how in 0_usize..3) {
            let quoting = [Quoting::Backslash, Quoting::Single, Quoting::Double][how];
            let line = format!("load {}", quote(&text, quoting, true));
            let words = words::words_from(&line, 0);
            let words: Vec<String> = words.iter().map(words::Word::text).collect();
            prop_assert_eq!(words, ["load", &text]);
        }
    }
}
