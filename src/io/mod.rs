//! See lib.rs.

#[cfg(feature = "local")]
pub mod local;
