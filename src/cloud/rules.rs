//! Rules of security groups, as `ec2sec` reads and prints them: `tcp 80 0.0.0.0/0`.

use super::Rule;
use crate::error::{Error, Result};
use crate::model::nearest::{nearest, shown};
use std::fmt;
use std::net::IpAddr;

/// How a rule is written; for hints.
pub const USAGE: &str = "PROTOCOL PORTS SOURCE: `tcp 80 0.0.0.0/0`, `udp 8000-8100 10.0.0.0/8`, \
                         `icmp 10.0.0.0/8`, `all sg-0123`";

/// Protocols by the names that people use.
const PROTOCOLS: &[&str] = &["tcp", "udp", "icmp", "icmpv6", "all"];

impl Rule {
    /// Reads a rule: protocol, ports (not for `icmp` and `all`), source.
    ///
    /// # Errors
    /// A usage error that says which word is wrong.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let (protocol, ports, source) = match words.as_slice() {
            [protocol, ports, source] => (*protocol, Some(*ports), *source),
            [protocol, source] => (*protocol, None, *source),
            _ => return Err(Error::usage("a rule has three words").hint(USAGE)),
        };
        let protocol = read_protocol(protocol)?;
        let has_ports = matches!(protocol.as_str(), "tcp" | "udp");
        let ports = match ports {
            None if has_ports => {
                let text = format!("which ports of {protocol}?");
                return Err(Error::usage(text).hint("`all` for all of them"));
            },
            None => None,
            Some("all" | "*" | "any" | "-") => None,
            Some(ports) if has_ports => Some(read_ports(ports)?),
            Some(ports) => {
                let text = format!("{protocol} has no ports, but `{}`", shown(ports));
                return Err(Error::usage(text).hint(format!("`{protocol} {source}`")));
            },
        };
        Ok(Self {
            protocol,
            ports: ports.filter(|ports| *ports != (0, u16::MAX)),
            source: read_source(source)?,
            note: String::new(),
        })
    }

    /// True if both let in the same, whatever their authors noted.
    pub fn same(&self, other: &Self) -> bool {
        (&self.protocol, self.ports, &self.source) == (&other.protocol, other.ports, &other.source)
    }

    /// True if this is about connections to a TCP port, wherever they come from.
    pub fn is_for(&self, port: u16) -> bool {
        let protocol = matches!(self.protocol.as_str(), "tcp" | "all");
        let mut ports = self.ports.iter();
        protocol && ports.all(|(first, last)| (*first..=*last).contains(&port))
    }

    /// True if this lets an address connect to a TCP port.
    pub fn lets_in(&self, address: IpAddr, port: u16) -> bool {
        self.is_for(port) && Block::parse(&self.source).is_some_and(|block| block.contains(address))
    }
}

/// `tcp 80 0.0.0.0/0`, and the note behind it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        match self.ports {
            Some((first, last)) if first == last => write!(f, " {first}")?,
            Some((first, last)) => write!(f, " {first}-{last}")?,
            None if matches!(self.protocol.as_str(), "tcp" | "udp") => f.write_str(" all")?,
            None => {},
        }
        write!(f, " {}", self.source)?;
        if !self.note.is_empty() {
            write!(f, " # {}", self.note)?;
        }
        Ok(())
    }
}

fn read_protocol(word: &str) -> Result<String> {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "any" | "*" | "-1" => return Ok("all".to_owned()),
        "1" => return Ok("icmp".to_owned()),
        "6" => return Ok("tcp".to_owned()),
        "17" => return Ok("udp".to_owned()),
        "58" => return Ok("icmpv6".to_owned()),
        _ => {},
    }
    if PROTOCOLS.contains(&lower.as_str()) {
        return Ok(lower);
    }
    if let Ok(number) = lower.parse::<u8>() {
        return Ok(number.to_string());
    }
    let error = Error::usage(format!("no protocol `{}`", shown(word)));
    Err(match nearest(&lower, PROTOCOLS.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("tcp, udp, icmp, all or a protocol number"),
    })
}

fn read_ports(word: &str) -> Result<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let read = |text: &str| text.trim().parse::<u16>().ok();
    match (read(first), read(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        (Some(first), Some(last)) => Err(Error::usage(format!(
            "the ports {first}-{last} run backwards"
        ))),
        _ => Err(Error::usage(format!("`{}` is no port", shown(word)))
            .hint("`80`, `8000-8100` or `all`")),
    }
}

