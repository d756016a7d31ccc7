//! What transfers ask of the files of this machine, and what comes of it.

use crate::session::sftp::plan::Facts;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// One file that is being read or written, while dust runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u64);

/// A place below a folder that a person named. The parts come from nodes: they are names, and lead
/// through no link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// The folder.
    pub root: Arc<Path>,
    /// The names, the last one that of the file itself.
    pub parts: Vec<Vec<u8>>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum DiskAsk {
    /// Which files there are: those that were named, by wildcards too, and with `deep` what is in
    /// folders. [`DiskNews::Listed`]
    List {
        /// What was named.
        paths: Vec<PathBuf>,
        /// Folders are entered.
        deep: bool,
    },
    /// A piece of a file, which must be what it was when it was listed. [`DiskNews::Block`]
    Read {
        /// What it is known by.
        key: FileKey,
        /// Where it is.
        path: Arc<Path>,
        /// What it was.
        facts: Facts,
        /// Which piece ([`BLOCK`](crate::session::sftp::plan::BLOCK)).
        block: u64,
    },
    /// Nobody reads this file any more.
    Forget(FileKey),
    /// SHA-256 of a file as it was listed. [`DiskNews::Digest`]
    Digest(Arc<Path>, Facts),
    /// Open a file for writing that is not there, or go on with one. [`DiskNews::Created`]
    Create {
        /// What it is known by from now on.
        key: FileKey,
        /// Where it will be; the last name is that under which it grows.
        place: Below,
        /// The name for that, if there is one already and it is not to be gone on with.
        spare: Vec<u8>,
        /// Its permissions.
        mode: u32,
        /// One that is there is gone on with.
        resume: bool,
    },
    /// Write a piece of it. [`DiskNews::Written`]
    Write(FileKey, u64, Vec<u8>),
    /// SHA-256 of what it holds. [`DiskNews::Digest`]
    DigestOf(FileKey),
    /// It is whole: it gets its name. [`DiskNews::Done`]
    Name {
        /// Which.
        key: FileKey,
        /// How long it must be, in bytes.
        size: u64,
        /// Its name.
        name: Vec<u8>,
        /// Its mode and times, if they are to be kept.
        facts: Option<Facts>,
        /// It is forced to disk first.
        sync: bool,
    },
    /// It will not be whole: it is removed, or what there is of it kept.
    Leave {
        /// Which.
        key: FileKey,
        /// Keep it.
        keep: bool,
    },
    /// Make a folder, and those that it is in; one that is there will do. [`DiskNews::Done`]
    Folder(Below, u32),
    /// Give a folder its mode and times. [`DiskNews::Done`]
    FolderFacts(Below, Facts),
    /// Make a link, in place of a file or link of that name. [`DiskNews::Done`]
    Link(Below, Vec<u8>),
}

/// What came of it. Errors are for people.
#[derive(Clone, Debug)]
pub enum DiskNews {
    /// What there is.
    Listed(Listing),
    /// The piece; whole, but at the end of the file.
    Block(Result<Arc<[u8]>, String>),
    /// The digest.
    Digest(Result<[u8; 32], String>),
    /// It is open, and holds so many bytes.
    Created(Result<u64, String>),
    /// A piece of so many bytes was written, or could not be.
    Written(usize, Result<(), String>),
    /// It was done.
    Done(Result<(), String>),
}

/// What was named, as far as it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// All that can be copied.
    pub found: Vec<Found>,
    /// What cannot, and why.
    pub wrong: Vec<(PathBuf, String)>,
    /// So many files and folders were named, found or not.
    pub named: usize,
}

/// A file, folder or link of this machine that is to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Where it goes, below the destination. What it is in comes before it.
    pub goes: Vec<u8>,
    /// What it is.
    pub kind: FoundKind,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// A file.
    File(Facts),
    /// A folder.
    Folder(Facts),
    /// A link, and where it leads.
    Link(Vec<u8>),
    /// A device, a socket, a FIFO: it is left out.
    Other,
}
