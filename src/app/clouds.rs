//! Clusters of EC2 instances: what is asked, and what follows the answers.

use super::App;
use crate::cloud::News;
use std::time::Instant;

impl App {
    /// News of EC2.
    pub(super) fn cloud_news(&mut self, _now: Instant, _request: u64, news: News) {
        if let News::Failed(fault) = news {
            self.notice(&fault.text);
        }
    }
}
