//! Rules of the house that no compiler checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Packages in Cargo.lock, with what all features and the tests need. More weight needs a reason:
/// raise it in the commit that adds the dependency.
const MOST_PACKAGES: usize = 420;

/// What each layer may import (src/lib.rs draws the map); `error` and `model` are open to all.
/// What is not named here must not be imported.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("error", &[]),
    ("config", &[]),
    ("term", &[]),
    ("wire", &[]),
    ("target", &["config", "term", "wire"]),
    ("command", &["config", "term", "wire"]),
    ("edit", &["config", "term", "wire"]),
    ("session", &["config", "term", "wire"]),
    ("output", &["config", "term", "wire"]),
    ("ui", &["config", "term", "wire"]),
    ("cloud", &["config", "term", "wire"]),
    (
        "app",
        &[
            "config", "term", "wire", "target", "command", "edit", "session", "output", "ui",
            "cloud",
        ],
    ),
    (
        "io",
        &[
            "config", "term", "wire", "target", "command", "edit", "session", "output", "ui",
            "cloud", "app",
        ],
    ),
];

/// Words that act, which only `io` may say.
const ACTS: &[&str] = &[
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "UnixStream",
    "UnixListener",
    "mio::",
    "libssh_rs",
    "tokio::",
    "aws_config",
    "aws_sdk_ec2",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(of: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![of.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A file's lines of code, with their numbers: without comments, and without the tests at its end.
fn code(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate()
        .map(|(i, line)| {
            (
                i + 1,
                line.split("//").next().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// The modules of this crate that a line names.
fn imports(line: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = line.get(at + "crate::".len()..).unwrap_or_default();
        let words: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split([',', '}']).map(str::trim).collect(),
            None => vec![rest],
        };
        for word in words {
            let name: String = word
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if LAYERS.iter().any(|(layer, _)| *layer == name) {
                found.insert(name);
            }
        }
    }
    found
}

fn layer_of(file: &Path) -> Option<String> {
    let path = file.strip_prefix(root().join("src")).unwrap();
    let first = path.iter().next()?.to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first).to_owned())
}

/// `lab.rs`: what the tests of several modules stand on.
fn is_test(file: &Path) -> bool {
    file.iter().any(|part| part == "tests")
        || file.ends_with("tests.rs")
        || file.ends_with("lab.rs")
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let Some(layer) = layer_of(&file) else {
            continue;
        };
        if layer == "lib" || layer == "main" || is_test(&file) {
            continue;
        }
        let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            wrong.push(format!("{}: in no layer of src/lib.rs", file.display()));
            continue;
        };
        for (number, line) in code(&file) {
            for import in imports(&line) {
                let allowed = import == layer
                    || import == "model"
                    || import == "error"
                    || below.contains(&import.as_str());
                if !allowed {
                    let file = file.display();
                    wrong.push(format!("{file}:{number}: {layer} imports {import}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_io_acts() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let layer = layer_of(&file).unwrap_or_default();
        if ["io", "main"].contains(&layer.as_str()) || is_test(&file) {
            continue;
        }
        for (number, line) in code(&file) {
            for act in ACTS.iter().filter(|act| line.contains(**act)) {
                wrong.push(format!("{}:{number}: {act} outside src/io", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_layers_are_those_of_the_library() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let layers: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(layers, modules);
}

#[test]
fn every_file_under_tests_is_compiled() {
    let tests = root().join("tests");
    let mut known = BTreeSet::from([tests.join("main.rs")]);
    let mut open: Vec<PathBuf> = known.iter().cloned().collect();
    while let Some(file) = open.pop() {
        let name = file.file_stem().unwrap();
        let folder = if name == "main" || name == "mod" {
            file.parent().unwrap().to_owned()
        } else {
            file.with_extension("")
        };
        for (_, line) in code(&file) {
            let Some(module) = line
                .trim()
                .strip_suffix(';')
                .and_then(|l| l.split("mod ").nth(1))
            else {
                continue;
            };
            for path in [format!("{module}.rs"), format!("{module}/mod.rs")] {
                let path = folder.join(path);
                if path.exists() && known.insert(path.clone()) {
                    open.push(path);
                }
            }
        }
    }
    // Cargo makes a test program of each file directly in tests/, unless it is told not to.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let found_by_cargo = !manifest
        .lines()
        .any(|line| line.replace(' ', "") == "autotests=false");
    let lost: Vec<String> = sources(&tests)
        .into_iter()
        .filter(|file| !known.contains(file))
        .filter(|file| !(found_by_cargo && file.parent() == Some(&tests)))
        .map(|file| file.display().to_string())
        .collect();
    assert!(
        lost.is_empty(),
        "no `mod` line leads to {}",
        lost.join(", ")
    );
}

#[test]
fn dependencies_do_not_pile_up() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(
        packages <= MOST_PACKAGES,
        "{packages} packages in Cargo.lock, {MOST_PACKAGES} allowed"
    );
}

#[test]
fn the_checks_see_what_they_look_for() {
    let names = |line: &str| imports(line).into_iter().collect::<Vec<_>>();
    assert_eq!(names("use crate::model::NodeId;"), ["model"]);
    assert_eq!(names("use crate::{app, io};"), ["app", "io"]);
    assert_eq!(
        names("    crate::ui::paint(crate::term::Key)"),
        ["term", "ui"]
    );
    assert!(names("use super::session;").is_empty());
    assert_eq!(
        layer_of(&root().join("src/io/ssh.rs")).as_deref(),
        Some("io")
    );
    assert_eq!(
        layer_of(&root().join("src/error.rs")).as_deref(),
        Some("error")
    );
}
