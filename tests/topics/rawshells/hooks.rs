//! What people's start-up files do to prompts, hooks and editors: it is all theirs in raw mode, and
//! the marks are there nevertheless.

use dust::session::shell::RawState;

use super::person::Person;
use crate::support::deps;
use crate::support::shell::Shell;

const AT_PROMPT: Option<RawState> = Some(RawState::AtPrompt { typed: false });

/// A bash whose login file is this.
fn bash(login: &str) -> Option<Person> {
    deps::have(&["bash"]).then(|| Person::at(Shell::Bash, &[(".bash_profile", login)]))
}

fn zsh(login: &str) -> Option<Person> {
    deps::have(&["zsh"]).then(|| Person::at(Shell::Zsh, &[(".zshrc", login)]))
}

/// Enters, runs a line, leaves, runs a command; all twice.
fn twice(p: &mut Person, prompt: &str) {
    for _ in 0..2 {
        p.clear();
        p.enter();
        p.wait_here(prompt);
        p.line("echo raw");
        p.wait_row("raw");
        p.wait_here(prompt);
        p.leave();
        let both = p.run("echo one; printf two; (exit 3)");
        assert_eq!(both, ("one\ntwo".to_owned(), 3), "{}", p.report());
    }
}

#[test]
fn no_start_up_file() {
    for shell in Shell::ALL {
        if deps::have(&[shell.program()]) && !matches!(shell, Shell::Fish | Shell::Tcsh) {
            let mut p = Person::at(shell, &[]);
            p.enter();
            p.line("echo raw");
            p.wait("the line", |p| p.rows().contains(&"raw".to_owned()));
            p.leave();
            assert_eq!(p.run("echo line"), ("line\n".to_owned(), 0), "{shell:?}");
        }
    }
}

#[test]
fn a_prompt_that_is_made_anew_each_time() {
    let login = "n=0\nmake() { local s=$?; n=$((n+1)); PS1=\"[$s $n] \"; }\nPROMPT_COMMAND=make\n";
    let Some(mut p) = bash(login) else { return };
    p.run("(exit 7)");
    p.enter();
    // The first was before line mode began.
    p.wait_here("[7 2]");
    p.line("false");
    p.wait_here("[1 3]");
    // The person's own, and as they know it.
    p.line("echo \"<$PROMPT_COMMAND>\"");
    p.wait_row("<make>");
    p.line(". ~/.bash_profile");
    p.wait_here("[0 1]");
    p.leave();
    assert_eq!(p.run("(exit 4)"), (String::new(), 4));
    p.clear();
    p.enter();
    p.wait_here("[4 2]");
}

/// A bash before 5.1 knows no array here.
fn older(bytes: Vec<u8>) -> Vec<u8> {
    let new: &[u8] = b"]>=501";
    let spaced: &[u8] = b"] >= 501";
    let mut bytes = bytes;
    for text in [new, spaced] {
        if let Some(at) = memchr::memmem::find(&bytes, text) {
            let number = at + text.len() - 3;
            bytes[number..number + 3].copy_from_slice(b"999");
        }
    }
    bytes
}

#[test]
fn hooks_of_an_older_bash() {
    if !deps::have(&["bash"]) {
        return;
    }
    for (login, prompt) in [
        ("PS1='<p> '\n", "<p>"),
        ("PS1='<p> '\nPROMPT_COMMAND='true; # a comment'\n", "<p>"),
        ("PROMPT_COMMAND='PS1=\"<p> \";'\n", "<p>"),
    ] {
        let mut p = Person::with(Shell::Bash, &[(".bash_profile", login)], older);
        twice(&mut p, prompt);
        p.clear();
        p.enter();
        // Either of the two marks stays, or comes again.
        p.line("PS1='new '; : ${PROMPT_COMMAND:?is a string}");
        p.line("PROMPT_COMMAND=true");
        p.line("echo raw");
        p.wait_row("raw");
        p.leave();
        assert_eq!(
            p.run("echo ${PROMPT_COMMAND-}"),
            ("_dust_m\n".to_owned(), 0)
        );
        p.enter();
        p.clear();
        p.line("echo \"${#PROMPT_COMMAND[@]} ${PROMPT_COMMAND%%[^a-z]*}\"");
        p.wait_row("1 true");
    }
}

#[test]
fn hooks_in_an_array() {
    let login = "PS1='<p> '\nPROMPT_COMMAND=('echo first' 'echo \"second $?\"')\n";
    let Some(mut p) = bash(login) else { return };
    assert_eq!(p.run("echo quiet"), ("quiet\n".to_owned(), 0));
    p.enter();
    p.wait("both hooks", |p| p.rows() == ["first", "second 0", "<p>"]);
    p.line("PROMPT_COMMAND+=('echo third')");
    p.wait_row("third");
    p.leave();
    assert_eq!(p.run("echo quiet"), ("quiet\n".to_owned(), 0));
    p.clear();
    p.enter();
    p.wait("all hooks", |p| {
        p.rows().ends_with(&[
            "first".into(),
            "second 0".into(),
            "third".into(),
            "<p>".into(),
        ])
    });
    // What a start-up file assigns to the first.
    p.line("PROMPT_COMMAND='echo only'; PS1='q '");
    p.wait_row("only");
    p.wait_here("q");
    assert_eq!(p.shell.raw(), AT_PROMPT);
    p.line("unset PS1");
    assert_eq!(p.shell.raw(), AT_PROMPT);
}

