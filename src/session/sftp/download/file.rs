//! One file of a node on its way here: read in pieces that may come in any order, and given its name when
//! all of them are written and the node's file is still what it was.

use super::super::client::{Handle, Refusal, Reply};
use super::super::packet::{Attrs, flag};
use super::super::plan::{BLOCK, Facts, Fault, part_name};
use super::walk::facts;
use super::{Download, Shared, Tag, WINDOW, Wanted, Wish};
use std::collections::BTreeSet;

/// What a request about a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    /// What it is before it is read.
    Before,
    /// So many bytes from here on.
    Read(u64, u32),
    /// What it is afterwards.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is being opened on both sides.
    Opening,
    Flowing,
    /// All was read; the last answers are awaited.
    Sealed,
    Comparing,
    Naming,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Active {
    wanted: Wanted,
    phase: Phase,
    handle: Option<Handle>,
    /// What it was before it was read.
    before: Option<Attrs>,
    /// It was asked to be opened here.
    wished: bool,
    /// From here on it is to be asked for.
    next: u64,
    /// The end, once it is known that nothing is behind it.
    end: Option<u64>,
    /// Where the pieces begin that are asked for and not yet written.
    flying: BTreeSet<u64>,
    /// What is counted as written of it, in bytes.
    moved: u64,
}

impl Active {
    fn size(&self) -> u64 {
        self.before.and_then(|attrs| attrs.size).unwrap_or(0)
    }

    /// All before this was written, in bytes.
    fn sure(&self) -> u64 {
        self.flying.first().copied().unwrap_or(self.next)
    }
}

impl Download {
    pub(super) fn begin_file(&mut self, wanted: Wanted) {
        let file = self.number();
        let none = Attrs::default();
        let tag = Tag::File(file, Step::Open);
        self.client.open(tag, &wanted.path, flag::READ, &none);
        let active = Active {
            wanted,
            phase: Phase::Opening,
            handle: None,
            before: None,
            wished: false,
            next: 0,
            end: None,
            flying: BTreeSet::new(),
            moved: 0,
        };
        self.active.insert(file, active);
    }

    /// The node's file is open: a copy of just that content grows here, or grows on. What it was when it
    /// was listed may be another content.
    fn create(&mut self, file: usize) {
        let salt = self.salt.wrapping_add(file as u64);
        let resume = self.how.resume;
        let Some(active) = self.active.get_mut(&file) else {
            return;
        };
        let about = facts(&active.before.unwrap_or_default());
        let mut place = active.wanted.place.clone();
        let name = place.pop().unwrap_or_default();
        place.push(part_name(&name, &about, None));
        active.wished = true;
        self.wishes.push(Wish::Create {
            file,
            place,
            spare: part_name(&name, &about, Some(salt)),
            mode: about.mode & 0o777,
            resume,
        });
    }

    /// It is open here, and holds so many bytes; or cannot be.
    pub fn created(&mut self, file: usize, result: Result<u64, String>, shared: &mut Shared) {
        let Some(active) = self.active.get_mut(&file) else {
            return;
        };
        match result {
            Ok(held) => {
                if self.how.resume {
                    // What was on the way at its end may have holes before it.
                    active.next = held.saturating_sub(WINDOW) / BLOCK * BLOCK;
                    active.moved = active.next;
                    self.moved += active.next;
                }
                active.phase = Phase::Flowing;
            },
            Err(why) => self.failed(file, why, true, shared),
        }
        self.turn(shared);
    }

