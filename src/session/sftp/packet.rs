//! The fields of SFTP packets (draft-ietf-secsh-filexfer-02 §3 to §7), read and written. The client
//! and the server of local nodes share it.

/// Kinds of packets (§3), as far as version 3 and OpenSSH's extensions use them.
pub mod kind {
    #![allow(missing_docs, reason = "the names are the draft's")]
    pub const INIT: u8 = 1;
    pub const VERSION: u8 = 2;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const SETSTAT: u8 = 9;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const RMDIR: u8 = 15;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const READLINK: u8 = 19;
    pub const SYMLINK: u8 = 20;
    pub const STATUS: u8 = 101;
    pub const HANDLE: u8 = 102;
    pub const DATA: u8 = 103;
    pub const NAME: u8 = 104;
    pub const ATTRS: u8 = 105;
    pub const EXTENDED: u8 = 200;
    pub const EXTENDED_REPLY: u8 = 201;
}

/// `pflags` of an open (§6.3).
pub mod flag {
    #![allow(missing_docs, reason = "the names are the draft's")]
    pub const READ: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const APPEND: u32 = 4;
    pub const CREATE: u32 = 8;
    pub const TRUNCATE: u32 = 16;
    pub const EXCLUSIVE: u32 = 32;
}

/// How a request ended (§7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// It was done.
    Ok = 0,
    /// There is no more to read.
    Eof = 1,
    /// A path leads to nothing.
    NoSuchFile = 2,
    /// Not for this user.
    PermissionDenied = 3,
    /// Something else; the text may say what.
    Failure = 4,
    /// The request makes no sense.
    BadMessage = 5,
    /// The server cannot do this.
    Unsupported = 8,
}

impl Code {
    /// The code of this number; what is not known is a failure.
    pub fn of(number: u32) -> Self {
        match number {
            0 => Self::Ok,
            1 => Self::Eof,
            2 => Self::NoSuchFile,
            3 => Self::PermissionDenied,
            5 => Self::BadMessage,
            8 => Self::Unsupported,
            _ => Self::Failure,
        }
    }
}

/// A packet has fewer fields than its kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short;

/// What is left of a packet that is being read.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Short> {
        let (byte, rest) = self.0.split_first().ok_or(Short)?;
        self.0 = rest;
        Ok(*byte)
    }

    /// Four bytes.
    pub fn number(&mut self) -> Result<u32, Short> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Short)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// Eight bytes.
    pub fn long(&mut self) -> Result<u64, Short> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Short)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*bytes))
    }

    /// A length, and as many bytes.
    pub fn string(&mut self) -> Result<&'a [u8], Short> {
        let length = usize::try_from(self.number()?).map_err(|_| Short)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The attributes of a file (§5). What they are extended by is skipped.
    pub fn attrs(&mut self) -> Result<Attrs, Short> {
        let flags = self.number()?;
        let mut attrs = Attrs::default();
        if flags & SIZE != 0 {
            attrs.size = Some(self.long()?);
        }
        if flags & OWNER != 0 {
            attrs.owner = Some((self.number()?, self.number()?));
        }
        if flags & MODE != 0 {
            attrs.mode = Some(self.number()?);
        }
        if flags & TIMES != 0 {
            attrs.times = Some((self.number()?, self.number()?));
        }
        if flags & MORE != 0 {
            for _ in 0..self.number()? {
                self.string()?;
                self.string()?;
            }
        }
        Ok(attrs)
    }
}

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const MODE: u32 = 4;
const TIMES: u32 = 8;
const MORE: u32 = 1 << 31;

/// The attributes of a file (§5), as far as they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attrs {
    /// In bytes.
    pub size: Option<u64>,
    /// User and group.
    pub owner: Option<(u32, u32)>,
    /// Type and permissions, as in `st_mode`.
    pub mode: Option<u32>,
    /// Access and modification, in seconds since 1970.
    pub times: Option<(u32, u32)>,
}

/// What a file is, by its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a socket, a FIFO.
    Other,
}

impl Attrs {
    /// What the file is; `None` where the server did not say.
    pub fn file_type(&self) -> Option<FileType> {
        Some(match self.mode? & 0o170_000 {
            0o100_000 => FileType::File,
            0o040_000 => FileType::Folder,
            0o120_000 => FileType::Link,
            _ => FileType::Other,
        })
    }
}

/// A packet that is being written; its length comes first, at the end.
#[derive(Debug)]
pub struct Packet(Vec<u8>);

impl Packet {
    /// A packet of this kind.
    pub fn new(kind: u8) -> Self {
        Self(vec![0, 0, 0, 0, kind])
    }

    /// A request of this number, or an answer to it.
    pub fn to(id: u32, kind: u8) -> Self {
        Self::new(kind).number(id)
    }

    /// One byte.
    #[must_use]
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Four bytes.
    #[must_use]
    pub fn number(mut self, n: u32) -> Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    /// Eight bytes.
    #[must_use]
    pub fn long(mut self, n: u64) -> Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    /// A length, and as many bytes.
    #[must_use]
    pub fn string(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut this = self.number(length);
        this.0.extend(bytes);
        this
    }

    /// The attributes that are given.
    #[must_use]
    pub fn attrs(self, attrs: &Attrs) -> Self {
        let flag = |given: bool, flag: u32| if given { flag } else { 0 };
        let mut this = self.number(
            flag(attrs.size.is_some(), SIZE)
                | flag(attrs.owner.is_some(), OWNER)
                | flag(attrs.mode.is_some(), MODE)
                | flag(attrs.times.is_some(), TIMES),
        );
        if let Some(size) = attrs.size {
            this = this.long(size);
        }
        if let Some((user, group)) = attrs.owner {
            this = this.number(user).number(group);
        }
        if let Some(mode) = attrs.mode {
            this = this.number(mode);
        }
        if let Some((read, written)) = attrs.times {
            this = this.number(read).number(written);
        }
        this
    }

    /// Takes over the fields of another, unfinished one.
    #[must_use]
    pub fn append(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().skip(5));
        self
    }

    /// How long it is by now, in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The packet as it is sent.
    pub fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len().saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(head) = self.0.first_chunk_mut() {
            *head = length.to_be_bytes();
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn attributes_come_back(
            size in any::<Option<u64>>(),
            owner in any::<Option<(u32, u32)>>(),
            mode in any::<Option<u32>>(),
            times in any::<Option<(u32, u32)>>(),
        ) {
            let attrs = Attrs { size, owner, mode, times };
            let bytes = Packet::new(1).attrs(&attrs).finish();
            let mut fields = Fields(&bytes);
            prop_assert_eq!(fields.number().unwrap() as usize, bytes.len() - 4);
            prop_assert_eq!(fields.byte().unwrap(), 1);
            prop_assert_eq!(fields.attrs().unwrap(), attrs);
            prop_assert!(fields.0.is_empty());
        }

        #[test]
        fn no_bytes_are_read_beyond_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut fields = Fields(&bytes);
            while fields.attrs().is_ok() && fields.string().is_ok() {}
            prop_assert!(fields.0.len() <= bytes.len());
        }
    }

    #[test]
    fn a_length_beyond_the_packet_is_short() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 1][..], &[0, 0, 0, 2, 1], &[0, 0]] {
            assert_eq!(Fields(bytes).string(), Err(Short));
        }
        // Extended attributes without end.
        assert_eq!(
            Fields(&[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).attrs(),
            Err(Short)
        );
    }
}
