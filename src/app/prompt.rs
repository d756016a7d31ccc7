//! The prompt: keys become lines and answers, and what is painted follows the state.

mod show;

use super::{App, Effect, Mode};
use crate::command::parse;
use crate::edit::history::History;
use crate::edit::{EditEvent, Editor, SecretEvent, SecretLine};
use crate::model::Size;
use crate::term::keys::{Key, KeyDecoder, Named};
use crate::ui::columns::columns;
use crate::ui::style::{Palette, Role};
use crate::ui::{Painter, PromptView, fresh_line};
use std::time::Instant;
use zeroize::Zeroizing;

/// What takes the keys now.
#[derive(Debug)]
enum Entry {
    /// A prompt line.
    Line,
    /// An answer that nobody may see.
    Secret(SecretLine),
    /// An answer that may be seen: the question, and what is typed.
    Answer(String, Box<Editor>),
    /// `stop worker[0-2]? [y/N]`, or the cluster's name, typed.
    Confirm(String, Box<Editor>),
}

/// The state of the prompt.
#[derive(Debug)]
pub(super) struct Prompt {
    decoder: KeyDecoder,
    editor: Editor,
    pub(super) history: History,
    painter: Painter,
    size: Size,
    palette: Palette,
    entry: Entry,
    /// Bytes for the terminal that must go before anything else.
    ready: Vec<u8>,
    /// From where on they can be shown on any terminal, and the prompt that they begin at: lines
    /// that were entered, and what was printed above them.
    entered: Option<(usize, Vec<u8>)>,
    shown: bool,
}

impl Prompt {
    /// Bytes for the terminal that go before anything else.
    pub(super) fn take_ready(&mut self) -> Vec<u8> {
        self.entered = None;
        std::mem::take(&mut self.ready)
    }

    pub(super) fn new(size: Size, colours: bool) -> Self {
        Self {
            decoder: KeyDecoder::new(),
            editor: Editor::new(),
            history: History::new(),
            painter: Painter::new(),
            size,
            palette: Palette::new(colours),
            entry: Entry::Line,
            ready: fresh_line(size),
            entered: None,
            shown: false,
        }
    }

    pub(super) fn set_palette(&mut self, palette: Palette) {
        self.palette = palette;
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.decoder.next_deadline()
    }

    /// A line is typed, and nothing is asked.
    pub(super) fn takes_lines(&self) -> bool {
        matches!(self.entry, Entry::Line)
    }

    fn view<'a>(&'a self, prompt: &'a str, below: &'a [String], secret: &'a str) -> PromptView<'a> {
        let (prompt, editor) = match &self.entry {
            Entry::Line => (prompt, Some(&self.editor)),
            Entry::Secret(_) => (secret, None),
            Entry::Answer(question, editor) | Entry::Confirm(question, editor) => {
                (question.as_str(), Some(&**editor))
            },
        };
        let Some(editor) = editor else {
            return PromptView {
                prompt,
                size: self.size,
                ..PromptView::default()
            };
        };
        PromptView {
            prompt,
            line: editor.line(),
            cursor: editor.cursor(),
            mark: editor.search().and_then(|search| search.found),
            hint: "",
            below,
            size: self.size,
        }
    }

    fn below(&self) -> Vec<String> {
        let mut rows = Vec::new();
        if let Some(search) = self.editor.search() {
            let way = if search.forward {
                "forward search"
            } else {
                "search"
            };
            let failed = if search.failed { "no match: " } else { "" };
            rows.push(
                self.palette
                    .paint(Role::Dim, &format!("({way}) {failed}{}", search.query)),
            );
        }
        if let Some(menu) = self.editor.menu() {
            let words: Vec<&str> = menu
                .candidates
                .iter()
                .map(|candidate| candidate.display.as_str())
                .collect();
            let rows_max = usize::from(self.size.rows / 2).clamp(1, 12);
            let width = usize::from(self.size.cols);
            rows.extend(columns(
                &words,
                menu.selected,
                width,
                rows_max,
                self.palette,
            ));
        }
        rows
    }
}

impl App {
    /// Bytes from the terminal, or from standard input in a batch.
    pub(super) fn input(&mut self, now: Instant, bytes: &[u8]) {
        if self.is_batch() {
            self.batch_input(now, bytes);
            return;
        }
        let rest = self.raw_input(now, bytes);
        if let Some(keys) = self.desk.without_replies(now, rest) {
            self.prompt_input(now, &keys);
        } else if !rest.is_empty() {
            self.prompt_input(now, rest);
        }
    }

