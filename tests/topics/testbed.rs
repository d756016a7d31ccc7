//! The stand-ins for EC2 that the tests of the provider `ec2` rest on: moto, and the proxy before
//! it. Asked over plain HTTP, without dust.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufReader, Write as _};
use std::path::Path;

use crate::support::deps::need;
use crate::support::faults::{
    EXPIRED, Fault, Faults, INTERNAL, NO_CAPACITY, THROTTLED, UNAUTHORIZED, Until, When,
};
use crate::support::moto::{Api, Moto, REGION, Refusal, VERSION, instances_in, need_moto, read};
use crate::support::sshd::Sshd;
use crate::support::wait_until;

/// moto, the proxy before it, and the API through that.
fn proxied() -> (Moto, Faults, Api) {
    let moto = Moto::start();
    let faults = Faults::before(moto.api());
    let api = faults.api();
    (moto, faults, api)
}

fn refusal(answer: Result<crate::support::xml::Xml, Refusal>) -> String {
    answer.map_or_else(|refusal| refusal.code, |_| "was answered".to_owned())
}

fn shown(api: &Api) -> Vec<(String, String)> {
    let answer = api.ask("DescribeInstances", &[]);
    instances_in(&answer)
        .into_iter()
        .map(|i| (i.id, i.state))
        .collect()
}

#[test]
fn setup_installs_the_version_that_the_tests_use() {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/setup.sh");
    let wanted = format!("\nmoto={VERSION}\n");
    assert!(
        fs::read_to_string(setup).unwrap().contains(&wanted),
        "{wanted}"
    );
}

#[test]
fn moto_launches_with_indexes_tags_and_loopback_addresses() {
    need_moto!();
    let moto = Moto::start();
    let tags = [("Name", "w & <x>"), ("dust:cluster", "lab")];
    let ids = moto.launch(3, &tags, &[("SubnetId", moto.subnet())]);
    let all = moto.instances();
    assert_eq!(
        all.iter().map(|i| &i.id).collect::<Vec<_>>(),
        ids.iter().collect::<Vec<_>>()
    );
    let indexes: Vec<_> = all.iter().map(|i| i.launch_index).collect();
    assert_eq!(indexes, [0, 1, 2]);
    for instance in &all {
        assert_eq!(instance.state, "running");
        assert_eq!(instance.tag("Name"), "w & <x>");
        assert!(
            instance.private_ip.starts_with("127.1."),
            "{}",
            instance.private_ip
        );
        assert_eq!(
            instance.all.at("ipAddress"),
            "",
            "no public address in the subnet"
        );
        assert_eq!(instance.groups.values().collect::<Vec<_>>(), ["default"]);
    }
    let outside = moto.launch(1, &[], &[]);
    let outside = moto
        .instances()
        .into_iter()
        .find(|i| i.id == outside[0])
        .unwrap();
    assert!(
        outside.private_ip.starts_with("127."),
        "{}",
        outside.private_ip
    );
    assert!(outside.all.at("ipAddress").starts_with("127."));
}

#[test]
fn an_sshd_answers_where_an_instance_is() {
    need_moto!();
    need!("sshd", "ssh-keygen");
    let (moto, sshd) = (Moto::start(), Sshd::start());
    moto.launch(1, &[("Name", "n0")], &[("SubnetId", moto.subnet())]);
    let address = format!("{}:{}", moto.the("n0").private_ip, sshd.port());
    wait_until("sshd answers", || {
        std::net::TcpStream::connect(&address).is_ok()
    });
}

