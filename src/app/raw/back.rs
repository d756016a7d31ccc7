//! From raw mode back to line mode: shells that end, and lines for a node whose shell is a raw one
//! in the background.

use super::{Question, Room, foreground};
use crate::app::{App, Effect};
use crate::model::{NodeId, Outcome};
use crate::session::shell::{Leave, RawState};
use std::time::{Duration, Instant};

/// How long a shell may take to come back from raw mode before a line that waits for it is given up.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to show a sign before it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);
impl Room {
    /// When something is to be done about its way back to line mode.
    pub(super) fn due(&self) -> Option<Instant> {
        let by = self.back_by?;
        Some(self.again_at.map_or(by, |again| again.min(by)))
    }
}

impl App {
    /// A raw shell is no raw shell any more: its node, if it is there, is in line mode.
    pub(super) fn leave_room(&mut self, id: NodeId) {
        if self.desk.rooms.remove(&id).is_none() {
            return;
        }
        if let Some(shell) = self.fleet.get_mut(id).and_then(|run| run.shell.as_mut()) {
            shell.leave_raw();
            let size = self.node_size(id);
            self.effects.push_back(Effect::Resize(id, size));
            self.effects.push_back(Effect::Flush(id));
        }
    }

    /// A node's shell has ended, or its connection: so has its raw shell.
    pub(in crate::app) fn raw_ended(&mut self, id: NodeId) {
        if self.desk.coming == Some(id) {
            self.desk.coming = None;
        }
        if self.desk.front == Some(id) {
            self.leave_front();
        }
        self.desk.rooms.remove(&id);
    }

    /// The person's own shell has ended, in line mode's shell.
    pub(in crate::app) fn raw_exited(&mut self, id: NodeId, status: u8) {
        if self.desk.rooms.contains_key(&id) {
            self.raw_ended(id);
            let size = self.node_size(id);
            self.effects.push_back(Effect::Resize(id, size));
            let how = crate::output::status::outcome(&Outcome::Exit(status));
            self.notice_of(id, &format!("its raw shell has ended ({how})"));
        }
    }

    /// What was typed before the shell could take it goes there.
    pub(super) fn release_early(&mut self, id: NodeId) {
        let room = self.desk.rooms.get_mut(&id);
        if let Some(early) = room.and_then(|room| room.early.take()) {
            self.type_raw(id, &early);
        }
    }

    /// The shell is in line mode again.
    pub(in crate::app) fn raw_lined(&mut self, id: NodeId) {
        let in_front = self.desk.front == Some(id);
        if in_front {
            self.leave_front();
        }
        self.leave_room(id);
        if in_front {
            // It took its time, and somebody is there again: here is a shell.
            self.desk.coming = Some(id);
        }
    }

    /// The command of line mode to which somebody was attached has ended.
    pub(in crate::app) fn raw_command_ended(&mut self, id: NodeId) {
        if self.desk.front == Some(id) {
            // The person is still there: here is a shell.
            let entered = self
                .fleet
                .get_mut(id)
                .and_then(|run| run.shell.as_mut())
                .is_some_and(|shell| shell.enter_raw());
            let queued = self.fleet.get(id).is_some_and(|run| !run.queue.is_empty());
            if entered {
                self.effects.push_back(Effect::Flush(id));
            } else if let Some(room) = self.desk.rooms.get_mut(&id).filter(|_| !queued) {
                // It shows its prompt at once, below what the command printed.
                room.early.get_or_insert_default();
                self.desk.coming = Some(id);
            } else {
                self.leave_front();
                self.desk.rooms.remove(&id);
                self.desk.coming = Some(id);
            }
        } else {
            self.leave_room(id);
        }
    }

    /// Lines are to go to nodes whose shells may be raw ones in the background: these are asked to
    /// come back to line mode. Their lines wait in the queue meanwhile.
    pub(in crate::app) fn back_to_lines(&mut self, now: Instant, id: NodeId) {
        let Some(room) = self.desk.rooms.get_mut(&id) else {
            return;
        };
        if room.back_by.is_some() {
            return;
        }
        room.back_by = Some(now + BACK_WITHIN);
        room.again_at = Some(now + ASK_AGAIN);
        let full = room.screen.alternate();
        let Some(shell) = self.fleet.get_mut(id).and_then(|run| run.shell.as_mut()) else {
            return;
        };
        let gone = !full && shell.leave_raw() != Leave::Running;
        let known = shell.tty().is_some();
        if gone {
            self.effects.push_back(Effect::Flush(id));
            if self.shell_is_idle(id) {
                self.leave_room(id);
            }
        } else if known {
            self.ask_foreground(id);
        } else {
            self.not_at_prompt(now, id, None);
        }
    }

