//! However a client or a server ends, the terminal is as it was before.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{attached, prompt, sessions};
use crate::support::env::Env;
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
