//! What an earlier run has left.

use super::*;

#[test]
fn what_changed_since_it_was_listed_is_not_joined_to_a_rest() {
    let (old, new) = (big(9_000_000), vec![b'n'; 9_500_000]);
    let about = walk::facts(&Attrs {
        size: Some(9_000_000),
        times: Some((1234, 1234)),
        ..Attrs::default()
    });
    let how = How {
        resume: true,
        ..PLAIN
    };
    let mut here = Here {
        rest: Some(old[..8_000_000].to_vec()),
        rest_name: Some(crate::session::sftp::plan::part_name(b"f.n1", &about, None)),
        ..Here::default()
    };
    let mut server = openssh().with("f", file(&old));
    let mut download = Download::new(vec![b"f".to_vec()], false, how, b"n1".to_vec(), 5);
    let mut shared = Shared::new(0);
    while !download.is_done() {
        ask(&mut download, &mut server);
        if server.asked.contains(&kind::STAT) {
            server = server.with("f", Entry::File(new.clone(), 0o640, 1235));
        }
        download
            .receive(&server.answers(true), &mut shared)
            .unwrap();
        here.fulfil(&mut download, &mut shared);
    }
    assert!(download.take_faults().is_empty());
    assert!(here.files["f.n1"] == new);
}

#[test]
fn a_file_that_grows_is_copied_up_to_its_old_end_unless_it_is_compared() {
    let grew = "note f: it grew while it was read; its first";
    for (old, new, check, said) in [
        (
            300_000,
            300_001,
            false,
            format!("{grew} 300000 bytes were copied"),
        ),
        // All of it is read where no size is told, as in /proc.
        (0, 4, false, format!("{grew} 4 bytes were copied")),
        (
            300_000,
            300_001,
            true,
            "f: it changed while it was read".to_owned(),
        ),
    ] {
        let how = How { check, ..PLAIN };
        let mut server = openssh().with("f", file(&big(old)));
        let mut download = Download::new(vec![b"f".to_vec()], false, how, b"n1".to_vec(), 5);
        let (mut shared, mut here) = (Shared::new(0), Here::default());
        while !download.is_done() {
            ask(&mut download, &mut server);
            if server.asked.contains(&kind::FSTAT) {
                server = server.with("f", Entry::File(big(new), 0o640, 1235));
            }
            let answers = server.answers(true);
            download.receive(&answers, &mut shared).unwrap();
            here.fulfil(&mut download, &mut shared);
        }
        let faults: Vec<String> = download.take_faults().iter().map(told).collect();
        assert_eq!(faults, [said], "{old} {new} {check}");
        let copied = here.files.get("f.n1").map(Vec::len);
        let whole = if old == 0 { new } else { old };
        let wanted = faults[0].starts_with("note").then_some(whole);
        assert_eq!(copied, wanted, "{old} {new} {check}");
    }
}

#[test]
fn nothing_is_asked_for_too_far_beyond_what_is_missing() {
    let bytes = big(20_000_000);
    let mut server = openssh().with("f", file(&bytes));
    let mut download = Download::new(vec![b"f".to_vec()], false, PLAIN, b"n1".to_vec(), 5);
    let mut shared = Shared::new(0);
    let (mut late, mut end) = (None, 0);
    for _ in 0..200 {
        turn(&mut download, &mut server, &mut shared);
        for wish in download.take_wishes() {
            match wish {
                Wish::Create { file, .. } => download.created(file, Ok(0), &mut shared),
                // The first piece is not written yet, all others are.
                Wish::Write(file, 0, data) => late = Some((file, data.len())),
                Wish::Write(file, offset, data) => {
                    end = end.max(offset + data.len() as u64);
                    download.written(file, (offset, data.len()), Ok(()), &mut shared);
                },
                _ => {},
            }
        }
    }
    assert!((WINDOW / 2..=WINDOW).contains(&end), "{end}");
    let (file, count) = late.unwrap();
    download.written(file, (0, count), Ok(()), &mut shared);
    assert!(!download.unsent().is_empty());
}

#[test]
fn a_rest_is_gone_on_with() {
    let bytes = big(9_000_000);
    let mut server = openssh().with("f", file(&bytes));
    let how = How {
        resume: true,
        ..PLAIN
    };
    let mut here = Here {
        rest: Some(bytes[..8_000_000].to_vec()),
        ..Here::default()
    };
    assert_eq!(run(&["f"], false, how, &mut server, &mut here), [""; 0]);
    assert!(here.files["f.n1"] == bytes);
    let reads = server.asked.iter().filter(|kind| **kind == 5).count();
    assert!(reads < 40, "{reads}");
}

#[test]
fn what_copies_have_left_is_left_out_and_told_once() {
    let mut server = openssh()
        .with("d", Entry::Folder(0o755, 1))
        .with("d/.dust-notahash.part", file(b"x"));
    for n in 0..3 {
        server = server.with(&format!("d/.dust-0123456789abcde{n}.part"), file(b"x"));
    }
    let mut here = Here::default();
    let faults = run(&["d"], true, PLAIN, &mut server, &mut here);
    assert!(
        faults.len() == 1 && faults[0].starts_with("note d/.dust-"),
        "{faults:?}"
    );
    let found: Vec<&String> = here.files.keys().collect();
    assert_eq!(found, ["n1/d/.dust-notahash.part"]);
}
