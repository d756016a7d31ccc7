//! A socket that somebody took away: who tidies up temporary files, or the login manager, which
//! removes $XDG_RUNTIME_DIR with everything in it when a user's last login ends. The session goes on,
//! so it must be found: it listens again, where that is possible.

use super::clients::Clients;
use crate::error::Result;
use crate::io::reactor::Source;
use crate::io::runtime_dir;
use mio::unix::SourceFd;
use mio::{Interest, Poll};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// When it is looked again after something was removed: at once it may be in the middle of that, and
/// what is made anew then is removed as well.
const LOOKS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Where files have numbers from that few others have: see [`behind_others`].
const BEHIND: i32 = 900;

/// Watches the folder of the socket, without waking up for anything else.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// `None`: the system has none left.
    folder: Option<Inotify>,
    due: Option<Instant>,
    /// Which of [`LOOKS`] is the next.
    look: usize,
}

impl Watch {
    /// When it is to be looked again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    fn begin(&mut self, poll: &Poll, socket: &Path) {
        self.end(poll);
        let removed = AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let Some(folder) = socket.parent() else {
            return;
        };
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let Ok(inotify) = Inotify::init(flags) else {
            return;
        };
        let inotify = behind_others(inotify);
        let fd = inotify.as_fd().as_raw_fd();
        let registry = poll.registry();
        let readable = Interest::READABLE;
        if inotify.add_watch(folder, removed).is_ok()
            && registry
                .register(&mut SourceFd(&fd), Source::Folder.into(), readable)
                .is_ok()
        {
            self.folder = Some(inotify);
        }
    }

    fn end(&mut self, poll: &Poll) {
        if let Some(inotify) = self.folder.take() {
            let fd = inotify.as_fd().as_raw_fd();
            drop(poll.registry().deregister(&mut SourceFd(&fd)));
        }
    }

    /// True if something was removed.
    fn drain(&self) -> bool {
        let mut some = false;
        while let Some(Ok(events)) = self.folder.as_ref().map(Inotify::read_events) {
            some = true;
            if events.is_empty() {
                break;
            }
        }
        some
    }

    fn look_at(&mut self, now: Instant, look: usize) {
        self.look = look;
        self.due = LOOKS.get(look).map(|after| now + *after);
    }
}

/// The same with a number behind those of most files: at the end of a process the kernel closes them in
/// that order, and takes a tenth of a second for this one. Clients need not wait for that.
fn behind_others(inotify: Inotify) -> Inotify {
    match fcntl(&inotify, FcntlArg::F_DUPFD_CLOEXEC(BEHIND)) {
        // SAFETY: the number is new and nobody else's, and means the same inotify instance.
        Ok(high) => unsafe { Inotify::from_raw_fd(high) },
        Err(_) => inotify,
    }
}

impl Clients {
    /// Has the event loop say when something is removed from the folder of the socket.
    pub(in crate::io) fn watch_folder(&mut self, poll: &Poll) {
        let socket = self.listener.path().to_owned();
        self.watch.begin(poll, &socket);
    }

    /// Something was removed there.
    pub(in crate::io) fn folder_changed(&mut self, now: Instant) {
        if self.watch.drain() && !self.listener.is_there() {
            self.watch.look_at(now, 0);
        }
    }

    /// Listens again if the socket is gone and it is time to.
    pub(in crate::io) fn tend_socket(&mut self, poll: &Poll, now: Instant) {
        if self.watch.due.is_none_or(|due| due > now) {
            return;
        }
        let next = self.watch.look + 1;
        self.watch.look_at(now, next);
        if self.ending || self.listener.is_there() {
            return;
        }
        // Nobody can be told now; there is another try.
        drop(self.listen_again(poll));
    }

    fn listen_again(&mut self, poll: &Poll) -> Result<()> {
        let folder = runtime_dir::for_start()?;
        let Some(_turn) = folder.try_lock(&self.name)? else {
            return Ok(());
        };
        if folder.connect(&self.name)?.is_some() {
            // Another session has the name by now.
            return Ok(());
        }
        let listener = folder.bind(&self.name)?;
        let old = self.listener.fd();
        drop(poll.registry().deregister(&mut SourceFd(&old)));
        self.listener.forget();
        self.listener = listener;
        drop(self.register(poll));
        self.watch_folder(poll);
        Ok(())
    }
}
