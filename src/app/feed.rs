//! Standard input of a one-shot run, copied to every node's command. What is read and not yet taken
//! by all is held once, up to [`WINDOW`]: the slowest reader holds back the others, and whoever
//! writes to dust. How it gets to a node: `session::feed`.

use super::fleet::Queued;
use super::{App, Effect, Mode};
use crate::error::Error;
use crate::model::{NodeId, Outcome};
use crate::session::channel::{ChannelEvent, ChannelId, ChannelRequest};
use crate::session::feed::{GO, Greeting, request};
use crate::session::shell::{Nonce, Stdin};
use std::collections::BTreeMap;
use std::time::Instant;

/// So much is read ahead of the slowest node, in bytes.
const WINDOW: usize = 1 << 20;
/// What a node says of why it cannot take input is kept up to this, in bytes.
const COMPLAINT_MAX: usize = 1024;

/// What a command reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The terminal: lines for it may come from a person.
    Terminal,
    /// Nothing.
    Nothing,
    /// dust's own standard input.
    Feed,
}

/// How far a node is.
#[derive(Debug)]
enum Stage {
    /// Nothing was asked of it.
    Waiting,
    /// Its channel is being opened.
    Opening(Greeting),
    /// There is a FIFO of this name.
    Ready(String),
    /// The command was sent.
    Sent,
    /// Its command has the FIFO open; [`GO`] goes first.
    Reading,
    /// Data flows.
    Flowing,
    /// It takes no more.
    Done,
}

#[derive(Debug)]
struct Taker {
    stage: Stage,
    /// How much of the stream was sent there.
    at: u64,
    complaint: Vec<u8>,
}

impl Taker {
    fn takes(&self) -> bool {
        !matches!(self.stage, Stage::Done)
    }
}

/// Where a command reads from, once that is there.
#[derive(Debug)]
pub(super) enum Source {
    Terminal,
    Nothing,
    Fifo(String),
}

impl Source {
    pub(super) fn stdin(&self) -> Stdin<'_> {
        match self {
            Self::Terminal => Stdin::Terminal,
            Self::Nothing => Stdin::Nothing,
            Self::Fifo(path) => Stdin::Fifo(path),
        }
    }
}

/// The stream, and who takes it.
#[derive(Debug)]
pub(super) struct Feed {
    job: u64,
    /// What was read and is still needed; the part before `start` is not any more.
    data: Vec<u8>,
    start: usize,
    /// How much of the stream is gone from `data`.
    base: u64,
    ended: bool,
    takers: BTreeMap<NodeId, Taker>,
}

impl Feed {
    pub(super) fn new(job: u64, ids: &[NodeId]) -> Self {
        let taker = |id: &NodeId| {
            let taker = Taker {
                stage: Stage::Waiting,
                at: 0,
                complaint: Vec::new(),
            };
            (*id, taker)
        };
        Self {
            job,
            data: Vec::new(),
            start: 0,
            base: 0,
            ended: false,
            takers: ids.iter().map(taker).collect(),
        }
    }

    fn held(&self) -> usize {
        self.data.len() - self.start
    }

    /// More of the stream is wanted now.
    pub(super) fn wants(&self) -> bool {
        !self.ended && !self.is_full() && self.takers.values().any(Taker::takes)
    }

    /// As much is held as may be.
    pub(super) fn is_full(&self) -> bool {
        self.held() >= WINDOW
    }

    fn is_empty(&self) -> bool {
        self.ended && self.base == 0 && self.data.is_empty()
    }

    fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        self.trim();
    }

    /// Nodes whose command takes data now.
    fn flowing(&self) -> Vec<NodeId> {
        let flows = |taker: &Taker| matches!(taker.stage, Stage::Reading | Stage::Flowing);
        let ids = self.takers.iter().filter(|(_, taker)| flows(taker));
        ids.map(|(id, _)| *id).collect()
    }

    fn unsent(&self, id: NodeId) -> &[u8] {
        let Some(taker) = self.takers.get(&id) else {
            return &[];
        };
        match taker.stage {
            Stage::Reading => GO,
            Stage::Flowing => {
                let from = usize::try_from(taker.at - self.base).unwrap_or(usize::MAX);
                let from = from.saturating_add(self.start);
                self.data.get(from..).unwrap_or_default()
            },
            _ => &[],
        }
    }

    fn sent(&mut self, id: NodeId, count: usize) {
        let Some(taker) = self.takers.get_mut(&id) else {
            return;
        };
        if matches!(taker.stage, Stage::Reading) {
            // The few bytes of it always fit where any fit.
            taker.stage = Stage::Flowing;
            return;
        }
        let slowest = taker.at == self.base;
        taker.at += count as u64;
        if slowest {
            self.trim();
        }
    }

    /// Lets go of what nobody needs any more.
    fn trim(&mut self) {
        let takers = self.takers.values().filter(|taker| taker.takes());
        let needed = takers.map(|taker| taker.at).min();
        let end = self.base + self.held() as u64;
        let gone = needed.unwrap_or(end) - self.base;
        self.base += gone;
        self.start += usize::try_from(gone).unwrap_or(usize::MAX);
        // Moving the rest to the front costs as much as it is long.
        if self.start >= self.data.len() {
            self.data.clear();
            self.start = 0;
        } else if self.start >= WINDOW / 2 {
            self.data.drain(..self.start);
            self.start = 0;
        }
    }

    fn leave(&mut self, id: NodeId) -> Option<Taker> {
        let taker = self.takers.remove(&id)?;
        self.trim();
        Some(taker)
    }
}

