//! How clients go, of their own or not, and how a session ends for all of them.

use super::client::State;
use super::clients::{ClientId, Clients};
use crate::wire::ToClient;
use std::rc::Rc;
use std::time::Instant;

impl Clients {
    /// Takes a client's terminal off the session. `bytes` go to the terminal first.
    pub(in crate::io) fn detach(
        &mut self,
        id: ClientId,
        bytes: Vec<u8>,
        now: Instant,
        unix_time: i64,
    ) {
        let text = format!(
            "[detached from session {0}; dust attach {0} returns]",
            self.name
        );
        let Some(client) = self.all.get_mut(&id) else {
            return;
        };
        if client.state == State::Live {
            client.queue.output(&Rc::new(bytes));
        } else {
            client.queue.clear();
        }
        // However long it has taken nothing, it has time for this.
        client.progress = now;
        client.send(&ToClient::Detached(text), now);
        client.state = State::Leaving;
        if self.active == Some(id) {
            self.facts = client.facts.clone();
        }
        self.used = unix_time;
        self.settle_active();
    }

    /// Has a client stop, as Ctrl-Z does. `bytes` go to the terminal first.
    pub(in crate::io) fn suspend(&mut self, id: ClientId, bytes: Vec<u8>, now: Instant) {
        if let Some(client) = self.all.get_mut(&id)
            && client.state.is_attached()
        {
            client.queue.output(&Rc::new(bytes));
            client.send(&ToClient::Suspend, now);
            client.state = State::Stopped(false);
        }
    }

    /// The session is about to end: all are told, and nobody new comes in.
    pub(in crate::io) fn end(&mut self, status: u8, now: Instant) {
        self.listener.remove();
        self.ending = true;
        let text = format!("[session {} ended]", self.name);
        for client in self.all.values_mut() {
            if client.state == State::Channel {
                client.send(&ToClient::Failed(text.clone()), now);
                client.state = State::Leaving;
            } else if !matches!(client.state, State::Leaving | State::Dismissed) {
                if client.state != State::Live {
                    client.queue.clear();
                }
                client.send(&ToClient::Ended(status, text.clone()), now);
                client.state = State::Leaving;
            }
        }
    }

    /// Leaves the sockets to be closed by the end of this process: clients wait for that.
    pub(in crate::io) fn leave_open(self) {
        for client in self.all.into_values() {
            std::mem::forget(client.stream);
        }
    }

    pub(super) fn remove(&mut self, id: ClientId, unix_time: i64) {
        let Some(client) = self.all.remove(&id) else {
            return;
        };
        if client.state.is_attached() {
            self.used = unix_time;
        }
        if client.state == State::Channel {
            self.returned.push(id);
        }
        if self.active == Some(id) {
            self.facts = client.facts;
        }
        self.settle_active();
    }

    /// Somebody who is attached is the active one, if there is anybody.
    pub(super) fn settle_active(&mut self) {
        let attached = |id: &ClientId| {
            let client = self.all.get(id);
            client.is_some_and(|client| client.state.is_attached())
        };
        if self.active.as_ref().is_none_or(|id| !attached(id)) {
            self.active = self.all.keys().rev().find(|id| attached(id)).copied();
        }
    }
}
