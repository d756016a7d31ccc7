//! What nodes print, on its way to a person, a pipe or a program.
//!
//! Raw bytes come in, per node and in any chunks, after the shell's framing has taken away what is
//! not the command's own. [`Printer`] makes prefixed lines of them at once; [`Gather`] keeps them
//! whole, and [`report`] and [`diff`] show equal outputs once. On a terminal all of it goes through
//! [`Sanitiser`]. Everything appends to byte buffers that the caller writes where they belong:
//! output of nodes to standard output, notices ([`status`]) to standard error.

mod diff;
mod gather;
pub mod json;
mod lines;
mod log;
mod printer;
mod report;
mod sanitise;
mod secret;
pub mod status;
mod style;
mod trie;

pub use diff::diff;
pub use gather::{Gather, Group, Kept, Limits};
pub use lines::{LineAssembler, MAX_LINE, Waiting};
pub use log::{LogLines, Sign, is_other_log, log_head, log_name};
pub use printer::{Format, PALETTE, Printer};
pub use report::report;
pub use sanitise::{MAX_SEQUENCE, Sanitiser, clean};
pub use secret::asks_secret;
