//! Processes that a test has started, and what became of them.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// An environment variable that every process of a test carries, with the test's own folder as its
/// value: what has left the process tree (background jobs of a remote shell) is found by it.
pub(crate) const MARK: &str = "IT_OWNER";

/// All descendants of `root`, without itself, parents first.
pub(crate) fn descendants(root: i32) -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in pids() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        if let Some(of) = children.get(&pid) {
            found.extend(of);
            next.extend(of);
        }
    }
    found
}

/// The direct children of a process.
pub(crate) fn children(of: i32) -> Vec<i32> {
    pids().filter(|pid| parent(*pid) == Some(of)).collect()
}

/// All processes that carry `MARK=owner`.
pub(crate) fn owned(owner: &str) -> Vec<i32> {
    let wanted = format!("{MARK}={owner}");
    pids()
        .filter(|pid| {
            environ(*pid)
                .is_some_and(|env| env.split(|b| *b == 0).any(|var| var == wanted.as_bytes()))
        })
        .collect()
}

/// The environment of a process, as it was when its program began. The kernel shows none while a
/// program is being loaded (from the new memory's first mapping until its arguments are in place),
/// which is no reason to miss the process: kernel threads alone have no program and no environment.
fn environ(pid: i32) -> Option<Vec<u8>> {
    for _ in 0..20 {
        let env = fs::read(format!("/proc/{pid}/environ")).ok()?;
        if !env.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            return Some(env);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    None
}

/// What a process runs, the first 15 bytes of it.
pub(crate) fn name(pid: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    name.unwrap_or_default().trim_end().to_owned()
}

/// Ends processes at once; those that are gone already do not matter.
pub(crate) fn end(pids: &[i32]) {
    for pid in pids {
        let _: Result<_, _> = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, brackets too.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}
