//! The words of a connection's life: how a node is reached, what happens, what is wished for.

use crate::model::NodeId;
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
    /// None is known, and whoever made the machine vouches for this one.
    Vouched,
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
    /// What carries the connection.
    pub way: Way,
    /// A shell is opened on it; a jump host has none.
    pub shell: bool,
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
    /// The machine is starting: nobody may answer for a while, so a dial that gets no answer is
    /// made anew after a few seconds, and then hits the moment when it is there.
    pub starting: bool,
}

/// What made a connection fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered, or the connection broke: a machine that starts does that.
    Unreachable,
    /// The login was refused: so does a machine on which keys are put in place.
    Denied,
    /// What waiting does not mend.
    #[default]
    Final,
}

/// What carries a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// TCP from this machine.
    Direct,
    /// A command's standard input and output.
    Command(String),
    /// A channel on another connection, that of a jump host.
    Jump(NodeId),
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

impl Route {
    /// The jump host, if there is one.
    pub fn jump(&self) -> Option<NodeId> {
        match self.way {
            Way::Jump(jump) => Some(jump),
            Way::Direct | Way::Command(_) => None,
        }
    }
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
    /// TCP (or the proxy command, or the jump host's channel) is up.
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
    /// Open a channel to the host on the connection of its jump host.
    Tunnel(NodeId),
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
    /// Take the connection that a running session has, in place of one of our own.
    Borrow,
    /// Open a channel with a pty and the shell.
    Open,
    /// Close everything.
    Hangup,
    /// The shell is there, or a jump host may be used.
    Up,
    /// It came to nothing; why. No further event will come.
    Down(String),
}

/// Why a jump host opened no channel (RFC 4254 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason's number.
    pub code: u32,
    /// The jump host's own words.
    pub text: String,
}

impl Refusal {
    /// What that means for a connection to `host` and `port` through `jump`. Without a refusal it is
    /// only known that there was one.
    pub fn fault(refusal: Option<&Self>, jump: &str, host: &str, port: u16) -> Fault {
        let at = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let Some(Self { code, text }) = refusal else {
            return Fault::Refused(format!("{jump} refuses to forward to {at}"));
        };
        let text: String = text.trim().chars().take(200).collect();
        // "Connection refused", as the system of the jump host puts it; sshd's "open failed" says
        // nothing more.
        let said = match text.to_lowercase() {
            text if text.is_empty() || text == "open failed" => None,
            text => Some(text),
        };
        let reason = match code {
            1 => "administratively prohibited".to_owned(),
            2 => {
                let said = said.unwrap_or_else(|| "the connection failed".to_owned());
                return Fault::Refused(format!("{jump} cannot connect to {at}: {said}"));
            },
            3 => "unknown channel type".to_owned(),
            4 => "resource shortage".to_owned(),
            other => format!("reason {other}"),
        };
        let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
        let why = format!("{jump} refuses to forward to {at}: {reason}{said}");
        if *code == 4 {
            // That may pass.
            Fault::Dropped(why)
        } else {
            Fault::Refused(why)
        }
    }
}
