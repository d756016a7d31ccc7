//! What tests stand on: servers, terminals, one-shot runs, hostile peers.

pub(crate) mod bad;
pub(crate) mod deps;
pub(crate) mod env;
#[cfg_attr(
    not(feature = "ec2"),
    allow(dead_code, reason = "the tests of the provider use the rest")
)]
pub(crate) mod faults;
pub(crate) mod http;
pub(crate) mod lab;
#[cfg_attr(
    not(feature = "ec2"),
    allow(dead_code, reason = "the tests of the provider use the rest")
)]
pub(crate) mod moto;
pub(crate) mod proc;
pub(crate) mod pty;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod sshd;
pub(crate) mod xml;

use std::time::{Duration, Instant};

/// How long a test waits for something that should come at once, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long a test waits for what takes a while by itself: 100 nodes, 10 MB.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_secs(100);

/// Waits for something that announces itself nowhere.
#[track_caller]
pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
