//! `put` and `get`: which word is what, and what is asked of the world.

use super::lab::Lab;
use crate::app::Effect;
use crate::app::Event;
use crate::app::disk::{DiskAsk, DiskNews, Found, FoundKind};
use crate::session::channel::{ChannelEvent, ChannelKind};
use crate::session::sftp::packet::{Fields, Packet, kind};
use crate::session::sftp::plan::{BLOCK, Facts};
use std::path::{Path, PathBuf};

/// The files that were asked about, and the ticket of that question.
fn listed(lab: &Lab) -> Option<(u64, Vec<PathBuf>)> {
    lab.others.iter().find_map(|effect| match effect {
        Effect::Disk(ticket, DiskAsk::List { paths, .. }) => Some((*ticket, paths.clone())),
        _ => None,
    })
}

#[test]
fn the_words_of_put_are_told_apart() {
    for (line, files, message) in [
        ("put a n*", &["/work/a"][..], ""),
        ("put a b n1", &["/work/a", "/work/b"], ""),
        ("put a n1 dir", &["/work/a"], ""),
        ("put a b n1 /tmp", &["/work/a", "/work/b"], ""),
        ("put a n1 sub/", &["/work/a"], ""),
        ("put *.txt *", &["/work/*.txt"], ""),
        ("put a @n1 n2", &["/work/a"], ""),
        ("put ~/a 'b c' n[0-1]", &["/home/me/a", "/work/b c"], ""),
        // Both could be nodes; one that is no file here is the target.
        ("put a n0 n1", &["/work/a"], ""),
        ("put a b", &[], "b"),
        ("put a", &[], "put: TARGET is missing"),
        ("put a @n1 @n2", &[], "more than one target"),
        ("put a @n1 b c", &[], "more than one target"),
        ("put '' n1", &[], "a word is empty"),
    ] {
        let mut lab = Lab::prompt(3);
        lab.line(line);
        let found = listed(&lab).map(|(_, paths)| paths).unwrap_or_default();
        let wanted: Vec<&Path> = files.iter().map(Path::new).collect();
        assert_eq!(found, wanted, "{line}");
        let rows = lab.rows().join("\n");
        assert!(rows.contains(message), "{line}: {rows}");
    }
}

#[test]
fn the_words_of_get_are_told_apart() {
    for (line, asks, message) in [
        ("get n* a", 3, ""),
        ("get n* a b here", 3, ""),
        ("get @n1 a .", 0, "there is no folder"),
        ("get n1 here", 1, ""),
        ("get n1 a forbidden/", 0, "cannot make"),
        ("get w* a", 0, "w*"),
        ("get n1", 0, "FILE is missing"),
    ] {
        let mut lab = Lab::prompt(3);
        if asks == 0 || line.contains("here") {
            lab.line(line);
        } else {
            lab.line("cd here");
            lab.line(&format!("{line} here"));
        }
        let sftp = |effect: &&Effect| {
            matches!(effect, Effect::OpenChannel(_, _, request)
                if request.kind == ChannelKind::Subsystem("sftp".to_owned()))
        };
        let count = lab.others.iter().filter(sftp).count();
        let rows = lab.rows().join("\n");
        if line != "get n1 here" {
            assert_eq!(count, asks, "{line}: {rows}");
        }
        assert!(rows.contains(message), "{line}: {rows}");
    }
}

#[test]
fn what_copies_have_left_in_a_folder_is_left_out() {
    let mut lab = Lab::prompt(1);
    lab.line("put -r d n0");
    let (ticket, _) = listed(&lab).unwrap();
    let found = |goes: &str, kind| Found {
        path: goes.into(),
        goes: goes.into(),
        kind,
    };
    let file = FoundKind::File(Facts::default());
    let found = vec![
        found("d", FoundKind::Folder(Facts::default())),
        found("d/.dust-0123456789abcdef.part", file.clone()),
        found("d/.dust-0123456789abcdee.part", file),
    ];
    let news = DiskNews::Listed(Ok(found));
    lab.app.handle(lab.now, Event::Disk(ticket, news));
    lab.settle();
    let rows = lab.rows().join("\n");
    let told = "put: left out: what copies have left: 2 .dust-*.part";
    assert_eq!(rows.matches(told).count(), 1, "{rows}");
}

/// A node's SFTP server that takes everything.
fn answers(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = Fields(bytes);
    while let Ok(packet) = rest.string() {
        let mut f = Fields(packet);
        let (what, id) = (f.byte().unwrap(), f.number().unwrap());
        let answer = match what {
            kind::INIT => Packet::new(kind::VERSION)
                .number(3)
                .string(b"posix-rename@openssh.com")
                .string(b"1"),
            kind::OPEN => Packet::to(id, kind::HANDLE).string(b"h"),
            kind::STAT => Packet::to(id, kind::ATTRS).number(4).number(0o040_755),
            kind::FSTAT => Packet::to(id, kind::ATTRS).number(1).long(3 * BLOCK),
            _ => Packet::to(id, kind::STATUS)
                .number(0)
                .string(b"")
                .string(b""),
        };
        all.extend(answer.finish());
    }
    all
}

