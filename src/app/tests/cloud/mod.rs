//! Clusters on EC2, with an EC2 that answers by the script of a test.

mod end;
mod inside;
mod inventory;
mod keys;
mod start;
mod words;

use super::lab::Lab;
use crate::app::{Effect, Event};
use crate::cloud::{Account, Ask, CLUSTER_TAG, Claim, Fault, Instance, NAME_TAG, News, Plan};
use crate::model::NodeState;
use std::collections::BTreeMap;

impl Lab {
    /// The oldest question that was not answered yet.
    fn asked(&mut self) -> (u64, Account, Ask) {
        let is = |effect: &Effect| matches!(effect, Effect::Cloud(..));
        let at = self.others.iter().position(is).expect("nothing is asked");
        match self.others.remove(at) {
            Effect::Cloud(id, account, ask) => (id, account, ask),
            _ => unreachable!(),
        }
    }

    fn asks_nothing(&self) -> bool {
        let is = |effect: &Effect| matches!(effect, Effect::Cloud(..));
        !self.others.iter().any(is)
    }

    fn tell(&mut self, request: u64, news: News) {
        self.app.handle(self.now, Event::Cloud(request, news));
        self.settle();
    }

    /// Answers the oldest question, which is to describe, with these.
    fn described(&mut self, instances: &[Instance]) {
        let (id, _, ask) = self.asked();
        assert_eq!(ask, Ask::Describe);
        self.tell(id, News::Instances(instances.to_vec()));
        self.tell(id, News::Done);
    }

    /// What each node is, in the order of the list: `1 master running i-1`.
    fn list(&self) -> Vec<String> {
        let nodes = self.app.inventory.nodes().iter();
        let line = |node: &crate::model::Node| {
            let id = node.attrs.get("id").map_or("-", String::as_str);
            let aside = if node.aside { " aside" } else { "" };
            format!("{} {} {} {id}{aside}", node.index, node.name, node.state)
        };
        nodes.map(line).collect()
    }

    fn said(&self, text: &str) -> bool {
        self.rows().iter().any(|row| row.contains(text))
    }
}

/// An instance of the sample cluster; its address ends in the number of its id.
fn instance(id: u8, name: &str, state: NodeState) -> Instance {
    let mut one = stranger(id, name, state);
    one.tags
        .insert(CLUSTER_TAG.to_owned(), "democloud".to_owned());
    one
}

/// An instance of no cluster.
fn stranger(id: u8, name: &str, state: NodeState) -> Instance {
    let there = !matches!(state, NodeState::Terminated | NodeState::ShuttingDown);
    let running = state == NodeState::Running;
    let mut tags = BTreeMap::new();
    if !name.is_empty() {
        tags.insert(NAME_TAG.to_owned(), name.to_owned());
    }
    Instance {
        id: format!("i-{id}"),
        state,
        reason: None,
        launched: 999_990,
        launch_index: 0,
        private_ip: there.then(|| format!("10.0.0.{id}")),
        public_ip: running.then(|| format!("54.0.0.{id}")),
        groups: BTreeMap::new(),
        attrs: BTreeMap::from([
            ("instance_type".to_owned(), "t2.small".to_owned()),
            ("zone".to_owned(), "eu-west-1b".to_owned()),
            ("key".to_owned(), "mykey".to_owned()),
        ]),
        tags,
    }
}

fn claim(id: u8, node: &str) -> Claim {
    Claim {
        node: node.to_owned(),
        id: format!("i-{id}"),
        cluster: Some("democloud".to_owned()),
    }
}
