//! A person at the persistent shell of a node, without the network: the shell runs in a local
//! terminal, started as sshd would, and this drives it through `session::shell`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use dust::session::shell::{
    Leave, Nonce, Piece, RawState, Shell as Persistent, State, Stdin, attach_command, bootstrap,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::unistd::{tcgetpgrp, ttyname};
use tempfile::TempDir;
use vt100::Parser;

use crate::support::PATIENCE;
use crate::support::pty::{lead_session, row_with_cursor, rows};
use crate::support::shell::Shell;

nix::ioctl_write_ptr_bad!(set_size, nix::libc::TIOCSWINSZ, Winsize);

const ROWS: u16 = 24;
const COLS: u16 = 80;

/// What the shell told, but for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Ready,
    Ended(u8),
    Settled(usize),
    Prompt(Option<u8>),
    Lined,
    Exited(u8),
}

pub(super) struct Person {
    child: Child,
    master: File,
    pub(super) shell: Persistent,
    pub(super) screen: Parser,
    /// All that came for the terminal.
    pub(super) raw: Vec<u8>,
    /// All that came as output of line mode.
    pub(super) output: Vec<u8>,
    pub(super) told: Vec<Told>,
    /// What the shell is told differently, bytes for bytes of the same meaning.
    twist: fn(Vec<u8>) -> Vec<u8>,
    closed: bool,
    executable: PathBuf,
    folder: TempDir,
}

impl Person {
    /// A node with this login shell and these files in its home.
    pub(super) fn at(shell: Shell, files: &[(&str, &str)]) -> Self {
        Self::with(shell, files, |bytes| bytes)
    }

    pub(super) fn with(
        shell: Shell,
        files: &[(&str, &str)],
        twist: fn(Vec<u8>) -> Vec<u8>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let bin = folder.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        for (name, text) in files {
            let file = home.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        // Without this one, fish reads all man pages in the background.
        fs::create_dir_all(home.join(".local/share/fish/generated_completions")).unwrap();
        let executable = shell.executable(&bin);
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(&size, None).unwrap();
        let nonce = Nonce::new(*b"raw shells 1");
        let mut command = Command::new(&executable);
        command
            .arg("-c")
            .arg(bootstrap(&nonce, &[("DUST_NODE", "w".to_owned())]))
            .env_clear()
            .env("HOME", &home)
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("SHELL", &executable)
            .env("TERM", "xterm")
            .env("LANG", "C.UTF-8")
            .env("USER", "joe")
            .env("SSH_TTY", ttyname(&pair.slave).unwrap())
            .current_dir(&home);
        let slave = || pair.slave.try_clone().unwrap();
        command.stdin(slave()).stdout(slave()).stderr(slave());
        // SAFETY: it calls setsid and ioctl alone, which are async-signal-safe.
        unsafe { command.pre_exec(lead_session) };
        let child = command.spawn().unwrap();
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let mut person = Self {
            child,
            master: File::from(pair.master),
            shell: Persistent::new(nonce),
            screen: Parser::new(ROWS, COLS, 0),
            raw: Vec::new(),
            output: Vec::new(),
            told: Vec::new(),
            twist,
            closed: false,
            executable,
            folder,
        };
        person.wait("its first mark", |p| p.told.contains(&Told::Ready));
        person
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home().join(name)).unwrap_or_default()
    }

