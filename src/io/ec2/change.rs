//! Starting, stopping, terminating, tagging; and reading consoles.

use super::convert::{self, state, tag_list};
use super::start::fold;
use super::trouble::{Trouble, trouble};
use super::{Api, Call, each};
use crate::cloud::{Claim, Instance, News};
use crate::model::NodeState;
use aws_sdk_ec2::types::InstanceStateChange;
use aws_smithy_types::base64;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A node, its instance, and why it was not given its name.
pub(super) type Named = (String, String, Option<Trouble>);

/// How many instances one call is about at most.
const BATCH: usize = 500;

/// What is done to instances by their ids; doing it twice is doing it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Start,
    Stop,
    Terminate,
}

impl Act {
    fn doing(self) -> &'static str {
        match self {
            Self::Start => "starting",
            Self::Stop => "stopping",
            Self::Terminate => "terminating",
        }
    }

    async fn send(
        self,
        api: &Api,
        ids: Vec<String>,
    ) -> Result<BTreeMap<String, NodeState>, Trouble> {
        let ids = Some(ids);
        let changes = match self {
            Self::Start => {
                let answer = api.ec2.start_instances().set_instance_ids(ids).send().await;
                let answer = answer.map_err(|error| trouble("StartInstances", error))?;
                answer.starting_instances
            },
            Self::Stop => {
                let answer = api.ec2.stop_instances().set_instance_ids(ids).send().await;
                let answer = answer.map_err(|error| trouble("StopInstances", error))?;
                answer.stopping_instances
            },
            Self::Terminate => {
                let answer = api
                    .ec2
                    .terminate_instances()
                    .set_instance_ids(ids)
                    .send()
                    .await;
                let answer = answer.map_err(|error| trouble("TerminateInstances", error))?;
                answer.terminating_instances
            },
        };
        let change = |change: &InstanceStateChange| {
            Some((
                change.instance_id()?.to_owned(),
                state(change.current_state()),
            ))
        };
        Ok(changes
            .unwrap_or_default()
            .iter()
            .filter_map(change)
            .collect())
    }
}

/// Does it to these (node and id); the state that each of them has then, by id. What fails is told.
pub(super) async fn act(
    call: &Call,
    act: Act,
    nodes: &[(String, String)],
) -> BTreeMap<String, NodeState> {
    let mut done = BTreeMap::new();
    let mut rest: Vec<&[(String, String)]> = nodes.chunks(BATCH).collect();
    while let Some(batch) = rest.pop() {
        let ids = batch.iter().map(|(_, id)| id.clone()).collect();
        match act.send(&call.api, ids).await {
            Ok(states) => {
                done.extend(batch.iter().map(|(_, id)| (id.clone(), default_state(act))));
                done.extend(states);
            },
            // All of them were refused for the sake of one (a protected one, one that is gone):
            // halves find it.
            Err(trouble) if batch.len() > 1 && is_of_one(&trouble) => {
                let (left, right) = batch.split_at(batch.len() / 2);
                rest.extend([right, left]);
            },
            Err(trouble) => {
                let names = batch.iter().map(|(node, _)| node.as_str());
                call.all_failed(names, trouble.fault);
            },
        }
    }
    if !done.is_empty() {
        let names = nodes.iter().filter(|(_, id)| done.contains_key(id));
        let names: Vec<&str> = names.map(|(node, _)| node.as_str()).collect();
        call.step(format!("{} {}", act.doing(), fold(&names)));
    }
    done
}

/// The state of what was accepted without a word about it.
fn default_state(act: Act) -> NodeState {
    match act {
        Act::Start => NodeState::Pending,
        Act::Stop => NodeState::Stopping,
        Act::Terminate => NodeState::ShuttingDown,
    }
}

/// True if a call about several may have failed because of one of them.
fn is_of_one(trouble: &Trouble) -> bool {
    let all = ["UnauthorizedOperation", "AccessDenied", "DryRunOperation"];
    trouble.code().is_some_and(|code| !all.contains(&code))
        && !trouble.is_passing()
        && !trouble.is_of_credentials()
}

/// The instances of claims that still hold, by node; the others are told.
fn checked<'a>(
    call: &Call,
    claims: &[Claim],
    instances: &'a [Instance],
) -> Vec<(String, &'a Instance)> {
    let mut found: Vec<(String, &Instance)> = Vec::new();
    for claim in claims {
        match claim.check(instances) {
            Ok(one) if found.iter().any(|(_, known)| known.id == one.id) => {},
            Ok(one) => found.push((claim.node.clone(), one)),
            Err(fault) => call.failed(&claim.node, fault),
        }
    }
    found
}

/// The instances that these claims are about, read again; what does not hold any more is told.
pub(super) async fn reread(
    call: &Call,
    claims: &[Claim],
) -> Result<Vec<(String, Instance)>, Trouble> {
    let instances = call.instances().await?;
    let found = checked(call, claims, &instances).into_iter();
    Ok(found.map(|(node, one)| (node, one.clone())).collect())
}

