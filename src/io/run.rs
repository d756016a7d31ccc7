//! The loop: one thread, one order of work, one time for each turn.
//!
//! Signals, keys, answers of workers, sockets; then timers; then what was decided is done, output is
//! written, and the prompt painted once.

use super::links::Links;
use super::reactor::Source;
use super::signals::{Signal, Signals};
use super::tty::{self, Echo, Output, Terminal};
use super::worker::{self, Answer, KeyFile, Workers};
use super::{Place, clock, files, pty::LocalCommand, sys};
use crate::app::{App, BACKLOG_MAX, Effect, Event};
use crate::error::Error;
use crate::session::life::{self, Method};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Waker};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long dust may take at its end to write what is left to a slow reader.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// A burst of keys is painted once, but not later than after so many reads of it: laying out a line
/// takes as long as the line is.
const UNPAINTED_MAX: u32 = 64;
/// A local command's output is taken in pieces of this size, in bytes.
const PTY_READ: usize = 64 * 1024;

/// What the loop works with.
#[derive(Debug)]
pub struct World {
    /// What was standard input; fd 0 is /dev/null by now ([`sys::take_stdin`]).
    pub stdin: OwnedFd,
    /// The terminal of a prompt.
    pub terminal: Option<Terminal>,
    /// Where the local nodes are.
    pub place: Place,
    /// The known-hosts file to append to.
    pub known_hosts: Option<PathBuf>,
    /// The history of prompts.
    pub history: Option<files::HistoryFile>,
}

struct Loop {
    app: App,
    poll: Poll,
    signals: Signals,
    workers: Workers,
    links: Links,
    terminal: Option<Terminal>,
    /// Standard input of a batch.
    input: Option<File>,
    input_waits: bool,
    input_registered: bool,
    echo: Option<Echo>,
    out: Output,
    err: Output,
    /// Bytes for the terminal of a prompt.
    screen: Vec<u8>,
    /// Turns since the last frame in which more keys were waiting.
    unpainted: u32,
    local: Option<LocalCommand>,
    local_child: bool,
    known_hosts: Option<PathBuf>,
    history: Option<files::HistoryFile>,
    place: Place,
    exit: Option<u8>,
}

/// Runs dust until it ends; its exit code.
pub fn run(app: App, file: Option<PathBuf>, world: World) -> io::Result<u8> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), Source::Workers.into())?);
    let signals = Signals::catch()?;
    for pipe in signals.pipes() {
        register(&poll, pipe.as_raw_fd(), Source::Signals, Interest::READABLE)?;
    }
    let duplicate = |fd: RawFd| -> io::Result<OwnedFd> {
        // SAFETY: fds 1 and 2 stay open for the whole run.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
        fd.try_clone_to_owned()
    };
    let (out, err) = (Output::new(duplicate(1)?), Output::new(duplicate(2)?));
    if world.terminal.is_none() {
        for (output, source) in [(&out, Source::Output), (&err, Source::ErrorOutput)] {
            if let Some(file) = output.pollable() {
                // Some files cannot be waited for; they take everything at once.
                drop(register(
                    &poll,
                    file.as_raw_fd(),
                    source,
                    Interest::WRITABLE,
                ));
            }
        }
    }
    let mut input = None;
    let mut echo = None;
    if let Some(terminal) = &world.terminal {
        register(
            &poll,
            terminal.input().as_raw_fd(),
            Source::Input,
            Interest::READABLE,
        )?;
        register(
            &poll,
            terminal.output().as_raw_fd(),
            Source::Output,
            Interest::WRITABLE,
        )?;
    } else {
        if nix::unistd::isatty(&world.stdin).unwrap_or(false) {
            echo = world.stdin.try_clone().ok().map(Echo::new);
        }
        input = Some(File::from(world.stdin));
    }
    let mut run = Loop {
        app,
        poll,
        signals,
        workers: Workers::new(waker),
        links: Links::default(),
        terminal: world.terminal,
        input,
        input_waits: false,
        input_registered: false,
        echo,
        out,
        err,
        screen: Vec::new(),
        unpainted: 0,
        local: None,
        local_child: false,
        known_hosts: world.known_hosts,
        history: world.history,
        place: world.place,
        exit: None,
    };
    run.app.start(clock::now(), file.as_deref());
    run.turns()
}

fn register(poll: &Poll, fd: RawFd, source: Source, interest: Interest) -> io::Result<()> {
    poll.registry()
        .register(&mut SourceFd(&fd), source.into(), interest)
}

