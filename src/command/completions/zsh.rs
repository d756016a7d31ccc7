//! The script for zsh.

use super::super::options::{self, FLAGS, Sub, Subcommand};
use super::super::settings::SETTINGS;
use super::super::table::{Arg, Flag, Kind, Spec};
use super::super::topics;
use super::{Which, label, places, quoted};

pub(super) fn script() -> String {
    let flags: String = FLAGS
        .iter()
        .map(|p| format!("        {} \\\n", flag(&p.flag)))
        .collect();
    let valued = FLAGS.iter().filter(|program| program.flag.value.is_some());
    let valued: Vec<String> = valued
        .flat_map(|program| program.flag.spellings())
        .filter(|spelling| !OF_DUST.contains(&spelling.as_str()))
        .collect();
    let commands: String = super::own_words()
        .map(|spec| described(spec.name, spec.summary))
        .collect();
    let subs: String = options::visible_subs()
        .map(|sub| described(sub.name, sub.summary))
        .collect();
    let settings: String = SETTINGS
        .iter()
        .map(|setting| described(setting.name, label(setting.doc)))
        .collect();
    let cases: String = super::own_words().map(command_case).collect();
    let own: String = options::visible_subs()
        .filter(|sub| sub.id != Sub::Demo)
        .map(sub_case)
        .collect();
    let choices: String = SETTINGS
        .iter()
        .filter_map(|setting| match setting.kind {
            Kind::OneOf(words) => Some((setting.name, words)),
            _ => None,
        })
        .map(|(name, words)| format!("        {name}) compadd -- {} ;;\n", words.join(" ")))
        .collect();
    TEMPLATE
        .replace("@FLAGS@", flags.trim_end())
        .replace("@VALUED@", &valued.join("|"))
        .replace("@COMMANDS@", commands.trim_end())
        .replace("@SUBS@", subs.trim_end())
        .replace("@SETTINGS@", settings.trim_end())
        .replace("@CHOICES@", choices.trim_end())
        .replace("@TOPICS@", &topics::names().collect::<Vec<_>>().join(" "))
        .replace("@CASES@", format!("{cases}{own}").trim_end())
}

/// The options that say what dust answers by.
const OF_DUST: [&str; 4] = ["-f", "--file", "-s", "--session"];

/// `'start:launch what is absent'` of a list that is shown with its meanings.
fn described(name: &str, meaning: &str) -> String {
    format!("        {}\n", quoted(&format!("{name}:{meaning}")))
}

/// `'(-f --file)'{-f,--file}'[The cluster file.]:CNF:_files'`
fn flag(flag: &Flag) -> String {
    let doc = label(flag.doc).replace('[', "\\[").replace(']', "\\]");
    let value = flag
        .value
        .map(|(name, kind)| format!(":{name}:{}", action(kind)));
    let tail = quoted(&format!("[{doc}]{}", value.unwrap_or_default()));
    let spellings = flag.spellings();
    let long_value = |spelling: &String| match flag.value {
        Some(_) if spelling.starts_with("--") => format!("{spelling}="),
        _ => spelling.clone(),
    };
    let written: Vec<String> = spellings.iter().map(long_value).collect();
    let head = match (flag.repeats, spellings.len()) {
        (true, _) => "'*'".to_owned(),
        (false, 1) => String::new(),
        (false, _) => quoted(&format!("({})", spellings.join(" "))),
    };
    match written.as_slice() {
        [only] => format!("{head}{only}{tail}"),
        _ => format!("{head}{{{}}}{tail}", written.join(",")),
    }
}

/// `start) _arguments -s -S '--no-wait[…]' '1:TARGET:_dust_targets' ;;`
fn command_case(spec: &Spec) -> String {
    let names: Vec<String> = spec.names().map(|name| name.replace('?', "\\?")).collect();
    let mut specs: Vec<String> = spec.flags.iter().map(flag).collect();
    specs.push("'(- *)'{-h,--help}'[Explain the command]'".to_owned());
    specs.extend(args(spec.args));
    case(&names.join("|"), &specs)
}

fn sub_case(sub: &Subcommand) -> String {
    case(sub.name, &args(sub.args))
}

fn case(names: &str, specs: &[String]) -> String {
    let specs: String = specs
        .iter()
        .map(|spec| format!(" \\\n                    {spec}"))
        .collect();
    format!("            {names})\n                _arguments -s -S{specs}\n                ;;\n")
}

