use super::super::lab::{Entry, Server, harm, harms, openssh};
use super::super::packet::kind;
use super::super::plan::{BLOCK, Facts, Folder, Item};
use super::*;
use proptest::prelude::*;

mod rests;

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "any point in time serves")]
    Instant::now()
}

/// Files of this machine, all there at once.
#[derive(Default)]
struct Disk {
    files: Vec<Vec<u8>>,
    broken: Option<usize>,
    taken: BTreeMap<usize, usize>,
}

impl Blocks for Disk {
    fn block(&mut self, item: usize, block: u64) -> Supply {
        if self.broken == Some(item) {
            return Supply::Failed("cannot read it".to_owned());
        }
        let at = usize::try_from(block * BLOCK).unwrap();
        let end = self.files[item]
            .len()
            .min(at + usize::try_from(BLOCK).unwrap());
        Supply::Here(self.files[item][at..end].into())
    }
    fn taken(&mut self, item: usize, _: u64) {
        *self.taken.entry(item).or_default() += 1;
    }
    fn passed(&mut self, _: usize) {}
}

fn facts(size: usize) -> Facts {
    Facts {
        size: size as u64,
        mode: 0o640,
        accessed: 7,
        modified: 9,
        nanos: 0,
    }
}

fn file(path: &str, parent: Option<usize>, size: usize) -> Item {
    Item {
        path: path.as_bytes().to_vec(),
        parent,
        what: What::File(facts(size)),
    }
}