    /// Sends what is unsent, waits a little, and takes in what came.
    fn turn(&mut self) {
        let unsent = (self.twist)(self.shell.unsent().to_vec());
        let mut left = unsent.as_slice();
        let count = self.shell.unsent().len();
        while !left.is_empty() {
            match self.master.write(left) {
                Ok(n) => left = &left[n..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.take(),
                Err(_) => break,
            }
        }
        self.shell.sent(count);
        self.take();
    }

    fn take(&mut self) {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let _: Result<_, _> = poll(&mut fds, PollTimeout::from(10_u8));
        let mut buffer = [0; 1 << 14];
        let count = match self.master.read(&mut buffer) {
            Ok(count) => count,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return,
            Err(_) => 0,
        };
        let Self {
            raw,
            screen,
            output,
            told,
            ..
        } = self;
        let mut found = |piece: Piece<'_>| match piece {
            Piece::Raw(bytes) => {
                raw.extend_from_slice(bytes);
                screen.process(bytes);
            },
            Piece::Output(bytes) => output.extend_from_slice(bytes),
            Piece::Ready => told.push(Told::Ready),
            Piece::Ended(status) => told.push(Told::Ended(status)),
            Piece::Settled { strays, .. } => told.push(Told::Settled(strays)),
            Piece::Prompt { status } => told.push(Told::Prompt(status)),
            Piece::Lined => told.push(Told::Lined),
            Piece::Exited(status) => told.push(Told::Exited(status)),
            Piece::Reading => {},
        };
        if count == 0 {
            if !self.closed {
                self.shell.finish(&mut found);
            }
            self.closed = true;
        } else {
            self.shell.receive(&buffer[..count], &mut found);
        }
    }

    #[track_caller]
    pub(super) fn wait(&mut self, what: &str, seen: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !seen(self) {
            self.turn();
            if Instant::now() >= deadline {
                panic!("waited in vain for {what}\n{}", self.report());
            }
        }
    }

    /// Lets whatever may come come, where nothing should.
    pub(super) fn rest(&mut self) {
        for _ in 0..20 {
            self.turn();
        }
    }

    #[track_caller]
    pub(super) fn enter(&mut self) {
        assert!(self.shell.enter_raw(), "{}", self.report());
        self.wait("its prompt in raw mode", |p| {
            matches!(p.shell.raw(), Some(RawState::AtPrompt { .. }))
        });
    }

    /// Leaves, and says whether it could.
    #[track_caller]
    pub(super) fn leave(&mut self) {
        self.told.clear();
        self.again_and_again(
            "line mode",
            |p| p.told.contains(&Told::Lined),
            |p| {
                assert_eq!(p.shell.leave_raw(), Leave::Underway, "{}", p.report());
            },
        );
        assert_eq!(self.shell.state(), State::Idle);
        assert_eq!(self.shell.raw(), None);
    }

    /// Types Ctrl-C until it has this effect.
    #[track_caller]
    pub(super) fn interrupt(&mut self, what: &str, seen: impl Fn(&Self) -> bool) {
        self.again_and_again(what, seen, |p| p.shell.type_raw(b"\x03"));
    }

    /// Does something, and once more where nothing comes of it: readline loses interrupts.
    #[track_caller]
    pub(super) fn again_and_again(
        &mut self,
        what: &str,
        seen: impl Fn(&Self) -> bool,
        mut act: impl FnMut(&mut Self),
    ) {
        for _ in 0..40 {
            act(self);
            let deadline = Instant::now() + Duration::from_millis(500);
            while Instant::now() < deadline {
                self.turn();
                if seen(self) {
                    return;
                }
            }
        }
        panic!("no effect: {what}\n{}", self.report());
    }

    pub(super) fn keys(&mut self, keys: &str) {
        self.shell.type_raw(keys.as_bytes());
        self.turn();
    }

    /// Types a line and waits for the prompt behind it; `$?` there.
    #[track_caller]
    pub(super) fn line(&mut self, line: &str) -> Option<u8> {
        self.told.clear();
        self.keys(line);
        self.keys("\r");
        self.wait("the next prompt", |p| {
            p.told.iter().any(|told| matches!(told, Told::Prompt(_)))
                && matches!(p.shell.raw(), Some(RawState::AtPrompt { typed: false }))
        });
        self.told.iter().rev().find_map(|told| match told {
            Told::Prompt(status) => Some(*status),
            _ => None,
        })?
    }

    /// Runs a command in line mode: what it printed, and its status.
    #[track_caller]
    pub(super) fn run(&mut self, command: &str) -> (String, u8) {
        self.told.clear();
        self.output.clear();
        assert_eq!(self.shell.state(), State::Idle, "{}", self.report());
        self.shell.command(command.as_bytes(), Stdin::Terminal);
        self.wait("the command's end", |p| {
            p.told.iter().any(|told| matches!(told, Told::Ended(_)))
        });
        let status = self.told.iter().find_map(|told| match told {
            Told::Ended(status) => Some(*status),
            _ => None,
        });
        (
            String::from_utf8_lossy(&self.output).into_owned(),
            status.unwrap(),
        )
    }

