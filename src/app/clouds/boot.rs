//! `start` on EC2: from the first question until every node answers ssh.

use super::news::as_error;
use super::stages::{Boot, Booting, Stage};
use super::{App, What};
use crate::app::Mode;
use crate::cloud::settle::conflict;
use crate::cloud::{Ask, Fault, Plan};
use crate::error::{Kind, Result};
use crate::model::{NodeId, NodeState};
use crate::session::life::Failure;
use crate::target::fold;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// So long after a machine's launch its users and keys may still be put in place, in seconds.
const CLOUD_INIT: i64 = 300;
/// The pause before a node that did not answer is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// In a batch, what happened within this time is told together.
const TOGETHER: Duration = Duration::from_secs(1);

impl App {
    /// `start` on nodes of EC2.
    pub(in crate::app) fn start_instances(
        &mut self,
        now: Instant,
        ids: &[NodeId],
        wait: bool,
    ) -> Result<()> {
        let (under_way, ids): (Vec<NodeId>, Vec<NodeId>) =
            ids.iter().partition(|id| self.is_booting(**id));
        if !under_way.is_empty() {
            let names = self.folded(&under_way);
            self.notice(&format!("their start is under way: {names}"));
        }
        let (starts, found) = self.wanted(&ids);
        // There is no file that says what to launch: it is this instance or none.
        let away = |id: &NodeId| self.state(*id) != NodeState::Running;
        let wake: Vec<NodeId> = found.into_iter().filter(away).collect();
        let booting = |id: NodeId| {
            let booting = Booting {
                stage: Stage::Asked,
                since: now,
                again_at: None,
                seen: None,
                last: String::new(),
            };
            (id, booting)
        };
        let nodes: BTreeMap<NodeId, Booting> = ids.iter().copied().map(booting).collect();
        self.cloud_knows(&wake)?;
        if nodes.is_empty() {
            return Ok(());
        }
        self.clouds.boots.push(Boot {
            wait,
            began: now,
            until: now + self.settings.boot,
            nodes,
            news: Vec::new(),
            tell_at: None,
            told: false,
        });
        for ((account, cluster), (nodes, names)) in starts {
            let ask = Ask::Start { cluster, nodes };
            self.ask_cloud(now, &account, ask, What::Start, names);
        }
        for ((account, _), group) in self.claims(&wake) {
            let ask = Ask::Wake(group.claims);
            self.ask_cloud(now, &account, ask, What::Start, group.nodes);
        }
        if self
            .clouds
            .asked
            .values()
            .all(|asked| asked.what != What::Start)
        {
            self.look_at_boots(now);
        }
        Ok(())
    }

    fn booting(&self, id: NodeId) -> Option<(&Boot, &Booting)> {
        let mut boots = self.clouds.boots.iter();
        boots.find_map(|boot| {
            let node = boot.nodes.get(&id).filter(|node| !node.is_over())?;
            Some((boot, node))
        })
    }

    fn booting_mut(&mut self, id: NodeId) -> Option<(&mut Boot, NodeId)> {
        let mut boots = self.clouds.boots.iter_mut();
        let is = |boot: &&mut Boot| boot.nodes.get(&id).is_some_and(|node| !node.is_over());
        boots.find(is).map(|boot| (boot, id))
    }

    /// The node is on its way: what is sent to it waits.
    pub(in crate::app) fn is_booting(&self, id: NodeId) -> bool {
        self.booting(id).is_some()
    }

    /// It is too early to dial a node that is on its way.
    pub(in crate::app) fn boot_holds(&self, id: NodeId) -> bool {
        self.booting(id)
            .is_some_and(|(_, node)| node.stage < Stage::Booting || node.again_at.is_some())
    }

    /// When nobody waits for a node any more.
    pub(super) fn boot_limit(&self, now: Instant, id: NodeId) -> Instant {
        self.booting(id)
            .map_or(now + self.settings.boot, |(boot, _)| boot.until)
    }

    /// A node has come to another stage.
    fn reach(&mut self, now: Instant, id: NodeId, stage: Stage) -> bool {
        let batch = matches!(self.mode, Mode::Batch(_));
        let Some((boot, _)) = self.booting_mut(id) else {
            return false;
        };
        let reached = boot
            .nodes
            .get_mut(&id)
            .is_some_and(|node| node.reach(now, stage));
        if reached && batch && stage != Stage::Failed {
            boot.news.push(id);
            boot.tell_at.get_or_insert(now + TOGETHER);
        }
        reached
    }

