//! Persistent shells: completion, exit status and exact output on every login shell. Each test runs
//! once a shell, against a real sshd.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::deps;
use crate::support::env::Env;
use crate::support::pty::{Pty, Terminal, has_row};
use crate::support::run::Outcome;
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, wait_until};

/// Makes one test of each function for each shell.
macro_rules! on_every_shell {
    ($($module:ident = $shell:ident),* $(,)?; $tests:tt) => {
        $(mod $module { on_every_shell!(@one $shell $tests); })*
    };
    (@one $shell:ident [$($test:ident)*]) => {
        $(
            #[test]
            fn $test() {
                if let Some(lab) = super::Lab::new(super::Shell::$shell) {
                    super::$test(lab);
                }
            }
        )*
    };
}

on_every_shell! {
    bash = Bash, bash42 = BashWithoutPs0, zsh = Zsh, dash = Dash,
    ash = Ash, mksh = Mksh, fish = Fish, tcsh = Tcsh;
    [
        commands
        long_commands
        much_output
        noisy_start
        shells_that_end
        lost_in_mid_command
        typed_before_the_connection_is_up
        questions
        nested_shells
        interrupts
        pasted_lines
        background_jobs
    ]
}

/// One node, `w`, on one login shell.
struct Lab {
    shell: Shell,
    sshd: Sshd,
    env: Env,
    file: String,
}

impl Lab {
    fn new(shell: Shell) -> Option<Self> {
        if !deps::have(&["sshd", "ssh-keygen", shell.program()]) {
            return None;
        }
        Some(Self::on(shell, Sshd::start()))
    }

    fn on(shell: Shell, sshd: Sshd) -> Self {
        let env = Env::new();
        let file = env.cluster(&[sshd.node("w", shell)]);
        Self {
            shell,
            sshd,
            env,
            file,
        }
    }

    /// Runs commands, one after another, in one shell on the node.
    fn run(&self, commands: &[&str]) -> Outcome {
        let lines: Vec<String> = commands
            .iter()
            .map(|command| format!("@w {command}"))
            .collect();
        let mut args = vec!["-f", self.file.as_str()];
        args.extend(lines.iter().flat_map(|line| ["-c", line.as_str()]));
        self.env.dust(&args).run()
    }

    /// Runs commands from standard input, where a line may be longer than a command line may.
    fn pipe(&self, lines: &str) -> Outcome {
        self.env
            .dust(&["-f", &self.file, "-"])
            .within(LONG_PATIENCE)
            .stdin(lines)
            .run()
    }

    /// The prompt, in a terminal of 30 rows.
    fn terminal(&self) -> Pty {
        let size = Terminal { rows: 30, cols: 80 };
        let mut pty = self.env.terminal_of(size, &["-f", &self.file]);
        pty.wait_prompt();
        pty
    }
}

