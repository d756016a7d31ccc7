//! Integration tests.

mod generated;
#[cfg(feature = "local")]
mod local_node;
