# bash completion for dust. Made from dust's command table: do not edit.

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
            _dust_words cd commands diff disconnect ec2sec exit get help history keys load log plan put reconnect record refresh reload sessions set show ssh-config start stop tag terminate untag use demo attach ls detach kill ssh proxy completions
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
        setting) _dust_words boot color command-timeout detach detach-key detach-tilde detach-window fanout fold log log-keep log-size prompt quiet scrollback timeout ;;
        value)
            case $2 in
                color) _dust_words auto always never ;;
                detach) _dust_words hold forward off ;;
                detach-tilde) _dust_words on off ;;
                fold) _dust_words on off ;;
            esac
            ;;
        topic) _dust_words cd commands detach diff disconnect ec2sec exit quit get help history keys load log plan put reconnect record refresh reload sessions set show ssh-config start stop tag terminate untag use targets target filters filter keyboard raw demo attach ls kill ssh proxy completions ;;
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
            -f | --file) want='file' ;;
            -s | --session) want='session' ;;
            -c) want='none' ;;
            -t | --timeout) want='none' ;;
            -u | --command-timeout) want='none' ;;
            --fanout) want='none' ;;
            --color) want='auto always never' ;;
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
            -f | --file) want='file' ;;
            -s | --session) want='session' ;;
            -c) want='none' ;;
            -t | --timeout) want='none' ;;
            -u | --command-timeout) want='none' ;;
            --fanout) want='none' ;;
            --color) want='auto always never' ;;
                esac
                if [[ $want == *' '* ]]; then
                    local -a choices
                    IFS=' ' read -r -a choices <<<"$want"
                    _dust_words "${choices[@]/#/${cur%"$value"}}"
                else
                    _dust_kind "${want:-none}"
                fi
                ;;
            -*) _dust_words -f --file -s --session --no-session -c -y --yes --json -t --timeout -u --command-timeout --fanout --fold --no-fold --color -v --verbose -h --help -V --version ;;
            *) _dust_kind first ;;
        esac
        return
    fi

    local command=${words[i]} rest='' count=0 before='' ended=''
    case $command in
        cd) flags='--help' kinds=('dir') ;;
        commands) flags='--help' kinds=('install' 'none') ;;
        diff) flags='--help' kinds=() ;;
        disconnect) flags='--help' kinds=('target') ;;
        ec2sec) flags='--help' kinds=('show add remove' 'target' 'tcp udp icmp all' 'none' 'none') ;;
        exit | quit) flags='--help' kinds=() ;;
        get) flags='--recursive --preserve --resume --check --help' kinds=('target' 'none' 'dir') rest=1 ;;
        help | '?') flags='--help' kinds=('topic') ;;
        history) flags='--help' kinds=('none') ;;
        keys) flags='--help' kinds=() ;;
        load) flags='--help' kinds=('file') ;;
        log) flags='--help' kinds=('dir') ;;
        plan) flags='--help' kinds=('target') ;;
        put) flags='--recursive --preserve --resume --check --help' kinds=('file' 'either') rest=1 ;;
        reconnect) flags='--help' kinds=('target') ;;
        record) flags='--input --yes --help' kinds=('file') ;;
        refresh) flags='--help' kinds=() ;;
        reload) flags='--help' kinds=() ;;
        sessions) flags='--help' kinds=() ;;
        set) flags='--help' kinds=('setting' 'value') ;;
        show) flags='--verbose --help' kinds=('target') ;;
        ssh-config) flags='--help' kinds=('target') ;;
        start) flags='--no-wait --help' kinds=('target') ;;
        stop) flags='--yes --help' kinds=('target') ;;
        tag) flags='--help' kinds=('target' 'none') rest=1 ;;
        terminate) flags='--yes --help' kinds=('target') ;;
        untag) flags='--help' kinds=('target' 'none') rest=1 ;;
        use) flags='--help' kinds=('target') ;;
        attach) kinds=('session') ;;
        ls) kinds=() ;;
        detach) kinds=('session') ;;
        kill) kinds=('session') ;;
        ssh) kinds=('target' 'none') ;;
        proxy) kinds=('target' 'none') ;;
        completions) kinds=('bash zsh fish') ;;
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
