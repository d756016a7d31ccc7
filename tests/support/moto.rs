//! An EC2 API for one test: moto, a server that keeps instances, key pairs and security groups in
//! memory. It has a VPC of loopback addresses, so that a real sshd answers at the address that the
//! API reports for an instance.
//!
//! What moto does as EC2 does (`topics::testbed` checks it): launches of many with launch indexes,
//! tags at launch, ed25519 key pairs with their public halves, security groups and their rules, paging
//! (by reservations), refusal of images, types, key pairs and instances that do not exist,
//! termination protection, DryRun.
//!
//! What it does not, and `faults` plays in front of it: ClientToken (a second call launches again),
//! states that take time (an instance runs, has stopped, is terminated at once), state reasons of
//! launches that fail, console output of an instance's own, eventual consistency, throttling and
//! refused credentials. What neither does: it takes tags for ids that do not exist, ignores
//! placement groups, launches MinCount instances whatever MaxCount says, and never refuses
//! `StopInstances` of spot instances.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::deps;
use super::http::{self, Answer, Request};
use super::xml::Xml;

/// The version that scripts/setup.sh installs.
pub(crate) const VERSION: &str = "5.2";

/// The region of tests that have no reason for another.
pub(crate) const REGION: &str = "eu-west-1";

/// Returns from the test, with a message, where moto is missing.
macro_rules! need_moto {
    () => {
        if $crate::support::moto::python().is_none() {
            return;
        }
    };
}
pub(crate) use need_moto;

/// The Python that has moto. With CI=true it is a failure if there is none.
pub(crate) fn python() -> Option<PathBuf> {
    let python = home().join("bin/python");
    if python.exists() {
        return Some(python);
    }
    deps::skip(&format!(
        "moto is not installed in {} (scripts/setup.sh test installs it)",
        home().display()
    ));
    None
}

fn home() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .unwrap_or_else(|| {
            PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache")
        });
    cache.join(format!("dust-tests/moto-{VERSION}"))
}

/// A moto server. It ends when dropped.
pub(crate) struct Moto {
    child: Child,
    api: Api,
    subnet: String,
}

impl Moto {
    /// Starts one, with a VPC 127.1.0.0/16.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(python().expect("the test asked with need_moto!"))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/moto_server.py"
            ))
            // At its end moto ends; so a test that was killed leaves nothing behind.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        out.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("moto prints its port");
        let api = Api::at(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let subnet = loopback_subnet(&api);
        Self { child, api, subnet }
    }

    /// The API in the usual region.
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// The subnet whose instances have addresses of 127.1.0.0/16, and no public ones.
    pub(crate) fn subnet(&self) -> &str {
        &self.subnet
    }
}

impl std::ops::Deref for Moto {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Makes a VPC 127.1.0.0/16 with one subnet.
pub(crate) fn loopback_subnet(api: &Api) -> String {
    let vpc = api.ask("CreateVpc", &[("CidrBlock", "127.1.0.0/16")]);
    let subnet = api.ask(
        "CreateSubnet",
        &[
            ("VpcId", vpc.at("vpc/vpcId")),
            ("CidrBlock", "127.1.0.0/16"),
            ("AvailabilityZone", &format!("{}a", api.region)),
        ],
    );
    subnet.at("subnet/subnetId").to_owned()
}

/// What the API refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The EC2 query API of one region, as tests ask it by themselves.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    address: SocketAddr,
    region: String,
}

