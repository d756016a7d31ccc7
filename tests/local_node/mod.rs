//! Nodes on this machine: real processes, reached by the stock `ssh`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod channels;
mod lab;
mod life;
mod requests;
