//! `make install`, `make uninstall`, the Debian package and `cargo install`: into folders of the
//! test's own, with the binary that is there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::deps::{self, need};
use crate::support::env::DUST;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn make(words: &[String]) {
    run(Command::new(deps::path("make"))
        .args(["-s", "-C", ROOT])
        .args(words)
        // These are of the make that the tests may run in.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL"));
}

/// The files below a folder, with their modes.
fn files(folder: &Path) -> BTreeMap<PathBuf, u32> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                folders.push(path);
            } else {
                let short = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(short, meta.permissions().mode() & 0o7777);
            }
        }
    }
    found
}

/// What is installed below a prefix.
fn expected() -> BTreeMap<PathBuf, u32> {
    let mut all = BTreeMap::from([("bin/dust".into(), 0o755)]);
    let mut add = |path: String, mode: u32| all.insert(PathBuf::from(path), mode);
    for shell in [
        "share/bash-completion/completions/dust",
        "share/zsh/site-functions/_dust",
        "share/fish/vendor_completions.d/dust.fish",
    ] {
        add(shell.to_owned(), 0o644);
    }
    for page in pages() {
        let section = page.rsplit('.').next().unwrap();
        add(format!("share/man/man{section}/{page}"), 0o644);
    }
    let texts = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];
    for text in texts.into_iter().chain(["man/session.svg"]) {
        add(format!("share/doc/dust/{text}"), 0o644);
    }
    if Path::new(ROOT).join("examples/commands").exists() {
        for example in names("examples/commands") {
            add(format!("share/doc/dust/examples/commands/{example}"), 0o755);
        }
    }
    all
}

/// The man pages: their files end in a number.
fn pages() -> Vec<String> {
    let mut names = names("man");
    names.retain(|name| name.ends_with(|c: char| c.is_ascii_digit()));
    names
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let files = entries.map(|entry| entry.unwrap()).filter(|entry| {
        let is_file = entry.file_type().unwrap().is_file();
        assert!(is_file, "a folder among the files: {entry:?}");
        is_file
    });
    files
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn make_installs_all_that_is_used_and_takes_it_away() {
    need!("make", "man", "bash");
    let temp = tempfile::tempdir().unwrap();
    let prefix = temp.path().join("a prefix");
    let words = |what: &str| {
        let binary = format!("BINARY={DUST}");
        vec![
            what.to_owned(),
            binary,
            format!("PREFIX={}", prefix.display()),
        ]
    };
    // A second time over the first, too.
    make(&words("install"));
    make(&words("install"));
    assert_eq!(files(&prefix), expected());

    let version = run(Command::new(prefix.join("bin/dust")).arg("-V"));
    let version = String::from_utf8(version.stdout).unwrap();
    assert_eq!(version, concat!("dust ", env!("CARGO_PKG_VERSION"), "\n"));
    for page in pages() {
        let (name, section) = page.rsplit_once('.').unwrap();
        let mut man = Command::new(deps::path("man"));
        man.arg("-M").arg(prefix.join("share/man"));
        let shown = run(man.args([section, name]).env("MANPAGER", "cat"));
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(
            shown.contains("NAME") && shown.len() > 1000,
            "{page}: {shown}"
        );
    }
    let sources = "source \"$1/share/bash-completion/completions/dust\"; complete -p dust";
    run(Command::new("bash")
        .args(["-c", sources, "bash"])
        .arg(&prefix));
    if let Some(zsh) = deps::find("zsh") {
        let line = "fpath=($1/share/zsh/site-functions $fpath); autoload -Uz compinit; \
                    compinit -u -D; [[ $_comps[dust] == _dust ]]";
        run(Command::new(zsh)
            .args(["-f", "-c", line, "zsh"])
            .arg(&prefix)
            .env("HOME", temp.path()));
    }
    if let Some(fish) = deps::find("fish") {
        // It completes what it finds.
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", prefix.join("bin").display());
        let out = run(Command::new(fish)
            .args(["-c", "complete -C 'dust termin'"])
            .env("PATH", path)
            .env("HOME", temp.path())
            .env("XDG_CONFIG_HOME", temp.path().join("config"))
            .env("XDG_DATA_DIRS", prefix.join("share")));
        let out = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.starts_with("terminate\t"), "{out}");
    }

    make(&words("uninstall"));
    assert!(!prefix.join("bin").exists() && !prefix.join("share").exists());
    // Nothing but dust's goes.
    make(&words("install"));
    fs::write(prefix.join("share/man/man1/other.1"), "").unwrap();
    make(&words("uninstall"));
    let left: Vec<PathBuf> = files(&prefix).into_keys().collect();
    assert_eq!(left, [PathBuf::from("share/man/man1/other.1")]);
}

