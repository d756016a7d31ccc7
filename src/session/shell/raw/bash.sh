# Enters: the person's own prompts and hooks, history and line editor. Called at the top level, for
# bash leaves its input for good where an eval changes the line editor.
_dust_f() {
_dust_k= _dust_s= _dust_c=0
[ -z "$_dust_p" ] || _dust_o=\"$_dust_p\"
PS1=$_dust_1 PS2="\[@<::$_dust_n:c>@\]$_dust_2" PS0="@<::$_dust_n:a>@$_dust_0"
unset PROMPT_COMMAND
# The mark stands in PS1: readline shows that once it has the terminal. A hook keeps it there. From
# 5.1 on PROMPT_COMMAND may be an array, and what a person assigns to it is element 0.
_dust_w='\[@<$?:$((_dust_c+=1)):$_dust_n:p>@\]'
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)); then
PROMPT_COMMAND=(${_dust_a[@]+"${_dust_a[@]}"})
PROMPT_COMMAND[9999]=_dust_w
else
PROMPT_COMMAND=${_dust_a[0]:+${_dust_a[0]}$_dust_l}_dust_w
fi
[ -z "$_dust_y" ] || shopt -u promptvars
if [ -n "$_dust_g" ]; then
_dust_d
# With a HISTFILE this would read it once more.
set -o history
[ -z "$_dust_h" ] || HISTFILE=$_dust_h
fi
command stty echo onlcr icrnl -igncr 2>/dev/null
if [ -z "$_dust_v" ]; then
_dust_v=emacs
case $(bind -v 2>/dev/null) in *"editing-mode vi"*) _dust_v=vi ;; esac
fi
set -o "$_dust_v"
return $1
}
_dust_w() {
if ! shopt -q promptvars; then
PS1=${PS1//"$_dust_w"/}
_dust_w="\[@<:$((_dust_c += 1)):$_dust_n:p>@\]"
fi
case $PS1 in *"$_dust_w"*) ;; *) PS1=$_dust_w$PS1 ;; esac
}
_dust_m() { eval "printf %s $_dust_o" >&2; }
# Forgets the last line of the history if it is not the person's.
_dust_d() {
local line=$(HISTTIMEFORMAT= builtin history 1) number
case $line in *DUST_INIT* | *_dust_x)
number=${line#"${line%%[0-9]*}"}
builtin history -d "${number%%[^0-9]*}" 2>/dev/null
;; esac
}
# Leaves: keeps what the person has by now, and what enters had taken away goes again.
_dust_x() {
_dust_t=$? _dust_n=$((_dust_n + 1))
printf '@<::%s:l>@' "$((_dust_n - 1))" >&2
! shopt -qo emacs || _dust_v=emacs
! shopt -qo vi || _dust_v=vi
_dust_g=
if shopt -qo history; then
_dust_g=1
_dust_d
[ -z "${HISTFILE-}" ] || builtin history -a
set +o history
_dust_h=${HISTFILE-}
unset HISTFILE
fi
_dust_1=${PS1-} _dust_2=${PS2-} _dust_0=${PS0-}
_dust_1=${_dust_1//"$_dust_w"/}
_dust_2=${_dust_2/"\[@<::$((_dust_n - 1)):c>@\]"/}
_dust_0=${_dust_0/"@<::$((_dust_n - 1)):a>@"/}
_dust_a=()
local hook
for hook in ${PROMPT_COMMAND[@]+"${PROMPT_COMMAND[@]}"}; do
hook=${hook%_dust_w}
[ -z "${hook%$_dust_l}" ] || _dust_a+=("${hook%$_dust_l}")
done
unset PROMPT_COMMAND
shopt -q promptvars && _dust_y= || _dust_y=1
shopt -s promptvars
command stty -echo -onlcr igncr 2>/dev/null
# Where a line editor was on once, bash shows no prompt without one.
_dust_k=b _dust_p= _dust_q=_dust_m
PS1= PS2= PS0= PROMPT_COMMAND=_dust_m
unset -f _dust_f _dust_x _dust_w _dust_d
unset _dust_w
set +o vi
set +o emacs
_dust_s=$_dust_n:$_dust_t
return $_dust_t
}
