//! What an instance prints on its console, as far as dust reads it.

use ssh_key::{HashAlg, PublicKey};

/// Fingerprints as `ssh-keygen -l` prints them, between these lines of cloud-init.
const FINGERPRINTS: &str = "SSH HOST KEY FINGERPRINTS-----";
/// Public keys, between these.
const KEYS: &str = "SSH HOST KEY KEYS-----";

/// The fingerprints (`SHA256:…`) of the host keys that cloud-init printed on the console, each
/// once; empty while none have arrived, or only a part of them. Where the machine printed them
/// more than once, the latest count.
pub fn host_keys(console: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for fingerprint in block(console, FINGERPRINTS)
        .iter()
        .filter_map(|line| fingerprint_in(line))
        .chain(block(console, KEYS).iter().filter_map(|line| key_in(line)))
    {
        if !found.contains(&fingerprint) {
            found.push(fingerprint);
        }
    }
    found
}

/// The lines of the last block that is complete, without what loggers put before them.
fn block<'a>(console: &'a str, what: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("-----BEGIN {what}"), format!("-----END {what}"));
    let (mut last, mut open): (Vec<&str>, Option<Vec<&str>>) = (Vec::new(), None);
    for line in console.lines() {
        if line.contains(&begin) {
            open = Some(Vec::new());
        } else if line.contains(&end) {
            last = open.take().unwrap_or(last);
        } else if let Some(lines) = &mut open {
            lines.push(line);
        }
    }
    last
}

/// `… 256 SHA256:… root@ip-10-0-0-1 (ED25519)`.
fn fingerprint_in(line: &str) -> Option<String> {
    let word = line
        .split_whitespace()
        .find(|word| word.starts_with("SHA256:"))?;
    // Parsed, since only a whole one means anything.
    let fingerprint: ssh_key::Fingerprint = word.parse().ok()?;
    Some(fingerprint.to_string())
}

/// `… ssh-ed25519 AAAA… root@ip-10-0-0-1`.
fn key_in(line: &str) -> Option<String> {
    let start = ["ssh-", "ecdsa-"]
        .iter()
        .filter_map(|kind| line.find(kind))
        .min()?;
    let key = PublicKey::from_openssh(line.get(start..)?.trim()).ok()?;
    Some(key.fingerprint(HashAlg::Sha256).to_string())
}

/// The last lines that are not blank, at most so many.
pub fn last_lines(console: &str, most: usize) -> Vec<&str> {
    let lines = console.lines().map(str::trim_end);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let skip = lines.len().saturating_sub(most);
    lines.get(skip..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS root@ip-10-0-0-7";
    const PRINT: &str = "SHA256:jYCo4rxMUTGdFLEcYE9+JyqUz8EUVlDMbPGKpuXH2yI";

    fn print_of_key() -> String {
        key_in(KEY).unwrap()
    }

    #[test]
    fn fingerprints_of_cloud_init() {
        let console = format!(
            "[   12.3] cloud-init[700]: Cloud-init v. 23.1 finished\r\n\
             <14>Jul 10 09:12:01 ec2: #####\r\n\
             <14>Jul 10 09:12:01 ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\n\
             <14>Jul 10 09:12:01 ec2: 1024 SHA256:short root@ip-10-0-0-7 (DSA)\r\n\
             <14>Jul 10 09:12:01 ec2: 2048 aa:bb:cc root@ip-10-0-0-7 (RSA)\r\n\
             <14>Jul 10 09:12:01 ec2: 256 {PRINT} root@ip-10-0-0-7 (ED25519)\r\n\
             <14>Jul 10 09:12:01 ec2: -----END SSH HOST KEY FINGERPRINTS-----\r\n\
             <14>Jul 10 09:12:01 ec2: #####\r\n\
             -----BEGIN SSH HOST KEY KEYS-----\r\n\
             {KEY}\r\n\
             ssh-rsa AAAAbroken root@ip-10-0-0-7\r\n\
             -----END SSH HOST KEY KEYS-----\r\n\
             login: "
        );
        assert_eq!(host_keys(&console), [PRINT.to_owned(), print_of_key()]);
    }

    #[test]
    fn half_a_block_is_none_yet() {
        let begin = "-----BEGIN SSH HOST KEY FINGERPRINTS-----\n";
        let half = format!("{begin}256 {PRINT} root (ED25519)\n");
        assert_eq!(host_keys(&half), Vec::<String>::new());
        assert_eq!(host_keys(""), Vec::<String>::new());
        let end = "-----END SSH HOST KEY FINGERPRINTS-----\n";
        assert_eq!(host_keys(&format!("{half}{end}")), [PRINT]);
        // An end without a beginning, and text outside of blocks.
        assert_eq!(
            host_keys(&format!("256 {PRINT} x\n{end}")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_latest_boot_counts() {
        let block = |print: &str| {
            format!(
                "-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 {print} a (X)\n\
                 -----END SSH HOST KEY FINGERPRINTS-----\n"
            )
        };
        let both = block(&print_of_key()) + &block(PRINT);
        assert_eq!(host_keys(&both), [PRINT]);
    }

    #[test]
    fn last_lines_are_not_blank() {
        assert_eq!(last_lines("a\r\n\r\nb \r\nc\n\n", 2), ["b", "c"]);
        assert_eq!(last_lines("", 2), Vec::<&str>::new());
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "(?s).{0,200}") {
            let wrapped = format!(
                "-----BEGIN SSH HOST KEY KEYS-----\n{text}\n-----END SSH HOST KEY KEYS-----\n\
                 -----BEGIN SSH HOST KEY FINGERPRINTS-----\nSHA256:{text}\n\
                 -----END SSH HOST KEY FINGERPRINTS-----\n"
            );
            for print in host_keys(&wrapped) {
                prop_assert!(print.starts_with("SHA256:"));
            }
        }
    }
}
