//! Line mode at the prompt: what nodes print, and when, and what can be said to them.

use crate::support::deps::{have, need};
use crate::support::env::Env;
use crate::support::pty::{Pty, has_row, typed};
use crate::support::run::says;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::wait_until;

/// Nodes worker0 … on bash, and the prompt.
struct Lab {
    pty: Pty,
    env: Env,
    sshd: Sshd,
}

fn lab(count: u32) -> Option<Lab> {
    if !have(&["sshd", "ssh-keygen"]) {
        return None;
    }
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("worker", count));
    let pty = env.prompt(&file);
    Some(Lab { pty, env, sshd })
}

#[test]
fn lines_are_printed_as_they_come() {
    let Some(mut lab) = lab(2) else {
        return;
    };
    let gate = lab.env.work().join("gate");
    lab.pty.command(&format!(
        "@worker* echo one; until test -e '{}'; do sleep 0.02; done; echo two",
        gate.display()
    ));
    lab.pty.wait_row("[worker0] one");
    lab.pty.wait_row("[worker1] one");
    assert!(!has_row(lab.pty.screen(), "[worker0] two"));
    std::fs::write(&gate, "").unwrap();
    lab.pty.wait_row("[worker0] two");
    lab.pty.wait_row("[worker1] two");
    lab.pty.wait_prompt();
}

#[test]
fn a_silent_node_delays_nobody() {
    let Some(mut lab) = lab(2) else {
        return;
    };
    lab.pty
        .command("@* test $DUST_NODE = worker1 && sleep 1000; echo from $DUST_NODE");
    lab.pty.wait_row("[worker0] from worker0");
    lab.pty.wait_prompt_busy();
    lab.pty.line("@worker0 echo again");
    lab.pty.wait_row("[worker0] again");
}

#[test]
fn an_unfinished_line_is_shown_and_answered() {
    let Some(mut lab) = lab(2) else {
        return;
    };
    lab.pty
        .command("@worker* printf 'Do you want to continue? [Y/n] '; read a; echo \"answer=$a\"");
    lab.pty.wait_row("[worker0] Do you want to continue? [Y/n]");
    lab.pty.wait_row("[worker1] Do you want to continue? [Y/n]");
    lab.pty.line("@work\\* Y");
    lab.pty.wait_for("both answers", |s| {
        s.contents().matches("answer=Y").count() == 2
    });
    lab.pty.wait_prompt();
}

#[test]
fn a_password_is_typed_without_echo_and_kept_nowhere() {
    let Some(mut lab) = lab(2) else {
        return;
    };
    // As sudo asks.
    let script = lab.env.file(
        "ask",
        "stty -echo; printf '[sudo] password for me: '; read -r p; stty echo; echo\n\
         test \"$p\" = 'se cret 42' && echo granted || echo denied\n",
    );
    lab.pty
        .command(&format!("@worker* sh '{}'", script.display()));
    lab.pty.wait_for("both questions", |s| {
        s.contents().matches("[sudo] password for me:").count() >= 2
    });
    let asked = lab.pty.mark();
    lab.pty.line("se cret 42");
    lab.pty.wait_row("[worker0] granted");
    lab.pty.wait_row("[worker1] granted");
    assert!(
        !lab.pty.since(asked).contains("cret"),
        "{}",
        lab.pty.report()
    );
    lab.pty.wait_prompt();
    // Neither is it found by going back, nor in a file.
    lab.pty.send("\x10");
    lab.pty.wait_for("a line of the history", |s| {
        typed(s).is_some_and(|line| !line.is_empty())
    });
    assert!(
        typed(lab.pty.screen()).unwrap().starts_with("@worker* sh"),
        "{}",
        lab.pty.report()
    );
    lab.pty.send("\x15");
    lab.pty.command("exit");
    lab.pty.wait_exit();
    let found = lab.env.bash("grep -rl 'se cret' \"$HOME\" \"$XDG_DATA_HOME\" \"$XDG_STATE_HOME\" \"$XDG_CONFIG_HOME\" \"$XDG_CACHE_HOME\"");
    assert_eq!(found.run().out(), "");
}

#[test]
fn ctrl_c_interrupts_the_last_target_alone() {
    let Some(mut lab) = lab(3) else {
        return;
    };
    lab.pty
        .command("@worker2 sh -c 'echo begun; exec sleep 1000'; echo never");
    lab.pty.wait_row("[worker2] begun");
    lab.pty
        .line("@worker[0-1] cd /usr/lib; sh -c 'echo begun; exec sleep 1000'; echo never");
    lab.pty.wait_row("[worker0] begun");
    lab.pty.wait_row("[worker1] begun");
    lab.pty.send("\x03");
    for node in ["[worker0]", "[worker1]"] {
        lab.pty
            .wait_any("the interrupt", &[&[node, "130"], &[node, "interrupted"]]);
    }
    // The shells stay.
    lab.pty.line("@worker[0-1] echo \"in $PWD\"");
    lab.pty.wait_row("[worker0] in /usr/lib");
    lab.pty.wait_row("[worker1] in /usr/lib");
    lab.pty.wait_prompt_busy();
    assert!(
        !says(&lab.pty.history(), &["[worker2] exit"]),
        "{}",
        lab.pty.report()
    );
}

