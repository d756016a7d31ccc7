//! Round trips over connections that are up.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab::{Lab, Ssh};
use crate::measure::{median, process_cpu, run, tree_cpu, tree_memory};
use crate::options::Options;
use crate::support::proc;
use crate::support::pty::{Pty, Terminal};
use crate::table::{Table, milliseconds, ratio};
use crate::tools::Tool;

/// Rounds of each tool, after one that counts for nothing.
const ROUNDS: usize = 10;

/// How long a round, or coming up, may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// A row of the table.
struct Row {
    name: String,
    wall: Duration,
    cpu: Option<Duration>,
}

pub(crate) fn warm(lab: &Lab, options: &Options, tools: &[Tool]) {
    for &nodes in &options.nodes {
        warm_at(lab, tools, nodes);
    }
}

fn warm_at(lab: &Lab, tools: &[Tool], nodes: usize) {
    let mut table = Table::new(
        &format!("warm, {nodes} nodes: a round trip of `echo`, median of {ROUNDS}"),
        &["tool", "wall ms", "CPU ms", "wall", "CPU"],
    );
    let mut rows = Vec::new();
    let mut silent = Vec::new();
    for tool in tools {
        let measured = match tool.name {
            "dust" => vec![
                prompt(lab, tool, nodes, "@* "),
                script(lab, tool, nodes),
                one_run(lab, tool, nodes, true),
                one_run(lab, tool, nodes, false),
            ],
            "polysh" => vec![prompt(lab, tool, nodes, "")],
            "parallel-ssh" => vec![library(lab, tool, nodes)],
            _ => vec![persistent(lab, tool, nodes)],
        };
        if measured.iter().any(Option::is_none) {
            silent.push(tool.name);
        }
        rows.extend(measured.into_iter().flatten());
    }
    let dust = rows.iter().find(|row| row.name.starts_with("dust"));
    let (wall, cpu) = (dust.map(|row| row.wall), dust.and_then(|row| row.cpu));
    for row in &rows {
        table.row(vec![
            row.name.clone(),
            milliseconds(row.wall),
            row.cpu.map_or_else(|| "-".to_owned(), milliseconds),
            ratio(row.wall.as_secs_f64(), wall.map(|w| w.as_secs_f64())),
            row.cpu.map_or_else(
                || "-".to_owned(),
                |of| ratio(of.as_secs_f64(), cpu.map(|c| c.as_secs_f64())),
            ),
        ]);
    }
    table.print();
    for name in silent {
        println!("{name}: no answer of all {nodes} nodes");
    }
}

/// A prompt with shells that stay, driven by keys in a terminal.
fn prompt(lab: &Lab, tool: &Tool, nodes: usize, target: &str) -> Option<Row> {
    let size = Terminal {
        rows: 50,
        cols: 120,
    };
    let mut pty = Pty::spawn(tool.prompt(lab, nodes)?, size);
    if !tool.is_dust() && !pty.shows_within(PATIENCE, &format!("ready ({nodes})")) {
        return None;
    }
    round(&mut pty, target, nodes, 0)?;
    let before = tree_cpu(pty.pid());
    let walls: Option<Vec<Duration>> = (1..=ROUNDS)
        .map(|n| round(&mut pty, target, nodes, n))
        .collect();
    let cpu = (tree_cpu(pty.pid()) - before) / u32::try_from(ROUNDS).unwrap();
    end(&pty);
    Some(Row {
        name: format!("{}, at its prompt", tool.name),
        wall: median(&walls?)?,
        cpu: Some(cpu),
    })
}

/// One round: from Enter until the last node's answer is on the terminal.
fn round(pty: &mut Pty, target: &str, nodes: usize, n: usize) -> Option<Duration> {
    let from = pty.mark();
    let started = Instant::now();
    // The line as typed is not the answer.
    pty.send(format!("{target}echo R$((7000000+{n}))R\r"));
    let answer = format!("R{}R", 7_000_000 + n);
    pty.counts_within(PATIENCE, from, answer.as_bytes(), nodes)
        .then(|| started.elapsed())
}

fn end(pty: &Pty) {
    proc::end(&proc::descendants(pty.pid()));
    proc::end(&[pty.pid()]);
}

/// `dust -`: many lines less one line, over the number of lines.
fn script(lab: &Lab, tool: &Tool, nodes: usize) -> Option<Row> {
    let cost = |lines: usize| {
        let mut command = lab.command(&lab.dust);
        command.args(["-f", &lab.cluster(nodes), "-"]);
        let cost = run(command, "@* echo ok\n".repeat(lines).as_bytes())?;
        (cost.lines == nodes * lines).then_some(cost)
    };
    let (one, many) = (cost(1)?, cost(1 + 5 * ROUNDS)?);
    let over = u32::try_from(5 * ROUNDS).unwrap();
    Some(Row {
        name: format!("{} -, lines of a script", tool.name),
        wall: many.wall.saturating_sub(one.wall) / over,
        cpu: Some(many.cpu.saturating_sub(one.cpu) / over),
    })
}