/// What each command prints, exactly, and with which status the run ends. A status of -1 stands for
/// any but 0.
const COMMANDS: &[(&str, &[&str], &[&str], i32)] = &[
    ("a word", &["echo word"], &["word"], 0),
    ("empty lines", &["echo; echo x; echo"], &["", "x", ""], 0),
    (
        "no final newline",
        &["printf nonl", "echo after"],
        &["nonl", "after"],
        0,
    ),
    ("blanks", &["echo '  a  b  '"], &["  a  b  "], 0),
    ("a tab", &["printf 'a\\tb\\n'"], &["a\tb"], 0),
    (
        "standard error",
        &["echo out; echo err >&2"],
        &["out", "err"],
        0,
    ),
    ("silence", &["true", "echo x"], &["x"], 0),
    ("false", &["false"], &[], 1),
    ("a status", &["(exit 42)"], &[], 42),
    (
        "the largest status",
        &["(exit 3)", "(exit 9)", "(exit 5)", "true"],
        &[],
        9,
    ),
    (
        "a status with no final newline",
        &["printf abc; (exit 7)"],
        &["abc"],
        7,
    ),
    (
        "the last status is kept",
        &["(exit 6)", "echo $?"],
        &["6"],
        6,
    ),
    (
        "an unknown command",
        &["no-such-command-here 2>/dev/null"],
        &[],
        127,
    ),
    ("cd stays", &["cd /usr/lib", "pwd"], &["/usr/lib"], 0),
    (
        "variables stay",
        &["a=1; b='x y'", "echo $a $b"],
        &["1 x y"],
        0,
    ),
    (
        "exports stay",
        &["export A=1", "sh -c 'echo $A'"],
        &["1"],
        0,
    ),
    (
        "functions stay",
        &["f() { echo \"<$1>\"; }", "f 'a b'"],
        &["<a b>"],
        0,
    ),
    (
        "quotes",
        &["echo 'it'\\''s' \"a \\\"b\\\"\" \\$x"],
        &["it's a \"b\" $x"],
        0,
    ),
    (
        "marks of history",
        &["echo 'a!b !! !1 ^x^y'"],
        &["a!b !! !1 ^x^y"],
        0,
    ),
    (
        "marks of dust",
        &["echo '@w* %failed *!x [1-2] ~'"],
        &["@w* %failed *!x [1-2] ~"],
        0,
    ),
    ("backslashes", &["printf '%s\\n' 'a\\\\b'"], &["a\\\\b"], 0),
    ("a comment", &["echo a # comment"], &["a"], 0),
    ("only a comment", &["# nothing", "echo x"], &["x"], 0),
    (
        "a loop",
        &["for i in 1 2 3; do echo $i; done"],
        &["1", "2", "3"],
        0,
    ),
    (
        "several lines",
        &["echo a\necho b\n\necho c"],
        &["a", "b", "c"],
        0,
    ),
    (
        "a heredoc",
        &["cat <<END\none $((1+1))\n  three\nEND\necho after"],
        &["one 2", "  three", "after"],
        0,
    ),
    (
        "a quoted heredoc",
        &["cat <<'END'\n$HOME `x` \\\nEND"],
        &["$HOME `x` \\"],
        0,
    ),
    ("a pipe", &["printf 'b\\na\\n' | sort"], &["a", "b"], 0),
    (
        "background and wait",
        &["(echo bg) & wait; echo fg"],
        &["bg", "fg"],
        0,
    ),
    (
        "other alphabets",
        &["echo 'grüße 漢字 🙂 e\u{301}'"],
        &["grüße 漢字 🙂 e\u{301}"],
        0,
    ),
    (
        "an unclosed quote",
        &["echo \"abc", "echo after"],
        &["after"],
        -1,
    ),
    (
        "an unclosed if",
        &["if true; then", "echo after"],
        &["after"],
        -1,
    ),
    ("a syntax error", &["echo (", "echo after"], &["after"], -1),
    ("set -e", &["set -e", "false", "echo after"], &["after"], -1),
    (
        "set -e on one line",
        &["set -e; false", "echo after"],
        &["after"],
        -1,
    ),
    (
        "set -u",
        &[
            "set -u",
            "echo $not_set_at_all 2>/dev/null",
            "set +u; echo after",
        ],
        &["after"],
        -1,
    ),
    (
        "another prompt",
        &["PS1='mine> '; PS2='more> '", "echo still", "false"],
        &["still"],
        1,
    ),
    (
        "the terminal made sane",
        &["stty sane", "echo x", "printf y"],
        &["x", "y"],
        0,
    ),
    (
        "the terminal's echo on",
        &["stty echo onlcr icanon", "echo x", "(exit 3)"],
        &["x"],
        3,
    ),
    (
        "a program that reads nothing",
        &["true </dev/null", "echo x"],
        &["x"],
        0,
    ),
    (
        "no input left over",
        &["cat </dev/null; echo done"],
        &["done"],
        0,
    ),
    (
        "an empty line inside",
        &["printf 'a\\n\\nb'"],
        &["a", "", "b"],
        0,
    ),
    (
        "DUST_NODE and others",
        &["echo $DUST_NODE $DUST_SIZE $DUST_CLUSTER"],
        &["w 1 lab"],
        0,
    ),
    (
        "children see DUST_NODE",
        &["sh -c 'echo $DUST_NODE'"],
        &["w"],
        0,
    ),
    (
        "a terminal",
        &["test -t 0 && test -t 1 && echo yes"],
        &["yes"],
        0,
    ),
    (
        "words that look like statuses",
        &["echo 'exit 3 times'"],
        &["exit 3 times"],
        0,
    ),
];

