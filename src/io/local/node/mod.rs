//! The process of a node: an ssh server on loopback and all that clients run on it.

mod channel;
mod home;
mod inlet;
mod procs;
mod pty;
mod server;
mod sftp;
mod spawn;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, dup2_stdin, dup2_stdout, fork, setsid};
use russh::keys::PublicKey;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

use self::server::{Node, config, connection};
use self::spawn::{SFTP_WORD, Setting};
use super::folder::{check_name, failed, read_private, remove_tree};
use super::keys::{ensure, public_line};
use super::lock::NodeLock;
use super::provider::{READY, list};
use super::record::{Record, own_address};
use crate::error::{Error, Result};
use crate::model::NodeState;

/// Why a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It was told to; it may be started again.
    Stopped,
    /// The dust that it belongs to is gone.
    Orphaned,
}

/// What the command line of a node's process says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Orders {
    dir: PathBuf,
    name: String,
    shell: Option<PathBuf>,
    parent: Option<RawFd>,
    throw_away: Option<PathBuf>,
}

impl Orders {
    fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let wrong = |what: &str| Error::usage(format!("__node: {what}"));
        let mut orders = Self {
            dir: PathBuf::new(),
            name: String::new(),
            shell: None,
            parent: None,
            throw_away: None,
        };
        let mut args = args.into_iter();
        while let Some(option) = args.next() {
            let value = args
                .next()
                .ok_or_else(|| wrong("an option without a value"))?;
            let text = || {
                value
                    .to_str()
                    .map(str::to_owned)
                    .ok_or_else(|| wrong("not UTF-8"))
            };
            match option.to_str() {
                Some("--dir") => orders.dir = value.into(),
                Some("--name") => orders.name = text()?,
                Some("--shell") => orders.shell = Some(value.into()),
                Some("--throw-away") => orders.throw_away = Some(value.into()),
                Some("--with-parent") => {
                    let fd = text()?.parse().ok().filter(|fd| *fd > 2);
                    orders.parent = Some(fd.ok_or_else(|| wrong("not a file descriptor"))?);
                },
                _ => return Err(wrong("an unknown option")),
            }
        }
        check_name(&orders.name)?;
        if !orders.dir.is_absolute() || orders.dir.file_name() != Some(OsStr::new(&orders.name)) {
            return Err(wrong("--dir must be the node's own folder"));
        }
        Ok(orders)
    }
}

/// Runs a node: `dust __node --dir DIR --name NAME`, as `start` calls it. Returns at once in the
/// process that was called; the node itself is another one, detached from it. What went wrong
/// before the node listens is said on standard output, afterwards on standard error.
///
/// `dust __node sftp`, as a node calls it, serves files on standard input and output instead.
pub fn node_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter().peekable();
    if args.peek().is_some_and(|word| word == SFTP_WORD) {
        return serve_files();
    }
    let orders = match Orders::parse(args) {
        Ok(orders) => orders,
        Err(e) => {
            complain(&e);
            return ExitCode::from(e.kind().exit_code());
        },
    };
    // SAFETY: this program has one thread here, so the child may go on as it likes.
    match unsafe { fork() } {
        Ok(ForkResult::Parent { .. }) => return ExitCode::SUCCESS,
        Ok(ForkResult::Child) => {},
        Err(e) => {
            complain(&Error::failed(format!("fork: {e}")));
            return ExitCode::FAILURE;
        },
    }
    let done = run(&orders);
    if let Err(e) = &done {
        complain(e);
    }
    if done.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn serve_files() -> ExitCode {
    // Copies, since the standard library's own handles look for line ends.
    let from = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let to = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let done = from.and_then(|from| sftp::serve(io::BufReader::new(from), to?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            drop(writeln!(io::stderr(), "sftp: {e}"));
            ExitCode::FAILURE
        },
    }
}

/// Says it to whoever starts the node, and to the log.
fn complain(error: &Error) {
    // Nobody may be listening.
    drop(writeln!(io::stdout(), "{error}").and_then(|()| io::stdout().flush()));
    drop(writeln!(io::stderr(), "{error}"));
}

fn run(orders: &Orders) -> Result<()> {
    let refused = |e: nix::Error| Error::failed(format!("this system refuses: {e}"));
    setsid().map_err(refused)?;
    umask(Mode::from_bits_truncate(0o077));
    fresh_signals();
    prctl::set_child_subreaper(true).map_err(refused)?;
    prctl::set_name(c"dust-node").map_err(refused)?;
    // SAFETY: the number was given to this process for this use, and nothing else uses it.
    let parent = orders.parent.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    if let Some(fd) = &parent {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(refused)?;
    }
    let lock = NodeLock::take(&orders.dir)?;
    let lock = lock.ok_or_else(|| Error::failed(format!("{} runs already", orders.name)))?;
    let result = serve(orders, parent);
    procs::end_all();
    if let (Ok(End::Orphaned), Some(root)) = (&result, &orders.throw_away) {
        throw_away(&orders.dir, root);
    }
    // For the rest of this process's life: who sees the lock free sees the node gone.
    std::mem::forget(lock);
    result.map(drop)
}

