//! As much HTTP/1.1 as the EC2 API speaks: a POST with a form, and an answer of known length.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

type Headers = Vec<(String, String)>;

/// What is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// `POST / HTTP/1.1`.
    pub(crate) line: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// What comes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The next request on a connection; None at its end.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some((line, headers)) = head(from)? else {
            return Ok(None);
        };
        let body = sized_body(from, &headers)?.unwrap_or_default();
        Ok(Some(Self {
            line,
            headers,
            body,
        }))
    }

    /// The value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// Sends it on a connection of its own.
    pub(crate) fn send(&self, to: SocketAddr) -> io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut head = format!("{}\r\nHost: {to}\r\nConnection: close\r\n", self.line);
        let own = ["host", "connection", "content-length"];
        for (name, value) in &self.headers {
            if !own.contains(&name.to_lowercase().as_str()) {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
        }
        write!(head, "Content-Length: {}\r\n\r\n", self.body.len()).unwrap();
        stream.write_all(&[head.as_bytes(), &self.body].concat())?;
        Answer::read(&mut BufReader::new(stream))
    }
}

impl Answer {
    /// The answer on a connection where a request was sent.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let (line, headers) =
            head(from)?.ok_or_else(|| io::Error::other("closed without an answer"))?;
        let body = match sized_body(from, &headers)? {
            Some(body) => body,
            None => {
                let mut body = Vec::new();
                from.read_to_end(&mut body)?;
                body
            },
        };
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        Ok(Self {
            status: status.ok_or_else(|| io::Error::other(line))?,
            headers,
            body,
        })
    }

    pub(crate) fn xml(status: u16, body: String) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".into(), "text/xml;charset=UTF-8".into())],
            body: body.into_bytes(),
        }
    }

    /// Sends it on a connection that stays open.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} -\r\n", self.status);
        for (name, value) in &self.headers {
            if name.eq_ignore_ascii_case("content-type") {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
        }
        write!(head, "Content-Length: {}\r\n\r\n", self.body.len()).unwrap();
        to.write_all(&[head.as_bytes(), &self.body].concat())
    }
}

/// First line and headers; None at the connection's end.
fn head(from: &mut impl BufRead) -> io::Result<Option<(String, Headers)>> {
    let mut first = String::new();
    if from.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Some((first.trim_end().to_owned(), headers)))
}

fn sized_body(
    from: &mut impl BufRead,
    headers: &[(String, String)],
) -> io::Result<Option<Vec<u8>>> {
    let Ok(length) = header(headers, "content-length").parse() else {
        return Ok(None);
    };
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(body))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value)
}

/// `a=1&b=%2F`.
pub(crate) fn form(params: &[(String, String)]) -> String {
    let pair = |(k, v): &(String, String)| format!("{}={}", encode(k), encode(v));
    params.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// The reverse.
pub(crate) fn form_params(body: &[u8]) -> Vec<(String, String)> {
    String::from_utf8_lossy(body)
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}

fn encode(text: &str) -> String {
    let byte = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(b).to_string()
        },
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes().iter();
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).unwrap_or(0);
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let value = digit(rest.next()) * 16 + digit(rest.next());
                out.push(u8::try_from(value).unwrap_or(b'?'));
            },
            _ => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// RFC 4648 §4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i > chunk.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    out
}
