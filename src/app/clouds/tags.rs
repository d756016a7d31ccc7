//! `tag`, `untag`, `ec2sec`, `keys`, and `use REGION`.

use super::{App, What, accounts_of};
use crate::cloud::{Ask, CLUSTER_TAG, NAME_TAG, Rule};
use crate::command::{Command, Line, SecAction};
use crate::config::{ClusterDef, Provider, Settings};
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::model::nearest::shown;
use std::collections::BTreeMap;
use std::time::Instant;

impl App {
    /// The nodes of a target, all of them instances that EC2 has told about.
    fn instances(&self, target: Option<&str>) -> Result<Vec<NodeId>> {
        let targets = self.resolve(target.unwrap_or("*"))?;
        let is_ec2 = |id: &NodeId| {
            let entry = self.inventory.entry(*id);
            entry.is_some_and(|entry| entry.provider == Provider::Ec2)
        };
        let (ids, others): (Vec<NodeId>, Vec<NodeId>) =
            targets.ids().iter().partition(|id| is_ec2(id));
        if !others.is_empty() {
            let names = self.folded(&others);
            return Err(Error::usage(format!("no instances of EC2: {names}")));
        }
        self.cloud_knows(&ids)?;
        Ok(ids)
    }

    /// The same without those that have no instance, which are named; at least one is left.
    fn launched(&mut self, target: &str) -> Result<Vec<NodeId>> {
        let ids = self.instances(Some(target))?;
        let ids = self.without_rivals(ids);
        let has = |id: &NodeId| {
            let seat = self
                .inventory
                .entry(*id)
                .and_then(|entry| entry.seat.as_ref());
            seat.is_some_and(|seat| seat.instance.is_some())
        };
        let (ids, absent): (Vec<NodeId>, Vec<NodeId>) = ids.into_iter().partition(has);
        if !absent.is_empty() {
            let names = self.folded(&absent);
            if ids.is_empty() {
                let error = Error::usage(format!("not launched: {names}"));
                return Err(error.hint("start launches them"));
            }
            self.notice(&format!("not launched, left out: {names}"));
        }
        Ok(ids)
    }

    pub(in crate::app) fn tag(
        &mut self,
        now: Instant,
        target: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let ids = self.launched(target)?;
        for key in tags.keys() {
            self.check_tag(&ids, key)?;
        }
        let pairs: Vec<String> = tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let told = format!("tagged {}", pairs.join(","));
        for ((account, _), group) in self.claims(&ids) {
            let ask = Ask::Tag(group.claims, tags.clone());
            let what = What::Change(told.clone());
            self.ask_cloud(now, &account, ask, what, group.nodes);
        }
        Ok(())
    }

    pub(in crate::app) fn untag(
        &mut self,
        now: Instant,
        target: &str,
        tags: &BTreeMap<String, Option<String>>,
    ) -> Result<()> {
        let ids = self.launched(target)?;
        let mut left = ids.clone();
        for (key, value) in tags {
            self.check_tag(&ids, key)?;
            let Some(value) = value else { continue };
            left.retain(|id| {
                let node = self.inventory.get(*id);
                node.is_some_and(|node| node.tags.get(key) == Some(value))
            });
        }
        if left.is_empty() {
            let names = self.folded(&ids);
            self.notice(&format!("nothing to remove: {names}"));
            return Ok(());
        }
        let keys: Vec<String> = tags.keys().cloned().collect();
        let told = format!("removed tags {}", keys.join(","));
        for ((account, _), group) in self.claims(&left) {
            let ask = Ask::Untag(group.claims, keys.clone());
            let what = What::Change(told.clone());
            self.ask_cloud(now, &account, ask, what, group.nodes);
        }
        Ok(())
    }

    /// Tags that say who an instance is are not for `tag`.
    fn check_tag(&self, ids: &[NodeId], key: &str) -> Result<()> {
        if key.to_lowercase().starts_with("aws:") {
            let text = format!(
                "tag `{}`: names that begin with aws: are EC2's own",
                shown(key)
            );
            return Err(Error::usage(text));
        }
        let of_a_file = |id: &NodeId| {
            let seat = self
                .inventory
                .entry(*id)
                .and_then(|entry| entry.seat.as_ref());
            seat.is_some_and(|seat| !seat.found)
        };
        let identity = key == NAME_TAG || key == CLUSTER_TAG || key.starts_with("dust:");
        if identity && ids.iter().any(of_a_file) {
            let text = format!("tag `{}` says which node an instance is", shown(key));
            return Err(Error::usage(text).hint("rename the node in its file, and start it anew"));
        }
        Ok(())
    }

