//! Frames: where one message ends and the next begins.

use super::{CONTROL_MAX, DATA_MAX, Fault, HELLO_MAX, Hello, to_client, to_server};

/// The length of what stands before a frame's body, in bytes.
pub const HEAD: usize = 5;
/// So much room there is for the next read, in bytes.
const ROOM: usize = 256 * 1024;
/// The same where many sockets are read from.
const SMALL_ROOM: usize = 32 * 1024;

/// The head of a frame with a body of this length.
pub fn head(kind: u8, body: usize) -> [u8; HEAD] {
    let length = u32::try_from(body + 1).unwrap_or(u32::MAX).to_be_bytes();
    let [a, b, c, d] = length;
    [a, b, c, d, kind]
}

/// The longest frame of a kind; kinds of both directions differ where it matters.
fn cap(kind: u8) -> usize {
    let data = [
        to_server::INPUT,
        to_server::DATA,
        to_client::OUTPUT,
        to_client::CHANNEL_DATA,
        to_client::CHANNEL_ERRORS,
    ];
    if data.contains(&kind) {
        DATA_MAX
    } else {
        CONTROL_MAX
    }
}

/// Cuts frames out of what was read, without copying them.
#[derive(Debug)]
pub struct Frames {
    /// What is read is between `start` and `end`; behind it is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    room: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            room: ROOM,
        }
    }
}

impl Frames {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for one of many sockets: it reads less at a time, and [`Self::rest`] is of use.
    pub fn small() -> Self {
        Self {
            room: SMALL_ROOM,
            ..Self::default()
        }
    }

    /// Nothing is expected soon: room that holds nothing is given back.
    pub fn rest(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.buffer = Vec::new();
        }
    }

    /// Room to read into; [`Self::filled`] says how much of it was used. At most one frame that is
    /// not whole and this room are ever held, if [`Self::next_frame`] was called until it had no
    /// more.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < self.room / 4 && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < self.room / 4 {
            self.buffer.resize(self.end + self.room, 0);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes were read into the room.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// The same as reading these bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let room = self.room();
            let count = room.len().min(bytes.len());
            let (now, later) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
            if let Some(room) = room.get_mut(..count) {
                room.copy_from_slice(now);
            }
            self.filled(count);
            bytes = later;
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The hello that stands before all frames; `None` until it is whole.
    pub fn hello(&mut self) -> Result<Option<Hello>, Fault> {
        let unread = self.unread();
        let unread = unread.get(..HELLO_MAX).unwrap_or(unread);
        let Some((hello, length)) = Hello::decode(unread)? else {
            return Ok(None);
        };
        self.start += length;
        Ok(Some(hello))
    }

    /// The kind and the body of the next frame; `None` until it is whole. After a fault nothing that
    /// follows can be made sense of.
    pub fn next_frame(&mut self) -> Result<Option<(u8, &[u8])>, Fault> {
        let Some((length, kind)) = self.peek() else {
            return Ok(None);
        };
        let whole = usize::try_from(length).unwrap_or(usize::MAX);
        if whole == 0 {
            return Err(Fault::Malformed(kind));
        }
        if whole > cap(kind) {
            return Err(Fault::TooLong(kind, length));
        }
        let from = self.start + HEAD;
        let to = from + whole - 1;
        if to > self.end {
            return Ok(None);
        }
        self.start = to;
        Ok(Some((kind, self.buffer.get(from..to).unwrap_or_default())))
    }

    fn peek(&self) -> Option<(u32, u8)> {
        let (length, rest) = self.unread().split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*length), *rest.first()?))
    }
}
