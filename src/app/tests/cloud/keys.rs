//! Host keys from the console, and login keys from dust's folder.

use super::*;
use NodeState::Running;
use std::time::Duration;

const HASH: [u8; 32] = [7; 32];

fn console(hash: &[u8; 32]) -> String {
    let print = crate::session::known_hosts::fingerprint(hash);
    format!(
        "boot\n-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 {print} root (ED25519)\n\
         -----END SSH HOST KEY FINGERPRINTS-----\n"
    )
}

fn lab() -> Lab {
    let mut lab = Lab::batch_on("sample.cnf", &["@checked id"], |setup| setup.verbose = 1);
    lab.host_key = Some(HASH);
    lab.described(&[instance(1, "checked", Running)]);
    lab
}

fn tell(lab: &mut Lab, text: Option<String>) {
    let (request, _, ask) = lab.asked();
    assert_eq!(ask, Ask::Console(vec![claim(1, "checked")]));
    lab.tell(request, News::Console(vec![("checked".to_owned(), text)]));
    lab.tell(request, News::Done);
}

#[test]
fn nothing_is_dialled_before_the_console_has_told_the_keys() {
    let mut lab = lab();
    assert!(lab.dialled.is_empty());
    tell(&mut lab, None);
    let err = lab.err();
    assert!(
        err.contains("waiting for the host keys of checked on the console"),
        "{err}"
    );
    assert!(lab.asks_nothing() && lab.dialled.is_empty());
    lab.after(Duration::from_secs(5));
    tell(&mut lab, Some("booting".to_owned()));
    assert!(!lab.err().contains("waiting"), "once is enough");
    lab.after(Duration::from_secs(10));
    tell(&mut lab, Some(console(&HASH)));
    assert_eq!(lab.dialled, ["54.0.0.1"]);
    assert!(lab.took("checked").contains("eval 'id'"));
    let err = lab.err();
    assert!(
        err.contains("[checked] host key SHA256:x: as on its console, kept"),
        "{err}"
    );
    assert!(
        lab.others
            .iter()
            .any(|effect| matches!(effect, Effect::Remember(..)))
    );
}

#[test]
fn another_key_than_on_the_console_is_refused() {
    let mut lab = lab();
    tell(&mut lab, Some(console(&[8; 32])));
    let err = lab.err();
    assert!(
        err.contains("HOST KEY CHANGED") && err.contains("(on its console)"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(255));
}

#[test]
fn a_console_without_keys_is_no_reason_to_trust() {
    let mut lab = lab();
    tell(
        &mut lab,
        Some("Cloud-init v. 23.1 finished at Mon\n".to_owned()),
    );
    let err = lab.err();
    assert!(
        err.contains("shows no host keys") && err.contains("host_keys=accept-new"),
        "{err}"
    );
    assert!(lab.dialled.is_empty());
    assert_eq!(lab.exit(), Some(255));
}

#[test]
fn waiting_for_keys_has_an_end() {
    let mut lab = lab();
    tell(&mut lab, None);
    for _ in 0..30 {
        lab.after(Duration::from_secs(30));
        if !lab.asks_nothing() {
            tell(&mut lab, None);
        }
    }
    let err = lab.err();
    assert!(
        err.contains("have not appeared on its console within 600 s"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(255));
}

#[test]
fn a_console_that_may_not_be_read_is_named() {
    let mut lab = lab();
    let (request, _, _) = lab.asked();
    lab.tell(
        request,
        News::Failed(Fault::new("ec2:GetConsoleOutput is not allowed")),
    );
    let err = lab.err();
    assert!(
        err.contains("its host keys cannot be read: ec2:GetConsoleOutput"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(255));
}

#[test]
fn a_start_waits_for_the_keys_and_says_so() {
    let mut lab = Lab::prompt_on("sample.cnf", 1);
    lab.host_key = Some(HASH);
    lab.described(&[]);
    lab.line("start checked");
    let (request, _, _) = lab.asked();
    lab.tell(
        request,
        News::Instances(vec![instance(1, "checked", Running)]),
    );
    lab.tell(request, News::Done);
    tell(&mut lab, None);
    lab.after(Duration::from_secs(1));
    assert!(
        lab.said("checked: waiting for its host keys 1 s"),
        "{:?}",
        lab.rows()
    );
    lab.after(Duration::from_secs(4));
    tell(&mut lab, Some(console(&HASH)));
    assert!(
        lab.said("ready: checked (1), after 5 s"),
        "{:?}",
        lab.rows()
    );
}

#[test]
fn the_key_that_dust_keeps_for_a_key_pair_opens_its_instances() {
    let mut lab = Lab::prompt_on("keyless.cnf", 1);
    let (request, _, _) = lab.asked();
    let file = std::path::PathBuf::from("/data/keys/mykey");
    lab.tell(request, News::KeyFile("mykey".to_owned(), file.clone()));
    lab.tell(request, News::Instances(vec![stranger(1, "web", Running)]));
    lab.tell(request, News::Done);
    lab.line("@web id");
    let run = lab.app.fleet.get(lab.id("web")).unwrap();
    assert_eq!(run.life.route().identities[0].path, file);
    assert!(run.life.route().identities[0].named);
}
