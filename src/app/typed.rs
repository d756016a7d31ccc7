//! Lines for running commands. A command may end while a line for it is on its way, and then the
//! shell reads it as a command of its own, without dust's framing. That cannot be prevented, but it
//! can be known ([`Piece::Settled`](crate::session::shell::Piece)), and is said.

use super::{App, Effect};
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::session::shell::{INPUT_LINE_MAX, State};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A shell that does not come back this long after its command has ended runs something else.
const SETTLE_WAIT: Duration = Duration::from_secs(3);
/// So many of the last lines for a command are remembered.
const LINES_MAX: usize = 8;

/// What was typed before a command could read it.
#[derive(Debug)]
enum Ahead {
    Line(Vec<u8>),
    /// Nothing follows.
    End,
}

/// What was sent to the command that runs on a node.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// The last lines; none where nobody may see it.
    lines: VecDeque<Option<String>>,
    /// What waits for the command to begin.
    ahead: Vec<Ahead>,
    /// When the shell must have come back.
    settle_by: Option<Instant>,
    /// It did not, and that was said.
    told: bool,
}

impl Typed {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.settle_by
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn note(&mut self, line: Option<&str>) {
        if self.lines.len() >= LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line.map(super::jobs::brief));
    }

    /// The command will not begin.
    pub(super) fn drop_ahead(&mut self) {
        self.ahead.clear();
    }

    /// The next command begins; what waits for it stays.
    pub(super) fn begin(&mut self) {
        let ahead = std::mem::take(&mut self.ahead);
        *self = Self {
            ahead,
            ..Self::default()
        };
    }

    /// The last `count` lines, for a message.
    fn last(&self, count: usize) -> String {
        let skip = self.lines.len().saturating_sub(count);
        let shown = self.lines.iter().skip(skip).map(|line| match line {
            Some(line) => format!("`{line}`"),
            None => "an answer".to_owned(),
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

impl App {
    /// A line for the commands that run on these nodes.
    pub(super) fn send_input(&mut self, ids: &[NodeId], line: &str) -> Result<()> {
        if line.split('\n').any(|line| line.len() > INPUT_LINE_MAX) {
            let text = format!("a line of input holds at most {INPUT_LINE_MAX} bytes");
            return Err(Error::usage(text).hint("the terminal of the node would cut it"));
        }
        let mut jobs = Vec::new();
        for id in ids {
            let job = self.fleet.get(*id).and_then(|run| run.current.as_ref());
            jobs.extend(job.map(|current| current.job));
            self.type_in(*id, line.as_bytes(), Some(line));
        }
        if self.is_prompt() {
            jobs.sort_unstable();
            jobs.dedup();
            if self.jobs.first_input(&jobs) {
                let names = self.folded(ids);
                self.notice(&format!("sent as input to what runs on {names}"));
            }
        }
        Ok(())
    }

    /// A line for the command that runs on a node, or will; `shown` is what messages may say of it.
    pub(super) fn type_in(&mut self, id: NodeId, line: &[u8], shown: Option<&str>) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        match (&mut run.shell, &run.current) {
            (Some(shell), Some(_)) => {
                shell.input(line);
                run.typed.note(shown);
                self.effects.push_back(Effect::Flush(id));
            },
            _ => run.typed.ahead.push(Ahead::Line(line.to_vec())),
        }
    }

    /// The person has closed standard input: commands that read see the end of it.
    pub(super) fn type_end(&mut self) {
        for id in self.pending_nodes() {
            if let Some(run) = self.fleet.get_mut(id) {
                run.typed.ahead.push(Ahead::End);
                self.type_ahead(id);
            }
        }
    }

    /// The command runs on the node: what was typed before is for it.
    pub(super) fn type_ahead(&mut self, id: NodeId) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let (Some(shell), Some(_)) = (&mut run.shell, &run.current) else {
            return;
        };
        for ahead in std::mem::take(&mut run.typed.ahead) {
            match ahead {
                Ahead::Line(line) => {
                    shell.input(&line);
                    run.typed.note(Some(&String::from_utf8_lossy(&line)));
                },
                Ahead::End => {
                    shell.end_of_input();
                    run.typed.note(Some("Ctrl-D"));
                },
            }
        }
        self.effects.push_back(Effect::Flush(id));
    }

    /// Some shell may still run what was meant for a command.
    pub(super) fn is_unsettled(&self) -> bool {
        self.fleet
            .runs()
            .any(|run| run.typed.settle_by.is_some() && run.is_settling())
    }

    /// A shell has answered since its command ended, or has just been asked.
    pub(super) fn settling(&mut self, now: Instant, id: NodeId) {
        if let Some(run) = self.fleet.get_mut(id) {
            if !run.is_settling() {
                run.typed.settle_by = None;
            } else if run.typed.settle_by.is_none() && !run.typed.told {
                run.typed.settle_by = Some(now + SETTLE_WAIT);
            }
        }
    }

    /// A shell is at its prompt again; it took so many lines for commands of its own.
    pub(super) fn settled(&mut self, id: NodeId, strays: usize, sure: bool) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let lines = run.typed.last(strays);
        run.typed.clear();
        if strays > 0 {
            self.printer.end(&mut run.lines, &mut self.out);
            let ran = if sure { "ran" } else { "may have run" };
            self.notice_of(
                id,
                &format!("its command had ended: the shell {ran} {lines} as a command of its own"),
            );
        }
    }

    /// A shell has not come back since its command ended.
    pub(super) fn unsettled(&mut self, now: Instant, id: NodeId) {
        let batch = self.is_batch();
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        if !run.is_settling() {
            run.typed.clear();
            return;
        }
        let lines = run.typed.last(usize::MAX);
        if batch {
            run.typed.clear();
        } else {
            // Only once; whenever it comes back, that is told.
            run.typed.settle_by = None;
            run.typed.told = true;
        }
        let what = format!("its command has ended, but the shell may run {lines} instead");
        if batch {
            // Nobody can be sure what it would do to the next command.
            self.hang_up(now, id);
            self.notice(&format!(
                "{what}; it is given up, the next use opens another"
            ));
        } else {
            self.notice_of(id, &format!("{what}; Ctrl-C interrupts that"));
        }
    }

    /// Ctrl-C for shells that run what was meant for a command. True if there are any.
    pub(super) fn interrupt_strays(&mut self) -> bool {
        let mut any = false;
        for id in self.fleet.ids() {
            if let Some(run) = self.fleet.get_mut(id)
                && run.is_settling()
                && let Some(shell) = &mut run.shell
            {
                shell.interrupt();
                self.effects.push_back(Effect::Flush(id));
                any = true;
            }
        }
        any
    }
}

impl super::fleet::Run {
    /// Its command has ended, and it is not known yet what the shell does.
    pub(super) fn is_settling(&self) -> bool {
        self.shell
            .as_ref()
            .is_some_and(|shell| shell.state() == State::Settling)
    }
}
