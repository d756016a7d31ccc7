//! The parts that run each tool to its end: start, cold, memory, output.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::lab::{Lab, Ssh};
use crate::measure::{Cost, median, process_cpu, run, tree_memory};
use crate::options::Options;
use crate::support::proc;
use crate::support::pty::{Pty, Terminal};
use crate::table::{Table, milliseconds, ratio, seconds};
use crate::tools::Tool;

/// What the nodes run. Its answer shows that the tool waited for it.
const LINE: &str = "echo ok";

/// How many nodes show the costs of OpenSSH's own key exchange.
const DEFAULTS_AT: usize = 100;

/// How often a start is measured for each turn: one alone is too short for the clock.
const STARTS: u32 = 10;

pub(crate) fn start(lab: &Lab, options: &Options) {
    let tools = crate::tools::installed(lab, options);
    let mut table = Table::new(
        "start: --version, --help or import",
        &["tool", "wall ms", "CPU ms", "wall", "CPU"],
    );
    let costs = take_turns(&tools, options.runs, |tool| {
        let mut sum = Cost::default();
        for _ in 0..STARTS {
            let cost = run(tool.version(lab)?, b"")?;
            sum.wall += cost.wall;
            sum.cpu += cost.cpu;
        }
        Some(Cost {
            wall: sum.wall / STARTS,
            cpu: sum.cpu / STARTS,
            ..sum
        })
    });
    let dust = costs.get("dust").copied();
    for tool in &tools {
        if let Some(cost) = costs.get(tool.name) {
            table.row(vec![
                tool.name.to_owned(),
                milliseconds(cost.wall),
                milliseconds(cost.cpu),
                ratio(cost.wall.as_secs_f64(), dust.map(|d| d.wall.as_secs_f64())),
                ratio(cost.cpu.as_secs_f64(), dust.map(|d| d.cpu.as_secs_f64())),
            ]);
        }
    }
    table.print();
    let Some(dust) = tools.iter().find(|tool| tool.is_dust()) else {
        return;
    };
    let mut cpu = Vec::new();
    for _ in 0..options.runs {
        let Some(prompt) = dust.prompt(lab, 10) else {
            return;
        };
        let mut pty = Pty::spawn(prompt, Terminal::default());
        if !pty.shows_within(Duration::from_secs(5), "dust:lab$") {
            println!("dust's prompt: none");
            return;
        }
        cpu.push(process_cpu(pty.pid()));
    }
    if let Some(cpu) = median(&cpu) {
        println!(
            "dust's first prompt, a cluster of 10 loaded: {} ms of CPU",
            milliseconds(cpu)
        );
    }
}

/// Each tool in its turn, `runs` times; the medians. Without a figure where a run failed.
fn take_turns(
    tools: &[Tool],
    runs: usize,
    mut turn: impl FnMut(&Tool) -> Option<Cost>,
) -> BTreeMap<&'static str, Cost> {
    let mut costs: BTreeMap<&'static str, Vec<Option<Cost>>> = BTreeMap::new();
    for _ in 0..runs {
        for tool in tools {
            let so_far = costs.entry(tool.name).or_default();
            // What failed once is not tried again: it may have taken minutes.
            if so_far.last().is_none_or(Option::is_some) {
                so_far.push(turn(tool));
            }
        }
    }
    costs
        .into_iter()
        .filter_map(|(name, costs)| {
            let costs: Vec<Cost> = costs.into_iter().collect::<Option<_>>()?;
            let walls: Vec<Duration> = costs.iter().map(|cost| cost.wall).collect();
            let cpus: Vec<Duration> = costs.iter().map(|cost| cost.cpu).collect();
            let last = *costs.last()?;
            Some((
                name,
                Cost {
                    wall: median(&walls)?,
                    cpu: median(&cpus)?,
                    ..last
                },
            ))
        })
        .collect()
}

/// One cold run; its cost, and how many lines came where not all of them did.
fn cold_run(lab: &Lab, tool: &Tool, nodes: usize, ssh: Ssh) -> Result<Cost, String> {
    settle(lab);
    match run(tool.command(lab, nodes, ssh, LINE), b"") {
        Some(cost) if cost.lines == nodes => Ok(cost),
        Some(cost) => Err(format!("{} of {nodes} answers", cost.lines)),
        None => Err("took too long".to_owned()),
    }
}

