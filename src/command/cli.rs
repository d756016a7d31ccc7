//! The program's own command line.
//!
//! Options stand before the first other word. That word and all after it are one prompt line,
//! whose words are taken as they are; after an `@target` (and after `!`) they are joined with
//! blanks, as ssh does. Every line is read before anything runs, so that a slip in the last one
//! does not leave the work half done.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::complete::Request;
use super::completions::Shell;
use super::dropins;
use super::options::{self, DEMO_MOST, DEMO_NODES, FLAGS, Opt, Sub, Subcommand};
use super::parse::{self, Line};
use super::settings::{self, Change, Origin};
use super::table::{self, not_text};
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};

/// What the options say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-f`.
    pub file: Option<PathBuf>,
    /// `-s`.
    pub session: Option<String>,
    /// `--no-session`.
    pub no_session: bool,
    /// The options that were given and say how a session begins: one that runs has begun.
    pub beginning: Vec<&'static str>,
    /// `-y`.
    pub yes: bool,
    /// `--json`.
    pub json: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// What the options change of the settings, and as which option.
    pub changes: Vec<(Change, Origin)>,
}

/// Where prompt lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Typed at the prompt.
    Prompt,
    /// The command line: one line of words, or one of each `-c`.
    Lines(Vec<Line>),
    /// `-`: standard input. [`parse::scripted`] reads each line.
    Script,
}

/// What another program wants of a session's connection to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// A shell or, with words, a command: the node, the command.
    Ssh(String, Option<String>),
    /// A connection from the node to this host and port, or to its own sshd.
    Proxy(String, Option<(String, u16)>),
}

/// What dust was started for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// To run prompt lines.
    Run {
        /// How.
        options: Options,
        /// On a cluster of this many nodes on this machine.
        demo: Option<u16>,
        /// Which lines.
        input: Input,
    },
    /// To print a completion script.
    Completions(Shell),
    /// To answer a completion script.
    Complete {
        /// Those of the line being completed.
        options: Options,
        /// The question.
        request: Request,
    },
    /// To do something with sessions: which subcommand, what it names, `--json`.
    Session(Sub, Option<String>, bool),
    /// To reach a node over a session's connection.
    Through(Options, Through),
    /// To be the server of the session of this name.
    Server(String),
    /// To be a node on this machine, with these words.
    Node(Vec<OsString>),
    /// To print [`super::help::program`].
    Help,
    /// To explain a word of the command line: [`super::help::about`].
    About(&'static Subcommand),
    /// To print the version.
    Version,
}

/// Reads the words of the command line, without the program's own name. All errors are usage
/// errors.
pub fn parse<W: Into<OsString>>(args: impl IntoIterator<Item = W>) -> Result<Invocation> {
    let mut parser = lexopt::Parser::from_args(args.into_iter().map(Into::into));
    let mut given = Given::default();
    loop {
        let Some(arg) = parser.next().map_err(|e| misuse(&e.to_string()))? else {
            return given.without_words();
        };
        let spelling = match arg {
            lexopt::Arg::Value(word) => {
                let sub = word.to_str().and_then(options::find_sub);
                match sub.filter(|_| given.demo.is_none()) {
                    Some(sub) if sub.id == Sub::Demo => given.demo = Some(demo_size(&mut parser)?),
                    Some(sub) => return given.sub(sub, rest(&mut parser)?),
                    None => return given.words(word, rest(&mut parser)?),
                }
                continue;
            },
            lexopt::Arg::Short(c) => format!("-{c}"),
            lexopt::Arg::Long(long) => format!("--{long}"),
        };
        let Some(program) = options::find(&spelling) else {
            return Err(unknown(&spelling));
        };
        let value = match program.flag.value {
            Some(_) => parser.value().map_err(|e| misuse(&e.to_string()))?,
            None => OsString::new(),
        };
        match program.id {
            Opt::Help => {
                let demo = given.demo.and_then(|_| options::find_sub("demo"));
                return Ok(demo.map_or(Invocation::Help, Invocation::About));
            },
            Opt::Version => return Ok(Invocation::Version),
            id => given.option(id, value)?,
        }
    }
}

/// What was given before the first word that is no option.
#[derive(Default)]
struct Given {
    options: Options,
    lines: Vec<String>,
    demo: Option<u16>,
}

