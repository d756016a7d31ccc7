//! Security groups: which VPC, which ids, and the group of each cluster.

use super::convert::{filter, tag_list};
use super::trouble::{Trouble, trouble};
use super::{Api, Call, address, rules};
use crate::cloud::launch::own_group;
use crate::cloud::rules::only;
use crate::cloud::{CLUSTER_TAG, Fault, News, Rule};
use crate::model::nearest::nearest;
use aws_sdk_ec2::types;
use std::collections::{BTreeMap, BTreeSet};

/// A filter takes at most so many values (Amazon EC2 API reference, DescribeInstances).
const FILTER_MAX: usize = 200;
/// What a page of a description holds at most.
const PAGE: i32 = 1000;

/// The VPC of a subnet, or the region's default VPC.
pub(super) async fn vpc(api: &Api, subnet: Option<&str>) -> Result<String, Trouble> {
    if let Some(subnet) = subnet {
        let answer = api.ec2.describe_subnets().subnet_ids(subnet).send().await;
        let answer = answer.map_err(|error| trouble("DescribeSubnets", error))?;
        let vpc = answer.subnets().first().and_then(|subnet| subnet.vpc_id());
        let none = || Fault::new(format!("there is no subnet {subnet} in {}", api.region)).into();
        return vpc.map(str::to_owned).ok_or_else(none);
    }
    let request = api.ec2.describe_vpcs();
    let answer = request.filters(filter("is-default", ["true"])).send().await;
    let answer = answer.map_err(|error| trouble("DescribeVpcs", error))?;
    let vpc = answer.vpcs().first().and_then(|vpc| vpc.vpc_id());
    let none = || {
        let text = format!("{} has no default network", api.region);
        Fault::new(text).hint("set `subnet=subnet-…`").into()
    };
    vpc.map(str::to_owned).ok_or_else(none)
}

/// Groups that pass these filters.
pub(super) async fn find(
    api: &Api,
    filters: Vec<types::Filter>,
) -> Result<Vec<types::SecurityGroup>, Trouble> {
    let request = api.ec2.describe_security_groups().max_results(PAGE);
    let mut pages = request.set_filters(Some(filters)).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("DescribeSecurityGroups", error))?;
        found.extend(page.security_groups.unwrap_or_default());
    }
    Ok(found)
}

/// Groups by their ids.
pub(super) async fn by_id(
    api: &Api,
    ids: &BTreeSet<String>,
) -> Result<Vec<types::SecurityGroup>, Trouble> {
    let ids: Vec<String> = ids.iter().cloned().collect();
    let mut found = Vec::new();
    for some in ids.chunks(FILTER_MAX) {
        found.extend(find(api, vec![filter("group-id", some.iter().cloned())]).await?);
    }
    Ok(found)
}

/// The groups that are dust's own for a cluster.
pub(super) async fn own(api: &Api, cluster: &str) -> Result<Vec<types::SecurityGroup>, Trouble> {
    let name = format!("tag:{CLUSTER_TAG}");
    find(api, vec![filter(&name, [cluster])]).await
}

/// The ids of groups that are written by id or by name, in a VPC.
pub(super) async fn ids(api: &Api, vpc: &str, written: &[String]) -> Result<Vec<String>, Trouble> {
    let groups = find(api, vec![filter("vpc-id", [vpc])]).await?;
    let known: BTreeMap<&str, &str> = groups
        .iter()
        .filter_map(|group| Some((group.group_name()?, group.group_id()?)))
        .collect();
    let id = |name: &String| {
        if is_id(name) {
            return Ok(name.clone());
        }
        known.get(name.as_str()).map_or_else(
            || {
                let fault = Fault::new(format!("there is no security group {name} in {vpc}"));
                Err(match nearest(name, known.keys().copied()) {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => {
                        let names: Vec<&str> = known.keys().copied().collect();
                        fault.hint(format!("there are {}", names.join(", ")))
                    },
                }
                .into())
            },
            |id| Ok((*id).to_owned()),
        )
    };
    written.iter().map(id).collect()
}

