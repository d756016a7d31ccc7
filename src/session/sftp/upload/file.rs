//! One file on its way to a node: it grows under a temporary name beside its place, is measured (and
//! compared), and takes its name in one step.

use super::super::client::{Handle, Refusal, Reply};
use super::super::packet::{Attrs, Code, FileType};
use super::super::plan::{BLOCK, Facts, Fault, name, part_name};
use super::{Blocks, Supply, Tag, Upload, WINDOW, Wish};
use std::collections::BTreeSet;

/// What a request about a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Is there something left of an earlier run?
    Rest,
    /// To go on with that.
    Reopen,
    /// What has been opened, in truth.
    Held,
    /// A new one.
    Open,
    /// How the node's umask has left its mode.
    Mode,
    /// So many bytes from there on.
    Write(u64, u32),
    Attributes,
    Sync,
    /// How long it has become.
    Size,
    Close,
    /// Nobody waits for the answer's content.
    Tidy,
    /// Why it could not be written.
    Space,
    Link,
    /// To the name, in place of what has it.
    Replace,
    /// To the name, if nothing has it.
    Rename,
    /// What has the name goes: the server cannot replace it.
    Clear,
    RenameAgain,
    /// Why it cannot have the name.
    Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Resting,
    Opening,
    Flowing,
    /// All is sent; the last answers are awaited.
    Sealed,
    Comparing,
    Naming,
    /// It failed, and is being removed.
    Leaving,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) phase: Phase,
    pub(super) facts: Facts,
    link: bool,
    pub(super) place: Vec<u8>,
    pub(super) part: Vec<u8>,
    pub(super) salted: bool,
    pub(super) handle: Option<Handle>,
    /// What it is on the node while it grows.
    pub(super) mode: Option<u32>,
    /// From here on it is to be sent.
    pub(super) next: u64,
    /// Where the pieces begin that have no answer yet.
    flying: BTreeSet<u64>,
    /// In so many pieces it was sent.
    writes: usize,
    /// Requests without an answer.
    pub(super) awaited: usize,
    size: Option<u64>,
    pub(super) error: Option<Fault>,
    /// The error has no reason: a full disk, maybe.
    pub(super) ask_why: bool,
    /// It exists on the node.
    pub(super) there: bool,
}

impl Active {
    /// The next piece to be sent.
    pub(super) fn block(&self) -> u64 {
        self.next / BLOCK
    }

    /// Nobody may write to it once it is whole.
    pub(super) fn is_read_only(&self) -> bool {
        self.facts.mode & 0o200 == 0 && !self.link
    }

    /// More of it is to be sent.
    pub(super) fn is_hungry(&self) -> bool {
        let open = [Phase::Resting, Phase::Opening, Phase::Flowing].contains(&self.phase);
        open && !self.link
    }

    pub(super) fn needs(&self, block: u64) -> bool {
        self.is_hungry() && self.block() <= block
    }
}

impl Upload {
    /// A link is made under another name and then takes its own, so that one that is there is
    /// replaced in one step, too.
    pub(super) fn begin_link(&mut self, item: usize, target: &[u8]) {
        self.begin(item, Facts::default(), true);
        self.salt_part(item);
        self.ask(item, Step::Link, |client, tag, active| {
            active.phase = Phase::Sealed;
            client.symlink(tag, target, &active.part);
        });
    }

    pub(super) fn begin(&mut self, item: usize, facts: Facts, link: bool) {
        let path = self.plan.items.get(item).map(|item| item.path.as_slice());
        let place = self.place(path.unwrap_or_default());
        let part = beside(&place, &part_name(name(&place), &facts, None));
        let active = Active {
            phase: Phase::Resting,
            facts,
            link,
            place,
            part,
            salted: false,
            handle: None,
            mode: None,
            next: 0,
            flying: BTreeSet::new(),
            writes: 0,
            awaited: 0,
            size: None,
            error: None,
            ask_why: false,
            there: false,
        };
        self.active.insert(item, active);
    }

    pub(super) fn ask(
        &mut self,
        item: usize,
        step: Step,
        request: impl FnOnce(&mut super::Client<Tag>, Tag, &mut Active),
    ) {
        if let Some(active) = self.active.get_mut(&item) {
            active.awaited += 1;
            request(&mut self.client, Tag::File(item, step), active);
        }
    }

