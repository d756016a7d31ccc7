//! Entries of the tables, as the page shows them.

use super::super::COMMANDS;
use super::super::help::{explain, sentence, synopsis};
use super::super::options::Subcommand;
use super::super::settings::Setting;
use super::super::table::{Arg, Flag, Group, Kind, Need, Spec};
use super::super::topics::{Block, FORMS, Form, Topic};
use super::mdoc::{escape, list, text, word};

pub(super) fn usage() -> String {
    let line = |(usage, _): (String, String)| {
        let rest = usage.strip_prefix("dust").unwrap_or(&usage);
        format!(".Nm\n{}", text(rest.trim_start()))
    };
    format!(
        ".Sh SYNOPSIS\n{}",
        synopsis().into_iter().map(line).collect::<String>()
    )
}

pub(super) fn sub(sub: &Subcommand) -> (String, String) {
    let args: String = sub.args.iter().map(arg).collect();
    let about = format!("{} {}", sentence(sub.summary), sub.help);
    (format!("Nm dust {}{args}", sub.name), text(&about))
}

pub(super) fn commands(group: Group) -> String {
    let forms = FORMS.iter().filter(|form| form.group == group).map(form);
    let commands = COMMANDS
        .iter()
        .filter(|spec| spec.group == group)
        .map(command);
    let items: String = forms.chain(commands).collect();
    format!(".Ss {}\n.Bl -tag -width Ds\n{items}.El\n", group.title())
}

/// `Fl f , Fl \-file Ar CNF`
pub(super) fn flag(flag: &Flag) -> String {
    let short = flag.short.map(|c| format!("Fl {c}"));
    let long = flag.long.map(|long| format!("Fl \\-{}", escape(long)));
    let forms: Vec<String> = short.into_iter().chain(long).collect();
    let value = flag
        .value
        .map(|(name, _)| format!(" Ar {name}"))
        .unwrap_or_default();
    format!("{}{value}", forms.join(" , "))
}

/// ` Op Ar TARGET`
fn arg(arg: &Arg) -> String {
    let name = match arg.kind {
        Kind::OneOf(words) => words.join(" | "),
        _ => arg.name.to_owned(),
    };
    match arg.need {
        Need::Required => format!(" Ar {name}"),
        Need::Optional => format!(" Op Ar {name}"),
        Need::Rest | Need::Several => format!(" Ar {name} ..."),
    }
}

fn command(spec: &Spec) -> String {
    let flags: String = spec
        .flags
        .iter()
        .map(|own| {
            let dots = if own.repeats { " Ns ..." } else { "" };
            format!(" Oo {} Oc{dots}", first_form(own))
        })
        .collect();
    let args: String = spec.args.iter().map(arg).collect();
    let also = match spec.aliases {
        [] => String::new(),
        aliases => text(&format!("Also: {}.", aliases.join(", "))),
    };
    let own = match spec.flags {
        [] => String::new(),
        flags => list(flags.iter().map(|own| (flag(own), text(own.doc)))),
    };
    let head = format!(".It Ic {}{flags}{args}\n", escape(spec.name));
    [
        head,
        text(&sentence(spec.summary)),
        also,
        text(spec.help),
        own,
        examples(spec.examples),
    ]
    .concat()
}

fn first_form(own: &Flag) -> String {
    match (own.short, own.long) {
        (Some(c), _) => format!("Fl {c}"),
        (None, long) => format!("Fl \\-{}", escape(long.unwrap_or_default())),
    }
}

fn form(form: &Form) -> String {
    let head = format!(".It Li {}\n", word(form.usage));
    [
        head,
        text(&sentence(form.summary)),
        text(form.help),
        examples(form.examples),
    ]
    .concat()
}

pub(super) fn setting(setting: &'static Setting) -> (String, String) {
    (
        format!("Cm {}", escape(setting.name)),
        text(&explain(setting)),
    )
}

pub(super) fn topic(topic: &Topic) -> String {
    let title = topic
        .names
        .first()
        .copied()
        .unwrap_or_default()
        .to_uppercase();
    let mut parts = vec![format!(".Sh {title}\n")];
    for (i, block) in topic.blocks.iter().enumerate() {
        parts.push(match *block {
            Block::Text(paragraph) if i > 0 => format!(".Pp\n{}", text(paragraph)),
            Block::Text(paragraph) => text(paragraph),
            Block::List(rows) => list(
                rows.iter()
                    .map(|&(term, meaning)| (format!("Li {}", word(term)), text(meaning))),
            ),
        });
    }
    parts.concat()
}

fn examples(lines: &[&str]) -> String {
    format!(
        ".Bd -literal -offset indent -compact\n{}.Ed\n",
        lines.iter().map(|line| text(line)).collect::<String>()
    )
}
