//! What each key does.
//!
//! The keys are those of emacs and readline. Where those leave a choice:
//! - Ctrl-P, Ctrl-N, Up and Down walk the whole history; Alt-P, Alt-N, PageUp and PageDown only
//!   through lines that start with what is before the cursor. In a line of several lines, Up and
//!   Down move in it first.
//! - Enter in a search runs what was found, as in a shell, but not while the search fails: the line
//!   on the screen is then not what was asked for. Esc keeps it without running it.
//! - A pasted newline never runs anything. It stays in the line, and Enter runs the whole. The
//!   newlines at the end of a paste are dropped: they are there because the line was copied whole.
//! - Alt-Enter and Shift-Enter insert a newline.

use std::mem;

use rustyline::line_buffer::{LineBuffer, WordAction};
use rustyline::{At, Movement, Word};

use super::{EditEvent, Editor, Last};
use crate::edit::history::History;
use crate::edit::search::Search;
use crate::edit::walk;
use crate::term::keys::{Key, Mods, Named};

impl Editor {
    /// Takes a key.
    pub fn key(&mut self, key: Key, history: &History) -> EditEvent {
        if self.search.is_some()
            && let Some(event) = self.search_key(&key, history)
        {
            return event;
        }
        let closed = match self.menu_key(&key) {
            Ok(event) => return event,
            Err(closed) => closed,
        };
        let last = mem::replace(&mut self.last, Last::Other);
        match self.command(key, last, history) {
            EditEvent::None if closed => EditEvent::Changed,
            event => event,
        }
    }

    fn command(&mut self, key: Key, last: Last, history: &History) -> EditEvent {
        match key {
            Key::Char(c) => self.insert(c, last),
            Key::Paste(paste) => self.paste(&paste.text, paste.cut),
            Key::Ctrl(c) => self.ctrl(c, last, history),
            Key::Alt(c) => self.alt(c, last, history),
            Key::CtrlAlt('h') => self.kill(last, Movement::BackwardWord(1, Word::Emacs)),
            Key::CtrlAlt(_) => EditEvent::None,
            Key::Named(name, mods) => self.named(name, mods, last, history),
        }
    }

    fn ctrl(&mut self, c: char, last: Last, history: &History) -> EditEvent {
        match c {
            'a' => self.go(LineBuffer::move_home),
            'e' => self.go(LineBuffer::move_end),
            'b' => self.go(|line| line.move_backward(1)),
            'f' => self.go(|line| line.move_forward(1)),
            'c' => EditEvent::Interrupt,
            'd' if self.line.is_empty() => EditEvent::Eof,
            'd' => self.edit(false, |line, recorder| line.delete(1, recorder).is_some()),
            'g' => EditEvent::Bell,
            'h' => self.edit(false, |line, recorder| line.backspace(1, recorder)),
            'j' => self.submit(),
            'k' => self.kill(last, Movement::EndOfLine),
            'l' => EditEvent::ClearScreen,
            'n' => self.walk(|walk, now| walk.newer(now, history, |_| true)),
            'p' => self.walk(|walk, now| walk.older(now, history, |_| true)),
            'r' => self.open_search(false),
            's' => self.open_search(true),
            't' => self.edit(false, LineBuffer::transpose_chars),
            'u' => self.kill(last, Movement::BeginningOfLine),
            'w' => self.kill(last, Movement::BackwardWord(1, Word::Big)),
            'y' => self.yank(),
            'z' => EditEvent::Suspend,
            '_' => {
                if self.undo.undo(&mut self.line) {
                    EditEvent::Changed
                } else {
                    EditEvent::Bell
                }
            },
            _ => EditEvent::None,
        }
    }

    fn alt(&mut self, c: char, last: Last, history: &History) -> EditEvent {
        match c {
            'b' | 'B' => self.go(|line| line.move_to_prev_word(Word::Emacs, 1)),
            'f' | 'F' => self.go(|line| line.move_to_next_word(At::AfterEnd, Word::Emacs, 1)),
            'd' | 'D' => self.kill(last, Movement::ForwardWord(1, At::AfterEnd, Word::Emacs)),
            'u' | 'U' => self.recase(WordAction::Uppercase),
            'l' | 'L' => self.recase(WordAction::Lowercase),
            'c' | 'C' => self.recase(WordAction::Capitalize),
            't' | 'T' => self.edit(false, |line, recorder| {
                let cursor = line.pos();
                let done = line.transpose_words(1, recorder);
                if !done {
                    line.set_pos(cursor);
                }
                done
            }),
            'y' | 'Y' => self.yank_before(last),
            'p' | 'P' => self.walk_prefix(false, history),
            'n' | 'N' => self.walk_prefix(true, history),
            '.' | '_' => self.last_word(last, history),
            '<' => self.walk(|walk, now| walk.oldest(now, history)),
            '>' => self.walk(|walk, now| walk.newest(now, history)),
            _ => EditEvent::None,
        }
    }