fn read_source(word: &str) -> Result<String> {
    let id = |prefix: &str| {
        word.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if id("sg-") || id("pl-") {
        return Ok(word.to_owned());
    }
    match Block::parse(word) {
        Some(block) => Ok(block.to_string()),
        None => Err(Error::usage(format!("`{}` is no source", shown(word)))
            .hint("an address, a block like `10.0.0.0/8`, a group `sg-…` or a prefix list `pl-…`")),
    }
}

/// A block of addresses: RFC 4632 §3.1, RFC 4291 §2.3.
struct Block {
    base: IpAddr,
    bits: u8,
}

impl Block {
    /// `10.0.0.0/8`; an address alone is a block of one. Bits behind the prefix are cleared, as EC2
    /// does.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = width(address);
        let bits = match bits {
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        (bits <= width).then(|| Self {
            base: masked(address, bits),
            bits,
        })
    }

    fn contains(&self, address: IpAddr) -> bool {
        width(address) == width(self.base) && masked(address, self.bits) == self.base
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        },
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        },
    }
}

/// The block that holds one address only.
pub fn only(address: IpAddr) -> String {
    format!("{address}/{}", width(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Rule> {
        Rule::parse(&text.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn rules_are_read_and_printed() {
        for (text, printed) in [
            ("tcp 80 0.0.0.0/0", "tcp 80 0.0.0.0/0"),
            ("TCP 8000-8100 10.1.2.3/8", "tcp 8000-8100 10.0.0.0/8"),
            ("udp all 10.0.0.7", "udp all 10.0.0.7/32"),
            ("tcp 0-65535 10.0.0.7", "tcp all 10.0.0.7/32"),
            ("tcp 22 2001:db8::1", "tcp 22 2001:db8::1/128"),
            ("tcp 22 2001:db8:1::/32", "tcp 22 2001:db8::/32"),
            ("icmp 0.0.0.0/0", "icmp 0.0.0.0/0"),
            ("icmp all 0.0.0.0/0", "icmp 0.0.0.0/0"),
            ("all sg-0a1b2c", "all sg-0a1b2c"),
            ("any pl-63a5400a", "all pl-63a5400a"),
            ("6 443 1.2.3.4/32", "tcp 443 1.2.3.4/32"),
            ("50 1.2.3.4/32", "50 1.2.3.4/32"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("tcp", "three words"),
            ("tcp 80 0.0.0.0/0 x", "three words"),
            ("tcp 0.0.0.0/0", "which ports"),
            ("tpc 80 0.0.0.0/0", "did you mean `tcp`"),
            ("tcp 80-70 0.0.0.0/0", "backwards"),
            ("tcp 65536 0.0.0.0/0", "no port"),
            ("tcp http 0.0.0.0/0", "no port"),
            ("icmp 8 0.0.0.0/0", "no ports"),
            ("tcp 80 0.0.0.0/33", "no source"),
            ("tcp 80 10.0.0/8", "no source"),
            ("tcp 80 10.0.0.0/+8", "no source"),
            ("tcp 80 sg-", "no source"),
            ("tcp 80 web", "no source"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn who_is_let_in() {
        let ok = |rule: &str, address: &str, port| {
            read(rule).unwrap().lets_in(address.parse().unwrap(), port)
        };
        assert!(ok("tcp 22 10.0.0.0/8", "10.9.9.9", 22));
        assert!(ok("all 0.0.0.0/0", "1.2.3.4", 22));
        assert!(!ok("tcp 22 10.0.0.0/8", "11.0.0.1", 22));
        assert!(!ok("tcp 22 10.0.0.0/8", "10.9.9.9", 23));
        assert!(!ok("udp 22 0.0.0.0/0", "10.9.9.9", 22));
        assert!(!ok("tcp 22 0.0.0.0/0", "::1", 22));
        assert!(!ok("tcp 22 sg-1", "10.9.9.9", 22));
    }

    #[test]
    fn notes_do_not_matter() {
        let mut one = read("tcp 22 10.0.0.0/8").unwrap();
        let other = one.clone();
        one.note = "office".into();
        assert!(one.same(&other));
        assert_eq!(one.to_string(), "tcp 22 10.0.0.0/8 # office");
        assert!(!one.same(&read("tcp 23 10.0.0.0/8").unwrap()));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(
            protocol in prop_oneof![Just("tcp"), Just("udp"), Just("icmp"), Just("all")],
            first in any::<u16>(), more in 0..100_u16, bits in any::<u32>(), prefix in 0..=32_u8,
        ) {
            let source = format!("{}/{prefix}", std::net::Ipv4Addr::from(bits));
            let ports = format!("{first}-{}", first.saturating_add(more));
            let words = match protocol {
                "tcp" | "udp" => vec![protocol, &ports, &source],
                _ => vec![protocol, &source],
            };
            let rule = Rule::parse(&words).unwrap();
            prop_assert_eq!(read(&rule.to_string()).unwrap(), rule);
        }

        #[test]
        fn any_words_are_taken(words in proptest::collection::vec("\\PC{0,12}", 0..5)) {
            drop(Rule::parse(&words));
        }
    }
}
