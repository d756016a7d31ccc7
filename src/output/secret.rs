//! Tells a question for a password from any other unfinished line.

use super::sanitise::{clean, last_state};

/// How much of the end of a line is looked at, in bytes.
const LOOKED_AT: usize = 512;

/// Words, in small letters, that ask for something secret: English, then what login, sudo, su, ssh
/// and passwd say in other languages.
const WORDS: [&str; 35] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pass phrase",
    "verification code",
    "one-time code",
    "authentication code",
    "security code",
    "secret",
    "enter pin",
    "pin for",
    "otp",
    "passwort",
    "kennwort",
    "mot de passe",
    "phrase secrète",
    "contraseña",
    "frase de paso",
    "senha",
    "palavra-passe",
    "wachtwoord",
    "parola",
    "hasło",
    "heslo",
    "jelszó",
    "lösenord",
    "passord",
    "adgangskode",
    "salasana",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
    "암호",
];

/// True if the unfinished line `partial` asks for a password, a passphrase, a PIN or a code, so that
/// the answer must be shown and kept nowhere. In doubt it says yes: an answer that is not echoed is
/// a smaller harm than a password on the screen.
///
/// Such a line ends in `:` (or a full-width one, or `?`, `>`), not counting blanks, and has one of
/// the words. A question for the right to go on (`… [Y/n]`) does not.
pub fn asks_secret(partial: &[u8]) -> bool {
    let (_, seen) = last_state(partial);
    let tail = seen
        .get(seen.len().saturating_sub(LOOKED_AT)..)
        .unwrap_or(seen);
    let text = clean(tail).to_lowercase();
    let text = text.trim_end();
    let Some(question) = text.strip_suffix([':', '：', '?', '>']) else {
        return false;
    };
    if question.ends_with("(yes/no/[fingerprint])") || question.ends_with("(yes/no)") {
        return false;
    }
    let question = question.trim_end();
    let by_colon = text.ends_with([':', '：']);
    WORDS
        .iter()
        .chain(&["비밀번호", "şifre", "口令"])
        .any(|word| {
            // `Reset the password?` asks for no password, `Password?` does.
            if by_colon {
                question.contains(word)
            } else {
                question == *word
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_for_secrets() {
        for line in [
            "[sudo] password for root: ",
            "[sudo] password for x: ",
            "[sudo] Passwort für x: ",
            "[sudo] Mot de passe de x : ",
            "[sudo] contraseña para x: ",
            "[sudo] пароль для x: ",
            "[sudo] x 的密码：",
            "[sudo] x のパスワード: ",
            "[sudo] hasło użytkownika x: ",
            "Password:",
            "Password: ",
            "Password?",
            "password> ",
            "PASSWORD: ",
            "(current) UNIX password: ",
            "New password: ",
            "Retype new password: ",
            "Enter passphrase for key '/home/x/.ssh/id_ed25519': ",
            "Enter passphrase (empty for no passphrase): ",
            "Enter pass phrase for server.key:",
            "Enter PIN for authenticator: ",
            "Password for 'https://x@example.org': ",
            "x@10.0.0.1's password: ",
            "Verification code: ",
            "Passcode or option (1-3): ",
            "Vault password (again): ",
            "\x1b[1mPassword:\x1b[0m ",
            "50%\r100%\rPassword: ",
        ] {
            assert!(asks_secret(line.as_bytes()), "{line:?}");
        }
    }

    #[test]
    fn other_lines() {
        for line in [
            "",
            "Do you want to continue? [Y/n] ",
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
            "Username for 'https://example.org': ",
            "login: ",
            "Changing password for user x.",
            "Reset the password? ",
            "Password changed",
            ">>> ",
            "mysql> ",
            "password: hunter2",
            "Password: \rlogin: ",
        ] {
            assert!(!asks_secret(line.as_bytes()), "{line:?}");
        }
        assert!(!asks_secret(&[0xff; 5000]));
    }
}
