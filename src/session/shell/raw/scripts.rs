//! What is typed to enter raw mode and to leave it, shell family by shell family.

use super::super::{Family, marks};

/// The number in the marks of a person's own shell that runs in the helper.
pub(super) const OWN_NUMBER: &str = "own";

/// The name of a shell that leaves on a key, whatever stands on its line.
pub(super) const FISH: &str = "fish";

const BASH: &str = include_str!("bash.sh");
const ZSH: &str = include_str!("zsh.sh");
const POSIX: &str = include_str!("posix.sh");
const OWN: &str = include_str!("own.sh");

/// The text that defines `_dust_f` and `_dust_x`.
pub(super) fn functions(nonce: &str, family: Family, own: bool) -> String {
    let file = match family {
        _ if own => OWN,
        Family::Bash => BASH,
        Family::Zsh => ZSH,
        Family::Posix => POSIX,
    };
    let rs = char::from(marks::RS);
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    lines
        .join("\n")
        .replace("@<", &format!("{rs}{nonce}:"))
        .replace(">@", &rs.to_string())
        .replace("@1", "\u{1}")
        .replace("@^", "\r")
}

/// What is typed at a person's shell, at its prompt, to leave it. One that runs in the helper is
/// stopped, and goes on at the next entry.
pub(super) fn leaves(own: Option<&str>) -> &'static str {
    match own {
        None => " _dust_x\r",
        Some(FISH) => "\u{1b}[24;8~",
        Some(_) => "\u{15} kill -STOP $$\r",
    }
}

/// What to ask of the node's sshd, on another channel, when a person is attached to a command that
/// runs in line mode: its terminal `tty` gets echo (if `echo`: not where a password is asked for) and
/// the usual newlines, unless a full-screen program has made it as it likes it. The text passes
/// through a login shell of any family. `tty` must come from [`Shell::tty`](super::Shell::tty).
pub fn attach_command(tty: &str, echo: bool) -> String {
    let echo = if echo { "echo " } else { "" };
    format!(
        "exec sh -c 'case $(stty -a <{tty}) in *-icanon*);;\
         *)stty {echo}onlcr icrnl -igncr <{tty};;esac'"
    )
}
