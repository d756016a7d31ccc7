//! How far transfers are, for people.

use super::super::App;
use super::{Engine, Member, Transfer, Work};
use crate::output::status::duration;
use crate::ui::style::{Palette, Role};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Nodes that have a row of their own at most.
const ROWS: usize = 6;

/// How fast it goes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    at: Option<Instant>,
    moved: u64,
    /// Bytes a second, smoothed.
    rate: u64,
}

/// An amount of data: `512 B`, `4.2 MB`.
pub(super) fn amount(bytes: u64) -> String {
    let mut unit = "B";
    let (mut whole, mut tenths) = (bytes, 0);
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if whole < 1000 {
            break;
        }
        tenths = whole % 1000 / 100;
        whole /= 1000;
        unit = next;
    }
    if unit == "B" || whole >= 100 {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{tenths} {unit}")
    }
}

/// `, 120 MB/s`, where that says anything.
pub(super) fn pace(moved: u64, took: Duration) -> String {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if moved < 1_000_000 || millis == 0 {
        return String::new();
    }
    let rate = moved.saturating_mul(1000) / millis;
    format!(", {}/s", amount(rate))
}

fn moved(member: &Member) -> u64 {
    member.engine.as_ref().map_or(member.moved, Engine::moved)
}

impl Transfer {
    /// Content for a node, or of it, in bytes, as far as it is known.
    fn size_of(&self, member: &Member) -> u64 {
        match (&self.work, &member.engine) {
            (Work::Put(source), _) => source.size,
            (Work::Get(_), Some(Engine::Down(download))) => download.size(),
            (Work::Get(_), _) => member.moved,
            (Work::Listing, _) => 0,
        }
    }

    fn moved(&self) -> u64 {
        self.members.iter().map(moved).sum()
    }

    /// Looks how fast it goes.
    pub(super) fn measure(&mut self, now: Instant) {
        let moved = self.moved();
        if let Some(before) = self.pace.at.replace(now) {
            let span = now.saturating_duration_since(before).as_millis();
            let span = u64::try_from(span).unwrap_or(u64::MAX).max(1);
            let rate = moved.saturating_sub(self.pace.moved).saturating_mul(1000) / span;
            self.pace.rate = if self.pace.rate == 0 {
                rate
            } else {
                (self.pace.rate / 4).saturating_mul(3) + rate / 4
            };
        }
        self.pace.moved = moved;
    }

    fn total_row(&self) -> String {
        let sizes = self.members.iter().map(|member| self.size_of(member));
        let (size, moved) = (sizes.sum::<u64>(), self.pace.moved);
        let mut text = self.word.to_owned();
        if matches!(self.work, Work::Listing) {
            text.push_str(": looking what there is");
            return text;
        }
        if let Some(percent) = moved.saturating_mul(100).checked_div(size) {
            let _ = write!(text, ": {}% of {}", percent.min(100), amount(size));
        }
        if let Some(left) = size.saturating_sub(moved).checked_div(self.pace.rate) {
            let left = duration(Duration::from_secs(left));
            let _ = write!(text, ", {}/s, {left} left", amount(self.pace.rate));
        }
        let done = self.members.iter().filter(|member| member.over).count();
        if self.members.len() > 1 {
            let count = self.members.len();
            let _ = write!(text, ", {done} of {count} nodes done");
        }
        text
    }
}

impl App {
    /// In a batch on a terminal, a row that is written again and again says how far it is; in pipes
    /// there is nothing of it.
    pub(super) fn show_progress(&mut self) {
        let Some(transfer) = self.transfers.list.first() else {
            return;
        };
        if !self.is_batch() || !self.setup.terminal || self.setup.json {
            return;
        }
        let width = usize::from(self.setup.size.cols).saturating_sub(1);
        let row: String = transfer.total_row().chars().take(width).collect();
        self.transfers.shown = true;
        self.printer.close(&mut self.out);
        self.out.extend_from_slice(b"\r");
        self.out.extend_from_slice(row.as_bytes());
        self.out.extend_from_slice(b"\x1b[K");
    }

    /// Something else is to be written.
    pub(in crate::app) fn hide_progress(&mut self) {
        if std::mem::take(&mut self.transfers.shown) {
            self.out.extend_from_slice(b"\r\x1b[K");
        }
    }

    /// A row for each transfer, and for the nodes that are furthest behind.
    pub(in crate::app) fn transfer_rows(&self, palette: Palette) -> Vec<String> {
        let mut rows = Vec::new();
        for transfer in &self.transfers.list {
            // What is done at once needs no announcement.
            if transfer.pace.at.is_none() {
                continue;
            }
            rows.push(palette.paint(Role::Dim, &transfer.total_row()));
            let mut busy: Vec<&Member> = transfer.members.iter().filter(|m| !m.over).collect();
            if transfer.members.len() < 2 {
                continue;
            }
            busy.sort_by_key(|member| moved(member));
            for member in busy.into_iter().take(ROWS) {
                let size = transfer.size_of(member);
                let percent = moved(member).saturating_mul(100).checked_div(size);
                let word = match (&member.engine, percent) {
                    (None, _) => "connecting".to_owned(),
                    (Some(_), percent) => format!("{}%", percent.unwrap_or(0).min(100)),
                };
                let text = format!("  {}: {word}", self.name(member.id));
                rows.push(palette.paint(Role::Dim, &text));
            }
        }
        rows
    }
}
