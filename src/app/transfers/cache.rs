//! Pieces of files between this machine's disk and the nodes: read once, kept until all nodes have
//! sent them. What is kept is bounded, so the fast wait for the slow; not for ever, though: a node
//! that holds up the others for too long is left to read for itself.

use crate::session::sftp::plan::BLOCK;
use crate::session::sftp::upload::Supply;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So much is kept for all nodes of a transfer that is alone, in bytes. The next gets half of it, and
/// so on: all together have twice as much at most, and a little for those that are many.
const ROOM: u64 = 16 << 20;
/// A transfer has at least this.
const ROOM_LEAST: u64 = 512 * 1024;
/// Others wait for a node this long in all, then it has to read for itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// Those that wait for room have a turn when this part of it is free.
const SLACK: u64 = 16;
/// What a piece costs beside its content, in bytes.
const OVERHEAD: u64 = 256;

/// Which nodes, by their number in the transfer.
#[derive(Clone, Debug, Default)]
struct Set(Vec<u64>);

impl Set {
    fn insert(&mut self, node: usize) {
        let word = node / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (node % 64);
        }
    }

    fn remove(&mut self, node: usize) {
        if let Some(bits) = self.0.get_mut(node / 64) {
            *bits &= !(1 << (node % 64));
        }
    }

    fn has(&self, node: usize) -> bool {
        let bits = self.0.get(node / 64).copied().unwrap_or(0);
        bits & (1 << (node % 64)) != 0
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }
}

#[derive(Debug)]
struct Piece {
    /// None: it is being read.
    data: Option<Arc<[u8]>>,
    /// What it counts for.
    size: u64,
    /// Who still needs it.
    needed: Set,
    /// Who has asked for it and waits.
    waiting: Vec<usize>,
    /// Read beyond the bound, for this node.
    extra: Option<usize>,
}

/// What others of the transfer need, for a piece that is about to be read.
pub(super) trait Others {
    /// Who will ask for this piece, beside the asker.
    fn needing(&self, item: usize, block: u64) -> Vec<usize>;
    /// No other node is further behind.
    fn is_last(&self, first_needed: (usize, u64)) -> bool;
}

/// See the module.
#[derive(Debug)]
pub(super) struct Cache {
    /// So much may be kept, in bytes.
    room: u64,
    pieces: BTreeMap<(usize, u64), Piece>,
    held: u64,
    failed: HashMap<usize, String>,
    /// Nodes that may get on now.
    ready: BTreeSet<usize>,
    /// Nodes that wait for room.
    starved: BTreeSet<usize>,
    /// Nodes that read for themselves.
    alone: BTreeSet<usize>,
    waited: Duration,
    looked: Option<Instant>,
}

impl Cache {
    /// An empty one, where so many other transfers are under way.
    pub(super) fn new(others: usize) -> Self {
        let halves = u32::try_from(others).unwrap_or(u32::MAX);
        Self {
            room: ROOM.checked_shr(halves).unwrap_or(0).max(ROOM_LEAST),
            pieces: BTreeMap::new(),
            held: 0,
            failed: HashMap::new(),
            ready: BTreeSet::new(),
            starved: BTreeSet::new(),
            alone: BTreeSet::new(),
            waited: Duration::ZERO,
            looked: None,
        }
    }

    /// A piece for a node. The third part is true if it has to be read now.
    pub(super) fn get(
        &mut self,
        node: usize,
        first_needed: (usize, u64),
        (item, block): (usize, u64),
        size: u64,
        others: &dyn Others,
    ) -> (Supply, bool) {
        self.starved.remove(&node);
        if let Some(why) = self.failed.get(&item) {
            return (Supply::Failed(why.clone()), false);
        }
        if let Some(piece) = self.pieces.get_mut(&(item, block)) {
            if let Some(data) = &piece.data {
                return (Supply::Here(Arc::clone(data)), false);
            }
            if !piece.waiting.contains(&node) {
                piece.waiting.push(node);
            }
            if piece.extra.is_some() {
                piece.needed.insert(node);
            }
            return (Supply::Coming, false);
        }
        let length = size.saturating_sub(block.saturating_mul(BLOCK)).min(BLOCK);
        let cost = length + OVERHEAD;
        let mut extra = None;
        if self.held + cost > self.room {
            // Whoever is last must always get on, else nobody does.
            let alone = self.alone.contains(&node);
            let mut all = self.pieces.values();
            let has = all.any(|piece| piece.extra == Some(node) && piece.needed.has(node));
            if has || !(alone || others.is_last(first_needed)) {
                self.starved.insert(node);
                return (Supply::Coming, false);
            }
            extra = Some(node);
        }
        let mut needed = Set::default();
        needed.insert(node);
        // What is beyond the bound is kept for nobody but those that wait for it.
        let sharing = extra.map_or_else(|| others.needing(item, block), |_| Vec::new());
        for other in sharing {
            if !self.alone.contains(&other) {
                needed.insert(other);
            }
        }
        self.held += cost;
        let piece = Piece {
            data: None,
            size: cost,
            needed,
            waiting: vec![node],
            extra,
        };
        self.pieces.insert((item, block), piece);
        (Supply::Coming, true)
    }

