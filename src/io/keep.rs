//! Writes what is kept of nodes (logs, recordings) to the ends of files, on a thread of its own.
//!
//! A file is opened for each piece, so that nothing is kept open for hundreds of nodes and files may
//! be moved at any time. Several dusts may write to the same file: each takes its lock, and pieces
//! are whole lines. What could not be written whole is taken back.

use crate::app::{KeepAsk, KeepNews, Owner, Rotate};
use crate::output::is_other_log;
use nix::fcntl::{Flock, FlockArg};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// So much is taken together, in bytes.
const TOGETHER: usize = 1 << 20;
/// So often another dust's lock is waited for, [`PAUSE`] each time.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);
/// The first line of a log, which says whose it is, is looked for in so many bytes.
const HEAD_MAX: usize = 4096;

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    asks: Option<Sender<KeepAsk>>,
    ended: Receiver<()>,
}

/// The thread's side. While it lives, so does the thread's work.
#[derive(Debug)]
pub(super) struct Desk {
    asks: Receiver<KeepAsk>,
    _alive: Sender<()>,
}

/// Both sides.
pub(super) fn pair() -> (Writer, Desk) {
    let (sender, asks) = channel();
    let (_alive, ended) = channel();
    let writer = Writer {
        asks: Some(sender),
        ended,
    };
    (writer, Desk { asks, _alive })
}

impl Writer {
    /// Hands something over.
    pub(super) fn send(&self, ask: KeepAsk) {
        if let Some(asks) = &self.asks {
            // The thread ends only with dust.
            drop(asks.send(ask));
        }
    }

    /// The end: waits until all is written, but not for a disk that hangs.
    pub(super) fn end(&mut self, limit: Duration) {
        self.asks = None;
        // Nothing is ever sent: the wait ends with the thread, or with the time.
        let _ = self.ended.recv_timeout(limit);
    }
}

/// Writes until nobody asks any more.
pub(super) fn serve(desk: &Desk, answer: impl Fn(KeepNews)) {
    while let Ok(first) = desk.asks.recv() {
        let mut size = first.text.len();
        let mut asks = vec![first];
        let whose = |ask: &KeepAsk| (ask.path.clone(), ask.owner.clone());
        let mut places = HashMap::from([(whose(&asks[0]), 0)]);
        while size < TOGETHER
            && let Ok(mut next) = desk.asks.try_recv()
        {
            size += next.text.len();
            let place = places
                .get(&whose(&next))
                .and_then(|at: &usize| asks.get_mut(*at));
            match place {
                Some(ask) => {
                    ask.text.append(&mut next.text);
                    ask.lines += next.lines;
                    ask.rotate = next.rotate;
                },
                None => {
                    places.insert(whose(&next), asks.len());
                    asks.push(next);
                },
            }
        }
        for ask in asks {
            let (mut done, mut file) = (0, &*ask.path);
            let result = append_some(&ask, &mut done, &mut file);
            let (result, file) = (result.map_err(|error| why(&error)), file.to_owned());
            let left = ask.text.get(done..).unwrap_or_default();
            answer(KeepNews {
                bytes: ask.text.len(),
                lines: match done {
                    0 => ask.lines,
                    _ => memchr::memchr_iter(b'\n', left).count() as u64,
                },
                path: ask.path,
                owner: ask.owner,
                file,
                result,
            });
        }
    }
}

fn why(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(nix::libc::ELOOP) => "it is a link, and links are not followed there".to_owned(),
        _ => super::disk::why(error),
    }
}

/// Makes a file for its owner alone; one that is there is only taken with `replace`.
pub(super) fn create(path: &Path, replace: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600).custom_flags(SAFE);
    let file = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && replace => {
            own(options.open(path)?)?
        },
        file => file?,
    };
    file.set_len(0)
}

/// No links, no waiting for FIFOs.
const SAFE: i32 = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;

/// The file, if it is a plain one of this user's that has no other name.
fn own(file: File) -> io::Result<File> {
    let meta = file.metadata()?;
    let fault = if !meta.is_file() {
        "it is no plain file"
    } else if meta.uid() != nix::unistd::getuid().as_raw() {
        "it belongs to somebody else"
    } else if meta.nlink() > 1 {
        "the file has other names, too"
    } else {
        return Ok(file);
    };
    Err(io::Error::other(fault))
}

