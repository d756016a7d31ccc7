//! Tokens, and who is registered with mio under which.

use crate::model::NodeId;
use mio::Token;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The signal pipe.
    Signals,
    /// A worker has an answer.
    Workers,
    /// Standard input, or the terminal's keys.
    Input,
    /// Standard output, or the terminal's screen.
    Output,
    /// Standard error.
    ErrorOutput,
    /// The pty of a local command.
    Pty,
    /// A node's socket.
    Node(NodeId),
}

const NODES: usize = 16;

impl From<Source> for Token {
    fn from(source: Source) -> Self {
        Self(match source {
            Source::Signals => 0,
            Source::Workers => 1,
            Source::Input => 2,
            Source::Output => 3,
            Source::ErrorOutput => 4,
            Source::Pty => 5,
            Source::Node(NodeId(id)) => NODES + id as usize,
        })
    }
}

impl Source {
    /// What a token that came back stands for.
    pub fn of(token: Token) -> Option<Self> {
        Some(match token.0 {
            0 => Self::Signals,
            1 => Self::Workers,
            2 => Self::Input,
            3 => Self::Output,
            4 => Self::ErrorOutput,
            5 => Self::Pty,
            id => Self::Node(NodeId(u32::try_from(id.checked_sub(NODES)?).ok()?)),
        })
    }
}
