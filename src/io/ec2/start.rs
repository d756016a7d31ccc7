//! `start` and `plan`.

use super::change::{self, Act};
use super::trouble::Trouble;
use super::watch::Watch;
use super::{Call, launch};
use crate::cloud::plan::Work;
use crate::cloud::{Claim, Fault, News, Wanted};
use crate::model::NodeState;

/// Folds names for tags and messages.
pub(super) fn fold(names: &[&str]) -> String {
    crate::target::fold(names)
}

/// Says what a start would do.
pub(super) async fn plan(call: &Call, cluster: &str, nodes: &[Wanted]) -> Result<(), Trouble> {
    let instances = call.instances().await?;
    let work = Work::new(cluster, nodes, &instances, fold);
    call.tell(News::Plan(work.plan));
    for (name, fault) in work.failed {
        call.failed(&name, fault);
    }
    Ok(())
}

/// Makes nodes run.
pub(super) async fn start(call: &Call, cluster: &str, nodes: &[Wanted]) -> Result<(), Trouble> {
    let turn = call.api.turn.lock().await;
    let instances = call.instances().await?;
    let work = Work::new(cluster, nodes, &instances, fold);
    call.tell(News::Plan(work.plan.clone()));
    for (name, fault) in &work.failed {
        call.failed(name, fault.clone());
    }
    let mut watch = Watch::new(call, cluster, nodes.iter().map(|node| node.name.clone()));
    for (node, id) in work.wait {
        watch.start_later(node, id);
    }
    for (node, id) in work.pending {
        watch.follow(node, id);
    }
    let (launched, started) = tokio::join!(
        launch::all(call, cluster, nodes, work.launch),
        change::act(call, Act::Start, &work.start)
    );
    for (node, id) in work.start {
        if started.contains_key(&id) {
            watch.follow(node, id);
        }
    }
    for launched in launched {
        watch.launched(launched);
    }
    watch.run(turn, !work.name.is_empty()).await
}

/// Makes instances run that no file defines.
pub(super) async fn wake(call: &Call, claims: &[Claim]) -> Result<(), Trouble> {
    let turn = call.api.turn.lock().await;
    let mut watch = Watch::new(call, "", []);
    let mut stopped = Vec::new();
    for (node, one) in change::reread(call, claims).await? {
        match one.state {
            NodeState::Stopped => stopped.push((node, one.id)),
            NodeState::Stopping => watch.start_later(node, one.id),
            NodeState::Pending => watch.follow(node, one.id),
            NodeState::Running => {},
            NodeState::ShuttingDown | NodeState::Terminated | NodeState::Absent => {
                call.failed(&node, Fault::new(format!("{} is {}", one.id, one.state)));
            },
        }
    }
    let started = change::act(call, Act::Start, &stopped).await;
    for (node, id) in stopped {
        if started.contains_key(&id) {
            watch.follow(node, id);
        }
    }
    watch.run(turn, false).await
}
