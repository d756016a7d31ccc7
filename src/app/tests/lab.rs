//! A laboratory: an [`App`] with nodes that answer by the script of a test, and a clock of its own.

use crate::app::{App, BatchInput, Effect, Event, Host, Setup, Snapshot};
use crate::command::dropins::{DropIn, Hints, State};
use crate::command::{Settings, parse};
use crate::config::ssh_config::SshConfig;
use crate::model::time::Wall;
use crate::model::{NodeId, Size};
use crate::session::channel::{ChannelEvent, ChannelId, ChannelKind};
use crate::session::known_hosts::KnownHosts;
use crate::session::life::{Event as LifeEvent, Fault, HostKeyVerdict, Method, Methods};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the random nonce of every shell comes to.
const NONCE: &str = "000000000000";

/// Three nodes behind a jump host, two behind a chain of two.
const JUMP: &str = "\
@cloud
provider=ssh
name=jump
keyfile=/k
@w[0-2]
host=10.0.0.[0-2]
jump=ops@10.9.0.1
@c[0-1]
host=10.0.0.[3-4]
jump=10.9.0.1,10.9.0.2
";

/// Nodes on ways of their own, by ~/.ssh/config where this says nothing.
const WAYS: &str = "\
@cloud
provider=ssh
name=ways
keyfile=/k
@far
@near
jump=far
@strict
host=10.0.0.9
jump=10.1.0.2,10.1.0.3
host_keys=strict
@circle
host=10.0.0.8
jump=one
";

struct Desk {
    files: BTreeMap<PathBuf, String>,
}

