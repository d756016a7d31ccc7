//! The only impure folder: it performs what the rest decides.

pub mod begin;
mod client;
pub mod clock;
mod disk;
mod dropins;
#[cfg(feature = "ec2")]
pub mod ec2;
pub mod files;
mod front;
mod jump;
mod keep;
mod links;
#[cfg(feature = "local")]
pub mod local;
mod place;
pub mod program;
mod proxy;
pub mod pty;
pub mod reactor;
pub mod run;
pub mod runtime_dir;
mod server;
pub mod signals;
pub mod ssh;
pub mod sys;
pub mod tty;
pub mod worker;

pub use place::Place;
