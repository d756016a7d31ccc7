//! The line editor: one line being typed, and what each key does to it.

mod keymap;

use std::mem;

use rustyline::Movement;
use rustyline::line_buffer::{LineBuffer, WordAction};

use super::complete::Completion;
use super::history::{EntryId, History};
use super::kill::KillRing;
use super::menu::{self, Completed, Menu, MenuView};
use super::search::{Search, SearchView};
use super::undo::{Recorder, Undo};
use super::walk::{self, Walk};

/// The longest line, in bytes.
pub const LINE_MAX: usize = 1 << 20;

/// What a key did, for whoever owns the editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditEvent {
    /// Nothing.
    None,
    /// What is to be painted changed: the line, the cursor, the search or the menu.
    Changed,
    /// Enter: the line, which may hold newlines. The editor is empty again.
    Submit(String),
    /// Ctrl-C. The line is untouched; [`Editor::clear`] drops it.
    Interrupt,
    /// Ctrl-D on an empty line.
    Eof,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L.
    ClearScreen,
    /// Tab: [`Editor::complete`] takes the answer.
    Complete,
    /// A paste is on the line, but not all of it: it was too long.
    PasteCut,
    /// The key cannot do anything here.
    Bell,
}

/// What the last key was, where it matters to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Other,
    Typed,
    Killed,
    /// Text was yanked, from here to the cursor.
    Yanked(usize),
    /// The last word of this entry was inserted, from here to the cursor.
    Argument(EntryId, usize),
    /// A completion was asked for; it lists the candidates if there are still several.
    Asked {
        list: bool,
    },
    /// A completion left several candidates.
    Ambiguous,
}

/// A line being typed.
#[derive(Debug)]
pub struct Editor {
    line: LineBuffer,
    undo: Undo,
    kills: KillRing,
    walk: Walk,
    search: Option<Search>,
    last_query: String,
    menu: Option<Menu>,
    last: Last,
}

impl Default for Editor {
    fn default() -> Self {
        Self::new()
    }
}

impl Editor {
    /// An empty line.
    pub fn new() -> Self {
        Self {
            line: LineBuffer::with_capacity(LINE_MAX),
            undo: Undo::default(),
            kills: KillRing::default(),
            walk: Walk::default(),
            search: None,
            last_query: String::new(),
            menu: None,
            last: Last::Other,
        }
    }

    /// The line as it is to be shown: in a search, what it found.
    pub fn line(&self) -> &str {
        self.found()
            .map_or_else(|| self.line.as_str(), |(_, entry, _)| entry)
    }

    /// Where the cursor is in [`Self::line`], in bytes.
    pub fn cursor(&self) -> usize {
        self.found()
            .map_or_else(|| self.line.pos(), |(_, _, at)| at)
    }