fn big(size: usize) -> Vec<u8> {
    (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

/// One file of some content.
fn one(size: usize) -> (Plan, Disk) {
    let plan = Plan {
        items: vec![file("f", None, size)],
        ..Plan::default()
    };
    let disk = Disk {
        files: vec![big(size)],
        ..Disk::default()
    };
    (plan, disk)
}

/// Carries bytes back and forth until nothing moves any more, or `stop` says so.
fn run_until(
    upload: &mut Upload,
    server: &mut Server,
    disk: &mut Disk,
    mut stop: impl FnMut(&Upload, &Server) -> bool,
) {
    for _ in 0..100_000 {
        let bytes = upload.unsent().to_vec();
        upload.sent(bytes.len());
        server.receive(&bytes);
        upload.turn(disk);
        let more = !upload.unsent().is_empty();
        let answers = server.answers(more);
        for piece in answers.chunks(1000) {
            upload.receive(now(), piece, disk).unwrap();
        }
        if (answers.is_empty() && !more) || stop(upload, server) {
            return;
        }
    }
    panic!("it never ends");
}

fn run(plan: Plan, how: How, to: &str, server: &mut Server, disk: &mut Disk) -> Vec<String> {
    let mut upload = Upload::new(Rc::new(plan), how, to.as_bytes().to_vec(), 1);
    run_until(&mut upload, server, disk, |_, _| false);
    for Wish::Compare(item, path) in upload.take_wishes() {
        let path = String::from_utf8(path).unwrap();
        let same = server.file(&path) == Some(&disk.files[item][..]);
        let result = if same {
            Ok(())
        } else {
            Err("differs".to_owned())
        };
        upload.compared(item, result, disk);
        run_until(&mut upload, server, disk, |_, _| false);
    }
    assert!(upload.is_done(), "{upload:?}");
    assert_eq!(server.open_files(), 0);
    let faults = upload.take_faults().into_iter();
    let text = |fault: Fault| format!("{}: {}", String::from_utf8_lossy(&fault.path), fault.why);
    faults.map(text).collect()
}

const PLAIN: How = How {
    keep: false,
    resume: false,
    check: false,
};

#[test]
fn a_file_arrives_whole_under_its_name_and_nothing_else_does() {
    for size in [0, 1, 1000, 131_072, 131_073, 3_000_000] {
        for shuffle in [1, 7] {
            let mut server = openssh();
            server.shuffle = shuffle;
            let (plan, mut disk) = one(size);
            let faults = run(plan, PLAIN, ".", &mut server, &mut disk);
            assert_eq!(faults, [""; 0]);
            assert_eq!(server.names(), ["f"]);
            assert!(server.file("f") == Some(&disk.files[0]), "{size}");
            let blocks = size.div_ceil(131_072).max(1);
            assert_eq!(disk.taken[&0], blocks);
        }
    }
}

#[test]
fn many_small_files_share_round_trips() {
    let names: Vec<String> = (0..300).map(|i| format!("d/{i}")).collect();
    let plan = Plan {
        folders: vec![Folder {
            path: b"d".to_vec(),
            parent: None,
            facts: facts(0),
        }],
        items: names.iter().map(|name| file(name, Some(0), 10)).collect(),
        ..Plan::default()
    };
    let mut disk = Disk {
        files: vec![vec![b'x'; 10]; 300],
        ..Disk::default()
    };
    let mut server = openssh();
    let mut upload = Upload::new(Rc::new(plan), PLAIN, b".".to_vec(), 1);
    let mut trips = 0;
    run_until(&mut upload, &mut server, &mut disk, |_, _| {
        trips += 1;
        false
    });
    assert!(upload.is_done());
    assert_eq!(upload.whole(), 300);
    assert!(trips < 60, "{trips}");
    assert!(server.most_open <= 64);
}

#[test]
fn folders_links_modes_and_times() {
    let folder = |path: &str, parent, mode| Folder {
        path: path.as_bytes().to_vec(),
        parent,
        facts: Facts { mode, ..facts(0) },
    };
    let plan = Plan {
        folders: vec![folder("a", None, 0o500), folder("a/b", Some(0), 0o755)],
        items: vec![
            file("a/b/f", Some(1), 3),
            Item {
                path: b"a/l".to_vec(),
                parent: Some(0),
                what: What::Link(b"../../etc".to_vec()),
            },
        ],
        ..Plan::default()
    };
    let mut disk = Disk {
        files: vec![b"abc".to_vec()],
        ..Disk::default()
    };
    let keep = How {
        keep: true,
        ..PLAIN
    };
    for (how, dir_time, file_mode) in [(keep, 9, 0o640), (PLAIN, 1, 0o640)] {
        let mut server = openssh().with("a", Entry::Folder(0o777, 1));
        let faults = run(plan.clone(), how, ".", &mut server, &mut disk);
        assert_eq!(faults, [""; 0]);
        assert_eq!(server.names(), ["a", "a/b", "a/b/f", "a/l"]);
        assert_eq!(server.tree[&b"a".to_vec()], Entry::Folder(0o500, dir_time));
        let Entry::File(_, mode, time) = server.tree[&b"a/b/f".to_vec()] else {
            panic!();
        };
        assert_eq!((mode, time), (file_mode, dir_time));
        assert_eq!(
            server.tree[&b"a/l".to_vec()],
            Entry::Link(b"../../etc".to_vec())
        );
    }
}

#[test]
fn what_is_there_is_replaced_in_one_step_or_stays() {
    let old = || Entry::File(b"old".to_vec(), 0o600, 1);
    // With OpenSSH's rename.
    let mut server = openssh().with("f", old());
    let (plan, mut disk) = one(10);
    assert_eq!(run(plan, PLAIN, ".", &mut server, &mut disk), [""; 0]);
    assert_eq!(server.file("f").unwrap().len(), 10);
    // Without.
    let mut server = openssh().with("f", old());
    server.extensions.clear();
    let (plan, mut disk) = one(10);
    assert_eq!(run(plan, PLAIN, ".", &mut server, &mut disk), [""; 0]);
    assert_eq!(server.names(), ["f"]);
    assert_eq!(server.file("f").unwrap().len(), 10);
    // A folder stays a folder.
    let mut server = openssh().with("f", Entry::Folder(0o755, 1));
    let (plan, mut disk) = one(10);
    let faults = run(plan, PLAIN, ".", &mut server, &mut disk);
    assert_eq!(faults, ["f: a folder has this name"]);
    assert_eq!(server.names(), ["f"]);
    // A failure leaves the old one.
    let mut server = openssh().with("f", old());
    server.room = 2_000_000;
    let (plan, mut disk) = one(3_000_000);
    let faults = run(plan, PLAIN, ".", &mut server, &mut disk);
    assert_eq!(faults, ["f: no space is left on the node's disk"]);
    assert_eq!(server.names(), ["f"]);
    assert_eq!(server.file("f"), Some(&b"old"[..]));
}

#[test]
fn nothing_is_removed_in_vain_where_renaming_fails() {
    let (ok, not, refused) = (Code::Ok, Code::Unsupported, Code::PermissionDenied);
    for (renames, there, told) in [
        // It offers what it cannot do.
        ([not, ok], "new", [""; 0].as_slice()),
        (
            [not, not],
            "old",
            &["f: it cannot get its name: its SFTP server cannot do that"],
        ),
        (
            [not, refused],
            "old",
            &["f: it cannot get its name: permission denied"],
        ),
        // As in a sticky folder.
        (
            [refused, ok],
            "old",
            &["f: it cannot get its name: permission denied"],
        ),
        (
            [Code::Failure, ok],
            "old",
            &["f: it cannot get its name: the node's system refused it, without a reason"],
        ),
    ] {
        let plan = Plan {
            items: vec![file("f", None, 3), file("g", None, 3)],
            ..Plan::default()
        };
        let mut disk = Disk {
            files: vec![b"new".to_vec(); 2],
            ..Disk::default()
        };
        let old = Entry::File(b"old".to_vec(), 0o600, 1);
        let mut server = openssh().with("f", old);
        server.renames = renames;
        let faults = run(plan, PLAIN, ".", &mut server, &mut disk);
        assert_eq!(faults.len(), 2 * told.len(), "{renames:?}: {faults:?}");
        assert!(
            told.iter().all(|told| faults.contains(&(*told).to_owned())),
            "{faults:?}"
        );
        assert_eq!(server.file("f"), Some(there.as_bytes()), "{renames:?}");
        let parts = server.names().into_iter().filter(|n| n.ends_with(".part"));
        assert_eq!(parts.count(), 0, "{renames:?}");
    }
}

#[test]
fn where_it_goes() {
    let folder = || Entry::Folder(0o755, 1);
    for (to, there, result) in [
        ("d", Some(folder()), Ok("d/f")),
        ("d/", Some(folder()), Ok("d/f")),
        ("new", None, Ok("new")),
        ("new/", None, Err("new/: there is no such folder")),
        ("no/new", None, Err("no/new: there is no such folder")),
        ("d", Some(Entry::File(Vec::new(), 0o600, 1)), Ok("d")),
    ] {
        let mut server = openssh();
        if let Some(entry) = there {
            server = server.with("d", entry.clone());
            server.tree.insert(b"d/".to_vec(), entry);
        }
        let (plan, mut disk) = one(5);
        let faults = run(plan, PLAIN, to, &mut server, &mut disk);
        match result {
            Ok(path) => {
                assert_eq!(faults, [""; 0], "{to}");
                assert!(server.file(path).is_some(), "{to}");
            },
            Err(fault) => assert_eq!(faults, [fault], "{to}"),
        }
    }
    // Two files do not fit under one name, and one of two must not get it.
    for (items, missing) in [
        (vec![file("a", None, 1), file("b", None, 1)], 0),
        (vec![file("a", None, 1)], 1),
    ] {
        let plan = Plan {
            items,
            missing,
            ..Plan::default()
        };
        let mut disk = Disk::default();
        let faults = run(plan, PLAIN, "new", &mut openssh(), &mut disk);
        assert_eq!(faults, ["new: there is no such folder"]);
    }
}

#[test]
fn what_is_not_whole_is_removed_when_it_is_cancelled_at_any_point() {
    for (resume, after) in (0..32).map(|n| (n % 2 == 1, n / 2)) {
        let (plan, mut disk) = one(5_000_000);
        let mut server = openssh();
        let how = How { resume, ..PLAIN };
        let mut upload = Upload::new(Rc::new(plan), how, b".".to_vec(), 1);
        let mut turns = 0;
        run_until(&mut upload, &mut server, &mut disk, |_, _| {
            turns += 1;
            turns > after
        });
        upload.cancel(&mut disk);
        run_until(&mut upload, &mut server, &mut disk, |_, _| false);
        let names = server.names();
        if resume {
            assert!(names.len() <= 1, "{after}: {names:?}");
        } else {
            assert!(names.is_empty() || names == ["f"], "{after}: {names:?}");
        }
        if let Some(file) = server.file("f") {
            assert_eq!(file.len(), 5_000_000);
        }
    }
}

#[test]
fn a_file_that_fails_here_or_there_does_not_hold_up_the_others() {
    let plan = Plan {
        items: vec![file("a", None, 9), file("b", None, 5), file("c", None, 5)],
        ..Plan::default()
    };
    let mut disk = Disk {
        files: vec![vec![b'x'; 9], vec![b'x'; 5], vec![b'x'; 4]],
        broken: Some(0),
        ..Disk::default()
    };
    let mut server = openssh();
    let faults = run(plan, PLAIN, ".", &mut server, &mut disk);
    assert_eq!(
        faults,
        [
            "a: cannot read it",
            "c: it became shorter while it was read"
        ]
    );
    assert_eq!(server.names(), ["b"]);
}

#[test]
fn a_copy_that_differs_gets_no_name() {
    let how = How {
        check: true,
        ..PLAIN
    };
    let (plan, mut disk) = one(1000);
    let mut server = openssh();
    assert_eq!(run(plan.clone(), how, ".", &mut server, &mut disk), [""; 0]);
    let asked = server
        .asked
        .iter()
        .filter(|k| **k == kind::EXTENDED)
        .count();
    assert_eq!(asked, 3, "limits, fsync, rename");
    let mut server = openssh();
    let mut upload = Upload::new(Rc::new(plan), how, b".".to_vec(), 1);
    run_until(&mut upload, &mut server, &mut disk, |_, _| false);
    assert_eq!(upload.take_wishes().len(), 1);
    upload.compared(0, Err("differs".to_owned()), &mut disk);
    run_until(&mut upload, &mut server, &mut disk, |_, _| false);
    assert!(upload.is_done());
    assert_eq!(server.names(), [""; 0]);
}

#[test]
fn less_is_on_the_way_where_answers_come_at_once() {
    let begin = now();
    for (answered, most) in [(1, WINDOW_NEAR), (40, WINDOW)] {
        let (plan, mut disk) = one(20_000_000);
        let mut server = openssh();
        let mut upload = Upload::new(Rc::new(plan), PLAIN, b".".to_vec(), 1);
        // The greeting, the limits, the destination, the open file.
        for turn in 0..4 {
            let bytes = upload.unsent().to_vec();
            upload.sent(bytes.len());
            server.receive(&bytes);
            let answers = server.answers(false);
            let at = begin + Duration::from_millis(if turn < 2 { 0 } else { answered });
            upload.receive(at, &answers, &mut disk).unwrap();
        }
        // The channel takes all, and the server answers nothing.
        while !upload.unsent().is_empty() {
            let count = upload.unsent().len();
            upload.sent(count);
            upload.turn(&mut disk);
        }
        assert!((most..most + 2 * BLOCK).contains(&upload.flying));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever becomes of a server's answers: no panic, an end, and what is on the way stays bounded.
    #[test]
    fn no_answers_do_harm(
        harms in harms(),
        piece in 1..300_usize,
        (keep, resume, check) in any::<(bool, bool, bool)>(),
        stop in 0..200_usize,
    ) {
        let folder = Folder { path: b"d".to_vec(), parent: None, facts: facts(0) };
        let link = What::Link(b"../etc".to_vec());
        let mut items = vec![
            file("big", None, 400_000),
            Item { path: b"d/l".to_vec(), parent: Some(0), what: link },
        ];
        let mut disk = Disk { files: vec![big(400_000), Vec::new()], ..Disk::default() };
        for n in 0..8 {
            items.push(file(&format!("d/{n}"), Some(0), 10));
            disk.files.push(vec![b'x'; 10]);
        }
        let plan = Rc::new(Plan { folders: vec![folder], items, missing: 0 });
        let how = How { keep, resume, check };
        let mut upload = Upload::new(plan, how, b".".to_vec(), 1);
        let (mut server, mut nth) = (openssh(), 0);
        let mut turns = 0;
        'all: loop {
            turns += 1;
            prop_assert!(turns < 2000, "it never ends");
            let bytes = upload.unsent().to_vec();
            upload.sent(bytes.len());
            prop_assert!(bytes.len() < 1 << 20 && upload.flying <= WINDOW + BLOCK);
            server.receive(&bytes);
            upload.turn(&mut disk);
            let more = !upload.unsent().is_empty();
            let answers = harm(&server.answers(more), &mut nth, &harms);
            for piece in answers.chunks(piece) {
                if upload.receive(now(), piece, &mut disk).is_err() {
                    break 'all;
                }
            }
            for Wish::Compare(item, _) in upload.take_wishes() {
                upload.compared(item, Ok(()), &mut disk);
            }
            if turns == stop {
                upload.cancel(&mut disk);
            }
            if answers.is_empty() && upload.unsent().is_empty() {
                break;
            }
        }
        // What it made is what was to be made, or grows still.
        for name in server.names() {
            let known = ["big", "d", "d/l"].contains(&name.as_str());
            let small = name.strip_prefix("d/").is_some_and(|n| n.len() == 1);
            prop_assert!(known || small || name.ends_with(".part"), "{}", name);
        }
    }
}
