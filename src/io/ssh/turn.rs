//! A turn of a connection: what libssh can do for it without waiting.

use super::faults::again;
use super::login::methods;
use super::{Link, Login, News, Op, READ_SIZE, Step, Sweep};
use crate::io::sys;
use crate::session::life::{Fault, Question};
use libssh_rs::{AuthStatus, PublicKeyHashType};

impl Link {
    /// Does what can be done without waiting, and takes at most about `budget` bytes of output; with
    /// `hold` none of the shell's.
    /// With `glance` it ends at once if libssh holds no output: enough where the socket has not said
    /// that there is something to read.
    pub fn sweep(
        &mut self,
        budget: usize,
        glance: bool,
        hold: bool,
        buffer: &mut Vec<u8>,
        news: &mut dyn FnMut(News<'_>),
    ) -> Sweep {
        buffer.resize(READ_SIZE, 0);
        let mut left = budget;
        let mut idle_turns = 0;
        let mut first = true;
        loop {
            let step = match self.step(buffer, first, hold, news) {
                Ok(step) => step,
                Err(fault) => {
                    news(News::Fault(fault));
                    return Sweep::Over;
                },
            };
            if std::mem::take(&mut first)
                && matches!(step, Step::Wait)
                && matches!(self.op, Op::Shell)
            {
                if glance && self.sides.is_empty() {
                    return Sweep::Drained;
                }
                continue;
            }
            match step {
                Step::Done => idle_turns = 0,
                Step::Data(count) => {
                    idle_turns = 0;
                    left = left.saturating_sub(count);
                    if left == 0 {
                        return Sweep::More;
                    }
                },
                Step::Closed => return Sweep::Over,
                Step::Wait => {
                    if sys::readable_bytes(self.fd) == 0 {
                        // The end of the stream shows as readiness without bytes.
                        if idle_turns > 0 || !sys::is_readable(self.fd) {
                            return Sweep::Drained;
                        }
                    }
                    idle_turns += 1;
                    if idle_turns > 512 {
                        return Sweep::More;
                    }
                },
            }
        }
    }

    fn step(
        &mut self,
        buffer: &mut [u8],
        first: bool,
        hold: bool,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Step, Fault> {
        let step = if hold && matches!(self.op, Op::Shell) {
            Step::Wait
        } else {
            self.shell_step(buffer, first, news)?
        };
        if !matches!(step, Step::Wait) {
            return Ok(step);
        }
        let mut at = 0;
        while let Some(side) = self.sides.get_mut(at) {
            match side.step(&self.session, buffer, news)? {
                Some(Step::Wait) => at += 1,
                Some(step) => return Ok(step),
                None => {
                    self.sides.remove(at);
                    return Ok(Step::Done);
                },
            }
        }
        // A side may have been the one who met the end of the stream; nothing shows it again.
        let up = matches!(self.op, Op::None | Op::Shell) && self.channel.is_some();
        if up && !self.session.is_connected() {
            let why = "the connection was closed by the other side";
            return Err(Fault::Dropped(why.to_owned()));
        }
        Ok(Step::Wait)
    }

    fn shell_step(
        &mut self,
        buffer: &mut [u8],
        first: bool,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Step, Fault> {
        match &self.op {
            Op::None => {
                if self.write_pending() {
                    // Nothing else here makes libssh send. What is wrong shows with the next use.
                    drop(self.session.blocking_flush(Some(std::time::Duration::ZERO)));
                }
                self.look()?;
                Ok(Step::Wait)
            },
            Op::Handshake => match self.session.connect() {
                Ok(()) => {
                    sys::set_nonblocking(self.fd);
                    let hash = self
                        .session
                        .get_server_public_key()
                        .and_then(|key| key.get_public_key_hash(PublicKeyHashType::Sha256));
                    let hash = hash.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                    let hash =
                        hash.ok_or_else(|| Fault::Protocol("it has no host key".to_owned()))?;
                    self.op = Op::None;
                    news(News::Handshaken(hash));
                    Ok(Step::Done)
                },
                Err(error) => again(&error),
            },
            Op::Login(login) => {
                let status = match login {
                    Login::Key(key) => self.session.userauth_publickey(None, &key.0),
                    Login::Password(word) => self.session.userauth_password(None, Some(word)),
                    Login::Interactive => self.session.userauth_keyboard_interactive(None, None),
                };
                match status {
                    Ok(AuthStatus::Again) => Ok(Step::Wait),
                    Ok(status) => {
                        self.op = Op::None;
                        self.login_result(status, news);
                        Ok(Step::Done)
                    },
                    Err(error) => again(&error),
                }
            },
            Op::OpenChannel | Op::RequestPty | Op::RequestShell => self.open_step(news),
            Op::Shell => self.read_step(buffer, first, news),
        }
    }

    fn login_result(&self, status: AuthStatus, news: &mut dyn FnMut(News<'_>)) {
        match status {
            AuthStatus::Success => news(News::Accepted),
            AuthStatus::Info => {
                let prompts = self.session.userauth_keyboard_interactive_info();
                let prompts = prompts.map(|info| info.prompts).unwrap_or_default();
                let questions = prompts
                    .into_iter()
                    .map(|prompt| Question {
                        text: prompt.prompt,
                        echo: prompt.echo,
                    })
                    .collect();
                news(News::Asked(questions));
            },
            AuthStatus::Denied | AuthStatus::Partial | AuthStatus::Again => {
                news(News::Denied(methods(&self.session)));
            },
        }
    }
}
