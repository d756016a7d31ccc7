//! Keeps many outputs that have much in common: what is equal from the start is kept once.
//!
//! A tree of trunks: the first output is a trunk; where another one differs, a new trunk begins
//! there. Equal outputs are at the same place, so comparing them costs nothing, and a thousand nodes
//! that print the same file need the memory of one.

use std::borrow::Cow;

/// An output: it goes along a trunk (and the trunks below it), up to `len` bytes from the root. Two
/// outputs are equal if and only if their places are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    trunk: usize,
    /// The length of the output in bytes.
    pub(super) len: usize,
}

#[derive(Debug)]
struct Trunk {
    /// The trunk that this one grows out of, at `from`; the root has none.
    parent: Option<usize>,
    /// How many bytes the output has before this trunk's.
    from: usize,
    bytes: Vec<u8>,
    /// Trunks that grow out of this one: at one offset, each begins with another byte, and none
    /// with this trunk's own byte there.
    children: Vec<usize>,
}

impl Trunk {
    fn end(&self) -> usize {
        self.from + self.bytes.len()
    }
}

#[derive(Debug)]
pub(super) struct Trie {
    trunks: Vec<Trunk>,
    size: usize,
}

impl Trie {
    pub(super) fn new() -> Self {
        let root = Trunk {
            parent: None,
            from: 0,
            bytes: Vec::new(),
            children: Vec::new(),
        };
        Self {
            trunks: vec![root],
            size: 0,
        }
    }

    /// The place of an empty output.
    pub(super) fn start(&self) -> Place {
        Place { trunk: 0, len: 0 }
    }

    /// How many bytes are kept.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Goes on from `place` as far as `bytes` are known; the rest, which is not.
    pub(super) fn follow<'a>(&self, place: &mut Place, mut bytes: &'a [u8]) -> &'a [u8] {
        loop {
            let trunk = &self.trunks[place.trunk];
            let known = trunk
                .bytes
                .get(place.len - trunk.from..)
                .unwrap_or_default();
            let same = common(known, bytes);
            place.len += same;
            bytes = &bytes[same..];
            let Some(first) = bytes.first() else {
                return bytes;
            };
            let next = trunk.children.iter().copied().find(|child| {
                let child = &self.trunks[*child];
                child.from == place.len && child.bytes.first() == Some(first)
            });
            match next {
                Some(next) => place.trunk = next,
                None => return bytes,
            }
        }
    }

    /// Adds `new` behind `place`: what [`follow`](Self::follow) left over.
    pub(super) fn add(&mut self, place: &mut Place, new: &[u8]) {
        if new.is_empty() {
            return;
        }
        if place.len < self.trunks[place.trunk].end() {
            let child = self.trunks.len();
            let (parent, from) = (Some(place.trunk), place.len);
            self.trunks.push(Trunk {
                parent,
                from,
                bytes: Vec::new(),
                children: Vec::new(),
            });
            self.trunks[place.trunk].children.push(child);
            place.trunk = child;
        }
        self.trunks[place.trunk].bytes.extend_from_slice(new);
        self.size += new.len();
        place.len += new.len();
    }

    /// The output at `place`.
    pub(super) fn text(&self, place: Place) -> Cow<'_, [u8]> {
        let trunk = &self.trunks[place.trunk];
        if trunk.parent.is_none() {
            return Cow::Borrowed(&trunk.bytes[..place.len]);
        }
        let mut parts = Vec::new();
        let (mut at, mut end) = (place.trunk, place.len);
        loop {
            let trunk = &self.trunks[at];
            parts.push(&trunk.bytes[..end - trunk.from]);
            end = trunk.from;
            match trunk.parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        parts.reverse();
        Cow::Owned(parts.concat())
    }

    /// Frees what no output in `places` has.
    pub(super) fn keep_only(&mut self, places: &[Place]) {
        let mut needed = vec![0; self.trunks.len()];
        for place in places {
            needed[place.trunk] = place.len.max(needed[place.trunk]);
        }
        // Children come after their parents in the list.
        for at in (0..self.trunks.len()).rev() {
            let keep = needed[at].saturating_sub(self.trunks[at].from);
            let trunk = &mut self.trunks[at];
            self.size -= trunk.bytes.len().saturating_sub(keep);
            trunk.bytes.truncate(keep);
            trunk.bytes.shrink_to_fit();
            let (from, parent) = (trunk.from, trunk.parent);
            let Some(parent) = parent else { continue };
            if keep == 0 {
                self.trunks[parent].children.retain(|child| *child != at);
            } else {
                needed[parent] = needed[parent].max(from);
            }
        }
    }
}

/// How many bytes `a` and `b` have in common from the start.
fn common(a: &[u8], b: &[u8]) -> usize {
    const BLOCK: usize = 256;
    let len = a.len().min(b.len());
    let mut at = 0;
    while at + BLOCK <= len && a[at..at + BLOCK] == b[at..at + BLOCK] {
        at += BLOCK;
    }
    at + a[at..len]
        .iter()
        .zip(&b[at..len])
        .take_while(|(x, y)| x == y)
        .count()
}
