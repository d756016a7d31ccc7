use std::time::Duration;

use proptest::prelude::*;

use super::super::settings::{self, Change};
use super::super::table::{Arg, Flag, Group, Kind, Need, Spec};
use super::super::topics::Subject;
use super::*;

fn at(target: &str, command: &str) -> Line {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Line::At {
        target: some(target),
        command: some(command),
    }
}

#[test]
fn commands_for_nodes() {
    for (line, target, command) in [
        (
            "@worker* tail -2 /etc/resolv.conf",
            "worker*",
            "tail -2 /etc/resolv.conf",
        ),
        ("  @w1 ls", "w1", "ls"),
        ("@ uptime", "", "uptime"),
        ("@* uptime", "*", "uptime"),
        ("@\tuptime", "", "uptime"),
        ("@worker2", "worker2", ""),
        ("@worker2  \t", "worker2", ""),
        ("@", "", ""),
        // One blank ends the target; the rest is the command's own.
        ("@w1   ls  -l  ", "w1", "  ls  -l  "),
        (
            "@w1 for i in 1 2\ndo echo $i\ndone\n",
            "w1",
            "for i in 1 2\ndo echo $i\ndone\n",
        ),
        ("@w1\nls", "w1", "ls"),
        (
            r#"@w1 echo "it's" \$HOME # why"#,
            "w1",
            r#"echo "it's" \$HOME # why"#,
        ),
        ("@w1 echo 'open", "w1", "echo 'open"),
        // Targets hold what the target language needs.
        (
            "@worker[0-9]!worker3,master^%failed&state=run* df",
            "worker[0-9]!worker3,master^%failed&state=run*",
            "df",
        ),
        ("@tags=owner:devops df", "tags=owner:devops", "df"),
        (r"@worker\* df", "worker*", "df"),
        ("@^hosts.txt df", "^hosts.txt", "df"),
        ("@#1 df", "#1", "df"),
        // A blank in a target is quoted.
        ("@'tags=owner:dev ops' df -h", "tags=owner:dev ops", "df -h"),
        (
            r#"@tags=owner:"dev ops",w1 df"#,
            "tags=owner:dev ops,w1",
            "df",
        ),
        (r"@dev\ ops df", "dev ops", "df"),
    ] {
        assert_eq!(parse(line).unwrap(), at(target, command), "{line}");
    }
}

#[test]
fn commands_of_dust() {
    let target = || Some("w*".to_owned());
    for (line, command) in [
        (
            "load demo.cnf",
            Command::Load {
                file: "demo.cnf".into(),
            },
        ),
        (
            "load 'my file.cnf'",
            Command::Load {
                file: "my file.cnf".into(),
            },
        ),
        (
            "load ~/a.cnf # mine",
            Command::Load {
                file: "~/a.cnf".into(),
            },
        ),
        (
            "show",
            Command::Show {
                verbose: 0,
                what: None,
            },
        ),
        (
            "show -v w*",
            Command::Show {
                verbose: 1,
                what: target(),
            },
        ),
        (
            "show w* -vv",
            Command::Show {
                verbose: 2,
                what: target(),
            },
        ),
        (
            "show --verbose -v -v",
            Command::Show {
                verbose: 2,
                what: None,
            },
        ),
        (
            "start",
            Command::Start {
                target: None,
                wait: true,
            },
        ),
        (
            "start w* --no-wait",
            Command::Start {
                target: target(),
                wait: false,
            },
        ),
        (
            r"start w\*",
            Command::Start {
                target: target(),
                wait: true,
            },
        ),
        (
            "start -- --no-wait",
            Command::Start {
                target: Some("--no-wait".into()),
                wait: true,
            },
        ),
        (
            "stop w*",
            Command::Stop {
                target: "w*".into(),
                yes: false,
            },
        ),
        (
            "stop -y w*",
            Command::Stop {
                target: "w*".into(),
                yes: true,
            },
        ),
        (
            "terminate w* --yes",
            Command::Terminate {
                target: "w*".into(),
                yes: true,
            },
        ),
        ("plan", Command::Plan { target: None }),
        ("refresh", Command::Refresh),
        ("use *", Command::Use { target: "*".into() }),
        (
            "reconnect w*",
            Command::Reconnect {
                target: "w*".into(),
            },
        ),
        (
            "disconnect w*",
            Command::Disconnect {
                target: "w*".into(),
            },
        ),
        ("diff", Command::Diff),
        ("set", Command::Settings),
        (
            "set fold",
            Command::Setting {
                setting: settings::find("fold").unwrap(),
            },
        ),
        (
            "set fold on",
            Command::Set {
                change: Change::Fold(true),
            },
        ),
        (
            "set timeout 5",
            Command::Set {
                change: Change::Timeout(Duration::from_secs(5)),
            },
        ),
        ("history", Command::History { count: None }),
        ("history 20", Command::History { count: Some(20) }),
        (
            "help",
            Command::Help {
                subject: Subject::Overview,
            },
        ),
        (
            "?",
            Command::Help {
                subject: Subject::Overview,
            },
        ),
        ("cd", Command::Cd { dir: None }),
        (
            "cd -",
            Command::Cd {
                dir: Some("-".into()),
            },
        ),
        (
            "cd 'a b'",
            Command::Cd {
                dir: Some("a b".into()),
            },
        ),
        ("exit", Command::Exit),
        ("quit", Command::Exit),
    ] {
        assert_eq!(parse(line).unwrap(), Line::Builtin(command), "{line}");
    }
}