fn commands(lab: Lab) {
    let mut wrong = Vec::new();
    for (name, commands, printed, code) in COMMANDS {
        // GNU's own words for unclosed quotes and the like are the shell's affair.
        let quiet = *code == -1;
        let run = lab.run(commands);
        let mut lines = run.lines_of("w");
        if quiet {
            lines.retain(|line| printed.contains(&line.as_str()));
        }
        let right = if quiet {
            run.code() != 0 && run.code() != 255
        } else {
            run.code() == *code
        };
        if lines != *printed || !right {
            let got = run.code();
            wrong.push(format!("{name}: {lines:?}, exit {got}\n{}", run.report()));
        }
    }
    // What these print is not dust's to say; the shell must be there afterwards, and in step.
    for (name, command) in [
        ("all variables", "set"),
        ("the environment", "env"),
        ("the prompt's text", "echo \"$PS1\"; printf '%s' \"$PS1\""),
        (
            "binary output",
            "printf '\\000\\001\\377\\033]0;x\\007\\033[2J\\200\\n'; head -c 4096 /bin/sh",
        ),
        ("half a control sequence", "printf '\\033['"),
        ("half a character", "printf '\\342\\202'"),
        ("an alternate screen", "printf '\\033[?1049h'"),
        ("job control", "sleep 0.01 & wait"),
        ("tracing", "set -x; true; set +x"),
        ("verbose", "set -v; true; set +v"),
    ] {
        let run = lab.run(&[command, "echo; echo 'in step'", "false"]);
        if run.code() != 1 || run.lines_of("w").last().map(String::as_str) != Some("in step") {
            wrong.push(format!("{name}: exit {}\n{}", run.code(), run.report()));
        }
    }
    assert!(wrong.is_empty(), "{:?}:\n{}", lab.shell, wrong.join("\n"));
}

