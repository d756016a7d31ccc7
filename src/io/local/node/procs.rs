//! The processes that run on a node: who they are, how they end.
//!
//! The node's process adopts the orphans among them (`PR_SET_CHILD_SUBREAPER`), so that whatever
//! was started on a node, also what made itself a daemon, is its descendant and ends with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::super::provider::pause;

/// One line of /proc/PID/stat, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    parent: i32,
    session: i32,
}

impl Stat {
    /// proc_pid_stat(5): `PID (NAME) STATE PPID PGRP SESSION …`; the name may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (pid, rest) = text.split_once(" (")?;
        let (_, rest) = rest.rsplit_once(") ")?;
        let mut words = rest.split(' ').skip(1);
        let mut number = || words.next()?.parse().ok();
        let parent = number()?;
        let _group: i32 = number()?;
        Some(Self {
            pid: pid.parse().ok()?,
            parent,
            session: number()?,
        })
    }
}

/// Every process that can be seen. One that ends meanwhile is left out.
fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|e| {
            e.file_name()
                .as_encoded_bytes()
                .first()
                .is_some_and(u8::is_ascii_digit)
        })
        .filter_map(|e| fs::read(e.path().join("stat")).ok())
        .filter_map(|text| Stat::parse(&String::from_utf8_lossy(&text)))
        .collect()
}

/// Children, their children and so on.
fn descendants(all: &[Stat], root: i32) -> Vec<Stat> {
    let mut by_parent: BTreeMap<i32, Vec<Stat>> = BTreeMap::new();
    for stat in all {
        by_parent.entry(stat.parent).or_default().push(*stat);
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut todo = vec![root];
    while let Some(parent) = todo.pop() {
        for stat in by_parent.get(&parent).into_iter().flatten() {
            if seen.insert(stat.pid) {
                found.push(*stat);
                todo.push(stat.pid);
            }
        }
    }
    found
}

fn send(pid: i32, signals: &[Signal]) {
    for signal in signals {
        // It may have ended meanwhile, or run as another user (sudo).
        let _ = kill(Pid::from_raw(pid), *signal);
    }
}

/// Hangs up on a session of the node: all its process groups, as the loss of a terminal would.
/// Stopped ones are woken for it.
pub(super) fn hang_up(session: i32) {
    for stat in descendants(&all(), getpid().as_raw()) {
        if stat.session == session {
            send(stat.pid, &[Signal::SIGHUP, Signal::SIGCONT]);
        }
    }
}

/// Ends everything that runs on the node, in order: asked first, then not. For the node's end
/// only: it blocks, and takes the statuses of all children.
pub(super) fn end_all() {
    const ASKED: u32 = 50;
    const ALL: u32 = 400;
    for round in 0..ALL {
        reap(|_, _| ());
        let left = descendants(&all(), getpid().as_raw());
        if left.is_empty() {
            return;
        }
        for stat in left {
            match round {
                0 => send(
                    stat.pid,
                    &[Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCONT],
                ),
                1..ASKED => {},
                _ => send(stat.pid, &[Signal::SIGKILL]),
            }
        }
        pause();
    }
}

/// Takes the status of every child that ended.
fn reap(mut ended: impl FnMut(i32, WaitStatus)) {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..))) => {
                ended(pid.as_raw(), status);
            },
            Ok(WaitStatus::StillAlive) => return,
            Ok(_) | Err(Errno::EINTR) => {},
            Err(_) => return,
        }
    }
}

/// Where the end of a process is told.
pub(super) type Ended = oneshot::Receiver<WaitStatus>;

/// Tells how processes of the node ended.
#[derive(Clone, Debug)]
pub(super) struct Reaper(mpsc::UnboundedSender<(i32, oneshot::Sender<WaitStatus>)>);

impl Reaper {
    /// Call it right after the process was started, before anything is awaited: the reaper runs
    /// on the same thread and cannot take the status before it knows who asks for it.
    pub(super) fn watch(&self, pid: i32) -> Ended {
        let (tell, ended) = oneshot::channel();
        // Without a reaper the node is ending, and the receiver learns that nothing comes.
        drop(self.0.send((pid, tell)));
        ended
    }
}

/// Starts taking the statuses of the node's children; orphans' are thrown away.
pub(super) fn reaper() -> std::io::Result<Reaper> {
    let mut child_ended = signal(SignalKind::child())?;
    let (tell, mut asked) = mpsc::unbounded_channel::<(i32, oneshot::Sender<WaitStatus>)>();
    tokio::spawn(async move {
        let mut waiting = BTreeMap::new();
        loop {
            tokio::select! {
                news = asked.recv() => match news {
                    Some((pid, tell)) => { waiting.insert(pid, tell); },
                    None => return,
                },
                _ = child_ended.recv() => {
                    while let Ok((pid, tell)) = asked.try_recv() {
                        waiting.insert(pid, tell);
                    }
                    reap(|pid, status| {
                        if let Some(tell) = waiting.remove(&pid) {
                            // The channel may be closed already.
                            let _ = tell.send(status);
                        }
                    });
                },
            }
        }
    });
    Ok(Reaper(tell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stat_lines() {
        let stat = Stat {
            pid: 12,
            parent: 3,
            session: 9,
        };
        for (text, want) in [
            ("12 (sh) S 3 4 9 34816 -1", Some(stat)),
            ("12 (a) S 1 1 1 (b) R 3 4 9 0", Some(stat)),
            ("12 (sh) S 3 4", None),
            ("", None),
            ("x (sh) S 3 4 9 0", None),
        ] {
            assert_eq!(Stat::parse(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".*") {
            Stat::parse(&text);
        }
    }

    #[test]
    fn descendants_of_descendants() {
        let stat = |pid, parent| Stat {
            pid,
            parent,
            session: 0,
        };
        let all = [
            stat(2, 1),
            stat(3, 2),
            stat(4, 3),
            stat(5, 1),
            stat(6, 4),
            stat(7, 7),
        ];
        let mut pids: Vec<i32> = descendants(&all, 2).iter().map(|s| s.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [3, 4, 6]);
        assert_eq!(descendants(&all, 7), []);
    }

    #[test]
    fn this_process_is_seen() {
        let me = getpid().as_raw();
        assert!(all().iter().any(|s| s.pid == me));
    }
}
