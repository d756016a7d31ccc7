//! stand-in
use super::life::HostKeyVerdict;
/// x
#[derive(Debug, Default)]
pub struct KnownHosts;
impl KnownHosts {
    /// x
    pub fn algorithms_for(&self, _: &str, _: u16) -> Vec<String> {
        Vec::new()
    }
    /// x
    pub fn verdict(&self, _: &str, _: u16, _: &[u8; 32]) -> HostKeyVerdict {
        HostKeyVerdict::New
    }
}
/// x
pub fn fingerprint(_: &[u8; 32]) -> String {
    String::new()
}