/// Waits until the server has done with the runs before.
fn settle(lab: &Lab) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while lab.sshd.connections() > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn cold(lab: &Lab, options: &Options, tools: &[Tool]) {
    for &nodes in &options.nodes {
        cold_at(
            lab,
            tools,
            nodes,
            Ssh::Curve25519,
            options.runs,
            "curve25519",
        );
    }
}

pub(crate) fn defaults(lab: &Lab, options: &Options, tools: &[Tool]) {
    let affected: Vec<Tool> = tools
        .iter()
        .filter(|tool| tool.is_dust() || tool.uses_openssh())
        .cloned()
        .collect();
    let what = "OpenSSH's own key exchange (dust with its own)";
    cold_at(
        lab,
        &affected,
        DEFAULTS_AT,
        Ssh::Defaults,
        options.runs.min(3),
        what,
    );
}

fn cold_at(lab: &Lab, tools: &[Tool], nodes: usize, ssh: Ssh, runs: usize, what: &str) {
    let mut table = Table::new(
        &format!("cold, {nodes} nodes, {what}: connect, authenticate, {LINE:?}"),
        &["tool", "wall s", "CPU s", "CPU ms/node", "wall", "CPU"],
    );
    let mut failed: BTreeMap<&str, String> = BTreeMap::new();
    let costs = take_turns(tools, runs, |tool| {
        cold_run(lab, tool, nodes, ssh)
            .map_err(|why| failed.insert(tool.name, why))
            .ok()
    });
    let dust = costs.get("dust").copied();
    for tool in tools {
        let name = tool.name.to_owned();
        if let Some(cost) = costs.get(tool.name) {
            table.row(vec![
                name,
                seconds(cost.wall),
                seconds(cost.cpu),
                milliseconds(cost.cpu / u32::try_from(nodes).unwrap()),
                ratio(cost.wall.as_secs_f64(), dust.map(|d| d.wall.as_secs_f64())),
                ratio(cost.cpu.as_secs_f64(), dust.map(|d| d.cpu.as_secs_f64())),
            ]);
        } else {
            let why = failed.get(tool.name).cloned().unwrap_or_default();
            table.row(vec![name, why]);
        }
    }
    table.print();
}

pub(crate) fn memory(lab: &Lab, options: &Options, tools: &[Tool]) {
    let nodes = options.held();
    let mut table = Table::new(
        &format!("memory, {nodes} sessions held: the most over time, the process tree"),
        &[
            "tool",
            "resident MB",
            "proportional MB",
            "resident",
            "proportional",
        ],
    );
    let figures: Vec<_> = tools
        .iter()
        .map(|tool| (tool.name, hold(lab, tool, nodes)))
        .collect();
    let dust = figures
        .iter()
        .find(|(name, _)| *name == "dust")
        .and_then(|(_, f)| f.clone().ok());
    for (name, figure) in figures {
        match figure {
            Ok((rss, pss)) => {
                let mb =
                    |kb: u64| format!("{:.1}", Duration::from_millis(kb).as_secs_f64() / 1.024);
                let part = |of: u64, dust: Option<u64>| {
                    let as_f64 = |kb: u64| Duration::from_millis(kb).as_secs_f64();
                    ratio(as_f64(of), dust.map(as_f64))
                };
                table.row(vec![
                    name.to_owned(),
                    mb(rss),
                    mb(pss),
                    part(rss, dust.map(|d| d.0)),
                    part(pss, dust.map(|d| d.1)),
                ]);
            },
            Err(why) => table.row(vec![name.to_owned(), why]),
        }
    }
    table.print();
}

/// Starts a command that does not end on all nodes, and looks at the memory until all run it.
fn hold(lab: &Lab, tool: &Tool, nodes: usize) -> Result<(u64, u64), String> {
    settle(lab);
    let mut command = tool.command(lab, nodes, Ssh::Curve25519, "exec sleep 998");
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut most = (0, 0);
    let result = loop {
        let (rss, pss) = tree_memory(pid);
        most = (most.0.max(rss), most.1.max(pss));
        let held = held(lab);
        if held == nodes {
            // Once more, now that all is up.
            let (rss, pss) = tree_memory(pid);
            break Ok((most.0.max(rss), most.1.max(pss)));
        }
        if Instant::now() > deadline || child.try_wait().unwrap().is_some() {
            break Err(format!("{held} of {nodes} held"));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let _: Result<_, _> = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    drop(child.wait());
    lab.sshd.drop_connections();
    result
}

/// How many nodes run the command of `hold`.
fn held(lab: &Lab) -> usize {
    proc::descendants(lab.sshd.pid())
        .into_iter()
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == b"sleep\x00998\0")
        })
        .count()
}

