# Enters: the person's own prompts, history and line editor. Editors must not count a mark's columns:
# each has a way of its own to say so.
_dust_f() {
_dust_k= _dust_s= _dust_c=0
_dust_w='@<$?:$((_dust_c=_dust_c+1)):$_dust_n:p>@'
_dust_y="@<::$_dust_n:c>@"
if [ -n "${KSH_VERSION-}" ]; then
# The first byte stands around what takes no columns, if a return follows it.
case $_dust_1 in
?@^*)
_dust_i=${_dust_1%"${_dust_1#?}"}
PS1="$_dust_i@^$_dust_i$_dust_w$_dust_i${_dust_1#??}"
;;
*) PS1="@1@^@1$_dust_w@1$_dust_1" ;;
esac
case $_dust_2 in
?@^*) PS2=$_dust_2 ;;
*) PS2="@1@^@1$_dust_y@1$_dust_2" ;;
esac
_dust_i=0
else
case $(unset PS1; "$SHELL" -c 'echo "$PS1"' 2>/dev/null) in
# busybox with prompts as bash has them
*\\w*) PS1="\[$_dust_w\]$_dust_1" PS2="\[$_dust_y\]$_dust_2" ;;
*) PS1=$_dust_w$_dust_1 PS2=$_dust_y$_dust_2 ;;
esac
fi
_dust_w=$PS1 _dust_y=$PS2
[ -z "$_dust_h" ] || HISTFILE=$_dust_h
[ -n "$_dust_g" ] || set +o ignoreeof
[ -z "$_dust_v" ] || set -o "$_dust_v" 2>/dev/null
command stty echo onlcr icrnl -igncr 2>/dev/null
return $1
}
# Leaves: keeps what the person has by now, and what enters had taken away goes again.
_dust_x() {
_dust_t=$?
if [ -n "${KSH_VERSION-}" ]; then print -rn -- "@<::$_dust_n:l>@"; else printf %s "@<::$_dust_n:l>@"; fi >&2
_dust_n=$((_dust_n + 1))
[ "$PS1" = "$_dust_w" ] || _dust_1=$PS1
[ "$PS2" = "$_dust_y" ] || _dust_2=$PS2
_dust_h=${HISTFILE-} _dust_g=
case $- in *I*) _dust_g=1 ;; esac
for _dust_i in ignoreeof emacs gmacs vi; do
if [ -o $_dust_i ]; then case $_dust_i in ignoreeof) _dust_g=1 ;; *) _dust_v=$_dust_i ;; esac; fi
done 2>/dev/null
_dust_i=0
unset HISTFILE
set -o ignoreeof
set +o emacs 2>/dev/null
set +o vi 2>/dev/null
command stty -echo -onlcr igncr 2>/dev/null
PS1=$_dust_p PS2=
unset -f _dust_f _dust_x
_dust_s=$_dust_n:$_dust_t
return $_dust_t
}
