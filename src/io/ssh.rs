//! All of libssh, and its traps.
//!
//! - libssh reads at most 4,096 bytes for each poll and keeps them in buffers of its own, so "no
//!   data on the channel" does not mean that the socket is drained: [`Link::sweep`] goes on until
//!   the kernel says that nothing is left.
//! - It clears O_NONBLOCK and sends its whole buffer at once: the flag is set again, and nothing
//!   is written while a write is pending.
//! - `connect`, `userauth_*`, `open_session` and `request_*` answer "again": the same call is made
//!   again on the next readiness.
//! - fd 0 must not be a terminal in raw mode: its settings would be copied to the node's pty.

mod ahead;
mod channel;
mod faults;
mod forward;
mod login;
mod shell;
mod turn;

pub use forward::{Forward, Opening};
pub use login::login_by_agent;
pub use shell::ShellRequest;

use super::sys;
use crate::model::Size;
use crate::session::channel::{ChannelEvent, ChannelId, ChannelRequest};
use crate::session::life::{Fault, Methods, Question, Refusal};
use ahead::Ahead;
use faults::explain;
use libssh_rs::{AuthMethods, AuthStatus, Channel, Error as SshError, Session, SshKey, SshOption};
use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;
use std::os::fd::{IntoRawFd as _, OwnedFd, RawFd};
use std::path::Path;
use std::rc::Rc;

/// Data is taken from the channel in pieces of this size, in bytes.
const READ_SIZE: usize = 64 * 1024;
/// Data is given to libssh in pieces of this size, in bytes: a stalled peer costs a millisecond.
const WRITE_SIZE: usize = 32 * 1024;
/// AES-GCM first: it moves two to three times as much as chacha20 on a CPU with AES instructions.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,\
                       chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";
/// curve25519 first: a tenth of the CPU time of the post-quantum exchanges.
const KEX: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,\
                   ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group16-sha512,\
                   diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,\
                   diffie-hellman-group-exchange-sha256";
/// ed25519 first, and nothing that SHA-1 signs.
const HOST_KEYS: &str = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,\
                         rsa-sha2-512,rsa-sha2-256";

/// What happened on a connection.
#[derive(Debug)]
pub enum News<'a> {
    /// The key exchange is done; SHA-256 of the host key's blob.
    Handshaken([u8; 32]),
    /// A login attempt succeeded.
    Accepted,
    /// A login attempt was refused, or was one step of several.
    Denied(Methods),
    /// Keyboard-interactive asks (RFC 4256 §3.2).
    Asked(Vec<Question>),
    /// The shell's channel is open.
    Opened,
    /// The server refused a pty or the shell.
    NotOpened(String),
    /// Bytes from the shell.
    Data(&'a [u8]),
    /// The shell has ended: its exit status, where the server told one.
    Closed(Option<i32>),
    /// Something happened to another channel.
    Channel(ChannelId, ChannelEvent<'a>),
    /// The connection failed or ended.
    Fault(Fault),
}

/// A private key, ready for use.
pub struct Key(SshKey);

// SAFETY: an `ssh_key` is plain heap memory of libssh that no session refers to, and it is used by
// one thread at a time (it is moved, never shared, between threads).
unsafe impl Send for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Decodes (and decrypts: that may take a second) the text of a private key file.
    pub fn decode(text: &str, passphrase: Option<&str>) -> Option<Self> {
        SshKey::from_privkey_base64(text, passphrase).ok().map(Self)
    }
}

/// How to log in.
#[derive(Debug, Clone)]
pub enum Login {
    /// With a private key.
    Key(Rc<Key>),
    /// With a password.
    Password(zeroize::Zeroizing<String>),
    /// Keyboard-interactive.
    Interactive,
}

enum Op {
    None,
    Handshake,
    Login(Login),
    OpenChannel,
    RequestPty,
    RequestShell,
    /// Data flows.
    Shell,
}

