use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{NodeId, NodeState};

/// Three nodes: master, and two workers.
fn nodes() -> Vec<Node> {
    let node = |id: u32, name: &str, state, image: &str| Node {
        id: NodeId(id),
        index: id + 1,
        name: name.to_owned(),
        cluster: "demo".to_owned(),
        state,
        attrs: BTreeMap::from([("image".to_owned(), image.to_owned())]),
        tags: BTreeMap::from([("owner".to_owned(), format!("dev ops{id}"))]),
        aside: false,
    };
    vec![
        node(0, "master", NodeState::Running, "ami-1"),
        node(1, "worker0", NodeState::Running, "ami-2"),
        node(2, "worker1", NodeState::Stopped, "a,b*"),
    ]
}

/// The line with the cursor at `|`.
fn cursor(marked: &str) -> (String, usize) {
    let at = marked.find('|').expect("a mark");
    (marked.replacen('|', "", 1), at)
}

fn found(marked: &str) -> Completion {
    let (line, at) = cursor(marked);
    context(&line, at, &|_| None)
}

fn texts(marked: &str) -> Vec<String> {
    candidates(&found(marked), &nodes())
        .into_iter()
        .map(|candidate| candidate.text)
        .collect()
}

/// A candidate as the prompt writes it: in the quotes that are open, else with backslashes.
fn written(text: &str, quote: Option<char>) -> String {
    let odd = |c: char| match quote {
        Some('"') => matches!(c, '"' | '\\' | '$' | '`'),
        Some(_) => false,
        None => matches!(c, ' ' | '\'' | '"' | '\\' | '#'),
    };
    let escaped: String = text
        .chars()
        .flat_map(|c| odd(c).then_some('\\').into_iter().chain([c]))
        .collect();
    match quote {
        Some('\'') => format!("'{}", text.replace('\'', r"'\''")),
        Some(mark) => format!("{mark}{escaped}"),
        None => escaped,
    }
}

/// The line after taking the only candidate.
fn taken(marked: &str) -> String {
    let (line, at) = cursor(marked);
    let completion = context(&line, at, &|_| None);
    let all = candidates(&completion, &nodes());
    let [only] = all.as_slice() else {
        panic!("{marked}: {all:?}")
    };
    let head = line.get(..completion.start).unwrap();
    format!(
        "{head}{}{}",
        written(&only.text, completion.quote),
        line.get(at..).unwrap()
    )
}

