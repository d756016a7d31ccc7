//! Clusters of EC2 instances: what is asked of EC2 and when, and what follows the answers.

mod boot;
mod closed;
mod console;
mod news;
mod print;
mod progress;
mod seats;
mod settle;
mod stages;
mod tags;

pub(super) use closed::Closed;
pub(super) use seats::address;

use super::inventory::account;
use super::{App, Effect, Mode};
use crate::cloud::settle::conflict;
use crate::cloud::{Account, Ask, Claim, Fault, Wanted};
use crate::command::{Command, Line};
use crate::config::{ClusterDef, Provider};
use crate::error::{Error, Kind, Result};
use crate::model::NodeId;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// All that is known of EC2, and all that is asked of it.
#[derive(Debug, Default)]
pub(super) struct Clouds {
    asked: HashMap<u64, Asked>,
    accounts: HashMap<Account, Known>,
    boots: Vec<stages::Boot>,
    settling: settle::Settling,
    consoles: console::Consoles,
    /// The private keys of EC2 key pairs, as far as dust has them.
    key_files: HashMap<(Account, String), PathBuf>,
    /// Lines that came before EC2 had told what there is.
    /// With each line, whether the history does not keep it.
    deferred: VecDeque<(Line, bool)>,
    /// When what is under way is painted again.
    frame_at: Option<Instant>,
}

/// What is under way is painted anew this often: its times are in seconds.
const FRAME: Duration = Duration::from_secs(1);

/// What is known of an account as a whole.
#[derive(Debug, Default)]
struct Known {
    /// It has told what there is.
    told: bool,
    /// The last time it did not.
    fault: Option<Fault>,
}

/// A question that is under way.
#[derive(Debug)]
struct Asked {
    account: Account,
    what: What,
    /// The nodes that it is about, by the names that answers use.
    nodes: Vec<(String, NodeId)>,
    failed: HashSet<NodeId>,
    /// It has told what there is.
    told: bool,
    /// Nobody waits for what it still has to tell.
    quiet: bool,
    since: Instant,
}

/// What a question is for.
#[derive(Debug, PartialEq, Eq)]
enum What {
    /// What there is: lines about nodes wait for that. Nodes are numbered anew.
    Inventory,
    /// What has changed.
    Look,
    /// The same, without anybody waiting for it.
    Poll,
    Start,
    /// What a start of this cluster would do.
    Plan(String),
    Stop(Vec<Claim>),
    Terminate(Vec<Claim>),
    /// Tags or rules: what to say once it is done.
    Change(String),
    Keys,
    Rules,
    /// Host keys.
    Console,
    /// The end of what a node that failed had to say.
    LastWords,
}

/// Claims of one cluster in one account, and whose they are.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) claims: Vec<Claim>,
    pub(super) nodes: Vec<(String, NodeId)>,
}

/// Nodes by where to ask and by cluster.
pub(super) type Groups = BTreeMap<(Account, String), Group>;

/// Nodes as their files want them, by where to ask and by cluster.
type WantedGroups = BTreeMap<(Account, String), (Vec<Wanted>, Vec<(String, NodeId)>)>;

