use proptest::prelude::*;

use super::*;

/// Keys of ssh-keygen, with the fingerprints that `ssh-keygen -l` prints.
const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMlUCzsc1ljlF0oJN7VaFZV34egKlLHaMgm0gt9VCgU5";
const ED_PRINT: &str = "SHA256:8zGR8EZlH5osnqHoFgMokb3kQYH9N4OsBJeb40suZaM";
const ED2: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC63zx4U7XoqWr6KxmgS2C6QQhSonDXy2/Ap9ybJB/3T";
const ED2_PRINT: &str = "SHA256:A2KMOa3DLZsngZ1MIO+RuugNRGixMjGiC36+SmRH+qw";
const EC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBH6iJikz7padijZC+SwcD/QGvJ4DxeSyFJHsFzzbwG6+AtAPB8BHAHIEnxdoF0O4sFDZqw3e7rOFAKxFm7ClobE=";
const EC_PRINT: &str = "SHA256:edUM7VG+Mg8G2nbdamnGtAoNKSPY4eadmN6CfJqVBwE";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCMdDHj5w3a61sIXHjIiJ89APNrEBvDY3gU/BsmBxQ46ZJnqSiTbcDAZfUtyLeSj6gHGyVTPjoM8sIqExP+cMHYJ3L92ZltpoZY3YL+14kPQ7e9wHwQA1/FfZaMfZnn4aJqMelqo0MEWULKv64JUZ01XmK+/YYPNI3H4zPRCSXnzuUJmgPZlkRNqxENEI18pGq2p+bLTtvr4HikvT6y0OsgsqwU3SXschstUicp0+BO/fwWykTJOp9MyquKz3F1SECTnBepCT8VvjaIpfZbwF8Ei2IzbnHEFCtBznLRTsuVz+5XzXVpFLkG89z8pt+c+3FH2mg2vPJksUblhSi21sjT";
const RSA_PRINT: &str = "SHA256:ybcy76Q6L8hbvhYsoqmE0RntXtEzYN7DV47JiJwuC4E";
/// `ssh-keygen -H` of hashed.example.org and [hashed.example.org]:2222.
const HASHED: &str = "|1|zrZbWjQ1bmYuHL6LdZLLs6juvnI=|6/eoYSiinbMyTxFz30thzmcVdHE=";
const HASHED_2222: &str = "|1|TNbJu2HgaoNKPvKTpEIBgiIO0n0=|oKTbAE9T90gd/SVM8vF3c2Z3xQo=";

fn sha(key: &str) -> [u8; 32] {
    let (algorithm, key) = key.split_once(' ').unwrap();
    Line {
        revoked: false,
        hosts: Hosts::Names(vec![]),
        written: "",
        algorithm,
        key,
    }
    .sha256()
    .unwrap()
}

fn known(text: &str) -> KnownHosts {
    let mut known = KnownHosts::new();
    known.load("kh", text);
    known
}

/// The lines that are found.
fn lines(text: &str, host: &str, port: u16) -> Vec<usize> {
    known(text)
        .lookup(host, port)
        .iter()
        .map(|key| key.line)
        .collect()
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    for (key, print) in [
        (ED, ED_PRINT),
        (ED2, ED2_PRINT),
        (EC, EC_PRINT),
        (RSA, RSA_PRINT),
    ] {
        assert_eq!(fingerprint(&sha(key)), print);
        let text = format!("# mine\n\n  h\t{key} a comment # here\n");
        let (algorithm, _) = key.split_once(' ').unwrap();
        assert_eq!(
            known(&text).lookup("h", 22),
            [KnownKey {
                algorithm: algorithm.to_owned(),
                fingerprint: print.to_owned(),
                file: "kh".to_owned(),
                line: 3,
                revoked: false,
            }]
        );
    }
}

#[test]
fn how_hosts_are_written() {
    for (hosts, yes, no) in [
        (
            "h",
            &[("h", 22), ("H", 22)][..],
            &[("h", 23), ("hh", 22), ("", 22)][..],
        ),
        (
            "Host.Org,10.0.0.1",
            &[("host.org", 22), ("10.0.0.1", 22)],
            &[("host", 22)],
        ),
        ("[h]:2222", &[("h", 2222)], &[("h", 22)]),
        (
            "::1,[::1]:2222",
            &[("::1", 22), ("::1", 2222)],
            &[("::1", 2223)],
        ),
        (
            "*.org,!bad.org",
            &[("a.org", 22), ("A.ORG", 22)],
            &[("bad.org", 22), ("a.org", 23)],
        ),
        ("[*.org]:999", &[("a.org", 999)], &[("a.org", 22)]),
        ("n?", &[("n1", 22)], &[("n", 22), ("n11", 22)]),
        ("!h", &[], &[("h", 22), ("x", 22)]),
        (
            HASHED,
            &[("hashed.example.org", 22), ("Hashed.Example.org", 22)],
            &[("hashed.example.org", 2222), ("h", 22)],
        ),
        (
            HASHED_2222,
            &[("hashed.example.org", 2222)],
            &[("hashed.example.org", 22)],
        ),
    ] {
        let text = format!("{hosts} {ED}\n");
        for (host, port) in yes {
            assert_eq!(lines(&text, host, *port), [1], "{hosts} {host} {port}");
        }
        for (host, port) in no {
            assert_eq!(lines(&text, host, *port), [0; 0], "{hosts} {host} {port}");
        }
    }
}

