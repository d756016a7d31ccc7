//! Bad nodes: a clear message that names the node, the other nodes go on, nothing hangs, nothing is
//! lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::PATIENCE;
use crate::support::bad::{Bad, BlackHole, refused};
use crate::support::deps::{self, need};
use crate::support::env::{Env, Node};
use crate::support::run::{Outcome, says};
use crate::support::shell::Shell;
use crate::support::sshd::{Sshd, keygen, keygen_with};

/// Runs `echo here` on two good nodes and on those given, with one second to connect.
fn run_beside(env: &Env, sshd: &Sshd, bad: &[Node]) -> Outcome {
    let mut nodes = vec![sshd.node("good0", Shell::Bash)];
    nodes.extend_from_slice(bad);
    nodes.push(sshd.node("good1", Shell::Bash));
    let file = env.cluster(&nodes);
    env.dust(&["-f", &file, "-t", "3", "@*", "echo here"])
        .run()
        .expect_lines("good0", &["here"])
        .expect_lines("good1", &["here"])
}

#[test]
fn hosts_that_are_no_ssh_servers() {
    need!("sshd", "ssh-keygen");
    let (sshd, env, hole) = (Sshd::start(), Env::new(), BlackHole::new());
    let silent = Bad::silent();
    let closing = Bad::closing();
    let in_kex = Bad::closing_in_key_exchange();
    let mute = Bad::silent_in_key_exchange();
    let garbage = Bad::garbage();
    let endless = Bad::endless_banner();
    let unknown = Node::new("unknown", "no-such-host.invalid", 22);
    let nodes = [
        refused("refused"),
        hole.node("hole"),
        silent.node("silent"),
        closing.node("closing"),
        in_kex.node("inkex"),
        mute.node("mute"),
        garbage.node("garbage"),
        endless.node("endless"),
        unknown,
    ];
    let run = run_beside(&env, &sshd, &nodes).expect_code(255);
    let why: &[(&str, &[&str])] = &[
        ("refused", &["refused"]),
        (
            "hole",
            &["timed out", "time out", "timeout", "no answer", "within"],
        ),
        (
            "silent",
            &[
                "timed out",
                "time out",
                "timeout",
                "no answer",
                "within",
                "said nothing",
            ],
        ),
        (
            "closing",
            &["closed", "reset", "hung up", "disconnect", "eof"],
        ),
        (
            "inkex",
            &[
                "closed",
                "reset",
                "hung up",
                "disconnect",
                "eof",
                "key exchange",
            ],
        ),
        (
            "mute",
            &["timed out", "time out", "timeout", "no answer", "within"],
        ),
        (
            "garbage",
            &["ssh", "closed", "reset", "version", "banner", "protocol"],
        ),
        (
            "endless",
            &[
                "ssh",
                "timed out",
                "timeout",
                "version",
                "banner",
                "within",
                "too",
            ],
        ),
        (
            "unknown",
            &["resolve", "no such", "not known", "name", "look"],
        ),
    ];
    let mut run = run;
    for (node, reasons) in why {
        run = run.expect_reason(node, reasons);
    }
    assert!(run.took < PATIENCE, "{:?}", run.took);
    assert_eq!(run.out().lines().count(), 2, "{}", run.report());
}

#[test]
fn nobody_is_tried_without_end() {
    let (env, closing) = (Env::new(), Bad::closing());
    let file = env.cluster(&[closing.node("closing")]);
    env.dust(&["-f", &file, "-t", "3", "@*", "true"])
        .run()
        .expect_code(255);
    let visits = closing.visits();
    assert!((1..=20).contains(&visits), "{visits} visits");
}

#[test]
fn key_files_that_cannot_be_used() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let at = |name: &str| env.work().join(name);
    keygen(&at("stranger"));
    fs::write(at("noise"), "this is no key\n").unwrap();
    fs::write(at("empty"), "").unwrap();
    keygen(&at("closed"));
    fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    keygen_with(&at("locked"), "the passphrase");
    sshd.authorize(&at("locked"), "");
    let node = |name: &str| sshd.node(name, Shell::Bash).key(&at(name));
    let nodes = [
        node("missing"),
        node("noise"),
        node("empty"),
        node("closed"),
        node("stranger"),
        node("locked"),
    ];
    let run = run_beside(&env, &sshd, &nodes).expect_code(255);
    run.expect_reason("missing", &["no such file", "not found", "does not exist", "missing"])
        .expect_reason("noise", &["key"])
        .expect_reason("empty", &["key"])
        .expect_reason("closed", &["permission", "key"])
        .expect_reason("stranger", &["denied", "refused", "accept", "auth"])
        // There is no terminal to ask on.
        .expect_reason("locked", &["passphrase"]);
}

#[test]
fn a_wrong_passphrase_is_said_and_the_right_one_opens() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let key = env.work().join("locked");
    keygen_with(&key, "open sesame");
    sshd.authorize(&key, "");
    let nodes = [
        sshd.node("good", Shell::Bash),
        sshd.node("locked0", Shell::Bash).key(&key),
        sshd.node("locked1", Shell::Bash).key(&key),
    ];
    let file = env.cluster(&nodes);
    let mut pty = env.prompt(&file);
    pty.command("@* echo here");
    pty.wait_row("[good] here");
    pty.wait_for("a question", |screen| {
        says(&screen.contents(), &["passphrase"])
    });
    let asked = pty.mark();
    pty.line("wrong one");
    pty.wait_for("the question again, or a refusal", |screen| {
        let text = screen.contents();
        text.to_lowercase().matches("passphrase").count() >= 2 || says(&text, &["wrong"])
    });
    if !says(&pty.rows().join("\n"), &["[locked0]", "255"]) {
        pty.line("open sesame");
        // Asked once for both nodes.
        pty.wait_row("[locked0] here");
        pty.wait_row("[locked1] here");
    }
    let painted = pty.since(asked);
    assert!(
        !painted.contains("wrong one") && !painted.contains("sesame"),
        "{}",
        pty.report()
    );
}

