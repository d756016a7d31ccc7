//! What is to be brought to nodes: folders and files, once for all nodes.

/// Files are read, shared and sent in pieces of this size, in bytes.
pub const BLOCK: u64 = 128 * 1024;

/// What of a file of this machine goes along with its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// In bytes.
    pub size: u64,
    /// Permissions, as in `st_mode`, without the type.
    pub mode: u32,
    /// When it was read last, in seconds since 1970.
    pub accessed: i64,
    /// When it was written last, in seconds since 1970.
    pub modified: i64,
    /// And in nanoseconds beyond.
    pub nanos: i64,
}

impl Facts {
    /// The times as SFTP has them: its clock begins in 1970 and ends in 2106.
    pub fn times(&self) -> (u32, u32) {
        let seconds = |t: i64| u32::try_from(t.max(0)).unwrap_or(u32::MAX);
        (seconds(self.accessed), seconds(self.modified))
    }
}

/// A folder to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its path below the place where all goes.
    pub path: Vec<u8>,
    /// The folder that it is in; none: that place.
    pub parent: Option<usize>,
    /// What it is here.
    pub facts: Facts,
}

/// A file or link to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its path below the place where all goes.
    pub path: Vec<u8>,
    /// The folder that it is in; none: that place.
    pub parent: Option<usize>,
    /// What it is.
    pub what: What,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A file.
    File(Facts),
    /// A link, and where it leads.
    Link(Vec<u8>),
}

/// All of it. Folders come before what is in them, and those of one depth together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The folders.
    pub folders: Vec<Folder>,
    /// The files and links.
    pub items: Vec<Item>,
    /// So much more was named, and cannot be copied.
    pub missing: usize,
}

impl Plan {
    /// How much content there is, in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.items.iter().map(|item| match &item.what {
            What::File(facts) => facts.size,
            What::Link(_) => 0,
        });
        sizes.fold(0, u64::saturating_add)
    }

    /// How much of it goes to the destination itself; what is missing would go there, too.
    pub fn tops(&self) -> usize {
        let folders = self.folders.iter().map(|folder| &folder.path);
        let paths = folders.chain(self.items.iter().map(|item| &item.path));
        paths.filter(|path| !path.contains(&b'/')).count() + self.missing
    }
}

/// The last part of a path.
pub fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The folder and the name.
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        b"" | b"." => name.to_vec(),
        folder if folder.ends_with(b"/") => [folder, name].concat(),
        folder => [folder, b"/", name].concat(),
    }
}

/// The name under which a file grows until it is whole. It tells one content from another, so that
/// only what is part of the same file is gone on with; a salt makes it nobody else's.
pub fn part_name(name: &[u8], facts: &Facts, salt: Option<u64>) -> Vec<u8> {
    let numbers = [
        facts.size,
        facts.modified.cast_unsigned(),
        facts.nanos.cast_unsigned(),
    ];
    let numbers = numbers.into_iter().chain(salt);
    let bytes = name
        .iter()
        .copied()
        .chain(numbers.flat_map(u64::to_be_bytes));
    // Nothing depends on its strength, since nothing that exists is ever written over.
    let hash = crate::model::fnv1a(bytes);
    format!(".dust-{hash:016x}.part").into_bytes()
}

/// A file of this name is growing, or is what is left of one: it is no part of what is copied.
pub fn is_part_name(name: &[u8]) -> bool {
    let inner = name.strip_prefix(b".dust-".as_slice());
    let hash = inner.and_then(|rest| rest.strip_suffix(b".part".as_slice()));
    hash.is_some_and(|hash| {
        let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        hash.len() == 16 && hash.iter().all(digit)
    })
}

/// What a copy is to be like, beyond its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Modes and times are kept.
    pub keep: bool,
    /// What an earlier run left is gone on with, and what this one leaves is kept.
    pub resume: bool,
    /// SHA-256 is compared, and the copy forced to disk.
    pub check: bool,
}

/// Something that failed; the others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which file; empty: all of them.
    pub path: Vec<u8>,
    /// Why.
    pub why: String,
    /// This machine is to blame, so that all nodes have the same fault.
    pub here: bool,
    /// It is told, and is no failure.
    pub mild: bool,
}
