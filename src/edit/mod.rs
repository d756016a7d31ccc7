//! The line editor: keys and a history in, a line and events out. Pure; `ui` paints it.

pub mod complete;
mod editor;
pub mod history;
mod kill;
mod menu;
mod search;
mod secret;
#[cfg(test)]
mod tests;
mod undo;
mod walk;

pub use editor::{EditEvent, Editor, LINE_MAX};
pub use menu::MenuView;
pub use search::SearchView;
pub use secret::{SecretEvent, SecretLine};
