//! The shells on the connections: opened, fed with commands, and what it means when they end.

use super::fleet::Current;
use super::{App, Effect};
use crate::model::{NodeId, Outcome};
use crate::session::shell::{Nonce, Piece, Shell, State, bootstrap};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A shell that has given no mark for this long is said to be slow.
const MARK_WAIT: Duration = Duration::from_secs(10);

/// What a shell's bytes meant for raw mode, once they are taken.
enum Then {
    Nothing,
    Ended,
    Lined,
    Exited(u8),
}

impl App {
    pub(super) fn open_shell(&mut self, id: NodeId) {
        let nonce = Nonce::new(self.host.random());
        let vars = self.shell_vars(id);
        let size = self.node_size(id);
        let term = self.setup.term.clone();
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let command = bootstrap(&nonce, &vars);
        run.shell = Some(Shell::new(nonce));
        self.effects
            .push_back(Effect::Open(id, term, size, command));
    }

    pub(super) fn shell_open(&mut self, now: Instant, id: NodeId) {
        if let Some(run) = self.fleet.get_mut(id) {
            run.connected = true;
            run.mark_by = Some(now + MARK_WAIT);
            run.hear(now);
            self.effects.push_back(Effect::Flush(id));
            self.boot_ready(now, id);
            self.transfers_up(id);
        }
        self.feed_prepare(id);
        self.open_loans(id);
    }

    /// The connection is there, and nobody needs a shell on it.
    pub(super) fn bare_up(&mut self, now: Instant, id: NodeId) {
        if let Some(run) = self.fleet.get_mut(id) {
            run.connected = true;
            run.hear(now);
            self.boot_ready(now, id);
            self.transfers_up(id);
        }
        self.open_loans(id);
        self.want_connection(id);
    }

