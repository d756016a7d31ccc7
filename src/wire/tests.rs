use super::*;
use crate::model::Size;
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

fn pairs() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    vec((bytes(), bytes()), 0..6)
}

fn size() -> impl Strategy<Value = Option<Size>> {
    let known = (1..=u16::MAX, 1..=u16::MAX).prop_map(|(cols, rows)| Size { cols, rows });
    proptest::option::of(known)
}

fn to_server() -> impl Strategy<Value = Vec<u8>> {
    let frame = |message: ToServer<'_>| {
        let mut out = Vec::new();
        message.encode(&mut out);
        out
    };
    let attach = (size(), ".*", bytes(), proptest::option::of(bytes())).prop_map(
        |(size, term, folder, file)| Attach {
            size,
            term,
            folder,
            file,
        },
    );
    let purpose = prop_oneof![
        Just(Purpose::Shell),
        ".*".prop_map(Purpose::Exec),
        ".*".prop_map(Purpose::Subsystem),
        (".*", any::<u16>()).prop_map(|(host, port)| Purpose::Forward(host, port)),
    ];
    let open = (
        ".*",
        ".*",
        proptest::option::of((bytes(), bytes())),
        ".*",
        purpose,
        proptest::option::of((".*", size())),
        pairs(),
    )
        .prop_map(
            |(cluster, node, source, machine, purpose, pty, environment)| OpenChannel {
                cluster,
                node,
                source: source.map(|(path, digest)| Source { path, digest }),
                machine,
                purpose,
                pty,
                environment,
            },
        );
    let question = prop_oneof![
        ".*".prop_map(Question::Complete),
        proptest::option::of(".*").prop_map(Question::SshConfig),
        Just(Question::Snapshot),
    ];
    prop_oneof![
        question.prop_map(move |question| frame(ToServer::Ask(question))),
        (".*", vec(bytes(), 0..6))
            .prop_map(move |(name, words)| frame(ToServer::Start { name, words })),
        pairs().prop_map(move |pairs| frame(ToServer::Environment(pairs))),
        attach.prop_map(move |attach| frame(ToServer::Attach(attach))),
        bytes().prop_map(move |bytes| frame(ToServer::Input(&bytes))),
        size().prop_map(move |size| frame(ToServer::Resize(size))),
        size().prop_map(move |size| frame(ToServer::Continued(size))),
        ".*".prop_map(move |node| frame(ToServer::DetachNode(node))),
        open.prop_map(move |open| frame(ToServer::OpenChannel(open))),
        bytes().prop_map(move |bytes| frame(ToServer::Data(&bytes))),
        ".*".prop_map(move |name| frame(ToServer::Signal(name))),
        Just(frame(ToServer::Detach)),
        Just(frame(ToServer::Suspended)),
        Just(frame(ToServer::Info)),
        Just(frame(ToServer::DetachAll)),
        Just(frame(ToServer::Kill)),
        Just(frame(ToServer::End)),
    ]
}

fn to_client() -> impl Strategy<Value = Vec<u8>> {
    let frame = |message: ToClient<'_>| {
        let mut out = Vec::new();
        message.encode(&mut out);
        out
    };
    let info = (
        ".*",
        vec(".*", 0..4),
        vec(bytes(), 0..4),
        vec(bytes(), 0..4),
        any::<(u32, u32, u64, u64, u64, u32)>(),
    )
        .prop_map(|(name, clusters, files, digests, n)| Info {
            name,
            clusters,
            files,
            digests,
            nodes: n.0,
            attached: n.1,
            idle: n.2,
            used: n.3,
            began: n.4,
            pid: n.5,
        });
    prop_oneof![
        ".*".prop_map(move |name| frame(ToClient::Welcome(name))),
        (any::<u8>(), ".*").prop_map(move |(status, why)| frame(ToClient::Refused(status, why))),
        bytes().prop_map(move |bytes| frame(ToClient::Output(&bytes))),
        ".*".prop_map(move |text| frame(ToClient::Detached(text))),
        (any::<u8>(), ".*").prop_map(move |(status, text)| frame(ToClient::Ended(status, text))),
        info.prop_map(move |info| frame(ToClient::Info(info))),
        ".*".prop_map(move |text| frame(ToClient::Done(text))),
        bytes().prop_map(move |bytes| frame(ToClient::Data(&bytes))),
        bytes().prop_map(move |bytes| frame(ToClient::Errors(&bytes))),
        proptest::option::of(any::<u32>()).prop_map(move |status| frame(ToClient::Exit(status))),
        ".*".prop_map(move |why| frame(ToClient::Failed(why))),
        Just(frame(ToClient::Suspend)),
        Just(frame(ToClient::Opened)),
        Just(frame(ToClient::Eof)),
    ]
}

/// Feeds these bytes in pieces; the frames that come out, written again.
fn through(
    bytes: &[u8],
    cuts: &[usize],
    again: fn(u8, &[u8]) -> Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    let (mut frames, mut out) = (Frames::new(), Vec::new());
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let cut = cuts
            .next()
            .map_or(rest.len(), |cut| (*cut).clamp(1, rest.len()));
        let (now, later) = rest.split_at(cut);
        frames.feed(now);
        rest = later;
        while let Some((kind, body)) = frames.next_frame()? {
            out.extend(again(kind, body));
        }
    }
    Ok(out)
}

fn server_again(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ToServer::decode(kind, body).unwrap().encode(&mut out);
    out
}

fn client_again(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ToClient::decode(kind, body).unwrap().encode(&mut out);
    out
}

