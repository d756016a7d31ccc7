//! Raw mode of persistent shells, on every login shell: the person's own prompt, history and editor,
//! and line mode before and after, in one and the same shell.

use dust::session::shell::{Leave, RawState, State};

use crate::support::shell::Shell;

mod hooks;
mod person;

use person::{Person, Told};

/// Makes one test of each function for each shell.
macro_rules! on {
    ($($module:ident = $shell:ident),* $(,)?; $tests:tt) => {
        $(mod $module { on!(@one $shell $tests); })*
    };
    (@one $shell:ident [$($test:ident)*]) => {
        $(
            #[test]
            fn $test() {
                let shell = crate::support::shell::Shell::$shell;
                if crate::support::deps::have(&[shell.program()]) {
                    super::super::$test(shell);
                }
            }
        )*
    };
}

/// Shells that line mode speaks itself.
mod direct {
    on! {
        bash = Bash, bash42 = BashWithoutPs0, zsh = Zsh, dash = Dash, ash = Ash, mksh = Mksh;
        [
            there_and_back
            half_a_line_is_never_run
            interrupts_and_ends
            what_runs_is_not_disturbed
            changed_prompts_stay
            nested_shells
            unfinished_lines
            attached_to_a_command
        ]
    }
}

/// Shells with a line editor of their own.
mod editing {
    on! {
        bash = Bash, bash42 = BashWithoutPs0, zsh = Zsh, ash = Ash, mksh = Mksh;
        [keys_of_editors history resizing]
    }
}

/// Start-up files: a prompt `<folder> `, a second one, and a history file.
fn files(shell: Shell) -> Vec<(&'static str, &'static str)> {
    match shell {
        Shell::Bash | Shell::BashWithoutPs0 => vec![
            (".bash_profile", ". ~/.bashrc\n"),
            (
                ".bashrc",
                "PS1='<${PWD##*/}> ' PS2='more> ' HISTFILE=~/.hist\n",
            ),
            (".hist", "echo from before\n"),
        ],
        Shell::Zsh => vec![
            (
                ".zshrc",
                "PS1='<%1d> ' PS2='more> ' HISTFILE=~/.hist HISTSIZE=100 SAVEHIST=100\n",
            ),
            (".hist", "echo from before\n"),
        ],
        Shell::Dash | Shell::Ash => vec![(".profile", "PS1='<${PWD##*/}> ' PS2='more> '\n")],
        Shell::Mksh => vec![
            (".profile", "ENV=~/.mkshrc\n"),
            (
                ".mkshrc",
                "PS1='<${PWD##*/}> ' PS2='more> ' HISTFILE=~/.hist\n",
            ),
        ],
        Shell::Fish => vec![(
            ".config/fish/config.fish",
            "function fish_prompt; echo -n '<'(basename $PWD)'> '; end\nset -g fish_greeting\n",
        )],
        Shell::Tcsh => vec![(".tcshrc", "set prompt='<%c> '\n")],
    }
}

fn at(shell: Shell) -> Person {
    Person::at(shell, &files(shell))
}

fn there_and_back(shell: Shell) {
    let mut p = at(shell);
    let done = p.run("cd /usr/lib; x=5; export E=env; f() { echo \"f $x $1\"; }; (exit 3)");
    assert_eq!(done, (String::new(), 3));
    p.enter();
    p.wait_here("<lib>");
    // Nothing but the prompt was shown.
    assert_eq!(p.rows(), ["<lib>"]);
    assert_eq!(p.line("echo status $?"), Some(0));
    p.wait_row("status 3");
    p.line("f \"$E\"; y=6; cd /usr/bin");
    p.wait_row("f 5 env");
    p.wait_here("<bin>");
    assert_eq!(p.line("(exit 9)"), Some(9));
    assert_eq!(p.shell.raw(), Some(RawState::AtPrompt { typed: false }));
    p.leave();
    assert_eq!(
        p.run("echo \"$? $y $PWD\""),
        ("9 6 /usr/bin\n".to_owned(), 0)
    );
    assert_eq!(p.run("printf 'a\\n\\tb'; false"), ("a\n\tb".to_owned(), 1));
    assert_eq!(p.run("echo \"$?\"; cd /usr/lib"), ("1\n".to_owned(), 0));
    for _ in 0..2 {
        p.clear();
        p.enter();
        p.wait_here("<lib>");
        p.line("echo again $y");
        p.wait_row("again 6");
        p.leave();
        assert_eq!(p.run("if"), p.run("if"));
        assert_eq!(p.run("echo $y; (exit 4)"), ("6\n".to_owned(), 4));
    }
}

