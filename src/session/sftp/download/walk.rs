//! What there is on a node: wildcards are looked up and folders walked, a few at a time, and only as far
//! ahead of the reading as memory allows.

use super::super::client::{Broken, Handle, Refusal, Reply};
use super::super::packet::{Attrs, Code, FileType};
use super::super::pattern::{fits, is_wild};
use super::super::plan::{Facts, Fault, is_part_name, join, name};
use super::{Download, Place, Shared, Tag, Wanted, Wish};
use std::collections::VecDeque;

/// So many folders are listed at a time.
const LISTINGS_MAX: usize = 8;
/// While so many files wait to be read, no more folders are listed.
const WAITING_MAX: usize = 2000;
/// So deep are folders entered: a server may invent them.
const DEPTH_MAX: usize = 128;
/// So many names are taken from a node.
const NAMES_MAX: usize = 2_000_000;
/// A longer name is none, in bytes.
const NAME_MAX: usize = 255;
/// A longer path is none.
const PATH_MAX: usize = 4096;

/// What a person named.
#[derive(Debug)]
pub(super) struct Pattern {
    text: Vec<u8>,
    /// Lookups under way.
    open: usize,
    found: usize,
}

impl Pattern {
    pub(super) fn new(text: Vec<u8>) -> Self {
        Self {
            text,
            open: 0,
            found: 0,
        }
    }
}

/// What a path is looked at for.
#[derive(Debug)]
pub(super) enum Look {
    /// A pattern may be a file's name.
    Literal(usize),
    /// It fits a pattern; its last name was listed.
    Match(usize, Vec<u8>, bool),
    /// A folder's entry of which the server did not tell what it is.
    Entry(Vec<u8>, Place, usize),
    /// Where a link leads.
    Link(Vec<u8>, Place),
}

#[derive(Debug)]
enum For {
    /// What fits the first of these names goes on with the others.
    Pattern(usize, Vec<Vec<u8>>),
    /// All of it goes there.
    Copy(Place, usize),
}

/// A folder that is listed.
#[derive(Debug)]
pub(super) struct Listing {
    path: Vec<u8>,
    for_what: For,
    handle: Option<Handle>,
    /// Names that were listed, and not yet looked at.
    names: VecDeque<(Vec<u8>, Attrs)>,
}

/// The facts in attributes.
pub(super) fn facts(attrs: &Attrs) -> Facts {
    let (accessed, modified) = attrs.times.unwrap_or((0, 0));
    Facts {
        size: attrs.size.unwrap_or(0),
        mode: attrs.mode.unwrap_or(0o644) & 0o7777,
        accessed: accessed.into(),
        modified: modified.into(),
        nanos: 0,
    }
}

impl Download {
    pub(super) fn look_up_patterns(&mut self) {
        for pattern in 0..self.patterns.len() {
            let path = self.patterns.get(pattern).map(|p| p.text.clone());
            self.look(&path.unwrap_or_default(), true, Look::Literal(pattern));
        }
    }

    fn look(&mut self, path: &[u8], follow: bool, look: Look) {
        let number = self.number();
        self.looks.insert(number, look);
        self.client.stat(Tag::Look(number), path, follow);
    }

    /// It is known what a path leads to.
    pub(super) fn looked(
        &mut self,
        look: usize,
        result: Result<Reply, Refusal>,
        shared: &mut Shared,
    ) {
        let Some(look) = self.looks.remove(&look) else {
            return;
        };
        match (look, result) {
            (Look::Literal(pattern), Ok(Reply::Attrs(attrs))) => {
                let path = self.patterns.get(pattern).map(|p| p.text.clone());
                self.named(&path.unwrap_or_default(), &attrs, shared);
            },
            (Look::Literal(pattern), Err(refusal)) => {
                let path = self.patterns.get(pattern).map(|p| p.text.clone());
                let path = path.unwrap_or_default();
                if refusal.code == Code::NoSuchFile && is_wild(&path) {
                    self.expand(pattern, &path);
                } else {
                    self.fault(&path, refusal.reason());
                }
            },
            (Look::Match(pattern, path, listed), result) => {
                // Of what only might be there, nothing is said if it is not; a link that leads nowhere
                // was seen.
                let refused = |refusal: &Refusal| listed || refusal.code != Code::NoSuchFile;
                let found = result.as_ref().map_or_else(refused, |_| true);
                if let Some(pattern) = self.patterns.get_mut(pattern)
                    && found
                {
                    pattern.found += 1;
                }
                match result {
                    Ok(Reply::Attrs(attrs)) => self.named(&path, &attrs, shared),
                    Err(refusal) if found => self.fault(&path, refusal.reason()),
                    _ => {},
                }
                self.pattern_closed(pattern);
            },
            (Look::Entry(path, place, depth), Ok(Reply::Attrs(attrs))) => {
                self.entry(path, place, &attrs, depth);
            },
            (Look::Link(_, place), Ok(Reply::Names(names))) if names.len() == 1 => {
                let to = names.into_iter().next().map(|(to, _)| to);
                self.making += 1;
                self.wishes.push(Wish::Link(place, to.unwrap_or_default()));
            },
            (Look::Entry(path, ..) | Look::Link(path, _), Err(refusal)) => {
                self.fault(&path, refusal.reason());
            },
            (Look::Entry(path, ..) | Look::Link(path, _), Ok(_)) => {
                self.fault(&path, "its server does not say what it is");
            },
            (Look::Literal(_), Ok(_)) => {},
        }
    }

