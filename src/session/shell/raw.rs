//! Raw mode: the very shell of line mode in the hands of a person at a terminal.
//!
//! Entering types two things at a shell that waits at its prompt in line mode: the definition of two
//! functions (a chain of lines, as any long command), and a line that calls the first of them,
//! `_dust_f`. It gives the person back what the start-up line took away and kept (prompts and their
//! hooks, history, line editor, the terminal's settings) and adds marks. From then on bytes pass both
//! ways as they are, but that marks are cut from what comes:
//!
//! ```text
//! RS nonce ':' $? ':' count ':' number ':p' RS    a prompt is shown; a redrawn one has the same count
//! RS nonce ':' ':' ':' number ':c' RS             a prompt for the rest of a line (PS2)
//! RS nonce ':' ':' ':' number ':a' RS             a line was accepted (bash 4.4, zsh, fish)
//! RS nonce ':' ':' ':' number ':e' RS             the person's own shell starts in this one
//! RS nonce ':' ':' ':' number ':l' RS             the line that leaves raw mode begins to run
//! ```
//!
//! `number` is that of the line that entered; nested shells have none. Leaving types `_dust_x`, which
//! does the reverse and gives line mode's mark with the number after it.
//!
//! A login shell of a family that line mode does not speak (fish, tcsh, …) runs *in* line mode's
//! shell, as a program: it is stopped for leaving and continued for entering.

use super::marks::{Prompt, RawKind, RawMark};
use super::{ASH_QUERY, Family, KILL, Piece, Shell, State, Stdin, encode};

mod keys;
mod scripts;

pub use scripts::attach_command;

/// What a person types while the shell is not ready for it is kept up to this, in bytes.
const TYPED_MAX: usize = 64 * 1024;

/// What is known of a shell in raw mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawState {
    /// It has been told to show the person's own prompt, and has not yet.
    Entering,
    /// At its prompt.
    AtPrompt {
        /// Something may stand on its line.
        typed: bool,
    },
    /// A program runs, or it cannot be told.
    Running,
    /// On its way back to line mode.
    Leaving,
}

/// What [`Shell::leave_raw`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Raw mode is over.
    Done,
    /// It will be: [`Piece::Lined`] or [`Piece::Exited`] will say so, unless [`Shell::enter_raw`]
    /// comes first, or the shell does not react.
    Underway,
    /// Not now: a program runs, which what would have to be typed might reach.
    Running,
}

/// Where a shell in raw mode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A command of line mode runs, and the terminal is the person's.
    Attached,
    /// A program, or a person before, left the terminal with an echo: a line that stops that was
    /// typed. Until then the shell's own editor may be at work.
    Calming,
    /// What enters was typed.
    Entering,
    Prompt {
        typed: bool,
    },
    Running,
    /// An interrupt was typed to clear the line; a new prompt is awaited.
    Clearing,
    /// What leaves was typed.
    Leaving,
    /// The shell gives no marks.
    Passing,
}

/// The echo of a line of dust's own, which a person's terminal should not show. A line editor may have
/// wrapped it, so it goes on up to the next mark that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Veil {
    Awaited,
    Fallen,
}

/// How such a line begins.
const OURS: &[u8] = b" _dust_";

/// Raw mode's own part of a [`Shell`].
#[derive(Debug)]
pub(super) struct Raw {
    phase: Phase,
    /// The number of the line that entered.
    number: String,
    /// The count of the last prompt.
    count: Option<u32>,
    /// This shell tells when it accepts a line.
    tells: bool,
    /// Something was typed since the last key that ends a line.
    tail: bool,
    /// More than one line was typed since the last prompt.
    more: bool,
    /// In a bracketed paste, and how much of its end, or of the next one's beginning, was just seen.
    pasting: bool,
    matched: usize,
    /// What waits until the shell is ready.
    typed: Vec<u8>,
    /// It was found at its prompt, though its marks did not tell: they may not come any more.
    blind: bool,
    /// A prompt came where the line that leaves should have run.
    back: bool,
}

impl Raw {
    fn new(phase: Phase, number: String) -> Self {
        Self {
            phase,
            number,
            count: None,
            tells: false,
            tail: false,
            more: false,
            pasting: false,
            matched: 0,
            typed: Vec::new(),
            blind: false,
            back: false,
        }
    }
}

