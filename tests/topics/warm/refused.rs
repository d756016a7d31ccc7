//! What a session does not lend is dialled.

use std::time::{Duration, Instant};

use super::{logins, session};
use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::sshd::Sshd;
use crate::support::wait_until;

#[test]
fn without_a_session_or_with_another_file_nodes_are_dialled() {
    need!("sshd");
    let (sshd, env, file, _pty) = super::lab(1);
    let text = std::fs::read_to_string(&file).unwrap();
    let copy = env.file("copy.cnf", &text).display().to_string();
    let mut expected = 1;
    let mut dials = |words: &[&str], variable: Option<(&str, &str)>| {
        let mut run = env.dust(words);
        if let Some((name, value)) = variable {
            run = run.env(name, value);
        }
        let run = run.run().expect_code(0);
        assert_eq!(run.err(), "", "{words:?}");
        run.expect_lines("n0", &["dialled"]);
        expected += 1;
        assert_eq!(logins(&sshd), expected, "{words:?}");
    };
    let line = &["@n0", "echo dialled"][..];
    dials(&[&["--no-session", "-f", &file], line].concat(), None);
    dials(&[&["-s", "other", "-f", &file], line].concat(), None);
    dials(
        &[&["-f", &file], line].concat(),
        Some(("DUST_SESSION", "other")),
    );
    dials(
        &[&["-f", &file], line].concat(),
        Some(("DUST_SOCKET", "/nowhere/lab.sock")),
    );
    // The same text elsewhere may mean other keys.
    dials(&[&["-f", &copy], line].concat(), None);
    std::fs::write(&file, text.clone() + "\n# changed\n").unwrap();
    dials(&[&["-f", &file], line].concat(), None);
    std::fs::write(&file, text).unwrap();
    let run = env.dust(&["-f", &file, "@n0", "echo lent"]).run();
    run.expect_code(0).expect_lines("n0", &["lent"]);
    assert_eq!(logins(&sshd), 2 + 5);
}

#[test]
fn a_file_that_is_loaded_in_the_middle_is_dialled_and_an_old_one_is_not_trusted() {
    need!("sshd");
    let (sshd, env, file, mut pty) = super::lab(1);
    let other = std::fs::read_to_string(&file).unwrap();
    let other = other.replace("name=lab", "name=other");
    let other = env.file("other.cnf", other).display().to_string();
    let load = format!("load {other}");
    let words = ["-f", &file, "-c", &load, "-c", "@n0 echo on $DUST_CLUSTER"];
    let run = env.dust(&words).run().expect_code(0);
    assert!(run.out().contains("on other"), "{}", run.report());
    assert_eq!(logins(&sshd), 2);
    // The session has read it anew, and the run the same.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n# changed\n").unwrap();
    pty.command(&format!("load {file}"));
    pty.wait_prompt();
    pty.command("@n0 true");
    pty.wait_prompt();
    let before = logins(&sshd);
    let run = env.dust(&["-f", &file, "@n0", "true"]).run();
    run.expect_code(0);
    assert_eq!(logins(&sshd), before);
}

#[test]
fn where_sshd_opens_no_further_channel_the_run_dials() {
    need!("sshd");
    for (most, dialled) in [("1", [1, 1]), ("2", [0, 1]), ("3", [0, 0])] {
        let (sshd, env) = (Sshd::with(&[("MaxSessions", most)]), Env::new());
        let file = env.cluster(&sshd.nodes("n", 2));
        let _pty = session(&env, &file);
        let mut expected = 2;
        let run = env.dust(&["-v", "-f", &file, "@*", "echo it runs"]).run();
        let mut run = run.expect_code(0);
        for node in ["n0", "n1"] {
            run = run.expect_lines(node, &["it runs"]);
        }
        if dialled[0] > 0 {
            run.expect_notice(&["[n0]", "not through the session", "open failed"]);
        }
        expected += 2 * dialled[0];
        assert_eq!(logins(&sshd), expected, "MaxSessions {most}");
        if most == "1" {
            // Standard input needs a second one, which a connection of one's own has not either.
            continue;
        }
        // sshd counts a session until its processes have ended.
        wait_until("the shells of that run have ended", || {
            sshd.log().matches("Close session").count() >= 2
        });
        let run = env.dust(&["-f", &file, "@*", "cat"]).stdin("a\nb\n").run();
        let mut run = run.expect_code(0);
        for node in ["n0", "n1"] {
            run = run.expect_lines(node, &["a", "b"]);
        }
        assert_eq!(run.err(), "");
        expected += 2 * dialled[1];
        assert_eq!(logins(&sshd), expected, "MaxSessions {most}, with input");
    }
}

#[test]
fn what_nobody_can_reach_is_told_as_ever() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let mut nodes = sshd.nodes("n", 1);
    nodes.push(crate::support::bad::refused("dead"));
    let file = env.cluster(&nodes);
    let _pty = env.prompt(&file);
    let run = env.dust(&["-f", &file, "@*", "echo there"]).run();
    run.expect_code(255)
        .expect_lines("n0", &["there"])
        .expect_notice(&["[dead]", "connection refused"]);
}

#[test]
fn a_session_that_hangs_costs_no_more_than_a_moment() {
    need!("sshd");
    let (sshd, env, file, _pty) = super::lab(1);
    let [server] = env.servers()[..] else {
        panic!("{:?}", env.servers())
    };
    let server = nix::unistd::Pid::from_raw(server);
    nix::sys::signal::kill(server, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let began = Instant::now();
    let run = env.dust(&["-f", &file, "@n0", "echo dialled"]).run();
    let took = began.elapsed();
    nix::sys::signal::kill(server, nix::sys::signal::Signal::SIGCONT).unwrap();
    run.expect_code(0).expect_lines("n0", &["dialled"]);
    // The moment, and a login on a busy machine.
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(logins(&sshd), 2);
}
