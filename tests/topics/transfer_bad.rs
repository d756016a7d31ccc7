//! Copies that cannot succeed, or not everywhere: what is whole has its name, what is not leaves
//! nothing under it, and each failure is told with its node and file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::transfer::{Lab, SFTP, names, noise, set};
use crate::support::deps::need;
use crate::support::{LONG_PATIENCE, proc, wait_until};

/// Nodes on which this script runs as SFTP server: sshd's own file would lose the quotes.
fn with_script(count: usize, script: &str) -> Lab {
    let lab = Lab::with_server(count, "sh ~/.server");
    for home in &lab.homes {
        fs::write(home.join(".server"), script).unwrap();
    }
    lab
}

/// Nobody's copies under way are in a folder.
fn no_rests(folder: &Path) -> bool {
    names(folder).iter().all(|name| !name.ends_with(".part"))
}

#[test]
fn no_room_there_fails_what_does_not_fit() {
    need!("sshd", SFTP);
    let limit = "trap '' XFSZ; [ -e ~/roomy ] || ulimit -f 1000";
    let lab = with_script(2, &format!("{limit}; exec {SFTP}"));
    fs::write(lab.homes[1].join("roomy"), "").unwrap();
    lab.env.file("big", noise(3_000_000));
    lab.env.file("small", "x");
    let run = lab.dust(&["put", "big", "small", "n*"]).run();
    let run = run.expect_code(1);
    let run = run.expect_notice(&["[n0] big: it cannot be written: "]);
    run.expect_notice(&["n[0-1] (2): put 3 files"]);
    assert_eq!(names(&lab.homes[0]), set(&["small"]));
    assert_eq!(names(&lab.homes[1]), set(&["big", "roomy", "small"]));
}

#[test]
fn a_full_disk_there_is_called_that() {
    need!("sshd", SFTP, "mount", "unshare");
    let lab = Lab::new(2);
    let tiny = lab.homes[0].join("tiny");
    fs::create_dir(&tiny).unwrap();
    fs::create_dir(lab.homes[1].join("tiny")).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&tiny)
        .output();
    if !mounted.is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    lab.env.file("big", noise(3_000_000));
    let there = lab.dust(&["put", "big", "n*", "tiny"]).run();
    // The same disk, full on this side.
    fs::write(lab.homes[1].join("f"), noise(3_000_000)).unwrap();
    let into = tiny.display().to_string();
    let here = lab.dust(&["get", "n1", "f", &into]).run();
    let left = names(&tiny);
    let unmounted = Command::new("umount").arg(&tiny).status().unwrap();
    assert!(unmounted.success());
    there
        .expect_code(1)
        .expect_notice(&["[n0] tiny/big: no space is left on the node's disk"]);
    here.expect_code(1)
        .expect_notice(&["[n1] f.n1: no space is left on this machine's disk"]);
    assert_eq!(left, set(&[]));
    assert_eq!(names(&lab.homes[1].join("tiny")), set(&["big"]));
}

#[test]
fn a_limit_here_fails_what_does_not_fit() {
    need!("sshd", SFTP);
    let lab = Lab::new(2);
    for home in &lab.homes {
        fs::write(home.join("big"), noise(3_000_000)).unwrap();
        fs::write(home.join("small"), "x").unwrap();
    }
    let line = format!(
        "ulimit -f 1000; exec $DUST -f {} get n* big small",
        lab.file
    );
    let before = names(&lab.env.work());
    let run = lab.env.bash(&line).run().expect_code(1);
    let run = run.expect_notice(&["[n1] big.n1: a file here may not be so long"]);
    run.expect_notice(&["n[0-1] (2): get 2 files"]);
    let mut after = before;
    after.extend(set(&["small.n0", "small.n1"]));
    assert_eq!(names(&lab.env.work()), after);
}

#[test]
fn what_is_not_permitted_is_told() {
    need!("sshd", SFTP, "setpriv");
    // Root may write everywhere: its server becomes somebody else.
    let root = nix::unistd::Uid::effective().is_root();
    let other = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    let server = format!("exec {} {SFTP}", if root { other } else { "" });
    let lab = with_script(1, &server);
    let home = &lab.homes[0];
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    fs::create_dir(home.join("closed")).unwrap();
    fs::write(home.join("secret"), "s").unwrap();
    let mut above = home.as_path();
    while let Some(parent) = above.parent().filter(|parent| parent.starts_with("/tmp/d")) {
        mode(parent, 0o755).unwrap();
        above = parent;
    }
    mode(home, 0o755).unwrap();
    mode(&home.join("closed"), 0o555).unwrap();
    mode(&home.join("secret"), 0o000).unwrap();
    lab.env.file("f", "content");
    let run = lab.dust(&["put", "f", "n0", "closed"]).run();
    run.expect_code(1)
        .expect_notice(&["[n0] closed/f: permission denied"]);
    let run = lab.dust(&["get", "n0", "secret"]).run().expect_code(1);
    run.expect_notice(&["[n0] secret: permission denied"]);
    assert!(!lab.env.work().join("secret.n0").exists());
    assert!(no_rests(&lab.env.work()));
}

