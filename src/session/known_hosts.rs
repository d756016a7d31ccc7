//! The keys that hosts are known by: known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) as an
//! index. Text comes in; nothing is read or written here.
//!
//! Names are compared in small letters. A host on a port other than 22 is `[host]:port`; if nothing
//! is known under that name, a key of the plain host is good too, as in ssh. Lines with plain names
//! are found by hash; hashed names (`|1|salt|hash`) cost one HMAC each, once per host that is asked
//! for; wildcards and negated names are compared one by one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use ssh_key::Fingerprint;
use ssh_key::known_hosts::{HostPatterns, Marker};
use ssh_key::sha2::{Digest as _, Sha256};

use super::life::HostKeyVerdict;
use crate::config::ssh_config::{matches_list, matches_pattern};

/// The port that names without one stand for.
const SSH_PORT: u16 = 22;

/// A key that a host is known by, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// The type of the key, such as `ssh-ed25519`; empty if it was [learned](KnownHosts::learn).
    pub algorithm: String,
    /// Its fingerprint as OpenSSH prints it: `SHA256:…`.
    pub fingerprint: String,
    /// The file, as it was named to [`KnownHosts::load`].
    pub file: String,
    /// The line, from 1; 0 if it was learned since the file was read.
    pub line: usize,
    /// The key must not be accepted (`@revoked`).
    pub revoked: bool,
}

/// `file:line SHA256:…`
impl fmt::Display for KnownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{} {}", self.file, self.fingerprint),
            line => write!(f, "{}:{line} {}", self.file, self.fingerprint),
        }
    }
}

/// The fingerprint of a key as OpenSSH prints it, `SHA256:…`, from the SHA-256 of its blob
/// (RFC 4253 §6.6).
pub fn fingerprint(sha256: &[u8; 32]) -> String {
    Fingerprint::Sha256(*sha256).to_string()
}

/// All that is known of hosts' keys.
#[derive(Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    /// Entries by plain name, in small letters.
    names: HashMap<String, Vec<usize>>,
    /// Entries with a hashed name, each keyed with its salt already.
    hashed: Vec<(Hmac<Sha1>, [u8; 20], usize)>,
    /// Entries with wildcards or negated names.
    patterns: Vec<usize>,
    skipped: usize,
    /// What was found for names before: hashed names are slow.
    found: RefCell<HashMap<String, Rc<[usize]>>>,
}

#[derive(Debug)]
struct Entry {
    hosts: Hosts,
    algorithm: String,
    sha256: [u8; 32],
    file: Rc<str>,
    line: usize,
    revoked: bool,
}

#[derive(Clone, Debug)]
enum Hosts {
    /// Plain names.
    Names(Vec<String>),
    /// Names of which some have wildcards or are negated.
    Patterns(Vec<String>),
    Hashed {
        salt: Vec<u8>,
        hash: [u8; 20],
    },
}

impl KnownHosts {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the text of a file, under the name that messages shall use; what came from a file of
    /// this name before is forgotten. Lines that are no known-hosts lines are skipped and counted;
    /// comments, empty lines and `@cert-authority` are passed over.
    pub fn load(&mut self, file: &str, text: &str) {
        let loaded = self.entries.len();
        self.entries.retain(|entry| &*entry.file != file);
        if self.entries.len() != loaded {
            self.names.clear();
            self.hashed.clear();
            self.patterns.clear();
            for at in 0..self.entries.len() {
                self.index(at);
            }
        }
        let file: Rc<str> = file.into();
        for (number, line) in text.lines().enumerate() {
            match Line::parse(line) {
                Parsed::Line(line) => {
                    let Some(sha256) = line.sha256() else {
                        self.skipped += 1;
                        continue;
                    };
                    self.entries.push(Entry {
                        hosts: line.hosts,
                        algorithm: line.algorithm.to_owned(),
                        sha256,
                        file: Rc::clone(&file),
                        line: number + 1,
                        revoked: line.revoked,
                    });
                    self.index(self.entries.len() - 1);
                },
                Parsed::Nothing => {},
                Parsed::Bad => self.skipped += 1,
            }
        }
        self.found.borrow_mut().clear();
    }

    /// Takes note of a key that was just accepted and is being added to `file`, so that the file
    /// need not be read again. `sha256`: of the key's blob.
    pub fn learn(&mut self, file: &str, host: &str, port: u16, sha256: &[u8; 32]) {
        let name = name(host, port);
        self.found.borrow_mut().remove(&name);
        self.entries.push(Entry {
            hosts: Hosts::Names(vec![name]),
            algorithm: String::new(),
            sha256: *sha256,
            file: file.into(),
            line: 0,
            revoked: false,
        });
        self.index(self.entries.len() - 1);
    }

