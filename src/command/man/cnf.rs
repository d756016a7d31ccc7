//! The page of cluster files: their keys from the table, and around them what no table knows.

use super::super::help::sentence;
use super::DATE;
use super::mdoc::{escape, list, text};
use crate::config::{Group, KEYS, Key};

/// The page `dust.cnf(5)`.
pub(super) fn page() -> String {
    let groups = [
        (Group::Cluster, "The cluster"),
        (Group::Login, "Logging in"),
        (Group::Route, "The way to a node"),
        (
            Group::Launch,
            "What a missing EC2 instance is launched with",
        ),
    ];
    let group = |(group, title): (Group, &str)| {
        let keys = KEYS.iter().filter(|key| key.group == group);
        format!(".Ss {title}\n{}", list(keys.map(key)))
    };
    let keys: String = groups.map(group).concat();
    [&HEAD.replace("@DATE@", DATE), &keys, TAIL].concat()
}

fn key(key: &Key) -> (String, String) {
    let more = MORE.iter().find(|(name, _)| *name == key.name);
    let more = more.map(|(_, more)| *more).unwrap_or_default();
    let head = format!("Cm {}", escape(key.name));
    (head, text(&sentence(key.doc)) + &text(more))
}

/// What is to know of some keys besides their line in the table.
const MORE: &[(&str, &str)] = &[
    (
        "provider",
        "It must be there. With ssh, machines exist already. With local, nodes are processes on this \
         machine, with homes of their own, until they are stopped or terminated.",
    ),
    (
        "region",
        "Without it, region, profile and endpoint are what AWS's own tools would take: from the \
         environment and ~/.aws/config. Nodes may be in different regions.",
    ),
    (
        "endpoint",
        "For what speaks EC2's language elsewhere. It begins with http:// or https://.",
    ),
    (
        "username",
        "Without it: User of ssh_config, else who you are here.",
    ),
    (
        "key",
        "It must exist in the region. With neither key nor keyfile, dust makes a key pair in the \
         region and keeps its private half under ~/.local/share/dust/keys, for you alone.",
    ),
    (
        "keyfile",
        "Without it: IdentityFile of ssh_config, else the usual files in ~/.ssh; and the agent. With \
         keyfile alone, an instance is launched without a key pair: its image must know the key.",
    ),
    (
        "host",
        "In a section of a range, it may be a range of as many hosts: host=10.0.0.[0-31]. It is also \
         the Host that ssh_config is asked about.",
    ),
    (
        "address",
        "auto takes the public one if there is one. This is for ec2; elsewhere host says it.",
    ),
    (
        "jump",
        "The first one is reached from here, each further one through the one before. A node that is \
         its own jump host is reached directly. none undoes what @cloud says.",
    ),
    (
        "proxy_command",
        "As in ssh_config, with its %h, %p, %r and others. It takes the whole rest of the line: no \
         comment can stand behind it.",
    ),
    (
        "host_keys",
        "accept-new, which is the default, remembers a new key and refuses a changed one. cloud takes \
         only keys whose fingerprints are on the instance's console, which may take minutes after a \
         launch; other providers than ec2 take it for accept-new. strict takes only keys that are \
         known already. off checks nothing.",
    ),
    (
        "image",
        "By its id. It and instance_type must be there for whatever is to be launched.",
    ),
    (
        "security_group",
        "By names or ids. Without it, the cluster gets a group of its own, which lets in ssh from this \
         machine's address and all between its nodes; ec2sec changes it.",
    ),
    ("subnet", "Without it, one of the default network."),
    ("disk", "From 1 to 65536. Without it, as the image says."),
    ("user_data", "Its text, as it is, at most 16 KiB."),
    (
        "tag.NAME",
        "As many as there are lines. A node has those of @cloud, too; its own win. Name, dust: and aws: \
         belong to others. Targets select by them: tags=owner:devops.",
    ),
];

const HEAD: &str = r#".\" Made from dust's table of keys: do not edit.
.Dd @DATE@
.Dt DUST.CNF 5
.Os
.Sh NAME
.Nm dust.cnf
.Nd cluster files of dust
.Sh DESCRIPTION
A cluster file says which nodes there are, how
.Xr dust 1
reaches them, and, for nodes that dust launches, what they are.
It is given by
.Fl f ,
or to
.Ic load ;
.Pa default.cnf
in the current folder is taken where none is given.
Any name will do;
.Pa .cnf
is dropped where the cluster is called as its file.
.Bd -literal -offset indent
# The defaults of every node.
@cloud
provider = ec2
name     = democloud
region   = eu\-west\-1
username = ubuntu
keyfile  = keys/demo.pem      ; relative to this file

