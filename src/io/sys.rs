//! Small system calls, each in a safe coat.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

mod ioctl {
    #![allow(missing_docs, reason = "the macro makes the function")]
    nix::ioctl_read_bad!(fionread, nix::libc::FIONREAD, nix::libc::c_int);
}

/// How many seconds local time is ahead of UTC at this moment (seconds since 1970); TZ, else
/// /etc/localtime, says so.
pub fn utc_offset(at: u64) -> i32 {
    let Ok(at) = nix::libc::time_t::try_from(at) else {
        return 0;
    };
    let mut parts = std::mem::MaybeUninit::<nix::libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, which fills the struct or returns null.
    let done = unsafe { nix::libc::localtime_r(&raw const at, parts.as_mut_ptr()) };
    if done.is_null() {
        return 0;
    }
    // SAFETY: all of its fields are numbers and pointers, for which zeroes are values, too.
    let parts = unsafe { parts.assume_init() };
    i32::try_from(parts.tm_gmtoff).unwrap_or(0)
}

/// How many bytes wait in the kernel to be read; 0 where that cannot be told.
pub fn readable_bytes(fd: RawFd) -> usize {
    let mut count: nix::libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to the address that is given; a bad fd is an error.
    let result = unsafe { ioctl::fionread(fd, &raw mut count) };
    if result.is_ok() {
        usize::try_from(count).unwrap_or(0)
    } else {
        0
    }
}

/// True if a read would not wait: there are bytes, or it is at its end.
pub fn is_readable(fd: RawFd) -> bool {
    ready(fd, PollFlags::POLLIN)
}

/// True if a write would not wait.
pub fn is_writable(fd: RawFd) -> bool {
    ready(fd, PollFlags::POLLOUT)
}

fn ready(fd: RawFd, what: PollFlags) -> bool {
    // SAFETY: the caller holds the file open for the length of this call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut fds = [PollFd::new(fd, what)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(count) if count > 0)
}

/// Sets O_NONBLOCK; an fd that does not take it is left alone.
pub fn set_nonblocking(fd: RawFd) {
    // SAFETY: the caller holds the file open for the length of this call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    if let Ok(flags) = fcntl(fd, FcntlArg::F_GETFL) {
        let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
        let _ = fcntl(fd, FcntlArg::F_SETFL(flags));
    }
}

/// True if the fd is open.
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: only its flags are asked for; a bad fd is an error.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl(fd, FcntlArg::F_GETFD).is_ok()
}

/// Closes a file that nothing else owns.
pub fn close(fd: RawFd) {
    // SAFETY: the caller gives up its ownership of this fd.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
}

/// Raises the soft limit on open files as far as the hard one allows, and returns it.
pub fn raise_open_files() -> usize {
    const ENOUGH: u64 = 65_536;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 256;
    };
    let wanted = hard.min(ENOUGH).max(soft);
    let limit = if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        wanted
    } else {
        soft
    };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// The name of the user that this process belongs to.
pub fn user_name() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid());
    user.ok()
        .flatten()
        .map_or_else(|| "root".to_owned(), |user| user.name)
}

/// Moves standard input out of the way: libssh copies the settings of fd 0 to the nodes' ptys, and
/// a local terminal in raw mode is nothing that a node should be told of. Returns what was there.
pub fn take_stdin() -> std::io::Result<OwnedFd> {
    let stdin = std::io::stdin();
    let copy = fcntl(&stdin, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: F_DUPFD_CLOEXEC has just made this fd for us.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    let null = std::fs::File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    Ok(copy)
}

/// Lets the kernel notice a dead peer: after two minutes of silence, or where it does not
/// acknowledge data for as long as `patience`.
pub fn keep_alive(fd: RawFd, patience: Duration) {
    use nix::sys::socket::{setsockopt, sockopt};
    // SAFETY: the caller holds the socket open for the length of this call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // A kernel that lacks one of these has its own ideas of when a peer is dead.
    let _ = setsockopt(&fd, sockopt::KeepAlive, &true);
    let _ = setsockopt(&fd, sockopt::TcpKeepIdle, &60);
    let _ = setsockopt(&fd, sockopt::TcpKeepInterval, &15);
    let _ = setsockopt(&fd, sockopt::TcpKeepCount, &4);
    let millis = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    let _ = setsockopt(&fd, sockopt::TcpUserTimeout, &millis);
}

/// Lets Ctrl-Z stop what runs on a terminal of ours, whatever whoever started dust had in mind.
pub fn default_stop_signals() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    for number in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        // SAFETY: the default disposition runs no code of ours.
        let _ = unsafe { signal(number, SigHandler::SigDfl) };
    }
}

/// Whether no access list (POSIX ACL) says more of who may do what with this file or folder than its
/// mode does; false where that cannot be told.
pub fn has_no_acl(path: &std::path::Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        use nix::errno::Errno;
        use std::os::unix::ffi::OsStrExt as _;
        let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else {
            return false;
        };
        let name = c"system.posix_acl_access";
        // SAFETY: both strings end in a zero byte; nothing is written where the size is 0.
        let size =
            unsafe { nix::libc::lgetxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) };
        // A filesystem without such lists has none.
        size < 0 && matches!(Errno::last(), Errno::ENODATA | Errno::EOPNOTSUPP)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn an_access_list_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, listed) = (dir.path().join("plain"), dir.path().join("listed"));
        std::fs::write(&plain, "").unwrap();
        std::fs::write(&listed, "").unwrap();
        // acl(5) as the kernel takes it: version 2, then tag, permissions and id of each entry.
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, may, id) in [
            (0x01_u16, 6_u16, u32::MAX),
            (0x02, 6, 4711),
            (0x04, 6, u32::MAX),
            (0x10, 6, u32::MAX),
            (0x20, 4, u32::MAX),
        ] {
            list.extend(tag.to_le_bytes());
            list.extend(may.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        let path = std::ffi::CString::new(listed.as_os_str().as_bytes()).unwrap();
        let name = c"system.posix_acl_access";
        // SAFETY: the strings end in zero bytes, and the size is that of the list.
        let set = unsafe {
            nix::libc::setxattr(
                path.as_ptr(),
                name.as_ptr(),
                list.as_ptr().cast(),
                list.len(),
                0,
            )
        };
        assert!(has_no_acl(&plain));
        assert!(!has_no_acl(&dir.path().join("none")));
        // Where the filesystem has no such lists, there is nothing to see.
        assert_eq!(has_no_acl(&listed), set != 0);
    }
}
