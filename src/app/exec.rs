//! dust's own commands.

use super::{App, Effect, Mode, Provided, ProviderOp};
use crate::command::settings::SETTINGS;
use crate::command::{Command, help, parse};
use crate::config::Provider;
use crate::error::{Error, Kind, Result};
use crate::model::{Node, NodeId, NodeState};
use crate::session::shell::State;
use crate::target::fold;
use crate::ui::style::{Palette, Role};
use crate::ui::table::Table;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A request to a provider that is under way.
#[derive(Debug)]
pub(super) struct Request {
    op: ProviderOp,
    names: Vec<String>,
    then: Then,
    /// Lines that came before the provider had told what there is.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    target: Option<String>,
    command: Option<String>,
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
    ids: Vec<NodeId>,
    /// The word that must be typed; `None`: y or yes.
    word: Option<String>,
}

impl App {
    /// Runs a command of dust's own.
    pub(super) fn builtin(&mut self, now: Instant, command: Command) -> Result<()> {
        match command {
            Command::Cd { dir } => self.cd(dir),
            Command::Diff => self.diff(),
            Command::Disconnect { target } => self.disconnect(now, &target),
            Command::Exit => {
                self.leave();
                Ok(())
            },
            Command::Help { subject } => {
                self.answer(&help::about(subject));
                Ok(())
            },
            Command::History { count } => {
                self.show_history(count);
                Ok(())
            },
            Command::Load { file } => self.load_and_tell(&file),
            Command::Plan { target } => self.plan(target.as_deref()),
            Command::Reconnect { target } => self.reconnect(now, &target),
            Command::Refresh => self.refresh(),
            Command::Settings => {
                self.show_settings();
                Ok(())
            },
            Command::Setting { setting } => {
                self.answer(&setting.show(&self.settings));
                Ok(())
            },
            Command::Set { change } => {
                self.settings.apply(change);
                Ok(())
            },
            Command::Show { verbose, what } => self.show(verbose, what.as_deref()),
            Command::Start { target, wait } => self.start_nodes(now, target.as_deref(), wait),
            Command::Stop { target, yes } => self.end_nodes(now, ProviderOp::Stop, &target, yes),
            Command::Terminate { target, yes } => {
                self.end_nodes(now, ProviderOp::Terminate, &target, yes)
            },
            Command::Use { target } => self.use_target(&target),
        }
    }

    /// `exit`.
    pub(super) fn leave(&mut self) {
        match &self.mode {
            Mode::Batch(_) => {
                let code = self.jobs.worst().max(self.seen_usage);
                self.finish(code);
            },
            Mode::Prompt(_) => self.effects.push_back(Effect::Exit(0)),
        }
    }

    /// A line for the system shell.
    pub(super) fn local(&mut self, command: String) {
        self.local_runs = true;
        self.effects.push_back(Effect::Local(command));
    }

    /// A first word that is no command of dust: the system shell may know it.
    pub(super) fn unknown(&mut self, word: &str, line: String) -> Result<()> {
        let near = crate::command::nearest_command(word);
        if near.is_some() && !word.contains('/') && !self.host.programs().iter().any(|p| p == word)
        {
            return Err(parse::no_command(word));
        }
        self.local(line);
        Ok(())
    }

    pub(super) fn local_ended(&mut self, result: Result<u8>) {
        self.local_runs = false;
        match result {
            Ok(0) => {},
            Ok(code) if self.is_batch() => self.seen_usage = self.seen_usage.max(code),
            Ok(code) => self.notice(&format!("exit {code}")),
            Err(error) => self.error(&error),
        }
    }

    fn cd(&self, dir: Option<PathBuf>) -> Result<()> {
        let path = match dir {
            Some(dir) => self.full_path(&dir),
            None => self.host.home().unwrap_or_else(|| PathBuf::from("/")),
        };
        self.host.change_dir(&path).map_err(|error| {
            Error::usage(format!(
                "cannot go to {}: {}",
                path.display(),
                super::nodes::reason(&error)
            ))
        })
    }

