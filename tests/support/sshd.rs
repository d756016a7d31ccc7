//! A real OpenSSH server for one test: own folder, own keys, own port. It listens on every address
//! of 127.0.0.0/8, so each of them is a node.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::env::Node;
use super::shell::{LoginShell, Shell};
use super::{PATIENCE, deps, proc};

/// What sshd is told where a test does not say otherwise. Many nodes are one server here, so the
/// limits that protect one host are off.
const DEFAULTS: &[(&str, &str)] = &[
    ("MaxStartups", "2000:30:3000"),
    ("MaxSessions", "100"),
    ("UseDNS", "no"),
    ("UsePAM", "no"),
    ("StrictModes", "no"),
    ("PasswordAuthentication", "no"),
    ("KbdInteractiveAuthentication", "no"),
    ("PermitRootLogin", "yes"),
    ("PrintMotd", "no"),
    ("PrintLastLog", "no"),
    ("PidFile", "none"),
    ("LogLevel", "VERBOSE"),
    ("Subsystem", "sftp internal-sftp"),
];

/// A running sshd. It ends, with all it started, when dropped.
pub(crate) struct Sshd {
    dir: TempDir,
    settings: Vec<(String, String)>,
    motd: String,
    port: u16,
    listener: Child,
    keys: RefCell<BTreeMap<Shell, PathBuf>>,
    nodes: Cell<u32>,
}