#[test]
fn a_file_is_read_once_for_all_nodes_and_the_result_is_one_like_any_other() {
    let mut lab = Lab::batch(3, &["put big n*", "@%ok after"], |_| {});
    let (ticket, _) = listed(&lab).unwrap();
    let facts = Facts {
        size: 3 * BLOCK,
        mode: 0o644,
        ..Facts::default()
    };
    let found = Found {
        path: "/work/big".into(),
        goes: b"big".to_vec(),
        kind: FoundKind::File(facts),
    };
    let news = DiskNews::Listed(Ok(vec![found]));
    lab.app.handle(lab.now, Event::Disk(ticket, news));
    lab.settle();
    let mut channels = Vec::new();
    let mut reads = 0;
    for _ in 0..100 {
        for effect in std::mem::take(&mut lab.others) {
            match effect {
                Effect::OpenChannel(id, channel, _) => channels.push((id, channel)),
                Effect::Disk(ticket, DiskAsk::Read { .. }) => {
                    reads += 1;
                    let block = vec![7; usize::try_from(BLOCK).unwrap()];
                    let news = DiskNews::Block(Ok(block.into()));
                    lab.app.handle(lab.now, Event::Disk(ticket, news));
                },
                Effect::Exit(code) => assert_eq!(code, 0),
                _ => {},
            }
        }
        for (id, channel) in channels.clone() {
            let mut bytes = Vec::new();
            loop {
                let unsent = lab.app.channel_unsent(id, channel).to_vec();
                if unsent.is_empty() {
                    break;
                }
                lab.app.channel_sent(id, channel, unsent.len());
                bytes.extend(unsent);
            }
            let answer = answers(&bytes);
            if !answer.is_empty() {
                let event = ChannelEvent::Data(&answer);
                lab.app.handle(lab.now, Event::Channel(id, channel, event));
            }
        }
        lab.settle();
    }
    assert_eq!(channels.len(), 3);
    assert_eq!(reads, 3, "three pieces, whatever the number of nodes");
    assert!(lab.err().contains("n[0-2] (3): put 3 files, 1.1 MB in"));
    for name in ["n0", "n1", "n2"] {
        assert!(lab.took(name).contains("after"));
    }
}

#[test]
fn a_node_that_counts_no_more_ends_the_comparisons_that_come_after() {
    let mut lab = Lab::batch(1, &["put --check a b n0"], |_| {});
    let (ticket, _) = listed(&lab).unwrap();
    let found = [("a", 0), ("b", 3 * BLOCK)].map(|(name, size)| Found {
        path: name.into(),
        goes: name.into(),
        kind: FoundKind::File(Facts {
            size,
            mode: 0o644,
            ..Facts::default()
        }),
    });
    let news = DiskNews::Listed(Ok(found.to_vec()));
    lab.app.handle(lab.now, Event::Disk(ticket, news));
    lab.settle();
    let (mut channels, mut ended) = (Vec::new(), false);
    let (mut later, mut exit) = (Vec::new(), None);
    for _ in 0..100 {
        for effect in std::mem::take(&mut lab.others) {
            match effect {
                Effect::OpenChannel(id, channel, request) => {
                    if matches!(request.kind, ChannelKind::Subsystem(_)) {
                        channels.push((id, channel));
                    } else {
                        let event = ChannelEvent::Closed(Some(127));
                        lab.app.handle(lab.now, Event::Channel(id, channel, event));
                        ended = true;
                    }
                },
                Effect::Disk(ticket, DiskAsk::Read { facts, .. }) => {
                    let size = usize::try_from(facts.size.min(BLOCK)).unwrap();
                    later.push((ticket, DiskNews::Block(Ok(vec![7; size].into()))));
                },
                Effect::Disk(ticket, DiskAsk::Digest(..)) => {
                    let news = DiskNews::Digest(Ok([1; 32]));
                    lab.app.handle(lab.now, Event::Disk(ticket, news));
                },
                Effect::Exit(code) => exit = Some(code),
                _ => {},
            }
        }
        // The second file comes once the node counts no more.
        for at in (0..later.len()).rev() {
            let (_, DiskNews::Block(Ok(data))) = &later[at] else {
                panic!();
            };
            if ended || data.is_empty() {
                let (ticket, news) = later.remove(at);
                lab.app.handle(lab.now, Event::Disk(ticket, news));
            }
        }
        for (id, channel) in channels.clone() {
            let mut bytes = Vec::new();
            loop {
                let unsent = lab.app.channel_unsent(id, channel).to_vec();
                if unsent.is_empty() {
                    break;
                }
                lab.app.channel_sent(id, channel, unsent.len());
                bytes.extend(unsent);
            }
            let answer = answers(&bytes);
            if !answer.is_empty() {
                let event = ChannelEvent::Data(&answer);
                lab.app.handle(lab.now, Event::Channel(id, channel, event));
            }
        }
        lab.settle();
    }
    assert_eq!((ended, exit), (true, Some(1)), "{}", lab.err());
    assert_eq!(lab.err().matches("it cannot be compared").count(), 2);
}
