//! `~/.ssh/config`, as far as dust needs it: who to log in as, where, with which keys, and how to
//! get there. The format is OpenSSH's (ssh_config(5)); text comes in, nothing is read here.
//!
//! As in ssh, the first value that is found wins, `IdentityFile`s add up, and
//! of `ProxyJump` and `ProxyCommand` the one that comes first counts. `Host` and `Match` with `all`,
//! `host`, `originalhost`, `user`, `localuser` decide which lines apply; a `Match` with another
//! criterion (such as `exec`) never applies, and a warning says so. Where ssh gives up on a bad
//! line, it is left out here, with a warning: one odd line must not cost the whole cluster.
//!
//! The text is parsed once. `Host` lines of plain names are found by hash, so that looking up a
//! thousand hosts in a file that names each of them stays cheap.

mod keywords;
mod pattern;
mod tokens;
mod values;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

pub use pattern::{matches_list, matches_pattern};
pub use tokens::{Local, Tokens, expand};
pub use values::{Agent, Jump, Proxy, Strictness, jumps};

use crate::error::{Error, Place};
use values::{Line, Setting, Use};

/// How deep `Include`s may nest, as in OpenSSH.
const MAX_DEPTH: usize = 16;

/// How many files may be included in all: files that include each other several times would not
/// end within the depth alone.
const MAX_FILES: usize = 4096;

/// The files that an `Include` argument (a wildcard pattern, not expanded) stands for: name and
/// text each, in lexical order. Relative patterns are relative to `~/.ssh`, or to `/etc/ssh` for the
/// system's file.
pub type Includes<'a> = dyn FnMut(&str) -> Vec<(String, String)> + 'a;

/// A parsed configuration: the user's file, then the system's, then what they include.
#[derive(Debug, Default)]
pub struct SshConfig {
    files: Vec<Section>,
    warnings: Vec<Error>,
}

/// What the configuration says about one host; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The real name or address to connect to, with its tokens expanded. (Without one, it is the
    /// name that was looked up.)
    pub host_name: Option<String>,
    /// The name to log in with.
    pub user: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// Key files, in the order to try them, with tokens, variables and `~` expanded. An empty list
    /// (`IdentityFile none`) means no key file, not even ssh's usual ones.
    pub identity_files: Option<Vec<String>>,
    /// Whether only these keys are to be offered, whatever else an agent has.
    pub identities_only: Option<bool>,
    /// Which agent to ask.
    pub identity_agent: Option<Agent>,
    /// How to get there.
    pub proxy: Option<Proxy>,
    /// Files of known host keys, expanded; the first is the one to add to. `none` gives none.
    pub user_known_hosts: Option<Vec<String>>,
    /// The system's files of known host keys, likewise.
    pub global_known_hosts: Option<Vec<String>>,
    /// What to do with a host key that is not known.
    pub strict_host_key_checking: Option<Strictness>,
    /// The name to look for in known-hosts files instead of the host's.
    pub host_key_alias: Option<String>,
    /// How long connecting may take; zero for no limit.
    pub connect_timeout: Option<Duration>,
    /// After how long a silence to ask whether the server is still there; zero for never.
    pub server_alive_interval: Option<Duration>,
    /// How many such questions may stay unanswered.
    pub server_alive_count_max: Option<u32>,
    /// Keywords that apply to this host and would make a difference, but that dust does not know
    /// what to do with, each with its first place. To be told to the person once each.
    pub ignored: Vec<(String, Place)>,
    /// Values that could not be expanded, and were left out.
    pub warnings: Vec<Error>,
}

/// The lines of a file, or of an `Include`.
#[derive(Debug, Default)]
struct Section {
    name: Rc<str>,
    blocks: Vec<Block>,
    /// Blocks of `Host` lines with nothing but plain names, by each name.
    exact: HashMap<String, Vec<usize>>,
    /// All other blocks.
    general: Vec<usize>,
}

/// Lines that apply together.
#[derive(Debug)]
struct Block {
    when: When,
    items: Vec<(usize, Item)>,
}

#[derive(Debug)]
enum When {
    Always,
    /// `Host`: its patterns.
    Host(Vec<String>),
    /// `Match`: criteria that must all hold.
    Match(Vec<Criterion>),
    Never,
}

#[derive(Debug)]
struct Criterion {
    negated: bool,
    what: What,
    /// A comma-separated list of patterns.
    patterns: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    All,
    Host,
    OriginalHost,
    User,
    LocalUser,
}

#[derive(Debug)]
enum Item {
    Set(Setting),
    /// A keyword that dust does not act on.
    Ignored(String),
    /// What an `Include` brought.
    Nested(Section),
}

