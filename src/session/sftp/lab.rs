//! A server for tests: files in memory, and the vices that a test asks for.

use super::packet::{Attrs, Code, Fields, Packet, Short, flag, kind};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(Vec<u8>, u32, u32),
    Folder(u32, u32),
    Link(Vec<u8>),
}

/// What is done to a packet on its way from a server.
#[derive(Clone, Debug)]
pub(super) enum Harm {
    /// The byte at this place is another one.
    Flip(usize, u8),
    /// Only so much of it comes.
    Cut(usize),
    /// It says that it is so long.
    Length(u32),
    /// It never comes.
    Drop,
    /// It comes twice.
    Twice,
}

/// Some of them, each with the number of its packet.
pub(super) fn harms() -> impl Strategy<Value = Vec<(usize, Harm)>> {
    let harm = prop_oneof![
        4 => (4..40_usize, any::<u8>()).prop_map(|(at, bits)| Harm::Flip(at, bits)),
        1 => (0..40_usize).prop_map(Harm::Cut),
        1 => any::<u32>().prop_map(Harm::Length),
        1 => Just(Harm::Drop),
        1 => Just(Harm::Twice),
    ];
    proptest::collection::vec((0..60_usize, harm), 0..6)
}

/// Does that to whole packets; `nth` counts them.
pub(super) fn harm(bytes: &[u8], nth: &mut usize, harms: &[(usize, Harm)]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = Fields(bytes);
    while let Ok(packet) = rest.string() {
        let mut packet = [&u32::try_from(packet.len()).unwrap().to_be_bytes(), packet].concat();
        let mut times = 1;
        for (_, harm) in harms.iter().filter(|(at, _)| at == nth) {
            match harm {
                Harm::Flip(at, bits) => {
                    if let Some(byte) = packet.get_mut(*at) {
                        *byte ^= bits;
                    }
                },
                Harm::Cut(length) => packet.truncate(*length),
                Harm::Length(length) => {
                    packet.splice(..4.min(packet.len()), length.to_be_bytes());
                },
                Harm::Drop => times = 0,
                Harm::Twice => times = 2,
            }
        }
        all.extend(packet.repeat(times));
        *nth += 1;
    }
    all
}

#[derive(Debug)]
enum Open {
    File(Vec<u8>),
    Folder(Vec<(Vec<u8>, Attrs)>),
}

/// See the module. Paths are relative to its only home.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) tree: BTreeMap<Vec<u8>, Entry>,
    pub(super) extensions: Vec<(&'static str, &'static str)>,
    /// So many more bytes can be written.
    pub(super) room: usize,
    /// Answers come in this order: the last of so many first.
    pub(super) shuffle: usize,
    /// Reads give at most so many bytes.
    pub(super) read_max: usize,
    /// All that was asked, by kind.
    pub(super) asked: Vec<u8>,
    /// The most files that were open at a time.
    pub(super) most_open: usize,
    /// Names that listings hold beside the true ones.
    pub(super) lies: Vec<(Vec<u8>, Attrs)>,
    /// The size that is told of every file.
    pub(super) false_size: Option<u64>,
    /// So many names come at a time.
    pub(super) list_max: usize,
    /// Paths that may not be looked at.
    pub(super) hidden: Vec<Vec<u8>>,
    /// These bits no new file has.
    pub(super) umask: u32,
    /// What opening a file that is there for writing answers.
    pub(super) reopen: Code,
    /// What renaming answers: OpenSSH's, and that of version 3.
    pub(super) renames: [Code; 2],
    open: BTreeMap<Vec<u8>, Open>,
    last: u32,
    input: Vec<u8>,
    answers: VecDeque<Vec<u8>>,
}

pub(super) fn openssh() -> Server {
    let extensions = [
        "posix-rename@openssh.com",
        "fsync@openssh.com",
        "limits@openssh.com",
    ];
    let mut extensions: Vec<_> = extensions.into_iter().map(|name| (name, "1")).collect();
    extensions.push(("statvfs@openssh.com", "2"));
    Server {
        tree: BTreeMap::from([(b".".to_vec(), Entry::Folder(0o755, 0))]),
        extensions,
        room: usize::MAX,
        shuffle: 1,
        read_max: usize::MAX,
        asked: Vec::new(),
        most_open: 0,
        lies: Vec::new(),
        false_size: None,
        list_max: 3,
        hidden: Vec::new(),
        umask: 0,
        reopen: Code::Ok,
        renames: [Code::Ok; 2],
        open: BTreeMap::new(),
        last: 0,
        input: Vec::new(),
        answers: VecDeque::new(),
    }
}

