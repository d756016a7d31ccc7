//! What is made of the command table and committed: the man page and the completions. Are they
//! those of the table now, and do the programs that read them take them?

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dust::command::completions::Shell;
use dust::command::man;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

/// The files that are made, with what belongs in them.
fn made() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = Shell::ALL.map(|shell| {
        (
            root.join("completions").join(shell.file_name()),
            shell.script(),
        )
    });
    let pages = man::pages().into_iter();
    let pages = pages.map(|(name, text)| (root.join("man").join(name), text));
    pages.chain(scripts).collect()
}

#[test]
fn generated_files_are_those_of_the_table() {
    let write = std::env::var_os("DUST_REGENERATE").is_some_and(|value| value == "1");
    let mut stale = Vec::new();
    for (path, text) in made() {
        if write {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).ok() != Some(text) {
            stale.push(path.display().to_string());
        }
    }
    assert!(
        stale.is_empty(),
        "not as the command table has it: {}\nto make them anew: \
         DUST_REGENERATE=1 cargo test --no-default-features generated",
        stale.join(", ")
    );
}

/// True if the program is there. Where it is not, the test passes with a notice, but not in CI.
pub(crate) fn have(program: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    });
    if !found {
        let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
        assert!(
            !ci,
            "{program} is not installed, and CI must not go without it"
        );
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// A folder with the generated files, a cluster file, and a `dust` that knows three nodes: it answers the
/// scripts, and writes down what else it is called with.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

type Started = (
    Box<dyn portable_pty::Child + Send + Sync>,
    Box<dyn std::io::Write + Send>,
    Box<dyn std::io::Read + Send>,
);

impl Place {
    fn new() -> Self {
        Self::with(FAKE)
    }

    /// With another program for dust.
    pub(crate) fn with(script: &str) -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (path, text) in made() {
            fs::write(
                place.path(path.file_name().unwrap().to_str().unwrap()),
                text,
            )
            .unwrap();
        }
        fs::write(place.path("demo.cnf"), "").unwrap();
        fs::create_dir(place.path("folder")).unwrap();
        let dust = place.path("dust");
        fs::write(&dust, script).unwrap();
        fs::set_permissions(&dust, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap();
        let here = self.folder.path().display();
        vec![
            ("PATH", format!("{here}:{path}")),
            ("HOME", here.to_string()),
            ("ZDOTDIR", here.to_string()),
            ("XDG_CONFIG_HOME", here.to_string()),
            ("XDG_DATA_HOME", here.to_string()),
            ("TERM", "dumb".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ]
    }

    /// A shell in a terminal: itself, what is typed, what is shown.
    fn shell(&self, shell: &[&str]) -> Started {
        let size = PtySize {
            rows: 24,
            cols: 200,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new("timeout");
        command.args([&["--foreground", "-s", "KILL", "30"], shell].concat());
        command.env_clear();
        for (key, value) in self.env() {
            command.env(key, value);
        }
        command.cwd(self.folder.path());
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let keys = pty.master.take_writer().unwrap();
        let screen = pty.master.try_clone_reader().unwrap();
        (child, keys, screen)
    }

    /// What the shell shows when these keys are typed at its prompt.
    pub(crate) fn listed(&self, shell: &[&str], setup: &str, keys: &str) -> String {
        let (mut child, mut typing, mut screen) = self.shell(shell);
        let mut seen = String::new();
        typing.write_all(format!("{setup}\r").as_bytes()).unwrap();
        assert!(wait_for(&mut *screen, "READY>", &mut seen), "{seen}");
        let mut shown = String::new();
        typing.write_all(keys.as_bytes()).unwrap();
        // The line is given up, whatever stands on it, and the shell ends.
        typing.write_all(b"\x15exit\r").unwrap();
        wait_for(&mut *screen, "nothing more: to the end", &mut shown);
        child.wait().unwrap();
        shown
    }

    /// What the shell calls dust with after these keys were typed at its prompt, each of the lines
    /// with Enter.
    pub(crate) fn type_into(&self, shell: &[&str], setup: &str, lines: &[&str]) -> Vec<String> {
        let (mut child, mut keys, mut screen) = self.shell(shell);
        let mut seen = String::new();
        // The prompt is set in two parts, so that its echo is not taken for it.
        let all = std::iter::once(setup)
            .chain(lines.iter().copied())
            .chain(["exit"]);
        for (i, line) in all.enumerate() {
            if i > 0 && !wait_for(&mut *screen, "READY>", &mut seen) {
                break;
            }
            keys.write_all(format!("{line}\r").as_bytes()).unwrap();
        }
        wait_for(&mut *screen, "nothing more: to the end", &mut seen);
        child.wait().unwrap();
        let called = fs::read(self.path("called")).unwrap_or_default();
        let called = String::from_utf8_lossy(&called);
        let called: Vec<String> = called.lines().map(str::to_owned).collect();
        assert_eq!(called.len(), lines.len(), "the screen:\n{seen}");
        called
    }
}

/// Reads until `text` came; false at the end.
fn wait_for(screen: &mut dyn std::io::Read, text: &str, seen: &mut String) -> bool {
    let mut new = String::new();
    let mut buffer = [0; 4096];
    while !new.contains(text) {
        match screen.read(&mut buffer) {
            Ok(0) | Err(_) => {
                seen.push_str(&new);
                return false;
            },
            Ok(count) => new.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    seen.push_str(&new);
    true
}

/// What the shells do before lines are typed at them.
pub(crate) const BASH: (&[&str], &str) = (
    &["bash", "--norc", "--noprofile", "-i"],
    "bind 'set bell-style none'; source ./dust.bash; PS1=READY'>'",
);
pub(crate) const ZSH: (&[&str], &str) = (
    &["zsh", "-f", "-i"],
    "unsetopt beep prompt_sp; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; \
     PS1=READY'>'",
);

const FAKE: &str = r#"#!/bin/sh
file=default.cnf
[ "$1" = -f ] && file=$2 && [ "$3" = __complete ] && shift 2
if [ "$1" = __complete ]; then
    sign=
    word=$3
    case $word in @*) sign=@ word=${word#@} ;; esac
    case $word in
        master,*) set -- master,worker0 ;;
        state=*) set -- state=running state=stopped ;;
        tags=*) set -- 'tags=owner:dev ops' ;;
        *) set -- master worker0 worker1 state= tags= "$(basename "$file" .cnf)" ;;
    esac
    for all; do
        case $all in "$word"*) printf '%s\n' "$sign$all" ;; esac
    done