impl Sshd {
    /// A server with the usual settings.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server where `settings` (sshd_config words and values) win over the usual ones.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("dust-sshd-")
            .tempdir()
            .unwrap();
        // sshd reads authorized_keys as the user who logs in.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for part in ["home/none", "bin", "keys"] {
            fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        fs::write(dir.path().join("authorized_keys"), "").unwrap();
        keygen(&dir.path().join("host_key"));
        let settings = settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect::<Vec<_>>();
        let (port, listener) = listen_anywhere(dir.path(), &settings);
        Self {
            dir,
            settings,
            motd: String::new(),
            port,
            listener,
            keys: RefCell::default(),
            nodes: Cell::new(0),
        }
    }

    /// What is printed before each login shell that is started from now on.
    pub(crate) fn set_motd(&mut self, text: &str) {
        text.clone_into(&mut self.motd);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The listener's process id.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.listener.id()).unwrap()
    }

    /// A new node, with an address of its own, that logs in to `shell`.
    pub(crate) fn node(&self, name: &str, shell: Shell) -> Node {
        let n = self.nodes.get() + 1;
        self.nodes.set(n);
        let byte = |shift: u32| u8::try_from((n >> shift) & 0xff).unwrap();
        let host = Ipv4Addr::new(127, 1 + byte(16), byte(8), byte(0));
        Node::new(name, &host.to_string(), self.port).key(&self.key(shell))
    }

    /// New nodes `PREFIX0` … on bash.
    pub(crate) fn nodes(&self, prefix: &str, count: u32) -> Vec<Node> {
        (0..count)
            .map(|i| self.node(&format!("{prefix}{i}"), Shell::Bash))
            .collect()
    }

    /// The home folder of nodes with this login shell.
    pub(crate) fn home(&self, shell: Shell) -> PathBuf {
        let home = self.dir.path().join("home").join(shell.word());
        if !home.exists() {
            fs::create_dir_all(&home).unwrap();
            // Without one, zsh greets a new user with questions.
            fs::write(home.join(".zshrc"), "").unwrap();
            // Without this one, fish reads all man pages in the background.
            fs::create_dir_all(home.join(".local/share/fish/generated_completions")).unwrap();
        }
        home
    }

    /// The private key that logs in to `shell`.
    pub(crate) fn key(&self, shell: Shell) -> PathBuf {
        if let Some(key) = self.keys.borrow().get(&shell) {
            return key.clone();
        }
        let bin = self.dir.path().join("bin");
        let script = LoginShell {
            executable: &shell.executable(&bin),
            home: &self.home(shell),
            owner: &self.owner(),
            motd: &self.motd,
        }
        .script();
        let file = bin.join(format!("login-{}", shell.word()));
        fs::write(&file, script).unwrap();
        let key = self.dir.path().join("keys").join(shell.word());
        keygen(&key);
        self.authorize(
            &key,
            &format!(
                "command=\"{} {}\"",
                deps::path("bash").display(),
                file.display()
            ),
        );
        self.keys.borrow_mut().insert(shell, key.clone());
        key
    }

    /// A new node on bash whose home folder is its own, and that folder.
    pub(crate) fn apart(&self, name: &str) -> (Node, PathBuf) {
        let bin = self.dir.path().join("bin");
        let home = self.dir.path().join("home").join(name);
        fs::create_dir_all(&home).unwrap();
        let script = LoginShell {
            executable: &Shell::Bash.executable(&bin),
            home: &home,
            owner: &self.owner(),
            motd: &self.motd,
        }
        .script();
        let file = bin.join(format!("login-apart-{name}"));
        fs::write(&file, script).unwrap();
        let key = self.dir.path().join("keys").join(format!("apart-{name}"));
        keygen(&key);
        let bash = deps::path("bash");
        let command = format!("command=\"{} {}\"", bash.display(), file.display());
        self.authorize(&key, &command);
        (self.node(name, Shell::Bash).key(&key), home)
    }

    /// A key that logs in to the account's own login shell.
    pub(crate) fn plain_key(&self) -> PathBuf {
        let key = self.dir.path().join("keys").join("plain");
        if !key.exists() {
            keygen(&key);
            self.authorize(&key, "");
        }
        key
    }

    /// Lets the owner of a private key in; `options` as in authorized_keys.
    pub(crate) fn authorize(&self, key: &Path, options: &str) {
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let mut file = File::options()
            .append(true)
            .open(self.dir.path().join("authorized_keys"))
            .unwrap();
        writeln!(file, "{options} {}", public.trim()).unwrap();
    }

    /// Ends the connections that there are, as a machine that dies does; the server stays.
    pub(crate) fn drop_connections(&self) {
        proc::end(&proc::descendants(self.pid()));
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        proc::children(self.pid()).len()
    }

    /// Ends the server and its connections; `start_again` brings it back on the same port.
    pub(crate) fn stop(&mut self) {
        let sessions = proc::descendants(self.pid());
        drop(self.listener.kill());
        drop(self.listener.wait());
        proc::end(&sessions);
    }

    /// Starts a stopped server again.
    pub(crate) fn start_again(&mut self) {
        self.listener = listen(self.dir.path(), &self.settings, self.port)
            .expect("the port was this server's until now");
    }

    /// The same server with another host key, on the same port.
    pub(crate) fn change_host_key(&mut self) {
        self.stop();
        let key = self.dir.path().join("host_key");
        for file in [key.clone(), key.with_extension("pub")] {
            fs::remove_file(file).unwrap();
        }
        keygen(&key);
        self.start_again();
    }

    /// The fingerprint of the host key, as `SHA256:…`.
    pub(crate) fn host_fingerprint(&self) -> String {
        fingerprint(&self.dir.path().join("host_key.pub"))
    }

    /// The public host key, as `TYPE BASE64`.
    pub(crate) fn host_key(&self) -> String {
        let text = fs::read_to_string(self.dir.path().join("host_key.pub")).unwrap();
        text.split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn owner(&self) -> String {
        self.dir.path().display().to_string()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(8).collect();
            eprintln!("--- the end of sshd's log");
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
        self.stop();
        proc::end(&proc::owned(&self.owner()));
    }
}

/// Makes a key pair without a passphrase.
pub(crate) fn keygen(file: &Path) {
    keygen_with(file, "");
}

