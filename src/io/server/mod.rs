//! The server of a session: it has the prompt, the connections and the shells, and no terminal. The
//! terminals are its clients'.

mod channels;
mod client;
mod clients;
mod door;
mod hear;
mod kept;
mod leave;
mod lost;
mod queue;
mod start;

pub(super) use clients::{ClientId, Clients, News};
pub(super) use start::main;
