//! Line mode at the prompt: what nodes print, and when, and what can be said to them.

use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::pty::{Pty, Terminal, has_row, typed};
use crate::support::run::says;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::wait_until;

/// Nodes worker0 … on bash, and the prompt in a terminal of 30 rows and 100 columns.
struct Lab {
    sshd: Sshd,
    env: Env,
    pty: Pty,
}

fn lab(count: u32) -> Lab {
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("worker", count));
    let mut pty = env.terminal_of(
        Terminal {
            rows: 30,
            cols: 100,
        },
        &["-f", &file],
    );
    pty.wait_prompt();
    Lab { sshd, env, pty }
}

#[test]
fn lines_are_printed_as_they_come() {
    need!("sshd", "ssh-keygen");
    let Lab {
        env,
        mut pty,
        sshd: _sshd,
    } = lab(2);
    let gate = env.work().join("gate");
    pty.command(&format!(
        "@worker* echo one; until test -e '{}'; do sleep 0.02; done; echo two",
        gate.display()
    ));
    pty.wait_row("[worker0] one");
    pty.wait_row("[worker1] one");
    assert!(!has_row(pty.screen(), "[worker0] two"));
    std::fs::write(&gate, "").unwrap();
    pty.wait_row("[worker0] two");
    pty.wait_row("[worker1] two");
    pty.wait_prompt();
}

#[test]
fn a_silent_node_delays_nobody() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(2);
    pty.command("@* test $DUST_NODE = worker1 && sleep 1000; echo from $DUST_NODE");
    pty.wait_row("[worker0] from worker0");
    pty.wait_prompt_busy();
    pty.line("@worker0 echo again");
    pty.wait_row("[worker0] again");
}

#[test]
fn an_unfinished_line_is_shown_and_answered() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(2);
    pty.command("@worker* printf 'Do you want to continue? [Y/n] '; read a; echo \"answer=$a\"");
    pty.wait_row("[worker0] Do you want to continue? [Y/n]");
    pty.wait_row("[worker1] Do you want to continue? [Y/n]");
    pty.line("@work\\* Y");
    pty.wait_for("both answers", |s| {
        s.contents().matches("answer=Y").count() == 2
    });
    pty.wait_prompt();
}

#[test]
fn a_password_is_typed_without_echo_and_kept_nowhere() {
    need!("sshd", "ssh-keygen");
    let Lab {
        sshd: _sshd,
        env,
        mut pty,
    } = lab(2);
    // As sudo asks.
    let script = env.file(
        "ask",
        "stty -echo; printf '[sudo] password for me: '; read -r p; stty echo; echo\n\
         test \"$p\" = 'se cret 42' && echo granted || echo denied\n",
    );
    pty.command(&format!("@worker* sh '{}'", script.display()));
    pty.wait_for("both questions", |s| {
        s.contents().matches("[sudo] password for me:").count() >= 2
    });
    let asked = pty.mark();
    pty.line("se cret 42");
    pty.wait_row("[worker0] granted");
    pty.wait_row("[worker1] granted");
    assert!(!pty.since(asked).contains("cret"), "{}", pty.report());
    pty.wait_prompt();
    // Neither is it found by going back, nor in a file.
    pty.send("\x10");
    pty.wait_for("a line of the history", |s| {
        typed(s).is_some_and(|line| !line.is_empty())
    });
    assert!(
        typed(pty.screen()).unwrap().starts_with("@worker* sh"),
        "{}",
        pty.report()
    );
    pty.send("\x15");
    pty.command("exit");
    pty.wait_exit();
    let found = env.bash("grep -rl 'se cret' \"$HOME\" \"$XDG_DATA_HOME\" \"$XDG_STATE_HOME\" \"$XDG_CONFIG_HOME\" \"$XDG_CACHE_HOME\"");
    assert_eq!(found.run().out(), "");
}

#[test]
fn ctrl_c_interrupts_the_last_target_alone() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(3);
    pty.command("@worker2 sh -c 'echo begun; exec sleep 1000'; echo never");
    pty.wait_row("[worker2] begun");
    pty.line("@worker[0-1] cd /usr/lib; sh -c 'echo begun; exec sleep 1000'; echo never");
    pty.wait_row("[worker0] begun");
    pty.wait_row("[worker1] begun");
    pty.send("\x03");
    for node in ["[worker0]", "[worker1]"] {
        pty.wait_any("the interrupt", &[&[node, "130"], &[node, "interrupted"]]);
    }
    // The shells stay.
    pty.line("@worker[0-1] echo \"in $PWD\"");
    pty.wait_row("[worker0] in /usr/lib");
    pty.wait_row("[worker1] in /usr/lib");
    pty.wait_prompt_busy();
    assert!(
        !says(&pty.history(), &["[worker2] exit"]),
        "{}",
        pty.report()
    );
}

