//! Bringing a [`Plan`] to one node: folders first, then many files at a time, each under a name of its
//! own until it is whole.

mod ends;
mod file;
mod open;

use super::client::{Broken, Client, Refusal, Reply};
use super::packet::{Attrs, Code, FileType};
use super::plan::{Fault, How, Plan, What, join};
use file::{Active, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many files are under way at a time: small ones cost three round trips each.
const FILES_MAX: usize = 64;
/// So many bytes are on the way to a node at a time: what a line of 100 ms and 40 MB/s holds.
const WINDOW: u64 = 4 << 20;
/// The same where answers come at once: more would only lie in the server's buffers, and handling
/// those costs it a third of its CPU time.
const WINDOW_NEAR: u64 = 1 << 20;
/// An answer within this time came at once: the near window is 200 MB/s even so.
const NEAR: Duration = Duration::from_millis(5);
/// So many requests.
const REQUESTS_MAX: usize = 512;
/// Data is laid ready for the channel while less than this is there, in bytes.
const READY: usize = 64 * 1024;

/// Who has the content of the files.
pub trait Blocks {
    /// A piece of a file.
    fn block(&mut self, item: usize, block: u64) -> Supply;
    /// This node needs that piece no more.
    fn taken(&mut self, item: usize, block: u64);
    /// This node needs no piece of that file any more.
    fn passed(&mut self, item: usize);
}

/// What became of asking for a piece.
#[derive(Clone, Debug)]
pub enum Supply {
    /// Here it is.
    Here(Arc<[u8]>),
    /// It has to be waited for.
    Coming,
    /// It cannot be had; why.
    Failed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The server has not greeted.
    Greeting,
    /// It is not known what is at the destination.
    Looking,
    /// Folders are being made.
    Folders,
    Files,
    /// Folders get their modes and times.
    Ending,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Not,
    Asked,
    Yes,
    No,
}

/// What a request is for.
#[derive(Clone, Copy, Debug)]
enum Tag {
    Destination,
    Folder(usize),
    /// It could not be made: is it there?
    Is(usize),
    Attributes(usize),
    File(usize, Step),
}

/// What has to be done elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Compare the file of this number with what is at this path of the node
    /// ([`Upload::compared`]).
    Compare(usize, Vec<u8>),
}

/// See the module.
#[derive(Debug)]
pub struct Upload {
    client: Client<Tag>,
    plan: Rc<Plan>,
    how: How,
    /// Where it goes.
    to: Vec<u8>,
    /// That is the name of the copy itself, not of a folder that it goes into.
    renamed: bool,
    /// Makes temporary names its own.
    salt: u64,
    stage: Stage,
    folders: Vec<Made>,
    /// The next folder, then the next item.
    next: usize,
    active: BTreeMap<usize, Active>,
    /// Those of them of which more is to be sent.
    flowing: BTreeSet<usize>,
    /// Bytes that were sent and have no answer.
    flying: u64,
    /// As many as there may be.
    window: u64,
    /// When it was asked what is at the destination.
    asked_at: Option<Instant>,
    faults: Vec<Fault>,
    wishes: Vec<Wish>,
    moved: u64,
    whole: usize,
    cancelled: bool,
}

impl Upload {
    /// A copy of all of `plan` to the path `to`, on a channel that was just opened.
    pub fn new(plan: Rc<Plan>, how: How, to: Vec<u8>, salt: u64) -> Self {
        let folders = vec![Made::Not; plan.folders.len()];
        Self {
            client: Client::new(),
            plan,
            how,
            to,
            renamed: false,
            salt,
            stage: Stage::Greeting,
            folders,
            next: 0,
            active: BTreeMap::new(),
            flowing: BTreeSet::new(),
            flying: 0,
            window: WINDOW,
            asked_at: None,
            faults: Vec::new(),
            wishes: Vec::new(),
            moved: 0,
            whole: 0,
            cancelled: false,
        }
    }

    /// Bytes for the channel.
    pub fn unsent(&self) -> &[u8] {
        self.client.unsent()
    }

    /// So many of them are gone.
    pub fn sent(&mut self, count: usize) {
        self.client.sent(count);
    }

    /// More may be laid ready.
    pub fn has_room(&self) -> bool {
        self.client.unsent().len() < READY && self.flying < self.window
    }

