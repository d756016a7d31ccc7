//! How far ahead of its reader a terminal is written to.
//!
//! OpenSSH's sshd answers what it writes to a terminal without echo by an SSH_MSG_IGNORE of the same
//! length, whatever that is, so that nobody sees from outside where passwords are typed. Packets above
//! 256 KiB are refused by libssh (and by OpenSSH's own client): the connection would be lost. So sshd is
//! never given so much that it could write that at once.

use super::{Channel, Session};

/// sshd is sent so much before it says that some was taken, in bytes. It says so at 96 KiB, three
/// packets (RFC 4254 §5.2): less than that would be waited on forever.
const AHEAD: usize = 160 * 1024;

/// For the channel of one terminal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    /// So much of the window is never used.
    rest: usize,
}

impl Ahead {
    /// For a channel that has just been opened. Only OpenSSH is held back: others do not answer so, and
    /// may say later that they took something.
    pub(super) fn new(session: &Session, channel: &Channel) -> Self {
        let banner = session.get_server_banner().unwrap_or_default();
        let rest = if banner.contains("OpenSSH") {
            channel.window_size().saturating_sub(AHEAD)
        } else {
            0
        };
        Self { rest }
    }

    /// How much may be sent now, in bytes.
    pub(super) fn room(self, channel: &Channel) -> usize {
        channel.window_size().saturating_sub(self.rest)
    }
}
