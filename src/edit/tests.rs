//! Scripts: a line before (`|` is the cursor), keys, the line after.
//!
//! Keys are words: `C-a`, `M-b`, `C-M-h`, `<left>`, `C-<left>`, `S-<tab>`; any other word is typed,
//! `␣` as a blank.

mod completing;
mod properties;

use super::history::History;
use super::*;
use crate::term::keys::{Key, Mods, Named, Paste};

fn keys(script: &str) -> Vec<Key> {
    script.split_whitespace().flat_map(word).collect()
}

fn word(word: &str) -> Vec<Key> {
    let (mut rest, mut mods) = (word, Mods::NONE);
    while let Some((held, after)) = rest.split_once('-').filter(|(_, after)| !after.is_empty()) {
        match held {
            "C" => mods.ctrl = true,
            "M" => mods.alt = true,
            "S" => mods.shift = true,
            _ => break,
        }
        rest = after;
    }
    if let Some(name) = rest.strip_prefix('<').and_then(|r| r.strip_suffix('>')) {
        let name = match name {
            "enter" => Named::Enter,
            "tab" => Named::Tab,
            "backspace" => Named::Backspace,
            "esc" => Named::Esc,
            "up" => Named::Up,
            "down" => Named::Down,
            "left" => Named::Left,
            "right" => Named::Right,
            "home" => Named::Home,
            "end" => Named::End,
            "pageup" => Named::PageUp,
            "pagedown" => Named::PageDown,
            "delete" => Named::Delete,
            _ => panic!("no key {name}"),
        };
        return vec![Key::Named(name, mods)];
    }
    let c = rest.chars().next().unwrap();
    match (mods.ctrl, mods.alt) {
        (true, true) => vec![Key::CtrlAlt(c)],
        (true, false) => vec![Key::Ctrl(c)],
        (false, true) => vec![Key::Alt(c)],
        (false, false) => rest
            .chars()
            .map(|c| Key::Char(if c == '␣' { ' ' } else { c }))
            .collect(),
    }
}

fn paste(text: &str) -> Key {
    Key::Paste(Paste {
        text: text.to_owned(),
        cut: false,
    })
}

/// An editor with a line and its cursor.
fn editor(marked: &str) -> Editor {
    let mut editor = Editor::new();
    let (before, after) = marked.split_once('|').unwrap();
    let none = History::new();
    editor.key(paste(&format!("{before}{after}")), &none);
    for _ in after.chars() {
        editor.key(Key::named(Named::Left), &none);
    }
    assert_eq!(show(&editor), marked);
    editor
}

fn show(editor: &Editor) -> String {
    let (before, after) = editor.line().split_at(editor.cursor());
    format!("{before}|{after}")
}

fn press(editor: &mut Editor, script: &str, history: &History) -> EditEvent {
    keys(script)
        .into_iter()
        .fold(EditEvent::None, |_, key| editor.key(key, history))
}

fn history(lines: &[&str]) -> History {
    let mut history = History::new();
    for line in lines {
        history.add(line);
    }
    history
}

