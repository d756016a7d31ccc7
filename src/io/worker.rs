//! Everything that blocks: look-ups of names, keys and agents, the provider `local`, waiting for
//! children. It runs on threads that are started here and nowhere else; answers come back through a
//! channel, and mio's waker tells the loop.

use super::disk::Lanes;
use super::dropins::{self, Said};
use super::keep::{self, Writer};
use super::ssh::{self, Key};
use crate::app::disk::{DiskAsk, DiskNews};
use crate::app::{DropInAsk, DropInNews, KeepAsk, KeepNews, LocalEnd, Provided, ProviderOp};
use crate::cloud;
use crate::model::NodeId;
use crate::session::life::{Fault, Methods};
use libssh_rs::Session;
use mio::Waker;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use zeroize::Zeroizing;

/// At most so many threads at a time; further work waits for one of them.
const THREADS_MAX: usize = 8;

/// The result of work.
#[derive(Debug)]
pub enum Answer {
    /// The addresses of a node's host.
    Resolved(NodeId, u64, Result<Vec<SocketAddr>, String>),
    /// A private key file.
    Key(PathBuf, KeyFile),
    /// The agent has tried to log in; the session comes back.
    Agent {
        /// The node.
        node: NodeId,
        /// Its attempt to connect.
        attempt: u64,
        /// The session that was lent.
        session: Lent,
        /// Its socket.
        fd: std::os::fd::RawFd,
        /// `None`: logged in; else what may be tried next.
        result: Result<Option<Methods>, Fault>,
    },
    /// What a provider did.
    Provided(Provided),
    /// A local command has ended with this status.
    Child(Result<LocalEnd, String>),
    /// What is in the folders of drop-in commands, and what programs there said of themselves.
    DropIns(u64, DropInNews, Option<Said>),
    /// News of EC2, to the question of this number.
    Cloud(u64, cloud::News),
    /// News of this machine's files, to the question of this number.
    Disk(u64, DiskNews),
    /// Lines of a log or a recording were written, or could not be.
    Kept(KeepNews),
}

/// A session on its way back to the loop.
pub struct Lent(pub Session);

impl std::fmt::Debug for Lent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lent")
    }
}

/// What became of reading a private key.
#[derive(Debug)]
pub enum KeyFile {
    /// It is ready.
    Ready(Key),
    /// There is no such file.
    Missing,
    /// It is encrypted, and the passphrase was missing or wrong.
    Locked,
    /// It is of no use; why.
    Failed(String),
}

type Work = Box<dyn FnOnce() -> Answer + Send>;

/// The threads, and the way back from them.
#[derive(Debug)]
pub struct Workers {
    answers: Receiver<Answer>,
    sender: Sender<Answer>,
    waker: Arc<Waker>,
    running: usize,
    waiting: std::collections::VecDeque<WorkItem>,
    /// The ways to the threads that copy files.
    disk: Lanes,
    /// The way to the thread that writes logs, once there is one.
    writer: Option<Writer>,
    /// They have woken the loop, which has not looked yet.
    knocked: Arc<AtomicBool>,
    /// The way to the thread that asks EC2, once there is one.
    #[cfg(feature = "ec2")]
    cloud: Option<super::ec2::Asks>,
}

struct WorkItem(Work);

impl std::fmt::Debug for WorkItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WorkItem")
    }
}

impl Workers {
    /// No threads yet.
    pub fn new(waker: Arc<Waker>) -> Self {
        let (sender, answers) = channel();
        Self {
            answers,
            sender,
            waker,
            running: 0,
            waiting: std::collections::VecDeque::new(),
            disk: Lanes::default(),
            writer: None,
            knocked: Arc::default(),
            #[cfg(feature = "ec2")]
            cloud: None,
        }
    }

    /// Does something that blocks.
    pub fn run(&mut self, work: impl FnOnce() -> Answer + Send + 'static) {
        self.waiting.push_back(WorkItem(Box::new(work)));
        self.start_some();
    }

    /// The next answer, if there is one.
    pub fn answer(&mut self) -> Option<Answer> {
        let answer = match self.answers.try_recv() {
            Ok(answer) => answer,
            // What was sent without a knock since the last one is there now.
            Err(_) if self.knocked.swap(false, Ordering::SeqCst) => self.answers.try_recv().ok()?,
            Err(_) => return None,
        };
        // The threads of EC2, of the disk and of logs are none of those that are counted.
        if !matches!(
            answer,
            Answer::Cloud(..) | Answer::Disk(..) | Answer::Kept(..)
        ) {
            self.running = self.running.saturating_sub(1);
            self.start_some();
        }
        Some(answer)
    }

