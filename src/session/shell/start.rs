//! How a shell is started, before anything of its own can be known.

use std::fmt::Write as _;

/// A random word that marks carry, so that no output is taken for one: `[0-9a-z]{12}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A nonce from random bytes.
    pub fn new(random: [u8; 12]) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijkmnpqrstuvwx";
        Self(
            random
                .iter()
                .map(|byte| char::from(DIGITS[usize::from(byte & 31)]))
                .collect(),
        )
    }

    pub(in crate::session) fn word(&self) -> &str {
        &self.0
    }
}

/// The first line typed into the login shell. No single quote, backslash, `!` or newline: it
/// passes through shells of other families in single quotes.
const INIT: &str = concat!(
    r#"_dust_p=$DUST_MARK _dust_q= _dust_k= _dust_s=0 _dust_i=0 _dust_c= _dust_e=;"#,
    r#"unset DUST_INIT DUST_MARK;"#,
    r#"_dust_l="$(echo;echo x)";_dust_l=${_dust_l%x};"#,
    r#"HISTFILE= PROMPT_COMMAND= PS0= RPS1= PS2=;"#,
    r#"_dust_r(){ return $1;};"#,
    r#"if [ -n "${ZSH_VERSION-}" ];then "#,
    r#"setopt promptsubst nozle nopromptsp nopromptcr histignorespace interactivecomments;"#,
    r#"unset precmd_functions preexec_functions;unset -f precmd preexec 2>/dev/null;"#,
    r#"elif [ -n "${BASH_VERSION-}" ];then _dust_k=b;set +o history;shopt -s promptvars;"#,
    // Where a start-up file has chosen a line editor, bash prints no prompt once it is off again.
    r#"if shopt -qo emacs||shopt -qo vi;then set +o emacs;set +o vi;"#,
    r#"_dust_o=$_dust_p _dust_p= _dust_q=_dust_m;_dust_m(){ eval printf %s "$_dust_o" >&2;};fi;"#,
    // busybox ash takes a signal at its prompt for the end of its input, but for this option.
    r#"else set -o ignoreeof;set +o emacs 2>/dev/null;set +o vi 2>/dev/null;fi;"#,
    r#"stty -echo -onlcr igncr;PS1=$_dust_p PROMPT_COMMAND=$_dust_q"#,
);

/// The line that makes the shell evaluate [`INIT`]. Nothing may follow it before a mark came: zsh's
/// line editor, which starts on, has the terminal turn newlines into returns while it reads, and
/// what comes in that instant would be read as `^M` once the editor is off.
pub(super) const INIT_LINE: &[u8] = b" eval \"$DUST_INIT\"\n";

/// What to ask of the node's sshd (an "exec" request, RFC 4254 §6.5): sets `vars`, then becomes the
/// login shell. Names of variables must be identifiers; characters that a single-quoted word of
/// some shell family cannot hold are dropped from the values.
pub fn bootstrap(nonce: &Nonce, vars: &[(&str, String)]) -> String {
    let mut script = String::from("DUST_INIT=$1 DUST_MARK=$2;export DUST_INIT DUST_MARK;");
    for (name, value) in vars {
        let plain: String = value
            .chars()
            .filter(|c| c.is_ascii_graphic() && !"'\"\\!$`".contains(*c))
            .collect();
        let _ = write!(script, "{name}=\"{plain}\";export {name};");
    }
    script.push_str(concat!(
        r#"stty -echo -onlcr igncr;case "${SHELL##*/}" in "#,
        r#"bash)exec "$SHELL" --noediting -l;;"#,
        r#"zsh|dash|ash|mksh|ksh|ksh93|sh)exec "$SHELL" -l;;esac;"#,
        r#"if command -v bash >/dev/null 2>&1;then exec bash --noediting -l;fi;exec sh -l"#,
    ));
    let Nonce(word) = nonce;
    let mark = format!("\u{1e}{word}:$?:$_dust_s:$_dust_k\u{1e}");
    format!("exec sh -c '{script}' sh '{INIT}' '{mark}'")
}
