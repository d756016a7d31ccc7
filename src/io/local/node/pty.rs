//! The pseudo-terminal of a channel.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, SetArg, SpecialCharacterIndices as Cc,
    Termios, tcgetattr, tcsetattr,
};
use nix::unistd::{Pid, tcgetpgrp, ttyname};
use russh::Pty as Mode;

nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, Winsize);

/// A pseudo-terminal that no process has yet.
#[derive(Debug)]
pub(super) struct Pty {
    pub(super) term: String,
    pub(super) name: PathBuf,
    pub(super) master: OwnedFd,
    pub(super) slave: OwnedFd,
}

impl Pty {
    /// Opens one of this size and with these modes (RFC 4254 §8).
    pub(super) fn open(term: &str, size: Winsize, modes: &[(Mode, u32)]) -> io::Result<Self> {
        let pair = openpty(&size, None)?;
        for fd in [&pair.master, &pair.slave] {
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        let mut termios = tcgetattr(&pair.slave)?;
        apply_modes(&mut termios, modes);
        tcsetattr(&pair.slave, SetArg::TCSANOW, &termios)?;
        fcntl(
            &pair.master,
            FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK),
        )?;
        let name = ttyname(&pair.slave)?;
        Ok(Self {
            term: term.into(),
            name,
            master: pair.master,
            slave: pair.slave,
        })
    }
}

/// A size as a client sends it: absurd ones are cut to what the kernel can hold.
pub(super) fn winsize(cols: u32, rows: u32, width: u32, height: u32) -> Winsize {
    let cut = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    Winsize {
        ws_row: cut(rows),
        ws_col: cut(cols),
        ws_xpixel: cut(width),
        ws_ypixel: cut(height),
    }
}

/// Changes the size; the foreground process group learns it by SIGWINCH.
pub(super) fn resize(master: &OwnedFd, size: Winsize) {
    // A terminal that was hung up has no size any more.
    // SAFETY: the descriptor is open, and the kernel only reads the size.
    let _ = unsafe { set_size(master.as_raw_fd(), &raw const size) };
}

/// Who would get a Ctrl-C typed now.
pub(super) fn foreground(master: &OwnedFd) -> Option<Pid> {
    tcgetpgrp(master.as_fd()).ok().filter(|p| p.as_raw() > 1)
}

/// Sets what the client asked for; what this system has no notion of is left as it is.
fn apply_modes(termios: &mut Termios, modes: &[(Mode, u32)]) {
    for (mode, value) in modes {
        let on = *value != 0;
        if let Some(i) = control_char(*mode) {
            if let Some(c) = termios.control_chars.get_mut(i as usize) {
                // 255 means "none" (RFC 4254 §8), which is 0 here.
                *c = u8::try_from(*value).ok().filter(|v| *v != 255).unwrap_or(0);
            }
        } else if let Some(flag) = input_flag(*mode) {
            termios.input_flags.set(flag, on);
        } else if let Some(flag) = local_flag(*mode) {
            termios.local_flags.set(flag, on);
        } else if let Some(flag) = output_flag(*mode) {
            termios.output_flags.set(flag, on);
        } else if let Some(flag) = control_flag(*mode) {
            if matches!(flag, ControlFlags::CS7 | ControlFlags::CS8) {
                if on {
                    termios.control_flags.remove(ControlFlags::CSIZE);
                    termios.control_flags.insert(flag);
                }
            } else {
                termios.control_flags.set(flag, on);
            }
        }
    }
}

fn control_char(mode: Mode) -> Option<Cc> {
    Some(match mode {
        Mode::VINTR => Cc::VINTR,
        Mode::VQUIT => Cc::VQUIT,
        Mode::VERASE => Cc::VERASE,
        Mode::VKILL => Cc::VKILL,
        Mode::VEOF => Cc::VEOF,
        Mode::VEOL => Cc::VEOL,
        Mode::VEOL2 => Cc::VEOL2,
        Mode::VSTART => Cc::VSTART,
        Mode::VSTOP => Cc::VSTOP,
        Mode::VSUSP => Cc::VSUSP,
        Mode::VREPRINT => Cc::VREPRINT,
        Mode::VWERASE => Cc::VWERASE,
        Mode::VLNEXT => Cc::VLNEXT,
        Mode::VDISCARD => Cc::VDISCARD,
        _ => return None,
    })
}