fn parent(path: &[u8]) -> Vec<u8> {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => path[..at].to_vec(),
        None => b".".to_vec(),
    }
}

fn status(id: u32, code: Code) -> Packet {
    Packet::to(id, kind::STATUS)
        .number(code as u32)
        .string(if code == Code::Failure {
            b"Failure"
        } else {
            b"text"
        })
        .string(b"")
}

impl Server {
    pub(super) fn with(mut self, path: &str, entry: Entry) -> Self {
        self.tree.insert(path.as_bytes().to_vec(), entry);
        self
    }

    pub(super) fn file(&self, path: &str) -> Option<&[u8]> {
        match self.tree.get(path.as_bytes())? {
            Entry::File(data, ..) => Some(data),
            _ => None,
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        let names = self.tree.keys().filter(|name| *name != b".");
        names
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    pub(super) fn open_files(&self) -> usize {
        self.open.len()
    }

    /// Takes bytes, and gives what is answered by now.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        loop {
            let mut fields = Fields(&self.input);
            let Ok(length) = fields.number() else { return };
            let length = length as usize;
            let Some(packet) = fields.0.get(..length).map(<[u8]>::to_vec) else {
                return;
            };
            self.input.drain(..4 + length);
            let answer = self.answer(&packet).unwrap();
            self.answers.push_back(answer.finish());
        }
    }

    /// What is sent now; `more`: the client may still ask something.
    pub(super) fn answers(&mut self, more: bool) -> Vec<u8> {
        let mut all = Vec::new();
        while self.answers.len() >= self.shuffle || (!more && !self.answers.is_empty()) {
            let count = self.shuffle.min(self.answers.len());
            let mut some: Vec<_> = self.answers.drain(..count).collect();
            some.reverse();
            all.extend(some.concat());
        }
        all
    }

    fn attrs(&self, entry: &Entry) -> Attrs {
        let (size, mode, time) = match entry {
            Entry::File(data, mode, time) => (data.len() as u64, mode | 0o100_000, *time),
            Entry::Folder(mode, time) => (0, mode | 0o040_000, *time),
            Entry::Link(to) => (to.len() as u64, 0o120_777, 0),
        };
        Attrs {
            size: Some(match entry {
                Entry::File(..) => self.false_size.unwrap_or(size),
                _ => size,
            }),
            mode: Some(mode),
            times: Some((time, time)),
            owner: None,
        }
    }

    fn set(&mut self, path: &[u8], attrs: &Attrs) -> Code {
        let Some(Entry::File(_, mode, time) | Entry::Folder(mode, time)) = self.tree.get_mut(path)
        else {
            return Code::NoSuchFile;
        };
        if let Some(new) = attrs.mode {
            *mode = new & 0o7777;
        }
        if let Some((_, new)) = attrs.times {
            *time = new;
        }
        Code::Ok
    }

    fn handle(&mut self, id: u32, what: Open) -> Packet {
        self.last += 1;
        let handle = format!("h{}", self.last).into_bytes();
        let packet = Packet::to(id, kind::HANDLE).string(&handle);
        self.open.insert(handle, what);
        self.most_open = self.most_open.max(self.open.len());
        packet
    }

    fn file_of(&self, handle: &[u8]) -> Option<Vec<u8>> {
        match self.open.get(handle)? {
            Open::File(path) => Some(path.clone()),
            Open::Folder(_) => None,
        }
    }

