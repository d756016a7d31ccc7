//! Instances for tests.

use super::{CLUSTER_TAG, Instance, NAME_TAG};
use crate::model::NodeState;
use std::collections::BTreeMap;

pub(super) fn instance(id: &str, state: NodeState) -> Instance {
    Instance {
        id: id.into(),
        state,
        reason: None,
        launched: 0,
        launch_index: 0,
        private_ip: None,
        public_ip: None,
        groups: BTreeMap::new(),
        attrs: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

pub(super) fn tagged(id: &str, state: NodeState, cluster: &str, name: &str) -> Instance {
    let mut instance = instance(id, state);
    instance.tags.insert(CLUSTER_TAG.into(), cluster.into());
    if !name.is_empty() {
        instance.tags.insert(NAME_TAG.into(), name.into());
    }
    instance
}

/// As [`crate::target::fold`] folds; tests may look at siblings.
pub(super) fn fold(names: &[&str]) -> String {
    crate::target::fold(names)
}
