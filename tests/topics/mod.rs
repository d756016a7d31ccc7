//! One file a topic.

mod auth;
mod bad_nodes;
mod bad_text;
mod completions;
mod config;
mod crowds;
mod dropins;
#[cfg(feature = "ec2")]
mod ec2;
#[cfg(feature = "ec2")]
mod ec2_worker;
mod guards;
mod harness;
mod help;
mod hostkeys;
mod install;
mod jump;
mod linemode;
mod localshell;
mod log;
mod man;
mod oneshot;
mod picture;
mod prompt;
mod raw;
mod rawshells;
mod real_users;
mod record;
mod server;
mod shells;
mod ssh_config;
mod stdin;
mod targets_cli;
mod testbed;
mod transfer;
mod transfer_bad;
mod warm;
mod without_aws;
