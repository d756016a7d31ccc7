//! Standard input for a command, on its way to a node.
//!
//! It never goes through the terminal of the node's shell: a terminal cuts long lines, acts on
//! control bytes, and what a command leaves unread there the shell would run as commands. Instead a
//! second channel of the connection, without a terminal, makes a FIFO and copies its own input into
//! it, and the shell runs the command with that FIFO as standard input. So bytes pass as they are,
//! the end of input is one, a command that ends early leaves nothing behind, and the ssh window
//! holds back whoever feeds a slow reader.
//!
//! 1. [`request`] runs on the second channel: it opens the FIFO for reading and writing, which never
//!    waits, and prints its path ([`Greeting`]).
//! 2. The shell is sent the command ([`Stdin::Fifo`](super::shell::Stdin)), and tells when it has
//!    opened the FIFO ([`Piece::Reading`](super::shell::Piece)).
//! 3. [`GO`] is sent on the second channel: the script removes the FIFO's name and closes the reading
//!    end, so that `cat` notices when nobody reads any more; then the data follows.
//!
//! Whichever side goes first, the other ends, and no file is left: before [`GO`] the script waits in
//! `read`, which ends with its channel.

use super::shell::Nonce;

/// The line that comes before the data.
pub const GO: &[u8] = b"go\n";
/// A path of a node is not longer than this, in bytes.
const PATH_MAX: usize = 512;
/// Start-up files of the node may print this much before the greeting, in bytes.
const NOISE_MAX: usize = 64 * 1024;

/// What to ask of the node's sshd for the second channel. It passes through the login shell's `-c`,
/// whatever family that is: no single quote, backslash, `!` or newline.
pub fn request(nonce: &Nonce) -> String {
    let word = nonce.word();
    // TMPDIR may not be set, and /tmp may be full or read-only.
    let script = [
        r#"umask 077;LC_ALL=C;export LC_ALL;f=;"#,
        r#"for d in "${TMPDIR-}" /tmp /var/tmp /dev/shm "${HOME-}";do "#,
        r#"case $d in /*)d=$d/.dust-$1;mkdir "$d"&&{ if mkfifo "$d/in";then f=$d/in;break;"#,
        r#"else rmdir "$d";fi;};;esac;done 2>/dev/null;"#,
        r#"if [ -z "$f" ];then echo "no folder to make a FIFO in" >&2;exit 1;fi;"#,
        r#"exec 3<>"$f" 4>"$f";echo "$1:$f";read -r x;rm -f "$f";rmdir "$d";"#,
        r#"[ "$x" = go ]||exit 1;exec 3<&-;exec cat >&4"#,
    ]
    .concat();
    format!("exec sh -c '{script}' sh {word}")
}

/// What the script prints before it waits: where its FIFO is.
#[derive(Debug)]
pub struct Greeting {
    wanted: Vec<u8>,
    seen: Vec<u8>,
}

impl Greeting {
    /// The greeting of the [`request`] with this nonce.
    pub fn new(nonce: &Nonce) -> Self {
        Self {
            wanted: format!("{}:", nonce.word()).into_bytes(),
            seen: Vec::new(),
        }
    }

    /// Takes what was printed; the path once it is there. An error says why it never will be.
    pub fn receive(&mut self, bytes: &[u8]) -> Option<Result<String, String>> {
        self.seen.extend_from_slice(bytes);
        let Some(at) = memchr::memmem::find(&self.seen, &self.wanted) else {
            let why = "its start-up files print too much";
            return (self.seen.len() > NOISE_MAX).then(|| Err(why.to_owned()));
        };
        let path = self.seen.get(at + self.wanted.len()..).unwrap_or_default();
        let bad = || Some(Err("the path of its FIFO makes no sense".to_owned()));
        let Some(end) = memchr::memchr(b'\n', path) else {
            return if path.len() > PATH_MAX { bad() } else { None };
        };
        match std::str::from_utf8(path.get(..end).unwrap_or_default()) {
            Ok(path) if path.starts_with('/') && !path.chars().any(char::is_control) => {
                if path.len() > PATH_MAX {
                    return bad();
                }
                Some(Ok(path.to_owned()))
            },
            _ => bad(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce() -> Nonce {
        Nonce::new([0; 12])
    }

    #[test]
    fn the_request_passes_through_single_quotes_of_any_shell() {
        let text = request(&nonce());
        assert!(!text.contains('\\') && !text.contains('!') && !text.contains('\n'));
        assert_eq!(text.matches('\'').count(), 2);
    }

    #[test]
    fn the_path_is_found_behind_what_start_up_files_print() {
        let mut greeting = Greeting::new(&nonce());
        assert_eq!(greeting.receive(b"Welcome!\n000000000000\n00000000"), None);
        assert_eq!(greeting.receive(b"0000:/tmp/.dust-0/"), None);
        let path = Ok("/tmp/.dust-0/in".to_owned());
        assert_eq!(greeting.receive(b"in\n"), Some(path));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["000000000000:tmp/x\n", "000000000000:/a\x1b[m\n"] {
            let mut greeting = Greeting::new(&nonce());
            assert!(greeting.receive(text.as_bytes()).unwrap().is_err());
        }
        for text in [
            vec![b'x'; NOISE_MAX + 1],
            [b"000000000000:/".as_slice(), &[b'x'; 600]].concat(),
        ] {
            let mut greeting = Greeting::new(&nonce());
            assert!(greeting.receive(&text).unwrap().is_err());
        }
    }
}
