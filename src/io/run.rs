//! The loop: one thread, one order of work, one time for each turn.
//!
//! Signals, keys, answers of workers, sockets; then timers; then what was decided is done, output is
//! written, and the prompt painted once.

mod end;
mod input;
mod lent;
mod local;
mod pace;
mod served;
mod show;

use super::begin::Environment;
use super::dropins::{Room, Said};
use super::front::Front;
use super::links::{Lender, Links};
use super::reactor::Source;
use super::server::Clients;
use super::signals::{Signal, Signals};
use super::tty::{self, Echo, Output};
use super::worker::{self, Answer, KeyFile, Workers};
use super::{Place, clock, files, pty::LocalCommand};
use crate::app::{App, BACKLOG_MAX, Effect, Event};
use crate::error::{Error, Result};
use crate::session::life::{self, Method};
use crate::term::screen::Screen;
use crate::wire::Frames;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Waker};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the loop works with.
#[derive(Debug)]
pub struct World {
    /// What was standard input of a batch; fd 0 is /dev/null by now ([`super::sys::take_stdin`]).
    pub(super) stdin: Option<OwnedFd>,
    /// Where the prompt is shown.
    pub(super) front: Option<Front>,
    /// The client that started this server, and what it said already.
    pub(super) first: Option<(UnixStream, Frames)>,
    /// Where the local nodes are.
    pub(super) place: Place,
    /// The known-hosts file to append to.
    pub(super) known_hosts: Option<PathBuf>,
    /// The history of prompts.
    pub(super) history: Option<files::HistoryFile>,
    /// That of whoever looks.
    pub(super) environment: Environment,
    /// The running session whose connections are used.
    pub(super) lender: Option<Lender>,
}

struct Loop {
    app: App,
    poll: Poll,
    signals: Signals,
    workers: Workers,
    links: Links,
    front: Option<Front>,
    /// Standard input of a batch.
    input: Option<File>,
    input_waits: bool,
    input_registered: bool,
    echo: Option<Echo>,
    out: Output,
    err: Output,
    /// Turns since the last frame in which more keys were waiting.
    unpainted: u32,
    pace: pace::Pace,
    local: Option<LocalCommand>,
    /// It has more to say than fits in one turn.
    local_waits: bool,
    /// What it would show, for terminals that come later. Only in a session.
    local_screen: Option<Screen>,
    /// What a local command that has ended showed at last, if nobody looked.
    last_screen: Vec<u8>,
    /// Somebody looks, as the screen was told.
    looked_at: bool,
    local_child: bool,
    /// What the drop-in that runs was given.
    room: Option<Room>,
    /// Whoever it runs that wants to borrow, where there is no session.
    guests: Option<Box<Clients>>,
    /// What drop-ins said of themselves.
    said: Said,
    known_hosts: Option<PathBuf>,
    history: Option<files::HistoryFile>,
    place: Place,
    environment: Environment,
    /// Whose world the app knows of.
    known_client: Option<super::server::ClientId>,
    exit: Option<u8>,
}

/// Runs dust until it ends; its exit code.
///
/// # Errors
/// The cluster file cannot be loaded, or the system refuses what the loop needs.
pub fn run(app: App, file: Option<&Path>, world: World) -> Result<u8> {
    let failed = |error: io::Error| Error::failed(format!("the event loop: {error}"));
    let mut run = Loop::new(app, world).map_err(failed)?;
    run.app.start(clock::now(), file)?;
    run.tell_begun();
    run.turns().map_err(failed)
}

fn register(poll: &Poll, fd: RawFd, source: Source, interest: Interest) -> io::Result<()> {
    poll.registry()
        .register(&mut SourceFd(&fd), source.into(), interest)
}

impl Loop {
    fn new(app: App, world: World) -> io::Result<Self> {
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
        let (mut front, mut echo) = (world.front, None);
        match &mut front {
            Some(Front::Own(own)) => {
                let input = own.terminal.input().as_raw_fd();
                register(&poll, input, Source::Input, Interest::READABLE)?;
                let output = own.terminal.output().as_raw_fd();
                register(&poll, output, Source::Output, Interest::WRITABLE)?;
            },
            Some(Front::Served(clients)) => {
                clients.register(&poll)?;
                clients.watch_folder(&poll);
                if let Some((stream, frames)) = world.first {
                    clients.adopt(&poll, clock::now(), stream, frames)?;
                }
            },
            None => {
                for (output, source) in [(&out, Source::Output), (&err, Source::ErrorOutput)] {
                    if let Some(file) = output.pollable() {
                        // Some files cannot be waited for; they take everything at once.
                        let fd = file.as_raw_fd();
                        drop(register(&poll, fd, source, Interest::WRITABLE));
                    }
                }
                if let Some(stdin) = &world.stdin
                    && nix::unistd::isatty(stdin).unwrap_or(false)
                {
                    echo = stdin.try_clone().ok().map(Echo::new);
                }
            },
        }
        let stdin = world.stdin.filter(|_| front.is_none());
        Ok(Self {
            app,
            poll,
            signals,
            workers: Workers::new(waker),
            links: Links::new(world.lender),
            front,
            input: stdin.map(File::from),
            input_waits: false,
            input_registered: false,
            echo,
            out,
            err,
            unpainted: 0,
            pace: pace::Pace::default(),
            local: None,
            local_waits: false,
            local_screen: None,
            last_screen: Vec::new(),
            looked_at: true,
            local_child: false,
            room: None,
            guests: None,
            said: Said::default(),
            known_hosts: world.known_hosts,
            history: world.history,
            place: world.place,
            environment: world.environment,
            known_client: None,
            exit: None,
        })
    }

