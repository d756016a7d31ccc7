//! The nouns that every layer shares: nodes, ids, sizes, outcomes. Pure data.

pub mod attributes;
pub mod nearest;
pub mod ranges;
pub mod time;

use std::collections::BTreeMap;
use std::fmt;

/// A node of the loaded clusters. Ids are given out once and never reused while dust runs, so that
/// a late event of a node that was unloaded cannot be taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// The size of a terminal, in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

impl Size {
    /// What is assumed where no terminal says otherwise.
    pub const DEFAULT: Self = Self { cols: 80, rows: 24 };
}

/// A number that spreads well over what has these bytes (FNV-1a, 64 bits). Anybody can find two that
/// share one.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where a node is in its life, as its provider names it (EC2's own words where they exist).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum NodeState {
    /// Defined in the cluster file, but not launched.
    Absent,
    /// Being launched.
    Pending,
    /// Running: commands can be sent to it.
    Running,
    /// Being stopped.
    Stopping,
    /// Stopped; it can be started again.
    Stopped,
    /// Being terminated.
    ShuttingDown,
    /// Gone.
    Terminated,
}

impl NodeState {
    /// The word that `show` prints and that `state=` matches.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A node as the rest of dust sees it: who it is, and every attribute that a target can select by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its identity while dust runs.
    pub id: NodeId,
    /// The number that `show` prints, from 1; stable until the next refresh.
    pub index: u32,
    /// Its name, as in the cluster file.
    pub name: String,
    /// The name of its cluster.
    pub cluster: String,
    /// Where it is in its life.
    pub state: NodeState,
    /// Everything else that `show -vv` prints, by attribute name (`instance_type`, `ip`, `id`, …).
    pub attrs: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// It belongs to no loaded cluster: only a target that says its name, id or index selects it.
    pub aside: bool,
}

impl Node {
    /// The value of an attribute; `name`, `cluster`, `state` and `index` count as attributes.
    pub fn attr(&self, key: &str) -> Option<String> {
        match key {
            "name" => Some(self.name.clone()),
            "cluster" => Some(self.cluster.clone()),
            "state" => Some(self.state.to_string()),
            "index" => Some(self.index.to_string()),
            _ => self.attrs.get(key).cloned(),
        }
    }
}

/// How a command ended on one node.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// It ran to its end, with this exit status (0 to 255; 128 + n for signal n, as shells say it).
    Exit(u8),
    /// It did not end within the command time-out.
    TimedOut,
    /// Ctrl-C ended the wait for it.
    Interrupted,
    /// The connection was lost, or never came up; why.
    Lost(String),
    /// It was not sent: the node's shell is in other hands; why.
    NotRun(String),
}

impl Outcome {
    /// True for exit status 0 only.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Exit(0))
    }

    /// What this contributes to dust's own exit status.
    pub fn code(&self) -> u8 {
        match self {
            Self::Exit(code) => *code,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
            Self::Lost(_) | Self::NotRun(_) => 255,
        }
    }
}

/// Signals without `SIG` (RFC 4254 §6.10), from number 1 on as Linux counts, where the common ones are
/// the same everywhere.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The number of a signal by its name without `SIG`.
pub fn signal_number(name: &str) -> Option<u8> {
    let index = SIGNALS.iter().position(|known| *known == name)?;
    u8::try_from(index + 1).ok()
}

/// The name of a signal without `SIG`, by its number; none for those that have only numbers.
pub fn signal_name(number: u8) -> Option<&'static str> {
    let index = usize::from(number).checked_sub(1)?;
    SIGNALS.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_is_that() {
        // From the test vectors of its authors.
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv1a(text.bytes()), hash, "{text}");
        }
    }
}