    fn answer(&mut self, packet: &[u8]) -> Result<Packet, Short> {
        let mut f = Fields(packet);
        let (what, id) = (f.byte()?, f.number()?);
        self.asked.push(what);
        let code = match what {
            kind::INIT => {
                let packet = Packet::new(kind::VERSION).number(3);
                return Ok(self.extensions.iter().fold(packet, |p, (name, version)| {
                    p.string(name.as_bytes()).string(version.as_bytes())
                }));
            },
            kind::OPEN => {
                let (path, flags, attrs) = (f.string()?.to_vec(), f.number()?, f.attrs()?);
                let there = self.tree.get(&path).cloned();
                match there {
                    Some(Entry::File(..)) if flags & flag::EXCLUSIVE != 0 => Code::Failure,
                    Some(Entry::File(..))
                        if flags & flag::WRITE != 0 && self.reopen != Code::Ok =>
                    {
                        self.reopen
                    },
                    Some(Entry::File(_, mode, _))
                        if flags & flag::WRITE != 0 && mode & 0o200 == 0 =>
                    {
                        Code::PermissionDenied
                    },
                    Some(Entry::File(..)) => return Ok(self.handle(id, Open::File(path))),
                    Some(_) => Code::Failure,
                    None if flags & flag::CREATE == 0 => Code::NoSuchFile,
                    None if !self.tree.contains_key(&parent(&path)) => Code::NoSuchFile,
                    None => {
                        let mode = attrs.mode.unwrap_or(0o666) & !self.umask;
                        self.tree
                            .insert(path.clone(), Entry::File(Vec::new(), mode, 1));
                        return Ok(self.handle(id, Open::File(path)));
                    },
                }
            },
            kind::CLOSE => match self.open.remove(f.string()?) {
                Some(_) => Code::Ok,
                None => Code::Failure,
            },
            kind::READ => {
                let path = self.file_of(f.string()?).unwrap_or_default();
                let (offset, count) = (usize::try_from(f.long()?).unwrap(), f.number()? as usize);
                match self.tree.get(&path) {
                    Some(Entry::File(data, ..)) if offset < data.len() => {
                        let count = count.min(self.read_max).min(data.len() - offset);
                        let piece = &data[offset..offset + count];
                        return Ok(Packet::to(id, kind::DATA).string(piece));
                    },
                    Some(Entry::File(..)) => Code::Eof,
                    _ => Code::Failure,
                }
            },
            kind::WRITE => {
                let path = self.file_of(f.string()?).unwrap_or_default();
                let (offset, bytes) = (usize::try_from(f.long()?).unwrap(), f.string()?);
                if self.room < bytes.len() {
                    self.room = 0;
                    return Ok(status(id, Code::Failure));
                }
                self.room -= bytes.len();
                match self.tree.get_mut(&path) {
                    Some(Entry::File(data, ..)) => {
                        let end = offset + bytes.len();
                        data.resize(data.len().max(end), 0);
                        data[offset..end].copy_from_slice(bytes);
                        Code::Ok
                    },
                    _ => Code::Failure,
                }
            },
            kind::FSTAT => {
                let path = self.file_of(f.string()?).unwrap_or_default();
                match self.tree.get(&path) {
                    Some(entry) => {
                        return Ok(Packet::to(id, kind::ATTRS).attrs(&self.attrs(entry)));
                    },
                    None => Code::Failure,
                }
            },
            kind::STAT | kind::LSTAT => {
                let mut path = f.string()?.to_vec();
                if self.hidden.contains(&path) {
                    return Ok(status(id, Code::PermissionDenied));
                }
                if what == kind::STAT
                    && let Some(Entry::Link(to)) = self.tree.get(&path)
                {
                    path = to.clone();
                }
                match self.tree.get(&path) {
                    Some(entry) => {
                        return Ok(Packet::to(id, kind::ATTRS).attrs(&self.attrs(entry)));
                    },
                    None => Code::NoSuchFile,
                }
            },
            kind::FSETSTAT => {
                let path = self.file_of(f.string()?).unwrap_or_default();
                let attrs = f.attrs()?;
                self.set(&path, &attrs)
            },
            kind::SETSTAT => {
                let path = f.string()?.to_vec();
                let attrs = f.attrs()?;
                self.set(&path, &attrs)
            },
            kind::OPENDIR => {
                let path = f.string()?.to_vec();
                if self.hidden.contains(&path) {
                    return Ok(status(id, Code::PermissionDenied));
                }
                if let Some(Entry::Folder(..)) = self.tree.get(&path) {
                    let mut names: Vec<_> = self
                        .tree
                        .iter()
                        .filter(|(other, _)| parent(other) == path && *other != b".")
                        .map(|(other, entry)| {
                            let name = other.rsplit(|b| *b == b'/').next().unwrap();
                            (name.to_vec(), self.attrs(entry))
                        })
                        .collect();
                    names.extend(self.lies.clone());
                    return Ok(self.handle(id, Open::Folder(names)));
                }
                Code::NoSuchFile
            },
            kind::READDIR => match self.open.get_mut(f.string()?) {
                Some(Open::Folder(names)) if !names.is_empty() && self.list_max > 0 => {
                    let count = names.len().min(self.list_max);
                    let packet = Packet::to(id, kind::NAME).number(u32::try_from(count).unwrap());
                    return Ok(names.drain(..count).fold(packet, |p, (name, attrs)| {
                        p.string(&name).string(b"long").attrs(&attrs)
                    }));
                },
                Some(Open::Folder(_)) if self.list_max == 0 => {
                    return Ok(Packet::to(id, kind::NAME).number(0));
                },
                Some(Open::Folder(_)) => Code::Eof,
                _ => Code::Failure,
            },
            kind::READLINK => match self.tree.get(f.string()?) {
                Some(Entry::Link(to)) => {
                    let packet = Packet::to(id, kind::NAME).number(1);
                    return Ok(packet.string(to).string(to).attrs(&Attrs::default()));
                },
                _ => Code::NoSuchFile,
            },
            kind::REMOVE => match self.tree.remove(f.string()?) {
                Some(_) => Code::Ok,
                None => Code::NoSuchFile,
            },
            kind::MKDIR => {
                let (path, attrs) = (f.string()?.to_vec(), f.attrs()?);
                if self.tree.contains_key(&path) {
                    Code::Failure
                } else if !self.tree.contains_key(&parent(&path)) {
                    Code::NoSuchFile
                } else {
                    self.tree
                        .insert(path, Entry::Folder(attrs.mode.unwrap(), 1));
                    Code::Ok
                }
            },
            kind::SYMLINK => {
                let (to, path) = (f.string()?.to_vec(), f.string()?.to_vec());
                self.tree.insert(path, Entry::Link(to));
                Code::Ok
            },
            kind::RENAME => {
                let (from, to) = (f.string()?.to_vec(), f.string()?.to_vec());
                self.rename(&from, &to, false)
            },
            kind::EXTENDED => match f.string()? {
                b"limits@openssh.com" => {
                    let packet = Packet::to(id, kind::EXTENDED_REPLY);
                    let limits = [262_144, 261_120, 261_120, 100];
                    return Ok(limits.into_iter().fold(packet, Packet::long));
                },
                b"statvfs@openssh.com" => {
                    let packet = Packet::to(id, kind::EXTENDED_REPLY);
                    let free = u64::from(self.room > 0) * 1_000_000;
                    let numbers = [512, 512, 0, 0, free, 0, 0, 9, 0, 0, 0];
                    return Ok(numbers.into_iter().fold(packet, Packet::long));
                },
                b"posix-rename@openssh.com" => {
                    let (from, to) = (f.string()?.to_vec(), f.string()?.to_vec());
                    self.rename(&from, &to, true)
                },
                b"fsync@openssh.com" => Code::Ok,
                _ => Code::Unsupported,
            },
            _ => Code::Unsupported,
        };
        Ok(status(id, code))
    }

    fn rename(&mut self, from: &[u8], to: &[u8], replace: bool) -> Code {
        let [replacing, plain] = self.renames;
        let told = if replace { replacing } else { plain };
        if told != Code::Ok {
            return told;
        }
        match self.tree.get(to) {
            Some(Entry::Folder(..)) => return Code::Failure,
            Some(_) if !replace => return Code::Failure,
            _ => {},
        }
        match self.tree.remove(from) {
            Some(entry) => {
                self.tree.insert(to.to_vec(), entry);
                Code::Ok
            },
            None => Code::NoSuchFile,
        }
    }
}
