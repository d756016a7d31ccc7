//! Raw shells as a person uses them: into a node's shell, out of it by three times Ctrl-C, back to
//! the same screen (SPEC: "Raw shells and sessions"). How each login shell takes it: `rawshells`.

mod screens;

use crate::support::deps::need;
use crate::support::env::DUST;
use crate::support::lab::{DETACH, Lab, TERMINAL, enter, leave, wait_shell};
use crate::support::pty::{Pty, has_row, row_with_cursor, rows, typed};
use crate::support::shell::Shell;
use crate::support::wait_until;
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn it_is_the_shell_of_line_mode() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    let mut pty = lab.prompt();
    pty.command("@a cd /usr/lib; x=5; f() { echo \"f $x $y\"; }");
    enter(&mut pty, "@a", "<lib>");
    pty.line("f; y=6; cd /usr/bin");
    pty.wait_row("f 5");
    wait_shell(&mut pty, "<bin>");
    // Completion is the node's own.
    pty.send("cd /usr/sha\t");
    pty.wait_for("the completed word", |screen| {
        row_with_cursor(screen).trim_end() == "<bin> cd /usr/share/"
    });
    pty.send("\r");
    wait_shell(&mut pty, "<share>");
    leave(&mut pty, "a");
    pty.command("@* f; pwd");
    pty.wait_row("[a] f 5 6");
    pty.wait_row("[a] /usr/share");
    pty.wait_row("[b] bash: f: command not found");
    enter(&mut pty, "@a", "<share>");
    pty.line("exit 3");
    pty.wait_row("[a] its shell ended (exit 3)");
    // The next use opens another one.
    pty.command("@a echo \"[$x]\"");
    pty.wait_row("[a] []");
}

#[test]
fn what_runs_goes_on_in_the_background() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    let mark = lab.env.work().join("mark");
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    let line = format!(
        "echo begun; until [ -e {} ]; do sleep 0.05; done; echo over",
        mark.display()
    );
    pty.line(&line);
    pty.wait_row("begun");
    leave(&mut pty, "a");
    pty.command("sessions");
    pty.wait_for("what runs there", |screen| {
        rows(screen)
            .iter()
            .any(|row| row.starts_with("a ") && row.ends_with(" -"))
    });
    // Lines are not typed into what runs there; others get theirs.
    pty.command("@* echo hello");
    pty.wait_row("[b] hello");
    pty.wait_for("a says why not", |screen| {
        let said = |row: &String| row.starts_with("[a] not run: ") && row.contains("@a returns");
        rows(screen).iter().any(said)
    });
    lab.env.file("mark", "");
    pty.wait_prompt();
    let mut told = String::new();
    for _ in 0..100 {
        pty.command("sessions");
        pty.wait_prompt();
        told = pty.rows().join("\n");
        if told.contains("yes") {
            break;
        }
    }
    assert!(told.contains("yes"), "{told}");
    pty.send("@a\r");
    pty.wait_row("over");
    wait_shell(&mut pty, "<~>");
    leave(&mut pty, "a");
    // At its prompt it takes lines again.
    pty.command("@a echo again");
    pty.wait_row("[a] again");
}

#[test]
fn one_or_two_interrupts_reach_what_runs() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    // It says so again and again: what is printed in the instant of an interrupt, terminals drop.
    pty.line("bash -c 'n=0; trap \"n=\\$((n+1))\" INT; while :; do printf \"\\rgot %s \" $n; sleep 0.05; done'");
    let got = |pty: &mut Pty, wanted: &[u32]| {
        pty.wait_for("so many interrupts", |screen| {
            let text = screen.contents();
            wanted.iter().any(|n| text.contains(&format!("got {n} ")))
        });
    };
    got(&mut pty, &[0]);
    pty.send("\x03");
    got(&mut pty, &[1]);
    pty.send("\x03x");
    got(&mut pty, &[2]);
    // Pasted ones are text; some of several at once may be one to a process.
    pty.send("\x1b[200~\x03\x03\x03\x1b[201~");
    got(&mut pty, &[3, 4, 5]);
    assert!(!has_row(pty.screen(), "[detached a; @a returns]"));
    lab.env.dust(&["detach", "a"]).run().expect_code(0);
    pty.wait_row("[detached a; @a returns]");
}

