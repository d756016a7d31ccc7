//! Channels of a connection beside that of its shell: opened step by step, then read and written.

use super::ahead::Ahead;
use super::faults::{again, ended, explain, fault};
use super::{Channel, Fault, News, Session, SshError, Step, WRITE_SIZE};
use crate::model::Size;
use crate::session::channel::{ChannelEvent, ChannelId, ChannelKind, ChannelRequest};
use std::io::Write as _;

enum Op {
    Open,
    /// The variables from here on are to be set.
    Env(usize),
    Pty,
    Request,
    /// Data flows.
    Flow,
    /// Nobody wants it any more.
    Close,
}

/// See the module.
pub(super) struct Side {
    channel: Channel,
    id: ChannelId,
    request: ChannelRequest,
    op: Op,
    /// Of its terminal, if it has one.
    ahead: Ahead,
    /// Nothing more is sent.
    over: bool,
    /// The end of its output was told.
    eof: bool,
    /// Not read from: whoever takes its output is slower.
    pub(super) paused: bool,
    /// Nobody wants it any more: it is closed as soon as it can be.
    unwanted: bool,
}

impl Side {
    pub(super) fn new(
        session: &Session,
        id: ChannelId,
        request: ChannelRequest,
    ) -> Result<Self, String> {
        let channel = session.new_channel().map_err(|error| explain(&error))?;
        Ok(Self {
            channel,
            id,
            request,
            op: Op::Open,
            ahead: Ahead::default(),
            over: false,
            eof: false,
            paused: false,
            unwanted: false,
        })
    }

    /// `None` for one that nobody wants any more.
    pub(super) fn id(&self) -> Option<ChannelId> {
        (!self.unwanted).then_some(self.id)
    }

    /// Nobody wants it any more. One that is being opened can only be closed once it is open, and
    /// while a write is pending, libssh would send no close: [`Self::step`] does it.
    pub(super) fn leave(&mut self) {
        self.unwanted = true;
    }

    /// Sends what the node's window takes; the caller knows that the socket takes something.
    pub(super) fn write(&self, data: &[u8]) -> usize {
        if !matches!(self.op, Op::Flow) || self.over || self.channel.is_closed() {
            return 0;
        }
        let room = self
            .ahead
            .room(&self.channel)
            .min(WRITE_SIZE)
            .min(data.len());
        let Some(piece) = data.get(..room).filter(|piece| !piece.is_empty()) else {
            return 0;
        };
        self.channel.stdin().write(piece).unwrap_or(0)
    }

    /// Says that nothing follows. True if that is news.
    pub(super) fn end(&mut self) -> bool {
        if self.over || !matches!(self.op, Op::Flow) || self.channel.is_closed() {
            return false;
        }
        self.over = true;
        // What is wrong with the session shows on the next sweep.
        drop(self.channel.send_eof());
        true
    }

    /// The size of its terminal (RFC 4254 §6.7).
    pub(super) fn resize(&self, size: Size) {
        if matches!(self.op, Op::Flow) && self.request.pty.is_some() {
            drop(
                self.channel
                    .change_pty_size(u32::from(size.cols), u32::from(size.rows)),
            );
        }
    }

    /// A signal for what runs there (RFC 4254 §6.9), without `SIG`.
    pub(super) fn signal(&self, name: &str) {
        if matches!(self.op, Op::Flow) {
            drop(self.channel.request_send_signal(name));
        }
    }

