//! The persistent shell of one node, and how dust knows what it does.
//!
//! The channel is a pty that runs the user's own login shell, so that aliases, `cd`, jobs and
//! `sudo -i` are as in `ssh`. A small `sh` script ([`bootstrap`]) goes before it: it sets the
//! node's variables, turns echo off, and picks bash or sh where the login shell is none that dust
//! knows (fish, tcsh, …). The first line typed then gives the shell a prompt that is a *mark*:
//!
//! ```text
//! RS nonce ':' $? ':' $_dust_s ':' $_dust_n ':' $_dust_k RS     (RS = 0x1e)
//! ```
//!
//! A mark says that a line was read and has ended. Each line that is sent sets `_dust_n` to a number
//! of its own before anything is evaluated, so a mark with a command's number means that this very
//! command has ended. Its exit status is `_dust_s`, which the line's end sets, or `$?` where the
//! shell gave the line up before its end (an interrupt, `${x?}`, a syntax error). Marks of nested shells, of empty lines and of the parts of a long command carry another
//! number and mean nothing. What is not a mark is the command's own output, to the byte. `_dust_k`
//! tells bash, which has a habit of its own: after a syntax error inside `eval` it prints its last
//! prompt again and waits; an empty line brings it on.

use super::encode;
use std::fmt::Write as _;

/// RS, the record separator of ASCII: rare in output, harmless where it does appear.
const RS: u8 = 0x1e;
/// Longer than this after RS is no mark, in bytes: nonce, status, number and separators.
const MARK_MAX: usize = 64;
/// A terminal in canonical mode cuts longer input lines (N_TTY_BUF_SIZE less the newline), in bytes.
pub const INPUT_LINE_MAX: usize = 4095;
/// How much of what a shell prints before its first mark is kept, in bytes.
const START_UP_MAX: usize = 64 * 1024;

/// A random word that marks carry, so that no output is taken for one: `[0-9a-z]{12}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A nonce from random bytes.
    pub fn new(random: [u8; 12]) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijkmnpqrstuvwx";
        Self(
            random
                .iter()
                .map(|byte| char::from(DIGITS[usize::from(byte & 31)]))
                .collect(),
        )
    }
}

/// The first line typed into the login shell. No single quote, backslash, `!` or newline: it
/// passes through shells of other families in single quotes.
const INIT: &str = concat!(
    r#"_dust_p=$DUST_MARK _dust_q= _dust_k= _dust_n=0 _dust_s=0 _dust_i=0 _dust_c= _dust_e=;"#,
    r#"unset DUST_INIT DUST_MARK;"#,
    r#"_dust_l="$(echo;echo x)";_dust_l=${_dust_l%x};"#,
    r#"HISTFILE= PROMPT_COMMAND= PS0= RPS1= PS2=;"#,
    r#"_dust_r(){ return $1;};"#,
    r#"if [ -n "${ZSH_VERSION-}" ];then "#,
    r#"setopt promptsubst nozle nopromptsp nopromptcr histignorespace interactivecomments;"#,
    r#"unset precmd_functions preexec_functions;unset -f precmd preexec 2>/dev/null;"#,
    r#"elif [ -n "${BASH_VERSION-}" ];then _dust_k=b;set +o history;shopt -s promptvars;"#,
    // Where a start-up file has chosen a line editor, bash prints no prompt once it is off again.
    r#"if shopt -qo emacs||shopt -qo vi;then set +o emacs;set +o vi;"#,
    r#"_dust_o=$_dust_p _dust_p= _dust_q=_dust_m;_dust_m(){ eval printf %s "$_dust_o" >&2;};fi;"#,
    // busybox ash takes a signal at its prompt for the end of its input, but for this option.
    r#"else set -o ignoreeof;set +o emacs 2>/dev/null;set +o vi 2>/dev/null;fi;"#,
    r#"stty -echo -onlcr igncr;PS1=$_dust_p PROMPT_COMMAND=$_dust_q"#,
);

/// The line that makes the shell evaluate [`INIT`]. Nothing may follow it before a mark came: zsh's
/// line editor, which starts on, has the terminal turn newlines into returns while it reads, and
/// what comes in that instant would be read as `^M` once the editor is off.
const INIT_LINE: &[u8] = b" eval \"$DUST_INIT\"\n";

