//! The persistent shell of one node, and how dust knows what it does.
//!
//! The channel is a pty that runs the user's own login shell, so that aliases, `cd`, jobs and
//! `sudo -i` are as in `ssh`. A small `sh` script ([`bootstrap`]) goes before it: it sets the
//! node's variables, turns echo off, and picks bash or sh where the login shell is none that dust
//! knows (fish, tcsh, …). The first line typed then gives the shell a prompt that is a *mark*:
//!
//! ```text
//! RS nonce ':' $? ':' $_dust_s ':' $_dust_k RS     (RS = 0x1e; _dust_s is `7` or `7:0`)
//! ```
//!
//! A mark says that a line was read and has ended. Each line that is sent sets `_dust_s` to a number
//! of its own before anything is evaluated, so a mark with a command's number means that this very
//! command has ended. Its exit status is `_dust_s`, which the line's end sets, or `$?` where the
//! shell gave the line up before its end (an interrupt, `${x?}`, a syntax error). Marks of nested
//! shells, of empty lines and of the parts of a long command carry another number and mean nothing.
//! What is not a mark is the command's own output, to the byte. `_dust_k`
//! tells bash, which has a habit of its own: after a syntax error inside `eval` it prints its last
//! prompt again and waits; an empty line brings it on. A mark of the kind `i` comes from a command
//! whose standard input is a FIFO ([`Stdin::Fifo`]), once that is open.

use super::encode;
use marks::{Mark, RS, Start};
use start::INIT_LINE;

mod echo;
mod marks;
mod prompt;
mod raw;
mod start;

pub use raw::{Leave, RawState, attach_command};
pub use start::{Nonce, bootstrap};

/// A terminal in canonical mode cuts longer input lines (N_TTY_BUF_SIZE less the newline), in bytes.
pub const INPUT_LINE_MAX: usize = 4095;
/// How much of what a shell prints before its first mark is kept, in bytes.
const START_UP_MAX: usize = 64 * 1024;

/// In front of a command for bash. To what is written to a terminal without echo, sshd answers with
/// a packet of the same length that means nothing (SSH_MSG_IGNORE), so that nobody sees from outside
/// where passwords are typed: a third packet for each command. It does not where the first byte is a
/// return, which our terminal ignores (IGNCR). Should a program have undone that, the shell finds an
/// unknown command `^M:` or an empty line, and the command still runs. Input has no such prefix.
const NO_FALSE_ECHO: u8 = b'\r';

/// How the echo of a command may begin.
const ECHOES: [&[u8]; 4] = [b" _dust_", b"_dust_s=", b"\r\n_dust_s=", b"^M_dust_s="];

/// Ctrl-U: the terminal, or a line editor, forgets the line that was begun (VKILL, termios(3)).
const KILL: u8 = 0x15;

/// What busybox ash says when a child ends while it waits at its prompt.
const ASH_NOISE: &[u8] = b"\nUse \"exit\" to leave shell.\n";

/// What bash says when `exit` ends a login shell. Nobody asked it to.
const FAREWELL: &[u8] = b"logout\n";

/// What busybox ash asks the terminal at its prompt while echo is on (the cursor's position).
const ASH_QUERY: &[u8] = b"\x1b[6n";

/// Where a command reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin<'a> {
    /// The terminal of the shell: a person may answer.
    Terminal,
    /// There is nothing to read: the end comes at once.
    Nothing,
    /// The FIFO of this path on the node; see `feed`.
    Fifo(&'a str),
}

/// What the shell is doing, as far as its marks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Before the first mark: start-up files run.
    Starting,
    /// At its prompt.
    Idle,
    /// A command runs; what is sent now is its input.
    Busy,
    /// Its command has ended, but lines for that command were on their way: it may run them.
    Settling,
    /// It gives no marks: lines go in as they are, output comes out, nothing is known.
    Unmarked,
    /// A person's: see [`Shell::raw`]. No command may be sent.
    Raw,
}

/// What kind of shell it is, as far as its marks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Bash,
    Zsh,
    /// As POSIX says: dash, busybox ash, mksh, …
    Posix,
}

