//! Which of a drop-in's words is its target.

use super::super::App;
use crate::command::dropins::{self, DropIn, First, Wants};
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};
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
            First::Target(target) | First::Surely(target) => {
                if let Err(error) = self.resolve(target) {
                    return Err(match dropins::first(Wants::Optional, first.as_deref()) {
                        Ok(First::Surely(_)) if found.hints.wants == Wants::Optional => {
                            error.hint("-- before it says that it is an argument")
                        },
                        _ => error,
                    });
                }
                Some(target.to_owned())
            },
            First::Maybe(word) => match self.resolve(word) {
                Ok(_) => Some(word.to_owned()),
                Err(error) => {
                    let nodes = self.inventory.nodes().iter();
                    match nearest(word, nodes.map(|node| node.name.as_str())) {
                        None => return Ok((None, words)),
                        // It is there, and out of reach: the error says why.
                        Some(near) if near == word => return Err(error),
                        Some(near) => {
                            let text = format!("`{}` is no node", shown(word));
                            let end = "-- before it says that it is an argument";
                            let hint = format!("did you mean {near}? {end}");
                            return Err(Error::usage(text).hint(hint));
                        },
                    }
                },
            },
        };
        words.remove(0);
        Ok((target, words))
    }
}
