use super::super::lab::{Entry, Server, harm, harms, openssh};
use super::super::packet::kind;
use super::*;
use proptest::prelude::*;

mod rests;

/// This machine: what was written, and how the wishes went.
#[derive(Default)]
struct Here {
    growing: HashMap<usize, (Place, Vec<u8>)>,
    files: BTreeMap<String, Vec<u8>>,
    facts: BTreeMap<String, Facts>,
    folders: Vec<String>,
    links: BTreeMap<String, String>,
    /// What an earlier run left.
    rest: Option<Vec<u8>>,
    /// The name that has.
    rest_name: Option<Vec<u8>>,
    full: bool,
    most: isize,
}

fn shown(place: &[Vec<u8>]) -> String {
    String::from_utf8_lossy(&place.join(&b'/')).into_owned()
}

impl Here {
    fn fulfil(&mut self, download: &mut Download, shared: &mut Shared) -> bool {
        let wishes = download.take_wishes();
        let any = !wishes.is_empty();
        for wish in wishes {
            match wish {
                Wish::Folder(place, _) => {
                    self.folders.push(shown(&place));
                    download.made(&place, Ok(()), shared);
                },
                Wish::FolderFacts(place, facts) => {
                    self.facts.insert(shown(&place), facts);
                    download.made(&place, Ok(()), shared);
                },
                Wish::Link(place, to) => {
                    let to = String::from_utf8_lossy(&to).into_owned();
                    self.links.insert(shown(&place), to);
                    download.made(&place, Ok(()), shared);
                },
                Wish::Create {
                    file,
                    place,
                    resume,
                    ..
                } => {
                    let known = self.rest_name.is_none() || self.rest_name.as_ref() == place.last();
                    let rest = self.rest.clone().filter(|_| resume && known);
                    let rest = rest.unwrap_or_default();
                    let held = rest.len() as u64;
                    self.growing.insert(file, (place, rest));
                    self.most = self.most.max(isize::try_from(self.growing.len()).unwrap());
                    download.created(file, Ok(held), shared);
                },
                Wish::Write(file, offset, data) => {
                    let result = if self.full {
                        Err("no space".to_owned())
                    } else {
                        if let Some((_, bytes)) = self.growing.get_mut(&file) {
                            let (at, end) = {
                                let at = usize::try_from(offset).unwrap();
                                (at, at + data.len())
                            };
                            bytes.resize(bytes.len().max(end), 0);
                            bytes[at..end].copy_from_slice(&data);
                        }
                        Ok(())
                    };
                    download.written(file, (offset, data.len()), result, shared);
                },
                Wish::Compare(file, _) => download.compared(file, Ok(()), shared),
                Wish::Name {
                    file,
                    size,
                    name,
                    facts,
                } => {
                    let (mut place, bytes) = self.growing.remove(&file).unwrap();
                    assert_eq!(bytes.len() as u64, size);
                    place.pop();
                    place.push(name);
                    self.facts.extend(facts.map(|facts| (shown(&place), facts)));
                    self.files.insert(shown(&place), bytes);
                    download.named_here(file, Ok(()), shared);
                },
                Wish::Leave(file, keep) => {
                    if let Some((_, bytes)) = self.growing.remove(&file)
                        && keep
                    {
                        self.rest = Some(bytes);
                    }
                },
            }
        }
        any
    }
}

/// What is asked goes to the server.
fn ask(download: &mut Download, server: &mut Server) {
    let bytes = download.unsent().to_vec();
    download.sent(bytes.len());
    server.receive(&bytes);
}

/// The same, and all answers come back.
fn turn(download: &mut Download, server: &mut Server, shared: &mut Shared) {
    ask(download, server);
    download.receive(&server.answers(true), shared).unwrap();
}

fn told(fault: &Fault) -> String {
    let mark = if fault.mild { "note " } else { "" };
    let path = String::from_utf8_lossy(&fault.path);
    format!("{mark}{path}: {}", fault.why)
}