    #[track_caller]
    pub(super) fn wait_row(&mut self, text: &str) {
        self.wait(&format!("row {text:?}"), |p| {
            rows(p.screen.screen()).iter().any(|row| row == text)
        });
    }

    /// Waits until the row with the cursor is `text`.
    #[track_caller]
    pub(super) fn wait_here(&mut self, text: &str) {
        self.wait(&format!("{text:?} at the cursor"), |p| p.here() == text);
    }

    /// The row with the cursor.
    pub(super) fn here(&self) -> String {
        row_with_cursor(self.screen.screen())
    }

    #[track_caller]
    pub(super) fn wait_told(&mut self, told: Told) {
        self.wait(&format!("{told:?}"), |p| p.told.contains(&told));
    }

    #[track_caller]
    pub(super) fn wait_running(&mut self) {
        self.wait("a program to run", |p| {
            p.shell.raw() == Some(RawState::Running)
        });
    }

    #[track_caller]
    pub(super) fn wait_closed(&mut self) -> Option<i32> {
        self.wait("the shell's end", |p| p.closed);
        self.child.wait().unwrap().code()
    }

    /// The rows of the screen, up to the last that is not empty.
    pub(super) fn rows(&self) -> Vec<String> {
        let mut rows = rows(self.screen.screen());
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    /// A screen without a trace, as after a fresh line in a terminal that forgets.
    pub(super) fn clear(&mut self) {
        self.screen.process(b"\x1b[H\x1b[2J");
    }

    /// Starts a command in line mode.
    pub(super) fn start(&mut self, command: &str) {
        self.told.clear();
        self.shell.command(command.as_bytes(), Stdin::Terminal);
        self.turn();
    }

    /// The status of the command of line mode, once it has ended.
    pub(super) fn ended(&self) -> Option<u8> {
        self.told.iter().find_map(|told| match told {
            Told::Ended(status) => Some(*status),
            _ => None,
        })
    }

    /// Whether this program is in the foreground of the shell's terminal.
    pub(super) fn foreground(&self, program: &str) -> bool {
        let Ok(group) = tcgetpgrp(&self.master) else {
            return false;
        };
        fs::read_to_string(format!("/proc/{group}/comm")).is_ok_and(|name| name.trim() == program)
    }

    /// Does what the app does by another channel where marks do not tell.
    pub(super) fn look_at_prompt(&mut self) {
        if self.shell.raw() == Some(RawState::Running) {
            self.shell.found_at_prompt();
        }
    }

    /// Does what the app does by another channel when somebody attaches to a command that runs.
    pub(super) fn look(&self) {
        let (tty, pid) = self.shell.tty().unwrap();
        assert_eq!(pid, self.child.id());
        let mut command = Command::new(&self.executable);
        command.arg("-c").arg(attach_command(tty, true));
        assert!(command.env("HOME", self.home()).status().unwrap().success());
    }

    pub(super) fn resize(&mut self, rows: u16, cols: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: cols,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the fd is the pty's, and the struct outlives the call.
        unsafe { set_size(self.master.as_raw_fd(), &raw const size) }.unwrap();
        self.screen.screen_mut().set_size(rows, cols);
    }

    pub(super) fn report(&self) -> String {
        let tail = |bytes: &[u8]| {
            let from = bytes.len().saturating_sub(1500);
            bytes[from..].escape_ascii().to_string()
        };
        format!(
            "--- {:?}, raw {:?}, told {:?}\n--- screen\n{}\n--- raw\n{}\n--- output\n{}\n---",
            self.shell.state(),
            self.shell.raw(),
            self.told,
            rows(self.screen.screen()).join("\n").trim_end(),
            tail(&self.raw),
            tail(&self.output),
        )
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
