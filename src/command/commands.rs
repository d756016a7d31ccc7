//! The commands: what each one is once its words are read, and the table of them all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::build;
use super::settings::{Change, Setting};
use super::table::{Arg, Flag, Group, Kind, Spec};
use super::topics::Subject;

/// A command with its arguments, ready to be carried out once its target is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Change dust's own folder.
    Cd {
        /// Where to; none: home. `-`: back to the folder before.
        dir: Option<PathBuf>,
    },
    /// Take the session off the terminal, or a node's shell.
    Detach {
        /// The node; none: the session.
        node: Option<String>,
    },
    /// Show how the outputs of the last command differ.
    Diff,
    /// List drop-in commands.
    DropIns,
    /// Put those that come with dust into the person's folder.
    Install {
        /// Which; none: all.
        name: Option<String>,
    },
    /// Explain a word that may be a drop-in.
    About {
        /// It.
        word: String,
    },
    /// Read cluster files again.
    Reload,
    /// List raw shells.
    Sessions,
    /// Close connections.
    Disconnect {
        /// To which nodes.
        target: String,
    },
    /// Show or change what security groups let in.
    Ec2Sec {
        /// What to do.
        action: SecAction,
        /// Which nodes; none: the working set.
        target: Option<String>,
        /// The rule's words: protocol, ports, source. Empty for [`SecAction::Show`].
        rule: Vec<String>,
    },
    /// Leave.
    Exit,
    /// Bring files of nodes here.
    Get {
        /// The nodes, files of theirs, maybe a folder here.
        words: Vec<PathBuf>,
        /// How.
        copy: Copying,
    },
    /// Explain.
    Help {
        /// What.
        subject: Subject,
    },
    /// List earlier lines.
    History {
        /// How many of the last ones; none: all.
        count: Option<usize>,
    },
    /// List key pairs.
    Keys,
    /// Load a cluster file.
    Load {
        /// The file; a leading `~` is still in it.
        file: PathBuf,
    },
    /// Write what each node prints to files.
    Log {
        /// To which folder.
        to: To,
    },
    /// Say what `start` would do.
    Plan {
        /// For which nodes; none: the working set.
        target: Option<String>,
    },
    /// Bring files to nodes.
    Put {
        /// Files, the nodes, maybe a folder of theirs.
        words: Vec<PathBuf>,
        /// How.
        copy: Copying,
    },
    /// Open connections anew.
    Reconnect {
        /// To which nodes.
        target: String,
    },
    /// Record raw shells.
    Record {
        /// To which file.
        to: To,
        /// Keys, too.
        keys: bool,
        /// A file that is there is written anew.
        replace: bool,
    },
    /// Ask the provider again.
    Refresh,
    /// Show all settings.
    Settings,
    /// Show one setting.
    Setting {
        /// Which.
        setting: &'static Setting,
    },
    /// Change a setting.
    Set {
        /// To what.
        change: Change,
    },
    /// List nodes.
    Show {
        /// How much of each: 0 a line, 1 more columns, 2 every attribute.
        verbose: u8,
        /// A target, or a word to search for; none: the working set.
        what: Option<String>,
    },
    /// Print what ~/.ssh/config has to say of nodes.
    SshConfig {
        /// Which nodes; none: the working set.
        target: Option<String>,
    },
    /// Launch what is absent, start what is stopped.
    Start {
        /// Which nodes; none: the working set.
        target: Option<String>,
        /// Wait until they answer ssh.
        wait: bool,
    },
    /// Stop machines.
    Stop {
        /// Which nodes.
        target: String,
        /// Do not ask.
        yes: bool,
    },
    /// Set tags.
    Tag {
        /// Of which nodes.
        target: String,
        /// Which, with their values.
        tags: BTreeMap<String, String>,
    },
    /// Destroy machines.
    Terminate {
        /// Which nodes.
        target: String,
        /// Do not ask.
        yes: bool,
    },
    /// Remove tags.
    Untag {
        /// Of which nodes.
        target: String,
        /// Which; where a value is given, only where the tag has it.
        tags: BTreeMap<String, Option<String>>,
    },
    /// Choose the working set.
    Use {
        /// Which nodes; `*`: all. A region, where no node or cluster is called so.
        target: String,
    },
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Say where.
    Show,
    /// Nowhere any more.
    Off,
    /// There; a leading `~` is still in it.
    Path(PathBuf),
}

