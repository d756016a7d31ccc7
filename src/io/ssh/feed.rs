//! A second channel of a connection, without a terminal: it feeds a command of the first.

use super::faults::{again, ended, explain, fault};
use super::{Channel, Fault, News, Session, SshError, Step, WRITE_SIZE};
use std::io::Write as _;

enum Op {
    Open,
    Request,
    /// Data flows.
    Flow,
}

/// See the module.
pub(super) struct Feed {
    channel: Channel,
    op: Op,
    command: String,
    over: bool,
}

impl Feed {
    pub(super) fn new(session: &Session, command: String) -> Result<Self, String> {
        let channel = session.new_channel().map_err(|error| explain(&error))?;
        Ok(Self {
            channel,
            op: Op::Open,
            command,
            over: false,
        })
    }

    /// Sends what the node's window takes; the caller knows that the socket takes something.
    pub(super) fn write(&self, data: &[u8]) -> usize {
        if !matches!(self.op, Op::Flow) || self.over || self.channel.is_closed() {
            return 0;
        }
        let room = self.channel.window_size().min(WRITE_SIZE).min(data.len());
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

    /// One step. `None`: it is closed, or never opened, and that was said.
    pub(super) fn step(
        &mut self,
        session: &Session,
        buffer: &mut [u8],
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<Step>, Fault> {
        let (result, next) = match self.op {
            Op::Open => (self.channel.open_session(), Op::Request),
            Op::Request => (self.channel.request_exec(&self.command), Op::Flow),
            Op::Flow => return self.read(buffer, news),
        };
        match result {
            Ok(()) => {
                self.op = next;
                Ok(Some(Step::Done))
            },
            Err(SshError::RequestDenied(why)) => {
                news(News::FeedRefused(why.trim().to_owned()));
                Ok(None)
            },
            // libssh reports a refused channel as a fatal error of a session that lives on.
            Err(SshError::Fatal(why)) if session.is_connected() && !ended(&why) => {
                news(News::FeedRefused(why.trim().to_owned()));
                Ok(None)
            },
            Err(error) => again(&error).map(Some),
        }
    }

    fn read(
        &self,
        buffer: &mut [u8],
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<Step>, Fault> {
        for is_stderr in [true, false] {
            match self.channel.read_nonblocking(buffer, is_stderr) {
                Ok(0) | Err(SshError::TryAgain) => {},
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    news(if is_stderr {
                        News::FeedComplaint(bytes)
                    } else {
                        News::FeedData(bytes)
                    });
                    return Ok(Some(Step::Data(count)));
                },
                Err(error) => return Err(fault(&error)),
            }
        }
        match super::closed(&self.channel) {
            Some(status) => {
                news(News::FeedClosed(status));
                Ok(None)
            },
            None => Ok(Some(Step::Wait)),
        }
    }
}
