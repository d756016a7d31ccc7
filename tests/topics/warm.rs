//! One-shot runs over the connections of a running session.

use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::pty::Pty;
use crate::support::sshd::Sshd;

/// How often somebody has logged in.
fn logins(sshd: &Sshd) -> usize {
    sshd.log().matches("Accepted publickey").count()
}

/// A session with these nodes connected.
fn session(env: &Env, file: &str) -> Pty {
    let mut pty = env.prompt(file);
    pty.command("@* true");
    pty.wait_prompt();
    pty
}

#[test]
fn a_run_takes_the_connections_that_are_there() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    let mut pty = session(&env, &file);
    assert_eq!(logins(&sshd), 2);
    let run = env.dust(&["-v", "-f", &file, "@*", "echo $DUST_NODE; exit 3"]);
    let run = run.run().expect_code(3);
    run.expect_lines("n0", &["n0"])
        .expect_lines("n1", &["n1"])
        .expect_notice(&["[n0]", "through the connection of session lab"]);
    assert_eq!(logins(&sshd), 2);
    let run = env
        .dust(&["--no-session", "-f", &file, "@n0", "true"])
        .run();
    run.expect_code(0);
    assert_eq!(logins(&sshd), 3);
    pty.command("@* echo still here");
    pty.wait_row("[n1] still here");
}