/// How files are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copying {
    /// Folders, too.
    pub deep: bool,
    /// Modes and times are kept.
    pub keep: bool,
    /// What an earlier run left unfinished is gone on with.
    pub resume: bool,
    /// The copies are compared with what they were made of.
    pub check: bool,
}

/// What `ec2sec` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecAction {
    /// Show the rules.
    Show,
    /// Let in.
    Add,
    /// Let in no more.
    Remove,
}

const OPTIONAL_TARGET: Arg = Arg::optional("TARGET", Kind::Target);
const TARGET: Arg = Arg::required("TARGET", Kind::Target);

const YES: Flag = Flag {
    short: Some('y'),
    long: Some("yes"),
    value: None,
    repeats: false,
    doc: "Do not ask.",
};

const fn copy_flag(short: Option<char>, long: &'static str, doc: &'static str) -> Flag {
    Flag {
        short,
        long: Some(long),
        value: None,
        repeats: false,
        doc,
    }
}

const COPY: &[Flag] = &[
    copy_flag(
        Some('r'),
        "recursive",
        "Copy folders, too, with all that is in them.",
    ),
    copy_flag(Some('p'), "preserve", "Keep modes and times."),
    copy_flag(
        None,
        "resume",
        "Go on with what an earlier run left unfinished.",
    ),
    copy_flag(
        None,
        "check",
        "Compare SHA-256 of each copy with the file, and force the copy to disk.",
    ),
];

