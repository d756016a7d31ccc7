//! What a server sends: greetings and answers, each checked before it is believed.

use super::super::packet::{Code, Fields, Packet, kind};
use super::{Broken, CHUNK, CHUNK_MAX, Client, Expect, HANDLE_MAX, PACKET_MAX, Refusal, Reply};

impl<T> Client<T> {
    /// Takes what the server has sent; answers can then be had from [`Self::reply`].
    ///
    /// # Errors
    /// What it sends makes no sense.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        // A whole packet need not be kept.
        let mut input = std::mem::take(&mut self.input);
        let whole = if input.is_empty() {
            self.packets(bytes)
        } else {
            input.extend_from_slice(bytes);
            self.packets(&input)
        };
        let done = whole?;
        if input.is_empty() {
            input.extend_from_slice(bytes.get(done..).unwrap_or_default());
        } else {
            input.drain(..done);
        }
        self.input = input;
        Ok(())
    }

    /// Handles the whole packets at the start of `bytes`; how long they are together.
    fn packets(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            let mut fields = Fields(rest);
            let Ok(length) = fields.number() else {
                return Ok(done);
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length == 0 || length > PACKET_MAX {
                return Err(self.no_sftp(rest, length));
            }
            let Some(packet) = fields.0.get(..length) else {
                return Ok(done);
            };
            self.packet(packet)?;
            done += 4 + length;
        }
    }

    /// Start-up files that print are the usual reason for lengths that cannot be.
    fn no_sftp(&self, bytes: &[u8], length: usize) -> Broken {
        let printable = |b: &u8| b.is_ascii_graphic() || b.is_ascii_whitespace();
        if !self.greeted && bytes.iter().take(4).all(printable) {
            let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(80)).unwrap_or(bytes));
            let line = text.lines().find(|line| !line.trim().is_empty());
            let line = line.unwrap_or_default();
            return Broken(format!(
                "no SFTP comes from it; its start-up files print: {line}"
            ));
        }
        Broken(format!("its SFTP server sends a packet of {length} bytes"))
    }

    fn packet(&mut self, packet: &[u8]) -> Result<(), Broken> {
        let mut f = Fields(packet);
        let what = f.byte()?;
        if !self.greeted {
            return self.greeting(what, f);
        }
        let id = f.number()?;
        let Some((tag, expect)) = self.flying.remove(&id) else {
            let text = "its SFTP server answers what was not asked";
            return Err(Broken(text.to_owned()));
        };
        let reply = match (what, expect) {
            (kind::STATUS, _) => status(f, expect)?,
            (kind::HANDLE, Expect::Handle) => {
                let handle = f.string()?;
                if handle.len() > HANDLE_MAX {
                    let text = "its SFTP server names open files with too many bytes";
                    return Err(Broken(text.to_owned()));
                }
                Ok(Reply::Handle(handle.into()))
            },
            (kind::DATA, Expect::Data(asked)) => {
                let data = f.string()?;
                if data.len() > usize::try_from(asked).unwrap_or(usize::MAX) {
                    let text = "its SFTP server sends more than was asked for";
                    return Err(Broken(text.to_owned()));
                }
                Ok(if data.is_empty() {
                    Reply::Eof
                } else {
                    Reply::Data(data.to_vec())
                })
            },
            (kind::NAME, Expect::Names) => {
                let mut names = Vec::new();
                for _ in 0..f.number()? {
                    let name = f.string()?.to_vec();
                    f.string()?;
                    names.push((name, f.attrs()?));
                }
                Ok(Reply::Names(names))
            },
            (kind::ATTRS, Expect::Attrs) => Ok(Reply::Attrs(f.attrs()?)),
            (kind::EXTENDED_REPLY, Expect::Limits) => {
                self.limits(f)?;
                Ok(Reply::Done)
            },
            (kind::EXTENDED_REPLY, Expect::Space) => {
                // f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_favail
                let mut numbers = [0; 8];
                for number in &mut numbers {
                    *number = f.long()?;
                }
                let [_, unit, _, _, blocks, _, _, files] = numbers;
                Ok(Reply::Space(unit.saturating_mul(blocks), files))
            },
            _ => {
                let text = format!("its SFTP server gives an answer of the wrong kind ({what})");
                return Err(Broken(text));
            },
        };
        match tag {
            Some(tag) => self.replies.push_back((tag, reply)),
            // The limits, or that there are none.
            None => self.ready = true,
        }
        Ok(())
    }

    /// §4.
    fn greeting(&mut self, what: u8, mut f: Fields<'_>) -> Result<(), Broken> {
        if what != kind::VERSION {
            return Err(Broken("its SFTP server does not greet".to_owned()));
        }
        let version = f.number()?;
        if version != 3 {
            let text = format!("its SFTP server speaks version {version}, not 3");
            return Err(Broken(text));
        }
        self.greeted = true;
        while !f.0.is_empty() {
            let (name, version) = (f.string()?, f.string()?);
            match (name, version) {
                (b"posix-rename@openssh.com", b"1") => self.extensions.posix_rename = true,
                (b"fsync@openssh.com", b"1") => self.extensions.fsync = true,
                (b"limits@openssh.com", b"1") => self.extensions.limits = true,
                (b"statvfs@openssh.com", b"2") => self.extensions.statvfs = true,
                _ => {},
            }
        }
        if self.extensions.limits {
            let id = self.number(None, Expect::Limits);
            let packet = Packet::to(id, kind::EXTENDED).string(b"limits@openssh.com");
            self.out.extend_from_slice(&packet.finish());
        } else {
            self.ready = true;
        }
        Ok(())
    }

    /// OpenSSH's PROTOCOL, §4.8; 0 means that there is no limit.
    fn limits(&mut self, mut f: Fields<'_>) -> Result<(), Broken> {
        let packet = f.long()?;
        let (read, write) = (f.long()?, f.long()?);
        let handles = f.long()?;
        let chunk = |limit: u64| {
            // Beside the data stand a handle and numbers.
            let packet = if packet == 0 { u64::MAX } else { packet };
            let room = packet.saturating_sub(1024);
            let limit = if limit == 0 { u64::MAX } else { limit };
            let least = u64::from(CHUNK).min(limit);
            let most = u64::from(CHUNK_MAX);
            let size = limit.min(room).clamp(least.max(1), most.max(least));
            u32::try_from(size).unwrap_or(CHUNK)
        };
        (self.read_max, self.write_max) = (chunk(read), chunk(write));
        if handles > 0 {
            self.handles_max = usize::try_from(handles).unwrap_or(usize::MAX).max(1);
        } else {
            self.handles_max = 256;
        }
        Ok(())
    }
}

fn status(mut f: Fields<'_>, expect: Expect) -> Result<Result<Reply, Refusal>, Broken> {
    let code = Code::of(f.number()?);
    // Old servers send no text.
    let text = f.string().unwrap_or_default();
    let text = String::from_utf8_lossy(text.get(..text.len().min(512)).unwrap_or_default());
    let refusal = Refusal {
        code,
        text: text.trim().to_owned(),
    };
    Ok(match (code, expect) {
        (Code::Ok, Expect::Status) => Ok(Reply::Done),
        (Code::Eof, Expect::Data(_) | Expect::Names) => Ok(Reply::Eof),
        (Code::Ok, _) => {
            let text = "its SFTP server says that it did what it does not answer";
            return Err(Broken(text.to_owned()));
        },
        _ => Err(refusal),
    })
}
