//! `set`: what is set, to what, and since when; and what follows from a change at once.

use super::{App, Mode};
use crate::command::help;
use crate::command::settings::{Change, Origin, PromptFacts, SETTINGS, Setting, When, prompt_text};
use crate::error::Result;
use crate::output::{Format, json};
use crate::ui::style::{Palette, Role};
use crate::ui::table::Table;
use std::fmt::Write as _;
use std::path::Path;

impl App {
    /// `set`.
    pub(super) fn show_settings(&mut self) {
        let all: Vec<&Setting> = SETTINGS.iter().collect();
        self.show_some_settings(&all);
    }

    /// `set NAME`.
    pub(super) fn show_setting(&mut self, setting: &'static Setting) {
        self.show_some_settings(&[setting]);
        if !self.setup.json {
            self.answer(&help::setting(setting, self.help_columns()));
        }
    }

    fn show_some_settings(&mut self, settings: &[&Setting]) {
        if self.setup.json {
            let mut out = Vec::new();
            for setting in settings {
                let (value, from) = (setting.show(&self.settings), self.settings.origin(setting));
                let from = match from {
                    Origin::File(file, line) => format!("{file}:{line}"),
                    from => from.to_string(),
                };
                json::setting(
                    &mut out,
                    setting.name,
                    &value,
                    &setting.default_value(),
                    &from,
                );
            }
            self.answer(&String::from_utf8_lossy(&out));
            return;
        }
        let mut table = Table::new(["NAME", "VALUE", "DEFAULT", "FROM"]);
        for setting in settings {
            table.row([
                setting.name.to_owned(),
                setting.show(&self.settings),
                setting.default_value(),
                self.settings.origin(setting).to_string(),
            ]);
        }
        let columns = self
            .setup
            .terminal
            .then(|| usize::from(self.setup.size.cols));
        if let [setting] = settings
            && columns.is_some_and(|columns| table.width() > columns)
        {
            // Of one, all is shown, in whatever width.
            let (value, from) = (setting.show(&self.settings), self.settings.origin(setting));
            let default = setting.default_value();
            let value = crate::output::clean(value.as_bytes());
            let name = setting.name;
            self.answer(&format!("{name} {value}\ndefault {default}, from {from}"));
            return;
        }
        let lines = table.render(columns, Palette::new(self.setup.colours));
        self.answer(&lines.join("\n"));
    }

    /// `set NAME VALUE`.
    pub(super) fn set(&mut self, change: Change) -> Result<()> {
        if let Change::Log(folder) = change {
            return self.set_log(folder);
        }
        self.settings.apply(change, Origin::Set);
        self.set_colours();
        Ok(())
    }

    /// Colours are used from now on, or not.
    fn set_colours(&mut self) {
        let colours = match self.settings.color {
            When::Auto => self.setup.auto_colours,
            When::Always => true,
            When::Never => false,
        };
        if colours == self.setup.colours {
            return;
        }
        self.setup.colours = colours;
        if let Mode::Prompt(prompt) = &mut self.mode {
            prompt.set_palette(Palette::new(colours));
        }
        let format = match self.printer.format() {
            Format::Json => Format::Json,
            Format::Terminal { .. } | Format::Pipe if self.setup.terminal || colours => {
                Format::Terminal { colours }
            },
            Format::Terminal { .. } | Format::Pipe => Format::Pipe,
        };
        self.printer.set_format(format, &mut self.out);
        for id in self.fleet.ids() {
            let colour = self.inventory.entry(id).map_or(0, |entry| entry.colour);
            if let Some(run) = self.fleet.get_mut(id) {
                self.printer.recolour(&mut run.lines, colour);
            }
        }
    }

    /// What the prompt says, up to the blank behind it.
    pub(super) fn prompt_title(&self, palette: Palette) -> String {
        let format = &self.settings.prompt;
        let names: Vec<&str> = self
            .inventory
            .clusters()
            .iter()
            .map(|cluster| cluster.name.as_str())
            .collect();
        let clusters = match names.as_slice() {
            [] => String::new(),
            [name] => format!(":{name}"),
            names => format!(":{} clusters", names.len()),
        };
        let mut working = String::new();
        if !self.inventory.works_on_all() {
            let (all, some) = (self.inventory.all().len(), self.inventory.working().len());
            working = format!(" [{some}/{all}]");
        }
        let mut busy = String::new();
        let waiting = self.deferred();
        if waiting > 0 {
            let _ = write!(busy, " ({waiting} waiting)");
        }
        if let Some(id) = self.desk.coming() {
            let _ = write!(busy, " ({} comes)", self.name(id));
        }
        let count = self.fleet.busy();
        if count > 0 {
            let _ = write!(busy, " ({count} busy)");
        }
        let when = |sign: &str, fact: &dyn Fn() -> String| match format.contains(sign) {
            true => fact(),
            false => String::new(),
        };
        let facts = PromptFacts {
            clusters,
            working,
            busy,
            user: when("%u", &|| self.host.user()),
            host: when("%h", &|| self.host.hostname()),
            folder: when("%d", &|| self.short_cwd()),
        };
        let text = prompt_text(format, &facts);
        let text = crate::output::clean(text.as_bytes());
        // The sign at the end is as plain as what is typed behind it.
        let sign = text.chars().next_back().filter(|c| "$#>%".contains(*c));
        match sign.and_then(|sign| text.strip_suffix(sign)) {
            Some(title) if !title.is_empty() => {
                let sign = sign.unwrap_or_default();
                format!("{}{sign}", palette.paint(Role::Prompt, title))
            },
            _ => palette.paint(Role::Prompt, &text),
        }
    }

    /// dust's own folder, with `~` for home.
    fn short_cwd(&self) -> String {
        let folder = self.host.cwd();
        let home = self.host.home();
        match home.and_then(|home| Some(folder.strip_prefix(home).ok()?.to_owned())) {
            Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Some(rest) => Path::new("~").join(rest).display().to_string(),
            None => folder.display().to_string(),
        }
    }
}
