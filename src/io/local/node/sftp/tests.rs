use super::*;

/// Sends one request and gives the kind and the fields of the answer.
fn ask(server: &mut Server, kind: u8, fields: impl FnOnce(Answer) -> Answer) -> (u8, Vec<u8>) {
    let packet = fields(Answer::to(7, kind)).finish();
    let answer = server.answer(packet.get(4..).unwrap()).finish();
    let mut f = Fields(&answer);
    assert_eq!(f.number().unwrap() as usize, answer.len() - 4);
    let kind = f.byte().unwrap();
    assert_eq!(f.number().unwrap(), 7);
    (kind, f.0.to_vec())
}

fn code(answer: &(u8, Vec<u8>)) -> u32 {
    assert_eq!(answer.0, STATUS);
    Fields(&answer.1).number().unwrap()
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

const NO: Attrs = Attrs {
    size: None,
    owner: None,
    mode: None,
    times: None,
};

#[test]
fn a_file_is_written_read_and_described() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("f");
    let s = &mut Server::default();
    let mode = Attrs {
        mode: Some(0o600),
        ..NO
    };
    // Write, create, truncate.
    let (kind, handle) = ask(s, 3, |a| {
        a.string(bytes(&file)).number(2 | 8 | 16).attrs(&mode)
    });
    assert_eq!(kind, HANDLE);
    let handle = Fields(&handle).string().unwrap().to_vec();
    // The second half first.
    assert_eq!(
        code(&ask(s, 6, |a| a.string(&handle).long(3).string(b"def"))),
        0
    );
    assert_eq!(
        code(&ask(s, 6, |a| a.string(&handle).long(0).string(b"abc"))),
        0
    );
    let times = Attrs {
        times: Some((1_000, 2_000)),
        ..NO
    };
    assert_eq!(code(&ask(s, 10, |a| a.string(&handle).attrs(&times))), 0);
    assert_eq!(code(&ask(s, 4, |a| a.string(&handle))), 0);
    assert_eq!(
        code(&ask(s, 4, |a| a.string(&handle))),
        Code::Failure as u32
    );

    let (kind, attrs) = ask(s, 17, |a| a.string(bytes(&file)));
    assert_eq!(kind, ATTRS);
    let attrs = Fields(&attrs).attrs().unwrap();
    assert_eq!((attrs.size, attrs.times), (Some(6), Some((1_000, 2_000))));
    assert_eq!(attrs.mode.unwrap() & 0o7777, 0o600);

    let (_, handle) = ask(s, 3, |a| a.string(bytes(&file)).number(1).attrs(&NO));
    let handle = Fields(&handle).string().unwrap().to_vec();
    let (kind, data) = ask(s, 5, |a| a.string(&handle).long(2).number(1 << 31));
    assert_eq!(
        (kind, Fields(&data).string().unwrap()),
        (DATA, &b"cdef"[..])
    );
    assert_eq!(
        code(&ask(s, 5, |a| a.string(&handle).long(6).number(9))),
        Code::Eof as u32
    );
}