proptest! {
    #[test]
    fn messages_come_through_however_they_are_cut(
        up in vec(to_server(), 1..8),
        down in vec(to_client(), 1..8),
        cuts in vec(1usize..400, 1..10),
    ) {
        let up = up.concat();
        prop_assert_eq!(through(&up, &cuts, server_again), Ok(up));
        let down = down.concat();
        prop_assert_eq!(through(&down, &cuts, client_again), Ok(down));
    }

    #[test]
    fn rubbish_is_refused_without_a_panic(bytes in vec(any::<u8>(), 0..2000)) {
        let mut frames = Frames::new();
        frames.feed(&bytes);
        drop(frames.hello());
        while let Ok(Some((kind, body))) = frames.next_frame() {
            drop(ToServer::decode(kind, body));
            drop(ToClient::decode(kind, body));
        }
    }

    #[test]
    fn bodies_of_rubbish_are_refused_without_a_panic(kind: u8, body in vec(any::<u8>(), 0..200)) {
        drop(ToServer::decode(kind, &body));
        drop(ToClient::decode(kind, &body));
    }

    #[test]
    fn a_message_that_is_cut_off_or_goes_on_is_malformed(frame in to_server(), cut in 1usize..50) {
        let mut frames = Frames::new();
        frames.feed(&frame);
        let (kind, body) = frames.next_frame().unwrap().unwrap();
        let free = matches!(kind, to_server::INPUT | to_server::DATA);
        if !free {
            let longer = [body, b"x"].concat();
            prop_assert_eq!(ToServer::decode(kind, &longer), Err(Fault::Malformed(kind)));
            if !body.is_empty() {
                let shorter = &body[..body.len() - cut.min(body.len())];
                prop_assert_eq!(ToServer::decode(kind, shorter), Err(Fault::Malformed(kind)));
            }
        }
    }

    #[test]
    fn hellos_come_through(oldest: u16, newest: u16, pid: u32, executable in bytes(), cut: usize) {
        let (oldest, newest) = (oldest.min(newest), oldest.max(newest));
        let hello = Hello { oldest, newest, pid, executable };
        let bytes = hello.encode();
        prop_assert!(bytes.len() <= HELLO_MAX);
        let cut = cut % bytes.len();
        prop_assert_eq!(Hello::decode(&bytes[..cut]), Ok(None));
        prop_assert_eq!(Hello::decode(&bytes), Ok(Some((hello, bytes.len()))));
    }
}

#[test]
fn the_hello_never_changes() {
    let hello = Hello {
        oldest: 1,
        newest: 0x0203,
        pid: 0x0a0b_0c0d,
        executable: b"/bin/dust".to_vec(),
    };
    assert_eq!(
        hello.encode(),
        b"dust\0\xe2\x9c\xa8\x00\x01\x02\x03\x0a\x0b\x0c\x0d\x00\x09/bin/dust"
    );
}

#[test]
fn lengths_that_no_message_has_are_refused_at_once_and_nothing_is_kept_for_them() {
    for (kind, length) in [
        (to_server::INPUT, u32::MAX),
        (to_server::INPUT, 256 * 1024 + 1),
        (to_server::START, 64 * 1024 + 1),
        (99, 1 << 30),
    ] {
        let mut frames = Frames::new();
        frames.feed(&length.to_be_bytes());
        assert_eq!(frames.next_frame(), Ok(None));
        frames.feed(&[kind]);
        assert_eq!(frames.next_frame(), Err(Fault::TooLong(kind, length)));
        assert!(frames.room().len() <= 512 * 1024);
    }
    let mut frames = Frames::new();
    frames.feed(&[0, 0, 0, 0, 4]);
    assert_eq!(frames.next_frame(), Err(Fault::Malformed(4)));
}

#[test]
fn a_count_that_the_body_does_not_hold_is_malformed() {
    let mut body = Vec::new();
    codec::put_bytes(&mut body, b"lab");
    codec::put_u32(&mut body, u32::MAX);
    assert_eq!(
        ToServer::decode(to_server::START, &body),
        Err(Fault::Malformed(to_server::START))
    );
}

#[test]
fn the_largest_data_comes_through_in_bounded_memory() {
    let data = vec![b'x'; DATA_MAX - 1];
    let mut frame = Vec::new();
    ToServer::Input(&data).encode(&mut frame);
    let mut frames = Frames::new();
    for _ in 0..20 {
        for piece in frame.chunks(60_000) {
            frames.feed(piece);
            while let Some((kind, body)) = frames.next_frame().unwrap() {
                assert_eq!((kind, body.len()), (to_server::INPUT, data.len()));
            }
        }
    }
    assert!(frames.room().len() <= 1 << 20);
}

#[test]
fn versions_are_agreed_on_or_told() {
    let hello = |oldest, newest| Hello {
        oldest,
        newest,
        pid: 7,
        executable: b"/opt/dust".to_vec(),
    };
    assert_eq!(hello(OLDEST, VERSION).agree(), Ok(VERSION));
    assert_eq!(hello(OLDEST, VERSION + 3).agree(), Ok(VERSION));
    let newer = hello(VERSION + 1, VERSION + 2).agree().unwrap_err();
    assert!(newer.to_string().starts_with("a newer dust"), "{newer}");
    assert_eq!(newer.0.program(), "/opt/dust");
    let older = hello(0, OLDEST - 1).agree().unwrap_err();
    assert!(older.to_string().starts_with("an older dust"), "{older}");
    let replaced = Hello::new(12, b"/opt/dust (deleted)");
    assert_eq!(replaced.program(), "/proc/12/exe");
}

#[test]
fn names_of_sessions_are_names_of_files() {
    for name in ["lab", "a", "demo-2", "x.y_z", "_", "0"] {
        assert!(is_session_name(name), "{name}");
    }
    let long = "x".repeat(NAME_MAX + 1);
    for name in ["", ".", "..", "-x", "a/b", "a b", "ü", "a\n", &long] {
        assert!(!is_session_name(name), "{name}");
    }
}