    /// How many lines made no sense.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The keys that are known for a host, in the order of the files and lines. Where a name of its
    /// own is given for its key (`HostKeyAlias`), ask for that name and port 22.
    pub fn lookup(&self, host: &str, port: u16) -> Vec<KnownKey> {
        self.find(&name(host, port)).map(Entry::known).collect()
    }

    /// What to make of the key that a host presents; `presented` is the SHA-256 of its blob. Any
    /// other key than the known ones counts as changed, be it of another type: who claims to be the
    /// host would only have to present a type that is not known yet. (A host that has several keys
    /// is asked for a known one: [`algorithms_for`](Self::algorithms_for).)
    pub fn verdict(&self, host: &str, port: u16, presented: &[u8; 32]) -> HostKeyVerdict {
        let own: Vec<&Entry> = self.find(&name(host, port)).collect();
        let plain: Vec<&Entry> = match port {
            SSH_PORT => Vec::new(),
            _ => self.find(&name(host, SSH_PORT)).collect(),
        };
        let is = |entry: &&Entry| entry.sha256 == *presented;
        if own
            .iter()
            .chain(&plain)
            .any(|entry| entry.revoked && is(entry))
        {
            return HostKeyVerdict::Revoked;
        }
        let mut good = own.iter().filter(|entry| !entry.revoked).peekable();
        if good.peek().is_none() {
            let known = plain.iter().any(is);
            return if known {
                HostKeyVerdict::Known
            } else {
                HostKeyVerdict::New
            };
        }
        if good.clone().any(is) {
            return HostKeyVerdict::Known;
        }
        HostKeyVerdict::Changed(good.map(|entry| entry.known().to_string()).collect())
    }

    /// The host-key algorithms to ask a host for first, because keys of these are known: names of
    /// RFC 4253 §6.6, RFC 8332 (two for an RSA key), RFC 8709.
    pub fn algorithms_for(&self, host: &str, port: u16) -> Vec<String> {
        let own = self.good_algorithms(&name(host, port));
        if own.is_empty() && port != SSH_PORT {
            return self.good_algorithms(&name(host, SSH_PORT));
        }
        own
    }

    fn good_algorithms(&self, name: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for entry in self.find(name).filter(|entry| !entry.revoked) {
            let names: &[&str] = match entry.algorithm.as_str() {
                "" => &[],
                "ssh-rsa" => &["rsa-sha2-512", "rsa-sha2-256"],
                other => &[other],
            };
            for name in names {
                if !all.iter().any(|known| known == name) {
                    all.push((*name).to_owned());
                }
            }
        }
        all
    }

    /// The entries for a name as [`name`] makes it.
    fn find(&self, name: &str) -> impl Iterator<Item = &Entry> {
        let known = self.found.borrow().get(name).cloned();
        let found = known.unwrap_or_else(|| {
            let found: Rc<[usize]> = self.search(name).into();
            self.found
                .borrow_mut()
                .insert(name.to_owned(), Rc::clone(&found));
            found
        });
        (0..found.len()).filter_map(move |at| self.entries.get(*found.get(at)?))
    }