#[test]
fn moto_has_lives_keys_groups_and_protection() {
    need_moto!();
    let moto = Moto::start();
    let ids = moto.launch(2, &[("Name", "n")], &[]);
    moto.act("StopInstances", &[&ids[0]]);
    moto.act("TerminateInstances", &[&ids[1]]);
    assert_eq!(
        shown(&moto),
        [
            (ids[0].clone(), "stopped".into()),
            (ids[1].clone(), "terminated".into())
        ]
    );
    assert_eq!(moto.states(), [("n".into(), "stopped".into())]);
    moto.tag(&ids[0], "Name", "m");
    moto.protect(&ids[0], true);
    let refused = moto.call("TerminateInstances", &[("InstanceId.1", &ids[0])]);
    assert_eq!(refusal(refused), "OperationNotPermitted");
    moto.protect(&ids[0], false);
    moto.act("TerminateInstances", &[&ids[0]]);
    assert!(moto.states().is_empty());

    let made = moto.ask("CreateKeyPair", &[("KeyName", "k"), ("KeyType", "ed25519")]);
    assert!(
        made.at("keyMaterial")
            .starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    );
    let (name, kind, public) = moto.keys().remove(0);
    assert_eq!((name.as_str(), kind.as_str()), ("k", "ed25519"));
    moto.import_key("mine", &public);
    assert_eq!(moto.keys().len(), 2);

    let vpcs = moto.ask("DescribeVpcs", &[]);
    let vpc = vpcs.items("vpcSet")[0].at("vpcId").to_owned();
    let group = moto.ask(
        "CreateSecurityGroup",
        &[
            ("GroupName", "g"),
            ("GroupDescription", "d"),
            ("VpcId", &vpc),
        ],
    );
    moto.ask(
        "AuthorizeSecurityGroupIngress",
        &[
            ("GroupId", group.at("groupId")),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "22"),
            ("IpPermissions.1.ToPort", "22"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.5/32"),
        ],
    );
    let groups = moto.groups();
    assert_eq!(groups.len(), 1);
    assert_eq!(
        (groups[0].name.as_str(), groups[0].vpc.as_str()),
        ("g", vpc.as_str())
    );
    assert_eq!(groups[0].rules, ["tcp 22-22 203.0.113.5/32"]);
    assert_eq!(groups[0].id, group.at("groupId"));
    assert!(groups[0].tags.is_empty());
}

#[test]
fn moto_refuses_what_does_not_exist() {
    need_moto!();
    let moto = Moto::start();
    let run = |name, value| {
        let mut params = vec![("MinCount", "1"), ("MaxCount", "1")];
        params.extend([("ImageId", "ami-3eb46b49"), ("InstanceType", "t2.small")]);
        params.retain(|(k, _)| *k != name);
        params.push((name, value));
        refusal(moto.call("RunInstances", &params))
    };
    assert_eq!(run("ImageId", "ami-12345678"), "InvalidAMIID.NotFound");
    assert_eq!(
        run("InstanceType", "t2.smal"),
        "InvalidInstanceType.NotFound"
    );
    assert_eq!(run("KeyName", "none"), "InvalidKeyPair.NotFound");
    assert_eq!(run("SubnetId", "subnet-0"), "InvalidSubnetID.NotFound");
    assert_eq!(run("DryRun", "true"), "DryRunOperation");
    assert_eq!(moto.instances().len(), 0);
}

#[test]
fn moto_pages_and_knows_regions() {
    need_moto!();
    let moto = Moto::start();
    for _ in 0..7 {
        moto.launch(1, &[], &[]);
    }
    let page = moto.ask("DescribeInstances", &[("MaxResults", "5")]);
    assert_eq!(instances_in(&page).len(), 5);
    let rest = [("MaxResults", "5"), ("NextToken", page.at("nextToken"))];
    let rest = moto.ask("DescribeInstances", &rest);
    assert_eq!((instances_in(&rest).len(), rest.at("nextToken")), (2, ""));
    assert_eq!(moto.instances().len(), 7);
    assert!(moto.region("us-east-1").instances().is_empty());
}

#[test]
fn the_proxy_writes_calls_down() {
    need_moto!();
    let (_moto, faults, api) = proxied();
    api.launch(1, &[("Name", "a b")], &[]);
    api.ask("DescribeInstances", &[]);
    api.region("us-east-1").ask("DescribeInstances", &[]);
    let calls = faults.calls();
    let actions: Vec<_> = calls.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(
        actions,
        ["RunInstances", "DescribeInstances", "DescribeInstances"]
    );
    assert_eq!(calls[0].param("TagSpecification.1.Tag.1.Value"), "a b");
    assert_eq!(
        (calls[0].region.as_str(), calls[2].region.as_str()),
        (REGION, "us-east-1")
    );
    assert_eq!(calls[0].access_key, "test");
    assert_eq!(calls[0].status, Some(200));
    assert_eq!(faults.mutating().len(), 1);
    assert_eq!(faults.calls_of("DescribeInstances").len(), 2);
    faults.wait_calls("RunInstances", 1);
    faults.forget();
    assert!(faults.calls().is_empty());
}

/// An SDK keeps its connections.
#[test]
fn the_proxy_keeps_connections_open() {
    need_moto!();
    let (_moto, _faults, api) = proxied();
    let stream = std::net::TcpStream::connect(api.address()).unwrap();
    let mut from = BufReader::new(&stream);
    for _ in 0..3 {
        let request = api.request("DescribeInstances", &[]);
        let mut bytes = format!("{}\r\n", request.line);
        for (name, value) in &request.headers {
            write!(bytes, "{name}: {value}\r\n").unwrap();
        }
        write!(bytes, "content-length: {}\r\n\r\n", request.body.len()).unwrap();
        (&stream)
            .write_all(&[bytes.as_bytes(), &request.body].concat())
            .unwrap();
        let answer = crate::support::http::Answer::read(&mut from).unwrap();
        assert!(read(&answer).is_ok());
    }
}

