//! The terminal of a session: bytes in both directions, and its settings restored in every case.

use super::meet::{self, Peer};
use crate::io::clock;
use crate::io::front::write_some;
use crate::io::signals::{Signal, Signals};
use crate::io::tty::{self, Terminal};
use crate::model::Size;
use crate::term::screen;
use crate::ui::fresh_line;
use crate::wire::{Frames, ToClient, ToServer};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Keys that the server has not taken are held up to this, in bytes; then no more are read.
const KEYS_MAX: usize = 64 * 1024;
/// How long a terminal may take to take the last words.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long the server may take to end after it said so: nodes of a demo end first.
const LAST_WORK: Duration = Duration::from_secs(30);

/// How it ended.
enum End {
    /// With this exit status, and something to tell the person.
    Told(u8, String),
    /// The session itself has ended so.
    Ended(u8, String),
    /// The server went without a word.
    Gone,
    /// The terminal did.
    Lost,
    /// A signal came.
    Signal(u8),
}

struct Relay {
    name: String,
    log: PathBuf,
    stream: UnixStream,
    frames: Frames,
    /// Restores its settings when it is dropped.
    terminal: Terminal,
    signals: Signals,
    /// Signals that came while this process was stopped.
    pending: Vec<Signal>,
    /// Bytes for the server.
    up: Vec<u8>,
    /// The last output; the terminal has taken it as far as `shown`.
    down: Vec<u8>,
    shown: usize,
    /// The server has closed its end.
    closed: bool,
    /// The session has taken its picture off the terminal, which shows its primary screen.
    taken_off: bool,
}

/// Shows a session on this terminal until it ends or is detached; dust's exit status.
pub(super) fn run(peer: &mut Peer) -> io::Result<u8> {
    let mut relay = take(peer, io::stdin().as_fd())?;
    let end = relay.turns()?;
    Ok(relay.end(end))
}

/// Takes a terminal for a session.
fn take(peer: &mut Peer, tty: BorrowedFd<'_>) -> io::Result<Relay> {
    let terminal = Terminal::open(tty)?;
    let signals = Signals::catch_with_stop()?;
    let stream = peer.stream.try_clone()?;
    stream.set_nonblocking(true)?;
    Ok(Relay {
        name: peer.name.clone(),
        log: peer.log.clone(),
        stream,
        frames: std::mem::take(&mut peer.frames),
        terminal,
        signals,
        pending: Vec::new(),
        up: Vec::new(),
        down: Vec::new(),
        shown: 0,
        closed: false,
        taken_off: false,
    })
}

impl Drop for Relay {
    /// Also after a panic: the modes here, the settings with the terminal.
    fn drop(&mut self) {
        self.leave_terminal();
    }
}