#[test]
fn a_second_ctrl_c_names_who_is_still_busy() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(3);
    pty.command(
        "@* sh -c 'test $DUST_NODE = worker0 || trap \"\" INT; echo begun; exec sleep 1000'",
    );
    pty.wait_for("all begun", |s| {
        s.contents().matches("begun\n").count() >= 3
    });
    pty.send("\x03");
    pty.wait_any(
        "the interrupt",
        &[&["[worker0]", "130"], &["[worker0]", "interrupted"]],
    );
    pty.send("\x03");
    pty.wait_words(&["worker[1-2]"]);
}

#[test]
fn the_number_of_busy_nodes_is_shown() {
    need!("sshd", "ssh-keygen");
    let Lab {
        env,
        mut pty,
        sshd: _sshd,
    } = lab(3);
    let gate = env.work().join("gate");
    let wait = format!("until test -e '{}'; do sleep 0.02; done", gate.display());
    pty.command(&format!("@worker[1-2] {wait}"));
    pty.wait_for("a prompt with a 2", |s| {
        let (row, _) = s.cursor_position();
        let rows = crate::support::pty::rows(s);
        rows.get(usize::from(row))
            .is_some_and(|r| r.starts_with("dust") && r.contains('2'))
    });
    std::fs::write(&gate, "").unwrap();
    pty.wait_for("a prompt without", |s| {
        let (row, _) = s.cursor_position();
        let rows = crate::support::pty::rows(s);
        rows.get(usize::from(row)).is_some_and(|r| r == "dust:lab$")
    });
}

#[test]
fn control_sequences_of_nodes_do_not_reach_the_terminal() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(1);
    let before = pty.mark();
    pty.command(
        "@* printf '\\033]0;ev''il\\007a\\033[2Jb\\033]52;c;ZXZp''bA==\\007c\\033[1;1Hd\\033[?1049h\\033[6n\\n'; \
         printf '\\033[31mred\\033[0m plain\\n'; printf '\\033Pq;si''xel\\033\\\\x\\n'",
    );
    pty.wait_for("coloured text", |s| s.contents().contains("red plain"));
    pty.command("@* echo \"then $((40+2))\"");
    pty.wait_row("[worker0] then 42");
    let painted = pty.since(before);
    for bad in [
        "\x1b]0;evil",
        "\x1b[2J",
        "\x1b]52;",
        "\x1b[1;1H",
        "\x1b[?1049h",
        "\x1b[6n",
        "\x1bPq",
    ] {
        assert!(
            !painted.contains(bad),
            "{}\n{}",
            bad.escape_debug(),
            pty.report()
        );
    }
    assert!(!pty.screen().alternate_screen());
    assert!(
        says(&pty.history(), &["[worker0]", "a", "b", "c", "d"]),
        "{}",
        pty.report()
    );
    assert!(
        painted.contains("\x1b[31m") || painted.contains(";31m"),
        "{}",
        pty.report()
    );
}

#[test]
fn a_colour_that_is_left_on_stays_on_its_line() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(1);
    pty.command("@* printf '\\033[7;31mleft on\\nnext line\\n'");
    pty.wait_row("[worker0] next line");
    pty.wait_prompt();
    let screen = pty.screen();
    let (row, _) = screen.cursor_position();
    assert!(!screen.cell(row, 5).unwrap().inverse(), "{}", pty.report());
}

#[test]
fn nothing_printed_is_said_in_one_line() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(2);
    pty.command("@* true");
    pty.wait_any(
        "one line",
        &[&["worker[0-1]"], &["2 nodes"], &["all 2"], &["2 ok"]],
    );
    pty.wait_prompt();
    assert!(!has_row(pty.screen(), "[worker0]"), "{}", pty.report());
}

#[test]
fn targets_by_result() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(3);
    pty.command("@* test $DUST_NODE != worker1 || (exit 2)");
    pty.wait_words(&["[worker1] exit 2"]);
    pty.wait_prompt();
    pty.command("show %failed");
    pty.wait_words(&["worker1"]);
    pty.command("@%failed echo \"failed: $DUST_NODE\"; (exit 2)");
    pty.wait_row("[worker1] failed: worker1");
    pty.wait_for("its end", |s| {
        s.contents().matches("[worker1] exit 2").count() == 2
    });
    pty.command("@%rc=2 echo \"two: $DUST_NODE\"");
    pty.wait_row("[worker1] two: worker1");
    pty.command("@%last echo \"last: $DUST_NODE\"");
    pty.wait_row("[worker1] last: worker1");
    let all = pty.history();
    for wrong in [
        "failed: worker0",
        "two: worker0",
        "last: worker0",
        "failed: worker2",
    ] {
        assert!(!all.contains(wrong), "{wrong}\n{}", pty.report());
    }
}

