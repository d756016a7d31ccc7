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

/// The first line typed into the login shell: what raw mode gives back to the person is kept in
/// variables, and goes. No single quote, backslash, `!` or newline: it passes through shells of other
/// families in single quotes.
const INIT: &str = concat!(
    r#"_dust_p=$DUST_MARK _dust_q= _dust_k= _dust_s=0 _dust_i=0 _dust_c= _dust_e=;"#,
    r#"_dust_1=${PS1-} _dust_2=${PS2-} _dust_3=${RPS1-} _dust_0=${PS0-} _dust_h=${HISTFILE-};"#,
    r#"_dust_u= _dust_v= _dust_g= _dust_y=;"#,
    r#"_dust_l="$(echo;echo x)";_dust_l=${_dust_l%x};"#,
    r#"unset HISTFILE;PS0= RPS1= PS2=;"#,
    r#"_dust_r(){ return $1;};"#,
    r#"if [ -n "${ZSH_VERSION-}" ];then eval "$DUST_ZSH";"#,
    r#"elif [ -n "${BASH_VERSION-}" ];then eval "$DUST_BASH";"#,
    r#"else eval "$DUST_POSIX";fi;"#,
    r#"unset DUST_INIT DUST_MARK DUST_BASH DUST_ZSH DUST_POSIX DUST_QUOTED;"#,
    r#"stty -echo -onlcr igncr;PS1=$_dust_p PROMPT_COMMAND=$_dust_q"#,
);

/// The part of [`INIT`] for bash.
const BASH: &str = concat!(
    r#"_dust_k=b;shopt -qo history&&_dust_g=1;set +o history;"#,
    r#"shopt -q promptvars||_dust_y=1;shopt -s promptvars;"#,
    r#"_dust_a=(${PROMPT_COMMAND[@]+"${PROMPT_COMMAND[@]}"});unset PROMPT_COMMAND;"#,
    // Where a start-up file has chosen a line editor, bash prints no prompt once it is off again.
    r#"if shopt -qo emacs||shopt -qo vi;then _dust_v=emacs;shopt -qo vi&&_dust_v=vi;_dust_u=$_dust_v;"#,
    r#"_dust_o=$DUST_QUOTED _dust_p= _dust_q=_dust_m;_dust_m(){ eval "printf %s $_dust_o" >&2;};fi"#,
);

/// The part of [`INIT`] for zsh.
const ZSH: &str = concat!(
    r#"_dust_k=z _dust_z=;"#,
    r#"for _dust_i in promptsubst zle promptsp promptcr histignorespace interactivecomments;do "#,
    r#"[[ -o $_dust_i ]]&&_dust_z+=" $_dust_i"||_dust_z+=" no$_dust_i";done;_dust_i=0;"#,
    r#"_dust_a=(${precmd_functions[@]-}) _dust_b=(${preexec_functions[@]-});"#,
    r#"setopt promptsubst nozle nopromptsp nopromptcr histignorespace interactivecomments;"#,
    r#"unset precmd_functions preexec_functions;disable -f precmd preexec 2>/dev/null"#,
);

/// The part of [`INIT`] for the others.
const POSIX: &str = concat!(
    r#"case $- in *I*)_dust_g=1;;esac;"#,
    r#"if [ -n "${KSH_VERSION-}" ];then for _dust_i in ignoreeof emacs gmacs vi;do "#,
    r#"if [ -o $_dust_i ];then case $_dust_i in ignoreeof)_dust_g=1;;*)_dust_v=$_dust_i;;esac;fi;"#,
    r#"done;_dust_i=0;fi;"#,
    // busybox ash takes a signal at its prompt for the end of its input, but for this option.
    r#"set -o ignoreeof;set +o emacs 2>/dev/null;set +o vi 2>/dev/null"#,
);

/// The line that makes the shell evaluate [`INIT`]. Nothing may follow it before a mark came: zsh's
/// line editor, which starts on, has the terminal turn newlines into returns while it reads, and
/// what comes in that instant would be read as `^M` once the editor is off. bash's own editor goes off
/// outside of the `eval`, or it could never be on again; for all others the option is off already.
pub(super) const INIT_LINE: &[u8] = b" eval \"$DUST_INIT\";set +o \"${_dust_u:-noexec}\"\n";

/// What to ask of the node's sshd (an "exec" request, RFC 4254 §6.5): sets `vars`, then becomes the
/// login shell. Names of variables must be identifiers; characters that a single-quoted word of
/// some shell family cannot hold are dropped from the values.
pub fn bootstrap(nonce: &Nonce, vars: &[(&str, String)]) -> String {
    let mut script = String::from(
        "DUST_INIT=$1 DUST_MARK=$2 DUST_BASH=$3 DUST_ZSH=$4 DUST_POSIX=$5 DUST_QUOTED=$8$2$8;\
         export DUST_INIT DUST_MARK DUST_BASH DUST_ZSH DUST_POSIX DUST_QUOTED;",
    );
    for (name, value) in vars {
        let plain: String = value
            .chars()
            .filter(|c| c.is_ascii_graphic() && !"'\"\\!$`".contains(*c))
            .collect();
        let _ = write!(script, "{name}=\"{plain}\";export {name};");
    }
    script.push_str(concat!(
        r#"stty -echo -onlcr igncr;n=${SHELL##*/};case $n in "#,
        r#"bash|zsh|dash|ash|mksh|ksh|ksh93|sh)o=;;*)o=$n;;esac;"#,
        // This process becomes the shell: $$ is its id.
        r#"echo "$6$$:${SSH_TTY-}:$o:t$7";case $n in "#,
        r#"bash)exec "$SHELL" --noediting -l;;"#,
        r#"zsh|dash|ash|mksh|ksh|ksh93|sh)exec "$SHELL" -l;;esac;"#,
        r#"if command -v bash >/dev/null 2>&1;then exec bash --noediting -l;fi;exec sh -l"#,
    ));
    let Nonce(word) = nonce;
    let rs = '\u{1e}';
    let mark = format!("{rs}{word}:$?:$_dust_s:$_dust_k{rs}");
    format!(
        "exec sh -c '{script}' sh '{INIT}' '{mark}' '{BASH}' '{ZSH}' '{POSIX}' '{rs}{word}:' '{rs}' '\"'"
    )
}