    fn load_and_tell(&mut self, file: &Path) -> Result<()> {
        self.load(file)?;
        let cluster = self.inventory.clusters().last();
        let text = cluster.map(|cluster| {
            let names = fold(cluster.nodes.iter().map(|node| &node.name));
            let count = cluster.nodes.len();
            format!("{}: {count} nodes: {names}", cluster.name)
        });
        self.notice(&text.unwrap_or_default());
        Ok(())
    }

    fn show_history(&mut self, count: Option<usize>) {
        let Mode::Prompt(prompt) = &self.mode else {
            return;
        };
        let skip = count.map_or(0, |count| prompt.history.len().saturating_sub(count));
        let mut text = String::new();
        for (id, entry) in prompt.history.iter().skip(skip) {
            let entry = crate::output::clean(entry.as_bytes());
            let _ = writeln!(text, "{:5}  {entry}", id.0);
        }
        self.answer(&text);
    }

    fn show_settings(&mut self) {
        let mut text = String::new();
        for setting in SETTINGS {
            let _ = writeln!(
                text,
                "{:<16} {}",
                setting.name,
                setting.show(&self.settings)
            );
        }
        self.answer(&text);
    }

    fn use_target(&mut self, target: &str) -> Result<()> {
        let all = self.inventory.all();
        let before = self.inventory.working().to_vec();
        self.inventory.set_working(all);
        if target == "*" {
            return Ok(());
        }
        match self.resolve(target) {
            Ok(targets) => {
                self.inventory.set_working(targets.ids().to_vec());
                let names = self.folded(targets.ids());
                self.notice(&format!("working set: {names} ({})", targets.count()));
                Ok(())
            },
            Err(error) => {
                self.inventory.set_working(before);
                Err(error)
            },
        }
    }

    fn disconnect(&mut self, now: Instant, target: &str) -> Result<()> {
        for id in &self.resolve(target)? {
            self.drop_node(now, id, "disconnected by you");
        }
        Ok(())
    }

    fn reconnect(&mut self, now: Instant, target: &str) -> Result<()> {
        let targets = self.resolve(target)?;
        for id in &targets {
            self.drop_node(now, id, "reconnected by you");
        }
        self.connect(now, targets.ids())
    }

    /// Connects nodes without a command.
    fn connect(&mut self, now: Instant, ids: &[NodeId]) -> Result<()> {
        for id in ids {
            self.prepare(now, *id)?;
            self.want(*id);
        }
        Ok(())
    }

    fn refresh(&mut self) -> Result<()> {
        let locals: Vec<(String, Vec<String>)> = self
            .inventory
            .clusters()
            .iter()
            .filter(|cluster| cluster.provider == Provider::Local)
            .map(|cluster| {
                let names = cluster.nodes.iter().map(|node| node.name.clone());
                (cluster.name.clone(), names.collect())
            })
            .collect();
        for (cluster, names) in locals {
            self.provide(ProviderOp::List, cluster, names, Then::Nothing);
        }
        Ok(())
    }

    /// The nodes of a target by cluster; only those that the provider `local` can start and stop.
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

    fn start_nodes(&mut self, now: Instant, target: Option<&str>, wait: bool) -> Result<()> {
        let targets = self.resolve(target.unwrap_or("*"))?;
        let (running, rest): (Vec<NodeId>, Vec<NodeId>) = targets
            .ids()
            .iter()
            .copied()
            .partition(|id| self.state(*id) == NodeState::Running);
        if !running.is_empty() {
            let names = self.folded(&running);
            self.notice(&format!("running already: {names}"));
        }
        let then = if wait { Then::Connect } else { Then::Tell };
        for (cluster, names) in self.by_cluster(&rest)? {
            self.provide(ProviderOp::Start, cluster, names, then);
        }
        if wait && self.by_cluster(&running).is_ok() {
            self.connect(now, &running)?;
        }
        Ok(())
    }

    fn state(&self, id: NodeId) -> NodeState {
        self.inventory
            .get(id)
            .map_or(NodeState::Absent, |node| node.state)
    }

