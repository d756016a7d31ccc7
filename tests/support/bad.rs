//! Servers that do wrong, and addresses where none is.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::socket::{Backlog, listen};

use super::env::Node;

/// What a server says as its first line.
const VERSION: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";

/// A server that does wrong to everybody who connects, in the same way.
pub(crate) struct Bad {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicUsize>,
}

impl Bad {
    /// Accepts and says nothing.
    pub(crate) fn silent() -> Self {
        Self::serve(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {})
    }

    /// Accepts and closes.
    pub(crate) fn closing() -> Self {
        Self::serve(drop)
    }

    /// Says its version and starts a key exchange, and closes in the middle of a packet.
    pub(crate) fn closing_in_key_exchange() -> Self {
        Self::serve(|mut stream| {
            // RFC 4253 §6: packet length, padding length, then SSH_MSG_KEXINIT (20).
            let mut start = vec![0, 0, 3, 0xfc, 10, 20];
            start.extend([7; 40]);
            drop(stream.write_all(VERSION));
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(&start));
        })
    }

    /// Says its version and then never another word.
    pub(crate) fn silent_in_key_exchange() -> Self {
        Self::serve(|mut stream| {
            drop(stream.write_all(VERSION));
            while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        })
    }

    /// Answers with what is no ssh at all.
    pub(crate) fn garbage() -> Self {
        Self::serve(|mut stream| {
            let noise: Vec<u8> = (0..=u8::MAX)
                .cycle()
                .take(4096)
                .map(|b| b.wrapping_mul(167))
                .collect();
            drop(stream.write_all(&noise));
        })
    }

    /// Talks without end before its version, as RFC 4253 §4.2 allows for some lines.
    pub(crate) fn endless_banner() -> Self {
        Self::serve(|mut stream| {
            while stream
                .write_all(b"Welcome. Please wait for the version.\r\n")
                .is_ok()
            {}
        })
    }

    /// How often somebody connected.
    pub(crate) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    /// A node at this server.
    pub(crate) fn node(&self, name: &str) -> Node {
        Node::new(name, &self.address.ip().to_string(), self.address.port())
    }

    fn serve(behave: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let bad = Self {
            address: listener.local_addr().unwrap(),
            stop: Arc::default(),
            visits: Arc::default(),
        };
        let (stop, visits) = (Arc::clone(&bad.stop), Arc::clone(&bad.visits));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                visits.fetch_add(1, Ordering::SeqCst);
                let behave = behave.clone();
                if let Ok(stream) = stream {
                    std::thread::spawn(move || behave(stream));
                }
            }
        });
        bad
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listening thread.
        drop(TcpStream::connect(self.address));
    }
}

/// A node at a port where nobody listens.
pub(crate) fn refused(name: &str) -> Node {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    Node::new(name, "127.0.0.1", listener.local_addr().unwrap().port())
}

/// An address that drops whoever connects: a listener whose queue is full.
pub(crate) struct BlackHole {
    listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queued.push(stream);
            assert!(queued.len() < 64, "a queue of length 0 fills up");
        }
        Self {
            listener,
            _queued: queued,
        }
    }

    /// A node there.
    pub(crate) fn node(&self, name: &str) -> Node {
        Node::new(
            name,
            "127.0.0.1",
            self.listener.local_addr().unwrap().port(),
        )
    }
}
