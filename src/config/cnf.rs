//! The cluster file (`.cnf`): which nodes there are, and how to launch and reach them.
//!
//! ```text
//! # The defaults of every node.
//! @cloud
//! provider = ec2
//! region   = eu-west-1
//! username = ubuntu
//! keyfile  = ~/keys/mykey.pem   ; `~` and paths relative to this file work
//!
//! @master
//! instance_type = m3.medium
//!
//! @worker[0-31]
//! instance_type = t2.small
//! ```
//!
//! What this reader decides where ini files differ:
//! - `#` and `;` start a comment at the start of a line, and behind white space (` # …`). Elsewhere
//!   they belong to the value: `tag.colour=#ff0000`, `key=a;b`. `proxy_command` runs to the end of
//!   its line, as the shell that runs it has comments and `;` of its own.
//! - Quotes and backslashes are ordinary letters; a value in quotes is refused, except in
//!   `proxy_command`, since it is never meant. Values do not go on to a next line.
//! - Keys and values are case-sensitive. A key may stand once in a section. Only tags may be empty.
//! - `jump=none` and `proxy_command=none` undo what `@cloud` says, as in ssh_config(5). A node that
//!   `@cloud` names as the jump host does not jump through itself.
//! - `provider` and `name` stand in `@cloud` only; a node may set every other key. Keys about
//!   launching are ignored by other providers than ec2, so that a file can change its provider.
//! - A section of a range may set `host` to a range of as many hosts: `host=10.0.0.[0-31]`.

use std::collections::HashMap;
use std::path::Path;

use super::cnf_keys::{Provider, Settings};
use super::cnf_lines::{Pair, Section, sections};
use super::cnf_values::{self, Folders, NAME_CHARS, check_name, is_name_char};
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};
use crate::model::ranges::Names;

/// The most nodes that one file may define.
pub const MAX_NODES: usize = 10_000;

/// A cluster, as its file defines it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClusterDef {
    /// The file, as the person named it.
    pub file: String,
    /// Where its nodes come from.
    pub provider: Provider,
    /// Its name: `name`, else the file's name without folder and ending.
    pub name: String,
    /// What `@cloud` says.
    pub settings: Settings,
    /// The nodes in the order of the file. Empty where `@cloud` stands alone: for ec2 that means
    /// every instance of the region, for the other providers no node.
    pub nodes: Vec<NodeDef>,
}

/// A node, as the file defines it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NodeDef {
    /// Its name.
    pub name: String,
    /// What holds for it: its own section's settings, else those of `@cloud`.
    pub settings: Settings,
    /// The line of its section, from 1.
    pub line: usize,
}

impl NodeDef {
    /// The host to connect to where the provider does not know better: `host`, else the name.
    pub fn host(&self) -> &str {
        self.settings.host.as_deref().unwrap_or(&self.name)
    }
}

/// Parses a cluster file. `file_name` is for errors and for the default name of the cluster;
/// `base_dir` is where relative paths start; `home` is what `~` stands for.
///
/// # Errors
/// The first thing that is wrong, with its line; then nothing of the file is used.
pub fn parse(
    file_name: &str,
    base_dir: &Path,
    home: Option<&Path>,
    text: &str,
) -> Result<ClusterDef> {
    let place = |error: Error, line: usize| error.at(file_name, line);
    let folders = Folders {
        base: base_dir,
        home,
    };
    let sections = sections(text, &place)?;
    let cloud = cloud(&sections).map_err(|(error, line)| place(error, line))?;
    let mut settings = Settings::default();
    for pair in &cloud.pairs {
        set(&mut settings, pair, folders).map_err(|error| place(error, pair.line))?;
    }
    let Some(provider) = settings.provider else {
        let error = Error::usage("@cloud has no provider")
            .hint("add `provider=ec2`, `provider=ssh` or `provider=local`");
        return Err(place(error, cloud.line));
    };
    let name = match &settings.name {
        Some(name) => name.clone(),
        None => default_name(file_name).ok_or_else(|| {
            let error = Error::usage("the cluster has no name").hint("add `name=` to @cloud");
            place(error, cloud.line)
        })?,
    };
    let mut nodes = Nodes {
        defined: Vec::new(),
        lines: HashMap::new(),
    };
    for section in sections.iter().filter(|section| section.name != "cloud") {
        nodes
            .add(section, &settings, folders)
            .map_err(|(error, line)| place(error, line))?;
    }
    Ok(ClusterDef {
        file: file_name.to_owned(),
        provider,
        name,
        settings,
        nodes: nodes.defined,
    })
}

/// An error and its line.
type At = (Error, usize);

/// The `@cloud` section.
fn cloud<'s, 'a>(sections: &'s [Section<'a>]) -> Result<&'s Section<'a>, At> {
    let mut clouds = sections.iter().filter(|section| section.name == "cloud");
    let Some(cloud) = clouds.next() else {
        let error = Error::usage("there is no section `@cloud`");
        let near = nearest("cloud", sections.iter().map(|section| section.name));
        let section = sections.iter().find(|section| Some(section.name) == near);
        return Err(match section {
            Some(section) => (
                error.hint(format!(
                    "did you mean `@cloud` by `@{}`?",
                    shown(section.name)
                )),
                section.line,
            ),
            None => (
                error.hint("it holds the provider and the defaults of every node"),
                1,
            ),
        });
    };
    match clouds.next() {
        Some(other) => Err((
            Error::usage("a second section `@cloud`").hint(format!("first at line {}", cloud.line)),
            other.line,
        )),
        None => Ok(cloud),
    }
}