fn input_flag(mode: Mode) -> Option<InputFlags> {
    Some(match mode {
        Mode::IGNPAR => InputFlags::IGNPAR,
        Mode::PARMRK => InputFlags::PARMRK,
        Mode::INPCK => InputFlags::INPCK,
        Mode::ISTRIP => InputFlags::ISTRIP,
        Mode::INLCR => InputFlags::INLCR,
        Mode::IGNCR => InputFlags::IGNCR,
        Mode::ICRNL => InputFlags::ICRNL,
        Mode::IXON => InputFlags::IXON,
        Mode::IXANY => InputFlags::IXANY,
        Mode::IXOFF => InputFlags::IXOFF,
        Mode::IMAXBEL => InputFlags::IMAXBEL,
        Mode::IUTF8 => InputFlags::IUTF8,
        _ => return None,
    })
}

fn local_flag(mode: Mode) -> Option<LocalFlags> {
    Some(match mode {
        Mode::ISIG => LocalFlags::ISIG,
        Mode::ICANON => LocalFlags::ICANON,
        Mode::ECHO => LocalFlags::ECHO,
        Mode::ECHOE => LocalFlags::ECHOE,
        Mode::ECHOK => LocalFlags::ECHOK,
        Mode::ECHONL => LocalFlags::ECHONL,
        Mode::NOFLSH => LocalFlags::NOFLSH,
        Mode::TOSTOP => LocalFlags::TOSTOP,
        Mode::IEXTEN => LocalFlags::IEXTEN,
        Mode::ECHOCTL => LocalFlags::ECHOCTL,
        Mode::ECHOKE => LocalFlags::ECHOKE,
        Mode::PENDIN => LocalFlags::PENDIN,
        _ => return None,
    })
}

fn output_flag(mode: Mode) -> Option<OutputFlags> {
    Some(match mode {
        Mode::OPOST => OutputFlags::OPOST,
        Mode::OLCUC => OutputFlags::OLCUC,
        Mode::ONLCR => OutputFlags::ONLCR,
        Mode::OCRNL => OutputFlags::OCRNL,
        Mode::ONOCR => OutputFlags::ONOCR,
        Mode::ONLRET => OutputFlags::ONLRET,
        _ => return None,
    })
}

fn control_flag(mode: Mode) -> Option<ControlFlags> {
    Some(match mode {
        Mode::CS7 => ControlFlags::CS7,
        Mode::CS8 => ControlFlags::CS8,
        Mode::PARENB => ControlFlags::PARENB,
        Mode::PARODD => ControlFlags::PARODD,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_that_were_asked_for_are_set() {
        let size = winsize(100, 30, 0, 0);
        let modes = [
            (Mode::ECHO, 0),
            (Mode::ICRNL, 0),
            (Mode::ONLCR, 0),
            (Mode::NOFLSH, 1),
            (Mode::VINTR, 7),
            (Mode::VQUIT, 255),
            (Mode::TTY_OP_OSPEED, 38400),
        ];
        let pty = Pty::open("xterm", size, &modes).unwrap();
        let t = tcgetattr(&pty.slave).unwrap();
        assert!(!t.local_flags.contains(LocalFlags::ECHO));
        assert!(
            t.local_flags
                .contains(LocalFlags::ICANON | LocalFlags::NOFLSH)
        );
        assert!(!t.input_flags.contains(InputFlags::ICRNL));
        assert!(!t.output_flags.contains(OutputFlags::ONLCR));
        assert_eq!(t.control_chars[Cc::VINTR as usize], 7);
        assert_eq!(t.control_chars[Cc::VQUIT as usize], 0);
        assert!(pty.name.starts_with("/dev/"));
        assert_eq!(foreground(&pty.master), None);
    }

    #[test]
    fn a_character_size_replaces_the_other() {
        let pty = Pty::open("xterm", winsize(80, 24, 0, 0), &[]).unwrap();
        let mut t = tcgetattr(&pty.slave).unwrap();
        for (mode, want) in [
            (Mode::CS7, ControlFlags::CS7),
            (Mode::CS8, ControlFlags::CS8),
        ] {
            apply_modes(&mut t, &[(mode, 1), (Mode::PARENB, 1)]);
            assert_eq!(t.control_flags & ControlFlags::CSIZE, want);
            assert!(t.control_flags.contains(ControlFlags::PARENB));
        }
    }

    #[test]
    fn absurd_sizes_are_cut() {
        let size = winsize(80, 1 << 20, 0, u32::MAX);
        assert_eq!(
            (size.ws_col, size.ws_row, size.ws_ypixel),
            (80, u16::MAX, u16::MAX)
        );
    }
}
