//! Clients that have a channel on a node's connection.

use super::client::{Client, State};
use super::clients::{ClientId, Clients};
use crate::wire::ToClient;
use std::time::Instant;

/// More than this is not read from a channel while its client takes none of it, in bytes.
const QUEUE_HIGH: usize = 256 * 1024;
/// Below this it is read again.
pub(super) const QUEUE_LOW: usize = 64 * 1024;

impl Clients {
    /// Who they are.
    pub(in crate::io) fn borrowers(&self) -> Vec<ClientId> {
        let all = self.all.iter();
        let all = all.filter(|(_, client)| client.state == State::Channel);
        all.map(|(id, _)| *id).collect()
    }

    /// How many there are.
    pub(super) fn channels(&self) -> usize {
        let all = self.all.values();
        all.filter(|client| client.state.borrows()).count()
    }

    /// Bytes from a client's channel, or its standard error. True: the channel must bring no more
    /// until [`super::News::Drained`].
    pub(in crate::io) fn bring(
        &mut self,
        id: ClientId,
        errors: bool,
        bytes: Vec<u8>,
        now: Instant,
    ) -> bool {
        let Some(client) = self.all.get_mut(&id) else {
            return false;
        };
        if client.queue.is_empty() {
            client.progress = now;
        }
        client.queue.data(errors, bytes);
        let full = client.queue.len() > QUEUE_HIGH;
        full && !std::mem::replace(&mut client.paused, true)
    }

    /// The last word to a client with a channel.
    pub(in crate::io) fn dismiss(&mut self, id: ClientId, message: &ToClient<'_>, now: Instant) {
        if let Some(client) = self.all.get_mut(&id)
            && client.state == State::Channel
        {
            client.send(message, now);
            // However slowly it reads, it gets all.
            client.state = State::Dismissed;
            client.held = false;
        }
    }

    /// What a client brings is not read for now (true), or again.
    pub(in crate::io) fn hold(&mut self, id: ClientId, held: bool) {
        if let Some(client) = self.all.get_mut(&id) {
            client.held = held;
            self.forsake(id);
        }
    }

    /// Gives up a client that has gone while it is not read from: what it said last would wait for
    /// ever, and so would its channel.
    pub(super) fn forsake(&mut self, id: ClientId) {
        let lost = |client: &Client| client.held && client.hung_up;
        if self.all.get(&id).is_some_and(lost) {
            self.all.remove(&id);
            self.returned.push(id);
        }
    }
}