#[test]
fn the_keys_that_leave_are_settings() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    pty.command("set detach-key ^B");
    enter(&mut pty, "@a", "<~>");
    pty.send("\x02\x02\x02");
    pty.wait_row("[detached a; @a returns]");
    pty.command("set detach off");
    enter(&mut pty, "@a", "<~>");
    pty.send("echo left\x02\x02\x02\x02[\r");
    pty.wait_row("[left");
    wait_shell(&mut pty, "<~>");
    // As ssh ends; two of them are one.
    pty.send("~~x\x15\r~.");
    pty.wait_for("the prompt", |screen| typed(screen).is_some());
    pty.command("set detach-tilde off");
    pty.wait_prompt();
}

#[test]
fn a_half_typed_line_is_not_run() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    pty.send("echo never > never");
    pty.wait_for("what was typed", |screen| {
        row_with_cursor(screen).ends_with("echo never > never")
    });
    leave(&mut pty, "a");
    pty.command("@a ls never");
    pty.wait_for("no file", |screen| {
        rows(screen).iter().any(|row| row.starts_with("[a] exit 2"))
    });
}

#[test]
fn somebody_attaches_to_a_command_of_line_mode() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    pty.wait_prompt();
    pty.send("@a read -p 'name? ' n; echo \"hello $n\"\r");
    pty.wait_row("[a] name?");
    pty.send("@a\r");
    pty.wait_for("its screen", |screen| row_with_cursor(screen).is_empty());
    pty.send("dust\r");
    pty.wait_row("hello dust");
    // It has ended: here is its shell, below what it printed.
    wait_shell(&mut pty, "<~>");
    assert!(has_row(pty.screen(), "hello dust"), "{}", pty.report());
    leave(&mut pty, "a");
    pty.command("@a echo $n");
    pty.wait_row("[a] dust");
}

#[test]
fn the_size_follows() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    pty.line("stty size");
    pty.wait_row("30 100");
    pty.resize(24, 90);
    pty.line("clear; until [ \"$(stty size)\" = '24 90' ]; do sleep 0.02; done; echo follows");
    pty.wait_row("follows");
    wait_shell(&mut pty, "<~>");
    leave(&mut pty, "a");
    // In line mode lines have a prefix.
    pty.command("@a stty size");
    pty.wait_row("[a] 24 86");
    pty.resize(20, 70);
    enter(&mut pty, "@a", "<~>");
    pty.line("stty size");
    pty.wait_row("20 70");
}

#[test]
fn a_lost_connection_returns_to_the_prompt() {
    need!("sshd", "bash", "less");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    pty.line("seq 100 | less -X");
    pty.wait_row("23");
    pty.send("\x1b[?1003h");
    lab.sshd.drop_connections();
    pty.wait_for("the reason", |screen| {
        rows(screen)
            .iter()
            .any(|row| row.starts_with("[a] connection lost: "))
    });
    pty.wait_prompt();
    pty.command("@a echo back");
    pty.wait_row("[a] back");
}

#[test]
fn a_raw_shell_survives_its_terminal() {
    need!("sshd", "bash", "less");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    pty.line("seq 100 | less");
    pty.wait_row("23");
    pty.signal(Signal::SIGKILL);
    pty.wait_exit();
    let mut pty = lab.another();
    pty.wait_row("23");
    assert!(pty.screen().alternate_screen());
    pty.send("G");
    pty.wait_row("100");
    pty.send("q");
    wait_shell(&mut pty, "<~>");
    // From elsewhere, by name.
    lab.env.dust(&["detach", "a"]).run().expect_code(0);
    pty.wait_row("[detached a; @a returns]");
    pty.wait_prompt();
    lab.env.dust(&["detach", "a"]).run().expect_code(1);
    pty.send("exit\r");
    pty.wait_exit();
    pty.expect_restored();
}

