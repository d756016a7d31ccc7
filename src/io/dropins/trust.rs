//! Whom to trust with files that are run: nobody but the person and root may have a way to change
//! them, as sshd's StrictModes has it for what it reads.

use nix::unistd::{Gid, Group, User, getuid};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Why something is not trusted, and what to do about it.
type Blame = (String, String);

/// Others may write to it, but remove and rename only what is theirs.
const STICKY: u32 = 0o1000;

/// Whether only the person and root can change what is in a folder, or put another in its place.
pub(super) fn folder(path: &Path) -> Result<(), Blame> {
    whole_way(path)
}

/// The same for a file, wherever a link leads.
pub(super) fn file(path: &Path) -> Result<(), Blame> {
    whole_way(path)
}

fn whole_way(path: &Path) -> Result<(), Blame> {
    let unreadable = |error: std::io::Error| {
        let why = format!("it cannot be looked at: {}", crate::app::reason(&error));
        (why, "see its permissions".to_owned())
    };
    let real = path.canonicalize().map_err(unreadable)?;
    for part in real.ancestors() {
        let meta = fs::symlink_metadata(part).map_err(unreadable)?;
        let what = if part == real {
            "it".to_owned()
        } else {
            part.display().to_string()
        };
        let own = getuid().as_raw();
        if meta.uid() != own && meta.uid() != 0 {
            let why = format!("{what} belongs to another user (uid {})", meta.uid());
            return Err((why, "a copy of your own would be trusted".to_owned()));
        }
        let sticky = meta.is_dir() && meta.mode() & STICKY != 0;
        let group = meta.mode() & 0o020 != 0 && !is_own_group(meta.gid());
        if (meta.mode() & 0o002 != 0 || group) && !sticky {
            let why = format!("others may write to {what}");
            return Err((why, format!("chmod go-w {}", part.display())));
        }
    }
    Ok(())
}

/// A group that is the person's alone, as many systems make one for each user.
fn is_own_group(gid: u32) -> bool {
    let Ok(Some(user)) = User::from_uid(getuid()) else {
        return false;
    };
    if user.gid != Gid::from_raw(gid) || getuid().is_root() {
        return gid == 0 && getuid().is_root();
    }
    let group = Group::from_gid(Gid::from_raw(gid));
    group.is_ok_and(|group| {
        group.is_some_and(|group| {
            group.name == user.name && group.mem.iter().all(|name| *name == user.name)
        })
    })
}
