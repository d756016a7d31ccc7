//! Commands for dust itself: the session, settings, help, what is kept.

use super::super::build;
use super::super::table::{Arg, Flag, Group, Kind, Spec};
use super::Command;

pub(super) const CD: Spec = Spec {
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
};

pub(super) const COMMANDS: Spec = Spec {
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
};

pub(super) const DETACH: Spec = Spec {
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
};

pub(super) const EXIT: Spec = Spec {
    name: "exit",
    aliases: &["quit"],
    group: Group::Prompt,
    args: &[],
    flags: &[],
    summary: "end the session and its connections",
    help: "Ctrl-D on an empty line does the same. To leave the session as it is: detach.",
    examples: &["exit"],
    build: |_| Ok(Command::Exit),
};

pub(super) const HELP: Spec = Spec {
    name: "help",
    aliases: &["?"],
    group: Group::Prompt,
    args: &[Arg::optional("SUBJECT", Kind::Topic)],
    flags: &[],
    summary: "list the commands, or explain one",
    help: "SUBJECT is a command, a drop-in, a word of the command line such as demo, a form of line \
           such as @ or @NODE, targets (also: filters), keyboard or raw.",
    examples: &["help", "help start", "help targets", "? @"],
    build: build::help,
};

pub(super) const HISTORY: Spec = Spec {
    name: "history",
    aliases: &[],
    group: Group::Prompt,
    args: &[Arg::optional("N", Kind::Number)],
    flags: &[],
    summary: "list the lines typed before, or the last N of them",
    help: "A line that begins with a blank is not kept.",
    examples: &["history 20"],
    build: build::history,
};

pub(super) const LOG: Spec = Spec {
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
           The first line says whose log it is; a node of that name in another cluster gets \
           DIR/CLUSTER%2FNODE.log. A file above set log-size becomes NODE.log.1, and so on up to set log-keep. Files are \
           for you alone, links are not followed. Without DIR it says where it logs; set log in \
           config.ini logs always.",
    examples: &["log logs", "log", "log off"],
    build: |args| {
        Ok(Command::Log {
            to: build::to(args),
        })
    },
};

pub(super) const RECORD: Spec = Spec {
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
};

pub(super) const SET: Spec = Spec {
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
};
