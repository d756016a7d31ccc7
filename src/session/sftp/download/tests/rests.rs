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
        let bytes = download.unsent().to_vec();
        download.sent(bytes.len());
        server.receive(&bytes);
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
fn nothing_is_asked_for_too_far_beyond_what_is_missing() {
    let bytes = big(20_000_000);
    let mut server = openssh().with("f", file(&bytes));
    let mut download = Download::new(vec![b"f".to_vec()], false, PLAIN, b"n1".to_vec(), 5);
    let mut shared = Shared::new(0);
    let (mut late, mut end) = (None, 0);
    for _ in 0..200 {
        let bytes = download.unsent().to_vec();
        download.sent(bytes.len());
        server.receive(&bytes);
        download
            .receive(&server.answers(true), &mut shared)
            .unwrap();
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
