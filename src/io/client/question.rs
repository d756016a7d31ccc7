//! What a session knows of its nodes, asked from elsewhere: for completion, and for `ssh-config`.

use super::lender::{lender, places};
use super::meet::{self, Peer};
use super::{ask, program};
use crate::command::cli::Options;
use crate::error::{Error, Result};
use crate::wire::{Question, ToClient, ToServer};
use std::io::{self, Write as _};

/// The answer of the session that is meant: one that has the cluster file loaded that the options
/// name; without a file, the one that they name, else the one that was used last. `None`: there is
/// none.
pub(in crate::io) fn question(options: &Options, what: &Question) -> Option<Result<String>> {
    if options.no_session {
        return None;
    }
    let file = program::file_of(options);
    if file.is_some() {
        let lender = lender(options, file.as_deref())?;
        let peer = meet::find_fast(&lender.folder, &lender.name)?;
        return Some(answer(peer, what));
    }
    let mut best: Option<(u64, Peer)> = None;
    for (folder, name) in places(options) {
        if let Some(mut peer) = meet::find_fast(&folder, &name)
            && let Ok(info) = ask::info(&mut peer)
            && best.as_ref().is_none_or(|(used, _)| *used < info.used)
        {
            best = Some((info.used, peer));
        }
    }
    best.map(|(_, peer)| answer(peer, what))
}

fn answer(mut peer: Peer, what: &Question) -> Result<String> {
    let failed = |error: io::Error| Error::failed(error.to_string());
    let mut bytes = Vec::new();
    ToServer::Ask(what.clone()).encode(&mut bytes);
    (&peer.stream).write_all(&bytes).map_err(failed)?;
    let mut text = Vec::new();
    peer.answer(|message| match message {
        ToClient::Data(more) => {
            text.extend_from_slice(more);
            None
        },
        ToClient::Done(_) => Some(Ok(())),
        ToClient::Refused(status, why) => Some(Err(meet::refused(status, why))),
        _ => None,
    })?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
