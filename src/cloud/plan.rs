//! What `start` has to do, and how file and cloud differ.

use super::identity::{Roster, Who};
use super::launch::{Launch, Options, own_group};
use super::{Fault, Fold, Instance, Plan, Wanted};
use crate::model::NodeState;

/// Everything that a start does, with the ids that it does it to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Calls of RunInstances.
    pub launch: Vec<Launch>,
    /// Started now: node and instance.
    pub start: Vec<(String, String)>,
    /// Started once they have stopped.
    pub wait: Vec<(String, String)>,
    /// Pending already.
    pub pending: Vec<(String, String)>,
    /// To be given their names: somebody was interrupted before that.
    pub name: Vec<(String, String)>,
    /// Cannot be launched; why.
    pub failed: Vec<(String, Fault)>,
    /// The same for people.
    pub plan: Plan,
}

impl Work {
    /// Compares what is wanted with what there is.
    pub fn new(cluster: &str, wanted: &[Wanted], instances: &[Instance], fold: Fold) -> Self {
        let roster = Roster::new(instances);
        let mut work = Self::default();
        let mut absent = Vec::new();
        for node in wanted {
            let name = || node.name.clone();
            let one = match roster.who(cluster, &node.name) {
                Who::Absent | Who::Leaving(_) => {
                    match Options::of(node) {
                        Ok(options) => absent.push((name(), options)),
                        Err(fault) => work.failed.push((name(), fault)),
                    }
                    continue;
                },
                Who::Conflict(several) => {
                    let ids = several.iter().map(|one| one.id.clone()).collect();
                    work.plan.conflicts.push((name(), ids));
                    continue;
                },
                Who::One(one) => one,
            };
            if one.is_unnamed() {
                work.name.push((name(), one.id.clone()));
            }
            work.plan.drift.extend(drift(node, one));
            let (list, told) = match one.state {
                NodeState::Stopped => (&mut work.start, &mut work.plan.start),
                NodeState::Stopping => (&mut work.wait, &mut work.plan.wait),
                NodeState::Pending => (&mut work.pending, &mut work.plan.leave),
                NodeState::Running
                | NodeState::Absent
                | NodeState::ShuttingDown
                | NodeState::Terminated => {
                    work.plan.leave.push(name());
                    continue;
                },
            };
            list.push((name(), one.id.clone()));
            told.push(name());
        }
        let past = |node: &str| {
            let claims = roster.claims(cluster, node);
            claims.past.last().map(|past| past.id.clone())
        };
        work.launch = Launch::group(absent, past, fold);
        let calls = work.launch.iter();
        work.plan.launch = calls
            .map(|call| (call.names.clone(), call.options.summary()))
            .collect();
        work
    }
}

/// What differs between a node's settings and its instance: node, attribute, in the file, in the
/// cloud. What the file does not say differs from nothing.
fn drift(node: &Wanted, instance: &Instance) -> Vec<(String, String, String, String)> {
    const NONE: &str = "none";
    let settings = &node.settings;
    let mut found = Vec::new();
    let mut note = |what: &str, file: &str, cloud: &str| {
        found.push((
            node.name.clone(),
            what.to_owned(),
            file.to_owned(),
            cloud.to_owned(),
        ));
    };
    let attr = |name: &str| instance.attrs.get(name).map_or(NONE, String::as_str);
    let texts = [
        ("instance_type", &settings.instance_type),
        ("image", &settings.image),
        ("key", &settings.key),
        ("subnet", &settings.subnet),
        ("zone", &settings.zone),
        ("iam_profile", &settings.iam_profile),
        ("placement_group", &settings.placement_group),
    ];
    for (name, file) in texts {
        let Some(file) = file.as_deref() else {
            continue;
        };
        let cloud = attr(name);
        let same = match name {
            // Which image that was then, nobody knows.
            "image" if file.starts_with("resolve:") => true,
            "iam_profile" => last_part(file) == last_part(cloud),
            _ => file == cloud,
        };
        if !same {
            note(name, file, cloud);
        }
    }
    if let Some(spot) = settings.spot
        && spot != (attr("spot") == "true")
    {
        note("spot", &spot.to_string(), attr("spot"));
    }
    if let Some(file) = &settings.security_group {
        let groups = &instance.groups;
        let is =
            |written: &String, (id, name): (&String, &String)| written == id || written == name;
        let all_there = file
            .iter()
            .all(|written| groups.iter().any(|group| is(written, group)));
        // The cluster's own group is added by `ec2sec add`, whatever else there is.
        let own = own_group(instance.cluster().unwrap_or_default());
        let no_other = groups
            .iter()
            .all(|group| *group.1 == own || file.iter().any(|written| is(written, group)));
        if !all_there || !no_other {
            let cloud: Vec<&str> = groups.values().map(String::as_str).collect();
            note("security_group", &file.join(","), &cloud.join(","));
        }
    }
    for (name, value) in &settings.tags {
        let cloud = instance.tags.get(name);
        if cloud != Some(value) {
            note(
                &format!("tag.{name}"),
                value,
                cloud.map_or(NONE, String::as_str),
            );
        }
    }
    found
}

/// The name at the end of an ARN.
fn last_part(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
