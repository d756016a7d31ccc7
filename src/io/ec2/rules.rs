//! `ec2sec`: showing, adding and removing rules.

use super::change::reread;
use super::convert::security_group;
use super::trouble::{Trouble, trouble};
use super::{Api, Call, groups};
use crate::cloud::launch::own_group;
use crate::cloud::{Claim, Fault, Instance, News, Rule};
use aws_sdk_ec2::types;
use std::collections::{BTreeMap, BTreeSet};

/// The rules of a group, each with the permission that it is, of one source.
pub(super) fn of_group(group: &types::SecurityGroup) -> Vec<(Rule, types::IpPermission)> {
    group
        .ip_permissions()
        .iter()
        .flat_map(of_permission)
        .collect()
}

fn of_permission(all: &types::IpPermission) -> Vec<(Rule, types::IpPermission)> {
    let protocol = match all.ip_protocol() {
        None | Some("-1") => "all",
        Some(other) => other,
    };
    let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
    let has_ports = matches!(protocol, "tcp" | "udp");
    let ports = port(all.from_port()).zip(port(all.to_port()));
    let ports = ports.filter(|ports| has_ports && *ports != (0, u16::MAX));
    let rule = |source: Option<&str>, note: Option<&str>| Rule {
        protocol: protocol.to_owned(),
        ports,
        source: source.unwrap_or_default().to_owned(),
        note: note.unwrap_or_default().to_owned(),
    };
    let one = || {
        types::IpPermission::builder()
            .set_ip_protocol(all.ip_protocol().map(str::to_owned))
            .set_from_port(all.from_port())
            .set_to_port(all.to_port())
    };
    let mut found = Vec::new();
    for range in all.ip_ranges() {
        let permission = one().ip_ranges(range.clone()).build();
        found.push((rule(range.cidr_ip(), range.description()), permission));
    }
    for range in all.ipv6_ranges() {
        let permission = one().ipv6_ranges(range.clone()).build();
        found.push((rule(range.cidr_ipv6(), range.description()), permission));
    }
    for list in all.prefix_list_ids() {
        let permission = one().prefix_list_ids(list.clone()).build();
        found.push((rule(list.prefix_list_id(), list.description()), permission));
    }
    for pair in all.user_id_group_pairs() {
        let permission = one().user_id_group_pairs(pair.clone()).build();
        let source = pair.group_id().or_else(|| pair.group_name());
        found.push((rule(source, pair.description()), permission));
    }
    found
}

/// A rule as EC2 takes it.
fn permission(rule: &Rule) -> types::IpPermission {
    let (protocol, all_ports) = match rule.protocol.as_str() {
        "all" => ("-1", None),
        // All types of messages.
        "icmp" | "icmpv6" => (rule.protocol.as_str(), Some((-1, -1))),
        "tcp" | "udp" => (rule.protocol.as_str(), Some((0, i32::from(u16::MAX)))),
        other => (other, None),
    };
    let ports = rule
        .ports
        .map(|(first, last)| (i32::from(first), i32::from(last)));
    let ports = ports.or(all_ports);
    let builder = types::IpPermission::builder()
        .ip_protocol(protocol)
        .set_from_port(ports.map(|(first, _)| first))
        .set_to_port(ports.map(|(_, last)| last));
    let note = Some(rule.note.clone()).filter(|note| !note.is_empty());
    let source = &rule.source;
    let builder = if source.starts_with("sg-") {
        let pair = types::UserIdGroupPair::builder().group_id(source);
        builder.user_id_group_pairs(pair.set_description(note).build())
    } else if source.starts_with("pl-") {
        let list = types::PrefixListId::builder().prefix_list_id(source);
        builder.prefix_list_ids(list.set_description(note).build())
    } else if source.contains(':') {
        let range = types::Ipv6Range::builder().cidr_ipv6(source);
        builder.ipv6_ranges(range.set_description(note).build())
    } else {
        let range = types::IpRange::builder().cidr_ip(source);
        builder.ip_ranges(range.set_description(note).build())
    };
    builder.build()
}

