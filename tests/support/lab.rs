//! Nodes behind one sshd, and their raw shells as a person enters and leaves them.

use super::env::{DUST, Env};
use super::pty::{Pty, Terminal, row_with_cursor};
use super::run::Outcome;
use super::shell::Shell;
use super::sshd::Sshd;

/// Ctrl-C three times, as one read of a terminal may bring it.
pub(crate) const DETACH: &str = "\x03\x03\x03";

/// That of [`Env::prompt`].
pub(crate) const TERMINAL: Terminal = Terminal {
    rows: 30,
    cols: 100,
};

/// Nodes behind one sshd, whose shells have a plain prompt.
pub(crate) struct Lab {
    pub(crate) sshd: Sshd,
    pub(crate) env: Env,
    pub(crate) file: String,
}

impl Lab {
    pub(crate) fn new(names: &[&str]) -> Self {
        let (sshd, env) = (Sshd::start(), Env::new());
        let rc = "PS1='<\\W> '\n";
        std::fs::write(sshd.home(Shell::Bash).join(".bash_profile"), rc).unwrap();
        let nodes: Vec<_> = names
            .iter()
            .map(|name| sshd.node(name, Shell::Bash))
            .collect();
        let file = env.cluster(&nodes);
        Self { sshd, env, file }
    }

    pub(crate) fn prompt(&self) -> Pty {
        let mut pty = self.env.prompt(&self.file);
        pty.wait_prompt();
        pty
    }

    /// Lines of a batch.
    pub(crate) fn run(&self, lines: &[&str]) -> Outcome {
        let mut args = vec!["-f", &self.file];
        for line in lines {
            args.extend(["-c", line]);
        }
        self.env.dust(&args).run()
    }

    /// Another terminal on the same session.
    pub(crate) fn another(&self) -> Pty {
        let mut command = self.env.command(DUST);
        command.args(["attach"]);
        Pty::spawn(command, TERMINAL)
    }
}

/// Waits until the shell in front shows this prompt, with nothing typed.
#[track_caller]
pub(crate) fn wait_shell(pty: &mut Pty, prompt: &str) {
    pty.wait_for(&format!("the shell's prompt {prompt:?}"), |screen| {
        row_with_cursor(screen).trim_end() == prompt
    });
}

/// Into a node's shell.
#[track_caller]
pub(crate) fn enter(pty: &mut Pty, line: &str, prompt: &str) {
    pty.wait_prompt();
    pty.send(format!("{line}\r"));
    wait_shell(pty, prompt);
}

/// Out of it, to dust's prompt.
#[track_caller]
pub(crate) fn leave(pty: &mut Pty, node: &str) {
    pty.send(DETACH);
    pty.wait_row(&format!("[detached {node}; @{node} returns]"));
    pty.wait_prompt();
}
