//! Logging in: what may be tried, and the agent.

use super::faults::fault;
use super::{AuthMethods, AuthStatus, Fault, Methods, Path, Session, SshError, SshOption};

/// What the server lets us try next, after an attempt.
pub(super) fn methods(session: &Session) -> Methods {
    let list = session.userauth_list(None).unwrap_or(AuthMethods::empty());
    Methods {
        publickey: list.contains(AuthMethods::PUBLIC_KEY),
        password: list.contains(AuthMethods::PASSWORD),
        interactive: list.contains(AuthMethods::INTERACTIVE),
    }
}

/// Asks the agent at `socket` to log in: blocks, so it runs on a thread of its own. `Ok(None)`
/// means accepted.
pub fn login_by_agent(session: &Session, socket: &Path) -> Result<Option<Methods>, Fault> {
    let attempt = || -> Result<AuthStatus, SshError> {
        let socket = socket.to_string_lossy().replace('%', "%%");
        session.set_option(SshOption::IdentityAgent(Some(socket)))?;
        session.set_option(SshOption::Timeout(std::time::Duration::from_secs(60)))?;
        session.set_blocking(true);
        session.userauth_agent(None)
    };
    match attempt() {
        Ok(AuthStatus::Success) => Ok(None),
        Ok(_) => Ok(Some(methods(session))),
        Err(error) if session.is_connected() => {
            // No agent there, or one without keys: the next method may do.
            drop(error);
            let known = methods(session);
            Ok(Some(Methods {
                publickey: true,
                ..known
            }))
        },
        Err(error) => Err(fault(&error)),
    }
}