    /// Does something about this machine's files; [`Answer::Disk`] says what came of it.
    #[expect(clippy::disallowed_methods, reason = "this is where threads start")]
    pub fn ask_disk(&mut self, ticket: u64, ask: DiskAsk) {
        let (sender, waker, knocked) = (&self.sender, &self.waker, &self.knocked);
        self.disk.ask(ticket, ask, &mut |lane| {
            let (sender, waker) = (sender.clone(), Arc::clone(waker));
            let knocked = Arc::clone(knocked);
            std::thread::spawn(move || {
                super::disk::serve(&lane, move |ticket, news| {
                    let sent = sender.send(Answer::Disk(ticket, news)).is_ok();
                    // Answers come in crowds; one knock is enough for all that lie there.
                    if sent && !knocked.swap(true, Ordering::SeqCst) {
                        drop(waker.wake());
                    }
                });
            });
        });
    }

    /// Writes lines of a log or a recording; [`Answer::Kept`] says what came of it.
    #[expect(clippy::disallowed_methods, reason = "this is where threads start")]
    pub fn keep(&mut self, ask: KeepAsk) {
        let writer = self.writer.get_or_insert_with(|| {
            let (writer, desk) = keep::pair();
            let (sender, waker) = (self.sender.clone(), Arc::clone(&self.waker));
            let knocked = Arc::clone(&self.knocked);
            std::thread::spawn(move || {
                keep::serve(&desk, move |news| {
                    let sent = sender.send(Answer::Kept(news)).is_ok();
                    if sent && !knocked.swap(true, Ordering::SeqCst) {
                        drop(waker.wake());
                    }
                });
            });
            writer
        });
        writer.send(ask);
    }

    /// The end of what is written.
    pub fn end_keep(&mut self, limit: std::time::Duration) {
        if let Some(writer) = &mut self.writer {
            writer.end(limit);
        }
    }

    /// The end of all work on files.
    pub fn end_disk(&mut self, limit: std::time::Duration) {
        self.disk.end(limit);
    }

    /// Asks EC2; [`Answer::Cloud`] brings what there is to say, one by one.
    pub fn ask_cloud(&mut self, request: u64, account: cloud::Account, ask: cloud::Ask) {
        if let Err(fault) = self.send_to_cloud(request, account, ask) {
            let news = cloud::News::Failed(fault);
            if self.sender.send(Answer::Cloud(request, news)).is_ok() {
                drop(self.waker.wake());
            }
        }
    }

    #[cfg(feature = "ec2")]
    #[expect(clippy::disallowed_methods, reason = "this is where threads start")]
    fn send_to_cloud(
        &mut self,
        request: u64,
        account: cloud::Account,
        ask: cloud::Ask,
    ) -> Result<(), cloud::Fault> {
        let (sender, waker) = (&self.sender, &self.waker);
        let asks = self.cloud.get_or_insert_with(|| {
            let (asks, inbox) = super::ec2::channel();
            let (sender, waker) = (sender.clone(), Arc::clone(waker));
            std::thread::spawn(move || {
                super::ec2::serve(inbox, move |request, news| {
                    if sender.send(Answer::Cloud(request, news)).is_ok() {
                        drop(waker.wake());
                    }
                });
            });
            asks
        });
        if asks.send(request, account, ask) {
            return Ok(());
        }
        self.cloud = None;
        Err(cloud::Fault::new("dust failed inside while it asked EC2").hint("try again"))
    }

    #[cfg(not(feature = "ec2"))]
    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "with EC2 the thread is started here"
    )]
    fn send_to_cloud(
        &mut self,
        _request: u64,
        _account: cloud::Account,
        _ask: cloud::Ask,
    ) -> Result<(), cloud::Fault> {
        let text = "this dust was built without EC2 (cargo feature ec2)";
        Err(cloud::Fault::new(text).hint("`cargo install --features ec2`"))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where threads start")]
    fn start_some(&mut self) {
        while self.running < THREADS_MAX {
            let Some(WorkItem(work)) = self.waiting.pop_front() else {
                return;
            };
            self.running += 1;
            let (sender, waker) = (self.sender.clone(), Arc::clone(&self.waker));
            std::thread::spawn(move || {
                // Nobody listens any more when dust is about to end.
                if sender.send(work()).is_ok() {
                    drop(waker.wake());
                }
            });
        }
    }
}

/// Looks up a host's addresses.
pub fn resolve(node: NodeId, attempt: u64, host: &str, port: u16) -> Answer {
    let addresses = (host, port).to_socket_addrs();
    let result = addresses.map(Iterator::collect).map_err(|error| {
        // "failed to lookup address information: Name or service not known"
        let text = error.to_string();
        text.rsplit(": ").next().unwrap_or_default().to_lowercase()
    });
    Answer::Resolved(node, attempt, result)
}

