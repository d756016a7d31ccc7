//! The rule for what a machine may lack: the test says what is missing and is skipped; where CI=true
//! it fails instead, so that nothing goes untested unseen.

use std::path::{Path, PathBuf};

/// Returns from the test, with a message, where one of the programs is missing.
macro_rules! need {
    ($($program:expr),+ $(,)?) => {
        if !$crate::support::deps::have(&[$($program),+]) {
            return;
        }
    };
}
pub(crate) use need;

/// Whether all of `programs` are installed. With CI=true a missing one is a failure.
pub(crate) fn have(programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| find(program).is_none())
        .collect();
    if !missing.is_empty() {
        return skip(&format!(
            "not installed: {} (scripts/setup.sh test installs it)",
            missing.join(", ")
        ));
    }
    if programs.contains(&"sshd") && !sshd_can_give_terminals() {
        return skip("sshd as a user gives no terminals here: mount /dev/pts with gid=tty");
    }
    true
}

/// sshd gives a terminal to the group `tty`. Where a new one does not belong to it already (devpts
/// mounted without gid=), only root can do that.
fn sshd_can_give_terminals() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let Ok(Some(group)) = nix::unistd::Group::from_name("tty") else {
        return true;
    };
    let pair = nix::pty::openpty(None, None).unwrap();
    let owner = nix::sys::stat::fstat(&pair.slave).unwrap().st_gid;
    owner == group.gid.as_raw()
}

/// Whether the test runs as root. With CI=true anything else is said, but is no failure: what needs
/// root is tested without it as well.
pub(crate) fn root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// Says why a test is skipped. False, always, unless it panics.
pub(crate) fn skip(why: &str) -> bool {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "cannot run, and CI=true: {why}"
    );
    eprintln!("skipped: {why}");
    false
}

/// The path of a program: from PATH, or from where system programs are.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| is_executable(file))
}

/// The path of a program that the test has asked for with `need!`.
pub(crate) fn path(program: &str) -> PathBuf {
    find(program).unwrap_or_else(|| panic!("{program} is installed: the test asked with need!"))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}
