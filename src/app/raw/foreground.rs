//! What runs in the foreground of a raw shell's terminal: asked on the node, by another channel.

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Foreground {
    /// The shell itself, and its line editor reads from the terminal.
    pub(super) at_prompt: bool,
    /// The command line of what runs; `None`: the shell itself.
    pub(super) runs: Option<String>,
}

/// So much of a command line is shown, in characters.
const SHOWN: usize = 60;

/// The `sh` script that finds out, for a shell's terminal and process id. Linux says it in `/proc`;
/// elsewhere `ps` does. No single quote, newline or `!` in it: it passes through login shells.
pub(super) fn script(tty: &str, pid: u32) -> String {
    format!(
        "p={pid} t={tty};\
         if [ -r /proc/$p/stat ];then read -r s </proc/$p/stat;set -- ${{s##*) }};o=$3 g=$6;\
         else set -- $(ps -o pgid= -o tpgid= -p $p);o=$1 g=$2;fi;\
         case $(stty -a <$t) in *-icanon*)e=edits;;*)e=line;;esac;c=;\
         if [ -r /proc/$g/cmdline ];then c=$(tr \"\\000\" \" \" </proc/$g/cmdline);\
         else c=$(ps -o args= -p $g);fi;\
         echo \"$o $g $e $c\""
    )
}

/// Reads the answer; `None`: the node did not say.
pub(super) fn read(answer: &[u8]) -> Option<Foreground> {
    let text = crate::output::clean(answer.trim_ascii());
    let mut fields = text.splitn(4, ' ');
    let (shell, front) = (number(fields.next()?)?, number(fields.next()?)?);
    let edits = fields.next()?.trim() == "edits";
    if shell == front {
        return Some(Foreground {
            at_prompt: edits,
            runs: None,
        });
    }
    let line = fields.next().unwrap_or_default().trim();
    let mut runs: String = line.chars().take(SHOWN).collect();
    if runs.is_empty() {
        runs = format!("process {front}");
    }
    Some(Foreground {
        at_prompt: false,
        runs: Some(runs),
    })
}

fn number(word: &str) -> Option<u32> {
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn answers_are_read() {
        for (text, at_prompt, runs) in [
            ("12 12 edits -bash \n", true, None),
            ("12 12 line -bash\n", false, None),
            ("12 30 edits vim notes.txt \n", false, Some("vim notes.txt")),
            ("12 30 line \n", false, Some("process 30")),
            ("12 30 line sleep\x1b[2J 5\n", false, Some("sleep 5")),
        ] {
            let found = read(text.as_bytes()).unwrap();
            assert_eq!(found.at_prompt, at_prompt, "{text:?}");
            let said = found.runs.map(|runs| runs.replace('␛', ""));
            if let Some(runs) = runs {
                assert!(said.unwrap().starts_with(runs.split(' ').next().unwrap()));
            } else {
                assert_eq!(said, None, "{text:?}");
            }
        }
        for text in ["", "x", "12", "12 x edits", "-1 3 line y"] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
        let long = read(format!("1 2 line {}", "x".repeat(500)).as_bytes()).unwrap();
        assert_eq!(long.runs.unwrap().len(), SHOWN);
    }

    #[test]
    fn the_script_is_one_that_sh_runs() {
        let script = script("/dev/null", std::process::id());
        assert!(!script.contains('\'') && !script.contains('\n') && !script.contains('!'));
        let out = Command::new("sh").arg("-c").arg(script).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.split(' ').count() >= 3, "{text:?}");
    }
}
