//! What `help` explains besides commands, and the forms of a line that are no command. The man page
//! is made of the same.

use super::nearest::nearest;
use super::table::{self, Group, Spec};
use crate::error::{Error, Result};

/// What `help` is asked to explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Everything, in short.
    Overview,
    /// A command.
    Command(&'static Spec),
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
    pub usage: &'static [&'static str],
    /// Where it is listed.
    pub group: Group,
    /// What it does, in a few words; one for each usage.
    pub summary: &'static [&'static str],
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
        usage: &["@[TARGET] COMMAND", "@NODE"],
        group: Group::Shells,
        summary: &[
            "send a shell command, or an answer, to nodes",
            "the node's shell itself: vim, top, tab completion; exit returns",
        ],
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
            "@worker2",
        ],
    },
    Form {
        sign: "!",
        usage: &["!COMMAND"],
        group: Group::Prompt,
        summary: &["run a command on this machine"],
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
        names: &["keys"],
        summary: "the keys of the prompt",
        blocks: &[
            Block::Text("At the prompt:"),
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
                    "Ctrl-R",
                    "search the history backwards; again: further back",
                ),
                (
                    "Tab",
                    "complete a command, target, attribute, setting or file",
                ),
                ("Backspace, Ctrl-H  Del, Ctrl-D", "delete a character"),
                (
                    "Ctrl-W  Alt-D",
                    "delete the word before or after the cursor",
                ),
                ("Ctrl-U  Ctrl-K", "delete all before or after the cursor"),
                ("Ctrl-Y", "put back what was deleted"),
                ("Ctrl-T", "swap two characters"),
                ("Ctrl-_", "undo"),
                ("Ctrl-L", "clear the screen"),
                (
                    "Ctrl-C",
                    "interrupt the command on the nodes; else drop the line",
                ),
                ("Ctrl-D on an empty line", "exit"),
            ]),
            Block::Text(
                "A second Ctrl-C names the nodes that are still busy. Pasted text is never \
                 executed by the line ends in it. In a node's own shell (@NODE) all keys are the \
                 node's, but one:",
            ),
            Block::List(&[(
                "Ctrl-C three times, quickly",
                "back to the prompt; the shell and what runs in it go on",
            )]),
        ],
    },
];

/// All words that `help` knows: commands with their aliases, forms, topics.
pub fn words() -> impl Iterator<Item = &'static str> {
    let commands = super::COMMANDS.iter().flat_map(Spec::names);
    let topics = TOPICS.iter().flat_map(|topic| topic.names.iter().copied());
    commands
        .chain(FORMS.iter().map(|form| form.sign))
        .chain(topics)
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
    let hint = match nearest(word, words()) {
        Some(near) => format!("did you mean {near}?"),
        None => "help alone lists what there is".to_owned(),
    };
    Err(Error::usage(format!("no help on '{word}'")).hint(hint))
}
