//! What clients and servers that are none do to each other: nothing.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use dust::wire::{Attach, Frames, Hello, ToClient, ToServer};
use nix::libc;
use nix::unistd::geteuid;

use super::{attached, dust, prompt};
use crate::support::deps::skip;
use crate::support::env::Env;
use crate::support::wait_until;

fn hello() -> Vec<u8> {
    Hello::new(1, b"/bin/other").encode()
}

fn message(message: &ToServer<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// All that the server says until it hangs up, or nothing more comes: its refusals, or what else.
fn said(stream: &mut UnixStream) -> Vec<String> {
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut frames = Frames::new();
    while let Ok(count @ 1..) = stream.read(frames.room()) {
        frames.filled(count);
    }
    frames
        .hello()
        .unwrap()
        .expect("the server greets everybody");
    let mut all = Vec::new();
    while let Some((kind, body)) = frames.next_frame().unwrap() {
        all.push(match ToClient::decode(kind, body).unwrap() {
            ToClient::Refused(_, why) | ToClient::Failed(why) => why,
            other => format!("{other:?}"),
        });
    }
    all
}

fn connect(socket: &Path) -> UnixStream {
    UnixStream::connect(socket).unwrap()
}

#[test]
fn rubbish_is_refused_and_the_session_goes_on() {
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    let socket = env.sockets().join("main.sock");
    let huge = [&hello()[..], &[0x7f, 0xff, 0xff, 0xff, 4]].concat();
    let unknown = [&hello()[..], &[0, 0, 0, 1, 200]].concat();
    let malformed = [&hello()[..], &[0, 0, 0, 3, 3, 0, 0]].concat();
    let empty = [&hello()[..], &[0, 0, 0, 0, 3]].concat();
    let before = [hello(), message(&ToServer::Input(b"exit\r"))].concat();
    let start = ToServer::Start {
        name: "main".into(),
        words: Vec::new(),
    };
    let start = [hello(), message(&start)].concat();
    let channel = ToServer::OpenChannel(dust::wire::OpenChannel::default());
    let channel = [hello(), message(&channel)].concat();
    let newer = Hello {
        oldest: 700,
        newest: 800,
        pid: 1,
        executable: b"/opt/new/dust".to_vec(),
    };
    for (bytes, answer) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "is not dust"),
        (vec![0; 100_000], "is not dust"),
        (newer.encode(), "a newer dust (protocol 700 to 800"),
        (huge, "claims 2147483647 bytes"),
        (unknown, "no message has the kind 200"),
        (malformed, "kind 3 is malformed"),
        (empty, "kind 3 is malformed"),
        (before, "out of place"),
        (start, "out of place"),
        (channel, "there are no nodes"),
    ] {
        let mut stream = connect(&socket);
        // It may hang up before all is written.
        drop(stream.write_all(&bytes));
        let said = said(&mut stream);
        assert!(
            said.iter().any(|said| said.contains(answer)),
            "{answer}: {said:?}"
        );
    }
    // Halves of everything, and nothing at all; some hang up, some stay.
    let attach = message(&ToServer::Attach(Attach::default()));
    let whole = [hello(), attach].concat();
    let mut held = Vec::new();
    for cut in 0..whole.len() {
        let mut stream = connect(&socket);
        stream.write_all(&whole[..cut]).unwrap();
        if cut % 2 == 0 {
            held.push(stream);
        }
        if held.len() > 20 {
            held.clear();
        }
    }
    assert_eq!(attached(&env), 1);
    pty.command("!echo alive");
    pty.wait_row("alive");
}

#[test]
fn too_many_are_turned_away() {
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    let socket = env.sockets().join("main.sock");
    let held: Vec<UnixStream> = (0..70).map(|_| connect(&socket)).collect();
    let mut last = connect(&socket);
    assert_eq!(said(&mut last), ["session main has too many clients"]);
    pty.command("!echo alive");
    pty.wait_row("alive");
    drop(held);
    assert_eq!(attached(&env), 1);
}

#[test]
fn a_client_that_never_reads_is_bounded() {
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    let mut stream = connect(&env.sockets().join("main.sock"));
    let attach = message(&ToServer::Attach(Attach::default()));
    stream.write_all(&[hello(), attach].concat()).unwrap();
    pty.command("!seq -f 'some text on line %g' 300000");
    pty.wait_row("some text on line 300000");
    pty.wait_prompt();
    let [server] = env.servers()[..] else {
        panic!()
    };
    let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 100_000, "{peak} kB");
    // And one that types without end.
    let keys = message(&ToServer::Input(&[b'x'; 1000]));
    stream.set_nonblocking(true).unwrap();
    while stream.write_all(&keys).is_ok() {}
    drop(stream);
    wait_until("all of it is read", || attached(&env) == 1);
    pty.send("\x15");
    pty.wait_prompt();
    pty.command("!echo alive");
    pty.wait_row("alive");
}

#[test]
fn a_server_of_another_version_is_told_with_what_to_do() {
    let env = Env::new();
    std::fs::create_dir(env.sockets()).unwrap();
    std::fs::set_permissions(env.sockets(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let listener = UnixListener::bind(env.sockets().join("main.sock")).unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let newer = Hello {
            oldest: 700,
            newest: 800,
            pid: 77,
            executable: b"/opt/new/dust".to_vec(),
        };
        for (n, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = stream;
            let bytes = if n < 2 {
                newer.encode()
            } else {
                b"SSH-2.0-x\r\n".to_vec()
            };
            stream.write_all(&bytes).unwrap();
            kept.push(stream);
        }
    });
    for words in [&["attach", "main"][..], &[]] {
        let mut pty = dust(&env, words, &[]);
        pty.wait_words(&["session main is served by a newer dust"]);
        pty.wait_text("/opt/new/dust attach main");
        assert_eq!(pty.wait_exit(), 1);
        pty.expect_restored();
    }
    let mut pty = dust(&env, &["attach", "main"], &[]);
    pty.wait_words(&["session main", "the other side is not dust"]);
    assert_eq!(pty.wait_exit(), 1);
}

#[test]
fn another_user_is_refused() {
    if !geteuid().is_root() {
        skip("only root can be another user");
        return;
    }
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    // Even where the folders would let them in.
    let socket = env.sockets().join("main.sock");
    let open = std::fs::Permissions::from_mode(0o777);
    for path in socket.ancestors().take(4) {
        std::fs::set_permissions(path, open.clone()).unwrap();
    }
    let answer = std::thread::spawn(move || {
        // SAFETY: the system call itself changes this thread alone, which ends here.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
        assert_eq!(changed, 0);
        said(&mut connect(&socket))
    });
    assert_eq!(
        answer.join().unwrap(),
        ["session main is another user's (uid 0)"]
    );
    pty.command("!echo alive");
    pty.wait_row("alive");
}
