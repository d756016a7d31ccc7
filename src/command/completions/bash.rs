//! The script for bash.

use super::super::options::{self, FLAGS};
use super::super::settings::{self, SETTINGS};
use super::super::table::{Arg, Flag, Kind, Spec};
use super::super::topics;
use super::{Which, places, quoted};

pub(super) fn script() -> String {
    let values = FLAGS
        .iter()
        .filter_map(|program| program.flag.value.map(|v| (&program.flag, v.1)));
    let values: String = values.map(|(flag, kind)| option_case(flag, kind)).collect();
    let commands: String = super::own_words().map(command_case).collect();
    let subs: String = options::visible_subs()
        .filter(|sub| sub.id != options::Sub::Demo)
        .map(|sub| format!("        {}) {} ;;\n", sub.name, kinds(sub.args)))
        .collect();
    let settings: String = SETTINGS
        .iter()
        .filter_map(|setting| match setting.kind {
            Kind::OneOf(words) => Some((setting.name, words)),
            _ => None,
        })
        .map(|(name, words)| {
            format!(
                "                {name}) _dust_words {} ;;\n",
                words.join(" ")
            )
        })
        .collect();
    let first = super::own_words().map(|spec| spec.name);
    let first: Vec<_> = first
        .chain(options::visible_subs().map(|sub| sub.name))
        .collect();
    let flags: Vec<_> = FLAGS
        .iter()
        .flat_map(|program| Flag::spellings(&program.flag))
        .collect();
    TEMPLATE
        .replace("@VALUES@", values.trim_end())
        .replace("@COMMANDS@", format!("{commands}{subs}").trim_end())
        .replace(
            "@SETTINGS@",
            &settings::names().collect::<Vec<_>>().join(" "),
        )
        .replace("@CHOICES@", settings.trim_end())
        .replace("@TOPICS@", &topics::names().collect::<Vec<_>>().join(" "))
        .replace("@FIRST@", &first.join(" "))
        .replace("@FLAGS@", &flags.join(" "))
}

/// `-f | --file) want='file' ;;`
fn option_case(flag: &Flag, kind: Kind) -> String {
    let want = quoted(&kind_word(kind));
    format!(
        "            {}) want={want} ;;\n",
        flag.spellings().join(" | ")
    )
}

/// `start) flags='--no-wait --help' kinds=('target') ;;`
fn command_case(spec: &Spec) -> String {
    let names: Vec<String> = spec.names().map(|name| name.replace('?', "'?'")).collect();
    let flags = spec
        .flags
        .iter()
        .filter_map(|flag| flag.long)
        .chain(["help"]);
    let flags: Vec<String> = flags.map(|long| format!("--{long}")).collect();
    format!(
        "        {}) flags={} {} ;;\n",
        names.join(" | "),
        quoted(&flags.join(" ")),
        kinds(spec.args)
    )
}

/// `kinds=('file' 'either') rest=1`: the last kind is that of all further words, too.
fn kinds(args: &[Arg]) -> String {
    let places = places(args);
    let kinds: Vec<String> = places
        .iter()
        .map(|place| quoted(&kind_word(place.kind)))
        .collect();
    let rest = places.iter().any(|place| place.which == Which::Rest);
    let rest = if rest { " rest=1" } else { "" };
    format!("kinds=({}){rest}", kinds.join(" "))
}

/// How the script calls a kind: for one of some words, the words.
fn kind_word(kind: Kind) -> String {
    match kind {
        Kind::Target | Kind::TargetOrWord => "target".to_owned(),
        Kind::TargetOrFile => "either".to_owned(),
        Kind::File => "file".to_owned(),
        Kind::Dir => "dir".to_owned(),
        Kind::Setting => "setting".to_owned(),
        Kind::Value => "value".to_owned(),
        Kind::Topic => "topic".to_owned(),
        Kind::Session => "session".to_owned(),
        Kind::Number | Kind::Line | Kind::Free => "none".to_owned(),
        Kind::OneOf(words) => words.join(" "),
    }
}

const TEMPLATE: &str = r#"# bash completion for dust. Made from dust's command table: do not edit.

