//! What a run needs from the machine at once, in the middle of deciding.

use crate::command::dropins::DropIn;
use crate::model::time::Wall;
use std::path::{Path, PathBuf};

/// The few things that deciding needs from the machine at once: small files and names.
pub trait Host {
    /// The text of a small file, or why it cannot be read.
    fn read_text(&self, path: &Path) -> std::io::Result<String>;
    /// The files in a folder: name, and whether it is a folder.
    fn list(&self, folder: &Path) -> Vec<(String, bool)>;
    /// Programs that the system shell would find.
    fn programs(&self) -> Vec<String>;
    /// Where drop-in commands are looked for before and after the clusters' own folders.
    fn drop_in_folders(&self) -> (Vec<PathBuf>, Option<PathBuf>);
    /// The drop-in command of this name, in the first of these folders that has one.
    fn drop_in(&self, folders: &[PathBuf], name: &str) -> Option<DropIn>;
    /// The person's home folder.
    fn home(&self) -> Option<PathBuf>;
    /// This program.
    fn executable(&self) -> PathBuf;
    /// dust's own folder now.
    fn cwd(&self) -> PathBuf;
    /// Changes it.
    fn change_dir(&self, path: &Path) -> std::io::Result<()>;
    /// The name of this user.
    fn user(&self) -> String;
    /// The number of this user.
    fn uid(&self) -> u32;
    /// The name of this machine.
    fn hostname(&self) -> String;
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The socket of the person's ssh agent.
    fn agent(&self) -> Option<PathBuf>;
    /// The time, in seconds since 1970.
    fn unix_time(&self) -> i64;
    /// The time of day.
    fn wall(&self) -> Wall;
    /// Makes a folder, for this user alone if it is `private`; one that is there will do, if files can
    /// be made in it.
    fn make_folder(&self, path: &Path, private: bool) -> std::io::Result<()>;
    /// Makes an empty file for this user alone; with `replace`, one that is there is emptied.
    fn create_file(&self, path: &Path, replace: bool) -> std::io::Result<()>;
    /// Random bytes.
    fn random(&self) -> [u8; 12];
    /// True if the file is there.
    fn exists(&self, path: &Path) -> bool;
    /// True if it is a folder.
    fn is_dir(&self, path: &Path) -> bool;
    /// What others appended to the history file since the last look.
    fn history_news(&mut self) -> Vec<u8>;
}
