//! The clients of a session, in the loop.

use super::Loop;
use crate::app::Event;
use crate::error::Error;
use crate::io::clock;
use crate::io::front::Front;
use crate::io::server::{ClientId, Clients, News};
use crate::model::Size;
use crate::term::screen::{Screen, Scrollback, reset_primary};
use crate::wire::{Attach, CONTROL_MAX, Question, ToClient};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The signal that ends a session in an orderly way (SIGTERM).
const TERMINATE: u8 = 15;

/// A path without links, as far as it is there.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Ends the alternate screen, where a local command has left it: whose cursor a terminal has is not
/// known otherwise.
fn back_to_primary(screen: &mut Screen) -> &'static [u8] {
    screen.attached();
    if screen.alternate() {
        b"\x1b[?1049l"
    } else {
        b""
    }
}

impl Loop {
    pub(super) fn clients(&mut self) -> Option<&mut Clients> {
        match &mut self.front {
            Some(Front::Served(clients)) => Some(clients),
            _ => self.guests.as_deref_mut(),
        }
    }

    fn looked_up(&self) -> Option<&Clients> {
        match &self.front {
            Some(Front::Served(clients)) => Some(clients),
            _ => self.guests.as_deref(),
        }
    }

    /// There is a session that can be shown, detached and ended.
    fn is_session(&self) -> bool {
        matches!(&self.front, Some(Front::Served(_)))
    }

    pub(super) fn clients_deadline(&self) -> Option<Instant> {
        self.looked_up()?.next_deadline()
    }

    /// True if some have sent more than was read.
    pub(super) fn clients_wait(&self) -> bool {
        self.looked_up().is_some_and(Clients::has_ready)
    }

    /// True if keys of theirs are among it.
    pub(super) fn keys_wait(&self) -> bool {
        matches!(&self.front, Some(Front::Served(clients)) if clients.keys_wait())
    }

    /// Somebody wants to be let in.
    pub(super) fn somebody_knocks(&mut self) {
        if let Some(clients) = self.clients() {
            clients.knock();
        }
    }

    /// Something was removed where the socket is.
    pub(super) fn folder_changed(&mut self, now: Instant) {
        if let Some(clients) = self.clients() {
            clients.folder_changed(now);
        }
    }

    pub(super) fn client_ready(&mut self, id: ClientId, speaks: bool, gone: bool) {
        if let Some(clients) = self.clients() {
            clients.mark_ready(id, speaks, gone);
        }
    }

    /// Tells the client that started this server that it listens.
    pub(super) fn tell_begun(&mut self) {
        let name = self.session_name();
        self.answer(clock::now(), 0, &ToClient::Done(name));
    }

    /// Does what clients want.
    pub(super) fn serve_clients(&mut self, now: Instant) {
        let unix_time = clock::unix_time();
        let both = (&mut self.front, &mut self.guests);
        let ((Some(Front::Served(clients)), _) | (_, Some(clients))) = both else {
            return;
        };
        if clients.next_deadline().is_some_and(|at| at <= now) {
            clients.tick(now, unix_time);
        }
        clients.tend_socket(&self.poll, now);
        let news = clients.read(now, unix_time);
        clients.accept(&self.poll, now);
        self.follow(now, news);
        self.know_client(now);
    }

    fn follow(&mut self, now: Instant, news: Vec<News>) {
        for one in news {
            // What was typed before may have to be done first.
            self.perform();
            self.hear(now, one);
        }
    }

    fn hear(&mut self, now: Instant, news: News) {
        match news {
            News::Attach(id, attach) => self.attach(now, id, &attach),
            News::Back(id, missed) => self.show_again(now, id, missed),
            News::Input(_, bytes) => {
                self.know_client(now);
                match &mut self.local {
                    Some(local) => {
                        if self.app.kills_local(now, &bytes) {
                            local.kill();
                        }
                        local.send(&bytes);
                    },
                    None => self.app.handle(now, Event::Input(&bytes)),
                }
            },
            News::Detach(id) => self.detach(now, id),
            News::DetachAll(asks) => {
                let attached = self.clients().map(|clients| clients.attached());
                let attached = attached.unwrap_or_default();
                let name = self.session_name();
                for id in &attached {
                    self.detach(now, *id);
                }
                let text = match attached.len() {
                    0 => format!("session {name} was not attached"),
                    1 => format!("session {name}: one terminal detached"),
                    count => format!("session {name}: {count} terminals detached"),
                };
                self.answer(now, asks, &ToClient::Done(text));
            },
            News::DetachNode(asks, node) => {
                let answer = match self.app.detach_node(&node) {
                    Ok(()) => ToClient::Done(format!("[{node}] detached")),
                    Err(error) => ToClient::Refused(error.kind().exit_code(), error.to_string()),
                };
                self.answer(now, asks, &answer);
            },
            News::Info(asks) => {
                let (names, files, nodes) = self.app.summary();
                let Some(clients) = self.clients() else {
                    return;
                };
                let mut info = clients.info(now);
                info.clusters = names;
                for (path, digest) in files {
                    info.files.push(path.into_os_string().into_vec());
                    info.digests.push(digest.to_vec());
                }
                info.nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
                self.answer(now, asks, &ToClient::Info(info));
            },
            News::Ask(asks, question) => {
                let answer = match question {
                    Question::Complete(prefix) => {
                        Ok(self.app.complete_target(&prefix).into_bytes())
                    },
                    Question::SshConfig(target) => {
                        let text = self.app.ssh_config(target.as_deref());
                        text.map(String::into_bytes)
                    },
                    Question::Snapshot => self.all_known(),
                };
                match answer {
                    Ok(bytes) => {
                        for piece in bytes.chunks(CONTROL_MAX / 2) {
                            self.answer(now, asks, &ToClient::Data(piece));
                        }
                        self.answer(now, asks, &ToClient::Done(String::new()));
                    },
                    Err(error) => {
                        let status = error.kind().exit_code();
                        let refused = ToClient::Refused(status, error.to_string());
                        self.answer(now, asks, &refused);
                    },
                }
            },
            // Whoever runs a drop-in alone has nothing else to give.
            News::Kill if !self.is_session() => {},
            News::Kill => self.app.handle(now, Event::Terminate(TERMINATE)),
            news => self.hear_borrower(now, news),
        }
    }

