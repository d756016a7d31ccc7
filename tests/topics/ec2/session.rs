//! The session that the project's first README tells of, line by line.

use std::fs;

use super::{Lab, NODES, all_are, lab};
use crate::support::pty::Pty;
use crate::support::shell::Shell;
use crate::support::{PATIENCE, wait_until};

/// The README's file, with what leads to these machines instead of Amazon's.
fn sample(lab: &Lab) {
    lab.file_with(
        "sample.cnf",
        &[("name", "democloud"), ("security_group", "")],
        "@master\ninstance_type=m3.medium\nimage=ami-896c96fe\n\n\
         @worker0\ninstance_type=t2.small \nimage=ami-3eb46b49\n\n\
         @worker1\ninstance_type=t2.small \nimage=ami-3eb46b49\n\n\
         @worker2\ninstance_type=t2.small \nimage=ami-3eb46b49\n",
    );
}

/// Stands for apt-get: it tells something, asks, and goes on.
const APT_GET: &str = "echo 'After this operation, 5,342 kB of additional disk space will be used.'\n\
     printf 'Do you want to continue? [Y/n] '\nread -r answer\necho \"answered $answer\"\n";

/// Each of the workers has printed this line since `mark`.
#[track_caller]
fn from_workers(pty: &mut Pty, mark: usize, line: &str) {
    for worker in 0..3 {
        pty.wait_raw(mark, &format!("[worker{worker}] {line}"));
    }
}

/// The rows of `show` that start with an index: name and state of each.
fn rows(pty: &Pty) -> Vec<(String, String)> {
    let states = [
        "absent",
        "pending",
        "running",
        "stopping",
        "stopped",
        "shutting-down",
    ];
    pty.rows()
        .iter()
        .filter_map(|row| {
            let words: Vec<&str> = row.split_whitespace().collect();
            words.first()?.parse::<usize>().ok()?;
            let state = words.iter().find(|word| states.contains(word))?;
            Some((words.get(1)?.to_string(), state.to_string()))
        })
        .collect()
}

/// `show`, on a screen with nothing else on it.
#[track_caller]
fn show(pty: &mut Pty, line: &str, wanted: &[(String, String)]) {
    pty.wait_prompt();
    pty.send("\x0c");
    pty.wait_for("a clear screen", |screen| {
        screen.contents().trim().lines().count() == 1
    });
    pty.command(line);
    pty.wait_prompt();
    assert_eq!(rows(pty), wanted, "{line}\n{}", pty.report());
}

fn are(names: &[&str], state: &str) -> Vec<(String, String)> {
    let pair = |name: &&str| ((*name).to_owned(), state.to_owned());
    names.iter().map(pair).collect()
}