fn half_a_line_is_never_run(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    p.keys("touch made; echo half");
    p.wait_here("<home> touch made; echo half");
    assert_eq!(p.shell.raw(), Some(RawState::AtPrompt { typed: true }));
    p.leave();
    assert_eq!(p.run("ls"), (String::new(), 0));
    p.clear();
    p.enter();
    p.line("echo whole");
    p.wait_row("whole");
    p.keys("echo ha");
    // Back at it before it was left.
    p.told.clear();
    assert_eq!(p.shell.leave_raw(), Leave::Underway);
    assert_eq!(p.shell.raw(), Some(RawState::Leaving));
    assert!(p.shell.enter_raw());
    assert_eq!(p.shell.raw(), Some(RawState::AtPrompt { typed: true }));
    // The interrupt is on its way, and may come when it eats a key.
    p.again_and_again(
        "a line",
        |p| p.rows().contains(&"there".to_owned()),
        |p| p.keys("echo there\r"),
    );
    p.interrupt("the prompt", |p| {
        p.shell.raw() == Some(RawState::AtPrompt { typed: false })
    });
    p.leave();
    assert_eq!(p.run("echo done"), ("done\n".to_owned(), 0));
}

fn interrupts_and_ends(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    p.keys("echo not this");
    p.wait_here("<home> echo not this");
    p.interrupt("a new prompt", |p| p.here() == "<home>");
    p.keys("sleep 1000\r");
    p.wait_running();
    p.wait("the program", |p| p.foreground("sleep"));
    p.interrupt("the prompt", |p| {
        p.shell.raw() == Some(RawState::AtPrompt { typed: false })
    });
    assert_eq!(p.line("echo $?"), Some(0));
    p.wait_row("130");
    p.clear();
    p.keys("cat >text\r");
    p.wait("cat", |p| p.foreground("cat"));
    p.keys("one\rtwo\r\x04");
    p.wait_here("<home>");
    assert_eq!(p.read("text"), "one\ntwo\n");
    // Whether a shell that does not tell what it accepts has more to read cannot be known.
    p.look_at_prompt();
    assert_eq!(p.line("(exit 7)"), Some(7));
    p.keys("\x04");
    assert_eq!(p.wait_closed(), Some(7));
    let mut p = at(shell);
    p.enter();
    p.keys("exit 5\r");
    assert_eq!(p.wait_closed(), Some(5));
}

fn what_runs_is_not_disturbed(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    p.keys("sleep 1000; echo slept\r");
    p.wait("the program", |p| p.foreground("sleep"));
    assert_eq!(p.shell.raw(), Some(RawState::Running));
    assert_eq!(p.shell.leave_raw(), Leave::Running);
    // Line mode sends nothing meanwhile.
    p.shell.input(b"touch made");
    assert_eq!(p.shell.unsent(), b"");
    p.interrupt("the prompt", |p| {
        p.shell.raw() == Some(RawState::AtPrompt { typed: false })
    });
    // Typed ahead: no line of it is lost, and none is taken for the prompt's.
    p.clear();
    p.keys("sleep 0.1; echo one\recho two; sleep 0.1\recho thr");
    p.wait("both have run", |p| {
        let raw = String::from_utf8_lossy(&p.raw).into_owned();
        raw.contains("one\r\n") && raw.contains("two\r\n")
    });
    p.wait("all prompts", |p| {
        p.told
            .iter()
            .filter(|told| matches!(told, Told::Prompt(_)))
            .count()
            == 4
    });
    p.look_at_prompt();
    assert_eq!(p.shell.raw(), Some(RawState::AtPrompt { typed: true }));
    p.leave();
    assert_eq!(p.run("echo done"), ("done\n".to_owned(), 0));
}

fn changed_prompts_stay(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    p.keys("PS1='new$ ' PS2='and> '\r");
    p.wait_here("new$");
    if matches!(shell, Shell::Dash | Shell::Ash | Shell::Mksh) {
        // There is no hook that could put the mark there again.
        assert_eq!(p.shell.raw(), Some(RawState::Running));
        p.shell.found_at_prompt();
    }
    p.leave();
    assert_eq!(p.run("PS1=x; echo done"), ("done\n".to_owned(), 0));
    for _ in 0..2 {
        p.clear();
        p.enter();
        p.wait_here("new$");
        p.leave();
    }
    p.clear();
    p.enter();
    p.keys("echo 'a\r");
    p.wait_here("and>");
    p.keys("b'\r");
    p.wait_row("b");
    p.wait_here("new$");
    p.look_at_prompt();
    p.leave();
    assert_eq!(p.run("echo done"), ("done\n".to_owned(), 0));
}