#[test]
fn options_that_bite() {
    for options in [
        "set -u",
        "set -o posix",
        "shopt -u promptvars",
        "set +o history",
        "set +H",
        "HISTCONTROL=ignoreboth",
        "HISTTIMEFORMAT='%F %T '",
        "shopt -s histverify histappend cmdhist lithist",
        "export PS1",
        "alias history='echo no'",
        "trap 'true' DEBUG",
        "trap 'echo error >/dev/null' ERR",
        "PS0='running\\n'",
        "set -o vi",
        "set -o emacs",
        "unset HISTFILE",
        "IFS=:",
    ] {
        // Shown where a test fails.
        eprintln!("{options}");
        let login = format!("PS1='<p> '\n{options}\n");
        let Some(mut p) = bash(&login) else { return };
        twice(&mut p, "<p>");
    }
    for options in [
        "setopt nounset",
        "setopt ksh_arrays sh_word_split",
        "setopt prompt_subst",
        "setopt hist_ignore_space share_history",
        "RPS1=right",
        "bindkey -v",
        "unsetopt zle",
        "precmd() { print -n; }",
        "HISTFILE=~/.h SAVEHIST=5 HISTSIZE=5; setopt inc_append_history",
        "PS1='%(?..)<p> '",
    ] {
        // Shown where a test fails.
        eprintln!("{options}");
        let login = format!("PS1='<p> '\n{options}\n");
        let Some(mut p) = zsh(&login) else { return };
        let prompt = if options.starts_with("RPS1") {
            format!("<p>{}right", " ".repeat(80 - "<p>right".len() - 1))
        } else {
            "<p>".to_owned()
        };
        twice(&mut p, &prompt);
    }
}

#[test]
fn vi_mode() {
    for (name, text) in [
        (".bash_profile", "PS1='<p> '; set -o vi\n"),
        (".inputrc", "set editing-mode vi\n"),
    ] {
        if !deps::have(&["bash"]) {
            return;
        }
        let mut p = Person::at(
            Shell::Bash,
            &[
                (".bashrc", ""),
                (".bash_login", "PS1='<p> '\n"),
                (name, text),
            ],
        );
        for _ in 0..2 {
            p.clear();
            p.enter();
            p.wait_here("<p>");
            p.line("echo raw");
            p.wait_row("raw");
            p.wait_here("<p>");
            p.keys("\x1bk");
            p.wait_here("<p> echo raw");
            p.keys("0x");
            p.wait_here("<p> cho raw");
            // Left in its command mode.
            p.leave();
            assert_eq!(p.run("echo line"), ("line\n".to_owned(), 0));
        }
    }
}

#[test]
fn hooks_of_zsh() {
    let login = "PS1='<p> '\nprecmd() { print precmd $?; }\npreexec() { print preexec $1; }\n\
                 one() { print one; }\nprecmd_functions=(one)\n";
    let Some(mut p) = zsh(login) else { return };
    assert_eq!(p.run("echo quiet; (exit 3)"), ("quiet\n".to_owned(), 3));
    p.enter();
    p.wait("the hooks", |p| p.rows() == ["precmd 3", "one", "<p>"]);
    p.line("echo raw");
    p.wait("the hooks", |p| {
        let shown = [
            "<p> echo raw",
            "preexec echo raw",
            "raw",
            "precmd 0",
            "one",
            "<p>",
        ];
        p.rows().ends_with(&shown.map(str::to_owned))
    });
    p.line("precmd_functions+=(two); two() { print two; }");
    p.wait_row("two");
    // It takes the mark away, prompt and hook: the next command brings it back.
    p.keys(". ~/.zshrc\r");
    p.wait_row("preexec . ~/.zshrc");
    p.rest();
    p.line("true");
    p.leave();
    assert_eq!(p.run("echo quiet"), ("quiet\n".to_owned(), 0));
    p.clear();
    p.enter();
    p.wait_row("precmd 0");
    // Line mode's options are not the person's.
    p.line("setopt | grep -c -e ignorespace -e promptsubst");
    p.wait_row("0");
}

#[test]
fn history_expansion_is_the_persons() {
    let Some(mut p) = bash("PS1='<p> '; HISTFILE=~/.hist\n") else {
        return;
    };
    p.enter();
    p.wait_here("<p>");
    p.line("echo first");
    p.line("!!");
    p.wait("it ran twice", |p| {
        p.rows().iter().filter(|row| *row == "first").count() == 2
    });
    p.leave();
    assert_eq!(p.run("echo 'a!b' !!"), ("a!b !!\n".to_owned(), 0));
    assert_eq!(p.read(".hist"), "echo first\necho first\n");
    p.enter();
    p.line("echo second");
    p.leave();
    assert_eq!(p.read(".hist"), "echo first\necho first\necho second\n");
}
