//! The key pairs of a local cluster: one for its client, one for each node.

use std::path::{Path, PathBuf};

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};

use super::folder::{failed, make_private_dir, read_private, write_private};
use super::lock::Turn;
use crate::error::{Error, Result};

/// Where the client's key pair of a cluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// The private key: ed25519, in OpenSSH's format, without a passphrase, 0600.
    pub private: PathBuf,
    /// The public key, one line in OpenSSH's format.
    pub public: PathBuf,
}

/// The key pair that logs in to all nodes of a cluster; made the first time.
///
/// Errors say which file could not be made, or why an existing one is not trusted.
pub fn ensure_client_key(cluster_dir: &Path) -> Result<ClientKey> {
    make_private_dir(cluster_dir)?;
    let dir = cluster_dir.join(".key");
    make_private_dir(&dir)?;
    let turn = Turn::take(&dir.join("lock"))?;
    let private = dir.join("id_ed25519");
    let public = dir.join("id_ed25519.pub");
    let key = ensure(&private)?;
    let line = public_line(key.public_key())?;
    if read_private(&public)?.as_deref() != Some(line.as_str()) {
        write_private(&public, &line)?;
    }
    drop(turn);
    Ok(ClientKey { private, public })
}

/// The key in this file, made if it is absent. The caller keeps others from making it too.
pub(super) fn ensure(path: &Path) -> Result<PrivateKey> {
    if let Some(text) = read_private(path)? {
        return PrivateKey::from_openssh(text).map_err(|e| failed(path, e));
    }
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519)
        .map_err(|e| Error::failed(format!("no key could be made: {e}")))?;
    let text = key
        .to_openssh(LineEnding::LF)
        .map_err(|e| failed(path, e))?;
    write_private(path, &text)?;
    Ok(key)
}

/// A public key as one line of an authorized_keys file.
pub(super) fn public_line(key: &PublicKey) -> Result<String> {
    let line = key.to_openssh();
    line.map(|l| l + "\n")
        .map_err(|e| Error::failed(format!("a public key has no text: {e}")))
}

/// `SHA256:…`, as `ssh-keygen -l` prints it.
pub(super) fn fingerprint(line: &str) -> Option<String> {
    Some(
        PublicKey::from_openssh(line)
            .ok()?
            .fingerprint(HashAlg::Sha256)
            .to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once() {
        let temp = tempfile::tempdir().unwrap();
        let cluster = temp.path().join("c");
        let first = ensure_client_key(&cluster).unwrap();
        let text = std::fs::read_to_string(&first.private).unwrap();
        assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        let line = std::fs::read_to_string(&first.public).unwrap();
        assert!(line.starts_with("ssh-ed25519 ") && line.ends_with('\n'));

        std::fs::remove_file(&first.public).unwrap();
        assert_eq!(ensure_client_key(&cluster).unwrap(), first);
        assert_eq!(std::fs::read_to_string(&first.private).unwrap(), text);
        assert_eq!(std::fs::read_to_string(&first.public).unwrap(), line);
        assert!(fingerprint(&line).unwrap().starts_with("SHA256:"));
        assert_eq!(fingerprint("rubbish"), None);
    }

    #[test]
    fn a_broken_key_is_an_error_and_stays() {
        let temp = tempfile::tempdir().unwrap();
        let cluster = temp.path().join("c");
        let key = ensure_client_key(&cluster).unwrap();
        std::fs::write(&key.private, "not a key").unwrap();
        ensure_client_key(&cluster).unwrap_err();
        assert_eq!(std::fs::read_to_string(&key.private).unwrap(), "not a key");
    }
}
