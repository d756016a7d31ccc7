use super::*;
use crate::model::NodeId;
use std::path::PathBuf;

fn route() -> Route {
    Route {
        host: "h".to_owned(),
        port: 22,
        user: "u".to_owned(),
        alias: "h".to_owned(),
        alias_port: 22,
        way: Way::Direct,
        shell: true,
        host_keys: HostKeyPolicy::AcceptNew,
        identities: vec![Identity {
            path: PathBuf::from("/k"),
            named: true,
        }],
        agent: None,
        agent_first: false,
        timeout: Duration::from_secs(30),
        alive: Some(ALIVE),
        patience: PATIENCE,
        starting: false,
    }
}

struct Script {
    life: Life,
    now: Instant,
}

impl Script {
    #[expect(clippy::disallowed_methods, reason = "any point in time serves")]
    fn new(route: Route) -> Self {
        Self {
            life: Life::new(route, 7),
            now: Instant::now(),
        }
    }

    fn start(&mut self) -> Vec<Wish> {
        let mut out = Vec::new();
        self.life.start(self.now, &mut out);
        out
    }

    fn on(&mut self, event: Event) -> Vec<Wish> {
        let mut out = Vec::new();
        self.life.on(self.now, event, &mut out);
        out
    }

    fn after(&mut self, time: Duration) -> Vec<Wish> {
        self.now += time;
        let mut out = Vec::new();
        self.life.tick(self.now, &mut out);
        out
    }

    fn reach_handshake(&mut self) {
        self.start();
        self.on(Event::Resolved(Ok(vec![address(1)])));
        assert_eq!(self.on(Event::Connected), [Wish::Handshake]);
    }

    fn reach_login(&mut self) {
        self.reach_handshake();
        let wishes = self.on(Event::Handshaken(
            "SHA256:a".to_owned(),
            HostKeyVerdict::Known,
        ));
        assert_eq!(wishes, [Wish::Load(PathBuf::from("/k"))]);
        let wishes = self.on(Event::Key(Ok(true)));
        assert_eq!(wishes, [Wish::Login(Method::Key(PathBuf::from("/k")))]);
    }
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 22))
}

fn down(wishes: &[Wish]) -> &str {
    match wishes {
        [Wish::Hangup, Wish::Down(why)] => why,
        other => panic!("not down: {other:?}"),
    }
}

#[test]
fn from_nothing_to_a_shell() {
    let mut script = Script::new(route());
    assert_eq!(script.start(), [Wish::Resolve]);
    assert_eq!(
        script.on(Event::Resolved(Ok(vec![address(1)]))),
        [Wish::Dial(address(1))]
    );
    assert_eq!(script.on(Event::Connected), [Wish::Handshake]);
    assert_eq!(
        script.on(Event::Handshaken(
            "SHA256:a".to_owned(),
            HostKeyVerdict::New
        )),
        [Wish::Remember, Wish::Load(PathBuf::from("/k"))]
    );
    script.on(Event::Key(Ok(true)));
    assert_eq!(script.on(Event::Accepted), [Wish::Open]);
    assert_eq!(script.on(Event::Opened), [Wish::Up]);
    assert!(script.life.is_up() && script.life.next_deadline().is_none());
}

#[test]
fn a_changed_host_key_is_refused_with_both_fingerprints() {
    for policy in [HostKeyPolicy::AcceptNew, HostKeyPolicy::Strict] {
        let mut script = Script::new(Route {
            host_keys: policy,
            ..route()
        });
        script.reach_handshake();
        let known = HostKeyVerdict::Changed(vec!["SHA256:old (file:3)".to_owned()]);
        let wishes = script.on(Event::Handshaken("SHA256:new".to_owned(), known));
        let why = down(&wishes);
        assert!(
            why.contains("SHA256:old") && why.contains("SHA256:new"),
            "{why}"
        );
    }
}

#[test]
fn strict_refuses_a_new_key_and_off_asks_nothing() {
    let mut script = Script::new(Route {
        host_keys: HostKeyPolicy::Strict,
        ..route()
    });
    script.reach_handshake();
    assert!(
        down(&script.on(Event::Handshaken("x".to_owned(), HostKeyVerdict::New))).contains("strict")
    );
    let mut script = Script::new(Route {
        host_keys: HostKeyPolicy::Off,
        ..route()
    });
    script.reach_handshake();
    let changed = HostKeyVerdict::Changed(Vec::new());
    assert_eq!(
        script.on(Event::Handshaken("x".to_owned(), changed)),
        [Wish::Load(PathBuf::from("/k"))]
    );
}

