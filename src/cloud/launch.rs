//! What instances are launched with, which of them go into one call, and the token that makes a
//! repeated call harmless.

use super::identity::launched_names;
use super::{CLUSTER_TAG, Fault, Fold, NAME_TAG, NODES_TAG, Wanted};
use sha1::{Digest as _, Sha1};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The longest value of a tag, in characters (Amazon EC2 user guide, "Tag restrictions").
const TAG_VALUE_MAX: usize = 256;
/// The most instances that one call is asked for.
const CALL_MAX: usize = 1000;

/// The name of the security group that dust makes for a cluster.
pub fn own_group(cluster: &str) -> String {
    format!("dust-{cluster}")
}

/// What an instance is launched with, as its file says it. Nodes whose options are equal are
/// launched by one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Options {
    /// `image`: `ami-…` or `resolve:ssm:…`.
    pub image: String,
    /// `instance_type`.
    pub instance_type: String,
    /// `subnet`.
    pub subnet: Option<String>,
    /// `security_group`, names or ids; `None`: the cluster's own group.
    pub security_group: Option<Vec<String>>,
    /// `zone`.
    pub zone: Option<String>,
    /// `iam_profile`, a name or an ARN.
    pub iam_profile: Option<String>,
    /// `placement_group`.
    pub placement_group: Option<String>,
    /// `spot`.
    pub spot: bool,
    /// `disk`, in GiB.
    pub disk: Option<u32>,
    /// `user_data`, a file.
    pub user_data: Option<PathBuf>,
    /// How one logs in.
    pub key: Key,
    /// `tag.NAME`, by NAME, but for the tags that are dust's own.
    pub tags: BTreeMap<String, String>,
}

/// The key pair of a launch.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// dust's own for the region.
    #[default]
    Own,
    /// This key pair of EC2.
    Named(String),
    /// None: the file names a private key only, and the image or its user data know it.
    None,
}

impl Options {
    /// The options of a node.
    ///
    /// # Errors
    /// Says which key the file must have to launch it.
    pub fn of(node: &Wanted) -> Result<Self, Fault> {
        let settings = &node.settings;
        let must = |value: &Option<String>, key: &str, example: &str| {
            value.clone().ok_or_else(|| {
                Fault::new(format!("it cannot be launched without `{key}`"))
                    .hint(format!("add `{key}={example}` to its section or to @cloud"))
            })
        };
        let key = match (&settings.key, &settings.keyfile) {
            (Some(key), _) => Key::Named(key.clone()),
            (None, Some(_)) => Key::None,
            (None, None) => Key::Own,
        };
        let mut tags = settings.tags.clone();
        tags.retain(|name, _| ![NAME_TAG, CLUSTER_TAG, NODES_TAG].contains(&name.as_str()));
        Ok(Self {
            image: must(&settings.image, "image", "ami-…")?,
            instance_type: must(&settings.instance_type, "instance_type", "t3.micro")?,
            subnet: settings.subnet.clone(),
            security_group: settings.security_group.clone(),
            zone: settings.zone.clone(),
            iam_profile: settings.iam_profile.clone(),
            placement_group: settings.placement_group.clone(),
            spot: settings.spot.unwrap_or(false),
            disk: settings.disk,
            user_data: settings.user_data.clone(),
            key,
            tags,
        })
    }

    /// In a few words: `t2.small, ami-3eb46b49, spot`.
    pub fn summary(&self) -> String {
        let mut text = format!("{}, {}", self.instance_type, self.image);
        let more = [
            self.zone.clone(),
            self.subnet.clone(),
            self.disk.map(|gib| format!("{gib} GiB")),
            self.spot.then(|| "spot".to_owned()),
        ];
        for more in more.into_iter().flatten() {
            let _ = write!(text, ", {more}");
        }
        text
    }
}

/// One call of RunInstances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Its nodes, in the order of launch indexes.
    pub names: Vec<String>,
    /// The same, as the tag `dust:nodes` has them.
    pub folded: String,
    /// What they are launched with.
    pub options: Options,
    /// The latest instance that was each of these nodes before: a token of its launch would only
    /// bring back what is terminated.
    pub past: Vec<String>,
}

