//! Drop-in commands: where they are looked for, what they are started with, how they end, and what
//! `help` and `commands` say of them.

mod nodes;

use super::{App, Effect};
use crate::command::dropins::{self, DropIn, First, Listing, State, Wants};
use crate::command::{help, parse, topics};
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::model::nearest::{nearest, shown};
use crate::target::may_mean_nodes;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Ctrl-C so often, each within [`THRICE_GAP`] of the one before, ends a drop-in that heeds none.
const THRICE: usize = 3;
const THRICE_GAP: Duration = Duration::from_millis(500);
const CTRL_C: u8 = 0x03;

/// A drop-in that is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its arguments, without the target.
    pub args: Vec<OsString>,
    /// The nodes that were selected, as JSON (dust-commands(7)).
    pub nodes: String,
    /// Their names, one a line.
    pub names: String,
}

/// What is asked of the folders of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropInAsk {
    /// What is in these, the first ones first.
    List(Vec<PathBuf>),
    /// Put those that come with dust, or the one of this name, into the person's own.
    Install(Option<String>),
}

/// What came of it.
#[derive(Debug)]
pub enum DropInNews {
    /// What there is.
    Listed(Listing),
    /// What was put there, in lines.
    Installed(Result<Vec<String>>),
}

/// How a local command has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalEnd {
    /// Its exit status, with the signal that killed it as 128 + its number, as shells have it.
    pub code: u8,
    /// That signal.
    pub signal: Option<u8>,
}

impl LocalEnd {
    /// From what the system says.
    pub fn of(code: Option<i32>, signal: Option<i32>) -> Self {
        let signal = signal.and_then(|signal| u8::try_from(signal & 127).ok());
        let code = code.unwrap_or_else(|| 128 + i32::from(signal.unwrap_or(0)));
        Self {
            code: u8::try_from(code & 255).unwrap_or(u8::MAX),
            signal,
        }
    }
}

/// What a look at the folders is for.
#[derive(Debug, PartialEq, Eq)]
enum After {
    /// To know for completion and did-you-mean, and to tell what is not used.
    Learn,
    /// `help`.
    Overview,
    /// `help WORD`.
    About(String),
    /// `commands`.
    List,
    /// `commands install`.
    Install,
}

/// All that is known of drop-ins.
#[derive(Debug, Default)]
pub(super) struct DropIns {
    listing: Listing,
    asked: BTreeMap<u64, Vec<After>>,
    /// A look at the folders is under way; what it is for.
    looking: Option<u64>,
    told: HashSet<String>,
    /// The one that has the terminal.
    running: Option<String>,
    /// The nodes that it was given.
    given: Vec<NodeId>,
    /// When Ctrl-C was typed at it.
    interrupts: VecDeque<Instant>,
    /// The largest exit status of local commands in a batch.
    pub(super) worst: u8,
}

impl DropIns {
    /// Somebody waits for an answer.
    pub(super) fn are_awaited(&self) -> bool {
        let mut all = self.asked.values().flatten();
        all.any(|after| *after != After::Learn)
    }

    /// The nodes that the one that runs was given.
    pub(super) fn given(&self) -> &[NodeId] {
        &self.given
    }

    /// Those that can be used, as far as was looked.
    pub(super) fn ready(&self) -> impl Iterator<Item = &DropIn> {
        self.listing.ready()
    }

    /// What the one of this name does with a target.
    pub(super) fn wants(&self, name: &str) -> Option<Wants> {
        let mut ready = self.ready();
        let found = ready.find(|one| one.name == name)?;
        Some(found.hints.wants)
    }
}

impl App {
    /// Where drop-ins are looked for, the first place first. `file`: one that will be loaded.
    fn drop_in_folders(&self, file: Option<&Path>) -> Vec<PathBuf> {
        let (mut folders, own) = self.host.drop_in_folders();
        let clusters = self.inventory.clusters().iter().rev();
        let loaded =
            clusters.filter_map(|cluster| Some(self.sources.get(&cluster.name)?.0.clone()));
        let coming = file.map(|file| self.full_path(file));
        for path in coming.into_iter().chain(loaded) {
            if let Some(folder) = path.parent() {
                folders.push(folder.join("commands"));
            }
        }
        folders.extend(own);
        let mut seen = HashSet::new();
        folders.retain(|folder| seen.insert(folder.clone()));
        folders
    }

