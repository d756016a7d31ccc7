//! Every node's connection: what it has, what its life wishes for, and how it ends.

mod turns;

use super::feed::Input;
use super::jumps::Bastions;
use super::typed::Typed;
use super::{App, Effect};
use crate::model::{NodeId, Outcome};
use crate::output::LineAssembler;
use crate::session::life::{Event as LifeEvent, Life, Method, Wish};
use crate::session::shell::{Piece, Shell, State};
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// One node's connection, shell and queue.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) life: Life,
    pub(super) shell: Option<Shell>,
    pub(super) lines: LineAssembler,
    /// Commands that wait for the connection.
    pub(super) queue: VecDeque<Queued>,
    /// The command that runs.
    pub(super) current: Option<Current>,
    /// What was sent to it.
    pub(super) typed: Typed,
    pub(super) attempt: u64,
    /// When the connection that is, or is being set up, began.
    pub(super) began: Option<Instant>,
    /// It should be connected, and waits for its turn.
    pub(super) wanted: bool,
    /// Somebody needs its shell, and not only the connection.
    pub(super) shell_asked: bool,
    /// When an unfinished line is shown.
    pub(super) quiet_at: Option<Instant>,
    pub(super) mark_by: Option<Instant>,
    pub(super) alive_at: Option<Instant>,
    /// The session is authenticated, but has no shell.
    pub(super) connected: bool,
    /// Why it came down last.
    pub(super) why_down: Option<String>,
    /// Its jump host is gone: the reason for the end that comes behind what has arrived, and whether
    /// the person knows it.
    pub(super) severed: Option<(String, bool)>,
    /// SHA-256 of the host key that it presented.
    pub(super) presented: Option<[u8; 32]>,
    /// So many transfers use the connection, or will.
    pub(super) transfers: u32,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) job: u64,
    pub(super) text: Vec<u8>,
    pub(super) input: Input,
}

#[derive(Debug)]
pub(super) struct Current {
    pub(super) job: u64,
    pub(super) since: Instant,
    pub(super) interrupted: bool,
}

impl Run {
    pub(super) fn new(life: Life, lines: LineAssembler) -> Self {
        Self {
            life,
            shell: None,
            lines,
            queue: VecDeque::new(),
            current: None,
            typed: Typed::default(),
            attempt: 0,
            began: None,
            wanted: false,
            shell_asked: false,
            quiet_at: None,
            mark_by: None,
            alive_at: None,
            connected: false,
            why_down: None,
            severed: None,
            presented: None,
            transfers: 0,
        }
    }

    /// Something came from the node, or was just sent: the silence begins anew.
    pub(super) fn hear(&mut self, now: Instant) {
        self.alive_at = self.life.route().alive.map(|after| now + after);
    }

    /// The shell is at its prompt, or runs a command.
    pub(super) fn is_ready(&self) -> bool {
        self.shell
            .as_ref()
            .is_some_and(|shell| shell.state() != State::Starting)
    }

    /// Its connection alone will not do.
    pub(super) fn needs_shell(&self) -> bool {
        self.shell_asked || !self.queue.is_empty()
    }

    /// How many files it holds open: a node behind a jump host has both ends of a socket pair, and
    /// one on a session's connection has a socket for each channel.
    /// Jump hosts are few, and nodes wait for them: they do not count.
    fn files(&self) -> usize {
        let route = self.life.route();
        let second = route.jump().is_some() || self.life.is_lent();
        usize::from(route.shell) + usize::from(route.shell && second)
    }

    /// Its connection is gone.
    fn forget_shell(&mut self) {
        self.shell = None;
        self.shell_asked = false;
        self.mark_by = None;
        self.alive_at = None;
        self.connected = false;
    }

    pub(super) fn is_busy(&self) -> bool {
        let works = self.current.is_some() || !self.queue.is_empty() || self.transfers > 0;
        works || self.is_settling()
    }
}

/// All nodes' connections.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    runs: BTreeMap<NodeId, Run>,
    attempts: u64,
    /// Nodes that wait for their turn to connect, in order.
    waiting: VecDeque<NodeId>,
    /// Which of the connections are those of jump hosts.
    pub(super) bastions: Bastions,
}