    fn shell_is_idle(&self, id: NodeId) -> bool {
        let shell = self.fleet.get(id).and_then(|run| run.shell.as_ref());
        shell.is_some_and(|shell| shell.raw().is_none())
    }

    /// Asks a node what runs in the foreground of its raw shell.
    pub(super) fn ask_foreground(&mut self, id: NodeId) {
        let shell = self.fleet.get(id).and_then(|run| run.shell.as_ref());
        if let Some((tty, pid)) = shell.and_then(|shell| shell.tty()) {
            let command = format!("exec sh -c '{}'", foreground::script(tty, pid));
            self.ask_node(id, Question::Foreground, command);
        }
    }

    /// A node has answered.
    pub(in crate::app) fn node_answered(
        &mut self,
        now: Instant,
        id: NodeId,
        question: Question,
        answer: &[u8],
    ) {
        if question == Question::Terminal {
            // Between a command and its shell, they wait for that.
            if self.desk.coming != Some(id) {
                self.release_early(id);
            }
            return;
        }
        let found = foreground::read(answer);
        if let Some(room) = self.desk.rooms.get_mut(&id) {
            room.runs = found.as_ref().and_then(|found| found.runs.clone());
            let waits = room.back_by.is_some();
            let full = room.screen.alternate();
            let shell = self.fleet.get_mut(id).and_then(|run| run.shell.as_mut());
            if let Some(shell) = shell.filter(|_| waits)
                && shell.raw() == Some(RawState::Running)
            {
                let prompt = found.as_ref().is_some_and(|found| found.at_prompt);
                if prompt && !full {
                    shell.found_at_prompt();
                    shell.leave_raw();
                    self.effects.push_back(Effect::Flush(id));
                } else {
                    let runs = found.and_then(|found| found.runs);
                    self.not_at_prompt(now, id, runs.as_deref());
                }
            }
        }
        self.listed(now, id);
    }

    /// A raw shell is busy: the lines that wait for its node are not run.
    fn not_at_prompt(&mut self, now: Instant, id: NodeId, runs: Option<&str>) {
        let name = self.name(id);
        let Some(room) = self.desk.rooms.get_mut(&id) else {
            return;
        };
        room.back_by = None;
        let runs = match runs {
            Some(runs) => format!("{runs} runs"),
            None if room.screen.alternate() => "a full-screen program runs".to_owned(),
            None => "a program runs".to_owned(),
        };
        let why = format!("{runs} in its raw shell; @{name} returns there");
        let queue = self
            .fleet
            .get_mut(id)
            .map(|run| std::mem::take(&mut run.queue));
        for queued in queue.into_iter().flatten() {
            let outcome = Outcome::NotRun(why.clone());
            self.job_ended(now, queued.job, id, outcome, None);
        }
    }

    /// Shells that take their time to come back are asked again; what waits for those that do not
    /// come is given up.
    pub(super) fn back_tick(&mut self, now: Instant) {
        for (id, room) in &mut self.desk.rooms {
            let again = room.again_at.filter(|at| *at <= now);
            if room.back_by.is_none() || again.is_none() {
                continue;
            }
            room.again_at = Some(now + ASK_AGAIN);
            let shell = self.fleet.get_mut(*id).and_then(|run| run.shell.as_mut());
            if let Some(shell) = shell.filter(|shell| shell.raw() == Some(RawState::Leaving)) {
                shell.leave_raw();
                self.effects.push_back(Effect::Flush(*id));
            }
        }
        let late: Vec<NodeId> = self
            .desk
            .rooms
            .iter()
            .filter(|(_, room)| room.back_by.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            if let Some(shell) = self.fleet.get_mut(id).and_then(|run| run.shell.as_mut()) {
                shell.stay_raw();
            }
            self.not_at_prompt(now, id, None);
        }
    }
}
