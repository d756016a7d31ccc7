use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use proptest::prelude::*;

use super::super::commands::Command;
use super::super::settings::When;
use super::*;

/// What a run was started with, its words given as in a shell.
fn run(words: &str) -> (Options, Option<u16>, Input) {
    let words = super::super::words::split(words).unwrap();
    match parse(words.clone()).unwrap_or_else(|error| panic!("{words:?}: {error}")) {
        Invocation::Run {
            options,
            demo,
            input,
        } => (options, demo, input),
        other => panic!("{words:?}: {other:?}"),
    }
}

fn lines(words: &str) -> Vec<Line> {
    match run(words).2 {
        Input::Lines(lines) => lines,
        other => panic!("{words}: {other:?}"),
    }
}

fn at(target: &str, command: Option<&str>) -> Line {
    let target = (!target.is_empty()).then(|| target.to_owned());
    Line::At {
        target,
        command: command.map(str::to_owned),
    }
}

#[test]
fn words_after_a_target_are_joined() {
    for (words, line) in [
        ("'@worker*' uptime", at("worker*", Some("uptime"))),
        ("@w1 ls -l '/a b'", at("w1", Some("ls -l /a b"))),
        ("'@worker* uptime'", at("worker*", Some("uptime"))),
        ("'@worker* ls' -l", at("worker*", Some("ls -l"))),
        ("@ uptime", at("", Some("uptime"))),
        ("@w1 -f --json", at("w1", Some("-f --json"))),
        ("@w1 'echo  a' '' b", at("w1", Some("echo  a  b"))),
        ("@worker2", at("worker2", None)),
        (
            r#""@'tags=owner:dev ops'" df"#,
            at("tags=owner:dev ops", Some("df")),
        ),
        ("!ls '-l | wc'", Line::Local("ls -l | wc".into())),
    ] {
        assert_eq!(lines(words), [line], "{words}");
    }
}

#[test]
fn words_of_a_command_are_taken_as_they_are() {
    for (words, command) in [
        (
            "load 'my file.cnf'",
            Command::Load {
                file: "my file.cnf".into(),
            },
        ),
        (
            r"load 'a\ b'\''c'",
            Command::Load {
                file: r"a\ b'c".into(),
            },
        ),
        (
            "show -vv w1",
            Command::Show {
                verbose: 2,
                what: Some("w1".into()),
            },
        ),
        (
            "show '#1'",
            Command::Show {
                verbose: 0,
                what: Some("#1".into()),
            },
        ),
        (
            "-y stop 'w*'",
            Command::Stop {
                target: "w*".into(),
                yes: false,
            },
        ),
        (
            "stop -y 'w*'",
            Command::Stop {
                target: "w*".into(),
                yes: true,
            },
        ),
        (
            "'stop -y w*'",
            Command::Stop {
                target: "w*".into(),
                yes: true,
            },
        ),
        ("-- diff", Command::Diff),
    ] {
        assert_eq!(lines(words), [Line::Builtin(command)], "{words}");
    }
}