impl App {
    /// Where the commands of a new job on these nodes read from.
    pub(super) fn input_for(&mut self, job: u64, ids: &[NodeId]) -> Input {
        match &mut self.mode {
            Mode::Prompt(_) => Input::Terminal,
            Mode::Batch(_) if self.setup.person => Input::Terminal,
            Mode::Batch(batch) => {
                if !batch.take_stdin() {
                    return Input::Nothing;
                }
                self.feed = Some(Feed::new(job, ids));
                Input::Feed
            },
        }
    }

    /// A node's shell starts: what its first command will read is made ready meanwhile.
    pub(super) fn feed_prepare(&mut self, id: NodeId) {
        let next = self.fleet.get(id).and_then(|run| run.queue.front());
        if next.is_some_and(|queued| queued.input == Input::Feed) && !self.feed_is_empty() {
            drop(self.feed_for(id));
        }
    }

    /// A node is about to run a command that reads standard input. `None`: it has to wait.
    fn feed_for(&mut self, id: NodeId) -> Option<String> {
        let nonce = Nonce::new(self.host.random());
        let taker = self.feed.as_mut()?.takers.get_mut(&id)?;
        match &taker.stage {
            Stage::Waiting => {
                taker.stage = Stage::Opening(Greeting::new(&nonce));
                let request = ChannelRequest::exec(request(&nonce));
                let effect = Effect::OpenChannel(id, ChannelId::FEED, request);
                self.effects.push_back(effect);
                None
            },
            Stage::Ready(path) => {
                let path = path.clone();
                taker.stage = Stage::Sent;
                Some(path)
            },
            _ => None,
        }
    }

    /// True once it is known that there is nothing in standard input.
    fn feed_is_empty(&self) -> bool {
        self.feed.as_ref().is_none_or(Feed::is_empty)
    }

    /// Standard input, for the commands that run or will.
    pub(super) fn feed_input(&mut self, bytes: &[u8]) {
        if let Some(feed) = &mut self.feed {
            feed.push(bytes);
            let ids = feed.flowing();
            self.effects.extend(ids.into_iter().map(Effect::Flush));
        }
    }

    /// Standard input has ended; `error` says that it failed.
    pub(super) fn feed_end(&mut self, error: Option<String>) {
        let Some(feed) = &mut self.feed else { return };
        feed.ended = true;
        let ids = feed.flowing();
        self.effects.extend(ids.into_iter().map(Effect::Flush));
        if let Some(error) = error {
            self.error(&Error::failed(format!("standard input: {error}")));
        }
    }

    /// The command on a node has opened its FIFO.
    pub(super) fn feed_reading(&mut self, id: NodeId) {
        if let Some(taker) = self.feed.as_mut().and_then(|feed| feed.takers.get_mut(&id))
            && matches!(taker.stage, Stage::Sent)
        {
            taker.stage = Stage::Reading;
            self.effects.push_back(Effect::Flush(id));
        }
    }

    /// A job has ended on a node.
    pub(super) fn feed_leave(&mut self, job: u64, id: NodeId) {
        if let Some(feed) = &mut self.feed
            && feed.job == job
            && let Some(taker) = feed.leave(id)
            && !matches!(taker.stage, Stage::Waiting)
        {
            self.effects
                .push_back(Effect::CloseChannel(id, ChannelId::FEED));
        }
    }

    /// Bytes for the channel that feeds a node's command.
    pub(super) fn feed_unsent(&self, id: NodeId) -> &[u8] {
        self.feed.as_ref().map_or(&[], |feed| feed.unsent(id))
    }

    /// So many of them are gone.
    pub(super) fn feed_sent(&mut self, id: NodeId, count: usize) {
        if let Some(feed) = &mut self.feed {
            feed.sent(id, count);
        }
    }

    /// All of standard input was sent to the node.
    pub(super) fn feed_is_over(&self, id: NodeId) -> bool {
        self.feed.as_ref().is_some_and(|feed| {
            let taker = feed.takers.get(&id);
            let flowing = taker.is_some_and(|taker| matches!(taker.stage, Stage::Flowing));
            flowing && feed.ended && feed.unsent(id).is_empty()
        })
    }

