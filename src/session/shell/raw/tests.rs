use super::super::Nonce;
use super::*;
use proptest::prelude::*;

const N: &str = "000000000000";

/// A shell that has shown its first prompt, on a node that told this of itself.
fn idle(start: &str) -> Shell {
    let mut shell = Shell::new(Nonce::new([0; 12]));
    shell.sent(shell.unsent().len());
    feed(&mut shell, &format!("\u{1e}{N}:{start}:t\u{1e}\n"));
    assert_eq!(feed(&mut shell, &format!("\u{1e}{N}:0:0:\u{1e}")), "!");
    shell
}

/// One that was entered and shows a prompt; the number of its entry is 2.
fn entered() -> Shell {
    let mut shell = idle("77:/dev/pts/3:");
    assert!(shell.enter_raw());
    assert_eq!(shell.raw(), Some(RawState::Entering));
    shell.sent(shell.unsent().len());
    assert_eq!(feed(&mut shell, &prompt(0, 1)), "?");
    assert_eq!(shell.raw(), Some(RawState::AtPrompt { typed: false }));
    shell
}

fn prompt(status: u8, count: u32) -> String {
    format!("\u{1e}{N}:{status}:{count}:2:p\u{1e}")
}

fn mark(kind: char) -> String {
    format!("\u{1e}{N}:::2:{kind}\u{1e}")
}

fn line_mode(status: u8, number: u64) -> String {
    format!("\u{1e}{N}:{status}:{number}:{status}:\u{1e}")
}

fn note(log: &mut String, piece: &Piece<'_>) {
    match piece {
        Piece::Raw(bytes) => log.push_str(&String::from_utf8_lossy(bytes)),
        Piece::Output(bytes) => {
            log.push_str(&["{", &String::from_utf8_lossy(bytes), "}"].concat());
        },
        Piece::Ready => log.push('!'),
        Piece::Prompt { .. } => log.push('?'),
        Piece::Lined => log.push('L'),
        Piece::Exited(status) => log.push_str(&["<x", &status.to_string(), ">"].concat()),
        Piece::Ended(status) => log.push_str(&["<", &status.to_string(), ">"].concat()),
        Piece::Settled { .. } => log.push('S'),
        Piece::Reading => log.push('R'),
    }
}

fn feed(shell: &mut Shell, text: &str) -> String {
    let mut log = String::new();
    shell.receive(text.as_bytes(), &mut |piece| note(&mut log, &piece));
    log
}

/// What was sent since the last look.
fn sent(shell: &mut Shell) -> String {
    let text = String::from_utf8_lossy(shell.unsent()).into_owned();
    shell.sent(text.len());
    text
}

#[test]
fn a_node_tells_its_terminal_and_is_not_believed_everything() {
    for (start, tty, own) in [
        ("77:/dev/pts/3:", Some(("/dev/pts/3", 77)), None),
        ("77:/dev/pts/3:fish", Some(("/dev/pts/3", 77)), Some("fish")),
        ("77::", None, None),
        ("77:/dev/pts/3 -a;x:", None, None),
        ("77:/etc/passwd:", None, None),
        ("77:/dev/../etc/passwd:", None, None),
        ("77:/dev/:", None, None),
        ("1:/dev/pts/3:", None, None),
        ("-5:/dev/pts/3:", None, None),
        ("77:/dev/pts/3:a$(b)", Some(("/dev/pts/3", 77)), Some("ab")),
    ] {
        let shell = idle(start);
        assert_eq!(shell.tty(), tty, "{start}");
        assert_eq!(shell.own(), own, "{start}");
    }
    // Only before the shell begins: what runs later is anybody.
    let mut shell = idle("77:/dev/pts/3:");
    feed(&mut shell, &format!("\u{1e}{N}:88:/dev/pts/4:fish:t\u{1e}"));
    assert_eq!(shell.tty(), Some(("/dev/pts/3", 77)));
}