fn run(
    patterns: &[&str],
    deep: bool,
    how: How,
    server: &mut Server,
    here: &mut Here,
) -> Vec<String> {
    let patterns = patterns.iter().map(|text| text.as_bytes().to_vec());
    let mut download = Download::new(patterns.collect(), deep, how, b"n1".to_vec(), 5);
    let mut shared = Shared::new(0);
    let mut faults = Vec::new();
    for _ in 0..100_000 {
        let bytes = download.unsent().to_vec();
        download.sent(bytes.len());
        server.receive(&bytes);
        let answers = server.answers(!bytes.is_empty());
        for piece in answers.chunks(1000) {
            if let Err(Broken(why)) = download.receive(piece, &mut shared) {
                faults.push(why);
                download.cancel(&mut shared);
            }
        }
        let any = here.fulfil(&mut download, &mut shared);
        faults.extend(download.take_faults().iter().map(told));
        if bytes.is_empty() && answers.is_empty() && !any {
            assert!(download.is_done(), "{download:?}");
            assert!(here.growing.is_empty());
            assert_eq!((shared.room, shared.files), (ROOM, OPEN_MAX));
            return faults;
        }
    }
    panic!("it never ends");
}

const PLAIN: How = How {
    keep: false,
    resume: false,
    check: false,
};

fn file(bytes: &[u8]) -> Entry {
    Entry::File(bytes.to_vec(), 0o640, 1234)
}

fn big(size: usize) -> Vec<u8> {
    (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

#[test]
fn a_file_of_a_node_has_the_nodes_name() {
    for size in [0, 1, 131_072, 131_073, 5_000_000] {
        for (shuffle, read_max) in [(1, usize::MAX), (5, 10_000), (1, 40_000)] {
            let bytes = big(size);
            let mut server = openssh().with("f", file(&bytes));
            (server.shuffle, server.read_max) = (shuffle, read_max);
            let mut here = Here::default();
            let faults = run(&["f"], false, PLAIN, &mut server, &mut here);
            assert_eq!(faults, [""; 0]);
            assert!(here.files["f.n1"] == bytes, "{size}");
            assert_eq!(here.files.len(), 1);
        }
    }
}

#[test]
fn many_transfers_share_what_there_is() {
    let rooms: Vec<i64> = (0..6).map(|others| Shared::new(others).room).collect();
    assert!(rooms[0] == ROOM && rooms.iter().sum::<i64>() < 2 * ROOM);
    let files: Vec<isize> = (0..6).map(|others| Shared::new(others).files).collect();
    assert!(files[0] == OPEN_MAX && files.iter().sum::<isize>() <= 2 * OPEN_MAX);
    let least = Shared::new(1000);
    assert_eq!((least.room, least.files), LEAST);
}

#[test]
fn wildcards_are_the_nodes_own() {
    let mut server = openssh();
    for path in ["a.log", "b.log", ".c.log", "x[1]", "x1"] {
        server = server.with(path, file(path.as_bytes()));
    }
    for folder in ["d1", "d2", "e"] {
        server = server.with(folder, Entry::Folder(0o755, 1));
        server = server.with(&format!("{folder}/in"), file(folder.as_bytes()));
    }
    for (patterns, files, faults) in [
        (&["*.log"][..], &["a.log.n1", "b.log.n1"][..], &[][..]),
        (&["x[1]"], &["x[1].n1"], &[]),
        (&["x[1-2]"], &["x1.n1"], &[]),
        (&["d1/in"], &["in.n1"], &[]),
        (&["e/*"], &["in.n1"], &[]),
        (&["*.txt"], &[], &["*.txt: nothing there fits"]),
        (&["no"], &[], &["no: there is no such file"]),
        (&["d1"], &[], &["d1: it is a folder; -r copies it"]),
        (
            &["d1/in", "d2/in"],
            &["in.n1"],
            &["d2/in: another file was copied to in.n1"],
        ),
    ] {
        let mut here = Here::default();
        let told = run(patterns, false, PLAIN, &mut server, &mut here);
        assert_eq!(told, faults, "{patterns:?}");
        let found: Vec<&str> = here.files.keys().map(String::as_str).collect();
        assert_eq!(found, files, "{patterns:?}");
    }
    // Several that fit, of one name.
    let mut here = Here::default();
    let told = run(&["d?/*"], false, PLAIN, &mut server, &mut here);
    assert_eq!(told.len(), 1);
}

#[test]
fn folders_come_with_all_that_is_in_them() {
    let mut server = openssh()
        .with("d", Entry::Folder(0o750, 77))
        .with("d/e", Entry::Folder(0o500, 78))
        .with("d/e/f", file(b"deep"))
        .with("d/empty", Entry::Folder(0o755, 79))
        .with("d/l", Entry::Link(b"/etc/passwd".to_vec()));
    for n in 0..200 {
        server = server.with(&format!("d/f{n}"), file(b"x"));
    }
    let keep = How {
        keep: true,
        ..PLAIN
    };
    let mut here = Here::default();
    let faults = run(&["d"], true, keep, &mut server, &mut here);
    assert_eq!(faults, [""; 0]);
    assert_eq!(here.files.len(), 201);
    assert_eq!(here.files["n1/d/e/f"], b"deep");
    here.folders.sort();
    assert_eq!(here.folders, ["n1/d", "n1/d/e", "n1/d/empty"]);
    assert_eq!(here.links["n1/d/l"], "/etc/passwd");
    assert_eq!(here.facts["n1/d"].modified, 77);
    assert_eq!(here.facts["n1/d/f0"].mode, 0o640);
    assert!(usize::try_from(here.most).unwrap() <= FILES_MAX);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let folder = Attrs {
        mode: Some(0o040_755),
        ..Attrs::default()
    };
    let plain = Attrs {
        mode: Some(0o100_644),
        ..Attrs::default()
    };
    let mut server = openssh().with("d", Entry::Folder(0o755, 1));
    for name in ["..", ".", "../x", "/etc/cron.d/x", "a/b", "a\0b", ""] {
        server.lies.push((name.as_bytes().to_vec(), plain));
        server.lies.push((name.as_bytes().to_vec(), folder));
    }
    server.lies.push((vec![b'x'; 300], plain));
    let mut here = Here::default();
    let faults = run(&["d"], true, PLAIN, &mut server, &mut here);
    assert_eq!(faults.len(), 11, "{faults:?}");
    assert!(here.files.is_empty());
    assert_eq!(here.folders, ["n1/d"]);
    // A folder that holds itself ends somewhere.
    let mut server = openssh().with("d", Entry::Folder(0o755, 1));
    let path: String = (0..200).fold("d".to_owned(), |path, _| {
        server
            .tree
            .insert(path.clone().into_bytes(), Entry::Folder(0o755, 1));
        path + "/d"
    });
    drop(path);
    let mut here = Here::default();
    let faults = run(&["d"], true, PLAIN, &mut server, &mut here);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].ends_with("the folders are too deep"));
}

