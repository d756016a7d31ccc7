//! The texts of `help` and of `dust -h`.

use super::COMMANDS;
use super::layout::{self, paragraphs};
use super::options::{self, FLAGS, Sub, Subcommand};
use super::settings::{SETTINGS, Setting};
use super::table::{Flag, Group, Kind, Need, Spec};
use super::topics::{Block, FORMS, Form, Subject, TOPICS, Topic};

/// How the program is called to run prompt lines: each form with what it does.
const SYNOPSIS: &[(&str, &str)] = &[
    (
        "dust [OPTIONS]",
        "open the prompt, or join the session that runs",
    ),
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

const EXAMPLES: &[(&str, &str)] = &[
    ("dust demo 5", "try it: five nodes on this machine"),
    (
        "dust -f web.cnf '@worker*' uptime",
        "one command on many nodes",
    ),
    (
        "dust -f web.cnf -c start -c '@ uptime'",
        "launch them first",
    ),
];

/// All ways to call the program, each with what it does.
pub(super) fn synopsis() -> Vec<(String, String)> {
    let subs = options::visible_subs().map(|sub| {
        let options = if sub.id == Sub::Demo {
            "[OPTIONS] "
        } else {
            ""
        };
        (
            format!("dust {options}{}", sub_usage(sub)),
            sub.summary.to_owned(),
        )
    });
    pairs(SYNOPSIS).into_iter().chain(subs).collect()
}

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
    format!(
        "dust: an ssh cluster shell. One prompt, many nodes, persistent shells.\n\n{}\n\
         Options:\n{}\n\
         Examples:\n{}\n\
         dust help lists the commands of the prompt, dust help targets says how to name\n\
         nodes. man dust has it all.\n",
        rows(&synopsis()),
        flags(FLAGS.iter().map(|program| &program.flag)),
        rows(&pairs(EXAMPLES)),
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
    let mut groups: Vec<(&str, Vec<(String, String)>)> = Group::ALL
        .map(|group| (group.title(), listed(group)))
        .into();
    let topics = TOPICS.iter().filter_map(|topic| {
        Some((
            format!("help {}", topic.names.first()?),
            topic.summary.to_owned(),
        ))
    });
    let command = (
        "help COMMAND".to_owned(),
        "one command, with examples".to_owned(),
    );
    groups.push(("More", std::iter::once(command).chain(topics).collect()));
    let all: Vec<_> = groups.iter().flat_map(|(_, list)| list.clone()).collect();
    let left = layout::left(&all);
    let groups = groups
        .iter()
        .map(|(title, list)| format!("{title}:\n{}", layout::rows(list, left)));
    groups.collect::<Vec<_>>().join("\n")
}

/// The forms and commands of a group, with what they do.
fn listed(group: Group) -> Vec<(String, String)> {
    let forms = FORMS.iter().filter(|form| form.group == group);
    let forms = forms.map(|form| (form.usage.to_owned(), form.summary.to_owned()));
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
    forms.chain(commands).collect()
}

fn command(spec: &Spec) -> String {
    let mut parts = vec![format!("{}\n", spec.usage())];
    let also = match spec.aliases {
        [] => String::new(),
        aliases => format!("Also: {}\n", aliases.join(", ")),
    };
    parts.push(paragraphs(&sentence(spec.summary)) + &also);
    parts.push(paragraphs(spec.help));
    if !spec.flags.is_empty() {
        parts.push(flags(spec.flags));
    }
    let has = |kinds: &[Kind]| spec.args.iter().any(|arg| kinds.contains(&arg.kind));
    if has(&[Kind::Setting]) {
        let settings = SETTINGS
            .iter()
            .map(|setting| (setting.name.to_owned(), explain(setting)));
        parts.push(rows(&settings.collect::<Vec<_>>()));
    }
    if has(&[Kind::Target, Kind::TargetOrWord]) {
        parts.push("help targets says how to name nodes.\n".to_owned());
    }
    parts.push(examples(spec.examples));
    parts.join("\n")
}

/// What `set NAME` says below the value.
pub fn setting(setting: &Setting) -> String {
    paragraphs(&format!("{} Takes {}.", setting.doc, setting.values))
}

/// What a setting does, takes, and is at first.
pub(super) fn explain(setting: &Setting) -> String {
    let (values, first) = (setting.values, setting.default_value());
    format!("{} Takes {values}; at first it is {first}.", setting.doc)
}

fn sign(form: &Form) -> String {
    let summary = paragraphs(&sentence(form.summary));
    [
        format!("{}\n", form.usage),
        summary,
        paragraphs(form.help),
        examples(form.examples),
    ]
    .join("\n")
}

fn topic_text(topic: &Topic) -> String {
    let block = |block: &Block| match block {
        Block::Text(text) => paragraphs(text),
        Block::List(list) => rows(&pairs(list)),
    };
    topic
        .blocks
        .iter()
        .map(block)
        .collect::<Vec<_>>()
        .join("\n")
}

fn examples(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("For example:\n{lines}")
}

/// Options with what they do; long forms stand below each other.
fn flags<'a>(flags: impl IntoIterator<Item = &'a Flag>) -> String {
    let usage = |flag: &Flag| {
        let indent = if flag.short.is_none() { "    " } else { "" };
        format!("{indent}{}", flag.usage())
    };
    let list = flags
        .into_iter()
        .map(|flag| (usage(flag), flag.doc.to_owned()));
    rows(&list.collect::<Vec<_>>())
}

fn rows(rows: &[(String, String)]) -> String {
    layout::rows(rows, layout::left(rows))
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|&(term, meaning)| (term.to_owned(), meaning.to_owned()))
        .collect()
}

/// A summary as a sentence.
pub(super) fn sentence(summary: &str) -> String {
    let mut chars = summary.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests;
