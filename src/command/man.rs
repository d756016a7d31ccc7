//! The man page, in mdoc: the tables, and around them what no table knows.

use super::COMMANDS;
use super::help::{explain, sentence, synopsis};
use super::options::{self, FLAGS, Subcommand};
use super::settings::{SETTINGS, Setting};
use super::table::{Arg, Flag, Group, Kind, Need, Spec};
use super::topics::{Block, FORMS, Form, TOPICS, Topic};
use crate::config;

/// When what the page says last changed, as mdoc writes dates.
const DATE: &str = "November 22, 2026";

/// The page `dust(1)`.
pub fn page() -> String {
    let parts = [
        HEAD.replace("@DATE@", DATE),
        usage(),
        DESCRIPTION.to_owned(),
        list(
            FLAGS
                .iter()
                .map(|program| (flag(&program.flag), text(program.flag.doc))),
        ),
        ".Sh SUBCOMMANDS\n".to_owned(),
        list(options::visible_subs().map(sub)),
        PROMPT.to_owned(),
        Group::ALL.map(commands).concat(),
        TOPICS.iter().map(topic).collect(),
        ".Sh SETTINGS\nWhat\n.Ic set\nsets, and the options of the program for one run:\n"
            .to_owned(),
        list(SETTINGS.iter().map(setting)),
        FILES_HEAD.to_owned(),
        keys(),
        TAIL.to_owned(),
    ];
    parts.concat()
}

fn usage() -> String {
    let line = |(usage, _): (String, String)| {
        let rest = usage.strip_prefix("dust").unwrap_or(&usage);
        format!(".Nm\n{}", text(rest.trim_start()))
    };
    format!(
        ".Sh SYNOPSIS\n{}",
        synopsis().into_iter().map(line).collect::<String>()
    )
}

fn sub(sub: &Subcommand) -> (String, String) {
    let args: String = sub.args.iter().map(arg).collect();
    let about = format!("{} {}", sentence(sub.summary), sub.help);
    (format!("Nm dust {}{args}", sub.name), text(&about))
}

fn commands(group: Group) -> String {
    let forms = FORMS.iter().filter(|form| form.group == group).map(form);
    let commands = COMMANDS
        .iter()
        .filter(|spec| spec.group == group)
        .map(command);
    let items: String = forms.chain(commands).collect();
    format!(".Ss {}\n.Bl -tag -width Ds\n{items}.El\n", group.title())
}

/// The keys of cluster files.
fn keys() -> String {
    use config::Group;
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
        let keys = config::KEYS.iter().filter(|key| key.group == group);
        let keys = keys.map(|key| (format!("Cm {}", escape(key.name)), text(&sentence(key.doc))));
        format!(".Ss {title}\n{}", list(keys))
    };
    groups.map(group).concat()
}

/// A tagged list; each head is what follows `.It`.
fn list(items: impl Iterator<Item = (String, String)>) -> String {
    let items: String = items
        .map(|(head, body)| format!(".It {head}\n{body}"))
        .collect();
    format!(".Bl -tag -width Ds\n{items}.El\n")
}

/// `Fl f , Fl \-file Ar CNF`
fn flag(flag: &Flag) -> String {
    let short = flag.short.map(|c| format!("Fl {c}"));
    let long = flag.long.map(|long| format!("Fl \\-{}", escape(long)));
    let forms: Vec<String> = short.into_iter().chain(long).collect();
    let value = flag
        .value
        .map(|(name, _)| format!(" Ar {name}"))
        .unwrap_or_default();
    format!("{}{value}", forms.join(" , "))
}

/// ` Op Ar TARGET`
fn arg(arg: &Arg) -> String {
    let name = match arg.kind {
        Kind::OneOf(words) => words.join(" | "),
        _ => arg.name.to_owned(),
    };
    match arg.need {
        Need::Required => format!(" Ar {name}"),
        Need::Optional => format!(" Op Ar {name}"),
        Need::Rest | Need::Several => format!(" Ar {name} ..."),
    }
}

fn command(spec: &Spec) -> String {
    let flags: String = spec
        .flags
        .iter()
        .map(|own| format!(" Op {}", first_form(own)))
        .collect();
    let args: String = spec.args.iter().map(arg).collect();
    let also = match spec.aliases {
        [] => String::new(),
        aliases => text(&format!("Also: {}.", aliases.join(", "))),
    };
    let own = match spec.flags {
        [] => String::new(),
        flags => list(flags.iter().map(|own| (flag(own), text(own.doc)))),
    };
    let head = format!(".It Ic {}{flags}{args}\n", escape(spec.name));
    [
        head,
        text(&sentence(spec.summary)),
        also,
        text(spec.help),
        own,
        examples(spec.examples),
    ]
    .concat()
}