#[test]
fn help_finds_commands_forms_and_topics() {
    let subject = |line: &str| match parse(line).unwrap() {
        Line::Builtin(Command::Help { subject }) => subject,
        other => panic!("{line}: {other:?}"),
    };
    for line in [
        "help start",
        "? start",
        "start -h",
        "start w1 --help",
        "start --help a b c",
    ] {
        assert!(
            matches!(subject(line), Subject::Command(spec) if spec.name == "start"),
            "{line}"
        );
    }
    assert!(matches!(subject("help quit"), Subject::Command(spec) if spec.name == "exit"));
    assert!(matches!(subject("help ?"), Subject::Command(spec) if spec.name == "help"));
    assert!(matches!(subject("help @"), Subject::Form(form) if form.sign == "@"));
    assert!(
        matches!(subject("help filters"), Subject::Topic(topic) if topic.names[0] == "targets")
    );
    assert!(
        matches!(subject("help keyboard"), Subject::Topic(topic) if topic.names[0] == "keyboard")
    );
}

#[test]
fn lines_for_this_machine() {
    let unknown = |word: &str, line: &str| Line::Unknown {
        word: word.into(),
        line: line.into(),
    };
    for (line, read) in [
        ("!ls | wc -l", Line::Local("ls | wc -l".into())),
        (" ! echo 'a  b'", Line::Local(" echo 'a  b'".into())),
        ("!show", Line::Local("show".into())),
        ("vim notes.txt", unknown("vim", "vim notes.txt")),
        ("  ls 'a  b", unknown("ls", "ls 'a  b")),
        ("show|less", unknown("show|less", "show|less")),
        ("'show'", unknown("'show'", "'show'")),
        ("Show", unknown("Show", "Show")),
        ("", Line::Empty),
        (" \t\n", Line::Empty),
        ("# load x", Line::Comment),
        ("  #", Line::Comment),
    ] {
        assert_eq!(parse(line).unwrap(), read, "{line}");
    }
}

#[test]
fn errors_say_what_is_wrong_and_how_it_goes() {
    for (line, message) in [
        ("load", "load: FILE is missing (usage: load FILE)"),
        ("load a b", "load: too many words: `b` (usage: load FILE)"),
        (
            "load 'a",
            "load: the ' in column 6 is never closed (usage: load FILE)",
        ),
        ("stop", "stop: TARGET is missing (usage: stop [-y] TARGET)"),
        (
            "stop ''",
            "stop: the target is empty; * means all (usage: stop [-y] TARGET)",
        ),
        (
            "start ' '",
            "start: the target is empty; * means all (usage: start [--no-wait] [TARGET])",
        ),
        (
            "start --nowait",
            "start: no option --nowait (did you mean --no-wait? usage: start [--no-wait] [TARGET])",
        ),
        (
            "start -x",
            "start: no option -x (usage: start [--no-wait] [TARGET])",
        ),
        (
            "show --json",
            "show: no option --json (an option of dust goes before the command: dust --json show)",
        ),
        (
            "start --no-wait=1",
            "start: unexpected argument for option '--no-wait': \"1\" (usage: start [--no-wait] [TARGET])",
        ),
        ("diff w1", "diff: too many words: `w1` (usage: diff)"),
        (
            "history x",
            "history: `x` is not a number (usage: history [N])",
        ),
        ("history -5", "history: no option -5 (usage: history [N])"),
        ("set fodl on", "no setting `fodl` (did you mean fold?)"),
        ("set fold maybe", "fold: `maybe` is not on or off"),
        (
            "set fold on off",
            "set: too many words: `off` (usage: set [NAME [VALUE]])",
        ),
        (
            "show -v a b",
            "show: too many words: `b` (usage: show [-v]... [TARGET|WORD])",
        ),
        (
            "help a/b",
            "no help on `a/b` (help alone lists what there is)",
        ),
        ("!", "nothing after the ! (usage: !COMMAND)"),
        ("@'tags=a b", "the ' in column 2 is never closed"),
        ("@'' ls", "the target is empty (@* means all)"),
        ("@\" \" ls", "the target is empty (@* means all)"),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.to_string(), message, "{line}");
        assert_eq!(error.kind().exit_code(), 2, "{line}");
    }
}

