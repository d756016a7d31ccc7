//! The provider `local`: nodes on this machine, for `dust demo`, for learning and for tests.
//!
//! Each node is a process of its own (`dust __node …`, the same program): an ssh server on a
//! loopback address, with its own host key, its own home folder and its own name. No root, no
//! cloud and no installed ssh server is needed. The node outlives the run of dust that started it
//! and is found again by the next one, through the folder it was given:
//!
//! ```text
//! CLUSTER/            0700; ~/.local/share/dust/local/NAME
//!   .key/             the key pair that logs in to all its nodes
//!   .NODE.turn        held while a node is started, stopped or removed
//!   NODE/             0700
//!     lock            held by the node's process: the truth about "running"
//!     state           where it listens, its host key
//!     host_key        made once
//!     log             what went wrong, of the last start
//!     home/           HOME of everything that runs on the node
//! ```
//!
//! `stop` ends the process and all that it runs; `terminate` removes the folder too. A throw-away
//! node ([`demo`]) ends by itself when the dust that started it is gone, however it went.
//!
//! All functions here block (on files and on processes that start or end, never on the network):
//! call them from a worker.

mod folder;
mod keys;
mod lock;
mod node;
mod provider;
mod record;

pub mod demo;

pub use keys::{ClientKey, ensure_client_key};
pub use node::node_main;
pub use provider::{
    Launch, LocalNode, ThrowAway, get, list, start, start_all, stop, stop_all, terminate,
    terminate_all,
};