impl SshConfig {
    /// An empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, after those that were added before: the user's first, then the system's.
    pub fn add(&mut self, name: &str, text: &str, includes: &mut Includes<'_>) {
        let mut parser = Parser {
            warnings: std::mem::take(&mut self.warnings),
            unknown_ok: Vec::new(),
            files: 0,
            includes,
        };
        self.files.push(parser.section(name, text, 0));
        self.warnings = parser.warnings;
    }

    /// What is wrong with the files, each with its place: bad values, unknown keywords, `Match`
    /// criteria that are not supported.
    pub fn warnings(&self) -> &[Error] {
        &self.warnings
    }

    /// What the files say about `alias`, the host as the person named it. `user`: the name to log
    /// in with, if something other than this configuration says so.
    pub fn lookup(&self, alias: &str, user: Option<&str>, local: &Local<'_>) -> Host {
        let mut found = values::Found::default();
        let asked = Asked {
            alias,
            user,
            local_user: local.user,
        };
        for file in &self.files {
            file.collect(&asked, &mut found);
        }
        found.finish(alias, user, local)
    }
}

/// What is looked up.
struct Asked<'a> {
    alias: &'a str,
    user: Option<&'a str>,
    local_user: &'a str,
}

impl Section {
    fn collect<'s>(&'s self, asked: &Asked<'_>, found: &mut values::Found<'s>) {
        let exact = self.exact.get(asked.alias).map_or(&[][..], Vec::as_slice);
        // Both lists ascend, and have no block in common.
        let (mut exact, mut general) = (exact.iter().peekable(), self.general.iter().peekable());
        loop {
            let (at, known) = match (exact.peek(), general.peek()) {
                (Some(e), Some(g)) if e < g => (exact.next(), true),
                (_, Some(_)) => (general.next(), false),
                (Some(_), None) => (exact.next(), true),
                (None, None) => return,
            };
            let Some(block) = at.and_then(|at| self.blocks.get(*at)) else {
                return;
            };
            if !known && !block.when.holds(asked, found) {
                continue;
            }
            for (line, item) in &block.items {
                match item {
                    Item::Set(setting) => found.set(setting),
                    Item::Ignored(keyword) => found.ignore(keyword, &self.name, *line),
                    Item::Nested(section) => section.collect(asked, found),
                }
            }
        }
    }

    fn close(&mut self, block: Block) {
        let at = self.blocks.len();
        if block.items.is_empty() {
            return;
        }
        match &block.when {
            When::Host(names) if names.iter().all(|name| pattern::is_plain(name)) => {
                for name in names {
                    let blocks = self.exact.entry(name.clone()).or_default();
                    if blocks.last() != Some(&at) {
                        blocks.push(at);
                    }
                }
            },
            When::Never => return,
            When::Host(_) | When::Match(_) | When::Always => self.general.push(at),
        }
        self.blocks.push(block);
    }
}

impl When {
    fn holds(&self, asked: &Asked<'_>, found: &values::Found<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Host(patterns) => matches_list(asked.alias, patterns.iter().map(String::as_str)),
            Self::Match(criteria) => criteria.iter().all(|criterion| {
                let name = match criterion.what {
                    What::All => return !criterion.negated,
                    What::Host => &found.host_name(asked.alias),
                    What::OriginalHost => asked.alias,
                    What::User => asked
                        .user
                        .or_else(|| found.user())
                        .unwrap_or(asked.local_user),
                    What::LocalUser => asked.local_user,
                };
                matches_list(name, criterion.patterns.split(',')) != criterion.negated
            }),
        }
    }
}

struct Parser<'p, 'i> {
    warnings: Vec<Error>,
    /// Patterns of `IgnoreUnknown`.
    unknown_ok: Vec<String>,
    files: usize,
    includes: &'p mut Includes<'i>,
}

impl Parser<'_, '_> {
    fn section(&mut self, name: &str, text: &str, depth: usize) -> Section {
        let mut section = Section {
            name: name.into(),
            ..Section::default()
        };
        let mut block = Block {
            when: When::Always,
            items: Vec::new(),
        };
        for (number, text) in text.lines().enumerate() {
            let number = number + 1;
            match self.line(name, number, text, depth) {
                Ok(Parsed::Nothing) => {},
                Ok(Parsed::Item(item)) => block.items.push((number, item)),
                Ok(Parsed::Include(sections)) => {
                    block
                        .items
                        .extend(sections.into_iter().map(|s| (number, Item::Nested(s))));
                },
                Ok(Parsed::Block(when)) => {
                    section.close(std::mem::replace(
                        &mut block,
                        Block {
                            when,
                            items: Vec::new(),
                        },
                    ));
                },
                Err(why) => {
                    // A condition that is not understood must not let its lines apply to others.
                    if why.ends_block {
                        let never = Block {
                            when: When::Never,
                            items: Vec::new(),
                        };
                        section.close(std::mem::replace(&mut block, never));
                    }
                    self.warnings.push(Error::usage(why.text).at(name, number));
                },
            }
        }
        section.close(block);
        section
    }

