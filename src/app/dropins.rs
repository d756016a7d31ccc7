//! Drop-in commands: which one a word is, what it is started with, how it ends.

mod look;
mod nodes;
mod target;

use super::{App, Effect};
use crate::command::dropins::{self, DropIn, Listing, State, Wants};
use crate::command::{Command, parse};
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::model::nearest::{nearest, shown};
use crate::session::detach::{self, Detach, Fed};
use look::After;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Three Ctrl-C, however the terminal encodes them, each within this time of the one before, end a
/// drop-in that heeds none.
const THRICE: detach::Config = detach::Config {
    window: Duration::from_millis(500),
    repeat: Duration::ZERO,
    mode: detach::Mode::Forward,
    key: 0x03,
    tilde: false,
};

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
    /// What there is.
    List(Look),
    /// Put those that come with dust, or the one of this name, into the person's own.
    Install(Option<String>),
}

/// A look at the folders of commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// These, the first ones first.
    pub folders: Vec<PathBuf>,
    /// Programs are asked what they are only where the person put them: in these folders…
    pub own: Vec<PathBuf>,
    /// … and of the others, which came with a cluster file, those that the person named.
    pub named: Vec<PathBuf>,
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

/// All that is known of drop-ins.
#[derive(Debug, Default)]
pub(super) struct DropIns {
    listing: Listing,
    asked: BTreeMap<u64, Vec<After>>,
    /// `commands install` that are under way.
    installs: BTreeSet<u64>,
    /// A look at the folders is under way; what it is for.
    looking: Option<u64>,
    /// What the one after it is for.
    later: Vec<After>,
    /// Files that the person has run, or wanted help on.
    named: BTreeSet<PathBuf>,
    told: HashSet<String>,
    /// The one that has the terminal.
    running: Option<Running>,
    /// The largest exit status of local commands in a batch.
    pub(super) worst: u8,
}

/// A drop-in that runs.
#[derive(Debug)]
struct Running {
    name: String,
    /// The nodes that it was given.
    given: Vec<NodeId>,
    /// Counts how often Ctrl-C is typed at it.
    interrupts: Detach,
    /// A run inside it has asked what is known, and may have changed that.
    asked: bool,
}

impl DropIns {
    /// Somebody waits for an answer.
    pub(super) fn are_awaited(&self) -> bool {
        let mut all = self.asked.values().flatten().chain(&self.later);
        all.any(|after| *after != After::Learn) || !self.installs.is_empty()
    }

    /// The nodes that the one that runs was given.
    pub(super) fn given(&self) -> &[NodeId] {
        self.running.as_ref().map_or(&[], |running| &running.given)
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
    /// The drop-in whose name a word is most likely a slip of.
    pub(super) fn near_drop_in(&self, word: &str) -> Option<String> {
        let mut names: Vec<String> = self.drop_ins.ready().map(|one| one.name.clone()).collect();
        if names.is_empty() {
            for folder in self.drop_in_folders(&[]) {
                let files = self.host.list(&folder).into_iter();
                names.extend(files.filter(|(_, folder)| !folder).map(|(name, _)| name));
            }
            names.retain(|name| dropins::is_name(name) && dropins::built_in(name).is_none());
        }
        nearest(word, names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// The drop-in of this name, if there is one, whether or not it can be used.
    pub(super) fn drop_in_named(&self, name: &str) -> Option<DropIn> {
        if !dropins::is_name(name) {
            return None;
        }
        self.host.drop_in(&self.drop_in_folders(&[]), name)
    }

    /// That all lines of a batch are something, before the first of them runs.
    pub(super) fn all_are_known<'a>(
        &self,
        file: Option<&Path>,
        lines: impl Iterator<Item = &'a parse::Line>,
    ) -> Result<()> {
        let mut coming: Vec<&Path> = file.into_iter().collect();
        let mut moves = false;
        for line in lines {
            match line {
                parse::Line::Builtin(Command::Cd { .. }) => moves = true,
                parse::Line::Builtin(Command::Load { file })
                    if moves && !file.is_absolute() && !file.starts_with("~") =>
                {
                    // Where that is, and what lies beside it, is known only then.
                    return Ok(());
                },
                parse::Line::Builtin(Command::Load { file }) => coming.push(file),
                // What these bring may be meant by what follows.
                parse::Line::Builtin(Command::Install { .. }) => return Ok(()),
                parse::Line::DropIn {
                    name, otherwise, ..
                } if self
                    .host
                    .drop_in(&self.drop_in_folders(&coming), name)
                    .is_none() =>
                {
                    return Err(self.no_drop_in(name, otherwise));
                },
                _ => {},
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
        if let State::Refused(why, hint) = &found.state {
            let text = format!("{} is not used: {why}", found.path.display());
            return Err(Error::failed(text).hint(hint));
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
        let (target, ids) = match target {
            Some((target, ids)) => (Some(target), ids),
            None => (None, self.inventory.working().to_vec()),
        };
        if ids.is_empty() && found.hints.wants == Wants::Required {
            return Err(Error::usage("no nodes").hint("load FILE, or start dust with -f FILE"));
        }
        self.cloud_knows(&ids)?;
        let call = self.call(&found, args, target.as_deref(), &ids);
        self.drop_ins.named.insert(found.path);
        self.local_runs = true;
        self.drop_ins.running = Some(Running {
            name: found.name,
            given: ids,
            interrupts: Detach::new(THRICE),
            asked: false,
        });
        self.effects.push_back(Effect::DropIn(Box::new(call)));
        Ok(())
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

    /// A run has asked what is known: one inside the drop-in, if there is one.
    pub fn was_asked_inside(&mut self) {
        if let Some(running) = &mut self.drop_ins.running {
            running.asked = true;
        }
    }

    /// A local command, or a drop-in, has ended.
    pub(super) fn local_ended(&mut self, now: Instant, result: Result<LocalEnd>) {
        self.local_runs = false;
        let running = self.drop_ins.running.take();
        if running.as_ref().is_some_and(|running| running.asked) && !self.is_batch() {
            self.look_at_clouds(now);
        }
        let name = running.map(|running| running.name);
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
        let Some(running) = &mut self.drop_ins.running else {
            return false;
        };
        // It gets all of them in any case.
        let mut passed = Vec::new();
        let fed = running.interrupts.feed(bytes, now, &mut passed);
        matches!(fed, Fed::Detached { .. })
    }
}