    pub(in crate::app) fn ec2sec(
        &mut self,
        now: Instant,
        action: SecAction,
        target: Option<&str>,
        words: &[String],
    ) -> Result<()> {
        if action == SecAction::Show {
            let ids = self.instances(target)?;
            let mut groups = self.claims(&ids);
            // A cluster that has no instance yet may have a group.
            for id in &ids {
                let (Some(node), Some(entry)) =
                    (self.inventory.get(*id), self.inventory.entry(*id))
                else {
                    continue;
                };
                if let Some(seat) = entry.seat.as_ref().filter(|_| !node.aside) {
                    let key = (seat.account.clone(), node.cluster.clone());
                    groups.entry(key).or_default();
                }
            }
            for ((account, cluster), group) in groups {
                let ask = Ask::Rules(cluster, group.claims);
                self.ask_cloud(now, &account, ask, What::Rules, group.nodes);
            }
            return Ok(());
        }
        let rule = Rule::parse(words)?;
        let ids = self.launched(target.unwrap_or("*"))?;
        let aside = |id: &&NodeId| self.inventory.get(**id).is_some_and(|node| node.aside);
        if let Some(id) = ids.iter().find(aside) {
            let text = format!("{} belongs to no loaded cluster", self.name(*id));
            return Err(Error::usage(text).hint("the groups of a cluster are its own nodes'"));
        }
        for ((account, cluster), group) in self.claims(&ids) {
            let (what, rule) = (rule.to_string(), rule.clone());
            let (ask, told) = if action == SecAction::Add {
                let ask = Ask::Allow(cluster, group.claims, rule);
                (ask, format!("{what} is let in"))
            } else {
                let ask = Ask::Forbid(cluster, group.claims, rule);
                (ask, format!("{what} is let in no more"))
            };
            self.ask_cloud(now, &account, ask, What::Change(told), group.nodes);
        }
        Ok(())
    }

    pub(in crate::app) fn keys(&mut self, now: Instant) -> Result<()> {
        let accounts = self.accounts();
        if accounts.is_empty() {
            let error = Error::usage("no cluster of EC2 is loaded");
            return Err(error.hint("load FILE, or start dust with -f FILE"));
        }
        for account in accounts {
            self.ask_cloud(now, &account, Ask::Keys, What::Keys, Vec::new());
        }
        Ok(())
    }

    /// `use REGION`: its nodes; or, if no cluster is there, all that the region has. False if the
    /// word is no region.
    pub(in crate::app) fn use_region(&mut self, now: Instant, word: &str) -> Result<bool> {
        let of_region = |cluster: &&ClusterDef| {
            let accounts = accounts_of(cluster);
            let mut regions = accounts
                .iter()
                .filter_map(|account| account.region.as_deref());
            cluster.provider == Provider::Ec2 && regions.any(|region| region == word)
        };
        if self
            .inventory
            .clusters()
            .iter()
            .any(|cluster| of_region(&cluster))
        {
            let nodes = self.inventory.nodes().iter().filter(|node| !node.aside);
            let ids = nodes.filter(|node| {
                let seat = self
                    .inventory
                    .entry(node.id)
                    .and_then(|entry| entry.seat.as_ref());
                seat.is_some_and(|seat| seat.account.region.as_deref() == Some(word))
            });
            let ids: Vec<NodeId> = ids.map(|node| node.id).collect();
            if ids.is_empty() {
                return Err(Error::usage(format!("no nodes in {}", shown(word))));
            }
            let names = self.folded(&ids);
            self.notice(&format!("working set: {names} ({})", ids.len()));
            self.inventory.set_working(ids);
            return Ok(true);
        }
        if !is_region(word) || !self.setup.ec2 {
            return Ok(false);
        }
        // Logging in is most likely the same everywhere.
        let mut clusters = self.inventory.clusters().iter();
        let like = clusters.find(|cluster| cluster.provider == Provider::Ec2);
        let settings = Settings {
            provider: Some(Provider::Ec2),
            region: Some(word.to_owned()),
            ..like.map_or_else(Settings::default, |like| like.settings.clone())
        };
        self.take_cluster(
            now,
            ClusterDef {
                file: word.to_owned(),
                provider: Provider::Ec2,
                name: word.to_owned(),
                settings,
                nodes: Vec::new(),
            },
        );
        let target = word.to_owned();
        self.defer(Line::Builtin(Command::Use { target }));
        Ok(true)
    }
}

/// `eu-west-1`, `us-gov-east-1`: words, then a number.
fn is_region(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let Some((number, words)) = parts.split_last() else {
        return false;
    };
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    (2..=4).contains(&words.len())
        && words.first().is_some_and(|first| first.len() == 2)
        && words.iter().all(is_word)
        && number.len() == 1
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #[test]
    fn regions() {
        for word in ["eu-west-1", "us-gov-east-1", "ap-southeast-2"] {
            assert!(super::is_region(word), "{word}");
        }
        for word in [
            "worker-1",
            "eu-west",
            "eu-1",
            "eu-west-1a",
            "EU-WEST-1",
            "a-b-c-1",
            "",
        ] {
            assert!(!super::is_region(word), "{word}");
        }
    }
}
