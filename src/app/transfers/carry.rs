//! What carries bytes between the nodes' channels, the engines and the disk.

use super::super::fleet::Run;
use super::super::{App, Effect};
use super::disk::DiskNews;
use super::{COMPLAINT_MAX, Engine, Member, TICK, Ticket, Transfer, Work, YOUNG};
use crate::model::NodeId;
use crate::session::channel::{ChannelEvent, ChannelId};
use crate::session::life::Event as LifeEvent;
use crate::session::sftp::client::Broken;
use std::time::Instant;

impl App {
    /// News of a channel. False if it is none of these.
    pub(in crate::app) fn transfer_event(
        &mut self,
        now: Instant,
        id: NodeId,
        channel: ChannelId,
        event: &ChannelEvent<'_>,
    ) -> bool {
        let Some((job, at)) = self.transfers.find(id, channel) else {
            return false;
        };
        let transfer = self.transfers.get(job);
        let checker = transfer.and_then(|t| t.members.get(at)?.checker.as_ref());
        if checker.is_some_and(|checker| checker.channel == channel) {
            self.checker_event(now, (job, at), id, event);
            self.serve(now);
            return true;
        }
        match event {
            ChannelEvent::Opened => {
                let transfer = self.transfers.get_mut(job);
                if let Some(member) = transfer.and_then(|t| t.members.get_mut(at)) {
                    member.opened = true;
                }
                self.effects.push_back(Effect::Flush(id));
            },
            ChannelEvent::Data(bytes) => {
                self.stirs(job, at);
                let up = self.with_upload(now, job, at, |upload, view| {
                    upload.receive(now, bytes, view)
                });
                let result = up.or_else(|| {
                    self.with_download(job, at, |download, shared| download.receive(bytes, shared))
                });
                match result {
                    Some(Err(Broken(why))) => self.member_failed(now, job, at, &why),
                    _ => self.settle_member(now, job, at),
                }
            },
            ChannelEvent::Complaint(bytes) => {
                let transfer = self.transfers.get_mut(job);
                if let Some(member) = transfer.and_then(|t| t.members.get_mut(at)) {
                    let room = COMPLAINT_MAX.saturating_sub(member.complaint.len());
                    let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
                    member.complaint.extend_from_slice(bytes);
                }
            },
            ChannelEvent::Eof => {},
            ChannelEvent::Refused(why) => {
                if !self.transfers_alone(now, id, why) {
                    let why = format!("no SFTP there: {why}");
                    self.member_failed(now, job, at, &why);
                }
            },
            ChannelEvent::Closed(status) => {
                let transfer = self.transfers.get(job);
                let member = transfer.and_then(|transfer| transfer.members.get(at));
                let said = member.map(|member| super::super::shells::last_line(&member.complaint));
                let said = said.unwrap_or_default();
                let why = match status {
                    _ if !said.is_empty() => format!("its SFTP server ended: {said}"),
                    Some(127) => "it has no SFTP server (exit 127)".to_owned(),
                    Some(status) => format!("its SFTP server ended (exit {status})"),
                    None => "its SFTP server ended".to_owned(),
                };
                self.member_failed(now, job, at, &why);
            },
        }
        self.serve(now);
        true
    }

    /// Bytes of a channel are gone. False if it is none of these.
    pub(in crate::app) fn transfer_sent(
        &mut self,
        id: NodeId,
        channel: ChannelId,
        count: usize,
    ) -> bool {
        let Some((job, at)) = self.transfers.find(id, channel) else {
            return false;
        };
        let now = self.now;
        self.stirs(job, at);
        let transfer = self.transfers.get_mut(job);
        let member = transfer.and_then(|transfer| transfer.members.get_mut(at));
        let Some(member) = member else { return true };
        if let Some(checker) = &mut member.checker
            && checker.channel == channel
        {
            checker.digests.sent(count);
            return true;
        }
        let upload = match &mut member.engine {
            Some(Engine::Up(upload)) => upload,
            Some(Engine::Down(download)) => {
                download.sent(count);
                return true;
            },
            None => return true,
        };
        upload.sent(count);
        if upload.has_room()
            && let Some(now) = now
        {
            let news = self.with_upload(now, job, at, |upload, view| {
                upload.turn(view);
                upload.has_news()
            });
            self.transfers.urgent |= news == Some(true);
        }
        true
    }

    fn stirs(&mut self, job: u64, at: usize) {
        let transfer = self.transfers.get_mut(job);
        if let Some(member) = transfer.and_then(|transfer| transfer.members.get_mut(at)) {
            member.quiet.stirs();
        }
    }