impl Relay {
    fn turns(&mut self) -> io::Result<End> {
        // The size may be another one than when it was asked.
        let size = self.size();
        self.say(&ToServer::Resize(size));
        loop {
            if let Some(end) = self.take_frames() {
                return Ok(end);
            }
            if self.closed && self.down.is_empty() {
                return Ok(End::Gone);
            }
            self.send_up();
            let (input, output, stream, signals) = self.wait()?;
            if signals && let Some(end) = self.take_signals()? {
                return Ok(end);
            }
            if output.contains(PollFlags::POLLOUT) {
                self.write_down()?;
            }
            if (input | output).intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
                return Ok(End::Lost);
            }
            if input.contains(PollFlags::POLLIN) && !self.take_keys() {
                return Ok(End::Lost);
            }
            if stream.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
                self.read_stream();
            }
        }
    }

    /// Waits until there is something to do: what happened to the terminal's two files and to the
    /// stream, and whether a signal came.
    fn wait(&self) -> io::Result<(PollFlags, PollFlags, PollFlags, bool)> {
        let when = |condition: bool, flags| if condition { flags } else { PollFlags::empty() };
        let input = when(self.up.len() < KEYS_MAX, PollFlags::POLLIN);
        let output = when(!self.down.is_empty(), PollFlags::POLLOUT);
        // What the terminal does not take is not read either: the server sees that.
        let stream = when(self.down.is_empty() && !self.closed, PollFlags::POLLIN)
            | when(!self.up.is_empty() && !self.closed, PollFlags::POLLOUT);
        let mut fds = vec![
            PollFd::new(self.terminal.input().as_fd(), input),
            PollFd::new(self.terminal.output().as_fd(), output),
        ];
        fds.extend(
            self.signals
                .pipes()
                .map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
        );
        if !self.closed {
            fds.push(PollFd::new(self.stream.as_fd(), stream));
        }
        let timeout = if self.pending.is_empty() {
            PollTimeout::NONE
        } else {
            PollTimeout::ZERO
        };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {},
            Err(errno) => return Err(errno.into()),
        }
        let found = |at: usize| {
            let fd = fds.get(at);
            fd.and_then(PollFd::revents).unwrap_or(PollFlags::empty())
        };
        let pipes = self.signals.pipes().count();
        let signals = (2..2 + pipes).any(|at| found(at).contains(PollFlags::POLLIN))
            || !self.pending.is_empty();
        let stream = if self.closed {
            PollFlags::empty()
        } else {
            found(2 + pipes)
        };
        Ok((found(0), found(1), stream, signals))
    }

    fn size(&self) -> Option<Size> {
        tty::size(self.terminal.output())
    }

    fn say(&mut self, message: &ToServer<'_>) {
        message.encode(&mut self.up);
    }

    /// Keys. False once the terminal is gone.
    fn take_keys(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.terminal.input().read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                let keys = buffer.get(..count).unwrap_or_default();
                ToServer::Input(keys).encode(&mut self.up);
                true
            },
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ),
        }
    }

    /// Sends what the server takes.
    fn send_up(&mut self) {
        if write_some(&self.stream, &mut self.up).is_err() {
            // What it said before is still to be read.
            self.up.clear();
        }
    }

    fn read_stream(&mut self) {
        if self.closed {
            return;
        }
        match (&self.stream).read(self.frames.room()) {
            Ok(0) => self.closed = true,
            Ok(count) => self.frames.filled(count),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {},
            Err(_) => self.closed = true,
        }
    }

    /// Does what the server said, as far as the terminal takes it.
    fn take_frames(&mut self) -> Option<End> {
        while self.down.is_empty() {
            let mut frames = std::mem::take(&mut self.frames);
            let end = match frames.next_frame() {
                Ok(None) => {
                    self.frames = frames;
                    return None;
                },
                Ok(Some((kind, body))) => match ToClient::decode(kind, body) {
                    Ok(message) => self.follow(message),
                    Err(fault) => Some(End::Told(1, format!("[session {}: {fault}]", self.name))),
                },
                Err(fault) => Some(End::Told(1, format!("[session {}: {fault}]", self.name))),
            };
            self.frames = frames;
            if end.is_some() {
                return end;
            }
        }
        None
    }

    fn follow(&mut self, message: ToClient<'_>) -> Option<End> {
        match message {
            ToClient::Output(bytes) => {
                let Ok(taken) = self.write_terminal(bytes) else {
                    return Some(End::Lost);
                };
                let rest = bytes.get(taken..).unwrap_or_default();
                self.down.extend_from_slice(rest);
                None
            },
            ToClient::Suspend => {
                self.taken_off = true;
                self.stop();
                self.taken_off = false;
                None
            },
            ToClient::Detached(text) => Some(End::Told(0, text)),
            ToClient::Ended(status, text) => Some(End::Ended(status, text)),
            ToClient::Refused(status, why) => Some(End::Told(status, format!("dust: {why}"))),
            _ => None,
        }
    }

    /// Writes what the terminal takes now; how much that was.
    fn write_terminal(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.terminal.output().write(rest) {
                Ok(count) => {
                    done += count;
                    // It is full: asking it again would only say so.
                    if count < rest.len() {
                        break;
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_down(&mut self) -> io::Result<()> {
        self.shown += self.write_terminal(self.unshown())?;
        if self.unshown().is_empty() {
            self.down.clear();
            self.shown = 0;
        }
        Ok(())
    }

    fn unshown(&self) -> &[u8] {
        self.down.get(self.shown..).unwrap_or_default()
    }

    fn take_signals(&mut self) -> io::Result<Option<End>> {
        let mut signals = std::mem::take(&mut self.pending);
        signals.extend(self.signals.take());
        for signal in signals {
            match signal {
                Signal::Interrupt => return Ok(Some(End::Signal(2))),
                Signal::Terminate(number) => return Ok(Some(End::Signal(number))),
                Signal::Resize => {
                    let size = self.size();
                    self.say(&ToServer::Resize(size));
                },
                Signal::Stop => {
                    self.say(&ToServer::Suspended);
                    self.send_up();
                    self.stop();
                },
                Signal::Continue => self.go_on()?,
                Signal::Child => {},
            }
        }
        Ok(None)
    }

    /// Stops this process as Ctrl-Z does, with the terminal as it was before.
    fn stop(&mut self) {
        self.leave_terminal();
        drop(self.terminal.suspend());
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default disposition runs no code of ours.
        let before = unsafe { sigaction(nix::sys::signal::SIGTSTP, &default) };
        // The whole job stops, unless nobody could have it go on again.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(0), nix::sys::signal::SIGTSTP);
        if let Ok(before) = before {
            // SAFETY: this is what was there before.
            let _ = unsafe { sigaction(nix::sys::signal::SIGTSTP, &before) };
        }
        // This is what SIGCONT asks for; where nothing stopped there was none.
        let others = self.signals.take();
        self.pending.extend(
            others
                .into_iter()
                .filter(|signal| *signal != Signal::Continue),
        );
        drop(self.go_on());
    }

    /// The terminal is this process's again.
    fn go_on(&mut self) -> io::Result<()> {
        self.terminal.resume()?;
        let size = self.size();
        self.say(&ToServer::Continued(size));
        Ok(())
    }

    /// Puts the terminal's modes right, and the cursor at the start of a row.
    fn leave_terminal(&self) {
        let size = self.size().unwrap_or(Size::DEFAULT);
        // What was cut off in the middle ends here.
        let mut bytes = b"\x18".to_vec();
        bytes.extend(if self.taken_off {
            screen::reset_primary()
        } else {
            screen::reset()
        });
        bytes.extend_from_slice(&fresh_line(size));
        self.write_until(&bytes, clock::now() + LAST_WORDS);
    }

    /// Writes all, as long as the terminal takes it in time.
    fn write_until(&self, bytes: &[u8], until: Instant) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Ok(taken) = self.write_terminal(rest) else {
                return;
            };
            rest = rest.get(taken..).unwrap_or_default();
            let left = until.saturating_duration_since(clock::now());
            if rest.is_empty() || left.is_zero() {
                return;
            }
            let mut fds = [PollFd::new(
                self.terminal.output().as_fd(),
                PollFlags::POLLOUT,
            )];
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            if matches!(poll(&mut fds, left), Err(errno) if errno != Errno::EINTR) {
                return;
            }
        }
    }

    /// Leaves the terminal with a word, and gives dust's exit status.
    fn end(mut self, end: End) -> u8 {
        self.taken_off = matches!(end, End::Told(..) | End::Ended(..));
        let (status, text, wait) = match end {
            End::Told(status, text) => (status, text, false),
            End::Ended(status, text) => (status, text, true),
            End::Gone => (1, format!("[{}]", meet::gone(&self.name, &self.log)), false),
            End::Lost => (129, String::new(), false),
            End::Signal(number) => (128 + (number & 127), String::new(), false),
        };
        if status != 129 {
            self.write_until(self.unshown(), clock::now() + LAST_WORDS);
        }
        let stream = self.stream.try_clone();
        drop(self);
        if !text.is_empty() {
            drop(writeln!(io::stdout(), "{text}"));
        }
        if wait && let Ok(stream) = stream {
            wait_for_end(&stream);
        }
        status
    }
}

/// The server's connections and nodes have ended once it has.
fn wait_for_end(mut stream: &UnixStream) {
    drop(stream.set_nonblocking(false));
    drop(stream.set_read_timeout(Some(LAST_WORK)));
    let mut rest = [0; 4096];
    while matches!(stream.read(&mut rest), Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Hello;
    use nix::sys::termios::{LocalFlags, tcgetattr};

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let modes = || tcgetattr(&pty.slave).unwrap().local_flags;
        let before = modes();
        assert!(before.contains(LocalFlags::ICANON));
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut peer = Peer {
            name: "lab".to_owned(),
            stream: ours,
            frames: Frames::new(),
            hello: Hello::new(1, b"/bin/dust"),
            log: PathBuf::new(),
        };
        let relay = take(&mut peer, pty.slave.as_fd()).unwrap();
        assert!(!modes().contains(LocalFlags::ICANON));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _relay = relay;
            panic!("what never happens");
        }));
        assert!(panicked.is_err());
        assert_eq!(modes(), before);
        let mut told = [0; 4096];
        let count = nix::unistd::read(&pty.master, &mut told).unwrap();
        let reset = screen::reset();
        let reset = told[..count].windows(reset.len()).any(|part| part == reset);
        assert!(reset, "{:?}", String::from_utf8_lossy(&told[..count]));
    }
}