    /// The server has greeted.
    pub fn is_begun(&self) -> bool {
        self.stage != Stage::Greeting
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> usize {
        self.client.flying()
    }

    /// All that could be done is done.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// There is something to tell, or to do elsewhere.
    pub fn has_news(&self) -> bool {
        self.is_done() || !self.faults.is_empty() || !self.wishes.is_empty()
    }

    /// What failed since the last call.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// What has to be done elsewhere.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    /// How much content has arrived, in bytes.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// How many items are whole and under their names.
    pub fn whole(&self) -> usize {
        self.whole
    }

    /// The first item, and the piece of it, that this node may still need; it needs nothing of those
    /// before.
    pub fn first_needed(&self) -> (usize, u64) {
        match self.stage {
            Stage::Greeting | Stage::Looking | Stage::Folders => (0, 0),
            Stage::Files => {
                let first = self.active.iter().find(|(_, active)| active.is_hungry());
                first.map_or((self.next, 0), |(item, active)| (*item, active.block()))
            },
            Stage::Ending | Stage::Done => (usize::MAX, 0),
        }
    }

    /// Whether this node will still ask for a piece.
    pub fn needs(&self, item: usize, block: u64) -> bool {
        match self.stage {
            Stage::Greeting | Stage::Looking | Stage::Folders => true,
            Stage::Files if item >= self.next => !self.cancelled,
            Stage::Files => self.active.get(&item).is_some_and(|a| a.needs(block)),
            Stage::Ending | Stage::Done => false,
        }
    }

    /// Takes what the server has sent.
    ///
    /// # Errors
    /// The channel is of no more use.
    pub fn receive(
        &mut self,
        now: Instant,
        bytes: &[u8],
        blocks: &mut dyn Blocks,
    ) -> Result<(), Broken> {
        self.client.receive(bytes)?;
        if self.stage == Stage::Greeting && self.client.is_ready() {
            self.stage = Stage::Looking;
            self.asked_at = Some(now);
            let to = self.to.clone();
            self.client.stat(Tag::Destination, &to, true);
        }
        while let Some((tag, result)) = self.client.reply() {
            match tag {
                Tag::Destination => {
                    let asked = self.asked_at.unwrap_or(now);
                    if now.saturating_duration_since(asked) < NEAR {
                        self.window = WINDOW_NEAR;
                    }
                    self.looked(result);
                },
                Tag::Folder(folder) => self.made(folder, result),
                Tag::Is(folder) => self.is_there(folder, &result),
                Tag::Attributes(folder) => self.folder_set(folder, result),
                Tag::File(item, step) => self.answered(item, step, result, blocks),
            }
        }
        self.turn(blocks);
        Ok(())
    }

    /// Does all that can be done without waiting.
    pub fn turn(&mut self, blocks: &mut dyn Blocks) {
        if self.stage == Stage::Folders {
            self.make_folders();
        }
        if self.stage == Stage::Files {
            self.send_files(blocks);
            let all = self.next >= self.plan.items.len() || self.cancelled;
            if all && self.active.is_empty() {
                self.stage = Stage::Ending;
                self.set_folders();
            }
        }
        if self.stage == Stage::Ending && self.client.flying() == 0 {
            self.stage = Stage::Done;
        }
    }

    /// Ends it early: what is not whole is removed, unless it is to be gone on with.
    pub fn cancel(&mut self, blocks: &mut dyn Blocks) {
        if std::mem::replace(&mut self.cancelled, true) {
            return;
        }
        match self.stage {
            Stage::Files => {},
            Stage::Done => return,
            _ => {
                self.stage = Stage::Done;
                return;
            },
        }
        let items: Vec<usize> = self.active.keys().copied().collect();
        for item in items {
            self.give_up(item, None, blocks);
        }
        self.turn(blocks);
    }

    fn fault(&mut self, path: &[u8], why: impl Into<String>) {
        self.faults.push(Fault {
            path: path.to_vec(),
            why: why.into(),
            here: false,
            mild: false,
        });
    }

    /// Where a path of the plan is on the node.
    fn place(&self, path: &[u8]) -> Vec<u8> {
        if !self.renamed {
            return join(&self.to, path);
        }
        match path.iter().position(|byte| *byte == b'/') {
            Some(at) => join(&self.to, path.get(at + 1..).unwrap_or_default()),
            None => self.to.clone(),
        }
    }

    /// It is known what is at the destination.
    fn looked(&mut self, result: Result<Reply, Refusal>) {
        let tops = self.plan.tops();
        let into = self.to.ends_with(b"/");
        let to = self.to.clone();
        let why = match result {
            Ok(Reply::Attrs(attrs)) => match attrs.file_type() {
                Some(FileType::Folder) | None => None,
                Some(_) if into || tops != 1 || !self.plan.folders.is_empty() => {
                    Some("it is no folder".to_owned())
                },
                Some(_) => {
                    self.renamed = true;
                    None
                },
            },
            Err(refusal) if refusal.code == Code::NoSuchFile && tops == 1 && !into => {
                self.renamed = true;
                None
            },
            Err(refusal) if refusal.code == Code::NoSuchFile => {
                Some("there is no such folder".to_owned())
            },
            Err(refusal) => Some(refusal.reason()),
            Ok(_) => None,
        };
        if let Some(why) = why {
            self.fault(&to, why);
            self.stage = Stage::Done;
            return;
        }
        self.stage = Stage::Folders;
    }

    /// Asks for all folders whose own folder is there. Then come the files.
    fn make_folders(&mut self) {
        while let Some(folder) = self.plan.folders.get(self.next) {
            if self.client.flying() >= REQUESTS_MAX {
                return;
            }
            let parent = folder.parent.and_then(|parent| self.folders.get(parent));
            let made = match parent {
                None | Some(Made::Yes) => Made::Asked,
                Some(Made::No) => Made::No,
                Some(Made::Not | Made::Asked) => return,
            };
            if made == Made::Asked {
                let path = self.place(&folder.path);
                // What goes into it must be possible; its own mode comes at the end.
                let attrs = Attrs {
                    mode: Some(folder.facts.mode & 0o777 | 0o700),
                    ..Attrs::default()
                };
                self.client.mkdir(Tag::Folder(self.next), &path, &attrs);
            }
            if let Some(state) = self.folders.get_mut(self.next) {
                *state = made;
            }
            self.next += 1;
        }
        if !self.folders.contains(&Made::Asked) {
            self.stage = Stage::Files;
            self.next = 0;
        }
    }

    fn set_made(&mut self, folder: usize, made: Made) {
        if let Some(state) = self.folders.get_mut(folder) {
            *state = made;
        }
    }

    fn folder_path(&self, folder: usize) -> Vec<u8> {
        let path = self.plan.folders.get(folder).map(|f| f.path.as_slice());
        self.place(path.unwrap_or_default())
    }

    fn made(&mut self, folder: usize, result: Result<Reply, Refusal>) {
        match result {
            Ok(_) => self.set_made(folder, Made::Yes),
            // "It exists" is a failure like any other in version 3.
            Err(refusal) if refusal.code == Code::Failure => {
                let path = self.folder_path(folder);
                self.client.stat(Tag::Is(folder), &path, true);
            },
            Err(refusal) => {
                self.set_made(folder, Made::No);
                let path = self.folder_path(folder);
                self.fault(&path, refusal.reason());
            },
        }
    }

    fn is_there(&mut self, folder: usize, result: &Result<Reply, Refusal>) {
        let there = matches!(result, Ok(Reply::Attrs(attrs))
            if attrs.file_type() == Some(FileType::Folder));
        self.set_made(folder, if there { Made::Yes } else { Made::No });
        if !there {
            let why = match result {
                Ok(_) => "it is there, and no folder",
                Err(_) => "the folder cannot be made",
            };
            let path = self.folder_path(folder);
            self.fault(&path, why);
        }
    }

    /// Folders get their own modes and times once nothing changes in them any more: the inner ones
    /// first.
    fn set_folders(&mut self) {
        let plan = Rc::clone(&self.plan);
        for (index, folder) in plan.folders.iter().enumerate().rev() {
            let kept = self.how.keep && !self.cancelled;
            let closed = folder.facts.mode & 0o700 != 0o700;
            if self.folders.get(index) == Some(&Made::Yes) && (kept || closed) {
                let attrs = Attrs {
                    mode: Some(folder.facts.mode & if kept { 0o7777 } else { 0o777 }),
                    times: kept.then(|| folder.facts.times()),
                    ..Attrs::default()
                };
                let path = self.place(&folder.path);
                self.client.setstat(Tag::Attributes(index), &path, &attrs);
            }
        }
    }

    fn folder_set(&mut self, folder: usize, result: Result<Reply, Refusal>) {
        if let Err(refusal) = result {
            let path = self.folder_path(folder);
            let why = format!("its mode and times cannot be kept: {}", refusal.reason());
            self.fault(&path, why);
        }
    }

    /// Begins files and goes on with them, in their order, as long as the node and the channel take
    /// more.
    fn send_files(&mut self, blocks: &mut dyn Blocks) {
        let items: Vec<usize> = self.flowing.iter().copied().collect();
        for item in items {
            if !self.has_room() {
                return;
            }
            self.send_some(item, blocks);
        }
        let most = FILES_MAX.min(self.client.handles_max());
        while !self.cancelled
            && self.has_room()
            && self.active.len() < most
            && self.flying < self.window / 2
            && self.client.flying() < REQUESTS_MAX
        {
            let plan = Rc::clone(&self.plan);
            let Some(next) = plan.items.get(self.next) else {
                return;
            };
            let item = self.next;
            self.next += 1;
            let parent = next.parent.and_then(|parent| self.folders.get(parent));
            if parent == Some(&Made::No) {
                blocks.passed(item);
                continue;
            }
            match &next.what {
                What::File(facts) => {
                    self.begin_file(item, *facts);
                    if !self.how.resume {
                        // It is read while the server opens its copy; what comes of it shows then.
                        drop(blocks.block(item, 0));
                    }
                },
                What::Link(target) => {
                    blocks.passed(item);
                    self.begin_link(item, target);
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
