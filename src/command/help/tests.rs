use unicode_width::UnicodeWidthStr as _;

use super::*;

/// All that help can say, to a terminal of this width.
fn texts(columns: usize) -> Vec<(String, String)> {
    let commands = COMMANDS
        .iter()
        .map(|spec| (spec.name, Subject::Command(spec)));
    let subs = options::visible_subs().map(|sub| (sub.name, Subject::Sub(sub)));
    let forms = FORMS.iter().map(|form| (form.sign, Subject::Form(form)));
    let topics = TOPICS
        .iter()
        .map(|topic| (topic.summary, Subject::Topic(topic)));
    let all = commands.chain(subs).chain(forms).chain(topics);
    all.chain([("help", Subject::Overview)])
        .map(|(name, subject)| (name.to_owned(), about(subject, columns)))
        .chain([("-h".to_owned(), program(columns))])
        .collect()
}

#[test]
fn everything_fits_a_terminal() {
    for (name, text) in texts(500) {
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
fn a_narrow_terminal_breaks_lines_at_blanks() {
    for columns in [30, 40, 57, 79] {
        for (name, text) in texts(columns) {
            let (before, _) = text.split_once("For example:").unwrap_or((&text, ""));
            for line in before.lines().filter(|line| line.width() > columns) {
                let words = line.split_whitespace().count();
                assert_eq!(words, 1, "{name}, {columns}: {line}");
            }
        }
    }
    let stop = about(
        Subject::Command(super::super::table::find("stop").unwrap()),
        30,
    );
    assert_eq!(
        stop,
        "\
stop [-y] TARGET

Stop nodes; start brings them
back.

Lists the nodes and asks.
Without a terminal to ask on,
and without -y, it refuses.

  -y, --yes
      Do not ask.

help targets says how to name
nodes.

For example:
  stop worker*
  stop -y master
"
    );
}

#[test]
fn everything_has_an_example() {
    for (name, text) in texts(80) {
        let has = text.contains("For example:\n  ") || text.contains("\nExamples:\n  ");
        let topic = TOPICS.iter().any(|topic| topic.summary == name);
        assert!(has || topic || name == "help", "{name}");
    }
}

#[test]
fn the_overview_fits_a_screen_and_has_every_command() {
    let text = about(Subject::Overview, 80);
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
    assert!(text.lines().count() <= 60, "{}", text.lines().count());
}

#[test]
fn a_command_is_explained() {
    let text = about(
        Subject::Command(super::super::table::find("stop").unwrap()),
        80,
    );
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
    let set = about(
        Subject::Command(super::super::table::find("set").unwrap()),
        80,
    );
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
    let text = program(80);
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
    let text = rows(Layout::new(80), &[short, long]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("  a  b b"));
    assert!(lines[1].starts_with("     b b"));
    assert_eq!(lines[2], format!("  {}", "x".repeat(41)));
    assert_eq!(lines[3], "     y");
}
