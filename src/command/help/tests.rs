use unicode_width::UnicodeWidthStr as _;

use super::*;

/// All that help can say.
fn texts() -> Vec<(String, String)> {
    let command = |spec: &'static Spec| (spec.name.to_owned(), about(Subject::Command(spec)));
    let commands = COMMANDS.iter().map(command);
    let forms = FORMS
        .iter()
        .map(|form| (form.sign.to_owned(), about(Subject::Form(form))));
    let topics = TOPICS
        .iter()
        .map(|topic| (topic.summary.to_owned(), about(Subject::Topic(topic))));
    let others = [
        ("help".to_owned(), about(Subject::Overview)),
        ("-h".to_owned(), program()),
    ];
    commands.chain(forms).chain(topics).chain(others).collect()
}

#[test]
fn everything_fits_a_terminal() {
    for (name, text) in texts() {
        for line in text.lines() {
            assert!(line.width() <= 80, "{name}: {line}");
            assert_eq!(line.trim_end(), line, "{name}: a blank at the end");
        }
        assert!(
            text.ends_with('\n') && !text.ends_with("\n\n"),
            "{name}: {text:?}"
        );
        assert!(!text.contains("\n\n\n"), "{name}");
    }
}

#[test]
fn the_overview_fits_a_screen_and_has_every_command() {
    let text = about(Subject::Overview);
    for spec in COMMANDS {
        assert!(
            text.lines()
                .any(|line| line.starts_with(&format!("  {}", spec.name))),
            "{}",
            spec.name
        );
        for alias in spec.aliases {
            assert!(text.contains(&format!("(also: {alias})")), "{alias}");
        }
    }
    for form in FORMS {
        assert!(text.contains(form.usage), "{}", form.sign);
    }
    assert!(text.lines().count() <= 44, "{}", text.lines().count());
}

#[test]
fn a_command_is_explained() {
    let text = about(Subject::Command(super::super::table::find("stop").unwrap()));
    assert_eq!(
        text,
        "\
stop [-y] TARGET

Stop nodes; start brings them back.

Lists the nodes and asks. Without a terminal to ask on, and without -y, it
refuses.

  -y, --yes  Do not ask.

help targets says how to name nodes.

For example:
  stop worker*
  stop -y master
"
    );
    let set = about(Subject::Command(super::super::table::find("set").unwrap()));
    for setting in SETTINGS {
        assert!(
            set.contains(&format!("  {} ", setting.name)),
            "{}",
            setting.name
        );
    }
}

#[test]
fn the_program_explains_itself() {
    let text = program();
    for flag in FLAGS.iter().map(|program| &program.flag) {
        assert!(text.contains(&flag.usage()), "{}", flag.usage());
    }
    assert!(text.contains("dust [OPTIONS] demo [N]"));
    assert!(text.contains("  dust completions bash|zsh|fish"));
    assert!(!text.contains("__"));
}

#[test]
fn terms_that_are_too_long_have_their_meaning_below() {
    let short = ("a".to_owned(), "b ".repeat(50));
    let long = ("x".repeat(41), "y".to_owned());
    let text = rows(&[short, long]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("  a  b b"));
    assert!(lines[1].starts_with("     b b"));
    assert_eq!(lines[2], format!("  {}", "x".repeat(41)));
    assert_eq!(lines[3], "     y");
}
