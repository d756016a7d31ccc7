//! The terminal's language: bytes from it become keys, text going to it has a width, and what
//! programs send makes a screen. Pure.

pub mod cast;
pub mod keys;
pub mod screen;
pub mod width;