/// Adds rules to a group. Those that are there already are no error: false then.
pub(super) async fn authorize(api: &Api, group: &str, rules: &[Rule]) -> Result<bool, Trouble> {
    let mut added = false;
    let permissions = rules.iter().map(permission).collect();
    let send = |permissions: Vec<types::IpPermission>| {
        let request = api.ec2.authorize_security_group_ingress().group_id(group);
        request.set_ip_permissions(Some(permissions)).send()
    };
    let duplicate = |trouble: &Trouble| trouble.code() == Some("InvalidPermission.Duplicate");
    let operation = "AuthorizeSecurityGroupIngress";
    match send(permissions)
        .await
        .map_err(|error| trouble(operation, error))
    {
        Ok(_) => return Ok(true),
        Err(trouble) if duplicate(&trouble) => {},
        Err(trouble) => return Err(trouble),
    }
    // One that is there already made all of them fail.
    for rule in rules.iter().filter(|_| rules.len() > 1) {
        match send(vec![permission(rule)])
            .await
            .map_err(|error| trouble(operation, error))
        {
            Ok(_) => added = true,
            Err(trouble) if duplicate(&trouble) => {},
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(added)
}

/// The groups of instances, and the cluster's own.
async fn concerned(
    call: &Call,
    cluster: &str,
    nodes: &[(String, Instance)],
) -> Result<BTreeMap<String, types::SecurityGroup>, Trouble> {
    let ids: BTreeSet<String> = nodes
        .iter()
        .flat_map(|(_, one)| one.groups.keys().cloned())
        .collect();
    let mut found = groups::own(&call.api, cluster).await?;
    found.extend(groups::by_id(&call.api, &ids).await?);
    let by_id = |group: types::SecurityGroup| Some((group.group_id()?.to_owned(), group));
    Ok(found.into_iter().filter_map(by_id).collect())
}

/// The instances that these claims are about; `None` where there were some and none is left, which
/// was told.
async fn still_there(
    call: &Call,
    claims: &[Claim],
) -> Result<Option<Vec<(String, Instance)>>, Trouble> {
    let nodes = reread(call, claims).await?;
    Ok((!nodes.is_empty() || claims.is_empty()).then_some(nodes))
}

/// Tells the groups and their rules.
pub(super) async fn show(call: &Call, cluster: &str, claims: &[Claim]) -> Result<(), Trouble> {
    let nodes = reread(call, claims).await?;
    let groups = concerned(call, cluster, &nodes).await?;
    call.tell(News::Rules(groups.values().map(security_group).collect()));
    Ok(())
}

/// Adds a rule to the cluster's own groups of these instances.
pub(super) async fn allow(
    call: &Call,
    cluster: &str,
    claims: &[Claim],
    rule: &Rule,
) -> Result<(), Trouble> {
    let Some(nodes) = still_there(call, claims).await? else {
        return Ok(());
    };
    let mut names: BTreeMap<String, String> = groups::own(&call.api, cluster)
        .await?
        .iter()
        .filter_map(|group| Some((group.group_id()?.to_owned(), group.group_name()?.to_owned())))
        .collect();
    let mut targets: BTreeSet<String> = BTreeSet::new();
    if claims.is_empty() {
        targets.extend(names.keys().cloned());
    }
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    for (node, one) in &nodes {
        let own: Vec<&String> = one
            .groups
            .keys()
            .filter(|id| names.contains_key(*id))
            .collect();
        if !own.is_empty() {
            targets.extend(own.into_iter().cloned());
            continue;
        }
        let Some(vpc) = one.attrs.get("vpc") else {
            call.failed(node, Fault::new(format!("{} is in no network", one.id)));
            continue;
        };
        let id = match made.get(vpc) {
            Some(id) => id.clone(),
            None => {
                let id = groups::ensure(call, cluster, vpc, &BTreeSet::from([22])).await?;
                made.insert(vpc.clone(), id.clone());
                id
            },
        };
        let all = one.groups.keys().cloned().chain([id.clone()]).collect();
        let request = call
            .api
            .ec2
            .modify_instance_attribute()
            .instance_id(&one.id);
        let answer = request.set_groups(Some(all)).send().await;
        match answer.map_err(|error| trouble("ModifyInstanceAttribute", error)) {
            Ok(_) => {
                targets.insert(id.clone());
                names.insert(id, own_group(cluster));
            },
            Err(trouble) => call.failed(node, trouble.fault),
        }
    }
    if targets.is_empty() && claims.is_empty() {
        let text = format!("{cluster} has no security group yet");
        return Err(Fault::new(text).hint("the first `start` makes it").into());
    }
    for id in &targets {
        let name = names.get(id).unwrap_or(id);
        let done = if authorize(&call.api, id, std::slice::from_ref(rule)).await? {
            "lets in"
        } else {
            "let in already"
        };
        call.step(format!("{name} {done}: {rule}"));
    }
    if !made.is_empty() {
        call.describe().await?;
    }
    Ok(())
}

/// Removes a rule from the groups of these instances.
pub(super) async fn forbid(
    call: &Call,
    cluster: &str,
    claims: &[Claim],
    rule: &Rule,
) -> Result<(), Trouble> {
    let Some(nodes) = still_there(call, claims).await? else {
        return Ok(());
    };
    let mut groups = concerned(call, cluster, &nodes).await?;
    if !nodes.is_empty() {
        groups.retain(|id, _| nodes.iter().any(|(_, one)| one.groups.contains_key(id)));
    }
    let mut found = false;
    let mut others = BTreeSet::new();
    for (id, group) in &groups {
        let (same, different): (Vec<_>, Vec<_>) = of_group(group)
            .into_iter()
            .partition(|(known, _)| known.same(rule));
        others.extend(different.into_iter().map(|(known, _)| known));
        if same.is_empty() {
            continue;
        }
        found = true;
        let permissions = same.into_iter().map(|(_, permission)| permission).collect();
        let request = call.api.ec2.revoke_security_group_ingress().group_id(id);
        let answer = request.set_ip_permissions(Some(permissions)).send().await;
        answer.map_err(|error| trouble("RevokeSecurityGroupIngress", error))?;
        let name = group.group_name().unwrap_or(id);
        call.step(format!("{name} lets in no more: {rule}"));
    }
    if found {
        return Ok(());
    }
    let fault = Fault::new(format!("there is no rule {rule}"));
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    Err(if others.is_empty() {
        fault
    } else {
        fault.hint(format!("there are: {}", others.join("; ")))
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_go_to_ec2_and_come_back() {
        for words in [
            ["tcp", "80", "0.0.0.0/0"],
            ["tcp", "8000-8100", "10.0.0.0/8"],
            ["tcp", "all", "2001:db8::/32"],
            ["udp", "53", "sg-1a2b"],
            ["icmp", "all", "10.0.0.0/8"],
            ["all", "all", "pl-1a2b"],
            ["50", "all", "10.0.0.0/8"],
        ] {
            let mut rule = Rule::parse(&words).unwrap();
            rule.note = "why".into();
            let group = types::SecurityGroup::builder()
                .ip_permissions(permission(&rule))
                .build();
            let back = of_group(&group);
            assert_eq!(back.len(), 1);
            assert_eq!(back[0].0, rule);
            assert_eq!(back[0].1, permission(&rule));
        }
    }

    #[test]
    fn one_permission_of_many_sources_is_many_rules() {
        let permission = types::IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(22)
            .to_port(22)
            .ip_ranges(types::IpRange::builder().cidr_ip("10.0.0.0/8").build())
            .ip_ranges(types::IpRange::builder().cidr_ip("11.0.0.0/8").build())
            .user_id_group_pairs(types::UserIdGroupPair::builder().group_id("sg-1").build())
            .build();
        let group = types::SecurityGroup::builder().ip_permissions(permission);
        let rules = of_group(&group.build());
        let told: Vec<String> = rules.iter().map(|(rule, _)| rule.to_string()).collect();
        assert_eq!(
            told,
            ["tcp 22 10.0.0.0/8", "tcp 22 11.0.0.0/8", "tcp 22 sg-1"]
        );
        assert!(
            rules
                .iter()
                .all(|(_, one)| { one.ip_ranges().len() + one.user_id_group_pairs().len() == 1 })
        );
    }
}
