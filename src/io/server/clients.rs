//! All clients of a session: who is shown it, who is behind, who asks.

use super::channels::QUEUE_LOW;
use super::client::{Client, QUEUE_MAX, State};
use super::kept::Kept;
use super::lost::Watch;
use crate::io::reactor::Source;
use crate::io::runtime_dir::Listener;
use crate::io::sys;
use crate::model::Size;
use crate::term::screen::Facts;
use crate::wire::{Attach, Frames, Hello, Info, OpenChannel, Question, ToClient, Variables};
use mio::unix::SourceFd;
use mio::{Interest, Poll};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// The number of a client; none is used again.
pub(in crate::io) type ClientId = u32;

/// What clients want that is not between them and this module.
#[derive(Debug)]
pub(in crate::io) enum News {
    /// To be shown the session: [`Clients::admit`] or [`Clients::refuse`] answers.
    Attach(ClientId, Attach),
    /// It takes output again, after it was behind or stopped; true if it missed some.
    Back(ClientId, bool),
    /// Keys.
    Input(ClientId, Vec<u8>),
    /// To be detached.
    Detach(ClientId),
    /// All to be detached, says one that asks.
    DetachAll(ClientId),
    /// To have a node's raw shell detached.
    DetachNode(ClientId, String),
    /// To know what session this is.
    Info(ClientId),
    /// An answer.
    Ask(ClientId, Question),
    /// The end of the session.
    Kill,
    /// A channel to a node.
    Open(ClientId, OpenChannel),
    /// Bytes for its channel.
    Data(ClientId, Vec<u8>),
    /// None follow.
    End(ClientId),
    /// A signal for what runs there.
    Signal(ClientId, String),
    /// The size of its terminal.
    Resized(ClientId, Size),
    /// It takes more again.
    Drained(ClientId),
    /// It is gone, or will be: its channel is of no more use.
    Returned(ClientId),
}

/// The clients of a session.
#[derive(Debug)]
pub(in crate::io) struct Clients {
    pub(super) name: String,
    pub(super) hello: Hello,
    pub(super) listener: Listener,
    pub(super) watch: Watch,
    /// Nobody new is let in.
    pub(super) ending: bool,
    pub(super) all: BTreeMap<ClientId, Client>,
    next: ClientId,
    /// More may wait to be let in.
    pub(super) door: bool,
    /// When some are to be let in for whom there was no room.
    pub(super) knock_again: Option<Instant>,
    /// So many channels may be open.
    pub(super) channels_max: usize,
    /// Whose channels are of no more use.
    pub(super) returned: Vec<ClientId>,
    /// Who typed last, or attached after that.
    pub(super) active: Option<ClientId>,
    /// What the last terminal that was typed at said of itself.
    pub(super) facts: Facts,
    kept: Kept,
    /// Nobody was attached ever.
    fresh: bool,
    began: i64,
    pub(super) used: i64,
    pub(super) typed: Instant,
}