/// `'1:TARGET:_dust_targets'`
fn args(args: &[Arg]) -> Vec<String> {
    let mut specs = Vec::new();
    for (place, number) in places(args).iter().zip(1..) {
        let which = match place.which {
            Which::One => format!("{number}:"),
            Which::Optional => format!("{number}::"),
            Which::Rest => "*:".to_owned(),
        };
        let (names, action) = (&place.names, action(place.kind));
        specs.push(quoted(&format!("{which}{names}:{action}")));
    }
    specs
}

fn action(kind: Kind) -> String {
    match kind {
        Kind::Target | Kind::TargetOrWord => "_dust_targets".to_owned(),
        Kind::TargetOrFile => "_dust_either".to_owned(),
        Kind::File => "_files".to_owned(),
        Kind::Dir => "_files -/".to_owned(),
        Kind::Setting => "_dust_settings".to_owned(),
        Kind::Value => "_dust_values".to_owned(),
        Kind::Topic => "_dust_topics".to_owned(),
        Kind::OneOf(words) => format!("({})", words.join(" ")),
        Kind::Session => "_dust_sessions".to_owned(),
        Kind::Number | Kind::Line | Kind::Free => " ".to_owned(),
    }
}

const TEMPLATE: &str = r#"#compdef dust
# zsh completion for dust. Made from dust's command table: do not edit.

# Offers what dust knows about words of a kind, with what each is.
_dust_ask() {
    local -a lines words texts open open_texts
    local line word text
    integer width=0
    lines=("${(@f)$(command $_dust_program $_dust_options __complete "$@" 2>/dev/null)}")
    lines=(${lines:#})
    (( $#lines )) || return 1
    for line in $lines; do
        word=${line%%$'\t'*}
        (( $#word > width )) && width=$#word
    done
    for line in $lines; do
        word=${line%%$'\t'*}
        text=$word
        [[ $line == *$'\t'* ]] && text="${(r:width:)word}  -- ${line#*$'\t'}"
        if [[ $word == *[=:] ]]; then
            open+=("$word") open_texts+=("$text")
        else
            words+=("$word") texts+=("$text")
        fi
    done
    # Where meanings are shown, one a line; names alone in columns.
    local -a form
    [[ ${(j::)lines} == *$'\t'* ]] && form=(-l)
    compadd $form -S '' -d open_texts -a open
    compadd $form -d texts -a words
}

_dust_targets() {
    _dust_ask target "${(Q)PREFIX}"
}

_dust_sessions() {
    _dust_ask session
}

_dust_either() {
    _dust_targets
    _files
}

_dust_settings() {
    local -a settings=(
@SETTINGS@
    )
    _describe -t settings setting settings
}

_dust_values() {
    case ${words[CURRENT-1]} in
@CHOICES@
    esac
}

_dust_topics() {
    compadd -- @TOPICS@
}

_dust_first() {
    local -a commands=(
@COMMANDS@
@SUBS@
    )
    if [[ $PREFIX == @* ]]; then
        _dust_targets
    else
        _describe -t commands command commands
        _dust_ask command
    fi
}

_dust() {
    local curcontext=$curcontext context state state_descr
    local -a line
    local -A opt_args
    # The program and the cluster file stay those of the line when it is read again after demo.
    (( $+_dust_program )) || local _dust_program=${(Q)words[1]}
    (( $+_dust_options )) || local -a _dust_options

    # The cluster file and the session that the line names, for dust to answer by.
    integer i
    local value
    for (( i = 2; i < CURRENT; i++ )); do
        value=''
        case ${words[i]} in
            -f|--file|-s|--session)
                (( i + 1 < CURRENT )) && value=${(Q)words[i+1]}
                [[ $value == '~/'* ]] && value=$HOME/${value#'~/'}
                [[ -n $value ]] && _dust_options+=(${words[i]} "$value")
                (( i++ ))
                ;;
            --file=*|--session=*)
                _dust_options+=("${(Q)words[i]}")
                ;;
            @VALUED@) (( i++ )) ;;
            -*) ;;
            *) break ;;
        esac
    done

    _arguments -s -S -C -A '-*' \
@FLAGS@
        '(-): :->first' \
        '(-)*:: :->rest' && return

    case $state in
        first) _dust_first ;;
        rest)
            case ${words[1]} in
            demo)
                if (( CURRENT > 2 )) && [[ ${words[2]} == <-> ]]; then
                    shift words
                    (( CURRENT-- ))
                fi
                words[1]=dust
                _dust
                ;;
@CASES@
            [^@]*)
                _arguments -S '*:argument:_dust_either'
                ;;
            esac
            ;;
    esac
}

if [[ $funcstack[1] == _dust ]]; then
    _dust "$@"
else
    compdef _dust dust
fi
"#;