impl Fleet {
    pub(super) fn get(&self, id: NodeId) -> Option<&Run> {
        self.runs.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut Run> {
        self.runs.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: NodeId, run: Run) {
        self.runs.insert(id, run);
    }

    pub(super) fn remove(&mut self, id: NodeId) -> Option<Run> {
        self.waiting.retain(|other| *other != id);
        self.bastions.check();
        self.runs.remove(&id)
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    pub(super) fn ids(&self) -> Vec<NodeId> {
        self.runs.keys().copied().collect()
    }

    /// A node is to be connected before all others that wait.
    pub(super) fn first_in_line(&mut self, id: NodeId) {
        if let Some(run) = self.runs.get_mut(&id) {
            run.wanted = true;
            self.waiting.push_front(id);
        }
    }

    /// Nodes with a command that has not ended.
    pub(super) fn busy(&self) -> usize {
        self.runs.values().filter(|run| run.is_busy()).count()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let one = |run: &Run| {
            // A pause that is over waits for a turn, not for the clock.
            let life = run
                .life
                .next_deadline()
                .filter(|_| !(run.wanted && run.life.is_pausing()));
            let typed = run.typed.next_deadline();
            [life, run.quiet_at, run.mark_by, run.alive_at, typed]
                .into_iter()
                .flatten()
                .min()
        };
        self.runs.values().filter_map(one).min()
    }
}

impl App {
    /// News of a connection.
    pub(super) fn link(&mut self, now: Instant, id: NodeId, attempt: u64, event: LifeEvent) {
        let Some(run) = self.fleet.runs.get_mut(&id) else {
            return;
        };
        if attempt != 0 && attempt != run.attempt {
            return;
        }
        self.tell_event(id, &event);
        let Some(run) = self.fleet.runs.get_mut(&id) else {
            return;
        };
        let mut wishes = Vec::new();
        if let LifeEvent::Fault(fault) = &event
            && run.life.is_up()
        {
            use crate::session::life::Fault;
            let (Fault::Refused(why) | Fault::Dropped(why) | Fault::Protocol(why)) = fault;
            let why = why.clone();
            match run.severed.take() {
                Some((why, told)) => self.severed(now, id, &why, told),
                None => self.lost(now, id, &why),
            }
            return;
        }
        run.life.set_bare(!run.needs_shell());
        run.life.on(now, event, &mut wishes);
        self.grant(now, id, wishes);
    }

    pub(super) fn grant(&mut self, now: Instant, id: NodeId, wishes: Vec<Wish>) {
        for wish in wishes {
            self.tell_wish(id, &wish);
            let Some(run) = self.fleet.runs.get_mut(&id) else {
                return;
            };
            let attempt = run.attempt;
            let route = run.life.route();
            match wish {
                Wish::Resolve => {
                    let (host, port) = (route.host.clone(), route.port);
                    self.effects
                        .push_back(Effect::Resolve(id, attempt, host, port));
                },
                Wish::Dial(address) => self.effects.push_back(Effect::Dial(id, attempt, address)),
                Wish::Proxy(command) => self.effects.push_back(Effect::Proxy(id, attempt, command)),
                Wish::Tunnel(jump) => {
                    let (host, port) = (route.host.clone(), route.port);
                    self.effects.push_back(Effect::Tunnel {
                        node: id,
                        attempt,
                        jump,
                        host,
                        port,
                    });
                },
                Wish::Handshake => {
                    let (user, alias) = (route.user.clone(), route.alias.clone());
                    let algorithms = self.known_hosts.algorithms_for(&alias, route.alias_port);
                    self.effects.push_back(Effect::Handshake {
                        node: id,
                        user,
                        alias,
                        algorithms,
                    });
                },
                Wish::Remember => {
                    let (alias, port) = (route.alias.clone(), route.alias_port);
                    if let Some(hash) = run.presented {
                        self.known_hosts
                            .learn(&self.setup.known_hosts_name, &alias, port, &hash);
                    }
                    self.effects.push_back(Effect::Remember(id, port));
                },
                Wish::Borrow => {
                    if let Some(loan) = self.loan_of(id) {
                        self.effects.push_back(Effect::Borrow(id, attempt, loan));
                    }
                },
                Wish::Load(path) => self.load_key(now, id, attempt, path),
                Wish::Login(Method::Interactive) => {
                    self.effects
                        .push_back(Effect::Login(id, attempt, Method::Interactive));
                },
                Wish::Login(method) => self.effects.push_back(Effect::Login(id, attempt, method)),
                Wish::Answer(answers) => self.effects.push_back(Effect::Answer(id, answers)),
                Wish::Ask { questions, repeat } => self.ask(now, id, questions, repeat),
                Wish::Open => self.open_shell(id),
                Wish::Up if !route.shell => self.jump_up(now, id),
                Wish::Up if run.shell.is_none() => self.bare_up(now, id),
                Wish::Up => self.shell_open(now, id),
                Wish::Hangup => {
                    run.connected = false;
                    self.fleet.bastions.check();
                    self.withdraw_questions(id);
                    self.effects.push_back(Effect::Hangup(id));
                },
                Wish::Down(why) => {
                    let failure = run.life.failure();
                    run.forget_shell();
                    self.raw_ended(id);
                    let lent = self.channels_gone(now, id, &why);
                    if self.boot_refused(now, id, failure, &why) {
                        continue;
                    }
                    if lent {
                        // Those who wanted it are told.
                        self.end_commands(now, id, &why);
                    } else {
                        self.went_down(now, id, &why);
                    }
                },
            }
        }
    }

    /// A connection that was up is gone.
    pub(super) fn lost(&mut self, now: Instant, id: NodeId, why: &str) {
        self.severed(now, id, why, false);
    }

    /// The same; the person may know it already.
    fn severed(&mut self, now: Instant, id: NodeId, why: &str, told: bool) {
        if self.fleet.bastions.get(id).is_some() {
            self.hang_up(now, id);
            self.jump_lost(now, id, why);
            return;
        }
        let Some(run) = self.fleet.runs.get_mut(&id) else {
            return;
        };
        if let Some(mut shell) = run.shell.take() {
            shell.finish(&mut |piece| match piece {
                Piece::Output(bytes) => self.node_output(now, id, bytes),
                Piece::Raw(bytes) => self.raw_output(now, id, bytes),
                _ => {},
            });
        }
        let told = self.transfers_lost(now, id, why) || told;
        self.channels_gone(now, id, &format!("connection lost: {why}"));
        self.hang_up(now, id);
        if !self.end_commands(now, id, why) && !told {
            self.connection_lost(id, why);
        }
    }

    /// Closes a node's connection without a word.
    pub(super) fn hang_up(&mut self, now: Instant, id: NodeId) {
        let Some(run) = self.fleet.runs.get_mut(&id) else {
            return;
        };
        let mut wishes = Vec::new();
        run.life.hang_up(&mut wishes);
        run.shell = None;
        run.shell_asked = false;
        run.mark_by = None;
        run.alive_at = None;
        run.wanted = false;
        run.severed = None;
        self.fleet.waiting.retain(|other| *other != id);
        self.raw_ended(id);
        self.channels_gone(now, id, "the session closed its connection");
        self.grant(now, id, wishes);
    }

    /// It cannot be reached, or is lost.
    pub(super) fn went_down(&mut self, now: Instant, id: NodeId, why: &str) {
        if self.fleet.bastions.get(id).is_some() {
            self.jump_failed(now, id, why);
        } else if !self.end_commands(now, id, why) {
            self.connection_lost(id, why);
        }
    }

    fn connection_lost(&mut self, id: NodeId, why: &str) {
        self.notice_of(id, &format!("connection lost: {why}"));
    }

    /// The commands of a node that is down end, each with the reason. True if there were any.
    pub(super) fn end_commands(&mut self, now: Instant, id: NodeId, why: &str) -> bool {
        let Some(run) = self.fleet.runs.get_mut(&id) else {
            return true;
        };
        run.forget_shell();
        run.why_down = Some(why.to_owned());
        let waiting: Vec<Queued> = run.queue.drain(..).collect();
        let mut told = self.transfers_lost(now, id, why);
        let Some(run) = self.fleet.runs.get_mut(&id) else {
            return true;
        };
        if let Some(current) = &run.current {
            let text = self.jobs.text(current.job);
            let why = format!("{why}, while it ran: {text}");
            self.command_ended(now, id, Outcome::Lost(why));
            told = true;
        }
        for queued in waiting {
            let text = self.jobs.text(queued.job);
            let why = format!("{why}; it did not run: {text}");
            self.job_ended(now, queued.job, id, Outcome::Lost(why), None);
            told = true;
        }
        told
    }

    pub(super) fn fleet_tick(&mut self, now: Instant) {
        for id in self.fleet.ids() {
            let Some(run) = self.fleet.runs.get_mut(&id) else {
                continue;
            };
            if run.life.next_deadline().is_some_and(|at| at <= now) {
                let turn = run.life.is_pausing() && !run.life.is_overdue(now);
                if turn {
                    // Its pause is over, but it waits for its turn like all others.
                    if !run.wanted {
                        run.wanted = true;
                        self.fleet.waiting.push_back(id);
                    }
                } else {
                    let mut wishes = Vec::new();
                    run.life.tick(now, &mut wishes);
                    run.wanted = false;
                    self.grant(now, id, wishes);
                }
            }
            let Some(run) = self.fleet.runs.get_mut(&id) else {
                continue;
            };
            if run.quiet_at.is_some_and(|at| at <= now) {
                run.quiet_at = None;
                self.node_quiet(id);
            }
            let Some(run) = self.fleet.runs.get_mut(&id) else {
                continue;
            };
            if run.mark_by.is_some_and(|at| at <= now) {
                self.no_mark(now, id);
            }
            let Some(run) = self.fleet.runs.get_mut(&id) else {
                continue;
            };
            if run.typed.next_deadline().is_some_and(|at| at <= now) {
                self.unsettled(now, id);
            }
            let Some(run) = self.fleet.runs.get_mut(&id) else {
                continue;
            };
            if run.alive_at.is_some_and(|at| at <= now) {
                run.hear(now);
                self.effects.push_back(Effect::Keepalive(id));
            }
        }
    }
}