@master
instance_type = m3.medium
image         = ami\-896c96fe

@worker[0\-31]
instance_type = t2.small
image         = ami\-3eb46b49
tag.owner     = devops
.Ed
.Ss Sections
The section
.Li @cloud
must be there, and holds the provider and what all nodes have in common.
Every other section,
.Li @NAME ,
is a node, or, with numbers in brackets, many:
.Li @worker[0\-31] ,
.Li @n[001\-128]
(zeros count),
.Li @web[1,3,5\-9] .
Names are made of the letters A to Z and a to z, digits, and
.Li \&. _ \- ;
they begin with a letter, a digit or
.Li _ ,
and have at most 128 characters.
A file may define 10,000 nodes.
.Pp
A node may set every key but
.Cm provider
and
.Cm name ,
and wins over
.Li @cloud .
.Pp
Where
.Li @cloud
stands alone and the provider is ec2, all instances of the region are the cluster's nodes, by their
Name tags.
.Ss Lines
A line is
.Li key = value ;
white space around both is dropped.
.Li #
and
.Li \&;
begin a comment, at the start of a line or after a blank; elsewhere they belong to the value.
Keys and values are case\-sensitive, and a key stands once in a section.
Values are written without quotes, backslashes are ordinary letters, and no value goes on in the next
line.
Paths that are not absolute start at the file's own folder;
.Li \(ti/
is your home.
.Ss Errors
A file with an error is refused as a whole, and a cluster that was loaded before stays loaded.
What is wrong is told with its line, and with the nearest thing that would be right:
.Bd -literal -offset indent
bad.cnf:3: unknown key \(gausrname\(ga (did you mean \(gausername\(ga?)
.Ed
.Sh KEYS
"#;

const TAIL: &str = r#".Pp
Other providers than ec2 ignore the keys for launching, so that a file may change its provider.
.Sh EXAMPLES
Machines that exist, behind a bastion:
.Bd -literal -offset indent
@cloud
provider = ssh
name     = lab
username = root
keyfile  = \(ti/.ssh/lab_key
jump     = me@gate.example.org:2222

@master
host = 10.0.0.1

@worker[0\-2]
host = 10.0.1.[0\-2]
tag.owner = devops
.Ed
.Pp
Hosts that
.Xr ssh_config 5
knows, by their names there:
.Bd -literal -offset indent
@cloud
provider = ssh
@db1
@db2
.Ed
.Pp
Nodes on this machine, to try things:
.Bd -literal -offset indent
@cloud
provider = local
@node[0\-4]
.Ed
.Pp
Spot instances in two zones, with what they run:
.Bd -literal -offset indent
@cloud
provider       = ec2
region         = eu\-west\-1
username       = admin
image          = ami\-0123456789abcdef0
instance_type  = c7g.large
spot           = true
disk           = 40
security_group = default, web
user_data      = setup.sh
host_keys      = cloud

@a[0\-9]
zone = eu\-west\-1a

@b[0\-9]
zone = eu\-west\-1b
.Ed
.Sh SEE ALSO
.Xr dust 1 ,
.Xr ssh_config 5
"#;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_key_is_there_and_what_is_said_is_about_one() {
        let page = page();
        for key in KEYS {
            assert!(
                page.contains(&format!(".It Cm {}\n", escape(key.name))),
                "{}",
                key.name
            );
        }
        for (name, _) in MORE {
            assert!(KEYS.iter().any(|key| key.name == *name), "{name}");
        }
    }

    /// What people copy must work.
    #[test]
    fn the_examples_are_cluster_files() {
        let page = page();
        let blocks = page.split(".Bd -literal -offset indent\n").skip(1);
        let blocks = blocks.filter_map(|block| block.split(".Ed\n").next());
        let files: Vec<String> = blocks
            .filter(|block| block.contains("@cloud"))
            .map(|block| block.replace("\\-", "-").replace("\\(ti", "~"))
            .collect();
        assert_eq!(files.len(), 5);
        let (base, home) = (Path::new("/x"), Some(Path::new("/home/me")));
        for file in files {
            crate::config::parse("demo.cnf", base, home, &file).unwrap();
        }
    }
}
