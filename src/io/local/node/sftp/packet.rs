//! What a server's answers say beside the packets' own fields: refusals, and files as they are listed.

use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::session::sftp::packet::{Attrs, Code, Fields, Short};

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
}

impl From<Short> for Refusal {
    fn from(_: Short) -> Self {
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

/// A path. An empty one means the folder that the server works in.
pub(super) fn path(fields: &mut Fields<'_>) -> Result<PathBuf, Short> {
    let bytes = fields.string()?;
    let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
    Ok(if bytes.is_empty() {
        ".".into()
    } else {
        path.into()
    })
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
    let (year, month, day) = crate::model::time::date(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}",
        rest / 3_600,
        rest / 60 % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
