//! Files and names of this machine, for what must be known at once; and dust's own folders.

use super::begin::Environment;
use super::sys;
use crate::app::Host;
use crate::command::dropins::DropIn;
use crate::command::settings::{self, Change, Origin};
use crate::config::ssh_config::SshConfig;
use crate::error::{Error, Result};
use crate::model::time::Wall;
use crate::session::known_hosts::KnownHosts;
use nix::fcntl::{Flock, FlockArg};
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A cluster file or a list of names that is larger is none, in bytes.
const TEXT_MAX: u64 = 16 << 20;

/// dust's folder for data (`$XDG_DATA_HOME/dust`, `~/.local/share/dust`): known hosts, local nodes.
pub fn data_dir() -> Option<PathBuf> {
    xdg("XDG_DATA_HOME", ".local/share")
}

/// dust's folder for what it remembers (`$XDG_STATE_HOME/dust`, `~/.local/state/dust`): history.
pub fn state_dir() -> Option<PathBuf> {
    xdg("XDG_STATE_HOME", ".local/state")
}

/// dust's folder for what the person configures (`$XDG_CONFIG_HOME/dust`, `~/.config/dust`).
pub fn config_dir() -> Option<PathBuf> {
    xdg("XDG_CONFIG_HOME", ".config")
}

/// What the configuration file changes: that which DUST_CONFIG names, else `config.ini` in
/// [`config_dir`], if there is one.
///
/// # Errors
/// It cannot be read, others may write to it, or something in it is wrong.
pub fn configured() -> Result<Vec<(Change, Origin)>> {
    let named = std::env::var_os("DUST_CONFIG").filter(|name| !name.is_empty());
    let must = named.is_some();
    let own = || Some(config_dir()?.join("config.ini"));
    let Some(path) = named.map(PathBuf::from).or_else(own) else {
        return Ok(Vec::new());
    };
    let path = std::path::absolute(&path).unwrap_or(path);
    let name = path.display().to_string();
    let refused = |error: io::Error| {
        let why = crate::app::reason(&error);
        Error::usage(format!("cannot read {name}: {why}"))
    };
    let text = match read_trusted(&path) {
        Ok(text) => text.map_err(|why| Error::usage(format!("{name}: {}", why.0)).hint(why.1))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must => return Ok(Vec::new()),
        Err(error) => return Err(refused(error)),
    };
    let base = path.parent().unwrap_or_else(|| Path::new("/"));
    settings::changes(&name, base, std::env::home_dir().as_deref(), &text)
}

/// What is wrong with a file, and what to do about it.
type Distrust = (String, String);

/// Reads a text file that nobody else may have written. Links are followed; whether the file is to
/// be trusted is asked of what was opened.
fn read_trusted(path: &Path) -> io::Result<std::result::Result<String, Distrust>> {
    // A FIFO must not keep dust waiting.
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let meta = file.metadata()?;
    let (uid, shown) = (nix::unistd::getuid().as_raw(), path.display());
    if meta.is_file() && meta.uid() != uid && meta.uid() != 0 {
        let text = "it is not used, since it belongs to somebody else".to_owned();
        return Ok(Err((text, format!("chown it, or rm {shown}"))));
    }
    let others_may = match path.canonicalize() {
        Ok(real) => super::dropins::others_may_write(&real, &meta),
        Err(_) => meta.mode() & 0o022 != 0,
    };
    if meta.is_file() && others_may {
        let text = "it is not used, since others may write to it".to_owned();
        return Ok(Err((text, format!("chmod go-w {shown}"))));
    }
    Ok(Ok(text_of(file)?))
}

fn xdg(variable: &str, default: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let base = set.or_else(|| Some(std::env::home_dir()?.join(default)))?;
    Some(base.join("dust"))
}