#[test]
fn a_folder_is_listed_to_its_end() {
    let temp = tempfile::tempdir().unwrap();
    for i in 0..900 {
        fs::write(
            temp.path()
                .join(format!("a-file-with-a-rather-long-name-{i}")),
            "",
        )
        .unwrap();
    }
    let s = &mut Server::default();
    let (_, handle) = ask(s, 11, |a| a.string(bytes(temp.path())));
    let handle = Fields(&handle).string().unwrap().to_vec();
    let mut names = Vec::new();
    loop {
        let (kind, answer) = ask(s, 12, |a| a.string(&handle));
        if kind == STATUS {
            assert_eq!(code(&(kind, answer)), Code::Eof as u32);
            break;
        }
        let mut f = Fields(&answer);
        for _ in 0..f.number().unwrap() {
            names.push(f.string().unwrap().to_vec());
            assert!(f.string().unwrap().starts_with(b"-rw"));
            f.attrs().unwrap();
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 900);
}

#[test]
fn renaming_replaces_only_when_asked_to() {
    let temp = tempfile::tempdir().unwrap();
    let (a, b) = (temp.path().join("a"), temp.path().join("b"));
    fs::write(&a, "a").unwrap();
    fs::write(&b, "b").unwrap();
    let s = &mut Server::default();
    assert_eq!(
        code(&ask(s, 18, |x| x.string(bytes(&a)).string(bytes(&b)))),
        4
    );
    assert_eq!(fs::read(&b).unwrap(), b"b");
    let posix = b"posix-rename@openssh.com";
    assert_eq!(
        code(&ask(s, 200, |x| x
            .string(posix)
            .string(bytes(&a))
            .string(bytes(&b)))),
        0
    );
    assert_eq!(fs::read(&b).unwrap(), b"a");
    assert_eq!(
        code(&ask(s, 18, |x| x.string(bytes(&b)).string(bytes(&a)))),
        0
    );
    assert!(!b.exists() && a.exists());
}

#[test]
fn paths_are_made_absolute() {
    let temp = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(temp.path()).unwrap();
    let s = &mut Server::default();
    for (path, want) in [
        ("x/..", None),
        ("new", Some("new")),
        ("no/new", None),
        (".", Some("")),
    ] {
        let (kind, answer) = ask(s, 16, |a| a.string(bytes(&base.join(path))));
        match want {
            None => assert_eq!(kind, STATUS, "{path}"),
            Some(want) => {
                let mut f = Fields(&answer);
                assert_eq!((kind, f.number().unwrap()), (NAME, 1));
                assert_eq!(
                    f.string().unwrap(),
                    bytes(&base.join(want).components().collect::<PathBuf>())
                );
            },
        }
    }
}

#[test]
fn links_are_made_read_and_dated() {
    let temp = tempfile::tempdir().unwrap();
    let link = temp.path().join("l");
    let s = &mut Server::default();
    assert_eq!(
        code(&ask(s, 20, |a| a.string(b"nowhere").string(bytes(&link)))),
        0
    );
    let (_, answer) = ask(s, 19, |a| a.string(bytes(&link)));
    let mut f = Fields(&answer);
    f.number().unwrap();
    assert_eq!(f.string().unwrap(), b"nowhere");
    let times = Attrs {
        times: Some((1_000, 2_000)),
        ..NO
    };
    let lset = b"lsetstat@openssh.com";
    assert_eq!(
        code(&ask(s, 200, |a| a
            .string(lset)
            .string(bytes(&link))
            .attrs(&times))),
        0
    );
    let (_, attrs) = ask(s, 7, |a| a.string(bytes(&link)));
    assert_eq!(Fields(&attrs).attrs().unwrap().times, Some((1_000, 2_000)));
    assert_eq!(
        code(&ask(s, 17, |a| a.string(bytes(&link)))),
        Code::NoSuchFile as u32
    );
}

#[test]
fn the_greeting_and_what_is_not_served() {
    let mut out = Vec::new();
    let hello = [0, 0, 0, 5, 1, 0, 0, 0, 3];
    serve(&hello[..], &mut out).unwrap();
    let mut f = Fields(out.get(4..).unwrap());
    assert_eq!((f.byte().unwrap(), f.number().unwrap()), (2, 3));
    assert_eq!(f.string().unwrap(), b"posix-rename@openssh.com");
    let s = &mut Server::default();
    assert_eq!(code(&ask(s, 99, |a| a)), Code::Unsupported as u32);
    assert_eq!(
        code(&ask(s, 200, |a| a.string(b"x"))),
        Code::Unsupported as u32
    );
    assert_eq!(
        code(&ask(s, 3, |a| a.string(b"x"))),
        Code::BadMessage as u32
    );
    serve(&[0xff; 8][..], io::sink()).unwrap_err();
    serve(&[0, 0, 0, 9, 1][..], io::sink()).unwrap();
}

proptest::proptest! {
    /// Only requests that change nothing are tried with any bytes.
    #[test]
    fn any_packet_is_answered(
        kind in proptest::sample::select(vec![1_u8, 4, 5, 6, 8, 10, 12, 99, 200]),
        rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
    ) {
        let packet: Vec<u8> = std::iter::once(kind).chain(rest).collect();
        let answer = Server::default().answer(&packet).finish();
        proptest::prop_assert!(answer.len() > 8);
    }
}
