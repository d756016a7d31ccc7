//! Logs, recordings and settings, as far as the app decides: what is written, what waits for a disk,
//! and what is told of one that is slow or full.

use super::lab::Lab;
use crate::app::{Effect, Event, KeepAsk, KeepNews};
use std::time::Duration;

/// What was to be written since the last look, by the files' names.
fn asked(lab: &mut Lab) -> Vec<KeepAsk> {
    let mut asks = Vec::new();
    lab.others.retain(|effect| match effect {
        Effect::Keep(ask) => {
            asks.push(ask.clone());
            false
        },
        _ => true,
    });
    asks
}

fn text(asks: &[KeepAsk], file: &str) -> String {
    let of = asks.iter().filter(|ask| ask.path.ends_with(file));
    of.map(|ask| String::from_utf8(ask.text.clone()).unwrap())
        .collect()
}

/// The disk has taken these, or why not.
fn taken(lab: &mut Lab, asks: &[KeepAsk], result: &Result<(), String>) {
    for ask in asks {
        let news = KeepNews {
            path: ask.path.clone(),
            owner: ask.owner.clone(),
            file: ask.path.to_path_buf(),
            bytes: ask.text.len(),
            lines: ask.lines,
            result: result.clone(),
        };
        lab.app.handle(lab.now, Event::Kept(news));
    }
    lab.settle();
}

const TIME: &str = "1970-01-12T14:46:40.000+01:00";

#[test]
fn each_node_has_its_file() {
    let mut lab = Lab::prompt(2);
    lab.line("log logs");
    lab.line("@n0,n1 uname");
    lab.says("n0", "Linux\nhalf");
    lab.ends("n0", 3);
    lab.says("n1", "Lin");
    let asks = asked(&mut lab);
    assert_eq!(
        text(&asks, "/work/logs/n0.log"),
        format!("{TIME} $ uname\n{TIME}   Linux\n{TIME}   half\n{TIME} = exit 3 (0.0s)\n")
    );
    // An unfinished line waits for its end, at the latest for that of the log.
    assert_eq!(text(&asks, "n1.log"), format!("{TIME} $ uname\n"));
    lab.line("log off");
    assert_eq!(text(&asked(&mut lab), "n1.log"), format!("{TIME}   Lin\n"));
    lab.says("n1", "ux\n");
    assert!(asked(&mut lab).is_empty());
}

#[test]
fn a_command_that_could_not_begin_is_there_with_the_reason() {
    let mut lab = Lab::batch(1, &["log logs", "@n0 uname"], |_| {});
    lab.ends("n0", 0);
    assert!(text(&asked(&mut lab), "n0.log").ends_with("= exit 0 (0.0s)\n"));

    let mut lab = Lab::prompt(1);
    lab.line("log logs");
    lab.line("@n0 sleep 9");
    lab.line("disconnect n0");
    let text = text(&asked(&mut lab), "n0.log");
    assert!(
        text.contains("$ sleep 9\n") && text.contains("= lost: "),
        "{text}"
    );
}

#[test]
fn a_folder_that_cannot_be_had_changes_nothing() {
    let mut lab = Lab::prompt(1);
    lab.line("log logs");
    lab.line("log /forbidden");
    assert!(
        lab.rows()
            .iter()
            .any(|row| row.starts_with("dust: cannot log to /forbidden"))
    );
    lab.line("@n0 uname");
    assert!(!text(&asked(&mut lab), "/work/logs/n0.log").is_empty());
}

#[test]
fn a_full_disk_is_told_once_and_what_is_missing_is_counted() {
    let mut lab = Lab::prompt(2);
    lab.line("log logs");
    lab.line("@n0,n1 yes");
    let full = Err("no space is left".to_owned());
    for round in 0..3 {
        lab.says("n0", "y\ny\n");
        lab.says("n1", "y\n");
        let asks = asked(&mut lab);
        assert!(!asks.is_empty(), "{round}");
        taken(&mut lab, &asks, &full);
    }
    let told = lab.rows().join("\n").matches("cannot write to").count();
    assert_eq!(told, 1, "{:?}", lab.rows());
    // It comes back: the files say what they lack.
    lab.says("n0", "back\n");
    let asks = asked(&mut lab);
    let n0 = text(&asks, "n0.log");
    assert!(
        n0.starts_with(&format!("{TIME} # 7 lines are missing here\n")),
        "{n0}"
    );
    taken(&mut lab, &asks, &Ok(()));
    lab.line("log");
    let said = "logging to /work/logs (files up to 10M, 5 older ones kept); 4 lines are missing";
    assert!(lab.rows().join("").contains(said), "{:?}", lab.rows());
    lab.says("n1", "back\n");
    let asks = asked(&mut lab);
    assert!(text(&asks, "n1.log").contains("# 4 lines are missing here"));
    taken(&mut lab, &asks, &Ok(()));
    lab.line("log");
    assert!(lab.last_row().starts_with("dust:lab"));
    assert!(
        lab.rows()
            .iter()
            .any(|row| row.ends_with("older ones kept)"))
    );
    let told = lab
        .rows()
        .join(
            "
",
        )
        .matches("cannot write to")
        .count();
    assert_eq!(told, 1, "{:?}", lab.rows());
}

