//! Raw shells: whose shell has the terminal, which shells go on in the background, and what they
//! show. How a shell gets into raw mode and out of it: `session::shell`.

use super::channels::Question;
use super::{App, Effect};
use crate::command::settings;
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::session::detach::{Config, Detach, Fed, Mode, ReplySwallower};
use crate::session::shell::{State, attach_command};
use crate::term::screen::{Facts, Screen, Scrollback};
use std::collections::BTreeMap;
use std::time::Instant;

mod back;
mod foreground;
mod list;
mod show;

/// What a person types ahead of a node that does not read, in bytes; what is more is refused.
const TYPED_MAX: usize = 1 << 20;

/// One raw shell.
#[derive(Debug)]
struct Room {
    screen: Screen,
    /// When it was entered first.
    since: Instant,
    /// It printed something since it went to the background.
    unread: bool,
    /// It has the terminal, but no terminal is there.
    alone: bool,
    /// What is typed until the node's terminal is fit for a person: line mode ignores returns.
    early: Option<Vec<u8>>,
    /// When the model of its screen is to read on.
    settle_at: Option<Instant>,
    /// Lines wait until it is back in line mode.
    back_by: Option<Instant>,
    /// When it is asked for that again.
    again_at: Option<Instant>,
    /// What ran there when it was asked last.
    runs: Option<String>,
}

/// All raw shells.
#[derive(Debug)]
pub(super) struct Desk {
    rooms: BTreeMap<NodeId, Room>,
    /// The one that has the terminal.
    front: Option<NodeId>,
    /// This one gets the terminal as soon as its shell can be entered.
    coming: Option<NodeId>,
    keys: Detach,
    /// What terminals said of themselves to programs that asked.
    facts: Facts,
    /// Bytes for the terminal, of the shell in front.
    out: Vec<u8>,
    list: Option<list::List>,
    /// Late replies of the terminal are kept from the prompt.
    swallow: Option<ReplySwallower>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            rooms: BTreeMap::new(),
            front: None,
            coming: None,
            keys: Detach::new(Config::default()),
            facts: Facts::default(),
            out: Vec::new(),
            list: None,
            swallow: None,
        }
    }
}

impl Desk {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let keys = self.front.and_then(|_| self.keys.deadline());
        let back = self.rooms.values().filter_map(Room::due).min();
        let list = self.list.as_ref().map(list::List::deadline);
        let settle = self.rooms.values().filter_map(|room| room.settle_at).min();
        let swallow = self.swallow.as_ref().and_then(ReplySwallower::deadline);
        [keys, back, list, swallow, settle]
            .into_iter()
            .flatten()
            .min()
    }

    /// What a terminal sends right after a raw shell has left it, without its late replies.
    pub(super) fn without_replies(&mut self, now: Instant, bytes: &[u8]) -> Option<Vec<u8>> {
        let swallow = self.swallow.as_mut()?;
        let mut keys = Vec::new();
        swallow.feed(bytes, now, &mut keys);
        Some(keys)
    }

    /// A raw shell has the terminal.
    pub(super) fn is_open(&self) -> bool {
        self.front.is_some()
    }

    /// The node whose raw shell is awaited.
    pub(super) fn coming(&self) -> Option<NodeId> {
        self.coming
    }
}

impl App {
    /// `@node` without a command.
    pub(super) fn attach(&mut self, now: Instant, ids: &[NodeId]) -> Result<()> {
        let [id] = *ids else {
            let names = self.folded(ids);
            return Err(Error::usage(format!(
                "a raw shell is of one node: {names} are {}",
                ids.len()
            ))
            .hint("@TARGET COMMAND runs a command on all of them"));
        };
        if !self.is_prompt() {
            let text = "a raw shell is entered from dust's prompt";
            return Err(Error::usage(text).hint("`dust ssh NODE` is for the command line"));
        }
        if !self.desk.rooms.contains_key(&id) {
            self.prepare(now, id)?;
            self.want(id);
        }
        self.desk.coming = Some(id);
        self.enter_coming(now);
        Ok(())
    }

