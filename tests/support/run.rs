//! One-shot runs of a program: what it printed and how it ended, within a deadline.

use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::PATIENCE;

/// A run to be made.
pub(crate) struct Dust {
    command: Command,
    input: Option<Vec<u8>>,
    patience: Duration,
}

impl Dust {
    pub(crate) fn new(command: Command) -> Self {
        Self {
            command,
            input: None,
            patience: PATIENCE,
        }
    }

    /// What stands on its standard input; without it, /dev/null does.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// How long it may take; then the test fails.
    pub(crate) fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A hard limit on the number of file descriptors.
    pub(crate) fn descriptors(mut self, limit: u64) -> Self {
        // SAFETY: setrlimit is async-signal-safe, and nothing else runs between fork and exec.
        unsafe {
            self.command.pre_exec(move || {
                setrlimit(Resource::RLIMIT_NOFILE, limit, limit).map_err(std::io::Error::from)
            });
        }
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        self.attempt().unwrap_or_else(|why| panic!("{why}"))
    }

    /// Runs it to its end, or says what it did until it had taken too long.
    pub(crate) fn attempt(self) -> Result<Outcome, String> {
        let input = self.input.clone();
        let mut running = self.start();
        if let Some(bytes) = input {
            running.feed(bytes);
        }
        running.wait_end()
    }

    /// Starts it; standard input stays open if there is one.
    pub(crate) fn start(mut self) -> Running {
        let stdin = if self.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        self.command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = self.command.spawn().unwrap();
        let (sender, pieces) = channel();
        let out = child.stdout.take().expect("stdout is a pipe");
        let err = child.stderr.take().expect("stderr is a pipe");
        let errors = sender.clone();
        std::thread::spawn(move || pump(out, |bytes| sender.send((false, bytes)).is_ok()));
        std::thread::spawn(move || pump(err, |bytes| errors.send((true, bytes)).is_ok()));
        Running {
            what: format!(
                "{:.300}",
                format!("{:?}", self.command.get_args().collect::<Vec<_>>())
            ),
            stdin: child.stdin.take(),
            child,
            pieces,
            started: Instant::now(),
            patience: self.patience,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }
}

fn pump(mut from: impl Read, mut to: impl FnMut(Vec<u8>) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        if !to(bytes.to_vec()) {
            return;
        }
    }
}

/// A run under way.
pub(crate) struct Running {
    what: String,
    child: Child,
    stdin: Option<ChildStdin>,
    pieces: Receiver<(bool, Vec<u8>)>,
    started: Instant,
    patience: Duration,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Running {
    /// Writes all of standard input and closes it, from a thread.
    pub(crate) fn feed(&mut self, bytes: Vec<u8>) {
        let mut stdin = self.stdin.take().expect("standard input is a pipe");
        // A program may end without having read it all.
        std::thread::spawn(move || {
            drop(stdin.write_all(&bytes));
        });
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits until standard output or standard error holds `text`.
    #[track_caller]
    pub(crate) fn wait_text(&mut self, text: &str) {
        self.wait_for(text, |out, err| out.contains(text) || err.contains(text));
    }

    /// Waits until `seen` is true of standard output and standard error.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str, seen: impl Fn(&str, &str) -> bool) {
        loop {
            let out = String::from_utf8_lossy(&self.stdout);
            let err = String::from_utf8_lossy(&self.stderr);
            if seen(&out, &err) {
                return;
            }
            let more = self
                .receive()
                .unwrap_or_else(|why| panic!("before {what}: {why}"));
            assert!(more, "ended before: {what}\n{}", self.report());
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(self) -> Outcome {
        self.wait_end().unwrap_or_else(|why| panic!("{why}"))
    }

    fn wait_end(mut self) -> Result<Outcome, String> {
        while self.receive()? {}
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            self.check_deadline()?;
            std::thread::sleep(Duration::from_millis(2));
        };
        Ok(Outcome {
            what: std::mem::take(&mut self.what),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            status,
            took: self.started.elapsed(),
        })
    }

    /// Takes in what was printed next. False once both streams are closed.
    fn receive(&mut self) -> Result<bool, String> {
        let left = self.patience.saturating_sub(self.started.elapsed());
        match self.pieces.recv_timeout(left) {
            Ok((false, bytes)) => self.stdout.extend(bytes),
            Ok((true, bytes)) => self.stderr.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
            Err(RecvTimeoutError::Timeout) => self.check_deadline()?,
        }
        Ok(true)
    }

    fn check_deadline(&self) -> Result<(), String> {
        if self.started.elapsed() < self.patience {
            return Ok(());
        }
        Err(format!("took too long\n{}", self.report()))
    }

    fn report(&self) -> String {
        report(&self.what, &self.stdout, &self.stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _: Result<_, _> = killpg(Pid::from_raw(self.pid()), Signal::SIGKILL);
        drop(self.child.wait());
    }
}

/// A run that ended.
pub(crate) struct Outcome {
    what: String,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) status: ExitStatus,
    pub(crate) took: Duration,
}

impl Outcome {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Both streams, standard output first.
    pub(crate) fn all(&self) -> String {
        self.out() + &self.err()
    }

    /// The exit status, with the signal that ended it as 128 + its number.
    pub(crate) fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// What a node printed, without its prefix and without dust's own `exit N (…)`.
    pub(crate) fn lines_of(&self, node: &str) -> Vec<String> {
        let prefix = format!("[{node}] ");
        self.out()
            .split('\n')
            .filter_map(|line| line.strip_prefix(&prefix))
            .filter(|line| !is_status(line))
            .map(str::to_owned)
            .collect()
    }

    /// Fails unless it ended with this status.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert!(
            self.code() == code,
            "exit {}, wanted {code}\n{}",
            self.code(),
            self.report()
        );
        self
    }

