//! Private keys: each is read once for all connections.

use super::{App, Effect, KeyState};
use crate::model::NodeId;
use crate::session::life::Event as LifeEvent;
use std::time::Instant;

impl App {
    /// A key is read once for all nodes.
    pub(super) fn load_key(
        &mut self,
        now: Instant,
        id: NodeId,
        attempt: u64,
        path: std::path::PathBuf,
    ) {
        let event = match self.keys.get_mut(&path) {
            None => {
                self.keys.insert(path.clone(), KeyState::Loading(vec![id]));
                self.effects
                    .push_back(Effect::LoadKey(id, attempt, path, None));
                return;
            },
            Some(KeyState::Loading(waiting) | KeyState::Locked(waiting)) => {
                waiting.push(id);
                return;
            },
            Some(KeyState::Ready) => LifeEvent::Key(Ok(true)),
            Some(KeyState::Missing) => LifeEvent::Key(Ok(false)),
            Some(KeyState::Failed(why)) => LifeEvent::Key(Err(why.clone())),
        };
        self.link(now, id, attempt, event);
    }

    /// A key that was being read is ready, is not there, or is of no use.
    pub fn key_loaded(
        &mut self,
        now: Instant,
        path: &std::path::Path,
        result: Result<bool, String>,
    ) {
        let state = match &result {
            Ok(true) => KeyState::Ready,
            Ok(false) => KeyState::Missing,
            Err(why) => KeyState::Failed(why.clone()),
        };
        let before = self.keys.insert(path.to_owned(), state);
        if let Some(KeyState::Loading(waiting) | KeyState::Locked(waiting)) = before {
            for id in waiting {
                self.link(now, id, 0, LifeEvent::Key(result.clone()));
            }
        }
        self.advance(now);
    }
}
