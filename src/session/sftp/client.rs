//! The client's side of one SFTP channel: requests go out, each with a tag of the caller's, and
//! answers come back with it, in whatever order the server likes. Nothing that a server sends is
//! taken on trust: every length is checked before it is believed, and what makes no sense ends the
//! channel.

mod answers;

use super::packet::kind;
use super::packet::{Attrs, Code, Packet, Short};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// The longest packet that is taken, in bytes: OpenSSH's limit.
pub const PACKET_MAX: usize = 256 * 1024;
/// A handle is at most this long (§6.3), in bytes.
const HANDLE_MAX: usize = 256;
/// What every server takes in one read or write (§3), in bytes.
const CHUNK: u32 = 32 * 1024;
/// What dust asks for at most at a time, in bytes: larger pieces gain nothing.
pub const CHUNK_MAX: u32 = 128 * 1024;

/// What the server calls an open file.
pub type Handle = Rc<[u8]>;

/// The server does not speak SFTP as it should; why. The channel is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl From<Short> for Broken {
    fn from(_: Short) -> Self {
        Self("its SFTP server sends packets that are too short".to_owned())
    }
}

/// The server would not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, as the protocol has it.
    pub code: Code,
    /// Why, in the server's words, which nobody has checked.
    pub text: String,
}

impl Refusal {
    /// Why, for people.
    pub fn reason(&self) -> String {
        match self.code {
            Code::NoSuchFile => "there is no such file".to_owned(),
            Code::PermissionDenied => "permission denied".to_owned(),
            Code::Unsupported => "its SFTP server cannot do that".to_owned(),
            _ if self.text.is_empty() || self.text.eq_ignore_ascii_case("failure") => {
                "the node's system refused it, without a reason".to_owned()
            },
            _ => self.text.clone(),
        }
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// As asked.
    Done,
    /// It is open.
    Handle(Handle),
    /// What was read; never more than was asked for, never nothing.
    Data(Vec<u8>),
    /// There is no more.
    Eof,
    /// Names, with what was told of them.
    Names(Vec<(Vec<u8>, Attrs)>),
    /// What a file is.
    Attrs(Attrs),
    /// How much a user may still write on a file system: bytes, and files.
    Space(u64, u64),
}

/// What kind of answer a request has.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Status,
    Handle,
    Data(u32),
    Names,
    Attrs,
    Limits,
    Space,
}

/// What the server can do beyond version 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// A rename may replace a file.
    pub posix_rename: bool,
    /// A file can be forced to disk.
    pub fsync: bool,
    /// It says what its limits are.
    pub limits: bool,
    /// It says how much room there is.
    pub statvfs: bool,
}

/// One channel. `T` is what the caller knows a request by.
#[derive(Debug)]
pub struct Client<T> {
    ready: bool,
    extensions: Extensions,
    read_max: u32,
    write_max: u32,
    handles_max: usize,
    out: Vec<u8>,
    sent: usize,
    input: Vec<u8>,
    last: u32,
    flying: HashMap<u32, (Option<T>, Expect)>,
    replies: VecDeque<(T, Result<Reply, Refusal>)>,
    greeted: bool,
}

impl<T> Default for Client<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Client<T> {
    /// A channel that was just opened: the greeting waits to be sent.
    pub fn new() -> Self {
        Self {
            ready: false,
            extensions: Extensions::default(),
            read_max: CHUNK,
            write_max: CHUNK,
            // A careful guess for servers that do not tell.
            handles_max: 32,
            out: Packet::new(kind::INIT).number(3).finish(),
            sent: 0,
            input: Vec::new(),
            last: 0,
            flying: HashMap::new(),
            replies: VecDeque::new(),
            greeted: false,
        }
    }

    /// The server has greeted, and its limits are known.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// What it can do.
    pub fn extensions(&self) -> Extensions {
        self.extensions
    }

    /// It does not replace files when it renames, whatever it said.
    pub fn forget_replacing(&mut self) {
        self.extensions.posix_rename = false;
    }

    /// The most that one read asks for, in bytes.
    pub fn read_max(&self) -> u32 {
        self.read_max
    }

    /// The most that one write holds, in bytes.
    pub fn write_max(&self) -> u32 {
        self.write_max
    }

    /// How many files it lets one have open.
    pub fn handles_max(&self) -> usize {
        self.handles_max
    }

    /// Requests without an answer.
    pub fn flying(&self) -> usize {
        self.flying.len()
    }

