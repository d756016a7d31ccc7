//! Connections that are lent, and borrowed.

use super::lab::Lab;
use crate::app::{Effect, Event, Lender, LoanNews, Wanted, digest};
use crate::session::channel::{ChannelEvent, ChannelId, ChannelRequest};
use crate::session::life::{Event as LifeEvent, Fault};
use std::path::PathBuf;
use std::time::Duration;

fn wanted(cluster: &str, node: &str) -> Wanted {
    Wanted {
        cluster: cluster.to_owned(),
        node: node.to_owned(),
        machine: String::new(),
        request: ChannelRequest::exec("uptime".to_owned()),
    }
}

/// What borrowers were told since the last look.
fn told(lab: &mut Lab) -> Vec<(u32, LoanNews)> {
    lab.settle();
    let mut told = Vec::new();
    let (news, others) = std::mem::take(&mut lab.others)
        .into_iter()
        .partition(|effect| matches!(effect, Effect::Lent(..)));
    lab.others = others;
    for effect in news {
        let effect: Effect = effect;
        if let Effect::Lent(borrower, news) = effect {
            told.push((borrower, news));
        }
    }
    told
}

/// The channels that were opened for borrowers since the last look.
fn opened(lab: &mut Lab) -> Vec<ChannelId> {
    lab.settle();
    let effects = std::mem::take(&mut lab.others).into_iter();
    let channels = effects.filter_map(|effect| match effect {
        Effect::OpenChannel(_, channel, _) => Some(channel),
        _ => None,
    });
    channels.collect()
}

fn channel(lab: &mut Lab, node: &str, channel: ChannelId, event: ChannelEvent<'_>) {
    let id = lab.id(node);
    lab.app.handle(lab.now, Event::Channel(id, channel, event));
}

#[test]
fn a_channel_waits_for_the_connection_and_brings_all_there_is() {
    let mut lab = Lab::prompt(2);
    lab.app.lend(lab.now, 7, wanted("lab", "n1")).unwrap();
    lab.settle();
    assert_eq!(lab.dialled, ["10.0.0.1"]);
    let [one] = opened(&mut lab)[..] else {
        panic!()
    };
    // The connection is there now.
    lab.app.lend(lab.now, 8, wanted("", "n1")).unwrap();
    let [two] = opened(&mut lab)[..] else {
        panic!()
    };
    assert!(one != two && lab.dialled.len() == 1);
    channel(&mut lab, "n1", one, ChannelEvent::Opened);
    channel(
        &mut lab,
        "n1",
        two,
        ChannelEvent::Refused("open failed".into()),
    );
    channel(&mut lab, "n1", one, ChannelEvent::Data(b"out"));
    channel(&mut lab, "n1", one, ChannelEvent::Complaint(b"err"));
    channel(&mut lab, "n1", one, ChannelEvent::Closed(Some(3)));
    channel(&mut lab, "n1", one, ChannelEvent::Data(b"late"));
    let wanted = [
        (7, LoanNews::Opened),
        (8, LoanNews::Failed("open failed".to_owned())),
        (7, LoanNews::Data(false, b"out".to_vec())),
        (7, LoanNews::Data(true, b"err".to_vec())),
        (7, LoanNews::Closed(Some(3))),
    ];
    assert_eq!(told(&mut lab), wanted);
    assert_eq!(lab.last_row(), "dust:lab$", "the prompt is not bothered");
}

#[test]
fn what_cannot_be_lent_is_told_why() {
    let mut lab = Lab::prompt(2);
    for (one, why) in [
        (wanted("lab", "n9"), "it has no node lab/n9"),
        (wanted("other", "n0"), "it has no node other/n0"),
        (wanted("", "n*"), "n* are 2 nodes"),
    ] {
        assert_eq!(lab.app.lend(lab.now, 1, one), Err(why.to_owned()));
    }
    let other = Wanted {
        machine: "i-1".to_owned(),
        ..wanted("lab", "n0")
    };
    assert_eq!(
        lab.app.lend(lab.now, 1, other),
        Err("there n0 is another machine".to_owned())
    );
    // Nobody listens: who asked is told, and nobody else.
    lab.deaf.insert("10.0.0.0".to_owned());
    lab.app.lend(lab.now, 2, wanted("lab", "n0")).unwrap();
    let why = "connection refused".to_owned();
    assert_eq!(told(&mut lab), [(2, LoanNews::Failed(why))]);
    assert_eq!(lab.rows(), ["dust:lab$"]);
    // A connection that is lost.
    lab.app.lend(lab.now, 3, wanted("lab", "n1")).unwrap();
    lab.settle();
    let id = lab.id("n1");
    lab.link(id, 0, LifeEvent::Fault(Fault::Dropped("reset".to_owned())));
    let why = "connection lost: reset".to_owned();
    assert_eq!(told(&mut lab), [(3, LoanNews::Failed(why))]);
}

