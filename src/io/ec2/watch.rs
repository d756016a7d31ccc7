//! What follows a start: reading again until every node of it is settled.
//!
//! EC2's descriptions lag behind: what was launched may not be listed yet, and another start may
//! have launched the same node a moment before. Each round reads all instances, resolves what was
//! launched twice, gives names, starts what has stopped by now, and says what failed.

use super::change::{self, Act, Named};
use super::launch::Launched;
use super::trouble::Trouble;
use super::{Call, Pause, start::fold};
use crate::cloud::identity::{Roster, Who};
use crate::cloud::settle::{Loser, contested, losers};
use crate::cloud::{Fault, Instance, News};
use crate::io::clock;
use crate::model::NodeState;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::MutexGuard;
use tokio::task::JoinSet;

/// Between the first rounds, and between later ones.
const FIRST: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(3);
/// EC2 lists what it has launched within this time.
const LISTED: Duration = Duration::from_secs(90);
/// The other side of a node launched twice has this long to take its own away.
const YIELD: Duration = Duration::from_secs(10);
/// A machine that takes longer than this to come up does not come up.
const PENDING: Duration = Duration::from_secs(15 * 60);
/// A description that EC2 gives this soon after a start may be from before.
const STALE: Duration = Duration::from_secs(20);
/// So many rounds in a row may fail for reasons that pass.
const FAILED_ROUNDS: u32 = 8;
/// How often a name is given before it is told that it was not taken.
const NAME_TRIES: u32 = 4;

/// An instance that this start launched.
#[derive(Debug)]
struct Ours {
    /// As it was seen last.
    instance: Instance,
    /// EC2 has listed it.
    listed: bool,
}

/// A node on its way.
#[derive(Debug)]
struct Follow {
    id: String,
    since: Instant,
    /// It was seen on its way.
    moved: bool,
}

