//! Nodes on their way, and how far each of them is.

use crate::model::{NodeId, NodeState};
use std::collections::BTreeMap;
use std::time::Instant;

/// Where a node is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// EC2 has been asked for it.
    Asked,
    /// EC2 makes it.
    Pending,
    /// It runs, and does not answer ssh yet.
    Booting,
    /// It does.
    Ready,
    /// It will not.
    Failed,
}

/// One node on its way.
#[derive(Debug)]
pub(super) struct Booting {
    pub(super) stage: Stage,
    pub(super) since: Instant,
    /// When it is tried again.
    pub(super) again_at: Option<Instant>,
    /// The instance that was seen for it.
    pub(super) seen: Option<String>,
    /// Why it did not answer.
    pub(super) last: String,
}

impl Booting {
    pub(super) fn is_over(&self) -> bool {
        self.stage >= Stage::Ready
    }

    pub(super) fn reach(&mut self, now: Instant, stage: Stage) -> bool {
        if self.stage >= stage {
            return false;
        }
        self.stage = stage;
        self.since = now;
        self.again_at = None;
        true
    }
}

/// The nodes of one `start`.
#[derive(Debug)]
pub(super) struct Boot {
    /// Wait until they answer ssh; else until they run.
    pub(super) wait: bool,
    pub(super) began: Instant,
    pub(super) until: Instant,
    pub(super) nodes: BTreeMap<NodeId, Booting>,
    /// What a batch has not been told yet.
    pub(super) news: Vec<NodeId>,
    pub(super) tell_at: Option<Instant>,
    /// All of it failed, and that was told.
    pub(super) told: bool,
}

impl Boot {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let again = self.nodes.values().filter_map(|node| node.again_at);
        again.chain(self.tell_at).chain([self.until]).min()
    }

    /// What a stage is called.
    pub(super) fn word(&self, stage: Stage, state: NodeState) -> &'static str {
        match (stage, state) {
            (Stage::Asked, NodeState::Stopping) => "stopping",
            (Stage::Asked, NodeState::Stopped) => "starting",
            (Stage::Asked, _) => "launching",
            (Stage::Pending, _) => "pending",
            (Stage::Booting, _) => "booting",
            (Stage::Ready, _) if self.wait => "ssh ready",
            (Stage::Ready, _) => "running",
            (Stage::Failed, _) => "failed",
        }
    }
}
