//! `stop` and `terminate`.

use super::*;
use NodeState::{Running, ShuttingDown, Stopped, Stopping, Terminated};
use std::time::Duration;

fn three(state: NodeState) -> [Instance; 3] {
    [
        instance(1, "master", Running),
        instance(2, "worker0", state),
        instance(3, "worker1", state),
    ]
}

fn forgotten(lab: &Lab) -> Vec<String> {
    let effects = lab.others.iter();
    effects
        .filter_map(|effect| match effect {
            Effect::Forget(alias) => Some(alias.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn stop_asks_and_follows_until_they_have_stopped() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&three(Running));
    lab.line("@worker0 sleep 9");
    lab.line("stop worker*");
    assert_eq!(lab.last_row(), "stop worker[0-1] (2)? [y/N]");
    lab.line("y");
    let (request, _, ask) = lab.asked();
    assert_eq!(
        ask,
        Ask::Stop(vec![claim(2, "worker0"), claim(3, "worker1")])
    );
    assert!(!lab.said("lost"), "nothing has been stopped yet");
    lab.tell(request, News::Done);
    assert!(
        lab.said("[worker0] lost: stopping, as you said"),
        "{:?}",
        lab.rows()
    );
    let states = |lab: &Lab| {
        lab.list()
            .iter()
            .filter(|line| line.contains("stopping"))
            .count()
    };
    assert_eq!(states(&lab), 2, "{:?}", lab.list());
    lab.after(Duration::from_secs(2));
    assert!(lab.said("worker[0-1]: stopping 2 s"), "{:?}", lab.rows());
    lab.described(&three(Stopping));
    lab.after(Duration::from_secs(3));
    lab.described(&three(Stopped));
    assert!(lab.said("stopped: worker[0-1] (5 s)"), "{:?}", lab.rows());
    assert_eq!(lab.last_row(), "dust:democloud$");
    lab.after(Duration::from_secs(60));
    assert!(lab.asks_nothing(), "nobody asks any more");
    assert!(forgotten(&lab).is_empty());
}

#[test]
fn what_a_node_has_become_since_the_question_does_not_count() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&three(Running));
    lab.line("refresh");
    lab.line("set fold on");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Done);
    lab.line("refresh");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Instances(three(Running).to_vec()));
    lab.tell(request, News::Done);
    lab.line("tag master a=b");
    lab.line("terminate worker0");
    let (tag, _, _) = lab.asked();
    lab.tell(tag, News::Done);
    lab.described(&[
        instance(1, "master", Running),
        instance(2, "worker0", Terminated),
        instance(9, "worker0", Running),
    ]);
    lab.line("y");
    let (_, _, ask) = lab.asked();
    assert_eq!(ask, Ask::Terminate(vec![claim(2, "worker0")]));
}

#[test]
fn terminate_forgets_host_keys_and_nodes_become_absent() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&three(Stopped));
    lab.line("terminate worker[0-2]");
    lab.line("yes");
    let (request, _, ask) = lab.asked();
    assert_eq!(
        ask,
        Ask::Terminate(vec![claim(2, "worker0"), claim(3, "worker1")])
    );
    let fault = Fault::new("it is protected against termination");
    lab.tell(
        request,
        News::NodesFailed(vec!["worker1".to_owned()], fault),
    );
    lab.tell(request, News::Done);
    assert!(
        lab.said("dust: [worker1] it is protected against termination"),
        "{:?}",
        lab.rows()
    );
    assert_eq!(forgotten(&lab), ["i-2"]);
    lab.after(Duration::from_secs(2));
    lab.described(&[
        instance(1, "master", Running),
        instance(2, "worker0", ShuttingDown),
        instance(3, "worker1", Stopped),
    ]);
    lab.after(Duration::from_secs(3));
    lab.described(&[
        instance(1, "master", Running),
        instance(2, "worker0", Terminated),
        instance(3, "worker1", Stopped),
    ]);
    assert!(lab.said("terminated: worker0 (5 s)"), "{:?}", lab.rows());
    let list = lab.list();
    assert!(list.contains(&"4 worker0 absent -".to_owned()), "{list:?}");
}

#[test]
fn a_whole_cluster_wants_its_name_typed() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&three(Running));
    lab.line("terminate *");
    assert!(lab.said("Type the cluster's name"), "{:?}", lab.rows());
    lab.line("y");
    assert!(lab.said("nothing was done"));
    assert!(lab.asks_nothing());
    lab.line("terminate *");
    lab.line("democloud");
    assert!(matches!(lab.asked().2, Ask::Terminate(claims) if claims.len() == 3));
}

