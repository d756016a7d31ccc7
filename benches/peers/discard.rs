//! An SFTP server that takes files and keeps nothing of them but their length: 50 nodes that each
//! get 1 GB need no disk for it. It stands in where only the client's memory is measured.

use std::collections::HashMap;
use std::io::{self, BufReader, Read as _, Write as _};

use dust::session::sftp::packet::{Attrs, Code, Fields, Packet, Short, kind};

/// The word on the command line that makes this program the server.
pub(crate) const WORD: &str = "--discard";

/// Serves standard input until its end.
pub(crate) fn serve() -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 18, io::stdin().lock());
    let mut out = io::stdout().lock();
    let mut lengths = HashMap::new();
    let mut packet = Vec::new();
    let mut length = [0; 4];
    while input.read_exact(&mut length).is_ok() {
        packet.resize(u32::from_be_bytes(length) as usize, 0);
        input.read_exact(&mut packet)?;
        let answer = answer(&packet, &mut lengths);
        let answer = answer.map_err(|Short| io::Error::other("a packet is too short"))?;
        out.write_all(&answer.finish())?;
        out.flush()?;
    }
    Ok(())
}

fn answer(packet: &[u8], lengths: &mut HashMap<Vec<u8>, u64>) -> Result<Packet, Short> {
    let mut fields = Fields(packet);
    let what = fields.byte()?;
    if what == kind::INIT {
        let greeting = Packet::new(kind::VERSION).number(3);
        return Ok(greeting.string(b"posix-rename@openssh.com").string(b"1"));
    }
    let id = fields.number()?;
    Ok(match what {
        kind::OPEN => Packet::to(id, kind::HANDLE).string(fields.string()?),
        kind::STAT => Packet::to(id, kind::ATTRS).attrs(&Attrs {
            mode: Some(0o040_755),
            ..Attrs::default()
        }),
        kind::FSTAT => Packet::to(id, kind::ATTRS).attrs(&Attrs {
            size: Some(lengths.get(fields.string()?).copied().unwrap_or(0)),
            mode: Some(0o100_644),
            ..Attrs::default()
        }),
        _ => {
            if what == kind::WRITE {
                let (handle, offset) = (fields.string()?.to_vec(), fields.long()?);
                let end = offset + fields.string()?.len() as u64;
                let length = lengths.entry(handle).or_default();
                *length = end.max(*length);
            }
            Packet::to(id, kind::STATUS)
                .number(Code::Ok as u32)
                .string(b"")
                .string(b"")
        },
    })
}
