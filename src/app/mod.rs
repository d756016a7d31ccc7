//! All state of a run, and everything that is decided. Events come in with the time; effects go
//! out, in order, to be performed by `io`. No clock, no socket, no terminal.

mod batch;
mod channels;
mod clouds;
mod complete;
mod dropins;
mod effect;
mod event;
mod exec;
mod feed;
mod fleet;
mod host;
mod inventory;
mod jobs;
mod jumps;
mod keep;
mod keys;
mod loans;
mod log;
mod nodes;
mod prompt;
mod provide;
mod questions;
mod raw;
mod record;
mod routes;
mod say;
mod session;
mod settings;
mod shells;
mod show;
mod snapshot;
mod stanza;
mod transfers;
mod typed;

pub use batch::BatchInput;
pub use dropins::{Call, DropInAsk, DropInNews, LocalEnd, Look};
pub use effect::{Effect, ProviderOp};
pub use event::{Event, Provided, ProvidedNode};
pub use host::Host;
pub use inventory::defined;
pub use keep::{KeepAsk, KeepNews, Owner, Rotate};
pub use loans::{Lender, Loan, LoanNews, Wanted, digest};
pub use nodes::reason;
pub use session::Loaded;
pub use snapshot::Snapshot;
pub use transfers::disk;

use crate::command::{Line, Settings};
use crate::config::ssh_config::SshConfig;
use crate::error::Result;
use crate::model::{NodeId, Size};
use crate::output::{Format, Printer};
use crate::session::known_hosts::KnownHosts;
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Standard output is held back in memory up to this, in bytes; then nodes are not read from.
pub const BACKLOG_MAX: usize = 256 * 1024;

/// How a run begins.
#[derive(Debug)]
pub struct Setup {
    /// The settings to begin with.
    pub settings: Settings,
    /// Do not ask.
    pub yes: bool,
    /// One JSON object a line.
    pub json: bool,
    /// Say more.
    pub verbose: u8,
    /// Colours, decided.
    pub colours: bool,
    /// What that would be with `color=auto`.
    pub auto_colours: bool,
    /// Standard output is a terminal.
    pub terminal: bool,
    /// Somebody can answer questions.
    pub person: bool,
    /// The size of the terminal.
    pub size: Size,
    /// The person's ssh configuration.
    pub ssh_config: SshConfig,
    /// What is known of host keys.
    pub known_hosts: KnownHosts,
    /// What dust's own known-hosts file is called in messages.
    pub known_hosts_name: String,
    /// The terminal type for the nodes.
    pub term: String,
    /// How many connections the limit on open files allows.
    pub connections_max: usize,
    /// The provider `ec2` is built in.
    pub ec2: bool,
    /// The prompt belongs to a session: it can be left, and goes on.
    pub session: bool,
    /// A running session that lends its connections.
    pub lender: Option<Lender>,
}

/// A run of dust.
pub struct App {
    host: Box<dyn Host>,
    settings: Settings,
    setup: Setup,
    mode: Mode,
    fleet: fleet::Fleet,
    jobs: jobs::Jobs,
    inventory: inventory::Inventory,
    questions: questions::Questions,
    /// Standard input on its way to the nodes.
    feed: Option<feed::Feed>,
    /// Other channels on the nodes' connections.
    channels: channels::Channels,
    /// Those of them that are lent to others.
    loans: loans::Loans,
    /// Files on their way.
    transfers: transfers::Transfers,
    /// The raw shells.
    desk: raw::Desk,
    /// What is on its way to logs and recordings.
    keeper: keep::Keeper,
    log: Option<log::Log>,
    recording: Option<record::Recording>,
    /// The line that is run is one that the history does not keep.
    private: bool,
    printer: Printer,
    out: Vec<u8>,
    err: Vec<u8>,
    effects: VecDeque<Effect>,
    known_hosts: KnownHosts,
    keys: HashMap<PathBuf, KeyState>,
    requests: HashMap<u64, provide::Request>,
    clouds: clouds::Clouds,
    /// The time of this turn.
    now: Option<Instant>,
    confirm: Option<provide::Confirm>,
    next_request: u64,
    local_runs: bool,
    /// The files that clusters were loaded from, by the clusters' names.
    sources: HashMap<String, Loaded>,
    /// The clusters that another run's knowledge brought ([`App::adopt`]).
    adopted: HashSet<String>,
    /// Drop-in commands.
    drop_ins: dropins::DropIns,
    /// What was told about the ssh configuration already.
    told_keywords: HashSet<String>,
    seen_usage: u8,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

enum Mode {
    Prompt(Box<prompt::Prompt>),
    Batch(batch::Batch),
}

/// A private key that is being read, or was.
#[derive(Debug)]
enum KeyState {
    /// These nodes wait for it.
    Loading(Vec<NodeId>),
    /// It is ready.
    Ready,
    /// It needs a passphrase; these nodes wait for the person.
    Locked(Vec<NodeId>),
    /// It does not exist.
    Missing,
    /// It cannot be used; why.
    Failed(String),
}

impl App {
    /// A run with a prompt.
    pub fn prompt(setup: Setup, host: Box<dyn Host>) -> Self {
        let prompt = prompt::Prompt::new(setup.size, setup.colours);
        Self::new(setup, host, Mode::Prompt(Box::new(prompt)))
    }

