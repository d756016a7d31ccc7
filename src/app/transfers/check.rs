//! `--check`: SHA-256 of a copy and of what it was made of, each counted where the file is.

use super::super::{App, Effect};
use super::disk::DiskAsk;
use super::{Ticket, Work};
use crate::model::NodeId;
use crate::session::channel::{ChannelEvent, ChannelId, ChannelRequest};
use crate::session::sftp::digest::{Digests, command};
use crate::session::sftp::plan::What;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// A digest, once it is there, or why it is not.
type Digest = Result<[u8; 32], String>;

/// What a node has counted.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) channel: ChannelId,
    pub(super) digests: Digests,
    /// Answers whose counterpart is not there yet.
    there: HashMap<usize, Digest>,
    /// It counts no more; why.
    ended: Option<String>,
}

/// The digests of files here: of an item that is put, or of a node's file that is got.
pub(super) type Here = HashMap<(Option<usize>, usize), Option<Digest>>;

impl App {
    /// Has a file compared with its copy.
    pub(super) fn compare(&mut self, job: u64, at: usize, file: usize, path: &[u8]) {
        let channel = self.channels.next();
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let Some(member) = transfer.members.get_mut(at) else {
            return;
        };
        let id = member.id;
        let fresh = member.checker.is_none();
        let checker = member.checker.get_or_insert_with(|| Checker {
            channel,
            digests: Digests::default(),
            there: HashMap::new(),
            ended: None,
        });
        let ended = checker.ended.clone();
        match &ended {
            Some(why) => {
                checker.there.insert(file, Err(why.clone()));
            },
            None => checker.digests.ask(file, path),
        }
        let ask = match &transfer.work {
            Work::Put(source) => match source.plan.items.get(file).map(|item| &item.what) {
                Some(What::File(facts)) if !transfer.here.contains_key(&(None, file)) => {
                    transfer.here.insert((None, file), None);
                    let path = source.paths.get(file).map(Arc::clone);
                    path.map(|path| (Ticket::Digest(None, file), DiskAsk::Digest(path, *facts)))
                },
                _ => None,
            },
            Work::Get(sink) => sink.keys.get(&(at, file)).map(|key| {
                transfer.here.insert((Some(at), file), None);
                (Ticket::Digest(Some(at), file), DiskAsk::DigestOf(*key))
            }),
            Work::Listing => None,
        };
        if let Some((ticket, ask)) = ask {
            let ticket = self.transfers.ticket(job, ticket);
            self.effects.push_back(Effect::Disk(ticket, ask));
        }
        if fresh {
            self.transfers.routes.insert((id, channel), (job, at));
            let request = ChannelRequest::exec(command());
            self.effects
                .push_back(Effect::OpenChannel(id, channel, request));
        }
        self.effects.push_back(Effect::Flush(id));
        if ended.is_some()
            && let Some(now) = self.now
        {
            // It may have been counted here for another node.
            self.compare_both(now, job, at, file);
        }
    }

    /// News of the channel on which a node counts.
    pub(super) fn checker_event(
        &mut self,
        now: Instant,
        (job, at): (u64, usize),
        id: NodeId,
        event: &ChannelEvent<'_>,
    ) {
        let transfer = self.transfers.get_mut(job);
        let member = transfer.and_then(|transfer| transfer.members.get_mut(at));
        let Some(checker) = member.and_then(|member| member.checker.as_mut()) else {
            return;
        };
        let none = "it cannot be compared: the node has no sha256sum, or cannot read it";
        let found: Vec<(usize, Digest)> = match event {
            ChannelEvent::Opened => {
                self.effects.push_back(Effect::Flush(id));
                return;
            },
            ChannelEvent::Complaint(_) | ChannelEvent::Eof => return,
            ChannelEvent::Data(bytes) => {
                let found = checker.digests.receive(bytes).into_iter();
                found
                    .map(|(file, digest)| (file, digest.ok_or_else(|| none.to_owned())))
                    .collect()
            },
            ChannelEvent::Closed(_) | ChannelEvent::Refused(_) => {
                let why = match event {
                    ChannelEvent::Refused(why) => format!(": {why}"),
                    _ => String::new(),
                };
                let why = format!("it cannot be compared: the node runs no command for that{why}");
                checker.ended = Some(why.clone());
                let left = checker.digests.left().into_iter();
                left.map(|file| (file, Err(why.clone()))).collect()
            },
        };
        let files: Vec<usize> = found.iter().map(|(file, _)| *file).collect();
        checker.there.extend(found);
        for file in files {
            self.compare_both(now, job, at, file);
        }
    }

    /// A file here was counted.
    pub(super) fn counted_here(
        &mut self,
        now: Instant,
        job: u64,
        (at, file): (Option<usize>, usize),
        digest: Digest,
    ) {
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        transfer.here.insert((at, file), Some(digest));
        let members = match at {
            Some(at) => at..at + 1,
            None => 0..transfer.members.len(),
        };
        for at in members {
            self.compare_both(now, job, at, file);
        }
    }

    /// Compares, once both digests are there.
    fn compare_both(&mut self, now: Instant, job: u64, at: usize, file: usize) {
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let key = match &transfer.work {
            Work::Get(_) => (Some(at), file),
            _ => (None, file),
        };
        let Some(Some(here)) = transfer.here.get(&key).cloned() else {
            return;
        };
        let checker = transfer
            .members
            .get_mut(at)
            .and_then(|m| m.checker.as_mut());
        let Some(there) = checker.and_then(|checker| checker.there.remove(&file)) else {
            return;
        };
        let result = match (here, there) {
            (Err(why), _) | (_, Err(why)) => Err(why),
            (Ok(here), Ok(there)) if here == there => Ok(()),
            _ => Err("SHA-256 of the copy differs from that of the file".to_owned()),
        };
        if key.0.is_some() {
            transfer.here.remove(&key);
            self.with_download(job, at, |download, shared| {
                download.compared(file, result, shared);
            });
        } else {
            self.with_upload(now, job, at, |upload, view| {
                upload.compared(file, result, view);
            });
        }
        self.settle_member(now, job, at);
    }
}
