//! How a session begins, and who joins it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use super::{attached, dust, prompt, sessions};
use crate::support::bad::refused;
use crate::support::deps::skip;
use crate::support::env::{DUST, Env};
use crate::support::pty::{Pty, Terminal};
use crate::support::wait_until;

#[test]
fn the_name_is_given_or_that_of_the_cluster() {
    let env = Env::new();
    let file = env.cluster(&[refused("a")]);
    for (words, variables, name) in [
        (&[][..], &[][..], "main"),
        (&["-f", &file], &[], "lab"),
        (&["-f", &file, "-s", "x"], &[("DUST_SESSION", "y")], "x"),
        (&["-f", &file], &[("DUST_SESSION", "y")], "y"),
        (&[], &[("DUST_SESSION", "")], "main"),
    ] {
        let mut pty = dust(&env, words, variables);
        pty.wait_prompt();
        assert_eq!(
            sessions(&env)[0]["session"],
            name,
            "{words:?} {variables:?}"
        );
        pty.command("exit");
        pty.wait_exit();
    }
    // The file that is there by itself gives its name, too.
    env.file("default.cnf", "@cloud\nprovider=ssh\nname=deft\n@a\n");
    let mut pty = prompt(&env, &[]);
    pty.wait_row("dust:deft$");
    assert_eq!(sessions(&env)[0]["session"], "deft");
}

#[test]
fn a_session_with_another_file_is_not_joined() {
    let env = Env::new();
    let file = env.cluster(&[refused("a")]);
    let _first = prompt(&env, &["-f", &file]);
    fs::create_dir(env.work().join("other")).unwrap();
    let other = env.file("other/lab.cnf", fs::read(&file).unwrap());
    let mut pty = dust(&env, &["-f", other.to_str().unwrap()], &[]);
    pty.wait_words(&["session lab runs already", "-s name"]);
    assert_eq!(pty.wait_exit(), 2);
    pty.expect_restored();
    // The same file by another name is the same.
    let link = env.work().join("link.cnf");
    symlink(&file, &link).unwrap();
    let mut joined = dust(&env, &["-s", "lab", "-f", "link.cnf", "--fold", "-v"], &[]);
    joined.wait_prompt();
    let text = joined.history();
    assert!(
        text.contains("session lab runs already: --fold, --verbose came too late"),
        "{text}"
    );
    assert_eq!(attached(&env), 2);
}

#[test]
fn a_file_that_is_wrong_starts_nothing() {
    let env = Env::new();
    let bad = env.file("bad.cnf", "@cloud\nprovider=ssh\nnonsense=1\n");
    let mut pty = dust(&env, &["-f", bad.to_str().unwrap()], &[]);
    pty.wait_words(&["bad.cnf:3", "nonsense"]);
    assert_eq!(pty.wait_exit(), 2);
    assert!(env.servers().is_empty());
    // What only the server finds out is told by the client all the same.
    let off = env.file(
        "off.cnf",
        "@cloud\nprovider=ec2\nname=off\nregion=eu-west-1\n",
    );
    if cfg!(not(feature = "ec2")) {
        let mut pty = dust(&env, &["-f", off.to_str().unwrap()], &[]);
        pty.wait_words(&["without EC2"]);
        assert_eq!(pty.wait_exit(), 2);
        wait_until("no server stays", || env.servers().is_empty());
        assert!(!env.sockets().join("off.sock").exists());
    }
}

#[test]
fn eight_at_once_make_one_session() {
    let env = Env::new();
    let mut all: Vec<Pty> = (0..8).map(|_| dust(&env, &["-s", "race"], &[])).collect();
    for pty in &mut all {
        pty.wait_prompt();
    }
    assert_eq!(env.servers().len(), 1);
    assert_eq!(attached(&env), 8);
    all[3].command("exit");
    for pty in &mut all {
        assert_eq!(pty.wait_exit(), 0);
        pty.expect_restored();
    }
}

