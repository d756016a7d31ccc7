//! Connections that are lent: the server of a session opens channels on its nodes' connections for
//! other processes of the same person, and a one-shot run borrows them.

use super::routes::SSH_PORT;
use super::{App, Effect};
use crate::config::Provider;
use crate::model::{NodeId, NodeState, Size};
use crate::session::channel::{ChannelEvent, ChannelId, ChannelKind, ChannelRequest};
use ssh_key::sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// More than this of a borrower's is not taken while the node takes none, in bytes.
const INPUT_MAX: usize = 256 * 1024;
/// It is taken again below this.
const INPUT_LOW: usize = 64 * 1024;

/// What tells one text of a cluster file from another: SHA-256.
pub fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// A running session that has a cluster file loaded, and lends its connections.
#[derive(Clone, Debug)]
pub struct Lender {
    /// What it is called in messages: `session lab`.
    pub session: String,
    /// The one file that both have: its path in full, and the digest of its text ([`digest`]).
    /// `None`: all that this run knows comes from there ([`App::adopt`]).
    pub file: Option<(PathBuf, [u8; 32])>,
}

/// What to borrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    /// The cluster.
    pub cluster: String,
    /// The node's name.
    pub node: String,
    /// Which machine it is, where there may be several of this name; else empty.
    pub machine: String,
}

/// What somebody wants to borrow of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The cluster; empty: the node's name tells.
    pub cluster: String,
    /// The node's name.
    pub node: String,
    /// Which machine it has to be; empty: any.
    pub machine: String,
    /// The channel.
    pub request: ChannelRequest,
}

/// What became of a channel that was lent.
#[derive(Debug, PartialEq, Eq)]
pub enum LoanNews {
    /// Data flows.
    Opened,
    /// Bytes from the channel; true: from its standard error.
    Data(bool, Vec<u8>),
    /// No more follow.
    Eof,
    /// It is closed, with this exit status. No more news come.
    Closed(Option<i32>),
    /// It did not come to be, or its connection is gone; why. No more news come.
    Failed(String),
    /// After too much was brought, more is taken again.
    Room,
}

/// A channel that is lent, or will be.
#[derive(Debug)]
struct Lent {
    node: NodeId,
    channel: ChannelId,
    /// What to open once the connection is up.
    waits: Option<ChannelRequest>,
    /// From the borrower, for the node; the part before `start` is sent.
    input: Vec<u8>,
    start: usize,
    /// Nothing follows it.
    over: bool,
    /// The borrower was told to bring no more for now.
    full: bool,
}

impl Lent {
    fn unsent(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }
}

/// All that is lent, by borrower.
#[derive(Debug, Default)]
pub(super) struct Loans {
    lent: BTreeMap<u32, Lent>,
    borrowers: BTreeMap<(NodeId, ChannelId), u32>,
}

impl Loans {
    /// Something of this node's is lent.
    pub(super) fn are_on(&self, id: NodeId) -> bool {
        let all = (id, ChannelId(0))..=(id, ChannelId(u64::MAX));
        self.borrowers.range(all).next().is_some()
    }

    fn of(&self, id: NodeId, channel: ChannelId) -> Option<&Lent> {
        self.lent.get(self.borrowers.get(&(id, channel))?)
    }

    fn end(&mut self, borrower: u32) -> Option<Lent> {
        let lent = self.lent.remove(&borrower)?;
        self.borrowers.remove(&(lent.node, lent.channel));
        Some(lent)
    }
}

impl App {
    /// What there is to borrow for a node.
    pub(super) fn loan_of(&self, id: NodeId) -> Option<Loan> {
        let node = self.inventory.get(id)?;
        Some(Loan {
            cluster: node.cluster.clone(),
            node: node.name.clone(),
            machine: self.machine(id),
        })
    }

    /// Which machine a node is, where a provider may give its name to another one.
    fn machine(&self, id: NodeId) -> String {
        let entry = self.inventory.entry(id);
        let machine = entry.and_then(|entry| match entry.provider {
            Provider::Ec2 => Some(entry.seat.as_ref()?.instance.as_ref()?.id.clone()),
            Provider::Local => Some(entry.addr?.to_string()),
            Provider::Ssh => None,
        });
        machine.unwrap_or_default()
    }

