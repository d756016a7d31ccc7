//! Raw shells, as far as the app decides: who has the terminal, and what it is shown.

use super::lab::Lab;
use crate::app::{Event, LocalEnd};
use std::time::Duration;

/// A prompt whose terminal takes nothing for now: `text` of n0, and Ctrl-C.
fn unseen(text: &str) -> Lab {
    let mut lab = Lab::prompt(1);
    lab.line("@n0 make");
    let id = lab.id("n0");
    lab.app.handle(lab.now, Event::Data(id, text.as_bytes()));
    lab.app.handle(lab.now, Event::Input(b"half\x03"));
    lab
}

#[test]
fn what_a_terminal_did_not_take_is_shown_when_it_is_back() {
    let mut lab = unseen("one\ntwo\n");
    for _ in 0..2 {
        lab.app.regain_terminal();
    }
    lab.settle();
    let rows: Vec<String> = lab.screen.screen().rows(0, 80).collect();
    let at = rows.iter().position(|row| row == "[n0] one").unwrap();
    assert_eq!(rows[at + 1], "[n0] two");
    assert!(rows[at + 2].ends_with("half^C"), "{rows:#?}");
    assert!(!rows[at + 3].contains("half"), "{rows:#?}");
    assert_eq!(rows.iter().filter(|row| *row == "[n0] one").count(), 1);
}

#[test]
fn programs_in_the_background_get_the_answers_of_the_terminal_that_was_there() {
    let mut lab = Lab::prompt(1);
    lab.line("@n0");
    lab.raw_prompt("n0", 1);
    lab.keys("\x1b]11;rgb:1111/2222/3333\x07");
    lab.keys("\x03\x03\x03");
    lab.took("n0");
    lab.says("n0", "\x1b]11;?\x07");
    lab.after(Duration::from_millis(20));
    let answers = lab.took("n0");
    assert!(answers.contains("11;rgb:1111/2222/3333"), "{answers:?}");
}

/// A prompt where n0's raw shell is awaited, and what makes it come.
fn awaited() -> (Lab, impl FnOnce(&mut Lab)) {
    let mut lab = Lab::prompt(2);
    lab.mute = true;
    lab.line("@n0");
    assert!(!lab.app.is_raw_open());
    let come = |lab: &mut Lab| {
        lab.mute = false;
        lab.boots("n0");
    };
    (lab, come)
}

#[test]
fn a_raw_shell_that_comes_leaves_the_terminal_to_a_local_command() {
    let (mut lab, come) = awaited();
    lab.line("!vim x");
    assert!(lab.app.local_runs());
    come(&mut lab);
    assert!(!lab.app.is_raw_open());
    let end = LocalEnd {
        code: 0,
        signal: None,
    };
    lab.app.handle(lab.now, Event::LocalEnded(Ok(end)));
    lab.settle();
    assert!(lab.app.is_raw_open());
}

#[test]
fn a_raw_shell_that_comes_gets_nothing_of_a_password() {
    let (mut lab, come) = awaited();
    lab.mute = false;
    lab.line("@n1 sudo id");
    lab.says("n1", "Password: ");
    lab.after(Duration::from_secs(1));
    assert!(lab.last_row().contains("password for"), "{:?}", lab.rows());
    lab.keys("hun");
    come(&mut lab);
    assert!(!lab.app.is_raw_open());
    lab.took("n0");
    lab.keys("ter2\r");
    assert!(lab.app.is_raw_open());
    assert!(lab.took("n1").contains("hunter2"));
    assert!(!lab.took("n0").contains("ter2"));
}

#[test]
fn a_shell_that_shows_no_prompt_can_be_entered() {
    let (mut lab, _) = awaited();
    lab.after(Duration::from_secs(10));
    assert!(lab.app.is_raw_open());
    lab.keys("ls\r");
    assert!(lab.took("n0").ends_with("ls\r"));
}

/// A prompt, and n0's shell at its person's prompt in the background.
fn behind() -> Lab {
    let mut lab = Lab::prompt(2);
    lab.line("@n0");
    lab.raw_prompt("n0", 1);
    assert!(lab.app.is_raw_open());
    lab.keys("\x03\x03\x03");
    assert!(!lab.app.is_raw_open());
    lab.raw_prompt("n0", 2);
    lab.took("n0");
    lab
}

#[test]
fn a_shell_that_leaves_raw_mode_for_a_line_is_entered_behind_that_line() {
    let mut lab = behind();
    lab.line("@n0 make");
    assert!(lab.took("n0").contains("_dust_x"));
    lab.line("@n0");
    assert!(!lab.app.is_raw_open());
    assert!(lab.last_row().contains("(n0 comes)"), "{:?}", lab.rows());
    lab.lined("n0");
    assert!(lab.took("n0").contains("make"));
    assert!(lab.app.is_raw_open());
    lab.says("n0", "cc one.c");
    assert_eq!(lab.last_row(), "cc one.c");
}

#[test]
fn a_shell_that_does_not_leave_raw_mode_can_be_entered() {
    let mut lab = behind();
    lab.line("@n0 make");
    lab.line("@n0");
    for _ in 0..20 {
        lab.after(Duration::from_millis(250));
    }
    assert!(lab.app.is_raw_open());
    lab.took("n0");
    lab.keys("x");
    assert_eq!(lab.took("n0"), "x");
    lab.says("n0", "seen");
    assert_eq!(lab.last_row(), "seen");
    // It leaves after all: whoever is there gets it back at once.
    lab.lined("n0");
    assert!(lab.app.is_raw_open());
    assert!(lab.took("n0").contains("_dust_f"));
    lab.raw_prompt("n0", 1);
    lab.keys("y");
    assert_eq!(lab.took("n0"), "y");
}

#[test]
fn a_node_waits_for_the_model_of_its_screen() {
    let mut lab = behind();
    let id = lab.id("n0");
    let plain = "some text, and more of it\r\n".repeat(2000);
    for _ in 0..20 {
        lab.says("n0", &plain);
        assert!(!lab.app.is_held(id, false), "that is never read");
    }
    lab.says("n0", "\x1b[2;20r");
    lab.says("n0", &"\x1b[S".repeat(100_000));
    assert!(lab.app.is_held(id, false));
    assert!(!lab.app.is_held(lab.id("n1"), false), "others do not");
    assert_eq!(lab.app.next_deadline(), Some(lab.now), "it is read at once");
}

#[test]
fn many_shells_in_the_background_share_what_ten_may_keep() {
    for (shells, kept) in [(1, 500), (10, 500), (20, 250)] {
        let mut lab = Lab::prompt(shells);
        for n in 0..shells {
            lab.line(&format!("@n{n}"));
            lab.raw_prompt(&format!("n{n}"), 1);
            lab.keys("\x03\x03\x03");
        }
        for _ in 0..30 {
            lab.says("n0", &"a row of n0\r\n".repeat(30));
            lab.after(Duration::from_millis(20));
        }
        lab.line("@n0");
        let screen = lab.screen.screen_mut();
        let mut found = 0;
        for above in 0..=1000 {
            screen.set_scrollback(above);
            let row = screen.rows(0, 80).next();
            if screen.scrollback() == above && row.as_deref() == Some("a row of n0") {
                found += 1;
            }
        }
        // The first row of the screen is one of them.
        assert_eq!(found, kept + 1, "{shells} shells");
    }
}
