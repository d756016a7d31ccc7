//! One file a topic.

mod harness;
