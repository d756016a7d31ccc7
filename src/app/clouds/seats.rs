//! What EC2 has, taken into the inventory: which instance is which node, and the nodes that are
//! there because an instance is.

use super::super::inventory::{Entry, Inventory, Seat, account, attributes};
use crate::cloud::identity::{Roster, Who};
use crate::cloud::{Account, Instance};
use crate::config::{Address, NodeDef, Provider, Settings};
use crate::model::{Node, NodeId, NodeState};
use std::collections::{HashMap, HashSet};

/// What `show` calls the instances of no loaded cluster.
const UNASSIGNED: &str = "unassigned";

/// What followed from a look at all instances.
#[derive(Debug, Default)]
pub(in crate::app) struct Taken {
    /// Connections that are of no use any more, and why.
    pub(in crate::app) lost: Vec<(NodeId, String)>,
    /// Nodes that several instances claim to be, for the first time: their ids.
    pub(in crate::app) rivals: Vec<(NodeId, Vec<String>)>,
    /// Nodes that were there because an instance was, and are not any more.
    pub(in crate::app) gone: HashSet<NodeId>,
}

/// What a node is now.
enum Now<'a> {
    Nothing,
    One(&'a Instance),
    Rivals(Vec<String>),
}

/// An instance that no file defines, and where it belongs.
struct Found<'a> {
    cluster: String,
    aside: bool,
    settings: Settings,
    instance: &'a Instance,
}

impl Inventory {
    /// Takes in all instances of an account.
    pub(in crate::app) fn take(
        &mut self,
        account: &Account,
        instances: &[Instance],
        renumber: bool,
    ) -> Taken {
        let mut taken = Taken::default();
        let whole = self.works_on_all();
        let mut used: HashSet<&str> = HashSet::new();
        let mut now = self.defined(account, instances, &mut used);
        let found = self.found(account, instances, &used, &now);
        now.extend(self.seat_found(account, found, &mut taken.gone));
        self.remove(&taken.gone);
        self.arrange(renumber);
        if whole {
            let aside = self.working().iter().copied();
            let aside = aside.filter(|id| self.get(*id).is_some_and(|node| node.aside));
            let aside: Vec<NodeId> = aside.collect();
            self.set_working(self.all().into_iter().chain(aside).collect());
        }
        for (id, now) in now {
            self.update(id, |node, entry| {
                sit(node, entry, &now, instances, &mut taken);
            });
        }
        taken
    }