/// What [`Shell::receive`] found, in the order of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The first mark: the shell is at its prompt.
    Ready,
    /// Output of the running command, or of a background job.
    Output(&'a [u8]),
    /// The command's standard input, a FIFO, is open: whoever feeds it may begin.
    Reading,
    /// The command has ended with this exit status.
    Ended(u8),
    /// After a command that was sent input: the shell is at its prompt.
    Settled {
        /// So many of these lines, the last ones, the shell itself has read: the command had ended.
        strays: usize,
        /// That is known, and no guess.
        sure: bool,
    },
    /// In raw mode: bytes for the person's terminal.
    Raw(&'a [u8]),
    /// In raw mode: the shell shows its prompt ([`Shell::raw`] says whether that is certain).
    Prompt {
        /// `$?`, where it tells.
        status: Option<u8>,
    },
    /// Raw mode is over: the shell is at its prompt in line mode.
    Lined,
    /// Raw mode is over, and nobody asked for that: the person's own shell, which ran in this one,
    /// has ended with this status. This one is at its prompt in line mode. (Where the shell itself
    /// ends, its channel does.)
    Exited(u8),
}

/// The shell of one node: frames what goes in, and tells marks from output in what comes out.
#[derive(Debug)]
pub struct Shell {
    nonce: Nonce,
    state: State,
    /// The number of the last command.
    seq: u64,
    /// The exit status of the last command: `$?` at the start of the next.
    status: u8,
    /// Bytes for the channel, and how many of them are gone.
    out: Vec<u8>,
    sent: usize,
    /// The start of something that may be a mark, or text that must be seen whole.
    held: Vec<u8>,
    /// What was printed before the first mark.
    start_up: Vec<u8>,
    /// The command that runs may end it, by `exit`.
    may_exit: bool,
    /// Lines that were sent to the command that runs.
    inputs: usize,
    /// Those that the shell has read after its end; `None`: an interrupt made that unknown.
    strays: Option<usize>,
    /// An interrupt went to the shell since the last command began.
    interrupted: bool,
    /// The interrupt came before all of the command was sent: only an empty command's mark counts.
    aborted: bool,
    /// The next output is at the start of a command, where an echo of it would be.
    at_start: bool,
    /// Somebody changed the terminal: set it again before the next command.
    echoing: bool,
    family: Family,
    /// What the node told of itself before the shell began.
    start: Option<Start>,
    /// The shell is in raw mode, or a person is attached to the command that runs.
    raw: Option<raw::Raw>,
    /// A person typed at the command that runs; what it left unread must go.
    flush_before_next: bool,
    /// Where the echo of a line of dust's own would be on a person's terminal.
    veil: Option<raw::Veil>,
    /// A mark's number, as text, for the command that runs.
    expected: String,
    /// The number of the last mark.
    last: String,
    /// Marks that will come once more, since an empty line was sent.
    repeats_due: u32,
    /// The terminal of the running command makes `\r\n` of each newline.
    cooked: bool,
    /// A carriage return that may belong to such a newline.
    held_return: bool,
}

impl Shell {
    /// A shell whose channel has just been opened with [`bootstrap`].
    pub fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            state: State::Starting,
            seq: 0,
            status: 0,
            out: INIT_LINE.to_vec(),
            sent: 0,
            held: Vec::new(),
            start_up: Vec::new(),
            may_exit: false,
            inputs: 0,
            strays: None,
            interrupted: false,
            aborted: false,
            at_start: false,
            echoing: false,
            family: Family::Posix,
            start: None,
            raw: None,
            flush_before_next: false,
            veil: None,
            expected: "0".to_owned(),
            last: String::new(),
            repeats_due: 0,
            cooked: false,
            held_return: false,
        }
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.state
    }

    /// Runs a command. The shell must be idle (or unmarked, where the text goes in as it is). In raw
    /// mode nothing is sent: [`Shell::leave_raw`] comes first.
    pub fn command(&mut self, text: &[u8], stdin: Stdin<'_>) {
        match self.state {
            State::Idle => {
                self.seq += 1;
                self.expected = self.seq.to_string();
                if std::mem::take(&mut self.interrupted) {
                    // zsh drops the line that follows an interrupt at its prompt.
                    self.out.push(b'\n');
                    self.repeats_due += 1;
                }
                let silence = std::mem::take(&mut self.echoing);
                let frame = encode::Frame {
                    seq: self.seq,
                    silence,
                    status: self.status,
                    nonce: self.nonce.word(),
                    stdin,
                    bash: self.family == Family::Bash,
                };
                let mut bytes = encode::command(&frame, text);
                if self.family == Family::Bash
                    && !silence
                    && let Some(first) = bytes.first_mut()
                {
                    *first = NO_FALSE_ECHO;
                }
                self.out.extend_from_slice(&bytes);
                let exits = memchr::memmem::find(text, b"exit").is_some();
                self.may_exit =
                    self.family == Family::Bash && (exits || text.trim_ascii() == b"logout");
                self.at_start = true;
                self.inputs = 0;
                self.state = State::Busy;
            },
            State::Unmarked | State::Busy | State::Starting | State::Settling => self.input(text),
            State::Raw => {},
        }
    }

    /// A line for whatever reads from the terminal now. None goes to a shell in raw mode.
    pub fn input(&mut self, line: &[u8]) {
        if self.state == State::Raw {
            return;
        }
        self.out.extend_from_slice(&encode::input(line));
        self.inputs += 1 + memchr::memchr_iter(b'\n', line).count();
    }

    /// The interrupt character (Ctrl-C). What of a command has not been sent yet is never sent.
    pub fn interrupt(&mut self) {
        if self.is_raw() {
            return self.type_raw(b"\x03");
        }
        let unsent = self.sent < self.out.len();
        self.out.truncate(self.sent);
        self.out.push(0x03);
        self.interrupted = true;
        if self.state == State::Settling {
            // Some shells show a prompt for that, and some drop the line that follows.
            self.strays = None;
            self.settle();
            return;
        }
        // The terminal drops what nobody has read yet.
        self.inputs = 0;
        if self.state == State::Busy && unsent && !self.aborted {
            // The shell may hold a part of a command. An empty one with a number of its own says
            // when that part is gone.
            self.aborted = true;
            self.seq += 1;
            self.expected = self.seq.to_string();
            self.out
                .extend_from_slice(format!("\n _dust_s={}\n", self.seq).as_bytes());
        }
    }

    /// End of input (Ctrl-D) for what reads from the terminal.
    pub fn end_of_input(&mut self) {
        if self.is_raw() {
            return self.type_raw(b"\x04");
        }
        self.out.push(0x04);
        self.inputs += 1;
    }

    /// Stops waiting for a first mark, and returns what was printed so far.
    pub fn give_up_on_marks(&mut self) -> Vec<u8> {
        if self.state == State::Starting {
            self.state = State::Unmarked;
        }
        std::mem::take(&mut self.start_up)
    }

    /// What was printed before the first mark; where the channel closes early, it says why.
    pub fn start_up_output(&self) -> &[u8] {
        &self.start_up
    }

    /// Bytes that wait to be sent.
    pub fn unsent(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    /// `count` bytes of [`Self::unsent`] are on their way.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.out.len() {
            self.out.clear();
            self.sent = 0;
            if self.out.capacity() > 64 * 1024 {
                self.out.shrink_to(1024);
            }
        }
    }

    /// Takes bytes from the channel and tells what they are.
    pub fn receive(&mut self, data: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        if self.held.is_empty() {
            self.scan(data, found);
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(data);
            self.scan(&joined, found);
        }
    }

    /// The channel has ended: what was held back is output after all.
    pub fn finish(&mut self, found: &mut dyn FnMut(Piece<'_>)) {
        let mut held = std::mem::take(&mut self.held);
        self.at_start = false;
        if self.may_exit && !self.is_raw() && held == FAREWELL {
            held.clear();
        }
        self.output(&held, found);
        self.release_return(found);
    }

    fn release_return(&mut self, found: &mut dyn FnMut(Piece<'_>)) {
        if std::mem::take(&mut self.held_return) {
            found(Piece::Output(b"\r"));
        }
    }

    fn scan(&mut self, mut data: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        loop {
            let Some(at) = memchr::memchr(RS, data) else {
                if self.is_raw() || self.veil.is_some() {
                    self.output(data, found);
                    return;
                }
                // An interrupted shell ends its line before the prompt: that newline is its own.
                if self.is_interrupted()
                    && let Some(text) = data.strip_suffix(b"\n")
                {
                    self.output(text, found);
                    self.held.push(b'\n');
                    return;
                }
                // bash's last words, if nothing but the end follows.
                if self.may_exit
                    && self.state == State::Busy
                    && let Some(text) = data.strip_suffix(FAREWELL)
                {
                    self.output(text, found);
                    self.held.extend_from_slice(FAREWELL);
                    return;
                }
                self.output(data, found);
                return;
            };
            let (before, rest) = data.split_at(at);
            match marks::mark(&self.nonce, rest) {
                Mark::None => {
                    let (text, after) = data.split_at(at + 1);
                    self.output(text, found);
                    data = after;
                },
                Mark::Incomplete => {
                    self.output(before, found);
                    // `output` may hold back an echo; what is held keeps its order.
                    self.held.extend_from_slice(rest);
                    return;
                },
                Mark::Prompt(length, prompt) => {
                    self.before_mark(before, prompt.ended_with(), found);
                    self.prompt(&prompt, found);
                    data = rest.get(length..).unwrap_or_default();
                },
                Mark::Reading(length, number) => {
                    self.before_mark(before, 0, found);
                    if self.state == State::Busy && number == self.expected {
                        found(Piece::Reading);
                    }
                    data = rest.get(length..).unwrap_or_default();
                },
                Mark::Raw(length, mark) => {
                    self.before_mark(before, 0, found);
                    self.raw_mark(&mark, found);
                    data = rest.get(length..).unwrap_or_default();
                },
                Mark::Start(length, start) => {
                    self.before_mark(before, 0, found);
                    if self.state == State::Starting && self.start.is_none() {
                        self.start = Some(start);
                    }
                    data = rest.get(length..).unwrap_or_default();
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
