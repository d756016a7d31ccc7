//! What a client says.

use super::codec::{Reader, put_bytes, put_list, put_option, put_pairs, put_size, put_u16};
use super::{Fault, Variables, head};
use crate::model::Size;

pub(super) const START: u8 = 1;
const ENVIRONMENT: u8 = 2;
const ATTACH: u8 = 3;
pub(super) const INPUT: u8 = 4;
const RESIZE: u8 = 5;
const DETACH: u8 = 6;
const SUSPENDED: u8 = 7;
const CONTINUED: u8 = 8;
const INFO: u8 = 9;
const DETACH_ALL: u8 = 10;
const DETACH_NODE: u8 = 11;
const KILL: u8 = 12;
const OPEN_CHANNEL: u8 = 13;
pub(super) const DATA: u8 = 14;
const END: u8 = 15;
const SIGNAL: u8 = 16;
const ASK: u8 = 17;

/// A client that wants to show the prompt on its terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// The size of its terminal, if that knows.
    pub size: Option<Size>,
    /// What kind of terminal it is (TERM).
    pub term: String,
    /// The folder that the client runs in.
    pub folder: Vec<u8>,
    /// The cluster file that the person named: the session must have it loaded.
    pub file: Option<Vec<u8>>,
}

/// What a channel on a node's connection is for (RFC 4254 §6.5, §7.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A login shell.
    #[default]
    Shell,
    /// A command line for the login shell.
    Exec(String),
    /// A subsystem, such as `sftp`.
    Subsystem(String),
    /// A connection from the node to this host and TCP port; port 0: to its own sshd.
    Forward(String, u16),
}

/// What another program, or a person elsewhere, wants to know of a session's nodes. The answer is
/// text in [`super::ToClient::Data`], up to a [`super::ToClient::Done`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What a target that begins so may be completed to: one a line.
    Complete(String),
    /// What ~/.ssh/config has to say of the nodes of this target, or of the working set.
    SshConfig(Option<String>),
    /// All that is known of clusters and nodes: for a run inside this one.
    Snapshot,
}

/// A cluster file as a client read it: the session must have the very same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its path in full.
    pub path: Vec<u8>,
    /// SHA-256 of its text.
    pub digest: Vec<u8>,
}

/// A channel on the connection that the session has to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenChannel {
    /// The cluster; empty: the node's name is enough.
    pub cluster: String,
    /// The node's name.
    pub node: String,
    /// The file that defines it; `None`: whichever it was.
    pub source: Option<Source>,
    /// The machine that it is, where its provider tells machines of one name apart; empty: any.
    pub machine: String,
    /// What the channel is for.
    pub purpose: Purpose,
    /// The type and the size of its terminal; `None`: it gets none.
    pub pty: Option<(String, Option<Size>)>,
    /// Variables for it.
    pub environment: Variables,
}