#[test]
fn a_recording_that_fails_behind_its_end_is_no_log() {
    let mut lab = Lab::prompt(1);
    lab.line("log logs");
    lab.line("record r.cast");
    lab.line("record off");
    let asks = asked(&mut lab);
    assert!(asks.iter().any(|ask| ask.path.ends_with("r.cast")));
    taken(&mut lab, &asks, &Err("no space is left".to_owned()));
    let rows = lab.rows().join("\n");
    assert!(rows.contains("cannot write to /work/r.cast"), "{rows}");
    assert!(!rows.contains("counted there"), "{rows}");
}

#[test]
fn one_line_is_one_line() {
    let mut lab = Lab::prompt(1);
    lab.line("log logs");
    lab.line("@n0 yes");
    let asks = asked(&mut lab);
    taken(&mut lab, &asks, &Err("no space is left".to_owned()));
    lab.says("n0", "y\n");
    let text = text(&asked(&mut lab), "n0.log");
    assert!(
        text.starts_with(&format!("{TIME} # 1 line is missing here\n")),
        "{text}"
    );
}

#[test]
fn a_slow_disk_is_waited_for_and_a_dead_one_is_not() {
    let mut lab = Lab::prompt(1);
    lab.line("set fold on");
    lab.line("log logs");
    lab.line("@n0 yes");
    let id = lab.id("n0");
    let line = "y".repeat(99) + "\n";
    let mebibyte = line.repeat(10_000);
    let mut asks = Vec::new();
    while !lab.app.is_held(id, false) {
        lab.says("n0", &mebibyte);
        asks.extend(asked(&mut lab));
        assert!(asks.len() < 20, "nothing holds the node");
    }
    // The disk takes some: on it goes.
    taken(&mut lab, &asks[..3], &Ok(()));
    assert!(!lab.app.is_held(id, false));
    while !lab.app.is_held(id, false) {
        lab.says("n0", &mebibyte);
        asks.extend(asked(&mut lab));
    }
    lab.after(Duration::from_secs(4));
    assert!(lab.app.is_held(id, false));
    lab.after(Duration::from_secs(2));
    assert!(!lab.app.is_held(id, false), "nobody waits for ever");
    assert!(lab.rows().join("").contains("has taken nothing for 5 s"));
    lab.says("n0", "lost\n");
    assert!(asked(&mut lab).is_empty());
    // It takes everything at last.
    let left: Vec<KeepAsk> = asks.split_off(3);
    taken(&mut lab, &left, &Ok(()));
    lab.says("n0", "seen\n");
    let text = text(&asked(&mut lab), "n0.log");
    assert!(
        text.contains("# 1 line is missing here\n") && text.ends_with("  seen\n"),
        "{text}"
    );
}

#[test]
fn colours_and_the_prompt_follow_at_once() {
    let mut lab = Lab::prompt(1);
    lab.line("set color always");
    lab.line("@n0 date");
    lab.says("n0", "\x1b[31mred\x1b[m\n");
    let coloured = |lab: &Lab| {
        let screen = lab.screen.screen();
        let (rows, cols) = screen.size();
        let cells = (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col)));
        cells
            .filter_map(|(row, col)| screen.cell(row, col))
            .filter(|cell| cell.has_contents() && cell.fgcolor() != vt100::Color::Default)
            .count()
    };
    // `red`, and `[n0]` before it.
    assert_eq!(coloured(&lab), 3 + 4);
    lab.line("set color never");
    lab.says("n0", "\x1b[31mplain\x1b[m\n");
    assert_eq!(coloured(&lab), 3 + 4);
    lab.line("set prompt 'ready%b>'");
    assert_eq!(lab.last_row(), "ready (1 busy)>");
    lab.line("set prompt default");
    assert_eq!(lab.last_row(), "dust:lab (1 busy)$");
}
