//! Values as they are written, and the table's own order.

use super::*;
use crate::command::table::Kind;
use proptest::prelude::*;

fn set(name: &str, value: &str) -> Option<Change> {
    find(name).unwrap().parse(value).ok()
}

#[test]
fn values_are_read() {
    let ms = Duration::from_millis;
    for (name, value, change) in [
        ("color", "always", Some(Change::Color(When::Always))),
        ("color", "Always", None),
        ("fold", "on", Some(Change::Fold(true))),
        ("fold", "off", Some(Change::Fold(false))),
        ("fold", "", None),
        ("fanout", "1", Some(Change::Fanout(1))),
        ("fanout", "1024", Some(Change::Fanout(1024))),
        ("fanout", "0", None),
        ("fanout", "1025", None),
        ("fanout", "+5", None),
        ("fanout", "5 ", None),
        ("timeout", "5", Some(Change::Timeout(ms(5000)))),
        ("timeout", "0.5", Some(Change::Timeout(ms(500)))),
        ("timeout", "1.25", Some(Change::Timeout(ms(1250)))),
        ("timeout", "0", None),
        ("timeout", "-1", None),
        ("timeout", "5s", None),
        ("timeout", ".5", None),
        ("timeout", "5.", None),
        ("timeout", "1e3", None),
        ("timeout", "99999999999999999999", None),
        ("command-timeout", "0", Some(Change::CommandTimeout(None))),
        (
            "command-timeout",
            "90",
            Some(Change::CommandTimeout(Some(ms(90_000)))),
        ),
        ("boot", "0", None),
        ("boot", "30", Some(Change::Boot(ms(30_000)))),
        ("quiet", "200", Some(Change::Quiet(ms(200)))),
        ("detach", "off", Some(Change::Detach(Detach::Off))),
        ("detach", "on", None),
        ("detach-key", "^b", Some(Change::DetachKey(2))),
        ("detach-key", "^]", Some(Change::DetachKey(0x1d))),
        ("detach-key", "^M", None),
        ("detach-key", "^", None),
        ("detach-key", "^bb", None),
        ("detach-key", "^é", None),
        ("detach-key", "b", None),
        ("detach-tilde", "off", Some(Change::DetachTilde(false))),
        ("detach-window", "300", Some(Change::DetachWindow(ms(300)))),
        ("detach-window", "10", None),
        ("quiet", "9", None),
        ("fold", "default", Some(Change::Fold(false))),
        ("log", "off", Some(Change::Log(None))),
        ("log", "a b", Some(Change::Log(Some("a b".into())))),
        ("log", "", None),
        ("log-keep", "1000", None),
        ("log-size", "10M", Some(Change::LogSize(Some(10 << 20)))),
        ("log-size", "5000", Some(Change::LogSize(Some(5000)))),
        ("log-size", "0", Some(Change::LogSize(None))),
        ("scrollback", "0", Some(Change::Scrollback(0))),
        ("scrollback", "10001", None),
        ("log-size", "1", None),
        ("log-size", "K", None),
        ("log-size", "99999999999999999999G", None),
        ("prompt", "%x", None),
        ("prompt", "50%", None),
        ("prompt", "", None),
        ("prompt", "a\x1b[2J", None),
        ("prompt", "%%%c", Some(Change::Prompt("%%%c".to_owned()))),
    ] {
        assert_eq!(set(name, value), change, "{name} {value}");
    }
}

#[test]
fn errors_say_what_is_right() {
    let error = find("fold").unwrap().parse("yes").unwrap_err();
    assert_eq!(error.to_string(), "fold: `yes` is not on or off");
    assert_eq!(
        find("fodl").unwrap_err().to_string(),
        "no setting `fodl` (did you mean fold?)"
    );
    assert_eq!(
        find("zzz").unwrap_err().to_string(),
        "no setting `zzz` (there are boot, color, command-timeout, detach, detach-key, \
         detach-tilde, detach-window, fanout, fold, log, log-keep, log-size, prompt, quiet, scrollback, timeout)"
    );
}

#[test]
fn every_setting_shows_what_was_set() {
    let mut settings = Settings::default();
    for (name, value) in [
        ("boot", "90"),
        ("color", "never"),
        ("command-timeout", "1.5"),
        ("fanout", "7"),
        ("fold", "on"),
        ("log", "/var/log/dust"),
        ("log-keep", "0"),
        ("log-size", "64K"),
        ("prompt", "%u$"),
        ("quiet", "50"),
        ("timeout", "0.25"),
    ] {
        let setting = find(name).unwrap();
        assert_ne!(setting.show(&settings), value);
        settings.apply(setting.parse(value).unwrap(), Origin::Set);
        assert_eq!(setting.show(&settings), value, "{name}");
    }
}

#[test]
fn the_table_is_in_order() {
    assert!(names().is_sorted() && names().count() == 16);
    for setting in SETTINGS {
        assert!(
            setting.doc.ends_with('.') && setting.doc.len() < 100,
            "{}",
            setting.name
        );
        assert!(
            setting.parse(&setting.default_value()).is_ok(),
            "{}",
            setting.name
        );
        if let Kind::OneOf(words) = setting.kind {
            assert!(
                words.iter().all(|word| setting.parse(word).is_ok()),
                "{}",
                setting.name
            );
        }
    }
}

proptest! {
    #[test]
    fn no_value_panics_and_what_is_shown_is_read_back(value in "\\PC{0,8}|[0-9.]{0,12}") {
        for setting in SETTINGS {
            if let Ok(change) = setting.parse(&value) {
                let mut settings = Settings::default();
                settings.apply(change.clone(), Origin::Set);
                prop_assert_eq!(setting.parse(&setting.show(&settings)).unwrap(), change);
            }
        }
    }
}

#[test]
fn the_latest_change_counts_and_says_where_it_is_from() {
    let mut settings = Settings::default();
    let fold = find("fold").unwrap();
    for (value, origin, shown) in [
        (
            "on",
            Origin::File("/a/b/config.ini".to_owned(), 7),
            "config.ini:7",
        ),
        ("off", Origin::Option("--no-fold"), "--no-fold"),
        ("on", Origin::Variable("NO_COLOR"), "NO_COLOR"),
        ("off", Origin::Set, "set"),
        ("on", Origin::Default, "default"),
    ] {
        settings.apply(fold.parse(value).unwrap(), origin);
        assert_eq!(settings.origin(fold).to_string(), shown);
        assert_eq!(fold.show(&settings), value);
    }
}

#[test]
fn a_change_is_named_as_its_setting() {
    for setting in SETTINGS {
        let change = setting.parse("default").unwrap();
        assert_eq!(change.name(), setting.name);
    }
}

#[test]
fn prompts() {
    let facts = PromptFacts {
        clusters: ":lab".to_owned(),
        working: " [1/2]".to_owned(),
        busy: " (3 busy)".to_owned(),
        user: "me".to_owned(),
        host: "desk.example.org".to_owned(),
        folder: "/srv".to_owned(),
    };
    let text = |format: &str| prompt_text(format, &facts);
    assert_eq!(
        text(&Settings::default().prompt),
        "dust:lab [1/2] (3 busy)$"
    );
    assert_eq!(text("%u@%h %d 100%%>"), "me@desk /srv 100%>");
}