/// The accounts that a cluster is in.
fn accounts_of(cluster: &ClusterDef) -> Vec<Account> {
    let mut accounts = vec![];
    if cluster.nodes.is_empty() {
        accounts.push(account(&cluster.settings));
    }
    for node in &cluster.nodes {
        let account = account(&node.settings);
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    accounts
}

impl App {
    /// Asks EC2.
    fn ask_cloud(
        &mut self,
        now: Instant,
        account: &Account,
        ask: Ask,
        what: What,
        nodes: Vec<(String, NodeId)>,
    ) -> u64 {
        self.next_request += 1;
        let id = self.next_request;
        let asked = Asked {
            account: account.clone(),
            quiet: what == What::Poll,
            what,
            nodes,
            failed: HashSet::new(),
            told: false,
            since: now,
        };
        self.clouds.asked.insert(id, asked);
        self.effects
            .push_back(Effect::Cloud(id, account.clone(), ask));
        id
    }

    /// Asks what there is for a cluster that was loaded, or for all.
    pub(super) fn ask_inventory(&mut self, now: Instant, only: Option<&str>) {
        let mut accounts: Vec<Account> = Vec::new();
        for cluster in self.inventory.clusters() {
            if cluster.provider == Provider::Ec2 && only.is_none_or(|only| only == cluster.name) {
                for account in accounts_of(cluster) {
                    if !accounts.contains(&account) {
                        accounts.push(account);
                    }
                }
            }
        }
        for account in accounts {
            let asked = self.ask_cloud(now, &account, Ask::Describe, What::Inventory, Vec::new());
            // Lines about nodes wait for what was loaded, and nothing else does: `help` ends at once.
            if let Some(asked) = self.clouds.asked.get_mut(&asked).filter(|_| only.is_some()) {
                asked.quiet = true;
            }
        }
    }

    /// Asks in the background what has changed: somebody else may have stopped nodes, or started some.
    pub(super) fn look_at_clouds(&mut self, now: Instant) {
        for account in self.accounts() {
            let is_known = self.clouds.accounts.get(&account);
            if is_known.is_some_and(|known| known.told) {
                self.ask_cloud(now, &account, Ask::Describe, What::Poll, Vec::new());
            }
        }
    }

    /// The accounts of all loaded clusters.
    fn accounts(&self) -> Vec<Account> {
        let mut accounts: Vec<Account> = Vec::new();
        for cluster in self.inventory.clusters() {
            if cluster.provider != Provider::Ec2 {
                continue;
            }
            for account in accounts_of(cluster) {
                if !accounts.contains(&account) {
                    accounts.push(account);
                }
            }
        }
        accounts
    }

    /// True if a line has to wait until it is known what there is.
    pub(super) fn must_wait(&self, line: &Line) -> bool {
        let about_nodes = match line {
            Line::At { .. } | Line::DropIn { .. } => true,
            Line::Builtin(command) => !matches!(
                command,
                Command::About { .. }
                    | Command::Cd { .. }
                    | Command::Diff
                    | Command::DropIns
                    | Command::Exit
                    | Command::Help { .. }
                    | Command::History { .. }
                    | Command::Install { .. }
                    | Command::Keys
                    | Command::Load { .. }
                    | Command::Reload
                    | Command::Settings
                    | Command::Setting { .. }
                    | Command::Set { .. }
            ),
            _ => false,
        };
        // Their order is kept: a line behind one that waits waits, too.
        about_nodes && (!self.clouds.deferred.is_empty() || self.awaits_inventory(line))
    }

    fn awaits_inventory(&self, line: &Line) -> bool {
        let at = matches!(
            line,
            Line::At { .. }
                | Line::DropIn { .. }
                | Line::Builtin(Command::Put { .. } | Command::Get { .. })
        );
        let mut asked = self.clouds.asked.values();
        self.provider_works(at) || asked.any(|asked| asked.what == What::Inventory)
    }

    pub(super) fn defer(&mut self, line: Line) {
        self.clouds.deferred.push_back((line, self.private));
    }

    /// Lines that waited have their turn.
    pub(super) fn run_deferred(&mut self, now: Instant) {
        while let Some((line, _)) = self.clouds.deferred.front() {
            if self.awaits_inventory(line) {
                return;
            }
            if let Some((line, private)) = self.clouds.deferred.pop_front() {
                let before = std::mem::replace(&mut self.private, private);
                self.perform_line(now, line);
                self.private = before;
            }
        }
    }

    /// Ctrl-C: lines that wait are given up, and nobody waits for nodes that start. True if there
    /// was anything.
    pub(super) fn stop_waiting(&mut self, now: Instant) -> bool {
        let lines = std::mem::take(&mut self.clouds.deferred).len();
        if lines > 0 {
            let s = if lines == 1 { "" } else { "s" };
            self.notice(&format!("given up: {lines} line{s} that waited"));
        }
        self.stop_boots(now) || lines > 0
    }

    /// Nothing is under way that a batch has to wait for at its end.
    pub(super) fn cloud_is_done(&self) -> bool {
        let clouds = &self.clouds;
        clouds.asked.values().all(|asked| asked.quiet)
            && clouds.boots.is_empty()
            && clouds.deferred.is_empty()
    }

    /// Nothing is under way that the next line of a batch has to wait for: it may be about what has
    /// stopped.
    pub(super) fn cloud_is_settled(&self) -> bool {
        !self.clouds.settling.is_stopping()
    }

    /// How many lines wait until it is known what there is.
    pub(super) fn deferred(&self) -> usize {
        self.clouds.deferred.len()
    }

    /// When [`Self::cloud_tick`] must be called at the latest.
    pub(super) fn cloud_deadline(&self) -> Option<Instant> {
        let clouds = &self.clouds;
        let boots = clouds.boots.iter().filter_map(stages::Boot::next_deadline);
        boots
            .chain(clouds.settling.next_deadline())
            .chain(clouds.consoles.next_deadline())
            .chain(clouds.frame_at)
            .min()
    }

    /// Time has passed.
    pub(super) fn cloud_tick(&mut self, now: Instant) {
        self.boot_tick(now);
        self.settle_tick(now);
        self.console_tick(now);
        if self.clouds.frame_at.is_some_and(|at| at <= now) {
            self.clouds.frame_at = None;
        }
    }

    /// What EC2 and those who wait for it have caused to be due.
    pub(super) fn cloud_advance(&mut self, now: Instant) {
        self.ask_consoles(now);
        let clouds = &mut self.clouds;
        let waits = |asked: &Asked| asked.what == What::Inventory;
        let moves = !clouds.boots.is_empty()
            || clouds.settling.is_shown()
            || clouds.asked.values().any(waits);
        clouds.frame_at = match clouds.frame_at {
            _ if !moves || matches!(self.mode, Mode::Batch(_)) => None,
            None => Some(now + FRAME),
            at => at,
        };
    }

    /// That EC2 has told what there is for these nodes.
    ///
    /// # Errors
    /// It has not: nothing is known of what would be acted on.
    pub(super) fn cloud_knows(&self, ids: &[NodeId]) -> Result<()> {
        for id in ids {
            let seat = self
                .inventory
                .entry(*id)
                .and_then(|entry| entry.seat.as_ref());
            let Some(seat) = seat else { continue };
            self.known(&seat.account)?;
        }
        Ok(())
    }

    /// The same for all that is loaded.
    pub(super) fn cloud_has_told(&self) -> Result<()> {
        for account in self.accounts() {
            self.known(&account)?;
        }
        Ok(())
    }

    fn known(&self, account: &Account) -> Result<()> {
        let known = self.clouds.accounts.get(account);
        if known.is_some_and(|known| known.told) {
            return Ok(());
        }
        const TEXT: &str = "EC2 has not told what there is";
        // In a batch the line above says why, and what to do.
        if self.is_batch() {
            return Err(Error::failed(TEXT));
        }
        let fault = known.and_then(|known| known.fault.as_ref());
        let why = fault.map_or_else(String::new, |fault| format!(": {}", fault.text));
        Err(Error::failed(format!("{TEXT}{why}")).hint("refresh asks again"))
    }

    /// The instances of nodes, by account and cluster; nodes without one are left out.
    pub(super) fn claims(&self, ids: &[NodeId]) -> Groups {
        let mut groups = Groups::new();
        for id in ids {
            let (Some(node), Some(entry)) = (self.inventory.get(*id), self.inventory.entry(*id))
            else {
                continue;
            };
            let Some(seat) = &entry.seat else { continue };
            let Some(one) = &seat.instance else { continue };
            let key = (seat.account.clone(), node.cluster.clone());
            let group = groups.entry(key).or_default();
            group.claims.push(Claim {
                node: node.name.clone(),
                id: one.id.clone(),
                cluster: one.cluster().map(str::to_owned),
            });
            group.nodes.push((node.name.clone(), *id));
        }
        groups
    }

    /// Asks what `start` would do; gives back the nodes that no file defines.
    pub(super) fn plan_instances(&mut self, now: Instant, ids: &[NodeId]) -> Vec<NodeId> {
        let (wanted, found) = self.wanted(ids);
        for ((account, cluster), (nodes, names)) in wanted {
            let what = What::Plan(cluster.clone());
            let ask = Ask::Plan { cluster, nodes };
            self.ask_cloud(now, &account, ask, what, names);
        }
        found
    }

    /// The nodes as their files want them, by account and cluster; and those that no file defines.
    fn wanted(&self, ids: &[NodeId]) -> (WantedGroups, Vec<NodeId>) {
        let mut groups = WantedGroups::new();
        let mut found = Vec::new();
        for id in ids {
            let (Some(node), Some(entry)) = (self.inventory.get(*id), self.inventory.entry(*id))
            else {
                continue;
            };
            let Some(seat) = &entry.seat else { continue };
            if seat.found {
                found.push(*id);
                continue;
            }
            let key = (seat.account.clone(), node.cluster.clone());
            let (nodes, names) = groups.entry(key).or_default();
            nodes.push(Wanted {
                name: node.name.clone(),
                settings: entry.def.settings.clone(),
            });
            names.push((node.name.clone(), *id));
        }
        (groups, found)
    }

    /// `stop` and `terminate`, once they are sure.
    pub(super) fn end_instances(&mut self, now: Instant, terminate: bool, groups: Groups) {
        for ((account, _), group) in groups {
            for (_, id) in &group.nodes {
                self.leave_boots(*id);
            }
            let (ask, what) = if terminate {
                let claims = group.claims.clone();
                (Ask::Terminate(group.claims), What::Terminate(claims))
            } else {
                let claims = group.claims.clone();
                (Ask::Stop(group.claims), What::Stop(claims))
            };
            self.ask_cloud(now, &account, ask, what, group.nodes);
        }
        self.end_boots(now);
    }

    /// Nodes that several instances claim to be are reported and left out.
    pub(super) fn without_rivals(&mut self, ids: Vec<NodeId>) -> Vec<NodeId> {
        let mut kept = Vec::new();
        for id in ids {
            let seat = self
                .inventory
                .entry(id)
                .and_then(|entry| entry.seat.as_ref());
            match seat.filter(|seat| !seat.rivals.is_empty()) {
                Some(seat) => {
                    let text = format!("[{}] {}", self.name(id), claimed(&seat.rivals));
                    self.error(&Error::failed(text));
                },
                None => kept.push(id),
            }
        }
        kept
    }

    /// The accounts that have told what there is, with the private keys of their key pairs.
    pub(super) fn told_accounts(&self) -> impl Iterator<Item = (&Account, Vec<(String, PathBuf)>)> {
        let told = self.clouds.accounts.iter().filter(|(_, known)| known.told);
        told.map(|(account, _)| {
            let keys = self.clouds.key_files.iter();
            let keys = keys.filter(|((of, _), _)| of == account);
            let keys = keys.map(|((_, key), path)| (key.clone(), path.clone()));
            (account, keys.collect())
        })
    }

    /// Another run was told what there is in this account.
    pub(super) fn account_has_told(&mut self, account: Account, keys: Vec<(String, PathBuf)>) {
        for (key, path) in keys {
            self.clouds.key_files.insert((account.clone(), key), path);
        }
        self.clouds.accounts.entry(account).or_default().told = true;
    }

    /// The private key that dust keeps for the key pair that a node was launched with.
    pub(super) fn key_file(&self, account: &Account, key: &str) -> Option<&PathBuf> {
        let key = (account.clone(), key.to_owned());
        self.clouds.key_files.get(&key)
    }
}

/// What is said of a node that several instances claim to be.
fn claimed(ids: &[String]) -> String {
    news::as_error(Kind::Failed, &conflict(ids), None).to_string()
}
