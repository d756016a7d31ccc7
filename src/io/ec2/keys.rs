//! Key pairs: what there is, and dust's own of each region.

use super::trouble::{Trouble, trouble};
use super::{Call, Pause};
use crate::cloud::{Fault, KeyPair, News};
use crate::io::{files, sys};
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyFormat, KeyPairInfo, KeyType};
use aws_smithy_types::base64;
use nix::fcntl::{Flock, FlockArg};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So many names are tried: one may be taken by a pair whose private key is elsewhere.
const NAMES: usize = 20;
/// Another dust may make the key meanwhile; it does not take longer than this.
const WAITS: usize = 60;

/// The private key of a key pair of a region, if dust keeps it.
pub(super) fn file(region: &str, name: &str) -> Option<PathBuf> {
    let file = place(region, name)?;
    file.is_file().then_some(file)
}

/// Where the private key of a pair is, or would be. A name that is no file name has none.
fn place(region: &str, name: &str) -> Option<PathBuf> {
    let fine = |text: &str| {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || "._@+=-".contains(c);
        !text.starts_with('.') && !text.is_empty() && text.chars().all(is_fine)
    };
    if !fine(region) || !fine(name) {
        return None;
    }
    let folder = files::data_dir()?.join("keys").join(region);
    Some(folder.join(format!("{name}.pem")))
}

/// Tells the region's key pairs.
pub(super) async fn list(call: &Call) -> Result<(), Trouble> {
    let answer = call.api.ec2.describe_key_pairs().send().await;
    let answer = answer.map_err(|error| trouble("DescribeKeyPairs", error))?;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let mut pairs: Vec<KeyPair> = answer
        .key_pairs()
        .iter()
        .map(|pair| KeyPair {
            name: text(pair.key_name()),
            kind: text(pair.key_type().map(KeyType::as_str)),
            fingerprint: text(pair.key_fingerprint()),
            file: pair
                .key_name()
                .and_then(|name| file(&call.api.region, name)),
        })
        .collect();
    pairs.sort_by(|a, b| a.name.cmp(&b.name));
    call.tell(News::Keys(pairs));
    Ok(())
}

/// dust's own key pair of the region: its name. It is made if need be, and put into EC2 again where
/// only its file is left (or where this is another account).
pub(super) async fn ensure(call: &Call) -> Result<String, Trouble> {
    let region = &call.api.region;
    let base = own_name(&sys::user_name(), &host_name());
    let names: Vec<String> = (1..=NAMES)
        .map(|n| match n {
            1 => base.clone(),
            n => format!("{base}-{n}"),
        })
        .collect();
    let no_place = || Fault::new("there is no folder for private keys").hint("set HOME");
    let folder = place(region, &base).ok_or_else(no_place)?;
    let folder = folder.parent().ok_or_else(no_place)?.to_owned();
    let cannot = |error: io::Error| {
        let text = format!(
            "the private key cannot be kept in {}: {error}",
            folder.display()
        );
        Fault::new(text).hint("`key=` and `keyfile=` name a key pair of your own")
    };
    files::private_dir(&folder).map_err(cannot)?;
    let turn = lock(&folder).await.map_err(cannot)?;
    let there = pairs(call, &names).await?;
    for name in names {
        let Some(file) = place(region, &name) else {
            continue;
        };
        let done = match (there.get(&name), file.is_file()) {
            (Some(pair), true) => is_of(pair, &file),
            (Some(_), false) => false,
            (None, true) => import(call, &name, &file).await?,
            (None, false) => create(call, &name, &file, &cannot).await?,
        };
        if done {
            drop(turn);
            return Ok(name);
        }
    }
    let text =
        format!("the key pairs {base}, {base}-2, … exist, but their private keys are not here");
    Err(Fault::new(text)
        .hint("delete one in EC2, or name a key pair: `key=` and `keyfile=`")
        .into())
}

fn host_name() -> String {
    nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// `dust-USER@HOST`, of the characters that file names and key pairs both take.
fn own_name(user: &str, host: &str) -> String {
    let host = host.split('.').next().unwrap_or_default();
    let clean = |text: &str| -> String {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        text.chars()
            .map(|c| if is_fine(c) { c } else { '-' })
            .take(64)
            .collect()
    };
    format!("dust-{}@{}", clean(user), clean(host))
}

/// One dust at a time; the kernel frees it whatever happens.
async fn lock(folder: &Path) -> io::Result<Flock<File>> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600);
    let mut file = file.open(folder.join(".lock"))?;
    let mut pause = Pause::new(Duration::from_millis(50), Duration::from_millis(500));
    for _ in 0..WAITS {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((unlocked, nix::errno::Errno::EWOULDBLOCK)) => file = unlocked,
            Err((_, error)) => return Err(error.into()),
        }
        pause.wait().await;
    }
    Err(io::Error::other("another dust has it locked"))
}

async fn pairs(call: &Call, names: &[String]) -> Result<HashMap<String, KeyPairInfo>, Trouble> {
    let request = call.api.ec2.describe_key_pairs().include_public_key(true);
    let filter = super::convert::filter("key-name", names.iter().cloned());
    let answer = request.filters(filter).send().await;
    let answer = answer.map_err(|error| trouble("DescribeKeyPairs", error))?;
    let pairs = answer.key_pairs.unwrap_or_default().into_iter();
    Ok(pairs
        .filter_map(|pair| Some((pair.key_name()?.to_owned(), pair)))
        .collect())
}

