//! Files to nodes: a large one to several, many small ones to one, and how much memory a very large
//! one takes on its way to many. All nodes share one file system here, in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::discard::WORD;
use crate::lab::{Lab, Ssh, real_path};
use crate::measure::{Cost, median, run};
use crate::options::Options;
use crate::support::sshd::Sshd;
use crate::table::{Table, ratio, seconds};

/// The large file, in bytes.
const BIG: usize = 100_000_000;
/// How many nodes get it.
const NODES: usize = 4;
/// How many small files, and how long each is.
const SMALL: (usize, usize) = (10_000, 1_000);
/// How many nodes get the very large one.
const MANY: u32 = 50;

/// One way to copy.
struct Way<'a> {
    name: String,
    command: Box<dyn Fn() -> Command + 'a>,
}

/// A folder in memory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let base = ["/dev/shm", "/tmp"]
            .into_iter()
            .find(|path| Path::new(path).is_dir());
        let path = Path::new(base.unwrap()).join(format!("dust-bench-{}", std::process::id()));
        fs::create_dir_all(path.join("out")).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Makes room for the next turn.
    fn clear(&self) {
        drop(fs::remove_dir_all(self.0.join("out")));
        fs::create_dir_all(self.0.join("out")).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn transfer(lab: &Lab, options: &Options) {
    let scratch = Scratch::new();
    big(lab, options, &scratch);
    small(lab, options, &scratch);
    memory(lab, &scratch);
}

fn shell(lab: &Lab, line: String) -> Command {
    let mut command = lab.command(Path::new("sh"));
    command.args(["-c", &line]);
    command
}

fn big(lab: &Lab, options: &Options, scratch: &Scratch) {
    let mut state = 0x9e37_79b9_u32;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    });
    let bytes: Vec<u8> = noise.take(BIG / 4).flatten().collect();
    fs::write(scratch.0.join("big"), bytes).unwrap();
    let (from, to) = (scratch.path("big"), scratch.path("out"));
    let hosts = lab.hosts(NODES);
    let mut ways = Vec::new();
    if options.wants("dust") {
        let (cluster, from, to) = (lab.cluster(NODES), from.clone(), to.clone());
        ways.push(Way {
            name: "dust put".to_owned(),
            command: Box::new(move || {
                let mut command = lab.command(&lab.dust);
                command.args(["-f", &cluster, "put", &from, "@n*", &to]);
                command
            }),
        });
    }
    for (ssh, what) in [
        (Ssh::Defaults, "its defaults"),
        (Ssh::Gcm, "curve25519, aes128-gcm"),
    ] {
        let config = lab.config(ssh);
        let (from, to, hosts) = (from.clone(), to.clone(), hosts.clone());
        ways.push(Way {
            name: format!("{NODES} scp at once, {what}"),
            command: Box::new(move || {
                let copy = format!("scp -q -F {config} {from} $h:{to}/$h & ");
                shell(lab, format!("for h in $(cat {hosts}); do {copy}done; wait"))
            }),
        });
    }
    if real_path("clush").is_some() && options.wants("clush") {
        let config = lab.config(Ssh::Curve25519);
        let (from, to, hosts) = (from.clone(), to.clone(), hosts.clone());
        ways.push(Way {
            name: "clush --copy".to_owned(),
            command: Box::new(move || {
                let hosts = format!("clush --nostdin --hostfile={hosts} -o '-F {config}'");
                shell(lab, format!("{hosts} --copy {from} --dest {to}"))
            }),
        });
    }
    if let (Some(pdcp), true) = (real_path("pdcp"), options.wants("pdsh")) {
        let config = lab.config(Ssh::Curve25519);
        let (from, to, hosts) = (from.clone(), to.clone(), hosts.clone());
        ways.push(Way {
            name: "pdcp".to_owned(),
            command: Box::new(move || {
                let mut command = lab.command(&pdcp);
                command
                    .env("PDSH_SSH_ARGS_APPEND", format!("-F {config}"))
                    .args(["-R", "ssh", "-w", &format!("^{hosts}"), &from, &to]);
                command
            }),
        });
    }
    let pscp = real_path("pscp").or_else(|| real_path("parallel-scp"));
    if let Some(pscp) = pscp {
        let config = lab.config(Ssh::Curve25519);
        ways.push(Way {
            name: "pscp".to_owned(),
            command: Box::new(move || {
                let mut command = lab.command(&pscp);
                command.args(["-h", &hosts, "-x", &format!("-F {config}"), &from, &to]);
                command
            }),
        });
    }
    let title = format!("copy 100 MB to {NODES} nodes");
    let megabytes = f64::from(u32::try_from(BIG * NODES / 1_000_000).unwrap());
    let whole = |_: &Cost| {
        let files = fs::read_dir(scratch.0.join("out")).unwrap().flatten();
        files
            .into_iter()
            .any(|file| file.metadata().is_ok_and(|meta| meta.len() == BIG as u64))
    };
    turns(
        &title,
        "MB/s",
        megabytes,
        options.runs,
        scratch,
        &ways,
        &whole,
    );
}

