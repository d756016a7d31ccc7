use super::*;
use proptest::prelude::*;

const N: &str = "000000000000";

fn shell() -> Shell {
    let mut shell = Shell::new(Nonce::new([0; 12]));
    let sent = shell.unsent().len();
    shell.sent(sent);
    shell
}

fn mark(status: u8, seq: u64) -> String {
    format!("\u{1e}{N}:{status}:{seq}:{status}:\u{1e}")
}

/// What is found in `text`, written as `!` for ready, `<n>` for the end, and the output itself.
fn feed(shell: &mut Shell, text: &str) -> String {
    let mut log = String::new();
    shell.receive(text.as_bytes(), &mut |piece| match piece {
        Piece::Ready => log.push('!'),
        Piece::Reading => log.push('~'),
        Piece::Settled { strays, sure } => {
            let sure = if sure { "}" } else { "?}" };
            log.push_str(&["{", &strays.to_string(), sure].concat());
        },
        Piece::Output(bytes) => log.push_str(&String::from_utf8_lossy(bytes)),
        Piece::Ended(status) => log.push_str(&["<", &status.to_string(), ">"].concat()),
        Piece::Raw(_) | Piece::Prompt { .. } | Piece::Lined | Piece::Exited(_) => {
            unreachable!("nobody enters raw mode")
        },
    });
    log
}

fn ready() -> Shell {
    let mut shell = shell();
    assert_eq!(feed(&mut shell, &mark(0, 0)), "!");
    shell
}

fn running(text: &str) -> Shell {
    let mut shell = ready();
    shell.command(text.as_bytes(), Stdin::Terminal);
    let sent = shell.unsent().len();
    shell.sent(sent);
    shell
}

#[test]
fn banner_echo_and_first_prompt_are_no_output() {
    let mut shell = shell();
    assert_eq!(
        feed(&mut shell, "Welcome!\r\n$ eval \"$DUST_INIT\"\r\n"),
        ""
    );
    assert_eq!(shell.state(), State::Starting);
    assert_eq!(feed(&mut shell, &mark(0, 0)), "!");
    assert_eq!(shell.state(), State::Idle);
}

#[test]
fn output_is_exact_and_ends_with_the_status() {
    let mut shell = running("x");
    assert_eq!(
        feed(&mut shell, &format!("no final newline{}", mark(3, 1))),
        "no final newline<3>"
    );
    assert_eq!(
        feed(&mut shell, "later, from a job\n"),
        "later, from a job\n"
    );
}

#[test]
fn marks_of_others_mean_nothing() {
    let mut shell = running("bash");
    assert_eq!(
        feed(&mut shell, &format!("a{}b{}", mark(0, 0), mark(0, 2))),
        "ab"
    );
    assert_eq!(feed(&mut shell, &format!("\u{1e}{N}:0::\u{1e}")), "");
    assert_eq!(feed(&mut shell, &mark(0, 1)), "<0>");
}

#[test]
fn what_only_looks_like_a_mark_is_output() {
    let mut shell = running("x");
    for text in [
        "\u{1e}",
        "\u{1e}abc",
        "\u{1e}000000:1\u{1e}",
        "\u{1e}\u{1e}\u{1e}",
    ] {
        let log = feed(&mut shell, text) + &feed(&mut shell, "zz");
        assert_eq!(log, format!("{text}zz"));
    }
}

#[test]
fn bash_that_repeats_its_prompt_after_an_error_gets_an_empty_line() {
    let bash = |status, seq| format!("\u{1e}{N}:{status}:{seq}:b\u{1e}");
    let mut shell = shell();
    assert_eq!(feed(&mut shell, &bash(0, 0)), "!");
    shell.command(b"echo 'open", Stdin::Terminal);
    shell.sent(shell.unsent().len());
    let error = format!("unexpected EOF\n{}", bash(0, 0));
    assert_eq!(feed(&mut shell, &error), "unexpected EOF\n");
    assert_eq!(shell.unsent(), b"\n");
    assert_eq!(feed(&mut shell, &bash(2, 1)), "<2>");
}

#[test]
fn what_a_terminal_with_echo_made_of_newlines_is_undone() {
    let mut shell = running("printf 'a\\r\\nb\\r'");
    let log = feed(&mut shell, " _dust_s=1;x\r\na\r") + &feed(&mut shell, "\r\nb\r");
    assert_eq!(log + &feed(&mut shell, &mark(0, 1)), "a\r\nb\r<0>");
}

