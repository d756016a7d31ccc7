//! The `commands/` folders: what is in them, whom to trust there, what programs say of themselves;
//! and the drop-ins that come with dust.

mod room;
mod shipped;
mod trust;

pub(super) use room::{Room, SOCKET, path_to_dust};
pub(super) use shipped::install;
pub(super) use trust::others_may_write;

use super::clock;
use crate::app::Look;
use crate::command::dropins::{
    DropIn, HEAD_MAX, Hints, Listing, State, built_in, hints, is_name, told,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{AccessFlags, Pid, access};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program has so long to say what it is…
const HELP_TIME: Duration = Duration::from_secs(1);
/// … and may use so many bytes for it.
const HELP_MAX: usize = 16 * 1024;
/// A folder with more files is no folder of commands; the rest is not looked at.
const FILES_MAX: usize = 2000;
/// What a program knows is looked for in so much of its file, in bytes.
const PROGRAM_MAX: u64 = 64 << 20;
/// How a program is asked.
const ASK: &str = "--dust-help";
/// Set for a program that is asked, so that what it runs asks no others.
const ASKED: &str = "DUST_HELP_ASKED";

/// What programs said of themselves: by file, as it was then (time of change, size).
pub(super) type Said = HashMap<PathBuf, ((i64, i64, u64), Hints)>;

/// Where drop-ins are, besides beside cluster files: the folders of `DUST_COMMANDS`, which go first,
/// and that of dust's configuration, which goes last.
pub(super) fn folders(variable: Option<std::ffi::OsString>) -> (Vec<PathBuf>, Option<PathBuf>) {
    let first = variable.unwrap_or_default();
    let first = std::env::split_paths(&first).filter(|path| !path.as_os_str().is_empty());
    let own = super::files::config_dir().map(|path| path.join("commands"));
    (first.collect(), own)
}

/// The file of this name in the first of these folders that has one, unless the name is dust's own.
pub(super) fn find(folders: &[PathBuf], name: &str) -> Option<DropIn> {
    if built_in(name).is_some() {
        return None;
    }
    let mut folders = folders.iter().filter(|folder| folder.is_absolute());
    folders.find_map(|folder| look(folder, name))
}

/// The drop-ins that can be used where this file is loaded, with what they say of themselves in
/// comments: no program is asked, since somebody waits for the next key.
pub(super) fn words(file: Option<&Path>) -> Vec<(String, String)> {
    let (mut folders, own) = folders(std::env::var_os("DUST_COMMANDS"));
    let file = file.and_then(|file| file.canonicalize().ok());
    let beside = file.and_then(|file| Some(file.parent()?.join("commands")));
    folders.extend(beside.into_iter().chain(own));
    let listing = look_into(&folders);
    let ready = listing.ready();
    ready
        .map(|one| (one.name.clone(), one.hints.summary.clone()))
        .collect()
}

/// A file of a folder, if it is, or would be, a command.
fn look(folder: &Path, name: &str) -> Option<DropIn> {
    let link = folder.join(name);
    let meta = fs::metadata(&link).ok().filter(fs::Metadata::is_file)?;
    // What was looked at is what is run: links above the file may change, the folder may not.
    let path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let path = path.join(name);
    let mut one = DropIn {
        name: name.to_owned(),
        path,
        hints: Hints::default(),
        state: State::Ready,
    };
    let executable = access(&link, AccessFlags::X_OK).is_ok();
    if let Err((why, hint)) = trust::check_way(&link) {
        // What is not even executable is somebody's notes.
        one.state = State::Refused(why, hint);
        return executable.then_some(one);
    }
    let head = read_head(&link).unwrap_or_default();
    let program = head.starts_with(b"#!") || head.starts_with(b"\x7fELF");
    if !executable {
        let hint = format!("chmod +x {}", link.display());
        one.state = State::Refused("it is not executable".to_owned(), hint);
        return program.then_some(one);
    }
    one.hints = hints(&head);
    if let Err((why, hint)) = can_start(&head, meta.len()) {
        one.state = State::Refused(why, hint);
    }
    Some(one)
}

fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let limit = u64::try_from(HEAD_MAX).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether the system will know how to start it.
fn can_start(head: &[u8], size: u64) -> Result<(), (String, String)> {
    if size == 0 {
        return Err(("it is empty".to_owned(), "write something".to_owned()));
    }
    let Some(rest) = head.strip_prefix(b"#!") else {
        if head.is_empty() || head.starts_with(b"\x7fELF") || head.contains(&0) {
            // What cannot be read, or is a program: the system knows.
            return Ok(());
        }
        let hint = "#!/bin/sh, or #!/usr/bin/env python3";
        return Err((
            "its first line does not say what runs it".into(),
            hint.into(),
        ));
    };
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let interpreter = words.next().unwrap_or_default();
    if Path::new(interpreter).exists() {
        return Ok(());
    }
    let shown = crate::model::nearest::shown(interpreter);
    let hint = if line.ends_with('\r') {
        "its lines end in carriage returns"
    } else {
        "its first line names another program than this system has"
    };
    Err((
        format!("what runs it, {shown}, is not there"),
        hint.to_owned(),
    ))
}

/// Everything in these folders. Programs without a comment that may be asked are asked what they are,
/// unless they said so before.
pub(super) fn scan(wanted: &Look, said: &mut Said) -> Listing {
    let mut listing = look_into(&wanted.folders);
    let own = wanted.own.iter();
    let own: Vec<PathBuf> = own.filter_map(|path| path.canonicalize().ok()).collect();
    let may = |file: &PathBuf| {
        let folder = file.parent();
        wanted.named.contains(file) || own.iter().any(|own| Some(own.as_path()) == folder)
    };
    let mut now = Said::new();
    let asks = std::env::var_os(ASKED).is_none();
    for one in listing.all.iter_mut().filter(|_| asks) {
        if one.state != State::Ready || !one.hints.summary.is_empty() || !may(&one.path) {
            continue;
        }
        let Ok(meta) = fs::metadata(&one.path) else {
            continue;
        };
        let stamp = (meta.mtime(), meta.mtime_nsec(), meta.size());
        let hints = match said.remove(&one.path) {
            Some((then, hints)) if then == stamp => hints,
            _ if knows(&one.path, meta.size()) => told(&ask(&one.path)),
            _ => Hints::default(),
        };
        now.insert(one.path.clone(), (stamp, hints.clone()));
        // What it takes must not depend on whether it was asked.
        let wants = one.hints.wants;
        one.hints = Hints { wants, ..hints };
    }
    *said = now;
    listing
}

/// Everything in these folders, as far as files say it.
fn look_into(folders: &[PathBuf]) -> Listing {
    let mut listing = Listing::default();
    let mut seen: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !folder.is_absolute() {
            let why = "its path does not begin at the root".to_owned();
            listing.folders.push((folder.clone(), why));
            continue;
        }
        let Ok(real) = folder.canonicalize() else {
            continue;
        };
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let why = crate::app::reason(&error);
                listing.folders.push((folder.clone(), why));
                continue;
            },
        };
        let names = entries.flatten().take(FILES_MAX);
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| is_name(name)).collect();
        names.sort();
        for name in names {
            listing.all.extend(look(folder, &name));
        }
    }
    listing.settle();
    listing
}