    fn named(&mut self, name: Named, mods: Mods, last: Last, history: &History) -> EditEvent {
        let word = mods.ctrl || mods.alt;
        match name {
            Named::Enter if mods.alt || mods.shift => self.insert('\n', last),
            Named::Enter => self.submit(),
            Named::Tab if mods.shift => EditEvent::None,
            Named::Tab => {
                self.last = Last::Asked {
                    list: last == Last::Ambiguous,
                };
                EditEvent::Complete
            },
            Named::Backspace if word => self.kill(last, Movement::BackwardWord(1, Word::Emacs)),
            Named::Backspace => self.ctrl('h', last, history),
            Named::Delete if word => self.alt('d', last, history),
            Named::Delete => self.edit(false, |line, recorder| line.delete(1, recorder).is_some()),
            Named::Left if word => self.alt('b', last, history),
            Named::Left => self.ctrl('b', last, history),
            Named::Right if word => self.alt('f', last, history),
            Named::Right => self.ctrl('f', last, history),
            Named::Home if word => self.go(LineBuffer::move_buffer_start),
            Named::Home => self.ctrl('a', last, history),
            Named::End if word => self.go(LineBuffer::move_buffer_end),
            Named::End => self.ctrl('e', last, history),
            Named::Up | Named::Down => {
                let up = name == Named::Up;
                match walk::vertical(self.line.as_str(), self.line.pos(), up) {
                    Some(cursor) => {
                        self.line.set_pos(cursor);
                        EditEvent::Changed
                    },
                    None => self.ctrl(if up { 'p' } else { 'n' }, last, history),
                }
            },
            Named::PageUp => self.walk_prefix(false, history),
            Named::PageDown => self.walk_prefix(true, history),
            Named::Esc | Named::Insert | Named::F(_) => EditEvent::None,
        }
    }

    /// A key in a search; `None` if it ends the search and is still to act.
    fn search_key(&mut self, key: &Key, history: &History) -> Option<EditEvent> {
        let search = self.search.as_mut()?;
        match key {
            Key::Char(c) => search.extend(c.encode_utf8(&mut [0; 4]), history),
            Key::Paste(paste) => {
                let line = paste.text.lines().next().unwrap_or_default();
                let text: String = line.chars().filter(|c| !c.is_control()).take(256).collect();
                search.extend(&text, history);
            },
            Key::Ctrl('h') | Key::Named(Named::Backspace, Mods::NONE) => {
                if !search.shorten() {
                    return Some(EditEvent::Bell);
                }
            },
            Key::Ctrl(c @ ('r' | 's')) => search.again(*c == 's', &self.last_query, history),
            Key::Ctrl('g' | 'c') => {
                self.search = None;
                return Some(EditEvent::Changed);
            },
            Key::Named(Named::Enter, _) | Key::Ctrl('j') if search.failed() => {},
            Key::Named(Named::Esc, _) => {
                self.accept_search(history);
                return Some(EditEvent::Changed);
            },
            _ => {
                self.accept_search(history);
                return None;
            },
        }
        let failed = self.search.as_ref().is_some_and(Search::failed);
        Some(if failed {
            EditEvent::Bell
        } else {
            EditEvent::Changed
        })
    }

    /// A key while the menu is open; `Err` if it is still to act, with whether it closed the menu.
    fn menu_key(&mut self, key: &Key) -> Result<EditEvent, bool> {
        let Some(mut menu) = self.menu.take() else {
            return Err(false);
        };
        match key {
            Key::Named(Named::Tab, mods) => {
                let event = self.edit(false, |line, recorder| {
                    menu.turn(mods.shift, line, recorder);
                    true
                });
                self.menu = Some(menu);
                Ok(event)
            },
            Key::Named(Named::Esc, _) | Key::Ctrl('g') => Ok(self.edit(false, |line, recorder| {
                menu.cancel(line, recorder);
                true
            })),
            // It takes the candidate, and does not yet run the line.
            Key::Named(Named::Enter, _) | Key::Ctrl('j') if menu.is_selected() => {
                Ok(self.edit(false, |line, recorder| {
                    menu.accept(line, recorder);
                    true
                }))
            },
            _ => Err(true),
        }
    }
}
