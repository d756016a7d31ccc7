//! Jump hosts: one connection to each, shared; what they carry, and how they fail.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;

use crate::support::deps::need;
use crate::support::env::{Env, Node};
use crate::support::pty::Terminal;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, proc, wait_until};

/// Names these servers in ~/.ssh/config, each at an address of its own.
fn name(env: &Env, servers: &[(&str, &Sshd)]) {
    let mut text = String::new();
    for (name, sshd) in servers {
        let node = sshd.node(name, Shell::Bash);
        writeln!(
            text,
            "Host {name}\n  HostName {}\n  Port {}\n  IdentityFile {}",
            node.get("host"),
            node.get("port"),
            sshd.plain_key().display()
        )
        .unwrap();
    }
    configure(env, &text);
}

fn configure(env: &Env, text: &str) {
    let ssh = env.home().join(".ssh");
    fs::create_dir_all(&ssh).unwrap();
    fs::write(ssh.join("config"), text).unwrap();
}

/// How many have logged in to a server.
fn logins(sshd: &Sshd) -> usize {
    sshd.log().matches("Accepted publickey").count()
}

#[test]
fn nodes_share_one_connection() {
    need!("sshd", "ssh-keygen");
    let (gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let file = env.cluster_with(&sshd.nodes("n", 3), &[("jump", "gate")]);
    let lines = ["-c", "@* echo here", "-c", "@* echo $SSH_CONNECTION"];
    let mut args = vec!["-f", &file];
    args.extend(lines);
    let run = env.dust(&args).run().expect_code(0);
    for node in ["n0", "n1", "n2"] {
        assert_eq!(run.lines_of(node).first().unwrap(), "here");
    }
    assert_eq!((logins(&gate), logins(&sshd)), (1, 3));
    wait_until("all is closed", || {
        gate.connections() == 0 && sshd.connections() == 0
    });
    // ~/.ssh/config says it as well.
    let host = sshd.node("n", Shell::Bash).get("host").to_owned();
    let config = fs::read_to_string(env.home().join(".ssh/config")).unwrap();
    configure(&env, &format!("{config}Host {host}\n  ProxyJump gate\n"));
    let node = sshd.node("far", Shell::Bash).set("host", &host);
    let file = env.cluster(&[node]);
    env.dust(&["-f", &file, "@*", "echo there"])
        .run()
        .expect_code(0)
        .expect_lines("far", &["there"]);
    assert_eq!(logins(&gate), 2);
}

#[test]
fn a_node_may_be_the_jump_host_of_the_others() {
    need!("sshd", "ssh-keygen");
    let (gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    let mut nodes = sshd.nodes("n", 2);
    nodes.push(gate.node("gate", Shell::Bash));
    let file = env.cluster_with(&nodes, &[("jump", "gate")]);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(0)
        .expect_lines("n1", &["here"])
        .expect_lines("gate", &["here"]);
    // Its own shell has a connection of its own.
    assert_eq!((logins(&gate), logins(&sshd)), (2, 2));
}

#[test]
fn a_chain_of_two() {
    need!("sshd", "ssh-keygen");
    let (first, second) = (Sshd::start(), Sshd::start());
    let (sshd, env) = (Sshd::start(), Env::new());
    name(&env, &[("first", &first), ("second", &second)]);
    let file = env.cluster_with(&sshd.nodes("n", 3), &[("jump", "first,second")]);
    let command = "seq 1 200000";
    let run = env.dust(&["-f", &file, "@*", command]).run().expect_code(0);
    for node in ["n0", "n1", "n2"] {
        let lines = run.lines_of(node);
        let wrong = (1..=200_000).find(|i: &usize| lines.get(i - 1) != Some(&i.to_string()));
        assert_eq!((wrong, lines.len()), (None, 200_000), "{node}");
    }
    assert_eq!((logins(&first), logins(&second), logins(&sshd)), (1, 1, 3));
}

#[test]
fn much_goes_through_both_ways_and_every_byte_arrives() {
    need!("sshd", "ssh-keygen");
    let (gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let file = env.cluster_with(&sshd.nodes("n", 3), &[("jump", "gate")]);
    // More than all windows and sockets on the way hold.
    let run = env
        .dust(&["-f", &file, "@*", "seq 1 1000000; printf end"])
        .within(LONG_PATIENCE)
        .run()
        .expect_code(0);
    for node in ["n0", "n1", "n2"] {
        let lines = run.lines_of(node);
        assert_eq!(lines.len(), 1_000_001, "{node}");
        let wrong = (1..=1_000_000u32)
            .zip(&lines)
            .find(|(i, line)| i.to_string() != **line);
        assert_eq!(wrong, None);
        assert_eq!(lines.last().unwrap(), "end");
    }
    let long = "0123456789".repeat(20_000);
    let line = format!("@* printf %s {long} | cksum; printf %s {long} | wc -c");
    let run = env
        .dust(&["-f", &file, "-"])
        .stdin(line)
        .within(LONG_PATIENCE)
        .run()
        .expect_code(0);
    let lines = run.lines_of("n0");
    assert_eq!(lines.get(1).unwrap(), "200000");
    assert_eq!(lines, run.lines_of("n2"));
}

#[test]
fn many_nodes_behind_one_jump_host() {
    need!("sshd", "ssh-keygen");
    let (gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let file = env.cluster_with(&sshd.nodes("n", 50), &[("jump", "gate")]);
    let run = env
        .dust(&["-f", &file, "--fold", "@*", "seq 1 2000"])
        .within(LONG_PATIENCE)
        .run()
        .expect_code(0);
    let out = run.out();
    assert!(out.contains("\nn[0-49] (50)\n"), "{}", run.report());
    assert_eq!(
        out.lines()
            .filter(|line| line.parse::<u32>().is_ok())
            .count(),
        2000
    );
    assert_eq!((logins(&gate), logins(&sshd)), (1, 50));
}

#[test]
fn a_jump_host_that_forwards_nothing() {
    need!("sshd", "ssh-keygen");
    let gate = Sshd::with(&[("AllowTcpForwarding", "no")]);
    let (sshd, env) = (Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let nodes = sshd.nodes("n", 8);
    let file = env.cluster_with(&nodes, &[("jump", "gate")]);
    let mut run = env
        .dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255);
    for node in &nodes {
        let why = format!(
            "[{}] lost: gate refuses to forward to {}:{}: administratively prohibited",
            node.name,
            node.get("host"),
            node.get("port")
        );
        run = run.expect_notice(&[&why]);
    }
    assert_eq!(logins(&gate), 1);
}

#[test]
fn each_node_has_its_own_reason() {
    need!("sshd", "ssh-keygen");
    // Bound, and nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (sshd, env) = (Sshd::start(), Env::new());
    let good = sshd.node("good", Shell::Bash);
    let allowed = format!("{}:{} {closed}", good.get("host"), good.get("port"));
    let gate = Sshd::with(&[("PermitOpen", &allowed)]);
    name(&env, &[("gate", &gate)]);
    let mut nodes = vec![good];
    for i in 0..6 {
        nodes.push(sshd.node(&format!("forbidden{i}"), Shell::Bash));
        let port = closed.port();
        nodes.push(Node::new(&format!("closed{i}"), "127.0.0.1", port));
    }
    let file = env.cluster_with(&nodes, &[("jump", "gate")]);
    let mut run = env
        .dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_lines("good", &["here"]);
    for i in 0..6 {
        let forbidden = format!("[forbidden{i}] lost: gate refuses to forward to");
        let closed =
            format!("[closed{i}] lost: gate cannot connect to {closed}: connection refused");
        run = run
            .expect_notice(&[&forbidden, "administratively prohibited"])
            .expect_notice(&[&closed]);
    }
}

#[test]
fn a_jump_host_that_is_down() {
    need!("sshd", "ssh-keygen");
    let (mut gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    gate.stop();
    let mut nodes = sshd.nodes("n", 2);
    nodes.push(sshd.node("direct", Shell::Bash).set("jump", "none"));
    let file = env.cluster_with(&nodes, &[("jump", "gate")]);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&["[n0] lost: the jump host gate: connection refused"])
        .expect_notice(&["[n1] lost: the jump host gate: connection refused"])
        .expect_lines("direct", &["here"]);
}

#[test]
fn a_jump_host_that_lets_nobody_in() {
    need!("sshd", "ssh-keygen");
    let (gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let config = env.home().join(".ssh/config");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}  User no-such-user-here\n")).unwrap();
    let file = env.cluster_with(&sshd.nodes("n", 2), &[("jump", "gate")]);
    let run = env
        .dust(&["-f", &file, "-t", "60", "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&[
            "[n0]",
            "the jump host gate: permission denied for user no-such",
        ])
        .expect_notice(&[
            "[n1]",
            "the jump host gate: permission denied for user no-such",
        ]);
    assert!(!run.err().contains("timed out"), "{}", run.report());
}

#[test]
fn a_jump_host_with_a_changed_host_key() {
    need!("sshd", "ssh-keygen");
    let (mut gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let file = env.cluster_with(&sshd.nodes("n", 2), &[("jump", "gate")]);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(0);
    let old = gate.host_fingerprint();
    gate.change_host_key();
    let new = gate.host_fingerprint();
    let run = env
        .dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&["[n0]", "the jump host gate: host key changed", &old, &new])
        .expect_notice(&["[n1]", "the jump host gate: host key changed", &old, &new]);
    assert_eq!(run.out(), "");
    assert_eq!(logins(&gate), 0, "nothing secret was tried there");
}

#[test]
fn strict_goes_for_the_jump_host_too() {
    need!("sshd", "ssh-keygen");
    let (gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let keys = [("jump", "gate"), ("host_keys", "strict")];
    let file = env.cluster_with(&sshd.nodes("n", 1), &keys);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&[
            "the jump host gate: its host key is not known",
            &gate.host_fingerprint(),
        ]);
}

#[test]
fn a_jump_host_that_dies_takes_its_nodes_along_and_the_next_use_is_fresh() {
    need!("sshd", "ssh-keygen");
    let (mut gate, sshd, env) = (Sshd::start(), Sshd::start(), Env::new());
    name(&env, &[("gate", &gate)]);
    let file = env.cluster_with(&sshd.nodes("n", 3), &[("jump", "gate")]);
    let size = Terminal {
        rows: 30,
        cols: 150,
    };
    let mut pty = env.terminal_of(size, &["-f", &file]);
    pty.wait_prompt();
    pty.command("@* echo here");
    pty.wait_row("[n1] here");
    pty.wait_prompt();
    pty.command("@n[0-1] echo started; sleep 600");
    pty.wait_row("[n0] started");
    pty.wait_row("[n1] started");
    gate.stop();
    for node in ["n0", "n1"] {
        pty.wait_words(&[
            &format!("[{node}] lost: the jump host gate:"),
            "while it ran",
        ]);
    }
    pty.wait_words(&["[n2] connection lost: the jump host gate:"]);
    gate.start_again();
    pty.command("@* echo again");
    for node in ["n0", "n1", "n2"] {
        pty.wait_row(&format!("[{node}] again"));
    }
    assert_eq!(logins(&gate), 1);
    // Without nodes it is closed.
    pty.command("disconnect n[0-1]");
    pty.command("@n2 echo still");
    pty.wait_row("[n2] still");
    assert_eq!(logins(&gate), 1);
    pty.command("disconnect *");
    wait_until("it is closed", || gate.connections() == 0);
}

#[test]
fn a_node_that_dies_behind_a_jump_host_is_lost_alone() {
    need!("sshd", "ssh-keygen");
    let (gate, sshd, other) = (Sshd::start(), Sshd::start(), Sshd::start());
    let env = Env::new();
    name(&env, &[("gate", &gate)]);
    let nodes = [
        sshd.node("dies", Shell::Bash),
        other.node("stays", Shell::Bash),
    ];
    let file = env.cluster_with(&nodes, &[("jump", "gate")]);
    let gone = env.work().join("gone");
    let line = format!(
        "echo started; until test -e '{}'; do sleep 0.02; done; echo done",
        gone.display()
    );
    let mut run = env.dust(&["-f", &file, "@*", &line]).start();
    run.wait_text("[dies] started");
    run.wait_text("[stays] started");
    proc::end(&proc::children(sshd.pid()));
    run.wait_text("[dies] lost:");
    fs::write(&gone, "").unwrap();
    run.finish()
        .expect_code(255)
        .expect_lines("stays", &["started", "done"])
        .expect_notice(&["[dies] lost: the connection was closed"]);
}

#[test]
fn jump_hosts_that_lead_in_a_circle_are_refused() {
    let env = Env::new();
    configure(&env, "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n");
    let file = env.cluster(&[Node::new("n", "127.0.0.1", 1).set("jump", "a")]);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(2)
        .expect_notice(&["jump hosts lead in a circle: a, b, a"]);
}

#[test]
fn the_last_words_of_a_proxy_command_are_the_reason() {
    let env = Env::new();
    let node = |command: &str| Node::new("n", "127.0.0.1", 1).set("proxy_command", command);
    let file = env.cluster(&[node("sh -c 'echo first >&2; echo the door is locked >&2'")]);
    env.dust(&["-f", &file, "-t", "2", "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&["[n]", "its proxy command says: the door is locked"]);
}