#[test]
fn input_is_bounded_and_ends() {
    let mut lab = Lab::prompt(1);
    lab.app.lend(lab.now, 1, wanted("lab", "n0")).unwrap();
    let [one] = opened(&mut lab)[..] else {
        panic!()
    };
    let id = lab.id("n0");
    let piece = vec![b'x'; 100_000];
    let mut brought = 0;
    while lab.app.loan_input(1, &piece) {
        brought += piece.len();
        assert!(brought < 1_000_000);
    }
    lab.app.loan_ends(1);
    assert!(!lab.app.channel_is_over(id, one));
    let mut taken = 0;
    while let count @ 1.. = lab.app.channel_unsent(id, one).len().min(70_000) {
        lab.app.channel_sent(id, one, count);
        taken += count;
    }
    assert_eq!(taken, brought + piece.len());
    assert!(lab.app.channel_is_over(id, one));
    assert_eq!(told(&mut lab), [(1, LoanNews::Room)]);
    // Who has gone gets nothing, and its channel is closed.
    lab.app.loan_returned(1);
    lab.settle();
    let closed =
        |effect: &Effect| matches!(effect, Effect::CloseChannel(_, channel) if *channel == one);
    assert!(lab.others.iter().any(closed));
    channel(&mut lab, "n0", one, ChannelEvent::Data(b"late"));
    assert_eq!(told(&mut lab), []);
}

/// A batch that may borrow, where the lender has read this text.
fn borrowing(text: &str) -> Lab {
    borrowing_for(text, "@n0 true")
}

fn borrowing_for(text: &str, line: &str) -> Lab {
    Lab::batch(1, &[line], |setup| {
        setup.lender = Some(Lender {
            session: "session lab".to_owned(),
            file: Some((PathBuf::from("/work/lab.cnf"), digest(text))),
        });
    })
}

#[test]
fn only_the_very_same_file_is_borrowed_by() {
    let text = "@cloud\nprovider=ssh\nname=lab\nkeyfile=/k\n@n[0-0]\nhost=10.0.0.[0-0]\n";
    let borrows = |lab: &Lab| {
        let all = lab.others.iter();
        all.filter(|effect| matches!(effect, Effect::Borrow(..)))
            .count()
    };
    let mut lab = borrowing(text);
    assert_eq!((borrows(&lab), lab.dialled.len()), (1, 0));
    lab.ends("n0", 0);
    assert_eq!(lab.exit(), Some(0));
    let lab = borrowing(&text.replace("/k", "/other"));
    assert_eq!((borrows(&lab), lab.dialled.len()), (0, 1));
}

#[test]
fn a_loan_that_breaks_in_mid_command_is_no_reason_to_run_it_again() {
    let text = "@cloud\nprovider=ssh\nname=lab\nkeyfile=/k\n@n[0-0]\nhost=10.0.0.[0-0]\n";
    let mut lab = borrowing(text);
    assert!(lab.took("n0").contains("true"));
    let id = lab.id("n0");
    lab.link(
        id,
        0,
        LifeEvent::Fault(Fault::Dropped("the end".to_owned())),
    );
    lab.settle();
    assert_eq!(lab.dialled.len(), 0);
    let err = lab.err();
    assert!(
        err.contains("[n0] lost: the end, while it ran: true"),
        "{err}"
    );
    assert_eq!(lab.exit(), Some(255));
}

#[test]
fn copies_borrow_without_a_shell_and_what_is_not_lent_is_dialled() {
    let text = "@cloud\nprovider=ssh\nname=lab\nkeyfile=/k\n@n[0-0]\nhost=10.0.0.[0-0]\n";
    for refused in [true, false] {
        let mut lab = borrowing_for(text, "get n0 f here/");
        let [first] = opened(&mut lab)[..] else {
            panic!()
        };
        assert_eq!(lab.took("n0"), "", "no shell was greeted");
        lab.after(Duration::from_secs(4));
        assert_eq!((opened(&mut lab), lab.dialled.len()), (vec![], 0));
        if refused {
            let event = ChannelEvent::Refused("it lends too many channels".to_owned());
            channel(&mut lab, "n0", first, event);
        } else {
            lab.after(Duration::from_secs(1));
        }
        lab.after(Duration::ZERO);
        assert_eq!(lab.dialled.len(), 1);
        let [second] = opened(&mut lab)[..] else {
            panic!()
        };
        // There nobody lends.
        let event = ChannelEvent::Refused("prohibited".to_owned());
        channel(&mut lab, "n0", second, event);
        lab.settle();
        assert!(lab.err().contains("[n0] no SFTP there: prohibited"));
        assert_eq!(lab.dialled.len(), 1);
    }
}

#[test]
fn a_loan_that_is_used_is_not_given_up_for_another_channel() {
    let text = "@cloud\nprovider=ssh\nname=lab\nkeyfile=/k\n@n[0-0]\nhost=10.0.0.[0-0]\n";
    let mut lab = borrowing_for(text, "get n0 f here/");
    let [one] = opened(&mut lab)[..] else {
        panic!()
    };
    channel(&mut lab, "n0", one, ChannelEvent::Opened);
    // Its server may take its time.
    lab.after(Duration::from_secs(6));
    assert_eq!((opened(&mut lab), lab.dialled.len()), (vec![], 0));
    let id = lab.id("n0");
    let fault = Fault::Dropped("the session has ended".to_owned());
    lab.link(id, 0, LifeEvent::Fault(fault));
    lab.settle();
    assert!(lab.err().contains("[n0] lost: the session has ended"));
    assert_eq!(lab.dialled.len(), 0);
}
