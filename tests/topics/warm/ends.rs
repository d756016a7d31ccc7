//! However a run, a session or a connection ends: who had to do with it is told, and nobody else is
//! held up.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use dust::wire::{Frames, Hello, OpenChannel, Purpose, ToClient, ToServer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{lab, logins};
use crate::support::deps::need;
use crate::support::env::{DUST, Env};
use crate::support::{LONG_PATIENCE, proc, wait_until};

fn the_server(env: &Env) -> i32 {
    let [server] = env.servers()[..] else {
        panic!("{:?}", env.servers())
    };
    server
}

/// The most memory that the server of the session has ever had, in kB.
fn peak(env: &Env) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", the_server(env))).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    peak.parse().unwrap()
}

#[test]
fn an_interrupt_ends_what_runs_and_nothing_else() {
    need!("sshd");
    let (sshd, env, file, mut pty) = lab(2);
    let before = proc::descendants(sshd.pid()).len();
    let line = "trap 'echo caught; exit 1' INT; echo up; while :; do sleep 0.05; done";
    let mut run = env.dust(&["-f", &file, "@*", line]).start();
    run.wait_text("[n0] up");
    run.wait_text("[n1] up");
    run.signal(Signal::SIGINT);
    run.finish().expect_code(130);
    wait_until("nothing of it is left", || {
        proc::descendants(sshd.pid()).len() <= before
    });
    pty.command("@* echo still here");
    pty.wait_row("[n1] still here");
    assert_eq!(logins(&sshd), 2);
}

#[test]
fn a_run_that_is_killed_leaves_nothing_behind() {
    need!("sshd");
    let (sshd, env, file, _pty) = lab(1);
    let before = proc::descendants(sshd.pid()).len();
    let mut run = env.dust(&["-f", &file, "@*", "echo up; cat"]).start();
    run.wait_text("[n0] up");
    run.signal(Signal::SIGKILL);
    wait_until("nothing of it is left", || {
        proc::descendants(sshd.pid()).len() <= before
    });
    assert_eq!(logins(&sshd), 1);
}

#[test]
fn a_connection_that_is_lost_is_told_by_name() {
    need!("sshd");
    let (sshd, env, file, _pty) = lab(2);
    let mut run = env
        .dust(&["-f", &file, "@*", "echo up; sleep 1000"])
        .start();
    run.wait_text("[n0] up");
    run.wait_text("[n1] up");
    sshd.drop_connections();
    let run = run.finish().expect_code(255);
    run.expect_notice(&["[n0]", "lost", "sleep 1000"])
        .expect_notice(&["[n1]", "lost", "sleep 1000"]);
    // The next one finds the session, and that finds its nodes again.
    let run = env.dust(&["-f", &file, "@*", "echo again"]).run();
    run.expect_code(0).expect_lines("n1", &["again"]);
}

#[test]
fn a_session_that_ends_takes_its_connections_with_it() {
    need!("sshd");
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let (sshd, env, file, _pty) = lab(2);
        let lines = ["-c", "@* echo up; sleep 1000", "-c", "@* echo on"];
        let words = [&["-f", &file][..], &lines[..]].concat();
        let mut run = env.dust(&words).start();
        run.wait_text("[n0] up");
        run.wait_text("[n1] up");
        kill(Pid::from_raw(the_server(&env)), signal).unwrap();
        let run = run.finish().expect_code(255);
        // What comes after it goes on, over connections of its own.
        run.expect_notice(&["[n0]", "lost", "session", "sleep 1000"])
            .expect_notice(&["[n1]", "lost", "session"])
            .expect_has("n0", &["on"]);
        assert_eq!(logins(&sshd), 4);
    }
}

