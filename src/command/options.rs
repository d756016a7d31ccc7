//! The words of the program's own command line: its options and subcommands.

use super::settings::When;
use super::table::{Arg, Flag, Kind};

/// An option of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt {
    /// `--color`.
    Color,
    /// `--command-timeout`.
    CommandTimeout,
    /// `--fanout`.
    Fanout,
    /// `--file`.
    File,
    /// `--fold`.
    Fold,
    /// `--help`.
    Help,
    /// `--json`.
    Json,
    /// `-c`.
    Line,
    /// `--no-fold`.
    NoFold,
    /// `--no-session`.
    NoSession,
    /// `--session`.
    Session,
    /// `--timeout`.
    Timeout,
    /// `--verbose`.
    Verbose,
    /// `--version`.
    Version,
    /// `--yes`.
    Yes,
}

/// An entry of the table of the program's options.
#[derive(Clone, Copy, Debug)]
pub struct ProgramFlag {
    /// Which it is.
    pub id: Opt,
    /// How it is written, and what it does.
    pub flag: Flag,
}

const fn flag(
    id: Opt,
    short: Option<char>,
    long: Option<&'static str>,
    value: Option<(&'static str, Kind)>,
    doc: &'static str,
) -> ProgramFlag {
    let repeats = matches!(id, Opt::Line | Opt::Verbose);
    ProgramFlag {
        id,
        flag: Flag {
            short,
            long,
            value,
            repeats,
            doc,
        },
    }
}

const SECS: Option<(&str, Kind)> = Some(("SECS", Kind::Number));

/// The options of the program. They stand before the first other word.
pub const FLAGS: &[ProgramFlag] = &[
    flag(
        Opt::File,
        Some('f'),
        Some("file"),
        Some(("CNF", Kind::File)),
        "The cluster file to load. Without it, default.cnf in this folder, if there is one.",
    ),
    flag(
        Opt::Session,
        Some('s'),
        Some("session"),
        Some(("NAME", Kind::Session)),
        "The session to open, join or borrow from; else DUST_SESSION, the cluster's name, or main.",
    ),
    flag(
        Opt::NoSession,
        None,
        Some("no-session"),
        None,
        "Run the prompt in this process, or lines over connections of their own.",
    ),
    flag(
        Opt::Line,
        Some('c'),
        None,
        Some(("LINE", Kind::Line)),
        "Run this prompt line and exit. Several are run one after another.",
    ),
    flag(
        Opt::Yes,
        Some('y'),
        Some("yes"),
        None,
        "Do not ask before nodes are stopped or destroyed.",
    ),
    flag(
        Opt::Json,
        None,
        Some("json"),
        None,
        "Print one JSON object a line.",
    ),
    flag(
        Opt::Timeout,
        Some('t'),
        Some("timeout"),
        SECS,
        "Give up on a connection after this many seconds (30).",
    ),
    flag(
        Opt::CommandTimeout,
        Some('u'),
        Some("command-timeout"),
        SECS,
        "Give up on a command after this many seconds (0: never).",
    ),
    flag(
        Opt::Fanout,
        None,
        Some("fanout"),
        Some(("N", Kind::Number)),
        "Set up at most this many connections at a time (64).",
    ),
    flag(
        Opt::Fold,
        None,
        Some("fold"),
        None,
        "Show identical output of several nodes once.",
    ),
    flag(
        Opt::NoFold,
        None,
        Some("no-fold"),
        None,
        "Show each line as it comes. This is the default.",
    ),
    flag(
        Opt::Color,
        None,
        Some("color"),
        Some(("WHEN", Kind::OneOf(When::WORDS))),
        "When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never.",
    ),
    flag(
        Opt::Verbose,
        Some('v'),
        Some("verbose"),
        None,
        "Say more about what dust does.",
    ),
    flag(
        Opt::Help,
        Some('h'),
        Some("help"),
        None,
        "Print a summary of all this, and exit.",
    ),
    flag(
        Opt::Version,
        Some('V'),
        Some("version"),
        None,
        "Print the version, and exit.",
    ),
];

/// The option of this spelling (`-x` or `--long`).
pub fn find(spelling: &str) -> Option<&'static ProgramFlag> {
    FLAGS.iter().find(|program| program.flag.is(spelling))
}

/// A first word of the command line that is no prompt command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sub {
    /// Shows the prompt of a running session on this terminal.
    Attach,
    /// Answers the shells' completion.
    Complete,
    /// Prints a completion script.
    Completions,
    /// Runs on a cluster of this machine.
    Demo,
    /// Takes a session off all terminals.
    Detach,
    /// Ends a session.
    Kill,
    /// Lists the sessions.
    Ls,
    /// A node of such a cluster.
    Node,
    /// Brings bytes to a TCP port by way of a node.
    Proxy,
    /// The server of a session.
    Server,
    /// A shell or a command on a node, as ssh runs it.
    Ssh,
}

/// An entry of the table of subcommands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subcommand {
    /// Which it is.
    pub id: Sub,
    /// What is typed.
    pub name: &'static str,
    /// Its arguments.
    pub args: &'static [Arg],
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else is to know.
    pub help: &'static str,
    /// Command lines that show it at work.
    pub examples: &'static [&'static str],
    /// Called by dust itself and by its completion scripts: shown nowhere.
    pub hidden: bool,
}

