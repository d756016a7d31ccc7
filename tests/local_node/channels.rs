//! What a client can do on a node.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use dust::io::local::stop;

use crate::support::deps::need;

use super::lab::{Lab, Screen, alive, memory_of, number, pattern, same, size, wait_until};

#[test]
fn a_command_has_its_status_its_output_and_its_errors() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    let output = lab.run(&node, "hostname; pwd; echo wrong >&2; exit 3");
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        format!(
            "worker0\n{}\n",
            fs::canonicalize(&node.home).unwrap().display()
        )
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "wrong\n");
    // Killed by a signal: ssh's own way to say so.
    assert_eq!(lab.run(&node, "kill -KILL $$").status.code(), Some(255));
    // The environment is a login's, not that of whoever started the node.
    let env = lab.say(&node, "env");
    assert!(
        env.contains("\nSSH_CONNECTION=127.") && !env.contains("CARGO"),
        "{env}"
    );
}

#[test]
fn what_a_command_leaves_behind_goes_on_and_ends_with_the_node() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    lab.say(
        &node,
        "(setsid sh -c 'echo $$ > ~/pid; exec sleep 9999' >/dev/null 2>&1 &)",
    );
    let pid = node.home.join("pid");
    wait_until(|| number(&pid).is_some());
    let pid = number(&pid).unwrap();
    assert!(alive(pid));
    stop(&lab.dir(), "worker0").unwrap();
    assert!(!alive(pid));
}

#[test]
fn a_closed_channel_hangs_up_on_its_processes() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    let mut ssh = lab
        .ssh(&node, &[], "echo $$ > ~/pid; exec sleep 9999")
        .spawn()
        .unwrap();
    let pid = node.home.join("pid");
    wait_until(|| number(&pid).is_some());
    ssh.kill().unwrap();
    ssh.wait().unwrap();
    wait_until(|| !alive(number(&pid).unwrap()));
}

#[test]
fn a_shell_has_a_terminal_and_the_nodes_name_in_its_prompt() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    let mut screen = Screen::open(&lab.words(&node, &["-t"]), 100, 30);
    screen.expect("@worker0:~");
    screen.send("stty size; echo $TERM $0; tty; hostname\n");
    screen.expect("30 100\r\nxterm -bash\r\n/dev/pts/");
    screen.expect("worker0\r\n");
    screen.expect("@worker0:~");
    screen.master.resize(size(120, 40)).unwrap();
    screen.send("while [ \"$(stty size)\" != '40 120' ]; do :; done; echo re''sized\n");
    screen.expect("resized");
    // Ctrl-C reaches what runs in the foreground, and the shell stays.
    // From a program of its own: between two commands a shell may miss it.
    screen.send("sh -c 'echo wai\"\"ting; exec sleep 9999'\n");
    screen.expect("waiting");
    screen.send("\x03");
    screen.expect("@worker0:~");
    // Echo can be switched off, as for a password.
    screen.send("stty -echo; echo sile''nt\n");
    screen.expect("silent\r\n");
    screen.expect("@worker0:~");
    screen.send("echo do''ne; stty echo\n");
    screen.expect("done\r\n");
    assert!(!screen.seen.contains("echo do"));
    screen.send("exit 7\n");
    assert_eq!(screen.status(), 7);
}

#[test]
fn much_output_arrives_whole() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    let want = pattern(50_000_000);
    fs::write(node.home.join("big"), &want).unwrap();
    same(&lab.run(&node, "cat big").stdout, &want);
    same(&lab.run(&node, "cat big >&2").stderr, &want);
}

#[test]
fn much_input_comes_back_whole() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    let want = pattern(20_000_000);
    let mut ssh = lab.ssh(&node, &[], "cat");
    let mut ssh = ssh
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = ssh.stdin.take().unwrap();
    let mut got = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            input.write_all(&want).unwrap();
            drop(input);
        });
        ssh.stdout.take().unwrap().read_to_end(&mut got).unwrap();
    });
    assert!(ssh.wait().unwrap().success());
    same(&got, &want);
}

