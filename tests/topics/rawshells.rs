//! Raw mode of persistent shells, on every login shell: the person's own prompt, history and editor,
//! and line mode before and after, in one and the same shell.

use crate::support::deps;
use crate::support::shell::Shell;

mod person;

use person::{Person, Told};

#[test]
fn bash_there_and_back() {
    if !deps::have(&["bash"]) {
        return;
    }
    let mut p = Person::at(
        Shell::Bash,
        &[
            (".bashrc", "PS1='<\\W> '\nHISTFILE=~/.hist\n"),
            (".bash_profile", ". ~/.bashrc\n"),
            (".hist", "echo from history\n"),
        ],
    );
    assert_eq!(
        p.run("cd /usr/lib; x=5; f() { echo f $x; }; (exit 3)"),
        (String::new(), 3)
    );
    p.enter();
    p.wait_here("<lib>");
    p.keys("\x1b[A");
    p.wait_here("<lib> echo from history");
    p.keys("\r");
    p.wait_row("from history");
    p.line("f; y=6; cd /usr/bin");
    p.wait_row("f 5");
    p.keys("echo half a li");
    p.wait_here("<bin> echo half a li");
    p.leave();
    assert_eq!(p.run("echo $y $PWD"), ("6 /usr/bin\n".into(), 0));
    assert_eq!(p.run("false"), (String::new(), 1));
    p.enter();
    p.wait_here("<bin>");
    p.keys("\x1b[A");
    p.wait_here("<bin> f; y=6; cd /usr/bin");
    p.keys("\x15");
    p.keys("exit 4\r");
    assert_eq!(p.wait_closed(), Some(4));
    println!("{}", p.read(".hist"));
    assert_eq!(
        p.read(".hist"),
        "echo from history\necho from history\nf; y=6; cd /usr/bin\nexit 4\n"
    );
}
