//! What clients say, read and sorted.

use super::client::{Client, Reading, State};
use super::clients::{ClientId, Clients, News};
use crate::model::Size;
use crate::wire::{Frames, ToClient, ToServer, Variables};
use std::time::Instant;

/// What fails here is no usage error: dust's status for it.
const FAILED: u8 = 1;
/// More of a client's environment than this is not kept, in bytes.
const ENVIRONMENT_MAX: usize = 1 << 20;

impl Clients {
    /// Reads what clients sent.
    pub(in crate::io) fn read(&mut self, now: Instant, unix_time: i64) -> Vec<News> {
        let ready: Vec<ClientId> = self
            .all
            .iter()
            .filter(|(_, client)| client.ready && !client.held)
            .map(|(id, _)| *id)
            .collect();
        let mut news = Vec::new();
        let room = self.channels() < self.channels_max;
        for id in ready {
            let Some(client) = self.all.get_mut(&id) else {
                continue;
            };
            let reading = client.read();
            client.ready = reading == Reading::More;
            let understood = Self::understand(id, client, now, room, &mut news);
            client.frames.rest();
            if let Err(why) = understood {
                if client.state == State::Channel {
                    self.returned.push(id);
                }
                client.send(&ToClient::Refused(FAILED, why), now);
                client.state = State::Leaving;
                client.ready = false;
            }
            if reading == Reading::Gone {
                self.remove(id, unix_time);
            }
        }
        for one in &news {
            if let News::Input(id, _) = one {
                self.active = Some(*id);
                self.typed = now;
                self.used = unix_time;
            }
        }
        self.settle_active();
        news.extend(self.returned.drain(..).map(News::Returned));
        news
    }

    fn understand(
        id: ClientId,
        client: &mut Client,
        now: Instant,
        room: bool,
        news: &mut Vec<News>,
    ) -> Result<(), String> {
        if !client.greet()? {
            return Ok(());
        }
        if matches!(client.state, State::Leaving | State::Dismissed) {
            client.frames = Frames::small();
            return Ok(());
        }
        let mut frames = std::mem::take(&mut client.frames);
        let mut result = Ok(());
        loop {
            let message = match frames.next_frame() {
                Ok(Some((kind, body))) => ToServer::decode(kind, body),
                Ok(None) => break,
                Err(fault) => Err(fault),
            };
            result = match message {
                Ok(message) => Self::message(id, client, now, room, message, news),
                Err(fault) => Err(fault.to_string()),
            };
            if result.is_err() {
                break;
            }
        }
        client.frames = frames;
        result
    }

    fn message(
        id: ClientId,
        client: &mut Client,
        now: Instant,
        room: bool,
        message: ToServer<'_>,
        news: &mut Vec<News>,
    ) -> Result<(), String> {
        let attached = client.state.is_attached();
        let borrows = client.state == State::Channel;
        match message {
            ToServer::Environment(pairs) if client.state == State::New => {
                let size = |pairs: &Variables| -> usize {
                    pairs
                        .iter()
                        .map(|(name, value)| name.len() + value.len() + 64)
                        .sum()
                };
                if size(&client.environment) + size(&pairs) <= ENVIRONMENT_MAX {
                    client.environment.extend(pairs);
                }
            },
            ToServer::Attach(attach) if client.state == State::New => {
                client.size = attach.size.unwrap_or(Size::DEFAULT);
                client.term.clone_from(&attach.term);
                // It is one of those that count from here on, whatever is decided.
                client.state = State::Asking;
                news.push(News::Attach(id, attach));
            },
            ToServer::Input(bytes) if attached => {
                client.facts.hear(bytes);
                news.push(News::Input(id, bytes.to_vec()));
            },
            ToServer::Resize(size) if attached => client.size = size.unwrap_or(Size::DEFAULT),
            ToServer::Detach if attached => news.push(News::Detach(id)),
            ToServer::Suspended if attached => client.state = State::Stopped(false),
            ToServer::Continued(size) if attached => {
                client.size = size.unwrap_or(Size::DEFAULT);
                let missed = matches!(client.state, State::Stopped(true) | State::Behind(true));
                client.state = State::Live;
                client.progress = now;
                news.push(News::Back(id, missed));
            },
            ToServer::Info if !attached => {
                client.state = State::Asking;
                news.push(News::Info(id));
            },
            ToServer::DetachAll if !attached => {
                client.state = State::Asking;
                news.push(News::DetachAll(id));
            },
            ToServer::DetachNode(node) if !attached => {
                client.state = State::Asking;
                news.push(News::DetachNode(id, node));
            },
            ToServer::Ask(question) if !attached && !borrows => {
                client.state = State::Asking;
                news.push(News::Ask(id, question));
            },
            ToServer::Kill if !attached => {
                client.state = State::Asking;
                news.push(News::Kill);
            },
            ToServer::OpenChannel(_) if client.state == State::New && !room => {
                client.state = State::Leaving;
                let why = "it lends too many channels already".to_owned();
                client.send(&ToClient::Failed(why), now);
            },
            ToServer::OpenChannel(open) if client.state == State::New => {
                client.state = State::Channel;
                news.push(News::Open(id, open));
            },
            ToServer::Data(bytes) if borrows => news.push(News::Data(id, bytes.to_vec())),
            ToServer::End if borrows => news.push(News::End(id)),
            ToServer::Signal(name) if borrows => news.push(News::Signal(id, name)),
            ToServer::Resize(size) if borrows => {
                news.push(News::Resized(id, size.unwrap_or(Size::DEFAULT)));
            },
            _ => return Err("this message is out of place".to_owned()),
        }
        Ok(())
    }
}