#[test]
fn a_second_ctrl_c_names_who_is_still_busy() {
    let Some(mut lab) = lab(3) else {
        return;
    };
    lab.pty.command(
        "@* sh -c 'test $DUST_NODE = worker0 || trap \"\" INT; echo begun; exec sleep 1000'",
    );
    lab.pty.wait_for("all begun", |s| {
        s.contents().matches("begun\n").count() >= 3
    });
    lab.pty.send("\x03");
    lab.pty.wait_any(
        "the interrupt",
        &[&["[worker0]", "130"], &["[worker0]", "interrupted"]],
    );
    lab.pty.send("\x03");
    lab.pty.wait_words(&["worker[1-2]"]);
}

#[test]
fn the_number_of_busy_nodes_is_shown() {
    let Some(mut lab) = lab(3) else {
        return;
    };
    let gate = lab.env.work().join("gate");
    let wait = format!("until test -e '{}'; do sleep 0.02; done", gate.display());
    lab.pty.command(&format!("@worker[1-2] {wait}"));
    lab.pty.wait_for("a prompt with a 2", |s| {
        let (row, _) = s.cursor_position();
        let rows = crate::support::pty::rows(s);
        rows.get(usize::from(row))
            .is_some_and(|r| r.starts_with("dust") && r.contains('2'))
    });
    std::fs::write(&gate, "").unwrap();
    lab.pty.wait_for("a prompt without", |s| {
        let (row, _) = s.cursor_position();
        let rows = crate::support::pty::rows(s);
        rows.get(usize::from(row)).is_some_and(|r| r == "dust:lab$")
    });
}

#[test]
fn control_sequences_of_nodes_do_not_reach_the_terminal() {
    let Some(mut lab) = lab(1) else {
        return;
    };
    let before = lab.pty.mark();
    lab.pty.command(
        "@* printf '\\033]0;ev''il\\007a\\033[2Jb\\033]52;c;ZXZp''bA==\\007c\\033[1;1Hd\\033[?1049h\\033[6n\\n'; \
         printf '\\033[31mred\\033[0m plain\\n'; printf '\\033Pq;si''xel\\033\\\\x\\n'",
    );
    lab.pty
        .wait_for("coloured text", |s| s.contents().contains("red plain"));
    lab.pty.command("@* echo \"then $((40+2))\"");
    lab.pty.wait_row("[worker0] then 42");
    let painted = lab.pty.since(before);
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
            lab.pty.report()
        );
    }
    assert!(!lab.pty.screen().alternate_screen());
    assert!(
        says(&lab.pty.history(), &["[worker0]", "a", "b", "c", "d"]),
        "{}",
        lab.pty.report()
    );
    assert!(
        painted.contains("\x1b[31m") || painted.contains(";31m"),
        "{}",
        lab.pty.report()
    );
}

#[test]
fn a_colour_that_is_left_on_stays_on_its_line() {
    let Some(mut lab) = lab(1) else {
        return;
    };
    lab.pty
        .command("@* printf '\\033[7;31mleft on\\nnext line\\n'");
    lab.pty.wait_row("[worker0] next line");
    lab.pty.wait_prompt();
    let screen = lab.pty.screen();
    let (row, _) = screen.cursor_position();
    assert!(
        !screen.cell(row, 5).unwrap().inverse(),
        "{}",
        lab.pty.report()
    );
}

#[test]
fn nothing_printed_is_said_in_one_line() {
    let Some(mut lab) = lab(2) else {
        return;
    };
    lab.pty.command("@* true");
    lab.pty.wait_any(
        "one line",
        &[&["worker[0-1]"], &["2 nodes"], &["all 2"], &["2 ok"]],
    );
    lab.pty.wait_prompt();
    assert!(
        !has_row(lab.pty.screen(), "[worker0]"),
        "{}",
        lab.pty.report()
    );
}

