//! Other channels on the nodes' connections: the one that feeds a command, and questions to a node
//! about what runs on it.

use super::{App, Effect};
use crate::model::NodeId;
use crate::session::channel::{ChannelEvent, ChannelId, ChannelRequest};
use std::collections::BTreeMap;
use std::time::Instant;

/// An answer is read up to this, in bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// What a node was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// To set up the terminal of its shell; nobody waits for an answer.
    Terminal,
    /// What runs in the foreground of its shell's terminal.
    Foreground,
}

#[derive(Debug)]
struct Asked {
    question: Question,
    answer: Vec<u8>,
}

/// All channels but the shells' and the feed's.
#[derive(Debug, Default)]
pub(super) struct Channels {
    last: u64,
    asked: BTreeMap<(NodeId, ChannelId), Asked>,
}

impl Channels {
    /// A number that none had.
    pub(super) fn next(&mut self) -> ChannelId {
        self.last += 1;
        ChannelId(self.last)
    }
}

impl App {
    /// Bytes for a channel.
    pub fn channel_unsent(&self, id: NodeId, channel: ChannelId) -> &[u8] {
        if channel == ChannelId::FEED {
            return self.feed_unsent(id);
        }
        if let Some(bytes) = self.transfers.unsent(id, channel) {
            return bytes;
        }
        self.loan_unsent(id, channel)
    }

    /// So many of them are gone.
    pub fn channel_sent(&mut self, id: NodeId, channel: ChannelId, count: usize) {
        if channel == ChannelId::FEED {
            self.feed_sent(id, count);
        } else {
            self.transfer_sent(id, channel, count);
            self.loan_sent(id, channel, count);
        }
    }

    /// Nothing follows what was sent.
    pub fn channel_is_over(&self, id: NodeId, channel: ChannelId) -> bool {
        if channel == ChannelId::FEED {
            return self.feed_is_over(id);
        }
        self.transfers.unsent(id, channel).is_none() && self.loan_is_over(id, channel)
    }

    /// Runs a command on a connected node, beside its shell. Login shells of all families read it.
    pub(super) fn ask_node(&mut self, id: NodeId, question: Question, command: String) {
        let channel = self.channels.next();
        let answer = Vec::new();
        self.channels
            .asked
            .insert((id, channel), Asked { question, answer });
        let request = ChannelRequest::exec(command);
        self.effects
            .push_back(Effect::OpenChannel(id, channel, request));
    }

    /// News of a channel.
    pub(super) fn channel_event(
        &mut self,
        now: Instant,
        id: NodeId,
        channel: ChannelId,
        event: ChannelEvent<'_>,
    ) {
        if channel == ChannelId::FEED {
            self.feed_event(now, id, event);
            return;
        }
        if self.transfer_event(now, id, channel, &event) {
            return;
        }
        let Some(asked) = self.channels.asked.get_mut(&(id, channel)) else {
            self.loan_event(id, channel, event);
            return;
        };
        match event {
            ChannelEvent::Opened => self.effects.push_back(Effect::Flush(id)),
            ChannelEvent::Complaint(_) | ChannelEvent::Eof => {},
            ChannelEvent::Data(bytes) => {
                let room = ANSWER_MAX.saturating_sub(asked.answer.len());
                let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
                asked.answer.extend_from_slice(bytes);
            },
            ChannelEvent::Closed(_) | ChannelEvent::Refused(_) => {
                if let Some(asked) = self.channels.asked.remove(&(id, channel)) {
                    self.node_answered(now, id, asked.question, &asked.answer);
                }
            },
        }
    }

    /// A node's connection is gone, and all its channels with it. True if others had some, or
    /// waited for one.
    pub(super) fn channels_gone(&mut self, now: Instant, id: NodeId, why: &str) -> bool {
        self.transfers_cut(now, id);
        let gone = (id, ChannelId(0))..=(id, ChannelId(u64::MAX));
        let keys: Vec<_> = self
            .channels
            .asked
            .range(gone)
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            if let Some(asked) = self.channels.asked.remove(&key) {
                self.node_answered(now, id, asked.question, &[]);
            }
        }
        self.loans_gone(id, why)
    }
}
