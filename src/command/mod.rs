//! THE command table, and everything that comes from it: prompt lines, the words of a one-shot run,
//! help, completion, the man page.
//!
//! A command is one entry of [`commands::COMMANDS`] and one variant of [`commands::Command`]; then
//! it exists in all of these. The program's own options are in [`options`], what `set` sets in
//! [`settings`]. Nothing here acts, and nothing here knows which nodes exist: a target stays the
//! text that was typed, for the target language to resolve before the command runs.

mod build;
pub mod cli;
pub mod commands;
pub mod complete;
pub mod completions;
pub mod dropins;
pub mod help;
mod layout;
pub mod man;
pub mod options;
pub mod parse;
pub mod settings;
pub mod table;
pub mod topics;
pub mod words;

pub use commands::{COMMANDS, Command, Copying, SecAction, To};
pub use parse::Line;
pub use settings::{SETTINGS, Settings};
pub use table::nearest_command;
