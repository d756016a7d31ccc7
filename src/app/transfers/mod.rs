//! Files on their way to the nodes and from there: which transfers there are, who takes part, and
//! what carries bytes between channels, engines ([`crate::session::sftp`]) and this machine's disk.

mod args;
mod cache;
mod carry;
mod check;
pub mod disk;
mod get;
mod over;
mod progress;
mod put;

use super::{App, Effect};
use crate::command::Copying;
use crate::error::{Error, Result};
use crate::model::{NodeId, NodeState};
use crate::session::channel::{ChannelId, ChannelKind, ChannelRequest};
use crate::session::sftp::download::{Download, Place};
use crate::session::sftp::plan::How;
use crate::session::sftp::upload::{Upload, Wish};
use disk::DiskAsk;
use put::{Source, View};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(500);
/// A node that is not connected after this long reads for itself when it is.
const YOUNG: Duration = Duration::from_secs(5);
/// What an SFTP server complains of is kept up to this, in bytes.
const COMPLAINT_MAX: usize = 1024;

/// What brings files to a node.
#[derive(Debug)]
pub(super) enum Engine {
    Up(Box<Upload>),
    Down(Box<Download>),
}

impl Engine {
    fn unsent(&self) -> &[u8] {
        match self {
            Self::Up(upload) => upload.unsent(),
            Self::Down(download) => download.unsent(),
        }
    }

    fn moved(&self) -> u64 {
        match self {
            Self::Up(upload) => upload.moved(),
            Self::Down(download) => download.moved(),
        }
    }

    fn whole(&self) -> usize {
        match self {
            Self::Up(upload) => upload.whole(),
            Self::Down(download) => download.whole(),
        }
    }

    fn is_begun(&self) -> bool {
        match self {
            Self::Up(upload) => upload.is_begun(),
            Self::Down(download) => download.is_begun(),
        }
    }

    fn unanswered(&self) -> usize {
        match self {
            Self::Up(upload) => upload.unanswered(),
            Self::Down(download) => download.unanswered(),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Up(upload) => upload.is_done(),
            Self::Down(download) => download.is_done(),
        }
    }
}

/// A node that takes part.
#[derive(Debug)]
pub(super) struct Member {
    id: NodeId,
    channel: Option<ChannelId>,
    /// When that was asked for.
    asked_at: Option<Instant>,
    /// It is open.
    opened: bool,
    engine: Option<Engine>,
    quiet: progress::Quiet,
    /// Counts digests there.
    checker: Option<check::Checker>,
    complaint: Vec<u8>,
    count: over::Count,
    over: bool,
    /// How much has arrived, in bytes and files.
    moved: u64,
    whole: usize,
    pace: progress::Pace,
}

/// What is copied.
#[derive(Debug)]
enum Work {
    /// It is being looked at what there is.
    Listing,
    Put(Box<Source>),
    Get(Box<get::Sink>),
}

/// One `put` or `get`.
#[derive(Debug)]
struct Transfer {
    job: u64,
    word: &'static str,
    how: How,
    /// Where it goes.
    to: Vec<u8>,
    work: Work,
    members: Vec<Member>,
    began: Instant,
    cancelled: bool,
    /// Some of what was named cannot be copied to any node.
    lacking: bool,
    /// Faults of this machine that were told.
    told: Vec<String>,
    /// Digests of files here.
    here: check::Here,
    pace: progress::Pace,
}

/// Whose answer is awaited from the disk.
#[derive(Clone, Debug)]
enum Ticket {
    List,
    Block(usize, u64),
    /// Of a node's file, or of an item that is put.
    Digest(Option<usize>, usize),
    Created(usize, usize),
    Written(usize, usize, u64),
    Named(usize, usize),
    Made(usize, Place),
}

/// All transfers.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    list: Vec<Transfer>,
    tickets: HashMap<u64, (u64, Ticket)>,
    last_ticket: u64,
    last_key: u64,
    routes: HashMap<(NodeId, ChannelId), (u64, usize)>,
    tick_at: Option<Instant>,
    /// Something has to be looked at without any event.
    urgent: bool,
    /// So many of the terminal's last rows say how far it is (in a batch).
    shown: usize,
}

