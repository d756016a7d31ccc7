//! What dust itself says: notices, errors, answers, and with `-v` what it does.

use super::{App, Mode};
use crate::error::Error;
use crate::model::NodeId;
use crate::output::json;
use crate::output::status::duration;
use crate::session::life::{Event, HostKeyPolicy, HostKeyVerdict, Method, Wish};
use std::net::IpAddr;
use std::time::Instant;

impl App {
    /// Something to tell the person, on a line of its own.
    pub(super) fn notice(&mut self, text: &str) {
        let clean = crate::output::clean(text.as_bytes());
        self.say(&clean, |out| json::notice(out, None, &clean));
    }

    /// The same about one node.
    pub(super) fn notice_of(&mut self, id: NodeId, text: &str) {
        self.log_note(id, text);
        let name = self.name(id);
        let clean = crate::output::clean(format!("[{name}] {text}").as_bytes());
        self.say(&clean, |out| json::notice(out, Some(&name), text));
    }

    /// A line with colours that dust itself put in.
    pub(super) fn notice_raw(&mut self, text: &str) {
        self.say(text, |out| json::notice(out, None, text));
    }

    /// The exit status of the worst error that was told.
    pub fn status_of_errors(&self) -> u8 {
        self.seen_usage
    }

    /// Something was wrong before the run began.
    pub fn complain(&mut self, error: &Error) {
        self.error(error);
    }

    pub(super) fn error(&mut self, error: &Error) {
        let text = format!("dust: {error}");
        let mut shown = crate::output::clean(text.as_bytes());
        if self.setup.colours {
            shown = format!("\x1b[31m{shown}\x1b[0m");
        }
        self.say(&shown, |out| json::error(out, &error.to_string()));
        self.seen_usage = self.seen_usage.max(error.kind().exit_code());
    }

    /// A line of dust's own: as text, or as `--json` has it.
    fn say(&mut self, text: &str, as_json: impl Fn(&mut Vec<u8>)) {
        self.hide_progress();
        let prompt = matches!(self.mode, Mode::Prompt(_));
        if prompt || self.setup.terminal {
            self.printer.close(&mut self.out);
        }
        let out = if prompt { &mut self.out } else { &mut self.err };
        if self.setup.json {
            as_json(out);
        } else {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
    }

    /// Text that was asked for: it goes to standard output.
    pub(super) fn answer(&mut self, text: &str) {
        self.printer.close(&mut self.out);
        self.out.extend_from_slice(text.as_bytes());
        if !text.ends_with('\n') && !text.is_empty() {
            self.out.push(b'\n');
        }
    }

    /// A line that was asked for: as an answer, or as `--json` has it.
    pub(super) fn answer_line(&mut self, text: &str) {
        if self.setup.json {
            self.notice(text);
        } else {
            self.answer(&crate::output::clean(text.as_bytes()));
        }
    }

    /// `-v`: what is done for a node's connection.
    pub(super) fn tell_wish(&mut self, id: NodeId, wish: &Wish) {
        let Some(run) = self.fleet.get(id).filter(|_| self.setup.verbose > 0) else {
            return;
        };
        let user = &run.life.route().user;
        let text = match wish {
            Wish::Resolve if run.life.route().host.parse::<IpAddr>().is_ok() => return,
            Wish::Resolve => format!("looking up {}", run.life.route().host),
            Wish::Dial(address) => format!("connecting to {address} as {user}"),
            Wish::Borrow => match &self.setup.lender {
                Some(lender) => format!("through the connection of {}", lender.session),
                None => return,
            },
            Wish::Proxy(command) => format!("connecting as {user} through: {command}"),
            Wish::Tunnel(jump) => {
                let (host, port) = (&run.life.route().host, run.life.route().port);
                let jump = self.name(*jump);
                format!("connecting to {host}:{port} as {user} through {jump}")
            },
            _ => return,
        };
        self.notice_of(id, &text);
    }

    /// `-v`: what happened to it.
    pub(super) fn tell_event(&mut self, id: NodeId, event: &Event) {
        let Some(run) = self.fleet.get(id).filter(|_| self.setup.verbose > 0) else {
            return;
        };
        let route = run.life.route();
        let text = match event {
            Event::NotOpened(why) if run.life.is_lent() => {
                format!("not through the session: {why}")
            },
            Event::Handshaken(fingerprint, verdict) => {
                let verdict = match (route.host_keys, verdict) {
                    (HostKeyPolicy::Off, _) => "not checked",
                    (_, HostKeyVerdict::Known) => "known",
                    (HostKeyPolicy::AcceptNew, HostKeyVerdict::New) => "new, kept",
                    (_, HostKeyVerdict::Vouched) => "as on its console, kept",
                    // What is refused is told with the reason.
                    _ => return,
                };
                format!("host key {fingerprint}: {verdict}")
            },
            Event::Denied(_) => match run.life.method() {
                Some(method) => format!("refused: {}", means(method)),
                None => return,
            },
            Event::Accepted => match run.life.method() {
                Some(method) => format!("logged in as {} by {}", route.user, means(method)),
                None => return,
            },
            _ => return,
        };
        self.notice_of(id, &text);
    }

    /// `-v`: it can be used.
    pub(super) fn tell_ready(&mut self, now: Instant, id: NodeId) {
        if let Some(run) = self.fleet.get(id).filter(|_| self.setup.verbose > 0) {
            let took = now.saturating_duration_since(run.began.unwrap_or(now));
            let text = format!("its shell is ready ({})", duration(took));
            self.notice_of(id, &text);
        }
    }
}

fn means(method: &Method) -> String {
    match method {
        Method::Key(path) => format!("the key {}", path.display()),
        Method::Agent(_) => "a key of the agent".to_owned(),
        Method::Password(_) => "password".to_owned(),
        Method::Interactive => "keyboard-interactive".to_owned(),
    }
}
