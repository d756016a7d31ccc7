//! RunInstances: what it needs, and how it is repeated without launching anything twice.

use super::convert::{instance, tag_list};
use super::start::fold;
use super::trouble::{Trouble, trouble};
use super::{Api, Call, Pause, each, groups, keys};
use crate::cloud::launch::{Key, Launch};
use crate::cloud::{Fault, Instance, Wanted};
use aws_sdk_ec2::config::Config;
use aws_sdk_ec2::types;
use aws_smithy_types::base64;
use aws_smithy_types::retry::RetryConfig;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// The most user data, in bytes (Amazon EC2 user guide, "User data considerations").
const USER_DATA_MAX: u64 = 16 * 1024;
/// How often a launch is tried that may or may not have been done.
const TRIES: u32 = 6;
/// How many tokens are tried that turn out to be used up.
const TOKENS: u32 = 8;

/// What a call of RunInstances made.
#[derive(Debug)]
pub(super) struct Launched {
    /// Node and instance.
    pub(super) nodes: Vec<(String, Instance)>,
    /// The tokens that the call was made with.
    pub(super) tokens: Vec<String>,
}

/// What a launch needs that its options do not say.
#[derive(Clone, Debug)]
struct Ready {
    key: Option<String>,
    groups: Vec<String>,
    /// The name of the image's root device, where its size is asked for.
    root: Option<String>,
    user_data: Vec<u8>,
}

/// Launches; what fails is told, by node.
pub(super) async fn all(
    call: &Call,
    cluster: &str,
    nodes: &[Wanted],
    launches: Vec<Launch>,
) -> Vec<Launched> {
    let mut ready = Vec::new();
    let mut known = Known::new(cluster, nodes);
    for launch in launches {
        match known.prepare(call, &launch).await {
            Ok(more) => ready.push((launch, more)),
            Err(fault) => fail(call, &launch, &fault),
        }
    }
    let cluster: Rc<str> = cluster.into();
    let results = each(ready, |(launch, ready)| {
        let (api, cluster) = (Rc::clone(&call.api), Rc::clone(&cluster));
        async move {
            let result = run(&api, &cluster, &launch, &ready).await;
            (launch, result)
        }
    })
    .await;
    let mut done = Vec::new();
    for (launch, result) in results {
        match result {
            Ok(launched) => {
                let names: Vec<&str> = launch.names.iter().map(String::as_str).collect();
                call.step(format!("launched {}", fold(&names)));
                done.push(launched);
            },
            Err(trouble) => fail(call, &launch, &trouble.fault),
        }
    }
    done
}

fn fail(call: &Call, launch: &Launch, fault: &Fault) {
    call.all_failed(launch.names.iter().map(String::as_str), fault.clone());
}

/// What launches share, looked up once.
struct Known<'a> {
    cluster: &'a str,
    /// The ports of the nodes' sshds.
    ports: BTreeSet<u16>,
    key: Option<Result<String, Fault>>,
    vpcs: HashMap<Option<String>, Result<String, Fault>>,
    /// By VPC, and as they are written.
    groups: HashMap<(String, Vec<String>), Result<Vec<String>, Fault>>,
    own_groups: HashMap<String, Result<String, Fault>>,
    roots: HashMap<String, Result<String, Fault>>,
}

impl<'a> Known<'a> {
    fn new(cluster: &'a str, nodes: &[Wanted]) -> Self {
        Self {
            cluster,
            ports: nodes
                .iter()
                .map(|node| node.settings.port.unwrap_or(22))
                .collect(),
            key: None,
            vpcs: HashMap::new(),
            groups: HashMap::new(),
            own_groups: HashMap::new(),
            roots: HashMap::new(),
        }
    }

    async fn prepare(&mut self, call: &Call, launch: &Launch) -> Result<Ready, Fault> {
        let options = &launch.options;
        let user_data = match &options.user_data {
            Some(file) => read_user_data(file)?,
            None => Vec::new(),
        };
        let groups = match &options.security_group {
            Some(written) if written.iter().all(|group| groups::is_id(group)) => written.clone(),
            Some(written) => {
                let vpc = self.vpc(call, options.subnet.as_deref()).await?;
                self.groups(call, vpc, written).await?
            },
            None => {
                let vpc = self.vpc(call, options.subnet.as_deref()).await?;
                vec![self.own_group(call, vpc).await?]
            },
        };
        let root = match options.disk {
            None => None,
            Some(_) => match self.roots.get(&options.image) {
                Some(known) => Some(known.clone()?),
                None => {
                    let root = root_device(&call.api, &options.image).await;
                    self.roots.insert(options.image.clone(), root.clone());
                    Some(root?)
                },
            },
        };
        let key = match &options.key {
            Key::None => None,
            Key::Named(name) => Some(name.clone()),
            Key::Own => match &self.key {
                Some(known) => Some(known.clone()?),
                None => {
                    let name = keys::ensure(call).await.map_err(|trouble| trouble.fault);
                    self.key = Some(name.clone());
                    Some(name?)
                },
            },
        };
        if let Some(key) = &key {
            call.tell_key(key);
        }
        Ok(Ready {
            key,
            groups,
            root,
            user_data,
        })
    }
}