    /// An answer about a file.
    pub(super) fn answered(
        &mut self,
        file: usize,
        step: Step,
        result: Result<Reply, Refusal>,
        shared: &mut Shared,
    ) {
        let gave = self.active.get_mut(&file);
        let Some(active) = gave else {
            // It was given up meanwhile.
            if let Step::Read(_, count) = step {
                self.returned(count, shared);
            }
            if let Ok(Reply::Handle(handle)) = result {
                self.client.close(Tag::Tidy, &handle);
            }
            return;
        };
        match (step, result) {
            (Step::Open, Ok(Reply::Handle(handle))) => {
                self.client.fstat(Tag::File(file, Step::Before), &handle);
                active.handle = Some(handle);
            },
            (Step::Before, Ok(Reply::Attrs(attrs))) => {
                let (was, is) = (
                    active.wanted.attrs.size.unwrap_or(0),
                    attrs.size.unwrap_or(0),
                );
                self.size = self.size.saturating_sub(was).saturating_add(is);
                active.before = Some(attrs);
                self.create(file);
            },
            (Step::Read(offset, asked), Ok(Reply::Data(data))) => {
                let length = u32::try_from(data.len()).unwrap_or(asked);
                let end = offset + u64::from(length);
                // A server may give less than is there.
                if length < asked && end < active.size() && active.end.is_none() {
                    self.ask_piece(file, end, asked - length);
                } else {
                    self.returned(asked - length, shared);
                }
                if let Some(active) = self.active.get_mut(&file) {
                    active.next = active.next.max(end);
                }
                self.wishes.push(Wish::Write(file, offset, data));
            },
            (Step::Read(offset, asked), Ok(_)) => {
                active.flying.remove(&offset);
                active.end = Some(active.end.map_or(offset, |end| end.min(offset)));
                self.returned(asked, shared);
            },
            (Step::Read(offset, asked), Err(refusal)) => {
                active.flying.remove(&offset);
                self.returned(asked, shared);
                let why = format!("it cannot be read: {}", refusal.reason());
                self.failed(file, why, false, shared);
            },
            (Step::After, Ok(Reply::Attrs(after))) => self.read(file, &after, shared),
            (Step::Open | Step::Before | Step::After, Err(refusal)) => {
                self.failed(file, refusal.reason(), false, shared);
            },
            (Step::Open | Step::Before | Step::After, Ok(_)) => {},
        }
        self.seal(file);
    }

    /// So many bytes that were asked for will not come, or are written.
    fn returned(&mut self, count: u32, shared: &mut Shared) {
        // What was cancelled was given back then.
        let count = self.flying.min(count.into());
        self.flying -= count;
        shared.give_back(count);
    }

    fn ask_piece(&mut self, file: usize, offset: u64, count: u32) {
        if let Some(active) = self.active.get_mut(&file)
            && let Some(handle) = &active.handle
        {
            let tag = Tag::File(file, Step::Read(offset, count));
            self.client.read(tag, handle, offset, count);
            active.flying.insert(offset);
        }
    }

    /// Asks for the next pieces of a file.
    pub(super) fn read_some(&mut self, file: usize, shared: &mut Shared) {
        let chunk = u64::from(self.client.read_max());
        while self.may_read(shared) {
            let Some(active) = self.active.get(&file) else {
                return;
            };
            if active.phase != Phase::Flowing || active.end.is_some() {
                return;
            }
            let size = active.size();
            let left = size.saturating_sub(active.next);
            // Where the size is not told, as in /proc, the end shows when it is there.
            let count = if left > 0 { left.min(chunk) } else { chunk };
            if left == 0 && (!active.flying.is_empty() || size > 0) {
                return;
            }
            let offset = active.next;
            if offset + count > active.sure() + WINDOW {
                // So far back, and no farther, is gone when it is gone on with.
                return;
            }
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.flying += u64::from(count);
            // Whoever has nothing asked for may always ask once.
            shared.room = shared.room.saturating_sub_unsigned(count.into());
            self.ask_piece(file, offset, count);
            if let Some(active) = self.active.get_mut(&file)
                && left > 0
            {
                active.next += u64::from(count);
            }
        }
    }

    /// A piece was written here, or could not be.
    pub fn written(
        &mut self,
        file: usize,
        (offset, count): (u64, usize),
        result: Result<(), String>,
        shared: &mut Shared,
    ) {
        self.returned(u32::try_from(count).unwrap_or(u32::MAX), shared);
        if let Some(active) = self.active.get_mut(&file) {
            active.flying.remove(&offset);
            match result {
                Ok(()) => {
                    active.moved += count as u64;
                    self.moved += count as u64;
                },
                Err(why) => self.failed(file, why, true, shared),
            }
        }
        self.seal(file);
        self.turn(shared);
    }

