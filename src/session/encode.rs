//! How a command line is written to a shell that reads from a terminal.
//!
//! The shell's terminal is in canonical mode without echo: a line of 4,096 bytes or more is cut by
//! the kernel (N_TTY_BUF_SIZE), busybox ash reads 1,024 bytes at a time, and control bytes are
//! interpreted. So a command is one short physical line, or a chain of them that is evaluated only
//! if every link arrived.

use super::shell::Stdin;

/// No physical line is longer than this, in bytes.
const LINE_MAX: usize = 900;
/// How much of a chunked command one physical line carries, in bytes of its quoted form.
const CHUNK_MAX: usize = 760;
/// Chunks are gathered in a small variable and moved to a large one after this many, so that
/// building a command of n bytes does not copy n² bytes.
const CHUNKS_PER_MOVE: usize = 64;

/// The end of a command's line: its number, its exit status, and the prompt as it must be, whatever
/// the command did to it. Assignments, for bash copies a function's body at each call; and few of
/// them, for what a shell does here it does on every node at once.
pub(super) fn end(seq: u64) -> String {
    format!("_dust_s={seq}:$? PS1=$_dust_p PROMPT_COMMAND=$_dust_q")
}

/// Makes the terminal what line mode has it be.
pub(super) const SILENCE: &str = "stty -echo -onlcr igncr;";
/// Makes the terminal take the next byte literally (VLNEXT, termios(3)).
const LITERAL_NEXT: u8 = 0x16;

/// What goes around a command.
pub(super) struct Frame<'a> {
    /// Its number.
    pub(super) seq: u64,
    /// Somebody turned the terminal's echo on: turn it off first.
    pub(super) silence: bool,
    /// What `$?` is to be at its start.
    pub(super) status: u8,
    /// The word of marks.
    pub(super) nonce: &'a str,
    /// What it reads from.
    pub(super) stdin: Stdin<'a>,
    /// The shell is bash, which takes what [`is_plain`] without `eval`.
    pub(super) bash: bool,
}

impl Frame<'_> {
    /// What stands before the quoted command, and behind it.
    fn around(&self) -> (Vec<u8>, Vec<u8>) {
        let mut head = Vec::new();
        if self.silence {
            head.extend_from_slice(SILENCE.as_bytes());
        }
        let tail = match self.stdin {
            Stdin::Terminal => Vec::new(),
            Stdin::Nothing => b" </dev/null".to_vec(),
            Stdin::Fifo(path) => {
                let Self { nonce, seq, .. } = self;
                // Two words make the mark, so that an echo of this line holds none.
                let mark =
                    format!("{{ printf '\u{16}\u{1e}''{nonce}::{seq}:i\u{16}\u{1e}' >/dev/tty;");
                head.extend_from_slice(mark.as_bytes());
                let mut tail = b";} <'".to_vec();
                for word in quoted(path.as_bytes()) {
                    tail.extend_from_slice(&word);
                }
                tail.push(b'\'');
                tail
            },
        };
        if self.status != 0 {
            // In a list, lest `set -e` takes it for a failure.
            head.extend_from_slice(format!("_dust_r {}&&:;", self.status).as_bytes());
        }
        (head, tail)
    }
}

/// Words that begin or end something longer than a simple command.
const RESERVED: [&[u8]; 20] = [
    b"if",
    b"then",
    b"elif",
    b"else",
    b"fi",
    b"case",
    b"esac",
    b"for",
    b"select",
    b"while",
    b"until",
    b"do",
    b"done",
    b"in",
    b"function",
    b"time",
    b"coproc",
    b"[[",
    b"]]",
    b"!",
];

