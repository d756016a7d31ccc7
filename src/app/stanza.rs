//! `ssh-config`: what ~/.ssh/config has to say so that other programs go through dust's connections.

use super::App;
use crate::error::{Error, Result};
use crate::model::{Node, NodeId};
use crate::session::life::{HostKeyPolicy, Route};
use crate::target::fold;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// A line of ssh_config(5) may hold so many characters of names: old versions read 1,024.
const NAMES_MAX: usize = 900;

/// What holds for one node, in the form of ssh_config(5): keywords with their arguments.
type Lines = Vec<(&'static str, String)>;

impl App {
    /// The stanza for these nodes (`None`: the working set), in the form of ssh_config(5).
    ///
    /// Each node is reached by `dust proxy`, which makes a connection to its sshd through the one
    /// that the session has. What ssh needs besides, user, key and host key, is as dust has it.
    ///
    /// # Errors
    /// The target matches nothing, or no node of it can be reached by now.
    pub fn ssh_config(&mut self, target: Option<&str>) -> Result<String> {
        let ids = match target {
            Some(target) => self.resolve(target)?.ids().to_vec(),
            None => self.inventory.working().to_vec(),
        };
        let mut clusters: Vec<(String, Vec<(Node, Lines)>)> = Vec::new();
        let mut left_out: Vec<(Node, String)> = Vec::new();
        for id in ids {
            let Some(node) = self.inventory.get(id).cloned() else {
                continue;
            };
            match self.lines_of(id, &node) {
                Ok(lines) => match clusters.iter_mut().find(|(name, _)| *name == node.cluster) {
                    Some((_, nodes)) => nodes.push((node, lines)),
                    None => clusters.push((node.cluster.clone(), vec![(node, lines)])),
                },
                Err(error) => left_out.push((node, error.to_string())),
            }
        }
        if clusters.is_empty() {
            return Err(match left_out.first() {
                Some((node, why)) => Error::usage(format!("[{}] {why}", node.name)),
                None => Error::usage("there are no nodes").hint("load FILE, or -f FILE"),
            });
        }
        let mut out = HEAD.to_owned();
        for (cluster, nodes) in &clusters {
            self.one_cluster(cluster, nodes, &mut out);
        }
        let reasons: BTreeSet<&String> = left_out.iter().map(|(_, why)| why).collect();
        for why in reasons {
            let same = left_out.iter().filter(|(_, other)| other == why);
            let names = fold(same.map(|(node, _)| &node.name));
            let _ = writeln!(out, "# Left out: {}: {}", printable(&names), printable(why));
        }
        Ok(out)
    }

    fn one_cluster(&self, cluster: &str, nodes: &[(Node, Lines)], out: &mut String) {
        let from = match self.source(cluster) {
            Some((path, _)) => format!(", from {}", path.display()),
            None => String::new(),
        };
        let _ = writeln!(out, "\n# Cluster {}{}", cluster, printable(&from));
        let of_all =
            |line: &&(&'static str, String)| nodes.iter().all(|(_, all)| all.contains(line));
        let shared: Lines = match nodes.first() {
            Some((_, lines)) => lines.iter().filter(of_all).cloned().collect(),
            None => Vec::new(),
        };
        for (node, lines) in nodes {
            let mut lines = lines
                .iter()
                .filter(|line| !shared.contains(line))
                .peekable();
            if lines.peek().is_some() {
                let _ = writeln!(out, "Host {}", node.name);
            }
            for (keyword, value) in lines {
                let _ = writeln!(out, "    {keyword} {value}");
            }
        }
        let program = self.host.executable();
        let mut names = nodes.iter().map(|(node, _)| node.name.as_str()).peekable();
        while let Some(first) = names.next() {
            let mut list = first.to_owned();
            while let Some(name) = names.next_if(|name| list.len() + name.len() < NAMES_MAX) {
                list.push(' ');
                list.push_str(name);
            }
            let _ = writeln!(out, "Host {list}");
            for (keyword, value) in &shared {
                let _ = writeln!(out, "    {keyword} {value}");
            }
            let program = percent(&shell_word(&program.to_string_lossy()));
            let _ = writeln!(out, "    ProxyCommand {program} proxy {cluster}/%n");
        }
    }

    /// What ssh has to know of a node.
    fn lines_of(&mut self, id: NodeId, node: &Node) -> Result<Lines> {
        if crate::config::check_name(&node.name).is_err() {
            return Err(Error::usage("ssh has no way to write this name"));
        }
        if crate::config::check_name(&node.cluster).is_err() {
            return Err(Error::usage("its cluster has a name that is no word"));
        }
        let route = self.endpoint(id)?;
        let made = self.inventory.entry(id);
        let pinned = made.is_some_and(|entry| entry.host_key.is_some());
        let mut lines = vec![("User", config_word(&route.user)?)];
        for identity in route.identities.iter().filter(|identity| identity.named) {
            lines.push(("IdentityFile", percent(&config_path(&identity.path)?)));
        }
        lines.extend(self.host_key_lines(&route, pinned)?);
        Ok(lines)
    }

    fn host_key_lines(&self, route: &Route, pinned: bool) -> Result<Lines> {
        // Whose key the provider tells, that dust has checked; and behind it is the node itself.
        if pinned || route.host_keys == HostKeyPolicy::Off {
            return Ok(vec![
                ("StrictHostKeyChecking", "no".to_owned()),
                ("UserKnownHostsFile", "/dev/null".to_owned()),
                ("LogLevel", "ERROR".to_owned()),
            ]);
        }
        let alias = match route.alias_port {
            super::routes::SSH_PORT => route.alias.clone(),
            port => format!("[{}]:{port}", route.alias),
        };
        let strict = match route.host_keys {
            HostKeyPolicy::Strict => "yes",
            _ => "accept-new",
        };
        let files: Vec<_> = [Some(self.setup.known_hosts_name.clone())]
            .into_iter()
            .flatten()
            .filter(|file| !file.is_empty())
            .map(|file| config_path(Path::new(&file)).map(|file| percent(&file)))
            .chain([Ok("~/.ssh/known_hosts".to_owned())])
            .collect::<Result<_>>()?;
        Ok(vec![
            ("HostKeyAlias", config_word(&alias)?),
            ("StrictHostKeyChecking", strict.to_owned()),
            ("UserKnownHostsFile", files.join(" ")),
        ])
    }
}

const HEAD: &str = "\
# Made by dust ssh-config. With this, ssh, scp, sftp, rsync, git and ansible
# reach the nodes over the connections of the dust session that runs. Keep it in
# ~/.ssh/dust.conf, and begin ~/.ssh/config with:  Include dust.conf
";

/// A text that stays on its line.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "?")
}

/// A path as ssh_config(5) reads it.
fn config_path(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(text) => config_word(text),
        None => Err(Error::usage("a file of it has a name that is not UTF-8")),
    }
}

