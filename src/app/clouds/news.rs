//! What follows the answers of EC2.

use super::{App, What, claimed};
use crate::app::Effect;
use crate::cloud::{Ask, Fault, Instance, News};
use crate::error::{Error, Kind};
use crate::model::NodeId;
use crate::target::fold;
use std::collections::HashSet;
use std::time::Instant;

impl App {
    /// News of EC2.
    pub(in crate::app) fn cloud_news(&mut self, now: Instant, request: u64, news: News) {
        if !self.clouds.asked.contains_key(&request) {
            return;
        }
        match news {
            News::Instances(instances) => self.take_instances(now, request, &instances),
            News::Plan(plan) => self.plan_told(now, request, &plan),
            News::Step(text) => self.notice(&text),
            News::Launched => self.start_acted(now, request),
            News::Closed(cluster, group, ports) => self.closed(request, cluster, group, ports),
            News::NodesFailed(names, fault) => self.nodes_failed(now, request, &names, &fault),
            News::Keys(pairs) => self.print_keys(request, &pairs),
            News::Rules(groups) => self.print_rules(&groups),
            News::Console(texts) => self.console_told(now, request, &texts),
            News::KeyFile(key, path) => {
                if let Some(asked) = self.clouds.asked.get(&request) {
                    let key = (asked.account.clone(), key);
                    self.clouds.key_files.insert(key, path);
                }
            },
            News::Failed(fault) => self.cloud_failed(now, request, &fault),
            News::Done => self.cloud_done(now, request),
        }
    }

    fn take_instances(&mut self, now: Instant, request: u64, instances: &[Instance]) {
        let Some(asked) = self.clouds.asked.get_mut(&request) else {
            return;
        };
        asked.told = true;
        let account = asked.account.clone();
        let renumber = asked.what == What::Inventory;
        let known = self.clouds.accounts.entry(account.clone()).or_default();
        known.told = true;
        known.fault = None;
        let taken = self.inventory.take(&account, instances, renumber);
        for (id, why) in &taken.lost {
            self.drop_node(now, *id, why);
        }
        for id in &taken.gone {
            self.unload(now, *id);
        }
        // Two starts at once may make two instances for a moment; the worker ends that.
        let mut asked = self.clouds.asked.values();
        let starting = asked.any(|asked| asked.what == What::Start && asked.account == account);
        for (id, ids) in taken.rivals.iter().filter(|_| !starting) {
            self.notice_of(*id, &claimed(ids));
        }
        self.settling_told(now, &account);
        self.look_at_boots(now);
    }

    /// A node is not there any more.
    pub(in crate::app) fn unload(&mut self, now: Instant, id: NodeId) {
        self.drop_node(now, id, "it is not loaded any more");
        self.fleet.remove(id);
        self.jobs.forget(id);
        self.leave_boots(id);
        self.effects.push_back(Effect::Hangup(id));
    }

    /// Something failed for nodes.
    pub(super) fn nodes_failed(
        &mut self,
        now: Instant,
        request: u64,
        names: &[String],
        fault: &Fault,
    ) {
        let Some(asked) = self.clouds.asked.get_mut(&request) else {
            return;
        };
        let failed: HashSet<&str> = names.iter().map(String::as_str).collect();
        let nodes = asked.nodes.iter();
        let nodes = nodes.filter(|(name, _)| failed.contains(name.as_str()));
        let ids: Vec<NodeId> = nodes.map(|(_, id)| *id).collect();
        asked.failed.extend(&ids);
        match asked.what {
            What::Start if !ids.is_empty() => self.boots_failed(now, &ids, Kind::Failed, fault),
            What::Console => {
                for id in ids {
                    self.no_console(now, id, fault);
                }
            },
            What::LastWords => {},
            _ => self.error(&as_error(Kind::Failed, fault, Some(&fold(names)))),
        }
    }

    /// All of a question failed.
    fn cloud_failed(&mut self, now: Instant, request: u64, fault: &Fault) {
        let Some(asked) = self.clouds.asked.remove(&request) else {
            return;
        };
        let nodes = asked.nodes.iter().map(|(_, id)| *id);
        match asked.what {
            What::Console => {
                for id in nodes {
                    self.no_console(now, id, fault);
                }
            },
            // The next one may do better; what is waited for has a limit of its own.
            What::Poll if !self.clouds.settling.has_failed(&asked.account) => {},
            What::LastWords => {},
            what => {
                let known = self.clouds.accounts.get(&asked.account);
                let again = known.is_some_and(|known| known.fault.as_ref() == Some(fault));
                // In a batch nobody has done anything about it since it was told.
                if !(again && self.is_batch()) {
                    self.error(&as_error(Kind::Failed, fault, None));
                }
                if matches!(what, What::Inventory) {
                    let known = self.clouds.accounts.entry(asked.account).or_default();
                    known.fault = Some(fault.clone());
                } else if what == What::Start {
                    for id in nodes {
                        self.boot_given_up(now, id);
                    }
                    self.end_boots(now);
                }
            },
        }
    }

    fn cloud_done(&mut self, now: Instant, request: u64) {
        let Some(asked) = self.clouds.asked.remove(&request) else {
            return;
        };
        let failed = &asked.failed;
        let nodes = asked.nodes.iter().filter(|(_, id)| !failed.contains(id));
        let ids: Vec<NodeId> = nodes.map(|(_, id)| *id).collect();
        match asked.what {
            What::Start => self.start_done(now, &ids),
            What::Stop(claims) => self.ending(now, &asked.account, false, &claims, &ids),
            What::Terminate(claims) => self.ending(now, &asked.account, true, &claims, &ids),
            What::Change(text) => {
                if !ids.is_empty() {
                    let names = self.folded(&ids);
                    self.notice(&format!("{text}: {names}"));
                }
                if !asked.told {
                    self.ask_cloud(now, &asked.account, Ask::Describe, What::Look, Vec::new());
                }
            },
            What::Console => self.console_done(now, &ids),
            What::Inventory
            | What::Look
            | What::Poll
            | What::Plan(_)
            | What::Keys
            | What::Rules
            | What::LastWords => {},
        }
    }
}

/// A fault as an error; of which nodes.
pub(super) fn as_error(kind: Kind, fault: &Fault, names: Option<&str>) -> Error {
    let text = match names {
        Some(names) => format!("[{names}] {}", fault.text),
        None => fault.text.clone(),
    };
    let error = Error::new(kind, text);
    match &fault.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