#[test]
fn what_scrolls_off_in_the_background_is_in_the_terminals_scrollback() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    pty.command("set scrollback 60");
    enter(&mut pty, "@a", "<~>");
    let once = |pty: &mut Pty, text: &str| {
        let history = pty.history();
        history.lines().filter(|line| *line == text).count()
    };
    let prints = |pty: &mut Pty, first: u32, last: u32| {
        let go = lab.env.work().join(format!("go{first}"));
        pty.line(&format!(
            "echo begun {first}; until [ -e {} ]; do sleep 0.02; done; \
             seq -f 'row %g' {first} {last}; touch {}",
            go.display(),
            go.with_extension("over").display(),
        ));
        pty.wait_row(&format!("begun {first}"));
        go
    };
    let over = |go: &std::path::Path| {
        std::fs::write(go, "").unwrap();
        let over = go.with_extension("over");
        wait_until("all is printed", || over.exists());
    };
    // What was seen before is not shown a second time, nor what was kept once.
    pty.line("seq -f 'old %g' 1 50");
    pty.wait_row("old 50");
    for (first, last) in [(1, 40), (41, 80)] {
        let go = prints(&mut pty, first, last);
        leave(&mut pty, "a");
        over(&go);
        pty.send("@a\r");
        pty.wait_row(&format!("row {last}"));
        wait_shell(&mut pty, "<~>");
        for n in first..=last {
            assert_eq!(once(&mut pty, &format!("row {n}")), 1, "row {n}");
        }
    }
    assert_eq!(once(&mut pty, "old 3"), 1);
    // Nobody is there at all; more than is kept; another terminal, whose screen stays above it.
    let go = prints(&mut pty, 101, 300);
    pty.signal(Signal::SIGKILL);
    pty.wait_exit();
    over(&go);
    let mut command = lab.env.command("bash");
    command.args(["-c", &format!("echo mine; exec {DUST} attach")]);
    let mut pty = Pty::spawn(command, TERMINAL);
    pty.wait_row("row 300");
    wait_shell(&mut pty, "<~>");
    assert_eq!(once(&mut pty, "row 101"), 0);
    for n in 220..=300 {
        assert_eq!(once(&mut pty, &format!("row {n}")), 1, "row {n}");
    }
    assert_eq!(once(&mut pty, "mine"), 1);
    // A second terminal on the same shell has no need of it.
    let mut second = lab.another();
    second.wait_row("row 300");
    assert_eq!(once(&mut second, "row 260"), 0);
}

#[test]
fn what_others_print_waits_for_the_prompt() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    let go = lab.env.work().join("go");
    let mut pty = lab.prompt();
    pty.wait_prompt();
    pty.send(format!(
        "@b until [ -e {} ]; do sleep 0.02; done; echo from b\r",
        go.display()
    ));
    pty.wait_prompt_busy();
    pty.send("@a\r");
    wait_shell(&mut pty, "<~>");
    lab.env.file("go", "");
    pty.line("echo from a");
    pty.wait_row("from a");
    wait_shell(&mut pty, "<~>");
    assert!(!has_row(pty.screen(), "[b] from b"));
    pty.send(DETACH);
    pty.wait_row("[b] from b");
    pty.wait_prompt();
}

#[test]
fn a_flood_passes_and_its_end_is_seen() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    pty.send("seq 1 1000000; echo LA''ST\r");
    pty.pour(b"LAST\r\n", Duration::from_secs(60));
    wait_shell(&mut pty, "<~>");
    let go = lab.env.work().join("go");
    pty.line(&format!(
        "clear; echo ready; until [ -e {} ]; do sleep 0.02; done; seq 1 300000",
        go.display()
    ));
    pty.wait_row("ready");
    leave(&mut pty, "a");
    lab.env.file("go", "");
    pty.command("sessions");
    pty.wait_prompt();
    // Nobody looked while it came.
    pty.send("@a\r");
    pty.wait_row("300000");
    wait_shell(&mut pty, "<~>");
    assert!(has_row(pty.screen(), "299980"));
}

#[test]
fn only_one_node_has_a_terminal() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    let mut pty = lab.prompt();
    pty.command("@*");
    pty.wait_for("the error", |screen| {
        rows(screen)
            .join(" ")
            .contains("a raw shell is of one node: a,b are 2")
    });
    lab.env.dust(&["-f", &lab.file, "@a"]).run().expect_code(2);
    assert_eq!(typed(pty.screen()).as_deref(), Some(""));
}

#[test]
fn a_terminal_of_one_cell() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.prompt();
    enter(&mut pty, "@a", "<~>");
    pty.resize(1, 1);
    pty.send("until [ \"$(stty size)\" = '1 1' ]; do sleep 0.02; done; echo > tiny\r");
    let seen = lab.sshd.home(Shell::Bash).join("tiny");
    wait_until("the node has the size", || seen.exists());
    pty.resize(24, 80);
    pty.send("clear; echo large\r");
    pty.wait_row("large");
}
