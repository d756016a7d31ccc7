//! `log`: what each node printed, in files.

use crate::support::deps::need;
use crate::support::lab::Lab;
use crate::support::wait_until;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

impl Lab {
    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.env.work().join(name)).unwrap_or_default()
    }
}

/// The lines of a log without their times, which are of one form, and without what says whose it is.
#[track_caller]
fn lines(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let (time, rest) = line.split_at(29);
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        let shapes = ["+", "-"].map(|sign| format!("0000-00-00T00:00:00.000{sign}00:00"));
        assert!(shapes.contains(&shape), "{line}");
        rest.to_owned()
    };
    let lines = text.lines().map(line);
    lines
        .filter(|line| !line.starts_with(" # log of "))
        .collect()
}

/// How long a command took is no matter.
fn without_seconds(lines: &[String]) -> Vec<String> {
    let cut = |line: &String| match line.rsplit_once(" (") {
        Some((head, _)) if line.starts_with(" = ") => head.to_owned(),
        _ => line.clone(),
    };
    lines.iter().map(cut).collect()
}

#[test]
fn commands_output_and_ends() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    let run = lab.run(&[
        "log logs",
        "@* printf 'one\\n\\033[31mtwo\\033[0m\\n10%%\\r99%%\\nlast'",
        "@b false",
        "log",
        "log off",
        "@* echo unseen",
    ]);
    let run = run.expect_code(1).expect_notice(&["logging to", "logs"]);
    assert!(
        run.out().contains("(files up to 10M, 5 older ones kept)"),
        "{}",
        run.report()
    );
    let a = [
        " $ printf 'one\\n\\033[31mtwo\\033[0m\\n10%%\\r99%%\\nlast'",
        "   one",
        "   two",
        "   99%",
        "   last",
        " = exit 0",
    ];
    assert_eq!(without_seconds(&lines(&lab.log("logs/a.log"))), a);
    let b = [&a[..], &[" $ false", " = exit 1"]].concat();
    assert_eq!(without_seconds(&lines(&lab.log("logs/b.log"))), b);
    let mode = |name: &str| {
        fs::metadata(lab.env.work().join(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode("logs") & 0o777, 0o700);
    assert_eq!(mode("logs/a.log") & 0o777, 0o600);
    // Another run writes behind it.
    lab.run(&["log logs", "@a echo more"]).expect_code(0);
    assert_eq!(lines(&lab.log("logs/a.log")).len(), a.len() + 3);
}

#[test]
fn the_zone_is_told() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let args = ["-f", &lab.file, "-c", "log .", "-c", "@a date +%s"];
    lab.env
        .dust(&args)
        .env("TZ", "XYZ-05:30")
        .run()
        .expect_code(0);
    let text = lab.log("a.log");
    assert!(
        text.lines().all(|line| line.get(23..29) == Some("+05:30")),
        "{text}"
    );
    let hour = text.lines().nth(2).unwrap().get(11..16).unwrap();
    let seconds: i64 = text
        .lines()
        .nth(2)
        .unwrap()
        .get(32..)
        .unwrap()
        .parse()
        .unwrap();
    let minutes = (seconds / 60 + 330) % 1440;
    assert_eq!(hour, format!("{:02}:{:02}", minutes / 60, minutes % 60));
}

#[test]
fn config_logs_always_and_folded_output_is_logged_as_it_comes() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    let config = lab.env.file("c.ini", "log = all\nfold = on\n");
    fs::set_permissions(config, fs::Permissions::from_mode(0o600)).unwrap();
    let args = ["-f", &lab.file, "@*", "echo", "same"];
    let run = lab.env.dust(&args).env("DUST_CONFIG", "c.ini").run();
    assert!(run.expect_code(0).out().contains("a,b"));
    for node in ["a", "b"] {
        let text = lab.log(&format!("all/{node}.log"));
        let wanted = [" $ echo same", "   same", " = exit 0"];
        assert_eq!(without_seconds(&lines(&text)), wanted);
    }
}

#[test]
fn no_password_and_nothing_private_is_logged() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let mut pty = lab.env.prompt(&lab.file);
    pty.command("log logs");
    pty.wait_words(&["logging to"]);
    pty.command("@a read -rsp 'Password: ' p; echo got ${#p}");
    pty.wait_text("password for what runs on a");
    pty.send("geheim\r");
    pty.wait_row("[a] got 6");
    pty.wait_prompt();
    pty.send(" @a echo hidden-word | tr a-z A-Z\r");
    pty.wait_row("[a] HIDDEN-WORD");
    pty.command("@a");
    pty.wait_for("the node's shell", |screen| {
        !crate::support::pty::row_with_cursor(screen).starts_with("dust")
    });
    pty.send("echo in-raw-shell\r");
    pty.wait_row("in-raw-shell");
    pty.send("\x03\x03\x03");
    pty.wait_row("[detached a; @a returns]");
    pty.command("log off");
    pty.wait_words(&["no log from now on"]);
    wait_until("the log is whole", || {
        lab.log("logs/a.log").contains("left")
    });
    let text = lab.log("logs/a.log");
    assert!(
        !text.contains("geheim") && !text.contains("in-raw-shell"),
        "{text}"
    );
    assert!(!text.contains("hidden-word"), "{text}");
    assert_eq!(
        without_seconds(&lines(&text)),
        [
            " $ read -rsp 'Password: ' p; echo got ${#p}",
            "   Password: got 6",
            " = exit 0",
            " $ (a line that is kept out of the history)",
            "   HIDDEN-WORD",
            " = exit 0",
            " # its raw shell is entered",
            " # its raw shell is left",
        ]
    );
    pty.command("exit");
}

