//! How nodes start, are found, stop and vanish.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};

use dust::io::local::demo::Demo;
use dust::io::local::{
    Launch, LocalNode, ensure_client_key, get, list, start, start_all, stop, stop_all, terminate,
};
use dust::model::NodeState;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::deps::need;

use super::lab::{Lab, PROGRAM, alive, launch, wait_until, words};

#[test]
fn only_the_clusters_key_opens_the_door() {
    need!("ssh");
    let (lab, other) = (Lab::new(), Lab::new());
    let node = lab.start("worker0");
    let wrong = ensure_client_key(&other.dir()).unwrap().private;
    let output = Command::new("ssh")
        .args(words(&wrong, &node, &["-o", "BatchMode=yes"]))
        .arg("true")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied (publickey)"));
}

#[test]
fn the_host_key_is_the_one_that_is_listed() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    assert!(
        node.host_key_fingerprint
            .as_ref()
            .unwrap()
            .starts_with("SHA256:")
    );
    let known = lab.temp.path().join("known");
    let (addr, port) = (node.addr.unwrap(), node.port.unwrap());
    fs::write(
        &known,
        format!("[{addr}]:{port} {}\n", node.host_key.as_ref().unwrap()),
    )
    .unwrap();
    let known = format!("UserKnownHostsFile={}", known.display());
    // The first value of an option wins.
    let mut ssh = Command::new("ssh");
    ssh.args(["-o", &known, "-o", "StrictHostKeyChecking=yes"])
        .args(lab.words(&node, &[]));
    assert!(ssh.arg("true").status().unwrap().success());
}

#[test]
fn stopping_keeps_the_home_and_the_identity() {
    need!("ssh");
    let lab = Lab::new();
    let first = lab.start("worker0");
    assert_eq!(
        lab.start("worker0"),
        first,
        "a node that runs is left alone"
    );
    lab.say(&first, "echo kept > file");
    let stopped = stop(&lab.dir(), "worker0").unwrap();
    assert_eq!((stopped.state, stopped.pid), (NodeState::Stopped, None));
    wait_until(|| !alive(first.pid.unwrap()));
    assert_eq!(list(&lab.dir()).unwrap(), [stopped]);
    assert_eq!(lab.run(&first, "true").status.code(), Some(255));
    let second = lab.start("worker0");
    assert_eq!(lab.say(&second, "cat file"), "kept");
    assert_ne!(second.pid, first.pid);
    assert_eq!(second.host_key, first.host_key);
    assert_eq!((second.addr, second.port), (first.addr, first.port));
}

#[test]
fn terminating_removes_everything() {
    let lab = Lab::new();
    let node = lab.start("worker0");
    lab.start("worker1");
    let private = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o077;
    for path in [
        "",
        ".key",
        ".key/id_ed25519",
        "worker0",
        "worker0/host_key",
        "worker0/state",
    ] {
        assert_eq!(private(&lab.dir().join(path)), 0, "{path}");
    }
    terminate(&lab.dir(), "worker0").unwrap();
    terminate(&lab.dir(), "worker0").unwrap();
    assert!(!lab.dir().join("worker0").exists());
    wait_until(|| !alive(node.pid.unwrap()));
    assert_eq!(get(&lab.dir(), "worker0").unwrap().state, NodeState::Absent);
    let left: Vec<String> = list(&lab.dir())
        .unwrap()
        .into_iter()
        .map(|n| n.name)
        .collect();
    assert_eq!(left, ["worker1"]);
}

#[test]
fn two_who_start_the_same_nodes_get_the_same_processes() {
    let lab = Lab::new();
    let dir = lab.dir();
    let names = ["worker0", "worker1"].map(String::from);
    let mut back = names.clone();
    back.reverse();
    let both = std::thread::scope(|scope| {
        let one = scope.spawn(|| start_all(&dir, &names, &launch()));
        let two = scope.spawn(|| start_all(&dir, &back, &launch()));
        [one, two].map(|t| t.join().unwrap())
    });
    let pids = both.map(|started| {
        started
            .into_iter()
            .map(|(name, node)| (name, node.unwrap().pid.unwrap()))
            .collect::<Vec<_>>()
    });
    assert_eq!(pids[0], pids[1]);
    assert_ne!(pids[0][0].1, pids[0][1].1);
    for (_, stopped) in stop_all(&dir, &names) {
        assert_eq!(stopped.unwrap().state, NodeState::Stopped);
    }
}

#[test]
fn a_killed_node_is_known_to_be_dead_and_a_stranger_with_its_pid_is_left_alone() {
    let lab = Lab::new();
    let node = lab.start("worker0");
    kill(Pid::from_raw(node.pid.unwrap()), Signal::SIGKILL).unwrap();
    wait_until(|| get(&lab.dir(), "worker0").unwrap().state == NodeState::Stopped);
    // As if the number had been given to another process meanwhile.
    let mut stranger: Child = Command::new("sleep").arg("9999").spawn().unwrap();
    let state = lab.dir().join("worker0/state");
    let text = fs::read_to_string(&state).unwrap();
    let swapped = text.replace(
        &format!("\"pid\":{}", node.pid.unwrap()),
        &format!("\"pid\":{}", stranger.id()),
    );
    assert_ne!(text, swapped);
    fs::write(&state, swapped).unwrap();
    assert_eq!(
        get(&lab.dir(), "worker0").unwrap().state,
        NodeState::Stopped
    );
    stop(&lab.dir(), "worker0").unwrap();
    terminate(&lab.dir(), "worker0").unwrap();
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_node_that_cannot_start_says_why() {
    let lab = Lab::new();
    fs::create_dir_all(lab.dir()).unwrap();
    fs::set_permissions(lab.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let open = start(&lab.dir(), "worker0", &launch()).unwrap_err();
    assert!(open.to_string().contains("open to other users"), "{open}");
    fs::set_permissions(lab.dir(), fs::Permissions::from_mode(0o700)).unwrap();
    lab.start("worker0");
    stop(&lab.dir(), "worker0").unwrap();
    fs::write(lab.dir().join("worker0/host_key"), "rubbish").unwrap();
    let broken = start(&lab.dir(), "worker0", &launch()).unwrap_err();
    assert!(broken.to_string().contains("host_key"), "{broken}");
    let program = Some(Path::new("/bin/false"));
    let none = start(
        &lab.dir(),
        "worker1",
        &Launch {
            program,
            ..launch()
        },
    )
    .unwrap_err();
    assert!(none.to_string().contains("worker1 did not start"), "{none}");
}

#[test]
fn a_demo_ends_with_its_owner_and_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let base = temp.path().join("demos");
    for by_itself in [false, true] {
        let demo = Demo::create(&base, 3).unwrap();
        let root = demo.cluster_file().parent().unwrap().to_owned();
        let how = Launch {
            program: Some(Path::new(PROGRAM)),
            ..demo.launch()
        };
        let nodes: Vec<LocalNode> = demo
            .start(&how)
            .into_iter()
            .map(|(_, n)| n.unwrap())
            .collect();
        assert_eq!(nodes.len(), 3);
        // A node of a demo can be stopped and keeps its home, as any other.
        stop(&demo.cluster_dir(), "worker1").unwrap();
        assert!(nodes[1].home.exists());
        if by_itself {
            // What happens when the owner is killed: its end of the pipe closes.
            drop(demo);
            wait_until(|| !root.exists());
        } else {
            demo.end().unwrap();
            assert!(!root.exists());
        }
        wait_until(|| nodes.iter().all(|n| !alive(n.pid.unwrap())));
    }
}