    /// A piece was read, or cannot be. Nodes that wait for it may get on.
    pub(super) fn arrived(&mut self, item: usize, block: u64, data: Result<Arc<[u8]>, String>) {
        let Some(piece) = self.pieces.get_mut(&(item, block)) else {
            return;
        };
        self.ready.extend(piece.waiting.drain(..));
        match data {
            Ok(data) => {
                piece.data = Some(data);
                if piece.needed.is_empty() {
                    self.drop_piece(item, block);
                }
            },
            Err(why) => {
                self.failed.insert(item, why);
                self.drop_piece(item, block);
            },
        }
    }

    fn drop_piece(&mut self, item: usize, block: u64) {
        if let Some(piece) = self.pieces.remove(&(item, block)) {
            self.held -= piece.size;
            if self.held + self.room / SLACK <= self.room {
                self.ready.append(&mut self.starved);
            } else {
                self.ready.extend(piece.extra);
            }
        }
    }

    /// A node has sent a piece.
    pub(super) fn taken(&mut self, node: usize, item: usize, block: u64) {
        if let Some(piece) = self.pieces.get_mut(&(item, block)) {
            piece.needed.remove(node);
            // One that is on its way is dropped when it is there.
            if piece.needed.is_empty() && piece.data.is_some() {
                self.drop_piece(item, block);
            }
        }
    }

    /// A node needs nothing of a file any more.
    pub(super) fn passed(&mut self, node: usize, item: usize) {
        let range = (item, 0)..=(item, u64::MAX);
        let blocks: Vec<u64> = self.pieces.range(range).map(|(key, _)| key.1).collect();
        for block in blocks {
            self.taken(node, item, block);
        }
    }

    /// A node needs nothing at all any more.
    pub(super) fn left(&mut self, node: usize) {
        self.taken_all(node);
        self.ready.remove(&node);
        self.starved.remove(&node);
    }