#[test]
fn all_lines_of_a_host_are_found_in_order() {
    let text = format!("h* {ED}\n{HASHED} {EC}\nhashed.example.org,h,h {RSA}\nx {ED2}\n");
    assert_eq!(lines(&text, "hashed.example.org", 22), [1, 2, 3]);
    assert_eq!(lines(&text, "h", 22), [1, 3]);
}

#[test]
fn verdicts() {
    use HostKeyVerdict::{Changed, Known, New, Revoked};
    let changed = |keys: &[(usize, &str)]| {
        Changed(
            keys.iter()
                .map(|(line, print)| format!("kh:{line} {print}"))
                .collect(),
        )
    };
    for (text, key, verdict) in [
        (String::new(), ED, New),
        (format!("h {ED}"), ED, Known),
        (format!("other {ED}"), ED, New),
        (format!("h {ED2}"), ED, changed(&[(1, ED2_PRINT)])),
        (
            format!("h {ED2}\n\nh {RSA}"),
            ED,
            changed(&[(1, ED2_PRINT), (3, RSA_PRINT)]),
        ),
        (format!("h {ED2}\nh {ED}"), ED, Known),
        // A key of another type than the known one is no new key.
        (format!("h {RSA}"), ED, changed(&[(1, RSA_PRINT)])),
        // Revoked wins, wherever it stands; a revoked key makes no other one changed.
        (format!("h {ED}\n@revoked * {ED}"), ED, Revoked),
        (format!("@revoked h {ED2}"), ED, New),
        (format!("@revoked other {ED}\nh {ED}"), ED, Known),
        (format!("@cert-authority * {ED2}"), ED, New),
        (format!("@cert-authority * {ED}"), ED, New),
    ] {
        assert_eq!(known(&text).verdict("h", 22, &sha(key)), verdict, "{text}");
    }
}

#[test]
fn another_port_falls_back_to_the_plain_host() {
    use HostKeyVerdict::{Changed, Known, New, Revoked};
    for (text, verdict) in [
        (format!("h {ED}"), Known),
        (format!("h {ED2}"), New),
        (
            format!("h {ED}\n[h]:2222 {ED2}"),
            Changed(vec![format!("kh:2 {ED2_PRINT}")]),
        ),
        (format!("h {ED2}\n[h]:2222 {ED}"), Known),
        (format!("@revoked h {ED}\n[h]:2222 {ED}"), Revoked),
    ] {
        assert_eq!(known(&text).verdict("h", 2222, &sha(ED)), verdict, "{text}");
    }
}

#[test]
fn algorithms_to_ask_for() {
    for (text, algorithms) in [
        (String::new(), &[][..]),
        (
            format!("h {EC}\nh {ED}\nh {ED2}"),
            &["ecdsa-sha2-nistp256", "ssh-ed25519"],
        ),
        (format!("h {RSA}"), &["rsa-sha2-512", "rsa-sha2-256"]),
        (format!("@revoked h {EC}\nh {ED}"), &["ssh-ed25519"]),
    ] {
        assert_eq!(known(&text).algorithms_for("h", 22), algorithms, "{text}");
        assert_eq!(known(&text).algorithms_for("h", 2222), algorithms, "{text}");
    }
    let text = format!("h {EC}\n[h]:2222 {ED}");
    assert_eq!(known(&text).algorithms_for("h", 2222), ["ssh-ed25519"]);
}

#[test]
fn lines_that_make_no_sense_are_counted() {
    let text = format!(
        "h\nh ssh-ed25519\nh ssh-ed25519 AAAA\nh ssh-rsa {}\nh 1024 37 1234\n@what h {ED}\n\
         h {ED}=\nh {EC}====\nh ssh-ed25519 AAAA=AAA\n\
         |1|x|y {ED}\n|1|{ED}\n@revoked\n# h {ED}\n\n@cert-authority h x y\nh {ED}\r\n",
        ED.split_once(' ').unwrap().1,
    );
    let known = known(&text);
    assert_eq!(known.skipped(), 12);
    assert_eq!(known.lookup("h", 22).len(), 1);
}

