//! Files that are written. Each grows under a name of its own, and is given its final name when it is
//! whole; what is not whole when dust ends is removed, unless it is to be gone on with.

use super::below::{folder_of, make, name, open_folder};
use super::read::digest_of;
use super::why;
use crate::app::disk::{Below, DiskAsk, DiskNews, FileKey};
use crate::session::sftp::plan::{Facts, part_name};
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod, fstat, fstatat, futimens};
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
            ours: !resume,
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
            // Nor would it be right after it was gone on with.
            copy.ours = true;
            let text = format!("{length} of {size} bytes were written");
            return Err(io::Error::other(text));
        }
        if let Some(facts) = facts {
            set(&copy.file, facts)?;
        }
        if sync {
            copy.file.sync_all()?;
        }
        let own = fstat(&copy.file)?;
        let there = fstatat(
            &copy.folder,
            name(&copy.part)?,
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )?;
        if (own.st_dev, own.st_ino) != (there.st_dev, there.st_ino) {
            copy.ours = false;
            return Err(io::Error::other(
                "another file has taken its place while it grew",
            ));
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
    let part = part_name(&last, &Facts::default(), Some(u64::from_be_bytes(random)));
    let part = name(&part)?;
    symlinkat(to, &folder, part)?;
    let renamed = renameat(&folder, part, &folder, name(&last)?);
    if renamed.is_err() {
        let _ = unlinkat(&folder, part, UnlinkatFlags::NoRemoveDir);
    }
    Ok(renamed?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::Arc;

    fn below(root: &Path, parts: &[&str]) -> Below {
        Below {
            root: Arc::from(root),
            parts: parts.iter().map(|part| part.as_bytes().to_vec()).collect(),
        }
    }

    fn create(copies: &mut Copies, place: Below, resume: bool) -> Result<u64, String> {
        let ask = DiskAsk::Create {
            key: FileKey(1),
            place,
            spare: b"spare".to_vec(),
            mode: 0o640,
            resume,
        };
        match copies.serve(ask) {
            Some(DiskNews::Created(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    fn finish(copies: &mut Copies, size: u64) -> Result<(), String> {
        let ask = DiskAsk::Name {
            key: FileKey(1),
            size,
            name: b"f".to_vec(),
            facts: None,
            sync: true,
        };
        match copies.serve(ask) {
            Some(DiskNews::Done(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    fn done(copies: &mut Copies, ask: DiskAsk) -> Result<(), String> {
        match copies.serve(ask) {
            Some(DiskNews::Done(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_name_and_no_link_leads_out_of_the_folder() {
        let temp = tempfile::tempdir().unwrap();
        let (root, other) = (temp.path().join("root"), temp.path().join("other"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&other).unwrap();
        symlink(&other, root.join("link")).unwrap();
        symlink(other.join("planted"), root.join("part")).unwrap();
        let copies = &mut Copies::default();
        for parts in [
            &["link", "f"][..],
            &["..", "other", "f"],
            &["."],
            &[""],
            &["a/b"],
            &["a\0b"],
        ] {
            let place = below(&root, parts);
            assert!(create(copies, place.clone(), false).is_err(), "{parts:?}");
            assert!(create(copies, place.clone(), true).is_err(), "{parts:?}");
            let folder = DiskAsk::Folder(place.clone(), 0o755);
            assert!(done(copies, folder).is_err(), "{parts:?}");
            let link = DiskAsk::Link(place.clone(), b"x".to_vec());
            assert!(done(copies, link).is_err(), "{parts:?}");
            let facts = DiskAsk::FolderFacts(place, Facts::default());
            assert!(done(copies, facts).is_err(), "{parts:?}");
        }
        assert!(done(copies, DiskAsk::Folder(below(&root, &["link"]), 0o755)).is_err());
        // A link where the copy would grow.
        assert!(create(copies, below(&root, &["part"]), true).is_err());
        assert_eq!(create(copies, below(&root, &["part"]), false), Ok(0));
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
        // A link that has the name is replaced, not followed.
        symlink(other.join("target"), root.join("f")).unwrap();
        finish(copies, 0).unwrap();
        assert!(fs::symlink_metadata(root.join("f")).unwrap().is_file());
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
    }

    #[test]
    fn what_has_taken_the_place_of_a_copy_does_not_get_its_name() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        let copies = &mut Copies::default();
        create(copies, below(root, &["part"]), false).unwrap();
        fs::write(root.join("other"), b"").unwrap();
        fs::rename(root.join("other"), root.join("part")).unwrap();
        assert!(finish(copies, 0).unwrap_err().contains("another file"));
        assert!(!root.join("f").exists() && root.join("part").exists());
    }

    #[test]
    fn only_what_is_whole_gets_its_name_and_the_rest_goes() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(root)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let copies = &mut Copies::default();
        let write = DiskAsk::Write(FileKey(1), 2, b"cd".to_vec());
        create(copies, below(root, &["part"]), false).unwrap();
        copies.serve(write.clone());
        assert!(finish(copies, 5).unwrap_err().contains("4 of 5"));
        assert_eq!(names(), [""; 0]);
        // It is left, or kept to be gone on with.
        for (keep, left) in [(false, 0), (true, 1)] {
            create(copies, below(root, &["part"]), false).unwrap();
            copies.serve(write.clone());
            let key = FileKey(1);
            assert!(copies.serve(DiskAsk::Leave { key, keep }).is_none());
            assert_eq!(names().len(), left);
        }
        // The end of dust keeps what is gone on with; what has become too long goes.
        assert_eq!(create(copies, below(root, &["part"]), true), Ok(4));
        drop(std::mem::take(copies));
        assert_eq!(create(copies, below(root, &["part"]), true), Ok(4));
        assert!(finish(copies, 3).unwrap_err().contains("4 of 3"));
        assert_eq!(names(), [""; 0]);
        assert_eq!(create(copies, below(root, &["part"]), true), Ok(0));
        copies.serve(write);
        copies.serve(DiskAsk::Write(FileKey(1), 0, b"ab".to_vec()));
        finish(copies, 4).unwrap();
        assert_eq!(fs::read(root.join("f")).unwrap(), b"abcd");
        // Else the end of dust keeps nothing.
        create(copies, below(root, &["d", "part"]), false).unwrap();
        drop(std::mem::take(copies));
        assert_eq!(names(), ["d", "f"]);
        assert_eq!(fs::read_dir(root.join("d")).unwrap().count(), 0);
        // A link takes the place of a file in one step.
        done(copies, DiskAsk::Link(below(root, &["f"]), b"to".to_vec())).unwrap();
        assert_eq!(fs::read_link(root.join("f")).unwrap(), Path::new("to"));
        assert_eq!(names(), ["d", "f"]);
    }
}