#[test]
fn a_server_that_ends_in_the_middle_of_a_file_is_named_and_the_others_go_on() {
    need!("sshd", SFTP);
    // dd hands on what there is, and at most so much of it.
    let dies = format!("dd bs=64k count=40 2>/dev/null | {SFTP}");
    let lab = with_script(2, &format!("[ -e ~/dies ] || exec {SFTP}; {dies}"));
    fs::write(lab.homes[0].join("dies"), "").unwrap();
    lab.env.file("big", noise(9_000_000));
    let run = lab.dust(&["put", "big", "n*"]).run().expect_code(1);
    let run = run.expect_notice(&["[n0] its SFTP server ended"]);
    run.expect_notice(&["n1: put 1 file, 9.0 MB"]);
    assert!(!lab.homes[0].join("big").exists());
    assert!(fs::read(lab.homes[1].join("big")).unwrap() == noise(9_000_000));
}

#[test]
fn a_server_that_never_greets_is_named() {
    need!("sshd");
    let lab = with_script(2, "sleep 1000");
    lab.env.file("f", "content");
    for line in ["put f n*", "get n* f"] {
        let words = ["-c", "set timeout 2", "-c", line];
        let run = lab.dust(&words).run().expect_code(1);
        let run = run.expect_notice(&["[n0] its SFTP server has not greeted for 2 s"]);
        run.expect_notice(&["[n1] its SFTP server has not greeted for 2 s"]);
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_copied() {
    need!("sshd", SFTP);
    // The server waits until the file has changed: by then dust has looked at it.
    let wait = "touch ~/begun; while [ ! -e ~/go ]; do sleep 0.02; done";
    let lab = with_script(2, &format!("{wait}; exec {SFTP}"));
    for (name, size) in [("short", 1000), ("long", 500_000)] {
        let path = lab.env.file(name, noise(size));
        let run = lab.dust(&["put", name, "n*"]).start();
        wait_until("both servers run", || {
            lab.homes.iter().all(|home| home.join("begun").exists())
        });
        fs::write(&path, noise(size + 1)).unwrap();
        for home in &lab.homes {
            fs::write(home.join("go"), "").unwrap();
        }
        let run = run.finish().expect_code(1);
        let said = format!("put: {name}: it changed while it was read");
        let run = run.expect_notice(&[&said]);
        assert_eq!(run.err().matches("it changed").count(), 1, "{}", run.err());
        for home in &lab.homes {
            assert_eq!(names(home), set(&["begun", "go"]));
            fs::remove_file(home.join("begun")).unwrap();
            fs::remove_file(home.join("go")).unwrap();
        }
    }
}

/// A file that takes long, and whether a copy of it grows in a folder.
fn endless(lab: &Lab) -> impl Fn(&Path) -> bool {
    let big = lab.env.work().join("big");
    fs::File::create(&big).unwrap().set_len(40 << 30).unwrap();
    |home: &Path| {
        let parts = fs::read_dir(home).unwrap().flatten();
        parts
            .filter_map(|part| part.metadata().ok())
            .any(|meta| meta.len() > 1 << 20)
    }
}

#[test]
fn ctrl_c_over_a_sessions_connections_leaves_no_half_file() {
    need!("sshd", SFTP);
    let lab = Lab::new(2);
    let mut pty = lab.env.prompt(&lab.file);
    pty.command("@* true");
    let grows = endless(&lab);
    let run = lab
        .dust(&["put", "big", "n*"])
        .within(LONG_PATIENCE)
        .start();
    wait_until("both copies grow", || lab.homes.iter().all(|h| grows(h)));
    run.signal(Signal::SIGINT);
    run.finish().expect_code(130);
    for home in &lab.homes {
        assert_eq!(names(home), set(&[]));
    }
    pty.command("@n1 echo still here");
    pty.wait_text("[n1] still here");
}

#[test]
fn the_end_of_a_session_in_the_middle_of_a_file_is_told() {
    need!("sshd", SFTP);
    let lab = Lab::new(2);
    let mut pty = lab.env.prompt(&lab.file);
    pty.command("@* true");
    let grows = endless(&lab);
    for word in ["put", "get"] {
        let work = lab.env.work();
        let into = if word == "put" {
            lab.homes[0].clone()
        } else {
            fs::rename(work.join("big"), lab.homes[0].join("big")).unwrap();
            pty = lab.env.prompt(&lab.file);
            pty.command("@* true");
            work.clone()
        };
        let words = match word {
            "put" => ["put", "big", "n0"],
            _ => ["get", "n0", "big"],
        };
        let before = names(&into);
        let run = lab.dust(&words).within(LONG_PATIENCE).start();
        wait_until("the copy grows", || grows(&into));
        for server in lab.env.servers() {
            kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
        }
        let run = run.finish();
        assert!(run.code() != 0);
        run.expect_notice(&["[n0] ", "the session has ended"]);
        assert!(!lab.homes[0].join("big").exists() || word == "get");
        if word == "get" {
            assert_eq!(names(&work), before, "nothing of it is left here");
        }
        for name in names(&lab.homes[0]) {
            if name.ends_with(".part") {
                fs::remove_file(lab.homes[0].join(name)).unwrap();
            }
        }
        proc::end(&[pty.pid()]);
    }
}