#[test]
fn what_is_not_what_it_says_gets_no_name() {
    // Longer than it is.
    let mut server = openssh().with("f", file(b"short"));
    server.false_size = Some(1 << 40);
    let mut here = Here::default();
    let faults = run(&["f"], false, PLAIN, &mut server, &mut here);
    assert_eq!(faults, ["f: it is shorter than its server says"]);
    assert!(here.files.is_empty());
    // Of no known size, as in /proc.
    let bytes = big(300_000);
    let mut server = openssh().with("f", file(&bytes));
    server.false_size = Some(0);
    let mut here = Here::default();
    assert_eq!(run(&["f"], false, PLAIN, &mut server, &mut here), [""; 0]);
    assert!(here.files["f.n1"] == bytes);
    // No room here.
    let mut server = openssh().with("f", file(&bytes)).with("g", file(b""));
    let mut here = Here {
        full: true,
        ..Here::default()
    };
    let faults = run(&["f", "g"], false, PLAIN, &mut server, &mut here);
    assert_eq!(faults[..1], ["f.n1: no space"]);
    assert_eq!(here.files.keys().collect::<Vec<_>>(), ["g.n1"]);
}

#[test]
fn a_listing_waits_until_what_it_has_brought_is_read() {
    let mut server = openssh().with("d", Entry::Folder(0o755, 1));
    for n in 0..5000 {
        server = server.with(&format!("d/f{n}"), file(b"x"));
    }
    server.list_max = 700;
    let mut download = Download::new(vec![b"d".to_vec()], true, PLAIN, b"n1".to_vec(), 5);
    let (mut shared, mut here) = (Shared::new(0), Here::default());
    let mut most = 0;
    for _ in 0..100_000 {
        turn(&mut download, &mut server, &mut shared);
        most = most.max(download.wanted.len());
        here.fulfil(&mut download, &mut shared);
        if download.is_done() {
            break;
        }
    }
    assert_eq!(here.files.len(), 5000);
    assert!((1500..=2000).contains(&most), "{most}");
    // A server that lists nothing, for ever; and a path that nobody could open.
    let mut server = openssh().with("d", Entry::Folder(0o755, 1));
    server.list_max = 0;
    assert_eq!(
        run(&["d"], true, PLAIN, &mut server, &mut Here::default()),
        [""; 0]
    );
    let long = format!("d{}", "/d".repeat(2046));
    let mut server = openssh().with(&long, Entry::Folder(0o755, 1));
    server = server.with(&format!("{long}/abcd"), file(b"x"));
    let faults = run(&[&long], true, PLAIN, &mut server, &mut Here::default());
    assert!(faults.len() == 1 && faults[0].ends_with("its path is too long"));
}

