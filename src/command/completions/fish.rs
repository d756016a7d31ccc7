//! The script for fish.

use super::super::options::{self, FLAGS, Sub};
use super::super::settings::SETTINGS;
use super::super::table::{Arg, Flag, Kind, Spec};
use super::super::topics;
use super::{Which, label, places};

pub(super) fn script() -> String {
    let valued = FLAGS.iter().filter(|program| program.flag.value.is_some());
    let valued: Vec<_> = valued
        .flat_map(|program| program.flag.spellings())
        .collect();
    let subs = options::visible_subs().map(|sub| sub.name);
    let known: Vec<&str> = super::own_words()
        .flat_map(Spec::names)
        .chain(subs)
        .collect();
    let mut out = TEMPLATE
        .replace("@VALUED@", &valued.join(" "))
        .replace("@KNOWN@", &list(&known));
    for program in FLAGS {
        out += &flag("__dust_first", &program.flag);
    }
    for spec in super::own_words() {
        out += &word("__dust_first", spec.name, spec.summary);
    }
    for sub in options::visible_subs() {
        let condition = match sub.id {
            Sub::Demo => "__dust_first; and not __dust_demo",
            _ => "__dust_first",
        };
        out += &word(condition, sub.name, sub.summary);
        if sub.id != Sub::Demo {
            out += &args(&[sub.name], sub.args);
        }
    }
    out += "complete -c dust -n __dust_first -a '(__dust_at)'\n";
    out += "complete -c dust -n __dust_first -a '(__dust_ask command)'\n";
    out += "complete -c dust -n __dust_added -F -a '(__dust_targets)'\n";
    for spec in super::own_words() {
        out += &command(spec);
    }
    out
}

/// The options and arguments of a command.
fn command(spec: &Spec) -> String {
    let names: Vec<&str> = spec.names().collect();
    let condition = format!("__dust_in {}", list(&names));
    let mut out: String = spec.flags.iter().map(|own| flag(&condition, own)).collect();
    out += "complete -c dust -n ";
    out += &quoted(&condition);
    out += " -s h -l help -d 'Explain the command'\n";
    out + &args(&names, spec.args)
}

fn args(names: &[&str], args: &[Arg]) -> String {
    let mut out = String::new();
    for (i, place) in places(args).iter().enumerate() {
        let dash = if place.which == Which::Rest { "-" } else { "" };
        let condition = format!("__dust_arg {i}{dash} {}", list(names));
        let line = |condition: &str, what: &str| {
            format!("complete -c dust -n {} {what}\n", quoted(condition))
        };
        out += &match place.kind {
            Kind::Target | Kind::TargetOrWord => line(&condition, "-a '(__dust_targets)'"),
            Kind::TargetOrFile => line(&condition, "-F -a '(__dust_targets)'"),
            Kind::File => line(&condition, "-F"),
            Kind::Dir => line(&condition, "-a '(__fish_complete_directories)'"),
            Kind::Setting => {
                let rows = SETTINGS.iter();
                rows.map(|setting| word(&condition, setting.name, label(setting.doc)))
                    .collect()
            },
            Kind::Value => SETTINGS
                .iter()
                .filter_map(|setting| match setting.kind {
                    Kind::OneOf(words) => Some((setting.name, words)),
                    _ => None,
                })
                .map(|(name, words)| {
                    let condition = format!("{condition}; and __dust_last {name}");
                    line(&condition, &format!("-a {}", quoted(&words.join(" "))))
                })
                .collect(),
            Kind::Topic => line(
                &condition,
                &format!(
                    "-a {}",
                    quoted(&topics::names().collect::<Vec<_>>().join(" "))
                ),
            ),
            Kind::OneOf(words) => line(&condition, &format!("-a {}", quoted(&words.join(" ")))),
            Kind::Session => line(&condition, "-a '(__dust_sessions)'"),
            Kind::Number | Kind::Line | Kind::Free => String::new(),
        };
    }
    out
}

