//! `%h`, `${VARIABLE}` and `~` in values (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES).

use crate::error::{Error, Result};

/// What this machine says of the person who runs dust.
#[derive(Clone, Copy)]
pub struct Local<'a> {
    /// The login name (`%u`).
    pub user: &'a str,
    /// The numeric user id (`%i`).
    pub uid: u32,
    /// The home folder (`%d`, `~`).
    pub home: &'a str,
    /// This machine's host name, with its domain if it has one (`%l`; `%L` is its first part).
    pub host: &'a str,
    /// The value of an environment variable (`${NAME}`).
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Local<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            user,
            uid,
            home,
            host,
            env: _,
        } = self;
        f.debug_struct("Local")
            .field("user", user)
            .field("uid", uid)
            .field("home", home)
            .field("host", host)
            .finish_non_exhaustive()
    }
}

/// What tokens stand for, for one connection.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// The real host name or address (`%h`).
    pub host: &'a str,
    /// The host as the person named it (`%n`).
    pub original: &'a str,
    /// The name that its key is known by (`%k`), if there is an alias; else `original`.
    pub key_alias: Option<&'a str>,
    /// The port (`%p`).
    pub port: u16,
    /// The name to log in with (`%r`).
    pub user: &'a str,
    /// The value of `ProxyJump` (`%j`); empty if there is none.
    pub jump: &'a str,
    /// This side.
    pub local: &'a Local<'a>,
}

/// `text` with its `%` tokens replaced: `%%`, `%d`, `%h`, `%i`, `%j`, `%k`, `%L`, `%l`, `%n`, `%p`,
/// `%r`, `%u`. Any other is an error, as in ssh. Use it for a `ProxyCommand` just before it is run
/// (the values are not quoted for a shell: a host name with shell characters in it must be refused
/// before, as ssh does).
pub fn expand(text: &str, tokens: &Tokens<'_>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('d') => out.push_str(tokens.local.home),
            Some('h') => out.push_str(tokens.host),
            Some('i') => out.push_str(&tokens.local.uid.to_string()),
            Some('j') => out.push_str(tokens.jump),
            Some('k') => out.push_str(tokens.key_alias.unwrap_or(tokens.original)),
            Some('L') => out.push_str(tokens.local.host.split('.').next().unwrap_or_default()),
            Some('l') => out.push_str(tokens.local.host),
            Some('n') => out.push_str(tokens.original),
            Some('p') => out.push_str(&tokens.port.to_string()),
            Some('r') => out.push_str(tokens.user),
            Some('u') => out.push_str(tokens.local.user),
            Some(other) => {
                return Err(Error::usage(format!("unknown token %{other} in “{text}”")));
            },
            None => return Err(Error::usage(format!("“{text}” ends in a single %"))),
        }
    }
    Ok(out)
}

/// `text`, the name of a file: with `~`, `${VARIABLE}` and tokens replaced, in this order, as ssh
/// does it.
pub(super) fn expand_path(text: &str, tokens: &Tokens<'_>) -> Result<String> {
    let local = tokens.local;
    let home = || local.home.replace('%', "%%");
    let text = match text.strip_prefix('~') {
        Some("") => home(),
        Some(rest) if rest.starts_with('/') => format!("{}{rest}", home()),
        _ => text.to_owned(),
    };
    expand(&variables(&text, local)?, tokens)
}

/// `text` with `${NAME}` replaced; a variable that is not set is an error, as in ssh.
fn variables(text: &str, local: &Local<'_>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            return Err(Error::usage(format!("“{text}” has a ${{ without its }}")));
        };
        match (local.env)(name) {
            // A value with tokens in it is not expanded again.
            Some(value) => out.push_str(&value.replace('%', "%%")),
            None => return Err(Error::usage(format!("“{text}”: {name} is not set"))),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
