//! The tools, and how each is told to run a line on nodes.

use std::path::PathBuf;
use std::process::Command;

use crate::lab::{Lab, Ssh, real_path};
use crate::options::Options;
use crate::support::env::user;

/// A tool that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    program: PathBuf,
}

/// Runs a line on hosts over libssh2: `run`, once; `warm`, so often over the same connections, and
/// prints how long each round took; `print`, with all output.
const PARALLEL_SSH: &str = r#"
import sys, time
import gevent
from pssh.clients import ParallelSSHClient
what, hosts, user, port, key, line = sys.argv[1:7]
hosts = open(hosts).read().split()
client = ParallelSSHClient(hosts, user=user, port=int(port), pkey=key, pool_size=len(hosts))
def once(show):
    output = client.run_command(line, stop_on_errors=False)
    def drain(host):
        for text in host.stdout or ():
            if show:
                sys.stdout.write(host.host + ': ' + text + '\n')
    # All at once: what waits in its buffers costs the square of its size.
    gevent.joinall([gevent.spawn(drain, host) for host in output])
    client.join(output)
if what == 'run':
    once(True)
else:
    once(False)
    for _ in range(int(sys.argv[7])):
        start = time.monotonic()
        once(False)
        print(time.monotonic() - start)
"#;

/// All that are installed and wanted, dust first.
pub(crate) fn installed(lab: &Lab, options: &Options) -> Vec<Tool> {
    let mut tools = Vec::new();
    let mut missing = Vec::new();
    for name in ["dust", "xargs", "pdsh", "clush", "polysh", "parallel-ssh"] {
        let program = match name {
            "dust" => Some(lab.dust.clone()),
            "parallel-ssh" => lab.python().filter(|python| has_pssh(python)).cloned(),
            _ => real_path(name),
        };
        match program {
            Some(program) if options.wants(name) => tools.push(Tool { name, program }),
            Some(_) => {},
            None => missing.push(name),
        }
    }
    if !missing.is_empty() {
        println!("not installed: {}", missing.join(", "));
    }
    tools
}

fn has_pssh(python: &PathBuf) -> bool {
    let out = Command::new(python)
        .args(["-c", "import pssh.clients"])
        .output();
    out.is_ok_and(|out| out.status.success())
}

impl Tool {
    pub(crate) fn is_dust(&self) -> bool {
        self.name == "dust"
    }

    /// Whether it uses the installed ssh, so that `Ssh` makes a difference.
    pub(crate) fn uses_openssh(&self) -> bool {
        !["dust", "parallel-ssh"].contains(&self.name)
    }

    /// Whether its lines carry the node's name.
    pub(crate) fn prefixes(&self) -> bool {
        self.name != "xargs"
    }

    /// A run of one line on the first `nodes` nodes, all of them at once.
    pub(crate) fn command(&self, lab: &Lab, nodes: usize, ssh: Ssh, line: &str) -> Command {
        let mut command = lab.command(&self.program);
        let hosts = lab.hosts(nodes);
        let config = lab.config(ssh);
        let all = nodes.to_string();
        match self.name {
            "dust" => command.args(["-f", &lab.cluster(nodes), "@*", line]),
            "xargs" => command
                .args(["-a", &hosts, "-P", &all, "-I{}", "ssh", "-F", &config])
                .args(["{}", line]),
            "pdsh" => command
                .env("PDSH_SSH_ARGS_APPEND", format!("-F {config}"))
                .args(["-R", "ssh", "-f", &all, "-w", &format!("^{hosts}"), line]),
            "clush" => command
                .args(["--nostdin", "-f", &all, &format!("--hostfile={hosts}")])
                .args(["-o", &format!("-F {config}"), line]),
            "polysh" => command
                .args(["--no-color", &format!("--hosts-file={hosts}")])
                .args([
                    "--ssh",
                    &format!("exec ssh -F {config} -t %(host)s"),
                    "--command",
                    line,
                ]),
            "parallel-ssh" => command
                .args(["-c", PARALLEL_SSH, "run", &hosts, &user()])
                .args([
                    &lab.sshd.port().to_string(),
                    &lab.sshd.plain_key().display().to_string(),
                    line,
                ]),
            other => unreachable!("no such tool: {other}"),
        };
        command
    }

    /// parallel-ssh, running one line `times` times over the same connections.
    pub(crate) fn library(&self, lab: &Lab, nodes: usize, line: &str, times: usize) -> Command {
        let mut command = lab.command(&self.program);
        command
            .args(["-c", PARALLEL_SSH, "warm", &lab.hosts(nodes), &user()])
            .args([
                &lab.sshd.port().to_string(),
                &lab.sshd.plain_key().display().to_string(),
                line,
                &times.to_string(),
            ]);
        command
    }

    /// Its prompt on the first `nodes` nodes, for the tools that have one with shells that stay.
    pub(crate) fn prompt(&self, lab: &Lab, nodes: usize) -> Option<Command> {
        let mut command = lab.command(&self.program);
        match self.name {
            // All of it in one process: that is what is measured.
            "dust" => command.args(["--no-session", "-f", &lab.cluster(nodes)]),
            "polysh" => {
                let config = lab.config(Ssh::Curve25519);
                command
                    .args(["--no-color", &format!("--hosts-file={}", lab.hosts(nodes))])
                    .args(["--ssh", &format!("exec ssh -F {config} -t %(host)s")])
            },
            _ => return None,
        };
        Some(command)
    }

    /// What asks for nothing but a word about itself.
    pub(crate) fn version(&self, lab: &Lab) -> Option<Command> {
        let mut command = lab.command(&self.program);
        match self.name {
            "dust" | "clush" => command.arg("--version"),
            "pdsh" => command.arg("-V"),
            "polysh" => command.arg("--help"),
            "parallel-ssh" => command.args(["-c", "import pssh.clients"]),
            _ => return None,
        };
        Some(command)
    }
}