impl Given {
    fn option(&mut self, id: Opt, value: OsString) -> Result<()> {
        let options = &mut self.options;
        let of_the_client = [Opt::File, Opt::Session, Opt::NoSession, Opt::Line];
        if !of_the_client.contains(&id)
            && let Some(flag) = FLAGS.iter().find(|flag| flag.id == id)
            && let Some(long) = flag.flag.long
        {
            options.beginning.retain(|given| *given != long);
            options.beginning.push(long);
        }
        match id {
            Opt::File if value.is_empty() => return Err(misuse("-f: the file's name is empty")),
            Opt::File => options.file = Some(PathBuf::from(value)),
            Opt::Session => options.session = Some(session_name(text(value)?)?),
            Opt::NoSession => options.no_session = true,
            Opt::Line => self.lines.push(text(value)?),
            Opt::Yes => options.yes = true,
            Opt::Json => options.json = true,
            Opt::Verbose => options.verbose = options.verbose.saturating_add(1),
            Opt::Fold => set(options, "--fold", "fold", "on")?,
            Opt::NoFold => set(options, "--no-fold", "fold", "off")?,
            Opt::Color => set(options, "--color", "color", &text(value)?)?,
            Opt::Fanout => set(options, "--fanout", "fanout", &text(value)?)?,
            Opt::Timeout => set(options, "--timeout", "timeout", &text(value)?)?,
            Opt::CommandTimeout => {
                set(
                    options,
                    "--command-timeout",
                    "command-timeout",
                    &text(value)?,
                )?;
            },
            // They end the reading where they are found.
            Opt::Help | Opt::Version => {},
        }
        Ok(())
    }

    fn without_words(self) -> Result<Invocation> {
        if self.lines.is_empty() {
            return self.run(Input::Prompt);
        }
        let lines = self
            .lines
            .iter()
            .map(|line| parse::scripted(line))
            .collect::<Result<_>>()?;
        self.run(Input::Lines(lines))
    }

    fn words(mut self, first: OsString, mut rest: Vec<OsString>) -> Result<Invocation> {
        if !self.lines.is_empty() {
            let first = shown(&first.to_string_lossy());
            return Err(misuse(&format!(
                "`{first}` after -c: give lines in one way only"
            )));
        }
        if first == "-" {
            return match rest.first() {
                None => self.run(Input::Script),
                Some(word) => Err(misuse(&format!(
                    "`{}` after -",
                    shown(&word.to_string_lossy())
                ))),
            };
        }
        if first.to_str().and_then(table::find).is_some() {
            // `dust show --json` is what people write; no command has an option of this name.
            let ends = rest.iter().position(|word| word == "--");
            let ends = ends.unwrap_or(rest.len());
            if let Some(at) = rest.iter().take(ends).position(|word| word == "--json") {
                rest.remove(at);
                self.options.json = true;
            }
        }
        let line = line(first, rest)?;
        self.run(Input::Lines(vec![line]))
    }

    fn run(self, input: Input) -> Result<Invocation> {
        if self.demo.is_some() && self.options.file.is_some() {
            return Err(misuse("demo makes its own cluster; it takes no -f"));
        }
        Ok(Invocation::Run {
            options: self.options,
            demo: self.demo,
            input,
        })
    }

    fn sub(self, sub: &'static Subcommand, words: Vec<OsString>) -> Result<Invocation> {
        if !self.lines.is_empty() {
            return Err(misuse(&format!("{} after -c", sub.name)));
        }
        if sub.id == Sub::Node {
            return Ok(Invocation::Node(words));
        }
        let words = words.into_iter().map(text).collect::<Result<Vec<_>>>()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (sub.id, words.as_slice()) {
            (_, ["-h" | "--help"]) if !sub.hidden => Ok(Invocation::About(sub)),
            (Sub::Completions, [shell]) => match Shell::named(shell) {
                Some(shell) => Ok(Invocation::Completions(shell)),
                None => Err(misuse(&format!("no completions for `{}`", shown(shell)))),
            },
            (Sub::Attach | Sub::Detach | Sub::Kill, [] | [_]) => {
                let mut name = self.options.session;
                match words.first() {
                    Some(word) if sub.id == Sub::Detach => name = Some((*word).to_owned()),
                    Some(word) => name = Some(session_name((*word).to_owned())?),
                    None => {},
                }
                Ok(Invocation::Session(sub.id, name, self.options.json))
            },
            (Sub::Ls, [] | ["--json"]) => {
                let json = self.options.json || !words.is_empty();
                Ok(Invocation::Session(sub.id, None, json))
            },
            (Sub::Ssh, [node, command @ ..]) => {
                let command = (!command.is_empty()).then(|| command.join(" "));
                let through = Through::Ssh(node_name(node)?, command);
                Ok(Invocation::Through(self.options, through))
            },
            (Sub::Proxy, [node, to @ ..]) if to.len() < 2 => {
                let to = to.first().map(|to| host_and_port(to)).transpose()?;
                let through = Through::Proxy(node_name(node)?, to);
                Ok(Invocation::Through(self.options, through))
            },
            (Sub::Server, [name]) => Ok(Invocation::Server((*name).to_owned())),
            (Sub::Complete, [kind @ ("command" | "session" | "target"), prefix @ ..])
                if prefix.len() < 2 =>
            {
                let prefix = prefix.first().copied().unwrap_or_default().to_owned();
                let request = match *kind {
                    "command" => Request::Command,
                    "session" => Request::Session,
                    _ => Request::Target { prefix },
                };
                Ok(Invocation::Complete {
                    options: self.options,
                    request,
                })
            },
            _ => Err(Error::usage(format!("{} does not take this", sub.name))
                .hint(format!("usage: dust {}", super::help::sub_usage(sub)))),
        }
    }
}