    /// Instances have been told: where are the nodes that start?
    pub(super) fn look_at_boots(&mut self, now: Instant) {
        let boots = self.clouds.boots.iter();
        let ids: Vec<NodeId> = boots.flat_map(|boot| boot.nodes.keys().copied()).collect();
        for id in ids {
            self.look_at(now, id);
        }
        self.end_boots(now);
    }

    fn look_at(&mut self, now: Instant, id: NodeId) {
        let Some((boot, node)) = self.booting(id) else {
            return;
        };
        let (wait, seen) = (boot.wait, node.seen.clone());
        let state = self.state(id);
        let seat = self
            .inventory
            .entry(id)
            .and_then(|entry| entry.seat.as_ref());
        let Some(seat) = seat.filter(|seat| seat.rivals.is_empty()) else {
            return;
        };
        let is = seat.instance.as_ref().map(|one| one.id.clone());
        let reason = seat.instance.as_ref().and_then(|one| one.reason.clone());
        let ended = match (&seat.past, &seen) {
            (Some((past, Some(reason))), Some(seen)) if past == seen => Some(reason.clone()),
            _ => None,
        };
        match state {
            NodeState::Pending | NodeState::Running => {
                if let Some((boot, _)) = self.booting_mut(id)
                    && let Some(node) = boot.nodes.get_mut(&id)
                {
                    node.seen = is;
                }
                if state == NodeState::Pending {
                    self.reach(now, id, Stage::Pending);
                } else if !wait {
                    let busy = self.fleet.get(id).is_some_and(|run| run.is_busy());
                    if self.reach(now, id, Stage::Ready)
                        && busy
                        && let Err(error) = self.connect(now, &[id])
                    {
                        self.went_down(now, id, &error.to_string());
                    }
                } else {
                    self.reach(now, id, Stage::Booting);
                    self.knock(now, id);
                }
            },
            // It was there, and is on its way out again.
            NodeState::Absent | NodeState::Terminated => {
                if let Some(reason) = ended {
                    let fault = Fault::new(because("it was terminated", Some(&reason)));
                    self.boot_failed(now, id, Kind::Failed, &fault);
                }
            },
            NodeState::Stopping | NodeState::Stopped | NodeState::ShuttingDown => {
                if seen.is_some() && seen == is {
                    let text = because(&format!("it is {state}"), reason.as_deref());
                    self.boot_failed(now, id, Kind::Failed, &Fault::new(text));
                }
            },
        }
    }

    /// Connects to a node that runs, unless that is under way or done.
    fn knock(&mut self, now: Instant, id: NodeId) {
        if self.boot_holds(id) {
            return;
        }
        if self.fleet.get(id).is_some_and(|run| run.life.is_up()) {
            self.boot_ready(now, id);
        } else if let Err(error) = self.connect(now, &[id]) {
            // A jump host among those that start is not there yet.
            let others = self.clouds.boots.iter().flat_map(|boot| &boot.nodes);
            let mut others = others.filter(|(other, _)| **other != id);
            let failure = if error.kind() == Kind::Usage && others.any(|(_, node)| !node.is_over())
            {
                Failure::Unreachable
            } else {
                Failure::Final
            };
            if failure == Failure::Unreachable {
                self.boot_refused(now, id, failure, &error.to_string());
                return;
            }
            let fault = Fault::new(error.to_string());
            self.boot_failed(now, id, Kind::Unreachable, &fault);
        }
    }

    /// The node answers ssh.
    pub(in crate::app) fn boot_ready(&mut self, now: Instant, id: NodeId) {
        if self.reach(now, id, Stage::Ready) {
            self.end_boots(now);
        }
    }

    /// A node on its way could not be reached. True if it is tried again later.
    pub(in crate::app) fn boot_refused(
        &mut self,
        now: Instant,
        id: NodeId,
        failure: Failure,
        why: &str,
    ) -> bool {
        let Some((boot, _)) = self.booting(id) else {
            return false;
        };
        let late = boot.until <= now + AGAIN;
        let again = match failure {
            Failure::Unreachable => true,
            Failure::Denied => self.is_young(id),
            Failure::Final => false,
        };
        if !again || late {
            let text = if again {
                let limit = self.settings.boot.as_secs();
                format!("no ssh within {limit} s; the last attempt: {why}")
            } else {
                why.to_owned()
            };
            self.boot_failed(now, id, Kind::Unreachable, &Fault::new(text));
            return true;
        }
        let Some((boot, _)) = self.booting_mut(id) else {
            return false;
        };
        let mut news = false;
        if let Some(node) = boot.nodes.get_mut(&id) {
            node.again_at = Some(now + AGAIN);
            news = node.last != why;
            why.clone_into(&mut node.last);
        }
        if news && self.setup.verbose > 0 {
            self.notice_of(id, &format!("not yet: {why}"));
        }
        true
    }

