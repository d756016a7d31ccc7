//! The terminal and standard output: raw mode, size, writes that never block.

use super::sys;
use crate::model::Size;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use termion::raw::{IntoRawMode as _, RawTerminal};

/// The terminal of a prompt. Its settings come back when this is dropped, also after a panic.
pub struct Terminal {
    raw: RawTerminal<File>,
    input: File,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminal")
    }
}

impl Terminal {
    /// The terminal that `tty` is, in raw mode. It is opened anew: O_NONBLOCK belongs to an open
    /// file that other programs share.
    pub fn open(tty: BorrowedFd<'_>) -> io::Result<Self> {
        let path = nix::unistd::ttyname(tty)?;
        let open = |write: bool| {
            OpenOptions::new()
                .read(true)
                .write(write)
                .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
                .open(&path)
        };
        let input = open(false)?;
        let raw = open(true)?.into_raw_mode()?;
        Ok(Self { raw, input })
    }

    /// For reading keys.
    pub fn input(&self) -> &File {
        &self.input
    }

    /// For painting.
    pub fn output(&self) -> &File {
        &self.raw
    }

    /// Gives the terminal its own settings back for a while.
    pub fn suspend(&self) -> io::Result<()> {
        self.raw.suspend_raw_mode()
    }

    /// Raw mode again.
    pub fn resume(&self) -> io::Result<()> {
        self.raw.activate_raw_mode()
    }
}

/// The size of a terminal; `None` where it is none, or does not know.
pub fn size(tty: &impl AsFd) -> Option<Size> {
    let mut size = nix::pty::Winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one winsize to the address that is given.
    unsafe { ioctl::winsize(tty.as_fd().as_raw_fd(), &raw mut size) }.ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Size {
        cols: size.ws_col,
        rows: size.ws_row,
    })
}

mod ioctl {
    #![allow(missing_docs, reason = "the macro makes the function")]
    nix::ioctl_read_bad!(winsize, nix::libc::TIOCGWINSZ, nix::pty::Winsize);
}

/// Turns the echo of a terminal that does its own editing on or off.
#[derive(Debug)]
pub struct Echo {
    tty: OwnedFd,
    before: Option<Termios>,
}

impl Echo {
    /// The echo of this terminal.
    pub fn new(tty: OwnedFd) -> Self {
        Self { tty, before: None }
    }

    /// On (as it was), or off.
    pub fn set(&mut self, on: bool) {
        if on {
            if let Some(before) = self.before.take() {
                let _ = tcsetattr(&self.tty, SetArg::TCSADRAIN, &before);
            }
        } else if self.before.is_none()
            && let Ok(now) = tcgetattr(&self.tty)
        {
            let mut silent = now.clone();
            silent.local_flags.remove(LocalFlags::ECHO);
            let _ = tcsetattr(&self.tty, SetArg::TCSADRAIN, &silent);
            self.before = Some(now);
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.set(true);
    }
}

/// A place to write to without ever waiting for whoever reads there.
#[derive(Debug)]
pub struct Output {
    file: File,
    /// The loop must wait until it takes more.
    pollable: bool,
    broken: bool,
}

impl Output {
    /// For standard output or standard error. A pipe is opened anew, so that O_NONBLOCK is ours
    /// alone; a file never blocks.
    pub fn new(fd: OwnedFd) -> Self {
        let file = File::from(fd);
        let kind = file.metadata().map(|meta| meta.file_type());
        let pollable =
            kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket() || kind.is_char_device());
        if !pollable {
            return Self {
                file,
                pollable,
                broken: false,
            };
        }
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        let again = OpenOptions::new()
            .write(true)
            .custom_flags(flags)
            .open(path);
        Self {
            file: again.unwrap_or(file),
            pollable,
            broken: false,
        }
    }

    /// The file, for the event loop; `None` for what cannot be waited for.
    pub fn pollable(&self) -> Option<&File> {
        self.pollable.then_some(&self.file)
    }

    /// Writes what fits now and takes it away from `bytes`. An error means that nobody reads there.
    pub fn write(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) else {
                break Ok(());
            };
            if self.broken {
                done = bytes.len();
                break Ok(());
            }
            // What could not be opened anew (a socket) must not be written to when it is full.
            if self.pollable && !sys::is_writable(self.file.as_raw_fd()) {
                break Ok(());
            }
            match self.file.write(rest) {
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                Err(error) => {
                    self.broken = true;
                    break Err(error);
                },
            }
        };
        bytes.drain(..done);
        result
    }
}