impl Transfers {
    fn get(&self, job: u64) -> Option<&Transfer> {
        self.list.iter().find(|transfer| transfer.job == job)
    }

    fn get_mut(&mut self, job: u64) -> Option<&mut Transfer> {
        self.list.iter_mut().find(|transfer| transfer.job == job)
    }

    /// The transfer that a channel belongs to, and the node's place in it.
    fn find(&self, id: NodeId, channel: ChannelId) -> Option<(u64, usize)> {
        self.routes.get(&(id, channel)).copied()
    }

    fn ticket(&mut self, job: u64, ticket: Ticket) -> u64 {
        self.last_ticket += 1;
        self.tickets.insert(self.last_ticket, (job, ticket));
        self.last_ticket
    }

    /// When [`App::transfers_tick`] is due.
    pub(super) fn next_deadline(&self, now: Option<Instant>) -> Option<Instant> {
        if self.urgent { now } else { self.tick_at }
    }

    /// Bytes for a channel, if it is one of these.
    pub(super) fn unsent(&self, id: NodeId, channel: ChannelId) -> Option<&[u8]> {
        let (job, at) = self.find(id, channel)?;
        let member = self.get(job)?.members.get(at)?;
        match &member.checker {
            Some(checker) if checker.channel == channel => Some(checker.digests.unsent()),
            _ => member.engine.as_ref().map(Engine::unsent),
        }
    }
}

impl App {
    /// `put FILE… TARGET [DIR]`.
    pub(super) fn put(&mut self, now: Instant, words: Vec<PathBuf>, copy: Copying) -> Result<()> {
        let words = self.put_words(words)?;
        let paths: Vec<PathBuf> = words
            .files
            .iter()
            .map(|file| self.full_path(file))
            .collect();
        let to = args::remote(words.dir.as_deref());
        let ids = self.running_of(words.targets.into_iter().collect())?;
        let text = format!("put {}", brief_of(&words.files));
        let job = self.begin_transfer(now, "put", &text, ids, copy, to)?;
        let ticket = self.transfers.ticket(job, Ticket::List);
        let deep = copy.deep;
        let ask = DiskAsk::List { paths, deep };
        self.effects.push_back(Effect::Disk(ticket, ask));
        Ok(())
    }

    /// Those of the nodes that run; the others are named.
    fn running_of(&mut self, ids: Vec<NodeId>) -> Result<Vec<NodeId>> {
        let runs = |id: &NodeId| self.state(*id) == NodeState::Running || self.is_booting(*id);
        let (ids, away): (Vec<NodeId>, Vec<NodeId>) = ids.into_iter().partition(runs);
        if !away.is_empty() {
            let states = self.by_state(&away);
            if ids.is_empty() {
                return Err(Error::usage(format!("not running: {states}")).hint("start them first"));
            }
            self.notice(&format!("not running, left out: {states}"));
        }
        Ok(ids)
    }

    fn begin_transfer(
        &mut self,
        now: Instant,
        word: &'static str,
        text: &str,
        ids: Vec<NodeId>,
        copy: Copying,
        to: Vec<u8>,
    ) -> Result<u64> {
        for id in &ids {
            self.prepare(now, *id)?;
        }
        let job = self.jobs.begin_transfer(now, text, &ids);
        for id in &ids {
            // The connection comes up while the files are looked at.
            self.want_connection(*id);
            if let Some(run) = self.fleet.get_mut(*id) {
                run.transfers += 1;
            }
        }
        let member = |id| Member {
            id,
            channel: None,
            asked_at: None,
            opened: false,
            engine: None,
            quiet: progress::Quiet::default(),
            checker: None,
            complaint: Vec::new(),
            count: over::Count::default(),
            over: false,
            moved: 0,
            whole: 0,
            pace: progress::Pace::default(),
        };
        self.transfers.list.push(Transfer {
            job,
            word,
            how: How {
                keep: copy.keep,
                resume: copy.resume,
                check: copy.check,
            },
            to,
            work: Work::Listing,
            members: ids.into_iter().map(member).collect(),
            began: now,
            cancelled: false,
            lacking: false,
            told: Vec::new(),
            here: check::Here::default(),
            pace: progress::Pace::default(),
        });
        self.transfers.tick_at.get_or_insert(now + TICK);
        Ok(job)
    }

