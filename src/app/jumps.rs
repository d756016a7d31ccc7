//! Jump hosts: connections without a shell that carry those of nodes. Each is shared by all that go
//! through it, opened when the first of them is, and closed with the last.

use super::fleet::Run;
use super::{App, Effect};
use crate::model::NodeId;
use crate::session::life::{Event as LifeEvent, Failure, Fault, Life, Refusal, Route};
use std::collections::BTreeMap;
use std::time::Instant;

/// Jump hosts' connections count down from here; a token of the event loop holds three times this.
const NUMBERS_END: u32 = u32::MAX / 4;

/// What is known of a jump host besides its connection.
#[derive(Debug)]
pub(super) struct Bastion {
    /// What the person calls it.
    pub(super) name: String,
    /// The fingerprint of its host key, where its provider vouches for it.
    pub(super) pinned: Option<String>,
    /// The node that it is.
    pub(super) node: Option<NodeId>,
}

/// All jump hosts, by the number of their connection.
#[derive(Debug, Default)]
pub(super) struct Bastions {
    known: BTreeMap<NodeId, Bastion>,
    made: u32,
    /// A connection ended: a jump host may be without use.
    check: bool,
}

impl Bastions {
    pub(super) fn get(&self, id: NodeId) -> Option<&Bastion> {
        self.known.get(&id)
    }

    /// A connection came to its end.
    pub(super) fn check(&mut self) {
        self.check = !self.known.is_empty();
    }
}

impl App {
    /// The connection of a jump host, shared by all that reach it in the same way.
    pub(super) fn bastion(&mut self, mut route: Route, bastion: Bastion) -> NodeId {
        let known = self.fleet.bastions.known.keys().copied().find(|id| {
            let run = self.fleet.get(*id);
            run.is_some_and(|run| same(run.life.route(), &route))
        });
        let id = known.unwrap_or_else(|| {
            self.fleet.bastions.made += 1;
            NodeId(NUMBERS_END - self.fleet.bastions.made)
        });
        // A connection that is there, or on its way, stays as it is.
        let before = self.fleet.get(id);
        if before.is_none_or(|run| run.life.is_down()) {
            let wanted = before.is_some_and(|run| run.wanted);
            let keys = before.map(|run| run.life.route().identities.clone());
            for key in keys.into_iter().flatten() {
                if !route.identities.contains(&key) {
                    route.identities.push(key);
                }
            }
            let life = Life::new(route, self.jitter());
            let lines = self.printer.node(id, &bastion.name, 0);
            let mut run = Run::new(life, lines);
            run.wanted = wanted;
            self.fleet.bastions.known.insert(id, bastion);
            self.fleet.insert(id, run);
        }
        id
    }

    /// True if a connection may be dialled now. If its jump host is what is missing, that one is
    /// next in line.
    pub(super) fn way_is_open(&mut self, id: NodeId) -> bool {
        let jump = self.fleet.get(id).and_then(|run| run.life.route().jump());
        let lent = self.fleet.get(id).is_some_and(|run| run.life.is_lent());
        let Some(jump) = jump.filter(|_| !lent) else {
            return true;
        };
        let Some(run) = self.fleet.get(jump) else {
            return true;
        };
        if run.life.is_down() && !run.wanted {
            self.fleet.first_in_line(jump);
        }
        self.fleet.get(jump).is_some_and(|run| run.life.is_up())
    }

    /// The login at a jump host is done. The nodes that wait for it have their turn next.
    pub(super) fn jump_up(&mut self, now: Instant, id: NodeId) {
        if let Some(run) = self.fleet.get_mut(id) {
            run.connected = true;
            run.hear(now);
        }
        self.effects.push_back(Effect::Carry(id));
        self.fleet.bastions.check();
    }

