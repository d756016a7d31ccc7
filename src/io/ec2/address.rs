//! This machine's address, as EC2's machines would see it.

use super::Api;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};

/// AWS's own answer to "who am I?": an address and a newline.
const WHO: &str = "checkip.amazonaws.com";
/// Without an answer by then, it cannot be told.
const TIME: Duration = Duration::from_secs(4);
/// An answer is not longer than this, in bytes.
const ANSWER_MAX: u64 = 4096;

/// The address that connections from this machine come from; `None`: it cannot be told. The
/// environment variable `DUST_MY_ADDRESS` says otherwise (`none`: do not try).
pub(super) async fn mine(api: &Api) -> Option<IpAddr> {
    if let Ok(address) = std::env::var("DUST_MY_ADDRESS") {
        return address.trim().parse().ok();
    }
    let told = async {
        match api.endpoint.as_deref().and_then(host_and_port) {
            None => ask().await,
            Some(at) => {
                let at = lookup_host(at).await.ok()?.next()?;
                // AWS's own endpoints may be private too (a VPC endpoint): then so are we.
                if is_near(at.ip()) {
                    towards(at).await
                } else {
                    ask().await
                }
            },
        }
    };
    tokio::time::timeout(TIME, told).await.ok().flatten()
}

/// `host:port` of a URL.
fn host_and_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    let host = host.rsplit('@').next()?;
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    if has_port {
        return Some(host.to_owned());
    }
    Some(format!(
        "{host}:{}",
        if scheme == "http" { 80 } else { 443 }
    ))
}

/// Loopback, or a private network.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Our address on the way to another. Nothing is sent.
async fn towards(at: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if at.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(at).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}

async fn ask() -> Option<IpAddr> {
    let mut stream = TcpStream::connect((WHO, 80)).await.ok()?;
    let request = format!("GET / HTTP/1.1\r\nHost: {WHO}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream
        .take(ANSWER_MAX)
        .read_to_string(&mut answer)
        .await
        .ok()?;
    read_answer(&answer)
}

/// The address in an answer of HTTP, if it is one that others can reach.
fn read_answer(answer: &str) -> Option<IpAddr> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let ok = head.split(' ').nth(1) == Some("200");
    let line = body
        .lines()
        .find_map(|line| line.trim().parse::<IpAddr>().ok());
    line.filter(|address| ok && !is_near(*address) && !address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_endpoint_is() {
        for (url, at) in [
            ("http://127.0.0.1:5000", "127.0.0.1:5000"),
            ("http://localhost:5000/x", "localhost:5000"),
            ("https://ec2.example", "ec2.example:443"),
            ("http://me@[::1]:80/", "[::1]:80"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert_eq!(host_and_port(url).as_deref(), Some(at), "{url}");
        }
        assert_eq!(host_and_port("127.0.0.1:5000"), None);
    }

    #[test]
    fn an_answer_is_an_address_of_the_world() {
        let answer = |status: &str, body: &str| {
            read_answer(&format!("HTTP/1.1 {status}\r\nDate: x\r\n\r\n{body}"))
        };
        assert_eq!(
            answer("200 OK", "198.51.100.7\n"),
            "198.51.100.7".parse().ok()
        );
        assert_eq!(
            answer("200 OK", "d\r\n198.51.100.7\n\r\n0\r\n\r\n"),
            "198.51.100.7".parse().ok()
        );
        for (status, body) in [
            ("503 No", "198.51.100.7\n"),
            ("200 OK", "<html>captive portal</html>"),
            ("200 OK", "10.0.0.1\n"),
            ("200 OK", "127.0.0.1\n"),
            ("200 OK", "0.0.0.0\n"),
            ("200 OK", ""),
        ] {
            assert_eq!(answer(status, body), None, "{status} {body}");
        }
        assert_eq!(read_answer("rubbish"), None);
    }
}