    /// Whoever waits for a raw shell waits no more. True if somebody did.
    pub(super) fn forget_coming(&mut self) -> bool {
        self.desk.coming.take().is_some()
    }

    /// Enters the raw shell that is awaited, if its shell can be entered by now.
    pub(super) fn enter_coming(&mut self, now: Instant) {
        let Some(id) = self.desk.coming else { return };
        // What is typed is for somebody else: a local command, or who asked.
        let free = match &self.mode {
            super::Mode::Prompt(prompt) => prompt.takes_lines() && !self.local_runs,
            super::Mode::Batch(_) => false,
        };
        let there = self.desk.front == Some(id);
        if !free && !there {
            return;
        }
        if let Some(room) = self.desk.rooms.get(&id).filter(|_| !there) {
            // On its way to the lines that wait for it, it would take no keys.
            if room.back_by.is_none() {
                self.come_to_front(id);
            }
            return;
        }
        let secret = self.questions.wants_secret_of(id);
        let Some(run) = self.fleet.get_mut(id) else {
            return;
        };
        // What was given before goes first.
        let waits = !run.queue.is_empty() && run.current.is_none();
        let Some(shell) = run.shell.as_mut().filter(|_| !waits) else {
            return;
        };
        let busy = shell.state() == State::Busy;
        if !shell.enter_raw() {
            return;
        }
        self.effects.push_back(Effect::Flush(id));
        if there {
            self.desk.coming = None;
            self.release_early(id);
            return;
        }
        let mut early = None;
        if busy && let Some((tty, _)) = shell.tty() {
            let command = attach_command(tty, !secret);
            self.ask_node(id, Question::Terminal, command);
            early = Some(Vec::new());
        }
        self.desk.coming = None;
        let screen = Screen::new(self.setup.size, 0);
        let room = Room {
            screen,
            since: now,
            unread: false,
            alone: false,
            early,
            settle_at: None,
            back_by: None,
            again_at: None,
            runs: None,
        };
        self.desk.rooms.insert(id, room);
        self.come_to_front(id);
    }

    /// Gives a raw shell the terminal.
    fn come_to_front(&mut self, id: NodeId) {
        let size = self.setup.size;
        let bytes = self.release_terminal();
        let Some(room) = self.desk.rooms.get_mut(&id) else {
            return;
        };
        room.screen.attached();
        // Questions from before are answered as of before.
        let replies = room.screen.take_replies();
        if room.screen.size() != size {
            room.screen.resize(size);
        }
        room.unread = false;
        room.alone = false;
        let out = &mut self.desk.out;
        out.extend_from_slice(&bytes);
        // What is on the screen goes into the terminal's own scrollback: the shell's screen and the
        // terminal's agree to the row, however the shell addresses it.
        out.extend(std::iter::repeat_n(b'\n', usize::from(size.rows)));
        out.extend_from_slice(b"\x1b[H");
        out.extend_from_slice(&room.screen.repaint(Scrollback::Rows(usize::MAX)));
        room.screen.keep_scrollback(0);
        if self.recording.is_some() {
            let screen = room.screen.repaint(Scrollback::None);
            self.record_front(id, &screen);
        }
        self.log_note(id, "its raw shell is entered");
        self.desk.front = Some(id);
        self.desk.coming = None;
        self.desk.keys = Detach::new(Config {
            window: self.settings.detach_window,
            mode: match self.settings.detach {
                settings::Detach::Hold => Mode::Hold,
                settings::Detach::Forward => Mode::Forward,
                settings::Detach::Off => Mode::Off,
            },
            key: self.settings.detach_key,
            tilde: self.settings.detach_tilde,
            ..Config::default()
        });
        self.desk.swallow = None;
        self.effects.push_back(Effect::Resize(id, size));
        self.type_raw(id, &replies);
    }