/// All commands, by name. Everything that lists commands reads this.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "cd",
        aliases: &[],
        group: Group::Prompt,
        args: &[Arg::optional("DIR", Kind::Dir)],
        flags: &[],
        summary: "change dust's own folder",
        help: "File names and local commands start from this folder. Without DIR it is the home \
               folder; cd - goes back to the one before. The folders of the nodes' shells are \
               their own: @* cd /tmp.",
        examples: &["cd clusters", "cd -"],
        build: |args| Ok(Command::Cd { dir: args.path() }),
    },
    Spec {
        name: "commands",
        aliases: &[],
        group: Group::Prompt,
        args: &[
            Arg::optional("install", Kind::OneOf(&["install"])),
            Arg::optional("NAME", Kind::Free),
        ],
        flags: &[],
        summary: "list drop-in commands, or install dust's own",
        help: "A drop-in command is a program, in any language, in a folder of commands: those of \
               $DUST_COMMANDS, commands beside the cluster file, ~/.config/dust/commands. Its file's \
               name is the command. It gets its arguments, the nodes in files named by $DUST_NODES \
               (JSON) and $DUST_NAMES, and what it runs with dust goes over the connections that are \
               there. Files that others may write to are refused. Lists all, and what is not used and \
               why. man dust-commands has the rest.\n\n\
               commands install puts rolling, diskfree, hostsfile and cwlogs, or the one that is \
               NAMEd, into ~/.config/dust/commands, to use and to copy; what is there is left alone.",
        examples: &["commands", "commands install", "commands install rolling"],
        build: build::drop_ins,
    },
    Spec {
        name: "detach",
        aliases: &[],
        group: Group::Prompt,
        args: &[Arg::optional("NODE", Kind::Target)],
        flags: &[],
        summary: "leave this terminal; the session goes on",
        help: "dust attach shows it again, from any terminal; what was printed meanwhile comes first. \
               With NODE, whoever is in that node's shell returns to the prompt; what runs in it goes \
               on.",
        examples: &["detach", "detach worker2"],
        build: |args| {
            Ok(Command::Detach {
                node: args.target()?,
            })
        },
    },
    Spec {
        name: "diff",
        aliases: &[],
        group: Group::Shells,
        args: &[],
        flags: &[],
        summary: "show how the outputs of the last command differ",
        help: "Compares what each node printed with what the largest group of nodes printed, line \
               by line.",
        examples: &["diff"],
        build: |_| Ok(Command::Diff),
    },
    Spec {
        name: "disconnect",
        aliases: &[],
        group: Group::Shells,
        args: &[TARGET],
        flags: &[],
        summary: "close the connections to nodes",
        help: "Ends the nodes' shells and what runs in them. The next use of a node connects anew.",
        examples: &["disconnect worker3", "disconnect *"],
        build: |args| {
            Ok(Command::Disconnect {
                target: build::required_target(args)?,
            })
        },
    },
    Spec {
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
    },
    Spec {
        name: "exit",
        aliases: &["quit"],
        group: Group::Prompt,
        args: &[],
        flags: &[],
        summary: "end the session and its connections",
        help: "Ctrl-D on an empty line does the same. To leave the session as it is: detach.",
        examples: &["exit"],
        build: |_| Ok(Command::Exit),
    },
    Spec {
        name: "get",
        aliases: &[],
        group: Group::Shells,
        args: &[
            TARGET,
            Arg::several("FILE", Kind::Free),
            Arg::optional("DIR", Kind::Dir),
        ],
        flags: COPY,
        summary: "copy files of nodes to this machine",
        help: "FILE of each node becomes FILE.NODE; with -r, NODE/FILE. Wildcards in FILE are the \
               nodes' files. The last word is the folder for them, DIR, if it ends in a slash or is \
               a folder here and FILE stands before it; else they go to dust's own folder. A file \
               has its name only when it is whole. Links stay links. A failure is told with its \
               node and file, and the others go on; Ctrl-C removes what is not whole.",
        examples: &[
            "get worker* /var/log/syslog",
            "get -r worker[0-2] /etc/nginx configs/",
            "get -p master '*.log' results/",
        ],
        build: |args| build::copying(args, 2).map(|(words, copy)| Command::Get { words, copy }),
    },
    Spec {
        name: "help",
        aliases: &["?"],
        group: Group::Prompt,
        args: &[Arg::optional("SUBJECT", Kind::Topic)],
        flags: &[],
        summary: "list the commands, or explain one",
        help: "SUBJECT is a command, targets or keyboard.",
        examples: &["help", "help start", "help targets", "? @"],
        build: build::help,
    },
    Spec {
        name: "history",
        aliases: &[],
        group: Group::Prompt,
        args: &[Arg::optional("N", Kind::Number)],
        flags: &[],
        summary: "list the lines typed before, or the last N of them",
        help: "A line that begins with a blank is not kept.",
        examples: &["history 20"],
        build: build::history,
    },
    Spec {
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
    },
    Spec {
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
    },
    Spec {
        name: "log",
        aliases: &[],
        group: Group::Prompt,
        args: &[Arg::optional("DIR|off", Kind::Dir)],
        flags: &[],
        summary: "log what each node prints, one file a node",
        help: "DIR/NODE.log gets the node's output, as it is shown without colours, and the commands \
               and how they ended, each line with its time. The sign behind the time says what a line \
               is: $ a command, = its end, # a word of dust's, + the rest of a very long line, a blank \
               output. What is typed into commands, passwords above all, is in none; nor are raw \
               shells (record) and commands that begin with a blank at the prompt. \
               A file above set log-size becomes NODE.log.1, and so on up to set log-keep. Files are \
               for you alone, links are not followed. Without DIR it says where it logs; set log in \
               config.ini logs always.",
        examples: &["log logs", "log", "log off"],
        build: |args| {
            Ok(Command::Log {
                to: build::to(args),
            })
        },
    },
    Spec {
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
    },
    Spec {
        name: "put",
        aliases: &[],
        group: Group::Shells,
        args: &[
            Arg::several("FILE", Kind::File),
            TARGET,
            Arg::optional("DIR", Kind::Free),
        ],
        flags: COPY,
        summary: "copy files of this machine to nodes",
        help: "Each node gets each FILE in its folder DIR, which is the home folder if it is left \
               out; FILE may be a wildcard. Where DIR is no folder, it is the name of the one FILE's \
               copy. Of the last two words, the one that names nodes is the target; @ before it \
               makes that certain. A file has its name only when it is whole, in place of one that \
               was there. Links that are named are followed, those in folders stay links. A failure \
               is told with its node and file, and the others go on; Ctrl-C removes what is not \
               whole.",
        examples: &[
            "put app.conf worker* /etc/app/",
            "put -r site @worker[0-2] /var/www",
            "put --resume --check image.iso worker*",
        ],
        build: |args| build::copying(args, 2).map(|(words, copy)| Command::Put { words, copy }),
    },
    Spec {
        name: "reconnect",
        aliases: &[],
        group: Group::Shells,
        args: &[TARGET],
        flags: &[],
        summary: "connect to nodes anew",
        help: "Closes what connection there is, with the shell and what runs in it, and opens \
               another. A node that was given up on is tried again.",
        examples: &["reconnect worker3"],
        build: |args| {
            Ok(Command::Reconnect {
                target: build::required_target(args)?,
            })
        },
    },
    Spec {
        name: "record",
        aliases: &[],
        group: Group::Prompt,
        args: &[Arg::optional("FILE|off", Kind::File)],
        flags: &[
            Flag {
                short: Some('i'),
                long: Some("input"),
                value: None,
                repeats: false,
                doc: "Record the keys, too: all of them, passwords as well.",
            },
            Flag {
                short: Some('y'),
                long: Some("yes"),
                value: None,
                repeats: false,
                doc: "Write FILE anew if it is there.",
            },
        ],
        summary: "record raw shells that are entered from now on",
        help: "FILE becomes an asciicast (version 2), as asciinema play shows it: what the terminal \
               shows while a raw shell has it, with its size. A shell that is entered again begins with \
               its screen; a marker names the node each time, and the clock stands still at dust's \
               prompt. record off ends the recording, and so does the end of the session. Without \
               FILE it says what is recorded. FILE is for you alone.",
        examples: &["record upgrade.cast", "record", "record off"],
        build: |args| {
            Ok(Command::Record {
                keys: args.given("input"),
                replace: args.given("yes"),
                to: build::to(args),
            })
        },
    },
    Spec {
        name: "refresh",
        aliases: &[],
        group: Group::Cluster,
        args: &[],
        flags: &[],
        summary: "ask the provider for the nodes' states again",
        help: "Also numbers the nodes anew: see show.",
        examples: &["refresh"],
        build: |_| Ok(Command::Refresh),
    },
    Spec {
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
    },
    Spec {
        name: "sessions",
        aliases: &[],
        group: Group::Shells,
        args: &[],
        flags: &[],
        summary: "list the raw shells that were entered with @NODE",
        help: "One line a raw shell: its node, what runs in it now (- where it waits at its prompt), how \
               long ago it was entered, and whether it has printed something since it was left. \
               @NODE goes back there.",
        examples: &["sessions"],
        build: |_| Ok(Command::Sessions),
    },
    Spec {
        name: "set",
        aliases: &[],
        group: Group::Prompt,
        args: &[
            Arg::optional("NAME", Kind::Setting),
            Arg::optional("VALUE", Kind::Value),
        ],
        flags: &[],
        summary: "show the settings, or change one",
        help: "Without VALUE it says what a setting is, what it is by default, and where its value \
               comes from. A change holds until dust ends; the value default undoes it. What is to \
               hold always stands in config.ini in dust's configuration folder, as NAME=VALUE lines; \
               NO_COLOR goes before color there, and an option before both. A file that is wrong, or \
               that others may write to, is not used.",
        examples: &["set", "set fold", "set fold on", "set fold default"],
        build: build::set,
    },
    Spec {
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
    },
    Spec {
        name: "ssh-config",
        aliases: &[],
        group: Group::Shells,
        args: &[OPTIONAL_TARGET],
        flags: &[],
        summary: "print what lets ssh, scp and rsync use dust's connections",
        help: "In a shell: dust ssh-config > ~/.ssh/dust.conf, and Include dust.conf at the top of \
               ~/.ssh/config. Then ssh, scp, sftp, rsync, git and ansible reach the nodes, \
               by their names, through the session that runs: over its connections, with its jump \
               hosts. They log in as dust does, by the same user and key; host keys are checked \
               under the names that dust knows them by. Only nodes that run are in it. Make it anew \
               after nodes were launched.",
        examples: &["ssh-config", "ssh-config worker*"],
        build: |args| {
            Ok(Command::SshConfig {
                target: args.target()?,
            })
        },
    },
    Spec {
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
    },
    Spec {
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
    },
    Spec {
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
    },
    Spec {
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
    },
    Spec {
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
    },
    Spec {
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
    },
];

#[cfg(test)]
mod tests;