/// `dust @* true`, over the connections of a session or over its own.
fn one_run(lab: &Lab, tool: &Tool, nodes: usize, borrows: bool) -> Option<Row> {
    let file = lab.cluster(nodes);
    let size = Terminal {
        rows: 50,
        cols: 120,
    };
    let mut command = lab.command(&lab.dust);
    command.args(["-s", "bench", "-f", &file]);
    let mut pty = Pty::spawn(command, size);
    round(&mut pty, "@* ", nodes, 0)?;
    let [server] = lab.env.servers()[..] else {
        return None;
    };
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        let mut command = lab.command(&lab.dust);
        if !borrows {
            command.arg("--no-session");
        }
        command.args(["-f", &file, "@*", "echo ok"]);
        let before = process_cpu(server);
        let cost = run(command, b"").filter(|cost| cost.lines == nodes)?;
        walls.push(cost.wall);
        cpus.push(cost.cpu + process_cpu(server).saturating_sub(before));
    }
    let mut kill = lab.command(&lab.dust);
    let killed = kill.args(["kill", "bench"]).status();
    end(&pty);
    killed.ok()?;
    let how = if borrows {
        "one run over a session"
    } else {
        "one run by itself"
    };
    Some(Row {
        name: format!("{} @*, {how}", tool.name),
        wall: median(walls.get(1..)?)?,
        cpu: median(cpus.get(1..)?),
    })
}

/// A tool that runs ssh anew each time, over connections that masters hold.
fn persistent(lab: &Lab, tool: &Tool, nodes: usize) -> Option<Row> {
    // Its own first run starts the masters.
    run(tool.command(lab, nodes, Ssh::Persistent, "echo ok"), b"")?;
    let owner = lab.env.home().parent().unwrap().display().to_string();
    let up = proc::owned(&owner);
    let cpu_of = |pids: &[i32]| pids.iter().map(|pid| process_cpu(*pid)).sum::<Duration>();
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = cpu_of(&up);
        let cost = run(tool.command(lab, nodes, Ssh::Persistent, "echo ok"), b"")
            .filter(|cost| cost.lines == nodes)?;
        walls.push(cost.wall);
        cpus.push(cost.cpu + cpu_of(&up).saturating_sub(before));
    }
    proc::end(&up);
    Some(Row {
        name: format!("{} over ControlPersist", tool.name),
        wall: median(&walls)?,
        cpu: median(&cpus),
    })
}

/// parallel-ssh: a command over sessions that are kept.
fn library(lab: &Lab, tool: &Tool, nodes: usize) -> Option<Row> {
    let mut command: Command = tool.library(lab, nodes, "echo ok", ROUNDS);
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let walls: Vec<Duration> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| Some(Duration::from_secs_f64(line.parse().ok()?)))
        .collect();
    let enough = walls.len() == ROUNDS;
    enough.then(|| median(&walls)).flatten().map(|wall| Row {
        name: format!("{}, kept sessions", tool.name),
        wall,
        cpu: None,
    })
}

/// Persistent shells on many nodes, dust alone.
pub(crate) fn many(lab: &Lab, options: &Options) {
    let shells = options.shells;
    let mut table = Table::new(
        &format!("{shells} persistent shells, dust alone"),
        &["what", ""],
    );
    let tools = crate::tools::installed(lab, options);
    let Some(dust) = tools.iter().find(|tool| tool.is_dust()) else {
        return;
    };
    let Some(command) = dust.prompt(lab, shells) else {
        return;
    };
    let mut pty = Pty::spawn(
        command,
        Terminal {
            rows: 50,
            cols: 120,
        },
    );
    if !pty.shows_within(PATIENCE, "dust:lab$") {
        println!("no prompt\n{}", pty.report());
        return;
    }
    let Some(up) = round(&mut pty, "@* ", shells, 0) else {
        println!("not all came up\n{}", pty.report());
        return;
    };
    let cpu = tree_cpu(pty.pid());
    let mut row = |what: &str, figure: String| table.row(vec![what.to_owned(), figure]);
    row("all up and answered, s", format!("{:.1}", up.as_secs_f64()));
    let each = cpu / u32::try_from(shells).unwrap();
    row("CPU for each, ms", milliseconds(each));
    let walls: Vec<Duration> = (1..=ROUNDS)
        .filter_map(|n| round(&mut pty, "@* ", shells, n))
        .collect();
    let wall = median(&walls).filter(|_| walls.len() == ROUNDS);
    row(
        "round trip, ms",
        wall.map_or_else(|| "not all answered".to_owned(), milliseconds),
    );
    let (rss, pss) = tree_memory(pty.pid());
    let mb = |kb: u64| format!("{:.1}", Duration::from_millis(kb).as_secs_f64() / 1.024);
    row("memory, resident MB", mb(rss));
    row("memory, proportional MB", mb(pss));
    end(&pty);
    table.print();
}