    /// A jump host cannot be reached: neither can what waits for it.
    pub(super) fn jump_failed(&mut self, now: Instant, id: NodeId, why: &str) {
        let why = self.of_jump(id, why);
        for user in self.users(id) {
            let waits = self.fleet.get(user).is_some_and(|run| {
                let asked = run.wanted || !run.queue.is_empty();
                run.life.is_pausing() || (run.life.is_down() && asked)
            });
            if waits {
                let lent = self.channels_gone(now, user, &why);
                self.hang_up(now, user);
                if self.boot_refused(now, user, Failure::Unreachable, &why) {
                    continue;
                }
                if lent {
                    self.end_commands(now, user, &why);
                } else {
                    self.went_down(now, user, &why);
                }
            }
        }
    }

    /// The connection of a jump host that was there is gone, and with it all that it carried. What
    /// has not begun waits for it to come back.
    pub(super) fn jump_lost(&mut self, now: Instant, id: NodeId, why: &str) {
        let why = self.of_jump(id, why);
        let mut idle = Vec::new();
        for user in self.users(id) {
            let bastion = self.fleet.bastions.get(user).is_some();
            let Some(run) = self.fleet.get_mut(user) else {
                continue;
            };
            if run.life.is_lent() {
                continue;
            }
            let used = run.shell.is_some() || run.transfers > 0 || bastion;
            if run.life.is_up() && used {
                // What it brought until now is read first; then its own end comes.
                let told = bastion || !run.is_busy();
                if told && !bastion {
                    idle.push(user);
                }
                run.severed = Some((why.clone(), told));
            } else if run.life.is_up() {
                self.hang_up(now, user);
                idle.push(user);
            } else {
                let fault = Fault::Dropped(why.clone());
                self.link(now, user, 0, LifeEvent::Fault(fault));
            }
        }
        if !idle.is_empty() {
            let names = self.folded(&idle);
            self.notice(&format!("[{names}] connection lost: {why}"));
        }
    }

    /// A jump host opened no channel to a node.
    pub(super) fn not_forwarded(
        &mut self,
        now: Instant,
        id: NodeId,
        attempt: u64,
        refusal: Option<&Refusal>,
    ) {
        let Some(run) = self.fleet.get(id) else {
            return;
        };
        let route = run.life.route();
        let jump = route.jump().map(|jump| self.name(jump));
        let jump = jump.unwrap_or_default();
        let fault = Refusal::fault(refusal, &jump, &route.host, route.port);
        self.link(now, id, attempt, LifeEvent::Fault(fault));
    }

    /// Closes jump hosts that nothing goes through any more.
    pub(super) fn close_jumps(&mut self, now: Instant) {
        while std::mem::take(&mut self.fleet.bastions.check) {
            let ids: Vec<NodeId> = self.fleet.bastions.known.keys().copied().collect();
            for id in ids {
                let users = self.users(id);
                let used = users
                    .iter()
                    .filter_map(|id| self.fleet.get(*id))
                    .any(|run| !run.life.is_down() || run.wanted || !run.queue.is_empty());
                let down = self
                    .fleet
                    .get(id)
                    .is_none_or(|run| run.life.is_down() && !run.wanted);
                if !used && !down {
                    // A chain: the one before it may be without use now. This asks for another look.
                    self.hang_up(now, id);
                }
                if users.is_empty() {
                    self.fleet.remove(id);
                    self.fleet.bastions.known.remove(&id);
                }
            }
        }
    }

    /// The connections that go through a jump host, or would.
    fn users(&self, id: NodeId) -> Vec<NodeId> {
        let uses = |user: &NodeId| {
            let run = self.fleet.get(*user);
            run.is_some_and(|run| run.life.route().jump() == Some(id))
        };
        self.fleet.ids().into_iter().filter(uses).collect()
    }

    fn of_jump(&self, id: NodeId, why: &str) -> String {
        format!("the jump host {}: {why}", self.name(id))
    }
}

/// The same connection would be made. With which keys it is tried, and how long and patiently, is
/// no part of that.
fn same(one: &Route, other: &Route) -> bool {
    let other = Route {
        identities: one.identities.clone(),
        timeout: one.timeout,
        starting: one.starting,
        ..other.clone()
    };
    *one == other
}
