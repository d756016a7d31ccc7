//! Files of nodes on their way here.

use super::super::{App, Effect};
use super::disk::{Below, DiskAsk, DiskNews, FileKey};
use super::{Engine, Ticket, Work, args, brief_of};
use crate::command::Copying;
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::session::sftp::download::{Download, Place, Shared, Wish};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Where all of it goes.
#[derive(Debug)]
pub(super) struct Sink {
    root: Arc<Path>,
    pub(super) patterns: Vec<Vec<u8>>,
    pub(super) deep: bool,
    /// The nodes' names, as names of files have them.
    pub(super) names: HashMap<NodeId, Vec<u8>>,
    shared: Shared,
    /// The files that are open here, by node and number.
    pub(super) keys: HashMap<(usize, usize), FileKey>,
}

impl Sink {
    /// True if this is the last of several files that were asked for.
    pub(super) fn last_of_several(&self, path: &[u8]) -> bool {
        self.patterns.len() > 1 && self.patterns.last().is_some_and(|last| last == path)
    }
}

impl App {
    /// `get TARGET FILE… [DIR]`.
    pub(in crate::app) fn get(
        &mut self,
        now: Instant,
        words: Vec<PathBuf>,
        copy: Copying,
    ) -> Result<()> {
        let words = self.get_words(words)?;
        let root = self.full_path(words.dir.as_deref().unwrap_or_else(|| Path::new("")));
        let ids = self.running_of(words.targets.into_iter().collect())?;
        if !self.host.is_dir(&root) {
            let slash = |dir: &PathBuf| dir.as_os_str().as_bytes().ends_with(b"/");
            if !words.dir.as_ref().is_some_and(slash) {
                let text = format!("get: there is no folder {}", root.display());
                return Err(Error::failed(text));
            }
            self.host.make_folder(&root, false).map_err(|error| {
                let why = crate::app::reason(&error);
                Error::failed(format!("get: cannot make {}: {why}", root.display()))
            })?;
        }
        let patterns = words.files.iter().map(|file| args::remote(Some(file)));
        let sink = Sink {
            root: Arc::from(root),
            patterns: patterns.collect(),
            deep: copy.deep,
            names: self.file_names(&ids),
            shared: Shared::new(self.transfers.list.len()),
            keys: HashMap::new(),
        };
        let text = format!("get {}", brief_of(&words.files));
        let job = self.begin_transfer(now, "get", &text, ids, copy, Vec::new())?;
        let Some(transfer) = self.transfers.get_mut(job) else {
            return Ok(());
        };
        transfer.work = Work::Get(Box::new(sink));
        for at in 0..transfer.members.len() {
            self.begin_member(job, at);
        }
        Ok(())
    }

    /// A name for each node's files that no other of them has.
    fn file_names(&self, ids: &[NodeId]) -> HashMap<NodeId, Vec<u8>> {
        let mut names = HashMap::new();
        let mut taken: Vec<String> = Vec::new();
        for id in ids {
            let name = self.name(*id).replace(['/', '\0'], ".");
            let mut free = name.clone();
            while taken.contains(&free) || matches!(free.as_str(), "" | "." | "..") {
                free = format!("{name}-{}", taken.len());
            }
            taken.push(free.clone());
            names.insert(*id, free.into_bytes());
        }
        names
    }

    /// Does something with what brings a node's files, and then what it wishes for.
    pub(super) fn with_download<R>(
        &mut self,
        job: u64,
        at: usize,
        act: impl FnOnce(&mut Download, &mut Shared) -> R,
    ) -> Option<R> {
        let transfer = self.transfers.get_mut(job)?;
        let Work::Get(sink) = &mut transfer.work else {
            return None;
        };
        let member = transfer.members.get_mut(at)?;
        let id = member.id;
        let Some(Engine::Down(download)) = &mut member.engine else {
            return None;
        };
        let result = act(download, &mut sink.shared);
        let wishes = download.take_wishes();
        if !download.unsent().is_empty() {
            self.effects.push_back(Effect::Flush(id));
        }
        for wish in wishes {
            self.fulfil(job, at, wish);
        }
        Some(result)
    }