/// The line that the words after the options make.
fn line(first: OsString, rest: Vec<OsString>) -> Result<Line> {
    let first = text(first)?;
    if first.starts_with(['@', '!']) {
        let mut line = first;
        for word in rest {
            line.push(' ');
            line += &text(word)?;
        }
        return parse::scripted(&line);
    }
    let line = match table::find(&first) {
        Some(spec) => Line::Builtin(spec.parse(rest)?),
        // A whole line in quotes, as after -c.
        None if rest.is_empty() => parse::parse(&first)?,
        None if dropins::is_name(&first) => Line::DropIn {
            otherwise: near_word(&first),
            name: first,
            words: rest,
        },
        None => return Err(near_word(&first)),
    };
    match line {
        Line::Empty | Line::Comment => Err(misuse("the line is empty")),
        Line::Unknown { word, line } => parse::drop_in(&word, &line, near_word(&word)),
        line => Ok(line),
    }
}

/// The error for a first word that is nothing: subcommands are as near as commands.
fn near_word(word: &str) -> Error {
    let subs = options::visible_subs().map(|sub| sub.name);
    let commands = super::COMMANDS.iter().flat_map(table::Spec::names);
    match nearest(word, subs.chain(commands)) {
        Some(near) if options::find_sub(near).is_some() => {
            Error::usage(format!("no command `{}`", shown(word)))
                .hint(format!("did you mean dust {near}?"))
        },
        _ => parse::no_command(word),
    }
}

/// The number after `demo`, if the next word is one.
fn demo_size(parser: &mut lexopt::Parser) -> Result<u16> {
    let is_number = |word: &OsStr| {
        word.to_str()
            .is_some_and(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_digit()))
    };
    let Some(word) = parser
        .try_raw_args()
        .and_then(|mut args| args.next_if(is_number))
    else {
        return Ok(DEMO_NODES);
    };
    let size = word.to_str().and_then(|word| word.parse().ok());
    size.filter(|n| (1..=DEMO_MOST).contains(n)).ok_or_else(|| {
        misuse(&format!(
            "demo: `{}` is not 1 to {DEMO_MOST}",
            word.display()
        ))
    })
}

fn rest(parser: &mut lexopt::Parser) -> Result<Vec<OsString>> {
    Ok(parser
        .raw_args()
        .map_err(|e| misuse(&e.to_string()))?
        .collect())
}

fn text(word: OsString) -> Result<String> {
    word.into_string().map_err(|word| misuse(&not_text(&word)))
}

/// One node, with or without an @ before it.
fn node_name(word: &str) -> Result<String> {
    let name = word.strip_prefix('@').unwrap_or(word);
    if name.is_empty() || name.starts_with('-') {
        return Err(misuse(&format!("`{}` is no node", shown(word))));
    }
    Ok(name.to_owned())
}

/// `host:80`, `[::1]:80`.
fn host_and_port(word: &str) -> Result<(String, u16)> {
    let split = word.rsplit_once(':').and_then(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(bare) => bare,
            None if host.contains(':') => return None,
            None => host,
        };
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| (host.to_owned(), port))
    });
    split.ok_or_else(|| misuse(&format!("`{}` is no HOST:PORT", shown(word))))
}

/// A name that a session may have.
fn session_name(name: String) -> Result<String> {
    if crate::wire::is_session_name(&name) {
        return Ok(name);
    }
    Err(
        Error::usage(format!("`{}` is no name for a session", shown(&name))).hint(format!(
            "letters, digits, `.`, `_` and `-`, at most {}",
            crate::wire::NAME_MAX
        )),
    )
}

fn set(options: &mut Options, flag: &'static str, name: &str, value: &str) -> Result<()> {
    let change = settings::find(name)?
        .parse(value)
        .map_err(|e| misuse(&format!("--{e}")))?;
    options.changes.push((change, Origin::Option(flag)));
    Ok(())
}

fn unknown(spelling: &str) -> Error {
    let error = Error::usage(format!("no option {}", shown(spelling)));
    match table::nearest_flag(spelling, FLAGS.iter().map(|program| &program.flag)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint("dust -h lists them"),
    }
}

fn misuse(what: &str) -> Error {
    Error::usage(what).hint("dust -h explains")
}

#[cfg(test)]
mod tests;
