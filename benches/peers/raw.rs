//! Raw shells: how long a key takes to be painted, how fast output flows, how fast a screen comes
//! back; dust beside ssh alone and tmux, each on the same node. And many shells in the background.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::{Lab, Ssh};
use crate::measure::{median, process_cpu, tree_memory};
use crate::support::proc;
use crate::support::pty::{Pty, Terminal};
use crate::table::{Table, milliseconds, ratio, seconds};

/// Keys that are typed in each turn.
const KEYS: u32 = 200;
/// Turns of each program, one after another.
const TURNS: usize = 5;
/// What is printed for the throughput, in bytes.
const FLOOD: u64 = 100_000_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// A large terminal.
const TERMINAL: Terminal = Terminal {
    rows: 60,
    cols: 200,
};

/// What one program took.
#[derive(Default)]
struct Row {
    echo: Vec<Duration>,
    flood: Vec<Duration>,
    back: Vec<Duration>,
}

pub(crate) fn raw(lab: &Lab) {
    let text = lab.env.work().join("flood");
    std::fs::write(&text, flood()).unwrap();
    let names = ["ssh", "dust", "dust --no-session", "tmux and ssh"];
    let mut rows: Vec<Row> = names.iter().map(|_| Row::default()).collect();
    for _ in 0..TURNS {
        for (name, row) in names.iter().zip(&mut rows) {
            let Some(mut pty) = shell(lab, name) else {
                continue;
            };
            row.echo.push(echo(&mut pty));
            if *name != "tmux and ssh" {
                // tmux drops what a terminal does not take in time: that is no throughput.
                pty.send(format!("cat {}; echo EN''D\r", text.display()));
                let started = Instant::now();
                pty.pour(b"END\r\n", PATIENCE);
                row.flood.push(started.elapsed());
            }
            if *name != "ssh" && *name != "dust --no-session" {
                row.back.extend(back(lab, name, &mut pty));
            }
            end(lab, name, &pty);
        }
    }
    let mut table = Table::new(
        &format!(
            "raw shell, medians of {TURNS}: a key until it is painted; 100 MB; attach again at 200x60"
        ),
        &[
            "program",
            "key ms",
            "more than ssh",
            "MB/s",
            "of ssh",
            "back ms",
        ],
    );
    let (echo, flow) = (median(&rows[0].echo), median(&rows[0].flood));
    for (name, row) in names.iter().zip(&rows) {
        let key = median(&row.echo);
        let more = key.zip(echo).map(|(key, ssh)| key.saturating_sub(ssh));
        let rate = |time: Duration| format!("{:.0}", FLOOD as f64 / 1e6 / time.as_secs_f64());
        let taken = median(&row.flood);
        let dash = || "-".to_owned();
        table.row(vec![
            (*name).to_owned(),
            key.map_or_else(dash, milliseconds),
            more.map_or_else(dash, milliseconds),
            taken.map_or_else(dash, rate),
            taken.map_or_else(dash, |time| {
                ratio(
                    flow.map_or(0.0, |ssh| ssh.as_secs_f64()),
                    Some(time.as_secs_f64()),
                )
            }),
            median(&row.back).map_or_else(dash, milliseconds),
        ]);
    }
    table.print();
}

/// Lines of text, as a log file has them.
fn flood() -> String {
    let mut text = String::new();
    let mut line = 0;
    while text.len() < usize::try_from(FLOOD).unwrap() {
        line += 1;
        writeln!(
            text,
            "{line:08} the quick brown fox jumps over the lazy dog and writes it down"
        )
        .unwrap();
    }
    text
}

/// A shell on the first node, in a terminal; None: the program is not there.
fn shell(lab: &Lab, name: &str) -> Option<Pty> {
    let mut pty = match name {
        "ssh" => Pty::spawn(ssh(lab), TERMINAL),
        "tmux and ssh" => {
            let tmux = crate::lab::real_path("tmux")?;
            let mut command = lab.command(&tmux);
            let line = format!("ssh -F {} {}", lab.config(Ssh::Gcm), lab.host(0));
            command.args(["-S", &socket(lab), "-f", "/dev/null", "new-session", &line]);
            Pty::spawn(command, TERMINAL)
        },
        _ => {
            let mut command = lab.command(&lab.dust);
            if name.contains("no-session") {
                command.arg("--no-session");
            }
            command.args(["-f", &lab.cluster(1)]);
            let mut pty = Pty::spawn(command, TERMINAL);
            pty.wait_prompt();
            pty.send("@n0\r");
            pty
        },
    };
    pty.wait_for("a shell", |screen| {
        let row = crate::support::pty::row_with_cursor(screen);
        row.ends_with(['$', '#']) && !row.starts_with("dust")
    });
    pty.send("PS1='R> '; clear\r");
    pty.wait_row("R>");
    Some(pty)
}

fn ssh(lab: &Lab) -> Command {
    let mut command = lab.command("ssh".as_ref());
    command.args(["-F", &lab.config(Ssh::Gcm), &lab.host(0)]);
    command
}

