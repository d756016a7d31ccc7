//! `put` and `get`: which word is what, and what is asked of the world.

use super::lab::Lab;
use crate::app::Effect;
use crate::app::Event;
use crate::app::disk::{DiskAsk, DiskNews, Found, FoundKind, Listing};
use crate::model::NodeId;
use crate::session::channel::{ChannelEvent, ChannelId, ChannelKind};
use crate::session::sftp::packet::{Fields, Packet, kind};
use crate::session::sftp::plan::{BLOCK, Facts};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files that were asked about, and the ticket of that question.
fn listed(lab: &Lab) -> Option<(u64, Vec<PathBuf>)> {
    lab.others.iter().find_map(|effect| match effect {
        Effect::Disk(ticket, DiskAsk::List { paths, .. }) => Some((*ticket, paths.clone())),
        _ => None,
    })
}

fn found(goes: &str, kind: FoundKind) -> Found {
    Found {
        path: Path::new("/work").join(goes),
        goes: goes.into(),
        kind,
    }
}

fn file(size: u64) -> FoundKind {
    FoundKind::File(Facts {
        size,
        mode: 0o644,
        ..Facts::default()
    })
}

/// It was listed what there is.
fn lists(lab: &mut Lab, found: &[Found], wrong: &[&str]) {
    let (ticket, paths) = listed(lab).unwrap();
    let why = "there is no such file".to_owned();
    let wrong = wrong.iter().map(|path| (path.into(), why.clone()));
    let news = DiskNews::Listed(Listing {
        found: found.to_vec(),
        wrong: wrong.collect(),
        named: paths.len(),
    });
    lab.app.handle(lab.now, Event::Disk(ticket, news));
    lab.settle();
}

/// The nodes' SFTP servers, which take everything.
#[derive(Default)]
struct Servers {
    channels: Vec<(NodeId, ChannelId)>,
    /// So many FIFOs their folders hold.
    fifos: u32,
    /// They hang when they are to open a file.
    hang: bool,
}

impl Servers {
    fn answer(&mut self, packet: &[u8]) -> Packet {
        let mut f = Fields(packet);
        let (what, id) = (f.byte().unwrap(), f.number().unwrap());
        let status = |code| Packet::to(id, kind::STATUS).number(code);
        match what {
            kind::INIT => Packet::new(kind::VERSION)
                .number(3)
                .string(b"posix-rename@openssh.com")
                .string(b"1"),
            kind::OPEN | kind::OPENDIR => Packet::to(id, kind::HANDLE).string(b"h"),
            kind::STAT => Packet::to(id, kind::ATTRS).number(4).number(0o040_755),
            kind::FSTAT => Packet::to(id, kind::ATTRS).number(1).long(3 * BLOCK),
            kind::READDIR if self.fifos > 0 => {
                let names = Packet::to(id, kind::NAME).number(self.fifos);
                (0..std::mem::take(&mut self.fifos)).fold(names, |names, nth| {
                    let name = format!("fifo{nth}");
                    let names = names.string(name.as_bytes()).string(b"");
                    names.number(4).number(0o010_644)
                })
            },
            kind::READDIR => status(1).string(b"").string(b""),
            _ => status(0).string(b"").string(b""),
        }
    }

    /// Brings what is asked there, and the answers back.
    fn turn(&mut self, lab: &mut Lab) {
        for (id, channel) in self.channels.clone() {
            let mut bytes = Vec::new();
            loop {
                let unsent = lab.app.channel_unsent(id, channel).to_vec();
                if unsent.is_empty() {
                    break;
                }
                lab.app.channel_sent(id, channel, unsent.len());
                bytes.extend(unsent);
            }
            let (mut rest, mut answers) = (Fields(&bytes), Vec::new());
            while let Ok(packet) = rest.string() {
                if self.hang && packet.first() == Some(&kind::OPEN) {
                    continue;
                }
                answers.extend(self.answer(packet).finish());
            }
            if !answers.is_empty() {
                let event = ChannelEvent::Data(&answers);
                lab.app.handle(lab.now, Event::Channel(id, channel, event));
            }
        }
        lab.settle();
    }
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
        ("get n1 here", 0, "there is no folder"),
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
        assert_eq!(count, asks, "{line}: {rows}");
        assert!(rows.contains(message), "{line}: {rows}");
    }
}

