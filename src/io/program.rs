//! From the words of the command line to a run, and its exit code.

use super::files::{self, HistoryFile, Machine};
use super::run::{World, run};
use super::tty::{self, Terminal};
use super::{Place, sys};
use crate::app::{App, BatchInput, Setup};
use crate::command::cli::{self, Input, Invocation, Options};
use crate::command::settings::When;
use crate::command::{complete, help};
use crate::error::{Error, Result};
use crate::model::{Node, NodeId, NodeState, Size};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The cluster file that is loaded where none is named.
const DEFAULT_FILE: &str = "default.cnf";
/// Files that dust needs besides its connections.
const OTHER_FILES: usize = 48;

/// Does what the words say.
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    match start(words) {
        Ok(code) => code,
        Err(error) => {
            // Nobody may be there to read it.
            drop(writeln!(io::stderr(), "dust: {error}"));
            ExitCode::from(error.kind().exit_code())
        },
    }
}

fn start(words: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    match cli::parse(words)? {
        Invocation::Help => Ok(print(&help::program())),
        Invocation::Version => Ok(print(concat!("dust ", env!("CARGO_PKG_VERSION"), "\n"))),
        Invocation::Completions(shell) => Ok(print(&shell.script())),
        Invocation::Complete { file, request } => {
            let nodes = nodes_of(file);
            let answers = complete::answer(&request, &nodes);
            Ok(print(
                &answers
                    .iter()
                    .map(|answer| format!("{answer}\n"))
                    .collect::<String>(),
            ))
        },
        Invocation::Node(words) => node(words),
        Invocation::Run {
            options,
            demo,
            input,
        } => {
            let (place, file) = match demo {
                Some(count) => demo_place(count)?,
                None => (Place::of_user(), file_of(&options)),
            };
            let code = session(&options, input, place.clone(), file);
            place.end();
            code.map(ExitCode::from)
        },
    }
}

#[cfg(feature = "local")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature it is an error"
)]
fn node(words: Vec<OsString>) -> Result<ExitCode> {
    Ok(super::local::node_main(words))
}

#[cfg(not(feature = "local"))]
fn node(_: Vec<OsString>) -> Result<ExitCode> {
    Err(Error::usage(
        "local nodes are not built into this dust (cargo feature local)",
    ))
}

#[cfg(feature = "local")]
fn demo_place(count: u16) -> Result<(Place, Option<PathBuf>)> {
    use super::local::demo::{Demo, default_base};
    let demo = std::sync::Arc::new(Demo::create(&default_base(), usize::from(count))?);
    let file = demo.cluster_file();
    for (name, result) in demo.start(&demo.launch()) {
        result.map_err(|error| Error::failed(format!("[{name}] {error}")))?;
    }
    Ok((Place::of_demo(demo), Some(file)))
}

#[cfg(not(feature = "local"))]
fn demo_place(_: u16) -> Result<(Place, Option<PathBuf>)> {
    Err(Error::usage(
        "dust demo is not built into this dust (cargo feature local)",
    ))
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(141),
        Err(_) => ExitCode::FAILURE,
    }
}

fn file_of(options: &Options) -> Option<PathBuf> {
    let default = || {
        Path::new(DEFAULT_FILE)
            .exists()
            .then(|| PathBuf::from(DEFAULT_FILE))
    };
    options.file.clone().or_else(default)
}

/// The nodes of a cluster file, for completion: without a word to any of them.
fn nodes_of(file: Option<PathBuf>) -> Vec<Node> {
    let file = file.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let Ok(text) = files::read_text(&file) else {
        return Vec::new();
    };
    let base = std::env::current_dir().unwrap_or_default().join(&file);
    let base = base.parent().unwrap_or_else(|| Path::new("/"));
    let home = std::env::home_dir();
    let name = file.display().to_string();
    let Ok(cluster) = crate::config::parse(&name, base, home.as_deref(), &text) else {
        return Vec::new();
    };
    let nodes = cluster.nodes.into_iter().zip(1..).map(|(def, index)| Node {
        id: NodeId(index),
        index,
        name: def.name,
        cluster: cluster.name.clone(),
        state: NodeState::Running,
        attrs: BTreeMap::new(),
        tags: def.settings.tags,
        aside: false,
    });
    nodes.collect()
}

fn session(options: &Options, input: Input, place: Place, file: Option<PathBuf>) -> Result<u8> {
    let stdin_is_terminal = io::stdin().is_terminal();
    let prompt = matches!(input, Input::Prompt);
    if prompt && !stdin_is_terminal {
        let hint = "give a line to run, or `-` to read lines from standard input";
        return Err(Error::usage("there is no terminal for a prompt").hint(hint));
    }
    let failed = |what: &str, error: io::Error| Error::failed(format!("{what}: {error}"));
    let stdin = sys::take_stdin().map_err(|error| failed("standard input", error))?;
    let limit = sys::raise_open_files();
    if prompt {
        sys::default_stop_signals();
    }
    let terminal = if prompt {
        let terminal = Terminal::open(stdin.as_fd());
        Some(terminal.map_err(|error| failed("the terminal", error))?)
    } else {
        None
    };
    let to_terminal = prompt || io::stdout().is_terminal();
    let size = match &terminal {
        Some(terminal) => tty::size(terminal.output()),
        None => tty::size(&io::stdout()),
    };
    let colours = match options.settings.color {
        When::Always => true,
        When::Never => false,
        When::Auto => to_terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    };
    let term = std::env::var("TERM").ok().filter(|term| !term.is_empty());
    let known_hosts_file = known_hosts_file();
    let history = if prompt { HistoryFile::open() } else { None };
    let mut for_app = if prompt { HistoryFile::open() } else { None };
    let past = for_app.as_mut().map(HistoryFile::news).unwrap_or_default();
    let setup = Setup {
        settings: options.settings,
        yes: options.yes,
        json: options.json,
        verbose: options.verbose,
        colours,
        terminal: to_terminal,
        person: stdin_is_terminal && !matches!(input, Input::Script),
        size: size.unwrap_or(Size::DEFAULT),
        ssh_config: files::ssh_config(),
        known_hosts_name: known_hosts_file
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        known_hosts: files::known_hosts(known_hosts_file.as_deref()),
        // Programs must not think that a pipe understands more than text.
        term: if to_terminal {
            term.unwrap_or_else(|| "xterm".to_owned())
        } else {
            "dumb".to_owned()
        },
        ec2: cfg!(feature = "ec2"),
        connections_max: limit.saturating_sub(OTHER_FILES).max(1),
    };
    let host = Box::new(Machine::new(for_app));
    let mut app = match input {
        Input::Prompt => App::prompt(setup, host),
        Input::Lines(lines) => App::batch(setup, host, BatchInput::Lines(lines)),
        Input::Script => App::batch(setup, host, BatchInput::Script),
    };
    app.remember(&past);
    let world = World {
        stdin,
        terminal,
        place,
        known_hosts: known_hosts_file,
        history,
    };
    run(app, file, world).map_err(|error| failed("the event loop", error))
}

/// dust's own known-hosts file; its folder is made if need be.
fn known_hosts_file() -> Option<PathBuf> {
    let dir = files::data_dir()?;
    files::private_dir(&dir).ok()?;
    let file = dir.join("known_hosts");
    // libssh would make it readable for all.
    let made = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&file);
    made.ok().map(|_| file)
}