impl Known<'_> {
    async fn vpc(&mut self, call: &Call, subnet: Option<&str>) -> Result<String, Fault> {
        let subnet = subnet.map(str::to_owned);
        if let Some(known) = self.vpcs.get(&subnet) {
            return known.clone();
        }
        let vpc = groups::vpc(&call.api, subnet.as_deref()).await;
        let vpc = vpc.map_err(|trouble| trouble.fault);
        self.vpcs.insert(subnet, vpc.clone());
        vpc
    }

    async fn groups(
        &mut self,
        call: &Call,
        vpc: String,
        written: &[String],
    ) -> Result<Vec<String>, Fault> {
        let what = (vpc, written.to_vec());
        if let Some(known) = self.groups.get(&what) {
            return known.clone();
        }
        let ids = groups::ids(&call.api, &what.0, written).await;
        let ids = ids.map_err(|trouble| trouble.fault);
        self.groups.insert(what, ids.clone());
        ids
    }

    async fn own_group(&mut self, call: &Call, vpc: String) -> Result<String, Fault> {
        if let Some(known) = self.own_groups.get(&vpc) {
            return known.clone();
        }
        let id = groups::ensure(call, self.cluster, &vpc, &self.ports).await;
        let id = id.map_err(|trouble| trouble.fault);
        self.own_groups.insert(vpc, id.clone());
        id
    }
}

fn read_user_data(file: &Path) -> Result<Vec<u8>, Fault> {
    let told = file.display();
    let cannot = |why: &dyn std::fmt::Display| Fault::new(format!("user_data={told}: {why}"));
    let length = std::fs::metadata(file)
        .map_err(|error| cannot(&error))?
        .len();
    if length > USER_DATA_MAX {
        let text = format!("it has {length} bytes, and EC2 takes {USER_DATA_MAX}");
        return Err(cannot(&text).hint("let it fetch the rest"));
    }
    std::fs::read(file).map_err(|error| cannot(&error))
}

/// The name of an image's root device.
async fn root_device(api: &Api, image: &str) -> Result<String, Fault> {
    let unknown = || Fault::new(format!("which disk of {image} is its root is not known"));
    if !image.starts_with("ami-") {
        return Err(unknown().hint("`disk=` needs an image by its id: `image=ami-…`"));
    }
    let answer = api.ec2.describe_images().image_ids(image).send().await;
    let answer = answer.map_err(|error| trouble("DescribeImages", error).fault)?;
    let root = answer
        .images()
        .first()
        .and_then(|image| image.root_device_name());
    root.map(str::to_owned).ok_or_else(unknown)
}

/// Calls RunInstances until it is known what became of it. The SDK's own retries are off: after an
/// answer that did not come, one looks before one asks again.
async fn run(
    api: &Api,
    cluster: &str,
    launch: &Launch,
    ready: &Ready,
) -> Result<Launched, Trouble> {
    let (mut again, mut tries) = (0, 0);
    let mut pause = Pause::new(Duration::from_secs(1), Duration::from_secs(16));
    let mut tokens = Vec::new();
    loop {
        let token = launch.token(cluster, &ready.user_data, again);
        if !tokens.contains(&token) {
            tokens.push(token.clone());
        }
        let trouble = match send(api, cluster, launch, ready, &token).await {
            Ok(instances) if instances.iter().all(Instance::is_live) => {
                return Ok(Launched {
                    nodes: by_node(launch, instances),
                    tokens,
                });
            },
            // The launch that this token once stood for is over.
            Ok(_) if again < TOKENS => {
                again += 1;
                continue;
            },
            Ok(_) => {
                let text = "EC2 answers with instances that are terminated already";
                return Err(Fault::new(text).hint("run it again in an hour").into());
            },
            // Somebody launched the same with another key pair or by another group's id; or an older
            // dust something else.
            Err(trouble)
                if trouble.code() == Some("IdempotentParameterMismatch") && again < TOKENS =>
            {
                if let Some(nodes) = made_by(api, launch, &token).await {
                    return Ok(Launched { nodes, tokens });
                }
                again += 1;
                continue;
            },
            Err(trouble) => trouble,
        };
        tries += 1;
        if !trouble.is_passing() || tries >= TRIES {
            return Err(trouble);
        }
        pause.wait().await;
        if trouble.is_unsure()
            && let Some(nodes) = made_by(api, launch, &token).await
        {
            return Ok(Launched { nodes, tokens });
        }
    }
}

