//! The folders of drop-in commands: which they are, when they are looked at, and what `help`,
//! `commands` and `reload` say of what is there.

use super::super::{App, Effect};
use super::{DropInAsk, DropInNews, Look};
use crate::command::dropins::{DropIn, State};
use crate::command::{help, topics};
use crate::error::{Error, Result};
use crate::model::nearest::shown;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a look at the folders is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    /// To know for completion and did-you-mean, and to tell what is not used.
    Learn,
    /// `help`.
    Overview,
    /// `help WORD`.
    About(String),
    /// `commands`.
    List,
}

impl App {
    /// Where drop-ins are looked for, the first place first. `coming`: files that will be loaded, the
    /// last one last.
    pub(super) fn drop_in_folders(&self, coming: &[&Path]) -> Vec<PathBuf> {
        let (mut folders, own) = self.host.drop_in_folders();
        let clusters = self.inventory.clusters().iter().rev();
        let loaded =
            clusters.filter_map(|cluster| Some(self.sources.get(&cluster.name)?.0.clone()));
        let coming = coming.iter().rev().map(|file| self.full_path(file));
        for path in coming.chain(loaded) {
            if let Some(folder) = path.parent() {
                folders.push(folder.join("commands"));
            }
        }
        folders.extend(own);
        let mut seen = HashSet::new();
        folders.retain(|folder| seen.insert(folder.clone()));
        folders
    }

    fn ask_drop_ins(&mut self, ask: DropInAsk) -> u64 {
        self.next_request += 1;
        self.effects
            .push_back(Effect::DropIns(self.next_request, ask));
        self.next_request
    }

    fn look_for(&mut self, after: After) {
        // Programs are asked once, not by two looks at a time.
        let drop_ins = &mut self.drop_ins;
        if let Some(under_way) = drop_ins.looking
            && let Some(asked) = drop_ins.asked.get_mut(&under_way)
        {
            match after {
                // The one that is named may not have been asked.
                After::About(_) => drop_ins.later.push(after),
                _ => asked.push(after),
            }
            return;
        }
        let (first, last) = self.host.drop_in_folders();
        let look = Look {
            folders: self.drop_in_folders(&[]),
            own: first.into_iter().chain(last).collect(),
            named: self.drop_ins.named.iter().cloned().collect(),
        };
        let request = self.ask_drop_ins(DropInAsk::List(look));
        self.drop_ins.asked.insert(request, vec![after]);
        self.drop_ins.looking = Some(request);
    }

    /// Looks what there is, in the background. In a batch nobody needs to know.
    pub(in crate::app) fn learn_drop_ins(&mut self) {
        if !self.is_batch() {
            self.look_for(After::Learn);
        }
    }

    /// `help`.
    pub(in crate::app) fn help_overview(&mut self) {
        self.look_for(After::Overview);
    }

    /// `help WORD`.
    pub(in crate::app) fn help_about(&mut self, word: String) {
        let named = self.drop_in_named(&word).map(|found| found.path);
        self.drop_ins.named.extend(named);
        self.look_for(After::About(word));
    }

    /// `commands`.
    pub(in crate::app) fn list_drop_ins(&mut self) {
        self.look_for(After::List);
    }

    /// `commands install`.
    pub(in crate::app) fn install_drop_ins(&mut self, name: Option<String>) {
        let request = self.ask_drop_ins(DropInAsk::Install(name));
        self.drop_ins.installs.insert(request);
    }

    /// News of the folders.
    pub(in crate::app) fn drop_in_news(&mut self, request: u64, news: DropInNews) {
        match news {
            DropInNews::Listed(listing) => {
                let Some(after) = self.drop_ins.asked.remove(&request) else {
                    return;
                };
                self.drop_ins.listing = listing;
                self.drop_ins.looking = None;
                for after in after {
                    self.drop_ins_listed(after);
                }
                for after in std::mem::take(&mut self.drop_ins.later) {
                    self.look_for(after);
                }
            },
            DropInNews::Installed(done) => {
                self.drop_ins.installs.remove(&request);
                match done {
                    Ok(lines) => {
                        for line in lines {
                            self.notice(&line);
                        }
                        self.learn_drop_ins();
                    },
                    Err(error) => self.error(&error),
                }
            },
        }
    }

    fn drop_ins_listed(&mut self, after: After) {
        let listing = &self.drop_ins.listing;
        match after {
            After::Overview => {
                let columns = self.help_columns();
                let drop_ins = help::drop_ins(listing, columns);
                self.answer(&(help::about(topics::Subject::Overview, columns) + &drop_ins));
            },
            After::About(word) => match listing.find(&word) {
                Some(found) => {
                    let text = found.help(self.help_columns());
                    self.answer(&text);
                },
                None => {
                    let error = match self.near_drop_in(&word) {
                        Some(near) => Error::usage(format!("no help on `{}`", shown(&word)))
                            .hint(format!("did you mean {near}?")),
                        None => topics::subject(&word)
                            .err()
                            .unwrap_or_else(|| no_help(&word)),
                    };
                    self.error(&error);
                },
            },
            After::List if self.setup.json => {
                let lines = listing.all.iter().map(as_json);
                let text: String = lines.collect();
                self.answer(&text);
            },
            After::List if listing.all.is_empty() && listing.folders.is_empty() => {
                let folders = self.drop_in_folders(&[]);
                let folders: Vec<String> = folders
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                let folders = folders.join(", ");
                self.notice(&format!(
                    "no drop-in commands in {folders} (commands install puts some there)"
                ));
            },
            After::List => {
                let text = help::drop_in_rows(listing, self.help_columns());
                let places = listing
                    .ready()
                    .map(|one| format!("{} is {}\n", one.name, one.path.display()));
                let text = text.trim_start().to_owned() + &places.collect::<String>();
                let troubles = listing.troubles();
                self.answer(&text);
                for trouble in troubles {
                    self.notice(&trouble);
                }
            },
            After::Learn => {
                for trouble in self.drop_ins.listing.troubles() {
                    if self.drop_ins.told.insert(trouble.clone()) {
                        self.notice(&trouble);
                    }
                }
            },
        }
    }

    /// `reload`.
    pub(in crate::app) fn reload(&mut self, now: Instant) -> Result<()> {
        let clusters = self.inventory.clusters().iter();
        let files = clusters.filter_map(|cluster| self.sources.get(&cluster.name).cloned());
        let files: Vec<_> = files.collect();
        let mut result = Ok(());
        for (path, digest) in files {
            let same = self.host.read_text(&path);
            if same.is_ok_and(|text| super::super::digest(&text) == digest) {
                self.notice(&format!("{} has not changed", path.display()));
            } else if let Err(error) = self.load_and_tell(now, &path) {
                // The others are read all the same.
                if let Err(before) = std::mem::replace(&mut result, Err(error)) {
                    self.error(&before);
                }
            }
        }
        self.learn_drop_ins();
        result
    }
}

fn no_help(word: &str) -> Error {
    Error::usage(format!("no help on `{}`", shown(word)))
}

fn as_json(one: &DropIn) -> String {
    let (used, why) = match &one.state {
        State::Ready => (true, None),
        State::Shadowed(why) | State::Refused(why, _) => (false, Some(why)),
    };
    let value = serde_json::json!({
        "command": one.name,
        "file": one.path.display().to_string(),
        "usage": one.usage(),
        "help": one.hints.summary,
        "used": used,
        "reason": why,
    });
    format!("{value}\n")
}