    /// One step. `None`: it is closed, or never opened, and that was said.
    pub(super) fn step(
        &mut self,
        session: &Session,
        buffer: &mut [u8],
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<Step>, Fault> {
        let id = self.id;
        if self.unwanted && !matches!(self.op, Op::Open) {
            if self.request.pty.is_some() && matches!(self.op, Op::Flow) {
                // sshd closes the terminal, which would do the same, only once that has taken all
                // that was typed: never, where nothing reads there.
                self.signal("HUP");
            }
            self.op = Op::Close;
        }
        let (result, next) = match self.op {
            Op::Open => match &self.request.kind {
                ChannelKind::Forward(host, port) => {
                    let result = self.channel.open_forward(host, *port, "127.0.0.1", 0);
                    (result, Op::Flow)
                },
                _ => (self.channel.open_session(), Op::Env(0)),
            },
            Op::Env(at) => match self.request.env.get(at) {
                Some((name, value)) => match self.channel.request_env(name, value) {
                    // It accepts some variables only, and says no to others.
                    Err(SshError::RequestDenied(_)) => (Ok(()), Op::Env(at + 1)),
                    result => (result, Op::Env(at + 1)),
                },
                None => (Ok(()), Op::Pty),
            },
            Op::Pty => match &self.request.pty {
                Some((term, size)) => {
                    let (cols, rows) = (size.cols.into(), size.rows.into());
                    (self.channel.request_pty(term, cols, rows), Op::Request)
                },
                None => (Ok(()), Op::Request),
            },
            Op::Request => {
                let result = match &self.request.kind {
                    ChannelKind::Exec(command) => self.channel.request_exec(command),
                    ChannelKind::Shell => self.channel.request_shell(),
                    ChannelKind::Subsystem(name) => self.channel.request_subsystem(name),
                    ChannelKind::Forward(..) => Ok(()),
                };
                (result, Op::Flow)
            },
            Op::Flow if self.paused => return Ok(Some(Step::Wait)),
            Op::Flow => return self.read(buffer, news),
            Op::Close => {
                let again = matches!(self.channel.close(), Err(SshError::TryAgain));
                return Ok(again.then_some(Step::Wait));
            },
        };
        match result {
            Ok(()) => {
                self.op = next;
                if matches!(self.op, Op::Flow) && self.request.pty.is_some() {
                    self.ahead = Ahead::new(session, &self.channel);
                }
                if matches!(self.op, Op::Flow) && !self.unwanted {
                    news(News::Channel(id, ChannelEvent::Opened));
                }
                Ok(Some(Step::Done))
            },
            Err(SshError::RequestDenied(_)) if self.unwanted => Ok(None),
            Err(SshError::RequestDenied(why)) => {
                let why = why.trim().to_owned();
                news(News::Channel(id, ChannelEvent::Refused(why)));
                Ok(None)
            },
            // libssh reports a refused channel as a fatal error of a session that lives on.
            Err(SshError::Fatal(why)) if session.is_connected() && !ended(&why) => {
                if self.unwanted {
                    return Ok(None);
                }
                let why = why.trim().to_owned();
                news(News::Channel(id, ChannelEvent::Refused(why)));
                Ok(None)
            },
            Err(error) => again(&error).map(Some),
        }
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<Step>, Fault> {
        let id = self.id;
        if let Some(step) = self.read_streams(buffer, news)? {
            return Ok(Some(step));
        }
        if let Some(status) = super::closed(&self.channel) {
            // Its last words may have come along with its end.
            if let Some(step) = self.read_streams(buffer, news)? {
                return Ok(Some(step));
            }
            news(News::Channel(id, ChannelEvent::Closed(status)));
            return Ok(None);
        }
        if self.channel.is_eof() && !std::mem::replace(&mut self.eof, true) {
            news(News::Channel(id, ChannelEvent::Eof));
            return Ok(Some(Step::Done));
        }
        Ok(Some(Step::Wait))
    }

    fn read_streams(
        &self,
        buffer: &mut [u8],
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<Step>, Fault> {
        let id = self.id;
        for is_stderr in [true, false] {
            match self.channel.read_nonblocking(buffer, is_stderr) {
                Ok(0) | Err(SshError::TryAgain) => {},
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    let event = if is_stderr {
                        ChannelEvent::Complaint(bytes)
                    } else {
                        ChannelEvent::Data(bytes)
                    };
                    news(News::Channel(id, event));
                    return Ok(Some(Step::Data(count)));
                },
                Err(error) => return Err(fault(&error)),
            }
        }
        Ok(None)
    }
}
