//! Proxy commands: a program whose standard input and output are the connection (ssh_config(5)).

use super::sys;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// A proxy command that runs; it ends with the connection.
#[derive(Debug)]
pub(super) struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        // Its own group: what it started goes too. Without its input it would end by itself.
        if let Ok(pid) = i32::try_from(self.0.id()) {
            let group = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::SIGTERM);
        }
        drop(self.0.try_wait());
    }
}

/// Starts a proxy command; the connection to it.
pub(super) fn start(command: &str) -> io::Result<(OwnedFd, Child)> {
    let (ours, theirs) = UnixStream::pair()?;
    let input: OwnedFd = theirs.try_clone()?.into();
    let output: OwnedFd = theirs.into();
    let child = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("exec {command}"))
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    sys::set_nonblocking(ours.as_raw_fd());
    Ok((ours.into(), Child(child)))
}