#[test]
fn where_the_cursor_is() {
    let spec = |name| What::Flag(table::find(name).unwrap());
    let value = |attr: &str| What::AttributeValue {
        attr: attr.to_owned(),
    };
    let numbers = |head: &str| What::Numbers {
        head: head.to_owned(),
    };
    let remote = |target: &str| What::Remote {
        target: Some(target.to_owned()).filter(|target| !target.is_empty()),
    };
    for (marked, what, start, prefix) in [
        ("|", What::CommandName, 0, ""),
        ("  st|", What::CommandName, 2, "st"),
        ("st|op w", What::CommandName, 0, "st"),
        ("./scr|", What::File, 0, "./scr"),
        ("# st|", What::Nothing, 4, ""),
        // Commands of dust.
        ("load |", What::File, 5, ""),
        ("load a|", What::File, 5, "a"),
        ("load 'my fi|", What::File, 5, "my fi"),
        ("load a b|", What::Nothing, 8, ""),
        ("load a # b|", What::Nothing, 10, ""),
        ("cd |", What::Dir, 3, ""),
        ("stop wo|", What::Target, 5, "wo"),
        ("stop -y wo|", What::Target, 8, "wo"),
        ("stop a |", What::Nothing, 7, ""),
        ("stop -|", spec("stop"), 5, "-"),
        ("start w1 --n|", spec("start"), 9, "--n"),
        ("start -- --n|", What::Target, 9, "--n"),
        ("quit |", What::Nothing, 5, ""),
        ("set |", What::SettingName, 4, ""),
        ("set fold |", What::OneOf(&["on", "off"]), 9, ""),
        ("set fanout |", What::Nothing, 11, ""),
        ("set nothing |", What::Nothing, 12, ""),
        ("? st|", What::Topic, 2, "st"),
        ("history 5|", What::Nothing, 9, ""),
        ("put a|", What::File, 4, "a"),
        ("put a wo|", What::Target, 6, "wo"),
        ("put a @wo|", What::Target, 7, "wo"),
        ("put -r a b c w1,wo|", What::Target, 16, "wo"),
        ("get @wo|", What::Target, 5, "wo"),
        ("get w1 a|", What::Nothing, 8, ""),
        ("get w1 a b lo|", What::Dir, 11, "lo"),
        ("stop @wo|", What::Target, 5, "@wo"),
        // Targets.
        ("@|", What::Target, 1, ""),
        ("@wo|rker1 ls", What::Target, 1, "wo"),
        ("@a,b!c&d^wo|", What::Target, 9, "wo"),
        ("@w[1,3|", numbers("w"), 5, "3"),
        ("@ma,w[1-|", numbers("w"), 6, "1-"),
        ("@^w[1|", What::Nothing, 5, ""),
        ("@state=[1|", What::Nothing, 9, ""),
        ("@w[1,3],wo|", What::Target, 8, "wo"),
        ("@w[!a]wo|", What::Target, 1, "w[!a]wo"),
        ("@state=st|", value("state"), 7, "st"),
        ("@w1,state=|", value("state"), 10, ""),
        ("@tags=owner:de|", value("tags"), 6, "owner:de"),
        ("@%rc=|", value("%rc"), 5, ""),
        ("@state=a,wo|", What::Target, 9, "wo"),
        ("show state=st|", value("state"), 11, "st"),
        ("@^ho|", What::File, 2, "ho"),
        ("@w1,^ho|", What::File, 5, "ho"),
        ("@w1^wo|", What::Target, 4, "wo"),
        ("@w1^^ho|", What::File, 5, "ho"),
        ("@'tags=owner:dev o|", value("tags"), 1, "owner:dev o"),
        ("@tags='owner:dev o|", value("tags"), 6, "owner:dev o"),
        ("@a,'b,wo|", What::Target, 3, "wo"),
        ("@'^my ho|", What::File, 1, "my ho"),
        ("stop \"a\"wo|", What::Target, 5, "awo"),
        ("stop \"a,b\"wo|", What::Nothing, 12, ""),
        ("stop \"a,\"wo|", What::Target, 9, "wo"),
        // Commands for nodes and for this machine.
        ("@w1 |", remote("w1"), 4, ""),
        ("@w1 ls /va|", remote("w1"), 7, "/va"),
        ("@ ls|", remote(""), 2, "ls"),
        ("!vi|", What::Program, 1, "vi"),
        ("!vi no|", What::File, 4, "no"),
        ("vim |", What::File, 4, ""),
        ("vim a no|", What::File, 6, "no"),
        // Places are in bytes.
        ("@größe,wo|", What::Target, 9, "wo"),
    ] {
        let completion = found(marked);
        assert_eq!(completion.what, what, "{marked}");
        assert_eq!(
            (completion.start, completion.prefix.as_str()),
            (start, prefix),
            "{marked}"
        );
    }
}

#[test]
fn what_the_word_may_be_else() {
    for (marked, other) in [
        ("put a|", None),
        ("put a w1|", Some((6, "w1"))),
        ("put a b w1,wo|", Some((8, "w1,wo"))),
        ("put a @wo|", Some((6, "@wo"))),
        ("get w1 a b|", None),
        ("stop w1|", None),
    ] {
        let found = found(marked).other;
        let found = found.as_ref().map(|other| {
            assert_eq!(other.what, What::File, "{marked}");
            (other.start, other.prefix.as_str())
        });
        assert_eq!(found, other, "{marked}");
    }
}

