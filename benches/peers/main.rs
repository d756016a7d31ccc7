//! dust beside other cluster shells, on this machine: one sshd on loopback is as many nodes as
//! wanted. `make bench` runs all of it; `make bench BENCH=help` says how to run parts.
//!
//! Client CPU is user + system time of a tool with all that it starts, without sshd. Tools take
//! turns, and the median of several turns counts. What does not give the whole answer gets no figure.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures waits, prints, and may panic"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests use the rest of it"
)]
#[path = "../../tests/support/mod.rs"]
mod support;

mod discard;
mod lab;
mod measure;
mod options;
mod parts;
mod raw;
mod screen;
mod table;
mod tools;
mod transfer;
mod warm;

use options::{Options, Part};

fn main() {
    if std::env::args().nth(1).as_deref() == Some(discard::WORD) {
        // Its end shows to whoever it serves.
        drop(discard::serve());
        return;
    }
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return;
        },
        Err(why) => {
            eprintln!("{why}\n\n{}", options::HELP);
            std::process::exit(2);
        },
    };
    if !support::deps::have(&["sshd", "ssh", "ssh-keygen"]) {
        std::process::exit(1);
    }
    measure::adopt_orphans();
    let lab = lab::Lab::new(options.most_nodes());
    let tools = tools::installed(&lab, &options);
    println!("{}", lab.describe());
    for part in &options.parts {
        match part {
            Part::Start => parts::start(&lab, &options),
            Part::Cold => parts::cold(&lab, &options, &tools),
            Part::Defaults => parts::defaults(&lab, &options, &tools),
            Part::Memory => parts::memory(&lab, &options, &tools),
            Part::Warm => warm::warm(&lab, &options, &tools),
            Part::Output => parts::output(&lab, &options, &tools),
            Part::Transfer => transfer::transfer(&lab, &options),
            Part::Many => warm::many(&lab, &options),
            Part::Raw => raw::raw(&lab),
            Part::Background => raw::background(&lab),
            Part::Screen => screen::screen(),
        }
    }
}