/// In front of a command for bash. To what is written to a terminal without echo, sshd answers with
/// a packet of the same length that means nothing (SSH_MSG_IGNORE), so that nobody sees from outside
/// where passwords are typed: a third packet for each command. It does not where the first byte is a
/// return, which our terminal ignores (IGNCR). Should a program have undone that, the shell finds an
/// unknown command `^M:` or an empty line, and the command still runs. Input has no such prefix.
const NO_FALSE_ECHO: &[u8] = b"\r:;";

/// How the echo of a command may begin.
const ECHOES: [&[u8]; 4] = [b" _dust_", b":; _dust_", b"\r\n:; _dust_", b"^M:; _dust_"];

/// What busybox ash says when a child ends while it waits at its prompt.
const ASH_NOISE: &[u8] = b"\nUse \"exit\" to leave shell.\n";

/// What busybox ash asks the terminal at its prompt while echo is on (the cursor's position).
const ASH_QUERY: &[u8] = b"\x1b[6n";

/// What to ask of the node's sshd (an "exec" request, RFC 4254 §6.5): sets `vars`, then becomes the
/// login shell. Names of variables must be identifiers; characters that a single-quoted word of
/// some shell family cannot hold are dropped from the values.
pub fn bootstrap(nonce: &Nonce, vars: &[(&str, String)]) -> String {
    let mut script = String::from("DUST_INIT=$1 DUST_MARK=$2;export DUST_INIT DUST_MARK;");
    for (name, value) in vars {
        let plain: String = value
            .chars()
            .filter(|c| c.is_ascii_graphic() && !"'\"\\!$`".contains(*c))
            .collect();
        let _ = write!(script, "{name}=\"{plain}\";export {name};");
    }
    script.push_str(concat!(
        r#"stty -echo -onlcr igncr;case "${SHELL##*/}" in "#,
        r#"bash)exec "$SHELL" --noediting -l;;"#,
        r#"zsh|dash|ash|mksh|ksh|ksh93|sh)exec "$SHELL" -l;;esac;"#,
        r#"if command -v bash >/dev/null 2>&1;then exec bash --noediting -l;fi;exec sh -l"#,
    ));
    let Nonce(word) = nonce;
    let mark = format!("\u{1e}{word}:$?:$_dust_s:$_dust_n:$_dust_k\u{1e}");
    format!("exec sh -c '{script}' sh '{INIT}' '{mark}'")
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
    /// It gives no marks: lines go in as they are, output comes out, nothing is known.
    Unmarked,
}