/// What a call with this token has launched: all of it, or `None`.
async fn made_by(api: &Api, launch: &Launch, token: &str) -> Option<Vec<(String, Instance)>> {
    let instances = api.instances().await.ok()?;
    let is_of_it = |one: &Instance| {
        let by = one.attrs.get("client_token").map(String::as_str);
        one.is_live() && by == Some(token)
    };
    let nodes = by_node(launch, instances.into_iter().filter(is_of_it).collect());
    (nodes.len() >= launch.names.len()).then_some(nodes)
}

/// Which instance of a launch is which node.
fn by_node(launch: &Launch, instances: Vec<Instance>) -> Vec<(String, Instance)> {
    let named = |one: Instance| Some((launch.names.get(one.launch_index)?.clone(), one));
    instances.into_iter().filter_map(named).collect()
}

async fn send(
    api: &Api,
    cluster: &str,
    launch: &Launch,
    ready: &Ready,
    token: &str,
) -> Result<Vec<Instance>, Trouble> {
    let options = &launch.options;
    let count = i32::try_from(launch.names.len()).unwrap_or(i32::MAX);
    let instance_type: types::InstanceType = options.instance_type.as_str().into();
    let placement = (options.zone.is_some() || options.placement_group.is_some()).then(|| {
        types::Placement::builder()
            .set_availability_zone(options.zone.clone())
            .set_group_name(options.placement_group.clone())
            .build()
    });
    let profile = options.iam_profile.as_ref().map(|profile| {
        let builder = types::IamInstanceProfileSpecification::builder();
        if profile.starts_with("arn:") {
            builder.arn(profile).build()
        } else {
            builder.name(profile).build()
        }
    });
    let market = options.spot.then(|| {
        types::InstanceMarketOptionsRequest::builder()
            .market_type(types::MarketType::Spot)
            .build()
    });
    let disk = options.disk.zip(ready.root.as_deref()).map(|(gib, root)| {
        let volume = types::EbsBlockDevice::builder()
            .volume_size(i32::try_from(gib).unwrap_or(i32::MAX))
            .volume_type(types::VolumeType::Gp3)
            .delete_on_termination(true)
            .build();
        let mapping = types::BlockDeviceMapping::builder();
        vec![mapping.device_name(root).ebs(volume).build()]
    });
    let user_data = (!ready.user_data.is_empty()).then(|| base64::encode(&ready.user_data));
    let tags = launch.tags(cluster);
    let mut of_volumes: BTreeMap<String, String> = tags.clone();
    of_volumes.remove(crate::cloud::NODES_TAG);
    let kinds = [
        (types::ResourceType::Instance, tags),
        (types::ResourceType::Volume, of_volumes),
    ];
    let specifications = kinds.map(|(kind, tags)| {
        types::TagSpecification::builder()
            .resource_type(kind)
            .set_tags(Some(tag_list(&tags)))
            .build()
    });
    let answer = api
        .ec2
        .run_instances()
        .client_token(token)
        .min_count(count)
        .max_count(count)
        .image_id(&options.image)
        .instance_type(instance_type)
        .set_subnet_id(options.subnet.clone())
        .set_security_group_ids(Some(ready.groups.clone()))
        .set_key_name(ready.key.clone())
        .set_placement(placement)
        .set_iam_instance_profile(profile)
        .set_instance_market_options(market)
        .set_block_device_mappings(disk)
        .set_user_data(user_data)
        .set_tag_specifications(Some(specifications.to_vec()))
        .customize()
        .config_override(Config::builder().retry_config(RetryConfig::disabled()))
        .send()
        .await;
    let answer = answer.map_err(|error| trouble("RunInstances", error))?;
    let instances = answer.instances().iter();
    Ok(instances
        .filter_map(|one| instance(one, &api.region))
        .collect())
}
