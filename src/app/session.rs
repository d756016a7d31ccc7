//! What the server of a session asks and tells.

use super::App;
use crate::model::Size;
use std::path::{Path, PathBuf};

/// A cluster file as it was loaded: its path, and the digest of its text ([`super::digest`]).
pub type Loaded = (PathBuf, [u8; 32]);

impl App {
    /// What a session is, for those who ask: the names of its clusters, the files that they were
    /// loaded from (with digests of their text), and how many nodes they have.
    pub fn summary(&self) -> (Vec<String>, Vec<Loaded>, usize) {
        let clusters = self.inventory.clusters();
        let names: Vec<String> = clusters.iter().map(|one| one.name.clone()).collect();
        let files = names
            .iter()
            .filter_map(|name| self.sources.get(name).cloned());
        (names.clone(), files.collect(), self.inventory.all().len())
    }

    /// The file that a cluster was loaded from, and the digest of its text.
    pub fn source(&self, cluster: &str) -> Option<(&Path, [u8; 32])> {
        let (path, digest) = self.sources.get(cluster)?;
        Some((path, *digest))
    }

    /// What a target that begins so may be completed to: see [`crate::command::complete::answer`].
    pub fn complete_target(&self, prefix: &str) -> String {
        crate::command::complete::answer(prefix, self.inventory.nodes())
    }

    /// The size of the terminal.
    pub fn size(&self) -> Size {
        self.setup.size
    }

    /// The type of the terminal that is looked at now (TERM): for shells that are opened from now on.
    pub fn set_term(&mut self, term: &str) {
        if !term.is_empty() {
            term.clone_into(&mut self.setup.term);
        }
    }
}
