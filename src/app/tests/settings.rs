//! Every setting does what it says from the moment that it is set. (Colours, logs and the prompt's
//! text: `keeping`; raw shells' keys: the topic `raw`.)

use super::lab::Lab;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn fanout() {
    for (count, most) in [("3", 3), ("default", 12)] {
        let mut lab = Lab::batch(12, &[&format!("set fanout {count}"), "@* uname"], |_| {});
        lab.settle();
        assert_eq!(lab.dialling, most, "{count}");
        assert_eq!(lab.dialled.len(), 12);
    }
}

#[test]
fn timeout() {
    let mut lab = Lab::prompt(2);
    lab.silent.insert("10.0.0.1".to_owned());
    lab.line("set timeout 2");
    lab.line("@n1 uname");
    lab.after(SECOND);
    assert_eq!(lab.last_row(), "dust:lab (1 busy)$");
    lab.after(SECOND * 2);
    let rows = lab.rows().join("\n");
    assert!(rows.contains("[n1]"), "{rows}");
    assert_eq!(lab.last_row(), "dust:lab$", "{rows}");
}

#[test]
fn command_timeout() {
    let mut lab = Lab::prompt(1);
    lab.line("set command-timeout 5");
    lab.line("@n0 sleep 99");
    lab.after(SECOND * 4);
    assert_eq!(lab.last_row(), "dust:lab (1 busy)$");
    lab.after(SECOND * 2);
    assert!(
        lab.rows()
            .iter()
            .any(|row| row.starts_with("[n0] timed out"))
    );
}

#[test]
fn quiet() {
    let mut lab = Lab::prompt(1);
    lab.line("set quiet 1000");
    lab.line("@n0 read x");
    lab.says("n0", "go on? ");
    lab.after(SECOND / 2);
    assert!(!lab.rows().iter().any(|row| row.contains("go on?")));
    lab.after(SECOND);
    assert!(lab.rows().iter().any(|row| row == "[n0] go on?"));
}

#[test]
fn fold() {
    let mut lab = Lab::prompt(2);
    for (fold, shown) in [("on", "n[0-1] (2)"), ("off", "[n1] same")] {
        lab.line(&format!("set fold {fold}"));
        lab.line("@* date");
        for node in ["n0", "n1"] {
            lab.says(node, "same\n");
            lab.ends(node, 0);
        }
        let rows = lab.rows();
        assert!(rows.iter().any(|row| row.contains(shown)), "{rows:?}");
    }
}
