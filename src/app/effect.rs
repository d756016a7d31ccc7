//! What a run wants done: all that it does to the world.

use super::disk::DiskAsk;
use super::{Call, DropInAsk, KeepAsk, Loan, LoanNews};
use crate::cloud;
use crate::model::{NodeId, Size};
use crate::session::channel::{ChannelId, ChannelRequest};
use crate::session::life;
use std::net::SocketAddr;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What is to be done in the world.
#[derive(Debug)]
pub enum Effect {
    /// Look up a host's addresses.
    Resolve(NodeId, u64, String, u16),
    /// Open a TCP connection.
    Dial(NodeId, u64, SocketAddr),
    /// Start a proxy command, and connect through it.
    Proxy(NodeId, u64, String),
    /// A jump host's login is done: it carries tunnels from now on.
    Carry(NodeId),
    /// Open a channel on a jump host's connection, and connect through it.
    Tunnel {
        /// The node.
        node: NodeId,
        /// Its attempt.
        attempt: u64,
        /// The jump host's connection.
        jump: NodeId,
        /// Where the jump host is to connect to.
        host: String,
        /// The TCP port there.
        port: u16,
    },
    /// Take the connection that a running session has to this node ([`super::Setup::lender`]).
    Borrow(NodeId, u64, Loan),
    /// What became of a channel that was lent to this borrower ([`super::App::lend`]).
    Lent(u32, LoanNews),
    /// Start the key exchange, as this user, under this known-hosts name.
    Handshake {
        /// The node.
        node: NodeId,
        /// The login user.
        user: String,
        /// The name in known-hosts files.
        alias: String,
        /// Host-key algorithms to prefer.
        algorithms: Vec<String>,
    },
    /// Append the node's host key to dust's known-hosts file; the port.
    Remember(NodeId, u16),
    /// Read and decrypt a private key, with a passphrase if there is one.
    LoadKey(NodeId, u64, PathBuf, Option<Zeroizing<String>>),
    /// Try to log in.
    Login(NodeId, u64, life::Method),
    /// Answer keyboard-interactive.
    Answer(NodeId, Vec<String>),
    /// Open the shell: terminal type, size, command line.
    Open(NodeId, String, Size, String),
    /// Send what the node's shell and its other channels have ready ([`super::App::unsent`]).
    Flush(NodeId),
    /// Open another channel on the node's connection. It is sent [`super::App::channel_unsent`], and
    /// its end once [`super::App::channel_is_over`].
    OpenChannel(NodeId, ChannelId, ChannelRequest),
    /// Close it, whatever its state.
    CloseChannel(NodeId, ChannelId),
    /// Do not read from it for now (true), or read again (false).
    PauseChannel(NodeId, ChannelId, bool),
    /// Tell its terminal a size.
    ResizeChannel(NodeId, ChannelId, Size),
    /// Send it a signal (its name without `SIG`).
    SignalChannel(NodeId, ChannelId, String),
    /// Tell the node's pty its size.
    Resize(NodeId, Size),
    /// Show the connection that somebody is there.
    Keepalive(NodeId),
    /// Close the node's connection, whatever its state.
    Hangup(NodeId),
    /// Run a line in the system shell, on the terminal.
    Local(String),
    /// Run a drop-in command, on the terminal.
    DropIn(Box<Call>),
    /// Something about the folders of drop-in commands. [`super::Event::DropIns`] answers under this
    /// number.
    DropIns(u64, DropInAsk),
    /// Keys for the local command; for the prompt, should it have ended already.
    LocalInput(Vec<u8>),
    /// Ask the provider `local`: request number, what, cluster, nodes.
    Provider(u64, ProviderOp, String, Vec<String>),
    /// Ask EC2: request number, where, what. [`super::Event::Cloud`] answers.
    Cloud(u64, cloud::Account, cloud::Ask),
    /// Something about this machine's files. [`super::Event::Disk`] answers under this number.
    Disk(u64, DiskAsk),
    /// Write lines to the end of a file. [`super::Event::Kept`] answers.
    Keep(KeepAsk),
    /// Append to the history file.
    History(String),
    /// Take what is known of a host's key out of dust's known-hosts file: the name there.
    Forget(String),
    /// Show or hide what is typed (in a batch, where the terminal does the editing).
    Echo(bool),
    /// Stop like Ctrl-Z does, and paint again afterwards: this process, or the client whose key it
    /// was.
    Suspend,
    /// Detach the client whose line it was.
    Detach,
    /// End the run.
    Exit(u8),
}

/// What a provider is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderOp {
    /// Say what there is.
    List,
    /// Start what is absent or stopped.
    Start,
    /// Stop what runs.
    Stop,
    /// Remove it.
    Terminate,
}
