//! `show`: nodes as a table, in full, or as JSON.

use super::App;
use crate::config::Provider;
use crate::error::{Error, Result};
use crate::model::{Node, NodeId, NodeState};
use crate::session::shell::{Shell, State};
use crate::ui::style::{Palette, Role};
use crate::ui::table::Table;
use std::fmt::Write as _;

/// A column of `show`.
struct Column {
    head: &'static str,
    /// Its place in [`App::cells`].
    cell: usize,
    verbose: bool,
    /// Where there is no room, the highest goes first; 0: it stays.
    goes: u8,
}

const fn column(head: &'static str, cell: usize, verbose: bool, goes: u8) -> Column {
    Column {
        head,
        cell,
        verbose,
        goes,
    }
}

const COLUMNS: [Column; 14] = [
    column(">#", 0, false, 0),
    column("name", 1, false, 0),
    column("type", 2, false, 1),
    column("state", 3, false, 0),
    column("ssh", 4, false, 2),
    column("host", 5, false, 0),
    column("id", 6, false, 0),
    column("ip", 7, false, 0),
    column("private ip", 8, false, 4),
    column("user", 9, true, 5),
    column("zone", 10, true, 6),
    column("image", 11, true, 7),
    column("key", 12, true, 8),
    column("launched", 13, true, 9),
];

impl App {
    pub(super) fn show(&mut self, verbose: u8, what: Option<&str>) -> Result<()> {
        if self.inventory.nodes().is_empty() {
            let mut clusters = self.inventory.clusters().iter();
            if let Some(cluster) = clusters.find(|cluster| cluster.provider == Provider::Ec2) {
                self.cloud_has_told()?;
                let region = cluster.settings.region.as_deref();
                let text = format!("no instances in {}", region.unwrap_or("the region"));
                self.notice(&text);
                return Ok(());
            }
            return Err(Error::usage("no nodes").hint("load FILE, or start dust with -f FILE"));
        }
        let ids = match what {
            // What belongs to no cluster is in sight as long as all is.
            None if self.inventory.works_on_all() => {
                let nodes = self.inventory.nodes().iter();
                nodes.map(|node| node.id).collect()
            },
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
        self.cloud_knows(&ids)?;
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
        let group = |node: &Node| (node.aside, node.cluster.clone());
        let mut groups: Vec<(bool, String)> = nodes.iter().map(|node| group(node)).collect();
        groups.dedup();
        for (aside, cluster) in groups {
            let of_group = |node: &&&Node| node.aside == aside && node.cluster == cluster;
            let nodes: Vec<&Node> = nodes.iter().filter(of_group).copied().collect();
            let width = self
                .setup
                .terminal
                .then(|| usize::from(self.setup.size.cols));
            let table = self.fitting(&nodes, verbose, width, palette);
            let mut title = format!("{cluster} ({})", nodes.len());
            if aside {
                title.push_str(": selected by full name, id or index only");
            }
            text.push_str(&palette.paint(Role::Strong, &title));
            text.push('\n');
            for line in table.render(width, palette) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }

    /// The table with as many columns as fit: half an id is of no use, so others go as a whole.
    fn fitting(
        &self,
        nodes: &[&Node],
        verbose: u8,
        width: Option<usize>,
        palette: Palette,
    ) -> Table {
        let mut columns: Vec<&Column> = COLUMNS.iter().collect();
        columns.retain(|column| verbose > 0 || !column.verbose);
        let rows: Vec<Vec<String>> = nodes.iter().map(|node| self.cells(node, palette)).collect();
        loop {
            let mut table = Table::new(columns.iter().map(|column| column.head));
            for row in &rows {
                let cells = columns.iter().map(|column| row.get(column.cell).cloned());
                table.row(cells.map(Option::unwrap_or_default));
            }
            let fits = width.is_none_or(|width| table.width() <= width);
            let next = columns.iter().map(|column| column.goes).max().unwrap_or(0);
            if fits || next == 0 {
                return table;
            }
            columns.retain(|column| column.goes < next);
        }
    }

    /// A node's row; columns that are empty for all nodes are left out.
    fn cells(&self, node: &Node, palette: Palette) -> Vec<String> {
        let attr = |key: &str| node.attrs.get(key).cloned().unwrap_or_default();
        let role = match node.state {
            NodeState::Running => Role::Good,
            NodeState::Absent | NodeState::Stopped | NodeState::Terminated => Role::Dim,
            _ => Role::Warning,
        };
        let entry = self.inventory.entry(node.id);
        let at = entry.and_then(|entry| entry.addr);
        let host = match (at, entry.map(|entry| entry.provider)) {
            (Some(at), _) => at.to_string(),
            // One that does not run is nowhere.
            (None, Some(Provider::Local)) => String::new(),
            (None, _) => attr("host"),
        };
        let in_ec2 = entry.is_some_and(|entry| entry.seat.is_some());
        let ec2 = |key: &str| if in_ec2 { attr(key) } else { String::new() };
        // The address that is connected to, and the other one where that is public.
        let (ip, private) = (ec2("ip"), ec2("private_ip"));
        let private = if private == ip {
            String::new()
        } else {
            private
        };
        vec![
            node.index.to_string(),
            node.name.clone(),
            attr("instance_type"),
            palette.paint(role, node.state.as_str()),
            self.connection(node.id).to_owned(),
            host,
            ec2("id"),
            ip,
            private,
            attr("username"),
            attr("zone"),
            attr("image"),
            attr("key"),
            ec2("launched"),
        ]
    }

    /// What a node's connection does, in a word or two.
    fn connection(&self, id: NodeId) -> &'static str {
        let Some(run) = self.fleet.get(id) else {
            return "";
        };
        if self.is_booting(id) {
            return "waiting";
        }
        match run.shell.as_ref().map(Shell::state) {
            Some(State::Starting) => "starting",
            Some(State::Idle) => "ready",
            Some(State::Settling) => "busy",
            Some(State::Raw) => "raw",
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
            let line = format!("  {key:<14} {value}");
            let _ = writeln!(text, "{}", crate::output::clean(line.as_bytes()));
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
            "assigned": !node.aside,
            "state": node.state.as_str(),
            "attributes": node.attrs,
            "tags": node.tags,
        });
        format!("{value}\n")
    }
}
