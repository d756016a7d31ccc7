//! What clients send, kept within bounds.
//!
//! The ssh library grants a channel new window as data *arrives*, not as it is used: a process
//! that does not read its input would make the node buffer without end, and waiting for it where
//! the data arrives would stop the other channels of the connection, and their output, for good
//! (the window adjustments they need come by the same way). So data is queued per channel, and
//! [`Pressure`] counts it. While too much is queued, only [`TRICKLE`] bytes of window are granted
//! at a time, and [`Inlet`] reads the connection at a gentle pace. Clients then wait as for any
//! slow reader, nothing is stuck, and the queues of a connection grow by under a kilobyte a
//! second however long it lasts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// The window of a channel at its start, and as long as input is used up, in bytes.
pub(super) const WINDOW: u32 = 1 << 20;

/// The window granted while too much is queued. Enough for a key press.
const TRICKLE: u32 = 16;

/// How much may be queued for all channels of a connection before clients must wait.
const MAX_QUEUED: usize = 4 << 20;

/// How long a client may take to log in.
const LOGIN_GRACE: Duration = Duration::from_secs(120);

/// The pause between two small reads while too much is queued.
const PACE: Duration = Duration::from_millis(20);

/// A read below this size is a small one: no rest of a window, but the trickle.
const SMALL: usize = 1024;

/// How much one read takes from the connection, in bytes.
const BUFFER: usize = 64 * 1024;

/// How much input of one connection waits for the processes that should read it.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    queued: AtomicUsize,
    relief: Notify,
}

impl Pressure {
    fn is_high(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > MAX_QUEUED
    }

    /// Until it is time for the next small read.
    async fn pause(self: Arc<Self>) {
        tokio::select! {
            () = sleep(PACE) => {},
            () = self.relief.notified() => {},
        }
    }

    /// The window that the next grant fills up to.
    pub(super) fn window(&self) -> u32 {
        if self.is_high() { TRICKLE } else { WINDOW }
    }
}

/// Input on its way to a process; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    used: usize,
    pressure: Arc<Pressure>,
}

impl Chunk {
    pub(super) fn new(bytes: &[u8], pressure: &Arc<Pressure>) -> Self {
        pressure.queued.fetch_add(bytes.len(), Ordering::Relaxed);
        Self {
            bytes: bytes.to_vec(),
            used: 0,
            pressure: Arc::clone(pressure),
        }
    }

    /// What is still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.used..).unwrap_or_default()
    }

    /// So much of the rest was written. True if that was all.
    pub(super) fn advance(&mut self, n: usize) -> bool {
        self.used = self.used.saturating_add(n);
        self.used >= self.bytes.len()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let before = self
            .pressure
            .queued
            .fetch_sub(self.bytes.len(), Ordering::Relaxed);
        if before > MAX_QUEUED && !self.pressure.is_high() {
            self.pressure.relief.notify_one();
        }
    }
}

/// A client's connection, read at the pace that [`Pressure`] allows, and not for long before the
/// client has logged in.
pub(super) struct Inlet {
    stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    last: usize,
    pressure: Arc<Pressure>,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    logged_in: Arc<AtomicBool>,
    grace: Pin<Box<Sleep>>,
}

impl Inlet {
    pub(super) fn new(
        stream: TcpStream,
        pressure: Arc<Pressure>,
        logged_in: Arc<AtomicBool>,
    ) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            last: usize::MAX,
            pressure,
            pause: None,
            logged_in,
            grace: Box::pin(sleep(LOGIN_GRACE)),
        }
    }

    /// Ready when the connection may be read.
    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.last >= SMALL || !self.pressure.is_high() {
            self.pause = None;
            return Poll::Ready(());
        }
        let pressure = &self.pressure;
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(Arc::clone(pressure).pause()));
        ready!(pause.as_mut().poll(cx));
        self.pause = None;
        Poll::Ready(())
    }
}

impl AsyncRead for Inlet {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.logged_in.load(Ordering::Relaxed) && this.grace.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.start == this.end {
            ready!(this.poll_pace(cx));
            let mut fresh = ReadBuf::new(&mut this.buffer);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut fresh))?;
            this.start = 0;
            this.end = fresh.filled().len();
            this.last = this.end;
        }
        let had = this.buffer.get(this.start..this.end).unwrap_or_default();
        let n = had.len().min(buf.remaining());
        buf.put_slice(had.get(..n).unwrap_or_default());
        this.start += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Inlet {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_a_trickle_while_much_is_queued() {
        let pressure = Arc::new(Pressure::default());
        let piece = vec![0; MAX_QUEUED / 4];
        let mut queue: Vec<Chunk> = (0..4).map(|_| Chunk::new(&piece, &pressure)).collect();
        assert_eq!(pressure.window(), WINDOW);
        queue.push(Chunk::new(b"x", &pressure));
        assert_eq!(pressure.window(), TRICKLE);
        queue.pop();
        assert_eq!(pressure.window(), WINDOW);
    }

    #[test]
    fn a_chunk_is_written_in_parts() {
        let mut chunk = Chunk::new(b"abcde", &Arc::default());
        assert!(!chunk.advance(2));
        assert_eq!(chunk.rest(), b"cde");
        assert!(chunk.advance(3));
        assert_eq!(chunk.rest(), b"");
    }
}
