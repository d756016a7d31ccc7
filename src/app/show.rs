//! `show`: nodes as a table, in full, or as JSON.

use super::App;
use crate::config::Provider;
use crate::error::{Error, Result};
use crate::model::{Node, NodeId, NodeState};
use crate::session::shell::{Shell, State};
use crate::ui::style::{Palette, Role};
use crate::ui::table::Table;
use std::fmt::Write as _;

impl App {
    pub(super) fn show(&mut self, verbose: u8, what: Option<&str>) -> Result<()> {
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
                let provider = entry.map(|entry| entry.provider);
                table.row([
                    node.index.to_string(),
                    node.name.clone(),
                    attr("instance_type"),
                    palette.paint(role, node.state.as_str()),
                    self.connection(node.id).to_owned(),
                    match (at, provider) {
                        (Some(at), _) => at.to_string(),
                        // One that does not run is nowhere.
                        (None, Some(Provider::Local)) => String::new(),
                        (None, _) => attr("host"),
                    },
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
        match run.shell.as_ref().map(Shell::state) {
            Some(State::Starting) => "starting",
            Some(State::Idle) => "ready",
            Some(State::Settling) => "busy",
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