#[test]
fn the_session_of_the_readme() {
    let lab = lab!();
    sample(&lab);
    fs::write(lab.sshd.home(Shell::Bash).join("apt-get"), APT_GET).unwrap();
    let workers = ["worker0", "worker1", "worker2"];
    let mut pty = lab.terminal();

    pty.command("load sample.cnf");
    pty.wait_row("dust:democloud$");
    show(&mut pty, "show", &all_are("absent"));
    assert!(
        lab.moto.instances().is_empty(),
        "load and show launch nothing"
    );

    pty.command("start");
    wait_until("all are launched", || {
        lab.moto.states() == all_are("running")
    });
    pty.wait_words(&["ready:", "master,worker[0-2]"]);
    pty.wait_prompt();
    for instance in lab.moto.instances() {
        assert_eq!(instance.tag("dust:cluster"), "democloud", "{instance:?}");
    }
    show(&mut pty, "show", &all_are("running"));
    let kinds: Vec<_> = pty.rows().iter().map(|r| r.contains("m3.medium")).collect();
    assert_eq!(
        kinds.iter().filter(|is| **is).count(),
        1,
        "{}",
        pty.report()
    );

    let mark = pty.mark();
    pty.command(r"@worker\* tail -2 /etc/resolv.conf");
    let resolv = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let last: Vec<&str> = resolv.lines().collect();
    for line in last.get(last.len().saturating_sub(2)..).unwrap_or_default() {
        from_workers(&mut pty, mark, line.trim_end());
    }

    for line in ["@worker[0-2]  ls -d /var/log", r"@w\*  ls -d /var/log"] {
        let mark = pty.mark();
        pty.command(line);
        from_workers(&mut pty, mark, "/var/log");
    }

    let mark = pty.mark();
    pty.command(r"@worker\* sh apt-get install nginx");
    from_workers(&mut pty, mark, "Do you want to continue? [Y/n]");
    pty.wait_prompt_busy();
    let mark = pty.mark();
    pty.line(r"@work\* Y");
    from_workers(&mut pty, mark, "answered Y");
    pty.wait_prompt();
    assert!(!pty.since(mark).contains("[master]"), "{}", pty.report());

    pty.command(r"stop worker\*");
    pty.wait_words(&["stop", "worker[0-2]", "[y/N]"]);
    pty.line("y");
    let stopped = [are(&["master"], "running"), are(&workers, "stopped")].concat();
    wait_until("the workers are stopped", || lab.moto.states() == stopped);
    pty.wait_words(&["stopped:", "worker[0-2]"]);
    show(&mut pty, "show state=stopped", &are(&workers, "stopped"));

    let mark = pty.mark();
    pty.command(r"@state=run\*  ls -d /var/log");
    pty.wait_raw(mark, "[master] /var/log");
    pty.wait_prompt();
    assert!(!pty.since(mark).contains("[worker"), "{}", pty.report());

    pty.command("start state=stopped");
    wait_until("the workers run", || {
        lab.moto.states() == all_are("running")
    });
    let mark = pty.mark();
    pty.command("@worker[0-2] echo back $DUST_NODE");
    for worker in workers {
        pty.wait_raw(mark, &format!("[{worker}] back {worker}"));
    }

    pty.command("stop master");
    pty.wait_words(&["stop", "master", "[y/N]"]);
    pty.line("y");
    let stopped = [are(&["master"], "stopped"), are(&workers, "running")].concat();
    wait_until("the master is stopped", || lab.moto.states() == stopped);
    pty.wait_words(&["stopped:", "master"]);
    pty.command("start state=stop*");
    wait_until("the master runs", || {
        lab.moto.states() == all_are("running")
    });

    pty.command("terminate worker[0-2]");
    pty.wait_words(&["terminate", "worker[0-2]", "[y/N]"]);
    pty.line("n");
    pty.wait_prompt();
    assert_eq!(lab.moto.states(), all_are("running"));
    pty.command("terminate worker[0-2]");
    pty.wait_words(&["terminate", "worker[0-2]", "[y/N]"]);
    pty.line("y");
    wait_until("the workers are gone", || {
        lab.moto.states() == are(&["master"], "running")
    });
    pty.wait_words(&["terminated:", "worker[0-2]"]);
    pty.command("refresh");
    let gone = [are(&["master"], "running"), are(&workers, "absent")].concat();
    show(&mut pty, "show", &gone);

    let before = lab.moto.the("master").id;
    pty.command("start");
    wait_until("all are back", || lab.moto.states() == all_are("running"));
    pty.wait_prompt();
    assert_eq!(lab.moto.the("master").id, before, "what runs is left alone");
    assert_eq!(lab.moto.instances().len(), 7, "three were terminated");

    pty.command("exit");
    assert_eq!(pty.wait_exit(), 0);
    pty.expect_restored();
}

/// The prompt takes lines while a start is under way.
#[test]
fn the_prompt_goes_on_while_ec2_is_slow() {
    use crate::support::faults::{Fault, When};
    let lab = lab!(NODES);
    lab.faults.on(When::any(), Fault::HoldBefore);
    let mut pty = lab.terminal();
    pty.command("!echo one $((40+2))");
    pty.wait_row("one 42");
    pty.wait_prompt();
    pty.line("start");
    pty.send("half a l");
    pty.wait_typed("half a l");
    lab.faults.clear();
    wait_until("all run", || lab.moto.states() == all_are("running"));
    pty.wait_within(PATIENCE, "the line is still there", |screen| {
        crate::support::pty::typed(screen).as_deref() == Some("half a l")
    });
    pty.send("\x15");
    pty.wait_prompt();
}