    /// The machine was launched a moment ago: who may log in is not settled yet.
    fn is_young(&self, id: NodeId) -> bool {
        let seat = self
            .inventory
            .entry(id)
            .and_then(|entry| entry.seat.as_ref());
        let one = seat.and_then(|seat| seat.instance.as_ref());
        one.is_some_and(|one| self.host.unix_time() - one.launched < CLOUD_INIT)
    }

    /// A node will not come up; why.
    pub(super) fn boot_failed(&mut self, now: Instant, id: NodeId, kind: Kind, fault: &Fault) {
        self.boots_failed(now, &[id], kind, fault);
    }

    /// The same for several, for one reason.
    pub(super) fn boots_failed(&mut self, now: Instant, ids: &[NodeId], kind: Kind, fault: &Fault) {
        let mut ids = ids.to_vec();
        ids.retain(|id| self.reach(now, *id, Stage::Failed));
        if ids.is_empty() {
            return;
        }
        let names = self.folded(&ids);
        self.error(&as_error(kind, fault, Some(&names)));
        for id in &ids {
            self.clouds.consoles.forget(*id);
            self.hang_up(now, *id);
            self.end_commands(now, *id, &fault.text);
        }
        if self.setup.verbose > 0 {
            self.ask_last_words(now, &ids);
        }
        self.end_boots(now);
    }

    /// Nodes by the reason why they will not come up.
    fn boots_failed_by(
        &mut self,
        now: Instant,
        kind: Kind,
        reasons: impl IntoIterator<Item = (String, NodeId)>,
    ) {
        let mut by_reason: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
        for (reason, id) in reasons {
            by_reason.entry(reason).or_default().push(id);
        }
        for (reason, ids) in by_reason {
            self.boots_failed(now, &ids, kind, &Fault::new(reason));
        }
    }

    /// The question about a node failed as a whole, which was told: no word about each.
    pub(super) fn boot_given_up(&mut self, now: Instant, id: NodeId) {
        let Some((boot, _)) = self.booting_mut(id) else {
            return;
        };
        boot.told = true;
        self.reach(now, id, Stage::Failed);
        self.hang_up(now, id);
        self.end_commands(now, id, "it was not started");
    }

    /// The worker has done all that it could for these.
    pub(super) fn start_done(&mut self, now: Instant, ids: &[NodeId]) {
        self.look_at_boots(now);
        let why = |id: &NodeId| {
            let (_, node) = self.booting(*id)?;
            if node.stage >= Stage::Booting {
                return None;
            }
            let entry = self.inventory.entry(*id);
            let one = entry.and_then(|entry| entry.seat.as_ref()?.instance.as_ref());
            let reason = one.and_then(|one| one.reason.as_deref());
            Some((because(&format!("it is {}", self.state(*id)), reason), *id))
        };
        let failed: Vec<(String, NodeId)> = ids.iter().filter_map(why).collect();
        self.boots_failed_by(now, Kind::Failed, failed);
        self.end_boots(now);
    }

    /// All that a start does is done. With `--no-wait` a batch is not held up by what comes up.
    pub(super) fn start_acted(&mut self, now: Instant, request: u64) {
        let Some(asked) = self.clouds.asked.get(&request) else {
            return;
        };
        let ids = asked.nodes.iter().map(|(_, id)| *id);
        let left = |id: &NodeId| self.booting(*id).is_some_and(|(boot, _)| !boot.wait);
        let left: Vec<NodeId> = ids.filter(left).collect();
        if !self.is_batch() || left.is_empty() {
            return;
        }
        let names = self.folded(&left);
        self.notice(&format!("not waited for: {names}"));
        for id in left {
            self.leave_boots(id);
        }
        if let Some(asked) = self.clouds.asked.get_mut(&request) {
            asked.quiet = true;
        }
        self.end_boots(now);
    }

