//! `dust attach`, `ls`, `detach`, `kill`.

use super::meet::{self, Peer};
use super::{join, no_session};
use crate::command::options::Sub;
use crate::error::{Error, Kind, Result};
use crate::io::runtime_dir;
use crate::ui::style::Palette;
use crate::ui::table::Table;
use crate::wire::{Info, ToClient, ToServer, is_session_name};
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Does what a subcommand about sessions says; dust's exit status.
pub(in crate::io) fn ask(what: Sub, name: Option<String>, json: bool) -> Result<u8> {
    match what {
        Sub::Attach => join(&name.map_or_else(last_used, Ok)?),
        Sub::Detach => detach(name),
        Sub::Kill => kill(&name.map_or_else(the_only, Ok)?),
        _ => Ok(list(json)),
    }
}

/// All sessions that answer; those that do not are named with the reason.
fn all() -> Vec<(String, Result<Info>)> {
    let names = runtime_dir::names().into_iter();
    let infos = names.filter_map(|name| match meet::find(&name) {
        Ok(None) => None,
        Ok(Some(mut peer)) => Some((name, peer.info())),
        Err(error) => Some((name, Err(error))),
    });
    infos.collect()
}

fn none() -> Error {
    Error::usage("no session runs").hint("dust opens one")
}

/// The session that was used last.
fn last_used() -> Result<String> {
    let mut all = all();
    if let [(name, _)] = all.as_slice() {
        return Ok(name.clone());
    }
    all.sort_by_key(|(_, info)| info.as_ref().map_or(0, |info| info.used));
    all.pop().map(|(name, _)| name).ok_or_else(none)
}

/// The only session: none is ended by mistake.
fn the_only() -> Result<String> {
    let mut all = all();
    match all.len() {
        0 => Err(none()),
        1 => all.pop().map(|(name, _)| name).ok_or_else(none),
        _ => {
            let names: Vec<String> = all.into_iter().map(|(name, _)| name).collect();
            let text = format!("which session? {}", names.join(", "));
            Err(Error::usage(text))
        },
    }
}

fn detach(name: Option<String>) -> Result<u8> {
    let message = ToServer::DetachAll;
    let name = match name {
        None => last_used()?,
        Some(name) if is_session_name(&name) && meet::find(&name)?.is_some() => name,
        Some(node) => return detach_node(&node),
    };
    let Some(mut peer) = meet::find(&name)? else {
        return Err(no_session(&name));
    };
    let text = told(&mut peer, &message)?;
    Ok(print(&format!("{text}\n")))
}

/// Asks every session to detach a node's shell: one of them may have it.
fn detach_node(node: &str) -> Result<u8> {
    let mut known = None;
    for name in runtime_dir::names() {
        let mut peer = match meet::find(&name) {
            Ok(Some(peer)) => peer,
            Ok(None) => continue,
            // Another one may have it.
            Err(error) => {
                known = known.or(Some(error));
                continue;
            },
        };
        match told(&mut peer, &ToServer::DetachNode(node.to_owned())) {
            Ok(text) => return Ok(print(&format!("{text}\n"))),
            // It knows the node.
            Err(error) if error.kind() == Kind::Failed => known = Some(error),
            Err(_) => {},
        }
    }
    Err(known.unwrap_or_else(|| no_session(node)))
}

fn told(peer: &mut Peer, message: &ToServer<'_>) -> Result<String> {
    peer.say(message)?;
    peer.answer(|message| match message {
        ToClient::Done(text) => Some(Ok(text)),
        ToClient::Refused(status, why) => Some(Err(meet::refused(status, why))),
        _ => None,
    })
}

fn kill(name: &str) -> Result<u8> {
    let Some(mut peer) = meet::find(name)? else {
        return Err(no_session(name));
    };
    peer.say(&ToServer::Kill)?;
    let failed = |error: io::Error| Error::failed(format!("session {name}: {error}"));
    peer.stream.set_read_timeout(None).map_err(failed)?;
    let mut refused = None;
    // The end of its process is the end of this connection: nothing else is waited for.
    let gone = peer.answer(|message| match message {
        ToClient::Refused(status, why) => {
            refused = Some(meet::refused(status, why));
            Some(Ok(()))
        },
        _ => None,
    });
    drop(gone);
    refused.map_or(Ok(0), Err)
}

fn print(text: &str) -> u8 {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => 0,
        Err(_) => Kind::Failed.exit_code(),
    }
}

fn list(json: bool) -> u8 {
    let mut table = Table::new(["session", "cluster", "nodes", "attached", "idle"]);
    let mut out = String::new();
    let mut status = 0;
    for (name, info) in all() {
        match info {
            Ok(info) if json => {
                let _ = writeln!(out, "{}", as_json(&info));
            },
            Ok(info) => table.row(row(&info)),
            Err(error) => {
                status = error.kind().exit_code();
                drop(writeln!(io::stderr(), "dust: {name}: {error}"));
            },
        }
    }
    if !table.is_empty() {
        out = text(&table);
    }
    status.max(print(&out))
}

fn as_json(info: &Info) -> String {
    let files = info
        .files
        .iter()
        .map(|file| String::from_utf8_lossy(file).into_owned());
    serde_json::json!({
        "session": info.name,
        "clusters": info.clusters,
        "files": files.collect::<Vec<_>>(),
        "nodes": info.nodes,
        "attached": info.attached,
        "idle": info.idle,
        "began": info.began,
        "pid": info.pid,
    })
    .to_string()
}

fn row(info: &Info) -> [String; 5] {
    let clusters = match info.clusters.as_slice() {
        [] => "-".to_owned(),
        names => names.join(","),
    };
    [
        info.name.clone(),
        clusters,
        info.nodes.to_string(),
        info.attached.to_string(),
        span(info.idle),
    ]
}

/// A time for people: `12s`, `5m`, `3h 20m`, `2d 4h`.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

fn text(table: &Table) -> String {
    let lines = table.render(None, Palette::new(false)).into_iter();
    lines.map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h 0m"),
            (12_000, "3h 20m"),
            (187_200, "2d 4h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn a_session_as_a_row_and_as_json() {
        let info = Info {
            name: "lab".to_owned(),
            clusters: vec!["lab".to_owned(), "größe".to_owned()],
            files: vec![b"/x/lab.cnf".to_vec()],
            digests: vec![vec![7; 32]],
            nodes: 12,
            attached: 1,
            idle: 75,
            used: 9,
            began: 5,
            pid: 77,
        };
        let mut table = Table::new(["session", "cluster", "nodes"]);
        table.row(row(&info));
        assert_eq!(
            text(&table),
            "session  cluster    nodes\nlab      lab,größe  12\n"
        );
        assert_eq!(
            as_json(&info),
            r#"{"attached":1,"began":5,"clusters":["lab","größe"],"files":["/x/lab.cnf"],"idle":75,"nodes":12,"pid":77,"session":"lab"}"#
        );
    }
}