fn set(settings: &mut Settings, pair: &Pair<'_>, folders: Folders<'_>) -> Result<()> {
    cnf_values::set(settings, pair.key, pair.tag, &pair.value, folders)
}

/// The file's name without folder and ending, made of the characters that names have.
fn default_name(file_name: &str) -> Option<String> {
    let stem = Path::new(file_name).file_stem()?.to_string_lossy();
    let name: String = stem
        .trim_start_matches(['.', '-'])
        .chars()
        .map(|c| if is_name_char(c) { c } else { '-' })
        .take(128)
        .collect();
    let name = name.trim_start_matches(['.', '-']);
    check_name(name).is_ok().then(|| name.to_owned())
}

/// The nodes read so far.
#[derive(Debug)]
struct Nodes {
    defined: Vec<NodeDef>,
    /// The line that defined each name.
    lines: HashMap<String, usize>,
}

impl Nodes {
    /// Adds the nodes of a section.
    fn add(
        &mut self,
        section: &Section<'_>,
        cloud: &Settings,
        folders: Folders<'_>,
    ) -> Result<(), At> {
        let names = self.names(section).map_err(|error| (error, section.line))?;
        let mut settings = cloud.clone();
        let mut hosts = None;
        for pair in &section.pairs {
            let at = |error: Error| (error, pair.line);
            if pair.key.cloud_only() {
                return Err(at(cloud_only(pair.key.name)));
            }
            match host_range(pair) {
                Some(range) => hosts = Some((pair, pairwise(range, &names).map_err(at)?)),
                None => set(&mut settings, pair, folders).map_err(at)?,
            }
        }
        let own_jump = section.pairs.iter().find(|pair| pair.name == "jump");
        for (i, name) in names.iter().enumerate() {
            if let Some(line) = self.lines.insert(name.clone(), section.line) {
                let error = Error::usage(format!("node `{name}` is defined twice"))
                    .hint(format!("first at line {line}"));
                return Err((error, section.line));
            }
            let mut settings = settings.clone();
            if let Some((pair, hosts)) = &hosts {
                let host = hosts.get(i).map_or("", String::as_str);
                cnf_values::set(&mut settings, pair.key, None, host, folders)
                    .map_err(|error| (error, pair.line))?;
            }
            if settings.jump.as_deref() == Some(name) {
                if let Some(pair) = own_jump {
                    let error = Error::usage(format!("node `{name}` jumps through itself"));
                    return Err((error, pair.line));
                }
                settings.jump = None;
            }
            self.defined.push(NodeDef {
                name: name.clone(),
                settings,
                line: section.line,
            });
        }
        Ok(())
    }

    /// The names that a section's header stands for.
    fn names(&self, section: &Section<'_>) -> Result<Vec<String>> {
        let header = section.name;
        let bad = |why: String| Error::usage(format!("bad section `@{}`", shown(header))).hint(why);
        let names = Names::parse(header).map_err(|error| bad(error.to_string()))?;
        // The names are checked below; a bad letter is told before a big range is expanded.
        if !names.texts().flat_map(str::chars).all(is_name_char) {
            return Err(bad(if header.contains('=') {
                "a section's header stands alone on its line".to_owned()
            } else {
                NAME_CHARS.to_owned()
            }));
        }
        let total = names.count().saturating_add(self.defined.len() as u64);
        if total > MAX_NODES as u64 {
            return Err(bad(format!(
                "one file defines at most {MAX_NODES} nodes, this makes {total}"
            )));
        }
        let names: Vec<String> = names.iter().collect();
        for name in &names {
            check_name(name).map_err(|why| bad(why.to_owned()))?;
        }
        Ok(names)
    }
}

fn cloud_only(key: &str) -> Error {
    let error = Error::usage(format!("`{key}` stands in @cloud only"));
    if key == "name" {
        error.hint("a node is named by its section's header")
    } else {
        error
    }
}

/// The range of hosts that a `host=` line holds. `[::1]` is an address.
fn host_range<'p>(pair: &'p Pair<'_>) -> Option<&'p str> {
    let range = pair.name == "host" && pair.value.contains('[') && !pair.value.starts_with("[:");
    let ipv6 = pair.value.starts_with('[') && pair.value.ends_with(']') && pair.value.contains(':');
    (range && !ipv6).then_some(&pair.value)
}

/// As many hosts as there are nodes.
fn pairwise(range: &str, nodes: &[String]) -> Result<Vec<String>> {
    let bad = |why: String| Error::usage(format!("bad host `{}`", shown(range))).hint(why);
    let hosts = Names::parse(range).map_err(|error| bad(error.to_string()))?;
    if hosts.count() != nodes.len() as u64 {
        return Err(bad(format!(
            "{} hosts for {} nodes",
            hosts.count(),
            nodes.len()
        )));
    }
    Ok(hosts.iter().collect())
}

#[cfg(test)]
#[path = "cnf_tests.rs"]
mod tests;
