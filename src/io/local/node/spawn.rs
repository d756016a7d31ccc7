//! Processes of a node: with which shell, environment and terminal they start.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, User, access, getuid, setsid};

use super::super::provider::{NODE_WORD, this_program};
use super::pty::Pty;

/// The word after [`NODE_WORD`] that makes the program a file transfer server.
pub(super) const SFTP_WORD: &str = "sftp";

/// Variables that say what the node is; a client's wish to change them is not heard.
const OWN: [&str; 9] = [
    "HOME", "USER", "LOGNAME", "SHELL", "PATH", "HOSTNAME", "TERM", "PWD", "OLDPWD",
];

/// The most that clients may put into the environment of one channel, in bytes.
const MAX_ENV: usize = 64 * 1024;

/// Where programs are looked for, as far as these exist.
const PATH_DIRS: [&str; 7] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/run/current-system/sw/bin",
];

/// What all processes of a node have in common.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) home: PathBuf,
    pub(super) shell: PathBuf,
    pub(super) user: String,
    /// The soft limit of open files that processes get back; the node's own is higher.
    pub(super) files: Option<(rlim_t, rlim_t)>,
}

/// What a client wants to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A login shell.
    Shell,
    /// A command line for the shell.
    Exec(Vec<u8>),
    /// The file transfer server.
    Sftp,
}

/// What a client asked for before it said what to run.
#[derive(Debug, Default)]
pub(super) struct Ask {
    env: BTreeMap<String, String>,
    env_bytes: usize,
    pub(super) pty: Option<Pty>,
}

impl Ask {
    /// Takes a variable (RFC 4254 §6.4); false if it is refused.
    pub(super) fn set_env(&mut self, name: &str, value: &str) -> bool {
        let fits = self.env_bytes + name.len() + value.len() <= MAX_ENV;
        let ok = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let named =
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(ok);
        if !fits || !named || value.contains('\0') || OWN.contains(&name) {
            return false;
        }
        self.env_bytes += name.len() + value.len();
        self.env.insert(name.into(), value.into());
        true
    }
}

/// The ends of a process that the node keeps.
#[derive(Debug)]
pub(super) enum Ends {
    /// The terminal's master.
    Terminal(OwnedFd),
    /// Standard input, output and error.
    Pipes(OwnedFd, OwnedFd, OwnedFd),
}

/// This user's name and login shell. A login shell that only turns people away gives none.
pub(super) fn user(shell: Option<&Path>) -> (String, PathBuf) {
    let entry = User::from_uid(getuid()).ok().flatten();
    let usable = |path: &Path| {
        let refuses = matches!(
            path.file_name().and_then(OsStr::to_str),
            Some("nologin" | "false")
        );
        !refuses && path.is_absolute() && access(path, AccessFlags::X_OK).is_ok()
    };
    let candidates = [
        shell.map(Path::to_path_buf),
        entry.as_ref().map(|e| e.shell.clone()),
        Some("/bin/bash".into()),
        Some("/usr/bin/bash".into()),
    ];
    let shell = candidates.into_iter().flatten().find(|path| usable(path));
    let name = entry.map_or_else(|| getuid().to_string(), |e| e.name);
    (name, shell.unwrap_or_else(|| "/bin/sh".into()))
}

