//! The configuration file, `config.ini`: `NAME = VALUE` lines for what `set` sets.
//!
//! ```text
//! # At the top, or below a heading `[dust]`.
//! fold    = on
//! timeout = 10        ; seconds
//! prompt  = %u@dust%c%b$
//! log     = ~/logs    # `~` and paths relative to this file work
//! ```
//!
//! Comments, white space and quotes are as in cluster files. If anything is wrong, nothing of the
//! file is used.

use super::{Change, Origin, find};
use crate::config;
use crate::error::{Error, Result};
use crate::model::nearest::shown;
use std::path::Path;

/// The changes that a configuration file makes, in its order. `file_name` is for errors and for
/// [`Origin::File`]; `base_dir` is where relative paths start; `home` is what `~` stands for.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn changes(
    file_name: &str,
    base_dir: &Path,
    home: Option<&Path>,
    text: &str,
) -> Result<Vec<(Change, Origin)>> {
    let mut changes: Vec<(Change, Origin)> = Vec::new();
    for line in config::plain_lines(file_name, "dust", text)? {
        let read = || -> Result<Change> {
            let setting = find(line.key)?;
            let value = &line.value;
            let quoted = value.len() > 1
                && ['"', '\'']
                    .iter()
                    .any(|q| value.starts_with(*q) && value.ends_with(*q));
            if quoted {
                let error = Error::usage(format!("{}: a value in quotes", setting.name));
                let bare = value.get(1..value.len() - 1).unwrap_or_default();
                return Err(error.hint(format!("write {}={}", setting.name, shown(bare))));
            }
            setting.parse(value)
        };
        let change = match read().map_err(|error| error.at(file_name, line.number))? {
            Change::Log(Some(folder)) => {
                let full = match (folder.strip_prefix("~"), home) {
                    (Ok(rest), Some(home)) => home.join(rest),
                    _ => base_dir.join(folder),
                };
                Change::Log(Some(full))
            },
            change => change,
        };
        changes.push((change, Origin::File(file_name.to_owned(), line.number)));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn read(text: &str) -> Result<Settings> {
        let mut settings = Settings::default();
        let home = Some(Path::new("/home/me"));
        for (change, origin) in changes("c/config.ini", Path::new("/c"), home, text)? {
            settings.apply(change, origin);
        }
        Ok(settings)
    }

    #[test]
    fn values_and_where_they_come_from() {
        let text = "\u{feff}# mine\nfold = on ; yes\r\n\n[dust]\n  detach-key=^]\nprompt=%u #1$\n";
        let settings = read(text).unwrap();
        assert!(settings.fold);
        assert_eq!(settings.detach_key, 0x1d);
        // `#` behind a blank begins a comment, as in cluster files.
        assert_eq!(settings.prompt, "%u");
        let origin = |name| settings.origin(find(name).unwrap()).to_string();
        assert_eq!(origin("fold"), "config.ini:2");
        assert_eq!(origin("detach-key"), "config.ini:5");
        assert_eq!(origin("quiet"), "default");
        assert_eq!(read("").unwrap(), Settings::default());
        assert_eq!(read("timeout=default").unwrap().timeout.as_secs(), 30);
    }

    #[test]
    fn paths_start_at_the_file_or_at_home() {
        let log = |text: &str| read(text).unwrap().log;
        assert_eq!(log("log=~/logs"), Some("/home/me/logs".into()));
        assert_eq!(log("log=logs"), Some("/c/logs".into()));
        assert_eq!(log("log=/var/x"), Some("/var/x".into()));
        assert_eq!(log("log=off"), None);
    }

    #[test]
    fn errors_name_file_and_line() {
        for (text, error) in [
            (
                "fold=on\nfodl=off",
                "c/config.ini:2: no setting `fodl` (did you mean fold?)",
            ),
            ("\nfold=yes", "c/config.ini:2: fold: `yes` is not on or off"),
            (
                "fold=on\n[dust]\nfold=off",
                "c/config.ini:3: `fold` is set twice (first at line 1)",
            ),
            (
                "[dsut]",
                "c/config.ini:1: no section [dsut] (did you mean [dust]?)",
            ),
            (
                "@cloud",
                "c/config.ini:1: neither a section nor key=value: `@cloud`",
            ),
            (
                "prompt=\"a$\"",
                "c/config.ini:1: prompt: a value in quotes (write prompt=a$)",
            ),
            ("log=", "c/config.ini:1: log: `` is not a folder, or off"),
            (
                "fold=\x1b[2Jon",
                "c/config.ini:1: a control character in `fold=\\u{1b}[2Jon`",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), error, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(\\PC|[\n\r\t=;#\\[\\]\"' a-z%-]){0,60}") {
            drop(read(&text));
        }
    }
}