/// True for one simple command of plain words, variables and sums, in which the shell's parser can
/// find no error and no end that is not the line's. Others need `eval`, which keeps errors inside
/// and is a part of what bash does for a small command.
fn is_plain(command: &[u8]) -> bool {
    let mut words = command
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    if words.clone().any(|word| RESERVED.contains(&word)) || words.next().is_none() {
        return false;
    }
    let mut rest = command;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'$' {
            if let Some(sum) = after.strip_prefix(b"((") {
                let digit = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_+-*/% ".contains(byte);
                let length = sum.iter().take_while(digit).count();
                let behind = sum.get(length..).and_then(|end| end.strip_prefix(b"))"));
                let (Some(behind), true) = (behind, length > 0) else {
                    return false;
                };
                rest = behind;
            } else if !after
                .first()
                .is_some_and(|&byte| byte.is_ascii_alphanumeric() || b"_?$".contains(&byte))
            {
                return false;
            }
        } else if !byte.is_ascii_alphanumeric() && !b" _-+./,:=@%?".contains(&byte) {
            return false;
        }
    }
    true
}

/// The bytes that run `command`; see `shell` for the protocol.
pub(super) fn command(frame: &Frame<'_>, command: &[u8]) -> Vec<u8> {
    let seq = frame.seq;
    let (mut head, tail) = frame.around();
    let end = end(seq);
    let fifo = matches!(frame.stdin, Stdin::Fifo(_));
    let room = head.len() + tail.len() + end.len() + 48;
    if frame.bash && !fifo && command.len() + room <= LINE_MAX && is_plain(command) {
        let mut out = format!(" _dust_s={seq};").into_bytes();
        for piece in [&head, command, &tail, b";", end.as_bytes(), b"\n"] {
            out.extend_from_slice(piece);
        }
        return out;
    }
    let words = quoted(command);
    head.extend_from_slice(b"eval ");
    let length: usize = words.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(length + length / 8 + 128);
    if length + room + 5 <= LINE_MAX {
        out.extend_from_slice(format!(" _dust_s={seq};").as_bytes());
        out.extend_from_slice(&head);
        out.push(b'\'');
        words.iter().for_each(|word| out.extend_from_slice(word));
        out.push(b'\'');
        out.extend_from_slice(&tail);
        out.extend_from_slice(format!(";{end}\n").as_bytes());
        return out;
    }
    let mut links = 0;
    let mut words = words.into_iter().peekable();
    while words.peek().is_some() {
        let before = links;
        links += 1;
        if before == 0 {
            let first = format!(" _dust_s={seq}.1;_dust_i=1;_dust_e=;_dust_c='");
            out.extend_from_slice(first.as_bytes());
        } else {
            let link = format!(
                " [ \"$_dust_i\" = {before} ]&&_dust_s={seq}.{links}&&_dust_i={links}\
                 &&_dust_c=$_dust_c'"
            );
            out.extend_from_slice(link.as_bytes());
        }
        let mut used = 0;
        while let Some(word) = words.next_if(|word| used == 0 || used + word.len() <= CHUNK_MAX) {
            used += word.len();
            out.extend_from_slice(&word);
        }
        out.push(b'\'');
        if links % CHUNKS_PER_MOVE == 0 {
            out.extend_from_slice(b"&&_dust_e=$_dust_e$_dust_c&&_dust_c=");
        }
        out.push(b'\n');
    }
    let last = format!(" [ \"$_dust_i\" = {links} ]&&_dust_i=0&&{{ _dust_s={seq};");
    out.extend_from_slice(last.as_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(b"\"$_dust_e$_dust_c\"");
    out.extend_from_slice(&tail);
    out.extend_from_slice(format!(";{end} _dust_c= _dust_e=;}}\n").as_bytes());
    out
}

/// A line that a running program reads: control bytes but tab are taken literally by the terminal.
pub(super) fn input(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len() + 1);
    for &byte in line {
        if byte != b'\n' && is_control(byte) {
            out.push(LITERAL_NEXT);
        }
        out.push(byte);
    }
    out.push(b'\n');
    out
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// The inside of a single-quoted shell word, in pieces that may not be split: a character, or what
/// stands for it.
fn quoted(command: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = Vec::with_capacity(command.len() / 256 + 1);
    // Plain text is grouped, a few hundred bytes to a piece.
    let mut plain: Vec<u8> = Vec::new();
    for (at, &byte) in command.iter().enumerate() {
        let special: Option<Vec<u8>> = match byte {
            b'\'' => Some(b"'\\''".to_vec()),
            b'\n' => Some(b"'\"$_dust_l\"'".to_vec()),
            // A shell word holds no NUL; it would end the word unseen.
            0 => Some(Vec::new()),
            _ if is_control(byte) => Some(vec![LITERAL_NEXT, byte]),
            _ => None,
        };
        match special {
            Some(piece) => {
                if !plain.is_empty() {
                    pieces.push(std::mem::take(&mut plain));
                }
                pieces.push(piece);
            },
            None => {
                plain.push(byte);
                // Never between the bytes of one UTF-8 character.
                let inside = command.get(at + 1).is_some_and(|next| next & 0xc0 == 0x80);
                if plain.len() >= 240 && (!inside || plain.len() >= 260) {
                    pieces.push(std::mem::take(&mut plain));
                }
            },
        }
    }
    if !plain.is_empty() {
        pieces.push(plain);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(seq: u64) -> Frame<'static> {
        Frame {
            seq,
            silence: false,
            status: 0,
            nonce: "000000000000",
            stdin: Stdin::Terminal,
            bash: false,
        }
    }

    #[test]
    fn only_plain_commands_go_without_eval() {
        for plain in [
            "ls -l /tmp",
            "A=1 b",
            "echo R$((7000000+3))R $HOME $?",
            " true ",
            "%1",
        ] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        for other in [
            "",
            "  ",
            "echo 'a'",
            "a;b",
            "a\nb",
            "if",
            "time ls",
            "echo $(ls)",
            "echo $((1",
            "a|b",
            "echo ${a",
            "a#b",
            "echo $",
            "{ a",
            "a\\",
            "echo $(())",
            "f() {",
            "a &",
            "é",
            "! a",
            "a\tb",
        ] {
            assert!(!is_plain(other.as_bytes()), "{other}");
        }
        let line = command(
            &Frame {
                bash: true,
                ..frame(7)
            },
            b"ls /tmp",
        );
        let wanted = format!(" _dust_s=7;ls /tmp;{}\n", end(7));
        assert_eq!(String::from_utf8(line).unwrap(), wanted);
    }

    #[test]
    fn a_short_command_is_one_line() {
        for (stdin, before, after) in [
            (Stdin::Terminal, "", ""),
            (Stdin::Nothing, "", " </dev/null"),
            (
                Stdin::Fifo("/tmp/it's"),
                "{ printf '\u{16}\u{1e}''000000000000::7:i\u{16}\u{1e}' >/dev/tty;",
                ";} <'/tmp/it'\\''s'",
            ),
        ] {
            let line = command(&Frame { stdin, ..frame(7) }, b"echo 'a\nb'");
            let wanted = format!(
                " _dust_s=7;{before}eval 'echo '\\''a'\"$_dust_l\"'b'\\'''{after};{}\n",
                end(7)
            );
            assert_eq!(String::from_utf8(line).unwrap(), wanted);
        }
    }

    #[test]
    fn control_bytes_are_made_literal() {
        assert_eq!(input(b"a\x03\tb"), b"a\x16\x03\tb\n");
        let line = command(&frame(1), b"\x04");
        assert!(line.windows(2).any(|pair| pair == b"\x16\x04"));
    }

    proptest! {
        #[test]
        fn no_physical_line_is_long(text in proptest::collection::vec(any::<u8>(), 0..9000)) {
            let path = "/x".repeat(256);
            let stdin = Stdin::Fifo(&path);
            let frame = Frame { silence: true, status: 255, stdin, ..frame(1) };
            for line in command(&frame, &text).split(|&byte| byte == b'\n') {
                prop_assert!(line.len() <= LINE_MAX, "{} bytes", line.len());
            }
        }

        #[test]
        fn characters_are_never_split(text in "[é€😀'a]{0,3000}") {
            for line in command(&frame(1), text.as_bytes()).split(|&byte| byte == b'\n') {
                prop_assert!(std::str::from_utf8(line).is_ok());
            }
        }
    }
}
