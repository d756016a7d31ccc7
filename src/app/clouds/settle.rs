//! Machines that stop and terminate take a while: EC2 is asked again and again until they have.

use super::{App, What};
use crate::app::Effect;
use crate::cloud::{Account, Ask, Claim};
use crate::error::Error;
use crate::model::{NodeId, NodeState};
use crate::target::fold;
use std::time::{Duration, Instant};

/// The first pause before EC2 is asked again; it grows by a half each time, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Failures in a row that are worth a word.
const FAILED: u32 = 3;

/// What machines are on their way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Stopped,
    Terminated,
    /// Wherever they go: they were on their way when dust saw them first.
    Any,
}

/// A machine on its way.
#[derive(Debug)]
struct Moving {
    node: NodeId,
    /// Its id.
    instance: String,
    /// The node's name, which may be gone with it.
    name: String,
    /// It has been seen at its goal. It may be on its way back by now.
    arrived: bool,
}

/// Machines that were sent on their way together.
#[derive(Debug)]
struct Settle {
    account: Account,
    goal: Goal,
    nodes: Vec<Moving>,
    since: Instant,
    until: Instant,
}

/// When an account is asked next, and the pause after that.
#[derive(Debug)]
struct Poll {
    account: Account,
    at: Instant,
    pause: Duration,
    failed: u32,
}

/// All machines that are on their way.
#[derive(Debug, Default)]
pub(super) struct Settling {
    settles: Vec<Settle>,
    polls: Vec<Poll>,
}

impl Settling {
    /// Something stops, and lines of a batch wait for that.
    pub(super) fn is_stopping(&self) -> bool {
        let mut settles = self.settles.iter();
        settles.any(|settle| settle.goal == Goal::Stopped)
    }

    /// There is something to show.
    pub(super) fn is_shown(&self) -> bool {
        self.settles.iter().any(|settle| settle.goal != Goal::Any)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.polls.iter().map(|poll| poll.at).min()
    }

    /// An account did not answer; true if that has to be told: it is the third time in a row.
    pub(super) fn has_failed(&mut self, account: &Account) -> bool {
        self.poll_of(account).is_some_and(|poll| {
            poll.failed = poll.failed.saturating_add(1);
            poll.failed == FAILED
        })
    }

    /// An account has answered.
    fn has_answered(&mut self, account: &Account) {
        if let Some(poll) = self.poll_of(account) {
            poll.failed = 0;
        }
    }

    fn poll_of(&mut self, account: &Account) -> Option<&mut Poll> {
        let mut polls = self.polls.iter_mut();
        polls.find(|poll| poll.account == *account)
    }

    /// Asks soon: something was sent on its way just now.
    fn poll(&mut self, now: Instant, account: &Account) {
        match self.poll_of(account) {
            Some(poll) => {
                poll.at = poll.at.min(now + PAUSE);
                poll.pause = PAUSE;
            },
            None => self.polls.push(Poll {
                account: account.clone(),
                at: now + PAUSE,
                pause: PAUSE,
                failed: 0,
            }),
        }
    }

    /// What is on its way: names, what they do, since when.
    pub(super) fn shown(&self) -> impl Iterator<Item = (Vec<&str>, &'static str, Instant)> {
        self.settles.iter().filter_map(|settle| {
            let word = match settle.goal {
                Goal::Stopped => "stopping",
                Goal::Terminated => "terminating",
                Goal::Any => return None,
            };
            let left = settle.nodes.iter().filter(|moving| !moving.arrived);
            let names = left.map(|moving| moving.name.as_str());
            Some((names.collect(), word, settle.since))
        })
    }
}

impl App {
    /// EC2 was told to stop or terminate these, and has taken it in for `done`.
    pub(super) fn ending(
        &mut self,
        now: Instant,
        account: &Account,
        terminate: bool,
        claims: &[Claim],
        done: &[NodeId],
    ) {
        if done.is_empty() {
            return;
        }
        let (word, goal, on_its_way) = if terminate {
            ("terminating", Goal::Terminated, NodeState::ShuttingDown)
        } else {
            ("stopping", Goal::Stopped, NodeState::Stopping)
        };
        let mut nodes = Vec::new();
        for id in done {
            self.drop_node(now, *id, &format!("{word}, as you said"));
            let name = self.name(*id);
            self.inventory.update(*id, |node, entry| {
                let Some(one) = entry.seat.as_mut().and_then(|seat| seat.instance.as_mut()) else {
                    return;
                };
                if !claims.iter().any(|claim| claim.id == one.id) {
                    return;
                }
                // EC2 may take a while to say so itself.
                if matches!(node.state, NodeState::Running | NodeState::Pending) {
                    node.state = on_its_way;
                    one.state = on_its_way;
                }
                nodes.push(Moving {
                    node: *id,
                    instance: one.id.clone(),
                    name,
                    arrived: false,
                });
            });
        }
        if terminate {
            for claim in claims {
                if nodes.iter().any(|moving| moving.instance == claim.id) {
                    self.effects.push_back(Effect::Forget(claim.id.clone()));
                }
            }
        }
        self.settle(now, account, goal, nodes);
        self.watch_settling(now, account);
    }

