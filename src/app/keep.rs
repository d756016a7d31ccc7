//! What is written to files while dust goes on: logs and recordings. A thread of `io` writes; here
//! is what it is given, how much of it is on its way, and what is done when a disk is slow or full.

use super::{App, Effect};
use crate::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many bytes may be on their way; then nodes are not read from.
const QUEUE_MAX: usize = 4 << 20;
/// A disk that has taken nothing for so long is not waited for any more.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// What cannot be written is told once in so long.
const TOLD_FOR: Duration = Duration::from_secs(600);

/// Whole lines for the end of a file, which is made if need be, for its owner alone.
#[derive(Clone, Debug)]
pub struct KeepAsk {
    /// The file.
    pub path: Arc<Path>,
    /// Whose it is, if others may have one of that name.
    pub owner: Option<Arc<Owner>>,
    /// The lines.
    pub text: Vec<u8>,
    /// How many lines are missing if these are not written: also those that they say are missing.
    pub lines: u64,
    /// What becomes of it when it is too large; none: it grows.
    pub rotate: Option<Rotate>,
}

/// Whose a file is. One that begins with another's head is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// What its first line says, behind the time of the line that follows ([`crate::output::log_head`]).
    pub head: String,
    /// The file that is written in place of another's.
    pub beside: PathBuf,
}

/// `FILE` becomes `FILE.1`, which becomes `FILE.2`, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotate {
    /// How large a file may be, in bytes.
    pub size: u64,
    /// How many older ones are kept.
    pub keep: u16,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct KeepNews {
    /// The file that was asked for.
    pub path: Arc<Path>,
    /// Whose it is.
    pub owner: Option<Arc<Owner>>,
    /// The file that was written, or was to be.
    pub file: PathBuf,
    /// How many bytes it was about.
    pub bytes: usize,
    /// How many lines are missing if not all was written.
    pub lines: u64,
    /// Why they are.
    pub result: Result<(), String>,
}

/// What is on its way to the disk.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    queued: usize,
    /// When the disk must have taken something.
    stuck_at: Option<Instant>,
    /// It did not: what comes is dropped until it does.
    stuck: bool,
    /// When it was told last that something could not be written.
    told: Option<Instant>,
}

impl Keeper {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.stuck_at
    }

    /// Nodes wait for the disk.
    pub(super) fn is_full(&self) -> bool {
        self.queued > QUEUE_MAX && !self.stuck
    }
}

impl App {
    /// Writes whole lines. False if the disk takes nothing: they are lost.
    pub(super) fn keep(
        &mut self,
        path: &Arc<Path>,
        owner: Option<Arc<Owner>>,
        text: Vec<u8>,
        lines: u64,
        rotate: Option<Rotate>,
    ) -> bool {
        if self.keeper.stuck {
            return false;
        }
        if self.keeper.queued == 0 {
            self.keeper.stuck_at = self.now.map(|now| now + STUCK_AFTER);
        }
        self.keeper.queued += text.len();
        self.effects.push_back(Effect::Keep(KeepAsk {
            path: Arc::clone(path),
            owner,
            text,
            lines,
            rotate,
        }));
        true
    }

    /// The disk has taken something, or refused it.
    pub(super) fn kept(&mut self, now: Instant, news: &KeepNews) {
        let keeper = &mut self.keeper;
        keeper.queued = keeper.queued.saturating_sub(news.bytes);
        keeper.stuck_at = (keeper.queued > 0).then(|| now + STUCK_AFTER);
        keeper.stuck &= keeper.queued > QUEUE_MAX / 2;
        let Err(why) = &news.result else { return };
        if self.record_failed(news, why) {
            return;
        }
        let counted = self.log_failed(news);
        // A disk that is nearly full takes this and refuses that.
        let told = |at: Instant| now.saturating_duration_since(at) < TOLD_FOR;
        if !self.keeper.told.is_some_and(told) {
            self.keeper.told = Some(now);
            let text = format!("cannot write to {}: {why}", news.file.display());
            let mut error = Error::failed(text);
            if counted {
                error = error
                    .hint("what nodes print goes on; lines that are missing are counted there");
            }
            self.error(&error);
        }
    }

    pub(super) fn keep_tick(&mut self, now: Instant) {
        if self.keeper.stuck_at.is_none_or(|at| at > now) {
            return;
        }
        self.keeper.stuck_at = None;
        if self.keeper.queued > QUEUE_MAX && !self.keeper.stuck {
            self.keeper.stuck = true;
            let secs = STUCK_AFTER.as_secs();
            let text = format!("the disk of the log has taken nothing for {secs} s");
            let hint = "what nodes print goes on; it is not logged until the disk comes back";
            self.error(&Error::failed(text).hint(hint));
        } else if self.keeper.queued > 0 {
            self.keeper.stuck_at = Some(now + STUCK_AFTER);
        }
    }
}