pub(super) async fn stop(call: &Call, claims: &[Claim]) -> Result<(), Trouble> {
    let stops = |state| matches!(state, NodeState::Running | NodeState::Pending);
    change(call, Act::Stop, claims, stops).await
}

pub(super) async fn terminate(call: &Call, claims: &[Claim]) -> Result<(), Trouble> {
    let goes = |state| !matches!(state, NodeState::ShuttingDown | NodeState::Terminated);
    change(call, Act::Terminate, claims, goes).await
}

async fn change(
    call: &Call,
    what: Act,
    claims: &[Claim],
    applies: impl Fn(NodeState) -> bool,
) -> Result<(), Trouble> {
    let mut instances = call.api.instances().await?;
    let checked = checked(call, claims, &instances).into_iter();
    let nodes: Vec<(String, String)> = checked
        .filter(|(_, one)| applies(one.state))
        .map(|(node, one)| (node, one.id.clone()))
        .collect();
    let states = act(call, what, &nodes).await;
    for one in &mut instances {
        if let Some(state) = states.get(&one.id) {
            one.state = *state;
        }
    }
    call.tell_instances(instances);
    Ok(())
}

/// Sets tags.
pub(super) async fn tag(
    call: &Call,
    claims: &[Claim],
    tags: &BTreeMap<String, String>,
) -> Result<(), Trouble> {
    let nodes = reread(call, claims).await?;
    for batch in nodes.chunks(BATCH) {
        let ids = batch.iter().map(|(_, one)| one.id.clone()).collect();
        let request = call.api.ec2.create_tags().set_resources(Some(ids));
        let answer = request.set_tags(Some(tag_list(tags))).send().await;
        answer.map_err(|error| trouble("CreateTags", error))?;
    }
    if !nodes.is_empty() {
        call.describe().await?;
    }
    Ok(())
}

/// Removes tags.
pub(super) async fn untag(call: &Call, claims: &[Claim], names: &[String]) -> Result<(), Trouble> {
    let nodes = reread(call, claims).await?;
    let tags: Vec<_> = names
        .iter()
        .map(|name| aws_sdk_ec2::types::Tag::builder().key(name).build())
        .collect();
    for batch in nodes.chunks(BATCH) {
        let ids = batch.iter().map(|(_, one)| one.id.clone()).collect();
        let request = call.api.ec2.delete_tags().set_resources(Some(ids));
        let answer = request.set_tags(Some(tags.clone())).send().await;
        answer.map_err(|error| trouble("DeleteTags", error))?;
    }
    if !nodes.is_empty() {
        call.describe().await?;
    }
    Ok(())
}

/// Gives instances their names (node and id); why those that did not take it did not.
pub(super) async fn name(api: Rc<Api>, nodes: Vec<(String, String)>) -> Vec<Named> {
    each(nodes, |(node, id)| {
        let api = Rc::clone(&api);
        async move {
            let tag = convert::tag(crate::cloud::NAME_TAG, &node);
            let answer = api.ec2.create_tags().resources(&id).tags(tag).send().await;
            let trouble = answer.err().map(|error| trouble("CreateTags", error));
            (node, id, trouble)
        }
    })
    .await
}

/// Reads consoles.
pub(super) async fn console(call: &Call, claims: &[Claim]) -> Result<(), Trouble> {
    let asked: Vec<(String, String)> = claims
        .iter()
        .map(|claim| (claim.node.clone(), claim.id.clone()))
        .collect();
    let answers = each(asked, |(node, id)| {
        let api = Rc::clone(&call.api);
        async move { (node, console_of(&api, &id).await) }
    })
    .await;
    let mut told = Vec::new();
    for (node, answer) in answers {
        match answer {
            Ok(text) => told.push((node, text)),
            Err(trouble) => call.failed(&node, trouble.fault),
        }
    }
    call.tell(News::Console(told));
    Ok(())
}

async fn console_of(api: &Api, id: &str) -> Result<Option<String>, Trouble> {
    let request = || api.ec2.get_console_output().instance_id(id);
    let answer = request().latest(true).send().await;
    let answer = answer.map_err(|error| trouble("GetConsoleOutput", error));
    let answer = match answer {
        // Only newer machines have the latest; others post theirs soon after each boot.
        Err(trouble)
            if matches!(
                trouble.code(),
                Some("UnsupportedOperation" | "Unsupported" | "InvalidParameterCombination")
            ) =>
        {
            let answer = request().send().await;
            answer.map_err(|error| self::trouble("GetConsoleOutput", error))?
        },
        answer => answer?,
    };
    let bytes = answer.output().and_then(|text| base64::decode(text).ok());
    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(text.filter(|text| !text.is_empty()))
}
