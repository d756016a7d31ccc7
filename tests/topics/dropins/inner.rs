//! `dust` inside a drop-in: over the connections, and with the knowledge, of whoever runs it.

use std::fs;

use super::{left, own, script};
use crate::support::deps::need;
use crate::support::env::Env;
use crate::support::sshd::Sshd;

fn logins(sshd: &Sshd) -> usize {
    sshd.log().matches("Accepted publickey").count()
}

fn with_sftp() -> Sshd {
    Sshd::with(&[("Subsystem", "sftp /usr/lib/openssh/sftp-server")])
}

#[test]
fn a_session_lends_and_tells_what_it_knows() {
    need!("sshd");
    let (sshd, env) = (with_sftp(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 3));
    // Another cluster file in this folder is not meant.
    env.file("default.cnf", "@cloud\nprovider=ssh\nname=other\n@n9\n");
    script(
        &own(&env),
        "look",
        "exec >look 2>&1
         dust @n1 'echo on $DUST_NODE $DUST_RANK/$DUST_SIZE; exit 3'; echo status $?
         dust @%failed echo failed there
         dust show | tail -n +3 | cut -c1-13
         dust show --json 2>&1 | head -n 1
         dust @^$DUST_NAMES echo named
         echo data >file; dust put file @n2 from-here && dust get @n2 from-here
         dust ssh n2 echo through ssh
         echo finished >/dev/tty",
    );
    let mut pty = env.prompt(&file);
    pty.command("@n[0-2] true");
    pty.wait_prompt();
    pty.command("@n2 false");
    pty.wait_words(&["[n2] exit 1"]);
    pty.wait_prompt();
    pty.command("use n[1-2]");
    pty.wait_words(&["working set: n[1-2]"]);
    assert_eq!(logins(&sshd), 3);
    pty.line("look n0");
    pty.wait_words(&["`n0` is not in the working set"]);
    pty.line("look n1");
    pty.wait_row("finished");
    let said = fs::read_to_string(env.work().join("look")).unwrap();
    for line in [
        "[n1] on n1 1/3",
        "status 3",
        "[n2] failed there",
        "2  n1    runn",
        "3  n2    runn",
        "[n1] named",
        "through ssh",
    ] {
        assert!(
            said.lines().any(|said| said.trim() == line),
            "{line}\n{said}"
        );
    }
    assert!(!said.contains("[n1] failed"), "{said}");
    let fetched = fs::read_to_string(env.work().join("from-here.n2"));
    assert!(fetched.is_ok_and(|text| text == "data\n"), "{said}");
    assert_eq!(logins(&sshd), 3);
}

#[test]
fn what_it_was_given_is_in_its_reach() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 3));
    script(
        &own(&env),
        "far",
        "dust @n0 echo far; dust @^$DUST_NAMES echo by name",
    );
    let words = ["-f", &file, "-c", "use n2", "-c", "far cluster=lab&n0"];
    let run = env.dust(&words).run().expect_code(0);
    run.expect_lines("n0", &["far", "by name"])
        .expect_lines("n2", &[]);
}

#[test]
fn a_run_lends_its_own_connections() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 3));
    script(
        &own(&env),
        "steps",
        "for i in 1 2 3; do dust @n0 echo step $i || exit; done
         dust '@*' echo all & dust '@*' echo once more & wait
         steps-inner n2",
    );
    script(&own(&env), "deep", "dust @n1 echo deep; exit 6");
    script(
        &own(&env),
        "nest",
        "dust deep; echo $?; dust -f $1 @n1 echo by its file",
    );
    let run = env.dust(&["-f", &file, "steps", "n[0-1]"]).run();
    run.expect_has("n0", &["step 1", "step 2", "step 3"])
        .expect_has("n2", &["all"])
        .expect_has("n1", &["once more"]);
    assert_eq!(logins(&sshd), 3);
    let run = env
        .dust(&["-f", &file, "nest", "--", &file])
        .run()
        .expect_code(0);
    assert!(run.out().contains("\n6\n"), "{}", run.out());
    run.expect_lines("n1", &["deep", "by its file"]);
    assert_eq!(logins(&sshd), 4);
    assert_eq!(left(&env), [""; 0]);
}

#[test]
fn standard_input_and_output_are_its_own() {
    need!("sshd");
    let (sshd, env) = (Sshd::start(), Env::new());
    let file = env.cluster(&sshd.nodes("n", 1));
    script(
        &own(&env),
        "pass",
        "tr a-z A-Z | dust @n0 cat | sed 's/^.n0. //'",
    );
    let run = env.dust(&["-f", &file, "pass"]).stdin("to be\nshouted");
    let run = run.run().expect_code(0);
    assert_eq!(run.out(), "TO BE\nSHOUTED\n");
}

#[test]
fn a_session_that_is_gone_is_not_replaced_by_a_file_that_is_there() {
    let env = Env::new();
    env.file("default.cnf", "@cloud\nprovider=ssh\nname=other\n@n9\n");
    let gone = env.work().join("gone.sock").display().to_string();
    let dust = |words: &[&str]| env.dust(words).env("DUST_SOCKET", &gone).run();
    for words in [&["@*", "true"][..], &["show"]] {
        dust(words).expect_code(1).expect_notice(&["DUST_SOCKET"]);
    }
    dust(&["help"]).expect_code(0);
    dust(&["--no-session", "show"]).expect_code(0);
    dust(&["-f", "default.cnf", "show"]).expect_code(0);
}
