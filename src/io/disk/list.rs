//! What there is to copy: files that were named, by wildcards too, and what is in folders.

use super::read::facts;
use super::why;
use crate::app::disk::{Found, FoundKind, Listing};
use crate::session::sftp::pattern;
use std::fs::{self, Metadata};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// So deep are folders entered; deeper ones are a mistake.
const DEPTH_MAX: usize = 256;

type Wrong = Vec<(PathBuf, String)>;

/// All that can be copied of it, and what cannot.
pub(super) fn list(paths: &[PathBuf], deep: bool) -> Listing {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    let paths: Vec<PathBuf> = paths.iter().flat_map(|path| expand(path)).collect();
    let count = paths.len();
    for path in paths {
        if let Err(error) = named(&path, deep, &mut found, &mut wrong) {
            wrong.push((path, error));
        }
    }
    Listing {
        found,
        wrong,
        named: count,
    }
}

/// A file that was named. What it leads to is copied if it is a link.
fn named(path: &Path, deep: bool, found: &mut Vec<Found>, wrong: &mut Wrong) -> Result<(), String> {
    let meta = fs::metadata(path).map_err(|error| why(&error))?;
    let whole;
    let name = match path.file_name() {
        Some(name) => name,
        // `.` and `..` have the names of what they lead to.
        None => {
            whole = fs::canonicalize(path).map_err(|error| why(&error))?;
            whole.file_name().unwrap_or_default()
        },
    };
    let goes = name.as_bytes().to_vec();
    if meta.is_dir() && !deep {
        return Err("it is a folder; -r copies it".to_owned());
    }
    if meta.is_dir() && goes.is_empty() {
        return Err("it has no name".to_owned());
    }
    enter(path, goes, &meta, 0, found, wrong);
    Ok(())
}

fn enter(
    path: &Path,
    goes: Vec<u8>,
    meta: &Metadata,
    depth: usize,
    found: &mut Vec<Found>,
    wrong: &mut Wrong,
) {
    let kind = meta.file_type();
    let what = if kind.is_dir() {
        FoundKind::Folder(facts(meta))
    } else if kind.is_file() {
        FoundKind::File(facts(meta))
    } else if kind.is_symlink() {
        match fs::read_link(path) {
            Ok(to) => FoundKind::Link(to.into_os_string().into_vec()),
            Err(error) => {
                wrong.push((path.to_owned(), why(&error)));
                return;
            },
        }
    } else {
        FoundKind::Other
    };
    found.push(Found {
        path: path.to_owned(),
        goes: goes.clone(),
        kind: what,
    });
    if !kind.is_dir() {
        return;
    }
    let entries = match fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        _ if depth >= DEPTH_MAX => {
            wrong.push((path.to_owned(), "the folders are too deep".to_owned()));
            return;
        },
        Err(error) => {
            wrong.push((path.to_owned(), why(&error)));
            return;
        },
        Ok(entries) => entries,
    };
    let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let path = path.join(&name);
        let goes = [&goes[..], b"/", name.as_bytes()].concat();
        match fs::symlink_metadata(&path) {
            Ok(meta) => enter(&path, goes, &meta, depth + 1, found, wrong),
            // It went meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {},
            Err(error) => wrong.push((path, why(&error))),
        }
    }
}

/// The paths that a wildcard means; the path itself where it means none. A part that is a name there is
/// that name: dust's own folder may be called `a[1]`.
fn expand(path: &Path) -> Vec<PathBuf> {
    if !pattern::is_wild(path.as_os_str().as_bytes()) {
        return vec![path.to_owned()];
    }
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let name = part.as_os_str();
        let is_wild = pattern::is_wild(name.as_bytes());
        found = found
            .into_iter()
            .flat_map(|folder| {
                let literal = folder.join(name);
                if !is_wild || fs::symlink_metadata(&literal).is_ok() {
                    return vec![literal];
                }
                fitting(&folder, name.as_bytes())
            })
            .collect();
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    if found.is_empty() {
        found.push(path.to_owned());
    }
    found
}

/// What in a folder fits a wildcard, in order.
fn fitting(folder: &Path, wild: &[u8]) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    let mut names: Vec<_> = names
        .filter(|name| pattern::fits(wild, name.as_bytes()))
        .collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_listed_is_told_beside_what_can() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        let deep = root.join("top").join("d/".repeat(DEPTH_MAX));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("f"), "").unwrap();
        fs::write(root.join("top/z"), "").unwrap();
        let paths = ["top", "no", "top/z*", "*.no"].map(|name| root.join(name));
        let listing = list(&paths, true);
        let wrong: Vec<_> = listing.wrong.iter().map(|(path, _)| path.clone()).collect();
        let [_, no, _, none] = &paths;
        // Without the slash at its end.
        let deep: PathBuf = deep.components().collect();
        assert_eq!(wrong, [deep, no.clone(), none.clone()]);
        let goes: Vec<_> = listing.found.iter().map(|found| &found.goes[..]).collect();
        assert!(goes.ends_with(&[b"top/z", b"z"]), "{goes:?}");
        assert_eq!((goes.len(), listing.named), (1 + DEPTH_MAX + 2, 4));
    }
}
