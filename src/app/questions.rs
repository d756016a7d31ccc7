//! What nodes and keys ask of the person: passwords, codes, passphrases. A question is asked once;
//! the same question of other nodes gets the same answer, until it proves wrong.

use super::clouds::Closed;
use super::{App, Effect, KeyState};
use crate::model::NodeId;
use crate::session::life::{Event as LifeEvent, Question};
use crate::target::fold;
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Instant;
use zeroize::Zeroizing;

/// Attempts that a passphrase may take.
const PASSPHRASE_MAX: u32 = 3;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asker {
    /// The server of a node, while logging in.
    Login(NodeId),
    /// A private key.
    Key(PathBuf),
    /// Commands that run on nodes, such as sudo.
    Commands(Vec<NodeId>),
    /// dust, before it does what cannot be undone. At a prompt it asks in another way.
    Sure,
    /// dust, about a security group that lets nobody in.
    Closed(Closed),
}

#[derive(Debug)]
struct Pending {
    asker: Asker,
    questions: Vec<Question>,
    answers: Vec<Zeroizing<String>>,
}

/// Questions that wait for the person, in order; the first is shown.
#[derive(Debug, Default)]
pub(super) struct Questions {
    pending: VecDeque<Pending>,
    /// Answers to questions of servers, by user and text, while dust runs.
    known: HashMap<(String, String), Zeroizing<String>>,
    passphrases: HashMap<PathBuf, u32>,
}

impl Questions {
    /// The question that is shown now: its text, and whether the answer may be seen.
    pub(super) fn current(&self) -> Option<(String, bool)> {
        let pending = self.pending.front()?;
        let question = pending.questions.get(pending.answers.len())?;
        Some((question.text.clone(), question.echo))
    }

    /// Something is done only once it is answered.
    pub(super) fn are_decisive(&self) -> bool {
        let mut pending = self.pending.iter();
        pending.any(|pending| matches!(pending.asker, Asker::Sure | Asker::Closed(_)))
    }
}

impl Questions {
    /// The command on a node waits for a password.
    pub(super) fn wants_secret_of(&self, id: NodeId) -> bool {
        let of = |asker: &Asker| matches!(asker, Asker::Commands(ids) if ids.contains(&id));
        self.pending.iter().any(|pending| of(&pending.asker))
    }
}

impl App {
    /// A server asks while a node logs in.
    pub(super) fn ask(&mut self, now: Instant, id: NodeId, questions: Vec<Question>, repeat: bool) {
        let user = self.asking_user(id);
        let key = |question: &Question| (user.clone(), same_for_all(&question.text));
        if repeat {
            for question in &questions {
                self.questions.known.remove(&key(question));
            }
        }
        let known: Option<Vec<String>> = questions
            .iter()
            .map(|question| {
                self.questions
                    .known
                    .get(&key(question))
                    .map(|text| text.to_string())
            })
            .collect();
        if let Some(answers) = known {
            self.link(now, id, 0, LifeEvent::Answers(Some(answers)));
            return;
        }
        if !self.setup.person {
            self.link(now, id, 0, LifeEvent::Answers(None));
            return;
        }
        let name = self.name(id);
        let label = |question: Question| Question {
            text: format!(
                "[{name}] {}",
                crate::output::clean(question.text.as_bytes())
            ),
            echo: question.echo,
        };
        let questions = questions.into_iter().map(label).collect();
        self.questions.pending.push_back(Pending {
            asker: Asker::Login(id),
            questions,
            answers: Vec::new(),
        });
        self.show_question();
    }

    /// Whose question it is: nodes that ask the same of the same user get the same answer. What a
    /// jump host is told goes to no node.
    fn asking_user(&self, id: NodeId) -> String {
        let user = self.fleet.get(id).map(|run| run.life.route().user.clone());
        let user = user.unwrap_or_default();
        match self.fleet.bastions.get(id) {
            Some(bastion) => format!("{user} at {}", bastion.name),
            None => user,
        }
    }

    /// The login that asked came to its end: nobody waits for the answer.
    pub(super) fn withdraw_questions(&mut self, id: NodeId) {
        let before = self.questions.pending.len();
        self.questions
            .pending
            .retain(|pending| pending.asker != Asker::Login(id));
        if self.questions.pending.len() != before {
            self.show_question();
        }
    }

    /// A private key is encrypted.
    pub(super) fn key_locked(&mut self, now: Instant, path: PathBuf) {
        let tries = self.questions.passphrases.entry(path.clone()).or_default();
        *tries += 1;
        let shown = path.display();
        if !self.setup.person {
            let why = format!(
                "{shown} needs a passphrase, and nobody is there to ask; load it into an agent"
            );
            self.key_loaded(now, &path, Err(why));
            return;
        }
        if *tries > PASSPHRASE_MAX {
            let why = format!("{shown}: wrong passphrase");
            self.key_loaded(now, &path, Err(why));
            return;
        }
        if let Some(KeyState::Loading(waiting)) = self.keys.remove(&path) {
            self.keys.insert(path.clone(), KeyState::Locked(waiting));
        }
        let again = if *tries > 1 { "wrong passphrase; " } else { "" };
        let question = Question {
            text: format!("{again}passphrase for {shown}: "),
            echo: false,
        };
        self.questions.pending.push_back(Pending {
            asker: Asker::Key(path),
            questions: vec![question],
            answers: Vec::new(),
        });
        self.show_question();
    }

    /// Asks in a batch before something is done.
    pub(super) fn ask_to_be_sure(&mut self, text: &str) {
        self.ask_openly(Asker::Sure, text.to_owned());
    }

    /// Asks who may be let in.
    pub(super) fn ask_who_may(&mut self, closed: Closed) {
        let text = closed.question();
        self.ask_openly(Asker::Closed(closed), text);
    }

