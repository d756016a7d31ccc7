//! stand-in
/// x
#[derive(Debug, Default)]
pub struct SshConfig;
