//! What was printed while nobody looked.

/// So much of it is kept, in bytes.
const KEPT_MAX: usize = 1 << 20;
/// So much more may be there before the oldest lines go: they go many at a time.
const SLACK: usize = KEPT_MAX / 4;

/// The newest lines.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// How many lines before them are gone.
    dropped: u64,
}

impl Kept {
    /// Takes these bytes in; none are left.
    pub(super) fn take_in(&mut self, bytes: &mut Vec<u8>) {
        if self.bytes.is_empty() && bytes.len() <= KEPT_MAX {
            self.bytes = std::mem::take(bytes);
            return;
        }
        self.bytes.append(bytes);
        let excess = self.bytes.len().saturating_sub(KEPT_MAX);
        if excess <= SLACK {
            return;
        }
        let old = self.bytes.get(excess..).unwrap_or_default();
        let cut = memchr::memchr(b'\n', old).map_or(self.bytes.len(), |at| excess + at + 1);
        let gone = self.bytes.get(..cut).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', gone).count();
        self.dropped += u64::try_from(lines).unwrap_or(u64::MAX);
        self.bytes.drain(..cut);
    }

    /// All of it, to be shown now: first how much is missing.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        let kept = std::mem::take(self);
        if kept.dropped == 0 {
            return kept.bytes;
        }
        let mut all = format!("[{} earlier lines were not kept]\n", kept.dropped).into_bytes();
        all.extend(kept.bytes);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_as_it_is() {
        let mut kept = Kept::default();
        for piece in ["one\ntw", "o\n", ""] {
            let mut bytes = piece.as_bytes().to_vec();
            kept.take_in(&mut bytes);
            assert!(bytes.is_empty());
        }
        assert_eq!(kept.take_out(), b"one\ntwo\n");
        assert_eq!(kept.take_out(), b"");
    }

    #[test]
    fn the_oldest_lines_go_and_are_counted() {
        let mut kept = Kept::default();
        for n in 0..500_000 {
            kept.take_in(&mut format!("line {n}\n").into_bytes());
        }
        assert!(kept.bytes.capacity() <= 4 * KEPT_MAX);
        let all = String::from_utf8(kept.take_out()).unwrap();
        assert!(all.len() <= KEPT_MAX + SLACK + 100);
        let mut lines = all.lines();
        let dropped: usize = lines
            .next()
            .and_then(|line| line.strip_prefix('['))
            .and_then(|line| line.strip_suffix(" earlier lines were not kept]"))
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(lines.next().unwrap(), format!("line {dropped}"));
        assert_eq!(lines.count(), 500_000 - dropped - 1);
    }

    #[test]
    fn a_line_that_is_longer_than_all_is_bounded_too() {
        let mut kept = Kept::default();
        for _ in 0..40 {
            kept.take_in(&mut vec![b'x'; 100_000]);
        }
        assert!(kept.bytes.len() <= KEPT_MAX + SLACK);
    }
}
