//! The ssh server of a node: one [`Connection`] per client.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::pty::Winsize;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session};
use russh::server::{VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, MethodKind, MethodSet, Sig};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::channel::{Input, Out, Process, attach, serve, serve_socket};
use super::inlet::{Chunk, Inlet, Pressure, WINDOW};
use super::procs::{Reaper, hang_up};
use super::pty::{Pty, winsize};
use super::spawn::{Ask, Setting, Wish, spawn};

/// The most channels that one connection may have open.
const MAX_CHANNELS: usize = 256;

/// The most that one packet carries, in bytes (RFC 4253 §6.1).
const MAX_PACKET: u32 = 32 * 1024;

/// What all connections of a node share.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) setting: Setting,
    pub(super) authorized: PublicKey,
    pub(super) reaper: Reaper,
}

/// How the server presents itself: key login only, and no haste to turn guesses away slowly,
/// since an ed25519 key cannot be guessed.
pub(super) fn config(host_key: PrivateKey) -> Config {
    Config {
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::ZERO,
        keys: vec![host_key],
        window_size: WINDOW,
        maximum_packet_size: MAX_PACKET,
        // A person with many keys in the agent offers them all.
        max_auth_attempts: 64,
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    }
}

/// Serves one client until it goes.
pub(super) async fn connection(stream: TcpStream, config: Arc<Config>, node: Arc<Node>) {
    let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else {
        return;
    };
    // Only a slower answer if the system refuses.
    drop(stream.set_nodelay(true));
    let pressure = Arc::new(Pressure::default());
    let logged_in = Arc::new(AtomicBool::new(false));
    let inlet = Inlet::new(stream, Arc::clone(&pressure), Arc::clone(&logged_in));
    let connection = Connection {
        node,
        local,
        peer,
        pressure,
        logged_in,
        channels: HashMap::new(),
    };
    // How a connection ends is the client's affair; a node keeps no journal of it.
    if let Ok(session) = run_stream(config, inlet, connection).await {
        drop(session.await);
    }
}

/// One client.
struct Connection {
    node: Arc<Node>,
    local: SocketAddr,
    peer: SocketAddr,
    pressure: Arc<Pressure>,
    logged_in: Arc<AtomicBool>,
    channels: HashMap<ChannelId, Stage>,
}

/// Where a channel is in its life.
enum Stage {
    /// Open, but what to run was not said yet.
    Asking(ChannelWriteHalf<Msg>, Ask),
    /// At work.
    Working(UnboundedSender<Input>, Option<Arc<Process>>),
}

impl Connection {
    /// True if one more channel may be opened. Channels that the node has closed are forgotten
    /// here: nobody tells.
    fn has_room(&mut self) -> bool {
        self.channels.retain(|_, stage| match stage {
            Stage::Asking(..) => true,
            Stage::Working(input, _) => !input.is_closed(),
        });
        self.channels.len() < MAX_CHANNELS
    }

    fn ask(&mut self, id: ChannelId) -> Option<&mut Ask> {
        match self.channels.get_mut(&id)? {
            Stage::Asking(_, ask) => Some(ask),
            Stage::Working(..) => None,
        }
    }

    fn process(&self, id: ChannelId) -> Option<&Arc<Process>> {
        match self.channels.get(&id)? {
            Stage::Working(_, process) => process.as_ref(),
            Stage::Asking(..) => None,
        }
    }

    fn input(&self, id: ChannelId, input: Input) {
        if let Some(Stage::Working(sender, _)) = self.channels.get(&id) {
            // A channel that has ended takes no more.
            drop(sender.send(input));
        }
    }

