//! What clients say, read and sorted.

use super::client::{Client, Reading, State};
use super::clients::{ClientId, Clients, News};
use crate::model::Size;
use crate::wire::{ToClient, ToServer, Variables};
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
            .filter(|(_, client)| client.ready)
            .map(|(id, _)| *id)
            .collect();
        let mut news = Vec::new();
        for id in ready {
            let Some(client) = self.all.get_mut(&id) else {
                continue;
            };
            let reading = client.read();
            client.ready = reading == Reading::More;
            let understood = Self::understand(id, client, now, &mut news);
            if let Err(why) = understood {
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
        news
    }

    fn understand(
        id: ClientId,
        client: &mut Client,
        now: Instant,
        news: &mut Vec<News>,
    ) -> Result<(), String> {
        if !client.greet()? {
            return Ok(());
        }
        if client.state == State::Leaving {
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
                Ok(message) => Self::message(id, client, now, message, news),
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
        message: ToServer<'_>,
        news: &mut Vec<News>,
    ) -> Result<(), String> {
        let attached = client.state.is_attached();
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
                news.push(News::Returned(id, missed));
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
            ToServer::Kill if !attached => {
                client.state = State::Asking;
                news.push(News::Kill);
            },
            ToServer::OpenChannel(open) if client.state == State::New => {
                client.state = State::Leaving;
                let why = format!("this session lends no connections (to {})", open.node);
                client.send(&ToClient::Failed(why), now);
            },
            _ => return Err("this message is out of place".to_owned()),
        }
        Ok(())
    }
}
