//! What every run of dust begins with: the app, and the world that it acts in.

use super::files::{self, HistoryFile, Machine};
use super::links::Lender;
use super::run::World;
use super::{Place, sys};
use crate::app::{App, BatchInput, Setup};
use crate::command::Settings;
use crate::command::cli::{Input, Options};
use crate::command::settings::{Change, Origin, When};
use crate::error::Result;
use crate::model::Size;
use crate::wire::{Hello, Variables};
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::rc::Rc;

/// Files that dust needs besides its connections.
const OTHER_FILES: usize = 48;

/// The environment of the person's terminal, where that is not this process's own: the client's that
/// typed last.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: Rc<RefCell<Option<Pairs>>>,
}

/// Variables and their values.
type Pairs = Vec<(OsString, OsString)>;

impl Environment {
    /// Another client's.
    pub fn set(&self, pairs: &Variables) {
        let text = |bytes: &Vec<u8>| OsString::from_vec(bytes.clone());
        let pairs = pairs.iter().map(|(name, value)| (text(name), text(value)));
        self.variables.replace(Some(pairs.collect()));
    }

    /// One variable.
    pub fn get(&self, name: &str) -> Option<OsString> {
        let variables = self.variables.borrow();
        let pairs = variables.as_ref()?;
        let found = pairs.iter().find(|(known, _)| known == OsStr::new(name));
        found.map(|(_, value)| value.clone())
    }

    /// All variables; `None`: this process's own are meant.
    pub fn all(&self) -> Option<Vec<(OsString, OsString)>> {
        self.variables.borrow().clone()
    }
}

/// How a run is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// What is printed goes to a terminal.
    pub(super) terminal: bool,
    /// Somebody can answer questions.
    pub(super) person: bool,
    /// The prompt belongs to a session.
    pub(super) session: bool,
    /// The size of the terminal, if it is known.
    pub(super) size: Option<Size>,
}

/// The hello of this process.
pub(super) fn hello() -> Hello {
    let executable = std::env::current_exe().unwrap_or_default();
    Hello::new(std::process::id(), executable.as_os_str().as_bytes())
}

/// The app and its world, which has no standard input, no front and the user's own place yet.
pub(super) fn prepare(
    options: &Options,
    input: Input,
    look: Look,
    environment: &Environment,
    lender: Option<Lender>,
) -> Result<(App, World)> {
    let prompt = matches!(input, Input::Prompt);
    let limit = sys::raise_open_files();
    let (settings, wrong) = match settings(options) {
        Ok(settings) => (settings, None),
        // A slip in there keeps nobody from the prompt.
        Err(error) if prompt => (with(Vec::new(), options), Some(error)),
        Err(error) => return Err(error),
    };
    let auto_colours = look.terminal && !no_color();
    let colours = match settings.color {
        When::Always => true,
        When::Never => false,
        When::Auto => auto_colours,
    };
    let term = std::env::var("TERM").ok().filter(|term| !term.is_empty());
    let known_hosts_file = known_hosts_file();
    let history = if prompt { HistoryFile::open() } else { None };
    let mut for_app = if prompt { HistoryFile::open() } else { None };
    let past = for_app.as_mut().map(HistoryFile::news).unwrap_or_default();
    let setup = Setup {
        settings,
        yes: options.yes,
        json: options.json,
        verbose: options.verbose,
        colours,
        auto_colours,
        terminal: look.terminal,
        person: look.person,
        size: look.size.unwrap_or(Size::DEFAULT),
        ssh_config: files::ssh_config(),
        known_hosts_name: known_hosts_file
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        known_hosts: files::known_hosts(known_hosts_file.as_deref()),
        // Programs must not think that a pipe understands more than text.
        term: if look.terminal {
            term.unwrap_or_else(|| "xterm".to_owned())
        } else {
            "dumb".to_owned()
        },
        ec2: cfg!(feature = "ec2"),
        session: look.session,
        lender: lender.as_ref().map(Lender::what),
        connections_max: limit.saturating_sub(OTHER_FILES).max(1),
    };
    let host = Box::new(Machine::new(for_app, environment.clone()));
    let mut app = match input {
        Input::Prompt => App::prompt(setup, host),
        Input::Lines(lines) => App::batch(setup, host, BatchInput::Lines(lines)),
        Input::Script => App::batch(setup, host, BatchInput::Script),
    };
    app.remember(&past);
    if let Some(error) = wrong {
        app.complain(&error);
    }
    let world = World {
        stdin: None,
        front: None,
        first: None,
        place: Place::of_user(),
        known_hosts: known_hosts_file,
        history,
        environment: environment.clone(),
        lender,
    };
    Ok((app, world))
}

/// The settings to begin with: of the configuration file, then of the environment, then of the
/// command line.
fn settings(options: &Options) -> Result<Settings> {
    Ok(with(files::configured()?, options))
}

fn with(mut changes: Vec<(Change, Origin)>, options: &Options) -> Settings {
    if no_color() {
        changes.push((Change::Color(When::Never), Origin::Variable("NO_COLOR")));
    }
    changes.extend(options.changes.iter().cloned());
    let mut settings = Settings::default();
    for (change, origin) in changes {
        settings.apply(change, origin);
    }
    settings
}

/// The person wants no colours (no-color.org).
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty())
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
