//! Real users with each login shell, which only root can make. Without root, forced commands stand
//! for them (`shells`).

use std::process::{Command, Stdio};

use crate::support::deps::{self, need};
use crate::support::env::Env;
use crate::support::pty::{Pty, Terminal};
use crate::support::run::says;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::{proc, wait_until};

/// A user of this machine, removed when dropped.
struct Account {
    name: String,
}

impl Account {
    /// Makes a user with this login shell. Its password is `secret`, or none that anybody knows.
    fn new(shell: &std::path::Path, word: &str, password: Option<&str>) -> Self {
        let account = Self {
            name: format!("dt-{}-{word}", std::process::id()),
        };
        let locked = "*".to_owned();
        let hash = password.map_or(locked, |password| {
            let out = Command::new("openssl")
                .args(["passwd", "-6", password])
                .output()
                .unwrap();
            String::from_utf8(out.stdout).unwrap().trim().to_owned()
        });
        insist(&[
            "useradd",
            "-m",
            "-p",
            &hash,
            "-s",
            shell.to_str().unwrap(),
            &account.name,
        ]);
        // Without one, zsh greets a new user with questions.
        let line = format!("touch ~{0}/.zshrc && chown {0}: ~{0}/.zshrc", account.name);
        insist(&["bash", "-c", &line]);
        account
    }

    fn processes(&self) -> Vec<i32> {
        let of = Command::new("pgrep").args(["-u", &self.name]).output();
        String::from_utf8_lossy(&of.unwrap().stdout)
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // A user with processes is not removed.
        wait_until("the user's processes are gone", || {
            let left = self.processes();
            proc::end(&left);
            left.is_empty()
        });
        insist(&["userdel", "-r", &self.name]);
    }
}

/// Runs a program that must succeed. Those that change users wait for their turn by themselves.
fn insist(args: &[&str]) {
    let out = Command::new(deps::path(args[0]))
        .args(&args[1..])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    // Also called while a failed test unwinds.
    if !out.status.success() {
        let why = format!("{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        assert!(std::thread::panicking(), "{why}");
        eprintln!("{why}");
    }
}

fn works_for(shell: Shell) {
    if !deps::root() || !deps::have(&["sshd", "ssh-keygen", "useradd", "pgrep", shell.program()]) {
        return;
    }
    // The home folder is the account's own here.
    let sshd = Sshd::with(&[("SetEnv", "IT_REAL=1")]);
    let env = Env::new();
    let bin = sshd
        .key(shell)
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("real");
    std::fs::create_dir(&bin).unwrap();
    let account = Account::new(&shell.executable(&bin), shell.word(), None);
    let node = sshd
        .node("w", shell)
        .key(&sshd.plain_key())
        .set("username", &account.name);
    let file = env.cluster(&[node]);
    env.dust(&[
        "-f",
        &file,
        "-c",
        "@w echo \"$USER $HOME\"; printf nonl",
        "-c",
        "@w cd /usr/lib; x='a b'",
        "-c",
        "@w echo \"$PWD $x\"; for i in 1 2; do echo $i; done",
        "-c",
        "@w cat <<E\nhere $((40+2))\nE",
        "-c",
        "@w echo \"unclosed",
        "-c",
        "@w (exit 42)",
        "-c",
        "@w exit",
        "-c",
        "@w echo again",
    ])
    .run()
    .expect_code(42)
    .expect_ends("w", &["again"])
    .expect_has(
        "w",
        &[
            &format!("{0} /home/{0}", account.name),
            "nonl",
            "/usr/lib a b",
            "1",
            "2",
            "here 42",
            "again",
        ],
    );
}

#[test]
fn bash() {
    works_for(Shell::Bash);
}

#[test]
fn bash_without_ps0() {
    works_for(Shell::BashWithoutPs0);
}

#[test]
fn zsh() {
    works_for(Shell::Zsh);
}

#[test]
fn dash() {
    works_for(Shell::Dash);
}

#[test]
fn ash() {
    works_for(Shell::Ash);
}

#[test]
fn mksh() {
    works_for(Shell::Mksh);
}

#[test]
fn fish() {
    works_for(Shell::Fish);
}

#[test]
fn tcsh() {
    works_for(Shell::Tcsh);
}

#[test]
fn nologin() {
    if !deps::root() {
        return;
    }
    need!("sshd", "ssh-keygen", "useradd", "pgrep", "nologin");
    let sshd = Sshd::with(&[("SetEnv", "IT_REAL=1")]);
    let env = Env::new();
    let account = Account::new(&deps::path("nologin"), "nologin", None);
    let nodes = [
        sshd.node("closed", Shell::Bash)
            .key(&sshd.plain_key())
            .set("username", &account.name),
        sshd.node("good", Shell::Bash),
    ];
    let file = env.cluster(&nodes);
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_lines("good", &["here"])
        .expect_notice(&["closed"]);
}

/// `settings`: how the server takes passwords.
fn a_password_is_asked_once(settings: &[(&str, &str)], word: &str) {
    if !deps::root() {
        return;
    }
    need!("sshd", "ssh-keygen", "useradd", "pgrep", "openssl");
    let mut all = vec![("SetEnv", "IT_REAL=1"), ("PubkeyAuthentication", "no")];
    all.extend(settings);
    let sshd = Sshd::with(&all);
    let env = Env::new();
    let account = Account::new(&deps::path("bash"), word, Some("pass word 42"));
    let nodes: Vec<_> = sshd
        .nodes("n", 3)
        .into_iter()
        .map(|node| node.without("keyfile").set("username", &account.name))
        .collect();
    let file = env.cluster(&nodes);
    // There is nobody to ask.
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&["n0"]);
    let mut pty = env.prompt(&file);
    pty.command("@* echo \"here $((40+2))\"");
    pty.wait_for("the question", |s| says(&s.contents(), &["password"]));
    let asked = pty.mark();
    pty.line("pass word 42");
    for i in 0..3 {
        pty.wait_row(&format!("[n{i}] here 42"));
    }
    assert!(!pty.since(asked).contains("word 42"), "{}", pty.report());
}