    /// Bytes from a node's shell: marks are acted upon, the rest is output.
    pub(super) fn data(&mut self, now: Instant, id: NodeId, bytes: &[u8]) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        run.hear(now);
        let Some(mut shell) = run.shell.take() else {
            return;
        };
        let unsent = shell.unsent().len();
        let mut then = Then::Nothing;
        shell.receive(bytes, &mut |piece| match piece {
            Piece::Output(bytes) => self.node_output(now, id, bytes),
            Piece::Ended(status) => {
                self.command_ended(now, id, Outcome::Exit(status));
                then = Then::Ended;
            },
            Piece::Reading => self.feed_reading(id),
            Piece::Settled { strays, sure } => self.settled(id, strays, sure),
            Piece::Ready => self.shell_ready(now, id),
            Piece::Raw(bytes) => self.raw_output(now, id, bytes),
            Piece::Prompt { .. } => {},
            Piece::Lined => then = Then::Lined,
            Piece::Exited(status) => then = Then::Exited(status),
        });
        let more = shell.unsent().len() > unsent;
        if let Some(run) = self.fleet.get_mut(id) {
            run.shell = Some(shell);
        }
        self.settling(now, id);
        match then {
            Then::Nothing => {},
            Then::Ended => self.raw_command_ended(id),
            Then::Lined => self.raw_lined(id),
            Then::Exited(status) => self.raw_exited(id, status),
        }
        if more {
            self.effects.push_back(Effect::Flush(id));
        }
        self.next_command(now, id);
    }

    fn shell_ready(&mut self, now: Instant, id: NodeId) {
        if let Some(run) = self.fleet.get_mut(id) {
            run.mark_by = None;
        }
        self.tell_ready(now, id);
    }

    /// The node's shell is at its prompt: the next command that waits goes to it.
    pub(super) fn next_command(&mut self, now: Instant, id: NodeId) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let Some(shell) = &run.shell else { return };
        let can = match shell.state() {
            State::Idle => run.current.is_none(),
            State::Unmarked => true,
            State::Starting | State::Busy | State::Settling | State::Raw => false,
        };
        if !can {
            return;
        }
        let Some(input) = run.queue.front().map(|queued| queued.input) else {
            return;
        };
        let Some(source) = self.stdin_of(id, input) else {
            return;
        };
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let (Some(shell), Some(queued)) = (&mut run.shell, run.queue.pop_front()) else {
            return;
        };
        let marked = shell.state() == State::Idle;
        shell.command(&queued.text, source.stdin());
        run.typed.begin();
        run.current = Some(Current {
            job: queued.job,
            since: now,
            interrupted: false,
        });
        self.log_command(id, queued.job, Some(&queued.text));
        self.effects.push_back(Effect::Flush(id));
        self.type_ahead(id);
        if !marked {
            self.command_ended(now, id, Outcome::Exit(0));
            self.next_command(now, id);
        }
    }

    /// The shell's channel has ended; the connection may be there still.
    pub(super) fn shell_closed(&mut self, now: Instant, id: NodeId, status: Option<i32>) {
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let starting = run
            .shell
            .as_ref()
            .is_some_and(|shell| shell.state() == State::Starting);
        let settling = run.is_settling();
        let said = run
            .shell
            .as_ref()
            .map(|shell| last_line(shell.start_up_output()));
        if let Some(mut shell) = run.shell.take() {
            shell.finish(&mut |piece| match piece {
                Piece::Output(bytes) => self.node_output(now, id, bytes),
                Piece::Raw(bytes) => self.raw_output(now, id, bytes),
                _ => {},
            });
        }
        let raw = self.is_raw(id);
        self.raw_ended(id);
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        run.mark_by = None;
        run.shell_asked = false;
        run.life.channel_closed();
        if starting {
            let mut why = "its login shell ended at once".to_owned();
            if let Some(status) = status {
                let _ = write!(why, " (exit {status})");
            }
            if let Some(said) = said.filter(|said| !said.is_empty()) {
                let _ = write!(why, ": {said}");
            }
            self.hang_up(now, id);
            self.went_down(now, id, &why);
            return;
        }
        // `exit 3`, `exec sleep 1`, `set -e; false`: the command's status is the shell's.
        let status = status.and_then(|status| u8::try_from(status & 0xff).ok());
        let outcome = match status {
            Some(status) => Outcome::Exit(status),
            None => Outcome::Lost("its shell ended without an exit status".to_owned()),
        };
        if run.current.is_some() {
            self.command_ended(now, id, outcome);
        } else {
            let how = crate::output::status::outcome(&outcome);
            let why = if settling {
                "; it may have run what was meant for its command"
            } else {
                ""
            };
            let next = if raw {
                ""
            } else {
                "; the next use opens another"
            };
            self.notice_of(id, &format!("its shell ended ({how}){why}{next}"));
        }
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let waits = !run.queue.is_empty();
        if waits {
            self.fleet.first_in_line(id);
        }
    }

    /// A shell has given no mark for a while.
    pub(super) fn no_mark(&mut self, now: Instant, id: NodeId) {
        let batch = !self.is_prompt();
        let limit = self.settings.timeout;
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        let Some(shell) = &mut run.shell else { return };
        if run.queue.is_empty() && run.transfers > 0 {
            // Nobody waits for the shell; what is copied needs the connection.
            run.mark_by = Some(now + MARK_WAIT);
            return;
        }
        let said = last_line(shell.start_up_output());
        let said = if said.is_empty() {
            String::new()
        } else {
            format!("; it says: {said}")
        };
        if batch && run.why_down.is_none() {
            // Nobody is there to look: wait as long as a connection may take, then give up.
            run.why_down = Some(String::new());
            run.mark_by = Some(now + limit.max(MARK_WAIT));
            self.notice_of(id, &format!("its shell has not shown a prompt yet{said}"));
        } else if batch {
            let why = format!("its shell shows no prompt that dust can drive{said}");
            self.hang_up(now, id);
            self.went_down(now, id, &why);
        } else {
            run.mark_by = None;
            shell.give_up_on_marks();
            self.notice_of(
                id,
                &format!(
                    "no prompt for {} s: its start-up files are slow, or its shell is not known. \
                 Lines now go to it as they are, and exit statuses are not known{said}",
                    MARK_WAIT.as_secs()
                ),
            );
            self.next_command(now, id);
        }
    }
}

/// The last line that says something, for a message.
pub(super) fn last_line(text: &[u8]) -> String {
    let text = crate::output::clean(text);
    let line = text
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or_default();
    line.chars().take(200).collect()
}
