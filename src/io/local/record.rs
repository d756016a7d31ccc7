//! What a node writes down about itself, so that the next run of dust finds it.

use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder::{failed, read_private, write_private};
use crate::error::Result;

/// The file in the node's folder.
const FILE: &str = "state";

/// Where a node listens, and who it is. It stays when the node stops: a node that comes back has
/// the same key and, if nobody took it, the same address and port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The process that wrote this. Only believed if that process holds the node's lock.
    pub(super) pid: i32,
    /// The address, on loopback.
    pub(super) addr: IpAddr,
    /// The port.
    pub(super) port: u16,
    /// The public host key, one line in OpenSSH's format.
    pub(super) host_key: String,
}

impl Record {
    /// What is written in the node's folder. A text that cannot be read counts as none: it is
    /// written anew at the next start.
    pub(super) fn read(node_dir: &Path) -> Result<Option<Self>> {
        Ok(read_private(&node_dir.join(FILE))?.and_then(|text| Self::parse(&text)))
    }

    pub(super) fn write(&self, node_dir: &Path) -> Result<()> {
        let path = node_dir.join(FILE);
        let text = serde_json::to_string(self).map_err(|e| failed(&path, e))?;
        write_private(&path, &text)
    }

    /// Only loopback addresses are believed: nothing else is ever a node of this machine.
    fn parse(text: &str) -> Option<Self> {
        let record: Self = serde_json::from_str(text).ok()?;
        (record.addr.is_loopback() && record.port != 0 && record.pid > 0).then_some(record)
    }
}

/// An address of its own for a node: 127.64.0.1 to 127.127.255.254, always the same for the same
/// folder. Two nodes may share one by chance; their ports differ.
pub(super) fn own_address(node_dir: &Path) -> std::net::Ipv4Addr {
    use std::os::unix::ffi::OsStrExt as _;
    let hash = crate::model::fnv1a(node_dir.as_os_str().as_bytes().iter().copied());
    let [a, b, c, d, ..] = hash.to_be_bytes();
    std::net::Ipv4Addr::new(127, 64 | ((a ^ d) & 63), b, c.clamp(1, 254))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> Record {
        Record {
            pid: 7,
            addr: IpAddr::from([127, 70, 1, 2]),
            port: 2022,
            host_key: "ssh-ed25519 AAAA\n".into(),
        }
    }

    #[test]
    fn it_survives_the_file() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(temp.path()).unwrap(), None);
        record().write(temp.path()).unwrap();
        assert_eq!(Record::read(temp.path()).unwrap(), Some(record()));
    }

    #[test]
    fn what_points_elsewhere_is_not_believed() {
        let good = serde_json::to_string(&record()).unwrap();
        assert!(Record::parse(&good).is_some());
        for (from, to) in [
            ("127.70.1.2", "10.0.0.1"),
            ("2022", "0"),
            ("\"pid\":7", "\"pid\":-1"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert_eq!(Record::parse(&bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".*") {
            drop(Record::parse(&text));
        }

        #[test]
        fn an_own_address_is_stable_and_usable(name in "[a-z/0-9]{0,40}") {
            let addr = own_address(Path::new(&name));
            prop_assert_eq!(addr, own_address(Path::new(&name)));
            let [net, second, _, last] = addr.octets();
            prop_assert!(net == 127 && (64..128).contains(&second) && (1..=254).contains(&last));
        }
    }
}
