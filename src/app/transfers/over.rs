//! How transfers end: on one node, on all, early, or because a connection is gone.

use super::super::{App, Effect};
use super::disk::{DiskAsk, FileKey};
use super::progress::amount;
use super::{Engine, Work};
use crate::error::Error;
use crate::model::{NodeId, Outcome};
use crate::output::status;
use crate::session::sftp::plan::Fault;
use crate::target::fold;
use std::time::Instant;

/// So many of a kind are told one by one.
pub(super) const FAULTS_TOLD: usize = 10;

/// What was not copied to a node, or of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    /// Files that failed there.
    failed: usize,
    /// Files that failed here.
    here: usize,
    /// What is no failure.
    mild: usize,
}

impl Count {
    fn of(&mut self, fault: &Fault) -> &mut usize {
        match fault {
            Fault { mild: true, .. } => &mut self.mild,
            Fault { here: true, .. } => &mut self.here,
            _ => &mut self.failed,
        }
    }
}

impl App {
    /// Tells what failed on a node, and looks whether all is done there.
    pub(super) fn settle_member(&mut self, now: Instant, job: u64, at: usize) {
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let (cancelled, lacking) = (transfer.cancelled, transfer.lacking);
        let Some(member) = transfer.members.get_mut(at) else {
            return;
        };
        let faults = match &mut member.engine {
            Some(Engine::Up(upload)) => upload.take_faults(),
            Some(Engine::Down(download)) => download.take_faults(),
            None => return,
        };
        let done = member.engine.as_ref().is_some_and(Engine::is_done);
        let id = member.id;
        let mut count = member.count;
        for fault in &faults {
            *member.count.of(fault) += 1;
        }
        let failed = lacking || member.count.failed + member.count.here > 0;
        for fault in faults {
            let nth = count.of(&fault);
            *nth += 1;
            if fault.here {
                self.tell_fault_here(job, &fault);
            } else if *nth <= FAULTS_TOLD {
                self.tell_fault(job, id, &fault);
            }
        }
        if !done {
            return;
        }
        let outcome = match failed {
            _ if cancelled => Outcome::Interrupted,
            false => Outcome::Exit(0),
            true => Outcome::Exit(1),
        };
        self.member_over(now, job, at, outcome);
    }

    /// All nodes lack the same file.
    fn tell_fault_here(&mut self, job: u64, fault: &Fault) {
        let path = String::from_utf8_lossy(&fault.path);
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let text = format!("{}: {path}: {}", transfer.word, fault.why);
        if transfer.told.len() < FAULTS_TOLD && !transfer.told.contains(&text) {
            transfer.told.push(text.clone());
            self.error(&Error::failed(text));
        }
    }

    fn tell_fault(&mut self, job: u64, id: NodeId, fault: &Fault) {
        let path = String::from_utf8_lossy(&fault.path);
        let hint = match self.transfers.get(job).map(|transfer| &transfer.work) {
            // What was meant may have been a folder here.
            Some(Work::Get(sink)) if sink.last_of_several(&fault.path) && !path.contains('/') => {
                format!(" (a new folder here is {path}/)")
            },
            _ => String::new(),
        };
        self.notice_of(id, &format!("{path}: {}{hint}", fault.why));
    }

    /// How much of a node was not told.
    fn tell_more(&mut self, id: NodeId, count: Count) {
        for (count, what) in [
            (count.failed, "files failed"),
            (count.mild, "were left out, or grew while they were read"),
        ] {
            if let more @ 1.. = count.saturating_sub(FAULTS_TOLD) {
                self.notice_of(id, &format!("{more} more {what}"));
            }
        }
    }

    /// Nothing more can be copied on a node; why.
    pub(super) fn member_failed(&mut self, now: Instant, job: u64, at: usize, why: &str) {
        let member = self.transfers.get(job).and_then(|t| t.members.get(at));
        let Some(member) = member.filter(|member| !member.over) else {
            return;
        };
        let id = member.id;
        self.notice_of(id, why);
        self.member_over(now, job, at, Outcome::Exit(1));
    }