#[test]
fn marks_are_cut_out_and_lookalikes_are_not() {
    let mut shell = entered();
    assert_eq!(feed(&mut shell, &format!("a{}b", mark('c'))), "ab");
    assert_eq!(feed(&mut shell, &format!("a{}b", mark('a'))), "ab");
    // A nested shell's, another entry's.
    for other in [":0:3::p", ":0:3:9:p", ":::1:a", "::0:"] {
        assert_eq!(feed(&mut shell, &format!("a\u{1e}{N}{other}\u{1e}b")), "ab");
        assert_eq!(shell.raw(), Some(RawState::Running));
    }
    for text in [
        "\u{1e}x",
        "\u{1e}0000y",
        "\u{1e}\u{1e}z",
        "\u{1e}000000000001:0:1:2:p\u{1e} ",
    ] {
        assert_eq!(feed(&mut shell, text), text);
    }
}

#[test]
fn what_is_typed_says_what_the_shell_may_do() {
    use RawState::{AtPrompt, Running};
    let empty = AtPrompt { typed: false };
    let typed = AtPrompt { typed: true };
    // Keys and marks, and the state after each; the last of a shell that tells what it accepts.
    for (tells, steps) in [
        (
            false,
            vec![("k:ls", typed), ("k:\r", Running), ("p:2", empty)],
        ),
        (
            false,
            vec![("k:ls\r", Running), ("k:x", Running), ("p:2", typed)],
        ),
        // Two lines at once: which of them was it?
        (
            false,
            vec![("k:a\rb\r", Running), ("p:2", Running), ("p:3", empty)],
        ),
        (
            true,
            vec![
                ("k:a\rb\r", Running),
                ("p:2", empty),
                ("a", Running),
                ("p:3", empty),
            ],
        ),
        // Drawn again, that is no new prompt.
        (false, vec![("k:l", typed), ("p:1", typed)]),
        (
            false,
            vec![("k:l\r", Running), ("p:1", Running), ("p:2", empty)],
        ),
        (false, vec![("k:l\x03", typed), ("p:2", empty)]),
        (false, vec![("k:l\x03l", typed), ("p:2", typed)]),
        (false, vec![("k:\x04", Running), ("p:2", empty)]),
        (true, vec![("k:\x04", typed)]),
        (false, vec![("k:\x0f", Running)]),
        // Keys that no table holds may accept a line, too.
        (true, vec![("k:\x18\x05", typed), ("a", Running)]),
        // A pasted newline ends nothing.
        (
            false,
            vec![
                ("k:\x1b[200~a\rb\r", typed),
                ("k:c\x1b[201", typed),
                ("k:~", typed),
                ("k:\r", Running),
            ],
        ),
        (false, vec![("k:a 'b\r", Running), ("c", typed)]),
    ] {
        let mut shell = entered();
        if tells {
            feed(&mut shell, &format!("{}{}", mark('a'), prompt(0, 1000)));
        }
        for (step, wanted) in &steps {
            match step.split_once(':') {
                Some(("k", keys)) => shell.type_raw(keys.as_bytes()),
                Some((_, count)) => {
                    feed(&mut shell, &prompt(0, count.parse().unwrap()));
                },
                None => {
                    feed(&mut shell, &mark(step.chars().next().unwrap()));
                },
            }
            assert_eq!(shell.raw(), Some(*wanted), "{steps:?} at {step:?}");
        }
        // All of it was sent, as it was typed.
        let keys: String = steps
            .iter()
            .filter_map(|(step, _)| step.strip_prefix("k:"))
            .collect();
        assert_eq!(sent(&mut shell), keys);
    }
}

#[test]
fn leaving_an_empty_line() {
    let mut shell = entered();
    assert_eq!(shell.leave_raw(), Leave::Underway);
    assert_eq!(sent(&mut shell), " _dust_x\r");
    shell.type_raw(b"not to the shell");
    assert_eq!(sent(&mut shell), "");
    assert!(!shell.enter_raw());
    // Its echo is not for the person, what else comes is.
    let text = format!("job\r\n \x1b[1m\r$  _dust_x\r\n{}done\r\n", mark('l'));
    assert_eq!(feed(&mut shell, &text), "job\r\n \x1b[1m\r$ done\r\n");
    assert_eq!(feed(&mut shell, &line_mode(0, 3)), "\r\nL");
    assert_eq!((shell.state(), shell.raw()), (State::Idle, None));
    shell.command(b"ls", Stdin::Terminal);
    assert!(sent(&mut shell).contains("_dust_s=4;"));
}

