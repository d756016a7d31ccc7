//! The login shells that dust must work on, and how a test gives a node one of them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{deps, proc};

/// A login shell of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shell {
    Bash,
    /// A bash that does not know PS0, as those before 4.4.
    BashWithoutPs0,
    Zsh,
    Dash,
    /// busybox under the name `ash`.
    Ash,
    Mksh,
    Fish,
    Tcsh,
}

impl Shell {
    pub(crate) const ALL: [Self; 8] = [
        Self::Bash,
        Self::BashWithoutPs0,
        Self::Zsh,
        Self::Dash,
        Self::Ash,
        Self::Mksh,
        Self::Fish,
        Self::Tcsh,
    ];

    /// A word for it in file names and messages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::BashWithoutPs0 => "bash42",
            Self::Zsh => "zsh",
            Self::Dash => "dash",
            Self::Ash => "ash",
            Self::Mksh => "mksh",
            Self::Fish => "fish",
            Self::Tcsh => "tcsh",
        }
    }

    /// The program that must be installed.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::BashWithoutPs0 => "bash",
            Self::Ash => "busybox",
            other => other.word(),
        }
    }

    /// The executable, made in `bin` where no installed one is it.
    pub(crate) fn executable(self, bin: &Path) -> PathBuf {
        let installed = deps::path(self.program());
        match self {
            Self::Ash => {
                let file = bin.join("ash");
                symlink(installed, &file).unwrap();
                file
            },
            Self::BashWithoutPs0 => {
                let file = bin.join("bash42").join("bash");
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                write_program(&file, &without_ps0(&fs::read(installed).unwrap()));
                file
            },
            _ => installed,
        }
    }
}

/// Writes an executable by a process of its own: held open for writing by this one, a fork in
/// another thread would hold it open too, and running it would fail (ETXTBSY).
fn write_program(file: &Path, bytes: &[u8]) {
    let mut writer = Command::new("/bin/sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(
        writer.wait().unwrap().success(),
        "{} is written",
        file.display()
    );
}

/// A bash with the name of the variable PS0 changed: it never expands PS0.
fn without_ps0(bash: &[u8]) -> Vec<u8> {
    let mut changed = bash.to_vec();
    let name = b"\0PS0\0";
    let places: Vec<usize> = changed
        .windows(name.len())
        .enumerate()
        .filter(|(_, w)| w == name)
        .map(|(i, _)| i)
        .collect();
    assert!(!places.is_empty(), "bash holds the name PS0");
    for place in places {
        changed[place + 2] = b'X';
    }
    changed
}

/// A forced command that stands for a login shell: what sshd does with one, done for `shell`, in a
/// home folder of its own. `motd` is printed before the shell, as sshd does.
pub(crate) struct LoginShell<'a> {
    pub(crate) executable: &'a Path,
    pub(crate) home: &'a Path,
    pub(crate) owner: &'a str,
    pub(crate) motd: &'a str,
}

impl LoginShell<'_> {
    /// The text of the script, for bash (`exec -a` is not in POSIX).
    pub(crate) fn script(&self) -> String {
        let name = self.executable.file_name().unwrap().to_str().unwrap();
        format!(
            "#!{bash}\n\
             export HOME='{home}' SHELL='{shell}' {mark}='{owner}'\n\
             cd \"$HOME\" || exit 1\n\
             unset OLDPWD SHLVL _\n\
             if [ -n \"${{SSH_ORIGINAL_COMMAND+x}}\" ]; then\n\
             \tcommand=$SSH_ORIGINAL_COMMAND\n\
             \tunset SSH_ORIGINAL_COMMAND\n\
             \texec -a '{name}' '{shell}' -c \"$command\"\n\
             fi\n\
             printf '%s' '{motd}'\n\
             exec -a '-{name}' '{shell}'\n",
            bash = deps::path("bash").display(),
            home = self.home.display(),
            shell = self.executable.display(),
            mark = proc::MARK,
            owner = self.owner,
            motd = self.motd,
        )
    }
}
