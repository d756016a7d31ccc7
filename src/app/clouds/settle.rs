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

/// What machines are on their way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Stopped,
    Terminated,
    /// Wherever they go: they were on their way when dust saw them first.
    Any,
}

/// Machines that were sent on their way together.
#[derive(Debug)]
struct Settle {
    account: Account,
    goal: Goal,
    /// Node, instance, and the node's name, which may be gone with it.
    nodes: Vec<(NodeId, String, String)>,
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

    /// An account did not answer; false once it has not for too often.
    pub(super) fn has_failed(&mut self, account: &Account) -> bool {
        let poll = self.polls.iter_mut().find(|poll| poll.account == *account);
        poll.is_some_and(|poll| {
            poll.failed += 1;
            poll.failed < 3
        })
    }

    fn poll(&mut self, now: Instant, account: &Account) {
        if !self.polls.iter().any(|poll| poll.account == *account) {
            self.polls.push(Poll {
                account: account.clone(),
                at: now + PAUSE,
                pause: PAUSE,
                failed: 0,
            });
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
            let names = settle.nodes.iter().map(|(_, _, name)| name.as_str());
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
                nodes.push((*id, one.id.clone(), name));
            });
        }
        if terminate {
            for claim in claims {
                if nodes.iter().any(|(_, id, _)| *id == claim.id) {
                    self.effects.push_back(Effect::Forget(claim.id.clone()));
                }
            }
        }
        self.settle(now, account, goal, nodes);
        self.watch_settling(now, account);
    }

    fn settle(
        &mut self,
        now: Instant,
        account: &Account,
        goal: Goal,
        nodes: Vec<(NodeId, String, String)>,
    ) {
        self.clouds.settling.settles.push(Settle {
            account: account.clone(),
            goal,
            nodes,
            since: now,
            until: now + self.settings.boot,
        });
        self.clouds.settling.poll(now, account);
    }

    /// Looks at who is there by now, and when to ask again.
    pub(super) fn watch_settling(&mut self, now: Instant, account: &Account) {
        self.find_moving(now, account);
        let settles = std::mem::take(&mut self.clouds.settling.settles);
        let mut kept = Vec::new();
        for settle in settles {
            if settle.account != *account {
                kept.push(settle);
                continue;
            }
            let moves = |(id, instance, _): &&(NodeId, String, String)| {
                let seat = self
                    .inventory
                    .entry(*id)
                    .and_then(|entry| entry.seat.as_ref());
                let one = seat.and_then(|seat| seat.instance.as_ref());
                one.is_some_and(|one| one.id == *instance && is_on_its_way(one.state, settle.goal))
            };
            let left = settle.nodes.iter().filter(moves).count();
            let names = || fold(settle.nodes.iter().map(|(_, _, name)| name));
            if left == 0 {
                let word = match settle.goal {
                    Goal::Stopped => "stopped",
                    Goal::Terminated => "terminated",
                    Goal::Any => continue,
                };
                let took = now.saturating_duration_since(settle.since).as_secs();
                self.notice(&format!("{word}: {} ({took} s)", names()));
            } else if settle.until <= now {
                if settle.goal != Goal::Any {
                    let limit = self.settings.boot.as_secs();
                    let text = format!("{} took more than {limit} s", names());
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
                nodes.push((node.id, one.id.clone(), node.name.clone()));
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
