//! One channel at work: bytes between the client and a process or a socket.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::errno::Errno;
use nix::pty::Winsize;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, read, write};
use russh::server::{Handle, Msg};
use russh::{ChannelWriteHalf, Sig};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::inlet::Chunk;
use super::procs::{Ended, hang_up};
use super::pty::{foreground, resize};
use super::spawn::Ends;

/// How much is read from a process at a time, in bytes; at most one packet.
const PIECE: usize = 32 * 1024;

/// Once a process has ended, its status waits so long for the end of its output, which what it
/// left in the background may hold open.
const STATUS_WAIT: Duration = Duration::from_millis(250);

/// What a client sends into a channel. The sender being gone means that it closed the channel, or
/// lost the connection.
#[derive(Debug)]
pub(super) enum Input {
    Data(Chunk),
    Eof,
}

/// The sending side of a channel.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) write: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
}

/// A process, as far as a client can act on it out of order.
#[derive(Debug)]
pub(super) struct Process {
    pid: i32,
    ended: AtomicBool,
    /// Weak: the terminal is hung up when its channel ends, whoever else looks at this.
    terminal: Option<Weak<AsyncFd<OwnedFd>>>,
}

impl Process {
    /// RFC 4254 §6.7.
    pub(super) fn resize(&self, size: Winsize) {
        if let Some(terminal) = self.terminal.as_ref().and_then(Weak::upgrade) {
            resize(terminal.get_ref(), size);
        }
    }

    /// RFC 4254 §6.9: to whoever has the terminal, or to the process and its group.
    pub(super) fn signal(&self, sig: &Sig) {
        let Some(signal) = known_signal(sig) else {
            return;
        };
        let group = match &self.terminal {
            Some(terminal) => terminal.upgrade().and_then(|t| foreground(t.get_ref())),
            None => (!self.ended.load(Ordering::Relaxed)).then(|| Pid::from_raw(self.pid)),
        };
        if let Some(group) = group {
            // It may end at any time.
            let _ = killpg(group, signal);
        }
    }
}

/// The signal of that name, if it is one that a client may send.
fn known_signal(sig: &Sig) -> Option<Signal> {
    let name = match sig {
        Sig::ABRT => "ABRT",
        Sig::ALRM => "ALRM",
        Sig::FPE => "FPE",
        Sig::HUP => "HUP",
        Sig::ILL => "ILL",
        Sig::INT => "INT",
        Sig::KILL => "KILL",
        Sig::PIPE => "PIPE",
        Sig::QUIT => "QUIT",
        Sig::SEGV => "SEGV",
        Sig::TERM => "TERM",
        Sig::USR1 => "USR1",
        Sig::Custom(name) => name,
    };
    format!("SIG{name}").parse().ok()
}

/// The name that ssh gives a signal; those it has none for get one that nobody else uses
/// (RFC 4254 §6.10).
fn signal_name(signal: Signal) -> Sig {
    match signal {
        Signal::SIGABRT => Sig::ABRT,
        Signal::SIGALRM => Sig::ALRM,
        Signal::SIGFPE => Sig::FPE,
        Signal::SIGHUP => Sig::HUP,
        Signal::SIGILL => Sig::ILL,
        Signal::SIGINT => Sig::INT,
        Signal::SIGKILL => Sig::KILL,
        Signal::SIGPIPE => Sig::PIPE,
        Signal::SIGQUIT => Sig::QUIT,
        Signal::SIGSEGV => Sig::SEGV,
        Signal::SIGTERM => Sig::TERM,
        Signal::SIGUSR1 => Sig::USR1,
        Signal::SIGUSR2 => Sig::Custom("USR2".into()),
        other => {
            let name = other.as_str();
            Sig::Custom(format!("{}@dust", name.strip_prefix("SIG").unwrap_or(name)))
        },
    }
}

/// The node's side of a terminal.
#[derive(Clone, Debug)]
pub(super) struct Terminal(Arc<AsyncFd<OwnedFd>>);

impl AsyncRead for Terminal {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let piece = buf.initialize_unfilled();
            match guard.try_io(|fd| Ok(read(fd.get_ref(), piece)?)) {
                Ok(Ok(n)) => {
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                },
                // How Linux says that nobody has the other side open any more.
                Ok(Err(e)) if e.raw_os_error() == Some(Errno::EIO as i32) => {
                    return Poll::Ready(Ok(()));
                },
                Ok(Err(e)) => return Poll::Ready(Err(e)),
                Err(_would_block) => {},
            }
        }
    }
}