    /// Keys for the prompt. A line may give the terminal to somebody else: the rest is for them.
    pub(super) fn prompt_input(&mut self, now: Instant, bytes: &[u8]) {
        let mut keys = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            let Mode::Prompt(prompt) = &mut self.mode else {
                return;
            };
            keys.extend(prompt.decoder.feed(std::slice::from_ref(byte), now));
            for key in keys.drain(..) {
                self.key(now, key);
            }
            if self.desk.is_open() {
                let rest = bytes.get(at + 1..).unwrap_or_default();
                self.input(now, rest);
                return;
            }
            if self.local_runs {
                // What was typed ahead is for the command that has the terminal now.
                let rest = bytes.get(at + 1..).unwrap_or_default();
                if !rest.is_empty() {
                    self.effects.push_back(Effect::LocalInput(rest.to_vec()));
                }
                return;
            }
        }
    }

    /// The terminal is gone, or standard input has ended.
    pub(super) fn input_end(&mut self, now: Instant, error: Option<String>) {
        if self.is_batch() {
            self.batch_input_end(now, error);
        } else {
            self.effects.push_back(Effect::Exit(129));
        }
    }

    pub(super) fn prompt_tick(&mut self, now: Instant) {
        if let Mode::Prompt(prompt) = &mut self.mode {
            for key in prompt.decoder.tick(now) {
                self.key(now, key);
            }
        }
    }

    pub(super) fn resized(&mut self, size: Size) {
        self.setup.size = size;
        self.raw_resized(size);
        if let Mode::Prompt(prompt) = &mut self.mode {
            prompt.size = size;
        }
        for id in self.fleet.ids() {
            let size = self.node_size(id);
            if self.fleet.get(id).is_some_and(super::fleet::Run::is_ready) {
                self.effects.push_back(Effect::Resize(id, size));
            }
        }
    }

    fn key(&mut self, now: Instant, key: Key) {
        let Mode::Prompt(prompt) = &mut self.mode else {
            return;
        };
        match &mut prompt.entry {
            Entry::Line => {
                let event = prompt.editor.key(key, &prompt.history);
                self.edited(now, event);
            },
            Entry::Secret(line) => match line.key(key) {
                SecretEvent::None => {},
                SecretEvent::Bell => prompt.ready.push(0x07),
                SecretEvent::Done(answer) => self.entered(now, Some(answer), false),
                SecretEvent::Cancelled => self.entered(now, None, false),
            },
            Entry::Answer(_, editor) | Entry::Confirm(_, editor) => {
                if matches!(key, Key::Named(Named::Tab, _)) {
                    return;
                }
                match editor.key(key, &History::new()) {
                    EditEvent::Submit(line) => self.entered(now, Some(Zeroizing::new(line)), true),
                    EditEvent::Interrupt | EditEvent::Eof => self.entered(now, None, true),
                    EditEvent::Bell => prompt.ready.push(0x07),
                    _ => {},
                }
            },
        }
    }

    /// An answer is complete, or was refused.
    fn entered(&mut self, now: Instant, answer: Option<Zeroizing<String>>, visible: bool) {
        let shown = answer
            .as_ref()
            .filter(|_| visible)
            .map(|text| text.as_str().to_owned());
        self.commit(shown.as_deref());
        let Mode::Prompt(prompt) = &mut self.mode else {
            return;
        };
        let confirm = matches!(prompt.entry, Entry::Confirm(..));
        prompt.entry = Entry::Line;
        if confirm {
            self.confirmed(now, answer.as_ref().map(|text| text.as_str()));
        } else {
            self.answered(now, answer);
        }
        self.show_question();
    }

    fn edited(&mut self, now: Instant, event: EditEvent) {
        let Mode::Prompt(prompt) = &mut self.mode else {
            return;
        };
        match event {
            EditEvent::None | EditEvent::Changed => {},
            EditEvent::Bell => prompt.ready.push(0x07),
            EditEvent::PasteCut => self.notice("the paste was too long; its end is left out"),
            EditEvent::Suspend => self.effects.push_back(Effect::Suspend),
            EditEvent::ClearScreen => {
                let (text, below) = self.prompt_rows();
                let Mode::Prompt(prompt) = &mut self.mode else {
                    return;
                };
                let mut painter = std::mem::take(&mut prompt.painter);
                let bytes = painter.clear_screen(&prompt.view(&text, &below, ""));
                prompt.painter = painter;
                prompt.ready.extend_from_slice(&bytes);
            },
            EditEvent::Eof => self.leave(),
            EditEvent::Interrupt => {
                self.commit(Some("^C"));
                if let Mode::Prompt(prompt) = &mut self.mode {
                    prompt.editor.clear();
                }
                if !self.forget_coming() && !self.interrupt_job(now) {
                    self.stop_waiting(now);
                }
            },
            EditEvent::Submit(line) => self.submitted(now, &line),
            EditEvent::Complete => {
                let line = prompt.editor.line().to_owned();
                let cursor = prompt.editor.cursor();
                let completion = self.completion(&line, cursor);
                let Mode::Prompt(prompt) = &mut self.mode else {
                    return;
                };
                if prompt.editor.complete(completion) == EditEvent::Bell {
                    prompt.ready.push(0x07);
                }
            },
        }
    }

    fn submitted(&mut self, now: Instant, line: &str) {
        self.commit(Some(line));
        let news = self.host.history_news();
        let Mode::Prompt(prompt) = &mut self.mode else {
            return;
        };
        prompt.history.absorb(&news);
        if let Some(text) = prompt.history.add(line) {
            self.effects.push_back(Effect::History(text));
        }
        self.private = line.starts_with([' ', '\t']);
        match parse::parse(line) {
            Ok(line) => self.run_line(now, line),
            Err(error) => self.error(&error),
        }
        self.private = false;
    }

    /// Leaves the prompt on the screen as it is, as a part of what was printed. `line` is what was
    /// entered, which the editor has let go of already; `^C` stays behind what is being typed.
    fn commit(&mut self, line: Option<&str>) {
        let (text, below) = self.prompt_rows();
        drop(below);
        self.printer.close(&mut self.out);
        let out = std::mem::take(&mut self.out);
        let Mode::Prompt(prompt) = &mut self.mode else {
            return;
        };
        let secret = match &prompt.entry {
            Entry::Secret(line) => line.prompt().to_owned(),
            _ => String::new(),
        };
        let mut painter = std::mem::take(&mut prompt.painter);
        let typed;
        let mut view = prompt.view(&text, &[], &secret);
        view.mark = None;
        match line {
            Some("^C") => {
                typed = format!("{}^C", prompt.editor.line());
                view.line = &typed;
                view.cursor = typed.len();
            },
            Some(line) => {
                view.line = line;
                view.cursor = line.len();
            },
            None => {},
        }
        let before = painter.again();
        let mut bytes = painter.turn(&out, &view);
        bytes.extend_from_slice(&painter.commit(&view));
        prompt.painter = painter;
        let from = prompt.ready.len();
        prompt.entered.get_or_insert((from, before));
        prompt.ready.extend_from_slice(&bytes);
    }

    /// Shows the next question, or the line that was being typed.
    pub(super) fn show_question(&mut self) {
        let current = self.questions.current();
        if self.is_batch() {
            self.batch_question(current);
            return;
        }
        let Mode::Prompt(prompt) = &mut self.mode else {
            return;
        };
        if matches!(prompt.entry, Entry::Confirm(..)) {
            return;
        }
        match current {
            None => prompt.entry = Entry::Line,
            Some((text, echo)) => {
                let same = match &prompt.entry {
                    Entry::Secret(line) => !echo && line.prompt() == text,
                    Entry::Answer(question, _) => echo && *question == text,
                    Entry::Line | Entry::Confirm(..) => false,
                };
                if !same {
                    prompt.entry = if echo {
                        Entry::Answer(text, Box::default())
                    } else {
                        Entry::Secret(SecretLine::new(text))
                    };
                }
            },
        }
    }

    /// Asks for a word before something is done.
    pub(super) fn show_confirm(&mut self, text: &str) {
        if let Mode::Prompt(prompt) = &mut self.mode {
            prompt.entry = Entry::Confirm(text.to_owned(), Box::default());
        }
    }

    /// Puts the history of earlier runs in place.
    pub fn remember(&mut self, text: &[u8]) {
        if let Mode::Prompt(prompt) = &mut self.mode {
            prompt.history.absorb(text);
        }
    }
}
