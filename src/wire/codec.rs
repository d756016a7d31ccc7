//! Numbers, texts and lists in the bodies of messages, big-endian.

use super::Variables;
use crate::model::Size;

/// Appends a number of 16 bits.
pub(super) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a number of 32 bits.
pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a number of 64 bits.
pub(super) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is longer than any frame is refused by whoever reads it.
    put_u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

/// Appends what may not be there.
pub(super) fn put_option(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put_bytes(out, bytes);
    }
}

/// Appends a list behind its length.
pub(super) fn put_list<'a>(out: &mut Vec<u8>, items: impl ExactSizeIterator<Item = &'a [u8]>) {
    put_u32(out, u32::try_from(items.len()).unwrap_or(u32::MAX));
    for item in items {
        put_bytes(out, item);
    }
}

/// Appends variables and their values.
pub(super) fn put_pairs(out: &mut Vec<u8>, pairs: &Variables) {
    put_u32(out, u32::try_from(pairs.len()).unwrap_or(u32::MAX));
    for (name, value) in pairs {
        put_bytes(out, name);
        put_bytes(out, value);
    }
}

/// Appends the size of a terminal; all zeros: it does not know.
pub(super) fn put_size(out: &mut Vec<u8>, size: Option<Size>) {
    put_u16(out, size.map_or(0, |size| size.cols));
    put_u16(out, size.map_or(0, |size| size.rows));
}

/// Reads a body. Every method gives `None` where the body ends too early.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        Some(std::str::from_utf8(self.bytes()?).ok()?.to_owned())
    }

    pub(super) fn option(&mut self) -> Option<Option<&'a [u8]>> {
        Some(if self.flag()? {
            Some(self.bytes()?)
        } else {
            None
        })
    }

    /// A list, of which no more is kept than the body really holds.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.u32()?;
        let mut items = Vec::new();
        for _ in 0..count {
            // An item takes four bytes at least, so a long count ends here.
            items.push(item(self)?);
        }
        Some(items)
    }

    pub(super) fn pairs(&mut self) -> Option<Variables> {
        self.list(|body| Some((body.bytes()?.to_vec(), body.bytes()?.to_vec())))
    }

    pub(super) fn size(&mut self) -> Option<Option<Size>> {
        let (cols, rows) = (self.u16()?, self.u16()?);
        Some((cols > 0 && rows > 0).then_some(Size { cols, rows }))
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// True if nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }
}
