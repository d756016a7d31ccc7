//! Local commands: on the terminal of a prompt, in a pty of their own; in a batch with dust's files.

use super::end::LAST_WORDS;
use super::{Loop, register};
use crate::app::{Call, Event, LocalEnd};
use crate::error::{Error, Result};
use crate::io::begin;
use crate::io::dropins::{Room, SOCKET, path_to_dust};
use crate::io::front::Front;
use crate::io::pty::LocalCommand;
use crate::io::reactor::Source;
use crate::io::server::Clients;
use crate::io::signals::Signal;
use crate::io::{clock, sys, worker};
use crate::term::screen::Screen;
use mio::Interest;
use mio::unix::SourceFd;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

/// A local command's output is taken in pieces of this size, in bytes.
const PTY_READ: usize = 64 * 1024;
/// So much of it is taken in one turn, in bytes.
const PTY_BUDGET: usize = 256 * 1024;

impl Loop {
    pub(super) fn start_local(&mut self, now: Instant, line: &str) {
        let Some(front) = &self.front else {
            self.start_child(now, line);
            return;
        };
        let size = front.size().unwrap_or(crate::model::Size::DEFAULT);
        let world = self.local_world();
        match LocalCommand::start(line, size, world) {
            Ok(local) => self.give_terminal(local, size),
            Err(error) => self.app.handle(now, Event::LocalEnded(Err(error))),
        }
    }

    fn give_terminal(&mut self, local: LocalCommand, size: crate::model::Size) {
        drop(register(
            &self.poll,
            local.fd(),
            Source::Pty,
            Interest::READABLE | Interest::WRITABLE,
        ));
        let bytes = self.app.release_terminal();
        self.show(bytes);
        self.begin_screen(size);
        self.local = Some(local);
    }

    /// Runs a drop-in command.
    pub(super) fn start_drop_in(&mut self, now: Instant, call: &Call) {
        let size = self.front.as_ref().and_then(Front::size);
        let size = size.unwrap_or(crate::model::Size::DEFAULT);
        let started = self.prepare_drop_in(now, call).and_then(|variables| {
            if self.front.is_none() {
                if self.is_stopped_before(now) {
                    return Ok(());
                }
                let mut command = std::process::Command::new(&call.path);
                command.args(&call.args).env_clear().envs(variables);
                return self
                    .spawn_child(command)
                    .map_err(|error| Error::failed(format!("{}: {error}", call.name)));
            }
            let local =
                LocalCommand::spawn(call.path.as_os_str(), &call.args, size, Some(variables))
                    .map_err(|why| Error::failed(format!("{}: {why}", call.name)))?;
            self.give_terminal(local, size);
            Ok(())
        });
        if let Err(error) = started {
            self.end_drop_in();
            self.app.handle(now, Event::LocalEnded(Err(error)));
        }
    }

    /// What a drop-in is given; its variables.
    fn prepare_drop_in(&mut self, now: Instant, call: &Call) -> Result<Vec<(OsString, OsString)>> {
        let room = Room::new()?;
        let nodes = room.write("nodes.json", &call.nodes)?;
        let names = room.write("names", &call.names)?;
        let socket = match &self.front {
            Some(Front::Served(clients)) => clients.socket().to_owned(),
            _ => self.open_door(now, &room)?,
        };
        self.room = Some(room);
        let world = self.local_world();
        let mut variables = world.unwrap_or_else(|| std::env::vars_os().collect());
        let own = std::process::id().to_string();
        let mut put = |name: &str, value: OsString| {
            variables.retain(|(known, _)| known != name);
            variables.push((name.into(), value));
        };
        put("DUST_SOCKET", socket.into());
        put("DUST_SESSION_PID", own.into());
        put("DUST_NODES", nodes.into());
        put("DUST_NAMES", names.into());
        put("DUST_COMMAND", call.name.clone().into());
        let path = variables.iter().find(|(name, _)| name == "PATH");
        if let Some(path) = path_to_dust(path.map(|(_, value)| value.as_os_str())) {
            variables.retain(|(name, _)| name != "PATH");
            variables.push(("PATH".into(), path));
        }
        Ok(variables)
    }