    /// Who the nodes of files are.
    fn defined<'a>(
        &self,
        account: &Account,
        instances: &'a [Instance],
        used: &mut HashSet<&'a str>,
    ) -> Vec<(NodeId, Now<'a>)> {
        let roster = Roster::new(instances);
        let mut now = Vec::new();
        for node in self.nodes() {
            let seat = self.entry(node.id).and_then(|entry| entry.seat.as_ref());
            if !seat.is_some_and(|seat| !seat.found && seat.account == *account) {
                continue;
            }
            let claims = roster.claims(&node.cluster, &node.name);
            used.extend(claims.past.iter().map(|past| past.id.as_str()));
            let is = match claims.who() {
                Who::Absent => Now::Nothing,
                Who::Leaving(one) | Who::One(one) => {
                    used.insert(&one.id);
                    Now::One(one)
                },
                Who::Conflict(_) => Now::Rivals(claims.ids()),
            };
            now.push((node.id, is));
        }
        now
    }

    /// The instances that no file defines, by the group in which they show.
    fn found<'a>(
        &self,
        here: &Account,
        instances: &'a [Instance],
        used: &HashSet<&'a str>,
        now: &[(NodeId, Now<'a>)],
    ) -> Vec<Found<'a>> {
        let rivals: HashSet<&str> = now
            .iter()
            .filter_map(|(_, now)| match now {
                Now::Rivals(ids) => Some(ids.iter().map(String::as_str)),
                Now::Nothing | Now::One(_) => None,
            })
            .flatten()
            .collect();
        let clusters = self.clusters().iter().filter(|cluster| {
            let mut nodes = cluster.nodes.iter();
            cluster.provider == Provider::Ec2
                && (account(&cluster.settings) == *here
                    || nodes.any(|node| account(&node.settings) == *here))
        });
        // A file with nodes has only what carries its name; one without takes all that is left.
        let (named, open): (Vec<_>, Vec<_>) =
            clusters.partition(|cluster| !cluster.nodes.is_empty());
        let mut found = Vec::new();
        for instance in instances.iter().filter(|instance| instance.exists()) {
            if used.contains(instance.id.as_str()) {
                continue;
            }
            let own = named.iter().find(|cluster| {
                instance.cluster() == Some(&cluster.name) && !rivals.contains(instance.id.as_str())
            });
            let (cluster, aside, settings) = match (own.or_else(|| open.first()), named.first()) {
                (Some(cluster), _) => (cluster.name.clone(), false, &cluster.settings),
                (None, Some(cluster)) => (UNASSIGNED.to_owned(), true, &cluster.settings),
                (None, None) => continue,
            };
            let settings = Settings {
                region: here.region.clone(),
                profile: here.profile.clone(),
                endpoint: here.endpoint.clone(),
                ..settings.clone()
            };
            found.push(Found {
                cluster,
                aside,
                settings,
                instance,
            });
        }
        found
    }

    /// Gives nodes to the instances that no file defines; those that have one keep it.
    fn seat_found<'a>(
        &mut self,
        here: &Account,
        found: Vec<Found<'a>>,
        gone: &mut HashSet<NodeId>,
    ) -> Vec<(NodeId, Now<'a>)> {
        let mut names: HashMap<(&str, String), usize> = HashMap::new();
        let mut defined: HashSet<(String, String)> = HashSet::new();
        let mut before: HashMap<(String, bool, String), NodeId> = HashMap::new();
        for node in self.nodes() {
            let seat = self.entry(node.id).and_then(|entry| entry.seat.as_ref());
            match seat {
                Some(seat) if seat.found => {
                    let id = seat.instance.as_ref().map(|one| one.id.clone());
                    if seat.account == *here {
                        let key = (node.cluster.clone(), node.aside, id.unwrap_or_default());
                        before.insert(key, node.id);
                    }
                },
                _ => {
                    defined.insert((node.cluster.clone(), node.name.clone()));
                    // What is aside must not be taken for a node by its name.
                    defined.insert((UNASSIGNED.to_owned(), node.name.clone()));
                },
            }
        }
        for one in &found {
            *names
                .entry((&one.cluster, own_name(one.instance)))
                .or_default() += 1;
        }
        let mut seats = Vec::new();
        for one in &found {
            let mut name = own_name(one.instance);
            let alone = names.get(&(one.cluster.as_str(), name.clone())) == Some(&1);
            if !alone || defined.contains(&(one.cluster.clone(), name.clone())) {
                name = format!("{name}-{}", one.instance.id);
            }
            let key = (one.cluster.clone(), one.aside, one.instance.id.clone());
            let id = if let Some(id) = before.remove(&key) {
                self.rename(id, &name);
                id
            } else {
                let def = NodeDef {
                    name,
                    settings: Settings {
                        tags: std::collections::BTreeMap::new(),
                        ..one.settings.clone()
                    },
                    line: 0,
                };
                let seat = Seat {
                    account: here.clone(),
                    found: true,
                    ..Seat::default()
                };
                self.insert(&one.cluster, Provider::Ec2, def, Some(seat), one.aside)
            };
            seats.push((id, Now::One(one.instance)));
        }
        gone.extend(before.into_values());
        seats
    }
}