#[test]
fn what_fits_and_cannot_be_looked_at_is_told() {
    let mut server = openssh()
        .with("a1", file(b"x"))
        .with("a2", file(b"x"))
        .with("a3", Entry::Link(b"nowhere".to_vec()))
        .with("d1", Entry::Folder(0o755, 1))
        .with("d1/in", file(b"x"))
        .with("d2", Entry::Folder(0o700, 1))
        .with("d3", Entry::Folder(0o755, 1));
    server.hidden = vec![b"a2".to_vec(), b"d2".to_vec(), b"d2/in".to_vec()];
    let refused = "permission denied";
    for (pattern, file, told) in [
        (
            "a*",
            "a1.n1",
            vec![("a2", refused), ("a3", "there is no such file")],
        ),
        ("d*/*", "in.n1", vec![("d2", refused)]),
        ("d*/in", "in.n1", vec![("d2/in", refused)]),
        ("*/in", "in.n1", vec![("d2/in", refused)]),
    ] {
        let mut here = Here::default();
        let mut faults = run(&[pattern], false, PLAIN, &mut server, &mut here);
        faults.sort();
        assert_eq!(here.files.keys().collect::<Vec<_>>(), [file]);
        assert_eq!(faults.len(), told.len(), "{pattern}: {faults:?}");
        for (fault, (path, why)) in faults.iter().zip(told) {
            assert!(fault.starts_with(&format!("{path}: ")), "{fault}");
            assert!(fault.to_lowercase().contains(why), "{fault}");
        }
    }
}

#[test]
fn a_folder_is_made_here_before_anything_in_it() {
    for result in [Ok(()), Err("no".to_owned())] {
        let mut server = openssh()
            .with("d", Entry::Folder(0o700, 1))
            .with("d/f", file(b"x"));
        let mut download = Download::new(vec![b"d".to_vec()], true, PLAIN, b"n1".to_vec(), 5);
        let mut shared = Shared::new(0);
        let mut turns = |download: &mut Download, shared: &mut Shared| {
            for _ in 0..10 {
                turn(download, &mut server, shared);
            }
            server.asked.contains(&kind::OPENDIR)
        };
        assert!(!turns(&mut download, &mut shared));
        let place = vec![b"n1".to_vec(), b"d".to_vec()];
        let wish = Wish::Folder(place.clone(), 0o700);
        assert_eq!(download.take_wishes(), [wish]);
        download.made(&place, result.clone(), &mut shared);
        assert_eq!(turns(&mut download, &mut shared), result.is_ok());
        assert_eq!(download.is_done(), result.is_err());
    }
}

