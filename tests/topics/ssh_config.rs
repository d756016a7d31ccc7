//! `dust ssh-config`: plain ssh, scp, sftp, rsync and git over the connections of a session.

use std::path::Path;

use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::run::Outcome;
use crate::support::sshd::Sshd;

/// The stanza of the session that runs, in a file.
fn stanza(env: &Env, words: &[&str]) -> String {
    let run = env.dust(&[&["ssh-config"], words].concat()).run();
    let text = run.expect_code(0).out();
    env.file("dust.conf", &text);
    text
}

/// A line of bash in which `ssh` and its like go by that file.
fn line(env: &Env, text: &str) -> Outcome {
    let text = format!(
        "set -e; {}",
        text.replace(" -F ", " -F dust.conf -o BatchMode=yes ")
    );
    env.bash(&text).run()
}

#[test]
fn plain_programs_go_through_the_session() {
    need!("sshd", "ssh", "scp", "sftp", "rsync", "git");
    let (sshd, env) = (Sshd::start(), Env::new());
    let nodes = sshd.nodes("n", 2).into_iter();
    let nodes: Vec<_> = nodes.map(|node| node.key(&sshd.plain_key())).collect();
    let file = env.cluster(&nodes);
    let mut pty = env.prompt(&file);
    pty.command("@* true");
    pty.wait_prompt();
    let text = stanza(&env, &["n*"]);
    assert!(text.contains("Host n0 n1\n"), "{text}");
    let work = env.work();
    env.file("one", "of one");
    let run = line(&env, "ssh -F n0 'echo by ssh; cat' < one");
    assert_eq!(run.expect_code(0).out(), "by ssh\nof one");
    let to = work.display();
    line(&env, &format!("scp -F one n1:'{to}/two'")).expect_code(0);
    line(
        &env,
        &format!("sftp -F -b /dev/stdin n0 <<<'put one {to}/three'"),
    )
    .expect_code(0);
    line(&env, &format!("rsync -e 'ssh -F ' -t one n0:'{to}/four'")).expect_code(0);
    for copy in ["two", "three", "four"] {
        assert_eq!(std::fs::read_to_string(work.join(copy)).unwrap(), "of one");
    }
    let git = "git init -q -b main repo; export GIT_SSH_COMMAND='ssh -F '; \
               git -c user.name=me -c user.email=me@example.org -C repo commit -q --allow-empty -m one; \
               git clone -q \"n0:$PWD/repo\" copy; git -C copy log --format=%s";
    assert_eq!(line(&env, git).expect_code(0).out(), "one\n");
    // As the session's connection, so this one: another key than the node's is refused.
    change_known_keys(&env);
    let run = line(&env, "ssh -F n0 true").expect_code(255);
    assert!(
        run.err().contains("verification failed"),
        "{}",
        run.report()
    );
    pty.line("exit");
    pty.wait_exit();
    let run = line(&env, "ssh -F n0 true").expect_code(255);
    assert!(run.err().contains("no session runs"), "{}", run.report());
}

/// What dust knows of host keys is that of another machine from now on.
fn change_known_keys(env: &Env) {
    let [data, _] = env.kept();
    let known = data.join("dust/known_hosts");
    let text = std::fs::read_to_string(&known).unwrap();
    let other = env.work().join("other");
    crate::support::sshd::keygen(&other);
    let public = std::fs::read_to_string(other.with_extension("pub")).unwrap();
    let key: Vec<&str> = public.split(' ').take(2).collect();
    let lines = text.lines().filter_map(|line| line.split(' ').next());
    let lines: String = lines
        .map(|name| format!("{name} {}\n", key.join(" ")))
        .collect();
    std::fs::write(known, lines).unwrap();
}

#[test]
fn without_a_session_it_is_made_of_the_file() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&[
        sshd.nodes("n", 1).remove(0),
        sshd.nodes("m", 1).remove(0).set("username", "somebody"),
    ]);
    let run = env.dust(&["-f", &file, "ssh-config"]).run().expect_code(0);
    let text = run.out();
    assert!(text.contains("Host m0\n    User somebody\n"), "{text}");
    assert!(text.contains("/dust proxy lab/%n\n"), "{text}");
    let end = format!("]:{}", sshd.port());
    let known =
        |line: &str| line.trim_start().starts_with("HostKeyAlias [127.") && line.ends_with(&end);
    assert_eq!(text.lines().filter(|line| known(line)).count(), 2, "{text}");
    let run = env.dust(&["-f", &file, "ssh-config", "n0"]).run();
    assert!(!run.out().contains("m0"), "{}", run.report());
    let run = env
        .dust(&["-f", &file, "ssh-config", "x0"])
        .run()
        .expect_code(2);
    run.expect_notice(&["x0"]);
    env.dust(&["ssh-config"]).run().expect_code(2);
    assert!(!Path::new(&env.sockets()).join("lab.sock").exists());
}

#[cfg(feature = "local")]
#[test]
fn nodes_of_a_demo_are_reached_too() {
    need!("ssh", "scp");
    let env = Env::new();
    let mut pty = env.terminal(&["demo", "2"]);
    pty.wait_prompt();
    let text = stanza(&env, &[]);
    let node = text
        .lines()
        .find_map(|line| line.strip_prefix("Host "))
        .and_then(|names| names.split(' ').next())
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned();
    let run = line(&env, &format!("ssh -F {node} 'echo on $DUST_NODE$?'"));
    assert_eq!(run.expect_code(0).out().trim_end(), "on 0");
    env.file("one", "of one");
    line(
        &env,
        &format!("scp -F one {node}:two; ssh -F {node} cat two"),
    )
    .expect_code(0);
    pty.line("exit");
    pty.wait_exit();
}
