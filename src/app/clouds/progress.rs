//! How far starting and stopping has come, for people: rows below the prompt, or lines in a batch.

use super::stages::Stage;
use super::{App, What};
use crate::target::fold;
use crate::ui::style::{Palette, Role};
use std::collections::BTreeMap;
use std::time::Instant;

/// Nodes that are named one by one at most; more are folded.
const ROWS: usize = 6;

impl App {
    /// What is under way, a row each.
    pub(in crate::app) fn progress(&self, palette: Palette) -> Vec<String> {
        let mut rows = Vec::new();
        let Some(now) = self.now else { return rows };
        for boot in &self.clouds.boots {
            // Nodes that are as far as each other share a row.
            let mut groups: BTreeMap<(Stage, &str, u64), Vec<String>> = BTreeMap::new();
            for (id, node) in &boot.nodes {
                let word = boot.word(node.stage, self.state(*id));
                let seconds = match node.stage {
                    Stage::Ready | Stage::Failed => {
                        node.since.saturating_duration_since(boot.began).as_secs()
                    },
                    _ => now.saturating_duration_since(node.since).as_secs(),
                };
                let word = if self.clouds.consoles.waits(*id) {
                    "waiting for its host keys"
                } else {
                    word
                };
                let group = groups.entry((node.stage, word, seconds));
                group.or_default().push(self.name(*id));
            }
            rows.extend(rows_of(groups, palette));
        }
        for (names, word, since) in self.clouds.settling.shown() {
            let seconds = now.saturating_duration_since(since).as_secs();
            rows.push(row(&fold(names), word, &seconds.to_string(), palette));
        }
        let asked = self.clouds.asked.values();
        let asked = asked.filter(|asked| asked.what == What::Inventory);
        if let Some(since) = asked.map(|asked| asked.since).min() {
            let seconds = now.saturating_duration_since(since).as_secs();
            // A fast answer needs no announcement.
            if seconds > 0 {
                rows.push(row(
                    "EC2",
                    "asking what there is",
                    &seconds.to_string(),
                    palette,
                ));
            }
        }
        rows
    }

    /// Lines of a batch about what has happened.
    pub(super) fn tell_boots(&mut self) {
        let mut lines = Vec::new();
        for boot in &mut self.clouds.boots {
            boot.tell_at = None;
            let mut groups: BTreeMap<(Stage, &str), Vec<_>> = BTreeMap::new();
            let mut news = std::mem::take(&mut boot.news);
            news.sort_unstable();
            news.dedup();
            for id in news {
                if let Some(node) = boot.nodes.get(&id) {
                    let word = boot.word(node.stage, crate::model::NodeState::Running);
                    groups.entry((node.stage, word)).or_default().push(id);
                }
            }
            lines.extend(groups.into_iter().map(|((_, word), ids)| (word, ids)));
        }
        for (word, ids) in lines {
            let names = self.folded(&ids);
            self.notice(&format!("{names}: {word}"));
        }
    }

    /// The time of this turn, for what is painted.
    pub(in crate::app) fn note_time(&mut self, now: Instant) {
        self.now = Some(now);
    }
}

/// One row a group; where those are too many, one a stage.
fn rows_of(groups: BTreeMap<(Stage, &str, u64), Vec<String>>, palette: Palette) -> Vec<String> {
    if groups.len() <= ROWS {
        let rows = groups.into_iter().map(|((_, word, seconds), names)| {
            row(&fold(names), word, &seconds.to_string(), palette)
        });
        return rows.collect();
    }
    let mut stages: BTreeMap<(Stage, &str), (u64, u64, Vec<String>)> = BTreeMap::new();
    for ((stage, word, seconds), names) in groups {
        let entry = stages.entry((stage, word));
        let (low, high, all) = entry.or_insert((seconds, seconds, Vec::new()));
        *low = (*low).min(seconds);
        *high = (*high).max(seconds);
        all.extend(names);
    }
    let rows = stages.into_iter().map(|((_, word), (low, high, names))| {
        let seconds = if low == high {
            low.to_string()
        } else {
            format!("{low}-{high}")
        };
        row(&fold(names), word, &seconds, palette)
    });
    rows.collect()
}

fn row(names: &str, word: &str, seconds: &str, palette: Palette) -> String {
    palette.paint(Role::Dim, &format!("{names}: {word} {seconds} s"))
}
