//! Proxy commands: a program whose standard input and output are the connection (ssh_config(5)).

use super::sys;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStderr, Command, Stdio};

/// So much of what it says is kept, in bytes: the end.
const SAID_MAX: usize = 4096;
/// Of its last line, so many characters are shown.
const LINE_MAX: usize = 200;

/// A proxy command that runs; it ends with the connection.
#[derive(Debug)]
pub(super) struct Child {
    process: std::process::Child,
    errors: Option<ChildStderr>,
    said: Vec<u8>,
}

impl Child {
    /// Its standard error, not to be closed.
    pub(super) fn errors(&self) -> Option<RawFd> {
        self.errors.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Takes what it says on standard error: nobody waits for room in that pipe.
    pub(super) fn listen(&mut self) {
        let Some(errors) = &mut self.errors else {
            return;
        };
        let mut buffer = [0; SAID_MAX];
        loop {
            match errors.read(&mut buffer) {
                Ok(0) => break self.errors = None,
                Ok(count) => {
                    self.said
                        .extend_from_slice(buffer.get(..count).unwrap_or_default());
                    let more = self.said.len().saturating_sub(SAID_MAX);
                    self.said.drain(..more);
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => break self.errors = None,
            }
        }
    }

    /// What it said until now is no reason for what happens from now on.
    pub(super) fn forget(&mut self) {
        self.listen();
        self.said.clear();
    }

    /// The last line that it said.
    pub(super) fn last_line(&mut self) -> Option<String> {
        self.listen();
        let text = String::from_utf8_lossy(&self.said);
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        Some(line.chars().take(LINE_MAX).collect())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its own group: what it started goes too. Without its input it would end by itself.
        if let Ok(pid) = i32::try_from(self.process.id()) {
            let group = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::SIGTERM);
        }
        drop(self.process.try_wait());
    }
}

/// Starts a proxy command; the connection to it.
pub(super) fn start(command: &str) -> io::Result<(OwnedFd, Child)> {
    let (ours, theirs) = UnixStream::pair()?;
    let input: OwnedFd = theirs.try_clone()?.into();
    let output: OwnedFd = theirs.into();
    let mut process = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("exec {command}"))
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    sys::set_nonblocking(ours.as_raw_fd());
    let errors = process.stderr.take();
    if let Some(errors) = &errors {
        sys::set_nonblocking(errors.as_raw_fd());
    }
    let child = Child {
        process,
        errors,
        said: Vec::new(),
    };
    Ok((ours.into(), child))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a command until it has said all, and listens.
    fn said(command: &str) -> Option<String> {
        use std::os::fd::AsFd as _;
        let (_input, mut child) = start(command).unwrap();
        while let Some(errors) = &child.errors {
            use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
            let mut wait = [PollFd::new(errors.as_fd(), PollFlags::POLLIN)];
            poll(&mut wait, PollTimeout::NONE).unwrap();
            child.listen();
            assert!(child.said.len() <= SAID_MAX);
        }
        child.last_line()
    }

    #[test]
    fn the_last_line_is_kept_and_a_talker_is_not_held_up() {
        for (command, last) in [
            ("true", None),
            ("sh -c 'echo one >&2; echo two >&2; echo >&2'", Some("two")),
            (
                "sh -c 'yes | head -c 300000 >&2; echo end >&2'",
                Some("end"),
            ),
        ] {
            assert_eq!(said(command).as_deref(), last, "{command}");
        }
    }

    #[test]
    fn what_was_said_before_is_forgotten() {
        let (_input, mut child) = start("true").unwrap();
        child.said = b"a warning\n".to_vec();
        assert_eq!(child.last_line().as_deref(), Some("a warning"));
        child.forget();
        assert_eq!(child.last_line(), None);
    }
}