    fn ask_openly(&mut self, asker: Asker, text: String) {
        self.questions.pending.push_back(Pending {
            asker,
            questions: vec![Question { text, echo: true }],
            answers: Vec::new(),
        });
        self.show_question();
    }

    /// A command on a node waits at a password question.
    pub(super) fn wants_secret(&mut self, id: NodeId) {
        if !self.setup.person {
            return;
        }
        let commands = self.questions.pending.iter_mut().find_map(|pending| {
            match (&mut pending.asker, pending.answers.is_empty()) {
                (Asker::Commands(ids), true) => Some((ids, &mut pending.questions)),
                _ => None,
            }
        });
        if let Some((ids, questions)) = commands {
            if !ids.contains(&id) {
                ids.push(id);
            }
            let names: Vec<String> = ids
                .iter()
                .filter_map(|id| Some(self.inventory.get(*id)?.name.clone()))
                .collect();
            if let Some(question) = questions.first_mut() {
                question.text = format!("password for what runs on {}: ", fold(names));
            }
        } else {
            let text = format!("password for what runs on {}: ", self.folded(&[id]));
            self.questions.pending.push_back(Pending {
                asker: Asker::Commands(vec![id]),
                questions: vec![Question { text, echo: false }],
                answers: Vec::new(),
            });
        }
        self.show_question();
    }

    /// A command has ended: it does not wait for a password any more.
    pub(super) fn no_secret(&mut self, id: NodeId) {
        let before = self.questions.pending.len();
        for pending in &mut self.questions.pending {
            if let Asker::Commands(ids) = &mut pending.asker {
                ids.retain(|other| *other != id);
            }
        }
        self.questions
            .pending
            .retain(|pending| !matches!(&pending.asker, Asker::Commands(ids) if ids.is_empty()));
        if self.questions.pending.len() != before {
            self.show_question();
        }
    }

    /// The person's answer to the question that is shown; `None`: there will be none.
    pub(super) fn answered(&mut self, now: Instant, answer: Option<Zeroizing<String>>) {
        let Some(pending) = self.questions.pending.front_mut() else {
            return;
        };
        if let Some(answer) = answer {
            pending.answers.push(answer);
            if pending.answers.len() < pending.questions.len() {
                self.show_question();
                return;
            }
        } else {
            pending.answers.clear();
        }
        let Some(pending) = self.questions.pending.pop_front() else {
            return;
        };
        let given = pending.answers.len() == pending.questions.len();
        self.show_question();
        match pending.asker {
            Asker::Login(id) => self.login_answered(now, id, &pending.questions, &pending.answers),
            Asker::Key(path) => {
                if let (true, Some(answer)) = (given, pending.answers.into_iter().next()) {
                    let waiting = match self.keys.remove(&path) {
                        Some(KeyState::Locked(waiting) | KeyState::Loading(waiting)) => waiting,
                        _ => Vec::new(),
                    };
                    let id = waiting.first().copied().unwrap_or(NodeId(0));
                    self.keys.insert(path.clone(), KeyState::Loading(waiting));
                    self.effects
                        .push_back(Effect::LoadKey(id, 0, path, Some(answer)));
                } else {
                    let why = format!("{}: no passphrase was given", path.display());
                    self.key_loaded(now, &path, Err(why));
                }
            },
            Asker::Sure => {
                let word = pending.answers.first().map(|word| word.as_str());
                self.confirmed(now, word);
            },
            Asker::Closed(closed) => {
                let word = pending.answers.first().map(|word| word.as_str());
                self.open_to(now, closed, word);
            },
            Asker::Commands(ids) => {
                for id in ids {
                    if let (Some(answer), true) = (pending.answers.first(), given) {
                        self.type_in(id, answer.as_bytes(), None);
                        continue;
                    }
                    let Some(run) = self.fleet.get_mut(id) else {
                        continue;
                    };
                    if let (Some(shell), Some(_)) = (&mut run.shell, &run.current) {
                        shell.interrupt();
                        run.typed.clear();
                        self.effects.push_back(Effect::Flush(id));
                    }
                }
            },
        }
    }

    fn login_answered(
        &mut self,
        now: Instant,
        id: NodeId,
        questions: &[Question],
        answers: &[Zeroizing<String>],
    ) {
        if answers.len() != questions.len() {
            self.link(now, id, 0, LifeEvent::Answers(None));
            return;
        }
        let user = self.asking_user(id);
        for (question, answer) in questions.iter().zip(answers) {
            // The name of the node that asked first is no part of the question.
            let text = question.text.split_once("] ").map_or("", |(_, text)| text);
            let key = (user.clone(), same_for_all(text));
            self.questions.known.insert(key, answer.clone());
        }
        let texts = answers.iter().map(|answer| answer.to_string()).collect();
        self.link(now, id, 0, LifeEvent::Answers(Some(texts)));
        // Others that asked the same have their answer now.
        let waiting: Vec<Pending> = self.questions.pending.drain(..).collect();
        for pending in waiting {
            match pending.asker {
                Asker::Login(other) if pending.answers.is_empty() => {
                    let questions = pending.questions.into_iter().map(|question| Question {
                        text: question
                            .text
                            .split_once("] ")
                            .map_or_else(|| question.text.clone(), |(_, text)| text.to_owned()),
                        echo: question.echo,
                    });
                    self.ask(now, other, questions.collect(), false);
                },
                _ => self.questions.pending.push_back(pending),
            }
        }
        self.show_question();
    }
}

/// A password question names its host; the answer is the same on all.
fn same_for_all(text: &str) -> String {
    match text.split_once('@') {
        Some((user, rest)) if rest.ends_with("'s password: ") => format!("{user}@'s password: "),
        _ => text.to_owned(),
    }
}