#[test]
fn a_process_that_does_not_read_holds_up_nobody_else() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    let path = lab.temp.path().join("mux");
    let path = format!("ControlPath={}", path.display());
    let mut master = lab.ssh(&node, &["-N", "-o", "ControlMaster=yes", "-o", &path], "");
    let mut master = master.spawn().unwrap();
    let over = ["-o", path.as_str()];
    wait_until(|| {
        let check = lab
            .ssh(&node, &["-O", "check", "-o", &path], "")
            .output()
            .unwrap();
        check.status.success()
    });
    let line = "while [ ! -e go ]; do sleep 0.02; done; wc -c";
    let mut slow = lab.ssh(&node, &over, line);
    let mut slow = slow
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = slow.stdin.take().unwrap();
    let want = pattern(30_000_000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            input.write_all(&want).unwrap();
            drop(input);
        });
        // More than any queue on the way would take; then both directions of another channel.
        let mut output = lab.ssh(&node, &over, "cat");
        let mut output = output
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        output
            .stdin
            .take()
            .unwrap()
            .write_all(b"still alive\n")
            .unwrap();
        let mut said = String::new();
        output
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(said, "still alive\n");
        output.wait().unwrap();
        let memory = memory_of(node.pid.unwrap());
        assert!(memory < 100 << 10, "{memory} KiB");
        fs::write(node.home.join("go"), "").unwrap();
    });
    let said = slow.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(said).unwrap().trim(), "30000000");
    master.kill().unwrap();
    master.wait().unwrap();
}

#[test]
fn ports_of_this_machine_are_forwarded_and_no_others() {
    need!("ssh");
    let lab = Lab::new();
    let node = lab.start("worker0");
    for host in [node.addr.unwrap().to_string(), "worker0".into()] {
        let to = format!("{host}:{}", node.port.unwrap());
        let mut ssh = lab
            .ssh(&node, &["-W", &to], "")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut banner = [0; 8];
        ssh.stdout.take().unwrap().read_exact(&mut banner).unwrap();
        assert_eq!(&banner, b"SSH-2.0-");
        ssh.kill().unwrap();
        ssh.wait().unwrap();
    }
    for to in ["192.0.2.1:22", "example.com:80", "127.0.0.1:1"] {
        let output = lab.ssh(&node, &["-W", to], "").output().unwrap();
        assert!(!output.status.success(), "{to}");
    }
}

#[test]
fn files_go_both_ways() {
    need!("ssh", "sftp");
    let lab = Lab::new();
    let node = lab.start("worker0");
    let here = lab.temp.path();
    let want = pattern(3_000_000);
    fs::write(here.join("a"), &want).unwrap();
    fs::set_permissions(here.join("a"), fs::Permissions::from_mode(0o640)).unwrap();
    let mut options = lab.words(&node, &["-o", &format!("Port={}", node.port.unwrap())]);
    // sftp has another -p.
    let addr = options.pop().unwrap();
    options.truncate(options.len() - 2);
    let mut sftp = Command::new("sftp");
    sftp.args(options)
        .args(["-b", "-"])
        .arg(addr)
        .current_dir(here);
    let mut sftp = sftp
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let script = "put -p a sub\nmkdir dir\nrename sub dir/b\nls -l dir\nget -p dir/b c\nrm dir/b\n";
    sftp.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = sftp.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("-rw-r-----") && said.contains("3000000"),
        "{said}"
    );
    same(&fs::read(here.join("c")).unwrap(), &want);
    let meta = |name: &str| fs::metadata(here.join(name)).unwrap();
    assert_eq!(meta("c").permissions().mode() & 0o777, 0o640);
    assert!(node.home.join("dir").is_dir() && !node.home.join("dir/b").exists());
}
