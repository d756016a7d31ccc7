//! The packets of SFTP version 3, as a server reads and writes them
//! (draft-ietf-secsh-filexfer-02 §3 to §7).

use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How a request ended (§7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    Eof = 1,
    NoSuchFile = 2,
    PermissionDenied = 3,
    Failure = 4,
    BadMessage = 5,
    Unsupported = 8,
}

/// Why a request cannot be done.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(code: Code, text: &str) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    fn short() -> Self {
        Self::new(Code::BadMessage, "the packet is too short")
    }
}

impl From<io::Error> for Refusal {
    fn from(e: io::Error) -> Self {
        let code = match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Code::NoSuchFile,
            io::ErrorKind::PermissionDenied => Code::PermissionDenied,
            _ => Code::Failure,
        };
        Self {
            code,
            text: e.to_string(),
        }
    }
}

impl From<nix::Error> for Refusal {
    fn from(e: nix::Error) -> Self {
        io::Error::from(e).into()
    }
}

/// What is left of a packet that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, Refusal> {
        let (byte, rest) = self.0.split_first().ok_or_else(Refusal::short)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn number(&mut self) -> Result<u32, Refusal> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(Refusal::short)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    pub(super) fn long(&mut self) -> Result<u64, Refusal> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(Refusal::short)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*bytes))
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Refusal> {
        let length = usize::try_from(self.number()?).map_err(|_| Refusal::short())?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(Refusal::short)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// An empty path means the folder that the server works in.
    pub(super) fn path(&mut self) -> Result<PathBuf, Refusal> {
        let bytes = self.string()?;
        let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
        Ok(if bytes.is_empty() {
            ".".into()
        } else {
            path.into()
        })
    }

    /// §5. Extended attributes are skipped.
    pub(super) fn attrs(&mut self) -> Result<Attrs, Refusal> {
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
        Ok(attrs)
    }
}

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const MODE: u32 = 4;
const TIMES: u32 = 8;

/// The attributes of a file (§5), as far as they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attrs {
    pub(super) size: Option<u64>,
    /// User and group.
    pub(super) owner: Option<(u32, u32)>,
    /// Type and permissions, as in `st_mode`.
    pub(super) mode: Option<u32>,
    /// Access and modification, in seconds since 1970.
    pub(super) times: Option<(u32, u32)>,
}

impl From<&Metadata> for Attrs {
    fn from(meta: &Metadata) -> Self {
        // The protocol's clock ends in 2106.
        let seconds = |t: i64| u32::try_from(t.max(0)).unwrap_or(u32::MAX);
        Self {
            size: Some(meta.size()),
            owner: Some((meta.uid(), meta.gid())),
            mode: Some(meta.mode()),
            times: Some((seconds(meta.atime()), seconds(meta.mtime()))),
        }
    }
}

/// An answer that is being written; the length comes first, at the end.
#[derive(Debug)]
pub(super) struct Answer(Vec<u8>);

impl Answer {
    pub(super) fn new(kind: u8) -> Self {
        Self(vec![0, 0, 0, 0, kind])
    }

    /// An answer to the request of this number.
    pub(super) fn to(id: u32, kind: u8) -> Self {
        Self::new(kind).number(id)
    }

    pub(super) fn number(mut self, n: u32) -> Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, n: u64) -> Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    pub(super) fn string(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut this = self.number(length);
        this.0.extend(bytes);
        this
    }

    pub(super) fn attrs(self, attrs: &Attrs) -> Self {
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
    pub(super) fn append(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().skip(5));
        self
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The packet as it is sent.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len().saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(head) = self.0.first_chunk_mut() {
            *head = length.to_be_bytes();
        }
        self.0
    }
}

/// A line as `ls -l` prints it, which is what people see who list a folder (§7, `longname`).
pub(super) fn long_name(name: &[u8], meta: &Metadata) -> Vec<u8> {
    let mode = meta.mode();
    let mut line = String::with_capacity(64);
    line.push(match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '-',
    });
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        line.push(if bits & 4 != 0 { 'r' } else { '-' });
        line.push(if bits & 2 != 0 { 'w' } else { '-' });
        line.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    let numbers = format!(
        " {:4} {:<8} {:<8} {:12} {} ",
        meta.nlink(),
        meta.uid(),
        meta.gid(),
        meta.size(),
        date(meta.mtime())
    );
    line.push_str(&numbers);
    let mut line = line.into_bytes();
    line.extend(name);
    line
}

/// `2024-02-29 23:59`, in UTC.
fn date(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years that begin in March, so that the leap day is their last: counted from 0000-03-01.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year + era * 400, month + 3)
    } else {
        (year + era * 400 + 1, month - 9)
    };
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}",
        rest / 3_600,
        rest / 60 % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates() {
        for (seconds, want) in [
            (0, "1970-01-01 00:00"),
            (951_868_740, "2000-02-29 23:59"),
            (951_868_800, "2000-03-01 00:00"),
            (4_107_542_399, "2100-02-28 23:59"),
            (-1, "1969-12-31 23:59"),
        ] {
            assert_eq!(date(seconds), want);
        }
    }

    proptest! {
        #[test]
        fn attributes_come_back(
            size in any::<Option<u64>>(),
            owner in any::<Option<(u32, u32)>>(),
            mode in any::<Option<u32>>(),
            times in any::<Option<(u32, u32)>>(),
        ) {
            let attrs = Attrs { size, owner, mode, times };
            let bytes = Answer::new(1).attrs(&attrs).finish();
            let mut fields = Fields(&bytes);
            prop_assert_eq!(fields.number().unwrap() as usize, bytes.len() - 4);
            prop_assert_eq!(fields.byte().unwrap(), 1);
            prop_assert_eq!(fields.attrs().unwrap(), attrs);
            prop_assert!(fields.0.is_empty());
        }
    }
}