#[test]
fn what_may_stand_there() {
    for (marked, words) in [
        ("st|", vec!["start", "stop"]),
        ("zz|", vec![]),
        ("start -|", vec!["--no-wait", "--help"]),
        ("set f|", vec!["fanout", "fold"]),
        ("set color a|", vec!["auto", "always"]),
        ("help t|", vec!["tag", "terminate", "targets", "target"]),
        ("@|", vec!["master", "worker0", "worker1", "demo"]),
        ("stop w|", vec!["worker0", "worker1"]),
        ("@worker0,m|", vec!["master"]),
        ("@worker0!wo|", vec!["worker0", "worker1"]),
        ("@i|", vec!["image=", "index="]),
        ("@state=|", vec!["running", "stopped"]),
        ("@image=a|", vec!["a?b?", "ami-1", "ami-2"]),
        ("@nothing=|", vec![]),
        ("@tags=|", vec!["owner:"]),
        (
            "@tags=owner:|",
            vec!["owner:dev?ops0", "owner:dev?ops1", "owner:dev?ops2"],
        ),
        (
            "@'tags=owner:dev o|",
            vec![
                "tags=owner:dev ops0",
                "tags=owner:dev ops1",
                "tags=owner:dev ops2",
            ],
        ),
        ("@tag.|", vec!["tag.owner="]),
        ("@tag.owner=|", vec!["dev?ops0", "dev?ops1", "dev?ops2"]),
        ("@'worker0,m|", vec!["worker0,master"]),
        ("@%|", vec!["%failed", "%ok", "%pending", "%last", "%rc="]),
        ("@^|", vec![]),
        ("@w1 wo|", vec![]),
    ] {
        assert_eq!(texts(marked), words, "{marked}");
    }
}

#[test]
fn what_is_taken_is_written_so_that_it_is_read() {
    for (marked, line) in [
        ("sto|", "stop"),
        ("stop ma|", "stop master"),
        ("@worker0,ma| ls", "@worker0,master ls"),
        ("@tags=owner:dev?ops1|", "@tags=owner:dev?ops1"),
        ("@'tags=owner:dev ops1|", "@'tags=owner:dev ops1"),
        ("@tags='owner:dev ops1|", "@tags='owner:dev ops1"),
        ("@\"tags=owner:dev ops1|", "@\"tags=owner:dev ops1"),
        ("stop 'ma|", "stop 'master"),
        ("stop 'ma'|", "stop master"),
        ("stop 'm'a|", "stop master"),
        ("set fold of|", "set fold off"),
    ] {
        assert_eq!(taken(marked), line, "{marked}");
    }
}

#[test]
fn only_what_is_to_be_typed_on_gets_no_blank() {
    let more = |marked: &str| -> Vec<bool> {
        candidates(&found(marked), &nodes())
            .iter()
            .map(|candidate| candidate.more)
            .collect()
    };
    assert_eq!(more("@ima|"), [true]);
    assert_eq!(more("@tags=o|"), [true]);
    assert_eq!(more("@tags=owner:dev?ops0|"), [false]);
    assert_eq!(more("@%r|"), [true]);
    assert_eq!(more("@ma|"), [false]);
}

#[test]
fn answers_are_whole_words() {
    for (prefix, words) in [
        ("@wo", vec!["@worker0", "@worker1"]),
        ("wo", vec!["worker0", "worker1"]),
        ("@ma", vec!["@master"]),
        ("@worker0,ma", vec!["@worker0,master"]),
        (
            "worker[0,1]!wo",
            vec!["worker[0,1]!worker0", "worker[0,1]!worker1"],
        ),
        ("@state=s", vec!["@state=stopped"]),
        ("@worker0&ima", vec!["@worker0&image="]),
        ("tags=owner:dev ops1", vec!["tags=owner:dev ops1"]),
        ("@^ho", vec![]),
        ("@worker[0", vec!["@worker[0-1]", "@worker[0]"]),
        (
            "@master,worker[0,",
            vec![
                "@master,worker[0,0-1]",
                "@master,worker[0,0]",
                "@master,worker[0,1]",
            ],
        ),
        ("worker[0-", vec!["worker[0-1]"]),
        ("worker[0-1", vec!["worker[0-1]"]),
        ("worker[1-", vec![]),
        ("@w[0", vec![]),
        ("@state=[0", vec![]),
    ] {
        let answer = answer(prefix, &nodes());
        let found: Vec<&str> = answer
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert_eq!(found, words, "{prefix}");
    }
}