fn small(lab: &Lab, options: &Options, scratch: &Scratch) {
    fs::create_dir_all(scratch.0.join("small")).unwrap();
    for n in 0..SMALL.0 {
        let file = scratch.0.join("small").join(format!("file{n}"));
        fs::write(file, vec![b'x'; SMALL.1]).unwrap();
    }
    let (from, to) = (scratch.path("small"), scratch.path("out"));
    let host = fs::read_to_string(lab.hosts(1)).unwrap().trim().to_owned();
    let batch = scratch.path("batch");
    fs::write(&batch, format!("put -r {from} {to}/\n")).unwrap();
    let mut ways = Vec::new();
    if options.wants("dust") {
        let (cluster, from, to) = (lab.cluster(1), from.clone(), to.clone());
        ways.push(Way {
            name: "dust put -r".to_owned(),
            command: Box::new(move || {
                let mut command = lab.command(&lab.dust);
                command.args(["-f", &cluster, "put", "-r", &from, "@n0", &to]);
                command
            }),
        });
    }
    let config = lab.config(Ssh::Gcm);
    let sftp = format!("sftp -q -F {config} -b {batch} {host} >/dev/null");
    let scp = format!("scp -q -r -F {config} {from} {host}:{to}");
    for (name, line) in [("sftp -b", sftp), ("scp -r", scp)] {
        ways.push(Way {
            name: name.to_owned(),
            command: Box::new(move || shell(lab, line.clone())),
        });
    }
    let title = format!("copy {} files of {} bytes to 1 node", SMALL.0, SMALL.1);
    let files = f64::from(u32::try_from(SMALL.0).unwrap());
    let whole = |_: &Cost| {
        let copies = fs::read_dir(scratch.0.join("out/small"));
        copies.is_ok_and(|copies| copies.count() == SMALL.0)
    };
    turns(
        &title,
        "files/s",
        files,
        options.runs.min(3),
        scratch,
        &ways,
        &whole,
    );
}

/// Each way in its turn.
fn turns(
    title: &str,
    unit: &str,
    amount: f64,
    runs: usize,
    scratch: &Scratch,
    ways: &[Way<'_>],
    whole: &dyn Fn(&Cost) -> bool,
) {
    let mut table = Table::new(title, &["way", unit, "wall s", "CPU s", "rate", "CPU"]);
    let mut costs: Vec<Vec<Option<Cost>>> = vec![Vec::new(); ways.len()];
    for _ in 0..runs {
        for (way, costs) in ways.iter().zip(&mut costs) {
            scratch.clear();
            costs.push(run((way.command)(), b"").filter(|cost| whole(cost)));
        }
    }
    scratch.clear();
    let figures: Vec<Option<(Duration, Duration)>> = costs
        .into_iter()
        .map(|costs| {
            let costs: Vec<Cost> = costs.into_iter().collect::<Option<_>>()?;
            let walls: Vec<Duration> = costs.iter().map(|cost| cost.wall).collect();
            let cpus: Vec<Duration> = costs.iter().map(|cost| cost.cpu).collect();
            Some((median(&walls)?, median(&cpus)?))
        })
        .collect();
    let first = figures.first().copied().flatten();
    for (way, figures) in ways.iter().zip(&figures) {
        let Some((wall, cpu)) = figures else {
            table.row(vec![way.name.clone(), "it failed".to_owned()]);
            continue;
        };
        table.row(vec![
            way.name.clone(),
            format!("{:.0}", amount / wall.as_secs_f64()),
            seconds(*wall),
            seconds(*cpu),
            first.map_or_else(
                || "-".to_owned(),
                |(of_first, _)| format!("1/{:.1}", wall.as_secs_f64() / of_first.as_secs_f64()),
            ),
            ratio(cpu.as_secs_f64(), first.map(|(_, cpu)| cpu.as_secs_f64())),
        ]);
    }
    table.print();
}

/// The most memory of a whole run, and how much was read for all nodes together. What the nodes get,
/// they discard.
fn memory(lab: &Lab, scratch: &Scratch) {
    let giga = scratch.0.join("giga");
    fs::File::create(&giga).unwrap().set_len(1 << 30).unwrap();
    let server = std::env::current_exe().unwrap().display().to_string();
    let sshd = Sshd::with(&[("Subsystem", &format!("sftp {server} {WORD}"))]);
    let nodes = sshd.nodes("n", MANY);
    let mut command = lab.command(&lab.dust);
    command
        .args(["-f", &lab.env.cluster(&nodes), "put"])
        .arg(&giga)
        .arg("@n*")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let io = format!("/proc/{}/io", child.id());
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (mut most, mut read) = (0, 0);
    let ended = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        most = field(&status, "VmHWM:").unwrap_or(0).max(most);
        read = field(&io, "rchar:").unwrap_or(0).max(read);
        std::thread::sleep(Duration::from_millis(50));
    };
    println!(
        "\n1 GB to {MANY} nodes that discard it: at most {} MB resident; {} MB read here; {:.0} s{}",
        most / 1000,
        read / 1_000_000,
        began.elapsed().as_secs_f64(),
        if ended.success() { "" } else { "; it failed" },
    );
}
