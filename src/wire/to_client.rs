//! What the server of a session says.

use super::codec::{Reader, put_bytes, put_list, put_u32, put_u64};
use super::{Fault, HEAD, head};

// No kind of this direction is one of the other's: what is sent to oneself is not understood.
const WELCOME: u8 = 65;
const REFUSED: u8 = 66;
pub(super) const OUTPUT: u8 = 67;
const SUSPEND: u8 = 68;
const DETACHED: u8 = 69;
const ENDED: u8 = 70;
const INFO: u8 = 71;
const DONE: u8 = 72;
const OPENED: u8 = 73;
pub(super) const CHANNEL_DATA: u8 = 74;
pub(super) const CHANNEL_ERRORS: u8 = 75;
const CHANNEL_EXIT: u8 = 76;
const CHANNEL_FAILED: u8 = 77;
const CHANNEL_EOF: u8 = 78;

/// What a session is, for `dust ls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// The names of its clusters.
    pub clusters: Vec<String>,
    /// The files that they were loaded from, in full.
    pub files: Vec<Vec<u8>>,
    /// SHA-256 of what stood in each of them.
    pub digests: Vec<Vec<u8>>,
    /// How many nodes they have.
    pub nodes: u32,
    /// How many clients are attached.
    pub attached: u32,
    /// How long nobody has typed anything, in seconds.
    pub idle: u64,
    /// When a client attached, detached or typed last, in seconds since 1970.
    pub used: u64,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// The server's process.
    pub pid: u32,
}

/// A message to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToClient<'a> {
    /// It is attached to the session of this name.
    Welcome(String),
    /// It is not; dust's exit status, and why.
    Refused(u8, String),
    /// Bytes for its terminal.
    Output(&'a [u8]),
    /// Stop, as Ctrl-Z does.
    Suspend,
    /// It is not attached any more; what to tell the person.
    Detached(String),
    /// The session has ended: dust's exit status, and what to tell the person.
    Ended(u8, String),
    /// What the session is.
    Info(Info),
    /// What was asked for is done; what to tell the person.
    Done(String),
    /// The channel is open: data flows.
    Opened,
    /// Bytes from the channel: standard output of a command.
    Data(&'a [u8]),
    /// Standard error of a command.
    Errors(&'a [u8]),
    /// No more bytes follow; an exit status may.
    Eof,
    /// The channel is closed; the exit status, where there is one.
    Exit(Option<u32>),
    /// The channel could not be opened, or its connection is lost; why.
    Failed(String),
}

/// The head of an `Output` with a body of this length, for whoever sends the body as it is.
pub fn output_head(body: usize) -> [u8; HEAD] {
    head(OUTPUT, body)
}

/// The head of a `Data` or, with `errors`, an `Errors` with a body of this length.
pub fn data_head(errors: bool, body: usize) -> [u8; HEAD] {
    let kind = if errors { CHANNEL_ERRORS } else { CHANNEL_DATA };
    head(kind, body)
}

impl<'a> ToClient<'a> {
    /// Appends it as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let kind = match self {
            Self::Welcome(name) => {
                put_bytes(&mut body, name.as_bytes());
                WELCOME
            },
            Self::Refused(status, why) => {
                body.push(*status);
                put_bytes(&mut body, why.as_bytes());
                REFUSED
            },
            Self::Output(bytes) => {
                body.extend_from_slice(bytes);
                OUTPUT
            },
            Self::Suspend => SUSPEND,
            Self::Detached(text) => {
                put_bytes(&mut body, text.as_bytes());
                DETACHED
            },
            Self::Ended(status, text) => {
                body.push(*status);
                put_bytes(&mut body, text.as_bytes());
                ENDED
            },
            Self::Info(info) => {
                info.put(&mut body);
                INFO
            },
            Self::Done(text) => {
                put_bytes(&mut body, text.as_bytes());
                DONE
            },
            Self::Opened => OPENED,
            Self::Data(bytes) => {
                body.extend_from_slice(bytes);
                CHANNEL_DATA
            },
            Self::Errors(bytes) => {
                body.extend_from_slice(bytes);
                CHANNEL_ERRORS
            },
            Self::Eof => CHANNEL_EOF,
            Self::Exit(status) => {
                body.push(u8::from(status.is_some()));
                if let Some(status) = status {
                    put_u32(&mut body, *status);
                }
                CHANNEL_EXIT
            },
            Self::Failed(why) => {
                put_bytes(&mut body, why.as_bytes());
                CHANNEL_FAILED
            },
        };
        out.extend_from_slice(&head(kind, body.len()));
        out.extend_from_slice(&body);
    }

    /// What a frame means.
    pub fn decode(kind: u8, body: &'a [u8]) -> Result<Self, Fault> {
        if !(WELCOME..=CHANNEL_EOF).contains(&kind) {
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
            WELCOME => Self::Welcome(body.text()?),
            REFUSED => Self::Refused(body.u8()?, body.text()?),
            OUTPUT => Self::Output(body.rest()),
            SUSPEND => Self::Suspend,
            DETACHED => Self::Detached(body.text()?),
            ENDED => Self::Ended(body.u8()?, body.text()?),
            INFO => Self::Info(Info::read(body)?),
            DONE => Self::Done(body.text()?),
            OPENED => Self::Opened,
            CHANNEL_DATA => Self::Data(body.rest()),
            CHANNEL_ERRORS => Self::Errors(body.rest()),
            CHANNEL_EOF => Self::Eof,
            CHANNEL_EXIT => Self::Exit(if body.flag()? {
                Some(body.u32()?)
            } else {
                None
            }),
            CHANNEL_FAILED => Self::Failed(body.text()?),
            _ => return None,
        })
    }
}

impl Info {
    fn put(&self, body: &mut Vec<u8>) {
        put_bytes(body, self.name.as_bytes());
        put_list(body, self.clusters.iter().map(String::as_bytes));
        put_list(body, self.files.iter().map(Vec::as_slice));
        put_list(body, self.digests.iter().map(Vec::as_slice));
        put_u32(body, self.nodes);
        put_u32(body, self.attached);
        put_u64(body, self.idle);
        put_u64(body, self.used);
        put_u64(body, self.began);
        put_u32(body, self.pid);
    }

    fn read(body: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            name: body.text()?,
            clusters: body.list(Reader::text)?,
            files: body.list(|body| Some(body.bytes()?.to_vec()))?,
            digests: body.list(|body| Some(body.bytes()?.to_vec()))?,
            nodes: body.u32()?,
            attached: body.u32()?,
            idle: body.u64()?,
            used: body.u64()?,
            began: body.u64()?,
            pid: body.u32()?,
        })
    }
}