/// Writes as many whole lines as it can; `done`: so many bytes; `path`: the file.
fn append_some<'a>(ask: &'a KeepAsk, done: &mut usize, path: &mut &'a Path) -> io::Result<()> {
    while let Some(left) = ask.text.get(*done..).filter(|left| !left.is_empty()) {
        let mut file = lock(path)?;
        let size = file.metadata()?.len();
        let mut head = Vec::new();
        if let Some(owner) = ask.owner.as_ref() {
            if size == 0 {
                head = time_of(left).to_vec();
                head.extend_from_slice(owner.head.as_bytes());
            } else if **path != *owner.beside && is_anothers(&file, owner)? {
                *path = &owner.beside;
                continue;
            }
        }
        let now = match ask.rotate {
            None => left,
            Some(rotate) => {
                let used = size + head.len() as u64;
                let fits = fitting(left, rotate.size.saturating_sub(used));
                if fits.is_empty() && size > 0 {
                    self::rotate(path, rotate)?;
                    continue;
                }
                // A line that is larger than a file may be is written all the same.
                if fits.is_empty() {
                    first_line(left)
                } else {
                    fits
                }
            },
        };
        let whole = match head.is_empty() {
            true => Cow::Borrowed(now),
            false => Cow::Owned([&head, now].concat()),
        };
        if let Err(error) = file.write_all(&whole) {
            // Nobody wants half a line.
            drop(file.set_len(size));
            return Err(error);
        }
        *done += now.len();
    }
    Ok(())
}

/// The time of the first of these lines.
fn time_of(lines: &[u8]) -> &[u8] {
    let end = memchr::memchr(b' ', lines).unwrap_or(0);
    lines.get(..end).unwrap_or_default()
}

/// Whether a file is the log of another node.
fn is_anothers(file: &File, owner: &Owner) -> io::Result<bool> {
    let mut start = [0; HEAD_MAX];
    let count = file.read_at(&mut start, 0)?;
    let start = start.get(..count).unwrap_or_default();
    Ok(is_other_log(first_line(start), &owner.head))
}

/// The file of this name, locked, with the end as it is now.
fn lock(path: &Path) -> io::Result<Flock<File>> {
    for _ in 0..TRIES {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = own(options.custom_flags(SAFE).open(path)?)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // Another dust may have given this file another name meanwhile.
            Ok(file) if is_at(&file, path) => return Ok(file),
            Ok(_) => {},
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => super::clock::rest(PAUSE),
            Err((_, errno)) => return Err(errno.into()),
        }
    }
    Err(io::Error::other("another program keeps it locked"))
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    let (Ok(file), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    same(file, there)
}

/// The lines that fit into so many bytes.
fn fitting(text: &[u8], room: u64) -> &[u8] {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(text.len());
    let some = text.get(..room).unwrap_or_default();
    let end = memchr::memrchr(b'\n', some).map_or(0, |at| at + 1);
    some.get(..end).unwrap_or_default()
}

fn first_line(text: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1);
    text.get(..end).unwrap_or_default()
}