    /// Fails unless a node printed exactly these lines.
    #[track_caller]
    pub(crate) fn expect_lines(self, node: &str, lines: &[&str]) -> Self {
        let printed = self.lines_of(node);
        assert!(
            printed == lines,
            "{node}: {printed:?}, wanted {lines:?}\n{}",
            self.report()
        );
        self
    }

    /// Fails unless the last lines that a node printed are these.
    #[track_caller]
    pub(crate) fn expect_ends(self, node: &str, lines: &[&str]) -> Self {
        let printed = self.lines_of(node);
        let from = printed.len().saturating_sub(lines.len());
        let last = printed.get(from..).unwrap_or_default();
        assert!(
            last == lines,
            "{node}: ends {last:?}, wanted {lines:?}\n{}",
            self.report()
        );
        self
    }

    /// Fails unless a node printed all of these lines, in this order; others may be between them.
    #[track_caller]
    pub(crate) fn expect_has(self, node: &str, lines: &[&str]) -> Self {
        let printed = self.lines_of(node);
        let mut left = printed.iter();
        for line in lines {
            let found = left.any(|printed| printed == line);
            assert!(
                found,
                "{node}: no line {line:?} in {printed:?}\n{}",
                self.report()
            );
        }
        self
    }

    /// Fails unless standard error (case ignored) has one line with all of these words.
    #[track_caller]
    pub(crate) fn expect_notice(self, words: &[&str]) -> Self {
        let found = says(&self.err(), words);
        assert!(found, "no line on stderr with {words:?}\n{}", self.report());
        self
    }

    /// Fails unless standard error (case ignored) has one line with `first` and one of `others`.
    #[track_caller]
    pub(crate) fn expect_reason(self, first: &str, others: &[&str]) -> Self {
        let found = others
            .iter()
            .any(|other| says(&self.err(), &[first, other]));
        assert!(
            found,
            "no line on stderr with {first} and one of {others:?}\n{}",
            self.report()
        );
        self
    }

    pub(crate) fn report(&self) -> String {
        report(&self.what, &self.stdout, &self.stderr)
    }
}

/// Whether one line of `text` has all these words, case ignored.
pub(crate) fn says(text: &str, words: &[&str]) -> bool {
    text.lines().any(|line| {
        let line = line.to_lowercase();
        words.iter().all(|word| line.contains(&word.to_lowercase()))
    })
}

/// Whether what follows `[node] ` is dust's own word on how a command ended: `exit 3 (0.8s)`.
fn is_status(text: &str) -> bool {
    text.strip_prefix("exit ")
        .and_then(|rest| rest.split_once(" ("))
        .is_some_and(|(code, rest)| code.parse::<i32>().is_ok() && rest.ends_with("s)"))
}

fn report(what: &str, stdout: &[u8], stderr: &[u8]) -> String {
    let tail = |bytes: &[u8]| {
        let from = bytes.len().saturating_sub(4000);
        String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
    };
    let (out, err) = (tail(stdout), tail(stderr));
    format!(
        "--- run {what}\n--- stdout ({} bytes)\n{out}\n--- stderr ({} bytes)\n{err}\n---",
        stdout.len(),
        stderr.len()
    )
}
