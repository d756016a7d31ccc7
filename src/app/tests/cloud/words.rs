//! The other commands: plan, tag, ec2sec, keys, use.

use super::*;
use crate::cloud::{KeyPair, Rule, SecurityGroup};
use NodeState::{Running, Stopped};

/// A batch on a cluster with a master and worker0, that ran one line.
fn line(line: &str) -> Lab {
    let mut lab = Lab::batch_on("sample.cnf", &[line], |_| {});
    lab.described(&[
        instance(1, "master", Running),
        instance(2, "worker0", Stopped),
        stranger(6, "web", Running),
    ]);
    lab
}

fn json(line: &str) -> Lab {
    let mut lab = Lab::batch_on("sample.cnf", &[line], |setup| setup.json = true);
    lab.described(&[instance(1, "master", Running)]);
    lab
}

fn plan() -> Plan {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let small = "t2.small, ami-3eb46b49".to_owned();
    let differs = |node: &str| {
        (
            node.to_owned(),
            "instance_type".to_owned(),
            "t2.small".to_owned(),
            "t2.micro".to_owned(),
        )
    };
    Plan {
        launch: vec![(names(&["worker1", "worker2"]), small)],
        start: names(&["worker0"]),
        leave: names(&["master"]),
        wait: names(&["inside"]),
        conflicts: vec![("checked".to_owned(), names(&["i-8", "i-9"]))],
        drift: vec![differs("worker0"), differs("worker1")],
    }
}

#[test]
fn a_plan_says_what_start_would_do_and_what_differs() {
    let mut lab = line("plan");
    let (request, _, ask) = lab.asked();
    assert!(matches!(ask, Ask::Plan { nodes, .. } if nodes.len() == 6));
    lab.tell(request, News::Plan(plan()));
    lab.tell(request, News::Done);
    assert_eq!(
        lab.out(),
        "launch: worker[1-2] (2): t2.small, ami-3eb46b49\n\
         start: worker0 (1)\n\
         start once stopped: inside (1)\n\
         leave: master (1)\n\
         conflict: checked: i-8 and i-9 claim to be it; nothing is done to any of them (terminate \
         one by its id)\n\
         differs: worker[0-1]: instance_type is t2.micro, the file says t2.small\n"
    );
    assert_eq!(lab.exit(), Some(0));
}

#[test]
fn a_plan_as_json() {
    let mut lab = json("plan");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Plan(plan()));
    lab.tell(request, News::Done);
    let out = lab.out();
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 7, "{out}");
    assert_eq!(lines[0]["plan"], "launch");
    assert_eq!(lines[0]["nodes"][1], "worker2");
    assert_eq!(lines[4]["ids"][0], "i-8");
    assert_eq!(
        (&lines[5]["file"], &lines[5]["cloud"]),
        (&"t2.small".into(), &"t2.micro".into())
    );
}

#[test]
fn tags() {
    let mut lab = line("tag master owner=devops,env=test 'note=a b'");
    let (request, _, ask) = lab.asked();
    let tags = [("owner", "devops"), ("env", "test"), ("note", "a b")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(ask, Ask::Tag(vec![claim(1, "master")], tags.into()));
    lab.tell(request, News::Done);
    assert!(
        lab.err()
            .contains("tagged env=test,note=a b,owner=devops: master")
    );
    assert_eq!(lab.exit(), None, "what has changed is read again");
    lab.described(&[]);
    assert_eq!(lab.exit(), Some(0));

    let mut lab = line("untag master,worker0,web Name=web");
    assert!(lab.err().contains("says which node an instance is"));
    let mut lab = line("untag web Name=web x=1");
    assert!(lab.err().contains("nothing to remove: web"));
    let mut lab = line("untag web Name");
    assert!(
        matches!(lab.asked().2, Ask::Untag(claims, keys) if claims[0].id == "i-6" && keys == ["Name"])
    );
}

#[test]
fn tags_that_cannot_be() {
    for (text, part) in [
        ("tag master Name=x", "says which node an instance is"),
        (
            "tag master dust:cluster=x",
            "says which node an instance is",
        ),
        ("tag master aws:x=y", "EC2's own"),
        ("tag worker1 a=b", "not launched: worker1"),
    ] {
        let mut lab = line(text);
        let err = lab.err();
        assert!(err.contains(part), "{text}: {err}");
        assert_eq!(lab.exit(), Some(2));
        assert!(lab.asks_nothing());
    }
}

#[test]
fn security_groups() {
    let mut lab = line("ec2sec show");
    let (request, _, ask) = lab.asked();
    let claims = vec![claim(1, "master"), claim(2, "worker0")];
    assert_eq!(ask, Ask::Rules("democloud".to_owned(), claims));
    let rule = |ports, source: &str| Rule {
        protocol: "tcp".to_owned(),
        ports,
        source: source.to_owned(),
        note: String::new(),
    };
    let group = SecurityGroup {
        id: "sg-1".to_owned(),
        name: "dust-democloud".to_owned(),
        vpc: "vpc-1".to_owned(),
        cluster: Some("democloud".to_owned()),
        rules: vec![rule(Some((22, 22)), "1.2.3.4/32"), rule(None, "sg-1")],
    };
    lab.tell(request, News::Rules(vec![group.clone()]));
    lab.tell(request, News::Done);
    assert_eq!(
        lab.out(),
        "dust-democloud sg-1 (of democloud)\n\
         protocol  ports  source\n\
         tcp       22     1.2.3.4/32\n\
         tcp       all    sg-1\n"
    );
    let mut lab = json("ec2sec show");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Rules(vec![group]));
    let out = lab.out();
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["group"], &first["from_port"], &first["source"]),
        (&"sg-1".into(), &22.into(), &"1.2.3.4/32".into())
    );

    let mut lab = line("ec2sec add m* tcp 80 0.0.0.0/0");
    let rule = rule(Some((80, 80)), "0.0.0.0/0");
    let (request, _, ask) = lab.asked();
    assert_eq!(
        ask,
        Ask::Allow("democloud".to_owned(), vec![claim(1, "master")], rule)
    );
    lab.tell(request, News::Done);
    assert!(lab.err().contains("tcp 80 0.0.0.0/0 is let in: master"));

    let mut lab = line("ec2sec remove m* tcp 80 0.0.0.0/0");
    assert!(matches!(lab.asked().2, Ask::Forbid(..)));
    for (text, part) in [
        (
            "ec2sec add web tcp 80 0.0.0.0/0",
            "web belongs to no loaded cluster",
        ),
        ("ec2sec add master tpc 80 0.0.0.0/0", "did you mean `tcp`"),
    ] {
        let mut lab = line(text);
        let err = lab.err();
        assert!(err.contains(part) && lab.asks_nothing(), "{text}: {err}");
    }
}