#[test]
fn leaving_a_line_that_was_begun() {
    let mut shell = entered();
    shell.type_raw(b"rm -r x");
    feed(&mut shell, &prompt(7, 2));
    sent(&mut shell);
    assert_eq!(shell.leave_raw(), Leave::Underway);
    assert_eq!(sent(&mut shell), "\x03", "and nothing else");
    assert_eq!(feed(&mut shell, "^C\r\n"), "^C\r\n");
    // It was lost: once more. The person's `$?` is that of before.
    assert_eq!(shell.leave_raw(), Leave::Underway);
    assert_eq!(sent(&mut shell), "\x03");
    assert_eq!(feed(&mut shell, &prompt(130, 3)), "");
    assert_eq!(sent(&mut shell), " _dust_x\r");
    // The line was eaten: a prompt, and nothing of line mode.
    feed(&mut shell, &prompt(130, 4));
    assert_eq!(
        sent(&mut shell),
        "",
        "it may be the prompt of the other interrupt"
    );
    assert_eq!(shell.leave_raw(), Leave::Underway);
    assert_eq!(sent(&mut shell), "\x03");
    feed(&mut shell, &prompt(130, 5));
    assert_eq!(sent(&mut shell), " _dust_x\r");
    assert_eq!(feed(&mut shell, &line_mode(130, 3)), "\r\nL");
    shell.command(b"echo $?", Stdin::Terminal);
    assert!(sent(&mut shell).contains("_dust_r 7&&:;"));
}

#[test]
fn nothing_is_typed_at_a_program() {
    let mut shell = entered();
    shell.type_raw(b"vim\r");
    sent(&mut shell);
    assert_eq!(shell.leave_raw(), Leave::Running);
    shell.command(b"rm", Stdin::Terminal);
    shell.input(b"rm");
    assert_eq!(sent(&mut shell), "");
    shell.interrupt();
    shell.end_of_input();
    assert_eq!(sent(&mut shell), "\x03\x04");
    // A look from elsewhere: it has ended, and its mark was lost.
    shell.found_at_prompt();
    assert_eq!(shell.leave_raw(), Leave::Underway);
    assert_eq!(sent(&mut shell), "\x15 _dust_x\r", "no mark may come");
}

#[test]
fn what_is_typed_too_early_waits() {
    let mut shell = idle("77:/dev/pts/3:");
    shell.enter_raw();
    let entry = sent(&mut shell);
    assert!(
        entry.ends_with(" _dust_s=2 _dust_n=2;_dust_f 0&&:\n"),
        "{entry:?}"
    );
    shell.type_raw(b"early");
    assert_eq!(sent(&mut shell), "");
    feed(&mut shell, &prompt(0, 1));
    assert_eq!(sent(&mut shell), "early");
    assert_eq!(shell.raw(), Some(RawState::AtPrompt { typed: true }));
}

#[test]
fn a_terminal_that_echoes_is_silenced_first() {
    let mut shell = idle("77:/dev/pts/3:");
    shell.command(b"cat", Stdin::Terminal);
    sent(&mut shell);
    assert!(shell.enter_raw());
    assert_eq!(
        (shell.state(), shell.raw()),
        (State::Busy, Some(RawState::Running))
    );
    assert_eq!(sent(&mut shell), "");
    assert_eq!(feed(&mut shell, "a\r\nb"), "a\r\nb");
    shell.type_raw(b"x\r\x04");
    assert_eq!(sent(&mut shell), "x\r\x04");
    assert_eq!(feed(&mut shell, &line_mode(0, 1)), "<0>");
    assert_eq!(shell.state(), State::Settling);
    assert!(!shell.enter_raw());
    let line = sent(&mut shell);
    assert!(line.starts_with("\x15 _dust_s=2;stty -echo"), "{line:?}");
    // Nobody sees its echo, however a line editor wraps it.
    let echo = "\x08 \x08\x1b[6n _dust_s=2;stty -ec\r\r\nho\r\n";
    assert_eq!(
        feed(&mut shell, &format!("{echo}{}", line_mode(0, 2))),
        "\x08 \x08S"
    );
    assert!(shell.enter_raw());
    assert!(sent(&mut shell).starts_with(" _dust_s=3.1;"));
}

