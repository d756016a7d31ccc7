//! Where the sockets of sessions are: a folder that is the person's alone.
//!
//! A session `lab` has `lab.sock`, which its server listens at; `lab.lock`, held by whoever starts
//! that server; and `lab.log`, where the server would complain.

use super::sys;
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::getuid;
use std::cell::Cell;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _,
    PermissionsExt as _,
};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The longest address of a unix socket that all systems take, in bytes.
const ADDRESS_MAX: usize = 104;

/// Where sockets of sessions may be, the best place first.
fn places() -> Vec<PathBuf> {
    let set = |name: &str| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    if let Some(path) = set("DUST_RUNTIME_DIR") {
        return vec![path];
    }
    let uid = getuid();
    // After `su` it still is the other person's.
    let is_mine = |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.uid() == uid.as_raw());
    let runtime = set("XDG_RUNTIME_DIR").filter(is_mine);
    let mut places: Vec<PathBuf> = runtime.map(|path| path.join("dust")).into_iter().collect();
    places.extend(super::files::state_dir().map(|path| path.join("run")));
    places.push(PathBuf::from(format!("/tmp/dust-{uid}")));
    places
}

/// A folder that was checked: a real one, of this user, for nobody else.
#[derive(Debug)]
pub struct RuntimeDir {
    path: PathBuf,
    /// For addresses through it, where its path is too long for a socket's.
    folder: File,
}

/// The folder for a new session; it is made if need be.
///
/// # Errors
/// The best place there is cannot be trusted, or none can be made.
pub fn for_start() -> Result<RuntimeDir> {
    let mut last = None;
    for path in places() {
        if let Some(above) = path.parent() {
            // What is above need not be secret, as long as the folder itself is.
            drop(DirBuilder::new().recursive(true).mode(0o700).create(above));
        }
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                let reason = format!("cannot make {}: {error}", path.display());
                last = last.or_else(|| Some(Error::failed(reason)));
            },
            _ => return RuntimeDir::open(&path),
        }
    }
    Err(last.unwrap_or_else(|| Error::failed("there is no place for the session's socket")))
}

/// All folders in which sessions may run, and why the best place is not used, if that is there. Any
/// other one is passed over: else anybody could be in everybody's way, by a folder in /tmp.
pub fn existing() -> (Vec<RuntimeDir>, Option<Error>) {
    let mut untrusted = None;
    let mut found = Vec::new();
    for (nth, path) in places().into_iter().enumerate() {
        if path.symlink_metadata().is_err() {
            continue;
        }
        match RuntimeDir::open(&path) {
            Ok(folder) => found.push(folder),
            Err(error) if nth == 0 => untrusted = Some(error),
            Err(_) => {},
        }
    }
    (found, untrusted)
}

/// The socket of a running session, and its path; why there is none, if that is not clear.
pub fn find(name: &str) -> Result<Option<(UnixStream, PathBuf)>> {
    let (folders, untrusted) = existing();
    for folder in &folders {
        if let Some(stream) = folder.connect(name)? {
            return Ok(Some((stream, folder.socket(name))));
        }
    }
    untrusted.map_or(Ok(None), Err)
}

/// The names of all sessions that may be running: each has a socket.
pub fn names() -> Vec<String> {
    let (folders, _) = existing();
    let mut names: Vec<String> = folders.iter().flat_map(RuntimeDir::names).collect();
    names.sort();
    names.dedup();
    names
}

/// Who made the other end of a socket.
pub fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    let peer = nix::sys::socket::getsockopt(stream, nix::sys::socket::sockopt::PeerCredentials)?;
    Ok(peer.uid())
}

impl RuntimeDir {
    /// Opens a folder that is there already.
    pub fn open(path: &Path) -> Result<Self> {
        let refuse = |why: &str| {
            let text = format!("{} is not used for sessions: {why}", path.display());
            Err(Error::failed(text))
        };
        let meta = match fs::symlink_metadata(path) {
            Ok(meta) => meta,
            Err(error) => return refuse(&error.to_string()),
        };
        if !meta.is_dir() {
            return refuse("it is not a folder");
        }
        if meta.uid() != getuid().as_raw() {
            return refuse("it belongs to another user");
        }
        if meta.mode() & 0o077 != 0 {
            let text = format!(
                "{} is not used for sessions: others may look into it",
                path.display()
            );
            return Err(Error::failed(text).hint(format!("chmod 700 {}", path.display())));
        }
        let flags = nix::libc::O_DIRECTORY | nix::libc::O_NOFOLLOW;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
        match opened {
            Ok(folder) => Ok(Self {
                path: path.to_owned(),
                folder,
            }),
            Err(error) => refuse(&error.to_string()),
        }
    }