/// True if this file is the private key of the pair, as far as EC2 says what it is.
fn is_of(pair: &KeyPairInfo, file: &Path) -> bool {
    let Some(public) = pair.public_key() else {
        return true;
    };
    let (Ok(public), Some(private)) = (
        ssh_key::PublicKey::from_openssh(public.trim()),
        public_part(file),
    ) else {
        return false;
    };
    public.key_data() == private.key_data()
}

fn public_part(file: &Path) -> Option<ssh_key::PublicKey> {
    let text = zeroize::Zeroizing::new(files::read_text(file).ok()?);
    let key = decode(&text)?;
    Some(key.public_key().clone())
}

/// A key in OpenSSH's format (PROTOCOL.key of OpenSSH). Its lines have the length that OpenSSH gives
/// them in some files of EC2's, and others in others.
fn decode(text: &str) -> Option<ssh_key::PrivateKey> {
    let (_, rest) = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END")?;
    let body = zeroize::Zeroizing::new(body.split_whitespace().collect::<String>());
    let bytes = zeroize::Zeroizing::new(base64::decode(body.as_str()).ok()?);
    ssh_key::PrivateKey::from_bytes(&bytes).ok()
}

/// Puts the public half of a key that is here into EC2. False: it cannot be read.
async fn import(call: &Call, name: &str, file: &Path) -> Result<bool, Trouble> {
    let Some(Ok(public)) = public_part(file).map(|key| key.to_openssh()) else {
        return Ok(false);
    };
    let request = call.api.ec2.import_key_pair().key_name(name);
    let answer = request
        .public_key_material(Blob::new(public))
        .send()
        .await
        .map_err(|error| trouble("ImportKeyPair", error));
    match answer {
        Err(trouble) if trouble.code() == Some("InvalidKeyPair.Duplicate") => Ok(false),
        Err(trouble) => Err(trouble),
        Ok(_) => {
            call.step(format!(
                "told EC2 of the key pair {name}: {}",
                file.display()
            ));
            Ok(true)
        },
    }
}

/// Makes a key pair. False: somebody took the name meanwhile.
async fn create(
    call: &Call,
    name: &str,
    file: &Path,
    cannot: &impl Fn(io::Error) -> Fault,
) -> Result<bool, Trouble> {
    let request = call.api.ec2.create_key_pair().key_name(name);
    let answer = request
        .key_type(KeyType::Ed25519)
        .key_format(KeyFormat::Pem)
        .send()
        .await
        .map_err(|error| trouble("CreateKeyPair", error));
    let answer = match answer {
        // Also after an answer that was lost: the private key went with it.
        Err(trouble) if trouble.code() == Some("InvalidKeyPair.Duplicate") => return Ok(false),
        Err(trouble) => return Err(trouble),
        Ok(answer) => answer,
    };
    let material = zeroize::Zeroizing::new(answer.key_material.unwrap_or_default());
    if let Err(error) = keep(file, &material) {
        // Without its private key it is of no use to anybody.
        let delete = call.api.ec2.delete_key_pair().key_name(name);
        drop(delete.send().await);
        return Err(cannot(error).into());
    }
    call.step(format!("made the key pair {name}: {}", file.display()));
    Ok(true)
}

/// Writes a private key: all of it or nothing, for its owner only.
fn keep(file: &Path, material: &str) -> io::Result<()> {
    if material.is_empty() {
        return Err(io::Error::other("EC2 sent none"));
    }
    // Of its full length from the beginning, so that no half of it stays in memory.
    let mut text = zeroize::Zeroizing::new(String::with_capacity(material.len() + 1));
    text.push_str(material);
    if !material.ends_with('\n') {
        text.push('\n');
    }
    files::replace(file, text.as_bytes(), 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn names_are_file_names() {
        assert_eq!(own_name("me", "laptop.lan"), "dust-me@laptop");
        assert_eq!(own_name("a b/c", ""), "dust-a-b-c@");
        for bad in ["", ".", "..", "a/b", "a b", "ü"] {
            assert_eq!(place("eu-west-1", bad), None, "{bad}");
            assert_eq!(place(bad, "key"), None, "{bad}");
        }
    }

    /// Whatever the length of its lines.
    #[test]
    fn a_key_is_read() {
        // It opens nothing.
        const BODY: &str = concat!(
            "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQAA",
            "ACDyDHTvfKEALTKHFMFriN94zgMKE/+rke+dwH89BdaXzwAAAIjzPgbL8z4GywAAAAtzc2gtZWQyNTUx",
            "OQAAACDyDHTvfKEALTKHFMFriN94zgMKE/+rke+dwH89BdaXzwAAAECQBIiAWxRVqQnaUX67HIKobSKI",
            "1vrfu3ZPuj+u5aLt0fIMdO98oQAtMocUwWuI33jOAwoT/6uR753Afz0F1pfPAAAAAAECAwQF",
        );
        const PUBLIC: &str =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPIMdO98oQAtMocUwWuI33jOAwoT/6uR753Afz0F1pfP";
        let public = ssh_key::PublicKey::from_openssh(PUBLIC).unwrap();
        for width in [64, 70, 1000] {
            let lines: Vec<&str> = BODY
                .as_bytes()
                .chunks(width)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            let text = format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
                lines.join("\n")
            );
            let key = decode(&text).unwrap();
            assert_eq!(key.public_key().key_data(), public.key_data(), "{width}");
        }
        let half = "-----BEGIN OPENSSH PRIVATE KEY-----\nAA\n-----END";
        for bad in ["", half, BODY] {
            assert!(decode(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_kept_whole_and_private() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("k.pem");
        keep(&file, "secret").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "secret\n");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
        keep(&temp.path().join("no/k.pem"), "secret").unwrap_err();
        keep(&file, "").unwrap_err();
    }
}
