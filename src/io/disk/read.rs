//! Files that are read: in pieces, and only as what they were when they were listed.

use super::{FileKey, why};
use crate::session::sftp::plan::{BLOCK, Facts};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

/// So many stay open between two pieces on one thread.
const OPEN_MAX: usize = 16;
const CHANGED: &str = "it changed while it was read";

/// The files that are being read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The one that was used last is at the end.
    open: VecDeque<(FileKey, File)>,
}

/// What a file is, as far as it matters to a copy.
pub(super) fn facts(meta: &Metadata) -> Facts {
    Facts {
        size: meta.size(),
        mode: meta.mode() & 0o7777,
        accessed: meta.atime(),
        modified: meta.mtime(),
        nanos: meta.mtime_nsec(),
    }
}

fn unchanged(file: &File, facts: &Facts) -> Result<(), String> {
    let meta = file.metadata().map_err(|error| why(&error))?;
    let now = self::facts(&meta);
    let same = (now.size, now.modified, now.nanos) == (facts.size, facts.modified, facts.nanos);
    if same {
        Ok(())
    } else {
        Err(CHANGED.to_owned())
    }
}

fn open(path: &Path) -> Result<File, String> {
    // A FIFO that has taken its place must not hold up the thread.
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path);
    file.map_err(|error| format!("cannot read it: {}", why(&error)))
}

impl Sources {
    /// A piece of a file.
    pub(super) fn read(
        &mut self,
        key: FileKey,
        path: &Path,
        facts: &Facts,
        block: u64,
    ) -> Result<Arc<[u8]>, String> {
        let at = self.open.iter().position(|(other, _)| *other == key);
        let file = match at.and_then(|at| self.open.remove(at)) {
            Some((_, file)) => file,
            None => open(path)?,
        };
        let offset = block.saturating_mul(BLOCK);
        let left = facts.size.saturating_sub(offset);
        let length = usize::try_from(left.min(BLOCK)).unwrap_or(0);
        let mut data = vec![0; length];
        file.read_exact_at(&mut data, offset).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                CHANGED.to_owned()
            } else {
                format!("cannot read it: {}", why(&error))
            }
        })?;
        // Nodes read at their own pace, some of it again: each piece must be of what was listed.
        unchanged(&file, facts)?;
        if left > BLOCK {
            self.open.push_back((key, file));
            if self.open.len() > OPEN_MAX {
                self.open.pop_front();
            }
        }
        Ok(data.into())
    }

    /// Nobody reads it any more.
    pub(super) fn forget(&mut self, key: FileKey) {
        self.open.retain(|(other, _)| *other != key);
    }
}

/// SHA-256 of a file.
pub(super) fn digest(path: &Path, facts: &Facts) -> Result<[u8; 32], String> {
    let file = open(path)?;
    let digest = digest_of(&file).map_err(|error| format!("cannot read it: {}", why(&error)))?;
    unchanged(&file, facts)?;
    Ok(digest)
}

/// SHA-256 of an open file.
pub(super) fn digest_of(file: &File) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        let count = match file.read_at(&mut buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(buffer.get(..count).unwrap_or_default());
        offset += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn no_piece_is_of_another_content_than_what_was_listed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("f");
        let block = usize::try_from(BLOCK).unwrap();
        fs::write(&path, vec![1; 3 * block]).unwrap();
        let facts = facts(&fs::metadata(&path).unwrap());
        let mut sources = Sources::default();
        for nth in 0..3 {
            let data = sources.read(FileKey(1), &path, &facts, nth).unwrap();
            assert!(data.len() == block && data.iter().all(|byte| *byte == 1));
        }
        // One node has it all; another still reads when it changes, the size stays.
        assert!(sources.read(FileKey(1), &path, &facts, 0).is_ok());
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&[2; 9], 2 * BLOCK - 9).unwrap();
        let later = std::time::SystemTime::UNIX_EPOCH;
        file.set_modified(later).unwrap();
        for nth in 0..3 {
            let read = sources.read(FileKey(1), &path, &facts, nth);
            assert_eq!(read, Err(CHANGED.to_owned()));
        }
    }
}