#[test]
fn a_batch_waits_until_they_have_stopped() {
    let mut lab = Lab::batch_on(
        "sample.cnf",
        &["stop -y worker*", "start state=stopped"],
        |_| {},
    );
    lab.described(&three(Running));
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Done);
    lab.after(Duration::from_secs(2));
    lab.described(&three(Stopping));
    assert!(lab.asks_nothing());
    lab.after(Duration::from_secs(3));
    lab.described(&three(Stopped));
    let (_, _, ask) = lab.asked();
    assert!(matches!(ask, Ask::Start { nodes, .. } if nodes.len() == 2));
}

#[test]
fn the_last_line_of_a_batch_is_not_held_up_by_what_stops() {
    let mut lab = Lab::batch_on("sample.cnf", &["stop -y worker*"], |_| {});
    lab.described(&three(Running));
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Done);
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn without_a_person_or_y_nothing_is_ended() {
    let mut lab = Lab::batch_on("sample.cnf", &["stop master"], |_| {});
    lab.described(&three(Running));
    assert!(
        lab.err()
            .contains("will not stop without being sure: master (-y says yes)")
    );
    assert_eq!(lab.exit(), Some(2));
    assert!(lab.asks_nothing());
}

#[test]
fn an_account_that_stops_answering_is_told_once_it_is_late() {
    let mut lab = Lab::batch_on("sample.cnf", &["stop -y worker*", "show"], |setup| {
        setup.settings.boot = Duration::from_secs(30);
    });
    lab.described(&three(Running));
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Done);
    for _ in 0..2 {
        lab.after(Duration::from_secs(10));
        let (poll, _, _) = lab.asked();
        lab.tell(poll, News::Failed(Fault::new("throttled")));
    }
    assert_eq!(lab.err(), "");
    lab.after(Duration::from_secs(15));
    let err = lab.err();
    assert!(
        err.contains("worker[0-1] took more than 30 s (refresh asks again)"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(1));
}

/// `start` takes up each machine as soon as it has stopped, whatever the others do.
#[test]
fn what_has_stopped_may_run_again_before_the_others_have() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&three(Running));
    lab.line("stop worker*");
    lab.line("y");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Done);
    let workers = |first, second| {
        [
            instance(1, "master", Running),
            instance(2, "worker0", first),
            instance(3, "worker1", second),
        ]
    };
    lab.after(Duration::from_secs(2));
    lab.described(&workers(Stopped, Stopping));
    assert!(lab.said("worker1: stopping 2 s"), "{:?}", lab.rows());
    lab.after(Duration::from_secs(3));
    lab.described(&workers(Running, Stopped));
    assert!(lab.said("stopped: worker[0-1] (5 s)"), "{:?}", lab.rows());
}

#[test]
fn what_is_left_of_a_cluster_is_all_of_it() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    let mut all = three(Running);
    all[0].state = ShuttingDown;
    lab.described(&all);
    lab.line("terminate *");
    assert!(lab.said("Type the cluster's name"), "{:?}", lab.rows());
    lab.line("");
    lab.line("terminate worker0");
    assert_eq!(lab.last_row(), "terminate worker0 (1)? [y/N]");
}

/// EC2 refuses now and then; that is told only if it goes on.
#[test]
fn failures_in_a_row_are_told_once() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&three(Running));
    lab.line("stop worker*");
    lab.line("y");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Done);
    let fails = |lab: &mut Lab| {
        lab.after(Duration::from_secs(15));
        let (poll, _, _) = lab.asked();
        lab.tell(poll, News::Failed(Fault::new("throttled")));
    };
    fails(&mut lab);
    fails(&mut lab);
    lab.after(Duration::from_secs(15));
    lab.described(&three(Stopping));
    fails(&mut lab);
    fails(&mut lab);
    assert!(!lab.said("throttled"), "{:?}", lab.rows());
    for _ in 0..4 {
        fails(&mut lab);
    }
    let rows = lab.rows();
    let told = rows.iter().filter(|row| row.contains("throttled"));
    assert_eq!(told.count(), 1, "{rows:?}");
}

#[test]
fn at_a_terminal_a_batch_asks() {
    for (word, sure) in [("y", true), ("n", false), ("", false)] {
        let mut lab = Lab::batch_on("sample.cnf", &["stop worker*"], |setup| setup.person = true);
        lab.described(&three(Running));
        assert_eq!(lab.err(), "stop worker[0-1] (2)? [y/N] ");
        assert_eq!(lab.exit(), None);
        lab.input(format!("{word}\n").as_bytes());
        assert_eq!(!lab.asks_nothing(), sure);
        if sure {
            assert!(matches!(lab.asked().2, Ask::Stop(claims) if claims.len() == 2));
        } else {
            assert_eq!(lab.err(), "\nnothing was done\n");
            assert_eq!(lab.exit(), Some(0));
        }
    }
}
