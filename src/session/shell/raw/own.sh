# Enters: the person's own login shell, in this one. Where it was stopped to leave, it goes on.
_dust_f() {
command stty echo onlcr icrnl -igncr 2>/dev/null
printf %s "@<::$_dust_n:e>@" >&2
if jobs %?_dust_own >/dev/null 2>&1; then
fg %?_dust_own >/dev/null
else case ${SHELL##*/} in
fish) _dust_own= "$SHELL" -l -C "$_dust_w" ;;
*) _dust_own= "$SHELL" -l ;;
esac; fi
_dust_t=$?
command stty -echo -onlcr igncr 2>/dev/null
PS1=$_dust_p PS2= PROMPT_COMMAND=$_dust_q
_dust_s=$_dust_n:$_dust_t
return $_dust_t
}
# fish tells of its prompts, and stops itself on a key that nobody types (Ctrl-Alt-Shift-F12): whatever
# stands on its line is there when it goes on.
_dust_w='function __dust_p --on-event fish_prompt; printf "@<%s::own:p>@" $status; end
function __dust_a --on-event fish_preexec; printf "@<::own:a>@"; end
function __dust_x; kill -STOP $fish_pid; printf "@<::own:p>@"; commandline -f repaint; end
for mode in default insert visual
if string match -qr "^[123][.]" $version; bind -M $mode \e"[24;8~" __dust_x
else; bind -M $mode ctrl-alt-shift-f12 __dust_x; end
end'