#[test]
fn editing() {
    let table: &[(&str, &str, &str)] = &[
        // Moving.
        ("one two|", "C-a", "|one two"),
        ("|one two", "C-e", "one two|"),
        ("one| two", "C-b C-b", "o|ne two"),
        ("one| two", "C-f C-f", "one t|wo"),
        ("one two|", "<left> <left> <right>", "one tw|o"),
        ("one two|", "<home> <right>", "o|ne two"),
        ("|one two", "M-f", "one| two"),
        ("one, two|", "M-b M-b", "|one, two"),
        ("one two|", "C-<left>", "one |two"),
        ("|one two", "C-<right> M-<right>", "one two|"),
        ("日本e\u{301}|", "<left>", "日本|e\u{301}"),
        ("👩\u{200d}👧x|", "<left> <left>", "|👩\u{200d}👧x"),
        ("a\nb|", "C-<home> <end>", "a|\nb"),
        // Typing and deleting.
        ("a|c", "b", "ab|c"),
        ("a|", "␣日", "a 日|"),
        ("abc|", "<backspace>", "ab|"),
        ("e\u{301}|", "C-h", "|"),
        ("a|bc", "C-d", "a|c"),
        ("a|bc", "<delete>", "a|c"),
        ("abc|", "C-d", "abc|"),
        ("|abc", "<backspace>", "|abc"),
        ("a|", "M-<enter> b", "a\nb|"),
        ("a|", "S-<enter>", "a\n|"),
        // Killing and yanking.
        ("one| two", "C-k", "one|"),
        ("one| two", "C-u", "| two"),
        ("cp a/b|", "C-w", "cp |"),
        ("cp a/b|", "M-<backspace>", "cp a/|"),
        ("cp a/b|", "C-M-h", "cp a/|"),
        ("|one two", "M-d", "| two"),
        ("|one two", "C-<delete>", "| two"),
        ("one two|", "C-w C-e C-y", "one two|"),
        ("one two three|", "C-w C-w C-a C-y", "two three|one "),
        ("|one two three", "M-d M-d C-e C-y", " threeone two|"),
        ("one two|", "C-w C-a M-d C-y", "one| "),
        ("one two|", "C-w C-a M-d C-y M-y", "two| "),
        ("one two|", "C-w C-a M-d C-y M-y M-y", "one| "),
        ("one|", "M-y", "one|"),
        ("a\nb|", "C-u C-u", "a|"),
        ("a|\nb", "C-k", "a|b"),
        // Transposing, and upper and lower case.
        ("ab|", "C-t", "ba|"),
        ("a|bc", "C-t", "ba|c"),
        ("|ab", "C-t", "|ab"),
        ("one two|", "M-t", "two one|"),
        ("one|", "M-t", "one|"),
        ("|one two", "M-u M-c", "ONE Two|"),
        ("|ONE", "M-l", "one|"),
        ("|é x", "M-c", "É| x"),
        // Undo.
        ("|", "one␣two C-_", "one |"),
        ("|", "one␣two C-_ C-_", "|"),
        ("one two|", "C-w C-w C-_ C-_", "one two|"),
        ("a|b", "C-t C-_", "a|b"),
        ("one two|", "M-t C-_", "one two|"),
        ("|one", "M-u C-_", "|one"),
        ("one two|", "C-w C-y C-y C-_ C-_ C-_", "one two|"),
        ("ab|", "C-b x C-f y C-_", "axb|"),
        // Keys that mean nothing leave the line alone.
        ("ab|", "<esc> M-x C-q C-M-x C-g S-<tab>", "ab|"),
    ];
    for (before, script, after) in table {
        let mut editor = editor(before);
        press(&mut editor, script, &History::new());
        assert_eq!(show(&editor), *after, "{before} {script}");
    }
}

#[test]
fn events() {
    for (before, script, event) in [
        ("show|", "<enter>", EditEvent::Submit("show".into())),
        ("sh|ow", "C-j", EditEvent::Submit("show".into())),
        ("|", "<enter>", EditEvent::Submit(String::new())),
        ("show|", "C-c", EditEvent::Interrupt),
        ("|", "C-d", EditEvent::Eof),
        ("|x", "C-d", EditEvent::Changed),
        ("x|", "C-d", EditEvent::Bell),
        ("x|", "C-z", EditEvent::Suspend),
        ("x|", "C-l", EditEvent::ClearScreen),
        ("x|", "<tab>", EditEvent::Complete),
        ("x|", "C-e", EditEvent::None),
        ("|", "C-_ C-_", EditEvent::Bell),
        ("|", "C-p", EditEvent::Bell),
        ("|", "C-y", EditEvent::Bell),
    ] {
        let mut editor = editor(before);
        let got = press(&mut editor, script, &History::new());
        assert_eq!(got, event, "{before} {script}");
        if matches!(got, EditEvent::Submit(_)) {
            assert_eq!(show(&editor), "|");
        }
        if got == EditEvent::Interrupt {
            assert_eq!(show(&editor), before);
        }
    }
}