/// Reads and decrypts a private key.
pub fn load_key(path: PathBuf, passphrase: Option<Zeroizing<String>>) -> Answer {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Answer::Key(path, KeyFile::Missing);
        },
        Err(error) => {
            let why = format!("cannot read the key {}: {error}", path.display());
            return Answer::Key(path, KeyFile::Failed(why));
        },
    };
    let locked = is_encrypted(&text);
    let file = match Key::decode(&text, passphrase.as_ref().map(|text| text.as_str())) {
        _ if locked && passphrase.is_none() => KeyFile::Locked,
        Some(key) => KeyFile::Ready(key),
        None if locked => KeyFile::Locked,
        None => KeyFile::Failed(format!(
            "{} is no private key that dust can read",
            path.display()
        )),
    };
    Answer::Key(path, file)
}

fn is_encrypted(text: &str) -> bool {
    if text.contains("Proc-Type: 4,ENCRYPTED") || text.contains("BEGIN ENCRYPTED PRIVATE KEY") {
        return true;
    }
    ssh_key::PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted())
}

/// Lets the agent log in.
pub fn agent_login(
    node: NodeId,
    attempt: u64,
    session: Session,
    fd: std::os::fd::RawFd,
    socket: &std::path::Path,
) -> Answer {
    let result = ssh::login_by_agent(&session, socket);
    Answer::Agent {
        node,
        attempt,
        session: Lent(session),
        fd,
        result,
    }
}

/// Does something about the folders of drop-in commands.
pub fn drop_ins(request: u64, ask: DropInAsk, mut said: Said) -> Answer {
    match ask {
        DropInAsk::List(look) => {
            let listing = dropins::scan(&look, &mut said);
            Answer::DropIns(request, DropInNews::Listed(listing), Some(said))
        },
        DropInAsk::Install(name) => {
            let done = dropins::install(name.as_deref());
            Answer::DropIns(request, DropInNews::Installed(done), None)
        },
    }
}

/// Waits for a child of ours.
pub fn wait_child(mut child: std::process::Child) -> Answer {
    use std::os::unix::process::ExitStatusExt as _;
    let status = child
        .wait()
        .map_err(|error| error.to_string())
        .map(|status| LocalEnd::of(status.code(), status.signal()));
    Answer::Child(status)
}

/// Does what the provider `local` is asked; `local` is where its clusters are.
#[cfg(feature = "local")]
pub fn provide(
    request: u64,
    op: ProviderOp,
    cluster: String,
    names: &[String],
    place: &super::Place,
) -> Answer {
    use super::local;
    let dir = place.cluster_dir(&cluster);
    let mut failures: Vec<(String, String)> = Vec::new();
    let mut note = |name: &str, result: crate::error::Result<()>| {
        if let Err(error) = result {
            failures.push((name.to_owned(), error.to_string()));
        }
    };
    match op {
        ProviderOp::List => {},
        ProviderOp::Start => {
            for (name, result) in place.start(&dir, names) {
                note(&name, result.map(drop));
            }
        },
        ProviderOp::Stop => {
            for (name, result) in local::stop_all(&dir, names) {
                note(&name, result.map(drop));
            }
        },
        ProviderOp::Terminate => {
            for (name, result) in local::terminate_all(&dir, names) {
                note(&name, result);
            }
        },
    }
    let key = local::ensure_client_key(&dir).map(|key| key.private);
    let key = match key {
        Ok(path) => Some(path),
        Err(error) => {
            failures.push((String::new(), error.to_string()));
            None
        },
    };
    let mut nodes = Vec::new();
    for name in names {
        match local::get(&dir, name) {
            Ok(node) => nodes.push(crate::app::ProvidedNode {
                name: node.name,
                state: node.state,
                addr: node
                    .addr
                    .zip(node.port)
                    .map(|(addr, port)| SocketAddr::new(addr, port)),
                user: Some(super::sys::user_name()),
                host_key: node.host_key_fingerprint,
                key: key.clone(),
            }),
            Err(error) => failures.push((name.clone(), error.to_string())),
        }
    }
    Answer::Provided(Provided {
        cluster,
        request,
        nodes,
        failures,
    })
}

/// Without the provider there is nothing to ask.
#[cfg(not(feature = "local"))]
pub fn provide(
    request: u64,
    _op: ProviderOp,
    cluster: String,
    _names: &[String],
    _place: &super::Place,
) -> Answer {
    let why = "provider=local is not built into this dust".to_owned();
    Answer::Provided(Provided {
        cluster,
        request,
        nodes: Vec::new(),
        failures: vec![(String::new(), why)],
    })
}
