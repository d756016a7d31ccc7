//! `record`: raw shells as asciicasts, which show what the terminal showed.

use crate::support::deps::need;
use crate::support::lab::{Lab, enter, leave};
use crate::support::pty::rows;
use crate::support::wait_until;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// One event: its time, what it is, its text.
type Event = (f64, String, String);

impl Lab {
    /// The header and the events that are written by now; each line must be whole.
    fn cast(&self, name: &str) -> Option<(serde_json::Value, Vec<Event>)> {
        let text = fs::read_to_string(self.env.work().join(name)).ok()?;
        let mut lines = text.split_terminator('\n');
        let header = serde_json::from_str(lines.next()?).unwrap();
        let events = lines.map(|line| serde_json::from_str(line).unwrap());
        Some((header, events.collect()))
    }

    /// Waits until this was recorded as shown.
    #[track_caller]
    fn wait_shown(&self, name: &str, text: &str) -> Vec<Event> {
        let shown = || {
            let (_, events) = self.cast(name)?;
            events
                .iter()
                .any(|(_, code, what)| code == "o" && what.contains(text))
                .then_some(events)
        };
        wait_until("the recording shows it", || shown().is_some());
        shown().unwrap()
    }
}

/// What a player would show at the end.
fn replay(events: &[Event], (height, width): (u16, u16)) -> Vec<String> {
    let mut parser = vt100::Parser::new(height, width, 0);
    for (_, code, text) in events {
        match code.as_str() {
            "o" => parser.process(text.as_bytes()),
            "r" => {
                let (cols, rows) = text.split_once('x').unwrap();
                let screen = parser.screen_mut();
                screen.set_size(rows.parse().unwrap(), cols.parse().unwrap());
            },
            _ => {},
        }
    }
    rows(parser.screen())
}

fn of<'a>(events: &'a [Event], code: &str) -> Vec<&'a str> {
    let some = events.iter().filter(|event| event.1 == code);
    some.map(|event| event.2.as_str()).collect()
}

#[test]
fn it_shows_what_the_terminal_showed() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    let mut pty = lab.env.prompt(&lab.file);
    enter(&mut pty, "@a", "<~>");
    pty.send("echo before-it\r");
    pty.wait_row("before-it");
    leave(&mut pty, "a");
    pty.command("record my.cast");
    pty.wait_words(&["recording raw shells to", "my.cast"]);
    pty.command("@b echo line mode");
    pty.wait_row("[b] line mode");
    // It begins with the screen as it is.
    enter(&mut pty, "@a", "<~>");
    pty.send("printf '\\033[3;5H\\033[31mred \\342\\202\\254\\033[m\\n'; printf '\\377 over\\n'\r");
    pty.wait_text("over");
    let events = lab.wait_shown("my.cast", "over");
    let shown = replay(&events, pty.screen().size());
    assert!(shown.iter().any(|row| row == "before-it"), "{shown:?}");
    pty.wait_for("the screen", |screen| rows(screen) == shown);

    pty.resize(20, 90);
    // Keys may be faster than the signal of another size.
    wait_until("the size is known", || {
        let (_, events) = lab.cast("my.cast").unwrap();
        !of(&events, "r").is_empty()
    });
    pty.send("clear; echo wide\r");
    pty.wait_row("wide");
    let events = lab.wait_shown("my.cast", "wide");
    assert_eq!(of(&events, "r"), ["90x20"]);
    leave(&mut pty, "a");
    enter(&mut pty, "@b", "<~>");
    pty.send("echo on b\r");
    pty.wait_row("on b");
    leave(&mut pty, "b");
    pty.command("record");
    pty.wait_words(&["recording raw shells to", "my.cast", "until now"]);
    pty.command("record off");
    pty.wait_words(&["recorded to", "my.cast"]);
    enter(&mut pty, "@b", "<~>");
    pty.send("echo un''seen\r");
    pty.wait_row("unseen");
    leave(&mut pty, "b");

    let (header, events) = lab.cast("my.cast").unwrap();
    assert_eq!(header["version"], 2);
    assert_eq!(
        (&header["width"], &header["height"]),
        (&100.into(), &30.into())
    );
    assert_eq!(header["env"]["TERM"], "xterm-256color");
    assert_eq!(header["env"]["SHELL"], "/bin/bash");
    assert!(header["timestamp"].as_i64().unwrap() > 1_600_000_000);
    assert_eq!(of(&events, "m"), ["@a", "@b"]);
    assert!(of(&events, "i").is_empty());
    assert!(events.is_sorted_by(|one, two| one.0 <= two.0));
    let all = of(&events, "o").concat();
    assert!(all.contains("on b") && !all.contains("unseen") && !all.contains("line mode"));
    assert!(!all.contains("detached a"));
    let file = lab.env.work().join("my.cast");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    pty.command("exit");
}

#[test]
fn keys_are_recorded_only_when_told() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.env.prompt(&lab.file);
    pty.command("record --input keys.cast");
    pty.wait_words(&["passwords, too"]);
    enter(&mut pty, "@a", "<~>");
    pty.send("stty -echo; echo re''ady; read x; stty echo; echo ${#x} let''ters\r");
    pty.wait_row("ready");
    pty.send("s\u{e9}cret\r");
    pty.wait_text(" letters");
    leave(&mut pty, "a");
    // The end of the session is the end of the recording.
    pty.command("exit");
    pty.wait_exit();
    let (_, events) = lab.cast("keys.cast").unwrap();
    let typed = of(&events, "i").concat();
    assert!(
        typed.starts_with("stty -echo") && typed.contains("s\u{e9}cret\r"),
        "{typed:?}"
    );
    assert!(!typed.contains("\x03\x03\x03"), "{typed:?}");
    assert!(!of(&events, "o").concat().contains("s\u{e9}cret"));
}

#[test]
fn a_file_that_is_there_stays() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let old = lab.env.file("old.cast", "old\n");
    symlink("old.cast", lab.env.work().join("link.cast")).unwrap();
    let mut pty = lab.env.prompt(&lab.file);
    pty.command("record old.cast");
    pty.wait_words(&["old.cast is there already", "-y"]);
    for line in ["record -y link.cast", "record no/such.cast", "record -y ."] {
        pty.command(line);
        pty.wait_words(&["cannot record to"]);
        pty.command("!clear");
    }
    assert_eq!(fs::read_to_string(&old).unwrap(), "old\n");
    pty.command("record");
    pty.wait_row("nothing is recorded");
    pty.command("record -y old.cast");
    pty.wait_words(&["recording raw shells to"]);
    pty.command("record -y old.cast");
    pty.wait_words(&["is being recorded to already"]);
    pty.command("record off");
    pty.wait_words(&["recorded to"]);
    // Nothing was entered: an empty recording is one all the same.
    wait_until("the header", || lab.cast("old.cast").is_some());
    pty.command("exit");
    let run = lab.env.dust(&["-c", "record x.cast"]).run().expect_code(2);
    run.expect_notice(&["entered at dust's prompt"]);
}
