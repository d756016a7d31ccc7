//! Keywords and their values: from a line to a typed setting, and from the settings that apply to
//! what they say about a host.

use std::time::Duration;

use super::Host;
use super::keywords::{IGNORED, SILENT};
use super::tokens::{Local, Tokens, expand, expand_path};
use crate::error::{Error, Place, Result};

/// Which ssh agent to ask for keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agent {
    /// None at all.
    None,
    /// The one of the environment variable `SSH_AUTH_SOCK`.
    Environment,
    /// The one at this socket.
    Socket(String),
}

/// How to get to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Directly, whatever other files say (`none`).
    Direct,
    /// Through these hosts, the first one first. Each is looked up in the configuration itself.
    Jump(Vec<Jump>),
    /// Over a command's standard input and output; its tokens are for
    /// [`expand`](super::expand).
    Command(String),
}

/// A host on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The name to log in with there, if it is given.
    pub user: Option<String>,
    /// The host.
    pub host: String,
    /// The port, if it is given.
    pub port: Option<u16>,
}

/// What to do with a host key that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Refuse it.
    Yes,
    /// Ask the person.
    Ask,
    /// Take it and keep it; a changed one is refused.
    AcceptNew,
    /// Take it, be it changed or not.
    Off,
}

/// A line with something on it.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The keyword as it is written.
    pub(super) keyword: &'a str,
    /// What follows it.
    rest: &'a str,
}

impl<'a> Line<'a> {
    /// None for empty lines and comments.
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\x0c');
        let text = text.trim_matches(blank);
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        let end = text.find(|c| blank(c) || c == '=').unwrap_or(text.len());
        let (keyword, rest) = text.split_at_checked(end)?;
        let rest = rest.trim_start_matches(blank);
        let rest = rest
            .strip_prefix('=')
            .unwrap_or(rest)
            .trim_start_matches(blank);
        Some(Self { keyword, rest })
    }

    /// The words after the keyword: blanks separate, quotes of either kind hold together, `\`
    /// stands before a quote, a `\` or a blank that is meant; a word that begins with `#` and what
    /// follows is a comment.
    pub(super) fn args(&self) -> Result<Vec<String>, String> {
        let mut words = Vec::new();
        let mut chars = self.rest.chars().peekable();
        loop {
            while chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
            if chars.peek().is_none_or(|c| *c == '#') {
                return Ok(words);
            }
            let mut word = String::new();
            let mut quote = None;
            while let Some(c) = chars.next_if(|c| quote.is_some() || !matches!(c, ' ' | '\t')) {
                match (c, quote) {
                    ('\\', _) => {
                        let meant = |c: &char| {
                            matches!(c, '"' | '\'' | '\\') || (*c == ' ' && quote.is_none())
                        };
                        word.push(chars.next_if(meant).unwrap_or('\\'));
                    },
                    ('"' | '\'', None) => quote = Some(c),
                    (c, Some(q)) if c == q => quote = None,
                    _ => word.push(c),
                }
            }
            if quote.is_some() {
                return Err(format!("{}: a quote is not closed", self.keyword));
            }
            words.push(word);
        }
    }

    /// The only word after the keyword.
    fn arg(&self) -> Result<String, String> {
        let mut words = self.args()?.into_iter();
        match (words.next(), words.next()) {
            (Some(word), None) if !word.is_empty() => Ok(word),
            (Some(_), Some(extra)) => Err(format!("{}: what is “{extra}”?", self.keyword)),
            _ => Err(format!("{} without a value", self.keyword)),
        }
    }
}

/// A setting that dust acts on.
#[derive(Debug)]
pub(super) enum Setting {
    HostName(String),
    User(String),
    Port(u16),
    IdentityFile(String),
    IdentitiesOnly(bool),
    IdentityAgent(String),
    ProxyJump(String),
    ProxyCommand(String),
    UserKnownHosts(Vec<String>),
    GlobalKnownHosts(Vec<String>),
    Strict(Strictness),
    HostKeyAlias(String),
    ConnectTimeout(Duration),
    AliveInterval(Duration),
    AliveCount(u32),
}

