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

/// The prompt of an incremental search, in readline's words, for `PromptView::prompt`.
pub fn search_prompt(query: &str, forward: bool, failed: bool) -> String {
    let failed = if failed { "failed " } else { "" };
    let direction = if forward {
        "i-search"
    } else {
        "reverse-i-search"
    };
    format!("({failed}{direction})`{query}': ")
}