impl Shell {
    /// Gives the shell into the hands of a person. False where that cannot be now: the shell starts,
    /// or settles after input, or is [`RawState::Leaving`] too far to turn back; ask again when the
    /// next piece was found. True also where it is in raw mode already.
    ///
    /// - Idle: it is told to show the person's own prompt ([`RawState::Entering`]); its channel's
    ///   terminal has echo and all from then on. What is typed meanwhile waits.
    /// - Busy: nothing is typed. The output of the command that runs is [`Piece::Raw`] from here on,
    ///   and what is typed reaches it unchanged. Its terminal is still line mode's: [`attach_command`]
    ///   on another channel sets it right. [`Piece::Ended`] comes as always and ends raw mode: call
    ///   this again as soon as [`Shell::state`] is idle.
    /// - Unmarked: bytes pass.
    ///
    /// Where the shell was in raw mode before, what a screen model holds of that is still what the
    /// terminal should show: the new prompt comes below (fish draws its line again in its place).
    pub fn enter_raw(&mut self) -> bool {
        if let Some(raw) = &mut self.raw {
            return match raw.phase {
                Phase::Clearing => {
                    raw.phase = Phase::Prompt { typed: true };
                    true
                },
                Phase::Leaving => false,
                Phase::Attached
                | Phase::Calming
                | Phase::Entering
                | Phase::Prompt { .. }
                | Phase::Running
                | Phase::Passing => true,
            };
        }
        match self.state {
            State::Starting | State::Settling => false,
            State::Raw => true,
            State::Unmarked => {
                self.raw = Some(Raw::new(Phase::Passing, String::new()));
                true
            },
            State::Busy => {
                self.raw = Some(Raw::new(Phase::Attached, String::new()));
                // By then its terminal echoes.
                self.echoing = true;
                self.at_start = false;
                true
            },
            State::Idle => {
                if self.echoing || self.interrupted {
                    self.settle();
                    self.veil = Some(Veil::Awaited);
                    self.state = State::Raw;
                    self.raw = Some(Raw::new(Phase::Calming, self.expected.clone()));
                } else {
                    self.type_entry();
                }
                true
            },
        }
    }

    fn type_entry(&mut self) {
        self.veil = None;
        self.seq += 1;
        let frame = encode::Frame {
            seq: self.seq,
            silence: false,
            status: 0,
            nonce: self.nonce.word(),
            stdin: Stdin::Terminal,
            bash: self.family == Family::Bash,
        };
        let script = scripts::functions(self.nonce.word(), self.family, self.own().is_some());
        let lines = encode::command(&frame, script.as_bytes());
        self.out.extend_from_slice(&lines);
        self.seq += 1;
        let number = self.seq.to_string();
        // At the top level: bash does not survive `set -o emacs` in an `eval`.
        let status = self.status;
        self.out.extend_from_slice(
            format!(" _dust_s={number} _dust_n={number};_dust_f {status}&&:\n").as_bytes(),
        );
        self.expected.clone_from(&number);
        self.state = State::Raw;
        self.raw = Some(Raw::new(Phase::Entering, number));
    }

    /// What a person typed, or a terminal answered. It is ignored while the shell leaves raw mode.
    pub fn type_raw(&mut self, bytes: &[u8]) {
        let Some(raw) = &mut self.raw else { return };
        if bytes.is_empty() {
            return;
        }
        match raw.phase {
            Phase::Clearing | Phase::Leaving => return,
            Phase::Calming | Phase::Entering => {
                let room = TYPED_MAX.saturating_sub(raw.typed.len());
                let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
                raw.typed.extend_from_slice(kept);
                return;
            },
            Phase::Attached => {
                raw.tail = true;
                self.interrupted |= bytes.contains(&0x03);
            },
            Phase::Prompt { .. } | Phase::Running => raw.line_keys(bytes),
            Phase::Passing => {},
        }
        self.out.extend_from_slice(bytes);
    }