    /// `stop` and `terminate`: ask first.
    fn end_nodes(&mut self, now: Instant, op: ProviderOp, target: &str, yes: bool) -> Result<()> {
        let targets = self.resolve(target)?;
        self.by_cluster(targets.ids())?;
        let ids: Vec<NodeId> = targets
            .ids()
            .iter()
            .copied()
            .filter(|id| match op {
                ProviderOp::Stop => self.state(*id) == NodeState::Running,
                _ => self.state(*id) != NodeState::Absent,
            })
            .collect();
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
        // All of a cluster is gone for good: that wants more than a y.
        let whole = self.inventory.clusters().iter().find(|cluster| {
            let of_it = |id: &NodeId| {
                self.inventory
                    .get(*id)
                    .is_some_and(|n| n.cluster == cluster.name)
            };
            let all = self
                .inventory
                .nodes()
                .iter()
                .filter(|node| node.cluster == cluster.name);
            let all = all.filter(|node| node.state != NodeState::Absent).count();
            all > 1 && ids.iter().filter(|id| of_it(id)).count() == all
        });
        let word = whole
            .filter(|_| op == ProviderOp::Terminate)
            .map(|cluster| cluster.name.clone());
        let names = self.folded(&ids);
        if yes || self.setup.yes {
            self.end_now(now, op, &ids);
        } else if self.is_batch() || !self.setup.person {
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
            self.confirm = Some(Confirm { op, ids, word });
            self.show_confirm(&question);
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
            self.end_now(now, confirm.op, &confirm.ids);
        } else {
            self.notice("nothing was done");
        }
    }

