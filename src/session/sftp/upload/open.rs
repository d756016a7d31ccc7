//! How a copy on a node begins: as a new file, or as what an earlier run has left.

use super::super::client::{Refusal, Reply};
use super::super::packet::{Attrs, Code, FileType, flag};
use super::super::plan::{BLOCK, Facts, name, part_name};
use super::file::{Phase, Step, beside};
use super::{Blocks, Upload, WINDOW};

impl Upload {
    pub(super) fn begin_file(&mut self, item: usize, facts: Facts) {
        self.begin(item, facts, false);
        if self.how.resume {
            self.ask(item, Step::Rest, |client, tag, active| {
                client.stat(tag, &active.part, false);
            });
        } else {
            self.open_new(item);
        }
    }

    /// Gives it a name that nobody else has.
    pub(super) fn salt_part(&mut self, item: usize) {
        let salt = self.salt.wrapping_add(item as u64);
        if let Some(active) = self.active.get_mut(&item) {
            active.salted = true;
            let part = part_name(name(&active.place), &active.facts, Some(salt));
            active.part = beside(&active.place, &part);
        }
    }

    fn open_new(&mut self, item: usize) {
        self.ask(item, Step::Open, |client, tag, active| {
            active.phase = Phase::Opening;
            // What may not be written cannot be gone on with: such a mode comes at the end.
            let attrs = Attrs {
                mode: Some(active.facts.mode & 0o777 | 0o200),
                ..Attrs::default()
            };
            let how = flag::WRITE | flag::CREATE | flag::EXCLUSIVE;
            client.open(tag, &active.part, how, &attrs);
        });
    }

    /// Begins anew, beside what cannot be gone on with.
    fn open_beside(&mut self, item: usize, blocks: &mut dyn Blocks) {
        let handle = self.active.get_mut(&item).and_then(|active| {
            active.there = false;
            active.phase = Phase::Resting;
            active.handle.take()
        });
        if let Some(handle) = handle {
            self.ask(item, Step::Tidy, |client, tag, _| {
                client.close(tag, &handle);
            });
        }
        if self.cancelled {
            self.give_up(item, None, blocks);
            return;
        }
        self.salt_part(item);
        self.open_new(item);
    }

    /// An answer about a file that is not open yet.
    pub(super) fn opened(
        &mut self,
        item: usize,
        step: Step,
        result: Result<Reply, Refusal>,
        blocks: &mut dyn Blocks,
    ) {
        let keep = self.how.keep;
        let Some(active) = self.active.get_mut(&item) else {
            return;
        };
        match (step, result) {
            (Step::Rest, Ok(Reply::Attrs(attrs))) if is_rest(&attrs, &active.facts) => {
                // Between two requests it may get its name from another dust: so nothing is created
                // here, and what counts is asked of what was opened.
                self.ask(item, Step::Reopen, |client, tag, active| {
                    active.phase = Phase::Opening;
                    client.open(tag, &active.part, flag::WRITE, &Attrs::default());
                });
            },
            (Step::Rest, Err(_)) => self.open_new(item),
            (Step::Reopen, Ok(Reply::Handle(handle))) => {
                active.handle = Some(handle.clone());
                active.there = true;
                self.ask(item, Step::Held, |client, tag, _| {
                    client.fstat(tag, &handle);
                });
            },
            (Step::Held, Ok(Reply::Attrs(attrs))) if is_rest(&attrs, &active.facts) => {
                // What was on the way at its end may have holes before it.
                let held = attrs.size.unwrap_or(0);
                let sure = held.saturating_sub(WINDOW) / BLOCK * BLOCK;
                active.next = sure;
                active.mode = attrs.mode;
                self.moved += sure;
                self.flows(item, blocks);
            },
            (Step::Rest | Step::Reopen | Step::Held, _) => self.open_beside(item, blocks),
            (Step::Mode, result) => {
                if let Ok(Reply::Attrs(attrs)) = result {
                    active.mode = attrs.mode;
                }
                self.flows(item, blocks);
            },
            (_, Ok(Reply::Handle(handle))) => {
                active.handle = Some(handle.clone());
                active.there = true;
                if !keep && active.is_read_only() {
                    // Its mode at the end is the source's, and what the node's umask leaves of it.
                    self.ask(item, Step::Mode, |client, tag, _| {
                        client.fstat(tag, &handle);
                    });
                } else {
                    self.flows(item, blocks);
                }
            },
            // Somebody else's, or a rest of an earlier run.
            (_, Err(refusal)) if refusal.code == Code::Failure && !active.salted => {
                self.open_beside(item, blocks);
            },
            (_, Err(refusal)) => {
                active.ask_why |= refusal.code == Code::Failure;
                let why = match refusal.code {
                    Code::NoSuchFile => "there is no such folder".to_owned(),
                    _ => refusal.reason(),
                };
                self.give_up(item, Some(why), blocks);
            },
            (_, Ok(_)) => {},
        }
    }

    /// It is open, and its content can come.
    fn flows(&mut self, item: usize, blocks: &mut dyn Blocks) {
        if let Some(active) = self.active.get_mut(&item) {
            active.phase = Phase::Flowing;
            self.flowing.insert(item);
        }
        if self.cancelled {
            self.give_up(item, None, blocks);
        }
    }
}

/// It can be the beginning of such a file.
fn is_rest(attrs: &Attrs, facts: &Facts) -> bool {
    let short = attrs.size.is_some_and(|size| size <= facts.size);
    short && attrs.file_type() == Some(FileType::File)
}