/// Makes a folder of dust's that nobody else may look into.
pub fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_dir() || meta.uid() != nix::unistd::getuid().as_raw() {
        return Err(io::Error::other("it is not a folder of yours"));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

/// Reads a text file of reasonable size.
pub fn read_text(path: &Path) -> io::Result<String> {
    text_of(File::open(path)?)
}

fn text_of(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(TEXT_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > TEXT_MAX {
        return Err(io::Error::other("it is too large"));
    }
    Ok(text)
}

/// The person's ssh configuration, then the system's (ssh_config(5)).
pub fn ssh_config() -> SshConfig {
    let mut config = SshConfig::new();
    let home = std::env::home_dir().unwrap_or_default();
    for (file, base) in [
        (home.join(".ssh/config"), home.join(".ssh")),
        (
            PathBuf::from("/etc/ssh/ssh_config"),
            PathBuf::from("/etc/ssh"),
        ),
    ] {
        let Ok(text) = read_text(&file) else { continue };
        let mut includes = |pattern: &str| {
            let pattern = base.join(pattern);
            let found = glob::glob(&pattern.to_string_lossy());
            let files = found
                .map(|paths| paths.flatten().collect::<Vec<_>>())
                .unwrap_or_default();
            files
                .into_iter()
                .filter_map(|path| Some((path.display().to_string(), read_text(&path).ok()?)))
                .collect()
        };
        config.add(&file.display().to_string(), &text, &mut includes);
    }
    config
}

/// All host keys that dust and ssh know of.
pub fn known_hosts(own: Option<&Path>) -> KnownHosts {
    let mut known = KnownHosts::new();
    let home = std::env::home_dir().unwrap_or_default();
    let ssh = home.join(".ssh");
    let files = [
        ssh.join("known_hosts"),
        ssh.join("known_hosts2"),
        "/etc/ssh/ssh_known_hosts".into(),
    ];
    let own = own.map(|path| (path.display().to_string(), path.to_owned()));
    let others = files.map(|path| (path.display().to_string(), path));
    for (name, path) in own.into_iter().chain(others) {
        if let Ok(text) = read_text(&path) {
            known.load(&name, &text);
        }
    }
    known
}

/// Takes what is known of a host's key out of a known-hosts file, which is replaced as a whole.
/// Who appends to it in this very moment may have to be told that key again.
pub fn forget_host(file: &Path, alias: &str) -> io::Result<()> {
    let text = read_text(file)?;
    let left = crate::session::known_hosts::forget(alias, 22, &text);
    if left == text {
        return Ok(());
    }
    replace(file, left.as_bytes(), 0o600)
}

/// Writes a file as a whole: it has its name only once all of it is on the disk, whatever becomes of
/// this process. Beside it stands, meanwhile, a hidden file, which is no command and no key.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".new-{}", std::process::id()));
    let beside = path.with_file_name(name);
    // What an older process of this number has left.
    drop(fs::remove_file(&beside));
    let mut options = OpenOptions::new();
    let mut new = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    let written = new
        .write_all(bytes)
        .and_then(|()| new.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}

/// What became of a file or a folder, as an error.
pub(super) fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("{}: {}", path.display(), crate::app::reason(error)))
}

/// The history file, shared with other runs of dust.
#[derive(Debug)]
pub struct HistoryFile {
    path: PathBuf,
    seen: u64,
}

impl HistoryFile {
    /// The file of this user; its folder is made if need be.
    pub fn open() -> Option<Self> {
        let dir = state_dir()?;
        private_dir(&dir).ok()?;
        Some(Self {
            path: dir.join("history"),
            seen: 0,
        })
    }

    /// What was appended since the last call: at the first, all of it.
    pub fn news(&mut self) -> Vec<u8> {
        let mut read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            if length < self.seen {
                self.seen = 0;
            }
            file.seek(io::SeekFrom::Start(self.seen))?;
            let mut text = Vec::new();
            file.take(TEXT_MAX).read_to_end(&mut text)?;
            // Half a line is still being written; it is read next time.
            let whole = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
            text.truncate(whole);
            self.seen += whole as u64;
            Ok(text)
        };
        read().unwrap_or_default()
    }

    /// Appends an entry.
    pub fn append(&mut self, text: &str) -> io::Result<()> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)?;
        let mut file = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| io::Error::from(errno))?;
        file.write_all(text.as_bytes())?;
        // Our own entry is no news, unless another run's came before it.
        let end = file.metadata()?.len();
        if end == self.seen + text.len() as u64 {
            self.seen = end;
        }
        Ok(())
    }
}

