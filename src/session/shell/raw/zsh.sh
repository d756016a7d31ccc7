# Enters: the person's own prompts and hooks, options and history.
_dust_f() {
_dust_k= _dust_s= _dust_c=0 _dust_w=
PS1=$_dust_1 RPS1=$_dust_3 PS2="%{@<::${_dust_n}:c>@%}$_dust_2"
precmd_functions=(${_dust_a[@]} _dust_w)
preexec_functions=(${_dust_b[@]} _dust_y)
zshaddhistory_functions+=(_dust_d)
enable -f precmd preexec 2>/dev/null
# A history of the person's own lines, apart from what line mode has typed.
if [[ -n $_dust_h ]]; then
fc -p "$_dust_h" $HISTSIZE $SAVEHIST
elif [[ -z $_dust_g ]]; then
_dust_g=$HISTSIZE
fc -p
HISTSIZE=$_dust_g
fi
command stty echo onlcr icrnl -igncr 2>/dev/null
setopt ${=_dust_z}
return $1
}
# The mark stands in PS1: the line editor shows that once it has the terminal.
_dust_w() {
PS1=${PS1/"$_dust_w"}
_dust_w="%{@<%?:$((++_dust_c)):${_dust_n}:p>@%}"
PS1=$_dust_w$PS1
}
_dust_y() {
print -rn -- "@<::${_dust_n}:a>@" >&2
# A start-up file that was read again has taken the other hook away.
precmd_functions=(${precmd_functions[@]:#_dust_w} _dust_w)
}
_dust_d() { [[ $1 != " _dust_x"* ]] }
# Leaves: keeps what the person has by now, and what enters had taken away goes again.
_dust_x() {
_dust_t=$? _dust_k=z
print -rn -- "@<::${_dust_n}:l>@" >&2
_dust_1=${PS1/"$_dust_w"} _dust_3=$RPS1 _dust_2=${PS2#"%{@<::${_dust_n}:c>@%}"}
_dust_n=$((_dust_n + 1))
_dust_a=(${precmd_functions[@]:#_dust_w})
_dust_b=(${preexec_functions[@]:#_dust_y})
zshaddhistory_functions=(${zshaddhistory_functions[@]:#_dust_d})
unset precmd_functions preexec_functions
disable -f precmd preexec 2>/dev/null
if [[ -n $_dust_h ]]; then
_dust_h=$HISTFILE
fc -P
unset HISTFILE
fi
_dust_z=
for _dust_i in promptsubst zle promptsp promptcr histignorespace interactivecomments; do
[[ -o $_dust_i ]] && _dust_z+=" $_dust_i" || _dust_z+=" no$_dust_i"
done
_dust_i=0
command stty -echo -onlcr igncr 2>/dev/null
setopt promptsubst nozle nopromptsp nopromptcr histignorespace interactivecomments
PS1=$_dust_p PS2= RPS1=
unset -f _dust_f _dust_x _dust_w _dust_y _dust_d
_dust_s=$_dust_n:$_dust_t
return $_dust_t
}
