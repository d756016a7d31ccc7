//! A build without EC2: no code of Amazon's, and a plain word where a file asks for it.

use std::process::Command;

#[cfg(not(feature = "ec2"))]
use crate::support::env::Env;

/// The crates that a build with these features has.
fn crates(features: &[&str]) -> String {
    let run = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--prefix=none",
            "--edges=normal",
        ])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn without_aws_there_is_no_aws_code() {
    let bare = crates(&["--no-default-features", "--features=local"]);
    assert!(!bare.contains("aws-"), "{bare}");
}

#[test]
#[cfg(not(feature = "ec2"))]
fn without_aws_a_file_that_asks_for_it_is_refused() {
    let env = Env::new();
    let file = env.file("lab.cnf", "@cloud\nprovider=ec2\nname=lab\n");
    let file = file.display().to_string();
    let run = env.dust(&["-f", &file, "show"]).run().expect_code(2);
    run.expect_notice(&["lab.cnf", "built without EC2"]);
}