/// True for `sg-…`.
pub(super) fn is_id(written: &str) -> bool {
    written.starts_with("sg-")
}

/// The id of a cluster's own group in a VPC. It is made if need be: everything between its members,
/// and ssh from this machine.
pub(super) async fn ensure(
    call: &Call,
    cluster: &str,
    vpc: &str,
    ports: &BTreeSet<u16>,
) -> Result<String, Trouble> {
    let api = &call.api;
    let name = own_group(cluster);
    let look = || {
        let filters = vec![
            filter("vpc-id", [vpc]),
            filter("group-name", [name.as_str()]),
        ];
        find(api, filters)
    };
    let mut found = look().await?;
    let mut new = false;
    if found.is_empty() {
        let tags = BTreeMap::from([(CLUSTER_TAG.to_owned(), cluster.to_owned())]);
        let tags = types::TagSpecification::builder()
            .resource_type(types::ResourceType::SecurityGroup)
            .set_tags(Some(tag_list(&tags)));
        let request = api
            .ec2
            .create_security_group()
            .group_name(&name)
            .vpc_id(vpc);
        let answer = request
            .description(format!("The nodes of {cluster}; made by dust"))
            .tag_specifications(tags.build())
            .send()
            .await
            .map_err(|error| trouble("CreateSecurityGroup", error));
        match answer {
            Ok(answer) => {
                let id = answer.group_id().unwrap_or_default();
                found = vec![types::SecurityGroup::builder().group_id(id).build()];
                new = true;
            },
            // Another start made it meanwhile, or an answer was lost.
            Err(trouble) if trouble.code() == Some("InvalidGroup.Duplicate") => {
                found = look().await?;
            },
            Err(trouble) => return Err(trouble),
        }
    }
    let group = found.first();
    let missing = || Fault::new(format!("EC2 does not list the security group {name}"));
    let group = group.ok_or_else(|| missing().hint("run it again"))?;
    let id = group.group_id().unwrap_or_default().to_owned();
    let me = address::mine(api).await;
    let rules: Vec<Rule> = rules::of_group(group)
        .into_iter()
        .map(|(rule, _)| rule)
        .collect();
    // Without any rule it was left half made.
    if rules.is_empty() {
        let between = Rule {
            protocol: "all".to_owned(),
            ports: None,
            source: id.clone(),
            note: "between the nodes of the cluster".to_owned(),
        };
        let ssh = |port: &u16| {
            me.map(|me| Rule {
                protocol: "tcp".to_owned(),
                ports: Some((*port, *port)),
                source: only(me),
                note: "ssh from where dust ran".to_owned(),
            })
        };
        let rules: Vec<Rule> = std::iter::once(between)
            .chain(ports.iter().filter_map(ssh))
            .collect();
        rules::authorize(api, &id, &rules).await?;
        if new && let Some(me) = me {
            call.step(format!(
                "made the security group {name}: ssh from {me}, everything between its nodes"
            ));
        }
    }
    tell_closed(call, cluster, &name, &rules, me, ports);
    Ok(id)
}

/// Says what must be opened so that dust gets in.
fn tell_closed(
    call: &Call,
    cluster: &str,
    name: &str,
    rules: &[Rule],
    me: Option<std::net::IpAddr>,
    ports: &BTreeSet<u16>,
) {
    let Some(me) = me else {
        // Other groups are no people.
        let is_open = |port: &&u16| {
            let mut rules = rules.iter().filter(|rule| !rule.source.starts_with("sg-"));
            rules.any(|rule| rule.is_for(**port))
        };
        let closed: Vec<u16> = ports
            .iter()
            .filter(|port| !is_open(port))
            .copied()
            .collect();
        if !closed.is_empty() {
            let (cluster, name) = (cluster.to_owned(), name.to_owned());
            call.tell(News::Closed(cluster, name, closed));
        }
        return;
    };
    for port in ports {
        if !rules.is_empty() && !rules.iter().any(|rule| rule.lets_in(me, *port)) {
            call.step(format!(
                "the security group {name} does not let ssh in from {me}: `ec2sec add TARGET tcp \
                 {port} {}`",
                only(me)
            ));
        }
    }
}
