//! The drop-ins that come with dust, as examples to use and to copy.

use crate::error::{Error, Result};
use crate::io::files;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;

/// Their names and what they are.
const SHIPPED: [(&str, &str); 4] = [
    ("cwlogs", include_str!("../../../examples/commands/cwlogs")),
    (
        "diskfree",
        include_str!("../../../examples/commands/diskfree"),
    ),
    (
        "hostsfile",
        include_str!("../../../examples/commands/hostsfile"),
    ),
    (
        "rolling",
        include_str!("../../../examples/commands/rolling"),
    ),
];

/// Puts them, or the one of this name, into the person's own folder of commands. One that is there
/// and differs is left as it is. What was done, in lines.
pub(in crate::io) fn install(only: Option<&str>) -> Result<Vec<String>> {
    let folder = files::config_dir().map(|path| path.join("commands"));
    let folder = folder.ok_or_else(|| Error::failed("there is no folder for configuration"))?;
    let wanted = |(name, _): &&(&str, &str)| only.is_none_or(|only| only == *name);
    let wanted: Vec<&(&str, &str)> = SHIPPED.iter().filter(wanted).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
        let shown = crate::model::nearest::shown(only.unwrap_or_default());
        let text = format!("no command `{shown}` comes with dust");
        return Err(Error::usage(text).hint(format!("there are: {}", names.join(", "))));
    }
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| files::failed(&folder, &error))?;
    let mut told = Vec::new();
    for (name, text) in wanted {
        let path = folder.join(name);
        told.push(match fs::read(&path) {
            Ok(there) if there == text.as_bytes() => format!("{} is there", path.display()),
            Ok(_) => format!(
                "{} is not what comes with dust: left as it is",
                path.display()
            ),
            Err(_) => {
                let written = files::replace(&path, text.as_bytes(), 0o755);
                written.map_err(|error| files::failed(&path, &error))?;
                format!("{} installed", path.display())
            },
        });
    }
    Ok(told)
}