impl Loop {
    fn turns(&mut self) -> io::Result<u8> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.perform();
            self.write()?;
            if let Some(code) = self.exit {
                return self.end(code);
            }
            let now = clock::now();
            let mut timeout = self
                .app
                .next_deadline()
                .map(|at| at.saturating_duration_since(now));
            let backed_up = self.is_backed_up();
            if self.links.has_ready(backed_up) || self.input_waits {
                timeout = Some(Duration::ZERO);
            }
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = clock::now();
            let (mut signals, mut input) = (false, self.input_waits);
            for event in &events {
                match Source::of(event.token()) {
                    Some(Source::Signals) => signals = true,
                    Some(Source::Input) => input = true,
                    Some(Source::Node(id)) => self.links.mark_ready(id),
                    Some(Source::Tunnel(id)) => self.links.tunnel_ready(id),
                    Some(Source::Errors(id)) => self.links.proxy_speaks(id),
                    Some(Source::Pty | Source::Workers | Source::Output | Source::ErrorOutput)
                    | None => {},
                }
            }
            if signals {
                self.take_signals(now);
            }
            if input {
                self.take_input(now);
            }
            while let Some(answer) = self.workers.answer() {
                self.take_answer(now, answer);
                self.perform();
            }
            self.serve_local(now);
            let backed_up = self.is_backed_up();
            self.links.sweep(now, &mut self.app, backed_up);
            if self.app.next_deadline().is_some_and(|at| at <= now) {
                self.app.tick(now);
            }
        }
    }

    /// Whoever reads our output is slower than the nodes: they are not read from meanwhile.
    fn is_backed_up(&mut self) -> bool {
        self.app.out().len() + self.screen.len() + self.app.err().len() > BACKLOG_MAX
    }

    fn take_signals(&mut self, now: Instant) {
        for signal in self.signals.take() {
            match signal {
                Signal::Interrupt => self.app.handle(now, Event::Interrupt),
                Signal::Terminate(number) => self.app.handle(now, Event::Terminate(number)),
                Signal::Resize => self.resize(now),
                Signal::Child => {},
                Signal::Continue => {
                    if let Some(terminal) = &self.terminal
                        && self.local.is_none()
                    {
                        drop(terminal.resume());
                        self.app.regain_terminal();
                    }
                },
            }
        }
    }

    fn resize(&mut self, now: Instant) {
        let size = match &self.terminal {
            Some(terminal) => tty::size(terminal.output()),
            None => tty::size(&io::stdout().as_fd()),
        };
        if let Some(size) = size {
            if let Some(local) = &self.local {
                local.resize(size);
            }
            self.app.handle(now, Event::Resized(size));
        }
    }

    /// Keys, or standard input. A little at a time: nodes have their turn in between.
    fn take_input(&mut self, now: Instant) {
        self.input_waits = false;
        let mut buffer = [0; 16 * 1024];
        let wanted = self.app.wants_input();
        let read = match (&self.terminal, &mut self.input) {
            (Some(terminal), _) => terminal.input().read(&mut buffer),
            (None, Some(input)) if wanted => {
                if !sys::is_readable(input.as_raw_fd()) {
                    return;
                }
                input.read(&mut buffer)
            },
            _ => return,
        };
        match read {
            Ok(0) => {
                self.input = None;
                self.app.handle(now, Event::InputEnd);
            },
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                if let Some(local) = &mut self.local {
                    local.send(bytes);
                } else {
                    self.app.handle(now, Event::Input(bytes));
                }
                self.input_waits = true;
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.input_waits = true,
            Err(error) => {
                self.input = None;
                self.app.handle(now, Event::InputFailed(error.to_string()));
            },
        }
    }

    /// A batch reads standard input only when it wants it: what is behind belongs to others.
    fn watch_input(&mut self) {
        let wanted = self.app.wants_input() && self.local.is_none() && !self.local_child;
        let Some(input) = &self.input else { return };
        let fd = input.as_raw_fd();
        if wanted && !self.input_registered {
            self.input_registered = true;
            // A file cannot be waited for, and never blocks.
            if register(&self.poll, fd, Source::Input, Interest::READABLE).is_err() {
                self.input_waits = true;
                self.input_registered = false;
            } else {
                self.input_waits = sys::is_readable(fd);
            }
        } else if !wanted && self.input_registered {
            self.input_registered = false;
            self.input_waits = false;
            drop(self.poll.registry().deregister(&mut SourceFd(&fd)));
        }
    }

    fn take_answer(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Resolved(id, attempt, result) => {
                self.app
                    .handle(now, Event::Link(id, attempt, life::Event::Resolved(result)));
            },
            Answer::Key(path, file) => match file {
                KeyFile::Ready(key) => {
                    self.links.add_key(path.clone(), key);
                    self.app.key_loaded(now, &path, Ok(true));
                },
                KeyFile::Missing => self.app.key_loaded(now, &path, Ok(false)),
                KeyFile::Locked => self.app.handle(now, Event::KeyLocked(path)),
                KeyFile::Failed(why) => self.app.key_loaded(now, &path, Err(why)),
            },
            Answer::Agent {
                node,
                attempt,
                session,
                fd,
                result,
            } => {
                self.links
                    .take_back(&self.poll, node, attempt, session.0, fd);
                let event = match result {
                    Ok(None) => life::Event::Accepted,
                    Ok(Some(methods)) => life::Event::Denied(methods),
                    Err(fault) => life::Event::Fault(fault),
                };
                self.app.handle(now, Event::Link(node, attempt, event));
            },
            Answer::Cloud(request, news) => self.app.handle(now, Event::Cloud(request, news)),
            Answer::Provided(provided) => self.app.handle(now, Event::Provided(provided)),
            Answer::Child(result) => {
                self.local_child = false;
                let result = result.map_err(Error::failed);
                self.app.handle(now, Event::LocalEnded(result));
            },
        }
    }

    fn perform(&mut self) {
        while let Some(effect) = self.app.next_effect() {
            let now = clock::now();
            match effect {
                Effect::Resolve(id, attempt, host, port) => {
                    if let Ok(address) = host.parse() {
                        let address = std::net::SocketAddr::new(address, port);
                        let event = life::Event::Resolved(Ok(vec![address]));
                        self.app.handle(now, Event::Link(id, attempt, event));
                    } else {
                        self.workers
                            .run(move || worker::resolve(id, attempt, &host, port));
                    }
                },
                Effect::LoadKey(_, _, path, passphrase) => {
                    self.workers.run(move || worker::load_key(path, passphrase));
                },
                Effect::Login(id, attempt, Method::Agent(socket)) => {
                    if let Some((session, fd)) = self.links.lend(&self.poll, id, attempt) {
                        let work = move || worker::agent_login(id, attempt, session, fd, &socket);
                        self.workers.run(work);
                    }
                },
                Effect::Provider(request, op, cluster, names) => {
                    let place = self.place.clone();
                    self.workers
                        .run(move || worker::provide(request, op, cluster, &names, &place));
                },
                Effect::Cloud(request, account, ask) => {
                    self.workers.ask_cloud(request, account, ask);
                },
                Effect::Local(line) => self.start_local(now, &line),
                Effect::LocalInput(bytes) => match &mut self.local {
                    Some(local) => local.send(&bytes),
                    None => self.app.handle(now, Event::Input(&bytes)),
                },
                Effect::History(text) => {
                    if let Some(history) = &mut self.history {
                        // A full disk is no reason to stop anybody from working.
                        drop(history.append(&text));
                    }
                },
                Effect::Forget(alias) => {
                    if let Some(file) = &self.known_hosts {
                        // What cannot be forgotten is of no harm: ids are not used again.
                        drop(files::forget_host(file, &alias));
                    }
                },
                Effect::Echo(on) => {
                    if let Some(echo) = &mut self.echo {
                        echo.set(on);
                    }
                },
                Effect::Suspend => self.suspend(),
                Effect::Exit(code) => self.exit = Some(code),
                Effect::Remember(id, port) => {
                    if let Some(file) = &self.known_hosts {
                        self.links.remember(id, file, port);
                    }
                },
                other => self.links.perform(&self.poll, &mut self.app, now, other),
            }
        }
        self.watch_input();
    }

    fn write(&mut self) -> io::Result<()> {
        if let Some(terminal) = &self.terminal {
            // One frame at a time: what a slow terminal has not taken is not painted over.
            if self.screen.is_empty() {
                if self.input_waits && self.unpainted < UNPAINTED_MAX {
                    self.unpainted += 1;
                } else {
                    self.unpainted = 0;
                    self.screen = self.app.paint();
                }
            }
            return match write_some(terminal.output(), &mut self.screen) {
                Err(_) => {
                    // The terminal is gone; so is whoever looked at it.
                    self.screen.clear();
                    self.exit.get_or_insert(129);
                    Ok(())
                },
                Ok(()) => Ok(()),
            };
        }
        if self.out.write(self.app.out()).is_err() {
            // Nobody reads our output any more: like others, stop without a word (SIGPIPE).
            self.exit.get_or_insert(141);
        }
        drop(self.err.write(self.app.err()));
        Ok(())
    }

    fn suspend(&mut self) {
        let bytes = self.app.release_terminal();
        self.screen.extend_from_slice(&bytes);
        self.write_all(Duration::from_secs(1));
        if let Some(terminal) = &self.terminal {
            drop(terminal.suspend());
        }
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(0), nix::sys::signal::SIGTSTP);
        // SIGCONT paints again.
    }

    fn start_local(&mut self, now: Instant, line: &str) {
        let Some(terminal) = &self.terminal else {
            self.start_child(now, line);
            return;
        };
        let size = tty::size(terminal.output()).unwrap_or(crate::model::Size::DEFAULT);
        match LocalCommand::start(line, size) {
            Ok(local) => {
                drop(register(
                    &self.poll,
                    local.fd(),
                    Source::Pty,
                    Interest::READABLE | Interest::WRITABLE,
                ));
                let bytes = self.app.release_terminal();
                self.screen.extend_from_slice(&bytes);
                self.local = Some(local);
            },
            Err(error) => self.app.handle(now, Event::LocalEnded(Err(error))),
        }
    }

    /// In a batch a local command has dust's own input and output.
    fn start_child(&mut self, now: Instant, line: &str) {
        self.write_all(LAST_WORDS);
        let shell = std::env::var("SHELL")
            .ok()
            .filter(|shell| !shell.is_empty());
        let mut command = std::process::Command::new(shell.unwrap_or_else(|| "/bin/sh".to_owned()));
        command.arg("-c").arg(line);
        if let Some(input) = self.input.as_ref().and_then(|input| input.try_clone().ok()) {
            command.stdin(input);
        }
        match command.spawn() {
            Ok(child) => {
                self.local_child = true;
                self.workers.run(move || worker::wait_child(child));
            },
            Err(error) => {
                let error = Error::failed(format!("cannot run the system shell: {error}"));
                self.app.handle(now, Event::LocalEnded(Err(error)));
            },
        }
    }

    /// Moves bytes between the terminal and the local command that has it.
    fn serve_local(&mut self, now: Instant) {
        let Some(local) = &mut self.local else { return };
        local.flush();
        // Asked first: what it printed before its end is there to be read then.
        let ended = local.ended();
        let mut buffer = vec![0; PTY_READ];
        let mut drained = false;
        while self.screen.len() < BACKLOG_MAX {
            match local.read(&mut buffer) {
                Some(0) => {
                    drained = true;
                    break;
                },
                Some(count) => {
                    self.screen
                        .extend_from_slice(buffer.get(..count).unwrap_or_default());
                },
                None => {
                    // Its side of the pty is closed; SIGCHLD tells the rest.
                    drop(self.poll.registry().deregister(&mut SourceFd(&local.fd())));
                    drained = true;
                    break;
                },
            }
        }
        // The shell may end before what it started: its own end counts.
        let Some(code) = ended.filter(|_| drained) else {
            return;
        };
        drop(self.poll.registry().deregister(&mut SourceFd(&local.fd())));
        let unread = local.unread();
        self.local = None;
        self.app.regain_terminal();
        self.app.handle(now, Event::LocalEnded(Ok(code)));
        self.resize(now);
        if !unread.is_empty() {
            self.app.handle(now, Event::Input(&unread));
        }
    }

    /// Writes all that is left, as long as somebody takes it.
    fn write_all(&mut self, limit: Duration) {
        let until = clock::now() + limit;
        loop {
            let done = if self.terminal.is_some() {
                if let Some(terminal) = &self.terminal
                    && write_some(terminal.output(), &mut self.screen).is_err()
                {
                    self.screen.clear();
                }
                self.screen.is_empty()
            } else {
                let out = self.out.write(self.app.out());
                let err = self.err.write(self.app.err());
                (self.app.out().is_empty() && self.app.err().is_empty())
                    || (out.is_err() && err.is_err())
            };
            let left = until.saturating_duration_since(clock::now());
            if done || left.is_zero() {
                return;
            }
            let mut events = Events::with_capacity(8);
            drop(
                self.poll
                    .poll(&mut events, Some(left.min(Duration::from_millis(100)))),
            );
            let signals = self.signals.take();
            if signals
                .iter()
                .any(|signal| matches!(signal, Signal::Interrupt | Signal::Terminate(_)))
            {
                return;
            }
        }
    }

    fn end(&mut self, code: u8) -> io::Result<u8> {
        if self.terminal.is_some() {
            let bytes = self.app.release_terminal();
            self.screen.extend_from_slice(&bytes);
            self.write_all(Duration::from_secs(1));
        } else if code != 141 {
            self.write_all(LAST_WORDS);
        }
        if let Some(echo) = &mut self.echo {
            echo.set(true);
        }
        self.links.close_all();
        Ok(code)
    }
}

/// Writes what a non-blocking file takes now.
fn write_some(mut file: &File, bytes: &mut Vec<u8>) -> io::Result<()> {
    use std::io::Write as _;
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(count) => drop(bytes.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
