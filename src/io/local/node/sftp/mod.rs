//! The SFTP server of a node (version 3, draft-ietf-secsh-filexfer-02, and some of OpenSSH's
//! extensions): a process of its own per channel, on standard input and output, so that nodes take
//! and give files on machines where no `sftp-server` is installed.

mod packet;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, ReadDir};
use std::io::{self, Read, Write};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::sys::stat::{Mode, UtimensatFlags, futimens, utimensat};
use nix::sys::time::TimeSpec;

use self::packet::{Refusal, long_name, path};
use crate::session::sftp::packet::kind::{self, ATTRS, DATA, HANDLE, NAME, STATUS};
use crate::session::sftp::packet::{Attrs, Code, Fields, Packet as Answer, flag};

/// The largest packet taken, in bytes; OpenSSH's clients use as much.
const MAX_PACKET: u32 = 256 * 1024;

/// The most data in one read or write.
const MAX_DATA: u32 = MAX_PACKET - 1024;

/// The most files and folders that a client may have open.
const MAX_HANDLES: usize = 256;

/// About how much one answer about a folder's entries holds.
const NAMES: usize = 32 * 1024;

/// OpenSSH's extensions that are served, each with its version.
const EXTENSIONS: [(&str, &str); 5] = [
    ("posix-rename@openssh.com", "1"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
];

/// Serves until the client closes its end.
pub(super) fn serve(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut server = Server::default();
    let mut packet = Vec::new();
    loop {
        let mut head = [0; 4];
        match from.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            done => done?,
        }
        let length = u32::from_be_bytes(head);
        if length == 0 || length > MAX_PACKET {
            return Err(io::Error::other("a packet of an absurd length"));
        }
        packet.clear();
        (&mut from)
            .take(u64::from(length))
            .read_to_end(&mut packet)?;
        if u32::try_from(packet.len()).ok() != Some(length) {
            return Ok(());
        }
        to.write_all(&server.answer(&packet).finish())?;
        to.flush()?;
    }
}

/// What a client has open.
#[derive(Debug)]
enum Open {
    File { file: File, append: bool },
    Dir { path: PathBuf, entries: ReadDir },
}

#[derive(Debug, Default)]
struct Server {
    handles: HashMap<u32, Open>,
    last: u32,
}

fn status(id: u32, code: Code, text: &str) -> Answer {
    Answer::to(id, STATUS)
        .number(code as u32)
        .string(text.as_bytes())
        .string(b"")
}

fn one_name(id: u32, path: &Path) -> Answer {
    let name = path.as_os_str().as_bytes();
    Answer::to(id, NAME)
        .number(1)
        .string(name)
        .string(name)
        .attrs(&Attrs::default())
}

impl Server {
    fn answer(&mut self, packet: &[u8]) -> Answer {
        let mut fields = Fields(packet);
        let (Ok(what), Ok(id)) = (fields.byte(), fields.number()) else {
            return status(0, Code::BadMessage, "the packet is too short");
        };
        if what == kind::INIT {
            return EXTENSIONS.iter().fold(
                Answer::new(kind::VERSION).number(3),
                |answer, (name, version)| answer.string(name.as_bytes()).string(version.as_bytes()),
            );
        }
        match self.request(what, id, fields) {
            Ok(Some(answer)) => answer,
            Ok(None) => status(id, Code::Ok, "done"),
            Err(refusal) => status(id, refusal.code, &refusal.text),
        }
    }

