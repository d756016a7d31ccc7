//! The life of one node's connection, from the first dial to the last report: which address, which
//! key, what to ask, when to try again, and what to say when it fails. It makes [`Wish`]es and is
//! told what became of them; it does nothing itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod login;
mod types;

pub use types::{
    ALIVE, Event, Failure, Fault, HostKeyPolicy, HostKeyVerdict, Identity, Method, Methods,
    PATIENCE, Question, Refusal, Route, Way, Wish,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not connected, nothing under way.
    Down,
    /// Until the time in `wake`.
    Pausing,
    Resolving,
    Dialling,
    Handshaking,
    LoadingKey,
    Authenticating,
    Asking,
    Opening,
    Up,
}

/// Attempts to log in that a person's answers may take.
const ASK_MAX: u8 = 3;
/// The first pause before another attempt; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// One address of several may take this long.
const ADDRESS_TIME: Duration = Duration::from_secs(5);
/// A session may take this long to open a shell on its connection; then we dial.
const LOAN_TIME: Duration = Duration::from_secs(5);

/// The life of one connection.
#[derive(Debug)]
pub struct Life {
    route: Route,
    phase: Phase,
    deadline: Option<Instant>,
    wake: Option<Instant>,
    addresses: Vec<SocketAddr>,
    next_address: usize,
    attempts: u32,
    steps: Vec<Method>,
    next_step: usize,
    current: Option<Method>,
    methods: Methods,
    asked: u8,
    tried: Vec<String>,
    last_fault: String,
    failure: Failure,
    jitter: u32,
    /// The connection is, or will be, that of a running session.
    lent: bool,
    /// Nobody needs the shell: only other channels are wanted.
    bare: bool,
}

impl Life {
    /// A connection that is down. `jitter` is any random number; it spreads retries.
    pub fn new(route: Route, jitter: u32) -> Self {
        Self {
            route,
            phase: Phase::Down,
            deadline: None,
            wake: None,
            addresses: Vec::new(),
            next_address: 0,
            attempts: 0,
            steps: Vec::new(),
            next_step: 0,
            current: None,
            methods: Methods::default(),
            asked: 0,
            tried: Vec::new(),
            last_fault: String::new(),
            failure: Failure::Final,
            jitter,
            lent: false,
            bare: false,
        }
    }

    /// Whether the login is all that is needed: no shell is opened then ([`Self::reopen`] does that
    /// later). Whether a session lends its connection shows only with the first channel then: if it
    /// does not, or does not say so for [`Self::loan_patience`], [`Self::end_loan`] goes on.
    pub fn set_bare(&mut self, bare: bool) {
        self.bare = bare;
    }

    /// A running session may have a connection: that is tried before one of our own is made.
    pub fn offer_loan(&mut self) {
        self.lent = true;
    }

    /// A session is given so long to open a channel.
    pub fn loan_patience(&self) -> Duration {
        LOAN_TIME.min(self.route.timeout / 2)
    }

    /// It goes over a running session's connection, or is about to.
    pub fn is_lent(&self) -> bool {
        self.lent
    }

    /// Goes on without the session, as soon as it is this node's turn. Nothing must have been sent
    /// to a shell.
    pub fn end_loan(&mut self, now: Instant, out: &mut Vec<Wish>) {
        self.lent = false;
        self.phase = Phase::Pausing;
        self.deadline = self.deadline.or(Some(now + self.route.timeout));
        self.wake = Some(now);
        out.push(Wish::Hangup);
    }

    /// How the node is reached.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// How it logs in now, or did.
    pub fn method(&self) -> Option<&Method> {
        self.current.as_ref()
    }

    /// What made the last attempt fail.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// The shell is open; of a jump host, and where nobody needs a shell: the login is done.
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Nothing is under way.
    pub fn is_down(&self) -> bool {
        self.phase == Phase::Down
    }

