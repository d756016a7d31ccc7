//! File transfer over SFTP (version 3, draft-ietf-secsh-filexfer-02, and some of OpenSSH's
//! extensions): packets, the client's side of a channel, and what it takes to bring files to a node
//! and from there. Bytes come in and go out; files of this machine are wished for.

pub mod client;
pub mod digest;
pub mod download;
#[cfg(test)]
mod lab;
pub mod packet;
pub mod pattern;
pub mod plan;
pub mod upload;