#[test]
fn what_copies_have_left_in_a_folder_is_left_out() {
    let mut lab = Lab::prompt(1);
    lab.line("put -r d n0");
    let found = [
        found("d", FoundKind::Folder(Facts::default())),
        found("d/.dust-0123456789abcdef.part", file(0)),
        found("d/.dust-0123456789abcdee.part", file(0)),
    ];
    lists(&mut lab, &found, &[]);
    let rows = lab.rows().join("\n");
    let told = "put: left out: what copies have left: 2 .dust-*.part";
    assert_eq!(rows.matches(told).count(), 1, "{rows}");
}

#[test]
fn a_file_is_read_once_for_all_nodes_and_the_result_is_one_like_any_other() {
    let mut lab = Lab::batch(3, &["put big n*", "@%ok after"], |_| {});
    lists(&mut lab, &[found("big", file(3 * BLOCK))], &[]);
    let mut servers = Servers::default();
    let mut reads = 0;
    for _ in 0..100 {
        for effect in std::mem::take(&mut lab.others) {
            match effect {
                Effect::OpenChannel(id, channel, _) => servers.channels.push((id, channel)),
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
        servers.turn(&mut lab);
    }
    assert_eq!(servers.channels.len(), 3);
    assert_eq!(reads, 3, "three pieces, whatever the number of nodes");
    assert!(lab.err().contains("n[0-2] (3): put 3 files, 1.1 MB in"));
    for name in ["n0", "n1", "n2"] {
        assert!(lab.took(name).contains("after"));
    }
}

#[test]
fn a_node_that_counts_no_more_ends_the_comparisons_that_come_after() {
    let mut lab = Lab::batch(1, &["put --check a b n0"], |_| {});
    let found = [found("a", file(0)), found("b", file(3 * BLOCK))];
    lists(&mut lab, &found, &[]);
    let (mut servers, mut ended) = (Servers::default(), false);
    let (mut later, mut exit) = (Vec::new(), None);
    for _ in 0..100 {
        for effect in std::mem::take(&mut lab.others) {
            match effect {
                Effect::OpenChannel(id, channel, request) => {
                    if matches!(request.kind, ChannelKind::Subsystem(_)) {
                        servers.channels.push((id, channel));
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
        servers.turn(&mut lab);
    }
    assert_eq!((ended, exit), (true, Some(1)), "{}", lab.err());
    assert_eq!(lab.err().matches("it cannot be compared").count(), 2);
}

/// Plays until all is done: the status, and what was told.
fn play(lab: &mut Lab, servers: &mut Servers, read: &Result<Vec<u8>, String>) -> (u8, String) {
    for _ in 0..100 {
        for effect in std::mem::take(&mut lab.others) {
            let (ticket, news) = match effect {
                Effect::OpenChannel(id, channel, _) => {
                    servers.channels.push((id, channel));
                    continue;
                },
                Effect::Disk(ticket, DiskAsk::Read { .. }) => {
                    let block = read.clone().map(Into::into);
                    (ticket, DiskNews::Block(block))
                },
                Effect::Disk(ticket, DiskAsk::Folder(..)) => (ticket, DiskNews::Done(Ok(()))),
                Effect::Exit(code) => return (code, lab.err()),
                _ => continue,
            };
            lab.app.handle(lab.now, Event::Disk(ticket, news));
        }
        servers.turn(lab);
    }
    panic!("it never ends: {}", lab.err());
}

#[test]
fn what_cannot_be_listed_does_not_hold_up_the_rest() {
    for (line, files, wrong, code, told) in [
        ("put a b n*", &["a"][..], &["/work/b"][..], 1, "put 2 files"),
        (
            "put -r d n*",
            &["d/f"],
            &["/work/d/closed"],
            1,
            "put 2 files",
        ),
        (
            "put a b n*",
            &[],
            &["/work/a", "/work/b"],
            1,
            "put: /work/a: there",
        ),
        ("put a b n*", &["a", "b"], &[], 0, "put 4 files"),
    ] {
        let mut lab = Lab::batch(2, &[line], |_| {});
        let files: Vec<Found> = files.iter().map(|name| found(name, file(0))).collect();
        lists(&mut lab, &files, wrong);
        let read = Ok(Vec::new());
        let result = play(&mut lab, &mut Servers::default(), &read);
        assert_eq!(result.0, code, "{line}: {}", result.1);
        let missing = wrong
            .iter()
            .map(|path| format!("put: {path}: there is no such file"));
        for told in missing.chain([told.to_owned()]) {
            assert_eq!(result.1.matches(&told).count(), 1, "{line}: {}", result.1);
        }
    }
}

#[test]
fn many_faults_of_a_kind_are_told_as_a_number() {
    let names: Vec<String> = (0..30).map(|nth| format!("d/{nth}")).collect();
    let of = |kind: &FoundKind| -> Vec<Found> {
        names.iter().map(|name| found(name, kind.clone())).collect()
    };
    let wrong: Vec<&str> = names.iter().map(String::as_str).collect();
    for (line, found, wrong, fifos, each, more) in [
        (
            "put -r d n*",
            of(&file(9)),
            &[][..],
            0,
            ": it broke",
            "put: 20 more files failed",
        ),
        (
            "put -r d n*",
            of(&file(0)),
            &wrong,
            0,
            ": there is no",
            "put: 20 more cannot be copied",
        ),
        (
            "put -r d n*",
            of(&FoundKind::Other),
            &[],
            0,
            "neither a file",
            "put: left out: 20 more",
        ),
        (
            "get -r n1 d here/",
            Vec::new(),
            &[],
            30,
            "neither a file",
            "[n1] 20 more were left out",
        ),
    ] {
        let mut lab = Lab::batch(3, &[line], |_| {});
        if line.starts_with("put") {
            lists(&mut lab, &found, wrong);
        }
        let mut servers = Servers {
            fifos,
            ..Servers::default()
        };
        let (_, told) = play(&mut lab, &mut servers, &Err("it broke".to_owned()));
        assert_eq!(told.matches(each).count(), 10, "{line}: {told}");
        assert_eq!(told.matches(more).count(), 1, "{line}: {told}");
    }
}

#[test]
fn files_are_closed_here_when_a_node_is_gone() {
    let mut lab = Lab::batch(1, &["put big n0"], |_| {});
    lists(&mut lab, &[found("big", file(3 * BLOCK))], &[]);
    let (mut servers, mut closed) = (Servers::default(), 0);
    for _ in 0..20 {
        for effect in std::mem::take(&mut lab.others) {
            match effect {
                Effect::OpenChannel(id, channel, _) => servers.channels.push((id, channel)),
                Effect::Disk(_, DiskAsk::Read { .. }) => {
                    for (id, channel) in std::mem::take(&mut servers.channels) {
                        let event = ChannelEvent::Closed(None);
                        lab.app.handle(lab.now, Event::Channel(id, channel, event));
                    }
                },
                Effect::Disk(_, DiskAsk::Forget(_)) => closed += 1,
                _ => {},
            }
        }
        servers.turn(&mut lab);
    }
    assert_eq!(closed, 1, "{}", lab.err());
}

#[test]
fn a_node_that_hangs_is_told_once_and_not_given_up() {
    let told = "its SFTP server has said nothing for 30 s";
    for (hang, times) in [(true, 1), (false, 0)] {
        let mut lab = Lab::batch(2, &["put a n*"], |_| {});
        lists(&mut lab, &[found("a", file(1))], &[]);
        let mut servers = Servers {
            hang,
            ..Servers::default()
        };
        for _ in 0..200 {
            for effect in std::mem::take(&mut lab.others) {
                match effect {
                    Effect::OpenChannel(id, channel, _) => servers.channels.push((id, channel)),
                    Effect::Exit(code) => panic!("{code}: {}", lab.err()),
                    // The disk here hangs, too.
                    _ => {},
                }
            }
            servers.turn(&mut lab);
            lab.after(Duration::from_millis(500));
        }
        let err = lab.err();
        assert_eq!(err.matches(told).count(), 2 * times, "{err}");
    }
}
