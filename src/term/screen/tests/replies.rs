//! Questions that programs ask while nobody is attached.

use super::*;

fn reply(question: &str) -> String {
    let mut screen = Screen::new(SIZE, 10);
    screen.feed(question.as_bytes());
    String::from_utf8(screen.take_replies()).unwrap()
}

#[test]
fn each_question_is_answered() {
    for (question, answer) in [
        ("\x1b[c", "\x1b[?62;22c"),
        ("\x1b[0c", "\x1b[?62;22c"),
        ("\x1bZ", "\x1b[?62;22c"),
        ("\x1b[>c", "\x1b[>0;10;0c"),
        ("\x1b[=c", "\x1bP!|00000000\x1b\\"),
        ("\x1b[5n", "\x1b[0n"),
        ("\x1b[3;9H\x1b[6n", "\x1b[3;9R"),
        ("\x1b[3;80Hx\x1b[6n", "\x1b[3;80R"),
        ("\x1b[?1049h\x1b[7;2H\x1b[6n", "\x1b[7;2R"),
        ("\x1b[5;9r\x1b[?6h\x1b[2;2H\x1b[6n", "\x1b[2;2R"),
        ("\x1b[2;3H\x1b[?6n", "\x1b[?2;3;1R"),
        ("\x1b[?2004$p", "\x1b[?2004;2$y"),
        ("\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
        ("\x1b[?7$p", "\x1b[?7;1$y"),
        ("\x1b[?25l\x1b[?25$p", "\x1b[?25;2$y"),
        ("\x1b[?2026$p", "\x1b[?2026;2$y"),
        ("\x1b[?1049h\x1b[?1049$p", "\x1b[?1049;1$y"),
        ("\x1b[?4711$p", "\x1b[?4711;0$y"),
        ("\x1b[4h\x1b[4$p", "\x1b[4;1$y"),
        ("\x1b]10;?\x07", "\x1b]10;rgb:d8d8/d8d8/d8d8\x07"),
        ("\x1b]11;?\x1b\\", "\x1b]11;rgb:0000/0000/0000\x1b\\"),
        (
            "\x1b]10;?;?\x07",
            "\x1b]10;rgb:d8d8/d8d8/d8d8\x07\x1b]11;rgb:0000/0000/0000\x07",
        ),
        ("\x1b]11;#123456\x07\x1b]11;?\x07", "\x1b]11;#123456\x07"),
        (
            "\x1b]11;#123456\x07\x1b]111\x07\x1b]11;?\x07",
            "\x1b]11;rgb:0000/0000/0000\x07",
        ),
        ("\x1b]4;1;?\x07", "\x1b]4;1;rgb:cdcd/0000/0000\x07"),
        (
            "\x1b]4;1;?;9;?\x07",
            "\x1b]4;1;rgb:cdcd/0000/0000\x07\x1b]4;9;rgb:ffff/0000/0000\x07",
        ),
        ("\x1b[1;31mx\x1bP$qm\x1b\\", "\x1bP1$r0;31;1m\x1b\\"),
        ("\x1bP$qm\x1b\\", "\x1bP1$r0m\x1b\\"),
        ("\x1b[5 q\x1bP$q q\x1b\\", "\x1bP1$r5 q\x1b\\"),
        ("\x1b[2;9r\x1bP$qr\x1b\\", "\x1bP1$r2;9r\x1b\\"),
        ("\x1bP$q\"p\x1b\\", "\x1bP0$r\x1b\\"),
        ("\x1bP+q544e;5463\x1b\\", "\x1bP0+r544e;5463\x1b\\"),
        ("\x1b[14t", "\x1b[4;384;640t"),
        ("\x1b[16t", "\x1b[6;16;8t"),
        ("\x1b[18t", "\x1b[8;24;80t"),
        ("\x1b]2;$(reboot)\x07\x1b[21t", "\x1b]l\x1b\\"),
        ("\x1b[>4;2m\x1b[?4m", "\x1b[>4;2m"),
        ("\x1b[?996n", "\x1b[?997;1n"),
        ("\x1b[?1;1;0S", "\x1b[?1;1S"),
        // No terminal said that it knows it, so the keys of the next one will come as ever.
        ("\x1b[?u", ""),
        // No clipboard is given away.
        ("\x1b]52;c;?\x07", ""),
        ("\x1bP+qa b\x1b\\", ""),
        ("text\x1b[31m\r\n\x1b[2J\x1b[?25h", ""),
    ] {
        assert_eq!(reply(question), answer, "{question:?}");
    }
    assert!(reply("\x1b[>q").starts_with("\x1bP>|dust("));
}

#[test]
fn answers_come_once_and_in_order() {
    let mut screen = Screen::new(SIZE, 10);
    screen.push(b"\x1b[5n\x1b[");
    screen.push(b"c\x1b[6n");
    assert_eq!(screen.take_replies(), b"");
    screen.settle(1000);
    assert_eq!(screen.unsettled(), 0);
    assert_eq!(screen.take_replies(), b"\x1b[0n\x1b[?62;22c\x1b[1;1R");
    assert_eq!(screen.take_replies(), b"");
    screen.repaint(Scrollback::None);
    assert_eq!(screen.take_replies(), b"");
}

#[test]
fn an_attached_terminal_answers_for_itself() {
    let mut screen = Screen::new(SIZE, 10);
    screen.feed(b"\x1b[5n");
    screen.attached();
    // It never saw that question.
    assert!(screen.has_replies());
    assert_eq!(screen.take_replies(), b"\x1b[0n");
    assert!(!screen.has_replies());
    screen.push(b"\x1b[c\x1b]11;?\x07");
    // What was sent while it was attached is not answered again, however late it is read.
    screen.detached(&Facts::default());
    assert_eq!(screen.take_replies(), b"");
    screen.push(b"\x1b[5n");
    screen.settle_all();
    assert_eq!(screen.take_replies(), b"\x1b[0n");
}

#[test]
fn the_last_terminal_is_spoken_for() {
    let mut facts = Facts::default();
    facts.hear(
        b"\x1b[?64;4c\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?0u\x1b[>41;390;0c\x1bP>|XTerm(390)\x1b\\",
    );
    let mut screen = Screen::new(SIZE, 10);
    screen.detached(&facts);
    screen.feed(b"\x1b[c\x1b]11;?\x07\x1b[>5u\x1b[?u\x1b[>c\x1b[>0q");
    assert_eq!(
        String::from_utf8(screen.take_replies()).unwrap(),
        "\x1b[?64;4c\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?5u\x1b[>41;390;0c\x1bP>|XTerm(390)\x1b\\"
    );
}

#[test]
fn a_flood_of_questions_gets_few_answers() {
    let mut screen = Screen::new(SIZE, 10);
    screen.feed(b"\x1b[?1049h");
    for _ in 0..3 {
        screen.feed(&b"x\x1b[6n\x1b[c\x1bP$qm\x1b\\".repeat(20_000));
        let replies = screen.take_replies();
        assert!(replies.len() <= 4096, "{}", replies.len());
        let positions = replies.iter().filter(|b| **b == b'R').count();
        assert!((1..=32).contains(&positions));
    }
}
