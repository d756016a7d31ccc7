//! The commands: what each one is once its words are read, and the table of them all. The entries
//! are in a file for each group.

mod nodes;
mod prompt;
mod shells;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::settings::{Change, Setting};
use super::table::{Arg, Kind, Spec};
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

/// All commands, by name. Everything that lists commands reads this.
pub const COMMANDS: &[Spec] = &[
    prompt::CD,
    prompt::COMMANDS,
    prompt::DETACH,
    shells::DIFF,
    shells::DISCONNECT,
    nodes::EC2SEC,
    prompt::EXIT,
    shells::GET,
    prompt::HELP,
    prompt::HISTORY,
    nodes::KEYS,
    nodes::LOAD,
    prompt::LOG,
    nodes::PLAN,
    shells::PUT,
    shells::RECONNECT,
    prompt::RECORD,
    nodes::REFRESH,
    nodes::RELOAD,
    shells::SESSIONS,
    prompt::SET,
    nodes::SHOW,
    shells::SSH_CONFIG,
    nodes::START,
    nodes::STOP,
    nodes::TAG,
    nodes::TERMINATE,
    nodes::UNTAG,
    nodes::USE,
];

#[cfg(test)]
mod tests;
