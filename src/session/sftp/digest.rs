//! SHA-256 of a node's files, counted by the node itself: a small script on a channel of its own reads
//! paths and prints digests, one a line.

use std::collections::VecDeque;

/// A longer line is no answer, in bytes.
const LINE_MAX: usize = 4096;

/// The command line. It passes through the login shell's `-c`, whatever family that is: no single
/// quote, backslash, `!` or newline.
pub fn command() -> String {
    let script = [
        r#"LC_ALL=C;export LC_ALL;n=0;while IFS= read -r l;do n=$((n+1));f=$(printf %b. "$l");f=${f%.};"#,
        r#"{ sha256sum<"$f"||shasum -a 256<"$f"||openssl dgst -sha256 -r<"$f"||sha256 -q<"$f";"#,
        r#"} 2>/dev/null|{ read -r h x;echo "=$n:$h";};done"#,
    ]
    .concat();
    format!("exec sh -c '{script}'")
}

/// What is asked, and the answers.
#[derive(Debug, Default)]
pub struct Digests {
    out: Vec<u8>,
    line: Vec<u8>,
    asked: VecDeque<usize>,
    /// So many answers have come.
    answered: u64,
}

impl Digests {
    /// Asks for the digest of the file at a path; it is known by this number.
    pub fn ask(&mut self, file: usize, path: &[u8]) {
        for byte in path {
            // What `printf %b` understands everywhere.
            self.out
                .extend_from_slice(format!("\\0{byte:03o}").as_bytes());
        }
        self.out.push(b'\n');
        self.asked.push_back(file);
    }

    /// Bytes for the channel.
    pub fn unsent(&self) -> &[u8] {
        &self.out
    }

    /// So many of them are gone.
    pub fn sent(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
    }

    /// Takes what was printed: which files have which digests. None: the node cannot tell.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<(usize, Option<[u8; 32]>)> {
        let mut found = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < LINE_MAX {
                    self.line.push(*byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            // Start-up files may print, too: an answer has its number.
            let number = format!("={}:", self.answered + 1);
            if let Some(digits) = line.strip_prefix(number.as_bytes())
                && let Some(file) = self.asked.pop_front()
            {
                self.answered += 1;
                found.push((file, digest(digits)));
            }
        }
        found
    }

    /// The channel is gone: the files without an answer.
    pub fn left(&mut self) -> Vec<usize> {
        self.out.clear();
        self.asked.drain(..).collect()
    }
}

fn digest(digits: &[u8]) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(digits).ok()?.trim_end_matches('\r');
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_passes_through_single_quotes_of_any_shell() {
        let text = command();
        assert!(!text.contains('\\') && !text.contains('!') && !text.contains('\n'));
        assert_eq!(text.matches('\'').count(), 2);
    }

    #[test]
    fn answers_come_in_order_among_noise() {
        let mut digests = Digests::default();
        digests.ask(7, b"a\n'");
        digests.ask(8, b"b");
        digests.ask(9, b"c");
        assert_eq!(digests.unsent(), b"\\0141\\0012\\0047\n\\0142\n\\0143\n");
        let hex = "ab".repeat(32);
        let noise = format!("Welcome!\n=====\n=\n={hex}\n=2:{hex}\n");
        let text = format!("{noise}=1:{hex}\n=====\n=2:\n=3:{hex}00\n=4:{hex}\n");
        let (first, second) = text.as_bytes().split_at(200);
        assert_eq!(digests.receive(first), []);
        let found = digests.receive(second);
        assert_eq!(found, [(7, Some([0xab; 32])), (8, None), (9, None)]);
        assert_eq!(digests.left(), [0; 0]);
    }
}