impl Api {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            region: REGION.to_owned(),
        }
    }

    /// The same server's API of another region.
    pub(crate) fn region(&self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks, and fails the test where the API refuses.
    #[track_caller]
    pub(crate) fn ask(&self, action: &str, params: &[(&str, &str)]) -> Xml {
        self.call(action, params)
            .unwrap_or_else(|refusal| panic!("{action}: {refusal:?}"))
    }

    /// Asks.
    #[track_caller]
    pub(crate) fn call(&self, action: &str, params: &[(&str, &str)]) -> Result<Xml, Refusal> {
        let answer = self.request(action, params).send(self.address).unwrap();
        read(&answer)
    }

    /// A question as an SDK would send it; nobody checks signatures here.
    pub(crate) fn request(&self, action: &str, params: &[(&str, &str)]) -> Request {
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        let all: Vec<_> = [("Action", action), ("Version", "2016-11-15")]
            .iter()
            .chain(params)
            .map(own)
            .collect();
        Request {
            line: "POST / HTTP/1.1".into(),
            headers: vec![
                (
                    "Content-Type".into(),
                    "application/x-www-form-urlencoded".into(),
                ),
                (
                    "Authorization".into(),
                    format!(
                        "AWS4-HMAC-SHA256 Credential=test/20260101/{}/ec2/aws4_request, \
                         SignedHeaders=host, Signature=0",
                        self.region
                    ),
                ),
            ],
            body: http::form(&all).into_bytes(),
        }
    }

    /// All instances, terminated ones too, in the order of their launch.
    #[track_caller]
    pub(crate) fn instances(&self) -> Vec<Instance> {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let page = match token.as_str() {
                "" => self.ask("DescribeInstances", &[]),
                token => self.ask("DescribeInstances", &[("NextToken", token)]),
            };
            found.extend(instances_in(&page));
            page.at("nextToken").clone_into(&mut token);
            if token.is_empty() {
                return found;
            }
        }
    }

    /// The instances that are not terminated and have this name.
    #[track_caller]
    pub(crate) fn named(&self, name: &str) -> Vec<Instance> {
        let mut all = self.instances();
        all.retain(|i| i.exists() && i.tag("Name") == name);
        all
    }

    /// The one instance of this name.
    #[track_caller]
    pub(crate) fn the(&self, name: &str) -> Instance {
        let mut found = self.named(name);
        assert!(
            found.len() == 1,
            "one instance {name}: {found:?} of {:?}",
            self.instances()
        );
        found.remove(0)
    }

    /// Name and state of every instance that is not terminated, sorted.
    #[track_caller]
    pub(crate) fn states(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self
            .instances()
            .iter()
            .filter(|i| i.exists())
            .map(|i| (i.tag("Name").to_owned(), i.state.clone()))
            .collect();
        all.sort();
        all
    }

    /// Launches as another tool would; the ids.
    #[track_caller]
    pub(crate) fn launch(
        &self,
        count: usize,
        tags: &[(&str, &str)],
        more: &[(&str, &str)],
    ) -> Vec<String> {
        let count = count.to_string();
        let mut params = vec![
            ("MinCount", count.as_str()),
            ("MaxCount", count.as_str()),
            ("ImageId", "ami-3eb46b49"),
            ("InstanceType", "t2.small"),
        ];
        params.retain(|(k, _)| !more.iter().any(|(m, _)| m == k));
        params.extend(more);
        let spec = "TagSpecification.1";
        let keys: Vec<_> = (1..=tags.len())
            .map(|i| {
                (
                    format!("{spec}.Tag.{i}.Key"),
                    format!("{spec}.Tag.{i}.Value"),
                )
            })
            .collect();
        let resource = format!("{spec}.ResourceType");
        if !tags.is_empty() {
            params.push((&resource, "instance"));
        }
        for ((key, value), (k, v)) in keys.iter().zip(tags) {
            params.extend([(key.as_str(), *k), (value.as_str(), *v)]);
        }
        let done = self.ask("RunInstances", &params);
        done.items("instancesSet")
            .iter()
            .map(|item| item.at("instanceId").to_owned())
            .collect()
    }

    /// Stops, starts or terminates by hand.
    #[track_caller]
    pub(crate) fn act(&self, action: &str, ids: &[&str]) {
        let names: Vec<_> = (1..=ids.len()).map(|i| format!("InstanceId.{i}")).collect();
        let params = names.iter().map(String::as_str).zip(ids.iter().copied());
        self.ask(action, &params.collect::<Vec<_>>());
    }

    /// Sets a tag.
    #[track_caller]
    pub(crate) fn tag(&self, id: &str, key: &str, value: &str) {
        self.ask(
            "CreateTags",
            &[
                ("ResourceId.1", id),
                ("Tag.1.Key", key),
                ("Tag.1.Value", value),
            ],
        );
    }

    /// Makes termination fail, or not.
    #[track_caller]
    pub(crate) fn protect(&self, id: &str, on: bool) {
        let on = on.to_string();
        self.ask(
            "ModifyInstanceAttribute",
            &[("InstanceId", id), ("DisableApiTermination.Value", &on)],
        );
    }

    /// Imports a public key.
    #[track_caller]
    pub(crate) fn import_key(&self, name: &str, public: &str) {
        let material = http::base64(public.trim().as_bytes());
        self.ask(
            "ImportKeyPair",
            &[("KeyName", name), ("PublicKeyMaterial", &material)],
        );
    }

    /// The key pairs: name, kind, public key.
    #[track_caller]
    pub(crate) fn keys(&self) -> Vec<(String, String, String)> {
        let found = self.ask("DescribeKeyPairs", &[("IncludePublicKey", "true")]);
        let key = |item: &Xml| {
            let at = |name| item.at(name).to_owned();
            (at("keyName"), at("keyType"), at("publicKey"))
        };
        found.items("keySet").iter().map(key).collect()
    }

    /// A security group that is not a VPC's default one: id, name, VPC, and what it lets in as
    /// `tcp 80-80 0.0.0.0/0`.
    #[track_caller]
    pub(crate) fn groups(&self) -> Vec<Group> {
        let found = self.ask("DescribeSecurityGroups", &[]);
        let all = found.items("securityGroupInfo").iter();
        all.filter(|item| item.at("groupName") != "default")
            .map(Group::read)
            .collect()
    }
}