    /// Takes the shell back to line mode: a command of line mode is waiting. Nothing that the person
    /// typed is run: a line that is not empty is given up by an interrupt first. Call it again if
    /// nothing came of [`Leave::Underway`] in half a second: readline loses an interrupt that comes
    /// in the wrong instant (8.2), and another is harmless. A shell that still does not react then
    /// is better left alone.
    pub fn leave_raw(&mut self) -> Leave {
        let own = self.own().is_some();
        let keeps_line = self.own() == Some(scripts::FISH);
        let Some(raw) = &mut self.raw else {
            return Leave::Done;
        };
        match raw.phase {
            Phase::Prompt { .. } if keeps_line => {
                self.type_leave();
                Leave::Underway
            },
            Phase::Passing => {
                self.raw = None;
                Leave::Done
            },
            Phase::Attached => {
                // Its terminal makes CRNL of newlines now, as after an echo.
                self.cooked = true;
                self.flush_before_next |= raw.tail;
                self.raw = None;
                Leave::Done
            },
            Phase::Prompt { typed: false } => {
                self.type_leave();
                Leave::Underway
            },
            Phase::Prompt { typed: true } => {
                raw.phase = Phase::Clearing;
                if raw.blind && own {
                    self.type_leave();
                } else if raw.blind && self.family == Family::Posix {
                    self.out.push(KILL);
                    self.type_leave();
                } else {
                    self.out.push(0x03);
                }
                Leave::Underway
            },
            Phase::Clearing => {
                self.out.push(0x03);
                Leave::Underway
            },
            Phase::Leaving => {
                if std::mem::take(&mut raw.back) {
                    raw.phase = Phase::Clearing;
                    self.veil = None;
                    self.out.push(0x03);
                }
                Leave::Underway
            },
            Phase::Calming | Phase::Entering | Phase::Running => Leave::Running,
        }
    }

    /// It was told to leave, and shows no sign of it: it is taken as it is, and a person may look what
    /// is the matter. It may leave all the same: [`Piece::Lined`] will say so.
    pub fn stay_raw(&mut self) {
        if self.enter_raw() {
            return;
        }
        if let Some(raw) = &mut self.raw
            && raw.phase == Phase::Leaving
        {
            raw.phase = Phase::Running;
            raw.back = false;
            self.veil = None;
        }
    }

    fn type_leave(&mut self) {
        let own = self.own().is_some();
        let keys = scripts::leaves(self.own());
        let Some(raw) = &mut self.raw else { return };
        raw.phase = Phase::Leaving;
        raw.back = false;
        self.veil = Some(if own { Veil::Fallen } else { Veil::Awaited });
        self.out.extend_from_slice(keys.as_bytes());
    }

    /// Raw mode, if this shell is in it.
    pub fn raw(&self) -> Option<RawState> {
        Some(match self.raw.as_ref()?.phase {
            Phase::Calming | Phase::Entering => RawState::Entering,
            Phase::Prompt { typed } => RawState::AtPrompt { typed },
            Phase::Attached | Phase::Running | Phase::Passing => RawState::Running,
            Phase::Clearing | Phase::Leaving => RawState::Leaving,
        })
    }

    /// Somebody looked from elsewhere, and found that this shell's line editor reads from its
    /// terminal: it is at its prompt, though its marks do not tell. Only for a shell that is
    /// [`RawState::Running`], and whose state was that before the look, too.
    pub fn found_at_prompt(&mut self) {
        if let Some(raw) = &mut self.raw
            && raw.phase == Phase::Running
        {
            raw.phase = Phase::Prompt { typed: true };
            raw.more = false;
            raw.blind = true;
        }
    }

    /// The name of the login shell, where it is of a family that line mode does not speak.
    pub fn own(&self) -> Option<&str> {
        let start = self.start.as_ref()?;
        (!start.own.is_empty()).then_some(start.own.as_str())
    }

    /// The terminal of the shell on its node (`/dev/pts/3`), and the shell's process id, where the
    /// node has told. It is the node's own word.
    pub fn tty(&self) -> Option<(&str, u32)> {
        let start = self.start.as_ref()?;
        (!start.tty.is_empty()).then_some((start.tty.as_str(), start.pid))
    }

