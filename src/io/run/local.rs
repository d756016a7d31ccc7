//! Local commands: on the terminal of a prompt, in a pty of their own; in a batch with dust's files.

use super::{LAST_WORDS, Loop, register};
use crate::app::Event;
use crate::error::Error;
use crate::io::pty::LocalCommand;
use crate::io::reactor::Source;
use crate::io::worker;
use mio::Interest;
use mio::unix::SourceFd;
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
            Ok(local) => {
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
