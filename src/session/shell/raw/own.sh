# Enters: the person's own login shell, in this one. Where it was stopped to leave, it goes on.
_dust_f() {
command stty echo onlcr icrnl -igncr 2>/dev/null
printf %s "@<::$_dust_n:e>@" >&2
if [ -z "$_dust_j" ] || ! fg %?_dust_own >/dev/null 2>&1; then
case ${SHELL##*/} in
fish) _dust_own= "$SHELL" -l -C "$_dust_w" ;;
*) _dust_own= "$SHELL" -l ;;
esac
fi
_dust_t=$?
jobs %?_dust_own >/dev/null 2>&1 && _dust_j=1 || _dust_j=
command stty -echo -onlcr igncr 2>/dev/null
PS1=$_dust_p PS2= PROMPT_COMMAND=$_dust_q
_dust_s=$_dust_n:$_dust_t
return $_dust_t
}
_dust_w='function __dust_p --on-event fish_prompt; printf "@<%s::own:p>@" $status; end
function __dust_a --on-event fish_preexec; printf "@<::own:a>@"; end'