#[test]
fn packagers_have_a_folder_of_their_own() {
    need!("make");
    let temp = tempfile::tempdir().unwrap();
    let dest = format!("DESTDIR={}", temp.path().display());
    let words = |what: &str| {
        let binary = format!("BINARY={DUST}");
        vec![
            what.to_owned(),
            binary,
            "PREFIX=/usr".to_owned(),
            dest.clone(),
        ]
    };
    make(&words("install"));
    assert_eq!(files(&temp.path().join("usr")), expected());
    make(&words("uninstall"));
    assert_eq!(files(temp.path()), BTreeMap::new());
    let short = Command::new(deps::path("make"))
        .args(["-s", "-C", ROOT, "install", "PREFIX=here"])
        .arg(format!("BINARY={DUST}"))
        .output()
        .unwrap();
    assert!(!short.status.success());
    let said = String::from_utf8_lossy(&short.stderr).into_owned();
    assert!(said.contains("PREFIX is not a full path: here"), "{said}");
}

/// The package holds what `make install` does, where Debian wants it.
#[test]
fn the_debian_package_has_the_same_content() {
    need!("cargo-deb", "dpkg-deb", "dpkg-shlibdeps");
    let temp = tempfile::tempdir().unwrap();
    let target = temp.path().join("target");
    fs::create_dir_all(target.join("release")).unwrap();
    fs::copy(DUST, target.join("release/dust")).unwrap();
    let package = temp.path().join("dust.deb");
    run(Command::new(deps::path("cargo-deb"))
        .args(["--locked", "--no-build", "--no-strip", "--fast", "-o"])
        .arg(&package)
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(ROOT));
    let field = |name: &str| {
        let out = run(Command::new("dpkg-deb").arg("-f").arg(&package).arg(name));
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(field("Package"), "dust\n");
    let depends = field("Depends");
    for library in ["libc6 (>= ", "libssl3"] {
        assert!(depends.contains(library), "{depends}");
    }
    let unpacked = temp.path().join("unpacked");
    run(Command::new("dpkg-deb")
        .arg("-x")
        .arg(&package)
        .arg(&unpacked));
    let mut found = files(&unpacked.join("usr"));
    let copyright = found.remove(Path::new("share/doc/dust/copyright"));
    assert_eq!(copyright, Some(0o644));
    let plain = |(path, mode): (PathBuf, u32)| {
        let path = path.display().to_string();
        let path = path.replace("zsh/vendor-completions", "zsh/site-functions");
        (PathBuf::from(path.trim_end_matches(".gz")), mode)
    };
    let found: BTreeMap<PathBuf, u32> = found.into_iter().map(plain).collect();
    assert_eq!(found, expected());
    let version = run(Command::new(unpacked.join("usr/bin/dust")).arg("-V"));
    assert!(version.stdout.starts_with(b"dust "));
}

/// Only where the features are those of the build that the tests belong to, and without the SDK of
/// AWS: nothing has to be compiled then but dust itself.
#[cfg(all(feature = "local", not(feature = "ec2")))]
#[test]
fn cargo_installs_it_without_aws() {
    let temp = tempfile::tempdir().unwrap();
    // Its own folder below the target folder is all that a test is told.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    run(Command::new(env!("CARGO"))
        .args([
            "install",
            "--path",
            ROOT,
            "--locked",
            "--debug",
            "--offline",
        ])
        .args(["--no-default-features", "--features", "local", "--root"])
        .arg(temp.path())
        .arg("--target-dir")
        .arg(target));
    let version = run(Command::new(temp.path().join("bin/dust")).arg("-V"));
    assert!(version.stdout.starts_with(b"dust "));
}