fn first_form(own: &Flag) -> String {
    let dots = if own.repeats { " ..." } else { "" };
    match (own.short, own.long) {
        (Some(c), _) => format!("Fl {c}{dots}"),
        (None, long) => format!("Fl \\-{}{dots}", escape(long.unwrap_or_default())),
    }
}

fn form(form: &Form) -> String {
    let head = format!(".It Li {}\n", word(form.usage));
    [
        head,
        text(&sentence(form.summary)),
        text(form.help),
        examples(form.examples),
    ]
    .concat()
}

fn setting(setting: &'static Setting) -> (String, String) {
    (
        format!("Cm {}", escape(setting.name)),
        text(&explain(setting)),
    )
}

fn topic(topic: &Topic) -> String {
    let title = topic
        .names
        .first()
        .copied()
        .unwrap_or_default()
        .to_uppercase();
    let mut parts = vec![format!(".Sh {title}\n")];
    for (i, block) in topic.blocks.iter().enumerate() {
        parts.push(match *block {
            Block::Text(paragraph) if i > 0 => format!(".Pp\n{}", text(paragraph)),
            Block::Text(paragraph) => text(paragraph),
            Block::List(rows) => list(
                rows.iter()
                    .map(|&(term, meaning)| (format!("Li {}", word(term)), text(meaning))),
            ),
        });
    }
    parts.concat()
}

fn examples(lines: &[&str]) -> String {
    format!(
        ".Bd -literal -offset indent -compact\n{}.Ed\n",
        lines.iter().map(|line| text(line)).collect::<String>()
    )
}

/// Paragraphs as lines of text; an empty line between them becomes a macro.
fn text(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.is_empty());
    let lines: Vec<String> = paragraphs
        .map(|paragraph| {
            let guard = if paragraph.starts_with(['.', '\'']) {
                "\\&"
            } else {
                ""
            };
            // A new sentence begins a new line, so that formatters space it well.
            format!("{guard}{}\n", escape(paragraph).replace(". ", ".\n"))
        })
        .collect();
    lines.join(".Pp\n")
}

/// One argument of a macro, whatever is in it.
fn word(text: &str) -> String {
    // Without the guard, one that is punctuation only would not count as an argument.
    format!("\"\\&{}\"", escape(text).replace('"', "\\(dq"))
}

/// Keeps formatters from reading anything into a text, and from making its ASCII typographic.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            _ => out.push(c),
        }
    }
    out
}

const HEAD: &str = r#".\" Made from dust's command table: do not edit.
.Dd @DATE@
.Dt DUST 1
.Os
.Sh NAME
.Nm dust
.Nd ssh cluster shell
"#;

const DESCRIPTION: &str = r#".Sh DESCRIPTION
.Nm
gives one prompt to many machines.
It brings up the nodes of a cluster file, sends shell commands to any of them over one ssh
connection and one persistent shell per node, shows their output line by line under their names,
and knows when each command ended and with which status.
.Pp
Without a
.Ar LINE
it opens its prompt.
With one it runs this prompt line and exits.
The words of the line are taken as they are; after an
.Li @target
they are joined with blanks, as
.Xr ssh 1
does.
Put targets in single quotes, for their wildcards are not the shell's.
Several lines, given by
.Fl c
or on standard input
.Pq Fl ,
are all run, one after another.
There, a first word that is no command is an error; at the prompt it is run by the system shell.
.Pp
Where standard input is no terminal, the commands of the first line that runs on nodes read it, each
node's command all of it; to later lines, and to those of
.Li \- ,
it is empty.
As with
.Xr ssh 1 ,
.Li "< /dev/null"
keeps a loop's input from being read.
.Pp
Output of nodes goes to standard output,
.Nm Ns 's
own notices to standard error.
.Pp
The options of the program stand before the first other word:
"#;

const PROMPT: &str = r#".Sh COMMANDS
A line of the prompt is one of these.
Words are split as in a shell: blanks separate them, quotes and the backslash keep blanks, and
.Li #
at the start of a word begins a comment.
Options may stand anywhere among the words of a command, until
.Fl \- ;
.Fl h
explains the command.
A line that begins with a blank is kept out of the history.
"#;

