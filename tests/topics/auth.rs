//! Logging in: which key is used, what is asked, and OpenSSH's own configuration.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use crate::support::deps::{self, need};
use crate::support::env::{Env, user};
use crate::support::run::says;
use crate::support::shell::Shell;
use crate::support::sshd::{Sshd, keygen, keygen_with};
use crate::support::wait_until;

/// An ssh-agent of a test's own.
struct Agent {
    child: Child,
    socket: String,
}

impl Agent {
    fn start(env: &Env) -> Self {
        let socket = env.work().join("agent").display().to_string();
        let mut child = env
            .command(deps::path("ssh-agent"))
            .args(["-D", "-a", &socket])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It prints its socket's name once it listens.
        let stdout = child.stdout.as_mut().expect("stdout is a pipe");
        assert!(stdout.read(&mut [0; 256]).unwrap() > 0);
        Self { child, socket }
    }

    fn add(&self, key: &std::path::Path) {
        let added = Command::new(deps::path("ssh-add"))
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(added.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_agents_keys_are_used() {
    need!("sshd", "ssh-keygen", "ssh-agent", "ssh-add");
    let (sshd, env) = (Sshd::start(), Env::new());
    let agent = Agent::start(&env);
    let decoy = env.work().join("decoy");
    keygen(&decoy);
    agent.add(&decoy);
    agent.add(&sshd.key(Shell::Bash));
    let nodes: Vec<_> = sshd
        .nodes("n", 5)
        .into_iter()
        .map(|node| node.without("keyfile"))
        .collect();
    let file = env.cluster(&nodes);
    let run = env
        .dust(&["-f", &file, "@*", "echo here"])
        .env("SSH_AUTH_SOCK", &agent.socket)
        .run()
        .expect_code(0);
    assert_eq!(run.out().lines().count(), 5, "{}", run.report());
    // An agent that never answers holds nobody up.
    let mute = std::os::unix::net::UnixListener::bind(env.work().join("mute")).unwrap();
    let nodes = [
        sshd.node("keyed", Shell::Bash),
        sshd.node("keyless", Shell::Bash).without("keyfile"),
    ];
    let file = env.cluster(&nodes);
    env.dust(&["-f", &file, "-t", "3", "@*", "echo here"])
        .env(
            "SSH_AUTH_SOCK",
            &env.work().join("mute").display().to_string(),
        )
        .run()
        .expect_code(255)
        .expect_lines("keyed", &["here"])
        .expect_notice(&["keyless"]);
    drop(mute);
}

#[test]
fn default_identities_are_tried() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let ssh = env.home().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    let key = ssh.join("id_ed25519");
    keygen(&key);
    sshd.authorize(&key, "");
    let file = env.cluster(&[sshd.node("n0", Shell::Bash).without("keyfile")]);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(0)
        .expect_lines("n0", &["here"]);
}

#[test]
fn openssh_configuration_is_followed() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let node = sshd.node("n0", Shell::Bash);
    let ssh = env.home().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    fs::write(
        ssh.join("config"),
        format!(
            "Host far*\n  HostName {}\n  Port {}\n  User {}\n  IdentityFile {}\n\nHost *\n  User nobody-at-all\n  Port 1\n",
            node.get("host"),
            node.get("port"),
            user(),
            node.get("keyfile"),
        ),
    )
    .unwrap();
    env.file("lab.cnf", "@cloud\nprovider=ssh\nname=lab\n\n@far0\n");
    env.dust(&["-f", "lab.cnf", "@*", "echo here"])
        .run()
        .expect_code(0)
        .expect_lines("far0", &["here"]);
    // The cluster file wins.
    env.file(
        "lab.cnf",
        "@cloud\nprovider=ssh\nname=lab\n\n@far0\nport=1\n",
    );
    env.dust(&["-f", "lab.cnf", "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&["far0"]);
}

#[test]
fn a_passphrase_is_asked_once_for_all_nodes() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let key = env.work().join("locked");
    keygen_with(&key, "open sesame");
    sshd.authorize(&key, "");
    let nodes: Vec<_> = sshd
        .nodes("n", 4)
        .into_iter()
        .map(|node| node.key(&key))
        .collect();
    let file = env.cluster(&nodes);
    let mut pty = env.prompt(&file);
    pty.command("@* echo \"here $((40+2))\"");
    pty.wait_for("the question", |s| says(&s.contents(), &["passphrase"]));
    let asked = pty.mark();
    pty.line("open sesame");
    for i in 0..4 {
        pty.wait_row(&format!("[n{i}] here 42"));
    }
    assert!(!pty.since(asked).contains("sesame"), "{}", pty.report());
    assert!(
        !pty.since(asked).to_lowercase().contains("passphrase"),
        "asked once\n{}",
        pty.report()
    );
}

#[test]
fn a_passphrase_that_is_not_given_ends_the_connection_alone() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let key = env.work().join("locked");
    keygen_with(&key, "open sesame");
    let nodes = [
        sshd.node("good", Shell::Bash),
        sshd.node("locked", Shell::Bash).key(&key),
    ];
    let file = env.cluster(&nodes);
    let mut pty = env.prompt(&file);
    pty.command("@* echo here");
    pty.wait_for("the question", |s| says(&s.contents(), &["passphrase"]));
    pty.send("\x03");
    pty.wait_prompt();
    pty.command("@good echo \"still $((40+2))\"");
    pty.wait_row("[good] still 42");
}

#[test]
fn a_wrong_user_is_said() {
    need!("sshd", "ssh-keygen");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = [
        sshd.node("good", Shell::Bash),
        sshd.node("wrong", Shell::Bash)
            .set("username", "no-such-user-here"),
    ];
    let file = env.cluster(&nodes);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_lines("good", &["here"])
        .expect_reason("wrong", &["denied", "auth", "refused", "accept"]);
}

#[test]
fn one_connection_a_node_whatever_is_tried() {
    need!("sshd", "ssh-keygen");
    // A server that allows few attempts: dust stops before it is thrown out for trying keys.
    let sshd = Sshd::with(&[("MaxAuthTries", "2")]);
    let env = Env::new();
    let file = env.cluster(&sshd.nodes("n", 2));
    env.dust(&["-f", &file, "@*", "true"]).run().expect_code(0);
    wait_until("they are closed", || sshd.connections() == 0);
    assert_eq!(
        sshd.log().matches("Connection from").count(),
        3,
        "one is the test's own look"
    );
}
