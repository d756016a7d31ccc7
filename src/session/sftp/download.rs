//! Bringing files of one node here: wildcards are looked up there, folders walked, and many files read
//! at a time. Where names of the node come in, they are names only: none leads out of its folder.

mod file;
mod walk;

use super::client::{Broken, Client};
use super::packet::Attrs;
use super::plan::{Facts, Fault, How};
use file::{Active, Step};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use walk::{Listing, Look, Pattern};

/// So many files are under way at a time.
const FILES_MAX: usize = 64;
/// So many bytes of a node are asked for at a time.
const WINDOW: u64 = 2 << 20;
/// So many requests.
const REQUESTS_MAX: usize = 256;
/// All nodes of a transfer that is alone have so much asked for or not yet written, in bytes. The next
/// transfer gets half of it, and so on.
const ROOM: i64 = 24 << 20;
/// They write so many files at a time, shared in the same way.
const OPEN_MAX: isize = 128;
/// A transfer has at least this room, and may write so many files.
const LEAST: (i64, isize) = (512 * 1024, 4);

/// A place below the folder that all goes to: names from the outside in.
pub type Place = Vec<Vec<u8>>;

/// What the nodes of a transfer share.
#[derive(Debug)]
pub struct Shared {
    /// How much more may be asked for, in bytes; below 0 where nodes that had nothing asked for went
    /// on nevertheless.
    room: i64,
    /// How many more files may be open here; below 0 where nodes that had none open went on
    /// nevertheless.
    files: isize,
    /// Places that are taken.
    claimed: HashSet<Place>,
    /// There is room where there was none.
    freed: bool,
}

impl Shared {
    /// What there is where so many other transfers are under way.
    pub fn new(others: usize) -> Self {
        let halves = u32::try_from(others).unwrap_or(u32::MAX);
        Self {
            room: ROOM.checked_shr(halves).unwrap_or(0).max(LEAST.0),
            files: OPEN_MAX.checked_shr(halves).unwrap_or(0).max(LEAST.1),
            claimed: HashSet::new(),
            freed: false,
        }
    }

    fn give_back(&mut self, count: u64) {
        self.room = self.room.saturating_add_unsigned(count);
        self.freed = true;
    }

    /// Whether something became free since the last call: those that wait may get on.
    pub fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }
}

/// What has to be done here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Make a folder of this mode. [`Download::made`]
    Folder(Place, u32),
    /// Give it its mode and times. [`Download::made`]
    FolderFacts(Place, Facts),
    /// Make a link. [`Download::made`]
    Link(Place, Vec<u8>),
    /// Open a file for writing. [`Download::created`]
    Create {
        /// Which.
        file: usize,
        /// Where it grows.
        place: Place,
        /// The name for that, if there is one already.
        spare: Vec<u8>,
        /// Its permissions.
        mode: u32,
        /// One that is there is gone on with.
        resume: bool,
    },
    /// Write a piece of it. [`Download::written`]
    Write(usize, u64, Vec<u8>),
    /// Compare it with what is at this path of the node. [`Download::compared`]
    Compare(usize, Vec<u8>),
    /// It is whole, and of this size: give it its name. [`Download::named`]
    Name {
        /// Which.
        file: usize,
        /// How long it must be, in bytes.
        size: u64,
        /// Its name.
        name: Vec<u8>,
        /// Its mode and times, if they are to be kept.
        facts: Option<Facts>,
    },
    /// It will not be whole: remove it, or keep what there is.
    Leave(usize, bool),
}

/// What a request is for.
#[derive(Clone, Copy, Debug)]
enum Tag {
    Look(usize),
    Listing(usize),
    File(usize, Step),
    /// Nobody waits for the answer's content.
    Tidy,
}

/// A file that is to be read.
#[derive(Debug)]
struct Wanted {
    path: Vec<u8>,
    place: Place,
    attrs: Attrs,
}

/// See the module.
#[derive(Debug)]
pub struct Download {
    client: Client<Tag>,
    how: How,
    deep: bool,
    /// The node's name, as names of files here have it.
    node: Vec<u8>,
    salt: u64,
    patterns: Vec<Pattern>,
    begun: bool,
    last: usize,
    looks: HashMap<usize, Look>,
    to_list: VecDeque<Listing>,
    /// Folders that are being made here. What is in them comes after, so that nothing else makes them,
    /// with another mode.
    unmade: HashMap<Place, Listing>,
    listings: HashMap<usize, Listing>,
    /// How many names were listed.
    seen: usize,
    /// That rests of copies are left out was told.
    told_part: bool,
    wanted: VecDeque<Wanted>,
    active: BTreeMap<usize, Active>,
    /// Bytes that were asked for, and not yet written.
    flying: u64,
    /// Folders and links that are being made here.
    making: usize,
    folder_facts: Vec<(Place, Facts)>,
    ending: bool,
    done: bool,
    faults: Vec<Fault>,
    wishes: Vec<Wish>,
    moved: u64,
    size: u64,
    whole: usize,
}

