//! A proxy in front of moto: it writes down every call, and plays what EC2 does and moto does not
//! (throttling, answers that never arrive, instances that take time to appear and to run, …).
#![expect(
    clippy::disallowed_types,
    reason = "each connection has a thread here, and the test looks on"
)]

mod calls;
mod cloud;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub(crate) use calls::*;
use cloud::Cloud;
pub(crate) use cloud::Until;

use super::PATIENCE;
use super::http::{Answer, Request, form};
use super::moto::Api;
use super::xml::Xml;

/// What became of a ClientToken.
enum Token {
    UnderWay,
    Done(Vec<(String, String)>, Answer),
}

#[derive(Default)]
struct State {
    ended: bool,
    calls: Vec<Call>,
    faults: Vec<(When, Fault)>,
    /// How often `clear` was called.
    cleared: usize,
    cloud: Cloud,
    /// By region and token; None: tokens are ignored, as moto does.
    tokens: Option<BTreeMap<(String, String), Token>>,
}

struct Shared {
    moto: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

/// The proxy. It ends when dropped.
pub(crate) struct Faults {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Faults {
    /// A proxy before this API; it honours ClientToken, and nothing else happens yet.
    pub(crate) fn before(api: &Api) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            moto: api.address(),
            state: Mutex::new(State {
                tokens: Some(BTreeMap::new()),
                ..State::default()
            }),
            changed: Condvar::new(),
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.state().ended {
                    return;
                }
                let served = Arc::clone(&served);
                if let Ok(stream) = stream {
                    // A client that goes away is no failure of the test.
                    std::thread::spawn(move || drop(served.serve(&stream)));
                }
            }
        });
        Self { address, shared }
    }

    /// What a cluster file's `endpoint` says.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The API through this proxy.
    pub(crate) fn api(&self) -> Api {
        Api::at(self.address)
    }

    /// Does this to such calls from now on. Of several that hit, the first one added counts.
    pub(crate) fn on(&self, when: When, fault: Fault) {
        self.shared.state().faults.push((when, fault));
    }

    /// No faults any more; what is held goes on.
    pub(crate) fn clear(&self) {
        let mut state = self.shared.state();
        state.faults.clear();
        state.cleared += 1;
        self.shared.changed.notify_all();
    }

    /// Whether a repeated RunInstances with the same ClientToken is answered as the first was.
    pub(crate) fn honour_tokens(&self, yes: bool) {
        self.shared.state().tokens = yes.then(BTreeMap::new);
    }

    /// There is room for so many more instances. RunInstances launches as many as it can, between
    /// MinCount and MaxCount.
    pub(crate) fn room_for(&self, instances: usize) {
        self.shared.state().cloud.room = Some(instances);
    }

    /// Instances that are launched from now on are not there for others than RunInstances yet.
    pub(crate) fn hide_new(&self, until: Until) {
        self.shared.state().cloud.hide = Some(until);
    }

    /// An instance is not there for a while, though it was before.
    pub(crate) fn hide(&self, id: &str, until: Until) {
        let hidden = &mut self.shared.state().cloud.hidden;
        hidden.insert(id.to_owned(), until);
    }

    /// Instances that are launched or started from now on are `pending`.
    pub(crate) fn slow_start(&self, until: Until) {
        self.shared.state().cloud.pending = Some(until);
    }

    /// Instances that are stopped from now on are `stopping`.
    pub(crate) fn slow_stop(&self, until: Until) {
        self.shared.state().cloud.stopping = Some(until);
    }

    /// Ends `hide_new`, `hide`, `slow_start` and `slow_stop`, also for what they were about.
    pub(crate) fn catch_up(&self) {
        self.shared.state().cloud.catch_up();
    }

    /// What an instance has printed on its console; empty: nothing yet. `*` is every instance.
    pub(crate) fn console(&self, id: &str, text: &str) {
        let consoles = &mut self.shared.state().cloud.consoles;
        consoles.insert(id.to_owned(), text.to_owned());
    }

    /// Why an instance is in its state.
    pub(crate) fn reason(&self, id: &str, code: &str, message: &str) {
        let reason = (code.to_owned(), message.to_owned());
        self.shared
            .state()
            .cloud
            .reasons
            .insert(id.to_owned(), reason);
    }

    /// Answers say `to` wherever moto says `from`.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let pair = (from.to_owned(), to.to_owned());
        self.shared.state().cloud.replaced.push(pair);
    }

    /// The calls that came, in their order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The calls of this action.
    pub(crate) fn calls_of(&self, action: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.action == action);
        calls
    }

    /// The calls that may have changed something.
    pub(crate) fn mutating(&self) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(Call::mutates);
        calls
    }

    /// Forgets the calls that came.
    pub(crate) fn forget(&self) {
        self.shared.state().calls.clear();
    }

    /// Waits until so many calls of this action came.
    #[track_caller]
    pub(crate) fn wait_calls(&self, action: &str, count: usize) {
        self.wait(&format!("{count} calls of {action}"), |calls| {
            calls.iter().filter(|call| call.action == action).count() >= count
        });
    }

    /// Waits until this is true of the calls.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, seen: impl Fn(&[Call]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state();
        while !seen(&state.calls) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                left > Duration::ZERO,
                "in vain: {what}\n{}",
                list(&state.calls)
            );
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// The calls, for a person.
    pub(crate) fn report(&self) -> String {
        list(&self.shared.state().calls)
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- calls\n{}---", self.report());
        }
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
        // Wakes the listening thread.
        drop(TcpStream::connect(self.address));
    }
}

