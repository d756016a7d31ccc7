use std::collections::BTreeSet;

use super::super::options::{FLAGS, SUBCOMMANDS};
use super::super::parse::{Line, parse, scripted};
use super::super::table::{Flag, Need};
use super::super::topics::{FORMS, TOPICS};
use super::*;

/// Fails with the first of `words` that was there before.
fn all_differ<T: Ord + std::fmt::Debug + Clone>(words: impl IntoIterator<Item = T>) {
    let mut seen = BTreeSet::new();
    for word in words {
        assert!(seen.insert(word.clone()), "{word:?} is there twice");
    }
}

#[test]
fn names_are_sorted_and_unique() {
    assert!(COMMANDS.is_sorted_by_key(|spec| spec.name));
    // What can be done at the prompt and from outside has one name.
    let is_command = |name: &str| COMMANDS.iter().any(|spec| spec.name == name);
    let subs = SUBCOMMANDS.iter().map(|sub| sub.name);
    let subs = subs.filter(|name| !is_command(name));
    let topics = TOPICS.iter().flat_map(|topic| topic.names.iter().copied());
    let signs = FORMS.iter().map(|form| form.sign);
    all_differ(
        COMMANDS
            .iter()
            .flat_map(Spec::names)
            .chain(subs)
            .chain(topics)
            .chain(signs),
    );
}

#[test]
fn names_can_be_typed() {
    for name in COMMANDS.iter().flat_map(Spec::names) {
        let plain = name.starts_with(char::is_alphabetic)
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        assert!(plain || name == "?", "{name}");
    }
}

#[test]
fn options_are_unique_and_leave_room_for_help() {
    for spec in COMMANDS {
        all_differ(spec.flags.iter().flat_map(Flag::spellings));
        for flag in spec.flags {
            assert!(
                flag.long.is_some(),
                "{}: an option without a long form",
                spec.name
            );
            assert!(!flag.is("-h") && !flag.is("--help"), "{}", spec.name);
            // Nothing would read it.
            assert!(
                flag.value.is_none(),
                "{}: an option with a value",
                spec.name
            );
        }
    }
    all_differ(FLAGS.iter().flat_map(|program| program.flag.spellings()));
}

#[test]
fn everything_is_explained() {
    for spec in COMMANDS {
        let name = spec.name;
        assert!(!spec.help.is_empty() && spec.help.ends_with('.'), "{name}");
        assert!(
            (8..=60).contains(&spec.summary.len()),
            "{name}: {}",
            spec.summary
        );
        assert!(
            spec.summary.starts_with(|c: char| c.is_lowercase()),
            "{name}"
        );
        assert!(!spec.summary.ends_with('.'), "{name}");
        assert!(!spec.examples.is_empty(), "{name}");
    }
    let flags = COMMANDS.iter().flat_map(|spec| spec.flags);
    for flag in flags.chain(FLAGS.iter().map(|program| &program.flag)) {
        assert!(
            flag.doc.ends_with('.') && flag.doc.len() <= 90,
            "{}",
            flag.doc
        );
    }
    for form in FORMS {
        assert!(form.usage.starts_with(form.sign) && form.summary.len() <= 60);
        assert!(form.help.ends_with('.') && !form.examples.is_empty());
    }
}

#[test]
fn examples_are_lines_of_their_command() {
    for spec in COMMANDS {
        for example in spec.examples {
            let line = scripted(example).unwrap_or_else(|error| panic!("{example}: {error}"));
            assert!(matches!(line, Line::Builtin(_)), "{example}");
            let word = example.split(' ').next().unwrap();
            assert!(spec.names().any(|name| name == word), "{example}");
        }
    }
    for form in FORMS {
        for example in form.examples {
            let line = parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
            match form.sign {
                "@" | "@NODE" => assert!(matches!(line, Line::At { .. }), "{example}"),
                _ => assert!(
                    matches!(line, Line::Local(_) | Line::Unknown { .. }),
                    "{example}"
                ),
            }
        }
    }
}

#[test]
fn arguments_that_may_be_left_out_come_last() {
    for spec in COMMANDS {
        assert!(
            spec.args.is_sorted_by_key(|arg| arg.need == Need::Optional),
            "{}",
            spec.name
        );
        let rests = spec
            .args
            .iter()
            .rev()
            .skip(1)
            .filter(|arg| arg.need == Need::Rest);
        assert_eq!(rests.count(), 0, "{}", spec.name);
    }
}

/// Every option in the table does something when it is given.
#[test]
fn every_option_of_a_command_changes_it() {
    for spec in COMMANDS {
        let args: Vec<&str> = spec
            .args
            .iter()
            .filter(|arg| arg.need != Need::Optional)
            .map(|arg| match arg.kind {
                Kind::Setting => "fold",
                Kind::Free => "x=1",
                _ => "x",
            })
            .collect();
        let plain = spec.parse(args.clone()).unwrap();
        for spelling in spec.flags.iter().flat_map(Flag::spellings) {
            let with = spec
                .parse([args.clone(), vec![spelling.as_str()]].concat())
                .unwrap();
            assert_ne!(plain, with, "{} {spelling}", spec.name);
        }
    }
}
