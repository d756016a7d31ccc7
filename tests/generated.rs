//! What is made of the command table and committed: the man pages and the completions. Are they
//! those of the table now? That the programs that read them take them is for `topics/man.rs` and
//! `topics/completions.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use dust::command::completions::Shell;
use dust::command::man;

/// The files that are made, with what belongs in them.
fn made() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = Shell::ALL.map(|shell| {
        (
            root.join("completions").join(shell.file_name()),
            shell.script(),
        )
    });
    let pages = man::pages().into_iter();
    let pages = pages.map(|(name, text)| (root.join("man").join(name), text));
    pages.chain(scripts).collect()
}

#[test]
fn generated_files_are_those_of_the_table() {
    let write = std::env::var_os("DUST_REGENERATE").is_some_and(|value| value == "1");
    let mut stale = Vec::new();
    for (path, text) in made() {
        if write {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).ok() != Some(text) {
            stale.push(path.display().to_string());
        }
    }
    assert!(
        stale.is_empty(),
        "not as the command table has it: {}\nto make them anew: \
         DUST_REGENERATE=1 cargo test --no-default-features generated",
        stale.join(", ")
    );
}
