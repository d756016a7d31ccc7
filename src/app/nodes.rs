//! Loading clusters, and what each node's connection and shell are made of.

use super::fleet::Run;
use super::{App, ProviderOp};
use crate::config::{self, ClusterDef, Provider};
use crate::error::{Error, Result};
use crate::model::{NodeId, Size};
use crate::output::Format;
use crate::session::life::Life;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The width of a node's terminal where no terminal of ours sets it, in columns: so wide that no
/// table is cut for it.
const WIDE: u16 = 512;

impl App {
    /// `load FILE`: all of it is taken in, or nothing.
    pub(super) fn load(&mut self, now: Instant, file: &Path) -> Result<()> {
        let path = self.full_path(file);
        let text = self.host.read_text(&path).map_err(|error| {
            Error::usage(format!(
                "cannot read {}: {}",
                file.display(),
                reason(&error)
            ))
        })?;
        let base = path.parent().unwrap_or_else(|| Path::new("/")).to_owned();
        let home = self.host.home();
        let shown = file.display().to_string();
        let cluster = config::parse(&shown, &base, home.as_deref(), &text)?;
        let missing = match cluster.provider {
            Provider::Ec2 if !self.setup.ec2 => {
                let text = "this dust was built without EC2 (cargo feature ec2)";
                Some(Error::usage(text).hint("provider=ssh reaches machines that exist"))
            },
            Provider::Local if !cfg!(feature = "local") => {
                let text = "provider=local is not built into this dust (cargo feature local)";
                Some(Error::usage(text))
            },
            Provider::Ec2 | Provider::Ssh | Provider::Local => None,
        };
        if let Some(error) = missing {
            return Err(error.at(shown, 1));
        }
        let source = (path, super::digest(&text));
        self.sources.insert(cluster.name.clone(), source);
        self.adopted.remove(&cluster.name);
        self.take_cluster(now, cluster);
        Ok(())
    }

    /// Takes a cluster in, in place of one of the same name, and asks its provider about it.
    pub(super) fn take_cluster(&mut self, now: Instant, cluster: ClusterDef) {
        let (name, provider) = (cluster.name.clone(), cluster.provider);
        let names: Vec<String> = cluster.nodes.iter().map(|node| node.name.clone()).collect();
        for id in self.inventory.add(cluster) {
            self.unload(now, id);
        }
        match provider {
            Provider::Local => {
                self.provide(ProviderOp::List, name, names, super::provide::Then::Nothing);
            },
            Provider::Ec2 => self.ask_inventory(now, Some(&name)),
            Provider::Ssh => {},
        }
    }

    /// A path as a person writes it.
    pub(super) fn full_path(&self, path: &Path) -> PathBuf {
        if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), self.host.home()) {
            return home.join(rest);
        }
        self.host.cwd().join(path)
    }

    /// A node's name; with its cluster where another cluster has a node of that name.
    pub(super) fn name(&self, id: NodeId) -> String {
        if let Some(bastion) = self.fleet.bastions.get(id) {
            return bastion.name.clone();
        }
        let Some(node) = self.inventory.get(id) else {
            return format!("node {}", id.0);
        };
        if self.inventory.clusters().len() > 1 {
            let same = self
                .inventory
                .nodes()
                .iter()
                .filter(|other| other.name == node.name && !other.aside);
            if same.count() > 1 && !node.aside {
                return format!("{}/{}", node.cluster, node.name);
            }
        }
        node.name.clone()
    }

    /// Makes sure that a node has a place for its connection.
    pub(super) fn prepare(&mut self, _now: Instant, id: NodeId) -> Result<()> {
        if self.fleet.get(id).is_some_and(|run| !run.life.is_down()) {
            return Ok(());
        }
        let route = match self.route(id) {
            // What is sent to a node that starts waits until it has an address.
            Err(_) if self.boot_holds(id) => self.no_route_yet(),
            route => route?,
        };
        let mut life = Life::new(route, self.jitter());
        if self.may_borrow(id) {
            life.offer_loan();
        }
        // It may go another way now.
        self.fleet.bastions.check();
        match self.fleet.get_mut(id) {
            Some(run) => run.life = life,
            None => {
                let colour = self.inventory.entry(id).map_or(0, |entry| entry.colour);
                let lines = self.printer.node(id, &self.name(id), colour);
                self.fleet.insert(id, Run::new(life, lines));
            },
        }
        Ok(())
    }

    pub(super) fn jitter(&self) -> u32 {
        let random = self.host.random();
        u32::from_le_bytes([random[0], random[1], random[2], random[3]])
    }

    /// A node's place in its cluster, from 0, and how many nodes that has.
    pub(super) fn rank(&self, id: NodeId) -> (usize, usize) {
        let Some(node) = self.inventory.get(id) else {
            return (0, 0);
        };
        let cluster = self
            .inventory
            .nodes()
            .iter()
            .filter(|other| other.cluster == node.cluster && other.aside == node.aside);
        let size = cluster.clone().count();
        (cluster.take_while(|other| other.id != id).count(), size)
    }

    /// The variables that every shell has.
    pub(super) fn shell_vars(&self, id: NodeId) -> Vec<(&'static str, String)> {
        let Some(node) = self.inventory.get(id) else {
            return Vec::new();
        };
        let (rank, size) = self.rank(id);
        let mut vars = vec![
            ("DUST_NODE", node.name.clone()),
            ("DUST_RANK", rank.to_string()),
            ("DUST_SIZE", size.to_string()),
            ("DUST_CLUSTER", node.cluster.clone()),
        ];
        // A line at a time, nobody can leave a pager.
        vars.extend(["PAGER", "GIT_PAGER", "SYSTEMD_PAGER"].map(|name| (name, "cat".to_owned())));
        vars
    }

    /// How large a node's terminal is: what is left of ours beside the node's name.
    pub(super) fn node_size(&self, id: NodeId) -> Size {
        if let Some(size) = self.raw_size(id) {
            return size;
        }
        let Size { cols, rows } = self.setup.size;
        if !matches!(self.printer.format(), Format::Terminal { .. }) {
            return Size {
                cols: WIDE,
                rows: 50,
            };
        }
        let prefix = crate::term::width::width(&self.name(id)) + 3;
        let cols = cols
            .saturating_sub(u16::try_from(prefix).unwrap_or(u16::MAX))
            .max(20);
        Size {
            cols,
            rows: rows.max(5),
        }
    }
}

/// Why a file cannot be read, without the system's number for it.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