else
    for word; do printf '<%s>' "$word"; done >>"$HOME/called"
    echo >>"$HOME/called"
fi
"#;

/// Keys, and the words that dust is then called with; the same in each shell.
const TYPED: &[(&str, &str)] = &[
    ("dust sto\tma\t", "<stop><master>"),
    ("dust @ma\tuptime", "<@master><uptime>"),
    ("dust '@ma\t uptime", "<@master><uptime>"),
    (
        "dust start --no\tmaster,wo\t",
        "<start><--no-wait><master,worker0>",
    ),
    ("dust @state=st\tdf", "<@state=stopped><df>"),
    ("dust stop sta\tru\t", "<stop><state=running>"),
    ("dust @tag\towner\tdf", "<@tags=owner:dev ops><df>"),
    (
        "dust --fold -f dem\tuse dem\t",
        "<--fold><-f><demo.cnf><use><demo>",
    ),
    ("dust -f demo.cnf @de\tx", "<-f><demo.cnf><@demo><x>"),
    ("dust load dem\t", "<load><demo.cnf>"),
    ("dust cd fol\t", "<cd><folder>"),
    ("dust --col\tnev\trefr\t", "<--color><never><refresh>"),
    ("dust set fol\ton\t", "<set><fold><on>"),
    ("dust help targets\t", "<help><targets>"),
    ("dust dem\t3 refr\t", "<demo><3><refresh>"),
    ("dust compl\tfi\t", "<completions><fish>"),
];

fn check(called: &[String]) {
    for ((keys, words), found) in TYPED.iter().zip(called) {
        // A shell may write the value of an option as --color=never.
        let joined = words.replace("<--color><", "<--color=");
        // And zsh takes the slash after a folder away when the line is done.
        let found = found.replace("/>", ">");
        assert!(
            found == *words || found == joined,
            "{keys:?} gave {found}, not {words}"
        );
    }
}

fn keys() -> Vec<&'static str> {
    TYPED.iter().map(|&(keys, _)| keys).collect()
}

#[test]
fn generated_completion_works_in_bash() {
    if !have("bash") {
        return;
    }
    check(&Place::new().type_into(BASH.0, BASH.1, &keys()));
}

#[test]
fn generated_completion_works_in_zsh() {
    if !have("zsh") {
        return;
    }
    check(&Place::new().type_into(ZSH.0, ZSH.1, &keys()));
}

/// fish can be asked without a terminal.
#[test]
fn generated_completion_works_in_fish() {
    if !have("fish") {
        return;
    }
    let place = Place::new();
    for (line, words) in [
        ("dust sto", vec!["stop"]),
        ("dust stop ma", vec!["master"]),
        ("dust stop master wo", vec![]),
        ("dust @ma", vec!["@master"]),
        ("dust '@ma", vec!["@master"]),
        ("dust @master up", vec![]),
        ("dust start --no", vec!["--no-wait"]),
        ("dust start --no-wait master,wo", vec!["master,worker0"]),
        ("dust @state=", vec!["@state=running", "@state=stopped"]),
        ("dust -f demo.cnf use de", vec!["demo"]),
        ("dust -f dem", vec!["demo.cnf"]),
        ("dust load dem", vec!["demo.cnf"]),
        ("dust cd fol", vec!["folder/"]),
        ("dust --color n", vec!["never"]),
        ("dust --fold refr", vec!["refresh"]),
        ("dust set fol", vec!["fold"]),
        ("dust set fold ", vec!["off", "on"]),
        ("dust set color ", vec!["always", "auto", "never"]),
        ("dust '?' targ", vec!["target", "targets"]),
        ("dust demo 3 refr", vec!["refresh"]),
        ("dust demo dem", vec![]),
        ("dust completions fi", vec!["fish"]),
        ("dust start --fo", vec![]),
    ] {
        let script = format!("source dust.fish; complete -C {}", fish_quoted(line));
        let mut command = Command::new("fish");
        command
            .args(["--no-config", "-c", &script])
            .current_dir(place.folder.path());
        let out = command.env_clear().envs(place.env()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{line}");
        let stdout = String::from_utf8_lossy(&out.stdout);
        let mut found: Vec<&str> = stdout
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        found.sort_unstable();
        assert_eq!(found, words, "{line}");
    }
}

fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