    /// The search, if one is open.
    pub fn search(&self) -> Option<SearchView<'_>> {
        self.search.as_ref().map(Search::view)
    }

    /// The menu of candidates, if it is open.
    pub fn menu(&self) -> Option<MenuView<'_>> {
        self.menu.as_ref().map(Menu::view)
    }

    /// Drops the line and everything that belongs to it; the kill ring stays.
    pub fn clear(&mut self) {
        self.line.update("", 0, &mut Recorder::default());
        self.undo.clear();
        self.walk = Walk::default();
        self.search = None;
        self.menu = None;
        self.last = Last::Other;
    }

    /// Puts a line for editing, with the cursor at its end; undo brings back the one before.
    pub fn set_line(&mut self, text: &str) {
        self.search = None;
        self.menu = None;
        self.last = Last::Other;
        self.put_line(text, text.len());
    }

    /// Takes the answer to [`EditEvent::Complete`]. One that comes late, when another key was
    /// pressed since, changes nothing.
    pub fn complete(&mut self, completion: Completion) -> EditEvent {
        let Last::Asked { list } = mem::replace(&mut self.last, Last::Other) else {
            return EditEvent::None;
        };
        let mut completed = Completed::Nothing;
        self.edit(false, |line, recorder| {
            completed = menu::insert(&completion, line, recorder);
            true
        });
        match completed {
            Completed::Nothing => EditEvent::Bell,
            Completed::Whole => EditEvent::Changed,
            Completed::Partly(true) => {
                self.last = Last::Ambiguous;
                EditEvent::Changed
            },
            Completed::Partly(false) if list => {
                self.menu = Menu::new(completion, &self.line);
                EditEvent::Changed
            },
            Completed::Partly(false) => {
                self.last = Last::Ambiguous;
                EditEvent::Bell
            },
        }
    }

    /// Moves the cursor. At the end of the line it just stays.
    fn go(&mut self, movement: impl FnOnce(&mut LineBuffer) -> bool) -> EditEvent {
        if movement(&mut self.line) {
            EditEvent::Changed
        } else {
            EditEvent::None
        }
    }

    /// Changes the line, and remembers for undo what it changed.
    fn edit(
        &mut self,
        together: bool,
        change: impl FnOnce(&mut LineBuffer, &mut Recorder) -> bool,
    ) -> EditEvent {
        let cursor = self.line.pos();
        let mut recorder = Recorder::default();
        let done = change(&mut self.line, &mut recorder);
        self.undo.record(recorder, cursor, together);
        if done {
            EditEvent::Changed
        } else {
            EditEvent::Bell
        }
    }

    fn insert(&mut self, c: char, last: Last) -> EditEvent {
        self.last = Last::Typed;
        self.edit(last == Last::Typed, |line, recorder| {
            line.insert(c, 1, recorder).is_some()
        })
    }

    fn paste(&mut self, text: &str, cut: bool) -> EditEvent {
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
        // Control characters cannot be typed here either, and would do odd things on the nodes.
        text.retain(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        text.truncate(text.trim_end_matches('\n').len());
        let fits = self.room(&text);
        let cut = cut || fits.len() < text.len();
        let event = self.edit(false, |line, recorder| {
            line.yank(fits, 1, recorder).is_some()
        });
        match event {
            _ if cut => EditEvent::PasteCut,
            EditEvent::Bell => EditEvent::None,
            event => event,
        }
    }

    /// As much of the text as still fits on the line.
    fn room<'a>(&self, text: &'a str) -> &'a str {
        start_of(text, LINE_MAX.saturating_sub(self.line.len()))
    }

    /// Replaces the whole line.
    fn put_line(&mut self, text: &str, cursor: usize) {
        let text = start_of(text, LINE_MAX);
        let cursor = cursor.min(text.len());
        self.edit(false, |line, recorder| {
            line.update(text, cursor, recorder);
            true
        });
    }

    fn kill(&mut self, last: Last, movement: Movement) -> EditEvent {
        self.last = Last::Killed;
        let mut killed = None;
        let event = self.edit(false, |line, recorder| {
            let done = line.kill(&movement, recorder);
            killed = recorder.killed.take();
            done
        });
        if let Some((text, backward)) = killed {
            self.kills.kill(text, backward, last == Last::Killed);
        }
        event
    }

    fn yank(&mut self) -> EditEvent {
        let start = self.line.pos();
        let Some(text) = self.kills.yank() else {
            return EditEvent::Bell;
        };
        let text = text.to_owned();
        self.last = Last::Yanked(start);
        self.edit(false, |line, recorder| {
            line.yank(&text, 1, recorder).is_some()
        })
    }

    fn yank_before(&mut self, last: Last) -> EditEvent {
        let Last::Yanked(start) = last else {
            return EditEvent::Bell;
        };
        self.last = last;
        let Some(text) = self.kills.turn() else {
            return EditEvent::Bell;
        };
        let text = text.to_owned();
        self.replace_back_to(start, &text)
    }

    /// Alt-.: the last word of the line before; again, of the one before that.
    fn last_word(&mut self, last: Last, history: &History) -> EditEvent {
        let (before, start) = match last {
            Last::Argument(id, start) => (Some(id), start),
            _ => (None, self.line.pos()),
        };
        self.last = last;
        let older = history.older(before, |entry| walk::last_word(entry).is_some());
        let Some((id, word)) = older.and_then(|(id, e)| Some((id, walk::last_word(e)?))) else {
            return EditEvent::Bell;
        };
        self.last = Last::Argument(id, start);
        self.replace_back_to(start, word)
    }

    /// Replaces what the last key inserted, from `start` to the cursor.
    fn replace_back_to(&mut self, start: usize, text: &str) -> EditEvent {
        let range = start..self.line.pos();
        if self.line.len() - range.len() + text.len() > LINE_MAX {
            return EditEvent::Bell;
        }
        self.edit(false, |line, recorder| {
            line.replace(range, text, recorder);
            true
        })
    }

    fn recase(&mut self, action: WordAction) -> EditEvent {
        // Another case can take up to three times the bytes.
        if self.line.len() > LINE_MAX / 3 {
            return EditEvent::Bell;
        }
        self.edit(false, |line, recorder| line.edit_word(action, recorder))
    }

    fn submit(&mut self) -> EditEvent {
        let line = self.line.as_str().to_owned();
        self.clear();
        EditEvent::Submit(line)
    }

    /// Puts the line that a walk through the history came to.
    fn walk(&mut self, step: impl FnOnce(&mut Walk, &str) -> Option<String>) -> EditEvent {
        match step(&mut self.walk, self.line.as_str()) {
            Some(text) => {
                self.put_line(&text, text.len());
                EditEvent::Changed
            },
            None => EditEvent::Bell,
        }
    }

    /// Walks through the lines that start with what is before the cursor, which stays.
    fn walk_prefix(&mut self, newer: bool, history: &History) -> EditEvent {
        let cursor = self.line.pos();
        let now = self.line.as_str().to_owned();
        let prefix = now.get(..cursor).unwrap_or_default();
        let wanted = |entry: &str| entry.starts_with(prefix) && entry != now;
        let text = if newer {
            self.walk.newer(&now, history, wanted)
        } else {
            self.walk.older(&now, history, wanted)
        };
        let Some(text) = text else {
            return EditEvent::Bell;
        };
        // A line that was changed since may be another one by now.
        let cursor = if text.starts_with(prefix) {
            cursor
        } else {
            text.len()
        };
        self.put_line(&text, cursor);
        EditEvent::Changed
    }

    fn found(&self) -> Option<(EntryId, &str, usize)> {
        self.search.as_ref()?.found()
    }

    fn open_search(&mut self, forward: bool) -> EditEvent {
        self.search = Some(Search::new(forward));
        EditEvent::Changed
    }

    /// Takes what the search found as the line.
    fn accept_search(&mut self, history: &History) {
        let Some(search) = self.search.take() else {
            return;
        };
        if !search.query().is_empty() {
            search.query().clone_into(&mut self.last_query);
        }
        if let Some((id, entry, at)) = search.found() {
            // The walk goes on from there.
            self.walk.go(self.line.as_str(), history, id);
            self.put_line(entry, at);
        }
    }
}

/// The longest start of at most `max` bytes.
fn start_of(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    (0..=max)
        .rev()
        .find_map(|at| text.get(..at))
        .unwrap_or_default()
}
