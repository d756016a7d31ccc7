//! A connection that a jump host makes for us: a direct-tcpip channel (RFC 4254 §7.2).
//!
//! - libssh keeps the reason of a refusal as *the* error of the session. One poll may bring several
//!   refusals, and only the last one stays: the channel's number in its text tells whose it is.
//! - Reading from a channel handles packets of all channels, and so does writing.
//! - While a write is pending, closing a channel sends the end of the data, but not the close.

use super::faults::{ended, explain, fault};
use super::{Channel, Fault, Link, SshError, WRITE_SIZE};
use crate::session::life::Refusal;
use std::io::Write as _;

/// libssh counts a session's channels from the one after this.
const CHANNELS_START: u32 = 42;
/// Where the connection comes from, as far as the jump host's log is concerned: what OpenSSH says.
const ORIGIN: (&str, u16) = ("127.0.0.1", 65535);

/// A channel to somewhere else.
pub struct Forward {
    channel: Channel,
    number: u32,
    host: String,
    port: u16,
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forward")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// What became of asking for a channel.
#[derive(Debug)]
pub enum Opening {
    /// Nothing yet.
    Wait,
    /// Data flows.
    Open,
    /// The jump host refused; why, if that is known.
    Refused(Option<Refusal>),
    /// The session failed.
    Fault(Fault),
}

impl Link {
    /// Asks for a channel to this host and port, as the jump host sees them.
    pub fn forward(&mut self, host: &str, port: u16) -> Result<Forward, Fault> {
        let channel = self.session.new_channel().map_err(|error| fault(&error))?;
        self.forwards += 1;
        let forward = Forward {
            channel,
            number: CHANNELS_START + self.forwards,
            host: host.to_owned(),
            port,
        };
        // The first call gives the channel its number. What it answers is asked for again.
        if let Err(error) = forward.ask() {
            self.note_refusal(&explain(&error));
        }
        Ok(forward)
    }

    /// Handles what has arrived: at most 4,096 bytes, for whichever channel.
    pub fn pump(&mut self) -> Result<(), Fault> {
        if self.channel.is_none() {
            // A channel that is never opened reports the session's errors, and changes none.
            let channel = self.session.new_channel();
            self.channel = Some(channel.map_err(|error| fault(&error))?);
        }
        let Some(channel) = &self.channel else {
            return Ok(());
        };
        match channel.read_nonblocking(&mut [0], false) {
            Ok(_) | Err(SshError::TryAgain) => {},
            Err(error) => return Err(fault(&error)),
        }
        if self.session.is_connected() {
            Ok(())
        } else {
            let why = "the connection was closed by the other side";
            Err(Fault::Dropped(why.to_owned()))
        }
    }

    /// The same on a connection that is there but has no shell now; others may have channels on it.
    pub(super) fn look(&mut self) -> Result<(), Fault> {
        // Before the login is done there are no channels.
        if self.channel.is_none() {
            self.channel = self.session.new_channel().ok();
        }
        if self.channel.is_none() {
            return Ok(());
        }
        self.pump()
    }

    fn note_refusal(&mut self, text: &str) {
        if let Some((number, refusal)) = parse(text) {
            self.refusals.insert(number, refusal);
        }
    }
}

impl Forward {
    fn ask(&self) -> Result<(), SshError> {
        let (host, port) = ORIGIN;
        self.channel.open_forward(&self.host, self.port, host, port)
    }

    /// Whether the channel is open by now.
    pub fn opening(&self, link: &mut Link) -> Opening {
        match self.ask() {
            Ok(()) => Opening::Open,
            Err(SshError::TryAgain) => Opening::Wait,
            // It is a fatal error of a session that lives on, too, where a late packet for a channel
            // that is gone came behind the refusal.
            Err(error) => {
                let text = explain(&error);
                let denied = matches!(error, SshError::RequestDenied(_)) || !ended(&text);
                if !link.session.is_connected() || !denied {
                    return Opening::Fault(fault(&error));
                }
                link.note_refusal(&text);
                Opening::Refused(link.refusals.remove(&self.number))
            },
        }
    }

    /// Takes what has arrived; 0: nothing has.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
        match self.channel.read_nonblocking(buffer, false) {
            Ok(count) => Ok(count),
            Err(SshError::TryAgain) => Ok(0),
            Err(error) => Err(fault(&error)),
        }
    }

    /// All has been read, and nothing more will come.
    pub fn is_over(&self) -> bool {
        self.channel.is_eof() || self.channel.is_closed()
    }

    /// How many bytes may be written now.
    pub fn room(&self, link: &Link) -> usize {
        if link.write_pending() || self.channel.is_closed() {
            return 0;
        }
        self.channel.window_size().min(WRITE_SIZE)
    }

    /// Sends at most [`Self::room`] bytes; returns how many.
    pub fn write(&self, bytes: &[u8]) -> usize {
        self.channel.stdin().write(bytes).unwrap_or(0)
    }

    /// Closes the channel; false if it must be done again when the socket has taken more.
    pub fn close(&self) -> bool {
        !matches!(self.channel.close(), Err(SshError::TryAgain))
    }
}

/// `Channel opening failure: channel 43 error (2) Connection refused`, as libssh puts it.
fn parse(text: &str) -> Option<(u32, Refusal)> {
    let (_, rest) = text.split_once("channel ")?;
    let (number, rest) = rest.split_once(" error (")?;
    let (code, text) = rest.split_once(')')?;
    let refusal = Refusal {
        code: code.parse().ok()?,
        text: text.trim().to_owned(),
    };
    Some((number.parse().ok()?, refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_what_libssh_says() {
        let text = "Channel opening failure: channel 43 error (2) Connection (x) refused";
        let (number, refusal) = parse(text).unwrap();
        assert_eq!((number, refusal.code), (43, 2));
        assert_eq!(refusal.text, "Connection (x) refused");
        for text in [
            "",
            "channel ",
            "channel 1 error (x) y",
            "channel 99999999999 error (1) y",
        ] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
