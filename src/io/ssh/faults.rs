//! What libssh's errors mean.

use super::{Fault, SshError, Step};

pub(super) fn again(error: &SshError) -> Result<Step, Fault> {
    match error {
        SshError::TryAgain => Ok(Step::Wait),
        error => Err(fault(error)),
    }
}

pub(super) fn ended(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "disconnected",
        "reset by peer",
        "closed",
        "broken pipe",
        "remote host",
        "socket error",
    ]
    .iter()
    .any(|word| text.contains(word))
}

pub(super) fn fault(error: &SshError) -> Fault {
    let text = explain(error);
    let lower = text.to_ascii_lowercase();
    // The peer's own words of farewell are an answer; a closed socket is not.
    if ended(&text) && !lower.contains("ssh_msg_disconnect") {
        let closed = lower.contains("disconnected");
        let what = if closed {
            String::new()
        } else {
            format!(" ({text})")
        };
        Fault::Dropped(format!("the connection was closed{what}"))
    } else {
        Fault::Protocol(text)
    }
}

pub(super) fn explain(error: &SshError) -> String {
    match error {
        SshError::RequestDenied(text) | SshError::Fatal(text) => text.trim().to_owned(),
        SshError::TryAgain => "try again".to_owned(),
        other @ SshError::Sftp(_) => other.to_string(),
    }
}
