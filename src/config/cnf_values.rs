//! The values of cluster files: what each kind of key accepts.

use std::path::{Path, PathBuf};

use super::cnf_keys::{Address, HostKeys, Key, Kind, Provider, Settings};
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};

/// A value that is one of a few words.
trait Choice: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl Choice for Provider {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ec2", Self::Ec2),
        ("ssh", Self::Ssh),
        ("local", Self::Local),
    ];
}

impl Choice for Address {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("public", Self::Public),
        ("private", Self::Private),
        ("auto", Self::Auto),
    ];
}

impl Choice for HostKeys {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("cloud", Self::Cloud),
        ("accept-new", Self::AcceptNew),
        ("strict", Self::Strict),
        ("off", Self::Off),
    ];
}

impl Choice for bool {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("true", true),
        ("false", false),
        ("yes", true),
        ("no", false),
        ("on", true),
        ("off", false),
        ("1", true),
        ("0", false),
    ];
}

/// Where relative paths and `~` lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folders<'a> {
    pub(super) base: &'a Path,
    pub(super) home: Option<&'a Path>,
}

/// Sets a key. `tag` is the NAME of `tag.NAME`; `value` has no white space around it.
pub(super) fn set(
    settings: &mut Settings,
    key: &Key,
    tag: Option<&str>,
    value: &str,
    folders: Folders<'_>,
) -> Result<()> {
    if value.is_empty() && !matches!(key.kind, Kind::Tag) {
        return Err(Error::usage(format!("`{}` has no value", key.name))
            .hint("leave the line out to use the default"));
    }
    let quoted = |q: char| value.len() > 1 && value.starts_with(q) && value.ends_with(q);
    if (quoted('"') || quoted('\'')) && !key.takes_whole_line() {
        return Err(bad(key, value, "values are written without quotes"));
    }
    match key.kind {
        Kind::Provider => settings.provider = Some(choice(key, value)?),
        Kind::Name => {
            check_name(value).map_err(|why| bad(key, value, why))?;
            settings.name = Some(value.to_owned());
        },
        Kind::Word(field) => *field(settings) = Some(word(key, value)?),
        Kind::Line(field) => *field(settings) = Some(value.to_owned()),
        Kind::Command(field) => *field(settings) = (value != "none").then(|| value.to_owned()),
        Kind::Url(field) => {
            let rest = value
                .strip_prefix("https://")
                .or_else(|| value.strip_prefix("http://"));
            if rest.is_none_or(str::is_empty) || value.contains(char::is_whitespace) {
                return Err(bad(key, value, "an URL starts with http:// or https://"));
            }
            *field(settings) = Some(value.to_owned());
        },
        Kind::Host => settings.host = Some(host(key, value)?),
        Kind::Jump => settings.jump = jump(key, value)?,
        Kind::Path(field) => *field(settings) = Some(path(key, value, folders)?),
        Kind::Port => settings.port = Some(port(key, value)?),
        Kind::Disk => settings.disk = Some(gib(key, value)?),
        Kind::Spot => settings.spot = Some(choice(key, value)?),
        Kind::Address => settings.address = Some(choice(key, value)?),
        Kind::HostKeys => settings.host_keys = Some(choice(key, value)?),
        Kind::Groups => {
            let groups: Vec<String> = value.split(',').map(|g| g.trim().to_owned()).collect();
            if groups.iter().any(String::is_empty) {
                return Err(bad(key, value, "a name is missing beside a comma"));
            }
            settings.security_group = Some(groups);
        },
        Kind::Tag => {
            let name = tag.unwrap_or_default();
            check_tag(name)?;
            settings.tags.insert(name.to_owned(), value.to_owned());
        },
    }
    Ok(())
}

fn bad(key: &Key, value: &str, why: &str) -> Error {
    Error::usage(format!("bad {} `{}`", key.name, shown(value))).hint(why)
}

fn choice<T: Choice>(key: &Key, value: &str) -> Result<T> {
    if let Some((_, chosen)) = T::WORDS.iter().find(|(word, _)| *word == value) {
        return Ok(*chosen);
    }
    let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
    let list = format!("it is one of {}", words.join(", "));
    Err(match nearest(value, words) {
        Some(word) => bad(key, value, &format!("did you mean `{word}`? {list}")),
        None => bad(key, value, &list),
    })
}