/// True if a program has the option's letters in it: others would do who knows what.
fn knows(path: &Path, size: u64) -> bool {
    if size > PROGRAM_MAX {
        return false;
    }
    fs::read(path).is_ok_and(|bytes| memchr::memmem::find(&bytes, ASK.as_bytes()).is_some())
}

/// What a program says it is, as far as it says so in time.
fn ask(path: &Path) -> Vec<u8> {
    let mut command = Command::new(path);
    command
        .arg(ASK)
        .env(ASKED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    let Ok(mut child) = command.spawn() else {
        return Vec::new();
    };
    let said = listen(&mut child);
    // Whatever it left behind ends with it.
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    drop(child.wait());
    said
}

fn listen(child: &mut Child) -> Vec<u8> {
    let mut said = Vec::new();
    let Some(mut out) = child.stdout.take() else {
        return said;
    };
    let until = clock::now() + HELP_TIME;
    let mut buffer = [0; 4096];
    while said.len() < HELP_MAX {
        let left = until.saturating_duration_since(clock::now());
        let Ok(left @ 1..) = u16::try_from(left.as_millis()) else {
            break;
        };
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(left)) {
            Ok(1..) => {},
            Err(nix::errno::Errno::EINTR) => continue,
            _ => break,
        }
        match out.read(&mut buffer) {
            Ok(count @ 1..) => said.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            _ => break,
        }
    }
    said
}