#[test]
fn a_dropped_connection_is_tried_again_until_the_time_is_up() {
    let mut script = Script::new(route());
    script.reach_handshake();
    for _ in 0..4 {
        let dropped = Event::Fault(Fault::Dropped("closed".to_owned()));
        assert_eq!(script.on(dropped), [Wish::Hangup]);
        assert!(script.life.is_pausing());
        let wishes = script.after(Duration::from_millis(4100));
        assert_eq!(
            wishes,
            [Wish::Dial(address(1))],
            "the name is not looked up again"
        );
        script.on(Event::Connected);
    }
    let wishes = script.after(Duration::from_secs(15));
    assert!(down(&wishes).contains("closed"), "{wishes:?}");
}

#[test]
fn a_refused_connection_fails_at_once_but_for_other_addresses() {
    let mut script = Script::new(route());
    script.start();
    script.on(Event::Resolved(Ok(vec![address(1), address(2)])));
    let refused = || Event::Fault(Fault::Refused("connection refused".to_owned()));
    assert_eq!(script.on(refused()), [Wish::Hangup, Wish::Dial(address(2))]);
    assert_eq!(down(&script.on(refused())), "connection refused");
}

#[test]
fn a_silent_address_yields_to_the_next() {
    let mut script = Script::new(route());
    script.start();
    script.on(Event::Resolved(Ok(vec![address(1), address(2)])));
    let wishes = script.after(ADDRESS_TIME);
    assert_eq!(wishes, [Wish::Hangup, Wish::Dial(address(2))]);
    assert!(down(&script.after(Duration::from_secs(25))).contains("while connecting"));
}

#[test]
fn a_named_key_that_cannot_be_read_is_an_error_and_a_default_one_is_not() {
    let mut script = Script::new(route());
    script.reach_handshake();
    script.on(Event::Handshaken("x".to_owned(), HostKeyVerdict::Known));
    let wishes = script.on(Event::Key(Err("/k: permission denied".to_owned())));
    assert_eq!(down(&wishes), "/k: permission denied");

    let two = ["/a", "/b"].map(|path| Identity {
        path: PathBuf::from(path),
        named: false,
    });
    let mut script = Script::new(Route {
        identities: two.to_vec(),
        ..route()
    });
    script.reach_handshake();
    script.on(Event::Handshaken("x".to_owned(), HostKeyVerdict::Known));
    assert_eq!(
        script.on(Event::Key(Ok(false))),
        [Wish::Load(PathBuf::from("/b"))]
    );
}

#[test]
fn after_the_keys_come_questions_three_times() {
    let mut script = Script::new(route());
    script.reach_login();
    let password = Methods {
        publickey: true,
        password: true,
        interactive: false,
    };
    for turn in 0..3 {
        let wishes = script.on(Event::Denied(password));
        assert!(
            matches!(&wishes[..], [Wish::Ask { repeat, .. }] if *repeat == (turn > 0)),
            "{wishes:?}"
        );
        script.now += Duration::from_secs(100);
        assert!(
            script.after(Duration::ZERO).is_empty(),
            "a person may take their time"
        );
        let wishes = script.on(Event::Answers(Some(vec!["pw".to_owned()])));
        assert_eq!(wishes, [Wish::Login(Method::Password("pw".to_owned()))]);
    }
    assert!(down(&script.on(Event::Denied(password))).contains("not accepted"));
}

#[test]
fn a_login_in_several_steps() {
    let mut script = Script::new(route());
    script.reach_login();
    let interactive = Methods {
        interactive: true,
        ..Methods::default()
    };
    assert_eq!(
        script.on(Event::Denied(interactive)),
        [Wish::Login(Method::Interactive)]
    );
    let question = Question {
        text: "Code: ".to_owned(),
        echo: true,
    };
    let wishes = script.on(Event::Asked(vec![question.clone()]));
    assert_eq!(
        wishes,
        [Wish::Ask {
            questions: vec![question],
            repeat: false
        }]
    );
    let wishes = script.on(Event::Answers(Some(vec!["123".to_owned()])));
    assert_eq!(wishes, [Wish::Answer(vec!["123".to_owned()])]);
    assert_eq!(script.on(Event::Accepted), [Wish::Open]);
}

#[test]
fn a_refusal_names_what_was_tried() {
    let mut script = Script::new(route());
    script.reach_login();
    let keys_only = Methods {
        publickey: true,
        ..Methods::default()
    };
    let wishes = script.on(Event::Denied(keys_only));
    assert!(down(&wishes).contains("tried /k"), "{wishes:?}");
}

#[test]
fn late_news_of_a_dead_attempt_is_ignored() {
    let mut script = Script::new(route());
    script.reach_login();
    let mut out = Vec::new();
    script.life.hang_up(&mut out);
    assert_eq!(out, [Wish::Hangup]);
    assert!(script.on(Event::Accepted).is_empty());
    assert!(
        script
            .on(Event::Fault(Fault::Protocol("x".to_owned())))
            .is_empty()
    );
}

