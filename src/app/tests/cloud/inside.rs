//! Runs inside another one's drop-in command: they know what that knows, and ask nobody.

use super::*;
use crate::app::{Lender, LocalEnd, Snapshot};
use NodeState::{Running, Stopped};

/// A batch of these lines within that run.
fn inside(outer: &Lab, lines: &[&str]) -> Lab {
    let bytes = outer.app.snapshot().encode().unwrap();
    let snapshot = Snapshot::decode(&bytes).unwrap();
    Lab::adopting(snapshot, lines, |setup| {
        setup.lender = Some(Lender {
            session: "session lab".to_owned(),
            file: None,
        });
    })
}

fn borrowed(lab: &Lab) -> Vec<(String, String)> {
    let all = lab.others.iter().filter_map(|effect| match effect {
        Effect::Borrow(_, _, loan) => Some((loan.node.clone(), loan.machine.clone())),
        _ => None,
    });
    all.collect()
}

#[test]
fn all_is_as_it_was_and_ec2_is_not_asked() {
    let mut outer = Lab::prompt_on("sample.cnf", 1);
    outer.described(&[
        instance(1, "master", Running),
        instance(2, "worker0", Stopped),
        instance(4, "worker2", Running),
        instance(5, "old", Running),
        stranger(6, "web", Running),
        // Two claim to be one.
        instance(7, "worker1", Running),
        instance(8, "worker1", Running),
    ]);
    outer.line("use master,worker*");
    let mut inner = inside(&outer, &["show", "@worker2 uptime"]);
    assert!(inner.asks_nothing(), "{:?}", inner.others);
    assert_eq!(inner.list(), outer.list());
    // Of the very machine.
    assert_eq!(borrowed(&inner), [("worker2".to_owned(), "i-4".to_owned())]);
    let shown = String::from_utf8(std::mem::take(inner.app.out())).unwrap();
    for word in ["i-1", "worker0", "stopped", "i-7 i-8"] {
        assert!(shown.contains(word), "{word}\n{shown}");
    }
    // The working set is that, too.
    assert!(!shown.contains("i-5") && !shown.contains("i-6"), "{shown}");
    let inner = inside(&outer, &["@worker1 uptime"]);
    assert_eq!(borrowed(&inner), []);
}

#[test]
fn what_cannot_be_borrowed_is_dialled() {
    let mut outer = Lab::prompt_on("sample.cnf", 1);
    outer.described(&[instance(1, "master", Running)]);
    let inner = Lab::adopting(outer.app.snapshot(), &["@master uptime"], |_| {});
    assert_eq!(inner.dialled, ["54.0.0.1"]);
}

#[test]
fn what_is_loaded_anew_is_not_theirs_any_more() {
    let outer = Lab::prompt(1);
    let inner = inside(&outer, &["load lab.cnf", "@n0 true"]);
    assert_eq!(borrowed(&inner), []);
    assert_eq!(inner.dialled, ["10.0.0.0"]);
    let inner = inside(&outer, &["@n0 true"]);
    assert_eq!(borrowed(&inner), [("n0".to_owned(), String::new())]);
}

/// What a drop-in's `dust stop` has done is seen when it ends.
#[test]
fn what_was_changed_inside_is_asked_for() {
    let mut outer = Lab::prompt_on("sample.cnf", 1);
    outer.described(&[instance(1, "master", Running)]);
    let end = || Event::LocalEnded(Ok(LocalEnd::default()));
    // One that has asked for nothing has changed nothing.
    for asks in [false, true] {
        outer.line("tool master");
        let runs = |effect: &Effect| matches!(effect, Effect::DropIn(_));
        assert!(outer.others.iter().any(runs), "{:?}", outer.others);
        outer.others.clear();
        if asks {
            outer.app.was_asked_inside();
        }
        outer.app.handle(outer.now, end());
        outer.settle();
        assert_eq!(outer.asks_nothing(), !asks);
    }
    // Nobody waits for it.
    outer.line("disconnect master");
    outer.described(&[instance(1, "master", Stopped)]);
    assert!(
        outer
            .list()
            .iter()
            .any(|row| row.contains("master stopped"))
    );
    // What a run asks while no drop-in runs is another terminal's.
    outer.app.was_asked_inside();
    outer.line("!true");
    outer.app.handle(outer.now, end());
    outer.settle();
    assert!(outer.asks_nothing());
}