#[test]
fn an_echo_is_taken_away_and_turned_off() {
    let mut shell = running("ls");
    assert_eq!(feed(&mut shell, " _dust_s=1;ev"), "");
    assert_eq!(feed(&mut shell, "al 'ls';_dust_s=$?\r\nfile\n"), "file\n");
    assert_eq!(feed(&mut shell, &mark(0, 1)), "<0>");
    shell.command(b"ls", Stdin::Terminal);
    assert!(String::from_utf8_lossy(shell.unsent()).contains("stty -echo"));
}

#[test]
fn bash_gets_no_false_echo_and_survives_a_changed_terminal() {
    let bash = |status, seq| format!("\u{1e}{N}:{status}:{seq}:{status}:b\u{1e}");
    let mut shell = shell();
    assert_eq!(feed(&mut shell, &bash(0, 0)), "!");
    let send = |shell: &mut Shell| {
        shell.command(b"stty sane", Stdin::Terminal);
        let sent = String::from_utf8_lossy(shell.unsent()).into_owned();
        shell.sent(sent.len());
        sent
    };
    assert!(send(&mut shell).starts_with("\r_dust_s=1;"));
    assert_eq!(feed(&mut shell, &bash(0, 1)), "<0>");
    // Now the terminal echoes, and the return was a newline: an empty line, and its prompt.
    send(&mut shell);
    assert_eq!(feed(&mut shell, "\r\n_du"), "");
    assert_eq!(
        feed(&mut shell, &format!("st_s=2 x\r\n{}out\r\n", bash(0, 1))),
        "out\n"
    );
    assert_eq!(shell.unsent(), b"", "nothing that the command would read");
    assert_eq!(feed(&mut shell, &bash(0, 2)), "<0>");
    assert!(send(&mut shell).starts_with(" _dust_s=3;stty "));
    // The same without echo.
    assert_eq!(feed(&mut shell, &(bash(0, 2) + &bash(0, 3))), "<0>");
    assert!(send(&mut shell).starts_with(" _dust_s=4;stty "));
}

#[test]
fn an_interrupt_reaches_a_running_command() {
    let mut shell = running("sleep 9");
    shell.interrupt();
    assert_eq!(shell.unsent(), b"\x03");
    shell.sent(1);
    assert_eq!(feed(&mut shell, &format!("\n{}", mark(130, 1))), "<130>");
    shell.command(b"ls", Stdin::Terminal);
    assert!(
        shell.unsent().starts_with(b"\n _dust_s=2;"),
        "zsh drops a line after an interrupt"
    );
}

#[test]
fn an_interrupt_drops_what_was_not_sent() {
    let mut shell = ready();
    shell.command(&[b'x'; 5000], Stdin::Terminal);
    shell.sent(1000);
    shell.interrupt();
    assert_eq!(shell.unsent(), b"\x03\n _dust_s=2\n");
    let text = format!("{}{}{}", mark(0, 0), mark(130, 0), mark(130, 0));
    assert_eq!(feed(&mut shell, &text), "");
    assert_eq!(feed(&mut shell, &mark(0, 2)), "<130>");
}

#[test]
fn an_interrupt_before_the_shell_read_the_command() {
    let mut shell = running("sleep 9");
    shell.interrupt();
    assert_eq!(feed(&mut shell, &format!("\n{}", mark(130, 0))), "<130>");
}

#[test]
fn a_node_without_marks() {
    let mut shell = shell();
    assert_eq!(feed(&mut shell, "router> "), "");
    assert_eq!(shell.give_up_on_marks(), b"router> ");
    shell.command(b"show version", Stdin::Terminal);
    assert_eq!(shell.unsent(), b"show version\n");
    assert_eq!(feed(&mut shell, "v1\n"), "v1\n");
    assert_eq!(feed(&mut shell, &mark(0, 0)), "!", "it was only slow");
}

#[test]
fn input_that_a_command_has_read_is_nothing_to_tell() {
    let mut shell = running("read a");
    shell.input(b"yes");
    shell.sent(shell.unsent().len());
    assert_eq!(feed(&mut shell, &mark(0, 1)), "<0>");
    assert_eq!(shell.state(), State::Settling);
    assert!(shell.unsent().starts_with(b" _dust_s=2:"));
    shell.sent(shell.unsent().len());
    assert_eq!(feed(&mut shell, &mark(0, 2)), "{0}");
    assert_eq!(shell.state(), State::Idle);
    // Without input there is nothing to ask.
    shell.command(b"true", Stdin::Terminal);
    shell.sent(shell.unsent().len());
    assert_eq!(feed(&mut shell, &mark(0, 3)), "<0>");
    assert_eq!(shell.state(), State::Idle);
}