#[test]
fn targets_by_result() {
    let Some(mut lab) = lab(3) else {
        return;
    };
    lab.pty.command("@* test $DUST_NODE != worker1 || (exit 2)");
    lab.pty.wait_words(&["[worker1] exit 2"]);
    lab.pty.wait_prompt();
    lab.pty.command("show %failed");
    lab.pty.wait_words(&["worker1"]);
    lab.pty
        .command("@%failed echo \"failed: $DUST_NODE\"; (exit 2)");
    lab.pty.wait_row("[worker1] failed: worker1");
    lab.pty.wait_for("its end", |s| {
        s.contents().matches("[worker1] exit 2").count() == 2
    });
    lab.pty.command("@%rc=2 echo \"two: $DUST_NODE\"");
    lab.pty.wait_row("[worker1] two: worker1");
    lab.pty.command("@%last echo \"last: $DUST_NODE\"");
    lab.pty.wait_row("[worker1] last: worker1");
    let all = lab.pty.history();
    for wrong in [
        "failed: worker0",
        "two: worker0",
        "last: worker0",
        "failed: worker2",
    ] {
        assert!(!all.contains(wrong), "{wrong}\n{}", lab.pty.report());
    }
}

#[test]
fn folded_output_is_shown_once_and_differences_on_demand() {
    let Some(mut lab) = lab(4) else {
        return;
    };
    lab.pty.command("set fold on");
    lab.pty
        .command("@* echo common; test $DUST_NODE = worker2 && echo special; true");
    lab.pty.wait_words(&["worker[0-1,3]", "(3)"]);
    lab.pty.wait_words(&["special"]);
    lab.pty.wait_prompt();
    assert_eq!(
        lab.pty.rows().iter().filter(|row| *row == "common").count(),
        2,
        "{}",
        lab.pty.report()
    );
    lab.pty.command("diff");
    lab.pty.wait_row("+special");
}

#[test]
fn a_folded_command_shows_what_there_is_on_ctrl_c() {
    let Some(mut lab) = lab(3) else {
        return;
    };
    lab.pty.command("@* true");
    lab.pty.wait_prompt();
    lab.pty.command("set fold on");
    lab.pty
        .command("@* echo partial; test $DUST_NODE = worker0 || sleep 1000");
    lab.pty.wait_prompt_busy();
    // worker0 has ended; that shows nowhere until the rest has, or until it is asked for.
    lab.pty.send("\x03");
    lab.pty.wait_words(&["partial"]);
}

#[test]
fn a_lost_connection_is_reported_and_made_again() {
    let Some(mut lab) = lab(2) else {
        return;
    };
    lab.pty.command("@* x=1; echo begun; sleep 1000");
    lab.pty.wait_for("both begun", |s| {
        s.contents().matches("begun\n").count() >= 2
    });
    lab.sshd.drop_connections();
    for node in ["worker0", "worker1"] {
        lab.pty.wait_any(
            "the loss",
            &[&[node, "lost"], &[node, "closed"], &[node, "reset"]],
        );
    }
    wait_until("the connections are gone", || lab.sshd.connections() == 0);
    lab.pty.command("@* echo \"anew <$x>\"");
    lab.pty.wait_row("[worker0] anew <>");
    lab.pty.wait_row("[worker1] anew <>");
}

#[test]
fn an_idle_connection_that_is_lost_is_no_reason_for_noise_later() {
    let Some(mut lab) = lab(1) else {
        return;
    };
    lab.pty.command("@* echo first");
    lab.pty.wait_row("[worker0] first");
    lab.sshd.drop_connections();
    lab.pty.wait_words(&["worker0", "lost"]);
    lab.pty.command("@* echo second");
    lab.pty.wait_row("[worker0] second");
    lab.pty.wait_prompt();
    assert_eq!(
        lab.pty.history().matches("[worker0] second").count(),
        1,
        "{}",
        lab.pty.report()
    );
}

#[test]
fn connections_are_opened_once_and_kept() {
    let Some(mut lab) = lab(3) else {
        return;
    };
    for word in ["one", "two", "three"] {
        lab.pty.command(&format!("@* echo $((40+2)) {word}"));
        for i in 0..3 {
            lab.pty.wait_row(&format!("[worker{i}] 42 {word}"));
        }
    }
    assert_eq!(lab.sshd.log().matches("Accepted publickey").count(), 3);
    assert_eq!(lab.sshd.connections(), 3);
    lab.pty.command("disconnect worker1");
    wait_until("one is closed", || lab.sshd.connections() == 2);
    lab.pty.command("exit");
    assert_eq!(lab.pty.wait_exit(), 0);
    wait_until("all are closed", || lab.sshd.connections() == 0);
}

#[test]
fn what_is_queued_for_a_node_is_sent_once_and_in_order() {
    let Some(mut lab) = lab(1) else {
        return;
    };
    let count = lab.env.work().join("count");
    // All of it at once, before there is a connection.
    let one = format!("@* echo x >> '{}'\r", count.display());
    lab.pty.send(one.repeat(5) + "@* echo \"done $((40+2))\"\r");
    lab.pty.wait_row("[worker0] done 42");
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n".repeat(5));
    assert_eq!(lab.sshd.connections(), 1);
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