    /// Opens a node's channel, if its connection is there and it is known what to do.
    fn begin_member(&mut self, job: u64, at: usize) {
        let salt = self.host.random();
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let Some(member) = transfer.members.get_mut(at) else {
            return;
        };
        let up = |run: &super::fleet::Run| run.connected && run.life.is_up();
        if member.over || member.engine.is_some() || !self.fleet.get(member.id).is_some_and(up) {
            return;
        }
        let salt = salt
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        member.engine = Some(match &transfer.work {
            Work::Listing => return,
            Work::Put(source) => {
                let plan = Rc::clone(&source.plan);
                let upload = Upload::new(plan, transfer.how, transfer.to.clone(), salt);
                Engine::Up(Box::new(upload))
            },
            Work::Get(sink) => {
                let name = sink.names.get(&member.id).cloned().unwrap_or_default();
                let patterns = sink.patterns.clone();
                let download = Download::new(patterns, sink.deep, transfer.how, name, salt);
                Engine::Down(Box::new(download))
            },
        });
        let channel = self.channels.next();
        member.channel = Some(channel);
        member.asked_at = self.now;
        let id = member.id;
        self.transfers.routes.insert((id, channel), (job, at));
        let request = ChannelRequest {
            kind: ChannelKind::Subsystem("sftp".to_owned()),
            pty: None,
            env: Vec::new(),
        };
        self.effects
            .push_back(Effect::OpenChannel(id, channel, request));
    }

    /// A node's connection is up.
    pub(super) fn transfers_up(&mut self, id: NodeId) {
        let mut waiting = Vec::new();
        for transfer in &self.transfers.list {
            let at = transfer.members.iter().position(|member| member.id == id);
            waiting.extend(at.map(|at| (transfer.job, at)));
        }
        for (job, at) in waiting {
            self.begin_member(job, at);
        }
    }

    /// Does something with a node's engine.
    fn with_upload<R>(
        &mut self,
        now: Instant,
        job: u64,
        at: usize,
        act: impl FnOnce(&mut Upload, &mut View<'_>) -> R,
    ) -> Option<R> {
        let transfer = self.transfers.get_mut(job)?;
        let young = now.saturating_duration_since(transfer.began) < YOUNG;
        let Work::Put(source) = &mut transfer.work else {
            return None;
        };
        let member = transfer.members.get_mut(at)?;
        let id = member.id;
        let mut upload = match member.engine.take()? {
            Engine::Up(upload) => upload,
            other @ Engine::Down(_) => {
                member.engine = Some(other);
                return None;
            },
        };
        let mut view = View {
            source,
            members: &transfer.members,
            me: at,
            first_needed: upload.first_needed(),
            young,
            asks: Vec::new(),
        };
        let result = act(&mut upload, &mut view);
        let asks = view.asks;
        let wishes = upload.take_wishes();
        let any = !upload.unsent().is_empty();
        if let Some(member) = transfer.members.get_mut(at) {
            member.engine = Some(Engine::Up(upload));
        }
        for (item, block, ask) in asks {
            let ticket = self.transfers.ticket(job, Ticket::Block(item, block));
            self.effects.push_back(Effect::Disk(ticket, ask));
        }
        if any {
            self.effects.push_back(Effect::Flush(id));
        }
        for Wish::Compare(item, path) in wishes {
            self.compare(job, at, item, &path);
        }
        Some(result)
    }
}

/// The names of what is copied, for messages.
fn brief_of(files: &[PathBuf]) -> String {
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    super::jobs::brief(&names.join(" "))
}
