//! The provider `ec2`, end to end: the binary, moto as EC2's API, and a real sshd at the addresses
//! that moto gives to instances (SPEC: "The cluster file", "Commands").

mod calls;
mod credentials;
mod hostkeys;
mod identity;
mod keys;
mod launch;
mod lines;
mod refusals;
mod safety;
mod sec;
mod session;
mod waiting;

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::LONG_PATIENCE;
use crate::support::env::{DUST, Env, user};
use crate::support::faults::Faults;
use crate::support::moto::{Moto, REGION};
use crate::support::pty::{Pty, Terminal};
use crate::support::run::{Dust, Outcome};
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;

/// Returns from the test where something is missing; else a new [`Lab`]: without a cluster file, with
/// one of these nodes, or with these nodes launched.
macro_rules! lab {
    (launched $nodes:expr) => {{
        let lab = $crate::topics::ec2::lab!($nodes);
        lab.launch();
        lab
    }};
    ($nodes:expr) => {{
        let lab = $crate::topics::ec2::lab!();
        lab.file_of($nodes);
        lab
    }};
    () => {{
        $crate::support::moto::need_moto!();
        $crate::support::deps::need!("sshd", "ssh-keygen");
        $crate::topics::ec2::Lab::new()
    }};
}
use lab;

/// A region of its own, machines in it that can be logged in to, and a person's world.
pub(super) struct Lab {
    pub(super) env: Env,
    pub(super) faults: Faults,
    pub(super) moto: Moto,
    pub(super) sshd: Sshd,
}

impl Lab {
    pub(super) fn new() -> Self {
        let (moto, sshd, env) = (Moto::start(), Sshd::start(), Env::new());
        let public = fs::read_to_string(sshd.key(Shell::Bash).with_extension("pub")).unwrap();
        moto.import_key("mykey", &public);
        Self {
            faults: Faults::before(moto.api()),
            moto,
            sshd,
            env,
        }
    }

    /// The keys of `@cloud` that every cluster file here has.
    pub(super) fn cloud(&self) -> Vec<(&'static str, String)> {
        let keyfile = self.sshd.key(Shell::Bash);
        vec![
            ("provider", "ec2".into()),
            ("name", "lab".into()),
            ("region", REGION.into()),
            ("endpoint", self.faults.endpoint()),
            ("username", user()),
            ("key", "mykey".into()),
            ("keyfile", keyfile.display().to_string()),
            ("port", self.sshd.port().to_string()),
            ("subnet", self.moto.subnet().into()),
            ("security_group", "default".into()),
        ]
    }

    /// A cluster file of this name, with these sections behind `@cloud`. Keys in `changes` are set
    /// in `@cloud`, or left out where their value is empty.
    pub(super) fn file_with(&self, name: &str, changes: &[(&str, &str)], nodes: &str) -> String {
        let mut keys: Vec<(&str, String)> = self.cloud();
        for (key, value) in changes {
            keys.retain(|(k, _)| k != key);
            keys.push((key, (*value).to_owned()));
        }
        keys.retain(|(_, value)| !value.is_empty());
        let keys: Vec<_> = keys.iter().map(|(k, v)| format!("{k}={v}\n")).collect();
        let text = format!("@cloud\n{}\n{nodes}", keys.concat());
        self.env.file(name, text).display().to_string()
    }

    /// `lab.cnf`, with these sections.
    pub(super) fn file_of(&self, nodes: &str) -> String {
        self.file_with("lab.cnf", &[], nodes)
    }

    /// The one-shot run of dust with `lab.cnf`.
    pub(super) fn dust<S: AsRef<OsStr>>(&self, args: &[S]) -> Dust {
        let file = self.env.work().join("lab.cnf");
        let mut command = self.command();
        if file.exists() {
            command.arg("-f").arg(file);
        }
        command.args(args);
        Dust::new(command).within(LONG_PATIENCE)
    }

    /// `start`, which succeeds.
    #[track_caller]
    pub(super) fn start(&self) -> Outcome {
        self.dust(&["start"]).run().expect_code(0)
    }

    /// The same, without waiting for ssh.
    #[track_caller]
    pub(super) fn launch(&self) -> Outcome {
        self.dust(&["start", "--no-wait"]).run().expect_code(0)
    }

    /// dust at a prompt with `lab.cnf`, if there is one.
    pub(super) fn terminal(&self) -> Pty {
        self.terminal_with(|_| {})
    }

    /// The same, with changes.
    pub(super) fn terminal_with(&self, change: impl FnOnce(&mut Command)) -> Pty {
        let file = self.env.work().join("lab.cnf");
        let mut command = self.command();
        // What is looked for among the bytes has no colours in it.
        command.env("NO_COLOR", "1");
        if file.exists() {
            command.arg("-f").arg(file);
        }
        change(&mut command);
        let size = Terminal {
            rows: 40,
            cols: 120,
        };
        let mut pty = Pty::spawn(command, size);
        pty.wait_prompt();
        pty
    }

    /// dust, with credentials.
    pub(super) fn command(&self) -> Command {
        let mut command = self.env.command(DUST);
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env(
                "AWS_SECRET_ACCESS_KEY",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            )
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// The names of all instances that are not terminated, sorted.
    #[track_caller]
    pub(super) fn names(&self) -> Vec<String> {
        let states = self.moto.states().into_iter();
        states.map(|(name, _)| name).collect()
    }

    /// What `show --json` says of each node.
    #[track_caller]
    pub(super) fn shown(&self, what: &str) -> Vec<Value> {
        let run = self.dust(&["--json", "show", what]).run().expect_code(0);
        json(&run)
    }

    /// Name and state of each node, as `show` has them.
    #[track_caller]
    pub(super) fn shown_states(&self) -> Vec<(String, String)> {
        let word = |node: &Value, key: &str| node[key].as_str().unwrap_or_default().to_owned();
        self.shown("*")
            .iter()
            .map(|node| (word(node, "name"), word(node, "state")))
            .collect()
    }
}

/// A master and three workers.
pub(super) const NODES: &str = "\
    @master\ninstance_type=m3.medium\nimage=ami-896c96fe\n\n\
    @worker[0-2]\ninstance_type=t2.small\nimage=ami-3eb46b49\n";

/// One node.
pub(super) const ONE: &str = "@n0\ninstance_type=t2.small\nimage=ami-3eb46b49\n";

/// The names of [`NODES`], all in this state.
pub(super) fn all_are(state: &str) -> Vec<(String, String)> {
    ["master", "worker0", "worker1", "worker2"]
        .map(|name| (name.to_owned(), state.to_owned()))
        .to_vec()
}

/// The JSON objects that a run printed, one a line.
#[track_caller]
pub(super) fn json(run: &Outcome) -> Vec<Value> {
    let read = |line: &str| serde_json::from_str(line).ok();
    let values: Option<Vec<Value>> = run.out().lines().map(read).collect();
    values.unwrap_or_else(|| panic!("a JSON object a line\n{}", run.report()))
}