fn list(calls: &[Call]) -> String {
    let mut out = String::new();
    let first = calls.first().map(|call| call.at);
    for call in calls {
        let after = first.map_or(0, |first| (call.at - first).as_millis());
        let params: Vec<_> = call
            .params
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let status = call
            .status
            .map_or_else(|| "no answer".into(), |s| s.to_string());
        writeln!(out, "{after:6} ms {status} {:.300}", params.join(" ")).unwrap();
    }
    out
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Serves a connection to its end.
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut from = BufReader::new(stream);
        while let Some(request) = Request::read(&mut from)? {
            let call = Call::of(&request);
            let (nth, fault, cleared) = self.note(&call);
            let Some(answer) = self.answer(&request, &call, fault, cleared) else {
                return Ok(());
            };
            {
                let mut state = self.state();
                // `forget` may have been called meanwhile.
                if let Some(noted) = state.calls.get_mut(nth).filter(|c| c.at == call.at) {
                    noted.status = Some(answer.status);
                }
                self.changed.notify_all();
            }
            let mut to = stream;
            answer.write(&mut to)?;
        }
        Ok(())
    }

    /// Writes a call down; its number, what is to be done to it, and how often all faults had been
    /// cleared by then.
    fn note(&self, call: &Call) -> (usize, Option<Fault>, usize) {
        let mut state = self.state();
        state.calls.push(call.clone());
        self.changed.notify_all();
        let hit = state.faults.iter_mut().find(|(when, _)| when.hits(call));
        let fault = hit.map(|(when, fault)| {
            when.times -= 1;
            *fault
        });
        (state.calls.len() - 1, fault, state.cleared)
    }

    /// What is answered; None: the connection is closed instead.
    fn answer(
        &self,
        request: &Request,
        call: &Call,
        fault: Option<Fault>,
        cleared: usize,
    ) -> Option<Answer> {
        match fault {
            Some(Fault::Refuse(status, code, message)) => {
                return Some(refusal(status, code, message));
            },
            Some(Fault::CutBefore) => return None,
            Some(Fault::HoldBefore) => self.hold(cleared)?,
            _ => {},
        }
        let answer = self.ask(request, call);
        match fault {
            Some(Fault::CutAfter) => None,
            Some(Fault::HoldAfter) => {
                self.hold(cleared)?;
                Some(answer)
            },
            Some(Fault::Garbage) => Some(Answer::xml(200, "<html><p>Welcome to <b>".into())),
            _ => Some(answer),
        }
    }

    /// What EC2 would answer.
    fn ask(&self, request: &Request, call: &Call) -> Answer {
        if let Some((code, message)) = self.state().cloud.refuses(call) {
            return refusal(400, &code, &message);
        }
        let token = (call.action == "RunInstances")
            .then(|| (call.region.clone(), call.param("ClientToken").to_owned()))
            .filter(|(_, token)| !token.is_empty());
        if let Some(answer) = token
            .as_ref()
            .and_then(|token| self.first_answer(token, call))
        {
            return answer;
        }
        let mut request = request.clone();
        if call.action == "RunInstances" {
            let Some(count) = self.state().cloud.launches(call) else {
                if let (Some(tokens), Some(token)) = (&mut self.state().tokens, &token) {
                    tokens.remove(token);
                }
                self.changed.notify_all();
                let Fault::Refuse(status, code, message) = NO_CAPACITY else {
                    unreachable!("it refuses")
                };
                return refusal(status, code, message);
            };
            let mut params = call.params.clone();
            params.retain(|(name, _)| name != "MinCount");
            params.push(("MinCount".into(), count.to_string()));
            request.body = form(&params).into_bytes();
        }
        let mut answer = request
            .send(self.moto)
            .unwrap_or_else(|why| refusal(500, "Test", &why.to_string()));
        let mut state = self.state();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if let Some(mut xml) = Xml::parse(&text).filter(|_| answer.status == 200) {
            state.cloud.retell(call, &mut xml);
            answer.body = state.cloud.replace(xml.document()).into_bytes();
        }
        if let (Some(tokens), Some(token)) = (&mut state.tokens, token) {
            if answer.status == 200 {
                tokens.insert(token, Token::Done(call.params.clone(), answer.clone()));
            } else {
                tokens.remove(&token);
            }
            self.changed.notify_all();
        }
        answer
    }

    /// What the first call with this token was answered, if there was one and tokens count.
    fn first_answer(&self, token: &(String, String), call: &Call) -> Option<Answer> {
        let mut state = self.state();
        loop {
            let tokens = state.tokens.as_mut()?;
            match tokens.get(token) {
                None => {
                    tokens.insert(token.clone(), Token::UnderWay);
                    return None;
                },
                Some(Token::Done(params, answer)) if *params == call.params => {
                    return Some(answer.clone());
                },
                Some(Token::Done(..)) => {
                    return Some(refusal(
                        400,
                        "IdempotentParameterMismatch",
                        "Arguments on this idempotent request are inconsistent with arguments used \
                         in previous request(s).",
                    ));
                },
                Some(Token::UnderWay) => state = self.changed.wait(state).unwrap(),
            }
        }
    }

    /// Waits for the next `clear` after this many; None at the proxy's end.
    fn hold(&self, cleared: usize) -> Option<()> {
        let mut state = self.state();
        while state.cleared == cleared && !state.ended {
            state = self.changed.wait(state).unwrap();
        }
        (!state.ended).then_some(())
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let error = [Xml::new("Code", code), Xml::new("Message", message)];
    let errors = Xml::with("Errors", vec![Xml::with("Error", error.to_vec())]);
    let id = Xml::new("RequestID", "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE");
    Answer::xml(status, Xml::with("Response", vec![errors, id]).document())
}
