//! However a client or a server ends, the terminal is as it was before.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{attached, prompt, sessions};
use crate::support::deps::need;
use crate::support::env::{DUST, Env};
use crate::support::pty::Pty;
use crate::support::wait_until;

fn the_server(env: &Env) -> Pid {
    let [server] = env.servers()[..] else {
        panic!("{:?}", env.servers())
    };
    Pid::from_raw(server)
}

/// A prompt whose terminal was left in a bad way by what runs there.
fn messy(env: &Env) -> Pty {
    let mut pty = prompt(env, &[]);
    pty.command("!printf '\\033[?1049h\\033[?25l\\033[?2004h\\033[?1000h\\033[31mred'; sleep 1000");
    pty.wait_for("the alternate screen", |s| {
        s.alternate_screen() && s.hide_cursor() && s.contents().contains("red")
    });
    pty
}

#[test]
fn a_signal_to_the_client_ends_it_alone() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let env = Env::new();
        let mut pty = messy(&env);
        pty.signal(signal);
        assert_eq!(pty.wait_exit(), 128 + signal as i32);
        pty.expect_restored();
        wait_until("the session goes on", || attached(&env) == 0);
    }
}

#[test]
fn the_server_that_is_killed_leaves_the_terminal_as_it_was() {
    let env = Env::new();
    let mut pty = messy(&env);
    kill(the_server(&env), Signal::SIGKILL).unwrap();
    pty.wait_row("[the session server of main is gone]");
    assert_eq!(pty.wait_exit(), 1);
    pty.expect_restored();
}

#[test]
fn the_server_that_is_terminated_ends_in_an_orderly_way() {
    let env = Env::new();
    let mut pty = messy(&env);
    kill(the_server(&env), Signal::SIGTERM).unwrap();
    pty.wait_row("[session main ended]");
    assert_eq!(pty.wait_exit(), 143);
    pty.expect_restored();
    assert!(sessions(&env).is_empty());
    assert!(!env.sockets().join("main.sock").exists());
}

#[test]
fn closing_the_terminal_detaches() {
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    pty.send("typed before");
    pty.wait_typed("typed before");
    assert_eq!(pty.hang_up(), 129);
    wait_until("nobody is attached", || attached(&env) == 0);
    let mut pty = super::dust(&env, &["attach"], &[]);
    pty.wait_typed("typed before");
}

#[test]
fn ctrl_d_ends_the_session_for_all() {
    let env = Env::new();
    let (mut one, mut two) = (prompt(&env, &[]), prompt(&env, &[]));
    one.send("\x04");
    for pty in [&mut one, &mut two] {
        pty.wait_row("[session main ended]");
        assert_eq!(pty.wait_exit(), 0);
        pty.expect_restored();
    }
}

#[test]
fn a_socket_that_is_taken_away_comes_back() {
    let env = Env::new();
    let mut pty = prompt(&env, &[]);
    let socket = env.sockets().join("main.sock");
    let answers = || !sessions(&env).is_empty();
    std::fs::remove_file(&socket).unwrap();
    assert!(!answers());
    wait_until("the session is found again", answers);
    // With all that was around it, as at the end of a user's last login.
    std::fs::remove_dir_all(env.sockets()).unwrap();
    wait_until("the session is found again", answers);
    let mut other = prompt(&env, &["attach"]);
    assert_eq!(attached(&env), 2);
    other.command("!test -S $DUST_SOCKET && echo there it is");
    pty.wait_row("there it is");
    other.wait_prompt();
    other.command("exit");
    other.wait_exit();
    pty.wait_exit();
    assert!(!socket.exists());
    wait_until("the server has ended", || env.servers().is_empty());
}

/// tmux takes the end of the alternate screen, where none is shown, for leave to put the cursor where
/// it was when the last one began.
#[test]
fn the_end_in_tmux_stands_below_what_was_there() {
    need!("tmux");
    let env = Env::new();
    let socket = env.work().join("tmux").display().to_string();
    let tmux = |words: &[&str]| {
        let mut command = env.command("tmux");
        command.args(["-S", &socket, "-f", "/dev/null"]).args(words);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let line = |of: &str| {
        // A program has used it, long ago.
        format!(
            "printf 'first\\n\\033[?1049h\\033[?1049l'; seq -f 'row %g' 10; '{DUST}' -s {of}; \
             echo over; exec cat"
        )
    };
    let rows = || -> Vec<String> {
        let shown = tmux(&["capture-pane", "-p"]);
        let rows = shown.lines().map(|row| row.trim_end().to_owned());
        rows.take_while(|row| !row.is_empty()).collect()
    };
    let has = |text: &str| wait_until(text, || rows().iter().any(|row| row == text));
    tmux(&["new-session", "-d", "-x", "80", "-y", "24", &line("one")]);
    has("dust$");
    tmux(&["send-keys", "exit", "Enter"]);
    has("over");
    let end = ["row 10", "dust$ exit", "[session one ended]", "over"];
    assert!(rows().ends_with(&end.map(str::to_owned)), "{:#?}", rows());
    // Ended from elsewhere, while a local command has the whole screen.
    tmux(&["respawn-pane", "-k", &line("two")]);
    has("dust$");
    let full = "!printf '\\033[?1049h\\033[H'; echo full; exec cat";
    tmux(&["send-keys", "-l", full]);
    tmux(&["send-keys", "Enter"]);
    has("full");
    env.dust(&["kill", "two"]).run().expect_code(0);
    has("over");
    let shown = rows();
    assert_eq!(
        shown[10..12],
        ["row 10", &format!("dust$ {full}")],
        "{shown:#?}"
    );
    assert_eq!(shown[12..], ["[session two ended]", "over"], "{shown:#?}");
    tmux(&["kill-server"]);
}