#[test]
fn answers_say_what_they_are() {
    for (prefix, lines) in [
        ("@worker", "@worker0\trunning\n@worker1\tstopped\n"),
        ("dem", "demo\ta cluster of 3\n"),
        ("sta", "state=\tan attribute\n"),
        ("tags=", "tags=owner:\ta tag\n"),
        ("worker[1", "worker[1]\n"),
    ] {
        assert_eq!(answer(prefix, &nodes()), lines, "{prefix}");
    }
}

#[test]
fn nodes_are_named_with_their_clusters() {
    let mut nodes = nodes();
    let [master, ..] = nodes.as_slice() else {
        panic!("no nodes")
    };
    let far = Node {
        cluster: "far".to_owned(),
        ..master.clone()
    };
    let one = nodes.clone();
    nodes.push(far);
    let texts = |prefix: &str, nodes: &[Node]| {
        let lines = answer(prefix, nodes);
        let texts = lines.lines().map(|line| line.split('\t').next().unwrap());
        texts.collect::<Vec<_>>().join(" ")
    };
    for (prefix, found) in [
        ("demo", "demo demo/master demo/worker0 demo/worker1"),
        ("@far/", "@far/master"),
        ("all,demo/w", "all,demo/worker0 all,demo/worker1"),
        ("demo/worker[0-", "demo/worker[0-1]"),
        ("far/worker[", ""),
        ("none/", ""),
        ("m", "master"),
        ("fa", "far"),
    ] {
        assert_eq!(texts(prefix, &nodes), found, "{prefix}");
    }
    // Of one cluster its name is whole; who types on means a node.
    assert_eq!(texts("demo", &one), "demo");
    assert_eq!(texts("demo/m", &one), "demo/master");
}

#[test]
fn numbers_keep_their_zeros_and_are_not_listed_without_end() {
    let node = |name: String| Node {
        name,
        ..nodes().remove(0)
    };
    let padded: Vec<Node> = (8..=12).map(|n| node(format!("n{n:03}"))).collect();
    let texts = |prefix: &str, nodes: &[Node]| answer(prefix, nodes).replace('\n', " ");
    assert_eq!(texts("n[0", &padded), "n[008] n[009] n[010] n[011] n[012] ");
    assert_eq!(
        texts("n[008-01", &padded),
        "n[008-012] n[008-011] n[008-010] "
    );
    assert_eq!(texts("n[", &padded).split(' ').next(), Some("n[008-012]"));
    let many: Vec<Node> = (0..200).map(|n| node(format!("n{n}"))).collect();
    assert_eq!(texts("n[", &many), "n[0-199] ");
    assert_eq!(texts("n[5-", &many), "n[5-199] ");
    assert_eq!(texts("n[19", &many).split(' ').next(), Some("n[19-199]"));
}

proptest! {
    /// A candidate replaces exactly what was typed of it, wherever the cursor is.
    #[test]
    fn places_are_true(line in "(@|stop |load |set |!|)[a-w,!&^=%\\[\\]'\"\\\\ é#-]{0,14}", at in 0usize..20) {
        let completion = context(&line, at, &|_| None);
        prop_assert!(completion.start <= at.min(line.len()));
        prop_assert!(line.is_char_boundary(completion.start));
        let typed = format!("{}{}", completion.head, completion.prefix);
        for candidate in candidates(&completion, &nodes()) {
            prop_assert!(candidate.text.starts_with(&typed));
        }
    }

    /// What was completed at the end of a line is read back as it was offered.
    #[test]
    fn written_words_are_read_back(typed in "['\"]?[a-c '\"\\\\]{0,6}", name in "\\PC{1,8}|[a-c '\"\\\\#]{1,6}") {
        let line = format!("load {typed}");
        let completion = context(&line, line.len(), &|_| None);
        if completion.what == What::File {
            let head = line.get(..completion.start).unwrap();
            let close = completion.quote.map(String::from).unwrap_or_default();
            let text = format!("{}{name}", completion.head);
            let whole = format!("{head}{}{close}", written(&text, completion.quote));
            let words = super::super::words::split(&whole).unwrap();
            prop_assert_eq!(words, ["load".to_owned(), name]);
        }
    }
}