    /// Nodes that may get on now: each is to have a turn.
    pub(super) fn take_ready(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.ready).into_iter().collect()
    }

    /// Time has passed. A node that holds up the others for too long is left to itself.
    pub(super) fn tick(&mut self, now: Instant) {
        let since = self.looked.replace(now);
        if self.starved.is_empty() {
            self.looked = None;
            return;
        }
        // Whoever was last may have passed somebody meanwhile.
        self.ready.extend(&self.starved);
        self.waited += since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if self.waited < PATIENCE {
            return;
        }
        self.waited = Duration::ZERO;
        let mut owed: HashMap<usize, u64> = HashMap::new();
        for piece in self.pieces.values() {
            for node in 0..piece.needed.0.len() * 64 {
                if piece.needed.has(node) && !self.starved.contains(&node) {
                    *owed.entry(node).or_default() += piece.size;
                }
            }
        }
        for (node, owed) in owed {
            if owed > self.room / 2 {
                self.leave_alone(node);
            }
        }
    }

    /// Nobody waits for a node any more: it reads for itself.
    pub(super) fn leave_alone(&mut self, node: usize) {
        if self.alone.insert(node) {
            self.taken_all(node);
            self.ready.insert(node);
        }
    }

    fn taken_all(&mut self, node: usize) {
        let keys: Vec<(usize, u64)> = self.pieces.keys().copied().collect();
        for (item, block) in keys {
            self.taken(node, item, block);
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everybody needs everything; `last` is the first item that somebody still needs.
    struct All {
        count: usize,
        last: usize,
    }

    impl Others for All {
        fn needing(&self, _: usize, _: u64) -> Vec<usize> {
            (0..self.count).collect()
        }
        fn is_last(&self, first_needed: (usize, u64)) -> bool {
            first_needed.0 <= self.last
        }
    }

    const SIZE: u64 = 1 << 30;

    fn take(cache: &mut Cache, node: usize, block: u64, others: &All) -> bool {
        let at = node;
        match cache.get(node, (at, 0), (0, block), SIZE, others) {
            (Supply::Here(_), _) => {},
            (Supply::Coming, true) => {
                cache.arrived(0, block, Ok(vec![0; 131_072].into()));
            },
            _ => return false,
        }
        cache.taken(node, 0, block);
        true
    }

    #[test]
    fn each_piece_is_read_once_and_the_fast_wait_for_the_slow() {
        let mut cache = Cache::new(0);
        // Node 0 is behind (its first needed item is 0), node 1 ahead.
        let others = All { count: 2, last: 0 };
        let mut ahead = 0;
        while take(&mut cache, 1, ahead, &others) {
            ahead += 1;
        }
        assert!(cache.held() <= ROOM && ahead > 100, "{ahead}");
        cache.take_ready();
        assert_eq!(cache.take_ready(), [0; 0]);
        for block in 0..ahead {
            let (supply, reads) = cache.get(0, (0, 0), (0, block), SIZE, &others);
            assert!(matches!(supply, Supply::Here(_)) && !reads, "{block}");
            cache.taken(0, 0, block);
        }
        assert_eq!(cache.held(), 0);
        assert_eq!(cache.take_ready(), [1]);
    }

    #[test]
    fn who_holds_up_the_others_for_too_long_reads_for_itself() {
        #[expect(clippy::disallowed_methods, reason = "any point in time serves")]
        let now = Instant::now();
        let mut cache = Cache::new(0);
        let others = All { count: 3, last: 0 };
        let mut ahead = 0;
        while take(&mut cache, 1, ahead, &others) {
            assert!(take(&mut cache, 2, ahead, &others));
            ahead += 1;
        }
        cache.tick(now);
        cache.tick(now + PATIENCE / 2);
        assert!(cache.held() > ROOM / 2);
        cache.tick(now + PATIENCE);
        assert_eq!(cache.held(), 0);
        let ready = cache.take_ready();
        assert_eq!(ready, [0, 1]);
        for block in ahead..ahead + 200 {
            assert!(take(&mut cache, 1, block, &others));
            assert!(take(&mut cache, 2, block, &others));
        }
        let alone = All { count: 1, last: 0 };
        for block in 0..ahead {
            assert!(take(&mut cache, 0, block, &alone));
        }
        assert_eq!(cache.held(), 0);
    }

    #[test]
    fn who_is_last_always_gets_on() {
        let mut cache = Cache::new(0);
        let others = All { count: 2, last: 0 };
        let mut ahead = 1000;
        while take(&mut cache, 1, ahead, &others) {
            ahead += 1;
        }
        // What node 0 needs first was never read, and there is no room.
        for block in 0..50 {
            assert!(take(&mut cache, 0, block, &others), "{block}");
            assert!(cache.held() <= ROOM + BLOCK + OVERHEAD, "{block}");
        }
        // Who asks while it is read waits for the same.
        let (first, second) = ((0, 0), (0, 900));
        assert!(matches!(
            cache.get(0, first, second, SIZE, &others),
            (Supply::Coming, true)
        ));
        assert!(matches!(
            cache.get(1, (1, 0), second, SIZE, &others),
            (Supply::Coming, false)
        ));
        cache.take_ready();
        cache.arrived(0, 900, Ok(vec![0; 131_072].into()));
        assert_eq!(cache.take_ready(), [0, 1]);
        cache.taken(0, 0, 900);
        assert!(matches!(
            cache.get(1, (1, 0), second, SIZE, &others),
            (Supply::Here(_), false)
        ));
    }

    #[test]
    fn many_transfers_share_what_there_is() {
        let rooms: Vec<u64> = (0..100).map(|others| Cache::new(others).room).collect();
        assert_eq!(rooms[0], ROOM);
        assert!(rooms[..5].iter().sum::<u64>() < 2 * ROOM);
        assert_eq!(rooms[99], ROOM_LEAST);
        // The least there is will do.
        let mut cache = Cache::new(99);
        let others = All { count: 2, last: 0 };
        let mut ahead = 0;
        while take(&mut cache, 1, ahead, &others) {
            ahead += 1;
        }
        assert!(cache.held() <= ROOM_LEAST && ahead > 1);
        for block in 0..ahead {
            assert!(take(&mut cache, 0, block, &others));
        }
        assert_eq!(cache.take_ready(), [1]);
    }

    #[test]
    fn who_leaves_frees_what_was_kept_for_it() {
        let mut cache = Cache::new(0);
        let others = All { count: 2, last: 0 };
        for block in 0..50 {
            assert!(take(&mut cache, 1, block, &others));
        }
        cache.passed(0, 1);
        assert!(cache.held() > 0);
        cache.passed(0, 0);
        assert_eq!(cache.held(), 0);
        for block in 50..60 {
            assert!(take(&mut cache, 1, block, &others));
        }
        cache.left(0);
        assert_eq!(cache.held(), 0);
    }
}
