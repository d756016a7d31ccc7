//! What is painted: the prompt, menus, tables, colours. Pure: values in, bytes and lines out.

pub mod columns;
mod frame;
mod painter;
pub mod style;
pub mod table;
#[cfg(test)]
mod tests;

pub use frame::PromptView;
pub use painter::{Painter, fresh_line};
