//! How commands end on their nodes, by themselves, by Ctrl-C, by their deadline or with the node; and
//! what is told when they have.

use super::super::{App, Effect};
use super::{Job, run_state};
use crate::error::{Error, Result};
use crate::model::{NodeId, Outcome};
use crate::output::{Format, diff, json, report, status};
use crate::session::shell::State;
use crate::target::fold;
use std::time::{Duration, Instant};

impl App {
    /// The command that ran on a node has ended there.
    pub(in crate::app) fn command_ended(&mut self, now: Instant, id: NodeId, outcome: Outcome) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        run.quiet_at = None;
        let Some(current) = run.current.take() else {
            return;
        };
        let took = now.saturating_duration_since(current.since);
        let outcome = match outcome {
            Outcome::Exit(130) if current.interrupted => Outcome::Interrupted,
            other => other,
        };
        self.printer.end(&mut run.lines, &mut self.out);
        self.no_secret(id);
        self.job_ended(now, current.job, id, outcome, Some(took));
    }

    /// A job has ended on one node, or could not begin there.
    pub(in crate::app) fn job_ended(
        &mut self,
        now: Instant,
        job: u64,
        id: NodeId,
        outcome: Outcome,
        took: Option<Duration>,
    ) {
        self.jobs.worst = self.jobs.worst.max(outcome.code());
        self.feed_leave(job, id);
        if let Some(run) = self.fleet.get_mut(id).filter(|run| run.current.is_none()) {
            run.typed.drop_ahead();
        }
        let name = self.name(id);
        if self.jobs.get_mut(job).is_some_and(|job| !job.transfer) {
            self.log_end(job, id, &outcome, took);
        }
        let Some(entry) = self.jobs.get_mut(job) else {
            return;
        };
        entry.pending.retain(|other| *other != id);
        entry.results.insert(id, outcome.clone());
        if let Some(gather) = &mut entry.gather {
            gather.end(id, outcome.clone());
        }
        let folded = entry.folded;
        let told = entry.transfer && matches!(outcome, Outcome::Exit(_));
        if self.printer.format() == Format::Json {
            json::end(&mut self.out, &name, &outcome, took);
        } else if !(outcome.is_ok() || folded || told) {
            let text = status::ended(&name, &outcome, took, self.setup.colours);
            self.notice_raw(&text);
        }
        let done = self
            .jobs
            .get_mut(job)
            .is_some_and(|entry| entry.pending.is_empty());
        if done {
            self.job_done(now, job);
        }
    }

    fn job_done(&mut self, now: Instant, id: u64) {
        let Some(at) = self.jobs.running.iter().position(|job| job.id == id) else {
            return;
        };
        let mut job = self.jobs.running.remove(at);
        job.deadline = None;
        if job.transfer {
            self.transfer_done(now, id);
        } else if job.folded {
            self.report(&job);
        } else if !job.printed
            && self.printer.format() != Format::Json
            && job.results.values().all(Outcome::is_ok)
        {
            let names: Vec<String> = job.all.iter().map(|id| self.name(*id)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let took = now.saturating_duration_since(job.since);
            self.notice(&status::all_ok(&names, Some(took), &|names| fold(names)));
        }
        self.jobs.last = Some(job);
    }

    fn report(&mut self, job: &Job) {
        let Some(gather) = &job.gather else { return };
        let mut notes = Vec::new();
        self.printer.close(&mut self.out);
        let format = self.printer.format();
        report(
            gather,
            &|names| fold(names),
            format,
            &mut self.out,
            &mut notes,
        );
        if self.is_prompt() {
            self.out.extend_from_slice(&notes);
        } else {
            self.err.extend_from_slice(&notes);
        }
    }

    /// `diff`: how the outputs of the last folded command differ.
    pub(in crate::app) fn diff(&mut self) -> Result<()> {
        let gather = self.jobs.latest().and_then(|job| job.gather.as_ref());
        let Some(gather) = gather else {
            let text = "the last command's output was not kept";
            return Err(Error::usage(text).hint("set fold on, then run it again"));
        };
        let format = self.printer.format();
        diff(gather, &|names| fold(names), format, &mut self.out);
        Ok(())
    }

    /// Ctrl-C: to the nodes of the last target. True if there was anything to interrupt.
    pub(in crate::app) fn interrupt_job(&mut self, now: Instant) -> bool {
        let strays = self.interrupt_strays();
        let Some(job) = self.jobs.running.last_mut() else {
            return strays;
        };
        job.interrupts += 1;
        let (id, again) = (job.id, job.interrupts > 1);
        let pending = job.pending.clone();
        if job.transfer {
            self.cancel_transfer(now, id, again);
            return true;
        }
        if job.folded && !again {
            let Some(job) = self.jobs.running.pop() else {
                return false;
            };
            self.report(&job);
            self.jobs.running.push(job);
        }
        let mut unsent = Vec::new();
        let mut busy = Vec::new();
        for node in pending {
            let Some(run) = self.fleet.get_mut(node) else {
                continue;
            };
            let before = run.queue.len();
            run.queue.retain(|queued| queued.job != id);
            if run.queue.len() < before {
                unsent.push(node);
            } else if let (Some(shell), Some(current)) = (&mut run.shell, &mut run.current) {
                shell.interrupt();
                run.typed.clear();
                current.interrupted = true;
                self.effects.push_back(Effect::Flush(node));
                busy.push(node);
            }
        }
        for node in unsent {
            self.job_ended(now, id, node, Outcome::Interrupted, None);
        }
        if again && !busy.is_empty() {
            let names = self.folded(&busy);
            self.notice(&format!("still busy: {names}"));
        }
        true
    }

    /// Commands that ran for too long are interrupted and reported.
    pub(in crate::app) fn job_tick(&mut self, now: Instant) {
        let late: Vec<u64> = self
            .jobs
            .running
            .iter()
            .filter(|job| job.deadline.is_some_and(|at| at <= now))
            .map(|job| job.id)
            .collect();
        for job in late {
            let pending = self.jobs.get_mut(job).map(|job| {
                job.deadline = None;
                job.pending.clone()
            });
            for id in pending.unwrap_or_default() {
                let took = self.fleet.get(id).and_then(|run| {
                    Some(now.saturating_duration_since(run.current.as_ref()?.since))
                });
                if let Some(run) = self.fleet.get_mut(id) {
                    run.queue.retain(|queued| queued.job != job);
                }
                self.abandon(now, id);
                self.job_ended(now, job, id, Outcome::TimedOut, took);
            }
        }
    }

    /// The command on a node is given up: its shell goes, since what runs there may ignore Ctrl-C,
    /// and the next command must not become its input.
    pub(in crate::app) fn abandon(&mut self, now: Instant, id: NodeId) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        run.quiet_at = None;
        if run.current.take().is_none() {
            return;
        }
        self.printer.end(&mut run.lines, &mut self.out);
        self.no_secret(id);
        let idle = run_state(self, id) == Some(State::Idle);
        if !idle {
            self.hang_up(now, id);
        }
    }

    /// A node leaves: its commands end.
    pub(in crate::app) fn drop_node(&mut self, now: Instant, id: NodeId, why: &str) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let current = run.current.take();
        let queued: Vec<u64> = run.queue.drain(..).map(|queued| queued.job).collect();
        self.transfers_lost(now, id, why);
        self.hang_up(now, id);
        let outcome = Outcome::Lost(why.to_owned());
        if let Some(current) = current {
            self.job_ended(now, current.job, id, outcome.clone(), None);
        }
        for job in queued {
            self.job_ended(now, job, id, outcome.clone(), None);
        }
    }
}
