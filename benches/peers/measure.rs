//! Time, CPU and memory of a program with all that it starts.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeVal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::support::proc;

/// What a run cost, and what it printed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) lines: usize,
    pub(crate) bytes: usize,
}

/// A tool that takes longer is given up on.
const TOO_LONG: Duration = Duration::from_secs(300);

/// Makes what outlives its parent a child of this process, so that its CPU time is counted here.
pub(crate) fn adopt_orphans() {
    set_child_subreaper(true).unwrap();
}

/// Runs a program to its end. `input` is its standard input. None if it took too long.
pub(crate) fn run(mut command: Command, input: &[u8]) -> Option<Cost> {
    let before = children_cpu();
    let started = Instant::now();
    let mut child = command
        .stdin(if input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut out = child.stdout.take().expect("stdout is a pipe");
    // As much as the kernel allows: the reader shall not be what slows a tool down.
    let _: Result<_, _> = fcntl(&out, FcntlArg::F_SETPIPE_SZ(1 << 20));
    let reader = std::thread::spawn(move || {
        let (mut lines, mut bytes) = (0, 0);
        let mut buffer = vec![0; 1 << 18];
        while let Ok(n) = out.read(&mut buffer) {
            let Some(piece) = buffer.get(..n).filter(|piece| !piece.is_empty()) else {
                break;
            };
            lines += memchr::memchr_iter(b'\n', piece).count();
            bytes += piece.len();
        }
        (lines, bytes)
    });
    if let Some(mut stdin) = child.stdin.take() {
        // A tool may end without reading it all.
        drop(stdin.write_all(input));
    }
    let deadline = started + TOO_LONG;
    let ended = loop {
        if child.try_wait().unwrap().is_some() {
            break true;
        }
        if Instant::now() > deadline {
            let _: Result<_, _> = killpg(group, Signal::SIGKILL);
            drop(child.wait());
            break false;
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    let wall = started.elapsed();
    let (lines, bytes) = reader.join().unwrap();
    reap_orphans(group);
    let cpu = children_cpu().saturating_sub(before);
    ended.then_some(Cost {
        wall,
        cpu,
        lines,
        bytes,
    })
}

/// Waits for what a tool left behind in its group, so that its CPU time counts as well.
fn reap_orphans(group: Pid) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match waitid(Id::PGid(group), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
            Ok(WaitStatus::StillAlive) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            },
            Ok(WaitStatus::StillAlive) => {
                let _: Result<_, _> = killpg(group, Signal::SIGKILL);
                return;
            },
            Ok(_) => {},
            Err(_) => return,
        }
    }
}

fn children_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    duration(usage.user_time()) + duration(usage.system_time())
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_secs(u64::try_from(time.tv_sec()).unwrap())
        + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap())
}

/// The CPU time until now of a process and all below it that still live, in all their threads.
pub(crate) fn tree_cpu(root: i32) -> Duration {
    let mut pids = proc::descendants(root);
    pids.push(root);
    pids.into_iter().map(process_cpu).sum()
}

/// The CPU time until now of a process.
pub(crate) fn process_cpu(pid: i32) -> Duration {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanoseconds = text
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        sum += Duration::from_nanos(nanoseconds);
    }
    sum
}

/// Memory of a process and all below it, in kB: resident in sum, and proportional (shared pages
/// counted once).
pub(crate) fn tree_memory(root: i32) -> (u64, u64) {
    let mut pids = proc::descendants(root);
    pids.push(root);
    let (mut rss, mut pss) = (0, 0);
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let field = |name: &str| {
            text.lines()
                .find_map(|line| {
                    line.strip_prefix(name)?
                        .split_whitespace()
                        .next()?
                        .parse()
                        .ok()
                })
                .unwrap_or(0_u64)
        };
        rss += field("Rss:");
        pss += field("Pss:");
    }
    (rss, pss)
}

/// The middle one; of an even number the lower of the two.
pub(crate) fn median<T: Copy + PartialOrd>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("figures can be compared"));
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}
