//! The words of a connection's life: how a node is reached, what happens, what is wished for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Which host keys are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// A new key is accepted and remembered; a changed one is refused.
    AcceptNew,
    /// Only a key that is known already.
    Strict,
    /// Any key; nothing is remembered.
    Off,
}

/// What the known-hosts files say of the key that a node presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeyVerdict {
    /// It is the known one.
    Known,
    /// No key is known for this host.
    New,
    /// Another key is known; where (`file:line SHA256:…`).
    Changed(Vec<String>),
    /// This key is marked as revoked.
    Revoked,
}

/// [`Route::alive`] where nobody says otherwise.
pub const ALIVE: Duration = Duration::from_secs(60);
/// [`Route::patience`] where nobody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How to reach one node, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// A name or an address.
    pub host: String,
    /// The TCP port of its sshd.
    pub port: u16,
    /// The login user.
    pub user: String,
    /// The name under which its host key is known.
    pub alias: String,
    /// The port with which that name is known.
    pub alias_port: u16,
    /// A command whose standard input and output are the connection, instead of TCP.
    pub proxy_command: Option<String>,
    /// Which host keys are accepted.
    pub host_keys: HostKeyPolicy,
    /// Private keys to try, in order.
    pub identities: Vec<Identity>,
    /// The socket of an ssh agent to ask.
    pub agent: Option<PathBuf>,
    /// The agent comes before the identities (it does where none was named).
    pub agent_first: bool,
    /// How long a connection may take until it is authenticated.
    pub timeout: Duration,
    /// After so long a silence the connection is shown that somebody is there; `None`: never.
    pub alive: Option<Duration>,
    /// What was sent may stay unacknowledged for so long; then the connection counts as dead.
    pub patience: Duration,
}

/// A private key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Where it is.
    pub path: PathBuf,
    /// The person named it: that it cannot be read is an error, not a reason to try the next.
    pub named: bool,
}

/// What the server lets us try next (RFC 4252 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    /// `publickey`
    pub publickey: bool,
    /// `password`
    pub password: bool,
    /// `keyboard-interactive` (RFC 4256)
    pub interactive: bool,
}

/// A question that a person must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What to show.
    pub text: String,
    /// The answer may be seen while it is typed.
    pub echo: bool,
}

/// What can be tried to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// The key of this file.
    Key(PathBuf),
    /// The keys of the agent at this socket.
    Agent(PathBuf),
    /// A password.
    Password(String),
    /// Start keyboard-interactive, or go on with it.
    Interactive,
}

/// Why a connection did not come up, or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing listens there, or the way is closed: it will not help to try again at once.
    Refused(String),
    /// It was closed before anybody logged in: an overloaded sshd does that (MaxStartups).
    Dropped(String),
    /// The protocol failed.
    Protocol(String),
}

/// What happened to a connection.
#[derive(Debug)]
pub enum Event {
    /// The name's addresses, or why there are none.
    Resolved(Result<Vec<SocketAddr>, String>),
    /// TCP (or the proxy command) is up.
    Connected,
    /// The key exchange is done; the fingerprint of the host key (`SHA256:…`) and what is known of it.
    Handshaken(String, HostKeyVerdict),
    /// A key file is ready for use, or why not; `None` where it does not exist.
    Key(Result<bool, String>),
    /// A login attempt succeeded.
    Accepted,
    /// A login attempt was refused, or was one step of several.
    Denied(Methods),
    /// Keyboard-interactive asks.
    Asked(Vec<Question>),
    /// The person's answers, or `None` if there are none to be had.
    Answers(Option<Vec<String>>),
    /// The shell's channel is open.
    Opened,
    /// The server refused a pty or the shell.
    NotOpened(String),
    /// The connection failed or ended.
    Fault(Fault),
}

/// What should be done for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Look up the host's addresses.
    Resolve,
    /// Open a TCP connection.
    Dial(SocketAddr),
    /// Start the proxy command.
    Proxy(String),
    /// Start the key exchange.
    Handshake,
    /// Append the presented host key to the known hosts.
    Remember,
    /// Make sure that a key file is read and decrypted.
    Load(PathBuf),
    /// Try to log in.
    Login(Method),
    /// Answer keyboard-interactive.
    Answer(Vec<String>),
    /// Ask the person; `repeat` says that the last answers were wrong.
    Ask {
        /// The questions.
        questions: Vec<Question>,
        /// The last answers were wrong.
        repeat: bool,
    },
    /// Open a channel with a pty and the shell.
    Open,
    /// Close everything.
    Hangup,
    /// The shell is there.
    Up,
    /// It came to nothing; why. No further event will come.
    Down(String),
}