#[test]
fn types_of_tomorrow_are_known_too() {
    // A blob with the type `new@x` and one more byte.
    let text = "h new@x AAAABW5ld0B4AA==\n";
    assert_eq!(known(text).algorithms_for("h", 22), ["new@x"]);
}

#[test]
fn several_files_and_files_that_are_loaded_again() {
    let mut known = KnownHosts::new();
    known.load("a", &format!("h {ED}\n{HASHED} {ED}\n*.org {ED}"));
    known.load("b", &format!("\nh {RSA}"));
    let show = |known: &KnownHosts, host| {
        known
            .lookup(host, 22)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let b = format!("b:2 {RSA_PRINT}");
    assert_eq!(show(&known, "h"), [format!("a:1 {ED_PRINT}"), b.clone()]);
    known.load("a", "");
    assert_eq!(show(&known, "h"), std::slice::from_ref(&b));
    for host in ["hashed.example.org", "x.org"] {
        assert_eq!(show(&known, host), [""; 0]);
    }
    known.learn("a", "H", 22, &sha(ED2));
    assert_eq!(show(&known, "h"), [b.clone(), format!("a {ED2_PRINT}")]);
    assert_eq!(known.verdict("h", 22, &sha(ED2)), HostKeyVerdict::Known);
    assert_eq!(
        known.algorithms_for("h", 22),
        ["rsa-sha2-512", "rsa-sha2-256"]
    );
    known.load("a", &format!("h {ED2}"));
    assert_eq!(show(&known, "h"), [b, format!("a:1 {ED2_PRINT}")]);
}

#[test]
fn forgetting_a_host() {
    for (before, after) in [
        (format!("h {ED}\nx {ED}\n"), format!("x {ED}\n")),
        (format!("H {ED} c\r\n"), String::new()),
        (
            format!(" x,h,y\t{ED} c\r\nh {ED}"),
            format!(" x,y\t{ED} c\r\n"),
        ),
        (format!("X,H {ED}"), format!("X {ED}")),
        (format!("h* {ED}\n"), format!("h*,!h {ED}\n")),
        (format!("h,h*,!hx {ED}\n"), format!("h*,!hx,!h {ED}\n")),
        (format!("h,!x {ED}\n"), String::new()),
        (format!("!h,* {ED}\n"), format!("!h,* {ED}\n")),
        (format!("[h]:2222 {ED}\n"), format!("[h]:2222 {ED}\n")),
        (format!("@revoked h {ED}\n"), format!("@revoked h {ED}\n")),
        (
            format!("@cert-authority h {ED}\n"),
            format!("@cert-authority h {ED}\n"),
        ),
        (
            "# h\n\nh\nrubbish h".to_owned(),
            "# h\n\nh\nrubbish h".to_owned(),
        ),
    ] {
        assert_eq!(forget("h", 22, &before), after);
        assert_eq!(
            known(&after).verdict("h", 22, &sha(RSA)),
            HostKeyVerdict::New
        );
        assert_eq!(forget("h", 22, &after), after);
    }
    let text = format!("{HASHED} {ED}\n{HASHED_2222} {EC}\n[HASHED.example.org]:2222 {EC}\n");
    assert_eq!(
        forget("hashed.example.org", 2222, &text),
        format!("{HASHED} {ED}\n")
    );
}

#[test]
fn a_name_that_is_a_pattern_cannot_be_excepted() {
    let text = format!("a* {ED}\n");
    assert_eq!(forget("a*", 22, &text), "");
    assert_eq!(forget("a**", 22, &text), text);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "(@revoked|@cert-authority|h|\\|1\\||AAAA|ssh-ed25519|[ \t\n,!*\\[\\]:=é|])*",
        host in "[h*!é:|]{0,3}",
    ) {
        let known = known(&text);
        known.verdict(&host, 22, &[0; 32]);
        known.algorithms_for(&host, 23);
        forget(&host, 22, &text);
    }

    /// Whatever is forgotten is forgotten, and nothing else is.
    #[test]
    fn forgetting_is_exact(
        hosts in prop::collection::vec(prop::collection::vec("!?(a|b|c|[ab]\\*|\\*|\\[a\\]:23)", 1..4), 0..5),
    ) {
        let text: String = hosts.iter().map(|h| format!("{} {ED}\n", h.join(","))).collect();
        let after = known(&forget("a", 22, &text));
        prop_assert_eq!(after.lookup("a", 22), vec![]);
        for (host, port) in [("b", 22), ("c", 22), ("ax", 22), ("a", 23)] {
            prop_assert_eq!(after.lookup(host, port).len(), known(&text).lookup(host, port).len());
        }
    }
}
