//! The first words of both sides, in a form that no version changes.

use super::codec::{Reader, put_u16, put_u32};
use super::{Fault, OLDEST, VERSION};
use std::fmt;

const MAGIC: &[u8; 8] = b"dust\0\xe2\x9c\xa8";
/// The longest path of an executable that is told, in bytes.
const PATH_MAX: usize = 4096;
/// The longest hello, in bytes.
pub const HELLO_MAX: usize = FIXED + PATH_MAX;
const FIXED: usize = MAGIC.len() + 2 + 2 + 4 + 2;

/// Who is there: magic (8 bytes), oldest and newest protocol spoken (`u16` each), process id
/// (`u32`), path of the executable (`u16` length, bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The oldest protocol that it speaks.
    pub oldest: u16,
    /// The newest one.
    pub newest: u16,
    /// Its process.
    pub pid: u32,
    /// Its program, by which it can be talked to whatever it speaks.
    pub executable: Vec<u8>,
}

impl Hello {
    /// The hello of this dust.
    pub fn new(pid: u32, executable: &[u8]) -> Self {
        Self {
            oldest: OLDEST,
            newest: VERSION,
            pid,
            executable: executable.get(..PATH_MAX).unwrap_or(executable).to_vec(),
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let path = self
            .executable
            .get(..PATH_MAX)
            .unwrap_or(self.executable.as_slice());
        let mut out = MAGIC.to_vec();
        put_u16(&mut out, self.oldest);
        put_u16(&mut out, self.newest);
        put_u32(&mut out, self.pid);
        put_u16(&mut out, u16::try_from(path.len()).unwrap_or(0));
        out.extend_from_slice(path);
        out
    }

    /// The hello at the start of these bytes, and how many they are; `None` until it is whole.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let begins = MAGIC.iter().zip(bytes).all(|(magic, byte)| magic == byte);
        if !begins {
            return Err(Fault::NotDust);
        }
        let Some(fixed) = bytes.get(MAGIC.len()..FIXED) else {
            return Ok(None);
        };
        let mut fixed = Reader::new(fixed);
        let (Some(oldest), Some(newest), Some(pid), Some(length)) =
            (fixed.u16(), fixed.u16(), fixed.u32(), fixed.u16())
        else {
            return Err(Fault::NotDust);
        };
        let end = FIXED + usize::from(length);
        if usize::from(length) > PATH_MAX || oldest > newest {
            return Err(Fault::NotDust);
        }
        Ok(bytes.get(FIXED..end).map(|path| {
            let hello = Self {
                oldest,
                newest,
                pid,
                executable: path.to_vec(),
            };
            (hello, end)
        }))
    }

    /// The newest protocol that both this dust and the other side speak.
    pub fn agree(&self) -> Result<u16, Mismatch> {
        let version = self.newest.min(VERSION);
        if version < OLDEST || version < self.oldest {
            return Err(Mismatch(self.clone()));
        }
        Ok(version)
    }

    /// A program that speaks to it. One that was replaced since is still to be had by its process.
    pub fn program(&self) -> String {
        let path = String::from_utf8_lossy(&self.executable);
        let odd = path.is_empty() || path.contains(|c: char| c.is_control() || c == '\u{fffd}');
        if odd || path.ends_with(" (deleted)") {
            return format!("/proc/{}/exe", self.pid);
        }
        path.into_owned()
    }
}

/// Two versions of dust that cannot talk to each other: the hello of the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(pub Hello);

/// What is different, without what to do: the two sides say that in their own words.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hello { oldest, newest, .. } = self.0;
        let age = if newest < OLDEST {
            "an older"
        } else {
            "a newer"
        };
        write!(
            f,
            "{age} dust (protocol {oldest} to {newest}, this one: {OLDEST} to {VERSION})"
        )
    }
}