    /// An answer about a file.
    pub(super) fn answered(
        &mut self,
        item: usize,
        step: Step,
        result: Result<Reply, Refusal>,
        blocks: &mut dyn Blocks,
    ) {
        let Some(active) = self.active.get_mut(&item) else {
            return;
        };
        active.awaited -= 1;
        if active.phase == Phase::Leaving {
            self.answered_late(item, step, result);
            self.go_on(item, blocks);
            return;
        }
        match (step, result) {
            (Step::Rest | Step::Reopen | Step::Held | Step::Open | Step::Mode, result) => {
                self.opened(item, step, result, blocks);
            },
            (Step::Write(offset, count), result) => {
                active.flying.remove(&offset);
                self.flying -= u64::from(count);
                match result {
                    Ok(_) => self.moved += u64::from(count),
                    Err(refusal) => {
                        active.ask_why |= refusal.code == Code::Failure;
                        let why = format!("it cannot be written: {}", refusal.reason());
                        self.give_up(item, Some(why), blocks);
                    },
                }
            },
            (Step::Size, Ok(Reply::Attrs(attrs))) => active.size = attrs.size,
            (Step::Attributes, Err(refusal)) => {
                let why = format!("its mode and times cannot be kept: {}", refusal.reason());
                let place = active.place.clone();
                self.fault(&place, why);
            },
            (Step::Link, Ok(_)) => {
                active.there = true;
                self.rename(item);
            },
            (Step::Replace | Step::Rename | Step::RenameAgain, Ok(_)) => self.finished(item),
            (Step::Replace, Err(refusal)) if refusal.code == Code::Unsupported => {
                self.client.forget_replacing();
                self.rename(item);
            },
            // Version 3 says no more of a name that is taken.
            (Step::Rename, Err(refusal)) if refusal.code == Code::Failure => {
                self.ask(item, Step::Clear, |client, tag, active| {
                    client.remove(tag, &active.place);
                });
            },
            (Step::Replace | Step::Rename, Err(refusal)) => self.ask_why_not(item, &refusal),
            (Step::Clear, _) => self.ask(item, Step::RenameAgain, |client, tag, active| {
                client.rename(tag, &active.part, &active.place);
            }),
            (Step::RenameAgain, Err(refusal)) => {
                let part = String::from_utf8_lossy(&active.part).into_owned();
                active.there = false;
                let why = format!(
                    "it cannot get its name: {}; its content is in {part}",
                    refusal.reason()
                );
                self.give_up(item, Some(why), blocks);
            },
            (Step::Why, result) => {
                let folder = matches!(result, Ok(Reply::Attrs(attrs))
                    if attrs.file_type() == Some(FileType::Folder));
                if let Some(error) = active.error.as_mut().filter(|_| folder) {
                    error.why = "a folder has this name".to_owned();
                }
                self.give_up(item, None, blocks);
            },
            (Step::Tidy | Step::Space | Step::Attributes | Step::Size, _) => {},
            (Step::Sync | Step::Close, Ok(_)) => {},
            (Step::Sync | Step::Close | Step::Link, Err(refusal)) => {
                active.ask_why |= refusal.code == Code::Failure;
                self.give_up(item, Some(refusal.reason()), blocks);
            },
        }
        self.go_on(item, blocks);
    }

    /// An answer about a file that has failed.
    fn answered_late(&mut self, item: usize, step: Step, result: Result<Reply, Refusal>) {
        match (step, result) {
            (Step::Write(_, count), _) => self.flying -= u64::from(count),
            (Step::Space, Ok(Reply::Space(bytes, files))) if bytes < BLOCK || files == 0 => {
                let active = self.active.get_mut(&item);
                if let Some(error) = active.and_then(|active| active.error.as_mut()) {
                    error.why = "no space is left on the node's disk".to_owned();
                }
            },
            (Step::Link, Ok(_)) => self.ask(item, Step::Tidy, |client, tag, active| {
                client.remove(tag, &active.part);
            }),
            _ => {},
        }
    }

    /// Sends the next pieces of a file, as many as there is room for.
    pub(super) fn send_some(&mut self, item: usize, blocks: &mut dyn Blocks) {
        let chunk = u64::from(self.client.write_max());
        while self.has_room() {
            let Some(active) = self.active.get_mut(&item) else {
                return;
            };
            let (Phase::Flowing, Some(handle)) = (active.phase, &active.handle) else {
                return;
            };
            let size = active.facts.size;
            if active.next >= size && size > 0 {
                self.seal(item);
                return;
            }
            // So far back, and no farther, is gone when it is gone on with.
            let sure = active.flying.first().copied().unwrap_or(active.next);
            if active.next + chunk.min(size - active.next) > sure + WINDOW {
                return;
            }
            let block = active.block();
            let data = match blocks.block(item, block) {
                Supply::Here(data) => data,
                Supply::Coming => return,
                Supply::Failed(why) => {
                    let path = self.plan.items.get(item).map(|item| item.path.clone());
                    active.error = Some(Fault {
                        path: path.unwrap_or_default(),
                        why,
                        here: true,
                        mild: false,
                    });
                    self.give_up(item, None, blocks);
                    return;
                },
            };
            let within = active.next % BLOCK;
            let from = usize::try_from(within).unwrap_or(usize::MAX);
            let rest = data.get(from..).unwrap_or_default();
            let count = rest.len().min(usize::try_from(chunk).unwrap_or(usize::MAX));
            let piece = rest.get(..count).unwrap_or_default();
            if piece.is_empty() && size > 0 {
                let why = "it became shorter while it was read".to_owned();
                self.give_up(item, Some(why), blocks);
                return;
            }
            if !piece.is_empty() {
                let length = u32::try_from(count).unwrap_or(u32::MAX);
                let tag = Tag::File(item, Step::Write(active.next, length));
                active.flying.insert(active.next);
                self.client.write(tag, handle, active.next, piece);
                active.awaited += 1;
                active.writes += 1;
                active.next += count as u64;
                self.flying += count as u64;
            }
            if count == rest.len() {
                blocks.taken(item, block);
            }
            if active.next >= size {
                self.seal(item);
                return;
            }
        }
    }