    /// None where success is all there is to say.
    fn request(&mut self, what: u8, id: u32, mut f: Fields<'_>) -> Result<Option<Answer>, Refusal> {
        match what {
            kind::OPEN => {
                let (path, flags, attrs) = (path(&mut f)?, f.number()?, f.attrs()?);
                return self.open(id, &path, flags, &attrs).map(Some);
            },
            kind::CLOSE => {
                let handle = Self::handle(&mut f)?;
                self.handles.remove(&handle).ok_or_else(no_handle)?;
            },
            kind::READ => {
                let (file, _) = self.file(&mut f)?;
                let (offset, length) = (f.long()?, f.number()?.min(MAX_DATA));
                let mut data = vec![0; length.try_into().unwrap_or_default()];
                let n = file.read_at(&mut data, offset)?;
                if n == 0 && length > 0 {
                    return Err(Refusal::new(Code::Eof, "end of file"));
                }
                data.truncate(n);
                return Ok(Some(Answer::to(id, DATA).string(&data)));
            },
            kind::WRITE => {
                let (mut file, append) = self.file(&mut f)?;
                let (offset, data) = (f.long()?, f.string()?);
                if append {
                    file.write_all(data)?;
                } else {
                    file.write_all_at(data, offset)?;
                }
            },
            kind::LSTAT => return Ok(Some(attrs_of(id, &fs::symlink_metadata(path(&mut f)?)?))),
            kind::FSTAT => return Ok(Some(attrs_of(id, &self.file(&mut f)?.0.metadata()?))),
            kind::SETSTAT => set_attrs(&path(&mut f)?, &f.attrs()?)?,
            kind::FSETSTAT => set_file_attrs(self.file(&mut f)?.0, &f.attrs()?)?,
            kind::OPENDIR => {
                let path = path(&mut f)?;
                let entries = fs::read_dir(&path)?;
                return self.give(id, Open::Dir { path, entries }).map(Some);
            },
            kind::READDIR => return self.names(id, Self::handle(&mut f)?).map(Some),
            kind::REMOVE => fs::remove_file(path(&mut f)?)?,
            kind::MKDIR => {
                let (path, attrs) = (path(&mut f)?, f.attrs()?);
                DirBuilder::new()
                    .mode(attrs.mode.unwrap_or(0o777) & 0o7777)
                    .create(path)?;
            },
            kind::RMDIR => fs::remove_dir(path(&mut f)?)?,
            kind::REALPATH => return Ok(Some(one_name(id, &real_path(&path(&mut f)?)?))),
            kind::STAT => return Ok(Some(attrs_of(id, &fs::metadata(path(&mut f)?)?))),
            kind::RENAME => rename(&path(&mut f)?, &path(&mut f)?)?,
            kind::READLINK => return Ok(Some(one_name(id, &fs::read_link(path(&mut f)?)?))),
            // The target first, as OpenSSH has it and so everybody else; the draft says otherwise.
            kind::SYMLINK => std::os::unix::fs::symlink(path(&mut f)?, path(&mut f)?)?,
            kind::EXTENDED => return self.extended(id, f),
            _ => return Err(Refusal::new(Code::Unsupported, "no such request")),
        }
        Ok(None)
    }

    fn extended(&self, id: u32, mut f: Fields<'_>) -> Result<Option<Answer>, Refusal> {
        match f.string()? {
            b"posix-rename@openssh.com" => fs::rename(path(&mut f)?, path(&mut f)?)?,
            b"hardlink@openssh.com" => fs::hard_link(path(&mut f)?, path(&mut f)?)?,
            b"fsync@openssh.com" => self.file(&mut f)?.0.sync_all()?,
            b"lsetstat@openssh.com" => set_link_attrs(&path(&mut f)?, &f.attrs()?)?,
            b"limits@openssh.com" => {
                let limits = [
                    u64::from(MAX_PACKET),
                    u64::from(MAX_DATA),
                    u64::from(MAX_DATA),
                ];
                let answer = limits
                    .into_iter()
                    .fold(Answer::to(id, kind::EXTENDED_REPLY), Answer::long);
                return Ok(Some(answer.long(MAX_HANDLES as u64)));
            },
            _ => return Err(Refusal::new(Code::Unsupported, "no such extension")),
        }
        Ok(None)
    }

