//! The nodes, and what the tools are told about them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::env::{DUST, Env, user};
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;

/// How the tools' ssh is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ssh {
    /// Key exchange by curve25519, which is what libssh and libssh2 take as well.
    Curve25519,
    /// OpenSSH's own choice of key exchange.
    Defaults,
    /// curve25519 and AES-GCM, the fastest cipher on a CPU with AES instructions.
    Gcm,
    /// curve25519, over connections that masters hold open.
    Persistent,
}

/// One sshd and the files that name its nodes.
pub(crate) struct Lab {
    pub(crate) sshd: Sshd,
    pub(crate) env: Env,
    hosts: Vec<String>,
    pub(crate) dust: PathBuf,
    python: Option<PathBuf>,
}

impl Lab {
    pub(crate) fn new(nodes: usize) -> Self {
        let sshd = Sshd::start();
        let key = sshd.plain_key();
        let env = Env::new();
        let mut hosts = Vec::new();
        for i in 0..nodes {
            let node = sshd.node(&format!("n{i}"), Shell::Bash);
            hosts.push(node.get("host").to_owned());
        }
        let lab = Self {
            sshd,
            env,
            hosts,
            dust: std::env::var_os("DUST_BIN").map_or_else(|| DUST.into(), PathBuf::from),
            python: real_path("python3"),
        };
        for (ssh, more) in [
            (Ssh::Curve25519, "KexAlgorithms curve25519-sha256"),
            (Ssh::Defaults, ""),
            (
                Ssh::Gcm,
                "KexAlgorithms curve25519-sha256\nCiphers aes128-gcm@openssh.com",
            ),
            (
                Ssh::Persistent,
                "KexAlgorithms curve25519-sha256\nControlMaster auto\nControlPersist 600\n\
                 ControlPath m/%h",
            ),
        ] {
            let text = format!(
                "Host *\nPort {}\nUser {}\nIdentityFile {}\nIdentitiesOnly yes\nBatchMode yes\n\
                 StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n{more}\n",
                lab.sshd.port(),
                user(),
                key.display(),
            );
            lab.env.file(config_name(ssh), text);
        }
        fs::create_dir(lab.env.work().join("m")).unwrap();
        lab
    }

    /// A cluster file of the first `nodes` nodes.
    pub(crate) fn cluster(&self, nodes: usize) -> String {
        let mut text = format!(
            "@cloud\nprovider=ssh\nname=lab\nusername={}\nport={}\nkeyfile={}\n",
            user(),
            self.sshd.port(),
            self.sshd.plain_key().display(),
        );
        for (i, host) in self.hosts.iter().take(nodes).enumerate() {
            write!(text, "\n@n{i}\nhost={host}\n").unwrap();
        }
        self.env
            .file(&format!("lab{nodes}.cnf"), text)
            .display()
            .to_string()
    }

    /// A file with the addresses of the first `nodes` nodes, one a line.
    pub(crate) fn hosts(&self, nodes: usize) -> String {
        let list: Vec<&str> = self.hosts.iter().take(nodes).map(String::as_str).collect();
        let file = self
            .env
            .file(&format!("hosts{nodes}"), list.join("\n") + "\n");
        file.display().to_string()
    }

    /// The address of a node.
    pub(crate) fn host(&self, node: usize) -> String {
        self.hosts[node].clone()
    }

    /// The file for ssh's -F.
    pub(crate) fn config(&self, ssh: Ssh) -> String {
        self.env.work().join(config_name(ssh)).display().to_string()
    }

    /// Python, itself and not a script that looks for it.
    pub(crate) fn python(&self) -> Option<&PathBuf> {
        self.python.as_ref()
    }

    /// A program in the lab's own world.
    pub(crate) fn command(&self, program: &std::path::Path) -> Command {
        self.env.command(program)
    }

    /// The machine, in one line.
    pub(crate) fn describe(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let ssh = Command::new("ssh").arg("-V").output().unwrap().stderr;
        let ssh = String::from_utf8_lossy(&ssh).trim().to_owned();
        format!("{cores} cores; {ssh}; {}\n", self.dust.display())
    }
}

fn config_name(ssh: Ssh) -> &'static str {
    match ssh {
        Ssh::Curve25519 => "ssh-curve25519",
        Ssh::Defaults => "ssh-defaults",
        Ssh::Gcm => "ssh-gcm",
        Ssh::Persistent => "ssh-persistent",
    }
}

/// A program's own file, behind pyenv's shims, which cost more than the program.
pub(crate) fn real_path(program: &str) -> Option<PathBuf> {
    let found = crate::support::deps::find(program)?;
    if !found.display().to_string().contains("/shims/") {
        return Some(found);
    }
    let out = Command::new("pyenv")
        .args(["which", program])
        .output()
        .ok()?;
    let path = String::from_utf8(out.stdout).ok()?;
    (out.status.success()).then(|| PathBuf::from(path.trim()))
}