#[test]
fn input_that_came_too_late_is_told() {
    let mut shell = running("read a");
    shell.input(b"one");
    shell.input(b"two\nthree");
    shell.sent(shell.unsent().len());
    let log = feed(&mut shell, &format!("<0>?{}two: not found\n", mark(0, 1)));
    assert_eq!(log, "<0>?<0>two: not found\n");
    // The shell shows its prompt after each line that it has read.
    assert_eq!(feed(&mut shell, &mark(127, 1)), "");
    assert_eq!(feed(&mut shell, &mark(127, 1)), "");
    assert_eq!(feed(&mut shell, &mark(0, 2)), "{2}");
}

#[test]
fn a_shell_that_runs_stray_input_can_be_interrupted() {
    let mut shell = running("true");
    shell.input(b"cat");
    shell.sent(shell.unsent().len());
    assert_eq!(feed(&mut shell, &mark(0, 1)), "<0>");
    shell.sent(shell.unsent().len());
    shell.interrupt();
    assert!(shell.unsent().starts_with(b"\x03\n _dust_s=3:"));
    shell.sent(shell.unsent().len());
    let text = format!("\n{}{}", mark(130, 1), mark(0, 3));
    assert_eq!(feed(&mut shell, &text), "{1?}");
    // The terminal drops what was typed before an interrupt and not read.
    let mut shell = running("sleep 9");
    shell.input(b"lost");
    shell.sent(shell.unsent().len());
    shell.interrupt();
    shell.sent(shell.unsent().len());
    assert_eq!(feed(&mut shell, &mark(130, 1)), "<130>");
    assert_eq!(shell.state(), State::Idle);
}

#[test]
fn the_last_words_of_bash_are_no_output() {
    let end = |shell: &mut Shell| {
        let mut log = String::new();
        shell.finish(&mut |piece| {
            if let Piece::Output(bytes) = piece {
                log.push_str(&String::from_utf8_lossy(bytes));
            }
        });
        log
    };
    for (kind, command, said, shown) in [
        ("b", "echo a; exit 3", "a\nlogout\n", "a\n"),
        ("b", "printf a; exit", "alogout\n", "a"),
        ("b", "echo logout; exit", "logout\nlogout\n", "logout\n"),
        // The command's own words.
        ("b", "echo logout; kill $$", "logout\n", "logout\n"),
        ("b", "echo bye; kill $$", "bye\n", "bye\n"),
        ("", "echo a; exit", "a\nlogout\n", "a\nlogout\n"),
    ] {
        let mut shell = shell();
        feed(&mut shell, &format!("\u{1e}{N}:0:0:{kind}\u{1e}"));
        shell.command(command.as_bytes(), Stdin::Terminal);
        shell.sent(shell.unsent().len());
        let log = feed(&mut shell, said) + &end(&mut shell);
        assert_eq!(log, shown, "{command}");
    }
    // Where the shell goes on, it was output.
    let mut shell = shell();
    feed(&mut shell, &format!("\u{1e}{N}:0:0:b\u{1e}"));
    shell.command(b"echo logout; (exit 3)", Stdin::Terminal);
    shell.sent(shell.unsent().len());
    assert_eq!(feed(&mut shell, "logout\n"), "");
    assert_eq!(feed(&mut shell, &mark(3, 1)), "logout\n<3>");
}

#[test]
fn the_bootstrap_passes_through_single_quotes() {
    let text = bootstrap(
        &Nonce::new([1; 12]),
        &[("DUST_NODE", "w'\\!0$(x)\n".to_owned())],
    );
    assert!(!text.contains('\\') && !text.contains('!') && !text.contains('\n'));
    assert_eq!(text.matches('\'').count(), 18);
    assert!(text.contains("DUST_NODE=\"w0(x)\""));
}

proptest! {
    /// However the bytes are cut, the same is found.
    #[test]
    fn cuts_change_nothing(
        parts in proptest::collection::vec("[a\n\u{1e}0:+_ ]{0,20}", 0..8),
        at_mark in 0usize..8,
        cuts in proptest::collection::vec(1usize..9, 1..80),
    ) {
        let mut text = String::new();
        for (index, part) in parts.iter().enumerate() {
            text.push_str(part);
            if index == at_mark {
                text.push_str(&mark(5, 1));
            }
        }
        let mut whole = running("x");
        let expected = feed(&mut whole, &text);
        let mut cut = running("x");
        let mut log = String::new();
        let mut rest = text.as_bytes();
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            log.push_str(&feed(&mut cut, std::str::from_utf8(head).unwrap()));
            rest = tail;
        }
        let end = |shell: &mut Shell| {
            let mut text = String::new();
            shell.finish(&mut |piece| if let Piece::Output(bytes) = piece {
                text.push_str(&String::from_utf8_lossy(bytes));
            });
            text
        };
        prop_assert_eq!(expected + &end(&mut whole), log + &end(&mut cut));
    }
}
