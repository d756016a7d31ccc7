//! `log`: what each node prints, one file a node, as [`LogLines`] writes it. Answers that nobody may
//! see, and all that is typed into commands, are in none.

use super::App;
use super::keep::{KeepNews, Owner, Rotate};
use crate::command::settings::{Change, Origin};
use crate::error::{Error, Result};
use crate::model::{NodeId, Outcome};
use crate::output::{LogLines, Sign, log_head, log_name, status};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is written for a command that is kept out of the history.
const PRIVATE: &str = "(a line that is kept out of the history)";

/// One node's log.
#[derive(Debug)]
struct NodeLog {
    path: Arc<Path>,
    owner: Arc<Owner>,
    lines: LogLines,
    /// The command of this job was written.
    job: Option<u64>,
    /// So many lines are missing.
    lost: u64,
    /// There is something to write.
    dirty: bool,
}

/// The logs of all nodes.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    nodes: BTreeMap<NodeId, NodeLog>,
    /// There is something to write of these.
    dirty: Vec<NodeId>,
    /// The time of this turn, as it is written.
    time: (Option<Instant>, String),
}

impl App {
    /// `log` without a folder.
    pub(super) fn show_log(&mut self) {
        let text = match &self.log {
            None => "nothing is logged".to_owned(),
            Some(log) => {
                let keep = self.settings.log_keep;
                let size = crate::command::settings::find("log-size");
                let size = size.map_or(String::new(), |size| size.show(&self.settings));
                let limit = match self.settings.log_size {
                    None => "as large as they get".to_owned(),
                    Some(_) => format!("up to {size}, {keep} older ones kept"),
                };
                let lost = match log.nodes.values().map(|node| node.lost).sum() {
                    0 => String::new(),
                    lost => format!("; {}", missing(lost)),
                };
                format!("logging to {} (files {limit}){lost}", log.folder.display())
            },
        };
        self.answer_line(&text);
    }

    /// `log FOLDER`, `log off`.
    pub(super) fn set_log(&mut self, folder: Option<PathBuf>) -> Result<()> {
        let folder = folder.map(|folder| self.full_path(&folder));
        self.begin_log(folder.as_deref())?;
        let text = match &folder {
            Some(folder) => format!("logging to {}", folder.display()),
            None => "no log from now on".to_owned(),
        };
        self.settings.apply(Change::Log(folder), Origin::Set);
        self.notice(&text);
        Ok(())
    }

    /// What the settings say at the start.
    pub(super) fn start_log(&mut self) {
        let folder = self.settings.log.clone();
        if folder.is_some()
            && let Err(error) = self.begin_log(folder.as_deref())
        {
            self.settings.apply(Change::Log(None), Origin::Default);
            self.error(&error);
        }
    }

    fn begin_log(&mut self, folder: Option<&Path>) -> Result<()> {
        if let Some(folder) = folder {
            self.host.make_folder(folder, true).map_err(|error| {
                let why = super::nodes::reason(&error);
                Error::usage(format!("cannot log to {}: {why}", folder.display()))
            })?;
        }
        self.end_log();
        self.log = folder.map(|folder| Log {
            folder: folder.to_owned(),
            nodes: BTreeMap::new(),
            dirty: Vec::new(),
            time: (None, String::new()),
        });
        // Commands that run already are in the new one, too.
        for id in self.fleet.ids() {
            let run = self.fleet.get(id);
            if let Some(job) = run.and_then(|run| run.current.as_ref().map(|current| current.job)) {
                self.log_command(id, job, None);
            }
        }
        Ok(())
    }

    /// The log is whole: lines that have not ended are written, too.
    pub(super) fn end_log(&mut self) {
        let Some(log) = &mut self.log else { return };
        log.dirty = log.nodes.keys().copied().collect();
        for node in log.nodes.values_mut() {
            node.lines.close();
        }
        self.flush_log();
    }

    /// Does something with a node's log, if there is one.
    fn with_log(&mut self, id: NodeId, write: impl FnOnce(&mut NodeLog, &str)) {
        if self.log.is_none() || self.fleet.bastions.get(id).is_some() {
            return;
        }
        let known = |log: &Log| log.nodes.contains_key(&id);
        if !self.log.as_ref().is_some_and(known) {
            self.new_node_log(id);
        }
        let now = self.now;
        let Some(log) = &mut self.log else { return };
        if log.time.1.is_empty() || log.time.0 != now {
            log.time = (now, self.host.wall().to_string());
        }
        let Some(node) = log.nodes.get_mut(&id) else {
            return;
        };
        write(node, &log.time.1);
        if !std::mem::replace(&mut node.dirty, true) {
            log.dirty.push(id);
        }
    }

