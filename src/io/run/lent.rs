//! Channels on nodes' connections, for the clients of a session that borrow them.

use super::Loop;
use super::served::real;
use crate::app::{LoanNews, Wanted};
use crate::io::server::{ClientId, News};
use crate::model::Size;
use crate::session::channel::{ChannelKind, ChannelRequest};
use crate::wire::{OpenChannel, Source, ToClient, Variables};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Instant;

impl Loop {
    /// What those with channels want.
    pub(super) fn hear_borrower(&mut self, now: Instant, news: News) {
        match news {
            News::Open(id, open) => {
                if let Err(why) = self.lend(now, id, open) {
                    self.tell_borrower(now, id, LoanNews::Failed(why));
                }
            },
            News::Data(id, bytes) => {
                if !self.app.loan_input(id, &bytes)
                    && let Some(clients) = self.clients()
                {
                    clients.hold(id, true);
                }
            },
            News::End(id) => self.app.loan_ends(id),
            News::Signal(id, name) => self.app.loan_signal(id, name),
            News::Resized(id, size) => self.app.loan_resized(id, size),
            News::Drained(id) => self.app.loan_pause(id, false),
            News::Returned(id) => self.app.loan_returned(id),
            // All others are for those who have the prompt.
            _ => {},
        }
    }

    fn lend(&mut self, now: Instant, id: ClientId, mut open: OpenChannel) -> Result<(), String> {
        if let Some(source) = open.source.take() {
            if open.cluster.is_empty() {
                open.cluster = self.cluster_of(&source)?;
            }
            self.has(&open.cluster, &source)?;
        }
        let request = request(&open)?;
        let wanted = Wanted {
            cluster: open.cluster,
            node: open.node,
            machine: open.machine,
            request,
        };
        self.app.lend(now, id, wanted)
    }

    /// What the cluster of this file is called.
    fn cluster_of(&self, source: &Source) -> Result<String, String> {
        let (names, ..) = self.app.summary();
        let mut names = names.into_iter();
        let found = names.find(|name| self.has(name, source).is_ok());
        found.ok_or_else(|| "it has not loaded this file".to_owned())
    }

    /// The borrower means the cluster file that is loaded here.
    fn has(&self, cluster: &str, source: &Source) -> Result<(), String> {
        let Some((path, digest)) = self.app.source(cluster) else {
            return Err(format!("it has no cluster {cluster} loaded"));
        };
        if real(path) != real(Path::new(OsStr::from_bytes(&source.path))) {
            return Err(format!("its {cluster} is that of {}", path.display()));
        }
        if source.digest != digest {
            return Err(format!("it has another {} loaded", path.display()));
        }
        Ok(())
    }

    /// Tells a borrower what became of its channel.
    pub(super) fn tell_borrower(&mut self, now: Instant, id: ClientId, news: LoanNews) {
        let Some(clients) = self.clients() else {
            return;
        };
        match news {
            LoanNews::Opened => clients.answer(id, &ToClient::Opened, now),
            LoanNews::Data(errors, bytes) => {
                if clients.bring(id, errors, bytes, now) {
                    self.app.loan_pause(id, true);
                }
            },
            LoanNews::Eof => clients.answer(id, &ToClient::Eof, now),
            LoanNews::Closed(status) => {
                let status = status.and_then(|status| u32::try_from(status).ok());
                clients.dismiss(id, &ToClient::Exit(status), now);
            },
            LoanNews::Failed(why) => clients.dismiss(id, &ToClient::Failed(why), now),
            LoanNews::Room => clients.hold(id, false),
        }
    }
}

/// What a client asks for, in the words of a connection.
fn request(open: &OpenChannel) -> Result<ChannelRequest, String> {
    let kind = open.purpose.clone();
    let pty = open.pty.as_ref();
    let pty = pty.map(|(term, size)| (term.clone(), size.unwrap_or(Size::DEFAULT)));
    // libssh takes C strings.
    let texts = match &kind {
        ChannelKind::Shell => None,
        ChannelKind::Exec(text) | ChannelKind::Subsystem(text) | ChannelKind::Forward(text, _) => {
            Some(text)
        },
    };
    let mut texts = texts.into_iter().chain(pty.as_ref().map(|(term, _)| term));
    if texts.any(|text| text.contains('\0')) {
        return Err("a NUL character cannot be sent".to_owned());
    }
    let env = variables(&open.environment);
    Ok(ChannelRequest { kind, pty, env })
}

/// Variables that can be sent.
fn variables(all: &Variables) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        (!text.contains('\0')).then(|| text.to_owned())
    };
    let pairs = all.iter();
    pairs
        .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
        .collect()
}
