//! Whom to trust with files that are run: nobody but the person and root may have a way to change
//! them, as sshd's StrictModes has it for what it reads.

use crate::io::sys;
use nix::unistd::{Gid, Group, Uid, User, getuid};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Why something is not trusted, and what to do about it.
type Blame = (String, String);

/// Others may write to it, but remove and rename only what is theirs.
const STICKY: u32 = 0o1000;
/// A way with more links goes in a circle.
const LINKS_MAX: usize = 40;

/// Whether only the person and root can change a file, or put another in its place, wherever links
/// lead. Goes the way that the system goes, step by step: whoever may change a folder on it may put
/// another link there, so where links stand counts as much as where they lead.
pub(super) fn check_way(path: &Path) -> Result<(), Blame> {
    let mut ahead = steps(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    let meta = fs::symlink_metadata(&at).map_err(|error| unreadable(&error))?;
    check(&at, &meta, at == path)?;
    while let Some(step) = ahead.pop_front() {
        if step == ".." {
            // What is above was checked on the way here.
            at.pop();
            continue;
        }
        at.push(step);
        let meta = fs::symlink_metadata(&at).map_err(|error| unreadable(&error))?;
        if !meta.is_symlink() {
            check(&at, &meta, ahead.is_empty())?;
            continue;
        }
        owned(&meta, &format!("the link {}", at.display()))?;
        links += 1;
        if links > LINKS_MAX {
            let why = "it is a link that leads nowhere".to_owned();
            return Err((why, "remove it".to_owned()));
        }
        let to = fs::read_link(&at).map_err(|error| unreadable(&error))?;
        at.pop();
        if to.is_absolute() {
            at = PathBuf::from("/");
        }
        for step in steps(&to).into_iter().rev() {
            ahead.push_front(step);
        }
    }
    Ok(())
}

/// The names in a path.
fn steps(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect()
}

fn unreadable(error: &std::io::Error) -> Blame {
    let why = format!("it cannot be looked at: {}", crate::app::reason(error));
    (why, "see its permissions".to_owned())
}

fn owned(meta: &fs::Metadata, what: &str) -> Result<(), Blame> {
    if meta.uid() == getuid().as_raw() || meta.uid() == 0 {
        return Ok(());
    }
    let why = format!("{what} belongs to another user (uid {})", meta.uid());
    Err((why, "a copy of your own would be trusted".to_owned()))
}

/// A folder or a file that is no link.
fn check(part: &Path, meta: &fs::Metadata, last: bool) -> Result<(), Blame> {
    let what = match last {
        true => "it".to_owned(),
        false => part.display().to_string(),
    };
    owned(meta, &what)?;
    let sticky = meta.is_dir() && meta.mode() & STICKY != 0;
    if others_may_write(part, meta) && !sticky {
        let why = format!("others may write to {what}");
        return Err((why, format!("chmod go-w {}", part.display())));
    }
    Ok(())
}

/// Whether others than its owner may write to a file or folder. `path` leads there without a link at
/// its end. A list of who else may (ACL) has its limit where the group's permissions are shown, so
/// without them it gives nobody leave to write.
pub(in crate::io) fn others_may_write(path: &Path, meta: &fs::Metadata) -> bool {
    meta.mode() & 0o002 != 0 || (meta.mode() & 0o020 != 0 && !is_own_alone(path, meta.gid()))
}

/// Whether what its group may do nobody but the person may: the group is the person's alone, as many
/// systems make one for each user, and no list says who else may.
fn is_own_alone(path: &Path, gid: u32) -> bool {
    is_own_group(gid) && sys::has_no_acl(path)
}

fn is_own_group(gid: u32) -> bool {
    let Ok(Some(user)) = User::from_uid(getuid()) else {
        return false;
    };
    let Ok(Some(group)) = Group::from_gid(Gid::from_raw(gid)) else {
        return false;
    };
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    user.gid == group.gid
        && group.name == user.name
        && group.mem.iter().all(|name| *name == user.name)
        && is_only_member(&accounts, user.uid, group.gid)
}

/// Whether of these accounts, as passwd(5) has them, this user's has this group, and no other. Of one
/// that is kept elsewhere nobody can tell who has the group as well.
fn is_only_member(accounts: &str, user: Uid, group: Gid) -> bool {
    let mut members = accounts.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(2);
        let uid: u32 = fields.next()?.parse().ok()?;
        let gid: u32 = fields.next()?.parse().ok()?;
        (gid == group.as_raw()).then_some(uid)
    });
    let own = |uid| uid == user.as_raw();
    members.next().is_some_and(own) && members.all(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn made(path: &Path, mode: u32) {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_whole_way_counts() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (safe, open) = (root.join("safe"), root.join("open"));
        made(&safe, 0o755);
        made(&open, 0o777);
        fs::write(safe.join("tool"), "").unwrap();
        fs::set_permissions(safe.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        // A link in a folder of everybody's, to a good file, and a link to that link.
        symlink(safe.join("tool"), open.join("hop")).unwrap();
        symlink(open.join("hop"), safe.join("far")).unwrap();
        symlink("../open/hop", safe.join("near")).unwrap();
        symlink("../open/../safe/tool", safe.join("through")).unwrap();
        symlink("tool", safe.join("good")).unwrap();
        symlink("../safe/./good", safe.join("better")).unwrap();
        symlink("circle", safe.join("circle")).unwrap();
        for name in ["tool", "good", "better"] {
            assert_eq!(check_way(&safe.join(name)), Ok(()), "{name}");
        }
        for name in ["far", "near", "through"] {
            let (why, hint) = check_way(&safe.join(name)).unwrap_err();
            assert_eq!(why, format!("others may write to {}", open.display()));
            assert_eq!(hint, format!("chmod go-w {}", open.display()));
        }
        assert!(check_way(&safe.join("circle")).is_err());
        assert!(check_way(&safe.join("none")).is_err());
        // In a folder such as /tmp a link of one's own stays.
        fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(check_way(&safe.join("far")), Ok(()));
        if getuid().is_root() {
            std::os::unix::fs::lchown(open.join("hop"), Some(4711), None).unwrap();
            let (why, _) = check_way(&safe.join("far")).unwrap_err();
            assert!(why.contains("hop belongs to another user"), "{why}");
        }
    }

    #[test]
    fn a_group_is_the_persons_alone() {
        let accounts = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n\
                        bob:x:1001:1001:::\nbot:x:1002:1001:::\nbad\n+::::::\n";
        for (uid, gid, is) in [
            (1000, 1000, true),
            // Another account has it; the account is not here; the group is another's.
            (1001, 1001, false),
            (1003, 1003, false),
            (1000, 0, false),
        ] {
            let found = is_only_member(accounts, Uid::from_raw(uid), Gid::from_raw(gid));
            assert_eq!(found, is, "{uid} {gid}");
        }
    }
}
