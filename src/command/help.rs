//! The texts of `help` and of `dust -h`.

use super::COMMANDS;
use super::dropins::Listing;
use super::layout::Layout;
pub use super::layout::WIDTH;
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

/// What `dust -h` prints on a terminal of this many columns.
pub fn program(columns: usize) -> String {
    let layout = Layout::new(columns);
    format!(
        "{}\n{}\n\
         Options:\n{}\n\
         Examples:\n{}\n\
         {}",
        layout.paragraphs("dust: an ssh cluster shell. One prompt, many nodes, persistent shells."),
        rows(layout, &synopsis()),
        flags(layout, FLAGS.iter().map(|program| &program.flag)),
        rows(layout, &pairs(EXAMPLES)),
        layout.paragraphs(
            "dust help lists the commands of the prompt, dust help targets says how to name nodes. \
             man dust has it all."
        ),
    )
}

/// What `help` prints about a subject on a terminal of this many columns.
pub fn about(subject: Subject, columns: usize) -> String {
    let layout = Layout::new(columns);
    match subject {
        Subject::Overview => overview(layout),
        Subject::Command(spec) => command(layout, spec),
        Subject::Sub(sub) => subcommand(layout, sub),
        Subject::Form(form) => sign(layout, form),
        Subject::Topic(topic) => topic_text(layout, topic),
    }
}

fn overview(layout: Layout) -> String {
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
    let left = Layout::left(&all);
    let groups = groups
        .iter()
        .map(|(title, list)| format!("{title}:\n{}", layout.rows(list, left)));
    groups.collect::<Vec<_>>().join("\n")
}

/// What `help` says of drop-in commands, below all others; nothing where there are none.
pub fn drop_ins(listing: &Listing, columns: usize) -> String {
    let mut text = drop_in_rows(listing, columns);
    let unused = listing.troubles().len();
    if unused > 0 {
        let are = if unused == 1 { "is" } else { "are" };
        let more = format!("{unused} more {are} not used: commands says why.");
        text.push_str(&Layout::new(columns).paragraphs(&more));
    }
    text
}

/// The drop-in commands that can be used, under a heading; nothing where there are none.
pub fn drop_in_rows(listing: &Listing, columns: usize) -> String {
    let all = listing.ready().map(|one| {
        let summary = match one.hints.summary.as_str() {
            "" => "it says nothing of itself",
            summary => summary,
        };
        (one.usage(), summary.to_owned())
    });
    let all: Vec<(String, String)> = all.collect();
    if all.is_empty() {
        return String::new();
    }
    let rows = rows(Layout::new(columns), &all);
    format!("\nDrop-in commands:\n{rows}")
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

fn command(layout: Layout, spec: &Spec) -> String {
    let mut parts = vec![usage(layout, &spec.usage())];
    let also = match spec.aliases {
        [] => String::new(),
        aliases => format!("Also: {}\n", aliases.join(", ")),
    };
    parts.push(layout.paragraphs(&sentence(spec.summary)) + &also);
    parts.push(layout.paragraphs(spec.help));
    if !spec.flags.is_empty() {
        parts.push(flags(layout, spec.flags));
    }
    let has = |kinds: &[Kind]| spec.args.iter().any(|arg| kinds.contains(&arg.kind));
    if has(&[Kind::Setting]) {
        let settings = SETTINGS
            .iter()
            .map(|setting| (setting.name.to_owned(), explain(setting)));
        parts.push(rows(layout, &settings.collect::<Vec<_>>()));
    }
    if has(&[Kind::Target, Kind::TargetOrWord]) {
        parts.push(layout.paragraphs("help targets says how to name nodes."));
    }
    parts.push(examples(spec.examples));
    parts.join("\n")
}

/// What `set NAME` says below the value, in lines of at most so many columns.
pub fn setting(setting: &Setting, columns: usize) -> String {
    let text = format!("{} Takes {}.", setting.doc, setting.values);
    Layout::new(columns).paragraphs(&text)
}

/// What a setting does, takes, and is at first.
pub(super) fn explain(setting: &Setting) -> String {
    let (values, first) = (setting.values, setting.default_value());
    format!("{} Takes {values}; at first it is {first}.", setting.doc)
}

/// A usage line; where it is too long, its second line is set in.
fn usage(layout: Layout, text: &str) -> String {
    let lines = layout.hanging(text, 0);
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn subcommand(layout: Layout, sub: &Subcommand) -> String {
    [
        usage(layout, &format!("dust {}", sub_usage(sub))),
        layout.paragraphs(&sentence(sub.summary)),
        layout.paragraphs(sub.help),
        layout.paragraphs("It is for the shell's command line, not for the prompt."),
        examples(sub.examples),
    ]
    .join("\n")
}

fn sign(layout: Layout, form: &Form) -> String {
    [
        usage(layout, form.usage),
        layout.paragraphs(&sentence(form.summary)),
        layout.paragraphs(form.help),
        examples(form.examples),
    ]
    .join("\n")
}

fn topic_text(layout: Layout, topic: &Topic) -> String {
    let block = |block: &Block| match block {
        Block::Text(text) => layout.paragraphs(text),
        Block::List(list) => rows(layout, &pairs(list)),
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
fn flags<'a>(layout: Layout, flags: impl IntoIterator<Item = &'a Flag>) -> String {
    let usage = |flag: &Flag| {
        let indent = if flag.short.is_none() { "    " } else { "" };
        format!("{indent}{}", flag.usage())
    };
    let list = flags
        .into_iter()
        .map(|flag| (usage(flag), flag.doc.to_owned()));
    rows(layout, &list.collect::<Vec<_>>())
}

fn rows(layout: Layout, rows: &[(String, String)]) -> String {
    layout.rows(rows, Layout::left(rows))
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