#[test]
fn the_proxy_refuses_as_often_as_told() {
    need_moto!();
    let (_moto, faults, api) = proxied();
    faults.on(When::any().times(1), THROTTLED);
    faults.on(When::action("DescribeInstances").times(1), INTERNAL);
    faults.on(
        When::action("RunInstances").having("InstanceType", "m3.medium"),
        NO_CAPACITY,
    );
    faults.on(When::action("StopInstances"), UNAUTHORIZED);
    faults.on(When::action("DescribeKeyPairs"), EXPIRED);
    let describe = || {
        api.call("DescribeInstances", &[])
            .map_err(|r| (r.status, r.code))
    };
    assert_eq!(describe(), Err((503, "RequestLimitExceeded".into())));
    assert_eq!(describe(), Err((500, "InternalError".into())));
    assert!(describe().is_ok());
    let run = [
        ("InstanceType", "m3.medium"),
        ("ImageId", "ami-3eb46b49"),
        ("MinCount", "1"),
    ];
    assert_eq!(
        refusal(api.call("RunInstances", &run)),
        "InsufficientInstanceCapacity"
    );
    let id = api.launch(1, &[], &[]).remove(0);
    let stop = || refusal(api.call("StopInstances", &[("InstanceId.1", &id)]));
    assert_eq!(stop(), "UnauthorizedOperation");
    assert_eq!(refusal(api.call("DescribeKeyPairs", &[])), "RequestExpired");
    faults.clear();
    assert_eq!(stop(), "was answered");
}

#[test]
fn the_proxy_closes_connections_before_and_after() {
    need_moto!();
    let (moto, faults, api) = proxied();
    let params = [
        ("ImageId", "ami-3eb46b49"),
        ("InstanceType", "t2.small"),
        ("MinCount", "1"),
    ];
    let run = || api.request("RunInstances", &params).send(api.address());
    faults.on(When::action("RunInstances").times(1), Fault::CutBefore);
    assert!(run().is_err());
    assert_eq!(moto.instances().len(), 0);
    faults.on(When::action("RunInstances").times(1), Fault::CutAfter);
    assert!(run().is_err());
    assert_eq!(moto.instances().len(), 1);
    let unanswered = faults.calls().iter().filter(|c| c.status.is_none()).count();
    assert_eq!(unanswered, 2);
    faults.on(When::action("RunInstances").times(1), Fault::Garbage);
    assert!(read(&run().unwrap()).unwrap().name.is_empty());
    assert_eq!(moto.instances().len(), 2);
}

#[test]
fn the_proxy_holds_calls_and_answers() {
    need_moto!();
    let (moto, faults, api) = proxied();
    for (fault, done) in [(Fault::HoldBefore, 0), (Fault::HoldAfter, 2)] {
        faults.on(When::action("RunInstances"), fault);
        let other = api.clone();
        let run = std::thread::spawn(move || other.launch(1, &[], &[]).len());
        faults.wait_calls("RunInstances", 1);
        wait_until("moto did it, or not", || moto.instances().len() == done);
        assert_eq!(faults.calls_of("RunInstances")[0].status, None);
        faults.clear();
        assert_eq!(run.join().unwrap(), 1);
        faults.forget();
    }
    assert_eq!(moto.instances().len(), 2);
}

#[test]
fn the_proxy_honours_tokens_or_not() {
    need_moto!();
    let (moto, faults, api) = proxied();
    let run = |token, kind| {
        let more = [("ClientToken", token), ("InstanceType", kind)];
        api.launch(1, &[], &more)
    };
    let first = run("t1", "t2.small");
    assert_eq!(run("t1", "t2.small"), first);
    assert_ne!(run("t2", "t2.small"), first);
    let other = [("ClientToken", "t1"), ("MinCount", "2")];
    assert_eq!(
        refusal(api.call("RunInstances", &other)),
        "IdempotentParameterMismatch"
    );
    assert_eq!(moto.instances().len(), 2);

    // Two at once.
    faults.on(When::action("RunInstances").times(2), Fault::HoldBefore);
    let twins: Vec<_> = (0..2)
        .map(|_| {
            let api = api.clone();
            std::thread::spawn(move || api.launch(1, &[], &[("ClientToken", "t3")]))
        })
        .collect();
    faults.wait_calls("RunInstances", 6);
    faults.clear();
    let twins: Vec<_> = twins.into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(twins[0], twins[1]);

    faults.honour_tokens(false);
    assert_ne!(run("t1", "t2.small"), first);
    assert_eq!(moto.instances().len(), 4);
}