#[test]
fn walking_the_history() {
    let history = history(&["show", "@w uptime", "@m a b\\ c", "stop w1"]);
    for (before, script, after) in [
        ("|", "C-p", "stop w1|"),
        ("|", "<up> <up>", "@m a b\\ c|"),
        ("new|", "<up> <up> <down> <down>", "new|"),
        ("new|", "C-p C-p C-p C-p C-p", "show|"),
        ("new|", "C-n", "new|"),
        ("new|", "M-<", "show|"),
        ("new|", "M-< M->", "new|"),
        // What is changed on the way is still there on the way back.
        ("|", "C-p x C-p C-n", "stop w1x|"),
        ("|", "C-p x C-n C-p", "stop w1x|"),
        // And undo brings back what was typed.
        ("new|", "C-p C-_", "new|"),
        // By prefix.
        ("s|", "M-p", "s|top w1"),
        ("s|", "<pageup> <pageup>", "s|how"),
        ("s|", "<pageup> <pageup> <pagedown>", "s|top w1"),
        ("s|", "<pageup> <pagedown>", "s|"),
        ("@w|", "M-p M-p", "@w| uptime"),
        ("x|", "M-p", "x|"),
        // The last word.
        ("go |", "M-.", "go w1|"),
        ("go |", "M-. M-.", "go b\\ c|"),
        ("go |", "M-. M-. M-. M-. M-.", "go show|"),
        ("go |", "M-. C-_", "go |"),
    ] {
        let mut editor = editor(before);
        press(&mut editor, script, &history);
        assert_eq!(show(&editor), after, "{before} {script}");
    }
}

#[test]
fn up_and_down_stay_in_a_line_of_several() {
    let history = history(&["old"]);
    for (before, script, after) in [
        ("one\ntw|o", "<up>", "on|e\ntwo"),
        ("日本\nabc|", "<up>", "日|本\nabc"),
        ("one\n|two", "<down>", "one\n|two"),
        ("on|e\n\nx", "<down> <down>", "one\n\n|x"),
        ("on|e\ntwo", "<up>", "old|"),
        ("one\ntwo|", "C-p", "old|"),
    ] {
        let mut editor = editor(before);
        press(&mut editor, script, &history);
        assert_eq!(show(&editor), after, "{before} {script}");
    }
}

#[test]
fn history_that_others_add_meanwhile() {
    let mut history = history(&["one", "two"]);
    let mut editor = editor("new|");
    press(&mut editor, "C-p C-p", &history);
    assert_eq!(editor.line(), "one");
    history.absorb(b"three\n");
    press(&mut editor, "C-n C-n", &history);
    assert_eq!(editor.line(), "three");
    press(&mut editor, "C-n", &history);
    assert_eq!(editor.line(), "new");
}

#[test]
fn searching() {
    let history = history(&["show all", "@w uptime", "Show it", "stop w1"]);
    for (before, script, after) in [
        ("|", "C-r s t", "|stop w1"),
        ("|", "C-r s h", "|Show it"),
        ("|", "C-r sh C-r", "|show all"),
        ("|", "C-r sh C-r C-r", "|show all"),
        ("|", "C-r sh C-r C-s", "|Show it"),
        ("|", "C-r Sh C-r", "|Show it"),
        ("|", "C-r ti", "@w up|time"),
        ("new|", "C-r sh C-g", "new|"),
        ("new|", "C-r sh C-c", "new|"),
        ("|", "C-r it <esc>", "Show |it"),
        ("|", "C-r it C-a x", "x|Show it"),
        ("|", "C-r it ␣", "Show |it"),
        ("|", "C-r sh o x <backspace>", "|Show it"),
        ("|", "C-r sh C-r <backspace> <backspace> <backspace>", "|"),
        ("|", "C-r s <backspace> <backspace>", "|"),
        // The query of the search before.
        ("|", "C-r up C-g C-r C-r", "|"),
        ("|", "C-r up <esc> C-r C-r", "@w |uptime"),
        // The walk goes on from what was found; undo goes back.
        ("|", "C-r up <esc> C-p", "show all|"),
        ("new|", "C-r up <esc> C-_", "new|"),
        ("new|", "C-r up <esc> C-n C-n C-n", "new|"),
    ] {
        let mut editor = editor(before);
        press(&mut editor, script, &history);
        assert_eq!(show(&editor), after, "{before} {script}");
    }
    let mut editor = Editor::new();
    let event = press(&mut editor, "C-r up <enter>", &history);
    assert_eq!(event, EditEvent::Submit("@w uptime".into()));
    assert_eq!(editor.search(), None);
}

