//! The terminal's language: bytes from it become keys, text going to it has a width. Pure.

pub mod keys;
pub mod width;
