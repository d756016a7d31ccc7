//! Recorded programs, cut anywhere.

use std::path::Path;

use super::*;

/// What the programs of `tests/streams` sent to terminals of 80×24.
fn streams() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "bin"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(found.len() >= 8, "only {} streams", found.len());
    found
}

/// The size to show a stream at. `top` fills rows and then erases to their end, which takes the last
/// cell away in xterm and the model, but not in the oracle; one column more, and they agree.
fn size(name: &str) -> Size {
    let cols = if name == "top" { 81 } else { 80 };
    Size { cols, ..SIZE }
}

/// The cuts to try in a stream of this length: all of a short one, else some dozens.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (0..=len).step_by((len / 60) | 1)
}

#[test]
fn a_repaint_shows_what_was_there_all_the_time() {
    for (name, bytes) in streams() {
        let mut screen = Screen::new(size(&name), 100);
        screen.attached();
        let mut there = Oracle::new(size(&name));
        let mut at = 0;
        for cut in cuts(bytes.len()) {
            let (_, rest) = bytes.split_at(at);
            let (piece, _) = rest.split_at(cut - at);
            screen.feed(piece);
            there.feed(piece);
            at = cut;
            let back = painted(&mut screen);
            assert_same(&back, &there, &format!("{name} at {cut}"));
        }
    }
}

#[test]
fn after_a_repaint_the_rest_of_the_stream_does_the_same() {
    for (name, bytes) in streams() {
        let mut whole = Oracle::new(size(&name));
        whole.feed(&bytes);
        let mut screen = Screen::new(size(&name), 100);
        screen.attached();
        let mut at = 0;
        for cut in cuts(bytes.len()).step_by(3) {
            let (before, rest) = bytes.split_at(cut);
            screen.feed(before.get(at..).unwrap());
            at = cut;
            let mut back = painted(&mut screen);
            back.feed(rest);
            assert_same(&back, &whole, &format!("{name} from {cut}"));
        }
    }
}