/// Makes a key pair.
pub(crate) fn keygen_with(file: &Path, passphrase: &str) {
    let done = Command::new(deps::path("ssh-keygen"))
        .args(["-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f"])
        .arg(file)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success(), "ssh-keygen makes {}", file.display());
}

/// The fingerprint of a public key file.
pub(crate) fn fingerprint(file: &Path) -> String {
    let out = Command::new(deps::path("ssh-keygen"))
        .arg("-lf")
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.split_whitespace()
        .nth(1)
        .expect("ssh-keygen -l prints: bits fingerprint …")
        .to_owned()
}

/// Starts sshd on a port that is free. The port is outside of those that the kernel gives to
/// outgoing connections; another test may still take it first, so this tries several.
fn listen_anywhere(dir: &Path, settings: &[(String, String)]) -> (u16, Child) {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    for _ in 0..200 {
        let nth = STARTED.fetch_add(1, Ordering::SeqCst);
        let seed = std::process::id().wrapping_mul(2_654_435_761);
        let port = 11_000 + u16::try_from(seed.wrapping_add(nth * 7) % 20_000).unwrap();
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
            && let Some(child) = listen(dir, settings, port)
        {
            return (port, child);
        }
    }
    panic!(
        "no free port; sshd says: {}",
        fs::read_to_string(dir.join("log")).unwrap_or_default()
    );
}

/// Starts sshd on this port, and waits until it answers. None if it ended instead.
fn listen(dir: &Path, settings: &[(String, String)], port: u16) -> Option<Child> {
    if nix::unistd::geteuid().is_root() {
        // sshd refuses to start without it; Debian makes it only when its service starts.
        drop(fs::create_dir_all("/run/sshd"));
    }
    let config = dir.join("sshd_config");
    fs::write(&config, config_text(dir, settings, port)).unwrap();
    let log = File::create(dir.join("log")).unwrap();
    let mut child = Command::new(deps::path("sshd"))
        .arg("-f")
        .arg(&config)
        .args(["-D", "-e"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        // Whoever else answers there is not this server.
        let log = fs::read_to_string(dir.join("log")).unwrap();
        if log.contains("Server listening on") && answers(port) {
            return Some(child);
        }
        assert!(
            Instant::now() < deadline,
            "sshd does not answer on port {port}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether an ssh server answers on this port.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
        return false;
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut start = [0; 4];
    stream.read_exact(&mut start).is_ok() && &start == b"SSH-"
}

fn config_text(dir: &Path, settings: &[(String, String)], port: u16) -> String {
    let mut text = format!(
        "Port {port}\nListenAddress 0.0.0.0\nHostKey {dir}/host_key\n\
         AuthorizedKeysFile {dir}/authorized_keys\n",
        dir = dir.display()
    );
    // The first mention of a word wins.
    for (word, value) in settings {
        writeln!(text, "{word} {value}").unwrap();
    }
    for (word, value) in DEFAULTS {
        // But a subsystem must be mentioned only once.
        if settings.iter().any(|(other, _)| other == word) {
            continue;
        }
        writeln!(text, "{word} {value}").unwrap();
    }
    if !settings.iter().any(|(word, _)| word == "SetEnv") {
        // The account's own start-up files are none of a test's business.
        let mark = proc::MARK;
        writeln!(
            text,
            "SetEnv HOME={dir}/home/none {mark}={dir}",
            dir = dir.display()
        )
        .unwrap();
    }
    if openssh_version() >= (9, 8) {
        // All nodes have one source address here.
        text.push_str("PerSourcePenalties no\n");
    }
    text
}

/// OpenSSH's version, as major and minor number.
fn openssh_version() -> (u32, u32) {
    let out = Command::new(deps::path("ssh")).arg("-V").output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let number = text.trim_start_matches("OpenSSH_");
    let mut parts = number
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().ok());
    let mut next = || parts.next().flatten().unwrap_or(0);
    (next(), next())
}