/// What the one who started it ignored or blocked must not be inherited by shells.
fn fresh_signals() {
    for signal in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: no handler is installed that somebody may rely on.
        let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    }
    // SAFETY: writing into a closed pipe is an error like others here.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGPIPE, SigHandler::SigIgn) };
}

fn serve(orders: &Orders, parent: Option<OwnedFd>) -> Result<End> {
    let home = home::prepare(&orders.dir, &orders.name)?;
    let host_key = ensure(&orders.dir.join("host_key"))?;
    let public = public_line(host_key.public_key())?;
    let path = orders.dir.join("authorized_key");
    let authorized = read_private(&path)?.unwrap_or_default();
    let authorized = PublicKey::from_openssh(&authorized).map_err(|e| failed(&path, e))?;
    let (user, shell) = spawn::user(orders.shell.as_deref());
    let setting = Setting {
        name: orders.name.clone(),
        home,
        shell,
        user,
        files: more_files(),
    };
    let broken = |e: io::Error| Error::failed(format!("{} cannot serve: {e}", orders.name));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(broken)?;
    runtime.block_on(async {
        let listener = listen(&orders.dir).await?;
        let here = listener.local_addr().map_err(broken)?;
        let end = end_of_life(parent).map_err(broken)?;
        let node = Node {
            setting,
            authorized,
            reaper: procs::reaper().map_err(broken)?,
        };
        let pid = nix::unistd::getpid().as_raw();
        let record = Record {
            pid,
            addr: here.ip(),
            port: here.port(),
            host_key: public,
        };
        record.write(&orders.dir)?;
        say_ready().map_err(broken)?;
        tokio::spawn(accept(listener, Arc::new(config(host_key)), Arc::new(node)));
        Ok(end.await)
    })
}

/// Many channels need many files. Gives the limits from before, for the processes of the node.
fn more_files() -> Option<(u64, u64)> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok()?;
    Some((soft, hard))
}

/// Listens where the node listened last; else on its own address, any port; else, where only the
/// one loopback address exists, there.
async fn listen(dir: &Path) -> Result<TcpListener> {
    let last = Record::read(dir)?.map(|r| SocketAddr::new(r.addr, r.port));
    let own = SocketAddr::from((own_address(dir), 0));
    let plain = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut why = None;
    for addr in last.into_iter().chain([own, plain]) {
        match TcpListener::bind(addr).await {
            Ok(listener) => return Ok(listener),
            Err(e) => why = Some(format!("{addr}: {e}")),
        }
    }
    Err(Error::failed(why.unwrap_or_default()))
}

/// Tells the one who started the node that it listens, and lets go of it.
fn say_ready() -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{READY}")?;
    out.flush()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(())
}

/// Until the node is told to end: by a signal, or by the end of the dust that it belongs to.
fn end_of_life(parent: Option<OwnedFd>) -> io::Result<impl Future<Output = End>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut parent = parent.map(pipe::Receiver::from_owned_fd).transpose()?;
    let orphaned = async move {
        match &mut parent {
            // Nothing is ever sent: any end of the wait is the end.
            Some(pipe) => drop(pipe.read_u8().await),
            None => std::future::pending().await,
        }
    };
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => End::Stopped,
            _ = interrupt.recv() => End::Stopped,
            () = orphaned => End::Orphaned,
        }
    })
}

async fn accept(listener: TcpListener, config: Arc<russh::server::Config>, node: Arc<Node>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&config), Arc::clone(&node)));
            },
            // Out of files, or a client that went: neither lasts.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Removes the node's folder, and what all of them share when no other is running. Each removes
/// its own before it looks, so the last to look sees that it is the last.
fn throw_away(dir: &Path, root: &Path) {
    let removed = remove_tree(dir).and_then(|()| {
        let alone = dir.parent().is_some_and(|cluster| {
            // A folder that vanishes under the look is another's who has yet to look.
            list(cluster).is_ok_and(|nodes| nodes.iter().all(|n| n.state == NodeState::Stopped))
        });
        if alone { remove_tree(root) } else { Ok(()) }
    });
    if let Err(e) = removed {
        complain(&e);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Orders> {
        Orders::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn orders() {
        let orders = parse(&["--dir", "/a/n0", "--name", "n0", "--with-parent", "7"]).unwrap();
        assert_eq!(
            (orders.dir.as_path(), orders.parent),
            (Path::new("/a/n0"), Some(7))
        );
        for wrong in [
            &[][..],
            &["--dir"],
            &["--dir", "/a/n0"],
            &["--dir", "a/n0", "--name", "n0"],
            &["--dir", "/a/n1", "--name", "n0"],
            &["--dir", "/a/n0", "--name", "n0", "--with-parent", "1"],
            &["--dir", "/a/n0", "--name", "n0", "--what", "1"],
            &["--dir", "/a/..", "--name", ".."],
        ] {
            parse(wrong).unwrap_err();
        }
    }
}