/// A word as ssh_config(5) reads it: there is no way to write quotes in old versions.
fn config_word(text: &str) -> Result<String> {
    if text.contains(['"', '\'', '\\']) || text.contains(|c: char| c.is_control()) {
        let text = format!("`{}` cannot stand in ssh_config", printable(text));
        return Err(Error::usage(text));
    }
    if text.contains([' ', '#']) || text.is_empty() {
        return Ok(format!("\"{text}\""));
    }
    Ok(text.to_owned())
}

/// Where ssh replaces `%h` and the like.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word as the shell reads it.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ssh_config() {
        assert_eq!(config_word("/a/b.pem").unwrap(), "/a/b.pem");
        assert_eq!(config_word("/a b/#1.pem").unwrap(), "\"/a b/#1.pem\"");
        assert_eq!(config_word("[10.0.0.1]:2222").unwrap(), "[10.0.0.1]:2222");
        for odd in ["a\"b", "a\nHost *", "a\\b"] {
            assert!(config_word(odd).is_err(), "{odd}");
        }
        assert_eq!(percent("/100%/x"), "/100%%/x");
        assert_eq!(shell_word("/usr/bin/dust"), "/usr/bin/dust");
        assert_eq!(shell_word("/my dir/it's"), r"'/my dir/it'\''s'");
    }
}