const FILES_HEAD: &str = r#".Sh CLUSTER FILES
The section
.Li @cloud
holds the provider and what all nodes have in common; each other section is a node, or with a
range in its name many:
.Bd -literal -offset indent
@cloud
provider = ssh
name = democloud
username = ubuntu
keyfile = \(ti/.ssh/democloud.pem

@master
host = 192.0.2.10

@worker[0\-2]
.Ed
.Pp
.Li #
and
.Li \&;
begin a comment, at the start of a line or after a blank.
A node may set every key but
.Cm provider
and
.Cm name ,
and wins over
.Li @cloud .
An unknown key, a node that is there twice or a bad value is refused with its line.
"#;

const TAIL: &str = r#".Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev AWS_PROFILE , AWS_REGION , AWS_ACCESS_KEY_ID , AWS_ENDPOINT_URL , \&...
As for all of AWS's tools, where the cluster file does not say otherwise.
.It Ev DUST_CONFIG
The configuration file, instead of the usual one.
.It Ev DUST_EC2_TIMEOUT
How long EC2 may take to answer one call, in seconds (30).
.It Ev DUST_MY_ADDRESS
The address that a new security group lets in by ssh;
.Cm none
for nobody.
Without it, AWS is asked.
.It Ev DUST_RUNTIME_DIR
Where the sockets of sessions are, instead of the usual places.
.It Ev DUST_SESSION
The session to open or join where
.Fl s
does not say.
.It Ev NO_COLOR
If set and not empty, no colours, unless
.Fl \-color
or
.Ic set color
asks for them.
.It Ev SHELL
The system shell that runs
.Li \&!COMMAND .
.It Ev XDG_STATE_HOME
Where the history is kept.
.El
.Pp
What runs in the system shell of a session has
.Ev DUST_SOCKET ,
the session\(aqs socket, and
.Ev DUST_SESSION_PID ,
its server; the rest is the environment of the terminal that was typed at last.
.Pp
In the shells on the nodes these are set:
.Bl -tag -width Ds
.It Ev DUST_NODE
The node's name.
.It Ev DUST_RANK
Its number among the nodes of its cluster, from 0.
.It Ev DUST_SIZE
How many they are.
.It Ev DUST_CLUSTER
The cluster's name.
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa default.cnf
The cluster file that is loaded from the current folder where
.Fl f
names none.
.It Pa \(ti/.config/dust/config.ini
What the settings begin with:
.Li NAME=VALUE
lines, at the top or below a heading
.Li [dust] .
Comments are as in cluster files;
.Li \(ti
and paths relative to the file work.
If anything in it is wrong, or others may write to it, none of it is used: the prompt says so, and
other runs end with status 2.
A session reads it when it begins.
.Ev XDG_CONFIG_HOME
is used if it is set.
.It Pa DIR/NODE.log , Pa DIR/NODE.log.1 , \&...
What
.Ic log DIR
writes.
What cannot stand in the name of a file is
.Li %
and two hexadecimal digits.
.It Pa \(ti/.local/state/dust/history
The lines typed at the prompt.
.It Pa $XDG_RUNTIME_DIR/dust , Pa \(ti/.local/state/dust/run , Pa /tmp/dust-UID
The sockets of sessions, in the first of these that can be had; nobody else may look into it.
.El
.Sh EXIT STATUS
The prompt exits with 0.
Otherwise:
.Bl -tag -width Ds
.It 0
The command returned 0 on every node.
.It 1 to 255
The largest status that it returned on any node.
.It 2
The command line, a cluster file or a target is wrong.
Nothing was sent.
.It 124
The command did not end in time on a node.
.It 130
Ctrl\-C.
.It 255
A node could not be reached, or its connection was lost.
.El
.Sh EXAMPLES
Try it on three nodes on this machine:
.Bd -literal -offset indent
$ dust demo
.Ed
.Pp
A session at the prompt:
.Bd -literal -offset indent
dust$ load web.cnf
dust:web$ start
dust:web$ show
dust:web$ @worker* tail \-2 /etc/resolv.conf
dust:web$ @worker* sudo apt\-get install nginx
[worker0] Do you want to continue? [Y/n]
[worker1] Do you want to continue? [Y/n]
dust:web$ @work* Y
dust:web$ @%failed sudo dpkg \-\-configure \-a
dust:web$ stop worker*
.Ed
.Pp
A file to all nodes, and a command's output:
.Bd -literal -offset indent
$ dust \-f web.cnf \(aq@*\(aq \(aqcat > motd\(aq < motd
$ tar c site | dust \-f web.cnf \(aq@web*\(aq \(aqtar x \-C /srv\(aq
.Ed
.Pp
From a script, with one JSON object a line:
.Bd -literal -offset indent
$ dust \-f web.cnf \-\-json \(aq@state=running\(aq df / | jq .
.Ed
.Pp
Several lines; nothing asks:
.Bd -literal -offset indent
$ dust \-y \-f web.cnf \-c start \-c \(aq@* ./test.sh\(aq \-c \(aqstop *\(aq
.Ed
.Sh SEE ALSO
.Xr scp 1 ,
.Xr ssh 1 ,
.Xr ssh_config 5
"#;