    /// It counts against the limit on connections that are not authenticated yet.
    pub fn is_connecting(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Down | Phase::Up | Phase::Pausing | Phase::Opening
        )
    }

    /// It waits for its turn to be dialled again.
    pub fn is_pausing(&self) -> bool {
        self.phase == Phase::Pausing
    }

    /// Its time is up.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|at| at <= now)
    }

    /// What it does, in two or three words, for a person.
    pub fn doing(&self) -> &'static str {
        match self.phase {
            Phase::Down => "not connected",
            Phase::Pausing => "waiting to try again",
            Phase::Resolving => "looking up its address",
            Phase::Dialling => "connecting",
            Phase::Handshaking => "exchanging keys",
            Phase::LoadingKey => "reading its key",
            Phase::Authenticating => "logging in",
            Phase::Asking => "waiting for an answer",
            Phase::Opening => "opening the shell",
            Phase::Up => "connected",
        }
    }

    /// When [`Self::tick`] wants to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        match (self.deadline, self.wake) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Begins to connect. Call it only when down, or for the next attempt after a pause.
    pub fn start(&mut self, now: Instant, out: &mut Vec<Wish>) {
        if self.phase == Phase::Down {
            self.deadline = Some(now + self.route.timeout);
            self.attempts = 0;
            self.asked = 0;
            self.last_fault.clear();
            self.failure = Failure::Final;
        }
        self.wake = None;
        self.steps = self.plan();
        self.next_step = 0;
        self.tried.clear();
        self.methods = Methods {
            publickey: true,
            password: false,
            interactive: false,
        };
        if self.lent {
            out.push(Wish::Borrow);
            if self.bare {
                self.is_there(out);
            } else {
                self.phase = Phase::Opening;
                self.wake = Some(now + self.loan_patience());
                out.push(Wish::Open);
            }
            return;
        }
        match self.route.way.clone() {
            Way::Command(command) => {
                self.phase = Phase::Dialling;
                out.push(Wish::Proxy(command));
            },
            Way::Jump(jump) => {
                self.phase = Phase::Dialling;
                out.push(Wish::Tunnel(jump));
            },
            Way::Direct if self.addresses.is_empty() => {
                self.phase = Phase::Resolving;
                out.push(Wish::Resolve);
            },
            Way::Direct => {
                self.next_address = 0;
                self.dial(now, out);
            },
        }
    }

    /// Another channel on the same connection, after the shell ended.
    pub fn reopen(&mut self, now: Instant, out: &mut Vec<Wish>) {
        self.phase = Phase::Opening;
        self.deadline = Some(now + self.route.timeout);
        self.wake = self.lent.then(|| now + self.loan_patience());
        out.push(Wish::Open);
    }

    /// The channel closed, but the connection stays.
    pub fn channel_closed(&mut self) {
        self.deadline = None;
        self.wake = None;
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<Wish>) {
        if self.deadline.is_some_and(|at| at <= now) && self.phase != Phase::Asking {
            let seconds = self.route.timeout.as_secs();
            let doing = self.doing();
            let why = if self.last_fault.is_empty() {
                format!("timed out after {seconds} s while {doing}")
            } else {
                format!(
                    "timed out after {seconds} s; the last attempt: {}",
                    self.last_fault
                )
            };
            self.failure = Failure::Unreachable;
            self.fail(why, out);
        } else if self.wake.is_some_and(|at| at <= now) {
            self.wake = None;
            match self.phase {
                Phase::Pausing => self.start(now, out),
                Phase::Opening => self.end_loan(now, out),
                Phase::Dialling if self.next_address < self.addresses.len() => {
                    out.push(Wish::Hangup);
                    self.dial(now, out);
                },
                Phase::Dialling => {
                    let seconds = ADDRESS_TIME.as_secs();
                    let why = format!("no answer for {seconds} s");
                    self.fault(now, Fault::Dropped(why), out);
                },
                _ => {},
            }
        }
    }

    /// Something happened.
    pub fn on(&mut self, now: Instant, event: Event, out: &mut Vec<Wish>) {
        match (self.phase, event) {
            (Phase::Resolving, Event::Resolved(Ok(addresses))) if !addresses.is_empty() => {
                self.addresses = addresses;
                self.next_address = 0;
                self.dial(now, out);
            },
            (Phase::Resolving, Event::Resolved(result)) => {
                let why = result
                    .err()
                    .unwrap_or_else(|| "it has no address".to_owned());
                let host = self.route.host.clone();
                self.failure = Failure::Unreachable;
                self.fail(format!("cannot resolve {host}: {why}"), out);
            },
            (Phase::Dialling, Event::Connected) => {
                self.wake = None;
                self.phase = Phase::Handshaking;
                out.push(Wish::Handshake);
            },
            (Phase::Handshaking, Event::Handshaken(fingerprint, verdict)) => {
                self.check_host_key(&fingerprint, verdict, out);
            },
            (Phase::LoadingKey, Event::Key(Ok(true))) => self.login(out),
            (Phase::LoadingKey, Event::Key(Ok(false))) => match self.current.clone() {
                Some(Method::Key(path)) if self.is_named(&path) => {
                    self.fail(format!("there is no key file {}", path.display()), out);
                },
                _ => self.next_method(out),
            },
            (Phase::LoadingKey, Event::Key(Err(why))) => {
                let named = matches!(&self.current, Some(Method::Key(path)) if self.is_named(path));
                if named {
                    self.fail(why, out);
                } else {
                    self.tried.push(why);
                    self.next_method(out);
                }
            },
            (Phase::Authenticating, Event::Accepted) => {
                self.asked = 0;
                if self.route.shell && !self.bare {
                    self.phase = Phase::Opening;
                    out.push(Wish::Open);
                } else {
                    self.is_there(out);
                }
            },
            (Phase::Authenticating, Event::Denied(methods)) => {
                self.methods = methods;
                self.next_method(out);
            },
            (Phase::Authenticating, Event::Asked(questions)) => {
                if questions.is_empty() {
                    out.push(Wish::Answer(Vec::new()));
                } else {
                    self.phase = Phase::Asking;
                    out.push(Wish::Ask {
                        questions,
                        repeat: self.asked > 1,
                    });
                }
            },
            (Phase::Asking, Event::Answers(answers)) => self.answered(now, answers, out),
            (Phase::Opening, Event::Opened) => self.is_there(out),
            (Phase::Opening, Event::NotOpened(_) | Event::Fault(_)) if self.lent => {
                self.end_loan(now, out);
            },
            (Phase::Opening, Event::NotOpened(why)) => {
                self.fail(format!("its sshd refused the shell: {why}"), out);
            },
            (Phase::Down | Phase::Pausing, _) => {},
            (_, Event::Fault(fault)) => self.fault(now, fault, out),
            // Late news of something that was given up.
            _ => {},
        }
    }

    /// Gives up whatever is under way.
    pub fn hang_up(&mut self, out: &mut Vec<Wish>) {
        if self.phase != Phase::Down {
            self.phase = Phase::Down;
            self.deadline = None;
            self.wake = None;
            out.push(Wish::Hangup);
        }
    }

    fn is_there(&mut self, out: &mut Vec<Wish>) {
        self.phase = Phase::Up;
        self.deadline = None;
        self.wake = None;
        self.attempts = 0;
        out.push(Wish::Up);
    }

    fn dial(&mut self, now: Instant, out: &mut Vec<Wish>) {
        let Some(&address) = self.addresses.get(self.next_address) else {
            return;
        };
        self.next_address += 1;
        self.phase = Phase::Dialling;
        let more = self.next_address < self.addresses.len() || self.route.starting;
        self.wake = more.then(|| now + ADDRESS_TIME);
        out.push(Wish::Dial(address));
    }

    fn check_host_key(&mut self, fingerprint: &str, verdict: HostKeyVerdict, out: &mut Vec<Wish>) {
        let Route {
            alias,
            host,
            port,
            host_keys,
            ..
        } = &self.route;
        let at = if alias == host {
            format!("{host}:{port}")
        } else {
            format!("{alias} at {host}:{port}")
        };
        match (host_keys, verdict) {
            (HostKeyPolicy::Off, _) | (_, HostKeyVerdict::Known) => self.next_method(out),
            (_, HostKeyVerdict::Vouched) | (HostKeyPolicy::AcceptNew, HostKeyVerdict::New) => {
                out.push(Wish::Remember);
                self.next_method(out);
            },
            (HostKeyPolicy::Strict, HostKeyVerdict::New) => {
                let why = format!(
                    "its host key is not known ({at} presents {fingerprint}), and host_keys=strict"
                );
                self.fail(why, out);
            },
            (_, HostKeyVerdict::Changed(known)) => {
                let why = format!(
                    "HOST KEY CHANGED: {at} presents {fingerprint}, but {} is known; not connected. \
                     If the machine was really replaced, remove the known key and try again",
                    known.join(" and ")
                );
                self.fail(why, out);
            },
            (_, HostKeyVerdict::Revoked) => {
                self.fail(
                    format!("its host key {fingerprint} is marked as revoked"),
                    out,
                );
            },
        }
    }

    fn fault(&mut self, now: Instant, fault: Fault, out: &mut Vec<Wish>) {
        let (why, again) = match fault {
            Fault::Refused(why) | Fault::Protocol(why) => (why, false),
            Fault::Dropped(why) => (why, true),
        };
        if self.phase == Phase::Dialling && self.next_address < self.addresses.len() {
            out.push(Wish::Hangup);
            self.dial(now, out);
            return;
        }
        // Nothing was sent to a shell yet: another attempt cannot do anything twice.
        let early = matches!(
            self.phase,
            Phase::Dialling | Phase::Handshaking | Phase::Authenticating | Phase::Opening
        );
        if again && early {
            self.attempts += 1;
            self.last_fault = why;
            self.phase = Phase::Pausing;
            self.wake = Some(now + self.pause());
            out.push(Wish::Hangup);
        } else {
            self.failure = Failure::Unreachable;
            self.fail(why, out);
        }
    }

    fn fail(&mut self, why: String, out: &mut Vec<Wish>) {
        self.phase = Phase::Down;
        self.deadline = None;
        self.wake = None;
        // The next use looks the name up again: the machine may have moved.
        self.addresses.clear();
        out.push(Wish::Hangup);
        out.push(Wish::Down(why));
    }

    /// Full jitter: between nothing and a bound that doubles with every attempt.
    fn pause(&mut self) -> Duration {
        // A linear congruential step (Numerical Recipes' constants) is random enough to spread.
        self.jitter = self
            .jitter
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let bound = PAUSE
            .saturating_mul(1 << self.attempts.min(6))
            .min(PAUSE_MAX);
        PAUSE / 4 + bound.mul_f64(f64::from(self.jitter >> 8) / f64::from(1u32 << 24))
    }
}

#[cfg(test)]
mod tests;
