//! Who asks: credentials from where they may stand, and what is said where there are none.

use std::fs;

use super::{Lab, ONE, lab};
use crate::support::LONG_PATIENCE;
use crate::support::env::DUST;
use crate::support::faults::{AUTH_FAILURE, EXPIRED, When};
use crate::support::run::Dust;

/// dust without any credentials in its environment.
fn bare(lab: &Lab, args: &[&str]) -> Dust {
    let mut command = lab.env.command(DUST);
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("-f")
        .arg(lab.env.work().join("lab.cnf"))
        .args(args);
    Dust::new(command).within(LONG_PATIENCE)
}

fn aws_file(lab: &Lab, name: &str, text: &str) {
    let folder = lab.env.home().join(".aws");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

const KEYS: &str = "aws_access_key_id = AKIAFROMFILE\naws_secret_access_key = secret\n";

#[test]
fn without_credentials_one_line_says_what_to_do() {
    let lab = lab!(ONE);
    for args in [
        &["show"][..],
        &["start"],
        &["plan"],
        &["-y", "terminate", "n0"],
    ] {
        let run = bare(&lab, args).run().expect_notice(&["credentials"]);
        assert!(run.err().contains("AWS_ACCESS_KEY_ID"), "{}", run.report());
        assert!(run.err().lines().count() <= 4, "{}", run.report());
        if args != ["show"] {
            assert_ne!(run.code(), 0, "{}", run.report());
        }
    }
    assert!(lab.faults.calls().is_empty(), "{}", lab.faults.report());
}

#[test]
fn credentials_come_from_files_and_profiles() {
    let lab = lab!(ONE);
    let text = format!(
        "[default]\n{KEYS}\n[work]\n{}",
        KEYS.replace("FROMFILE", "ATWORK")
    );
    aws_file(&lab, "credentials", &text);
    let asked_by = |run: Dust| {
        lab.faults.forget();
        run.run().expect_code(0);
        lab.faults.calls().remove(0).access_key
    };
    assert_eq!(asked_by(bare(&lab, &["show"])), "AKIAFROMFILE");
    let profile = bare(&lab, &["show"]).env("AWS_PROFILE", "work");
    assert_eq!(asked_by(profile), "AKIAATWORK");
    let key = bare(&lab, &["show"])
        .env("AWS_ACCESS_KEY_ID", "AKIAFROMENV")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    assert_eq!(asked_by(key), "AKIAFROMENV");
    lab.file_with("lab.cnf", &[("profile", "work")], ONE);
    assert_eq!(asked_by(bare(&lab, &["show"])), "AKIAATWORK");
    // A program that gives them.
    let given = "{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"AKIAPROCESS\\\",\\\"SecretAccessKey\\\":\\\"s\\\"}";
    let text = format!("[profile tool]\ncredential_process = /bin/sh -c \"echo '{given}'\"\n");
    aws_file(&lab, "config", &text);
    lab.file_with("lab.cnf", &[("profile", "tool")], ONE);
    assert_eq!(asked_by(bare(&lab, &["show"])), "AKIAPROCESS");
}

#[test]
fn a_profile_that_does_not_exist_is_named() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("profile", "nonesuch")], ONE);
    let run = bare(&lab, &["start"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    assert!(run.err().contains("nonesuch"), "{}", run.report());
    lab.file_of(ONE);
    let run = bare(&lab, &["start"]).env("AWS_PROFILE", "elsewhere").run();
    run.expect_notice(&["no profile elsewhere"]);
}

#[test]
fn the_region_comes_from_the_environment_or_is_asked_for() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("region", "")], ONE);
    lab.dust(&["show"])
        .env("AWS_REGION", "us-east-1")
        .run()
        .expect_code(0);
    assert_eq!(lab.faults.calls()[0].region, "us-east-1");
    lab.faults.forget();
    aws_file(&lab, "config", "[default]\nregion = eu-west-1\n");
    lab.dust(&["show"]).run().expect_code(0);
    assert_eq!(lab.faults.calls()[0].region, "eu-west-1");
    aws_file(&lab, "config", "");
    lab.faults.forget();
    let run = lab.dust(&["start"]).run().expect_notice(&["region"]);
    assert_ne!(run.code(), 0, "{}", run.report());
    assert!(lab.faults.calls().is_empty(), "{}", lab.faults.report());
}

#[test]
fn the_endpoint_comes_from_the_environment() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("endpoint", "")], ONE);
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"] {
        lab.faults.forget();
        lab.dust(&["show"])
            .env(name, &lab.faults.endpoint())
            .run()
            .expect_code(0);
        assert!(!lab.faults.calls().is_empty(), "{name}");
    }
}

#[test]
fn credentials_that_are_over_or_wrong_are_told_apart() {
    let lab = lab!(ONE);
    for (fault, word) in [(EXPIRED, "expired"), (AUTH_FAILURE, "credentials")] {
        lab.faults.clear();
        lab.faults.on(When::any(), fault);
        let run = lab.dust(&["start"]).run().expect_notice(&[word]);
        assert_ne!(run.code(), 0, "{}", run.report());
        assert!(run.err().to_lowercase().contains("aws"), "{}", run.report());
        assert!(run.err().lines().count() <= 4, "{}", run.report());
    }
}

/// Secrets are in no output and no file of dust's.
#[test]
fn the_secret_key_is_told_nobody() {
    let lab = lab!(ONE);
    lab.faults.on(When::any(), AUTH_FAILURE);
    let run = lab
        .dust(&["-v", "start"])
        .run()
        .expect_notice(&["aws", "credentials"]);
    assert!(!run.all().contains("wJalrXUtnFEMI"), "{}", run.report());
}

/// Nothing listens there.
#[test]
fn an_endpoint_that_is_not_there_is_named() {
    let lab = lab!();
    let nowhere = "http://127.0.0.1:9";
    lab.file_with("lab.cnf", &[("endpoint", nowhere)], ONE);
    let run = lab.dust(&["start"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    assert!(
        run.err().contains("127.0.0.1:9") || run.err().contains("endpoint"),
        "{}",
        run.report()
    );
}

/// `aws sso login` was never called, or is too long ago.
#[test]
fn a_single_sign_on_that_is_over_says_how_to_log_in() {
    let lab = lab!();
    lab.file_with("lab.cnf", &[("profile", "work")], ONE);
    let text = "[profile work]\nsso_session = firm\nsso_account_id = 123456789012\n\
                sso_role_name = Admin\n\n[sso-session firm]\nsso_region = eu-west-1\n\
                sso_start_url = https://firm.example/start\n";
    aws_file(&lab, "config", text);
    let told = || {
        let run = bare(&lab, &["start"]).run();
        assert_ne!(run.code(), 0, "{}", run.report());
        let run = run.expect_notice(&["credentials", "work", "aws sso login"]);
        assert!(run.err().lines().count() <= 4, "{}", run.report());
    };
    told();
    // The name is the session's SHA-1, as the AWS CLI has it.
    let cache = lab.env.home().join(".aws/sso/cache");
    fs::create_dir_all(&cache).unwrap();
    let token = "{\"accessToken\":\"t\",\"expiresAt\":\"2020-01-01T00:00:00Z\",\
                 \"startUrl\":\"https://firm.example/start\",\"region\":\"eu-west-1\"}";
    fs::write(cache.join(SESSION), token).unwrap();
    told();
    assert!(lab.faults.calls().is_empty(), "{}", lab.faults.report());
}

/// Where the token of the session `firm` is kept.
const SESSION: &str = "d340949e974e2927a82574196497892f16292449.json";
