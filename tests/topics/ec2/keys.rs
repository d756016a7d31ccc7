//! Key pairs: the one that a file names, and the one that dust makes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Lab, ONE, lab};
use crate::support::wait_until;

/// Files below a folder whose text has this in it.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read_to_string(&path).is_ok_and(|t| t.contains(text)) {
            found.push(path);
        }
    }
    found
}

fn own_keys(lab: &Lab) -> Vec<(String, String, String)> {
    let mut keys = lab.moto.keys();
    keys.retain(|(name, ..)| name != "mykey");
    keys
}

/// Lets in whoever has the private half of the key pair that dust made.
fn authorize_own(lab: &Lab) {
    let public = own_keys(lab).remove(0).2;
    let file = lab.env.work().join("own");
    fs::write(file.with_extension("pub"), public).unwrap();
    lab.sshd.authorize(&file, "");
}

const NO_KEY: &[(&str, &str)] = &[("key", ""), ("keyfile", "")];

#[test]
fn a_key_pair_is_made_once_and_kept_to_oneself() {
    let lab = lab!();
    lab.file_with("lab.cnf", NO_KEY, ONE);
    let run = lab.dust(&["start"]).start();
    wait_until("it is made", || own_keys(&lab).len() == 1);
    authorize_own(&lab);
    run.finish().expect_code(0);
    let (name, kind, _) = own_keys(&lab).remove(0);
    assert_eq!(kind, "ed25519");
    assert_eq!(lab.moto.the("n0").all.at("keyName"), name);
    let kept = files_with(&lab.env.kept()[0], "OPENSSH PRIVATE KEY");
    assert_eq!(kept.len(), 1, "{kept:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&kept[0]), 0o600);
    assert_eq!(mode(kept[0].parent().unwrap()) & 0o077, 0);
    let key = fs::read(&kept[0]).unwrap();
    lab.dust(&["@n0", "echo in"])
        .run()
        .expect_code(0)
        .expect_lines("n0", &["in"]);
    // Used again, also by another cluster of the region.
    lab.file_with("lab.cnf", &[NO_KEY, &[("name", "other")]].concat(), ONE);
    lab.start();
    assert_eq!(own_keys(&lab).len(), 1);
    assert_eq!(fs::read(&kept[0]).unwrap(), key);
    assert_eq!(
        lab.faults.calls_of("CreateKeyPair").len() + lab.faults.calls_of("ImportKeyPair").len(),
        1,
        "{}",
        lab.faults.report()
    );
    // Another region has another.
    let changes = [NO_KEY, &[("region", "us-east-1"), ("subnet", "")]].concat();
    lab.file_with("lab.cnf", &changes, ONE);
    lab.launch();
    assert_eq!(lab.moto.region("us-east-1").keys().len(), 1);
    assert_eq!(
        files_with(&lab.env.kept()[0], "OPENSSH PRIVATE KEY").len(),
        2
    );
}

/// The key pair is there, but this machine has not its private half: another machine made it.
#[test]
fn a_key_pair_of_another_machine_is_no_reason_to_lock_oneself_out() {
    let lab = lab!();
    lab.file_with("lab.cnf", NO_KEY, ONE);
    lab.launch();
    let elsewhere = own_keys(&lab).remove(0).0;
    for file in files_with(&lab.env.kept()[0], "OPENSSH PRIVATE KEY") {
        fs::remove_file(file).unwrap();
    }
    lab.dust(&["-y", "terminate", "n0"]).run().expect_code(0);
    let run = lab.dust(&["start", "--no-wait"]).run();
    // Either another pair is made, or the person is told what to do; never an instance that
    // nobody can log in to.
    match lab.moto.named("n0").as_slice() {
        [] => {
            assert_ne!(run.code(), 0, "{}", run.report());
            assert!(run.err().contains(&elsewhere), "{}", run.report());
        },
        [node] => {
            assert_ne!(node.all.at("keyName"), elsewhere, "{}", run.report());
            assert_eq!(
                files_with(&lab.env.kept()[0], "OPENSSH PRIVATE KEY").len(),
                1
            );
        },
        more => panic!("{more:?}"),
    }
}

#[test]
fn keys_lists_the_pairs_of_the_region() {
    let lab = lab!();
    lab.file_with("lab.cnf", NO_KEY, ONE);
    lab.launch();
    let own = own_keys(&lab).remove(0).0;
    lab.faults.forget();
    let run = lab.dust(&["keys"]).run().expect_code(0);
    assert!(
        run.out().contains("mykey") && run.out().contains(&own),
        "{}",
        run.report()
    );
    let kept = files_with(&lab.env.kept()[0], "OPENSSH PRIVATE KEY").remove(0);
    let row = run
        .out()
        .lines()
        .find(|l| l.contains(&own))
        .map(str::to_owned);
    let file = kept.file_name().unwrap().to_str().unwrap();
    assert!(
        row.is_some_and(|row| row.contains(file)),
        "{}",
        run.report()
    );
    assert_eq!(lab.faults.mutating().len(), 0, "{}", lab.faults.report());
    assert!(!run.all().contains("PRIVATE KEY"), "{}", run.report());
}