impl AsyncWrite for Terminal {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            if let Ok(done) = guard.try_io(|fd| Ok(write(fd.get_ref(), buf)?)) {
                return Poll::Ready(done);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The files of a process, ready to be read and written without blocking.
#[derive(Debug)]
pub(super) enum Files {
    Terminal(Terminal),
    Pipes(pipe::Sender, pipe::Receiver, pipe::Receiver),
}

/// Takes the ends of a started process. Errors: the system refuses to watch them.
pub(super) fn attach(pid: i32, ends: Ends) -> io::Result<(Process, Files)> {
    let ended = AtomicBool::new(false);
    Ok(match ends {
        Ends::Terminal(master) => {
            // SAFETY: an owned descriptor stays open, and the same, until it is dropped.
            let master = Arc::new(unsafe { AsyncFd::register(master) }?);
            let process = Process {
                pid,
                ended,
                terminal: Some(Arc::downgrade(&master)),
            };
            (process, Files::Terminal(Terminal(master)))
        },
        Ends::Pipes(input, output, errors) => {
            let files = Files::Pipes(
                pipe::Sender::from_owned_fd(input)?,
                pipe::Receiver::from_owned_fd(output)?,
                pipe::Receiver::from_owned_fd(errors)?,
            );
            (
                Process {
                    pid,
                    ended,
                    terminal: None,
                },
                files,
            )
        },
    })
}

/// Serves a channel with a process until both are done with each other.
pub(super) async fn serve(
    process: Arc<Process>,
    files: Files,
    ended: Ended,
    out: Out,
    mut input: UnboundedReceiver<Input>,
) {
    let closed = match files {
        Files::Terminal(terminal) => {
            let output = copy_out(&out, None, terminal.clone());
            // A terminal has no end of input: what was typed last stays typed.
            run(
                &process,
                output,
                feed(&mut input, terminal, None),
                ended,
                &out,
            )
            .await
        },
        Files::Pipes(stdin, stdout, stderr) => {
            let output = async {
                tokio::join!(
                    copy_out(&out, None, stdout),
                    copy_out(&out, Some(1), stderr)
                );
            };
            run(&process, output, feed(&mut input, stdin, None), ended, &out).await
        },
    };
    // The terminal's master is closed by now, and the kernel has hung up on its foreground.
    if closed {
        hang_up(process.pid);
    }
}

/// Waits for the process and the end of its output, and tells the client; false then. True if the
/// client closed the channel before.
async fn run(
    process: &Process,
    output: impl Future<Output = ()>,
    feed: impl Future<Output = ()>,
    ended: Ended,
    out: &Out,
) -> bool {
    let work = async {
        let drained = Notify::new();
        let output = async {
            output.await;
            drained.notify_one();
        };
        let status = async {
            let status = ended.await;
            process.ended.store(true, Ordering::Relaxed);
            // What the process left in the background may keep the output open for long.
            drop(timeout(STATUS_WAIT, drained.notified()).await);
            // Without a status the node itself is ending.
            if let Ok(status) = status {
                tell_status(out, status).await;
            }
        };
        tokio::join!(output, status);
        // The client may be gone; then nobody wants to know any more.
        drop(out.write.eof().await);
        drop(out.write.close().await);
    };
    tokio::select! {
        biased;
        () = work => false,
        () = feed => true,
    }
}

async fn tell_status(out: &Out, status: WaitStatus) {
    match status {
        WaitStatus::Exited(_, code) => {
            let code = u32::try_from(code).unwrap_or(255);
            drop(out.write.exit_status(code).await);
        },
        WaitStatus::Signaled(_, signal, core) => {
            let name = signal_name(signal);
            let id = out.write.id();
            let text = format!("killed by {signal}");
            let _ = out
                .handle
                .exit_signal_request(id, name, core, text, String::new())
                .await;
        },
        _ => {},
    }
}

/// Serves a channel with a connection to a port of this machine (RFC 4254 §7.2).
pub(super) async fn serve_socket(socket: TcpStream, out: Out, mut input: UnboundedReceiver<Input>) {
    let (from, to) = socket.into_split();
    let (shut, both_ways) = oneshot::channel();
    let work = async {
        let output = async {
            copy_out(&out, None, from).await;
            drop(out.write.eof().await);
        };
        drop(tokio::join!(output, both_ways));
        drop(out.write.close().await);
    };
    tokio::select! {
        () = work => {},
        () = feed(&mut input, to, Some(shut)) => {},
    }
}

/// Copies until the end of the output. Each piece waits for the client's window before the next
/// is read: a client that does not read stops the process, and fills no memory.
async fn copy_out(out: &Out, stream: Option<u32>, mut from: impl AsyncRead + Unpin) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        if !matches!(from.read_buf(&mut piece).await, Ok(1..)) {
            return;
        }
        let sent = match stream {
            None => out.write.data_bytes(piece).await,
            Some(number) => out.write.extended_data_bytes(number, piece).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Writes what the client sends, until it closes the channel. `shut` learns when no more can be
/// written: the client said so, or the reader has gone.
async fn feed<W: AsyncWrite + Unpin>(
    input: &mut UnboundedReceiver<Input>,
    to: W,
    mut shut: Option<oneshot::Sender<()>>,
) {
    let mut to = Some(to);
    let mut queue: VecDeque<Chunk> = VecDeque::new();
    let mut eof = false;
    loop {
        if eof && queue.is_empty() {
            to = None;
        }
        if to.is_none() {
            queue.clear();
            if let Some(shut) = shut.take() {
                // Who asked may be done already.
                let _ = shut.send(());
            }
        }
        tokio::select! {
            news = input.recv() => match news {
                Some(Input::Data(chunk)) if to.is_some() && !eof => queue.push_back(chunk),
                // What nobody reads is thrown away.
                Some(Input::Data(_)) => {},
                Some(Input::Eof) => eof = true,
                None => return,
            },
            written = write_front(&mut to, &queue) => match written {
                Ok(n @ 1..) => {
                    if queue.front_mut().is_some_and(|chunk| chunk.advance(n)) {
                        drop(queue.pop_front());
                    }
                },
                _ => to = None,
            },
        }
    }
}

/// Writes of the first chunk as much as goes; waits for ever if there is nothing to do.
async fn write_front<W: AsyncWrite + Unpin>(
    to: &mut Option<W>,
    queue: &VecDeque<Chunk>,
) -> io::Result<usize> {
    match (to, queue.front()) {
        (Some(to), Some(chunk)) => to.write(chunk.rest()).await,
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    fn chunk(bytes: &[u8]) -> Input {
        Input::Data(Chunk::new(bytes, &Arc::default()))
    }

    /// A reader that takes three bytes at a time.
    #[tokio::test]
    async fn input_arrives_in_order_and_then_its_end() {
        let (to, mut from) = tokio::io::duplex(3);
        let (send, mut input) = unbounded_channel();
        let (shut, was_shut) = oneshot::channel();
        for part in [&b"one "[..], b"", b"two ", b"three"] {
            if !part.is_empty() {
                send.send(chunk(part)).unwrap();
            }
        }
        send.send(Input::Eof).unwrap();
        send.send(chunk(b"after the end")).unwrap();
        let mut got = String::new();
        let check = async {
            from.read_to_string(&mut got).await.unwrap();
            was_shut.await.unwrap();
            drop(send);
        };
        tokio::join!(feed(&mut input, to, Some(shut)), check);
        assert_eq!(got, "one two three");
    }

    #[tokio::test]
    async fn input_for_a_reader_that_has_gone_is_thrown_away() {
        let (to, from) = tokio::io::duplex(3);
        drop(from);
        let pressure = Arc::new(super::super::inlet::Pressure::default());
        let (send, mut input) = unbounded_channel();
        send.send(Input::Data(Chunk::new(&[0; 5 << 20], &pressure)))
            .unwrap();
        assert_ne!(pressure.window(), super::super::inlet::WINDOW);
        let check = async {
            while pressure.window() != super::super::inlet::WINDOW {
                tokio::task::yield_now().await;
            }
            drop(send);
        };
        tokio::join!(feed(&mut input, to, None), check);
    }

    #[test]
    fn signals_by_name() {
        for (sig, want) in [
            (Sig::INT, Some(Signal::SIGINT)),
            (Sig::Custom("USR2".into()), Some(Signal::SIGUSR2)),
            (Sig::Custom("WINCH".into()), Some(Signal::SIGWINCH)),
            (Sig::Custom("NO".into()), None),
            (Sig::Custom(String::new()), None),
        ] {
            assert_eq!(known_signal(&sig), want);
        }
        assert!(matches!(signal_name(Signal::SIGSYS), Sig::Custom(n) if n == "SYS@dust"));
    }
}