    /// News of that channel.
    pub(super) fn feed_event(&mut self, now: Instant, id: NodeId, event: ChannelEvent<'_>) {
        let lent = self.is_lent(id);
        let Some(taker) = self.feed.as_mut().and_then(|feed| feed.takers.get_mut(&id)) else {
            return;
        };
        match event {
            ChannelEvent::Data(bytes) => {
                if let Stage::Opening(greeting) = &mut taker.stage {
                    match greeting.receive(bytes) {
                        None => {},
                        Some(Ok(path)) => {
                            taker.stage = Stage::Ready(path);
                            self.next_command(now, id);
                        },
                        Some(Err(why)) => self.feed_failed(now, id, &why),
                    }
                }
            },
            ChannelEvent::Opened | ChannelEvent::Eof => {},
            ChannelEvent::Complaint(bytes) => {
                let room = COMPLAINT_MAX.saturating_sub(taker.complaint.len());
                let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
                taker.complaint.extend_from_slice(bytes);
            },
            ChannelEvent::Refused(_) if lent => self.feed_alone(now, id),
            ChannelEvent::Refused(why) => {
                let why = format!("{why}; it needs a second channel (MaxSessions of its sshd)");
                self.feed_failed(now, id, &why);
            },
            ChannelEvent::Closed(status) => {
                let said = super::shells::last_line(&taker.complaint);
                // Whoever reads no more than a part ends the copying in this way.
                let enough = status == Some(141) || said.contains("Broken pipe");
                let flowed = matches!(taker.stage, Stage::Flowing);
                if flowed && (enough || self.feed_is_over(id)) {
                    self.feed_done(id);
                } else {
                    let why = match status {
                        _ if !said.is_empty() => said,
                        Some(status) => format!("the channel was closed (exit {status})"),
                        None => "the channel was closed".to_owned(),
                    };
                    self.feed_failed(now, id, &why);
                }
            },
        }
    }

    /// The connection that a session lends has no room for another channel. Nothing was run: one of
    /// our own has.
    fn feed_alone(&mut self, now: Instant, id: NodeId) {
        if let Some(taker) = self.feed.as_mut().and_then(|feed| feed.takers.get_mut(&id)) {
            taker.stage = Stage::Waiting;
            taker.complaint.clear();
        }
        self.end_loan(now, id);
    }

    /// The command on a node reads no more, or has all: the others go on without waiting for it.
    fn feed_done(&mut self, id: NodeId) {
        if let Some(feed) = &mut self.feed
            && let Some(taker) = feed.takers.get_mut(&id)
        {
            taker.stage = Stage::Done;
            feed.trim();
        }
    }

    /// Standard input does not reach the command on a node: it must not look as if it had ended.
    fn feed_failed(&mut self, now: Instant, id: NodeId, why: &str) {
        let Some(feed) = &self.feed else { return };
        let job = feed.job;
        let Some(taker) = feed.takers.get(&id) else {
            return;
        };
        let what = "standard input cannot be brought there";
        let why = match taker.stage {
            Stage::Flowing => format!("standard input was cut after {} bytes: {why}", taker.at),
            _ => format!("{what}: {why}; with < /dev/null the command runs without"),
        };
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let waits = |queued: &Queued| queued.job == job;
        if run.queue.iter().any(waits) {
            run.queue.retain(|queued| !waits(queued));
            self.job_ended(now, job, id, Outcome::Lost(why), None);
        } else {
            // It runs: its end is awaited no longer, since it took a part for the whole.
            self.abandon(now, id);
            self.job_ended(now, job, id, Outcome::Lost(why), None);
        }
    }

    /// As many nodes are connected as may be, and none of them can yield. If the nodes that wait
    /// hold the stream back, it would never go on.
    pub(super) fn feed_unstick(&mut self, now: Instant, waiting: &[NodeId]) {
        let Some(feed) = self.feed.as_ref().filter(|feed| feed.is_full()) else {
            return;
        };
        let waits = |id: &&NodeId| feed.takers.get(id).is_some_and(|taker| taker.at == 0);
        let ids: Vec<NodeId> = waiting.iter().filter(waits).copied().collect();
        for id in ids {
            self.feed_failed(now, id, "more nodes than open files allow (ulimit -n)");
            self.hang_up(now, id);
        }
    }

    /// What a queued command reads from; `None` while it has to wait for that.
    pub(super) fn stdin_of(&mut self, id: NodeId, input: Input) -> Option<Source> {
        Some(match input {
            Input::Terminal => Source::Terminal,
            Input::Nothing => Source::Nothing,
            Input::Feed if self.feed_is_empty() => Source::Nothing,
            Input::Feed => Source::Fifo(self.feed_for(id)?),
        })
    }
}
