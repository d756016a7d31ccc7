//! The keys of cluster files: one table for parsing, hints and the man page.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};

/// Where a cluster's nodes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Provider {
    /// Instances of Amazon EC2.
    Ec2,
    /// Machines that exist, reached by ssh.
    Ssh,
    /// Nodes on this machine.
    Local,
}

/// Which of a node's addresses to connect to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Address {
    /// The public one if there is one, else the private one.
    #[default]
    Auto,
    /// The public one.
    Public,
    /// The private one.
    Private,
}

/// How a node's host key is checked.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum HostKeys {
    /// It must be among the keys that the provider reports in the instance's console output.
    Cloud,
    /// A new one is remembered, a changed one refused.
    #[default]
    AcceptNew,
    /// It must be known already.
    Strict,
    /// It is not checked.
    Off,
}

/// What a cluster file says about a cluster or a node, one field a key; see [`KEYS`]. What the file
/// leaves out is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// `provider`.
    pub provider: Option<Provider>,
    /// `name`: the cluster's. [`super::ClusterDef::name`] has the default too.
    pub name: Option<String>,
    /// `region`.
    pub region: Option<String>,
    /// `profile`.
    pub profile: Option<String>,
    /// `endpoint`: starts with `http://` or `https://`.
    pub endpoint: Option<String>,
    /// `username`.
    pub username: Option<String>,
    /// `key`: the name of an EC2 key pair.
    pub key: Option<String>,
    /// `keyfile`: a private key.
    pub keyfile: Option<PathBuf>,
    /// `port`: 1 to 65535.
    pub port: Option<u16>,
    /// `host`: a name or an address; IPv6 without brackets.
    pub host: Option<String>,
    /// `address`.
    pub address: Option<Address>,
    /// `jump`: a node of this cluster or `[user@]host[:port]`, several joined by commas.
    pub jump: Option<String>,
    /// `proxy_command`, as ssh_config(5) has it.
    pub proxy_command: Option<String>,
    /// `host_keys`.
    pub host_keys: Option<HostKeys>,
    /// `instance_type`.
    pub instance_type: Option<String>,
    /// `image`.
    pub image: Option<String>,
    /// `subnet`.
    pub subnet: Option<String>,
    /// `security_group`: names or ids, as written.
    pub security_group: Option<Vec<String>>,
    /// `zone`.
    pub zone: Option<String>,
    /// `iam_profile`.
    pub iam_profile: Option<String>,
    /// `placement_group`.
    pub placement_group: Option<String>,
    /// `spot`.
    pub spot: Option<bool>,
    /// `disk`: GiB, 1 to 65536.
    pub disk: Option<u32>,
    /// `user_data`: a file.
    pub user_data: Option<PathBuf>,
    /// `tag.NAME`, by NAME.
    pub tags: BTreeMap<String, String>,
}

/// What a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// The cluster as a whole.
    Cluster,
    /// Logging in.
    Login,
    /// How to get to a node.
    Route,
    /// What a missing instance is launched with; other providers than ec2 ignore these.
    Launch,
}

/// A key of cluster files.
#[derive(Debug)]
pub struct Key {
    /// As it is written; `tag.NAME` stands for all tags.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// One line of help, without a full stop.
    pub doc: &'static str,
    /// Its other names elsewhere, for hints.
    also: &'static [&'static str],
    pub(super) kind: Kind,
}

pub(super) type Text = fn(&mut Settings) -> &mut Option<String>;
pub(super) type File = fn(&mut Settings) -> &mut Option<PathBuf>;

/// What a key's value is, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Provider,
    /// The name of the cluster.
    Name,
    /// One word: no blanks, no quotes, no leading `-`.
    Word(Text),
    /// Anything printable.
    Line(Text),
    /// Anything printable, with no comment behind it, or `none`.
    Command(Text),
    Url(Text),
    Host,
    Jump,
    Path(File),
    Port,
    Disk,
    Spot,
    Address,
    HostKeys,
    Groups,
    Tag,
}

const fn key(name: &'static str, group: Group, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        group,
        doc,
        also: &[],
        kind,
    }
}

impl Key {
    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// Whether it can only stand in `@cloud`; a node may set every other key.
    pub fn cloud_only(&self) -> bool {
        matches!(self.kind, Kind::Provider | Kind::Name)
    }

    /// Whether the value runs to the end of the line, so that no comment can stand behind it.
    pub(super) fn takes_whole_line(&self) -> bool {
        matches!(self.kind, Kind::Command(_))
    }
}