#[test]
fn folded_output_is_shown_once_and_differences_on_demand() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(4);
    pty.command("set fold on");
    pty.command("@* echo common; test $DUST_NODE = worker2 && echo special; true");
    pty.wait_words(&["worker[0-1,3]", "(3)"]);
    pty.wait_words(&["special"]);
    pty.wait_prompt();
    assert_eq!(
        pty.rows().iter().filter(|row| *row == "common").count(),
        2,
        "{}",
        pty.report()
    );
    pty.command("diff");
    pty.wait_row("+special");
}

#[test]
fn a_folded_command_shows_what_there_is_on_ctrl_c() {
    need!("sshd", "ssh-keygen");
    let Lab {
        mut pty,
        sshd: _sshd,
        env: _env,
    } = lab(3);
    pty.command("@* true");
    pty.wait_prompt();
    pty.command("set fold on");
    pty.command("@* echo partial; test $DUST_NODE = worker0 || sleep 1000");
    pty.wait_prompt_busy();
    // worker0 has ended; that shows nowhere until the rest has, or until it is asked for.
    pty.send("\x03");
    pty.wait_words(&["partial"]);
}

#[test]
fn a_lost_connection_is_reported_and_made_again() {
    need!("sshd", "ssh-keygen");
    let Lab {
        sshd,
        env: _env,
        mut pty,
    } = lab(2);
    pty.command("@* x=1; echo begun; sleep 1000");
    pty.wait_for("both begun", |s| {
        s.contents().matches("begun\n").count() >= 2
    });
    sshd.drop_connections();
    for node in ["worker0", "worker1"] {
        pty.wait_any(
            "the loss",
            &[&[node, "lost"], &[node, "closed"], &[node, "reset"]],
        );
    }
    wait_until("the connections are gone", || sshd.connections() == 0);
    pty.command("@* echo \"anew <$x>\"");
    pty.wait_row("[worker0] anew <>");
    pty.wait_row("[worker1] anew <>");
}

#[test]
fn an_idle_connection_that_is_lost_is_no_reason_for_noise_later() {
    need!("sshd", "ssh-keygen");
    let Lab {
        sshd,
        env: _env,
        mut pty,
    } = lab(1);
    pty.command("@* echo first");
    pty.wait_row("[worker0] first");
    sshd.drop_connections();
    pty.wait_words(&["worker0", "lost"]);
    pty.command("@* echo second");
    pty.wait_row("[worker0] second");
    pty.wait_prompt();
    assert_eq!(
        pty.history().matches("[worker0] second").count(),
        1,
        "{}",
        pty.report()
    );
}

#[test]
fn connections_are_opened_once_and_kept() {
    need!("sshd", "ssh-keygen");
    let Lab {
        sshd,
        env: _env,
        mut pty,
    } = lab(3);
    for word in ["one", "two", "three"] {
        pty.command(&format!("@* echo $((40+2)) {word}"));
        for i in 0..3 {
            pty.wait_row(&format!("[worker{i}] 42 {word}"));
        }
    }
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 3);
    assert_eq!(sshd.connections(), 3);
    pty.command("disconnect worker1");
    wait_until("one is closed", || sshd.connections() == 2);
    pty.command("exit");
    assert_eq!(pty.wait_exit(), 0);
    wait_until("all are closed", || sshd.connections() == 0);
}

#[test]
fn what_is_queued_for_a_node_is_sent_once_and_in_order() {
    need!("sshd", "ssh-keygen");
    let Lab { sshd, env, mut pty } = lab(1);
    let count = env.work().join("count");
    // All of it at once, before there is a connection.
    let one = format!("@* echo x >> '{}'\r", count.display());
    pty.send(one.repeat(5) + "@* echo \"done $((40+2))\"\r");
    pty.wait_row("[worker0] done 42");
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n".repeat(5));
    assert_eq!(sshd.connections(), 1);
}

#[test]
fn many_nodes_with_different_shells_answer_one_command() {
    need!(
        "sshd",
        "ssh-keygen",
        "zsh",
        "dash",
        "busybox",
        "mksh",
        "fish",
        "tcsh"
    );
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes: Vec<_> = Shell::ALL
        .iter()
        .map(|shell| sshd.node(shell.word(), *shell))
        .collect();
    let file = env.cluster(&nodes);
    let run = env
        .dust(&[
            "-f",
            &file,
            "@*",
            "for i in 1 2; do echo $DUST_NODE $i; done; (exit 4)",
        ])
        .run()
        .expect_code(4);
    for shell in Shell::ALL {
        let word = shell.word();
        assert_eq!(
            run.lines_of(word),
            [format!("{word} 1"), format!("{word} 2")]
        );
    }
}
