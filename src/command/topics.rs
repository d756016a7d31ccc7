//! What `help` explains besides commands, and the forms of a line that are no command. The man page
//! is made of the same.

use super::options::{self, Subcommand};
use super::table::{self, Group, Spec};
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};

/// What `help` is asked to explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Everything, in short.
    Overview,
    /// A command.
    Command(&'static Spec),
    /// A word of the program's own command line.
    Sub(&'static Subcommand),
    /// A form of line that is no command.
    Form(&'static Form),
    /// Something else.
    Topic(&'static Topic),
}

/// A form of line that begins with a sign instead of a command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The sign.
    pub sign: &'static str,
    /// How it is written.
    pub usage: &'static str,
    /// Where it is listed.
    pub group: Group,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else is to know: paragraphs of plain text, separated by empty lines.
    pub help: &'static str,
    /// Prompt lines that show it at work.
    pub examples: &'static [&'static str],
}

/// Something that `help` explains besides commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What it is called, and its other names.
    pub names: &'static [&'static str],
    /// What it is about, in a few words.
    pub summary: &'static str,
    /// The explanation.
    pub blocks: &'static [Block],
}

/// A piece of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Text(&'static str),
    /// Terms and what they mean.
    List(&'static [(&'static str, &'static str)]),
}

/// The forms of line that are no command.
pub const FORMS: &[Form] = &[
    Form {
        sign: "@",
        usage: "@[TARGET] COMMAND",
        group: Group::Shells,
        summary: "send a shell command, or an answer, to nodes",
        help: "Each node has one login shell that stays: folders, variables, jobs and sudo -i \
               are kept between commands. A node is connected to when it is first used; what is \
               sent to it until then is queued.\n\n\
               All after the first blank is sent as it is; quotes and wildcards are the nodes' \
               own. A target that holds a blank must be quoted. Without a TARGET, or with *, it \
               is sent to all running nodes of the working set.\n\n\
               If a command asks something, send the answer the same way. Ctrl-C interrupts the \
               command on the nodes and keeps their shells.\n\n\
               Output comes as [node] line, at once. A status other than 0 is shown, and \
               %failed, %ok and %rc=N select nodes by it.",
        examples: &[
            "@worker* tail -2 /etc/resolv.conf",
            "@ uptime",
            "@worker* sudo apt-get install nginx",
            "@work* Y",
            "@%failed dmesg | tail",
            "@'tags=owner:dev ops' ls /var/log",
        ],
    },
    Form {
        sign: "@NODE",
        usage: "@NODE",
        group: Group::Shells,
        summary: "go into a node's own shell: vim, top, completion",
        help: "The terminal is that shell's, the same one that @NODE COMMAND uses, until exit or \
               Ctrl-C three times, fast. That leaves what runs there in the background; @NODE \
               comes back to its screen. help raw has the keys, sessions lists the shells.",
        examples: &["@worker2", "@3"],
    },
    Form {
        sign: "!",
        usage: "!COMMAND",
        group: Group::Prompt,
        summary: "run a command on this machine",
        help: "The system shell runs it. At the prompt, a line whose first word is no command of \
               dust is run in the same way, without the !.",
        examples: &["!ls -l", "vim notes.txt", "ls | less"],
    },
];