    /// Bytes from the terminal while a raw shell has it. What comes behind the keys that detach is
    /// for the prompt, and returned.
    pub(super) fn raw_input<'a>(&mut self, now: Instant, bytes: &'a [u8]) -> &'a [u8] {
        let Some(id) = self.desk.front else {
            return bytes;
        };
        self.desk.facts.hear(bytes);
        let mut typed = Vec::new();
        let fed = self.desk.keys.feed(bytes, now, &mut typed);
        self.record_input(&typed);
        self.type_raw(id, &typed);
        match fed {
            Fed::Detached { rest } => {
                self.detach_raw();
                self.desk.swallow = Some(ReplySwallower::new(now));
                rest
            },
            Fed::Attached => &[],
        }
    }

    fn type_raw(&mut self, id: NodeId, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(early) = self
            .desk
            .rooms
            .get_mut(&id)
            .and_then(|room| room.early.as_mut())
            && early.len() + bytes.len() <= TYPED_MAX
        {
            early.extend_from_slice(bytes);
            return;
        }
        let Some(shell) = self.fleet.get_mut(id).and_then(|run| run.shell.as_mut()) else {
            return;
        };
        if shell.unsent().len() + bytes.len() > TYPED_MAX {
            self.desk.out.push(0x07);
            return;
        }
        shell.type_raw(bytes);
        self.effects.push_back(Effect::Flush(id));
    }

    /// The shell in front goes to the background; true if there was one.
    pub(super) fn detach_raw(&mut self) -> bool {
        let Some(id) = self.desk.front else {
            return false;
        };
        let name = self.name(id);
        self.leave_front();
        if self.desk.coming.take_if(|coming| *coming == id).is_some() {
            // The command has ended, and its shell is not a raw one yet.
            self.leave_room(id);
        }
        let Some(room) = self.desk.rooms.get_mut(&id) else {
            return true;
        };
        room.screen.detached(&self.desk.facts);
        let full = room.screen.alternate();
        self.notice(&format!("[detached {name}; @{name} returns]"));
        self.share_scrollback();
        // A command of line mode goes on in line mode, unless it has the whole screen.
        let job = self.fleet.get(id).is_some_and(|run| run.current.is_some());
        if job && !full {
            self.leave_room(id);
        }
        true
    }

    /// The terminal is the prompt's again.
    fn leave_front(&mut self) {
        let Some(id) = self.desk.front.take() else {
            return;
        };
        if let Some(room) = self.desk.rooms.get_mut(&id) {
            let leave = room.screen.leave();
            self.desk.out.extend_from_slice(&leave);
            self.record_left(&leave);
        }
        self.log_note(id, "its raw shell is left");
        let bytes = std::mem::take(&mut self.desk.out);
        self.prompt_returns(bytes);
    }

    pub(super) fn raw_tick(&mut self, now: Instant) {
        self.settle_screens(now);
        if let Some(id) = self.desk.front {
            let mut typed = Vec::new();
            self.desk.keys.tick(now, &mut typed);
            self.record_input(&typed);
            self.type_raw(id, &typed);
        }
        let mut keys = Vec::new();
        if let Some(swallow) = &mut self.desk.swallow {
            swallow.tick(now, &mut keys);
        }
        if !keys.is_empty() {
            self.prompt_input(now, &keys);
        }
        self.back_tick(now);
        self.list_tick(now);
    }

    /// Takes whoever is in a node's raw shell back to the prompt.
    ///
    /// # Errors
    /// There is no such node, or nobody is in its shell.
    pub fn detach_node(&mut self, node: &str) -> Result<()> {
        let targets = self.resolve(node)?;
        match self.desk.front {
            Some(id) if targets.ids() == [id] => {
                self.detach_raw();
                Ok(())
            },
            _ => {
                let names = self.folded(targets.ids());
                Err(Error::failed(format!("nobody is in the shell of {names}")))
            },
        }
    }

    /// A raw shell has the terminal.
    pub fn is_raw_open(&self) -> bool {
        self.desk.is_open()
    }

    /// A node whose shell is a raw one.
    pub(super) fn is_raw(&self, id: NodeId) -> bool {
        self.desk.rooms.contains_key(&id)
    }
}