fn word(condition: &str, word: &str, meaning: &str) -> String {
    let condition = quoted(condition);
    format!(
        "complete -c dust -n {condition} -a {word} -d {}\n",
        quoted(meaning)
    )
}

fn flag(condition: &str, flag: &Flag) -> String {
    let short = flag.short.map(|c| format!(" -s {c}")).unwrap_or_default();
    let long = flag
        .long
        .map(|long| format!(" -l {long}"))
        .unwrap_or_default();
    let value = match flag.value.map(|(_, kind)| kind) {
        None => String::new(),
        Some(Kind::File) => " -r -F".to_owned(),
        Some(Kind::Session) => " -x -a '(__dust_sessions)'".to_owned(),
        Some(Kind::OneOf(words)) => format!(" -x -a {}", quoted(&words.join(" "))),
        Some(_) => " -x".to_owned(),
    };
    let condition = quoted(condition);
    format!(
        "complete -c dust -n {condition}{short}{long}{value} -d {}\n",
        quoted(label(flag.doc))
    )
}

fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| name.replace('?', "\\?"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A text in single quotes, as fish reads it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

const TEMPLATE: &str = r#"# fish completion for dust. Made from dust's command table: do not edit.

# The words after the options of dust, one a line.
function __dust_line
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case @VALUED@
                set -e words[1]
            case demo
                string match -qr '^[0-9]+$' -- "$words[2]"
                and set -e words[1]
            case '-*'
            case '*'
                break
        end
        set -e words[1]
    end
    string join \n -- $words
end

# True before the first of these words.
function __dust_first
    test (count (__dust_line)) = 0
end

# True after demo.
function __dust_demo
    contains demo (commandline -opc)
end

# True after one of these commands.
function __dust_in
    set -l words (__dust_line)
    set -q words[1]
    and contains -- $words[1] $argv
end

# True where the argument of this number (N- means: or a later one) of these commands stands.
function __dust_arg
    set -l words (__dust_line)
    set -q words[1]
    and contains -- $words[1] $argv[2..-1]
    or return 1
    set -e words[1]
    set -l given (count (string match -rv '^-.' -- $words))
    test $given = (string trim -r -c - $argv[1])
    or begin
        string match -q '*-' $argv[1]
        and test $given -gt (string trim -r -c - $argv[1])
    end
end

# True if the word before the cursor is this one.
function __dust_last
    set -l words (__dust_line)
    test "$words[-1]" = $argv[1]
end

# What dust knows about words of this kind, with the cluster file and the session of the line.
function __dust_ask
    set -l words (commandline -opc)
    set -l options
    for i in (seq 2 (count $words))
        switch $words[$i]
            case -f --file -s --session
                set -q words[(math $i + 1)]
                and set -a options $words[$i] (string replace -r '^~/' "$HOME/" -- $words[(math $i + 1)])
            case '--file=*' '--session=*'
                set -a options $words[$i]
            case '-*'
            case '*'
                # The words of a command are its own.
                string match -qr -- '^(-[fsctu]|--[a-z-]*)$' $words[(math $i - 1)]
                or break
        end
    end
    command $words[1] $options __complete $argv 2>/dev/null
end

# Targets that begin as the word at the cursor does.
function __dust_targets
    __dust_ask target (string replace -r '^["\']' '' -- (commandline -ct | string unescape; or commandline -ct))
end

# The same for a first word that begins with @.
function __dust_at
    string match -qr '^["\']?@' -- (commandline -ct)
    and __dust_targets
end

# The sessions that run.
function __dust_sessions
    __dust_ask session
end

# True after a word that is no command of dust's own: somebody has added it.
function __dust_added
    set -l words (__dust_line)
    set -q words[1]
    and not string match -q '@*' -- $words[1]
    and not contains -- $words[1] @KNOWN@
end

complete -c dust -f
"#;
