//! Integration tests: the real binary, real servers, real terminals. `support` starts and ends what
//! a test needs; `topics` holds one file a topic.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests may panic, wait for real things, and say on stderr why they were skipped"
)]

mod generated;
#[cfg(feature = "local")]
mod local_node;
mod support;
mod topics;
