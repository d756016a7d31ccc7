//! The files that people write, as typed values with places for errors. Pure: text in, values out.

mod cnf;
mod cnf_keys;
mod cnf_lines;
mod cnf_values;
mod plain;
pub mod ssh_config;

pub use cnf::{ClusterDef, MAX_NODES, NodeDef, parse};
pub use cnf_keys::{Address, Group, HostKeys, KEYS, Key, Provider, Settings};
pub use cnf_values::check_name;
pub use plain::{PlainLine, plain_lines};
