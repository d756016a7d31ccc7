//! What the prompts that a shell prints mean for the command that runs: its marks.

use super::marks::Prompt;
use super::{Family, KILL, Piece, Shell, State, encode, raw};

impl Shell {
    /// A prompt was printed: what does it mean for the command that runs?
    pub(super) fn prompt(&mut self, prompt: &Prompt, found: &mut dyn FnMut(Piece<'_>)) {
        let number = prompt.number.as_str();
        let repeated = !number.is_empty() && number == self.last;
        number.clone_into(&mut self.last);
        if !number.is_empty() {
            self.family = prompt.family;
        }
        if self.state == State::Raw {
            return self.raw_ends(prompt, found);
        }
        let ours = number == self.expected;
        let bash = prompt.family == Family::Bash;
        match self.state {
            State::Starting | State::Unmarked if ours => {
                self.state = State::Idle;
                self.start_up = Vec::new();
                // Whoever was in raw mode was so without marks.
                self.raw = None;
                found(Piece::Ready);
            },
            State::Busy if ours => {
                let status = if std::mem::take(&mut self.aborted) {
                    130
                } else {
                    prompt.ended_with()
                };
                self.ended(status, found);
            },
            State::Settling if ours => {
                self.idle();
                found(Piece::Settled {
                    strays: self.strays.unwrap_or(self.inputs).min(self.inputs),
                    sure: self.strays.is_some(),
                });
            },
            // The interrupt reached the shell before it had read the command.
            State::Busy if self.interrupted && !self.aborted && repeated && prompt.now != 0 => {
                self.ended(130, found);
            },
            State::Busy | State::Idle | State::Settling if repeated && self.repeats_due > 0 => {
                self.repeats_due -= 1;
            },
            State::Settling if repeated => {
                self.strays = self.strays.map(|count| count + 1);
            },
            // The terminal made an empty line of `NO_FALSE_ECHO`.
            State::Busy if repeated && bash && self.at_start => self.echoing = true,
            State::Busy if repeated && bash && !self.interrupted && self.unsent().is_empty() => {
                self.out.push(b'\n');
            },
            // The prompt of a part of a command, of an empty line or of a nested shell.
            State::Starting
            | State::Unmarked
            | State::Busy
            | State::Settling
            | State::Idle
            | State::Raw => {},
        }
    }

    pub(super) fn ended(&mut self, status: u8, found: &mut dyn FnMut(Piece<'_>)) {
        self.idle();
        self.status = status;
        let flush = self.attached_ends();
        if flush {
            // Whole lines the shell reads now; half a line the terminal forgets.
            self.out.push(KILL);
        }
        if self.inputs > 0 || flush {
            self.strays = Some(0);
            self.state = State::Settling;
            self.settle();
        }
        if flush {
            self.veil = Some(raw::Veil::Awaited);
        }
        found(Piece::Ended(status));
    }

    /// Asks the shell for a mark of a new number: what it reads before that comes to light by
    /// repeated marks of the old one.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.interrupted) {
            self.out.push(b'\n');
            self.repeats_due += 1;
        }
        self.seq += 1;
        self.expected = self.seq.to_string();
        let end = encode::end(self.seq);
        let line = if std::mem::take(&mut self.echoing) {
            format!(" _dust_s={};{}{end}\n", self.seq, encode::SILENCE)
        } else {
            format!(" {end}\n")
        };
        self.out.extend_from_slice(line.as_bytes());
        self.at_start = true;
    }

    pub(super) fn idle(&mut self) {
        self.state = State::Idle;
        self.at_start = false;
        self.veil = None;
        self.repeats_due = 0;
        self.cooked = false;
        self.held_return = false;
    }
}