    fn search(&self, name: &str) -> Vec<usize> {
        let mut found = self.names.get(name).cloned().unwrap_or_default();
        for (mac, hash, at) in &self.hashed {
            if hashes_to(mac, name, hash) {
                found.push(*at);
            }
        }
        for at in &self.patterns {
            if let Some(Entry {
                hosts: Hosts::Patterns(patterns),
                ..
            }) = self.entries.get(*at)
                && matches_list(name, patterns.iter().map(String::as_str))
            {
                found.push(*at);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn index(&mut self, at: usize) {
        match self.entries.get(at).map(|entry| &entry.hosts) {
            Some(Hosts::Names(names)) => {
                for name in names {
                    self.names.entry(name.clone()).or_default().push(at);
                }
            },
            Some(Hosts::Patterns(_)) => self.patterns.push(at),
            Some(Hosts::Hashed { salt, hash }) => {
                // HMAC takes a key of any length.
                if let Ok(mac) = Hmac::new_from_slice(salt) {
                    self.hashed.push((mac, *hash, at));
                }
            },
            None => {},
        }
    }
}

impl Entry {
    fn known(&self) -> KnownKey {
        KnownKey {
            algorithm: self.algorithm.clone(),
            fingerprint: fingerprint(&self.sha256),
            file: self.file.to_string(),
            line: self.line,
            revoked: self.revoked,
        }
    }
}

/// The text of a known-hosts file without what it says of one host: the name is taken out of its
/// lines, and lines without another name are dropped. Where a wildcard stands for it, the name is
/// added to that line as an exception (`*.org,!a.org`). `@revoked` and `@cert-authority` lines, and
/// all that is no known-hosts line, stay as they are. For a port other than 22, lines for the plain
/// host stay too.
pub fn forget(host: &str, port: u16, text: &str) -> String {
    let name = name(host, port);
    text.split_inclusive('\n')
        .filter_map(|line| without(&name, line))
        .collect()
}

/// The line without the name; None if nothing is left of it.
fn without(name: &str, line: &str) -> Option<String> {
    let same = || Some(line.to_owned());
    let Parsed::Line(parsed) = Line::parse(line) else {
        return same();
    };
    if parsed.revoked {
        return same();
    }
    let patterns = match &parsed.hosts {
        Hosts::Hashed { salt, hash } => {
            let mac = Hmac::new_from_slice(salt);
            return if mac.is_ok_and(|mac| hashes_to(&mac, name, hash)) {
                None
            } else {
                same()
            };
        },
        Hosts::Names(patterns) | Hosts::Patterns(patterns) => patterns,
    };
    if !matches_list(name, patterns.iter().map(String::as_str)) {
        return same();
    }
    let mut patterns: Vec<&str> = parsed.written.split(',').collect();
    patterns.retain(|pattern| pattern.to_lowercase() != name);
    if patterns.iter().all(|pattern| pattern.starts_with('!')) {
        return None;
    }
    let exception = format!("!{name}");
    if patterns
        .iter()
        .any(|pattern| matches_pattern(name, &pattern.to_lowercase()))
    {
        if name.contains(['*', '?', ',', '!', ' ', '\t']) {
            return same();
        }
        patterns.push(&exception);
    }
    let (before, after) = line.split_once(parsed.written)?;
    Some(format!("{before}{}{after}", patterns.join(",")))
}

/// How a host is written in a known-hosts file.
fn name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == SSH_PORT {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

fn hashes_to(mac: &Hmac<Sha1>, name: &str, hash: &[u8; 20]) -> bool {
    let mut mac = mac.clone();
    mac.update(name.as_bytes());
    mac.finalize().into_bytes()[..] == hash[..]
}

/// A line of the format: `[@marker] hosts type key [comment]`, with any blanks between.
struct Line<'a> {
    revoked: bool,
    hosts: Hosts,
    /// The hosts as they are written.
    written: &'a str,
    algorithm: &'a str,
    key: &'a str,
}

enum Parsed<'a> {
    Line(Line<'a>),
    /// Empty, a comment, or a certificate authority, whose certificates dust does not check.
    Nothing,
    Bad,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Parsed<'a> {
        let mut words = line.split_ascii_whitespace();
        let Some(first) = words.next().filter(|word| !word.starts_with('#')) else {
            return Parsed::Nothing;
        };
        let (revoked, written) = if first.starts_with('@') {
            match first.parse() {
                Ok(Marker::Revoked) => (true, words.next()),
                Ok(Marker::CertAuthority) => return Parsed::Nothing,
                Err(_) => return Parsed::Bad,
            }
        } else {
            (false, Some(first))
        };
        let (Some(written), Some(algorithm), Some(key)) = (written, words.next(), words.next())
        else {
            return Parsed::Bad;
        };
        let hosts = match written.to_lowercase().parse() {
            Ok(HostPatterns::Patterns(names)) => {
                if names
                    .iter()
                    .any(|name| name.contains(['*', '?']) || name.starts_with('!'))
                {
                    Hosts::Patterns(names)
                } else {
                    Hosts::Names(names)
                }
            },
            // Base64 is not for small letters.
            Ok(HostPatterns::HashedName { .. }) | Err(_) => match written.parse() {
                Ok(HostPatterns::HashedName { salt, hash }) => Hosts::Hashed { salt, hash },
                _ => return Parsed::Bad,
            },
        };
        Parsed::Line(Self {
            revoked,
            hosts,
            written,
            algorithm,
            key,
        })
    }

    /// The SHA-256 of the key's blob; None if it is no key of the type that the line names. What
    /// follows the type in the blob is not looked at: types that are not known today are fine.
    fn sha256(&self) -> Option<[u8; 32]> {
        let blob = unbase64(self.key)?;
        let (len, rest) = blob.split_first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (algorithm, key) = rest.split_at_checked(len)?;
        let good = algorithm == self.algorithm.as_bytes() && !key.is_empty();
        good.then(|| Sha256::digest(&blob).into())
    }
}

/// RFC 4648 §4, padded, with nothing else in it.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    let padding = groups
        .last()?
        .iter()
        .rev()
        .take_while(|c| **c == b'=')
        .count();
    if !rest.is_empty() || padding > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(groups.len() * 3);
    let mut padded = text.len() - padding;
    for group in groups {
        let mut bits = 0;
        for c in group {
            let digit = match c {
                b'A'..=b'Z' => c - b'A',
                b'a'..=b'z' => c - b'a' + 26,
                b'0'..=b'9' => c - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' if padded == 0 => 0,
                _ => return None,
            };
            padded = padded.saturating_sub(1);
            bits = bits << 6 | u32::from(digit);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(&bytes);
    }
    out.truncate(out.len() - padding);
    Some(out)
}

#[cfg(test)]
mod tests;
