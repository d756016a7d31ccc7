//! What EC2 says, on paper: plans, key pairs, security groups.

use super::{App, What};
use crate::cloud::{KeyPair, Plan, SecurityGroup};
use crate::target::fold;
use crate::ui::style::{Palette, Role};
use crate::ui::table::Table;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

impl App {
    /// What a start does, or would do.
    pub(super) fn plan_told(&mut self, now: Instant, request: u64, plan: &Plan) {
        let Some(asked) = self.clouds.asked.get(&request) else {
            return;
        };
        match &asked.what {
            What::Plan(cluster) => {
                let text = if self.setup.json {
                    json_plan(cluster, plan)
                } else {
                    let mut text = plan_text(plan);
                    if self.inventory.clusters().len() > 1 && !text.is_empty() {
                        text.insert_str(0, &format!("{cluster}:\n"));
                    }
                    text
                };
                for line in text.lines() {
                    self.answer(&crate::output::clean(line.as_bytes()));
                }
            },
            _ => self.start_planned(now, request, plan),
        }
    }

    pub(super) fn print_keys(&mut self, request: u64, pairs: &[KeyPair]) {
        let region = self.clouds.asked.get(&request);
        let region = region.and_then(|asked| asked.account.region.clone());
        let file = |pair: &KeyPair| pair.file.as_ref().map(|path| path.display().to_string());
        if self.setup.json {
            let lines = pairs.iter().map(|pair| {
                let line = json!({
                    "name": pair.name,
                    "region": region,
                    "type": pair.kind,
                    "fingerprint": pair.fingerprint,
                    "file": file(pair),
                });
                format!("{line}\n")
            });
            let text: String = lines.collect();
            self.answer(&text);
            return;
        }
        if pairs.is_empty() {
            self.notice("no key pairs");
            return;
        }
        let mut table = Table::new(["name", "type", "file", "fingerprint"]);
        for pair in pairs {
            table.row([
                pair.name.clone(),
                pair.kind.clone(),
                file(pair).unwrap_or_default(),
                pair.fingerprint.clone(),
            ]);
        }
        if let Some(region) = region.filter(|_| self.accounts().len() > 1) {
            self.answer(&region);
        }
        self.print_table(&table);
    }

    pub(super) fn print_rules(&mut self, groups: &[SecurityGroup]) {
        if self.setup.json {
            let mut text = String::new();
            for group in groups {
                for rule in &group.rules {
                    let line = json!({
                        "group": group.id,
                        "name": group.name,
                        "vpc": group.vpc,
                        "cluster": group.cluster,
                        "protocol": rule.protocol,
                        "from_port": rule.ports.map(|(first, _)| first),
                        "to_port": rule.ports.map(|(_, last)| last),
                        "source": rule.source,
                        "note": rule.note,
                    });
                    let _ = writeln!(text, "{line}");
                }
            }
            self.answer(&text);
            return;
        }
        if groups.is_empty() {
            self.notice("no security groups");
            return;
        }
        let palette = Palette::new(self.setup.colours);
        for group in groups {
            let mut title = format!("{} {}", group.name, group.id);
            if let Some(cluster) = &group.cluster {
                let _ = write!(title, " (of {cluster})");
            }
            let title = crate::output::clean(title.as_bytes());
            self.answer(&palette.paint(Role::Strong, &title));
            let mut table = Table::new(["protocol", "ports", "source", "note"]);
            for rule in &group.rules {
                let ports = match rule.ports {
                    Some((first, last)) if first == last => first.to_string(),
                    Some((first, last)) => format!("{first}-{last}"),
                    None => "all".to_owned(),
                };
                table.row([
                    rule.protocol.clone(),
                    ports,
                    rule.source.clone(),
                    rule.note.clone(),
                ]);
            }
            if table.is_empty() {
                self.answer("nothing is let in");
            } else {
                self.print_table(&table);
            }
        }
    }

    fn print_table(&mut self, table: &Table) {
        let palette = Palette::new(self.setup.colours);
        let columns = usize::from(self.setup.size.cols);
        let columns = self.setup.terminal.then_some(columns);
        for line in table.render(columns, palette) {
            self.answer(&line);
        }
    }
}

/// A plan in lines.
fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    for (names, what) in &plan.launch {
        let _ = writeln!(text, "launch: {} ({}): {what}", fold(names), names.len());
    }
    for (what, names) in [
        ("start", &plan.start),
        ("start once stopped", &plan.wait),
        ("leave", &plan.leave),
    ] {
        if !names.is_empty() {
            let _ = writeln!(text, "{what}: {} ({})", fold(names), names.len());
        }
    }
    for (name, ids) in &plan.conflicts {
        let _ = writeln!(text, "conflict: {name}: {}", super::claimed(ids));
    }
    // Many nodes differ from their file in the same way.
    let mut drift: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for (node, attribute, file, cloud) in &plan.drift {
        drift
            .entry((attribute, file, cloud))
            .or_default()
            .push(node);
    }
    for ((attribute, file, cloud), nodes) in drift {
        let nodes = fold(nodes);
        let _ = writeln!(
            text,
            "differs: {nodes}: {attribute} is {cloud}, the file says {file}"
        );
    }
    text
}

/// A plan as JSON, one object a line.
fn json_plan(cluster: &str, plan: &Plan) -> String {
    let mut lines = Vec::new();
    for (nodes, what) in &plan.launch {
        lines.push(json!({"cluster": cluster, "plan": "launch", "nodes": nodes, "what": what}));
    }
    for (word, nodes) in [
        ("start", &plan.start),
        ("wait", &plan.wait),
        ("leave", &plan.leave),
    ] {
        if !nodes.is_empty() {
            lines.push(json!({"cluster": cluster, "plan": word, "nodes": nodes}));
        }
    }
    for (node, ids) in &plan.conflicts {
        lines.push(json!({"cluster": cluster, "plan": "conflict", "node": node, "ids": ids}));
    }
    for (node, attribute, file, cloud) in &plan.drift {
        lines.push(json!({
            "cluster": cluster, "plan": "differs", "node": node,
            "attribute": attribute, "file": file, "cloud": cloud,
        }));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
