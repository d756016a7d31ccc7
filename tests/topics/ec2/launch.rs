//! What a missing instance is launched with: the keys of the file in the calls.

use super::{Lab, ONE, lab};
use crate::support::faults::Call;
use crate::support::http::base64;

/// The one launch that `start` makes of this file.
#[track_caller]
fn launched(lab: &Lab, nodes: &str) -> Call {
    lab.file_of(nodes);
    lab.faults.forget();
    lab.launch();
    let mut calls = lab.faults.calls_of("RunInstances");
    assert_eq!(calls.len(), 1, "{}", lab.faults.report());
    calls.remove(0)
}

fn expect(call: &Call, params: &[(&str, &str)]) {
    for (name, value) in params {
        assert_eq!(call.param(name), *value, "{name}: {:#?}", call.params);
    }
}

#[test]
fn a_node_is_launched_as_its_file_says() {
    let lab = lab!();
    lab.env.file("boot.sh", "#!/bin/sh\necho booted\n");
    let group = lab.moto.groups().len();
    let call = launched(
        &lab,
        &format!(
            "{ONE}zone=eu-west-1a\nspot=yes\ndisk=30\nuser_data=boot.sh\nplacement_group=close\n\
             tag.owner=dev ops\ntag.env=test\n"
        ),
    );
    expect(
        &call,
        &[
            ("ImageId", "ami-3eb46b49"),
            ("InstanceType", "t2.small"),
            ("KeyName", "mykey"),
            ("MaxCount", "1"),
            ("Placement.AvailabilityZone", "eu-west-1a"),
            ("Placement.GroupName", "close"),
            ("InstanceMarketOptions.MarketType", "spot"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "30"),
            ("BlockDeviceMapping.1.DeviceName", "/dev/sda1"),
            ("UserData", &base64(b"#!/bin/sh\necho booted\n")),
        ],
    );
    let token = call.param("ClientToken");
    assert!(!token.is_empty() && token.len() <= 64, "{token}");
    let node = lab.moto.the("n0");
    assert_eq!([node.tag("owner"), node.tag("env")], ["dev ops", "test"]);
    assert_eq!(node.tag("dust:cluster"), "lab");
    assert_eq!(node.all.at("subnetId"), lab.moto.subnet());
    assert_eq!(node.all.at("instanceLifecycle"), "spot");
    assert_eq!(
        lab.moto.groups().len(),
        group,
        "the file names a group: none is made"
    );
}

#[test]
fn equal_nodes_are_one_call() {
    let lab = lab!();
    let nodes = "@w[0-31]\ninstance_type=t2.small\nimage=ami-3eb46b49\n\n\
                 @x\ninstance_type=t2.small\nimage=ami-3eb46b49\n";
    let call = launched(&lab, nodes);
    assert_eq!(call.param("MaxCount"), "33");
    let names = lab.names();
    assert_eq!(names.len(), 33);
    assert!(names.contains(&"w31".to_owned()) && names.contains(&"x".to_owned()));
}

#[test]
fn an_iam_profile_is_passed_on() {
    let lab = lab!();
    lab.file_of(&format!("{ONE}iam_profile=web\n"));
    let run = lab.dust(&["start"]).run();
    assert_ne!(run.code(), 0, "moto has no such profile\n{}", run.report());
    run.expect_notice(&["n0", "web"]);
    expect(
        &lab.faults.calls_of("RunInstances")[0],
        &[("IamInstanceProfile.Name", "web")],
    );
    lab.file_of(&format!(
        "{ONE}iam_profile=arn:aws:iam::123456789012:instance-profile/web\n"
    ));
    lab.faults.forget();
    lab.dust(&["start"]).run();
    let call = lab.faults.calls_of("RunInstances").remove(0);
    expect(
        &call,
        &[(
            "IamInstanceProfile.Arn",
            "arn:aws:iam::123456789012:instance-profile/web",
        )],
    );
}

#[test]
fn security_groups_are_found_by_name_and_by_id() {
    let lab = lab!();
    let subnets = lab.moto.ask("DescribeSubnets", &[]);
    let subnets = subnets.items("subnetSet").iter();
    let mut own = subnets.filter(|s| s.at("subnetId") == lab.moto.subnet());
    let vpc = own.next().unwrap().at("vpcId").to_owned();
    let make = |name| {
        let params = [
            ("GroupName", name),
            ("GroupDescription", "d"),
            ("VpcId", vpc.as_str()),
        ];
        lab.moto
            .ask("CreateSecurityGroup", &params)
            .at("groupId")
            .to_owned()
    };
    let (web, db) = (make("web"), make("db"));
    lab.file_with("lab.cnf", &[("security_group", &format!("web,{db}"))], ONE);
    lab.launch();
    let groups: Vec<_> = lab.moto.the("n0").groups.into_keys().collect();
    let mut wanted = [web, db];
    wanted.sort();
    assert_eq!(groups, wanted);
}

#[test]
fn user_data_that_is_not_there_is_refused_before_anything() {
    let lab = lab!();
    lab.file_of(&format!("{ONE}user_data=missing.sh\n"));
    let run = lab.dust(&["start"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    assert!(run.err().contains("missing.sh"), "{}", run.report());
    assert!(lab.moto.instances().is_empty());
}

/// `address` chooses among what an instance has.
#[test]
fn the_address_is_the_one_that_is_asked_for() {
    let lab = lab!();
    // Outside of the test's subnet instances have public addresses, too.
    for (address, which) in [
        ("public", "ipAddress"),
        ("private", "privateIpAddress"),
        ("auto", "ipAddress"),
    ] {
        let changes = [("subnet", ""), ("address", address)];
        lab.file_with("lab.cnf", &changes, ONE);
        lab.start();
        let node = lab.moto.the("n0");
        let wanted = node.all.at(which);
        assert!(wanted.starts_with("127."), "{wanted}");
        lab.dust(&["@n0", "set -- $SSH_CONNECTION; echo $3"])
            .run()
            .expect_code(0)
            .expect_lines("n0", &[wanted]);
    }
}