/// What [`Shell::receive`] found, in the order of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The first mark: the shell is at its prompt.
    Ready,
    /// Output of the running command, or of a background job.
    Output(&'a [u8]),
    /// The command has ended with this exit status.
    Ended(u8),
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
    /// An interrupt went to the shell since the last command began.
    interrupted: bool,
    /// The interrupt came before all of the command was sent: only an empty command's mark counts.
    aborted: bool,
    /// The next output is at the start of a command, where an echo of it would be.
    at_start: bool,
    /// Somebody changed the terminal: set it again before the next command.
    echoing: bool,
    /// The shell is bash.
    bash: bool,
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
            interrupted: false,
            aborted: false,
            at_start: false,
            echoing: false,
            bash: false,
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

    /// Runs a command. The shell must be idle (or unmarked, where the text goes in as it is).
    pub fn command(&mut self, text: &[u8]) {
        match self.state {
            State::Idle => {
                self.seq += 1;
                self.expected = self.seq.to_string();
                if std::mem::take(&mut self.interrupted) {
                    // zsh drops the line that follows an interrupt at its prompt.
                    self.out.push(b'\n');
                    self.repeats_due += 1;
                }
                let mut prefix = String::new();
                if std::mem::take(&mut self.echoing) {
                    prefix.push_str("stty -echo -onlcr igncr;");
                } else if self.bash {
                    self.out.extend_from_slice(NO_FALSE_ECHO);
                }
                if self.status != 0 {
                    // In a list, lest `set -e` takes it for a failure.
                    let _ = write!(prefix, "_dust_r {}&&:;", self.status);
                }
                let bytes = encode::command(self.seq, text, &prefix);
                self.out.extend_from_slice(&bytes);
                self.at_start = true;
                self.state = State::Busy;
            },
            State::Unmarked | State::Busy | State::Starting => self.input(text),
        }
    }

    /// A line for whatever reads from the terminal now.
    pub fn input(&mut self, line: &[u8]) {
        self.out.extend_from_slice(&encode::input(line));
    }

    /// The interrupt character (Ctrl-C). What of a command has not been sent yet is never sent.
    pub fn interrupt(&mut self) {
        let unsent = self.sent < self.out.len();
        self.out.truncate(self.sent);
        self.out.push(0x03);
        self.interrupted = true;
        if self.state == State::Busy && unsent && !self.aborted {
            // The shell may hold a part of a command. An empty one with a number of its own says
            // when that part is gone.
            self.aborted = true;
            self.seq += 1;
            self.expected = self.seq.to_string();
            self.out
                .extend_from_slice(format!("\n _dust_n={}\n", self.seq).as_bytes());
        }
    }

    /// End of input (Ctrl-D) for what reads from the terminal.
    pub fn end_of_input(&mut self) {
        self.out.push(0x04);
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
        let held = std::mem::take(&mut self.held);
        self.at_start = false;
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
                // An interrupted shell ends its line before the prompt: that newline is its own.
                if self.interrupted
                    && self.state == State::Busy
                    && let Some(text) = data.strip_suffix(b"\n")
                {
                    self.output(text, found);
                    self.held.push(b'\n');
                    return;
                }
                self.output(data, found);
                return;
            };
            let (before, rest) = data.split_at(at);
            match self.mark(rest) {
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
            }
        }
    }

    fn mark(&self, text: &[u8]) -> Mark {
        let Nonce(word) = &self.nonce;
        let Some(body) = text.get(1..) else {
            return Mark::None;
        };
        let shared = body
            .iter()
            .zip(word.as_bytes())
            .take_while(|(a, b)| a == b)
            .count();
        if shared < word.len() {
            return if shared == body.len() {
                Mark::Incomplete
            } else {
                Mark::None
            };
        }
        let Some(end) = memchr::memchr(RS, body) else {
            return if body.len() < MARK_MAX {
                Mark::Incomplete
            } else {
                Mark::None
            };
        };
        let fields = body.get(word.len()..end).unwrap_or_default();
        let Ok(fields) = std::str::from_utf8(fields) else {
            return Mark::None;
        };
        let length = end + 2;
        let mut fields = fields.split(':').skip(1);
        match (fields.next(), fields.next(), fields.next(), fields.next()) {
            (Some(now), Some(at_end), Some(number), Some(kind)) => {
                let prompt = Prompt {
                    now: now.parse().unwrap_or(u8::MAX),
                    at_end: at_end.parse().ok(),
                    number: number.to_owned(),
                    bash: kind == "b",
                };
                Mark::Prompt(length, prompt)
            },
            _ => Mark::None,
        }
    }

    /// A prompt was printed: what does it mean for the command that runs?
    fn prompt(&mut self, prompt: &Prompt, found: &mut dyn FnMut(Piece<'_>)) {
        let number = prompt.number.as_str();
        let repeated = !number.is_empty() && number == self.last;
        number.clone_into(&mut self.last);
        if !number.is_empty() {
            self.bash = prompt.bash;
        }
        let ours = number == self.expected;
        match self.state {
            State::Starting | State::Unmarked if ours => {
                self.state = State::Idle;
                self.start_up = Vec::new();
                found(Piece::Ready);
            },
            State::Busy if ours => {
                self.idle();
                self.status = if std::mem::take(&mut self.aborted) {
                    130
                } else {
                    prompt.ended_with()
                };
                found(Piece::Ended(self.status));
            },
            // The interrupt reached the shell before it had read the command.
            State::Busy if self.interrupted && !self.aborted && repeated && prompt.now != 0 => {
                self.idle();
                self.status = 130;
                found(Piece::Ended(130));
            },
            State::Busy | State::Idle if repeated && self.repeats_due > 0 => self.repeats_due -= 1,
            // The terminal made an empty line of `NO_FALSE_ECHO`.
            State::Busy if repeated && prompt.bash && self.at_start => self.echoing = true,
            State::Busy
                if repeated && prompt.bash && !self.interrupted && self.unsent().is_empty() =>
            {
                self.out.push(b'\n');
            },
            // The prompt of a part of a command, of an empty line or of a nested shell.
            State::Starting | State::Unmarked | State::Busy | State::Idle => {},
        }
    }

    fn idle(&mut self) {
        self.state = State::Idle;
        self.at_start = false;
        self.repeats_due = 0;
        self.cooked = false;
        self.held_return = false;
    }

    /// Output that ends at a mark. A shell that was interrupted prints an empty line first.
    fn before_mark(&mut self, text: &[u8], status: u8, found: &mut dyn FnMut(Piece<'_>)) {
        let own = self.interrupted && status == 130 && self.state == State::Busy;
        let text = if own {
            text.strip_suffix(b"\n").unwrap_or(text)
        } else {
            text
        };
        self.output(text, found);
        self.release_return(found);
        // An echo that never ended is no echo.
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.at_start = false;
            self.output(&held, found);
        }
    }

    fn output(&mut self, text: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        if text.is_empty() {
            return;
        }
        match self.state {
            State::Starting => {
                let room = START_UP_MAX.saturating_sub(self.start_up.len());
                self.start_up
                    .extend_from_slice(text.get(..room.min(text.len())).unwrap_or(text));
            },
            State::Busy if self.at_start => self.first_output(text, found),
            State::Idle if text.starts_with(ASH_QUERY) => {
                let rest = text.strip_prefix(ASH_QUERY).unwrap_or_default();
                self.output(rest, found);
            },
            State::Idle if text.starts_with(ASH_NOISE) => {
                let rest = text.strip_prefix(ASH_NOISE).unwrap_or_default();
                if !rest.is_empty() {
                    found(Piece::Output(rest));
                }
            },
            State::Busy if self.cooked => self.uncooked(text, found),
            State::Idle | State::Busy | State::Unmarked => found(Piece::Output(text)),
        }
    }

    /// Takes back what the terminal made of newlines: `\r\n` was `\n`.
    fn uncooked(&mut self, text: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        let mut plain = Vec::with_capacity(text.len() + 1);
        for &byte in text {
            if std::mem::take(&mut self.held_return) && byte != b'\n' {
                plain.push(b'\r');
            }
            if byte == b'\r' {
                self.held_return = true;
            } else {
                plain.push(byte);
            }
        }
        if !plain.is_empty() {
            found(Piece::Output(&plain));
        }
    }

    /// Takes the echo of a command away, where a program had turned echo on.
    fn first_output(&mut self, text: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        if let Some(rest) = text.strip_prefix(ASH_QUERY) {
            return self.output(rest, found);
        }
        if ASH_QUERY.starts_with(text) {
            return self.held.extend_from_slice(text);
        }
        let echo = ECHOES.iter().find(|echo| text.starts_with(echo));
        if let Some(echo) = echo {
            self.echoing = true;
            match memchr::memchr(b'\n', text.get(echo.len()..).unwrap_or_default()) {
                // Further lines of the same command may follow: still at the start.
                Some(end) => {
                    let end = echo.len() + end;
                    self.cooked = text.get(end - 1) == Some(&b'\r');
                    let rest = text.get(end + 1..).unwrap_or_default();
                    self.output(rest, found);
                },
                None if text.len() <= INPUT_LINE_MAX => self.held.extend_from_slice(text),
                None => {
                    self.at_start = false;
                    self.output(text, found);
                },
            }
        } else if ECHOES.iter().any(|echo| echo.starts_with(text)) {
            self.held.extend_from_slice(text);
        } else {
            self.at_start = false;
            self.output(text, found);
        }
    }
}

/// What starts at an RS.
enum Mark {
    None,
    Incomplete,
    /// Its length in bytes, and what it says.
    Prompt(usize, Prompt),
}

/// What a mark says.
struct Prompt {
    /// `$?` at the prompt.
    now: u8,
    /// What the line's end found in `$?`.
    at_end: Option<u8>,
    /// The number of the last line that set one.
    number: String,
    bash: bool,
}

impl Prompt {
    fn ended_with(&self) -> u8 {
        self.at_end.unwrap_or(self.now)
    }
}

#[cfg(test)]
mod tests;