    fn ask_drop_ins(&mut self, after: After, ask: DropInAsk) -> u64 {
        self.next_request += 1;
        self.drop_ins.asked.insert(self.next_request, vec![after]);
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
            asked.push(after);
            return;
        }
        let folders = self.drop_in_folders(None);
        self.drop_ins.looking = Some(self.ask_drop_ins(after, DropInAsk::List(folders)));
    }

    /// Looks what there is, in the background. In a batch nobody needs to know.
    pub(super) fn learn_drop_ins(&mut self) {
        if !self.is_batch() {
            self.look_for(After::Learn);
        }
    }

    /// `help`.
    pub(super) fn help_overview(&mut self) {
        self.look_for(After::Overview);
    }

    /// `help WORD`.
    pub(super) fn help_about(&mut self, word: String) {
        self.look_for(After::About(word));
    }

    /// `commands`.
    pub(super) fn list_drop_ins(&mut self) {
        self.look_for(After::List);
    }

    /// `commands install`.
    pub(super) fn install_drop_ins(&mut self, name: Option<String>) {
        self.ask_drop_ins(After::Install, DropInAsk::Install(name));
    }

    /// News of the folders.
    pub(super) fn drop_in_news(&mut self, request: u64, news: DropInNews) {
        let Some(after) = self.drop_ins.asked.remove(&request) else {
            return;
        };
        match news {
            DropInNews::Listed(listing) => {
                self.drop_ins.listing = listing;
                self.drop_ins.looking = None;
                for after in after {
                    self.drop_ins_listed(after);
                }
            },
            DropInNews::Installed(Ok(lines)) => {
                for line in lines {
                    self.notice(&line);
                }
                self.learn_drop_ins();
            },
            DropInNews::Installed(Err(error)) => self.error(&error),
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
                let folders = self.drop_in_folders(None);
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
            After::Learn | After::Install => {
                for trouble in self.drop_ins.listing.troubles() {
                    if self.drop_ins.told.insert(trouble.clone()) {
                        self.notice(&trouble);
                    }
                }
            },
        }
    }

    /// The drop-in whose name a word is most likely a slip of.
    pub(super) fn near_drop_in(&self, word: &str) -> Option<String> {
        let mut names: Vec<String> = self.drop_ins.ready().map(|one| one.name.clone()).collect();
        if names.is_empty() {
            for folder in self.drop_in_folders(None) {
                let files = self.host.list(&folder).into_iter();
                names.extend(files.filter(|(_, folder)| !folder).map(|(name, _)| name));
            }
            names.retain(|name| dropins::is_name(name));
        }
        nearest(word, names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// The drop-in of this name, if there is one, whether or not it can be used.
    pub(super) fn drop_in_named(&self, name: &str) -> Option<DropIn> {
        if !dropins::is_name(name) {
            return None;
        }
        self.host.drop_in(&self.drop_in_folders(None), name)
    }

    /// That all lines of a batch are something, before the first of them runs.
    pub(super) fn all_are_known<'a>(
        &self,
        file: Option<&Path>,
        lines: impl Iterator<Item = &'a parse::Line>,
    ) -> Result<()> {
        for line in lines {
            let parse::Line::DropIn {
                name, otherwise, ..
            } = line
            else {
                continue;
            };
            if self
                .host
                .drop_in(&self.drop_in_folders(file), name)
                .is_none()
            {
                return Err(self.no_drop_in(name, otherwise));
            }
        }
        Ok(())
    }

    fn no_drop_in(&self, name: &str, otherwise: &Error) -> Error {
        // A command of dust's own is nearer.
        let near = match crate::command::nearest_command(name) {
            None => self.near_drop_in(name),
            Some(_) => None,
        };
        let Some(near) = near else {
            return otherwise.clone();
        };
        let error = Error::usage(format!("no command `{}`", shown(name)))
            .hint(format!("did you mean {near}?"));
        match otherwise.place() {
            Some(place) => error.at(&place.file, place.line),
            None => error,
        }
    }

    /// A line of a drop-in.
    pub(super) fn drop_in(
        &mut self,
        name: &str,
        words: Vec<OsString>,
        otherwise: &Error,
    ) -> Result<()> {
        let found = self.drop_in_named(name);
        let found = found.ok_or_else(|| self.no_drop_in(name, otherwise))?;
        match &found.state {
            State::Ready => {},
            State::Shadowed(why) => {
                return Err(Error::usage(format!("{name} is not used: {why}")));
            },
            State::Refused(why, hint) => {
                let text = format!("{} is not used: {why}", found.path.display());
                return Err(Error::failed(text).hint(hint));
            },
        }
        if self.drop_ins.listing.find(name).map(|known| &known.path) != Some(&found.path) {
            // It is new.
            self.learn_drop_ins();
        }
        if self.local_runs {
            return Err(Error::failed("a local command runs already"));
        }
        let misuse = |error: Error| {
            let usage = format!("usage: {}", found.usage());
            Error::usage(format!("{name}: {error}")).hint(usage)
        };
        let (target, args) = self.drop_in_target(&found, words).map_err(misuse)?;
        let ids = match &target {
            Some(target) => self.resolve(target)?.ids().to_vec(),
            None => self.inventory.working().to_vec(),
        };
        if ids.is_empty() && found.hints.wants == Wants::Required {
            return Err(Error::usage("no nodes").hint("load FILE, or start dust with -f FILE"));
        }
        self.cloud_knows(&ids)?;
        let call = self.call(&found, args, target.as_deref(), &ids);
        self.local_runs = true;
        self.drop_ins.running = Some(found.name);
        self.drop_ins.given = ids;
        self.drop_ins.interrupts.clear();
        self.effects.push_back(Effect::DropIn(Box::new(call)));
        Ok(())
    }

    /// The target among the words, and the arguments.
    fn drop_in_target(
        &self,
        found: &DropIn,
        mut words: Vec<OsString>,
    ) -> Result<(Option<String>, Vec<OsString>)> {
        let first = words
            .first()
            .map(|word| word.to_string_lossy().into_owned());
        let target = match dropins::first(found.hints.wants, first.as_deref())? {
            First::Nothing => return Ok((None, words)),
            First::End => None,
            First::Target(target) => {
                self.resolve(target)?;
                Some(target.to_owned())
            },
            First::Surely(target) => {
                self.resolve(target).map_err(or_argument)?;
                Some(target.to_owned())
            },
            First::Maybe(word) => match self.resolve(word) {
                Ok(_) => Some(word.to_owned()),
                Err(error) if may_mean_nodes(word, self.inventory.nodes()) => {
                    return Err(or_argument(error));
                },
                Err(_) => return Ok((None, words)),
            },
        };
        words.remove(0);
        Ok((target, words))
    }

    fn call(
        &self,
        found: &DropIn,
        args: Vec<OsString>,
        target: Option<&str>,
        ids: &[NodeId],
    ) -> Call {
        Call {
            name: found.name.clone(),
            path: found.path.clone(),
            args,
            nodes: self.nodes_for(&found.name, target, ids),
            names: self.names_for(ids),
        }
    }

    /// A local command, or a drop-in, has ended.
    pub(super) fn local_ended(&mut self, result: Result<LocalEnd>) {
        self.local_runs = false;
        let name = self.drop_ins.running.take();
        self.drop_ins.given.clear();
        let end = match result {
            Ok(end) => end,
            Err(error) => {
                self.error(&error);
                return;
            },
        };
        if self.is_batch() {
            self.drop_ins.worst = self.drop_ins.worst.max(end.code);
        }
        match (name, end) {
            (
                Some(name),
                LocalEnd {
                    signal: Some(signal),
                    ..
                },
            ) => {
                self.notice(&format!("{name} was killed by signal {signal}"));
            },
            (_, LocalEnd { code: 0, .. }) => {},
            _ if self.is_batch() => {},
            (Some(name), LocalEnd { code, .. }) => self.notice(&format!("{name}: exit {code}")),
            (None, LocalEnd { code, .. }) => self.notice(&format!("exit {code}")),
        }
    }

    /// Keys for the local command that has the terminal. True: it is to be killed, since it heeds no
    /// Ctrl-C.
    pub fn kills_local(&mut self, now: Instant, bytes: &[u8]) -> bool {
        if self.drop_ins.running.is_none() {
            return false;
        }
        let interrupts = &mut self.drop_ins.interrupts;
        for byte in bytes {
            if *byte != CTRL_C {
                interrupts.clear();
                continue;
            }
            if interrupts
                .back()
                .is_some_and(|last| now.saturating_duration_since(*last) > THRICE_GAP)
            {
                interrupts.clear();
            }
            interrupts.push_back(now);
        }
        let kills = interrupts.len() >= THRICE;
        if kills {
            interrupts.clear();
        }
        kills
    }

    /// `reload`.
    pub(super) fn reload(&mut self, now: Instant) -> Result<()> {
        let clusters = self.inventory.clusters().iter();
        let files = clusters.filter_map(|cluster| self.sources.get(&cluster.name).cloned());
        let files: Vec<_> = files.collect();
        let mut result = Ok(());
        for (path, digest) in files {
            let same = self.host.read_text(&path);
            if same.is_ok_and(|text| super::digest(&text) == digest) {
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

/// Why a word is no target, if it was meant as one.
fn or_argument(error: Error) -> Error {
    error.also_hint("-- before it says that it is an argument")
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
