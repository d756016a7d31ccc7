//! Host keys of instances: known by instance, checked against the console where the file says so,
//! forgotten with the instance.

use std::fs;
use std::path::Path;

use super::{Lab, ONE, lab};

/// What cloud-init prints about host keys.
fn console(fingerprint: &str) -> String {
    format!(
        "[    9.1] cloud-init[712]: Cloud-init v. 23.4 running 'modules:final'\r\n\
         <14>Nov 22 09:12:01 cloud-init: ##########\r\n\
         <14>Nov 22 09:12:01 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\n\
         <14>Nov 22 09:12:01 cloud-init: 256 {fingerprint} root@ip-127-1-0-4 (ED25519)\r\n\
         <14>Nov 22 09:12:01 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----\r\n\
         <14>Nov 22 09:12:01 cloud-init: ##########\r\n\
         ip-127-1-0-4 login: "
    )
}

const OTHER: &str = "SHA256:jYCo4rxMUTGdFLEcYE9+JyqUz8EUVlDMbPGKpuXH2yI";

fn cloud_file(lab: &Lab) {
    lab.file_with("lab.cnf", &[("host_keys", "cloud")], ONE);
}

/// How many lines of dust's files hold the server's host key.
fn known(lab: &Lab) -> usize {
    fn lines(folder: &Path, key: &str) -> usize {
        let mut count = 0;
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                count += lines(&path, key);
            } else if let Ok(text) = fs::read_to_string(&path) {
                count += text.lines().filter(|line| line.contains(key)).count();
            }
        }
        count
    }
    let key = lab.sshd.host_key();
    lab.env
        .kept()
        .iter()
        .map(|folder| lines(folder, &key))
        .sum()
}

#[test]
fn the_first_connection_is_checked_against_the_console() {
    let lab = lab!();
    cloud_file(&lab);
    lab.faults
        .console("*", &console(&lab.sshd.host_fingerprint()));
    lab.start();
    assert!(!lab.faults.calls_of("GetConsoleOutput").is_empty());
    lab.dust(&["@n0", "echo in"])
        .run()
        .expect_code(0)
        .expect_lines("n0", &["in"]);
    assert_eq!(known(&lab), 1);
    // What is known is not asked about again.
    lab.faults.forget();
    lab.dust(&["@n0", "true"]).run().expect_code(0);
    assert!(
        lab.faults.calls_of("GetConsoleOutput").is_empty(),
        "{}",
        lab.faults.report()
    );
}

#[test]
fn a_key_that_the_console_does_not_have_is_refused() {
    let lab = lab!();
    cloud_file(&lab);
    lab.faults.console("*", &console(OTHER));
    let run = lab.dust(&["start"]).run();
    assert_ne!(run.code(), 0, "{}", run.report());
    let run = run.expect_notice(&["n0", "key"]);
    assert!(
        run.err().contains(&lab.sshd.host_fingerprint()),
        "{}",
        run.report()
    );
    assert!(
        !lab.sshd.log().contains("Accepted publickey"),
        "nothing secret was tried there"
    );
    assert_eq!(known(&lab), 0);
}

/// The console comes minutes late: dust says which way the key was taken.
#[test]
fn without_a_console_it_is_said_how_the_key_was_taken() {
    let lab = lab!();
    cloud_file(&lab);
    lab.launch();
    lab.faults.console("*", "");
    let lines = ["-c", "set boot 3", "-c", "@n0 echo in"];
    let run = lab.dust(&lines).run();
    let run = run.expect_reason("n0", &["console", "fingerprint", "host key"]);
    if run.code() == 0 {
        assert_eq!(run.lines_of("n0"), ["in"]);
    } else {
        assert_eq!(run.code(), 255, "{}", run.report());
    }
}

#[test]
fn start_waits_for_the_console() {
    let lab = lab!();
    cloud_file(&lab);
    lab.faults.console("*", "");
    let run = lab.dust(&["start"]).start();
    lab.faults.wait_calls("GetConsoleOutput", 1);
    lab.faults
        .console("*", &console(&lab.sshd.host_fingerprint()));
    run.finish().expect_code(0);
    assert_eq!(known(&lab), 1);
}

#[test]
fn terminate_forgets_the_key() {
    let lab = lab!(ONE);
    lab.start();
    assert_eq!(known(&lab), 1);
    lab.dust(&["-y", "terminate", "n0"]).run().expect_code(0);
    assert_eq!(known(&lab), 0);
}

/// The next instance at the same address has another key, which is no attack.
#[test]
fn an_address_that_comes_again_is_another_machine() {
    let mut lab = lab!(ONE);
    lab.start();
    let first = lab.moto.the("n0");
    // By another tool, so that dust hears of it only later.
    lab.moto.act("TerminateInstances", &[&first.id]);
    lab.sshd.change_host_key();
    lab.launch();
    let second = lab.moto.the("n0");
    assert_ne!(second.id, first.id);
    lab.faults.replace(
        &format!(">{}<", second.private_ip),
        &format!(">{}<", first.private_ip),
    );
    lab.dust(&["@n0", "set -- $SSH_CONNECTION; echo $3"])
        .run()
        .expect_code(0)
        .expect_lines("n0", &[first.private_ip.as_str()]);
}

/// The same instance with another key is refused, wherever it is now.
#[test]
fn an_instance_keeps_its_key_at_a_new_address() {
    let mut lab = lab!(ONE);
    lab.start();
    let address = lab.moto.the("n0").private_ip;
    lab.faults.replace(&format!(">{address}<"), ">127.1.200.7<");
    lab.dust(&["@n0", "set -- $SSH_CONNECTION; echo $3"])
        .run()
        .expect_code(0)
        .expect_lines("n0", &["127.1.200.7"]);
    assert_eq!(known(&lab), 1, "it is known by its instance");
    lab.sshd.change_host_key();
    lab.dust(&["@n0", "echo no"])
        .run()
        .expect_code(255)
        .expect_notice(&["n0", "key"]);
}