#[test]
fn a_jump_host_is_up_without_a_shell() {
    let mut script = Script::new(Route {
        shell: false,
        ..route()
    });
    script.reach_login();
    assert_eq!(script.on(Event::Accepted), [Wish::Up]);
    assert!(script.life.is_up() && script.life.next_deadline().is_none());
}

#[test]
fn through_a_jump_host_there_is_no_name_to_look_up() {
    let bastion = NodeId(9);
    let mut script = Script::new(Route {
        way: Way::Jump(bastion),
        ..route()
    });
    assert_eq!(script.start(), [Wish::Tunnel(bastion)]);
    assert_eq!(script.on(Event::Connected), [Wish::Handshake]);
    // A lost jump host is tried again; what it refuses is final.
    let dropped = Event::Fault(Fault::Dropped("gone".to_owned()));
    assert_eq!(script.on(dropped), [Wish::Hangup]);
    let wishes = script.after(Duration::from_millis(4100));
    assert_eq!(wishes, [Wish::Tunnel(bastion)]);
    let refused = Event::Fault(Fault::Refused("not allowed".to_owned()));
    assert_eq!(down(&script.on(refused)), "not allowed");
}

#[test]
fn what_a_jump_host_refuses_is_said_in_words() {
    for (code, text, host, said) in [
        (
            1,
            "open failed",
            "10.0.0.3",
            "b refuses to forward to 10.0.0.3:22: administratively prohibited",
        ),
        (
            2,
            "Connection refused",
            "10.0.0.3",
            "b cannot connect to 10.0.0.3:22: connection refused",
        ),
        (
            2,
            "",
            "10.0.0.3",
            "b cannot connect to 10.0.0.3:22: the connection failed",
        ),
        (
            3,
            "open failed",
            "::1",
            "b refuses to forward to [::1]:22: unknown channel type",
        ),
        (
            9,
            "No.",
            "h",
            "b refuses to forward to h:22: reason 9 (no.)",
        ),
    ] {
        let text = text.to_owned();
        let fault = Refusal::fault(Some(&Refusal { code, text }), "b", host, 22);
        assert_eq!(fault, Fault::Refused(said.to_owned()));
    }
    let busy = Refusal {
        code: 4,
        text: String::new(),
    };
    assert!(matches!(
        Refusal::fault(Some(&busy), "b", "h", 22),
        Fault::Dropped(why) if why.ends_with("resource shortage")
    ));
    assert!(matches!(
        Refusal::fault(None, "b", "h", 22),
        Fault::Refused(why) if why == "b refuses to forward to h:22"
    ));
}

#[test]
fn a_sessions_connection_comes_first() {
    let mut script = Script::new(route());
    script.life.offer_loan();
    assert_eq!(script.start(), [Wish::Borrow, Wish::Open]);
    assert!(!script.life.is_connecting(), "there is no login");
    assert_eq!(script.on(Event::Opened), [Wish::Up]);
    assert!(script.life.is_lent() && script.life.next_deadline().is_none());
    // Without a shell whoever needs it sees whether it is lent.
    let mut script = Script::new(route());
    script.life.offer_loan();
    script.life.set_bare(true);
    assert_eq!(script.start(), [Wish::Borrow, Wish::Up]);
    let mut wishes = Vec::new();
    script.life.end_loan(script.now, &mut wishes);
    assert_eq!(wishes, [Wish::Hangup]);
    assert_eq!(script.after(Duration::ZERO), [Wish::Resolve]);
}

#[test]
fn what_a_session_does_not_lend_is_dialled_within_the_same_time() {
    let fault = || Event::Fault(Fault::Dropped("gone".to_owned()));
    let refused = || Event::NotOpened("open failed".to_owned());
    for event in [Some(fault()), Some(refused()), None] {
        let mut script = Script::new(route());
        script.life.offer_loan();
        script.start();
        let wishes = match event {
            Some(event) => script.on(event),
            None => script.after(LOAN_TIME),
        };
        assert_eq!(wishes, [Wish::Hangup]);
        assert!(script.life.is_pausing() && !script.life.is_lent());
        // It waits for its turn, not for the clock.
        assert_eq!(script.life.next_deadline(), Some(script.now));
        assert_eq!(script.after(Duration::ZERO), [Wish::Resolve]);
        let wishes = script.after(Duration::from_secs(30));
        assert!(down(&wishes).starts_with("timed out after 30 s"));
    }
    // Where there is little time, half of it is left.
    let short = Route {
        timeout: Duration::from_secs(2),
        ..route()
    };
    let mut script = Script::new(short);
    script.life.offer_loan();
    script.start();
    assert_eq!(script.after(Duration::from_secs(1)), [Wish::Hangup]);
}
