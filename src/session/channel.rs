//! Further channels of a node's connection, beside that of its shell (RFC 4254 §5, §6): what is
//! asked for, and what comes of it.

use crate::model::Size;

/// One channel of one connection. 0 is the channel that feeds a command ([`super::feed`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u64);

impl ChannelId {
    /// Standard input for the command in the shell.
    pub const FEED: Self = Self(0);
}

/// What a channel is for.
pub use crate::wire::Purpose as ChannelKind;

/// What is asked of a node's sshd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRequest {
    /// What for.
    pub kind: ChannelKind,
    /// With a terminal of this type and size.
    pub pty: Option<(String, Size)>,
    /// Variables to set there, as far as the node's sshd accepts them (AcceptEnv).
    pub env: Vec<(String, String)>,
}

impl ChannelRequest {
    /// A command without a terminal.
    pub fn exec(command: String) -> Self {
        Self {
            kind: ChannelKind::Exec(command),
            pty: None,
            env: Vec::new(),
        }
    }
}

/// What happened to a channel.
#[derive(Debug)]
pub enum ChannelEvent<'a> {
    /// Data flows.
    Opened,
    /// It printed this on its standard output.
    Data(&'a [u8]),
    /// On its standard error.
    Complaint(&'a [u8]),
    /// Nothing more will be printed; its end, with an exit status, may follow.
    Eof,
    /// It is closed, with this exit status.
    Closed(Option<i32>),
    /// The server would not open it; why.
    Refused(String),
}
