//! The only impure folder: it performs what the rest decides.

pub mod clock;
pub mod ssh;
pub mod sys;