    /// Lets in those whom a drop-in runs, where there is no session that would; the socket.
    fn open_door(&mut self, now: Instant, room: &Room) -> Result<PathBuf> {
        let listener = room.folder()?.bind(SOCKET)?;
        let (hello, channels) = (begin::hello(), sys::raise_open_files() / 4);
        let unix_time = clock::unix_time();
        let guests = Clients::new(SOCKET, hello, listener, channels, now, unix_time);
        let failed = |error: std::io::Error| Error::failed(format!("the socket: {error}"));
        guests.register(&self.poll).map_err(failed)?;
        let socket = guests.socket().to_owned();
        self.guests = Some(Box::new(guests));
        Ok(socket)
    }

    /// What a drop-in was given is taken back.
    pub(super) fn end_drop_in(&mut self) {
        if let Some(guests) = self.guests.take() {
            for borrower in guests.borrowers() {
                self.app.loan_returned(borrower);
            }
        }
        self.room = None;
    }

    /// Writes what comes before a local command. True if a signal came meanwhile, which the command would
    /// have had: it is not started.
    fn is_stopped_before(&mut self, now: Instant) -> bool {
        let Some(signal) = self.write_all(LAST_WORDS) else {
            return false;
        };
        let (event, number) = match signal {
            Signal::Terminate(number) => (Event::Terminate(number), number),
            _ => (Event::Interrupt, 2),
        };
        self.app.handle(now, event);
        self.end_drop_in();
        let end = LocalEnd {
            code: 128 + (number & 127),
            signal: None,
        };
        self.app.handle(now, Event::LocalEnded(Ok(end)));
        true
    }

    /// In a batch a local command has dust's own input and output.
    fn start_child(&mut self, now: Instant, line: &str) {
        if self.is_stopped_before(now) {
            return;
        }
        let shell = std::env::var("SHELL")
            .ok()
            .filter(|shell| !shell.is_empty());
        let mut command = std::process::Command::new(shell.unwrap_or_else(|| "/bin/sh".to_owned()));
        command.arg("-c").arg(line);
        if let Err(error) = self.spawn_child(command) {
            let error = Error::failed(format!("cannot run the system shell: {error}"));
            self.app.handle(now, Event::LocalEnded(Err(error)));
        }
    }

    fn spawn_child(&mut self, mut command: std::process::Command) -> std::io::Result<()> {
        if let Some(input) = self.input.as_ref().and_then(|input| input.try_clone().ok()) {
            command.stdin(input);
        }
        let child = command.spawn()?;
        self.local_child = true;
        self.workers.run(move || worker::wait_child(child));
        Ok(())
    }

    /// Moves bytes between the terminal and the local command that has it.
    pub(super) fn serve_local(&mut self, now: Instant) {
        let Some(local) = &mut self.local else { return };
        local.flush();
        // Asked first: what it printed before its end is there to be read then.
        let ended = local.ended();
        let mut buffer = vec![0; PTY_READ];
        let mut drained = false;
        let Some(front) = &mut self.front else { return };
        // A pty gives a page at a time; terminals are given what there is at once.
        let mut shown = Vec::new();
        self.local_waits = false;
        while front.takes_more() {
            if self.local_screen.as_ref().is_some_and(Screen::is_behind) {
                break;
            }
            if shown.len() >= PTY_BUDGET {
                self.local_waits = true;
                break;
            }
            match local.read(&mut buffer) {
                Some(0) => {
                    drained = true;
                    break;
                },
                Some(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    if let Some(screen) = &mut self.local_screen {
                        screen.push(bytes);
                    }
                    shown.extend_from_slice(bytes);
                },
                None => {
                    // Its side of the pty is closed; SIGCHLD tells the rest.
                    drop(self.poll.registry().deregister(&mut SourceFd(&local.fd())));
                    drained = true;
                    break;
                },
            }
        }
        if !shown.is_empty() {
            front.show(shown, now);
        }
        self.answer_for_terminal();
        // The shell may end before what it started: its own end counts.
        let Some(code) = ended.filter(|_| drained) else {
            return;
        };
        let Some(mut local) = self.local.take() else {
            return;
        };
        drop(self.poll.registry().deregister(&mut SourceFd(&local.fd())));
        let unread = local.unread();
        drop(local);
        self.end_drop_in();
        self.local_waits = false;
        self.end_screen();
        self.app.regain_terminal();
        self.app.handle(now, Event::LocalEnded(Ok(code)));
        self.resize(now);
        if !unread.is_empty() {
            self.app.handle(now, Event::Input(&unread));
        }
    }
}
