//! What instances print on their consoles: the host keys that the first connection is checked
//! against (`host_keys=cloud`), and the last words of nodes that failed.

use super::{App, What};
use crate::app::routes::SSH_PORT;
use crate::cloud::console::{host_keys, last_lines};
use crate::cloud::{Account, Ask, Fault};
use crate::config::HostKeys;
use crate::error::Kind;
use crate::model::NodeId;
use crate::session::known_hosts::fingerprint;
use crate::session::life::HostKeyVerdict;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The first pause before consoles are read again; it doubles up to [`PAUSE_MAX`]. EC2 takes in
/// what is printed every few minutes only.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Of a console, so many lines are shown.
const LAST_LINES: usize = 10;
/// What to do where a console says nothing.
const HINT: &str = "host_keys=accept-new accepts the key that a node presents first";

/// A node that waits for its host keys.
#[derive(Debug, Default)]
struct Wait {
    until: Option<Instant>,
    told: bool,
    /// Who is connected to once they are known: the node, or those behind it, as a jump host.
    then: BTreeSet<NodeId>,
}

/// The next look at the consoles of an account.
#[derive(Debug)]
struct Poll {
    account: Account,
    /// `None`: a question is under way.
    at: Option<Instant>,
    pause: Duration,
}

/// All nodes that wait for their host keys.
#[derive(Debug, Default)]
pub(super) struct Consoles {
    waits: BTreeMap<NodeId, Wait>,
    polls: Vec<Poll>,
}

impl Consoles {
    /// The node waits for its host keys, or for those of its jump host.
    pub(super) fn waits(&self, id: NodeId) -> bool {
        self.waits.values().any(|wait| wait.then.contains(&id))
    }

    /// It does not any more.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.waits.retain(|_, wait| {
            wait.then.remove(&id);
            !wait.then.is_empty()
        });
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.waits.is_empty() {
            return None;
        }
        let ends = self.waits.values().filter_map(|wait| wait.until);
        self.polls
            .iter()
            .filter_map(|poll| poll.at)
            .chain(ends)
            .min()
    }
}

impl App {
    /// The host keys of a node, or of its jump hosts, have to be read from the console before it is
    /// dialled: then it waits for them from now on. True if it waits.
    pub(in crate::app) fn awaits_host_keys(&mut self, id: NodeId) -> bool {
        let mut next = Some((id, id));
        while let Some((run, node)) = next {
            if self.lacks_host_keys(node) {
                let wait = self.clouds.consoles.waits.entry(node).or_default();
                wait.then.insert(id);
                return true;
            }
            let jump = self.fleet.get(run).and_then(|run| run.life.route().jump());
            next = jump.and_then(|jump| {
                let bastion = self.fleet.bastions.get(jump)?;
                Some((jump, bastion.node.unwrap_or(jump)))
            });
        }
        false
    }

    fn lacks_host_keys(&self, id: NodeId) -> bool {
        let Some(entry) = self.inventory.entry(id) else {
            return false;
        };
        let seat = entry.seat.as_ref();
        let Some((seat, one)) = seat.and_then(|seat| Some((seat, seat.instance.as_ref()?))) else {
            return false;
        };
        entry.def.settings.host_keys == Some(HostKeys::Cloud)
            && seat.fingerprints.is_empty()
            && self.known_hosts.lookup(&one.id, SSH_PORT).is_empty()
    }

    /// A key that is not known yet may be on the console of the instance.
    pub(in crate::app) fn console_verdict(
        &self,
        id: NodeId,
        hash: &[u8; 32],
        known: HostKeyVerdict,
    ) -> HostKeyVerdict {
        let Some(entry) = self.inventory.entry(id) else {
            return known;
        };
        let seat = entry.seat.as_ref();
        let Some(seat) = seat.filter(|seat| !seat.fingerprints.is_empty()) else {
            return known;
        };
        if entry.def.settings.host_keys != Some(HostKeys::Cloud) || known != HostKeyVerdict::New {
            return known;
        }
        let presented = fingerprint(hash);
        if !seat.fingerprints.contains(&presented) {
            let there = seat.fingerprints.iter();
            let there = there.map(|print| format!("{print} (on its console)"));
            return HostKeyVerdict::Changed(there.collect());
        }
        HostKeyVerdict::Vouched
    }

    /// Asks for the consoles of the nodes that wait for them.
    pub(super) fn ask_consoles(&mut self, now: Instant) {
        if self.clouds.consoles.waits.is_empty() {
            return;
        }
        let mut ids: Vec<NodeId> = Vec::new();
        let waits: Vec<NodeId> = self.clouds.consoles.waits.keys().copied().collect();
        for id in waits {
            let until = self.boot_limit(now, id);
            if let Some(wait) = self.clouds.consoles.waits.get_mut(&id) {
                wait.until.get_or_insert(until);
                ids.push(id);
            }
        }
        let mut by_account: Vec<(Account, Vec<NodeId>)> = Vec::new();
        for ((account, _), group) in self.claims(&ids) {
            let group = group.nodes.into_iter().map(|(_, id)| id);
            match by_account.iter_mut().find(|(other, _)| *other == account) {
                Some((_, ids)) => ids.extend(group),
                None => by_account.push((account, group.collect())),
            }
        }
        for (account, ids) in by_account {
            let polls = &mut self.clouds.consoles.polls;
            let at = match polls.iter_mut().find(|poll| poll.account == account) {
                Some(poll) => poll,
                None => {
                    polls.push(Poll {
                        account: account.clone(),
                        at: Some(now),
                        pause: PAUSE,
                    });
                    let Some(poll) = polls.last_mut() else {
                        continue;
                    };
                    poll
                },
            };
            if at.at.is_none_or(|at| at > now) {
                continue;
            }
            at.at = None;
            for ((account, _), group) in self.claims(&ids) {
                let ask = Ask::Console(group.claims);
                self.ask_cloud(now, &account, ask, What::Console, group.nodes);
            }
        }
    }

