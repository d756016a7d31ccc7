//! The session that a one-shot run borrows connections from.

use super::ask::info;
use super::meet;
use crate::app::digest;
use crate::command::cli::Options;
use crate::io::files;
use crate::io::links::Lender;
use crate::io::runtime_dir::{self, RuntimeDir};
use crate::wire::is_session_name;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A running session that has this very file loaded: the one that was named, or that this process
/// was started from; else the one that is called as its cluster is; else any.
pub(in crate::io) fn lender(options: &Options, file: Option<&Path>) -> Option<Lender> {
    let file = file.filter(|_| !options.no_session)?;
    let places = places(options);
    if places.is_empty() {
        return None;
    }
    let text = files::read_text(file).ok()?;
    let digest = digest(&text);
    let file = std::env::current_dir().ok()?.join(file);
    let real = file.canonicalize().ok()?;
    let mut second = None;
    for (folder, name) in places {
        let Some(mut peer) = meet::find_fast(&folder, &name) else {
            continue;
        };
        let Ok(info) = info(&mut peer) else {
            continue;
        };
        let mut sources = info.files.iter().zip(&info.digests);
        let has = sources.any(|(path, known)| {
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            known == &digest && path.canonicalize().is_ok_and(|path| path == real)
        });
        if !has {
            continue;
        }
        let best = info.clusters.contains(&name);
        let lender = Lender {
            folder,
            name,
            file: file.clone(),
            real: real.clone(),
            digest,
        };
        if best {
            return Some(lender);
        }
        second = second.or(Some(lender));
    }
    second
}

/// The sessions that come into question: the folders of their sockets, and their names.
pub(super) fn places(options: &Options) -> Vec<(RuntimeDir, String)> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if options.session.is_none()
        && let Some(socket) = set("DUST_SOCKET")
    {
        return of_socket(&PathBuf::from(socket)).into_iter().collect();
    }
    let variable = set("DUST_SESSION").and_then(|name| name.into_string().ok());
    let named = options.session.clone().or(variable);
    let (folders, _) = runtime_dir::existing();
    let mut places = Vec::new();
    for folder in folders {
        let names = folder.names().into_iter();
        let wanted = |name: &String| named.as_ref().is_none_or(|named| name == named);
        for name in names.filter(wanted) {
            if let Ok(folder) = folder.again() {
                places.push((folder, name));
            }
        }
    }
    places
}

fn of_socket(socket: &Path) -> Option<(RuntimeDir, String)> {
    let name = socket.file_name()?.to_str()?.strip_suffix(".sock")?;
    let folder = RuntimeDir::open(socket.parent()?).ok()?;
    is_session_name(name).then(|| (folder, name.to_owned()))
}