#[test]
fn a_run_that_does_not_read_holds_nobody_up() {
    need!("sshd");
    let (sshd, env, file, mut pty) = lab(1);
    let mut command = env.command(DUST);
    let mut stalled = command
        .args(["-f", &file, "@n0", "echo up; seq 20000000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut start = [0; 8];
    let out = stalled.stdout.as_mut().unwrap();
    out.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"[n0] up\n");
    // The same node, from here and from there.
    for n in 0..5 {
        let line = format!("echo {n}; seq 20000 | tail -1");
        let run = env.dust(&["-f", &file, "@n0", &line]).run();
        run.expect_code(0)
            .expect_lines("n0", &[&n.to_string(), "20000"]);
        pty.command(&format!("@n0 echo prompt {n}"));
        pty.wait_row(&format!("[n0] prompt {n}"));
        pty.wait_prompt();
    }
    assert!(peak(&env) < 100_000, "{} kB", peak(&env));
    // Whoever reads on finds all there is.
    let mut last = String::new();
    let mut rest = std::io::BufReader::new(stalled.stdout.take().unwrap());
    let mut piece = [0; 1 << 16];
    let mut count = 0;
    while let Ok(read @ 1..) = rest.read(&mut piece) {
        count += piece[..read].iter().filter(|byte| **byte == b'\n').count();
        last.push_str(&String::from_utf8_lossy(&piece[..read]));
        let from = last.len().saturating_sub(100);
        last.drain(..from);
        if count >= 1_000_000 {
            break;
        }
    }
    assert!(count >= 1_000_000, "{count}: {last}");
    stalled.kill().unwrap();
    stalled.wait().unwrap();
    assert_eq!(logins(&sshd), 1);
}

#[test]
fn a_terminal_that_does_not_read_holds_no_run_up() {
    need!("sshd");
    let (sshd, env, file, mut pty) = lab(1);
    // Nobody reads the terminal of the prompt meanwhile: what is shown there waits, and the node's
    // shell with it.
    pty.send("@n0 yes 'a line of a flood that nobody reads'\r");
    pty.wait_text("a flood that nobody reads");
    let run = env.dust(&["-f", &file, "@n0", "seq 100000 | tail -1"]);
    let run = run.within(LONG_PATIENCE).run().expect_code(0);
    run.expect_lines("n0", &["100000"]);
    assert_eq!(logins(&sshd), 1);
    pty.send("\x03");
    pty.wait_prompt();
}

fn message(message: &ToServer<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// A connection to the session that has a channel on a node, which runs this.
fn channel(env: &Env, command: &str) -> UnixStream {
    channel_with(env, command, None)
}

/// The same, perhaps in a terminal.
fn channel_with(env: &Env, command: &str, term: Option<&str>) -> UnixStream {
    let open = OpenChannel {
        node: "n0".to_owned(),
        purpose: Purpose::Exec(command.to_owned()),
        pty: term.map(|term| (term.to_owned(), None)),
        ..OpenChannel::default()
    };
    let hello = Hello::new(1, b"/bin/other").encode();
    let mut stream = UnixStream::connect(env.sockets().join("lab.sock")).unwrap();
    let bytes = [hello, message(&ToServer::OpenChannel(open))].concat();
    stream.write_all(&bytes).unwrap();
    stream
}

/// Waits until the session has said this.
fn wait_said(mut stream: &UnixStream, text: &[u8]) {
    stream.set_read_timeout(Some(LONG_PATIENCE)).unwrap();
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    while !said.windows(text.len()).any(|part| part == text) {
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "hung up: {}", said.escape_ascii());
        said.extend(&piece[..count]);
    }
}

/// What the session says until it hangs up.
fn answers(mut stream: &UnixStream) -> Vec<String> {
    let mut frames = Frames::new();
    stream.set_read_timeout(Some(LONG_PATIENCE)).unwrap();
    while let Ok(count @ 1..) = stream.read(frames.room()) {
        frames.filled(count);
    }
    frames.hello().unwrap().unwrap();
    let mut all = Vec::new();
    while let Some((kind, body)) = frames.next_frame().unwrap() {
        all.push(match ToClient::decode(kind, body).unwrap() {
            ToClient::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        });
    }
    all
}

#[test]
fn a_channel_as_the_wire_has_it() {
    need!("sshd");
    let (_sshd, env, _file, _pty) = lab(1);
    let mut stream = channel(&env, "cat; echo bad >&2; exit 5");
    let bytes = [
        message(&ToServer::Data(b"input\n")),
        message(&ToServer::End),
    ]
    .concat();
    stream.write_all(&bytes).unwrap();
    let said = answers(&stream);
    assert_eq!(said[0], "Opened");
    assert!(said.contains(&"input\n".to_owned()), "{said:?}");
    let errors = format!("{:?}", ToClient::Errors(b"bad\n"));
    assert!(said.contains(&errors), "{said:?}");
    assert_eq!(said.last().unwrap(), "Exit(Some(5))");
    // A signal, and what is no channel's business.
    let mut stream = channel(&env, "exec sleep 1000");
    stream
        .write_all(&message(&ToServer::Signal("TERM".to_owned())))
        .unwrap();
    stream.write_all(&message(&ToServer::Input(b"x"))).unwrap();
    let said = answers(&stream);
    assert!(said.last().unwrap().contains("out of place"), "{said:?}");
    // NUL characters and nodes that there are not.
    for (node, command, why) in [("n0", "a\0b", "NUL"), ("n9", "true", "n9"), ("*", "x", "")] {
        let open = OpenChannel {
            node: node.to_owned(),
            purpose: Purpose::Exec(command.to_owned()),
            ..OpenChannel::default()
        };
        let hello = Hello::new(1, b"").encode();
        let mut stream = UnixStream::connect(env.sockets().join("lab.sock")).unwrap();
        let open = message(&ToServer::OpenChannel(open));
        stream.write_all(&[hello, open].concat()).unwrap();
        let said = answers(&stream);
        if node == "*" {
            // The only node that there is.
            assert_eq!(said[0], "Opened");
        } else {
            let last = said.last().unwrap();
            assert!(last.starts_with("Failed") && last.contains(why), "{said:?}");
        }
    }
}

#[test]
fn borrowers_that_flood_or_vanish_are_bounded() {
    need!("sshd");
    let (sshd, env, file, mut pty) = lab(1);
    let before = proc::descendants(sshd.pid()).len();
    let mut held = Vec::new();
    // Ten that send to what reads nothing, and ten that read nothing.
    for _ in 0..10 {
        // Without a terminal, nothing would tell it of the end; one that edits lines would take and
        // drop all that is too long for a line.
        let deaf = "stty raw -echo; echo deaf; exec sleep 1000";
        let stream = channel_with(&env, deaf, Some("dumb"));
        wait_said(&stream, b"deaf");
        stream
            .set_write_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        held.push(stream);
        held.push(channel(&env, "yes some text that nobody ever reads"));
    }
    let flood = message(&ToServer::Data(&[b'x'; 60_000]));
    for mut stream in held.iter().step_by(2) {
        let refusal = (0..400).find_map(|_| stream.write_all(&flood).err());
        let refusal = refusal.expect("24 MB find no place");
        // Nothing more was taken for so long; it was not hung up on.
        assert_eq!(refusal.kind(), ErrorKind::WouldBlock, "{refusal}");
    }
    pty.command("@n0 echo alive");
    pty.wait_row("[n0] alive");
    pty.wait_prompt();
    let run = env.dust(&["-f", &file, "@n0", "echo too"]).run();
    run.expect_code(0).expect_lines("n0", &["too"]);
    assert!(peak(&env) < 200_000, "{} kB", peak(&env));
    drop(held);
    wait_until("the channels of those that read nothing are closed", || {
        proc::descendants(sshd.pid()).len() <= before + 10
    });
    // sshd closes a terminal once it has taken all that was typed, and passes on no signal to what
    // a key commands.
    let mut deaf = proc::descendants(sshd.pid());
    deaf.retain(|pid| proc::name(*pid) == "sleep");
    proc::end(&deaf);
    wait_until("all channels are closed", || {
        proc::descendants(sshd.pid()).len() <= before
    });
    assert_eq!(logins(&sshd), 1);
}
