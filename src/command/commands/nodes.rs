//! Commands for the cluster: the machines, their files, and what EC2 knows of them.

use super::super::build;
use super::super::table::{Arg, Flag, Group, Kind, Spec};
use super::{Command, OPTIONAL_TARGET, TARGET};

const YES: Flag = Flag {
    short: Some('y'),
    long: Some("yes"),
    value: None,
    repeats: false,
    doc: "Do not ask.",
};

pub(super) const EC2SEC: Spec = Spec {
    name: "ec2sec",
    aliases: &[],
    group: Group::Cluster,
    args: &[
        Arg::optional("show|add|remove", Kind::OneOf(&["show", "add", "remove"])),
        Arg::optional("TARGET", Kind::Target),
        Arg::optional("PROTOCOL", Kind::OneOf(&["tcp", "udp", "icmp", "all"])),
        Arg::optional("PORTS", Kind::Free),
        Arg::optional("SOURCE", Kind::Free),
    ],
    flags: &[],
    summary: "show or change what security groups let in",
    help: "show lists the rules of the nodes' security groups. add lets in SOURCE (an address, \
           a block such as 10.0.0.0/8, a security group or a prefix list) to PORTS (80, \
           8000-8100 or all), by the cluster's own group, which dust makes and attaches where \
           a node has none. remove takes such a rule away. icmp and all have no PORTS.",
    examples: &[
        "ec2sec",
        "ec2sec show worker*",
        "ec2sec add worker* tcp 80 0.0.0.0/0",
        "ec2sec remove worker* tcp 8000-8100 10.0.0.0/8",
    ],
    build: build::ec2sec,
};

pub(super) const KEYS: Spec = Spec {
    name: "keys",
    aliases: &[],
    group: Group::Cluster,
    args: &[],
    flags: &[],
    summary: "list the EC2 key pairs of the loaded clusters' regions",
    help: "FILE is where dust keeps the private key of a pair that it made. What the keys of the \
           prompt do: help keyboard.",
    examples: &["keys"],
    build: |_| Ok(Command::Keys),
};

pub(super) const LOAD: Spec = Spec {
    name: "load",
    aliases: &[],
    group: Group::Cluster,
    args: &[Arg::required("FILE", Kind::File)],
    flags: &[],
    summary: "load a cluster file",
    help: "If anything in the file is wrong, dust says where, and the cluster that was loaded \
           before stays.",
    examples: &["load demo.cnf", "load 'my cluster.cnf'"],
    build: |args| {
        let file = args.path().ok_or_else(|| args.missing("FILE"))?;
        Ok(Command::Load { file })
    },
};

pub(super) const PLAN: Spec = Spec {
    name: "plan",
    aliases: &[],
    group: Group::Cluster,
    args: &[OPTIONAL_TARGET],
    flags: &[],
    summary: "say what start would do, and change nothing",
    help: "On EC2 it asks anew, and also says where a node differs from its file. Elsewhere it \
           goes by what was known last; refresh asks again.",
    examples: &["plan", "plan worker*"],
    build: |args| {
        Ok(Command::Plan {
            target: args.target()?,
        })
    },
};

pub(super) const REFRESH: Spec = Spec {
    name: "refresh",
    aliases: &[],
    group: Group::Cluster,
    args: &[],
    flags: &[],
    summary: "ask the provider for the nodes' states again",
    help: "Also numbers the nodes anew: see show.",
    examples: &["refresh"],
    build: |_| Ok(Command::Refresh),
};

pub(super) const RELOAD: Spec = Spec {
    name: "reload",
    aliases: &[],
    group: Group::Cluster,
    args: &[],
    flags: &[],
    summary: "read cluster files that have changed, and drop-ins",
    help: "A cluster whose file has changed is loaded anew, with new connections; others are left \
           as they are. Also notices new drop-in commands and what they say of themselves.",
    examples: &["reload"],
    build: |_| Ok(Command::Reload),
};

