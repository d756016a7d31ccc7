//! A new cluster's security group lets in whoever dust knows to be the person. Where it cannot tell, it
//! asks.

use super::{App, What};
use crate::cloud::{Account, Ask, Rule};
use std::time::Instant;

/// A security group that lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Closed {
    account: Account,
    cluster: String,
    /// The group's name.
    group: String,
    /// Of the sshds behind it.
    ports: Vec<u16>,
}

impl Closed {
    /// What is asked about it.
    pub(in crate::app) fn question(&self) -> String {
        let (cluster, group) = (&self.cluster, &self.group);
        format!("from which address may one log in to {cluster} ({group})? [none] ")
    }

    /// What opens it by hand.
    fn hint(&self) -> String {
        let line = |port| format!("`ec2sec add TARGET tcp {port} YOUR.ADDRESS`");
        let lines: Vec<String> = self.ports.iter().map(line).collect();
        format!(
            "the security group {} lets nobody in by ssh: {}",
            self.group,
            lines.join(", ")
        )
    }
}

impl App {
    /// A group lets nobody in, and this machine's address cannot be told.
    pub(super) fn closed(&mut self, request: u64, cluster: String, group: String, ports: Vec<u16>) {
        let Some(asked) = self.clouds.asked.get(&request) else {
            return;
        };
        let closed = Closed {
            account: asked.account.clone(),
            cluster,
            group,
            ports,
        };
        if self.setup.person {
            self.ask_who_may(closed);
        } else {
            self.notice(&closed.hint());
        }
    }

    /// The person's word on who may be let in.
    pub(in crate::app) fn open_to(&mut self, now: Instant, closed: Closed, word: Option<&str>) {
        let word = word.unwrap_or_default().trim();
        if word.is_empty() || word == "none" {
            self.notice(&closed.hint());
            return;
        }
        let rule = |port: &u16| Rule::parse(&["tcp", &port.to_string(), word]);
        let rules: Result<Vec<Rule>, _> = closed.ports.iter().map(rule).collect();
        match rules {
            Ok(rules) => {
                for rule in rules {
                    let ask = Ask::Allow(closed.cluster.clone(), Vec::new(), rule.clone());
                    let what = What::Change(format!("{rule} is let in"));
                    self.ask_cloud(now, &closed.account, ask, what, Vec::new());
                }
            },
            Err(error) => {
                let code = self.seen_usage;
                self.error(&error);
                // It is asked again: no mistake that ends a batch.
                self.seen_usage = code;
                self.ask_who_may(closed);
            },
        }
    }
}
