//! One node's life: dialling, host key, authentication, the persistent shell and its framing.
//! Pure: bytes, results and times come in; bytes to send and wishes go out.

mod encode;

pub mod channel;
pub mod detach;
pub mod feed;
pub mod known_hosts;
pub mod life;
pub mod sftp;
pub mod shell;