impl Launch {
    /// The calls for these nodes: equal options together, as long as the names fit into a tag.
    /// `past` tells the instance that was a node before.
    pub fn group(
        nodes: Vec<(String, Options)>,
        past: impl Fn(&str) -> Option<String>,
        fold: Fold,
    ) -> Vec<Self> {
        // In the order of the file, by the first node of each kind.
        let mut kinds: Vec<(Options, Vec<String>)> = Vec::new();
        for (name, options) in nodes {
            match kinds.iter_mut().find(|(kind, _)| *kind == options) {
                Some((_, names)) => names.push(name),
                None => kinds.push((options, vec![name])),
            }
        }
        let mut launches = Vec::new();
        for (options, names) in kinds {
            for names in fitting(&names, fold) {
                let refs: Vec<&str> = names.iter().map(String::as_str).collect();
                let folded = fold(&refs);
                let names = match launched_names(&folded, refs.len()) {
                    found if found.iter().collect::<BTreeSet<_>>().len() == refs.len() => found,
                    // One that does not fold is its own list.
                    _ => names.clone(),
                };
                launches.push(Self {
                    past: names.iter().filter_map(|name| past(name)).collect(),
                    names,
                    folded,
                    options: options.clone(),
                });
            }
        }
        launches
    }

    /// The tags of its instances.
    pub fn tags(&self, cluster: &str) -> BTreeMap<String, String> {
        let mut tags = self.options.tags.clone();
        tags.insert(CLUSTER_TAG.to_owned(), cluster.to_owned());
        match self.names.as_slice() {
            [name] => tags.insert(NAME_TAG.to_owned(), name.clone()),
            _ => tags.insert(NODES_TAG.to_owned(), self.folded.clone()),
        };
        tags
    }

    /// The token that EC2 knows this launch by: the same for everybody who wants the same
    /// instances, another once they were terminated. `again` counts launches whose token turned
    /// out to be used up. At most 64 ASCII characters (Amazon EC2 API reference, "Ensuring
    /// idempotency").
    pub fn token(&self, cluster: &str, user_data: &[u8], again: u32) -> String {
        let mut hash = Sha1::new();
        // A length before each part: no two different lists of parts give the same bytes.
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        let options = &self.options;
        add(cluster.as_bytes());
        add(&(self.names.len() as u64).to_be_bytes());
        for name in &self.names {
            add(name.as_bytes());
        }
        add(options.image.as_bytes());
        add(options.instance_type.as_bytes());
        let texts = [
            &options.subnet,
            &options.zone,
            &options.iam_profile,
            &options.placement_group,
        ];
        for text in texts {
            add(&[u8::from(text.is_some())]);
            add(text.as_deref().unwrap_or_default().as_bytes());
        }
        match &options.security_group {
            Some(groups) => {
                add(&(groups.len() as u64).to_be_bytes());
                groups.iter().for_each(|group| add(group.as_bytes()));
            },
            None => add(b""),
        }
        add(&[u8::from(options.spot)]);
        add(&options.disk.unwrap_or(0).to_be_bytes());
        let (kind, key) = match &options.key {
            Key::Own => (0, ""),
            Key::Named(key) => (1, key.as_str()),
            Key::None => (2, ""),
        };
        add(&[kind]);
        add(key.as_bytes());
        add(&(options.tags.len() as u64).to_be_bytes());
        for (name, value) in &options.tags {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        add(user_data);
        for id in &self.past {
            add(id.as_bytes());
        }
        add(&again.to_be_bytes());
        let mut token = "dust-".to_owned();
        for byte in hash.finalize() {
            let _ = write!(token, "{byte:02x}");
        }
        token
    }
}

/// Cuts a list so that each part, folded, fits into a tag.
fn fitting(names: &[String], fold: Fold) -> Vec<Vec<String>> {
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let fits = refs.len() <= CALL_MAX && fold(&refs).chars().count() <= TAG_VALUE_MAX;
    if fits || names.len() < 2 {
        return vec![names.to_vec()];
    }
    let (head, tail) = names.split_at(names.len() / 2);
    let mut parts = fitting(head, fold);
    parts.extend(fitting(tail, fold));
    parts
}

#[cfg(test)]
#[path = "launch_tests.rs"]
mod tests;
