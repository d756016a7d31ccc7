//! How far transfers are, for people.

use super::super::App;
use super::{Engine, Member, Transfer, Work};
use crate::model::{NodeId, Size};
use crate::output::status::duration;
use crate::term::width::{truncate, width};
use crate::ui::style::{Palette, Role};
use std::time::{Duration, Instant};

/// Nodes that have a row of their own at most.
const ROWS: usize = 6;

/// A node that says nothing for this long is told.
const QUIET: Duration = Duration::from_secs(30);

/// How fast it goes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    at: Option<Instant>,
    moved: u64,
    /// Bytes a second, smoothed.
    rate: u64,
}

impl Pace {
    fn look(&mut self, now: Instant, moved: u64) {
        if let Some(before) = self.at.replace(now) {
            let span = now.saturating_duration_since(before).as_millis();
            let span = u64::try_from(span).unwrap_or(u64::MAX).max(1);
            let rate = moved.saturating_sub(self.moved).saturating_mul(1000) / span;
            self.rate = if self.rate == 0 {
                rate
            } else {
                (self.rate / 4).saturating_mul(3) + rate / 4
            };
        }
        self.moved = moved;
    }

    /// The rate, and how long it takes at that rate, for the rest of `size`.
    fn parts(&self, size: u64) -> Vec<(u8, String)> {
        let Some(left) = size.saturating_sub(self.moved).checked_div(self.rate) else {
            return Vec::new();
        };
        let left = match left {
            0..10 => format!("{left}s"),
            _ => duration(Duration::from_secs(left)),
        };
        let rate = format!(", {}/s", amount(self.rate));
        vec![(2, rate), (1, format!(", {left} left"))]
    }
}

/// A node from which nothing comes, although it was asked something.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// It is awaited since then.
    since: Option<Instant>,
    /// For so long.
    span: Duration,
    told: bool,
}

impl Quiet {
    /// Bytes have come, or have left for it.
    pub(super) fn stirs(&mut self) {
        (self.since, self.span) = (None, Duration::ZERO);
    }

    /// Time has passed; `waits`: it has something to answer. True, once, if it should be told.
    fn look(&mut self, now: Instant, waits: bool) -> bool {
        if !waits {
            self.stirs();
            return false;
        }
        let since = *self.since.get_or_insert(now);
        self.span = now.saturating_duration_since(since);
        self.span >= QUIET && !std::mem::replace(&mut self.told, true)
    }

    /// What a row says of it.
    fn part(&self) -> Option<(u8, String)> {
        let text = format!(", nothing for {}", duration(self.span));
        (self.span >= QUIET).then_some((1, text))
    }
}

/// The parts of a row, in their order; those of the highest numbers go first where it is too narrow.
fn fit(mut parts: Vec<(u8, String)>, columns: usize) -> String {
    loop {
        let text: String = parts.iter().map(|(_, text)| text.as_str()).collect();
        let least = parts.iter().map(|(rank, _)| *rank).max().unwrap_or(0);
        if width(&text) <= columns || least == 0 {
            return truncate(&text, columns).to_owned();
        }
        parts.retain(|(rank, _)| *rank < least);
    }
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

    /// Looks how fast it goes.
    pub(super) fn measure(&mut self, now: Instant) {
        let mut sum = 0;
        for member in &mut self.members {
            let moved = moved(member);
            member.pace.look(now, moved);
            sum += moved;
        }
        self.pace.look(now, sum);
    }

    /// The nodes that have said nothing for long.
    pub(super) fn silent(&mut self, now: Instant) -> Vec<NodeId> {
        let members = self.members.iter_mut().filter(|member| !member.over);
        let silent = members.filter_map(|member| {
            let engine = member.engine.as_ref().filter(|engine| engine.is_begun());
            let waits = engine.is_some_and(|engine| engine.unanswered() > 0);
            member.quiet.look(now, waits).then_some(member.id)
        });
        silent.collect()
    }

    fn total_row(&self, columns: usize) -> String {
        let sizes = self.members.iter().map(|member| self.size_of(member));
        let (size, moved) = (sizes.sum::<u64>(), self.pace.moved);
        if matches!(self.work, Work::Listing) {
            return fit(
                vec![(0, format!("{}: looking what there is", self.word))],
                columns,
            );
        }
        let mut parts = vec![(0, self.word.to_owned())];
        if let Some(percent) = moved.saturating_mul(100).checked_div(size) {
            parts.push((0, format!(": {}%", percent.min(100))));
            parts.push((3, format!(" of {}", amount(size))));
        }
        let quiet = match &self.members[..] {
            [only] => only.quiet.part(),
            _ => None,
        };
        match quiet {
            Some(part) => parts.push(part),
            None => parts.extend(self.pace.parts(size)),
        }
        let done = self.members.iter().filter(|member| member.over).count();
        if self.members.len() > 1 {
            let count = self.members.len();
            parts.push((4, format!(", {done} of {count} nodes done")));
        }
        fit(parts, columns)
    }

    fn member_row(&self, name: &str, member: &Member, columns: usize) -> String {
        let size = self.size_of(member);
        let moved = moved(member);
        let mut parts = vec![(0, format!("  {name}: "))];
        match (&member.engine, moved.saturating_mul(100).checked_div(size)) {
            (None, _) => parts.push((0, "connecting".to_owned())),
            (Some(engine), None) if !engine.is_begun() => parts.push((0, "waiting".to_owned())),
            (Some(_), percent) => {
                parts.push((0, format!("{}%", percent.unwrap_or(0).min(100))));
                match member.quiet.part() {
                    Some(part) => parts.push(part),
                    None => parts.extend(member.pace.parts(size)),
                }
            },
        }
        fit(parts, columns)
    }
}