/// `FILE` becomes `FILE.1` and so on; whoever does it has the lock of `FILE`.
fn rotate(path: &Path, rotate: Rotate) -> io::Result<()> {
    let numbered = |number: u16| -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    };
    if rotate.keep == 0 {
        return fs::remove_file(path);
    }
    // Up to the first that is missing: there is nothing to move behind it.
    let there = |number: &u16| fs::symlink_metadata(numbered(*number)).is_ok();
    let last = (1..rotate.keep).take_while(there).last().unwrap_or(0);
    for number in (1..=last).rev() {
        fs::rename(numbered(number), numbered(number + 1))?;
    }
    fs::rename(path, numbered(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::log_head;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::sync::Arc;

    fn ask(path: &Path, text: &str, rotate: Option<(u64, u16)>) -> KeepAsk {
        KeepAsk {
            path: Arc::from(path),
            owner: None,
            text: text.into(),
            lines: 1,
            rotate: rotate.map(|(size, keep)| Rotate { size, keep }),
        }
    }

    fn append(ask: &KeepAsk) -> io::Result<()> {
        append_some(ask, &mut 0, &mut &*ask.path)
    }

    #[test]
    fn files_are_rotated_between_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.log");
        for n in 0..10 {
            append(&ask(&file, &format!("line {n}\n"), Some((15, 2)))).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("a.log").unwrap(), "line 8\nline 9\n");
        assert_eq!(read("a.log.1").unwrap(), "line 6\nline 7\n");
        assert_eq!(read("a.log.2").unwrap(), "line 4\nline 5\n");
        assert_eq!(read("a.log.3"), None);
        // One piece fills several files; one line is never cut.
        append(&ask(
            &file,
            "1\n2\n3\n4\n5\nlonger than a file\n6\n",
            Some((4, 9)),
        ))
        .unwrap();
        assert_eq!(read("a.log").unwrap(), "6\n");
        assert_eq!(read("a.log.1").unwrap(), "longer than a file\n");
        assert_eq!(read("a.log.2").unwrap(), "5\n");
        assert_eq!(read("a.log.3").unwrap(), "3\n4\n");
        append(&ask(&file, "7\n8\n", Some((2, 0)))).unwrap();
        assert_eq!(read("a.log").unwrap(), "8\n");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn each_of_one_name_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let rotate = Some((40, 1));
        let say = |cluster: &str, text: &str| {
            let owner = Owner {
                head: log_head("n", cluster),
                beside: path(&format!("{cluster}%2Fn.log")),
            };
            let ask = KeepAsk {
                owner: Some(Arc::new(owner)),
                ..ask(&path("n.log"), text, rotate)
            };
            append(&ask).unwrap();
        };
        let read = |name: &str| fs::read_to_string(path(name)).unwrap_or_default();
        say("a", "T1 a1\n");
        say("b", "T2 b1\n");
        say("a", "T3 a2\n");
        say("b", "T4 b2\n");
        let a = "T1 # log of n in cluster a\nT1 a1\nT3 a2\n";
        assert_eq!(read("n.log"), a);
        let b = "T2 # log of n in cluster b\nT2 b1\nT4 b2\n";
        assert_eq!(read("b%2Fn.log"), b);
        // Each piece of a log says whose it is.
        say("a", "T5 a3 and more\n");
        assert_eq!(read("n.log.1"), a);
        assert_eq!(
            read("n.log"),
            "T5 # log of n in cluster a\nT5 a3 and more\n"
        );
        // One that does not say so is gone on with.
        fs::write(path("n.log"), "T6 $ old\n").unwrap();
        say("b", "T7 b3\n");
        assert_eq!(read("n.log"), "T6 $ old\nT7 b3\n");
        assert_eq!(read("b%2Fn.log"), b);
    }

    #[test]
    fn nobody_else_s_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("other"), "").unwrap();
        symlink(path("other"), path("link")).unwrap();
        fs::hard_link(path("other"), path("second")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["link", "second", "folder", "fifo"] {
            assert!(append(&ask(&path(name), "x\n", None)).is_err(), "{name}");
            assert!(create(&path(name), true).is_err(), "{name}");
        }
        assert_eq!(fs::read_to_string(path("other")).unwrap(), "");
        let error = append(&ask(&path("link"), "x\n", None)).unwrap_err();
        assert!(why(&error).contains("link"), "{}", why(&error));
    }

    #[test]
    fn a_file_that_is_there_is_made_anew_only_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.cast");
        create(&file, false).unwrap();
        fs::write(&file, "old").unwrap();
        let error = create(&file, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        create(&file, true).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "two writers at once")]
    fn two_at_once_mix_no_lines_and_lose_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.log");
        let write = |who: char| {
            let file = file.clone();
            std::thread::spawn(move || {
                for n in 0..200 {
                    let line = who.to_string().repeat(50) + &format!(" {n}\n");
                    append(&ask(&file, &line, Some((2000, 99)))).unwrap();
                }
            })
        };
        let threads = ['a', 'b'].map(write);
        for thread in threads {
            thread.join().unwrap();
        }
        let mut lines: Vec<String> = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(text.len() <= 2000 && text.ends_with('\n'));
            lines.extend(text.lines().map(str::to_owned));
        }
        assert_eq!(lines.len(), 400);
        assert!(lines.iter().all(|line| {
            let (who, _) = line.split_once(' ').unwrap();
            who == "a".repeat(50) || who == "b".repeat(50)
        }));
    }
}
