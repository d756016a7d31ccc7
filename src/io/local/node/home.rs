//! The home folder of a node: made once, then the person's own.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::libc;

use super::super::folder::{failed, make_private_dir};
use crate::error::Result;

/// Makes the home folder, and in it what is missing: start-up files that put the node's name into
/// the prompt and `~/bin` first into the path (login shells often set both anew), and
/// `~/bin/hostname`, since without root the machine's own name cannot be changed for a node.
pub(super) fn prepare(node_dir: &Path, name: &str) -> Result<PathBuf> {
    let home = node_dir.join("home");
    make_home_dir(&home)?;
    for (file, mode, text) in files(name) {
        let path = home.join(file);
        if let Some(parent) = path.parent().filter(|p| *p != home) {
            fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        }
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path);
        match opened {
            Ok(mut f) => f.write_all(text.as_bytes()).map_err(|e| failed(&path, e))?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {},
            Err(e) => return Err(failed(&path, e)),
        }
    }
    Ok(home)
}

/// A home that the person opened to others afterwards is their own affair.
fn make_home_dir(home: &Path) -> Result<()> {
    match fs::symlink_metadata(home) {
        Ok(meta) if meta.is_dir() => Ok(()),
        _ => make_private_dir(home),
    }
}

/// Name, mode and text of each file. The name of a node is free of anything that these languages
/// would not take literally (`check_name`).
fn files(name: &str) -> [(&'static str, u32, String); 8] {
    let posix_path = "PATH=\"$HOME/bin:$PATH\"; export PATH\n";
    [
        ("bin/hostname", 0o700, hostname(name)),
        (
            ".profile",
            0o600,
            format!(
                "{posix_path}HOSTNAME={name}; export HOSTNAME\n\
                 if [ -n \"$BASH_VERSION\" ]; then . \"$HOME/.bashrc\"; else PS1='{name}$ '; fi\n"
            ),
        ),
        (
            ".bashrc",
            0o600,
            format!(
                "case $- in *i*) ;; *) return ;; esac\n\
                 HOSTNAME={name}\nPS1='\\u@{name}:\\w\\$ '\nunset PROMPT_COMMAND\n"
            ),
        ),
        (".zprofile", 0o600, posix_path.into()),
        (
            ".zshrc",
            0o600,
            format!("HOST={name}\nPROMPT='%n@{name}:%~%# '\n"),
        ),
        (".mkshrc", 0o600, format!("PS1='{name}$ '\n")),
        (
            ".cshrc",
            0o600,
            format!("set path = (~/bin $path)\nif ($?prompt) set prompt = \"{name}%# \"\n"),
        ),
        (
            ".config/fish/config.fish",
            0o600,
            format!(
                "set -gx PATH $HOME/bin $PATH\n\
                 set -g fish_greeting\n\
                 function fish_prompt; echo -n \"$USER@{name} \"(prompt_pwd)'> '; end\n"
            ),
        ),
    ]
}

/// What asks for the name gets it; anything else goes to the machine's own `hostname`.
fn hostname(name: &str) -> String {
    format!(
        "#!/bin/sh\n\
         case \"$*\" in\n\
         ''|-s|-f|--short|--fqdn|--long) echo {name} ;;\n\
         *) for h in /usr/bin/hostname /bin/hostname; do [ -x $h ] && exec $h \"$@\"; done\n\
         \x20  echo 'hostname: cannot do that here' >&2; exit 1 ;;\n\
         esac\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_home_is_made_once() {
        let temp = tempfile::tempdir().unwrap();
        let home = prepare(temp.path(), "worker7").unwrap();
        fs::write(home.join(".bashrc"), "mine").unwrap();
        fs::remove_file(home.join("bin/hostname")).unwrap();
        assert_eq!(prepare(temp.path(), "worker7").unwrap(), home);
        assert_eq!(fs::read_to_string(home.join(".bashrc")).unwrap(), "mine");
        let said = Command::new(home.join("bin/hostname"))
            .arg("-s")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), "worker7\n");
    }

    #[test]
    fn a_posix_shell_takes_the_profile() {
        let temp = tempfile::tempdir().unwrap();
        let home = prepare(temp.path(), "worker7").unwrap();
        let said = Command::new("/bin/sh")
            .env_clear()
            .env("HOME", &home)
            .env("PATH", "/usr/bin:/bin")
            .args(["-c", ". ~/.profile; echo \"$PS1|$HOSTNAME\"; hostname"])
            .output()
            .unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(
            said.ends_with("|worker7\nworker7\n") && said.contains("worker7$ "),
            "{said}"
        );
    }
}
