//! More nodes than the server or this machine takes at once: all of them answer.

use crate::support::LONG_PATIENCE;
use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::sshd::Sshd;

#[test]
fn a_hundred_nodes_behind_a_server_that_drops_connections() {
    need!("sshd", "ssh-keygen");
    let sshd = Sshd::with(&[("MaxStartups", "10:30:100")]);
    let env = Env::new();
    let file = env.cluster(&sshd.nodes("n", 100));
    let run = env
        .dust(&["-f", &file, "@*", "echo here"])
        .within(LONG_PATIENCE)
        .run()
        .expect_code(0);
    assert_eq!(run.out().lines().count(), 100, "{}", run.report());
    for i in 0..100 {
        assert_eq!(run.lines_of(&format!("n{i}")), ["here"], "{}", run.report());
    }
}

#[test]
fn a_server_that_takes_one_at_a_time() {
    need!("sshd", "ssh-keygen");
    let sshd = Sshd::with(&[("MaxStartups", "2:100:2")]);
    let env = Env::new();
    let file = env.cluster(&sshd.nodes("n", 10));
    let run = env
        .dust(&["-f", &file, "@*", "echo here"])
        .within(LONG_PATIENCE)
        .run()
        .expect_code(0);
    assert_eq!(run.out().lines().count(), 10, "{}", run.report());
}

#[test]
fn two_hundred_nodes_with_256_file_descriptors() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    for count in [200, 300] {
        let file = env.cluster(&sshd.nodes("n", count));
        let run = env
            .dust(&["-f", &file, "@*", "echo here"])
            .descriptors(256)
            .within(LONG_PATIENCE)
            .run()
            .expect_code(0);
        assert_eq!(
            run.out().lines().count(),
            usize::try_from(count).unwrap(),
            "{}",
            run.report()
        );
    }
}
