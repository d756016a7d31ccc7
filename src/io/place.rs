//! Where clusters of the provider `local` live, and how their nodes are started.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of local clusters; a demo has one of its own that goes when dust goes.
#[derive(Clone, Debug)]
pub struct Place {
    base: PathBuf,
    #[cfg(feature = "local")]
    demo: Option<Arc<super::local::demo::Demo>>,
    #[cfg(not(feature = "local"))]
    demo: Option<Arc<()>>,
}

impl Place {
    /// The clusters of this user.
    pub fn of_user() -> Self {
        let base = super::files::data_dir().unwrap_or_else(|| PathBuf::from("/nonexistent"));
        Self {
            base: base.join("local"),
            demo: None,
        }
    }

    /// The cluster of a demo.
    #[cfg(feature = "local")]
    pub fn of_demo(demo: Arc<super::local::demo::Demo>) -> Self {
        let base = demo
            .cluster_dir()
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        Self {
            base,
            demo: Some(demo),
        }
    }

    /// Clusters in this folder.
    pub fn at(base: PathBuf) -> Self {
        Self { base, demo: None }
    }

    /// The folder, where it is not that of this user.
    pub fn elsewhere(&self) -> Option<PathBuf> {
        (self.base != Self::of_user().base).then(|| self.base.clone())
    }

    /// True if the nodes are thrown away at the end.
    pub fn is_demo(&self) -> bool {
        self.demo.is_some()
    }

    /// The folder of a cluster.
    pub fn cluster_dir(&self, cluster: &str) -> PathBuf {
        self.base.join(cluster)
    }

    /// Starts nodes; blocks.
    #[cfg(feature = "local")]
    pub fn start(
        &self,
        dir: &Path,
        names: &[String],
    ) -> Vec<(String, crate::error::Result<super::local::LocalNode>)> {
        let launch = match &self.demo {
            Some(demo) => demo.launch(),
            None => super::local::Launch::default(),
        };
        super::local::start_all(dir, names, &launch)
    }
}

impl Place {
    /// Ends the nodes of a demo.
    pub fn end(self) {
        #[cfg(feature = "local")]
        if let Some(demo) = self.demo.and_then(Arc::into_inner) {
            // What could not be removed now goes with the last of its processes.
            drop(demo.end());
        }
    }
}