    /// Bytes for the server.
    pub fn unsent(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    /// So many of them are gone.
    pub fn sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.out.len());
        // Moving the rest to the front costs as much as it is long.
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        } else if self.sent >= PACKET_MAX / 2 {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// The next answer.
    pub fn reply(&mut self) -> Option<(T, Result<Reply, Refusal>)> {
        self.replies.pop_front()
    }

    fn number(&mut self, tag: Option<T>, expect: Expect) -> u32 {
        while self.flying.contains_key(&self.last) {
            self.last = self.last.wrapping_add(1);
        }
        let id = self.last;
        self.last = id.wrapping_add(1);
        self.flying.insert(id, (tag, expect));
        id
    }

    fn ask(&mut self, tag: T, kind: u8, expect: Expect, fields: impl FnOnce(Packet) -> Packet) {
        let id = self.number(Some(tag), expect);
        self.out
            .extend_from_slice(&fields(Packet::to(id, kind)).finish());
    }

    /// Opens a file (§6.3).
    pub fn open(&mut self, tag: T, path: &[u8], flags: u32, attrs: &Attrs) {
        self.ask(tag, kind::OPEN, Expect::Handle, |p| {
            p.string(path).number(flags).attrs(attrs)
        });
    }

    /// Closes it.
    pub fn close(&mut self, tag: T, handle: &Handle) {
        self.ask(tag, kind::CLOSE, Expect::Status, |p| p.string(handle));
    }

    /// Reads at most `count` bytes (§6.4).
    pub fn read(&mut self, tag: T, handle: &Handle, offset: u64, count: u32) {
        self.ask(tag, kind::READ, Expect::Data(count), |p| {
            p.string(handle).long(offset).number(count)
        });
    }

    /// Writes.
    pub fn write(&mut self, tag: T, handle: &Handle, offset: u64, data: &[u8]) {
        let id = self.number(Some(tag), Expect::Status);
        let length = 1 + 4 + 4 + handle.len() + 8 + 4 + data.len();
        let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
        // The data is copied once: into what is sent.
        self.out.reserve(length + 4);
        self.out.extend(word(length));
        self.out.push(kind::WRITE);
        self.out.extend(id.to_be_bytes());
        self.out.extend(word(handle.len()));
        self.out.extend_from_slice(handle);
        self.out.extend(offset.to_be_bytes());
        self.out.extend(word(data.len()));
        self.out.extend_from_slice(data);
    }

    /// What an open file is (§6.8).
    pub fn fstat(&mut self, tag: T, handle: &Handle) {
        self.ask(tag, kind::FSTAT, Expect::Attrs, |p| p.string(handle));
    }

    /// Sets what an open file is (§6.9).
    pub fn fsetstat(&mut self, tag: T, handle: &Handle, attrs: &Attrs) {
        self.ask(tag, kind::FSETSTAT, Expect::Status, |p| {
            p.string(handle).attrs(attrs)
        });
    }

    /// What a path leads to; `follow`: where it is a link, what that leads to.
    pub fn stat(&mut self, tag: T, path: &[u8], follow: bool) {
        let kind = if follow { kind::STAT } else { kind::LSTAT };
        self.ask(tag, kind, Expect::Attrs, |p| p.string(path));
    }

    /// Sets what a path leads to.
    pub fn setstat(&mut self, tag: T, path: &[u8], attrs: &Attrs) {
        self.ask(tag, kind::SETSTAT, Expect::Status, |p| {
            p.string(path).attrs(attrs)
        });
    }

    /// Opens a folder (§6.7).
    pub fn opendir(&mut self, tag: T, path: &[u8]) {
        self.ask(tag, kind::OPENDIR, Expect::Handle, |p| p.string(path));
    }

    /// Some more of its names.
    pub fn readdir(&mut self, tag: T, handle: &Handle) {
        self.ask(tag, kind::READDIR, Expect::Names, |p| p.string(handle));
    }

    /// Removes a file or a link.
    pub fn remove(&mut self, tag: T, path: &[u8]) {
        self.ask(tag, kind::REMOVE, Expect::Status, |p| p.string(path));
    }

    /// Makes a folder (§6.6).
    pub fn mkdir(&mut self, tag: T, path: &[u8], attrs: &Attrs) {
        self.ask(tag, kind::MKDIR, Expect::Status, |p| {
            p.string(path).attrs(attrs)
        });
    }

    /// Where a link leads.
    pub fn readlink(&mut self, tag: T, path: &[u8]) {
        self.ask(tag, kind::READLINK, Expect::Names, |p| p.string(path));
    }

    /// Makes a link. The target goes first, as OpenSSH has it and so everybody else; the draft says
    /// otherwise.
    pub fn symlink(&mut self, tag: T, target: &[u8], path: &[u8]) {
        self.ask(tag, kind::SYMLINK, Expect::Status, |p| {
            p.string(target).string(path)
        });
    }

    /// Renames, in place of what has the new name where the server can do that
    /// ([`Extensions::posix_rename`]); else only where there is nothing (§6.5).
    pub fn rename(&mut self, tag: T, from: &[u8], to: &[u8]) {
        if self.extensions.posix_rename {
            let name = b"posix-rename@openssh.com";
            self.ask(tag, kind::EXTENDED, Expect::Status, |p| {
                p.string(name).string(from).string(to)
            });
        } else {
            self.ask(tag, kind::RENAME, Expect::Status, |p| {
                p.string(from).string(to)
            });
        }
    }

    /// Forces an open file to disk, if the server can ([`Extensions::fsync`]).
    pub fn fsync(&mut self, tag: T, handle: &Handle) {
        self.ask(tag, kind::EXTENDED, Expect::Status, |p| {
            p.string(b"fsync@openssh.com").string(handle)
        });
    }

    /// How much room there is where a path leads to, if the server can tell
    /// ([`Extensions::statvfs`]).
    pub fn space(&mut self, tag: T, path: &[u8]) {
        self.ask(tag, kind::EXTENDED, Expect::Space, |p| {
            p.string(b"statvfs@openssh.com").string(path)
        });
    }
}

#[cfg(test)]
mod tests;
