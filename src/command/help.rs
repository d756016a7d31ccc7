//! The texts of `help` and of `dust -h`.

use super::COMMANDS;
use super::layout::{paragraphs, rows};
use super::options::{self, FLAGS, Subcommand};
use super::settings::SETTINGS;
use super::table::{Flag, Group, Kind, Need, Spec};
use super::topics::{Block, FORMS, Form, Subject, TOPICS, Topic};

/// How the program is called: each line with what it does.
pub(super) const SYNOPSIS: &[(&str, &str)] = &[
    ("dust [OPTIONS]", "open the prompt"),
    ("dust [OPTIONS] LINE...", "run one prompt line and exit"),
    (
        "dust [OPTIONS] -c LINE [-c LINE]...",
        "run these prompt lines and exit",
    ),
    (
        "dust [OPTIONS] - < FILE",
        "run the lines of a file and exit",
    ),
];

/// `demo [N]`.
pub(super) fn sub_usage(sub: &Subcommand) -> String {
    let args = sub.args.iter().map(|arg| {
        let name = match arg.kind {
            Kind::OneOf(words) => words.join("|"),
            _ => arg.name.to_owned(),
        };
        if arg.need == Need::Optional {
            format!(" [{name}]")
        } else {
            format!(" {name}")
        }
    });
    format!("{}{}", sub.name, args.collect::<String>())
}

/// What `dust -h` prints.
pub fn program() -> String {
    let subs = options::visible_subs().map(|sub| {
        (
            format!("dust [OPTIONS] {}", sub_usage(sub)),
            sub.summary.to_owned(),
        )
    });
    let synopsis: Vec<_> = pairs(SYNOPSIS).into_iter().chain(subs).collect();
    let flags: Vec<&Flag> = FLAGS.iter().map(|program| &program.flag).collect();
    format!(
        "dust: an ssh cluster shell. One prompt, many nodes, persistent shells.\n\n{}\n\
         Options:\n{}\n\
         Examples:\n{}\n\
         dust help lists the commands of the prompt, dust help targets says how to name\n\
         nodes. man dust has it all.\n",
        rows(&synopsis),
        flag_rows(&flags),
        rows(&pairs(&[
            ("dust demo 5", "try it: five nodes on this machine"),
            (
                "dust -f web.cnf '@worker*' uptime",
                "one command on many nodes"
            ),
            (
                "dust -f web.cnf -c start -c '@ uptime'",
                "launch them first"
            ),
        ])),
    )
}

/// What `help` prints about a subject.
pub fn about(subject: Subject) -> String {
    match subject {
        Subject::Overview => overview(),
        Subject::Command(spec) => command(spec),
        Subject::Form(form) => sign(form),
        Subject::Topic(topic) => topic_text(topic),
    }
}

fn overview() -> String {
    let mut out = String::new();
    for group in Group::ALL {
        let forms = FORMS
            .iter()
            .filter(|form| form.group == group)
            .flat_map(|form| {
                form.usage
                    .iter()
                    .zip(form.summary)
                    .map(|(usage, summary)| ((*usage).to_owned(), (*summary).to_owned()))
            });
        let commands = COMMANDS
            .iter()
            .filter(|spec| spec.group == group)
            .map(|spec| {
                let also = match spec.aliases {
                    [] => String::new(),
                    aliases => format!(" (also: {})", aliases.join(", ")),
                };
                (spec.usage(), format!("{}{also}", spec.summary))
            });
        let all: Vec<_> = forms.chain(commands).collect();
        out += &format!("{}:\n{}\n", group.title(), rows(&all));
    }
    let topics: Vec<_> = TOPICS
        .iter()
        .filter_map(|topic| Some((format!("help {}", topic.names.first()?), topic.summary)))
        .map(|(topic, summary)| (topic, summary.to_owned()))
        .collect();
    let command = (
        "help COMMAND".to_owned(),
        "one command, with examples".to_owned(),
    );
    out += &format!("More:\n{}", rows(&[vec![command], topics].concat()));
    out
}

fn command(spec: &Spec) -> String {
    let mut out = format!(
        "{}\n\n{}",
        spec.usage(),
        paragraphs(&sentence(spec.summary), 0)
    );
    if !spec.aliases.is_empty() {
        out += &format!("Also: {}\n", spec.aliases.join(", "));
    }
    if !spec.help.is_empty() {
        out += &format!("\n{}", paragraphs(spec.help, 0));
    }
    if !spec.flags.is_empty() {
        let flags: Vec<&Flag> = spec.flags.iter().collect();
        out += &format!("\n{}", flag_rows(&flags));
    }
    if spec.args.iter().any(|arg| arg.kind == Kind::Setting) {
        let settings: Vec<_> = SETTINGS
            .iter()
            .map(|setting| (setting.name.to_owned(), setting_text(setting)))
            .collect();
        out += &format!("\n{}", rows(&settings));
    }
    if spec
        .args
        .iter()
        .any(|arg| matches!(arg.kind, Kind::Target | Kind::TargetOrWord))
    {
        out += "\nhelp targets says how to name nodes.\n";
    }
    out + &examples(spec.examples)
}

/// What a setting does, takes, and is at first.
pub(super) fn setting_text(setting: &super::settings::Setting) -> String {
    format!(
        "{} {}; at first {}.",
        setting.doc,
        sentence_case(setting.values),
        setting.default_value()
    )
}

fn sign(form: &Form) -> String {
    let usage: Vec<_> = form
        .usage
        .iter()
        .zip(form.summary)
        .map(|(usage, summary)| ((*usage).to_owned(), (*summary).to_owned()))
        .collect();
    format!(
        "{}\n{}{}",
        rows(&usage),
        paragraphs(form.help, 0),
        examples(form.examples)
    )
}

fn topic_text(topic: &Topic) -> String {
    let blocks: Vec<String> = topic
        .blocks
        .iter()
        .map(|block| match block {
            Block::Text(text) => paragraphs(text, 0),
            Block::List(list) => rows(&pairs(list)),
        })
        .collect();
    blocks.join("\n")
}

fn examples(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("\nFor example:\n{lines}")
}

fn flag_rows(flags: &[&Flag]) -> String {
    let flags: Vec<_> = flags
        .iter()
        .map(|flag| (flag_usage(flag), flag.doc.to_owned()))
        .collect();
    rows(&flags)
}

/// `-f, --file CNF`; long forms stand below each other.
fn flag_usage(flag: &Flag) -> String {
    let indent = if flag.short.is_none() { "    " } else { "" };
    format!("{indent}{}", flag.usage())
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|&(term, meaning)| (term.to_owned(), meaning.to_owned()))
        .collect()
}

/// A summary as a sentence.
pub(super) fn sentence(summary: &str) -> String {
    format!("{}.", sentence_case(summary))
}

fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    first + chars.as_str()
}

#[cfg(test)]
mod tests;