    fn handle(f: &mut Fields<'_>) -> Result<u32, Refusal> {
        let bytes = f.string()?.try_into().map_err(|_| no_handle())?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn file(&self, f: &mut Fields<'_>) -> Result<(&File, bool), Refusal> {
        match self.handles.get(&Self::handle(f)?) {
            Some(Open::File { file, append }) => Ok((file, *append)),
            _ => Err(no_handle()),
        }
    }

    fn give(&mut self, id: u32, what: Open) -> Result<Answer, Refusal> {
        if self.handles.len() >= MAX_HANDLES {
            return Err(Refusal::new(Code::Failure, "too many open files"));
        }
        while self.handles.contains_key(&self.last) {
            self.last = self.last.wrapping_add(1);
        }
        let handle = self.last;
        self.last = handle.wrapping_add(1);
        self.handles.insert(handle, what);
        Ok(Answer::to(id, HANDLE).string(&handle.to_be_bytes()))
    }

    /// §6.3.
    fn open(&mut self, id: u32, path: &Path, flags: u32, attrs: &Attrs) -> Result<Answer, Refusal> {
        let mut how = match (flags & flag::READ != 0, flags & flag::WRITE != 0) {
            (true, false) => OFlag::O_RDONLY,
            (false, true) => OFlag::O_WRONLY,
            (true, true) => OFlag::O_RDWR,
            (false, false) => {
                return Err(Refusal::new(
                    Code::BadMessage,
                    "neither reading nor writing",
                ));
            },
        };
        let append = flags & flag::APPEND != 0;
        for (bit, own) in [
            (flag::APPEND, OFlag::O_APPEND),
            (flag::CREATE, OFlag::O_CREAT),
            (flag::TRUNCATE, OFlag::O_TRUNC),
            (flag::EXCLUSIVE, OFlag::O_EXCL),
        ] {
            how.set(own, flags & bit != 0);
        }
        let mode = Mode::from_bits_truncate(attrs.mode.unwrap_or(0o666) & 0o7777);
        let file = File::from(open(path, how | OFlag::O_CLOEXEC | OFlag::O_NOCTTY, mode)?);
        self.give(id, Open::File { file, append })
    }

    /// §6.7. An entry that vanishes meanwhile is left out.
    fn names(&mut self, id: u32, handle: u32) -> Result<Answer, Refusal> {
        let Some(Open::Dir { path, entries }) = self.handles.get_mut(&handle) else {
            return Err(no_handle());
        };
        let mut answer = Answer::new(0);
        let mut count = 0;
        while answer.size() < NAMES {
            let Some(entry) = entries.next().transpose()? else {
                break;
            };
            let name = entry.file_name();
            let Ok(meta) = fs::symlink_metadata(path.join(&name)) else {
                continue;
            };
            let long = long_name(name.as_bytes(), &meta);
            answer = answer
                .string(name.as_bytes())
                .string(&long)
                .attrs(&Attrs::from(&meta));
            count += 1;
        }
        if count == 0 {
            return Err(Refusal::new(Code::Eof, "no more names"));
        }
        Ok(Answer::to(id, NAME).number(count).append(&answer))
    }
}

fn no_handle() -> Refusal {
    Refusal::new(Code::Failure, "no such handle")
}

fn attrs_of(id: u32, meta: &fs::Metadata) -> Answer {
    Answer::to(id, ATTRS).attrs(&Attrs::from(meta))
}

/// §6.5 says that an existing file is not replaced; a hard link fails where one exists, and is
/// tried first, since looking before renaming would leave a gap.
fn rename(from: &Path, to: &Path) -> Result<(), Refusal> {
    if fs::symlink_metadata(from)?.is_file() && fs::hard_link(from, to).is_ok() {
        return Ok(fs::remove_file(from)?);
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(Refusal::new(Code::Failure, "the new name exists"));
    }
    Ok(fs::rename(from, to)?)
}

/// §6.11. The last part need not exist: clients ask before they make it.
fn real_path(path: &Path) -> Result<PathBuf, Refusal> {
    match fs::canonicalize(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(e.into());
            };
            let parent = if parent == Path::new("") {
                Path::new(".")
            } else {
                parent
            };
            Ok(fs::canonicalize(parent)?.join(name))
        },
        done => Ok(done?),
    }
}

fn time(seconds: u32) -> TimeSpec {
    TimeSpec::new(seconds.into(), 0)
}

fn permissions(mode: u32) -> fs::Permissions {
    fs::Permissions::from_mode(mode & 0o7777)
}

fn set_file_attrs(file: &File, attrs: &Attrs) -> Result<(), Refusal> {
    if let Some(size) = attrs.size {
        file.set_len(size)?;
    }
    if let Some(mode) = attrs.mode {
        file.set_permissions(permissions(mode))?;
    }
    if let Some((read, written)) = attrs.times {
        futimens(file.as_fd(), &time(read), &time(written))?;
    }
    if let Some((user, group)) = attrs.owner {
        std::os::unix::fs::fchown(file, Some(user), Some(group))?;
    }
    Ok(())
}

fn set_attrs(path: &Path, attrs: &Attrs) -> Result<(), Refusal> {
    if let Some(size) = attrs.size {
        File::options().write(true).open(path)?.set_len(size)?;
    }
    if let Some(mode) = attrs.mode {
        fs::set_permissions(path, permissions(mode))?;
    }
    if let Some((read, written)) = attrs.times {
        let follow = UtimensatFlags::FollowSymlink;
        utimensat(AT_FDCWD, path, &time(read), &time(written), follow)?;
    }
    if let Some((user, group)) = attrs.owner {
        std::os::unix::fs::chown(path, Some(user), Some(group))?;
    }
    Ok(())
}

/// Of a link itself; it has no size and, here, no permissions of its own.
fn set_link_attrs(path: &Path, attrs: &Attrs) -> Result<(), Refusal> {
    if attrs.size.is_some() {
        return Err(Refusal::new(Code::BadMessage, "a link has no size to set"));
    }
    if !fs::symlink_metadata(path)?.is_symlink() {
        return set_attrs(path, attrs);
    }
    if let Some((read, written)) = attrs.times {
        let stay = UtimensatFlags::NoFollowSymlink;
        utimensat(AT_FDCWD, path, &time(read), &time(written), stay)?;
    }
    if let Some((user, group)) = attrs.owner {
        std::os::unix::fs::lchown(path, Some(user), Some(group))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
