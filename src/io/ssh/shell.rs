//! The channel of a node's shell: opened step by step, then read.

use super::ahead::Ahead;
use super::faults::{again, ended, explain, fault};
use super::{Fault, Link, News, Op, SshError, Step};
use crate::model::Size;

/// What the shell's channel asks for.
#[derive(Debug, Clone)]
pub struct ShellRequest {
    /// The terminal type for the node.
    pub term: String,
    /// The size of its pty.
    pub size: Size,
    /// The command line for the login shell (RFC 4254 §6.5).
    pub command: String,
}

impl Link {
    pub(super) fn open_step(&mut self, news: &mut dyn FnMut(News<'_>)) -> Result<Step, Fault> {
        let Some(request) = &self.request else {
            return Ok(Step::Wait);
        };
        if self.channel.is_none() {
            let channel = self.session.new_channel();
            self.channel = Some(channel.map_err(|error| Fault::Protocol(explain(&error)))?);
        }
        let Some(channel) = &self.channel else {
            return Ok(Step::Wait);
        };
        let (result, next, what) = match self.op {
            Op::OpenChannel => (channel.open_session(), Op::RequestPty, "a session channel"),
            Op::RequestPty => {
                let Size { cols, rows } = request.size;
                let result = channel.request_pty(&request.term, cols.into(), rows.into());
                (result, Op::RequestShell, "a pty")
            },
            _ => (
                channel.request_exec(&request.command),
                Op::Shell,
                "its shell",
            ),
        };
        match result {
            Ok(()) => {
                self.op = next;
                if matches!(self.op, Op::Shell) {
                    self.ahead = Ahead::new(&self.session, channel);
                    self.request = None;
                    news(News::Opened);
                }
                Ok(Step::Done)
            },
            Err(SshError::RequestDenied(_)) => {
                self.op = Op::None;
                news(News::NotOpened(format!("{what} was denied")));
                Ok(Step::Done)
            },
            // libssh reports a refused channel as a fatal error of a session that lives on.
            Err(SshError::Fatal(why)) if self.session.is_connected() && !ended(&why) => {
                self.op = Op::None;
                news(News::NotOpened(format!("{what}: {why}")));
                Ok(Step::Done)
            },
            Err(error) => again(&error),
        }
    }

    pub(super) fn read_step(
        &mut self,
        buffer: &mut [u8],
        first: bool,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Step, Fault> {
        let Some(channel) = &self.channel else {
            return Ok(Step::Wait);
        };
        // Output is looked at last: reading standard error may move some into the channel's buffer,
        // where nobody would look for it before the next packet. A terminal has no standard error,
        // and each look is a system call, so a sweep begins with output.
        let order: &[bool] = if first { &[false] } else { &[true, false] };
        for &is_stderr in order {
            match channel.read_nonblocking(buffer, is_stderr) {
                Ok(0) => {},
                Ok(count) => {
                    news(News::Data(buffer.get(..count).unwrap_or_default()));
                    return Ok(Step::Data(count));
                },
                Err(SshError::TryAgain) => {},
                Err(error) => return Err(fault(&error)),
            }
        }
        if let Some(status) = super::closed(channel) {
            self.op = Op::None;
            self.channel = None;
            news(News::Closed(status));
            return Ok(if self.session.is_connected() {
                Step::Done
            } else {
                Step::Closed
            });
        }
        if !self.session.is_connected() {
            return Err(Fault::Dropped(
                "the connection was closed by the other side".to_owned(),
            ));
        }
        Ok(Step::Wait)
    }
}
