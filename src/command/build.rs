//! How commands with more than a target are made of their words.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::commands::{Command, Copying, SecAction, To};
use super::table::Args;
use super::topics::{self, Subject};
use super::{dropins, settings};
use crate::error::Result;
use crate::model::nearest::shown;

pub(super) fn required_target(args: &mut Args) -> Result<String> {
    args.target()?.ok_or_else(|| args.missing("TARGET"))
}

/// `commands`, `commands install [NAME]`.
pub(super) fn drop_ins(args: &mut Args) -> Result<Command> {
    match args.text()?.as_deref() {
        None => Ok(Command::DropIns),
        Some("install") => Ok(Command::Install { name: args.text()? }),
        Some(word) => Err(args.misuse(&format!("`{}` is not install", shown(word)))),
    }
}

/// A word that is nothing of dust's own may be a drop-in.
pub(super) fn help(args: &mut Args) -> Result<Command> {
    let Some(word) = args.text()? else {
        let subject = Subject::Overview;
        return Ok(Command::Help { subject });
    };
    match topics::subject(&word) {
        Ok(subject) => Ok(Command::Help { subject }),
        Err(_) if dropins::is_name(&word) => Ok(Command::About { word }),
        Err(error) => Err(error),
    }
}

pub(super) fn set(args: &mut Args) -> Result<Command> {
    let Some(name) = args.text()? else {
        return Ok(Command::Settings);
    };
    let setting = settings::find(&name)?;
    Ok(match args.text()? {
        None => Command::Setting { setting },
        Some(value) => Command::Set {
            change: setting.parse(&value)?,
        },
    })
}

/// A path, `off`, or nothing. A file that is called `off` is `./off`.
pub(super) fn to(args: &mut Args) -> To {
    match args.path() {
        None => To::Show,
        Some(path) if path.as_os_str() == "off" => To::Off,
        Some(path) => To::Path(path),
    }
}

/// `ec2sec`, `ec2sec TARGET`, `ec2sec show TARGET`, `ec2sec add TARGET PROTOCOL [PORTS] SOURCE`.
pub(super) fn ec2sec(args: &mut Args) -> Result<Command> {
    let word = args.target()?;
    let (action, mut target) = match word.as_deref() {
        None | Some("show") => (SecAction::Show, None),
        Some("add") => (SecAction::Add, None),
        Some("remove") => (SecAction::Remove, None),
        Some(_) => (SecAction::Show, word),
    };
    if target.is_none() {
        target = args.target()?;
    }
    let mut rule = Vec::new();
    while let Some(word) = args.text()? {
        rule.push(word);
    }
    match action {
        SecAction::Show if !rule.is_empty() => {
            return Err(args.misuse(&format!("too many words: `{}`", shown(&rule.join(" ")))));
        },
        SecAction::Add | SecAction::Remove if target.is_none() => {
            return Err(args.missing("TARGET"));
        },
        SecAction::Add | SecAction::Remove if rule.len() < 2 => {
            let what = "a rule is PROTOCOL PORTS SOURCE, such as tcp 80 0.0.0.0/0";
            return Err(args.misuse(what));
        },
        _ => {},
    }
    Ok(Command::Ec2Sec {
        action,
        target,
        rule,
    })
}

/// The pairs in `k=v,k=v` words.
pub(super) fn pairs(args: &mut Args) -> Result<Vec<(String, Option<String>)>> {
    let mut pairs = Vec::new();
    while let Some(word) = args.text()? {
        for pair in word.split(',') {
            let (key, value) = match pair.split_once('=') {
                Some((key, value)) => (key.trim(), Some(value.trim().to_owned())),
                None => (pair.trim(), None),
            };
            if key.is_empty() {
                return Err(args.misuse(&format!("`{}` is no tag", shown(&word))));
            }
            pairs.push((key.to_owned(), value));
        }
    }
    Ok(pairs)
}

pub(super) fn tag(args: &mut Args) -> Result<Command> {
    let target = required_target(args)?;
    let mut tags = BTreeMap::new();
    for (key, value) in pairs(args)? {
        let Some(value) = value else {
            return Err(args.misuse(&format!("`{}` has no value", shown(&key))));
        };
        tags.insert(key, value);
    }
    Ok(Command::Tag { target, tags })
}

pub(super) fn history(args: &mut Args) -> Result<Command> {
    let count = match args.text()? {
        None => None,
        Some(n) => Some(
            n.parse()
                .map_err(|_| args.misuse(&format!("`{}` is not a number", shown(&n))))?,
        ),
    };
    Ok(Command::History { count })
}

/// The words and options of `put` and `get`; which word is what, only those who know the nodes can
/// tell.
pub(super) fn copying(args: &mut Args) -> Result<(Vec<PathBuf>, Copying)> {
    let words: Vec<PathBuf> = std::iter::from_fn(|| args.path()).collect();
    if words.iter().any(|word| word.as_os_str().is_empty()) {
        return Err(args.misuse("a word is empty"));
    }
    let copy = Copying {
        deep: args.given("recursive"),
        keep: args.given("preserve"),
        resume: args.given("resume"),
        check: args.given("check"),
    };
    Ok((words, copy))
}