#[test]
fn a_file_may_have_any_name() {
    let name = OsString::from_vec(b"a\xff.cnf".to_vec());
    let invocation = parse([OsString::from("load"), name.clone()]).unwrap();
    let Invocation::Run {
        input: Input::Lines(lines),
        ..
    } = invocation
    else {
        panic!()
    };
    assert_eq!(
        lines,
        [Line::Builtin(Command::Load {
            file: name.clone().into()
        })]
    );

    let Invocation::Run { options, .. } = parse([OsString::from("-f"), name.clone()]).unwrap()
    else {
        panic!()
    };
    assert_eq!(options.file, Some(name.clone().into()));

    for first in ["stop", "@w1", "-c"] {
        let error = parse([OsString::from(first), name.clone()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("is not UTF-8"), "{error}");
    }
}

#[test]
fn options_stand_before_the_line() {
    let (options, demo, input) = run("");
    assert_eq!(
        (options, demo, input),
        (Options::default(), None, Input::Prompt)
    );

    let (options, ..) =
        run("-f a.cnf -y --json -vv -t 5 -u 1.5 --fanout 8 --fold --color never @ uptime -f b.cnf");
    let second = Duration::from_secs(1);
    let changes = vec![
        (Change::Timeout(5 * second), Origin::Option("--timeout")),
        (
            Change::CommandTimeout(Some(second + second / 2)),
            Origin::Option("--command-timeout"),
        ),
        (Change::Fanout(8), Origin::Option("--fanout")),
        (Change::Fold(true), Origin::Option("--fold")),
        (Change::Color(When::Never), Origin::Option("--color")),
    ];
    let file = Some("a.cnf".into());
    assert_eq!(
        options,
        Options {
            file,
            yes: true,
            json: true,
            verbose: 2,
            changes,
            beginning: vec![
                "yes",
                "json",
                "verbose",
                "timeout",
                "command-timeout",
                "fanout",
                "fold",
                "color"
            ],
            ..Options::default()
        }
    );

    for words in [
        "--file=a.cnf",
        "-fa.cnf",
        "--file a.cnf",
        "-f b.cnf -f a.cnf",
    ] {
        assert_eq!(run(words).0.file, Some("a.cnf".into()), "{words}");
    }
    assert_eq!(
        run("--fold --no-fold").0.changes,
        [
            (Change::Fold(true), Origin::Option("--fold")),
            (Change::Fold(false), Origin::Option("--no-fold"))
        ]
    );
}

#[test]
fn several_lines() {
    assert_eq!(
        lines("-c 'load a.cnf' -c '@w1 ls -l' -c ''"),
        [
            Line::Builtin(Command::Load {
                file: "a.cnf".into()
            }),
            at("w1", Some("ls -l")),
            Line::Empty
        ]
    );
    assert_eq!(run("-f a.cnf -").2, Input::Script);
}

#[test]
fn a_demo_takes_a_number_and_then_what_dust_takes() {
    for (words, size, input) in [
        ("demo", 3, Input::Prompt),
        ("demo 5", 5, Input::Prompt),
        ("--fold demo 128", 128, Input::Prompt),
        (
            "demo 5 --fold -c '@ uptime'",
            5,
            Input::Lines(vec![at("", Some("uptime"))]),
        ),
        (
            "-c '@ uptime' demo",
            3,
            Input::Lines(vec![at("", Some("uptime"))]),
        ),
        ("demo @w1 3", 3, Input::Lines(vec![at("w1", Some("3"))])),
        ("demo 2 -", 2, Input::Script),
        (
            "demo 2 show",
            2,
            Input::Lines(vec![Line::Builtin(Command::Show {
                verbose: 0,
                what: None,
            })]),
        ),
    ] {
        let (_, demo, found) = run(words);
        assert_eq!((demo, found), (Some(size), input), "{words}");
    }
}

#[test]
fn what_is_no_run() {
    let parsed = |words: &str| parse(words.split_whitespace()).unwrap();
    for words in ["-h", "--help", "-y --help show"] {
        assert_eq!(parsed(words), Invocation::Help, "{words}");
    }
    let completions = options::find_sub("completions").unwrap();
    assert_eq!(parsed("completions --help"), Invocation::About(completions));
    let demo = options::find_sub("demo").unwrap();
    for words in ["demo -h", "demo 5 --help", "demo --fold -h"] {
        assert_eq!(parsed(words), Invocation::About(demo), "{words}");
    }
    for (words, sub, name, json) in [
        ("attach", Sub::Attach, None, false),
        ("attach lab", Sub::Attach, Some("lab"), false),
        ("-s lab attach", Sub::Attach, Some("lab"), false),
        ("ls", Sub::Ls, None, false),
        ("ls --json", Sub::Ls, None, true),
        ("--json ls", Sub::Ls, None, true),
        (
            "detach lab/worker0",
            Sub::Detach,
            Some("lab/worker0"),
            false,
        ),
        ("kill lab", Sub::Kill, Some("lab"), false),
    ] {
        let wanted = Invocation::Session(sub, name.map(str::to_owned), json);
        assert_eq!(parsed(words), wanted, "{words}");
    }
    assert_eq!(parsed("__server lab"), Invocation::Server("lab".to_owned()));
    for words in ["-V", "--version", "-vV"] {
        assert_eq!(parsed(words), Invocation::Version, "{words}");
    }
    assert_eq!(
        parsed("completions zsh"),
        Invocation::Completions(Shell::Zsh)
    );
    assert_eq!(
        parsed("__node --port 0 -h"),
        Invocation::Node(vec!["--port".into(), "0".into(), "-h".into()])
    );
    for (words, file, prefix) in [
        ("__complete target", None, ""),
        ("__complete target @w", None, "@w"),
        ("__complete target --x", None, "--x"),
        ("-f a.cnf __complete target w", Some("a.cnf".into()), "w"),
    ] {
        let request = Request::Target {
            prefix: prefix.into(),
        };
        let options = Options {
            file,
            ..Options::default()
        };
        assert_eq!(
            parsed(words),
            Invocation::Complete { options, request },
            "{words}"
        );
    }
    for (word, request) in [("command", Request::Command), ("session", Request::Session)] {
        let Invocation::Complete {
            options,
            request: found,
        } = parsed(&format!("-s lab __complete {word}"))
        else {
            panic!("{word}")
        };
        assert_eq!((found, options.session.as_deref()), (request, Some("lab")));
    }
}

#[test]
fn errors_name_what_was_meant() {
    for (words, message) in [
        ("--fodl", "no option --fodl (did you mean --fold?)"),
        ("-x", "no option -x (dust -h lists them)"),
        ("--attach", "no option --attach (dust -h lists them)"),
        ("-f", "missing argument for option '-f' (dust -h explains)"),
        ("-f ''", "-f: the file's name is empty (dust -h explains)"),
        (
            "--fold=yes",
            "unexpected argument for option '--fold': \"yes\" (dust -h explains)",
        ),
        (
            "--fanout 0",
            "--fanout: `0` is not a number from 1 to 1024 (dust -h explains)",
        ),
        (
            "-t soon",
            "--timeout: `soon` is not a number of seconds above 0 (dust -h explains)",
        ),
        (
            "--color red",
            "--color: `red` is not auto, always or never (dust -h explains)",
        ),
        (
            "strat",
            "no command `strat` (did you mean start? !strat runs it in the system shell)",
        ),
        (
            "strat 'w*'",
            "no command `strat` (did you mean start? !strat runs it in the system shell)",
        ),
        (
            "'strat w*'",
            "no command `strat` (did you mean start? !strat runs it in the system shell)",
        ),
        ("ls -l", "ls does not take this (usage: dust ls)"),
        ("dmeo 3", "no command `dmeo` (did you mean dust demo?)"),
        ("dmeo", "no command `dmeo` (did you mean dust demo?)"),
        (
            "-s a/b",
            "`a/b` is no name for a session (letters, digits, `.`, `_` and `-`, at most 64)",
        ),
        (
            "kill ''",
            "`` is no name for a session (letters, digits, `.`, `_` and `-`, at most 64)",
        ),
        (
            "attach a b",
            "attach does not take this (usage: dust attach [NAME])",
        ),
        ("''", "the line is empty (dust -h explains)"),
        ("'# x'", "the line is empty (dust -h explains)"),
        (
            "stop ''",
            "stop: the target is empty; * means all (usage: stop [-y] TARGET)",
        ),
        (
            "-c show show",
            "`show` after -c: give lines in one way only (dust -h explains)",
        ),
        (
            "-c show -",
            "`-` after -c: give lines in one way only (dust -h explains)",
        ),
        (
            "-c show -c strat",
            "no command `strat` (did you mean start? !strat runs it in the system shell)",
        ),
        ("- show", "`show` after - (dust -h explains)"),
        ("demo 0", "demo: `0` is not 1 to 128 (dust -h explains)"),
        (
            "demo 99999999999",
            "demo: `99999999999` is not 1 to 128 (dust -h explains)",
        ),
        ("demo demo", "no command `demo` (did you mean dust demo?)"),
        (
            "-f a.cnf demo",
            "demo makes its own cluster; it takes no -f (dust -h explains)",
        ),
        (
            "completions",
            "completions does not take this (usage: dust completions bash|zsh|fish)",
        ),
        (
            "completions csh",
            "no completions for `csh` (dust -h explains)",
        ),
        (
            "-c show completions bash",
            "completions after -c (dust -h explains)",
        ),
        (
            "__complete node x",
            "__complete does not take this (usage: dust __complete command|session|target [PREFIX])",
        ),
    ] {
        let error = wrong(parse(super::super::words::split(words).unwrap()));
        assert_eq!(error.to_string(), message, "{words}");
        assert_eq!(error.kind().exit_code(), 2, "{words}");
    }
}

/// What is wrong with a command line; of a line that may be a drop-in's, if that is none.
fn wrong(read: Result<Invocation>) -> Error {
    match read {
        Ok(Invocation::Run {
            input: Input::Lines(lines),
            ..
        }) => lines
            .into_iter()
            .find_map(|line| match line {
                Line::DropIn { otherwise, .. } => Some(otherwise),
                _ => None,
            })
            .unwrap(),
        read => read.unwrap_err(),
    }
}

/// Words of a drop-in are its own, as they are.
#[test]
fn a_word_that_is_nothing_may_be_a_drop_in() {
    let words = ["rolling", "w*", "--not-dusts", "a  b"];
    let Ok(Invocation::Run { input, .. }) = parse(words) else {
        panic!("a run");
    };
    let Input::Lines(lines) = input else {
        panic!("lines");
    };
    let [Line::DropIn { name, words, .. }] = lines.as_slice() else {
        panic!("a drop-in: {lines:?}");
    };
    assert_eq!(name, "rolling");
    assert_eq!(words, &["w*", "--not-dusts", "a  b"]);
    for word in ["./rolling", "a|b", ".x", "a b"] {
        assert!(parse([word, "x"]).is_err(), "{word}");
    }
}

/// Every option in the table is read, and changes something.
#[test]
fn every_option_works() {
    for program in FLAGS {
        for spelling in program.flag.spellings() {
            let value = match program.id {
                Opt::File | Opt::Line => Some("show"),
                Opt::Color => Some("always"),
                Opt::Session => Some("lab"),
                _ => program.flag.value.map(|_| "7"),
            };
            let words = std::iter::once(spelling.as_str()).chain(value);
            let plain = parse(["--fold"]).unwrap();
            let with = parse(["--fold"].into_iter().chain(words)).unwrap();
            assert_ne!(plain, with, "{spelling}");
        }
    }
}

proptest! {
    #[test]
    fn no_words_panic(words in prop::collection::vec("\\PC{0,6}|-[-a-zA-Z=]{0,8}|@|demo|-c|__complete", 0..6)) {
        drop(parse(words));
    }
}

#[test]
fn what_goes_through_a_session() {
    let through = |words: &str| match parse(words.split_whitespace()) {
        Ok(Invocation::Through(_, what)) => Some(what),
        Ok(other) => panic!("{words}: {other:?}"),
        Err(_) => None,
    };
    let ssh =
        |command: Option<&str>| Some(Through::Ssh("w1".to_owned(), command.map(str::to_owned)));
    let to = |host: &str, port| Some((host.to_owned(), port));
    let proxy = |to| Some(Through::Proxy("w1".to_owned(), to));
    for (words, wanted) in [
        ("ssh w1", ssh(None)),
        ("-s lab ssh @w1", ssh(None)),
        ("ssh w1 ls -l --json", ssh(Some("ls -l --json"))),
        ("proxy w1", proxy(None)),
        ("proxy w1 db:5432", proxy(to("db", 5432))),
        ("proxy w1 [::1]:80", proxy(to("::1", 80))),
        ("ssh", None),
        ("ssh -l root", None),
        ("ssh @", None),
        ("proxy", None),
        ("proxy w1 db", None),
        ("proxy w1 db:0", None),
        ("proxy w1 :80", None),
        ("proxy w1 ::1:80", None),
        ("proxy w1 a:1 b:2", None),
    ] {
        assert_eq!(through(words), wanted, "{words}");
    }
}