    fn end_now(&mut self, now: Instant, op: ProviderOp, ids: &[NodeId]) {
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
            waiting: Vec::new(),
        };
        self.requests.insert(id, request);
        self.effects
            .push_back(Effect::Provider(id, op, cluster, names));
    }

    /// A line that has to wait until a provider has told what there is. True if it waits.
    pub(super) fn wait_for_provider(
        &mut self,
        target: Option<&str>,
        command: Option<&str>,
    ) -> bool {
        let asks =
            |request: &&mut Request| matches!(request.op, ProviderOp::List | ProviderOp::Start);
        let Some(request) = self.requests.values_mut().find(asks) else {
            return false;
        };
        request.waiting.push(Waiting {
            target: target.map(str::to_owned),
            command: command.map(str::to_owned),
        });
        true
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
                entry.addr = told.addr;
                entry.user.clone_from(&told.user);
                entry.host_key.clone_from(&told.host_key);
                entry.key.clone_from(&told.key);
                match told.addr {
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
        for line in request.waiting {
            if let Err(error) = self.at(now, line.target.as_deref(), line.command.as_deref()) {
                self.error(&error);
            }
        }
    }

    fn plan(&mut self, target: Option<&str>) -> Result<()> {
        let targets = self.resolve(target.unwrap_or("*"))?;
        let mut by_state: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
        for id in &targets {
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
            let _ = writeln!(text, "{what}: {} ({})", self.folded(&ids), ids.len());
        }
        self.answer(&text);
        Ok(())
    }

    fn show(&mut self, verbose: u8, what: Option<&str>) -> Result<()> {
        if self.inventory.nodes().is_empty() {
            return Err(Error::usage("no nodes").hint("load FILE, or start dust with -f FILE"));
        }
        let ids = match what {
            None => self.inventory.working().to_vec(),
            Some(word) => match self.resolve(word) {
                Ok(targets) => targets.ids().to_vec(),
                Err(error) => {
                    let found = self.search(word);
                    if found.is_empty() {
                        return Err(error);
                    }
                    found
                },
            },
        };
        let nodes: Vec<&Node> = ids
            .iter()
            .filter_map(|id| self.inventory.get(*id))
            .collect();
        let text = if self.setup.json {
            nodes.iter().map(|node| self.json_of(node)).collect()
        } else if verbose >= 2 {
            nodes.iter().map(|node| self.details(node)).collect()
        } else {
            self.table(&nodes, verbose)
        };
        self.answer(&text);
        Ok(())
    }

    /// The nodes in which a word appears anywhere.
    fn search(&self, word: &str) -> Vec<NodeId> {
        let word = word.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&word);
        let nodes = self.inventory.nodes().iter().filter(|node| {
            has(&node.name)
                || has(&node.cluster)
                || has(node.state.as_str())
                || node.attrs.values().any(|value| has(value))
                || node.tags.iter().any(|(key, value)| has(key) || has(value))
        });
        nodes.map(|node| node.id).collect()
    }

    fn table(&self, nodes: &[&Node], verbose: u8) -> String {
        let palette = Palette::new(self.setup.colours);
        let mut text = String::new();
        let mut clusters: Vec<&str> = nodes.iter().map(|node| node.cluster.as_str()).collect();
        clusters.dedup();
        for cluster in clusters {
            let heads = [">#", "name", "type", "state", "ssh", "host", "user"];
            let mut table = Table::new(heads.into_iter().take(if verbose > 0 { 7 } else { 6 }));
            for node in nodes.iter().filter(|node| node.cluster == cluster) {
                let attr = |key: &str| node.attrs.get(key).cloned().unwrap_or_default();
                let role = match node.state {
                    NodeState::Running => Role::Good,
                    NodeState::Absent | NodeState::Stopped | NodeState::Terminated => Role::Dim,
                    _ => Role::Warning,
                };
                let entry = self.inventory.entry(node.id);
                let at = entry.and_then(|entry| entry.addr);
                table.row([
                    node.index.to_string(),
                    node.name.clone(),
                    attr("instance_type"),
                    palette.paint(role, node.state.as_str()),
                    self.connection(node.id).to_owned(),
                    at.map_or_else(|| attr("host"), |at| at.to_string()),
                    attr("username"),
                ]);
            }
            let title = format!(
                "{cluster} ({})",
                nodes.iter().filter(|n| n.cluster == cluster).count()
            );
            text.push_str(&palette.paint(Role::Strong, &title));
            text.push('\n');
            let width = self
                .setup
                .terminal
                .then(|| usize::from(self.setup.size.cols));
            for line in table.render(width, palette) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }

    /// What a node's connection does, in a word or two.
    fn connection(&self, id: NodeId) -> &'static str {
        let Some(run) = self.fleet.get(id) else {
            return "";
        };
        match run.shell.as_ref().map(crate::session::shell::Shell::state) {
            Some(State::Starting) => "starting",
            Some(State::Idle) => "ready",
            Some(State::Busy | State::Unmarked) if run.is_busy() => "busy",
            Some(State::Busy | State::Unmarked) => "ready",
            None if run.life.is_down() && run.why_down.is_some() => "failed",
            None if run.life.is_down() => "",
            None if run.life.is_up() => "idle",
            None => "connecting",
        }
    }

    fn details(&self, node: &Node) -> String {
        let mut text = format!("{}\n", node.name);
        let mut put = |key: &str, value: &str| {
            let _ = writeln!(
                text,
                "  {key:<14} {}",
                crate::output::clean(value.as_bytes())
            );
        };
        put("cluster", &node.cluster);
        put("index", &node.index.to_string());
        put("state", node.state.as_str());
        for (key, value) in &node.attrs {
            put(key, value);
        }
        for (key, value) in &node.tags {
            put(&format!("tag.{key}"), value);
        }
        if let Some(run) = self.fleet.get(node.id) {
            put("connection", run.life.doing());
            if let Some(why) = &run.why_down {
                put("last failure", why);
            }
        }
        text
    }

    fn json_of(&self, node: &Node) -> String {
        let value = serde_json::json!({
            "name": node.name,
            "cluster": node.cluster,
            "index": node.index,
            "state": node.state.as_str(),
            "attributes": node.attrs,
            "tags": node.tags,
        });
        format!("{value}\n")
    }
}
