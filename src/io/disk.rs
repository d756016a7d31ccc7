//! The files of this machine that are copied: read, written and listed on a few threads of their own.
//! One file always belongs to the same thread, so that what is asked about it is done in order.

mod below;
mod list;
mod read;
mod write;

use crate::app::disk::{DiskAsk, DiskNews, FileKey};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// So many threads, started when there is something to do.
const LANES: usize = 4;

/// So many files in a row belong to the same thread.
const NEIGHBOURS: u64 = 32;

/// The ways to the threads.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Sender<(u64, DiskAsk)>>,
    next: usize,
    /// Says, by its end, that all threads have ended.
    ended: Option<Receiver<()>>,
}

/// What a thread works with. While it lives, so does the thread's work.
#[derive(Debug)]
pub(super) struct Lane {
    asks: Receiver<(u64, DiskAsk)>,
    _alive: Sender<()>,
}

impl Lanes {
    /// Hands over what is asked to the thread that it belongs to. `start` starts one.
    pub(super) fn ask(&mut self, ticket: u64, ask: DiskAsk, start: &mut dyn FnMut(Lane)) {
        if self.lanes.is_empty() {
            let (alive, ended) = channel();
            self.ended = Some(ended);
            for _ in 0..LANES {
                let (sender, asks) = channel();
                let _alive = alive.clone();
                start(Lane { asks, _alive });
                self.lanes.push(sender);
            }
        }
        let key = match &ask {
            DiskAsk::Read { key, .. }
            | DiskAsk::Forget(key)
            | DiskAsk::Create { key, .. }
            | DiskAsk::Write(key, ..)
            | DiskAsk::DigestOf(key)
            | DiskAsk::Name { key, .. }
            | DiskAsk::Leave { key, .. } => Some(key.0),
            // Folders are made before what is in them, and get their times after.
            DiskAsk::Folder(..) | DiskAsk::FolderFacts(..) | DiskAsk::Link(..) => None,
            DiskAsk::List { .. } | DiskAsk::Digest(..) => {
                self.next += 1;
                Some(self.next as u64 * NEIGHBOURS)
            },
        };
        // Neighbours are asked about together, and often are small: one thread wakes for them.
        let lane = usize::try_from(key.unwrap_or(0) / NEIGHBOURS % LANES as u64).unwrap_or(0);
        if let Some(lane) = self.lanes.get(lane) {
            // A thread ends only with dust.
            drop(lane.send((ticket, ask)));
        }
    }

    /// The end: waits until what is not whole was removed, but not for a disk that hangs.
    pub(super) fn end(&mut self, limit: Duration) {
        self.lanes.clear();
        if let Some(ended) = self.ended.take() {
            // Nothing is ever sent: the wait ends with the last thread, or with the time.
            let _ = ended.recv_timeout(limit);
        }
    }
}

/// Does what is asked until nobody asks any more; then what is not whole is removed.
pub(super) fn serve(lane: &Lane, answer: impl Fn(u64, DiskNews)) {
    let mut sources = read::Sources::default();
    let mut copies = write::Copies::default();
    for (ticket, ask) in &lane.asks {
        let news = match ask {
            DiskAsk::List { paths, deep } => Some(DiskNews::Listed(list::list(&paths, deep))),
            DiskAsk::Read {
                key,
                path,
                facts,
                block,
            } => Some(DiskNews::Block(sources.read(key, &path, &facts, block))),
            DiskAsk::Forget(key) => {
                sources.forget(key);
                None
            },
            DiskAsk::Digest(path, facts) => Some(DiskNews::Digest(read::digest(&path, &facts))),
            other => copies.serve(other),
        };
        if let Some(news) = news {
            answer(ticket, news);
        }
    }
}

/// Why something failed, for people.
pub(super) fn why(error: &std::io::Error) -> String {
    use nix::libc::{EDQUOT, EFBIG, ELOOP, ENOSPC, ENOTDIR, EROFS};
    match error.raw_os_error() {
        Some(ENOSPC) => "no space is left on this machine's disk".to_owned(),
        Some(EDQUOT) => "the disk quota of this machine is used up".to_owned(),
        Some(EFBIG) => "a file here may not be so long (ulimit -f)".to_owned(),
        Some(EROFS) => "the file system here is read-only".to_owned(),
        Some(ELOOP | ENOTDIR) => "there is a link or a file where a folder should be".to_owned(),
        _ => crate::app::reason(error),
    }
}