    fn line(&mut self, file: &str, number: usize, text: &str, depth: usize) -> Result<Parsed, Bad> {
        let Some(line) = Line::split(text) else {
            return Ok(Parsed::Nothing);
        };
        let lower = line.keyword.to_ascii_lowercase();
        match lower.as_str() {
            "host" => {
                let patterns = line.args().map_err(Bad::block)?;
                if patterns.is_empty() {
                    return Err(Bad::block("Host without a pattern".to_owned()));
                }
                Ok(Parsed::Block(When::Host(patterns)))
            },
            "match" => Ok(Parsed::Block(When::Match(
                criteria(&line).map_err(Bad::block)?,
            ))),
            "include" => {
                let mut sections = Vec::new();
                for pattern in line.args().map_err(Bad::line)? {
                    if depth >= MAX_DEPTH {
                        return Err(Bad::line(format!("Include deeper than {MAX_DEPTH} files")));
                    }
                    for (name, text) in (self.includes)(&pattern) {
                        if self.files >= MAX_FILES {
                            return Err(Bad::line(format!("more than {MAX_FILES} files included")));
                        }
                        self.files += 1;
                        sections.push(self.section(&name, &text, depth + 1));
                    }
                }
                Ok(Parsed::Include(sections))
            },
            "ignoreunknown" => {
                for list in line.args().map_err(Bad::line)? {
                    self.unknown_ok
                        .extend(list.split(',').map(str::to_ascii_lowercase));
                }
                Ok(Parsed::Nothing)
            },
            keyword => match Setting::parse(keyword, &line).map_err(Bad::line)? {
                Use::Setting(setting) => Ok(Parsed::Item(Item::Set(setting))),
                Use::Ignored => Ok(Parsed::Item(Item::Ignored(line.keyword.to_owned()))),
                Use::Silent => Ok(Parsed::Nothing),
                Use::Unknown => {
                    if !matches_list(keyword, self.unknown_ok.iter().map(String::as_str)) {
                        let text = format!("unknown keyword {}", line.keyword);
                        self.warnings.push(Error::usage(text).at(file, number));
                    }
                    Ok(Parsed::Nothing)
                },
            },
        }
    }
}

enum Parsed {
    Nothing,
    Item(Item),
    Include(Vec<Section>),
    Block(When),
}

/// Why a line cannot be used.
struct Bad {
    text: String,
    /// It was to begin a block.
    ends_block: bool,
}

impl Bad {
    fn line(text: String) -> Self {
        Self {
            text,
            ends_block: false,
        }
    }

    fn block(text: String) -> Self {
        Self {
            text,
            ends_block: true,
        }
    }
}

/// What stands after `Match`.
fn criteria(line: &Line<'_>) -> Result<Vec<Criterion>, String> {
    let mut words = line.args()?.into_iter();
    let mut criteria = Vec::new();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let negated = name.starts_with('!');
        let lower = name.strip_prefix('!').unwrap_or(name).to_ascii_lowercase();
        let what = match lower.as_str() {
            "all" => What::All,
            "host" => What::Host,
            "originalhost" => What::OriginalHost,
            "user" => What::User,
            "localuser" => What::LocalUser,
            _ => {
                return Err(format!(
                    "Match {lower} is not supported: its lines are not used"
                ));
            },
        };
        let patterns = match (what, value) {
            (What::All, None) => String::new(),
            (What::All, Some(_)) => return Err("Match all takes no value".to_owned()),
            (_, Some(value)) => value,
            (_, None) => words
                .next()
                .ok_or_else(|| format!("Match {lower} needs a pattern"))?,
        };
        criteria.push(Criterion {
            negated,
            what,
            patterns,
        });
    }
    if criteria.is_empty() {
        return Err("Match without a criterion".to_owned());
    }
    if criteria.len() > 1 && criteria.iter().any(|c| c.what == What::All) {
        return Err("Match all goes with no other criterion".to_owned());
    }
    Ok(criteria)
}

#[cfg(test)]
mod tests;