/// What an answer says.
pub(crate) fn read(answer: &Answer) -> Result<Xml, Refusal> {
    let text = String::from_utf8_lossy(&answer.body);
    let xml = Xml::parse(&text).unwrap_or_default();
    if (200..300).contains(&answer.status) {
        return Ok(xml);
    }
    let find = |name| xml.find(name).map_or("", |e| &e.text).to_owned();
    Err(Refusal {
        status: answer.status,
        code: find("Code"),
        message: if xml.name.is_empty() {
            text.into_owned()
        } else {
            find("Message")
        },
    })
}

/// A security group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vpc: String,
    /// Who may connect, sorted: `tcp 22-22 203.0.113.5/32`, `-1 - sg-…`.
    pub(crate) rules: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Group {
    fn read(item: &Xml) -> Self {
        let mut rules = Vec::new();
        for rule in item.items("ipPermissions") {
            let ports = format!("{}-{}", rule.at("fromPort"), rule.at("toPort"));
            let from = [
                ("ipRanges", "cidrIp"),
                ("ipv6Ranges", "cidrIpv6"),
                ("groups", "groupId"),
            ];
            for (list, name) in from {
                for source in rule.items(list) {
                    rules.push(format!(
                        "{} {ports} {}",
                        rule.at("ipProtocol"),
                        source.at(name)
                    ));
                }
            }
        }
        rules.sort();
        Self {
            id: item.at("groupId").to_owned(),
            name: item.at("groupName").to_owned(),
            vpc: item.at("vpcId").to_owned(),
            rules,
            tags: tags(item),
        }
    }
}

/// An instance.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) private_ip: String,
    pub(crate) launch_index: usize,
    pub(crate) tags: BTreeMap<String, String>,
    /// The names of its security groups by id.
    pub(crate) groups: BTreeMap<String, String>,
    /// All that the API says.
    pub(crate) all: Xml,
}

impl Instance {
    fn read(item: &Xml) -> Self {
        let interface = item.items("networkInterfaceSet").first();
        let groups = interface.map_or(&[][..], |i| i.items("groupSet"));
        let pair = |group: &Xml| {
            let at = |name| group.at(name).to_owned();
            (at("groupId"), at("groupName"))
        };
        Self {
            id: item.at("instanceId").to_owned(),
            state: item.at("instanceState/name").to_owned(),
            private_ip: item.at("privateIpAddress").to_owned(),
            launch_index: item.at("amiLaunchIndex").parse().unwrap_or(0),
            tags: tags(item),
            groups: groups.iter().map(pair).collect(),
            all: item.clone(),
        }
    }

    /// A tag, or nothing.
    pub(crate) fn tag(&self, key: &str) -> &str {
        self.tags.get(key).map_or("", |value| value)
    }

    pub(crate) fn exists(&self) -> bool {
        self.state != "terminated"
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.id, self.state, self.tags)
    }
}

/// The instances in an answer of DescribeInstances.
pub(crate) fn instances_in(answer: &Xml) -> Vec<Instance> {
    let reservations = answer.items("reservationSet").iter();
    reservations
        .flat_map(|reservation| reservation.items("instancesSet"))
        .map(Instance::read)
        .collect()
}

fn tags(item: &Xml) -> BTreeMap<String, String> {
    let pair = |tag: &Xml| (tag.at("key").to_owned(), tag.at("value").to_owned());
    item.items("tagSet").iter().map(pair).collect()
}