fn nested_shells(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    // What a start-up file exports is no prompt of this shell.
    p.line("export PS1 PS2");
    p.clear();
    p.keys("\"$SHELL\"\r");
    p.wait_running();
    p.wait("the inner prompt", |p| {
        p.rows().len() > 1 && p.rows().last().is_some_and(|row| row == "<home>")
    });
    p.keys("echo in it\r");
    p.wait("the line", |p| {
        p.rows().iter().any(|row| row.ends_with("in it"))
    });
    p.rest();
    assert_eq!(p.shell.raw(), Some(RawState::Running));
    p.told.clear();
    p.keys("exit 3\r");
    p.wait_told(Told::Prompt(Some(3)));
    p.look_at_prompt();
    p.leave();
    assert_eq!(p.run("echo \"$?\""), ("3\n".to_owned(), 0));
}

fn unfinished_lines(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    p.keys("touch made; echo 'a\r");
    p.wait_here("more>");
    p.wait("the second prompt's mark", |p| {
        p.shell.raw() == Some(RawState::AtPrompt { typed: true })
    });
    p.leave();
    assert_eq!(p.run("ls"), (String::new(), 0));
}

fn attached_to_a_command(shell: Shell) {
    let mut p = at(shell);
    p.start("cat; sleep 1000; (exit 6)");
    p.wait("cat", |p| p.foreground("cat"));
    assert!(p.shell.enter_raw());
    assert_eq!(p.shell.state(), State::Busy);
    assert_eq!(p.shell.raw(), Some(RawState::Running));
    p.look();
    p.keys("hello\r");
    // Once as an echo, once from cat.
    p.wait("the echo and the line", |p| p.rows() == ["hello", "hello"]);
    p.keys("\x04");
    p.wait("sleep", |p| p.foreground("sleep"));
    p.keys("\x03not this");
    p.wait("the command's end", |p| p.ended().is_some());
    p.wait("line mode", |p| p.shell.state() == State::Idle);
    assert_eq!(p.shell.raw(), None);
    assert_eq!(String::from_utf8_lossy(&p.output), "");
    p.clear();
    p.enter();
    p.wait_here("<home>");
    p.line("echo raw");
    p.wait_row("raw");
    p.leave();
    assert_eq!(p.run("echo done; (exit 3)"), ("done\n".to_owned(), 3));
    // Detached while it runs: its output is line mode's again.
    p.start("read x; echo \"got $x\"; read x; echo \"got $x\"");
    assert!(p.shell.enter_raw());
    p.look();
    p.keys("one\r");
    p.wait_row("got one");
    assert_eq!(p.shell.leave_raw(), Leave::Done);
    p.output.clear();
    p.shell.input(b"two");
    p.wait("the command's end", |p| p.ended().is_some());
    let output = String::from_utf8_lossy(&p.output).into_owned();
    assert!(output.ends_with("got two\n"), "{output:?}");
    p.wait("line mode", |p| p.shell.state() == State::Idle);
    assert_eq!(p.run("echo done"), ("done\n".to_owned(), 0));
}

fn keys_of_editors(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    p.line("touch abcdefgh1");
    p.keys("ls abcd\t");
    p.wait("the whole name", |p| {
        p.rows()
            .iter()
            .any(|row| row.starts_with("<home> ls abcdefgh1"))
    });
    // Redrawn prompts are no new ones.
    p.keys("\x0c");
    p.rest();
    assert_eq!(p.shell.raw(), Some(RawState::AtPrompt { typed: true }));
    p.keys("\r");
    p.wait_row("abcdefgh1");
    p.wait_here("<home>");
    // A long line wraps where it should: the editor counts the prompt's columns right.
    p.clear();
    p.line("");
    let word = "x".repeat(100);
    p.keys(&format!("echo {word}"));
    if shell == Shell::Mksh {
        // It scrolls instead, once the row is full.
        let full = format!("<home> echo {}\r", "x".repeat(66));
        p.wait("a scrolled line", |p| {
            String::from_utf8_lossy(&p.raw).contains(&full)
        });
    } else {
        let rest = "x".repeat(100 - (80 - "<home> echo ".len()));
        p.wait("a wrapped line", |p| p.rows().last() == Some(&rest));
    }
    p.keys("\x01\x05");
    p.line("");
    p.wait_row(&"x".repeat(80));
    p.leave();
    assert_eq!(p.run("echo 'a\tb'"), ("a\tb\n".to_owned(), 0));
}