    /// What this run knows, for one inside it.
    fn all_known(&mut self) -> Result<Vec<u8>, Error> {
        self.app.was_asked_inside();
        let mut snapshot = self.app.snapshot();
        snapshot.local = self.place.elsewhere();
        snapshot.encode()
    }

    fn answer(&mut self, now: Instant, id: ClientId, message: &ToClient<'_>) {
        if let Some(clients) = self.clients() {
            clients.answer(id, message, now);
        }
    }

    fn session_name(&self) -> String {
        self.looked_up()
            .map(|clients| clients.name().to_owned())
            .unwrap_or_default()
    }

    /// A client wants to be shown the session.
    fn attach(&mut self, now: Instant, id: ClientId, attach: &Attach) {
        if let Err(error) = self.fits(attach) {
            let status = error.kind().exit_code();
            if let Some(clients) = self.clients() {
                clients.refuse(id, status, error.to_string(), now);
            }
            return;
        }
        let unix_time = clock::unix_time();
        self.show_rest(now, id);
        let Some(clients) = self.clients() else {
            return;
        };
        let Some(alone) = clients.admit(id, now, unix_time) else {
            return;
        };
        let fresh = clients.take_fresh();
        self.know_client(now);
        if self.local.is_some() {
            self.show_local(now, id);
        } else if !alone {
            let bytes = self.app.redraw("");
            self.show_one(now, id, bytes);
        } else if fresh {
            // What was wrong with the settings, say.
            self.show_kept();
        } else {
            self.show_anew(now, id);
        }
    }

    /// The session must have the file that the client's person named.
    fn fits(&self, attach: &Attach) -> Result<(), Error> {
        if !self.is_session() {
            return Err(Error::usage("this is no session, but a run of a command"));
        }
        let Some(file) = &attach.file else {
            return Ok(());
        };
        let wanted = real(Path::new(OsStr::from_bytes(file)));
        let (_, files, _) = self.app.summary();
        if files.iter().any(|(file, _)| real(file) == wanted) {
            return Ok(());
        }
        let name = self.session_name();
        let has = match files.as_slice() {
            [] => "no cluster file".to_owned(),
            files => {
                let shown = files.iter().map(|(file, _)| file.display().to_string());
                shown.collect::<Vec<_>>().join(" and ")
            },
        };
        let text = format!(
            "session {name} runs already, with {has}, not {}",
            wanted.display()
        );
        Err(Error::usage(text).hint("-s NAME opens another session; dust attach joins this one"))
    }

    /// A client takes output again.
    fn show_again(&mut self, now: Instant, id: ClientId, missed: bool) {
        let others = match &self.front {
            Some(Front::Served(clients)) => clients.others_than(id),
            _ => return,
        };
        if self.local.is_some() {
            self.show_local(now, id);
        } else if others {
            self.show_rest(now, id);
            let note = "[this terminal was behind: some output is left out here]\r\n";
            let bytes = self.app.redraw(if missed { note } else { "" });
            self.show_one(now, id, bytes);
        } else {
            self.show_anew(now, id);
        }
    }

    /// All but this client are shown what waits: it gets that with the picture as it is now.
    fn show_rest(&mut self, now: Instant, but: ClientId) {
        if self.local.is_some() {
            return;
        }
        let Some(Front::Served(clients)) = &mut self.front else {
            return;
        };
        if clients.others_than(but) {
            let bytes = self.app.paint();
            clients.show_others(Some(but), bytes, now);
        }
    }

    /// The one who looks now was not there before: first comes what was printed meanwhile.
    fn show_anew(&mut self, now: Instant, id: ClientId) {
        let screen = std::mem::take(&mut self.last_screen);
        if !screen.is_empty() {
            self.show_one(now, id, [reset_primary(), screen].concat());
        }
        self.app.regain_terminal();
        self.show_kept();
    }