#[test]
fn a_stale_socket_is_replaced() {
    let env = Env::new();
    drop(prompt(&env, &[]));
    let [server] = env.servers()[..] else {
        panic!()
    };
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    wait_until("it is gone", || env.servers().is_empty());
    let socket = env.sockets().join("main.sock");
    assert!(socket.exists());
    assert!(sessions(&env).is_empty());
    env.dust(&["attach"]).run().expect_code(2);
    let _pty = prompt(&env, &[]);
    let meta = fs::metadata(&socket).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o600);
    assert_eq!(attached(&env), 1);
}

#[test]
fn what_lies_in_another_place_is_in_nobodys_way() {
    let env = Env::new();
    // As anybody could do in /tmp.
    let other = env.folder("state").join("dust/run");
    fs::create_dir_all(&other).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o777)).unwrap();
    let mut pty = prompt(&env, &[]);
    let run = env.dust(&["detach", "nowhere"]).run().expect_code(2);
    assert!(run.err().contains("there is no session nowhere"));
    pty.command("exit");
    assert_eq!(pty.wait_exit(), 0);
}

#[test]
fn a_folder_that_others_can_use_is_refused() {
    let env = Env::new();
    let folder = env.sockets();
    let refuses = |why: &str| {
        let mut pty = dust(&env, &[], &[]);
        pty.wait_words(&["is not used for sessions", why]);
        assert_eq!(pty.wait_exit(), 1);
        pty.expect_restored();
        assert!(env.servers().is_empty());
    };
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
    refuses("others may look into it (chmod 700");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    if geteuid().is_root() {
        chown(&folder, Some(65534), None).unwrap();
        refuses("it belongs to another user");
    } else {
        skip("only root can give a folder away");
    }
    fs::remove_dir(&folder).unwrap();
    let real = env.work().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, &folder).unwrap();
    refuses("it is not a folder");
    fs::remove_file(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    refuses("it is not a folder");
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let _works = prompt(&env, &[]);
}

#[test]
fn a_session_is_found_where_it_runs() {
    let env = Env::new();
    // No runtime folder here: the state folder has it.
    let _pty = {
        let mut command = env.command(DUST);
        command.env_remove("XDG_RUNTIME_DIR");
        let mut pty = Pty::spawn(command, Terminal::default());
        pty.wait_prompt();
        pty
    };
    assert!(!env.sockets().exists());
    assert_eq!(attached(&env), 1);
    let _two = prompt(&env, &[]);
    assert_eq!(attached(&env), 2);
    assert_eq!(env.servers().len(), 1);
}

#[test]
fn a_path_that_is_too_long_for_a_socket_works() {
    let env = Env::new();
    let long = env.work().join("x".repeat(100)).join("y".repeat(100));
    fs::create_dir_all(&long).unwrap();
    let long = long.join("dust");
    let variables = [("DUST_RUNTIME_DIR", long.to_str().unwrap())];
    let mut pty = dust(&env, &["-s", "far"], &variables);
    pty.wait_prompt();
    assert!(long.join("far.sock").exists());
    let run = env.dust(&["ls"]).env(variables[0].0, variables[0].1).run();
    assert!(run.out().contains("far"), "{}", run.out());
    let run = env
        .dust(&["kill"])
        .env(variables[0].0, variables[0].1)
        .run();
    run.expect_code(0);
    assert_eq!(pty.wait_exit(), 143);
    assert!(!long.join("far.sock").exists());
}

#[test]
fn what_is_no_session_socket_is_passed_over() {
    let env = Env::new();
    let _pty = prompt(&env, &[]);
    let folder = env.sockets();
    fs::write(folder.join("file.sock"), "").unwrap();
    let _odd = UnixListener::bind(folder.join("-odd.sock")).unwrap();
    assert_eq!(sessions(&env).len(), 1);
}
