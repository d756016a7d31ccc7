//! Host keys: learnt once, kept in dust's own file, and a changed one is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;

fn files(of: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(of).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// The file under dust's own folders that holds this host key.
fn known_in(env: &Env, sshd: &Sshd) -> Option<PathBuf> {
    let key = sshd.host_key();
    env.kept()
        .iter()
        .flat_map(|folder| files(folder))
        .find(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(&key)))
}

#[test]
fn a_new_key_is_learnt_in_a_file_of_dusts_own() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    env.dust(&["-f", &file, "@*", "true"]).run().expect_code(0);
    let known = known_in(&env, &sshd).expect("the key is in a file of dust's");
    let mode = fs::metadata(&known).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{} is the user's own", known.display());
    assert!(!env.home().join(".ssh").exists(), "~/.ssh is left alone");
    let before = fs::read(&known).unwrap();
    env.dust(&["-f", &file, "@*", "true"]).run().expect_code(0);
    assert_eq!(
        fs::read(&known).unwrap(),
        before,
        "a known key is not learnt again"
    );
}

#[test]
fn a_changed_key_is_refused_with_both_fingerprints() {
    need!("sshd", "ssh-keygen");
    let (mut changed, same, env) = (Sshd::start(), Sshd::start(), Env::new());
    let nodes = [
        changed.node("changed", Shell::Bash),
        same.node("same", Shell::Bash),
    ];
    let file = env.cluster(&nodes);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(0);
    let old = changed.host_fingerprint();
    changed.change_host_key();
    let new = changed.host_fingerprint();
    let run = env
        .dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_lines("same", &["here"])
        .expect_lines("changed", &[])
        .expect_notice(&["changed", "key"]);
    assert!(
        run.err().contains(&old) && run.err().contains(&new),
        "{}",
        run.report()
    );
    assert!(
        !changed.log().contains("Accepted publickey"),
        "nothing secret was tried there"
    );
    // And again: it was not learnt by the way.
    env.dust(&["-f", &file, "@changed", "echo here"])
        .run()
        .expect_code(255);
}

#[test]
fn strict_refuses_what_is_not_known() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = sshd.nodes("n", 1);
    let strict = env.cluster_with(&nodes, &[("host_keys", "strict")]);
    let run = env
        .dust(&["-f", &strict, "@*", "echo here"])
        .run()
        .expect_code(255);
    assert!(
        run.err().contains(&sshd.host_fingerprint()),
        "{}",
        run.report()
    );
    assert_eq!(run.out(), "");
    assert_eq!(known_in(&env, &sshd), None);
    let accepting = env.cluster(&nodes);
    env.dust(&["-f", &accepting, "@*", "true"])
        .run()
        .expect_code(0);
    let strict = env.cluster_with(&nodes, &[("host_keys", "strict")]);
    env.dust(&["-f", &strict, "@*", "echo here"])
        .run()
        .expect_code(0);
}

#[test]
fn off_takes_any_key() {
    need!("sshd", "ssh-keygen");
    let (mut sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster_with(&sshd.nodes("n", 1), &[("host_keys", "off")]);
    env.dust(&["-f", &file, "@*", "true"]).run().expect_code(0);
    sshd.change_host_key();
    env.dust(&["-f", &file, "@*", "true"]).run().expect_code(0);
}

#[test]
fn a_changed_key_is_seen_on_reconnecting_too() {
    need!("sshd", "ssh-keygen");
    let (mut sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.command("@* echo first");
    pty.wait_row("[n0] first");
    sshd.change_host_key();
    let new = sshd.host_fingerprint();
    pty.wait_words(&["n0", "lost"]);
    pty.command("@* echo second");
    pty.wait_for("the refusal", |screen| {
        screen
            .contents()
            .replace('\n', "")
            .contains(new.trim_start_matches("SHA256:"))
    });
    assert!(!pty.history().contains("[n0] second"), "{}", pty.report());
}

#[test]
fn keys_that_openssh_knows_are_trusted() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let node = sshd.node("n0", Shell::Bash);
    let ssh = env.home().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    let line = format!(
        "[{}]:{} {}\n",
        node.get("host"),
        sshd.port(),
        sshd.host_key()
    );
    fs::write(ssh.join("known_hosts"), &line).unwrap();
    let file = env.cluster_with(&[node], &[("host_keys", "strict")]);
    env.dust(&["-f", &file, "@*", "true"]).run().expect_code(0);
    assert_eq!(
        fs::read_to_string(ssh.join("known_hosts")).unwrap(),
        line,
        "and left as they are"
    );
}