/// Starts a process for a channel: a session leader, on the terminal if there is one.
pub(super) fn spawn(
    setting: &Setting,
    wish: &Wish,
    ask: Ask,
    local: SocketAddr,
    peer: SocketAddr,
) -> io::Result<(i32, Ends)> {
    let mut command = match wish {
        Wish::Shell => {
            let mut name = OsString::from("-");
            name.push(
                setting
                    .shell
                    .file_name()
                    .unwrap_or_else(|| OsStr::new("sh")),
            );
            let mut shell = Command::new(&setting.shell);
            shell.arg0(name);
            shell
        },
        Wish::Exec(line) => {
            let mut shell = Command::new(&setting.shell);
            shell.arg("-c").arg(OsStr::from_bytes(line));
            shell
        },
        Wish::Sftp => {
            let mut program = Command::new(this_program());
            program.arg0("dust").arg(NODE_WORD).arg(SFTP_WORD);
            program
        },
    };
    command
        .env_clear()
        .envs(own_env(setting, local, peer))
        .envs(ask.env);
    command.current_dir(&setting.home);
    let on_terminal = ask.pty.is_some();
    let ends = if let Some(pty) = ask.pty {
        command.env("TERM", &pty.term).env("SSH_TTY", &pty.name);
        command
            .stdin(pty.slave.try_clone()?)
            .stdout(pty.slave.try_clone()?)
            .stderr(pty.slave);
        Ends::Terminal(pty.master)
    } else {
        let (child_in, input) = io::pipe()?;
        let (output, child_out) = io::pipe()?;
        let (errors, child_err) = io::pipe()?;
        command.stdin(child_in).stdout(child_out).stderr(child_err);
        Ends::Pipes(input.into(), output.into(), errors.into())
    };
    let files = setting.files;
    let enter = move || {
        setsid()?;
        if on_terminal {
            // SAFETY: standard input is the terminal's slave side.
            nix::errno::Errno::result(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) })?;
        }
        // If the node's process is killed outright, its shells do not stay behind.
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if let Some((soft, hard)) = files {
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
        }
        umask(Mode::from_bits_truncate(0o022));
        Ok(())
    };
    // SAFETY: between fork and exec it makes system calls only, and allocates nothing.
    unsafe { command.pre_exec(enter) };
    let child = command.spawn()?;
    // The ends that the process has now go with the command.
    drop(command);
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok((pid, ends))
}

/// The environment of a fresh login, of which nothing comes from whoever started the node but
/// the language and the time zone.
fn own_env(
    setting: &Setting,
    local: SocketAddr,
    peer: SocketAddr,
) -> Vec<(&'static str, OsString)> {
    let mut path = setting.home.join("bin").into_os_string();
    for dir in PATH_DIRS.iter().filter(|d| Path::new(d).is_dir()) {
        path.push(":");
        path.push(dir);
    }
    let mut env = vec![
        ("HOME", setting.home.clone().into()),
        ("USER", setting.user.clone().into()),
        ("LOGNAME", setting.user.clone().into()),
        ("SHELL", setting.shell.clone().into()),
        ("PATH", path),
        ("HOSTNAME", setting.name.clone().into()),
        (
            "LANG",
            std::env::var_os("LANG").unwrap_or_else(|| "C.UTF-8".into()),
        ),
        (
            "SSH_CLIENT",
            format!("{} {} {}", peer.ip(), peer.port(), local.port()).into(),
        ),
        (
            "SSH_CONNECTION",
            format!(
                "{} {} {} {}",
                peer.ip(),
                peer.port(),
                local.ip(),
                local.port()
            )
            .into(),
        ),
    ];
    for key in ["LC_ALL", "TZ"] {
        if let Some(value) = std::env::var_os(key) {
            env.push((key, value));
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_cannot_change_what_the_node_is_nor_fill_its_memory() {
        let mut ask = Ask::default();
        assert!(ask.set_env("LC_TIME", "de_DE.UTF-8") && ask.set_env("DUST_RANK", "3"));
        for (name, value) in [
            ("HOME", "/"),
            ("", "x"),
            ("A=B", "x"),
            ("1A", "x"),
            ("A", "x\0y"),
        ] {
            assert!(!ask.set_env(name, value), "{name}");
        }
        assert!(!ask.set_env("BIG", &"x".repeat(MAX_ENV)));
        assert_eq!(ask.env.len(), 2);
    }

    #[test]
    fn a_shell_that_turns_people_away_is_not_used() {
        let (_, shell) = user(Some(Path::new("/usr/sbin/nologin")));
        assert!(!shell.ends_with("nologin") && shell.is_absolute());
        let (_, shell) = user(Some(Path::new("/bin/sh")));
        assert_eq!(shell, Path::new("/bin/sh"));
    }
}
