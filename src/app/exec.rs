//! dust's own commands.

use super::provide::Then;
use super::{App, Effect, Mode, ProviderOp};
use crate::command::topics::Subject;
use crate::command::{Command, To, help, parse};
use crate::config::Provider;
use crate::error::{Error, Result};
use crate::model::NodeId;
use crate::target::fold;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

impl App {
    /// Runs a command of dust's own.
    pub(super) fn builtin(&mut self, now: Instant, command: Command) -> Result<()> {
        match command {
            Command::Cd { dir } => self.cd(dir),
            Command::Diff => self.diff(),
            Command::Detach { node: Some(node) } => self.detach_node(&node),
            Command::Detach { node: None } => self.detach(),
            Command::Disconnect { target } => self.disconnect(now, &target),
            Command::Ec2Sec {
                action,
                target,
                rule,
            } => self.ec2sec(now, action, target.as_deref(), &rule),
            Command::Exit => {
                self.leave();
                Ok(())
            },
            Command::Get { words, copy } => self.get(now, words, copy),
            Command::DropIns => {
                self.list_drop_ins();
                Ok(())
            },
            Command::Install { name } => {
                self.install_drop_ins(name);
                Ok(())
            },
            Command::About { word } => {
                self.help_about(word);
                Ok(())
            },
            Command::Help {
                subject: Subject::Overview,
            } => {
                self.help_overview();
                Ok(())
            },
            Command::Help { subject } => {
                self.help(subject);
                Ok(())
            },
            Command::History { count } => {
                self.show_history(count);
                Ok(())
            },
            Command::Keys => self.keys(now),
            Command::Load { file } => self.load_and_tell(now, &file),
            Command::Log { to } => match to {
                To::Show => {
                    self.show_log();
                    Ok(())
                },
                To::Off => self.set_log(None),
                To::Path(folder) => self.set_log(Some(folder)),
            },
            Command::Plan { target } => self.plan(now, target.as_deref()),
            Command::Put { words, copy } => self.put(now, words, copy),
            Command::Reconnect { target } => self.reconnect(now, &target),
            Command::Record { to, keys, replace } => {
                match to {
                    To::Show => self.show_recording(),
                    To::Off => self.stop_recording(),
                    To::Path(file) => return self.record(&file, keys, replace),
                }
                Ok(())
            },
            Command::Reload => self.reload(now),
            Command::Refresh => {
                self.refresh(now);
                Ok(())
            },
            Command::Settings => {
                self.show_settings();
                Ok(())
            },
            Command::Setting { setting } => {
                self.show_setting(setting);
                Ok(())
            },
            Command::Sessions => self.list_raw(now),
            Command::Set { change } => self.set(change),
            Command::SshConfig { target } => {
                let text = self.ssh_config(target.as_deref())?;
                self.answer(&text);
                Ok(())
            },
            Command::Show { verbose, what } => self.show(verbose, what.as_deref()),
            Command::Start { target, wait } => self.start_nodes(now, target.as_deref(), wait),
            Command::Stop { target, yes } => self.end_nodes(now, ProviderOp::Stop, &target, yes),
            Command::Tag { target, tags } => self.tag(now, &target, &tags),
            Command::Terminate { target, yes } => {
                self.end_nodes(now, ProviderOp::Terminate, &target, yes)
            },
            Command::Untag { target, tags } => self.untag(now, &target, &tags),
            Command::Use { target } => self.use_target(now, &target),
        }
    }

    /// `exit`.
    pub(super) fn leave(&mut self) {
        match &self.mode {
            Mode::Batch(_) => {
                let code = self.worst();
                self.finish(code);
            },
            Mode::Prompt(_) => self.effects.push_back(Effect::Exit(0)),
        }
    }

    /// `detach`.
    fn detach(&mut self) -> Result<()> {
        if !self.setup.session {
            let hint = "only the prompt of a session, without --no-session, outlives its terminal";
            return Err(Error::usage("there is no session to detach from").hint(hint));
        }
        self.effects.push_back(Effect::Detach);
        Ok(())
    }

    /// `help`, as wide as the terminal.
    fn help(&mut self, subject: Subject) {
        self.answer(&help::about(subject, self.help_columns()));
    }

    /// How wide explanations may be.
    pub(super) fn help_columns(&self) -> usize {
        if self.setup.terminal {
            usize::from(self.setup.size.cols)
        } else {
            help::WIDTH
        }
    }

    /// A line for the system shell.
    pub(super) fn local(&mut self, command: String) {
        self.local_runs = true;
        self.effects.push_back(Effect::Local(command));
    }

