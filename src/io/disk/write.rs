//! Files that are written. Each grows under a name of its own, and is given its final name when it is
//! whole; what is not whole when dust ends is removed.

use super::below::{folder_of, make, name, open_folder};
use super::read::digest_of;
use super::why;
use crate::app::disk::{Below, DiskAsk, DiskNews, FileKey};
use crate::session::sftp::plan::Facts;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

/// A file that grows.
#[derive(Debug)]
struct Copy {
    file: File,
    folder: OwnedFd,
    part: Vec<u8>,
    /// It goes when it is not finished.
    ours: bool,
}

impl Copy {
    fn remove(&self) {
        if let Ok(part) = name(&self.part) {
            // What is gone already need not be removed.
            let _ = unlinkat(&self.folder, part, UnlinkatFlags::NoRemoveDir);
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if self.ours {
            self.remove();
        }
    }
}

/// The files that are being written by one thread.
#[derive(Debug, Default)]
pub(super) struct Copies(HashMap<FileKey, Copy>);

fn gone() -> io::Error {
    io::Error::other("it is not open")
}

impl Copies {
    pub(super) fn serve(&mut self, ask: DiskAsk) -> Option<DiskNews> {
        let text = |error: io::Error| why(&error);
        Some(match ask {
            DiskAsk::Create {
                key,
                place,
                spare,
                mode,
                resume,
            } => {
                let made = self.create(key, &place, spare, mode, resume);
                DiskNews::Created(made.map_err(text))
            },
            DiskAsk::Write(key, offset, data) => {
                let written = match self.0.get(&key) {
                    Some(copy) => copy.file.write_all_at(&data, offset),
                    None => Err(gone()),
                };
                DiskNews::Written(data.len(), written.map_err(text))
            },
            DiskAsk::DigestOf(key) => {
                let copy = self.0.get(&key).ok_or_else(gone);
                DiskNews::Digest(copy.and_then(|copy| digest_of(&copy.file)).map_err(text))
            },
            DiskAsk::Name {
                key,
                size,
                name,
                facts,
                sync,
            } => {
                let done = self.name(key, size, &name, facts.as_ref(), sync);
                DiskNews::Done(done.map_err(text))
            },
            DiskAsk::Leave { key, keep } => {
                if let Some(mut copy) = self.0.remove(&key) {
                    copy.ours = !keep;
                }
                return None;
            },
            DiskAsk::Folder(place, mode) => DiskNews::Done(folder(&place, mode).map_err(text)),
            DiskAsk::FolderFacts(place, facts) => {
                let set = open_folder(&place).and_then(|folder| set(&folder, &facts));
                DiskNews::Done(set.map_err(text))
            },
            DiskAsk::Link(place, to) => DiskNews::Done(link(&place, &to).map_err(text)),
            _ => return None,
        })
    }

    fn create(
        &mut self,
        key: FileKey,
        place: &Below,
        spare: Vec<u8>,
        mode: u32,
        resume: bool,
    ) -> io::Result<u64> {
        let folder = folder_of(place)?;
        let mut part = place.parts.last().cloned().unwrap_or_default();
        let base = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let base = base | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mode = Mode::from_bits_truncate(mode & 0o777 | 0o600);
        let how = if resume { base } else { base | OFlag::O_EXCL };
        let file = match openat(&folder, name(&part)?, how, mode) {
            Err(nix::errno::Errno::EEXIST) => {
                part = spare;
                openat(&folder, name(&part)?, how, mode)?
            },
            file => file?,
        };
        let file = File::from(file);
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let copy = Copy {
            file,
            folder,
            part,
            ours: true,
        };
        self.0.insert(key, copy);
        Ok(meta.len())
    }

    fn name(
        &mut self,
        key: FileKey,
        size: u64,
        new: &[u8],
        facts: Option<&Facts>,
        sync: bool,
    ) -> io::Result<()> {
        let mut copy = self.0.remove(&key).ok_or_else(gone)?;
        let length = copy.file.metadata()?.len();
        if length != size {
            let text = format!("{length} of {size} bytes were written");
            return Err(io::Error::other(text));
        }
        if let Some(facts) = facts {
            set(&copy.file, facts)?;
        }
        if sync {
            copy.file.sync_all()?;
        }
        renameat(&copy.folder, name(&copy.part)?, &copy.folder, name(new)?)?;
        copy.ours = false;
        Ok(())
    }
}

fn set(file: &impl AsFd, facts: &Facts) -> io::Result<()> {
    // Set-id bits are not taken over from another machine.
    fchmod(file, Mode::from_bits_truncate(facts.mode & 0o777))?;
    let time = |seconds: i64| TimeSpec::new(seconds, 0);
    futimens(file, &time(facts.accessed), &time(facts.modified))?;
    Ok(())
}

fn folder(place: &Below, mode: u32) -> io::Result<()> {
    let parent = folder_of(place)?;
    match place.parts.last() {
        Some(part) => make(&parent, part, mode & 0o777 | 0o700),
        None => Ok(()),
    }
}

/// Under another name first: one that is there is replaced in one step.
fn link(place: &Below, to: &[u8]) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder_of(place)?;
    let last = place.parts.last().cloned().unwrap_or_default();
    let to = std::ffi::OsStr::from_bytes(to);
    match symlinkat(to, &folder, name(&last)?) {
        Err(nix::errno::Errno::EEXIST) => {},
        done => return Ok(done?),
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
    let part = format!(".dust-{:016x}.part", u64::from_be_bytes(random));
    symlinkat(to, &folder, part.as_str())?;
    let renamed = renameat(&folder, part.as_str(), &folder, name(&last)?);
    if renamed.is_err() {
        let _ = unlinkat(&folder, part.as_str(), UnlinkatFlags::NoRemoveDir);
    }
    Ok(renamed?)
}