    /// A node takes no part any more.
    pub(super) fn member_over(&mut self, now: Instant, job: u64, at: usize, outcome: Outcome) {
        self.close_download(job, at);
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        let Some(member) = transfer.members.get_mut(at).filter(|member| !member.over) else {
            return;
        };
        member.over = true;
        if let Some(engine) = member.engine.take() {
            (member.moved, member.whole) = (engine.moved(), engine.whole());
        }
        let (id, count) = (member.id, member.count);
        let checker = member.checker.take().map(|checker| checker.channel);
        let channels = [member.channel.take(), checker];
        if let Work::Put(source) = &mut transfer.work {
            source.cache.left(at);
        }
        for channel in channels.into_iter().flatten() {
            self.transfers.routes.remove(&(id, channel));
            self.effects.push_back(Effect::CloseChannel(id, channel));
        }
        if let Some(run) = self.fleet.get_mut(id) {
            run.transfers = run.transfers.saturating_sub(1);
        }
        self.tell_more(id, count);
        self.job_ended(now, job, id, outcome, None);
    }

    /// All nodes of a transfer are done.
    pub(in crate::app) fn transfer_done(&mut self, now: Instant, job: u64) {
        let Some(at) = self.transfers.list.iter().position(|t| t.job == job) else {
            return;
        };
        self.hide_progress();
        let transfer = self.transfers.list.remove(at);
        self.transfers.tickets.retain(|_, (of, _)| *of != job);
        if self.transfers.list.is_empty() {
            self.transfers.tick_at = None;
        }
        let here = transfer.members.iter().map(|member| member.count.here);
        let untold = here.max().unwrap_or(0).saturating_sub(transfer.told.len());
        if untold > 0 {
            let text = format!("{}: {untold} more files failed", transfer.word);
            self.error(&Error::failed(text));
        }
        let whole = |member: &super::Member, count| member.whole >= count;
        if let Work::Put(source) = &transfer.work
            && !transfer
                .members
                .iter()
                .all(|m| whole(m, source.paths.len()))
        {
            // What was read to its end is closed already.
            for item in 0..source.paths.len() {
                let ask = DiskAsk::Forget(FileKey(source.first_key + item as u64));
                self.effects.push_back(Effect::Disk(0, ask));
            }
        }
        let some: Vec<&super::Member> = transfer.members.iter().filter(|m| m.whole > 0).collect();
        if some.is_empty() {
            return;
        }
        let moved: u64 = some.iter().map(|member| member.moved).sum();
        let whole: usize = some.iter().map(|member| member.whole).sum();
        let names: Vec<String> = some.iter().map(|member| self.name(member.id)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let who = status::counted(&names, &|names| fold(names));
        let took = now.saturating_duration_since(transfer.began);
        let files = if whole == 1 { "file" } else { "files" };
        let pace = super::progress::pace(moved, took);
        let text = format!(
            "{who}: {} {whole} {files}, {} in {}{pace}",
            transfer.word,
            amount(moved),
            status::duration(took),
        );
        self.notice(&text);
    }

    /// Ctrl-C: what is not whole goes. The second time nobody waits for that.
    pub(in crate::app) fn cancel_transfer(&mut self, now: Instant, job: u64, again: bool) {
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        transfer.cancelled = true;
        for at in 0..transfer.members.len() {
            let uploads = self.with_upload(now, job, at, |upload, view| upload.cancel(view));
            if uploads.is_none() || again {
                self.member_over(now, job, at, Outcome::Interrupted);
            } else {
                self.settle_member(now, job, at);
            }
        }
        self.serve(now);
    }

    /// A node's connection is gone, or never came: what was to be copied there was not. True if that
    /// was told.
    pub(in crate::app) fn transfers_lost(&mut self, now: Instant, id: NodeId, why: &str) -> bool {
        let mut lost = Vec::new();
        for transfer in &self.transfers.list {
            let of_node = |member: &super::Member| member.id == id && !member.over;
            let at = transfer.members.iter().position(of_node);
            lost.extend(at.map(|at| (transfer.job, at)));
        }
        for (job, at) in &lost {
            let text = self.jobs.text(*job);
            let outcome = Outcome::Lost(format!("{why}, before it was done: {text}"));
            self.member_over(now, *job, *at, outcome);
        }
        self.serve(now);
        !lost.is_empty()
    }

    /// A node's channels are gone.
    pub(in crate::app) fn transfers_cut(&mut self, now: Instant, id: NodeId) {
        let mut cut = self
            .transfers
            .list
            .iter()
            .flat_map(|transfer| &transfer.members);
        if cut.any(|member| member.id == id && member.channel.is_some()) {
            self.transfers_lost(now, id, "the connection was closed");
        }
    }
}
