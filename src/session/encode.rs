//! How a command line is written to a shell that reads from a terminal.
//!
//! The shell's terminal is in canonical mode without echo: a line of 4,096 bytes or more is cut by
//! the kernel (N_TTY_BUF_SIZE), busybox ash reads 1,024 bytes at a time, and control bytes are
//! interpreted. So a command is one short physical line, or a chain of them that is evaluated only
//! if every link arrived.

/// No physical line is longer than this, in bytes.
const LINE_MAX: usize = 900;
/// How much of a chunked command one physical line carries, in bytes of its quoted form.
const CHUNK_MAX: usize = 760;
/// Chunks are gathered in a small variable and moved to a large one after this many, so that
/// building a command of n bytes does not copy n² bytes.
const CHUNKS_PER_MOVE: usize = 64;
/// The end of a command's line: its exit status, and the prompt as it must be, whatever the command
/// did to it. Assignments, for each call of a function costs the node as much as a small command.
const END: &str = "_dust_s=$? PS1=$_dust_p PS2= PROMPT_COMMAND=$_dust_q";
/// Makes the terminal take the next byte literally (VLNEXT, termios(3)).
const LITERAL_NEXT: u8 = 0x16;

/// The bytes that run `command` as command number `seq`; see `shell` for the protocol.
pub(super) fn command(seq: u64, command: &[u8], prefix: &str) -> Vec<u8> {
    let words = quoted(command);
    let length: usize = words.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(length + length / 8 + 128);
    if length + prefix.len() + END.len() + 64 <= LINE_MAX {
        out.extend_from_slice(format!(" _dust_n={seq} _dust_s=;{prefix}eval '").as_bytes());
        words.iter().for_each(|word| out.extend_from_slice(word));
        out.extend_from_slice(format!("';{END}\n").as_bytes());
        return out;
    }
    let mut links = 0;
    let mut words = words.into_iter().peekable();
    while words.peek().is_some() {
        let before = links;
        links += 1;
        if before == 0 {
            let first = format!(" _dust_n={seq}.1;_dust_i=1;_dust_e=;_dust_c='");
            out.extend_from_slice(first.as_bytes());
        } else {
            let link = format!(
                " [ \"$_dust_i\" = {before} ]&&_dust_n={seq}.{links}&&_dust_i={links}\
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
    let end = format!(
        " [ \"$_dust_i\" = {links} ]&&_dust_i=0&&{{ _dust_n={seq} _dust_s=;{prefix}\
         eval \"$_dust_e$_dust_c\";{END} _dust_c= _dust_e=;}}\n"
    );
    out.extend_from_slice(end.as_bytes());
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

    #[test]
    fn a_short_command_is_one_line() {
        let line = command(7, b"echo 'a\nb'", "");
        let text = String::from_utf8(line).unwrap();
        assert_eq!(
            text,
            format!(" _dust_n=7 _dust_s=;eval 'echo '\\''a'\"$_dust_l\"'b'\\''';{END}\n")
        );
    }

    #[test]
    fn control_bytes_are_made_literal() {
        assert_eq!(input(b"a\x03\tb"), b"a\x16\x03\tb\n");
        let line = command(1, b"\x04", "");
        assert!(line.windows(2).any(|pair| pair == b"\x16\x04"));
    }

    proptest! {
        #[test]
        fn no_physical_line_is_long(text in proptest::collection::vec(any::<u8>(), 0..9000)) {
            for line in command(1, &text, "stty -echo;").split(|&byte| byte == b'\n') {
                prop_assert!(line.len() <= LINE_MAX, "{} bytes", line.len());
            }
        }

        #[test]
        fn characters_are_never_split(text in "[é€😀'a]{0,3000}") {
            for line in command(1, text.as_bytes(), "").split(|&byte| byte == b'\n') {
                prop_assert!(std::str::from_utf8(line).is_ok());
            }
        }
    }
}
