//! The files of this machine that are copied: read, written and listed on a few threads of their own.
//! One file always belongs to the same thread, so that what is asked about it is done in order.

mod below;
mod list;
mod read;
mod write;

use crate::app::disk::{DiskAsk, DiskNews, FileKey};
use std::sync::mpsc::{Receiver, Sender, channel};

/// So many threads, started when there is something to do.
const LANES: usize = 4;

/// The ways to the threads.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Sender<(u64, DiskAsk)>>,
    next: usize,
}

impl Lanes {
    /// Hands over what is asked to the thread that it belongs to. `start` starts one.
    pub(super) fn ask(
        &mut self,
        ticket: u64,
        ask: DiskAsk,
        start: &mut dyn FnMut(Receiver<(u64, DiskAsk)>),
    ) {
        while self.lanes.len() < LANES {
            let (sender, receiver) = channel();
            start(receiver);
            self.lanes.push(sender);
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
                Some(self.next as u64)
            },
        };
        let lane = usize::try_from(key.unwrap_or(0) % LANES as u64).unwrap_or(0);
        if let Some(lane) = self.lanes.get(lane) {
            // A thread ends only with dust.
            drop(lane.send((ticket, ask)));
        }
    }
}

/// Does what is asked until nobody asks any more.
pub(super) fn serve(asks: Receiver<(u64, DiskAsk)>, answer: impl Fn(u64, DiskNews)) {
    let mut sources = read::Sources::default();
    let mut copies = write::Copies::default();
    for (ticket, ask) in asks {
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
fn why(error: &std::io::Error) -> String {
    use nix::libc::{EDQUOT, ELOOP, ENOSPC, ENOTDIR, EROFS};
    match error.raw_os_error() {
        Some(ENOSPC) => "no space is left on this machine's disk".to_owned(),
        Some(EDQUOT) => "the disk quota of this machine is used up".to_owned(),
        Some(EROFS) => "the file system here is read-only".to_owned(),
        Some(ELOOP | ENOTDIR) => "there is a link or a file where a folder should be".to_owned(),
        _ => crate::app::reason(error),
    }
}