/// A line of the file that the nodes print, without its newline.
const TEXT: &str = "one line of a long text, as a build prints it: neither short nor very long..";

/// Lines of that file: 27 MB.
const LINES: usize = 350_649;

pub(crate) fn output(lab: &Lab, options: &Options, tools: &[Tool]) {
    const NODES: usize = 10;
    let mut table = Table::new(
        "output: 10 nodes print 27 MB each, in lines of 77 bytes, to a pipe",
        &["tool", "MB/s", "CPU s for 270 MB", "rate", "CPU", ""],
    );
    let whole = lab.env.file("text", format!("{TEXT}\n").repeat(LINES));
    let tenth = lab
        .env
        .file("tenth", format!("{TEXT}\n").repeat(LINES / 10));
    let mut rows: Vec<(String, &Tool, Ssh)> = Vec::new();
    for tool in tools {
        rows.push((tool.name.to_owned(), tool, Ssh::Curve25519));
        if ["xargs", "pdsh"].contains(&tool.name) {
            rows.push((format!("{} on aes128-gcm", tool.name), tool, Ssh::Gcm));
        }
    }
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); rows.len()];
    for _ in 0..options.runs.min(3) {
        for ((_, tool, ssh), costs) in rows.iter().zip(&mut costs) {
            settle(lab);
            let file = if is_slow(tool) { &tenth } else { &whole };
            let line = format!("cat {}", file.display());
            costs.extend(run(tool.command(lab, NODES, *ssh, &line), b""));
        }
    }
    let figures: Vec<Option<(f64, f64)>> = rows
        .iter()
        .zip(&costs)
        .map(|((_, tool, _), costs)| {
            let parts = if is_slow(tool) { 10.0 } else { 1.0 };
            let rates: Vec<f64> = costs
                .iter()
                .map(|cost| 270.0 / parts / cost.wall.as_secs_f64())
                .collect();
            let cpus: Vec<f64> = costs
                .iter()
                .map(|cost| cost.cpu.as_secs_f64() * parts)
                .collect();
            Some((median(&rates)?, median(&cpus)?))
        })
        .collect();
    let dust = rows
        .iter()
        .zip(&figures)
        .zip(&costs)
        .find(|(((_, tool, _), _), costs)| tool.is_dust() && complaint(tool, costs).is_empty())
        .and_then(|((_, figures), _)| *figures);
    for (((name, tool, _), figures), costs) in rows.iter().zip(&figures).zip(&costs) {
        let Some((rate, cpu)) = figures else {
            table.row(vec![name.clone(), "took too long".to_owned()]);
            continue;
        };
        table.row(vec![
            name.clone(),
            format!("{rate:.1}"),
            format!("{cpu:.2}"),
            dust.map_or_else(
                || "-".to_owned(),
                |(of_dust, _)| format!("1/{:.1}", of_dust / rate),
            ),
            ratio(*cpu, dust.map(|(_, cpu)| cpu)),
            complaint(tool, costs),
        ]);
    }
    table.print();
    println!("clush and polysh printed a tenth of that; their CPU time is taken ten times.");
}

/// Tools that would take minutes for all of it.
fn is_slow(tool: &Tool) -> bool {
    ["clush", "polysh"].contains(&tool.name)
}

/// What is wrong with the output, if anything.
fn complaint(tool: &Tool, costs: &[Cost]) -> String {
    let lines = 10 * if is_slow(tool) { LINES / 10 } else { LINES };
    let Some(wrong) = costs.iter().find(|cost| cost.lines != lines) else {
        let prefixed = costs
            .iter()
            .all(|cost| cost.bytes > lines * (TEXT.len() + 3));
        let fine = prefixed == tool.prefixes();
        return if fine {
            String::new()
        } else {
            "no prefixes".to_owned()
        };
    };
    format!("{} of {lines} lines", wrong.lines)
}