fn history(shell: Shell) {
    let mut p = at(shell);
    p.run("echo not in the history");
    p.enter();
    // Debian's busybox reads no history file.
    let reads = !matches!(shell, Shell::Mksh | Shell::Ash);
    if reads {
        p.keys("\x1b[A");
        p.wait_here("<home> echo from before");
        p.keys("\x15");
        p.wait_here("<home>");
    }
    p.line("echo raw one");
    p.leave();
    p.run("echo neither in it");
    p.clear();
    p.enter();
    p.line("echo raw two");
    for wanted in ["two", "one"] {
        p.keys("\x1b[A");
        if shell == Shell::Ash && wanted == "one" {
            // It keeps the line that left raw mode.
            p.keys("\x1b[A");
        }
        p.wait_here(&format!("<home> echo raw {wanted}"));
    }
    p.keys("\x05\x15");
    p.wait_here("<home>");
    p.keys("exit\r");
    p.wait_closed();
    if reads {
        let wanted = "echo from before\necho raw one\necho raw two\nexit\n";
        assert_eq!(p.read(".hist"), wanted);
    }
}

fn resizing(shell: Shell) {
    let mut p = at(shell);
    p.enter();
    p.resize(10, 40);
    p.line("stty size");
    p.wait_row("10 40");
    p.keys(&format!("echo {}", "x".repeat(50)));
    if shell != Shell::Mksh {
        let rest = "x".repeat(50 - (40 - "<home> echo ".len()));
        p.wait("a wrapped line", |p| p.rows().last() == Some(&rest));
    }
    p.leave();
    assert_eq!(p.run("stty size"), ("10 40\n".to_owned(), 0));
}

/// Shells that line mode does not speak: they run in the helper.
mod own {
    on! { fish = Fish, tcsh = Tcsh; [own_shells] }
}

fn own_shells(shell: Shell) {
    let mut p = at(shell);
    assert_eq!(p.shell.own(), Some(shell.word()));
    p.run("cd /usr/lib; export E=env; x=5");
    assert!(p.shell.enter_raw());
    p.wait_here("<lib>");
    p.keys("echo \"$E\"\r");
    p.wait_row("env");
    p.wait_here("<lib>");
    p.keys("cd /usr/bin\r");
    p.wait_here("<bin>");
    if shell == Shell::Fish {
        p.wait("its prompt", |p| {
            p.shell.raw() == Some(RawState::AtPrompt { typed: false })
        });
        p.line("set y 6");
        p.wait_here("<bin>");
    } else {
        p.keys("set y=6\r");
        p.wait("the prompt", |p| p.rows().len() == 5 && p.here() == "<bin>");
        p.look_at_prompt();
    }
    p.keys("echo half");
    p.wait_here("<bin> echo half");
    p.leave();
    assert_eq!(p.run("echo $x $E; (exit 3)"), ("5 env\n".to_owned(), 3));
    p.clear();
    assert!(p.shell.enter_raw());
    if shell == Shell::Fish {
        // What was begun is there still.
        p.wait_here("<bin> echo half");
        p.line(" and $y");
        p.wait_row("half and 6");
        assert_eq!(p.line("false"), Some(1));
    } else {
        p.wait_here("<bin>");
        p.keys("echo whole and $y\r");
        p.wait_row("whole and 6");
    }
    p.wait_here("<bin>");
    p.clear();
    p.keys("sleep 1000\r");
    p.wait("the program", |p| p.foreground("sleep"));
    assert_eq!(p.shell.leave_raw(), Leave::Running);
    p.interrupt("the prompt", |p| p.here() == "<bin>");
    p.told.clear();
    p.keys("exit 4\r");
    p.wait_told(Told::Exited(4));
    assert_eq!(p.shell.state(), State::Idle);
    assert_eq!(p.run("echo \"$? $x\""), ("4 5\n".to_owned(), 0));
    // And once more.
    p.clear();
    assert!(p.shell.enter_raw());
    p.wait("the prompt", |p| p.here().ends_with('>'));
    p.told.clear();
    p.keys("exit\r");
    p.wait("its end", |p| {
        p.told.iter().any(|told| matches!(told, Told::Exited(_)))
    });
    assert_eq!(p.run("echo done"), ("done\n".to_owned(), 0));
}