    /// Whether the person's terminal gets what is not a mark.
    pub(super) fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Output for a person's terminal.
    pub(super) fn raw_output(&mut self, text: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        match self.veil {
            None => found(Piece::Raw(text)),
            Some(Veil::Fallen) => {},
            Some(Veil::Awaited) => {
                let shown = match memchr::memmem::find(text, OURS) {
                    Some(at) => {
                        self.veil = Some(Veil::Fallen);
                        text.get(..at).unwrap_or_default()
                    },
                    None => {
                        let begun = (1..OURS.len())
                            .rev()
                            .filter_map(|length| OURS.get(..length))
                            .find(|part| text.ends_with(part))
                            .unwrap_or_default();
                        self.held.extend_from_slice(begun);
                        text.strip_suffix(begun).unwrap_or(text)
                    },
                };
                // Its answer would be typed at another prompt.
                let shown = shown.strip_suffix(ASH_QUERY).unwrap_or(shown);
                if !shown.is_empty() {
                    found(Piece::Raw(shown));
                }
            },
        }
    }

    /// A mark of raw mode.
    pub(super) fn raw_mark(&mut self, mark: &RawMark, found: &mut dyn FnMut(Piece<'_>)) {
        let own = self.own().is_some() && mark.number == scripts::OWN_NUMBER;
        let Some(raw) = &mut self.raw else { return };
        if mark.number != raw.number && !own {
            return;
        }
        match (mark.kind, raw.phase) {
            (_, Phase::Attached | Phase::Passing) => {},
            // The echo is over.
            (RawKind::Leaves, _) => self.veil = None,
            (RawKind::Prompt { .. }, Phase::Leaving) => raw.back = true,
            (_, Phase::Leaving) => {},
            (RawKind::Prompt { status, count }, phase) => {
                let redrawn = count.is_some() && count == raw.count;
                raw.count = count;
                raw.blind = false;
                if redrawn {
                    return;
                }
                if phase == Phase::Clearing {
                    // Its status is the interrupt's.
                    return self.type_leave();
                }
                if let Some(status) = status {
                    self.status = status;
                }
                found(Piece::Prompt { status });
                let unclear = phase == Phase::Running && raw.more && !raw.tells;
                raw.more = false;
                if !unclear {
                    raw.phase = Phase::Prompt { typed: raw.tail };
                }
                self.ready_for_keys();
            },
            (RawKind::Continues, Phase::Running) => raw.phase = Phase::Prompt { typed: true },
            (RawKind::Accepted, Phase::Prompt { .. } | Phase::Running) => {
                raw.tells = true;
                raw.phase = Phase::Running;
            },
            (RawKind::Accepted, Phase::Clearing) => raw.phase = Phase::Running,
            (RawKind::Starts, Phase::Entering) => {
                raw.phase = Phase::Running;
                self.ready_for_keys();
            },
            (RawKind::Continues | RawKind::Accepted | RawKind::Starts, _) => {},
        }
    }

    /// The shell reads: what was typed too early goes to it.
    fn ready_for_keys(&mut self) {
        let Some(raw) = &mut self.raw else { return };
        let typed = std::mem::take(&mut raw.typed);
        self.type_raw(&typed);
    }

    /// A mark of line mode while in raw mode (and no command of line mode runs).
    pub(super) fn raw_ends(&mut self, prompt: &Prompt, found: &mut dyn FnMut(Piece<'_>)) {
        let keeps_line = self.own() == Some(scripts::FISH);
        let Some(raw) = &mut self.raw else { return };
        if raw.phase == Phase::Calming {
            if prompt.number == raw.number {
                let typed = std::mem::take(&mut raw.typed);
                self.idle();
                self.type_entry();
                self.type_raw(&typed);
            }
            return;
        }
        let next = (self.seq + 1).to_string();
        let left = prompt.number == next;
        if !left && prompt.number != raw.number {
            return;
        }
        let asked = matches!(raw.phase, Phase::Leaving);
        self.seq += u64::from(left);
        self.expected.clone_from(&prompt.number);
        self.raw = None;
        self.echoing = false;
        self.idle();
        if left || asked {
            if !keeps_line {
                // The next prompt is on a line of its own.
                found(Piece::Raw(b"\r\n"));
            }
            found(Piece::Lined);
        } else {
            self.status = prompt.ended_with();
            found(Piece::Exited(self.status));
        }
    }

    /// A command of line mode has ended while a person was attached. True: what they typed may be
    /// unread.
    pub(super) fn attached_ends(&mut self) -> bool {
        let typed = self.raw.take().is_some_and(|raw| raw.tail);
        std::mem::take(&mut self.flush_before_next) || typed
    }
}

#[cfg(test)]
mod tests;