#[test]
fn enter_does_not_run_what_a_failing_search_shows() {
    let history = history(&["rm -r x", "show"]);
    let mut editor = Editor::new();
    assert_eq!(press(&mut editor, "C-r rm y", &history), EditEvent::Bell);
    assert_eq!(press(&mut editor, "<enter>", &history), EditEvent::Bell);
    let search = editor.search().unwrap();
    assert_eq!(
        (search.query, search.failed, search.found),
        ("rmy", true, Some(0..2))
    );
    assert_eq!(editor.line(), "rm -r x");
    let event = press(&mut editor, "<backspace> <enter>", &history);
    assert_eq!(event, EditEvent::Submit("rm -r x".into()));
}

#[test]
fn a_paste_never_submits() {
    let none = History::new();
    let mut editor = editor("@w |");
    assert_eq!(
        editor.key(paste("a\r\nb\rc\n\n"), &none),
        EditEvent::Changed
    );
    assert_eq!(show(&editor), "@w a\nb\nc|");
    let event = press(&mut editor, "<enter>", &none);
    assert_eq!(event, EditEvent::Submit("@w a\nb\nc".into()));
    // One undo takes it back, and its control characters do not come in.
    assert_eq!(
        editor.key(paste("x\x03\x1b[Ay\tz"), &none),
        EditEvent::Changed
    );
    assert_eq!(show(&editor), "x[Ay\tz|");
    press(&mut editor, "C-_", &none);
    assert_eq!(show(&editor), "|");
    assert_eq!(editor.key(paste("\r"), &none), EditEvent::None);
}

#[test]
fn the_line_is_bounded() {
    let none = History::new();
    let mut editor = Editor::new();
    let big = "é".repeat(LINE_MAX / 2 - 1);
    assert_eq!(editor.key(paste(&big), &none), EditEvent::Changed);
    assert_eq!(editor.key(paste("日x"), &none), EditEvent::PasteCut);
    assert_eq!(press(&mut editor, "日", &none), EditEvent::Bell);
    assert_eq!(press(&mut editor, "a b", &none), EditEvent::Changed);
    assert_eq!(press(&mut editor, "c", &none), EditEvent::Bell);
    assert_eq!(press(&mut editor, "C-a M-u", &none), EditEvent::Bell);
    assert_eq!(press(&mut editor, "C-k C-y C-y", &none), EditEvent::Bell);
    assert_eq!(editor.line().len(), LINE_MAX);
    let cut = Key::Paste(Paste {
        text: "a".into(),
        cut: true,
    });
    assert_eq!(Editor::new().key(cut, &none), EditEvent::PasteCut);
    let huge = history(&[&"日".repeat(LINE_MAX / 3 + 1)]);
    press(&mut editor, "C-p", &huge);
    assert_eq!(editor.line().len(), LINE_MAX / 3 * 3);
}

#[test]
fn secrets() {
    let mut secret = SecretLine::new("password: ");
    let mut run = |script: &str| {
        keys(script)
            .into_iter()
            .fold(SecretEvent::None, |_, key| secret.key(key))
    };
    let answer = |event| match event {
        SecretEvent::Done(text) => text.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(answer(run("hunter3 <backspace> 2␣é <enter>")), "hunter2 é");
    assert_eq!(
        answer(run("wrong C-u right <left> C-p C-y <tab> <enter>")),
        "right"
    );
    assert!(matches!(run("x C-c"), SecretEvent::Cancelled));
    assert!(matches!(run("x C-d"), SecretEvent::Cancelled));
    assert_eq!(answer(run("<enter>")), "");
    let paste = Key::Paste(Paste {
        text: "pass\nrm -r x\n".into(),
        cut: false,
    });
    assert!(matches!(secret.key(paste), SecretEvent::None));
    assert!(!format!("{secret:?}").contains("pass\""));
    assert_eq!(answer(secret.key(Key::named(Named::Enter))), "pass");
    let long = Key::Paste(Paste {
        text: "x".repeat(5000),
        cut: false,
    });
    assert!(matches!(secret.key(long), SecretEvent::Bell));
}