#[test]
fn a_shell_of_another_family() {
    let mut shell = idle("77:/dev/pts/3:fish");
    shell.enter_raw();
    sent(&mut shell);
    feed(&mut shell, &mark('e'));
    assert_eq!(shell.raw(), Some(RawState::Running));
    let own = format!("\u{1e}{N}:0::own:p\u{1e}");
    assert_eq!(feed(&mut shell, &own), "?");
    shell.type_raw(b"half");
    sent(&mut shell);
    assert_eq!(shell.leave_raw(), Leave::Underway);
    assert_eq!(sent(&mut shell), "\x1b[24;8~");
    let text = format!("[1]+ Stopped\r\n{}", line_mode(147, 2));
    assert_eq!(feed(&mut shell, &text), "L");
    // And it ends.
    shell.enter_raw();
    sent(&mut shell);
    assert_eq!(feed(&mut shell, &line_mode(4, 4)), "<x4>");
    assert_eq!(shell.state(), State::Idle);
    // Its marks mean nothing elsewhere.
    let mut shell = entered();
    shell.type_raw(b"x\r");
    feed(&mut shell, &own);
    assert_eq!(shell.raw(), Some(RawState::Running));
}

#[test]
fn without_marks_bytes_pass() {
    let mut shell = Shell::new(Nonce::new([0; 12]));
    shell.sent(shell.unsent().len());
    assert!(!shell.enter_raw());
    shell.give_up_on_marks();
    assert!(shell.enter_raw());
    shell.type_raw(b"show\r");
    assert_eq!(sent(&mut shell), "show\r");
    assert_eq!(feed(&mut shell, "v1\r\n> "), "v1\r\n> ");
    assert_eq!(shell.leave_raw(), Leave::Done);
    assert_eq!(feed(&mut shell, "x"), "{x}");
}

#[test]
fn the_scripts_survive_their_way() {
    for family in [Family::Bash, Family::Zsh, Family::Posix] {
        for own in [false, true] {
            let text = scripts::functions(N, family, own);
            // A tab would complete something in a line editor that is still on.
            for none in ["@<", ">@", "@^", "\t", "\n#"] {
                assert!(!text.contains(none), "{none:?} in {text}");
            }
        }
    }
    let text = attach_command("/dev/pts/3", false);
    assert!(!text.contains("echo") && text.matches('\'').count() == 2);
}

proptest! {
    /// Whatever a node sends, however it is cut: the person gets all of it but the marks.
    #[test]
    fn cuts_change_nothing(
        parts in proptest::collection::vec(
            prop_oneof![
                "[a\n\u{1e}0:]{0,20}", Just(prompt(3, 9)), Just(mark('a')), Just(mark('c')),
                Just(mark('l')), Just(line_mode(0, 3)), Just(format!("\u{1e}{N}")),
            ],
            0..12,
        ),
        cuts in proptest::collection::vec(1usize..9, 1..80),
        leaving: bool,
    ) {
        let text = parts.concat();
        let start = || {
            let mut shell = entered();
            if leaving {
                shell.leave_raw();
            }
            shell
        };
        let end = |shell: &mut Shell| {
            let mut log = String::new();
            shell.finish(&mut |piece| note(&mut log, &piece));
            log
        };
        let mut whole = start();
        let wanted = feed(&mut whole, &text) + &end(&mut whole);
        let mut cut = start();
        let mut log = String::new();
        let mut rest = text.as_bytes();
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            log.push_str(&feed(&mut cut, std::str::from_utf8(head).unwrap()));
            rest = tail;
        }
        log += &end(&mut cut);
        // Output may come in more pieces.
        prop_assert_eq!(wanted.replace("}{", ""), log.replace("}{", ""));
        prop_assert_eq!(whole.raw(), cut.raw());
    }
}
