use super::super::tests::{Cloud, node};
use super::may_mean_nodes;
use crate::error::Error;
use crate::model::NodeState;

/// Each target is refused, with this in the message.
#[test]
fn refusals() {
    let cloud = Cloud::new();
    for (target, expected) in [
        // Nothing matches.
        (
            "wroker1",
            "`wroker1` matches no node (did you mean `worker1`? nodes are master,worker[0-2,10])",
        ),
        (
            "nothing",
            "`nothing` matches no node (nodes are master,worker[0-2,10])",
        ),
        ("Master", "did you mean `master`?"),
        ("worker[3-9]", "`worker[3-9]` matches no node"),
        ("worker[00-02]", "`worker[00-02]` matches no node"),
        ("x*", "`x*` matches no node"),
        (
            "b/wroker0",
            "`b/wroker0` matches no node (did you mean `b/worker0`?",
        ),
        ("c/*", "`c/*` matches no node"),
        ("cluster=c", "no cluster is named `c` (clusters are a, b)"),
        ("99", "`99` matches no node (indexes are 1-7; nodes are"),
        ("5-1", "`5-1` matches no node"),
        ("99999999999999999999", "matches no node"),
        ("worker[0-99999999]", "100000000 numbers"),
        (
            "db",
            "`db` is not in the working set (`cluster=b&db` finds it there)",
        ),
        ("d?", "`d?` is not in the working set"),
        (
            "10.0.0.2",
            "`10.0.0.2` matches no node (it is the ip of worker1: write `ip=10.0.0.2`)",
        ),
        // One bad name spoils the whole, on either side of an operator.
        ("worker0,wroker1", "did you mean `worker1`?"),
        ("*!wroker1", "did you mean `worker1`?"),
        ("*!x*", "`x*` matches no node"),
        // Attributes.
        (
            "state=stoped",
            "no node has state=stoped (did you mean `stopped`? state is absent, running, stopped)",
        ),
        (
            "instance_type=m9*",
            "(instance_type is m3.medium, t2.large, t2.small)",
        ),
        (
            "instancetype=t2*",
            "no node has an attribute `instancetype` (did you mean `instance_type`? attributes are Zone, cluster, id",
        ),
        ("=stopped", "an attribute's name is missing"),
        ("state!=stopped", "an attribute's name is missing"),
        (
            "tags=owner:nobody",
            "no node has tags=owner:nobody (tags is env:prod, env:test, env:x:y, owner:devops)",
        ),
        ("tag.env=prodd", "did you mean `prod`?"),
        ("tag.none=x", "no node of the working set has any tag.none"),
        // The whole is empty.
        ("worker0!worker0", "`worker0!worker0` leaves no node"),
        ("master&worker*", "`master&worker*` leaves no node"),
        ("master&state=stopping", "no node has state=stopping"),
        // Syntax.
        ("a,", "`a,` ends where a term should follow"),
        ("worker*!", "ends where a term should follow"),
        ("!", "ends where a term should follow"),
        ("a,,b", "nothing stands before a `,`"),
        (",a", "nothing stands before a `,`"),
        ("a!,b", "nothing stands before a `,`"),
        ("worker[1-", "has a `[` without its `]`"),
        ("worker[1", "has a `[` without its `]`"),
        ("worker1]", "has a `]` without its `[`"),
        ("worker[5-1]", "bad range `5-1`: it ends before it starts"),
        ("worker[]", "nothing stands in `[]`"),
        ("worker[1-9/0]", "the step"),
        ("%", "unknown result `%` (results are %failed"),
        ("%faild", "did you mean `%failed`?"),
        ("%rc=x", "bad exit status `x`"),
        ("^", "a file's name is missing"),
        // Files.
        (
            "^typo",
            "typo:2: `wroker1` matches no node (did you mean `worker1`?",
        ),
        ("^range", "range:1: "),
        ("^empty", "empty names no nodes"),
        // Hostile text is quoted.
        ("a\u{1b}[2]J", "`a\\u{1b}[2]J` matches no node"),
    ] {
        let message = cloud.error(target);
        assert!(message.contains(expected), "{target}: {message}");
    }
    let error = cloud
        .resolve("^missing")
        .expect_err("a file that is not there");
    assert_eq!(error, Error::failed("cannot read missing"));
}

#[test]
fn nothing_never_means_all() {
    let cloud = Cloud::new().with_working(&[]);
    for target in [
        "",
        "*",
        "\\*",
        "worker0",
        "state=running",
        "worker*!worker0",
        "!worker0",
    ] {
        let message = cloud.error(target);
        assert!(
            message.starts_with("the working set is empty (`use *` takes in all 7: "),
            "{message}"
        );
    }
    assert_eq!(cloud.select("b"), "b/worker0 b/db");
    assert_eq!(cloud.select("cluster=b&w*"), "b/worker0");
    assert_eq!(cloud.select("2"), "worker0");
    assert_eq!(cloud.select("2,4-5"), "worker0 worker2 worker10");

    let mut nothing = Cloud::new();
    nothing.nodes.clear();
    for target in ["", "*", "worker0", "3", "%ok", "cluster=a"] {
        assert!(
            nothing.error(target).starts_with("there are no nodes"),
            "{target}"
        );
    }
}

#[test]
fn long_lists_are_cut() {
    let mut cloud = Cloud::new();
    cloud.nodes = (0..500u32)
        .map(|i| {
            let name = format!("n{}", "x".repeat(i as usize % 300 + 1));
            node(
                i,
                "a",
                &name,
                NodeState::Running,
                &format!("ip=10.0.{i}.7"),
                "",
            )
        })
        .collect();
    let cloud = cloud.with_working(&(0..500).collect::<Vec<_>>());
    for target in ["zzzz", "ip=11.*"] {
        let message = cloud.error(target);
        assert!(
            message.len() < 2000 && message.contains(" more"),
            "{message}"
        );
    }
}

#[test]
fn what_may_be_a_slip() {
    let nodes = Cloud::new().nodes;
    for (word, is) in [
        ("99", true),
        ("8-12", true),
        ("i-0abc1234", true),
        ("i-3x", true),
        ("10.9.9.9", true),
        ("10.9.9.9:22", true),
        ("fe80::1", true),
        // The values of attributes: an address, a state, a type, a tag.
        ("10.0.0.2", true),
        ("Stopped", true),
        ("t2.large", true),
        ("owner:devops", true),
        ("wroker1", true),
        ("mastre", true),
        ("work", true),
        ("b/x", true),
        ("a/wroker0", true),
        ("srv/www", false),
        ("restart", false),
        ("nginx", false),
        ("i-love", false),
        ("1.2.3", false),
    ] {
        assert_eq!(may_mean_nodes(word, &nodes), is, "{word}");
        assert!(!may_mean_nodes(word, &[]), "{word}");
    }
}