impl Clients {
    /// Nobody yet.
    pub(in crate::io) fn new(
        name: &str,
        hello: Hello,
        listener: Listener,
        channels_max: usize,
        now: Instant,
        unix_time: i64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            hello,
            listener,
            watch: Watch::default(),
            ending: false,
            all: BTreeMap::new(),
            next: 0,
            door: false,
            knock_again: None,
            channels_max,
            returned: Vec::new(),
            active: None,
            facts: Facts::default(),
            kept: Kept::default(),
            fresh: true,
            began: unix_time,
            used: unix_time,
            typed: now,
        }
    }

    /// The name of the session.
    pub(in crate::io) fn name(&self) -> &str {
        &self.name
    }

    /// The path of its socket.
    pub(in crate::io) fn socket(&self) -> &Path {
        self.listener.path()
    }

    /// Has the event loop watch the listening socket.
    pub(in crate::io) fn register(&self, poll: &Poll) -> io::Result<()> {
        let fd = self.listener.fd();
        poll.registry().register(
            &mut SourceFd(&fd),
            Source::Listener.into(),
            Interest::READABLE,
        )
    }

    /// Takes in the client that started this server: it has been greeted, and what it said after
    /// that is in `frames`.
    pub(in crate::io) fn adopt(
        &mut self,
        poll: &Poll,
        now: Instant,
        stream: UnixStream,
        frames: Frames,
    ) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_read_timeout(None)?;
        let mut client = Client::new(stream, &self.hello, now);
        client.queue = super::queue::Queue::default();
        client.greeted = true;
        client.frames = frames;
        self.insert(poll, client)
    }

    pub(super) fn insert(&mut self, poll: &Poll, client: Client) -> io::Result<()> {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let fd = client.stream.as_raw_fd();
        poll.registry().register(
            &mut SourceFd(&fd),
            Source::Client(id).into(),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.all.insert(id, client);
        Ok(())
    }

    /// A client speaks, or nobody is at the other end of its socket; else it takes more.
    pub(in crate::io) fn mark_ready(&mut self, id: ClientId, speaks: bool, gone: bool) {
        if let Some(client) = self.all.get_mut(&id) {
            client.ready |= speaks;
            client.hung_up |= gone;
            self.forsake(id);
        }
    }

    /// There is something to read without waiting.
    pub(in crate::io) fn has_ready(&self) -> bool {
        let mut all = self.all.values();
        self.door || !self.returned.is_empty() || all.any(|client| client.ready && !client.held)
    }

    /// More keys are waiting.
    pub(in crate::io) fn keys_wait(&self) -> bool {
        let mut all = self.all.values();
        all.any(|client| client.ready && client.state.is_attached())
    }

    /// Shows a client the session from now on. True if nobody else is shown it; `None` if it has
    /// gone already.
    pub(in crate::io) fn admit(
        &mut self,
        id: ClientId,
        now: Instant,
        unix_time: i64,
    ) -> Option<bool> {
        let alone = !self.anybody();
        let client = self.all.get_mut(&id)?;
        client.send(&ToClient::Welcome(self.name.clone()), now);
        client.state = State::Live;
        self.active = Some(id);
        self.typed = now;
        self.used = unix_time;
        Some(alone)
    }

    /// True until the first client is admitted: nothing was ever shown.
    pub(in crate::io) fn take_fresh(&mut self) -> bool {
        std::mem::replace(&mut self.fresh, false)
    }

    /// Does not show it to a client, and says why.
    pub(in crate::io) fn refuse(&mut self, id: ClientId, status: u8, why: String, now: Instant) {
        if let Some(client) = self.all.get_mut(&id) {
            client.send(&ToClient::Refused(status, why), now);
            client.state = State::Leaving;
        }
    }

    /// Answers one that asked.
    pub(in crate::io) fn answer(&mut self, id: ClientId, message: &ToClient<'_>, now: Instant) {
        if let Some(client) = self.all.get_mut(&id) {
            client.send(message, now);
        }
    }

    /// Bytes for one terminal alone.
    pub(in crate::io) fn show_one(&mut self, id: ClientId, bytes: Vec<u8>, now: Instant) {
        if let Some(client) = self.all.get_mut(&id) {
            client.show(&Rc::new(bytes), now);
        }
    }

    /// Bytes for all terminals. One that has too much to take already gets no more of it.
    pub(in crate::io) fn show(&mut self, bytes: Vec<u8>, now: Instant) {
        self.show_others(None, bytes, now);
    }

    /// Bytes for all terminals but this one.
    pub(in crate::io) fn show_others(
        &mut self,
        but: Option<ClientId>,
        bytes: Vec<u8>,
        now: Instant,
    ) {
        if bytes.is_empty() {
            return;
        }
        let bytes = Rc::new(bytes);
        let several = self.live().count() > 1;
        for (id, client) in &mut self.all {
            if but == Some(*id) {
                continue;
            }
            client.show(&bytes, now);
            if several && client.state == State::Live && client.queue.len() > QUEUE_MAX {
                client.queue.clear();
                client.state = State::Behind(true);
            }
        }
    }

    /// Keeps what is printed until somebody looks; none is left in `out`.
    pub(in crate::io) fn keep(&mut self, out: &mut Vec<u8>) {
        if !out.is_empty() {
            self.kept.take_in(out);
        }
    }

    /// What was kept.
    pub(in crate::io) fn take_kept(&mut self) -> Vec<u8> {
        self.kept.take_out()
    }

    fn live(&self) -> impl Iterator<Item = &Client> {
        self.all
            .values()
            .filter(|client| client.state == State::Live)
    }

    /// True if somebody is shown the session, and takes it.
    pub(in crate::io) fn anybody(&self) -> bool {
        self.live().next().is_some()
    }

    /// True if somebody else than this client is shown it.
    pub(in crate::io) fn others_than(&self, id: ClientId) -> bool {
        let mut others = self.all.iter().filter(|(other, _)| **other != id);
        others.any(|(_, client)| client.state == State::Live)
    }

    /// True if somebody has taken all that was shown: the next frame may come.
    pub(in crate::io) fn takes_a_frame(&self) -> bool {
        self.live().any(|client| client.queue.is_empty())
    }

    /// How much the fastest terminal has not taken, in bytes.
    pub(in crate::io) fn backlog(&self) -> usize {
        self.live()
            .map(|client| client.queue.len())
            .min()
            .unwrap_or(0)
    }

    /// True if nothing is left to be sent to anybody who takes it.
    pub(in crate::io) fn is_flushed(&self) -> bool {
        let mut waiting = self.all.values().filter(|client| !client.queue.is_empty());
        waiting.all(|client| matches!(client.state, State::Behind(_) | State::Stopped(_)))
    }

    /// Sends what the sockets take. Who was behind and has taken all is shown the session again.
    pub(in crate::io) fn flush(&mut self, now: Instant, unix_time: i64) -> Vec<News> {
        let mut news = Vec::new();
        let mut gone = Vec::new();
        for (id, client) in &mut self.all {
            match client.queue.flush(&client.stream) {
                Ok(0) => {},
                Ok(_) => client.progress = now,
                Err(_) => {
                    gone.push(*id);
                    continue;
                },
            }
            match client.state {
                // An empty queue alone says nothing: the kernel's may be full.
                State::Behind(missed)
                    if client.queue.is_empty() && sys::is_writable(client.stream.as_raw_fd()) =>
                {
                    client.state = State::Live;
                    news.push(News::Back(*id, missed));
                },
                State::Channel if client.paused && client.queue.len() < QUEUE_LOW => {
                    client.paused = false;
                    news.push(News::Drained(*id));
                },
                // At the end of the session they wait for the end of this process.
                State::Leaving | State::Dismissed if client.queue.is_empty() && !self.ending => {
                    gone.push(*id);
                },
                _ => {},
            }
        }
        for id in gone {
            self.remove(id, unix_time);
        }
        news
    }

    /// When [`Self::tick`] must be called at the latest.
    pub(in crate::io) fn next_deadline(&self) -> Option<Instant> {
        let clients = self.all.values().filter_map(Client::deadline);
        let others = [self.watch.due(), self.knock_again];
        clients.chain(others.into_iter().flatten()).min()
    }

    /// Time has passed: nobody waits any longer for those who take nothing, or say nothing.
    pub(in crate::io) fn tick(&mut self, now: Instant, unix_time: i64) {
        let late: Vec<ClientId> = self
            .all
            .iter()
            .filter(|(_, client)| client.deadline().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            match self.all.get_mut(&id) {
                Some(client) if client.state == State::Live => client.state = State::Behind(false),
                _ => self.remove(id, unix_time),
            }
        }
    }

    /// Who typed last.
    pub(in crate::io) fn active(&self) -> Option<ClientId> {
        self.active
    }

    /// The size of the active client's terminal.
    pub(in crate::io) fn size(&self) -> Option<Size> {
        Some(self.all.get(&self.active?)?.size)
    }

    /// The type of the active client's terminal, and its environment.
    pub(in crate::io) fn world(&self) -> Option<(&str, &Variables)> {
        let client = self.all.get(&self.active?)?;
        Some((&client.term, &client.environment))
    }

    /// What the terminal that was typed at last said of itself.
    pub(in crate::io) fn facts(&self) -> &Facts {
        let active = self.active.and_then(|id| self.all.get(&id));
        active.map_or(&self.facts, |client| &client.facts)
    }

    /// All who have a terminal.
    pub(in crate::io) fn attached(&self) -> Vec<ClientId> {
        let attached =
            |(id, client): (&ClientId, &Client)| client.state.is_attached().then_some(*id);
        self.all.iter().filter_map(attached).collect()
    }

    /// What clients and this module know of the session; the rest is for the caller to fill in.
    pub(in crate::io) fn info(&self, now: Instant) -> Info {
        let attached = self.attached().len();
        let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
        Info {
            name: self.name.clone(),
            attached: u32::try_from(attached).unwrap_or(u32::MAX),
            idle: now.saturating_duration_since(self.typed).as_secs(),
            used: seconds(self.used),
            began: seconds(self.began),
            pid: self.hello.pid,
            ..Info::default()
        }
    }
}
