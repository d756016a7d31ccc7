//! Persistent shells: completion, exit status and exact output on every login shell. Each test runs
//! once a shell, against a real sshd.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::deps;
use crate::support::env::Env;
use crate::support::pty::{Pty, Terminal, has_row};
use crate::support::run::{Dust, Outcome};
use crate::support::shell::Shell;
use crate::support::sshd::Sshd;
use crate::support::{LONG_PATIENCE, wait_until};

mod table;

use table::commands;

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
        line_editors
        changed_terminals
        shells_that_end
        lost_in_mid_command
        typed_before_the_connection_is_up
        questions
        answers_that_come_too_late
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
        self.prepare(commands).run()
    }

    fn prepare(&self, commands: &[&str]) -> Dust {
        let lines: Vec<String> = commands
            .iter()
            .map(|command| format!("@w {command}"))
            .collect();
        let mut args = vec!["-f", self.file.as_str()];
        args.extend(lines.iter().flat_map(|line| ["-c", line.as_str()]));
        self.env.dust(&args)
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

/// A start-up file that chooses a line editor, as people's do.
fn line_editors(lab: Lab) {
    let home = lab.sshd.home(lab.shell);
    for mode in ["vi", "emacs"] {
        for file in [".profile", ".bash_profile", ".zshrc", ".mkshrc"] {
            fs::write(home.join(file), format!("set -o {mode} 2>/dev/null\n")).unwrap();
        }
        lab.run(&["echo 'a\tb'; (exit 3)", "if", "echo $((6*7))"])
            .expect_has("w", &["a\tb", "42"]);
    }
}

/// Commands that leave the terminal otherwise than they found it.
fn changed_terminals(lab: Lab) {
    for change in ["stty sane", "stty icrnl -igncr", "stty echo"] {
        lab.run(&[change, "echo one; (exit 3)", "echo again", "true"])
            .expect_code(3)
            .expect_has("w", &["one", "again"]);
    }
    // What no terminal should be left in: the lines run, though one may complain.
    lab.run(&["stty -icrnl -igncr", "echo still; (exit 4)", "echo here"])
        .expect_code(4)
        .expect_has("w", &["still", "here"]);
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
        // bash says goodbye to those who asked for it; that is no output of the command.
        assert!(
            !run.lines_of("w").contains(&"logout".to_owned()),
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
    pty.command("@w printf 'Do you want to continue? [Y/n] '; read a; echo \"you said $a\"");
    pty.wait_row("[w] Do you want to continue? [Y/n]");
    pty.wait_prompt_busy();
    pty.line("@w Y");
    pty.wait_for("the answer", |screen| {
        screen.contents().contains("you said Y")
    });
    // Two questions, the second without a word.
    pty.command("@w read a; echo \"<$a>\"; read b; echo \"<$a$b>\"");
    pty.wait_prompt_busy();
    pty.line("@w one two");
    pty.wait_row("[w] <one two>");
    pty.line("@w   three  'four'");
    pty.wait_for("the second answer", |screen| {
        screen.contents().contains("three  'four'>")
    });
    pty.command("@w (exit 3)");
    pty.wait_words(&["[w] exit 3"]);
}

fn answers_that_come_too_late(lab: Lab) {
    let flag = lab.env.work().join("flag");
    let mut pty = lab.terminal();
    let waits = format!(
        "@w echo begun; while ! test -e '{0}'; do sleep 0.02; done; rm '{0}'",
        flag.display()
    );
    // The command reads nothing, so its shell does.
    pty.command(&waits);
    pty.wait_row("[w] begun");
    pty.line("@w echo stray; (exit 4)");
    pty.wait_row("sent as input to what runs on w");
    fs::write(&flag, "").unwrap();
    pty.wait_row("[w] stray");
    pty.wait_words(&["[w]", "had ended", "`echo stray; (exit 4)`"]);
    pty.command("@w echo \"in step, $?\"; (exit 3)");
    pty.wait_row("[w] in step, 0");
    pty.wait_words(&["[w] exit 3"]);
    // What does not come back by itself does so after Ctrl-C.
    pty.command(&waits);
    pty.wait_for("it runs again", |screen| {
        screen.contents().matches("[w] begun").count() == 2
    });
    pty.line("@w cat");
    pty.wait_for("the second notice", |screen| {
        screen.contents().matches("sent as input").count() == 2
    });
    fs::write(&flag, "").unwrap();
    pty.wait_words(&["[w]", "may run `cat`", "Ctrl-C"]);
    pty.line("@w echo queued");
    pty.send("\x03");
    pty.wait_words(&["[w]", "may have run `cat`"]);
    pty.command("@w echo 'in step again'");
    pty.wait_row("[w] in step again");
}

fn nested_shells(lab: Lab) {
    let mut pty = lab.terminal();
    pty.command("@w x=outer; echo begun; sh");
    pty.wait_row("[w] begun");
    pty.line("@w x=inner; echo \"in the $x\" shell");
    pty.wait_for("the inner shell", |screen| {
        screen.contents().contains("in the inner shell")
    });
    pty.line("@w exit 6");
    pty.wait_words(&["[w]", "exit 6"]);
    pty.command("@w echo \"in the $x\" shell");
    pty.wait_row("[w] in the outer shell");
    if deps::find("python3").is_some() {
        pty.command("@w echo starting; python3 -q");
        pty.wait_row("[w] starting");
        pty.line("@w print('py' + 'thon', 6 * 7)");
        pty.wait_for("python's answer", |screen| {
            screen.contents().contains("python 42")
        });
        pty.line("@w exit()");
        pty.command("@w echo 'back again'");
        pty.wait_row("[w] back again");
    }
}

fn interrupts(lab: Lab) {
    let mut pty = lab.terminal();
    pty.command("@w cd /usr/lib; y=5; sh -c 'echo begun; exec sleep 1000'");
    pty.wait_row("[w] begun");
    pty.send("\x03");
    pty.wait_any(
        "the interrupt's effect",
        &[&["[w]", "130"], &["[w]", "interrupted"]],
    );
    pty.command("@w echo \"after $y in $PWD\"");
    pty.wait_row("[w] after 5 in /usr/lib");
    pty.command("@w (exit 3)");
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
    pty.command("@w (exit 3)");
    pty.wait_words(&["[w] exit 3"]);
}

fn background_jobs(lab: Lab) {
    let flag = lab.env.work().join("flag");
    let mut pty = lab.terminal();
    pty.command(&format!(
        "@w (while ! test -e '{0}'; do sleep 0.02; done; echo; echo from behind; rm '{0}') & echo in front",
        flag.display()
    ));
    pty.wait_row("[w] in front");
    pty.command("@w echo meanwhile");
    pty.wait_row("[w] meanwhile");
    // Nothing runs on the node in front when the job prints.
    fs::write(&flag, "").unwrap();
    pty.wait_row("[w] from behind");
    wait_until("the job has ended", || !flag.exists());
    pty.command("@w (exit 3)");
    pty.wait_words(&["[w] exit 3"]);
    assert!(has_row(pty.screen(), "[w] from behind"), "{}", pty.report());
}