    /// What was printed while nobody looked is shown next.
    fn show_kept(&mut self) {
        let Some(Front::Served(clients)) = &mut self.front else {
            return;
        };
        let mut all = clients.take_kept();
        all.append(self.app.out());
        *self.app.out() = all;
    }

    fn show_one(&mut self, now: Instant, id: ClientId, bytes: Vec<u8>) {
        if let Some(clients) = self.clients() {
            clients.show_one(id, bytes, now);
        }
    }

    /// What a local command shows, for a terminal that it has not seen.
    fn show_local(&mut self, now: Instant, id: ClientId) {
        let mut bytes = reset_primary();
        if let Some(screen) = &mut self.local_screen {
            bytes.extend(screen.repaint(Scrollback::None));
        }
        self.show_one(now, id, bytes);
    }

    /// A local command has the terminal: what it shows is remembered for those who come later.
    pub(super) fn begin_screen(&mut self, size: Size) {
        self.last_screen.clear();
        if let Some(Front::Served(_)) = &self.front {
            self.local_screen = Some(Screen::new(size, 0));
            self.looked_at = true;
            self.answer_for_terminal();
        }
    }

    /// Questions that a local command asks while nobody looks are answered all the same.
    pub(super) fn answer_for_terminal(&mut self) {
        let (Some(Front::Served(clients)), Some(screen)) = (&self.front, &mut self.local_screen)
        else {
            return;
        };
        let looked_at = clients.anybody();
        if looked_at != self.looked_at {
            self.looked_at = looked_at;
            if looked_at {
                screen.attached();
            } else {
                screen.detached(clients.facts());
            }
        }
        // What is left follows when others have had their turn.
        self.local_waits |= screen.settle_turn(looked_at);
        let replies = screen.take_replies();
        if let Some(local) = self.local.as_mut().filter(|_| !replies.is_empty()) {
            local.send(&replies);
        }
    }

    /// The local command has ended. Who comes next sees its last words, if nobody did.
    pub(super) fn end_screen(&mut self) {
        if let Some(mut screen) = self.local_screen.take()
            && let Some(Front::Served(clients)) = &self.front
        {
            if clients.anybody() {
                self.show(back_to_primary(&mut screen).to_vec());
                self.show_kept();
            } else {
                self.last_screen = screen.repaint(Scrollback::None);
                self.last_screen.extend(screen.leave());
            }
        }
    }

    /// The one who typed last says how large the terminal is, and what local commands know.
    fn know_client(&mut self, now: Instant) {
        let Some(Front::Served(clients)) = &self.front else {
            return;
        };
        let active = clients.active();
        if active.is_some() && active != self.known_client {
            if let Some((term, variables)) = clients.world() {
                self.environment.set(variables);
                self.app.set_term(term);
            }
            self.known_client = active;
        }
        if let Some(size) = clients.size()
            && size != self.app.size()
        {
            self.resize(now);
        }
    }

    /// The environment of a local command; `None`: this process's own.
    pub(super) fn local_world(&self) -> Option<Vec<(OsString, OsString)>> {
        let Some(Front::Served(clients)) = &self.front else {
            return None;
        };
        let mut variables = self.environment.all()?;
        let own = ["DUST_SOCKET", "DUST_SESSION_PID"];
        variables.retain(|(name, _)| !own.iter().any(|own| name == own));
        variables.push(("DUST_SOCKET".into(), clients.socket().into()));
        let pid = std::process::id().to_string();
        variables.push(("DUST_SESSION_PID".into(), pid.into()));
        Some(variables)
    }

    pub(super) fn flush_clients(&mut self) {
        let (now, unix_time) = (clock::now(), clock::unix_time());
        let Some(clients) = self.clients() else {
            return;
        };
        let news = clients.flush(now, unix_time);
        for one in news {
            self.hear(now, one);
        }
    }

    /// What takes whatever is shown off a terminal, which is left on its primary screen.
    pub(super) fn farewell(&mut self) -> Vec<u8> {
        self.paint();
        match &mut self.local_screen {
            Some(screen) => back_to_primary(screen).to_vec(),
            None => self.app.farewell(),
        }
    }

    /// Takes a terminal off the session.
    fn detach(&mut self, now: Instant, id: ClientId) {
        let bytes = self.farewell();
        let unix_time = clock::unix_time();
        if let Some(clients) = self.clients() {
            clients.detach(id, bytes, now, unix_time);
        }
    }

    /// `detach`, typed at the prompt.
    pub(super) fn detach_active(&mut self, now: Instant) {
        let active = self.clients().and_then(|clients| clients.active());
        if let Some(id) = active {
            self.detach(now, id);
        }
    }

    /// Ctrl-Z: only the one who typed it stops.
    pub(super) fn suspend_active(&mut self, now: Instant) {
        let bytes = self.farewell();
        if let Some(clients) = self.clients()
            && let Some(id) = clients.active()
        {
            clients.suspend(id, bytes, now);
        }
    }
}
