//! What dust knows of EC2, without EC2: instances, which of them is which node, what `start` has to
//! do, and the questions and answers that go between [`crate::app`] and the worker that talks to the
//! API (`io::ec2`). Plain data and pure decisions.
//!
//! A node is the instance that is not terminated and has the tags `Name=NODE` and
//! `dust:cluster=CLUSTER`. An instance of a launch of many, which dust has not named yet, is told by
//! `dust:nodes` (the folded names of that launch) and its launch index.

pub mod console;
pub mod fault;
pub mod identity;
#[cfg(test)]
#[path = "tests/lab.rs"]
mod lab;
pub mod launch;
pub mod plan;
pub mod rules;
pub mod settle;

use std::collections::BTreeMap;

use crate::config::Settings;
use crate::model::NodeState;

/// Folds names: `worker0 worker1` to `worker[0-1]`.
pub type Fold = fn(&[&str]) -> String;

/// The tag that holds the cluster's name.
pub const CLUSTER_TAG: &str = "dust:cluster";
/// The tag that holds the folded names of all nodes of one launch, in the order of launch indexes.
pub const NODES_TAG: &str = "dust:nodes";
/// The tag that holds the node's name.
pub const NAME_TAG: &str = "Name";

/// Where to ask: what decides which API endpoint and which credentials are used. `None`: as the
/// environment and `~/.aws/config` say.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Account {
    /// `region`.
    pub region: Option<String>,
    /// `profile`.
    pub profile: Option<String>,
    /// `endpoint`.
    pub endpoint: Option<String>,
}

/// An instance, as DescribeInstances tells it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// Where it is in its life; never [`NodeState::Absent`].
    pub state: NodeState,
    /// Why it is there (`Client.UserInitiatedShutdown: …`), where EC2 says.
    pub reason: Option<String>,
    /// When it was launched, in seconds since 1970.
    pub launched: i64,
    /// Its place among the instances of its launch, from 0.
    pub launch_index: usize,
    /// Its address in the VPC.
    pub private_ip: Option<String>,
    /// Its public address.
    pub public_ip: Option<String>,
    /// The names of its security groups, by group id.
    pub groups: BTreeMap<String, String>,
    /// What else `show -vv` prints, by attribute name: `instance_type`, `image`, `zone`, `subnet`,
    /// `vpc`, `key`, `iam_profile`, `placement_group`, `private_dns`, `public_dns`, `spot`,
    /// `launched` (RFC 3339), …
    pub attrs: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Instance {
    /// Its cluster, by its tag.
    pub fn cluster(&self) -> Option<&str> {
        self.tags.get(CLUSTER_TAG).map(String::as_str)
    }

    /// True while it exists.
    pub fn exists(&self) -> bool {
        !matches!(self.state, NodeState::Terminated | NodeState::Absent)
    }
}

/// A node as its file wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What holds for it.
    pub settings: Settings,
}

/// A node and the instance that was it when its target was resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The node's name; for messages.
    pub node: String,
    /// `i-…`.
    pub id: String,
    /// Its cluster; `None`: it has no `dust:cluster` tag.
    pub cluster: Option<String>,
}

/// One rule of a security group, as `ec2sec` speaks of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, `all`, or a protocol number.
    pub protocol: String,
    /// First and last port; `None`: all of them.
    pub ports: Option<(u16, u16)>,
    /// Who may connect: a CIDR block, the id of a security group, or a prefix list.
    pub source: String,
    /// What its author noted.
    pub note: String,
}

/// A security group and what it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its VPC.
    pub vpc: String,
    /// Its `dust:cluster` tag.
    pub cluster: Option<String>,
    /// Rules for incoming connections.
    pub rules: Vec<Rule>,
}

/// A key pair of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name.
    pub name: String,
    /// `rsa` or `ed25519`.
    pub kind: String,
    /// As EC2 writes it.
    pub fingerprint: String,
    /// The private key's file, where dust keeps it.
    pub file: Option<std::path::PathBuf>,
}

/// What is asked of EC2. Each question is answered by any number of [`News`], the last of them
/// [`News::Done`] or [`News::Failed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Every instance of the region.
    Describe,
    /// Make these nodes run: describe, launch what is absent, start what is stopped, wait for what
    /// is stopping, name what was launched, read again. Then, until none of these nodes is pending,
    /// describe again and again: [`News::Instances`] each time.
    Start {
        /// The cluster.
        cluster: String,
        /// Its nodes.
        nodes: Vec<Wanted>,
    },
    /// Make these run: each is read again first, and must still be what it was; then as with
    /// [`Ask::Start`]. For instances that no file defines, which are never launched.
    Wake(Vec<Claim>),
    /// Say what [`Ask::Start`] would do, and how file and cloud differ; change nothing.
    Plan {
        /// The cluster.
        cluster: String,
        /// Its nodes.
        nodes: Vec<Wanted>,
    },
    /// Stop these; each is read again first, and must still be what it was.
    Stop(Vec<Claim>),
    /// Terminate these; each is read again first, and must still be what it was.
    Terminate(Vec<Claim>),
    /// Set tags.
    Tag(Vec<Claim>, BTreeMap<String, String>),
    /// Remove tags.
    Untag(Vec<Claim>, Vec<String>),
    /// The region's key pairs.
    Keys,
    /// The security groups of these instances, and the cluster's own group.
    Rules(String, Vec<Claim>),
    /// Let in: add a rule to every security group of these instances that is dust's own for the
    /// cluster, made and attached where an instance has none.
    Allow(String, Vec<Claim>, Rule),
    /// Remove a rule from the security groups of these instances.
    Forbid(String, Vec<Claim>, Rule),
    /// What these instances printed on their consoles.
    Console(Vec<Claim>),
}

/// What went wrong, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without advice.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hint: None,
        }
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What `start` does or would do, by node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Launched: the nodes of each call, and what they are (`t2.small, ami-3eb46b49`).
    pub launch: Vec<(Vec<String>, String)>,
    /// Started.
    pub start: Vec<String>,
    /// Left as they are: running or pending.
    pub leave: Vec<String>,
    /// Started once they have stopped.
    pub wait: Vec<String>,
    /// Claimed by several instances: nothing is done to these; the ids.
    pub conflicts: Vec<(String, Vec<String>)>,
    /// What differs between file and cloud: node, attribute, in the file, in the cloud.
    pub drift: Vec<(String, String, String, String)>,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Every instance of the region, now.
    Instances(Vec<Instance>),
    /// What is about to be done, or would be.
    Plan(Plan),
    /// A step, in a few words: `launched worker[0-2]`.
    Step(String),
    /// Of [`Ask::Start`] and [`Ask::Wake`]: all is done that had to be done; what follows only tells
    /// how the machines come up.
    Launched,
    /// Nobody can log in to what this security group of a cluster is for, since this machine's
    /// address cannot be told: the cluster, the group's name, the ports of its sshds.
    Closed(String, String, Vec<u16>),
    /// It failed for these nodes, for the same reason; the rest goes on.
    NodesFailed(Vec<String>, Fault),
    /// The answer to [`Ask::Keys`].
    Keys(Vec<KeyPair>),
    /// The answer to [`Ask::Rules`].
    Rules(Vec<SecurityGroup>),
    /// Console output, by node; `None`: there is none yet.
    Console(Vec<(String, Option<String>)>),
    /// The private key that opens instances of this EC2 key pair.
    KeyFile(String, std::path::PathBuf),
    /// All of it failed.
    Failed(Fault),
    /// That was all.
    Done,
}
