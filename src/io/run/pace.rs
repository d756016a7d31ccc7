//! A flood comes in pieces as small as the node's terminal makes them, and a turn of the loop costs as
//! much for a small piece as for a large one. So in a flood the pieces are left to gather.

use std::time::{Duration, Instant};

/// So long they gather: too short to be seen, and long enough for a dozen pieces.
pub(super) const REST: Duration = Duration::from_millis(1);
/// Output that nothing interrupted is a flood from here on, in bytes: answers of a thousand nodes to
/// a short command are none.
const FLOOD: usize = 512 * 1024;
/// After so long without output the next is no part of it.
const PAUSE: Duration = Duration::from_millis(5);
/// What brings so much in one turn, in bytes, is fast enough to fill its socket while one rests.
const LARGE: usize = 128 * 1024;

/// How output flows.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    /// Bytes without a pause.
    flowed: usize,
}

impl Pace {
    /// A turn at `now` brought so many bytes from nodes. True if the next had better wait for
    /// [`REST`].
    pub(super) fn turn(&mut self, now: Instant, bytes: usize) -> bool {
        if bytes == 0 {
            return false;
        }
        let last = self.last.replace(now);
        if last.is_none_or(|last| now.saturating_duration_since(last) > PAUSE) {
            self.flowed = 0;
        }
        self.flowed = self.flowed.saturating_add(bytes);
        self.flowed >= FLOOD && bytes < LARGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_pieces_of_a_flood_gather() {
        let mut pace = Pace::default();
        let start = crate::io::clock::now();
        let at = |micros: u64| start + Duration::from_micros(micros);
        for n in 0..127 {
            assert!(!pace.turn(at(n * 50), 4096), "{n}: no flood yet");
        }
        assert!(pace.turn(at(6400), 4096));
        assert!(!pace.turn(at(6450), 0), "nothing came");
        assert!(!pace.turn(at(6500), LARGE), "worth its turn");
        assert!(pace.turn(at(6550), 100));
        // A pause: what comes then is an answer to somebody.
        assert!(!pace.turn(at(20_000), 100));
        assert!(!pace.turn(at(20_050), 100));
    }

    #[test]
    fn a_steady_trickle_is_no_flood() {
        let mut pace = Pace::default();
        let start = crate::io::clock::now();
        for n in 0..10_000 {
            assert!(!pace.turn(start + Duration::from_millis(n * 6), 4096));
        }
    }
}
