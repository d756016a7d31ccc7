//! Who runs a node, and whose turn it is to change one.
//!
//! A node's process holds a record lock (fcntl) on a file in its folder. The kernel drops it when
//! that process ends, however it ends, and says which process holds it: so "running" is never a
//! guess from a written-down process id, and a recycled id is never taken for a node.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};
use nix::libc;
use nix::unistd::Pid;

use super::folder::{failed, open_existing, open_private};
use crate::error::Result;

/// The file in a node's folder that its process keeps locked.
const NODE_LOCK: &str = "lock";

fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: libc::c_short::try_from(kind).unwrap_or_default(),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Held by a node's process for as long as it lives.
#[derive(Debug)]
pub(super) struct NodeLock {
    _file: File,
}

impl NodeLock {
    /// Takes the lock; None if another process has it.
    pub(super) fn take(node_dir: &Path) -> Result<Option<Self>> {
        let path = node_dir.join(NODE_LOCK);
        let file = open_private(&path)?;
        match fcntl(&file, FcntlArg::F_SETLK(&whole_file(libc::F_WRLCK))) {
            Ok(_) => Ok(Some(Self { _file: file })),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(e) => Err(failed(&path, e)),
        }
    }
}

/// Whether a node's process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// No process.
    Nobody,
    /// This process.
    Process(Pid),
    /// A process that cannot be seen from here: of another container, or another machine that
    /// shares the folder.
    Elsewhere,
}

/// Asks the kernel who holds a node's lock. Call it in any process but the node's own.
pub(super) fn holder(node_dir: &Path) -> Result<Holder> {
    let path = node_dir.join(NODE_LOCK);
    // Never made here: the folder may be on its way out.
    let Some(file) = open_existing(&path)? else {
        return Ok(Holder::Nobody);
    };
    let mut found = whole_file(libc::F_WRLCK);
    fcntl(&file, FcntlArg::F_GETLK(&mut found)).map_err(|e| failed(&path, e))?;
    Ok(if libc::c_int::from(found.l_type) == libc::F_UNLCK {
        Holder::Nobody
    } else if found.l_pid > 0 {
        Holder::Process(Pid::from_raw(found.l_pid))
    } else {
        Holder::Elsewhere
    })
}

/// The turn to start, stop or remove one node: others wait for theirs.
#[derive(Debug)]
pub(super) struct Turn {
    file: Flock<File>,
}

impl Turn {
    /// Waits for it.
    pub(super) fn take(path: &Path) -> Result<Self> {
        loop {
            let turn = Self::lock(path, FlockArg::LockExclusive)?;
            if let Some(turn) = turn {
                return Ok(turn);
            }
        }
    }

    /// Takes it if nobody has it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>> {
        Self::lock(path, FlockArg::LockExclusiveNonblock)
    }

    /// None if it is another's, or if the file was removed by the one who had it before.
    fn lock(path: &Path, how: FlockArg) -> Result<Option<Self>> {
        let mut file = Some(open_private(path)?);
        let locked = loop {
            let Some(this) = file.take() else {
                return Ok(None);
            };
            match Flock::lock(this, how) {
                Ok(locked) => break locked,
                Err((this, Errno::EINTR)) => file = Some(this),
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, e)) => return Err(failed(path, e)),
            }
        };
        let ours = locked.metadata().map_err(|e| failed(path, e))?;
        Ok(match fs::symlink_metadata(path) {
            Ok(there) if there.ino() == ours.ino() && there.dev() == ours.dev() => {
                Some(Self { file: locked })
            },
            _ => None,
        })
    }

    /// Removes the file as well: whoever waits makes a new one.
    pub(super) fn remove(self, path: &Path) {
        // A file that stays is only untidy.
        drop(fs::remove_file(path));
        drop(self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_a_lock_that_was_never_taken() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(holder(temp.path()).unwrap(), Holder::Nobody);
        drop(NodeLock::take(temp.path()).unwrap().unwrap());
        assert_eq!(holder(temp.path()).unwrap(), Holder::Nobody);
    }

    #[test]
    fn a_turn_is_one_at_a_time_also_after_its_file_was_removed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("turn");
        let first = Turn::take(&path).unwrap();
        assert!(Turn::try_take(&path).unwrap().is_none());
        first.remove(&path);
        let second = Turn::try_take(&path).unwrap().unwrap();
        assert!(Turn::try_take(&path).unwrap().is_none());
        drop(second);
        assert!(Turn::try_take(&path).unwrap().is_some());
    }
}
