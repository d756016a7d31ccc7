use super::super::packet::flag;
use super::*;
use proptest::prelude::*;

fn version(extensions: &[(&str, &str)]) -> Vec<u8> {
    let packet = extensions.iter().fold(
        Packet::new(kind::VERSION).number(3),
        |p, (name, version)| p.string(name.as_bytes()).string(version.as_bytes()),
    );
    packet.finish()
}

/// A channel whose server has greeted without extensions.
fn ready() -> Client<u32> {
    let mut client = Client::new();
    client.receive(&version(&[])).unwrap();
    assert!(client.is_ready());
    let count = client.unsent().len();
    client.sent(count);
    client
}

fn answer_status(id: u32, code: u32) -> Vec<u8> {
    Packet::to(id, kind::STATUS)
        .number(code)
        .string(b"why")
        .string(b"")
        .finish()
}

fn data(id: u32, bytes: &[u8]) -> Vec<u8> {
    Packet::to(id, kind::DATA).string(bytes).finish()
}

#[test]
fn answers_find_their_requests_in_any_order_and_in_any_pieces() {
    let mut client = ready();
    let handle: Handle = b"h".as_slice().into();
    for tag in 0..3 {
        client.read(tag, &handle, u64::from(tag) * 4, 4);
    }
    let mut bytes = data(2, b"cc");
    bytes.extend(answer_status(0, 1));
    bytes.extend(data(1, b"bbbb"));
    for byte in bytes {
        client.receive(&[byte]).unwrap();
    }
    let replies: Vec<_> = std::iter::from_fn(|| client.reply()).collect();
    assert_eq!(
        replies,
        [
            (2, Ok(Reply::Data(b"cc".to_vec()))),
            (0, Ok(Reply::Eof)),
            (1, Ok(Reply::Data(b"bbbb".to_vec()))),
        ]
    );
    assert_eq!(client.flying(), 0);
}

#[test]
fn limits_are_asked_for_and_kept() {
    for (told, wanted) in [
        ([262_144, 261_120, 261_120, 1019], (CHUNK_MAX, CHUNK_MAX)),
        ([0, 0, 0, 0], (CHUNK_MAX, CHUNK_MAX)),
        ([34_000, 65_536, 1000, 5], (32_976, 1000)),
        ([u64::MAX; 4], (CHUNK_MAX, CHUNK_MAX)),
        ([1, 1, 1, 1], (1, 1)),
    ] {
        let mut client: Client<u32> = Client::new();
        client
            .receive(&version(&[("limits@openssh.com", "1"), ("x", "y")]))
            .unwrap();
        assert!(!client.is_ready());
        let packet = told
            .into_iter()
            .fold(Packet::to(0, kind::EXTENDED_REPLY), Packet::long);
        client.receive(&packet.finish()).unwrap();
        assert!(client.is_ready());
        assert_eq!((client.read_max(), client.write_max()), wanted, "{told:?}");
    }
    // One that offers limits and then has none.
    let mut client: Client<u32> = Client::new();
    client
        .receive(&version(&[("limits@openssh.com", "1")]))
        .unwrap();
    client.receive(&answer_status(0, 8)).unwrap();
    assert!(client.is_ready());
    assert_eq!(client.write_max(), CHUNK);
}

#[test]
fn what_makes_no_sense_ends_the_channel() {
    let huge = [0xff, 0xff, 0xff, 0xff, kind::DATA];
    let long_handle = Packet::to(0, kind::HANDLE).string(&[7; 300]).finish();
    let endless = Packet::to(0, kind::NAME)
        .number(u32::MAX)
        .string(b"a")
        .finish();
    for (bytes, why) in [
        (huge.to_vec(), "4294967295 bytes"),
        (vec![0, 0, 0, 0], "0 bytes"),
        (answer_status(9, 0), "not asked"),
        (data(0, b"x"), "wrong kind"),
        (answer_status(0, 0), "does not answer"),
        (long_handle, "too many bytes"),
        (endless, "wrong kind"),
        (Packet::to(0, kind::STATUS).finish(), "too short"),
    ] {
        let mut client = ready();
        client.open(1, b"/f", flag::READ, &Attrs::default());
        let Broken(text) = client.receive(&bytes).unwrap_err();
        assert!(text.contains(why), "{text}");
    }
    let mut client = ready();
    client.read(1, &b"h".as_slice().into(), 0, 3);
    let Broken(text) = client.receive(&data(0, b"four")).unwrap_err();
    assert!(text.contains("more than was asked"), "{text}");
    // The same answer twice.
    let mut client = ready();
    client.remove(1, b"/f");
    client.receive(&answer_status(0, 0)).unwrap();
    assert!(client.receive(&answer_status(0, 0)).is_err());
}

#[test]
fn names_are_counted_by_what_is_there() {
    let mut client = ready();
    client.readdir(1, &b"h".as_slice().into());
    let endless = Packet::to(0, kind::NAME).number(u32::MAX).string(b"a");
    assert!(client.receive(&endless.finish()).is_err());
}

#[test]
fn who_is_no_sftp_server_is_named() {
    let mut client: Client<u32> = Client::new();
    let Broken(text) = client
        .receive(b"Welcome to web1!\nHave fun.\n")
        .unwrap_err();
    assert!(text.ends_with("print: Welcome to web1!"), "{text}");
    for (bytes, why) in [
        (
            Packet::new(kind::VERSION).number(2).finish(),
            "version 2, not 3",
        ),
        (answer_status(0, 0), "does not greet"),
    ] {
        let mut client: Client<u32> = Client::new();
        let Broken(text) = client.receive(&bytes).unwrap_err();
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_write_is_a_packet_like_any_other() {
    let mut client = ready();
    client.write(1, &b"hh".as_slice().into(), 7, b"data");
    let built = Packet::to(0, kind::WRITE)
        .string(b"hh")
        .long(7)
        .string(b"data")
        .finish();
    assert_eq!(client.unsent(), built);
}

proptest! {
    /// Whatever a server sends, and in whatever pieces: no panic, no more answers than requests, and
    /// no more kept than one packet.
    #[test]
    fn no_bytes_do_harm(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
        requests in 0_u32..5,
    ) {
        let mut client = ready();
        let handle: Handle = b"h".as_slice().into();
        for tag in 0..requests {
            match tag % 4 {
                0 => client.open(tag, b"/", flag::READ, &Attrs::default()),
                1 => client.read(tag, &handle, 0, 9),
                2 => client.readdir(tag, &handle),
                _ => client.fstat(tag, &handle),
            }
        }
        let mut replies = 0;
        for piece in pieces {
            let broken = client.receive(&piece).is_err();
            while client.reply().is_some() {
                replies += 1;
            }
            if broken {
                break;
            }
            prop_assert!(client.input.len() < PACKET_MAX + 4);
        }
        prop_assert!(replies <= requests);
    }

    /// Answers of the right shape with fields of any value.
    #[test]
    fn no_fields_do_harm(
        kind in prop_oneof![101_u8..=105, 200_u8..=201],
        id in 0_u32..4,
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut client = ready();
        let handle: Handle = b"h".as_slice().into();
        client.open(0, b"/", flag::READ, &Attrs::default());
        client.read(1, &handle, 0, 9);
        client.readdir(2, &handle);
        client.fstat(3, &handle);
        let mut packet = Packet::to(id, kind);
        for byte in body {
            packet = packet.byte(byte);
        }
        drop(client.receive(&packet.finish()));
        while client.reply().is_some() {}
    }
}
