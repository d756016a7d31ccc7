//! Commands for what runs on the nodes: connections, shells, copies.

use super::super::build;
use super::super::table::{Arg, Flag, Group, Kind, Spec};
use super::{Command, OPTIONAL_TARGET, TARGET};

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
        "Go on with what an earlier run left unfinished, and keep what this one leaves.",
    ),
    copy_flag(
        None,
        "check",
        "Compare SHA-256 of each copy with the file, and force the copy to disk.",
    ),
];

pub(super) const DIFF: Spec = Spec {
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
};

pub(super) const DISCONNECT: Spec = Spec {
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
};

pub(super) const GET: Spec = Spec {
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
           nodes' files. The last word is the folder for them, DIR, if it ends in a slash (then \
           it is made) or is a folder here and FILE stands before it; else they go to dust's own \
           folder. A file has its name only when it is whole. Links that are named are \
           followed, those in folders stay links. A failure is told with its node and file, and \
           the others go on. Ctrl-C removes what is not whole, unless --resume is given.",
    examples: &[
        "get worker* /var/log/syslog",
        "get -r worker[0-2] /etc/nginx configs/",
        "get -p master '*.log' results/",
    ],
    build: |args| build::copying(args).map(|(words, copy)| Command::Get { words, copy }),
};

pub(super) const PUT: Spec = Spec {
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
           is told with its node and file, and the others go on. Ctrl-C removes what is not \
           whole, unless --resume is given.",
    examples: &[
        "put app.conf worker* /etc/app/",
        "put -r site @worker[0-2] /var/www",
        "put --resume --check image.iso worker*",
    ],
    build: |args| build::copying(args).map(|(words, copy)| Command::Put { words, copy }),
};

pub(super) const RECONNECT: Spec = Spec {
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
};

pub(super) const SESSIONS: Spec = Spec {
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
};

pub(super) const SSH_CONFIG: Spec = Spec {
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
};