#[test]
fn nodes_that_do_not_answer_do_not_hold_up_the_others() {
    let mut shared = Shared::new(0);
    let (mut hung, mut left) = (Vec::new(), Vec::new());
    let many = || (0..300).fold(openssh(), |s, n| s.with(&format!("f{n}"), file(b"x")));
    for _ in 0..200 {
        let mut download = Download::new(vec![b"f*".to_vec()], false, PLAIN, b"h".to_vec(), 5);
        let mut server = many();
        while !server.asked.contains(&kind::OPEN) {
            ask(&mut download, &mut server);
            if !server.asked.contains(&kind::OPEN) {
                download
                    .receive(&server.answers(true), &mut shared)
                    .unwrap();
            }
            // What is shared is the names, too.
            shared.claimed.clear();
        }
        hung.push(download);
        left.push(shared.files);
    }
    let mut download = Download::new(vec![b"f*".to_vec()], false, PLAIN, b"n1".to_vec(), 5);
    let (mut server, mut here) = (many(), Here::default());
    for _ in 0..100_000 {
        turn(&mut download, &mut server, &mut shared);
        here.fulfil(&mut download, &mut shared);
        if download.is_done() {
            break;
        }
    }
    assert_eq!(here.files.len(), 300);
    // Two of them leave room for many files at a time.
    assert!(left[1] >= 32, "{left:?}");
    for mut download in hung {
        download.cancel(&mut shared);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever names and kinds a server lists: what is written is below the node's folder.
    #[test]
    fn no_listing_leads_out(
        lies in proptest::collection::vec(
            ("(\\.|/|a|\\.\\.|\0|\n| ){0,4}", prop_oneof![
                Just(None), Just(Some(0o040_755_u32)), Just(Some(0o100_644)), Just(Some(0o120_777)),
                Just(Some(0o010_644)),
            ]),
            0..8,
        ),
    ) {
        let mut server = openssh().with("d", Entry::Folder(0o755, 1));
        server.lies = lies
            .into_iter()
            .map(|(name, mode)| (name.into_bytes(), Attrs { mode, ..Attrs::default() }))
            .collect();
        let mut here = Here::default();
        run(&["d"], true, PLAIN, &mut server, &mut here);
        for place in here.files.keys().chain(&here.folders).chain(here.links.keys()) {
            let mut parts = place.split('/');
            prop_assert_eq!(parts.next(), Some("n1"));
            prop_assert!(parts.all(|part| !["", ".", ".."].contains(&part)));
        }
    }

    /// Whatever becomes of a server's answers: no panic, an end, what is open and asked for stays
    /// bounded and is given back, and what is written is below the node's folder.
    #[test]
    fn no_answers_do_harm(
        harms in harms(),
        piece in 1..300_usize,
        (keep, resume, check) in any::<(bool, bool, bool)>(),
    ) {
        let mut server = openssh()
            .with("d", Entry::Folder(0o750, 77))
            .with("d/e", Entry::Folder(0o500, 78))
            .with("d/e/f", file(&big(300_000)))
            .with("d/l", Entry::Link(b"/etc/passwd".to_vec()))
            .with("x", file(b"xx"));
        for n in 0..10 {
            server = server.with(&format!("d/f{n}"), file(b"x"));
        }
        let how = How { keep, resume, check };
        let patterns = vec![b"d".to_vec(), b"x*".to_vec()];
        let mut download = Download::new(patterns, true, how, b"n1".to_vec(), 5);
        let (mut shared, mut here, mut nth) = (Shared::new(0), Here::default(), 0);
        let mut turns = 0;
        'all: loop {
            turns += 1;
            prop_assert!(turns < 2000, "it never ends");
            let bytes = download.unsent().to_vec();
            prop_assert!(bytes.len() < 1 << 20);
            download.sent(bytes.len());
            server.receive(&bytes);
            let answers = harm(&server.answers(!bytes.is_empty()), &mut nth, &harms);
            for piece in answers.chunks(piece) {
                if download.receive(piece, &mut shared).is_err() {
                    break 'all;
                }
            }
            let any = here.fulfil(&mut download, &mut shared);
            prop_assert!(here.most <= OPEN_MAX);
            prop_assert!(shared.room > -(1 << 20));
            if bytes.is_empty() && answers.is_empty() && !any {
                break;
            }
        }
        // It is done, broken, or waits for what never comes.
        download.cancel(&mut shared);
        here.fulfil(&mut download, &mut shared);
        prop_assert!(here.growing.is_empty());
        prop_assert_eq!((shared.room, shared.files), (ROOM, OPEN_MAX));
        for place in here.files.keys().chain(&here.folders).chain(here.links.keys()) {
            let mut parts = place.split('/');
            prop_assert_eq!(parts.next(), Some("n1"));
            prop_assert!(parts.all(|part| !["", ".", ".."].contains(&part)), "{}", place);
        }
    }
}