impl App {
    /// Nodes that hang are told: disks and lines may stall, so they are not given up.
    pub(super) fn tell_silent(&mut self, now: Instant) {
        let transfers = self.transfers.list.iter_mut();
        let silent: Vec<NodeId> = transfers
            .flat_map(|transfer| transfer.silent(now))
            .collect();
        for id in silent {
            let text = format!("its SFTP server has said nothing for {} s", QUIET.as_secs());
            self.notice_of(id, &text);
        }
    }

    /// In a batch on a terminal, rows that are written again and again say how far it is; in pipes
    /// there is nothing of it.
    pub(super) fn show_progress(&mut self) {
        if self.transfers.list.is_empty() || !self.is_batch() {
            return;
        }
        if !self.setup.terminal || self.setup.json {
            return;
        }
        let rows = self.progress_rows(self.setup.size);
        self.printer.close(&mut self.out);
        self.rewind();
        self.transfers.shown = rows.len();
        let text = rows.join("\x1b[K\r\n");
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\x1b[J");
    }

    fn rewind(&mut self) {
        self.out.push(b'\r');
        if self.transfers.shown > 1 {
            let up = format!("\x1b[{}A", self.transfers.shown - 1);
            self.out.extend_from_slice(up.as_bytes());
        }
    }

    /// Something else is to be written.
    pub(in crate::app) fn hide_progress(&mut self) {
        if self.transfers.shown > 0 {
            self.rewind();
            self.transfers.shown = 0;
            self.out.extend_from_slice(b"\x1b[J");
        }
    }

    /// The same below the prompt.
    pub(in crate::app) fn transfer_rows(&self, palette: Palette) -> Vec<String> {
        let rows = self.progress_rows(self.setup.size);
        let rows = rows.into_iter();
        rows.map(|row| palette.paint(Role::Dim, &row)).collect()
    }

    /// A row for each transfer, and for the nodes that are furthest behind.
    fn progress_rows(&self, size: Size) -> Vec<String> {
        // Room for the `^C` that a terminal shows behind the last one.
        let columns = usize::from(size.cols).saturating_sub(3);
        let most = usize::from(size.rows / 2).clamp(2, 12);
        let mut rows = Vec::new();
        for transfer in &self.transfers.list {
            // What is done at once needs no announcement.
            if transfer.pace.at.is_none() {
                continue;
            }
            rows.push(transfer.total_row(columns));
            if transfer.members.len() < 2 || matches!(transfer.work, Work::Listing) {
                continue;
            }
            let mut busy: Vec<&Member> = transfer.members.iter().filter(|m| !m.over).collect();
            busy.sort_by_key(|member| moved(member));
            busy.truncate(ROWS);
            busy.sort_by_key(|member| member.id);
            for member in busy {
                let name = self.name(member.id);
                rows.push(transfer.member_row(&name, member, columns));
            }
        }
        rows.truncate(most);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_goes_where_it_is_narrow() {
        let parts = || {
            vec![
                (0, "put: 4%".to_owned()),
                (3, " of 400 MB".to_owned()),
                (2, ", 10.0 MB/s".to_owned()),
                (1, ", 39s left".to_owned()),
            ]
        };
        for (columns, text) in [
            (80, "put: 4% of 400 MB, 10.0 MB/s, 39s left"),
            (38, "put: 4% of 400 MB, 10.0 MB/s, 39s left"),
            (37, "put: 4%, 10.0 MB/s, 39s left"),
            (20, "put: 4%, 39s left"),
            (8, "put: 4%"),
            (3, "put"),
            (0, ""),
        ] {
            assert_eq!(fit(parts(), columns), text);
        }
    }

    #[test]
    fn a_node_that_says_nothing_is_told_once_and_its_row_says_for_how_long() {
        #[expect(clippy::disallowed_methods, reason = "any point in time serves")]
        let now = Instant::now();
        let mut quiet = Quiet::default();
        for (at, waits, told, row) in [
            (0, false, false, None),
            (100, true, false, None),
            (129, true, false, None),
            (130, true, true, Some(", nothing for 30s")),
            (190, true, false, Some(", nothing for 1m30s")),
            // It stirs.
            (191, false, false, None),
            (192, true, false, None),
            (292, true, false, Some(", nothing for 1m40s")),
        ] {
            let look = quiet.look(now + Duration::from_secs(at), waits);
            let part = quiet.part().map(|(_, text)| text);
            assert_eq!((look, part.as_deref()), (told, row), "{at}");
        }
    }

    #[test]
    fn amounts() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (99_999, "99.9 kB"),
            (100_000, "100 kB"),
            (4_250_000, "4.2 MB"),
            (u64::MAX, "18446 PB"),
        ] {
            assert_eq!(amount(bytes), text);
        }
    }
}
