//! A program in a real terminal: keys go in, and a screen model shows what was painted.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, setsid};
use vt100::{Parser, Screen};

use super::PATIENCE;

nix::ioctl_none_bad!(make_controlling, libc::TIOCSCTTY);
nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, Winsize);

/// How many lines above the screen are kept.
const SCROLLBACK: usize = 2000;

/// What kind of terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    pub(crate) rows: u16,
    pub(crate) cols: u16,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { rows: 24, cols: 80 }
    }
}

impl Terminal {
    fn winsize(self) -> Winsize {
        Winsize {
            ws_row: self.rows,
            ws_col: self.cols,
            ws_xpixel: 0,
            ws_ypixel: 0,
        }
    }
}

/// A program in a terminal. It ends when this is dropped.
pub(crate) struct Pty {
    child: Child,
    master: File,
    /// Held open, so that the settings can be read after the program's end.
    slave: OwnedFd,
    before: Termios,
    parser: Parser,
    raw: Vec<u8>,
}

impl Pty {
    /// Starts a program that leads a session of its own in a new terminal.
    pub(crate) fn spawn(mut command: Command, terminal: Terminal) -> Self {
        let pair = openpty(&terminal.winsize(), None).unwrap();
        let before = tcgetattr(&pair.slave).unwrap();
        // Else the program itself would hold its terminal's other side.
        for fd in [&pair.master, &pair.slave] {
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let slave = || pair.slave.try_clone().unwrap();
        command.stdin(slave()).stdout(slave()).stderr(slave());
        // SAFETY: it calls setsid and ioctl alone, which are async-signal-safe.
        unsafe { command.pre_exec(lead_session) };
        let child = command.spawn().unwrap();
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        Self {
            child,
            master: File::from(pair.master),
            slave: pair.slave,
            before,
            parser: Parser::new(terminal.rows.max(2), terminal.cols.max(8), SCROLLBACK),
            raw: Vec::new(),
        }
    }

    /// Types these bytes, and takes in what is painted meanwhile.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut left = bytes.as_ref();
        let deadline = Instant::now() + PATIENCE;
        while !left.is_empty() {
            match self.master.write(left) {
                Ok(n) => left = left.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    assert!(
                        Instant::now() < deadline,
                        "no key is taken\n{}",
                        self.report()
                    );
                    self.turn(PollFlags::POLLIN | PollFlags::POLLOUT, deadline);
                },
                Err(e) => panic!("typing failed: {e}\n{}", self.report()),
            }
        }
    }

    /// Types a line and Enter.
    pub(crate) fn line(&mut self, text: &str) {
        self.send(text);
        self.send("\r");
    }

    /// Types a line at a prompt where nothing runs: what is typed while something does is its input.
    #[track_caller]
    pub(crate) fn command(&mut self, text: &str) {
        self.wait_prompt();
        self.send(text);
        self.wait_typed(text.trim_end());
        self.send("\r");
        // Else the prompt of before would be taken for the next one.
        self.wait_for("the line is taken", |screen| {
            typed(screen).as_deref() != Some(text.trim_end())
        });
    }

    /// The same where something runs: the line is dust's own all the same.
    #[track_caller]
    pub(crate) fn command_while_busy(&mut self, text: &str) {
        self.wait_prompt_busy();
        self.send(text);
        self.wait_typed(text);
        self.send("\r");
    }

    /// Pastes, as a terminal with bracketed paste does.
    pub(crate) fn paste(&mut self, text: &str) {
        // Terminals send a pasted newline as Enter does.
        self.send(format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
    }

    /// Waits until `seen` is true of the screen.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str, seen: impl Fn(&Screen) -> bool) {
        self.wait_within(PATIENCE, what, seen);
    }

    /// The same, with another deadline.
    #[track_caller]
    pub(crate) fn wait_within(
        &mut self,
        patience: Duration,
        what: &str,
        seen: impl Fn(&Screen) -> bool,
    ) {
        self.until(patience, what, |pty| seen(pty.parser.screen()));
    }

    /// Waits until the screen shows `text` (which may be broken over lines by the screen's width).
    #[track_caller]
    pub(crate) fn wait_text(&mut self, text: &str) {
        self.wait_for(&format!("text {text:?}"), |screen| {
            screen.contents().contains(text)
        });
    }

    /// Waits until one row of the screen has all of these words, case ignored.
    #[track_caller]
    pub(crate) fn wait_words(&mut self, words: &[&str]) {
        self.wait_for(&format!("a row with {words:?}"), |screen| {
            super::run::says(&screen.contents(), words)
        });
    }

    /// Waits until one row of the screen has all words of one of these, case ignored.
    #[track_caller]
    pub(crate) fn wait_any(&mut self, what: &str, choices: &[&[&str]]) {
        self.wait_for(what, |screen| {
            let contents = screen.contents();
            choices
                .iter()
                .any(|words| super::run::says(&contents, words))
        });
    }

    /// Waits until a row of the screen is exactly `text`.
    #[track_caller]
    pub(crate) fn wait_row(&mut self, text: &str) {
        self.wait_for(&format!("row {text:?}"), |screen| has_row(screen, text));
    }

    /// Waits until the cursor stands behind an empty prompt that counts no busy node: `dust$ `,
    /// `dust:lab$ `.
    #[track_caller]
    pub(crate) fn wait_prompt(&mut self) {
        self.wait_for("an empty prompt, nothing busy", |screen| {
            empty_prompt(screen) == Some(false)
        });
    }

    /// Waits until there is an empty prompt that shows a number: how many nodes are busy.
    #[track_caller]
    pub(crate) fn wait_prompt_busy(&mut self) {
        self.wait_for("an empty prompt with a count", |screen| {
            empty_prompt(screen) == Some(true)
        });
    }

    /// Waits until the line that is being typed is exactly `text`.
    #[track_caller]
    pub(crate) fn wait_typed(&mut self, text: &str) {
        self.wait_for(&format!("typed {text:?}"), |screen| {
            typed(screen).as_deref() == Some(text)
        });
    }

    /// Waits until `text` was painted after the first `from` bytes (see `mark`).
    #[track_caller]
    pub(crate) fn wait_raw(&mut self, from: usize, text: &str) {
        self.until(PATIENCE, &format!("bytes {text:?}"), |pty| {
            pty.since(from).contains(text)
        });
    }

    /// Reads until these bytes come, and paints nothing of it: for floods.
    pub(crate) fn pour(&mut self, end: &[u8], patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut buffer = vec![0; 1 << 18];
        let mut tail: Vec<u8> = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "these bytes do not come: {end:?}\n{}",
                self.report()
            );
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            let _: Result<_, _> = poll(&mut fds, PollTimeout::try_from(left).unwrap());
            let Ok(count) = self.master.read(&mut buffer) else {
                continue;
            };
            tail.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if memchr::memmem::find(&tail, end).is_some() {
                return;
            }
            let keep = tail.len().saturating_sub(end.len());
            tail.drain(..keep);
        }
    }

    /// Whether the screen shows `text` in time.
    pub(crate) fn shows_within(&mut self, patience: Duration, text: &str) -> bool {
        self.sees(patience, |pty| {
            pty.parser.screen().contents().contains(text)
        })
    }

    /// Whether `text` is painted `times` times in time, after the first `from` bytes.
    pub(crate) fn counts_within(
        &mut self,
        patience: Duration,
        from: usize,
        text: &[u8],
        times: usize,
    ) -> bool {
        let (mut next, mut found) = (from, 0);
        let deadline = Instant::now() + patience;
        loop {
            while let Some(at) =
                memchr::memmem::find(self.raw.get(next..).unwrap_or_default(), text)
            {
                found += 1;
                next += at + text.len();
            }
            if found >= times {
                return true;
            }
            // A part of it may stand at the end.
            next = next.max(self.raw.len().saturating_sub(text.len() - 1));
            let moved = self.turn(PollFlags::POLLIN, deadline);
            let ended = !moved && self.child.try_wait().unwrap().is_some();
            if ended || Instant::now() >= deadline {
                return false;
            }
        }
    }

    /// How many bytes were painted until now.
    pub(crate) fn mark(&self) -> usize {
        self.raw.len()
    }

    /// What was painted after `mark`, as text.
    pub(crate) fn since(&self, mark: usize) -> String {
        String::from_utf8_lossy(self.raw.get(mark..).unwrap_or_default()).into_owned()
    }

    pub(crate) fn screen(&self) -> &Screen {
        self.parser.screen()
    }

    /// The rows of the screen, without blanks at their ends.
    pub(crate) fn rows(&self) -> Vec<String> {
        rows(self.parser.screen())
    }

    /// Everything that was painted, from above the screen too.
    pub(crate) fn history(&mut self) -> String {
        let screen = self.parser.screen_mut();
        let (height, _) = screen.size();
        let mut all: Vec<String> = Vec::new();
        screen.set_scrollback(SCROLLBACK);
        let mut above = screen.scrollback();
        while above > 0 {
            screen.set_scrollback(above);
            let page = above.min(usize::from(height));
            all.extend(rows(screen).into_iter().take(page));
            above -= page;
        }
        screen.set_scrollback(0);
        all.extend(rows(screen));
        all.join("\n")
    }

    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        let size = Terminal { rows, cols }.winsize();
        // SAFETY: the fd is the pty's, and the struct outlives the call.
        unsafe { set_size(self.master.as_raw_fd(), &raw const size) }.unwrap();
        self.parser.screen_mut().set_size(rows, cols);
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Closes the terminal, as its window would be closed; the program's exit status.
    #[track_caller]
    pub(crate) fn hang_up(mut self) -> i32 {
        self.master = File::open("/dev/null").unwrap();
        self.wait_exit()
    }

    /// The process group that the terminal's keys go to.
    pub(crate) fn foreground(&self) -> i32 {
        nix::unistd::tcgetpgrp(&self.master).unwrap().as_raw()
    }

    /// Waits for the program's end; its exit status, a signal as 128 + its number.
    #[track_caller]
    pub(crate) fn wait_exit(&mut self) -> i32 {
        let status = self.ended(PATIENCE);
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }

    /// Fails unless the terminal's settings are what they were before the program started.
    #[track_caller]
    pub(crate) fn expect_restored(&self) {
        let now = tcgetattr(&self.slave).unwrap();
        assert!(
            now == self.before,
            "the terminal's settings: {now:?}, were {:?}",
            self.before
        );
        let screen = self.parser.screen();
        assert!(
            !screen.hide_cursor(),
            "the cursor is shown\n{}",
            self.report()
        );
        assert!(
            !screen.alternate_screen(),
            "the main screen is shown\n{}",
            self.report()
        );
        assert!(
            !screen.bracketed_paste(),
            "bracketed paste is off\n{}",
            self.report()
        );
    }

    /// Whether the terminal echoes and waits for whole lines, as it did before.
    pub(crate) fn is_restored(&self) -> bool {
        tcgetattr(&self.slave).is_ok_and(|now| now == self.before)
    }

    #[track_caller]
    fn until(&mut self, patience: Duration, what: &str, seen: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + patience;
        if self.sees(patience, seen) {
            return;
        }
        let why = if Instant::now() < deadline {
            "ended before"
        } else {
            "waited in vain for"
        };
        panic!("{why}: {what}\n{}", self.report());
    }

    /// Whether `seen` comes true in time, and before the program's end.
    fn sees(&mut self, patience: Duration, seen: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut ended = false;
        loop {
            if seen(self) {
                return true;
            }
            if ended || Instant::now() >= deadline {
                return false;
            }
            let moved = self.turn(PollFlags::POLLIN, deadline);
            // What it painted last is still read, and looked at once more.
            ended = !moved && self.child.try_wait().unwrap().is_some();
        }
    }

    #[track_caller]
    fn ended(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            let moved = self.turn(PollFlags::POLLIN, deadline);
            if let Some(status) = self.child.try_wait().unwrap()
                && !moved
            {
                return status;
            }
            assert!(Instant::now() < deadline, "does not end\n{}", self.report());
        }
    }

    /// Waits for the terminal, a little or until the deadline, and reads what there is. Whether
    /// anything was.
    fn turn(&mut self, events: PollFlags, deadline: Instant) -> bool {
        // The program's end does not show on the master while this side holds the slave.
        let slice = Duration::from_millis(20).min(deadline.duration_since(Instant::now()));
        let mut fds = [PollFd::new(self.master.as_fd(), events)];
        let _: Result<_, _> = poll(&mut fds, PollTimeout::try_from(slice).unwrap());
        let mut buffer = [0; 1 << 14];
        match self.master.read(&mut buffer) {
            Ok(n) => {
                let bytes = buffer.get(..n).unwrap_or_default();
                self.parser.process(bytes);
                self.raw.extend(bytes);
                n > 0
            },
            Err(_) => false,
        }
    }

    /// What a person who mends a failing test wants to see.
    pub(crate) fn report(&self) -> String {
        let from = self.raw.len().saturating_sub(1500);
        let tail = self.raw.get(from..).unwrap_or_default().escape_ascii();
        let (row, col) = self.parser.screen().cursor_position();
        let rows = self.rows().join("\n");
        format!(
            "--- screen (cursor at row {row}, column {col})\n{}\n--- last bytes\n{tail}\n---",
            rows.trim_end()
        )
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Makes this process the leader of a session that has the terminal on fd 0.
pub(crate) fn lead_session() -> std::io::Result<()> {
    setsid()?;
    // SAFETY: this ioctl takes no pointer.
    unsafe { make_controlling(0) }?;
    Ok(())
}

/// The rows of a screen, without blanks at their ends.
pub(crate) fn rows(screen: &Screen) -> Vec<String> {
    let (_, cols) = screen.size();
    screen
        .rows(0, cols)
        .map(|row| row.trim_end().to_owned())
        .collect()
}

/// The row that the cursor stands in, without blanks at its end.
pub(crate) fn row_with_cursor(screen: &Screen) -> String {
    let (row, _) = screen.cursor_position();
    rows(screen)
        .get(usize::from(row))
        .cloned()
        .unwrap_or_default()
}

/// Whether a row is exactly `text`.
pub(crate) fn has_row(screen: &Screen, text: &str) -> bool {
    rows(screen).iter().any(|row| row == text)
}

/// What is typed behind the prompt, up to where the row with the cursor ends. None where the cursor
/// stands in no prompt. A full row goes on in the next one, whoever broke it.
pub(crate) fn typed(screen: &Screen) -> Option<String> {
    let (_, cols) = screen.size();
    let (row, col) = screen.cursor_position();
    let all: Vec<String> = screen.rows(0, cols).collect();
    let full = |row: u16| screen.row_wrapped(row) || screen.cell(row, cols - 1).is_some_and(filled);
    let mut line = all.get(usize::from(row))?.clone();
    // A blank that was typed last counts.
    while line.chars().count() < usize::from(col) {
        line.push(' ');
    }
    let mut first = row;
    while first > 0 && !line.starts_with("dust") && full(first - 1) {
        first -= 1;
        line.insert_str(0, all.get(usize::from(first))?);
    }
    let (prompt, text) = line.split_once("$ ")?;
    prompt
        .starts_with("dust")
        .then(|| text.trim_end().to_owned())
}

/// Whether the empty prompt that the cursor stands behind has a number in it.
fn empty_prompt(screen: &Screen) -> Option<bool> {
    let prompt = row_with_cursor(screen);
    let empty = typed(screen)?.is_empty();
    empty.then(|| prompt.contains(|c: char| c.is_ascii_digit()))
}

fn filled(cell: &vt100::Cell) -> bool {
    cell.has_contents() || cell.is_wide_continuation()
}
