//! What the terminal is shown while the prompt has it, and as it goes to others and comes back.

use super::{Entry, Prompt};
use crate::app::{App, Mode};
use crate::term::screen::reset_primary;
use crate::ui::{Painter, fresh_line};

impl Prompt {
    /// The terminal is at the start of a row, and nothing is known of what it shows. What it, or the
    /// one before it, was to be shown of lines that were entered follows.
    fn begin_anew(&mut self) {
        let entered = self.entered.take();
        let ready = std::mem::replace(&mut self.ready, reset_primary());
        let painter = std::mem::take(&mut self.painter);
        self.shown = false;
        self.ready.extend_from_slice(&fresh_line(self.size));
        if let Some((from, prompt)) = entered {
            self.entered = Some((self.ready.len(), Vec::new()));
            self.ready.extend_from_slice(&prompt);
            let entered = ready.get(from..).unwrap_or_default();
            self.ready.extend_from_slice(entered);
            self.ready.extend_from_slice(&painter.away());
        }
    }
}

impl App {
    pub(super) fn prompt_rows(&self) -> (String, Vec<String>) {
        let Mode::Prompt(prompt) = &self.mode else {
            return (String::new(), Vec::new());
        };
        let mut below = prompt.below();
        below.extend(self.progress(prompt.palette));
        below.extend(self.transfer_rows(prompt.palette));
        (format!("{} ", self.prompt_title(prompt.palette)), below)
    }

    pub(in crate::app) fn paint_prompt(&mut self) -> Vec<u8> {
        if self.is_batch() {
            return Vec::new();
        }
        if self.desk.is_open() {
            return self.paint_raw();
        }
        if self.local_runs {
            // What nodes print waits until the local command gives the terminal back; but what
            // took the prompt away goes out.
            let Mode::Prompt(prompt) = &mut self.mode else {
                return Vec::new();
            };
            return prompt.take_ready();
        }
        let (text, below) = self.prompt_rows();
        self.printer.close(&mut self.out);
        let out = std::mem::take(&mut self.out);
        let Mode::Prompt(prompt) = &mut self.mode else {
            return Vec::new();
        };
        let mut painter = std::mem::take(&mut prompt.painter);
        let mut bytes = prompt.take_ready();
        let secret = match &prompt.entry {
            Entry::Secret(line) => line.prompt().to_owned(),
            _ => String::new(),
        };
        let view = prompt.view(&text, &below, &secret);
        bytes.extend_from_slice(&painter.turn(&out, &view));
        if !prompt.shown {
            // Pasted newlines never run a command: the terminal must say what was pasted.
            bytes.extend_from_slice(b"\x1b[?2004h");
        }
        prompt.shown = true;
        prompt.painter = painter;
        bytes
    }

    /// What must be written before the terminal is given to another program, or back for good.
    pub fn release_terminal(&mut self) -> Vec<u8> {
        self.printer.close(&mut self.out);
        let out = std::mem::take(&mut self.out);
        let (text, below) = self.prompt_rows();
        let Mode::Prompt(prompt) = &mut self.mode else {
            return Vec::new();
        };
        let mut painter = std::mem::take(&mut prompt.painter);
        let mut bytes = prompt.take_ready();
        if prompt.shown {
            if !out.is_empty() {
                let view = prompt.view(&text, &below, "");
                bytes.extend_from_slice(&painter.turn(&out, &view));
            }
            bytes.extend_from_slice(&painter.hide(prompt.size));
            bytes.extend_from_slice(b"\x1b[?2004l");
        }
        prompt.shown = false;
        prompt.painter = Painter::new();
        bytes
    }

    /// What shows, on a terminal of which nothing is known, what the others show now, below a note
    /// (which ends in a new line, if there is one). [`Self::paint`] goes on from there.
    pub fn redraw(&mut self, note: &str) -> Vec<u8> {
        if let Some(bytes) = self.redraw_raw() {
            return bytes;
        }
        let Mode::Prompt(prompt) = &self.mode else {
            return Vec::new();
        };
        let mut bytes = reset_primary();
        bytes.extend_from_slice(&fresh_line(prompt.size));
        bytes.extend_from_slice(note.as_bytes());
        if prompt.shown {
            bytes.extend_from_slice(&prompt.painter.again());
            bytes.extend_from_slice(b"\x1b[?2004h");
        }
        bytes
    }

    /// What takes the prompt off one terminal, while others go on showing it.
    pub fn farewell(&mut self) -> Vec<u8> {
        if let Some(bytes) = self.farewell_raw() {
            return bytes;
        }
        let Mode::Prompt(prompt) = &self.mode else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        if prompt.shown {
            bytes.extend_from_slice(&prompt.painter.away());
            bytes.extend_from_slice(b"\x1b[?2004l");
        }
        bytes
    }

    /// The terminal is dust's own again, or another one is.
    pub fn regain_terminal(&mut self) {
        if let Some(bytes) = self.redraw_raw() {
            self.show_raw(bytes);
            return;
        }
        if let Mode::Prompt(prompt) = &mut self.mode {
            prompt.begin_anew();
        }
    }

    /// The prompt has the terminal again, after these bytes, which end at the start of a row.
    pub(in crate::app) fn prompt_returns(&mut self, bytes: Vec<u8>) {
        if let Mode::Prompt(prompt) = &mut self.mode {
            prompt.shown = false;
            prompt.painter = Painter::new();
            prompt.ready.extend_from_slice(&bytes);
        }
    }
}
