//! Any keys at all.

use super::super::complete::Quoting;
use super::completing::completion;
use super::*;
use proptest::prelude::*;

fn any_key() -> impl Strategy<Value = Key> {
    let script = prop::sample::select(vec![
        "a",
        "B",
        "␣",
        "é",
        "日",
        "\u{301}",
        "\u{200d}",
        "👩",
        "'",
        "ß",
        "C-a",
        "C-e",
        "C-b",
        "C-f",
        "C-d",
        "C-h",
        "C-k",
        "C-u",
        "C-w",
        "C-y",
        "C-t",
        "C-p",
        "C-n",
        "C-r",
        "C-s",
        "C-g",
        "C-_",
        "M-b",
        "M-f",
        "M-d",
        "M-u",
        "M-l",
        "M-c",
        "M-t",
        "M-y",
        "M-p",
        "M-n",
        "M-.",
        "M-<",
        "M->",
        "M-<backspace>",
        "M-<enter>",
        "<enter>",
        "<up>",
        "<down>",
        "<left>",
        "<tab>",
        "S-<tab>",
        "<esc>",
        "<pageup>",
        "C-<right>",
    ]);
    prop_oneof![
        20 => script.prop_map(|script| word(script).remove(0)),
        1 => "[a-b\r\n\u{301}é]{0,6}".prop_map(|text| paste(&text)),
    ]
}

proptest! {
    #[test]
    fn no_keys_break_the_editor(pressed in prop::collection::vec(any_key(), 0..120)) {
        let mut history = history(&["show", "a b\nc é", "日本 x", "Ba 'q r'"]);
        let mut editor = Editor::new();
        for key in pressed {
            match editor.key(key, &history) {
                EditEvent::Complete => {
                    let words = completion(0, Quoting::Backslash, &["a b", "aé", "日/"]);
                    editor.complete(words);
                },
                EditEvent::Submit(line) => drop(history.add(&line)),
                _ => {},
            }
            prop_assert!(editor.line().is_char_boundary(editor.cursor()));
            if let Some(found) = editor.search().and_then(|search| search.found) {
                prop_assert!(editor.line().get(found).is_some());
            }
        }
    }

    #[test]
    fn undo_goes_all_the_way_back(pressed in prop::collection::vec(any_key(), 0..60)) {
        let history = history(&["show", "a b\nc é", "日本 x"]);
        let mut editor = editor("ab é 日|");
        for key in pressed {
            // A run line has no undo, and what is found is not yet on the line.
            if matches!(key, Key::Named(Named::Enter, Mods { alt: false, .. }) | Key::Ctrl('r' | 's')) {
                continue;
            }
            if editor.key(key, &history) == EditEvent::Complete {
                editor.complete(completion(0, Quoting::Raw, &["abx", "aby"]));
            }
        }
        press(&mut editor, "x", &history);
        while press(&mut editor, "C-_", &history) != EditEvent::Bell {}
        prop_assert_eq!(show(&editor), "|");
    }
}