    /// A node's log begins. Of nodes that share a name, in this run or in others, the first has the
    /// file of that name, which says whose it is.
    fn new_node_log(&mut self, id: NodeId) {
        let (node, cluster) = match self.inventory.get(id) {
            Some(node) => (node.name.clone(), node.cluster.clone()),
            None => (self.name(id), String::new()),
        };
        let Some(log) = &mut self.log else { return };
        let file = |name: &str| log.folder.join(log_name(name));
        let owner = Owner {
            head: log_head(&node, &cluster),
            beside: file(&format!("{cluster}/{node}")),
        };
        let begun = NodeLog {
            path: file(&node).into(),
            owner: Arc::new(owner),
            lines: LogLines::default(),
            job: None,
            lost: 0,
            dirty: false,
        };
        log.nodes.insert(id, begun);
    }

    /// A node printed this.
    pub(super) fn log_output(&mut self, id: NodeId, bytes: &[u8]) {
        self.with_log(id, |node, time| node.lines.push(time, bytes));
    }

    /// A command begins on a node.
    pub(super) fn log_command(&mut self, id: NodeId, job: u64, text: Option<&[u8]>) {
        if self.log.is_none() {
            return;
        }
        let private = self.jobs.is_private(job);
        let text = match text {
            _ if private => PRIVATE.to_owned(),
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => self.jobs.text(job).to_owned(),
        };
        self.with_log(id, |node, time| {
            node.lines.entry(time, Sign::Command, &text);
            node.job = Some(job);
        });
    }

    /// A command has ended on a node, or could not begin there.
    pub(super) fn log_end(
        &mut self,
        job: u64,
        id: NodeId,
        outcome: &Outcome,
        took: Option<Duration>,
    ) {
        let Some(log) = &self.log else { return };
        let begun = log.nodes.get(&id).is_some_and(|node| node.job == Some(job));
        if !begun {
            self.log_command(id, job, None);
        }
        let text = match (outcome, took) {
            (Outcome::Exit(0), Some(took)) => format!("exit 0 ({})", status::duration(took)),
            (Outcome::Exit(0), None) => "exit 0".to_owned(),
            (outcome, Some(took)) => status::outcome_after(outcome, took),
            (outcome, None) => status::outcome(outcome),
        };
        self.with_log(id, |node, time| {
            node.lines.entry(time, Sign::End, &text);
            node.job = None;
        });
    }

    /// What dust says of a node.
    pub(super) fn log_note(&mut self, id: NodeId, text: &str) {
        self.with_log(id, |node, time| node.lines.entry(time, Sign::Note, text));
    }

    /// Writes what there is.
    pub(super) fn flush_log(&mut self) {
        let Some(log) = &mut self.log else { return };
        let rotate = self.settings.log_size.map(|size| Rotate {
            size,
            keep: self.settings.log_keep,
        });
        let dirty = std::mem::take(&mut log.dirty);
        let mut texts = Vec::new();
        for id in dirty {
            let Some(node) = log.nodes.get_mut(&id) else {
                continue;
            };
            node.dirty = false;
            let mut text = node.lines.take();
            if text.is_empty() {
                continue;
            }
            let lost = std::mem::take(&mut node.lost);
            let lines = lost + memchr::memchr_iter(b'\n', &text).count() as u64;
            if lost > 0 {
                let mut note = LogLines::default();
                let what = format!("{} here", missing(lost));
                note.entry(&log.time.1, Sign::Note, &what);
                text = [note.take(), text].concat();
            }
            let owner = Arc::clone(&node.owner);
            texts.push((Arc::clone(&node.path), owner, text, lines));
        }
        for (path, owner, text, lines) in texts {
            if !self.keep(&path, Some(Arc::clone(&owner)), text, lines, rotate) {
                self.log_lost(&path, &owner, lines);
            }
        }
    }

    /// Lines of a file could not be written. True: it is a log that goes on, and counts them.
    pub(super) fn log_failed(&mut self, news: &KeepNews) -> bool {
        let owner = news.owner.as_ref();
        owner.is_some_and(|owner| self.log_lost(&news.path, owner, news.lines))
    }

    fn log_lost(&mut self, path: &Path, owner: &Owner, lines: u64) -> bool {
        let nodes = self.log.as_mut().map(|log| log.nodes.values_mut());
        let found = nodes
            .into_iter()
            .flatten()
            .find(|node| *node.path == *path && *node.owner == *owner);
        let is_there = found.is_some();
        if let Some(node) = found {
            node.lost += lines;
        }
        is_there
    }

    /// The run is about to end: all that is to be written goes out.
    pub fn finish_files(&mut self) {
        self.end_log();
        self.end_recording();
    }
}

fn missing(lines: u64) -> String {
    match lines {
        1 => "1 line is missing".to_owned(),
        lines => format!("{lines} lines are missing"),
    }
}