#[test]
fn a_password_is_asked_once_for_all_nodes() {
    a_password_is_asked_once(&[("PasswordAuthentication", "yes")], "pw");
}

#[test]
fn a_jump_host_asks_for_its_password_under_its_name() {
    if !deps::root() {
        return;
    }
    need!("sshd", "ssh-keygen", "useradd", "pgrep", "openssl");
    let gate = Sshd::with(&[
        ("PubkeyAuthentication", "no"),
        ("PasswordAuthentication", "yes"),
    ]);
    let (sshd, env) = (Sshd::start(), Env::new());
    let account = Account::new(&deps::path("bash"), "jp", Some("pass word 42"));
    let at = gate.node("gate", Shell::Bash);
    let jump = format!("{}@{}:{}", account.name, at.get("host"), at.get("port"));
    let file = env.cluster_with(&sshd.nodes("n", 3), &[("jump", &jump)]);
    // There is nobody to ask.
    env.dust(&["-f", &file, "@*", "echo here"])
        .run()
        .expect_code(255)
        .expect_notice(&[&format!(
            "[n2] lost: the jump host {jump}: permission denied"
        )]);
    let mut pty = env.terminal_of(
        Terminal {
            rows: 30,
            cols: 120,
        },
        &["-f", &file],
    );
    pty.wait_prompt();
    pty.command("@* echo \"here $((40+2))\"");
    let question = format!("[{jump}] {}@", account.name);
    pty.wait_for("the question", |s| {
        says(&s.contents(), &[&question, "password"])
    });
    pty.line("pass word 42");
    for i in 0..3 {
        pty.wait_row(&format!("[n{i}] here 42"));
    }
    assert_eq!(gate.log().matches("Accepted password").count(), 1);
}

#[test]
fn keyboard_interactive_is_asked_once_for_all_nodes() {
    // Without PAM there is no other device for it; with it, the service `sshd` must be set up.
    if !std::path::Path::new("/etc/pam.d/sshd").exists() {
        deps::skip("no /etc/pam.d/sshd");
        return;
    }
    a_password_is_asked_once(
        &[("UsePAM", "yes"), ("KbdInteractiveAuthentication", "yes")],
        "ki",
    );
}

#[test]
fn stock_ssh_logs_in_to_real_users() {
    if !deps::root() {
        return;
    }
    need!(
        "sshd",
        "ssh",
        "ssh-keygen",
        "useradd",
        "pgrep",
        "openssl",
        "dash"
    );
    for (settings, word) in [
        (&[("PasswordAuthentication", "yes")][..], "hp"),
        (
            &[("UsePAM", "yes"), ("KbdInteractiveAuthentication", "yes")],
            "hk",
        ),
    ] {
        if word == "hk" && !std::path::Path::new("/etc/pam.d/sshd").exists() {
            deps::skip("no /etc/pam.d/sshd");
            continue;
        }
        let mut all = vec![("SetEnv", "IT_REAL=1"), ("PubkeyAuthentication", "no")];
        all.extend(settings);
        let (sshd, env) = (Sshd::with(&all), Env::new());
        let account = Account::new(&deps::path("dash"), word, Some("pass word 42"));
        let mut ssh = env.command("ssh");
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o"])
            .args([
                "UserKnownHostsFile=/dev/null",
                "-p",
                &sshd.port().to_string(),
            ])
            .args(["-l", &account.name, "127.0.0.1"]);
        let mut pty = Pty::spawn(ssh, Terminal::default());
        pty.wait_for("the question", |s| says(&s.contents(), &["password:"]));
        pty.line("pass word 42");
        pty.wait_row("$");
        pty.line("echo \"is $0 in $HOME\"; exit");
        pty.wait_text(&format!("is -dash in /home/{}", account.name));
        assert_eq!(pty.wait_exit(), 0);
    }
}