    /// The same folder once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self {
            path: self.path.clone(),
            folder: self.folder.try_clone()?,
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a session's socket.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.sock"))
    }

    /// The path of a session's log.
    pub fn log(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.log"))
    }

    /// An address that is short enough. One that is not is reached through the open folder.
    fn address(&self, name: &str) -> Result<PathBuf> {
        let path = self.socket(name);
        if path.as_os_str().len() <= ADDRESS_MAX {
            return Ok(path);
        }
        let fd = self.folder.as_raw_fd();
        let through = PathBuf::from(format!("/proc/self/fd/{fd}/{name}.sock"));
        if through.as_os_str().len() <= ADDRESS_MAX && Path::new("/proc/self/fd").exists() {
            return Ok(through);
        }
        let text = format!("the path of the socket is too long: {}", path.display());
        Err(Error::failed(text).hint("DUST_RUNTIME_DIR may name a folder with a shorter path"))
    }

    /// The names of the sessions that have a socket here.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else {
            return Vec::new();
        };
        let sockets = entries.flatten().filter(|entry| {
            let kind = entry.file_type();
            kind.is_ok_and(|kind| kind.is_socket())
        });
        let names = sockets.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(name.strip_suffix(".sock")?.to_owned())
        });
        names
            .filter(|name| crate::wire::is_session_name(name))
            .collect()
    }

    /// Connects to a session, which must be this user's. `None`: nobody listens there.
    pub fn connect(&self, name: &str) -> Result<Option<UnixStream>> {
        let address = self.address(name)?;
        let failed = |errno: Errno| {
            let path = self.socket(name);
            Error::failed(format!(
                "cannot connect to {}: {}",
                path.display(),
                errno.desc()
            ))
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(failed)?;
        let to = UnixAddr::new(&address).map_err(failed)?;
        match connect(fd.as_raw_fd(), &to) {
            Ok(()) => {},
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(None),
            Err(Errno::EAGAIN) => {
                let text = format!("the server of session {name} does not answer");
                return Err(Error::failed(text));
            },
            Err(errno) => return Err(failed(errno)),
        }
        let stream = UnixStream::from(fd);
        let blocking = stream
            .set_nonblocking(false)
            .and_then(|()| peer_uid(&stream));
        match blocking {
            Ok(uid) if uid == getuid().as_raw() => Ok(Some(stream)),
            Ok(uid) => Err(Error::failed(format!(
                "session {name} is served by another user (uid {uid})"
            ))),
            Err(error) => Err(Error::failed(format!("session {name}: {error}"))),
        }
    }

    /// Waits for the turn to start the server of this session. It ends when this is dropped.
    pub fn lock(&self, name: &str) -> Result<Flock<File>> {
        let lock = self.turn(name, FlockArg::LockExclusive)?;
        lock.ok_or_else(|| Error::failed(format!("session {name} is being started")))
    }

    /// The same without waiting; `None`: it is somebody else's turn.
    pub fn try_lock(&self, name: &str) -> Result<Option<Flock<File>>> {
        self.turn(name, FlockArg::LockExclusiveNonblock)
    }

    fn turn(&self, name: &str, how: FlockArg) -> Result<Option<Flock<File>>> {
        let path = self.path.join(format!("{name}.lock"));
        let failed = |error: io::Error| Error::failed(format!("{}: {error}", path.display()));
        let mut file = private(&path).map_err(failed)?;
        loop {
            match Flock::lock(file, how) {
                Ok(lock) => return Ok(Some(lock)),
                Err((again, Errno::EINTR)) => file = again,
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, errno)) => return Err(failed(errno.into())),
            }
        }
    }

    /// An empty file for what the server says on standard error.
    pub fn new_log(&self, name: &str) -> io::Result<File> {
        let file = private(&self.log(name))?;
        file.set_len(0)?;
        Ok(file)
    }

    /// Listens for clients of a session, in place of whoever did so before and is gone. Only for
    /// whoever acts for the one that has [`Self::lock`].
    pub fn bind(&self, name: &str) -> Result<Listener> {
        let (path, address) = (self.socket(name), self.address(name)?);
        let failed = |error: io::Error| {
            Error::failed(format!("cannot listen at {}: {error}", path.display()))
        };
        match fs::remove_file(&address) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {},
        }
        let listener = UnixListener::bind(&address).map_err(failed)?;
        // Sticky: whoever tidies up folders for temporary files leaves it alone.
        let mode = fs::Permissions::from_mode(0o1600);
        fs::set_permissions(&address, mode).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let meta = fs::symlink_metadata(&address).map_err(failed)?;
        Ok(Listener {
            listener,
            inode: (meta.dev(), meta.ino()),
            log: self.log(name),
            removed: Cell::new(false),
            path,
        })
    }
}

/// Opens a file for this user alone, and makes it if need be.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)
}

/// The listening socket of a session.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    inode: (u64, u64),
    path: PathBuf,
    log: PathBuf,
    removed: Cell<bool>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Listener {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The socket, for the event loop.
    pub fn fd(&self) -> i32 {
        self.listener.as_raw_fd()
    }

    /// The next client that waits; it does not block.
    pub fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    /// True unless somebody took the socket out of the folder.
    pub fn is_there(&self) -> bool {
        let here = fs::symlink_metadata(&self.path);
        here.is_ok_and(|meta| (meta.dev(), meta.ino()) == self.inode)
    }

    /// Nothing is to be removed: another one takes its place, and the log goes on.
    pub fn forget(&self) {
        self.removed.set(true);
    }

    /// Takes the socket out of the folder, if it still is the one there, and a log that says nothing.
    pub fn remove(&self) {
        if self.removed.replace(true) {
            return;
        }
        if self.is_there() {
            drop(fs::remove_file(&self.path));
        }
        if fs::metadata(&self.log).is_ok_and(|meta| meta.len() == 0) {
            drop(fs::remove_file(&self.log));
        }
    }
}

/// Closes all files but the first three: what whoever started us left open is not ours to keep.
pub fn close_others() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let numbers: Vec<i32> = names.filter_map(|name| name.parse().ok()).collect();
    for fd in numbers {
        // The one that was listed through is closed by now.
        if fd > 2 && sys::is_open(fd) {
            sys::close(fd);
        }
    }
}
