//! The man page, in mdoc: the tables, and around them what no table knows.

use super::COMMANDS;
use super::help::{SYNOPSIS, sentence};
use super::options::{self, FLAGS};
use super::settings::{SETTINGS, Setting};
use super::table::{Arg, Flag, Group, Kind, Need, Spec};
use super::topics::{Block, FORMS, Form, TOPICS, Topic};

/// When what the page says last changed, as mdoc writes dates.
const DATE: &str = "November 22, 2026";

/// The page `dust(1)`.
pub fn page() -> String {
    let mut out = HEAD.replace("@DATE@", DATE);
    out += &synopsis();
    out += DESCRIPTION;
    out += "The options of the program stand before the first other word:\n";
    out += &list(
        FLAGS
            .iter()
            .map(|program| (flag(&program.flag), text(program.flag.doc))),
    );
    out += ".Sh SUBCOMMANDS\n";
    out += &list(options::visible_subs().map(|sub| {
        let about = format!("{} {}", sentence(sub.summary), sub.help);
        (
            format!(
                "Nm dust {}{}",
                sub.name,
                sub.args.iter().map(arg).collect::<String>()
            ),
            text(&about),
        )
    }));
    out += PROMPT;
    for group in Group::ALL {
        out += &format!(".Ss {}\n", group.title());
        let forms = FORMS.iter().filter(|form| form.group == group).map(form);
        let commands = COMMANDS
            .iter()
            .filter(|spec| spec.group == group)
            .map(command);
        out += &format!(
            ".Bl -tag -width Ds\n{}.El\n",
            forms.chain(commands).collect::<String>()
        );
    }
    for topic in TOPICS {
        let title = topic.names.first().copied().unwrap_or_default();
        out += &format!(".Sh {}\n{}", title.to_uppercase(), blocks(topic));
    }
    out += ".Sh SETTINGS\nWhat\n.Ic set\nsets, and the options of the program for one run:\n";
    out += &list(SETTINGS.iter().map(setting));
    out + TAIL
}

fn synopsis() -> String {
    let mut out = String::from(".Sh SYNOPSIS\n");
    let subs = options::visible_subs()
        .map(|sub| format!("dust [OPTIONS] {}", super::help::sub_usage(sub)));
    for usage in SYNOPSIS
        .iter()
        .map(|&(usage, _)| usage.to_owned())
        .chain(subs)
    {
        out += ".Nm\n";
        let rest = usage.strip_prefix("dust").unwrap_or(&usage);
        out += &format!("{}\n", text(rest.trim_start()).trim_end());
    }
    out
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
        Need::Rest => format!(" Ar {name} ..."),
    }
}

fn command(spec: &Spec) -> String {
    let flags: String = spec
        .flags
        .iter()
        .map(|own| format!(" Op {}", first_form(own)))
        .collect();
    let args: String = spec.args.iter().map(arg).collect();
    let mut out = format!(".It Ic {}{flags}{args}\n", escape(spec.name));
    out += &text(&sentence(spec.summary));
    if !spec.aliases.is_empty() {
        out += &text(&format!("Also: {}.", spec.aliases.join(", ")));
    }
    out += &text(spec.help);
    if !spec.flags.is_empty() {
        out += &list(spec.flags.iter().map(|own| (flag(own), text(own.doc))));
    }
    out + &examples(spec.examples)
}

fn first_form(own: &Flag) -> String {
    let dots = if own.repeats { " ..." } else { "" };
    match (own.short, own.long) {
        (Some(c), _) => format!("Fl {c}{dots}"),
        (None, long) => format!("Fl \\-{}{dots}", escape(long.unwrap_or_default())),
    }
}

fn form(form: &Form) -> String {
    let mut out = String::new();
    for (usage, summary) in form.usage.iter().zip(form.summary) {
        out += &format!(".It Li {}\n{}", word(usage), text(&sentence(summary)));
    }
    out + &text(form.help) + &examples(form.examples)
}

fn setting(setting: &'static Setting) -> (String, String) {
    let about = format!(
        "{} It takes {}; at first it is {}.",
        setting.doc,
        setting.values,
        setting.default_value()
    );
    (format!("Cm {}", escape(setting.name)), text(&about))
}

fn blocks(topic: &Topic) -> String {
    let block = |block: &Block| match *block {
        Block::Text(paragraph) => text(paragraph),
        Block::List(rows) => list(
            rows.iter()
                .map(|&(term, meaning)| (format!("Li {}", word(term)), text(meaning))),
        ),
    };
    topic.blocks.iter().map(block).collect()
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
Output of nodes goes to standard output,
.Nm Ns 's
own notices to standard error.
.Pp
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
"#;

const TAIL: &str = r#".Sh CLUSTER FILES
The section
.Li @cloud
holds the provider and what all nodes have in common; each other section is a node, or with a
range in its name many, and may set any of these keys itself:
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
Lines that begin with
.Li #
or
.Li \&;
are comments.
An unknown key, a node that is there twice or a bad value is refused with its line.
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev NO_COLOR
If set and not empty, no colours, unless
.Fl \-color
asks for them.
.It Ev SHELL
The system shell that runs
.Li \&!COMMAND .
.El
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
dust:web$ @worker2
dust:web$ stop worker*
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
