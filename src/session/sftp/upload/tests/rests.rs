//! What an earlier run has left.

use super::super::super::plan::part_name;
use super::*;

/// The name under which the file of this size grows.
fn part_of(size: usize) -> String {
    String::from_utf8(part_name(b"f", &facts(size), None)).unwrap()
}

#[test]
fn a_rest_is_gone_on_with_and_a_strangers_file_is_not_touched() {
    let size = 9_000_000;
    let (plan, mut disk) = one(size);
    let how = How {
        resume: true,
        ..PLAIN
    };
    let part = part_of(size);
    let rest = disk.files[0][..8_000_000].to_vec();
    let mut server = openssh().with(&part, Entry::File(rest.clone(), 0o600, 1));
    assert_eq!(run(plan.clone(), how, ".", &mut server, &mut disk), [""; 0]);
    assert_eq!(server.names(), ["f"]);
    assert!(server.file("f") == Some(&disk.files[0]));
    assert!(disk.taken[&0] < 50, "only the end was sent");
    // Without --resume the rest is somebody else's, and so it is where it is no file.
    for (how, entry) in [
        (PLAIN, Entry::File(rest, 0o600, 1)),
        (how, Entry::Link(b"/etc/passwd".to_vec())),
    ] {
        let mut server = openssh().with(&part, entry.clone());
        assert_eq!(run(plan.clone(), how, ".", &mut server, &mut disk), [""; 0]);
        assert!(server.file("f") == Some(&disk.files[0]));
        assert_eq!(server.tree[part.as_bytes()], entry);
    }
}

#[test]
fn a_rest_counts_for_what_it_is_once_it_is_open() {
    let size = 9_000_000;
    let how = How {
        resume: true,
        ..PLAIN
    };
    let part = part_of(size);
    let rest = |disk: &Disk, count: usize| Entry::File(disk.files[0][..count].to_vec(), 0o600, 1);
    // Another dust gives it its name between two requests, or a shorter one takes its place.
    for (asked, shorter) in [(kind::LSTAT, None), (kind::LSTAT, Some(5_000_000))] {
        let (plan, mut disk) = one(size);
        let mut server = openssh().with(&part, rest(&disk, 8_000_000));
        let mut upload = Upload::new(Rc::new(plan), how, b".".to_vec(), 1);
        run_until(&mut upload, &mut server, &mut disk, |_, server| {
            server.asked.contains(&asked)
        });
        server.tree.remove(part.as_bytes()).unwrap();
        match shorter {
            Some(count) => server = server.with(&part, rest(&disk, count)),
            None => server = server.with("f", rest(&disk, size)),
        }
        run_until(&mut upload, &mut server, &mut disk, |_, _| false);
        assert!(upload.is_done() && upload.take_faults().is_empty());
        assert_eq!(server.names(), ["f"]);
        assert!(server.file("f") == Some(&disk.files[0]));
        assert!(upload.moved() <= size as u64);
    }
    // It cannot be opened: all of it is sent, beside.
    for code in [Code::Failure, Code::PermissionDenied] {
        let (plan, mut disk) = one(size);
        let mut server = openssh().with(&part, rest(&disk, 8_000_000));
        server.reopen = code;
        assert_eq!(run(plan, how, ".", &mut server, &mut disk), [""; 0]);
        assert!(server.file("f") == Some(&disk.files[0]));
        assert_eq!(server.file(&part).map(<[u8]>::len), Some(8_000_000));
    }
}

#[test]
fn a_file_that_nobody_may_write_to_is_gone_on_with_too() {
    let size = 9_000_000;
    let (mut plan, mut disk) = one(size);
    let about = Facts {
        mode: 0o444,
        ..facts(size)
    };
    plan.items[0].what = What::File(about);
    let resume = How {
        resume: true,
        ..PLAIN
    };
    let keep = How {
        keep: true,
        ..PLAIN
    };
    // What a run leaves whose connection is lost.
    let (mut lost, mut server) = (openssh(), openssh());
    let mut upload = Upload::new(Rc::new(plan.clone()), PLAIN, b".".to_vec(), 1);
    run_until(&mut upload, &mut lost, &mut disk, |upload, _| {
        upload.moved() > 6_000_000
    });
    server.tree = lost.tree;
    assert_eq!(server.names().len(), 1);
    disk.taken.clear();
    assert_eq!(
        run(plan.clone(), resume, ".", &mut server, &mut disk),
        [""; 0]
    );
    assert_eq!(server.names(), ["f"]);
    assert!(disk.taken[&0] < 60, "{:?}", disk.taken);
    assert!(
        matches!(&server.tree[&b"f".to_vec()], Entry::File(data, 0o444, _)
        if *data == disk.files[0])
    );
    // The node's umask counts, unless modes are kept.
    for (how, mode) in [(PLAIN, 0o440), (resume, 0o440), (keep, 0o444)] {
        let mut server = openssh();
        server.umask = 0o027;
        assert_eq!(run(plan.clone(), how, ".", &mut server, &mut disk), [""; 0]);
        assert!(matches!(server.tree[&b"f".to_vec()], Entry::File(_, m, _) if m == mode));
    }
    // One that an earlier dust left as it is to be.
    let part = String::from_utf8(part_name(b"f", &about, None)).unwrap();
    let mut server = openssh().with(&part, Entry::File(vec![b'?'; 8_000_000], 0o444, 1));
    assert_eq!(run(plan, resume, ".", &mut server, &mut disk), [""; 0]);
    assert!(server.file("f") == Some(&disk.files[0]));
}

#[test]
fn nothing_is_sent_too_far_beyond_what_has_no_answer() {
    let (plan, mut disk) = one(20_000_000);
    let mut server = openssh();
    let mut upload = Upload::new(Rc::new(plan), PLAIN, b".".to_vec(), 1);
    let mut first = None;
    for _ in 0..300 {
        let bytes = upload.unsent().to_vec();
        upload.sent(bytes.len());
        server.receive(&bytes);
        upload.turn(&mut disk);
        let mut answers = server.answers(true);
        if first.is_none() && server.asked.contains(&kind::WRITE) {
            // All but the first write are answered.
            let rest = answers.split_off(4 + usize::from(answers[3]));
            first = Some(answers);
            answers = rest;
        }
        upload.receive(now(), &answers, &mut disk).unwrap();
    }
    let part = server.names().remove(0);
    let sent = server.file(&part).unwrap().len() as u64;
    assert!((WINDOW / 2..=WINDOW).contains(&sent), "{sent}");
    upload.receive(now(), &first.unwrap(), &mut disk).unwrap();
    run_until(&mut upload, &mut server, &mut disk, |_, _| false);
    assert!(upload.is_done() && server.file("f") == Some(&disk.files[0]));
}
