//! Logging in: which key, which method next, and when to ask the person (RFC 4252, RFC 4256).

use super::{ASK_MAX, Failure, Life, Method, Phase, Question, Wish};
use std::time::Instant;

impl Life {
    /// The person named this key file.
    pub(super) fn is_named(&self, path: &std::path::Path) -> bool {
        self.route
            .identities
            .iter()
            .any(|identity| identity.named && identity.path == path)
    }

    pub(super) fn plan(&self) -> Vec<Method> {
        let keys = self
            .route
            .identities
            .iter()
            .map(|identity| Method::Key(identity.path.clone()));
        let agent = self
            .route
            .agent
            .iter()
            .map(|path| Method::Agent(path.clone()));
        if self.route.agent_first {
            agent.chain(keys).collect()
        } else {
            keys.chain(agent).collect()
        }
    }

    pub(super) fn next_method(&mut self, out: &mut Vec<Wish>) {
        while let Some(method) = self.steps.get(self.next_step).cloned() {
            self.next_step += 1;
            if !self.methods.publickey {
                continue;
            }
            self.current = Some(method.clone());
            match method {
                Method::Key(path) => {
                    self.phase = Phase::LoadingKey;
                    out.push(Wish::Load(path));
                },
                _ => self.login(out),
            }
            return;
        }
        if self.current.is_none() && !self.methods.interactive && !self.methods.password {
            // There was no key to try: an attempt without one tells what the server wants.
            self.current = Some(Method::Interactive);
            self.login(out);
        } else if self.asked >= ASK_MAX {
            self.failure = Failure::Denied;
            self.fail(
                "permission denied: the answers were not accepted".to_owned(),
                out,
            );
        } else if self.methods.interactive {
            self.asked += 1;
            self.current = Some(Method::Interactive);
            self.login(out);
        } else if self.methods.password {
            self.asked += 1;
            self.current = Some(Method::Password(String::new()));
            self.phase = Phase::Asking;
            let text = format!("{}@{}'s password: ", self.route.user, self.route.host);
            let questions = vec![Question { text, echo: false }];
            out.push(Wish::Ask {
                questions,
                repeat: self.asked > 1,
            });
        } else {
            let mut why = format!("permission denied for user {}", self.route.user);
            why.push_str(if self.tried.is_empty() {
                ": "
            } else {
                " (tried "
            });
            if self.tried.is_empty() {
                why.push_str("there is no key to try; set keyfile= or start an agent");
            } else {
                why.push_str(&self.tried.join(", "));
                why.push(')');
            }
            self.failure = Failure::Denied;
            self.fail(why, out);
        }
    }

    pub(super) fn login(&mut self, out: &mut Vec<Wish>) {
        let Some(method) = self.current.clone() else {
            return;
        };
        self.phase = Phase::Authenticating;
        match &method {
            Method::Key(path) => self.tried.push(path.display().to_string()),
            Method::Agent(_) => self.tried.push("the agent's keys".to_owned()),
            Method::Password(_) | Method::Interactive => {},
        }
        out.push(Wish::Login(method));
    }

    pub(super) fn answered(
        &mut self,
        now: Instant,
        answers: Option<Vec<String>>,
        out: &mut Vec<Wish>,
    ) {
        let Some(mut answers) = answers else {
            let user = self.route.user.clone();
            self.fail(
                format!("permission denied for user {user}: no answer was given"),
                out,
            );
            return;
        };
        // A person was asked: the time that took is not the node's.
        self.deadline = Some(now + self.route.timeout);
        self.phase = Phase::Authenticating;
        if matches!(self.current, Some(Method::Password(_))) {
            let password = if answers.is_empty() {
                String::new()
            } else {
                answers.swap_remove(0)
            };
            out.push(Wish::Login(Method::Password(password)));
        } else {
            out.push(Wish::Answer(answers));
        }
    }
}
