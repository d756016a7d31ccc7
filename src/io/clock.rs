//! The only place that reads the clock.

use std::time::Instant;

/// The time now, on the clock that never goes back.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Instant {
    Instant::now()
}
