//! What a client and the server of a session say to each other over their unix socket.
//!
//! Each side first sends a [`Hello`], whose form never changes. Then both send frames: `u32` length
//! of what follows (big-endian), `u8` kind, body. [`Frames`] cuts them out of what was read;
//! [`ToServer`] and [`ToClient`] are what they mean. Nothing here trusts the other side: lengths are
//! capped before anything is kept, and whatever cannot be read is a [`Fault`].

mod codec;
mod frame;
mod hello;
mod to_client;
mod to_server;

pub use frame::{Frames, HEAD, head};
pub use hello::{HELLO_MAX, Hello, Mismatch};
pub use to_client::{Info, ToClient, data_head, output_head};
pub use to_server::{Attach, OpenChannel, Purpose, Question, Source, ToServer};

use std::fmt;

/// The protocol that this dust speaks best.
pub const VERSION: u16 = 1;
/// The oldest one that it still speaks.
pub const OLDEST: u16 = 1;

/// The longest frame of a control message, in bytes, with its kind.
pub const CONTROL_MAX: usize = 64 * 1024;
/// The longest frame of data, in bytes, with its kind.
pub const DATA_MAX: usize = 256 * 1024;
/// The longest name of a session, in bytes: it must fit into the name of a socket.
pub const NAME_MAX: usize = 64;

/// Variables of an environment and their values.
pub type Variables = Vec<(Vec<u8>, Vec<u8>)>;

/// Why what the other side sent cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not begin as dust does.
    NotDust,
    /// A frame of this kind is longer than any.
    TooLong(u8, u32),
    /// No message has this kind.
    Unknown(u8),
    /// The body of a message of this kind is cut off, or has too much.
    Malformed(u8),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDust => write!(f, "the other side is not dust"),
            Self::TooLong(kind, length) => {
                write!(f, "a message of kind {kind} claims {length} bytes")
            },
            Self::Unknown(kind) => write!(f, "no message has the kind {kind}"),
            Self::Malformed(kind) => write!(f, "a message of kind {kind} is malformed"),
        }
    }
}

impl std::error::Error for Fault {}

/// True for what a session may be called: letters, digits, `.`, `_` and `-`, not first a dot or dash.
pub fn is_session_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= NAME_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests;