/// One ssh connection and its shell channel. On a jump host's connection the channel is one that is
/// never opened ([`Link::pump`]).
pub struct Link {
    // The channels go before their session.
    channel: Option<Channel>,
    ahead: Ahead,
    sides: Vec<channel::Side>,
    session: Session,
    fd: RawFd,
    op: Op,
    request: Option<ShellRequest>,
    /// How many channels to elsewhere were asked for.
    forwards: u32,
    /// Why some were refused, by their number; each is taken by its channel.
    refusals: HashMap<u32, Refusal>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("fd", &self.fd)
            .finish_non_exhaustive()
    }
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// All that had arrived was taken.
    Drained,
    /// The budget is used up; there is more.
    More,
    /// It is over; the link is of no more use.
    Over,
}

impl Link {
    /// A connection over a connected, non-blocking socket. `algorithms` are host-key algorithms
    /// to prefer, since keys of these are known.
    pub fn new(
        fd: OwnedFd,
        user: &str,
        alias: &str,
        algorithms: &[String],
    ) -> Result<Self, String> {
        let session = Session::new().map_err(|error| error.to_string())?;
        let known: Vec<&str> = algorithms
            .iter()
            .map(String::as_str)
            .filter(|name| HOST_KEYS.contains(name))
            .collect();
        let mut host_keys = known.join(",");
        for name in HOST_KEYS.split(',').filter(|name| !known.contains(name)) {
            if !host_keys.is_empty() {
                host_keys.push(',');
            }
            host_keys.push_str(name);
        }
        let raw = fd.into_raw_fd();
        let options = [
            SshOption::ProcessConfig(false),
            SshOption::Hostname(alias.to_owned()),
            SshOption::User(Some(user.to_owned())),
            SshOption::KnownHosts(Some("/dev/null".to_owned())),
            SshOption::GlobalKnownHosts(Some("/dev/null".to_owned())),
            SshOption::KeyExchange(KEX.to_owned()),
            SshOption::HostKeys(host_keys),
            SshOption::CiphersCS(CIPHERS.to_owned()),
            SshOption::CiphersSC(CIPHERS.to_owned()),
            SshOption::Socket(raw),
        ];
        for option in options {
            if let Err(error) = session.set_option(option) {
                sys::close(raw);
                return Err(explain(&error));
            }
        }
        session.set_blocking(false);
        Ok(Self {
            channel: None,
            ahead: Ahead::default(),
            sides: Vec::new(),
            session,
            fd: raw,
            op: Op::None,
            request: None,
            forwards: 0,
            refusals: HashMap::new(),
        })
    }

    /// The socket, for the event loop.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    /// Starts the key exchange.
    pub fn handshake(&mut self) {
        self.op = Op::Handshake;
    }

    /// Tries to log in.
    pub fn login(&mut self, login: Login) {
        self.op = Op::Login(login);
    }

    /// Answers what keyboard-interactive asked.
    pub fn answer(&mut self, answers: &[String]) {
        // A failure shows when the login goes on.
        drop(
            self.session
                .userauth_keyboard_interactive_set_answers(answers),
        );
        self.op = Op::Login(Login::Interactive);
    }

    /// Opens a channel with a pty and runs the shell in it.
    pub fn open(&mut self, request: ShellRequest) {
        self.channel = None;
        self.request = Some(request);
        self.op = Op::OpenChannel;
    }

    /// Appends the presented host key to a known-hosts file, in OpenSSH's format.
    pub fn remember(&self, file: &Path, port: u16) -> Result<(), String> {
        let file = file.to_string_lossy().replace('%', "%%");
        let remember = || -> Result<(), SshError> {
            self.session.set_option(SshOption::KnownHosts(Some(file)))?;
            self.session.set_option(SshOption::Port(port))?;
            self.session.update_known_hosts_file()
        };
        remember().map_err(|error| explain(&error))
    }

    /// Tells the node the size of the terminal (RFC 4254 §6.7).
    pub fn resize(&self, size: Size) {
        if let Some(channel) = &self.channel {
            // The session reports what is wrong with it on the next sweep.
            drop(channel.change_pty_size(u32::from(size.cols), u32::from(size.rows)));
        }
    }

    /// A message that the node ignores: a dead connection shows (RFC 4253 §11.2).
    pub fn keepalive(&self) {
        // libssh takes a C string.
        drop(self.session.send_ignore(b"dust\0"));
    }