fn socket(lab: &Lab) -> String {
    lab.env.work().join("tmux").display().to_string()
}

/// The median of many keys, each from its typing until it is painted.
fn echo(pty: &mut Pty) -> Duration {
    // Behind its first output the terminal is no line editor's any more.
    pty.send("echo g''o; cat > /dev/null\r");
    pty.wait_row("go");
    let mut taken = Vec::new();
    for n in 0..KEYS {
        if n % 100 == 99 {
            pty.send("\r");
            pty.wait_for("a new line", |screen| {
                crate::support::pty::row_with_cursor(screen).is_empty()
            });
        }
        let key = [b'a' + u8::try_from(n % 26).unwrap()];
        let started = Instant::now();
        pty.send(key);
        pty.pour(&key, PATIENCE);
        taken.push(started.elapsed());
    }
    pty.send("\r\x04");
    pty.pour(b"R> ", PATIENCE);
    median(&taken).unwrap()
}

/// How long a full screen takes to come back on another terminal.
fn back(lab: &Lab, name: &str, pty: &mut Pty) -> Option<Duration> {
    pty.send("clear; seq -f '%g some text that fills a row of the terminal, more or less, so that there is something to paint' 1 58; echo LA''ST\r");
    pty.pour(b"LAST\r\n", PATIENCE);
    let mut command = if name == "dust" {
        let mut command = lab.command(&lab.dust);
        command.arg("attach");
        command
    } else {
        let mut command = lab.command(&crate::lab::real_path("tmux")?);
        command.args(["-S", &socket(lab), "attach"]);
        command
    };
    command.env("TERM", "xterm-256color");
    let started = Instant::now();
    let mut other = Pty::spawn(command, TERMINAL);
    // The last row of the screen.
    other.pour(b"R>", PATIENCE);
    let taken = started.elapsed();
    proc::end(&[other.pid()]);
    Some(taken)
}

fn end(lab: &Lab, name: &str, pty: &Pty) {
    if name == "dust" {
        drop(lab.command(&lab.dust).arg("kill").output());
    } else if name.starts_with("tmux") {
        let tmux = crate::lab::real_path("tmux").unwrap();
        drop(
            lab.command(&tmux)
                .args(["-S", &socket(lab), "kill-server"])
                .output(),
        );
    }
    proc::end(&proc::descendants(pty.pid()));
    proc::end(&[pty.pid()]);
}

/// So many raw shells in the background print a megabyte a second each.
const BACKGROUND: usize = 100;
const SECONDS: u32 = 10;

pub(crate) fn background(lab: &Lab) {
    let mut command = lab.command(&lab.dust);
    command.args(["--no-session", "-f", &lab.cluster(BACKGROUND)]);
    let mut pty = Pty::spawn(command, TERMINAL);
    pty.wait_prompt();
    let script = lab.env.file(
        "megabytes",
        format!(
            "echo begun\ni=0\nwhile [ $i -lt {SECONDS} ]; do head -c 1000000 {} & sleep 1; wait; i=$((i+1)); done\n\
             echo done > done.$DUST_NODE\n",
            lab.env.work().join("flood").display()
        ),
    );
    std::fs::write(lab.env.work().join("flood"), flood()).unwrap();
    for n in 0..BACKGROUND {
        pty.send(format!("@n{n}\r"));
        pty.wait_for("a shell", |screen| {
            let row = crate::support::pty::row_with_cursor(screen);
            row.ends_with(['$', '#']) && !row.starts_with("dust")
        });
        pty.send(format!(
            "cd {}; sh {}\r",
            lab.env.work().display(),
            script.display()
        ));
        pty.wait_row("begun");
        pty.send("\x03\x03\x03");
        pty.wait_row(&format!("[detached n{n}; @n{n} returns]"));
        pty.wait_prompt();
    }
    let before = process_cpu(pty.pid());
    let started = Instant::now();
    let done = |n: usize| lab.env.work().join(format!("done.n{n}")).exists();
    let mut most = 0;
    while !(0..BACKGROUND).all(done) && started.elapsed() < PATIENCE {
        most = most.max(tree_memory(pty.pid()).0);
        pty.shows_within(Duration::from_millis(100), "\u{0}");
    }
    let ended = (0..BACKGROUND).filter(|n| done(*n)).count();
    let mut table = Table::new(
        &format!("{BACKGROUND} raw shells in the background print 1 MB/s each for {SECONDS} s"),
        &[
            "ended",
            "wall s after the last was left",
            "CPU s",
            "memory MB",
        ],
    );
    table.row(vec![
        ended.to_string(),
        seconds(started.elapsed()),
        seconds(process_cpu(pty.pid()) - before),
        format!("{:.0}", most as f64 / 1e3),
    ]);
    table.print();
    proc::end(&proc::descendants(pty.pid()));
    proc::end(&[pty.pid()]);
}
