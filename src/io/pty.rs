//! The system shell, in a pty of its own: it has the terminal until it ends.

use super::sys;
use crate::app::LocalEnd;
use crate::error::{Error, Result};
use crate::model::Size;
use nix::sys::signal::{Signal, killpg};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt as _;

/// Bytes that wait for the command to read them are held up to this; then keys are dropped.
const INPUT_MAX: usize = 1 << 20;

/// A local command that has the terminal.
pub struct LocalCommand {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    fd: RawFd,
    input: Vec<u8>,
    /// The command's side of the pty, held open: what it leaves unread is not lost with it.
    slave: Option<File>,
}

impl std::fmt::Debug for LocalCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalCommand")
    }
}

fn pty_size(size: Size) -> PtySize {
    PtySize {
        rows: size.rows,
        cols: size.cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl LocalCommand {
    /// Runs a line in the user's shell, with these variables or this process's own.
    pub fn start(
        line: &str,
        size: Size,
        variables: Option<Vec<(OsString, OsString)>>,
    ) -> Result<Self> {
        let shell = match &variables {
            Some(variables) => {
                let shell = variables.iter().find(|(name, _)| name == "SHELL");
                shell.map(|(_, path)| path.clone())
            },
            None => std::env::var_os("SHELL"),
        };
        let shell = shell.filter(|shell| !shell.is_empty());
        let shell = shell.unwrap_or_else(|| "/bin/sh".into());
        let words = ["-c".into(), line.into()];
        Self::spawn(&shell, &words, size, variables)
            .map_err(|why| Error::failed(format!("cannot run the system shell: {line}: {why}")))
    }

    /// Runs a program with these arguments, with these variables or this process's own.
    ///
    /// # Errors
    /// It cannot be started; why.
    pub fn spawn(
        program: &OsStr,
        words: &[OsString],
        size: Size,
        variables: Option<Vec<(OsString, OsString)>>,
    ) -> Result<Self, String> {
        let failed =
            |what: &str, error: &dyn std::fmt::Display| -> String { format!("{what}: {error}") };
        let pair = native_pty_system()
            .openpty(pty_size(size))
            .map_err(|error| failed("no pty", &error))?;
        let mut command = CommandBuilder::new(program);
        if let Some(variables) = variables {
            command.env_clear();
            for (name, value) in variables {
                command.env(name, value);
            }
        }
        command.args(words);
        if let Ok(dir) = std::env::current_dir() {
            command.cwd(dir);
        }
        let child = pair
            .slave
            .spawn_command(command)
            .map_err(|error| failed("it does not start", &error))?;
        let master = pair.master;
        let slave = master.tty_name().and_then(|path| {
            let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(flags)
                .open(path)
                .ok()
        });
        drop(pair.slave);
        let reader = master
            .try_clone_reader()
            .map_err(|error| failed("no pty", &error))?;
        let writer = master
            .take_writer()
            .map_err(|error| failed("no pty", &error))?;
        let fd = master
            .as_raw_fd()
            .ok_or_else(|| failed("no pty", &"it has no file"))?;
        // All clones share one open file.
        sys::set_nonblocking(fd);
        Ok(Self {
            child,
            master,
            reader,
            writer,
            fd,
            input: Vec::new(),
            slave,
        })
    }

    /// The pty, for the event loop.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    /// The terminal has another size.
    pub fn resize(&self, size: Size) {
        drop(self.master.resize(pty_size(size)));
    }

    /// Keys for the command.
    pub fn send(&mut self, bytes: &[u8]) {
        if self.input.len() < INPUT_MAX {
            self.input.extend_from_slice(bytes);
        }
        self.flush();
    }

    /// Writes what the pty takes.
    pub fn flush(&mut self) {
        while !self.input.is_empty() {
            match self.writer.write(&self.input) {
                Ok(0) | Err(_) => return,
                Ok(count) => drop(self.input.drain(..count)),
            }
        }
    }

    /// What the command printed: 0 for nothing yet, `None` at its end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.reader.read(buffer) {
            Ok(0) => None,
            Ok(count) => Some(count),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Some(0),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Some(0),
            // EIO: every process has closed its side.
            Err(_) => None,
        }
    }

    /// What was typed ahead and nobody read, once the command has ended: it is for the prompt, as
    /// it would be for any shell.
    pub fn unread(&mut self) -> Vec<u8> {
        let mut unread = Vec::new();
        if let Some(mut slave) = self.slave.take()
            && let Ok(mut settings) = tcgetattr(&slave)
        {
            // In canonical mode only whole lines could be read.
            cfmakeraw(&mut settings);
            let _ = tcsetattr(&slave, SetArg::TCSANOW, &settings);
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = slave.read(&mut buffer) {
                unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
        }
        unread.append(&mut self.input);
        unread
    }

    /// Kills it, and what it has in the foreground.
    pub fn kill(&mut self) {
        let child = self
            .child
            .process_id()
            .and_then(|pid| i32::try_from(pid).ok());
        for group in child.into_iter().chain(self.master.process_group_leader()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Option<LocalEnd> {
        use std::os::unix::process::ExitStatusExt as _;
        let child: &mut dyn Child = &mut *self.child;
        let Some(process) = child.downcast_mut::<std::process::Child>() else {
            let code = child.try_wait().ok()??.exit_code();
            return Some(LocalEnd::of(i32::try_from(code).ok(), None));
        };
        let status = process.try_wait().ok()??;
        Some(LocalEnd::of(status.code(), status.signal()))
    }
}