    fn settle(&mut self, now: Instant, account: &Account, goal: Goal, nodes: Vec<Moving>) {
        self.clouds.settling.settles.push(Settle {
            account: account.clone(),
            goal,
            nodes,
            since: now,
            until: now + self.settings.boot,
        });
        self.clouds.settling.poll(now, account);
    }

    /// An account has told what there is.
    pub(super) fn settling_told(&mut self, now: Instant, account: &Account) {
        self.clouds.settling.has_answered(account);
        self.watch_settling(now, account);
    }

    /// Looks at who is there by now, and when to ask again.
    fn watch_settling(&mut self, now: Instant, account: &Account) {
        self.find_moving(now, account);
        let settles = std::mem::take(&mut self.clouds.settling.settles);
        let mut kept = Vec::new();
        for mut settle in settles {
            if settle.account != *account {
                kept.push(settle);
                continue;
            }
            for moving in &mut settle.nodes {
                let entry = self.inventory.entry(moving.node);
                let one = entry.and_then(|entry| entry.seat.as_ref()?.instance.as_ref());
                let moves = one.is_some_and(|one| {
                    one.id == moving.instance && is_on_its_way(one.state, settle.goal)
                });
                moving.arrived |= !moves;
            }
            let nodes = settle.nodes.iter();
            let late: Vec<&Moving> = nodes.filter(|moving| !moving.arrived).collect();
            if late.is_empty() {
                let names = fold(settle.nodes.iter().map(|moving| &moving.name));
                let word = match settle.goal {
                    Goal::Stopped => "stopped",
                    Goal::Terminated => "terminated",
                    Goal::Any => continue,
                };
                let took = now.saturating_duration_since(settle.since).as_secs();
                self.notice(&format!("{word}: {names} ({took} s)"));
            } else if settle.until <= now {
                if settle.goal != Goal::Any {
                    let limit = self.settings.boot.as_secs();
                    let names = fold(late.iter().map(|moving| &moving.name));
                    let text = format!("{names} took more than {limit} s");
                    self.error(&Error::failed(text).hint("refresh asks again"));
                }
            } else {
                kept.push(settle);
            }
        }
        let settling = &mut self.clouds.settling;
        settling.settles = kept;
        if !settling
            .settles
            .iter()
            .any(|settle| settle.account == *account)
        {
            settling.polls.retain(|poll| poll.account != *account);
        }
    }

    /// At the prompt, what is on its way without our doing is looked after, too: `show` should say
    /// what is.
    fn find_moving(&mut self, now: Instant, account: &Account) {
        let settles = &self.clouds.settling.settles;
        if self.is_batch() || settles.iter().any(|settle| settle.account == *account) {
            return;
        }
        if self
            .clouds
            .asked
            .values()
            .any(|asked| asked.what == What::Start)
        {
            return;
        }
        let mut nodes = Vec::new();
        for node in self.inventory.nodes().iter().filter(|node| !node.aside) {
            let seat = self
                .inventory
                .entry(node.id)
                .and_then(|entry| entry.seat.as_ref());
            let Some(seat) = seat.filter(|seat| seat.account == *account) else {
                continue;
            };
            if let Some(one) = &seat.instance
                && is_on_its_way(one.state, Goal::Any)
            {
                nodes.push(Moving {
                    node: node.id,
                    instance: one.id.clone(),
                    name: node.name.clone(),
                    arrived: false,
                });
            }
        }
        if !nodes.is_empty() {
            self.settle(now, account, Goal::Any, nodes);
        }
    }

    pub(super) fn settle_tick(&mut self, now: Instant) {
        let mut due = Vec::new();
        for poll in &mut self.clouds.settling.polls {
            if poll.at <= now {
                poll.at = now + poll.pause;
                poll.pause = (poll.pause * 3 / 2).min(PAUSE_MAX);
                due.push(poll.account.clone());
            }
        }
        for account in due {
            let mut asked = self.clouds.asked.values();
            let looks = [What::Inventory, What::Look, What::Poll, What::Start];
            if !asked.any(|asked| asked.account == account && looks.contains(&asked.what)) {
                self.ask_cloud(now, &account, Ask::Describe, What::Poll, Vec::new());
            }
            // The time-out of what never comes to an end.
            self.watch_settling(now, &account);
        }
    }
}

/// True while a machine has not come to where it goes.
fn is_on_its_way(state: NodeState, goal: Goal) -> bool {
    match goal {
        Goal::Stopped => matches!(
            state,
            NodeState::Running | NodeState::Pending | NodeState::Stopping
        ),
        Goal::Terminated => !matches!(state, NodeState::Terminated | NodeState::Absent),
        Goal::Any => matches!(
            state,
            NodeState::Pending | NodeState::Stopping | NodeState::ShuttingDown
        ),
    }
}
