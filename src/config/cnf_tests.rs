use std::path::PathBuf;

use proptest::prelude::*;

use super::super::{Address, HostKeys, KEYS};
use super::*;

const SAMPLE: &str = "\
@cloud
provider=ec2
name=democloud
region=eu-west-1
username=ubuntu
key=mykey
keyfile=/path/to/mykey.pem

@master
instance_type=m3.medium
image=ami-896c96fe

@worker0
instance_type=t2.small 
image=ami-3eb46b49

@worker1
instance_type=t2.small 
image=ami-3eb46b49
";

fn read(text: &str) -> Result<ClusterDef> {
    parse(
        "dir/demo.cnf",
        Path::new("/base"),
        Some(Path::new("/home/me")),
        text,
    )
}

/// A cluster of ssh nodes with these sections after `@cloud`.
fn ssh(sections: &str) -> Result<ClusterDef> {
    read(&format!("@cloud\nprovider=ssh\n{sections}"))
}

fn error(text: &str) -> String {
    let error = read(text).expect_err(text);
    assert_eq!(error.kind().exit_code(), 2, "{text}");
    error.to_string()
}

fn names(def: &ClusterDef) -> String {
    def.nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_sample_to_the_letter() {
    let text = |text: &str| Some(text.to_owned());
    let cloud = Settings {
        provider: Some(Provider::Ec2),
        name: text("democloud"),
        region: text("eu-west-1"),
        username: text("ubuntu"),
        key: text("mykey"),
        keyfile: Some(PathBuf::from("/path/to/mykey.pem")),
        ..Settings::default()
    };
    let node = |name: &str, line, instance_type, image| NodeDef {
        name: name.to_owned(),
        settings: Settings {
            instance_type: text(instance_type),
            image: text(image),
            ..cloud.clone()
        },
        line,
    };
    let expected = ClusterDef {
        file: "dir/demo.cnf".to_owned(),
        provider: Provider::Ec2,
        name: "democloud".to_owned(),
        settings: cloud.clone(),
        nodes: vec![
            node("master", 9, "m3.medium", "ami-896c96fe"),
            node("worker0", 13, "t2.small", "ami-3eb46b49"),
            node("worker1", 17, "t2.small", "ami-3eb46b49"),
        ],
    };
    assert_eq!(read(SAMPLE).unwrap(), expected);
    assert_eq!(read(&SAMPLE.replace('\n', "\r\n")).unwrap(), expected);
    assert_eq!(read(&format!("\u{feff}{SAMPLE}")).unwrap(), expected);
    assert_eq!(
        read(SAMPLE.trim_end()).unwrap(),
        expected,
        "no final newline"
    );
}

#[test]
fn every_key() {
    let def = read(
        "@cloud
        provider = ec2
        name = c1
        region = eu-west-1
        profile = my profile
        endpoint = http://127.0.0.1:5000
        username = ec2-user
        key = my key
        keyfile = ~/k.pem
        port = 2222
        host = ::1
        address = private
        jump = me@bastion:22, second
        proxy_command = nc %h %p # ; all of it
        host_keys = strict
        instance_type = t3.small
        image = ami-1
        subnet = subnet-1
        security_group = default, my group
        zone = eu-west-1a
        iam_profile = arn:aws:iam::1:instance-profile/x
        placement_group = pg 1
        spot = yes
        disk = 20
        user_data = init/cloud.yaml
        tag.owner = devops
        tag.a:b = c=d
        ",
    )
    .unwrap();
    let text = |text: &str| Some(text.to_owned());
    let expected = Settings {
        provider: Some(Provider::Ec2),
        name: text("c1"),
        region: text("eu-west-1"),
        profile: text("my profile"),
        endpoint: text("http://127.0.0.1:5000"),
        username: text("ec2-user"),
        key: text("my key"),
        keyfile: Some(PathBuf::from("/home/me/k.pem")),
        port: Some(2222),
        host: text("::1"),
        address: Some(Address::Private),
        jump: text("me@bastion:22,second"),
        proxy_command: text("nc %h %p # ; all of it"),
        host_keys: Some(HostKeys::Strict),
        instance_type: text("t3.small"),
        image: text("ami-1"),
        subnet: text("subnet-1"),
        security_group: Some(vec!["default".to_owned(), "my group".to_owned()]),
        zone: text("eu-west-1a"),
        iam_profile: text("arn:aws:iam::1:instance-profile/x"),
        placement_group: text("pg 1"),
        spot: Some(true),
        disk: Some(20),
        user_data: Some(PathBuf::from("/base/init/cloud.yaml")),
        tags: [("owner", "devops"), ("a:b", "c=d")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    assert_eq!(def.settings, expected);
    assert_eq!((def.name.as_str(), names(&def).as_str()), ("c1", ""));
}

#[test]
fn the_table_is_sound() {
    for (i, key) in KEYS.iter().enumerate() {
        assert!(
            !key.doc.is_empty() && !key.doc.ends_with('.'),
            "{}",
            key.name
        );
        assert!(
            KEYS.iter().skip(i + 1).all(|other| other.name != key.name),
            "{}",
            key.name
        );
    }
    assert_eq!(KEYS.len(), 25);
}

#[test]
fn nodes_win_and_inherit() {
    let def = read(
        "@a\nport=1\ntag.x=a\n@cloud\nprovider=ssh\nport=2\nusername=u\ntag.x=c\ntag.y=c\n@b\n",
    )
    .unwrap();
    let [a, b] = def.nodes.as_slice() else {
        panic!("two nodes")
    };
    assert_eq!((a.settings.port, b.settings.port), (Some(1), Some(2)));
    assert_eq!(a.settings.username.as_deref(), Some("u"));
    let tags = |node: &NodeDef| node.settings.tags.values().cloned().collect::<String>();
    assert_eq!((tags(a), tags(b)), ("ac".to_owned(), "cc".to_owned()));
    assert_eq!((a.host(), def.name.as_str()), ("a", "demo"));
}

#[test]
fn families_of_nodes() {
    let def = ssh("@master\n@w[0-2]\nport=7\n@n[08-10]\n@a[1-2]b[3-4]\n@w[10,20]\n").unwrap();
    assert_eq!(
        names(&def),
        "master w0 w1 w2 n08 n09 n10 a1b3 a1b4 a2b3 a2b4 w10 w20"
    );
    assert_eq!(
        def.nodes.get(2).map(|node| (node.settings.port, node.line)),
        Some((Some(7), 4))
    );

    let def = ssh("@w[0-2]\nhost=10.0.0.[8-10]\n@v[1-2]\nhost=[a,b].x").map(|def| names(&def));
    assert!(def.is_err(), "letters are no range");
    let def = ssh("@w[0-2]\nhost=10.0.0.[8-10]\n@v[1-2]\nhost=same\n@x\nhost=[::1]\n").unwrap();
    let hosts: Vec<&str> = def.nodes.iter().map(NodeDef::host).collect();
    assert_eq!(
        hosts,
        ["10.0.0.8", "10.0.0.9", "10.0.0.10", "same", "same", "::1"]
    );
    let def = ssh("@w[1-4]\nhost=r[1-2]n[1-2].eu").unwrap();
    let hosts: Vec<&str> = def.nodes.iter().map(NodeDef::host).collect();
    assert_eq!(hosts, ["r1n1.eu", "r1n2.eu", "r2n1.eu", "r2n2.eu"]);
    assert_eq!(ssh("@n[1-10000]").unwrap().nodes.len(), MAX_NODES);
}

#[test]
fn comments_and_white_space() {
    let def = ssh("
        # a comment
        ; another
        @w0  # the first
        \tusername\t=\tubuntu ; not root
        tag.color=#ff0000
        tag.list=a;b#c
        tag.quote=it's\\n
        tag.empty=
        keyfile = ./x#1.pem\t# key
        proxy_command = # ssh -W %h:%p b ; true
        ")
    .unwrap();
    let [node] = def.nodes.as_slice() else {
        panic!("one node")
    };
    assert_eq!(node.name, "w0");
    assert_eq!(node.settings.username.as_deref(), Some("ubuntu"));
    assert_eq!(
        node.settings.keyfile.as_deref(),
        Some(Path::new("/base/x#1.pem"))
    );
    assert_eq!(
        node.settings.proxy_command.as_deref(),
        Some("# ssh -W %h:%p b ; true"),
        "commands keep everything"
    );
    let tags: Vec<&str> = node.settings.tags.values().map(String::as_str).collect();
    assert_eq!(tags, ["#ff0000", "", "a;b#c", "it's\\n"]);
}

#[test]
fn paths() {
    for (value, expected) in [
        ("k.pem", "/base/k.pem"),
        ("./k.pem", "/base/k.pem"),
        ("../k.pem", "/base/../k.pem"),
        ("~/k.pem", "/home/me/k.pem"),
        ("~", "/home/me"),
        ("~//etc/k.pem", "/home/me/etc/k.pem"),
        ("/etc/k.pem", "/etc/k.pem"),
        ("my keys/k.pem", "/base/my keys/k.pem"),
    ] {
        let def = ssh(&format!("keyfile={value}")).unwrap();
        assert_eq!(
            def.settings.keyfile.as_deref(),
            Some(Path::new(expected)),
            "{value}"
        );
    }
    let text = "@cloud\nprovider=ssh\nkeyfile=~/k.pem\n";
    let error = parse("x.cnf", Path::new("."), None, text)
        .expect_err("no home")
        .to_string();
    assert!(error.starts_with("x.cnf:3: bad keyfile"), "{error}");
}

#[test]
fn the_jump_host_does_not_jump_through_itself() {
    let def = ssh("jump=bastion\n@bastion\n@w[0-1]\n@direct\njump=none\nproxy_command=none\n");
    let def = def.unwrap();
    let jumps: Vec<Option<&str>> = def
        .nodes
        .iter()
        .map(|node| node.settings.jump.as_deref())
        .collect();
    assert_eq!(jumps, [None, Some("bastion"), Some("bastion"), None]);
    let error = ssh("@w[0-1]\njump=w1\n").expect_err("itself").to_string();
    assert_eq!(error, "dir/demo.cnf:4: node `w1` jumps through itself");
}

#[test]
fn default_names() {
    for (file, expected) in [
        ("demo.cnf", Some("demo")),
        ("/a/b/demo.v2.cnf", Some("demo.v2")),
        ("demo", Some("demo")),
        ("my cluster!.cnf", Some("my-cluster-")),
        (".hidden.cnf", Some("hidden")),
        ("-.cnf", None),
        ("", None),
    ] {
        let def = parse(file, Path::new("."), None, "@cloud\nprovider=local\n");
        assert_eq!(def.ok().map(|def| def.name).as_deref(), expected, "{file}");
    }
}

#[test]
fn a_cloud_alone_is_a_cluster() {
    for provider in ["ec2", "ssh", "local"] {
        let def = read(&format!("@cloud\nprovider={provider}\n")).unwrap();
        assert!(def.nodes.is_empty(), "{provider}");
    }
}

/// Each file is refused, with this in the message.
#[test]
fn refusals() {
    const HEAD: &str = "@cloud\nprovider=ssh\n";
    for (text, expected) in [
        ("", "demo.cnf:1: there is no section `@cloud`"),
        ("# nothing\n", "demo.cnf:1: there is no section `@cloud`"),
        (
            "@w0\n@cluod\nprovider=ssh",
            ":2: there is no section `@cloud` (did you mean `@cloud` by `@cluod`?)",
        ),
        (
            "@cloud\nname=x",
            ":1: @cloud has no provider (add `provider=ec2`",
        ),
        ("provider=ec2", ":1: `provider` stands before any section"),
        (
            "@cloud\nprovider=aws",
            ":2: bad provider `aws` (it is one of ec2, ssh, local)",
        ),
        ("@cloud\nprovider=EC2", "(did you mean `ec2`?"),
        (
            "@cloud\nprovider=ssh\n@w\nprovider=ec2",
            ":4: `provider` stands in @cloud only",
        ),
        (
            "@cloud\nprovider=ssh\n@w\nname=x",
            "(a node is named by its section's header)",
        ),
        (
            "@cloud\nprovider=ssh\n\n@cloud\n",
            ":4: a second section `@cloud` (first at line 1)",
        ),
        (
            "@cloud\nprovider=ssh\nname=my cluster",
            ":3: bad name `my cluster` (names are made of",
        ),
        (
            "HEAD keyfiel=x",
            ":3: unknown key `keyfiel` (did you mean `keyfile`?)",
        ),
        ("HEAD Port=22", "(did you mean `port`?)"),
        ("HEAD ami=x", "unknown key `ami` (did you mean `image`?)"),
        ("HEAD tags.owner=x", "unknown key `tags.owner`"),
        ("HEAD qqqq=x", "unknown key `qqqq` (keys are provider, name"),
        (
            "HEAD port=22\nport=23",
            ":4: `port` is set twice in @cloud (first at line 3)",
        ),
        ("HEAD tag.a=1\ntag.a=2", "`tag.a` is set twice"),
        ("HEAD port=", ":3: `port` has no value"),
        (
            "HEAD port= # later",
            ":3: `port` has no value (`#` and `;` behind",
        ),
        ("HEAD tag.color = #ff0000", "`tag.color=#ff0000`"),
        (
            "HEAD port=0",
            "bad port `0` (it is a number from 1 to 65535)",
        ),
        ("HEAD port=65536", "bad port"),
        ("HEAD port=+22", "bad port"),
        ("HEAD port=22x", "bad port"),
        ("HEAD port=99999999999999999999999", "bad port"),
        ("HEAD disk=20G", "without a unit"),
        ("HEAD disk=0", "bad disk"),
        ("HEAD disk=65537", "bad disk"),
        (
            "HEAD spot=maybe",
            "bad spot `maybe` (it is one of true, false",
        ),
        ("HEAD spot=ture", "did you mean `true`?"),
        ("HEAD address=pubic", "did you mean `public`?"),
        ("HEAD host_keys=accept", "did you mean `accept-new`?"),
        ("HEAD endpoint=localhost:5000", "starts with http"),
        ("HEAD username=-oProxyCommand=x", "cannot start with `-`"),
        ("HEAD username=a b", "one word"),
        ("HEAD username=\"ubuntu\"", "without quotes"),
        ("HEAD key='k'", "without quotes"),
        ("HEAD jump=-x", "bad jump"),
        ("HEAD jump=a,,b", "bad jump"),
        ("HEAD jump=a;reboot", "bad jump"),
        ("HEAD keyfile=~root/k", "only your own"),
        ("HEAD security_group=a,,b", "bad security_group"),
        ("HEAD tag.=x", "a tag has a name"),
        ("HEAD tag.Name=x", "the node's own name"),
        ("HEAD tag.aws:x=y", "belongs to AWS"),
        ("HEAD =x", ":3: a key is missing"),
        (
            "HEAD worker0",
            ":3: neither a section nor key=value: `worker0`",
        ),
        ("HEAD [worker0]", "(a section is written `@worker0`)"),
        ("HEAD host: 10.0.0.1", "(write `host=10.0.0.1`)"),
        ("HEAD host:x=10.0.0.1", "unknown key `host:x`"),
        (
            "HEAD name=a\u{1b}[31mb",
            "a control character in `name=a\\u{1b}[31mb`",
        ),
        ("HEAD name=a\rb", "a control character"),
        ("HEAD @w\nhost=-x", "bad host"),
        ("HEAD @w\nhost=u@h", "`username`"),
        ("HEAD @w\nhost=h:22", "`port`"),
        ("HEAD @w\nhost=a b", "bad host"),
        ("HEAD @w\nhost=$(reboot)", "bad host"),
        (
            "HEAD @w\nhost=10.0.0.[1-2]",
            ":4: bad host `10.0.0.[1-2]` (2 hosts for 1 nodes)",
        ),
        ("HEAD @w[0-2]\nhost=10.0.0.[1-2]", "(2 hosts for 3 nodes)"),
        ("HEAD @w[0-1]\nhost=10.0.0.[2-1]", "ends before it starts"),
        ("HEAD @w[0-1]\nhost=-[1-2]", ":4: bad host `-1`"),
        ("HEAD host=h[1-2]", "bad host"),
        (
            "HEAD @w0\n@w1\n@w0\n",
            ":5: node `w0` is defined twice (first at line 3)",
        ),
        (
            "HEAD @w3\n@w[0-9]\n",
            ":4: node `w3` is defined twice (first at line 3)",
        ),
        (
            "HEAD @w[1-3,2]\n",
            ":3: node `w2` is defined twice (first at line 3)",
        ),
        (
            "HEAD @w[5-1]",
            ":3: bad section `@w[5-1]` (bad range `5-1`: it ends before it starts)",
        ),
        (
            "HEAD @w[1-",
            "bad section `@w[1-` (a `[` is not closed by `]`)",
        ),
        (
            "HEAD @w[0-99999999]",
            "at most 10000 nodes, this makes 100000000)",
        ),
        (
            "HEAD @w[0-999999999999999999]x[0-999999999999999999]",
            "at most 10000 nodes",
        ),
        (
            "HEAD @a\n@w[1-10000]",
            "at most 10000 nodes, this makes 10001",
        ),
        ("HEAD @w[ab]", "bad section `@w[ab]`"),
        ("HEAD @", "(a name is missing)"),
        ("HEAD @a b", "names are made of"),
        ("HEAD @a/b", "names are made of"),
        ("HEAD @..", "names start with"),
        ("HEAD @-rf", "names start with"),
        ("HEAD @w\u{f6}", "names are made of"),
        ("HEAD @w0 port=22", "stands alone on its line"),
        ("HEAD @a[1-2]*", "names are made of"),
    ] {
        let file = text.replacen("HEAD ", HEAD, 1);
        let message = error(&file);
        assert!(message.starts_with("dir/demo.cnf:"), "{text}: {message}");
        assert!(message.contains(expected), "{text}: {message}");
    }
    assert!(error(&format!("{HEAD}@{}", "x".repeat(129))).contains("at most 128 characters"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}", lines in proptest::collection::vec("[@a-c\\[\\]0-9=:#; .,\\\\-]{0,12}", 0..8)) {
        let lines = lines.join("\n");
        for text in [text.clone(), format!("@cloud\nprovider=ssh\n{text}"), format!("@cloud\nprovider=ssh\n{lines}")] {
            if let Ok(def) = read(&text) {
                for node in &def.nodes {
                    prop_assert_eq!(check_name(&node.name), Ok(()));
                }
            }
        }
    }

    #[test]
    fn a_value_comes_back_as_it_was_written(value in "[!-~]([ -~]{0,20}[!-~])?") {
        let def = ssh(&format!("proxy_command = {value}\n@w"));
        let def = def.unwrap();
        let expected = (value != "none").then_some(value.as_str());
        prop_assert_eq!(def.settings.proxy_command.as_deref(), expected);
    }
}