# Offers those lines of standard input that begin with the word at the cursor.
_dust_reply() {
    local word cut='' breaks='' sign
    if [[ $raw != [\"\']* ]]; then
        # bash replaces only what stands after the last of these signs; an @ it replaces, too.
        for sign in @ = :; do
            [[ $COMP_WORDBREAKS == *"$sign"* ]] && breaks+=$sign
        done
        [[ -n $breaks ]] && cut=${cur%"${cur##*["$breaks"]}"}
        cut=${cut%@}
    fi
    while IFS= read -r word; do
        # What it is stands behind a tab.
        word=${word%%$'\t'*}
        [[ $word == "$cur"* ]] || continue
        [[ $word == *[=:/] ]] && compopt -o nospace 2>/dev/null
        word=${word#"$cut"}
        if [[ $raw != [\"\']* && $word == *[![:alnum:]_.,%@=:/+-]* ]]; then
            printf -v word %q "$word"
        fi
        COMPREPLY+=("$word")
    done
}

_dust_words() {
    _dust_reply < <(printf '%s\n' "$@")
}

# The files that begin with the word at the cursor, folders with a slash.
_dust_files() {
    local file
    compgen -f -- "$cur" | while IFS= read -r file; do
        [[ -d $file ]] && file+=/
        printf '%s\n' "$file"
    done
}

# Offers words of a kind; the word before is of use for the value of a setting.
_dust_kind() {
    case $1 in
        target) _dust_reply < <("$dust" "${options[@]}" __complete target "$cur" 2>/dev/null) ;;
        first)
            _dust_words @FIRST@
            _dust_reply < <("$dust" "${options[@]}" __complete command 2>/dev/null)
            ;;
        session) _dust_reply < <("$dust" __complete session 2>/dev/null) ;;
        file) compopt -o default 2>/dev/null ;;
        either)
            _dust_kind target
            # Without words from here bash looks for files by itself.
            compopt -o default 2>/dev/null
            (( ${#COMPREPLY[@]} )) && _dust_reply < <(_dust_files)
            ;;
        dir) compopt -o dirnames 2>/dev/null ;;
        setting) _dust_words @SETTINGS@ ;;
        value)
            case $2 in
@CHOICES@
            esac
            ;;
        topic) _dust_words @TOPICS@ ;;
        none) ;;
        *)
            local -a choices
            IFS=' ' read -r -a choices <<<"$1"
            _dust_words "${choices[@]}"
            ;;
    esac
}

_dust() {
    local dust=$1 rest=${COMP_LINE:0:COMP_POINT} word gap want flags='' i n=-1
    local -a words=() options=() kinds=()
    COMPREPLY=()

    # The words up to the cursor. bash breaks them at @, = and :, too: join them again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        word=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && word=$rest
        if ((n < 0)) || [[ -n $gap ]]; then
            words[++n]=$word
        else
            words[n]+=$word
        fi
        rest=${rest#"$word"}
    done
    local raw=${words[n]} cur
    cur=${raw#[\"\']}
    [[ $raw == [\"\']* ]] || cur=${cur//\\/}

    # The options of dust, until its first other word.
    for ((i = 1; i < n; i++)); do
        want=''
        case ${words[i]} in
@VALUES@
            demo)
                [[ ${words[i + 1]} == [0-9]* ]] && ((i + 1 < n)) && ((i++))
                continue
                ;;
            --file=* | --session=*)
                word=${words[i]}
                options+=("${word%%=*}" "${word#*=}")
                continue
                ;;
            -*) continue ;;
            *) break ;;
        esac
        ((i++))
        if ((i == n)); then
            _dust_kind "$want"
            return
        fi
        if [[ $want == file || $want == session ]]; then
            word=${words[i]}
            case $word in
                \'* | \"*) word=${word:1:${#word}-2} ;;
                *) word=${word//\\/} ;;
            esac
            [[ $word == \~/* ]] && word=$HOME/${word:2}
            options+=("${words[i - 1]}" "$word")
        fi
    done

    if ((i >= n)); then
        case $cur in
            @*) _dust_kind target ;;
            --*=*)
                local value=${cur#*=}
                want=''
                case ${cur%%=*} in
@VALUES@
                esac
                if [[ $want == *' '* ]]; then
                    local -a choices
                    IFS=' ' read -r -a choices <<<"$want"
                    _dust_words "${choices[@]/#/${cur%"$value"}}"
                else
                    _dust_kind "${want:-none}"
                fi
                ;;
            -*) _dust_words @FLAGS@ ;;
            *) _dust_kind first ;;
        esac
        return
    fi

    local command=${words[i]} rest='' count=0 before='' ended=''
    case $command in
@COMMANDS@
        # A command that somebody has added: nodes, or files.
        *) kinds=('either') rest=1 ;;
    esac
    for ((i++; i < n; i++)); do
        case $ended${words[i]} in
            --) ended=1 ;;
            -?*) ;;
            *)
                before=${words[i]}
                ((count++))
                ;;
        esac
    done
    if [[ $cur == -* && -z $ended ]]; then
        local -a choices
        IFS=' ' read -r -a choices <<<"$flags"
        _dust_words "${choices[@]}"
        return
    fi
    [[ -n $rest ]] && ((count >= ${#kinds[@]})) && count=$((${#kinds[@]} - 1))
    _dust_kind "${kinds[count]:-none}" "$before"
}

complete -F _dust dust
"#;
