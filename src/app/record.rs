//! `record`: raw shells as an asciicast. What the terminal shows while a raw shell has it is
//! recorded, one shell behind the other; the prompt is not, and the clock stands still there.

use super::App;
use super::keep::KeepNews;
use crate::error::{Error, Result};
use crate::model::{NodeId, Size};
use crate::output::status;
use crate::term::cast::Cast;
use crate::term::screen::reset;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One recording.
#[derive(Debug)]
pub(super) struct Recording {
    path: Arc<Path>,
    cast: Cast,
    /// Keys are recorded, too.
    keys: bool,
    /// What was shown until the shell that is in front came there.
    shown: Duration,
    /// Since when it is.
    since: Option<Instant>,
    /// The size of the terminal, once the header is written.
    size: Option<Size>,
    out: Vec<u8>,
}

impl Recording {
    fn at(&self, now: Option<Instant>) -> Duration {
        let more = self
            .since
            .zip(now)
            .map(|(since, now)| now.saturating_duration_since(since));
        self.shown + more.unwrap_or_default()
    }
}

impl App {
    /// `record` without a file.
    pub(super) fn show_recording(&mut self) {
        let text = match &self.recording {
            None => "nothing is recorded".to_owned(),
            Some(recording) => {
                let keys = if recording.keys { ", keys too" } else { "" };
                let path = recording.path.display();
                let shown = status::duration(recording.shown);
                format!("recording raw shells to {path} ({shown} until now{keys})")
            },
        };
        self.answer_line(&text);
    }

    /// `record FILE`.
    pub(super) fn record(&mut self, file: &Path, keys: bool, replace: bool) -> Result<()> {
        if !self.is_prompt() {
            let text = "raw shells are recorded, and those are entered at dust's prompt";
            return Err(Error::usage(text).hint("log DIR keeps what commands print"));
        }
        let path = self.full_path(file);
        let same = |recording: &Recording| *recording.path == *path;
        if self.recording.as_ref().is_some_and(same) {
            let text = format!("{} is being recorded to already", path.display());
            return Err(Error::usage(text).hint("record off ends that"));
        }
        self.host.create_file(&path, replace).map_err(|error| {
            let shown = path.display();
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                let text = format!("{shown} is there already");
                return Error::usage(text).hint("record -y FILE writes it anew");
            }
            let why = super::nodes::reason(&error);
            Error::usage(format!("cannot record to {shown}: {why}"))
        })?;
        self.stop_recording();
        let also = if keys {
            ", with all keys that are typed there: passwords, too"
        } else {
            ""
        };
        self.notice(&format!("recording raw shells to {}{also}", path.display()));
        self.recording = Some(Recording {
            path: path.into(),
            cast: Cast::default(),
            keys,
            shown: Duration::ZERO,
            since: None,
            size: None,
            out: Vec::new(),
        });
        Ok(())
    }

    /// `record off`.
    pub(super) fn stop_recording(&mut self) {
        self.end_recording();
        if let Some(recording) = self.recording.take() {
            let (path, shown) = (recording.path.display(), status::duration(recording.shown));
            self.notice(&format!("recorded to {path} ({shown})"));
        }
    }

    /// All that was recorded is written.
    pub(super) fn end_recording(&mut self) {
        let size = self.setup.size;
        self.begin_recording(size);
        self.flush_recording();
    }

    /// Writes the header, unless it is there.
    fn begin_recording(&mut self, size: Size) {
        let Some(recording) = self.recording.as_mut().filter(|one| one.size.is_none()) else {
            return;
        };
        let shell = self.host.env("SHELL").unwrap_or_default();
        let variables = [
            ("TERM", self.setup.term.as_str()),
            ("SHELL", shell.as_str()),
        ];
        recording.out = Cast::header(size, self.host.unix_time(), &variables);
        recording.size = Some(size);
    }

    /// A raw shell has come to the terminal, which shows its screen.
    pub(super) fn record_front(&mut self, id: NodeId, screen: &[u8]) {
        let (size, now) = (self.setup.size, self.now);
        let first = self
            .recording
            .as_ref()
            .is_some_and(|one| one.size.is_none());
        self.begin_recording(size);
        let name = self.name(id);
        let Some(recording) = &mut self.recording else {
            return;
        };
        recording.since = now;
        let at = recording.shown;
        if recording.size != Some(size) {
            Cast::resize(at, size, &mut recording.out);
            recording.size = Some(size);
        }
        Cast::marker(at, &format!("@{name}"), &mut recording.out);
        // A player's terminal is as new at first.
        let mut bytes = Vec::new();
        if !first {
            bytes.extend(reset());
            bytes.extend_from_slice(b"\x1b[H\x1b[2J");
        }
        bytes.extend_from_slice(screen);
        recording.cast.output(at, &bytes, &mut recording.out);
    }

    /// It has left, and the terminal was sent these bytes last.
    pub(super) fn record_left(&mut self, bytes: &[u8]) {
        let now = self.now;
        if let Some(recording) = self.recording.as_mut().filter(|one| one.since.is_some()) {
            let at = recording.at(now);
            recording.cast.close(at, &mut recording.out);
            recording.cast.output(at, bytes, &mut recording.out);
            recording.cast.close(at, &mut recording.out);
            recording.shown = at;
            recording.since = None;
        }
    }

    /// The shell in front has printed this.
    pub(super) fn record_output(&mut self, bytes: &[u8]) {
        let now = self.now;
        if let Some(recording) = self.recording.as_mut().filter(|one| one.since.is_some()) {
            let at = recording.at(now);
            recording.cast.output(at, bytes, &mut recording.out);
        }
    }

    /// These keys were typed into it.
    pub(super) fn record_input(&mut self, bytes: &[u8]) {
        let now = self.now;
        if let Some(recording) = self
            .recording
            .as_mut()
            .filter(|one| one.since.is_some() && one.keys)
        {
            let at = recording.at(now);
            recording.cast.input(at, bytes, &mut recording.out);
        }
    }

    /// The terminal has another size.
    pub(super) fn record_size(&mut self, size: Size) {
        let now = self.now;
        if let Some(recording) = self
            .recording
            .as_mut()
            .filter(|one| one.since.is_some() && one.size != Some(size))
        {
            let at = recording.at(now);
            Cast::resize(at, size, &mut recording.out);
            recording.size = Some(size);
        }
    }

    /// Writes what there is.
    pub(super) fn flush_recording(&mut self) {
        let Some(recording) = self.recording.as_mut().filter(|one| !one.out.is_empty()) else {
            return;
        };
        let text = std::mem::take(&mut recording.out);
        let path = Arc::clone(&recording.path);
        if !self.keep(&path, None, text, 0, None) {
            self.give_recording_up("the disk takes nothing");
        }
    }

    /// If it was a recording that could not be written, it is over.
    pub(super) fn record_failed(&mut self, news: &KeepNews, why: &str) -> bool {
        let ours = self
            .recording
            .as_ref()
            .is_some_and(|one| one.path == news.path);
        if ours {
            self.give_recording_up(why);
        }
        ours
    }

    fn give_recording_up(&mut self, why: &str) {
        if let Some(recording) = self.recording.take() {
            let path = recording.path.display();
            self.error(&Error::failed(format!(
                "the recording {path} ends here: {why}"
            )));
        }
    }
}
