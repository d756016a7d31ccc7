//! The folder of one call of a drop-in: the files that it is given, and the socket of whoever runs
//! it, where no session does.

use crate::error::{Error, Result};
use crate::io::files::failed;
use crate::io::runtime_dir::{self, RuntimeDir};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What the names of these folders begin with.
const PREFIX: &str = "run-";
/// What the socket is called, without `.sock`.
pub(in crate::io) const SOCKET: &str = "_call";

/// A folder that goes with this.
#[derive(Debug)]
pub(in crate::io) struct Room {
    path: PathBuf,
}

impl Room {
    /// A new one beside the sockets of sessions; those of processes that are gone are removed.
    pub(in crate::io) fn new() -> Result<Self> {
        let base = runtime_dir::for_start()?;
        sweep(base.path());
        let own = std::process::id();
        for number in 0..u16::MAX {
            let path = base.path().join(format!("{PREFIX}{own}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {},
                Err(error) => return Err(failed(&path, &error)),
            }
        }
        Err(Error::failed("too many commands run at once"))
    }

    /// Writes a file for this user alone; its path.
    pub(in crate::io) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| failed(&path, &error))?;
        Ok(path)
    }

    /// The folder, for a socket.
    pub(in crate::io) fn folder(&self) -> Result<RuntimeDir> {
        RuntimeDir::open(&self.path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Removes what processes that were killed have left.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| {
            let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
            pid.parse().ok()
        });
        if pid.is_some_and(|pid| kill(Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH)) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// A PATH on which `dust` is this program.
pub(in crate::io) fn path_to_dust(path: Option<&OsStr>) -> Option<OsString> {
    let own = std::env::current_exe().ok()?;
    let folder = own.parent().filter(|_| own.ends_with("dust"))?;
    let folders: Vec<PathBuf> = path
        .map(std::env::split_paths)
        .into_iter()
        .flatten()
        .collect();
    let mut found = folders.iter().map(|folder| folder.join("dust"));
    match found.find(|file| file.is_file()) {
        Some(file) if file.canonicalize().is_ok_and(|file| file == own) => None,
        Some(_) => {
            let all = std::iter::once(folder.to_owned()).chain(folders);
            std::env::join_paths(all).ok()
        },
        None => std::env::join_paths(folders.into_iter().chain([folder.to_owned()])).ok(),
    }
}
