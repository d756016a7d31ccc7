//! Which of a drop-in's words is its target.

use super::super::App;
use crate::command::dropins::{self, DropIn, First};
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::target::may_mean_nodes;
use std::ffi::OsString;

/// A target, as it was typed, and the nodes that it means.
type Found = (String, Vec<NodeId>);

impl App {
    /// The target among the words, and the arguments. What it means is asked once: a `^FILE` may be
    /// another a moment later, or be read only once.
    pub(super) fn drop_in_target(
        &self,
        drop_in: &DropIn,
        mut words: Vec<OsString>,
    ) -> Result<(Option<Found>, Vec<OsString>)> {
        let first = words
            .first()
            .map(|word| word.to_string_lossy().into_owned());
        let found = |target: &str| -> Result<Found> {
            let ids = self.resolve(target)?.ids().to_vec();
            Ok((target.to_owned(), ids))
        };
        let target = match dropins::first(drop_in.hints.wants, first.as_deref())? {
            First::Nothing => return Ok((None, words)),
            First::End => None,
            First::Target(target) => Some(found(target)?),
            First::Surely(target) => Some(found(target).map_err(or_argument)?),
            First::Maybe(word) => match found(word) {
                Ok(found) => Some(found),
                Err(error) if may_mean_nodes(word, self.inventory.nodes()) => {
                    return Err(or_argument(error));
                },
                Err(_) => return Ok((None, words)),
            },
        };
        words.remove(0);
        Ok((target, words))
    }
}

/// Why a word is no target, if it was meant as one.
fn or_argument(error: Error) -> Error {
    error.also_hint("-- before it says that it is an argument")
}