    /// What `start` is about to do: what it leaves alone, and what it cannot decide.
    pub(super) fn start_planned(&mut self, now: Instant, request: u64, plan: &Plan) {
        let tell = |app: &mut Self, what: &str, names: &[String]| {
            if !names.is_empty() {
                let names = fold(names);
                app.notice(&format!("{what}: {names}"));
            }
        };
        tell(self, "left as they are", &plan.leave);
        tell(self, "started once they have stopped", &plan.wait);
        for (name, ids) in &plan.conflicts {
            let names = std::slice::from_ref(name);
            self.nodes_failed(now, request, names, &conflict(ids));
        }
    }

    /// Nobody waits for this node any more.
    pub(in crate::app) fn leave_boots(&mut self, id: NodeId) {
        for boot in &mut self.clouds.boots {
            boot.nodes.remove(&id);
        }
        self.clouds.consoles.forget(id);
    }

    /// Nobody waits for any node any more; the nodes go on. True if there were any.
    pub(super) fn stop_boots(&mut self, now: Instant) -> bool {
        let boots = std::mem::take(&mut self.clouds.boots);
        let nodes = boots.iter().flat_map(|boot| &boot.nodes);
        let ids: Vec<NodeId> = nodes
            .filter(|(_, node)| !node.is_over())
            .map(|(id, _)| *id)
            .collect();
        for id in &ids {
            self.clouds.consoles.forget(*id);
            self.hang_up(now, *id);
            self.end_commands(now, *id, "it is not waited for");
        }
        if !ids.is_empty() {
            let names = self.folded(&ids);
            self.notice(&format!(
                "no longer waiting for {names}; they go on by themselves"
            ));
        }
        !ids.is_empty()
    }

    pub(super) fn boot_tick(&mut self, now: Instant) {
        let mut again = Vec::new();
        let mut late = Vec::new();
        let mut tell = false;
        for boot in &mut self.clouds.boots {
            tell |= boot.tell_at.is_some_and(|at| at <= now);
            for (id, node) in &mut boot.nodes {
                if node.is_over() {
                    continue;
                }
                if boot.until <= now {
                    late.push((*id, node.stage, node.last.clone()));
                } else if node.again_at.is_some_and(|at| at <= now) {
                    node.again_at = None;
                    again.push(*id);
                }
            }
        }
        for id in again {
            self.knock(now, id);
        }
        let limit = self.settings.boot.as_secs();
        let why = |(id, stage, last): (NodeId, Stage, String)| {
            let text = match stage {
                Stage::Booting if last.is_empty() => format!("no ssh within {limit} s"),
                Stage::Booting => format!("no ssh within {limit} s; the last attempt: {last}"),
                _ => format!("after {limit} s it is still {}", self.state(id)),
            };
            (text, id)
        };
        let late: Vec<(String, NodeId)> = late.into_iter().map(why).collect();
        self.boots_failed_by(now, Kind::Unreachable, late);
        if tell {
            self.tell_boots();
        }
        self.end_boots(now);
    }

    /// Those whose nodes have all come up, or will not, are over.
    pub(super) fn end_boots(&mut self, now: Instant) {
        let over = |boot: &Boot| boot.nodes.values().all(Booting::is_over);
        if !self.clouds.boots.iter().any(over) {
            return;
        }
        self.tell_boots();
        let boots = std::mem::take(&mut self.clouds.boots);
        let (done, rest): (Vec<Boot>, Vec<Boot>) = boots.into_iter().partition(over);
        self.clouds.boots = rest;
        for boot in done {
            let of = |ready: bool| -> Vec<NodeId> {
                let nodes = boot.nodes.iter();
                let nodes = nodes.filter(|(_, node)| (node.stage == Stage::Ready) == ready);
                nodes.map(|(id, _)| *id).collect()
            };
            let (ready, failed) = (of(true), of(false));
            if ready.is_empty() && (failed.is_empty() || boot.told) {
                continue;
            }
            let took = now.saturating_duration_since(boot.began).as_secs();
            let good = if boot.wait { "ready" } else { "running" };
            let mut parts = Vec::new();
            for (word, ids) in [(good.to_owned(), ready), (format!("not {good}"), failed)] {
                if !ids.is_empty() {
                    parts.push(format!("{word}: {} ({})", self.folded(&ids), ids.len()));
                }
            }
            self.notice(&format!("{}, after {took} s", parts.join("; ")));
        }
    }
}

/// What happened, and why, where somebody says so.
fn because(what: &str, reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    }
}
