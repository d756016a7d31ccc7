//! Which of a drop-in's words is its target.

use super::super::App;
use crate::command::dropins::{self, DropIn, First};
use crate::error::{Error, Result};
use crate::target::may_mean_nodes;
use std::ffi::OsString;

impl App {
    /// The target among the words, and the arguments.
    pub(super) fn drop_in_target(
        &self,
        found: &DropIn,
        mut words: Vec<OsString>,
    ) -> Result<(Option<String>, Vec<OsString>)> {
        let first = words
            .first()
            .map(|word| word.to_string_lossy().into_owned());
        let target = match dropins::first(found.hints.wants, first.as_deref())? {
            First::Nothing => return Ok((None, words)),
            First::End => None,
            First::Target(target) => {
                self.resolve(target)?;
                Some(target.to_owned())
            },
            First::Surely(target) => {
                self.resolve(target).map_err(or_argument)?;
                Some(target.to_owned())
            },
            First::Maybe(word) => match self.resolve(word) {
                Ok(_) => Some(word.to_owned()),
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
