//! The SDK's types and dust's.

use crate::cloud::{Instance, SecurityGroup};
use crate::model::NodeState;
use aws_sdk_ec2::types;
use aws_smithy_types::date_time::Format;
use std::collections::BTreeMap;

/// An instance; `None` for one without an id, which is none.
pub(super) fn instance(from: &types::Instance, region: &str) -> Option<Instance> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let placement = from.placement();
    let profile = from
        .iam_instance_profile()
        .and_then(|profile| profile.arn());
    let attrs = [
        (
            "architecture",
            text(from.architecture().map(types::ArchitectureValues::as_str)),
        ),
        ("client_token", text(from.client_token())),
        ("iam_profile", text(profile)),
        ("image", text(from.image_id())),
        (
            "instance_type",
            text(from.instance_type().map(types::InstanceType::as_str)),
        ),
        ("ipv6", text(from.ipv6_address())),
        ("key", text(from.key_name())),
        (
            "launched",
            from.launch_time()
                .and_then(|time| time.fmt(Format::DateTime).ok()),
        ),
        (
            "placement_group",
            text(placement.and_then(|placement| placement.group_name())),
        ),
        ("private_dns", text(from.private_dns_name())),
        ("public_dns", text(from.public_dns_name())),
        ("region", Some(region.to_owned())),
        ("root_device", text(from.root_device_name())),
        ("spot", is_spot(from).then(|| "true".to_owned())),
        ("subnet", text(from.subnet_id())),
        ("vpc", text(from.vpc_id())),
        (
            "zone",
            text(placement.and_then(|placement| placement.availability_zone())),
        ),
    ];
    let reason = from
        .state_reason()
        .and_then(|why| why.message().or_else(|| why.code()));
    Some(Instance {
        id: text(from.instance_id())?,
        state: state(from.state()),
        reason: text(reason).or_else(|| text(from.state_transition_reason())),
        launched: from.launch_time().map_or(0, |time| time.secs()),
        launch_index: usize::try_from(from.ami_launch_index().unwrap_or(0)).unwrap_or(0),
        private_ip: text(from.private_ip_address()),
        public_ip: text(from.public_ip_address()),
        groups: from
            .security_groups()
            .iter()
            .filter_map(|group| {
                let id = text(group.group_id())?;
                Some((id.clone(), text(group.group_name()).unwrap_or(id)))
            })
            .collect(),
        attrs: attrs
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
        tags: tags(from.tags()),
    })
}

fn is_spot(from: &types::Instance) -> bool {
    from.instance_lifecycle() == Some(&types::InstanceLifecycleType::Spot)
}

/// A state; one that is not known is taken for the least that it can be, "pending".
pub(super) fn state(from: Option<&types::InstanceState>) -> NodeState {
    use types::InstanceStateName as Name;
    match from.and_then(|state| state.name()) {
        Some(Name::Running) => NodeState::Running,
        Some(Name::ShuttingDown) => NodeState::ShuttingDown,
        Some(Name::Stopped) => NodeState::Stopped,
        Some(Name::Stopping) => NodeState::Stopping,
        Some(Name::Terminated) => NodeState::Terminated,
        _ => NodeState::Pending,
    }
}

/// Tags.
pub(super) fn tags(from: &[types::Tag]) -> BTreeMap<String, String> {
    let pair = |tag: &types::Tag| {
        let value = tag.value().unwrap_or_default().to_owned();
        Some((tag.key()?.to_owned(), value))
    };
    from.iter().filter_map(pair).collect()
}

/// Tags for what is being made.
pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Vec<types::Tag> {
    tags.iter().map(|(name, value)| tag(name, value)).collect()
}

/// One tag.
pub(super) fn tag(name: &str, value: &str) -> types::Tag {
    types::Tag::builder().key(name).value(value).build()
}

/// A filter of descriptions: any of these values.
pub(super) fn filter<S: Into<String>>(
    name: &str,
    values: impl IntoIterator<Item = S>,
) -> types::Filter {
    let values = values.into_iter().map(Into::into).collect();
    types::Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// A security group with its rules.
pub(super) fn security_group(from: &types::SecurityGroup) -> SecurityGroup {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let mut rules: Vec<_> = super::rules::of_group(from)
        .into_iter()
        .map(|(rule, _)| rule)
        .collect();
    rules.sort();
    SecurityGroup {
        id: text(from.group_id()),
        name: text(from.group_name()),
        vpc: text(from.vpc_id()),
        cluster: tags(from.tags()).remove(crate::cloud::CLUSTER_TAG),
        rules,
    }
}