#[test]
fn key_pairs() {
    let pair = || KeyPair {
        name: "dust".to_owned(),
        kind: "ed25519".to_owned(),
        fingerprint: "ab:cd".to_owned(),
        file: Some("/data/dust.pem".into()),
    };
    let mut lab = line("keys");
    let (request, _, ask) = lab.asked();
    assert_eq!(ask, Ask::Keys);
    lab.tell(request, News::Keys(vec![pair()]));
    lab.tell(request, News::Done);
    assert_eq!(
        lab.out(),
        "name  type     file            fingerprint\n\
         dust  ed25519  /data/dust.pem  ab:cd\n"
    );
    let mut lab = json("keys");
    let (request, _, _) = lab.asked();
    lab.tell(request, News::Keys(vec![pair()]));
    let value: serde_json::Value = serde_json::from_str(&lab.out()).unwrap();
    assert_eq!(
        (&value["region"], &value["file"]),
        (&"eu-west-1".into(), &"/data/dust.pem".into())
    );
}

#[test]
fn commands_of_ec2_are_for_ec2() {
    for (text, part) in [
        ("tag n0 a=b", "no instances of EC2: n0"),
        ("keys", "no cluster of EC2 is loaded"),
        ("ec2sec show", "no instances of EC2: n0"),
    ] {
        let mut lab = Lab::batch(1, &[text], |_| {});
        let err = lab.err();
        assert!(err.contains(part), "{text}: {err}");
        assert_eq!(lab.exit(), Some(2));
    }
}

#[test]
fn use_takes_a_region() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.described(&[instance(1, "master", Running)]);
    lab.line("use master");
    assert_eq!(lab.last_row(), "dust:democloud [1/6]$");
    lab.line("use eu-west-1");
    assert_eq!(lab.last_row(), "dust:democloud$");
    lab.line("use us-west-2");
    let (request, account, _) = lab.asked();
    assert_eq!(account.region.as_deref(), Some("us-west-2"));
    lab.tell(request, News::Instances(vec![stranger(5, "web", Running)]));
    lab.tell(request, News::Done);
    assert_eq!(lab.last_row(), "dust:2 clusters [1/7]$");
    lab.line("@* id");
    assert_eq!(lab.dialled, ["54.0.0.5"]);
    lab.line("use nowhere");
    assert!(lab.said("`nowhere` matches no node"), "{:?}", lab.rows());
}

/// Where dust cannot tell where it is, it asks who may log in to a new cluster.
#[test]
fn who_may_log_in_is_asked_where_it_cannot_be_told() {
    let closed = || News::Closed("democloud".into(), "dust-democloud".into(), vec![22]);
    let starting = || {
        let mut lab = Lab::prompt_on("sample.cnf", 1);
        lab.described(&[]);
        lab.line("start master");
        let (request, _, _) = lab.asked();
        lab.tell(request, closed());
        lab
    };
    let question = "from which address may one log in to democloud (dust-democloud)? [none]";
    let mut lab = starting();
    assert!(lab.said(question), "{:?}", lab.rows());
    lab.line("203.0.113");
    assert!(lab.said("`203.0.113` is no source"), "{:?}", lab.rows());
    assert!(lab.said(question), "{:?}", lab.rows());
    lab.line("203.0.113.9");
    let rule = Rule::parse(&["tcp", "22", "203.0.113.9/32"]).unwrap();
    assert_eq!(
        lab.asked().2,
        Ask::Allow("democloud".into(), Vec::new(), rule)
    );
    assert!(lab.rows().contains(&"dust:democloud$".to_owned()));

    let mut lab = starting();
    lab.line("");
    let hint = "lets nobody in by ssh: `ec2sec add TARGET tcp 22 YOUR.ADDRESS`";
    assert!(lab.said(hint), "{:?}", lab.rows());
    assert!(lab.asks_nothing());

    let mut lab = Lab::batch_on("sample.cnf", &["start master"], |_| {});
    lab.described(&[]);
    let (request, _, _) = lab.asked();
    lab.tell(request, closed());
    assert!(lab.err().contains(hint), "nobody is there to ask");
}
