//! `dust demo`: a cluster on this machine that leaves nothing behind.
//!
//! The nodes of a demo belong to the process that made it (the one-shot run, or the server that
//! holds the session and so outlives the terminal). They hold the reading end of a pipe whose
//! writing end only that process has: when it ends, by `exit`, a signal or a crash, they end too,
//! with all that runs on them, and the last one removes the demo's folder. To keep nodes, use a
//! cluster file with `provider=local`: its nodes stay until `stop` or `terminate`.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::getuid;

use super::folder::{check_private_dir, failed, make_private_dir, remove_tree, write_private};
use super::lock::Turn;
use super::provider::{Launch, LocalNode, ThrowAway, list, start_all, terminate_all};
use crate::command::options::DEMO_MOST;
use crate::error::{Error, Result};
use crate::model::NodeState;

/// The name of a demo's cluster.
pub const CLUSTER: &str = "demo";

/// Held by the process that a demo belongs to.
const ALIVE: &str = ".alive";

/// Where demos of this user are: under the folder for temporary files.
pub fn default_base() -> PathBuf {
    std::env::temp_dir().join(format!("dust-demo-{}", getuid()))
}

/// `worker0`, `worker1`, …
pub fn names(nodes: usize) -> Vec<String> {
    (0..nodes).map(|i| format!("worker{i}")).collect()
}

/// The cluster file of a demo.
pub fn cluster_text(nodes: usize) -> String {
    let last = nodes.saturating_sub(1);
    let workers = if last == 0 {
        "worker0".into()
    } else {
        format!("worker[0-{last}]")
    };
    format!(
        "# A cluster on this machine, made by `dust demo`.\n\
         @cloud\nprovider=local\nname={CLUSTER}\n\n@{workers}\n"
    )
}

/// A cluster that ends with this process, or before, by [`Demo::end`].
#[derive(Debug)]
pub struct Demo {
    root: PathBuf,
    names: Vec<String>,
    parent: PipeReader,
    _life: PipeWriter,
    _alive: Turn,
}

impl Demo {
    /// Lays out a demo in a new folder of its own in `base`, and removes what demos that were
    /// killed may have left there. Starts nothing yet.
    ///
    /// Errors: an absurd number of nodes, or a folder that cannot be made or trusted.
    pub fn create(base: &Path, nodes: usize) -> Result<Self> {
        if !(1..=usize::from(DEMO_MOST)).contains(&nodes) {
            return Err(Error::usage(format!(
                "a demo has 1 to {DEMO_MOST} nodes, not {nodes}"
            )));
        }
        make_private_dir(base)?;
        let turn = Turn::take(&base.join(".lock"))?;
        sweep(base);
        let root = new_folder(base)?;
        let alive = Turn::take(&root.join(ALIVE))?;
        drop(turn);
        write_private(&root.join("demo.cnf"), &cluster_text(nodes))?;
        let (parent, life) = std::io::pipe().map_err(|e| failed(&root, e))?;
        Ok(Self {
            root,
            names: names(nodes),
            parent,
            _life: life,
            _alive: alive,
        })
    }

    /// Its cluster file.
    pub fn cluster_file(&self) -> PathBuf {
        self.root.join("demo.cnf")
    }

    /// The folder of its nodes, for the functions of this module.
    pub fn cluster_dir(&self) -> PathBuf {
        self.root.join(CLUSTER)
    }

    /// How its nodes are started, whenever one is.
    pub fn launch(&self) -> Launch<'_> {
        let throw_away = ThrowAway {
            parent: self.parent.as_fd(),
            root: &self.root,
        };
        Launch {
            throw_away: Some(throw_away),
            ..Launch::default()
        }
    }

    /// Starts all its nodes, side by side.
    pub fn start(&self, launch: &Launch<'_>) -> Vec<(String, Result<LocalNode>)> {
        start_all(&self.cluster_dir(), &self.names, launch)
    }

    /// Ends its nodes and removes all that they left; returns when that is done. A demo that is
    /// dropped ends too, by itself and a little later.
    pub fn end(self) -> Result<()> {
        let mut first = None;
        for (_, ended) in terminate_all(&self.cluster_dir(), &self.names) {
            first = first.or_else(|| ended.err());
        }
        remove_tree(&self.root)?;
        first.map_or(Ok(()), Err)
    }
}

/// A folder of a name that nobody else has.
fn new_folder(base: &Path) -> Result<PathBuf> {
    for n in 0..u32::MAX {
        let root = base.join(format!("{n}"));
        match DirBuilder::new().mode(0o700).create(&root) {
            Ok(()) => return Ok(root),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {},
            Err(e) => return Err(failed(&root, e)),
        }
    }
    Err(failed(base, "is full"))
}

/// Removes demos whose process is gone and whose nodes have ended. Nodes that are still ending
/// remove their demo themselves. What cannot be removed now may be at another time.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for root in entries.flatten().map(|e| e.path()) {
        let demo = check_private_dir(&root).is_ok() && root.join(ALIVE).exists();
        if !demo || !matches!(Turn::try_take(&root.join(ALIVE)), Ok(Some(_))) {
            continue;
        }
        if let Ok(nodes) = list(&root.join(CLUSTER))
            && nodes.iter().all(|node| node.state == NodeState::Stopped)
        {
            drop(remove_tree(&root));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_file() {
        assert!(cluster_text(3).ends_with("\n@worker[0-2]\n"));
        assert!(cluster_text(1).ends_with("\n@worker0\n"));
        assert_eq!(names(2), ["worker0", "worker1"]);
    }

    #[test]
    fn demos_do_not_meet_and_what_a_killed_one_left_is_swept() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().join("base");
        let first = Demo::create(&base, 1).unwrap();
        let second = Demo::create(&base, 2).unwrap();
        assert_ne!(first.cluster_file(), second.cluster_file());
        // A process that is killed leaves the folder, and nobody holds its lock.
        let left = first.root.clone();
        drop(first);
        assert!(left.exists());
        // A folder that is no demo is none of its business.
        make_private_dir(&base.join("other")).unwrap();
        let third = Demo::create(&base, 1).unwrap();
        assert!(second.root.exists() && base.join("other").exists());
        assert_eq!(third.root, left);
        assert_eq!(
            fs::read_to_string(third.cluster_file()).unwrap(),
            cluster_text(1)
        );
        for demo in [second, third] {
            demo.end().unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&base)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".lock", "other"]);
    }

    #[test]
    fn an_absurd_number_of_nodes_is_refused() {
        for n in [0, 1000] {
            Demo::create(Path::new("/nowhere"), n).unwrap_err();
        }
    }
}
