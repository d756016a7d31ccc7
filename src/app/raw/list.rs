//! `sessions`: the raw shells that there are.

use super::App;
use crate::error::Result;
use crate::model::NodeId;
use crate::output::status::duration;
use crate::session::shell::RawState;
use crate::ui::style::Palette;
use crate::ui::table::Table;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long nodes have to say what runs there.
const PATIENCE: Duration = Duration::from_secs(2);

/// A list that waits for nodes.
#[derive(Debug)]
pub(super) struct List {
    asked: BTreeSet<NodeId>,
    until: Instant,
}

impl List {
    pub(super) fn deadline(&self) -> Instant {
        self.until
    }
}

impl App {
    /// `sessions`: asks the nodes what runs, and shows it when all have said so, or soon anyway.
    pub(in crate::app) fn list_raw(&mut self, now: Instant) -> Result<()> {
        let ids: Vec<NodeId> = self.desk.rooms.keys().copied().collect();
        let mut asked = BTreeSet::new();
        for id in ids {
            let shell = self.fleet.get(id).and_then(|run| run.shell.as_ref());
            let runs = shell.is_some_and(|shell| {
                shell.raw() == Some(RawState::Running) && shell.tty().is_some()
            });
            if let Some(room) = self.desk.rooms.get_mut(&id) {
                room.runs = None;
            }
            if runs {
                asked.insert(id);
                self.ask_foreground(id);
            }
        }
        let until = now + PATIENCE;
        self.desk.list = Some(List { asked, until });
        self.show_list(now, false);
        Ok(())
    }

    /// A node has said what it runs, or will not.
    pub(super) fn listed(&mut self, now: Instant, id: NodeId) {
        if let Some(list) = &mut self.desk.list {
            list.asked.remove(&id);
            self.show_list(now, false);
        }
    }

    pub(super) fn list_tick(&mut self, now: Instant) {
        let late = self
            .desk
            .list
            .as_ref()
            .is_some_and(|list| list.until <= now);
        self.show_list(now, late);
    }

    fn show_list(&mut self, now: Instant, late: bool) {
        let ready = self.desk.list.take_if(|list| late || list.asked.is_empty());
        if ready.is_none() {
            return;
        }
        if self.desk.rooms.is_empty() {
            self.answer("no raw shells: @NODE opens one\n");
            return;
        }
        let mut table = Table::new(["node", "runs", "since", "unread"]);
        for (id, room) in &self.desk.rooms {
            let shell = self.fleet.get(*id).and_then(|run| run.shell.as_ref());
            let runs = match (&room.runs, shell.and_then(|shell| shell.raw())) {
                (Some(runs), _) => runs.clone(),
                (None, Some(RawState::Running)) => "?".to_owned(),
                (None, _) => "-".to_owned(),
            };
            let unread = if room.unread { "yes" } else { "-" };
            let since = duration(now.saturating_duration_since(room.since));
            table.row([self.name(*id), runs, since, unread.to_owned()]);
        }
        let width = self
            .setup
            .terminal
            .then(|| usize::from(self.setup.size.cols));
        let lines = table.render(width, Palette::new(self.setup.colours));
        let text: String = lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        self.answer(&text);
    }
}