    /// libssh waits for the socket to take more.
    pub fn write_pending(&self) -> bool {
        self.session.get_poll_state().1
    }

    /// Sends what the node's window and the socket take now; returns how many bytes that was.
    pub fn write(&mut self, data: &[u8]) -> usize {
        let Some(channel) = &self.channel else {
            return 0;
        };
        if !matches!(self.op, Op::Shell) || self.write_pending() {
            return 0;
        }
        let room = self.ahead.room(channel).min(WRITE_SIZE).min(data.len());
        let Some(piece) = data.get(..room).filter(|piece| !piece.is_empty()) else {
            return 0;
        };
        channel.stdin().write(piece).unwrap_or(0)
    }

    /// Opens another channel. An error says why that cannot be.
    pub fn open_channel(&mut self, id: ChannelId, request: ChannelRequest) -> Result<(), String> {
        self.close_channel(id);
        let side = channel::Side::new(&self.session, id, request)?;
        self.sides.push(side);
        Ok(())
    }

    /// Closes one of these.
    pub fn close_channel(&mut self, id: ChannelId) {
        if let Some(side) = self.side(id) {
            side.leave();
        }
    }

    /// Those that there are.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> + use<> {
        let ids: Vec<ChannelId> = self.sides.iter().filter_map(channel::Side::id).collect();
        ids.into_iter()
    }

    fn side(&mut self, id: ChannelId) -> Option<&mut channel::Side> {
        self.sides.iter_mut().find(|side| side.id() == Some(id))
    }

    /// Sends what a channel and the socket take now; returns how many bytes that was.
    pub fn write_channel(&mut self, id: ChannelId, data: &[u8]) -> usize {
        if self.write_pending() {
            return 0;
        }
        self.side(id).map_or(0, |side| side.write(data))
    }

    /// Says that nothing follows there. True if that is news.
    pub fn end_channel(&mut self, id: ChannelId) -> bool {
        !self.write_pending() && self.side(id).is_some_and(channel::Side::end)
    }

    /// Reads no more from a channel for now, or again: its window closes (RFC 4254 §5.2).
    pub fn pause_channel(&mut self, id: ChannelId, paused: bool) {
        if let Some(side) = self.side(id) {
            side.paused = paused;
        }
    }

    /// Tells a channel's terminal its size.
    pub fn resize_channel(&mut self, id: ChannelId, size: Size) {
        if let Some(side) = self.side(id) {
            side.resize(size);
        }
    }

    /// Sends a signal to what runs on a channel; its name without `SIG`.
    pub fn signal_channel(&mut self, id: ChannelId, name: &str) {
        if let Some(side) = self.side(id) {
            side.signal(name);
        }
    }

    /// Gives the session to somebody who may block (the agent); only between two operations.
    pub fn into_session(self) -> Session {
        drop(self.channel);
        drop(self.sides);
        self.session
    }

    /// Takes the session back.
    pub fn from_session(session: Session, fd: RawFd) -> Self {
        session.set_blocking(false);
        sys::set_nonblocking(fd);
        Self {
            channel: None,
            ahead: Ahead::default(),
            sides: Vec::new(),
            session,
            fd,
            op: Op::None,
            request: None,
            forwards: 0,
            refusals: HashMap::new(),
        }
    }

    /// Others than the shell have channels here.
    pub fn has_channels(&self) -> bool {
        !self.sides.is_empty()
    }
}

/// The exit status of a channel that has ended, if there is one; `None` while it lives.
fn closed(channel: &Channel) -> Option<Option<i32>> {
    // Once the output has ended, libssh handles packets only for one who asks for the exit
    // status; with that, nothing more can come.
    let status = if channel.is_eof() {
        channel.get_exit_status()
    } else {
        None
    };
    if !channel.is_closed() && status.is_none() {
        return None;
    }
    Some(status.or_else(|| channel.get_exit_status()).or_else(|| {
        let signal = channel.get_exit_signal()?.signal_name?;
        Some(128 + i32::from(crate::model::signal_number(&signal)?))
    }))
}

enum Step {
    Done,
    Data(usize),
    Wait,
    Closed,
}
