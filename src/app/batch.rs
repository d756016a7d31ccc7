//! Runs without a prompt: lines run one after another, each when the one before has ended on all
//! nodes, and the exit status says how it went.

use super::{App, Effect, Mode};
use crate::command::{Line, parse};
use crate::error::{Error, Kind};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use zeroize::{Zeroize as _, Zeroizing};

/// After Ctrl-C, commands have this long to end.
const INTERRUPT_WAIT: Duration = Duration::from_secs(3);

/// Where the lines of a batch come from.
#[derive(Debug)]
pub enum BatchInput {
    /// From the command line. Standard input is for the commands.
    Lines(Vec<Line>),
    /// From standard input.
    Script,
}

#[derive(Debug)]
pub(super) struct Batch {
    lines: VecDeque<Line>,
    script: bool,
    /// Standard input so far: an unfinished line of the script or of the person.
    partial: Vec<u8>,
    /// So much of it holds no newline.
    scanned: usize,
    ended: bool,
    line_number: usize,
    interrupted: Option<Instant>,
    over: bool,
    asking: bool,
    /// Standard input is no terminal, and no command has it yet.
    piped: bool,
}

impl Batch {
    /// `person`: somebody sits at standard input.
    pub(super) fn new(input: BatchInput, person: bool) -> Self {
        let (lines, script) = match input {
            BatchInput::Lines(lines) => (lines.into(), false),
            BatchInput::Script => (VecDeque::new(), true),
        };
        Self {
            lines,
            script,
            partial: Vec::new(),
            scanned: 0,
            ended: !script,
            line_number: 0,
            interrupted: None,
            over: false,
            asking: false,
            piped: !script && !person,
        }
    }

    /// Standard input goes to the first commands that ask for it, whole.
    pub(super) fn take_stdin(&mut self) -> bool {
        std::mem::take(&mut self.piped)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.interrupted
    }

    /// The lines that are known from the start.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// The next whole line, without its newline.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let new = self.partial.get(self.scanned..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', new) else {
            self.scanned = self.partial.len();
            return None;
        };
        let end = self.scanned + end;
        self.scanned = 0;
        let mut line: Vec<u8> = self.partial.drain(..=end).collect();
        line.pop();
        Some(line)
    }

    /// The next line of the script; its last one may lack a newline.
    fn next_script_line(&mut self) -> Option<Vec<u8>> {
        let line = match self.next_line() {
            Some(line) => line,
            None if self.ended && !self.partial.is_empty() => {
                self.scanned = 0;
                std::mem::take(&mut self.partial)
            },
            None => return None,
        };
        self.line_number += 1;
        Some(line)
    }
}

impl App {
    /// True if the batch waits for standard input to go on, or a person's answers come from there.
    pub fn wants_input(&self) -> bool {
        match &self.mode {
            Mode::Prompt(_) => true,
            Mode::Batch(batch) if batch.script => self.is_done() && !batch.ended,
            Mode::Batch(batch) => {
                let fed = self.feed.as_ref().is_some_and(super::feed::Feed::wants);
                (self.setup.person || fed) && !batch.over
            },
        }
    }

    /// Nothing runs that the run has to wait for at its end.
    fn is_done(&self) -> bool {
        self.jobs.is_idle()
            && self.requests.is_empty()
            && self.cloud_is_done()
            && !self.local_runs
            && !self.drop_ins.are_awaited()
            && !self.questions.are_decisive()
            && !self.is_unsettled()
    }

    /// The exit status of a run so far.
    pub(super) fn worst(&self) -> u8 {
        let own = self.seen_usage.max(self.drop_ins.worst);
        self.jobs.worst().max(own)
    }

    /// Goes on with the next line, or ends.
    pub(super) fn batch_advance(&mut self, now: Instant) {
        loop {
            let done = self.is_done();
            let free = done && self.cloud_is_settled();
            let Mode::Batch(batch) = &mut self.mode else {
                return;
            };
            if batch.over {
                return;
            }
            if batch.interrupted.is_some_and(|at| at <= now)
                || (batch.interrupted.is_some() && free)
            {
                self.finish(130);
                return;
            }
            let last = batch.lines.is_empty() && batch.ended && batch.partial.is_empty();
            let goes_on = free || (done && last);
            if !goes_on {
                return;
            }
            if let Some(line) = batch.lines.pop_front() {
                self.batch_line(now, Ok(line));
                continue;
            }
            if batch.script
                && let Some(line) = batch.next_script_line()
            {
                let number = batch.line_number;
                let line = match String::from_utf8(line) {
                    Ok(line) => parse::scripted(&line)
                        .map_err(|e| e.at("-", number))
                        .map(|line| match line {
                            Line::DropIn {
                                name,
                                words,
                                otherwise,
                            } => Line::DropIn {
                                name,
                                words,
                                otherwise: otherwise.at("-", number),
                            },
                            line => line,
                        }),
                    Err(_) => Err(Error::usage("not UTF-8").at("-", number)),
                };
                self.batch_line(now, line);
                continue;
            }
            if batch.ended {
                let code = self.worst();
                self.finish(code);
            }
            return;
        }
    }