    /// Runs what was asked for; false if it cannot be run. A channel runs one thing only
    /// (RFC 4254 §6.5).
    fn launch(&mut self, id: ChannelId, wish: &Wish, session: &Session) -> bool {
        let (write, ask) = match self.channels.remove(&id) {
            Some(Stage::Asking(write, ask)) => (write, ask),
            Some(working) => {
                self.channels.insert(id, working);
                return false;
            },
            None => return false,
        };
        let Ok((pid, ends)) = spawn(&self.node.setting, wish, ask, self.local, self.peer) else {
            // The terminal and the variables are used up, but the client may close in peace.
            self.channels
                .insert(id, Stage::Asking(write, Ask::default()));
            return false;
        };
        let ended = self.node.reaper.watch(pid);
        let Ok((process, files)) = attach(pid, ends) else {
            hang_up(pid);
            return false;
        };
        let process = Arc::new(process);
        let (sender, input) = unbounded_channel();
        let out = Out {
            write,
            handle: session.handle(),
        };
        tokio::spawn(serve(Arc::clone(&process), files, ended, out, input));
        self.channels
            .insert(id, Stage::Working(sender, Some(process)));
        true
    }

    fn answer(id: ChannelId, done: bool, session: &mut Session) -> Result<(), russh::Error> {
        if done {
            session.channel_success(id)
        } else {
            session.channel_failure(id)
        }
    }

    fn accepts(&self, key: &PublicKey) -> bool {
        key.key_data() == self.node.authorized.key_data()
    }

    /// The address that a client means by a host, if it is on this machine.
    fn on_loopback(&self, host: &str, port: u32) -> Option<SocketAddr> {
        let port = u16::try_from(port).ok()?;
        let ip = match host {
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            name if name == self.node.setting.name => self.local.ip(),
            literal => literal.trim_matches(['[', ']']).parse().ok()?,
        };
        ip.is_loopback().then_some(SocketAddr::new(ip, port))
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(if self.accepts(offer.public_key) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    /// Whatever the user's name is: all of a node is this user's.
    async fn auth_publickey(
        &mut self,
        _user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(if self.accepts(key.public_key) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Self::Error> {
        self.logged_in.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if !self.has_room() {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        // What arrives comes through `data`, where it is counted; the other way it would block.
        let (_, write) = channel.split();
        self.channels
            .insert(write.id(), Stage::Asking(write, Ask::default()));
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(addr) = self.on_loopback(host, port) else {
            reply
                .reject(ChannelOpenFailure::AdministrativelyProhibited)
                .await;
            return Ok(());
        };
        if !self.has_room() {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let (_, write) = channel.split();
        let (sender, input) = unbounded_channel();
        self.channels
            .insert(write.id(), Stage::Working(sender, None));
        let out = Out {
            write,
            handle: session.handle(),
        };
        tokio::spawn(async move {
            match TcpStream::connect(addr).await {
                Ok(socket) => {
                    // Only slower if the system refuses.
                    drop(socket.set_nodelay(true));
                    reply.accept().await;
                    serve_socket(socket, out, input).await;
                },
                Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let done = self.ask(id).is_some_and(|ask| ask.set_env(name, value));
        Self::answer(id, done, session)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        cols: u32,
        rows: u32,
        width: u32,
        height: u32,
        modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let size: Winsize = winsize(cols, rows, width, height);
        let pty = Pty::open(term, size, modes).ok();
        let done = match (self.ask(id), pty) {
            (Some(ask), Some(pty)) if ask.pty.is_none() => {
                ask.pty = Some(pty);
                true
            },
            _ => false,
        };
        Self::answer(id, done, session)
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let done = self.launch(id, &Wish::Shell, session);
        Self::answer(id, done, session)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let done = self.launch(id, &Wish::Exec(command.to_vec()), session);
        Self::answer(id, done, session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let done = name == "sftp" && self.launch(id, &Wish::Sftp, session);
        Self::answer(id, done, session)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        cols: u32,
        rows: u32,
        width: u32,
        height: u32,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.process(id) {
            process.resize(winsize(cols, rows, width, height));
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        id: ChannelId,
        signal: Sig,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(process) = self.process(id) {
            process.signal(&signal);
        }
        Ok(())
    }

    async fn data(
        &mut self,
        id: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if !data.is_empty() {
            self.input(id, Input::Data(Chunk::new(data, &self.pressure)));
        }
        Ok(())
    }

    fn adjust_window(&mut self, _id: ChannelId, _current: u32) -> u32 {
        self.pressure.window()
    }

    async fn channel_eof(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.input(id, Input::Eof);
        Ok(())
    }

    async fn channel_close(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }
}