impl Host for Desk {
    fn read_text(&self, path: &Path) -> io::Result<String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn list(&self, _: &Path) -> Vec<(String, bool)> {
        vec![("notes.txt".to_owned(), false), ("src".to_owned(), true)]
    }
    fn programs(&self) -> Vec<String> {
        vec!["vim".to_owned(), "ls".to_owned()]
    }
    fn drop_in_folders(&self) -> (Vec<PathBuf>, Option<PathBuf>) {
        (Vec::new(), None)
    }
    fn drop_in(&self, _: &[PathBuf], name: &str) -> Option<DropIn> {
        (name == "tool").then(|| DropIn {
            name: name.to_owned(),
            path: "/tools/tool".into(),
            hints: Hints::default(),
            state: State::Ready,
        })
    }
    fn home(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/home/me"))
    }
    fn executable(&self) -> PathBuf {
        PathBuf::from("/usr/bin/dust")
    }
    fn cwd(&self) -> PathBuf {
        PathBuf::from("/work")
    }
    fn change_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn user(&self) -> String {
        "me".to_owned()
    }
    fn uid(&self) -> u32 {
        1000
    }
    fn hostname(&self) -> String {
        "desk".to_owned()
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn agent(&self) -> Option<PathBuf> {
        None
    }
    fn unix_time(&self) -> i64 {
        1_000_000
    }
    fn wall(&self) -> Wall {
        Wall {
            millis: 1_000_000_000,
            offset: 3600,
        }
    }
    fn make_folder(&self, path: &Path, _private: bool) -> io::Result<()> {
        match path.ends_with("forbidden") {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => Ok(()),
        }
    }
    fn create_file(&self, path: &Path, replace: bool) -> io::Result<()> {
        match path.ends_with("there") && !replace {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => Ok(()),
        }
    }
    fn random(&self) -> [u8; 12] {
        [0; 12]
    }
    fn exists(&self, _: &Path) -> bool {
        false
    }
    fn is_dir(&self, path: &Path) -> bool {
        path.ends_with("here")
    }
    fn history_news(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

/// See the module.
pub(super) struct Lab {
    pub(super) app: App,
    pub(super) now: Instant,
    /// What each node's shell was sent.
    pub(super) sent: BTreeMap<NodeId, Vec<u8>>,
    /// The number of the last command that each node's shell was sent.
    numbers: BTreeMap<NodeId, String>,
    /// Where connections were dialled to: an address, or `ADDRESS by NAME` of the jump host.
    pub(super) dialled: Vec<String>,
    /// Effects that the lab did not answer by itself.
    pub(super) others: Vec<Effect>,
    /// Nodes whose connection is left to the test.
    pub(super) manual: bool,
    /// The most connections that were being set up at a time.
    pub(super) dialling: usize,
    /// Addresses at which nobody listens.
    pub(super) deaf: BTreeSet<String>,
    /// Addresses from which no answer comes at all.
    pub(super) silent: BTreeSet<String>,
    /// Addresses that let nobody in.
    pub(super) closed: BTreeSet<String>,
    /// Shells of nodes show no prompt.
    pub(super) mute: bool,
    /// The host key that nodes present; none: one that is known.
    pub(super) host_key: Option<[u8; 32]>,
    addresses: BTreeMap<NodeId, String>,
    /// What the prompt's terminal shows.
    pub(super) screen: vt100::Parser,
}

fn setup(change: impl FnOnce(&mut Setup)) -> Setup {
    let mut setup = Setup {
        settings: Settings::default(),
        yes: false,
        json: false,
        verbose: 0,
        colours: false,
        auto_colours: false,
        terminal: false,
        person: false,
        size: Size { cols: 80, rows: 24 },
        ssh_config: SshConfig::new(),
        known_hosts: KnownHosts::new(),
        known_hosts_name: String::new(),
        term: "dumb".to_owned(),
        connections_max: 1000,
        ec2: true,
        session: true,
        lender: None,
    };
    change(&mut setup);
    setup
}

/// A cluster on EC2, much like that of the README.
const SAMPLE: &str = "@cloud
provider=ec2
name=democloud
region=eu-west-1
username=ubuntu
keyfile=/k
@master
instance_type=m3.medium
image=ami-896c96fe
@worker[0-2]
instance_type=t2.small
image=ami-3eb46b49
@checked
host_keys=cloud
@inside
jump=master
address=private
";

fn desk(nodes: usize) -> Box<Desk> {
    let last = nodes - 1;
    let text = format!(
        "@cloud\nprovider=ssh\nname=lab\nkeyfile=/k\n@n[0-{last}]\nhost=10.0.0.[0-{last}]\n"
    );
    let one = "@cloud\nprovider=ssh\nname=one\nkeyfile=/k\nhost=10.9.9.9\n@a[0-99]\n";
    let files = [
        ("/work/lab.cnf", text.as_str()),
        ("/work/one.cnf", one),
        ("/work/bad.cnf", "@cloud\nprovder=ssh\n"),
        ("/work/jump.cnf", JUMP),
        ("/work/ways.cnf", WAYS),
        ("/work/sample.cnf", SAMPLE),
        (
            "/work/keyless.cnf",
            "@cloud\nprovider=ec2\nregion=eu-west-1\n",
        ),
        (
            "/work/region.cnf",
            "@cloud\nprovider=ec2\nregion=eu-west-1\nkeyfile=/k\n",
        ),
    ];
    let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
    Box::new(Desk {
        files: files.into(),
    })
}

impl Lab {
    /// A batch of these lines on `nodes` nodes, n0 to n…
    pub(super) fn batch(nodes: usize, lines: &[&str], change: impl FnOnce(&mut Setup)) -> Self {
        let lines = lines
            .iter()
            .map(|line| parse::scripted(line).unwrap())
            .collect();
        let app = App::batch(setup(change), desk(nodes), BatchInput::Lines(lines));
        Self::with(app, "lab.cnf", false)
    }

    /// The same, with a pipe on standard input.
    pub(super) fn piped(nodes: usize, lines: &[&str], change: impl FnOnce(&mut Setup)) -> Self {
        let lines = lines
            .iter()
            .map(|line| parse::scripted(line).unwrap())
            .collect();
        let app = App::batch(setup(change), desk(nodes), BatchInput::Lines(lines));
        Self::started(app, "lab.cnf", false, true)
    }

    /// A prompt on `nodes` nodes.
    pub(super) fn prompt(nodes: usize) -> Self {
        Self::prompt_on("lab.cnf", nodes)
    }

    /// A batch on another cluster.
    pub(super) fn batch_on(file: &str, lines: &[&str], change: impl FnOnce(&mut Setup)) -> Self {
        let lines = lines
            .iter()
            .map(|line| parse::scripted(line).unwrap())
            .collect();
        let app = App::batch(setup(change), desk(1), BatchInput::Lines(lines));
        Self::with(app, file, false)
    }

    /// A batch that knows what another run does.
    pub(super) fn adopting(
        snapshot: Snapshot,
        lines: &[&str],
        change: impl FnOnce(&mut Setup),
    ) -> Self {
        let lines = lines
            .iter()
            .map(|line| parse::scripted(line).unwrap())
            .collect();
        let mut app = App::batch(setup(change), desk(1), BatchInput::Lines(lines));
        #[expect(clippy::disallowed_methods, reason = "any point in time serves")]
        app.adopt(Instant::now(), snapshot);
        Self::with(app, "", false)
    }

    /// A prompt on another cluster.
    pub(super) fn prompt_on(file: &str, nodes: usize) -> Self {
        let change = |setup: &mut Setup| {
            setup.terminal = true;
            setup.person = true;
        };
        Self::with(App::prompt(setup(change), desk(nodes)), file, false)
    }

    pub(super) fn with(app: App, file: &str, manual: bool) -> Self {
        Self::started(app, file, manual, false)
    }

    #[expect(clippy::disallowed_methods, reason = "any point in time serves")]
    fn started(app: App, file: &str, manual: bool, piped: bool) -> Self {
        let mut lab = Self {
            app,
            now: Instant::now(),
            sent: BTreeMap::new(),
            numbers: BTreeMap::new(),
            dialled: Vec::new(),
            others: Vec::new(),
            manual,
            dialling: 0,
            deaf: BTreeSet::new(),
            silent: BTreeSet::new(),
            closed: BTreeSet::new(),
            mute: false,
            host_key: None,
            addresses: BTreeMap::new(),
            screen: vt100::Parser::new(24, 80, 1000),
        };
        let file = Some(Path::new(file)).filter(|file| !file.as_os_str().is_empty());
        lab.app.start(lab.now, file).unwrap();
        if lab.app.is_batch() && !lab.app.setup.person && !piped {
            // Standard input is /dev/null.
            lab.app.handle(lab.now, Event::InputEnd);
        }
        lab.settle();
        lab
    }

    /// The connection to a jump host.
    pub(super) fn jump(&self, name: &str) -> NodeId {
        let mut ids = self.app.fleet.ids().into_iter();
        ids.find(|id| self.app.name(*id) == name)
            .unwrap_or_else(|| panic!("no jump host {name}"))
    }

    pub(super) fn id(&self, node: &str) -> NodeId {
        let mut nodes = self.app.inventory.nodes().iter();
        let found = nodes.find(|other| other.name == node);
        found.unwrap_or_else(|| panic!("no node {node}")).id
    }

    /// Plays the world until nothing is left to do.
    pub(super) fn settle(&mut self) {
        let mut waiting: VecDeque<Effect> = VecDeque::new();
        loop {
            let busy = self.app.fleet.ids().into_iter();
            let busy = busy.filter(|id| {
                self.app
                    .fleet
                    .get(*id)
                    .is_some_and(|run| run.life.is_connecting())
            });
            self.dialling = self.dialling.max(busy.count());
            while let Some(effect) = self.app.next_effect() {
                waiting.push_back(effect);
            }
            let Some(effect) = waiting.pop_front() else {
                break;
            };
            self.answer(effect);
        }
        let bytes = self.app.paint();
        self.screen.process(&bytes);
    }

    fn answer(&mut self, effect: Effect) {
        match &effect {
            Effect::Dial(_, _, address) => self.dialled.push(address.ip().to_string()),
            Effect::Tunnel { jump, host, .. } => {
                let text = format!("{host} by {}", self.app.name(*jump));
                self.dialled.push(text);
            },
            _ => {},
        }
        match effect {
            Effect::Flush(id) => {
                let unsent = self.app.unsent(id).to_vec();
                self.app.sent(id, unsent.len());
                let text = String::from_utf8_lossy(&unsent);
                if let Some((_, after)) = text.rsplit_once("_dust_s=") {
                    let number = after.chars().take_while(char::is_ascii_digit).collect();
                    self.numbers.insert(id, number);
                }
                self.sent.entry(id).or_default().extend_from_slice(&unsent);
            },
            Effect::OpenChannel(id, ChannelId::FEED, request) => {
                let ChannelKind::Exec(request) = request.kind else {
                    panic!("{request:?}");
                };
                let nonce = request.rsplit(' ').next().unwrap();
                let greeting = format!("{nonce}:/tmp/fifo\n");
                self.feed(id, ChannelEvent::Data(greeting.as_bytes()));
            },
            effect if self.manual => self.others.push(effect),
            Effect::Resolve(id, attempt, host, port) => {
                let address = SocketAddr::new(host.parse().unwrap(), port);
                self.link(id, attempt, LifeEvent::Resolved(Ok(vec![address])));
            },
            Effect::Dial(id, attempt, address) => {
                let address = address.ip().to_string();
                if self.silent.contains(&address) {
                    return;
                }
                let event = if self.deaf.contains(&address) {
                    LifeEvent::Fault(Fault::Refused("connection refused".to_owned()))
                } else {
                    LifeEvent::Connected
                };
                self.addresses.insert(id, address);
                self.link(id, attempt, event);
            },
            Effect::Tunnel {
                node: id, attempt, ..
            } => self.link(id, attempt, LifeEvent::Connected),
            Effect::Handshake { node, .. } => {
                let verdict = match &self.host_key {
                    Some(hash) => self.app.host_key_verdict(node, hash),
                    None => HostKeyVerdict::Known,
                };
                let event = LifeEvent::Handshaken("SHA256:x".to_owned(), verdict);
                self.link(node, 0, event);
            },
            Effect::LoadKey(_, _, path, _) => self.app.key_loaded(self.now, &path, Ok(true)),
            Effect::Login(id, attempt, Method::Key(_)) => {
                let at = self.addresses.get(&id);
                let event = if at.is_some_and(|at| self.closed.contains(at)) {
                    LifeEvent::Denied(Methods::default())
                } else {
                    LifeEvent::Accepted
                };
                self.link(id, attempt, event);
            },
            Effect::Open(id, ..) => {
                self.link(id, 0, LifeEvent::Opened);
                if self.mute {
                    return;
                }
                self.data(id, format!("Welcome!\n\u{1e}{NONCE}:0:0:\u{1e}").as_bytes());
            },
            other => self.others.push(other),
        }
    }

    pub(super) fn link(&mut self, id: NodeId, attempt: u64, event: LifeEvent) {
        self.app.handle(self.now, Event::Link(id, attempt, event));
    }

    pub(super) fn feed(&mut self, id: NodeId, event: ChannelEvent<'_>) {
        self.app
            .handle(self.now, Event::Channel(id, ChannelId::FEED, event));
    }

    pub(super) fn data(&mut self, id: NodeId, bytes: &[u8]) {
        self.app.handle(self.now, Event::Data(id, bytes));
    }

    /// A node prints.
    pub(super) fn says(&mut self, node: &str, text: &str) {
        self.data(self.id(node), text.as_bytes());
        self.settle();
    }

    /// The command on a node ends.
    pub(super) fn ends(&mut self, node: &str, status: u8) {
        let id = self.id(node);
        let number = self.numbers.get(&id).expect("a command was sent");
        let mark = format!("\u{1e}{NONCE}:{status}:{number}:{status}:\u{1e}");
        self.data(id, mark.as_bytes());
        self.settle();
    }

    /// The command on a node has opened its standard input.
    pub(super) fn reads(&mut self, node: &str) {
        let id = self.id(node);
        let number = self.numbers.get(&id).expect("a command was sent");
        let mark = format!("\u{1e}{NONCE}::{number}:i\u{1e}");
        self.data(id, mark.as_bytes());
        self.settle();
    }

    /// The login shell of a node shows its first prompt.
    pub(super) fn boots(&mut self, node: &str) {
        let id = self.id(node);
        self.data(id, format!("Welcome!\n\u{1e}{NONCE}:0:0:\u{1e}").as_bytes());
        self.settle();
    }

    /// The raw shell of a node shows its person's prompt, for the `count`th time.
    pub(super) fn raw_prompt(&mut self, node: &str, count: u32) {
        let id = self.id(node);
        let number = self.numbers.get(&id).expect("it was entered");
        let mark = format!("\u{1e}{NONCE}:0:{count}:{number}:p\u{1e}");
        self.data(id, mark.as_bytes());
        self.settle();
    }

    /// The raw shell of a node is in line mode again.
    pub(super) fn lined(&mut self, node: &str) {
        let id = self.id(node);
        let number = self.numbers.get(&id).expect("it was entered");
        let next = number.parse::<u32>().unwrap() + 1;
        let mark = format!("\u{1e}{NONCE}:0:{next}:0:\u{1e}");
        self.data(id, mark.as_bytes());
        self.settle();
    }

    /// Bytes on standard input.
    pub(super) fn input(&mut self, bytes: &[u8]) {
        self.app.handle(self.now, Event::Input(bytes));
        self.settle();
    }

    /// Keys at the prompt.
    pub(super) fn keys(&mut self, keys: &str) {
        self.app.handle(self.now, Event::Input(keys.as_bytes()));
        self.settle();
    }

    pub(super) fn line(&mut self, line: &str) {
        self.keys(&format!("{line}\r"));
    }

    pub(super) fn after(&mut self, time: Duration) {
        self.now += time;
        self.app.tick(self.now);
        self.settle();
    }

    /// What a node's shell was sent since the last look.
    pub(super) fn took(&mut self, node: &str) -> String {
        let id = self.id(node);
        String::from_utf8_lossy(&self.sent.remove(&id).unwrap_or_default()).into_owned()
    }

    pub(super) fn out(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(self.app.out())).into_owned()
    }

    pub(super) fn err(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(self.app.err())).into_owned()
    }

    /// The exit code, once the run has ended.
    pub(super) fn exit(&self) -> Option<u8> {
        self.others.iter().find_map(|effect| match effect {
            Effect::Exit(code) => Some(*code),
            _ => None,
        })
    }

    /// The rows of the screen that hold anything.
    pub(super) fn rows(&self) -> Vec<String> {
        let rows = self.screen.screen().contents();
        rows.lines()
            .map(|row| row.trim_end().to_owned())
            .filter(|row| !row.is_empty())
            .collect()
    }

    pub(super) fn last_row(&self) -> String {
        self.rows().last().cloned().unwrap_or_default()
    }
}

/// A batch on the cluster file `file`.
pub(super) fn batch_on(file: &str, lines: &[&str]) -> Lab {
    let lines = lines
        .iter()
        .map(|line| parse::scripted(line).unwrap())
        .collect();
    let app = App::batch(setup(|_| {}), desk(2), BatchInput::Lines(lines));
    Lab::with(app, file, false)
}

/// A batch whose connections are the test's own.
pub(super) fn manual(lines: &[&str]) -> Lab {
    let lines = lines
        .iter()
        .map(|line| parse::scripted(line).unwrap())
        .collect();
    let app = App::batch(setup(|_| {}), desk(3), BatchInput::Lines(lines));
    Lab::with(app, "lab.cnf", true)
}

/// Another one, on one address for all nodes.
pub(super) fn manual_on(file: &str, lines: &[&str]) -> Lab {
    let lines = lines
        .iter()
        .map(|line| parse::scripted(line).unwrap())
        .collect();
    let app = App::batch(setup(|_| {}), desk(2), BatchInput::Lines(lines));
    Lab::with(app, file, true)
}

/// Another one, with this text as ~/.ssh/config.
pub(super) fn configured(file: &str, lines: &[&str], config: &str) -> Lab {
    let lines = lines
        .iter()
        .map(|line| parse::scripted(line).unwrap())
        .collect();
    let change = |setup: &mut Setup| setup.ssh_config.add("config", config, &mut |_| Vec::new());
    let app = App::batch(setup(change), desk(2), BatchInput::Lines(lines));
    Lab::with(app, file, false)
}