    /// A running session has the cluster of this node, as this run has it.
    pub(super) fn may_borrow(&self, id: NodeId) -> bool {
        let (Some(lender), Some(node)) = (&self.setup.lender, self.inventory.get(id)) else {
            return false;
        };
        let same = match &lender.file {
            Some((file, digest)) => self.source(&node.cluster) == Some((file.as_path(), *digest)),
            None => self.adopted.contains(&node.cluster),
        };
        same && !node.aside && !self.is_booting(id)
    }

    /// A node's connection is, or will be, that of a session.
    pub(super) fn is_lent(&self, id: NodeId) -> bool {
        self.fleet.get(id).is_some_and(|run| run.life.is_lent())
    }

    /// A connection of our own is made in place of the session's; what waits for the node goes on
    /// waiting. Nothing must run there.
    pub(super) fn end_loan(&mut self, now: Instant, id: NodeId) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let mut wishes = Vec::new();
        run.life.end_loan(now, &mut wishes);
        run.shell = None;
        run.mark_by = None;
        run.alive_at = None;
        self.grant(now, id, wishes);
    }

    /// Lends a channel on a node's connection, which is made if need be. [`Effect::Lent`] tells what
    /// becomes of it.
    ///
    /// # Errors
    /// There is no such node, or none that could be reached.
    pub fn lend(&mut self, now: Instant, borrower: u32, mut wanted: Wanted) -> Result<(), String> {
        self.note_time(now);
        let id = self.lendable(&wanted)?;
        self.prepare(now, id).map_err(|error| error.to_string())?;
        if let ChannelKind::Forward(host, port @ 0) = &mut wanted.request.kind {
            // The node's own sshd. Those of nodes on this machine have an address each.
            let route = self.fleet.get(id).map(|run| run.life.route());
            *port = route.map_or(SSH_PORT, |route| route.port);
            let entry = self.inventory.entry(id);
            let local = entry.is_some_and(|entry| entry.provider == Provider::Local);
            *host = match route {
                Some(route) if local => route.host.clone(),
                _ => "127.0.0.1".to_owned(),
            };
        }
        let channel = self.channels.next();
        let lent = Lent {
            node: id,
            channel,
            waits: Some(wanted.request),
            input: Vec::new(),
            start: 0,
            over: false,
            full: false,
        };
        self.loans.lent.insert(borrower, lent);
        self.loans.borrowers.insert((id, channel), borrower);
        if self.fleet.get(id).is_some_and(|run| run.life.is_up()) {
            self.open_loans(id);
        } else {
            self.want(id);
        }
        self.advance(now);
        Ok(())
    }

    fn lendable(&self, wanted: &Wanted) -> Result<NodeId, String> {
        let (cluster, name) = (&wanted.cluster, &wanted.node);
        let found = if cluster.is_empty() {
            let targets = self.resolve(name).map_err(|error| error.to_string())?;
            match targets.ids() {
                [id] => Some(*id),
                ids => return Err(format!("{name} are {} nodes", ids.len())),
            }
        } else {
            self.inventory.find(cluster, name)
        };
        let id = found.ok_or_else(|| format!("it has no node {cluster}/{name}"))?;
        if self.state(id) != NodeState::Running {
            let state = self.state(id).as_str();
            return Err(format!("{name} is {state}, as far as it knows"));
        }
        let machine = self.machine(id);
        if !wanted.machine.is_empty() && wanted.machine != machine {
            let comma = if machine.is_empty() { "" } else { ", " };
            return Err(format!("there {name} is another machine{comma}{machine}"));
        }
        Ok(id)
    }

    /// A node's connection is up: the channels that wait for it are opened.
    pub(super) fn open_loans(&mut self, id: NodeId) {
        for lent in self.loans.lent.values_mut().filter(|lent| lent.node == id) {
            if let Some(request) = lent.waits.take() {
                let effect = Effect::OpenChannel(id, lent.channel, request);
                self.effects.push_back(effect);
            }
        }
    }

    /// News of a channel that is lent.
    pub(super) fn loan_event(&mut self, id: NodeId, channel: ChannelId, event: ChannelEvent<'_>) {
        let Some(&borrower) = self.loans.borrowers.get(&(id, channel)) else {
            return;
        };
        let news = match event {
            ChannelEvent::Opened => LoanNews::Opened,
            ChannelEvent::Data(bytes) => LoanNews::Data(false, bytes.to_vec()),
            ChannelEvent::Complaint(bytes) => LoanNews::Data(true, bytes.to_vec()),
            ChannelEvent::Eof => LoanNews::Eof,
            ChannelEvent::Closed(status) => LoanNews::Closed(status),
            ChannelEvent::Refused(why) => LoanNews::Failed(why),
        };
        match &news {
            LoanNews::Opened => self.effects.push_back(Effect::Flush(id)),
            LoanNews::Closed(_) | LoanNews::Failed(_) => {
                self.loans.end(borrower);
            },
            _ => {},
        }
        self.effects.push_back(Effect::Lent(borrower, news));
    }

    /// A node's connection is gone: so is what was lent of it. True if there was anything.
    pub(super) fn loans_gone(&mut self, id: NodeId, why: &str) -> bool {
        let all = self.loans.lent.iter().filter(|(_, lent)| lent.node == id);
        let borrowers: Vec<u32> = all.map(|(borrower, _)| *borrower).collect();
        for borrower in &borrowers {
            self.loans.end(*borrower);
            let news = LoanNews::Failed(why.to_owned());
            self.effects.push_back(Effect::Lent(*borrower, news));
        }
        !borrowers.is_empty()
    }

    /// A borrower's bytes for its channel. False: it must bring no more until [`LoanNews::Room`].
    pub fn loan_input(&mut self, borrower: u32, bytes: &[u8]) -> bool {
        let Some(lent) = self.loans.lent.get_mut(&borrower) else {
            return true;
        };
        if lent.start > 0 {
            lent.input.drain(..lent.start);
            lent.start = 0;
        }
        lent.input.extend_from_slice(bytes);
        lent.full |= lent.input.len() > INPUT_MAX;
        self.effects.push_back(Effect::Flush(lent.node));
        !lent.full
    }

    /// Nothing follows them.
    pub fn loan_ends(&mut self, borrower: u32) {
        if let Some(lent) = self.loans.lent.get_mut(&borrower) {
            lent.over = true;
            self.effects.push_back(Effect::Flush(lent.node));
        }
    }

    /// The size of the borrower's terminal.
    pub fn loan_resized(&mut self, borrower: u32, size: Size) {
        if let Some(lent) = self.loans.lent.get_mut(&borrower) {
            match &mut lent.waits {
                Some(request) => {
                    if let Some(pty) = &mut request.pty {
                        pty.1 = size;
                    }
                },
                None => {
                    let effect = Effect::ResizeChannel(lent.node, lent.channel, size);
                    self.effects.push_back(effect);
                },
            }
        }
    }

    /// A signal for what runs on a borrower's channel; its name without `SIG`.
    pub fn loan_signal(&mut self, borrower: u32, name: String) {
        if let Some(lent) = self.loans.lent.get(&borrower) {
            let effect = Effect::SignalChannel(lent.node, lent.channel, name);
            self.effects.push_back(effect);
        }
    }

    /// The borrower takes no more for now (true), or again.
    pub fn loan_pause(&mut self, borrower: u32, paused: bool) {
        if let Some(lent) = self.loans.lent.get(&borrower) {
            let effect = Effect::PauseChannel(lent.node, lent.channel, paused);
            self.effects.push_back(effect);
        }
    }

    /// The borrower is gone.
    pub fn loan_returned(&mut self, borrower: u32) {
        if let Some(lent) = self.loans.end(borrower)
            && lent.waits.is_none()
        {
            let effect = Effect::CloseChannel(lent.node, lent.channel);
            self.effects.push_back(effect);
        }
    }

    pub(super) fn loan_unsent(&self, id: NodeId, channel: ChannelId) -> &[u8] {
        self.loans.of(id, channel).map_or(&[], Lent::unsent)
    }

    pub(super) fn loan_sent(&mut self, id: NodeId, channel: ChannelId, count: usize) {
        let Some(&borrower) = self.loans.borrowers.get(&(id, channel)) else {
            return;
        };
        let Some(lent) = self.loans.lent.get_mut(&borrower) else {
            return;
        };
        lent.start = lent.start.saturating_add(count).min(lent.input.len());
        let left = lent.input.len() - lent.start;
        if left == 0 {
            lent.input.clear();
            lent.start = 0;
        }
        if lent.full && left < INPUT_LOW {
            lent.full = false;
            self.effects
                .push_back(Effect::Lent(borrower, LoanNews::Room));
        }
    }

    /// Nothing follows what was sent there. True for what is not lent: a question has no input.
    pub(super) fn loan_is_over(&self, id: NodeId, channel: ChannelId) -> bool {
        let lent = self.loans.of(id, channel);
        lent.is_none_or(|lent| lent.over && lent.unsent().is_empty())
    }
}