/// What a keyword is to dust.
pub(super) enum Use {
    Setting(Setting),
    /// ssh acts on it, dust does not, and that may be missed.
    Ignored,
    /// It makes no difference to what dust does.
    Silent,
    /// ssh does not know it either.
    Unknown,
}

impl Setting {
    /// `keyword` in small letters. An error is a value that ssh would not take either.
    pub(super) fn parse(keyword: &str, line: &Line<'_>) -> Result<Use, String> {
        let setting = match keyword {
            "hostname" => Self::HostName(line.arg()?),
            "user" => Self::User(line.arg()?),
            "port" => {
                let port = line.arg()?.parse().ok().filter(|port| *port != 0);
                Self::Port(port.ok_or_else(|| format!("bad port {}", line.rest))?)
            },
            "identityfile" => Self::IdentityFile(line.arg()?),
            "identitiesonly" => Self::IdentitiesOnly(flag(line)?),
            "identityagent" => Self::IdentityAgent(line.arg()?),
            "proxyjump" => {
                let hops = line.arg()?;
                if !hops.contains('%') {
                    jumps(&hops)?;
                }
                Self::ProxyJump(hops)
            },
            // The rest of the line goes to a shell, quotes and all.
            "proxycommand" if line.rest.is_empty() => {
                return Err("ProxyCommand without a command".to_owned());
            },
            "proxycommand" => Self::ProxyCommand(line.rest.to_owned()),
            "userknownhostsfile" => Self::UserKnownHosts(files(line)?),
            "globalknownhostsfile" => Self::GlobalKnownHosts(files(line)?),
            "stricthostkeychecking" => {
                Self::Strict(match line.arg()?.to_ascii_lowercase().as_str() {
                    "yes" | "true" => Strictness::Yes,
                    "ask" => Strictness::Ask,
                    "accept-new" => Strictness::AcceptNew,
                    "no" | "false" | "off" => Strictness::Off,
                    other => return Err(format!("StrictHostKeyChecking: what is “{other}”?")),
                })
            },
            "hostkeyalias" => Self::HostKeyAlias(line.arg()?),
            // To ssh, `none` is no setting: a later one still counts.
            "connecttimeout" | "serveraliveinterval" if is_none(&line.arg()?) => {
                return Ok(Use::Silent);
            },
            "connecttimeout" => Self::ConnectTimeout(time(line)?),
            "serveraliveinterval" => Self::AliveInterval(time(line)?),
            "serveralivecountmax" => {
                let count = line.arg()?.parse().ok();
                Self::AliveCount(count.ok_or_else(|| format!("bad number {}", line.rest))?)
            },
            other if IGNORED.contains(&other) => return Ok(Use::Ignored),
            other if SILENT.contains(&other) => return Ok(Use::Silent),
            _ => return Ok(Use::Unknown),
        };
        Ok(Use::Setting(setting))
    }
}

/// The value that undoes a setting.
fn is_none(value: &str) -> bool {
    value.eq_ignore_ascii_case("none")
}

fn flag(line: &Line<'_>) -> Result<bool, String> {
    match line.arg()?.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        other => Err(format!("{}: “{other}” is neither yes nor no", line.keyword)),
    }
}

fn files(line: &Line<'_>) -> Result<Vec<String>, String> {
    let files = line.args()?;
    if files.is_empty() {
        Err(format!("{} without a file", line.keyword))
    } else {
        Ok(files)
    }
}

/// sshd_config(5), TIME FORMATS: seconds, or numbers with units, which add up.
fn time(line: &Line<'_>) -> Result<Duration, String> {
    let text = line.arg()?;
    let bad = || format!("{}: bad time “{text}”", line.keyword);
    let (mut total, mut number) = (0_u64, None);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            let n: u64 = number.unwrap_or(0);
            number = n.checked_mul(10).and_then(|n| n.checked_add(digit.into()));
            if number.is_none() {
                return Err(bad());
            }
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(bad()),
        };
        let part = number.take().and_then(|n| n.checked_mul(unit));
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(bad)?;
    }
    total = total.checked_add(number.unwrap_or(0)).ok_or_else(bad)?;
    // More than a century is a slip of the hand, and sums of times must not overflow.
    if total > 100 * 366 * 86_400 {
        Err(bad())
    } else {
        Ok(Duration::from_secs(total))
    }
}