/// Every key, in the order of the man page.
pub static KEYS: &[Key] = &[
    key(
        "provider",
        Group::Cluster,
        Kind::Provider,
        "where the nodes come from: ec2, ssh or local",
    ),
    key(
        "name",
        Group::Cluster,
        Kind::Name,
        "the cluster's name (default: the file's, without .cnf)",
    ),
    key(
        "region",
        Group::Cluster,
        Kind::Word(|s| &mut s.region),
        "the AWS region",
    ),
    key(
        "profile",
        Group::Cluster,
        Kind::Line(|s| &mut s.profile),
        "the AWS profile",
    ),
    key(
        "endpoint",
        Group::Cluster,
        Kind::Url(|s| &mut s.endpoint),
        "the URL of the EC2 API",
    ),
    key(
        "username",
        Group::Login,
        Kind::Word(|s| &mut s.username),
        "the user to log in as",
    )
    .also(&["login", "user"]),
    key(
        "key",
        Group::Login,
        Kind::Line(|s| &mut s.key),
        "the name of the EC2 key pair",
    )
    .also(&["key_name", "keypair"]),
    key(
        "keyfile",
        Group::Login,
        Kind::Path(|s| &mut s.keyfile),
        "the private key to log in with",
    )
    .also(&["identity_file", "private_key", "pem"]),
    key(
        "port",
        Group::Login,
        Kind::Port,
        "the port that sshd listens on (default: 22)",
    ),
    key(
        "host",
        Group::Login,
        Kind::Host,
        "a node's host name or address (default: the node's name)",
    )
    .also(&["hostname", "ip"]),
    key(
        "address",
        Group::Route,
        Kind::Address,
        "which address to use: public, private or auto",
    ),
    key(
        "jump",
        Group::Route,
        Kind::Jump,
        "the bastions on the way, joined by commas: a node, or [user@]host[:port]; or none",
    )
    .also(&["bastion", "gateway", "proxy_jump"]),
    key(
        "proxy_command",
        Group::Route,
        Kind::Command(|s| &mut s.proxy_command),
        "a command whose input and output are the connection; or none",
    ),
    key(
        "host_keys",
        Group::Route,
        Kind::HostKeys,
        "how host keys are checked: cloud, accept-new, strict or off",
    )
    .also(&["strict_host_key_checking", "known_hosts"]),
    key(
        "instance_type",
        Group::Launch,
        Kind::Word(|s| &mut s.instance_type),
        "the instance type, such as t3.small",
    )
    .also(&["flavor", "size", "type"]),
    key(
        "image",
        Group::Launch,
        Kind::Word(|s| &mut s.image),
        "the image (AMI)",
    )
    .also(&["ami", "ami_id", "image_id"]),
    key(
        "subnet",
        Group::Launch,
        Kind::Word(|s| &mut s.subnet),
        "the subnet",
    ),
    key(
        "security_group",
        Group::Launch,
        Kind::Groups,
        "security groups, joined by commas",
    )
    .also(&["group", "sg"]),
    key(
        "zone",
        Group::Launch,
        Kind::Word(|s| &mut s.zone),
        "the availability zone",
    )
    .also(&["availability_zone", "az"]),
    key(
        "iam_profile",
        Group::Launch,
        Kind::Word(|s| &mut s.iam_profile),
        "the IAM instance profile: its name or ARN",
    )
    .also(&["role", "iam_role", "iam_instance_profile"]),
    key(
        "placement_group",
        Group::Launch,
        Kind::Line(|s| &mut s.placement_group),
        "the placement group",
    ),
    key(
        "spot",
        Group::Launch,
        Kind::Spot,
        "whether to launch a spot instance: true or false",
    ),
    key(
        "disk",
        Group::Launch,
        Kind::Disk,
        "the size of the root disk in GiB",
    )
    .also(&["volume", "volume_size", "storage"]),
    key(
        "user_data",
        Group::Launch,
        Kind::Path(|s| &mut s.user_data),
        "the file that cloud-init gets as user data",
    ),
    key(
        "tag.NAME",
        Group::Launch,
        Kind::Tag,
        "a tag: tag.owner=devops",
    )
    .also(&["tag", "tags"]),
];

/// The key with this name; for a tag also the NAME of `tag.NAME`.
pub(super) fn find(name: &str) -> Result<(&'static Key, Option<&str>)> {
    let found = KEYS.iter().find(|key| match key.kind {
        Kind::Tag => name.starts_with("tag."),
        _ => key.name == name,
    });
    if let Some(key) = found {
        return Ok((
            key,
            name.strip_prefix("tag.")
                .filter(|_| matches!(key.kind, Kind::Tag)),
        ));
    }
    let error = Error::usage(format!("unknown key `{}`", shown(name)));
    Err(match nearest_key(name) {
        Some(key) => error.hint(format!("did you mean `{key}`?")),
        None => error.hint(format!(
            "keys are {}",
            KEYS.iter()
                .map(|key| key.name)
                .collect::<Vec<_>>()
                .join(", ")
        )),
    })
}

fn nearest_key(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let known = KEYS.iter().find(|key| key.also.contains(&lower.as_str()));
    known
        .map(|key| key.name)
        .or_else(|| nearest(name, KEYS.iter().map(|key| key.name)))
}
