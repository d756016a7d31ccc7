//! What a session knows of its nodes, asked from elsewhere: for completion, and for `ssh-config`.

use super::lender::{having, inside, sessions};
use super::program;
use crate::command::cli::Options;
use crate::error::{Error, Result};
use crate::wire::Question;

/// The answer of the session that is meant: the one that this process is part of; else one that has
/// the cluster file loaded that the options name; without a file, the one that they name, else the one
/// that was used last. `None`: there is none.
pub(in crate::io) fn question(options: &Options, what: Question) -> Option<Result<String>> {
    if options.no_session {
        return None;
    }
    let within = inside(options);
    let file = program::file_of(options).filter(|_| within.is_none());
    let found = match file {
        Some(file) => having(options, &file).map(|(found, _)| found),
        None => sessions(options).max_by_key(|found| found.info.used),
    };
    let Some(mut found) = found else {
        // Another cluster must not take its place unseen.
        let gone = |socket: std::path::PathBuf| {
            Error::failed(format!("nobody answers at {}", socket.display()))
        };
        return within.map(|socket| Err(gone(socket)));
    };
    let answer = found.peer.ask(what);
    Some(answer.map(|text| String::from_utf8_lossy(&text).into_owned()))
}