/// A message to the server of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToServer<'a> {
    /// How a new server is to begin; only over the socket that it was started with.
    Start {
        /// The name of the session.
        name: String,
        /// The words of dust's command line.
        words: Vec<Vec<u8>>,
    },
    /// Variables of the client's environment. Several of these add up, until `Attach`.
    Environment(Variables),
    /// Show the prompt here from now on.
    Attach(Attach),
    /// Keys.
    Input(&'a [u8]),
    /// The terminal has another size; of a channel: its pty.
    Resize(Option<Size>),
    /// Show the prompt here no more.
    Detach,
    /// The client is about to stop: nothing is shown until it goes on.
    Suspended,
    /// It goes on, with a terminal of this size.
    Continued(Option<Size>),
    /// Ask what session this is.
    Info,
    /// Detach all clients.
    DetachAll,
    /// Detach whoever is in the raw shell of this node.
    DetachNode(String),
    /// End the session.
    Kill,
    /// Open a channel to a node. All that follows on this socket is about it.
    OpenChannel(OpenChannel),
    /// Bytes for the channel.
    Data(&'a [u8]),
    /// None follow.
    End,
    /// A signal for what runs there: its name without SIG (RFC 4254 §6.9).
    Signal(String),
    /// Answer this.
    Ask(Question),
}

impl<'a> ToServer<'a> {
    /// Appends it as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let kind = match self {
            Self::Start { name, words } => {
                put_bytes(&mut body, name.as_bytes());
                put_list(&mut body, words.iter().map(Vec::as_slice));
                START
            },
            Self::Environment(pairs) => {
                put_pairs(&mut body, pairs);
                ENVIRONMENT
            },
            Self::Attach(attach) => {
                put_size(&mut body, attach.size);
                put_bytes(&mut body, attach.term.as_bytes());
                put_bytes(&mut body, &attach.folder);
                put_option(&mut body, attach.file.as_deref());
                ATTACH
            },
            Self::Input(bytes) => {
                body.extend_from_slice(bytes);
                INPUT
            },
            Self::Resize(size) => {
                put_size(&mut body, *size);
                RESIZE
            },
            Self::Detach => DETACH,
            Self::Suspended => SUSPENDED,
            Self::Continued(size) => {
                put_size(&mut body, *size);
                CONTINUED
            },
            Self::Info => INFO,
            Self::DetachAll => DETACH_ALL,
            Self::DetachNode(node) => {
                put_bytes(&mut body, node.as_bytes());
                DETACH_NODE
            },
            Self::Kill => KILL,
            Self::OpenChannel(open) => {
                put_bytes(&mut body, open.cluster.as_bytes());
                put_bytes(&mut body, open.node.as_bytes());
                body.push(u8::from(open.source.is_some()));
                if let Some(source) = &open.source {
                    put_bytes(&mut body, &source.path);
                    put_bytes(&mut body, &source.digest);
                }
                put_bytes(&mut body, open.machine.as_bytes());
                open.purpose.put(&mut body);
                put_option(&mut body, open.pty.as_ref().map(|pty| pty.0.as_bytes()));
                put_size(&mut body, open.pty.as_ref().and_then(|pty| pty.1));
                put_pairs(&mut body, &open.environment);
                OPEN_CHANNEL
            },
            Self::Data(bytes) => {
                body.extend_from_slice(bytes);
                DATA
            },
            Self::End => END,
            Self::Signal(name) => {
                put_bytes(&mut body, name.as_bytes());
                SIGNAL
            },
            Self::Ask(question) => {
                question.put(&mut body);
                ASK
            },
        };
        out.extend_from_slice(&head(kind, body.len()));
        out.extend_from_slice(&body);
    }

    /// What a frame means.
    pub fn decode(kind: u8, body: &'a [u8]) -> Result<Self, Fault> {
        if !(START..=ASK).contains(&kind) {
            return Err(Fault::Unknown(kind));
        }
        let mut reader = Reader::new(body);
        let message = Self::read(kind, &mut reader);
        message
            .filter(|_| reader.is_over())
            .ok_or(Fault::Malformed(kind))
    }

    fn read(kind: u8, body: &mut Reader<'a>) -> Option<Self> {
        Some(match kind {
            START => Self::Start {
                name: body.text()?,
                words: body.list(|body| Some(body.bytes()?.to_vec()))?,
            },
            ENVIRONMENT => Self::Environment(body.pairs()?),
            ATTACH => Self::Attach(Attach {
                size: body.size()?,
                term: body.text()?,
                folder: body.bytes()?.to_vec(),
                file: body.option()?.map(<[u8]>::to_vec),
            }),
            INPUT => Self::Input(body.rest()),
            RESIZE => Self::Resize(body.size()?),
            DETACH => Self::Detach,
            SUSPENDED => Self::Suspended,
            CONTINUED => Self::Continued(body.size()?),
            INFO => Self::Info,
            DETACH_ALL => Self::DetachAll,
            DETACH_NODE => Self::DetachNode(body.text()?),
            KILL => Self::Kill,
            OPEN_CHANNEL => Self::OpenChannel(Self::read_open(body)?),
            DATA => Self::Data(body.rest()),
            END => Self::End,
            SIGNAL => Self::Signal(body.text()?),
            ASK => Self::Ask(Question::read(body)?),
            _ => return None,
        })
    }

    fn read_open(body: &mut Reader<'_>) -> Option<OpenChannel> {
        let (cluster, node) = (body.text()?, body.text()?);
        let source = if body.flag()? {
            let (path, digest) = (body.bytes()?.to_vec(), body.bytes()?.to_vec());
            Some(Source { path, digest })
        } else {
            None
        };
        let (machine, purpose) = (body.text()?, Purpose::read(body)?);
        let (term, size) = (body.option()?, body.size()?);
        let pty = match term {
            Some(term) => Some((std::str::from_utf8(term).ok()?.to_owned(), size)),
            None => None,
        };
        Some(OpenChannel {
            cluster,
            node,
            source,
            machine,
            purpose,
            pty,
            environment: body.pairs()?,
        })
    }
}

impl Question {
    fn put(&self, body: &mut Vec<u8>) {
        let (kind, text) = match self {
            Self::Complete(prefix) => (0, Some(prefix)),
            Self::SshConfig(target) => (1, target.as_ref()),
            Self::Snapshot => (2, None),
        };
        body.push(kind);
        put_option(body, text.map(|text| text.as_bytes()));
    }

    fn read(body: &mut Reader<'_>) -> Option<Self> {
        let kind = body.u8()?;
        let text = match body.option()? {
            Some(text) => Some(std::str::from_utf8(text).ok()?.to_owned()),
            None => None,
        };
        Some(match (kind, text) {
            (0, Some(prefix)) => Self::Complete(prefix),
            (1, target) => Self::SshConfig(target),
            (2, None) => Self::Snapshot,
            _ => return None,
        })
    }
}

impl Purpose {
    fn put(&self, body: &mut Vec<u8>) {
        let (kind, text, port) = match self {
            Self::Shell => (0, "", 0),
            Self::Exec(command) => (1, command.as_str(), 0),
            Self::Subsystem(name) => (2, name.as_str(), 0),
            Self::Forward(host, port) => (3, host.as_str(), *port),
        };
        body.push(kind);
        put_bytes(body, text.as_bytes());
        put_u16(body, port);
    }

    fn read(body: &mut Reader<'_>) -> Option<Self> {
        let (kind, text, port) = (body.u8()?, body.text()?, body.u16()?);
        Some(match (kind, port) {
            (0, 0) if text.is_empty() => Self::Shell,
            (1, 0) => Self::Exec(text),
            (2, 0) => Self::Subsystem(text),
            (3, port) => Self::Forward(text, port),
            _ => return None,
        })
    }
}
