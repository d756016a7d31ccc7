//! What dust itself says, and what the person's ssh configuration changes.

use super::lab::Lab;
use crate::app::Effect;
use crate::config::ssh_config::SshConfig;
use std::time::Duration;

#[test]
fn verbose_tells_the_way_to_the_shell() {
    let mut lab = Lab::batch(1, &["@* true"], |setup| setup.verbose = 1);
    lab.ends("n0", 0);
    let said = [
        "[n0] connecting to 10.0.0.0:22 as me",
        "[n0] host key SHA256:x: known",
        "[n0] logged in as me by the key /k",
        "[n0] its shell is ready (0.0s)",
        "n0: ok, 0.0s",
    ];
    assert_eq!(lab.err().lines().collect::<Vec<_>>(), said);
}

#[test]
fn under_json_notices_and_errors_are_objects_on_standard_error() {
    let lines = ["@n0 true", "@nobody true"];
    let mut lab = Lab::batch(1, &lines, |setup| {
        setup.json = true;
        setup.verbose = 1;
    });
    lab.ends("n0", 0);
    let err = lab.err();
    let mut events = Vec::new();
    for line in err.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        events.push(format!("{} {}", object["event"], object["node"]));
    }
    assert_eq!(events.first().unwrap(), "\"notice\" \"n0\"", "{err}");
    assert_eq!(events.last().unwrap(), "\"error\" null", "{err}");
    assert!(
        err.contains("\"text\":\"host key SHA256:x: known\""),
        "{err}"
    );
}

fn with_config(text: &str) -> (Lab, String) {
    let mut config = SshConfig::new();
    config.add("config", text, &mut |_| Vec::new());
    let mut lab = Lab::batch(1, &["@* sleep 1000"], |setup| setup.ssh_config = config);
    let err = lab.err();
    (lab, err)
}

fn keepalives(lab: &Lab) -> usize {
    let alive = |effect: &&Effect| matches!(effect, Effect::Keepalive(_));
    lab.others.iter().filter(alive).count()
}

#[test]
fn server_alive_interval_and_count_are_heeded() {
    for (text, at_10, at_70, patience) in [
        ("", 0, 1, 120),
        ("ServerAliveInterval 10", 1, 2, 30),
        ("ServerAliveInterval 10\nServerAliveCountMax 5", 1, 2, 50),
        ("ServerAliveInterval 0", 0, 0, 120),
    ] {
        let (mut lab, err) = with_config(text);
        assert_eq!(err, "");
        lab.after(Duration::from_secs(10));
        assert_eq!(keepalives(&lab), at_10, "{text}");
        lab.after(Duration::from_secs(60));
        assert_eq!(keepalives(&lab), at_70, "{text}");
        let id = lab.id("n0");
        let wanted = Some(Duration::from_secs(patience));
        assert_eq!(lab.app.patience(id), wanted, "{text}");
    }
}

#[test]
fn certificates_are_said_to_be_of_no_effect() {
    let (_, err) = with_config("CertificateFile ~/id-cert.pub");
    let wanted = "config:1: CertificateFile is not supported, and has no effect\n";
    assert_eq!(err, wanted);
}

#[test]
fn machines_that_are_there_are_not_for_dust_to_start() {
    let mut lab = Lab::prompt(2);
    lab.line("start");
    let said = "not for dust to start, it only logs in there (provider=ssh): n[0-1]";
    assert!(lab.rows().contains(&said.to_owned()), "{:?}", lab.rows());
    assert!(!lab.rows().iter().any(|row| row.contains("already")));
}

#[test]
fn a_list_of_names_that_cannot_be_read_is_named_with_the_reason() {
    let mut lab = Lab::batch(1, &["@^hosts.txt true"], |_| {});
    assert_eq!(lab.exit(), Some(2));
    let wanted = "dust: ^hosts.txt: cannot read /work/hosts.txt: there is no such file\n";
    assert_eq!(lab.err(), wanted);
}
