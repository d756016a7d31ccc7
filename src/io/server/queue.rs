//! What one client is still to be sent. Frames are dropped as a whole or not at all.

use crate::wire::{DATA_MAX, ToClient, data_head, output_head};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Write as _};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

/// The longest body of a frame of output, in bytes.
const BODY: usize = DATA_MAX / 2;
/// So many pieces are given to the kernel at once.
const PIECES: usize = 32;

#[derive(Debug)]
struct Piece {
    bytes: Rc<Vec<u8>>,
    range: Range<usize>,
    /// A frame ends with it.
    ends: bool,
}

/// The queue of one client. Output is shared with the others that are shown it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Piece>,
    /// Bytes in all pieces.
    length: usize,
    /// A part of the first frame is sent.
    begun: bool,
}

impl Queue {
    fn push(&mut self, bytes: Rc<Vec<u8>>, range: Range<usize>, ends: bool) {
        self.length += range.len();
        self.pieces.push_back(Piece { bytes, range, ends });
    }

    /// Queues bytes for the terminal.
    pub(super) fn output(&mut self, bytes: &Rc<Vec<u8>>) {
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min(from + BODY);
            let head = output_head(to - from).to_vec();
            let length = head.len();
            self.push(Rc::new(head), 0..length, false);
            self.push(Rc::clone(bytes), from..to, true);
            from = to;
        }
    }

    /// Queues bytes that came from a channel, or its standard error.
    pub(super) fn data(&mut self, errors: bool, bytes: Vec<u8>) {
        let (head, length) = (data_head(errors, bytes.len()), bytes.len());
        self.push(Rc::new(head.to_vec()), 0..head.len(), false);
        self.push(Rc::new(bytes), 0..length, true);
    }

    /// Queues bytes that stand before all frames.
    pub(super) fn hello(&mut self, bytes: Vec<u8>) {
        let length = bytes.len();
        self.push(Rc::new(bytes), 0..length, true);
    }

    /// Queues a message.
    pub(super) fn message(&mut self, message: &ToClient<'_>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.hello(bytes);
    }

    /// How much is queued, in bytes.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Forgets what is not begun to be sent.
    pub(super) fn clear(&mut self) {
        let keep = if self.begun {
            let first = self.pieces.iter().position(|piece| piece.ends);
            first.map_or(0, |at| at + 1)
        } else {
            0
        };
        self.pieces.truncate(keep);
        self.length = self.pieces.iter().map(|piece| piece.range.len()).sum();
    }

    /// Sends what the socket takes now; how much that was. An error means that nobody is there.
    pub(super) fn flush(&mut self, mut to: &UnixStream) -> io::Result<usize> {
        let mut sent = 0;
        while !self.pieces.is_empty() {
            let slices: Vec<IoSlice<'_>> = self
                .pieces
                .iter()
                .take(PIECES)
                .map(|piece| IoSlice::new(piece.bytes.get(piece.range.clone()).unwrap_or_default()))
                .collect();
            match to.write_vectored(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.sent(count);
                    sent += count;
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn sent(&mut self, count: usize) {
        let mut left = count;
        self.length -= count.min(self.length);
        while let Some(piece) = self.pieces.front_mut().filter(|_| left > 0) {
            let taken = left.min(piece.range.len());
            piece.range.start += taken;
            left -= taken;
            self.begun = true;
            if piece.range.is_empty() {
                self.begun = !piece.ends;
                self.pieces.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Frames;
    use std::io::Read as _;

    fn pair() -> (UnixStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (ours, theirs)
    }

    /// All output that can be read, and whether a frame is left half read.
    fn read(from: &mut UnixStream, frames: &mut Frames) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(count @ 1..) = from.read(frames.room()) {
            frames.filled(count);
            while let Some((kind, body)) = frames.next_frame().unwrap() {
                match ToClient::decode(kind, body).unwrap() {
                    ToClient::Output(bytes) => all.extend_from_slice(bytes),
                    other => panic!("{other:?}"),
                }
            }
        }
        all
    }

    #[test]
    fn what_is_queued_arrives_also_through_a_socket_that_is_full() {
        let (ours, mut theirs) = pair();
        let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let mut queue = Queue::default();
        queue.output(&Rc::new(bytes.clone()));
        assert!(queue.len() > bytes.len());
        let (mut got, mut frames) = (Vec::new(), Frames::new());
        while !queue.is_empty() {
            queue.flush(&ours).unwrap();
            got.extend(read(&mut theirs, &mut frames));
        }
        assert_eq!(queue.len(), 0);
        assert!(got == bytes);
    }

    #[test]
    fn what_is_dropped_is_whole_frames() {
        let (ours, mut theirs) = pair();
        let mut queue = Queue::default();
        queue.output(&Rc::new(vec![b'a'; 2_000_000]));
        queue.flush(&ours).unwrap();
        queue.clear();
        assert!(
            !queue.is_empty(),
            "the frame that was begun is sent to its end"
        );
        queue.output(&Rc::new(b"end".to_vec()));
        let (mut got, mut frames) = (Vec::new(), Frames::new());
        while !queue.is_empty() {
            got.extend(read(&mut theirs, &mut frames));
            queue.flush(&ours).unwrap();
        }
        got.extend(read(&mut theirs, &mut frames));
        assert!(got.len() < 1_000_000, "{}", got.len());
        assert!(got.ends_with(b"aend"));
        queue.output(&Rc::new(b"never".to_vec()));
        queue.clear();
        assert!(queue.is_empty());
    }
}
