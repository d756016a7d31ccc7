# fish completion for dust. Made from dust's command table: do not edit.

# The words after the options of dust, one a line.
function __dust_line
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case -f --file -s --session -c -t --timeout -u --command-timeout --fanout --color
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
    and not contains -- $words[1] cd commands diff disconnect ec2sec exit quit get help \? history keys load log plan put reconnect record refresh reload sessions set show ssh-config start stop tag terminate untag use demo attach ls detach kill ssh proxy completions
end

complete -c dust -f
complete -c dust -n '__dust_first' -s f -l file -r -F -d 'The cluster file to load. Without it, default.cnf in this folder, if there is one'
complete -c dust -n '__dust_first' -s s -l session -x -a '(__dust_sessions)' -d 'The session to open, join or borrow from; else DUST_SESSION, the cluster\'s name, or main'
complete -c dust -n '__dust_first' -l no-session -d 'Run the prompt in this process, or lines over connections of their own'
complete -c dust -n '__dust_first' -s c -x -d 'Run this prompt line and exit. Several are run one after another'
complete -c dust -n '__dust_first' -s y -l yes -d 'Do not ask before nodes are stopped or destroyed'
complete -c dust -n '__dust_first' -l json -d 'Print one JSON object a line'
complete -c dust -n '__dust_first' -s t -l timeout -x -d 'Give up on a connection after this many seconds (30)'
complete -c dust -n '__dust_first' -s u -l command-timeout -x -d 'Give up on a command after this many seconds (0: never)'
complete -c dust -n '__dust_first' -l fanout -x -d 'Set up at most this many connections at a time (64)'
complete -c dust -n '__dust_first' -l fold -d 'Show identical output of several nodes once'
complete -c dust -n '__dust_first' -l no-fold -d 'Show each line as it comes. This is the default'
complete -c dust -n '__dust_first' -l color -x -a 'auto always never' -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never'
complete -c dust -n '__dust_first' -s v -l verbose -d 'Say more about what dust does'
complete -c dust -n '__dust_first' -s h -l help -d 'Print a summary of all this, and exit'
complete -c dust -n '__dust_first' -s V -l version -d 'Print the version, and exit'
complete -c dust -n '__dust_first' -a cd -d 'change dust\'s own folder'
complete -c dust -n '__dust_first' -a commands -d 'list drop-in commands, or install dust\'s own'
complete -c dust -n '__dust_first' -a diff -d 'show how the outputs of the last command differ'
complete -c dust -n '__dust_first' -a disconnect -d 'close the connections to nodes'
complete -c dust -n '__dust_first' -a ec2sec -d 'show or change what security groups let in'
complete -c dust -n '__dust_first' -a exit -d 'end the session and its connections'
complete -c dust -n '__dust_first' -a get -d 'copy files of nodes to this machine'
complete -c dust -n '__dust_first' -a help -d 'list the commands, or explain one'
complete -c dust -n '__dust_first' -a history -d 'list the lines typed before, or the last N of them'
complete -c dust -n '__dust_first' -a keys -d 'list the EC2 key pairs of the loaded clusters\' regions'
complete -c dust -n '__dust_first' -a load -d 'load a cluster file'
complete -c dust -n '__dust_first' -a log -d 'log what each node prints, one file a node'
complete -c dust -n '__dust_first' -a plan -d 'say what start would do, and change nothing'
complete -c dust -n '__dust_first' -a put -d 'copy files of this machine to nodes'
complete -c dust -n '__dust_first' -a reconnect -d 'connect to nodes anew'
complete -c dust -n '__dust_first' -a record -d 'record raw shells that are entered from now on'
complete -c dust -n '__dust_first' -a refresh -d 'ask the provider for the nodes\' states again'
complete -c dust -n '__dust_first' -a reload -d 'read cluster files that have changed, and drop-ins'
complete -c dust -n '__dust_first' -a sessions -d 'list the raw shells that were entered with @NODE'
complete -c dust -n '__dust_first' -a set -d 'show the settings, or change one'
complete -c dust -n '__dust_first' -a show -d 'list nodes: index, name, type, state, id, addresses'
complete -c dust -n '__dust_first' -a ssh-config -d 'print what lets ssh, scp and rsync use dust\'s connections'
complete -c dust -n '__dust_first' -a start -d 'launch what is absent, start what is stopped'
complete -c dust -n '__dust_first' -a stop -d 'stop nodes; start brings them back'
complete -c dust -n '__dust_first' -a tag -d 'set tags of instances'
complete -c dust -n '__dust_first' -a terminate -d 'destroy nodes, with their disks'
complete -c dust -n '__dust_first' -a untag -d 'remove tags of instances'
complete -c dust -n '__dust_first' -a use -d 'choose the working set'
complete -c dust -n '__dust_first; and not __dust_demo' -a demo -d 'a cluster of N (3) nodes on this machine, and the prompt on it'
complete -c dust -n '__dust_first' -a attach -d 'show the prompt of a running session here'
complete -c dust -n '__dust_arg 0 attach' -a '(__dust_sessions)'
complete -c dust -n '__dust_first' -a ls -d 'list the running sessions'
complete -c dust -n '__dust_first' -a detach -d 'take a session off its terminals; it goes on'
complete -c dust -n '__dust_arg 0 detach' -a '(__dust_sessions)'
complete -c dust -n '__dust_first' -a kill -d 'end a session, with its connections and what runs over them'
complete -c dust -n '__dust_arg 0 kill' -a '(__dust_sessions)'
complete -c dust -n '__dust_first' -a ssh -d 'a shell, or a command, on a node over a session\'s connection'
complete -c dust -n '__dust_arg 0 ssh' -a '(__dust_targets)'
complete -c dust -n '__dust_first' -a proxy -d 'bytes to and from HOST:PORT, as the node sees it'
complete -c dust -n '__dust_arg 0 proxy' -a '(__dust_targets)'
complete -c dust -n '__dust_first' -a completions -d 'print the completion script for bash, zsh or fish'
complete -c dust -n '__dust_arg 0 completions' -a 'bash zsh fish'
complete -c dust -n __dust_first -a '(__dust_at)'
complete -c dust -n __dust_first -a '(__dust_ask command)'
complete -c dust -n __dust_added -F -a '(__dust_targets)'
complete -c dust -n '__dust_in cd' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 cd' -a '(__fish_complete_directories)'
complete -c dust -n '__dust_in commands' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 commands' -a 'install'
complete -c dust -n '__dust_in diff' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_in disconnect' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 disconnect' -a '(__dust_targets)'
complete -c dust -n '__dust_in ec2sec' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 ec2sec' -a 'show add remove'
complete -c dust -n '__dust_arg 1 ec2sec' -a '(__dust_targets)'
complete -c dust -n '__dust_arg 2 ec2sec' -a 'tcp udp icmp all'
complete -c dust -n '__dust_in exit quit' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_in get' -s r -l recursive -d 'Copy folders, too, with all that is in them'
complete -c dust -n '__dust_in get' -s p -l preserve -d 'Keep modes and times'
complete -c dust -n '__dust_in get' -l resume -d 'Go on with what an earlier run left unfinished, and keep what this one leaves'
complete -c dust -n '__dust_in get' -l check -d 'Compare SHA-256 of each copy with the file, and force the copy to disk'
complete -c dust -n '__dust_in get' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 get' -a '(__dust_targets)'
complete -c dust -n '__dust_arg 2- get' -a '(__fish_complete_directories)'
complete -c dust -n '__dust_in help \\?' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 help \\?' -a 'cd commands detach diff disconnect ec2sec exit quit get help history keys load log plan put reconnect record refresh reload sessions set show ssh-config start stop tag terminate untag use targets target filters filter keyboard raw demo attach ls kill ssh proxy completions'
complete -c dust -n '__dust_in history' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_in keys' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_in load' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 load' -F
complete -c dust -n '__dust_in log' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 log' -a '(__fish_complete_directories)'
complete -c dust -n '__dust_in plan' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 plan' -a '(__dust_targets)'
complete -c dust -n '__dust_in put' -s r -l recursive -d 'Copy folders, too, with all that is in them'
complete -c dust -n '__dust_in put' -s p -l preserve -d 'Keep modes and times'
complete -c dust -n '__dust_in put' -l resume -d 'Go on with what an earlier run left unfinished, and keep what this one leaves'
complete -c dust -n '__dust_in put' -l check -d 'Compare SHA-256 of each copy with the file, and force the copy to disk'
complete -c dust -n '__dust_in put' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 put' -F
complete -c dust -n '__dust_arg 1- put' -F -a '(__dust_targets)'
complete -c dust -n '__dust_in reconnect' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 reconnect' -a '(__dust_targets)'
complete -c dust -n '__dust_in record' -s i -l input -d 'Record the keys, too: all of them, passwords as well'
complete -c dust -n '__dust_in record' -s y -l yes -d 'Write FILE anew if it is there'
complete -c dust -n '__dust_in record' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 record' -F
complete -c dust -n '__dust_in refresh' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_in reload' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_in sessions' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_in set' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 set' -a boot -d 'How long start waits until a machine answers ssh'
complete -c dust -n '__dust_arg 0 set' -a color -d 'When to use colours; auto: on a terminal, unless NO_COLOR is set'
complete -c dust -n '__dust_arg 0 set' -a command-timeout -d 'How long a command may take before dust gives up waiting for it'
complete -c dust -n '__dust_arg 0 set' -a detach -d 'Whether the first two presses of detach-key wait for a third, go on, or all are keys'
complete -c dust -n '__dust_arg 0 set' -a detach-key -d 'The key that leaves a raw shell when it is pressed three times'
complete -c dust -n '__dust_arg 0 set' -a detach-tilde -d 'Leave a raw shell by ~. behind Enter, too, as ssh ends; ~~ types one ~'
complete -c dust -n '__dust_arg 0 set' -a detach-window -d 'How soon each press of the key that leaves a raw shell must follow the one before'
complete -c dust -n '__dust_arg 0 set' -a fanout -d 'How many connections are set up at a time'
complete -c dust -n '__dust_arg 0 set' -a fold -d 'Show identical output of several nodes once, under their folded names'
complete -c dust -n '__dust_arg 0 set' -a log -d 'Where what each node prints is logged, one file a node: see log'
complete -c dust -n '__dust_arg 0 set' -a log-keep -d 'How many older files of a node log keeps (NODE.log.1 is the newest of them)'
complete -c dust -n '__dust_arg 0 set' -a log-size -d 'How large a file of log may become before the next one is begun'
complete -c dust -n '__dust_arg 0 set' -a prompt -d 'What the prompt says; a blank follows it'
complete -c dust -n '__dust_arg 0 set' -a quiet -d 'How long a node is quiet before its unfinished line, say a question, is shown'
complete -c dust -n '__dust_arg 0 set' -a scrollback -d 'How many rows that scroll off a raw shell in the background are kept until it is entered'
complete -c dust -n '__dust_arg 0 set' -a timeout -d 'How long a connection may take to come up'
complete -c dust -n '__dust_arg 1 set; and __dust_last color' -a 'auto always never'
complete -c dust -n '__dust_arg 1 set; and __dust_last detach' -a 'hold forward off'
complete -c dust -n '__dust_arg 1 set; and __dust_last detach-tilde' -a 'on off'
complete -c dust -n '__dust_arg 1 set; and __dust_last fold' -a 'on off'
complete -c dust -n '__dust_in show' -s v -l verbose -d 'Show more of each node; twice: every attribute, as targets can select by'
complete -c dust -n '__dust_in show' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 show' -a '(__dust_targets)'
complete -c dust -n '__dust_in ssh-config' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 ssh-config' -a '(__dust_targets)'
complete -c dust -n '__dust_in start' -l no-wait -d 'Do not wait until the nodes answer ssh'
complete -c dust -n '__dust_in start' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 start' -a '(__dust_targets)'
complete -c dust -n '__dust_in stop' -s y -l yes -d 'Do not ask'
complete -c dust -n '__dust_in stop' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 stop' -a '(__dust_targets)'
complete -c dust -n '__dust_in tag' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 tag' -a '(__dust_targets)'
complete -c dust -n '__dust_in terminate' -s y -l yes -d 'Do not ask'
complete -c dust -n '__dust_in terminate' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 terminate' -a '(__dust_targets)'
complete -c dust -n '__dust_in untag' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 untag' -a '(__dust_targets)'
complete -c dust -n '__dust_in use' -s h -l help -d 'Explain the command'
complete -c dust -n '__dust_arg 0 use' -a '(__dust_targets)'
