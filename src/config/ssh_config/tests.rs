use proptest::prelude::*;

use super::*;

const LOCAL: Local<'static> = Local {
    user: "me",
    uid: 1000,
    home: "/home/me",
    host: "desk.example.org",
    env: &|name| (name == "KEYS").then(|| "/k%h".to_owned()),
};

/// Files that `Include` finds: the pattern, a file's name, its text.
type Files<'a> = &'a [(&'a str, &'a str, &'a str)];

fn config(text: &str, files: Files<'_>) -> SshConfig {
    let mut config = SshConfig::new();
    config.add("config", text, &mut |pattern| {
        let found = files.iter().filter(|(asked, ..)| *asked == pattern);
        found
            .map(|(_, name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    });
    config
}

/// Without warnings.
fn lookup(text: &str, alias: &str) -> Host {
    let config = config(text, &[]);
    assert_eq!(config.warnings(), [], "{text}");
    let host = config.lookup(alias, None, &LOCAL);
    assert_eq!(host.warnings, [], "{text}");
    host
}

fn warnings(text: &str) -> Vec<String> {
    config(text, &[])
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_first_value_wins() {
    let text = "
        # a comment
        Host web*
            User   first
            IdentityFile ~/.ssh/web

        Host *
            User second
            Port 2222
            IdentityFile ~/.ssh/all
            IdentityFile ~/.ssh/web
    ";
    let host = lookup(text, "web1");
    assert_eq!(
        (host.user.as_deref(), host.port),
        (Some("first"), Some(2222))
    );
    let files = ["/home/me/.ssh/web", "/home/me/.ssh/all"];
    assert_eq!(host.identity_files.unwrap(), files);
    let host = lookup(text, "db");
    assert_eq!(host.user.as_deref(), Some("second"));
    // Lines before any Host are everybody's.
    assert_eq!(
        lookup("User zero\nHost a\nUser one", "a").user.as_deref(),
        Some("zero")
    );
    assert_eq!(
        lookup(text, "web1"),
        lookup(&text.replace('\n', "\r\n"), "web1")
    );
    assert_eq!(lookup("", "x"), Host::default());
}

#[test]
fn the_users_file_comes_before_the_systems() {
    let mut config = config("Host a\n User mine", &[]);
    config.add("/etc/ssh/ssh_config", "User theirs\nPort 2", &mut |_| {
        Vec::new()
    });
    let host = config.lookup("a", None, &LOCAL);
    assert_eq!((host.user.as_deref(), host.port), (Some("mine"), Some(2)));
}

#[test]
fn host_patterns() {
    for (patterns, yes, no) in [
        ("a", &["a"][..], &["b", "A", "ab", ""][..]),
        ("a b", &["a", "b"], &["a b"]),
        ("*", &["a", ""], &[]),
        ("web-??", &["web-01"], &["web-1", "web-001"]),
        (
            "*.example.org !x.example.org",
            &["a.example.org"],
            &["x.example.org", "example.org"],
        ),
        ("!a *", &["b"], &["a"]),
        ("!a", &[], &["a", "b"]),
        ("10.0.*.1", &["10.0.3.1", "10.0.3.4.1"], &["10.0.3.2"]),
        ("\"with blank\" b", &["with blank", "b"], &["with"]),
        ("a # b", &["a"], &["b", "#"]),
        // Brackets are nothing special to ssh.
        ("w[12]", &["w[12]"], &["w1"]),
    ] {
        let text = format!("Host {patterns}\nPort 7");
        for alias in yes {
            assert_eq!(lookup(&text, alias).port, Some(7), "{patterns} {alias}");
        }
        for alias in no {
            assert_eq!(lookup(&text, alias).port, None, "{patterns} {alias}");
        }
    }
}

#[test]
fn the_order_of_plain_and_wildcard_blocks_is_kept() {
    let text = "Host a\nUser 1\nHost *\nPort 1\nHost a b\nPort 2\nUser 2\nHost a\nHostKeyAlias k";
    let host = lookup(text, "a");
    assert_eq!((host.user.as_deref(), host.port), (Some("1"), Some(1)));
    assert_eq!(host.host_key_alias.as_deref(), Some("k"));
    assert_eq!(
        lookup("Host b a a\nPort 1\nHost *\nPort 2", "a").port,
        Some(1)
    );
}

#[test]
fn ways_to_write_a_line() {
    for (line, user) in [
        ("User x", "x"),
        ("  uSeR\t\tx  ", "x"),
        ("User=x", "x"),
        ("User = x", "x"),
        ("User =x", "x"),
        ("User \"x y\"", "x y"),
        ("User 'x y'", "x y"),
        (r#"User "x \"y\" z""#, r#"x "y" z"#),
        (r"User x\ y", "x y"),
        (r"User dom\user", r"dom\user"),
        (r"User dom\\user", r"dom\user"),
        ("User \"\"x", "x"),
        ("User x # not y", "x"),
        ("User x#y", "x#y"),
        ("User \"it's\"", "it's"),
    ] {
        assert_eq!(lookup(line, "h").user.as_deref(), Some(user), "{line}");
    }
}

#[test]
fn match_blocks() {
    let text = "
        Match originalhost alias*
            HostName real-%h.example.org
        Match host real-*.example.org
            User byhost
        Match user byhost,other host *.example.org
            Port 22022
        Match localuser !me,*
            HostKeyAlias never
        Match !originalhost alias2
            HostKeyAlias one
        Match all
            ConnectTimeout 5
    ";
    let host = lookup(text, "alias1");
    assert_eq!(host.host_name.as_deref(), Some("real-alias1.example.org"));
    assert_eq!(
        (host.user.as_deref(), host.port),
        (Some("byhost"), Some(22022))
    );
    assert_eq!(host.host_key_alias.as_deref(), Some("one"));
    assert_eq!(host.connect_timeout, Some(Duration::from_secs(5)));
    assert_eq!(lookup(text, "alias2").host_key_alias, None);
    assert_eq!(lookup(text, "elsewhere").user, None);
    // The name that is given beats the one in the file.
    let config = config(text, &[]);
    assert_eq!(config.lookup("alias1", Some("root"), &LOCAL).port, None);
    assert_eq!(
        config.lookup("x.example.org", Some("other"), &LOCAL).port,
        Some(22022)
    );
    assert_eq!(lookup("Match user=me\nPort 3", "h").port, Some(3));
}

#[test]
fn a_match_that_is_not_understood_never_applies() {
    for (line, why) in [
        (
            "Match exec \"test -f /x\"",
            "Match exec is not supported: its lines are not used",
        ),
        (
            "Match host h exec true",
            "Match exec is not supported: its lines are not used",
        ),
        (
            "Match !final",
            "Match final is not supported: its lines are not used",
        ),
        ("Match", "Match without a criterion"),
        ("Match host", "Match host needs a pattern"),
        ("Match all host x", "Match all goes with no other criterion"),
        ("Host", "Host without a pattern"),
        ("Host \"a", "Host: a quote is not closed"),
    ] {
        let text = format!("Host h\nPort 1\n{line}\nUser x\nHost *\nHostKeyAlias k");
        assert_eq!(warnings(&text), [format!("config:3: {why}")]);
        let host = config(&text, &[]).lookup("h", None, &LOCAL);
        assert_eq!((host.port, host.user.as_deref()), (Some(1), None), "{line}");
        assert_eq!(host.host_key_alias.as_deref(), Some("k"));
    }
}

#[test]
fn tokens_and_paths() {
    for (line, file) in [
        ("~/.ssh/id", "/home/me/.ssh/id"),
        ("~", "/home/me"),
        ("~root/id", "~root/id"),
        (
            "%d/%n-%h-%p-%r-%u-%i-%k-%L-%l-%%",
            "/home/me/alias-real-7-you-me-1000-ka-desk-desk.example.org-%",
        ),
        ("${KEYS}/id", "/k%h/id"),
        ("relative", "relative"),
    ] {
        let text = format!("HostName real\nPort 7\nUser you\nHostKeyAlias ka\nIdentityFile {line}");
        assert_eq!(lookup(&text, "alias").identity_files.unwrap(), [file]);
    }
    for (line, why) in [
        ("%x", "IdentityFile of h: unknown token %x in “%x”"),
        ("a%", "IdentityFile of h: “a%” ends in a single %"),
        ("${NO}/a", "IdentityFile of h: “${NO}/a”: NO is not set"),
        ("${NO", "IdentityFile of h: “${NO” has a ${ without its }"),
    ] {
        let host = config(&format!("IdentityFile {line}\nIdentityFile b"), &[]);
        let host = host.lookup("h", None, &LOCAL);
        assert_eq!(host.identity_files.unwrap(), ["b"]);
        assert_eq!(
            host.warnings
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [why]
        );
    }
    for (name, real) in [
        ("%h.org", "h.org"),
        ("%%h", "%h"),
        ("a%%%h", "a%h"),
        ("a", "a"),
    ] {
        assert_eq!(
            lookup(&format!("HostName {name}"), "h")
                .host_name
                .as_deref(),
            Some(real)
        );
    }
}

#[test]
fn no_identity_at_all() {
    assert_eq!(lookup("", "h").identity_files, None);
    assert_eq!(
        lookup("IdentityFile none", "h").identity_files,
        Some(vec![])
    );
}

#[test]
fn typed_values() {
    let text = "
        IdentitiesOnly yes
        IdentityAgent ~/agent.sock
        UserKnownHostsFile ~/.ssh/a /dev/null \"x y\"
        GlobalKnownHostsFile none
        StrictHostKeyChecking accept-new
        ConnectTimeout none
        ConnectTimeout 1m30
        ServerAliveInterval 2h
        ServerAliveCountMax 5
    ";
    let host = lookup(text, "h");
    assert_eq!(host.identities_only, Some(true));
    assert_eq!(
        host.identity_agent,
        Some(Agent::Socket("/home/me/agent.sock".to_owned()))
    );
    assert_eq!(
        host.user_known_hosts.unwrap(),
        ["/home/me/.ssh/a", "/dev/null", "x y"]
    );
    assert_eq!(host.global_known_hosts, Some(vec![]));
    assert_eq!(host.strict_host_key_checking, Some(Strictness::AcceptNew));
    assert_eq!(host.connect_timeout, Some(Duration::from_secs(90)));
    assert_eq!(host.server_alive_interval, Some(Duration::from_secs(7200)));
    assert_eq!(host.server_alive_count_max, Some(5));
    for (value, agent) in [
        ("none", Agent::None),
        ("SSH_AUTH_SOCK", Agent::Environment),
        ("$KEYS", Agent::Socket("/k%h".to_owned())),
        ("${KEYS}/s", Agent::Socket("/k%h/s".to_owned())),
    ] {
        assert_eq!(
            lookup(&format!("IdentityAgent {value}"), "h").identity_agent,
            Some(agent)
        );
    }
}

#[test]
fn ways_to_get_there() {
    let jump = |user: Option<&str>, host: &str, port| Jump {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
    };
    let command = |text: &str| Some(Proxy::Command(text.to_owned()));
    for (text, proxy) in [
        ("", None),
        ("ProxyJump none", Some(Proxy::Direct)),
        ("ProxyCommand none\nProxyJump a", Some(Proxy::Direct)),
        (
            "ProxyJump gate",
            Some(Proxy::Jump(vec![jump(None, "gate", None)])),
        ),
        (
            "ProxyJump u@a:2222,[::1]:22,ssh://v@b:3/,fe80::1,x@y@c",
            Some(Proxy::Jump(vec![
                jump(Some("u"), "a", Some(2222)),
                jump(None, "::1", Some(22)),
                jump(Some("v"), "b", Some(3)),
                jump(None, "fe80::1", None),
                jump(Some("x@y"), "c", None),
            ])),
        ),
        (
            "ProxyJump %r@gate-%h",
            Some(Proxy::Jump(vec![jump(Some("me"), "gate-h", None)])),
        ),
        (
            "ProxyCommand nc -X 5 \"%h\" %p # x",
            command("nc -X 5 \"%h\" %p # x"),
        ),
        ("ProxyCommand=nc %h %p", command("nc %h %p")),
        ("ProxyCommand nc\nProxyJump a", command("nc")),
        (
            "ProxyJump a\nProxyCommand nc",
            Some(Proxy::Jump(vec![jump(None, "a", None)])),
        ),
    ] {
        assert_eq!(lookup(text, "h").proxy, proxy, "{text}");
    }
}

#[test]
fn a_proxy_command_is_expanded_later() {
    let tokens = Tokens {
        host: "10.0.0.1",
        original: "web",
        key_alias: None,
        port: 22,
        user: "root",
        jump: "",
        local: &LOCAL,
    };
    let command = "aws ssm start-session --target %n --p %p %r@%h %k 100%%";
    let expanded = "aws ssm start-session --target web --p 22 root@10.0.0.1 web 100%";
    assert_eq!(expand(command, &tokens).unwrap(), expanded);
    assert!(expand("%z", &tokens).is_err());
}

#[test]
fn bad_lines_are_left_out_with_a_warning() {
    for (line, why) in [
        ("Port 0", "bad port 0"),
        ("Port 70000", "bad port 70000"),
        ("Port", "Port without a value"),
        ("User a b", "User: what is “b”?"),
        ("User \"a", "User: a quote is not closed"),
        (
            "IdentitiesOnly maybe",
            "IdentitiesOnly: “maybe” is neither yes nor no",
        ),
        (
            "StrictHostKeyChecking perhaps",
            "StrictHostKeyChecking: what is “perhaps”?",
        ),
        ("ConnectTimeout 5x", "ConnectTimeout: bad time “5x”"),
        ("ConnectTimeout m", "ConnectTimeout: bad time “m”"),
        (
            "ConnectTimeout 99999999999999999999",
            "ConnectTimeout: bad time “99999999999999999999”",
        ),
        (
            "ConnectTimeout 99999999999w",
            "ConnectTimeout: bad time “99999999999w”",
        ),
        ("ServerAliveCountMax -1", "bad number -1"),
        ("ProxyCommand", "ProxyCommand without a command"),
        ("ProxyJump a:b", "bad jump host “a:b”"),
        ("ProxyJump a,,b", "bad jump host “”"),
        ("ProxyJump [::1", "bad jump host “[::1”"),
        ("UserKnownHostsFile", "UserKnownHostsFile without a file"),
        ("Nonsense 5", "unknown keyword Nonsense"),
    ] {
        assert_eq!(
            warnings(&format!("\n{line}\nPort 5")),
            [format!("config:2: {why}")]
        );
        let host = config(&format!("{line}\nPort 5"), &[]).lookup("h", None, &LOCAL);
        assert_eq!(
            host,
            Host {
                port: Some(5),
                ..Host::default()
            },
            "{line}"
        );
    }
}

#[test]
fn keywords_that_are_ignored() {
    // Those that may be missed are told, for the hosts that they apply to.
    let text = "Host a\nForwardAgent yes\nforwardagent no\nHost b\nLocalForward 1 x:2\n\
                Host *\nHashKnownHosts yes\nSendEnv LANG\nControlMaster auto";
    let place = |line| Place {
        file: "config".to_owned(),
        line,
    };
    assert_eq!(
        lookup(text, "a").ignored,
        [("ForwardAgent".to_owned(), place(2))]
    );
    assert_eq!(
        lookup(text, "b").ignored,
        [("LocalForward".to_owned(), place(5))]
    );
    assert_eq!(lookup(text, "c").ignored, []);
    // Unknown ones are errors to ssh, unless IgnoreUnknown says otherwise.
    assert_eq!(
        warnings("IgnoreUnknown UseKey*,Foo\nFoo 1\nUseKeyring yes\nBar 2"),
        ["config:4: unknown keyword Bar"]
    );
}

#[test]
fn includes() {
    let files: Files<'_> = &[
        ("conf.d/*", "one", "Host in1\nUser one\nHost *\nPort 1"),
        ("conf.d/*", "two", "User two\nPort 2"),
        (
            "own",
            "own",
            "Host in1\nHostKeyAlias x\nHost other\nHostKeyAlias y\nInclude bad",
        ),
        ("bad", "bad", "Port x"),
    ];
    let text =
        "Include conf.d/* nothing\nHost in1\nInclude own\nConnectTimeout 9\nHost *\nUser last";
    let config = config(text, files);
    let bad: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(bad, ["bad:1: bad port x"]);
    let host = config.lookup("in1", None, &LOCAL);
    assert_eq!((host.user.as_deref(), host.port), (Some("one"), Some(1)));
    assert_eq!(host.host_key_alias.as_deref(), Some("x"));
    assert_eq!(host.connect_timeout, Some(Duration::from_secs(9)));
    // What is included under a Host that does not match never applies.
    let host = config.lookup("other", None, &LOCAL);
    assert_eq!(
        (host.user.as_deref(), host.host_key_alias),
        (Some("two"), None)
    );
    assert_eq!(host.connect_timeout, None);
}

#[test]
fn files_that_include_themselves_end() {
    let config = config("Include a", &[("a", "a", "Port 1\nInclude a\nInclude a")]);
    assert_eq!(config.lookup("h", None, &LOCAL).port, Some(1));
    assert!(
        config
            .warnings()
            .iter()
            .any(|w| w.to_string().contains("files included"))
    );
    let texts: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    assert!(
        texts.contains(&"a:2: Include deeper than 16 files".to_owned()),
        "{texts:?}"
    );
}

#[test]
fn a_thousand_hosts_are_found_by_name() {
    let mut text: String = (0..1000)
        .map(|n| format!("Host n{n}\n HostName 10.0.0.{n}\n"))
        .collect();
    text.push_str("Host n*\n User all\n");
    let config = config(&text, &[]);
    assert_eq!(config.files[0].general.len(), 1);
    for n in [0, 7, 999] {
        let host = config.lookup(&format!("n{n}"), None, &LOCAL);
        assert_eq!(host.host_name, Some(format!("10.0.0.{n}")));
        assert_eq!(host.user.as_deref(), Some("all"));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(Host|Match|Include|User|ProxyJump|IdentityFile|[ =\"'\\\\#*!%~$a{}\n@:\\[\\],])*") {
        let mut config = SshConfig::new();
        config.add("config", &text, &mut |_| vec![("f".to_owned(), text.clone())].into_iter().take(1).collect());
        config.lookup("a", None, &LOCAL);
    }

    #[test]
    fn patterns_match_as_the_plain_definition_says(text in "[ab]{0,8}", pattern in "[ab*?]{0,8}") {
        fn slow(text: &[u8], pattern: &[u8]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|n| slow(&text[n..], rest)),
                Some((b'?', rest)) => !text.is_empty() && slow(&text[1..], rest),
                Some((c, rest)) => text.first() == Some(c) && slow(&text[1..], rest),
            }
        }
        prop_assert_eq!(matches_pattern(&text, &pattern), slow(text.as_bytes(), pattern.as_bytes()));
    }
}

#[test]
fn a_question_mark_stands_for_a_character() {
    assert!(matches_pattern("né", "n?") && !matches_pattern("né", "n??"));
}