    /// Console output has come.
    pub(super) fn console_told(
        &mut self,
        now: Instant,
        request: u64,
        texts: &[(String, Option<String>)],
    ) {
        let Some(asked) = self.clouds.asked.get(&request) else {
            return;
        };
        let last_words = asked.what == What::LastWords;
        let nodes = asked.nodes.clone();
        let mut not_yet = Vec::new();
        for (name, text) in texts {
            let Some((_, id)) = nodes.iter().find(|(node, _)| node == name) else {
                continue;
            };
            let text = text.as_deref().unwrap_or_default();
            if last_words {
                self.print_console(*id, text);
                continue;
            }
            let found = host_keys(text);
            if !found.is_empty() {
                self.inventory.update(*id, |_, entry| {
                    if let Some(seat) = &mut entry.seat {
                        seat.fingerprints = found;
                    }
                });
                let wait = self.clouds.consoles.waits.remove(id);
                for next in wait.map(|wait| wait.then).unwrap_or_default() {
                    if let Err(error) = self.connect(now, &[next]) {
                        self.unreachable(now, next, &error.to_string());
                    }
                }
            } else if has_booted(text) {
                let why = "its console shows no host keys, and host_keys=cloud";
                self.keyless(now, *id, why);
            } else if let Some(wait) = self.clouds.consoles.waits.get_mut(id)
                && !std::mem::replace(&mut wait.told, true)
            {
                not_yet.push(*id);
            }
        }
        if !not_yet.is_empty() {
            let names = self.folded(&not_yet);
            let text = format!("waiting for the host keys of {names} on the console");
            self.notice(&format!("{text} (host_keys=cloud)"));
        }
    }

    /// All consoles that were asked for have been told.
    pub(super) fn console_done(&mut self, now: Instant, ids: &[NodeId]) {
        let seat = ids
            .iter()
            .find_map(|id| self.inventory.entry(*id)?.seat.as_ref());
        let account = seat.map(|seat| seat.account.clone());
        self.look_again(now, account.as_ref());
    }

    fn look_again(&mut self, now: Instant, account: Option<&Account>) {
        let polls = self.clouds.consoles.polls.iter_mut();
        for poll in polls.filter(|poll| account.is_none_or(|account| poll.account == *account)) {
            if poll.at.is_none() {
                poll.at = Some(now + poll.pause);
                poll.pause = (poll.pause * 2).min(PAUSE_MAX);
            }
        }
        if self.clouds.consoles.waits.is_empty() {
            self.clouds.consoles.polls.clear();
        }
    }

    /// The console of a node cannot be read.
    pub(super) fn no_console(&mut self, now: Instant, id: NodeId, fault: &Fault) {
        let why = format!("its host keys cannot be read: {}", fault.text);
        self.keyless(now, id, &why);
        self.look_again(now, None);
    }

    /// A node that waits for its host keys will not have any.
    fn keyless(&mut self, now: Instant, id: NodeId, why: &str) {
        let wait = self.clouds.consoles.waits.remove(&id);
        for next in wait.map(|wait| wait.then).unwrap_or_default() {
            if next == id {
                self.unreachable(now, id, &format!("{why} ({HINT})"));
            } else {
                let name = self.name(id);
                self.unreachable(now, next, &format!("the jump host {name}: {why} ({HINT})"));
            }
        }
    }

    fn unreachable(&mut self, now: Instant, id: NodeId, why: &str) {
        if self.is_booting(id) {
            self.boot_failed(now, id, Kind::Unreachable, &Fault::new(why));
        } else {
            self.went_down(now, id, why);
        }
    }

    pub(super) fn console_tick(&mut self, now: Instant) {
        let waits = self.clouds.consoles.waits.iter();
        let late = waits.filter(|(_, wait)| wait.until.is_some_and(|until| until <= now));
        let late: Vec<NodeId> = late.map(|(id, _)| *id).collect();
        for id in late {
            let limit = self.settings.boot.as_secs();
            let why = format!("its host keys have not appeared on its console within {limit} s");
            self.keyless(now, id, &why);
        }
    }

    /// With -v, nodes that failed have their last words shown.
    pub(super) fn ask_last_words(&mut self, now: Instant, ids: &[NodeId]) {
        for ((account, _), group) in self.claims(ids) {
            let ask = Ask::Console(group.claims);
            self.ask_cloud(now, &account, ask, What::LastWords, group.nodes);
        }
    }

    fn print_console(&mut self, id: NodeId, text: &str) {
        for line in last_lines(text, LAST_LINES) {
            self.notice_of(id, &format!("console: {line}"));
        }
    }
}

/// cloud-init has said its last word of a boot, after which it prints no keys any more.
fn has_booted(console: &str) -> bool {
    let mut lines = console.lines();
    lines.any(|line| line.contains("Cloud-init v.") && line.contains("finished at"))
}
