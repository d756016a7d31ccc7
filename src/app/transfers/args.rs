//! Which word of a `put` or `get` is what.

use super::super::App;
use crate::error::{Error, Result};
use crate::model::nearest::shown;
use crate::target::Targets;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The words, told apart.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) files: Vec<PathBuf>,
    pub(super) targets: Targets,
    pub(super) dir: Option<PathBuf>,
}

/// A word that cannot be a target: nobody would type it for one.
fn is_path(word: &Path) -> bool {
    let bytes = word.as_os_str().as_bytes();
    bytes == b"."
        || bytes == b".."
        || bytes == b"~"
        || ["/", "./", "../", "~/"]
            .iter()
            .any(|start| bytes.starts_with(start.as_bytes()))
        || bytes.ends_with(b"/")
}

/// The target in a word that says that it is one: `@worker*`.
fn marked(word: &Path) -> Option<&str> {
    word.to_str()?.strip_prefix('@')
}

impl App {
    fn target_word(&self, word: &Path) -> Result<Targets> {
        let text = word.to_str().ok_or_else(|| {
            let word = word.to_string_lossy();
            Error::usage(format!("`{}` is no target", shown(&word)))
        })?;
        self.resolve(text.strip_prefix('@').unwrap_or(text))
    }

    fn is_here(&self, word: &Path) -> bool {
        self.host.exists(&self.full_path(word))
    }

    /// `FILE… TARGET [DIR]`.
    pub(super) fn put_words(&self, mut words: Vec<PathBuf>) -> Result<Words> {
        let marks: Vec<usize> = words
            .iter()
            .enumerate()
            .filter(|(at, word)| *at > 0 && marked(word).is_some() && !self.is_here(word))
            .map(|(at, _)| at)
            .collect();
        let count = words.len();
        let at = match marks.as_slice() {
            [at] if at + 2 >= count => *at,
            [] => self.unmarked(&words)?,
            _ => {
                return Err(
                    Error::usage("put: more than one target, or words behind its folder")
                        .hint("put FILE... TARGET [DIR]"),
                );
            },
        };
        let targets = words.get(at).map(|word| self.target_word(word));
        let targets = targets.unwrap_or_else(|| Err(Error::usage("put: TARGET is missing")))?;
        let dir = words.get(at + 1).cloned();
        words.truncate(at);
        Ok(Words {
            files: words,
            targets,
            dir,
        })
    }

    /// Which word is the target, where none is marked.
    fn unmarked(&self, words: &[PathBuf]) -> Result<usize> {
        let last = words.len().saturating_sub(1);
        let (Some(end), Some(before)) = (words.get(last), words.get(last.saturating_sub(1))) else {
            return Err(Error::usage("put: TARGET is missing"));
        };
        if last < 2 {
            return Ok(last);
        }
        if is_path(end) {
            return Ok(last - 1);
        }
        match (self.target_word(before), self.target_word(end)) {
            (Ok(_), Err(_)) => Ok(last - 1),
            (Err(_), _) => Ok(last),
            (Ok(_), Ok(_)) if !self.is_here(before) => Ok(last - 1),
            (Ok(_), Ok(_)) => {
                let (before, end) = (before.display().to_string(), end.display().to_string());
                let text = format!("put: `{}` and `{}` name nodes", shown(&before), shown(&end));
                Err(Error::usage(text).hint("write @ before the target"))
            },
        }
    }

    /// `TARGET FILE… [DIR]`.
    pub(super) fn get_words(&self, mut words: Vec<PathBuf>) -> Result<Words> {
        let first = words.remove(0);
        let targets = self.target_word(&first)?;
        let is_dir = |word: &PathBuf| {
            let bytes = word.as_os_str().as_bytes();
            bytes.ends_with(b"/") || bytes == b"." || self.host.is_dir(&self.full_path(word))
        };
        let dir = if words.len() > 1 {
            words.pop_if(|word| is_dir(word))
        } else {
            None
        };
        Ok(Words {
            files: words,
            targets,
            dir,
        })
    }
}

/// A path of a node as its SFTP server understands it: `~` is where it begins.
pub(super) fn remote(path: Option<&Path>) -> Vec<u8> {
    let bytes = path.map_or(&b"."[..], |path| OsStr::as_bytes(path.as_os_str()));
    match bytes.strip_prefix(b"~/") {
        Some(b"") => b".".to_vec(),
        Some(rest) => rest.to_vec(),
        None if bytes == b"~" => b".".to_vec(),
        None => bytes.to_vec(),
    }
}
