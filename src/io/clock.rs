//! The only place that reads the clock.

use crate::model::time::Wall;
use std::time::Instant;

/// The time now, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn unix_time() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// The time now, and how far the clocks here are ahead of UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall() -> Wall {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    Wall {
        millis: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        offset: super::sys::utc_offset(since.as_secs()),
    }
}

/// The time now, on the clock that never goes back.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Instant {
    Instant::now()
}

/// Does nothing for so long: in the loop, less than anybody notices.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(super) fn rest(time: std::time::Duration) {
    std::thread::sleep(time);
}
