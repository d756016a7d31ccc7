//! Undo, on rustyline's change listeners.

use std::collections::VecDeque;

use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction, LineBuffer};

/// The most bytes of text that undo remembers.
const BYTES_MAX: usize = 4 << 20;
/// The most undos that it remembers.
const GROUPS_MAX: usize = 1000;
/// The most typed characters that one undo takes back.
const TYPED_MAX: usize = 20;

#[derive(Clone, Debug)]
enum Edit {
    Inserted { at: usize, text: String },
    Deleted { at: usize, text: String },
}

impl Edit {
    fn len(&self) -> usize {
        let (Self::Inserted { text, .. } | Self::Deleted { text, .. }) = self;
        text.len()
    }
}

/// Listens to one command on the line buffer: what it changed, and what it killed.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    edits: Vec<Edit>,
    killing: bool,
    /// The killed text, and whether it was before the cursor.
    pub(super) killed: Option<(String, bool)>,
}

impl Recorder {
    /// True if the command changed the line.
    pub(super) fn changed(&self) -> bool {
        !self.edits.is_empty()
    }

    fn typed(&self) -> Option<char> {
        let [Edit::Inserted { text, .. }] = self.edits.as_slice() else {
            return None;
        };
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none())
    }
}

impl DeleteListener for Recorder {
    fn start_killing(&mut self) {
        self.killing = true;
    }

    fn delete(&mut self, idx: usize, string: &str, dir: Direction) {
        if string.is_empty() {
            return;
        }
        if self.killing {
            self.killed = Some((string.to_owned(), dir == Direction::Backward));
        }
        self.edits.push(Edit::Deleted {
            at: idx,
            text: string.to_owned(),
        });
    }

    fn stop_killing(&mut self) {
        self.killing = false;
    }
}

impl ChangeListener for Recorder {
    fn insert_char(&mut self, idx: usize, c: char) {
        self.edits.push(Edit::Inserted {
            at: idx,
            text: c.to_string(),
        });
    }

    fn insert_str(&mut self, idx: usize, string: &str) {
        if !string.is_empty() {
            self.edits.push(Edit::Inserted {
                at: idx,
                text: string.to_owned(),
            });
        }
    }

    fn replace(&mut self, idx: usize, old: &str, new: &str) {
        self.delete(idx, old, Direction::Forward);
        self.insert_str(idx, new);
    }
}

/// What one undo takes back.
#[derive(Debug)]
struct Group {
    edits: Vec<Edit>,
    /// Where the cursor was before.
    cursor: usize,
    /// How many characters were typed, and whether the last was a blank, if it is all typing.
    typed: Option<(usize, bool)>,
}

/// The changes of a line, newest last.
#[derive(Debug, Default)]
pub(super) struct Undo {
    groups: VecDeque<Group>,
    bytes: usize,
}

impl Undo {
    /// Remembers what a command did. Typed characters go together by the word, if nothing came
    /// between them (`together`).
    pub(super) fn record(&mut self, recorder: Recorder, cursor: usize, together: bool) {
        if !recorder.changed() {
            return;
        }
        let typed = recorder.typed();
        self.bytes += recorder.edits.iter().map(Edit::len).sum::<usize>();
        if let (true, Some(c), Some(group)) = (together, typed, self.groups.back_mut())
            && let Some((count, blank)) = &mut group.typed
            && *count < TYPED_MAX
            && (c.is_whitespace() || !*blank)
        {
            *count += 1;
            *blank = c.is_whitespace();
            group.edits.extend(recorder.edits);
        } else {
            let typed = typed.map(|c| (1, c.is_whitespace()));
            self.groups.push_back(Group {
                edits: recorder.edits,
                cursor,
                typed,
            });
        }
        while (self.bytes > BYTES_MAX && self.groups.len() > 1) || self.groups.len() > GROUPS_MAX {
            let Some(oldest) = self.groups.pop_front() else {
                break;
            };
            self.bytes -= oldest.edits.iter().map(Edit::len).sum::<usize>();
        }
    }

    /// Takes the last group back. False if there is none.
    pub(super) fn undo(&mut self, line: &mut LineBuffer) -> bool {
        let Some(group) = self.groups.pop_back() else {
            return false;
        };
        let mut deaf = Recorder::default();
        for edit in group.edits.into_iter().rev() {
            self.bytes -= edit.len();
            match edit {
                Edit::Inserted { at, text } => {
                    line.delete_range(at..at + text.len(), &mut deaf);
                },
                Edit::Deleted { at, text } => {
                    line.insert_str(at, &text, &mut deaf);
                },
            }
        }
        line.set_pos(group.cursor.min(line.len()));
        true
    }

    /// Forgets all: the line is another one now.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.bytes = 0;
    }
}
