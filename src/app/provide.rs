//! Starting and stopping nodes: what is asked of providers, what needs a person's word first, and
//! what follows the answer.

use super::clouds::Groups;
use super::{App, Effect, Provided, ProviderOp};
use crate::config::Provider;
use crate::error::{Error, Kind, Result};
use crate::model::{NodeId, NodeState};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::time::Instant;

/// A request to a provider that is under way.
#[derive(Debug)]
pub(super) struct Request {
    op: ProviderOp,
    names: Vec<String>,
    then: Then,
}

/// What follows a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// Say what was done.
    Tell,
    /// Connect to the nodes, and say when they answer.
    Connect,
}

/// Something that waits for a person's word.
#[derive(Debug)]
pub(super) struct Confirm {
    op: ProviderOp,
    /// Nodes of the provider `local`.
    ids: Vec<NodeId>,
    /// Instances as they were when the person was asked: what nodes have become since does not
    /// count.
    instances: Groups,
    /// The word that must be typed; `None`: y or yes.
    word: Option<String>,
}

impl App {
    /// The nodes of a target that are instances of EC2, and the others.
    fn split(&self, ids: &[NodeId]) -> (Vec<NodeId>, Vec<NodeId>) {
        let is_ec2 = |id: &NodeId| {
            let entry = self.inventory.entry(*id);
            entry.is_some_and(|entry| entry.provider == Provider::Ec2)
        };
        ids.iter().partition(|id| is_ec2(id))
    }

    /// Nodes by cluster; only those that the provider `local` can start and stop.
    fn by_cluster(&self, ids: &[NodeId]) -> Result<BTreeMap<String, Vec<String>>> {
        let mut clusters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut fixed = Vec::new();
        for id in ids {
            let Some(node) = self.inventory.get(*id) else {
                continue;
            };
            match self.inventory.entry(*id).map(|entry| entry.provider) {
                Some(Provider::Local) => {
                    clusters
                        .entry(node.cluster.clone())
                        .or_default()
                        .push(node.name.clone());
                },
                _ => fixed.push(*id),
            }
        }
        if fixed.is_empty() {
            return Ok(clusters);
        }
        let names = self.folded(&fixed);
        let text = format!("provider=ssh has no way to start or stop machines: {names}");
        Err(Error::usage(text).hint("dust only logs in to them"))
    }

    /// The machine is there, whatever dust does.
    fn is_fixed(&self, id: NodeId) -> bool {
        let entry = self.inventory.entry(id);
        entry.is_some_and(|entry| entry.provider == Provider::Ssh)
    }

    pub(super) fn start_nodes(
        &mut self,
        now: Instant,
        target: Option<&str>,
        wait: bool,
    ) -> Result<()> {
        let targets = self.resolve(target.unwrap_or("*"))?;
        let (instances, others) = self.split(targets.ids());
        let (running, rest): (Vec<NodeId>, Vec<NodeId>) = others
            .into_iter()
            .partition(|id| self.state(*id) == NodeState::Running);
        let clusters = self.by_cluster(&rest)?;
        let (fixed, running): (Vec<NodeId>, Vec<NodeId>) =
            running.into_iter().partition(|id| self.is_fixed(*id));
        if !fixed.is_empty() {
            let names = self.folded(&fixed);
            self.notice(&format!(
                "not for dust to start, it only logs in there (provider=ssh): {names}"
            ));
        }
        if !running.is_empty() {
            let names = self.folded(&running);
            self.notice(&format!("running already: {names}"));
        }
        let then = if wait { Then::Connect } else { Then::Tell };
        for (cluster, names) in clusters {
            self.provide(ProviderOp::Start, cluster, names, then);
        }
        if wait {
            self.connect(now, &running)?;
        }
        self.start_instances(now, &instances, wait)
    }

    pub(super) fn state(&self, id: NodeId) -> NodeState {
        self.inventory
            .get(id)
            .map_or(NodeState::Absent, |node| node.state)
    }

