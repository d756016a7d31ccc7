//! What the server of a session asks and tells.

use super::App;
use crate::model::Size;
use std::path::PathBuf;

impl App {
    /// What a session is, for those who ask: the names of its clusters, the files that they were
    /// loaded from, and how many nodes they have.
    pub fn summary(&self) -> (Vec<String>, Vec<PathBuf>, usize) {
        let clusters = self.inventory.clusters();
        let names: Vec<String> = clusters.iter().map(|one| one.name.clone()).collect();
        let files = names
            .iter()
            .filter_map(|name| self.files.get(name).cloned());
        (names.clone(), files.collect(), self.inventory.all().len())
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
