use super::*;
use proptest::prelude::*;

#[test]
fn names_that_are_command_words() {
    for name in ["rolling", "disk-free", "x", "_a", "cw.logs", "a+b", "7zip"] {
        assert!(is_name(name), "{name}");
    }
    let long = "a".repeat(65);
    for name in [
        "", ".hidden", "-x", "a b", "a/b", "copy~", "#auto#", "é", "a\n", "a|b", &long,
    ] {
        assert!(!is_name(name), "{name}");
    }
}

#[test]
fn what_a_file_says_of_itself() {
    let shell = hints(
        b"#!/bin/sh\n# dust: restart a service\n# dust-usage: SERVICE\n# dust-target: required\n",
    );
    assert_eq!(shell.summary, "restart a service");
    assert_eq!(shell.usage, "SERVICE");
    assert_eq!(shell.wants, Wants::Required);
    for (head, summary) in [
        ("\"\"\"dust: one line", "one line"),
        ("// dust:no blank", "no blank"),
        ("-- dust: lua", "lua"),
        ("/* dust: of C", "of C"),
        ("dust: no comment", ""),
        ("# Dust: another word", ""),
        ("# dusty: another word", ""),
        ("", ""),
    ] {
        assert_eq!(hints(head.as_bytes()).summary, summary, "{head}");
    }
    let late = "\n".repeat(LINES_MAX) + "# dust: too late";
    assert_eq!(hints(late.as_bytes()), Hints::default());
    let more = hints(b"# dust: one\n# dust: two\n#\n# dust: three\n# dust-target: none");
    assert_eq!(more.more, ["two", "three"]);
    assert_eq!(more.wants, Wants::Nothing);
}

#[test]
fn what_is_rubbish_is_harmless() {
    let found = hints(b"# dust: \x1b[31mred\x07 \xff\xfe \xe2\x80\xae\n");
    assert_eq!(found.summary, "[31mred  \\u{202e}");
    let long = format!("# dust: {}", "x".repeat(5000));
    assert_eq!(hints(long.as_bytes()).summary.len(), LINE_MAX);
}

#[test]
fn what_a_program_answers() {
    let plain = told(b"\n  does this\n\nand that\n");
    assert_eq!(plain.summary, "does this");
    assert_eq!(plain.more, ["and that"]);
    let marked = told(b"dust: does this\ndust-usage: THAT\n");
    assert_eq!(marked.summary, "does this");
    assert_eq!(marked.usage, "THAT");
    assert_eq!(told(b"\0\x1b\x07"), Hints::default());
}

#[test]
fn which_word_is_the_target() {
    use First::{End, Maybe, Nothing, Surely, Target};
    for (word, is) in [
        (None, Ok(Nothing)),
        (Some("@w*"), Ok(Target("w*"))),
        (Some("@"), Ok(Target("*"))),
        (Some("worker1"), Ok(Maybe("worker1"))),
        (Some("3"), Ok(Maybe("3"))),
        (Some("w*"), Ok(Surely("w*"))),
        (Some("state=stopped"), Ok(Surely("state=stopped"))),
        (Some("%failed"), Ok(Surely("%failed"))),
        (Some("--"), Ok(End)),
        (Some("-v"), Ok(Nothing)),
        (Some("/var/log"), Ok(Nothing)),
        (Some("./x*"), Ok(Nothing)),
        (Some(""), Err(())),
        (Some("@ "), Err(())),
    ] {
        assert_eq!(first(Wants::Optional, word).map_err(|_| ()), is, "{word:?}");
    }
    assert_eq!(first(Wants::Nothing, Some("@x")), Ok(Nothing));
    assert_eq!(first(Wants::Required, Some("-x")), Ok(Target("-x")));
    assert!(first(Wants::Required, None).is_err());
}

fn one(name: &str, folder: &str) -> DropIn {
    DropIn {
        name: name.to_owned(),
        path: PathBuf::from(folder).join(name),
        hints: Hints::default(),
        state: State::Ready,
    }
}

#[test]
fn who_comes_first() {
    let mut listing = Listing {
        all: vec![
            one("rolling", "/a"),
            one("show", "/a"),
            one("ls", "/b"),
            one("rolling", "/b"),
            one("free", "/b"),
        ],
        folders: Vec::new(),
    };
    listing.settle();
    let ready: Vec<_> = listing.ready().map(|one| one.path.display()).collect();
    assert_eq!(
        ready.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["/a/rolling", "/b/free"]
    );
    assert_eq!(
        listing.troubles(),
        [
            "/a/show is not used: dust has a command of this name",
            "/b/ls is not used: dust has a subcommand of this name",
            "/b/rolling is not used: another one comes first",
        ]
    );
    let first = listing.find("rolling").unwrap();
    assert_eq!(first.path, PathBuf::from("/a/rolling"));
    // One that is refused still has the name: nothing behind it takes its place unseen.
    listing.all[0].state = State::Refused("others may write to it".into(), "chmod".into());
    listing.settle();
    assert_eq!(listing.ready().count(), 1);
}

proptest! {
    #[test]
    fn no_file_does_anything_to_a_terminal(head in proptest::collection::vec(any::<u8>(), 0..400)) {
        for found in [hints(&head), told(&head)] {
            let lines = found.more.iter().chain([&found.summary, &found.usage]);
            for line in lines {
                prop_assert!(!line.chars().any(char::is_control));
            }
        }
    }
}
