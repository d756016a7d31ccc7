//! Commands on nodes: who runs what, what they print, how they end, and what `%failed` means.

mod end;

use super::fleet::Queued;
use super::{App, Mode};
use crate::error::{Error, Result};
use crate::model::{NodeId, NodeState, Outcome};
use crate::output::{Format, Gather, Kept, Limits, Waiting};
use crate::session::shell::State;
use crate::target::{Last, Target, Targets, World, fold};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A progress bar that moves on is shown this often at most.
const REDRAW: Duration = Duration::from_secs(2);

/// One command on its nodes.
#[derive(Debug)]
pub(super) struct Job {
    id: u64,
    /// The start of the command, for messages.
    text: String,
    since: Instant,
    deadline: Option<Instant>,
    /// The nodes on which it has not ended.
    pending: Vec<NodeId>,
    all: Vec<NodeId>,
    results: HashMap<NodeId, Outcome>,
    printed: bool,
    /// Output is gathered until all have ended, to show what is equal once.
    gather: Option<Gather>,
    folded: bool,
    interrupts: u32,
    told_input: bool,
    /// It copies files: its own words say how that went.
    transfer: bool,
    /// The history does not keep its line.
    private: bool,
}

/// All commands that run, and the last one.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    next: u64,
    running: Vec<Job>,
    last: Option<Job>,
    /// The largest exit status since the last [`Jobs::take_worst`].
    worst: u8,
}

impl Jobs {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.running.iter().filter_map(|job| job.deadline).min()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn worst(&self) -> u8 {
        self.worst
    }

    /// A transfer begins on these nodes.
    pub(super) fn begin_transfer(&mut self, now: Instant, text: &str, ids: &[NodeId]) -> u64 {
        self.next += 1;
        self.running.push(Job {
            id: self.next,
            text: brief(text),
            since: now,
            deadline: None,
            pending: ids.to_vec(),
            all: ids.to_vec(),
            results: HashMap::new(),
            printed: false,
            gather: None,
            folded: false,
            interrupts: 0,
            told_input: false,
            transfer: true,
            private: false,
        });
        self.next
    }

    /// The start of a command, for messages.
    pub(super) fn text(&self, id: u64) -> &str {
        let job = self.running.iter().find(|job| job.id == id);
        job.map_or("", |job| job.text.as_str())
    }

    /// The history does not keep its line.
    pub(super) fn is_private(&self, id: u64) -> bool {
        let mut jobs = self.running.iter();
        jobs.any(|job| job.id == id && job.private)
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Job> {
        self.running.iter_mut().find(|job| job.id == id)
    }

    /// Input is sent to these jobs. True if that is news for one of them.
    pub(super) fn first_input(&mut self, ids: &[u64]) -> bool {
        let mut news = false;
        for job in self.running.iter_mut().filter(|job| ids.contains(&job.id)) {
            news |= !std::mem::replace(&mut job.told_input, true);
        }
        news
    }

    /// The job that `%failed` and Ctrl-C speak of: the latest.
    fn latest(&self) -> Option<&Job> {
        let running = self.running.last();
        match (&self.last, running) {
            (Some(last), Some(running)) if last.id > running.id => Some(last),
            (last, None) => last.as_ref(),
            (_, running) => running,
        }
    }

    fn result(&self, id: NodeId) -> Option<Last<'_>> {
        let job = self.latest()?;
        if job.pending.contains(&id) {
            return Some(Last::Pending);
        }
        job.results.get(&id).map(Last::Done)
    }

    /// A node is gone: nothing is known of it any more.
    pub(super) fn forget(&mut self, id: NodeId) {
        if let Some(job) = &mut self.last {
            job.results.remove(&id);
            job.all.retain(|other| *other != id);
        }
    }
}

