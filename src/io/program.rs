//! From the words of the command line to a run, and its exit code.

use super::begin::{self, Environment, Look};
use super::front::{Front, Own};
use super::run::run;
use super::tty::{self, Terminal};
use super::{Place, client, clock, dropins, files, runtime_dir, server, sys};
use crate::command::cli::{self, Input, Invocation, Options};
use crate::command::complete::{self, Request};
use crate::command::parse::Line;
use crate::command::topics::Subject;
use crate::command::{Command, help};
use crate::error::{Error, Result};
use crate::model::Node;
use crate::wire::Question;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The cluster file that is loaded where none is named.
const DEFAULT_FILE: &str = "default.cnf";

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
    let words: Vec<OsString> = words.collect();
    match cli::parse(words.clone())? {
        Invocation::Help => Ok(print(&help::program(columns()))),
        Invocation::Version => Ok(print(concat!("dust ", env!("CARGO_PKG_VERSION"), "\n"))),
        Invocation::Completions(shell) => Ok(print(&shell.script())),
        Invocation::About(sub) => Ok(print(&help::about(Subject::Sub(sub), columns()))),
        Invocation::Complete { options, request } => Ok(print(&complete(options, request))),
        Invocation::Node(words) => node(words),
        Invocation::Server(name) => server::main(&name).map(ExitCode::from),
        Invocation::Session(what, name, json) => client::ask(what, name, json).map(ExitCode::from),
        Invocation::Through(options, what) => client::through(&options, what).map(ExitCode::from),
        Invocation::Run {
            options,
            demo,
            input: Input::Prompt,
        } if !options.no_session => client::open(&options, demo, &words).map(ExitCode::from),
        Invocation::Run {
            options,
            demo,
            input,
        } => {
            if let Some(done) = ssh_config(&options, &input).filter(|_| demo.is_none()) {
                return done;
            }
            let (place, file) = place_of(demo, &options)?;
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

/// Where local nodes are, and which file is loaded first.
pub(super) fn place_of(demo: Option<u16>, options: &Options) -> Result<(Place, Option<PathBuf>)> {
    match demo {
        Some(count) => demo_place(count),
        None => Ok((Place::of_user(), file_of(options))),
    }
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

/// How wide texts for people may be.
fn columns() -> usize {
    let out = io::stdout();
    let size = out.is_terminal().then(|| tty::size(&out)).flatten();
    size.map_or(help::WIDTH, |size| usize::from(size.cols))
}

pub(super) fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(141),
        Err(_) => ExitCode::FAILURE,
    }
}

/// The file that is loaded first.
pub(super) fn file_of(options: &Options) -> Option<PathBuf> {
    let default = || {
        Path::new(DEFAULT_FILE)
            .exists()
            .then(|| PathBuf::from(DEFAULT_FILE))
    };
    options.file.clone().or_else(default)
}

/// The answer to a completion script.
fn complete(options: Options, request: Request) -> String {
    match request {
        Request::Command => {
            let file = file_of(&options);
            let words = dropins::words(file.as_deref()).into_iter();
            let lines = words.map(|(name, summary)| format!("{name}\t{summary}\n"));
            lines.collect()
        },
        Request::Session => {
            let names = runtime_dir::names();
            names.iter().map(|name| format!("{name}\n")).collect()
        },
        Request::Target { prefix } => {
            // A session knows the nodes that run, and all that has happened since.
            match client::question(&options, Question::Complete(prefix.clone())) {
                Some(Ok(answer)) => answer,
                // Lines would not be about the default file either.
                Some(Err(_)) if client::inside(&options).is_some() => String::new(),
                _ => complete::answer(&prefix, &nodes_of(options.file)),
            }
        },
    }
}

/// The nodes of a cluster file, as it defines them.
fn nodes_of(file: Option<PathBuf>) -> Vec<Node> {
    let file = file.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let Ok(text) = files::read_text(&file) else {
        return Vec::new();
    };
    let base = std::env::current_dir().unwrap_or_default().join(&file);
    let base = base.parent().unwrap_or_else(|| Path::new("/"));
    let home = std::env::home_dir();
    let name = file.display().to_string();
    match crate::config::parse(&name, base, home.as_deref(), &text) {
        Ok(cluster) => crate::app::defined(cluster),
        Err(_) => Vec::new(),
    }
}

/// `ssh-config` of the session that has the nodes; `None` where none has.
fn ssh_config(options: &Options, input: &Input) -> Option<Result<ExitCode>> {
    let Input::Lines(lines) = input else {
        return None;
    };
    let [Line::Builtin(Command::SshConfig { target })] = lines.as_slice() else {
        return None;
    };
    let asked = client::question(options, Question::SshConfig(target.clone()))?;
    Some(asked.map(|text| print(&text)))
}

/// Runs lines, or a prompt that ends with this process.
fn session(options: &Options, input: Input, place: Place, file: Option<PathBuf>) -> Result<u8> {
    let stdin_is_terminal = io::stdin().is_terminal();
    let prompt = matches!(input, Input::Prompt);
    if prompt && !stdin_is_terminal {
        return Err(no_terminal());
    }
    let failed = |what: &str, error: io::Error| Error::failed(format!("{what}: {error}"));
    let stdin = sys::take_stdin().map_err(|error| failed("standard input", error))?;
    let to_terminal = prompt || io::stdout().is_terminal();
    let mut own = None;
    if prompt {
        sys::default_stop_signals();
        let terminal = Terminal::open(stdin.as_fd()).map_err(|e| failed("the terminal", e))?;
        own = Some(Own {
            terminal,
            screen: Vec::new(),
        });
    }
    let size = match &own {
        Some(own) => tty::size(own.terminal.output()),
        None => tty::size(&io::stdout()),
    };
    let look = Look {
        terminal: to_terminal,
        person: stdin_is_terminal && !matches!(input, Input::Script),
        session: false,
        size,
    };
    let (mut place, mut file) = (place, file);
    let mut known = None;
    let mut lender = None;
    if !prompt && !place.is_demo() && wants_nodes(&input) {
        match client::outer(options)? {
            Some((outer, snapshot)) => {
                lender = Some(outer);
                file = None;
                if let Some(base) = &snapshot.local {
                    place = Place::at(base.clone());
                }
                known = Some(snapshot);
            },
            None => lender = client::lender(options, file.as_deref()),
        }
    }
    let (mut app, mut world) =
        begin::prepare(options, input, look, &Environment::default(), lender)?;
    world.stdin = Some(stdin);
    world.front = own.map(Front::Own);
    world.place = place;
    if let Some(known) = known {
        app.adopt(clock::now(), known);
    }
    run(app, file.as_deref(), world)
}

/// False for what is the same whatever nodes there are.
fn wants_nodes(input: &Input) -> bool {
    let own = |line: &Line| {
        matches!(
            line,
            Line::Builtin(
                Command::Help { .. }
                    | Command::Install { .. }
                    | Command::Settings
                    | Command::Setting { .. }
            )
        )
    };
    !matches!(input, Input::Lines(lines) if lines.iter().all(own))
}

/// A prompt wants somebody to type.
pub(super) fn no_terminal() -> Error {
    let hint = "give a line to run, or `-` to read lines from standard input";
    Error::usage("there is no terminal for a prompt").hint(hint)
}
