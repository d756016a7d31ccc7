//! dust: an ssh cluster shell.
//!
//! One thread owns all state and runs one event loop. Everything that decides is pure: it takes
//! events (bytes, results, the time) and gives effects. Only [`io`] performs them.
//!
//! ```text
//! model, error ← config, term, wire ← target, command, edit, session, output, ui, cloud ← app ← io ← main
//! ```
//!
//! Dependencies point one way; siblings do not import each other; `app` joins them. A terminal's
//! bytes become keys ([`term`]), a line ([`edit`]), a command ([`command`]) and nodes ([`target`]);
//! each node's connection and shell ([`session`]) give output that is framed and cleaned
//! ([`output`]) and shown above the prompt ([`ui`]). ARCHITECTURE.md has the map and the reasons.

pub mod app;
pub mod cloud;
pub mod command;
pub mod config;
pub mod edit;
pub mod error;
pub mod io;
pub mod model;
pub mod output;
pub mod session;
pub mod target;
pub mod term;
pub mod ui;
pub mod wire;