    /// All of it is on the way: what follows is read by the server behind it (§6.1).
    fn seal(&mut self, item: usize) {
        let how = self.how;
        let sync = how.check && self.client.extensions().fsync;
        let Some(active) = self.active.get_mut(&item) else {
            return;
        };
        active.phase = Phase::Sealed;
        self.flowing.remove(&item);
        let Some(handle) = active.handle.take() else {
            return;
        };
        // What one write brought into a new file is as long as that says.
        let measured = active.writes > 1 || how.resume;
        if !measured {
            active.size = Some(active.facts.size);
        }
        if how.keep || active.is_read_only() {
            let own = active.facts.mode;
            let left = own & active.mode.unwrap_or(0o700) & 0o777;
            let attrs = Attrs {
                mode: Some(if how.keep { own & 0o7777 } else { left }),
                times: how.keep.then(|| active.facts.times()),
                ..Attrs::default()
            };
            self.ask(item, Step::Attributes, |client, tag, _| {
                client.fsetstat(tag, &handle, &attrs);
            });
        }
        if sync {
            self.ask(item, Step::Sync, |client, tag, _| {
                client.fsync(tag, &handle);
            });
        }
        if measured {
            self.ask(item, Step::Size, |client, tag, _| {
                client.fstat(tag, &handle);
            });
        }
        self.ask(item, Step::Close, |client, tag, _| {
            client.close(tag, &handle);
        });
    }

    /// Looks whether a file's phase is over.
    fn go_on(&mut self, item: usize, blocks: &mut dyn Blocks) {
        let Some(active) = self.active.get_mut(&item) else {
            return;
        };
        if active.awaited > 0 {
            return;
        }
        match active.phase {
            Phase::Sealed if active.size != Some(active.facts.size) && !active.link => {
                let (wanted, size) = (active.facts.size, active.size);
                let why = match size {
                    Some(size) => format!("{size} of {wanted} bytes have arrived"),
                    None => "its server does not say how long it is there".to_owned(),
                };
                self.give_up(item, Some(why), blocks);
            },
            Phase::Sealed if self.how.check && !active.link => {
                active.phase = Phase::Comparing;
                let part = active.part.clone();
                self.wishes.push(Wish::Compare(item, part));
            },
            Phase::Sealed => self.rename(item),
            Phase::Leaving => self.leave_if_idle(item),
            _ => {},
        }
    }

    /// The content was compared, or could not be.
    pub fn compared(&mut self, item: usize, result: Result<(), String>, blocks: &mut dyn Blocks) {
        let comparing = self.active.get(&item).map(|active| active.phase) == Some(Phase::Comparing);
        if !comparing {
            return;
        }
        match result {
            Ok(()) => self.rename(item),
            Err(why) => {
                // What is wrong is not gone on with.
                let resume = std::mem::replace(&mut self.how.resume, false);
                self.give_up(item, Some(why), blocks);
                self.how.resume = resume;
            },
        }
        self.turn(blocks);
    }

    fn rename(&mut self, item: usize) {
        let replaces = self.client.extensions().posix_rename;
        let step = if replaces {
            Step::Replace
        } else {
            Step::Rename
        };
        self.ask(item, step, |client, tag, active| {
            active.phase = Phase::Naming;
            client.rename(tag, &active.part, &active.place);
        });
    }

    /// It cannot have its name, and nothing is removed for that: where a folder has it, that is why.
    fn ask_why_not(&mut self, item: usize, refusal: &Refusal) {
        self.ask(item, Step::Why, |client, tag, active| {
            active.error = Some(Fault {
                path: active.place.clone(),
                why: format!("it cannot get its name: {}", refusal.reason()),
                here: false,
                mild: false,
            });
            client.stat(tag, &active.place, false);
        });
    }

    fn finished(&mut self, item: usize) {
        self.active.remove(&item);
        self.whole += 1;
    }
}

/// Another name in the same folder.
pub(super) fn beside(place: &[u8], name: &[u8]) -> Vec<u8> {
    match place.iter().rposition(|byte| *byte == b'/') {
        Some(at) => [place.get(..=at).unwrap_or_default(), name].concat(),
        None => name.to_vec(),
    }
}