/// What `help` explains besides commands.
pub const TOPICS: &[Topic] = &[
    Topic {
        names: &["targets", "target", "filters", "filter"],
        summary: "how to say which nodes",
        blocks: &[
            Block::Text(
                "A target says which nodes a command acts on. No target, or *, means the working \
                 set: all nodes, or those that use chose. A target is one of these terms, or \
                 several:",
            ),
            Block::List(&[
                (
                    "worker*  w?  worker[ab]",
                    "names by wildcard; \\* is the same as *",
                ),
                (
                    "worker[0-20]  n[001-128]  w[1,3,5-9]",
                    "names by number; leading zeros count",
                ),
                (
                    "state=stopped  instance_type=t2.*",
                    "any attribute that show -vv prints",
                ),
                ("tags=owner:devops  tags=env:*", "a tag, by name and value"),
                ("3  1-5", "the index that show prints"),
                ("cluster=NAME  NAME", "a cluster's nodes"),
                ("CLUSTER/NODE", "a node of that cluster"),
                ("^FILE", "names in a file, one a line"),
                ("%failed  %ok  %rc=2", "how the last command ended"),
                ("%last  %pending", "where it ran; where it still runs"),
            ]),
            Block::Text("Terms are joined from left to right, without precedence, by"),
            Block::List(&[
                (",", "one or the other, or both"),
                ("!", "the first without the second"),
                ("&", "both"),
                ("^", "one of them, but not both"),
            ]),
            Block::Text("For example:"),
            Block::List(&[
                ("worker[0-9]!worker3", "the first ten workers but number 3"),
                (
                    "state=running&tags=env:test",
                    "the running nodes of the test environment",
                ),
                ("!master", "the working set without the master"),
                (
                    "master,%failed",
                    "the master, and where the last command failed",
                ),
            ]),
            Block::Text(
                "Attributes are compared without regard to case. A target that matches nothing is \
                 an error; it never means all. To see what a target selects: show TARGET. In a \
                 shell's command line, put targets in single quotes.",
            ),
        ],
    },
    Topic {
        names: &["keyboard", "raw"],
        summary: "the keys of the prompt and of raw shells",
        blocks: &[
            Block::Text("The keys are those of emacs and of most shells:"),
            Block::List(&[
                ("Left, Ctrl-B  Right, Ctrl-F", "a character back or forward"),
                ("Alt-B  Alt-F", "a word back or forward"),
                (
                    "Home, Ctrl-A  End, Ctrl-E",
                    "the start or the end of the line",
                ),
                (
                    "Up, Ctrl-P  Down, Ctrl-N",
                    "the line before or after in the history",
                ),
                (
                    "PageUp, Alt-P  PageDown, Alt-N",
                    "the same, among lines that begin as this one",
                ),
                (
                    "Ctrl-R  Ctrl-S",
                    "search the history back or forward; again: further",
                ),
                ("Tab", "complete the word; again: list what it may be"),
                ("Backspace, Ctrl-H  Delete, Ctrl-D", "delete a character"),
                (
                    "Ctrl-W  Alt-D",
                    "delete the word before or after the cursor",
                ),
                ("Ctrl-U  Ctrl-K", "delete all before or after the cursor"),
                (
                    "Ctrl-Y  Alt-Y",
                    "put back what was deleted; then what was before it",
                ),
                ("Alt-.", "the last word of the line before"),
                ("Ctrl-T  Alt-T", "swap two characters or words"),
                ("Ctrl-_", "undo"),
                ("Alt-Enter", "begin another line of the same command"),
                ("Ctrl-L", "clear the screen"),
                ("Ctrl-Z", "suspend dust"),
                (
                    "Ctrl-C",
                    "interrupt the command on the nodes; else drop the line",
                ),
                ("Ctrl-D on an empty line", "exit"),
            ]),
            Block::Text(
                "A second Ctrl-C names the nodes that are still busy. The end of a line in pasted \
                 text does not run it; Enter does.",
            ),
            Block::Text(
                "In a raw shell (@NODE), and in a command of this machine that has the terminal, all \
                 keys are the program's. What leaves a raw shell, and lets it go on in the background:",
            ),
            Block::List(&[
                (
                    "Ctrl-C three times",
                    "each within a quarter of a second of the one before; none of the three reaches \
                     the node",
                ),
                ("Enter ~ .", "as ssh ends; ~~ types one ~"),
                ("exit, Ctrl-D", "ends the shell itself"),
            ]),
            Block::Text("set detach-key, detach-window, detach-tilde and detach change this."),
        ],
    },
];

/// The subjects of `help` that are words: commands with their other names, topics, and words of the
/// program's own command line.
pub fn names() -> impl Iterator<Item = &'static str> {
    let commands = super::COMMANDS.iter().flat_map(Spec::names);
    let topics = TOPICS.iter().flat_map(|topic| topic.names.iter().copied());
    let subs = options::visible_subs().map(|sub| sub.name);
    // What is both, `detach`, is the command here.
    let subs = subs.filter(|name| table::find(name).is_none());
    commands
        .chain(topics)
        .chain(subs)
        .filter(|name| name.starts_with(char::is_alphabetic))
}

/// What `help WORD` is about.
pub fn subject(word: &str) -> Result<Subject> {
    if let Some(spec) = table::find(word) {
        return Ok(Subject::Command(spec));
    }
    if let Some(form) = FORMS.iter().find(|form| form.sign == word) {
        return Ok(Subject::Form(form));
    }
    if let Some(topic) = TOPICS.iter().find(|topic| topic.names.contains(&word)) {
        return Ok(Subject::Topic(topic));
    }
    if let Some(sub) = options::visible_subs().find(|sub| sub.name == word) {
        return Ok(Subject::Sub(sub));
    }
    let hint = match nearest(word, names()) {
        Some(near) => format!("did you mean {near}?"),
        None => "help alone lists what there is".to_owned(),
    };
    Err(Error::usage(format!("no help on `{}`", shown(word))).hint(hint))
}