    /// A run of these lines.
    pub fn batch(setup: Setup, host: Box<dyn Host>, input: BatchInput) -> Self {
        let batch = batch::Batch::new(input, setup.person);
        Self::new(setup, host, Mode::Batch(batch))
    }

    fn new(mut setup: Setup, host: Box<dyn Host>, mode: Mode) -> Self {
        let format = if setup.json {
            Format::Json
        } else if setup.terminal || setup.colours {
            Format::Terminal {
                colours: setup.colours,
            }
        } else {
            Format::Pipe
        };
        Self {
            host,
            settings: setup.settings.clone(),
            mode,
            fleet: fleet::Fleet::default(),
            jobs: jobs::Jobs::default(),
            inventory: inventory::Inventory::default(),
            questions: questions::Questions::default(),
            feed: None,
            channels: channels::Channels::default(),
            loans: loans::Loans::default(),
            transfers: transfers::Transfers::default(),
            desk: raw::Desk::default(),
            keeper: keep::Keeper::default(),
            log: None,
            recording: None,
            private: false,
            printer: Printer::new(format),
            out: Vec::new(),
            err: Vec::new(),
            effects: VecDeque::new(),
            known_hosts: std::mem::take(&mut setup.known_hosts),
            setup,
            keys: HashMap::new(),
            requests: HashMap::new(),
            clouds: clouds::Clouds::default(),
            now: None,
            confirm: None,
            next_request: 0,
            local_runs: false,
            sources: HashMap::new(),
            adopted: HashSet::new(),
            drop_ins: dropins::DropIns::default(),
            told_keywords: HashSet::new(),
            seen_usage: 0,
        }
    }