    fn turns(&mut self) -> io::Result<u8> {
        let mut events = Events::with_capacity(1024);
        let mut gather = false;
        loop {
            self.perform();
            self.links.flush_served(&mut self.app);
            self.write()?;
            if let Some(code) = self.exit {
                return self.end(code);
            }
            let now = clock::now();
            let mut timeout = [self.app.next_deadline(), self.clients_deadline()]
                .into_iter()
                .flatten()
                .min()
                .map(|at| at.saturating_duration_since(now));
            let backed_up = self.is_backed_up();
            if self.links.has_ready(&self.app, backed_up)
                || self.input_waits
                || self.local_waits
                || self.clients_wait()
            {
                timeout = Some(Duration::ZERO);
            } else if gather && !self.shows_by_itself() {
                clock::rest(pace::REST);
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
                    Some(Source::Listener) => self.somebody_knocks(),
                    Some(Source::Folder) => self.folder_changed(now),
                    Some(Source::Client(id)) => {
                        let gone = event.is_read_closed() && event.is_write_closed();
                        // Most often it only takes more: then there is nothing to be read.
                        let speaks = event.is_readable() || event.is_error() || gone;
                        self.client_ready(id, speaks, gone);
                    },
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
            self.serve_clients(now);
            while let Some(answer) = self.workers.answer() {
                self.take_answer(now, answer);
                self.perform();
            }
            self.serve_local(now);
            let backed_up = self.is_backed_up();
            let taken = self.links.sweep(now, &mut self.app, backed_up);
            gather = self.pace.turn(now, taken);
            if self.app.next_deadline().is_some_and(|at| at <= now) {
                self.app.tick(now);
            }
        }
    }

    /// There is output that nobody but this process hands on: it does not rest meanwhile.
    fn shows_by_itself(&self) -> bool {
        match &self.front {
            Some(Front::Served(_)) => false,
            Some(front @ Front::Own(_)) => self.app.unshown() + front.backlog() > 0,
            None => self.app.unshown() > 0,
        }
    }

    /// Whoever reads our output is slower than the nodes: they are not read from meanwhile.
    fn is_backed_up(&self) -> bool {
        let shown = self.front.as_ref().map_or(0, Front::backlog);
        self.app.unshown() + shown > BACKLOG_MAX
    }

    fn take_signals(&mut self, now: Instant) {
        for signal in self.signals.take() {
            match signal {
                Signal::Interrupt => self.app.handle(now, Event::Interrupt),
                Signal::Terminate(number) => self.app.handle(now, Event::Terminate(number)),
                Signal::Resize => self.resize(now),
                Signal::Child | Signal::Stop => {},
                Signal::Continue => {
                    if let Some(Front::Own(own)) = &self.front
                        && self.local.is_none()
                    {
                        drop(own.terminal.resume());
                        self.app.regain_terminal();
                    }
                },
            }
        }
    }

    fn resize(&mut self, now: Instant) {
        let size = match &self.front {
            Some(front) => front.size(),
            None => tty::size(&io::stdout().as_fd()),
        };
        if let Some(size) = size {
            if let Some(local) = &self.local {
                local.resize(size);
            }
            if let Some(screen) = &mut self.local_screen {
                screen.resize(size);
            }
            self.app.handle(now, Event::Resized(size));
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
            Answer::Kept(news) => self.app.handle(now, Event::Kept(news)),
            Answer::Disk(ticket, news) => self.app.handle(now, Event::Disk(ticket, news)),
            Answer::Cloud(request, news) => self.app.handle(now, Event::Cloud(request, news)),
            Answer::Provided(provided) => self.app.handle(now, Event::Provided(provided)),
            Answer::DropIns(request, news, said) => {
                if let Some(said) = said {
                    self.said = said;
                }
                self.app.handle(now, Event::DropIns(request, news));
            },
            Answer::Child(result) => {
                self.local_child = false;
                self.end_drop_in();
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
                Effect::Keep(ask) => self.workers.keep(ask),
                Effect::Disk(ticket, ask) => self.workers.ask_disk(ticket, ask),
                Effect::Local(line) => self.start_local(now, &line),
                Effect::DropIn(call) => self.start_drop_in(now, &call),
                Effect::DropIns(request, ask) => {
                    let said = self.said.clone();
                    self.workers
                        .run(move || worker::drop_ins(request, ask, said));
                },
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
                Effect::Suspend => self.suspend(now),
                Effect::Lent(borrower, news) => self.tell_borrower(now, borrower, news),
                Effect::Detach => self.detach_active(now),
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
}
