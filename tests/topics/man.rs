//! The man pages: clean to those who format them, and complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::deps::{self, need};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The pages, whoever wrote them.
fn pages() -> Vec<PathBuf> {
    let folder = fs::read_dir(Path::new(ROOT).join("man")).unwrap();
    let mut pages: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    let numbered = |page: &PathBuf| {
        let name = page.to_string_lossy();
        name.ends_with(|c: char| c.is_ascii_digit())
    };
    pages.retain(numbered);
    pages.sort();
    assert!(pages.len() >= 2, "{pages:?}");
    pages
}

fn text(page: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("man").join(page)).unwrap()
}

/// A page as a terminal of this width shows it.
fn shown(page: &Path, width: usize) -> String {
    let out = Command::new(deps::path("mandoc"))
        .args(["-T", "utf8", "-O"])
        .arg(format!("width={width}"))
        .arg(page)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    // Bold and underlined letters are printed over themselves.
    let mut plain = String::new();
    for c in text.chars() {
        if c == '\u{8}' {
            plain.pop();
        } else {
            plain.push(c);
        }
    }
    plain
}

#[test]
fn pages_are_clean_under_mandoc() {
    need!("mandoc");
    for page in pages() {
        let lint = Command::new(deps::path("mandoc"))
            .args(["-T", "lint", "-W", "warning"])
            .arg(&page)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&lint.stdout).into_owned();
        assert!(lint.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn pages_are_clean_under_groff() {
    need!("groff");
    for page in pages() {
        // As man calls it, which finds out by itself what the page is written in.
        for macros in ["-man", "-mandoc"] {
            let groff = Command::new(deps::path("groff"))
                .args([macros, "-Tutf8", "-ww", "-z"])
                .arg(&page)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&groff.stderr).into_owned();
            assert!(groff.status.success() && said.is_empty(), "{said}");
        }
    }
}

#[test]
fn pages_fit_a_terminal() {
    need!("mandoc");
    for page in pages() {
        let shown = shown(&page, 78);
        let long = shown.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{}", page.display());
        assert!(shown.contains("\nNAME\n") && shown.contains("\nSEE ALSO\n"));
    }
}

/// What is asked of the environment by its name is in the manual.
#[test]
fn every_variable_is_told() {
    let mut asked = BTreeSet::new();
    let mut folders = vec![Path::new(ROOT).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if name.ends_with("tests.rs")
                || path.components().any(|part| part.as_os_str() == "tests")
            {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let words = text.split('"').filter(|word| word.starts_with("DUST_"));
            let plain = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            asked.extend(words.filter(plain).map(str::to_owned));
        }
    }
    assert!(
        asked.contains("DUST_SESSION") && asked.contains("DUST_NODE"),
        "{asked:?}"
    );
    let all: String = pages()
        .iter()
        .map(|page| fs::read_to_string(page).unwrap())
        .collect();
    for name in asked {
        let told =
            |line: &str| line.contains("Ev ") && line.split([' ', ',']).any(|word| word == name);
        assert!(all.lines().any(told), "{name}");
    }
}

#[test]
fn the_manual_has_all_that_the_tables_have() {
    let page = text("dust.1").replace("\\-", "-");
    let flags = dust::command::options::FLAGS.iter().map(|one| one.flag);
    let own = dust::command::COMMANDS
        .iter()
        .flat_map(|spec| spec.flags)
        .copied();
    for flag in flags.chain(own) {
        if let Some(long) = flag.long {
            assert!(page.contains(&format!("Fl -{long}")), "{long}");
        }
    }
    for spec in dust::command::COMMANDS {
        assert!(
            page.contains(&format!(".It Ic {}", spec.name)),
            "{}",
            spec.name
        );
    }
    for setting in dust::command::settings::SETTINGS {
        assert!(
            page.contains(&format!(".It Cm {}\n", setting.name)),
            "{}",
            setting.name
        );
    }
    for sub in dust::command::options::visible_subs() {
        assert!(
            page.contains(&format!(".It Nm dust {}", sub.name)),
            "{}",
            sub.name
        );
    }
    for words in [
        "EXIT STATUS",
        "FILES",
        "ENVIRONMENT",
        "EXAMPLES",
        "KEYBOARD",
        "SETTINGS",
        "JSON",
    ] {
        assert!(page.contains(&format!(".Sh {words}\n")), "{words}");
    }
}

/// The events that are made are those of the manual, with their fields.
#[test]
fn every_event_is_told() {
    let source = fs::read_to_string(Path::new(ROOT).join("src/output/json.rs")).unwrap();
    let page = text("dust.1").replace("\\-", "-");
    let names = |cell: &str| -> Vec<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        let plain = quoted.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        plain.map(str::to_owned).collect()
    };
    let mut events = 0;
    let rows = source.lines();
    let rows = rows.filter_map(|line| line.strip_prefix("//! | `"));
    // The first row is the table's head.
    for row in rows.skip(1) {
        let (event, fields) = row.split_once(" | ").unwrap();
        for event in names(&format!("`{event}")) {
            let head = format!(".It Li \"\\&{event}\" : ");
            let told = page
                .lines()
                .find_map(|line| line.strip_prefix(head.as_str()));
            let told = told.unwrap_or_else(|| panic!("{event}"));
            // What a field may be stands behind it.
            let fields = fields.split(": ").next().unwrap();
            for field in names(fields) {
                assert!(
                    told.split(", ").any(|name| name == field),
                    "{event}: {field}"
                );
            }
            events += 1;
        }
    }
    assert!(events > 8, "{events}");
}