    /// Names of nodes with what they are: `worker[0-2] (stopped), master (absent)`.
    pub(super) fn by_state(&self, ids: &[NodeId]) -> String {
        let mut states: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
        for id in ids {
            states
                .entry(self.state(*id).as_str())
                .or_default()
                .push(*id);
        }
        let parts = states
            .into_iter()
            .map(|(state, ids)| format!("{} ({state})", self.folded(&ids)));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// `stop` and `terminate`: ask first.
    pub(super) fn end_nodes(
        &mut self,
        now: Instant,
        op: ProviderOp,
        target: &str,
        yes: bool,
    ) -> Result<()> {
        let targets = self.resolve(target)?;
        let (instances, others) = self.split(targets.ids());
        self.by_cluster(&others)?;
        self.cloud_knows(&instances)?;
        let instances = self.without_rivals(instances);
        let ends = |app: &Self, id: &NodeId| match (op, app.state(*id)) {
            (ProviderOp::Stop, state) => {
                matches!(state, NodeState::Running | NodeState::Pending)
            },
            (_, state) => !matches!(state, NodeState::Absent | NodeState::ShuttingDown),
        };
        let all = instances.iter().chain(&others).copied();
        let ids: Vec<NodeId> = all.filter(|id| ends(self, id)).collect();
        let verb = if op == ProviderOp::Stop {
            "stop"
        } else {
            "terminate"
        };
        if ids.is_empty() {
            self.notice(&format!(
                "nothing to {verb}: {}",
                self.folded(targets.ids())
            ));
            return Ok(());
        }
        // All that is left of a cluster is gone for good: that wants more than a y.
        let whole = self.inventory.clusters().iter().find(|cluster| {
            let of_it = |id: &&NodeId| {
                let node = self.inventory.get(**id);
                node.is_some_and(|node| node.cluster == cluster.name && !node.aside)
            };
            let nodes = self.inventory.nodes().iter();
            let mut left = nodes
                .filter(|node| node.cluster == cluster.name && !node.aside && ends(self, &node.id));
            let of_it: HashSet<&NodeId> = ids.iter().filter(of_it).collect();
            of_it.len() > 1 && left.all(|node| of_it.contains(&node.id))
        });
        let word = whole
            .filter(|_| op == ProviderOp::Terminate)
            .map(|cluster| cluster.name.clone());
        let names = self.folded(&ids);
        let (instances, locals) = self.split(&ids);
        let instances = self.claims(&instances);
        if yes || self.setup.yes {
            self.end_now(now, op, &locals, instances);
        } else if !self.setup.person {
            let text = format!("will not {verb} without being sure: {names}");
            return Err(Error::usage(text).hint("-y says yes"));
        } else {
            let count = ids.len();
            let question = match &word {
                Some(name) => {
                    format!("{verb} all of {name}: {names} ({count})? Type the cluster's name: ")
                },
                None => format!("{verb} {names} ({count})? [y/N] "),
            };
            self.confirm = Some(Confirm {
                op,
                ids: locals,
                instances,
                word,
            });
            if self.is_batch() {
                self.ask_to_be_sure(&question);
            } else {
                self.show_confirm(&question);
            }
        }
        Ok(())
    }

    /// The person's word on what waits for it.
    pub(super) fn confirmed(&mut self, now: Instant, word: Option<&str>) {
        let Some(confirm) = self.confirm.take() else {
            return;
        };
        let word = word.unwrap_or_default().trim();
        let yes = match &confirm.word {
            Some(name) => word == name,
            None => matches!(word.to_ascii_lowercase().as_str(), "y" | "yes"),
        };
        if yes {
            self.end_now(now, confirm.op, &confirm.ids, confirm.instances);
        } else {
            self.notice("nothing was done");
        }
    }

    fn end_now(&mut self, now: Instant, op: ProviderOp, ids: &[NodeId], instances: Groups) {
        self.end_instances(now, op == ProviderOp::Terminate, instances);
        let why = if op == ProviderOp::Stop {
            "stopped by you"
        } else {
            "terminated by you"
        };
        for id in ids {
            self.drop_node(now, *id, why);
        }
        if let Ok(clusters) = self.by_cluster(ids) {
            for (cluster, names) in clusters {
                self.provide(op, cluster, names, Then::Tell);
            }
        }
    }

    /// Asks a provider.
    pub(super) fn provide(
        &mut self,
        op: ProviderOp,
        cluster: String,
        names: Vec<String>,
        then: Then,
    ) {
        self.next_request += 1;
        let id = self.next_request;
        let request = Request {
            op,
            names: names.clone(),
            then,
        };
        self.requests.insert(id, request);
        self.effects
            .push_back(Effect::Provider(id, op, cluster, names));
    }

    /// The provider `local` has not told what there is; with `starts` also while it starts nodes.
    pub(super) fn provider_works(&self, starts: bool) -> bool {
        let mut requests = self.requests.values();
        requests.any(|request| {
            request.op == ProviderOp::List || (starts && request.op == ProviderOp::Start)
        })
    }

    /// A provider has answered.
    pub(super) fn provided(&mut self, now: Instant, provided: Provided) {
        let Some(request) = self.requests.remove(&provided.request) else {
            return;
        };
        for told in &provided.nodes {
            let Some(id) = self.inventory.find(&provided.cluster, &told.name) else {
                continue;
            };
            self.inventory.update(id, |node, entry| {
                node.state = told.state;
                // Where it was when it ran is not where it is.
                let addr = told.addr.filter(|_| told.state == NodeState::Running);
                entry.addr = addr;
                entry.user.clone_from(&told.user);
                entry.host_key.clone_from(&told.host_key);
                entry.key.clone_from(&told.key);
                match addr {
                    Some(addr) => node.attrs.insert("ip".to_owned(), addr.ip().to_string()),
                    None => node.attrs.remove("ip"),
                };
            });
        }
        for (name, why) in &provided.failures {
            let text = if name.is_empty() {
                why.clone()
            } else {
                format!("[{name}] {why}")
            };
            self.error(&Error::new(Kind::Failed, text));
        }
        let done: Vec<NodeId> = request
            .names
            .iter()
            .filter(|name| !provided.failures.iter().any(|(failed, _)| failed == *name))
            .filter_map(|name| self.inventory.find(&provided.cluster, name))
            .collect();
        let verb = match request.op {
            ProviderOp::List => None,
            ProviderOp::Start => Some("started"),
            ProviderOp::Stop => Some("stopped"),
            ProviderOp::Terminate => Some("terminated"),
        };
        if let Some(verb) = verb.filter(|_| !done.is_empty() && request.then != Then::Nothing) {
            let names = self.folded(&done);
            self.notice(&format!("{verb}: {names}"));
        }
        if request.then == Then::Connect
            && let Err(error) = self.connect(now, &done)
        {
            self.error(&error);
        }
    }

    pub(super) fn plan(&mut self, now: Instant, target: Option<&str>) -> Result<()> {
        let targets = self.resolve(target.unwrap_or("*"))?;
        let (instances, others) = self.split(targets.ids());
        // Instances that no file defines are known by their states alone.
        let found = self.plan_instances(now, &instances);
        self.cloud_knows(&found)?;
        let mut by_state: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
        for id in others.into_iter().chain(found) {
            let what = match self.state(id) {
                NodeState::Absent | NodeState::Terminated => "launch",
                NodeState::Stopped => "start",
                NodeState::Running | NodeState::Pending => "leave",
                NodeState::Stopping | NodeState::ShuttingDown => "wait for",
            };
            by_state.entry(what).or_default().push(id);
        }
        let mut text = String::new();
        for (what, ids) in by_state {
            if self.setup.json {
                let names: Vec<String> = ids.iter().map(|id| self.name(*id)).collect();
                let line = serde_json::json!({"plan": what, "nodes": names});
                let _ = writeln!(text, "{line}");
            } else {
                let _ = writeln!(text, "{what}: {} ({})", self.folded(&ids), ids.len());
            }
        }
        self.answer(&text);
        Ok(())
    }
}
