//! What happens to a run: all that it is told of the world.

use super::disk::DiskNews;
use super::{DropInNews, KeepNews, LocalEnd};
use crate::cloud;
use crate::error::Result;
use crate::model::{NodeId, NodeState, Size};
use crate::session::channel::{ChannelEvent, ChannelId};
use crate::session::life;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What happens to a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// Bytes from the terminal (at the prompt), or from standard input (in a batch).
    Input(&'a [u8]),
    /// The terminal is gone, or standard input has ended.
    InputEnd,
    /// It cannot be read; why.
    InputFailed(String),
    /// The terminal has this size now.
    Resized(Size),
    /// Ctrl-C as a signal.
    Interrupt,
    /// SIGTERM or SIGHUP: the number of the signal.
    Terminate(u8),
    /// News of a node's connection; the attempt tells late news from current ones.
    Link(NodeId, u64, life::Event),
    /// The jump host of a node opened no channel to it; why, where that is known.
    NotForwarded(NodeId, u64, Option<life::Refusal>),
    /// Bytes from a node's shell.
    Data(NodeId, &'a [u8]),
    /// A node's shell has ended, with the exit status that its sshd told.
    ShellClosed(NodeId, Option<i32>),
    /// News of another channel on a node's connection.
    Channel(NodeId, ChannelId, ChannelEvent<'a>),
    /// A local command has ended, or could not start.
    LocalEnded(Result<LocalEnd>),
    /// News of the folders of drop-in commands, to the question of this number.
    DropIns(u64, DropInNews),
    /// What the provider `local` says of nodes: the whole cluster, by name.
    Provided(Provided),
    /// An answer about a key that needs a passphrase: the path.
    KeyLocked(PathBuf),
    /// News of EC2, to the question of this number.
    Cloud(u64, cloud::News),
    /// News of this machine's files, to the question of this number.
    Disk(u64, DiskNews),
    /// Lines of a log or a recording were written, or could not be.
    Kept(KeepNews),
}

/// What a provider did or found out.
#[derive(Debug)]
pub struct Provided {
    /// Which cluster.
    pub cluster: String,
    /// The job that asked.
    pub request: u64,
    /// Its nodes now.
    pub nodes: Vec<ProvidedNode>,
    /// What failed, by node; an empty name is the whole request.
    pub failures: Vec<(String, String)>,
}

/// One node, as its provider sees it.
#[derive(Clone, Debug)]
pub struct ProvidedNode {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: NodeState,
    /// Where its sshd listens.
    pub addr: Option<SocketAddr>,
    /// The login user.
    pub user: Option<String>,
    /// The fingerprint of its host key (`SHA256:…`), if the provider vouches for it.
    pub host_key: Option<String>,
    /// The private key that opens it.
    pub key: Option<PathBuf>,
}