    fn fulfil(&mut self, job: u64, at: usize, wish: Wish) {
        let next_key = FileKey(self.transfers.last_key + 1);
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let sync = transfer.how.check;
        let Work::Get(sink) = &mut transfer.work else {
            return;
        };
        let root = Arc::clone(&sink.root);
        let below = |parts: &Place| Below {
            root: Arc::clone(&root),
            parts: parts.clone(),
        };
        let key = |sink: &Sink, file| {
            // One that was given up is nobody's.
            sink.keys.get(&(at, file)).copied().unwrap_or(FileKey(0))
        };
        let (ticket, ask) = match wish {
            Wish::Folder(place, mode) => {
                let ask = DiskAsk::Folder(below(&place), mode);
                (Some(Ticket::Made(at, place)), ask)
            },
            Wish::FolderFacts(place, facts) => {
                let ask = DiskAsk::FolderFacts(below(&place), facts);
                (Some(Ticket::Made(at, place)), ask)
            },
            Wish::Link(place, to) => {
                let ask = DiskAsk::Link(below(&place), to);
                (Some(Ticket::Made(at, place)), ask)
            },
            Wish::Create {
                file,
                place,
                spare,
                mode,
                resume,
            } => {
                sink.keys.insert((at, file), next_key);
                self.transfers.last_key += 1;
                let ask = DiskAsk::Create {
                    key: next_key,
                    place: below(&place),
                    spare,
                    mode,
                    resume,
                };
                (Some(Ticket::Created(at, file)), ask)
            },
            Wish::Write(file, offset, data) => {
                let ask = DiskAsk::Write(key(sink, file), offset, data);
                (Some(Ticket::Written(at, file, offset)), ask)
            },
            Wish::Name {
                file,
                size,
                name,
                facts,
            } => {
                let key = key(sink, file);
                sink.keys.remove(&(at, file));
                let ask = DiskAsk::Name {
                    key,
                    size,
                    name,
                    facts,
                    sync,
                };
                (Some(Ticket::Named(at, file)), ask)
            },
            Wish::Leave(file, keep) => {
                let key = key(sink, file);
                sink.keys.remove(&(at, file));
                (None, DiskAsk::Leave { key, keep })
            },
            Wish::Compare(file, path) => {
                self.compare(job, at, file, &path);
                return;
            },
        };
        let ticket = ticket.map_or(0, |ticket| self.transfers.ticket(job, ticket));
        self.effects.push_back(Effect::Disk(ticket, ask));
    }

    /// News of the disk about a node's files.
    pub(super) fn got_news(&mut self, now: Instant, job: u64, ticket: Ticket, news: DiskNews) {
        let (at, file) = match &ticket {
            Ticket::Created(at, file) | Ticket::Written(at, file, _) | Ticket::Named(at, file) => {
                (*at, *file)
            },
            Ticket::Made(at, _) => (*at, 0),
            Ticket::List | Ticket::Block(..) | Ticket::Digest(..) => return,
        };
        self.with_download(job, at, |download, shared| match (ticket, news) {
            (Ticket::Created(..), DiskNews::Created(result)) => {
                download.created(file, result, shared);
            },
            (Ticket::Written(_, _, offset), DiskNews::Written(count, result)) => {
                download.written(file, (offset, count), result, shared);
            },
            (Ticket::Named(..), DiskNews::Done(result)) => {
                download.named_here(file, result, shared);
            },
            (Ticket::Made(_, place), DiskNews::Done(result)) => {
                download.made(&place, result, shared);
            },
            _ => {},
        });
        self.settle_member(now, job, at);
    }

    /// Something became free: nodes that wait for it have a turn.
    pub(super) fn serve_downloads(&mut self, now: Instant, job: u64) {
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let count = transfer.members.len();
        let Work::Get(sink) = &mut transfer.work else {
            return;
        };
        // One alone has had its turn.
        if !sink.shared.take_freed() || count < 2 {
            return;
        }
        for at in 0..count {
            self.with_download(job, at, Download::turn);
            self.settle_member(now, job, at);
        }
    }

    /// What a node has open here is closed, and what it asked for is free again.
    pub(super) fn close_download(&mut self, job: u64, at: usize) {
        self.with_download(job, at, Download::cancel);
    }
}
