//! Tab, and the menu.

use super::super::complete::{Candidate, Completion, Quoting};
use super::*;

pub(super) fn completion(start: usize, quoting: Quoting, words: &[&str]) -> Completion {
    let candidates = words.iter().map(|word| match word.strip_suffix('/') {
        Some(folder) => Candidate::word(folder).suffix(Some('/')),
        None => Candidate::word(*word),
    });
    Completion {
        start,
        quoting,
        candidates: candidates.collect(),
    }
}

fn tab(editor: &mut Editor, completion: Completion) -> EditEvent {
    match editor.key(Key::named(Named::Tab), &History::new()) {
        EditEvent::Complete => editor.complete(completion),
        event => event,
    }
}

#[test]
fn completing() {
    use Quoting::{Backslash, Double, Raw, Single};
    let table: &[(&str, usize, Quoting, &[&str], &str)] = &[
        ("st|", 0, Raw, &["start"], "start |"),
        ("st| x", 0, Raw, &["start"], "start| x"),
        ("st|", 0, Raw, &["start", "stage"], "sta|"),
        ("sta|", 0, Raw, &["start", "stage"], "sta|"),
        ("x|", 0, Raw, &[], "x|"),
        ("@mas,wor|", 5, Raw, &["worker0", "worker1"], "@mas,worker|"),
        ("put my|", 4, Backslash, &["my file"], "put my\\ file |"),
        (
            "put my\\ |",
            4,
            Backslash,
            &["my file", "my film"],
            "put my\\ fil|",
        ),
        ("put my|", 4, Backslash, &["my dir/"], "put my\\ dir/|"),
        ("put \"my|", 4, Double, &["my file"], "put \"my file\" |"),
        ("put 'my|", 4, Single, &["my dir/"], "put 'my dir/|"),
        ("put 'my|", 4, Single, &["my a", "my b"], "put 'my |"),
        // A single candidate may be another word altogether; several must go on from what is typed.
        ("W|", 0, Raw, &["worker"], "worker |"),
        ("W|", 0, Raw, &["worker", "worse"], "wor|"),
        ("wrker|", 0, Raw, &["worker", "worse"], "wrker|"),
        // Where it does not fit the line it changes nothing.
        ("é|", 1, Raw, &["x"], "é|"),
        ("a|", 7, Raw, &["x"], "a|"),
    ];
    for (before, start, quoting, words, after) in table {
        let mut editor = editor(before);
        tab(&mut editor, completion(*start, *quoting, words));
        assert_eq!(show(&editor), *after, "{before} {words:?}");
        press(&mut editor, "C-_", &History::new());
        if before != after {
            assert_eq!(show(&editor), *before, "undo");
        }
    }
}

#[test]
fn the_second_tab_opens_the_menu() {
    let none = History::new();
    let words = || completion(4, Quoting::Backslash, &["a b", "a/", "ax"]);
    let mut editor = editor("put a|");
    assert_eq!(tab(&mut editor, words()), EditEvent::Bell);
    assert_eq!(editor.menu(), None);
    assert_eq!(tab(&mut editor, words()), EditEvent::Changed);
    assert_eq!(
        editor
            .menu()
            .map(|menu| (menu.candidates.len(), menu.selected)),
        Some((3, None))
    );
    for (script, line) in [
        ("<tab>", "put a\\ b|"),
        ("<tab>", "put a|"),
        ("<tab>", "put ax|"),
        ("<tab>", "put a\\ b|"),
        ("S-<tab>", "put ax|"),
        ("S-<tab>", "put a|"),
    ] {
        assert_eq!(press(&mut editor, script, &none), EditEvent::Changed);
        assert_eq!(show(&editor), line);
    }
    // Enter takes it, with its suffix, and does not run the line; then it does.
    assert_eq!(press(&mut editor, "<enter>", &none), EditEvent::Changed);
    assert_eq!((show(&editor).as_str(), editor.menu()), ("put a/|", None));
    assert_eq!(
        press(&mut editor, "<enter>", &none),
        EditEvent::Submit("put a/".into())
    );
}

#[test]
fn leaving_the_menu() {
    let none = History::new();
    for (script, line, event) in [
        ("<esc>", "a|", EditEvent::Changed),
        ("<tab> <tab> <esc>", "a|", EditEvent::Changed),
        ("<tab> <tab> C-g", "a|", EditEvent::Changed),
        ("<tab> <tab> y", "aby|", EditEvent::Changed),
        ("<tab> C-e", "aa|", EditEvent::Changed),
        ("<enter>", "|", EditEvent::Submit("a".into())),
        ("<tab> C-c", "aa|", EditEvent::Interrupt),
    ] {
        let mut editor = editor("a|");
        for _ in 0..2 {
            tab(&mut editor, completion(0, Quoting::Raw, &["aa", "ab"]));
        }
        assert_eq!(press(&mut editor, script, &none), event, "{script}");
        assert_eq!(
            (show(&editor).as_str(), editor.menu()),
            (line, None),
            "{script}"
        );
    }
}

#[test]
fn a_late_completion_changes_nothing() {
    let mut editor = editor("st|");
    assert_eq!(
        press(&mut editor, "<tab>", &History::new()),
        EditEvent::Complete
    );
    press(&mut editor, "x", &History::new());
    assert_eq!(
        editor.complete(completion(0, Quoting::Raw, &["start"])),
        EditEvent::None
    );
    assert_eq!(show(&editor), "stx|");
}