impl Download {
    /// All files that `patterns` name, on a channel that was just opened.
    pub fn new(patterns: Vec<Vec<u8>>, deep: bool, how: How, node: Vec<u8>, salt: u64) -> Self {
        Self {
            client: Client::new(),
            how,
            deep,
            node,
            salt,
            patterns: patterns.into_iter().map(Pattern::new).collect(),
            begun: false,
            last: 0,
            looks: HashMap::new(),
            to_list: VecDeque::new(),
            unmade: HashMap::new(),
            listings: HashMap::new(),
            seen: 0,
            told_part: false,
            wanted: VecDeque::new(),
            active: BTreeMap::new(),
            flying: 0,
            making: 0,
            folder_facts: Vec::new(),
            ending: false,
            done: false,
            faults: Vec::new(),
            wishes: Vec::new(),
            moved: 0,
            size: 0,
            whole: 0,
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

    /// The server has greeted.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> usize {
        self.client.flying()
    }

    /// All that could be done is done.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// What failed since the last call.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// What has to be done here, in this order for each file.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    /// How much content was written here, in bytes.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// How much content is known of so far, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many files are whole and under their names.
    pub fn whole(&self) -> usize {
        self.whole
    }

    /// Takes what the server has sent.
    ///
    /// # Errors
    /// The channel is of no more use.
    pub fn receive(&mut self, bytes: &[u8], shared: &mut Shared) -> Result<(), Broken> {
        self.client.receive(bytes)?;
        if !self.begun && self.client.is_ready() {
            self.begun = true;
            self.look_up_patterns();
        }
        while let Some((tag, result)) = self.client.reply() {
            match tag {
                Tag::Look(look) => self.looked(look, result, shared),
                Tag::Listing(listing) => self.listed(listing, result)?,
                Tag::File(file, step) => self.answered(file, step, result, shared),
                Tag::Tidy => {},
            }
        }
        self.turn(shared);
        Ok(())
    }

    /// Does all that can be done without waiting.
    pub fn turn(&mut self, shared: &mut Shared) {
        if !self.begun || self.done {
            return;
        }
        self.list_some();
        self.read_files(shared);
        let idle = self.looks.is_empty()
            && self.to_list.is_empty()
            && self.listings.is_empty()
            && self.wanted.is_empty()
            && self.active.is_empty()
            && self.making == 0;
        if idle && !std::mem::replace(&mut self.ending, true) {
            // The inner ones first: what changes in a folder changes its time.
            while let Some((place, facts)) = self.folder_facts.pop() {
                self.making += 1;
                self.wishes.push(Wish::FolderFacts(place, facts));
            }
        }
        self.done = self.ending && self.making == 0;
    }

    /// Ends it: what is not whole is removed, unless it is to be gone on with.
    pub fn cancel(&mut self, shared: &mut Shared) {
        let files: Vec<usize> = self.active.keys().copied().collect();
        for file in files {
            self.leave(file, self.how.resume, shared);
        }
        shared.give_back(self.flying);
        self.flying = 0;
        self.done = true;
    }

    fn fault(&mut self, path: &[u8], why: impl Into<String>) {
        self.faults.push(Fault {
            path: path.to_vec(),
            why: why.into(),
            here: false,
            mild: false,
        });
    }

    fn number(&mut self) -> usize {
        self.last += 1;
        self.last
    }

    /// A folder or link was made here, or could not be.
    pub fn made(&mut self, place: &Place, result: Result<(), String>, shared: &mut Shared) {
        self.making = self.making.saturating_sub(1);
        let listing = self.unmade.remove(place);
        if result.is_ok() {
            self.to_list.extend(listing);
        } else if listing.is_some() {
            self.folder_facts.retain(|(other, _)| other != place);
        }
        if let Err(why) = result {
            let path = place.join(&b'/');
            self.fault(&path, why);
        }
        self.turn(shared);
    }

    /// Begins files and goes on with them, as long as there is room.
    fn read_files(&mut self, shared: &mut Shared) {
        let files: Vec<usize> = self.active.keys().copied().collect();
        for file in files {
            if !self.may_read(shared) {
                break;
            }
            self.read_some(file, shared);
        }
        let most = FILES_MAX.min(self.client.handles_max().saturating_sub(8).max(1));
        while self.active.len() < most
            && self.may_open(shared)
            && self.may_read(shared)
            && self.flying < WINDOW / 2
        {
            let Some(wanted) = self.wanted.pop_front() else {
                return;
            };
            shared.files -= 1;
            self.begin_file(wanted);
        }
    }

    /// Nobody takes more than is left to the others, so nodes that do not answer leave something; and
    /// who has nothing open always gets on.
    fn may_open(&self, shared: &Shared) -> bool {
        let own = isize::try_from(self.active.len()).unwrap_or(isize::MAX);
        own == 0 || own < shared.files
    }

    fn may_read(&self, shared: &Shared) -> bool {
        let some = shared.room > 0 || self.flying == 0;
        some && self.flying < WINDOW && self.client.flying() < REQUESTS_MAX
    }
}

#[cfg(test)]
mod tests;