/// The shells that [`Sub::Completions`] writes for.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// How many nodes a demo has if nobody says.
pub const DEMO_NODES: u16 = 3;

/// The most nodes that a demo makes: each is a process of some megabytes.
pub const DEMO_MOST: u16 = 128;

/// The subcommands of the program.
pub const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        id: Sub::Demo,
        name: "demo",
        args: &[Arg::optional("N", Kind::Number)],
        summary: "a cluster of N (3) nodes on this machine, and the prompt on it",
        help: "Needs no cloud, no ssh server and no root. Options, a line, -c or - may follow, as \
               without demo. The nodes are gone when the session ends.",
        examples: &[
            "dust demo",
            "dust demo 5 '@*' uptime",
            "dust --fold demo 3 -c '@* uname -r'",
        ],
        hidden: false,
    },
    Subcommand {
        id: Sub::Attach,
        name: "attach",
        args: &[Arg::optional("NAME", Kind::Session)],
        summary: "show the prompt of a running session here",
        help: "Without NAME: the only session, or the one that was used last. Several terminals may \
               show one session; its size is that of the one typed at last.",
        examples: &["dust attach", "dust attach web"],
        hidden: false,
    },
    Subcommand {
        id: Sub::Ls,
        name: "ls",
        args: &[],
        summary: "list the running sessions",
        help: "Their names, clusters and nodes, how many terminals show them, and how long nobody has \
               typed anything. With --json, one object a line.",
        examples: &["dust ls", "dust --json ls"],
        hidden: false,
    },
    Subcommand {
        id: Sub::Detach,
        name: "detach",
        args: &[Arg::optional("NAME|NODE", Kind::Session)],
        summary: "take a session off its terminals; it goes on",
        help: "The same as detach at its prompt. A NODE is taken off the terminals that are in its \
               shell; they return to the prompt.",
        examples: &["dust detach", "dust detach worker2"],
        hidden: false,
    },
    Subcommand {
        id: Sub::Kill,
        name: "kill",
        args: &[Arg::optional("NAME", Kind::Session)],
        summary: "end a session, with its connections and what runs over them",
        help: "The same as exit at its prompt. NAME may be left out where there is only one.",
        examples: &["dust kill web"],
        hidden: false,
    },
    Subcommand {
        id: Sub::Ssh,
        name: "ssh",
        args: &[
            Arg::required("NODE", Kind::Target),
            Arg::optional("CMD...", Kind::Free),
        ],
        summary: "a shell, or a command, on a node over a session's connection",
        help: "As ssh, for other programs: bytes as they are, the exit status of the command, a \
               terminal there if there is one here. 255: the node could not be reached, or the \
               connection was lost. NODE may be CLUSTER/NODE. A session has to run.",
        examples: &[
            "dust ssh worker0",
            "dust ssh web/worker0 tail -f /var/log/syslog",
        ],
        hidden: false,
    },
    Subcommand {
        id: Sub::Proxy,
        name: "proxy",
        args: &[
            Arg::required("NODE", Kind::Target),
            Arg::optional("HOST:PORT", Kind::Free),
        ],
        summary: "bytes to and from HOST:PORT, as the node sees it",
        help: "Over a session's connection, as ssh -W does it. Without HOST:PORT: the node's own \
               sshd, so that ProxyCommand dust proxy %n in ~/.ssh/config has ssh go that way.",
        examples: &[
            "ssh -o 'ProxyCommand=dust proxy %n' worker0",
            "dust proxy worker0 localhost:5432",
        ],
        hidden: false,
    },
    Subcommand {
        id: Sub::Completions,
        name: "completions",
        args: &[Arg::required("SHELL", Kind::OneOf(SHELLS))],
        summary: "print the completion script for bash, zsh or fish",
        help: "In ~/.bashrc: source <(dust completions bash)",
        examples: &[
            "source <(dust completions bash)",
            "dust completions fish | source",
        ],
        hidden: false,
    },
    Subcommand {
        id: Sub::Complete,
        name: "__complete",
        args: &[
            Arg::required("KIND", Kind::OneOf(&["command", "session", "target"])),
            Arg::optional("PREFIX", Kind::Target),
        ],
        summary: "print what a word may be completed to, one a line",
        help: "",
        examples: &[],
        hidden: true,
    },
    Subcommand {
        id: Sub::Node,
        name: "__node",
        args: &[],
        summary: "be a node on this machine",
        help: "",
        examples: &[],
        hidden: true,
    },
    Subcommand {
        id: Sub::Server,
        name: "__server",
        args: &[Arg::required("NAME", Kind::Session)],
        summary: "be the server of a session, as a client says on standard input",
        help: "",
        examples: &[],
        hidden: true,
    },
];

/// The subcommand of this name.
pub fn find_sub(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS.iter().find(|sub| sub.name == name)
}

/// The subcommands that people use.
pub fn visible_subs() -> impl Iterator<Item = &'static Subcommand> {
    SUBCOMMANDS.iter().filter(|sub| !sub.hidden)
}