    /// News of the disk.
    pub(in crate::app) fn disk_news(&mut self, now: Instant, ticket: u64, news: DiskNews) {
        let Some((job, ticket)) = self.transfers.tickets.remove(&ticket) else {
            return;
        };
        match (ticket, news) {
            (Ticket::List, DiskNews::Listed(found)) => self.files_listed(now, job, found),
            (Ticket::Block(item, block), DiskNews::Block(data)) => {
                if let Some(Transfer {
                    work: Work::Put(source),
                    ..
                }) = self.transfers.get_mut(job)
                {
                    source.cache.arrived(item, block, data);
                }
            },
            (Ticket::Digest(at, file), DiskNews::Digest(digest)) => {
                self.counted_here(now, job, (at, file), digest);
            },
            (ticket, news) => self.got_news(now, job, ticket, news),
        }
        self.serve(now);
    }

    /// Nodes that may get on have a turn.
    pub(super) fn serve(&mut self, now: Instant) {
        let jobs: Vec<u64> = self.transfers.list.iter().map(|t| t.job).collect();
        for job in jobs {
            self.serve_downloads(now, job);
            while let Some(Transfer {
                work: Work::Put(source),
                ..
            }) = self.transfers.get_mut(job)
            {
                let ready = source.cache.take_ready();
                if ready.is_empty() {
                    break;
                }
                for at in ready {
                    self.with_upload(now, job, at, |upload, view| upload.turn(view));
                    self.settle_member(now, job, at);
                }
            }
        }
    }

    /// The session does not lend its connection, or has no room for another channel: nothing was copied
    /// over it, and one of our own is made. False where it is no loan, or was used already.
    fn transfers_alone(&mut self, now: Instant, id: NodeId, why: &str) -> bool {
        let unused = |run: &Run| run.life.is_lent() && run.shell.is_none();
        let mut members: Vec<&mut Member> = self
            .transfers
            .list
            .iter_mut()
            .flat_map(|transfer| &mut transfer.members)
            .filter(|member| member.id == id && !member.over)
            .collect();
        if !self.fleet.get(id).is_some_and(unused) || members.iter().any(|member| member.opened) {
            return false;
        }
        for member in &mut members {
            (member.engine, member.asked_at) = (None, None);
            if let Some(channel) = member.channel.take() {
                self.transfers.routes.remove(&(id, channel));
            }
        }
        self.tell_event(id, &LifeEvent::NotOpened(why.to_owned()));
        self.end_loan(now, id);
        true
    }

    /// A session that does not open a channel is not waited for.
    fn end_silent_loans(&mut self, now: Instant) {
        let late = |member: &Member| {
            let run = self.fleet.get(member.id).filter(|run| run.life.is_lent());
            let since = member.asked_at.filter(|_| !member.opened && !member.over);
            let waited = since.map(|since| now.saturating_duration_since(since));
            run.is_some_and(|run| waited >= Some(run.life.loan_patience()))
        };
        let members = self.transfers.list.iter().flat_map(|t| &t.members);
        let late: Vec<NodeId> = members.filter(|m| late(m)).map(|m| m.id).collect();
        for id in late {
            self.transfers_alone(now, id, "it does not answer");
        }
    }

    /// Something else than an SFTP server may run there, and wait for input for ever.
    fn end_silent(&mut self, now: Instant) {
        let limit = self.settings.timeout;
        let late = |member: &Member| {
            let waits = member.engine.as_ref().is_some_and(|e| !e.is_begun());
            let since = member.asked_at.filter(|_| waits && !member.over);
            since.is_some_and(|since| now.saturating_duration_since(since) >= limit)
        };
        let mut silent = Vec::new();
        for transfer in &self.transfers.list {
            let members = transfer.members.iter().enumerate();
            let found = members.filter(|(_, member)| late(member));
            silent.extend(found.map(|(at, _)| (transfer.job, at)));
        }
        let why = format!("its SFTP server has not greeted for {} s", limit.as_secs());
        for (job, at) in silent {
            self.member_failed(now, job, at, &why);
        }
    }

    /// Time has passed.
    pub(in crate::app) fn transfers_tick(&mut self, now: Instant) {
        if std::mem::take(&mut self.transfers.urgent) {
            let all: Vec<(u64, usize)> = self
                .transfers
                .list
                .iter()
                .flat_map(|t| (0..t.members.len()).map(|at| (t.job, at)))
                .collect();
            for (job, at) in all {
                self.settle_member(now, job, at);
            }
        }
        if self.transfers.tick_at.is_none_or(|at| at > now) {
            return;
        }
        for transfer in &mut self.transfers.list {
            transfer.measure(now);
            if let Work::Put(source) = &mut transfer.work {
                let young = now.saturating_duration_since(transfer.began) < YOUNG;
                for (at, member) in transfer.members.iter().enumerate() {
                    if !young && member.engine.is_none() && !member.over {
                        source.cache.leave_alone(at);
                    }
                }
                source.cache.tick(now);
            }
        }
        self.end_silent_loans(now);
        self.end_silent(now);
        self.tell_silent(now);
        self.show_progress();
        let some = !self.transfers.list.is_empty();
        self.transfers.tick_at = some.then(|| now + TICK);
        self.serve(now);
    }
}
