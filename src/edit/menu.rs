//! Completion in the editor: inserting, and the menu that a second Tab opens.

use rustyline::line_buffer::LineBuffer;

use super::complete::{Candidate, Completion, common_prefix, quote, unquote};
use super::undo::Recorder;

/// The menu of candidates, to be painted below the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MenuView<'a> {
    /// What can be chosen.
    pub candidates: &'a [Candidate],
    /// Which one is on the line now.
    pub selected: Option<usize>,
}

/// An open menu.
#[derive(Debug)]
pub(super) struct Menu {
    completion: Completion,
    selected: Option<usize>,
    /// The word as it was typed, and where what stands for it now ends.
    typed: String,
    end: usize,
}

/// What became of a completion.
pub(super) enum Completed {
    /// There is nothing that fits.
    Nothing,
    /// The line is complete.
    Whole,
    /// All that the candidates share is on the line; `true` if that is more than before.
    Partly(bool),
}

/// The word of a completion as it is on the line, if the completion fits the line.
fn typed<'a>(completion: &Completion, line: &'a LineBuffer) -> Option<&'a str> {
    line.as_str().get(completion.start..line.pos())
}

/// Inserts what is certain.
pub(super) fn insert(
    completion: &Completion,
    line: &mut LineBuffer,
    recorder: &mut Recorder,
) -> Completed {
    let Some(written) = typed(completion, line) else {
        return Completed::Nothing;
    };
    match completion.candidates.as_slice() {
        [] => Completed::Nothing,
        [candidate] => {
            let text = whole(candidate, completion, line);
            line.replace(completion.start..line.pos(), &text, recorder);
            Completed::Whole
        },
        several => {
            let shared = common_prefix(several);
            let more = shared.len() > unquote(written, completion.quoting).len();
            if more {
                let text = quote(shared, completion.quoting, false);
                line.replace(completion.start..line.pos(), &text, recorder);
            }
            Completed::Partly(more)
        },
    }
}

/// A candidate as it is written with its suffix, unless the line has that already.
fn whole(candidate: &Candidate, completion: &Completion, line: &LineBuffer) -> String {
    let mut text = quote(
        &candidate.text,
        completion.quoting,
        candidate.suffix == Some(' '),
    );
    let after = line.as_str().get(line.pos()..).unwrap_or_default();
    text.extend(
        candidate
            .suffix
            .filter(|suffix| !after.starts_with(*suffix)),
    );
    text
}

impl Menu {
    /// Opens the menu for the word before the cursor.
    pub(super) fn new(completion: Completion, line: &LineBuffer) -> Option<Self> {
        let typed = typed(&completion, line)?.to_owned();
        Some(Self {
            completion,
            selected: None,
            typed,
            end: line.pos(),
        })
    }

    pub(super) fn view(&self) -> MenuView<'_> {
        MenuView {
            candidates: &self.completion.candidates,
            selected: self.selected,
        }
    }

    pub(super) fn is_selected(&self) -> bool {
        self.selected.is_some()
    }

    /// Puts the next candidate, or the one before, on the line.
    pub(super) fn turn(&mut self, back: bool, line: &mut LineBuffer, recorder: &mut Recorder) {
        let count = self.completion.candidates.len();
        let last = count.saturating_sub(1);
        let next = match self.selected {
            None if back => last,
            None => 0,
            Some(at) if back => at.checked_sub(1).unwrap_or(last),
            Some(at) => (at + 1).checked_rem(count).unwrap_or(0),
        };
        if let Some(candidate) = self.completion.candidates.get(next) {
            let closed = candidate.suffix == Some(' ');
            let text = quote(&candidate.text, self.completion.quoting, closed);
            self.selected = Some(next);
            self.put(&text, line, recorder);
        }
    }

    /// Makes the chosen candidate final: its suffix is added.
    pub(super) fn accept(&mut self, line: &mut LineBuffer, recorder: &mut Recorder) {
        let chosen = self
            .selected
            .and_then(|at| self.completion.candidates.get(at));
        if let Some(candidate) = chosen {
            let text = whole(candidate, &self.completion, line);
            self.put(&text, line, recorder);
        }
    }

    /// Puts back what was typed.
    pub(super) fn cancel(&mut self, line: &mut LineBuffer, recorder: &mut Recorder) {
        if self.selected.is_some() {
            let typed = self.typed.clone();
            self.put(&typed, line, recorder);
        }
    }

    fn put(&mut self, text: &str, line: &mut LineBuffer, recorder: &mut Recorder) {
        line.replace(self.completion.start..self.end, text, recorder);
        self.end = line.pos();
    }
}