fn word(key: &Key, value: &str) -> Result<String> {
    if value.starts_with('-') {
        return Err(bad(key, value, "it cannot start with `-`"));
    }
    if value.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')) {
        return Err(bad(key, value, "it is one word, without blanks and quotes"));
    }
    Ok(value.to_owned())
}

/// A host, as it may reach ssh's command line, a shell and a file name.
fn host(key: &Key, value: &str) -> Result<String> {
    let bare = value
        .strip_prefix('[')
        .and_then(|v| v.strip_suffix(']'))
        .unwrap_or(value);
    if bare.contains('@') {
        return Err(bad(key, value, "the user has a key of its own, `username`"));
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '%');
    if bare.starts_with('-') || bare.is_empty() || !bare.chars().all(plain) {
        return Err(bad(
            key,
            value,
            "it is a host name, an address, or a Host of ~/.ssh/config",
        ));
    }
    let colons = bare.matches(':').count();
    if colons == 1 {
        return Err(bad(key, value, "the port has a key of its own, `port`"));
    }
    if colons == 0 && bare != value {
        return Err(bad(
            key,
            value,
            "brackets are for IPv6 addresses and number ranges",
        ));
    }
    Ok(bare.to_owned())
}

fn jump(key: &Key, value: &str) -> Result<Option<String>> {
    if value == "none" {
        return Ok(None);
    }
    let plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '%' | '@' | '[' | ']' | '+')
    };
    let hops: Vec<&str> = value.split(',').map(str::trim).collect();
    for hop in &hops {
        if hop.is_empty() || hop.starts_with('-') || !hop.chars().all(plain) {
            return Err(bad(
                key,
                value,
                "it is a node's name, or [user@]host[:port]; or none",
            ));
        }
    }
    Ok(Some(hops.join(",")))
}

fn path(key: &Key, value: &str, folders: Folders<'_>) -> Result<PathBuf> {
    let path = if let Some(rest) = value.strip_prefix('~') {
        let Some(home) = folders.home else {
            return Err(bad(
                key,
                value,
                "the home folder is not known: write the whole path",
            ));
        };
        match rest.strip_prefix('/') {
            Some(rest) => home.join(rest.trim_start_matches('/')),
            None if rest.is_empty() => home.to_owned(),
            None => return Err(bad(key, value, "only your own `~/` is known")),
        }
    } else {
        folders.base.join(value)
    };
    // Drops the `.` of `./key.pem`.
    Ok(path.components().collect())
}

fn port(key: &Key, value: &str) -> Result<u16> {
    match digits(value).and_then(|n| u16::try_from(n).ok()) {
        Some(n) if n > 0 => Ok(n),
        _ => Err(bad(key, value, "it is a number from 1 to 65535")),
    }
}

fn gib(key: &Key, value: &str) -> Result<u32> {
    match digits(value).and_then(|n| u32::try_from(n).ok()) {
        Some(n @ 1..=65_536) => Ok(n),
        _ => Err(bad(
            key,
            value,
            "it is a number of GiB from 1 to 65536, without a unit",
        )),
    }
}

fn digits(value: &str) -> Option<u64> {
    value
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| value.parse().ok())?
}

/// EC2's rules for tags, as far as they do not depend on the account.
fn check_tag(name: &str) -> Result<()> {
    if name.is_empty() || name.chars().count() > 128 {
        return Err(Error::usage("a tag has a name of 1 to 128 characters")
            .hint("as in `tag.owner=devops`"));
    }
    if name == "Name" {
        return Err(Error::usage("the tag `Name` holds the node's own name")
            .hint("the section's header sets it"));
    }
    if name.to_lowercase().starts_with("aws:") {
        return Err(Error::usage(format!(
            "the tag `{}` belongs to AWS",
            shown(name)
        )));
    }
    Ok(())
}

/// What a name may hold, for hints.
pub(super) const NAME_CHARS: &str = "names are made of A-Z a-z 0-9 . _ -";

/// Whether a name may hold this.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Whether this can name a node or a cluster: such names go into shells, file names and prompts.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("a name is missing")
    } else if !name.chars().all(is_name_char) {
        Err(NAME_CHARS)
    } else if name.starts_with(['-', '.']) {
        Err("names start with a letter, a digit or `_`")
    } else if name.len() > 128 {
        Err("names have at most 128 characters")
    } else {
        Ok(())
    }
}
