//! Places below a folder: reached from it one name at a time, and through no link, so that names which
//! come from nodes lead nowhere else.

use crate::app::disk::Below;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat, mkdirat};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

const FOLDER: OFlag = OFlag::O_DIRECTORY
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_RDONLY);

/// A name that stays in its folder.
pub(super) fn name(part: &[u8]) -> io::Result<&OsStr> {
    let bad = matches!(part, b"" | b"." | b"..") || part.contains(&b'/') || part.contains(&0);
    if bad {
        return Err(io::Error::other("the name would lead elsewhere"));
    }
    Ok(OsStr::from_bytes(part))
}

fn open_at(folder: &OwnedFd, part: &[u8]) -> io::Result<OwnedFd> {
    let flags = FOLDER | OFlag::O_NOFOLLOW;
    Ok(openat(folder, name(part)?, flags, Mode::empty())?)
}

/// The folder that something is in; those on the way are made.
pub(super) fn folder_of(place: &Below) -> io::Result<OwnedFd> {
    let mut folder = OwnedFd::from(File::open(&place.root)?);
    let Some((_, parents)) = place.parts.split_last() else {
        return Err(io::Error::other("there is no name"));
    };
    for (depth, part) in parents.iter().enumerate() {
        folder = match open_at(&folder, part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Only the node's own folder is nobody's copy; others are made before what is in them.
                make(&folder, part, if depth == 0 { 0o777 } else { 0o700 })?;
                open_at(&folder, part)?
            },
            folder => folder?,
        };
    }
    Ok(folder)
}

/// Makes a folder; one that is there will do.
pub(super) fn make(folder: &OwnedFd, part: &[u8], mode: u32) -> io::Result<()> {
    match mkdirat(folder, name(part)?, Mode::from_bits_truncate(mode)) {
        Err(Errno::EEXIST) => {
            let meta = fstatat(folder, name(part)?, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if meta.st_mode & nix::libc::S_IFMT == nix::libc::S_IFDIR {
                Ok(())
            } else {
                Err(Errno::ENOTDIR.into())
            }
        },
        done => Ok(done?),
    }
}

/// The folder itself, opened.
pub(super) fn open_folder(place: &Below) -> io::Result<OwnedFd> {
    let folder = folder_of(place)?;
    match place.parts.last() {
        Some(part) => open_at(&folder, part),
        None => Ok(folder),
    }
}
