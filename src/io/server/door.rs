//! Who is let in.

use super::client::{Client, State};
use super::clients::Clients;
use crate::io::runtime_dir;
use crate::wire::ToClient;
use mio::Poll;
use std::io;
use std::time::{Duration, Instant};

/// More clients than this are turned away; those with channels do not count.
const CLIENTS_MAX: usize = 64;
/// So many are let in at once: most then say what they want before others come.
const GUESTS: usize = 32;
/// When somebody who could not be let in is tried again.
const KNOCK_AGAIN: Duration = Duration::from_millis(100);
/// What fails after this is no fault of the client: dust's status for it.
const FAILED: u8 = 1;

impl Clients {
    /// Somebody is at the door.
    pub(in crate::io) fn knock(&mut self) {
        self.door = true;
    }

    /// Lets in some of those who wait at the door. What they say first is to be heard before others
    /// are let in.
    pub(in crate::io) fn accept(&mut self, poll: &Poll, now: Instant) {
        if self.knock_again.is_some_and(|at| at <= now) {
            self.knock_again = None;
            self.door = true;
        }
        if !self.door {
            return;
        }
        let others = |client: &&Client| !client.state.borrows();
        let mut count = self.all.values().filter(others).count();
        self.door = false;
        for guest in 0.. {
            if guest >= GUESTS {
                self.door = true;
                return;
            }
            let stream = match self.listener.accept() {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // There are no more files: whoever waits goes on waiting, and nobody tells again.
                Err(_) => {
                    self.knock_again = Some(now + KNOCK_AGAIN);
                    return;
                },
            };
            let mut client = Client::new(stream, &self.hello, now);
            let own = nix::unistd::getuid().as_raw();
            let stranger = runtime_dir::peer_uid(&client.stream).map_or(true, |uid| uid != own);
            let why = if stranger {
                Some(format!(
                    "session {} is another user's (uid {own})",
                    self.name
                ))
            } else if count >= CLIENTS_MAX {
                Some(format!("session {} has too many clients", self.name))
            } else {
                None
            };
            if let Some(why) = why {
                client.send(&ToClient::Refused(FAILED, why), now);
                client.state = State::Leaving;
                if stranger || count >= 2 * CLIENTS_MAX {
                    // What fits into the socket is all that they are told.
                    drop(client.queue.flush(&client.stream));
                    continue;
                }
            }
            count += 1;
            drop(self.insert(poll, client));
        }
    }
}
