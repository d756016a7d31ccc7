//! What EC2 would say about instances where moto says something else: moto does everything at once.

use std::collections::BTreeMap;

use super::Call;
use crate::support::http::base64;
use crate::support::xml::Xml;

/// How long something stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// `Faults::catch_up`.
    Told,
    /// So many answers of DescribeInstances told it so.
    Describes(usize),
}

impl Until {
    /// One answer more. Whether it is over.
    fn step(&mut self) -> bool {
        match self {
            Self::Told => false,
            Self::Describes(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            },
        }
    }
}

/// Code and name of a state, as EC2 numbers them.
type StateName = (&'static str, &'static str);

const PENDING: StateName = ("0", "pending");
const STOPPING: StateName = ("64", "stopping");

/// How the answers differ from moto's.
#[derive(Default)]
pub(super) struct Cloud {
    pub(super) hide: Option<Until>,
    pub(super) pending: Option<Until>,
    pub(super) stopping: Option<Until>,
    pub(super) consoles: BTreeMap<String, String>,
    pub(super) reasons: BTreeMap<String, (String, String)>,
    pub(super) room: Option<usize>,
    pub(super) replaced: Vec<(String, String)>,
    /// Instances that are hidden.
    pub(super) hidden: BTreeMap<String, Until>,
    /// Instances that are shown in another state.
    shown: BTreeMap<String, (StateName, Until)>,
}

impl Cloud {
    pub(super) fn catch_up(&mut self) {
        (self.hide, self.pending, self.stopping) = (None, None, None);
        self.hidden.clear();
        self.shown.clear();
    }

    /// Code and message with which EC2 would refuse.
    pub(super) fn refuses(&self, call: &Call) -> Option<(String, String)> {
        let ids = [call.list("InstanceId"), call.list("ResourceId")].concat();
        let single = Some(call.param("InstanceId")).filter(|id| !id.is_empty());
        for id in ids.into_iter().chain(single) {
            if self.hidden.contains_key(id) {
                let text = format!("The instance ID '{id}' does not exist");
                return Some(("InvalidInstanceID.NotFound".into(), text));
            }
            let stopping = self
                .shown
                .get(id)
                .is_some_and(|(state, _)| *state == STOPPING);
            if stopping && call.action == "StartInstances" {
                let text =
                    format!("The instance '{id}' is not in a state from which it can be started.");
                return Some(("IncorrectInstanceState".into(), text));
            }
        }
        None
    }

    /// How many instances a RunInstances launches; None: there is no room. Moto goes by MinCount
    /// alone.
    pub(super) fn launches(&mut self, call: &Call) -> Option<usize> {
        let number = |name| call.param(name).parse::<usize>().ok();
        let least = number("MinCount").unwrap_or(1);
        let most = number("MaxCount").unwrap_or(least);
        let count = self.room.map_or(most, |room| most.min(room));
        if count < least {
            return None;
        }
        self.room = self.room.map(|room| room - count);
        Some(count)
    }

    /// Takes note of a call that succeeded, and makes its answer EC2's.
    pub(super) fn retell(&mut self, call: &Call, answer: &mut Xml) {
        match call.action.as_str() {
            "RunInstances" => {
                for item in answer.items("instancesSet") {
                    let id = item.at("instanceId").to_owned();
                    if let Some(until) = self.hide {
                        self.hidden.insert(id.clone(), until);
                    }
                    if let Some(until) = self.pending {
                        self.shown.insert(id, (PENDING, until));
                    }
                }
            },
            "StartInstances" | "StopInstances" | "TerminateInstances" => {
                let slow = match call.action.as_str() {
                    "StartInstances" => self.pending.map(|until| (PENDING, until)),
                    "StopInstances" => self.stopping.map(|until| (STOPPING, until)),
                    _ => None,
                };
                for id in call.list("InstanceId") {
                    self.shown.remove(id);
                    if let Some(slow) = slow {
                        self.shown.insert(id.to_owned(), slow);
                    }
                }
            },
            "DescribeInstances" => self.retell_instances(answer),
            "GetConsoleOutput" => {
                let own = self.consoles.get(call.param("InstanceId"));
                if let Some(text) = own.or_else(|| self.consoles.get("*")) {
                    answer.child_mut("output").text = base64(text.as_bytes());
                    if text.is_empty() {
                        answer.children.retain(|child| child.name != "output");
                    }
                }
            },
            _ => {},
        }
    }

    fn retell_instances(&mut self, answer: &mut Xml) {
        let reservations = answer.child_mut("reservationSet");
        for reservation in &mut reservations.children {
            let instances = reservation.child_mut("instancesSet");
            instances
                .children
                .retain(|item| !self.hidden.contains_key(item.at("instanceId")));
            for item in &mut instances.children {
                let id = item.at("instanceId").to_owned();
                if let Some(((code, name), _)) = self.shown.get(&id) {
                    let state = vec![Xml::new("code", code), Xml::new("name", name)];
                    *item.child_mut("instanceState") = Xml::with("instanceState", state);
                }
                if let Some((code, message)) = self.reasons.get(&id) {
                    let reason = vec![Xml::new("code", code), Xml::new("message", message)];
                    *item.child_mut("stateReason") = Xml::with("stateReason", reason);
                }
            }
        }
        reservations
            .children
            .retain(|reservation| !reservation.items("instancesSet").is_empty());
        self.hidden.retain(|_, until| !until.step());
        self.shown.retain(|_, (_, until)| !until.step());
    }

    pub(super) fn replace(&self, text: String) -> String {
        self.replaced
            .iter()
            .fold(text, |text, (from, to)| text.replace(from, to))
    }
}