    /// Looks whether all of a file was read and written.
    fn seal(&mut self, file: usize) {
        let Some(active) = self.active.get_mut(&file) else {
            return;
        };
        let size = active.size();
        let all = active.end.is_some() || (size > 0 && active.next >= size);
        if active.phase != Phase::Flowing || !active.flying.is_empty() || !all {
            return;
        }
        active.phase = Phase::Sealed;
        if let Some(handle) = active.handle.take() {
            self.client.fstat(Tag::File(file, Step::After), &handle);
            self.client.close(Tag::Tidy, &handle);
        }
    }

    /// It was read to its end: is it still what it was?
    fn read(&mut self, file: usize, after: &Attrs, shared: &mut Shared) {
        let Some(active) = self.active.get_mut(&file) else {
            return;
        };
        let before = active.before.unwrap_or_default();
        let written = |attrs: &Attrs| attrs.times.map(|(_, modified)| modified);
        let (size, moved) = (active.size(), active.moved);
        let short = size > 0 && active.end.is_some_and(|end| end < size);
        // All of a longer file has another digest than what was read of it.
        let grown = !short && !self.how.check && after.size > before.size;
        if grown {
            // A log goes on. What is before its old end is there.
            let path = active.wanted.path.clone();
            self.faults.push(Fault {
                path,
                why: format!("it grew while it was read; its first {moved} bytes were copied"),
                here: false,
                mild: true,
            });
        }
        let Some(active) = self.active.get_mut(&file) else {
            return;
        };
        let same = (before.size, written(&before)) == (after.size, written(after));
        if short || !(same || grown) {
            let why = if short && before.size == after.size {
                "it is shorter than its server says"
            } else {
                "it changed while it was read"
            };
            self.failed(file, why.to_owned(), false, shared);
        } else if self.how.check {
            active.phase = Phase::Comparing;
            let path = active.wanted.path.clone();
            self.wishes.push(Wish::Compare(file, path));
        } else {
            self.name_it(file);
        }
    }

    /// The content was compared, or could not be.
    pub fn compared(&mut self, file: usize, result: Result<(), String>, shared: &mut Shared) {
        let phase = self.active.get(&file).map(|active| active.phase);
        if phase == Some(Phase::Comparing) {
            match result {
                Ok(()) => self.name_it(file),
                Err(why) => {
                    self.fault_of(file, why, false);
                    self.leave(file, false, shared);
                },
            }
        }
        self.turn(shared);
    }

    fn name_it(&mut self, file: usize) {
        let Some(active) = self.active.get_mut(&file) else {
            return;
        };
        active.phase = Phase::Naming;
        let before = active.before.unwrap_or_default();
        let about: Facts = facts(&before);
        self.wishes.push(Wish::Name {
            file,
            size: active.moved,
            name: active.wanted.place.last().cloned().unwrap_or_default(),
            facts: self.how.keep.then_some(about),
        });
    }

    /// It has its name, or cannot have it.
    pub fn named_here(&mut self, file: usize, result: Result<(), String>, shared: &mut Shared) {
        match result {
            Ok(()) => {
                if self.active.remove(&file).is_some() {
                    self.whole += 1;
                    shared.files += 1;
                    shared.freed = true;
                }
            },
            Err(why) => self.failed(file, why, true, shared),
        }
        self.turn(shared);
    }

    fn fault_of(&mut self, file: usize, why: String, here: bool) {
        let Some(active) = self.active.get(&file) else {
            return;
        };
        let path = if here {
            active.wanted.place.join(&b'/')
        } else {
            active.wanted.path.clone()
        };
        self.faults.push(Fault {
            path,
            why,
            here: false,
            mild: false,
        });
    }

    fn failed(&mut self, file: usize, why: String, here: bool, shared: &mut Shared) {
        self.fault_of(file, why, here);
        self.leave(file, self.how.resume, shared);
    }

    /// A file will not be whole.
    pub(super) fn leave(&mut self, file: usize, keep: bool, shared: &mut Shared) {
        let Some(active) = self.active.remove(&file) else {
            return;
        };
        if let Some(handle) = &active.handle {
            self.client.close(Tag::Tidy, handle);
        }
        self.moved = self.moved.saturating_sub(active.moved);
        if active.wished {
            self.wishes.push(Wish::Leave(file, keep));
        }
        shared.files += 1;
        shared.freed = true;
    }
}