#[test]
fn a_server_that_refuses_the_pty() {
    need!("sshd", "ssh-keygen");
    let (good, env) = (Sshd::start(), Env::new());
    let bad = Sshd::with(&[("PermitTTY", "no")]);
    let run = run_beside(&env, &good, &[bad.node("ptyless", Shell::Bash)]);
    // It may do without, but then it must do the work.
    if run.code() == 0 {
        assert_eq!(run.lines_of("ptyless"), ["here"], "{}", run.report());
    } else {
        run.expect_code(255)
            .expect_reason("ptyless", &["pty", "terminal", "tty"]);
    }
}

#[test]
fn an_account_with_nologin() {
    need!("sshd", "ssh-keygen");
    let (good, env) = (Sshd::start(), Env::new());
    for text in [
        "/usr/sbin/nologin",
        "/bin/false",
        "/bin/true",
        "/no/such/shell",
    ] {
        let bad = Sshd::with(&[("ForceCommand", text)]);
        run_beside(&env, &good, &[bad.node("nologin", Shell::Bash)])
            .expect_code(255)
            .expect_notice(&["nologin"]);
    }
}

#[test]
fn a_shell_that_never_answers() {
    need!("sshd", "ssh-keygen");
    let (good, env) = (Sshd::start(), Env::new());
    let bad = Sshd::with(&[("ForceCommand", "exec sleep 1000")]);
    let file = env.cluster(&[
        good.node("good", Shell::Bash),
        bad.node("mute", Shell::Bash),
    ]);
    let run = env
        .dust(&["-f", &file, "-t", "2", "-u", "3", "@*", "echo here"])
        .run();
    assert_ne!(run.code(), 0, "{}", run.report());
    run.expect_lines("good", &["here"]).expect_notice(&["mute"]);
}

#[test]
fn a_node_that_floods() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.command("@n0 yes flood");
    pty.wait_row("[n0] flood");
    pty.line("@n1 echo \"calm: $DUST_NODE\"");
    // It is on the screen only for a moment.
    pty.wait_raw(0, "calm: n1");
    pty.line("disconnect n0");
    let before = pty.mark();
    pty.line("!echo still $((40+2))");
    pty.wait_raw(before, "still 42");
}

#[test]
fn a_flood_is_ended_by_ctrl_c() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.command("@n0 yes flood");
    pty.wait_row("[n0] flood");
    pty.send("\x03");
    pty.wait_any(
        "the interrupt's effect",
        &[&["[n0]", "130"], &["[n0]", "interrupted"]],
    );
    pty.command("@n0 echo \"now $((40+2))\"");
    pty.wait_row("[n0] now 42");
}

#[test]
fn a_node_that_dies_in_mid_command() {
    need!("sshd", "ssh-keygen");
    let (dying, good, env) = (Sshd::start(), Sshd::start(), Env::new());
    let nodes = [
        dying.node("dying", Shell::Bash),
        good.node("good", Shell::Bash),
    ];
    let file = env.cluster(&nodes);
    let flag = env.work().join("flag");
    let line = format!(
        "echo begun; until test -e '{}'; do sleep 0.02; done; echo finished",
        flag.display()
    );
    let mut running = env.dust(&["-f", &file, "@*", &line]).start();
    running.wait_for("both begun", |out, _| out.matches("begun").count() == 2);
    dying.drop_connections();
    running.wait_for("the loss", |_, err| says(err, &["dying"]));
    fs::write(&flag, "").unwrap();
    running
        .finish()
        .expect_code(255)
        .expect_lines("good", &["begun", "finished"])
        .expect_lines("dying", &["begun"])
        .expect_reason("dying", &["lost", "closed", "reset", "gone"]);
}

#[test]
fn a_node_that_is_gone_is_reached_again() {
    need!("sshd", "ssh-keygen");
    let (mut sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 2));
    let mut pty = env.terminal(&["-f", &file]);
    pty.wait_prompt();
    pty.command("@* x=1; echo \"first $x\"");
    pty.wait_row("[n0] first 1");
    pty.wait_row("[n1] first 1");
    sshd.stop();
    pty.wait_words(&["n0", "lost"]);
    pty.wait_words(&["n1", "lost"]);
    pty.command("@* echo \"second $x\"");
    pty.wait_words(&["n0", "refused"]);
    sshd.start_again();
    pty.command("reconnect *");
    pty.command("@* echo \"third <$x>\"");
    pty.wait_row("[n0] third <>");
    pty.wait_row("[n1] third <>");
}

#[test]
fn an_unreadable_key_file_as_an_ordinary_user() {
    // Root reads everything.
    if nix::unistd::geteuid().is_root() {
        return;
    }
    if !deps::have(&["sshd", "ssh-keygen"]) {
        return;
    }
    let (sshd, env) = (Sshd::start(), Env::new());
    let key = env.work().join("closed");
    keygen(&key);
    sshd.authorize(&key, "");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).unwrap();
    run_beside(&env, &sshd, &[sshd.node("closed", Shell::Bash).key(&key)])
        .expect_code(255)
        .expect_notice(&["closed", "permission denied"]);
}