/// The name that an instance shows under: its own, with what targets cannot hold replaced.
fn own_name(instance: &Instance) -> String {
    let own = instance.node().unwrap_or_default();
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = own.chars().map(|c| if fine(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches(['-', '.']);
    if name.is_empty() {
        instance.id.clone()
    } else {
        name.to_owned()
    }
}

/// The address to connect to, as `address=` has it.
pub(in crate::app) fn address(settings: &Settings, instance: &Instance) -> Option<String> {
    let (public, private) = (&instance.public_ip, &instance.private_ip);
    match settings.address.unwrap_or_default() {
        Address::Auto => public.clone().or_else(|| private.clone()),
        Address::Public => public.clone(),
        Address::Private => private.clone(),
    }
}

/// Makes a node what it is now.
fn sit(node: &mut Node, entry: &mut Entry, now: &Now<'_>, all: &[Instance], taken: &mut Taken) {
    let Some(seat) = &mut entry.seat else { return };
    let settings = &entry.def.settings;
    let before = seat.instance.take();
    let had_rivals = !std::mem::take(&mut seat.rivals).is_empty();
    node.attrs = attributes(&entry.def, entry.provider);
    node.tags.clone_from(&settings.tags);
    let mut lost = None;
    match now {
        Now::Nothing => {
            node.state = NodeState::Absent;
            if let Some(before) = before {
                seat.past = Some((before.id, None));
                lost = Some("its instance is gone".to_owned());
            }
            // One that is not listed may come back: EC2 is of two minds for a while.
            if let Some((id, why)) = &mut seat.past
                && let Some(last) = all.iter().find(|other| other.id == *id)
            {
                *why = Some(last.reason.clone().unwrap_or_default());
            }
        },
        Now::One(one) => {
            lost = before
                .as_ref()
                .and_then(|before| why_lost(before, one, settings));
            if before.is_none_or(|before| before.id != one.id) {
                seat.fingerprints.clear();
            }
            node.state = one.state;
            node.tags.clone_from(&one.tags);
            describe(node, one, settings);
            seat.instance = Some((*one).clone());
        },
        Now::Rivals(ids) => {
            let first = all.iter().find(|one| ids.first() == Some(&one.id));
            node.state = first.map_or(NodeState::Absent, |one| one.state);
            node.attrs.insert("id".to_owned(), ids.join(" "));
            seat.rivals.clone_from(ids);
            lost = before.map(|_| "several instances claim to be it".to_owned());
            if !had_rivals {
                taken.rivals.push((node.id, ids.clone()));
            }
        },
    }
    if let Some(why) = lost {
        taken.lost.push((node.id, why));
    }
}

/// What makes the connection to the machine that a node was useless, if anything does.
fn why_lost(before: &Instance, now: &Instance, settings: &Settings) -> Option<String> {
    if before.id != now.id {
        return Some(format!("it is another instance now, {}", now.id));
    }
    if now.state != NodeState::Running {
        let ran = before.state == NodeState::Running;
        return ran.then(|| format!("it is {}", now.state));
    }
    let was = address(settings, before)?;
    let there = [&now.public_ip, &now.private_ip];
    let same = there.into_iter().flatten().any(|now| *now == was);
    (!same).then(|| "its address has changed".to_owned())
}

/// The attributes that an instance has.
fn describe(node: &mut Node, one: &Instance, settings: &Settings) {
    node.attrs.extend(
        one.attrs
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    let groups: Vec<&str> = one.groups.values().map(String::as_str).collect();
    let groups = (!groups.is_empty()).then(|| groups.join(","));
    let zone = one.attrs.get("zone");
    let region = zone.map(|zone| zone.trim_end_matches(|c: char| c.is_ascii_alphabetic()));
    for (key, value) in [
        ("id", Some(one.id.clone())),
        ("ip", address(settings, one)),
        ("private_ip", one.private_ip.clone()),
        ("public_ip", one.public_ip.clone()),
        ("groups", groups),
        ("reason", one.reason.clone().filter(|why| !why.is_empty())),
        (
            "region",
            settings
                .region
                .clone()
                .or_else(|| region.map(str::to_owned)),
        ),
    ] {
        if let Some(value) = value {
            node.attrs.insert(key.to_owned(), value);
        }
    }
}