#[test]
fn nodes_of_one_name_have_files_of_their_own() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let text = fs::read_to_string(&lab.file).unwrap();
    lab.env
        .file("far.cnf", text.replace("name=lab", "name=far"));
    let begins = |cluster: &str| format!(" # log of a in cluster {cluster}");
    let said = |words: &[&str]| -> Vec<String> {
        let each = words.iter().map(|word| {
            let command = format!(" $ echo {word}");
            [command, format!("   {word}"), " = exit 0".to_owned()]
        });
        each.flatten().collect()
    };
    let check = |name: &str, cluster: &str, words: &[&str]| {
        let text = lab.log(name);
        let first = text.lines().next().unwrap_or_default();
        assert!(first.ends_with(&begins(cluster)), "{name}: {text}");
        assert_eq!(text.matches("# log of").count(), 1, "{name}: {text}");
        assert_eq!(without_seconds(&lines(&text)), said(words), "{name}");
    };
    // Both are loaded.
    let both = [
        "log logs",
        "@a echo 1",
        "load far.cnf",
        "@far/a echo 2",
        "@lab/a echo 3",
    ];
    lab.run(&both).expect_code(0);
    check("logs/a.log", "lab", &["1", "3"]);
    check("logs/far%2Fa.log", "far", &["2"]);
    // Each is by itself, in another run.
    for (file, word) in [("far.cnf", "4"), ("lab.cnf", "5")] {
        let command = format!("@a echo {word}");
        let words = ["-f", file, "-c", "log logs", "-c", &command];
        lab.env.dust(&words).run().expect_code(0);
    }
    check("logs/a.log", "lab", &["1", "3", "5"]);
    check("logs/far%2Fa.log", "far", &["2", "4"]);
}

#[test]
fn files_are_rotated() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let lines = [
        "set log-size 4K",
        "set log-keep 2",
        "log logs",
        "@a seq 1000 1999",
    ];
    lab.run(&lines).expect_code(0);
    let mut names: Vec<String> = fs::read_dir(lab.env.work().join("logs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["a.log", "a.log.1", "a.log.2"]);
    let all: String = ["a.log.2", "a.log.1", "a.log"]
        .map(|name| lab.log(&format!("logs/{name}")))
        .concat();
    let all = self::lines(&all);
    // Nothing between the first line that is left and the last one is missing.
    let first: usize = all[0].trim().parse().unwrap();
    let numbers = (first..2000).map(|number| format!("   {number}"));
    let wanted: Vec<String> = numbers.collect();
    assert_eq!(all[..all.len() - 1], wanted);
    assert!(lab.log("logs/a.log.1").len() > 4000 && lab.log("logs/a.log.1").len() <= 4096);
}

#[test]
fn two_runs_at_once_and_much_output() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    let line = |word: &str| format!("@a seq -f '{word}-%.0f' 1 40000");
    let (one, two) = (line("one"), line("two"));
    let start = |line: &str| {
        let args = ["-f", &lab.file, "-c", "log logs", "-c", line];
        lab.env.dust(&args).start()
    };
    let runs = [start(&one), start(&two)];
    for run in runs {
        run.finish().expect_code(0);
    }
    let all: String = ["a.log", "a.log.1"]
        .map(|name| lab.log(&format!("logs/{name}")))
        .concat();
    let all = lines(&all);
    assert_eq!(all.len(), 2 * 40_002);
    for word in ["one", "two"] {
        let own: Vec<&String> = all
            .iter()
            .filter(|line| line.starts_with(&format!("   {word}-")))
            .collect();
        assert_eq!(own.len(), 40_000);
    }
}

#[test]
fn what_cannot_be_written_is_said_once_and_the_run_goes_on() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a", "b"]);
    lab.env.file("file", "");
    for (line, words) in [
        ("log file", &["cannot log to", "file"][..]),
        ("log /proc/no", &["cannot log to /proc/no"]),
    ] {
        lab.run(&[line, "@a echo not-run"])
            .expect_code(2)
            .expect_notice(words);
    }
    fs::create_dir(lab.env.work().join("logs")).unwrap();
    symlink("/dev/null", lab.env.work().join("logs/a.log")).unwrap();
    let lines = ["log logs", "@* echo 1", "@* echo 2"];
    let run = lab.run(&lines).expect_code(1);
    assert_eq!(
        run.err().matches("cannot write to").count(),
        1,
        "{}",
        run.report()
    );
    let run = run
        .expect_notice(&["logs/a.log", "a link"])
        .expect_lines("a", &["1", "2"]);
    drop(run);
    assert_eq!(self::lines(&lab.log("logs/b.log")).len(), 6);
}

#[test]
fn a_full_disk_costs_lines_and_not_the_session() {
    need!("sshd", "bash");
    let lab = Lab::new(&["a"]);
    // A limit on the size of files stands for a full disk.
    let script = format!(
        "ulimit -f 8; trap '' XFSZ; exec $DUST -f {} -c 'log logs' -c '@a seq 1000 3999' \
         -c '@a echo still'",
        lab.file
    );
    let run = lab.env.bash(&script).run();
    let run = run
        .expect_code(1)
        .expect_notice(&["cannot write to", "logs/a.log"]);
    assert_eq!(
        run.err().matches("cannot write to").count(),
        1,
        "{}",
        run.report()
    );
    assert_eq!(run.lines_of("a").last().map(String::as_str), Some("still"));
    let text = lab.log("logs/a.log");
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "no half lines: {text}"
    );
    drop(lines(&text));
}
