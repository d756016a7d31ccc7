//! The session that a one-shot run borrows connections from.

use super::meet::{self, Peer};
use crate::app::{Snapshot, digest};
use crate::command::cli::Options;
use crate::error::{Error, Result};
use crate::io::files;
use crate::io::links::{CommonFile, Lender};
use crate::io::runtime_dir::{self, RuntimeDir};
use crate::wire::{Info, Question, is_session_name};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A session that runs, and answers at once.
pub(super) struct Found {
    pub(super) folder: RuntimeDir,
    pub(super) name: String,
    pub(super) peer: Peer,
    pub(super) info: Info,
}

/// The sessions that come into question.
pub(super) fn sessions(options: &Options) -> impl Iterator<Item = Found> + use<> {
    let places = places(options).into_iter();
    places.filter_map(|(folder, name)| {
        let mut peer = meet::find_fast(&folder, &name)?;
        let info = peer.info().ok()?;
        Some(Found {
            folder,
            name,
            peer,
            info,
        })
    })
}

/// A running session that lends connections to the nodes of this very file: see [`having`].
pub(in crate::io) fn lender(options: &Options, file: Option<&Path>) -> Option<Lender> {
    let file = file.filter(|_| !options.no_session)?;
    let (found, file) = having(options, file)?;
    Some(Lender {
        folder: found.folder,
        name: found.name,
        file: Some(file),
    })
}

/// A running session that has this very file loaded: the one that was named, or that this process
/// was started from; else the one that is called as its cluster is; else any.
pub(super) fn having(options: &Options, file: &Path) -> Option<(Found, CommonFile)> {
    let mut sessions = sessions(options).peekable();
    sessions.peek()?;
    let text = files::read_text(file).ok()?;
    let digest = digest(&text);
    let file = std::env::current_dir().ok()?.join(file);
    let real = file.canonicalize().ok()?;
    let mut second = None;
    for found in sessions {
        let mut sources = found.info.files.iter().zip(&found.info.digests);
        let has = sources.any(|(path, known)| {
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            known == &digest && path.canonicalize().is_ok_and(|path| path == real)
        });
        if !has {
            continue;
        }
        let best = found.info.clusters.contains(&found.name);
        second = second.filter(|_| !best).or(Some(found));
        if best {
            break;
        }
    }
    let file = CommonFile {
        path: file,
        real,
        digest,
    };
    Some((second?, file))
}

/// The socket of whoever runs the drop-in command, or the local command of a session, that this run
/// is part of; `None`: nobody does, or a file or session is meant.
pub(in crate::io) fn inside(options: &Options) -> Option<PathBuf> {
    let other = options.no_session || options.session.is_some() || options.file.is_some();
    let socket = std::env::var_os("DUST_SOCKET");
    let socket = socket.filter(|value| !value.is_empty() && !other)?;
    Some(PathBuf::from(socket))
}

/// Whoever this run is part of ([`inside`]): what it knows, and that it lends.
///
/// # Errors
/// It is gone, or does not answer: another cluster must not take its place unseen.
pub(in crate::io) fn outer(options: &Options) -> Result<Option<(Lender, Snapshot)>> {
    let Some(socket) = inside(options) else {
        return Ok(None);
    };
    let gone = |why: &str| {
        let text = format!("DUST_SOCKET is {}: {why}", socket.display());
        Error::failed(text).hint("-f FILE or --no-session goes without it")
    };
    let Some((folder, name)) = of_socket(&socket) else {
        return Err(gone("that is no socket of dust's"));
    };
    let stream = folder.connect(&name)?;
    let stream = stream.ok_or_else(|| gone("nobody listens there any more"))?;
    let peer = meet::meet(&name, stream, &folder)?;
    let mut peer = peer.ok_or_else(|| gone("it is just ending"))?;
    let snapshot = Snapshot::decode(&peer.ask(Question::Snapshot)?)?;
    let lender = Lender {
        folder,
        name,
        file: None,
    };
    Ok(Some((lender, snapshot)))
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