/// A start that is being watched.
pub(super) struct Watch<'a> {
    call: &'a Call,
    cluster: &'a str,
    nodes: Vec<String>,
    ours: BTreeMap<String, Ours>,
    tokens: BTreeSet<String>,
    follows: BTreeMap<String, Follow>,
    /// Started when they have stopped.
    later: BTreeMap<String, String>,
    begun: Instant,
    contested_since: Option<Instant>,
    /// Instances whose names are given, and how often that was tried.
    naming: BTreeMap<String, u32>,
    namers: JoinSet<Vec<Named>>,
    /// Nodes that did not take their names, and why.
    nameless: Vec<(String, String)>,
    /// Before names are tried again; longer each time.
    names_pause: Pause,
    told: Vec<Instance>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        call: &'a Call,
        cluster: &'a str,
        nodes: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            call,
            cluster,
            nodes: nodes.into_iter().collect(),
            ours: BTreeMap::new(),
            tokens: BTreeSet::new(),
            follows: BTreeMap::new(),
            later: BTreeMap::new(),
            begun: clock::now(),
            contested_since: None,
            naming: BTreeMap::new(),
            namers: JoinSet::new(),
            nameless: Vec::new(),
            names_pause: Pause::new(FIRST, LATER),
            told: Vec::new(),
        }
    }

    /// Follows a node until it runs.
    pub(super) fn follow(&mut self, node: String, id: String) {
        let follow = Follow {
            id,
            since: clock::now(),
            moved: false,
        };
        self.follows.insert(node, follow);
    }

    /// Starts a node when it has stopped.
    pub(super) fn start_later(&mut self, node: String, id: String) {
        self.later.insert(node, id);
    }

    /// Follows what was launched.
    pub(super) fn launched(&mut self, launched: Launched) {
        self.tokens.extend(launched.tokens);
        for (node, instance) in launched.nodes {
            self.follow(node, instance.id.clone());
            let ours = Ours {
                instance,
                listed: false,
            };
            self.ours.insert(ours.instance.id.clone(), ours);
        }
    }

    /// Goes on until all is settled. The turn is another's when what was launched is listed.
    /// `must`: there is something to do even if nothing is followed.
    pub(super) async fn run(mut self, turn: MutexGuard<'_, ()>, must: bool) -> Result<(), Trouble> {
        if self.follows.is_empty() && self.later.is_empty() && !must {
            return Ok(());
        }
        self.begun = clock::now();
        let mut turn = Some(turn);
        let mut pause = Pause::new(FIRST, LATER);
        let mut failed = 0;
        let mut acted = false;
        loop {
            match self.round().await {
                Ok(()) => failed = 0,
                Err(trouble) => {
                    failed += 1;
                    if !trouble.is_passing() || failed >= FAILED_ROUNDS {
                        return Err(trouble);
                    }
                },
            }
            let open = self.unlisted() > 0 || self.contested_since.is_some();
            if !open {
                turn = None;
            }
            if failed == 0 && !open && self.follows.is_empty() && self.later.is_empty() {
                break;
            }
            if !acted && !open && self.later.is_empty() && self.namers.is_empty() {
                acted = true;
                self.call.tell(News::Launched);
            }
            if open {
                pause = Pause::new(FIRST, LATER);
            }
            pause.wait().await;
        }
        drop(turn);
        self.finish_names().await
    }

    fn unlisted(&self) -> usize {
        self.ours.values().filter(|ours| !ours.listed).count()
    }

    async fn round(&mut self) -> Result<(), Trouble> {
        let mut seen = self.call.api.instances().await?;
        self.merge(&mut seen);
        self.settle(&mut seen).await;
        if seen != self.told {
            self.call.tell_instances(seen.clone());
            self.told.clone_from(&seen);
        }
        self.give_names(&seen);
        self.start_stopped(&seen).await;
        self.check(&seen);
        Ok(())
    }

    /// Adds what was launched and is not listed yet, and takes as ours what our tokens made.
    fn merge(&mut self, seen: &mut Vec<Instance>) {
        for one in seen.iter() {
            let token = one.attrs.get("client_token");
            let by_us = token.is_some_and(|token| self.tokens.contains(token));
            if let Some(ours) = self.ours.get_mut(&one.id) {
                ours.listed = true;
                ours.instance.clone_from(one);
            } else if by_us && one.is_live() {
                let ours = Ours {
                    instance: one.clone(),
                    listed: true,
                };
                self.ours.insert(one.id.clone(), ours);
            }
        }
        // What was listed once may be missing in the next answer, which another machine of EC2's gives.
        let late = self.begun.elapsed_by(LISTED);
        let there: BTreeSet<String> = seen.iter().map(|one| one.id.clone()).collect();
        let mut gone = Vec::new();
        for (id, ours) in &mut self.ours {
            if there.contains(id) {
                continue;
            }
            if !late {
                seen.push(ours.instance.clone());
            } else if !ours.listed {
                ours.listed = true;
                gone.push(id.clone());
            }
        }
        let call = self.call;
        self.follows.retain(|node, follow| {
            let is_gone = gone.contains(&follow.id);
            if is_gone {
                let text = format!("EC2 launched {}, but does not list it", follow.id);
                call.failed(
                    node,
                    Fault::new(text).hint("`refresh` later, and start it again"),
                );
            }
            !is_gone
        });
    }

    /// Takes away what is one too many of ours.
    async fn settle(&mut self, seen: &mut [Instance]) {
        let ours: BTreeSet<String> = self.ours.keys().cloned().collect();
        let yields = self
            .contested_since
            .is_some_and(|since| since.elapsed_by(YIELD));
        let losers = losers(self.cluster, &self.nodes, &ours, seen, yields);
        if !losers.is_empty() {
            self.take_away(&losers, seen).await;
        }
        let contested = contested(self.cluster, &self.nodes, &ours, seen);
        self.contested_since = match (contested.is_empty(), self.contested_since) {
            (true, _) => None,
            (false, Some(since)) => Some(since),
            (false, None) => Some(clock::now()),
        };
    }

    async fn take_away(&mut self, losers: &[Loser], seen: &mut [Instance]) {
        let ids: Vec<(String, String)> = losers
            .iter()
            .map(|loser| (loser.node.clone(), loser.id.clone()))
            .collect();
        let states = change::act(self.call, Act::Terminate, &ids).await;
        for loser in losers {
            let Some(state) = states.get(&loser.id) else {
                continue;
            };
            self.call.step(format!(
                "{}: {} was launched twice, and goes again; {} is it",
                loser.node, loser.id, loser.winner
            ));
            self.ours.remove(&loser.id);
            if let Some(one) = seen.iter_mut().find(|one| one.id == loser.id) {
                one.state = *state;
            }
            self.follow(loser.node.clone(), loser.winner.clone());
        }
    }

    /// Gives names to what has none, as far as it is clear who it is.
    fn give_names(&mut self, seen: &[Instance]) {
        while let Some(done) = self.namers.try_join_next() {
            self.named(done.unwrap_or_default());
        }
        let roster = Roster::new(seen);
        let mut batch = Vec::new();
        for node in &self.nodes {
            if let Who::One(one) = roster.who(self.cluster, node)
                && one.is_unnamed()
                && !self.naming.contains_key(&one.id)
            {
                batch.push((node.clone(), one.id.clone()));
            }
        }
        if !batch.is_empty() {
            self.naming
                .extend(batch.iter().map(|(_, id)| (id.clone(), 1)));
            let api = Rc::clone(&self.call.api);
            self.namers.spawn_local(change::name(api, batch));
        }
    }

    /// Those that took no name are tried again; EC2 may not know of them everywhere yet.
    fn named(&mut self, results: Vec<Named>) {
        let mut again = Vec::new();
        for (node, id, trouble) in results {
            let Some(trouble) = trouble else { continue };
            let tries = self.naming.entry(id.clone()).or_default();
            // A thousand names are more calls than EC2 takes at once: there it is only a matter of
            // time.
            let more = if trouble.is_throttled() {
                !self.begun.elapsed_by(PENDING)
            } else {
                *tries += 1;
                // One that was launched just now may not be known everywhere.
                let unknown = trouble.code() == Some("InvalidInstanceID.NotFound");
                (unknown || trouble.is_passing()) && *tries <= NAME_TRIES
            };
            if more {
                again.push((node, id));
            } else {
                self.nameless.push((node, trouble.fault.text));
            }
        }
        if !again.is_empty() {
            let api = Rc::clone(&self.call.api);
            let mut pause = self.names_pause;
            self.names_pause.longer();
            self.namers.spawn_local(async move {
                pause.wait().await;
                change::name(api, again).await
            });
        }
    }

    async fn finish_names(mut self) -> Result<(), Trouble> {
        if self.naming.is_empty() {
            return Ok(());
        }
        while let Some(done) = self.namers.join_next().await {
            self.named(done.unwrap_or_default());
        }
        if let Some((_, why)) = self.nameless.first() {
            let names: Vec<&str> = self
                .nameless
                .iter()
                .map(|(node, _)| node.as_str())
                .collect();
            self.call.step(format!(
                "not named in EC2: {} ({why}); dust tells them by their launch",
                fold(&names)
            ));
        }
        self.call.describe().await
    }

    /// Starts what was stopping, and has stopped.
    async fn start_stopped(&mut self, seen: &[Instance]) {
        let mut ready = Vec::new();
        let mut running = Vec::new();
        self.later.retain(|node, id| {
            let state = seen.iter().find(|one| one.id == *id).map(|one| one.state);
            match state {
                Some(NodeState::Stopping) => true,
                Some(NodeState::Stopped) => {
                    ready.push((node.clone(), id.clone()));
                    false
                },
                _ => {
                    running.push((node.clone(), id.clone()));
                    false
                },
            }
        });
        let started = change::act(self.call, Act::Start, &ready).await;
        ready.retain(|(_, id)| started.contains_key(id));
        for (node, id) in ready.into_iter().chain(running) {
            self.follow(node, id);
        }
    }

    /// Which nodes run now, and which never will.
    fn check(&mut self, seen: &[Instance]) {
        let call = self.call;
        self.follows.retain(|node, follow| {
            let Some(one) = seen.iter().find(|one| one.id == follow.id) else {
                if follow.since.elapsed_by(STALE) {
                    call.failed(node, Fault::new(format!("{} is gone", follow.id)));
                    return false;
                }
                return true;
            };
            match one.state {
                NodeState::Running => false,
                NodeState::Pending if follow.since.elapsed_by(PENDING) => {
                    let text = format!("{} is still pending", one.id);
                    call.failed(node, Fault::new(text).hint("the AWS console may say why"));
                    false
                },
                NodeState::Pending => {
                    follow.moved = true;
                    true
                },
                // What is read may be from before the start.
                NodeState::Stopped | NodeState::Stopping
                    if !follow.moved && !follow.since.elapsed_by(STALE) =>
                {
                    true
                },
                NodeState::Stopped
                | NodeState::Stopping
                | NodeState::ShuttingDown
                | NodeState::Terminated
                | NodeState::Absent => {
                    call.failed(node, ended(one));
                    false
                },
            }
        });
    }
}

/// Why a machine did not come up.
fn ended(one: &Instance) -> Fault {
    let why = one.reason.as_deref().unwrap_or("EC2 does not say why");
    Fault::new(format!(
        "{} is {} instead of running: {why}",
        one.id, one.state
    ))
}

/// Time that has passed.
trait Elapsed {
    /// True if it was this long ago.
    fn elapsed_by(&self, time: Duration) -> bool;
}

impl Elapsed for Instant {
    fn elapsed_by(&self, time: Duration) -> bool {
        clock::now().saturating_duration_since(*self) >= time
    }
}