/// This machine.
#[derive(Debug)]
pub struct Machine {
    history: Option<HistoryFile>,
    environment: Environment,
    before: RefCell<Option<PathBuf>>,
}

impl Machine {
    /// This machine, with the history of a prompt if there is one, as whoever has this environment
    /// sees it.
    pub fn new(history: Option<HistoryFile>, environment: Environment) -> Self {
        Self {
            history,
            environment,
            before: RefCell::new(None),
        }
    }
}

impl Host for Machine {
    fn read_text(&self, path: &Path) -> io::Result<String> {
        read_text(path)
    }

    fn list(&self, folder: &Path) -> Vec<(String, bool)> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| {
                let is_folder = fs::metadata(entry.path()).is_ok_and(|meta| meta.is_dir());
                Some((entry.file_name().into_string().ok()?, is_folder))
            })
            .collect()
    }

    fn programs(&self) -> Vec<String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut names: Vec<String> = std::env::split_paths(&path)
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flat_map(|entries| entries.flatten())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        // What the system shell knows by itself.
        let builtins = [
            "cd", "echo", "export", "set", "test", "type", "ulimit", "umask", "unset",
        ];
        names.extend(builtins.map(str::to_owned));
        names
    }

    fn drop_in_folders(&self) -> (Vec<PathBuf>, Option<PathBuf>) {
        let variable = match self.environment.all() {
            Some(_) => self.environment.get("DUST_COMMANDS"),
            None => std::env::var_os("DUST_COMMANDS"),
        };
        super::dropins::folders(variable)
    }

    fn drop_in(&self, folders: &[PathBuf], name: &str) -> Option<DropIn> {
        super::dropins::find(folders, name)
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }

    fn executable(&self) -> PathBuf {
        let path = std::env::current_exe().unwrap_or_default();
        // Linux tells so of a program that another one has taken the place of.
        match path
            .to_str()
            .and_then(|path| path.strip_suffix(" (deleted)"))
        {
            Some(path) => PathBuf::from(path),
            None => path,
        }
    }

    fn cwd(&self) -> PathBuf {
        std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
    }

    fn change_dir(&self, path: &Path) -> io::Result<()> {
        let now = self.cwd();
        let path = match path.file_name() {
            Some(name) if name == "-" => {
                self.before.borrow().clone().unwrap_or_else(|| now.clone())
            },
            _ => path.to_owned(),
        };
        std::env::set_current_dir(path)?;
        self.before.replace(Some(now));
        Ok(())
    }

    fn user(&self) -> String {
        sys::user_name()
    }

    fn uid(&self) -> u32 {
        nix::unistd::getuid().as_raw()
    }

    fn hostname(&self) -> String {
        nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn agent(&self) -> Option<PathBuf> {
        // That of whoever typed last may be gone with that person's login.
        let own = std::env::var_os("SSH_AUTH_SOCK");
        let sockets = [self.environment.get("SSH_AUTH_SOCK"), own];
        let mut paths = sockets.into_iter().flatten().map(PathBuf::from);
        paths.find(|path| path.exists())
    }

    fn unix_time(&self) -> i64 {
        super::clock::unix_time()
    }
    fn random(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        // Where the system has no randomness, marks are still told apart by their numbers.
        let _ = getrandom::fill(&mut bytes);
        bytes
    }

    fn wall(&self) -> Wall {
        super::clock::wall()
    }

    fn make_folder(&self, path: &Path, private: bool) -> io::Result<()> {
        let mode = if private { 0o700 } else { 0o777 };
        DirBuilder::new().recursive(true).mode(mode).create(path)?;
        let may = nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK;
        Ok(nix::unistd::access(path, may)?)
    }

    fn create_file(&self, path: &Path, replace: bool) -> io::Result<()> {
        super::keep::create(path, replace)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn history_news(&mut self) -> Vec<u8> {
        self.history
            .as_mut()
            .map(HistoryFile::news)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tool");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        for (text, mode) in [("one", 0o600), ("two", 0o700)] {
            replace(&path, text.as_bytes(), mode).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, mode);
        }
        assert_eq!(names(), 1);
        // What cannot take its name leaves nothing.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("inner")).unwrap();
        replace(&taken, b"three", 0o600).unwrap_err();
        assert_eq!(names(), 2);
    }
}