/// The hosts of a `ProxyJump`: `[user@]host[:port]` or `ssh://…`, separated by commas. `none` is no
/// host; an error says which of them is none.
pub fn jumps(text: &str) -> Result<Vec<Jump>, String> {
    let jump = |hop: &str| {
        let rest = hop
            .strip_prefix("ssh://")
            .map_or(hop, |rest| rest.trim_end_matches('/'));
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()).filter(|u| !u.is_empty()), rest),
            None => (None, rest),
        };
        let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
            let (host, after) = rest.split_once(']')?;
            (
                host,
                if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':')?)
                },
            )
        } else if rest.matches(':').count() == 1 {
            let (host, port) = rest.split_once(':')?;
            (host, Some(port))
        } else {
            // An IPv6 address without brackets has no port.
            (rest, None)
        };
        let port = match port {
            Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
            None => None,
        };
        (!host.is_empty()).then(|| Jump {
            user,
            host: host.to_owned(),
            port,
        })
    };
    if is_none(text) {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|hop| jump(hop).ok_or_else(|| format!("bad jump host “{hop}”")))
        .collect()
}

/// The settings that apply to a host, as they are found.
#[derive(Debug, Default)]
pub(super) struct Found<'s> {
    host_name: Option<&'s str>,
    user: Option<&'s str>,
    port: Option<u16>,
    identity_files: Vec<&'s str>,
    identities_only: Option<bool>,
    identity_agent: Option<&'s str>,
    /// The setting, [`Setting::ProxyJump`] or [`Setting::ProxyCommand`].
    proxy: Option<&'s Setting>,
    user_known_hosts: Option<&'s [String]>,
    global_known_hosts: Option<&'s [String]>,
    strict: Option<Strictness>,
    host_key_alias: Option<&'s str>,
    connect_timeout: Option<Duration>,
    alive_interval: Option<Duration>,
    alive_count: Option<u32>,
    ignored: Vec<(String, Place)>,
}

impl<'s> Found<'s> {
    /// Takes a setting, unless one came before it.
    pub(super) fn set(&mut self, setting: &'s Setting) {
        fn first<T>(slot: &mut Option<T>, value: T) {
            slot.get_or_insert(value);
        }
        match setting {
            Setting::HostName(name) => first(&mut self.host_name, name),
            Setting::User(name) => first(&mut self.user, name),
            Setting::Port(port) => first(&mut self.port, *port),
            Setting::IdentityFile(file) => self.identity_files.push(file),
            Setting::IdentitiesOnly(yes) => first(&mut self.identities_only, *yes),
            Setting::IdentityAgent(agent) => first(&mut self.identity_agent, agent),
            // `ProxyJump none` keeps out later jumps, but no later command.
            Setting::ProxyCommand(_) if self.jump().is_some_and(is_none) => {
                self.proxy = Some(setting);
            },
            Setting::ProxyJump(_) | Setting::ProxyCommand(_) => first(&mut self.proxy, setting),
            Setting::UserKnownHosts(files) => first(&mut self.user_known_hosts, files),
            Setting::GlobalKnownHosts(files) => first(&mut self.global_known_hosts, files),
            Setting::Strict(how) => first(&mut self.strict, *how),
            Setting::HostKeyAlias(name) => first(&mut self.host_key_alias, name),
            Setting::ConnectTimeout(time) => first(&mut self.connect_timeout, *time),
            Setting::AliveInterval(time) => first(&mut self.alive_interval, *time),
            Setting::AliveCount(count) => first(&mut self.alive_count, *count),
        }
    }

