//! Folders and files that belong to this user alone: made 0700 and 0600, and never followed
//! through a symbolic link that somebody may have planted.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::libc;
use nix::unistd::geteuid;

use crate::error::{Error, Result};

/// No file of a node that dust reads is larger.
const MAX_FILE: u64 = 64 * 1024;

/// The longest name of a node: one label of a host name (RFC 1035 §2.3.4).
const MAX_NAME: usize = 63;

/// An error of the system about a path.
pub(super) fn failed(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::failed(format!("{}: {what}", path.display()))
}

/// Refuses a node name that could not be a host name and a folder's name at once. Names get into
/// shell prompts and paths, so nothing that a shell or a path gives a meaning to is let through.
pub(super) fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if starts && name.len() <= MAX_NAME && name.chars().all(plain) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{name:?} cannot be the name of a node on this machine"
    ))
    .hint("letters, digits, '-', '_' and '.', 63 at most, not starting with '-' or '.'"))
}

/// Makes the folder (and what is missing above it) 0700, or checks the one that is there.
pub(super) fn make_private_dir(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .or_else(|e| {
            if e.kind() == ErrorKind::AlreadyExists {
                Ok(())
            } else {
                Err(e)
            }
        })
        .map_err(|e| failed(path, e))?;
    check_private_dir(path)
}

/// Refuses a folder that is a link, is another user's, or is open to others.
pub(super) fn check_private_dir(path: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(path).map_err(|e| failed(path, e))?;
    if !meta.is_dir() {
        return Err(failed(
            path,
            "is not a folder (symbolic links are not followed)",
        ));
    }
    check_private(&meta, path, "700")
}

/// Opens a file for reading and writing, making it 0600 if it is absent.
pub(super) fn open_private(path: &Path) -> Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).mode(0o600);
    open(how, path)
}

/// Opens a file that is there; None if it is absent.
pub(super) fn open_existing(path: &Path) -> Result<Option<File>> {
    let mut how = OpenOptions::new();
    how.read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    match how.open(path) {
        Ok(file) => check_private_file(&file, path).map(|()| Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(path, e)),
    }
}

/// The same as [`open_private`], emptied.
pub(super) fn open_private_empty(path: &Path) -> Result<File> {
    let mut how = OpenOptions::new();
    how.read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600);
    open(how, path)
}

fn open(mut how: OpenOptions, path: &Path) -> Result<File> {
    let file = how
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|e| failed(path, e))?;
    check_private_file(&file, path)?;
    Ok(file)
}

fn check_private_file(file: &File, path: &Path) -> Result<()> {
    let meta = file.metadata().map_err(|e| failed(path, e))?;
    if !meta.is_file() {
        return Err(failed(path, "is not a plain file"));
    }
    check_private(&meta, path, "600")
}

/// `mode`: what it should be.
fn check_private(meta: &Metadata, path: &Path, mode: &str) -> Result<()> {
    if meta.uid() != geteuid().as_raw() {
        return Err(failed(path, "belongs to another user"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(failed(path, "is open to other users").hint(format!(
            "if nobody tampered with it: chmod {mode} {}",
            path.display()
        )));
    }
    Ok(())
}

/// What a file of ours holds; None if it is absent.
pub(super) fn read_private(path: &Path) -> Result<Option<String>> {
    let Some(file) = open_existing(path)? else {
        return Ok(None);
    };
    let mut text = String::new();
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .map_err(|e| failed(path, e))?;
    Ok(Some(text))
}

/// Writes a file 0600; it appears whole or not at all. One writer at a time.
pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    let mut file = open_private_empty(fresh)?;
    file.write_all(text.as_bytes())
        .map_err(|e| failed(fresh, e))?;
    drop(file);
    fs::rename(fresh, path).map_err(|e| failed(path, e))
}

/// Removes a folder and all that is in it, also what its owner made unwritable. Links in it are
/// removed, not followed. A folder that is not there is fine.
pub(super) fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(_) => {
            open_up(path);
            match fs::remove_dir_all(path) {
                Err(e) if e.kind() != ErrorKind::NotFound => Err(failed(path, e)),
                _ => Ok(()),
            }
        },
    }
}

/// Gives the owner write access to all folders below, as far as that goes.
fn open_up(path: &Path) {
    let mut todo = vec![path.to_owned()];
    while let Some(dir) = todo.pop() {
        let Ok(meta) = fs::symlink_metadata(&dir) else {
            continue;
        };
        if !meta.is_dir() {
            continue;
        }
        if meta.mode() & 0o700 != 0o700 {
            let mut mode = meta.permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o700);
            // What cannot be opened up is named by the removal that follows.
            drop(fs::set_permissions(&dir, mode));
        }
        if let Ok(entries) = fs::read_dir(&dir) {
            todo.extend(entries.flatten().map(|e| e.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn names_that_mean_something_to_a_shell_or_a_path_are_refused() {
        for good in ["worker0", "a", "db-1.eu", "_x", "9"] {
            check_name(good).unwrap();
        }
        for bad in [
            "",
            ".",
            "..",
            ".key",
            "-n",
            "a/b",
            "a b",
            "a'b",
            "$x",
            "ä",
            &"x".repeat(64),
        ] {
            check_name(bad).unwrap_err();
        }
    }

    #[test]
    fn folders_and_files_are_private() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/b");
        make_private_dir(&dir).unwrap();
        assert_eq!((mode(&dir), mode(dir.parent().unwrap())), (0o700, 0o700));
        make_private_dir(&dir).unwrap();
        let file = dir.join("f");
        assert_eq!(read_private(&file).unwrap(), None);
        write_private(&file, "one").unwrap();
        write_private(&file, "two").unwrap();
        assert_eq!(read_private(&file).unwrap().unwrap(), "two");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    }

    #[test]
    fn what_others_can_reach_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let real = temp.path().join("real");
        make_private_dir(&real).unwrap();
        let link = temp.path().join("link");
        symlink(&real, &link).unwrap();
        assert!(
            make_private_dir(&link)
                .unwrap_err()
                .to_string()
                .contains("not a folder")
        );

        let file = real.join("f");
        write_private(&file, "x").unwrap();
        let planted = real.join("planted");
        symlink(&file, &planted).unwrap();
        read_private(&planted).unwrap_err();
        open_private(&planted).unwrap_err();

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(
            read_private(&file)
                .unwrap_err()
                .to_string()
                .contains("other users")
        );
        fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(
            check_private_dir(&real)
                .unwrap_err()
                .to_string()
                .contains("chmod 700")
        );
    }

    #[test]
    fn removing_goes_through_what_is_unwritable_and_stops_at_links() {
        let temp = tempfile::tempdir().unwrap();
        let kept = temp.path().join("kept");
        make_private_dir(&kept).unwrap();
        let tree = temp.path().join("tree");
        make_private_dir(&tree.join("cache/deep")).unwrap();
        fs::write(tree.join("cache/deep/f"), "x").unwrap();
        symlink(&kept, tree.join("cache/link")).unwrap();
        fs::set_permissions(tree.join("cache/deep"), fs::Permissions::from_mode(0o500)).unwrap();
        fs::set_permissions(tree.join("cache"), fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists() && kept.exists());
        remove_tree(&tree).unwrap();
    }
}