#[test]
fn the_proxy_has_room_for_so_many() {
    need_moto!();
    let (_moto, faults, api) = proxied();
    let run = |least, most| {
        let params = [
            ("ImageId", "ami-3eb46b49"),
            ("MinCount", least),
            ("MaxCount", most),
        ];
        let answer = api.call("RunInstances", &params);
        answer
            .map(|a| a.items("instancesSet").len())
            .map_err(|r| r.code)
    };
    assert_eq!(run("1", "2"), Ok(2));
    faults.room_for(3);
    assert_eq!(run("1", "2"), Ok(2));
    assert_eq!(run("2", "2"), Err("InsufficientInstanceCapacity".into()));
    assert_eq!(run("1", "2"), Ok(1));
    assert_eq!(run("1", "2"), Err("InsufficientInstanceCapacity".into()));
}

#[test]
fn the_proxy_hides_new_instances_for_a_while() {
    need_moto!();
    let (_moto, faults, api) = proxied();
    let old = api.launch(1, &[], &[]).remove(0);
    faults.hide_new(Until::Describes(2));
    let new = api.launch(1, &[], &[]).remove(0);
    let describe = || refusal(api.call("DescribeInstances", &[("InstanceId.1", &new)]));
    assert_eq!(describe(), "InvalidInstanceID.NotFound");
    let tag = [
        ("ResourceId.1", new.as_str()),
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "b"),
    ];
    assert_eq!(
        refusal(api.call("CreateTags", &tag)),
        "InvalidInstanceID.NotFound"
    );
    for count in [1, 1, 2, 2] {
        assert_eq!(shown(&api).len(), count);
    }
    faults.hide_new(Until::Told);
    api.launch(1, &[], &[]);
    for _ in 0..3 {
        assert_eq!(shown(&api).len(), 2);
    }
    faults.catch_up();
    assert_eq!(shown(&api).len(), 3);
    assert_eq!(shown(&api)[0].0, old);
}

#[test]
fn the_proxy_makes_states_take_time() {
    need_moto!();
    let (_moto, faults, api) = proxied();
    let state = || shown(&api).remove(0).1;
    faults.slow_start(Until::Describes(2));
    faults.slow_stop(Until::Told);
    let id = api.launch(1, &[], &[]).remove(0);
    assert_eq!(
        [state(), state(), state()],
        ["pending", "pending", "running"]
    );
    api.act("StopInstances", &[&id]);
    assert_eq!(
        [state(), state(), state()],
        ["stopping", "stopping", "stopping"]
    );
    let start = || refusal(api.call("StartInstances", &[("InstanceId.1", &id)]));
    assert_eq!(start(), "IncorrectInstanceState");
    faults.catch_up();
    assert_eq!(state(), "stopped");
    faults.slow_start(Until::Told);
    assert_eq!(start(), "was answered");
    assert_eq!(state(), "pending");
    api.act("TerminateInstances", &[&id]);
    assert_eq!(state(), "terminated");
}

#[test]
fn the_proxy_has_consoles_reasons_and_other_addresses() {
    need_moto!();
    let (_moto, faults, api) = proxied();
    let ids = api.launch(2, &[], &[]);
    let console = |id: &str| {
        let answer = api.ask("GetConsoleOutput", &[("InstanceId", id)]);
        answer.child("output").map(|e| e.text.clone())
    };
    assert!(console(&ids[0]).is_some(), "moto's own");
    faults.console("*", "hello\n");
    faults.console(&ids[1], "");
    assert_eq!(console(&ids[0]).as_deref(), Some("aGVsbG8K"));
    assert_eq!(console(&ids[1]), None);
    faults.reason(
        &ids[0],
        "Server.InternalError",
        "Server.InternalError: sorry",
    );
    let address = api.instances()[0].private_ip.clone();
    faults.replace(&format!(">{address}<"), ">127.9.9.9<");
    let instance = api.instances().remove(0);
    assert_eq!(instance.all.at("stateReason/code"), "Server.InternalError");
    assert_eq!(instance.private_ip, "127.9.9.9");
    assert_eq!(api.instances()[1].all.at("stateReason/code"), "");
}