    fn jump(&self) -> Option<&'s str> {
        match self.proxy {
            Some(Setting::ProxyJump(hops)) => Some(hops),
            _ => None,
        }
    }

    /// Notes a keyword that is not acted on.
    pub(super) fn ignore(&mut self, keyword: &str, file: &str, line: usize) {
        if !self
            .ignored
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(keyword))
        {
            self.ignored.push((
                keyword.to_owned(),
                Place {
                    file: file.to_owned(),
                    line,
                },
            ));
        }
    }

    /// The real host name as far as it is known by now; in `HostName` only `%h` and `%%` are tokens.
    pub(super) fn host_name(&self, alias: &str) -> String {
        let name = self.host_name.unwrap_or("%h");
        name.split("%%")
            .map(|part| part.replace("%h", alias))
            .collect::<Vec<_>>()
            .join("%")
    }

    /// The name to log in with.
    pub(super) fn user(&self) -> Option<&'s str> {
        self.user
    }

    /// What all of it says.
    pub(super) fn finish(self, alias: &str, user: Option<&str>, local: &Local<'_>) -> Host {
        let host = self.host_name(alias);
        let jump = self
            .jump()
            .filter(|hops| !is_none(hops))
            .unwrap_or_default();
        let tokens = Tokens {
            host: &host,
            original: alias,
            key_alias: self.host_key_alias,
            port: self.port.unwrap_or(22),
            user: user.or(self.user).unwrap_or(local.user),
            jump,
            local,
        };
        let mut warnings = Vec::new();
        let mut keep = |keyword: &str, value: Result<String>| match value {
            Ok(value) => Some(value),
            Err(why) => {
                warnings.push(Error::usage(format!("{keyword} of {alias}: {why}")));
                None
            },
        };
        let mut paths = |keyword: &str, values: &mut dyn Iterator<Item = &'s str>| {
            let mut paths: Vec<String> = Vec::new();
            for value in values.filter(|value| !is_none(value)) {
                let path = keep(keyword, expand_path(value, &tokens));
                paths.extend(path.filter(|path| !paths.contains(path)));
            }
            paths
        };
        let mut known_hosts = |keyword: &str, files: Option<&'s [String]>| {
            files.map(|files| paths(keyword, &mut files.iter().map(String::as_str)))
        };
        let user_known_hosts = known_hosts("UserKnownHostsFile", self.user_known_hosts);
        let global_known_hosts = known_hosts("GlobalKnownHostsFile", self.global_known_hosts);
        let identity_files = (!self.identity_files.is_empty())
            .then(|| paths("IdentityFile", &mut self.identity_files.iter().copied()));
        let identity_agent = self.identity_agent.and_then(|agent| match agent {
            _ if is_none(agent) => Some(Agent::None),
            "SSH_AUTH_SOCK" => Some(Agent::Environment),
            _ => match agent.strip_prefix('$') {
                // `$NAME`; `${NAME}` may be a part of a path.
                Some(name) if !name.starts_with('{') => {
                    let value = (local.env)(name);
                    let value = value.ok_or_else(|| Error::usage(format!("{name} is not set")));
                    keep("IdentityAgent", value).map(Agent::Socket)
                },
                _ => keep("IdentityAgent", expand_path(agent, &tokens)).map(Agent::Socket),
            },
        });
        let proxy = match self.proxy {
            Some(Setting::ProxyCommand(command)) if is_none(command) => Some(Proxy::Direct),
            Some(Setting::ProxyCommand(command)) => Some(Proxy::Command(command.clone())),
            Some(_) if jump.is_empty() => Some(Proxy::Direct),
            Some(_) => {
                keep("ProxyJump", expand(jump, &tokens)).and_then(|hops| match jumps(&hops) {
                    Ok(hops) => Some(Proxy::Jump(hops)),
                    Err(why) => {
                        keep("ProxyJump", Err(Error::usage(why)));
                        None
                    },
                })
            },
            None => None,
        };
        Host {
            host_name: self.host_name.map(|_| host.clone()),
            user: self.user.map(str::to_owned),
            port: self.port,
            identity_files,
            identities_only: self.identities_only,
            identity_agent,
            proxy,
            user_known_hosts,
            global_known_hosts,
            strict_host_key_checking: self.strict,
            host_key_alias: self.host_key_alias.map(str::to_owned),
            connect_timeout: self.connect_timeout,
            server_alive_interval: self.alive_interval,
            server_alive_count_max: self.alive_count,
            ignored: self.ignored,
            warnings,
        }
    }
}