    /// Looks up what fits a pattern.
    fn expand(&mut self, pattern: usize, path: &[u8]) {
        let base: &[u8] = if path.starts_with(b"/") { b"/" } else { b"." };
        let parts = path.split(|byte| *byte == b'/');
        let parts: Vec<Vec<u8>> = parts
            .filter(|p| !p.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        self.expand_in(pattern, base.to_vec(), &parts);
    }

    /// Goes on from a folder, or from a name that was listed and is the whole path.
    fn expand_in(&mut self, pattern: usize, mut base: Vec<u8>, parts: &[Vec<u8>]) {
        let listed = parts.is_empty();
        if let Some(pattern) = self.patterns.get_mut(pattern) {
            pattern.open += 1;
        }
        let mut parts = parts;
        while let Some((first, rest)) = parts.split_first() {
            if is_wild(first) {
                self.to_list.push_back(Listing {
                    path: base,
                    for_what: For::Pattern(pattern, parts.to_vec()),
                    handle: None,
                    names: VecDeque::new(),
                });
                return;
            }
            base = join(&base, first);
            parts = rest;
        }
        let path = base.clone();
        self.look(&path, true, Look::Match(pattern, base, listed));
    }

    fn pattern_closed(&mut self, pattern: usize) {
        let Some(pattern) = self.patterns.get_mut(pattern) else {
            return;
        };
        pattern.open -= 1;
        if pattern.open == 0 && pattern.found == 0 {
            let text = pattern.text.clone();
            self.fault(&text, "nothing there fits");
        }
    }

    /// A file or folder that a person named.
    fn named(&mut self, path: &[u8], attrs: &Attrs, shared: &mut Shared) {
        let end = path
            .iter()
            .rposition(|byte| *byte != b'/')
            .map_or(0, |at| at + 1);
        let last = name(path.get(..end).unwrap_or_default());
        let nameless = matches!(last, b"" | b"." | b"..");
        let place: Place = match (self.deep, nameless) {
            (true, true) => vec![self.node.clone()],
            (true, false) => vec![self.node.clone(), last.to_vec()],
            (false, _) => vec![[last, b".", &self.node].concat()],
        };
        match attrs.file_type() {
            Some(FileType::Folder) if !self.deep => {
                self.fault(path, "it is a folder; -r copies it");
                return;
            },
            Some(FileType::Folder) => {},
            Some(FileType::File) | None => {},
            Some(FileType::Link | FileType::Other) => {
                self.fault(path, "it is neither a file nor a folder");
                return;
            },
        }
        let inside = place.iter().all(|part| is_name(part));
        if !inside {
            self.fault(path, "there can be no such name here");
            return;
        }
        if !shared.claimed.insert(place.clone()) {
            let place = String::from_utf8_lossy(&place.join(&b'/')).into_owned();
            self.fault(path, format!("another file was copied to {place}"));
            return;
        }
        self.entry(path.to_vec(), place, attrs, 0);
    }

    /// Something that is to be copied to a place.
    fn entry(&mut self, path: Vec<u8>, place: Place, attrs: &Attrs, depth: usize) {
        match attrs.file_type() {
            Some(FileType::File) | None => {
                self.size = self.size.saturating_add(attrs.size.unwrap_or(0));
                let attrs = *attrs;
                self.wanted.push_back(Wanted { path, place, attrs });
            },
            Some(FileType::Folder) if depth >= DEPTH_MAX => {
                self.fault(&path, "the folders are too deep");
            },
            Some(FileType::Folder) => {
                let facts = facts(attrs);
                self.making += 1;
                self.wishes.push(Wish::Folder(place.clone(), facts.mode));
                if self.how.keep {
                    self.folder_facts.push((place.clone(), facts));
                }
                let listing = Listing {
                    path,
                    for_what: For::Copy(place.clone(), depth),
                    handle: None,
                    names: VecDeque::new(),
                };
                self.unmade.insert(place, listing);
            },
            Some(FileType::Link) => {
                let number = self.number();
                self.client.readlink(Tag::Look(number), &path);
                self.looks.insert(number, Look::Link(path, place));
            },
            Some(FileType::Other) => self.faults.push(Fault {
                path,
                why: "left out: neither a file, a folder nor a link".to_owned(),
                here: false,
                mild: true,
            }),
        }
    }

    /// More may be found.
    fn may_list(&self) -> bool {
        self.wanted.len() + self.looks.len() < WAITING_MAX
    }

    /// Lists some more, if what was listed is not too much already.
    pub(super) fn list_some(&mut self) {
        let held: Vec<usize> = self
            .listings
            .iter()
            .filter(|(_, listing)| !listing.names.is_empty())
            .map(|(number, _)| *number)
            .collect();
        for number in held {
            if !self.may_list() {
                return;
            }
            if let Some(listing) = self.listings.remove(&number) {
                self.list_on(number, listing);
            }
        }
        while self.listings.len() < LISTINGS_MAX && self.may_list() {
            let Some(listing) = self.to_list.pop_front() else {
                return;
            };
            let number = self.number();
            self.client.opendir(Tag::Listing(number), &listing.path);
            self.listings.insert(number, listing);
        }
    }

    /// An answer about a folder.
    pub(super) fn listed(
        &mut self,
        number: usize,
        result: Result<Reply, Refusal>,
    ) -> Result<(), Broken> {
        let Some(mut listing) = self.listings.remove(&number) else {
            return Ok(());
        };
        match result {
            Ok(Reply::Handle(handle)) => {
                self.client.readdir(Tag::Listing(number), &handle);
                listing.handle = Some(handle);
                self.listings.insert(number, listing);
            },
            Ok(Reply::Names(names)) if !names.is_empty() => {
                self.seen += names.len();
                if self.seen > NAMES_MAX {
                    return Err(Broken(format!("it lists more than {NAMES_MAX} names")));
                }
                listing.names.extend(names);
                self.list_on(number, listing);
            },
            // No names are the end, too: else they would be asked for for ever.
            Ok(_) | Err(_) => {
                if let Some(handle) = &listing.handle {
                    self.client.close(Tag::Tidy, handle);
                }
                match (listing.for_what, result) {
                    (For::Pattern(pattern, _), result) => {
                        // Of `*/x`, what is no folder was asked, too: that is refused in either of two ways.
                        if let Err(refusal) = &result
                            && !matches!(refusal.code, Code::NoSuchFile | Code::Failure)
                        {
                            if let Some(pattern) = self.patterns.get_mut(pattern) {
                                pattern.found += 1;
                            }
                            let why = format!("it cannot be listed: {}", refusal.reason());
                            self.fault(&listing.path, why);
                        }
                        self.pattern_closed(pattern);
                    },
                    (For::Copy(..), Err(refusal)) => {
                        let why = format!("it cannot be listed: {}", refusal.reason());
                        self.fault(&listing.path, why);
                    },
                    (For::Copy(..), Ok(_)) => {},
                }
            },
        }
        Ok(())
    }

    /// Looks at names of a folder as long as what they lead to can wait; then asks for more of them.
    fn list_on(&mut self, number: usize, mut listing: Listing) {
        while self.may_list()
            && let Some((name, attrs)) = listing.names.pop_front()
        {
            self.listed_name(&listing, &name, &attrs);
        }
        if listing.names.is_empty()
            && let Some(handle) = &listing.handle
        {
            self.client.readdir(Tag::Listing(number), handle);
        }
        self.listings.insert(number, listing);
    }

    fn listed_name(&mut self, listing: &Listing, name: &[u8], attrs: &Attrs) {
        if matches!(name, b"." | b"..") {
            return;
        }
        let path = join(&listing.path, name);
        if !is_name(name) {
            self.fault(&path, "its server lists a name that is none");
            return;
        }
        if path.len() > PATH_MAX {
            self.fault(&path, "its path is too long");
            return;
        }
        match &listing.for_what {
            For::Pattern(pattern, parts) => {
                let Some((first, rest)) = parts.split_first() else {
                    return;
                };
                if fits(first, name) {
                    self.expand_in(*pattern, path, rest);
                }
            },
            For::Copy(..) if is_part_name(name) => {
                if !std::mem::replace(&mut self.told_part, true) {
                    self.faults.push(Fault {
                        path,
                        why: "left out, as all that copies have left".to_owned(),
                        here: false,
                        mild: true,
                    });
                }
            },
            For::Copy(place, depth) => {
                let mut place = place.clone();
                place.push(name.to_vec());
                match attrs.file_type() {
                    None => {
                        let look = Look::Entry(path.clone(), place, depth + 1);
                        self.look(&path, false, look);
                    },
                    Some(_) => self.entry(path, place, attrs, depth + 1),
                }
            },
        }
    }
}

/// A name that stays in its folder.
fn is_name(name: &[u8]) -> bool {
    let special = matches!(name, b"" | b"." | b"..");
    !special && name.len() <= NAME_MAX && !name.contains(&b'/') && !name.contains(&0)
}
