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
    /// The socket that clients connect to.
    Listener,
    /// The folder of that socket.
    Folder,
    /// A client's socket, by its number.
    Client(u32),
    /// A node's socket.
    Node(NodeId),
    /// The other end of a node's socket, where that is one of a pair.
    Tunnel(NodeId),
    /// Standard error of a node's proxy command.
    Errors(NodeId),
}

/// Tokens from here on are nodes', [`EACH`] for each.
const NODES: usize = 16;
const EACH: usize = 3;
/// Tokens from here on are clients'.
const CLIENTS: usize = usize::MAX / 2;

impl From<Source> for Token {
    fn from(source: Source) -> Self {
        Self(match source {
            Source::Signals => 0,
            Source::Workers => 1,
            Source::Input => 2,
            Source::Output => 3,
            Source::ErrorOutput => 4,
            Source::Pty => 5,
            Source::Listener => 6,
            Source::Folder => 7,
            Source::Client(number) => CLIENTS + number as usize,
            Source::Node(NodeId(id)) => NODES + EACH * id as usize,
            Source::Tunnel(NodeId(id)) => NODES + EACH * id as usize + 1,
            Source::Errors(NodeId(id)) => NODES + EACH * id as usize + 2,
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
            6 => Self::Listener,
            7 => Self::Folder,
            token if token >= CLIENTS => Self::Client(u32::try_from(token - CLIENTS).ok()?),
            token => {
                let number = token.checked_sub(NODES)?;
                let id = NodeId(u32::try_from(number / EACH).ok()?);
                match number % EACH {
                    0 => Self::Node(id),
                    1 => Self::Tunnel(id),
                    _ => Self::Errors(id),
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_what_it_went_out() {
        let ids = [0, 1, 77, u32::MAX / 4].map(NodeId);
        let nodes = ids
            .into_iter()
            .flat_map(|id| [Source::Node(id), Source::Tunnel(id), Source::Errors(id)]);
        for source in nodes.chain([
            Source::Signals,
            Source::ErrorOutput,
            Source::Pty,
            Source::Listener,
            Source::Folder,
            Source::Client(0),
            Source::Client(u32::MAX),
        ]) {
            assert_eq!(Source::of(source.into()), Some(source));
        }
    }
}