pub(super) const SHOW: Spec = Spec {
    name: "show",
    aliases: &[],
    group: Group::Cluster,
    args: &[Arg::optional("TARGET|WORD", Kind::TargetOrWord)],
    flags: &[Flag {
        short: Some('v'),
        long: Some("verbose"),
        value: None,
        repeats: true,
        doc: "Show more of each node; twice: every attribute, as targets can select by.",
    }],
    summary: "list nodes: index, name, type, state, id, addresses",
    help: "Nodes that are defined but not launched are absent. Instances of the region that \
           belong to no loaded cluster are unassigned: only their full name, id or index \
           selects them. A word that is no target is \
           searched for in every attribute of every node. What show lists for a target is what \
           another command with this target would act on.",
    examples: &[
        "show",
        "show -vv worker0",
        "show state=stopped",
        "show m3.medium",
    ],
    build: |args| {
        Ok(Command::Show {
            verbose: args.times("verbose").min(2),
            what: args.target()?,
        })
    },
};

pub(super) const START: Spec = Spec {
    name: "start",
    aliases: &[],
    group: Group::Cluster,
    args: &[OPTIONAL_TARGET],
    flags: &[Flag {
        short: None,
        long: Some("no-wait"),
        value: None,
        repeats: false,
        doc: "Do not wait until the nodes answer ssh.",
    }],
    summary: "launch what is absent, start what is stopped",
    help: "What runs is left alone, so start can be repeated. Waits until each node answers \
           ssh, at most as long as set boot says; at the prompt in the background. Ctrl-C ends \
           the waiting, not the nodes.",
    examples: &[
        "start",
        "start worker[0-2]",
        "start state=stop*",
        "start --no-wait master",
    ],
    build: |args| {
        let wait = !args.given("no-wait");
        Ok(Command::Start {
            target: args.target()?,
            wait,
        })
    },
};

pub(super) const STOP: Spec = Spec {
    name: "stop",
    aliases: &[],
    group: Group::Cluster,
    args: &[TARGET],
    flags: &[YES],
    summary: "stop nodes; start brings them back",
    help: "Lists the nodes and asks. Without a terminal to ask on, and without -y, it refuses.",
    examples: &["stop worker*", "stop -y master"],
    build: |args| {
        let yes = args.given("yes");
        Ok(Command::Stop {
            target: build::required_target(args)?,
            yes,
        })
    },
};

pub(super) const TAG: Spec = Spec {
    name: "tag",
    aliases: &[],
    group: Group::Cluster,
    args: &[TARGET, Arg::rest("KEY=VALUE", Kind::Free)],
    flags: &[],
    summary: "set tags of instances",
    help: "Several tags may be joined by commas or given as several words. Name and the dust: \
           tags say which node an instance is, and cannot be set for nodes of a file.",
    examples: &[
        "tag worker* owner=devops,env=test",
        "tag master 'note=keep me'",
    ],
    build: build::tag,
};

pub(super) const TERMINATE: Spec = Spec {
    name: "terminate",
    aliases: &[],
    group: Group::Cluster,
    args: &[TARGET],
    flags: &[YES],
    summary: "destroy nodes, with their disks",
    help: "Lists the nodes and asks; for a whole cluster, its name must be typed. Without a \
           terminal to ask on, and without -y, it refuses.",
    examples: &["terminate worker[0-2]", "terminate state=stopped"],
    build: |args| {
        let yes = args.given("yes");
        Ok(Command::Terminate {
            target: build::required_target(args)?,
            yes,
        })
    },
};

pub(super) const UNTAG: Spec = Spec {
    name: "untag",
    aliases: &[],
    group: Group::Cluster,
    args: &[TARGET, Arg::rest("KEY[=VALUE]", Kind::Free)],
    flags: &[],
    summary: "remove tags of instances",
    help: "With a value, a tag is only removed where it has that value.",
    examples: &["untag worker* owner", "untag * env=test"],
    build: |args| {
        let target = build::required_target(args)?;
        let tags = build::pairs(args)?.into_iter().collect();
        Ok(Command::Untag { target, tags })
    },
};

pub(super) const USE: Spec = Spec {
    name: "use",
    aliases: &[],
    group: Group::Cluster,
    args: &[Arg::required("TARGET|REGION", Kind::Target)],
    flags: &[],
    summary: "choose the working set",
    help: "The working set is what a command without a target acts on. use * chooses all nodes \
           again. A region is its nodes; one of which no cluster is loaded is loaded with all \
           its instances, as a cluster file with @cloud alone would.",
    examples: &["use worker*", "use democloud", "use eu-west-1", "use *"],
    build: |args| {
        Ok(Command::Use {
            target: build::required_target(args)?,
        })
    },
};
