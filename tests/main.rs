//! Integration tests.

#[cfg(feature = "local")]
mod local_node;