    /// A first word that is no command of dust: the system shell may know it.
    pub(super) fn unknown(&mut self, word: &str, line: String) -> Result<()> {
        let own = crate::command::nearest_command(word);
        let near = own.map(str::to_owned).or_else(|| self.near_drop_in(word));
        if let Some(near) = near
            && !word.contains('/')
            && !self.host.programs().iter().any(|p| p == word)
        {
            if own.is_some() {
                return Err(parse::no_command(word));
            }
            let word = crate::model::nearest::shown(word);
            let hint = format!("did you mean {near}? !{word} runs it in the system shell");
            return Err(Error::usage(format!("no command `{word}`")).hint(hint));
        }
        self.local(line);
        Ok(())
    }

    fn cd(&self, dir: Option<PathBuf>) -> Result<()> {
        let path = match dir {
            Some(dir) => self.full_path(&dir),
            None => self.host.home().unwrap_or_else(|| PathBuf::from("/")),
        };
        self.host.change_dir(&path).map_err(|error| {
            Error::usage(format!(
                "cannot go to {}: {}",
                path.display(),
                super::nodes::reason(&error)
            ))
        })
    }

    pub(super) fn load_and_tell(&mut self, now: Instant, file: &Path) -> Result<()> {
        self.load(now, file)?;
        self.learn_drop_ins();
        let cluster = self.inventory.clusters().last();
        let text = cluster.map(|cluster| {
            let names = fold(cluster.nodes.iter().map(|node| &node.name));
            let count = cluster.nodes.len();
            if count == 0 && cluster.provider == Provider::Ec2 {
                let region = cluster.settings.region.as_deref();
                let region = region.unwrap_or("its region");
                return format!("{}: every instance of {region}", cluster.name);
            }
            let nodes = if count == 1 { "node" } else { "nodes" };
            format!("{}: {count} {nodes}: {names}", cluster.name)
        });
        self.notice(&text.unwrap_or_default());
        Ok(())
    }

    fn show_history(&mut self, count: Option<usize>) {
        let Mode::Prompt(prompt) = &self.mode else {
            return;
        };
        let skip = count.map_or(0, |count| prompt.history.len().saturating_sub(count));
        let mut text = String::new();
        for (id, entry) in prompt.history.iter().skip(skip) {
            let entry = crate::output::clean(entry.as_bytes());
            let _ = writeln!(text, "{:5}  {entry}", id.0);
        }
        self.answer(&text);
    }

    fn use_target(&mut self, now: Instant, target: &str) -> Result<()> {
        let all = self.inventory.all();
        let before = self.inventory.working().to_vec();
        self.inventory.set_working(all);
        if target == "*" {
            return Ok(());
        }
        match self.resolve(target) {
            Ok(targets) => {
                self.inventory.set_working(targets.ids().to_vec());
                let names = self.folded(targets.ids());
                self.notice(&format!("working set: {names} ({})", targets.count()));
                Ok(())
            },
            Err(error) => {
                self.inventory.set_working(before);
                if self.use_region(now, target)? {
                    return Ok(());
                }
                Err(error)
            },
        }
    }

    fn disconnect(&mut self, now: Instant, target: &str) -> Result<()> {
        for id in &self.resolve(target)? {
            self.leave_boots(id);
            self.drop_node(now, id, "disconnected by you");
        }
        Ok(())
    }

    fn reconnect(&mut self, now: Instant, target: &str) -> Result<()> {
        let targets = self.resolve(target)?;
        for id in &targets {
            self.drop_node(now, id, "reconnected by you");
        }
        // A jump host that no other node uses is reconnected, too.
        self.close_jumps(now);
        self.connect(now, targets.ids())
    }

    /// Connects nodes without a command.
    pub(super) fn connect(&mut self, now: Instant, ids: &[NodeId]) -> Result<()> {
        for id in ids {
            self.prepare(now, *id)?;
            self.want(*id);
        }
        Ok(())
    }

    fn refresh(&mut self, now: Instant) {
        let locals: Vec<(String, Vec<String>)> = self
            .inventory
            .clusters()
            .iter()
            .filter(|cluster| cluster.provider == Provider::Local)
            .map(|cluster| {
                let names = cluster.nodes.iter().map(|node| node.name.clone());
                (cluster.name.clone(), names.collect())
            })
            .collect();
        for (cluster, names) in locals {
            self.provide(ProviderOp::List, cluster, names, Then::Nothing);
        }
        self.inventory.arrange(true);
        self.ask_inventory(now, None);
    }
}