    fn batch_line(&mut self, now: Instant, line: crate::error::Result<Line>) {
        match line {
            Ok(line) => self.run_line(now, line),
            Err(error) => self.error(&error),
        }
        if self.setup.person {
            self.batch_typed(now);
        }
        // A line that is wrong ends the run: what follows may depend on it.
        if self.seen_usage == Kind::Usage.exit_code() {
            self.finish(self.seen_usage);
        }
    }

    /// Ends the batch.
    pub(super) fn finish(&mut self, code: u8) {
        if let Mode::Batch(batch) = &mut self.mode
            && !std::mem::replace(&mut batch.over, true)
        {
            self.printer.close(&mut self.out);
            self.effects.push_back(Effect::Exit(code));
        }
    }

    /// Ctrl-C as a signal: what runs is interrupted, then the run ends.
    pub(super) fn interrupt(&mut self, now: Instant) {
        let Mode::Batch(batch) = &mut self.mode else {
            if !self.interrupt_job(now) {
                self.stop_waiting(now);
            }
            return;
        };
        let again = batch.interrupted.is_some();
        batch.interrupted = Some(now + INTERRUPT_WAIT);
        batch.lines.clear();
        batch.ended = true;
        batch.partial.clear();
        batch.scanned = 0;
        batch.script = false;
        if self.local_runs && !again {
            // It has had the signal, too, and ends as it likes.
            return;
        }
        if again || !self.interrupt_job(now) {
            self.stop_waiting(now);
            self.finish(130);
        }
    }

    /// Standard input: lines of the script, answers to questions, or input for what runs.
    pub(super) fn batch_input(&mut self, now: Instant, bytes: &[u8]) {
        let Mode::Batch(batch) = &mut self.mode else {
            return;
        };
        if !batch.script && !self.setup.person {
            self.feed_input(bytes);
            return;
        }
        batch.partial.extend_from_slice(bytes);
        if !batch.script {
            self.batch_typed(now);
        }
    }

    /// What a person typed: answers to questions, or lines for what runs or is about to.
    fn batch_typed(&mut self, now: Instant) {
        loop {
            let asks = self.questions.current().is_some();
            let nodes = self.pending_nodes();
            let Mode::Batch(batch) = &mut self.mode else {
                return;
            };
            if !asks && nodes.is_empty() {
                return;
            }
            let Some(mut line) = batch.next_line() else {
                return;
            };
            let text = Zeroizing::new(String::from_utf8_lossy(&line).into_owned());
            line.zeroize();
            if asks {
                self.answered(now, Some(text));
            } else {
                if let Err(error) = self.send_input(&nodes, &text) {
                    self.error(&error);
                }
            }
        }
    }

    /// Standard input has ended; `error` says that it failed.
    pub(super) fn batch_input_end(&mut self, now: Instant, error: Option<String>) {
        let Mode::Batch(batch) = &mut self.mode else {
            return;
        };
        if batch.script {
            batch.ended = true;
            if let Some(error) = error {
                self.error(&Error::failed(format!("standard input: {error}")));
            }
        } else if !self.setup.person {
            self.feed_end(error);
        } else {
            // Ctrl-D behind text gives no newline.
            if !batch.partial.is_empty() {
                batch.partial.push(b'\n');
                self.batch_typed(now);
            }
            self.setup.person = false;
            self.type_end();
            while self.questions.current().is_some() {
                self.answered(now, None);
            }
        }
    }

    /// Asks on the terminal, where that does the editing.
    pub(super) fn batch_question(&mut self, current: Option<(String, bool)>) {
        let Mode::Batch(batch) = &mut self.mode else {
            return;
        };
        let asked = std::mem::replace(&mut batch.asking, current.is_some());
        match current {
            Some((text, echo)) => {
                if self.setup.terminal {
                    self.printer.close(&mut self.out);
                }
                self.err
                    .extend_from_slice(crate::output::clean(text.as_bytes()).as_bytes());
                self.effects.push_back(Effect::Echo(echo));
            },
            None if asked => {
                self.err.push(b'\n');
                self.effects.push_back(Effect::Echo(true));
            },
            None => {},
        }
    }
}