/// A word of `bytes` bytes without a pattern that a lost or doubled piece would keep.
fn long_word(bytes: usize) -> String {
    let mut word = String::new();
    let mut n = 0_u64;
    while word.len() < bytes {
        n += 1;
        write!(word, "{:x}.", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    }
    word.truncate(bytes);
    word
}

/// What cksum (POSIX) says of these bytes.
fn cksum(bytes: &[u8]) -> String {
    let mut child = Command::new("cksum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let out = child.wait_with_output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn long_commands(lab: Lab) {
    for bytes in [4000, 4095, 4096, 4097, 65_536, 1 << 20] {
        let word = long_word(bytes);
        let wanted = cksum(format!("{word}\n").as_bytes());
        let run = lab.pipe(&format!(
            "@w echo '{word}' | cksum
@w (exit 3)
"
        ));
        let lines = run.lines_of("w");
        assert_eq!(
            lines.last(),
            Some(&wanted),
            "{bytes} bytes, {:?}\n{}",
            lab.shell,
            run.report()
        );
        assert_eq!(
            run.code(),
            3,
            "{bytes} bytes, {:?}\n{}",
            lab.shell,
            run.report()
        );
    }
    // Many lines instead of a long one.
    let lines: Vec<String> = (0..2000).map(|i| format!("echo {i}")).collect();
    let run = lab.run(&[&lines.join("\n")]).expect_code(0);
    let wanted: Vec<String> = (0..2000).map(|i| i.to_string()).collect();
    assert_eq!(run.lines_of("w"), wanted);
}

fn much_output(lab: Lab) {
    // 10 MB in lines, without a newline at the end.
    let line = "seq -f 'line %07.0f of many, each of them with the same number of bytes' 160000; printf end";
    let run = lab
        .env
        .dust(&["-f", &lab.file, "@w", line])
        .within(LONG_PATIENCE)
        .run();
    let run = run.expect_code(0);
    let lines = run.lines_of("w");
    assert_eq!(lines.len(), 160_001);
    let text =
        |i: usize| format!("line {i:07} of many, each of them with the same number of bytes");
    let first_wrong = lines
        .iter()
        .take(160_000)
        .enumerate()
        .find(|(i, line)| **line != text(i + 1));
    assert_eq!(first_wrong, None);
    assert_eq!(lines[160_000], "end");
    // A long line.
    let run = lab
        .run(&["head -c 60000 /dev/zero | tr '\\0' x; echo; (exit 5)"])
        .expect_code(5);
    assert_eq!(run.lines_of("w"), ["x".repeat(60_000)]);
}

fn noisy_start(lab: Lab) {
    let shell = lab.shell;
    drop(lab);
    let env = Env::new();
    let banner = env.file("banner", "Authorized use only\n\nNo, really.\n");
    let mut sshd = Sshd::with(&[("Banner", banner.to_str().unwrap())]);
    sshd.set_motd("Welcome\n3 updates can be installed\n[w] exit 3 (0.8s)\nno newline: ");
    let lab = Lab::on(shell, sshd);
    let home = lab.sshd.home(shell);
    let slow = "echo slow start; sleep 1; printf 'ready? > '\n";
    fs::create_dir_all(home.join(".config/fish")).unwrap();
    for file in [
        ".profile",
        ".zprofile",
        ".login",
        ".config/fish/config.fish",
    ] {
        fs::write(home.join(file), slow).unwrap();
    }
    lab.run(&["echo first", "printf second", "(exit 3)"])
        .expect_code(3)
        .expect_lines("w", &["first", "second"]);
}

fn shells_that_end(lab: Lab) {
    for (ends, code) in [
        ("exit", 0),
        ("exit 4", 4),
        ("exec true", 0),
        ("exec sleep 1", 0),
        ("exec sh -c 'echo last; exit 3'", 3),
        ("kill -9 $$", -1),
    ] {
        let run = lab.run(&["cd /usr", ends, "echo; echo again in $PWD", "(exit 7)"]);
        // The next use connects again, to a new shell.
        let home = lab.sshd.home(lab.shell);
        let last = run.lines_of("w").pop();
        let wanted = format!("again in {}", home.display());
        assert_eq!(
            last,
            Some(wanted),
            "{:?}, {ends}\n{}",
            lab.shell,
            run.report()
        );
        let expected = if code == -1 { run.code() } else { 7.max(code) };
        assert_eq!(
            run.code(),
            expected,
            "{:?}, {ends}\n{}",
            lab.shell,
            run.report()
        );
        assert_ne!(run.code(), 0, "{:?}, {ends}\n{}", lab.shell, run.report());
    }
}

fn lost_in_mid_command(lab: Lab) {
    let line = "@w echo begun; sleep 1000";
    let mut running = lab
        .env
        .dust(&["-f", &lab.file, "-c", line, "-c", "@w echo again"])
        .start();
    running.wait_text("begun");
    lab.sshd.drop_connections();
    running
        .finish()
        .expect_code(255)
        .expect_lines("w", &["begun", "again"])
        .expect_reason("w", &["lost", "closed", "reset", "gone"])
        .expect_notice(&["sleep 1000"]);
}

fn typed_before_the_connection_is_up(lab: Lab) {
    let mut pty = lab
        .env
        .terminal_of(Terminal { rows: 30, cols: 80 }, &["-f", &lab.file]);
    // At once, all of it, before there is a prompt.
    pty.send("@w cd /usr/lib\r@w echo one; x=5\r@w echo \"two $x $PWD\"\r");
    pty.wait_row("[w] one");
    pty.wait_row("[w] two 5 /usr/lib");
    pty.wait_prompt();
}

fn questions(lab: Lab) {
    let mut pty = lab.terminal();
    pty.line("@w printf 'Do you want to continue? [Y/n] '; read a; echo \"you said $a\"");
    pty.wait_row("[w] Do you want to continue? [Y/n]");
    pty.wait_prompt_busy();
    pty.line("@w Y");
    pty.wait_for("the answer", |screen| {
        screen.contents().contains("you said Y")
    });
    // Two questions, the second without a word.
    pty.line("@w read a; echo \"<$a>\"; read b; echo \"<$a$b>\"");
    pty.line("@w one two");
    pty.wait_row("[w] <one two>");
    pty.line("@w   three  'four'");
    pty.wait_for("the second answer", |screen| {
        screen.contents().contains("three  'four'>")
    });
    pty.line("@w (exit 3)");
    pty.wait_words(&["[w] exit 3"]);
}

fn nested_shells(lab: Lab) {
    let mut pty = lab.terminal();
    pty.line("@w x=outer; sh");
    pty.line("@w x=inner; echo \"in the $x\" shell");
    pty.wait_for("the inner shell", |screen| {
        screen.contents().contains("in the inner shell")
    });
    pty.line("@w exit 6");
    pty.wait_words(&["[w]", "exit 6"]);
    pty.line("@w echo \"in the $x\" shell");
    pty.wait_row("[w] in the outer shell");
    if deps::find("python3").is_some() {
        pty.line("@w python3 -q");
        pty.line("@w print('py' + 'thon', 6 * 7)");
        pty.wait_for("python's answer", |screen| {
            screen.contents().contains("python 42")
        });
        pty.line("@w exit()");
        pty.line("@w echo 'back again'");
        pty.wait_row("[w] back again");
    }
}

fn interrupts(lab: Lab) {
    let mut pty = lab.terminal();
    pty.line("@w cd /usr/lib; y=5; echo begun; sleep 1000");
    pty.wait_row("[w] begun");
    pty.send("\x03");
    pty.wait_any(
        "the interrupt's effect",
        &[&["[w]", "130"], &["[w]", "interrupted"]],
    );
    pty.line("@w echo \"after $y in $PWD\"");
    pty.wait_row("[w] after 5 in /usr/lib");
    pty.line("@w (exit 3)");
    pty.wait_words(&["[w] exit 3"]);
}

fn pasted_lines(lab: Lab) {
    let mut pty = lab.terminal();
    pty.paste("@w cat <<E\nline one\n\tline two\nE\nfor i in 1 2; do\n  echo \"round $i\"\ndone");
    pty.wait_text("done");
    // A pasted newline submits nothing.
    assert!(lab.sshd.connections() == 0, "{}", pty.report());
    pty.send("\r");
    for row in ["[w] line one", "[w] round 1", "[w] round 2"] {
        pty.wait_row(row);
    }
    pty.wait_for("the tab", |screen| screen.contents().contains("line two\n"));
    pty.line("@w (exit 3)");
    pty.wait_words(&["[w] exit 3"]);
}

fn background_jobs(lab: Lab) {
    let flag = lab.env.work().join("flag");
    let mut pty = lab.terminal();
    pty.line(&format!(
        "@w (while ! test -e '{0}'; do sleep 0.02; done; echo; echo from behind; rm '{0}') & echo in front",
        flag.display()
    ));
    pty.wait_row("[w] in front");
    pty.line("@w echo meanwhile");
    pty.wait_row("[w] meanwhile");
    // Nothing runs on the node in front when the job prints.
    fs::write(&flag, "").unwrap();
    pty.wait_row("[w] from behind");
    wait_until("the job has ended", || !flag.exists());
    pty.line("@w (exit 3)");
    pty.wait_words(&["[w] exit 3"]);
    assert!(has_row(pty.screen(), "[w] from behind"), "{}", pty.report());
}