#[test]
fn a_script_runs_nothing_by_mistake() {
    for (line, message) in [
        (
            "strat",
            "no command `strat` (did you mean start? !strat runs it in the system shell)",
        ),
        (
            "ls -l",
            "no command `ls` (dust help lists the commands; !ls runs it in the system shell)",
        ),
    ] {
        let Ok(Line::DropIn { otherwise, .. }) = scripted(line) else {
            panic!("{line} may be a drop-in's");
        };
        assert_eq!(otherwise.to_string(), message);
    }
    let hint = "(dust help lists the commands; !./x runs it in the system shell)";
    let error = scripted("./x").unwrap_err().to_string();
    assert_eq!(error, format!("no command `./x` {hint}"));
    assert!(scripted("rolling 'open").is_err());
    let Ok(Line::DropIn { name, words, .. }) = scripted("rolling w* 'a  b' # note") else {
        panic!("a drop-in's");
    };
    assert_eq!(name, "rolling");
    assert_eq!(words, ["w*", "a  b"]);
    assert_eq!(scripted("!ls -l").unwrap(), Line::Local("ls -l".into()));
    assert_eq!(scripted("diff").unwrap(), Line::Builtin(Command::Diff));
}

#[test]
fn options_among_many_words() {
    const SPEC: Spec = Spec {
        name: "try",
        aliases: &[],
        group: Group::Prompt,
        args: &[
            Arg::required("TARGET", Kind::Target),
            Arg {
                name: "FILE",
                kind: Kind::File,
                need: Need::Rest,
            },
        ],
        flags: &[Flag {
            short: Some('n'),
            long: Some("near"),
            value: None,
            repeats: true,
            doc: "Near.",
        }],
        summary: "",
        help: "",
        examples: &[],
        build: |args| {
            let mut words = Vec::new();
            let given = args.times("near");
            while let Some(word) = args.text()? {
                words.push(word);
            }
            Err(Error::usage(format!("{words:?} {given}")))
        },
    };
    static TRY: Spec = SPEC;
    assert_eq!(TRY.usage(), "try [-n]... TARGET FILE...");
    for (words, message) in [
        ("a b", r#"["a", "b"] 0"#),
        ("a -n b c d", r#"["a", "b", "c", "d"] 1"#),
        ("-nn a --near b", r#"["a", "b"] 3"#),
        ("a b -- -n", r#"["a", "b", "-n"] 0"#),
        (
            "a",
            "try: FILE is missing (usage: try [-n]... TARGET FILE...)",
        ),
        (
            "--near=5 a b",
            "try: unexpected argument for option '--near': \"5\" (usage: try [-n]... TARGET FILE...)",
        ),
    ] {
        let error = TRY.parse(words.split(' ')).unwrap_err();
        assert_eq!(error.to_string(), message, "{words}");
    }
}

/// What each word may be; `-`: there can be none.
#[test]
fn words_by_their_place() {
    for (name, kinds) in [
        ("quit", "-"),
        ("stop", "Target -"),
        ("tag", "Target Free Free Free"),
        ("put", "File TargetOrFile TargetOrFile TargetOrFile"),
        ("get", "Target Free Dir Dir Dir"),
    ] {
        let spec = table::find(name).unwrap();
        for (index, kind) in kinds.split(' ').enumerate() {
            let found = table::kind_at(spec.args, index);
            let found = found.map_or_else(|| "-".to_owned(), |kind| format!("{kind:?}"));
            assert_eq!(found, kind, "{name} {index}");
        }
    }
}

proptest! {
    /// Whatever is typed after a target reaches the nodes unchanged.
    #[test]
    fn a_command_for_nodes_is_verbatim(command in "[^ \t\r\n]\\PC{0,30}[\n '\"\\\\#]{0,3}") {
        let read = parse(&format!("@w1 {command}")).unwrap();
        prop_assert_eq!(read, at("w1", &command));
    }

    #[test]
    fn no_line_panics(line in "\\PC{0,40}|(@|!|set |stop |help |load )[-'\"\\\\ #a=\n]{0,10}") {
        drop(parse(&line));
    }
}
