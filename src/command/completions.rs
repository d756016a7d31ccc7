//! Completion scripts for the system's shells, from the tables.
//!
//! Commands and options are written into the scripts, with what they do. For targets, sessions and
//! drop-ins dust itself is asked (see [`super::complete`]), with the cluster file that the line
//! names.

mod bash;
mod fish;
mod zsh;

use super::table::{Arg, Kind, Need, kind_at};

/// A shell that a script can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash, 4.0 and up.
    Bash,
    /// zsh, with its completion system.
    Zsh,
    /// fish, 3.0 and up.
    Fish,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// The shell of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shell| shell.name() == name)
    }

    /// Its name, as [`super::options::SHELLS`] has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// What its script's file must be called for the shell to find it.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Bash => "dust.bash",
            Self::Zsh => "_dust",
            Self::Fish => "dust.fish",
        }
    }

    /// Its script.
    pub fn script(self) -> String {
        match self {
            Self::Bash => bash::script(),
            Self::Zsh => zsh::script(),
            Self::Fish => fish::script(),
        }
    }
}

/// The commands that are no subcommands of the program as well: those are completed as such.
fn own_words() -> impl Iterator<Item = &'static super::table::Spec> {
    let is_sub = |name| super::options::visible_subs().any(|sub| sub.name == name);
    super::COMMANDS
        .iter()
        .filter(move |spec| !is_sub(spec.name))
}

/// A place among the words of a command, and what may stand there.
struct Place {
    kind: Kind,
    /// What the usage line calls it: all that it may be.
    names: String,
    /// Which it is.
    which: Which,
}

/// Which word, or words, a place is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// One that must be there.
    One,
    /// One that may be left out.
    Optional,
    /// This and all that follow.
    Rest,
}

/// The places of these arguments, in order: as many as differ.
fn places(args: &[Arg]) -> Vec<Place> {
    let many = |arg: &Arg| matches!(arg.need, Need::Rest | Need::Several);
    let many = args.iter().position(many);
    let place = |(index, arg): (usize, &Arg)| {
        let first = many.filter(|first| *first < index).unwrap_or(index);
        let may_be = args.iter().take(index + 1).skip(first);
        let names: Vec<&str> = may_be.map(|arg| arg.name).collect();
        Some(Place {
            kind: kind_at(args, index)?,
            names: names.join(" or "),
            which: match arg.need {
                _ if many.is_some() && index + 1 == args.len() => Which::Rest,
                Need::Optional => Which::Optional,
                _ => Which::One,
            },
        })
    };
    let mut places: Vec<Place> = args.iter().enumerate().filter_map(place).collect();
    while let [.., before, last] = places.as_slice()
        && last.which == Which::Rest
        && before.kind == last.kind
    {
        let at = places.len() - 2;
        drop(places.remove(at));
    }
    places
}

/// A text in single quotes, as bash and zsh read it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What an option does, as a label.
fn label(doc: &str) -> &str {
    doc.strip_suffix('.').unwrap_or(doc)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::options::SHELLS;
    use super::*;

    #[test]
    fn the_shells_are_those_of_the_options() {
        assert_eq!(Shell::ALL.map(Shell::name), SHELLS);
        assert_eq!(Shell::named("fish"), Some(Shell::Fish));
        assert_eq!(Shell::named("tcsh"), None);
    }

    #[test]
    fn every_script_knows_every_command_option_and_setting() {
        for shell in Shell::ALL {
            let script = shell.script();
            let words = script.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
            let words: BTreeSet<&str> = words.map(|word| word.trim_start_matches('-')).collect();
            let flags = super::super::options::FLAGS
                .iter()
                .map(|program| &program.flag);
            let own = super::super::COMMANDS.iter().flat_map(|spec| spec.flags);
            let longs = flags.chain(own).filter_map(|flag| flag.long);
            let names = super::super::COMMANDS.iter().map(|spec| spec.name);
            let settings = super::super::settings::names();
            for word in longs
                .chain(names)
                .chain(settings)
                .chain(["demo", "completions"])
            {
                assert!(words.contains(word), "{} lacks {word}", shell.name());
            }
            assert!(
                !script.contains("__node"),
                "{} shows what is hidden",
                shell.name()
            );
        }
    }
}