    /// The first things to do: called once, before any event.
    ///
    /// # Errors
    /// The cluster file cannot be loaded, and there will be no prompt. A batch says so itself.
    pub fn start(&mut self, now: Instant, file: Option<&Path>) -> Result<()> {
        self.note_time(now);
        if let Mode::Batch(batch) = &self.mode
            && let Err(error) = self.all_are_known(file, batch.lines())
        {
            self.error(&error);
            self.effects
                .push_back(Effect::Exit(error.kind().exit_code()));
            return Ok(());
        }
        self.start_log();
        if let Some(file) = file
            && let Err(error) = self.load(now, file)
        {
            if let Mode::Prompt(_) = self.mode {
                return Err(error);
            }
            self.error(&error);
            let code = error.kind().exit_code();
            self.effects.push_back(Effect::Exit(code));
            return Ok(());
        }
        self.learn_drop_ins();
        self.advance(now);
        Ok(())
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        self.note_time(now);
        match event {
            Event::Input(bytes) => self.input(now, bytes),
            Event::InputEnd => self.input_end(now, None),
            Event::InputFailed(why) => self.input_end(now, Some(why)),
            Event::Resized(size) => self.resized(size),
            Event::Interrupt => self.interrupt(now),
            Event::Terminate(signal) => self.effects.push_back(Effect::Exit(128 + (signal & 127))),
            Event::Link(id, attempt, event) => self.link(now, id, attempt, event),
            Event::NotForwarded(id, attempt, refusal) => {
                self.not_forwarded(now, id, attempt, refusal.as_ref());
            },
            Event::Data(id, bytes) => self.data(now, id, bytes),
            Event::ShellClosed(id, status) => self.shell_closed(now, id, status),
            Event::Channel(id, channel, event) => self.channel_event(now, id, channel, event),
            Event::LocalEnded(result) => self.local_ended(now, result),
            Event::DropIns(request, news) => self.drop_in_news(request, news),
            Event::Provided(provided) => self.provided(now, provided),
            Event::KeyLocked(path) => self.key_locked(now, path),
            Event::Cloud(request, news) => self.cloud_news(now, request, news),
            Event::Disk(ticket, news) => self.disk_news(now, ticket, news),
            Event::Kept(news) => self.kept(now, &news),
        }
        self.advance(now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        self.note_time(now);
        self.fleet_tick(now);
        self.job_tick(now);
        self.cloud_tick(now);
        self.prompt_tick(now);
        self.raw_tick(now);
        self.transfers_tick(now);
        self.keep_tick(now);
        self.advance(now);
    }

    /// When [`Self::tick`] must be called at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        let prompt = match &self.mode {
            Mode::Prompt(prompt) => prompt.next_deadline(),
            Mode::Batch(batch) => batch.next_deadline(),
        };
        [
            self.fleet.next_deadline(),
            self.jobs.next_deadline(),
            self.cloud_deadline(),
            self.desk.next_deadline(),
            self.keeper.next_deadline(),
            self.transfers.next_deadline(self.now),
            prompt,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing to do.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Bytes for standard output, or for the terminal at the prompt.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Bytes for standard error (in a batch only).
    pub fn err(&mut self) -> &mut Vec<u8> {
        &mut self.err
    }

    /// What is to be written to the terminal of the prompt in this turn: what nodes printed, then
    /// the prompt as it is now. Empty in a batch.
    pub fn paint(&mut self) -> Vec<u8> {
        self.paint_prompt()
    }

    /// True while there is a prompt (and the terminal is dust's own).
    pub fn is_prompt(&self) -> bool {
        matches!(self.mode, Mode::Prompt(_))
    }

    /// True while a local command has the terminal.
    pub fn local_runs(&self) -> bool {
        self.local_runs
    }

    /// Bytes that the node's shell is to be sent.
    pub fn unsent(&self, id: NodeId) -> &[u8] {
        self.fleet
            .get(id)
            .and_then(|run| run.shell.as_ref())
            .map_or(&[], |shell| shell.unsent())
    }

    /// How long what was sent to a node may stay unacknowledged.
    pub fn patience(&self, id: NodeId) -> Option<Duration> {
        Some(self.fleet.get(id)?.life.route().patience)
    }

    /// So many of them are gone.
    pub fn sent(&mut self, id: NodeId, count: usize) {
        if let Some(shell) = self.fleet.get_mut(id).and_then(|run| run.shell.as_mut()) {
            shell.sent(count);
        }
    }

    /// Carries on with whatever waits: connections that have a turn now, and the next line of a
    /// batch.
    fn advance(&mut self, now: Instant) {
        self.run_deferred(now);
        self.enter_coming(now);
        self.batch_advance(now);
        self.cloud_advance(now);
        self.connect_some(now);
        self.close_jumps(now);
        self.flush_log();
        self.flush_recording();
    }

    /// Runs a line that was read, at once or when it is known what there is.
    fn run_line(&mut self, now: Instant, line: Line) {
        let line = match self.recognised(line) {
            Ok(line) => line,
            Err(error) => {
                self.error(&error);
                return;
            },
        };
        if self.must_wait(&line) {
            self.defer(line);
        } else {
            self.perform_line(now, line);
        }
    }

    /// A line that begins with the name of a drop-in is that.
    fn recognised(&self, line: Line) -> Result<Line> {
        match line {
            Line::Unknown { word, line } if self.drop_in_named(&word).is_some() => {
                let otherwise = crate::command::parse::no_command(&word);
                crate::command::parse::drop_in(&word, &line, otherwise)
            },
            line => Ok(line),
        }
    }

    fn perform_line(&mut self, now: Instant, line: Line) {
        let result = match line {
            Line::Empty | Line::Comment => Ok(()),
            Line::At { target, command } => self.at(now, target.as_deref(), command.as_deref()),
            Line::Builtin(command) => self.builtin(now, command),
            Line::Local(command) => {
                self.local(command);
                Ok(())
            },
            Line::DropIn {
                name,
                words,
                otherwise,
            } => self.drop_in(&name, words, &otherwise),
            Line::Unknown { word, line } => self.unknown(&word, line),
        };
        if let Err(error) = result {
            self.error(&error);
        }
    }
}

#[cfg(test)]
mod tests;