impl App {
    /// How the last command ended on a node, if it ran there.
    pub(super) fn last_of(&self, id: NodeId) -> Option<Last<'_>> {
        self.jobs.result(id)
    }

    /// What another run knows of its last command.
    pub(super) fn adopt_results(
        &mut self,
        now: Instant,
        pending: Vec<NodeId>,
        results: HashMap<NodeId, Outcome>,
    ) {
        let ids: Vec<NodeId> = pending.iter().chain(results.keys()).copied().collect();
        if ids.is_empty() {
            return;
        }
        self.jobs.begin_transfer(now, "", &ids);
        if let Some(mut job) = self.jobs.running.pop() {
            job.pending = pending;
            job.results = results;
            self.jobs.last = Some(job);
        }
    }

    /// Which nodes a target means.
    pub(super) fn resolve(&self, target: &str) -> Result<Targets> {
        let target = Target::parse(target)?;
        let read = |file: &str| self.read_list(file);
        target.resolve(&World {
            nodes: self.inventory.nodes(),
            working: self.inventory.working(),
            last: &|id| self.jobs.result(id),
            read_file: &read,
        })
    }

    fn read_list(&self, file: &str) -> Result<String> {
        let path = self.full_path(std::path::Path::new(file));
        self.host.read_text(&path).map_err(|error| {
            let why = super::nodes::reason(&error);
            Error::usage(format!("^{file}: cannot read {}: {why}", path.display()))
        })
    }

    /// `@[target] [command]`.
    pub(super) fn at(
        &mut self,
        now: Instant,
        target: Option<&str>,
        command: Option<&str>,
    ) -> Result<()> {
        let targets = self.resolve(target.unwrap_or("*"))?;
        if command.is_some_and(|command| command.contains('\0')) {
            return Err(Error::usage("a command line cannot hold a NUL character"));
        }
        let running =
            |app: &Self, id: NodeId| app.state(id) == NodeState::Running || app.is_booting(id);
        let (ids, away): (Vec<NodeId>, Vec<NodeId>) =
            targets.into_iter().partition(|id| running(self, *id));
        if !away.is_empty() {
            let states = self.by_state(&away);
            if ids.is_empty() {
                return Err(Error::usage(format!("not running: {states}")).hint("start them first"));
            }
            self.notice(&format!("not running, left out: {states}"));
        }
        let Some(command) = command else {
            return self.attach(now, &ids);
        };
        // Where a command runs, the line is an answer to it.
        let (busy, free): (Vec<NodeId>, Vec<NodeId>) = ids
            .into_iter()
            .partition(|id| self.fleet.get(*id).is_some_and(|run| run.current.is_some()));
        // Nothing is typed into an editor that somebody left.
        let (raw, busy): (Vec<NodeId>, Vec<NodeId>) =
            busy.into_iter().partition(|id| self.is_raw(*id));
        if !raw.is_empty() {
            let text = format!("a full-screen program runs on {}", self.folded(&raw));
            if busy.is_empty() && free.is_empty() {
                return Err(Error::usage(text).hint("@NODE goes there"));
            }
            self.notice(&format!("{text}: nothing is sent there; @NODE goes there"));
        }
        if !busy.is_empty() {
            self.send_input(&busy, command)?;
        }
        if !free.is_empty() {
            self.run_job(now, free, command)?;
        }
        Ok(())
    }

    fn run_job(&mut self, now: Instant, ids: Vec<NodeId>, command: &str) -> Result<()> {
        for id in &ids {
            self.prepare(now, *id)?;
        }
        self.jobs.next += 1;
        let id = self.jobs.next;
        let json = self.printer.format() == Format::Json;
        let input = self.input_for(id, &ids);
        let folded = self.settings.fold && !json;
        let gather = folded.then(|| {
            let names = ids.iter().map(|id| (*id, self.name(*id)));
            Gather::new(names.collect::<Vec<_>>(), Limits::default())
        });
        self.jobs.running.push(Job {
            id,
            text: brief(command),
            since: now,
            deadline: self.settings.command_timeout.map(|limit| now + limit),
            pending: ids.clone(),
            all: ids.clone(),
            results: HashMap::new(),
            printed: false,
            gather,
            folded,
            interrupts: 0,
            told_input: false,
            transfer: false,
            private: self.private,
        });
        for node in ids {
            self.want(node);
            if let Some(run) = self.fleet.get_mut(node) {
                run.queue.push_back(Queued {
                    job: id,
                    text: command.as_bytes().to_vec(),
                    input,
                });
            }
            self.back_to_lines(now, node);
            self.next_command(now, node);
        }
        Ok(())
    }

    /// What a command (or a background job) printed.
    pub(super) fn node_output(&mut self, now: Instant, id: NodeId, bytes: &[u8]) {
        self.log_output(id, bytes);
        let job = self
            .fleet
            .get(id)
            .and_then(|run| run.current.as_ref())
            .map(|current| current.job);
        let mut overflow = None;
        if let Some(job) = job.and_then(|job| self.jobs.get_mut(job)) {
            job.printed = true;
            if let Some(gather) = &mut job.gather {
                match gather.push(id, bytes) {
                    Kept::Yes => return,
                    Kept::Overflow(all) => overflow = Some(all),
                    Kept::Streams => {},
                }
            }
        }
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let bytes = overflow.as_deref().unwrap_or(bytes);
        self.printer.push(&mut run.lines, bytes, &mut self.out);
        if matches!(self.printer.format(), Format::Terminal { .. }) {
            run.quiet_at = match run.lines.waiting() {
                Some(Waiting::Text) => Some(now + self.settings.quiet),
                Some(Waiting::Redraw) => run.quiet_at.or(Some(now + REDRAW)),
                None => None,
            };
        }
    }

    /// A node has been quiet in the middle of a line: show it. It may be a question.
    pub(super) fn node_quiet(&mut self, id: NodeId) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        self.printer.partial(&mut run.lines, &mut self.out);
        let secret = run.current.is_some() && run.lines.asks_secret();
        if self.is_prompt() {
            self.printer.close(&mut self.out);
        }
        if secret {
            self.wants_secret(id);
        }
    }

    /// The nodes on which the current job has not ended.
    pub(super) fn pending_nodes(&self) -> Vec<NodeId> {
        let job = self.jobs.running.last();
        job.map(|job| job.pending.clone()).unwrap_or_default()
    }

    /// Names of nodes, folded.
    pub(super) fn folded(&self, ids: &[NodeId]) -> String {
        fold(ids.iter().map(|id| self.name(*id)))
    }

    /// True if the run is a batch.
    pub(super) fn is_batch(&self) -> bool {
        matches!(self.mode, Mode::Batch(_))
    }
}

/// The first words of a command.
pub(super) fn brief(command: &str) -> String {
    const MOST: usize = 40;
    let line = command.lines().next().unwrap_or_default();
    let mut text: String = line.chars().take(MOST).collect();
    if text.len() < command.trim_end().len() {
        text.push('…');
    }
    text
}

fn run_state(app: &App, id: NodeId) -> Option<State> {
    app.fleet
        .get(id)
        .and_then(|run| run.shell.as_ref())
        .map(crate::session::shell::Shell::state)
}
